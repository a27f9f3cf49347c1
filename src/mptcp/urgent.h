/* SPDX-License-Identifier: BSD-3-Clause */
/* Urgent data (RFC 9293 3.8.5) of a connection that is plain TCP, in either direction; positions are the stream's. */
#ifndef UMPTCP_MPTCP_URGENT_H
#define UMPTCP_MPTCP_URGENT_H

#include "tcp/tcb.h"

struct conn;

enum urgent_state { URGENT_NONE, URGENT_AWAITED, URGENT_HERE, URGENT_TAKEN };

struct conn_urgent {
    struct dsn up;   /* ours goes up to here, the byte behind it; below snd_una: there is none */
    struct dsn mark; /* the last octet of the peer's, when there is a state */
    uint8_t state;   /* enum urgent_state: of that octet, apart from the stream */
    uint8_t octet;   /* HERE: it */
};

/* What was committed up to now is urgent. 0, -EOPNOTSUPP (MPTCP has none), -ENOMEM. */
int conn_urgent_send(struct conn *c);
/* There is such a connection, and it may be called; else as above, with nothing changed. */
int conn_urgent_open(struct conn *c);
/* Urgent data of ours was not acknowledged yet: it waits for nothing but the peer. */
bool conn_urgent_sends(const struct conn *c);
/* Where it ends on the one subflow; 0: there is none. */
struct ssn conn_urgent_end(const struct conn *c);
/* An acceptable segment came, whose payload is not stored yet. */
void conn_urgent_input(struct conn *c, const struct seg *seg, const struct tcp_rx *rx);
/* Bytes that can be read before the mark, or behind it when that is next: `*skip` is 1 when its octet is left out. */
uint64_t conn_urgent_readable(const struct conn *c, uint32_t *skip);
/* The next byte is the mark's, whose octet came or not. */
bool conn_urgent_at_mark(const struct conn *c);
/* read_seq moved. */
void conn_urgent_read(struct conn *c);
/* The octet apart from the stream: 1, or -EINVAL (none was announced, it was taken, or it is in line), -EAGAIN (it did
 * not come yet), 0 (and never will). */
int conn_urgent_take(struct conn *c, bool peek, uint8_t *octet);
void conn_urgent_free(struct conn *c);

#endif
