/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 (RFC 791) and IPv6 (RFC 8200) headers: bytes <-> values. */
#include "wire/ip.h"

#include <assert.h>
#include <string.h>

#include "wire/addr.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

enum { IPV4_DF = 0x4000, IPV4_MF = 0x2000, IPV4_OFFSET = 0x1fff };

/* IPv6 extension headers that a host looks into (RFC 8200 4.1). */
enum { EXT_HOP_BY_HOP = 0, EXT_ROUTING = 43, EXT_FRAGMENT = IP_PROTO_FRAGMENT, EXT_DESTINATION = 60 };

/* A packet in an ICMP error was cut short and changed on its way: its lengths and checksum say nothing. */
enum extent { WHOLE, QUOTED };

/* ---- IPv4 -------------------------------------------------------------------------------------------------------- */

static enum drop parse_v4(const uint8_t *p, uint32_t len, enum extent extent, bool csum_valid, struct ip_hdr *ip) {
    if (len < IPV4_HDR_LEN)
        return DROP_IP_SHORT;
    uint32_t hdr_len = (p[0] & 0xfu) * 4, total = extent == WHOLE ? load_be16(p + 2) : len;
    if (hdr_len < IPV4_HDR_LEN)
        return DROP_IP_HEADER;
    if (hdr_len > len)
        return DROP_IP_SHORT;
    if (extent == WHOLE && !csum_valid) {
        struct csum c = {0};
        csum_add(&c, p, hdr_len);
        if (csum_fold(&c) != 0xffff)
            return DROP_IP_CSUM;
    }
    if (total < hdr_len || total > len) /* a length is believed when the checksum is right */
        return DROP_IP_SHORT;
    uint16_t frag = load_be16(p + 6);
    *ip = (struct ip_hdr){
        .proto = p[9],
        .ttl = p[8],
        .dscp = p[1] >> 2,
        .ecn = p[1] & 3,
        .src = addr_v4(load_be32(p + 12)),
        .dst = addr_v4(load_be32(p + 16)),
        .id = load_be16(p + 4),
        .dont_fragment = frag & IPV4_DF,
        .fragment = frag & (IPV4_MF | IPV4_OFFSET),
        .more_fragments = frag & IPV4_MF,
        .frag_offset = (uint16_t)((frag & IPV4_OFFSET) * 8),
        .payload = p + hdr_len,
        .payload_len = total - hdr_len,
    };
    return DROP_NONE;
}

/* ---- IPv6 -------------------------------------------------------------------------------------------------------- */

/* Options of a hop-by-hop or destination header: padding, and those that may be skipped when unknown (RFC 8200 4.2). */
static bool options_acceptable(struct reader r) {
    enum { PAD1 = 0, MUST_UNDERSTAND = 0xc0 };
    while (reader_left(&r)) {
        uint8_t type = get_u8(&r);
        if (type == PAD1)
            continue;
        if (type & MUST_UNDERSTAND)
            return false;
        get_bytes(&r, get_u8(&r));
        if (r.bad)
            return false;
    }
    return true;
}

/* Takes the fragment header at `p` in. One that holds a whole packet means nothing (RFC 8200 4.5, atomic fragments). */
static void fragment_header(const uint8_t *p, struct ip_hdr *ip) {
    uint16_t frag = load_be16(p + 2);
    ip->frag_offset = frag & 0xfff8;
    ip->more_fragments = frag & 1;
    ip->fragment = ip->more_fragments || ip->frag_offset;
}

/* Reads one extension header of type ip->proto and makes ip->proto what follows it. */
static bool extension_header(struct reader *r, struct ip_hdr *ip) {
    const uint8_t *p = get_bytes(r, 8);
    if (!p)
        return false;
    uint8_t type = ip->proto;
    ip->proto = p[0];
    if (type == EXT_FRAGMENT) {
        fragment_header(p, ip);
        return true;
    }
    size_t more = p[1] * 8u;
    if (!get_bytes(r, more))
        return false;
    if (type == EXT_ROUTING)
        return p[3] == 0; /* no segments left: we are the end of the route */
    return options_acceptable(reader_of(p + 2, 6 + more));
}

static bool is_extension_header(uint8_t proto, bool first) {
    return proto == EXT_ROUTING || proto == EXT_FRAGMENT || proto == EXT_DESTINATION ||
           (proto == EXT_HOP_BY_HOP && first);
}

