/* SPDX-License-Identifier: BSD-3-Clause */
/* Schedulers: single decisions, and the default one in a small fluid simulation. */
#include "sched/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MSS = 1448 };

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A path in the middle of its life: `ms` of round trip, `cwnd` bytes of window of which `inflight` are used. */
static struct sched_path path(uint32_t number, dur ms, uint32_t cwnd, uint32_t inflight) {
    return (struct sched_path){.subflow = number,
                               .mss = MSS,
                               .cwnd = cwnd,
                               .inflight = inflight,
                               .room = cwnd - inflight,
                               .srtt = MSEC(ms),
                               .rttvar = MSEC(ms) / 16};
}

static struct sched_choice pick(const struct sched_path *paths, uint32_t npaths, uint32_t bytes, bool again) {
    uint8_t state[SCHED_STATE_SIZE] = {0};
    const struct sched_view view = {.now = {1}, .bytes = bytes, .again = again, .paths = paths, .npaths = npaths};
    struct sched_choice c = sched_default.pick(state, &view);
    if (c.paths) {
        assert_true(c.bytes > 0 && c.bytes <= bytes);
        assert_true(c.paths < UINT32_C(1) << npaths);
    }
    return c;
}

static void test_registry(void **state) {
    (void)state;
    assert_ptr_equal(sched_find("default"), &sched_default);
    assert_null(sched_find("nobody"));
    assert_null(sched_find(""));
    assert_string_equal(sched_name(0), "default");
    unsigned n = 0;
    for (; sched_name(n); n++)
        assert_string_equal(sched_find(sched_name(n))->name, sched_name(n));
    assert_null(sched_name(n + 1));
}

static void test_one_path(void **state) {
    (void)state;
    struct sched_path p = path(1, 10, 100000, 40000);
    struct sched_choice c = pick(&p, 1, 1000000, false);
    assert_int_equal(c.paths, 1);
    assert_int_equal(c.bytes, 60000);
    c = pick(&p, 1, 1, false);
    assert_int_equal(c.paths, 1);
    assert_int_equal(c.bytes, 1);
    p.room = 0;
    assert_int_equal(pick(&p, 1, 1000000, false).paths, 0);
}

static void test_prefers_fast(void **state) {
    (void)state;
    struct sched_path p[] = {path(1, 40, 100000, 0), path(2, 10, 100000, 0)};
    struct sched_choice c = pick(p, 2, 20000, false);
    assert_int_equal(c.paths, 2);
    assert_int_equal(c.bytes, 20000);
}

/* The fast path is full: few bytes wait for it, many take the slow one too. */
static void test_waits_for_the_better_path(void **state) {
    (void)state;
    struct sched_path p[] = {path(1, 10, 62500, 62500), path(2, 40, 100000, 0)};
    assert_int_equal(pick(p, 2, 20000, false).paths, 0);
    struct sched_choice c = pick(p, 2, 2000000, false);
    assert_int_equal(c.paths, 2);
    assert_int_equal(c.bytes, 100000);
    /* In between it gets a part of its room. */
    c = pick(p, 2, 400000, false);
    assert_int_equal(c.paths, 2);
    assert_in_range(c.bytes, MSS, 60000);
    /* A fast path with very much to get rid of is no fast path. */
    p[0].queued = 2000000;
    c = pick(p, 2, 20000, false);
    assert_int_equal(c.paths, 2);
    assert_int_equal(c.bytes, 20000);
}

/* With a window that doubles each round trip the fast path alone is done before the slow one has answered. */
static void test_slow_start_counts(void **state) {
    (void)state;
    struct sched_path p[] = {path(1, 10, 14480, 14480), path(2, 40, 100000, 0)};
    assert_int_equal(pick(p, 2, 150000, false).paths, 2);
    p[0].slow_start = true;
    assert_int_equal(pick(p, 2, 150000, false).paths, 0);
}

/* M-POL-04: backups carry nothing while any other path exists, also when that one is full. */
static void test_backup(void **state) {
    (void)state;
    struct sched_path p[] = {path(1, 100, 20000, 20000), path(2, 5, 1000000, 0)};
    p[1].backup = true;
    assert_int_equal(pick(p, 2, 5000000, false).paths, 0);
    p[0].room = 5000;
    assert_int_equal(pick(p, 2, 5000000, false).paths, 1);
    p[0].backup = true;
    assert_int_equal(pick(p, 2, 1000, false).paths, 2);
    p[0].backup = false;
    assert_int_equal(pick(p + 1, 1, 5000000, false).paths, 1);
}

