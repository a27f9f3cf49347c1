/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of the groups Ip, IpExt, Icmp, Tcp and their like for IPv6: packets made by hand against one stack, and all
 * counters that moved, with nothing beside them.
 */
#include "teststack.h"

#include "wire/bytes.h"

#define US    "10.0.1.1"
#define US6   "2001:db8:1::1"
#define PEER  "10.0.1.2"
#define PEER6 "2001:db8:1::2"

struct bench {
    struct testmem tm;
    struct umptcp *s;
    utime now;
    int netif;
    uint64_t before[600]; /* counters at the last look */
    uint8_t packet[65536];
};

static void set_up(struct bench *b) {
    memset(b, 0, sizeof *b);
    struct umptcp_config cfg = test_config(&b->tm);
    b->now = (utime){SEC(1)};
    b->s = test_stack(&cfg, b->now);
    b->netif = test_netif(b->s, US, 24);
    struct umptcp_addr a = test_addr(US6);
    assert_int_equal(umptcp_addr_add(b->s, b->netif, &a, 64, b->now), 0);
}

static void tear_down(struct bench *b) {
    assert_null(umptcp_check(b->s));
    umptcp_free(b->s);
    assert_int_equal(b->tm.blocks, 0);
}

/* All that Linux's counters moved since the last look, in the order of the table. */
static void moved(struct bench *b, const char *want) {
    char have[2000] = "";
    const char *name;
    uint64_t value;
    for (unsigned i = 0; (name = umptcp_counter(b->s, i, &value)); i++) {
        assert_true(i < sizeof b->before / sizeof *b->before);
        if (value != b->before[i] && strncmp(name, "Umptcp", 6) != 0)
            snprintf(have + strlen(have), sizeof have - strlen(have), "%s%s %d", *have ? ", " : "", name,
                     (int)(value - b->before[i]));
        b->before[i] = value;
    }
    assert_string_equal(have, want);
}

static void input(struct bench *b, const uint8_t *data, uint32_t len) {
    const struct umptcp_packet pkt = {.data = data, .len = len};
    umptcp_input(b->s, b->netif, &pkt, b->now);
    assert_null(umptcp_check(b->s));
}

static void ip_input(struct bench *b, struct ip_hdr ip, const void *payload, uint32_t payload_len) {
    uint32_t len;
    uint8_t *pkt = test_packet(&ip, payload, payload_len, &len);
    input(b, pkt, len);
    free(pkt);
}

static uint32_t take(struct bench *b) {
    struct umptcp_out out;
    return test_take(b->s, &out, b->packet, b->now);
}

static void test_headers(void **state) {
    (void)state;
    struct bench b;
    uint8_t pkt[60] = {0};
    set_up(&b);
    input(&b, NULL, 0);
    moved(&b, "IpInReceives 1, IpInHdrErrors 1");
    pkt[0] = 0x45;
    input(&b, pkt, 19);
    moved(&b, "IpInReceives 1, IpExtInOctets 19, IpInHdrErrors 1");
    pkt[3] = 61;
    pkt[1] = 1;
    input(&b, pkt, 60);
    moved(&b, "IpInReceives 1, IpExtInOctets 60, IpInHdrErrors 1, IpExtInECT1Pkts 1, IpExtInCsumErrors 1");
    pkt[10] = 0xba;
    pkt[11] = 0xc1;
    input(&b, pkt, 60);
    moved(&b, "IpInReceives 1, IpExtInOctets 60, IpExtInTruncatedPkts 1, IpExtInECT1Pkts 1");
    pkt[3] = 19;
    pkt[11] += 42;
    input(&b, pkt, 60);
    moved(&b, "IpInReceives 1, IpExtInOctets 60, IpInHdrErrors 1, IpExtInECT1Pkts 1");
    pkt[0] = 0x4f;
    input(&b, pkt, 59);
    moved(&b, "IpInReceives 1, IpExtInOctets 59, IpInHdrErrors 1");
    pkt[0] = 0x45;
    pkt[3] = 60;
    input(&b, pkt, 60);
    moved(&b, "IpInReceives 1, IpExtInOctets 60, IpInHdrErrors 1, IpExtInECT1Pkts 1, IpExtInCsumErrors 1");
    pkt[0] = 0x44;
    input(&b, pkt, 60);
    moved(&b, "IpInReceives 1, IpExtInOctets 60, IpInHdrErrors 1");
    pkt[0] = 0x60;
    input(&b, pkt, 39);
    moved(&b, "Ip6InReceives 1, Ip6InOctets 39, Ip6InHdrErrors 1");
    pkt[5] = 21;
    input(&b, pkt, 60);
    moved(&b, "Ip6InReceives 1, Ip6InOctets 60, Ip6InTruncatedPkts 1, Ip6InNoECTPkts 1");
    tear_down(&b);
}

