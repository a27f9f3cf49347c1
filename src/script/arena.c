/* SPDX-License-Identifier: BSD-3-Clause */
/* A chain of blocks; the newest is filled from its start. What is larger than a block gets one of its own. */
#include "script/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 8192, ALIGNMENT = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char data[];
};

static _Noreturn void out_of_memory(void) {
    (void)fputs("out of memory\n", stderr);
    abort();
}

static struct arena_block *block_new(struct arena *a, size_t size) {
    struct arena_block *block = size < SIZE_MAX - sizeof *block ? calloc(1, sizeof *block + size) : NULL;
    if (!block)
        out_of_memory();
    block->size = size;
    block->next = a->blocks;
    a->blocks = block;
    return block;
}

void *arena_alloc(struct arena *a, size_t size) {
    if (size > SIZE_MAX - ALIGNMENT)
        out_of_memory();
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_block *block = a->blocks;
    if (!block || block->size - block->used < size)
        block = block_new(a, size > BLOCK_SIZE ? size : BLOCK_SIZE);
    void *at = block->data + block->used;
    block->used += size;
    return at;
}

char *arena_text(struct arena *a, const char *text, size_t len) {
    char *copy = arena_alloc(a, len + 1);
    if (len)
        memcpy(copy, text, len);
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(a, len > 0 ? (size_t)len + 1 : 1);
    if (len > 0)
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

void arena_free(struct arena *a) {
    while (a->blocks) {
        struct arena_block *block = a->blocks;
        a->blocks = block->next;
        free(block);
    }
}
