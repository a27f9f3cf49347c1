/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP segments: the option layouts of Linux byte for byte, round trips, and headers that lie. */
#include "testwire.h"

static struct seg blank_segment(uint8_t flags) {
    struct seg s;
    memset(&s, 0, sizeof s);
    s.flow.local = (struct umptcp_sockaddr){test_addr("192.0.2.1"), 0x1234};
    s.flow.remote = (struct umptcp_sockaddr){test_addr("198.51.100.7"), 80};
    s.seq.v = 0x01020304;
    s.ack.v = 0x05060708;
    s.flags = flags;
    s.window = 0xfedc;
    return s;
}

static void assert_options(const struct seg *s, const char *hex) {
    uint8_t out[64];
    struct writer w = writer_of(out, sizeof out);
    tcp_build(&w, s);
    assert_false(w.bad);
    test_assert_hex(out + TCP_HDR_LEN, w.len - TCP_HDR_LEN, hex);
    assert_int_equal(out[12], w.len / 4 << 4);
    assert_int_equal(tcp_options_len(s), w.len - TCP_HDR_LEN);
}

static void test_header_bytes(void **state) {
    (void)state;
    struct seg s = blank_segment(TCP_ACK | TCP_PSH | TCP_URG);
    s.urgent = 0x0a0b;
    uint8_t out[20];
    struct writer w = writer_of(out, sizeof out);
    tcp_build(&w, &s);
    assert_false(w.bad);
    test_assert_hex(out, w.len, "1234 0050 01020304 05060708 50 38 fedc 0000 0a0b");
}

/* T-HDR-08, T-HDR-12: Linux's order and padding. */
static void test_option_layouts(void **state) {
    (void)state;
    struct seg s = blank_segment(TCP_SYN);
    s.opt.has_mss = true;
    s.opt.mss = 1460;
    s.opt.sack_permitted = s.opt.has_ts = s.opt.has_wscale = true;
    s.opt.tsval = 0x11121314;
    s.opt.wscale = 7;
    struct mpopt *o = mpopts_add(&s.mp, MPC_SYN);
    o->mpc.version = 1;
    o->mpc.flags = MPC_HMAC_SHA256;
    assert_options(&s, "020405b4 0402080a 11121314 00000000 01030307 1e040101");
    s.opt.has_ts = false;
    assert_options(&s, "020405b4 01010402 01030307 1e040101");
    s.opt.has_ts = true;
    s.opt.sack_permitted = false;
    assert_options(&s, "020405b4 0101080a 11121314 00000000 01030307 1e040101");

    s = blank_segment(TCP_ACK);
    assert_options(&s, "");
    s.opt.has_ts = true;
    s.opt.tsval = 1;
    s.opt.tsecr = 2;
    s.opt.nsack = 1;
    s.opt.sack[0] = (struct sack_block){{10}, {20}};
    o = mpopts_add(&s.mp, MP_DSS);
    o->dss.has_ack = true;
    o->dss.ack = 0xb76ae9b6;
    o = mpopts_add(&s.mp, MP_PRIO);
    o->prio.backup = true;
    assert_options(&s, "0101080a 00000001 00000002 0101050a 0000000a 00000014 1e082001b76ae9b6 1e035101");
    s.opt.nsack = 0;
    s.mp.n = 0;
    o = mpopts_add(&s.mp, MP_REMOVE_ADDR);
    o->remove.n = 2;
    o->remove.ids[0] = 3;
    o->remove.ids[1] = 4;
    assert_options(&s, "0101080a 00000001 00000002 1e05400304 010101");
}

