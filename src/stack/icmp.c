/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ICMP says: echo requests are answered; an error counts only when it quotes a segment that is in flight, so that
 * it cannot be made up by someone who does not see the traffic (RFC 5927 4).
 */
#include <errno.h>

#include "stack/stack.h"
#include "wire/icmp.h"

enum { MTU_FLOOR_V4 = 576 };

/* What a packet of that size got into next, probably: for routers that do not say it (RFC 1191 7.1). */
static uint32_t plateau_below(uint32_t mtu) {
    static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006};
    for (size_t i = 0; i < sizeof plateaus / sizeof *plateaus; i++)
        if (plateaus[i] < mtu)
            return plateaus[i];
    return MTU_FLOOR_V4;
}

/* RFC 1191, RFC 8201: the path takes less than we thought; never more, and not less than hosts must take. */
static enum drop too_big(struct subflow *sf, bool v6, uint32_t mtu) {
    const uint32_t headers = ip_hdr_len(v6) + TCP_HDR_LEN, present = sf->tcb.mss + headers;
    if (v6 && mtu < NETIF_MTU_MIN_V6)
        return DROP_ICMP_BAD;
    if (!v6 && mtu == 0)
        mtu = plateau_below(present);
    if (!v6 && mtu < MTU_FLOOR_V4)
        mtu = MTU_FLOOR_V4;
    if (mtu <= NETIF_MTU_MAX)
        subflow_path_mss(sf, (uint16_t)(mtu - headers));
    return DROP_NONE;
}

/* As Linux has it: which error a connection attempt fails with. */
static int error_of(const struct icmp_msg *msg, bool v6) {
    enum { V4_NET = 0, V4_PROTOCOL = 2, V4_PORT = 3, V6_NO_ROUTE = 0, V6_PROHIBITED = 1, V6_PORT = 4 };
    enum { V4_UNREACHABLE = 3, V6_UNREACHABLE = 1 };
    if (msg->type != (v6 ? V6_UNREACHABLE : V4_UNREACHABLE))
        return EHOSTUNREACH;
    if (v6)
        return msg->code == V6_PORT         ? ECONNREFUSED
               : msg->code == V6_NO_ROUTE   ? ENETUNREACH
               : msg->code == V6_PROHIBITED ? EACCES
                                            : EHOSTUNREACH;
    return msg->code == V4_PORT       ? ECONNREFUSED
           : msg->code == V4_NET      ? ENETUNREACH
           : msg->code == V4_PROTOCOL ? ENOPROTOOPT
                                      : EHOSTUNREACH;
}

/* A router has no way to the network or host, at present (RFC 6069 3). */
static bool no_way(const struct icmp_msg *msg, bool v6) {
    enum { V4_UNREACHABLE = 3, V4_HOST = 1, V6_UNREACHABLE = 1, V6_NO_ROUTE = 0 };
    return v6 ? msg->type == V6_UNREACHABLE && msg->code == V6_NO_ROUTE
              : msg->type == V4_UNREACHABLE && msg->code <= V4_HOST;
}

