/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes and attackers that send what nobody asked for: a RST behind a packet, an ICMP error about it. */
#include <stdlib.h>
#include <string.h>

#include "sim/kinds.h"
#include "wire/checksum.h"
#include "wire/ip.h"

#define BIT(s) (1u << (s))

enum { IN_WINDOW = 1000, OUT_OF_WINDOW = 0x40000000, QUOTED_V4 = 8, QUOTED_V6_MAX = 1232, ICMP_HDR = 8, TTL = 64 };

static void rst_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    static const uint32_t beyond[] = {[SEQ_EXACT] = 0, [SEQ_WINDOW] = IN_WINDOW, [SEQ_OUTSIDE] = OUT_OF_WINDOW};
    struct umptcp_sockaddr src = packet_src(p), dst = packet_dst(p);
    struct packet *rst = packet_segment(&src, &dst, p->dir);
    uint32_t seq = packet_end(p) + beyond[b->set[SET_SEQ]];
    box_pass(b, p);
    if (!rst)
        return;
    packet_set_flags(rst, TCP_RST);
    packet_set_seq(rst, seq);
    box_pass_changed(b, rst);
}

const struct box_kind box_rst = {
    .name = "rst",
    .help = "sends a RST behind packets, with the exact number, one in the window, or one outside",
    .settings = BIT(SET_SEQ),
    .on = ON_DATA,
    .input = rst_input,
};

/* The type and code of an error, and what its second word says. */
static void put_error(const struct box *b, struct writer *w, bool v6) {
    static const uint8_t code[2][4] = {
        {[ERROR_HOST] = 1, [ERROR_PORT] = 3, [ERROR_PROHIBITED] = 13, [ERROR_TOO_BIG] = 4},
        {[ERROR_HOST] = 3, [ERROR_PORT] = 4, [ERROR_PROHIBITED] = 1}};
    enum { V4_UNREACHABLE = 3, V6_UNREACHABLE = 1, V6_TOO_BIG = 2 };
    uint64_t error = b->set[SET_ERROR];
    put_u8(w, !v6 ? V4_UNREACHABLE : error == ERROR_TOO_BIG ? V6_TOO_BIG : V6_UNREACHABLE);
    put_u8(w, code[v6][error]);
    put_u16(w, 0);
    put_u32(w, error == ERROR_TOO_BIG ? (uint32_t)b->set[SET_MTU] : 0);
}

static void icmp_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    struct ip_hdr ip = {.v6 = p->v6, .proto = p->v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP, .ttl = TTL};
    ip.src = packet_dst(p).addr;
    ip.dst = packet_src(p).addr;
    uint32_t quoted = p->l4 + (p->v6 ? packet_tcp_len(p) : QUOTED_V4), head = ip_hdr_len(p->v6);
    if (quoted > QUOTED_V6_MAX)
        quoted = QUOTED_V6_MAX;
    struct packet *e = packet_new(NULL, head + ICMP_HDR + quoted, dir_back(p->dir));
    if (e) {
        struct writer w = writer_of(e->data, e->len);
        ip_build(&w, &ip, ICMP_HDR + quoted);
        put_error(b, &w, p->v6);
        put_bytes(&w, p->data, quoted);
        struct csum c = {0};
        if (p->v6)
            csum_add_pseudo(&c, &ip.src, &ip.dst, ip.proto, ICMP_HDR + quoted);
        csum_add(&c, e->data + head, ICMP_HDR + quoted);
        store_be16(e->data + head + 2, csum_finish(&c));
        b->hits++;
    }
    box_pass(b, p);
    if (e)
        box_pass(b, e);
}

const struct box_kind box_icmp = {
    .name = "icmp",
    .help = "sends an ICMP error about packets to who sent them, in the name of the other end",
    .settings = BIT(SET_ERROR) | BIT(SET_MTU),
    .on = ON_DATA,
    .input = icmp_input,
};
