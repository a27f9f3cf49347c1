/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls of umptcp.h: what they do, what they refuse, what they tell. */
#include "teststack.h"

/* ---- Stack ------------------------------------------------------------------------------------------------------- */

static void test_new(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct umptcp_config good = test_config(&tm), bad;
    utime now = {1};
    bad = good;
    bad.congestion_control = "nobody";
    assert_null(umptcp_new(&bad, now));
    bad.congestion_control = NULL;
    assert_null(umptcp_new(&bad, now));
    bad = good;
    bad.scheduler = "nobody";
    assert_null(umptcp_new(&bad, now));
    bad = good;
    bad.path_manager = "";
    assert_null(umptcp_new(&bad, now));
    bad = good;
    bad.rmem_default = 0;
    assert_null(umptcp_new(&bad, now));
    bad = good;
    bad.wmem_default = 0;
    assert_null(umptcp_new(&bad, now));
    bad = good;
    bad.mem_limit = 100;
    assert_null(umptcp_new(&bad, now));
    TESTMEM_EACH_FAILURE(&tm) {
        struct umptcp *s = umptcp_new(&good, now);
        assert_int_equal(s == NULL, testmem_refused(&tm));
        umptcp_free(s);
        assert_int_equal(tm.blocks, 0);
    }
    umptcp_free(NULL);
}

static void test_empty(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct umptcp_config cfg = test_config(&tm);
    struct umptcp *s = test_stack(&cfg, (utime){SEC(1)});
    struct umptcp_out out;
    struct umptcp_event ev;
    uint64_t value;
    assert_true(umptcp_quiet(s));
    assert_int_equal(umptcp_sockets(s), 0);
    assert_int_equal(umptcp_mem_used(s), tm.bytes);
    assert_true(time_is_never(umptcp_next(s)));
    assert_false(umptcp_output(s, &out, (utime){SEC(1)}));
    assert_false(umptcp_event(s, &ev));
    umptcp_tick(s, (utime){SEC(100)});
    umptcp_tick(s, (utime){SEC(1)}); /* time does not go back */
    assert_null(umptcp_check(s));
    unsigned n = 0;
    while (umptcp_counter(s, n, NULL))
        n++;
    assert_true(n > 100);
    assert_string_equal(umptcp_counter(s, 0, &value), "IpInReceives");
    assert_int_equal(value, 0);
    assert_int_equal(umptcp_counter_get(s, "NoSuchCounter"), 0);
    assert_string_equal(umptcp_drop_name(UMPTCP_DROP_NONE), "None");
    umptcp_free(s);
    assert_int_equal(tm.blocks, 0);
}

/* ---- Handles ----------------------------------------------------------------------------------------------------- */

static void expect_bad(struct test_world *w, umptcp_sock sock) {
    struct umptcp *s = w->host[CLIENT];
    struct umptcp_slice slices[2];
    struct umptcp_sockaddr a, b;
    struct umptcp_info info;
    int64_t v;
    char buf[4] = "";
    assert_int_equal(umptcp_send(s, sock, buf, 4, w->now), -EBADF);
    assert_int_equal(umptcp_send_reserve(s, sock, 4, slices, 2), -EBADF);
    assert_int_equal(umptcp_send_commit(s, sock, 4, w->now), -EBADF);
    assert_int_equal(umptcp_recv(s, sock, buf, 4, w->now), -EBADF);
    assert_int_equal(umptcp_recv_peek(s, sock, slices, 2), -EBADF);
    assert_int_equal(umptcp_recv_consume(s, sock, 4, w->now), -EBADF);
    assert_int_equal(umptcp_shutdown(s, sock, w->now), -EBADF);
    assert_int_equal(umptcp_close(s, sock, w->now), -EBADF);
    assert_int_equal(umptcp_abort(s, sock, w->now), -EBADF);
    assert_int_equal(umptcp_setopt(s, sock, UMPTCP_OPT_NODELAY, 1, w->now), -EBADF);
    assert_int_equal(umptcp_getopt(s, sock, UMPTCP_OPT_NODELAY, &v), -EBADF);
    assert_int_equal(umptcp_getname(s, sock, &a, &b), -EBADF);
    assert_int_equal(umptcp_info(s, sock, &info), -EBADF);
    assert_int_equal(umptcp_subflows(s, sock, NULL, 0), -EBADF);
    assert_int_equal(umptcp_subflow_set_backup(s, sock, 1, true, w->now), -EBADF);
    assert_int_equal(umptcp_accept(s, sock, &sock), -EBADF);
}

