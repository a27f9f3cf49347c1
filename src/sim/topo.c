/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/topo.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 1000000 }; /* of a moment: more, and something would go on for ever */
enum { START_S = 1000, MTU_DEFAULT = 1500, MTU_MIN = 576, PREFIX_LEN = 24, HOPS = TOPO_HOPS_MAX + 1 };

/* An end of a path. */
struct end {
    int host, netif;
};

struct way {
    struct end end[2];
    int hop[2][TOPO_HOPS_MAX], hops[2]; /* links by direction: 0 leads to end 1 */
};

struct host {
    struct umptcp *s;
    bool touched; /* it has something to say, perhaps */
};

struct topo {
    utime now;
    uint64_t seed;
    topo_event_fn on_event;
    void *arg;
    int nhosts, nlinks, nways;
    struct host host[TOPO_HOSTS_MAX];
    struct link *link[TOPO_LINKS_MAX];
    struct way way[TOPO_PATHS_MAX];
};

struct topo *topo_new(uint64_t seed) {
    struct topo *n = calloc(1, sizeof *n);
    if (n) {
        n->now.ns = SEC(START_S);
        n->seed = seed;
    }
    return n;
}

void topo_free(struct topo *n) {
    if (!n)
        return;
    for (int i = 0; i < n->nhosts; i++)
        umptcp_free(n->host[i].s);
    for (int i = 0; i < n->nlinks; i++)
        link_free(n->link[i]);
    free(n);
}

void topo_on_event(struct topo *n, topo_event_fn fn, void *arg) {
    n->on_event = fn;
    n->arg = arg;
}

int topo_link(struct topo *n, const struct link_config *cfg) {
    if (n->nlinks == TOPO_LINKS_MAX)
        return -ENOSPC;
    struct link *l = link_new(cfg, n->seed * TOPO_LINKS_MAX + (uint64_t)n->nlinks);
    if (!l)
        return -ENOMEM;
    n->link[n->nlinks] = l;
    return n->nlinks++;
}

int topo_host(struct topo *n, const struct umptcp_config *cfg) {
    if (n->nhosts == TOPO_HOSTS_MAX)
        return -ENOSPC;
    struct umptcp *s = umptcp_new(cfg, n->now);
    if (!s)
        return -EINVAL;
    n->host[n->nhosts].s = s;
    return n->nhosts++;
}

struct umptcp_sockaddr topo_addr(int path, bool far, uint16_t port) {
    return (struct umptcp_sockaddr){{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, (uint8_t)path, far ? 2 : 1}},
                                    port};
}

/* The interface of an end: its address, and the other end's beyond the prefix that comes with it. */
static int end_open(struct topo *n, struct end *e, int path, bool far, uint32_t mtu) {
    struct umptcp_netif_config cfg = {
        .name = "path", .mtu = mtu, .flags = UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 | UMPTCP_IF_TSO6};
    struct umptcp *s = n->host[e->host].s;
    e->netif = umptcp_netif_add(s, &cfg);
    if (e->netif < 0)
        return e->netif;
    struct umptcp_addr addr = topo_addr(path, far, 0).addr;
    return umptcp_addr_add(s, e->netif, &addr, PREFIX_LEN, n->now);
}

static bool links_exist(const struct topo *n, const int *links, int count) {
    if (count < 0 || count > TOPO_HOPS_MAX)
        return false;
    for (int i = 0; i < count; i++)
        if (links[i] < 0 || links[i] >= n->nlinks)
            return false;
    return true;
}

int topo_path(struct topo *n, int a, int b, const struct topo_path *path) {
    if (n->nways == TOPO_PATHS_MAX)
        return -ENOSPC;
    uint32_t mtu = path->mtu ? path->mtu : MTU_DEFAULT;
    if (a < 0 || b < 0 || a >= n->nhosts || b >= n->nhosts || a == b || mtu < MTU_MIN || path->nthere < 1 ||
        path->nback < 1 || !links_exist(n, path->there, path->nthere) || !links_exist(n, path->back, path->nback))
        return -EINVAL;
    struct way *w = &n->way[n->nways];
    *w = (struct way){.end = {{.host = a}, {.host = b}}, .hops = {path->nthere, path->nback}};
    memcpy(w->hop[0], path->there, sizeof w->hop[0]);
    memcpy(w->hop[1], path->back, sizeof w->hop[1]);
    for (int i = 0; i < 2; i++) {
        int err = end_open(n, &w->end[i], n->nways, i == 1, mtu);
        if (err)
            return err;
    }
    return n->nways++;
}

