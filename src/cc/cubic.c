/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CUBIC (RFC 9438). After a loss the window grows as a cubic function of time that is flat around the window at which
 * the loss happened, W(t) = C (t - K)^3 + Wmax, but never slower than Reno would (W_est).
 *
 * All in integers: windows in bytes, time in milliseconds where it is cubed and microseconds where it is added up. With
 * C = 0.4 segments per cubic second, W(t) - Wmax = mss * 2/5 * d^3 / 10^9 bytes for d milliseconds; d is bounded so
 * that the product stays within 64 bits (262 s, more than 7 million segments away from Wmax).
 *
 * The clock of W(t) only runs while the window is what holds data back: neither an idle nor an application-limited time
 * lets it jump.
 */
#include "cc/hystart.h"

#include <assert.h>

enum {
    D_MAX_MS = 1 << 18,
    BETA_NUM = 7, /* multiplicative decrease 0.7 */
    BETA_DEN = 10,
    ABE_NUM = 17, /* RFC 8511 3: 0.85 for a mark of the network */
    ABE_DEN = 20,
    FAST_NUM = 17, /* fast convergence: Wmax = cwnd (1 + beta) / 2 */
    FAST_DEN = 20,
    ALPHA_NUM = 9, /* Reno-friendly growth 3 (1 - beta) / (1 + beta) */
    ALPHA_DEN = 17,
    EST_SHIFT = 8, /* w_est has so many fractional bits */
};

struct cubic_epoch {
    uint32_t w_max;      /* 0: the next epoch starts flat, K = 0 and Wmax = cwnd */
    uint32_t k_ms;       /* time from the start of the epoch until W(t) is back at w_max */
    uint32_t cwnd_prior; /* window before the last reduction */
    uint32_t grown_us;   /* time in this epoch, see above */
    uint64_t w_est;      /* Reno's window; 0: no epoch yet */
};

struct cubic {
    union {                       /* a connection searches for its window once, and then follows epochs */
        struct hystart hystart;   /* until `searched` */
        struct cubic_epoch epoch; /* from then on */
    };
    utime last;    /* grown_us is counted up to here */
    uint32_t rest; /* of the last step, in bytes * cwnd */
    bool searched;
};

static_assert(sizeof(struct cubic) <= CC_STATE_SIZE, "the state must fit into struct cc");

static struct cubic *state_of(struct cc *cc) { return (struct cubic *)(void *)cc->state; }

/* The integer cube root, digit by binary digit. */
static uint32_t cube_root(uint64_t a) {
    uint64_t root = 0;
    for (int shift = 63; shift >= 0; shift -= 3) {
        root *= 2;
        uint64_t step = 3 * root * (root + 1) + 1;
        if (a >> shift >= step) {
            a -= step << shift;
            root++;
        }
    }
    return (uint32_t)root;
}

/* W(t) `t_ms` after the start of the epoch; not below one segment. */
static uint32_t w_cubic(const struct cubic_epoch *e, uint32_t mss, uint64_t t_ms) {
    bool before = t_ms < e->k_ms;
    uint64_t d = before ? e->k_ms - t_ms : t_ms - e->k_ms;
    d = d < D_MAX_MS ? d : D_MAX_MS - 1;
    uint64_t delta = d * d * d / 1000 * (2 * mss) / (5 * 1000000);
    if (before)
        return delta + mss < e->w_max ? e->w_max - (uint32_t)delta : mss;
    return delta < CC_CWND_MAX && e->w_max + delta < CC_CWND_MAX ? e->w_max + (uint32_t)delta : CC_CWND_MAX;
}

/* The first slow start is over: by a loss, or because HyStart++ said so. */
static void end_search(struct cubic *s) {
    if (s->searched)
        return;
    s->searched = true;
    s->epoch = (struct cubic_epoch){0};
}

static void begin_epoch(struct cubic *s, const struct cc *cc, utime now) {
    struct cubic_epoch *e = &s->epoch;

    e->k_ms = 0;
    if (e->w_max > cc->cwnd) /* K = cbrt((Wmax - cwnd) / C), in ms: 10^9 / 0.4 under the root */
        e->k_ms = cube_root((uint64_t)(e->w_max - cc->cwnd) * 2500000000u / cc->mss);
    else
        e->w_max = cc->cwnd;
    if (e->cwnd_prior == 0)
        e->cwnd_prior = cc->cwnd;
    e->w_est = (uint64_t)cc->cwnd << EST_SHIFT;
    e->grown_us = 0;
    s->rest = 0;
    s->last = now;
}

