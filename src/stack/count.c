/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of what is not taken from the network: which of Linux's (the groups Ip, IpExt, Ip6) stand for a reason to
 * drop a packet. That of every packet is counted where it comes in.
 */
#include "stack/stack.h"
#include "wire/bytes.h"

/* A packet whose header is whole was asked for congestion before anything else was looked at. */
static void count_ecn(struct mib_table *mib, bool v6, const struct umptcp_packet *pkt) {
    const uint8_t *p = pkt->data;
    mib_inc(mib, mib_ip(v6, MIB_IP_IN_NO_ECT + ((v6 ? p[1] >> 4 : p[1]) & 3u)));
}

/* Shorter than its header, or than the header says it is. */
static void count_short(struct mib_table *mib, bool v6, const struct umptcp_packet *pkt) {
    const uint32_t least = ip_hdr_len(v6);
    const bool header = pkt->len >= least && (v6 || (pkt->data[0] & 15u) * 4 <= pkt->len);
    const bool cut = header && (v6 || load_be16(pkt->data + 2) > pkt->len);
    if (header)
        count_ecn(mib, v6, pkt);
    mib_inc(mib, mib_ip(v6, cut ? MIB_IP_IN_TRUNCATED : MIB_IP_IN_HDR_ERRORS));
}

static void count_not_ours(struct umptcp *s, const struct ip_hdr *ip, uint32_t len) {
    struct mib_table *mib = &s->env.mib;
    struct umptcp_addr from = {0};
    int netif = 0;
    if (!ip->v6 && (addr_is_broadcast(&ip->dst) || net_is_broadcast(&s->net, &ip->dst))) {
        mib_inc(mib, MIB_IP_IN_BCAST);
        mib_add(mib, MIB_IP_IN_BCAST_OCTETS, len);
    } else if (addr_is_multicast(&ip->dst)) {
        mib_inc(mib, mib_ip(ip->v6, MIB_IP_IN_MCAST));
        mib_add(mib, mib_ip(ip->v6, MIB_IP_IN_MCAST_OCTETS), len);
    } else if (ip->v6 && !addr_is_any(&ip->dst) && net_route(&s->net, &ip->dst, &from, &netif)) {
        mib_inc(mib, MIB_IP6_IN_NO_ROUTES); /* a host that does not forward says so only of what it could not */
    } else {
        mib_inc(mib, mib_ip(ip->v6, MIB_IP_IN_ADDR_ERRORS));
    }
}

void count_header(struct umptcp *s, bool v6, const struct umptcp_packet *pkt, enum drop drop) {
    struct mib_table *mib = &s->env.mib;
    switch (drop) {
    case DROP_IP_SHORT:
        count_short(mib, v6, pkt);
        return;
    case DROP_IP_CSUM:
        count_ecn(mib, false, pkt);
        mib_inc(mib, MIB_IP_IN_CSUM_ERRORS);
        mib_inc(mib, MIB_IP_IN_HDR_ERRORS);
        return;
    case DROP_IP_NOT_OURS: /* an IPv4 address in an IPv6 header: there is no way to it */
        mib_inc(mib, MIB_IP6_IN_NO_ROUTES);
        return;
    default:
        mib_inc(mib, mib_ip(v6, MIB_IP_IN_HDR_ERRORS));
        return;
    }
}

void count_addresses(struct umptcp *s, const struct ip_hdr *ip, uint32_t len, enum drop drop) {
    if (drop == DROP_IP_NOT_OURS)
        count_not_ours(s, ip, len);
    else if (ip->v6 && (addr_is_multicast(&ip->src) || addr_is_loopback(&ip->src)))
        mib_inc(&s->env.mib, MIB_IP6_IN_HDR_ERRORS); /* of other impossible sources Linux counts nothing */
}

void count_segment(struct umptcp *s, const struct ip_hdr *ip, enum drop drop) {
    struct mib_table *mib = &s->env.mib;
    const bool ends_early = drop == DROP_TCP_SHORT && (ip->payload_len < TCP_HDR_LEN || ip->payload[12] >> 4 >= 5);
    mib_inc(mib, MIB_TCP_IN_SEGS);
    mib_add(mib, MIB_TCP_IN_ERRS, !ends_early);
    mib_add(mib, MIB_TCP_IN_CSUM_ERRORS, drop == DROP_TCP_CSUM);
}
