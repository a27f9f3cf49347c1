/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What to do about loss. An episode begins when something is found lost (TX_RECOVERY) or nothing comes back for an RTO
 * (TX_LOSS), and ends when everything that was sent before it is acknowledged. Congestion control answers an episode
 * once.
 *
 * In recovery PRR (RFC 9937) lets out as much as arrives, in proportion, so that the window has fallen to ssthresh at
 * the end: cwnd is always pipe plus what may go now. After a timeout slow start (RFC 5681) refills the pipe.
 *
 * Undo: the episode was for nothing when the echoed timestamp shows that the first transmission arrived (Eifel, RFC
 * 3522), when after a timeout something arrives that was not sent again (F-RTO, RFC 5682), or when everything that was
 * sent again is reported as a duplicate (RFC 2883). Congestion control then goes back (RFC 4015 after a timeout).
 */
#include "base/minmax.h"
#include "tcp/flight.h"
#include "tcp/internal.h"

#include <assert.h>

enum { BACKOFF_MAX = 31 };

/* ---- Episodes --------------------------------------------------------------------------------------------------- */

static void episode_begin(struct tcb *t, enum tx_state state, uint32_t flight) {
    struct tx *x = t->tx;

    x->state = (uint8_t)state;
    x->before = t->cc;
    x->recover = tx_high(t);
    x->undo_span = tx_outstanding(t);
    x->recover_flight = max_u32(flight, 1);
    x->prr_delivered = x->prr_out = 0;
    x->undo_retrans = 0;
    x->undo_possible = x->eifel = true;
    x->undo_sent = false;
    x->frto = TX_FRTO_OFF;
    probe_forget(t);
}

/* Back to normal; what is SACKed beyond the episode keeps it from being quite that. */
static void settle(struct tcb *t) {
    struct tx *x = t->tx;

    if (!t->sack_ok && x->state >= TX_RECOVERY) {
        x->sacked = 0;
        x->dupacks = 0;
    }
    x->frto = TX_FRTO_OFF;
    x->state = x->sacked ? TX_DISORDER : TX_OPEN;
}

static struct cc_event congestion_event(const struct tcb *t, enum cc_cause cause, uint32_t flight) {
    /* Limited transmit's segments do not count as flight (RFC 5681 3.2). */
    return (struct cc_event){.cause = cause,
                             .now = t->env->now,
                             .inflight = min_u32(flight, t->cc.cwnd),
                             .pipe = tx_pipe(t),
                             .srtt = t->rtt.srtt,
                             .abe = t->env->cfg.abe};
}

static void episode_end(struct tcb *t) {
    struct tx *x = t->tx;

    if (x->state == TX_RECOVERY) {
        if (!t->cc.ops->owns_window)
            t->cc.cwnd = max_u32(t->cc.ssthresh, t->cc.mss); /* RFC 9937 6.4 */
        rack_recovered(t);
    } else if (x->state == TX_CWR && !t->cc.ops->owns_window) {
        t->cc.cwnd = x->cwr_cwnd;
    }
    if (t->cc.ops->on_recovered)
        t->cc.ops->on_recovered(&t->cc);
    x->undo_until = t->snd_nxt; /* the reports of duplicates may still be under way */
    settle(t);
}

/* ---- Recovery (PRR) --------------------------------------------------------------------------------------------- */

/*
 * RFC 9937 6.2. `safe`: SND.UNA moved and nothing more was found lost. The answer to a mark of the network falls in the
 * same way, but there no hole waits for the faster bound.
 */
static void prr_step(struct tcb *t, uint32_t delivered, bool safe) {
    struct tx *x = t->tx;
    struct cc *cc = &t->cc;
    const uint32_t pipe = tx_pipe(t), target = x->state == TX_CWR ? x->cwr_cwnd : cc->ssthresh;
    uint64_t send;

    if (cc->ops->owns_window)
        return;

    x->prr_delivered += min_u32(delivered, UINT32_MAX - x->prr_delivered);
    if (pipe > target) {
        send = ((uint64_t)x->prr_delivered * target + x->recover_flight - 1) / x->recover_flight;
        send = send > x->prr_out ? send - x->prr_out : 0;
    } else {
        send = x->prr_delivered > x->prr_out ? x->prr_delivered - x->prr_out : 0;
        send = send > delivered ? send : delivered;
        send += safe && x->state == TX_RECOVERY ? cc->mss : 0;
        send = send < target - pipe ? send : target - pipe;
    }
    if (send == 0 && x->prr_out == 0)
        send = cc->mss;
    cc->cwnd = max_u32(pipe + (uint32_t)(send < CC_CWND_MAX ? send : CC_CWND_MAX), cc->mss);
}

