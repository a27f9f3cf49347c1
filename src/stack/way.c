/* SPDX-License-Identifier: BSD-3-Clause */
/* The way of a new subflow: addresses, interface, port, segment size. */
#include <errno.h>

#include "stack/stack.h"

/* `reuse`: also when what has it only waits for the end of TIME-WAIT. */
static bool port_free(const struct umptcp *s, const struct flow *flow, bool reuse) {
    const struct subflow *sf = subflow_find(&s->mp, flow);
    const bool has = sf && !(reuse && s->env.cfg.tw_reuse && tcp_reusable(&sf->tcb));
    return !has && !listener_find(s, &flow->local) && !endpoint_listens(s, &flow->local);
}

/* RFC 6056 3.3.1: from a random port on, the first that is free to this peer. */
static int choose_port(struct umptcp *s, struct flow *flow) {
    const struct umptcp_config *cfg = &s->env.cfg;
    const uint32_t ports = cfg->port_max < cfg->port_min ? 0 : cfg->port_max - cfg->port_min + 1u;
    if (!ports)
        return -EADDRNOTAVAIL;
    const uint32_t start = rng_below(&s->env.rng, ports);
    for (uint32_t i = 0; i < ports * (1u + cfg->tw_reuse); i++) {
        flow->local.port = (uint16_t)(cfg->port_min + (start + i) % ports);
        if (port_free(s, flow, i >= ports))
            return 0;
    }
    return -EADDRNOTAVAIL;
}

int path_make(struct umptcp *s, const struct way *way, struct path *path) {
    struct path p = {.flow = {way->local, way->remote}, .netif = way->netif};
    const struct umptcp_addr *remote = &p.flow.remote.addr;
    if (!addr_is_usable(remote) || net_is_broadcast(&s->net, remote) || !p.flow.remote.port)
        return -EINVAL;
    int err = net_route(&s->net, remote, &p.flow.local.addr, &p.netif);
    if (err == -ENETUNREACH)
        mib_inc(&s->env.mib, mib_ip(!addr_is_v4(remote), MIB_IP_OUT_NO_ROUTES));
    if (err)
        return err;
    if (!p.flow.local.port)
        err = choose_port(s, &p.flow);
    else if (!port_free(s, &p.flow, true))
        err = -EADDRINUSE;
    if (err)
        return err;
    p.mss = net_mss(&s->net, p.netif, !addr_is_v4(remote));
    *path = p;
    return 0;
}

struct path path_back(const struct umptcp *s, int netif, const struct flow *flow) {
    return (struct path){*flow, netif, net_mss(&s->net, netif, !addr_is_v4(&flow->remote.addr))};
}