static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *src, *dst, *want;
    } rows[] = {
        {PEER, "10.0.1.9", "IpInReceives 1, IpExtInOctets 20, IpInAddrErrors 1, IpExtInNoECTPkts 1"},
        {PEER, "10.0.9.9", "IpInReceives 1, IpExtInOctets 20, IpInAddrErrors 1, IpExtInNoECTPkts 1"},
        {PEER, "10.0.1.255",
         "IpInReceives 1, IpExtInOctets 20, IpExtInNoECTPkts 1, IpExtInBcastPkts 1, IpExtInBcastOctets 20"},
        {PEER, "224.0.0.1",
         "IpInReceives 1, IpExtInOctets 20, IpExtInMcastPkts 1, IpExtInMcastOctets 20, IpExtInNoECTPkts 1"},
        {"127.0.0.1", US, "IpInReceives 1, IpExtInOctets 20, IpExtInNoECTPkts 1"},
        {PEER, US, "IpInReceives 1, IpExtInOctets 20, IpInUnknownProtos 1, IpExtInNoECTPkts 1"},
        {PEER6, "2001:db8:1::9", "Ip6InReceives 1, Ip6InOctets 40, Ip6InAddrErrors 1, Ip6InNoECTPkts 1"},
        {PEER6, "2001:db8:9::9", "Ip6InReceives 1, Ip6InOctets 40, Ip6InNoECTPkts 1, Ip6InNoRoutes 1"},
        {PEER6, "ff02::1", "Ip6InReceives 1, Ip6InOctets 40, Ip6InMcastPkts 1, Ip6InMcastOctets 40, Ip6InNoECTPkts 1"},
        {"ff02::1", US6, "Ip6InReceives 1, Ip6InOctets 40, Ip6InHdrErrors 1, Ip6InNoECTPkts 1"},
        {PEER6, US6, "Ip6InReceives 1, Ip6InOctets 40, Ip6InUnknownProtos 1, Ip6InNoECTPkts 1"},
    };
    struct bench b;
    set_up(&b);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ip_input(&b, test_ip(rows[i].src, rows[i].dst, 200), "", 0);
        moved(&b, rows[i].want);
    }
    tear_down(&b);
}

/* What the network said of congestion is counted of each segment of those that came merged. */
static void test_segments(void **state) {
    (void)state;
    struct bench b;
    uint8_t bad[20] = {0};
    set_up(&b);
    struct ip_hdr ip = test_ip(PEER, US, IP_PROTO_TCP);
    ip.ecn = 3;
    struct seg seg = {.flow = {test_at(PEER, 5), test_at(US, 80)}, .flags = TCP_ACK};
    uint32_t len;
    uint8_t *pkt = test_segment(ip, &seg, &len);
    input(&b, pkt, len);
    assert_int_equal(take(&b), 40);
    moved(&b, "IpInReceives 1, IpExtInOctets 40, IpInDelivers 1, IpExtInCEPkts 1, IpOutRequests 1, IpOutTransmits 1, "
              "IpExtOutOctets 40, TcpInSegs 1, TcpOutSegs 1, TcpOutRsts 1");
    pkt[21] ^= 1;
    input(&b, pkt, len);
    moved(&b, "IpInReceives 1, IpExtInOctets 40, IpInDelivers 1, IpExtInCEPkts 1, TcpInSegs 1, TcpInErrs 1, "
              "TcpInCsumErrors 1");
    free(pkt);
    ip_input(&b, test_ip(PEER6, US6, IP_PROTO_TCP), bad, sizeof bad);
    moved(&b, "Ip6InReceives 1, Ip6InOctets 60, Ip6InDelivers 1, Ip6InNoECTPkts 1, TcpInSegs 1, TcpInErrs 1");
    bad[12] = 6 << 4;
    ip_input(&b, test_ip(PEER6, US6, IP_PROTO_TCP), bad, sizeof bad); /* it ends before its header */
    moved(&b, "Ip6InReceives 1, Ip6InOctets 60, Ip6InDelivers 1, Ip6InNoECTPkts 1, TcpInSegs 1");
    ip_input(&b, test_ip(PEER6, US6, IP_PROTO_TCP), bad, 19);
    moved(&b, "Ip6InReceives 1, Ip6InOctets 59, Ip6InDelivers 1, Ip6InNoECTPkts 1, TcpInSegs 1");
    uint8_t payload[2000] = {0};
    pkt = malloc(40 + sizeof payload);
    struct writer w = writer_of(pkt, 40 + sizeof payload);
    ip.ecn = 2;
    seg.flags = TCP_RST;
    seg.len = 0;
    ip_build(&w, &ip, 20 + sizeof payload);
    tcp_build(&w, &seg);
    put_bytes(&w, payload, sizeof payload);
    const struct umptcp_packet merged = {.data = pkt, .len = (uint32_t)w.len, .gso_size = 500, .csum_valid = true};
    umptcp_input(b.s, b.netif, &merged, b.now);
    moved(&b, "IpInReceives 1, IpExtInOctets 2040, IpInDelivers 1, IpExtInECT0Pkts 4, TcpInSegs 4");
    free(pkt);
    static const char *const names[] = {NULL, "Ip6InECT1Pkts 1", "Ip6InECT0Pkts 1", "Ip6InCEPkts 1"};
    for (uint8_t ecn = 1; ecn < 4; ecn++) {
        char want[200];
        ip = test_ip(PEER6, US6, 200);
        ip.ecn = ecn;
        ip_input(&b, ip, "", 0);
        snprintf(want, sizeof want, "Ip6InReceives 1, Ip6InOctets 40, Ip6InUnknownProtos 1, %s", names[ecn]);
        moved(&b, want);
    }
    tear_down(&b);
}

