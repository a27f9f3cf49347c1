/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash (Aumasson, Bernstein: "SipHash: a fast short-input PRF") with 1 and 3 rounds or 2 and 4, and the chained
 * table. */
#include "base/hash.h"

#include <assert.h>
#include <errno.h>

static uint64_t rotl(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* 8 bytes, the first one lowest; in a shape that compiles to one load. */
static uint64_t load64(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
           (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* The same for the last `n` bytes, fewer than 8. */
static uint64_t load_rest(const uint8_t *p, size_t n) {
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)p[i] << 8 * i;
    return word;
}

static inline void sip_word(uint64_t v[4], uint64_t word, int rounds) {
    v[3] ^= word;
    for (int i = 0; i < rounds; i++)
        sip_round(v);
    v[0] ^= word;
}

static inline uint64_t siphash(const struct hash_key *key, const void *data, size_t len, int each, int last) {
    uint64_t v[4] = {
        key->k0 ^ 0x736f6d6570736575u,
        key->k1 ^ 0x646f72616e646f6du,
        key->k0 ^ 0x6c7967656e657261u,
        key->k1 ^ 0x7465646279746573u,
    };
    const uint8_t *p = data;
    size_t left = len;
    for (; left >= 8; p += 8, left -= 8)
        sip_word(v, load64(p), each);
    sip_word(v, (uint64_t)len << 56 | load_rest(p, left), each);
    v[2] ^= 0xff;
    for (int i = 0; i < last; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t siphash13(const struct hash_key *key, const void *data, size_t len) { return siphash(key, data, len, 1, 3); }
uint64_t siphash24(const struct hash_key *key, const void *data, size_t len) { return siphash(key, data, len, 2, 4); }

static struct hash_node **bucket(const struct hash_table *t, uint64_t hash) {
    return &t->buckets[hash & (t->nbuckets - 1)];
}

static void link_node(struct hash_table *t, struct hash_node *n) {
    struct hash_node **b = bucket(t, n->hash);
    n->next = *b;
    *b = n;
}

int hash_table_init(struct hash_table *t, struct mem *mem, uint32_t nbuckets) {
    assert(nbuckets > 0 && (nbuckets & (nbuckets - 1)) == 0);
    struct hash_node **buckets = mem_alloc(mem, nbuckets * sizeof *buckets);
    *t = (struct hash_table){.buckets = buckets, .nbuckets = buckets ? nbuckets : 0};
    return buckets ? 0 : -ENOMEM;
}

void hash_table_free(struct hash_table *t, struct mem *mem) {
    mem_free(mem, t->buckets, t->nbuckets * sizeof *t->buckets);
    *t = (struct hash_table){0};
}

/* Doubles the buckets; without memory all stays as it is. */
static void grow(struct hash_table *t, struct mem *mem) {
    struct hash_table larger;
    if (t->nbuckets > UINT32_MAX / 2 || hash_table_init(&larger, mem, t->nbuckets * 2))
        return;
    for (uint32_t i = 0; i < t->nbuckets; i++)
        for (struct hash_node *n = t->buckets[i], *next; n; n = next) {
            next = n->next;
            link_node(&larger, n);
        }
    larger.count = t->count;
    hash_table_free(t, mem);
    *t = larger;
}

void hash_table_add(struct hash_table *t, struct mem *mem, struct hash_node *n, uint64_t hash) {
    assert(t->nbuckets > 0);
    if (t->count >= t->nbuckets)
        grow(t, mem);
    n->hash = hash;
    link_node(t, n);
    t->count++;
}

void hash_table_remove(struct hash_table *t, struct hash_node *n) {
    struct hash_node **at = bucket(t, n->hash);
    while (*at != n) {
        assert(*at);
        at = &(*at)->next;
    }
    *at = n->next;
    n->next = NULL;
    t->count--;
}

static struct hash_node *skip_others(struct hash_node *n, uint64_t hash) {
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct hash_node *hash_table_first(const struct hash_table *t, uint64_t hash) {
    return skip_others(*bucket(t, hash), hash);
}

struct hash_node *hash_node_next(const struct hash_node *n) {
    return skip_others(n->next, n->hash);
}
