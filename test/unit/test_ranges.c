/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranges: single cases, and long random runs against a bitmap. */
#include "base/ranges.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>

enum { SPAN = 512, STEPS = 20000 };

/* The set beside a bitmap of the SPAN numbers from `base` on. */
struct model {
    struct testmem tm;
    struct mem mem;
    struct ranges r;
    uint64_t base, random;
    bool in[SPAN];
};

static void check(const struct model *m) {
    const struct ranges *r = &m->r;
    uint32_t pos = 0, total = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t start = r->items[i].start - m->base, end = r->items[i].end - m->base;
        assert_true(start < end && end <= SPAN);
        assert_true(i == 0 || start > pos); /* sorted, disjoint, not touching */
        for (; pos < start; pos++)
            assert_false(m->in[pos]);
        for (; pos < end; pos++, total++)
            assert_true(m->in[pos]);
    }
    for (; pos < SPAN; pos++)
        assert_false(m->in[pos]);
    assert_int_equal(ranges_total(r), total);
    assert_int_equal(ranges_empty(r), total == 0);
    assert_int_equal(m->mem.used, r->capacity * sizeof *r->items);
    assert_true(total > 0 || m->mem.used == 0);
}

static uint32_t model_find(const struct model *m, uint32_t from, bool in) {
    while (from < SPAN && m->in[from] != in)
        from++;
    return from;
}

static void check_queries(struct model *m) {
    uint32_t a = test_below(&m->random, SPAN), b = a + test_below(&m->random, SPAN - a + 1);
    const struct range *found = ranges_find(&m->r, m->base + a), *next = ranges_next(&m->r, m->base + a);
    assert_int_equal(found != NULL, m->in[a]);
    uint32_t first = model_find(m, a, true);
    assert_int_equal(next == NULL, first == SPAN);
    if (next)
        assert_true(next->start - m->base <= first && first < next->end - m->base);
    if (found)
        assert_ptr_equal(found, next);
    uint32_t hole = model_find(m, a, false);
    assert_int_equal(ranges_cover(&m->r, m->base + a, m->base + b), hole >= b);
    struct range gap = {0, 0};
    assert_int_equal(ranges_gap(&m->r, m->base + a, m->base + b, &gap), hole < b);
    if (hole < b) {
        uint32_t hole_end = model_find(m, hole, true);
        assert_int_equal(gap.start - m->base, hole);
        assert_int_equal(gap.end - m->base, hole_end < b ? hole_end : b);
    }
}

static void change(struct model *m, uint32_t what, uint32_t a, uint32_t b) {
    TESTMEM_EACH_FAILURE(&m->tm) {
        int err = 0;
        if (what == 0)
            ranges_remove_below(&m->r, &m->mem, m->base + a);
        else if (what < 8)
            err = ranges_remove(&m->r, &m->mem, m->base + a, m->base + b);
        else
            err = ranges_add(&m->r, &m->mem, m->base + a, m->base + b);
        assert_int_equal(err, testmem_refused(&m->tm) ? -ENOMEM : 0);
        if (err)
            check(m);
    }
    if (what == 0)
        memset(m->in, 0, a);
    else
        memset(m->in + a, what >= 8, b - a);
    check(m);
}

static void run_model(uint64_t seed, uint64_t base, uint32_t longest) {
    struct model m = {.base = base, .random = seed};
    mem_init(&m.mem, testmem_alloc, &m.tm, 0);
    for (int step = 0; step < STEPS; step++) {
        uint32_t a = test_below(&m.random, SPAN), len = test_below(&m.random, longest);
        change(&m, test_below(&m.random, 16), a, a + len < SPAN ? a + len : SPAN);
        check_queries(&m);
        if (test_below(&m.random, 500) == 0)
            change(&m, 1, 0, SPAN);
    }
    ranges_free(&m.r, &m.mem);
    assert_int_equal(m.mem.used, 0);
    assert_int_equal(m.tm.blocks, 0);
}

static void test_model_of_short_ranges(void **state) {
    (void)state;
    run_model(1, 1000, 6);
}

static void test_model_of_long_ranges(void **state) {
    (void)state;
    run_model(2, 0, 100);
}

/* The set lies on both sides of 2^64, then of 2^63 (where plain signed comparison would go wrong). */
static void test_model_over_the_wrap(void **state) {
    (void)state;
    run_model(3, UINT64_MAX - SPAN / 2, 8);
    run_model(4, (UINT64_C(1) << 63) - SPAN / 2, 40);
}

static void test_touching_ranges_merge(void **state) {
    (void)state;
    struct mem mem;
    struct ranges r = {0};
    mem_init(&mem, NULL, NULL, 0);
    assert_int_equal(ranges_add(&r, &mem, 10, 20), 0);
    assert_int_equal(ranges_add(&r, &mem, 30, 40), 0);
    assert_int_equal(ranges_add(&r, &mem, 5, 5), 0); /* empty */
    assert_int_equal(r.count, 2);
    assert_int_equal(ranges_add(&r, &mem, 20, 30), 0);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.items[0].start, 10);
    assert_int_equal(r.items[0].end, 40);
    assert_int_equal(ranges_remove(&r, &mem, 15, 15), 0); /* empty: no split */
    assert_int_equal(r.count, 1);
    assert_null(ranges_find(&r, 40));
    assert_null(ranges_find(&r, 9));
    assert_non_null(ranges_find(&r, 39));
    ranges_remove_below(&r, &mem, 40);
    assert_true(ranges_empty(&r));
    assert_int_equal(mem.used, 0);
}

static void test_extending_the_last_range_needs_no_memory(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct mem mem;
    struct ranges r = {0};
    mem_init(&mem, testmem_alloc, &tm, 0);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(ranges_add(&r, &mem, 1000 * i, 1000 * i + 10), 0);
    uint64_t requests = tm.requests;
    for (uint64_t at = 99010; at < 99990; at += 10)
        assert_int_equal(ranges_add(&r, &mem, at, at + 10), 0);
    assert_int_equal(r.count, 100);
    assert_int_equal(tm.requests, requests);
    ranges_free(&r, &mem);
    assert_int_equal(mem.used, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_of_short_ranges),
        cmocka_unit_test(test_model_of_long_ranges),
        cmocka_unit_test(test_model_over_the_wrap),
        cmocka_unit_test(test_touching_ranges_merge),
        cmocka_unit_test(test_extending_the_last_range_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
