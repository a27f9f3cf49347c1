/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One packet from the wire, through IP to TCP or ICMP. What is accepted is built again and must parse to the same
 * values; and it is cut into pieces, whose payload must be that of the packet.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/gso.h"
#include "wire/icmp.h"
#include "wire/segment.h"

enum { GSO_SIZE = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *pkt, size_t size);

static void tcp_again(const struct ip_hdr *ip, const struct seg *seg) {
    static struct seg out, again;
    uint8_t hdr[TCP_HDR_LEN + TCP_OPTIONS_MAX];
    out = *seg;
    out.flow =
        (struct flow){.local = seg->flow.remote, .remote = seg->flow.local}; /* the source is local when it is sent */
    struct writer w = writer_of(hdr, sizeof hdr);
    tcp_build(&w, &out);
    assert(w.len == TCP_HDR_LEN + tcp_options_len(&out));
    if (w.bad) { /* our padding may need more room than the sender's */
        assert(w.len > sizeof hdr);
        return;
    }
    uint8_t *copy = malloc(w.len + seg->len);
    assert(copy);
    memcpy(copy, hdr, w.len);
    memcpy(copy + w.len, seg->data, seg->len);
    struct ip_hdr copy_ip = *ip;
    copy_ip.payload = copy;
    copy_ip.payload_len = (uint32_t)w.len + seg->len;
    assert(tcp_parse(&copy_ip, true, 0, &again) == DROP_NONE);
    assert(flow_eq(&again.flow, &seg->flow) && again.seq.v == seg->seq.v && again.ack.v == seg->ack.v);
    assert(again.flags == seg->flags && again.window == seg->window && again.urgent == seg->urgent);
    assert(memcmp(&again.opt, &seg->opt, sizeof again.opt) == 0);
    assert(again.mp.n == seg->mp.n && again.mp.malformed == 0);
    assert(memcmp(again.mp.opt, seg->mp.opt, seg->mp.n * sizeof seg->mp.opt[0]) == 0);
    assert(again.len == seg->len);
    free(copy);
}

static void cut(const uint8_t *pkt, uint32_t len, const struct seg *whole) {
    uint8_t *piece = malloc(len);
    assert(piece);
    uint32_t n = gso_count(pkt, len, GSO_SIZE), at = 0;
    for (uint32_t i = 0; i < n; i++) {
        static struct seg seg;
        struct ip_hdr ip;
        uint32_t piece_len = gso_piece(pkt, len, GSO_SIZE, i, piece);
        assert(piece_len <= len);
        assert(ip_parse(piece, piece_len, false, &ip) == DROP_NONE && tcp_parse(&ip, false, 0, &seg) == DROP_NONE);
        assert(seg.len <= GSO_SIZE && seg.seq.v == whole->seq.v + at);
        assert(memcmp(seg.data, whole->data + at, seg.len) == 0);
        at += seg.len;
    }
    assert(at == whole->len);
    free(piece);
}

static void ip_again(const struct ip_hdr *ip) {
    uint8_t hdr[IPV6_HDR_LEN];
    struct ip_hdr again;
    struct writer w = writer_of(hdr, sizeof hdr);
    ip_build(&w, ip, 0);
    assert(!w.bad && w.len == ip_hdr_len(ip->v6));
    if (ip->v6 && ip->proto != IP_PROTO_TCP) /* would announce an extension header that is not there */
        return;
    assert(ip_parse(hdr, (uint32_t)w.len, false, &again) == DROP_NONE);
    assert(again.v6 == ip->v6 && again.proto == ip->proto && again.ttl == ip->ttl && again.ecn == ip->ecn);
    assert(again.dscp == ip->dscp && again.flow_label == ip->flow_label && again.id == ip->id);
    assert(addr_eq(&again.src, &ip->src) && addr_eq(&again.dst, &ip->dst));
    assert(ip->v6 || (again.fragment == ip->fragment && again.frag_offset == ip->frag_offset));
}

static void echo_again(const struct ip_hdr *ip) {
    uint8_t *reply = malloc(ip->payload_len);
    assert(reply);
    struct writer w = writer_of(reply, ip->payload_len);
    icmp_build_echo_reply(&w, ip);
    assert(!w.bad && w.len == ip->payload_len);
    struct ip_hdr back = *ip;
    struct icmp_msg msg;
    back.payload = reply;
    assert(icmp_parse(&back, false, &msg) == DROP_ICMP_TYPE); /* the checksum is right, and it is no request */
    free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *pkt, size_t size) {
    static struct seg seg;
    struct ip_hdr ip;
    struct icmp_msg msg;
    ip_parse_quoted(pkt, (uint32_t)size, &ip);
    ip_parse(pkt, (uint32_t)size, false, &ip);
    if (ip_parse(pkt, (uint32_t)size, true, &ip) != DROP_NONE)
        return 0;
    assert(ip.payload >= pkt && ip.payload + ip.payload_len <= pkt + size);
    ip_again(&ip);
    if (icmp_parse(&ip, true, &msg) == DROP_NONE && msg.kind == ICMP_ECHO)
        echo_again(&ip);
    tcp_parse(&ip, false, 0, &seg);
    if (ip.proto != IP_PROTO_TCP || ip.fragment || tcp_parse(&ip, true, 0, &seg) != DROP_NONE)
        return 0;
    tcp_again(&ip, &seg);
    cut(pkt, (uint32_t)size, &seg);
    return 0;
}
