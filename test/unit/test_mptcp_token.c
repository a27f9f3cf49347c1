/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys, tokens and initial data sequence numbers (RFC 8684 3.1), and the table that joins are found in. */
#include "mptcplab.h"

#include <errno.h>

/* These two keys have the same token. */
#define TWIN_1     0xc66fu
#define TWIN_2     0xe658u
#define TWIN_TOKEN 0x7357966au

struct setup {
    struct testmem tm;
    struct env env;
    struct tokens tokens;
};

static void setup(struct setup *s) {
    static const uint8_t seed[32] = {1};
    memset(s, 0, sizeof *s);
    mem_init(&s->env.mem, testmem_alloc, &s->tm, 0);
    rng_init(&s->env.rng, seed);
    assert_int_equal(tokens_init(&s->tokens, &s->env.mem), 0);
}

static void teardown(struct setup *s) {
    assert_int_equal(s->tokens.table.count, 0);
    tokens_free(&s->tokens, &s->env.mem);
    assert_int_equal(s->tm.blocks, 0);
}

static void store_u64(uint8_t *to, uint64_t v) {
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(v >> 8 * i);
}

/* The next random numbers. */
static void force(struct rng *r, const uint64_t *values, size_t n) {
    r->used = (uint8_t)(sizeof r->block - 8 * n);
    for (size_t i = 0; i < n; i++)
        store_u64(r->block + r->used + 8 * i, values[i]);
}

static void test_vectors(void **state) { /* M-KEY-07, M-KEY-08 */
    static const struct {
        uint64_t key, idsn;
        uint32_t token;
    } vectors[] = {
        {MLAB_KEY_A, 0x62815714b76ae9a5u, 0x1dce6604},
        {MLAB_KEY_B, 0xf9fb2ac1ea2ce0d2u, 0x7b981f5b},
        {0x910d67fa6e521bcau, 14951840655124085082u, 0xfe43ace1},
        {0x738196eb172c174du, 9363172220073527074u, 0x5c0b846a},
        {TWIN_1, 0xb36a386e32b1b85eu, TWIN_TOKEN},
        {TWIN_2, 0x476ca848021bac06u, TWIN_TOKEN},
        {0x3d9a2, 0xf88b3941fffffa5au, 0xb67169ec},
    };
    struct setup s;
    (void)state;
    setup(&s);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct token_node n = {0};
        uint64_t key;
        struct dsn idsn;
        force(&s.env.rng, &vectors[i].key, 1);
        assert_int_equal(token_new_key(&s.tokens, &s.env, &n, &key, &idsn), 0);
        assert_int_equal(key, vectors[i].key);
        assert_int_equal(n.token, vectors[i].token);
        assert_int_equal(idsn.v, vectors[i].idsn);
        token_release(&s.tokens, &n);
    }
    teardown(&s);
}

static void test_found_until_released(void **state) { /* M-KEY-09, M-KEY-13 */
    enum { N = 1000 };
    static struct token_node nodes[N];
    struct setup s;
    uint64_t key;
    struct dsn idsn;
    (void)state;
    setup(&s);
    memset(nodes, 0, sizeof nodes);
    for (int i = 0; i < N; i++) {
        assert_int_equal(token_new_key(&s.tokens, &s.env, &nodes[i], &key, &idsn), 0);
        assert_true(key && nodes[i].token && nodes[i].registered);
    }
    for (int i = 0; i < N; i++)
        assert_ptr_equal(token_find(&s.tokens, &s.env.hash_key, nodes[i].token), &nodes[i]);
    for (int i = 0; i < N; i += 2) {
        token_release(&s.tokens, &nodes[i]);
        token_release(&s.tokens, &nodes[i]); /* once more is harmless */
    }
    for (int i = 0; i < N; i++) {
        struct token_node *found = token_find(&s.tokens, &s.env.hash_key, nodes[i].token);
        assert_ptr_equal(found, i % 2 ? &nodes[i] : NULL);
        token_release(&s.tokens, &nodes[i]);
    }
    teardown(&s);
}

