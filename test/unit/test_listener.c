/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners: who gets a SYN, the backlog, accepting, closing. */
#include "teststack.h"

static int listen_at(struct umptcp *s, const char *addr, uint16_t port, uint32_t backlog, umptcp_sock *sock) {
    const struct umptcp_listen l = {.local = test_at(addr, port), .backlog = backlog};
    return umptcp_listen(s, &l, sock);
}

static int accept_one(struct test_world *w, umptcp_sock l, umptcp_sock *sock) {
    int err = umptcp_accept(w->host[SERVER], l, sock);
    test_check(w);
    return err;
}

static void test_errors(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock l, l2, c;
    test_world_init(&w, 2, NULL, NULL);
    struct umptcp *s = w.host[SERVER];
    assert_int_equal(listen_at(s, "::", 0, 1, &l), -EINVAL);
    assert_int_equal(listen_at(s, "10.0.9.9", 80, 1, &l), -EADDRNOTAVAIL);
    assert_int_equal(listen_at(s, "10.0.1.2", 80, 1, &l), 0);
    assert_int_equal(listen_at(s, "10.0.1.2", 80, 1, &l2), -EADDRINUSE);
    assert_int_equal(listen_at(s, "::", 80, 1, &l2), -EADDRINUSE);
    assert_int_equal(listen_at(s, "0.0.0.0", 80, 1, &l2), -EADDRINUSE);
    assert_int_equal(listen_at(s, "10.0.2.2", 80, 1, &l2), 0);
    assert_int_equal(listen_at(s, "::", 81, 1, &l2), 0);
    assert_int_equal(listen_at(s, "10.0.2.2", 81, 1, &l2), -EADDRINUSE);
    assert_int_equal(umptcp_accept(s, l, &c), -EAGAIN);
    assert_int_equal(umptcp_accept(s, (umptcp_sock){0}, &c), -EBADF);
    assert_int_equal(umptcp_close(s, l, w.now), 0);
    assert_int_equal(umptcp_accept(s, l, &c), -EBADF);
    assert_int_equal(listen_at(s, "10.0.1.2", 80, 1, &l), 0);
    assert_int_equal(umptcp_sockets(s), 3);
    c = test_connect(&w, "10.0.1.2", 80);
    assert_int_equal(umptcp_accept(w.host[CLIENT], c, &l2), -EINVAL);
    test_world_free(&w);
}

/* The most specific listener gets it; an IPv4 listener does not get IPv6. */
static void test_specific(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock any, v4, exact, sock;
    test_world_init(&w, 2, NULL, NULL);
    struct umptcp_addr a6 = test_addr("2001:db8::2"), b6 = test_addr("2001:db8::1");
    umptcp_addr_add(w.host[SERVER], 1, &a6, 64, w.now);
    umptcp_addr_add(w.host[CLIENT], 1, &b6, 64, w.now);
    assert_int_equal(listen_at(w.host[SERVER], "10.0.1.2", 80, 4, &exact), 0);
    assert_int_equal(listen_at(w.host[SERVER], "0.0.0.0", 81, 4, &v4), 0);
    assert_int_equal(listen_at(w.host[SERVER], "::", 82, 4, &any), 0);
    const struct {
        const char *addr;
        uint16_t port;
        umptcp_sock gets; /* 0: refused */
    } cases[] = {
        {"10.0.1.2", 80, exact},  {"10.0.2.2", 80, {0}}, {"10.0.2.2", 81, v4},
        {"2001:db8::2", 81, {0}}, {"10.0.1.2", 82, any}, {"2001:db8::2", 82, any},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        umptcp_sock c = test_connect(&w, cases[i].addr, cases[i].port);
        if (cases[i].gets.v) {
            test_await(&w, SERVER, cases[i].gets, UMPTCP_EV_ACCEPT, SEC(1));
            assert_int_equal(accept_one(&w, cases[i].gets, &sock), 0);
        } else {
            assert_int_equal(test_await(&w, CLIENT, c, UMPTCP_EV_CLOSED, SEC(1)).error, ECONNREFUSED);
        }
    }
    test_world_free(&w);
}

