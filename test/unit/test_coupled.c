/* SPDX-License-Identifier: BSD-3-Clause */
/* Coupled congestion control: LIA, OLIA, BALIA and wVegas against numbers worked out by hand from their rules. */
#include "cc/coupled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A large segment, so that a period in whole bytes has six digits. */
enum { MSS = 60000, PATHS = 3 };

static const struct cc_ops *const all[] = {&cc_lia, &cc_olia, &cc_balia, &cc_wvegas};
enum { ALL = 4, LIKE_RENO = 3 };

struct lab {
    struct mem mem;
    struct cc cc[PATHS];
    uint64_t una[PATHS];
    dur rtt[PATHS];
    int n;
    utime now;
};

static void lab_init(struct lab *l, const struct cc_ops *ops, int n) {
    memset(l, 0, sizeof *l);
    mem_init(&l->mem, NULL, NULL, 0);
    l->n = n;
    l->now = (utime){SEC(1)};
    for (int i = 0; i < n; i++) {
        const struct cc_setup setup = {.ops = ops, .mem = &l->mem, .mss = MSS, .cwnd = 10 * MSS};
        assert_int_equal(cc_init(&l->cc[i], &setup), 0);
        l->una[i] = 1;
        if (i)
            cc_couple(&l->cc[i], &l->cc[0]);
    }
}

static void lab_free(struct lab *l) {
    for (int i = 0; i < l->n; i++)
        cc_release(&l->cc[i], &l->mem);
    assert_int_equal(l->mem.used, 0);
}

/* An acknowledgment on path i, in the same round trip or, `next`, as the end of one. */
static void ack_in(struct lab *l, int i, uint32_t bytes, bool limited, bool next) {
    struct cc_ack a = {.now = l->now,
                       .acked = bytes,
                       .inflight = l->cc[i].cwnd,
                       .rtt = l->rtt[i],
                       .srtt = l->rtt[i],
                       .min_rtt = l->rtt[i],
                       .cwnd_limited = limited};
    l->una[i] += bytes;
    a.una = next ? coupled_of(&l->cc[i])->round_end : (struct ssn){0};
    a.nxt = (struct ssn){a.una.v + 1};
    l->cc[i].ops->on_ack(&l->cc[i], &a);
}

static void ack(struct lab *l, int i, uint32_t bytes) { ack_in(l, i, bytes, true, true); }

static void lose(struct lab *l, int i, enum cc_cause cause) {
    const struct cc_event ev = {.cause = cause, .now = l->now, .inflight = l->cc[i].cwnd, .srtt = l->rtt[i]};
    l->cc[i].ops->on_congestion(&l->cc[i], &ev);
}

/* Path i is in congestion avoidance with a window and a round trip time that the others can see. */
static void place(struct lab *l, int i, uint32_t segments, dur rtt) {
    l->cc[i].cwnd = l->cc[i].ssthresh = segments * MSS;
    l->rtt[i] = rtt;
    ack_in(l, i, 0, false, true);
}

/* What path i gains for a segment that is acknowledged, in segments. */
static double gain_of(struct lab *l, int i) {
    const struct coupled *c = coupled_of(&l->cc[i]);
    ack_in(l, i, 0, true, true);
    if (!c->period)
        return 0;
    return (c->shrinks ? -1.0 : 1.0) * MSS / (double)c->period;
}

static void assert_near(double got, double wanted, double part) {
    double off = got > wanted ? got - wanted : wanted - got;
    if (off > (wanted < 0 ? -wanted : wanted) * part)
        fail_msg("%.9f, not %.9f", got, wanted);
}

#define SIX_DIGITS 2e-6

