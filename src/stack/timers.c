/* SPDX-License-Identifier: BSD-3-Clause */
/* Time: one queue of deadlines for all objects of the stack; a timer's kind says what object it is a part of. */
#include <assert.h>

#include "stack/stack.h"

enum owner { OWNER_SUBFLOW = 1, OWNER_CONN, OWNER_FRAGS };

static const struct {
    enum owner owner;
    size_t offset; /* of the timer in its owner */
} kinds[TIMER_KINDS] = {
    [TIMER_TCP] = {OWNER_SUBFLOW, offsetof(struct subflow, tcb.timer)},
    [TIMER_CONN] = {OWNER_CONN, offsetof(struct conn, timer)},
    [TIMER_FRAGS] = {OWNER_FRAGS, offsetof(struct frags, timer)},
};

static void timeout(struct timer *t) {
    assert(t->kind < TIMER_KINDS);
    void *owner = (char *)t - kinds[t->kind].offset;
    switch (kinds[t->kind].owner) {
    case OWNER_SUBFLOW:
        subflow_timeout(owner);
        break;
    case OWNER_CONN:
        conn_timeout(owner);
        break;
    case OWNER_FRAGS:
        frags_timeout(owner);
        break;
    }
}

void umptcp_tick(struct umptcp *s, struct umptcp_time now) {
    struct timer *t;
    stack_enter(s, now);
    while ((t = timers_pop(&s->env.timers, s->env.now)))
        timeout(t);
    stack_finish(s);
}

struct umptcp_time umptcp_next(const struct umptcp *s) {
    bool waiting = !list_empty(&s->mp.ready) || s->replies.queue.count;
    return waiting ? s->env.now : timers_next(&s->env.timers);
}
