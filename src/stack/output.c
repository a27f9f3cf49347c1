/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets out: stateless answers first, they are small and few; then one packet of each connection that is ready, in
 * turns. */
#include "stack/stack.h"

static struct netif_caps caps_of(const void *ctx, int netif) {
    const struct umptcp *s = ctx;
    const struct netif *n = net_find(&s->net, netif);
    struct netif_caps caps = n->caps;
    caps.mtu = n->mtu;
    return caps;
}

/* A connection that has nothing more to send leaves the list. What it sends through an interface that is down is lost.
 */
static bool conns_output(struct umptcp *s, struct umptcp_out *out) {
    struct list *n;
    while ((n = list_first(&s->mp.ready))) {
        struct conn *c = container_of(n, struct conn, ready);
        bool any = conn_output(c, out, caps_of, s);
        list_remove(n);
        if (!any)
            continue;
        conn_ready(c);
        if (net_is_up(&s->net, out->netif))
            return true;
        mib_inc(&s->env.mib, mib_ip(out->v6, MIB_IP_OUT_NO_ROUTES));
    }
    return false;
}

bool umptcp_output(struct umptcp *s, struct umptcp_out *out, struct umptcp_time now) {
    stack_enter(s, now);
    bool any = replies_output(&s->replies, out) || conns_output(s, out);
    if (any) {
        struct mib_table *mib = &s->env.mib;
        mib_inc(mib, mib_ip(out->v6, MIB_IP_OUT));
        mib_inc(mib, mib_ip(out->v6, MIB_IP_OUT_TRANSMITS));
        mib_add(mib, mib_ip(out->v6, MIB_IP_OUT_OCTETS), out->len);
    }
    stack_finish(s);
    return any;
}
