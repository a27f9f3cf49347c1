/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reassembly of IPv4 packets (RFC 791 3.2, RFC 815), within a bound. Pieces that overlap spoil the whole packet (RFC
 * 5722's rule, good for IPv4 too: no TCP sends such, attackers do); a piece that only repeats what came is ignored.
 * When there is no room the oldest packet goes. IPv6 fragments are not taken: a TCP that heeds path MTUs does not make
 * them.
 */
#ifndef UMPTCP_STACK_FRAG_H
#define UMPTCP_STACK_FRAG_H

#include "base/deque.h"
#include "base/env.h"
#include "base/ranges.h"
#include "wire/addr.h"
#include "wire/ip.h"

enum { FRAG_PACKETS_MAX = 16, FRAG_BYTES_MAX = 256 * 1024 };
#define FRAG_LIFE SEC(30)

struct frags {
    struct env *env;      /* NULL: not made */
    struct deque packets; /* struct frag_packet, oldest first */
    uint32_t bytes;       /* that their buffers take */
    uint8_t *whole;       /* the packet that was completed last */
    uint32_t whole_size;
    struct timer timer; /* the oldest packet's end */
};

/* 0 or -ENOMEM. */
int frags_init(struct frags *f, struct env *env, uint16_t timer_kind);
void frags_free(struct frags *f);
/*
 * Takes a piece. DROP_NONE and `*whole` true: `ip` is the whole packet now, its payload valid until frags_release();
 * `*whole` false: more must come.
 */
enum drop frags_input(struct frags *f, struct ip_hdr *ip, bool *whole);
void frags_release(struct frags *f);
/* The timer came up. */
void frags_timeout(struct frags *f);
/* Invariants; NULL, or what is broken. */
const char *frags_check(const struct frags *f);

#endif
