/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is in flight, without the rest of TCP: the test sends and acknowledges by segment numbers. Segment i is the
 * bytes [1 + i * 1000, 1 + (i + 1) * 1000). The invariants are checked after every step.
 *
 *     struct flight f;
 *     flight_init(&f);                  an established connection, MSS 1000, cwnd 10 segments, srtt none
 *     flight_send(&f, 5);               five segments, one record each
 *     flight_wait(&f, MSEC(100));       timers come up on the way
 *     flight_ack(&f, 1, 3, 4, 0);       ACK of segment 0, SACK of [3, 4)
 *     flight_free(&f);
 */
#ifndef UMPTCP_TEST_FLIGHTLAB_H
#define UMPTCP_TEST_FLIGHTLAB_H

#include "tcp/flight.h"
#include "tcp/internal.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { FLIGHT_MSS = 1000 };

struct flight {
    struct testmem tm;
    struct env env;
    struct tcb t;
    struct seg seg; /* the next acknowledgment: flight_ack() fills in what it is told */
    struct tcp_rx rx;
    utime echo; /* when the echoed timestamp was sent */
    uint32_t rtos;
};

static inline struct ssn flight_at(uint32_t i) { return (struct ssn){1 + (uint64_t)i * FLIGHT_MSS}; }
/* Number of the segment that starts at `s`. */
static inline uint32_t flight_segment(struct ssn s) { return (uint32_t)((s.v - 1) / FLIGHT_MSS); }

static inline const struct tx *flight_tx(const struct flight *f) { return tx_of(&f->t); }

static inline void flight_check(const struct flight *f) {
    const char *broken = tx_check(&f->t);
    if (broken)
        fail_msg("%s", broken);
}

static inline void flight_init_cc(struct flight *f, const struct cc_ops *cc) {
    memset(f, 0, sizeof(*f));
    mem_init(&f->env.mem, testmem_alloc, &f->tm, 0);
    timers_init(&f->env.timers, &f->env.mem);
    assert_int_equal(timers_reserve(&f->env.timers, 1), 0);
    f->env.now = (utime){SEC(1000)};
    f->env.cfg.rto_min = MSEC(200);
    f->env.cfg.rto_max = SEC(120);
    f->env.cfg.initial_cwnd = 10;
    f->env.cfg.slow_start_after_idle = true;
    struct tcb *t = &f->t;
    t->env = &f->env;
    t->state = UMPTCP_ESTABLISHED;
    t->isn = (struct seq){UINT32_MAX - 5500}; /* wraps soon */
    t->sack_ok = true;
    t->ts_offset = UINT32_MAX - 1000100; /* this too */
    t->syn_sends = 1;
    t->mss = FLIGHT_MSS;
    t->snd_una = t->snd_nxt = t->snd_end = flight_at(0);
    t->snd_wnd = t->max_snd_wnd = 1 << 29;
    t->last_sent = f->env.now;
    rtt_init(&t->rtt);
    const struct cc_setup setup = {.ops = cc, .mem = &f->env.mem, .mss = FLIGHT_MSS, .cwnd = 10 * FLIGHT_MSS};
    assert_int_equal(cc_init(&t->cc, &setup), 0);
    tx_init(t);
    timer_init(&t->timer, TIMER_TCP);
    tcb_cancel_due(t);
    flight_check(f);
}
static inline void flight_init(struct flight *f) { flight_init_cc(f, &cc_newreno); }

static inline void flight_free(struct flight *f) {
    tcb_cancel_due(&f->t);
    tx_destroy(&f->t);
    cc_release(&f->t.cc, &f->env.mem);
    timers_reserve(&f->env.timers, -1);
    timers_free(&f->env.timers);
    assert_int_equal(f->tm.blocks, 0);
    assert_int_equal(f->env.mem.used, 0);
}

/* One record of `bytes` new bytes. */
static inline void flight_send_bytes(struct flight *f, uint32_t bytes) {
    struct tcb *t = &f->t;
    struct ssn end = ssn_add(t->snd_nxt, bytes);
    t->snd_end = ssn_max(t->snd_end, end);
    assert_int_equal(tx_sent(t, t->snd_nxt, end, false, false, false), 0);
    assert_true(ssn_eq(t->snd_nxt, end));
    flight_check(f);
}
static inline void flight_send(struct flight *f, uint32_t segments) {
    for (uint32_t i = 0; i < segments; i++)
        flight_send_bytes(f, FLIGHT_MSS);
}