/* A handle that was closed stays harmless, also when its place has a new owner. */
static void test_bad_handles(void **state) {
    (void)state;
    struct test_world w;
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock old = test_connect(&w, "10.0.1.2", 80);
    assert_int_equal(umptcp_close(w.host[CLIENT], old, w.now), 0);
    expect_bad(&w, old);
    umptcp_sock new = test_connect(&w, "10.0.1.2", 80);
    assert_int_equal((uint32_t) new.v, (uint32_t)old.v); /* the same place */
    expect_bad(&w, old);
    expect_bad(&w, (umptcp_sock){0});
    expect_bad(&w, (umptcp_sock){UINT64_MAX});
    expect_bad(&w, (umptcp_sock){new.v ^ 1});
    expect_bad(&w, (umptcp_sock){new.v + 100});
    assert_int_equal(test_info(&w, CLIENT, new).state, UMPTCP_SYN_SENT);
    test_world_free(&w);
}

static void test_listener_is_no_connection(void **state) {
    (void)state;
    struct test_world w;
    struct umptcp_info info;
    struct umptcp_slice slices[1];
    struct umptcp_sockaddr a, b;
    char buf[4] = "";
    test_world_init(&w, 1, NULL, NULL);
    struct umptcp *s = w.host[SERVER];
    umptcp_sock l = test_listen(&w, 80, 1);
    assert_int_equal(umptcp_send(s, l, buf, 4, w.now), -ENOTCONN);
    assert_int_equal(umptcp_send_reserve(s, l, 4, slices, 1), -ENOTCONN);
    assert_int_equal(umptcp_recv(s, l, buf, 4, w.now), -ENOTCONN);
    assert_int_equal(umptcp_recv_peek(s, l, slices, 1), -ENOTCONN);
    assert_int_equal(umptcp_shutdown(s, l, w.now), -ENOTCONN);
    assert_int_equal(umptcp_getname(s, l, &a, &b), -ENOTCONN);
    assert_int_equal(umptcp_info(s, l, &info), -ENOTCONN);
    assert_int_equal(umptcp_subflows(s, l, NULL, 0), -ENOTCONN);
    assert_int_equal(umptcp_abort(s, l, w.now), 0);
    assert_true(umptcp_quiet(s));
    test_world_free(&w);
}

/* Hundreds of sockets that come and go in any order; T-SYS-12: each hears of its own connection. */
static void test_many(void **state) {
    (void)state;
    enum { N = 200 };
    struct test_world w;
    umptcp_sock c[N];
    test_world_init(&w, 1, NULL, NULL);
    test_listen(&w, 80, N);
    for (int i = 0; i < N; i++)
        c[i] = test_connect(&w, "10.0.1.2", 80);
    for (int i = 0; i < N; i += 3)
        assert_int_equal(umptcp_close(w.host[CLIENT], c[i], w.now), 0);
    test_run(&w, SEC(1));
    struct umptcp_event ev;
    int connected = 0;
    while (umptcp_event(w.host[CLIENT], &ev)) {
        connected += ev.type == UMPTCP_EV_CONNECTED;
        bool ours = false;
        for (int i = 0; i < N; i++)
            ours = ours || (i % 3 && c[i].v == ev.sock.v);
        assert_true(ours);
    }
    assert_int_equal(connected, N - (N + 2) / 3);
    test_world_free(&w);
}

/* ---- Connections ------------------------------------------------------------------------------------------------- */

static void test_connect_and_names(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    struct umptcp_sockaddr local, remote, local2, remote2;
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    assert_int_equal(umptcp_getname(w.host[CLIENT], pair[CLIENT], &local, &remote), 0);
    assert_int_equal(umptcp_getname(w.host[SERVER], pair[SERVER], &local2, &remote2), 0);
    assert_memory_equal(&local, &remote2, sizeof local);
    assert_memory_equal(&remote, &local2, sizeof local);
    assert_int_equal(remote.port, 80);
    struct umptcp_info info = test_info(&w, CLIENT, pair[CLIENT]);
    assert_int_equal(info.state, UMPTCP_ESTABLISHED);
    assert_true(info.is_mptcp);
    assert_false(info.fallback);
    assert_int_equal(info.token_local, test_info(&w, SERVER, pair[SERVER]).token_remote);
    test_world_free(&w);
}

/* T-SYN-20: errors of a connection attempt. */
static void test_refused(void **state) {
    (void)state;
    struct test_world w;
    char buf[4] = "";
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
    assert_int_equal(umptcp_recv(w.host[CLIENT], c, buf, 4, w.now), -EAGAIN);
    assert_int_equal(umptcp_send(w.host[CLIENT], c, buf, 4, w.now), 4);
    assert_int_equal(test_await(&w, CLIENT, c, UMPTCP_EV_CLOSED, SEC(1)).error, ECONNREFUSED);
    assert_int_equal(umptcp_send(w.host[CLIENT], c, buf, 4, w.now), -ECONNREFUSED);
    assert_int_equal(umptcp_recv(w.host[CLIENT], c, buf, 4, w.now), -ECONNREFUSED);
    assert_int_equal(umptcp_shutdown(w.host[CLIENT], c, w.now), -ENOTCONN);
    assert_int_equal(test_info(&w, CLIENT, c).state, UMPTCP_CLOSED);
    assert_int_equal(umptcp_close(w.host[CLIENT], c, w.now), 0);
    assert_true(umptcp_quiet(w.host[CLIENT]));
    test_world_free(&w);
}

