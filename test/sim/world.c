/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#include "io/memory.h"
#include "io/pcapng.h"
#include "sim/middlebox.h"

enum { WORLD_START_S = 1000, SETTLE_ROUNDS_MAX = 100000, BURST_MAX = 100000 };

uint64_t sim_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t sim_below(uint64_t *state, uint32_t n) { return (uint32_t)(sim_random(state) % n); }

static uint64_t env_number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Which run it was, when a sanitizer or an assertion ends the program: written beforehand, so that a handler may say
 * it. */
static char last_words[64];
static void say_seed(void) { (void)!write(STDERR_FILENO, last_words, strlen(last_words)); }
static void on_abort(int signal) {
    (void)signal;
    say_seed();
}

static void say_seed_at_death(void) {
    signal(SIGABRT, on_abort);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_death_callback(say_seed);
#endif
}

int sim_main(const char *what, uint64_t runs, const char *(*run)(uint64_t seed)) {
    uint64_t first = env_number("UMPTCP_SEED", 1), failed = 0;
    runs = env_number("UMPTCP_RUNS", runs);
    say_seed_at_death();
    for (uint64_t seed = first; seed < first + runs; seed++) {
        snprintf(last_words, sizeof last_words, "seed %llu: died\n", (unsigned long long)seed);
        const char *wrong = run(seed);
        if (!wrong)
            continue;
        failed++;
        fprintf(stderr, "seed %llu: %s (UMPTCP_SEED=%llu UMPTCP_RUNS=1 repeats it)\n", (unsigned long long)seed, wrong,
                (unsigned long long)seed);
    }
    printf("%llu %s, %llu failed\n", (unsigned long long)runs, what, (unsigned long long)failed);
    return failed || !runs;
}

void world_config_init(struct world_config *cfg, uint64_t seed, int paths) {
    memset(cfg, 0, sizeof *cfg);
    cfg->seed = seed;
    cfg->paths = paths;
    for (int h = 0; h < 2; h++) {
        uint64_t state = seed * 2 + (uint64_t)h;
        umptcp_config_init(&cfg->host[h]);
        for (size_t i = 0; i < sizeof cfg->host[h].seed; i++)
            cfg->host[h].seed[i] = (uint8_t)sim_random(&state);
    }
}

struct umptcp_sockaddr world_addr(const struct world *w, int host, int path, uint16_t port) {
    struct umptcp_sockaddr a = {.port = port};
    char text[UMPTCP_ADDRSTRLEN];
    snprintf(text, sizeof text, w->v6 ? "fd00:%d::%d" : "10.0.%d.%d", path, host + 1);
    int err = umptcp_addr_parse(text, &a.addr);
    assert(!err);
    (void)err;
    return a;
}

/* Counts what a stack holds, and fails when told to. */
static void *counting_alloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    struct host *h = ctx;
    if (size && h->fail_at && --h->fail_at == 0) {
        h->fail_at = h->fail_on;
        return NULL;
    }
    void *p = NULL;
    if (size) {
        p = realloc(ptr, size);
        assert(p);
    } else {
        free(ptr);
    }
    h->allocated += size - old_size;
    return p;
}

static void host_init(struct world *w, int h, const struct world_config *cfg) {
    struct host *host = &w->host[h];
    struct umptcp_config sc = cfg->host[h];
    sc.alloc = counting_alloc;
    sc.alloc_ctx = host;
    host->s = umptcp_new(&sc, w->now);
    assert(host->s);
    for (int i = 0; i < w->paths; i++) {
        struct umptcp_netif_config nc = {host->driver[i]->name, host->driver[i]->mtu, host->driver[i]->flags};
        host->netif[i] = umptcp_netif_add(host->s, &nc);
        assert(host->netif[i] > 0);
        struct umptcp_addr own = world_addr(w, h, i, 0).addr, any = {{0}};
        int err = umptcp_addr_add(host->s, host->netif[i], &own, w->v6 ? 64 : 24, w->now);
        assert(!err);
        if (!w->v6)
            any = (struct umptcp_addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};
        err = umptcp_route_add(host->s, &any, 0, host->netif[i]);
        assert(!err);
        (void)err;
    }
    host->idle_memory = umptcp_mem_used(host->s);
}

static void wrap_middlebox(struct world *w, int path, const char *chain, struct driver **d) {
    char error[MIDDLEBOX_ERROR_MAX];
    int err = middlebox_wrap(*d, chain, sim_random(&w->rng), d, error);
    if (err)
        fprintf(stderr, "%s: %s\n", chain, err == -EINVAL ? error : strerror(-err));
    assert(!err);
    w->host[CLIENT].box[path] = *d;
}

