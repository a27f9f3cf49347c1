/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interfaces, their addresses, and routes. A packet may come for any address of ours on any interface; one that we send
 * from a given address leaves through the interface that has the address, so that a host with several of them needs no
 * policy routing. Routes decide only where the source address is not given.
 */
#ifndef UMPTCP_STACK_NET_H
#define UMPTCP_STACK_NET_H

#include "base/deque.h"
#include "mptcp/conn.h"
#include "wire/addr.h"

enum { NETIFS_MAX = 32, NETIF_MTU_MIN = 576, NETIF_MTU_MIN_V6 = 1280, NETIF_MTU_MAX = 65535 };

struct netif {
    char name[16];
    uint32_t mtu;
    bool up;
    struct netif_caps caps;
};

struct ifaddr {
    struct umptcp_addr addr;
    uint8_t prefix_len;
    int netif;
};

struct route {
    struct umptcp_addr prefix;
    uint8_t prefix_len;
    int netif;
};

struct net {
    struct mem *mem;
    struct netif netifs[NETIFS_MAX]; /* number 1 is the first */
    int count;
    struct deque addrs;  /* struct ifaddr, in the order they came */
    struct deque routes; /* struct route */
};

void net_init(struct net *net, struct mem *mem);
void net_free(struct net *net);
/* As umptcp_netif_add() and its company: results are theirs. */
int net_add(struct net *net, const struct umptcp_netif_config *cfg);
int net_addr_add(struct net *net, int netif, const struct umptcp_addr *addr, uint8_t prefix_len);
int net_addr_del(struct net *net, int netif, const struct umptcp_addr *addr);
int net_set_mtu(struct net *net, int netif, uint32_t mtu);
int net_route_add(struct net *net, const struct umptcp_addr *prefix, uint8_t prefix_len, int netif);

/* NULL when there is no such interface. */
const struct netif *net_find(const struct net *net, int netif);
struct netif *net_find_mutable(struct net *net, int netif);
bool net_is_up(const struct net *net, int netif);
/* The interface that has this address; 0: it is not ours. It may be down. */
int net_owner(const struct net *net, const struct umptcp_addr *addr);
/* The address is ours and its interface is up. */
bool net_usable(const struct net *net, const struct umptcp_addr *addr);
/* The broadcast address of one of our IPv4 prefixes. */
bool net_is_broadcast(const struct net *net, const struct umptcp_addr *addr);
/* Largest TCP payload of a packet on an interface that is there: MTU - IP and TCP headers. */
uint16_t net_mss(const struct net *net, int netif, bool v6);

/*
 * The way to `remote`: fills in the address and the interface that `*local` (unspecified: any of ours) and `*netif` (0:
 * any) leave open. 0, -ENETUNREACH (no route, or the interface is down), or -EADDRNOTAVAIL (`*local` is not ours, not
 * on that interface, or of another family).
 */
int net_route(const struct net *net, const struct umptcp_addr *remote, struct umptcp_addr *local, int *netif);

#endif