/* T-CPL-01, -02: alpha is 25/12, 1/2 and 3/4; the second path of the first row has the bound of a TCP by itself. */
static void test_lia(void **state) {
    (void)state;
    static const struct {
        uint32_t w[2], rtt_ms[2];
        double gain[2];
    } rows[] = {
        {{10, 20}, {10, 100}, {25.0 / 12 / 30, 1.0 / 20}},
        {{10, 10}, {50, 50}, {0.5 / 20, 0.5 / 20}},
        {{30, 10}, {20, 20}, {0.75 / 40, 0.75 / 40}},
    };
    for (unsigned r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        struct lab l;
        lab_init(&l, &cc_lia, 2);
        for (int i = 0; i < 2; i++)
            place(&l, i, rows[r].w[i], MSEC(rows[r].rtt_ms[i]));
        for (int i = 0; i < 2; i++)
            assert_near(gain_of(&l, i), rows[r].gain[i], SIX_DIGITS);
        lab_free(&l);
    }
}

/* T-CPL-08 */
static void test_olia(void **state) {
    (void)state;
    static const struct {
        uint32_t w[2], rtt_ms[2], bytes[2];
        double gain[2];
    } rows[] = {
        {{10, 20}, {10, 100}, {500, 500}, {0.069444444 + 0.05, 0.00138888889 - 0.025}},
        {{10, 20}, {50, 50}, {1000, 100}, {0.0111111111 + 0.05, 0.0222222222 - 0.025}},
        {{10, 20}, {50, 50}, {100, 1000}, {0.0111111111, 0.0222222222}}, /* the best has the largest window */
        {{20, 20}, {50, 50}, {100, 1000}, {0.0125, 0.0125}},             /* so have both */
    };
    for (unsigned r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        struct lab l;
        lab_init(&l, &cc_olia, 2);
        for (int i = 0; i < 2; i++) {
            place(&l, i, rows[r].w[i], MSEC(rows[r].rtt_ms[i]));
            ack_in(&l, i, rows[r].bytes[i], false, false);
        }
        for (int i = 0; i < 2; i++)
            assert_near(gain_of(&l, i), rows[r].gain[i], SIX_DIGITS);
        lab_free(&l);
    }
}

/* T-CPL-08: what counts is the longer one of the time between the last two losses and that since the last. */
static void test_olia_losses(void **state) {
    (void)state;
    struct lab l;
    lab_init(&l, &cc_olia, 2);
    for (int i = 0; i < 2; i++) {
        place(&l, i, i ? 20 : 10, MSEC(50));
        ack_in(&l, i, i ? 100 : 1000, false, false);
    }
    lose(&l, 0, CC_LOSS);
    place(&l, 0, 10, MSEC(50));
    assert_near(gain_of(&l, 0), 0.0611111111, SIX_DIGITS); /* 1000 between two losses */
    ack_in(&l, 1, 850, false, false);
    assert_near(gain_of(&l, 0), 0.0611111111, SIX_DIGITS);
    ack_in(&l, 1, 51, false, false); /* 1001: now the second one is the best, and has the largest window already */
    assert_near(gain_of(&l, 0), 0.0111111111, SIX_DIGITS);
    ack_in(&l, 0, 1002, false, false);
    assert_near(gain_of(&l, 0), 0.0611111111, SIX_DIGITS);

    /* A loss that was none: as if nothing had been between. */
    const struct cc before = l.cc[0];
    lose(&l, 0, CC_LOSS);
    cc_undo(&l.cc[0], &before);
    lose(&l, 0, CC_LOSS); /* what came since the one before is not forgotten */
    place(&l, 0, 10, MSEC(50));
    assert_near(gain_of(&l, 0), 0.0611111111, SIX_DIGITS);
    cc_undo(&l.cc[0], &before);
    lose(&l, 0, CC_LOSS);
    lose(&l, 0, CC_LOSS); /* two in a row: 0 since, 0 between */
    place(&l, 0, 10, MSEC(50));
    assert_near(gain_of(&l, 0), 0.0111111111, SIX_DIGITS);
    cc_undo(&l.cc[0], &before);
    assert_near(gain_of(&l, 0), 0.0611111111, SIX_DIGITS);
    lab_free(&l);
}

