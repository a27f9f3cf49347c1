/* SPDX-License-Identifier: BSD-3-Clause */
/* Deque: single cases, and long random runs against an array. */
#include "base/deque.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LONGEST = 300, STEPS = 30000 };

struct record {
    uint32_t a;
    uint8_t b[8]; /* 12 bytes: no power of two */
};

struct model {
    struct testmem tm;
    struct mem mem;
    struct deque d;
    uint64_t random;
    uint32_t next; /* what the next record holds */
    uint32_t items[LONGEST], count;
};

static void check(const struct model *m) {
    const struct deque *d = &m->d;
    assert_int_equal(d->count, m->count);
    assert_int_equal(d->capacity & (d->capacity - 1), 0);
    assert_int_equal(m->mem.used, d->capacity * sizeof(struct record));
    assert_int_equal(d->items == NULL, m->count == 0);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct record *r = deque_at(d, i);
        assert_int_equal(r->a, m->items[i]);
        assert_int_equal(r->b[7], (uint8_t)m->items[i]);
    }
    assert_ptr_equal(deque_front(d), m->count ? deque_at(d, 0) : NULL);
    assert_ptr_equal(deque_back(d), m->count ? deque_at(d, m->count - 1) : NULL);
}

static void insert(struct model *m, uint32_t i) {
    static const struct record zero;
    struct record *r = NULL;
    TESTMEM_EACH_FAILURE(&m->tm) {
        r = i == m->count ? deque_push(&m->d, &m->mem) : deque_insert(&m->d, &m->mem, i);
        assert_int_equal(r == NULL, testmem_refused(&m->tm));
        if (!r)
            check(m);
    }
    assert_memory_equal(r, &zero, sizeof zero);
    memmove(m->items + i + 1, m->items + i, (m->count - i) * sizeof *m->items);
    m->items[i] = r->a = m->next++;
    r->b[7] = (uint8_t)r->a;
    m->count++;
}

static void take(struct model *m, uint32_t i) {
    if (i == 0 && test_below(&m->random, 2))
        deque_pop_front(&m->d, &m->mem);
    else
        deque_remove(&m->d, &m->mem, i);
    m->count--;
    memmove(m->items + i, m->items + i + 1, (m->count - i) * sizeof *m->items);
}

static uint32_t pick(struct model *m, uint32_t n) {
    uint32_t how = test_below(&m->random, 3);
    return how == 0 ? 0 : how == 1 ? n - 1 : test_below(&m->random, n);
}

static void test_model(void **state) {
    (void)state;
    struct model m = {.random = 1};
    mem_init(&m.mem, testmem_alloc, &m.tm, 0);
    deque_init(&m.d, sizeof(struct record));
    check(&m);
    uint32_t aim = 10, emptied = 0;
    for (int step = 0; step < STEPS; step++) {
        if (step % 200 == 0)
            aim = test_below(&m.random, 3) ? test_below(&m.random, 12) : test_below(&m.random, LONGEST - 40);
        bool more = m.count < aim ? test_below(&m.random, 4) != 0 : test_below(&m.random, 4) == 0;
        if (m.count == 0 || (more && m.count < LONGEST))
            insert(&m, pick(&m, m.count + 1));
        else
            take(&m, pick(&m, m.count));
        emptied += m.count == 0;
        check(&m);
    }
    assert_true(emptied > 10);
    deque_free(&m.d, &m.mem);
    deque_free(&m.d, &m.mem);
    assert_int_equal(m.mem.used, 0);
    assert_int_equal(m.tm.blocks, 0);
}

static void test_queue_holds_its_capacity(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct mem mem;
    struct deque d;
    mem_init(&mem, testmem_alloc, &tm, 0);
    deque_init(&d, sizeof(uint32_t));
    for (uint32_t i = 0; i < 1000; i++) {
        *(uint32_t *)deque_push(&d, &mem) = i;
        if (i >= 3) {
            assert_int_equal(*(uint32_t *)deque_front(&d), i - 3);
            deque_pop_front(&d, &mem);
        }
    }
    assert_int_equal(tm.requests, 1);
    assert_int_equal(d.capacity, 4);
    while (d.count)
        deque_pop_front(&d, &mem);
    assert_int_equal(mem.used, 0);
    assert_int_equal(d.item_size, sizeof(uint32_t));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_queue_holds_its_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
