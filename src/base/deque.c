/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of records that doubles when full and goes when empty. */
#include "base/deque.h"

#include <assert.h>
#include <string.h>

enum { CAPACITY_MIN = 4 };

void deque_init(struct deque *d, uint32_t item_size) {
    assert(item_size > 0 && item_size <= UINT16_MAX);
    *d = (struct deque){.item_size = (uint16_t)item_size};
}

void deque_free(struct deque *d, struct mem *mem) {
    mem_free(mem, d->items, (size_t)d->capacity * d->item_size);
    deque_init(d, d->item_size);
}

/* Makes room for one more; the records end up at the start of the new array. */
static bool make_room(struct deque *d, struct mem *mem) {
    if (d->count < d->capacity)
        return true;
    if (d->capacity == DEQUE_MAX)
        return false;
    uint32_t capacity = d->capacity ? d->capacity * 2 : CAPACITY_MIN;
    uint8_t *items = mem_realloc(mem, NULL, 0, (size_t)capacity * d->item_size);
    if (!items)
        return false;
    if (d->count) {
        size_t to_end = (size_t)(d->capacity - d->head) * d->item_size, from_start = (size_t)d->head * d->item_size;
        memcpy(items, d->items + from_start, to_end);
        memcpy(items + to_end, d->items, from_start);
    }
    mem_free(mem, d->items, (size_t)d->capacity * d->item_size);
    d->items = items;
    d->capacity = (uint16_t)capacity;
    d->head = 0;
    return true;
}

static void move(struct deque *d, uint32_t to, uint32_t from) {
    memcpy(deque_at(d, to), deque_at(d, from), d->item_size);
}

void *deque_push(struct deque *d, struct mem *mem) {
    if (!make_room(d, mem))
        return NULL;
    return memset(deque_at(d, d->count++), 0, d->item_size);
}

void *deque_insert(struct deque *d, struct mem *mem, uint32_t i) {
    assert(i <= d->count);
    if (!make_room(d, mem))
        return NULL;
    if (i < d->count - i) {
        d->head = (uint16_t)((d->head - 1u) & (d->capacity - 1u));
        for (uint32_t k = 0; k < i; k++)
            move(d, k, k + 1);
    } else {
        for (uint32_t k = d->count; k > i; k--)
            move(d, k, k - 1);
    }
    d->count++;
    return memset(deque_at(d, i), 0, d->item_size);
}

static void shrink(struct deque *d, struct mem *mem) {
    if (--d->count == 0)
        deque_free(d, mem);
}

void deque_remove(struct deque *d, struct mem *mem, uint32_t i) {
    assert(i < d->count);
    if (i < d->count - i - 1) {
        for (uint32_t k = i; k > 0; k--)
            move(d, k, k - 1);
        d->head = (d->head + 1) & (d->capacity - 1);
    } else {
        for (uint32_t k = i; k + 1 < d->count; k++)
            move(d, k, k + 1);
    }
    shrink(d, mem);
}

void deque_pop_front(struct deque *d, struct mem *mem) {
    assert(d->count > 0);
    d->head = (d->head + 1) & (d->capacity - 1);
    shrink(d, mem);
}