/* `flight` was outstanding and `sacked` of it SACKed before what led here. */
static void recovery_enter(struct tcb *t, uint32_t flight, uint32_t sacked) {
    struct tx *x = t->tx;

    if (x->state == TX_CWR) { /* the window was reduced for this flight already: a mark and a loss are one event */
        x->undo_span = tx_outstanding(t);
        x->recover = tx_high(t);
        x->state = TX_RECOVERY;
        probe_forget(t);
    } else {
        struct cc_event ev = congestion_event(t, CC_LOSS, flight);
        episode_begin(t, TX_RECOVERY, flight - min_u32(sacked, flight));
        t->cc.ops->on_congestion(&t->cc, &ev);
        ecn_reduced(t);
    }
    mib_inc(&t->env->mib, t->sack_ok ? MIB_TCP_SACK_RECOVERY : MIB_TCP_RENO_RECOVERY);
}

/* Nothing goes for an RTO, and for twice as long each time that this happens again. */
static void hold(struct tcb *t) {
    struct tx *x = t->tx;

    x->hold = true;
    x->holds += x->holds < BACKOFF_MAX;
    x->rto_from = t->env->now;
    t->rtx_mode = TX_TIMER_NONE;
}

/*
 * The network marked what we sent: as a loss to congestion control (RFC 3168 6.1.2), but nothing is to be repaired, and
 * nothing can turn out to have been for nothing. One answer for each window of data: until something sent after this
 * is acknowledged. ssthresh has a floor of two segments, the window has not (RFC 9438 4.6).
 */
static void cwr_enter(struct tcb *t, const struct tx_news *n) {
    struct tx *x = t->tx;
    struct cc_event ev = congestion_event(t, CC_ECN, n->outstanding);
    const uint32_t before = t->cc.cwnd;

    episode_begin(t, TX_CWR, n->outstanding - min_u32(n->sacked, n->outstanding));
    x->undo_possible = false;
    t->cc.ops->on_congestion(&t->cc, &ev);
    x->cwr_cwnd = t->cc.ssthresh < before ? t->cc.ssthresh : max_u32(before / 2, t->cc.mss);
    ecn_reduced(t);
    if (before <= t->cc.mss)
        hold(t);
}

/* RFC 6582 without SACK: the first segment is lost at the third duplicate ACK, and the next at each partial one. */
static uint32_t reno_detect(struct tcb *t, const struct tx_news *n) {
    struct tx *x = t->tx;
    struct tx_rec *r = deque_front(&x->recs);
    bool third =
        x->state < TX_RECOVERY && x->dupacks >= TX_DUPTHRESH && (x->state == TX_CWR || ssn_lt(x->recover, t->snd_una));
    bool partial = x->state == TX_RECOVERY && n->acked > 0;

    if (!r || !(third || partial) || (r->flags & (TX_LOST | TX_RETRANS)))
        return 0;
    if (r->len > t->cc.mss && tx_split(t, 0, ssn_add(r->start, t->cc.mss)))
        r = deque_front(&x->recs);
    tx_mark_lost(t, r);
    return r->len;
}

/* Anything out of order, or sent again, makes loss possible; in a plain flow there is nothing to look for. */
static uint32_t detect(struct tcb *t, const struct tx_news *n) {
    const struct tx *x = t->tx;

    if (!t->sack_ok)
        return reno_detect(t, n);
    return x->sacked || x->state >= TX_RECOVERY ? rack_detect(t) : 0;
}

/* ---- Timeout ---------------------------------------------------------------------------------------------------- */

dur tx_rto(const struct tcb *t) {
    const struct umptcp_config *cfg = &t->env->cfg;
    dur rto = rtt_rto(&t->rtt, cfg->rto_min, cfg->rto_max);

    if (t->rtt.srtt == 0 && t->syn_sends > 1) /* RFC 6298 5.7: the handshake was slow and not measured: 3 s */
        rto = 3 * rto < cfg->rto_max ? 3 * rto : cfg->rto_max;
    return rto;
}

