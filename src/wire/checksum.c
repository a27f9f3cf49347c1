/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Internet checksum (RFC 1071).
 *
 * 2^16 is 1 modulo 2^16 - 1, so words of any width can be added in place of 16-bit ones as long as no carry is lost:
 * 32-bit words into a 64-bit sum lose none for 2^32 words. The sum also does not mind the byte order; it only comes out
 * swapped, and a swap puts right both a little-endian machine and a piece that starts at an odd place.
 */
#include "wire/checksum.h"

#include <assert.h>
#include <string.h>

#include "wire/addr.h"
#include "wire/bytes.h"

enum { BLOCK = 128 }; /* a multiple of every vector width, long enough for compilers to make a vector loop of it */

static uint16_t fold(uint64_t sum) {
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static uint16_t swap16(uint16_t v) { return (uint16_t)(v << 8 | v >> 8); }

/* In the machine's byte order, an odd last byte padded with a zero behind it. */
static uint64_t sum_native(const uint8_t *p, size_t len) {
    uint64_t sum = 0;
    for (; len >= BLOCK; len -= BLOCK, p += BLOCK)
        for (size_t i = 0; i < BLOCK; i += 4) {
            uint32_t w;
            memcpy(&w, p + i, 4);
            sum += w;
        }
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        sum += (w >> 32) + (w & 0xffffffff);
    }
    if (len) {
        uint64_t w = 0;
        memcpy(&w, p, len);
        sum += (w >> 32) + (w & 0xffffffff);
    }
    return sum;
}

static bool is_little_endian(void) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

void csum_add(struct csum *c, const void *data, size_t len) {
    uint16_t sum = fold(sum_native(data, len));
    if (is_little_endian() != c->odd)
        sum = swap16(sum);
    c->sum += sum;
    c->odd ^= len & 1;
}

void csum_add_u16(struct csum *c, uint16_t v) { c->sum += v; }

void csum_add_u32(struct csum *c, uint32_t v) { c->sum += v; }

void csum_add_u64(struct csum *c, uint64_t v) { c->sum += (v >> 32) + (v & 0xffffffff); }

uint16_t csum_fold(const struct csum *c) { return fold(c->sum); }

uint16_t csum_finish(const struct csum *c) { return (uint16_t)~fold(c->sum); }

static void csum_add_addr(struct csum *c, const struct umptcp_addr *a) {
    if (addr_is_v4(a)) {
        csum_add_u32(c, load_be32(a->b + 12));
    } else {
        csum_add_u64(c, load_be64(a->b));
        csum_add_u64(c, load_be64(a->b + 8));
    }
}

void csum_add_pseudo(struct csum *c, const struct umptcp_addr *src, const struct umptcp_addr *dst, uint8_t proto,
                     uint32_t len) {
    assert(addr_is_v4(src) == addr_is_v4(dst));
    csum_add_addr(c, src);
    csum_add_addr(c, dst);
    csum_add_u32(c, proto);
    csum_add_u32(c, len);
}
