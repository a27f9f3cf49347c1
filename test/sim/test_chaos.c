/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole API at random, on both sides of bad links: connections are opened, used and given up in any order, while
 * addresses, interfaces and endpoints come and go, allocations fail, and packets are lost, repeated, damaged in ways
 * that checksums do not show, or stripped of their MPTCP options.
 *
 * Nothing is asked of the bytes. But no call may crash or never end, the invariants hold all the time, and some hours
 * after everything was closed no connection, no timer and no memory is left, also when the links are dead by then.
 *
 * UMPTCP_SEED and UMPTCP_RUNS: as sim_main() has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum {
    RUNS = 300,
    ACTIONS = 1000,
    CLIENTS_MAX = 8,
    SOCKS_MAX = 64,
    PORT = 80,
    STEPS_MAX = 2000000, /* more than that many moments in a few hours: something is due again and again */
    PPM_PERCENT = 10000,
    BUFFER_SIZE = 200000,
};
#define MS            1000000ull
#define S             1000000000ull
#define LONGEST_CLOSE (12 * 3600 * S)

struct chaos {
    struct world w;
    uint64_t rng;
    struct umptcp_config config; /* for umptcp_configure() */
    umptcp_sock listener, sock[2][SOCKS_MAX];
    uint32_t nsocks[2];
    bool short_of_memory;
    uint32_t strip; /* percent of the packets */
};

static uint32_t below(struct chaos *x, uint32_t n) { return sim_below(&x->rng, n); }
static bool one_in(struct chaos *x, uint32_t n) { return below(x, n) == 0; }
static int any_path(struct chaos *x) { return (int)below(x, (uint32_t)x->w.paths); }

/* Zeros, and room for what is read. */
static uint8_t buffer[BUFFER_SIZE];

/* ---- Wires ------------------------------------------------------------------------------------------------------- */

enum { IP4_LEN = 20, TCP_LEN = 20, OPT_END = 0, OPT_NOP = 1, OPT_MPTCP = 30 };

/* As a middlebox does it that does not know MPTCP: NOPs in place of the options. */
static void strip_options(uint8_t *tcp, uint32_t len) {
    uint32_t end = 4u * (tcp[12] >> 4);
    for (uint32_t at = TCP_LEN; end <= len && at + 1 < end && tcp[at] != OPT_END;) {
        uint32_t n = tcp[at] == OPT_NOP ? 1 : tcp[at + 1];
        if (n == 0 || at + n > end)
            return;
        if (tcp[at] == OPT_MPTCP)
            memset(tcp + at, OPT_NOP, n);
        at += n;
    }
}

static void on_packet(struct world *w, struct umptcp_packet *pkt) {
    static uint8_t copy[65536];
    struct chaos *x = w->arg;
    if (below(x, 100) >= x->strip || pkt->len < IP4_LEN + TCP_LEN)
        return;
    memcpy(copy, pkt->data, pkt->len);
    strip_options(copy + IP4_LEN, pkt->len - IP4_LEN);
    pkt->data = copy;
    pkt->csum_valid = true; /* it would have made it right */
}

static void link_random(struct chaos *x, struct fault_link *l) {
    *l = (struct fault_link){.delay = (1 + below(x, 10)) * MS, .loss = below(x, 5) * PPM_PERCENT};
    l->reorder = below(x, 20) * PPM_PERCENT;
    l->reorder_by = (1 + below(x, 30)) * MS;
    l->duplicate = below(x, 3) * PPM_PERCENT;
    if (one_in(x, 3)) {
        l->corrupt_header = below(x, 3) * PPM_PERCENT;
        l->corrupt_payload = below(x, 5) * PPM_PERCENT;
        l->corrupt_refix = true;
    }
    if (one_in(x, 6))
        l->replace = PPM_PERCENT;
}

static void links_set(struct chaos *x, bool cut) {
    const struct fault_link l = {.delay = 5 * MS, .cut = cut};
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < x->w.paths; i++)
            world_link(&x->w, h, i, &l);
}

/* ---- One thing that an application or an administrator may do ---------------------------------------------------- */

