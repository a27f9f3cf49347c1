/* SPDX-License-Identifier: BSD-3-Clause */
/* Interfaces, addresses, routes, source addresses: which way a connection goes. */
#include "teststack.h"

#include "stack/net.h"

struct bench {
    struct testmem tm;
    struct mem mem;
    struct net net;
};

static void set_up(struct bench *b) {
    memset(b, 0, sizeof *b);
    mem_init(&b->mem, testmem_alloc, &b->tm, 0);
    net_init(&b->net, &b->mem);
}

static void tear_down(struct bench *b) {
    net_free(&b->net);
    assert_int_equal(b->tm.blocks, 0);
}

static int netif(struct bench *b, uint32_t mtu) {
    return net_add(&b->net, &(struct umptcp_netif_config){.name = "eth", .mtu = mtu});
}

static int addr(struct bench *b, int n, const char *text, uint8_t prefix_len) {
    struct umptcp_addr a = test_addr(text);
    return net_addr_add(&b->net, n, &a, prefix_len);
}

static int route(struct bench *b, const char *text, uint8_t prefix_len, int n) {
    struct umptcp_addr a = test_addr(text);
    return net_route_add(&b->net, &a, prefix_len, n);
}

static void expect_way(const struct bench *b, const char *remote, const char *source, int want) {
    struct umptcp_addr r = test_addr(remote), local = {{0}}, s = test_addr(source);
    int n = 0;
    assert_int_equal(net_route(&b->net, &r, &local, &n), 0);
    assert_int_equal(n, want);
    assert_true(addr_eq(&local, &s));
}

static int way(const struct bench *b, const char *remote, const char *source, int n) {
    struct umptcp_addr r = test_addr(remote), local = test_addr(source);
    return net_route(&b->net, &r, &local, &n);
}

static void test_interfaces(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    assert_int_equal(netif(&b, 575), -EINVAL);
    assert_int_equal(netif(&b, 576), 1);
    assert_int_equal(netif(&b, 1500), 2);
    assert_int_equal(netif(&b, 100000), 3);
    assert_int_equal(net_mss(&b.net, 2, false), 1460);
    assert_int_equal(net_mss(&b.net, 2, true), 1440);
    assert_int_equal(net_mss(&b.net, 3, false), 65535 - 40);
    assert_string_equal(net_find(&b.net, 1)->name, "eth");
    assert_null(net_find(&b.net, 0));
    assert_null(net_find(&b.net, 4));
    assert_null(net_find(&b.net, -1));
    const struct umptcp_netif_config cfg = {
        .name = "a name that is much too long", .mtu = 1500, .flags = UMPTCP_IF_TSO6};
    assert_int_equal(net_add(&b.net, &cfg), 4);
    assert_string_equal(net_find(&b.net, 4)->name, "a name that is ");
    assert_true(net_find(&b.net, 4)->caps.tso6);
    assert_false(net_find(&b.net, 4)->caps.csum);
    while (b.net.count < NETIFS_MAX)
        assert_true(netif(&b, 1500) > 0);
    assert_int_equal(netif(&b, 1500), -ENOSPC);
    tear_down(&b);
}

/* Another MTU is the next connection's. */
static void test_mtu(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct umptcp_config cfg = test_config(&tm);
    struct umptcp *s = test_stack(&cfg, (utime){SEC(1)});
    int netif = test_netif(s, "10.0.1.1", 24);
    int64_t mss;
    for (uint32_t mtu = 1500; mtu >= 1400; mtu -= 100) {
        const struct umptcp_connect c = {.remote = test_at("10.0.1.2", 80)};
        umptcp_sock sock;
        assert_int_equal(umptcp_netif_set_mtu(s, netif, mtu), 0);
        assert_int_equal(umptcp_connect(s, &c, &sock, (utime){SEC(1)}), 0);
        assert_int_equal(umptcp_getopt(s, sock, UMPTCP_OPT_MAXSEG, &mss), 0);
        assert_int_equal(mss, mtu - 40);
    }
    assert_int_equal(umptcp_netif_set_mtu(s, netif, 575), -EINVAL);
    assert_int_equal(umptcp_netif_set_mtu(s, netif, 576), 0);
    assert_int_equal(umptcp_netif_set_mtu(s, netif + 1, 1500), -ENODEV);
    assert_int_equal(umptcp_netif_set_mtu(s, netif, 1500), 0);
    struct umptcp_addr v6 = test_addr("fd00::1");
    assert_int_equal(umptcp_addr_add(s, netif, &v6, 64, (utime){SEC(1)}), 0);
    assert_int_equal(umptcp_netif_set_mtu(s, netif, 1279), -EINVAL); /* RFC 8200 5 */
    umptcp_free(s);
    assert_int_equal(tm.blocks, 0);
}

