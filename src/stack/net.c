/* SPDX-License-Identifier: BSD-3-Clause */
/* Interfaces, addresses and routes: few of each, so that a walk over all of them is the fastest look-up. */
#include "stack/net.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "wire/ip.h"
#include "wire/segment.h"

void net_init(struct net *net, struct mem *mem) {
    *net = (struct net){.mem = mem};
    deque_init(&net->addrs, sizeof(struct ifaddr));
    deque_init(&net->routes, sizeof(struct route));
}

void net_free(struct net *net) {
    deque_free(&net->addrs, net->mem);
    deque_free(&net->routes, net->mem);
}

/* ---- Interfaces -------------------------------------------------------------------------------------------------- */

int net_add(struct net *net, const struct umptcp_netif_config *cfg) {
    if (cfg->mtu < NETIF_MTU_MIN)
        return -EINVAL;
    if (net->count == NETIFS_MAX)
        return -ENOSPC;
    struct netif *n = &net->netifs[net->count++];
    *n = (struct netif){
        .mtu = cfg->mtu < NETIF_MTU_MAX ? cfg->mtu : NETIF_MTU_MAX,
        .up = true,
        .caps = {.csum = cfg->flags & UMPTCP_IF_CSUM,
                 .tso4 = cfg->flags & UMPTCP_IF_TSO4,
                 .tso6 = cfg->flags & UMPTCP_IF_TSO6},
    };
    size_t len = cfg->name ? strlen(cfg->name) : 0;
    if (len)
        memcpy(n->name, cfg->name, len < sizeof n->name ? len : sizeof n->name - 1);
    return net->count;
}

struct netif *net_find_mutable(struct net *net, int netif) {
    return netif > 0 && netif <= net->count ? &net->netifs[netif - 1] : NULL;
}

const struct netif *net_find(const struct net *net, int netif) {
    return netif > 0 && netif <= net->count ? &net->netifs[netif - 1] : NULL;
}

int net_set_mtu(struct net *net, int netif, uint32_t mtu) {
    struct netif *n = net_find_mutable(net, netif);
    uint32_t least = NETIF_MTU_MIN;
    if (!n)
        return -ENODEV;
    for (uint32_t i = 0; i < net->addrs.count; i++) {
        const struct ifaddr *a = deque_at(&net->addrs, i);
        if (a->netif == netif && !addr_is_v4(&a->addr))
            least = NETIF_MTU_MIN_V6;
    }
    if (mtu < least)
        return -EINVAL;
    n->mtu = mtu < NETIF_MTU_MAX ? mtu : NETIF_MTU_MAX;
    return 0;
}

bool net_is_up(const struct net *net, int netif) {
    const struct netif *n = net_find(net, netif);
    return n && n->up;
}

uint16_t net_mss(const struct net *net, int netif, bool v6) {
    const struct netif *n = net_find(net, netif);
    assert(n);
    return (uint16_t)(n->mtu - ip_hdr_len(v6) - TCP_HDR_LEN);
}

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

static struct ifaddr *addr_at(const struct net *net, uint32_t i) { return deque_at(&net->addrs, i); }

static uint8_t prefix_max(const struct umptcp_addr *addr) { return addr_is_v4(addr) ? 32 : 128; }

static const struct ifaddr *addr_find(const struct net *net, const struct umptcp_addr *addr) {
    for (uint32_t i = 0; i < net->addrs.count; i++)
        if (addr_eq(&addr_at(net, i)->addr, addr))
            return addr_at(net, i);
    return NULL;
}

int net_addr_add(struct net *net, int netif, const struct umptcp_addr *addr, uint8_t prefix_len) {
    const struct netif *n = net_find(net, netif);
    if (!n)
        return -ENODEV;
    if (!addr_is_usable(addr) || prefix_len > prefix_max(addr) || (!addr_is_v4(addr) && n->mtu < NETIF_MTU_MIN_V6))
        return -EINVAL;
    if (addr_find(net, addr))
        return -EEXIST;
    struct ifaddr *a = deque_push(&net->addrs, net->mem);
    if (!a)
        return -ENOMEM;
    *a = (struct ifaddr){*addr, prefix_len, netif};
    return 0;
}

int net_addr_del(struct net *net, int netif, const struct umptcp_addr *addr) {
    if (!net_find(net, netif))
        return -ENODEV;
    for (uint32_t i = 0; i < net->addrs.count; i++)
        if (addr_at(net, i)->netif == netif && addr_eq(&addr_at(net, i)->addr, addr)) {
            deque_remove(&net->addrs, net->mem, i);
            return 0;
        }
    return -EINVAL;
}