static void test_order_and_data(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock c[5], a[5];
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_listen(&w, 80, 5);
    for (int i = 0; i < 5; i++) {
        char text[2] = {(char)('a' + i), 0};
        c[i] = test_connect(&w, "10.0.1.2", 80);
        assert_int_equal(umptcp_send(w.host[CLIENT], c[i], text, 1, w.now), 1);
        test_run(&w, MSEC(50));
    }
    test_await(&w, SERVER, l, UMPTCP_EV_ACCEPT, 0);
    for (int i = 0; i < 5; i++) {
        struct umptcp_event ev;
        char text[2] = "";
        assert_int_equal(accept_one(&w, l, &a[i]), 0);
        /* What came before it was accepted is told now. */
        assert_true(umptcp_event(w.host[SERVER], &ev));
        assert_int_equal(ev.type, UMPTCP_EV_READABLE);
        assert_int_equal(ev.sock.v, a[i].v);
        assert_int_equal(umptcp_recv(w.host[SERVER], a[i], text, 2, w.now), 1);
        assert_int_equal(text[0], 'a' + i);
    }
    assert_int_equal(accept_one(&w, l, &a[0]), -EAGAIN);
    test_world_free(&w);
}

/* T-SYN-08: connections in handshake and those not accepted fill the backlog; accepting makes room. */
static void test_backlog(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock c[4], a;
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_listen(&w, 80, 2);
    for (int i = 0; i < 4; i++)
        c[i] = test_connect(&w, "10.0.1.2", 80);
    test_run(&w, MSEC(100));
    assert_int_equal(umptcp_counter_get(w.host[SERVER], "UmptcpDropTcpBacklog"), 2);
    assert_int_equal(umptcp_counter_get(w.host[SERVER], "TcpExtListenDrops"), 2);
    assert_int_equal(accept_one(&w, l, &a), 0);
    assert_int_equal(accept_one(&w, l, &a), 0);
    assert_int_equal(accept_one(&w, l, &a), -EAGAIN);
    test_run(&w, SEC(2)); /* the SYNs come again */
    assert_int_equal(accept_one(&w, l, &a), 0);
    assert_int_equal(accept_one(&w, l, &a), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(umptcp_send(w.host[CLIENT], c[i], "x", 1, w.now), 1);
    test_world_free(&w);
}

/* T-SYN-12, T-SYN-14: half-open connections go by themselves; a SYN that comes again makes no second one. */
static void test_half_open(void **state) {
    (void)state;
    struct test_world w;
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_listen(&w, 80, 0); /* at least one */
    test_connect(&w, "10.0.1.2", 80);
    test_step(&w, time_add(w.now, MSEC(5)));
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 2);
    w.link[1].cut = true;
    test_run(&w, SEC(10));
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 2);
    test_run(&w, SEC(120));
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 1);
    w.link[1].cut = false;
    umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
    test_await(&w, CLIENT, c, UMPTCP_EV_CONNECTED, SEC(1));
    test_await(&w, SERVER, l, UMPTCP_EV_ACCEPT, SEC(1));
    test_world_free(&w);
}

/* T-SYS-20, T-SYN-17: closing a listener aborts what was not accepted, and nothing else. */
static void test_close(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock c[3], a;
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_listen(&w, 80, 8);
    for (int i = 0; i < 3; i++) {
        c[i] = test_connect(&w, "10.0.1.2", 80);
        test_await(&w, CLIENT, c[i], UMPTCP_EV_CONNECTED, SEC(1));
    }
    test_run(&w, MSEC(50));
    assert_int_equal(accept_one(&w, l, &a), 0);
    assert_int_equal(umptcp_close(w.host[SERVER], l, w.now), 0);
    for (int i = 1; i < 3; i++)
        assert_int_equal(test_await(&w, CLIENT, c[i], UMPTCP_EV_CLOSED, SEC(1)).error, ECONNRESET);
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 1);
    assert_int_equal(umptcp_send(w.host[CLIENT], c[0], "x", 1, w.now), 1);
    test_await(&w, SERVER, a, UMPTCP_EV_READABLE, SEC(1));
    test_world_free(&w);
}

