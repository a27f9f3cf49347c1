/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server is a second stack in this process, at the other end of two cables in memory, and time is a number: when
 * nothing is left to do now, it jumps to the next thing that is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/memory.h"
#include "server.h"
#include "world.h"

enum { PREFIX = 24, QUEUE_PACKETS = 20000, TURNS_MAX = 100000 };

struct host { /* a stack and its ends of the cables */
    struct umptcp *stack;
    struct driver *ends[PATHS];
    int netifs[PATHS];
};

struct virtual {
    struct world w;
    struct umptcp_time now;
    struct host client, server;
    struct server *http;
};

static struct virtual *virtual_of(struct world *w) { return (struct virtual *)(void *)w; }

static struct umptcp_time virtual_now(const struct world *w) { return ((const struct virtual *)(const void *)w)->now; }

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static void host_input(struct host *h, struct umptcp_time now) {
    for (int p = 0; p < PATHS; p++) {
        struct umptcp_packet pkt;
        driver_tick(h->ends[p], now);
        while (driver_recv(h->ends[p], &pkt, now))
            driver_verdict(h->ends[p], umptcp_input(h->stack, h->netifs[p], &pkt, now));
    }
    umptcp_tick(h->stack, now);
}

static void host_output(struct host *h, struct umptcp_time now) {
    struct umptcp_out out;
    while (umptcp_output(h->stack, &out, now))
        for (int p = 0; p < PATHS; p++)
            if (h->netifs[p] == out.netif)
                driver_send(h->ends[p], &out, now); /* a full cable loses it, as a wire would */
}

static struct umptcp_time earlier(struct umptcp_time a, struct umptcp_time b) { return a.ns < b.ns ? a : b; }

static struct umptcp_time host_next(const struct host *h) {
    struct umptcp_time next = umptcp_next(h->stack);
    for (int p = 0; p < PATHS; p++)
        next = earlier(next, driver_next(h->ends[p]));
    return next;
}

/* Everything that is to happen at one moment. Returns when the next moment is. */
static struct umptcp_time virtual_turn(struct virtual *v) {
    struct umptcp_event ev;
    host_input(&v->server, v->now);
    while (umptcp_event(v->server.stack, &ev))
        server_event(v->http, &ev, v->now);
    host_output(&v->server, v->now);
    host_input(&v->client, v->now);
    while (umptcp_event(v->client.stack, &ev))
        v->w.on_event(v->w.arg, &ev);
    host_output(&v->client, v->now);
    return earlier(host_next(&v->client), host_next(&v->server));
}

static int virtual_step(struct world *w, struct umptcp_time until) {
    struct virtual *v = virtual_of(w);
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        struct umptcp_time next = virtual_turn(v);
        if (next.ns > v->now.ns) {
            struct umptcp_time at = earlier(next, until);
            v->now = at.ns > v->now.ns ? at : v->now;
            return 0;
        }
    }
    return -ELOOP; /* somebody always has one more thing to do now */
}

static void virtual_close(struct world *w) {
    struct virtual *v = virtual_of(w);
    for (int p = 0; p < PATHS; p++) {
        driver_close(v->client.ends[p]);
        driver_close(v->server.ends[p]);
    }
    server_free(v->http);
    umptcp_free(v->server.stack);
    umptcp_free(v->client.stack);
    free(v);
}

static const struct world_ops virtual_ops = {virtual_now, virtual_step, virtual_close};

/* ---- Set-up ------------------------------------------------------------------------------------------------------ */

static int add_netif(struct host *h, enum path path) {
    const struct driver *d = h->ends[path];
    struct umptcp_netif_config cfg = {.name = d->name, .mtu = d->mtu, .flags = d->flags};
    h->netifs[path] = umptcp_netif_add(h->stack, &cfg);
    return h->netifs[path] < 0 ? h->netifs[path] : 0;
}

static int add_path(struct virtual *v, enum path path) {
    struct memory_config cfg[2] = {
        {.name = "client", .mtu = MTU, .queue_packets = QUEUE_PACKETS},
        {.name = "server", .mtu = MTU, .queue_packets = QUEUE_PACKETS, .flags = UMPTCP_IF_CSUM | UMPTCP_IF_TSO4},
    };
    struct driver *ends[2];
    int err = memory_pair(cfg, ends);
    if (!err)
        err = world_wrap(&v->w, path, ends[0], v->now);
    if (err)
        return err;
    v->client.ends[path] = v->w.wires[path];
    v->server.ends[path] = ends[1];
    struct umptcp_addr addr;
    if (!(err = add_netif(&v->client, path)) && !(err = add_netif(&v->server, path)) &&
        !(err = umptcp_addr_parse(path_plans[path].server, &addr)))
        err = umptcp_addr_add(v->server.stack, v->server.netifs[path], &addr, PREFIX, v->now);
    v->w.netifs[path] = v->client.netifs[path];
    return err ? err : world_add_path(&v->w, path, v->now);
}

int world_virtual_new(const struct world_config *cfg, struct world **w) {
    struct virtual *v = calloc(1, sizeof *v);
    if (!v)
        return -ENOMEM;
    v->w = (struct world){.ops = &virtual_ops, .on_event = cfg->on_event, .arg = cfg->arg};
    v->now.ns = 1;
    struct umptcp_config stack_cfg;
    world_stack_config(&stack_cfg);
    stack_cfg.seed[0] = 1; /* the same story each time; the two differ, or their keys and nonces would be equal */
    v->client.stack = v->w.stack = umptcp_new(&stack_cfg, v->now);
    stack_cfg.seed[0] = 2;
    v->server.stack = umptcp_new(&stack_cfg, v->now);
    int err = v->client.stack && v->server.stack ? 0 : -ENOMEM;
    for (int p = 0; p < PATHS && !err; p++)
        err = add_path(v, (enum path)p);
    if (!err)
        err = umptcp_limits_set(v->server.stack, UMPTCP_SUBFLOWS_MAX, 0);
    if (!err)
        err = server_new(v->server.stack, cfg->dir, &v->http);
    if (!err) {
        *w = &v->w;
        return 0;
    }
    fprintf(stderr, "demo: cannot set the two stacks up: %s\n", strerror(-err));
    return err; /* the program ends */
}