static void test_keys_differ(void **state) { /* M-KEY-01, M-KEY-02 */
    enum { N = 2000 };
    static uint64_t keys[N];
    struct setup s;
    uint32_t ones = 0;
    (void)state;
    setup(&s);
    for (int i = 0; i < N; i++) {
        struct token_node n = {0};
        struct dsn idsn;
        assert_int_equal(token_new_key(&s.tokens, &s.env, &n, &keys[i], &idsn), 0);
        token_release(&s.tokens, &n);
        for (int k = 0; k < i; k++)
            assert_true(keys[k] != keys[i]);
        ones += (uint32_t)__builtin_popcountll(keys[i]);
    }
    assert_in_range(ones, N * 31, N * 33);
    teardown(&s);
}

static void test_collision(void **state) { /* M-KEY-02, M-KEY-03 */
    static const uint64_t keys[] = {TWIN_1, TWIN_2, TWIN_1, MLAB_KEY_A};
    struct token_node a = {0}, b = {0};
    struct setup s;
    uint64_t key;
    struct dsn idsn;
    (void)state;
    setup(&s);
    force(&s.env.rng, keys, 4);
    assert_int_equal(token_new_key(&s.tokens, &s.env, &a, &key, &idsn), 0);
    assert_int_equal(key, TWIN_1);
    assert_int_equal(token_new_key(&s.tokens, &s.env, &b, &key, &idsn), 0);
    assert_int_equal(key, MLAB_KEY_A); /* the twin, and the very same key, are passed over */
    assert_ptr_equal(token_find(&s.tokens, &s.env.hash_key, TWIN_TOKEN), &a);
    token_release(&s.tokens, &a);
    force(&s.env.rng, keys + 1, 1);
    assert_int_equal(token_new_key(&s.tokens, &s.env, &a, &key, &idsn), 0);
    assert_int_equal(key, TWIN_2); /* it is free again */
    token_release(&s.tokens, &a);
    token_release(&s.tokens, &b);
    teardown(&s);
}

static void test_no_key_found(void **state) { /* M-KEY-05 */
    static const uint64_t keys[] = {TWIN_1, TWIN_2, TWIN_1, 0, TWIN_2};
    struct token_node a = {0}, b = {0};
    struct setup s;
    uint64_t key = 1;
    struct dsn idsn = {2};
    (void)state;
    setup(&s);
    force(&s.env.rng, keys, 5);
    assert_int_equal(token_new_key(&s.tokens, &s.env, &a, &key, &idsn), 0);
    key = 1;
    idsn.v = 2;
    assert_int_equal(token_new_key(&s.tokens, &s.env, &b, &key, &idsn), -EADDRINUSE);
    assert_false(b.registered);
    assert_int_equal(key, 1);
    assert_int_equal(idsn.v, 2);
    token_release(&s.tokens, &a);
    teardown(&s);
}

static void test_without_memory(void **state) { /* the table cannot grow: it goes on with longer chains */
    enum { N = 200 };
    static struct token_node nodes[N];
    struct setup s;
    uint64_t key;
    struct dsn idsn;
    (void)state;
    setup(&s);
    memset(nodes, 0, sizeof nodes);
    s.tm.fail_at = s.tm.requests + 1;
    s.tm.fail_on = true;
    for (int i = 0; i < N; i++)
        assert_int_equal(token_new_key(&s.tokens, &s.env, &nodes[i], &key, &idsn), 0);
    for (int i = 0; i < N; i++)
        assert_ptr_equal(token_find(&s.tokens, &s.env.hash_key, nodes[i].token), &nodes[i]);
    for (int i = 0; i < N; i++)
        token_release(&s.tokens, &nodes[i]);
    teardown(&s);
}

/* ---- In a stack -------------------------------------------------------------------------------------------------- */