/* T-CPL-08: the window of a path that only loses goes down to one segment, slowly, and stays there. */
static void test_olia_floor(void **state) {
    (void)state;
    struct lab l;
    lab_init(&l, &cc_olia, 2);
    place(&l, 0, 3, MSEC(10));
    place(&l, 1, 6, MSEC(100));
    l.cc[1].cwnd = l.cc[1].ssthresh = 6 * MSS;
    uint32_t least = UINT32_MAX;
    for (int i = 0; i < 2000; i++) {
        l.cc[0].cwnd = 1 * MSS; /* held down by the test: the other one stays the largest */
        l.cc[0].ssthresh = MSS;
        ack_in(&l, 0, 100 * MSS, false, true); /* and it is by far the best */
        uint32_t before = l.cc[1].cwnd;
        ack(&l, 1, l.cc[1].cwnd);
        assert_true(l.cc[1].cwnd + MSS >= before);
        assert_true(l.cc[1].cwnd >= MSS);
        assert_false(cc_in_slow_start(&l.cc[1]));
        least = l.cc[1].cwnd < least ? l.cc[1].cwnd : least;
    }
    assert_int_equal(least, MSS);
    lose(&l, 1, CC_LOSS);
    assert_int_equal(l.cc[1].ssthresh, MSS);
    lab_free(&l);

    lab_init(&l, &cc_olia, 1); /* with nobody beside it, two */
    place(&l, 0, 2, MSEC(10));
    lose(&l, 0, CC_LOSS);
    assert_int_equal(l.cc[0].ssthresh, 2 * MSS);
    lab_free(&l);
}

/* T-CPL-09 */
static void test_balia(void **state) {
    (void)state;
    struct lab l;
    lab_init(&l, &cc_balia, 2);
    place(&l, 0, 10, MSEC(10));
    place(&l, 1, 20, MSEC(100));
    assert_near(gain_of(&l, 0), 0.0694444444, SIX_DIGITS);
    assert_near(gain_of(&l, 1), 0.0075, SIX_DIGITS);
    lose(&l, 0, CC_LOSS);
    assert_int_equal(l.cc[0].ssthresh, 5 * MSS);
    place(&l, 0, 10, MSEC(10));
    lose(&l, 1, CC_LOSS); /* a = 5: one and a half times as much */
    assert_int_equal(l.cc[1].ssthresh, 5 * MSS);
    lab_free(&l);

    lab_init(&l, &cc_balia, 2); /* a = 1.25 */
    place(&l, 0, 10, MSEC(10));
    place(&l, 1, 16, MSEC(20));
    lose(&l, 1, CC_LOSS);
    assert_near(l.cc[1].ssthresh, 6.0 * MSS, SIX_DIGITS);
    lab_free(&l);
}

/* T-CPL-11: alone, or beside one that never spoke, they are Reno, over many losses. T-CPL-07: who has no round trip
 * time counts for nothing. */
static void test_alone_is_reno(void **state) {
    (void)state;
    for (int a = 0; a < LIKE_RENO; a++)
        for (int beside = 0; beside < 2; beside++) {
            struct lab l, reno;
            lab_init(&l, all[a], 1 + beside);
            lab_init(&reno, &cc_newreno, 1);
            if (beside)
                l.cc[1].cwnd = 1000 * MSS;
            struct lab *both[] = {&l, &reno};
            uint64_t area[2] = {0};
            for (int side = 0; side < 2; side++) {
                struct lab *x = both[side];
                x->rtt[0] = MSEC(20);
                for (int round = 1; round < 3000; round++) {
                    for (uint32_t left = x->cc[0].cwnd; left >= 2 * MSS; left -= 2 * MSS) {
                        struct cc_ack k = {.now = x->now, .acked = 2 * MSS, .rtt = x->rtt[0], .srtt = x->rtt[0]};
                        k.una = (struct ssn){x->una[0] += 2 * MSS};
                        k.nxt = (struct ssn){k.una.v + x->cc[0].cwnd};
                        k.cwnd_limited = true;
                        x->cc[0].ops->on_ack(&x->cc[0], &k);
                    }
                    if (round % 50 == 0) {
                        lose(x, 0, CC_LOSS);
                        x->cc[0].cwnd = x->cc[0].ssthresh;
                    }
                    if (round > 100)
                        area[side] += x->cc[0].cwnd;
                }
            }
            assert_near((double)area[0], (double)area[1], 0.01);
            lab_free(&l);
            lab_free(&reno);
        }
}

