/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP (RFC 792, 1122 3.2.2) and ICMPv6 (RFC 4443): what errors mean for a TCP connection, and echo.
 *
 * The two protocols differ in their numbers only: one table says what each type and code is to us, and the rest of the
 * code does not ask for the family again but for the checksum and the place of the MTU.
 */
#include "wire/icmp.h"

#include "wire/bytes.h"
#include "wire/checksum.h"

enum { ICMP_HDR_LEN = 8, QUOTED_TCP_LEN = 8 };
enum { ECHO_REPLY_V4 = 0, ECHO_REPLY_V6 = 129 };
enum { ANY_CODE = -1 };

struct meaning {
    bool v6;
    uint8_t type;
    int16_t code;
    enum icmp_kind kind;
};

/* The first row that fits counts. Types without a row (replies, redirects, source quench, neighbour discovery, ...)
 * mean nothing to TCP. RFC 1122 4.2.3.9 and RFC 5461 say which are hard. */
static const struct meaning meanings[] = {
    {false, 8, 0, ICMP_ECHO},
    {false, 3, 2, ICMP_UNREACH_HARD},         /* protocol */
    {false, 3, 3, ICMP_UNREACH_HARD},         /* port */
    {false, 3, 4, ICMP_TOO_BIG},              /* fragmentation needed */
    {false, 3, 9, ICMP_UNREACH_HARD},         /* network administratively prohibited */
    {false, 3, 10, ICMP_UNREACH_HARD},        /* host administratively prohibited */
    {false, 3, 13, ICMP_UNREACH_HARD},        /* communication administratively prohibited */
    {false, 3, ANY_CODE, ICMP_UNREACH_SOFT},  /* network, host, source route, ... */
    {false, 11, ANY_CODE, ICMP_UNREACH_SOFT}, /* time exceeded */
    {false, 12, ANY_CODE, ICMP_UNREACH_SOFT}, /* parameter problem */
    {true, 128, 0, ICMP_ECHO},
    {true, 1, 1, ICMP_UNREACH_HARD},        /* administratively prohibited */
    {true, 1, 4, ICMP_UNREACH_HARD},        /* port */
    {true, 1, 5, ICMP_UNREACH_HARD},        /* source address failed a policy */
    {true, 1, 6, ICMP_UNREACH_HARD},        /* reject route */
    {true, 1, ANY_CODE, ICMP_UNREACH_SOFT}, /* no route, beyond scope, address */
    {true, 2, ANY_CODE, ICMP_TOO_BIG},
    {true, 3, ANY_CODE, ICMP_UNREACH_SOFT}, /* time exceeded */
    {true, 4, ANY_CODE, ICMP_UNREACH_SOFT}, /* parameter problem */
};

static const struct meaning *find_meaning(bool v6, uint8_t type, uint8_t code) {
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        const struct meaning *m = &meanings[i];
        if (m->v6 == v6 && m->type == type && (m->code == ANY_CODE || m->code == code))
            return m;
    }
    return NULL;
}

static bool csum_ok(const struct ip_hdr *ip) {
    struct csum c = {0};
    if (ip->v6)
        csum_add_pseudo(&c, &ip->src, &ip->dst, IP_PROTO_ICMPV6, ip->payload_len);
    csum_add(&c, ip->payload, ip->payload_len);
    return csum_fold(&c) == 0xffff;
}

/* The segment that an error is about was ours: its source is the local side. */
static enum drop parse_quoted(const struct ip_hdr *ip, struct icmp_msg *msg) {
    struct ip_hdr q;
    if (ip_parse_quoted(ip->payload + ICMP_HDR_LEN, ip->payload_len - ICMP_HDR_LEN, &q) != DROP_NONE)
        return DROP_ICMP_BAD;
    if (q.v6 != ip->v6)
        return DROP_ICMP_BAD;
    if (q.proto != IP_PROTO_TCP || q.frag_offset)
        return DROP_ICMP_TYPE;
    if (q.payload_len < QUOTED_TCP_LEN)
        return DROP_ICMP_BAD;
    msg->flow = (struct flow){
        .local = {q.src, load_be16(q.payload)},
        .remote = {q.dst, load_be16(q.payload + 2)},
    };
    msg->seq.v = load_be32(q.payload + 4);
    return DROP_NONE;
}

enum drop icmp_parse(const struct ip_hdr *ip, bool csum_valid, struct icmp_msg *msg) {
    const uint8_t *p = ip->payload;
    if (ip->proto != (ip->v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP) || ip->payload_len < ICMP_HDR_LEN)
        return DROP_ICMP_BAD;
    if (!csum_valid && !csum_ok(ip))
        return DROP_ICMP_CSUM;
    const struct meaning *m = find_meaning(ip->v6, p[0], p[1]);
    if (!m)
        return DROP_ICMP_TYPE;
    struct icmp_msg result = {.kind = m->kind, .type = p[0], .code = p[1]};
    if (m->kind == ICMP_TOO_BIG)
        result.mtu = ip->v6 ? load_be32(p + 4) : load_be16(p + 6);
    if (m->kind != ICMP_ECHO) {
        enum drop d = parse_quoted(ip, &result);
        if (d != DROP_NONE)
            return d;
    }
    *msg = result;
    return DROP_NONE;
}

void icmp_build_echo_reply(struct writer *w, const struct ip_hdr *request) {
    const uint8_t *rest = request->payload + 4; /* identifier, sequence number, data: as they came */
    size_t rest_len = request->payload_len - 4;
    uint8_t h[4] = {request->v6 ? ECHO_REPLY_V6 : ECHO_REPLY_V4};
    struct csum c = {0};
    if (request->v6)
        csum_add_pseudo(&c, &request->dst, &request->src, IP_PROTO_ICMPV6, request->payload_len);
    csum_add(&c, h, sizeof h);
    csum_add(&c, rest, rest_len);
    store_be16(h + 2, csum_finish(&c));
    put_bytes(w, h, sizeof h);
    put_bytes(w, rest, rest_len);
}
