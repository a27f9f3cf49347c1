/* SPDX-License-Identifier: BSD-3-Clause */
/* The packets that the kernel sends on a device, whole and with the times at which it sent them. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/raw.h"
#include "script/kernel_internal.h"
#include "wire/gso.h"

enum { HDR_LEN = sizeof(struct virtio_net_hdr), BUF_LEN = HDR_LEN + RAW_MAX, QUEUE_BYTES = 64 << 20 };

/* What is injected passes the device, too: only what goes out is let through. */
static int tap_filter(int fd) {
    struct sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PACKET_OUTGOING},
        {BPF_RET | BPF_K, 0, 0, UINT32_MAX},
        {BPF_RET | BPF_K, 0, 0, 0},
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

int tap_open(struct tap *tap, const char *device) {
    int on = 1, queue = QUEUE_BYTES;
    struct sockaddr_ll ll = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(device)};
    tap->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (tap->fd < 0)
        return -errno;
    /* The filter comes first: nothing is received before bind(). A short queue is no reason to stop. */
    int err = tap_filter(tap->fd) < 0 || setsockopt(tap->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 ||
                      setsockopt(tap->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0 ||
                      bind(tap->fd, (struct sockaddr *)&ll, sizeof ll) < 0
                  ? -errno
                  : 0;
    if (setsockopt(tap->fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof queue) < 0)
        setsockopt(tap->fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
    tap->buf = err ? NULL : malloc(BUF_LEN);
    if (!tap->buf) {
        close(tap->fd);
        return err ? err : -ENOMEM;
    }
    return 0;
}

/* The time in the message's stamp, which is of the wall clock; now, when it has none. */
static struct umptcp_time stamp_of(struct msghdr *msg) {
    struct umptcp_time now = clock_now();
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        struct timespec ts;
        memcpy(&ts, CMSG_DATA(c), sizeof ts);
        uint64_t wall = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
        struct umptcp_time sent = {wall - clock_wall_offset()};
        return sent.ns && sent.ns < now.ns ? sent : now; /* the wall clock was set */
    }
    return now;
}

struct tap_packet *tap_read(struct tap *tap) {
    union {
        struct cmsghdr aligned;
        uint8_t bytes[CMSG_SPACE(sizeof(struct timespec)) + 64];
    } control;
    struct iovec iov = {tap->buf, BUF_LEN};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(tap->fd, &msg, MSG_DONTWAIT);
    if (n <= HDR_LEN)
        return NULL; /* EAGAIN; or ENETDOWN: the device is gone, which is silence */

    struct virtio_net_hdr vh;
    memcpy(&vh, tap->buf, sizeof vh);
    uint8_t gso = vh.gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
    struct tap_packet *p = malloc(sizeof *p + (size_t)n);
    if (!p)
        abort();
    p->next = NULL;
    p->time = stamp_of(&msg);
    p->len = (uint32_t)n - HDR_LEN;
    p->gso_size = gso == VIRTIO_NET_HDR_GSO_TCPV4 || gso == VIRTIO_NET_HDR_GSO_TCPV6 ? vh.gso_size : 0;
    memcpy(p->data, tap->buf + HDR_LEN, p->len);
    if (vh.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        gso_finish_csum(p->data, p->len, vh.csum_start, vh.csum_offset);
    return p;
}

void tap_close(struct tap *tap) {
    close(tap->fd);
    free(tap->buf);
}