/* T-CPL-03: slow start, the fall at a loss and a timeout are as if there were no other path. */
static void test_uncoupled_parts(void **state) {
    (void)state;
    for (int a = 0; a < ALL; a++) {
        struct lab l;
        lab_init(&l, all[a], 2);
        place(&l, 1, 100, MSEC(10));
        l.rtt[0] = MSEC(20);
        ack_in(&l, 0, 2 * MSS, true, false);
        assert_int_equal(l.cc[0].cwnd, 12 * MSS); /* byte by byte */
        assert_int_equal(l.cc[1].cwnd, 100 * MSS);
        place(&l, 1, 6, MSEC(10)); /* far slower than the other one, for BALIA's sake */
        place(&l, 0, 20, MSEC(20));
        lose(&l, 0, CC_RTO);
        assert_int_equal(l.cc[0].ssthresh, 10 * MSS);
        l.cc[0].cwnd = MSS;
        ack_in(&l, 0, MSS, true, false);
        assert_int_equal(l.cc[0].cwnd, 2 * MSS);
        assert_int_equal(l.cc[1].cwnd, 6 * MSS);
        lab_free(&l);
    }
}

/* T-CPL-13 */
static void test_same_answer_to_marks(void **state) {
    (void)state;
    for (int a = 0; a < ALL; a++) {
        uint32_t left[2];
        for (int mark = 0; mark < 2; mark++) {
            struct lab l;
            lab_init(&l, all[a], 2);
            place(&l, 0, 10, MSEC(10));
            place(&l, 1, 20, MSEC(25));
            lose(&l, 1, mark ? CC_ECN : CC_LOSS);
            left[mark] = l.cc[1].ssthresh;
            assert_int_equal(l.cc[0].cwnd, 10 * MSS); /* each for itself */
            assert_int_equal(l.cc[0].ssthresh, 10 * MSS);
            lab_free(&l);
        }
        assert_int_equal(left[0], left[1]);
        assert_true(left[0] < 20 * MSS && left[0] >= 7 * MSS);
    }
}

/* T-CPL-06: who leaves is not in the sums any more, and is alone. RFC 6356 3: in recovery ssthresh is the window. */
static void test_members(void **state) {
    (void)state;
    struct lab l;
    lab_init(&l, &cc_lia, 3);
    for (int i = 0; i < 3; i++)
        place(&l, i, 10, MSEC(50));
    assert_near(gain_of(&l, 0), 0.1 / 9, SIX_DIGITS);
    cc_couple(&l.cc[1], NULL);
    assert_near(gain_of(&l, 0), 0.1 / 4, SIX_DIGITS);
    assert_near(gain_of(&l, 1), 0.1, SIX_DIGITS);
    assert_near(gain_of(&l, 2), 0.1 / 4, SIX_DIGITS);
    cc_couple(&l.cc[1], &l.cc[2]);
    cc_couple(&l.cc[1], &l.cc[0]); /* again: nothing happens */
    assert_near(gain_of(&l, 0), 0.1 / 9, SIX_DIGITS);
    cc_release(&l.cc[0], &l.mem);
    l.cc[0] = l.cc[2];
    coupled_of(&l.cc[0])->cc = &l.cc[0];
    l.n = 2;
    assert_near(gain_of(&l, 1), 0.1 / 4, SIX_DIGITS);

    lose(&l, 0, CC_LOSS); /* 5 of ssthresh and, by PRR, just one now */
    l.cc[0].cwnd = MSS;
    assert_near(gain_of(&l, 1), 10.0 / (15 * 15), SIX_DIGITS);
    cc_undo(&l.cc[0], &(struct cc){.ops = &cc_lia, .cwnd = 10 * MSS, .ssthresh = 30 * MSS});
    assert_near(gain_of(&l, 1), 10.0 / (20 * 20), SIX_DIGITS);
    lose(&l, 0, CC_RTO); /* no recovery: cwnd is what may be sent */
    l.cc[0].cwnd = MSS;
    assert_near(gain_of(&l, 1), 10.0 / (11 * 11), SIX_DIGITS);
    lab_free(&l);
}

