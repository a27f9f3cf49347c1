/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole transfers between two tcbs over a wire that loses, delays and repeats: every byte arrives once and in place,
 * the connection ends, no timer is left and no memory held. Every run follows from a seed.
 */
#include "tcplab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct path {
    uint32_t loss, reorder, repeat; /* of 1000 packets */
};

static struct path path;

static struct lab_fate misfortune(struct lab *l, int from) {
    struct lab_fate f = {0};
    (void)from;
    f.drop = test_below(&l->random, 1000) < path.loss;
    if (test_below(&l->random, 1000) < path.reorder)
        f.delay = USEC(test_below(&l->random, 30000));
    if (test_below(&l->random, 1000) < path.repeat)
        f.copies = 1;
    return f;
}

static struct lab *connected(const struct lab_options *o, uint64_t seed) {
    struct lab *l = lab_new_pair(o);
    l->random = seed;
    l->fate = misfortune;
    lab_start(l);
    for (int i = 0; i < 60 && !(l->end[LAB_A].established && l->end[LAB_B].established); i++)
        lab_run(l, SEC(1));
    assert_true(l->end[LAB_A].established && l->end[LAB_B].established);
    return l;
}

/* Writes the rest of what an end has to send, in lumps of random sizes as room allows; closes after the last. */
static void feed(struct lab *l, int end, uint32_t total) {
    struct lab_end *e = &l->end[end];
    uint32_t queued = (uint32_t)(e->tcb.snd_end.v - 1);
    if (!tcp_can_send(&e->tcb))
        return;
    uint32_t n = 1 + test_below(&l->random, 30000), room = tcp_room(&e->tcb, UINT64_MAX);
    n = n < room ? n : room;
    n = n < total - queued ? n : total - queued;
    if (n > 0)
        lab_write(l, end, n);
    if (queued + n == total)
        lab_close(l, end);
}

static void finish(struct lab *l, const uint32_t total[2]) {
    for (int i = 0; i < 60000 && !(l->end[LAB_A].eof && l->end[LAB_B].eof); i++) {
        const dur step = i < 10000 ? MSEC(10) : SEC(1); /* bad luck backs timers off */
        feed(l, LAB_A, total[LAB_A]);
        feed(l, LAB_B, total[LAB_B]);
        lab_run(l, step);
    }
    for (int i = 0; i < 2; i++) {
        struct lab_end *e = &l->end[i], *peer = &l->end[!i];
        assert_true(e->eof);
        assert_int_equal(tcp_bytes_received(&e->tcb), total[!i]);
        assert_memory_equal(e->in, peer->out, total[!i]);
    }
    lab_run(l, SEC(2000)); /* retransmissions of the last FIN, and TIME-WAIT */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(l->end[i].tcb.state, UMPTCP_CLOSED);
        assert_true(timers_idle(&l->end[i].env.timers));
    }
    lab_free(l);
}

static void run(const struct lab_options *o, uint64_t seed, uint32_t a, uint32_t b, bool merge) {
    struct lab *l = connected(o, seed);
    l->merge = merge;
    finish(l, (const uint32_t[2]){a, b});
}

static uint64_t base_seed(void) {
    const char *text = getenv("UMPTCP_SEED");
    return text ? strtoull(text, NULL, 0) : 1;
}

static void test_clean(void **state) {
    (void)state;
    path = (struct path){0, 0, 0};
    for (uint64_t seed = 0; seed < 4; seed++)
        run(NULL, base_seed() + seed, 600000, 300000, seed % 2);
}

static void test_loss(void **state) {
    (void)state;
    path = (struct path){.loss = 20};
    for (uint64_t seed = 0; seed < 12; seed++)
        run(&(struct lab_options){.cc = seed % 3 ? &cc_newreno : &cc_cubic}, base_seed() + seed, 200000, 100000,
            seed % 2);
}

