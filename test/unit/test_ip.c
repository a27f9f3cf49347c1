/* SPDX-License-Identifier: BSD-3-Clause */
/* IP headers: known bytes, round trips, extension headers, and everything that must be dropped. */
#include "testwire.h"

#define V6_HEAD "6000 0000 0000 00 40 20010db8000000000000000000000001 20010db8000000000000000000000002"

static void test_build_bytes(void **state) {
    (void)state;
    uint8_t out[64];
    struct writer w = writer_of(out, sizeof out);
    struct ip_hdr ip = test_ip("192.0.2.1", "198.51.100.7", IP_PROTO_TCP);
    ip.dont_fragment = true;
    ip.id = 0x1234;
    ip.dscp = 46;
    ip.ecn = IP_ECN_ECT0;
    ip_build(&w, &ip, 20);
    test_assert_hex(out, w.len, "45ba 0028 1234 4000 4006 3ba6 c0000201 c6336407");
    w.len = 0;
    ip = test_ip("2001:db8::1", "2001:db8::2", IP_PROTO_TCP);
    ip.flow_label = 0xabcde;
    ip.dscp = 1;
    ip.ecn = IP_ECN_CE;
    ip_build(&w, &ip, 258);
    test_assert_hex(out, w.len,
                    "607abcde 0102 06 40 20010db8000000000000000000000001 20010db8000000000000000000000002");
    assert_false(w.bad);
}

static void assert_ip_equal(const struct ip_hdr *a, const struct ip_hdr *b) {
    assert_int_equal(a->v6, b->v6);
    assert_int_equal(a->proto, b->proto);
    assert_int_equal(a->ttl, b->ttl);
    assert_int_equal(a->dscp, b->dscp);
    assert_int_equal(a->ecn, b->ecn);
    assert_true(addr_eq(&a->src, &b->src) && addr_eq(&a->dst, &b->dst));
    assert_int_equal(a->flow_label, b->flow_label);
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->dont_fragment, b->dont_fragment);
    assert_int_equal(a->fragment, b->fragment);
    assert_int_equal(a->more_fragments, b->more_fragments);
    assert_int_equal(a->frag_offset, b->frag_offset);
}

static void test_round_trip(void **state) {
    (void)state;
    uint64_t rnd = 4;
    uint8_t payload[100] = {0};
    for (int i = 0; i < 2000; i++) {
        bool v6 = i % 2;
        struct ip_hdr ip = {.v6 = v6, .proto = IP_PROTO_TCP}, got;
        ip.ttl = (uint8_t)test_random(&rnd);
        ip.dscp = (uint8_t)test_below(&rnd, 64);
        ip.ecn = (uint8_t)test_below(&rnd, 4);
        ip.src = test_random_addr(&rnd, v6);
        ip.dst = test_random_addr(&rnd, v6);
        if (v6) {
            ip.flow_label = test_below(&rnd, 1 << 20);
        } else {
            ip.id = (uint16_t)test_random(&rnd);
            ip.dont_fragment = test_below(&rnd, 2);
            ip.more_fragments = test_below(&rnd, 2);
            ip.frag_offset = (uint16_t)(8 * test_below(&rnd, 2));
            ip.fragment = ip.more_fragments || ip.frag_offset;
        }
        uint32_t len, payload_len = test_below(&rnd, sizeof payload);
        uint8_t *pkt = test_packet(&ip, payload, payload_len, &len);
        assert_int_equal(ip_parse(pkt, len, false, &got), DROP_NONE);
        assert_ip_equal(&ip, &got);
        assert_ptr_equal(got.payload, pkt + ip_hdr_len(v6));
        assert_int_equal(got.payload_len, payload_len);
        free(pkt);
    }
}

static enum drop parse_hex(const char *hex, struct ip_hdr *ip, bool csum_valid) {
    static uint8_t buf[256]; /* ip->payload points here */
    uint32_t len = test_unhex(hex, buf, sizeof buf);
    uint8_t *exact = malloc(len);
    assert_non_null(exact);
    memcpy(exact, buf, len);
    struct ip_hdr unused;
    enum drop d = ip_parse(buf, len, csum_valid, ip);
    assert_int_equal(ip_parse(exact, len, csum_valid, &unused), d);
    free(exact);
    return d;
}

