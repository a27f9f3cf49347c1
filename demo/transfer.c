/* SPDX-License-Identifier: BSD-3-Clause */
#include "transfer.h"

enum { BITS = 8, USED_BYTES = 10 * MTU };

/* The headers of a data segment: what IPv4, TCP, its timestamps and MPTCP's DSS option take (RFC 8684 3.3). */
enum {
    IP_HEADER = 20,
    TCP_HEADER = 20,
    TIMESTAMPS = 12,
    DSS_OURS = 24,  /* a mapping of 64 bits, a DATA_ACK of 32 */
    DSS_LINUX = 28, /* both of 64 */
};

double payload_share(const struct transfer *t) {
    return (double)(MTU - IP_HEADER - TCP_HEADER - TIMESTAMPS - (t->from_linux ? DSS_LINUX : DSS_OURS)) / MTU;
}

static double seconds(struct umptcp_time from, struct umptcp_time to) { return (double)(to.ns - from.ns) / NS_PER_S; }

void transfer_begin(struct transfer *t, const struct world *w) {
    t->start = t->progressed = world_now(w);
    for (int p = 0; p < PATHS; p++)
        t->base[p] = world_delivered(w, (enum path)p, t->dir);
    for (int m = 0; m < MARKS; m++)
        t->marks[m] = -1;
    t->nsamples = 0;
    t->now = (struct sample){0};
    transfer_sample(t);
}

void transfer_sample(struct transfer *t) {
    if (t->nsamples < SAMPLES_MAX)
        t->samples[t->nsamples++] = t->now;
}

void transfer_mark(struct transfer *t, enum mark mark) {
    t->marks[mark] = t->now.t;
    t->app_at[mark] = t->now.app;
    if (mark == MARK_RETURN)
        t->wire_at_return = t->now.wire[t->lead];
}

/* The wait for the first byte is the handshake's, not a stall. */
static void observe_stall(struct transfer *t, struct umptcp_time now, uint64_t app) {
    if (app == t->now.app)
        return;
    double wait = seconds(t->progressed, now);
    if (t->now.app > 0 && wait > t->stall) {
        t->stall = wait;
        t->stall_at = seconds(t->start, t->progressed);
    }
    t->progressed = now;
}

static bool reached(const struct transfer *t, enum mark mark) { return t->marks[mark] >= 0; }

enum mark transfer_observe(struct transfer *t, const struct world *w, uint64_t app) {
    struct umptcp_time now = world_now(w);
    observe_stall(t, now, app);
    t->now.t = seconds(t->start, now);
    t->now.app = app;
    for (int p = 0; p < PATHS; p++)
        t->now.wire[p] = world_delivered(w, (enum path)p, t->dir) - t->base[p];

    if (!reached(t, MARK_CUT) && (double)app >= CUT_AT * (double)t->size)
        return MARK_CUT;
    if (!reached(t, MARK_RETURN) && (double)app >= RETURN_AT * (double)t->size)
        return MARK_RETURN;
    if (!reached(t, MARK_USED) && reached(t, MARK_RETURN) && t->now.wire[t->lead] >= t->wire_at_return + USED_BYTES)
        return MARK_USED;
    if (!reached(t, MARK_END) && app >= t->size)
        return MARK_END;
    return MARKS;
}

struct phase transfer_phase(const struct transfer *t, enum phase_kind kind) {
    static const enum mark ends[PHASES][2] = {[PHASE_BEFORE] = {MARKS, MARK_CUT}, /* from the start */
                                              [PHASE_DURING] = {MARK_CUT, MARK_RETURN},
                                              [PHASE_AFTER] = {MARK_USED, MARK_END}};
    enum mark from = ends[kind][0], to = ends[kind][1];
    struct phase phase = {.from = from == MARKS ? 0 : t->marks[from], .to = t->marks[to]};
    if (phase.from < 0 || phase.to < 0)
        return (struct phase){0}; /* it did not come to that */
    uint64_t app = t->app_at[to] - (from == MARKS ? 0 : t->app_at[from]);
    phase.goodput = phase.to > phase.from ? (double)(app * BITS) / (phase.to - phase.from) : 0;
    uint64_t rate = path_plans[t->spare].rate + (kind == PHASE_DURING ? 0 : path_plans[t->lead].rate);
    phase.achievable = (double)rate * payload_share(t);
    return phase;
}

double transfer_comeback(const struct transfer *t) {
    return reached(t, MARK_USED) ? t->marks[MARK_USED] - t->marks[MARK_RETURN] : -1;
}
