/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stacks, and links between them, in virtual time: a network of any shape, as a list of paths. A path joins two hosts
 * by an interface at each, through links one after the other in each direction. Paths that name the same link share it:
 * so several flows meet at a bottleneck.
 *
 *     int wide = topo_link(n, &cfg), back = topo_link(n, &other);
 *     int a = topo_host(n, &config), b = topo_host(n, &config);
 *     topo_path(n, a, b, &(struct topo_path){.there = {wide}, .nthere = 1, .back = {back}, .nback = 1});
 *     topo_run(n, SEC(10));
 *
 * Nothing sleeps: the clock jumps to what is due next.
 */
#ifndef UMPTCP_SIM_TOPO_H
#define UMPTCP_SIM_TOPO_H

#include "sim/link.h"
#include "umptcp.h"

enum { TOPO_HOSTS_MAX = 32, TOPO_LINKS_MAX = 32, TOPO_PATHS_MAX = 64, TOPO_HOPS_MAX = 4 };

struct topo;

typedef void (*topo_event_fn)(void *arg, struct topo *n, int host, const struct umptcp_event *ev);

/* NULL without memory. Every random thing of links comes from the seed; stacks have that of their configuration. */
struct topo *topo_new(uint64_t seed);
void topo_free(struct topo *n);
/* What stacks report goes there. */
void topo_on_event(struct topo *n, topo_event_fn fn, void *arg);

/* Adds a link, a host. Returns its number (0, 1, ...), -ENOMEM, -ENOSPC, or -EINVAL (umptcp_new()). */
int topo_link(struct topo *n, const struct link_config *cfg);
int topo_host(struct topo *n, const struct umptcp_config *cfg);

struct topo_path {
    uint32_t mtu; /* 0: 1500 */
    int nthere, nback;
    int there[TOPO_HOPS_MAX], back[TOPO_HOPS_MAX]; /* links, in order */
};
/* Joins two hosts. Returns the path's number (0, 1, ...), or -ENOSPC, -EINVAL (no such host or link), or an errno of
 * the interface. */
int topo_path(struct topo *n, int a, int b, const struct topo_path *path);
/* The address of one end of a path; `far`: that of `b`. */
struct umptcp_sockaddr topo_addr(int path, bool far, uint16_t port);
/* The interface of that end. */
int topo_netif(const struct topo *n, int path, bool far);

struct umptcp *topo_stack(const struct topo *n, int host);
struct link *topo_link_of(const struct topo *n, int link);
utime topo_now(const struct topo *n);
/* Does what is due now: packets, timers, events. After calls into a stack. */
void topo_settle(struct topo *n);
/* Goes on for a time. */
void topo_run(struct topo *n, dur duration);
/* Goes on to the next time at which something is due, at most to `limit`; false: it is there. */
bool topo_step(struct topo *n, utime limit);

#endif
