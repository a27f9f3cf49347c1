/* SPDX-License-Identifier: BSD-3-Clause */
/* The recorder: reads its file back, block by block. The format is draft-ietf-opsawg-pcapng. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/drop.h"
#include "io/memory.h"
#include "io/pcapng.h"
#include "io/raw.h"
#include "io_packets.h"

enum { ALL = UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 | UMPTCP_IF_TSO6, EPOCH = 1000000 };
enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6, INBOUND = 1, OUTBOUND = 2 };

struct capture {
    char path[64];
    struct pcapng_file *file;
    struct driver *left, *right; /* left is recorded */
    uint8_t *bytes;              /* of the file, when it was closed */
    size_t len, at;
};

struct block { /* what a test wants to know of one */
    uint32_t type, interface, flags;
    uint64_t time;
    const uint8_t *data;
    uint32_t len;
    char comment[64], name[16], application[32];
    uint8_t resolution;
};

static struct test_packet packet;

static struct umptcp_time at(uint64_t ns) { return (struct umptcp_time){ns}; }

static void capture_start(struct capture *c, bool split) {
    memset(c, 0, sizeof *c);
    strcpy(c->path, "/tmp/umptcp-test-XXXXXX");
    int fd = mkstemp(c->path);
    assert_true(fd >= 0);
    close(fd);
    struct pcapng_config cfg = {.path = c->path, .epoch_ns = EPOCH, .split = split};
    assert_int_equal(pcapng_open(&cfg, &c->file), 0);
    struct memory_config ends_cfg[2] = {{"left", 1500, ALL, 0}, {"right", 1500, ALL, 0}};
    struct driver *ends[2];
    assert_int_equal(memory_pair(ends_cfg, ends), 0);
    assert_int_equal(pcapng_wrap(c->file, ends[0], &c->left), 0);
    c->right = ends[1];
}

static void capture_end(struct capture *c) {
    driver_close(c->left);
    driver_close(c->right);
    assert_int_equal(pcapng_close(c->file), 0);
    FILE *f = fopen(c->path, "rb");
    assert_non_null(f);
    c->bytes = malloc(1 << 20);
    c->len = fread(c->bytes, 1, 1 << 20, f);
    fclose(f);
    unlink(c->path);
}

static uint32_t host_u32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static uint16_t host_u16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static void read_option(struct block *b, uint16_t code, const uint8_t *value, uint16_t len) {
    if (code == 1)
        memcpy(b->comment, value, len);
    else if (b->type == BLOCK_SECTION && code == 4)
        memcpy(b->application, value, len);
    else if (b->type == BLOCK_INTERFACE && code == 2)
        memcpy(b->name, value, len);
    else if (b->type == BLOCK_INTERFACE && code == 9)
        b->resolution = *value;
    else if (b->type == BLOCK_PACKET && code == 2)
        b->flags = host_u32(value);
    else
        fail_msg("unexpected option %u", code);
}

static bool next_block(struct capture *c, struct block *b) {
    if (c->at == c->len)
        return false;
    memset(b, 0, sizeof *b);
    const uint8_t *p = c->bytes + c->at;
    b->type = host_u32(p);
    uint32_t total = host_u32(p + 4);
    assert_true(total % 4 == 0 && total <= c->len - c->at);
    assert_int_equal(host_u32(p + total - 4), total);
    uint32_t fixed = b->type == BLOCK_SECTION ? 24 : b->type == BLOCK_INTERFACE ? 16 : 28;
    if (b->type == BLOCK_SECTION) {
        assert_int_equal(host_u32(p + 8), 0x1a2b3c4d);
    } else if (b->type == BLOCK_INTERFACE) {
        assert_int_equal(host_u16(p + 8), 101);
    } else {
        assert_int_equal(b->type, BLOCK_PACKET);
        b->interface = host_u32(p + 8);
        b->time = (uint64_t)host_u32(p + 12) << 32 | host_u32(p + 16);
        b->len = host_u32(p + 20);
        assert_int_equal(host_u32(p + 24), b->len);
        b->data = p + 28;
        fixed += (b->len + 3) & ~3u;
    }
    for (uint32_t i = fixed; host_u16(p + i); i += 4 + ((host_u16(p + i + 2) + 3u) & ~3u)) {
        assert_true(i + 8 <= total);
        read_option(b, host_u16(p + i), p + i + 4, host_u16(p + i + 2));
    }
    c->at += total;
    return true;
}

