/* SPDX-License-Identifier: BSD-3-Clause */
/* Round-trip estimation: RFC 6298's arithmetic in numbers, backoff, bounds, and the windowed minimum. */
#include "tcp/rtt.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RTO_MIN MSEC(200)
#define RTO_MAX SEC(120)

static void assert_near(dur value, dur wanted, dur tolerance) {
    assert_in_range(value, wanted - tolerance, wanted + tolerance);
}

/* T-RTO-01 */
static void test_initial(void **state) {
    struct rtt r;
    (void)state;
    rtt_init(&r);
    assert_int_equal(rtt_rto(&r, RTO_MIN, RTO_MAX), SEC(1));
    r.backoff = 3;
    assert_int_equal(rtt_rto(&r, RTO_MIN, RTO_MAX), SEC(8));
    assert_int_equal(rtt_rto_base(&r, RTO_MIN, RTO_MAX), SEC(1));
}

/* T-RTO-02, T-RTO-03, T-RTO-16 */
static void test_estimator(void **state) {
    static const struct {
        dur sample, srtt, rttvar, rto; /* microseconds */
    } steps[] = {
        {100000, 100000, 50000, 300000},
        {100000, 100000, 37500, 250000},
        {200000, 112500, 53125, 325000},
        {50000, 104688, 55469, 326563},
    };
    struct rtt r;
    (void)state;
    rtt_init(&r);
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        rtt_sample(&r, (utime){SEC(1 + i)}, USEC(steps[i].sample), 1);
        assert_near(r.srtt, USEC(steps[i].srtt), USEC(1));
        assert_near(r.rttvar, USEC(steps[i].rttvar), USEC(1));
        assert_near(rtt_rto_base(&r, 0, RTO_MAX), USEC(steps[i].rto), USEC(4));
    }
}

/* T-RTO-04, T-RTO-05, T-RTO-12 */
static void test_bounds_and_backoff(void **state) {
    struct rtt r;
    (void)state;
    rtt_init(&r);
    rtt_sample(&r, (utime){SEC(1)}, MSEC(1), 1);
    assert_int_equal(rtt_rto(&r, SEC(1), RTO_MAX), SEC(1));
    assert_int_equal(rtt_rto(&r, RTO_MIN, RTO_MAX), RTO_MIN);
    for (unsigned i = 0; i < 255; i++) {
        dur wanted = i < 10 ? RTO_MIN << i : RTO_MAX;
        r.backoff = (uint8_t)i;
        assert_int_equal(rtt_rto(&r, RTO_MIN, RTO_MAX), wanted < RTO_MAX ? wanted : RTO_MAX);
    }
    rtt_sample(&r, (utime){SEC(2)}, MSEC(1), 1);
    assert_int_equal(r.backoff, 0);
    assert_int_equal(rtt_rto(&r, RTO_MIN, RTO_MAX), RTO_MIN);
}

/* T-RTO-08 */
static void test_constant_rtt(void **state) {
    struct rtt r;
    (void)state;
    rtt_init(&r);
    for (unsigned i = 1; i < 200; i++)
        rtt_sample(&r, (utime){SEC(i)}, MSEC(300), 1);
    assert_int_equal(r.srtt, MSEC(300));
    assert_int_equal(rtt_rto(&r, RTO_MIN, RTO_MAX), MSEC(301));
}

/* T-TSP-07: ten samples in a round weigh together about as much as one. */
static void test_many_samples(void **state) {
    struct rtt one, ten;
    (void)state;
    rtt_init(&one);
    rtt_init(&ten);
    rtt_sample(&one, (utime){SEC(1)}, MSEC(100), 1);
    rtt_sample(&ten, (utime){SEC(1)}, MSEC(100), 1);
    rtt_sample(&one, (utime){SEC(2)}, MSEC(180), 1);
    for (int i = 0; i < 10; i++)
        rtt_sample(&ten, (utime){SEC(2)}, MSEC(180), 10);
    assert_int_equal(one.srtt, MSEC(110));
    assert_near(ten.srtt, MSEC(110), MSEC(1));
    assert_near(ten.rttvar, one.rttvar, MSEC(2));
    rtt_sample(&ten, (utime){SEC(2)}, MSEC(100), 0); /* no flight known: one sample */
    assert_near(ten.srtt, MSEC(108), MSEC(1));
}

/* T-RCK-04 */
static void test_windowed_minimum(void **state) {
    struct rtt r;
    (void)state;
    rtt_init(&r);
    rtt_sample(&r, (utime){SEC(100)}, MSEC(10), 1);
    rtt_sample(&r, (utime){SEC(101)}, MSEC(20), 1);
    assert_int_equal(rtt_min(&r), MSEC(10));
    rtt_sample(&r, (utime){SEC(106)}, MSEC(30), 1); /* the first half is over, and remembered */
    assert_int_equal(rtt_min(&r), MSEC(10));
    rtt_sample(&r, (utime){SEC(112)}, MSEC(40), 1); /* forgotten */
    assert_int_equal(rtt_min(&r), MSEC(30));
    rtt_see_min(&r, (utime){SEC(113)}, USEC(7));
    assert_int_equal(rtt_min(&r), USEC(7));
    rtt_see_min(&r, (utime){SEC(300)}, MSEC(50)); /* nothing for long */
    assert_int_equal(rtt_min(&r), MSEC(50));
    assert_int_not_equal(r.srtt, MSEC(50));
}

/* T-UND-06 */
static void test_spurious(void **state) {
    struct rtt r;
    (void)state;
    rtt_init(&r);
    rtt_sample(&r, (utime){SEC(1)}, MSEC(100), 1);
    r.backoff = 1;
    rtt_spurious(&r, MSEC(400));
    assert_int_equal(r.srtt, MSEC(400));
    assert_int_equal(r.rttvar, MSEC(200));
    assert_int_equal(r.backoff, 0);
    rtt_spurious(&r, MSEC(10)); /* never less careful */
    assert_int_equal(r.srtt, MSEC(400));
    assert_int_equal(r.rttvar, MSEC(200));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initial),
        cmocka_unit_test(test_estimator),
        cmocka_unit_test(test_bounds_and_backoff),
        cmocka_unit_test(test_constant_rtt),
        cmocka_unit_test(test_many_samples),
        cmocka_unit_test(test_windowed_minimum),
        cmocka_unit_test(test_spurious),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
