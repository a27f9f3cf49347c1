/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls about interfaces, addresses and routes: a change is made, and connections hear of it. */
#include <errno.h>

#include "stack/stack.h"

int umptcp_netif_add(struct umptcp *s, const struct umptcp_netif_config *cfg) { return net_add(&s->net, cfg); }

int umptcp_addr_add(struct umptcp *s, int netif, const struct umptcp_addr *addr, uint8_t prefix_len,
                    struct umptcp_time now) {
    stack_enter(s, now);
    int err = net_addr_add(&s->net, netif, addr, prefix_len);
    if (err)
        return err;
    paths_addr_changed(s, addr);
    stack_finish(s);
    return 0;
}

int umptcp_addr_del(struct umptcp *s, int netif, const struct umptcp_addr *addr, struct umptcp_time now) {
    stack_enter(s, now);
    const struct umptcp_addr gone = *addr;
    int err = net_addr_del(&s->net, netif, &gone);
    if (err)
        return err;
    paths_addr_changed(s, &gone);
    stack_finish(s);
    return 0;
}

int umptcp_netif_set_up(struct umptcp *s, int netif, bool up, struct umptcp_time now) {
    stack_enter(s, now);
    struct netif *n = net_find_mutable(&s->net, netif);
    if (!n)
        return -ENODEV;
    if (n->up == up)
        return 0;
    n->up = up;
    for (uint32_t i = 0; i < s->net.addrs.count; i++) {
        const struct ifaddr *a = deque_at(&s->net.addrs, i);
        if (a->netif == netif)
            paths_addr_changed(s, &a->addr);
    }
    stack_finish(s);
    return 0;
}

int umptcp_netif_set_mtu(struct umptcp *s, int netif, uint32_t mtu) { return net_set_mtu(&s->net, netif, mtu); }

int umptcp_route_add(struct umptcp *s, const struct umptcp_addr *prefix, uint8_t prefix_len, int netif) {
    return net_route_add(&s->net, prefix, prefix_len, netif);
}
