/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of endpoints. */
#include "pmlab.h"

static void test_ids(void **state) {
    (void)state;
    struct pm_endpoints t;
    pm_endpoints_init(&t);
    assert_int_equal(t.limits.subflows, 2);
    assert_int_equal(t.limits.add_addr_accepted, 0);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, UMPTCP_EP_SUBFLOW), 1);
    assert_int_equal(add(&t, "10.0.0.2", 0, 33, UMPTCP_EP_SIGNAL), 33);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, UMPTCP_EP_SUBFLOW), 34);
    assert_int_equal(add(&t, "10.0.0.4", 0, 33, UMPTCP_EP_SUBFLOW), -EBUSY);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, UMPTCP_EP_SUBFLOW), -EEXIST);
    assert_int_equal(add(&t, "10.0.0.4", 0, 255, UMPTCP_EP_SUBFLOW), 255);
    assert_int_equal(add(&t, "10.0.0.5", 0, 0, UMPTCP_EP_SUBFLOW), 2); /* 1 is taken */
    assert_int_equal(pm_endpoints_del(&t, 7, NULL), -EINVAL);
    struct pm_endpoint gone;
    assert_int_equal(pm_endpoints_del(&t, 33, &gone), 0);
    assert_int_equal(gone.id, 33);
    assert_null(pm_endpoints_find(&t, 33));
    struct umptcp_addr a = test_addr("10.0.0.3");
    assert_int_equal(pm_endpoints_by_addr(&t, &a)->id, 34);
    for (int i = 0; i < 4; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.0.1.%d", i);
        assert_true(add(&t, text, 0, 0, 0) > 0);
    }
    assert_int_equal(t.count, UMPTCP_ENDPOINTS_MAX);
    assert_int_equal(add(&t, "10.0.0.9", 0, 0, UMPTCP_EP_SUBFLOW), -ERANGE);
}

static void test_add_refuses(void **state) {
    (void)state;
    struct pm_endpoints t;
    pm_endpoints_init(&t);
    assert_int_equal(add(&t, "10.0.0.1", 80, 0, UMPTCP_EP_SUBFLOW), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.1", 80, 0, UMPTCP_EP_SUBFLOW | UMPTCP_EP_SIGNAL), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.1", 80, 0, 0), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, 0x40), -EINVAL);
    assert_int_equal(add(&t, "224.0.0.1", 0, 0, UMPTCP_EP_SUBFLOW), -EINVAL);
    assert_int_equal(add(&t, "::", 0, 0, UMPTCP_EP_SUBFLOW), -EINVAL);
    assert_int_equal(t.count, 0);
}

/* Endpoints with a port stand first, so they are announced first. */
static void test_order(void **state) {
    (void)state;
    struct pm_endpoints t;
    pm_endpoints_init(&t);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, UMPTCP_EP_SIGNAL), 1);
    assert_int_equal(add(&t, "10.0.0.2", 0, 0, UMPTCP_EP_SIGNAL), 2);
    assert_int_equal(add(&t, "10.0.0.1", 8080, 0, UMPTCP_EP_SIGNAL), 3);
    assert_int_equal(t.list[0].id, 3);
    assert_int_equal(t.list[1].id, 1);
    assert_int_equal(t.list[2].id, 2);
    assert_int_equal(pm_endpoints_del(&t, 1, NULL), 0);
    assert_int_equal(t.list[1].id, 2);
}

/* M-ADD-03: a local address has one id, also without being an endpoint, and no other address gets it. */
static void test_implicit_ids(void **state) {
    (void)state;
    struct pm_endpoints t;
    struct umptcp_addr a = test_addr("10.0.0.1"), b = test_addr("10.0.0.2");
    pm_endpoints_init(&t);
    assert_int_equal(pm_endpoints_id_of(&t, &a), 1);
    assert_int_equal(pm_endpoints_id_of(&t, &b), 2);
    assert_int_equal(pm_endpoints_id_of(&t, &a), 1);
    assert_int_equal(pm_endpoints_find(&t, 1)->flags, UMPTCP_EP_IMPLICIT);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, UMPTCP_EP_SUBFLOW), 3);
    assert_int_equal(add(&t, "10.0.0.4", 0, 2, UMPTCP_EP_SUBFLOW), -EBUSY);
    assert_int_equal(add(&t, "10.0.0.1", 0, 9, UMPTCP_EP_SUBFLOW), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, UMPTCP_EP_SUBFLOW), 1); /* becomes an explicit one, keeps its id */
    assert_int_equal(pm_endpoints_id_of(&t, &a), 1);
    assert_int_equal(pm_endpoints_find(&t, 1)->flags, UMPTCP_EP_SUBFLOW);
    assert_int_equal(t.count, 3);
    pm_endpoints_forget(&t, &b);
    assert_int_equal(t.count, 2);
    pm_endpoints_forget(&t, &b);
    pm_endpoints_forget(&t, &a); /* an explicit one stays */
    assert_int_equal(t.count, 2);
    for (unsigned i = 2; i < UMPTCP_ENDPOINTS_MAX; i++) {
        struct umptcp_addr x = addr_v4(0x0a010000u + i);
        assert_true(pm_endpoints_id_of(&t, &x) > 1);
    }
    assert_int_equal(pm_endpoints_id_of(&t, &b), -ERANGE);
    assert_int_equal(add(&t, "10.0.0.9", 0, 0, UMPTCP_EP_SUBFLOW), -ERANGE);
}

