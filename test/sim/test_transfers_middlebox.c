/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seeded transfers through middleboxes: one of every kind in turn, then chains of up to four, on one path or on all,
 * over links that lose packets now and then. Every byte arrives exactly, or an end is told of an error; nothing hangs,
 * and afterwards no timer runs and no memory is held. What changes payload meets connections with checksums, and then a
 * few bytes may differ: on the only subflow that is plain TCP.
 *
 * UMPTCP_SEED and UMPTCP_RUNS: as sim_main() has it. UMPTCP_PCAP=file records the (last) transfer, UMPTCP_BOX=chain
 * chooses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer.h"

enum { RUNS = 2000, CHAIN_MAX = 4, DIFFER_MAX = 16 };
#define MS       1000000ull
#define S        1000000000ull
#define PATIENCE (7200 * S)

static const struct {
    const char *text;
    bool payload; /* it changes payload */
} boxes[] = {
    {"strip:option=mptcp,on=syn", false},
    {"strip:option=mptcp,on=synack", false},
    {"strip:option=mptcp,on=nonsyn", false},
    {"strip:option=mptcp,on=nonsyn,dir=fwd", false},
    {"strip:option=mptcp,on=nonsyn,dir=rev", false},
    {"strip:option=mptcp,on=nonsyn,after=25", false},
    {"strip:option=mptcp,on=nonsyn,dir=fwd,after=25", false},
    {"strip:option=mptcp,on=nonsyn,dir=rev,after=25", false},
    {"strip:option=dss", false},
    {"strip:option=dss,every=7", false},
    {"strip:option=join", false},
    {"strip:option=add-addr", false},
    {"strip:option=fail", false},
    {"strip:option=fastclose", false},
    {"strip:option=wscale", false},
    {"strip:option=ts,on=syn", false},
    {"strip:option=sack", false},
    {"strip:option=sack-ok,on=syn", false},
    {"strip:option=any,on=syn", false},
    {"echo", false},
    {"copy", false},
    {"shuffle", false},
    {"truncate:option=dss,by=2,every=9", false},
    {"readdress", false},
    {"clamp:size=536", false},
    {"timestamps:by=3000000000", false},
    {"window:size=5000", false},
    {"ecn:mark=ce", false},
    {"shift", false},
    {"shift:sack=leave", false},
    {"guard:act=drop", false},
    {"guard:act=correct", false},
    {"drop:on=syn,having=mptcp", false},
    {"drop:on=syn,having=join", false},
    {"drop:on=fin,every=2", false},
    {"drop:every=50", false},
    {"reject:having=join,on=syn", false},
    {"delay:time=40ms,every=11", false},
    {"delay:on=syn,having=mptcp,time=5s", false},
    {"duplicate", false},
    {"ids:by=8", false},
    {"firewall", false},
    {"firewall:idle=20s", false},
    {"split:size=300", false},
    {"split:size=300,keep=first", false},
    {"split:size=300,keep=last", false},
    {"split:size=300,keep=none", false},
    {"coalesce:keep=first", false},
    {"coalesce:keep=second", false},
    {"coalesce:keep=none", false},
    {"contiguous", false},
    {"normalise", false},
    {"alg:at=3000,remove=4,insert=4", true},
    {"flip:after=9,count=1", true},
    {"pep", false},
    {"pep:options=every", false},
    {"syn-proxy", false},
    {"rst:seq=window,every=20", false},
    {"rst:seq=exact,after=20,count=1", false},
    {"icmp:error=port,every=20", false},
    {"icmp:error=host,every=20", false},
    {"drop:larger=1280,dir=in | icmp:error=too-big,mtu=1280,larger=1280 | drop:larger=1280,dir=out", false},
};
enum { BOXES = sizeof boxes / sizeof *boxes };

struct scenario {
    struct world_config world;
    char chain[512];
    bool payload;
    uint64_t to_server, to_client;
    uint32_t piece;
    bool announce;
    struct fault_link link[WORLD_PATHS_MAX];
};

static void choose_chain(struct scenario *sc, uint64_t seed, uint64_t *rng) {
    uint32_t n = seed <= BOXES ? 1 : 1 + sim_below(rng, CHAIN_MAX);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t box = n == 1 ? (uint32_t)((seed - 1) % BOXES) : sim_below(rng, BOXES);
        strcat(sc->chain, i ? " | " : "");
        strcat(sc->chain, boxes[box].text);
        sc->payload = sc->payload || boxes[box].payload;
    }
    const char *chosen = getenv("UMPTCP_BOX");
    if (!chosen)
        return;
    snprintf(sc->chain, sizeof sc->chain, "%s", chosen);
    sc->payload = strstr(chosen, "alg:") || strstr(chosen, "flip:");
}