/* T-CPL-04: the gain is computed once per round trip, and when somebody lost something. */
static void test_when_computed(void **state) {
    (void)state;
    struct lab l;
    lab_init(&l, &cc_lia, 2);
    for (int i = 0; i < 2; i++)
        place(&l, i, 10, MSEC(50));
    const uint64_t *period = &coupled_of(&l.cc[0])->period;
    ack(&l, 0, 1);
    const uint64_t first = *period;
    place(&l, 1, 30, MSEC(50));
    ack_in(&l, 0, 1, true, false);
    assert_int_equal(*period, first);
    ack_in(&l, 0, 1, true, true); /* a round trip later */
    assert_true(*period > first);
    const uint64_t second = *period;
    lose(&l, 1, CC_LOSS);
    ack_in(&l, 0, 1, true, false);
    assert_true(*period < second);

    uint32_t window = l.cc[0].cwnd; /* the window moves a segment at a time, and only when it is what holds data back */
    ack_in(&l, 0, (uint32_t)*period, false, false);
    assert_int_equal(l.cc[0].cwnd, window);
    for (uint32_t sent = 3; sent + MSS < *period; sent += MSS)
        ack_in(&l, 0, MSS, true, false);
    assert_int_equal(l.cc[0].cwnd, window);
    ack_in(&l, 0, MSS, true, false);
    assert_int_equal(l.cc[0].cwnd, window + MSS);
    lab_free(&l);
}

static uint64_t draw(uint64_t *x) { return (*x = *x * 6364136223846793005u + 1442695040888963407u) >> 16; }

/* A number up to `max`, small ones as often as large ones. */
static uint32_t any(uint64_t *x, uint32_t max) {
    uint64_t v = draw(x) >> (16 + draw(x) % 32);
    return (uint32_t)(v % max) + 1;
}

/* (w_i / r_i^2) / (sum w / r)^2 for bytes. */
static double share_of(const double *w, const double *r, int i) {
    double sum = 0;
    for (int k = 0; k < PATHS; k++)
        sum += w[k] / r[k];
    return w[i] / (r[i] * r[i]) / sum / sum;
}

static double expected(const struct cc_ops *ops, const double *w, const double *r, int i) {
    double best = 0, most = 0;
    for (int k = 0; k < PATHS; k++) {
        best = w[k] / r[k] > best ? w[k] / r[k] : best;
        most = share_of(w, r, k) > most ? share_of(w, r, k) : most;
    }
    if (ops == &cc_lia)
        return most < 1 / w[i] ? most : 1 / w[i];
    double a = best / (w[i] / r[i]);
    return share_of(w, r, i) * (1 + a) / 2 * (4 + a) / 5;
}

/* T-CPL-04: windows to 2^31 and round trips from 1 us to 60 s, against floating point. */
static void test_range(void **state) {
    (void)state;
    uint64_t x = 1;
    unsigned compared = 0;
    for (int n = 0; n < 20000; n++) {
        const struct cc_ops *ops = n % 2 ? &cc_lia : &cc_balia;
        double w[PATHS], r[PATHS];
        struct lab l;
        lab_init(&l, ops, PATHS);
        for (int i = 0; i < PATHS; i++) {
            uint32_t us = n % 7 == 0 ? (i ? 60000000 : 1) : any(&x, 60000000);
            place(&l, i, 1, USEC(us));
            l.cc[i].mss = 500 + any(&x, 9000);
            l.cc[i].cwnd = n % 5 == 0 ? 1u << 31 : any(&x, CC_CWND_MAX - 9500) + 9500;
            l.cc[i].ssthresh = l.cc[i].cwnd;
            w[i] = l.cc[i].cwnd < CC_CWND_MAX ? l.cc[i].cwnd : CC_CWND_MAX;
            r[i] = us;
        }
        for (int i = 0; i < PATHS; i++) {
            const struct coupled *c = coupled_of(&l.cc[i]);
            ack(&l, i, 0);
            double wanted = expected(ops, w, r, i), part = share_of(w, r, i) * w[i];
            assert_false(c->shrinks);
            if (c->period)
                assert_true((double)c->period * 1.001 >= w[i]); /* never faster than a TCP on this path */
            if (part > 1e-8) { /* ratios have 31 bits: below that the path is too slow to matter */
                assert_near(1 / (double)c->period, wanted, 1e-3);
                compared++;
            }
        }
        for (int i = 0; i < PATHS; i++) {
            uint32_t before = l.cc[i].cwnd;
            ack(&l, i, CC_CWND_MAX);
            assert_true(l.cc[i].cwnd >= before);
            lose(&l, i, CC_LOSS);
            assert_in_range(l.cc[i].ssthresh, 2 * l.cc[i].mss, 1u << 31);
        }
        lab_free(&l);
    }
    assert_true(compared > 20000);
}

