/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets for the tests of src/io: TCP segments as a stack would send them, and what is true of those that arrive. */
#ifndef UMPTCP_TEST_IO_PACKETS_H
#define UMPTCP_TEST_IO_PACKETS_H

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/segment.h"

enum { TEST_TCP_CSUM_AT = 16 };

struct test_packet {
    struct umptcp_out out;
    uint8_t payload[65536];
};

/* A segment with `len` bytes of payload that count up from `seq`; partial checksum or a full one. Its payload is in two
 * slices. */
static inline void test_packet_init(struct test_packet *p, bool v6, uint32_t seq, uint32_t len, uint16_t gso_size,
                                    bool partial) {
    struct seg seg = {.seq = {seq}, .ack = {7}, .flags = TCP_ACK | TCP_PSH, .window = 1000};
    seg.flow.local.port = 1234;
    seg.flow.remote.port = 80;
    umptcp_addr_parse(v6 ? "2001:db8::1" : "10.0.0.1", &seg.flow.local.addr);
    umptcp_addr_parse(v6 ? "2001:db8::2" : "10.0.0.2", &seg.flow.remote.addr);
    seg.opt.has_ts = true;
    struct ip_hdr ip = {.v6 = v6, .proto = IP_PROTO_TCP, .ttl = 64, .id = 100, .dont_fragment = true};
    ip.src = seg.flow.local.addr;
    ip.dst = seg.flow.remote.addr;

    for (uint32_t i = 0; i < len; i++)
        p->payload[i] = (uint8_t)((seq + i) * 7 >> 3);
    struct umptcp_out *out = &p->out;
    memset(out, 0, sizeof *out);
    struct writer w = writer_of(out->hdr, sizeof out->hdr);
    uint32_t tcp_hdr_len = TCP_HDR_LEN + tcp_options_len(&seg);
    ip_build(&w, &ip, tcp_hdr_len + len);
    uint32_t tcp_at = (uint32_t)w.len;
    tcp_build(&w, &seg);

    struct csum c = {0};
    csum_add_pseudo(&c, &ip.src, &ip.dst, IP_PROTO_TCP, tcp_hdr_len + len);
    if (!partial) {
        csum_add(&c, out->hdr + tcp_at, tcp_hdr_len);
        csum_add(&c, p->payload, len);
    }
    uint16_t sum = partial ? csum_fold(&c) : csum_finish(&c);
    out->hdr[tcp_at + TEST_TCP_CSUM_AT] = (uint8_t)(sum >> 8);
    out->hdr[tcp_at + TEST_TCP_CSUM_AT + 1] = (uint8_t)sum;

    out->v6 = v6;
    out->hdr_len = (uint32_t)w.len;
    out->len = out->hdr_len + len;
    out->gso_size = gso_size;
    out->csum_partial = partial;
    out->csum_start = (uint16_t)tcp_at;
    out->csum_offset = TEST_TCP_CSUM_AT;
    out->slices[0] = (struct umptcp_slice){out->hdr, out->hdr_len};
    out->slices[1] = (struct umptcp_slice){p->payload, len / 3};
    out->slices[2] = (struct umptcp_slice){p->payload + len / 3, len - len / 3};
    out->nslices = 3;
}

/* True when every checksum is right; the segment is in `seg`. */
static inline bool test_packet_sound(const uint8_t *data, uint32_t len, struct seg *seg) {
    struct ip_hdr ip;
    return ip_parse(data, len, false, &ip) == DROP_NONE && ip.proto == IP_PROTO_TCP &&
           tcp_parse(&ip, false, 0, seg) == DROP_NONE;
}

/* True when the payload is what test_packet_init() wrote for that place in the stream. */
static inline bool test_payload_sound(const struct seg *seg) {
    for (uint32_t i = 0; i < seg->len; i++)
        if (seg->data[i] != (uint8_t)((seg->seq.v + i) * 7 >> 3))
            return false;
    return true;
}

#endif
