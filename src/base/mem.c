/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory budget: counts, bounds, and hands on to the allocator. */
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *libc_alloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    (void)ctx;
    (void)old_size;
    if (size)
        return realloc(ptr, size);
    free(ptr);
    return NULL;
}

void mem_init(struct mem *m, umptcp_alloc_fn fn, void *ctx, size_t limit) {
    *m = (struct mem){.fn = fn ? fn : libc_alloc, .ctx = ctx, .limit = limit};
    list_init(&m->spare);
}

static bool fits(const struct mem *m, size_t more) {
    return !m->limit || !more || (m->used <= m->limit && more <= m->limit - m->used);
}

void *mem_realloc(struct mem *m, void *ptr, size_t old_size, size_t size) {
    assert(size > 0 && (ptr ? old_size > 0 && old_size <= m->used : old_size == 0));
    void *block = fits(m, size > old_size ? size - old_size : 0) ? m->fn(m->ctx, ptr, old_size, size) : NULL;
    if (!block) {
        m->failures++;
        return NULL;
    }
    m->used = m->used - old_size + size;
    return block;
}

void *mem_alloc(struct mem *m, size_t size) {
    void *block = mem_realloc(m, NULL, 0, size);
    if (block)
        memset(block, 0, size);
    return block;
}

void mem_free(struct mem *m, void *ptr, size_t size) {
    if (!ptr)
        return;
    assert(size > 0 && size <= m->used);
    m->used -= size;
    m->fn(m->ctx, ptr, size, 0);
}
