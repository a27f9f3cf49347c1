/* SPDX-License-Identifier: BSD-3-Clause */
/* The path manager's side of the stack: endpoints and limits, subflows that come, go and come back, on two living
 * stacks. */
#include "stack/stack.h"
#include "teststack.h"

static void add_endpoint(struct test_world *w, int host, const char *addr, uint32_t flags) {
    const struct umptcp_endpoint ep = {.flags = flags, .addr = {test_addr(addr), 0}};
    assert_true(umptcp_endpoint_add(w->host[host], &ep, w->now) > 0);
}

static void test_endpoints(void **state) {
    (void)state;
    struct test_world w;
    struct umptcp_endpoint eps[8], e = {.id = 9, .flags = UMPTCP_EP_SIGNAL, .addr = test_at("10.0.2.1", 8080)};
    uint8_t subflows, accepted;
    test_world_init(&w, 2, NULL, NULL);
    struct umptcp *s = w.host[CLIENT];
    assert_int_equal(umptcp_endpoints(s, eps, 8), 0);
    assert_int_equal(umptcp_endpoint_add(s, &e, w.now), 9);
    e.id = 0;
    e.addr.port = 0;
    e.flags = UMPTCP_EP_SUBFLOW;
    assert_int_equal(umptcp_endpoint_add(s, &e, w.now), 10);
    e.addr = test_at("10.0.1.1", 0);
    e.id = 2;
    e.netif = 1;
    assert_int_equal(umptcp_endpoint_add(s, &e, w.now), 2);
    e.netif = 7;
    e.id = 3;
    assert_int_equal(umptcp_endpoint_add(s, &e, w.now), -EINVAL);
    assert_int_equal(umptcp_endpoints(s, eps, 8), 3);
    assert_int_equal(eps[0].id, 2);
    assert_int_equal(eps[0].netif, 1);
    assert_int_equal(eps[1].id, 9);
    assert_int_equal(eps[1].addr.port, 8080);
    assert_int_equal(eps[2].id, 10);
    assert_int_equal(umptcp_endpoints(s, eps, 0), 3);
    assert_int_equal(umptcp_endpoint_set_flags(s, 10, UMPTCP_EP_BACKUP, w.now), 0);
    assert_int_equal(umptcp_endpoint_set_flags(s, 11, UMPTCP_EP_BACKUP, w.now), -EINVAL);
    assert_int_equal(umptcp_endpoints(s, eps, 8), 3);
    assert_int_equal(eps[2].flags, UMPTCP_EP_SUBFLOW | UMPTCP_EP_BACKUP);
    assert_int_equal(umptcp_endpoint_del(s, 9, w.now), 0);
    assert_int_equal(umptcp_endpoint_del(s, 9, w.now), -EINVAL);
    umptcp_limits_get(s, &subflows, &accepted);
    assert_int_equal(subflows, 2);
    assert_int_equal(accepted, 0);
    assert_int_equal(umptcp_limits_set(s, 9, 0), -EINVAL);
    assert_int_equal(umptcp_limits_set(s, 0, 9), -EINVAL);
    assert_int_equal(umptcp_limits_set(s, 8, 7), 0);
    umptcp_limits_get(s, &subflows, &accepted);
    assert_int_equal(subflows, 8);
    assert_int_equal(accepted, 7);
    assert_null(umptcp_check(s));
    test_world_free(&w);
}