static enum drop parse_v6(const uint8_t *p, uint32_t len, enum extent extent, struct ip_hdr *ip) {
    if (len < IPV6_HDR_LEN)
        return DROP_IP_SHORT;
    uint32_t payload_len = extent == WHOLE ? load_be16(p + 4) : len - IPV6_HDR_LEN;
    if (payload_len > len - IPV6_HDR_LEN)
        return DROP_IP_SHORT;
    uint32_t first_word = load_be32(p);
    struct ip_hdr h = {
        .v6 = true,
        .proto = p[6],
        .ttl = p[7],
        .dscp = (first_word >> 22) & 0x3f,
        .ecn = (first_word >> 20) & 3,
        .flow_label = first_word & 0xfffff,
    };
    memcpy(h.src.b, p + 8, 16);
    memcpy(h.dst.b, p + 24, 16);
    if (addr_is_v4(&h.src))
        return DROP_IP_SOURCE;
    if (addr_is_v4(&h.dst))
        return DROP_IP_NOT_OURS;
    struct reader r = reader_of(p + IPV6_HDR_LEN, payload_len);
    for (bool first = true; !h.fragment && is_extension_header(h.proto, first); first = false)
        if (!extension_header(&r, &h))
            return DROP_IP_HEADER;
    h.payload = r.p;
    h.payload_len = (uint32_t)reader_left(&r);
    *ip = h;
    return DROP_NONE;
}

/* ---- Both -------------------------------------------------------------------------------------------------------- */

static enum drop parse(const uint8_t *data, uint32_t len, enum extent extent, bool csum_valid, struct ip_hdr *ip) {
    if (len == 0)
        return DROP_IP_SHORT;
    switch (data[0] >> 4) {
    case 4:
        return parse_v4(data, len, extent, csum_valid, ip);
    case 6:
        return parse_v6(data, len, extent, ip);
    default:
        return DROP_IP_VERSION;
    }
}

enum drop ip_parse(const uint8_t *data, uint32_t len, bool csum_valid, struct ip_hdr *ip) {
    return parse(data, len, WHOLE, csum_valid, ip);
}

enum drop ip_parse_quoted(const uint8_t *data, uint32_t len, struct ip_hdr *ip) {
    return parse(data, len, QUOTED, true, ip);
}

static void build_v4(struct writer *w, const struct ip_hdr *ip, uint32_t payload_len) {
    uint8_t h[IPV4_HDR_LEN] = {0x45, (uint8_t)(ip->dscp << 2 | ip->ecn)};
    store_be16(h + 2, (uint16_t)(IPV4_HDR_LEN + payload_len));
    store_be16(h + 4, ip->id);
    store_be16(h + 6, (uint16_t)((ip->dont_fragment ? IPV4_DF : 0) | (ip->more_fragments ? IPV4_MF : 0) |
                                 ip->frag_offset / 8));
    h[8] = ip->ttl;
    h[9] = ip->proto;
    store_be32(h + 12, addr_to_v4(&ip->src));
    store_be32(h + 16, addr_to_v4(&ip->dst));
    struct csum c = {0};
    csum_add(&c, h, sizeof h);
    store_be16(h + 10, csum_finish(&c));
    put_bytes(w, h, sizeof h);
}

static void build_v6(struct writer *w, const struct ip_hdr *ip, uint32_t payload_len) {
    uint8_t h[IPV6_HDR_LEN];
    store_be32(h, 6u << 28 | (uint32_t)ip->dscp << 22 | (uint32_t)ip->ecn << 20 | (ip->flow_label & 0xfffff));
    store_be16(h + 4, (uint16_t)payload_len);
    h[6] = ip->proto;
    h[7] = ip->ttl;
    memcpy(h + 8, ip->src.b, 16);
    memcpy(h + 24, ip->dst.b, 16);
    put_bytes(w, h, sizeof h);
}

void ip_build(struct writer *w, const struct ip_hdr *ip, uint32_t payload_len) {
    assert(ip->v6 == !addr_is_v4(&ip->src) && ip->v6 == !addr_is_v4(&ip->dst));
    /* The length field counts the IPv4 header in, and the IPv6 header not. */
    if (payload_len > (ip->v6 ? 65535u : 65535u - IPV4_HDR_LEN))
        w->bad = true;
    if (ip->v6)
        build_v6(w, ip, payload_len);
    else
        build_v4(w, ip, payload_len);
}
