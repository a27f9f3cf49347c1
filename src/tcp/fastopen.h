/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP Fast Open (RFC 7413) beside the connection: the cookies that a server gives out, and what a client remembers of
 * its servers.
 */
#ifndef UMPTCP_TCP_FASTOPEN_H
#define UMPTCP_TCP_FASTOPEN_H

#include "base/env.h"
#include "wire/segment.h"

enum fastopen_limit {
    FASTOPEN_KEYS = UMPTCP_FASTOPEN_KEYS,
    FASTOPEN_COOKIE_LEN = 8, /* of those that we give out */
    FASTOPEN_PEERS_MAX = 128,
    FASTOPEN_DOUBLINGS_MAX = 6, /* of how long a peer, or Fast Open as a whole, is left alone */
};
#define FASTOPEN_PEER_HOLD SEC(60)

/* ---- Server ------------------------------------------------------------------------------------------------------ */

/* The first key makes cookies, both check them: a new one comes in front of the old one. */
struct fastopen_keys {
    uint8_t n;
    uint8_t key[FASTOPEN_KEYS][UMPTCP_FASTOPEN_KEY_LEN];
};

/*
 * The cookie of a client: SipHash-2-4 under the key over source and destination address, as on Linux, so that hosts
 * that share a key and an address accept each other's.
 */
void fastopen_cookie_make(const struct fastopen_keys *keys, int i, const struct flow *flow, struct fastopen_cookie *c);
/* Which of the keys made this cookie for the sender of a SYN (`flow`: local is ours); -1: none. */
int fastopen_cookie_check(const struct fastopen_keys *keys, const struct flow *flow, const struct fastopen_cookie *c);

/* ---- Client ------------------------------------------------------------------------------------------------------ */

/* What is known of a server, as seen from one address of ours (RFC 7413 4.1.3). */
struct fastopen_peer {
    struct umptcp_addr local, remote;
    struct fastopen_cookie cookie; /* none: len 0, and exp says in which form to ask */
    uint16_t mss;                  /* that it announced; 0: never */
    bool no_exp;                   /* the older form was tried, and is not understood either */
    uint8_t losses;                /* connections in a row whose SYN with data was lost */
    utime hold;                    /* no data on a SYN before this */
    uint16_t path_mss;             /* what the path between these addresses takes, in payload and options; 0: unknown */
    utime path_until;              /* and how long that counts */
    utime used;
};

struct fastopen {
    struct fastopen_keys keys;
    struct fastopen_peer *peers; /* room for FASTOPEN_PEERS_MAX; NULL: nothing is known */
    uint32_t npeers;
    utime off_until; /* something on the way does not take Fast Open: it rests */
    uint8_t offs;    /* how often in a row that was found out */
};

void fastopen_free(struct fastopen *f, struct mem *mem);
/* NULL: nothing is known. Valid until the next fastopen_peer_get(). */
struct fastopen_peer *fastopen_peer_find(const struct fastopen *f, const struct flow *flow);
/* The same, but makes an entry, in place of the oldest when there are enough; NULL without memory. */
struct fastopen_peer *fastopen_peer_get(struct fastopen *f, struct env *env, const struct flow *flow);
/* The SYN with data got lost and the one without was answered, so for a time this peer gets none. */
void fastopen_peer_lost(struct fastopen_peer *p, utime now);
/* Payload that the first SYN to this peer may have: of its MSS, or of the default one, what options leave. */
uint32_t fastopen_room(const struct fastopen_peer *p, bool v6, uint16_t mss);
/* A blackhole: Fast Open rests, each time twice as long, unless the configuration says that it never does. */
void fastopen_rest(struct fastopen *f, struct env *env);

#endif
