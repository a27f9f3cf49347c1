/* SPDX-License-Identifier: BSD-3-Clause */
/* Inbound packets: from the script's numbers to bytes. */
#include <stdio.h>
#include <string.h>

#include "io/raw.h"
#include "script/mpvalue.h"
#include "script/translate.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

enum {
    IP_LEN_MAX = 65535,
    TTL_DEFAULT = 255,
    QUOTED_TCP_LEN = 8,
    ICMP_HDR_LEN = 8,
    UDP_HDR_LEN = 8,
    IP_PROTO_UDP = 17
};
enum { ICMP4_UNREACH = 3, ICMP4_FRAG_NEEDED = 4 };
struct packing {
    struct flows *f;
    struct tcp_flow *flow;
    const struct packet *p;
    struct writer w;
    char *error;
    size_t size;
};

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static void put_head(struct writer *w, uint8_t kind, size_t len) {
    put_u8(w, kind);
    put_u8(w, (uint8_t)len);
}

static void put_sack(struct packing *k, const struct option *o) {
    bool syn = k->p->tcp.flags & TCP_SYN;
    put_head(&k->w, KIND_SACK, 2 + 8u * o->sack.n);
    for (uint8_t i = 0; i < o->sack.n; i++) {
        put_u32(&k->w, flow_stack_seq(k->flow, syn, o->sack.block[i].left));
        put_u32(&k->w, flow_stack_seq(k->flow, syn, o->sack.block[i].right));
    }
}

/* An echo of the stack's timestamp must be one of those it sent. */
static bool put_timestamps(struct packing *k, const struct option *o) {
    uint32_t ecr = o->ts.ecr;
    const struct tcp_flow *flow = k->flow;
    if (k->p->tcp.flags & TCP_ACK && !flow_live_ts(flow, o->ts.ecr, &ecr)) {
        if (!k->f->settings->ts_ecr_scaled || !flow->nts) {
            snprintf(k->error, k->size, "TS ecr %u echoes nothing: no packet of the stack before it has TS val %u",
                     o->ts.ecr, o->ts.ecr);
            return false;
        }
        ecr = flow->ts[0].live + (o->ts.ecr - flow->ts[0].written);
    }
    put_head(&k->w, KIND_TS, 10);
    put_u32(&k->w, o->ts.val);
    put_u32(&k->w, ecr);
    return true;
}

/* What struct mpopt has no place for, since RFC 8684 has not: MP_PRIO with an address, flags of MP_TCPRST. */
static bool put_mptcp(struct packing *k, const struct mp_line *line) {
    struct mpopt opt;
    size_t at = k->w.len;
    if (!mp_lower(k->f, k->flow, k->p, line, &opt, k->error, k->size))
        return false;
    if (line->type == MP_PRIO && line->prio.addr_id.kind == VALUE_NUMBER) {
        put_head(&k->w, MPOPT_KIND, 4);
        put_u8(&k->w, (uint8_t)(0x50 | line->prio.backup));
        put_u8(&k->w, (uint8_t)line->prio.addr_id.n);
        return true;
    }
    mpopt_build(&k->w, &opt);
    if (line->type == MP_TCPRST && !k->w.bad)
        k->w.base[at + 2] |= line->rst.flags & 0x0f;
    return true;
}

