/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction of a link as congestion control sees it: a transmitter of some rate behind a queue that drops what does
 * not fit, a delay, and loss, disorder, copies and congestion marks by chance. Any number of flows share it, each under
 * a number of its own (`port`), and what comes out may go into another link: so a bottleneck, and a network, is made.
 *
 * Deterministic for its seed and the times it is given; without a clock, so it serves in virtual and in real time.
 *
 * Super-segments are what makes fast links affordable. Each of their pieces has its own place in the queue, its own
 * time on the wire and its own fate, as if a network interface had cut them; but neighbours that come out within
 * `merge` of each other come out as one packet again, as a receiving interface would hand them up.
 *
 * Unlike a fault (io/fault.h), it never damages a packet and is nobody's driver.
 */
#ifndef UMPTCP_SIM_LINK_H
#define UMPTCP_SIM_LINK_H

#include "base/clock.h"
#include "umptcp.h"

/* Chances are in millionths, and of single packets. Zero: a perfect wire. */
struct link_config {
    uint64_t rate;      /* bit/s of IP packets; 0: unlimited, and then there is no queue */
    dur delay;          /* one way, after the last bit was sent */
    uint64_t queue;     /* bytes that may wait, with those of the packet that is being sent; a free transmitter takes
                           every packet. 0: no bound */
    uint64_t early;     /* bytes of queue from which on packets are dropped by a chance that grows to 1/10 at `queue`:
                           else flows get in step, and some find the queue full each time. 0: never */
    uint32_t loss;      /* on the way, after the queue */
    uint32_t burst;     /* packets in a run of losses, on average: a chain of two states, of which the bad one loses all
                           (Gilbert and Elliott), with `loss` in the long run. 0, 1: each packet for itself */
    uint32_t reorder;   /* held back by `reorder_by`, so that later ones overtake */
    dur reorder_by;     /* 0: 1 ms */
    uint32_t duplicate; /* arrives twice */
    uint64_t mark; /* bytes of queue from which on what says it is capable (ECT) is marked CE (RFC 3168); 0: never */
    dur merge;     /* 0: every packet comes out alone */
    bool headers_only; /* payload is not carried: what comes out has zeros. Saves memory and time where nobody looks */
};

enum link_fate { LINK_SENT, LINK_QUEUE, LINK_LOST, LINK_MEMORY, LINK_FATES };

struct link_stats {            /* of single packets */
    uint64_t packets, bytes;   /* that came, headers too */
    uint64_t fate[LINK_FATES]; /* went on their way; no room in the queue; lost by chance; no memory */
    uint64_t marked, reordered, duplicated;
    uint64_t sent_bytes;     /* that the transmitter sent, also those lost afterwards */
    dur waited, waited_most; /* in the queue: all of them together, and the longest */
};

struct link;

/* Returns NULL without memory. */
struct link *link_new(const struct link_config *cfg, uint64_t seed);
/* NULL is fine. */
void link_free(struct link *l);
/* From now on; what is queued or under way stays as it is. */
void link_set(struct link *l, const struct link_config *cfg);
const struct link_config *link_get(const struct link *l);
void link_stats_get(const struct link *l, struct link_stats *stats);

/* Puts a packet in, its headers within the first slice. What the link loses it loses silently. */
void link_send(struct link *l, const struct umptcp_out *out, uint32_t port, utime now);

/* A packet that came out: valid until the next call of link_recv() for the same link. */
struct link_packet {
    struct umptcp_packet in; /* for a stack */
    struct umptcp_out out;   /* for a driver or the next link; `netif` is 0. Stays valid with the struct only */
    uint32_t port;
};
/* The next one that has arrived by `now`; false: none. */
bool link_recv(struct link *l, struct link_packet *pkt, utime now);
/* When the next one arrives. */
utime link_next(const struct link *l);

#endif