static void test_fragments(void **state) {
    (void)state;
    struct bench b;
    uint8_t bytes[16] = {0x80};
    set_up(&b);
    struct ip_hdr ip = test_ip(PEER, US, 200);
    ip.id = 7;
    ip.more_fragments = ip.fragment = true;
    ip_input(&b, ip, bytes, 8);
    moved(&b, "IpInReceives 1, IpExtInOctets 28, IpExtInNoECTPkts 1, IpReasmReqds 1");
    ip.more_fragments = false;
    ip.frag_offset = 8;
    ip_input(&b, ip, bytes, 8);
    moved(&b,
          "IpInReceives 1, IpExtInOctets 28, IpInUnknownProtos 1, IpExtInNoECTPkts 1, IpReasmReqds 1, IpReasmOKs 1");
    ip.more_fragments = true;
    ip_input(&b, ip, bytes, 7);
    moved(&b, "IpInReceives 1, IpExtInOctets 27, IpExtInNoECTPkts 1, IpReasmReqds 1, IpReasmFails 1");
    ip_input(&b, ip, bytes, 16);
    ip.frag_offset = 16;
    moved(&b, "IpInReceives 1, IpExtInOctets 36, IpExtInNoECTPkts 1, IpReasmReqds 1");
    ip_input(&b, ip, bytes, 16);
    moved(&b, "IpInReceives 1, IpExtInOctets 36, IpExtInNoECTPkts 1, IpReasmReqds 1, IpReasmFails 1, "
              "IpExtReasmOverlaps 1");
    ip.id = 8;
    ip_input(&b, ip, bytes, 16);
    moved(&b, "IpInReceives 1, IpExtInOctets 36, IpExtInNoECTPkts 1, IpReasmReqds 1");
    b.now = (utime){SEC(60)};
    umptcp_tick(b.s, b.now);
    moved(&b, "IpReasmFails 1, IpReasmTimeout 1");
    const uint8_t fragment_v6[16] = {200, 0, 0, 1};
    ip_input(&b, test_ip(PEER6, US6, IP_PROTO_FRAGMENT), fragment_v6, 16);
    moved(&b, "Ip6InReceives 1, Ip6InOctets 56, Ip6InNoECTPkts 1, Ip6ReasmReqds 1, Ip6ReasmFails 1");
    tear_down(&b);
}

/* An ICMP message of a type, with its checksum. */
static void icmp_input(struct bench *b, bool v6, uint8_t type, uint32_t len) {
    uint8_t m[3000] = {type};
    struct ip_hdr ip = v6 ? test_ip(PEER6, US6, IP_PROTO_ICMPV6) : test_ip(PEER, US, IP_PROTO_ICMP);
    struct csum c = {0};
    if (v6)
        csum_add_pseudo(&c, &ip.src, &ip.dst, IP_PROTO_ICMPV6, len);
    csum_add(&c, m, len);
    store_be16(m + 2, csum_finish(&c));
    ip_input(b, ip, m, len);
}

