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

/* Some consecutive pieces of a packet, as one packet that still has to be cut: a super-segment, unless it is one piece.
 */
struct gso_part {
    uint32_t hdr_len;    /* IP and TCP headers */
    uint32_t at, len;    /* which payload of the whole is theirs */
    uint16_t csum_start; /* the TCP header; the checksum there is partial: the pseudo-header's sum */
};
enum { GSO_CSUM_OFFSET = 16 }; /* of the checksum in a TCP header */
/*
 * Writes to `dst` the headers of the pieces from `first` on, `n` of them (1 or more, and no more than there are). Of
 * `pkt` only the headers are read (`len` is that of the whole). False when it is no TCP packet.
 */
bool gso_part(const uint8_t *pkt, uint32_t len, uint16_t gso_size, uint32_t first, uint32_t n, uint8_t *dst,
              struct gso_part *part);
/* Completes a partial L4 checksum in place: the field holds the pseudo-header's sum. Nothing when it is not in `pkt`.
 */
void gso_finish_csum(uint8_t *pkt, uint32_t len, uint16_t csum_start, uint16_t csum_offset);

#endif
