/* SPDX-License-Identifier: BSD-3-Clause */
/* Software segmentation and checksums: what a NIC does when it can. */
#include "wire/gso.h"

#include <assert.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/segment.h"

enum { SEQ_AT = 4, FLAGS_AT = 13, TCP_CSUM_AT = GSO_CSUM_OFFSET };
enum { IPV4_LEN_AT = 2, IPV4_ID_AT = 4, IPV4_CSUM_AT = 10, IPV6_LEN_AT = 4 };

struct super { /* where the parts of a packet are */
    struct ip_hdr ip;
    uint32_t tcp_at, data_at, data_len;
};

/* False for what is no TCP packet: it can neither be cut nor completed. */
static bool super_parse(const uint8_t *pkt, uint32_t len, struct super *s) {
    if (ip_parse(pkt, len, true, &s->ip) != DROP_NONE || s->ip.fragment || s->ip.proto != IP_PROTO_TCP ||
        s->ip.payload_len < TCP_HDR_LEN)
        return false;
    uint32_t hdr_len = (s->ip.payload[12] >> 4) * 4u;
    if (hdr_len < TCP_HDR_LEN || hdr_len > s->ip.payload_len)
        return false;
    s->tcp_at = (uint32_t)(s->ip.payload - pkt);
    s->data_at = s->tcp_at + hdr_len;
    s->data_len = s->ip.payload_len - hdr_len;
    return true;
}

static uint32_t count(const struct super *s, uint16_t gso_size) {
    return gso_size && s->data_len > gso_size ? (s->data_len + gso_size - 1) / gso_size : 1;
}

uint32_t gso_count(const uint8_t *pkt, uint32_t len, uint16_t gso_size) {
    struct super s;
    return super_parse(pkt, len, &s) ? count(&s, gso_size) : 1;
}

/* Lengths are those of `s` less what was cut off, so that extension headers stay counted. */
static void fix_ip(uint8_t *ip, const struct super *s, uint32_t i, uint32_t piece_len) {
    uint16_t cut = (uint16_t)(s->data_len - piece_len);
    if (s->ip.v6) {
        store_be16(ip + IPV6_LEN_AT, load_be16(ip + IPV6_LEN_AT) - cut);
        return;
    }
    store_be16(ip + IPV4_LEN_AT, load_be16(ip + IPV4_LEN_AT) - cut);
    store_be16(ip + IPV4_ID_AT, (uint16_t)(s->ip.id + i));
    store_be16(ip + IPV4_CSUM_AT, 0);
    struct csum c = {0};
    csum_add(&c, ip, s->tcp_at);
    store_be16(ip + IPV4_CSUM_AT, csum_finish(&c));
}

static void fix_tcp(uint8_t *tcp, const struct super *s, uint32_t tcp_len) {
    store_be16(tcp + TCP_CSUM_AT, 0);
    struct csum c = {0};
    csum_add_pseudo(&c, &s->ip.src, &s->ip.dst, IP_PROTO_TCP, tcp_len);
    csum_add(&c, tcp, tcp_len);
    store_be16(tcp + TCP_CSUM_AT, csum_finish(&c));
}

uint32_t gso_piece(const uint8_t *pkt, uint32_t len, uint16_t gso_size, uint32_t i, uint8_t *dst) {
    struct super s;
    if (!super_parse(pkt, len, &s)) {
        memcpy(dst, pkt, len);
        return len;
    }
    uint32_t pieces = count(&s, gso_size), at = i * gso_size;
    assert(i < pieces);
    uint32_t piece_len = i + 1 < pieces ? gso_size : s.data_len - at;
    memcpy(dst, pkt, s.data_at);
    memcpy(dst + s.data_at, pkt + s.data_at + at, piece_len);
    uint8_t *tcp = dst + s.tcp_at;
    store_be32(tcp + SEQ_AT, load_be32(tcp + SEQ_AT) + at);
    if (i > 0)
        tcp[FLAGS_AT] &= (uint8_t)~TCP_CWR;
    if (i + 1 < pieces)
        tcp[FLAGS_AT] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    fix_ip(dst, &s, i, piece_len);
    fix_tcp(tcp, &s, s.data_at - s.tcp_at + piece_len);
    return s.data_at + piece_len;
}

bool gso_part(const uint8_t *pkt, uint32_t len, uint16_t gso_size, uint32_t first, uint32_t n, uint8_t *dst,
              struct gso_part *part) {
    struct super s;
    if (!super_parse(pkt, len, &s))
        return false;
    uint32_t pieces = count(&s, gso_size), at = first * gso_size;
    assert(n > 0 && first + n <= pieces);
    bool last = first + n == pieces;
    *part = (struct gso_part){
        .hdr_len = s.data_at, .at = at, .len = last ? s.data_len - at : n * gso_size, .csum_start = (uint16_t)s.tcp_at};
    memcpy(dst, pkt, s.data_at);
    uint8_t *tcp = dst + s.tcp_at;
    store_be32(tcp + SEQ_AT, load_be32(tcp + SEQ_AT) + at);
    if (first > 0)
        tcp[FLAGS_AT] &= (uint8_t)~TCP_CWR;
    if (!last)
        tcp[FLAGS_AT] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    fix_ip(dst, &s, first, part->len);
    struct csum c = {0};
    csum_add_pseudo(&c, &s.ip.src, &s.ip.dst, IP_PROTO_TCP, s.data_at - s.tcp_at + part->len);
    store_be16(tcp + TCP_CSUM_AT, csum_fold(&c));
    return true;
}

void gso_finish_csum(uint8_t *pkt, uint32_t len, uint16_t csum_start, uint16_t csum_offset) {
    if (csum_start + csum_offset + 2u > len)
        return;
    struct csum c = {0};
    csum_add(&c, pkt + csum_start, len - csum_start);
    store_be16(pkt + csum_start + csum_offset, csum_finish(&c));
}