/* What one message did, beside what IP counts of it: a packet of 28 or 48 bytes. */
static void icmp_moved(struct bench *b, bool v6, const char *want) {
    char all[400];
    snprintf(all, sizeof all,
             v6 ? "Ip6InReceives 1, Ip6InOctets 48, Ip6InDelivers 1, Ip6InNoECTPkts 1, Icmp6InMsgs 1%s%s"
                : "IpInReceives 1, IpExtInOctets 28, IpInDelivers 1, IpExtInNoECTPkts 1, IcmpInMsgs 1%s%s",
             *want ? ", " : "", want);
    moved(b, all);
}

static void test_icmp(void **state) {
    (void)state;
    static const struct {
        uint8_t type;
        bool v6;
        const char *want;
    } rows[] = {
        {0, false, "IcmpInEchoReps 1"},
        {3, false, "IcmpInErrors 1, IcmpInDestUnreachs 1"}, /* it quotes nothing */
        {4, false, "IcmpInSrcQuenchs 1"},
        {5, false, "IcmpInRedirects 1"},
        {11, false, "IcmpInErrors 1, IcmpInTimeExcds 1"},
        {12, false, "IcmpInErrors 1, IcmpInParmProbs 1"},
        {13, false, "IcmpInTimestamps 1"},
        {14, false, "IcmpInTimestampReps 1"},
        {17, false, "IcmpInAddrMasks 1"},
        {18, false, "IcmpInAddrMaskReps 1"},
        {19, false, "IcmpInErrors 1"},
        {1, true, "Icmp6InErrors 1, Icmp6InDestUnreachs 1"},
        {2, true, "Icmp6InErrors 1, Icmp6InPktTooBigs 1"},
        {3, true, "Icmp6InErrors 1, Icmp6InTimeExcds 1"},
        {4, true, "Icmp6InErrors 1, Icmp6InParmProblems 1"},
        {129, true, "Icmp6InEchoReplies 1"},
        {130, true, "Icmp6InGroupMembQueries 1"},
        {131, true, "Icmp6InGroupMembResponses 1"},
        {132, true, "Icmp6InGroupMembReductions 1"},
        {133, true, "Icmp6InRouterSolicits 1"},
        {134, true, "Icmp6InRouterAdvertisements 1"},
        {135, true, "Icmp6InNeighborSolicits 1"},
        {136, true, "Icmp6InNeighborAdvertisements 1"},
        {137, true, "Icmp6InRedirects 1"},
        {143, true, "Icmp6InMLDv2Reports 1"},
        {200, true, ""},
    };
    struct bench b;
    set_up(&b);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        icmp_input(&b, rows[i].v6, rows[i].type, 8);
        icmp_moved(&b, rows[i].v6, rows[i].want);
    }
    const uint8_t wrong[8] = {8, 0, 1};
    ip_input(&b, test_ip(PEER, US, IP_PROTO_ICMP), wrong, sizeof wrong);
    icmp_moved(&b, false, "IcmpInErrors 1, IcmpInCsumErrors 1");
    ip_input(&b, test_ip(PEER6, US6, IP_PROTO_ICMPV6), wrong, sizeof wrong);
    icmp_moved(&b, true, "Icmp6InErrors 1, Icmp6InCsumErrors 1");
    tear_down(&b);
}

/* An answer to each that may have one; no more than so many, and none that the link does not take. */
static void test_echo(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    icmp_input(&b, false, 8, 8);
    assert_int_equal(take(&b), 28);
    moved(&b,
          "IpInReceives 1, IpExtInOctets 28, IpInDelivers 1, IpExtInNoECTPkts 1, IpOutRequests 1, IpOutTransmits 1, "
          "IpExtOutOctets 28, IcmpInMsgs 1, IcmpInEchos 1, IcmpOutMsgs 1, IcmpOutEchoReps 1");
    icmp_input(&b, true, 128, 8);
    assert_int_equal(take(&b), 48);
    moved(&b, "Ip6InReceives 1, Ip6InOctets 48, Ip6InDelivers 1, Ip6InNoECTPkts 1, Ip6OutRequests 1, "
              "Ip6OutTransmits 1, Ip6OutOctets 48, Icmp6InMsgs 1, Icmp6InEchos 1, Icmp6OutMsgs 1, "
              "Icmp6OutEchoReplies 1");
    icmp_input(&b, false, 8, 2000);
    moved(&b, "IpInReceives 1, IpExtInOctets 2020, IpInDelivers 1, IpExtInNoECTPkts 1, IpFragFails 1, IcmpInMsgs 1, "
              "IcmpInEchos 1");
    icmp_input(&b, true, 128, 2000);
    moved(&b, "Ip6InReceives 1, Ip6InOctets 2040, Ip6InDelivers 1, Ip6InNoECTPkts 1, Ip6FragFails 1, Icmp6InMsgs 1, "
              "Icmp6InEchos 1");
    for (int i = 0; i < 2000 && !umptcp_counter_get(b.s, "IcmpOutRateLimitGlobal"); i++) {
        icmp_input(&b, false, 8, 8);
        take(&b);
    }
    assert_int_equal(umptcp_counter_get(b.s, "IcmpOutRateLimitGlobal"), 1);
    assert_int_equal(umptcp_counter_get(b.s, "IcmpInEchos"), umptcp_counter_get(b.s, "IcmpOutEchoReps") + 2);
    tear_down(&b);
}