/* T-CPL-08, -10: and the two that also shrink stay within their bounds. */
static void test_range_of_shrinking(void **state) {
    (void)state;
    uint64_t x = 3;
    for (int n = 0; n < 20000; n++) {
        struct lab l;
        lab_init(&l, n % 2 ? &cc_olia : &cc_wvegas, PATHS);
        for (int i = 0; i < PATHS; i++) {
            place(&l, i, 1, USEC(any(&x, 60000000)));
            l.cc[i].cwnd = any(&x, CC_CWND_MAX - MSS) + MSS;
            l.cc[i].ssthresh = l.cc[i].cwnd;
        }
        for (int k = 0; k < 12; k++) {
            int i = k % PATHS;
            l.rtt[i] = USEC(any(&x, 60000000));
            ack(&l, i, any(&x, CC_CWND_MAX));
            assert_in_range(l.cc[i].cwnd, MSS, CC_CWND_MAX);
            if (draw(&x) % 4 == 0) {
                lose(&l, i, CC_LOSS);
                l.cc[i].cwnd = l.cc[i].ssthresh;
            }
        }
        lab_free(&l);
    }
}

/* ---- wVegas ------------------------------------------------------------------------------------------------------ */

/* A round trip on path i that took so long, and more of it to see the result. */
static void vegas_round(struct lab *l, int i, dur rtt) {
    l->rtt[i] = rtt;
    ack_in(l, i, MSS, true, false);
    ack_in(l, i, 0, true, true);
}

/* T-CPL-10: slow start ends when more than one packet is queued. */
static void test_wvegas_slow_start(void **state) {
    (void)state;
    struct lab l;
    lab_init(&l, &cc_wvegas, 1);
    vegas_round(&l, 0, MSEC(100));
    vegas_round(&l, 0, MSEC(105)); /* half a packet of 11 */
    assert_true(cc_in_slow_start(&l.cc[0]));
    l.cc[0].cwnd = 40 * MSS;
    l.rtt[0] = MSEC(125);
    ack_in(&l, 0, 0, true, true); /* 8 of 40; to 40 * 100 / 125 + 1 */
    assert_int_equal(l.cc[0].cwnd, 33 * MSS);
    assert_int_equal(l.cc[0].ssthresh, 33 * MSS);
    lab_free(&l);
}

