/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets in: IP is checked, fragments are put together, and a segment finds its subflow by the 4-tuple; else it is a
 * join, or for a listener, or nobody's.
 */
#include "stack/stack.h"

/* ---- Segments without a subflow ---------------------------------------------------------------------------------- */

static bool is_join(const struct umptcp *s, const struct seg *syn) {
    return s->env.cfg.mptcp_enabled && mpopts_find(&syn->mp, MPJ_SYN) && !mpopts_find(&syn->mp, MPC_SYN);
}

/* A connection shall begin where only joins are welcome: at the port of an endpoint. */
static enum drop endpoint_syn(struct umptcp *s, int netif, const struct seg *syn) {
    const enum mp_rst_reason reason = MPRST_PROHIBITED;
    mib_inc(&s->env.mib, MIB_MPC_ENDP_ATTEMPT);
    reply_rst(&s->replies, netif, syn, &reason);
    return DROP_TCP_NO_SOCKET;
}

/* RFC 9293 3.10.7.1 and 3.10.7.2. */
static enum drop unconnected(struct umptcp *s, int netif, const struct seg *seg) {
    if (seg->flags & TCP_RST)
        return DROP_TCP_NO_SOCKET;
    bool syn = (seg->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) == TCP_SYN;
    if (syn && is_join(s, seg))
        return join_syn(s, netif, seg);
    if (syn && endpoint_listens(s, &seg->flow.local))
        return endpoint_syn(s, netif, seg);
    struct listener *l = listener_choose(s, &seg->flow);
    if (l && syn)
        return listener_syn(s, l, netif, seg);
    if (!l || seg->flags & TCP_ACK)
        reply_rst(&s->replies, netif, seg, NULL);
    return l ? DROP_TCP_LISTEN_FLAGS : DROP_TCP_NO_SOCKET;
}

/* ---- From IP down to TCP ----------------------------------------------------------------------------------------- */

static enum drop tcp_packet(struct umptcp *s, int netif, const struct ip_hdr *ip, const struct umptcp_packet *pkt) {
    struct seg seg;
    enum drop drop = tcp_parse(ip, pkt->csum_valid, pkt->gso_size, &seg);
    if (drop) {
        count_segment(s, ip, drop);
        return drop;
    }
    const uint32_t count = seg_count(&seg);
    mib_add(&s->env.mib, MIB_TCP_IN_SEGS, count);
    mib_add(&s->env.mib, mib_ip(ip->v6, MIB_IP_IN_NO_ECT + (unsigned)ip->ecn), count - 1);
    struct subflow *sf = subflow_find(&s->mp, &seg.flow);
    if (!sf && (seg.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK)
        sf = mpopts_find(&seg.mp, MPJ_ACK) ? join_ack(s, netif, &seg, &drop) : listener_ack(s, netif, &seg, &drop);
    if (!sf)
        return drop ? drop : unconnected(s, netif, &seg);
    if (listener_overflows(s, sf, &seg))
        return DROP_TCP_BACKLOG;
    if (listener_defers(s, sf, &seg))
        return DROP_TCP_DEFERRED;
    join_judge(s, sf, &seg);
    bool answer = false, reopen = false;
    drop = subflow_input(sf, &seg, &answer, &reopen);
    if (answer)
        reply_rst(&s->replies, netif, &seg, NULL);
    return reopen ? unconnected(s, netif, &seg) : drop;
}

/* RFC 1122 3.2.1.3 and 4.2.3.10, RFC 9293 MUST-57, MUST-63. */
static enum drop check_addresses(const struct net *net, const struct ip_hdr *ip) {
    if (!net_usable(net, &ip->dst))
        return DROP_IP_NOT_OURS;
    bool possible = addr_is_usable(&ip->src) && !addr_is_loopback(&ip->src) && !net_owner(net, &ip->src) &&
                    !net_is_broadcast(net, &ip->src);
    return possible ? DROP_NONE : DROP_IP_SOURCE;
}

static enum drop transport(struct umptcp *s, int netif, const struct ip_hdr *ip, const struct umptcp_packet *pkt) {
    mib_inc(&s->env.mib, mib_ip(ip->v6, MIB_IP_IN_DELIVERS));
    if (ip->proto == IP_PROTO_TCP)
        return tcp_packet(s, netif, ip, pkt);
    if (ip->proto == (ip->v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP))
        return icmp_input(s, netif, ip, pkt->csum_valid);
    mib_dec(&s->env.mib, mib_ip(ip->v6, MIB_IP_IN_DELIVERS));
    mib_inc(&s->env.mib, mib_ip(ip->v6, MIB_IP_IN_UNKNOWN_PROTOS));
    return DROP_IP_PROTO;
}

/* The checksum of a packet in pieces is nobody's but ours to verify. */
static enum drop fragment(struct umptcp *s, int netif, struct ip_hdr *ip) {
    static const struct umptcp_packet as_it_came;
    bool whole;
    enum drop drop = frags_input(&s->frags, ip, &whole);
    if (drop || !whole)
        return drop;
    drop = transport(s, netif, ip, &as_it_came);
    frags_release(&s->frags);
    return drop;
}

static enum drop packet(struct umptcp *s, int netif, const struct umptcp_packet *pkt) {
    struct ip_hdr ip;
    if (!net_is_up(&s->net, netif))
        return DROP_NETIF;
    struct mib_table *mib = &s->env.mib;
    const bool v6 = pkt->len && pkt->data[0] >> 4 == 6;
    mib_inc(mib, mib_ip(v6, MIB_IP_IN));
    mib_add(mib, mib_ip(v6, MIB_IP_IN_OCTETS), pkt->len);
    enum drop drop = ip_parse(pkt->data, pkt->len, pkt->csum_valid, &ip);
    if (drop) {
        count_header(s, v6, pkt, drop);
        return drop;
    }
    mib_inc(mib, mib_ip(v6, MIB_IP_IN_NO_ECT + (unsigned)ip.ecn)); /* of merged segments each: see tcp_packet() */
    drop = check_addresses(&s->net, &ip);
    if (drop) {
        count_addresses(s, &ip, pkt->len, drop);
        return drop;
    }
    return ip.fragment ? fragment(s, netif, &ip) : transport(s, netif, &ip, pkt);
}

umptcp_drop umptcp_input(struct umptcp *s, int netif, const struct umptcp_packet *pkt, struct umptcp_time now) {
    stack_enter(s, now);
    enum drop drop = packet(s, netif, pkt);
    if (drop)
        s->env.mib.drops[drop]++;
    stack_finish(s);
    return (umptcp_drop)drop;
}
