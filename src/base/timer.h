/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One queue of deadlines for a whole stack. A timer is a named field of the object that it belongs to; `kind` tells the
 * owner of the queue which handler it means, and container_of() finds the object.
 *
 * Moving a timer to a later time, which every acknowledgment does, is a store: the heap keeps the earlier key and puts
 * the timer right when that comes up. An object without an armed timer costs the queue nothing.
 */
#ifndef UMPTCP_BASE_TIMER_H
#define UMPTCP_BASE_TIMER_H

#include "base/clock.h"
#include "base/mem.h"

struct timer {
    utime at;      /* UMPTCP_NEVER: not armed */
    uint32_t slot; /* place in the heap + 1; 0: not in it */
    uint16_t kind;
};

struct timer_entry {
    utime key; /* not after the timer's `at` */
    struct timer *timer;
};

struct timers {
    struct mem *mem;
    struct timer_entry *heap;
    uint32_t count, reserved, capacity; /* count <= reserved <= capacity */
};

void timers_init(struct timers *q, struct mem *mem);
void timers_free(struct timers *q);
/*
 * Makes sure that `n` timers fit, so that timer_set() cannot fail: whoever creates an object with timers reserves for
 * them first (and gives back with a negative `n`, when they are disarmed). Returns 0 or -ENOMEM; giving back never
 * fails.
 */
int timers_reserve(struct timers *q, int n);
void timer_init(struct timer *t, uint16_t kind);
/* Arms or moves a timer; UMPTCP_NEVER disarms it. An armed timer is known by its address: it must not move or go. */
void timer_set(struct timers *q, struct timer *t, utime at);
void timer_cancel(struct timers *q, struct timer *t);
static inline bool timer_armed(const struct timer *t) { return !time_is_never(t->at); }
/* The earliest deadline; UMPTCP_NEVER when no timer is armed. */
utime timers_next(const struct timers *q);
/* Takes out and disarms the earliest timer that is due at `now`; NULL when none is. */
struct timer *timers_pop(struct timers *q, utime now);
/* True when no timer is armed. */
bool timers_idle(const struct timers *q);

#endif
