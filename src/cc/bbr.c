/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BBR version 3, after draft-ietf-ccwg-bbr-02; names are the draft's. It does not wait for losses: from samples of the
 * delivery rate and the round trip it keeps a model of the path, and sends at the rate of the bottleneck with about one
 * bandwidth-delay product in flight.
 *
 *   max_bw, min_rtt           what the path can do: the largest rate of the last two cycles, the smallest delay of 10 s
 *   inflight_longterm         how much may be in flight before more than 2 % of it get lost, as probing has found
 *   bw_, inflight_shortterm   lower bounds after a loss, until the next probe
 *
 * STARTUP doubles the rate each round until it does not grow any more, DRAIN empties the queue that this has made. From
 * then on PROBE_BW goes round: DOWN leaves room to others, CRUISE holds, REFILL fills the pipe, UP looks for more.
 * PROBE_RTT drains the path for 200 ms when no smaller delay was seen for 5 s.
 *
 * All in integers: bytes, bytes per second, gains in percent. TCP paces with the rate that this says; recovery has no
 * share in the window (struct cc_ops, owns_window). ECN is answered like loss.
 */
#include "base/minmax.h"
#include "cc/cc.h"

#include <assert.h>

enum {
    LOSS_THRESH = 2, /* percent */
    BETA = 70,
    HEADROOM = 15,
    PACING_MARGIN = 1,
    STARTUP_PACING_GAIN = 277,
    DRAIN_PACING_GAIN = 50,
    DEFAULT_CWND_GAIN = 200,
    UP_PACING_GAIN = 125,
    UP_CWND_GAIN = 225,
    DOWN_PACING_GAIN = 90,
    PROBE_RTT_CWND_GAIN = 50,
    FULL_BW_GROWTH = 125,
    FULL_BW_COUNT = 3,
    FULL_LOSS_COUNT = 6, /* ranges lost in a round that end STARTUP */
    MIN_PIPE = 4,        /* segments */
    EXTRA_ACKED_ROUNDS = 5,
    UP_ROUNDS_MAX = 30,
    RENO_ROUNDS_MAX = 63,
    QUANTUM_MAX = 65536,
};

#define MIN_RTT_FILTER     SEC(10)
#define PROBE_RTT_INTERVAL SEC(5)
#define PROBE_RTT_DURATION MSEC(200)
#define PROBE_WAIT_BASE    SEC(2)
#define NO_BOUND           UINT32_MAX /* of bytes in flight; of a rate UINT64_MAX */
#define RATE_MAX           (UINT64_C(1) << 40)
#define RTT_MAX            SEC(100)

enum bbr_state { STARTUP, DRAIN, PROBE_DOWN, PROBE_CRUISE, PROBE_REFILL, PROBE_UP, PROBE_RTT };
enum ack_phase { ACKS_INIT, ACKS_REFILLING, ACKS_PROBE_STARTING, ACKS_PROBE_FEEDBACK, ACKS_PROBE_STOPPING };

struct bbr {
    /* The model */
    uint64_t bw_slot[2]; /* the largest rate of the last cycle, and of this one */
    uint64_t bw_shortterm, bw;
    uint32_t inflight_shortterm, inflight_longterm;
    dur min_rtt, probe_rtt_min_delay; /* 0: none yet */
    utime min_rtt_stamp, probe_rtt_min_stamp;
    uint64_t pacing_rate;
    uint32_t extra_acked[2]; /* the largest of the last rounds, and of the present ones */

    /* Rounds, counted in delivered bytes */
    uint64_t next_round_delivered, loss_round_delivered;
    uint32_t rounds_since_bw_probe, extra_acked_rounds;
    bool round_start, loss_round_start;

    /* Signals of the present round */
    uint64_t bw_latest;
    uint32_t inflight_latest, loss_events;
    bool loss_in_round;

    /* Has the rate stopped growing? */
    uint64_t full_bw;
    uint8_t full_bw_count;
    bool full_bw_now, full_bw_reached;

    /* Aggregation of acknowledgments */
    utime extra_acked_start;
    uint64_t extra_acked_delivered;

