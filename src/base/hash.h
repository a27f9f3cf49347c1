/* SPDX-License-Identifier: BSD-3-Clause */
/* Keyed hash (SipHash-1-3, so that a peer cannot choose collisions; -2-4 for what leaves the host) and an intrusive
 * chained table that grows. */
#ifndef UMPTCP_BASE_HASH_H
#define UMPTCP_BASE_HASH_H

#include "base/mem.h"

struct hash_key {
    uint64_t k0, k1;
};
uint64_t siphash13(const struct hash_key *key, const void *data, size_t len);
uint64_t siphash24(const struct hash_key *key, const void *data, size_t len);

struct hash_node {
    struct hash_node *next;
    uint64_t hash;
};

struct hash_table {
    struct hash_node **buckets;
    uint32_t nbuckets; /* a power of two */
    uint32_t count;
};

int hash_table_init(struct hash_table *t, struct mem *mem, uint32_t nbuckets); /* 0 or -ENOMEM */
void hash_table_free(struct hash_table *t, struct mem *mem);
/* Never fails: when the table cannot grow its chains do. */
void hash_table_add(struct hash_table *t, struct mem *mem, struct hash_node *n, uint64_t hash);
void hash_table_remove(struct hash_table *t, struct hash_node *n);
/* The nodes with this hash, one by one; NULL at the end. Equal hashes do not mean equal keys: the caller compares. */
struct hash_node *hash_table_first(const struct hash_table *t, uint64_t hash);
struct hash_node *hash_node_next(const struct hash_node *n);

#endif
