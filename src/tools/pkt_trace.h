/* SPDX-License-Identifier: BSD-3-Clause */
/* The connections in a capture: which packets are of one TCP flow, and which flows are subflows of one connection. */
#ifndef UMPTCP_TOOLS_PKT_TRACE_H
#define UMPTCP_TOOLS_PKT_TRACE_H

#include "base/hash.h"
#include "base/list.h"
#include "io/raw.h"
#include "script/flow.h"
#include "tools/pkt_capture.h"

/* The side of a connection that opened it, and the other one. */
enum trace_side { OPENER, ACCEPTOR };

struct trace_flow {
    struct hash_node node;
    struct trace_flow *next; /* of its connection, in the order of appearance */
    struct trace_conn *conn;
    uint32_t index;   /* in its connection, from 0 */
    struct flow ends; /* local: of who sent the first SYN, or the first packet that is there */
    bool begins;      /* the capture has its SYN */
    bool swapped;     /* a subflow that the connection's acceptor opened */
    bool answered;    /* with a SYN/ACK */
    bool refused;     /* with a RST instead */
    bool has_isn[2];  /* [0] of who opened the flow */
    uint32_t isn[2];
    uint32_t nonce[2]; /* of MP_JOIN */
};

struct trace_token {
    struct hash_node node;
    struct trace_conn *conn;
    enum trace_side side;
    uint32_t token;
};

struct trace_conn {
    struct trace_conn *next;
    uint32_t number;                 /* from 1 */
    struct trace_flow *flows, *last; /* the first one is the initial subflow */
    uint32_t nflows;
    struct mp_key key[2];                 /* of each side */
    struct trace_token token[2];          /* that lead here */
    bool mptcp[2];                        /* MP_CAPABLE in the SYN, in the SYN/ACK */
    bool dss;                             /* MPTCP carries data */
    bool lonely_join;                     /* a subflow of a connection that the capture does not have */
    uint32_t packets, first, last_packet; /* of trace.packets */
    uint64_t octets[2];                   /* payload that each side sent, retransmissions included */
    uint32_t outgoing[2]; /* packets that the capture marks as this side's own: going out, or the other's coming in */
};

struct trace_packet {
    uint32_t at; /* of the capture's packets */
    struct trace_flow *flow;
    bool reply; /* sent by the flow's acceptor */
    bool icmp;
};

struct trace {
    const struct capture *capture;
    struct arena arena;
    struct mem mem;
    struct hash_table flows, tokens;
    struct trace_conn *conns, *last;
    uint32_t nconns;
    struct trace_packet *packets; /* of connections, in the order of the capture */
    uint32_t npackets, cap;
};

/* `capture` has to live as long. */
void trace_make(struct trace *t, const struct capture *capture);
void trace_free(struct trace *t);
const struct trace_conn *trace_find(const struct trace *t, uint32_t number);
static inline enum trace_side trace_sender(const struct trace_packet *p) {
    return p->reply != p->flow->swapped ? ACCEPTOR : OPENER;
}
/* The end of a flow that is of a side. */
static inline const struct umptcp_sockaddr *trace_end(const struct trace_flow *f, enum trace_side side) {
    return (side == ACCEPTOR) == f->swapped ? &f->ends.local : &f->ends.remote;
}

/* What was wrong with a captured packet, none of which matters any more. */
struct trace_bytes {
    bool cut;      /* headers are missing: there is nothing */
    bool unsummed; /* its checksum was wrong or not finished */
};

/*
 * A captured packet as it was on the wire, with zeros as payload and complete checksums. Returns its length, or 0 when
 * it cannot be had.
 */
uint32_t trace_bytes(const struct capture_packet *p, uint8_t data[RAW_MAX], struct trace_bytes *what);

#endif