    /* The cycle of PROBE_BW, and PROBE_RTT */
    utime cycle_stamp, probe_rtt_done_stamp; /* 0: not yet */
    dur bw_probe_wait;
    uint32_t probe_up_cnt, bw_probe_up_acks, bw_probe_up_rounds;
    bool probe_rtt_round_done, bw_probe_samples, idle_restart, in_recovery, started;
    uint8_t state, ack_phase; /* enum bbr_state, enum ack_phase */

    uint64_t limited_until; /* what is sent before this much has arrived follows on PROBE_RTT, and is no measure */
    uint32_t prior_cwnd, initial_cwnd;
    /* As the present episode of losses found it */
    uint64_t undo_bw_shortterm;
    uint32_t undo_inflight_shortterm, undo_inflight_longterm;
    uint8_t undo_state;
};

static struct bbr *bbr_of(const struct cc *cc) { return cc->block; }

static uint32_t clamp32(uint64_t v) { return v < CC_CWND_MAX ? (uint32_t)v : CC_CWND_MAX; }
static uint32_t part(uint32_t v, uint32_t percent) { return (uint32_t)((uint64_t)v * percent / 100); }

/* ---- What the model says ----------------------------------------------------------------------------------------- */

static bool in_probe_bw(const struct bbr *b) { return b->state >= PROBE_DOWN && b->state <= PROBE_UP; }
static bool probes_bw(const struct bbr *b) {
    return b->state == STARTUP || b->state == PROBE_REFILL || b->state == PROBE_UP;
}

static uint64_t max_bw(const struct bbr *b) { return max_u64(b->bw_slot[0], b->bw_slot[1]); }
static uint32_t min_pipe(const struct cc *cc) { return MIN_PIPE * cc->mss; }

static uint32_t pacing_gain(const struct bbr *b) {
    switch ((enum bbr_state)b->state) {
    case STARTUP:
        return STARTUP_PACING_GAIN;
    case DRAIN:
        return DRAIN_PACING_GAIN;
    case PROBE_DOWN:
        return DOWN_PACING_GAIN;
    case PROBE_UP:
        return UP_PACING_GAIN;
    default:
        return 100;
    }
}

static uint32_t cwnd_gain(const struct bbr *b) {
    return b->state == PROBE_UP ? UP_CWND_GAIN : b->state == PROBE_RTT ? PROBE_RTT_CWND_GAIN : DEFAULT_CWND_GAIN;
}

/* The bandwidth-delay product times a gain; the first window while the delay is not known. */
static uint32_t bdp(const struct bbr *b, uint64_t bw, uint32_t gain) {
    if (b->min_rtt == 0 || bw == 0)
        return b->initial_cwnd;
    uint64_t us = max_u64(min_u64(b->min_rtt, RTT_MAX) / USEC(1), 1);
    return clamp32(
        min_u64(min_u64(bw, RATE_MAX) / 1000 * us / 1000 + min_u64(bw, RATE_MAX) % 1000 * us / 1000000, CC_CWND_MAX) *
        gain / 100);
}

/* What a sender hands down at once: a millisecond of the rate. */
static uint32_t send_quantum(const struct cc *cc) {
    return (uint32_t)max_u64(min_u64(bbr_of(cc)->pacing_rate / 1000, QUANTUM_MAX), 2 * cc->mss);
}

/* Room also for what waits to be handed down and acknowledged in pieces. */
static uint32_t quantized(const struct cc *cc, uint32_t inflight) {
    uint64_t v = max_u64(max_u64(inflight, 3 * (uint64_t)send_quantum(cc)), min_pipe(cc));
    return clamp32(v + (bbr_of(cc)->state == PROBE_UP ? 2 * cc->mss : 0));
}

static uint32_t inflight_with_headroom(const struct cc *cc) {
    const struct bbr *b = bbr_of(cc);
    if (b->inflight_longterm == NO_BOUND)
        return NO_BOUND;
    uint32_t room = (uint32_t)max_u64(part(b->inflight_longterm, HEADROOM), cc->mss);
    return b->inflight_longterm > room + min_pipe(cc) ? b->inflight_longterm - room : min_pipe(cc);
}

