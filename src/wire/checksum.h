/* SPDX-License-Identifier: BSD-3-Clause */
/* Internet checksum (RFC 1071) as a running one's-complement sum that pieces of any length, odd ones too, are added to.
 */
#ifndef UMPTCP_WIRE_CHECKSUM_H
#define UMPTCP_WIRE_CHECKSUM_H

#include "umptcp.h"

struct csum {
    uint64_t sum; /* unfolded, of 16-bit words in network order */
    bool odd;     /* an odd number of bytes was added so far: the next byte is a low one */
};

void csum_add(struct csum *c, const void *data, size_t len);
/* Numbers that stand at an even place: they may be added before, after and between the pieces. */
void csum_add_u16(struct csum *c, uint16_t v);
void csum_add_u32(struct csum *c, uint32_t v);
void csum_add_u64(struct csum *c, uint64_t v);
/* The folded sum, not complemented. */
uint16_t csum_fold(const struct csum *c);
/* The value for a checksum field. */
uint16_t csum_finish(const struct csum *c);
/* Adds a TCP or ICMPv6 pseudo-header of either family; `len` is that of the upper-layer packet. */
void csum_add_pseudo(struct csum *c, const struct umptcp_addr *src, const struct umptcp_addr *dst, uint8_t proto,
                     uint32_t len);

#endif
