/* SPDX-License-Identifier: BSD-3-Clause */
/* Software segmentation: every piece is parsed again and compared with its part of the super-segment. */
#include "testwire.h"
#include "wire/gso.h"

enum { DATA_MAX = 5000 };

static uint8_t data[DATA_MAX];

/* A super-segment with timestamps and a mapping; its checksum is left to whoever cuts it. */
static uint8_t *super_segment(bool v6, uint32_t data_len, uint8_t flags, uint32_t *len) {
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 + i / 256);
    struct seg s;
    memset(&s, 0, sizeof s);
    s.seq.v = 0xfffffe00; /* wraps on the way */
    s.flags = flags;
    s.opt.has_ts = true;
    s.opt.tsval = 77;
    struct mpopt *o = mpopts_add(&s.mp, MP_DSS);
    o->dss.has_map = o->dss.dsn64 = true;
    o->dss.dsn = 0x62815714b76ae9b6;
    o->dss.len = (uint16_t)data_len;
    s.data = data;
    s.len = data_len;
    struct ip_hdr ip =
        v6 ? test_ip("2001:db8::1", "2001:db8::2", IP_PROTO_TCP) : test_ip("192.0.2.1", "198.51.100.7", IP_PROTO_TCP);
    ip.id = v6 ? 0 : 0xfffe;
    uint8_t *pkt = test_segment(ip, &s, len);
    pkt[ip_hdr_len(v6) + 16] ^= 0x55;
    return pkt;
}

/* Checks piece `i` of `n`; returns how much payload it held. */
static uint32_t check_piece(const uint8_t *pkt, uint32_t len, uint16_t gso_size, uint32_t i, uint32_t n, uint32_t at) {
    struct ip_hdr whole_ip, ip;
    static struct seg whole, got;
    assert_int_equal(ip_parse(pkt, len, false, &whole_ip), DROP_NONE);
    assert_int_equal(tcp_parse(&whole_ip, true, 0, &whole), DROP_NONE);
    uint32_t hdr_len = len - whole.len, room = hdr_len + (gso_size ? gso_size : whole.len);
    uint8_t *piece = malloc(room);
    assert_non_null(piece);
    uint32_t piece_len = gso_piece(pkt, len, gso_size, i, piece);
    assert_true(piece_len <= room);
    assert_int_equal(ip_parse(piece, piece_len, false, &ip), DROP_NONE);
    assert_int_equal(tcp_parse(&ip, false, 0, &got), DROP_NONE);
    assert_int_equal(got.len, piece_len - hdr_len);
    assert_memory_equal(got.data, data + at, got.len);
    assert_int_equal(got.seq.v, whole.seq.v + at);
    assert_int_equal(ip.id, whole_ip.v6 ? 0 : (uint16_t)(whole_ip.id + i));
    uint8_t flags = whole.flags;
    if (i > 0)
        flags &= (uint8_t)~TCP_CWR;
    if (i + 1 < n)
        flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    assert_int_equal(got.flags, flags);
    assert_true(got.ack.v == whole.ack.v && got.window == whole.window && flow_eq(&got.flow, &whole.flow));
    assert_memory_equal(&got.opt, &whole.opt, sizeof got.opt);
    assert_true(got.mp.n == 1 && got.mp.malformed == 0);
    assert_memory_equal(got.mp.opt, whole.mp.opt, sizeof got.mp.opt[0]);
    uint32_t payload = got.len;
    free(piece);
    return payload;
}

static void check_cut(bool v6, uint32_t data_len, uint16_t gso_size, uint8_t flags) {
    uint32_t len, at = 0;
    uint8_t *pkt = super_segment(v6, data_len, flags, &len);
    uint32_t n = gso_count(pkt, len, gso_size);
    assert_int_equal(n, gso_size && data_len > gso_size ? (data_len + gso_size - 1) / gso_size : 1);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t payload = check_piece(pkt, len, gso_size, i, n, at);
        assert_true(i + 1 == n || payload == gso_size);
        at += payload;
    }
    assert_int_equal(at, data_len);
    free(pkt);
}

static void test_cut(void **state) {
    (void)state;
    static const struct {
        uint32_t data_len;
        uint16_t gso_size;
    } cases[] = {{DATA_MAX, 1428}, {2856, 1428}, {2857, 1428}, {1428, 1428}, {1429, 1428}, {1, 1428},
                 {0, 1428},        {100, 0},     {777, 1},     {1001, 7},    {4999, 536}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int v6 = 0; v6 < 2; v6++) {
            check_cut(v6, cases[i].data_len, cases[i].gso_size, TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR | TCP_ECE);
            check_cut(v6, cases[i].data_len, cases[i].gso_size, TCP_ACK);
        }
}

/* What is no TCP packet is handed on as it is. */
static void test_not_tcp(void **state) {
    (void)state;
    uint32_t len;
    uint8_t *pkt = super_segment(false, 100, TCP_ACK, &len), out[256];
    pkt[9] = IP_PROTO_ICMP;
    assert_int_equal(gso_count(pkt, len, 10), 1);
    assert_int_equal(gso_piece(pkt, len, 10, 0, out), len);
    assert_memory_equal(out, pkt, len);
    pkt[9] = IP_PROTO_TCP;
    pkt[IPV4_HDR_LEN + 12] = 0x40;
    assert_int_equal(gso_count(pkt, len, 10), 1);
    pkt[IPV4_HDR_LEN + 12] = 0xf0;
    assert_int_equal(gso_count(pkt, len, 10), 10); /* 20 more bytes of options, 92 of payload */
    pkt[0] = 0;
    assert_int_equal(gso_count(pkt, len, 10), 1);
    free(pkt);
}

static void test_finish_csum(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        uint32_t len;
        uint8_t *pkt = super_segment(v6, 333, TCP_ACK, &len);
        struct ip_hdr ip;
        struct seg got;
        assert_int_equal(ip_parse(pkt, len, false, &ip), DROP_NONE);
        struct csum c = {0};
        csum_add_pseudo(&c, &ip.src, &ip.dst, IP_PROTO_TCP, ip.payload_len);
        uint32_t tcp_at = ip_hdr_len(v6);
        pkt[tcp_at + 16] = (uint8_t)(csum_fold(&c) >> 8);
        pkt[tcp_at + 17] = (uint8_t)csum_fold(&c);
        assert_int_equal(tcp_parse(&ip, false, 0, &got), DROP_TCP_CSUM);
        gso_finish_csum(pkt, len, (uint16_t)len, 0); /* not within the packet: nothing happens */
        gso_finish_csum(pkt, len, (uint16_t)(len - 17), 16);
        gso_finish_csum(pkt, len, 0xffff, 0xffff);
        assert_int_equal(tcp_parse(&ip, false, 0, &got), DROP_TCP_CSUM);
        gso_finish_csum(pkt, len, (uint16_t)tcp_at, 16);
        assert_int_equal(tcp_parse(&ip, false, 0, &got), DROP_NONE);
        free(pkt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_not_tcp),
        cmocka_unit_test(test_finish_csum),
    };
    return cmocka_run_group_tests_name("gso", tests, NULL, NULL);
}
