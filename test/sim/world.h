/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two stacks back to back in virtual time, over 1 to 4 links that a fault wrapper makes bad. Nothing here sleeps: the
 * clock jumps to whatever is due next, so a minute of protocol takes milliseconds and the same seed gives the same run.
 *
 * Interface i of the first host has the address 10.0.i.1 (or fd00:i::1), of the second 10.0.i.2 (fd00:i::2).
 */
#ifndef UMPTCP_TEST_SIM_WORLD_H
#define UMPTCP_TEST_SIM_WORLD_H

#include "io/fault.h"
#include "umptcp.h"

enum { WORLD_PATHS_MAX = 4, CLIENT = 0, SERVER = 1 };

struct world_config {
    uint64_t seed;
    int paths;
    bool v6;
    bool bare;    /* no fault wrapper: super-segments and partial checksums pass from stack to stack as they are */
    uint32_t mtu; /* 0: 1500 */
    struct umptcp_config host[2];
    const char *pcap; /* of the first host; NULL: none */
    /* Middleboxes next to the first host, by path, whose outgoing packets go `out` (sim/middlebox.h); NULL: none. */
    const char *middlebox[WORLD_PATHS_MAX];
};

struct host {
    struct umptcp *s;
    struct driver *driver[WORLD_PATHS_MAX];
    struct driver *link[WORLD_PATHS_MAX]; /* the fault wrapper within it; NULL when bare */
    struct driver *box[WORLD_PATHS_MAX];  /* the middleboxes within it; NULL without */
    int netif[WORLD_PATHS_MAX];
    size_t idle_memory; /* of the stack when nothing happened yet */
    size_t allocated;   /* through the test's allocator */
    uint64_t fail_at;   /* the n-th allocation from now on fails; 0: none */
    bool fail_on;       /* and so do all after it */
};

struct world {
    struct umptcp_time now;
    struct host host[2];
    int paths;
    bool v6;
    struct pcapng_file *pcap;
    uint64_t rng;
    void (*on_event)(struct world *w, int host, const struct umptcp_event *ev);
    void (*on_packet)(struct world *w, struct umptcp_packet *pkt); /* before a stack gets it: may point it elsewhere */
    bool (*also)(struct world *w); /* moves what else there is; true when something was */
    void *arg;
    uint64_t packets;
};

/* A configuration with a seed of its own, as of umptcp_config_init(). */
void world_config_init(struct world_config *cfg, uint64_t seed, int paths);
/* Asserts when it cannot be made. */
void world_init(struct world *w, const struct world_config *cfg);
void world_free(struct world *w);
struct umptcp_sockaddr world_addr(const struct world *w, int host, int path, uint16_t port);
/* The link of a path in the direction from `host`. */
void world_link(struct world *w, int host, int path, const struct fault_link *link);
/* Handles everything that is due now, events too. */
void world_settle(struct world *w);
/* Jumps to the next thing that is due, at most to `limit`, and settles. False when nothing is due before `limit`. */
bool world_step(struct world *w, struct umptcp_time limit);
/* What umptcp_check() says of both stacks. */
const char *world_check(const struct world *w);
/* Runs for a time. */
void world_run(struct world *w, uint64_t ns);

/*
 * The main() of a program that does the same with many seeds: UMPTCP_RUNS of them (`runs` when that is not set), from
 * UMPTCP_SEED (1) on. `run` gives NULL, or what went wrong; that is printed, with the seed that repeats it.
 */
int sim_main(const char *what, uint64_t runs, const char *(*run)(uint64_t seed));

/* A small seeded generator, apart from the stacks'. */
uint64_t sim_random(uint64_t *state);
uint32_t sim_below(uint64_t *state, uint32_t n);

#endif
