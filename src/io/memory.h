/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A cable in memory: two drivers, where what one sends the other receives, at once, in virtual or real time. For slower
 * and worse cables wrap an end with fault.
 */
#ifndef UMPTCP_IO_MEMORY_H
#define UMPTCP_IO_MEMORY_H

#include "io/driver.h"

struct memory_config {
    const char *name; /* of the end */
    uint32_t mtu;
    uint32_t flags;         /* enum umptcp_netif_flag: what this end sends and wants to receive */
    uint32_t queue_packets; /* that may wait to be received; 0: 1000 */
};

/*
 * Makes both ends; each is closed by itself. A super-segment or a partial checksum reaches the other end as it is when
 * that end has the flag, else cut or completed. Sending what the own flags do not allow, or more than the MTU, is the
 * sender's fault: -EINVAL, -EMSGSIZE. Returns 0 or -ENOMEM.
 */
int memory_pair(const struct memory_config cfg[2], struct driver *ends[2]);

#endif
