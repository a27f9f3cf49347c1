/* SPDX-License-Identifier: BSD-3-Clause */
/* Congestion control: NewReno, CUBIC and HyStart++ against numbers worked out by hand from the RFCs. */
#include "cc/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MSS = 1000 };

/* A sender that gets one acknowledgment of a whole window per round trip, unless the test does it by hand. */
struct sender {
    struct cc cc;
    utime now;
    dur rtt;
    uint64_t una;
    bool limited;
    struct mib_table mib;
};

static void begin(struct cc *cc, const struct cc_ops *ops, uint32_t mss, uint32_t cwnd) {
    const struct cc_setup setup = {.ops = ops, .mss = mss, .cwnd = cwnd};
    assert_int_equal(cc_init(cc, &setup), 0);
}

static struct sender sender_of(const struct cc_ops *ops, uint32_t segments, dur rtt) {
    struct sender s = {.now = {SEC(1)}, .rtt = rtt, .una = 1, .limited = true};
    begin(&s.cc, ops, MSS, segments * MSS);
    return s;
}

static void ack(struct sender *s, uint32_t bytes) {
    struct cc_ack a = {.now = s->now,
                       .acked = bytes,
                       .inflight = s->cc.cwnd,
                       .rtt = s->rtt,
                       .srtt = s->rtt,
                       .min_rtt = s->rtt,
                       .cwnd_limited = s->limited,
                       .mib = &s->mib};
    s->una += bytes;
    a.una = (struct ssn){s->una};
    a.nxt = (struct ssn){s->una + s->cc.cwnd};
    s->cc.ops->on_ack(&s->cc, &a);
}

static void round_trip(struct sender *s) {
    ack(s, s->cc.cwnd);
    s->now = time_add(s->now, s->rtt);
}

/* In acknowledgments of two segments. */
static void round_of_pairs(struct sender *s) {
    for (uint32_t n = s->cc.cwnd / (2 * MSS); n > 0; n--)
        ack(s, 2 * MSS);
    s->now = time_add(s->now, s->rtt);
}

static struct cc_event event_of(const struct sender *s) {
    return (struct cc_event){.now = s->now, .inflight = s->cc.cwnd, .srtt = s->rtt};
}

/* A loss that PRR has dealt with. */
static void lose(struct sender *s) {
    struct cc_event ev = event_of(s);
    s->cc.ops->on_congestion(&s->cc, &ev);
    s->cc.cwnd = s->cc.ssthresh;
}

static void time_out(struct sender *s) {
    struct cc_event ev = event_of(s);
    ev.cause = CC_RTO;
    s->cc.ops->on_congestion(&s->cc, &ev);
    s->cc.cwnd = MSS;
}

/* cwnd in thousandths of a segment. */
static void assert_window(const struct sender *s, uint32_t wanted, uint32_t tolerance) {
    assert_in_range((uint64_t)s->cc.cwnd * 1000 / MSS, wanted - tolerance, wanted + tolerance);
}

static void test_registry(void **state) {
    unsigned n = 0;
    (void)state;
    for (; cc_name(n); n++)
        assert_string_equal(cc_find(cc_name(n))->name, cc_name(n));
    assert_string_equal(cc_name(0), "cubic");
    assert_ptr_equal(cc_find("newreno"), &cc_newreno);
    assert_ptr_equal(cc_find("lia"), &cc_lia);
    assert_ptr_equal(cc_find("wvegas"), &cc_wvegas);
    assert_null(cc_find("vegas"));
    assert_null(cc_find(NULL));
}

static void test_mss_change(void **state) {
    struct sender s = sender_of(&cc_newreno, 2, MSEC(10));
    (void)state;
    cc_set_mss(&s.cc, 9000);
    assert_int_equal(s.cc.cwnd, 9000);
    assert_int_equal(s.cc.ssthresh, UINT32_MAX);
    s.cc.ssthresh = 2000;
    cc_set_mss(&s.cc, 500);
    assert_int_equal(s.cc.cwnd, 9000);
    cc_set_mss(&s.cc, 5000);
    assert_int_equal(s.cc.ssthresh, 10000);
}