static bool put_option(struct packing *k, const struct option *o) {
    struct writer *w = &k->w;
    switch (o->kind) {
    case OPTION_EOL:
        put_u8(w, KIND_EOL);
        break;
    case OPTION_NOP:
        put_u8(w, KIND_NOP);
        break;
    case OPTION_MSS:
        put_head(w, KIND_MSS, 4);
        put_u16(w, (uint16_t)o->n);
        break;
    case OPTION_WSCALE:
        put_head(w, KIND_WSCALE, 3);
        put_u8(w, (uint8_t)o->n);
        break;
    case OPTION_SACK_OK:
        put_head(w, KIND_SACK_OK, 2);
        break;
    case OPTION_SACK:
        put_sack(k, o);
        break;
    case OPTION_TS:
        return put_timestamps(k, o);
    case OPTION_MD5:
    case OPTION_FO:
        put_head(w, o->kind == OPTION_MD5 ? KIND_MD5 : KIND_FO, 2u + o->bytes.len);
        put_bytes(w, o->bytes.octets, o->bytes.len);
        break;
    case OPTION_FOEXP:
        put_head(w, KIND_EXPERIMENT, 4u + o->bytes.len);
        put_u16(w, MAGIC_FOEXP);
        put_bytes(w, o->bytes.octets, o->bytes.len);
        break;
    case OPTION_ACC_ECN:
        put_head(w, o->ecn.order ? KIND_ACC_ECN1 : KIND_ACC_ECN0, 2 + 3u * o->ecn.n);
        for (uint8_t i = 0; i < o->ecn.n; i++)
            put_be(w, o->ecn.counter[i], 3);
        break;
    case OPTION_MPTCP:
        return put_mptcp(k, &o->mp);
    case OPTION_RAW:
        put_bytes(w, o->bytes.octets, o->bytes.len);
        break;
    }
    return true;
}

/* ---- Headers ----------------------------------------------------------------------------------------------------- */

static void put_ip(struct packing *k, uint8_t proto, uint32_t payload_len) {
    const struct ip_line *line = &k->p->ip;
    uint8_t tos = line->given & (GIVEN_TOS | GIVEN_ECN) ? line->tos : 0;
    const struct ip_hdr ip = {
        .v6 = k->flow->v6,
        .proto = proto,
        .ttl = line->given & GIVEN_TTL ? line->ttl : TTL_DEFAULT,
        .dscp = tos >> 2,
        .ecn = tos & 3,
        .src = k->flow->ends.remote.addr,
        .dst = k->flow->ends.local.addr,
        .flow_label = line->given & GIVEN_FLOW_LABEL ? line->flow_label : 0,
    };
    ip_build(&k->w, &ip, payload_len);
}

static void put_zeros(struct writer *w, uint32_t n) {
    static const uint8_t zeros[256];
    for (uint32_t piece; n; n -= piece) {
        piece = n < sizeof zeros ? n : (uint32_t)sizeof zeros;
        put_bytes(w, zeros, piece);
    }
}

/* A SYN on a connection that is open, or was answered, changes nothing until the stack takes it for a new one. */
static void see_syn(struct tcp_flow *flow, const struct tcp_line *t) {
    bool answered = flow->has_peer_isn && flow->has_stack_isn && !(t->flags & TCP_ACK);
    if (!flow->open && !answered) {
        flow->has_peer_isn = true;
        flow->peer_isn = t->seq;
    } else if (!(t->flags & TCP_ACK)) {
        flow->has_new_isn = true;
        flow->new_isn = t->seq;
    }
}

static bool put_tcp(struct packing *k) {
    const struct tcp_line *t = &k->p->tcp;
    bool syn = t->flags & TCP_SYN;
    if (syn)
        see_syn(k->flow, t);
    uint8_t options[PACKET_OPTIONS_MAX];
    struct packing inner = *k;
    inner.w = writer_of(options, sizeof options);
    for (const struct option *o = t->options; o; o = o->next)
        if (!put_option(&inner, o))
            return false;
    if (inner.w.bad || inner.w.len % 4) {
        snprintf(k->error, k->size, "the options take %zu octets: at most 40, in words of 4", inner.w.len);
        return false;
    }
    uint32_t hdr_len = TCP_HDR_LEN + (uint32_t)inner.w.len;
    if (ip_hdr_len(k->flow->v6) + hdr_len + t->len > IP_LEN_MAX) {
        snprintf(k->error, k->size, "%u octets of payload do not fit into an IP packet", t->len);
        return false;
    }
    uint8_t flags = t->flags;
    if (t->has_ace)
        flags = (uint8_t)((flags & ~(TCP_ECE | TCP_CWR)) | (t->ace & 1 ? TCP_ECE : 0) | (t->ace & 2 ? TCP_CWR : 0));
    bool ae = t->has_ace ? t->ace & 4 : t->ae;
    uint32_t ack = 0;
    if (t->has_ack || t->flags & TCP_ACK)
        ack = flow_stack_seq(k->flow, syn, t->ack);
    put_ip(k, IP_PROTO_TCP, hdr_len + t->len);
    put_u16(&k->w, k->flow->ends.remote.port);
    put_u16(&k->w, k->flow->ends.local.port);
    put_u32(&k->w, flow_peer_seq(k->flow, syn, t->seq));
    put_u32(&k->w, ack);
    put_u8(&k->w, (uint8_t)(hdr_len / 4 << 4 | ae));
    put_u8(&k->w, flags);
    put_u16(&k->w, t->win);
    put_u16(&k->w, 0);
    put_u16(&k->w, t->urg);
    put_bytes(&k->w, options, inner.w.len);
    put_zeros(&k->w, t->len);
    return true;
}

