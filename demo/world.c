/* SPDX-License-Identifier: BSD-3-Clause */
/* What both worlds have in common: the client's side of the paths. */
#include "world.h"

#define MBIT   1000000u
#define NS_MS  1000000u
#define KBYTE  1000u
#define PREFIX 24

/* Each queue holds about one round trip of its path: what a sensible router has. */
const struct path_plan path_plans[PATHS] = {
    [PATH_A] = {"A", "10.0.1.2", "10.0.1.1", 50 * MBIT, 10 * NS_MS, 250 * KBYTE},
    [PATH_B] = {"B", "10.0.2.2", "10.0.2.1", 20 * MBIT, 40 * NS_MS, 250 * KBYTE},
};

void world_cut(struct world *w, enum path path, bool cut) {
    for (int dir = 0; dir < FAULT_DIRS; dir++) {
        struct fault_link link;
        fault_get(w->wires[path], (enum fault_dir)dir, &link);
        link.cut = cut;
        fault_set(w->wires[path], (enum fault_dir)dir, &link, world_now(w));
    }
}

uint64_t world_delivered(const struct world *w, enum path path, enum fault_dir dir) {
    struct fault_stats stats;
    fault_stats_get(w->wires[path], dir, &stats);
    return stats.delivered_bytes;
}

void world_stack_config(struct umptcp_config *cfg) {
    umptcp_config_init(cfg);
    cfg->probe_interval = 100 * NS_MS; /* a path that is silent while the other speaks is asked so often, ... */
    cfg->probe_count = 3;              /* ... and after that many questions given up */
    cfg->time_wait = 200 * NS_MS;      /* a program that ends cannot stay for a minute */
}

int world_wrap(struct world *w, enum path path, struct driver *d, struct umptcp_time now) {
    const struct path_plan *plan = &path_plans[path];
    struct fault_link link = {.rate = plan->rate, .delay = plan->delay, .queue_bytes = plan->queue_bytes};
    int err = fault_wrap(d, (uint64_t)path, &w->wires[path]);
    for (int dir = 0; dir < FAULT_DIRS && !err; dir++)
        fault_set(w->wires[path], (enum fault_dir)dir, &link, now);
    return err;
}

int world_add_path(struct world *w, enum path path, struct umptcp_time now) {
    struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW, .netif = w->netifs[path]};
    struct umptcp_addr any;
    int err = umptcp_addr_parse(path_plans[path].client, &ep.addr.addr);
    if (!err)
        err = umptcp_addr_parse("0.0.0.0", &any);
    if (!err)
        err = umptcp_addr_add(w->stack, w->netifs[path], &ep.addr.addr, PREFIX, now);
    if (!err)
        err = umptcp_route_add(w->stack, &any, 0, w->netifs[path]);
    if (err)
        return err;
    int id = umptcp_endpoint_add(w->stack, &ep, now);
    return id < 0 ? id : 0;
}