static void test_times_out(void **state) {
    (void)state;
    struct test_world w;
    test_world_init(&w, 1, NULL, NULL);
    w.link[1].cut = true;
    umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
    assert_int_equal(test_await(&w, CLIENT, c, UMPTCP_EV_CLOSED, SEC(300)).error, ETIMEDOUT);
    assert_int_equal(w.sent[CLIENT][1], 8); /* one SYN and seven again */
    test_world_free(&w);
}

static void test_transfers(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    test_transfer(&w, pair, CLIENT, TEST_BULK, SEC(20));
    test_transfer(&w, pair, SERVER, TEST_BULK, SEC(20));
    struct umptcp_info info = test_info(&w, CLIENT, pair[CLIENT]);
    assert_int_equal(info.bytes_received, TEST_BULK);
    assert_int_equal(info.bytes_sent, TEST_BULK);
    test_run(&w, SEC(1));
    info = test_info(&w, CLIENT, pair[CLIENT]);
    assert_int_equal(info.bytes_acked, TEST_BULK);
    assert_int_equal(info.unsent, 0);
    struct umptcp_subflow_info sf;
    assert_int_equal(umptcp_subflows(w.host[CLIENT], pair[CLIENT], &sf, 1), 1);
    assert_int_equal(sf.id, 1);
    assert_int_equal(sf.bytes_acked, TEST_BULK);
    assert_int_equal(sf.bytes_received, TEST_BULK);
    assert_in_range(sf.srtt, MSEC(9), MSEC(60));
    assert_true(sf.established && !sf.backup && !sf.stale && sf.netif == 1);
    test_world_free(&w);
}

/* A full buffer: short counts, then -EAGAIN, and a word when there is room again. */
static void test_backpressure(void **state) {
    (void)state;
    static uint8_t buf[2000000];
    struct test_world w;
    umptcp_sock pair[HOSTS];
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    test_run(&w, MSEC(50));
    struct umptcp_event ev;
    while (umptcp_event(w.host[CLIENT], &ev))
        ;
    ptrdiff_t n = umptcp_send(w.host[CLIENT], pair[CLIENT], buf, sizeof buf, w.now);
    assert_in_range(n, 1, sizeof buf - 1);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], buf, 1, w.now), -EAGAIN);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], buf, 0, w.now), 0);
    test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_WRITABLE, SEC(1));
    assert_true(umptcp_send(w.host[CLIENT], pair[CLIENT], buf, 1000, w.now) > 0);
    /* The other end reads nothing: it stops, and goes on when it does. */
    for (int i = 0; i < 50; i++) {
        while (umptcp_send(w.host[CLIENT], pair[CLIENT], buf, sizeof buf, w.now) > 0)
            ;
        test_run(&w, MSEC(100));
    }
    uint64_t stuck = test_info(&w, CLIENT, pair[CLIENT]).bytes_acked;
    assert_true(stuck <= 6 * 1024 * 1024);
    test_run(&w, SEC(5));
    assert_int_equal(test_info(&w, CLIENT, pair[CLIENT]).bytes_acked, stuck);
    while (umptcp_recv(w.host[SERVER], pair[SERVER], buf, sizeof buf, w.now) > 0)
        ;
    test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_WRITABLE, SEC(10));
    test_world_free(&w);
}

static void test_zero_copy(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    struct umptcp_slice slices[UMPTCP_SLICES_MAX];
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    int n = umptcp_send_reserve(w.host[CLIENT], pair[CLIENT], 40000, slices, UMPTCP_SLICES_MAX);
    assert_in_range(n, 1, UMPTCP_SLICES_MAX);
    size_t total = 0;
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < slices[i].len; k++) {
            uint8_t *at = (uint8_t *)(uintptr_t)slices[i].base + k;
            *at = test_byte(total++);
        }
    assert_int_equal(total, 40000);
    assert_int_equal(umptcp_send_commit(w.host[CLIENT], pair[CLIENT], 40001, w.now), -EINVAL);
    assert_int_equal(umptcp_send_commit(w.host[CLIENT], pair[CLIENT], 30000, w.now), 0);
    assert_int_equal(umptcp_send_commit(w.host[CLIENT], pair[CLIENT], 1, w.now), -EINVAL);
    test_run(&w, SEC(1));
    n = umptcp_recv_peek(w.host[SERVER], pair[SERVER], slices, UMPTCP_SLICES_MAX);
    assert_in_range(n, 1, UMPTCP_SLICES_MAX);
    total = 0;
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < slices[i].len; k++)
            assert_int_equal(((const uint8_t *)slices[i].base)[k], test_byte(total++));
    assert_int_equal(total, 30000);
    assert_int_equal(umptcp_recv_consume(w.host[SERVER], pair[SERVER], 30001, w.now), -EINVAL);
    assert_int_equal(umptcp_recv_consume(w.host[SERVER], pair[SERVER], 29999, w.now), 0);
    assert_int_equal(umptcp_recv_peek(w.host[SERVER], pair[SERVER], slices, 1), 1);
    assert_int_equal(slices[0].len, 1);
    assert_int_equal(umptcp_recv_consume(w.host[SERVER], pair[SERVER], 1, w.now), 0);
    assert_int_equal(umptcp_recv_peek(w.host[SERVER], pair[SERVER], slices, 1), -EAGAIN);
    test_world_free(&w);
}

