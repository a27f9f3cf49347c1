/* SPDX-License-Identifier: BSD-3-Clause */
/* The cable in memory: what goes in comes out, as the other end wants it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/memory.h"
#include "io_packets.h"

enum { ALL = UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 | UMPTCP_IF_TSO6 };

static struct test_packet packet;

static struct umptcp_time at(uint64_t ns) { return (struct umptcp_time){ns}; }

static void make_pair(struct driver *ends[2], uint32_t flags_a, uint32_t flags_b, uint32_t queue) {
    struct memory_config cfg[2] = {{"left", 1500, flags_a, queue}, {"right", 1500, flags_b, queue}};
    assert_int_equal(memory_pair(cfg, ends), 0);
}

static void close_pair(struct driver *ends[2]) {
    driver_close(ends[0]);
    driver_close(ends[1]);
}

static void test_full_packet_passes_both_ways(void **state) {
    (void)state;
    struct driver *ends[2];
    make_pair(ends, 0, 0, 0);
    assert_string_equal(ends[0]->name, "left");
    for (int dir = 0; dir < 2; dir++) {
        struct umptcp_packet pkt;
        struct seg seg;
        test_packet_init(&packet, dir, 5, 1000, 0, false);
        assert_int_equal(driver_send(ends[dir], &packet.out, at(10)), 0);
        assert_false(driver_recv(ends[dir], &pkt, at(10)));
        assert_true(driver_recv(ends[!dir], &pkt, at(10)));
        assert_int_equal(pkt.len, packet.out.len);
        assert_int_equal(pkt.gso_size, 0);
        assert_false(pkt.csum_valid);
        assert_true(test_packet_sound(pkt.data, pkt.len, &seg));
        assert_true(test_payload_sound(&seg));
        assert_false(driver_recv(ends[!dir], &pkt, at(10)));
    }
    close_pair(ends);
}

/* A packet is there from the moment it was sent, and next() says so. */
static void test_time(void **state) {
    (void)state;
    struct driver *ends[2];
    struct umptcp_packet pkt;
    make_pair(ends, 0, 0, 0);
    assert_int_equal(driver_next(ends[1]).ns, UINT64_MAX);
    test_packet_init(&packet, false, 5, 10, 0, false);
    assert_int_equal(driver_send(ends[0], &packet.out, at(1000)), 0);
    assert_int_equal(driver_next(ends[1]).ns, 1000);
    assert_false(driver_recv(ends[1], &pkt, at(999)));
    assert_true(driver_recv(ends[1], &pkt, at(1000)));
    assert_int_equal(driver_next(ends[1]).ns, UINT64_MAX);
    close_pair(ends);
}

static void test_super_segment_passes_when_wanted(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        struct driver *ends[2];
        struct umptcp_packet pkt;
        make_pair(ends, ALL, ALL, 0);
        test_packet_init(&packet, v6, 9, 60000, 1400, true);
        assert_int_equal(driver_send(ends[0], &packet.out, at(1)), 0);
        assert_true(driver_recv(ends[1], &pkt, at(1)));
        assert_int_equal(pkt.len, packet.out.len);
        assert_int_equal(pkt.gso_size, 1400);
        assert_true(pkt.csum_valid);
        close_pair(ends);
    }
}

static void test_super_segment_is_cut_when_not_wanted(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        struct driver *ends[2];
        struct umptcp_packet pkt;
        struct seg seg;
        make_pair(ends, ALL, 0, 0);
        test_packet_init(&packet, v6, 9, 5000, 1400, true);
        assert_int_equal(driver_send(ends[0], &packet.out, at(1)), 0);
        uint32_t bytes = 0, count = 0;
        while (driver_recv(ends[1], &pkt, at(1))) {
            assert_int_equal(pkt.gso_size, 0);
            assert_false(pkt.csum_valid);
            assert_true(test_packet_sound(pkt.data, pkt.len, &seg));
            assert_int_equal(seg.seq.v, 9 + bytes);
            assert_true(test_payload_sound(&seg));
            bytes += seg.len;
            count++;
        }
        assert_int_equal(bytes, 5000);
        assert_int_equal(count, 4);
        close_pair(ends);
    }
}

static void test_partial_checksum_is_completed_when_not_wanted(void **state) {
    (void)state;
    struct driver *ends[2];
    struct umptcp_packet pkt;
    struct seg seg;
    make_pair(ends, ALL, UMPTCP_IF_TSO4, 0);
    test_packet_init(&packet, false, 9, 3001, 1400, true);
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), 0);
    assert_true(driver_recv(ends[1], &pkt, at(1)));
    assert_int_equal(pkt.gso_size, 1400);
    assert_false(pkt.csum_valid);
    assert_true(test_packet_sound(pkt.data, pkt.len, &seg));
    close_pair(ends);
}

/* What an interface did not promise to take, it does not. */
static void test_refuses_what_flags_do_not_allow(void **state) {
    (void)state;
    struct driver *ends[2];
    make_pair(ends, UMPTCP_IF_TSO4, ALL, 0);
    test_packet_init(&packet, false, 1, 100, 0, true);
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), -EINVAL);
    test_packet_init(&packet, true, 1, 5000, 1400, false);
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), -EINVAL);
    test_packet_init(&packet, false, 1, 1449, 0, false);
    assert_int_equal(packet.out.len, 1501);
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), -EMSGSIZE);
    test_packet_init(&packet, false, 1, 5000, 1449, false);
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), -EMSGSIZE);
    close_pair(ends);
}

static void test_queue_is_bounded(void **state) {
    (void)state;
    struct driver *ends[2];
    struct umptcp_packet pkt;
    make_pair(ends, ALL, 0, 3);
    test_packet_init(&packet, false, 1, 10, 0, false);
    for (int i = 0; i < 3; i++)
        assert_int_equal(driver_send(ends[0], &packet.out, at(1)), 0);
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), -EAGAIN);
    assert_true(driver_recv(ends[1], &pkt, at(1)));
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), 0);
    while (driver_recv(ends[1], &pkt, at(1))) {
    }
    test_packet_init(&packet, false, 1, 7000, 1400, true); /* five pieces: three fit */
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), -EAGAIN);
    int count = 0;
    while (driver_recv(ends[1], &pkt, at(1)))
        count++;
    assert_int_equal(count, 3);
    close_pair(ends);
}

static void test_closed_end(void **state) {
    (void)state;
    struct driver *ends[2];
    make_pair(ends, 0, 0, 0);
    test_packet_init(&packet, false, 1, 10, 0, false);
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), 0);
    driver_close(ends[1]); /* with a packet that nobody took */
    assert_int_equal(driver_send(ends[0], &packet.out, at(1)), -ENETDOWN);
    driver_close(ends[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_packet_passes_both_ways),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_super_segment_passes_when_wanted),
        cmocka_unit_test(test_super_segment_is_cut_when_not_wanted),
        cmocka_unit_test(test_partial_checksum_is_completed_when_not_wanted),
        cmocka_unit_test(test_refuses_what_flags_do_not_allow),
        cmocka_unit_test(test_queue_is_bounded),
        cmocka_unit_test(test_closed_end),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
