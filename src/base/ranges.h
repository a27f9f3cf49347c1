/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A set of 64-bit numbers kept as sorted, disjoint, non-touching half-open ranges [start, end). Comparison is modulo
 * 2^64 (all members lie within 2^63 of each other), so it serves ssn and dsn alike. Holds no memory when empty.
 */
#ifndef UMPTCP_BASE_RANGES_H
#define UMPTCP_BASE_RANGES_H

#include "base/mem.h"

struct range {
    uint64_t start, end;
};

struct ranges {
    struct range *items;
    uint32_t count, capacity;
};

void ranges_free(struct ranges *r, struct mem *mem);
static inline bool ranges_empty(const struct ranges *r) { return r->count == 0; }
/* Adds [start, end). Returns 0, or -ENOMEM with the set unchanged. Empty ranges are fine. */
int ranges_add(struct ranges *r, struct mem *mem, uint64_t start, uint64_t end);
/* Takes [start, end) out. Returns 0, or -ENOMEM (only when a range would have to be split) with the set unchanged. */
int ranges_remove(struct ranges *r, struct mem *mem, uint64_t start, uint64_t end);
/* Takes out all below `end`: never fails. */
void ranges_remove_below(struct ranges *r, struct mem *mem, uint64_t end);
/* The range that holds `at`, or NULL. */
const struct range *ranges_find(const struct ranges *r, uint64_t at);
/* The first range that ends after `at` (it may start after it), or NULL. */
const struct range *ranges_next(const struct ranges *r, uint64_t at);
/* True when all of [start, end) is in the set. */
bool ranges_cover(const struct ranges *r, uint64_t start, uint64_t end);
/* The first part of [start, end) that is not in the set: stores it and returns true; false when all of it is. */
bool ranges_gap(const struct ranges *r, uint64_t start, uint64_t end, struct range *gap);
/* True when [start, end) overlaps or touches a range of the set: adding it makes no further one. */
bool ranges_touch(const struct ranges *r, uint64_t start, uint64_t end);
/* How many numbers are in the set. */
uint64_t ranges_total(const struct ranges *r);

#endif
