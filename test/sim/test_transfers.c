/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Thousands of seeded transfers between two stacks over bad links: random sizes, buffers, 1 to 4 paths that come and
 * go, loss, disorder, duplication, damage and hostile packets. Every byte must arrive exactly, both ends must close,
 * and afterwards no timer runs and no memory is held. And what this is for must have happened over all of them: joins,
 * bytes sent again elsewhere, paths given up and tried again, drops of each kind that such links cause; but no
 * fall-back.
 *
 * UMPTCP_SEED and UMPTCP_RUNS: as sim_main() has it. UMPTCP_PCAP=file records the (last) transfer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer.h"

enum { RUNS = 2200, PPM_PERCENT = 10000, HOSTILE_PPM = 1000 };
#define MS       1000000ull
#define S        1000000000ull
#define PATIENCE (7200 * S) /* of virtual time, for one transfer */

struct scenario {
    struct world_config world;
    uint64_t to_server, to_client;
    uint32_t piece;
    bool come_and_go;
    struct fault_link link[WORLD_PATHS_MAX];
};

static uint32_t percent(uint64_t *rng, uint32_t most) { return sim_below(rng, most * PPM_PERCENT + 1); }

static uint64_t size(uint64_t *rng) {
    switch (sim_below(rng, 8)) {
    case 0:
        return 0;
    case 1:
        return 1 + sim_below(rng, 10);
    case 2:
    case 3:
        return sim_below(rng, 10000);
    case 7:
        return sim_below(rng, 600000);
    default:
        return sim_below(rng, 100000);
    }
}

static void link_random(uint64_t *rng, struct fault_link *l) {
    memset(l, 0, sizeof *l);
    l->delay = (1 + sim_below(rng, 80)) * MS;
    if (sim_below(rng, 2))
        l->rate = 1000000ull * (1 + sim_below(rng, 100));
    if (sim_below(rng, 3))
        l->loss = percent(rng, sim_below(rng, 4) ? 3 : 10);
    if (sim_below(rng, 2)) {
        l->reorder = percent(rng, 10);
        l->reorder_by = (1 + sim_below(rng, 30)) * MS;
    }
    if (sim_below(rng, 3) == 0)
        l->duplicate = percent(rng, 5);
    if (sim_below(rng, 3) == 0) {
        l->corrupt_header = percent(rng, 1);
        l->corrupt_payload = percent(rng, 2);
        l->corrupt_bits = 1; /* what TCP's checksum is sure to see */
    }
    l->replace = HOSTILE_PPM;
}

static void scenario_init(struct scenario *sc, uint64_t seed) {
    uint64_t rng = seed;
    memset(sc, 0, sizeof *sc);
    world_config_init(&sc->world, seed, 1 + (int)sim_below(&rng, WORLD_PATHS_MAX));
    sc->world.v6 = sim_below(&rng, 2);
    sc->world.mtu = sim_below(&rng, 4) ? 1500 : 1280 + sim_below(&rng, 8000);
    sc->to_server = size(&rng);
    sc->to_client = size(&rng);
    sc->piece = sim_below(&rng, 3) ? 65536 : 1 + sim_below(&rng, 3000);
    sc->come_and_go = sc->world.paths > 1 && sim_below(&rng, 2);
    if (sc->come_and_go) { /* long enough that it happens */
        sc->to_server += sim_below(&rng, 300000);
        sc->to_client += sim_below(&rng, 300000);
    }
    for (int h = 0; h < 2; h++) {
        struct umptcp_config *c = &sc->world.host[h];
        c->rmem_default = 4000 + sim_below(&rng, 200000);
        c->wmem_default = 4000 + sim_below(&rng, 200000);
        c->rmem_max = c->rmem_default + sim_below(&rng, 2000000);
        c->wmem_max = c->wmem_default + sim_below(&rng, 2000000);
        c->checksum_enabled = sim_below(&rng, 2);
        c->congestion_control = sim_below(&rng, 3) ? "cubic" : "newreno";
        c->sack = sim_below(&rng, 8) != 0;
        c->timestamps = sim_below(&rng, 8) != 0;
        c->window_scaling = sim_below(&rng, 8) != 0;
    }
    for (int i = 0; i < sc->world.paths; i++)
        link_random(&rng, &sc->link[i]);
}

