/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP segments (RFC 9293 3.1) with their options, walked once: bytes <-> values. */
#ifndef UMPTCP_WIRE_SEGMENT_H
#define UMPTCP_WIRE_SEGMENT_H

#include "base/cursor.h"
#include "base/drop.h"
#include "base/seq.h"
#include "wire/addr.h"
#include "wire/ip.h"
#include "wire/mpopt.h"

enum tcp_flag {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80,
};

enum {
    TCP_HDR_LEN = 20,
    TCP_CSUM_OFFSET = 16, /* of the checksum in the header */
    TCP_OPTIONS_MAX = 40,
    TCP_OPT_TS_LEN = 12, /* timestamps, padded */
    SACK_MAX = 4,
    FASTOPEN_COOKIE_MIN = 4, /* RFC 7413 4.1.1 */
    FASTOPEN_COOKIE_MAX = 16,
};

/* A Fast Open cookie (RFC 7413); no bytes: one is asked for. */
struct fastopen_cookie {
    uint8_t len; /* 0, or FASTOPEN_COOKIE_MIN to _MAX, even */
    bool exp;    /* as the option had it before it had a kind of its own: 254 with 0xf989 (RFC 6994) */
    uint8_t b[FASTOPEN_COOKIE_MAX];
};

struct sack_block {
    struct seq left, right;
};

/* Options other than MPTCP's. What is absent is false or zero. */
struct tcp_options {
    bool has_mss, has_wscale, sack_permitted, has_ts;
    uint16_t mss;
    uint8_t wscale; /* as sent; more than 14 counts as 14 */
    uint32_t tsval, tsecr;
    uint8_t nsack;
    struct sack_block sack[SACK_MAX];
    bool has_fastopen; /* on a SYN only */
    struct fastopen_cookie fastopen;
};

struct seg {
    struct flow flow; /* local: the destination of a segment that came */
    struct seq seq, ack;
    uint8_t flags;
    uint16_t window;
    uint16_t urgent;
    uint8_t ecn; /* of the IP header */
    struct tcp_options opt;
    struct mpopts mp;
    const uint8_t *data;
    uint32_t len;      /* payload bytes */
    uint16_t gso_size; /* of merged segments; 0: one segment */
};

/* Sequence space taken: payload, SYN and FIN. */
static inline uint32_t seg_space(const struct seg *s) {
    return s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
}
/* How many segments were merged into it (at least 1). */
static inline uint32_t seg_count(const struct seg *s) {
    return s->gso_size && s->len > s->gso_size ? (s->len + s->gso_size - 1) / s->gso_size : 1;
}

/*
 * Reads a TCP segment. `csum_valid`: do not verify the checksum. Unknown options and options of a wrong length are
 * skipped; one that runs past the header ends the walk. Returns DROP_NONE, DROP_TCP_SHORT or DROP_TCP_CSUM.
 */
enum drop tcp_parse(const struct ip_hdr *ip, bool csum_valid, uint16_t gso_size, struct seg *seg);

/*
 * Writes a TCP header with options in Linux's order (MSS, SACK permitted + timestamps, window scale, SACK, Fast Open,
 * then MPTCP last), padded with NOPs to 4 bytes as Linux does. The checksum field is left zero. Sets w->bad when the
 * options take more than 40 bytes. `seg->flow.local` is the source.
 */
void tcp_build(struct writer *w, const struct seg *seg);
/* Bytes that the options of `seg` will take, padding included; from tcp_build() on a counting writer. */
uint32_t tcp_options_len(const struct seg *seg);

#endif
