/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segment arrival, in the order of RFC 9293 3.10.7: one function per step, each returning false when the segment ends
 * there. With it go the timestamp check (PAWS, RFC 7323 5) before the sequence check, and the defences of RFC 5961: a
 * RST must be exact, a SYN never counts in a synchronized state, an old acknowledgment is suspect; each gets a
 * challenge ACK.
 *
 * A step that rejects changes nothing but what an answer needs (ack_need, D-SACK). Payload is only measured here: the
 * owner stores it and says so by tcp_receive().
 */
#include "tcp/internal.h"

#include <assert.h>
#include <errno.h>

/* A segment on its way through the steps. */
struct arrival {
    const struct seg *seg;
    struct ssn seq, end; /* of the segment's sequence space */
    struct ssn edge;     /* of what we take: what was advertised, or the owner's window now */
    struct ssn ack;      /* valid from check_ack() on */
    struct tcp_rx *rx;
};

static bool flagged(const struct seg *seg, uint8_t flags) { return (seg->flags & flags) != 0; }

static bool reject(struct arrival *a, enum drop why) {
    a->rx->drop = why;
    return false;
}

/*
 * An ACK that an attacker, or a confused peer, could provoke without end: at most one per connection and half second,
 * so that two confused ends do not answer each other for ever (RFC 5961 7). A limit of one connection tells nothing
 * about others.
 */
static bool limited_ack(struct tcb *t, enum mib skipped) {
    const uint32_t now_ms = (uint32_t)(t->env->now.ns / MSEC(1));
    if (t->challenge_ms && now_ms - t->challenge_ms < TCP_CHALLENGE_GAP_MS) {
        mib_inc(&t->env->mib, skipped);
        return false;
    }
    t->challenge_ms = now_ms ? now_ms : 1;
    t->ack_need = TCP_ACK_NOW;
    return true;
}

static void challenge_ack(struct tcb *t) {
    if (limited_ack(t, MIB_TCP_ACK_SKIPPED_CHALLENGE))
        mib_inc(&t->env->mib, MIB_TCP_CHALLENGE_ACK);
}

/* The states in which Linux keeps less than a connection, and counts less: a listener's handshake, and a FIN-WAIT-2 of
 * nobody. */
static bool is_request(const struct tcb *t) { return t->state == UMPTCP_SYN_RCVD && t->passive; }
static bool is_remnant(const struct tcb *t) { return t->state == UMPTCP_FIN_WAIT_2 && t->orphan; }

/*
 * An unacceptable segment is answered; payload or FIN prove that it is no bare acknowledgment, so they need no limit.
 * An answer that is left out counts for `why`, or for the state.
 */
static void answer_unacceptable(struct tcb *t, const struct arrival *a, enum mib why) {
    const struct seg *seg = a->seg;
    if (is_request(t))
        why = MIB_TCP_ACK_SKIPPED_SYN_RECV;
    else if (is_remnant(t))
        why = MIB_TCP_ACK_SKIPPED_FIN_WAIT_2;
    if (seg_space(seg) == 0 || flagged(seg, TCP_SYN)) {
        limited_ack(t, why);
        return;
    }
    if (ssn_lt(a->seq, t->rcv_nxt))
        mib_inc(&t->env->mib, MIB_TCP_DELAYED_ACK_LOST);
    t->ack_need = TCP_ACK_NOW;
}

static void reset_by_peer(struct tcb *t, struct tcp_rx *rx, int error) {
    rx->reset = true;
    tcb_finish(t, error);
}

/* ---- Payload (3.10.7.4, seventh and eighth) ---------------------------------------------------------------------- */