/* T-CCB-03, T-CCB-16 */
static void test_slow_start(void **state) {
    static const struct cc_ops *const all[] = {&cc_newreno, &cc_cubic};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct sender s = sender_of(all[i], 10, MSEC(50));
        assert_true(cc_in_slow_start(&s.cc));
        ack(&s, MSS);
        assert_int_equal(s.cc.cwnd, 11 * MSS);
        ack(&s, 1);
        assert_int_equal(s.cc.cwnd, 11 * MSS + 1);
        s.cc.ssthresh = 11 * MSS + 100; /* not beyond */
        ack(&s, MSS);
        assert_int_equal(s.cc.cwnd, 11 * MSS + 100);
        assert_false(cc_in_slow_start(&s.cc));
    }
}

/* T-CCB-14, T-SYS-19, T-CUB-08: no growth while something else limits. */
static void test_not_limited(void **state) {
    static const struct cc_ops *const all[] = {&cc_newreno, &cc_cubic};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct sender s = sender_of(all[i], 10, MSEC(50));
        s.limited = false;
        for (int k = 0; k < 20; k++)
            round_trip(&s);
        assert_int_equal(s.cc.cwnd, 10 * MSS);
        s.cc.ssthresh = 5 * MSS;
        for (int k = 0; k < 20; k++)
            round_trip(&s);
        assert_int_equal(s.cc.cwnd, 10 * MSS);
    }
}

static void test_largest_window(void **state) {
    struct sender s = sender_of(&cc_newreno, 10, MSEC(50));
    (void)state;
    s.cc.cwnd = CC_CWND_MAX - 10;
    ack(&s, 1 << 20);
    assert_int_equal(s.cc.cwnd, CC_CWND_MAX);
    ack(&s, 1 << 20);
    assert_int_equal(s.cc.cwnd, CC_CWND_MAX);
}

/* T-CCB-04, T-CCB-17 */
static void test_newreno_avoidance(void **state) {
    struct sender s = sender_of(&cc_newreno, 20, MSEC(50));
    (void)state;
    s.cc.ssthresh = 10 * MSS;
    for (int i = 1; i <= 10; i++) {
        round_trip(&s);
        assert_int_equal(s.cc.cwnd, (20 + i) * MSS);
    }
    for (int i = 0; i < 30 * 100; i++) /* a hundred acknowledgments per segment gain nothing */
        ack(&s, MSS / 100);
    assert_int_equal(s.cc.cwnd, 31 * MSS);
}

/* T-CCB-05 */
static void test_newreno_loss(void **state) {
    struct sender s = sender_of(&cc_newreno, 20, MSEC(50));
    (void)state;
    lose(&s);
    assert_int_equal(s.cc.ssthresh, 10 * MSS);
    s.cc.cwnd = 3 * MSS;
    lose(&s);
    assert_int_equal(s.cc.ssthresh, 2 * MSS);
    s.cc.cwnd = 40 * MSS;
    const struct cc before = s.cc;
    time_out(&s);
    assert_int_equal(s.cc.ssthresh, 20 * MSS);
    cc_undo(&s.cc, &before);
    assert_int_equal(s.cc.cwnd, 40 * MSS);
    assert_int_equal(s.cc.ssthresh, 20 * MSS);
}

/* CUBIC after a loss at 100 segments. RTT 200 ms keeps it out of the Reno-friendly region for 10 s. */
static struct sender cubic_after_loss(void) {
    struct sender s = sender_of(&cc_cubic, 100, MSEC(200));
    lose(&s);
    return s;
}

/* T-CUB-01, T-CUB-05, T-CUB-06, T-CUB-14 */
static void test_cubic_curve(void **state) {
    struct sender s = cubic_after_loss();
    (void)state;
    assert_int_equal(s.cc.ssthresh, 70 * MSS);
    assert_window(&s, 70000, 1);
    for (int i = 0; i < 5; i++) /* at 0.8 s the target is W(1 s) */
        round_trip(&s);
    assert_window(&s, 86681, 10);
    for (int i = 5; i < 21; i++) /* W(4.2 s): the plateau, K = 4.217 s */
        round_trip(&s);
    assert_window(&s, 100000, 10);
    for (int i = 21; i < 42; i++) /* W(8.4 s), close to W(2K) = 130 */
        round_trip(&s);
    assert_window(&s, 129274, 20);
}