/* T-CLO-01, T-CLO-09: one direction ends, the other goes on. */
static void test_shutdown(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    char buf[8];
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "end", 3, w.now), 3);
    assert_int_equal(umptcp_shutdown(w.host[CLIENT], pair[CLIENT], w.now), 0);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "x", 1, w.now), -EPIPE);
    test_run(&w, SEC(1));
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, 8, w.now), 3);
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, 8, w.now), 0);
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, 8, w.now), 0);
    assert_int_equal(test_info(&w, CLIENT, pair[CLIENT]).state, UMPTCP_FIN_WAIT_2);
    assert_int_equal(test_info(&w, SERVER, pair[SERVER]).state, UMPTCP_CLOSE_WAIT);
    assert_int_equal(umptcp_send(w.host[SERVER], pair[SERVER], "more", 4, w.now), 4);
    test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_READABLE, SEC(1));
    assert_int_equal(umptcp_recv(w.host[CLIENT], pair[CLIENT], buf, 8, w.now), 4);
    assert_int_equal(umptcp_shutdown(w.host[SERVER], pair[SERVER], w.now), 0);
    assert_int_equal(test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_CLOSED, SEC(1)).error, 0);
    assert_int_equal(test_await(&w, SERVER, pair[SERVER], UMPTCP_EV_CLOSED, SEC(1)).error, 0);
    assert_int_equal(umptcp_recv(w.host[CLIENT], pair[CLIENT], buf, 8, w.now), 0);
    assert_int_equal(umptcp_close(w.host[CLIENT], pair[CLIENT], w.now), 0);
    assert_int_equal(umptcp_close(w.host[SERVER], pair[SERVER], w.now), 0);
    test_run(&w, SEC(61));
    assert_int_equal(umptcp_sockets(w.host[CLIENT]), 0);
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 1);
    test_world_free(&w);
}

/* Bytes that were sent arrive although the handle was given up at once. */
static void test_close_delivers(void **state) {
    (void)state;
    static uint8_t buf[60000];
    struct test_world w;
    umptcp_sock pair[HOSTS];
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], buf, sizeof buf, w.now), sizeof buf);
    assert_int_equal(umptcp_close(w.host[CLIENT], pair[CLIENT], w.now), 0);
    test_run(&w, SEC(1));
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, sizeof buf, w.now), sizeof buf);
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, sizeof buf, w.now), 0);
    assert_int_equal(umptcp_close(w.host[SERVER], pair[SERVER], w.now), 0);
    test_run(&w, SEC(61));
    assert_int_equal(umptcp_sockets(w.host[CLIENT]), 0);
    test_world_free(&w);
}

/* T-CLO-02, T-CLO-07: unread bytes at close() are told to the peer by an abort. */
static void test_close_with_unread(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "lost", 4, w.now), 4);
    test_run(&w, SEC(1));
    assert_int_equal(umptcp_close(w.host[SERVER], pair[SERVER], w.now), 0);
    assert_int_equal(test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_CLOSED, SEC(1)).error, ECONNRESET);
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 1);
    test_world_free(&w);
}

