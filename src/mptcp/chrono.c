/* SPDX-License-Identifier: BSD-3-Clause */
/* What limits a sender: how long there was something to send, and how much of that it waited for the peer's window, or
 * for an application whose buffer was too small. */
#include "mptcp/conn.h"

static uint32_t clock_ms(const struct conn *c) { return (uint32_t)(c->mp->env->now.ns / MSEC(1)); }

static enum chrono judge(const struct conn *c) {
    const bool unsent = !dsn_eq(c->snd_nxt, c->write_seq);
    if (!unsent && dsn_eq(c->snd_una, c->snd_nxt))
        return CHRONO_COUNT;
    if (unsent)
        return c->window_limited ? CHRONO_RWND : CHRONO_BUSY;
    if (!c->want_write)
        return CHRONO_BUSY;
    list_for_each (n, &c->subflows) /* one that is full of what was sent would not take more */
        if (subflow_usable(subflow_of(n)) && tcp_room(&subflow_of(n)->tcb, UINT32_MAX))
            return CHRONO_SNDBUF;
    return CHRONO_BUSY;
}

void conn_chrono(struct conn *c) {
    const enum chrono now = judge(c);
    struct conn_chrono *t = &c->chrono;
    if (now == t->now)
        return;
    if (t->now < CHRONO_COUNT)
        t->ms[t->now] += clock_ms(c) - t->since;
    t->now = (uint8_t)now;
    t->since = clock_ms(c);
}

dur conn_chrono_read(const struct conn *c, enum chrono what) {
    const uint32_t open = c->chrono.now == what ? clock_ms(c) - c->chrono.since : 0;
    return MSEC((uint64_t)c->chrono.ms[what] + open);
}
