/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What coupled congestion control is for, measured: the three goals of RFC 6356 2, on networks of links in virtual
 * time.
 *
 * One connection sends over two paths beside others of plain TCP, which use NewReno, the one that the coupled
 * algorithms are measured by. What counts is what arrived between WARM and the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/topo.h"
#include "world.h"

enum { PORT = 80, FLOWS_MAX = 8, MBIT = 1000000, WARM_S = 30, END_S = 150, SEEDS = 8, NONE = -1 };

struct flow { /* from host 2i to host 2i + 1 */
    umptcp_sock listener, sender, receiver;
    uint64_t received;
};

struct net {
    struct topo *n;
    uint64_t rng;
    int flows, back;
    struct flow flow[FLOWS_MAX];
    uint64_t by_path[2]; /* acknowledged on the two paths of the first flow */
};

/* Whatever there is room for is sent, whatever came is read. */
static void serve(void *arg, struct topo *n, int host, const struct umptcp_event *ev) {
    struct flow *f = &((struct net *)arg)->flow[host / 2];
    struct umptcp *s = topo_stack(n, host);
    struct umptcp_slice some[UMPTCP_SLICES_MAX];
    const bool receives = host % 2;
    int count;
    if (ev->type == UMPTCP_EV_ACCEPT)
        (void)umptcp_accept(s, f->listener, &f->receiver);
    for (;;) {
        size_t len = 0;
        count = receives ? umptcp_recv_peek(s, f->receiver, some, UMPTCP_SLICES_MAX)
                         : umptcp_send_reserve(s, f->sender, 1 << 20, some, UMPTCP_SLICES_MAX);
        if (count <= 0)
            return;
        for (int k = 0; k < count; k++)
            len += some[k].len;
        if (receives) {
            umptcp_recv_consume(s, f->receiver, len, topo_now(n));
            f->received += len;
        } else if (umptcp_send_commit(s, f->sender, len, topo_now(n))) {
            return;
        }
    }
}

static void net_open(struct net *w, uint64_t seed) {
    *w = (struct net){.n = topo_new(seed), .rng = seed};
    assert_non_null(w->n);
    topo_on_event(w->n, serve, w);
    w->back = topo_link(w->n, &(struct link_config){.delay = MSEC(20)});
}

/* A queue of one bandwidth-delay product at 40 ms; `early`: it drops some from a quarter of that on. Where only the
 * full queue drops, flows get in step for minutes, and which one has the better place is chance. */
static int bottleneck(struct net *w, uint32_t mbit, bool early) {
    struct link_config cfg = {.rate = (uint64_t)mbit * MBIT, .delay = MSEC(10), .headers_only = true};
    cfg.queue = cfg.rate / 8 * 40 / 1000;
    cfg.early = early ? cfg.queue / 4 : 0;
    return topo_link(w->n, &cfg);
}

static int host(struct net *w, const char *cc, bool mptcp) {
    struct umptcp_config cfg;
    umptcp_config_init(&cfg);
    cfg.congestion_control = cc;
    cfg.mptcp_enabled = mptcp;
    for (size_t i = 0; i < sizeof cfg.seed; i++)
        cfg.seed[i] = (uint8_t)sim_random(&w->rng);
    return topo_host(w->n, &cfg);
}

/* A way over a bottleneck, behind a link of its own that keeps flows out of step. */
static int way(struct net *w, int a, int b, int link) {
    const struct link_config cfg = {.delay = MSEC(9) + USEC(sim_below(&w->rng, 2000))};
    const struct topo_path path = {.nthere = 2, .there = {topo_link(w->n, &cfg), link}, .nback = 1, .back = {w->back}};
    return topo_path(w->n, a, b, &path);
}

/* A connection over one link, or over two of them. */
static void add_flow(struct net *w, const char *cc, int link, int second) {
    struct flow *f = &w->flow[w->flows++];
    int a = host(w, cc, second != NONE), b = host(w, cc, second != NONE);
    int path = way(w, a, b, link);
    struct umptcp *s = topo_stack(w->n, a);
    const struct umptcp_listen listen = {.local.port = PORT, .backlog = 1};
    const struct umptcp_connect c = {.remote = topo_addr(path, true, PORT)};
    int err = umptcp_listen(topo_stack(w->n, b), &listen, &f->listener);
    if (second != NONE) {
        int other = way(w, a, b, second);
        const struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SIGNAL, .addr = topo_addr(other, true, 0)};
        umptcp_limits_set(s, 1, 1);
        err = err ? err : umptcp_endpoint_add(topo_stack(w->n, b), &ep, topo_now(w->n)) < 0;
    }
    err = err ? err : umptcp_connect(s, &c, &f->sender, topo_now(w->n));
    assert_int_equal(err, 0);
    topo_settle(w->n);
}

static void note_paths(struct net *w, uint64_t got[2]) {
    struct umptcp_subflow_info sf[2];
    int count = umptcp_subflows(topo_stack(w->n, 0), w->flow[0].sender, sf, 2);
    for (int i = 0; i < 2; i++)
        got[i] = i < count ? sf[i].bytes_acked : 0;
}

