/* SPDX-License-Identifier: BSD-3-Clause */
/* Reassembly of IPv4 packets: any order, repetitions, overlaps, bounds, time. */
#include "testwire.h"

#include "stack/frag.h"

enum { KIND = 1 };

struct bench {
    struct testmem tm;
    struct env env;
    struct frags f;
    uint8_t data[65536];
};

static void set_up(struct bench *b) {
    uint64_t rnd = 1;
    memset(b, 0, sizeof *b);
    mem_init(&b->env.mem, testmem_alloc, &b->tm, 0);
    timers_init(&b->env.timers, &b->env.mem);
    b->env.now = (utime){SEC(1)};
    assert_int_equal(frags_init(&b->f, &b->env, KIND), 0);
    for (size_t i = 0; i < sizeof b->data; i++)
        b->data[i] = (uint8_t)test_random(&rnd);
}

static void tear_down(struct bench *b) {
    assert_null(frags_check(&b->f));
    frags_free(&b->f);
    timers_free(&b->env.timers);
    assert_int_equal(b->tm.blocks, 0);
    assert_int_equal(b->tm.bytes, 0);
}

/* A piece of packet `id`: bytes [start, end) of the data. */
static struct ip_hdr piece(const struct bench *b, uint16_t id, uint32_t start, uint32_t end, bool more) {
    struct ip_hdr ip = test_ip("192.0.2.1", "10.0.0.1", IP_PROTO_TCP);
    ip.id = id;
    ip.fragment = true;
    ip.more_fragments = more;
    ip.frag_offset = (uint16_t)start;
    ip.payload = b->data + start;
    ip.payload_len = end - start;
    return ip;
}

static enum drop give(struct bench *b, struct ip_hdr ip, bool *whole) {
    enum drop d = frags_input(&b->f, &ip, whole);
    assert_null(frags_check(&b->f));
    if (*whole) {
        assert_int_equal(d, DROP_NONE);
        assert_false(ip.fragment);
        assert_memory_equal(ip.payload, b->data, ip.payload_len);
        frags_release(&b->f);
    }
    return d;
}

/* Gives a piece that does not complete the packet. */
static enum drop put(struct bench *b, uint16_t id, uint32_t start, uint32_t end, bool more) {
    bool whole;
    enum drop d = give(b, piece(b, id, start, end, more), &whole);
    assert_false(whole);
    return d;
}

/* And one that does. */
static void finish(struct bench *b, uint16_t id, uint32_t start, uint32_t end, bool more) {
    bool whole;
    assert_int_equal(give(b, piece(b, id, start, end, more), &whole), DROP_NONE);
    assert_true(whole);
}

static void test_orders(void **state) {
    (void)state;
    static const uint32_t edges[] = {0, 1480, 2960, 4440, 5000};
    static const uint8_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
    struct bench b;
    set_up(&b);
    for (size_t o = 0; o < 4; o++)
        for (size_t i = 0; i < 4; i++) {
            uint8_t n = orders[o][i];
            if (i == 3)
                finish(&b, 7, edges[n], edges[n + 1], n != 3);
            else
                assert_int_equal(put(&b, 7, edges[n], edges[n + 1], n != 3), DROP_NONE);
        }
    assert_int_equal(b.env.mib.v[MIB_IP_REASM_OK], 4);
    assert_int_equal(b.f.packets.count, 0);
    tear_down(&b);
}

static void test_largest(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    uint32_t total = 65535 - IPV4_HDR_LEN, at = 0;
    for (; at + 1480 < total; at += 1480)
        assert_int_equal(put(&b, 1, at, at + 1480, true), DROP_NONE);
    finish(&b, 1, at, total, false);
    tear_down(&b);
}

/* Pieces of different packets do not mix: id, addresses and protocol all count. */
static void test_keys(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    assert_int_equal(put(&b, 1, 0, 800, true), DROP_NONE);
    assert_int_equal(put(&b, 2, 800, 1000, false), DROP_NONE);
    struct ip_hdr other = piece(&b, 1, 800, 1000, false);
    other.src = test_addr("192.0.2.9");
    bool whole;
    assert_int_equal(give(&b, other, &whole), DROP_NONE);
    assert_false(whole);
    other = piece(&b, 1, 800, 1000, false);
    other.proto = IP_PROTO_ICMP;
    assert_int_equal(give(&b, other, &whole), DROP_NONE);
    assert_false(whole);
    assert_int_equal(b.f.packets.count, 4);
    finish(&b, 1, 800, 1000, false);
    finish(&b, 2, 0, 800, true);
    tear_down(&b);
}

static void test_repetition(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    assert_int_equal(put(&b, 1, 0, 800, true), DROP_NONE);
    assert_int_equal(put(&b, 1, 0, 800, true), DROP_NONE);
    assert_int_equal(put(&b, 1, 1600, 2000, false), DROP_NONE);
    assert_int_equal(put(&b, 1, 1600, 2000, false), DROP_NONE);
    finish(&b, 1, 800, 1600, true);
    tear_down(&b);
}