/* T-CLO-03 */
static void test_abort(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    char buf[8];
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "before", 6, w.now), 6);
    test_run(&w, SEC(1));
    assert_int_equal(umptcp_abort(w.host[CLIENT], pair[CLIENT], w.now), 0);
    assert_int_equal(test_await(&w, SERVER, pair[SERVER], UMPTCP_EV_CLOSED, SEC(1)).error, ECONNRESET);
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, 8, w.now), 6);
    assert_int_equal(umptcp_recv(w.host[SERVER], pair[SERVER], buf, 8, w.now), -ECONNRESET);
    assert_int_equal(umptcp_send(w.host[SERVER], pair[SERVER], buf, 1, w.now), -ECONNRESET);
    assert_int_equal(umptcp_sockets(w.host[CLIENT]), 0);
    assert_true(umptcp_counter_get(w.host[CLIENT], "MPTcpExtMPFastcloseTx") > 0);
    test_world_free(&w);
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static void test_options(void **state) {
    (void)state;
    static const struct {
        enum umptcp_opt opt;
        int64_t initial, good, too_small, too_large;
    } cases[] = {
        {UMPTCP_OPT_NODELAY, 0, 1, -1, 2},
        {UMPTCP_OPT_CORK, 0, UMPTCP_CORK_MORE, -1, 4},
        {UMPTCP_OPT_KEEPALIVE, 0, 1, -1, 2},
        {UMPTCP_OPT_KEEPIDLE, (int64_t)SEC(7200), (int64_t)SEC(5), 0, INT64_MAX},
        {UMPTCP_OPT_KEEPINTVL, (int64_t)SEC(75), (int64_t)SEC(1), 0, INT64_MAX},
        {UMPTCP_OPT_KEEPCNT, 9, 3, 0, 128},
        {UMPTCP_OPT_RCVBUF, 131072, 200000, 0, INT64_MAX},
        {UMPTCP_OPT_SNDBUF, 131072, 300000, 0, INT64_MAX},
        {UMPTCP_OPT_USER_TIMEOUT, 0, (int64_t)SEC(30), -1, INT64_MIN},
        {UMPTCP_OPT_MAXSEG, 1460, 1000, 87, 32768},
        {UMPTCP_OPT_SYNCNT, 7, 3, 0, 128},
        {UMPTCP_OPT_NOTSENT_LOWAT, UINT32_MAX, 5000, 0, INT64_MAX},
        {UMPTCP_OPT_TTL, 64, 9, 0, 256},
        {UMPTCP_OPT_TOS, 0, 0x48, -1, 256},
    };
    struct test_world w;
    test_world_init(&w, 1, NULL, NULL);
    struct umptcp *s = w.host[CLIENT];
    umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t v = -7;
        assert_int_equal(umptcp_getopt(s, c, cases[i].opt, &v), 0);
        assert_int_equal(v, cases[i].initial);
        assert_int_equal(umptcp_setopt(s, c, cases[i].opt, cases[i].too_small, w.now), -EINVAL);
        assert_int_equal(umptcp_setopt(s, c, cases[i].opt, cases[i].too_large, w.now), -EINVAL);
        assert_int_equal(umptcp_setopt(s, c, cases[i].opt, cases[i].good, w.now), 0);
        assert_int_equal(umptcp_getopt(s, c, cases[i].opt, &v), 0);
        assert_int_equal(v, cases[i].good);
    }
    static const int none[] = {0, -1, UMPTCP_OPT_TOS + 1, 1000};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        int64_t v;
        assert_int_equal(umptcp_setopt(s, c, (enum umptcp_opt)none[i], 1, w.now), -ENOPROTOOPT);
        assert_int_equal(umptcp_getopt(s, c, (enum umptcp_opt)none[i], &v), -ENOPROTOOPT);
    }
    test_world_free(&w);
}

/* What a listener has of these, the packets of its connections show; an MSS counts in both directions. */
static void test_options_on_the_wire(void **state) { /* T-MTU-21, T-MTU-22 */
    (void)state;
    struct test_world w;
    struct umptcp_out out;
    uint8_t packet[65536];
    int64_t v;
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_listen(&w, 80, 16);
    struct umptcp *s = w.host[SERVER];
    assert_int_equal(umptcp_setopt(s, l, UMPTCP_OPT_TTL, 9, w.now), 0);
    assert_int_equal(umptcp_setopt(s, l, UMPTCP_OPT_TOS, 0x4b, w.now), 0);
    assert_int_equal(umptcp_setopt(s, l, UMPTCP_OPT_MAXSEG, 600, w.now), 0);
    assert_int_equal(umptcp_getopt(s, l, UMPTCP_OPT_SYNCNT, &v), 0);
    assert_int_equal(v, 7);
    test_connect(&w, "10.0.1.2", 80);
    uint32_t len = test_take(w.host[CLIENT], &out, packet, w.now);
    const struct umptcp_packet syn = {.data = packet, .len = len};
    umptcp_input(s, 1, &syn, w.now);
    assert_true(test_take(s, &out, packet, w.now) > 44);
    assert_int_equal(packet[8], 9);
    assert_int_equal(packet[1], 0x48); /* the ECN bits are not the user's */
    test_assert_hex(packet + 40, 4, "02 04 02 58");
    test_world_free(&w);
}

/* A receive buffer that is chosen before the SYN leaves bounds its window and the scale. */
static void test_rcvbuf_of_the_syn(void **state) {
    (void)state;
    static const struct {
        int64_t size;
        uint16_t window;
        uint8_t scale;
    } rows[] = {{5000, 5000, 0}, {65535, 65535, 0}, {65536, 65535, 1}, {200000, 65535, 2}, {6000000, 65535, 7}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct test_world w;
        struct umptcp_out out;
        uint8_t packet[65536];
        struct ip_hdr ip;
        struct seg seg;
        test_world_init(&w, 1, NULL, NULL);
        umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
        assert_int_equal(umptcp_setopt(w.host[CLIENT], c, UMPTCP_OPT_RCVBUF, rows[i].size, w.now), 0);
        uint32_t len = test_take(w.host[CLIENT], &out, packet, w.now);
        assert_int_equal(ip_parse(packet, len, true, &ip), DROP_NONE);
        assert_int_equal(tcp_parse(&ip, true, 0, &seg), DROP_NONE);
        assert_int_equal(seg.window, rows[i].window);
        assert_true(seg.opt.has_wscale);
        assert_int_equal(seg.opt.wscale, rows[i].scale);
        /* Later it is too late: what was promised stays. */
        assert_int_equal(umptcp_setopt(w.host[CLIENT], c, UMPTCP_OPT_RCVBUF, 3000, w.now), 0);
        test_check(&w);
        test_world_free(&w);
    }
}