/* T-CPL-10: one more below alpha, one less above, none at it; alpha is the path's part of ten. */
static void test_wvegas_avoidance(void **state) {
    (void)state;
    struct lab l;
    lab_init(&l, &cc_wvegas, 1);
    place(&l, 0, 20, MSEC(100));              /* the shortest one */
    assert_int_equal(l.cc[0].cwnd, 20 * MSS); /* not what held data back */
    vegas_round(&l, 0, MSEC(105));            /* 0.95 packets */
    assert_int_equal(l.cc[0].cwnd, 21 * MSS);
    vegas_round(&l, 0, MSEC(120)); /* 3.5 packets: more than the 2 at first, but alone it may have 10 */
    assert_int_equal(l.cc[0].cwnd, 22 * MSS);
    l.cc[0].cwnd = 50 * MSS;
    vegas_round(&l, 0, MSEC(125)); /* 10: just right */
    assert_int_equal(l.cc[0].cwnd, 50 * MSS);
    vegas_round(&l, 0, MSEC(130)); /* 11.5 */
    assert_int_equal(l.cc[0].cwnd, 49 * MSS);
    lose(&l, 0, CC_LOSS);
    assert_int_equal(l.cc[0].ssthresh, 49 * MSS / 2);
    lab_free(&l);

    lab_init(&l, &cc_wvegas, 2); /* three quarters of the rate: 7.5 packets */
    place(&l, 0, 30, MSEC(100));
    place(&l, 1, 10, MSEC(100));
    for (int k = 0; k < 2; k++) {
        l.cc[0].cwnd = l.cc[0].ssthresh = 30 * MSS;
        l.cc[1].cwnd = l.cc[1].ssthresh = 10 * MSS;
        l.rtt[1] = USEC(133333);
        coupled_of(&l.cc[1])->srtt_us = 133333;
        vegas_round(&l, 0,
                    k ? MSEC(137) : MSEC(131)); /* 7.1; 8.1 packets, and then a quarter of the rate is of 133 ms */
        assert_int_equal(l.cc[0].cwnd, k ? 29 * MSS : 31 * MSS);
    }
    lab_free(&l);
}

/* T-CPL-10: two packets at least, however slow the path is beside the other one. */
static void test_wvegas_least(void **state) {
    (void)state;
    struct lab l;
    lab_init(&l, &cc_wvegas, 2);
    place(&l, 0, 20, MSEC(100));
    place(&l, 1, 1000, MSEC(100));
    vegas_round(&l, 0, MSEC(110)); /* 1.8 packets; its part is a fifth of one */
    assert_int_equal(l.cc[0].cwnd, 21 * MSS);
    vegas_round(&l, 0, MSEC(115)); /* 2.7 */
    assert_int_equal(l.cc[0].cwnd, 20 * MSS);
    lab_free(&l);
}

/* T-CPL-10: a queue twice as long as the shortest one is drained. */
static void test_wvegas_drain(void **state) {
    (void)state;
    struct lab l;
    lab_init(&l, &cc_wvegas, 1);
    place(&l, 0, 60, MSEC(100));
    l.cc[0].cwnd = l.cc[0].ssthresh = 60 * MSS;
    vegas_round(&l, 0, MSEC(125)); /* 12 packets: the shortest queue is 25 ms */
    assert_int_equal(l.cc[0].cwnd, 59 * MSS);
    vegas_round(&l, 0, MSEC(149)); /* 49 ms */
    assert_int_equal(l.cc[0].cwnd, 58 * MSS);
    vegas_round(&l, 0, MSEC(150));
    assert_int_equal(l.cc[0].cwnd, 57 * MSS / 3); /* times 100 / (2 * 150) */
    assert_false(cc_in_slow_start(&l.cc[0]));
    l.cc[0].cwnd = l.cc[0].ssthresh = 60 * MSS;
    vegas_round(&l, 0, MSEC(150)); /* begins anew: this is the shortest one now */
    assert_int_equal(l.cc[0].cwnd, 59 * MSS);
    lab_free(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lia),
        cmocka_unit_test(test_olia),
        cmocka_unit_test(test_olia_losses),
        cmocka_unit_test(test_olia_floor),
        cmocka_unit_test(test_balia),
        cmocka_unit_test(test_alone_is_reno),
        cmocka_unit_test(test_uncoupled_parts),
        cmocka_unit_test(test_same_answer_to_marks),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_when_computed),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_range_of_shrinking),
        cmocka_unit_test(test_wvegas_slow_start),
        cmocka_unit_test(test_wvegas_avoidance),
        cmocka_unit_test(test_wvegas_least),
        cmocka_unit_test(test_wvegas_drain),
    };
    return cmocka_run_group_tests_name("coupled", tests, NULL, NULL);
}
