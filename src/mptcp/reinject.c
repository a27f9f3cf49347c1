/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reliability of the connection (RFC 8684 3.3.2, 3.3.6): DATA_ACKs free bytes, what a path holds up is sent on another,
 * and a timer over all of it sees to what subflows alone cannot know - a DATA_FIN, a closed window, bytes that a proxy
 * acknowledged and lost.
 */
#include <errno.h>

#include "mptcp/conn.h"

enum { RTX_BACKOFF_MAX = 8 };

void reinject_subflow(struct subflow *sf) {
    struct conn *c = sf->conn;
    struct mem *mem = &c->mp->env->mem;
    if (!conn_is_mptcp(c) || c->state == UMPTCP_CLOSED)
        return;
    for (uint32_t i = 0; i < sf->tx_maps.count; i++) {
        const struct tx_map *m = deque_at(&sf->tx_maps, i);
        struct dsn start = dsn_max(m->dsn, c->snd_una), end = dsn_add(m->dsn, m->len);
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
    mib_inc(&c->mp->env->mib, stale ? MIB_SUBFLOW_STALE : MIB_SUBFLOW_RECOVER);
    conn_path_event(c, &(struct conn_path_event){.type = stale ? UMPTCP_EV_SUBFLOW_STALE : UMPTCP_EV_SUBFLOW_ALIVE,
                                                 .subflow = sf->number});
    conn_ready(c);
}

/* [snd_una, ack) was received by the other end. */
static void data_acked(struct conn *c, struct dsn ack) {
    struct env *env = c->mp->env;
    c->snd_una = ack;
    bytebuf_advance(&c->sndbuf, &env->chunks, ack.v, c->write_seq.v + c->reserved);
    ranges_remove_below(&c->reinject, &env->mem, ack.v);
    c->rtx_backoff = c->rtx_rounds = 0;
    c->rtx_since = env->now;
    c->last_progress = env->now;
    conn_tune_sndbuf(c);
    if (c->want_write && conn_send_room(c) >= c->sndbuf_size / 3) {
        c->want_write = false;
        conn_notify(c, NOTIFY_WRITABLE);
    }
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
        conn_arm_rtx(c);
        conn_ready(c);
    }
}

/* ---- The timer -----------------------------------------------------------------------------------------------------
 */

static bool waits_for_data_ack(const struct conn *c) {
    return conn_is_mptcp(c) && (!dsn_eq(c->snd_una, c->snd_nxt) || (c->data_fin_sent && !c->data_fin_acked));
}

static bool waits_for_window(const struct conn *c) {
    return dsn_eq(c->snd_una, c->snd_nxt) && !dsn_eq(c->snd_nxt, c->write_seq);
}

dur conn_longest_rto(const struct conn *c) {
    const struct umptcp_config *cfg = &c->mp->env->cfg;
    dur longest = cfg->rto_min;
    list_for_each (n, &c->subflows) {
        const struct subflow *sf = subflow_of(n);
        dur rto = rtt_rto_base(&sf->tcb.rtt, cfg->rto_min, cfg->rto_max);
        if (sf->state == SF_ACTIVE && !sf->stale && rto > longest)
            longest = rto;
    }
    return longest;
}

static dur rtx_interval(const struct conn *c) {
    dur t = conn_longest_rto(c) << c->rtx_backoff, most = c->mp->env->cfg.rto_max;
    return t < most ? t : most;
}

void conn_arm_rtx(struct conn *c) {
    struct env *env = c->mp->env;
    bool needed = c->state != UMPTCP_CLOSED && (waits_for_data_ack(c) || waits_for_window(c));
    if (needed && time_is_never(c->due[DUE_RTX])) {
        c->rtx_since = env->now;
        c->rtx_rounds = 0;
    }
    utime at = needed ? time_add(env->now, rtx_interval(c)) : UMPTCP_NEVER;
    if (needed && c->user_timeout)
        at = time_min(at, time_max(time_add(c->rtx_since, c->user_timeout), time_add(env->now, 1)));
    conn_set_due(c, DUE_RTX, at);
}