static void test_v4_drops(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        enum drop drop;
    } cases[] = {
        {"45000014000000004006f6e0 c0000201 c0000202", DROP_NONE},
        {"45000014000000004006f6e0 c0000201 c0000202 0000", DROP_NONE}, /* padding of a short Ethernet frame */
        {"45000014000000004006f6e3 c0000201 c0000202", DROP_IP_CSUM},
        {"45000015000000004006f6df c0000201 c0000202", DROP_IP_SHORT},
        {"45000013000000004006f6e1 c0000201 c0000202", DROP_IP_SHORT},
        {"45000000000000004006f6f4 c0000201 c0000202", DROP_IP_SHORT},
        {"44000014000000004006b9e3 c0000201 c0000202", DROP_IP_HEADER},
        {"46000014000000004006f5e0 c0000201 c0000202", DROP_IP_SHORT},
        {"46000018000000004006f4db c0000201 c0000202 01010000", DROP_NONE}, /* IP options are passed over */
        {"35000014000000004006f6e0 c0000201 c0000202", DROP_IP_VERSION},
        {"45", DROP_IP_SHORT},
    };
    struct ip_hdr ip;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(parse_hex(cases[i].hex, &ip, false), cases[i].drop);
    assert_int_equal(parse_hex(cases[2].hex, &ip, true), DROP_NONE);
    assert_int_equal(ip.payload_len, 0);
    assert_int_equal(ip_parse(NULL, 0, false, &ip), DROP_IP_SHORT);
}

static void test_truncated(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        struct ip_hdr ip =
            v6 ? test_ip("2001:db8::1", "2001:db8::2", IP_PROTO_TCP) : test_ip("192.0.2.1", "192.0.2.2", IP_PROTO_TCP);
        uint8_t payload[30] = {0};
        uint32_t full;
        uint8_t *pkt = test_packet(&ip, payload, sizeof payload, &full);
        for (uint32_t len = 0; len < full; len++) {
            uint8_t *cut = malloc(len + !len);
            assert_non_null(cut);
            memcpy(cut, pkt, len);
            assert_int_equal(ip_parse(cut, len, true, &ip), DROP_IP_SHORT);
            enum drop quoted = ip_parse_quoted(cut, len, &ip);
            assert_int_equal(quoted, len < ip_hdr_len(v6) ? DROP_IP_SHORT : DROP_NONE);
            if (quoted == DROP_NONE)
                assert_int_equal(ip.payload_len, len - ip_hdr_len(v6));
            free(cut);
        }
        free(pkt);
    }
}

/* RFC 8200 4: `ext` is a chain that starts with a header of type `first`. */
static enum drop parse_chain(uint8_t first, const char *ext, struct ip_hdr *ip) {
    static uint8_t pkt[256];
    uint32_t len = test_unhex(V6_HEAD, pkt, sizeof pkt);
    uint32_t ext_len = test_unhex(ext, pkt + len, sizeof pkt - len);
    pkt[5] = (uint8_t)ext_len;
    pkt[6] = first;
    return ip_parse(pkt, len + ext_len, false, ip);
}

