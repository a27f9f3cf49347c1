/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocator for tests. It refuses the request that it is told to refuse, checks the sizes that it is told, moves a
 * block whenever it is resized, and gives out no zeros by chance. And a source of repeatable random numbers.
 *
 *     struct testmem tm = {0};
 *     mem_init(&mem, testmem_alloc, &tm, 0);            or cfg.alloc = testmem_alloc, cfg.alloc_ctx = &tm
 *     TESTMEM_EACH_FAILURE(&tm) {                       runs again, with the 1st, 2nd ... request refused, until none
 * was
 *         ... testmem_refused(&tm) tells whether this run met the refusal
 *     }
 *     tm.blocks == 0 && tm.bytes == 0                   nothing leaked
 */
#ifndef UMPTCP_TEST_TESTMEM_H
#define UMPTCP_TEST_TESTMEM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct testmem {
    uint64_t requests; /* for fresh memory or another size, so far */
    uint64_t fail_at;  /* this one is refused (counted from 1); 0: none */
    bool fail_on;      /* and all after it */
    size_t blocks, bytes;
};

union testmem_head {
    size_t size;
    max_align_t align;
};

static inline bool testmem_refused(const struct testmem *tm) { return tm->fail_at && tm->requests >= tm->fail_at; }

static inline void testmem_drop(struct testmem *tm, union testmem_head *head) {
    tm->blocks--;
    tm->bytes -= head->size;
    free(head);
}

/* An umptcp_alloc_fn. */
static inline void *testmem_alloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    struct testmem *tm = ctx;
    union testmem_head *old = ptr ? (union testmem_head *)ptr - 1 : NULL;
    assert(old_size == (old ? old->size : 0));
    if (size == 0) {
        if (old)
            testmem_drop(tm, old);
        return NULL;
    }
    tm->requests++;
    if (tm->fail_at && (tm->requests == tm->fail_at || (tm->fail_on && tm->requests > tm->fail_at)))
        return NULL;
    union testmem_head *head = malloc(sizeof *head + size);
    assert(head);
    head->size = size;
    memset(head + 1, 0xa5, size);
    tm->blocks++;
    tm->bytes += size;
    if (old) {
        memcpy(head + 1, ptr, old_size < size ? old_size : size);
        testmem_drop(tm, old);
    }
    return head + 1;
}

/* The next round of TESTMEM_EACH_FAILURE; ends it after the round in which nothing was refused. */
static inline bool testmem_round(struct testmem *tm, uint64_t n) {
    bool again = n == 1 || testmem_refused(tm);
    tm->fail_at = again ? tm->requests + n : 0;
    return again;
}
#define TESTMEM_EACH_FAILURE(tm) for (uint64_t testmem_n = 1; testmem_round(tm, testmem_n); testmem_n++)

/* Splitmix64. */
static inline uint64_t test_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
/* In [0, n). */
static inline uint32_t test_below(uint64_t *state, uint32_t n) { return (uint32_t)((test_random(state) >> 32) % n); }

#endif
