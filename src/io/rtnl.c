/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "io/rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/clock.h"
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

/* An address as the kernel has it, by its family. */
struct octets {
    uint8_t family;
    const uint8_t *at;
    size_t len;
};

static struct octets octets_of(const struct umptcp_addr *addr) {
    if (addr_is_v4(addr))
        return (struct octets){AF_INET, addr->b + 12, 4};
    return (struct octets){AF_INET6, addr->b, 16};
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
    struct octets octets = octets_of(addr);
    struct ifaddrmsg ifa = {
        .ifa_family = octets.family, .ifa_prefixlen = prefix_len, .ifa_flags = IFA_F_NODAD, .ifa_index = ifindex};
    struct request q;
    request_init(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &ifa, sizeof ifa);
    request_attr(&q, IFA_LOCAL, octets.at, octets.len);
    request_attr(&q, IFA_ADDRESS, octets.at, octets.len);
    return request_run(r, &q);
}

/* Clears what is behind the prefix: the kernel refuses an IPv4 route that has it. */
static void octets_mask(uint8_t *at, size_t len, unsigned prefix_len) {
    for (size_t i = 0; i < len; i++) {
        unsigned bits = prefix_len > i * 8 ? prefix_len - (unsigned)i * 8 : 0;
        if (bits < 8)
            at[i] &= (uint8_t)(0xff00u >> bits);
    }
}

int rtnl_route_add(struct rtnl *r, const struct rtnl_route *route) {
    struct octets octets = octets_of(&route->dst);
    struct rtmsg rt = {.rtm_family = octets.family,
                       .rtm_dst_len = route->prefix_len,
                       .rtm_table = route->local ? RT_TABLE_LOCAL : RT_TABLE_MAIN,
                       .rtm_protocol = RTPROT_BOOT,
                       .rtm_scope = route->local     ? RT_SCOPE_HOST
                                    : route->gateway ? RT_SCOPE_UNIVERSE
                                                     : RT_SCOPE_LINK,
                       .rtm_type = route->local ? RTN_LOCAL : RTN_UNICAST};
    uint8_t dst[16];
    memcpy(dst, octets.at, octets.len);
    octets_mask(dst, octets.len, route->prefix_len);
    struct request q;
    request_init(&q, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &rt, sizeof rt);
    request_attr(&q, RTA_DST, dst, octets.len);
    if (route->gateway) {
        struct octets gateway = octets_of(route->gateway);
        request_attr(&q, RTA_GATEWAY, gateway.at, gateway.len);
    }
    request_attr(&q, RTA_OIF, &route->ifindex, sizeof route->ifindex);
    return request_run(r, &q);
}

int rtnl_qdisc_add(struct rtnl *r, unsigned ifindex, const char *kind) {
    struct tcmsg tc = {.tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_ROOT};
    struct request q;
    request_init(&q, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &tc, sizeof tc);
    request_attr(&q, TCA_KIND, kind, strlen(kind) + 1);
    return request_run(r, &q);
}

int rtnl_watch_open(struct rtnl *r) {
    int err = rtnl_open(r);
    if (err)
        return err;
    struct sockaddr_nl routes = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};
    if (bind(r->fd, (struct sockaddr *)&routes, sizeof routes) == 0)
        return 0;
    err = -errno;
    rtnl_close(r);
    return err;
}

/* Whether a message announces the local route of `addr`. */
static bool is_local_route(struct nlmsghdr *m, const struct umptcp_addr *addr) {
    struct rtmsg *route = NLMSG_DATA(m);
    if (m->nlmsg_type != RTM_NEWROUTE || m->nlmsg_len < NLMSG_LENGTH(sizeof *route) || route->rtm_type != RTN_LOCAL)
        return false;
    struct octets octets = octets_of(addr);
    int left = (int)RTM_PAYLOAD(m);
    for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left))
        if (a->rta_type == RTA_DST && RTA_PAYLOAD(a) == octets.len && !memcmp(RTA_DATA(a), octets.at, octets.len))
            return true;
    return false;
}

/* The same for all messages of one answer. */
static bool has_local_route(char *answer, size_t len, const struct umptcp_addr *addr) {
    for (size_t at = 0; at + NLMSG_HDRLEN <= len;) {
        struct nlmsghdr *m = (struct nlmsghdr *)(void *)(answer + at);
        if (m->nlmsg_len < NLMSG_HDRLEN || m->nlmsg_len > len - at)
            break;
        if (is_local_route(m, addr))
            return true;
        at += NLMSG_ALIGN(m->nlmsg_len);
    }
    return false;
}

int rtnl_watch_local(struct rtnl *r, const struct umptcp_addr *addr, int timeout_ms) {
    uint64_t end = clock_now().ns + (uint64_t)timeout_ms * 1000000u;
    for (;;) {
        uint64_t now = clock_now().ns;
        struct pollfd p = {.fd = r->fd, .events = POLLIN};
        int ready = now < end ? poll(&p, 1, (int)((end - now) / 1000000u) + 1) : 0;
        if (ready == 0)
            return -ETIMEDOUT;
        _Alignas(struct nlmsghdr) char answer[8192];
        ssize_t got = ready < 0 ? -1 : recv(r->fd, answer, sizeof answer, 0);
        if (got < 0 && errno != EINTR && errno != ENOBUFS)
            return -errno;
        if (got > 0 && has_local_route(answer, (size_t)got, addr))
            return 0;
    }
}
