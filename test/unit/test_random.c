/* SPDX-License-Identifier: BSD-3-Clause */
/* Randomness: the key stream of ChaCha20, however it is cut, and even numbers from it. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8439 A.1, test vectors #1 and #2 (zero key and nonce, blocks 0 and 1). */
static void test_is_the_chacha20_key_stream(void **state) {
    (void)state;
    static const uint8_t expected[128] = {
        0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28,
        0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7,
        0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37,
        0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86,
        0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08, 0x0d,
        0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3, 0x65, 0x69, 0x12, 0xc6, 0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed,
        0x29, 0xb7, 0x21, 0x76, 0x9c, 0xe6, 0x4e, 0x43, 0xd5, 0x71, 0x33, 0xb0, 0x74, 0xd8, 0x39, 0xd5,
        0x31, 0xed, 0x1f, 0x28, 0x51, 0x0a, 0xfb, 0x45, 0xac, 0xe1, 0x0a, 0x1f, 0x4b, 0x79, 0x4d, 0x6f,
    };
    const uint8_t seed[32] = {0};
    struct rng r;
    uint8_t out[128];
    rng_init(&r, seed);
    rng_bytes(&r, out, sizeof out);
    assert_memory_equal(out, expected, sizeof out);

    rng_init(&r, seed);
    assert_int_equal(rng_u32(&r), 0xade0b876);
    assert_int_equal(rng_u64(&r), 0xe56a5d40903df1a0);
}

static void test_stream_does_not_depend_on_the_cuts(void **state) {
    (void)state;
    const uint8_t seed[32] = {1, 2, 3};
    struct rng whole, parts;
    uint8_t a[1000], b[1000];
    rng_init(&whole, seed);
    rng_init(&parts, seed);
    rng_bytes(&whole, a, sizeof a);
    for (size_t at = 0, n = 0; at < sizeof b; at += n, n = (n * 7 + 1) % 150) {
        if (n > sizeof b - at)
            n = sizeof b - at;
        rng_bytes(&parts, b + at, n);
    }
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(rng_u64(&whole), rng_u64(&parts));

    const uint8_t other[32] = {1, 2, 4};
    rng_init(&whole, other);
    rng_bytes(&whole, b, sizeof b);
    assert_memory_not_equal(a, b, 16);
}

static void test_below_is_even(void **state) {
    (void)state;
    const uint8_t seed[32] = {9};
    struct rng r;
    rng_init(&r, seed);
    uint32_t count[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint32_t v = rng_below(&r, 10);
        assert_true(v < 10);
        count[v]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(count[i], 9600, 10400); /* 4 standard deviations */
    /* A plain remainder would give the lower half of these twice as often. */
    uint32_t low = 0;
    const uint32_t n = 0xc0000000;
    for (int i = 0; i < 10000; i++)
        low += rng_below(&r, n) < n / 3;
    assert_in_range(low, 3140, 3530);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rng_below(&r, 1), 0);
        assert_true(rng_below(&r, UINT32_MAX) < UINT32_MAX);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_the_chacha20_key_stream),
        cmocka_unit_test(test_stream_does_not_depend_on_the_cuts),
        cmocka_unit_test(test_below_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
