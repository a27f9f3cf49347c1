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

struct transfer {
    struct world *w;
    uint64_t seed, rng;
    umptcp_sock listener;
    struct transfer_end end[2];
    uint32_t piece; /* largest write and read */
    bool tcp_only[2];
    bool accepted;
    const char *wrong; /* what went wrong; NULL: nothing yet */
    uint32_t subflows_up, fallbacks;
};

/* Listens and connects; `to_server` and `to_client` bytes are to go each way. */
void transfer_start(struct transfer *t, struct world *w, uint64_t seed, uint64_t to_server, uint64_t to_client,
                    uint32_t piece);
/* Lets both applications do what they can now. */
void transfer_pump(struct transfer *t);
/* Both ends have sent and received all, seen the end, and given up their handles. */
bool transfer_done(const struct transfer *t);
/* The byte at a position of a direction (0: to the server). */
uint8_t transfer_byte(uint64_t seed, int direction, uint64_t pos);

#endif