static uint32_t target_inflight(const struct cc *cc) {
    return (uint32_t)min_u64(bdp(bbr_of(cc), bbr_of(cc)->bw, 100), cc->cwnd);
}

static uint32_t probe_rtt_cwnd(const struct cc *cc) {
    return (uint32_t)max_u64(bdp(bbr_of(cc), bbr_of(cc)->bw, PROBE_RTT_CWND_GAIN), min_pipe(cc));
}

/* ---- Small changes ----------------------------------------------------------------------------------------------- */

static void start_round(struct bbr *b, uint64_t delivered) { b->next_round_delivered = delivered; }

static void reset_full_bw(struct bbr *b, uint64_t from) {
    b->full_bw = from;
    b->full_bw_count = 0;
    b->full_bw_now = false;
}

static void reset_congestion_signals(struct bbr *b) {
    b->loss_in_round = false;
    b->loss_events = 0;
    b->bw_latest = 0;
    b->inflight_latest = 0;
}

static void reset_shortterm(struct bbr *b) {
    b->bw_shortterm = UINT64_MAX;
    b->inflight_shortterm = NO_BOUND;
}

static void bound_bw(struct bbr *b) { b->bw = min_u64(max_bw(b), b->bw_shortterm); }

static void save_cwnd(struct cc *cc) {
    struct bbr *b = bbr_of(cc);
    b->prior_cwnd = b->in_recovery || b->state == PROBE_RTT ? (uint32_t)max_u64(b->prior_cwnd, cc->cwnd) : cc->cwnd;
}

static void restore_cwnd(struct cc *cc) { cc->cwnd = (uint32_t)max_u64(cc->cwnd, bbr_of(cc)->prior_cwnd); }

static void set_pacing_rate(struct cc *cc, uint32_t gain) {
    struct bbr *b = bbr_of(cc);
    uint64_t rate = min_u64(b->bw, RATE_MAX) * gain / 100 * (100 - PACING_MARGIN) / 100;
    if (rate && (b->full_bw_reached || rate > b->pacing_rate))
        b->pacing_rate = rate;
}

/* ---- Changes of state -------------------------------------------------------------------------------------------- */

/* Spreads the probes of flows that share a path over the time: low bits of times are as good as a draw. */
static uint32_t draw(const struct bbr *b, utime now) {
    uint64_t x = now.ns / USEC(1) + b->next_round_delivered;
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(x >> 32);
}

static void enter_drain(struct cc *cc) {
    struct bbr *b = bbr_of(cc);
    b->state = DRAIN;
    cc->ssthresh = (uint32_t)max_u64(quantized(cc, bdp(b, max_bw(b), 100)), 2 * cc->mss); /* the search is over */
}

static void start_down(struct bbr *b, utime now, uint64_t delivered) {
    const uint32_t random = draw(b, now);
    reset_congestion_signals(b);
    b->probe_up_cnt = UINT32_MAX;
    b->rounds_since_bw_probe = random & 1;
    b->bw_probe_wait = PROBE_WAIT_BASE + MSEC((random >> 1) % 1000);
    b->cycle_stamp = now;
    b->ack_phase = ACKS_PROBE_STOPPING;
    start_round(b, delivered);
    b->state = PROBE_DOWN;
}

static void start_refill(struct bbr *b, uint64_t delivered) {
    reset_shortterm(b);
    b->bw_probe_up_rounds = b->bw_probe_up_acks = 0;
    b->ack_phase = ACKS_REFILLING;
    start_round(b, delivered);
    b->state = PROBE_REFILL;
}

/* Each round of UP adds twice as many segments as the one before. */
static void raise_slope(struct cc *cc) {
    struct bbr *b = bbr_of(cc);
    const uint64_t growth = (uint64_t)cc->mss << b->bw_probe_up_rounds;
    b->bw_probe_up_rounds += b->bw_probe_up_rounds < UP_ROUNDS_MAX;
    b->probe_up_cnt = (uint32_t)max_u64((uint64_t)cc->cwnd * cc->mss / growth, 1);
}

