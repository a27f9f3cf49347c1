/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the demo takes place: the client's stack with its two paths to a server. The server is either this machine's
 * kernel, in real time (world_kernel.c), or a second stack in the same process, in virtual time (world_virtual.c).
 * Either way a path is a wire of io/fault.h, with a rate, a delay and a switch to cut it.
 */
#ifndef DEMO_WORLD_H
#define DEMO_WORLD_H

#include "io/driver.h"
#include "io/fault.h"

enum path { PATH_A, PATH_B, PATHS };
enum { MTU = 1500, SERVER_PORT = 8080 };
#define NS_PER_S 1e9

/* What a path is made of. */
struct path_plan {
    const char *name;            /* "A" */
    const char *client, *server; /* addresses, of one /24 */
    uint64_t rate, delay;        /* bit/s and ns, each way */
    uint32_t queue_bytes;
};
extern const struct path_plan path_plans[PATHS];

typedef void (*world_event_fn)(void *arg, const struct umptcp_event *ev);

struct world_config {
    const char *netns;       /* of the server, as "ip netns" names it */
    const char *dir;         /* what the server serves */
    world_event_fn on_event; /* for the events of the client's stack */
    void *arg;
};

struct world {
    const struct world_ops *ops;
    struct umptcp *stack; /* the client's */
    struct driver *wires[PATHS];
    int netifs[PATHS];
    world_event_fn on_event;
    void *arg;
};

struct world_ops {
    struct umptcp_time (*now)(const struct world *w);
    int (*step)(struct world *w, struct umptcp_time until);
    void (*close)(struct world *w);
};

/* Both set *w and return 0, or a negative errno after saying on standard error what failed. */
int world_kernel_new(const struct world_config *cfg, struct world **w);
int world_virtual_new(const struct world_config *cfg, struct world **w);

static inline struct umptcp_time world_now(const struct world *w) { return w->ops->now(w); }
/* Lets the world go on to the next thing that happens, or to `until`. Returns 0 or a negative errno. */
static inline int world_step(struct world *w, struct umptcp_time until) { return w->ops->step(w, until); }
static inline void world_free(struct world *w) {
    if (w)
        w->ops->close(w);
}

/* Cuts a path, or mends it, in both directions. */
void world_cut(struct world *w, enum path path, bool cut);
/* Bytes of IP packets that a direction of a path has delivered. */
uint64_t world_delivered(const struct world *w, enum path path, enum fault_dir dir);

/* For the two worlds. The configuration of a stack; its seed is still zero. */
void world_stack_config(struct umptcp_config *cfg);
/* Puts the wire of a path around a driver; what can go wrong is memory. On success `d` belongs to the wire. */
int world_wrap(struct world *w, enum path path, struct driver *d, struct umptcp_time now);
/* Gives the client's interface of a path its address, route and endpoint. */
int world_add_path(struct world *w, enum path path, struct umptcp_time now);

#endif