/* T-CUB-02 */
static void test_cubic_clamp(void **state) {
    struct sender s = cubic_after_loss();
    (void)state;
    round_trip(&s);
    uint32_t before = s.cc.cwnd;
    s.now = time_add(s.now, SEC(60)); /* W is far above by then */
    round_trip(&s);
    assert_int_equal(s.cc.cwnd, before + before / 2);
    s.now = time_add(s.now, SEC(100000)); /* the clock of the epoch stops at its end */
    round_trip(&s);
    assert_true(s.cc.cwnd <= CC_CWND_MAX);
}

/* T-CUB-03 */
static void test_cubic_idle(void **state) {
    struct sender s = cubic_after_loss(), t = cubic_after_loss();
    (void)state;
    for (int i = 0; i < 10; i++) {
        round_trip(&s);
        round_trip(&t);
    }
    t.now = time_add(t.now, SEC(10)); /* nothing sent */
    t.cc.ops->on_idle(&t.cc, t.now, SEC(10));
    t.limited = false; /* too little to send */
    for (int i = 0; i < 50; i++)
        round_trip(&t);
    t.limited = true;
    s.now = t.now;
    for (int i = 0; i < 5; i++)
        round_trip(&t);
    s = cubic_after_loss();
    for (int i = 0; i < 15; i++)
        round_trip(&s);
    assert_window(&t, (uint32_t)((uint64_t)s.cc.cwnd * 1000 / MSS), 500);
}

/* T-CUB-04: 0.529 segments per round trip until the window before the loss, then one. */
static void test_cubic_reno_friendly(void **state) {
    struct sender s = sender_of(&cc_cubic, 20, MSEC(5));
    (void)state;
    lose(&s);
    assert_window(&s, 14000, 1);
    for (int i = 0; i < 10; i++)
        round_trip(&s);
    assert_window(&s, 14000 + 5294, 30);
    for (int i = 0; i < 2; i++)
        round_trip(&s);
    uint32_t before = s.cc.cwnd;
    assert_window(&s, 20352, 60);
    for (int i = 0; i < 10; i++)
        round_trip(&s);
    assert_in_range(s.cc.cwnd - before, 9900, 10000);
}

/* T-CUB-07 */
static void test_cubic_reduction(void **state) {
    struct sender s = sender_of(&cc_cubic, 100, MSEC(200));
    struct cc_event ev = event_of(&s);
    (void)state;
    ev.inflight = 50 * MSS; /* starved just now: the window counts */
    s.cc.ops->on_congestion(&s.cc, &ev);
    assert_int_equal(s.cc.ssthresh, 70 * MSS);
    s.cc.cwnd = MSS;
    s.cc.ops->on_congestion(&s.cc, &ev);
    assert_int_equal(s.cc.ssthresh, 2 * MSS);
}

/* T-CUB-10: the second loss at 80 < 100 aims at 68, reached after K = cbrt(12 / 0.4) = 3.1 s. */
static void test_cubic_fast_convergence(void **state) {
    struct sender s = cubic_after_loss();
    (void)state;
    s.cc.cwnd = 80 * MSS;
    lose(&s);
    assert_window(&s, 56000, 1);
    for (int i = 0; i < 16; i++)
        round_trip(&s);
    assert_window(&s, 68000, 20);
}

/* T-CUB-11: K = 0 and Wmax = cwnd at the start of avoidance. */
static void test_cubic_timeout(void **state) {
    struct sender s = sender_of(&cc_cubic, 100, SEC(2));
    (void)state;
    time_out(&s);
    assert_int_equal(s.cc.ssthresh, 70 * MSS);
    while (cc_in_slow_start(&s.cc))
        ack(&s, s.cc.cwnd);
    assert_window(&s, 70000, 1);
    round_trip(&s); /* W(0): Reno-friendly */
    round_trip(&s); /* target W(4 s) = 70 + 0.4 * 64 */
    assert_window(&s, 95600, 20);
}

