/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP and ICMPv6: what each type and code means, what is quoted, and echo. */
#include "testwire.h"
#include "wire/icmp.h"

/* Puts the checksum in and wraps it in an IP packet, which is parsed: `ip` points into the block that is returned. */
static uint8_t *icmp_packet(bool v6, uint8_t *icmp, uint32_t icmp_len, struct ip_hdr *ip) {
    *ip =
        v6 ? test_ip("2001:db8::9", "2001:db8::1", IP_PROTO_ICMPV6) : test_ip("192.0.2.9", "192.0.2.1", IP_PROTO_ICMP);
    struct csum c = {0};
    icmp[2] = icmp[3] = 0;
    if (v6)
        csum_add_pseudo(&c, &ip->src, &ip->dst, IP_PROTO_ICMPV6, icmp_len);
    csum_add(&c, icmp, icmp_len);
    icmp[2] = (uint8_t)(csum_finish(&c) >> 8);
    icmp[3] = (uint8_t)csum_finish(&c);
    uint32_t len;
    uint8_t *pkt = test_packet(ip, icmp, icmp_len, &len);
    assert_int_equal(ip_parse(pkt, len, false, ip), DROP_NONE);
    return pkt;
}

/* An error of `type` and `code` that quotes the first `tcp_len` bytes of a segment of ours. */
static uint32_t error_bytes(bool v6, uint8_t type, uint8_t code, uint32_t number, uint8_t proto, uint32_t tcp_len,
                            uint8_t *out, size_t room) {
    struct writer w = writer_of(out, room);
    put_u8(&w, type);
    put_u8(&w, code);
    put_u16(&w, 0);
    put_u32(&w, number);
    struct ip_hdr ip = v6 ? test_ip("2001:db8::1", "2001:db8::7", proto) : test_ip("192.0.2.1", "198.51.100.7", proto);
    ip_build(&w, &ip, 1400);
    static const uint8_t tcp[20] = {0x12, 0x34, 0x00, 0x50, 0xde, 0xad, 0xbe, 0xef};
    put_bytes(&w, tcp, tcp_len);
    assert_false(w.bad);
    return (uint32_t)w.len;
}

static enum drop parse_error(bool v6, uint8_t type, uint8_t code, uint32_t number, struct icmp_msg *msg) {
    uint8_t icmp[128];
    uint32_t len = error_bytes(v6, type, code, number, IP_PROTO_TCP, 8, icmp, sizeof icmp);
    struct ip_hdr ip;
    uint8_t *pkt = icmp_packet(v6, icmp, len, &ip);
    enum drop d = icmp_parse(&ip, false, msg);
    free(pkt);
    return d;
}

/* T-MTU-02 to T-MTU-05 */
static void test_meanings(void **state) {
    (void)state;
    static const struct {
        bool v6;
        uint8_t type, code;
        enum drop drop;
        enum icmp_kind kind;
    } cases[] = {
        {false, 3, 0, DROP_NONE, ICMP_UNREACH_SOFT},
        {false, 3, 1, DROP_NONE, ICMP_UNREACH_SOFT},
        {false, 3, 2, DROP_NONE, ICMP_UNREACH_HARD},
        {false, 3, 3, DROP_NONE, ICMP_UNREACH_HARD},
        {false, 3, 4, DROP_NONE, ICMP_TOO_BIG},
        {false, 3, 5, DROP_NONE, ICMP_UNREACH_SOFT},
        {false, 3, 10, DROP_NONE, ICMP_UNREACH_HARD},
        {false, 3, 13, DROP_NONE, ICMP_UNREACH_HARD},
        {false, 3, 200, DROP_NONE, ICMP_UNREACH_SOFT},
        {false, 4, 0, DROP_ICMP_TYPE, 0},
        {false, 5, 1, DROP_ICMP_TYPE, 0},
        {false, 11, 0, DROP_NONE, ICMP_UNREACH_SOFT},
        {false, 12, 0, DROP_NONE, ICMP_UNREACH_SOFT},
        {false, 0, 0, DROP_ICMP_TYPE, 0},
        {false, 128, 0, DROP_ICMP_TYPE, 0},
        {true, 1, 0, DROP_NONE, ICMP_UNREACH_SOFT},
        {true, 1, 1, DROP_NONE, ICMP_UNREACH_HARD},
        {true, 1, 3, DROP_NONE, ICMP_UNREACH_SOFT},
        {true, 1, 4, DROP_NONE, ICMP_UNREACH_HARD},
        {true, 2, 0, DROP_NONE, ICMP_TOO_BIG},
        {true, 3, 0, DROP_NONE, ICMP_UNREACH_SOFT},
        {true, 4, 1, DROP_NONE, ICMP_UNREACH_SOFT},
        {true, 129, 0, DROP_ICMP_TYPE, 0},
        {true, 135, 0, DROP_ICMP_TYPE, 0},
        {true, 8, 0, DROP_ICMP_TYPE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct icmp_msg msg;
        assert_int_equal(parse_error(cases[i].v6, cases[i].type, cases[i].code, 0, &msg), cases[i].drop);
        if (cases[i].drop != DROP_NONE)
            continue;
        assert_int_equal(msg.kind, cases[i].kind);
        assert_int_equal(msg.type, cases[i].type);
        assert_int_equal(msg.code, cases[i].code);
    }
}

/* T-MTU-01: the flow is the one that our segment had, seen from us. */
static void test_quoted(void **state) {
    (void)state;
    struct icmp_msg msg;
    for (int v6 = 0; v6 < 2; v6++) {
        assert_int_equal(parse_error(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1400, &msg), DROP_NONE);
        struct umptcp_addr us = test_addr(v6 ? "2001:db8::1" : "192.0.2.1");
        struct umptcp_addr peer = test_addr(v6 ? "2001:db8::7" : "198.51.100.7");
        assert_int_equal(msg.mtu, 1400);
        assert_true(addr_eq(&msg.flow.local.addr, &us) && msg.flow.local.port == 0x1234);
        assert_true(addr_eq(&msg.flow.remote.addr, &peer) && msg.flow.remote.port == 80);
        assert_int_equal(msg.seq.v, 0xdeadbeef);
    }
    assert_int_equal(parse_error(false, 3, 4, 0xffff0000, &msg), DROP_NONE);
    assert_int_equal(msg.mtu, 0); /* an old router: RFC 1191 5 */
    assert_int_equal(parse_error(true, 2, 0, 0x12345, &msg), DROP_NONE);
    assert_int_equal(msg.mtu, 0x12345);
}

static void test_truncated(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        uint8_t icmp[128];
        uint32_t full = error_bytes(v6, v6 ? 1 : 3, v6 ? 4 : 3, 0, IP_PROTO_TCP, 20, icmp, sizeof icmp);
        uint32_t enough = 8 + ip_hdr_len(v6) + 8;
        for (uint32_t len = 0; len <= full; len++) {
            struct ip_hdr ip;
            struct icmp_msg msg;
            uint8_t *pkt = icmp_packet(v6, icmp, len, &ip);
            assert_int_equal(icmp_parse(&ip, false, &msg), len < enough ? DROP_ICMP_BAD : DROP_NONE);
            free(pkt);
        }
    }
}

