/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reliability of the connection (RFC 8684 3.3.2, 3.3.6): DATA_ACKs free bytes, and what a path holds up is sent on
 * another. The timer over all of it is in timers.c.
 */
#include "mptcp/conn.h"
#include "mptcp/marks.h"

void reinject_subflow(struct subflow *sf, bool acked) {
    struct conn *c = sf->conn;
    struct mem *mem = &c->mp->env->mem;
    if (!conn_is_mptcp(c) || c->state == UMPTCP_CLOSED)
        return;
    for (uint32_t i = 0; i < sf->tx_maps.count; i++) {
        const struct tx_map *m = deque_at(&sf->tx_maps, i);
        struct dsn start = dsn_max(m->dsn, c->snd_una), end = dsn_add(m->dsn, m->len);
        if (!acked && ssn_lt(m->ssn, sf->tcb.snd_una))
            start = dsn_max(start, dsn_add(m->dsn, ssn_sub(sf->tcb.snd_una, m->ssn)));
        if (dsn_lt(start, end) && ranges_add(&c->reinject, mem, start.v, end.v))
            break; /* the data-level timer comes back to it */
    }
    conn_ready(c);
}

void subflow_set_stale(struct subflow *sf, bool stale) {
    struct conn *c = sf->conn;
    if (sf->stale == stale)
        return;
    sf->stale = stale;
    subflow_couple(sf);
    mib_inc(&c->mp->env->mib, stale ? MIB_SUBFLOW_STALE : MIB_SUBFLOW_RECOVER);
    conn_path_event(c, &(struct conn_path_event){.type = stale ? UMPTCP_EV_SUBFLOW_STALE : UMPTCP_EV_SUBFLOW_ALIVE,
                                                 .subflow = sf->number});
    conn_ready(c);
}

/* [snd_una, ack) was received by the other end. */
static void data_acked(struct conn *c, struct dsn ack) {
    struct env *env = c->mp->env;
    c->snd_una = ack;
    c->small_end = dsn_max(c->small_end, ack);
    if (c->more && !c->cork && !dsn_eq(c->snd_nxt, c->write_seq))
        c->cork_out = true; /* MSG_MORE is about that call, not about what the network brings after it */
    bytebuf_advance(&c->sndbuf, &env->chunks, ack.v, c->write_seq.v + c->reserved);
    ranges_remove_below(&c->reinject, &env->mem, ack.v);
    list_for_each (n, &c->subflows)
        tx_map_acked(subflow_of(n), subflow_of(n)->tcb.snd_una);
    c->rtx_backoff = c->rtx_rounds = c->futile = 0;
    c->rtx_since = env->now;
    c->last_progress = env->now;
    conn_marks_acked(c);
    conn_tune_sndbuf(c);
    conn_offer_room(c);
}

void conn_data_ack(struct conn *c, struct dsn ack, uint64_t wnd) {
    bool fin = c->data_fin_sent && dsn_eq(ack, dsn_add(c->write_seq, 1));
    if (fin)
        ack = c->write_seq;
    if (c->state == UMPTCP_CLOSED || dsn_lt(c->snd_nxt, ack))
        return;
    struct dsn edge = dsn_add(ack, wnd); /* a promise, whenever it was made: the largest counts (3.3.5) */
    if (dsn_lt(c->wnd_edge, edge)) {
        c->wnd_edge = edge;
        conn_ready(c);
    }
    bool progress = dsn_lt(c->snd_una, ack);
    if (progress)
        data_acked(c, ack);
    if (fin && !c->data_fin_acked) {
        c->data_fin_acked = true;
        progress = true;
    }
    if (progress) {
        conn_restart_rtx(c);
        conn_ready(c);
    }
}