struct target { /* chosen for an action */
    struct umptcp *s;
    int host, path;
    uint32_t index;   /* of the connection */
    umptcp_sock sock; /* 0 when there is none: calls must say so */
};

static void do_connect(struct chaos *x, const struct target *t) {
    const struct umptcp_connect c = {.remote = world_addr(&x->w, SERVER, t->path, PORT),
                                     .tcp_only = one_in(x, 8),
                                     .fastopen = one_in(x, 2),
                                     .fastopen_no_cookie = one_in(x, 4)};
    uint32_t *n = &x->nsocks[CLIENT];
    struct umptcp *s = x->w.host[CLIENT].s;
    if (*n == CLIENTS_MAX || umptcp_connect(s, &c, &x->sock[CLIENT][*n], x->w.now))
        return;
    if (c.fastopen)
        umptcp_send(s, x->sock[CLIENT][*n], buffer, 1 + below(x, 3000), x->w.now);
    ++*n;
}

static void do_accept(struct chaos *x, const struct target *t) {
    uint32_t *n = &x->nsocks[SERVER];
    (void)t;
    if (*n < SOCKS_MAX && umptcp_accept(x->w.host[SERVER].s, x->listener, &x->sock[SERVER][*n]) == 0)
        ++*n;
}

static void do_send(struct chaos *x, const struct target *t) {
    uint32_t most = one_in(x, 3) ? BUFFER_SIZE : 2000;
    umptcp_send(t->s, t->sock, buffer, 1 + below(x, most), x->w.now);
}

static void do_send_in_place(struct chaos *x, const struct target *t) {
    struct umptcp_slice slices[8];
    umptcp_send_reserve(t->s, t->sock, below(x, BUFFER_SIZE), slices, 1 + (int)below(x, 8));
    if (one_in(x, 2))
        world_run(&x->w, below(x, 10) * MS);
    umptcp_send_commit(t->s, t->sock, below(x, 3000), x->w.now);
}

static void do_receive(struct chaos *x, const struct target *t) {
    while (umptcp_recv(t->s, t->sock, buffer, 1 + below(x, BUFFER_SIZE), x->w.now) > 0 && !one_in(x, 4))
        ;
    memset(buffer, 0, sizeof buffer);
}

/* Most connections are no plain TCP, and refuse. */
static void do_urgent(struct chaos *x, const struct target *t) {
    uint8_t octet;
    umptcp_setopt(t->s, t->sock, UMPTCP_OPT_OOBINLINE, one_in(x, 2), x->w.now);
    umptcp_recv_urgent(t->s, t->sock, &octet, one_in(x, 2), x->w.now);
    umptcp_send_urgent(t->s, t->sock, buffer, below(x, one_in(x, 3) ? BUFFER_SIZE : 5), x->w.now);
}

static void do_shutdown(struct chaos *x, const struct target *t) {
    if (one_in(x, 4))
        umptcp_shutdown_recv(t->s, t->sock, x->w.now);
    else
        umptcp_shutdown(t->s, t->sock, x->w.now);
}

static void do_close(struct chaos *x, const struct target *t) {
    if (!t->sock.v)
        return;
    if (one_in(x, 3))
        umptcp_abort(t->s, t->sock, x->w.now);
    else
        umptcp_close(t->s, t->sock, x->w.now);
    x->sock[t->host][t->index] = x->sock[t->host][--x->nsocks[t->host]];
}

static void do_option(struct chaos *x, const struct target *t) {
    enum umptcp_opt opt = (enum umptcp_opt)(1 + below(x, UMPTCP_OPT_USER_TIMEOUT));
    int64_t value = below(x, 2);
    if (opt == UMPTCP_OPT_RCVBUF || opt == UMPTCP_OPT_SNDBUF)
        value = 2304 + below(x, 2000000);
    else if (opt >= UMPTCP_OPT_KEEPIDLE && opt != UMPTCP_OPT_KEEPCNT)
        value = (int64_t)((1 + below(x, 20)) * S);
    umptcp_setopt(t->s, t->sock, opt, value, x->w.now);
}