/* RFC 2018 8: the receiver threw away what it had reported when it SACKed what it did not acknowledge. */
static void forget_reneged(struct tcb *t) {
    struct tx *x = t->tx;
    const struct tx_rec *front = deque_front(&x->recs);

    if (!(front->flags & TX_SACKED))
        return;
    for (uint32_t i = 0; i < x->recs.count; i++)
        tx_at(x, i)->flags &= (uint8_t)~TX_SACKED;
    x->sacked = 0;
    mib_inc(&t->env->mib, MIB_TCP_SACK_RENEGING);
}

/* What the first timeout of a series found, and did not help. */
static void count_failure(const struct tcb *t) {
    const struct tx *x = t->tx;
    struct mib_table *mib = &t->env->mib;

    if (t->rto_series > 0)
        return;
    if (x->state == TX_LOSS)
        mib_inc(mib, MIB_TCP_LOSS_FAILURES);
    else if (x->state == TX_RECOVERY)
        mib_inc(mib, t->sack_ok ? MIB_TCP_SACK_RECOVERY_FAIL : MIB_TCP_RENO_RECOVERY_FAIL);
    else if (x->sacked)
        mib_inc(mib, t->sack_ok ? MIB_TCP_SACK_FAILURES : MIB_TCP_RENO_FAILURES);
}

static void retransmission_timeout(struct tcb *t) {
    struct tx *x = t->tx;
    uint32_t flight = tx_outstanding(t);
    bool reduced = x->state == TX_CWR && ssn_lt(t->snd_una, x->recover);
    bool first = x->state < TX_RECOVERY && !reduced;
    bool progress = x->state == TX_LOSS && ssn_lt(tx_episode_start(x), t->snd_una);

    count_failure(t);
    forget_reneged(t);
    x->rto_again = true;
    if (!t->sack_ok)
        x->sacked = x->dupacks = 0;
    if (first || progress) {
        struct cc_event ev = congestion_event(t, CC_RTO, flight);
        episode_begin(t, TX_LOSS, flight);
        t->cc.ops->on_congestion(&t->cc, &ev);
        ecn_reduced(t);
    } else { /* the window was reduced for this flight already (RFC 5681 3.1) */
        x->undo_span = (uint32_t)ssn_sub(tx_high(t), tx_episode_start(x));
        x->recover = tx_high(t);
        x->state = TX_LOSS;
    }
    x->frto = first ? TX_FRTO_SENT : TX_FRTO_OFF;
    probe_forget(t);
    rack_mark_timeout(t);
    t->cc.cwnd = tx_pipe(t) + t->cc.mss; /* the loss window: one segment beside what is not late yet */
    t->rtt.backoff += t->rtt.backoff < BACKOFF_MAX;
    x->rto_from = t->env->now;
    mib_inc(&t->env->mib, MIB_TCP_TIMEOUTS);
}

/* ---- Undo ------------------------------------------------------------------------------------------------------- */

void recovery_sent_again(struct tcb *t, uint32_t len) {
    struct tx *x = t->tx;

    if (x->state < TX_RECOVERY)
        return;
    if (!x->undo_sent)
        x->retrans_stamp = tcp_ts_now(t);
    x->undo_sent = true;
    x->undo_retrans += min_u32(len, UINT32_MAX - x->undo_retrans);
}

/* RFC 3522: only the first acknowledgment of something sent again can tell. */
static bool undo_by_echo(struct tcb *t, const struct tx_news *n) {
    struct tx *x = t->tx;

    if (!x->eifel || !x->undo_sent || !n->front_retrans)
        return false;
    x->eifel = false;
    return tx_echo_before(t, n->seg, x->retrans_stamp);
}

/* RFC 5682: the first acknowledgment after a timeout lets new data go, the second one tells. */
static bool undo_by_frto(struct tcb *t, const struct tx_news *n) {
    struct tx *x = t->tx;

    if (x->frto == TX_FRTO_OFF)
        return false;
    if (ssn_le(x->recover, t->snd_una)) {
        x->frto = TX_FRTO_OFF;
    } else if (x->frto == TX_FRTO_SENT) {
        if (n->acked)
            x->frto = TX_FRTO_PROBING;
        else if (!t->sack_ok && n->dupack)
            x->frto = TX_FRTO_OFF;
    } else if (n->delivered && n->original) {
        return true;
    } else if (n->delivered || n->dupack) {
        x->frto = TX_FRTO_OFF;
    }
    return false;
}

