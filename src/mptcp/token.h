/* SPDX-License-Identifier: BSD-3-Clause */
/* Tokens (RFC 8684 3.1): the 32-bit names of connections in one stack, and the keys they come from. */
#ifndef UMPTCP_MPTCP_TOKEN_H
#define UMPTCP_MPTCP_TOKEN_H

#include "base/env.h"
#include "base/seq.h"

enum { TOKEN_TRIES = 4 };

struct conn;

struct token_node {
    struct hash_node node;
    uint32_t token;
    bool registered;
};

struct tokens {
    struct hash_table table;
};

int tokens_init(struct tokens *t, struct mem *mem);
void tokens_free(struct tokens *t, struct mem *mem);
/* A key whose token no connection of this stack has: tries TOKEN_TRIES random ones. 0, or -EADDRINUSE. Registers `n`.
 */
int token_new_key(struct tokens *t, struct env *env, struct token_node *n, uint64_t *key, struct dsn *idsn);
/* The same with a key that is given. 0, or -EADDRINUSE when it cannot be one or its token is taken. */
int token_take_key(struct tokens *t, struct env *env, struct token_node *n, uint64_t key, struct dsn *idsn);
void token_release(struct tokens *t, struct token_node *n);
/* The node with this token, or NULL. */
struct token_node *token_find(const struct tokens *t, const struct hash_key *key, uint32_t token);

#endif
