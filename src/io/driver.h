/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver moves IP packets between a stack and a wire. Some wires are real (tun), some are memory, and some wrap
 * another driver (pcapng records what passes, fault delays and loses it): all look the same, so they stack in any
 * order.
 *
 * Packets in both directions may be super-segments (gso_size) with partial checksums; a driver says with its flags
 * (enum umptcp_netif_flag) what it gives and takes, and the one who adds the interface to the stack passes them on.
 */
#ifndef UMPTCP_IO_DRIVER_H
#define UMPTCP_IO_DRIVER_H

#include "umptcp.h"

struct driver;

struct driver_ops {
    const char *name;
    /*
     * The next packet that came, or false when none is ready at `now`. The packet is valid until the next call of recv
     * on the same driver.
     */
    bool (*recv)(struct driver *d, struct umptcp_packet *pkt, struct umptcp_time now);
    /* Takes a packet; copies what it has to keep. 0; -EAGAIN when the wire's queue is full (the packet is lost, as it
     * would be on a wire); or another errno. */
    int (*send)(struct driver *d, const struct umptcp_out *out, struct umptcp_time now);
    /* When recv or a delayed send wants to be called although no descriptor became readable. UMPTCP_NEVER: not at all.
     */
    struct umptcp_time (*next)(const struct driver *d);
    /* Does what is due at `now` (a wrapper hands on what it had delayed). Optional. */
    void (*tick)(struct driver *d, struct umptcp_time now);
    /* What the stack did with the last packet of recv. Optional; wrappers pass it on. */
    void (*verdict)(struct driver *d, umptcp_drop reason);
    void (*close)(struct driver *d);
};

struct driver {
    const struct driver_ops *ops;
    int fd; /* becomes readable when packets came; -1: none */
    uint32_t mtu;
    uint32_t flags; /* enum umptcp_netif_flag */
    char name[16];
};

static inline bool driver_recv(struct driver *d, struct umptcp_packet *pkt, struct umptcp_time now) {
    return d->ops->recv(d, pkt, now);
}
static inline int driver_send(struct driver *d, const struct umptcp_out *out, struct umptcp_time now) {
    return d->ops->send(d, out, now);
}
static inline struct umptcp_time driver_next(const struct driver *d) {
    return d->ops->next ? d->ops->next(d) : UMPTCP_NEVER;
}
static inline void driver_tick(struct driver *d, struct umptcp_time now) {
    if (d->ops->tick)
        d->ops->tick(d, now);
}
static inline void driver_verdict(struct driver *d, umptcp_drop reason) {
    if (d->ops->verdict)
        d->ops->verdict(d, reason);
}
static inline void driver_close(struct driver *d) {
    if (d)
        d->ops->close(d);
}

#endif