static void test_ways_out(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        struct bench b;
        umptcp_sock sock;
        set_up(&b);
        struct umptcp_connect how = {.remote = test_at(v6 ? "2001:db8:9::9" : "10.9.9.9", 80), .tcp_only = true};
        assert_int_equal(umptcp_connect(b.s, &how, &sock, b.now), -ENETUNREACH);
        moved(&b, v6 ? "Ip6OutNoRoutes 1" : "IpOutNoRoutes 1");
        how.remote = test_at(v6 ? PEER6 : PEER, 80);
        assert_int_equal(umptcp_connect(b.s, &how, &sock, b.now), 0);
        assert_int_equal(take(&b), v6 ? 80 : 60);
        moved(&b, v6 ? "Ip6OutRequests 1, Ip6OutTransmits 1, Ip6OutOctets 80, TcpActiveOpens 1, TcpOutSegs 1"
                     : "IpOutRequests 1, IpOutTransmits 1, IpExtOutOctets 60, TcpActiveOpens 1, TcpOutSegs 1");
        umptcp_netif_set_up(b.s, b.netif, false, b.now);
        b.now = (utime){SEC(3)};
        umptcp_tick(b.s, b.now);
        assert_int_equal(take(&b), 0);
        assert_int_equal(umptcp_counter_get(b.s, v6 ? "Ip6OutNoRoutes" : "IpOutNoRoutes"), 2);
        umptcp_netif_set_up(b.s, b.netif, true, b.now);
        const struct seg seg = {.flow = {test_at(v6 ? PEER6 : PEER, 5), test_at(v6 ? US6 : US, 80)}, .flags = TCP_ACK};
        const char *discards = v6 ? "Ip6OutDiscards" : "IpOutDiscards";
        uint32_t len;
        uint8_t *pkt = test_segment(test_ip(v6 ? PEER6 : PEER, v6 ? US6 : US, IP_PROTO_TCP), &seg, &len);
        for (int i = 0; i < 2000 && !umptcp_counter_get(b.s, discards); i++) /* nobody takes the resets */
            input(&b, pkt, len);
        free(pkt);
        assert_int_equal(umptcp_counter_get(b.s, discards), 1);
        tear_down(&b);
    }
}

/* How long there was something to send, and what held it up: here a buffer that is smaller than the path takes. */
static void test_what_limits_sending(void **state) { /* T-SYS-07 */
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS];
    static const uint8_t octets[20000];
    test_world_init(&w, 1, NULL, NULL);
    test_pair(&w, pair);
    assert_int_equal(test_info(&w, CLIENT, pair[CLIENT]).busy, 0);
    assert_int_equal(umptcp_setopt(w.host[CLIENT], pair[CLIENT], UMPTCP_OPT_SNDBUF, 5000, w.now), 0);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], octets, sizeof octets, w.now), 5000);
    test_run(&w, SEC(1)); /* 5 ms there, 5 ms back */
    const struct umptcp_info small = test_info(&w, CLIENT, pair[CLIENT]);
    assert_int_equal(small.busy, MSEC(10));
    assert_int_equal(small.sndbuf_limited, MSEC(10));
    assert_int_equal(small.rwnd_limited, 0);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], octets, 1000, w.now), 1000);
    test_run(&w, SEC(1));
    const struct umptcp_info enough = test_info(&w, CLIENT, pair[CLIENT]);
    assert_int_equal(enough.busy, MSEC(20));
    assert_int_equal(enough.sndbuf_limited, MSEC(10));
    test_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_limits_sending),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_icmp),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_ways_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
