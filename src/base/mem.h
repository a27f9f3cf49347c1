/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory budget of one stack. Every byte the engine holds goes through here: it is counted, bounded by `limit`, and
 * comes from the caller's allocator, so that a test can make the n-th allocation fail.
 */
#ifndef UMPTCP_BASE_MEM_H
#define UMPTCP_BASE_MEM_H

#include "base/list.h"
#include "umptcp.h"

struct mem {
    umptcp_alloc_fn fn;
    void *ctx;
    size_t used, limit; /* limit 0: none */
    uint64_t failures;  /* requests refused, by the limit or by the allocator */
    struct list spare;  /* who holds what could be had again, the oldest first: see struct tcp_ofo */
};

/* `fn` NULL: the C library's realloc and free. */
void mem_init(struct mem *m, umptcp_alloc_fn fn, void *ctx, size_t limit);
/*
 * The last quarter of the budget is near. It is for bytes in order: the application can read those, and so make room.
 * Were all of it full of bytes behind a hole, or of promises, nothing could go on.
 */
static inline bool mem_tight(const struct mem *m) { return m->limit && m->used > m->limit - m->limit / 4; }
/* Zeroed memory, or NULL. Sizes are never 0 here. */
void *mem_alloc(struct mem *m, size_t size);
/* As realloc: contents kept up to the smaller size, the rest not zeroed. NULL (old block untouched) on failure.
 * `ptr` NULL with `old_size` 0: fresh memory, not zeroed. */
void *mem_realloc(struct mem *m, void *ptr, size_t old_size, size_t size);
/* `size` must be what was allocated. NULL is fine. */
void mem_free(struct mem *m, void *ptr, size_t size);

#endif
