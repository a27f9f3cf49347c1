/* SPDX-License-Identifier: BSD-3-Clause */
/* The bad wire, in virtual time: rates and delays to the nanosecond, chances by count, and the same run for the same
 * seed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/fault.h"
#include "io/memory.h"
#include "io_packets.h"

enum { ALL = UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 | UMPTCP_IF_TSO6, SEED = 42 };

struct wire { /* near: the faulty end; far: the plain other end */
    struct driver *near, *far;
};

static struct test_packet packet;

static utime at(uint64_t ns) { return (utime){ns}; }

static struct wire wire_new(uint64_t seed) {
    struct memory_config cfg[2] = {{"near", 1500, 0, 100000}, {"far", 1500, ALL, 100000}};
    struct driver *ends[2], *near;
    assert_int_equal(memory_pair(cfg, ends), 0);
    assert_int_equal(fault_wrap(ends[0], seed, &near), 0);
    return (struct wire){near, ends[1]};
}

static void wire_free(struct wire *w) {
    driver_close(w->near);
    driver_close(w->far);
}

static void wire_set(struct wire *w, enum fault_dir dir, struct fault_link link, utime now) {
    fault_set(w->near, dir, &link, now);
}

static struct fault_stats stats_of(const struct wire *w, enum fault_dir dir) {
    struct fault_stats s;
    fault_stats_get(w->near, dir, &s);
    return s;
}

/* Sends a packet of `len` bytes in all. */
static void send_bytes(struct driver *d, uint32_t seq, uint32_t len, utime now) {
    test_packet_init(&packet, false, seq, len - 52, 0, false);
    assert_int_equal(packet.out.len, len);
    assert_int_equal(driver_send(d, &packet.out, now), 0);
}

/* Runs from deadline to deadline until something comes out of `to`; says when. */
static utime run_until_received(struct wire *w, struct driver *to, struct umptcp_packet *pkt) {
    for (;;) {
        utime now = time_min(driver_next(w->near), driver_next(w->far));
        if (time_is_never(now))
            return now;
        driver_tick(w->near, now);
        if (driver_recv(to, pkt, now))
            return now;
    }
}

static void test_perfect_wire_is_immediate(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    struct umptcp_packet pkt;
    assert_int_equal(w.near->flags, ALL);
    assert_string_equal(w.near->name, "near");
    assert_int_equal(w.near->mtu, 1500);
    send_bytes(w.near, 1, 1000, at(5));
    assert_true(driver_recv(w.far, &pkt, at(5)));
    send_bytes(w.far, 1, 1000, at(6));
    assert_true(driver_recv(w.near, &pkt, at(6)));
    assert_int_equal(driver_next(w.near).ns, UINT64_MAX);
    wire_free(&w);
}

static void test_delay_is_exact(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    struct umptcp_packet pkt;
    wire_set(&w, FAULT_OUT, (struct fault_link){.delay = MSEC(10)}, at(1));
    wire_set(&w, FAULT_IN, (struct fault_link){.delay = MSEC(7)}, at(1));
    send_bytes(w.near, 1, 1000, at(100));
    assert_int_equal(driver_next(w.near).ns, 100 + MSEC(10));
    driver_tick(w.near, at(99 + MSEC(10)));
    assert_false(driver_recv(w.far, &pkt, at(99 + MSEC(10))));
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, 100 + MSEC(10));
    send_bytes(w.far, 1, 1000, at(MSEC(20)));
    assert_int_equal(run_until_received(&w, w.near, &pkt).ns, MSEC(27));
    wire_free(&w);
}