/* Counts reported duplicates against what was sent again; true when nothing is left of that. */
static bool undo_by_dsack(struct tcb *t, const struct tx_news *n) {
    struct tx *x = t->tx;

    if (!n->dsacked || !x->undo_sent || ssn_le(n->dsack_end, tx_episode_start(x)) || ssn_lt(x->recover, n->dsack_end))
        return false;
    x->undo_retrans -= min_u32(n->dsacked, x->undo_retrans);
    return x->undo_retrans == 0;
}

static void undo(struct tcb *t) {
    struct tx *x = t->tx;

    cc_undo(&t->cc, &x->before);
    t->ecn_cwr = false;
    if (x->state >= TX_RECOVERY) {
        tx_clear_lost(t);
        settle(t);
    }
    x->undo_possible = false;
}

/*
 * RFC 4015 3: as before, but without a burst, and with a timeout that has learnt. What it learns is bounded by half the
 * timeout that proved too short, which makes the next one half as long again: the sample also holds however long the
 * acknowledgment was lost, and a path that loses some of them would drive the timeout to its maximum.
 */
static void undo_timeout(struct tcb *t, const struct tx_news *n) {
    const struct umptcp_config *cfg = &t->env->cfg;
    uint32_t flight_before = t->tx->recover_flight;
    dur bound = rtt_rto_base(&t->rtt, cfg->rto_min, cfg->rto_max) / 2;

    undo(t);
    t->cc.ssthresh = max_u32(t->cc.ssthresh, flight_before);
    t->cc.cwnd = max_u32(tx_outstanding(t) + min_u32(n->acked, tx_initial_window(t)), t->cc.mss);
    rtt_spurious(&t->rtt, n->rtt < bound ? n->rtt : bound);
}

/* As Linux tells them apart: by what ended, and by who said so. `full`: all that the episode was about has arrived. */
static void count_undo(struct tcb *t, uint8_t state, bool full, bool dsack, bool echo) {
    struct mib_table *mib = &t->env->mib;

    if (state == TX_LOSS) {
        mib_inc(mib, MIB_TCP_LOSS_UNDO);
        if (!dsack && !echo)
            mib_inc(mib, MIB_TCP_SPURIOUS_RTOS); /* F-RTO's alone */
    } else if (state == TX_RECOVERY && full) {
        mib_inc(mib, MIB_TCP_FULL_UNDO);
    } else if (dsack) {
        mib_inc(mib, MIB_TCP_DSACK_UNDO);
    } else {
        mib_inc(mib, MIB_TCP_PARTIAL_UNDO);
        mib_add(mib, MIB_TCP_TS_REORDER, ssn_lt(t->snd_una, t->tx->fack));
    }
}

/* True when the episode turns out to have been for nothing, and is over. */
static bool try_undo(struct tcb *t, const struct tx_news *n) {
    struct tx *x = t->tx;

    if (x->state < TX_RECOVERY && ssn_le(x->undo_until, t->snd_una) && n->acked)
        x->undo_possible = false;
    if (n->echoed) /* RFC 4015 3: whatever became of the segments, there is congestion */
        x->undo_possible = false;
    if (!x->undo_possible)
        return false;
    bool echo = x->state >= TX_RECOVERY && undo_by_echo(t, n);
    bool frto = x->state == TX_LOSS && undo_by_frto(t, n);
    const bool dsack = undo_by_dsack(t, n), full = ssn_le(x->recover, t->snd_una);
    const uint8_t state = x->state;
    if (dsack) {
        undo(t);
    } else if (x->state == TX_LOSS && (echo || frto)) {
        undo_timeout(t, n);
    } else if (echo) {
        undo(t);
    } else {
        return false;
    }
    count_undo(t, state, full, dsack, echo);
    return true;
}

/* ---- Acknowledgments -------------------------------------------------------------------------------------------- */

