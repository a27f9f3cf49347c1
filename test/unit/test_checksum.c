/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum against a plain reading of RFC 1071, at every length and place, and in pieces. */
#include "testwire.h"

/* Two bytes at a time, an odd last one padded with zero. */
static uint16_t plain_sum(const uint8_t *p, size_t len) {
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum >> 16) + (sum & 0xffff);
    }
    return (uint16_t)sum;
}

static void fill(uint8_t *p, size_t len, uint64_t seed) {
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)test_random(&seed);
}

static void test_rfc1071_example(void **state) {
    (void)state;
    const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    struct csum c = {0};
    assert_int_equal(csum_fold(&c), 0);
    csum_add(&c, data, sizeof data);
    assert_int_equal(csum_fold(&c), 0xddf2);
    assert_int_equal(csum_finish(&c), 0x220d);
}

static void test_every_length_and_place(void **state) {
    (void)state;
    uint8_t data[700];
    fill(data, sizeof data, 1);
    for (size_t at = 0; at < 17; at++)
        for (size_t len = 0; len + at <= sizeof data; len++) {
            uint8_t *exact = malloc(len + 1); /* the sanitizer sees a read behind it */
            assert_non_null(exact);
            memcpy(exact, data + at, len);
            struct csum c = {0}, d = {0};
            csum_add(&c, data + at, len);
            csum_add(&d, exact, len);
            free(exact);
            assert_int_equal(csum_fold(&c), plain_sum(data + at, len));
            assert_int_equal(csum_fold(&d), csum_fold(&c));
            assert_int_equal(c.odd, len % 2);
        }
}

/* No carry is lost, and all-ones is not taken for zero. */
static void test_ones(void **state) {
    (void)state;
    static uint8_t data[1 << 17];
    memset(data, 0xff, sizeof data);
    struct csum c = {0};
    for (int i = 0; i < 100; i++) {
        csum_add(&c, data, sizeof data);
        assert_int_equal(csum_fold(&c), 0xffff);
    }
    csum_add_u64(&c, UINT64_MAX);
    csum_add_u32(&c, UINT32_MAX);
    assert_int_equal(csum_finish(&c), 0);
}

/* M-MAP-31: pieces of any length, odd ones too, sum up to what the whole does. */
static void test_pieces(void **state) {
    (void)state;
    uint8_t data[3000];
    uint64_t rnd = 2;
    fill(data, sizeof data, 3);
    struct csum three = {0};
    for (int i = 0; i < 3; i++) {
        csum_add(&three, data + 3 * i, 3);
        assert_int_equal(csum_fold(&three), plain_sum(data, 3 * (size_t)(i + 1)));
    }
    for (int round = 0; round < 2000; round++) {
        size_t len = test_below(&rnd, sizeof data + 1), at = 0;
        struct csum c = {0};
        while (at < len) {
            size_t n = 1 + test_below(&rnd, 1 + (uint32_t)(round % 3 == 0 ? 5 : len - at));
            n = n < len - at ? n : len - at;
            csum_add(&c, data + at, n);
            at += n;
        }
        assert_int_equal(csum_fold(&c), plain_sum(data, len));
    }
}

static void test_numbers(void **state) {
    (void)state;
    uint8_t data[14];
    struct csum c = {0};
    struct writer w = writer_of(data, sizeof data);
    put_u64(&w, 0xfedcba9876543210);
    put_u32(&w, 0xffff1234);
    put_u16(&w, 0x8001);
    csum_add_u64(&c, 0xfedcba9876543210);
    csum_add_u32(&c, 0xffff1234);
    csum_add_u16(&c, 0x8001);
    assert_int_equal(csum_fold(&c), plain_sum(data, sizeof data));
}

static void test_pseudo(void **state) {
    (void)state;
    uint8_t bytes[64];
    struct csum c4 = {0}, c6 = {0};
    struct umptcp_addr a = test_addr("192.0.2.1"), b = test_addr("198.51.100.7");
    csum_add_pseudo(&c4, &a, &b, IP_PROTO_TCP, 20);
    uint32_t len = test_unhex("c0000201 c6336407 00 06 0014", bytes, sizeof bytes);
    assert_int_equal(csum_fold(&c4), plain_sum(bytes, len));
    a = test_addr("2001:db8::1");
    b = test_addr("fe80::2");
    csum_add_pseudo(&c6, &a, &b, IP_PROTO_ICMPV6, 0x12345);
    len = test_unhex("20010db8000000000000000000000001 fe800000000000000000000000000002 00012345 000000 3a", bytes,
                     sizeof bytes);
    assert_int_equal(csum_fold(&c6), plain_sum(bytes, len));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc1071_example),
        cmocka_unit_test(test_every_length_and_place),
        cmocka_unit_test(test_ones),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_pseudo),
    };
    return cmocka_run_group_tests_name("checksum", tests, NULL, NULL);
}
