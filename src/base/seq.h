/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The three sequence spaces, as three types, so that mixing them does not compile:
 *
 *   struct seq  what a TCP header carries: 32 bits, starts at a random number, wraps
 *   struct ssn  position within one direction of one subflow: 64 bits, the SYN is 0, the first payload byte is 1, never
 *               wraps. Its low 32 bits are the subflow sequence number of RFC 8684 3.3.1
 *   struct dsn  data sequence number of the connection: 64 bits, starts at the IDSN, wraps modulo 2^64
 *
 * struct seq exists only in wire headers: it becomes an ssn when a segment is read (nearest to what is expected, which
 * is the same as RFC 9293's modulo arithmetic) and back when one is written.
 */
#ifndef UMPTCP_BASE_SEQ_H
#define UMPTCP_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

struct seq {
    uint32_t v;
};
struct ssn {
    uint64_t v;
};
struct dsn {
    uint64_t v;
};

static inline struct ssn ssn_add(struct ssn a, uint64_t n) { return (struct ssn){a.v + n}; }
static inline uint64_t ssn_sub(struct ssn a, struct ssn b) { return a.v - b.v; } /* a must not be before b */
static inline int64_t ssn_diff(struct ssn a, struct ssn b) { return (int64_t)(a.v - b.v); }
static inline bool ssn_lt(struct ssn a, struct ssn b) { return ssn_diff(a, b) < 0; }
static inline bool ssn_le(struct ssn a, struct ssn b) { return ssn_diff(a, b) <= 0; }
static inline bool ssn_eq(struct ssn a, struct ssn b) { return a.v == b.v; }
static inline struct ssn ssn_min(struct ssn a, struct ssn b) { return ssn_lt(a, b) ? a : b; }
static inline struct ssn ssn_max(struct ssn a, struct ssn b) { return ssn_lt(a, b) ? b : a; }

static inline struct dsn dsn_add(struct dsn a, uint64_t n) { return (struct dsn){a.v + n}; }
static inline uint64_t dsn_sub(struct dsn a, struct dsn b) { return a.v - b.v; }
static inline int64_t dsn_diff(struct dsn a, struct dsn b) { return (int64_t)(a.v - b.v); }
static inline bool dsn_lt(struct dsn a, struct dsn b) { return dsn_diff(a, b) < 0; }
static inline bool dsn_le(struct dsn a, struct dsn b) { return dsn_diff(a, b) <= 0; }
static inline bool dsn_eq(struct dsn a, struct dsn b) { return a.v == b.v; }
static inline struct dsn dsn_min(struct dsn a, struct dsn b) { return dsn_lt(a, b) ? a : b; }
static inline struct dsn dsn_max(struct dsn a, struct dsn b) { return dsn_lt(a, b) ? b : a; }

/* The wire number of `s` in a direction whose SYN had number `isn`. */
static inline struct seq seq_of(struct seq isn, struct ssn s) { return (struct seq){isn.v + (uint32_t)s.v}; }
/* The 64-bit value with the low half `low` that is nearest to `near`; exactly half way counts as before it. */
static inline uint64_t unwrap32(uint64_t near, uint32_t low) {
    return near + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)near);
}
static inline struct ssn ssn_of(struct seq isn, struct ssn near, struct seq s) {
    return (struct ssn){unwrap32(near.v, s.v - isn.v)};
}
/* RFC 8684 3.3.1: a 32-bit subflow sequence number, data sequence number or Data ACK, extended. */
static inline struct ssn ssn_unwrap(struct ssn near, uint32_t low) { return (struct ssn){unwrap32(near.v, low)}; }
static inline struct dsn dsn_unwrap(struct dsn near, uint32_t low) { return (struct dsn){unwrap32(near.v, low)}; }

#endif