/* Ids as the kernel gives them to these sequences of addresses. */
static void test_id_allocation(void **state) {
    (void)state;
    static const struct {
        uint8_t chosen, id;
    } first[] = {{0, 1}, {0, 2}, {100, 100}, {0, 101}, {254, 254}, {0, 255}, {0, 3}, {0, 4}},
      second[] = {{0, 1}, {254, 254}, {0, 255}, {0, 2}, {253, 253}, {0, 3}, {0, 4}, {0, 5}};
    struct pm_endpoints t;
    char text[32];
    pm_endpoints_init(&t);
    for (int i = 0; i < UMPTCP_ENDPOINTS_MAX; i++) {
        snprintf(text, sizeof text, "10.0.0.%d", i + 1);
        assert_int_equal(add(&t, text, 0, first[i].chosen, 0), first[i].id);
    }
    assert_int_equal(add(&t, "10.0.0.9", 0, 0, 0), -ERANGE);
    pm_endpoints_flush(&t);
    assert_int_equal(t.count, 0);
    for (int i = 0; i < UMPTCP_ENDPOINTS_MAX; i++) {
        snprintf(text, sizeof text, "10.0.0.%d", i + 1);
        assert_int_equal(add(&t, text, 0, second[i].chosen, 0), second[i].id);
    }
    pm_endpoints_flush(&t);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, 0), 1);
    assert_int_equal(add(&t, "10.0.0.2", 0, 0, 0), 2);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, 0), 3);
    assert_int_equal(pm_endpoints_del(&t, 2, NULL), 0);
    assert_int_equal(add(&t, "10.0.0.4", 0, 0, 0), 4); /* a lower one comes again only behind 255 */
    assert_int_equal(pm_endpoints_del(&t, 4, NULL), 0);
    assert_int_equal(add(&t, "10.0.0.5", 0, 0, 0), 4); /* the highest given comes again at once */
}

static void test_endpoint_flags(void **state) {
    (void)state;
    struct pm_endpoints t;
    pm_endpoints_init(&t);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, UMPTCP_EP_SUBFLOW | UMPTCP_EP_FULLMESH | UMPTCP_EP_LAMINAR), 1);
    assert_int_equal(add(&t, "10.0.0.2", 0, 0, UMPTCP_EP_SIGNAL), 2);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, UMPTCP_EP_SIGNAL | UMPTCP_EP_FULLMESH), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, UMPTCP_EP_IMPLICIT), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, 0x40), -EINVAL);
    assert_int_equal(pm_endpoints_set_flags(&t, 1, UMPTCP_EP_FULLMESH | UMPTCP_EP_BACKUP), UMPTCP_EP_BACKUP);
    assert_int_equal(pm_endpoints_set_flags(&t, 1, UMPTCP_EP_SIGNAL), UMPTCP_EP_BACKUP | UMPTCP_EP_FULLMESH);
    assert_int_equal(pm_endpoints_find(&t, 1)->flags, UMPTCP_EP_SUBFLOW | UMPTCP_EP_LAMINAR);
    assert_int_equal(pm_endpoints_set_flags(&t, 2, UMPTCP_EP_FULLMESH), -EINVAL);
    assert_int_equal(pm_endpoints_set_flags(&t, 2, UMPTCP_EP_BACKUP), UMPTCP_EP_BACKUP);
    assert_int_equal(pm_endpoints_set_flags(&t, 3, 0), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),           cmocka_unit_test(test_add_refuses),
        cmocka_unit_test(test_order),         cmocka_unit_test(test_implicit_ids),
        cmocka_unit_test(test_id_allocation), cmocka_unit_test(test_endpoint_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
