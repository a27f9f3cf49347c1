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

#endif
