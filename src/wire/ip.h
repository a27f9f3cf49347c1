/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 (RFC 791) and IPv6 (RFC 8200) headers. */
#ifndef UMPTCP_WIRE_IP_H
#define UMPTCP_WIRE_IP_H

#include "base/cursor.h"
#include "base/drop.h"
#include "umptcp.h"

enum { IP_PROTO_ICMP = 1, IP_PROTO_TCP = 6, IP_PROTO_ICMPV6 = 58, IP_PROTO_FRAGMENT = 44 };
enum { IPV4_HDR_LEN = 20, IPV6_HDR_LEN = 40 };
enum { IP_ECN_NOT_ECT = 0, IP_ECN_ECT1 = 1, IP_ECN_ECT0 = 2, IP_ECN_CE = 3 };

struct ip_hdr {
    bool v6;
    uint8_t proto; /* of the payload, after extension headers */
    uint8_t ttl, dscp, ecn;
    struct umptcp_addr src, dst;
    uint32_t flow_label; /* IPv6 */
    uint16_t id;         /* IPv4 */
    bool dont_fragment;  /* IPv4 */
    bool fragment;       /* one piece of a packet: offset, more */
    bool more_fragments;
    uint16_t frag_offset; /* bytes */
    const uint8_t *payload;
    uint32_t payload_len;
};

/*
 * Reads the IP header and walks the IPv6 extension headers (hop-by-hop, routing with no segments left, destination; a
 * fragment header is reported by `fragment`). Padding behind the packet is cut off. `csum_valid` skips the IPv4 header
 * checksum. An IPv6 header never holds IPv4-mapped addresses (they would pass for IPv4 ones). Returns DROP_NONE or why
 * not.
 */
enum drop ip_parse(const uint8_t *data, uint32_t len, bool csum_valid, struct ip_hdr *ip);
/*
 * For the quoted packet in an ICMP error: lengths may be cut short, so only the fixed headers are required and
 * payload_len is what is there.
 */
enum drop ip_parse_quoted(const uint8_t *data, uint32_t len, struct ip_hdr *ip);
/* Writes a header for `payload_len` bytes (no options; IPv4 with its checksum). */
void ip_build(struct writer *w, const struct ip_hdr *ip, uint32_t payload_len);
static inline uint32_t ip_hdr_len(bool v6) { return v6 ? IPV6_HDR_LEN : IPV4_HDR_LEN; }

#endif
