/* SPDX-License-Identifier: BSD-3-Clause */
/* One scenario in virtual time: each flow between two stacks of its own, all through one link. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/topo.h"
#include "tools/sim.h"

enum { PORT = 80, CHUNK = 1 << 20, BUFFER_MIN = 4 << 20, BUFFER_MAX = 1 << 30, SEED_STEP = 1000003 };

struct flow {
    umptcp_sock listener, sender, receiver;
    uint64_t received;
    bool lost;
};

struct bench {
    struct topo *net;
    int bottleneck;
    int flows;
    struct flow flow[SIM_FLOWS_MAX];
};

/* As many bytes as there is room for. Their values do not matter: the link carries headers. */
static void fill(struct bench *b, int i) {
    struct umptcp *s = topo_stack(b->net, 2 * i);
    struct umptcp_slice room[UMPTCP_SLICES_MAX];
    int n;
    while ((n = umptcp_send_reserve(s, b->flow[i].sender, CHUNK, room, UMPTCP_SLICES_MAX)) > 0) {
        size_t len = 0;
        for (int k = 0; k < n; k++)
            len += room[k].len;
        if (umptcp_send_commit(s, b->flow[i].sender, len, topo_now(b->net)))
            return;
    }
}

static void drain(struct bench *b, int i) {
    struct umptcp *s = topo_stack(b->net, 2 * i + 1);
    struct umptcp_slice bytes[UMPTCP_SLICES_MAX];
    int n;
    while ((n = umptcp_recv_peek(s, b->flow[i].receiver, bytes, UMPTCP_SLICES_MAX)) > 0) {
        size_t len = 0;
        for (int k = 0; k < n; k++)
            len += bytes[k].len;
        umptcp_recv_consume(s, b->flow[i].receiver, len, topo_now(b->net));
        b->flow[i].received += len;
    }
}

/* Hosts 2i and 2i + 1 are the ends of flow i. */
static void on_event(void *arg, struct topo *net, int host, const struct umptcp_event *ev) {
    struct bench *b = arg;
    struct flow *f = &b->flow[host / 2];
    if (ev->type == UMPTCP_EV_CLOSED)
        f->lost = true;
    if (host % 2 == 0) {
        fill(b, host / 2);
        return;
    }
    if (ev->type == UMPTCP_EV_ACCEPT && umptcp_accept(topo_stack(net, host), f->listener, &f->receiver))
        f->lost = true;
    if (f->receiver.v)
        drain(b, host / 2);
}

/* Buffers that never limit: what is under way, what waits, and as much again that has to wait for a hole to be filled.
 */
static uint32_t buffer_size(const struct sim_scenario *s) {
    struct link_config there, back;
    sim_links(s, &there, &back);
    double bytes = 4 * ((double)s->rate / 8 * ((double)s->rtt / 1e9) + (double)there.queue);
    return bytes < BUFFER_MIN ? BUFFER_MIN : bytes > BUFFER_MAX ? BUFFER_MAX : (uint32_t)bytes;
}

static int flow_open(struct bench *b, const struct sim_scenario *s, int i, int there, int back, uint64_t seed) {
    struct umptcp_config cfg;
    umptcp_config_init(&cfg);
    cfg.congestion_control = s->cc[i];
    cfg.wmem_max = cfg.rmem_max = buffer_size(s);
    int host[2];
    for (int k = 0; k < 2; k++) {
        uint64_t mine = seed * SEED_STEP + (uint64_t)(2 * i + k);
        memcpy(cfg.seed, &mine, sizeof mine);
        host[k] = topo_host(b->net, &cfg);
        if (host[k] < 0)
            return host[k];
    }
    struct topo_path way = {.nthere = 1, .there = {there}, .nback = 1, .back = {back}};
    int path = topo_path(b->net, host[0], host[1], &way);
    if (path < 0)
        return path;
    struct umptcp_listen listen = {.local.port = PORT, .backlog = 1, .tcp_only = true};
    int err = umptcp_listen(topo_stack(b->net, host[1]), &listen, &b->flow[i].listener);
    struct umptcp_connect connect = {.remote = topo_addr(path, true, PORT), .tcp_only = true};
    return err ? err : umptcp_connect(topo_stack(b->net, host[0]), &connect, &b->flow[i].sender, topo_now(b->net));
}