static void endpoints(struct world *w, uint64_t *rng) {
    bool signal = sim_below(rng, 3) == 0;
    for (int h = 0; h < 2; h++)
        umptcp_limits_set(w->host[h].s, 4, 4);
    for (int i = 1; i < w->paths; i++) {
        struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW, .addr = world_addr(w, CLIENT, i, 0)};
        if (signal) {
            ep.flags = UMPTCP_EP_SIGNAL;
            ep.addr = world_addr(w, SERVER, i, 0);
        } else if (sim_below(rng, 5) == 0) {
            ep.flags |= UMPTCP_EP_BACKUP;
        }
        umptcp_endpoint_add(w->host[signal ? SERVER : CLIENT].s, &ep, w->now);
    }
}

/* A path is cut or comes back; one other than the first is always left alone or all come back soon. */
static void come_and_go(struct world *w, const struct scenario *sc, uint64_t *rng) {
    int i = (int)sim_below(rng, (uint32_t)w->paths);
    bool down = sim_below(rng, 2);
    if (sim_below(rng, 3) == 0) {
        umptcp_netif_set_up(w->host[CLIENT].s, w->host[CLIENT].netif[i], !down || i == 0, w->now);
        return;
    }
    for (int h = 0; h < 2; h++) {
        struct fault_link l = sc->link[i];
        l.cut = down;
        world_link(w, h, i, &l);
    }
}

static void all_back(struct world *w, const struct scenario *sc) {
    for (int i = 0; i < w->paths; i++) {
        umptcp_netif_set_up(w->host[CLIENT].s, w->host[CLIENT].netif[i], true, w->now);
        for (int h = 0; h < 2; h++)
            world_link(w, h, i, &sc->link[i]);
    }
}

/* The transfer itself. NULL, or what went wrong. */
static const char *carry(struct world *w, struct transfer *t, const struct scenario *sc, uint64_t *rng) {
    struct umptcp_time limit = {w->now.ns + PATIENCE};
    struct umptcp_time change = {w->now.ns + sc->come_and_go * sim_below(rng, 1000) * MS};
    struct umptcp_time calm = {w->now.ns + 30 * S};
    uint32_t steps = 0;
    while (!transfer_done(t)) {
        struct umptcp_time until = limit;
        if (sc->come_and_go && w->now.ns < calm.ns)
            until = change;
        bool more = world_step(w, until);
        transfer_pump(t);
        if (t->wrong)
            return t->wrong;
        for (int h = 0; h < 2; h++)
            if (t->end[h].close_told && t->end[h].error)
                return "the connection ended with an error";
        if (++steps % 64 == 0 && world_check(w))
            return world_check(w);
        if (more)
            continue;
        if (until.ns == limit.ns)
            return "not done in time";
        if (w->now.ns < calm.ns)
            come_and_go(w, sc, rng);
        change.ns = w->now.ns + (1 + sim_below(rng, 3000)) * MS;
        if (change.ns >= calm.ns) {
            all_back(w, sc);
            calm = w->now;
        }
    }
    return NULL;
}

/* ---- What happened -------------------------------------------------------------------------------------------------
 */

/* Counters of both ends, over all runs; a full run has at least so many. */
static struct {
    const char *name;
    uint64_t least, sum;
} happened[] = {
    {"MPTcpExtMPCapableACKRX", 700, 0}, {"MPTcpExtMPJoinSynAckRx", 400, 0},
    {"MPTcpExtMPJoinAckRx", 400, 0},    {"MPTcpExtMPJoinSynBackupRx", 30, 0},
    {"MPTcpExtAddAddr", 100, 0},        {"MPTcpExtEchoAdd", 100, 0},
    {"MPTcpExtRmAddr", 15, 0},          {"MPTcpExtOFOQueue", 5000, 0},
    {"MPTcpExtMPTCPRetrans", 300, 0},   {"MPTcpExtDuplicateData", 300, 0},
    {"MPTcpExtSubflowStale", 5, 0},     {"MPTcpExtMPRstRx", 20, 0},
    {"UmptcpPathProbes", 50, 0},        {"UmptcpRejoins", 15, 0},
    {"TcpRetransSegs", 2000, 0},        {"TcpExtTCPTimeouts", 400, 0},
    {"TcpExtTCPOFOQueue", 10000, 0},    {"UmptcpDropIpCsum", 15, 0},
    {"UmptcpDropTcpCsum", 200, 0},      {"UmptcpDropTcpNoSocket", 30, 0},
    {"UmptcpDropTcpOldSeq", 1000, 0},   {"UmptcpDropMpDsnOld", 200, 0},
};