/* Moves the epoch's clock to `now`; the time counts when the window was in use. */
static void run_clock(struct cubic *s, utime now, bool counts) {
    uint64_t us = time_since(now, s->last) / USEC(1);
    if (!counts) {
        s->last = now;
        return;
    }
    s->last = time_add(s->last, USEC(us));
    s->epoch.grown_us = us < UINT32_MAX - s->epoch.grown_us ? s->epoch.grown_us + (uint32_t)us : UINT32_MAX;
}

static void grow_reno_estimate(struct cubic_epoch *e, const struct cc *cc, uint32_t acked) {
    uint64_t step = ((uint64_t)cc->mss * acked << EST_SHIFT) / cc->cwnd;
    if (e->w_est >> EST_SHIFT < e->cwnd_prior)
        step = step * ALPHA_NUM / ALPHA_DEN;
    e->w_est += step;
    if (e->w_est > (uint64_t)CC_CWND_MAX << EST_SHIFT)
        e->w_est = (uint64_t)CC_CWND_MAX << EST_SHIFT;
}

static void avoid_congestion(struct cubic *s, struct cc *cc, const struct cc_ack *ack) {
    struct cubic_epoch *e = &s->epoch;
    const uint64_t now_ms = e->grown_us / 1000u;

    grow_reno_estimate(e, cc, ack->acked);
    uint32_t est = (uint32_t)(e->w_est >> EST_SHIFT);
    if (w_cubic(e, cc->mss, now_ms) < est) { /* RFC 9438 4.3: the Reno-friendly region */
        if (est > cc->cwnd)
            cc_grow(cc, est - cc->cwnd);
        return;
    }
    uint32_t target = w_cubic(e, cc->mss, now_ms + ack->srtt / MSEC(1));
    uint32_t highest = cc->cwnd + cc->cwnd / 2;
    target = target < highest ? target : highest;
    if (target <= cc->cwnd)
        return;
    uint64_t step = (uint64_t)(target - cc->cwnd) * ack->acked + s->rest;
    uint32_t full = cc->cwnd;
    s->rest = (uint32_t)(step % full);
    step /= full;
    cc_grow(cc, step < target - full ? (uint32_t)step : target - full);
}

static void cubic_init(struct cc *cc) { hystart_init(&state_of(cc)->hystart); }

static void cubic_on_ack(struct cc *cc, const struct cc_ack *ack) {
    struct cubic *s = state_of(cc);

    if (cc_in_slow_start(cc)) {
        slow_start_ack(s->searched ? NULL : &s->hystart, cc, ack);
        return;
    }
    end_search(s);
    if (s->epoch.w_est == 0)
        begin_epoch(s, cc, ack->now);
    run_clock(s, ack->now, ack->cwnd_limited);
    if (ack->cwnd_limited)
        avoid_congestion(s, cc, ack);
}

/*
 * Lowers ssthresh and ends the epoch. From the window, not from what is in flight (RFC 9438 4.6 leaves the choice): a
 * path that was just starved - by the application, or by bytes that another subflow holds up - would be taken for a
 * slow one. That the window was really used is seen to where it grows, see cwnd_limited.
 */
static void reduce(struct cc *cc, bool abe) {
    struct cubic *s = state_of(cc);
    uint32_t less = (uint32_t)((uint64_t)cc->cwnd * (abe ? ABE_NUM : BETA_NUM) / (abe ? ABE_DEN : BETA_DEN));

    s->epoch.cwnd_prior = cc->cwnd;
    s->epoch.w_est = 0;
    cc->ssthresh = less > 2 * cc->mss ? less : 2 * cc->mss;
}

static void cubic_on_congestion(struct cc *cc, const struct cc_event *ev) {
    struct cubic *s = state_of(cc);
    uint32_t w_max = cc->cwnd;

    end_search(s);
    if (cc->cwnd < s->epoch.w_max) /* RFC 9438 4.7: others want a share: leave them more */
        w_max = (uint32_t)((uint64_t)cc->cwnd * FAST_NUM / FAST_DEN);
    reduce(cc, ev->abe && ev->cause == CC_ECN);
    s->epoch.w_max = ev->cause == CC_RTO ? 0 : w_max; /* after a timeout the next epoch starts flat: RFC 9438 4.8 */
}

static void cubic_on_idle(struct cc *cc, utime now, dur idle) {
    (void)idle;
    run_clock(state_of(cc), now, false);
}

const struct cc_ops cc_cubic = {
    .name = "cubic",
    .init = cubic_init,
    .on_ack = cubic_on_ack,
    .on_congestion = cubic_on_congestion,
    .on_idle = cubic_on_idle,
};
