/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a tcb waits for (struct tcp_due), and what each means in which state:
 *
 *   rtx   SYN-SENT, SYN-RECEIVED: send the SYN again, give up after syn_retries or synack_retries
 *         otherwise by rtx_mode: reordering, loss probe, retransmission (recovery.c), or persist (here)
 *   ack   a delayed acknowledgment is due
 *   life  TIME-WAIT and an orphan's FIN-WAIT-2: the end; otherwise keepalive and user timeout, whichever comes first.
 *         It is not moved by traffic: when it comes up it looks whether there was some
 *
 * Beside these, payload that is paced waits for its time (pacing.c).
 *
 * One timer stands in the stack's queue, for the earliest of them.
 *
 * A connection is given up when retransmissions or probes stay unanswered (RFC 9293 3.8.3, R2), when the user's own
 * limit is over (RFC 5482), or when it is an orphan and its peer keeps the window shut. A peer that answers probes may
 * keep the window of anyone else shut for ever (RFC 9293 3.8.6.1). All of this is about bytes that were queued here;
 * what the owner keeps back while the window is shut is the owner's to bound.
 */
#include "tcp/internal.h"

#include <errno.h>

/* ---- Deadlines --------------------------------------------------------------------------------------------------- */

utime tcb_earliest_due(const struct tcb *t) {
    const utime pace = tcb_extra(t)->pace_due;
    return time_min(pace.ns ? pace : UMPTCP_NEVER, time_min(t->due.rtx, time_min(t->due.ack, t->due.life)));
}

static void arm(struct tcb *t) {
    utime earliest = tcb_earliest_due(t);
    timer_set(&t->env->timers, &t->timer, earliest);
}

void tcb_set_due(struct tcb *t, utime *due, utime at) {
    *due = at;
    arm(t);
}

void tcb_cancel_due(struct tcb *t) {
    t->due = (struct tcp_due){UMPTCP_NEVER, UMPTCP_NEVER, UMPTCP_NEVER};
    if (t->extra)
        t->extra->pace_due = (utime){0};
    arm(t);
}

/* True, once, when its time has come. */
static bool take_due(const struct tcb *t, utime *due) {
    if (time_before(t->env->now, *due))
        return false;
    *due = UMPTCP_NEVER;
    return true;
}

/* ---- Delayed acknowledgment -------------------------------------------------------------------------------------- */

void ack_timer_stop(struct tcb *t) {
    if (!time_is_never(t->due.ack))
        tcb_set_due(t, &t->due.ack, UMPTCP_NEVER);
}

void ack_timer_start(struct tcb *t) {
    if (t->ack_need == TCP_ACK_DELAYED)
        return;
    dur delay = USEC(t->ato_us);
    if (delay > t->env->cfg.delack)
        delay = t->env->cfg.delack;
    t->ack_need = TCP_ACK_DELAYED;
    tcb_set_due(t, &t->due.ack, time_add(t->env->now, delay));
}

void ack_timer_adapt(struct tcb *t, dur gap) {
    const struct umptcp_config *cfg = &t->env->cfg;
    if (gap <= USEC(TCP_ATO_MIN_US / 2))
        t->ato_us = t->ato_us / 2 + TCP_ATO_MIN_US / 2;
    else if (gap < USEC(t->ato_us))
        t->ato_us = t->ato_us / 2 + (uint32_t)(gap / USEC(1));
    else if (gap > rtt_rto(&t->rtt, cfg->rto_min, cfg->rto_max))
        t->quickacks = TCP_QUICKACKS; /* the peer starts anew, with a small window */
}

static void ack_timeout(struct tcb *t) {
    if (t->ack_need != TCP_ACK_DELAYED)
        return;
    dur longest = t->env->cfg.delack / USEC(1);
    t->ack_need = TCP_ACK_NOW;
    t->ato_us = 2 * t->ato_us < longest ? 2 * t->ato_us : (uint32_t)longest;
    mib_inc(&t->env->mib, MIB_TCP_DELAYED_ACKS);
}

/* ---- Handshake --------------------------------------------------------------------------------------------------- */