/* Every packet leaves exactly when its last bit does: 1500 bytes at 7 Mbit/s take 1714285.71.. ns; nothing drifts. */
static void test_rate_is_exact(void **state) {
    (void)state;
    enum { N = 700, RATE = 7000000 };
    struct wire w = wire_new(SEED);
    struct umptcp_packet pkt;
    for (int dir = 0; dir < FAULT_DIRS; dir++) {
        struct driver *from = dir == FAULT_OUT ? w.near : w.far, *to = dir == FAULT_OUT ? w.far : w.near;
        wire_set(&w, dir, (struct fault_link){.rate = RATE, .delay = 5, .queue_bytes = N * 1500}, at(1));
        uint64_t start = SEC(1 + dir * 10);
        for (int i = 0; i < N; i++)
            send_bytes(from, (uint32_t)i, 1500, at(start));
        for (uint64_t i = 0; i < N; i++)
            assert_int_equal(run_until_received(&w, to, &pkt).ns, start + 5 + (i + 1) * 12000 * SEC(1) / RATE);
        assert_int_equal(stats_of(&w, dir).delivered_bytes, N * 1500);
    }
    wire_free(&w);
}

/* An idle transmitter saves nothing up. */
static void test_rate_after_idle(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    struct umptcp_packet pkt;
    wire_set(&w, FAULT_OUT, (struct fault_link){.rate = 8000000}, at(1));
    send_bytes(w.near, 1, 1000, at(MSEC(1)));
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, MSEC(2));
    send_bytes(w.near, 1, 1000, at(MSEC(10)));
    send_bytes(w.near, 1, 1000, at(MSEC(10)));
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, MSEC(11));
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, MSEC(12));
    wire_free(&w);
}

/* It does not matter how often the wire is looked at. */
static void test_late_ticks_change_nothing(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    struct umptcp_packet pkt;
    wire_set(&w, FAULT_OUT, (struct fault_link){.rate = 8000000, .delay = MSEC(5)}, at(1));
    for (uint32_t i = 0; i < 10; i++)
        send_bytes(w.near, i, 1000, at(MSEC(1)));
    driver_tick(w.near, at(MSEC(11) - 1)); /* four have arrived by then */
    int count = 0;
    while (driver_recv(w.far, &pkt, at(MSEC(11) - 1)))
        count++;
    assert_int_equal(count, 4);
    assert_int_equal(driver_next(w.near).ns, MSEC(11));
    wire_free(&w);
}

static void test_queue_limit(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    struct umptcp_packet pkt;
    wire_set(&w, FAULT_OUT, (struct fault_link){.rate = 8000000, .queue_bytes = 3000}, at(1));
    for (uint32_t i = 0; i < 6; i++) /* one is being sent, three wait */
        send_bytes(w.near, i, 1000, at(MSEC(1)));
    assert_int_equal(stats_of(&w, FAULT_OUT).dropped[FAULT_QUEUE], 2);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(run_until_received(&w, w.far, &pkt).ns, MSEC(2 + i));
    assert_true(time_is_never(run_until_received(&w, w.far, &pkt)));
    wire_free(&w);
}

static void test_super_segments_are_cut(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        struct wire w = wire_new(SEED);
        struct umptcp_packet pkt;
        struct seg seg;
        uint32_t bytes = 0, count = 0;
        wire_set(&w, FAULT_OUT, (struct fault_link){.rate = 8000000, .delay = 1}, at(1));
        test_packet_init(&packet, v6, 11, 10000, 1300, true);
        assert_int_equal(driver_send(w.near, &packet.out, at(1)), 0);
        while (!time_is_never(run_until_received(&w, w.far, &pkt))) {
            assert_true(pkt.len <= 1500);
            assert_true(test_packet_sound(pkt.data, pkt.len, &seg));
            assert_int_equal(seg.seq.v, 11 + bytes);
            assert_true(test_payload_sound(&seg));
            bytes += seg.len;
            count++;
        }
        assert_int_equal(bytes, 10000);
        assert_int_equal(count, 8);

        assert_int_equal(driver_send(w.far, &packet.out, at(1)), 0);
        for (bytes = 0; driver_recv(w.near, &pkt, at(1)); bytes += seg.len) {
            assert_true(test_packet_sound(pkt.data, pkt.len, &seg));
            assert_false(pkt.csum_valid);
        }
        assert_int_equal(bytes, 10000);
        wire_free(&w);
    }
}

