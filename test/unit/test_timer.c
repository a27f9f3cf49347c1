/* SPDX-License-Identifier: BSD-3-Clause */
/* Timers: single cases, and long random runs against a sorted list. */
#include "base/timer.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>

struct fixture {
    struct testmem tm;
    struct mem mem;
    struct timers q;
};

static void setup(struct fixture *f) {
    *f = (struct fixture){0};
    mem_init(&f->mem, testmem_alloc, &f->tm, 0);
    timers_init(&f->q, &f->mem);
}

static void finish(struct fixture *f) {
    timers_free(&f->q);
    assert_int_equal(f->mem.used, 0);
    assert_int_equal(f->tm.blocks, 0);
}

static utime at(uint64_t ns) { return (utime){ns}; }

static void test_pop_in_order_of_time(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    struct timer t[3];
    assert_int_equal(timers_reserve(&f.q, 3), 0);
    for (uint16_t i = 0; i < 3; i++)
        timer_init(&t[i], i);
    assert_true(timers_idle(&f.q));
    assert_true(time_is_never(timers_next(&f.q)));
    timer_set(&f.q, &t[0], at(30));
    timer_set(&f.q, &t[1], at(10));
    timer_set(&f.q, &t[2], at(20));
    assert_true(timer_armed(&t[0]));
    assert_int_equal(timers_next(&f.q).ns, 10);
    assert_null(timers_pop(&f.q, at(9)));
    assert_ptr_equal(timers_pop(&f.q, at(10)), &t[1]);
    assert_false(timer_armed(&t[1]));
    assert_null(timers_pop(&f.q, at(10)));
    assert_ptr_equal(timers_pop(&f.q, at(100)), &t[2]);
    assert_ptr_equal(timers_pop(&f.q, at(100)), &t[0]);
    assert_null(timers_pop(&f.q, at(100)));
    assert_true(timers_idle(&f.q));
    finish(&f);
}

static void test_move_and_disarm(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    struct timer a, b;
    timer_init(&a, 1);
    timer_init(&b, 2);
    assert_int_equal(a.kind, 1);
    assert_false(timer_armed(&a));
    assert_int_equal(timers_reserve(&f.q, 2), 0);
    timer_cancel(&f.q, &a); /* not armed: nothing */
    timer_set(&f.q, &a, UMPTCP_NEVER);
    timer_set(&f.q, &a, at(10));
    timer_set(&f.q, &b, at(20));
    timer_set(&f.q, &a, at(30)); /* later than b now */
    assert_int_equal(timers_next(&f.q).ns, 20);
    timer_set(&f.q, &b, at(50)); /* both moved */
    assert_int_equal(timers_next(&f.q).ns, 30);
    timer_set(&f.q, &b, at(25)); /* and back, between its key and its last time */
    assert_int_equal(timers_next(&f.q).ns, 25);
    timer_set(&f.q, &b, UMPTCP_NEVER);
    assert_false(timer_armed(&b));
    assert_int_equal(timers_next(&f.q).ns, 30);
    timer_cancel(&f.q, &a);
    assert_true(timers_idle(&f.q));
    finish(&f);
}

static void test_rearmed_in_the_handler(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    struct timer a, b;
    timer_init(&a, 0);
    timer_init(&b, 1);
    assert_int_equal(timers_reserve(&f.q, 2), 0);
    timer_set(&f.q, &a, at(100));
    timer_set(&f.q, &b, at(1000));
    uint64_t expected = 100;
    int fired = 0;
    for (struct timer *t; (t = timers_pop(&f.q, at(1000))); fired++) {
        if (t == &b)
            break;
        assert_int_equal(f.q.count, 1);
        timer_set(&f.q, &a, at(expected += 100));
    }
    assert_in_range(fired, 9, 10); /* which of the two that are due at 1000 is first is not promised */
    finish(&f);
}

static void test_reserve_and_give_back(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    TESTMEM_EACH_FAILURE(&f.tm) {
        int err = timers_reserve(&f.q, 100);
        assert_int_equal(err, testmem_refused(&f.tm) ? -ENOMEM : 0);
        if (err)
            assert_int_equal(f.mem.used, 0);
    }
    size_t used = f.mem.used;
    TESTMEM_EACH_FAILURE(&f.tm) {
        int err = timers_reserve(&f.q, 1000);
        assert_int_equal(err, testmem_refused(&f.tm) ? -ENOMEM : 0);
        if (err)
            assert_int_equal(f.mem.used, used);
    }
    assert_int_equal(timers_reserve(&f.q, 0), 0);
    f.tm.fail_at = 1; /* giving back does not depend on memory */
    f.tm.fail_on = true;
    assert_int_equal(timers_reserve(&f.q, -1000), 0);
    f.tm.fail_at = 0;
    used = f.mem.used;
    assert_int_equal(timers_reserve(&f.q, -90), 0);
    assert_true(f.mem.used < used);
    assert_int_equal(timers_reserve(&f.q, -10), 0);
    assert_int_equal(f.mem.used, 0);
    finish(&f);
}

