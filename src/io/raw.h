/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets as bytes: what drivers do that have no offloads below them. One contiguous IP packet, its checksums complete,
 * cut to the size of the wire.
 */
#ifndef UMPTCP_IO_RAW_H
#define UMPTCP_IO_RAW_H

#include "umptcp.h"

enum { RAW_MAX = 65535 + UMPTCP_HDR_MAX }; /* the longest packet, a merged one */

/* Copies a packet to `dst` (room for out->len) and completes a partial checksum. Returns its length. */
uint32_t raw_gather(const struct umptcp_out *out, uint8_t *dst);
/* Computes the TCP or UDP checksum afresh. Leaves other packets, fragments and broken headers as they are. */
void raw_fix_l4(uint8_t *data, uint32_t len);
/* Computes the IPv4 header checksum afresh; nothing for IPv6 and broken headers. */
void raw_fix_ip(uint8_t *data, uint32_t len);
/* Where the payload of a TCP segment starts, of another packet its IP payload; `len` when it is broken. */
uint32_t raw_payload_offset(const uint8_t *data, uint32_t len);

#endif
