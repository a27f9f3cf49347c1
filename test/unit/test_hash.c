/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-1-3 against known values, and the table against a plain search. */
#include "base/hash.h"
#include "base/list.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>

/*
 * Of the bytes 0, 1, 2 ...: with the key 00 01 .. 0f, the values that the Rust library and others test theirs with;
 * with a zero key, what CPython 3.11 says for hash(bytes(range(n))) when PYTHONHASHSEED is 0.
 */
static void test_siphash_values(void **state) {
    (void)state;
    static const struct {
        size_t len;
        uint64_t zero_key, counting_key;
    } known[] = {
        {1, 0x68a914128e01e473, 0xc9f49bf37d57ca93},  {2, 0x010bac45c41e3669, 0x82cb9b024dc7d44d},
        {3, 0x4d4c9a4a8ef6e0ad, 0x8bf80ab8e7ddf7fb},  {7, 0x2f098ab0c751325a, 0xd3927d989bb11140},
        {8, 0xead411e67ebe2eea, 0x369095118d299a8e},  {9, 0x75927f9d95124362, 0x25a48eb36c063de4},
        {15, 0xf30eb725bb91c9ea, 0xd320d86d2a519956}, {16, 0x8972188433a5c5b7, 0xcc4fdd1a7d908b66},
        {17, 0x4883c49a2c009c1d, 0x9cf2689063dbd80c}, {31, 0x169739443111d49b, 0x2370dd1f8c21d1bc},
        {32, 0x31ef8061c910629b, 0x81157b6c16a7b60d}, {36, 0xac77921fcc642bd3, 0x2cf508d3ada26206},
        {40, 0x95bc321ab41d8206, 0xc1d2363299e41531},
    };
    const struct hash_key zero = {0, 0}, counting = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t in[64];
    for (uint8_t i = 0; i < sizeof in; i++)
        in[i] = i;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(siphash13(&zero, in, known[i].len), known[i].zero_key);
        assert_int_equal(siphash13(&counting, in, known[i].len), known[i].counting_key);
    }
    assert_int_equal(siphash24(&counting, in, 0), 0x726fdb47dd0e0e31);
    assert_int_equal(siphash24(&counting, in, 15), 0xa129ca6149be45e5);
}

struct item {
    uint32_t id;
    bool in;
    struct hash_node node;
};

enum { ITEMS = 600, STEPS = 20000 };

/* Every hash is shared by three items, and every fourth of the hashes by their low bits too. */
static uint64_t hash_of(uint32_t id) {
    uint64_t h = id / 3;
    return h % 4 ? h * 0x9e3779b97f4a7c15u : h << 32;
}

static bool lookup(const struct hash_table *t, uint32_t id) {
    bool found = false;
    for (struct hash_node *n = hash_table_first(t, hash_of(id)); n; n = hash_node_next(n)) {
        assert_int_equal(n->hash, hash_of(id));
        struct item *item = container_of(n, struct item, node);
        if (item->id == id) {
            assert_false(found);
            found = true;
        }
    }
    return found;
}

/* `refuse`: after the first buckets there is no memory any more. */
static void run_model(uint64_t seed, bool refuse) {
    struct testmem tm = {.fail_at = refuse ? 2 : 0, .fail_on = true};
    struct mem mem;
    struct hash_table t;
    static struct item items[ITEMS];
    memset(items, 0, sizeof items);
    mem_init(&mem, testmem_alloc, &tm, 0);
    assert_int_equal(hash_table_init(&t, &mem, 4), 0);
    uint32_t count = 0;
    for (int step = 0; step < STEPS; step++) {
        uint32_t id = test_below(&seed, ITEMS);
        struct item *item = &items[id];
        item->id = id;
        if (!item->in)
            hash_table_add(&t, &mem, &item->node, hash_of(id));
        else
            hash_table_remove(&t, &item->node);
        item->in = !item->in;
        count += item->in ? 1u : -1u;
        assert_int_equal(t.count, count);
        assert_int_equal(lookup(&t, id), item->in);
        id = test_below(&seed, ITEMS);
        assert_int_equal(lookup(&t, id), items[id].in);
    }
    for (uint32_t id = 0; id < ITEMS; id++)
        assert_int_equal(lookup(&t, id), items[id].in);
    assert_int_equal(t.nbuckets == 4, refuse);
    assert_true(refuse || t.nbuckets >= 256);
    assert_int_equal(mem.used, t.nbuckets * sizeof *t.buckets);
    hash_table_free(&t, &mem);
    assert_int_equal(mem.used, 0);
    assert_int_equal(tm.blocks, 0);
}

static void test_table(void **state) {
    (void)state;
    run_model(1, false);
}

static void test_table_that_cannot_grow(void **state) {
    (void)state;
    run_model(2, true);
}

static void test_init_without_memory(void **state) {
    (void)state;
    struct testmem tm = {.fail_at = 1};
    struct mem mem;
    struct hash_table t;
    mem_init(&mem, testmem_alloc, &tm, 0);
    assert_int_equal(hash_table_init(&t, &mem, 16), -ENOMEM);
    hash_table_free(&t, &mem);
    assert_int_equal(mem.used, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash_values),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_that_cannot_grow),
        cmocka_unit_test(test_init_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