/* ---- ICMP -------------------------------------------------------------------------------------------------------- */

/* The start of a packet that the stack sent. */
static void put_quote(struct packing *k) {
    const struct icmp_line *i = &k->p->icmp;
    const struct flow *ends = &k->flow->ends;
    bool udp = i->quote == QUOTE_UDP;
    const struct ip_hdr ip = {
        .v6 = k->flow->v6,
        .proto = udp ? IP_PROTO_UDP : IP_PROTO_TCP,
        .ttl = TTL_DEFAULT,
        .src = ends->local.addr,
        .dst = ends->remote.addr,
    };
    uint32_t l4_len = (udp ? UDP_HDR_LEN : TCP_HDR_LEN) + i->quote_len;
    ip_build(&k->w, &ip, l4_len);
    put_u16(&k->w, ends->local.port);
    put_u16(&k->w, ends->remote.port);
    if (udp)
        put_u32(&k->w, l4_len << 16);
    else
        put_u32(&k->w, flow_stack_seq(k->flow, false, i->quote_seq));
}

static void put_icmp(struct packing *k) {
    const struct icmp_line *i = &k->p->icmp;
    bool v6 = k->flow->v6;
    uint32_t raw = i->quote == QUOTE_RAW ? (i->quote_len > ICMP_HDR_LEN ? i->quote_len - ICMP_HDR_LEN : 0) : 0;
    uint32_t body = i->quote == QUOTE_RAW ? raw : ip_hdr_len(v6) + QUOTED_TCP_LEN;
    put_ip(k, v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP, ICMP_HDR_LEN + body);
    size_t start = k->w.len;
    put_u8(&k->w, i->type);
    put_u8(&k->w, i->code);
    put_u16(&k->w, 0);
    if (v6) {
        put_u32(&k->w, i->has_mtu ? i->mtu : i->has_id ? i->id << 16 : 0);
    } else {
        put_u16(&k->w, (uint16_t)(i->has_id ? i->id : 0));
        put_u16(&k->w, (uint16_t)(i->has_mtu ? i->mtu : 0));
    }
    if (i->quote == QUOTE_RAW)
        put_zeros(&k->w, raw);
    else
        put_quote(k);
    if (k->w.bad)
        return;
    struct csum c = {0};
    if (v6)
        csum_add_pseudo(&c, &k->flow->ends.remote.addr, &k->flow->ends.local.addr, IP_PROTO_ICMPV6,
                        (uint32_t)(k->w.len - start));
    csum_add(&c, k->w.base + start, k->w.len - start);
    store_be16(k->w.base + start + 2, csum_finish(&c));
}

uint32_t lower(struct flows *f, struct tcp_flow *flow, const struct packet *p, uint8_t data[PACKET_MAX], char *error,
               size_t size) {
    struct packing k = {f, flow, p, writer_of(data, PACKET_MAX), error, size};
    if (p->encaps || p->proto == PACKET_UDP) {
        snprintf(error, size, "%s are parsed, but not run", p->encaps ? "encapsulated packets" : "UDP packets");
        return 0;
    }
    if (p->proto == PACKET_ICMP)
        put_icmp(&k);
    else if (!put_tcp(&k))
        return 0;
    if (k.w.bad) {
        snprintf(error, size, "the packet has %zu octets: longer than an IP packet can be", k.w.len);
        return 0;
    }
    if (p->proto == PACKET_TCP)
        raw_fix_l4(data, (uint32_t)k.w.len);
    return (uint32_t)k.w.len;
}
