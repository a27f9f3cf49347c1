/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server is the kernel. Each path is a TUN device whose kernel end lies in the server's network namespace and whose
 * other end is held by this process, in a namespace without any network: every packet between the two passes the
 * client's stack and its wires.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/entropy.h"
#include "io/loop.h"
#include "io/tun.h"
#include "world.h"

enum { TXQUEUELEN = 4000, PREFIX = 24 };

struct kernel {
    struct world w;
    struct loop *loop;
};

static struct kernel *kernel_of(struct world *w) { return (struct kernel *)(void *)w; }

static struct umptcp_time kernel_now(const struct world *w) {
    return loop_now(((const struct kernel *)(const void *)w)->loop);
}

static int kernel_step(struct world *w, struct umptcp_time until) {
    uint64_t now = clock_now().ns;
    return loop_run_once(kernel_of(w)->loop, until.ns > now ? until.ns - now : 0);
}

static void kernel_close(struct world *w) {
    struct kernel *k = kernel_of(w);
    loop_free(k->loop);
    umptcp_free(w->stack);
    free(k);
}

static const struct world_ops kernel_ops = {kernel_now, kernel_step, kernel_close};

static void kernel_event(void *arg, struct loop *loop, const struct umptcp_event *ev) {
    struct world *w = arg;
    (void)loop;
    w->on_event(w->arg, ev);
}

/* Opens the TUN device of a path, in the namespace in which we are. */
static int open_tun(enum path path, struct driver **d) {
    const struct path_plan *plan = &path_plans[path];
    struct tun_setup setup = {.mtu = MTU, .txqueuelen = TXQUEUELEN, .up = true, .has_addr = true, .prefix_len = PREFIX};
    char name[16];
    snprintf(name, sizeof name, "path%s", plan->name);
    int err = umptcp_addr_parse(plan->server, &setup.addr);
    if (err)
        return err;
    if ((err = tun_open(name, d))) {
        fprintf(stderr, "demo: %s: %s\n", name, tun_error(err));
        return err;
    }
    if ((err = tun_configure(*d, &setup))) {
        fprintf(stderr, "demo: %s cannot be configured: %s\n", name, strerror(-err));
        driver_close(*d);
    }
    return err;
}

/* A descriptor of a namespace: of "ip netns"'s `name`, or of our own without. */
static int open_netns(const char *name) {
    char path[128] = "/proc/self/ns/net";
    if (name)
        snprintf(path, sizeof path, "/run/netns/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Opens both devices inside the server's namespace; an open device works wherever its owner goes afterwards. */
static int open_tuns(const char *netns, struct driver *tuns[PATHS]) {
    int home = open_netns(NULL), there = open_netns(netns);
    int err = home < 0 ? home : there < 0 ? there : setns(there, CLONE_NEWNET) < 0 ? -errno : 0;
    if (err)
        fprintf(stderr, "demo: namespace %s: %s\n", netns, strerror(-err));
    for (int p = 0; p < PATHS && !err; p++) {
        err = open_tun((enum path)p, &tuns[p]);
        if (err)
            tuns[p] = NULL;
    }
    if (home >= 0 && there >= 0 && setns(home, CLONE_NEWNET) < 0 && !err)
        err = -errno;
    if (home >= 0)
        close(home);
    if (there >= 0)
        close(there);
    return err;
}

/* Wire, interface, address, endpoint. Takes the device over when it succeeds. */
static int add_path(struct kernel *k, enum path path, struct driver *tun) {
    struct world *w = &k->w;
    int err = world_wrap(w, path, tun, loop_now(k->loop));
    if (err)
        return err;
    w->netifs[path] = loop_add_driver(k->loop, w->wires[path]);
    return w->netifs[path] < 0 ? w->netifs[path] : world_add_path(w, path, loop_now(k->loop));
}

int world_kernel_new(const struct world_config *cfg, struct world **w) {
    struct driver *tuns[PATHS] = {NULL};
    struct umptcp_config stack_cfg;
    world_stack_config(&stack_cfg);
    int err = entropy_fill(stack_cfg.seed, sizeof stack_cfg.seed);
    if (!err)
        err = open_tuns(cfg->netns, tuns);
    if (err)
        return err;
    struct kernel *k = calloc(1, sizeof *k);
    if (!k)
        return -ENOMEM;
    k->w = (struct world){.ops = &kernel_ops, .on_event = cfg->on_event, .arg = cfg->arg};
    k->w.stack = umptcp_new(&stack_cfg, clock_now());
    struct loop_config loop_cfg = {.stack = k->w.stack, .on_event = kernel_event, .arg = &k->w};
    err = k->w.stack ? loop_new(&loop_cfg, &k->loop) : -ENOMEM;
    for (int p = 0; p < PATHS && !err; p++)
        err = add_path(k, (enum path)p, tuns[p]);
    if (!err) {
        *w = &k->w;
        return 0;
    }
    fprintf(stderr, "demo: cannot set the client up: %s\n", strerror(-err));
    return err; /* the program ends: its descriptors go with it */
}