static void expect_preamble(struct capture *c) {
    struct block b;
    assert_true(next_block(c, &b));
    assert_int_equal(b.type, BLOCK_SECTION);
    assert_string_equal(b.application, "umptcp " UMPTCP_VERSION);
    assert_true(next_block(c, &b));
    assert_int_equal(b.type, BLOCK_INTERFACE);
    assert_string_equal(b.name, "left");
    assert_int_equal(b.resolution, 9);
}

static void test_both_directions(void **state) {
    (void)state;
    struct capture c;
    struct umptcp_packet pkt;
    struct block b;
    struct seg seg;
    capture_start(&c, false);
    test_packet_init(&packet, false, 1, 101, 0, true);
    assert_int_equal(driver_send(c.left, &packet.out, at(5)), 0);
    assert_true(driver_recv(c.right, &pkt, at(5)));
    test_packet_init(&packet, true, 2, 102, 0, true);
    assert_int_equal(driver_send(c.right, &packet.out, at(6)), 0);
    assert_int_equal(driver_next(c.left).ns, 6);
    assert_true(driver_recv(c.left, &pkt, at(7)));
    assert_true(pkt.csum_valid);
    driver_verdict(c.left, UMPTCP_DROP_NONE);
    capture_end(&c);

    expect_preamble(&c);
    assert_true(next_block(&c, &b));
    assert_int_equal(b.flags, OUTBOUND);
    assert_int_equal(b.time, EPOCH + 5);
    assert_true(test_packet_sound(b.data, b.len, &seg)); /* the partial checksum was completed */
    assert_int_equal(seg.seq.v, 1);
    assert_int_equal(seg.len, 101);
    assert_string_equal(b.comment, "");
    assert_true(next_block(&c, &b));
    assert_int_equal(b.flags, INBOUND);
    assert_int_equal(b.time, EPOCH + 7);
    assert_true(test_packet_sound(b.data, b.len, &seg));
    assert_int_equal(seg.len, 102);
    assert_false(next_block(&c, &b));
    free(c.bytes);
}

/* A received packet waits for its verdict; without one it is written in its place all the same. */
static void test_verdicts(void **state) {
    (void)state;
    struct capture c;
    struct umptcp_packet pkt;
    struct block b;
    char dropped[64];
    snprintf(dropped, sizeof dropped, "dropped: %s", drop_name(DROP_TCP_PAWS));
    capture_start(&c, false);
    test_packet_init(&packet, false, 1, 10, 0, false);
    for (int i = 0; i < 4; i++)
        assert_int_equal(driver_send(c.right, &packet.out, at(1)), 0);
    assert_true(driver_recv(c.left, &pkt, at(1)));
    driver_verdict(c.left, DROP_TCP_PAWS);
    assert_true(driver_recv(c.left, &pkt, at(2)));
    assert_true(driver_recv(c.left, &pkt, at(3)));
    assert_int_equal(driver_send(c.left, &packet.out, at(4)), 0);
    assert_true(driver_recv(c.left, &pkt, at(5)));
    capture_end(&c);

    const struct {
        uint32_t flags;
        const char *comment;
    } expected[] = {{INBOUND, dropped}, {INBOUND, ""}, {INBOUND, ""}, {OUTBOUND, ""}, {INBOUND, ""}};
    expect_preamble(&c);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(next_block(&c, &b));
        assert_int_equal(b.time, EPOCH + 1 + i);
        assert_int_equal(b.flags, expected[i].flags);
        assert_string_equal(b.comment, expected[i].comment);
    }
    assert_false(next_block(&c, &b));
    free(c.bytes);
}

static void test_packet_that_was_not_sent(void **state) {
    (void)state;
    struct capture c;
    struct block b;
    capture_start(&c, false);
    test_packet_init(&packet, false, 1, 1600, 0, false);
    assert_int_equal(driver_send(c.left, &packet.out, at(1)), -EMSGSIZE);
    capture_end(&c);
    expect_preamble(&c);
    assert_true(next_block(&c, &b));
    assert_memory_equal(b.comment, "not sent: ", 10);
    free(c.bytes);
}