/* Which part of the payload is in the window, and whether the FIN comes with it. */
static void measure_payload(struct tcb *t, struct arrival *a) {
    const struct seg *seg = a->seg;
    struct tcp_rx *rx = a->rx;
    struct ssn start = ssn_add(a->seq, flagged(seg, TCP_SYN));
    struct ssn end = ssn_add(start, seg->len);
    bool fin = flagged(seg, TCP_FIN);

    if (seg->len == 0 && !fin) {
        mib_add(&t->env->mib, MIB_TCP_PURE_ACKS, !flagged(seg, TCP_SYN) && ssn_le(rx->una, a->ack));
        return;
    }
    if (!tcp_can_receive(t) || (t->fin_seen && ssn_lt(t->fin_ssn, end))) {
        rx->drop = DROP_TCP_AFTER_FIN;
        return;
    }
    if (fin && ssn_lt(end, receive_highest(t))) {
        rx->drop = DROP_TCP_AFTER_FIN; /* it contradicts what came before */
        return;
    }
    if (ssn_lt(start, t->rcv_nxt)) {
        if (seg->len > 0)
            receive_duplicate(t, start, ssn_min(end, t->rcv_nxt));
        rx->skip = (uint32_t)ssn_sub(ssn_min(end, t->rcv_nxt), start);
        start = t->rcv_nxt;
    }
    if (ssn_lt(a->edge, end)) {
        end = ssn_max(start, a->edge);
        fin = false;
        rx->drop = ssn_eq(start, end) ? DROP_TCP_SEQ : DROP_NONE;
        mib_inc(&t->env->mib, MIB_TCP_BEYOND_WINDOW);
        t->ack_need = TCP_ACK_NOW; /* the peer probes our window, or did not see it */
    }
    t->rcv_edge = ssn_max(t->rcv_edge, end);
    rx->ssn = start;
    rx->len = (uint32_t)ssn_sub(ssn_max(end, start), start);
    rx->fin = fin;
}

/* ---- CLOSED and SYN-SENT (3.10.7.1, 3.10.7.3) -------------------------------------------------------------------- */

static void input_closed(struct arrival *a) {
    a->rx->reply_rst = !flagged(a->seg, TCP_RST);
    reject(a, DROP_TCP_NO_SOCKET);
}

static bool syn_sent_ack(const struct tcb *t, struct arrival *a) {
    if (!flagged(a->seg, TCP_ACK))
        return true;
    a->ack = ssn_of(t->isn, t->snd_nxt, a->seg->ack);
    if (ssn_lt(t->snd_una, a->ack) && ssn_le(a->ack, t->snd_nxt))
        return true;
    a->rx->reply_rst = !flagged(a->seg, TCP_RST);
    return reject(a, DROP_TCP_ACK_UNSENT);
}

/*
 * Does the segment echo a timestamp from before our first SYN, or from the future? All between counts as ours: not only
 * SYNs have one, but also what is answered in SYN-RECEIVED. 0 may be a peer's that has nothing to echo.
 */
static bool echoes_nothing(const struct tcb *t, const struct seg *seg) {
    const struct tcp_options *opt = &seg->opt;
    return opt->has_ts && opt->tsecr &&
           ((int32_t)(opt->tsecr - t->syn_ts) < 0 || (int32_t)(opt->tsecr - tcp_ts_now(t)) > 0);
}

/* As unlikely to be an answer to our SYN as one that acknowledges another number. */
static bool syn_sent_echo(const struct tcb *t, struct arrival *a) {
    if (!flagged(a->seg, TCP_ACK) || !t->env->cfg.timestamps || t->no_ts || !echoes_nothing(t, a->seg))
        return true;
    mib_inc(&t->env->mib, MIB_TCP_PAWS_ACTIVE);
    a->rx->reply_rst = !flagged(a->seg, TCP_RST);
    return reject(a, DROP_TCP_ECHO);
}

/* The acknowledgment of our random number is what makes a RST credible here (RFC 5961 3.2). */
static bool syn_sent_reset(struct tcb *t, struct arrival *a) {
    if (!flagged(a->seg, TCP_RST))
        return true;
    if (flagged(a->seg, TCP_ACK))
        reset_by_peer(t, a->rx, ECONNREFUSED);
    return reject(a, DROP_TCP_RST);
}

static void input_syn_sent(struct tcb *t, struct arrival *a) {
    if (!syn_sent_ack(t, a) || !syn_sent_echo(t, a) || !syn_sent_reset(t, a))
        return;
    if (!flagged(a->seg, TCP_SYN)) {
        reject(a, DROP_TCP_FLAGS);
        return;
    }
    tcb_take_syn(t, a->seg);
    t->last_rx = t->env->now;
    t->stalled = false;
    a->rx->acceptable = true;
    a->rx->in_order = true;
    if (!flagged(a->seg, TCP_ACK)) { /* simultaneous open; the peer sends its payload again */
        tcb_set_state(t, UMPTCP_SYN_RCVD);
        t->syn_pending = true;
        return;
    }
    tcb_establish(t, a->seg, a->ack);
    a->rx->established = true;
    t->ack_need = TCP_ACK_NOW;
    a->seq = (struct ssn){0};
    a->end = ssn_add(a->seq, seg_space(a->seg));
    measure_payload(t, a);
}