static void test_again_avoids_holders(void **state) {
    (void)state;
    struct sched_path p[] = {path(1, 10, 100000, 0), path(2, 40, 100000, 0)};
    p[0].holds = true;
    assert_int_equal(pick(p, 2, 20000, true).paths, 2);
    assert_int_equal(pick(p, 2, 20000, false).paths, 1);
    p[1].holds = true;
    assert_int_equal(pick(p, 2, 20000, true).paths, 0);
}

static void test_unknown_rtt(void **state) {
    (void)state;
    struct sched_path p[] = {path(1, 10, 100000, 0), path(2, 0, 14480, 0)};
    assert_int_equal(pick(p, 2, 20000, false).paths, 1);
    assert_int_equal(pick(p + 1, 1, 20000, false).paths, 1);
    /* It is not taken for better than a slow one that is known, but used when there is enough to send. */
    p[0] = path(1, 900, 100000, 100000);
    assert_int_equal(pick(p, 2, 100, false).paths, 0);
    assert_int_equal(pick(p, 2, 1000000, false).paths, 2);
}

/* Whatever the numbers: it answers, and a path with room is not left alone when it is the only one. */
static void test_extremes(void **state) {
    (void)state;
    static const uint32_t sizes[] = {0, 1, MSS, 65535, UINT32_MAX};
    static const dur times[] = {0, 1, 999, USEC(20), MSEC(10), SEC(120), UINT64_MAX};
    for (size_t a = 0; a < COUNT(sizes) * COUNT(sizes); a++)
        for (size_t t = 0; t < COUNT(times) * COUNT(times); t++)
            for (size_t b = 1; b < COUNT(sizes); b++) {
                uint32_t cwnd = sizes[a % COUNT(sizes)], inflight = sizes[a / COUNT(sizes)];
                struct sched_path p[] = {{.subflow = 1,
                                          .mss = cwnd < MSS ? cwnd : MSS,
                                          .cwnd = cwnd,
                                          .inflight = inflight,
                                          .queued = inflight,
                                          .room = MSS,
                                          .slow_start = t & 1,
                                          .srtt = times[t % COUNT(times)],
                                          .rttvar = times[t / COUNT(times)]},
                                         path(2, 10, 100000, 100000)};
                assert_int_equal(pick(p, 1, sizes[b], false).paths, 1);
                pick(p, 2, sizes[b], false);
            }
}

/* ---- Simulation -------------------------------------------------------------------------------------------------- */

/*
 * A bulk transfer of `total` bytes with at most `window` of them not yet acknowledged in order. A link serves segments
 * at its rate and delays them; its window doubles per round trip up to one and a half times what the link holds, and
 * stays.
 */
struct link {
    double rate, delay; /* bytes per second, one way in seconds */
    double cwnd, limit, inflight, srtt, rttvar, busy, carried;
};

struct segment {
    uint32_t link;
    double bytes, sent, acked;
};

struct transfer {
    struct link *links;
    uint32_t nlinks;
    double total, window, now, given, in_order, finished;
    struct segment *segments; /* in the order they were given */
    size_t nsegments, oldest, capacity;
};

static struct link link_of(double mbit, double rtt) {
    double rate = mbit * 1e6 / 8;
    return (struct link){
        .rate = rate, .delay = rtt / 2, .cwnd = 10 * MSS, .limit = rate * rtt * 1.5, .srtt = rtt, .rttvar = rtt / 2};
}

static struct sched_path snapshot(const struct link *l, uint32_t i) {
    double room = l->cwnd - l->inflight;
    return (struct sched_path){.subflow = i + 1,
                               .mss = MSS,
                               .cwnd = (uint32_t)l->cwnd,
                               .inflight = (uint32_t)l->inflight,
                               .room = room < MSS ? 0 : (uint32_t)room,
                               .slow_start = l->cwnd < l->limit,
                               .srtt = (dur)(l->srtt * 1e9),
                               .rttvar = (dur)(l->rttvar * 1e9)};
}

static void give(struct transfer *t, uint32_t i, uint32_t bytes) {
    struct link *l = &t->links[i];
    while (bytes) {
        uint32_t n = bytes < MSS ? bytes : MSS;
        bytes -= n;
        l->busy = (l->busy > t->now ? l->busy : t->now) + n / l->rate;
        assert_true(t->nsegments < t->capacity);
        t->segments[t->nsegments++] = (struct segment){i, n, t->now, l->busy + 2 * l->delay};
        if (l->busy + l->delay > t->finished)
            t->finished = l->busy + l->delay;
        l->inflight += n;
        l->carried += n;
        t->given += n;
    }
}