static void test_super_segments(void **state) {
    (void)state;
    for (int split = 0; split < 2; split++) {
        struct capture c;
        struct umptcp_packet pkt;
        struct block b;
        struct seg seg;
        capture_start(&c, split);
        test_packet_init(&packet, false, 1, 60000, 1000, true);
        for (int i = 0; i < 3; i++) /* more than the buffer holds */
            assert_int_equal(driver_send(c.left, &packet.out, at(1)), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(driver_send(c.right, &packet.out, at(1)), 0);
        while (driver_recv(c.left, &pkt, at(1)))
            driver_verdict(c.left, UMPTCP_DROP_NONE);
        capture_end(&c);
        expect_preamble(&c);
        for (uint32_t i = 0; i < 6 * (split ? 60 : 1); i++) {
            assert_true(next_block(&c, &b));
            assert_true(test_packet_sound(b.data, b.len, &seg));
            assert_int_equal(seg.len, split ? 1000 : 60000);
            assert_true(test_payload_sound(&seg));
        }
        assert_false(next_block(&c, &b));
        free(c.bytes);
    }
}

static void test_several_interfaces(void **state) {
    (void)state;
    struct capture c;
    struct block b;
    struct driver *ends[2], *second;
    capture_start(&c, false);
    struct memory_config cfg[2] = {{"second", 1500, 0, 0}, {"other", 1500, 0, 0}};
    assert_int_equal(memory_pair(cfg, ends), 0);
    assert_int_equal(pcapng_wrap(c.file, ends[0], &second), 0);
    assert_string_equal(second->name, "second");
    test_packet_init(&packet, false, 1, 10, 0, false);
    assert_int_equal(driver_send(second, &packet.out, at(1)), 0);
    assert_int_equal(driver_send(c.left, &packet.out, at(1)), 0);
    driver_close(second);
    driver_close(ends[1]);
    capture_end(&c);
    expect_preamble(&c);
    assert_true(next_block(&c, &b));
    assert_string_equal(b.name, "second");
    assert_true(next_block(&c, &b));
    assert_int_equal(b.interface, 1);
    assert_true(next_block(&c, &b));
    assert_int_equal(b.interface, 0);
    free(c.bytes);
}

/* Packets that passed no driver, beside those of one. */
static void test_single_packets(void **state) {
    (void)state;
    struct capture c;
    struct block b;
    struct seg seg;
    static uint8_t octets[2048], many[100000];
    const char *const long_comment = "0123456789012345678901234567890123456789012345678901234567890123456789";
    capture_start(&c, false);
    uint32_t id = pcapng_interface(c.file, "script");
    assert_int_equal(id, 1);
    test_packet_init(&packet, false, 7, 33, 0, true);
    uint32_t len = raw_gather(&packet.out, octets);
    struct pcapng_packet p = {id, true, at(4), octets, len, "x.pkt:12"};
    pcapng_packet(c.file, &p);
    p = (struct pcapng_packet){id, false, at(5), octets, len - 1, NULL}; /* not a multiple of four */
    pcapng_packet(c.file, &p);
    p = (struct pcapng_packet){id, false, at(6), many, sizeof many, long_comment}; /* too long: cut */
    pcapng_packet(c.file, &p);
    assert_int_equal(driver_send(c.left, &packet.out, at(7)), 0);
    capture_end(&c);

    expect_preamble(&c);
    assert_true(next_block(&c, &b));
    assert_string_equal(b.name, "script");
    assert_true(next_block(&c, &b));
    assert_int_equal(b.interface, 1);
    assert_int_equal(b.flags, INBOUND);
    assert_int_equal(b.time, EPOCH + 4);
    assert_string_equal(b.comment, "x.pkt:12");
    assert_true(test_packet_sound(b.data, b.len, &seg));
    assert_int_equal(seg.len, 33);
    assert_true(next_block(&c, &b));
    assert_int_equal(b.flags, OUTBOUND);
    assert_int_equal(b.len, len - 1);
    assert_string_equal(b.comment, "");
    assert_true(next_block(&c, &b));
    assert_int_equal(b.len, RAW_MAX);
    assert_int_equal(strlen(b.comment), 63);
    assert_true(next_block(&c, &b));
    assert_int_equal(b.interface, 0);
    assert_int_equal(b.time, EPOCH + 7);
    assert_false(next_block(&c, &b));
    free(c.bytes);
}

static void test_errors(void **state) {
    (void)state;
    struct pcapng_file *f;
    struct pcapng_config nowhere = {.path = "/nonexistent/file"}, full = {.path = "/dev/full"};
    assert_int_equal(pcapng_open(&nowhere, &f), -ENOENT);
    assert_int_equal(pcapng_open(&full, &f), 0);
    assert_int_equal(pcapng_flush(f), -ENOSPC);
    assert_int_equal(pcapng_close(f), -ENOSPC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_packet_that_was_not_sent),
        cmocka_unit_test(test_super_segments),
        cmocka_unit_test(test_several_interfaces),
        cmocka_unit_test(test_single_packets),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests_name("pcapng", tests, NULL, NULL);
}