/* ---- Changes in the middle --------------------------------------------------------------------------------------- */

static void test_configure(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    int64_t v;
    test_world_init(&w, 1, NULL, NULL);
    struct umptcp *s = w.host[CLIENT];
    test_pair(&w, pair);
    struct umptcp_config cfg = test_config(&w.mem[CLIENT]), bad;
    cfg.rmem_default = 50000;
    cfg.keepalive_time = SEC(10);
    cfg.retries2 = 1;
    cfg.alloc = NULL; /* stays as it is */
    cfg.mem_limit = 1;
    bad = cfg;
    bad.congestion_control = "nobody";
    assert_int_equal(umptcp_configure(s, &bad, w.now), -EINVAL);
    bad = cfg;
    bad.wmem_default = 0;
    assert_int_equal(umptcp_configure(s, &bad, w.now), -EINVAL);
    assert_int_equal(umptcp_configure(s, &cfg, w.now), 0);
    /* The connection that was there has its buffer, */
    assert_int_equal(umptcp_getopt(s, pair[CLIENT], UMPTCP_OPT_RCVBUF, &v), 0);
    assert_int_equal(v, 131072);
    umptcp_sock next = test_connect(&w, "10.0.1.2", 80);
    assert_int_equal(umptcp_getopt(s, next, UMPTCP_OPT_RCVBUF, &v), 0);
    assert_int_equal(v, 50000);
    assert_int_equal(umptcp_getopt(s, next, UMPTCP_OPT_KEEPIDLE, &v), 0);
    assert_int_equal(v, SEC(10));
    /* and is given up as the new patience says: after the second timeout. */
    w.link[1].cut = true;
    assert_int_equal(umptcp_send(s, pair[CLIENT], "x", 1, w.now), 1);
    struct umptcp_event ev = test_await(&w, CLIENT, pair[CLIENT], UMPTCP_EV_CLOSED, SEC(70));
    assert_int_equal(ev.error, ETIMEDOUT);
    test_world_free(&w);
}

static void test_pending(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock got;
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_listen(&w, 80, 16), c = test_connect(&w, "10.0.1.2", 80);
    assert_int_equal(umptcp_pending(w.host[SERVER], l), 0);
    test_connect(&w, "10.0.1.2", 80);
    test_await(&w, CLIENT, c, UMPTCP_EV_CONNECTED, SEC(1));
    test_run(&w, MSEC(50));
    assert_int_equal(umptcp_pending(w.host[SERVER], l), 2);
    assert_int_equal(umptcp_accept(w.host[SERVER], l, &got), 0);
    assert_int_equal(umptcp_pending(w.host[SERVER], l), 1);
    assert_int_equal(umptcp_pending(w.host[SERVER], got), -EINVAL);
    assert_int_equal(umptcp_pending(w.host[SERVER], (umptcp_sock){12345}), -EBADF);
    test_world_free(&w);
}

static void test_congestion(void **state) {
    (void)state;
    static uint8_t buf[100000];
    struct test_world w;
    umptcp_sock pair[HOSTS];
    struct umptcp_subflow_info before, after;
    test_world_init(&w, 1, NULL, NULL);
    struct umptcp *s = w.host[CLIENT];
    umptcp_sock l = test_pair(&w, pair);
    assert_int_equal(umptcp_send(s, pair[CLIENT], buf, sizeof buf, w.now), sizeof buf);
    test_run(&w, MSEC(12));
    assert_int_equal(umptcp_subflows(s, pair[CLIENT], &before, 1), 1);
    assert_true(before.cwnd > 10 * (uint32_t)before.snd_mss);
    assert_int_equal(umptcp_set_congestion(s, pair[CLIENT], "newreno", w.now), 0);
    assert_int_equal(umptcp_subflows(s, pair[CLIENT], &after, 1), 1);
    assert_int_equal(after.cwnd, before.cwnd);
    assert_int_equal(after.ssthresh, before.ssthresh);
    test_check(&w);
    assert_int_equal(umptcp_set_congestion(s, pair[CLIENT], "nobody", w.now), -ENOENT);
    assert_int_equal(umptcp_set_congestion(s, pair[CLIENT], NULL, w.now), -ENOENT);
    assert_string_equal(umptcp_congestion(s, pair[CLIENT], 0), "newreno");
    assert_string_equal(umptcp_congestion(s, pair[CLIENT], 1), "newreno");
    assert_null(umptcp_congestion(s, pair[CLIENT], 2));
    assert_null(umptcp_congestion(s, (umptcp_sock){12345}, 0));
    assert_string_equal(umptcp_congestion(w.host[SERVER], l, 0), "cubic");
    assert_int_equal(umptcp_set_congestion(w.host[SERVER], l, "olia", w.now), 0);
    assert_string_equal(umptcp_congestion(w.host[SERVER], l, 0), "olia");
    assert_int_equal(umptcp_set_subflow_congestion(s, pair[CLIENT], 1, "lia", w.now), 0);
    assert_string_equal(umptcp_congestion(s, pair[CLIENT], 1), "lia");
    assert_string_equal(umptcp_congestion(s, pair[CLIENT], 0), "newreno");
    assert_int_equal(umptcp_set_subflow_congestion(s, pair[CLIENT], 1, "nobody", w.now), -ENOENT);
    assert_int_equal(umptcp_set_subflow_congestion(s, pair[CLIENT], 2, "lia", w.now), -ENOENT);
    assert_int_equal(umptcp_set_subflow_congestion(w.host[SERVER], l, 1, "lia", w.now), -ENOTCONN);
    assert_int_equal(umptcp_set_subflow_congestion(s, (umptcp_sock){12345}, 1, "lia", w.now), -EBADF);
    assert_int_equal(umptcp_set_congestion(s, (umptcp_sock){12345}, "cubic", w.now), -EBADF);
    test_run(&w, SEC(1));
    test_world_free(&w);
}