/* T-TFO-01: both forms, and lengths that a cookie cannot have; on anything but a SYN it is not there. */
static void test_fastopen_options(void **state) {
    (void)state;
    for (uint8_t len = 0; len <= 20; len++) {
        for (int form = 0; form < 4; form++) {
            const bool exp = form & 1, syn = !(form & 2);
            uint8_t p[TCP_HDR_LEN + TCP_OPTIONS_MAX] = {[12] = sizeof p / 4 << 4, [13] = syn ? TCP_SYN : TCP_ACK};
            const uint8_t head[] = {254, (uint8_t)(4 + len), 0xf9, 0x89}, *from = head;
            uint8_t *to = p + TCP_HDR_LEN, plain[] = {34, (uint8_t)(2 + len)};
            memcpy(to, exp ? from : plain, exp ? 4 : 2);
            memset(to + (exp ? 4 : 2), 0xc5, len);
            const struct ip_hdr ip = {.payload = p, .payload_len = sizeof p, .proto = IP_PROTO_TCP};
            struct seg s;
            assert_int_equal(tcp_parse(&ip, true, 0, &s), DROP_NONE);
            const bool good = syn && (len == 0 || (len >= 4 && len <= 16 && len % 2 == 0));
            assert_int_equal(s.opt.has_fastopen, good);
            if (!good)
                continue;
            assert_int_equal(s.opt.fastopen.len, len);
            assert_int_equal(s.opt.fastopen.exp, exp);
            assert_true(!len || s.opt.fastopen.b[len - 1] == 0xc5);
        }
    }
    struct seg s = blank_segment(TCP_SYN);
    s.opt.has_fastopen = true;
    assert_options(&s, "2202 0101");
    s.opt.fastopen = (struct fastopen_cookie){.len = 6, .b = {1, 2, 3, 4, 5, 6}};
    assert_options(&s, "2208 010203040506");
    s.opt.fastopen.exp = true;
    assert_options(&s, "fe0af989 010203040506 0101");
}

static void dss_data(struct seg *s) {
    struct mpopt *o = mpopts_add(&s->mp, MP_DSS);
    o->dss.has_ack = o->dss.ack64 = o->dss.has_map = o->dss.dsn64 = true;
    o->dss.ack = 0xf9fb2ac1ea2ce0d3;
    o->dss.dsn = 0x62815714b76ae9b6;
    o->dss.ssn = 17;
    o->dss.len = 3;
}

static void test_bulk_data(void **state) {
    (void)state;
    struct seg s = blank_segment(TCP_ACK), got;
    s.opt.has_ts = true;
    s.data = (const uint8_t *)"odd";
    s.len = 3;
    dss_data(&s);
    assert_options(&s, "0101080a 00000000 00000000 1e1a200f f9fb2ac1ea2ce0d3 62815714b76ae9b6 00000011 0003 0101");
    struct ip_hdr ip = test_ip("192.0.2.1", "198.51.100.7", IP_PROTO_TCP);
    ip.ecn = IP_ECN_CE;
    uint32_t len;
    uint8_t *pkt = test_segment(ip, &s, &len);
    assert_int_equal(ip_parse(pkt, len, false, &ip), DROP_NONE);
    assert_int_equal(tcp_parse(&ip, false, 1428, &got), DROP_NONE);
    assert_true(sockaddr_eq(&got.flow.local, &s.flow.remote) && sockaddr_eq(&got.flow.remote, &s.flow.local));
    assert_true(got.seq.v == s.seq.v && got.ack.v == s.ack.v && got.window == s.window && got.flags == s.flags);
    assert_true(got.len == 3 && memcmp(got.data, "odd", 3) == 0);
    assert_true(got.ecn == IP_ECN_CE && got.gso_size == 1428);
    assert_int_equal(got.mp.n, 1);
    assert_memory_equal(&got.mp.opt[0], &s.mp.opt[0], sizeof s.mp.opt[0]);
    free(pkt);
}

