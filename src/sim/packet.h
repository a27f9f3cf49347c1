/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet under way through middleboxes: whole, with full checksums, in memory of its own, so that whoever holds it
 * may rewrite it. What is no sound TCP segment passes as it is.
 */
#ifndef UMPTCP_SIM_PACKET_H
#define UMPTCP_SIM_PACKET_H

#include "base/clock.h"
#include "base/list.h"
#include "umptcp.h"
#include "wire/bytes.h"
#include "wire/mpopt.h"
#include "wire/segment.h"

enum packet_dir { DIR_OUT, DIR_IN, DIRS }; /* as the host of the wrapped driver sees it */

struct packet {
    struct list node;
    utime when; /* it is to go on, while somebody holds it */
    enum packet_dir dir;
    bool tcp;    /* a whole TCP segment with a right checksum; else the functions below are not for it */
    bool v6;     /* of those: the family */
    uint16_t l4; /* where the TCP header starts */
    uint32_t len, room;
    uint8_t data[];
};

/* Room that each has for what middleboxes add. */
enum { PACKET_SPARE = 256 };

/* A copy of `len` bytes, with spare room, or a packet of uninitialised bytes (`data` NULL); NULL without memory. */
struct packet *packet_new(const uint8_t *data, uint32_t len, enum packet_dir dir);
struct packet *packet_copy(const struct packet *p);
/* Looks what it is. False when it is a broken packet: a checksum is wrong. */
bool packet_inspect(struct packet *p);
/* After a change: lengths and checksums of the headers. */
void packet_fix(struct packet *p);
/* An empty segment from `src` to `dst`, to be filled in; NULL without memory. */
struct packet *packet_segment(const struct umptcp_sockaddr *src, const struct umptcp_sockaddr *dst,
                              enum packet_dir dir);

static inline uint8_t *packet_tcp(struct packet *p) { return p->data + p->l4; }
static inline const uint8_t *packet_tcp_const(const struct packet *p) { return p->data + p->l4; }
static inline uint32_t packet_tcp_len(const struct packet *p) { return (uint32_t)(packet_tcp_const(p)[12] >> 4) * 4; }
static inline uint8_t *packet_payload(struct packet *p) { return packet_tcp(p) + packet_tcp_len(p); }
static inline const uint8_t *packet_payload_const(const struct packet *p) {
    return packet_tcp_const(p) + packet_tcp_len(p);
}
static inline uint32_t packet_payload_len(const struct packet *p) { return p->len - p->l4 - packet_tcp_len(p); }
static inline uint8_t packet_flags(const struct packet *p) { return packet_tcp_const(p)[13]; }
static inline uint32_t packet_seq(const struct packet *p) { return load_be32(packet_tcp_const(p) + 4); }
static inline uint32_t packet_ack(const struct packet *p) { return load_be32(packet_tcp_const(p) + 8); }
static inline uint16_t packet_window(const struct packet *p) { return load_be16(packet_tcp_const(p) + 14); }
static inline void packet_set_flags(struct packet *p, uint8_t flags) { packet_tcp(p)[13] = flags; }
static inline void packet_set_seq(struct packet *p, uint32_t seq) { store_be32(packet_tcp(p) + 4, seq); }
static inline void packet_set_ack(struct packet *p, uint32_t ack) { store_be32(packet_tcp(p) + 8, ack); }
static inline void packet_set_window(struct packet *p, uint16_t window) { store_be16(packet_tcp(p) + 14, window); }
/* Sequence space taken. */
static inline uint32_t packet_space(const struct packet *p) {
    return packet_payload_len(p) + !!(packet_flags(p) & TCP_SYN) + !!(packet_flags(p) & TCP_FIN);
}
/* The next sequence number. */
static inline uint32_t packet_end(const struct packet *p) { return packet_seq(p) + packet_space(p); }
/* a < b and a <= b on the circle. */
static inline bool seq32_lt(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }
static inline bool seq32_le(uint32_t a, uint32_t b) { return (int32_t)(a - b) <= 0; }

/* Its ends. */
struct umptcp_sockaddr packet_src(const struct packet *p);
struct umptcp_sockaddr packet_dst(const struct packet *p);
void packet_set_src(struct packet *p, const struct umptcp_sockaddr *src);
void packet_set_dst(struct packet *p, const struct umptcp_sockaddr *dst);

/* ---- TCP options ------------------------------------------------------------------------------------------------- */

enum { OPT_EOL = 0, OPT_NOP = 1, OPT_MSS = 2, OPT_WSCALE = 3, OPT_SACK_OK = 4, OPT_SACK = 5, OPT_TS = 8 };

struct raw_option {
    uint8_t kind, len; /* in all */
    uint8_t data[TCP_OPTIONS_MAX];
};

/* In order, without padding. */
struct raw_options {
    uint8_t n;
    struct raw_option o[TCP_OPTIONS_MAX / 2];
};

void packet_options(const struct packet *p, struct raw_options *opts);
/* Writes them, padded with NOPs. False, and nothing done, when they take more than 40 bytes or there is no room. */
bool packet_set_options(struct packet *p, const struct raw_options *opts);
/* The same with bytes as they are to stand, a multiple of 4 and at most 40. */
bool packet_set_option_bytes(struct packet *p, const uint8_t *bytes, uint32_t len);
/* One option as bytes. */
void raw_option_put(struct writer *w, const struct raw_option *o);
void raw_options_remove(struct raw_options *opts, uint8_t index);
/* Appends one; false when there is no place for it. */
bool raw_options_add(struct raw_options *opts, const struct raw_option *o);
/* MPTCP's subtype, or -1: it is none of MPTCP's. */
static inline int raw_option_subtype(const struct raw_option *o) {
    return o->kind == MPOPT_KIND && o->len > 2 ? o->data[0] >> 4 : -1;
}

/* Another payload. False when there is no room for it. */
bool packet_set_payload(struct packet *p, const uint8_t *data, uint32_t len);

#endif