/* ---- TIME-WAIT (3.10.7.4, RFC 6191, RFC 1337) -------------------------------------------------------------------- */

/* May this SYN start a new connection on our 4-tuple? Only when no old duplicate could be mistaken for its payload. */
static bool syn_is_newer(const struct tcb *t, const struct arrival *a) {
    const struct tcp_options *opt = &a->seg->opt;
    bool later_seq = ssn_lt(t->rcv_nxt, a->seq);
    if (!opt->has_ts)
        return later_seq;
    if (!t->ts_ok)
        return true;
    int32_t age = (int32_t)(opt->tsval - t->ts_recent);
    return age > 0 || (age == 0 && later_seq);
}

static void input_time_wait(struct tcb *t, struct arrival *a) {
    const struct seg *seg = a->seg;
    a->rx->drop = DROP_TCP_TIME_WAIT;
    const bool stale = t->ts_ok && seg->opt.has_ts && (int32_t)(seg->opt.tsval - t->ts_recent) < 0;
    if (flagged(seg, TCP_RST)) /* would end the wait too early (RFC 1337) */
        return;
    if (flagged(seg, TCP_SYN))
        a->rx->reopen = !flagged(seg, TCP_ACK | TCP_FIN) && syn_is_newer(t, a);
    if (a->rx->reopen)
        return;
    if (stale)
        mib_inc(&t->env->mib, MIB_TCP_PAWS_TW);
    if (flagged(seg, TCP_SYN)) {
        limited_ack(t, MIB_TCP_ACK_SKIPPED_TIME_WAIT);
        return;
    }
    if (!flagged(seg, TCP_ACK))
        return;
    if (flagged(seg, TCP_FIN) && ssn_eq(a->end, t->rcv_nxt)) { /* the peer missed our last ACK */
        t->ack_need = TCP_ACK_NOW;
        tcb_enter_time_wait(t);
    } else if (!ssn_eq(a->seq, t->rcv_nxt) || seg->len > 0) {
        limited_ack(t, MIB_TCP_ACK_SKIPPED_TIME_WAIT);
    }
}

/* ---- The other states (3.10.7.4), step by step ------------------------------------------------------------------- */

static bool is_bare_announcement(const struct seg *seg) {
    return seg_space(seg) == 0 && mpopts_find(&seg->mp, MP_ADD_ADDR);
}

/*
 * What ends a listener's handshake answers one of its SYN/ACKs, and so does a RST that has timestamps: with an echo of
 * something else it is of another connection on these ports, or a guess.
 */
static bool check_echo(struct tcb *t, struct arrival *a) {
    if (!is_request(t) || flagged(a->seg, TCP_SYN) || !echoes_nothing(t, a->seg))
        return true;
    mib_inc(&t->env->mib, MIB_TCP_TSECR_REJECTED);
    if (!flagged(a->seg, TCP_RST))
        answer_unacceptable(t, a, MIB_TCP_ACK_SKIPPED_SYN_RECV);
    return reject(a, DROP_TCP_ECHO);
}

/* Turned away by PAWS. RFC 7323 5.3 answers it; a bare ACK that others overtook tells a whole connection nothing and,
 * as on Linux, gets no answer. */
static bool reject_old(struct tcb *t, struct arrival *a) {
    const bool whole = !is_request(t) && !is_remnant(t);
    const bool overtaken = whole && seg_space(a->seg) == 0 && ssn_lt(a->seq, t->rcv_nxt);
    if (!is_remnant(t))
        mib_inc(&t->env->mib, overtaken ? MIB_TCP_PAWS_OLD_ACK : MIB_TCP_PAWS_ESTAB);
    if (!overtaken)
        answer_unacceptable(t, a, MIB_TCP_ACK_SKIPPED_PAWS);
    return reject(a, DROP_TCP_PAWS);
}

