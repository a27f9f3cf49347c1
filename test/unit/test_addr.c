/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses: classes, prefixes, and their text in both directions. */
#include "testwire.h"

#include <arpa/inet.h>
#include <errno.h>

static void test_format(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::ffff:c000:201", "192.0.2.1"},
        {"::", "::"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"}, /* one group is not shortened: RFC 5952 4.2.2 */
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0DB8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"}, /* 4.1, 4.3 */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},                      /* 4.2.3: the longest run */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},                /* the first of equals */
        {"2001:db8::192.0.2.33", "2001:db8::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"::1.2.3.4", "::102:304"},
        {"fe80::AbCd", "fe80::abcd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[UMPTCP_ADDRSTRLEN];
        struct umptcp_addr a = test_addr(cases[i].in);
        assert_ptr_equal(umptcp_addr_format(&a, text), text);
        assert_string_equal(text, cases[i].out);
    }
}

static void test_parse_refuses(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.",
        ".1.2.3",
        "1.2.3.4 ",
        " 1.2.3.4",
        "256.1.1.1",
        "1.2.3.1000",
        "01.2.3.4",
        "1.2.3.04",
        "1..2.3",
        "-1.2.3.4",
        "0x1.2.3.4",
        ":",
        ":::",
        "1:2",
        "1:2:3:4:5:6:7:8:",
        ":1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1::2::3",
        "1:::2",
        "12345::",
        "g::",
        "::1:",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "::1.2.3",
        "::1.2.3.256",
        "fe80::1%eth0",
        "2001:db8::1/64",
        "[::1]",
        "192.0.2.1:80",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct umptcp_addr a = {{7}};
        assert_int_equal(umptcp_addr_parse(cases[i], &a), -EINVAL);
        assert_int_equal(a.b[0], 7); /* untouched */
    }
}

/* Groups of zero are frequent, so that every position of "::" comes up. */
static struct umptcp_addr sparse_addr(uint64_t *rnd) {
    struct umptcp_addr a = {{0}};
    for (int i = 0; i < 16; i++)
        if (test_below(rnd, 3) == 0)
            a.b[i] = (uint8_t)test_random(rnd);
    return a;
}

/* The C library reads what we write, we read what it writes, and both agree on what is text of an address at all. */
static void test_like_libc(void **state) {
    (void)state;
    uint64_t rnd = 1;
    for (int i = 0; i < 20000; i++) {
        struct umptcp_addr a = i % 4 ? sparse_addr(&rnd) : addr_v4((uint32_t)test_random(&rnd)), b;
        char text[UMPTCP_ADDRSTRLEN], libc[INET6_ADDRSTRLEN];
        umptcp_addr_format(&a, text);
        assert_int_equal(inet_pton(addr_is_v4(&a) ? AF_INET : AF_INET6, text, addr_is_v4(&a) ? b.b + 12 : b.b), 1);
        assert_memory_equal(a.b + 12, b.b + 12, 4);
        assert_true(addr_is_v4(&a) || addr_eq(&a, &b));
        b = test_addr(text);
        assert_true(addr_eq(&a, &b));
        b = test_addr(inet_ntop(AF_INET6, a.b, libc, sizeof libc));
        assert_true(addr_eq(&a, &b));
    }
    for (int i = 0; i < 200000; i++) {
        char text[12];
        size_t len = test_below(&rnd, sizeof text);
        for (size_t j = 0; j < len; j++)
            text[j] = "0123:::..af"[test_below(&rnd, 11)];
        text[len] = '\0';
        struct umptcp_addr a;
        uint8_t b[16];
        bool libc = inet_pton(AF_INET, text, b) == 1 || inet_pton(AF_INET6, text, b) == 1;
        assert_int_equal(umptcp_addr_parse(text, &a) == 0, libc);
    }
}

static void test_classes(void **state) {
    (void)state;
    enum { ANY = 1, MULTICAST = 2, BROADCAST = 4, LOOPBACK = 8 };
    static const struct {
        const char *text;
        unsigned classes;
    } cases[] = {
        {"0.0.0.0", ANY},
        {"::", ANY},
        {"0.0.0.1", 0},
        {"::2", 0},
        {"224.0.0.1", MULTICAST},
        {"239.255.255.255", MULTICAST},
        {"ff02::1", MULTICAST},
        {"223.255.255.255", 0},
        {"240.0.0.1", 0},
        {"fe80::1", 0},
        {"255.255.255.255", BROADCAST},
        {"255.255.255.254", 0},
        {"127.0.0.1", LOOPBACK},
        {"127.255.0.3", LOOPBACK},
        {"::1", LOOPBACK},
        {"128.0.0.1", 0},
        {"192.0.2.1", 0},
        {"2001:db8::1", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct umptcp_addr a = test_addr(cases[i].text);
        unsigned got = (addr_is_any(&a) ? ANY : 0) | (addr_is_multicast(&a) ? MULTICAST : 0) |
                       (addr_is_broadcast(&a) ? BROADCAST : 0) | (addr_is_loopback(&a) ? LOOPBACK : 0);
        assert_int_equal(got, cases[i].classes);
        assert_int_equal(addr_is_usable(&a), !(got & (ANY | MULTICAST | BROADCAST)));
    }
}

static void test_prefix(void **state) {
    (void)state;
    static const struct {
        const char *addr, *prefix;
        uint8_t len;
        bool in;
    } cases[] = {
        {"192.0.2.1", "192.0.2.0", 24, true},
        {"192.0.3.1", "192.0.2.0", 24, false},
        {"192.0.2.127", "192.0.2.0", 25, true},
        {"192.0.2.128", "192.0.2.0", 25, false},
        {"192.0.2.1", "192.0.2.1", 32, true},
        {"192.0.2.1", "192.0.2.0", 32, false},
        {"192.0.2.1", "192.0.2.0", 31, true},
        {"10.1.2.3", "0.0.0.0", 0, true},
        {"2001:db8::1", "0.0.0.0", 0, false},
        {"10.1.2.3", "::", 0, false},
        {"2001:db8::1", "::", 0, true},
        {"2001:db8::1", "2001:db8::", 64, true},
        {"2001:db8:0:1::1", "2001:db8::", 64, false},
        {"2001:db8::1", "2001:db8::1", 128, true},
        {"2001:db8::1", "2001:db8::2", 128, false},
        {"2001:db8::", "2001:db8::1", 127, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct umptcp_addr a = test_addr(cases[i].addr), prefix = test_addr(cases[i].prefix);
        assert_int_equal(addr_in_prefix(&a, &prefix, cases[i].len), cases[i].in);
    }
}

static void test_equal(void **state) {
    (void)state;
    struct umptcp_addr a = addr_v4(0xc0000201), b = test_addr("192.0.2.1");
    assert_true(addr_eq(&a, &b) && addr_is_v4(&a));
    assert_int_equal(addr_to_v4(&b), 0xc0000201);
    struct flow f = {{a, 1}, {b, 2}}, g = f;
    assert_true(flow_eq(&f, &g));
    g.remote.port = 3;
    assert_false(flow_eq(&f, &g) || sockaddr_eq(&f.remote, &g.remote));
    g = f;
    g.local.addr.b[15]++;
    assert_false(flow_eq(&f, &g) || addr_eq(&f.local.addr, &g.local.addr));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),  cmocka_unit_test(test_parse_refuses), cmocka_unit_test(test_like_libc),
        cmocka_unit_test(test_classes), cmocka_unit_test(test_prefix),        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