static void do_endpoint_add(struct chaos *x, const struct target *t) {
    const struct umptcp_endpoint ep = {.flags = below(x, 64), .addr = world_addr(&x->w, t->host, t->path, 0)};
    umptcp_endpoint_add(t->s, &ep, x->w.now);
}

static void do_endpoint_del(struct chaos *x, const struct target *t) {
    umptcp_endpoint_del(t->s, 1 + (int)below(x, 8), x->w.now);
}

static void do_endpoint_flush(struct chaos *x, const struct target *t) {
    const struct umptcp_sockaddr first = world_addr(&x->w, t->host, t->path, 0);
    if (one_in(x, 2))
        umptcp_endpoint_flush(t->s, x->w.now);
    else
        umptcp_endpoint_del_initial(t->s, &first.addr, x->w.now);
}

static void do_endpoint_flags(struct chaos *x, const struct target *t) {
    umptcp_endpoint_set_flags(t->s, 1 + (int)below(x, 8), below(x, 2 * UMPTCP_EP_FULLMESH), x->w.now);
}

static void config_random(struct chaos *x, struct umptcp_config *c);

/* Another configuration in the middle of things, other keys of Fast Open, or none of its memory. */
static void do_configure(struct chaos *x, const struct target *t) {
    static const uint8_t keys[2][16] = {{1}, {2}};
    static const char *const controls[] = {"newreno", "cubic", "lia", "olia", "balia", "wvegas"};
    const char *control = controls[below(x, 6)];
    switch (below(x, 4)) {
    case 0:
        umptcp_fastopen_keys_set(t->s, x->listener, keys + below(x, 2), 1);
        break;
    case 1:
        umptcp_fastopen_forget(t->s);
        break;
    case 2:
        if (one_in(x, 2))
            umptcp_set_congestion(t->s, t->sock, control, x->w.now);
        else
            umptcp_set_subflow_congestion(t->s, t->sock, 1 + below(x, 6), control, x->w.now);
        break;
    default:
        config_random(x, &x->config);
        umptcp_configure(t->s, &x->config, x->w.now);
    }
}

static void do_subflow_backup(struct chaos *x, const struct target *t) {
    umptcp_subflow_set_backup(t->s, t->sock, 1 + below(x, 6), one_in(x, 2), x->w.now);
}

static void do_limits(struct chaos *x, const struct target *t) {
    umptcp_limits_set(t->s, (uint8_t)below(x, 9), (uint8_t)below(x, 9));
}

/* What a daemon may do to a connection, sense or not. */
static void do_manage(struct chaos *x, const struct target *t) {
    struct umptcp_info info = {0};
    struct umptcp_subflow_info sf = {0};
    struct umptcp_pm_event ev;
    const struct umptcp_endpoint local = {.id = (uint8_t)below(x, 5),
                                          .flags = below(x, 8),
                                          .addr = world_addr(&x->w, t->host, t->path, 0)},
                                 remote = {.id = (uint8_t)below(x, 5),
                                           .addr = world_addr(&x->w, !t->host, any_path(x), PORT)};
    (void)umptcp_info(t->s, t->sock, &info);
    (void)umptcp_subflows(t->s, t->sock, &sf, 1);
    switch (below(x, 8)) {
    case 0:
        umptcp_pm_announce(t->s, info.token_local, &local, x->w.now);
        break;
    case 1:
        umptcp_pm_remove(t->s, info.token_local, local.id, x->w.now);
        break;
    case 2:
    case 3:
        umptcp_pm_create(t->s, info.token_local, &local, &remote, x->w.now);
        break;
    case 4:
        umptcp_pm_destroy(t->s, info.token_local, &sf.local, &sf.remote, x->w.now);
        break;
    case 5:
        umptcp_pm_set_backup(t->s, info.token_local, &sf.local, &sf.remote, one_in(x, 2), x->w.now);
        break;
    case 6:
        umptcp_set_path_manager(t->s, t->sock, one_in(x, 2) ? "kernel" : "userspace");
        break;
    default:
        while (umptcp_pm_event(t->s, &ev)) {
        }
        umptcp_pm_listen(t->s, !one_in(x, 4));
    }
}