/* RFC 7323 3.2 and 5.3. Not for RST, which is judged by its number alone, nor for SYN, which is challenged anyway. */
static bool check_timestamp(struct tcb *t, struct arrival *a) {
    const struct tcp_options *opt = &a->seg->opt;
    if (!t->ts_ok)
        return true;
    if (flagged(a->seg, TCP_RST | TCP_SYN))
        return check_echo(t, a);
    if (!opt->has_ts) /* an address with a port leaves no room for them (RFC 8684 appendix A), and nothing else to
                         protect */
        return is_bare_announcement(a->seg) || reject(a, DROP_TCP_NO_TS);
    uint32_t age_s = (uint32_t)(t->env->now.ns / SEC(1)) - t->ts_recent_s;
    if ((int32_t)(opt->tsval - t->ts_recent) < 0 && age_s <= TCP_PAWS_VALID_S)
        return reject_old(t, a);
    return check_echo(t, a);
}

/*
 * Step one. Beside RFC 9293's four cases the number just at the edge passes: the bare ACK of a peer that filled the
 * window stands there, and a full window must let acknowledgments and RSTs through. Payload there is cut off later.
 */
static bool check_sequence(struct tcb *t, struct arrival *a) {
    bool old = seg_space(a->seg) ? ssn_le(a->end, t->rcv_nxt) : ssn_lt(a->seq, t->rcv_nxt);
    bool beyond = ssn_lt(a->edge, a->seq);
    if (!old && !beyond)
        return true;
    if (flagged(a->seg, TCP_RST | TCP_SYN))
        return true; /* steps of their own */
    if (old && a->seg->len > 0)
        receive_duplicate(t, a->seq, ssn_add(a->seq, a->seg->len));
    if (beyond && !is_request(t) && !is_remnant(t))
        mib_inc(&t->env->mib, MIB_TCP_BEYOND_WINDOW);
    answer_unacceptable(t, a, MIB_TCP_ACK_SKIPPED_SEQ);
    return reject(a, old ? DROP_TCP_OLD_SEQ : DROP_TCP_SEQ);
}

/* RFC 5961 3.2, and two numbers that honest peers use: one before a FIN they sent, and the end of what we SACKed. */
static bool rst_is_exact(const struct tcb *t, struct ssn seq) {
    if (ssn_eq(seq, t->rcv_nxt))
        return true;
    bool peer_closed = t->state == UMPTCP_CLOSE_WAIT || t->state == UMPTCP_CLOSING || t->state == UMPTCP_LAST_ACK;
    if (peer_closed && ssn_eq(ssn_add(seq, 1), t->rcv_nxt))
        return true;
    return t->sack_ok && ssn_eq(seq, receive_highest(t));
}

static int reset_error(const struct tcb *t) {
    if (t->state == UMPTCP_SYN_RCVD && !t->passive)
        return ECONNREFUSED;
    return t->state == UMPTCP_CLOSE_WAIT ? EPIPE : ECONNRESET;
}

/* Step two. */
static bool check_reset(struct tcb *t, struct arrival *a) {
    if (!flagged(a->seg, TCP_RST))
        return true;
    if (rst_is_exact(t, a->seq)) {
        if (is_request(t) && !t->fast)
            mib_inc(&t->env->mib, MIB_TCP_EMBRYONIC_RSTS);
        reset_by_peer(t, a->rx, reset_error(t));
    } else if (ssn_le(t->rcv_nxt, a->seq) && ssn_le(a->seq, a->edge))
        challenge_ack(t);
    return reject(a, DROP_TCP_RST);
}

/* The SYN or SYN/ACK that made us SYN-RECEIVED, once more. */
static bool is_same_syn(const struct tcb *t, const struct arrival *a) {
    return t->state == UMPTCP_SYN_RCVD && flagged(a->seg, TCP_SYN) && !flagged(a->seg, TCP_RST) && a->seq.v == 0;
}

/* And of what our SYN carried, any part. */
static bool acks_our_syn(const struct tcb *t, const struct seg *seg) {
    struct ssn ack = ssn_of(t->isn, t->snd_nxt, seg->ack);
    return ssn_lt((struct ssn){0}, ack) && ssn_le(ack, t->snd_nxt);
}

static void challenge_syn(struct tcb *t) {
    mib_inc(&t->env->mib, MIB_TCP_SYN_CHALLENGE);
    if (t->state == UMPTCP_ESTABLISHED) /* in the other states it is no error, as Linux has it */
        mib_inc(&t->env->mib, MIB_TCP_IN_ERRS);
    challenge_ack(t);
}