/* Payload that a flow's sender sent so far, and that of it which it sent again. */
static void sent_bytes(const struct bench *b, int i, double *sent, double *again) {
    struct umptcp_subflow_info info;
    if (umptcp_subflows(topo_stack(b->net, 2 * i), b->flow[i].sender, &info, 1) == 1) {
        *sent += (double)info.bytes_sent;
        *again += (double)info.bytes_retrans;
    }
}

struct totals { /* so far */
    double received[SIM_FLOWS_MAX], sent, again;
    struct link_stats link;
};

static void take(const struct bench *b, struct totals *t) {
    *t = (struct totals){.sent = 0};
    for (int i = 0; i < b->flows; i++) {
        t->received[i] = (double)b->flow[i].received;
        sent_bytes(b, i, &t->sent, &t->again);
    }
    link_stats_get(topo_link_of(b->net, b->bottleneck), &t->link);
}

static void conclude(const struct bench *b, const struct totals *from, const struct totals *to, dur time,
                     struct sim_result *r) {
    double all = 0, least = -1;
    for (int i = 0; i < b->flows; i++) {
        double mine = to->received[i] - from->received[i];
        all += mine;
        least = least < 0 || mine < least ? mine : least;
    }
    double sent = to->sent - from->sent;
    double passed = (double)(to->link.packets - from->link.packets) -
                    (double)(to->link.fate[LINK_QUEUE] - from->link.fate[LINK_QUEUE]);
    r->mbit = all * 8 / ((double)time / 1e9) / 1e6;
    r->retrans = sent > 0 ? 100 * (to->again - from->again) / sent : 0;
    r->queue = passed > 0 ? (double)(to->link.waited - from->link.waited) / passed / 1e6 : 0;
    r->share = all > 0 ? 100 * least / all : 0;
}

static int run_once(const struct sim_scenario *s, uint64_t seed, struct sim_result *r) {
    struct bench b = {.net = topo_new(seed), .flows = s->flows};
    struct link_config there, back;
    struct totals from, to;
    if (!b.net)
        return -ENOMEM;
    sim_links(s, &there, &back);
    there.headers_only = back.headers_only = true;
    b.bottleneck = topo_link(b.net, &there);
    int err = b.bottleneck, returning = topo_link(b.net, &back);
    topo_on_event(b.net, on_event, &b);
    dur time = s->time ? s->time : sim_default_time(s->rtt), warm = s->warm ? s->warm : time;
    for (int i = 0; err >= 0 && i < s->flows; i++) { /* a little apart, so that they do not move in step */
        err = flow_open(&b, s, i, b.bottleneck, returning, seed);
        topo_run(b.net, s->rtt / 3);
    }
    if (err >= 0) {
        topo_run(b.net, warm);
        take(&b, &from);
        topo_run(b.net, time);
        take(&b, &to);
        conclude(&b, &from, &to, time, r);
    }
    for (int i = 0; i < b.flows; i++)
        if (b.flow[i].lost)
            err = -ECONNABORTED;
    topo_free(b.net);
    return err < 0 ? err : 0;
}

static int by_throughput(const void *a, const void *b) {
    double x = ((const struct sim_result *)a)->mbit, y = ((const struct sim_result *)b)->mbit;
    return (x > y) - (x < y);
}

int sim_run(const struct sim_scenario *s, struct sim_result *r) {
    struct sim_result all[SIM_RUNS_MAX];
    assert(s->runs > 0 && s->runs <= SIM_RUNS_MAX);
    for (uint32_t i = 0; i < s->runs; i++) {
        int err = run_once(s, s->seed + i, &all[i]);
        if (err)
            return err;
    }
    qsort(all, s->runs, sizeof *all, by_throughput);
    *r = all[s->runs / 2];
    return 0;
}
