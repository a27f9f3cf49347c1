/* SPDX-License-Identifier: BSD-3-Clause */
/* Outbound packets: from bytes to the script's numbers. */
#include <stdio.h>
#include <string.h>

#include "script/mpvalue.h"
#include "script/translate.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

/* A TCP segment as it lies in a packet. */
struct raw_tcp {
    struct ip_hdr ip;
    const uint8_t *h; /* the header */
    uint32_t hdr_len, len;
};

static const char *parse(const uint8_t *data, uint32_t len, struct raw_tcp *t) {
    enum drop drop = ip_parse(data, len, false, &t->ip);
    if (drop != DROP_NONE)
        return drop_name(drop);
    if (t->ip.proto != IP_PROTO_TCP || t->ip.payload_len < TCP_HDR_LEN)
        return t->ip.proto == IP_PROTO_TCP ? "a TCP header that is cut off" : "no TCP";
    t->h = t->ip.payload;
    t->hdr_len = (t->h[12] >> 4) * 4u;
    if (t->hdr_len < TCP_HDR_LEN || t->hdr_len > t->ip.payload_len)
        return "a TCP data offset that is beyond the packet";
    t->len = t->ip.payload_len - t->hdr_len;
    return NULL;
}

/* The next option at *p; NULL at the end. What runs past the end is one option up to there. */
static const uint8_t *next_option(const uint8_t **p, const uint8_t *end, uint8_t *len) {
    const uint8_t *at = *p;
    if (at >= end)
        return NULL;
    size_t left = (size_t)(end - at);
    *len = at[0] <= KIND_NOP ? 1 : left >= 2 && at[1] >= 2 && at[1] <= left ? at[1] : (uint8_t)left;
    *p = at + *len;
    return at;
}

/* ---- Before the flow is known ------------------------------------------------------------------------------------ */

static void head_options(const struct raw_tcp *t, struct live_head *head) {
    const uint8_t *p = t->h + TCP_HDR_LEN, *end = t->h + t->hdr_len, *o;
    uint8_t len;
    while ((o = next_option(&p, end, &len))) {
        if (o[0] == KIND_TS && len == 10) {
            head->has_ts = true;
            head->tsval = load_be32(o + 2);
        } else if (o[0] == MPOPT_KIND && head->bare_syn && len == 12 && o[2] >> 4 == 1) {
            head->joins = true;
            head->token = load_be32(o + 4);
        }
    }
}

