/* SPDX-License-Identifier: BSD-3-Clause */
/* Urgent data between two stacks: the calls, what they refuse, what is told. The segments are in test/script. */
#include "teststack.h"

static struct umptcp_config plain(struct test_world *w, int host) {
    struct umptcp_config cfg = test_config(&w->mem[host]);
    cfg.mptcp_enabled = false;
    return cfg;
}

static void open_plain(struct test_world *w, umptcp_sock pair[HOSTS]) {
    struct umptcp_config cfg = plain(w, CLIENT);
    test_world_init(w, 1, &cfg, &cfg);
    test_pair(w, pair);
}

static struct umptcp_urgent urgent_of(struct test_world *w, int host, umptcp_sock sock) {
    struct umptcp_urgent u;
    assert_int_equal(umptcp_urgent(w->host[host], sock, &u), 0);
    return u;
}

static void test_apart(void **state) { /* T-URG-01, T-URG-04 */
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    uint8_t octet = 0, buf[16];
    open_plain(&w, pair);
    struct umptcp *s = w.host[SERVER];
    int64_t v;
    assert_int_equal(umptcp_getopt(s, pair[SERVER], UMPTCP_OPT_OOBINLINE, &v), 0);
    assert_int_equal(v, 1);
    assert_int_equal(umptcp_setopt(s, pair[SERVER], UMPTCP_OPT_OOBINLINE, 0, w.now), 0);
    assert_false(urgent_of(&w, SERVER, pair[SERVER]).marked);
    assert_int_equal(umptcp_recv_urgent(s, pair[SERVER], &octet, false, w.now), -EINVAL);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "hello", 5, w.now), 5);
    assert_int_equal(umptcp_send_urgent(w.host[CLIENT], pair[CLIENT], "XYZ", 3, w.now), 3);
    test_await(&w, SERVER, pair[SERVER], UMPTCP_EV_URGENT, SEC(1));
    test_run(&w, MSEC(100));
    struct umptcp_urgent u = urgent_of(&w, SERVER, pair[SERVER]);
    assert_true(u.marked && u.octet && !u.at_mark);
    assert_int_equal(u.ahead, 7);
    assert_int_equal(u.unread, 8);
    assert_int_equal(umptcp_recv_urgent(s, pair[SERVER], &octet, true, w.now), 1);
    assert_int_equal(octet, 'Z');
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "more", 4, w.now), 4);
    test_run(&w, MSEC(100));
    assert_int_equal(umptcp_recv(s, pair[SERVER], buf, sizeof buf, w.now), 7);
    assert_memory_equal(buf, "helloXY", 7);
    assert_true(urgent_of(&w, SERVER, pair[SERVER]).at_mark);
    assert_int_equal(umptcp_recv_urgent(s, pair[SERVER], &octet, false, w.now), 1);
    assert_int_equal(umptcp_recv_urgent(s, pair[SERVER], &octet, false, w.now), -EINVAL);
    assert_int_equal(umptcp_recv(s, pair[SERVER], buf, sizeof buf, w.now), 4);
    assert_memory_equal(buf, "more", 4);
    assert_false(urgent_of(&w, SERVER, pair[SERVER]).marked);
    test_world_free(&w);
}

static void test_in_line(void **state) { /* T-URG-07 */
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    uint8_t octet, buf[16];
    open_plain(&w, pair);
    struct umptcp *c = w.host[CLIENT];
    assert_int_equal(umptcp_send_urgent(w.host[SERVER], pair[SERVER], "ab!", 3, w.now), 3);
    assert_int_equal(umptcp_send(w.host[SERVER], pair[SERVER], "cd", 2, w.now), 2);
    test_run(&w, MSEC(100));
    assert_int_equal(umptcp_recv_urgent(c, pair[CLIENT], &octet, false, w.now), -EINVAL);
    assert_int_equal(umptcp_recv(c, pair[CLIENT], buf, sizeof buf, w.now), 2);
    assert_true(urgent_of(&w, CLIENT, pair[CLIENT]).at_mark);
    assert_int_equal(umptcp_recv(c, pair[CLIENT], buf, sizeof buf, w.now), 3);
    assert_memory_equal(buf, "!cd", 3);
    test_world_free(&w);
}

/* The end of the stream came, and the octet that was announced did not. */
static void test_never_comes(void **state) { /* T-URG-04 */
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    uint8_t octet;
    open_plain(&w, pair);
    umptcp_setopt(w.host[SERVER], pair[SERVER], UMPTCP_OPT_OOBINLINE, 0, w.now);
    const struct umptcp_config cfg = plain(&w, SERVER);
    static uint8_t bulk[200000];
    assert_true(umptcp_send_urgent(w.host[CLIENT], pair[CLIENT], bulk, cfg.wmem_default, w.now) > 60000);
    test_await(&w, SERVER, pair[SERVER], UMPTCP_EV_URGENT, SEC(1)); /* by the first segment */
    assert_int_equal(umptcp_recv_urgent(w.host[SERVER], pair[SERVER], &octet, false, w.now), -EAGAIN);
    umptcp_abort(w.host[CLIENT], pair[CLIENT], w.now);
    test_await(&w, SERVER, pair[SERVER], UMPTCP_EV_CLOSED, SEC(1));
    assert_int_equal(umptcp_recv_urgent(w.host[SERVER], pair[SERVER], &octet, false, w.now), 0);
    test_world_free(&w);
}

static void test_refused(void **state) { /* T-X12 */
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    uint8_t octet;
    struct umptcp_urgent u;
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_pair(&w, pair), none = {12345};
    assert_int_equal(umptcp_send_urgent(w.host[CLIENT], pair[CLIENT], "x", 1, w.now), -EOPNOTSUPP);
    assert_int_equal(umptcp_send_urgent(w.host[SERVER], l, "x", 1, w.now), -ENOTCONN);
    assert_int_equal(umptcp_send_urgent(w.host[SERVER], none, "x", 1, w.now), -EBADF);
    assert_int_equal(umptcp_recv_urgent(w.host[SERVER], none, &octet, false, w.now), -EBADF);
    assert_int_equal(umptcp_urgent(w.host[SERVER], l, &u), -ENOTCONN);
    test_run(&w, MSEC(100));
    assert_int_equal(urgent_of(&w, SERVER, pair[SERVER]).unread, 0);
    test_world_free(&w);
}

/* Who has no memory for the mark has the octet in line; who has none for the pointer is told. */
static void test_no_memory(void **state) { /* T-URG-01 */
    (void)state;
    for (uint64_t n = 1; n < 12; n++) {
        struct test_world w;
        umptcp_sock pair[HOSTS];
        uint8_t buf[16];
        open_plain(&w, pair);
        umptcp_setopt(w.host[SERVER], pair[SERVER], UMPTCP_OPT_OOBINLINE, 0, w.now);
        for (int h = 0; h < HOSTS; h++)
            w.mem[h].fail_at = w.mem[h].requests + n;
        ptrdiff_t sent = -ENOMEM;
        for (int i = 0; i < 3 && sent == -ENOMEM; i++)
            sent = umptcp_send_urgent(w.host[CLIENT], pair[CLIENT], "abc", 3, w.now);
        assert_int_equal(sent, 3);
        test_run(&w, SEC(5));
        ptrdiff_t got = umptcp_recv(w.host[SERVER], pair[SERVER], buf, sizeof buf, w.now);
        assert_int_equal(got, urgent_of(&w, SERVER, pair[SERVER]).marked ? 2 : 3);
        test_world_free(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apart),   cmocka_unit_test(test_in_line),   cmocka_unit_test(test_never_comes),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