/* A second connection to the same peer; the number of its flow. */
static int connect_again(struct mlab *l) {
    struct umptcp_connect c = {.remote.port = MLAB_PORT};
    umptcp_sock sock;
    assert_int_equal(umptcp_addr_parse("10.0.1.2", &c.remote.addr), 0);
    c.local.port = 2000;
    assert_int_equal(umptcp_addr_parse("10.0.1.1", &c.local.addr), 0);
    assert_int_equal(umptcp_connect(l->s, &c, &sock, l->now), 0);
    mlab_wait(l, MSEC(1));
    assert_true(l->flow[2].used);
    return 2;
}

static void force_keys(struct mlab *l, const uint64_t *keys, size_t n) {
    uint8_t bytes[64];
    for (size_t i = 0; i < n; i++)
        store_u64(bytes + 8 * i, keys[i]);
    mlab_random(l, bytes, 8 * n);
}

static void test_second_connection_takes_another_key(void **state) { /* M-KEY-03 */
    static const uint64_t keys[] = {TWIN_2, MLAB_KEY_A};
    struct mlab *l = mlab_new_open(&(struct mlab_options){.key = TWIN_1});
    (void)state;
    force_keys(l, keys, 2);
    int sf = connect_again(l);
    mlab_want(l, sf, "S 0(0) mpc");
    assert_int_equal(mlab_sf(l, sf)->conn->local_key, MLAB_KEY_A);
    assert_int_equal(mlab_sf(l, 1)->conn->token.token, TWIN_TOKEN);
    mlab_free(l);
}

static void test_client_without_key_is_tcp(void **state) { /* M-KEY-05 */
    static const uint64_t keys[] = {TWIN_2, TWIN_1, TWIN_2, TWIN_1};
    struct mlab *l = mlab_new_open(&(struct mlab_options){.key = TWIN_1});
    (void)state;
    force_keys(l, keys, 4);
    int sf = connect_again(l);
    mlab_want(l, sf, "S 0(0)");
    assert_int_equal(mlab_mib(l, MIB_MP_FALLBACK_TOKEN), 1);
    mlab_free(l);
}

static void test_server_without_key_is_tcp(void **state) { /* M-KEY-05 */
    static const uint64_t keys[] = {TWIN_2, TWIN_1, TWIN_2, TWIN_1};
    struct mlab *l = mlab_new_open(&(struct mlab_options){.server = true, .key = TWIN_1});
    (void)state;
    force_keys(l, keys, 4);
    mlab_path(l, 2, 1);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpc");
    mlab_want(l, 2, "S. 0(0) ack 1");
    assert_int_equal(mlab_mib(l, MIB_MP_FALLBACK_TOKEN), 1);
    mlab_in(l, 2, ". 1(0) ack 1 mpc");
    assert_int_equal(mlab_sf(l, 2)->conn->mode, MP_OFF);
    mlab_free(l);
}

static void test_tokens_go_with_their_connections(void **state) { /* M-KEY-13 */
    struct mlab *l = mlab_new(NULL);
    (void)state;
    for (int i = 0; i < 100; i++) {
        memset(&l->flow[1], 0, sizeof l->flow[1]);
        mlab_connect(l, 0);
        assert_int_equal(l->s->mp.tokens.table.count, 1);
        mlab_skip(l);
        mlab_in(l, 1, "R. 0(0) ack 1");
        mlab_close(l);
        assert_int_equal(l->s->mp.tokens.table.count, 0);
    }
    mlab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_found_until_released),
        cmocka_unit_test(test_keys_differ),
        cmocka_unit_test(test_collision),
        cmocka_unit_test(test_no_key_found),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_second_connection_takes_another_key),
        cmocka_unit_test(test_client_without_key_is_tcp),
        cmocka_unit_test(test_server_without_key_is_tcp),
        cmocka_unit_test(test_tokens_go_with_their_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
