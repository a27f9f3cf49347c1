/* SPDX-License-Identifier: BSD-3-Clause */
/* Sequence arithmetic: the wire's 32 bits and the 64 bits behind them. */
#include "base/seq.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_order_is_modular(void **state) {
    (void)state;
    struct dsn a = {UINT64_MAX - 5}, b = dsn_add(a, 10);
    assert_int_equal(b.v, 4);
    assert_true(dsn_lt(a, b) && dsn_le(a, b) && !dsn_lt(b, a) && dsn_le(a, a) && !dsn_lt(a, a));
    assert_int_equal(dsn_sub(b, a), 10);
    assert_int_equal(dsn_diff(a, b), -10);
    assert_true(dsn_eq(dsn_min(a, b), a) && dsn_eq(dsn_max(a, b), b));
    assert_true(dsn_eq(dsn_min(b, a), a) && dsn_eq(dsn_max(b, a), b));
    struct ssn s = {0}, t = ssn_add(s, 7);
    assert_true(ssn_lt(s, t) && ssn_le(s, t) && !ssn_le(t, s) && !ssn_eq(s, t));
    assert_int_equal(ssn_sub(t, s), 7);
    assert_int_equal(ssn_diff(s, t), -7);
    assert_true(ssn_eq(ssn_min(t, s), s) && ssn_eq(ssn_max(t, s), t));
}

static void test_unwrap_takes_the_nearest(void **state) {
    (void)state;
    const uint64_t near = 0x500000000;
    assert_int_equal(unwrap32(near, 0), near);
    assert_int_equal(unwrap32(near, 0x7fffffff), near + 0x7fffffff);
    assert_int_equal(unwrap32(near, 0x80000000), near - 0x80000000); /* half way: before */
    assert_int_equal(unwrap32(near, 0xffffffff), near - 1);
    assert_int_equal(unwrap32(near + 0xfffffff0, 5), near + 0x100000005);
    assert_int_equal(unwrap32(UINT64_MAX, 3), 3); /* a dsn wraps */
    assert_int_equal(unwrap32(2, 0xfffffffe), UINT64_MAX - 1);
    assert_int_equal(ssn_unwrap((struct ssn){near}, 9).v, near + 9);
    assert_int_equal(dsn_unwrap((struct dsn){near}, 0xfffffff7).v, near - 9);
}

static void test_wire_number_and_back(void **state) {
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 10000; i++) {
        struct seq isn = {(uint32_t)test_random(&random)};
        struct ssn near = {test_random(&random) >> (1 + test_below(&random, 30))};
        /* Anything from 2^31 before to 2^31 - 1 after comes back, if it exists. */
        int64_t off = (int64_t)(test_random(&random) & 0xffffffff) - 0x80000000;
        if (off < 0 && (uint64_t)-off > near.v)
            off = 0;
        struct ssn s = {near.v + (uint64_t)off};
        assert_int_equal(ssn_of(isn, near, seq_of(isn, s)).v, s.v);
        assert_int_equal(ssn_unwrap(near, (uint32_t)s.v).v, s.v);
    }
    struct seq isn = {0xfffffff0};
    assert_int_equal(seq_of(isn, (struct ssn){0}).v, 0xfffffff0);
    assert_int_equal(seq_of(isn, (struct ssn){0x20}).v, 0x10);
    assert_int_equal(ssn_of(isn, (struct ssn){1}, (struct seq){0x10}).v, 0x20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_modular),
        cmocka_unit_test(test_unwrap_takes_the_nearest),
        cmocka_unit_test(test_wire_number_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
