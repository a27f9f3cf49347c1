/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory budget. */
#include "base/mem.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_libc_is_the_default(void **state) {
    (void)state;
    struct mem m;
    mem_init(&m, NULL, NULL, 0);
    uint8_t *p = mem_alloc(&m, 100);
    assert_non_null(p);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    p[99] = 7;
    p = mem_realloc(&m, p, 100, 5000);
    assert_non_null(p);
    assert_int_equal(p[99], 7);
    assert_int_equal(m.used, 5000);
    p = mem_realloc(&m, p, 5000, 100);
    assert_non_null(p);
    assert_int_equal(p[99], 7);
    assert_int_equal(m.used, 100);
    mem_free(&m, p, 100);
    mem_free(&m, NULL, 0);
    mem_free(&m, NULL, 100);
    assert_int_equal(m.used, 0);
    assert_int_equal(m.failures, 0);
}

static void test_fresh_memory_is_zero(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct mem m;
    mem_init(&m, testmem_alloc, &tm, 0);
    uint8_t *p = mem_alloc(&m, 33);
    assert_non_null(p);
    for (int i = 0; i < 33; i++)
        assert_int_equal(p[i], 0);
    assert_int_equal(tm.bytes, 33);
    mem_free(&m, p, 33);
    assert_int_equal(tm.blocks, 0);
}

static void test_limit_bounds_the_sum(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct mem m;
    mem_init(&m, testmem_alloc, &tm, 100);
    void *a = mem_alloc(&m, 60);
    assert_non_null(a);
    assert_null(mem_alloc(&m, 41));
    assert_null(mem_alloc(&m, SIZE_MAX));
    assert_null(mem_realloc(&m, a, 60, 101));
    assert_int_equal(m.failures, 3);
    assert_int_equal(m.used, 60);
    assert_int_equal(tm.requests, 1);
    void *b = mem_alloc(&m, 40);
    assert_non_null(b);
    assert_null(mem_alloc(&m, 1));
    mem_free(&m, b, 40);
    a = mem_realloc(&m, a, 60, 100);
    assert_non_null(a);
    /* A limit that is lowered below what is used refuses more, but lets blocks shrink. */
    m.limit = 50;
    assert_null(mem_alloc(&m, 1));
    a = mem_realloc(&m, a, 100, 70);
    assert_non_null(a);
    assert_int_equal(m.used, 70);
    mem_free(&m, a, 70);
    assert_int_equal(m.used, 0);
    assert_int_equal(tm.blocks, 0);
}

static void test_refusal_leaves_the_old_block(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct mem m;
    mem_init(&m, testmem_alloc, &tm, 0);
    uint8_t *p = mem_alloc(&m, 8);
    assert_non_null(p);
    p[7] = 9;
    tm.fail_at = tm.requests + 1;
    assert_null(mem_realloc(&m, p, 8, 16));
    assert_int_equal(p[7], 9);
    assert_int_equal(m.used, 8);
    assert_int_equal(m.failures, 1);
    mem_free(&m, p, 8);
    assert_int_equal(m.used, 0);
}

/* The helper itself: it counts rounds as documented. */
static void test_each_failure_ends(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct mem m;
    mem_init(&m, testmem_alloc, &tm, 0);
    int rounds = 0;
    TESTMEM_EACH_FAILURE(&tm) {
        void *a = mem_alloc(&m, 1), *b = mem_alloc(&m, 2), *c = mem_alloc(&m, 3);
        rounds++;
        assert_int_equal(!a, rounds == 1);
        assert_int_equal(!b, rounds == 2);
        assert_int_equal(!c, rounds == 3);
        assert_int_equal(testmem_refused(&tm), rounds <= 3);
        mem_free(&m, a, 1);
        mem_free(&m, b, 2);
        mem_free(&m, c, 3);
    }
    assert_int_equal(rounds, 4);
    assert_int_equal(m.failures, 3);
    assert_int_equal(tm.blocks, 0);
    assert_int_equal(tm.fail_at, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_libc_is_the_default),  cmocka_unit_test(test_fresh_memory_is_zero),
        cmocka_unit_test(test_limit_bounds_the_sum), cmocka_unit_test(test_refusal_leaves_the_old_block),
        cmocka_unit_test(test_each_failure_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