/* `loss`: behind a timeout the window grows as in slow start, also by the ACK that ends it (RFC 5681 3.1). */
static void grow(struct tcb *t, const struct tx_news *n, bool loss) {
    struct cc_ack ack = {.now = t->env->now,
                         .acked = n->acked,
                         .inflight = n->pipe,
                         .rtt = n->rtt_last,
                         .srtt = t->rtt.srtt,
                         .min_rtt = rtt_min(&t->rtt),
                         .una = t->snd_una,
                         .nxt = t->snd_nxt,
                         .mib = &t->env->mib,
                         .cwnd_limited = t->tx->cwnd_limited || loss};

    /* A cumulative ACK may jump over what had arrived long before the timeout: that is no room. */
    if (t->cc.ops->owns_window) {
        const struct cc_rate rate = rate_sample(t, n);
        ack.rate = &rate;
        t->cc.ops->on_ack(&t->cc, &ack);
        return;
    }
    if (loss)
        ack.acked = t->sack_ok ? n->delivered : min_u32(n->acked, t->cc.mss);
    if (ack.acked > 0)
        t->cc.ops->on_ack(&t->cc, &ack);
}

/* RFC 8985 7.4: the loss that a probe repaired is answered as a recovery would, without one. */
static void reduce_for_probe(struct tcb *t, uint32_t flight) {
    struct cc_event ev = congestion_event(t, CC_LOSS, flight);

    if (t->cc.ops->owns_window)
        return; /* it hears of what is lost, and this was one segment */
    t->cc.ops->on_congestion(&t->cc, &ev);
    ecn_reduced(t);
    t->cc.cwnd = min_u32(t->cc.cwnd, max_u32(t->cc.ssthresh, t->cc.mss));
    t->tx->undo_possible = false;
}

/* Begins an episode when there is a reason, and none of as much concern yet. */
static void answer(struct tcb *t, const struct tx_news *n, bool lost, bool repaired) {
    struct tx *x = t->tx;

    if (!n->echoed)
        x->holds = 0;
    if (x->state < TX_RECOVERY && lost) {
        recovery_enter(t, n->outstanding, n->sacked);
        x->undo_possible = x->undo_possible && !n->echoed;
    } else if (x->state < TX_CWR && n->echoed) {
        cwr_enter(t, n);
    } else if (x->state < TX_CWR && repaired) {
        reduce_for_probe(t, n->outstanding);
    }
}

/* What an acknowledgment means for the episode. True when the window may grow by it. */
static bool judge(struct tcb *t, const struct tx_news *n) {
    struct tx *x = t->tx;
    bool repaired = probe_repaired(t, n);
    if (try_undo(t, n))
        return false;
    const bool ended = x->state >= TX_RECOVERY && ssn_le(x->recover, t->snd_una);
    const bool loss = x->state == TX_LOSS;
    if (ended || (x->state == TX_CWR && ssn_lt(x->recover, t->snd_una)))
        episode_end(t);
    uint32_t lost = detect(t, n);
    if (x->state < TX_CWR)
        x->state = x->sacked ? TX_DISORDER : TX_OPEN;
    const bool probe = x->state < TX_RECOVERY && lost && pmtu_probe_lost(t, lost); /* it goes again, in pieces */
    answer(t, n, !probe && (lost || (ended && x->lost)), repaired);
    if (x->state == TX_RECOVERY || x->state == TX_CWR)
        prr_step(t, n->delivered, n->acked && !lost);
    return x->state != TX_RECOVERY && x->state != TX_CWR && (loss || (!ended && !repaired));
}

void recovery_ack(struct tcb *t, const struct tx_news *n) {
    if (t->rtx_mode == TX_TIMER_REO)
        t->rtx_mode = TX_TIMER_NONE; /* detection sets it anew */
    rack_dsack(t, n);
    if (!t->tx)
        return; /* the report came after all else */
    const bool loss = t->tx->state == TX_LOSS;
    if (judge(t, n) || t->cc.ops->owns_window)
        grow(t, n, loss);
}

/* ---- Timer ------------------------------------------------------------------------------------------------------ */

void tx_set_timer(struct tcb *t, enum tx_timer_mode mode, utime at) {
    t->rtx_mode = (uint8_t)mode;
    tcb_set_due(t, &t->due.rtx, at);
}

