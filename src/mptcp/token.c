/* SPDX-License-Identifier: BSD-3-Clause */
/* The token table (RFC 8684 3.1): unique among the connections of a stack, found by MP_JOIN. */
#include "mptcp/token.h"

#include <errno.h>

#include "base/list.h"
#include "wire/mpcrypto.h"

enum { TOKEN_BUCKETS = 16 };

static uint64_t token_hash(const struct hash_key *key, uint32_t token) { return siphash13(key, &token, sizeof token); }

int tokens_init(struct tokens *t, struct mem *mem) { return hash_table_init(&t->table, mem, TOKEN_BUCKETS); }

void tokens_free(struct tokens *t, struct mem *mem) { hash_table_free(&t->table, mem); }

struct token_node *token_find(const struct tokens *t, const struct hash_key *key, uint32_t token) {
    for (struct hash_node *n = hash_table_first(&t->table, token_hash(key, token)); n; n = hash_node_next(n)) {
        struct token_node *tn = container_of(n, struct token_node, node);
        if (tn->token == token)
            return tn;
    }
    return NULL;
}

int token_take_key(struct tokens *t, struct env *env, struct token_node *n, uint64_t key, struct dsn *idsn) {
    uint32_t token;
    struct dsn first;
    mp_key_derive(key, &token, &first);
    if (!key || !token || token_find(t, &env->hash_key, token))
        return -EADDRINUSE;
    n->token = token;
    *idsn = first;
    n->registered = true;
    hash_table_add(&t->table, &env->mem, &n->node, token_hash(&env->hash_key, token));
    return 0;
}

int token_new_key(struct tokens *t, struct env *env, struct token_node *n, uint64_t *key, struct dsn *idsn) {
    for (int tries = 0; tries < TOKEN_TRIES; tries++) {
        uint64_t k = rng_u64(&env->rng);
        if (!token_take_key(t, env, n, k, idsn)) {
            *key = k;
            return 0;
        }
    }
    return -EADDRINUSE;
}

void token_release(struct tokens *t, struct token_node *n) {
    if (!n->registered)
        return;
    hash_table_remove(&t->table, &n->node);
    n->registered = false;
}