/* Runs it, and leaves in `received` what came after the beginning. */
static void net_run(struct net *w) {
    uint64_t before[FLOWS_MAX] = {0}, paths[2];
    topo_run(w->n, SEC(WARM_S));
    note_paths(w, paths);
    for (int i = 0; i < w->flows; i++)
        before[i] = w->flow[i].received;
    topo_run(w->n, SEC(END_S - WARM_S));
    for (int i = 0; i < w->flows; i++)
        w->flow[i].received -= before[i];
    note_paths(w, w->by_path);
    for (int i = 0; i < 2; i++)
        w->by_path[i] -= paths[i];
}

static void net_close(struct net *w) { topo_free(w->n); }

/* ---- The goals --------------------------------------------------------------------------------------------------- */

static const struct algorithm {
    const char *name, *rival;
    bool early;  /* the bottleneck drops before it is full */
    double most; /* of what one TCP takes */
} algorithms[] = {
    {"lia", "newreno", true, 1.2},
    {"olia", "newreno", true, 1.2},
    {"balia", "newreno", true, 1.2},
    /* Delay is what it goes by: its like is another one, and a queue that has room. Each path may keep two packets
     * queued, however small its part of ten is. */
    {"wvegas", "wvegas", false, 1.3},
};
enum { ALGORITHMS = 4, UNCOUPLED = ALGORITHMS };

static double mbits(uint64_t bytes) { return (double)bytes * 8 / MBIT / (END_S - WARM_S); }

static void assert_between(const char *what, const char *name, double value, double least, double most) {
    print_message("%s: %s %.2f\n", what, name, value);
    if (value < least || value > most)
        fail_msg("%s of %s: %.3f is not in %.2f .. %.2f", what, name, value, least, most);
}

/* Both paths of the first one and the other's only one through one link: what it gets for each byte of the other. */
static double share(const char *name, const char *rival, bool early) {
    uint64_t own = 0, others = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct net w;
        net_open(&w, seed);
        int link = bottleneck(&w, 10, early);
        add_flow(&w, name, link, link);
        add_flow(&w, rival, link, NONE);
        net_run(&w);
        own += w.flow[0].received;
        others += w.flow[1].received;
        assert_true(w.by_path[0] > 0 && w.by_path[1] > 0);
        net_close(&w);
    }
    return (double)own / (double)others;
}

/* T-CPL-05, T-CPL-14, M-API-10: two subflows through one bottleneck take what one TCP takes there, where two TCPs would
 * take twice as much. */
static void test_no_harm(void **state) {
    (void)state;
    assert_between("a shared bottleneck, times one TCP's", "newreno, not coupled,", share("newreno", "newreno", true),
                   1.8, 2.2);
    for (int a = 0; a < ALGORITHMS; a++) {
        const struct algorithm *x = &algorithms[a];
        assert_between("a shared bottleneck, times one TCP's", x->name, share(x->name, x->rival, x->early), 1.0,
                       x->most);
    }
    /* Where the queue is long enough for delay to tell, wVegas leaves more to a TCP that fills it. */
    assert_between("a shared bottleneck, times one NewReno's", "wvegas", share("wvegas", "newreno", false), 0.1, 1.2);
}

/* T-CPL-05: two paths that nobody else is on bring more than the best of them alone. */
static void test_better_than_the_best(void **state) {
    (void)state;
    for (int a = 0; a < ALGORITHMS; a++) {
        uint64_t got[2];
        for (int both = 0; both < 2; both++) {
            struct net w;
            net_open(&w, 1);
            int wide = bottleneck(&w, 10, false), narrow = bottleneck(&w, 4, false);
            add_flow(&w, both ? algorithms[a].name : "newreno", wide, both ? narrow : NONE);
            net_run(&w);
            got[both] = w.flow[0].received;
            net_close(&w);
        }
        assert_between("Mbit/s of 14", algorithms[a].name, mbits(got[1]), mbits(got[0]), 14);
        assert_true(got[1] > got[0] * 5 / 4);
    }
}

/* One path with three others on it and one with a single one: the part of what is sent that goes over the crowded path.
 */
static double on_crowded_path(const char *name, const char *rival, bool early) {
    uint64_t crowd = 0, all = 0;
    for (uint64_t seed = 1; seed <= SEEDS / 4; seed++) {
        struct net w;
        net_open(&w, seed);
        int crowded = bottleneck(&w, 10, early), other = bottleneck(&w, 10, early);
        add_flow(&w, name, crowded, other);
        add_flow(&w, rival, other, NONE);
        for (int i = 0; i < 3; i++)
            add_flow(&w, rival, crowded, NONE);
        net_run(&w);
        crowd += w.by_path[0];
        all += w.by_path[0] + w.by_path[1];
        net_close(&w);
    }
    return (double)crowd / (double)all;
}

/* T-CPL-05: traffic moves away from the path that is more congested. */
static void test_balance(void **state) {
    (void)state;
    double alone = on_crowded_path("newreno", "newreno", true);
    assert_between("on the crowded path", "newreno, not coupled,", alone, 0.25, 0.45);
    for (int a = 0; a < ALGORITHMS; a++) {
        const struct algorithm *x = &algorithms[a];
        double part = on_crowded_path(x->name, x->rival, x->early);
        assert_between("on the crowded path", x->name, part, 0.01, alone * 3 / 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_harm),
        cmocka_unit_test(test_better_than_the_best),
        cmocka_unit_test(test_balance),
    };
    return cmocka_run_group_tests_name("coupled", tests, NULL, NULL);
}