void world_init(struct world *w, const struct world_config *cfg) {
    memset(w, 0, sizeof *w);
    w->now.ns = WORLD_START_S * 1000000000ull;
    w->paths = cfg->paths;
    w->v6 = cfg->v6;
    w->rng = cfg->seed;
    if (cfg->pcap) {
        int err = pcapng_open(&(struct pcapng_config){.path = cfg->pcap}, &w->pcap);
        assert(!err);
        (void)err;
    }
    for (int i = 0; i < cfg->paths; i++) {
        uint32_t flags = cfg->bare ? UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 | UMPTCP_IF_TSO6 : 0;
        char name[2][24];
        snprintf(name[0], sizeof name[0], "client%d", i);
        snprintf(name[1], sizeof name[1], "server%d", i);
        uint32_t mtu = cfg->mtu ? cfg->mtu : 1500;
        struct memory_config mc[2] = {{.name = name[0], .mtu = mtu, .flags = flags},
                                      {.name = name[1], .mtu = mtu, .flags = flags}};
        struct driver *ends[2];
        int err = memory_pair(mc, ends);
        assert(!err);
        for (int h = 0; h < 2; h++) {
            if (!cfg->bare) {
                err = fault_wrap(ends[h], sim_random(&w->rng), &ends[h]);
                assert(!err);
                w->host[h].link[i] = ends[h];
            }
            if (h == CLIENT && cfg->middlebox[i])
                wrap_middlebox(w, i, cfg->middlebox[i], &ends[h]);
            if (h == 0 && w->pcap) {
                err = pcapng_wrap(w->pcap, ends[h], &ends[h]);
                assert(!err);
            }
            w->host[h].driver[i] = ends[h];
        }
        (void)err;
    }
    for (int h = 0; h < 2; h++)
        host_init(w, h, cfg);
}

void world_free(struct world *w) {
    for (int h = 0; h < 2; h++) {
        umptcp_free(w->host[h].s);
        for (int i = 0; i < w->paths; i++)
            driver_close(w->host[h].driver[i]);
    }
    if (w->pcap)
        pcapng_close(w->pcap);
}

void world_link(struct world *w, int host, int path, const struct fault_link *link) {
    assert(w->host[host].link[path]);
    fault_set(w->host[host].link[path], FAULT_OUT, link, w->now);
}

static bool host_input(struct world *w, struct host *h) {
    struct umptcp_packet pkt;
    bool any = false;
    for (int i = 0; i < w->paths; i++) {
        while (driver_recv(h->driver[i], &pkt, w->now)) {
            if (w->on_packet)
                w->on_packet(w, &pkt);
            driver_verdict(h->driver[i], umptcp_input(h->s, h->netif[i], &pkt, w->now));
            w->packets++;
            any = true;
        }
    }
    return any;
}

static bool host_output(struct world *w, struct host *h) {
    struct umptcp_out out;
    bool any = false;
    for (uint32_t burst = 0; umptcp_output(h->s, &out, w->now); burst++) {
        assert(burst < BURST_MAX);
        for (int i = 0; i < w->paths; i++)
            if (h->netif[i] == out.netif)
                (void)driver_send(h->driver[i], &out, w->now);
        any = true;
    }
    return any;
}

void world_settle(struct world *w) {
    bool any = true;
    for (int rounds = 0; any; rounds++) {
        assert(rounds < SETTLE_ROUNDS_MAX);
        any = false;
        for (int i = 0; i < 2 * w->paths; i++) /* what is due arrives at the other end before anyone looks */
            driver_tick(w->host[i % 2].driver[i / 2], w->now);
        for (int h = 0; h < 2; h++) {
            struct umptcp_event ev;
            any |= host_input(w, &w->host[h]);
            umptcp_tick(w->host[h].s, w->now);
            while (umptcp_event(w->host[h].s, &ev)) {
                any = true;
                if (w->on_event)
                    w->on_event(w, h, &ev);
            }
            any |= host_output(w, &w->host[h]);
        }
        any |= w->also && w->also(w);
    }
}

bool world_step(struct world *w, struct umptcp_time limit) {
    uint64_t next = UINT64_MAX;
    for (int h = 0; h < 2; h++) {
        uint64_t t = umptcp_next(w->host[h].s).ns;
        next = t < next ? t : next;
        for (int i = 0; i < w->paths; i++) {
            t = driver_next(w->host[h].driver[i]).ns;
            next = t < next ? t : next;
        }
    }
    if (next >= limit.ns) {
        if (limit.ns > w->now.ns)
            w->now = limit;
        world_settle(w);
        return false;
    }
    if (next > w->now.ns)
        w->now.ns = next;
    world_settle(w);
    return true;
}

const char *world_check(const struct world *w) {
    const char *why = umptcp_check(w->host[CLIENT].s);
    return why ? why : umptcp_check(w->host[SERVER].s);
}

void world_run(struct world *w, uint64_t ns) {
    struct umptcp_time limit = {w->now.ns + ns};
    while (world_step(w, limit))
        ;
}
