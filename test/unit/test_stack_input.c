/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets made by hand against one stack: what is dropped and why, what is answered without a connection, what ICMP
 * does. */
#include "teststack.h"

#include "wire/bytes.h"
#include "wire/icmp.h"

#define US    "10.0.1.1"
#define US6   "2001:db8:1::1"
#define PEER  "10.0.1.2"
#define PEER6 "2001:db8:1::2"

struct bench {
    struct testmem tm;
    struct umptcp *s;
    utime now;
    int netif;
    struct umptcp_out out;
    uint8_t packet[65536];
    struct ip_hdr ip; /* of the packet taken last */
    struct seg seg;
};

static void set_up_with(struct bench *b, void (*change)(struct umptcp_config *cfg)) {
    memset(b, 0, sizeof *b);
    struct umptcp_config cfg = test_config(&b->tm);
    if (change)
        change(&cfg);
    b->now = (utime){SEC(1)};
    b->s = test_stack(&cfg, b->now);
    b->netif = test_netif(b->s, US, 24);
    struct umptcp_addr a = test_addr(US6), any = test_addr("0.0.0.0"), any6 = test_addr("::");
    assert_int_equal(umptcp_addr_add(b->s, b->netif, &a, 64, b->now), 0);
    assert_int_equal(umptcp_route_add(b->s, &any, 0, b->netif), 0);
    assert_int_equal(umptcp_route_add(b->s, &any6, 0, b->netif), 0);
}

static void set_up(struct bench *b) { set_up_with(b, NULL); }

static void tear_down(struct bench *b) {
    assert_null(umptcp_check(b->s));
    umptcp_free(b->s);
    assert_int_equal(b->tm.blocks, 0);
}

static const char *input(struct bench *b, const uint8_t *data, uint32_t len) {
    const struct umptcp_packet pkt = {.data = data, .len = len};
    umptcp_drop d = umptcp_input(b->s, b->netif, &pkt, b->now);
    assert_null(umptcp_check(b->s));
    return umptcp_drop_name(d);
}

/* A packet of `payload`. */
static const char *ip_input(struct bench *b, const char *src, const char *dst, uint8_t proto, const void *payload,
                            uint32_t payload_len) {
    struct ip_hdr ip = test_ip(src, dst, proto);
    uint32_t len;
    uint8_t *pkt = test_packet(&ip, payload, payload_len, &len);
    const char *drop = input(b, pkt, len);
    free(pkt);
    return drop;
}

/* A segment from a peer: `seg->flow` is ours to fill. */
static const char *seg_input(struct bench *b, const char *src, uint16_t sport, const char *dst, uint16_t dport,
                             struct seg seg) {
    struct ip_hdr ip = test_ip(src, dst, IP_PROTO_TCP);
    uint32_t len;
    seg.flow = (struct flow){test_at(src, sport), test_at(dst, dport)};
    uint8_t *pkt = test_segment(ip, &seg, &len);
    const char *drop = input(b, pkt, len);
    free(pkt);
    return drop;
}

static bool take(struct bench *b) {
    uint32_t len = test_take(b->s, &b->out, b->packet, b->now);
    if (!len)
        return false;
    assert_int_equal(ip_parse(b->packet, len, false, &b->ip), DROP_NONE);
    if (b->ip.proto == IP_PROTO_TCP)
        assert_int_equal(tcp_parse(&b->ip, false, 0, &b->seg), DROP_NONE);
    return true;
}

static umptcp_sock listen_on(struct bench *b, uint16_t port) {
    const struct umptcp_listen l = {.local = {.port = port}, .backlog = 8};
    umptcp_sock sock;
    assert_int_equal(umptcp_listen(b->s, &l, &sock), 0);
    return sock;
}

/* ---- IP ---------------------------------------------------------------------------------------------------------- */

