/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rate at which a window is meant to leave, and how much of it goes in one piece.
 *
 * A window per round trip is the rate of the path; slow start needs twice that, for the window doubles meanwhile, and a
 * little more than once lets avoidance grow. It is worked out from what congestion control holds, never stored.
 *
 * A super-segment is what the rate brings in about a millisecond, so that a slow path is not given a burst of many
 * segments where two would do, and a fast one is not paid for segment by segment. Where the round trip itself is
 * shorter than that the acknowledgments come in bursts anyway, and only large pieces keep up: each doubling of the
 * shortest round trip halves what is added for it. No piece is more than half of the window: the peer acknowledges the
 * first half while the other one is under way.
 */
#include "tcp/internal.h"

enum { RATE_MAX_SHIFT = 10 /* a second holds about 2^10 ms */ };

uint64_t tcp_pacing_rate(const struct tcb *t) {
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

uint32_t tcp_super_max(const struct tcb *t) {
    const struct umptcp_config *cfg = &t->env->cfg;
    const uint32_t mss = tcp_full_segment(t), half = tx_window(t) / 2;
    const uint64_t doublings = cfg->tso_rtt_log < 32 ? (uint64_t)t->rtt.min_us >> cfg->tso_rtt_log : 32;
    uint64_t bytes = tcp_pacing_rate(t) >> RATE_MAX_SHIFT;
    bytes = bytes < TCP_SUPER_MAX ? bytes : TCP_SUPER_MAX;
    bytes += doublings < 32 ? TCP_SUPER_MAX >> doublings : 0;
    const uint64_t least = (uint64_t)cfg->min_tso_segs * mss;
    bytes = bytes > least ? bytes : least;
    bytes = bytes < half ? bytes : half;
    bytes = bytes < TCP_SUPER_MAX ? bytes : TCP_SUPER_MAX;
    bytes -= bytes % mss;
    return bytes > mss ? (uint32_t)bytes : mss;
}