/* Step four (RFC 5961 4.2); the handshake's own SYN may come again. */
static bool check_syn(struct tcb *t, struct arrival *a) {
    if (!flagged(a->seg, TCP_SYN))
        return true;
    if (!is_same_syn(t, a))
        challenge_syn(t);
    else if (!flagged(a->seg, TCP_ACK))
        t->syn_pending = true;
    else if (acks_our_syn(t, a->seg))
        return true; /* simultaneous open: the peer's SYN/ACK acknowledges our SYN */
    return reject(a, DROP_TCP_SYN);
}

/* Step five, first half: is the acknowledgment one that may be believed (RFC 5961 5.2)? */
static bool check_ack(struct tcb *t, struct arrival *a) {
    if (!flagged(a->seg, TCP_ACK))
        return reject(a, DROP_TCP_NO_ACK);
    a->ack = ssn_of(t->isn, t->snd_una, a->seg->ack);
    bool unsent = ssn_lt(t->snd_nxt, a->ack);
    if (t->state == UMPTCP_SYN_RCVD && (unsent || a->ack.v < 1 || ssn_lt(a->ack, t->snd_una))) {
        a->rx->reply_rst = true;
        return reject(a, DROP_TCP_ACK_UNSENT);
    }
    if (unsent) {
        challenge_ack(t);
        return reject(a, DROP_TCP_ACK_UNSENT);
    }
    if (ssn_lt(ssn_add(a->ack, t->max_snd_wnd), t->snd_una)) {
        challenge_ack(t);
        return reject(a, DROP_TCP_OLD_ACK);
    }
    return true;
}

/* The segment is accepted as the peer's own. */
static void note_alive(struct tcb *t, struct arrival *a) {
    const struct tcp_options *opt = &a->seg->opt;
    utime now = t->env->now;

    a->rx->acceptable = true;
    a->rx->start = ssn_add(a->seq, flagged(a->seg, TCP_SYN));
    a->rx->alive = t->stalled;
    a->rx->in_order = ssn_le(a->seq, t->rcv_nxt);
    t->stalled = false;
    t->keep_sent = 0;
    if (a->seg->len > 0)
        ack_timer_adapt(t, time_since(now, t->last_rx));
    t->last_rx = now;
    /* RFC 7323 4.3: of the segments that one ACK will cover, the first is echoed. */
    if (t->ts_ok && opt->has_ts && ssn_le(a->seq, t->last_ack_sent)) {
        t->ts_recent = opt->tsval;
        t->ts_recent_s = (uint32_t)(now.ns / SEC(1));
    }
}

static void update_window(struct tcb *t, const struct arrival *a) {
    bool newer = ssn_lt(a->rx->una, a->ack) || ssn_le(ssn_unwrap(a->seq, t->snd_wl1), a->seq);
    if (!newer)
        return;
    uint32_t before = t->snd_wnd;
    t->snd_wnd = (uint32_t)a->rx->wnd;
    t->max_snd_wnd = t->snd_wnd > t->max_snd_wnd ? t->snd_wnd : t->max_snd_wnd;
    t->snd_wl1 = (uint32_t)a->seq.v;
    if (t->snd_wnd > before) {
        t->persist_shift = 0;
        t->override = false;
    }
    if (t->snd_wnd != before && ssn_eq(t->snd_una, t->snd_nxt))
        tx_arm(t); /* the persist timer starts or stops */
}

static void our_fin_acked(struct tcb *t, struct tcp_rx *rx) {
    switch (t->state) {
    case UMPTCP_FIN_WAIT_1:
        tcb_enter_fin_wait_2(t);
        return;
    case UMPTCP_CLOSING:
        rx->closed = true;
        tcb_enter_time_wait(t);
        return;
    case UMPTCP_LAST_ACK:
        rx->closed = true;
        tcb_finish(t, 0);
        return;
    default:
        return;
    }
}