static void start_up(struct cc *cc, uint64_t delivered, uint64_t rate) {
    struct bbr *b = bbr_of(cc);
    b->ack_phase = ACKS_PROBE_STARTING;
    start_round(b, delivered);
    reset_full_bw(b, rate);
    b->state = PROBE_UP;
    raise_slope(cc);
}

static void exit_probe_rtt(struct cc *cc, utime now, uint64_t delivered, uint32_t inflight) {
    struct bbr *b = bbr_of(cc);
    b->limited_until = delivered + inflight;
    b->probe_rtt_min_stamp = now;
    restore_cwnd(cc);
    reset_shortterm(b);
    b->state = STARTUP;
    if (b->full_bw_reached) {
        start_down(b, now, delivered);
        b->state = PROBE_CRUISE;
    }
}

/* ---- Losses ------------------------------------------------------------------------------------------------------ */

static bool too_high(uint32_t lost, uint32_t tx_in_flight) {
    return (uint64_t)lost * 100 > (uint64_t)tx_in_flight * LOSS_THRESH;
}

static void handle_too_high(struct cc *cc, const struct cc_lost *l, uint32_t inflight) {
    struct bbr *b = bbr_of(cc);
    b->bw_probe_samples = false;
    if (!l->app_limited)
        b->inflight_longterm = (uint32_t)max_u64(inflight, part(target_inflight(cc), BETA));
    if (b->state == PROBE_UP)
        start_down(b, l->now, l->delivered);
}

/* How much was in flight when the losses became too many: somewhere inside of this range. */
static uint32_t inflight_at_loss(const struct cc_lost *l) {
    const uint32_t before = l->tx_in_flight > l->bytes ? l->tx_in_flight - l->bytes : 0;
    const uint32_t lost_before = l->lost > l->bytes ? l->lost - l->bytes : 0;
    const uint64_t allowed = (uint64_t)before * LOSS_THRESH, had = (uint64_t)lost_before * 100;
    return before + (allowed > had ? (uint32_t)((allowed - had) / (100 - LOSS_THRESH)) : 0);
}

static void note_loss(struct bbr *b, uint64_t delivered) {
    if (!b->loss_in_round) {
        b->loss_round_delivered = delivered;
        b->undo_state = b->state;
        b->undo_bw_shortterm = b->bw_shortterm;
        b->undo_inflight_shortterm = b->inflight_shortterm;
        b->undo_inflight_longterm = b->inflight_longterm;
    }
    b->loss_in_round = true;
    b->loss_events++;
}

static void bbr_on_lost(struct cc *cc, const struct cc_lost *l) {
    struct bbr *b = bbr_of(cc);
    note_loss(b, l->delivered);
    if (b->bw_probe_samples && too_high(l->lost, l->tx_in_flight))
        handle_too_high(cc, l, inflight_at_loss(l));
}

/* ---- The model --------------------------------------------------------------------------------------------------- */

static void update_round(struct bbr *b, const struct cc_rate *rs) {
    b->round_start = rs->prior_delivered >= b->next_round_delivered && rs->interval;
    if (!b->round_start)
        return;
    start_round(b, rs->delivered);
    b->rounds_since_bw_probe++;
    if (++b->extra_acked_rounds >= (b->full_bw_reached ? EXTRA_ACKED_ROUNDS : 1)) {
        b->extra_acked_rounds = 0;
        b->extra_acked[0] = b->extra_acked[1];
        b->extra_acked[1] = 0;
    }
}

static void update_latest(struct bbr *b, const struct cc_rate *rs) {
    b->loss_round_start = false;
    b->bw_latest = max_u64(b->bw_latest, rs->bandwidth);
    b->inflight_latest = (uint32_t)max_u64(b->inflight_latest, rs->acked);
    if (rs->interval && rs->prior_delivered >= b->loss_round_delivered) {
        b->loss_round_delivered = rs->delivered;
        b->loss_round_start = true;
    }
}

/* What held the rate down was not the path: the application, or PROBE_RTT (the draft marks that as the application). */
static bool limited(const struct bbr *b, const struct cc_rate *rs) {
    return rs->app_limited || b->state == PROBE_RTT || rs->prior_delivered < b->limited_until;
}

