/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A double-ended queue of fixed-size records in one array (a ring), indexed from the front. Records are plain values;
 * pointers to them are valid until the next insertion or removal. Holds no memory when empty.
 */
#ifndef UMPTCP_BASE_DEQUE_H
#define UMPTCP_BASE_DEQUE_H

#include "base/mem.h"

enum { DEQUE_MAX = 32768 };

struct deque {
    uint8_t *items;
    uint16_t head, count, capacity; /* capacity: a power of two, at most DEQUE_MAX */
    uint16_t item_size;
};

void deque_init(struct deque *d, uint32_t item_size);
void deque_free(struct deque *d, struct mem *mem);
static inline void *deque_at(const struct deque *d, uint32_t i) {
    return d->items + (size_t)((d->head + i) & (d->capacity - 1)) * d->item_size;
}
/* NULL when empty. */
static inline void *deque_front(const struct deque *d) { return d->count ? deque_at(d, 0) : NULL; }
static inline void *deque_back(const struct deque *d) { return d->count ? deque_at(d, d->count - 1) : NULL; }
/* Appends a zeroed record and returns it; NULL without memory, or when DEQUE_MAX records are there. */
void *deque_push(struct deque *d, struct mem *mem);
/* Inserts a zeroed record so that it gets index `i` (at most count) and returns it; NULL without memory. */
void *deque_insert(struct deque *d, struct mem *mem, uint32_t i);
/* Removes the record at index `i` (the shorter side moves). Never fails; frees the array with the last record. */
void deque_remove(struct deque *d, struct mem *mem, uint32_t i);
void deque_pop_front(struct deque *d, struct mem *mem);

#endif