/* A subflow in good health has byte `dsn` in flight: it will see to it. */
static bool in_good_hands(const struct conn *c, struct dsn dsn) {
    list_for_each (n, &c->subflows) {
        const struct subflow *sf = subflow_of(n);
        if ((sf->state != SF_ACTIVE && sf->state != SF_CLOSING) || sf->stale || sf->timeouts || !sf->tx_maps.count)
            continue;
        for (uint32_t i = 0; i < sf->tx_maps.count; i++) {
            const struct tx_map *m = deque_at(&sf->tx_maps, i);
            if (dsn_le(m->dsn, dsn) && dsn_lt(dsn, dsn_add(m->dsn, m->len)))
                return true;
        }
    }
    return false;
}

static void data_timeout(struct conn *c) {
    struct mem *mem = &c->mp->env->mem;
    if (!dsn_eq(c->snd_una, c->snd_nxt)) {
        uint64_t len = dsn_sub(c->snd_nxt, c->snd_una);
        if (len > TCP_SUPER_MAX)
            len = TCP_SUPER_MAX;
        if (conn_is_mptcp(c) && !in_good_hands(c, c->snd_una))
            (void)ranges_add(&c->reinject, mem, c->snd_una.v, c->snd_una.v + len); /* else the next time */
        return;
    }
    list_for_each (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->state != SF_ACTIVE)
            continue;
        if (c->data_fin_sent && !c->data_fin_acked) {
            sf->keys_said = false; /* perhaps it was the third ACK that got lost */
            sf->signals |= SIG_DATA_FIN;
            tcp_ack_now(&sf->tcb);
        } else if (!sf->stale) {
            mib_inc(&c->mp->env->mib, MIB_WIN_PROBE);
            tcp_probe(&sf->tcb);
        }
    }
}

/*
 * Whether the peer had its time (RFC 9293 3.8.3). A closed window may last as long as probes are answered (3.8.6.1),
 * but not for a connection that the application gave up.
 */
static bool out_of_patience(const struct conn *c) {
    const struct env *env = c->mp->env;
    if (c->user_timeout && time_since(env->now, c->rtx_since) >= c->user_timeout)
        return true;
    return c->rtx_rounds > (c->orphan ? ORPHAN_ROUNDS : env->cfg.retries2);
}

static void rtx_timeout(struct conn *c) {
    if (out_of_patience(c)) {
        mib_inc(&c->mp->env->mib, MIB_TCP_ABORT_ON_TIMEOUT);
        conn_abort(c, ETIMEDOUT);
        return;
    }
    data_timeout(c);
    c->rtx_rounds += c->rtx_rounds < UINT8_MAX;
    c->rtx_backoff += c->rtx_backoff < RTX_BACKOFF_MAX;
    conn_arm_rtx(c);
}

void conn_answered(struct conn *c) {
    if (!c->orphan)
        c->rtx_rounds = 0;
}

/* Takes a deadline off the list when it is due. */
static bool take_due(struct conn *c, enum conn_due what) {
    if (time_before(c->mp->env->now, c->due[what]))
        return false;
    if (what != DUE_RTX)
        conn_set_due(c, what, UMPTCP_NEVER);
    return true;
}

void conn_timeout(struct conn *c) {
    if (take_due(c, DUE_RTX))
        rtx_timeout(c);
    if (take_due(c, DUE_AGAIN))
        c->cork_out = c->cork;
    if (take_due(c, DUE_PATH))
        conn_path_timeout(c);
    if (take_due(c, DUE_LIFE))
        conn_abort(c, ETIMEDOUT);
    else /* the timer stood for the nearest: the others wait on */
        conn_set_due(c, DUE_LIFE, c->due[DUE_LIFE]);
    conn_ready(c);
    close_advance(c);
}