/*
 * A round with losses, outside of probing: the bounds fall, but not below what just came through. The draft takes that
 * as it is; but what is paced at 99 % of a bound, and loses as much as the model itself tolerates, never comes through
 * whole: each such round would lower the bounds a little, until the next probe. So that much is added here.
 */
static void adapt_lower_bounds(const struct cc *cc, const struct cc_rate *rs) {
    struct bbr *b = bbr_of(cc);
    if (probes_bw(b) || !b->loss_in_round || limited(b, rs))
        return;
    if (b->bw_shortterm == UINT64_MAX)
        b->bw_shortterm = max_bw(b);
    if (b->inflight_shortterm == NO_BOUND)
        b->inflight_shortterm = cc->cwnd;
    const uint64_t bw = b->bw_latest * 100 / (100 - PACING_MARGIN - LOSS_THRESH);
    const uint64_t inflight = (uint64_t)b->inflight_latest * 100 / (100 - PACING_MARGIN - LOSS_THRESH);
    b->bw_shortterm = min_u64(max_u64(bw, b->bw_shortterm * BETA / 100), b->bw_shortterm);
    b->inflight_shortterm =
        (uint32_t)min_u64(max_u64(inflight, part(b->inflight_shortterm, BETA)), b->inflight_shortterm);
}

static void update_max_bw(struct bbr *b, const struct cc_rate *rs) {
    if (rs->bandwidth >= max_bw(b) || !limited(b, rs))
        b->bw_slot[1] = max_u64(b->bw_slot[1], rs->bandwidth);
}

static void advance_max_bw(struct bbr *b) {
    if (b->bw_slot[1] == 0)
        return; /* nothing new in this cycle */
    b->bw_slot[0] = b->bw_slot[1];
    b->bw_slot[1] = 0;
}

/* Acknowledgments that come in lumps: how much more than the rate explains. */
static void update_aggregation(const struct cc *cc, const struct cc_ack *ack) {
    struct bbr *b = bbr_of(cc);
    const dur interval = min_u64(time_since(ack->now, b->extra_acked_start), RTT_MAX);
    uint64_t expected = min_u64(b->bw, RATE_MAX) / 1000 * (interval / USEC(1)) / 1000;
    if (b->extra_acked_delivered <= expected) {
        b->extra_acked_delivered = expected = 0;
        b->extra_acked_start = ack->now;
    }
    b->extra_acked_delivered += ack->rate->newly_acked;
    const uint64_t extra = min_u64(b->extra_acked_delivered - expected, cc->cwnd);
    b->extra_acked[1] = (uint32_t)max_u64(b->extra_acked[1], extra);
}

static void check_full_bw(struct bbr *b, const struct cc_rate *rs) {
    if (b->full_bw_now || rs->app_limited || !rs->bandwidth)
        return;
    if (rs->bandwidth * 100 >= b->full_bw * FULL_BW_GROWTH) {
        reset_full_bw(b, rs->bandwidth);
        return;
    }
    if (!b->round_start)
        return;
    b->full_bw_now = ++b->full_bw_count >= FULL_BW_COUNT;
    b->full_bw_reached |= b->full_bw_now;
}

static void check_startup(struct cc *cc, const struct cc_rate *rs) {
    struct bbr *b = bbr_of(cc);
    if (b->state != STARTUP)
        return;
    if (!b->full_bw_reached && b->loss_round_start && b->in_recovery && b->loss_events >= FULL_LOSS_COUNT &&
        too_high(rs->lost, rs->tx_in_flight)) {
        b->full_bw_reached = true;
        b->inflight_longterm = (uint32_t)max_u64(bdp(b, max_bw(b), 100), b->inflight_latest);
    }
    if (b->full_bw_reached)
        enter_drain(cc);
}

static void check_drain(const struct cc *cc, const struct cc_ack *ack) {
    struct bbr *b = bbr_of(cc);
    if (b->state == DRAIN && ack->rate->inflight <= quantized(cc, bdp(b, max_bw(b), 100)))
        start_down(b, ack->now, ack->rate->delivered);
}

/* ---- PROBE_BW ---------------------------------------------------------------------------------------------------- */

