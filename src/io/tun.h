/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's TUN device with the virtio-net header (IFF_NO_PI | IFF_VNET_HDR): IP packets in both directions, where
 * one packet may be a TCP super-segment of up to 64 KB and need not have a checksum. One such packet costs about what
 * an MTU packet costs, so this is what makes the driver fast.
 */
#ifndef UMPTCP_IO_TUN_H
#define UMPTCP_IO_TUN_H

#include "io/driver.h"

/*
 * Opens the interface `name`, creating it when it does not exist; one that was created by us goes away when the driver
 * is closed. Sets *d and returns 0, or -EPERM   no right to (CAP_NET_ADMIN, or ownership of a persistent interface)
 *   -ENOENT  no /dev/net/tun
 *   -EBUSY   another program has it open
 *   -EINVAL  it exists and is not a TUN, or a persistent one of other flags ("ip tuntap add ... vnet_hdr"); or bad name
 *   -EOPNOTSUPP the kernel lacks the offloads
 * or another negative errno. tun_error() makes a sentence of it.
 */
int tun_open(const char *name, struct driver **d);
const char *tun_error(int err);

/* How the kernel's end of the interface is to be. Zero: leave it. */
struct tun_setup {
    uint32_t mtu;
    uint32_t txqueuelen; /* packets that wait for our read; the kernel's 500 are few for a fast sender */
    bool up;
    bool has_addr; /* `addr` with the prefix: the kernel's own address on this link */
    struct umptcp_addr addr;
    uint8_t prefix_len;
};

/* Configures the kernel's end of the driver that tun_open() gave (wrap it later: wrappers copy its MTU). Returns 0, or
 * the kernel's negative errno (-EPERM, -EINVAL, ...). An address that is there already is no error. */
int tun_configure(struct driver *d, const struct tun_setup *setup);

#endif