static void do_link(struct chaos *x, const struct target *t) {
    struct fault_link l;
    link_random(x, &l);
    l.cut = one_in(x, 8);
    for (int h = 0; h < 2; h++)
        world_link(&x->w, h, t->path, &l);
}

static void do_netif(struct chaos *x, const struct target *t) {
    umptcp_netif_set_up(t->s, x->w.host[t->host].netif[t->path], !one_in(x, 8), x->w.now);
}

static void do_address(struct chaos *x, const struct target *t) {
    const struct umptcp_addr addr = world_addr(&x->w, t->host, t->path, 0).addr;
    const int netif = x->w.host[t->host].netif[t->path];
    if (one_in(x, 8))
        umptcp_addr_del(t->s, netif, &addr, x->w.now);
    else
        umptcp_addr_add(t->s, netif, &addr, 24, x->w.now);
}

static void do_fail_memory(struct chaos *x, const struct target *t) {
    if (!x->short_of_memory)
        return;
    x->w.host[t->host].fail_at = 1 + below(x, 20);
    x->w.host[t->host].fail_on = one_in(x, 2);
}

typedef void action_fn(struct chaos *x, const struct target *t);

static const struct {
    action_fn *act;
    uint32_t weight;
} actions[] = {
    {do_urgent, 1},         {do_manage, 2},        {do_connect, 2},      {do_accept, 3},       {do_send, 6},
    {do_receive, 6},        {do_send_in_place, 1}, {do_shutdown, 1},     {do_close, 1},        {do_option, 1},
    {do_link, 1},           {do_netif, 1},         {do_endpoint_add, 1}, {do_endpoint_del, 1}, {do_endpoint_flush, 1},
    {do_endpoint_flags, 1}, {do_limits, 1},        {do_configure, 1},    {do_address, 1},      {do_fail_memory, 1},
    {do_subflow_backup, 1},
};

static void act(struct chaos *x) {
    struct target t = {.host = (int)below(x, 2), .path = any_path(x)};
    uint32_t total = 0, pick, i = 0;
    t.s = x->w.host[t.host].s;
    if (x->nsocks[t.host]) {
        t.index = below(x, x->nsocks[t.host]);
        t.sock = x->sock[t.host][t.index];
    }
    for (size_t k = 0; k < sizeof actions / sizeof actions[0]; k++)
        total += actions[k].weight;
    for (pick = below(x, total); pick >= actions[i].weight; i++)
        pick -= actions[i].weight;
    actions[i].act(x, &t);
}

/* ---- One run ----------------------------------------------------------------------------------------------------- */

static void config_random(struct chaos *x, struct umptcp_config *c) {
    c->checksum_enabled = one_in(x, 3);
    c->path_manager = one_in(x, 3) ? "userspace" : "kernel";
    c->timestamps = !one_in(x, 3);
    c->sack = !one_in(x, 4);
    c->rejoin = !one_in(x, 4);
    c->allow_join_initial_addr_port = !one_in(x, 5);
    c->probe_interval = one_in(x, 4) ? 0 : (100 + below(x, 1000)) * MS;
    c->add_addr_timeout = one_in(x, 4) ? 0 : 120 * S;
    c->stale_loss_cnt = (uint8_t)below(x, 5);
    c->mem_limit = one_in(x, 4) ? 500000 : 0;
    c->syncookies = (uint8_t)below(x, 3);
    c->abort_on_overflow = one_in(x, 4);
    c->max_orphans = below(x, 4);
    c->max_tw_buckets = below(x, 4);
    c->tw_reuse = one_in(x, 2);
    c->stdurg = one_in(x, 4);
    c->fastopen = UMPTCP_FASTOPEN_CLIENT | UMPTCP_FASTOPEN_SERVER;
    c->fastopen |= one_in(x, 3) ? UMPTCP_FASTOPEN_SERVER_NO_COOKIE : 0;
    c->fastopen |= one_in(x, 4) ? UMPTCP_FASTOPEN_LISTENERS : 0;
    c->fastopen_blackhole_timeout = one_in(x, 2) * S;
    c->fastclose_ack = one_in(x, 3);
    c->reannounce = one_in(x, 2);
    c->remove_addr_probe = one_in(x, 2);
    c->join_any_port = one_in(x, 2);
    c->bound_only = one_in(x, 4);
    c->signal_repeats = (uint8_t)below(x, 3);
    c->join_delay = one_in(x, 3) * 50 * MS;
}

