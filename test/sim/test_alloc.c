/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seeded transfers between two stacks of which one, or both, now and then do not get the memory they ask for: once, for
 * a while, or always when a budget is used up. Bytes that arrive are exact, and in the end both applications either
 * have all of them or were told an error that has a name; and nothing leaks.
 *
 * UMPTCP_SEED and UMPTCP_RUNS: as sim_main() has it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transfer.h"

enum { RUNS = 300, PPM_PERCENT = 10000, PATHS = 3, REFUSALS_MAX = 40 };
#define MS       1000000ull
#define S        1000000000ull
#define PATIENCE (7200 * S) /* of virtual time */

static struct { uint64_t runs, complete, failed, refused; } sum;

/* The errors that a connection may end with when memory is short. */
static bool has_a_name(int error) {
    static const int names[] = {ETIMEDOUT, ECONNRESET, ECONNREFUSED, ECONNABORTED, EPIPE, ENOMEM};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (error == names[i])
            return true;
    return false;
}

static void scenario(struct world_config *cfg, uint64_t seed, uint64_t *rng) {
    world_config_init(cfg, seed, 1 + (int)sim_below(rng, PATHS));
    cfg->v6 = sim_below(rng, 2);
    for (int h = 0; h < 2; h++) {
        struct umptcp_config *c = &cfg->host[h];
        c->checksum_enabled = sim_below(rng, 2);
        c->timestamps = sim_below(rng, 4) != 0;
        c->rmem_default = c->wmem_default = 4000 + sim_below(rng, 100000);
        c->close_timeout = 10 * S; /* who cannot be reached any more is given up soon */
        c->retries2 = 6;
        if (sim_below(rng, 4) == 0)
            c->mem_limit = 600000 + sim_below(rng, 300000);
    }
}

static void links(struct world *w, uint64_t *rng) {
    for (int i = 0; i < w->paths; i++) {
        struct fault_link l = {.delay = (1 + sim_below(rng, 40)) * MS, .rate = 1000000ull * (1 + sim_below(rng, 50))};
        l.loss = sim_below(rng, 5 * PPM_PERCENT);
        l.reorder = sim_below(rng, 5 * PPM_PERCENT);
        l.reorder_by = 10 * MS;
        l.duplicate = sim_below(rng, 2 * PPM_PERCENT);
        for (int h = 0; h < 2; h++)
            world_link(w, h, i, &l);
    }
    for (int h = 0; h < 2; h++)
        umptcp_limits_set(w->host[h].s, 4, 4);
    for (int i = 1; i < w->paths; i++) {
        bool signal = sim_below(rng, 2);
        const struct umptcp_endpoint ep = {.flags = signal ? UMPTCP_EP_SIGNAL : UMPTCP_EP_SUBFLOW,
                                           .addr = world_addr(w, signal ? SERVER : CLIENT, i, 0)};
        umptcp_endpoint_add(w->host[signal ? SERVER : CLIENT].s, &ep, w->now);
    }
}

/* The next allocation that is refused; sometimes several in a row. */
static void refuse(struct host *h, uint64_t *rng, uint32_t *left) {
    if (h->fail_at || !*left)
        return;
    (*left)--;
    sum.refused++;
    h->fail_at = sim_below(rng, 3) ? 1 + sim_below(rng, 60) : 1;
}

static bool over(const struct transfer *t) {
    for (int h = 0; h < 2; h++)
        if (!t->end[h].closed && (h == CLIENT || t->accepted))
            return false;
    return t->accepted || t->end[CLIENT].closed;
}

static const char *carry(struct world *w, struct transfer *t, uint64_t *rng) {
    struct umptcp_time limit = {w->now.ns + PATIENCE};
    uint32_t left[2] = {sim_below(rng, REFUSALS_MAX), sim_below(rng, REFUSALS_MAX)}, steps = 0;
    while (!over(t)) {
        for (int h = 0; h < 2; h++)
            refuse(&w->host[h], rng, &left[h]);
        bool more = world_step(w, limit);
        transfer_pump(t);
        if (t->wrong)
            return t->wrong;
        if (!more)
            return "neither done nor an error";
        if (++steps % 16 == 0)
            for (int h = 0; h < 2; h++)
                if (umptcp_check(w->host[h].s))
                    return umptcp_check(w->host[h].s);
    }
    return NULL;
}

/* Either all of it, or an error that says why. */
static const char *judge(const struct transfer *t) {
    bool complete = true;
    for (int h = 0; h < 2; h++) {
        const struct transfer_end *e = &t->end[h];
        if (e->error && !has_a_name(e->error))
            return "an error that nobody knows";
        if (e->eof && e->received != e->to_receive && !t->end[!h].error)
            return "the stream ended early";
        complete = complete && e->eof && !e->error;
    }
    sum.complete += complete;
    sum.failed += !complete;
    return NULL;
}

static const char *run(uint64_t seed) {
    static struct world_config cfg;
    static struct world w;
    static struct transfer t;
    uint64_t rng = seed * 3;
    sum.runs++;
    scenario(&cfg, seed, &rng);
    transfer_fastopen(&t, &cfg, seed % 4 == 0);
    world_init(&w, &cfg);
    links(&w, &rng);
    transfer_start(&t, &w, seed, sim_below(&rng, 200000), sim_below(&rng, 200000), 1 + sim_below(&rng, 20000));
    const char *wrong = carry(&w, &t, &rng);
    wrong = wrong ? wrong : judge(&t);
    for (int h = 0; h < 2; h++)
        w.host[h].fail_at = 0;
    umptcp_close(w.host[SERVER].s, t.listener, w.now);
    world_run(&w, PATIENCE);
    for (int h = 0; h < 2 && !wrong; h++)
        if (umptcp_sockets(w.host[h].s) || !umptcp_quiet(w.host[h].s))
            wrong = "a connection or a timer is left";
    world_free(&w);
    for (int h = 0; h < 2 && !wrong; h++)
        if (w.host[h].allocated)
            wrong = "memory is left";
    return wrong;
}

/* Most get through all the same; and it must have been hard. */
int main(void) {
    int failed = sim_main("transfers short of memory", RUNS, run);
    printf("%llu complete, %llu ended with an error, %llu allocations refused\n", (unsigned long long)sum.complete,
           (unsigned long long)sum.failed, (unsigned long long)sum.refused);
    bool hard = sum.refused > 5 * sum.runs, most = sum.complete > sum.runs / 2;
    return failed || (sum.runs >= RUNS && !(hard && most));
}