/* Two links, an endpoint on the second one of the client, and a connection with both subflows. */
static void two_paths(struct test_world *w, umptcp_sock pair[HOSTS], bool endpoint_first) {
    test_world_init(w, 2, NULL, NULL);
    if (endpoint_first)
        add_endpoint(w, CLIENT, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    test_pair(w, pair);
    assert_int_equal(umptcp_send(w->host[CLIENT], pair[CLIENT], "x", 1, w->now), 1);
    test_run(w, MSEC(200));
    if (!endpoint_first) {
        assert_int_equal(test_subflows(w, CLIENT, pair[CLIENT]), 1);
        add_endpoint(w, CLIENT, "10.0.2.1", UMPTCP_EP_SUBFLOW);
        test_run(w, MSEC(200));
    }
    assert_int_equal(test_subflows(w, CLIENT, pair[CLIENT]), 2);
    assert_int_equal(test_subflows(w, SERVER, pair[SERVER]), 2);
    char c;
    assert_int_equal(umptcp_recv(w->host[SERVER], pair[SERVER], &c, 1, w->now), 1);
}

static void test_endpoint_makes_subflow(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct test_world w;
        umptcp_sock pair[HOSTS];
        struct umptcp_subflow_info sf[2];
        two_paths(&w, pair, first);
        assert_int_equal(umptcp_subflows(w.host[SERVER], pair[SERVER], sf, 2), 2);
        struct umptcp_sockaddr want = test_at("10.0.2.1", sf[1].remote.port);
        assert_memory_equal(&sf[1].remote, &want, sizeof want);
        assert_int_equal(sf[1].remote_id, 1);
        assert_int_equal(sf[1].local_id, 0);
        assert_true(sf[1].established);
        test_transfer(&w, pair, CLIENT, TEST_BULK, SEC(20));
        assert_true(w.sent[CLIENT][1] > 100 && w.sent[CLIENT][2] > 100);
        test_world_free(&w);
    }
}

/* M-REM-02: deleting an endpoint ends its subflow, and the peer is told. */
static void test_endpoint_del_live(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    two_paths(&w, pair, true);
    assert_int_equal(umptcp_endpoint_del(w.host[CLIENT], 1, w.now), 0);
    struct umptcp_event ev = test_await(&w, SERVER, pair[SERVER], UMPTCP_EV_ADDR_REMOVED, SEC(1));
    assert_int_equal(ev.addr_id, 1);
    test_run(&w, SEC(70));
    assert_int_equal(test_subflows(&w, CLIENT, pair[CLIENT]), 1);
    assert_int_equal(test_subflows(&w, SERVER, pair[SERVER]), 1);
    test_transfer(&w, pair, CLIENT, 100000, SEC(5));
    test_world_free(&w);
}

/* M-POL-05: the backup flag of an endpoint, or of one subflow, reaches the peer, which then avoids the path. */
static void test_backup(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    struct umptcp_subflow_info sf[2];
    two_paths(&w, pair, true);
    assert_int_equal(umptcp_endpoint_set_flags(w.host[CLIENT], 1, UMPTCP_EP_BACKUP, w.now), 0);
    struct umptcp_event ev = test_await(&w, SERVER, pair[SERVER], UMPTCP_EV_SUBFLOW_PRIO, SEC(1));
    assert_int_equal(ev.subflow, 2);
    assert_int_equal(umptcp_subflows(w.host[SERVER], pair[SERVER], sf, 2), 2);
    assert_true(sf[1].backup);
    uint64_t before = w.sent[SERVER][2];
    test_transfer(&w, pair, SERVER, TEST_BULK, SEC(20));
    assert_true(w.sent[SERVER][2] - before < 20);
    /* The other way round. */
    assert_int_equal(umptcp_subflow_set_backup(w.host[CLIENT], pair[CLIENT], 2, false, w.now), 0);
    assert_int_equal(umptcp_subflow_set_backup(w.host[CLIENT], pair[CLIENT], 1, true, w.now), 0);
    test_run(&w, MSEC(100));
    before = w.sent[SERVER][1];
    test_transfer(&w, pair, SERVER, TEST_BULK, SEC(20));
    assert_true(w.sent[SERVER][1] - before < 20);
    assert_int_equal(umptcp_subflow_set_backup(w.host[CLIENT], pair[CLIENT], 77, false, w.now), -ENOENT);
    test_world_free(&w);
}

static void test_backup_of_tcp(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock sock;
    test_world_init(&w, 1, NULL, NULL);
    const struct umptcp_connect c = {.remote = test_at("10.0.1.2", 80), .tcp_only = true};
    assert_int_equal(umptcp_connect(w.host[CLIENT], &c, &sock, w.now), 0);
    assert_int_equal(umptcp_subflow_set_backup(w.host[CLIENT], sock, 1, true, w.now), -EOPNOTSUPP);
    test_world_free(&w);
}