/* The counter of messages of a type; MIB_COUNT: there is none. */
static enum mib counter_of(bool v6, uint8_t type) {
    static const struct {
        uint8_t type;
        bool v6;
        enum mib mib;
    } counters[] = {
        {0, false, MIB_ICMP_IN_ECHO_REPS},
        {3, false, MIB_ICMP_IN_DEST_UNREACHS},
        {4, false, MIB_ICMP_IN_SRC_QUENCHS},
        {5, false, MIB_ICMP_IN_REDIRECTS},
        {8, false, MIB_ICMP_IN_ECHOS},
        {11, false, MIB_ICMP_IN_TIME_EXCDS},
        {12, false, MIB_ICMP_IN_PARM_PROBS},
        {13, false, MIB_ICMP_IN_TIMESTAMPS},
        {14, false, MIB_ICMP_IN_TIMESTAMP_REPS},
        {17, false, MIB_ICMP_IN_ADDR_MASKS},
        {18, false, MIB_ICMP_IN_ADDR_MASK_REPS},
        {1, true, MIB_ICMP6_IN_DEST_UNREACHS},
        {2, true, MIB_ICMP6_IN_PKT_TOO_BIGS},
        {3, true, MIB_ICMP6_IN_TIME_EXCDS},
        {4, true, MIB_ICMP6_IN_PARM_PROBS},
        {128, true, MIB_ICMP6_IN_ECHOS},
        {129, true, MIB_ICMP6_IN_ECHO_REPS},
        {130, true, MIB_ICMP6_IN_GROUP_QUERIES},
        {131, true, MIB_ICMP6_IN_GROUP_RESPONSES},
        {132, true, MIB_ICMP6_IN_GROUP_REDUCTIONS},
        {133, true, MIB_ICMP6_IN_ROUTER_SOLICITS},
        {134, true, MIB_ICMP6_IN_ROUTER_ADVERTS},
        {135, true, MIB_ICMP6_IN_NEIGH_SOLICITS},
        {136, true, MIB_ICMP6_IN_NEIGH_ADVERTS},
        {137, true, MIB_ICMP6_IN_REDIRECTS},
        {143, true, MIB_ICMP6_IN_MLD2_REPORTS},
    };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        if (counters[i].v6 == v6 && counters[i].type == type)
            return counters[i].mib;
    return MIB_COUNT;
}

static void count_error(struct umptcp *s, bool v6) {
    mib_inc(&s->env.mib, v6 ? MIB_ICMP6_IN_ERRORS : MIB_ICMP_IN_ERRORS);
}

/* What came, and in what way it was bad. A checksum that is wrong leaves no type to believe. */
static void count_message(struct umptcp *s, const struct ip_hdr *ip, enum drop drop) {
    enum { TYPES_V4 = 18 };
    struct mib_table *mib = &s->env.mib;
    mib_inc(mib, ip->v6 ? MIB_ICMP6_IN_MSGS : MIB_ICMP_IN_MSGS);
    if (drop == DROP_ICMP_CSUM) {
        mib_inc(mib, ip->v6 ? MIB_ICMP6_IN_CSUM_ERRORS : MIB_ICMP_IN_CSUM_ERRORS);
        count_error(s, ip->v6);
        return;
    }
    const enum mib type = ip->payload_len ? counter_of(ip->v6, ip->payload[0]) : MIB_COUNT;
    if (type != MIB_COUNT)
        mib_inc(mib, type);
    if (drop == DROP_ICMP_BAD || (!ip->v6 && ip->payload_len && ip->payload[0] > TYPES_V4))
        count_error(s, ip->v6);
}

static enum drop error_input(struct umptcp *s, const struct icmp_msg *msg, bool v6) {
    struct subflow *sf = subflow_find(&s->mp, &msg->flow);
    if (!sf) {
        count_error(s, v6);
        return DROP_ICMP_NO_SOCKET;
    }
    if (!tcp_seq_in_flight(&sf->tcb, msg->seq)) {
        mib_inc(&s->env.mib, MIB_TCP_OUT_OF_WINDOW_ICMPS);
        return DROP_ICMP_NO_SOCKET;
    }
    if (msg->kind == ICMP_TOO_BIG)
        return too_big(sf, v6, msg->mtu);
    if (no_way(msg, v6))
        tcp_disconnected(&sf->tcb, msg->seq);
    int error = error_of(msg, v6);
    if (tcp_icmp(&sf->tcb, msg->kind == ICMP_UNREACH_HARD, error, msg->seq))
        subflow_gone(sf, error);
    return DROP_NONE;
}

enum drop icmp_input(struct umptcp *s, int netif, const struct ip_hdr *ip, bool csum_valid) {
    struct icmp_msg msg;
    enum drop drop = icmp_parse(ip, csum_valid, &msg);
    count_message(s, ip, drop);
    if (drop)
        return drop;
    if (msg.kind == ICMP_ECHO)
        return reply_echo(&s->replies, netif, net_find(&s->net, netif)->mtu, ip);
    return error_input(s, &msg, ip->v6);
}