static void probe_longterm_upward(struct cc *cc, const struct cc_ack *ack) {
    struct bbr *b = bbr_of(cc);
    if (!ack->cwnd_limited || cc->cwnd < b->inflight_longterm)
        return;
    b->bw_probe_up_acks += ack->rate->newly_acked;
    if (b->bw_probe_up_acks >= b->probe_up_cnt) {
        const uint32_t delta = b->bw_probe_up_acks / b->probe_up_cnt;
        b->bw_probe_up_acks -= delta * b->probe_up_cnt;
        b->inflight_longterm = clamp32(b->inflight_longterm + (uint64_t)delta * cc->mss);
    }
    if (b->round_start)
        raise_slope(cc);
}

static void adapt_longterm(struct cc *cc, const struct cc_ack *ack) {
    struct bbr *b = bbr_of(cc);
    const struct cc_rate *rs = ack->rate;
    if (b->ack_phase == ACKS_PROBE_STARTING && b->round_start)
        b->ack_phase = ACKS_PROBE_FEEDBACK;
    if (b->ack_phase == ACKS_PROBE_STOPPING && b->round_start) {
        b->bw_probe_samples = false;
        b->ack_phase = ACKS_INIT;
        if (in_probe_bw(b) && !rs->app_limited)
            advance_max_bw(b);
    }
    if (!rs->interval || too_high(rs->lost, rs->tx_in_flight) || b->inflight_longterm == NO_BOUND)
        return;
    if (rs->tx_in_flight > b->inflight_longterm)
        b->inflight_longterm = rs->tx_in_flight;
    if (b->state == PROBE_UP)
        probe_longterm_upward(cc, ack);
}

/* As often as Reno would lose a segment on this path, so that flows of its kind get their share. */
static bool time_to_probe_bw(const struct cc *cc, utime now) {
    const struct bbr *b = bbr_of(cc);
    const uint32_t reno = target_inflight(cc) / cc->mss;
    return time_since(now, b->cycle_stamp) > b->bw_probe_wait ||
           b->rounds_since_bw_probe >= (reno < RENO_ROUNDS_MAX ? reno : RENO_ROUNDS_MAX);
}

static bool time_to_go_down(const struct cc *cc, const struct cc_ack *ack) {
    struct bbr *b = bbr_of(cc);
    if (ack->cwnd_limited && cc->cwnd >= b->inflight_longterm)
        reset_full_bw(b, ack->rate->bandwidth); /* the bound, not the path, is what holds it back */
    return b->full_bw_now;
}

static void update_cycle(struct cc *cc, const struct cc_ack *ack) {
    struct bbr *b = bbr_of(cc);
    const struct cc_rate *rs = ack->rate;
    if (!b->full_bw_reached)
        return;
    adapt_longterm(cc, ack);
    switch ((enum bbr_state)b->state) {
    case PROBE_DOWN:
    case PROBE_CRUISE:
        if (time_to_probe_bw(cc, ack->now))
            start_refill(b, rs->delivered);
        else if (rs->inflight <= inflight_with_headroom(cc) && rs->inflight <= quantized(cc, bdp(b, max_bw(b), 100)))
            b->state = PROBE_CRUISE;
        break;
    case PROBE_REFILL:
        if (b->round_start) {
            b->bw_probe_samples = true;
            start_up(cc, rs->delivered, rs->bandwidth);
        }
        break;
    case PROBE_UP:
        if (time_to_go_down(cc, ack))
            start_down(b, ack->now, rs->delivered);
        break;
    default:
        break;
    }
}

/* ---- PROBE_RTT --------------------------------------------------------------------------------------------------- */

/* True when no smaller delay was seen for so long that the path is to be drained. */
static bool update_min_rtt(struct bbr *b, const struct cc_ack *ack) {
    const bool expired = time_since(ack->now, b->probe_rtt_min_stamp) > PROBE_RTT_INTERVAL;
    if (ack->rtt && (b->probe_rtt_min_delay == 0 || ack->rtt < b->probe_rtt_min_delay || expired)) {
        b->probe_rtt_min_delay = ack->rtt;
        b->probe_rtt_min_stamp = ack->now;
    }
    const bool old = time_since(ack->now, b->min_rtt_stamp) > MIN_RTT_FILTER;
    if (b->probe_rtt_min_delay && (b->min_rtt == 0 || b->probe_rtt_min_delay < b->min_rtt || old)) {
        b->min_rtt = b->probe_rtt_min_delay;
        b->min_rtt_stamp = b->probe_rtt_min_stamp;
    }
    return expired;
}