/* Data or a FIN waits, nothing is in flight whose acknowledgment would open the window, and the window is too small. */
static bool window_blocks(const struct tcb *t) {
    struct ssn edge = ssn_add(t->snd_una, t->snd_wnd);
    uint64_t waiting = ssn_sub(t->snd_end, ssn_min(t->snd_nxt, t->snd_end)) + (t->fin_queued && !t->fin_sent);
    uint64_t room = ssn_lt(t->snd_nxt, edge) ? ssn_sub(edge, t->snd_nxt) : 0;

    return t->state != UMPTCP_CLOSED && room < waiting && room < t->cc.mss;
}

static void arm_persist(struct tcb *t) {
    const struct umptcp_config *cfg = &t->env->cfg;

    if (!window_blocks(t)) {
        tx_set_timer(t, TX_TIMER_NONE, UMPTCP_NEVER);
    } else if (t->rtx_mode != TX_TIMER_PERSIST || time_is_never(t->due.rtx)) {
        struct rtt backed_off = t->rtt;
        backed_off.backoff = t->persist_shift;
        tx_set_timer(t, TX_TIMER_PERSIST, time_add(t->env->now, rtt_rto(&backed_off, cfg->rto_min, cfg->rto_max)));
    }
}

/* The time of `hold`, unless it runs. */
static void arm_hold(struct tcb *t) {
    const dur most = t->env->cfg.rto_max;
    dur wait = tx_rto(t);

    if (t->rtx_mode == TX_TIMER_HOLD && !time_is_never(t->due.rtx))
        return;
    for (uint8_t i = 1; i < t->tx->holds && wait < most; i++)
        wait *= 2;
    tx_set_timer(t, TX_TIMER_HOLD, time_add(t->env->now, wait < most ? wait : most));
}

void tx_arm(struct tcb *t) {
    const struct tx *x = tx_of(t);

    if (t->state == UMPTCP_SYN_SENT || t->state == UMPTCP_SYN_RCVD)
        return;
    if (x->hold) {
        arm_hold(t);
        return;
    }
    if (x->recs.count == 0) {
        arm_persist(t);
        return;
    }
    if (t->rtx_mode == TX_TIMER_REO)
        return;
    /* RFC 6298 5: an RTO after the last progress, but not sooner after the first record was sent again. */
    const struct tx_rec *front = deque_front(&x->recs);
    utime rto = time_add(time_max(x->rto_from, front->sent), tx_rto(t));
    if (!probe_wanted(t)) {
        tx_set_timer(t, TX_TIMER_RTO, rto);
        return;
    }
    utime pto = time_add(time_max(x->rto_from, t->last_sent), probe_timeout(t));
    tx_set_timer(t, TX_TIMER_PTO, time_min(pto, rto));
}

/* The time for reordering is over. */
static void reordering_timeout(struct tcb *t) {
    struct tx *x = t->tx;
    uint32_t pipe = tx_pipe(t);

    const uint32_t lost = rack_detect(t);
    if (lost == 0)
        return;
    if (x->state < TX_RECOVERY && pmtu_probe_lost(t, lost))
        return;
    if (x->state < TX_RECOVERY) {
        recovery_enter(t, tx_outstanding(t), x->sacked);
        prr_step(t, 0, false);
    } else if (x->state == TX_RECOVERY && !t->cc.ops->owns_window) { /* only what arrives lets more out */
        t->cc.cwnd = max_u32(t->cc.cwnd - min_u32(pipe - tx_pipe(t), t->cc.cwnd), t->cc.mss);
    }
}

bool tx_timeout(struct tcb *t) {
    struct tx *x = t->tx;
    uint8_t mode = t->rtx_mode;

    t->rtx_mode = TX_TIMER_NONE;
    if (mode == TX_TIMER_HOLD && x) {
        x->hold = false;
        tx_arm(t);
        return false;
    }
    if (!x || x->recs.count == 0)
        return false;
    if (mode == TX_TIMER_REO) {
        reordering_timeout(t);
    } else if (mode == TX_TIMER_PTO) {
        x->tlp_pending = true;
        x->rto_from = t->env->now; /* RFC 8985 7.3: whether the probe can be sent or not */
    } else if (mode == TX_TIMER_RTO) {
        retransmission_timeout(t);
    }
    tx_arm(t);
    return mode == TX_TIMER_RTO;
}
