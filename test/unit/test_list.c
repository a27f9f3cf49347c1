/* SPDX-License-Identifier: BSD-3-Clause */
/* Intrusive list. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int id;
    struct list node;
};

static void expect(const struct list *l, const char *ids) {
    for (struct list *n = l->next; n != l; n = n->next, ids++) {
        assert_int_equal(container_of(n, struct item, node)->id, *ids - '0');
        assert_ptr_equal(n->prev->next, n);
    }
    assert_int_equal(*ids, '\0');
}

static void test_push_and_remove(void **state) {
    (void)state;
    struct list l;
    struct item items[4];
    list_init(&l);
    assert_true(list_empty(&l));
    assert_null(list_first(&l));
    for (int i = 0; i < 4; i++) {
        items[i].id = i;
        list_init(&items[i].node);
    }
    list_remove(&items[0].node); /* in no list */
    list_push_back(&l, &items[0].node);
    list_push_back(&l, &items[1].node);
    list_push_front(&l, &items[2].node);
    list_push_front(&l, &items[3].node);
    expect(&l, "3201");
    assert_ptr_equal(list_first(&l), &items[3].node);
    list_remove(&items[2].node);
    list_remove(&items[2].node);
    assert_true(list_empty(&items[2].node));
    expect(&l, "301");
    list_remove(&items[1].node);
    list_push_front(&l, &items[1].node);
    expect(&l, "130");
}

static void test_removal_while_walking(void **state) {
    (void)state;
    struct list l;
    struct item items[6];
    list_init(&l);
    for (int i = 0; i < 6; i++) {
        items[i].id = i;
        list_push_back(&l, &items[i].node);
    }
    list_for_each_safe (n, &l)
        if (container_of(n, struct item, node)->id % 2)
            list_remove(n);
    expect(&l, "024");
    int seen = 0;
    list_for_each (n, &l)
        seen++;
    assert_int_equal(seen, 3);
    list_for_each_safe (n, &l)
        list_remove(n);
    assert_true(list_empty(&l));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_and_remove),
        cmocka_unit_test(test_removal_while_walking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
