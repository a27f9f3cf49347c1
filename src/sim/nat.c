/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands in front of a home: a NAT, which gives outgoing flows its own address and a port (RFC 5382), and a
 * firewall, which knows flows too but leaves their addresses. Both let in only what belongs to a flow that a host
 * inside opened, and forget flows that are silent for `idle`.
 */
#include "sim/kinds.h"

#define BIT(s) (1u << (s))

enum { PORT_FIRST = 40000, PORTS = 20000 };

struct mapping { /* of the flow as it is inside */
    bool known;
    uint16_t port; /* outside */
    uint32_t packets;
    utime used;
};

static bool alive(const struct box *b, const struct mapping *m) {
    return m->known && (!b->given[SET_IDLE] || time_since(box_now(b), m->used) <= b->set[SET_IDLE]);
}

static struct umptcp_sockaddr outside(const struct box *b, const struct mapping *m) {
    return (struct umptcp_sockaddr){b->addr, m->port};
}

static void nat_out(struct box *b, struct mapping *m, struct packet *p) {
    bool rebind = b->given[SET_REBIND] && m->packets == b->set[SET_REBIND];
    if (!alive(b, m) || rebind) {
        uint64_t first = b->given[SET_PORT] ? b->set[SET_PORT] : PORT_FIRST;
        m->known = true;
        m->port = (uint16_t)(first + b->state++ % PORTS);
    }
    m->packets++;
    m->used = box_now(b);
    struct umptcp_sockaddr src = outside(b, m);
    packet_set_src(p, &src);
    box_pass_changed(b, p);
}

static void nat_in(struct box *b, struct packet *p) {
    struct umptcp_sockaddr src = packet_src(p), dst = packet_dst(p);
    list_for_each (n, &b->flows) {
        struct box_flow *f = container_of(n, struct box_flow, node);
        struct mapping *m = f->state;
        struct umptcp_sockaddr own = outside(b, m);
        if (!alive(b, m) || !sockaddr_eq(&own, &dst) || !sockaddr_eq(&f->end[DIR_IN], &src))
            continue;
        m->used = box_now(b);
        packet_set_dst(p, &f->end[DIR_OUT]);
        box_pass_changed(b, p);
        return;
    }
    box_drop(b, p);
}

static void nat_input(struct box *b, struct box_flow *f, struct packet *p) {
    if (p->v6 == addr_is_v4(&b->addr))
        box_pass(b, p); /* it speaks one family */
    else if (p->dir == DIR_OUT)
        nat_out(b, f->state, p);
    else
        nat_in(b, p);
}

const struct box_kind box_nat = {
    .name = "nat",
    .help = "gives flows the address `addr` and a port, another one when they were idle or after `rebind` packets",
    .settings = BIT(SET_ADDR) | BIT(SET_PORT) | BIT(SET_IDLE) | BIT(SET_REBIND),
    .needs = BIT(SET_ADDR),
    .all = true,
    .flow_size = sizeof(struct mapping),
    .input = nat_input,
};

static void firewall_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct mapping *m = f->state;
    if (p->dir == DIR_OUT && (packet_flags(p) & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        m->known = true;
    else if (!alive(b, m))
        m->known = false;
    if (!m->known) {
        box_drop(b, p);
        return;
    }
    m->used = box_now(b);
    box_pass(b, p);
}

const struct box_kind box_firewall = {
    .name = "firewall",
    .help = "lets SYNs out only, and what belongs to their flows",
    .settings = BIT(SET_IDLE),
    .all = true,
    .flow_size = sizeof(struct mapping),
    .input = firewall_input,
};
