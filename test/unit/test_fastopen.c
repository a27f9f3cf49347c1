/* SPDX-License-Identifier: BSD-3-Clause */
/* Fast Open: cookies and what a client remembers, by themselves; then two stacks whose SYNs carry data. */
#include "teststack.h"

#include "tcp/fastopen.h"
#include "tcp/tcb.h"

/* ---- Cookies ----------------------------------------------------------------------------------------------------- */

static struct flow flow_between(const char *local, const char *remote) {
    return (struct flow){.local = test_at(local, 80), .remote = test_at(remote, 4000)};
}

/* T-TFO-02: values of Linux, in both families; one per address, and none but for the key. */
static void test_cookies(void **state) {
    (void)state;
    static const uint8_t v4[] = {0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb};
    static const uint8_t v6[] = {0xc1, 0xd1, 0xe9, 0x74, 0x2a, 0x47, 0xa9, 0xbc};
    struct fastopen_keys keys = {.n = 2};
    for (int i = 0; i < 16; i++)
        keys.key[0][i] = (uint8_t)(0xa1 + 0x11 * (i / 4));
    keys.key[1][3] = 9;
    struct flow flow = flow_between("192.168.0.1", "192.0.2.1");
    struct fastopen_cookie c = {0};
    fastopen_cookie_make(&keys, 0, &flow, &c);
    assert_int_equal(c.len, sizeof v4);
    assert_memory_equal(c.b, v4, sizeof v4);
    assert_int_equal(fastopen_cookie_check(&keys, &flow, &c), 0);
    flow.remote.port++;
    assert_int_equal(fastopen_cookie_check(&keys, &flow, &c), 0); /* of a host, not of a port */
    flow.remote.addr = test_addr("192.0.2.2");
    assert_int_equal(fastopen_cookie_check(&keys, &flow, &c), -1);
    fastopen_cookie_make(&keys, 1, &flow, &c);
    assert_int_equal(fastopen_cookie_check(&keys, &flow, &c), 1);
    c.b[7] ^= 1;
    assert_int_equal(fastopen_cookie_check(&keys, &flow, &c), -1);
    c.b[7] ^= 1;
    c.len = 6;
    assert_int_equal(fastopen_cookie_check(&keys, &flow, &c), -1);
    flow = flow_between("fd3d:a0b:17d6::1", "fd3d:fa7b:d17d::1");
    fastopen_cookie_make(&keys, 0, &flow, &c);
    assert_memory_equal(c.b, v6, sizeof v6);
}

/* ---- Servers that are remembered --------------------------------------------------------------------------------- */

/* T-TFO-07: bounded; the one that was used longest ago makes room. Without memory nothing is remembered. */
static void test_peers(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct env env = {.now = {1}};
    struct fastopen f = {0};
    mem_init(&env.mem, testmem_alloc, &tm, 0);
    struct flow flow = flow_between("10.0.0.1", "10.1.0.0"), first = flow;
    tm.fail_at = tm.requests + 1;
    assert_null(fastopen_peer_get(&f, &env, &flow));
    tm.fail_at = 0;
    for (uint32_t i = 0; i < FASTOPEN_PEERS_MAX; i++, env.now.ns++) {
        flow.remote.addr.b[15] = (uint8_t)i;
        assert_null(fastopen_peer_find(&f, &flow));
        fastopen_peer_get(&f, &env, &flow)->mss = (uint16_t)i;
        assert_int_equal(fastopen_peer_find(&f, &flow)->mss, i);
    }
    assert_non_null(fastopen_peer_get(&f, &env, &first)); /* now it is not the oldest */
    env.now.ns++;
    flow.local.addr = test_addr("10.0.0.2"); /* seen from another address it is another one */
    assert_null(fastopen_peer_find(&f, &flow));
    assert_int_equal(fastopen_peer_get(&f, &env, &flow)->mss, 0);
    assert_int_equal(f.npeers, FASTOPEN_PEERS_MAX);
    assert_non_null(fastopen_peer_find(&f, &first));
    first.remote.addr.b[15] = 1;
    assert_null(fastopen_peer_find(&f, &first));
    fastopen_free(&f, &env.mem);
    assert_int_equal(tm.blocks, 0);
}

/* T-TFO-08, -09: how long a peer is left alone, and how much its SYN takes. */
static void test_peer_bounds(void **state) {
    (void)state;
    struct fastopen_peer p = {.mss = 1000};
    const utime now = {SEC(100)};
    assert_int_equal(fastopen_room(&p, false, 1460), 960);
    assert_int_equal(fastopen_room(&p, false, 500), 460);
    assert_int_equal(fastopen_room(NULL, false, 1460), TCP_MSS_DEFAULT_V4 - TCP_OPTIONS_MAX);
    assert_int_equal(fastopen_room(NULL, true, 1440), TCP_MSS_DEFAULT_V6 - TCP_OPTIONS_MAX);
    p.mss = 1;
    assert_int_equal(fastopen_room(&p, false, 1460), TCP_MSS_MIN - TCP_OPTIONS_MAX);
    for (uint64_t times = 1, hold = 60; times < 300; times++, hold = hold < 64 * 60 ? 2 * hold : hold) {
        fastopen_peer_lost(&p, now);
        assert_int_equal(time_since(p.hold, now), SEC(hold));
    }
}

/* ---- Two stacks -------------------------------------------------------------------------------------------------- */

static umptcp_sock fast_connect(struct test_world *w, const char *bytes) {
    const struct umptcp_connect what = {.remote = test_at("10.0.1.2", 80), .fastopen = true};
    umptcp_sock sock;
    assert_int_equal(umptcp_connect(w->host[CLIENT], &what, &sock, w->now), 0);
    assert_int_equal(umptcp_send(w->host[CLIENT], sock, bytes, strlen(bytes), w->now), strlen(bytes));
    return sock;
}

