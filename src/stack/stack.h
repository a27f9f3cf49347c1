/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack as one object: what umptcp.h offers, over the connections of mptcp/.
 *
 * Each public call that may change something enters (stack_enter: the time of the call), does its part, and finishes
 * (stack_finish): work that was left on connections is done there - path manager events, notes for the application -
 * and what died is freed. So nothing is freed under a caller's feet, and the application hears of everything after the
 * call.
 *
 * Files: stack.c life; net.c and netif.c interfaces and routes, way.c where a new subflow runs; input.c packets in,
 * icmp.c what ICMP says, frag.c reassembly; output.c packets out, reply.c stateless answers; timers.c time; listener.c,
 * join.c, fastopen.c, socket.c, sockopt.c, handle.c and event.c the application's side; paths.c the path manager's;
 * endpoint.c its configuration; manage.c its work done from outside; info.c and check.c looking inside.
 */
#ifndef UMPTCP_STACK_STACK_H
#define UMPTCP_STACK_STACK_H

#include "mptcp/conn.h"
#include "stack/frag.h"
#include "stack/handle.h"
#include "stack/net.h"
#include "stack/reply.h"

enum stack_limit {
    BACKLOG_MAX = 4096,
    CHUNKS_KEPT = 512, /* free chunks of buffers for the next connection: 8 MB, what stays in a cache */
};

/* How long a handshake with Fast Open that a RST ended still counts as one (RFC 7413 5.1); Linux's. */
#define FAST_RESET_LIFE SEC(60)

/* Kinds of timers that belong to the stack itself. */
enum stack_timer_kind { TIMER_FRAGS = TIMER_MPTCP_COUNT, TIMER_KINDS };

enum { OPT_COUNT = UMPTCP_OPT_DEFER_ACCEPT + 1 };

struct listener {
    struct hash_node node; /* umptcp.listeners, by port */
    umptcp_sock sock;
    struct umptcp_sockaddr local;
    bool tcp_only;
    bool reuseport;
    bool notify;         /* someone can be accepted, and the application was not told */
    uint32_t backlog;    /* room of `queue` */
    uint32_t pending;    /* connections in handshake, and those in the queue */
    utime cookie_at;     /* the last SYN/ACK without state; UMPTCP_NEVER: none */
    struct conn **queue; /* a ring of those that can be accepted */
    uint32_t head, count;
    const struct pm_ops *pm;   /* of its connections; NULL: as configured */
    const struct cc_ops *cc;   /* the same */
    uint32_t fast;             /* connections that Fast Open began, in handshake */
    struct deque fast_resets;  /* utime: when such a one stops to count that a RST ended */
    struct fastopen_keys keys; /* none: the stack's */
    uint32_t opts_set;         /* bit per option that was set: */
    int64_t opts[OPT_COUNT];   /* its connections begin with these */
};

struct umptcp {
    struct env env;
    struct mp mp;
    struct net net;
    struct pm_endpoints endpoints;
    struct handles handles;
    struct hash_table listeners;
    struct replies replies;
    struct cookies cookies;
    struct join_table joins;
    struct frags frags;
    const char *pm_error; /* umptcp_pm_error() */
};

/* ---- Calls (stack.c, socket.c) ----------------------------------------------------------------------------------- */

void stack_enter(struct umptcp *s, utime now);
void stack_finish(struct umptcp *s);

/* The connection of a handle; NULL, and why: -EBADF, or -ENOTCONN for a listener. */
struct conn *stack_conn(const struct umptcp *s, umptcp_sock sock, int *err);
/* The connection with this token of ours; NULL when there is none. */
struct conn *stack_conn_by_token(const struct umptcp *s, uint32_t token);

/* ---- Ways (way.c) ------------------------------------------------------------------------------------------------ */

struct way { /* what is wanted */
    struct umptcp_sockaddr remote;
    struct umptcp_sockaddr local; /* unspecified address: by route; port 0: ephemeral */
    int netif;                    /* 0: any */
};
/* 0, -EINVAL, -ENETUNREACH, -EADDRNOTAVAIL or -EADDRINUSE as umptcp_connect(). */
int path_make(struct umptcp *s, const struct way *way, struct path *path);
/* Of a segment that came: back where it came from. */
struct path path_back(const struct umptcp *s, int netif, const struct flow *flow);

/* ---- Packets (icmp.c) -------------------------------------------------------------------------------------------- */

enum drop icmp_input(struct umptcp *s, int netif, const struct ip_hdr *ip, bool csum_valid);

/* ---- Counters (count.c) ------------------------------------------------------------------------------------------ */

/* A packet of that version was dropped for its IP header. */
void count_header(struct umptcp *s, bool v6, const struct umptcp_packet *pkt, enum drop drop);
/* A packet of `len` bytes was dropped for an address. */
void count_addresses(struct umptcp *s, const struct ip_hdr *ip, uint32_t len, enum drop drop);
/* A segment was dropped for its header. Where that just ends too early nothing counts as wrong, as on Linux. */
void count_segment(struct umptcp *s, const struct ip_hdr *ip, enum drop drop);