/* Sends again what may go, at most `most` bytes at a time; returns the number of bytes. */
static inline uint32_t flight_resend(struct flight *f, uint32_t most) {
    struct ssn start, end;
    uint32_t bytes = 0;
    while (tx_next_lost(&f->t, &start, &end)) {
        end = ssn_min(end, ssn_add(start, most));
        assert_int_equal(tx_sent(&f->t, start, end, false, true, false), 0);
        bytes += (uint32_t)ssn_sub(end, start);
        f->t.retrans_segs += (uint32_t)(ssn_sub(end, start) + FLIGHT_MSS - 1) / FLIGHT_MSS;
        flight_check(f);
    }
    return bytes;
}
/* The segment that would be sent again first; -1: none. */
static inline int64_t flight_next_lost(const struct flight *f) {
    struct ssn start, end;
    return tx_next_lost(&f->t, &start, &end) ? (int64_t)flight_segment(start) : -1;
}

static inline void flight_ack_ssn(struct flight *f, struct ssn ack) {
    f->rx = (struct tcp_rx){.una = f->t.snd_una, .wnd = f->t.snd_wnd};
    f->seg.flags |= TCP_ACK;
    f->seg.ack = seq_of(f->t.isn, ack);
    if (f->t.ts_ok) {
        f->seg.opt.has_ts = true;
        f->seg.opt.tsecr = tcp_ts_at(&f->t, f->echo.ns ? f->echo : f->env.now);
    }
    tx_ack(&f->t, &f->seg, ack, &f->rx);
    f->seg = (struct seg){0};
    f->echo = (utime){0};
    flight_check(f);
}
static inline void flight_sack_block(struct flight *f, struct ssn left, struct ssn right) {
    struct tcp_options *opt = &f->seg.opt;
    opt->sack[opt->nsack++] = (struct sack_block){seq_of(f->t.isn, left), seq_of(f->t.isn, right)};
}
/* ACK of everything before segment `ack`, then SACK blocks [left, right) of segments up to a zero. */
static inline void flight_ack(struct flight *f, uint32_t ack, ...) {
    va_list ap;
    va_start(ap, ack);
    for (uint32_t left; (left = va_arg(ap, uint32_t)) != 0;)
        flight_sack_block(f, flight_at(left), flight_at(va_arg(ap, uint32_t)));
    va_end(ap);
    flight_ack_ssn(f, flight_at(ack));
}

static inline void flight_wait(struct flight *f, dur d) {
    utime end = time_add(f->env.now, d), at;
    while (!time_before(end, at = timers_next(&f->env.timers))) {
        f->env.now = time_max(f->env.now, at);
        while (timers_pop(&f->env.timers, f->env.now)) {
            f->t.due.rtx = UMPTCP_NEVER;
            f->rtos += tx_timeout(&f->t);
            flight_check(f);
        }
    }
    f->env.now = end;
}
/* Until the timer comes up; returns how long. */
static inline dur flight_wait_timer(struct flight *f) {
    dur d = time_since(f->t.due.rtx, f->env.now);
    assert_false(time_is_never(f->t.due.rtx));
    flight_wait(f, d);
    return d;
}

/* Gives the connection a round trip of `rtt` and a cwnd of `segments`, with nothing in flight: then segment numbers go
 * on from the returned one. */
static inline uint32_t flight_warm(struct flight *f, dur rtt, uint32_t segments) {
    uint32_t first = flight_segment(f->t.snd_una);
    flight_send(f, 2);
    flight_wait(f, rtt);
    flight_ack(f, first + 2, 0);
    f->t.cc.cwnd = segments * FLIGHT_MSS;
    assert_int_equal(f->t.rtt.srtt, rtt);
    return first + 2;
}

#define FLIGHT_RTT MSEC(100)

/* A sender of that congestion control whose window is `cwnd` segments. Returns its next segment. */
static inline uint32_t flight_start(struct flight *f, const struct cc_ops *cc, uint32_t cwnd) {
    flight_init_cc(f, cc);
    return flight_warm(f, FLIGHT_RTT, cwnd);
}

static inline const struct tx_rec *flight_rec(const struct flight *f, uint32_t i) { return tx_at(flight_tx(f), i); }
static inline uint64_t flight_mib(const struct flight *f, enum mib m) { return f->env.mib.v[m]; }

#endif