/* T-CUB-12 */
static void test_cubic_undo(void **state) {
    struct sender s = cubic_after_loss();
    (void)state;
    for (int i = 0; i < 10; i++)
        round_trip(&s);
    struct sender unhurt = s;
    lose(&s);
    cc_undo(&s.cc, &unhurt.cc);
    assert_int_equal(s.cc.cwnd, unhurt.cc.cwnd);
    assert_int_equal(s.cc.ssthresh, unhurt.cc.ssthresh);
    for (int i = 0; i < 20; i++) {
        round_trip(&s);
        round_trip(&unhurt);
    }
    assert_window(&s, (uint32_t)((uint64_t)unhurt.cc.cwnd * 1000 / MSS), 300);
}

/* A first slow start that was cut short for nothing goes on, HyStart++ and all; a window that grew since stays. */
static void test_undo_in_slow_start(void **state) {
    static const struct cc_ops *const all[] = {&cc_newreno, &cc_cubic};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct sender s = sender_of(all[i], 40, MSEC(50));
        round_of_pairs(&s);
        round_of_pairs(&s);
        struct cc before = s.cc;
        time_out(&s);
        round_trip(&s);
        cc_undo(&s.cc, &before);
        assert_int_equal(s.cc.ssthresh, UINT32_MAX);
        assert_int_equal(s.cc.cwnd, before.cwnd);
        s.rtt = MSEC(70);
        for (int k = 0; k < 9; k++)
            ack(&s, 2 * MSS);
        uint32_t window = s.cc.cwnd;
        ack(&s, 2 * MSS);
        assert_int_equal(s.cc.cwnd - window, 2 * MSS / 4); /* the delay is noticed */
        before = s.cc;
        s.cc.cwnd += 5 * MSS;
        cc_undo(&s.cc, &before);
        assert_int_equal(s.cc.cwnd, before.cwnd + 5 * MSS);
    }
}

/* No overflow at the ends of the range. */
static void test_cubic_range(void **state) {
    static const uint32_t mss[] = {48, 1448, 65483};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct sender s = {.now = {SEC(1)}, .rtt = SEC(60), .una = 1, .limited = true};
        begin(&s.cc, &cc_cubic, mss[i], mss[i]);
        s.cc.cwnd = CC_CWND_MAX;
        lose(&s);
        assert_in_range(s.cc.cwnd, (uint64_t)CC_CWND_MAX * 7 / 10 - 1, (uint64_t)CC_CWND_MAX * 7 / 10);
        for (int k = 0; k < 40; k++) {
            uint32_t before = s.cc.cwnd;
            round_trip(&s);
            assert_in_range(s.cc.cwnd, before, CC_CWND_MAX);
        }
        s.rtt = USEC(1);
        for (int k = 0; k < 1000; k++)
            ack(&s, 1 + 1000u * (uint32_t)k);
        assert_in_range(s.cc.cwnd, mss[i], CC_CWND_MAX);
    }
}

/* ---- HyStart++ -------------------------------------------------------------------------------------------------- */

/* Rounds at `base` until the algorithm has learnt it, then at `raised`: how many segments one pair then adds. */
static uint32_t growth_when_raised(dur base, dur raised) {
    struct sender s = sender_of(&cc_cubic, 40, base);
    round_of_pairs(&s);
    round_of_pairs(&s);
    s.rtt = raised;
    for (int i = 0; i < 9; i++)
        ack(&s, 2 * MSS);
    uint32_t before = s.cc.cwnd;
    ack(&s, 2 * MSS);
    return s.cc.cwnd - before;
}

/* T-HYS-01, T-HYS-02, T-HYS-03, T-HYS-05 */
static void test_hystart_threshold(void **state) {
    static const struct {
        dur rtt, thresh;
    } cases[] = {{MSEC(10), MSEC(4)}, {MSEC(80), MSEC(10)}, {MSEC(400), MSEC(16)}};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(growth_when_raised(cases[i].rtt, cases[i].rtt), 2 * MSS);
        assert_int_equal(growth_when_raised(cases[i].rtt, cases[i].rtt + cases[i].thresh - USEC(100)), 2 * MSS);
        assert_int_equal(growth_when_raised(cases[i].rtt, cases[i].rtt + cases[i].thresh), 2 * MSS / 4);
    }
}