/* Sends `n` packets through a lane with one setting and returns what came of it. */
static struct fault_stats run_chance(struct fault_link link, uint32_t n, uint64_t seed, uint64_t *fingerprint) {
    struct wire w = wire_new(seed);
    struct umptcp_packet pkt;
    wire_set(&w, FAULT_IN, link, at(1));
    *fingerprint = 14695981039346656037u;
    for (uint32_t i = 0; i < n; i++) {
        send_bytes(w.far, i, 600, at(SEC(1) + i * USEC(10)));
        while (!time_is_never(driver_next(w.near)) && driver_recv(w.near, &pkt, at(SEC(1) + i * USEC(10))))
            for (uint32_t j = 0; j < pkt.len; j++)
                *fingerprint = (*fingerprint ^ pkt.data[j]) * 1099511628211u;
    }
    while (!time_is_never(run_until_received(&w, w.near, &pkt))) {
    }
    struct fault_stats s = stats_of(&w, FAULT_IN);
    wire_free(&w);
    assert_int_equal(s.packets, n);
    return s;
}

static void assert_near(uint64_t value, uint64_t expected, uint64_t tolerance) {
    assert_in_range(value, expected - tolerance, expected + tolerance);
}

static void test_chances(void **state) {
    (void)state;
    enum { N = 10000, TENTH = FAULT_ALWAYS / 10 };
    uint64_t f;
    struct fault_stats s = run_chance((struct fault_link){.loss = TENTH}, N, 1, &f);
    assert_near(s.dropped[FAULT_LOST], N / 10, 150);
    assert_int_equal(s.delivered + s.dropped[FAULT_LOST], N);
    s = run_chance((struct fault_link){.duplicate = TENTH}, N, 2, &f);
    assert_near(s.duplicated, N / 10, 150);
    assert_int_equal(s.delivered, N + s.duplicated);
    s = run_chance((struct fault_link){.reorder = TENTH}, N, 3, &f);
    assert_near(s.reordered, N / 10, 150);
    assert_int_equal(s.delivered, N);
    s = run_chance((struct fault_link){.corrupt_header = TENTH, .corrupt_payload = TENTH}, N, 4, &f);
    assert_near(s.corrupted, N / 5, 250);
    s = run_chance((struct fault_link){.replace = TENTH}, N, 5, &f);
    assert_near(s.replaced, N / 10, 150);
    assert_int_equal(s.delivered, N);
    s = run_chance((struct fault_link){.loss = FAULT_ALWAYS}, 100, 6, &f);
    assert_int_equal(s.delivered, 0);
}

static void test_same_seed_same_run(void **state) {
    (void)state;
    struct fault_link all = {.rate = 1000000000,
                             .delay = USEC(50),
                             .loss = 100000,
                             .duplicate = 100000,
                             .reorder = 100000,
                             .corrupt_header = 100000,
                             .corrupt_payload = 100000,
                             .replace = 100000};
    uint64_t a, b, c;
    run_chance(all, 2000, 7, &a);
    run_chance(all, 2000, 7, &b);
    run_chance(all, 2000, 8, &c);
    assert_int_equal(a, b);
    assert_int_not_equal(a, c);
}

static void test_reordered_packet_is_overtaken(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    struct umptcp_packet pkt;
    struct seg seg;
    struct fault_link link = {.delay = 100, .reorder = FAULT_ALWAYS, .reorder_by = 1000};
    wire_set(&w, FAULT_OUT, link, at(1));
    send_bytes(w.near, 1, 100, at(1000));
    link.reorder = 0;
    wire_set(&w, FAULT_OUT, link, at(1100));
    send_bytes(w.near, 2, 100, at(1200));
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, 1300);
    assert_true(test_packet_sound(pkt.data, pkt.len, &seg));
    assert_int_equal(seg.seq.v, 2);
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, 2100);
    wire_free(&w);
}