static void test_about_others(void **state) {
    (void)state;
    uint8_t icmp[128];
    struct ip_hdr ip;
    struct icmp_msg msg;
    uint32_t len = error_bytes(false, 3, 3, 0, 17, 8, icmp, sizeof icmp); /* UDP */
    uint8_t *pkt = icmp_packet(false, icmp, len, &ip);
    assert_int_equal(icmp_parse(&ip, false, &msg), DROP_ICMP_TYPE);
    free(pkt);
    len = error_bytes(false, 3, 3, 0, IP_PROTO_TCP, 8, icmp, sizeof icmp);
    icmp[8 + 7] = 5; /* a later fragment holds no TCP header */
    pkt = icmp_packet(false, icmp, len, &ip);
    assert_int_equal(icmp_parse(&ip, false, &msg), DROP_ICMP_TYPE);
    free(pkt);
    len = error_bytes(true, 3, 3, 0, IP_PROTO_TCP, 8, icmp, sizeof icmp); /* ICMP about an IPv6 packet */
    pkt = icmp_packet(false, icmp, len, &ip);
    assert_int_equal(icmp_parse(&ip, false, &msg), DROP_ICMP_BAD);
    free(pkt);
    len = error_bytes(false, 3, 3, 0, IP_PROTO_TCP, 8, icmp, sizeof icmp);
    pkt = icmp_packet(false, icmp, len, &ip);
    ip.proto = IP_PROTO_ICMPV6;
    assert_int_equal(icmp_parse(&ip, true, &msg), DROP_ICMP_BAD);
    free(pkt);
}

static void test_checksum(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        uint8_t icmp[128];
        uint32_t len = error_bytes(v6, v6 ? 1 : 3, v6 ? 4 : 3, 0, IP_PROTO_TCP, 8, icmp, sizeof icmp);
        struct ip_hdr ip;
        struct icmp_msg msg;
        uint8_t *pkt = icmp_packet(v6, icmp, len, &ip);
        for (uint32_t bit = 0; bit < len * 8; bit++) {
            uint8_t *byte = pkt + ip_hdr_len(v6) + bit / 8;
            *byte ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(icmp_parse(&ip, false, &msg), DROP_ICMP_CSUM);
            *byte ^= (uint8_t)(1 << bit % 8);
        }
        pkt[ip_hdr_len(v6) + 2] ^= 1;
        assert_int_equal(icmp_parse(&ip, true, &msg), DROP_NONE);
        free(pkt);
    }
}

static void test_echo(void **state) {
    (void)state;
    for (uint32_t data_len = 0; data_len < 70; data_len++)
        for (int v6 = 0; v6 < 2; v6++) {
            uint8_t icmp[128] = {v6 ? 128 : 8, 0, 0, 0, 0xab, 0xcd, 0, 7}, out[128];
            for (uint32_t i = 0; i < data_len; i++)
                icmp[8 + i] = (uint8_t)(i * 37);
            struct ip_hdr ip;
            struct icmp_msg msg;
            uint8_t *pkt = icmp_packet(v6, icmp, 8 + data_len, &ip);
            assert_int_equal(icmp_parse(&ip, false, &msg), DROP_NONE);
            assert_int_equal(msg.kind, ICMP_ECHO);
            struct writer w = writer_of(out, sizeof out);
            icmp_build_echo_reply(&w, &ip);
            assert_int_equal(w.len, ip.payload_len);
            assert_int_equal(out[0], v6 ? 129 : 0);
            assert_int_equal(out[1], 0);
            assert_memory_equal(out + 4, icmp + 4, 4 + data_len);
            struct csum c = {0};
            if (v6)
                csum_add_pseudo(&c, &ip.dst, &ip.src, IP_PROTO_ICMPV6, (uint32_t)w.len);
            csum_add(&c, out, w.len);
            assert_int_equal(csum_fold(&c), 0xffff);
            free(pkt);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),     cmocka_unit_test(test_quoted),   cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_about_others), cmocka_unit_test(test_checksum), cmocka_unit_test(test_echo),
    };
    return cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
}