static bool probe_rtt_done(const struct bbr *b, utime now) {
    return b->probe_rtt_done_stamp.ns && time_before(b->probe_rtt_done_stamp, now);
}

static void check_probe_rtt(struct cc *cc, const struct cc_ack *ack, bool expired) {
    struct bbr *b = bbr_of(cc);
    const struct cc_rate *rs = ack->rate;
    if (b->state != PROBE_RTT && expired && !b->idle_restart) {
        save_cwnd(cc);
        b->state = PROBE_RTT;
        b->probe_rtt_done_stamp = (utime){0};
        b->ack_phase = ACKS_PROBE_STOPPING;
        start_round(b, rs->delivered);
    }
    if (b->state == PROBE_RTT) {
        if (b->probe_rtt_done_stamp.ns == 0 && rs->inflight <= probe_rtt_cwnd(cc)) {
            b->probe_rtt_done_stamp = time_add(ack->now, PROBE_RTT_DURATION);
            b->probe_rtt_round_done = false;
            start_round(b, rs->delivered);
        } else if (b->probe_rtt_done_stamp.ns) {
            b->probe_rtt_round_done |= b->round_start;
            if (b->probe_rtt_round_done && probe_rtt_done(b, ack->now))
                exit_probe_rtt(cc, ack->now, rs->delivered, rs->inflight);
        }
    }
    if (rs->newly_acked)
        b->idle_restart = false;
}

/* ---- Window ------------------------------------------------------------------------------------------------------ */

static void bound_cwnd(struct cc *cc) {
    const struct bbr *b = bbr_of(cc);
    uint32_t cap = NO_BOUND;
    if (in_probe_bw(b) && b->state != PROBE_CRUISE)
        cap = b->inflight_longterm;
    else if (b->state == PROBE_RTT || b->state == PROBE_CRUISE)
        cap = inflight_with_headroom(cc);
    cap = (uint32_t)max_u64(min_u64(cap, b->inflight_shortterm), min_pipe(cc));
    if (b->state == PROBE_RTT)
        cap = (uint32_t)min_u64(cap, probe_rtt_cwnd(cc));
    cc->cwnd = (uint32_t)min_u64(cc->cwnd, cap);
}

static void set_cwnd(struct cc *cc, const struct cc_rate *rs) {
    const struct bbr *b = bbr_of(cc);
    const uint64_t grown = (uint64_t)cc->cwnd + rs->newly_acked;
    const uint64_t extra = max_u64(b->extra_acked[0], b->extra_acked[1]);
    const uint32_t most = quantized(cc, clamp32(bdp(b, b->bw, cwnd_gain(b)) + extra));
    if (b->full_bw_reached)
        cc->cwnd = (uint32_t)min_u64(grown, most);
    else if (cc->cwnd < most || rs->delivered < b->initial_cwnd)
        cc->cwnd = clamp32(grown);
    cc->cwnd = (uint32_t)max_u64(cc->cwnd, min_pipe(cc));
    bound_cwnd(cc);
}

/* ---- What TCP tells ---------------------------------------------------------------------------------------------- */

static void bbr_init(struct cc *cc) {
    struct bbr *b = bbr_of(cc);
    *b = (struct bbr){.inflight_longterm = NO_BOUND, .initial_cwnd = cc->cwnd, .state = STARTUP};
    reset_shortterm(b);
}

/* Times count from the first event: nothing is known of the clock before. */
static void begin(struct cc *cc, utime now, dur srtt) {
    struct bbr *b = bbr_of(cc);
    b->started = true;
    b->min_rtt_stamp = b->probe_rtt_min_stamp = b->extra_acked_start = b->cycle_stamp = now;
    b->min_rtt = b->probe_rtt_min_delay = srtt;
    uint64_t us = max_u64(srtt / USEC(1), srtt ? 1 : 1000); /* 1 ms until it is known */
    b->pacing_rate = (uint64_t)cc->cwnd * 1000000 / us * STARTUP_PACING_GAIN / 100;
}