static void schedule(struct transfer *t) {
    for (;;) {
        double waiting = t->total - t->given, fits = t->window - (t->given - t->in_order);
        waiting = waiting < fits ? waiting : fits;
        if (waiting < 1)
            return;
        struct sched_path paths[4];
        for (uint32_t i = 0; i < t->nlinks; i++)
            paths[i] = snapshot(&t->links[i], i);
        struct sched_choice c = pick(paths, t->nlinks, (uint32_t)waiting, false);
        if (!c.paths)
            return;
        give(t, c.paths == 1 ? 0 : 1, c.bytes);
    }
}

/* The next acknowledgment; false when none is left. */
static bool acknowledge(struct transfer *t) {
    struct segment *next = NULL;
    for (size_t i = t->oldest; i < t->nsegments; i++)
        if (t->segments[i].bytes > 0 && (!next || t->segments[i].acked < next->acked))
            next = &t->segments[i];
    if (!next)
        return false;
    struct link *l = &t->links[next->link];
    t->now = next->acked;
    double rtt = next->acked - next->sent, off = rtt > l->srtt ? rtt - l->srtt : l->srtt - rtt;
    l->rttvar += (off - l->rttvar) / 4;
    l->srtt += (rtt - l->srtt) / 8;
    l->inflight -= next->bytes;
    if (l->cwnd < l->limit)
        l->cwnd = l->cwnd + next->bytes < l->limit ? l->cwnd + next->bytes : l->limit;
    next->bytes = -next->bytes;
    for (; t->oldest < t->nsegments && t->segments[t->oldest].bytes < 0; t->oldest++)
        t->in_order -= t->segments[t->oldest].bytes;
    return true;
}

/* Seconds until the last byte arrived. */
static double simulate(struct link *links, uint32_t nlinks, double total, double window) {
    struct transfer t = {.links = links, .nlinks = nlinks, .total = total, .window = window};
    t.capacity = (size_t)(total / MSS) * 2 + 1000;
    t.segments = calloc(t.capacity, sizeof *t.segments);
    assert_non_null(t.segments);
    do
        schedule(&t);
    while (acknowledge(&t));
    assert_true(t.given == total);
    free(t.segments);
    return t.finished;
}

static double alone(double mbit, double rtt, double total, double window) {
    struct link l = link_of(mbit, rtt);
    return simulate(&l, 1, total, window);
}

static double together(double mbit1, double rtt1, double mbit2, double rtt2, double total, double window) {
    struct link l[] = {link_of(mbit1, rtt1), link_of(mbit2, rtt2)};
    return simulate(l, 2, total, window);
}

static void test_adds_up(void **state) {
    (void)state;
    double seconds = together(50, 0.010, 20, 0.040, 20e6, 4e6);
    assert_true(20e6 * 8 / seconds > 0.95 * 70e6);
    seconds = together(50, 0.010, 20, 0.040, 20e6, 1e6);
    assert_true(20e6 * 8 / seconds > 0.90 * 70e6);
    seconds = together(20, 0.040, 20, 0.040, 20e6, 4e6);
    assert_true(20e6 * 8 / seconds > 0.95 * 40e6);
}

/* Short or long, in a wide or in a narrow window, with a helpful or with a hopeless second path: never worse than
 * alone. */
static void test_never_delays(void **state) {
    (void)state;
    static const double sizes[] = {1e3, 1e4, 2e4, 4e4, 6e4, 8e4, 1e5, 1.5e5, 2e5, 3e5, 5e5, 7e5, 1e6, 2e6, 5e6};
    static const double windows[] = {4e6, 1e6, 2.5e5, 6.4e4};
    static const double others[][2] = {{20, 0.040}, {10, 0.100}, {2, 0.300}, {0.5, 0.600}, {50, 0.010}, {10, 0.020}};
    for (size_t s = 0; s < COUNT(sizes); s++)
        for (size_t w = 0; w < COUNT(windows); w++) {
            double best = alone(50, 0.010, sizes[s], windows[w]);
            for (size_t o = 0; o < COUNT(others); o++) {
                double both = together(50, 0.010, others[o][0], others[o][1], sizes[s], windows[w]);
                if (both > best * 1.02)
                    fail_msg("%.0f bytes, window %.0f, with %.1f Mbit/s %.0f ms: %.4f s, alone %.4f s", sizes[s],
                             windows[w], others[o][0], others[o][1] * 1e3, both, best);
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_one_path),
        cmocka_unit_test(test_prefers_fast),
        cmocka_unit_test(test_waits_for_the_better_path),
        cmocka_unit_test(test_slow_start_counts),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_again_avoids_holders),
        cmocka_unit_test(test_unknown_rtt),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_adds_up),
        cmocka_unit_test(test_never_delays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