/* T-HYS-04: what one acknowledgment adds is bounded; a super-segment's worth is not a burst. */
static void test_hystart_limit(void **state) {
    struct sender s = sender_of(&cc_newreno, 1000, MSEC(50));
    (void)state;
    ack(&s, 300 * MSS);
    assert_int_equal(s.cc.cwnd, 1000 * MSS + 65536);
    cc_set_mss(&s.cc, 9000);
    ack(&s, 300000);
    assert_int_equal(s.cc.cwnd, 1000 * MSS + 65536 + 8 * 9000);
}

static struct sender in_conservative_phase(const struct cc_ops *ops) {
    struct sender s = sender_of(ops, 40, MSEC(50));
    round_of_pairs(&s);
    round_of_pairs(&s);
    s.rtt = MSEC(70);
    round_of_pairs(&s);
    return s;
}

/* T-HYS-06 */
static void test_hystart_false_alarm(void **state) {
    struct sender s = in_conservative_phase(&cc_newreno);
    (void)state;
    s.rtt = MSEC(50);
    round_of_pairs(&s);
    uint32_t before = s.cc.cwnd;
    ack(&s, 2 * MSS);
    assert_int_equal(s.cc.cwnd - before, 2 * MSS);
    assert_int_equal(s.cc.ssthresh, UINT32_MAX);
}

/* T-HYS-07, T-CUB-13 */
static void test_hystart_exit(void **state) {
    struct sender s = in_conservative_phase(&cc_cubic);
    int rounds = 0;
    (void)state;
    for (; cc_in_slow_start(&s.cc); rounds++) {
        assert_in_range(rounds, 0, 6);
        round_of_pairs(&s);
    }
    assert_in_range(rounds, 4, 6);
    assert_in_range(s.cc.ssthresh, 1, s.cc.cwnd);
    assert_int_equal(s.mib.v[MIB_TCP_HYSTART_DELAY_DETECT], 1);
    assert_int_equal(s.mib.v[MIB_TCP_HYSTART_DELAY_CWND], s.cc.ssthresh / MSS);
    uint32_t plateau = s.cc.cwnd;
    s.rtt = SEC(2);
    round_trip(&s);
    round_trip(&s); /* W(t) = cwnd + 0.4 t^3 from here: at t = 4 s some 25.6 segments more */
    assert_in_range(s.cc.cwnd - plateau, 25 * MSS, 27 * MSS);
}

/* T-HYS-08, T-HYS-09 */
static void test_hystart_ends_with_loss(void **state) {
    struct sender s = in_conservative_phase(&cc_newreno);
    (void)state;
    uint32_t before = s.cc.cwnd;
    time_out(&s);
    assert_int_equal(s.cc.ssthresh, before / 2);
    while (s.cc.cwnd < 20 * MSS) /* a plain slow start, whatever the delay */
        ack(&s, MSS);
    s.rtt = MSEC(500);
    for (int i = 0; i < 20; i++) {
        before = s.cc.cwnd;
        ack(&s, MSS);
        assert_int_equal(s.cc.cwnd - before, MSS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_mss_change),
        cmocka_unit_test(test_slow_start),
        cmocka_unit_test(test_not_limited),
        cmocka_unit_test(test_largest_window),
        cmocka_unit_test(test_newreno_avoidance),
        cmocka_unit_test(test_newreno_loss),
        cmocka_unit_test(test_cubic_curve),
        cmocka_unit_test(test_cubic_clamp),
        cmocka_unit_test(test_cubic_idle),
        cmocka_unit_test(test_cubic_reno_friendly),
        cmocka_unit_test(test_cubic_reduction),
        cmocka_unit_test(test_cubic_fast_convergence),
        cmocka_unit_test(test_cubic_timeout),
        cmocka_unit_test(test_cubic_undo),
        cmocka_unit_test(test_undo_in_slow_start),
        cmocka_unit_test(test_cubic_range),
        cmocka_unit_test(test_hystart_threshold),
        cmocka_unit_test(test_hystart_limit),
        cmocka_unit_test(test_hystart_false_alarm),
        cmocka_unit_test(test_hystart_exit),
        cmocka_unit_test(test_hystart_ends_with_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
