/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every layer of one stack shares: memory, timers, randomness, counters, the configuration, and the time of the
 * present call. One per stack; passed down, never global.
 */
#ifndef UMPTCP_BASE_ENV_H
#define UMPTCP_BASE_ENV_H

#include "base/bytebuf.h"
#include "base/hash.h"
#include "base/mib.h"
#include "base/random.h"
#include "base/timer.h"

struct env {
    utime now; /* set at the start of every public call; never goes back */
    struct umptcp_config cfg;
    struct mem mem;
    struct timers timers;
    struct chunk_pool chunks;
    struct rng rng;
    struct hash_key hash_key; /* for tables */
    uint8_t isn_secret[16];   /* RFC 6528 */
    struct mib_table mib;
    uint32_t time_waits; /* tcbs in TIME-WAIT, and orphans in FIN-WAIT-2 */
};

#endif
