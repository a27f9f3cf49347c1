/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wVegas, Weighted Vegas (draft-xu-mptcp-congestion-control-05): congestion is told by delay. Each path tries to have
 * alpha packets queued at its bottleneck, looked at once per round trip; the alphas of a connection make TOTAL_ALPHA
 * together, and go with the rates, so that traffic moves to where delay is less.
 *
 * This needs a queue that has room for them. Where a bottleneck drops before that each path grows as a TCP by itself
 * does, and the connection takes as much as several.
 */
#include <assert.h>

#include "cc/coupled.h"

enum {
    TOTAL_ALPHA = 10, /* packets queued by all of a connection */
    ALPHA_MIN = 2,    /* by one path; also what it begins with */
    GAMMA = 1,        /* slow start is over beyond this */
    DIFF_SHIFT = 8,   /* fractional bits of packets queued */
};

struct wvegas {
    struct coupled c;
    uint64_t sum_us; /* of this round's samples */
    uint32_t samples;
    uint32_t base_us;  /* the shortest round trip ever; 0: none */
    uint32_t queue_us; /* the smallest delay of a queue since it was last drained; 0: none */
    uint32_t alpha;    /* << DIFF_SHIFT */
};

static_assert(offsetof(struct wvegas, c) == 0, "the members of the ring are found by it");

static struct wvegas *state_of(const struct cc *cc) { return cc->block; }

static void begin_round(struct wvegas *s) {
    s->sum_us = 0;
    s->samples = 0;
}

static void wvegas_init(struct cc *cc) {
    coupled_init(cc);
    struct wvegas *s = state_of(cc);
    begin_round(s);
    s->base_us = s->queue_us = 0;
    s->alpha = ALPHA_MIN << DIFF_SHIFT;
}

static void take_sample(struct wvegas *s, dur rtt) {
    uint64_t us = rtt / USEC(1);

    if (!rtt)
        return;
    us = us == 0 ? 1 : us < UINT32_MAX ? us : UINT32_MAX;
    if (!s->base_us || us < s->base_us)
        s->base_us = (uint32_t)us;
    s->sum_us += us;
    s->samples++;
}

/* alpha by this path's part of all rates. */
static void weigh(struct wvegas *s) {
    uint64_t part = coupled_ratio(coupled_seen_from(&s->c, &s->c), coupled_sum(&s->c));
    uint32_t alpha = (uint32_t)(part * TOTAL_ALPHA >> (RATIO_SHIFT - DIFF_SHIFT));
    s->alpha = alpha > ALPHA_MIN << DIFF_SHIFT ? alpha : ALPHA_MIN << DIFF_SHIFT;
}

/*
 * A queue of twice the smallest delay seen is emptied, so that base_us can be measured again. While the path still has
 * less than alpha packets queued its queue grows on purpose, and that is no reason.
 */
static void drain(struct wvegas *s, struct cc *cc, uint32_t rtt_us) {
    uint32_t delay = rtt_us - s->base_us;

    if (delay == 0)
        return;
    if (!s->queue_us || delay < s->queue_us)
        s->queue_us = delay;
    if (delay / 2 < s->queue_us)
        return;
    uint64_t less = (uint64_t)cc->cwnd * s->base_us / (2 * (uint64_t)rtt_us);
    cc->cwnd = less > cc->mss ? (uint32_t)less : cc->mss;
    cc->ssthresh = cc->ssthresh < cc->cwnd ? cc->ssthresh : cc->cwnd;
    s->queue_us = 0;
}

static void avoid_congestion(struct wvegas *s, struct cc *cc, uint64_t diff, uint32_t rtt_us, bool limited) {
    if (diff >= s->alpha)
        weigh(s);
    if (diff > s->alpha)
        coupled_shrink(cc, 1);
    else if (diff < s->alpha && limited)
        cc_grow(cc, cc->mss);
    if (diff >= s->alpha)
        drain(s, cc, rtt_us);
}

/* A round trip is over. */
static void judge(struct wvegas *s, struct cc *cc, bool limited) {
    if (!s->samples)
        return;
    const uint32_t rtt_us = (uint32_t)(s->sum_us / s->samples);
    const uint64_t packets = ((uint64_t)cc->cwnd << DIFF_SHIFT) / cc->mss;
    const uint64_t diff = packets * (rtt_us - s->base_us) / rtt_us;

    if (!cc_in_slow_start(cc)) {
        avoid_congestion(s, cc, diff, rtt_us, limited);
    } else if (diff > GAMMA << DIFF_SHIFT) {
        uint64_t target = (uint64_t)cc->cwnd * s->base_us / rtt_us + cc->mss;
        cc->cwnd = target < cc->cwnd ? (uint32_t)target : cc->cwnd;
        cc->ssthresh = cc->cwnd;
    }
}

static void wvegas_on_ack(struct cc *cc, const struct cc_ack *ack) {
    struct wvegas *s = state_of(cc);

    coupled_note_ack(&s->c, ack);
    take_sample(s, ack->rtt);
    if (coupled_round(&s->c, ack)) {
        judge(s, cc, ack->cwnd_limited);
        begin_round(s);
    }
    if (cc_in_slow_start(cc)) /* its own end of slow start takes the place of HyStart++ */
        slow_start_ack(NULL, cc, ack);
}

static void wvegas_on_congestion(struct cc *cc, const struct cc_event *ev) {
    struct wvegas *s = state_of(cc);

    coupled_on_congestion(cc, ev);
    begin_round(s);
    s->queue_us = 0;
}

/* What was measured before says nothing about the path now; base_us stays, a path's length does not idle away. */
static void wvegas_on_idle(struct cc *cc, utime now, dur idle) {
    (void)now;
    (void)idle;
    begin_round(state_of(cc));
}

const struct cc_ops cc_wvegas = {
    .name = "wvegas",
    .state_size = sizeof(struct wvegas),
    .init = wvegas_init,
    .release = coupled_release,
    .couple = coupled_join,
    .on_ack = wvegas_on_ack,
    .on_congestion = wvegas_on_congestion,
    .on_undo = coupled_on_undo,
    .on_idle = wvegas_on_idle,
};
