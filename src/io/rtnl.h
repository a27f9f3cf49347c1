/* SPDX-License-Identifier: BSD-3-Clause */
/* The few requests of rtnetlink(7) that a link to the kernel needs: each is one message and one acknowledgment. */
#ifndef UMPTCP_IO_RTNL_H
#define UMPTCP_IO_RTNL_H

#include "umptcp.h"

struct rtnl {
    int fd;
    uint32_t seq;
};

/* All return 0 or a negative errno; from the requests it is the kernel's answer. */
int rtnl_open(struct rtnl *r);
void rtnl_close(struct rtnl *r);
/* Zero leaves a value as it is; `up` false does not take the link down. */
int rtnl_link_set(struct rtnl *r, unsigned ifindex, uint32_t mtu, uint32_t txqueuelen, bool up);
int rtnl_addr_add(struct rtnl *r, unsigned ifindex, const struct umptcp_addr *addr, uint8_t prefix_len);

struct rtnl_route {
    unsigned ifindex;
    struct umptcp_addr dst; /* bits behind the prefix do not count */
    uint8_t prefix_len;
    const struct umptcp_addr *gateway; /* NULL: on the link */
    bool local;                        /* packets to `dst` are for this host */
};

int rtnl_route_add(struct rtnl *r, const struct rtnl_route *route);
/* Sets the root queueing discipline by name ("pfifo"); -EEXIST when one other than the kernel's default is there. */
int rtnl_qdisc_add(struct rtnl *r, unsigned ifindex, const char *kind);

/*
 * The kernel takes packets for a new IPv6 address only when its local route is there, which a work queue installs some
 * time later. So: open a watch, add the address, and wait. `r` is for nothing else. -ETIMEDOUT when it did not come.
 */
int rtnl_watch_open(struct rtnl *r);
int rtnl_watch_local(struct rtnl *r, const struct umptcp_addr *addr, int timeout_ms);

#endif