static void scenario_init(struct scenario *sc, uint64_t seed) {
    uint64_t rng = seed;
    memset(sc, 0, sizeof *sc);
    world_config_init(&sc->world, seed, 1 + (int)sim_below(&rng, 3));
    choose_chain(sc, seed, &rng);
    sc->world.v6 = sim_below(&rng, 2);
    sc->to_server = sim_below(&rng, 3) ? sim_below(&rng, 100000) : 0;
    sc->to_client = sim_below(&rng, 3) ? sim_below(&rng, 100000) : 0;
    sc->piece = sim_below(&rng, 3) ? 65536 : 1 + sim_below(&rng, 3000);
    sc->announce = sim_below(&rng, 2);
    for (int h = 0; h < 2; h++) {
        struct umptcp_config *c = &sc->world.host[h];
        c->rmem_default = 4000 + sim_below(&rng, 200000);
        c->wmem_default = 4000 + sim_below(&rng, 200000);
        c->rmem_max = c->rmem_default + sim_below(&rng, 2000000);
        c->wmem_max = c->wmem_default + sim_below(&rng, 2000000);
        c->checksum_enabled = sc->payload || sim_below(&rng, 2);
    }
    uint32_t all = sim_below(&rng, 2), one = sim_below(&rng, (uint32_t)sc->world.paths);
    for (int i = 0; i < sc->world.paths; i++) {
        if (all || (uint32_t)i == one)
            sc->world.middlebox[i] = sc->chain;
        sc->link[i] = (struct fault_link){.delay = (1 + sim_below(&rng, 40)) * MS};
        if (sim_below(&rng, 3) == 0)
            sc->link[i].loss = sim_below(&rng, 20000);
    }
}

static void endpoints(struct world *w, bool announce) {
    for (int h = 0; h < 2; h++)
        umptcp_limits_set(w->host[h].s, 4, 4);
    for (int i = 1; i < w->paths; i++) {
        int host = announce ? SERVER : CLIENT;
        struct umptcp_endpoint ep = {.flags = announce ? UMPTCP_EP_SIGNAL : UMPTCP_EP_SUBFLOW,
                                     .addr = world_addr(w, host, i, 0)};
        umptcp_endpoint_add(w->host[host].s, &ep, w->now);
    }
}

static bool told_error(const struct transfer *t) {
    return (t->end[CLIENT].close_told && t->end[CLIENT].error) || (t->end[SERVER].close_told && t->end[SERVER].error);
}

/* Who only waits for a peer that has given up learns of it by keepalive. */
static void keepalive(struct world *w, const struct transfer *t, bool on[2]) {
    for (int h = 0; h < 2; h++) {
        if (on[h] || !t->end[h].sock.v)
            continue;
        umptcp_setopt(w->host[h].s, t->end[h].sock, UMPTCP_OPT_KEEPIDLE, 60 * S, w->now);
        umptcp_setopt(w->host[h].s, t->end[h].sock, UMPTCP_OPT_KEEPALIVE, 1, w->now);
        on[h] = true;
    }
}

/* NULL, or what went wrong. An end that was told of an error gives up, and the other one is left to find out. */
static const char *carry(struct world *w, struct transfer *t) {
    struct umptcp_time limit = {w->now.ns + PATIENCE};
    bool on[2] = {false, false};
    for (uint32_t steps = 0; !transfer_done(t) && !told_error(t); steps++) {
        keepalive(w, t, on);
        bool more = world_step(w, limit);
        transfer_pump(t);
        if (t->wrong)
            return t->wrong;
        if (steps % 64 == 0 && world_check(w))
            return world_check(w);
        if (!more && !transfer_done(t) && !told_error(t))
            return "neither done nor an error in time";
    }
    for (int h = 0; h < 2; h++)
        if (t->end[h].sock.v && !t->end[h].closed)
            umptcp_close(w->host[h].s, t->end[h].sock, w->now);
    return NULL;
}

static uint64_t failed_in_order;

static const char *run(uint64_t seed) {
    static struct scenario sc;
    static struct world w;
    static struct transfer t;
    scenario_init(&sc, seed);
    sc.world.pcap = getenv("UMPTCP_PCAP");
    transfer_fastopen(&t, &sc.world, seed % 4 == 0);
    world_init(&w, &sc.world);
    for (int i = 0; i < w.paths; i++)
        for (int h = 0; h < 2; h++)
            world_link(&w, h, i, &sc.link[i]);
    endpoints(&w, sc.announce);
    memset(&t, 0, sizeof t);
    t.may_differ = sc.payload ? DIFFER_MAX : 0;
    transfer_start(&t, &w, seed, sc.to_server, sc.to_client, sc.piece);
    const char *wrong = carry(&w, &t);
    failed_in_order += told_error(&t);
    if (getenv("UMPTCP_TELL") && told_error(&t))
        fprintf(stderr, "seed %llu: %s: errors %d %d\n", (unsigned long long)seed, sc.chain, t.end[0].error,
                t.end[1].error);
    if (!wrong)
        wrong = transfer_clean(&t);
    if (wrong)
        fprintf(stderr, "  %s: sent %llu %llu received %llu %llu, errors %d %d, at %.3f s, %d paths\n", sc.chain,
                (unsigned long long)t.end[0].sent, (unsigned long long)t.end[1].sent,
                (unsigned long long)t.end[0].received, (unsigned long long)t.end[1].received, t.end[0].error,
                t.end[1].error, (double)(w.now.ns - 1000 * S) / 1e9, w.paths);
    world_free(&w);
    for (int h = 0; h < 2 && !wrong; h++)
        if (w.host[h].allocated)
            wrong = "memory is left";
    return wrong;
}

int main(void) {
    int failed = sim_main("transfers through middleboxes", RUNS, run);
    printf("%llu ended with an error\n", (unsigned long long)failed_in_order);
    return failed;
}
