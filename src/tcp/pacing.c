/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rate at which a window is meant to leave, when the next piece of it may, and how much goes in one piece.
 *
 * A window per round trip is the rate of the path; slow start needs twice that, for the window doubles meanwhile, and a
 * little more than once lets avoidance grow. It is worked out from what congestion control holds, never stored, unless
 * the algorithm has a rate of its own. Payload is only paced when the algorithm wants that, the configuration, or a
 * limit that the user set; then it waits for its time as for room in a window. Acknowledgments, probes and FINs do not.
 *
 * A super-segment is what the rate brings in about a millisecond, so that a slow path is not given a burst of many
 * segments where two would do, and a fast one is not paid for segment by segment. Where the round trip itself is
 * shorter than that the acknowledgments come in bursts anyway, and only large pieces keep up: each doubling of the
 * shortest round trip halves what is added for it. No piece is more than half of the window: the peer acknowledges the
 * first half while the other one is under way.
 */
#include "base/minmax.h"
#include "tcp/internal.h"

#include <errno.h>

enum {
    MS_SHIFT = 10,         /* a second holds about 2^10 ms */
    UNPACED_SEGMENTS = 10, /* the first window goes at once */
};

/* ---- The rate ---------------------------------------------------------------------------------------------------- */

static uint64_t window_rate(const struct tcb *t) {
    const struct umptcp_config *cfg = &t->env->cfg;
    const struct cc *cc = &t->cc;
    const bool doubles = cc->cwnd < cc->ssthresh / 2;
    const uint64_t percent = doubles ? cfg->pacing_ss_ratio : cfg->pacing_ca_ratio;
    const uint64_t us = t->rtt.srtt / USEC(1) ? t->rtt.srtt / USEC(1) : 1;
    if (t->rtt.srtt == 0)
        return UINT64_MAX;
    const uint32_t flight = tx_outstanding(t);
    return (cc->cwnd > flight ? cc->cwnd : flight) * percent * 10000 / us;
}

uint64_t tcp_pacing_rate(const struct tcb *t) {
    const uint64_t own = t->cc.ops->pacing_rate ? t->cc.ops->pacing_rate(&t->cc) : 0,
                   most = tcb_extra(t)->max_pacing_rate;
    const uint64_t rate = own ? own : window_rate(t);
    return most ? min_u64(rate, most) : rate;
}

/* ---- When -------------------------------------------------------------------------------------------------------- */

static bool paces(const struct tcb *t) {
    return t->cc.ops->pacing_rate || t->env->cfg.pacing || tcb_extra(t)->max_pacing_rate;
}

bool tcp_paced_out(const struct tcb *t) { return time_before(t->env->now, tcb_extra(t)->pace_at); }

/*
 * The time that the bytes take at the rate. Who comes late - a timer is never early - gets half of that back at most:
 * the rate holds on average, and a pause is not made good by a burst.
 */
void pacing_sent(struct tcb *t, uint32_t len) {
    if (len == 0 || !paces(t) || t->data_segs_out < UNPACED_SEGMENTS)
        return;
    const uint64_t rate = tcp_pacing_rate(t);
    struct tcp_extra *x = rate < UINT64_MAX ? tcp_extra(t) : NULL;
    if (!x)
        return;
    const utime now = t->env->now, from = time_max(now, x->pace_at);
    dur takes = (uint64_t)len * SEC(1) / (rate ? rate : 1);
    takes -= min_u64(takes / 2, time_since(from, x->pace_at));
    x->pace_at = time_add(from, takes);
    tcb_set_due(t, &x->pace_due, x->pace_at);
}

int tcp_set_max_pacing_rate(struct tcb *t, uint64_t rate) {
    struct tcp_extra *x = rate ? tcp_extra(t) : t->extra;
    if (!x)
        return rate ? -ENOMEM : 0;
    x->max_pacing_rate = rate;
    return 0;
}

/* ---- How much at once -------------------------------------------------------------------------------------------- */

uint32_t tcp_super_max(const struct tcb *t) {
    const struct umptcp_config *cfg = &t->env->cfg;
    const uint32_t mss = tcp_full_segment(t), half = tx_window(t) / 2;
    const uint64_t doublings = cfg->tso_rtt_log < 32 ? (uint64_t)t->rtt.min_us >> cfg->tso_rtt_log : 32;
    uint64_t bytes = doublings < 32 ? (uint64_t)TCP_SUPER_MAX >> doublings : 0;
    if (bytes < TCP_SUPER_MAX) /* else the rate makes no difference, and costs a division */
        bytes += min_u64(tcp_pacing_rate(t) >> MS_SHIFT, TCP_SUPER_MAX);
    const uint64_t least = (uint64_t)cfg->min_tso_segs * mss;
    bytes = bytes > least ? bytes : least;
    bytes = bytes < half ? bytes : half;
    bytes = bytes < t->max_snd_wnd / 2 ? bytes : t->max_snd_wnd / 2; /* the rest of the window is for what follows */
    bytes = bytes < TCP_SUPER_MAX ? bytes : TCP_SUPER_MAX;
    return bytes > mss ? (uint32_t)bytes - (uint32_t)bytes % mss : mss;
}