static void test_addresses(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    assert_int_equal(addr(&b, 1, "10.0.0.1", 24), -ENODEV);
    netif(&b, 1500);
    netif(&b, 600);
    assert_int_equal(addr(&b, 1, "10.0.0.1", 33), -EINVAL);
    assert_int_equal(addr(&b, 1, "224.0.0.1", 8), -EINVAL);
    assert_int_equal(addr(&b, 1, "0.0.0.0", 8), -EINVAL);
    assert_int_equal(addr(&b, 1, "::", 64), -EINVAL);
    assert_int_equal(addr(&b, 1, "2001:db8::1", 129), -EINVAL);
    assert_int_equal(addr(&b, 2, "2001:db8::1", 64), -EINVAL); /* the link is too narrow for IPv6 */
    assert_int_equal(addr(&b, 1, "10.0.0.1", 24), 0);
    assert_int_equal(addr(&b, 1, "10.0.0.1", 24), -EEXIST);
    assert_int_equal(addr(&b, 2, "10.0.0.1", 24), -EEXIST);
    assert_int_equal(addr(&b, 1, "2001:db8::1", 64), 0);
    struct umptcp_addr a = test_addr("10.0.0.1");
    assert_int_equal(net_owner(&b.net, &a), 1);
    assert_true(net_usable(&b.net, &a));
    net_find_mutable(&b.net, 1)->up = false;
    assert_int_equal(net_owner(&b.net, &a), 1);
    assert_false(net_usable(&b.net, &a));
    assert_int_equal(net_addr_del(&b.net, 2, &a), -EINVAL);
    assert_int_equal(net_addr_del(&b.net, 9, &a), -ENODEV);
    assert_int_equal(net_addr_del(&b.net, 1, &a), 0);
    assert_int_equal(net_addr_del(&b.net, 1, &a), -EINVAL);
    assert_int_equal(net_owner(&b.net, &a), 0);
    tear_down(&b);
}

static void test_longest_prefix(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    for (int i = 1; i <= 3; i++)
        netif(&b, 1500);
    addr(&b, 1, "10.0.1.1", 24);
    addr(&b, 2, "10.0.2.1", 24);
    addr(&b, 3, "2001:db8:3::1", 64);
    assert_int_equal(way(&b, "192.0.2.1", "0.0.0.0", 0), -ENETUNREACH);
    assert_int_equal(route(&b, "0.0.0.0", 0, 2), 0);
    assert_int_equal(route(&b, "0.0.0.0", 0, 2), 0);
    assert_int_equal(b.net.routes.count, 1);
    assert_int_equal(route(&b, "192.0.2.0", 24, 1), 0);
    assert_int_equal(route(&b, "10.0.1.128", 25, 2), 0);
    assert_int_equal(route(&b, "0.0.0.0", 33, 2), -EINVAL);
    assert_int_equal(route(&b, "0.0.0.0", 0, 7), -ENODEV);
    expect_way(&b, "192.0.2.1", "10.0.1.1", 1);
    expect_way(&b, "198.51.100.1", "10.0.2.1", 2);
    expect_way(&b, "10.0.1.2", "10.0.1.1", 1);
    expect_way(&b, "10.0.1.200", "10.0.2.1", 2);
    expect_way(&b, "2001:db8:3::2", "2001:db8:3::1", 3);
    assert_int_equal(way(&b, "2001:db8:4::2", "::", 0), -ENETUNREACH);
    assert_int_equal(route(&b, "::", 0, 3), 0);
    expect_way(&b, "2001:db8:4::2", "2001:db8:3::1", 3);
    assert_int_equal(route(&b, "::", 0, 1), 0); /* has no IPv6 address: never the way */
    expect_way(&b, "2001:db8:4::2", "2001:db8:3::1", 3);
    /* The next best while the best is down. */
    net_find_mutable(&b.net, 1)->up = false;
    expect_way(&b, "192.0.2.1", "10.0.2.1", 2);
    net_find_mutable(&b.net, 2)->up = false;
    assert_int_equal(way(&b, "192.0.2.1", "0.0.0.0", 0), -ENETUNREACH);
    tear_down(&b);
}

