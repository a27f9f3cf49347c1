/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys, tokens, HMACs and DSS checksums against worked vectors and against what a Linux peer was seen to send. */
#include "testwire.h"
#include "wire/mpcrypto.h"

static const uint64_t key_a = 0x1122334455667788, key_b = 0x99aabbccddeeff00;
static const uint64_t linux_a = 0x910d67fa6e521bca, linux_b = 0x738196eb172c174d;

static void test_tokens(void **state) {
    (void)state;
    static const struct {
        uint64_t key;
        uint32_t token;
        uint64_t idsn;
    } cases[] = {
        {key_a, 0x1dce6604, 0x62815714b76ae9a5},
        {key_b, 0x7b981f5b, 0xf9fb2ac1ea2ce0d2},
        {linux_a, 0xfe43ace1, 14951840655124085082u},
        {linux_b, 0x5c0b846a, 9363172220073527074u},
        {0xc66f, 0x7357966a, 0xb36a386e32b1b85e}, /* two keys, one token */
        {0xe658, 0x7357966a, 0x476ca848021bac06},
        {0x3d9a2, 0xb67169ec, 0xf88b3941fffffa5a}, /* the low half wraps soon */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t token;
        struct dsn idsn;
        mp_key_derive(cases[i].key, &token, &idsn);
        assert_int_equal(token, cases[i].token);
        assert_int_equal(idsn.v, cases[i].idsn);
    }
}

static void test_join_hmac(void **state) {
    (void)state;
    uint8_t hmac[32];
    mp_join_hmac(key_a, key_b, 0x01234567, 0x89abcdef, hmac);
    test_assert_hex(hmac, sizeof hmac, "5ada0a12e956691b19eba717d0f222180bb18a5c5b66aed5e9c479dd16ea2672");
    mp_join_hmac(key_b, key_a, 0x89abcdef, 0x01234567, hmac);
    test_assert_hex(hmac, sizeof hmac, "4f69cf7fe17eb65e4b4ec5de8d7ca6c85d546d490851bec4821bac3ad14eb294");
    assert_int_equal(mp_join_hmac64(hmac), 0x4f69cf7fe17eb65e);
    mp_join_hmac(linux_b, linux_a, 0x57c5153b, 0x1ac24d50, hmac);
    assert_int_equal(mp_join_hmac64(hmac), 0xd37ed93854b75456);
    mp_join_hmac(linux_a, linux_b, 0x1ac24d50, 0x57c5153b, hmac);
    test_assert_hex(hmac, 20, "ca22ec9095f41415d5aacdebe6b03ced818ed218");
}

/* M-ADD-10 */
static void test_add_addr_hmac(void **state) {
    (void)state;
    static const struct {
        uint64_t from, to;
        uint8_t id;
        const char *addr;
        uint16_t port;
        uint64_t hmac;
    } cases[] = {
        {key_b, key_a, 5, "192.0.2.45", 0, 0x56588d9564ac9654},
        {key_b, key_a, 5, "192.0.2.45", 8443, 0x9e6912e2d9339b32},
        {key_a, key_b, 2, "198.51.100.7", 0, 0x5671d621870be3ba},
        {key_b, key_a, 6, "2001:db8::1:2", 0, 0x8b2b4c6048a2fd4a},
        {key_b, key_a, 6, "2001:db8::1:2", 443, 0xd5e04ba873c8b1d9},
        {linux_b, linux_a, 1, "10.0.2.1", 0, 0x0e24af84eb073111},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct umptcp_addr addr = test_addr(cases[i].addr);
        uint64_t hmac = mp_add_addr_hmac(cases[i].from, cases[i].to, cases[i].id, &addr, cases[i].port);
        assert_int_equal(hmac, cases[i].hmac);
    }
}

static void test_hmac_eq(void **state) {
    (void)state;
    uint8_t a[20], b[20];
    memset(a, 0x5a, sizeof a);
    memcpy(b, a, sizeof b);
    assert_true(mp_hmac_eq(a, b, sizeof a));
    for (size_t i = 0; i < sizeof a * 8; i++) {
        b[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_false(mp_hmac_eq(a, b, sizeof a));
        assert_int_equal(mp_hmac_eq(a, b, i / 8), true);
        b[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

static uint16_t dss_csum(uint64_t dsn, uint32_t ssn, uint16_t len, const void *data, size_t data_len) {
    struct csum c = {0};
    csum_add(&c, data, data_len);
    mp_csum_add_pseudo(&c, (struct dsn){dsn}, ssn, len);
    return csum_finish(&c);
}

/* M-MAP-07 */
static void test_dss_checksum(void **state) {
    (void)state;
    const uint64_t dsn = 0x62815714b76ae9a6;
    assert_int_equal(dss_csum(dsn, 1, 16, "hello, multipath", 16), 0x723c);
    assert_int_equal(dss_csum(dsn + 16, 17, 3, "odd", 3), 0xd1cf);
    assert_int_equal(dss_csum(dsn + 19, 20, 11, "0123456789", 10), 0xa01c);
    assert_int_equal(dss_csum(dsn + 29, 0, 1, "", 0), 0xa53a);
    assert_int_equal(dss_csum(0, 0, 4, "\0\0\0\0", 4), 0xfffb);
    assert_int_equal(dss_csum(UINT64_MAX, 1, 2, "\xff\xff", 2), 0xfffc);

    uint32_t token;
    struct dsn a, b;
    mp_key_derive(0x898dd1db839238f4, &token, &a);
    mp_key_derive(0x6fef35facda88dea, &token, &b);
    assert_int_equal(dss_csum(a.v + 1, 1, 13, "hello, mptcp!", 13), 0xa42e);
    assert_int_equal(dss_csum(b.v + 1, 1, 13, "hello, mptcp!", 13), 0xdfac);
    assert_int_equal(dss_csum(a.v + 17, 0, 1, "", 0), 0xfd7b);
}

/* M-MAP-31: one mapping over several segments, whatever their lengths. The pseudo-header may come first, too. */
static void test_dss_checksum_in_pieces(void **state) {
    (void)state;
    for (size_t first = 0; first <= 16; first++)
        for (size_t second = first; second <= 16; second++) {
            const char *data = "hello, multipath";
            struct csum c = {0};
            mp_csum_add_pseudo(&c, (struct dsn){0x62815714b76ae9a6}, 1, 16);
            csum_add(&c, data, first);
            csum_add(&c, data + first, second - first);
            csum_add(&c, data + second, 16 - second);
            assert_int_equal(csum_finish(&c), 0x723c);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),        cmocka_unit_test(test_join_hmac),
        cmocka_unit_test(test_add_addr_hmac), cmocka_unit_test(test_hmac_eq),
        cmocka_unit_test(test_dss_checksum),  cmocka_unit_test(test_dss_checksum_in_pieces),
    };
    return cmocka_run_group_tests_name("mpcrypto", tests, NULL, NULL);
}