/* M-ADD-01, M-ADD-09: an address that the server announces gets a subflow. */
static void test_signal(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    struct umptcp_subflow_info sf[2];
    test_world_init(&w, 2, NULL, NULL);
    assert_int_equal(umptcp_limits_set(w.host[CLIENT], 2, 2), 0);
    add_endpoint(&w, SERVER, "10.0.1.2", UMPTCP_EP_SIGNAL);
    add_endpoint(&w, SERVER, "10.0.2.2", UMPTCP_EP_SIGNAL);
    test_pair(&w, pair);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "x", 1, w.now), 1);
    struct umptcp_event ev = test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_ADDR_ANNOUNCED, SEC(1));
    assert_int_equal(ev.addr_id, 2);
    assert_int_equal(ev.addr.port, 80);
    test_run(&w, MSEC(200));
    assert_int_equal(umptcp_subflows(w.host[CLIENT], pair[CLIENT], sf, 2), 2);
    struct umptcp_sockaddr want = test_at("10.0.2.2", 80);
    assert_memory_equal(&sf[1].remote, &want, sizeof want);
    assert_int_equal(sf[1].remote_id, 2);
    /* Its source is by route: an address that is no endpoint gets an id all the same. */
    assert_int_equal(sf[1].netif, 2);
    assert_int_equal(sf[1].local_id, 1);
    assert_int_equal(umptcp_counter_get(w.host[CLIENT], "MPTcpExtAddAddr"), 1);
    test_world_free(&w);
}

/* M-PTH-06: what is announced on one connection, another one between the same hosts does not hear of. */
static void test_lists_are_apart(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock first[HOSTS], second[HOSTS];
    int err;
    test_world_init(&w, 2, NULL, NULL);
    assert_int_equal(umptcp_limits_set(w.host[CLIENT], 2, 2), 0);
    umptcp_sock listener = test_pair(&w, first);
    second[CLIENT] = test_connect(&w, "10.0.1.2", 80);
    test_run(&w, MSEC(100));
    assert_int_equal(umptcp_accept(w.host[SERVER], listener, &second[SERVER]), 0);
    assert_int_equal(umptcp_send(w.host[CLIENT], first[CLIENT], "x", 1, w.now), 1);
    assert_int_equal(umptcp_send(w.host[CLIENT], second[CLIENT], "x", 1, w.now), 1);
    test_run(&w, MSEC(100));
    const struct umptcp_sockaddr told = test_at("10.0.2.2", 0);
    assert_int_equal(conn_announce(stack_conn(w.host[SERVER], first[SERVER], &err), 9, &told), 0);
    test_run(&w, MSEC(200));
    assert_int_equal(stack_conn(w.host[CLIENT], first[CLIENT], &err)->paths->nremotes, 1);
    assert_int_equal(stack_conn(w.host[CLIENT], second[CLIENT], &err)->paths->nremotes, 0);
    assert_int_equal(test_subflows(&w, CLIENT, first[CLIENT]), 2);
    assert_int_equal(test_subflows(&w, CLIENT, second[CLIENT]), 1);
    test_world_free(&w);
}

/* An address goes in the middle of a transfer; nothing is lost, and when it is back so is its subflow. */
static void address_goes(bool whole_interface, int link) {
    struct test_world w;
    umptcp_sock pair[HOSTS];
    struct umptcp_addr addr = test_addr(link == 1 ? "10.0.1.1" : "10.0.2.1");
    two_paths(&w, pair, true);
    test_transfer(&w, pair, CLIENT, 200000, SEC(5));
    if (whole_interface)
        assert_int_equal(umptcp_netif_set_up(w.host[CLIENT], link, false, w.now), 0);
    else
        assert_int_equal(umptcp_addr_del(w.host[CLIENT], link, &addr, w.now), 0);
    assert_int_equal(test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_SUBFLOW_DOWN, 0).error, ENETDOWN);
    test_transfer(&w, pair, CLIENT, 200000, SEC(5));
    test_run(&w, SEC(1));
    assert_int_equal(test_subflows(&w, CLIENT, pair[CLIENT]), 1);
    assert_int_equal(umptcp_counter_get(w.host[CLIENT], "MPTcpExtRmAddrTx"), 1);
    if (whole_interface)
        assert_int_equal(umptcp_netif_set_up(w.host[CLIENT], link, true, w.now), 0);
    else
        assert_int_equal(umptcp_addr_add(w.host[CLIENT], link, &addr, 24, w.now), 0);
    test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_SUBFLOW_UP, SEC(1));
    test_transfer(&w, pair, CLIENT, TEST_BULK, SEC(20));
    assert_int_equal(test_subflows(&w, CLIENT, pair[CLIENT]), 2);
    test_world_free(&w);
}

