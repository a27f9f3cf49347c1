/* SPDX-License-Identifier: BSD-3-Clause */
/* The stack's randomness: ChaCha20 keyed by the seed of the configuration. The same seed gives the same run. */
#ifndef UMPTCP_BASE_RANDOM_H
#define UMPTCP_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint8_t key[32];
    uint64_t counter;
    uint8_t block[64];
    uint8_t used; /* bytes of block given out */
};

void rng_init(struct rng *r, const uint8_t seed[32]);
void rng_bytes(struct rng *r, void *dst, size_t len);
uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n), n > 0. */
uint32_t rng_below(struct rng *r, uint32_t n);

#endif
