/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection that carries bytes both ways in a world, with an application at each end that writes and reads in
 * random pieces, ends its direction when it is done, and compares every byte with what it must be.
 */
#ifndef UMPTCP_TEST_SIM_TRANSFER_H
#define UMPTCP_TEST_SIM_TRANSFER_H

#include "world.h"

enum { TRANSFER_PORT = 5000 };

struct transfer_end {
    umptcp_sock sock;
    uint64_t to_send, sent, to_receive, received;
    bool shut, eof, closed, close_told;
    int error;
};

/* What something on the way does to the stream of a direction, and is to: the receiver gets it so. */
struct transfer_edit {
    uint64_t at;
    uint32_t remove, insert; /* the inserted bytes are whatever they are, but not what stood there */
};

struct transfer {
    struct world *w;
    uint64_t seed, rng;
    umptcp_sock listener;
    struct transfer_end end[2];
    uint32_t piece; /* largest write and read */
    bool tcp_only[2];
    /* What the caller sets beforehand, as tcp_only: transfer_start() leaves it. */
    bool fastopen;                /* bytes go with the SYN: transfer_fastopen() */
    bool open;                    /* no direction ends yet, though all was sent */
    struct transfer_edit edit[2]; /* by direction, 0: to the server */
    uint32_t may_differ;          /* so many bytes */
    uint32_t differed;
    bool accepted;
    const char *wrong; /* what went wrong; NULL: nothing yet */
    uint32_t subflows_up, fallbacks;
    uint32_t subflows_down[2];
    uint8_t reason[2]; /* of the last subflow that went: its MP_TCPRST */
};

/* Both hosts do Fast Open, without cookies; or not. */
void transfer_fastopen(struct transfer *t, struct world_config *cfg, bool on);
/* Listens and connects; `to_server` and `to_client` bytes are to go each way. */
void transfer_start(struct transfer *t, struct world *w, uint64_t seed, uint64_t to_server, uint64_t to_client,
                    uint32_t piece);
/* Lets both applications do what they can now. */
void transfer_pump(struct transfer *t);
/* Everything that was to be sent so far was received. */
bool transfer_delivered(const struct transfer *t);
/* Both ends have sent and received all, seen the end, and given up their handles. */
bool transfer_done(const struct transfer *t);
/* Gives the listener up and waits. NULL, or what of the transfer is left: a connection, a timer, a broken invariant. */
const char *transfer_clean(struct transfer *t);
/* The byte at a position of a direction (0: to the server). */
uint8_t transfer_byte(uint64_t seed, int direction, uint64_t pos);

#endif