/* A connection that is reset before it is accepted keeps its place: what came can be read, then there is its error. */
static void test_reset_before_accept(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock c[3], a;
    char text[2] = "";
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_listen(&w, 80, 8);
    for (int i = 0; i < 3; i++) {
        c[i] = test_connect(&w, "10.0.1.2", 80);
        umptcp_send(w.host[CLIENT], c[i], i ? i == 1 ? "1" : "2" : "0", 1, w.now);
        test_run(&w, MSEC(50));
    }
    umptcp_abort(w.host[CLIENT], c[1], w.now);
    test_run(&w, MSEC(50));
    assert_int_equal(accept_one(&w, l, &a), 0);
    assert_int_equal(umptcp_recv(w.host[SERVER], a, text, 1, w.now), 1);
    assert_int_equal(text[0], '0');
    assert_int_equal(umptcp_pending(w.host[SERVER], l), 2);
    assert_int_equal(accept_one(&w, l, &a), 0);
    assert_int_equal(test_await(&w, SERVER, a, UMPTCP_EV_CLOSED, SEC(1)).error, ECONNRESET);
    assert_int_equal(umptcp_recv(w.host[SERVER], a, text, 1, w.now), 1);
    assert_int_equal(text[0], '1');
    assert_int_equal(umptcp_recv(w.host[SERVER], a, text, 1, w.now), -ECONNRESET);
    assert_int_equal(umptcp_close(w.host[SERVER], a, w.now), 0);
    assert_int_equal(accept_one(&w, l, &a), 0);
    assert_int_equal(umptcp_recv(w.host[SERVER], a, text, 1, w.now), 1);
    assert_int_equal(text[0], '2');
    assert_int_equal(accept_one(&w, l, &a), -EAGAIN);
    test_world_free(&w);
}

/* One that ended in order before it was accepted is: with its bytes and their end. */
static void test_closed_before_accept(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock a;
    char text[8];
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_listen(&w, 80, 8), c = test_connect(&w, "10.0.1.2", 80);
    assert_int_equal(umptcp_send(w.host[CLIENT], c, "bye", 3, w.now), 3);
    test_await(&w, CLIENT, c, UMPTCP_EV_CONNECTED, SEC(1));
    assert_int_equal(umptcp_close(w.host[CLIENT], c, w.now), 0);
    test_run(&w, SEC(1));
    assert_int_equal(accept_one(&w, l, &a), 0);
    assert_int_equal(umptcp_recv(w.host[SERVER], a, text, sizeof text, w.now), 3);
    assert_int_equal(umptcp_recv(w.host[SERVER], a, text, sizeof text, w.now), 0);
    test_world_free(&w);
}

static void test_inherits_options(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock a;
    int64_t v;
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_listen(&w, 80, 8);
    assert_int_equal(umptcp_getopt(w.host[SERVER], l, UMPTCP_OPT_KEEPIDLE, &v), 0);
    assert_int_equal(v, SEC(7200));
    assert_int_equal(umptcp_setopt(w.host[SERVER], l, UMPTCP_OPT_KEEPIDLE, (int64_t)SEC(10), w.now), 0);
    assert_int_equal(umptcp_setopt(w.host[SERVER], l, UMPTCP_OPT_NODELAY, 1, w.now), 0);
    assert_int_equal(umptcp_setopt(w.host[SERVER], l, UMPTCP_OPT_RCVBUF, 50000, w.now), 0);
    assert_int_equal(umptcp_setopt(w.host[SERVER], l, UMPTCP_OPT_RCVBUF, 5, w.now), -EINVAL);
    assert_int_equal(umptcp_getopt(w.host[SERVER], l, UMPTCP_OPT_NODELAY, &v), 0);
    assert_int_equal(v, 1);
    test_connect(&w, "10.0.1.2", 80);
    test_await(&w, SERVER, l, UMPTCP_EV_ACCEPT, SEC(1));
    assert_int_equal(accept_one(&w, l, &a), 0);
    assert_int_equal(umptcp_getopt(w.host[SERVER], a, UMPTCP_OPT_KEEPIDLE, &v), 0);
    assert_int_equal(v, SEC(10));
    assert_int_equal(umptcp_getopt(w.host[SERVER], a, UMPTCP_OPT_NODELAY, &v), 0);
    assert_int_equal(v, 1);
    assert_int_equal(umptcp_getopt(w.host[SERVER], a, UMPTCP_OPT_RCVBUF, &v), 0);
    assert_int_equal(v, 50000);
    assert_int_equal(umptcp_getopt(w.host[SERVER], a, UMPTCP_OPT_SNDBUF, &v), 0);
    assert_int_equal(v, 131072);
    test_world_free(&w);
}