static void chaos_init(struct chaos *x, uint64_t seed) {
    struct world_config cfg;
    memset(x, 0, sizeof *x);
    x->rng = ~seed;
    const struct umptcp_listen l = {.local.port = PORT,
                                    .backlog = one_in(x, 3) ? 2 : 16,
                                    .fastopen = one_in(x, 3) ? 0 : 1 + below(x, 4),
                                    .reuseport = one_in(x, 2)};
    world_config_init(&cfg, seed, 1 + (int)below(x, WORLD_PATHS_MAX));
    for (int h = 0; h < 2; h++)
        config_random(x, &cfg.host[h]);
    x->config = cfg.host[CLIENT];
    cfg.pcap = getenv("UMPTCP_PCAP");
    world_init(&x->w, &cfg);
    x->w.on_packet = on_packet;
    x->w.arg = x;
    x->short_of_memory = one_in(x, 3);
    x->strip = one_in(x, 6) ? below(x, 20) : 0;
    umptcp_listen(x->w.host[SERVER].s, &l, &x->listener);
    if (one_in(x, 2))
        umptcp_setopt(x->w.host[SERVER].s, x->listener, UMPTCP_OPT_DEFER_ACCEPT, (int64_t)(below(x, 5) * S), x->w.now);
    for (int h = 0; h < 2; h++) {
        umptcp_limits_set(x->w.host[h].s, 4, 4);
        for (int i = 0; i < x->w.paths; i++)
            if (one_in(x, 2))
                do_endpoint_add(x, &(struct target){.s = x->w.host[h].s, .host = h, .path = i});
    }
    links_set(x, false);
}

static const char *check(const struct chaos *x) {
    const char *why = umptcp_check(x->w.host[CLIENT].s);
    return why ? why : umptcp_check(x->w.host[SERVER].s);
}

/* Runs for a time, with an eye on the invariants. NULL, or what is wrong. */
static const char *run_checked(struct chaos *x, uint64_t ns) {
    struct umptcp_time end = {x->w.now.ns + ns};
    for (uint32_t steps = 0; world_step(&x->w, end); steps++) {
        const char *why = check(x);
        if (why || steps == STEPS_MAX)
            return why ? why : "too much is due";
    }
    return check(x);
}

static const char *disturb(struct chaos *x) {
    const char *why = NULL;
    for (int i = 0; i < ACTIONS && !why; i++) {
        act(x);
        why = check(x);
        if (why || !one_in(x, 3))
            continue;
        why = run_checked(x, one_in(x, 20) ? below(x, 10) * S : below(x, 60) * MS);
        for (int h = 0; h < 2; h++)
            if (one_in(x, 2))
                x->w.host[h].fail_at = 0;
    }
    return why;
}

/* Everything is given up; the links are perfect then, or dead. */
static const char *calm(struct chaos *x) {
    x->strip = 0;
    links_set(x, one_in(x, 2));
    for (int h = 0; h < 2; h++) {
        x->w.host[h].fail_at = 0;
        while (x->nsocks[h])
            umptcp_close(x->w.host[h].s, x->sock[h][--x->nsocks[h]], x->w.now);
    }
    umptcp_close(x->w.host[SERVER].s, x->listener, x->w.now);
    const char *why = run_checked(x, LONGEST_CLOSE);
    for (int h = 0; h < 2 && !why; h++) {
        if (umptcp_sockets(x->w.host[h].s))
            return "a connection is left";
        if (!umptcp_quiet(x->w.host[h].s))
            return "a timer is left";
    }
    return why;
}

static const char *run(uint64_t seed) {
    static struct chaos x;
    chaos_init(&x, seed);
    const char *why = disturb(&x);
    why = why ? why : calm(&x);
    world_free(&x.w);
    for (int h = 0; h < 2 && !why; h++)
        if (x.w.host[h].allocated)
            why = "memory is left";
    return why;
}

int main(void) { return sim_main("runs", RUNS, run); }