/* M-REM-01 */
static void test_address_goes(void **state) {
    (void)state;
    address_goes(false, 2);
    address_goes(true, 2);
    address_goes(false, 1);
    address_goes(true, 1);
}

/* The only address goes and comes back: the connection waits for it. */
static void test_only_address_goes(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    test_transfer(&w, pair, CLIENT, 100000, SEC(5));
    assert_int_equal(umptcp_netif_set_up(w.host[CLIENT], 1, false, w.now), 0);
    test_run(&w, SEC(20));
    assert_int_equal(test_info(&w, CLIENT, pair[CLIENT]).state, UMPTCP_ESTABLISHED);
    assert_int_equal(umptcp_netif_set_up(w.host[CLIENT], 1, true, w.now), 0);
    test_transfer(&w, pair, CLIENT, 100000, SEC(5));
    test_transfer(&w, pair, SERVER, 100000, SEC(5));
    assert_int_equal(test_info(&w, CLIENT, pair[CLIENT]).subflows_total, 2);
    test_world_free(&w);
}

/* A path that dies silently under a transfer is left, and taken again soon after it works. */
static void test_rejoins(void **state) {
    (void)state;
    for (int link = 1; link <= 2; link++) {
        struct test_world w;
        umptcp_sock pair[HOSTS];
        two_paths(&w, pair, true);
        test_transfer(&w, pair, CLIENT, 1000000, SEC(10));
        w.link[link].cut = true;
        for (int i = 0; i < 200; i++) {
            test_transfer(&w, pair, CLIENT, 20000, SEC(5));
            test_run(&w, MSEC(50));
        }
        w.link[link].cut = false;
        uint64_t before = w.sent[SERVER][link];
        utime back = w.now;
        while (w.sent[SERVER][link] == before) {
            test_transfer(&w, pair, CLIENT, 20000, SEC(5));
            test_run(&w, MSEC(50));
        }
        assert_true(time_since(w.now, back) < MSEC(2500));
        assert_true(umptcp_counter_get(w.host[CLIENT], "UmptcpRejoins") > 0);
        test_run(&w, SEC(1));
        assert_int_equal(test_subflows(&w, CLIENT, pair[CLIENT]), 2);
        test_world_free(&w);
    }
}

/* An idle connection does nothing: no timer but what TCP and the application asked for. */
static void test_idle(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    two_paths(&w, pair, true);
    test_transfer(&w, pair, CLIENT, 100000, SEC(5));
    test_run(&w, SEC(30));
    uint64_t before = w.sent[CLIENT][1] + w.sent[CLIENT][2] + w.sent[SERVER][1] + w.sent[SERVER][2];
    test_run(&w, SEC(3600));
    assert_int_equal(w.sent[CLIENT][1] + w.sent[CLIENT][2] + w.sent[SERVER][1] + w.sent[SERVER][2], before);
    assert_true(time_is_never(umptcp_next(w.host[CLIENT])));
    assert_true(time_is_never(umptcp_next(w.host[SERVER])));
    test_transfer(&w, pair, CLIENT, 100000, SEC(5));
    test_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_endpoint_makes_subflow),
        cmocka_unit_test(test_endpoint_del_live),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_backup_of_tcp),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_lists_are_apart),
        cmocka_unit_test(test_address_goes),
        cmocka_unit_test(test_only_address_goes),
        cmocka_unit_test(test_rejoins),
        cmocka_unit_test(test_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
