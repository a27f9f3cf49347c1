/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN cookies (RFC 4987 3.6): a SYN/ACK that leaves no state behind. Its sequence number is a keyed hash of the ends,
 * the peer's number and the minute, plus a class of MSS and a kind of SYN/ACK. Its timestamp ends in
 * what the SYN agreed to beside. Both come back in the third packet, from which the connection is made as from a SYN.
 *
 * A guess is right for one in 2^25 numbers or so: 24 values for each of the minutes that count.
 */
#ifndef UMPTCP_TCP_COOKIE_H
#define UMPTCP_TCP_COOKIE_H

#include "tcp/tcb.h"

enum { COOKIE_MINUTES = 2, COOKIE_EPOCH_MINUTES = 60, COOKIE_SECRET_LEN = 32 };

/* How old a cookie can be, at most. */
#define COOKIE_LIFE SEC(60 * (COOKIE_MINUTES + 1))

struct cookies {
    struct env *env;
    uint64_t epoch; /* hours of the caller's clock: each has a secret of its own, the last two are kept */
    struct cookie_secrets {
        struct hash_key number;
        uint8_t other[COOKIE_SECRET_LEN];
    } secrets[2];
};

/* What the SYN/ACK says beside: the owner's affair. */
enum cookie_kind { COOKIE_TCP, COOKIE_CAPABLE /* MP_CAPABLE */, COOKIE_JOIN /* MP_JOIN */, COOKIE_KINDS };

struct cookie {
    struct seq irs, isn;
    uint64_t minute;
    uint16_t mss;
    uint8_t kind; /* enum cookie_kind */
};

void cookies_init(struct cookies *cs, struct env *env);
/* The number that answers a SYN. */
struct cookie cookie_of_syn(struct cookies *cs, const struct seg *syn, enum cookie_kind kind);
/* The cookie that a third packet acknowledges; false when it is none of ours, is too old, or came with an echo that its
 * SYN/ACK cannot have had. */
bool cookie_of_ack(struct cookies *cs, const struct seg *ack, struct cookie *c);
/* The secret of its hour, for what else is to be derived from the handshake. */
const uint8_t *cookie_secret(const struct cookies *cs, const struct cookie *c);

/* CLOSED -> SYN-RECEIVED, as tcp_open(), for a tcb that sends this one SYN/ACK and is forgotten. */
void cookie_open(struct tcb *t, const struct seg *syn, const struct cookie *c);
/* CLOSED -> SYN-RECEIVED by the SYN that must have been; `ack` is to be the next input. */
void cookie_reopen(struct tcb *t, const struct seg *ack, const struct cookie *c);
/* Then, when the owner's options are set: the SYN/ACK left, with this window. */
void cookie_reopened(struct tcb *t, uint64_t window);

#endif
