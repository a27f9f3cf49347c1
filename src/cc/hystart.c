/* SPDX-License-Identifier: BSD-3-Clause */
/* Slow start with HyStart++ (RFC 9406 4.2). */
#include "cc/hystart.h"
#include "base/minmax.h"

#include <assert.h>

enum {
    MIN_RTT_THRESH_US = 4000,
    MAX_RTT_THRESH_US = 16000,
    MIN_RTT_DIVISOR = 8,
    N_RTT_SAMPLE = 8,
    CSS_GROWTH_DIVISOR = 4,
    CSS_ROUNDS = 5,
    L_SEGMENTS = 8,
    /* RFC 9406 limits growth per acknowledgment to L segments because a larger step leaves as a burst. Here data leaves
     * in super-segments anyway and each brings one acknowledgment, so one of those is no burst. */
    L_BYTES = 65536,
};

void hystart_init(struct hystart *h) {
    *h = (struct hystart){
        .last_min_us = UINT32_MAX, .cur_min_us = UINT32_MAX, .baseline_us = UINT32_MAX, .phase = HYSTART_SLOW_START};
}

void hystart_stop(struct hystart *h) { h->phase = HYSTART_OFF; }

static void begin_round(struct hystart *h, struct ssn nxt) {
    h->round_end = nxt;
    h->last_min_us = h->cur_min_us;
    h->cur_min_us = UINT32_MAX;
    h->samples = 0;
}

static void take_sample(struct hystart *h, dur rtt) {
    h->cur_min_us = min_u32(h->cur_min_us, rtt / USEC(1) < UINT32_MAX ? (uint32_t)(rtt / USEC(1)) : UINT32_MAX - 1);
    if (h->samples < UINT8_MAX)
        h->samples++;
}

/* Goes between the two phases by what this round's samples say. */
static void judge_round(struct hystart *h) {
    if (h->samples < N_RTT_SAMPLE)
        return;
    if (h->phase == HYSTART_CONSERVATIVE) {
        if (h->cur_min_us < h->baseline_us)
            h->phase = HYSTART_SLOW_START; /* the delay was a passing one */
        return;
    }
    if (h->last_min_us == UINT32_MAX)
        return;
    uint32_t thresh = max_u32(MIN_RTT_THRESH_US, min_u32(h->last_min_us / MIN_RTT_DIVISOR, MAX_RTT_THRESH_US));
    if (h->cur_min_us >= h->last_min_us && h->cur_min_us - h->last_min_us >= thresh) {
        h->phase = HYSTART_CONSERVATIVE;
        h->baseline_us = h->cur_min_us;
        h->css_rounds = 0;
    }
}

/* Returns false when slow start is over. */
static bool watch(struct hystart *h, const struct cc_ack *ack) {
    if (ssn_le(h->round_end, ack->una)) {
        begin_round(h, ack->nxt);
        if (h->phase == HYSTART_CONSERVATIVE && ++h->css_rounds >= CSS_ROUNDS)
            return false;
    }
    if (ack->rtt)
        take_sample(h, ack->rtt);
    judge_round(h);
    return true;
}

void slow_start_ack(struct hystart *h, struct cc *cc, const struct cc_ack *ack) {
    assert(cc_in_slow_start(cc));
    if (h && h->phase == HYSTART_OFF)
        h = NULL;
    if (h && !watch(h, ack)) {
        cc->ssthresh = cc->cwnd;
        h->phase = HYSTART_OFF;
        if (ack->mib) {
            mib_inc(ack->mib, MIB_TCP_HYSTART_DELAY_DETECT);
            mib_add(ack->mib, MIB_TCP_HYSTART_DELAY_CWND, cc->cwnd / cc->mss);
        }
        return;
    }
    if (!ack->cwnd_limited)
        return;
    uint32_t grow = min_u32(ack->acked, max_u32(L_SEGMENTS * cc->mss, L_BYTES));
    if (h && h->phase == HYSTART_CONSERVATIVE)
        grow /= CSS_GROWTH_DIVISOR;
    cc_grow(cc, min_u32(grow, cc->ssthresh - cc->cwnd));
}