static void test_interface(void **state) {
    (void)state;
    static const int bad[] = {0, -1, 2, 1000};
    struct bench b;
    set_up(&b);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        b.netif = bad[i];
        assert_string_equal(ip_input(&b, PEER, US, IP_PROTO_TCP, "", 0), "NoNetif");
    }
    b.netif = 1;
    umptcp_netif_set_up(b.s, 1, false, b.now);
    assert_string_equal(ip_input(&b, PEER, US, IP_PROTO_TCP, "", 0), "NoNetif");
    assert_int_equal(umptcp_counter_get(b.s, "UmptcpDropNoNetif"), 5);
    assert_int_equal(umptcp_counter_get(b.s, "IpInReceives"), 0);
    tear_down(&b);
}

/* T-FSM-32, T-FSM-33, and the rest of what an address cannot be. */
static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *src, *dst, *want;
    } cases[] = {
        {PEER, "10.0.1.9", "IpNotOurs"},
        {PEER, "10.0.1.255", "IpNotOurs"},
        {PEER, "255.255.255.255", "IpNotOurs"},
        {PEER, "224.0.0.1", "IpNotOurs"},
        {PEER6, "2001:db8:1::9", "IpNotOurs"},
        {PEER6, "ff02::1", "IpNotOurs"},
        {"224.0.0.1", US, "IpSource"},
        {"255.255.255.255", US, "IpSource"},
        {"10.0.1.255", US, "IpSource"},
        {"0.0.0.0", US, "IpSource"},
        {"127.0.0.1", US, "IpSource"},
        {US, US, "IpSource"},
        {"ff02::1", US6, "IpSource"},
        {"::", US6, "IpSource"},
        {"::1", US6, "IpSource"},
        {US6, US6, "IpSource"},
        {PEER, US, "TcpNoSocket"},
        {PEER6, US6, "TcpNoSocket"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        set_up(&b);
        const char *drop = seg_input(&b, cases[i].src, 1000, cases[i].dst, 80, (struct seg){.flags = TCP_SYN});
        assert_string_equal(drop, cases[i].want);
        assert_int_equal(take(&b), i >= 16);
        tear_down(&b);
    }
}

static void test_malformed(void **state) {
    (void)state;
    struct bench b;
    uint8_t zeros[64] = {0};
    set_up(&b);
    assert_string_equal(input(&b, NULL, 0), "IpShort");
    assert_string_equal(input(&b, zeros, sizeof zeros), "IpVersion");
    assert_string_equal(ip_input(&b, PEER, US, 17, zeros, 20), "IpProto");
    assert_string_equal(ip_input(&b, PEER6, US6, IP_PROTO_ICMP, zeros, 20), "IpProto");
    assert_string_equal(ip_input(&b, PEER, US, IP_PROTO_ICMPV6, zeros, 20), "IpProto");
    assert_string_equal(ip_input(&b, PEER, US, IP_PROTO_TCP, zeros, 19), "TcpShort");
    zeros[12] = 0x50;
    assert_string_equal(ip_input(&b, PEER, US, IP_PROTO_TCP, zeros, 20), "TcpCsum");
    assert_string_equal(ip_input(&b, PEER, US, IP_PROTO_ICMP, zeros, 7), "IcmpBad");
    assert_int_equal(umptcp_counter_get(b.s, "TcpInErrs"), 1); /* not what ends before its header */
    assert_false(take(&b));
    tear_down(&b);
}

/* A checksum that the interface verified, or that is partial, is not looked at. */
static void test_checksum_offload(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    struct ip_hdr ip = test_ip(PEER, US, IP_PROTO_TCP);
    const struct seg seg = {.flow = {test_at(PEER, 5), test_at(US, 80)}, .flags = TCP_SYN};
    uint32_t len;
    uint8_t *data = test_segment(ip, &seg, &len);
    struct umptcp_packet pkt = {.data = data, .len = len};
    data[36] ^= 1;
    assert_string_equal(umptcp_drop_name(umptcp_input(b.s, 1, &pkt, b.now)), "TcpCsum");
    pkt.csum_valid = true;
    assert_string_equal(umptcp_drop_name(umptcp_input(b.s, 1, &pkt, b.now)), "TcpNoSocket");
    free(data);
    tear_down(&b);
}