static void test_extension_headers(void **state) {
    (void)state;
    static const struct {
        uint8_t first;
        const char *chain;
        enum drop drop;
        uint8_t proto;
        uint32_t payload_len;
    } cases[] = {
        {6, "aabb", DROP_NONE, 6, 2},
        {0, "0600 010400000000 aabbcc", DROP_NONE, 6, 3},                                  /* hop-by-hop: PadN */
        {0, "3c00 010400000000 2b00 000000000000 0600 0000 00000000 aa", DROP_NONE, 6, 1}, /* destination, routing */
        {0, "2b00 010400000000 0600 0000 00000000 aa", DROP_NONE, 6, 1}, /* routing, no segments left */
        {43, "0600 0001 00000000 aa", DROP_IP_HEADER, 0, 0},             /* one segment left */
        {60, "0001 0000000000000000000000000000 aa", DROP_NONE, 0, 1},   /* hop-by-hop is only allowed first */
        {60, "0600 1e0201020000 aa", DROP_NONE, 6, 1},                   /* unknown option 00xxxxxx: skipped */
        {60, "0600 5e0201020000 aa", DROP_IP_HEADER, 0, 0},              /* 01: discard */
        {60, "0600 9e0201020000 aa", DROP_IP_HEADER, 0, 0},              /* 10 */
        {60, "0600 c20400010000 aa", DROP_IP_HEADER, 0, 0},              /* 11: a jumbo payload */
        {60, "0600 010500000000 aa", DROP_IP_HEADER, 0, 0},              /* option runs out of its header */
        {60, "0600 000000000001 aa", DROP_IP_HEADER, 0, 0},
        {60, "0601 010400000000 aa", DROP_IP_HEADER, 0, 0}, /* header runs out of the packet */
        {60, "0600 0104000000", DROP_IP_HEADER, 0, 0},
        {59, "", DROP_NONE, 59, 0},     /* no next header */
        {50, "aabb", DROP_NONE, 50, 2}, /* not ours to walk */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ip_hdr ip;
        assert_int_equal(parse_chain(cases[i].first, cases[i].chain, &ip), cases[i].drop);
        if (cases[i].drop != DROP_NONE)
            continue;
        assert_int_equal(ip.proto, cases[i].proto);
        assert_int_equal(ip.payload_len, cases[i].payload_len);
        assert_false(ip.fragment);
    }
}

static void test_fragments(void **state) {
    (void)state;
    struct ip_hdr ip;
    assert_int_equal(parse_chain(44, "0600 0001 12345678 aabb", &ip), DROP_NONE);
    assert_true(ip.fragment && ip.more_fragments && ip.frag_offset == 0 && ip.proto == 6 && ip.payload_len == 2);
    assert_int_equal(parse_chain(44, "0600 05a8 12345678 aabb", &ip), DROP_NONE);
    assert_true(ip.fragment && !ip.more_fragments && ip.frag_offset == 1448);
    /* What follows the header of a real fragment is not read: it may be the middle of anything. */
    assert_int_equal(parse_chain(44, "3c00 0009 12345678 ffff", &ip), DROP_NONE);
    assert_true(ip.fragment && ip.proto == 60);
    /* An atomic fragment is a whole packet (RFC 8200 4.5). */
    assert_int_equal(parse_chain(44, "3c00 0006 12345678 0600 010400000000 aa", &ip), DROP_NONE);
    assert_true(!ip.fragment && ip.proto == 6 && ip.payload_len == 1);

    assert_int_equal(parse_hex("4500001400002005 4006 d6db c0000201 c0000202", &ip, false), DROP_NONE);
    assert_true(ip.fragment && ip.more_fragments && ip.frag_offset == 40);
    assert_int_equal(parse_hex("4500001400004000 4006 b6e0 c0000201 c0000202", &ip, false), DROP_NONE);
    assert_true(!ip.fragment && ip.dont_fragment);
}

/* An address that would be taken for IPv4 does not get in through IPv6. */
static void test_mapped_addresses(void **state) {
    (void)state;
    struct ip_hdr ip;
    assert_int_equal(
        parse_hex("6000000000000640 00000000000000000000ffffc0000201 20010db8000000000000000000000002", &ip, false),
        DROP_IP_SOURCE);
    assert_int_equal(
        parse_hex("6000000000000640 20010db8000000000000000000000002 00000000000000000000ffffc0000201", &ip, false),
        DROP_IP_NOT_OURS);
}

static void test_too_long(void **state) {
    (void)state;
    struct ip_hdr v4 = test_ip("192.0.2.1", "192.0.2.2", IP_PROTO_TCP),
                  v6 = test_ip("2001:db8::1", "::2", IP_PROTO_TCP);
    struct writer w = writer_counting();
    ip_build(&w, &v4, 65515);
    ip_build(&w, &v6, 65535);
    assert_false(w.bad);
    assert_int_equal(w.len, IPV4_HDR_LEN + IPV6_HDR_LEN);
    ip_build(&w, &v4, 65516);
    assert_true(w.bad);
    w = writer_counting();
    ip_build(&w, &v6, 65536);
    assert_true(w.bad);
    uint8_t small[39];
    w = writer_of(small, sizeof small);
    ip_build(&w, &v6, 0);
    assert_true(w.bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_bytes),       cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_v4_drops),          cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_extension_headers), cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_mapped_addresses),  cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests_name("ip", tests, NULL, NULL);
}
