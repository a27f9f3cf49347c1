/* SPDX-License-Identifier: BSD-3-Clause */
/* Places in the stream of a connection that the application asked for. */
#ifndef UMPTCP_MPTCP_MARKS_H
#define UMPTCP_MPTCP_MARKS_H

#include "mptcp/conn.h"

/* A place in the stream that the application asked for (umptcp_mark()). */
struct conn_mark {
    struct dsn at;
    uint32_t id;
    uint8_t waits; /* enum umptcp_mark_kind: what did not come to pass yet */
    uint8_t told;  /* and what the application has to be told */
    utime sent, acked;
};

/* As umptcp_mark() and umptcp_notice(). */
int conn_mark(struct conn *c, unsigned kinds, uint32_t id);
bool conn_notice(struct conn *c, struct umptcp_notice *notice);
/* How many of the `waiting` bytes from snd_nxt on belong to the record that begins there. */
uint64_t conn_record(const struct conn *c, uint64_t waiting);
/* snd_nxt moved; [start, start + len) left for the first time; snd_una moved. */
void conn_marks_given(struct conn *c);
void conn_marks_sent(struct conn *c, struct dsn start, uint32_t len);
void conn_marks_acked(struct conn *c);
/* The numbers of the stream are smaller by `by` from now on: what the SYN took has none (RFC 8684 appendix B). */
void conn_marks_renumber(struct conn *c, uint64_t by);
void conn_marks_free(struct conn *c);

#endif