/* A SYN in pieces still is one. */
static void test_fragments(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    listen_on(&b, 80);
    struct ip_hdr ip = test_ip(PEER, US, IP_PROTO_TCP);
    const struct seg seg = {.flow = {test_at(PEER, 5), test_at(US, 80)}, .flags = TCP_SYN, .seq = {100}};
    uint32_t len, whole_len;
    uint8_t *whole = test_segment(ip, &seg, &whole_len);
    ip.id = 99;
    ip.more_fragments = true;
    uint8_t *pkt = test_packet(&ip, whole + 20, 8, &len);
    assert_string_equal(input(&b, pkt, len), "None");
    free(pkt);
    assert_false(take(&b));
    ip.more_fragments = false;
    ip.frag_offset = 8;
    pkt = test_packet(&ip, whole + 28, whole_len - 28, &len);
    assert_string_equal(input(&b, pkt, len), "None");
    assert_true(take(&b));
    assert_int_equal(b.seg.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(b.seg.ack.v, 101);
    /* The rest of one never comes. */
    assert_string_equal(input(&b, pkt, len), "None");
    assert_false(umptcp_quiet(b.s));
    b.now = (utime){SEC(40)};
    umptcp_tick(b.s, b.now);
    assert_int_equal(umptcp_counter_get(b.s, "UmptcpDropIpFragTimeout"), 1);
    free(pkt);
    free(whole);
    tear_down(&b);
}

/* ---- No connection ----------------------------------------------------------------------------------------------- */

/* T-FSM-01, T-FSM-29: the two forms of a RST, and none for a RST. */
static void test_rst(void **state) {
    (void)state;
    static const char *const ends[][2] = {{PEER, US}, {PEER6, US6}};
    for (int v6 = 0; v6 < 2; v6++) {
        const char *peer = ends[v6][0], *us = ends[v6][1];
        struct bench b;
        set_up(&b);
        struct seg seg = {.flags = TCP_ACK, .seq = {1000}, .ack = {2000}};
        assert_string_equal(seg_input(&b, peer, 5, us, 80, seg), "TcpNoSocket");
        assert_true(take(&b));
        assert_int_equal(b.seg.flags, TCP_RST);
        assert_int_equal(b.seg.seq.v, 2000);
        assert_int_equal(b.seg.ack.v, 0);
        assert_int_equal(b.seg.flow.remote.port, 80); /* as the receiver sees it */
        assert_int_equal(b.seg.flow.local.port, 5);
        assert_int_equal(b.out.netif, b.netif);
        assert_int_equal(b.out.v6, v6);
        assert_int_equal(b.seg.mp.n, 0);
        seg = (struct seg){
            .flags = TCP_SYN | TCP_FIN, .seq = {0xfffffff0u}, .data = (const uint8_t *)"12345678", .len = 8};
        assert_string_equal(seg_input(&b, peer, 5, us, 80, seg), "TcpNoSocket");
        assert_true(take(&b));
        assert_int_equal(b.seg.flags, TCP_RST | TCP_ACK);
        assert_int_equal(b.seg.seq.v, 0);
        assert_int_equal(b.seg.ack.v, 0xfffffff0u + 10);
        seg.flags = TCP_RST;
        assert_string_equal(seg_input(&b, peer, 5, us, 80, seg), "TcpNoSocket");
        seg.flags = TCP_RST | TCP_ACK;
        assert_string_equal(seg_input(&b, peer, 5, us, 80, seg), "TcpNoSocket");
        assert_false(take(&b));
        assert_int_equal(umptcp_counter_get(b.s, "TcpOutRsts"), 2);
        tear_down(&b);
    }
}

/* T-FSM-02: flags that come to a listener. */
static void test_listen_flags(void **state) {
    (void)state;
    static const struct {
        uint8_t flags;
        const char *want;
        uint8_t answer; /* flags; 0: none */
    } cases[] = {
        {TCP_RST, "TcpNoSocket", 0},
        {TCP_RST | TCP_SYN, "TcpNoSocket", 0},
        {TCP_ACK, "TcpListenFlags", TCP_RST},
        {TCP_SYN | TCP_ACK, "TcpListenFlags", TCP_RST},
        {TCP_FIN | TCP_ACK, "TcpListenFlags", TCP_RST},
        {TCP_FIN, "TcpListenFlags", 0},
        {0, "TcpListenFlags", 0},
        {TCP_SYN | TCP_FIN, "TcpListenFlags", 0},
        {TCP_SYN | TCP_ECE | TCP_CWR, "None", TCP_SYN | TCP_ACK},
        {TCP_SYN, "None", TCP_SYN | TCP_ACK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        set_up(&b);
        listen_on(&b, 80);
        const struct seg seg = {.flags = cases[i].flags, .seq = {7}, .ack = {9}};
        assert_string_equal(seg_input(&b, PEER, 5, US, 80, seg), cases[i].want);
        assert_int_equal(take(&b), cases[i].answer != 0);
        if (cases[i].answer)
            assert_int_equal(b.seg.flags & (TCP_SYN | TCP_ACK | TCP_RST), cases[i].answer);
        tear_down(&b);
    }
}

/* T-SYN-08: the answers that wait are bounded, however many ask. */
static void test_flood(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    size_t before = umptcp_mem_used(b.s);
    for (uint32_t i = 0; i < 5000; i++)
        seg_input(&b, PEER, (uint16_t)(i + 1), US, 80, (struct seg){.flags = TCP_SYN, .seq = {i}});
    assert_true(umptcp_mem_used(b.s) < before + 20000);
    int n = 0;
    while (take(&b))
        n++;
    assert_int_equal(n, 64);
    assert_true(umptcp_mem_used(b.s) <= before);
    tear_down(&b);
}

/* ---- Joins ------------------------------------------------------------------------------------------------------- */

static struct seg join_syn(uint32_t token) {
    struct seg seg = {.flags = TCP_SYN, .seq = {5000}, .window = 65535};
    struct mpopt *o = mpopts_add(&seg.mp, MPJ_SYN);
    o->mpj.token = token;
    o->mpj.addr_id = 3;
    o->mpj.nonce = 99;
    return seg;
}

/* M-JON-11, M-JON-12, M-JON-13: an unknown token is refused with a reason, and leaves no trace. */
static void test_join_unknown(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    listen_on(&b, 80);
    size_t sockets = umptcp_sockets(b.s);
    assert_string_equal(seg_input(&b, PEER, 5, US, 80, join_syn(1234)), "MpToken");
    assert_true(take(&b));
    assert_int_equal(b.seg.flags, TCP_RST | TCP_ACK);
    assert_int_equal(b.seg.ack.v, 5001);
    assert_int_equal(b.seg.mp.n, 1);
    assert_int_equal(b.seg.mp.opt[0].type, MP_TCPRST);
    assert_int_equal(b.seg.mp.opt[0].rst.reason, MPRST_MPTCP);
    assert_int_equal(umptcp_sockets(b.s), sockets);
    assert_int_equal(umptcp_counter_get(b.s, "MPTcpExtMPJoinNoTokenFound"), 1);
    tear_down(&b);
}

/* An MP_CAPABLE beside the MP_JOIN makes neither of them: it is plain TCP. */
static void test_join_and_capable(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    listen_on(&b, 80);
    struct seg seg = join_syn(1234);
    struct mpopt *o = mpopts_add(&seg.mp, MPC_SYN);
    o->mpc.version = 1;
    o->mpc.flags = MPC_HMAC_SHA256;
    assert_string_equal(seg_input(&b, PEER, 5, US, 80, seg), "None");
    assert_true(take(&b));
    assert_int_equal(b.seg.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(b.seg.mp.n, 0);
    tear_down(&b);
}

static void no_mptcp(struct umptcp_config *cfg) { cfg->mptcp_enabled = false; }

static void test_join_disabled(void **state) {
    (void)state;
    struct bench b;
    set_up_with(&b, no_mptcp);
    listen_on(&b, 80);
    assert_string_equal(seg_input(&b, PEER, 5, US, 80, join_syn(1234)), "None");
    assert_true(take(&b));
    assert_int_equal(b.seg.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(b.seg.mp.n, 0);
    tear_down(&b);
}

/* M-JON-25, M-JON-26: the token finds the connection, whatever port the join comes to, and more may ask
 * than will have room: the limit of two counts those who proved themselves. */
static void test_join_any_port(void **state) {
    (void)state;
    struct test_world w;
    umptcp_sock pair[HOSTS], other[HOSTS];
    struct umptcp_info info;
    struct bench b = {0};
    test_world_init(&w, 1, NULL, NULL);
    umptcp_sock l = test_pair(&w, pair);
    other[CLIENT] = test_connect(&w, "10.0.1.2", 80);
    test_await(&w, SERVER, l, UMPTCP_EV_ACCEPT, SEC(1));
    assert_int_equal(umptcp_accept(w.host[SERVER], l, &other[SERVER]), 0);
    assert_int_equal(umptcp_send(w.host[CLIENT], pair[CLIENT], "x", 1, w.now), 1);
    assert_int_equal(umptcp_send(w.host[CLIENT], other[CLIENT], "x", 1, w.now), 1);
    test_run(&w, SEC(1));
    assert_int_equal(umptcp_info(w.host[SERVER], pair[SERVER], &info), 0);

    b.s = w.host[SERVER];
    b.now = w.now;
    b.netif = 1;
    for (uint16_t i = 0; i < 3; i++) {
        const char *drop = seg_input(&b, "10.0.1.77", (uint16_t)(5 + i), "10.0.1.2", 9999, join_syn(info.token_local));
        assert_string_equal(drop, "None");
        assert_true(take(&b));
        assert_int_equal(b.seg.flags, TCP_SYN | TCP_ACK);
        assert_non_null(mpopts_find(&b.seg.mp, MPJ_SYNACK));
        assert_int_equal(mpopts_find(&b.seg.mp, MPJ_SYNACK)->mpj.addr_id, 0);
    }
    assert_int_equal(umptcp_subflows(b.s, pair[SERVER], NULL, 0), 4);
    assert_int_equal(umptcp_subflows(b.s, other[SERVER], NULL, 0), 1);
    /* M-JON-30: on a tuple that lives it is an ordinary SYN out of place. */
    struct umptcp_sockaddr local, remote;
    assert_int_equal(umptcp_getname(b.s, pair[SERVER], &local, &remote), 0);
    const char *drop = seg_input(&b, "10.0.1.1", remote.port, "10.0.1.2", 80, join_syn(info.token_local));
    assert_string_equal(drop, "TcpSyn");
    test_world_free(&w);
}

/* ---- ICMP -------------------------------------------------------------------------------------------------------- */

static uint32_t echo_request(uint8_t *p, uint32_t len, const char *src, const char *dst) {
    bool v6 = strchr(src, ':');
    struct umptcp_addr a = test_addr(src), b = test_addr(dst);
    struct csum c = {0};
    for (uint32_t i = 0; i < len; i++)
        p[i] = (uint8_t)i;
    p[0] = v6 ? 128 : 8;
    p[1] = p[2] = p[3] = 0;
    if (v6)
        csum_add_pseudo(&c, &a, &b, IP_PROTO_ICMPV6, len);
    csum_add(&c, p, len);
    store_be16(p + 2, csum_finish(&c));
    return len;
}

static void test_echo(void **state) {
    (void)state;
    static const char *const ends[][2] = {{PEER, US}, {PEER6, US6}};
    uint8_t request[2000];
    for (int v6 = 0; v6 < 2; v6++) {
        struct bench b;
        set_up(&b);
        uint8_t proto = v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP;
        uint32_t len = echo_request(request, 64, ends[v6][0], ends[v6][1]);
        assert_string_equal(ip_input(&b, ends[v6][0], ends[v6][1], proto, request, len), "None");
        assert_true(take(&b));
        assert_int_equal(b.ip.proto, proto);
        assert_int_equal(b.ip.payload_len, 64);
        assert_int_equal(b.ip.payload[0], v6 ? 129 : 0);
        assert_memory_equal(b.ip.payload + 4, request + 4, 60);
        struct umptcp_addr us = test_addr(ends[v6][1]);
        assert_true(addr_eq(&b.ip.src, &us));
        struct csum c = {0};
        if (v6)
            csum_add_pseudo(&c, &b.ip.src, &b.ip.dst, IP_PROTO_ICMPV6, 64);
        csum_add(&c, b.ip.payload, 64);
        assert_int_equal(csum_fold(&c), 0xffff);
        assert_false(take(&b));
        request[10] ^= 1;
        assert_string_equal(ip_input(&b, ends[v6][0], ends[v6][1], proto, request, len), "IcmpCsum");
        len = echo_request(request, sizeof request, ends[v6][0], ends[v6][1]); /* larger than the link takes back */
        assert_string_equal(ip_input(&b, ends[v6][0], ends[v6][1], proto, request, len), "IcmpRate");
        tear_down(&b);
    }
}

static void test_echo_rate(void **state) {
    (void)state;
    struct bench b;
    uint8_t request[16];
    unsigned answered = 0;
    set_up(&b);
    uint32_t len = echo_request(request, sizeof request, PEER, US);
    for (int i = 0; i < 10000; i++) { /* in one second */
        b.now = time_add(b.now, USEC(100));
        answered += strcmp(ip_input(&b, PEER, US, IP_PROTO_ICMP, request, len), "None") == 0;
        while (take(&b))
            ;
    }
    assert_in_range(answered, 1000, 1060);
    tear_down(&b);
}

/* An ICMP error about the segment that was taken last, as a router on the way would make it. */
static const char *icmp_about(struct bench *b, uint8_t type, uint8_t code, uint16_t mtu, uint32_t seq_off) {
    uint8_t msg[8 + 48] = {type, code};
    bool v6 = b->ip.v6;
    uint32_t quoted = ip_hdr_len(v6) + 8;
    struct umptcp_addr router = test_addr(v6 ? "2001:db8:1::99" : "10.0.1.99");
    memcpy(msg + 8, b->packet, quoted);
    store_be32(msg + 8 + ip_hdr_len(v6) + 4, load_be32(msg + 8 + ip_hdr_len(v6) + 4) + seq_off);
    store_be16(msg + 6, mtu);
    struct csum c = {0};
    if (v6)
        csum_add_pseudo(&c, &router, &b->ip.src, IP_PROTO_ICMPV6, 8 + quoted);
    csum_add(&c, msg, 8 + quoted);
    store_be16(msg + 2, csum_finish(&c));
    return ip_input(b, v6 ? "2001:db8:1::99" : "10.0.1.99", v6 ? US6 : US, v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP, msg,
                    8 + quoted);
}

static umptcp_sock connecting(struct bench *b, const char *peer) {
    const struct umptcp_connect c = {.remote = test_at(peer, 80), .tcp_only = true};
    umptcp_sock sock;
    assert_int_equal(umptcp_connect(b->s, &c, &sock, b->now), 0);
    assert_true(take(b));
    assert_int_equal(b->seg.flags & TCP_SYN, TCP_SYN);
    return sock;
}

/* A connection to a peer made by hand, with 1000 bytes in flight that were taken last. */
static umptcp_sock connected(struct bench *b, const char *peer) {
    static const uint8_t data[1000];
    umptcp_sock sock = connecting(b, peer);
    struct seg synack = {.flags = TCP_SYN | TCP_ACK, .seq = {9000}, .ack = {b->seg.seq.v + 1}, .window = 65535};
    synack.opt.has_mss = true;
    synack.opt.mss = 1460;
    const char *us = b->ip.v6 ? US6 : US;
    assert_string_equal(seg_input(b, peer, 80, us, b->seg.flow.remote.port, synack), "None");
    assert_true(take(b));
    assert_int_equal(umptcp_send(b->s, sock, data, sizeof data, b->now), 1000);
    while (take(b))
        if (b->seg.len)
            return sock;
    fail();
    return sock;
}

static uint16_t mss_of(struct bench *b, umptcp_sock sock) {
    struct umptcp_subflow_info info;
    assert_int_equal(umptcp_subflows(b->s, sock, &info, 1), 1);
    return info.mss;
}

/* T-MTU-01, T-MTU-10, T-CHA-11: an error counts only about something in flight. */
static void test_icmp_must_fit(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    umptcp_sock sock = connected(&b, PEER);
    assert_int_equal(mss_of(&b, sock), 1460);
    assert_string_equal(icmp_about(&b, 3, 4, 1000, 1000), "IcmpNoSocket");   /* behind */
    assert_string_equal(icmp_about(&b, 3, 4, 1000, 0u - 2), "IcmpNoSocket"); /* before */
    assert_int_equal(mss_of(&b, sock), 1460);
    struct bench other = b;
    other.packet[21]++; /* another port of ours */
    assert_string_equal(icmp_about(&other, 3, 4, 1000, 0), "IcmpNoSocket");
    assert_int_equal(mss_of(&b, sock), 1460);
    assert_string_equal(icmp_about(&b, 3, 4, 1000, 0), "None");
    assert_int_equal(mss_of(&b, sock), 960);
    tear_down(&b);
}

/* T-MTU-05 to T-MTU-08: lower, never higher, not below the floor, and by plateaus when the router does not say. */
static void test_too_big(void **state) {
    (void)state;
    static const struct {
        uint16_t mtu, mss;
    } steps[] = {{1500, 1460},  {1400, 1360},  {1450, 1360},  {0, 1006 - 40},
                 {0, 576 - 40}, {0, 576 - 40}, {68, 576 - 40}};
    struct bench b;
    set_up(&b);
    umptcp_sock sock = connected(&b, PEER);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_string_equal(icmp_about(&b, 3, 4, steps[i].mtu, 0), "None");
        assert_int_equal(mss_of(&b, sock), steps[i].mss);
    }
    tear_down(&b);
    set_up(&b);
    sock = connected(&b, PEER6);
    assert_int_equal(mss_of(&b, sock), 1440);
    assert_string_equal(icmp_about(&b, 2, 0, 1279, 0), "IcmpBad");
    assert_int_equal(mss_of(&b, sock), 1440);
    assert_string_equal(icmp_about(&b, 2, 0, 1280, 0), "None");
    assert_int_equal(mss_of(&b, sock), 1220);
    tear_down(&b);
}

/* T-MTU-03, T-MTU-04: which errors end a connection attempt, and that none ends a connection. */
static void test_unreachable(void **state) {
    (void)state;
    static const struct {
        bool v6;
        uint8_t type, code;
        int want; /* 0: goes on */
    } cases[] = {
        {false, 3, 0, 0},
        {false, 3, 1, 0},
        {false, 3, 5, 0},
        {false, 11, 0, 0},
        {false, 12, 0, 0},
        {false, 3, 2, ENOPROTOOPT},
        {false, 3, 3, ECONNREFUSED},
        {false, 3, 13, EHOSTUNREACH},
        {true, 1, 0, 0},
        {true, 1, 3, 0},
        {true, 1, 1, EACCES},
        {true, 1, 4, ECONNREFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        struct umptcp_event ev = {0};
        set_up(&b);
        umptcp_sock sock = connecting(&b, cases[i].v6 ? PEER6 : PEER);
        assert_string_equal(icmp_about(&b, cases[i].type, cases[i].code, 0, 1), "IcmpNoSocket");
        assert_string_equal(icmp_about(&b, cases[i].type, cases[i].code, 0, 0), "None");
        bool over = false;
        while (umptcp_event(b.s, &ev))
            over = over || ev.type == UMPTCP_EV_CLOSED;
        assert_int_equal(over, cases[i].want != 0);
        if (over)
            assert_int_equal(ev.error, cases[i].want);
        assert_int_equal(umptcp_close(b.s, sock, b.now), 0);
        tear_down(&b);

        set_up(&b);
        sock = connected(&b, cases[i].v6 ? PEER6 : PEER);
        assert_string_equal(icmp_about(&b, cases[i].type, cases[i].code, 0, 0), "None");
        struct umptcp_info info;
        assert_int_equal(umptcp_info(b.s, sock, &info), 0);
        assert_int_equal(info.state, UMPTCP_ESTABLISHED);
        tear_down(&b);
    }
}

/* T-MTU-02, and what else means nothing to a host. */
static void test_icmp_ignored(void **state) {
    (void)state;
    static const uint8_t types[] = {0, 4, 5, 9, 13, 17, 40};
    struct bench b;
    set_up(&b);
    connected(&b, PEER);
    for (size_t i = 0; i < sizeof types; i++)
        assert_string_equal(icmp_about(&b, types[i], 0, 0, 0), "IcmpType");
    tear_down(&b);
}

/* ---- Anything ---------------------------------------------------------------------------------------------------- */

/* Packets of any content, most of them nearly right: nothing breaks, nothing is left over. */
static void test_hostile(void **state) {
    (void)state;
    uint64_t rnd = 11;
    struct bench b;
    set_up(&b);
    listen_on(&b, 80);
    umptcp_sock sock = connected(&b, PEER);
    uint16_t port = b.seg.flow.remote.port;
    uint32_t their = b.seg.seq.v;
    for (int i = 0; i < 20000; i++) {
        uint8_t data[64];
        struct seg seg = {.flags = (uint8_t)test_random(&rnd),
                          .seq = {test_below(&rnd, 2) ? 9001 : (uint32_t)test_random(&rnd)},
                          .ack = {test_below(&rnd, 2) ? their : (uint32_t)test_random(&rnd)},
                          .window = (uint16_t)test_random(&rnd),
                          .data = data,
                          .len = test_below(&rnd, sizeof data)};
        for (size_t k = 0; k < sizeof data; k++)
            data[k] = (uint8_t)test_random(&rnd);
        seg.flags &= (uint8_t) ~(test_below(&rnd, 8) ? TCP_RST : 0);
        enum mp_type type = (enum mp_type)(1 + test_below(&rnd, MP_TYPE_COUNT - 1));
        struct mpopt o = test_random_mpopt(&rnd, type);
        if (mpopt_len(&o) <= TCP_OPTIONS_MAX - 4)
            *mpopts_add(&seg.mp, type) = o;
        seg.flow = (struct flow){test_at(PEER, test_below(&rnd, 2) ? 80 : (uint16_t)(1 + test_below(&rnd, 20))),
                                 test_at(US, test_below(&rnd, 2) ? 80 : port)};
        struct ip_hdr ip = test_ip(PEER, US, IP_PROTO_TCP);
        uint32_t len;
        uint8_t *pkt = test_segment(ip, &seg, &len);
        if (test_below(&rnd, 4) == 0)
            pkt[test_below(&rnd, len)] ^= (uint8_t)(1 + test_below(&rnd, 255));
        const struct umptcp_packet in = {
            .data = pkt, .len = len - (test_below(&rnd, 10) ? 0 : test_below(&rnd, len)), .csum_valid = true};
        umptcp_input(b.s, 1, &in, b.now);
        free(pkt);
        b.now = time_add(b.now, USEC(test_below(&rnd, 20000)));
        umptcp_tick(b.s, b.now);
        static uint8_t packet[65536];
        while (test_take(b.s, &b.out, packet, b.now))
            ;
        if (i % 64 == 0)
            assert_null(umptcp_check(b.s));
    }
    umptcp_close(b.s, sock, b.now);
    tear_down(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interface),     cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_malformed),     cmocka_unit_test(test_checksum_offload),
        cmocka_unit_test(test_fragments),     cmocka_unit_test(test_rst),
        cmocka_unit_test(test_listen_flags),  cmocka_unit_test(test_flood),
        cmocka_unit_test(test_join_unknown),  cmocka_unit_test(test_join_and_capable),
        cmocka_unit_test(test_join_disabled), cmocka_unit_test(test_join_any_port),
        cmocka_unit_test(test_echo),          cmocka_unit_test(test_echo_rate),
        cmocka_unit_test(test_icmp_must_fit), cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_unreachable),   cmocka_unit_test(test_icmp_ignored),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
