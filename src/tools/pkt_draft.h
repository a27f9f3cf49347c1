/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first draft of a script, from one connection of a capture.
 *
 *   pkt_draft.c         what stands around the events: options, the set-up command; and all of it as text
 *   pkt_draft_packet.c  captured packets -> packet lines
 *   pkt_draft_name.c    names for addresses and for keys
 *   pkt_draft_call.c    the calls that may have made the stack send what it sent
 */
#ifndef UMPTCP_TOOLS_PKT_DRAFT_H
#define UMPTCP_TOOLS_PKT_DRAFT_H

#include "script/print.h"
#include "tools/pkt_trace.h"

/* An event of the draft, or what stands there as a comment. */
struct draft_item {
    dur at; /* since the first packet, in tenths of milliseconds */
    const struct trace_flow *flow;
    struct packet *packet; /* NULL: `text` is a call */
    const char *text;
    const char *remark; /* stands before it */
    bool comment;       /* it cannot be run: `remark` says why */

    /* What a packet says about the streams of the connection, whose first octets have the number 1. */
    uint64_t data_end; /* one more than its last octet; 0: no payload */
    uint64_t data_map; /* one more than the last octet of its mapping; 0: it has none */
    uint64_t data_fin; /* the number of the stream's end; 0: none */
    uint64_t data_ack; /* the next number that is expected; 0: nothing is acknowledged */
};

/* A subflow, seen from both sides: lift() reads what a stack sent. */
struct draft_flow {
    struct tcp_flow out, in;
    struct ts_pair ts;
    uint32_t *ts_shown; /* timestamps of the stack that the draft shows */
    uint32_t nts, ts_cap;
    bool named;
    struct end stack, peer;
    uint64_t map[2]; /* what makes data numbers of the subflow's; by trace_side */
};

/* An address and a port of one side. */
struct draft_name {
    struct draft_name *next;
    const char *name;
    bool stack;
    struct umptcp_sockaddr at;
    bool used;      /* by a subflow */
    bool announced; /* in ADD_ADDR */
};

/* An address of the stack beside its first one, which the script has to configure. */
struct draft_addr {
    struct draft_addr *next;
    struct umptcp_addr captured, script;
    uint8_t id;
    uint16_t port; /* 0: none */
    bool has_id, signal, subflow, backup;
};

struct draft {
    struct arena arena;
    const struct trace *trace;
    const struct trace_conn *conn;
    const char *path;
    const char *guess; /* why this side is the stack */
    enum trace_side stack;
    bool v6, mptcp;
    struct settings settings; /* the defaults of the family */
    struct mp_conn mp_out, mp_in;
    struct draft_flow *flows; /* by trace_flow.index */
    struct draft_item *items;
    uint32_t n, cap;
    const char *key_name[2]; /* by trace_side */
    bool key_given;          /* the peer's key was assigned to its name */
    struct draft_name *names;
    uint32_t nnames[2]; /* [1]: of the stack */
    struct draft_addr *addrs;
    uint32_t naddrs;
    uint32_t joins_accepted, joins_made, joins_announced; /* subflows that the stack took; opened; to announced ones */
    bool ecr_scaled;
    uint32_t cut, unsummed; /* packets */
};

/* Writes the draft of a connection that begins in the capture. `guess`: a sentence that says why `stack` is the side
 * under test. */
void draft_write(struct text *t, const struct trace *trace, const struct trace_conn *conn, enum trace_side stack,
                 const char *path, const char *guess);

/* ---- pkt_draft_packet.c ------------------------------------------------------------------------------------------ */

/* All packets of the connection become items. */
void draft_packets(struct draft *d);
/* Segments that one write makes become one line, which agrees with any segmentation of them. */
void draft_merge(struct draft *d);
struct draft_item *draft_add(struct draft *d);

/* ---- pkt_draft_name.c -------------------------------------------------------------------------------------------- */

/* Names the ends of a subflow whose first packet this is. */
void draft_name_flow(struct draft *d, const struct trace_flow *flow);
/* Numbers of MPTCP options become names, and what the script can compute is left to it. `remark` is set when something
 * in it is not as it should be. */
void draft_name_option(struct draft *d, const struct trace_flow *flow, bool outbound, struct mp_line *mp,
                       const char **remark);

/* ---- pkt_draft_call.c -------------------------------------------------------------------------------------------- */

/* Puts calls between the packets. */
void draft_calls(struct draft *d);

#endif