/* An overlap, even one, and the whole packet is gone, with the pieces of it that come later. */
static void test_overlap(void **state) {
    (void)state;
    static const struct {
        uint32_t start, end;
        bool more;
    } bad[] = {
        {792, 1600, true},   /* over the end of the first */
        {400, 600, true},    /* inside, other bytes: see below */
        {1592, 2000, false}, /* over the beginning of what follows */
        {2408, 2416, true},  /* behind the end */
        {2400, 2500, false}, /* another end */
        {1600, 2000, false}, /* an end before what came */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bench b;
        bool whole;
        set_up(&b);
        assert_int_equal(put(&b, 1, 0, 800, true), DROP_NONE);
        assert_int_equal(put(&b, 1, 1600, 2408, i != 3 && i != 4), DROP_NONE);
        struct ip_hdr ip = piece(&b, 1, bad[i].start, bad[i].end, bad[i].more);
        if (i == 1)
            ip.payload = b.data + 8;
        assert_int_equal(give(&b, ip, &whole), DROP_IP_FRAG_BAD);
        assert_int_equal(b.f.bytes, 0);
        assert_int_equal(put(&b, 1, 800, 1600, true), DROP_IP_FRAG_BAD);
        assert_int_equal(put(&b, 1, 0, 800, true), DROP_IP_FRAG_BAD);
        tear_down(&b);
    }
}

static void test_malformed(void **state) {
    (void)state;
    struct bench b;
    bool whole;
    set_up(&b);
    assert_int_equal(put(&b, 1, 0, 801, true), DROP_IP_FRAG_BAD);
    assert_int_equal(put(&b, 1, 800, 800, false), DROP_IP_FRAG_BAD);
    struct ip_hdr ip = piece(&b, 1, 0, 100, false);
    ip.frag_offset = 65528; /* the ping of death */
    assert_int_equal(give(&b, ip, &whole), DROP_IP_FRAG_BAD);
    assert_false(whole);
    ip = piece(&b, 1, 0, 800, true);
    ip.v6 = true;
    assert_int_equal(give(&b, ip, &whole), DROP_IP_FRAG_V6);
    assert_int_equal(b.f.packets.count, 0);
    tear_down(&b);
}

static void test_time(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    assert_int_equal(put(&b, 1, 0, 800, true), DROP_NONE);
    b.env.now = time_add(b.env.now, SEC(10));
    assert_int_equal(put(&b, 2, 0, 800, true), DROP_NONE);
    assert_int_equal(timers_next(&b.env.timers).ns, SEC(31));
    b.env.now = (utime){SEC(31)};
    assert_ptr_equal(timers_pop(&b.env.timers, b.env.now), &b.f.timer);
    frags_timeout(&b.f);
    assert_null(frags_check(&b.f));
    assert_int_equal(b.f.packets.count, 1);
    assert_int_equal(b.env.mib.drops[DROP_IP_FRAG_TIMEOUT], 1);
    assert_int_equal(timers_next(&b.env.timers).ns, SEC(41));
    finish(&b, 2, 800, 900, false);
    assert_true(timers_idle(&b.env.timers));
    tear_down(&b);
}

/* A flood pushes the oldest out, and takes no more than the bound. */
static void test_bounds(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    for (uint16_t id = 0; id < 100; id++) {
        assert_int_equal(put(&b, id, 64000, 64008, true), DROP_NONE);
        assert_true(b.f.bytes <= FRAG_BYTES_MAX);
    }
    assert_true(b.f.packets.count <= FRAG_PACKETS_MAX);
    assert_true(b.env.mib.drops[DROP_IP_FRAG_MEM] >= 90);
    for (uint16_t id = 200; id < 300; id++)
        assert_int_equal(put(&b, id, 0, 8, true), DROP_NONE);
    assert_int_equal(b.f.packets.count, FRAG_PACKETS_MAX);
    finish(&b, 299, 8, 16, false);
    tear_down(&b);
}

static void test_no_memory(void **state) {
    (void)state;
    struct bench b;
    set_up(&b);
    TESTMEM_EACH_FAILURE(&b.tm) {
        bool whole = false;
        enum drop d[3];
        d[0] = give(&b, piece(&b, 1, 0, 800, true), &whole);
        d[1] = give(&b, piece(&b, 1, 1600, 2400, false), &whole);
        d[2] = give(&b, piece(&b, 1, 800, 1600, true), &whole);
        bool refused = d[0] || d[1] || d[2];
        assert_true(whole != refused);
        b.env.now = time_add(b.env.now, FRAG_LIFE);
        frags_timeout(&b.f);
        assert_int_equal(b.f.packets.count, 0);
    }
    tear_down(&b);
}

static void test_random_pieces(void **state) {
    (void)state;
    struct bench b;
    uint64_t rnd = 5;
    set_up(&b);
    for (int i = 0; i < 30000; i++) {
        uint32_t start = test_below(&rnd, 5) * 160, len = 160;
        bool whole, more = start < 640;
        if (test_below(&rnd, 100) == 0) {
            start += test_below(&rnd, 20) * 8;
            len = (1 + test_below(&rnd, 40)) * 8;
            more = test_below(&rnd, 2);
        }
        give(&b, piece(&b, (uint16_t)test_below(&rnd, 20), start, start + len, more), &whole);
        if (test_below(&rnd, 50) == 0) {
            b.env.now = time_add(b.env.now, SEC(test_below(&rnd, 40)));
            frags_timeout(&b.f);
        }
    }
    assert_true(b.env.mib.v[MIB_IP_REASM_OK] > 100);
    tear_down(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),        cmocka_unit_test(test_largest), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_repetition),    cmocka_unit_test(test_overlap), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_time),          cmocka_unit_test(test_bounds),  cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_random_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
