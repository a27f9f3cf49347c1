/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/raw.h"

#include <assert.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/gso.h"
#include "wire/ip.h"
#include "wire/segment.h"

enum { PROTO_UDP = 17, UDP_HDR_LEN = 8, TCP_CSUM_AT = 16, UDP_CSUM_AT = 6, TCP_DOFF_AT = 12, IPV4_CSUM_AT = 10 };

uint32_t raw_gather(const struct umptcp_out *out, uint8_t *dst) {
    assert(out->len <= RAW_MAX);
    uint32_t len = 0;
    for (uint32_t i = 0; i < out->nslices; i++) {
        memcpy(dst + len, out->slices[i].base, out->slices[i].len);
        len += (uint32_t)out->slices[i].len;
    }
    assert(len == out->len);
    if (out->csum_partial)
        gso_finish_csum(dst, len, out->csum_start, out->csum_offset);
    return len;
}

void raw_fix_l4(uint8_t *data, uint32_t len) {
    struct ip_hdr ip;
    if (ip_parse(data, len, true, &ip) != DROP_NONE || ip.fragment)
        return;
    bool tcp = ip.proto == IP_PROTO_TCP && ip.payload_len >= TCP_HDR_LEN;
    bool udp = ip.proto == PROTO_UDP && ip.payload_len >= UDP_HDR_LEN;
    if (!tcp && !udp)
        return;

    uint8_t *l4 = data + (ip.payload - data);
    uint8_t *field = l4 + (tcp ? TCP_CSUM_AT : UDP_CSUM_AT);
    store_be16(field, 0);
    struct csum c = {0};
    csum_add_pseudo(&c, &ip.src, &ip.dst, ip.proto, ip.payload_len);
    csum_add(&c, l4, ip.payload_len);
    uint16_t sum = csum_finish(&c);
    store_be16(field, udp && sum == 0 ? 0xffff : sum); /* RFC 768: zero means none */
}

void raw_fix_ip(uint8_t *data, uint32_t len) {
    uint32_t hdr_len = len ? (data[0] & 0xfu) * 4 : 0;
    if (hdr_len < IPV4_HDR_LEN || hdr_len > len || data[0] >> 4 != 4)
        return;
    store_be16(data + IPV4_CSUM_AT, 0);
    struct csum c = {0};
    csum_add(&c, data, hdr_len);
    store_be16(data + IPV4_CSUM_AT, csum_finish(&c));
}

uint32_t raw_payload_offset(const uint8_t *data, uint32_t len) {
    struct ip_hdr ip;
    if (ip_parse(data, len, true, &ip) != DROP_NONE)
        return len;
    uint32_t start = (uint32_t)(ip.payload - data);
    if (ip.proto != IP_PROTO_TCP || ip.fragment || ip.payload_len < TCP_HDR_LEN)
        return start;
    uint32_t doff = (uint32_t)(ip.payload[TCP_DOFF_AT] >> 4) * 4;
    return doff < TCP_HDR_LEN || doff > ip.payload_len ? start : start + doff;
}