/* One packet with a corrupting wire: is it still sound, and does its payload still stand? */
static void corrupt_one(struct fault_link link, uint64_t seed, bool *sound, bool *payload) {
    struct wire w = wire_new(seed);
    struct umptcp_packet pkt;
    struct seg seg = {0};
    wire_set(&w, FAULT_OUT, link, at(1));
    send_bytes(w.near, 3, 500, at(1));
    assert_true(driver_recv(w.far, &pkt, at(1)));
    assert_int_equal(pkt.len, 500);
    *sound = test_packet_sound(pkt.data, pkt.len, &seg);
    *payload = *sound && test_payload_sound(&seg);
    assert_int_equal(stats_of(&w, FAULT_OUT).corrupted, 1);
    wire_free(&w);
}

static void test_corruption(void **state) {
    (void)state;
    bool sound, payload;
    int noticed = 0, slipped = 0, accepted = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        corrupt_one((struct fault_link){.corrupt_payload = FAULT_ALWAYS}, seed, &sound, &payload);
        noticed += !sound;
        corrupt_one((struct fault_link){.corrupt_payload = FAULT_ALWAYS, .corrupt_refix = true}, seed, &sound,
                    &payload);
        assert_true(sound);
        slipped += !payload;
        corrupt_one((struct fault_link){.corrupt_header = FAULT_ALWAYS, .corrupt_refix = true}, seed, &sound, &payload);
        accepted += sound;
    }
    assert_true(noticed >= 45); /* flips may cancel out */
    assert_true(slipped >= 45);
    assert_true(accepted >= 10); /* some headers are beyond repair */
}

static void test_replace_truncates_or_randomizes(void **state) {
    (void)state;
    int shorter = 0, same = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct wire w = wire_new(seed);
        struct umptcp_packet pkt;
        wire_set(&w, FAULT_OUT, (struct fault_link){.replace = FAULT_ALWAYS}, at(1));
        send_bytes(w.near, 3, 500, at(1));
        assert_true(driver_recv(w.far, &pkt, at(1)));
        assert_in_range(pkt.len, 1, 500);
        shorter += pkt.len < 500;
        same += pkt.len == 500;
        wire_free(&w);
    }
    assert_true(shorter > 10 && same > 10);
}

static void test_cut_loses_what_is_under_way(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    struct umptcp_packet pkt;
    struct fault_link link = {.rate = 8000000, .delay = MSEC(3)};
    wire_set(&w, FAULT_OUT, link, at(1));
    for (uint32_t i = 0; i < 10; i++)
        send_bytes(w.near, i, 1000, at(MSEC(1))); /* they arrive at 5, 6, ... ms */
    link.cut = true;
    wire_set(&w, FAULT_OUT, link, at(MSEC(6)));
    assert_true(driver_recv(w.far, &pkt, at(MSEC(6))));
    assert_true(driver_recv(w.far, &pkt, at(MSEC(6))));
    assert_true(time_is_never(driver_next(w.near)));
    send_bytes(w.near, 1, 1000, at(MSEC(7)));
    assert_int_equal(stats_of(&w, FAULT_OUT).dropped[FAULT_CUT], 9);
    link.cut = false;
    wire_set(&w, FAULT_OUT, link, at(MSEC(8)));
    send_bytes(w.near, 1, 1000, at(MSEC(8)));
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, MSEC(12));
    wire_free(&w);
}

static void test_change_of_rate_while_running(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    struct umptcp_packet pkt;
    wire_set(&w, FAULT_OUT, (struct fault_link){.rate = 8000000}, at(1));
    for (uint32_t i = 0; i < 4; i++)
        send_bytes(w.near, i, 1000, at(MSEC(1)));
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, MSEC(2));
    wire_set(&w, FAULT_OUT, (struct fault_link){.rate = 4000000}, at(MSEC(2) + 500)); /* the second is on the wire */
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, MSEC(3));
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, MSEC(5));
    wire_set(&w, FAULT_OUT, (struct fault_link){.delay = 9}, at(MSEC(5) + 1));
    assert_int_equal(run_until_received(&w, w.far, &pkt).ns, MSEC(7));
    struct fault_link now_set;
    fault_get(w.near, FAULT_OUT, &now_set);
    assert_int_equal(now_set.delay, 9);
    wire_free(&w);
}