/* What a connection between two of us shows of itself. */
static void test_details(void **state) {
    (void)state;
    static uint8_t buf[50000];
    struct test_world w;
    umptcp_sock pair[HOSTS];
    struct umptcp_subflow_info i;
    struct umptcp_info info;
    test_world_init(&w, 1, NULL, NULL);
    struct umptcp *s = w.host[CLIENT];
    test_pair(&w, pair);
    utime sent = w.now;
    assert_int_equal(umptcp_send(s, pair[CLIENT], buf, sizeof buf, w.now), sizeof buf);
    test_run(&w, SEC(1));
    assert_int_equal(umptcp_subflows(s, pair[CLIENT], &i, 1), 1);
    assert_true(i.initiated && i.sack && i.timestamps && i.window_scaling);
    assert_int_equal(i.snd_wscale, 7);
    assert_int_equal(i.rcv_wscale, 7);
    assert_int_equal(i.advmss, 1460);
    assert_int_equal(i.snd_mss, 1448);
    assert_int_equal(i.ca_state, UMPTCP_CA_OPEN);
    assert_int_equal(i.segs_unacked, 0);
    assert_int_equal(i.segs_retrans, 0);
    assert_true(i.data_segs_out >= sizeof buf / 1448 + 1);
    assert_int_equal(i.segs_delivered, i.data_segs_out + 1); /* and the SYN */
    assert_int_equal(i.data_segs_in, 0);
    assert_int_equal(i.notsent, 0);
    assert_true(i.last_sent.ns >= sent.ns);
    assert_true(i.last_received.ns >= i.last_sent.ns);
    assert_int_equal(umptcp_info(s, pair[CLIENT], &info), 0);
    assert_int_equal(info.last_data_sent.ns, sent.ns);
    assert_int_equal(info.last_data_received.ns, 0);
    assert_int_equal(umptcp_subflows(w.host[SERVER], pair[SERVER], &i, 1), 1);
    assert_false(i.initiated);
    assert_int_equal(i.segs_delivered, 1);
    assert_int_equal(i.rcv_mss, 1424); /* beside timestamps and a DSS */
    assert_int_equal(umptcp_info(w.host[SERVER], pair[SERVER], &info), 0);
    assert_true(info.last_data_received.ns > sent.ns);
    assert_true(info.rcv_wnd > 0);
    /* Timeouts count until an answer comes. */
    w.link[1].cut = true;
    assert_int_equal(umptcp_send(s, pair[CLIENT], "x", 1, w.now), 1);
    test_run(&w, MSEC(700));
    assert_int_equal(umptcp_subflows(s, pair[CLIENT], &i, 1), 1);
    assert_int_equal(i.ca_state, UMPTCP_CA_LOSS);
    assert_int_equal(i.segs_unacked, 1);
    assert_int_equal(i.segs_lost, 1);
    assert_int_equal(i.timeouts, i.rto_count);
    assert_int_equal(i.backoff, i.rto_count);
    assert_true(i.segs_retrans >= i.rto_count && i.rto_count > 0);
    test_world_free(&w);
}

/* A larger send buffer tells a writer that waits. */
/* M-SND-05: unless it is configured otherwise, all that a peer of our kind takes finds room in our buffer. */
static void test_sndbuf_is_no_smaller_than_rcvbuf(void **state) {
    (void)state;
    static uint8_t buf[200000];
    struct test_world w;
    struct umptcp_config cfg;
    umptcp_sock pair[HOSTS];
    struct umptcp_info info;
    umptcp_config_init(&cfg);
    assert_true(cfg.wmem_default >= cfg.rmem_default);
    assert_true(cfg.wmem_max >= cfg.rmem_max);
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    assert_int_equal(umptcp_info(w.host[SERVER], pair[SERVER], &info), 0);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], buf, info.rcvbuf, w.now), info.rcvbuf);
    test_run(&w, SEC(2)); /* nobody reads */
    assert_int_equal(umptcp_info(w.host[SERVER], pair[SERVER], &info), 0);
    assert_int_equal(info.bytes_received, info.rcvbuf);
    test_world_free(&w);
}