/* T-HDR-01: every bit counts. */
static void test_checksum(void **state) {
    (void)state;
    struct seg s = blank_segment(TCP_ACK), got;
    s.data = (const uint8_t *)"odd";
    s.len = 3;
    for (int v6 = 0; v6 < 2; v6++) {
        struct ip_hdr ip = v6 ? test_ip("2001:db8::1", "2001:db8::2", IP_PROTO_TCP)
                              : test_ip("192.0.2.1", "198.51.100.7", IP_PROTO_TCP);
        uint32_t len, hdr = ip_hdr_len(v6);
        uint8_t *pkt = test_segment(ip, &s, &len);
        for (uint32_t bit = 0; bit <= (len - hdr) * 8; bit++) {
            bool flip = bit < (len - hdr) * 8;
            if (flip)
                pkt[hdr + bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(ip_parse(pkt, len, false, &ip), DROP_NONE);
            enum drop d = tcp_parse(&ip, false, 0, &got);
            bool doff_broken = flip && bit / 8 == 12 && d == DROP_TCP_SHORT;
            assert_true(doff_broken || d == (flip ? DROP_TCP_CSUM : DROP_NONE));
            if (flip && !doff_broken)
                assert_int_equal(tcp_parse(&ip, true, 0, &got), DROP_NONE);
            if (flip)
                pkt[hdr + bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(pkt);
    }
}

/* T-HDR-04 */
static void test_short(void **state) {
    (void)state;
    struct seg s = blank_segment(TCP_ACK), got;
    s.opt.has_ts = true;
    dss_data(&s);
    struct ip_hdr ip = test_ip("192.0.2.1", "198.51.100.7", IP_PROTO_TCP);
    uint32_t full;
    uint8_t *pkt = test_segment(ip, &s, &full);
    uint32_t tcp_len = full - IPV4_HDR_LEN;
    for (uint32_t len = 0; len <= tcp_len; len++) {
        uint8_t *cut = malloc(len + !len);
        assert_non_null(cut);
        memcpy(cut, pkt + IPV4_HDR_LEN, len);
        ip.payload = cut;
        ip.payload_len = len;
        assert_int_equal(tcp_parse(&ip, true, 0, &got), len < tcp_len ? DROP_TCP_SHORT : DROP_NONE);
        free(cut);
    }
    ip.payload = pkt + IPV4_HDR_LEN;
    ip.payload_len = tcp_len;
    for (uint8_t words = 0; words < 16; words++) {
        pkt[IPV4_HDR_LEN + 12] = (uint8_t)(words << 4);
        enum drop want = words < 5 || words * 4u > tcp_len ? DROP_TCP_SHORT : DROP_NONE;
        assert_int_equal(tcp_parse(&ip, true, 0, &got), want);
    }
    free(pkt);
}

/* Parses a header with `options` (padded with EOL) and no payload, from a block of its own size. */
static void parse_options(const char *options, uint8_t flags, struct seg *got) {
    uint8_t hdr[60] = {0};
    uint32_t len = (TCP_HDR_LEN + test_unhex(options, hdr + TCP_HDR_LEN, TCP_OPTIONS_MAX) + 3) & ~3u;
    hdr[12] = (uint8_t)(len / 4 << 4);
    hdr[13] = flags;
    uint8_t *exact = malloc(len);
    assert_non_null(exact);
    memcpy(exact, hdr, len);
    struct ip_hdr ip = test_ip("192.0.2.1", "198.51.100.7", IP_PROTO_TCP);
    ip.payload = exact;
    ip.payload_len = len;
    memset(got, 0xff, sizeof *got);
    assert_int_equal(tcp_parse(&ip, true, 0, got), DROP_NONE);
    got->data = NULL;
    free(exact);
}

/* T-HDR-05, T-HDR-07, T-HDR-09, T-HDR-10, T-HDR-16, T-SCK-01 */
static void test_option_walk(void **state) {
    (void)state;
    struct seg s;
    parse_options("020405b4 0402 080a0000000100000002 03030e 1e040101", TCP_SYN, &s);
    assert_true(s.opt.has_mss && s.opt.mss == 1460 && s.opt.sack_permitted && s.opt.has_wscale && s.opt.wscale == 14);
    assert_true(s.opt.has_ts && s.opt.tsval == 1 && s.opt.tsecr == 2 && s.mp.n == 1 && s.mp.opt[0].type == MPC_SYN);
    parse_options("03030f", TCP_SYN, &s); /* RFC 7323 2.3: more than 14 is 14 */
    assert_int_equal(s.opt.wscale, 14);
    parse_options("020405b4 0402 03030e", TCP_ACK, &s); /* of a SYN only */
    assert_false(s.opt.has_mss || s.opt.sack_permitted || s.opt.has_wscale);
    parse_options("4d05aabbcc 01 080a0000000100000002 4d02", TCP_ACK, &s); /* unknown ones, and no alignment */
    assert_true(s.opt.has_ts && s.opt.tsecr == 2);
    parse_options("00 080a0000000100000002", TCP_ACK, &s); /* nothing counts behind EOL */
    assert_false(s.opt.has_ts);
    parse_options("0203b4 080b0000000100000002aa 030407aa 040300 0101", TCP_SYN, &s); /* wrong lengths are skipped */
    assert_false(s.opt.has_mss || s.opt.has_ts || s.opt.has_wscale || s.opt.sack_permitted);
    parse_options("0203b4 080a0000000100000002", TCP_SYN, &s);
    assert_true(!s.opt.has_mss && s.opt.has_ts);
    static const char *const ends[] = {"4d00", "4d01", "4dff", "4d0c", "0800", "1e00", "1e01", "1e0f"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) { /* what cannot be walked over ends the walk */
        char text[64];
        strcpy(text, ends[i]);
        strcat(text, "080a00000001");
        parse_options(text, TCP_ACK, &s);
        assert_true(!s.opt.has_ts && s.mp.n == 0);
    }
    parse_options("0101010101 08", TCP_ACK, &s); /* a kind without a length at the very end */
    assert_false(s.opt.has_ts);
}

/* T-SCK-02 */
static void test_sack(void **state) {
    (void)state;
    struct seg s;
    parse_options("0522 0000000100000002 0000000300000004 0000000500000006 0000000700000008", TCP_ACK, &s);
    assert_int_equal(s.opt.nsack, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(s.opt.sack[i].left.v == 2 * i + 1 && s.opt.sack[i].right.v == 2 * i + 2);
    parse_options("0512 0000000100000002 0000000300000004 050a 0000000500000006", TCP_ACK,
                  &s); /* the last one counts */
    assert_true(s.opt.nsack == 1 && s.opt.sack[0].left.v == 5 && s.opt.sack[1].left.v == 0);
    static const char *const wrong[] = {"0502", "0503aa", "05090000000100000002", "050b000000010000000201"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        parse_options(wrong[i], TCP_ACK, &s);
        assert_int_equal(s.opt.nsack, 0);
    }
}

/* M-GEN-02, M-GEN-03, M-GEN-10, M-DSS-10: what is wrong or unknown is left out, the rest is there in its order. */
static void test_mptcp_options(void **state) {
    (void)state;
    struct seg s;
    parse_options("1e04b000 1e0351 1e05f00000 1e082001b76ae9b6 1e082001b76ae9b6", TCP_ACK, &s);
    assert_true(s.mp.n == 3 && s.mp.malformed == 0);
    assert_true(s.mp.opt[0].type == MP_PRIO && s.mp.opt[1].type == MP_DSS && s.mp.opt[2].type == MP_DSS);
    parse_options("1e048006 1e092001b76ae9b6aa 1e02 1e0350", TCP_ACK, &s); /* no RST; length 9; no subtype */
    assert_true(s.mp.n == 1 && s.mp.malformed == 3 && s.mp.opt[0].type == MP_PRIO);
    parse_options("1e0350 1e0350 1e0350 1e0350 1e0350 1e0350 1e0350 1e0350 1e0350 1e0350", TCP_ACK, &s);
    assert_true(s.mp.n == MPOPTS_MAX && s.mp.malformed == 2);
}

/* The aligned layout is a short cut: it finds what the walk finds. */
static void test_aligned_timestamps(void **state) {
    (void)state;
    struct seg fast, walk;
    parse_options("0101080a 0000000100000002 1e082001b76ae9b6", TCP_ACK, &fast);
    parse_options("01080a 0000000100000002 01 1e082001b76ae9b6", TCP_ACK, &walk);
    assert_memory_equal(&fast, &walk, sizeof fast);
    parse_options("0101080a 00000001000000", TCP_ACK, &fast); /* padded by the EOL: 12 bytes, so whole */
    assert_true(fast.opt.has_ts && fast.opt.tsecr == 0);
    parse_options("0101080a 00000001", TCP_ACK, &fast);
    assert_false(fast.opt.has_ts);
    parse_options("0101080a 0000000100000002 080a 0000000300000004", TCP_ACK, &fast); /* the last one counts */
    assert_int_equal(fast.opt.tsval, 3);
}

/* Random options of all kinds; those that take more than 40 bytes are refused with the true length told. */
static struct seg random_segment(uint64_t *rnd) {
    enum mp_type type = (enum mp_type)(MPC_SYN + test_below(rnd, MP_TYPE_COUNT - MPC_SYN));
    uint8_t flags;
    static const uint8_t data[64] = {1, 2, 3};
    enum test_payload payload = test_place(type, &flags);
    struct seg s = blank_segment(flags);
    s.data = data;
    s.len = payload == WITHOUT ? 0 : 1 + test_below(rnd, 50);
    bool syn = flags & TCP_SYN;
    s.opt.has_mss = syn && test_below(rnd, 2);
    s.opt.mss = s.opt.has_mss ? (uint16_t)test_random(rnd) : 0;
    s.opt.has_wscale = syn && test_below(rnd, 2);
    s.opt.wscale = s.opt.has_wscale ? (uint8_t)test_below(rnd, 15) : 0;
    s.opt.sack_permitted = syn && test_below(rnd, 2);
    s.opt.has_ts = test_below(rnd, 2);
    s.opt.tsval = s.opt.has_ts ? (uint32_t)test_random(rnd) : 0;
    s.opt.nsack = syn ? 0 : (uint8_t)test_below(rnd, SACK_MAX + 1);
    for (uint8_t i = 0; i < s.opt.nsack; i++)
        s.opt.sack[i] = (struct sack_block){{(uint32_t)test_random(rnd)}, {(uint32_t)test_random(rnd)}};
    s.mp.opt[s.mp.n++] = test_random_mpopt(rnd, type);
    if (test_below(rnd, 2))
        s.mp.opt[s.mp.n++] = test_random_mpopt(rnd, MP_PRIO);
    return s;
}

/* M-GEN-13 */
static void test_round_trip(void **state) {
    (void)state;
    uint64_t rnd = 6;
    unsigned fitted = 0, refused = 0;
    for (int i = 0; i < 20000; i++) {
        struct seg s = random_segment(&rnd), got;
        struct writer w = writer_counting();
        tcp_build(&w, &s);
        assert_true(w.len % 4 == 0 && w.len == TCP_HDR_LEN + tcp_options_len(&s));
        assert_int_equal(w.bad, w.len > TCP_HDR_LEN + TCP_OPTIONS_MAX);
        if (w.bad) {
            refused++;
            continue;
        }
        fitted++;
        struct ip_hdr ip = test_ip("192.0.2.1", "198.51.100.7", IP_PROTO_TCP);
        uint32_t len;
        uint8_t *pkt = test_segment(ip, &s, &len);
        assert_int_equal(ip_parse(pkt, len, false, &ip), DROP_NONE);
        assert_int_equal(tcp_parse(&ip, false, 0, &got), DROP_NONE);
        assert_memory_equal(&got.opt, &s.opt, sizeof s.opt);
        assert_true(got.mp.n == s.mp.n && got.mp.malformed == 0 && got.len == s.len);
        assert_memory_equal(got.mp.opt, s.mp.opt, s.mp.n * sizeof s.mp.opt[0]);
        free(pkt);
    }
    assert_true(fitted > 1000 && refused > 1000);
}

static void test_counts(void **state) {
    (void)state;
    struct seg s = {.flags = TCP_SYN | TCP_FIN, .len = 10};
    assert_int_equal(seg_space(&s), 12);
    assert_int_equal(seg_count(&s), 1);
    s.gso_size = 4;
    assert_int_equal(seg_count(&s), 3);
    s.gso_size = 10;
    assert_int_equal(seg_count(&s), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_bytes),
        cmocka_unit_test(test_option_layouts),
        cmocka_unit_test(test_bulk_data),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_option_walk),
        cmocka_unit_test(test_sack),
        cmocka_unit_test(test_mptcp_options),
        cmocka_unit_test(test_aligned_timestamps),
        cmocka_unit_test(test_fastopen_options),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