void syn_timer_start(struct tcb *t) {
    const struct umptcp_config *cfg = &t->env->cfg;
    tcb_set_due(t, &t->due.rtx, time_add(t->env->now, rtt_rto(&t->rtt, cfg->rto_min, cfg->rto_max)));
}

static enum tcp_timeout_event give_up(struct tcb *t) {
    mib_inc(&t->env->mib, MIB_TCP_ABORT_ON_TIMEOUT);
    tcb_finish(t, t->soft_error ? t->soft_error : ETIMEDOUT);
    return TCP_TIMEOUT_DEAD;
}

static enum tcp_timeout_event syn_timeout(struct tcb *t) {
    const struct umptcp_config *cfg = &t->env->cfg;
    uint8_t usual = t->state == UMPTCP_SYN_SENT ? cfg->syn_retries : cfg->synack_retries;
    uint8_t retries = t->syn_retries ? t->syn_retries : usual;
    const uint8_t defer = tcb_extra(t)->defer;
    t->stalled = true;
    mib_inc(&t->env->mib, MIB_TCP_TIMEOUTS);
    if (defer > t->rtt.backoff + 1u || (defer && t->rtt.backoff < defer && t->syn_sends > retries)) {
        t->rtt.backoff++; /* the peer has it: it is sent again only when its ACK is to be enough */
        syn_timer_start(t);
        return TCP_TIMEOUT_NONE;
    }
    if (t->syn_sends > retries && t->state == UMPTCP_SYN_RCVD && t->passive) {
        tcb_drop(t, ETIMEDOUT); /* nothing counts: there was no connection */
        return TCP_TIMEOUT_DEAD;
    }
    if (t->syn_sends > retries)
        return give_up(t);
    if (t->rtt.backoff < UINT8_MAX)
        t->rtt.backoff++;
    t->syn_pending = true;
    return TCP_TIMEOUT_SYN;
}

/* ---- Retransmission and persist ---------------------------------------------------------------------------------- */

/* A shut window is no silence: while the peer speaks, what it does not take is not lost on the way. */
static bool peer_is_silent(const struct tcb *t) {
    return t->snd_wnd > 0 || t->orphan || time_since(t->env->now, t->last_rx) > 2 * t->env->cfg.rto_max;
}

static enum tcp_timeout_event retransmission_timeout(struct tcb *t) {
    uint8_t retries = t->env->cfg.retries2;
    if (t->orphan && retries > TCP_ORPHAN_RETRIES)
        retries = TCP_ORPHAN_RETRIES;
    t->stalled = true;
    t->rto_count++;
    if (t->rto_series < UINT8_MAX)
        t->rto_series++;
    pmtu_timeout(t);
    if (t->rto_series > retries && !tcb_extra(t)->user_timeout_ms && peer_is_silent(t))
        return give_up(t);
    return TCP_TIMEOUT_RTO;
}

/* RFC 6069 4.1: the timer counts with one doubling less, from its last start on, and may be over then. */
void tcp_disconnected(struct tcb *t, struct seq seq) {
    const bool first = ssn_eq(ssn_of(t->isn, t->snd_nxt, seq), t->snd_una);
    if (!tcp_synchronized(t) || !first || !t->rto_series || !t->rtt.backoff || t->rtx_mode != TX_TIMER_RTO)
        return;
    t->rtt.backoff--;
    tx_arm(t);
}

static void send_probe(struct tcb *t) {
    t->stalled = t->keep_sent > 0;
    if (t->keep_sent < UINT8_MAX)
        t->keep_sent++;
    t->probe_pending = true;
}

/* The window is shut, or too small for what is queued, and nothing in flight will open it (RFC 9293 3.8.6.1). */
static enum tcp_timeout_event persist_timeout(struct tcb *t) {
    bool unanswered = t->keep_sent > t->env->cfg.retries2 && !tcb_extra(t)->user_timeout_ms;
    if (unanswered || (t->orphan && t->persist_shift >= TCP_ORPHAN_RETRIES))
        return give_up(t);
    if (t->persist_shift < UINT8_MAX)
        t->persist_shift++;
    if (t->snd_wnd > 0) {
        t->override = true; /* what fits goes, and is its own probe */
    } else {
        send_probe(t);
        mib_inc(&t->env->mib, MIB_TCP_ZERO_WINDOW_PROBES);
    }
    tx_arm(t);
    return TCP_TIMEOUT_NONE;
}

