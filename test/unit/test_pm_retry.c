/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel-like path manager beyond Linux: subflows that died are tried again. */
#include "pmlab.h"

static void test_rejoin(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", down(&w, 2, true));
    pass(&w, MSEC(100));
    EXPECT(&w, "", .type = PM_TIMER); /* not yet */
    pass(&w, MSEC(150));
    EXPECT(&w, "join 1>0 again, timer 500", .type = PM_TIMER);
    EXPECT_EVENT(&w, "", down(&w, 3, true));
    pass(&w, MSEC(500));
    EXPECT(&w, "join 1>0 again, timer 1000", .type = PM_TIMER);
    EXPECT_EVENT(&w, "", down(&w, 4, true));
    pass(&w, SEC(1));
    EXPECT(&w, "join 1>0 again, timer 1000", .type = PM_TIMER);
    EXPECT_EVENT(&w, "timer off", up(&w, 5));
    /* The next time begins with short intervals again. */
    EXPECT_EVENT(&w, "timer 250", down(&w, 5, true));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 1>0 again, timer 500", .type = PM_TIMER);
    /* Refused for good. */
    EXPECT_EVENT(&w, "timer off", down(&w, 6, false));
}

/* An attempt that hears nothing is replaced, so that its doubling SYN intervals do not count. */
static void test_rejoin_replaces(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", down(&w, 2, true));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 1>0 again, timer 500", .type = PM_TIMER);
    pass(&w, MSEC(500));
    EXPECT(&w, "timer 1000", .type = PM_TIMER);
    pass(&w, SEC(1));
    EXPECT(&w, "close 3, join 1>0 again, timer 1000", .type = PM_TIMER);
    /* The end of the one that was replaced is no news. */
    EXPECT(&w, "", .type = PM_SUBFLOW_DOWN, .subflow = 3, .local_id = 1, .error = ECONNABORTED, .initiated = true);
    EXPECT_EVENT(&w, "timer off", up(&w, 4));
}

static void test_rejoin_needs(void **state) {
    (void)state;
    struct world w;
    /* activity */
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "timer 250", down(&w, 2, true));
    w.view.active = false;
    pass(&w, MSEC(250));
    EXPECT(&w, "timer off", .type = PM_TIMER);
    w.view.active = true;
    EXPECT(&w, "timer 250", .type = PM_ANNOUNCE_ECHOED);
    /* the endpoint */
    EXPECT_EVENT(&w, "timer off", removed(&w, 1));
    /* the configuration */
    world_init(&w, false);
    w.view.rejoin = false;
    EXPECT_EVENT(&w, "", down(&w, 1, true));
    /* that we opened it */
    world_init(&w, true);
    EXPECT_EVENT(&w, "", down(&w, 1, true));
    /* that the peer wants it */
    world_init(&w, false);
    w.view.remote_denies_id0 = true;
    EXPECT_EVENT(&w, "", down(&w, 1, true));
}

/* The connection's first subflow comes back as a join from its address, with id 0, also when the limit is used up. */
static void test_rejoin_initial(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits.subflows = 1;
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", down(&w, 1, true));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 0>0 again, timer 500", .type = PM_TIMER);
    assert_true(addr_eq(&find_subflow(&w, 3)->local.addr, &w.view.initial_local.addr));
    assert_int_equal(find_subflow(&w, 3)->local.port, 0);
    EXPECT_EVENT(&w, "timer off", up(&w, 3));
}

static void test_rejoin_announced(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits.add_addr_accepted = 1;
    EXPECT_EVENT(&w, "join 0>4 any", announced(&w, 4, "10.9.4.1", 8080));
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", down(&w, 2, true));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 0>4 again, timer 500", .type = PM_TIMER);
    assert_int_equal(find_subflow(&w, 3)->remote.port, 8080);
    EXPECT_EVENT(&w, "", down(&w, 3, true));
    w.view.nremotes = 0;
    EXPECT(&w, "timer off", .type = PM_ADDR_REMOVED, .remote_id = 4);
    /* M-REM-05: a withdrawn address is no longer tried. */
    EXPECT_EVENT(&w, "join 0>4 any", announced(&w, 4, "10.9.4.1", 8080));
    w.view.nremotes = 0;
    EXPECT(&w, "", .type = PM_ADDR_REMOVED, .remote_id = 4);
    EXPECT_EVENT(&w, "", down(&w, 4, true));
}