/* What is under way is bounded, whatever the delay. */
static void test_memory_is_bounded(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    wire_set(&w, FAULT_OUT, (struct fault_link){.delay = SEC(1000)}, at(1));
    test_packet_init(&packet, false, 1, 60000, 1400, true);
    for (int i = 0; i < 1200; i++)
        assert_int_equal(driver_send(w.near, &packet.out, at(1)), 0);
    struct fault_stats s = stats_of(&w, FAULT_OUT);
    assert_true(s.bytes <= FAULT_HELD_MAX);
    assert_int_equal(s.packets, 1200 * 43);
    assert_true(s.dropped[FAULT_MEMORY] > 0);
    wire_free(&w);
}

static void test_refusal_of_the_inner_driver_is_counted(void **state) {
    (void)state;
    struct wire w = wire_new(SEED);
    driver_close(w.far);
    test_packet_init(&packet, false, 1, 100, 0, false);
    assert_int_equal(driver_send(w.near, &packet.out, at(1)), 0);
    assert_int_equal(stats_of(&w, FAULT_OUT).dropped[FAULT_INNER], 1);
    assert_int_equal(stats_of(&w, FAULT_OUT).delivered, 0);
    driver_close(w.near);
}

static void test_parse(void **state) {
    (void)state;
    struct fault_link l[FAULT_DIRS] = {{0}};
    assert_int_equal(fault_parse("rate=20M,delay=10ms,in.loss=0.5%,out.queue=64k,in.cut,reorder-by=200us", l), 0);
    assert_int_equal(l[FAULT_OUT].rate, 20000000);
    assert_int_equal(l[FAULT_IN].rate, 20000000);
    assert_int_equal(l[FAULT_IN].delay, MSEC(10));
    assert_int_equal(l[FAULT_IN].loss, 5000);
    assert_int_equal(l[FAULT_OUT].loss, 0);
    assert_int_equal(l[FAULT_OUT].queue_bytes, 64000);
    assert_int_equal(l[FAULT_OUT].reorder_by, USEC(200));
    assert_true(l[FAULT_IN].cut);
    assert_false(l[FAULT_OUT].cut);
    assert_int_equal(fault_parse("duplicate=0.25,delay=1.5s,refix", l), 0); /* on top */
    assert_int_equal(l[FAULT_OUT].duplicate, 250000);
    assert_int_equal(l[FAULT_OUT].delay, MSEC(1500));
    assert_int_equal(l[FAULT_OUT].rate, 20000000);
    assert_true(l[FAULT_OUT].corrupt_refix);

    static const char *const bad[] = {"",         "rate",     "rate=",       "rate=x",   "rate=-1",       "loss=101%",
                                      "loss=1.1", "delay=3m", "delay=1e99s", "queue=9G", "cut=1",         "speed=3",
                                      "loss=1%,", "loss=nan", "up.loss=1%",  "in.",      "rate=1M loss=1"};
    struct fault_link before = l[FAULT_OUT];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(fault_parse(bad[i], l), -EINVAL);
        assert_memory_equal(&before, &l[FAULT_OUT], sizeof before);
    }
    for (int i = 0; i < FAULT_CAUSES; i++)
        assert_string_not_equal(fault_cause_name((enum fault_cause)i), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perfect_wire_is_immediate),
        cmocka_unit_test(test_delay_is_exact),
        cmocka_unit_test(test_rate_is_exact),
        cmocka_unit_test(test_rate_after_idle),
        cmocka_unit_test(test_late_ticks_change_nothing),
        cmocka_unit_test(test_queue_limit),
        cmocka_unit_test(test_super_segments_are_cut),
        cmocka_unit_test(test_chances),
        cmocka_unit_test(test_same_seed_same_run),
        cmocka_unit_test(test_reordered_packet_is_overtaken),
        cmocka_unit_test(test_corruption),
        cmocka_unit_test(test_replace_truncates_or_randomizes),
        cmocka_unit_test(test_cut_loses_what_is_under_way),
        cmocka_unit_test(test_change_of_rate_while_running),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_refusal_of_the_inner_driver_is_counted),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
