/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends and what they leave: listeners that share a port, tuples in TIME-WAIT, bounds, and who is told. */
#include "stack/stack.h"
#include "teststack.h"

static struct umptcp_config plain(struct test_world *w) {
    struct umptcp_config cfg = test_config(&w->mem[CLIENT]);
    cfg.mptcp_enabled = false;
    return cfg;
}

/* ---- Listeners that share a port --------------------------------------------------------------------------------- */

enum { SHARERS = 4, PEERS = 4000 };

static int place_of(struct umptcp *s, const umptcp_sock *l, uint16_t peer) {
    const struct flow flow = {test_at("10.0.1.2", 80), test_at("10.0.1.1", peer)};
    const struct listener *got = listener_choose(s, &flow);
    for (int i = 0; i < SHARERS; i++)
        if (got && got->sock.v == l[i].v)
            return i;
    return -1;
}

static void test_reuseport(void **state) { /* T-SYS-09 */
    (void)state;
    struct test_world w;
    struct umptcp_listen what = {.local = {.port = 80}, .backlog = 8, .reuseport = true};
    umptcp_sock l[SHARERS], other;
    static int before[PEERS];
    int part[SHARERS] = {0};
    test_world_init(&w, 1, NULL, NULL);
    struct umptcp *s = w.host[SERVER];
    for (int i = 0; i < SHARERS; i++)
        assert_int_equal(umptcp_listen(s, &what, &l[i]), 0);
    what.reuseport = false;
    assert_int_equal(umptcp_listen(s, &what, &other), -EADDRINUSE);
    what = (struct umptcp_listen){.local = test_at("10.0.1.2", 80), .backlog = 8, .reuseport = true};
    assert_int_equal(umptcp_listen(s, &what, &other), -EADDRINUSE); /* not the same address */
    for (int p = 0; p < PEERS; p++) {
        before[p] = place_of(s, l, (uint16_t)(1024 + p));
        assert_true(before[p] >= 0);
        part[before[p]]++;
    }
    for (int i = 0; i < SHARERS; i++)
        assert_in_range(part[i], PEERS / SHARERS * 8 / 10, PEERS / SHARERS * 12 / 10);
    umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
    test_await(&w, CLIENT, c, UMPTCP_EV_CONNECTED, SEC(1));
    test_run(&w, MSEC(50));
    int waiting = 0;
    for (int i = 0; i < SHARERS; i++)
        waiting += umptcp_pending(s, l[i]);
    assert_int_equal(waiting, 1);
    umptcp_close(s, l[2], w.now);
    for (int p = 0; p < PEERS; p++) {
        const int now = place_of(s, l, (uint16_t)(1024 + p));
        assert_true(before[p] == 2 ? now >= 0 && now != 2 : now == before[p]);
    }
    test_world_free(&w);
}

/* ---- Tuples in TIME-WAIT ----------------------------------------------------------------------------------------- */

/* A connection that the client ended first, at its only port. */
static void leave_time_wait(struct test_world *w, bool reuse, bool timestamps) {
    struct umptcp_config cfg = plain(w);
    umptcp_sock pair[HOSTS];
    cfg.port_min = cfg.port_max = 40000;
    cfg.tw_reuse = reuse;
    cfg.timestamps = timestamps;
    test_world_init(w, 1, &cfg, &cfg);
    umptcp_sock l = test_pair(w, pair);
    (void)l;
    test_transfer(w, pair, CLIENT, 100000, SEC(5));
    umptcp_close(w->host[CLIENT], pair[CLIENT], w->now);
    test_run(w, MSEC(50));
    umptcp_close(w->host[SERVER], pair[SERVER], w->now);
    test_run(w, MSEC(50));
    assert_int_equal(umptcp_sockets(w->host[CLIENT]), 1); /* TIME-WAIT */
    assert_int_equal(umptcp_sockets(w->host[SERVER]), 1); /* the listener */
}

static int try_connect(struct test_world *w, umptcp_sock *sock) {
    const struct umptcp_connect c = {.remote = test_at("10.0.1.2", 80)};
    return umptcp_connect(w->host[CLIENT], &c, sock, w->now);
}

static void test_tuple_is_taken(void **state) { /* T-TMW-06 */
    (void)state;
    struct test_world w;
    umptcp_sock sock;
    leave_time_wait(&w, true, true);
    assert_int_equal(try_connect(&w, &sock), -EADDRNOTAVAIL); /* its last segment is too young */
    test_run(&w, SEC(2));
    const struct flow flow = {test_at("10.0.1.1", 40000), test_at("10.0.1.2", 80)};
    const struct subflow *old = subflow_find(&w.host[CLIENT]->mp, &flow);
    assert_non_null(old);
    const struct seq end = seq_of(old->tcb.isn, old->tcb.snd_nxt);
    assert_int_equal(try_connect(&w, &sock), 0);
    const struct subflow *sf = subflow_find(&w.host[CLIENT]->mp, &flow);
    assert_true((int32_t)(sf->tcb.isn.v - end.v) > 0);
    assert_int_equal(umptcp_counter_get(w.host[CLIENT], "TcpExtTWRecycled"), 1);
    test_await(&w, CLIENT, sock, UMPTCP_EV_CONNECTED, SEC(1));
    assert_int_equal(umptcp_sockets(w.host[CLIENT]), 1);
    test_world_free(&w);
}