/* And nothing of these: such links are no reason for it. */
static struct {
    const char *name;
    uint64_t sum;
} never[] = {
    {"MPTcpExtDssFallback", 0},
    {"MPTcpExtMPCapableDataFallback", 0},
    {"MPTcpExtMPCapableFallbackSYNACK", 0},
    {"MPTcpExtMPFallbackTokenInit", 0},
    {"MPTcpExtFallbackFailed", 0},
    {"MPTcpExtDataCsumErr", 0},
    {"MPTcpExtMPFastcloseRx", 0},
    {"UmptcpDropNoMemory", 0},
    {"UmptcpDropMpUnmapped", 0},
    {"UmptcpDropMpDsnWindow", 0},
    {"UmptcpDropMpMapBad", 0},
};

enum { HAPPENED = sizeof happened / sizeof *happened, NEVER = sizeof never / sizeof *never };

static uint64_t runs;

static uint64_t both(const struct world *w, const char *name) {
    return umptcp_counter_get(w->host[CLIENT].s, name) + umptcp_counter_get(w->host[SERVER].s, name);
}

static void add_up(const struct world *w) {
    runs++;
    for (int i = 0; i < HAPPENED; i++)
        happened[i].sum += both(w, happened[i].name);
    for (int i = 0; i < NEVER; i++)
        never[i].sum += both(w, never[i].name);
}

static bool complain(const char *name, uint64_t sum) {
    fprintf(stderr, "%s: %llu in %llu transfers\n", name, (unsigned long long)sum, (unsigned long long)runs);
    return false;
}

static bool judge(void) {
    bool good = true;
    for (int i = 0; i < HAPPENED && runs >= RUNS; i++) /* what a few did not meet proves nothing */
        if (happened[i].sum < happened[i].least)
            good = complain(happened[i].name, happened[i].sum);
    for (int i = 0; i < NEVER; i++)
        if (never[i].sum)
            good = complain(never[i].name, never[i].sum);
    return good;
}

/* ---- All of them ---------------------------------------------------------------------------------------------------
 */

static const char *run(uint64_t seed) {
    static struct scenario sc;
    static struct world w;
    static struct transfer t;
    uint64_t rng = ~seed;
    scenario_init(&sc, seed);
    transfer_fastopen(&t, &sc.world, seed % 4 == 0);
    sc.world.pcap = getenv("UMPTCP_PCAP");
    world_init(&w, &sc.world);
    all_back(&w, &sc);
    endpoints(&w, &rng);
    transfer_start(&t, &w, seed, sc.to_server, sc.to_client, sc.piece);
    const char *wrong = carry(&w, &t, &sc, &rng);
    if (wrong)
        fprintf(stderr,
                "  sent %llu/%llu %llu/%llu received %llu %llu, errors %d %d, at %.3f s, %d paths, %u subflows\n",
                (unsigned long long)t.end[0].sent, (unsigned long long)t.end[0].to_send,
                (unsigned long long)t.end[1].sent, (unsigned long long)t.end[1].to_send,
                (unsigned long long)t.end[0].received, (unsigned long long)t.end[1].received, t.end[0].error,
                t.end[1].error, (double)(w.now.ns - 1000 * S) / 1e9, w.paths, t.subflows_up);
    else
        wrong = transfer_clean(&t);
    add_up(&w);
    if (!wrong && umptcp_counter_get(w.host[SERVER].s, "MPTcpExtMPCapableFallbackACK") &&
        !umptcp_counter_get(w.host[CLIENT].s, "MPTcpExtMPCapableSYNTXDrop"))
        wrong = "the server fell back although the client had not given up MPTCP";
    world_free(&w);
    for (int h = 0; h < 2 && !wrong; h++)
        if (w.host[h].allocated)
            wrong = "memory is left";
    return wrong;
}

int main(void) {
    int failed = sim_main("transfers", RUNS, run);
    return judge() ? failed : 1;
}