/* M-REM-01: the peer hears that a path is dead, unless another subflow lives at the address or none is left to say it.
 */
static void test_withdraws_the_dead(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    add(&w.table, "10.0.3.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0, join 2>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", silent(&w, 3)); /* never worked */
    EXPECT_EVENT(&w, "withdraw 1", silent(&w, 2));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 2>0 again, join 1>0 again, timer 500", .type = PM_TIMER);
    EXPECT_EVENT(&w, "", silent(&w, 5)); /* said before */
    EXPECT_EVENT(&w, "", silent(&w, 1)); /* the last one */

    world_init(&w, true);
    open_subflow(&w, 0, 1, false)->established = true;
    open_subflow(&w, 0, 2, false)->established = true;
    EXPECT_EVENT(&w, "", silent(&w, 1));
    EXPECT_EVENT(&w, "", down(&w, 2, false));

    world_init(&w, true);
    add(&w.table, "10.9.2.1", 0, 0, UMPTCP_EP_SIGNAL);
    EXPECT(&w, "announce 1", .type = PM_ESTABLISHED);
    open_subflow(&w, 1, 1, false);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "withdraw 0", silent(&w, 1));
}

/* The address went and came back: no timer meanwhile, and no delay then. */
static void test_address_comes_back(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "", changed(&w, 1, false));
    EXPECT_EVENT(&w, "", down(&w, 2, true));
    pass(&w, SEC(100));
    w.view.active = false;
    EXPECT_EVENT(&w, "join 1>0 again", changed(&w, 1, true));
    EXPECT_EVENT(&w, "", up(&w, 3));

    w.view.initial_usable = false;
    EXPECT(&w, "", .type = PM_ENDPOINT_CHANGED);
    EXPECT_EVENT(&w, "", down(&w, 1, false)); /* whatever the reason: it had no address any more */
    w.view.initial_usable = true;
    EXPECT(&w, "join 0>0 again", .type = PM_ENDPOINT_CHANGED);
}

/* An address that comes back is announced again, when that is wanted. */
static void test_reannounce(void **state) { /* M-ADD-06, M-ADD-07, M-REM-01 */
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.3.1", 0, 3, UMPTCP_EP_SIGNAL);
    EXPECT(&w, "announce 3", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", echoed(&w, 3));
    EXPECT_EVENT(&w, "withdraw 3", changed(&w, 3, false));
    EXPECT_EVENT(&w, "announce 3", changed(&w, 3, true));
    EXPECT_EVENT(&w, "", echoed(&w, 3));
    w.view.reannounce = false;
    EXPECT_EVENT(&w, "withdraw 3", changed(&w, 3, false));
    EXPECT_EVENT(&w, "", changed(&w, 3, false));
    EXPECT_EVENT(&w, "", changed(&w, 3, true));
    EXPECT_EVENT(&w, "", changed(&w, 3, false));
    EXPECT_EVENT(&w, "", removed(&w, 3));
    add(&w.table, "10.0.2.1", 0, 2, UMPTCP_EP_SUBFLOW);
    w.view.rejoin = false;
    EXPECT(&w, "join 2>0", .type = PM_ENDPOINT_ADDED, .local_id = 2);
    EXPECT_EVENT(&w, "", changed(&w, 2, false));
    EXPECT_EVENT(&w, "", down(&w, 2, true));
    EXPECT_EVENT(&w, "", changed(&w, 2, true));
}

/* A reason of the peer that says that there is no hurry: the longest interval from the start. */
static void test_rejoin_later(void **state) { /* M-RST-03, M-RST-04 */
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 2, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 2>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    struct pm_event ev = down(&w, 2, true);
    ev.later = true;
    EXPECT_EVENT(&w, "timer 1000", ev);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rejoin),
        cmocka_unit_test(test_rejoin_replaces),
        cmocka_unit_test(test_rejoin_needs),
        cmocka_unit_test(test_rejoin_initial),
        cmocka_unit_test(test_rejoin_announced),
        cmocka_unit_test(test_withdraws_the_dead),
        cmocka_unit_test(test_reannounce),
        cmocka_unit_test(test_rejoin_later),
        cmocka_unit_test(test_address_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