/* A listener for plain TCP answers MP_CAPABLE without it. */
static void test_tcp_only(void **state) {
    (void)state;
    struct test_world w;
    struct umptcp_info info;
    umptcp_sock l;
    test_world_init(&w, 1, NULL, NULL);
    const struct umptcp_listen what = {.local = {.port = 80}, .backlog = 4, .tcp_only = true};
    assert_int_equal(umptcp_listen(w.host[SERVER], &what, &l), 0);
    umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
    test_await(&w, CLIENT, c, UMPTCP_EV_CONNECTED, SEC(1));
    assert_int_equal(umptcp_info(w.host[CLIENT], c, &info), 0);
    assert_false(info.is_mptcp);
    assert_true(info.fallback);
    test_world_free(&w);
}

/* A flood of SYNs from everywhere takes bounded memory, and leaves nothing. */
static void test_syn_flood(void **state) {
    (void)state;
    struct test_world w;
    test_world_init(&w, 1, NULL, NULL);
    test_listen(&w, 80, 100);
    size_t before = umptcp_mem_used(w.host[SERVER]);
    for (uint32_t i = 0; i < 20000; i++) {
        struct ip_hdr ip = {.proto = IP_PROTO_TCP, .ttl = 64, .src = addr_v4(0xc0000200u + i % 200)};
        ip.dst = test_addr("10.0.1.2");
        const struct seg seg = {.flow = {{ip.src, (uint16_t)(i + 1)}, {ip.dst, 80}}, .flags = TCP_SYN, .seq = {i}};
        uint32_t len;
        uint8_t *pkt = test_segment(ip, &seg, &len);
        const struct umptcp_packet in = {.data = pkt, .len = len};
        umptcp_input(w.host[SERVER], 1, &in, w.now);
        free(pkt);
    }
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 101);
    assert_true(umptcp_mem_used(w.host[SERVER]) - before < 100 * 3000);
    w.link[1].cut = true;
    test_run(&w, SEC(200));
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 1);
    test_world_free(&w);
}

/* Whatever allocation fails: the SYN is dropped, the next one works. */
static void test_no_memory(void **state) {
    (void)state;
    struct test_world w;
    test_world_init(&w, 1, NULL, NULL);
    struct testmem *tm = &w.mem[SERVER];
    umptcp_sock l = test_listen(&w, 80, 100), a;
    TESTMEM_EACH_FAILURE(tm) {
        umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
        test_await(&w, CLIENT, c, UMPTCP_EV_CONNECTED, SEC(10));
        int err;
        do {
            test_run(&w, MSEC(100));
            err = accept_one(&w, l, &a);
        } while (err);
        umptcp_abort(w.host[CLIENT], c, w.now);
        umptcp_abort(w.host[SERVER], a, w.now);
        test_run(&w, SEC(1));
        assert_int_equal(umptcp_sockets(w.host[SERVER]), 1);
    }
    tm->fail_at = tm->requests + 1;
    assert_int_equal(listen_at(w.host[SERVER], "::", 81, 1, &a), -ENOMEM);
    tm->fail_at = tm->requests + 2;
    assert_int_equal(listen_at(w.host[SERVER], "::", 81, 1, &a), -ENOMEM);
    tm->fail_at = 0;
    assert_int_equal(listen_at(w.host[SERVER], "::", 81, 1, &a), 0);
    test_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_specific),
        cmocka_unit_test(test_order_and_data),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_reset_before_accept),
        cmocka_unit_test(test_closed_before_accept),
        cmocka_unit_test(test_inherits_options),
        cmocka_unit_test(test_tcp_only),
        cmocka_unit_test(test_syn_flood),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