static void test_sndbuf_grows(void **state) {
    (void)state;
    static uint8_t buf[200000];
    struct test_world w;
    struct umptcp_event ev;
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
    assert_int_equal(umptcp_send(w.host[CLIENT], c, buf, sizeof buf, w.now), 131072);
    assert_int_equal(umptcp_setopt(w.host[CLIENT], c, UMPTCP_OPT_SNDBUF, 150000, w.now), 0);
    assert_true(umptcp_event(w.host[CLIENT], &ev));
    assert_int_equal(ev.type, UMPTCP_EV_WRITABLE);
    assert_int_equal(umptcp_send(w.host[CLIENT], c, buf, sizeof buf, w.now), 150000 - 131072);
    test_world_free(&w);
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

/* One life of a connection with two subflows; false when something could not be made. */
static bool life(struct test_world *w) {
    umptcp_sock l, pair[HOSTS] = {{0}};
    const struct umptcp_listen what = {.local = {.port = 80}, .backlog = 4};
    const struct umptcp_connect c = {.remote = test_at("10.0.1.2", 80)};
    const struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW, .addr = test_at("10.0.2.1", 0)};
    char buf[256] = "";
    umptcp_endpoint_add(w->host[CLIENT], &ep, w->now);
    bool made = !umptcp_listen(w->host[SERVER], &what, &l);
    made = !umptcp_connect(w->host[CLIENT], &c, &pair[CLIENT], w->now) && made;
    for (int i = 0; i < 40; i++) {
        umptcp_send(w->host[CLIENT], pair[CLIENT], buf, sizeof buf, w->now);
        test_run(w, MSEC(100));
        if (!pair[SERVER].v)
            umptcp_accept(w->host[SERVER], l, &pair[SERVER]);
        while (umptcp_recv(w->host[SERVER], pair[SERVER], buf, sizeof buf, w->now) > 0)
            ;
    }
    umptcp_close(w->host[CLIENT], pair[CLIENT], w->now);
    umptcp_close(w->host[SERVER], pair[SERVER], w->now);
    umptcp_close(w->host[SERVER], l, w->now);
    test_run(w, SEC(200));
    return made;
}

/* Any one allocation of either end may fail: nothing breaks, leaks or stays. */
static void test_no_memory(void **state) {
    (void)state;
    for (int h = 0; h < HOSTS; h++) {
        struct test_world w;
        test_world_init(&w, 2, NULL, NULL);
        struct testmem *tm = &w.mem[h];
        TESTMEM_EACH_FAILURE(tm) {
            life(&w);
            assert_true(umptcp_quiet(w.host[CLIENT]));
            assert_true(umptcp_quiet(w.host[SERVER]));
        }
        test_world_free(&w);
    }
}

/* Too little memory for what is asked: calls fail, the stack goes on. */
static void test_memory_limit(void **state) {
    (void)state;
    struct test_world w;
    struct testmem tm = {0};
    struct umptcp_config cfg = test_config(&tm);
    umptcp_sock c;
    int made = 0;
    cfg.mem_limit = 100000;
    test_world_init(&w, 1, &cfg, NULL);
    const struct umptcp_connect what = {.remote = test_at("10.0.1.2", 80)};
    while (umptcp_connect(w.host[CLIENT], &what, &c, w.now) == 0)
        made++;
    assert_in_range(made, 20, 200);
    assert_true(umptcp_mem_used(w.host[CLIENT]) <= cfg.mem_limit);
    test_run(&w, SEC(10)); /* refused by the peer, which may have room for some of the answers only */
    struct umptcp_event ev;
    while (umptcp_event(w.host[CLIENT], &ev))
        if (ev.type == UMPTCP_EV_CLOSED)
            umptcp_close(w.host[CLIENT], ev.sock, w.now);
    assert_true(umptcp_quiet(w.host[CLIENT]));
    assert_int_equal(umptcp_connect(w.host[CLIENT], &what, &c, w.now), 0);
    test_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_bad_handles),
        cmocka_unit_test(test_listener_is_no_connection),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_connect_and_names),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_times_out),
        cmocka_unit_test(test_transfers),
        cmocka_unit_test(test_backpressure),
        cmocka_unit_test(test_zero_copy),
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_close_delivers),
        cmocka_unit_test(test_close_with_unread),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_options_on_the_wire),
        cmocka_unit_test(test_rcvbuf_of_the_syn),
        cmocka_unit_test(test_configure),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_congestion),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_sndbuf_is_no_smaller_than_rcvbuf),
        cmocka_unit_test(test_sndbuf_grows),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_memory_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