static void assert_reads(struct test_world *w, int host, umptcp_sock sock, const char *bytes) {
    char got[64] = "";
    assert_int_equal(umptcp_recv(w->host[host], sock, got, sizeof got, w->now), strlen(bytes));
    assert_string_equal(got, bytes);
}

static uint64_t count(struct test_world *w, int host, const char *name) {
    return umptcp_counter_get(w->host[host], name);
}

/*
 * M-TFO-03, -05, -06, -10, M-KEY-10: with checksums, which cover the positions that the two ends count by, bytes go in
 * both directions before the handshake is over and after it, and none is lost, doubled or moved.
 */
static void test_conversation(void **state) {
    (void)state;
    struct test_world w;
    struct testmem none = {0};
    struct umptcp_config cfg = test_config(&none);
    umptcp_sock l, c, s;
    cfg.fastopen = UMPTCP_FASTOPEN_CLIENT | UMPTCP_FASTOPEN_SERVER;
    cfg.checksum_enabled = true;
    test_world_init(&w, 1, &cfg, &cfg);
    const struct umptcp_listen what = {.local = test_at("10.0.1.2", 80), .backlog = 4, .fastopen = 2};
    assert_int_equal(umptcp_listen(w.host[SERVER], &what, &l), 0);

    fast_connect(&w, "asks");
    test_run(&w, SEC(1));
    assert_int_equal(umptcp_accept(w.host[SERVER], l, &s), 0);
    assert_reads(&w, SERVER, s, "asks");
    assert_int_equal(count(&w, SERVER, "TcpExtTCPFastOpenCookieReqd"), 1);
    assert_int_equal(count(&w, SERVER, "TcpExtTCPFastOpenPassive"), 0);

    c = fast_connect(&w, "hasty");
    test_run(&w, MSEC(6)); /* the SYN is there, its answer is not */
    assert_int_equal(umptcp_accept(w.host[SERVER], l, &s), 0);
    assert_int_equal(umptcp_send(w.host[SERVER], s, "early", 5, w.now), 5);
    char two[3] = "";
    assert_int_equal(umptcp_recv(w.host[SERVER], s, two, 2, w.now), 2); /* the rest moves with the numbers */
    assert_int_equal(umptcp_send(w.host[CLIENT], c, " more", 5, w.now), 5);
    test_run(&w, SEC(1));
    assert_reads(&w, SERVER, s, "sty more");
    assert_reads(&w, CLIENT, c, "early");
    struct umptcp_info ci, si;
    assert_int_equal(umptcp_info(w.host[CLIENT], c, &ci), 0);
    assert_int_equal(umptcp_info(w.host[SERVER], s, &si), 0);
    assert_true(ci.is_mptcp && si.is_mptcp && ci.csum_enabled);
    assert_int_equal(ci.bytes_sent, 10);
    assert_int_equal(ci.bytes_acked, 10);
    assert_int_equal(si.bytes_received, 10);
    assert_int_equal(si.bytes_acked, 5);
    assert_int_equal(count(&w, CLIENT, "TcpExtTCPFastOpenActive"), 1);
    assert_int_equal(count(&w, SERVER, "TcpExtTCPFastOpenPassive"), 1);
    assert_int_equal(count(&w, SERVER, "MPTcpExtDataCsumErr") + count(&w, CLIENT, "MPTcpExtDataCsumErr"), 0);
    assert_int_equal(count(&w, SERVER, "MPTcpExtMPTCPRetrans"), 0);
    umptcp_fastopen_forget(w.host[CLIENT]);
    assert_int_equal(umptcp_fastopen_room(w.host[CLIENT], &(struct umptcp_connect){.remote = what.local}, w.now), 0);
    test_world_free(&w);
}

/* Whichever request for memory is refused, at either end: what was taken stays, and everything is given back. */
static void test_each_allocation_fails(void **state) {
    (void)state;
    for (int host = 0; host < HOSTS; host++) {
        for (uint64_t n = 1; n <= 60; n++) {
            struct test_world w;
            struct testmem none = {0};
            struct umptcp_config cfg = test_config(&none);
            umptcp_sock l, c[2] = {{0}}, s;
            cfg.fastopen = UMPTCP_FASTOPEN_CLIENT | UMPTCP_FASTOPEN_SERVER;
            test_world_init(&w, 1, &cfg, &cfg);
            const struct umptcp_listen what = {.local = test_at("10.0.1.2", 80), .backlog = 4, .fastopen = 2};
            const struct umptcp_connect to = {.remote = what.local, .fastopen = true};
            assert_int_equal(umptcp_listen(w.host[SERVER], &what, &l), 0);
            w.mem[host].fail_at = w.mem[host].requests + n;
            for (int turn = 0; turn < 2; turn++) {
                if (umptcp_connect(w.host[CLIENT], &to, &c[turn], w.now) == 0)
                    umptcp_send(w.host[CLIENT], c[turn], "hasty", 5, w.now);
                test_run(&w, MSEC(6));
                if (umptcp_accept(w.host[SERVER], l, &s) == 0)
                    umptcp_send(w.host[SERVER], s, "early", 5, w.now);
                test_run(&w, SEC(3));
            }
            char got[8] = "";
            ptrdiff_t len =
                umptcp_accept(w.host[SERVER], l, &s) == 0 ? umptcp_recv(w.host[SERVER], s, got, 8, w.now) : 0;
            assert_true(len <= 0 || (len == 5 && memcmp(got, "hasty", 5) == 0));
            w.mem[host].fail_at = 0;
            test_world_free(&w);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_peers),
        cmocka_unit_test(test_peer_bounds),
        cmocka_unit_test(test_conversation),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
