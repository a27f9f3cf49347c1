/* SPDX-License-Identifier: BSD-3-Clause */
/* Random bytes are the ChaCha20 key stream (RFC 8439, with a 64-bit block counter and a zero nonce) of the seed. */
#include "base/random.h"

#include <assert.h>
#include <nettle/chacha.h>
#include <string.h>

void rng_init(struct rng *r, const uint8_t seed[32]) {
    *r = (struct rng){.used = sizeof r->block};
    memcpy(r->key, seed, sizeof r->key);
}

static void next_block(struct rng *r) {
    static const uint8_t nonce[CHACHA_NONCE_SIZE], zeros[sizeof r->block];
    uint8_t counter[CHACHA_COUNTER_SIZE];
    for (size_t i = 0; i < sizeof counter; i++)
        counter[i] = (uint8_t)(r->counter >> 8 * i);
    struct chacha_ctx ctx;
    chacha_set_key(&ctx, r->key);
    chacha_set_nonce(&ctx, nonce);
    chacha_set_counter(&ctx, counter);
    chacha_crypt(&ctx, sizeof r->block, r->block, zeros);
    r->counter++;
    r->used = 0;
}

void rng_bytes(struct rng *r, void *dst, size_t len) {
    for (uint8_t *to = dst; len;) {
        if (r->used == sizeof r->block)
            next_block(r);
        size_t n = sizeof r->block - r->used;
        if (n > len)
            n = len;
        memcpy(to, r->block + r->used, n);
        r->used = (uint8_t)(r->used + n);
        to += n;
        len -= n;
    }
}

/* The bytes are put together in one order, so that a run does not depend on the machine's. */
uint64_t rng_u64(struct rng *r) {
    uint8_t b[8];
    uint64_t v = 0;
    rng_bytes(r, b, sizeof b);
    for (size_t i = 0; i < sizeof b; i++)
        v |= (uint64_t)b[i] << 8 * i;
    return v;
}

uint32_t rng_u32(struct rng *r) {
    uint8_t b[4];
    rng_bytes(r, b, sizeof b);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint32_t rng_below(struct rng *r, uint32_t n) {
    assert(n > 0);
    /* Values below 2^32 mod n would make the small remainders more likely. */
    uint32_t v, uneven = (0u - n) % n;
    do
        v = rng_u32(r);
    while (v < uneven);
    return v % n;
}
