/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Software segmentation, for wires that take no super-segments: cuts a TCP super-segment as a NIC would (sequence
 * numbers and IPv4 ids count up, FIN and PSH only on the last piece, CWR only on the first, options copied) with full
 * checksums.
 */
#ifndef UMPTCP_WIRE_GSO_H
#define UMPTCP_WIRE_GSO_H

#include "umptcp.h"

/* How many packets `pkt` (one contiguous IP/TCP packet) makes with `gso_size`; 1 when it need not be cut. */
uint32_t gso_count(const uint8_t *pkt, uint32_t len, uint16_t gso_size);
/* Writes the i-th of them to `dst` (room for headers + gso_size bytes) and returns its length. What is no TCP packet is
 * one piece: itself. */
uint32_t gso_piece(const uint8_t *pkt, uint32_t len, uint16_t gso_size, uint32_t i, uint8_t *dst);
/* Completes a partial L4 checksum in place: the field holds the pseudo-header's sum. Nothing when it is not in `pkt`.
 */
void gso_finish_csum(uint8_t *pkt, uint32_t len, uint16_t csum_start, uint16_t csum_offset);

#endif
