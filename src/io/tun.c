/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each packet is preceded by a struct virtio_net_hdr (10 bytes, host byte order), which says in both directions: "the
 * L4 checksum field holds the pseudo-header's sum, finish it when you must" (NEEDS_CSUM) and "this is a super-segment,
 * made of pieces of gso_size". A packet of the local kernel has NEEDS_CSUM as well: it was never on a wire, so there is
 * nothing to verify.
 */
#define _GNU_SOURCE
#include "io/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/rtnl.h"
#include "wire/segment.h"

enum {
    VNET_HDR_LEN = sizeof(struct virtio_net_hdr),
    READ_MAX = VNET_HDR_LEN + 65535 + 128, /* an IPv6 super-segment: its 64 KB do not count the header */
    TCP_FLAGS_AT = 13,
};

struct tun {
    struct driver d;
    uint8_t buf[READ_MAX];
};

static struct tun *tun_of(struct driver *d) { return (struct tun *)(void *)d; }

static bool tun_recv(struct driver *d, struct umptcp_packet *pkt, struct umptcp_time now) {
    (void)now;
    struct tun *t = tun_of(d);
    ssize_t n = read(d->fd, t->buf, sizeof t->buf);
    if (n <= VNET_HDR_LEN)
        return false; /* EAGAIN; or EIO, EBADFD: the interface is down or gone, which is silence to us */

    struct virtio_net_hdr vh;
    memcpy(&vh, t->buf, sizeof vh);
    uint8_t gso = vh.gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
    bool super = gso == VIRTIO_NET_HDR_GSO_TCPV4 || gso == VIRTIO_NET_HDR_GSO_TCPV6;
    pkt->data = t->buf + VNET_HDR_LEN;
    pkt->len = (uint32_t)n - VNET_HDR_LEN;
    pkt->gso_size = super ? vh.gso_size : 0;
    pkt->csum_valid = vh.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);
    return true;
}

static struct virtio_net_hdr vnet_header(const struct umptcp_out *out) {
    struct virtio_net_hdr vh = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
    if (out->csum_partial) {
        vh.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        vh.csum_start = out->csum_start;
        vh.csum_offset = out->csum_offset;
    }
    if (out->gso_size) {
        vh.gso_type = out->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
        vh.gso_size = out->gso_size;
        vh.hdr_len = (uint16_t)out->hdr_len;
        if (out->csum_partial && out->hdr[out->csum_start + TCP_FLAGS_AT] & TCP_CWR)
            vh.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    }
    return vh;
}

static int tun_send(struct driver *d, const struct umptcp_out *out, struct umptcp_time now) {
    (void)now;
    struct virtio_net_hdr vh = vnet_header(out);
    struct iovec iov[1 + UMPTCP_SLICES_MAX] = {{&vh, sizeof vh}};
    for (uint32_t i = 0; i < out->nslices; i++)
        iov[1 + i] = (struct iovec){(void *)(uintptr_t)out->slices[i].base, out->slices[i].len};
    ssize_t n = writev(d->fd, iov, 1 + (int)out->nslices);
    return n < 0 ? -errno : 0;
}

static void tun_close(struct driver *d) {
    close(d->fd);
    free(tun_of(d));
}

static const struct driver_ops tun_ops = {
    .name = "tun",
    .recv = tun_recv,
    .send = tun_send,
    .close = tun_close,
};

/* Attaches `fd` to the interface and agrees on the offloads. */
static int tun_attach(int fd, const char *name) {
    struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    memcpy(ifr.ifr_name, name, strlen(name));
    if (ioctl(fd, TUNSETIFF, &ifr) < 0)
        return -errno;
    int hdr_len = VNET_HDR_LEN;
    unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    if (ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) < 0 || ioctl(fd, TUNSETOFFLOAD, offloads) < 0)
        return -EOPNOTSUPP;
    return 0;
}

static int link_mtu(const char *name, uint32_t *mtu) {
    struct ifreq ifr = {.ifr_mtu = 0};
    memcpy(ifr.ifr_name, name, strlen(name));
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int err = ioctl(fd, SIOCGIFMTU, &ifr) < 0 ? -errno : 0;
    close(fd);
    *mtu = (uint32_t)ifr.ifr_mtu;
    return err;
}

int tun_open(const char *name, struct driver **d) {
    if (!*name || strlen(name) >= IFNAMSIZ || strchr(name, '%') || strchr(name, '/'))
        return -EINVAL;
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? -EPERM : errno == ENODEV || errno == ENXIO ? -ENOENT : -errno;
    uint32_t mtu = 0;
    int err = tun_attach(fd, name);
    if (!err)
        err = link_mtu(name, &mtu);
    struct tun *t = err ? NULL : malloc(sizeof *t);
    if (!t) {
        close(fd);
        return err ? err : -ENOMEM;
    }
    t->d = (struct driver){
        .ops = &tun_ops, .fd = fd, .mtu = mtu, .flags = UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 | UMPTCP_IF_TSO6};
    memcpy(t->d.name, name, strlen(name) + 1);
    *d = &t->d;
    return 0;
}

const char *tun_error(int err) {
    switch (err) {
    case -EPERM:
        return "no permission: it takes CAP_NET_ADMIN in this network namespace, or an interface made for this user "
               "(ip tuntap add ... user)";
    case -ENOENT:
        return "there is no /dev/net/tun";
    case -EBUSY:
        return "another program has it open";
    case -EINVAL:
        return "not a possible name, or it exists and is not a TUN with vnet_hdr (ip tuntap add NAME mode tun "
               "vnet_hdr)";
    case -EOPNOTSUPP:
        return "this kernel's TUN lacks the virtio-net header or its offloads";
    default:
        return strerror(-err);
    }
}

int tun_configure(struct driver *d, const struct tun_setup *setup) {
    unsigned index = if_nametoindex(d->name);
    if (!index)
        return -errno;
    struct rtnl r;
    int err = rtnl_open(&r);
    if (err)
        return err;
    err = rtnl_link_set(&r, index, setup->mtu, setup->txqueuelen, setup->up);
    if (!err && setup->mtu)
        d->mtu = setup->mtu;
    if (!err && setup->has_addr) {
        err = rtnl_addr_add(&r, index, &setup->addr, setup->prefix_len);
        if (err == -EEXIST)
            err = 0;
    }
    rtnl_close(&r);
    return err;
}