int net_owner(const struct net *net, const struct umptcp_addr *addr) {
    const struct ifaddr *a = addr_find(net, addr);
    return a ? a->netif : 0;
}

bool net_usable(const struct net *net, const struct umptcp_addr *addr) { return net_is_up(net, net_owner(net, addr)); }

bool net_is_broadcast(const struct net *net, const struct umptcp_addr *addr) {
    for (uint32_t i = 0; addr_is_v4(addr) && i < net->addrs.count; i++) {
        const struct ifaddr *a = addr_at(net, i);
        if (!addr_is_v4(&a->addr) || a->prefix_len > 30) /* RFC 3021: with 31 bits both are hosts */
            continue;
        uint32_t hosts = UINT32_MAX >> a->prefix_len;
        if (a->prefix_len && addr_in_prefix(addr, &a->addr, a->prefix_len) && (addr_to_v4(addr) & hosts) == hosts)
            return true;
    }
    return false;
}

/* ---- Routes ------------------------------------------------------------------------------------------------------ */

int net_route_add(struct net *net, const struct umptcp_addr *prefix, uint8_t prefix_len, int netif) {
    if (!net_find(net, netif))
        return -ENODEV;
    if (prefix_len > prefix_max(prefix))
        return -EINVAL;
    for (uint32_t i = 0; i < net->routes.count; i++) {
        const struct route *r = deque_at(&net->routes, i);
        if (r->netif == netif && r->prefix_len == prefix_len && addr_in_prefix(&r->prefix, prefix, prefix_len))
            return 0;
    }
    struct route *r = deque_push(&net->routes, net->mem);
    if (!r)
        return -ENOMEM;
    *r = (struct route){*prefix, prefix_len, netif};
    return 0;
}

static unsigned common_bits(const struct umptcp_addr *a, const struct umptcp_addr *b) {
    unsigned n = 0;
    while (n < 128 && !((a->b[n / 8] ^ b->b[n / 8]) & 0x80 >> n % 8))
        n++;
    return n;
}

/* The source address on an interface (RFC 6724 rule 8: the longest common prefix); NULL when it has none of that
 * family. */
static const struct ifaddr *source_on(const struct net *net, int netif, const struct umptcp_addr *remote) {
    const struct ifaddr *best = NULL;
    for (uint32_t i = 0; i < net->addrs.count; i++) {
        const struct ifaddr *a = addr_at(net, i);
        if (a->netif != netif || addr_is_v4(&a->addr) != addr_is_v4(remote))
            continue;
        if (!best || common_bits(&a->addr, remote) > common_bits(&best->addr, remote))
            best = a;
    }
    return best;
}

struct candidate {
    const struct ifaddr *from;
    int prefix_len;
};

/* A way over `netif` that matches in `prefix_len` bits: better than the best so far? */
static void consider(const struct net *net, int netif, uint8_t prefix_len, const struct umptcp_addr *remote,
                     struct candidate *best) {
    if (prefix_len <= best->prefix_len || !net_is_up(net, netif))
        return;
    const struct ifaddr *from = source_on(net, netif, remote);
    if (from)
        *best = (struct candidate){from, prefix_len};
}

/* The longest prefix of a route or of an interface's own addresses, among those that are up and have a source for it.
 */
static const struct ifaddr *look_up(const struct net *net, const struct umptcp_addr *remote) {
    struct candidate best = {NULL, -1};
    for (uint32_t i = 0; i < net->addrs.count; i++) {
        const struct ifaddr *a = addr_at(net, i);
        if (addr_in_prefix(remote, &a->addr, a->prefix_len))
            consider(net, a->netif, a->prefix_len, remote, &best);
    }
    for (uint32_t i = 0; i < net->routes.count; i++) {
        const struct route *r = deque_at(&net->routes, i);
        if (addr_in_prefix(remote, &r->prefix, r->prefix_len))
            consider(net, r->netif, r->prefix_len, remote, &best);
    }
    return best.from;
}

int net_route(const struct net *net, const struct umptcp_addr *remote, struct umptcp_addr *local, int *netif) {
    const struct ifaddr *from;
    if (net_owner(net, remote))
        return -ENETUNREACH; /* there is no interface that leads to ourselves */
    if (!addr_is_any(local)) {
        from = addr_find(net, local);
        if (!from || (*netif && *netif != from->netif) || addr_is_v4(local) != addr_is_v4(remote))
            return -EADDRNOTAVAIL;
    } else {
        from = *netif ? source_on(net, *netif, remote) : look_up(net, remote);
    }
    if (!from || !net_is_up(net, from->netif))
        return -ENETUNREACH;
    *local = from->addr;
    *netif = from->netif;
    return 0;
}