/* One object after the other: the room beyond what is reserved stays a quarter when it grows, and a half later. */
static void test_room_to_grow(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    for (uint32_t n = 8; n <= 5000; n++) {
        assert_int_equal(timers_reserve(&f.q, n == 8 ? 8 : 1), 0);
        assert_in_range(f.mem.used, n * sizeof(struct timer_entry), (n + n / 4) * sizeof(struct timer_entry));
    }
    for (uint32_t n = 4999; n >= 8; n--) {
        assert_int_equal(timers_reserve(&f.q, -1), 0);
        assert_in_range(f.mem.used, n * sizeof(struct timer_entry), 2 * (n + 1) * sizeof(struct timer_entry));
    }
    assert_int_equal(timers_reserve(&f.q, -8), 0);
    finish(&f);
}

/* ---- Against a model --------------------------------------------------------------------------------------------- */

enum { TIMERS = 200, STEPS = 40000 };

struct model {
    struct fixture f;
    struct timer t[TIMERS];
    uint64_t at[TIMERS]; /* UINT64_MAX: not armed */
    uint64_t now, random;
};

static uint64_t model_next(const struct model *m) {
    uint64_t next = UINT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        next = m->at[i] < next ? m->at[i] : next;
    return next;
}

static void check_heap(const struct model *m) {
    const struct timers *q = &m->f.q;
    uint32_t armed = 0;
    for (int i = 0; i < TIMERS; i++) {
        assert_int_equal(m->t[i].at.ns, m->at[i]);
        assert_int_equal(timer_armed(&m->t[i]), m->t[i].slot != 0);
        armed += timer_armed(&m->t[i]);
    }
    assert_int_equal(q->count, armed);
    assert_int_equal(timers_idle(q), armed == 0);
    for (uint32_t i = 0; i < q->count; i++) {
        assert_int_equal(q->heap[i].timer->slot, i + 1);
        assert_true(q->heap[i].key.ns <= q->heap[i].timer->at.ns);
    }
    assert_int_equal(timers_next(q).ns, model_next(m));
}

/* Fires what is due; half of it is armed again at once, some of that for now. */
static void fire(struct model *m) {
    for (struct timer *t; (t = timers_pop(&m->f.q, at(m->now)));) {
        long i = t - m->t;
        assert_int_equal(m->at[i], model_next(m));
        assert_true(m->at[i] <= m->now);
        m->at[i] = UINT64_MAX;
        assert_false(timer_armed(t));
        if (test_below(&m->random, 2)) {
            m->at[i] = m->now + test_below(&m->random, 50);
            timer_set(&m->f.q, t, at(m->at[i]));
        }
    }
    assert_true(model_next(m) > m->now);
}

static void run_model(uint64_t seed, uint32_t spread) {
    static struct model m;
    m = (struct model){.now = 1, .random = seed};
    setup(&m.f);
    assert_int_equal(timers_reserve(&m.f.q, TIMERS), 0);
    for (int i = 0; i < TIMERS; i++) {
        timer_init(&m.t[i], (uint16_t)i);
        m.at[i] = UINT64_MAX;
    }
    for (int step = 0; step < STEPS; step++) {
        uint32_t i = test_below(&m.random, TIMERS), what = test_below(&m.random, 16);
        if (what < 9 && m.at[i] != UINT64_MAX) /* as acknowledgments do: later */
            m.at[i] += test_below(&m.random, spread);
        else if (what < 13)
            m.at[i] = m.now + test_below(&m.random, spread);
        else
            m.at[i] = UINT64_MAX;
        if (what == 15)
            timer_cancel(&m.f.q, &m.t[i]);
        else
            timer_set(&m.f.q, &m.t[i], at(m.at[i]));
        if (test_below(&m.random, 8) == 0)
            m.now += test_below(&m.random, 20);
        assert_int_equal(timers_next(&m.f.q).ns, model_next(&m));
        if (step % 64 == 0)
            check_heap(&m);
        fire(&m);
    }
    check_heap(&m);
    finish(&m.f);
}

static void test_model_near(void **state) {
    (void)state;
    run_model(1, 100);
}

static void test_model_far(void **state) {
    (void)state;
    run_model(2, 5000);
}

static void test_clock_arithmetic(void **state) {
    (void)state;
    assert_int_equal(time_add(at(5), MSEC(1)).ns, 1000005);
    assert_true(time_is_never(time_add(at(UINT64_MAX - 5), SEC(1))));
    assert_true(time_is_never(time_add(UMPTCP_NEVER, 0)));
    assert_int_equal(time_since(at(7), at(5)), 2);
    assert_int_equal(time_since(at(5), at(7)), 0);
    assert_int_equal(time_min(at(5), UMPTCP_NEVER).ns, 5);
    assert_int_equal(time_max(at(5), at(7)).ns, 7);
    assert_true(time_before(at(5), at(6)) && !time_before(at(6), at(6)));
    assert_int_equal(SEC(2), 2000 * MSEC(1));
    assert_int_equal(MSEC(1), 1000 * USEC(1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pop_in_order_of_time),
        cmocka_unit_test(test_move_and_disarm),
        cmocka_unit_test(test_rearmed_in_the_handler),
        cmocka_unit_test(test_reserve_and_give_back),
        cmocka_unit_test(test_room_to_grow),
        cmocka_unit_test(test_model_near),
        cmocka_unit_test(test_model_far),
        cmocka_unit_test(test_clock_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