/* ---- Listeners (listener.c) -------------------------------------------------------------------------------------- */

/* The listener for a local address and port: the most specific one; NULL when there is none. */
/* The same; of several that share the address and port, this flow's. */
struct listener *listener_choose(const struct umptcp *s, const struct flow *flow);
/* Without data this third ACK is passed over (TCP_DEFER_ACCEPT). */
bool listener_defers(struct umptcp *s, struct subflow *sf, const struct seg *seg);
struct listener *listener_find(const struct umptcp *s, const struct umptcp_sockaddr *local);
/* There is a listener, or an endpoint with that port, whose addresses overlap these. */
bool listener_in_use(const struct umptcp *s, const struct umptcp_sockaddr *local);
/* A SYN came for it. */
enum drop listener_syn(struct umptcp *s, struct listener *l, int netif, const struct seg *syn);
/* The third packet of a handshake, when there is no room for it in the backlog: true, and it is not to be used. */
bool listener_overflows(struct umptcp *s, struct subflow *sf, const struct seg *seg);
/* An acknowledgment for no subflow: the one that it makes when it acknowledges a cookie, and is to go on to. NULL:
 * none, and why, unless that is not for the listener to say. */
struct subflow *listener_ack(struct umptcp *s, int netif, const struct seg *ack, enum drop *drop);
/* A connection of it got through its handshake. */
void listener_ready(struct umptcp *s, struct conn *c);
/* A SYN made a connection: what Fast Open makes of it (fastopen.c). Without memory for that it opens as any other. */
void listener_fast_open(struct umptcp *s, struct listener *l, struct conn *c, const struct seg *syn);
/* The handshake of a connection that Fast Open began may be over: then it counts no more. */
void listener_fast_over(struct umptcp *s, struct conn *c);
/* It got through its handshake and waits to be accepted; as on Linux, also when it was reset since. */
bool listener_waits(const struct conn *c);
/* A connection is over before that, or is accepted now: its listener forgets it. */
void listener_forget(struct conn *c);
/* Aborts what was not accepted, and frees the listener. Its handle is the caller's. */
void listener_free(struct umptcp *s, struct listener *l);

/* ---- Joins (join.c) ---------------------------------------------------------------------------------------------- */

/* A SYN with MP_JOIN, which is answered whatever comes of it. */
enum drop join_syn(struct umptcp *s, int netif, const struct seg *syn);
/* As listener_ack(), for an MP_JOIN. */
struct subflow *join_ack(struct umptcp *s, int netif, const struct seg *ack, enum drop *drop);
/* `seg` is about to be its input: when it completes a join of the peer, would that one be too many by now? */
void join_judge(struct umptcp *s, struct subflow *sf, const struct seg *seg);

/* ---- Endpoints (endpoint.c) -------------------------------------------------------------------------------------- */

/* An endpoint has this address and port: joins are welcome there, and nothing else is. */
bool endpoint_listens(const struct umptcp *s, const struct umptcp_sockaddr *local);

/* ---- Options (sockopt.c) ----------------------------------------------------------------------------------------- */

int64_t sockopt_of_listener(const struct listener *l, enum umptcp_opt opt);
/* Gives a new connection what was set on its listener. */
void sockopt_inherit(struct conn *c, const struct listener *l);

/* ---- Events (event.c) -------------------------------------------------------------------------------------------- */

/* The application will hear what the connection, or the listener, has to tell. */
void event_conn(struct umptcp *s, struct conn *c);
void event_listener(struct umptcp *s, struct listener *l);

/* ---- Paths (paths.c) --------------------------------------------------------------------------------------------- */

/* Opens a subflow; a local address that is not given, and its id, are filled in. 0, or an error as path_make() and
 * conn_join(). */
int paths_join(struct umptcp *s, struct conn *c, struct pm_command *cmd);
/* Does what the path manager wants after the events that wait on a connection. */
void paths_run(struct umptcp *s, struct conn *c);
/* All connections hear of an event. */
void paths_event(struct umptcp *s, const struct pm_event *ev);
/* A join came for a connection: is it welcome? If so, the id of the address it came to, and whether that is a backup.
 */
bool paths_accept(struct umptcp *s, struct conn *c, const struct umptcp_addr *local, uint8_t *local_id, bool *backup);
/* The application writes again after a pause: dead subflows may be worth another try. */
void paths_resume(struct conn *c);
/* `addr` became usable, or is no longer (net_usable() says which). */
void paths_addr_changed(struct umptcp *s, const struct umptcp_addr *addr);
bool paths_endpoint_usable(const struct umptcp *s, const struct umptcp_addr *addr, int netif);

#endif