static void test_tuple_is_kept(void **state) { /* T-TMW-06 */
    (void)state;
    umptcp_sock sock;
    for (int how = 0; how < 2; how++) { /* not wanted; no timestamps */
        struct test_world w;
        leave_time_wait(&w, how == 1, how == 0);
        test_run(&w, SEC(2));
        assert_int_equal(try_connect(&w, &sock), -EADDRNOTAVAIL);
        test_run(&w, SEC(60));
        assert_int_equal(try_connect(&w, &sock), 0);
        test_world_free(&w);
    }
}

/* What one costs, and that many of them are bounded. */
static void test_time_waits_are_bounded(void **state) { /* T-TMW-07 */
    (void)state;
    enum { MANY = 300, BOUND = 100 };
    struct test_world w;
    struct umptcp_config cfg = plain(&w);
    cfg.max_tw_buckets = BOUND;
    test_world_init(&w, 1, &cfg, &cfg);
    umptcp_sock l = test_listen(&w, 80, 16), pair[HOSTS];
    for (int i = 0; i < MANY; i++) {
        pair[CLIENT] = test_connect(&w, "10.0.1.2", 80);
        test_await(&w, SERVER, l, UMPTCP_EV_ACCEPT, SEC(1));
        assert_int_equal(umptcp_accept(w.host[SERVER], l, &pair[SERVER]), 0);
        umptcp_close(w.host[CLIENT], pair[CLIENT], w.now);
        test_run(&w, MSEC(20));
        umptcp_close(w.host[SERVER], pair[SERVER], w.now);
        test_run(&w, MSEC(20));
    }
    assert_int_equal(w.host[CLIENT]->env.time_waits, BOUND);
    assert_int_equal(umptcp_sockets(w.host[CLIENT]), BOUND);
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 1); /* the last acknowledgments came all the same */
    assert_int_equal(umptcp_counter_get(w.host[CLIENT], "TcpExtTCPTimeWaitOverflow"), MANY - BOUND);
    test_run(&w, SEC(61));
    assert_int_equal(w.host[CLIENT]->env.time_waits, 0);
    assert_true(umptcp_quiet(w.host[CLIENT]));
    test_world_free(&w);
}

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

static void test_delivered(void **state) { /* T-CLO-04 */
    (void)state;
    for (int mptcp = 0; mptcp < 2; mptcp++) {
        struct test_world w;
        umptcp_sock pair[HOSTS];
        struct umptcp_event ev;
        struct umptcp_config cfg = plain(&w);
        cfg.mptcp_enabled = mptcp;
        test_world_init(&w, 1, &cfg, &cfg);
        test_pair(&w, pair);
        w.link[1].delay = SEC(1);
        assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "last words", 10, w.now), 10);
        assert_int_equal(umptcp_shutdown(w.host[CLIENT], pair[CLIENT], w.now), 0);
        test_run(&w, SEC(1));
        while (umptcp_event(w.host[CLIENT], &ev))
            assert_int_not_equal(ev.type, UMPTCP_EV_DELIVERED);
        test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_DELIVERED, SEC(2));
        assert_int_equal(test_info(&w, CLIENT, pair[CLIENT]).state, UMPTCP_FIN_WAIT_2);
        test_world_free(&w);
    }
}

static void test_orphans(void **state) { /* T-CLO-08 */
    (void)state;
    for (int mptcp = 0; mptcp < 2; mptcp++) {
        struct test_world w;
        umptcp_sock client[3], server;
        struct umptcp_config cfg = plain(&w);
        cfg.mptcp_enabled = mptcp;
        cfg.max_orphans = 2;
        test_world_init(&w, 1, &cfg, &cfg);
        umptcp_sock l = test_listen(&w, 80, 16);
        for (int i = 0; i < 3; i++) {
            client[i] = test_connect(&w, "10.0.1.2", 80);
            test_await(&w, SERVER, l, UMPTCP_EV_ACCEPT, SEC(1));
            assert_int_equal(umptcp_accept(w.host[SERVER], l, &server), 0);
        }
        w.link[1].cut = true;
        for (int i = 0; i < 3; i++) {
            umptcp_send(w.host[CLIENT], client[i], "x", 1, w.now);
            assert_int_equal(umptcp_counter_get(w.host[CLIENT], "TcpExtTCPAbortOnMemory"), 0);
            umptcp_close(w.host[CLIENT], client[i], w.now);
        }
        test_run(&w, MSEC(100));
        assert_int_equal(umptcp_counter_get(w.host[CLIENT], "TcpExtTCPAbortOnMemory"), 1);
        assert_int_equal(w.host[CLIENT]->mp.orphans, 2);
        assert_int_equal(umptcp_sockets(w.host[CLIENT]), 2);
        test_run(&w, SEC(1000));
        assert_int_equal(w.host[CLIENT]->mp.orphans, 0);
        test_world_free(&w);
    }
}

static void test_shutdown_recv(void **state) { /* T-CLO-06 */
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS], none = {77};
    char buf[8];
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_pair(&w, pair);
    assert_int_equal(umptcp_shutdown_recv(w.host[SERVER], l, w.now), -ENOTCONN);
    assert_int_equal(umptcp_shutdown_recv(w.host[SERVER], none, w.now), -EBADF);
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, 8, w.now), -EAGAIN);
    assert_int_equal(umptcp_shutdown_recv(w.host[SERVER], pair[SERVER], w.now), 0);
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, 8, w.now), 0);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "still", 5, w.now), 5);
    test_run(&w, MSEC(100));
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, 8, w.now), 5);
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, 8, w.now), 0);
    test_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reuseport),     cmocka_unit_test(test_tuple_is_taken),
        cmocka_unit_test(test_tuple_is_kept), cmocka_unit_test(test_time_waits_are_bounded),
        cmocka_unit_test(test_delivered),     cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_shutdown_recv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