static enum tcp_timeout_event rtx_timeout(struct tcb *t) {
    if (!tcp_synchronized(t))
        return syn_timeout(t);
    if (t->rtx_mode == TX_TIMER_PERSIST)
        return persist_timeout(t);
    return tx_timeout(t) ? retransmission_timeout(t) : TCP_TIMEOUT_NONE;
}

/* ---- Keepalive, user timeout, and the ends that only time brings ------------------------------------------------- */

static bool bounded_by_time(const struct tcb *t) {
    return t->state == UMPTCP_TIME_WAIT || (t->state == UMPTCP_FIN_WAIT_2 && t->orphan);
}

static bool keepalive_on(const struct tcb *t) { return tcb_extra(t)->keep_idle_ms && tcp_synchronized(t); }

/* Nothing is to come before this: bytes in flight are looked after by their own timer (RFC 9293 3.8.4). */
static utime keepalive_due(const struct tcb *t) {
    if (!keepalive_on(t))
        return UMPTCP_NEVER;
    if (tcb_waits_for_peer(t))
        return time_add(t->env->now, MSEC(tcb_extra(t)->keep_idle_ms));
    dur idle = MSEC(tcb_extra(t)->keep_idle_ms) + t->keep_sent * MSEC(tcb_extra(t)->keep_intvl_ms);
    return time_add(t->last_rx, idle);
}

static utime user_timeout_due(const struct tcb *t) {
    if (!tcb_extra(t)->user_timeout_ms || !tcb_waits_for_peer(t))
        return UMPTCP_NEVER;
    return time_add(t->progress, MSEC(tcb_extra(t)->user_timeout_ms));
}

void life_timer_arm(struct tcb *t) {
    if (t->state == UMPTCP_CLOSED || bounded_by_time(t))
        return;
    tcb_set_due(t, &t->due.life, time_min(keepalive_due(t), user_timeout_due(t)));
}

static bool is_due(const struct tcb *t, utime at) { return !time_before(t->env->now, at); }

static enum tcp_timeout_event keepalive_timeout(struct tcb *t) {
    bool over = t->keep_sent >= tcb_extra(t)->keep_probes;
    if (tcb_extra(t)->user_timeout_ms)
        over = t->keep_sent > 0 && time_since(t->env->now, t->last_rx) >= MSEC(tcb_extra(t)->user_timeout_ms);
    if (over) {
        enum tcp_timeout_event dead = give_up(t);
        t->rst_pending = true;
        return dead;
    }
    send_probe(t);
    mib_inc(&t->env->mib, MIB_TCP_KEEPALIVE);
    return TCP_TIMEOUT_NONE;
}

static enum tcp_timeout_event life_timeout(struct tcb *t) {
    if (bounded_by_time(t)) {
        tcb_finish(t, 0);
        return TCP_TIMEOUT_CLOSED;
    }
    if (is_due(t, user_timeout_due(t)))
        return give_up(t);
    enum tcp_timeout_event event = TCP_TIMEOUT_NONE;
    if (is_due(t, keepalive_due(t)))
        event = keepalive_timeout(t);
    life_timer_arm(t);
    return event;
}

/* ---- Entry ------------------------------------------------------------------------------------------------------- */

enum tcp_timeout_event tcp_timeout(struct tcb *t) {
    enum tcp_timeout_event event = TCP_TIMEOUT_NONE;

    if (take_due(t, &t->due.ack))
        ack_timeout(t);
    if (t->extra && t->extra->pace_due.ns && is_due(t, t->extra->pace_due))
        t->extra->pace_due = (utime){0}; /* tcp_plan() finds what waited */
    if (take_due(t, &t->due.rtx))
        event = rtx_timeout(t);
    if (take_due(t, &t->due.life)) { /* not after an end: that leaves nothing due */
        enum tcp_timeout_event other = life_timeout(t);
        event = other > event ? other : event;
    }
    arm(t);
    return event;
}
