/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connections of a run, and the way between the numbers that a script writes and those on the wire.
 *
 *                     in packets with SYN                    in all others
 *   the peer's        as written                             peer_isn + written
 *   the stack's       stack_isn + (written - stack_isn_written)   stack_isn + written
 *
 * The peer's numbers are the sequence numbers of inbound packets and the acknowledgments of outbound ones. "Peer" is
 * who sends inbound packets (the script), "stack" who is under test. An MPTCP connection (struct mp_conn) has several
 * of the flows, which share keys and data sequence numbers.
 *
 * A line of the script names its flow by its ends, or means the newest one.
 */
#ifndef UMPTCP_SCRIPT_FLOW_H
#define UMPTCP_SCRIPT_FLOW_H

#include "script/settings.h"
#include "wire/addr.h"

enum { PEER_ADDRS_MAX = 32 };

/* Keys are the wire's octets read as a number, as in wire/mpcrypto.h; scripts write them with the first octet lowest.
 */
struct mp_key {
    bool known;
    uint64_t key;
};

struct mp_conn {
    struct mp_conn *next; /* older */
    struct mp_key peer, stack;
    uint64_t peer_octets;  /* data octets that the peer sent: its next data sequence number is one more */
    uint64_t stack_octets; /* the same of the stack, as seen */
    uint64_t stack_dsn;    /* of the stack's last mapping */
    int fd;                /* live descriptor; -1: none */
    struct {
        uint8_t id;
        struct umptcp_addr addr;
    } peer_addrs[PEER_ADDRS_MAX];
    uint32_t npeer_addrs;
};

/* Timestamps of the stack: what the script wrote, and what was on the wire. */
struct ts_pair {
    uint32_t written, live;
};

struct tcp_flow {
    struct tcp_flow *next; /* older */
    uint32_t number;       /* 1, 2, ... in order of appearance */
    uint32_t order;        /* among flows and sockets */
    struct flow ends;      /* local: the stack's */
    bool v6;
    bool foreign;     /* of a packet between ends that are no connection: its answers need not be listed */
    bool open;        /* the stack sent something other than SYN and RST: the peer's first number stands */
    bool has_new_isn; /* another SYN came since: the peer's first number, once the stack answers it with a SYN/ACK */
    uint32_t new_isn;
    struct mp_conn *mp;
    int fd; /* live descriptor; -1: none yet */
    bool has_peer_isn, has_stack_isn;
    uint32_t peer_isn, stack_isn, stack_isn_written;
    uint32_t peer_nonce, stack_nonce;
    uint8_t peer_addr_id;
    struct ts_pair *ts; /* [0] is the origin */
    uint32_t nts, ts_cap;
    bool has_label; /* the last labelled packet ties a label of the script to that of the wire */
    uint32_t label_written, label_live;
};

struct script_socket {
    struct script_socket *next; /* older */
    int fd;
    uint32_t order; /* 0: accept() gave it */
    bool mptcp, listening;
};

struct key_name {
    struct key_name *next;
    const char *name;
    bool assigned; /* by V=N: what the stack says must agree */
    struct mp_key key;
};

struct addr_name {
    struct addr_name *next;
    const char *name;
    bool bound, has_id;
    struct umptcp_sockaddr at;
    uint8_t id;
};

struct flows {
    struct arena arena;
    const struct settings *settings;
    struct tcp_flow *newest;
    struct mp_conn *conns;
    struct script_socket *sockets;
    struct key_name *keys;
    struct addr_name *addrs;
    uint32_t orders, numbers;
    uint16_t next_port;
    uint64_t random; /* state: keys that scripts leave open */
};

void flows_init(struct flows *f, const struct settings *settings, uint64_t seed);
void flows_free(struct flows *f);
uint64_t flows_random(struct flows *f);

/* ---- Sockets ----------------------------------------------------------------------------------------------------- */