static void test_heavy_loss(void **state) {
    (void)state;
    path = (struct path){.loss = 200, .reorder = 100, .repeat = 50};
    for (uint64_t seed = 0; seed < 10; seed++)
        run(NULL, base_seed() * 1000 + seed, 20000, 20000, seed % 2);
}

static void test_reorder(void **state) {
    (void)state;
    path = (struct path){.loss = 5, .reorder = 300, .repeat = 50};
    for (uint64_t seed = 0; seed < 12; seed++)
        run(NULL, base_seed() * 77 + seed, 200000, 100000, seed % 2);
}

static void test_every_feature_off(void **state) { /* each combination of timestamps, SACK, scaling */
    (void)state;
    path = (struct path){.loss = 30, .reorder = 50, .repeat = 20};
    for (unsigned bits = 0; bits < 8; bits++)
        for (uint64_t seed = 0; seed < 3; seed++)
            run(&(struct lab_options){.no_ts = bits & 1, .no_sack = bits & 2, .no_scaling = bits & 4, .v6 = seed % 2},
                base_seed() * 31 + seed, 60000, 30000, bits % 2);
}

static void test_small_window(void **state) { /* 3000 bytes, and a reader that dawdles */
    (void)state;
    path = (struct path){.loss = 30, .reorder = 30, .repeat = 30};
    for (uint64_t seed = 0; seed < 6; seed++)
        run(&(struct lab_options){.rcvbuf = 3000, .mtu = 1500}, base_seed() + seed, 40000, 20000, seed % 2);
}

static void test_slow_reader(void **state) { /* the window shuts and opens; updates get lost */
    (void)state;
    path = (struct path){.loss = 100};
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct lab *l = connected(&(struct lab_options){.rcvbuf = 20000}, base_seed() + seed);
        struct lab_end *b = &l->end[LAB_B];
        b->reading = false;
        lab_write(l, LAB_A, 100000);
        lab_close(l, LAB_A);
        for (int i = 0; i < 20000 && !b->eof; i++) {
            lab_run(l, MSEC(50 + test_below(&l->random, 1000)));
            uint64_t came = tcp_bytes_received(&b->tcb);
            if (came - b->read > 15000 || test_below(&l->random, 5) == 0) {
                b->read = came;
                tcp_ack_now(&b->tcb);
            }
        }
        b->reading = true;
        b->read = tcp_bytes_received(&b->tcb);
        finish(l, (const uint32_t[2]){100000, 0});
    }
}

static void test_no_memory(void **state) { /* every so often an allocation fails: slower, but exact */
    (void)state;
    path = (struct path){.loss = 30, .reorder = 50};
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct lab *l = connected(NULL, base_seed() + seed);
        uint32_t sent[2] = {60000, 60000};
        for (int i = 0; i < 300; i++) {
            l->tm.fail_at = l->tm.requests + 1 + test_below(&l->random, 6);
            feed(l, LAB_A, sent[LAB_A]);
            feed(l, LAB_B, sent[LAB_B]);
            lab_run(l, MSEC(10));
        }
        l->tm.fail_at = 0;
        finish(l, sent);
    }
}

static void test_blackout(void **state) { /* nothing for 20 s in the middle */
    (void)state;
    path = (struct path){.loss = 10};
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct lab *l = connected(NULL, base_seed() + seed);
        lab_write(l, LAB_A, 150000);
        lab_run(l, MSEC(45));
        path.loss = 1000;
        lab_run(l, SEC(20));
        assert_true(l->end[LAB_A].tcb.stalled);
        path.loss = 10;
        finish(l, (const uint32_t[2]){150000, 70000});
    }
}

static void test_jumbo(void **state) {
    (void)state;
    path = (struct path){.loss = 10};
    run(&(struct lab_options){.mtu = 9000}, base_seed(), 900000, 900000, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_heavy_loss),
        cmocka_unit_test(test_reorder),
        cmocka_unit_test(test_every_feature_off),
        cmocka_unit_test(test_small_window),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_blackout),
        cmocka_unit_test(test_jumbo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
