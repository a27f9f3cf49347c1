/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "io/rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/addr.h"

/* A request under construction: header, fixed part, attributes. */
struct request {
    struct nlmsghdr nh;
    uint8_t body[256];
};

static void request_init(struct request *q, uint16_t type, uint16_t flags, const void *fixed, size_t len) {
    memset(q, 0, sizeof *q);
    q->nh.nlmsg_type = type;
    q->nh.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    q->nh.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
    memcpy(q->body, fixed, len);
}

static void request_attr(struct request *q, uint16_t type, const void *data, size_t len) {
    struct rtattr a = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};
    uint8_t *p = q->body + (NLMSG_ALIGN(q->nh.nlmsg_len) - NLMSG_HDRLEN);
    memcpy(p, &a, sizeof a);
    memcpy(p + RTA_LENGTH(0), data, len);
    q->nh.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->nh.nlmsg_len) + RTA_ALIGN(a.rta_len));
}

/* Sends it and returns what the kernel says. */
static int request_run(struct rtnl *r, struct request *q) {
    q->nh.nlmsg_seq = ++r->seq;
    if (send(r->fd, q, q->nh.nlmsg_len, 0) < 0)
        return -errno;
    union {
        struct nlmsghdr nh;
        uint8_t bytes[4096];
    } answer;
    for (;;) {
        ssize_t n = recv(r->fd, &answer, sizeof answer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        struct nlmsgerr e;
        if ((size_t)n < NLMSG_LENGTH(sizeof e) || answer.nh.nlmsg_seq != r->seq || answer.nh.nlmsg_type != NLMSG_ERROR)
            continue;
        memcpy(&e, answer.bytes + NLMSG_HDRLEN, sizeof e);
        return e.error;
    }
}

int rtnl_open(struct rtnl *r) {
    r->seq = 0;
    r->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    return r->fd < 0 ? -errno : 0;
}

void rtnl_close(struct rtnl *r) { close(r->fd); }

int rtnl_link_set(struct rtnl *r, unsigned ifindex, uint32_t mtu, uint32_t txqueuelen, bool up) {
    struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex};
    if (up)
        ifi.ifi_flags = ifi.ifi_change = IFF_UP;
    struct request q;
    request_init(&q, RTM_NEWLINK, 0, &ifi, sizeof ifi);
    if (mtu)
        request_attr(&q, IFLA_MTU, &mtu, sizeof mtu);
    if (txqueuelen)
        request_attr(&q, IFLA_TXQLEN, &txqueuelen, sizeof txqueuelen);
    return request_run(r, &q);
}

int rtnl_addr_add(struct rtnl *r, unsigned ifindex, const struct umptcp_addr *addr, uint8_t prefix_len) {
    bool v4 = addr_is_v4(addr);
    struct ifaddrmsg ifa = {.ifa_family = v4 ? AF_INET : AF_INET6,
                            .ifa_prefixlen = prefix_len,
                            .ifa_flags = IFA_F_NODAD,
                            .ifa_index = ifindex};
    const uint8_t *bytes = v4 ? addr->b + 12 : addr->b;
    size_t len = v4 ? 4 : 16;
    struct request q;
    request_init(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &ifa, sizeof ifa);
    request_attr(&q, IFA_LOCAL, bytes, len);
    request_attr(&q, IFA_ADDRESS, bytes, len);
    return request_run(r, &q);
}
