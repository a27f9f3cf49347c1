/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs programs in processes. */
#define _GNU_SOURCE
#include "batch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "player.h"
#include "script/engine.h"
#include "script/kernel.h"
#include "umptcp.h"

enum { FIRST_PORT = 10000, SECONDS_MAX = 120, STATUS_UNUSABLE = 3 };
#define SETTLE_ENGINE MSEC(5)
#define SETTLE_FAST   MSEC(4)
#define SETTLE_SLOW   MSEC(16)

/* For all worlds: nothing that one program leaves behind is to be felt by the next. */
static const char common[] = "sysctl -q net.mptcp.blackhole_timeout=0; sysctl -q net.ipv4.tcp_no_metrics_save=1";
/* Nothing that is beyond Linux. */
static const char engine_only[] =
    "sysctl -q net.umptcp.rejoin=0 net.umptcp.reannounce=0 net.umptcp.remove_addr_probe=0 "
    "net.umptcp.signal_repeats=0 net.umptcp.probe_interval=0 "
    "net.umptcp.join_any_port=0";

struct batch *batch_new(void) {
    void *at = mmap(NULL, sizeof(struct batch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* ---- In the process ---------------------------------------------------------------------------------------------- */

static bool set_up(struct target *t, const struct world *world, char *error, size_t size) {
    return !t->ops->command(t, common, error, size) && !t->ops->command(t, world->commands, error, size) &&
           !t->ops->begin(t, error, size);
}

static void keep_log(struct batch *b, const struct text *log) { snprintf(b->log, sizeof b->log, "%s", text_of(log)); }

/* Who gets a packet: ports tell programs apart. */
static struct player *owner(struct player **players, uint32_t n, const struct live *live) {
    struct live_head head;
    if (!lift_head(live->data, live->len, &head) || !head.tcp)
        return NULL;
    uint32_t local = head.ends.local.port - (uint32_t)FIRST_PORT;
    uint32_t remote = head.ends.remote.port - (uint32_t)FIRST_PORT;
    return local < n ? players[local] : remote < n ? players[remote] : NULL;
}

/* The player that is due first; NULL: all are over. */
static struct player *first_due(struct player **players, const bool *over, uint32_t n) {
    struct player *first = NULL;
    for (uint32_t i = 0; i < n; i++)
        if (!over[i] && (!first || players[i]->due < first->due))
            first = players[i];
    return first;
}

static void play(struct target *t, struct player **players, uint32_t n, struct result *results) {
    bool over[BATCH_MAX] = {false};
    for (struct player *p; (p = first_due(players, over, n));) {
        struct live live;
        if (t->ops->take(t, p->due, &live)) {
            struct player *to = owner(players, n, &live);
            if (to)
                player_packet(to, &live);
            continue;
        }
        if (p->due > t->ops->now(t))
            t->ops->wait(t, p->due);
        uint32_t i = (uint32_t)(p->port - FIRST_PORT);
        if (!player_step(p)) {
            over[i] = true;
            results[i].facts = p->facts;
            results[i].done = true;
        }
    }
}

static int run_kernel(struct batch *b, const struct program *programs, uint32_t n, bool slow) {
    struct arena arena = {0};
    struct settings settings;
    struct target *t;
    struct text log = {0};
    struct player *players[BATCH_MAX];
    settings_init(&settings, world_family(programs->world), &arena);
    if (kernel_target_open(&settings, &t, b->error, sizeof b->error) ||
        !set_up(t, &worlds[programs->world], b->error, sizeof b->error))
        return STATUS_UNUSABLE;
    for (uint32_t i = 0; i < n; i++)
        players[i] = player_open(&programs[i], t, (uint16_t)(FIRST_PORT + i), slow ? SETTLE_SLOW : SETTLE_FAST, &arena,
                                 n == 1 ? &log : NULL);
    play(t, players, n, b->result);
    if (n == 1)
        keep_log(b, &log);
    return 0;
}

static int run_engine(struct batch *b, const struct program *programs, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct arena arena = {0};
        struct settings settings;
        struct target *t;
        struct text log = {0};
        if (b->result[i].done)
            continue;
        settings_init(&settings, world_family(programs->world), &arena);
        if (engine_target_open(&settings, programs[i].seed, &t, b->error, sizeof b->error) ||
            t->ops->command(t, engine_only, b->error, sizeof b->error) ||
            !set_up(t, &worlds[programs->world], b->error, sizeof b->error))
            return STATUS_UNUSABLE;
        struct player *p = player_open(&programs[i], t, FIRST_PORT, SETTLE_ENGINE, &arena, n == 1 ? &log : NULL);
        play(t, &p, 1, &b->result[i]);
        if (n == 1)
            keep_log(b, &log);
        player_close(p);
        t->ops->close(t);
        text_free(&log);
        arena_free(&arena);
    }
    return 0;
}

/* ---- From outside ------------------------------------------------------------------------------------------------ */

/* Its status, as waitpid() has it; -1: it was not even started. */
static int in_process(struct batch *b, enum side side, const struct program *programs, uint32_t n, bool slow) {
    int status;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(SECONDS_MAX);
        _exit(side == SIDE_KERNEL ? run_kernel(b, programs, n, slow) : run_engine(b, programs, n));
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return pid > 0 ? status : -1;
}

int batch_run(struct batch *b, enum side side, const struct program *programs, uint32_t n, bool slow) {
    b->error[0] = b->log[0] = '\0';
    for (uint32_t i = 0; i < n; i++)
        b->result[i].done = false;
    for (uint32_t done = 0; done < n;) {
        int status = in_process(b, side, programs, n, slow);
        if (status == -1 || (WIFEXITED(status) && WEXITSTATUS(status))) {
            if (!b->error[0])
                snprintf(b->error, sizeof b->error, "the process of a batch did not work: status %d", status);
            return -1;
        }
        while (done < n && b->result[done].done)
            done++;
        if (done == n)
            return 0;
        if (side == SIDE_KERNEL) { /* which of them it was cannot be told */
            snprintf(b->error, sizeof b->error, "the kernel's process ended by signal %d", WTERMSIG(status));
            return -1;
        }
        struct result *bad = &b->result[done]; /* the first that is not done is the one that it died of */
        memset(bad, 0, sizeof *bad);
        facts_set(&bad->facts, "crash", "signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        bad->done = true;
    }
    return 0;
}