/* Step five, second half. */
static void process_ack(struct tcb *t, struct arrival *a) {
    if (ssn_lt(a->ack, t->snd_una))
        return; /* overtaken by a later one: says nothing about now */
    if (ssn_lt(t->snd_una, a->ack)) {
        t->rto_series = 0;
        t->hurried = false;
        t->persist_shift = 0;
        t->progress = t->env->now;
    }
    if (t->state == UMPTCP_SYN_RCVD) {
        a->rx->established = true;
        tcb_establish(t, a->seg, a->ack);
        if (flagged(a->seg, TCP_SYN))
            t->ack_need = TCP_ACK_NOW;
        if (t->fast) /* also of what followed the SYN/ACK */
            tx_ack(t, a->seg, a->ack, a->rx);
    } else {
        tx_ack(t, a->seg, a->ack, a->rx);
    }
    update_window(t, a);
    if (a->rx->fin_acked)
        our_fin_acked(t, a->rx);
}

/*
 * The path is back: what waited for it shall not wait out the back-off. Once only, until something is acknowledged, or
 * a path that works in the other direction alone would be given up in seconds (RFC 6298 5.5).
 */
static void hurry(struct tcb *t) {
    const struct umptcp_config *cfg = &t->env->cfg;
    utime soon = time_add(t->env->now, rtt_rto_base(&t->rtt, cfg->rto_min, cfg->rto_max));
    if (t->hurried || t->rtx_mode != TX_TIMER_RTO || !time_before(soon, t->due.rtx))
        return;
    t->hurried = true;
    tcb_set_due(t, &t->due.rtx, soon);
}

/*
 * Step six (3.8.5), whatever the window (MUST-66). The pointer names the octet behind the urgent data (MUST-62), or, by
 * the switch, as RFC 1122 had it, the last one of it. An offset of 0 can only mean the first octet.
 */
static void read_urgent(const struct tcb *t, const struct arrival *a) {
    const uint16_t offset = a->seg->urgent;
    if (!flagged(a->seg, TCP_URG))
        return;
    a->rx->urgent = true;
    a->rx->urgent_at = ssn_add(a->rx->start, offset && !t->env->cfg.stdurg ? offset - 1u : offset);
}

static void input_synchronized(struct tcb *t, struct arrival *a) {
    if (!check_timestamp(t, a) || !check_sequence(t, a) || !check_reset(t, a) || !check_syn(t, a) || !check_ack(t, a))
        return;
    note_alive(t, a);
    process_ack(t, a);
    if (t->state == UMPTCP_CLOSED)
        return;
    if (a->rx->alive)
        hurry(t);
    read_urgent(t, a);
    ecn_receive(t, a->seg);
    measure_payload(t, a);
}

/* ---- Fast Open ----------------------------------------------------------------------------------------------------
 */

void tcp_open_fast(struct tcb *t, const struct seg *syn, uint64_t wnd, struct tcp_rx *rx) {
    assert(t->state == UMPTCP_SYN_RCVD && t->passive && t->snd_nxt.v == 0);
    t->fast = true;
    tcp_dialogue(t);
    cc_restart(&t->cc, tcp_smss(t), (uint32_t)t->env->cfg.initial_cwnd * tcp_smss(t));
    *rx = (struct tcp_rx){.una = t->snd_una, .acceptable = true, .in_order = true, .wnd = syn->window};
    struct arrival a = {.seg = syn, .rx = rx, .edge = {1 + wnd}};
    measure_payload(t, &a);
}

/* ---- Entry ------------------------------------------------------------------------------------------------------- */

void tcp_input(struct tcb *t, const struct seg *seg, uint64_t wnd, struct tcp_rx *rx) {
    assert(t->state != UMPTCP_LISTEN);
    *rx = (struct tcp_rx){.una = t->snd_una};
    rx->wnd = flagged(seg, TCP_SYN) ? seg->window : (uint64_t)seg->window << t->snd_wscale;
    t->segs_in += seg_count(seg);
    t->data_segs_in += seg->len ? seg_count(seg) : 0;

    struct arrival a = {.seg = seg, .rx = rx};
    if (t->state == UMPTCP_CLOSED) {
        input_closed(&a);
        return;
    }
    if (t->state == UMPTCP_SYN_SENT) {
        a.edge = (struct ssn){1 + wnd};
        input_syn_sent(t, &a);
        return;
    }
    a.edge = ssn_max(t->rcv_edge, ssn_add(t->rcv_nxt, wnd));
    a.seq = ssn_of(t->irs, t->rcv_nxt, seg->seq);
    a.end = ssn_add(a.seq, seg_space(seg));
    if (t->state == UMPTCP_TIME_WAIT)
        input_time_wait(t, &a);
    else
        input_synchronized(t, &a);
}