/* A given source address leaves through its own interface, whatever the routes say. */
static void test_source_decides(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    for (int i = 1; i <= 2; i++)
        netif(&b, 1500);
    addr(&b, 1, "10.0.1.1", 24);
    addr(&b, 2, "10.0.2.1", 24);
    route(&b, "0.0.0.0", 0, 1);
    struct umptcp_addr remote = test_addr("192.0.2.1"), local = test_addr("10.0.2.1");
    int n = 0;
    assert_int_equal(net_route(&b.net, &remote, &local, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(way(&b, "192.0.2.1", "10.0.9.1", 0), -EADDRNOTAVAIL);
    assert_int_equal(way(&b, "192.0.2.1", "10.0.2.1", 1), -EADDRNOTAVAIL);
    assert_int_equal(way(&b, "2001:db8::1", "10.0.2.1", 0), -EADDRNOTAVAIL);
    assert_int_equal(way(&b, "192.0.2.1", "0.0.0.0", 9), -ENETUNREACH);
    local = test_addr("0.0.0.0");
    n = 2;
    assert_int_equal(net_route(&b.net, &remote, &local, &n), 0);
    remote = test_addr("10.0.2.1");
    assert_true(addr_eq(&local, &remote));
    assert_int_equal(way(&b, "10.0.2.1", "0.0.0.0", 0), -ENETUNREACH); /* ourselves */
    net_find_mutable(&b.net, 2)->up = false;
    assert_int_equal(way(&b, "192.0.2.1", "10.0.2.1", 0), -ENETUNREACH);
    tear_down(&b);
}

static void test_source_on_interface(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    netif(&b, 1500);
    addr(&b, 1, "fe80::1", 64);
    addr(&b, 1, "2001:db8:1::1", 64);
    addr(&b, 1, "2001:db8:2::1", 64);
    addr(&b, 1, "10.0.0.1", 24);
    addr(&b, 1, "172.16.0.1", 24);
    route(&b, "::", 0, 1);
    route(&b, "0.0.0.0", 0, 1);
    expect_way(&b, "2001:db8:2::9", "2001:db8:2::1", 1);
    expect_way(&b, "2001:db8:1:5::9", "2001:db8:1::1", 1);
    expect_way(&b, "2a00::1", "2001:db8:1::1", 1);
    expect_way(&b, "fe80::2", "fe80::1", 1);
    expect_way(&b, "172.17.0.9", "172.16.0.1", 1);
    tear_down(&b);
}

static void test_broadcast(void **state) {
    (void)state;
    static const struct {
        const char *addr;
        uint8_t prefix_len;
        const char *is, *is_not;
    } cases[] = {
        {"10.0.1.1", 24, "10.0.1.255", "10.0.1.254"},
        {"10.0.1.1", 30, "10.0.1.3", "10.0.1.7"},
        {"10.0.1.1", 31, NULL, "10.0.1.1"},
        {"10.0.1.1", 32, NULL, "10.0.1.1"},
        {"10.0.1.1", 8, "10.255.255.255", "11.255.255.255"},
        {"2001:db8::1", 64, NULL, "2001:db8::ffff:ffff:ffff:ffff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        set_up(&b);
        netif(&b, 1500);
        assert_int_equal(addr(&b, 1, cases[i].addr, cases[i].prefix_len), 0);
        struct umptcp_addr a = test_addr(cases[i].is_not);
        assert_false(net_is_broadcast(&b.net, &a));
        if (cases[i].is) {
            a = test_addr(cases[i].is);
            assert_true(net_is_broadcast(&b.net, &a));
        }
        tear_down(&b);
    }
}

static void test_no_memory(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    netif(&b, 1500);
    b.tm.fail_at = b.tm.requests + 1;
    b.tm.fail_on = true;
    assert_int_equal(addr(&b, 1, "10.0.0.1", 24), -ENOMEM);
    assert_int_equal(route(&b, "0.0.0.0", 0, 1), -ENOMEM);
    assert_int_equal(b.net.addrs.count + b.net.routes.count, 0);
    tear_down(&b);
}

/* T-SYN-18, T-FSM-34: what connect() makes of all this. */
static void test_connect_errors(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct umptcp_config cfg = test_config(&tm);
    cfg.port_min = cfg.port_max = 40000;
    utime now = {SEC(1)};
    struct umptcp *s = test_stack(&cfg, now);
    test_netif(s, "10.0.1.1", 24);
    static const struct {
        const char *remote;
        uint16_t port;
        const char *local;
        uint16_t local_port;
        int want;
    } cases[] = {
        {"224.0.0.1", 80, "::", 0, -EINVAL},
        {"255.255.255.255", 80, "::", 0, -EINVAL},
        {"10.0.1.255", 80, "::", 0, -EINVAL},
        {"0.0.0.0", 80, "::", 0, -EINVAL},
        {"::", 80, "::", 0, -EINVAL},
        {"10.0.1.2", 0, "::", 0, -EINVAL},
        {"192.0.2.1", 80, "::", 0, -ENETUNREACH},
        {"2001:db8::1", 80, "::", 0, -ENETUNREACH},
        {"10.0.1.1", 80, "::", 0, -ENETUNREACH},
        {"10.0.1.2", 80, "10.0.1.9", 0, -EADDRNOTAVAIL},
        {"2001:db8::1", 80, "10.0.1.1", 0, -EADDRNOTAVAIL},
        {"10.0.1.2", 80, "::", 0, 0},
        {"10.0.1.2", 80, "::", 0, -EADDRNOTAVAIL}, /* the only port is taken, to that peer */
        {"10.0.1.2", 80, "::", 40000, -EADDRINUSE},
        {"10.0.1.2", 81, "::", 0, 0}, /* T-SYS-11: to another it is free */
        {"10.0.1.2", 80, "10.0.1.1", 1234, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct umptcp_connect c = {.remote = test_at(cases[i].remote, cases[i].port),
                                         .local = test_at(cases[i].local, cases[i].local_port)};
        umptcp_sock sock;
        assert_int_equal(umptcp_connect(s, &c, &sock, now), cases[i].want);
        assert_null(umptcp_check(s));
    }
    umptcp_netif_set_up(s, 1, false, now);
    const struct umptcp_connect c = {.remote = test_at("10.0.1.2", 90)};
    umptcp_sock sock;
    assert_int_equal(umptcp_connect(s, &c, &sock, now), -ENETUNREACH);
    assert_int_equal(umptcp_netif_set_up(s, 2, false, now), -ENODEV);
    umptcp_free(s);
    assert_int_equal(tm.blocks, 0);
}

/* T-SYN-04: ephemeral ports are spread over the whole range. */
static void test_ports_are_random(void **state) {
    (void)state;
    struct testmem tm = {0};
    struct umptcp_config cfg = test_config(&tm);
    struct umptcp *s = test_stack(&cfg, (utime){SEC(1)});
    test_netif(s, "10.0.1.1", 24);
    unsigned quarters[4] = {0};
    for (int i = 0; i < 200; i++) {
        const struct umptcp_connect c = {.remote = test_at("10.0.1.2", 80)};
        struct umptcp_sockaddr local, remote;
        umptcp_sock sock;
        assert_int_equal(umptcp_connect(s, &c, &sock, (utime){SEC(1)}), 0);
        assert_int_equal(umptcp_getname(s, sock, &local, &remote), 0);
        assert_in_range(local.port, 32768, 60999);
        quarters[(local.port - 32768) * 4 / (60999 - 32768 + 1)]++;
    }
    for (int q = 0; q < 4; q++)
        assert_in_range(quarters[q], 25, 80);
    umptcp_free(s);
}

/* T-MTU-17, T-RTO-17: nothing on the way cuts a packet (DF), and one that goes again is the same, with its id. */
static void test_ipv4_header_of_a_repetition(void **state) {
    (void)state;
    struct test_world w;
    struct umptcp_out out;
    uint8_t first[65536], again[65536];
    test_world_init(&w, 1, NULL, NULL);
    struct umptcp *s = w.host[CLIENT];
    test_connect(&w, "10.0.1.2", 80);
    const uint32_t len = test_take(s, &out, first, w.now);
    assert_int_equal(test_take(s, &out, again, w.now), 0);
    w.now = umptcp_next(s);
    umptcp_tick(s, w.now);
    assert_int_equal(test_take(s, &out, again, w.now), len);
    test_assert_hex(first + 6, 2, "40 00");
    assert_memory_equal(first, again, 20);
    test_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4_header_of_a_repetition),
        cmocka_unit_test(test_interfaces),
        cmocka_unit_test(test_mtu),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_longest_prefix),
        cmocka_unit_test(test_source_decides),
        cmocka_unit_test(test_source_on_interface),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_connect_errors),
        cmocka_unit_test(test_ports_are_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