void flows_socket(struct flows *f, int fd, bool mptcp);
void flows_listen(struct flows *f, int fd);
/* Ties an accepted descriptor to the newest flow with that peer. False when there is none. */
bool flows_accept(struct flows *f, int fd, const struct umptcp_sockaddr *peer);
/* The descriptor that code blocks look at: of the newest flow or socket; -1: none. */
int flows_current_fd(const struct flows *f, bool *mptcp);

/* ---- Which flow -------------------------------------------------------------------------------------------------- */

/*
 * The flow of an inbound line; made when the line opens one: a packet to a listener, a SYN that joins, or a SYN with
 * ports that no flow has. `ends` becomes what is on the wire, which differs from the flow's for a foreign packet. NULL
 * with a sentence when there is none.
 */
struct tcp_flow *flow_for_inbound(struct flows *f, const struct packet *p, char *error, size_t size);
/* The flow that an outbound line means; NULL: none (it may wait for a SYN of the stack). */
struct tcp_flow *flow_for_outbound(const struct flows *f, const struct packet *p);
/* Packets of a flow out of focus need not be listed: those of a foreign one, and of connections from before the newest
 * socket(). A line that names its ends can still mean it. */
bool flow_in_focus(const struct flows *f, const struct tcp_flow *flow);
/* The outbound line is about this flow, out of focus as it is: by its ends, or because it goes on with the newest. */
bool flow_is_meant(const struct flows *f, const struct tcp_flow *flow, const struct packet *line);
/* The flow with these ends; NULL: none. */
struct tcp_flow *flow_find(const struct flows *f, const struct flow *ends);
/* True when a SYN of the stack, between `ends`, may be what the line waits for. */
bool flow_may_open(const struct flows *f, const struct packet *line, const struct flow *ends, bool joins,
                   bool bare_syn);
/* A flow that the stack opened. `token`: of its MP_JOIN, or NULL. */
struct tcp_flow *flow_open(struct flows *f, const struct flow *ends, const uint32_t *token);
/* The stack took another SYN of the peer between the same ends: what comes is a new connection. */
void flow_renew(struct flows *f, struct tcp_flow *flow);
/* Names in the ends of a packet that was handled now stand for the live ends. */
void flow_bind_ends(struct flows *f, const struct tcp_flow *flow, const struct packet *p);

/* ---- Names ------------------------------------------------------------------------------------------------------- */

struct key_name *key_named(struct flows *f, const char *name);
struct addr_name *addr_named(struct flows *f, const char *name);
/* A peer's address that was not used yet, with its id. */
struct umptcp_addr flow_new_peer_addr(struct flows *f, struct mp_conn *mp, uint8_t *id);
/* The id of a peer's address, given one when it has none. */
uint8_t flow_peer_addr_id(struct mp_conn *mp, const struct umptcp_addr *addr);
/* Notes that an address has an id that the script chose. */
void flow_set_peer_addr_id(struct mp_conn *mp, const struct umptcp_addr *addr, uint8_t id);

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

static inline uint32_t flow_peer_seq(const struct tcp_flow *f, bool syn, uint32_t written) {
    return syn ? written : f->peer_isn + written;
}
static inline uint32_t flow_stack_seq(const struct tcp_flow *f, bool syn, uint32_t written) {
    return f->stack_isn + written - (syn ? f->stack_isn_written : 0);
}
static inline uint32_t flow_written_peer_seq(const struct tcp_flow *f, bool syn, uint32_t live) {
    return syn ? live : live - f->peer_isn;
}
static inline uint32_t flow_written_stack_seq(const struct tcp_flow *f, bool syn, uint32_t live) {
    return live - f->stack_isn + (syn ? f->stack_isn_written : 0);
}
/* A timestamp of the stack as scripts count it, and what the newest one written as `written` was on the wire. */
uint32_t flow_written_ts(const struct tcp_flow *f, uint32_t live);
bool flow_live_ts(const struct tcp_flow *f, uint32_t written, uint32_t *live);
void flow_learn_ts(struct flows *f, struct tcp_flow *flow, uint32_t written, uint32_t live);

#endif