bool lift_head(const uint8_t *data, uint32_t len, struct live_head *head) {
    struct raw_tcp t;
    *head = (struct live_head){0};
    const char *wrong = parse(data, len, &t);
    if (wrong && (ip_parse(data, len, false, &t.ip) != DROP_NONE || t.ip.proto == IP_PROTO_TCP))
        return false;
    head->ends.local.addr = t.ip.src;
    head->ends.remote.addr = t.ip.dst;
    head->tcp = !wrong;
    head->icmp = t.ip.proto == IP_PROTO_ICMP || t.ip.proto == IP_PROTO_ICMPV6;
    if (!head->tcp)
        return head->icmp;
    head->ends.local.port = load_be16(t.h);
    head->ends.remote.port = load_be16(t.h + 2);
    head->seq = load_be32(t.h + 4);
    head->ack = load_be32(t.h + 8);
    head->syn = t.h[13] & TCP_SYN;
    head->bare_syn = (t.h[13] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    head_options(&t, head);
    return true;
}

void lift_anchor(struct flows *f, struct tcp_flow *flow, const struct packet *line, const struct live_head *head) {
    if (line->proto != PACKET_TCP || !head->tcp)
        return;
    if (flow->has_new_isn && head->syn && !head->bare_syn && head->ack == flow->new_isn + 1)
        flow_renew(f, flow);
    if (head->syn && !flow->has_stack_isn) {
        flow->has_stack_isn = true;
        flow->stack_isn = head->seq;
        flow->stack_isn_written = line->tcp.flags & TCP_SYN ? line->tcp.seq : 0;
    }
    if (head->has_ts && !flow->nts)
        for (const struct option *o = line->tcp.options; o; o = o->next)
            if (o->kind == OPTION_TS)
                flow_learn_ts(f, flow, o->ts.val, head->tsval);
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

static void lift_raw(struct option *o, const uint8_t *p, uint8_t len) {
    o->kind = OPTION_RAW;
    o->bytes.len = len;
    memcpy(o->bytes.octets, p, len);
}

static void lift_bytes(struct option *o, enum option_kind kind, const uint8_t *p, uint8_t len) {
    o->kind = kind;
    o->bytes.len = len;
    memcpy(o->bytes.octets, p, len);
}

static void lift_sack(const struct tcp_flow *flow, bool syn, struct option *o, const uint8_t *p, uint8_t len) {
    o->kind = OPTION_SACK;
    o->sack.n = (uint8_t)((len - 2) / 8);
    for (uint8_t i = 0; i < o->sack.n; i++) {
        o->sack.block[i].left = flow_written_peer_seq(flow, syn, load_be32(p + 2 + 8 * i));
        o->sack.block[i].right = flow_written_peer_seq(flow, syn, load_be32(p + 6 + 8 * i));
    }
}

static void lift_acc_ecn(struct option *o, const uint8_t *p, uint8_t len) {
    o->kind = OPTION_ACC_ECN;
    o->ecn.order = p[0] == KIND_ACC_ECN1;
    o->ecn.n = (uint8_t)((len - 2) / 3);
    for (uint8_t i = 0; i < o->ecn.n; i++)
        o->ecn.counter[i] = (uint32_t)p[2 + 3 * i] << 16 | (uint32_t)p[3 + 3 * i] << 8 | p[4 + 3 * i];
}

static void lift_option(const struct tcp_flow *flow, const struct raw_tcp *t, struct option *o, const uint8_t *p,
                        uint8_t len) {
    uint8_t flags = t->h[13];
    struct mpopt mp;
    if (p[0] == KIND_EOL && len == 1) {
        o->kind = OPTION_EOL;
    } else if (p[0] == KIND_NOP && len == 1) {
        o->kind = OPTION_NOP;
    } else if (p[0] == KIND_MSS && len == 4) {
        o->kind = OPTION_MSS;
        o->n = load_be16(p + 2);
    } else if (p[0] == KIND_WSCALE && len == 3) {
        o->kind = OPTION_WSCALE;
        o->n = p[2];
    } else if (p[0] == KIND_SACK_OK && len == 2) {
        o->kind = OPTION_SACK_OK;
    } else if (p[0] == KIND_SACK && len > 2 && len <= 2 + 8 * SACK_MAX && (len - 2) % 8 == 0) {
        lift_sack(flow, flags & TCP_SYN, o, p, len);
    } else if (p[0] == KIND_TS && len == 10) {
        o->kind = OPTION_TS;
        o->ts.val = flow_written_ts(flow, load_be32(p + 2));
        o->ts.ecr = load_be32(p + 6);
    } else if (p[0] == KIND_MD5 && len >= 2) {
        lift_bytes(o, OPTION_MD5, p + 2, (uint8_t)(len - 2));
    } else if (p[0] == KIND_FO && len >= 2) {
        lift_bytes(o, OPTION_FO, p + 2, (uint8_t)(len - 2));
    } else if (p[0] == KIND_EXPERIMENT && len >= 4 && load_be16(p + 2) == MAGIC_FOEXP) {
        lift_bytes(o, OPTION_FOEXP, p + 4, (uint8_t)(len - 4));
    } else if ((p[0] == KIND_ACC_ECN0 || p[0] == KIND_ACC_ECN1) && len >= 2 && len <= 11 && (len - 2) % 3 == 0) {
        lift_acc_ecn(o, p, len);
    } else if (p[0] == MPOPT_KIND && len > 2 && mpopt_parse(p, len, flags, t->len > 0, &mp) == 0) {
        o->kind = OPTION_MPTCP;
        mp_lift(flow, &mp, &o->mp);
    } else {
        lift_raw(o, p, len);
    }
}

static void lift_ip(const struct ip_hdr *ip, struct packet *p) {
    p->v6 = ip->v6;
    p->ip.given = GIVEN_TOS | GIVEN_TTL | (ip->v6 ? GIVEN_FLOW_LABEL : 0);
    p->ip.tos = (uint8_t)(ip->dscp << 2 | ip->ecn);
    p->ip.ttl = ip->ttl;
    p->ip.flow_label = ip->flow_label;
}

/*
 * Bits of octets 2 and 3 that RFC 8684 reserves, by subtype. The parser does not look at them, so they are compared as
 * they are. The flags of MP_CAPABLE are all in the script's line.
 */
static uint16_t reserved_bits(const uint8_t *o, uint8_t len) {
    enum { SUBTYPES = 9, JOIN_ACK_LEN = 24 };
    static const uint16_t reserved[SUBTYPES] = {0x0000, 0x0e00, 0x0fe0, 0x0e00, 0x0f00, 0x0e00, 0x0fff, 0x0fff, 0x0e00};
    uint8_t subtype = o[2] >> 4;
    if (subtype == 1 && len == JOIN_ACK_LEN)
        return 0x0fff;
    return subtype < SUBTYPES ? reserved[subtype] : 0;
}

static bool reserved_set(const struct raw_tcp *t) {
    const uint8_t *at = t->h + TCP_HDR_LEN, *end = t->h + t->hdr_len, *o;
    uint8_t len;
    while ((o = next_option(&at, end, &len)))
        if (o[0] == MPOPT_KIND && len > 2 && (o[2] << 8 | (len > 3 ? o[3] : 0)) & reserved_bits(o, len))
            return true;
    return false;
}

static const char *broken(const struct raw_tcp *t) {
    struct csum c = {0};
    csum_add_pseudo(&c, &t->ip.src, &t->ip.dst, IP_PROTO_TCP, t->ip.payload_len);
    csum_add(&c, t->ip.payload, t->ip.payload_len);
    if (csum_fold(&c) != 0xffff)
        return "its TCP checksum is wrong";
    if (t->h[12] & 0x0e)
        return "reserved bits of its TCP header are set";
    if (reserved_set(t))
        return "reserved bits of its MPTCP option are set";
    for (uint32_t i = 0; i < t->len; i++)
        if (t->h[t->hdr_len + i])
            return "its payload is not the zeros that were written";
    return NULL;
}

bool lift(const struct tcp_flow *flow, const uint8_t *data, uint32_t len, struct arena *arena, struct packet *p,
          char *error, size_t size) {
    struct raw_tcp t;
    memset(p, 0, sizeof *p);
    const char *wrong = parse(data, len, &t);
    if (wrong && (ip_parse(data, len, false, &t.ip) == DROP_NONE) &&
        (t.ip.proto == IP_PROTO_ICMP || t.ip.proto == IP_PROTO_ICMPV6) && t.ip.payload_len >= 2) {
        p->proto = PACKET_ICMP;
        lift_ip(&t.ip, p);
        p->icmp.type = t.ip.payload[0];
        p->icmp.code = t.ip.payload[1];
        return true;
    }
    if (wrong) {
        snprintf(error, size, "the stack sent %s", wrong);
        return false;
    }
    bool syn = t.h[13] & TCP_SYN;
    p->proto = PACKET_TCP;
    lift_ip(&t.ip, p);
    p->tcp.flags = t.h[13];
    p->tcp.ae = t.h[12] & 1;
    p->tcp.ace = (uint8_t)((t.h[13] & TCP_ECE ? 1 : 0) | (t.h[13] & TCP_CWR ? 2 : 0) | (p->tcp.ae ? 4 : 0));
    p->tcp.seq = flow_written_stack_seq(flow, syn, load_be32(t.h + 4));
    p->tcp.len = t.len;
    if (t.h[13] & TCP_ACK) {
        p->tcp.has_ack = true;
        p->tcp.ack = flow_written_peer_seq(flow, syn, load_be32(t.h + 8));
    }
    p->tcp.has_win = true;
    p->tcp.win = load_be16(t.h + 14);
    p->tcp.urg = load_be16(t.h + 18);
    const uint8_t *at = t.h + TCP_HDR_LEN, *end = t.h + t.hdr_len, *o;
    struct option **tail = &p->tcp.options;
    uint8_t option_len;
    while ((o = next_option(&at, end, &option_len))) {
        *tail = arena_alloc(arena, sizeof **tail);
        lift_option(flow, &t, *tail, o, option_len);
        tail = &(*tail)->next;
    }
    wrong = broken(&t);
    if (wrong)
        snprintf(error, size, "the stack sent a bad packet: %s", wrong);
    return !wrong;
}
