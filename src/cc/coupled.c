/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring of a connection's subflows, sums over it, and the window's way from a gain. */
#include "cc/coupled.h"
#include "base/minmax.h"

enum { RTT_MAX_US = 60 * 1000 * 1000 };

/* ---- Members ---------------------------------------------------------------------------------------------------- */

void coupled_init(struct cc *cc) {
    struct coupled *c = coupled_of(cc);

    *c = (struct coupled){.cc = cc, .due = true};
    list_init(&c->ring);
    hystart_init(&c->hystart);
}

static void make_due(struct coupled *c) {
    for (struct coupled *m = c; m; m = coupled_next(m, c))
        m->due = true;
}

void coupled_join(struct cc *cc, struct cc *other) {
    struct coupled *c = coupled_of(cc);

    make_due(c);
    list_remove(&c->ring);
    if (other)
        list_push_back(&coupled_of(other)->ring, &c->ring);
    make_due(c);
}

void coupled_release(struct cc *cc) { coupled_join(cc, NULL); }

/* ---- Sums ------------------------------------------------------------------------------------------------------- */

uint32_t coupled_window(const struct coupled *c) {
    const struct cc *cc = c->cc;
    uint32_t w = c->recovering ? cc->ssthresh : cc->cwnd;
    return max_u32(min_u32(w, CC_CWND_MAX), 1);
}

uint64_t coupled_ratio(uint64_t a, uint64_t b) {
    while ((a | b) >> 32) {
        a >>= 1;
        b >>= 1;
    }
    return (a << RATIO_SHIFT) / (b ? b : 1);
}

uint64_t coupled_seen_from(const struct coupled *c, const struct coupled *m) {
    uint64_t w = (uint64_t)coupled_window(m) << SUM_SHIFT;
    return m == c ? w : w * c->srtt_us / m->srtt_us;
}

uint64_t coupled_sum(const struct coupled *c) {
    uint64_t sum = coupled_seen_from(c, c);

    if (!coupled_counts(c)) /* nothing can be compared yet */
        return sum;
    for (const struct coupled *m = coupled_next(c, c); m; m = coupled_next(m, c)) {
        uint64_t part = coupled_counts(m) ? coupled_seen_from(c, m) : 0;
        sum = part < UINT64_MAX - sum ? sum + part : UINT64_MAX;
    }
    return sum;
}

uint64_t coupled_share(const struct coupled *c) {
    uint64_t part = coupled_ratio(coupled_seen_from(c, c), coupled_sum(c));
    return part * part / coupled_window(c);
}

/* ---- The window ------------------------------------------------------------------------------------------------- */

void coupled_note_ack(struct coupled *c, const struct cc_ack *ack) {
    uint64_t us = ack->srtt / USEC(1);

    if (ack->srtt)
        c->srtt_us = us == 0 ? 1 : us < RTT_MAX_US ? (uint32_t)us : RTT_MAX_US;
    c->recovering = false;
}

bool coupled_round(struct coupled *c, const struct cc_ack *ack) {
    if (ssn_lt(ack->una, c->round_end))
        return false;
    c->round_end = ack->nxt;
    return true;
}

void coupled_shrink(struct cc *cc, uint64_t n) {
    uint32_t spare = cc->cwnd - min_u32(cc->cwnd, cc->mss);

    cc->cwnd -= n * cc->mss < spare ? (uint32_t)n * cc->mss : spare;
    cc->ssthresh = min_u32(cc->ssthresh, cc->cwnd);
}

static void compute_gain(struct coupled *c, int64_t gain) {
    uint64_t part = gain < 0 ? -(uint64_t)gain : (uint64_t)gain;

    if (c->shrinks != (gain < 0)) /* what was acknowledged counted for the other direction */
        c->acked = 0;
    c->shrinks = gain < 0;
    c->period = part ? (UINT64_C(1) << GAIN_SHIFT) / part : 0;
    if (c->acked > c->period) /* one segment at most from before: that was another rate */
        c->acked = c->period;
    c->due = false;
}

void coupled_on_ack(struct cc *cc, const struct cc_ack *ack, int64_t (*gain)(const struct coupled *c)) {
    struct coupled *c = coupled_of(cc);
    bool round = coupled_round(c, ack);

    coupled_note_ack(c, ack);
    if (cc_in_slow_start(cc)) {
        c->due = true;
        slow_start_ack(&c->hystart, cc, ack);
        return;
    }
    if (!ack->cwnd_limited)
        return;
    if (c->due || round)
        compute_gain(c, gain(c));
    if (!c->period)
        return;
    c->acked += ack->acked;
    if (c->acked < c->period)
        return;
    uint64_t n = c->acked / c->period;
    c->acked %= c->period;
    c->due = true;
    if (c->shrinks)
        coupled_shrink(cc, n);
    else
        cc_grow(cc, n < CC_CWND_MAX / cc->mss ? (uint32_t)n * cc->mss : CC_CWND_MAX);
}

void coupled_reduce(struct cc *cc, const struct cc_event *ev, uint32_t window, uint32_t least) {
    struct coupled *c = coupled_of(cc);

    cc->ssthresh = max_u32(window, least * cc->mss);
    c->acked = 0;
    c->recovering = ev->cause != CC_RTO; /* after a timeout cwnd is what it is */
    hystart_stop(&c->hystart);
    make_due(c);
}

void coupled_on_congestion(struct cc *cc, const struct cc_event *ev) { coupled_reduce(cc, ev, ev->inflight / 2, 2); }

void coupled_on_undo(struct cc *cc) {
    coupled_of(cc)->recovering = false;
    make_due(coupled_of(cc));
}