int topo_netif(const struct topo *n, int path, bool far) { return n->way[path].end[far].netif; }
struct umptcp *topo_stack(const struct topo *n, int host) {
    return n->host[host].s;
}
struct link *topo_link_of(const struct topo *n, int link) {
    return n->link[link];
}
utime topo_now(const struct topo *n) { return n->now; }

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

/* A packet under way carries which path, which direction and which link of it: its port. */
static uint32_t port_of(int path, int dir, int hop) { return (uint32_t)((path * 2 + dir) * HOPS + hop); }

static void go_on(struct topo *n, const struct umptcp_out *out, uint32_t port) {
    const struct way *w = &n->way[port / HOPS / 2];
    link_send(n->link[w->hop[port / HOPS % 2][port % HOPS]], out, port, n->now);
}

/* A packet has come out of a link: into the next one, or it is there. */
static void arrive(struct topo *n, const struct link_packet *pkt) {
    int dir = (int)(pkt->port / HOPS % 2), hop = (int)(pkt->port % HOPS) + 1;
    const struct way *w = &n->way[pkt->port / HOPS / 2];
    if (hop < w->hops[dir]) {
        go_on(n, &pkt->out, pkt->port + 1);
        return;
    }
    const struct end *e = &w->end[!dir];
    umptcp_input(n->host[e->host].s, e->netif, &pkt->in, n->now);
    n->host[e->host].touched = true;
}

static bool move_packets(struct topo *n) {
    struct link_packet pkt;
    bool any = false;
    for (int i = 0; i < n->nlinks; i++)
        for (; link_recv(n->link[i], &pkt, n->now); any = true)
            arrive(n, &pkt);
    return any;
}

static void host_output(struct topo *n, int host) {
    struct umptcp_out out;
    while (umptcp_output(n->host[host].s, &out, n->now))
        for (int i = 0; i < n->nways; i++)
            for (int far = 0; far < 2; far++)
                if (n->way[i].end[far].host == host && n->way[i].end[far].netif == out.netif)
                    go_on(n, &out, port_of(i, far, 0));
}

static bool run_host(struct topo *n, int host) {
    struct host *h = &n->host[host];
    if (!h->touched && time_before(n->now, umptcp_next(h->s)))
        return false;
    h->touched = false;
    struct umptcp_event ev;
    umptcp_tick(h->s, n->now);
    while (umptcp_event(h->s, &ev))
        if (n->on_event)
            n->on_event(n->arg, n, host, &ev);
    host_output(n, host);
    return true;
}

static void run_now(struct topo *n) {
    bool any = true;
    for (int rounds = 0; any; rounds++) {
        assert(rounds < ROUNDS_MAX);
        any = move_packets(n);
        for (int i = 0; i < n->nhosts; i++)
            any |= run_host(n, i);
    }
}

void topo_settle(struct topo *n) {
    for (int i = 0; i < n->nhosts; i++)
        n->host[i].touched = true;
    run_now(n);
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

bool topo_step(struct topo *n, utime limit) {
    utime next = UMPTCP_NEVER;
    for (int i = 0; i < n->nlinks; i++)
        next = time_min(next, link_next(n->link[i]));
    for (int i = 0; i < n->nhosts; i++)
        next = time_min(next, umptcp_next(n->host[i].s));
    bool more = time_before(next, limit);
    n->now = time_max(n->now, more ? next : limit);
    run_now(n);
    return more;
}

void topo_run(struct topo *n, dur duration) {
    utime limit = time_add(n->now, duration);
    topo_settle(n);
    while (topo_step(n, limit))
        ;
}
