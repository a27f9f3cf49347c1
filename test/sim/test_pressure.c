/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server whose memory is less than the windows it promises, in virtual time: uploads over a bad link, whose readers
 * pause. Every byte arrives, the budget holds at every moment, and what was acknowledged is never taken back.
 */
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "transfer.h"

enum { UPLOADS = 8, PORT = 80, RUNS = 12, BYTES = 600000, PIECE = 30000, BUDGET = 1000000 };
#define MS       1000000ull
#define S        1000000000ull
#define PATIENCE (1800 * S)

struct upload {
    umptcp_sock from, to;
    uint64_t sent, received;
    bool eof;
};

struct pressure {
    struct world w;
    uint64_t seed;
    umptcp_sock listener;
    struct upload up[UPLOADS];
    int accepted;
    uint64_t pause_until;
    bool wrong;
};

static uint64_t pruned, refused, finished; /* over all runs */

static void take_clients(struct pressure *p) {
    umptcp_sock sock;
    struct umptcp_sockaddr peer, own;
    while (umptcp_accept(p->w.host[SERVER].s, p->listener, &sock) == 0) {
        assert(umptcp_getname(p->w.host[SERVER].s, sock, &own, &peer) == 0);
        for (int i = 0; i < UPLOADS; i++) {
            struct umptcp_sockaddr client;
            assert(umptcp_getname(p->w.host[CLIENT].s, p->up[i].from, &client, &own) == 0);
            if (client.port == peer.port)
                p->up[i].to = sock;
        }
        p->accepted++;
    }
}

static void write_some(struct pressure *p, int i) {
    struct upload *u = &p->up[i];
    uint8_t bytes[PIECE];
    for (;;) {
        uint64_t len = BYTES - u->sent < PIECE ? BYTES - u->sent : PIECE;
        for (uint64_t k = 0; k < len; k++)
            bytes[k] = transfer_byte(p->seed + (uint64_t)i, 0, u->sent + k);
        int n = len ? umptcp_send(p->w.host[CLIENT].s, u->from, bytes, len, p->w.now) : 0;
        if (n <= 0)
            break;
        u->sent += (uint64_t)n;
        if (u->sent == BYTES)
            umptcp_shutdown(p->w.host[CLIENT].s, u->from, p->w.now);
    }
}

static void read_some(struct pressure *p, int i) {
    struct upload *u = &p->up[i];
    uint8_t bytes[PIECE];
    int n = -EAGAIN;
    while (u->to.v && (n = umptcp_recv(p->w.host[SERVER].s, u->to, bytes, sizeof bytes, p->w.now)) > 0) {
        for (int k = 0; k < n; k++)
            p->wrong |= bytes[k] != transfer_byte(p->seed + (uint64_t)i, 0, u->received + (uint64_t)k);
        u->received += (uint64_t)n;
    }
    u->eof |= u->to.v && n == 0;
}

static bool all_done(const struct pressure *p) {
    for (int i = 0; i < UPLOADS; i++)
        if (!p->up[i].eof || p->up[i].received != BYTES)
            return false;
    return true;
}

static void begin(struct pressure *p, uint64_t seed) {
    uint64_t rng = seed;
    struct world_config cfg;
    memset(p, 0, sizeof *p);
    p->seed = seed;
    world_config_init(&cfg, seed, 1 + (int)sim_below(&rng, 2));
    cfg.v6 = sim_below(&rng, 2);
    cfg.host[SERVER].mem_limit = BUDGET;
    cfg.host[SERVER].rmem_default = 400000;
    cfg.host[SERVER].sack = sim_below(&rng, 4) != 0;
    cfg.host[SERVER].checksum_enabled = sim_below(&rng, 3) == 0;
    world_init(&p->w, &cfg);
    for (int i = 0; i < cfg.paths; i++) {
        const struct fault_link l = {
            .delay = 20 * MS, .rate = 50000000, .loss = 30000, .reorder = 50000, .reorder_by = 10 * MS};
        world_link(&p->w, CLIENT, i, &l);
        world_link(&p->w, SERVER, i, &(struct fault_link){.delay = 20 * MS});
    }
    for (int h = 0; h < 2; h++)
        umptcp_limits_set(p->w.host[h].s, 2, 2);
    if (cfg.paths > 1) {
        const struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW, .addr = world_addr(&p->w, CLIENT, 1, 0)};
        umptcp_endpoint_add(p->w.host[CLIENT].s, &ep, p->w.now);
    }
    const struct umptcp_listen listen = {.local.port = PORT, .backlog = UPLOADS};
    assert(umptcp_listen(p->w.host[SERVER].s, &listen, &p->listener) == 0);
    for (int i = 0; i < UPLOADS; i++) {
        const struct umptcp_connect c = {.remote = world_addr(&p->w, SERVER, 0, PORT), .tcp_only = i % 2};
        assert(umptcp_connect(p->w.host[CLIENT].s, &c, &p->up[i].from, p->w.now) == 0);
    }
}

static const char *run(uint64_t seed) {
    static struct pressure p;
    const char *why = NULL;
    begin(&p, seed);
    uint64_t rng = seed;
    const struct umptcp_time start = p.w.now;
    while (!why && !all_done(&p)) {
        world_run(&p.w, 10 * MS);
        take_clients(&p);
        const bool paused = p.w.now.ns < p.pause_until;
        if (!paused && sim_below(&rng, 200) == 0)
            p.pause_until = p.w.now.ns + (1 + sim_below(&rng, 4)) * S;
        for (int i = 0; i < UPLOADS; i++) {
            write_some(&p, i);
            if (!paused)
                read_some(&p, i);
        }
        if (umptcp_mem_used(p.w.host[SERVER].s) > BUDGET)
            why = "the budget is exceeded";
        else if (p.wrong)
            why = "a byte is wrong";
        else if (p.w.now.ns - start.ns > PATIENCE)
            why = "it stands still";
        why = why ? why : world_check(&p.w);
    }
    const struct umptcp *server = p.w.host[SERVER].s;
    const uint64_t prunes = umptcp_counter_get(server, "TcpExtOfoPruned");
    const uint64_t refusals = umptcp_counter_get(server, "TcpExtRcvPruned");
    if (!why && umptcp_counter_get(server, "TcpExtPruneCalled") != prunes + refusals)
        why = "a call for room had no answer";
    pruned += prunes;
    refused += refusals;
    finished++;
    if (why)
        fprintf(stderr, "after %.1f s\n", (double)(p.w.now.ns - start.ns) / 1e9);
    world_free(&p.w);
    return why;
}

static void test_uploads(void **state) { /* T-SYS-14, T-WND-05, T-SCK-10 */
    (void)state;
    assert_int_equal(sim_main("servers without enough memory", RUNS, run), 0);
    if (finished >= RUNS) { /* what this is about has happened */
        assert_true(pruned > 0);
        assert_true(refused > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_uploads)};
    return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