static void bbr_on_ack(struct cc *cc, const struct cc_ack *ack) {
    struct bbr *b = bbr_of(cc);
    const struct cc_rate *rs = ack->rate;
    assert(rs);
    if (!b->started)
        begin(cc, ack->now, ack->srtt);
    update_latest(b, rs);
    update_round(b, rs);
    update_max_bw(b, rs);
    const bool loss_round = b->loss_round_start;
    if (loss_round)
        adapt_lower_bounds(cc, rs);
    update_aggregation(cc, ack);
    check_full_bw(b, rs);
    check_startup(cc, rs);
    check_drain(cc, ack);
    update_cycle(cc, ack);
    check_probe_rtt(cc, ack, update_min_rtt(b, ack));
    if (loss_round) {
        b->loss_in_round = false;
        b->loss_events = 0;
        b->bw_latest = rs->bandwidth;
        b->inflight_latest = rs->acked;
    }
    bound_bw(b);
    set_pacing_rate(cc, pacing_gain(b));
    set_cwnd(cc, rs);
}

/* Recovery begins with what is in flight, and opens again with what arrives. */
static void bbr_on_congestion(struct cc *cc, const struct cc_event *ev) {
    struct bbr *b = bbr_of(cc);
    save_cwnd(cc);
    if (ev->cause == CC_ECN) {
        note_loss(b, b->next_round_delivered);
        return;
    }
    b->in_recovery = true;
    cc->cwnd = clamp32((uint64_t)ev->pipe + cc->mss);
}

static void bbr_on_recovered(struct cc *cc) {
    struct bbr *b = bbr_of(cc);
    if (b->in_recovery)
        restore_cwnd(cc);
    b->in_recovery = false;
    bound_cwnd(cc);
}

static void bbr_on_undo(struct cc *cc) {
    struct bbr *b = bbr_of(cc);
    b->in_recovery = false;
    restore_cwnd(cc);
    b->loss_in_round = false;
    reset_full_bw(b, 0);
    b->bw_shortterm = max_u64(b->bw_shortterm, b->undo_bw_shortterm);
    b->inflight_shortterm = (uint32_t)max_u64(b->inflight_shortterm, b->undo_inflight_shortterm);
    b->inflight_longterm = (uint32_t)max_u64(b->inflight_longterm, b->undo_inflight_longterm);
    if (b->state == PROBE_RTT || b->state == b->undo_state)
        return;
    if (b->undo_state == STARTUP) {
        b->state = STARTUP;
        b->full_bw_reached = false;
    } else if (b->undo_state == PROBE_UP) {
        start_up(cc, b->next_round_delivered, 0);
        b->bw_probe_samples = true;
    }
}

static void bbr_on_start(struct cc *cc, utime now, dur srtt) {
    struct bbr *b = bbr_of(cc);
    if (!b->started) {
        begin(cc, now, srtt);
        return;
    }
    b->idle_restart = true;
    b->extra_acked_start = now;
    b->extra_acked_delivered = 0;
    if (in_probe_bw(b))
        set_pacing_rate(cc, 100);
    else if (b->state == PROBE_RTT && probe_rtt_done(b, now))
        exit_probe_rtt(cc, now, b->next_round_delivered, 0);
}

static uint64_t bbr_pacing_rate(const struct cc *cc) { return bbr_of(cc)->pacing_rate; }

const struct cc_ops cc_bbr = {
    .name = "bbr",
    .state_size = sizeof(struct bbr),
    .owns_window = true,
    .init = bbr_init,
    .on_ack = bbr_on_ack,
    .on_congestion = bbr_on_congestion,
    .on_recovered = bbr_on_recovered,
    .on_undo = bbr_on_undo,
    .on_lost = bbr_on_lost,
    .on_start = bbr_on_start,
    .pacing_rate = bbr_pacing_rate,
};
