/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses: struct umptcp_addr is IPv6, or IPv4 as ::ffff:a.b.c.d. One type, so nothing exists twice. */
#ifndef UMPTCP_WIRE_ADDR_H
#define UMPTCP_WIRE_ADDR_H

#include "base/cursor.h"
#include "umptcp.h"

enum { FLOW_LEN = 36 }; /* of put_flow() */

struct flow { /* a 4-tuple as seen from us */
    struct umptcp_sockaddr local, remote;
};

struct umptcp_addr addr_v4(uint32_t host_order);
static inline bool addr_is_v4(const struct umptcp_addr *a) { return umptcp_addr_is_v4(a); }
uint32_t addr_to_v4(const struct umptcp_addr *a); /* host order; a must be IPv4 */
bool addr_eq(const struct umptcp_addr *a, const struct umptcp_addr *b);
bool sockaddr_eq(const struct umptcp_sockaddr *a, const struct umptcp_sockaddr *b);
bool flow_eq(const struct flow *a, const struct flow *b);
/* Its octets, for a hash of it. */
void put_flow(struct writer *w, const struct flow *flow);
bool addr_is_any(const struct umptcp_addr *a); /* ::, or 0.0.0.0 */
bool addr_is_multicast(const struct umptcp_addr *a);
bool addr_is_broadcast(const struct umptcp_addr *a); /* 255.255.255.255 */
bool addr_is_loopback(const struct umptcp_addr *a);
/* A unicast address that a host can have. */
bool addr_is_usable(const struct umptcp_addr *a);
/* Prefix lengths count within the family: 0..32 for IPv4, 0..128 for IPv6. False across families. */
bool addr_in_prefix(const struct umptcp_addr *a, const struct umptcp_addr *prefix, uint8_t prefix_len);

#endif
