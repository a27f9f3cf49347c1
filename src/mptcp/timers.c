/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a connection waits for (enum conn_due), with one timer for the nearest of it:
 *
 *   rtx     the peer: what subflows alone cannot know of - a DATA_FIN, a closed window, bytes that a proxy acknowledged
 *           and lost (RFC 8684 3.3.6). It runs from the oldest thing that waits: traffic does not put it off, only
 *           progress does (RFC 6298 5.1, 5.3), and it doubles with each round
 *   alone   another subflow, when the last one is gone
 *   linger  the peer's end, when nobody reads any more (FIN-WAIT-2); the answer to MP_FASTCLOSE on an ACK
 *   again   memory, or company for a corked byte
 *   path    address.c: announcements, joins, probes, the path manager
 *
 * A connection whose peer is silent is given up (RFC 9293 3.8.3), as in tcp/timers.c: there for what TCP has in flight,
 * here for what it does not.
 */
#include <errno.h>

#include "mptcp/conn.h"

enum { RTX_BACKOFF_MAX = 8, BARE_ROUNDS = 3 };

/* ---- Deadlines -----------------------------------------------------------------------------------------------------
 */

void conn_set_due(struct conn *c, enum conn_due what, utime at) {
    utime nearest = c->due[what] = at;
    for (int i = 0; i < DUE_COUNT; i++)
        nearest = time_min(nearest, c->due[i]);
    timer_set(&c->mp->env->timers, &c->timer, nearest);
}

/* True, once, when its time has come. */
static bool take_due(struct conn *c, enum conn_due what) {
    if (time_before(c->mp->env->now, c->due[what]))
        return false;
    conn_set_due(c, what, UMPTCP_NEVER);
    return true;
}

void conn_try_again(struct conn *c) {
    const struct env *env = c->mp->env;
    conn_set_due(c, DUE_AGAIN, time_add(env->now, env->cfg.rto_min));
}

/* ---- The peer ------------------------------------------------------------------------------------------------------
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

void conn_restart_rtx(struct conn *c) {
    const struct env *env = c->mp->env;
    bool needed = c->state != UMPTCP_CLOSED && (waits_for_data_ack(c) || waits_for_window(c));
    utime at = needed ? time_add(env->now, rtx_interval(c)) : UMPTCP_NEVER;
    if (needed && c->user_timeout_ms)
        at = time_min(at, time_max(time_add(c->rtx_since, MSEC(c->user_timeout_ms)), time_add(env->now, 1)));
    conn_set_due(c, DUE_RTX, at);
}

void conn_arm_rtx(struct conn *c) {
    if (!time_is_never(c->due[DUE_RTX]))
        return;
    c->rtx_since = c->mp->env->now;
    c->rtx_backoff = c->rtx_rounds = 0;
    conn_restart_rtx(c);
}

/* A subflow in good health has byte `dsn` in flight: it will see to it. */
static bool in_good_hands(const struct conn *c, struct dsn dsn) {
    list_for_each (n, &c->subflows) {
        const struct subflow *sf = subflow_of(n);
        bool open = sf->state == SF_ACTIVE || sf->state == SF_CLOSING;
        if (open && !sf->stale && !sf->timeouts && tx_map_carries(sf, dsn))
            return true;
    }
    return false;
}

/*
 * Acknowledgments of TCP go on, but without DATA_ACKs: the peer became plain TCP, or something on the path strips
 * options now. To a peer that is plain TCP, bytes sent again with other numbers would be new ones: so this end becomes
 * plain TCP as well, as long as it can (RFC 8684 3.7).
 */
static void went_bare(struct subflow *sf) {
    if (fallback_possible(sf->conn) || sf->conn->rtx_backoff >= BARE_ROUNDS)
        (void)fallback_now(sf, MIB_DSS_FALLBACK, MPRST_MIDDLEBOX);
    else
        tcp_probe(&sf->tcb);
}

