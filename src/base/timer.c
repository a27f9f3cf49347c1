/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A heap of deadlines with four children per node (half the depth of a binary one, and the children share a cache
 * line).
 *
 * Invariants, between calls:
 *   - a timer is in the heap exactly when it is armed, and knows its slot;
 *   - an entry's key is not after its timer's `at`: it is earlier when the timer was moved to a later time since;
 *   - the root's key is exact, so the earliest deadline is a look. A timer that was moved later is put right when it
 * gets to the root: once per passing of its old deadline, however often it was moved.
 */
#include "base/timer.h"

#include <assert.h>
#include <errno.h>

enum { ARITY = 4, CAPACITY_MIN = 8 };

static void put(struct timers *q, uint32_t i, struct timer_entry e) {
    q->heap[i] = e;
    e.timer->slot = i + 1;
}

/* Places `e` in the hole at `i` or above. */
static void sift_up(struct timers *q, uint32_t i, struct timer_entry e) {
    while (i > 0) {
        uint32_t parent = (i - 1) / ARITY;
        if (!time_before(e.key, q->heap[parent].key))
            break;
        put(q, i, q->heap[parent]);
        i = parent;
    }
    put(q, i, e);
}

/* Places `e` in the hole at `i` or below. */
static void sift_down(struct timers *q, uint32_t i, struct timer_entry e) {
    for (;;) {
        uint64_t child = (uint64_t)i * ARITY + 1;
        if (child >= q->count)
            break;
        uint32_t least = (uint32_t)child;
        for (uint64_t c = child + 1; c < child + ARITY && c < q->count; c++)
            if (time_before(q->heap[c].key, q->heap[least].key))
                least = (uint32_t)c;
        if (!time_before(q->heap[least].key, e.key))
            break;
        put(q, i, q->heap[least]);
        i = least;
    }
    put(q, i, e);
}

/* Makes the root's key exact. */
static void settle(struct timers *q) {
    while (q->count && time_before(q->heap[0].key, q->heap[0].timer->at))
        sift_down(q, 0, (struct timer_entry){q->heap[0].timer->at, q->heap[0].timer});
}

void timers_init(struct timers *q, struct mem *mem) { *q = (struct timers){.mem = mem}; }

void timers_free(struct timers *q) {
    mem_free(q->mem, q->heap, q->capacity * sizeof *q->heap);
    timers_init(q, q->mem);
}

static int resize(struct timers *q, uint32_t capacity) {
    struct timer_entry *heap = mem_realloc(q->mem, q->heap, q->capacity * sizeof *q->heap, capacity * sizeof *q->heap);
    if (!heap)
        return -ENOMEM;
    q->heap = heap;
    q->capacity = capacity;
    return 0;
}

/* An idle object is to cost little: a quarter of room to grow, and not twice the size. */
static uint32_t capacity_for(uint32_t reserved) {
    uint32_t capacity = reserved + reserved / 4;
    return capacity > CAPACITY_MIN ? capacity : CAPACITY_MIN;
}

static void give_back(struct timers *q, uint32_t n) {
    assert(n <= q->reserved && q->count <= q->reserved - n);
    q->reserved -= n;
    if (q->reserved == 0)
        timers_free(q);
    else if (q->reserved < q->capacity / 2 && capacity_for(q->reserved) < q->capacity)
        (void)resize(q, capacity_for(q->reserved)); /* a heap that stays large is harmless */
}

int timers_reserve(struct timers *q, int n) {
    if (n < 0) {
        give_back(q, 0u - (uint32_t)n);
        return 0;
    }
    uint32_t reserved = q->reserved + (uint32_t)n;
    assert(reserved <= UINT32_MAX / 2);
    if (reserved > q->capacity && resize(q, capacity_for(reserved)))
        return -ENOMEM;
    q->reserved = reserved;
    return 0;
}

void timer_init(struct timer *t, uint16_t kind) { *t = (struct timer){.at = UMPTCP_NEVER, .kind = kind}; }

void timer_set(struct timers *q, struct timer *t, utime at) {
    if (time_is_never(at)) {
        timer_cancel(q, t);
        return;
    }
    t->at = at;
    if (!t->slot) {
        assert(q->count < q->reserved);
        sift_up(q, q->count++, (struct timer_entry){at, t});
        return;
    }
    uint32_t i = t->slot - 1;
    assert(i < q->count && q->heap[i].timer == t);
    if (time_before(at, q->heap[i].key))
        sift_up(q, i, (struct timer_entry){at, t});
    else if (i == 0)
        settle(q);
}

void timer_cancel(struct timers *q, struct timer *t) {
    if (!t->slot)
        return;
    uint32_t i = t->slot - 1;
    assert(i < q->count && q->heap[i].timer == t);
    t->at = UMPTCP_NEVER;
    t->slot = 0;
    struct timer_entry last = q->heap[--q->count];
    if (i == q->count)
        return;
    if (i > 0 && time_before(last.key, q->heap[(i - 1) / ARITY].key))
        sift_up(q, i, last);
    else
        sift_down(q, i, last);
    settle(q);
}

utime timers_next(const struct timers *q) { return q->count ? q->heap[0].key : UMPTCP_NEVER; }

struct timer *timers_pop(struct timers *q, utime now) {
    if (!q->count || time_before(now, q->heap[0].key))
        return NULL;
    struct timer *t = q->heap[0].timer;
    timer_cancel(q, t);
    return t;
}

bool timers_idle(const struct timers *q) { return q->count == 0; }