/*
 * Whether bytes may be sent a second time, at other positions of a subflow. A peer that had no second subflow may have
 * become plain TCP without a word that got through, and to it they would be new bytes. So there must be proof that the
 * peer took them as a part of MPTCP and lost them: a DATA_ACK that stops short of them, in a segment in which TCP
 * acknowledges their whole mapping. No peer says that and becomes TCP by itself later (may_data_ack(), `gap_said`).
 */
static bool known_lost(const struct conn *c, struct dsn dsn) {
    const struct subflow *sf = conn_first(c);
    return c->join_up || !sf || tx_map_all_before(sf, dsn, c->told_una);
}

/* The oldest bytes that nobody sees to are to be sent again. Is it not known what became of them, the peer is asked. */
static void rescue_data(struct conn *c) {
    struct subflow *sf = conn_first(c);
    uint64_t len = dsn_sub(c->snd_nxt, c->snd_una);
    if (len > TCP_SUPER_MAX)
        len = TCP_SUPER_MAX;
    if (conn_acked_by_tcp(c) || in_good_hands(c, c->snd_una))
        return;
    c->futile += c->futile < UINT8_MAX;
    if (known_lost(c, c->snd_una))
        (void)ranges_add(&c->reinject, &c->mp->env->mem, c->snd_una.v, c->snd_una.v + len); /* else the next time */
    else if (sf->bare)
        went_bare(sf);
    else
        tcp_probe(&sf->tcb);
}

static void data_timeout(struct conn *c) {
    if (!dsn_eq(c->snd_una, c->snd_nxt)) {
        rescue_data(c);
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
            mib_inc(&c->mp->env->mib, conn_is_mptcp(c) ? MIB_WIN_PROBE : MIB_TCP_ZERO_WINDOW_PROBES);
            if (conn_urgent_sends(c)) /* which the peer does not hear from a probe below its window */
                tcp_ack_now(&sf->tcb);
            tcp_probe(&sf->tcb);
        }
    }
}

/*
 * Whether the peer had its time (RFC 9293 3.8.3). A closed window may last as long as probes are answered (3.8.6.1),
 * but not for a connection that the application gave up, and not when bytes were sent again and again to no effect.
 */
static bool out_of_patience(const struct conn *c) {
    const struct env *env = c->mp->env;
    if (c->user_timeout_ms && time_since(env->now, c->rtx_since) >= MSEC(c->user_timeout_ms))
        return true;
    if (c->futile > env->cfg.retries2)
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
    conn_restart_rtx(c);
}

void conn_answered(struct conn *c, bool bare) {
    bool heard_nothing = bare && conn_is_mptcp(c) && c->data_fin_sent && !c->data_fin_acked;
    if (!c->orphan && !heard_nothing)
        c->rtx_rounds = 0;
}

/* ---- Entry ---------------------------------------------------------------------------------------------------------
 */

/* What could not be done for want of memory, or was to wait for company. */
static void again_timeout(struct conn *c) {
    struct subflow *sf = conn_first(c);
    c->cork_out = (c->cork || c->more) && dsn_eq(c->snd_una, c->snd_nxt);
    c->push_end = c->push_end || c->cork_out;
    conn_offer_room(c);
    if (sf && c->mode == MP_FALLBACK)
        hold_drain_plain(sf);
}

void conn_timeout(struct conn *c) {
    if (take_due(c, DUE_RTX))
        rtx_timeout(c);
    if (take_due(c, DUE_AGAIN))
        again_timeout(c);
    if (take_due(c, DUE_PATH))
        conn_path_timeout(c);
    bool alone = take_due(c, DUE_ALONE), lingered = take_due(c, DUE_LINGER);
    if (lingered && c->state == UMPTCP_CLOSED)
        close_fast_timeout(c);
    else if (alone || lingered)
        conn_abort(c, ETIMEDOUT);
    conn_ready(c);
    close_advance(c);
}
