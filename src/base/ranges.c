/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sorted ranges in one array. Streams grow at their end and are consumed at their front, so a search looks at the last
 * ranges first, and "extend the last range" moves nothing.
 */
#include "base/ranges.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { CAPACITY_MIN = 4 };

static bool before(uint64_t a, uint64_t b) { return (int64_t)(a - b) < 0; }

void ranges_free(struct ranges *r, struct mem *mem) {
    mem_free(mem, r->items, r->capacity * sizeof *r->items);
    *r = (struct ranges){0};
}

/* Index of the first range that ends after `at`; count when none does. */
static uint32_t search(const struct ranges *r, uint64_t at) {
    uint32_t lo = 0, hi = r->count;
    if (hi == 0 || !before(at, r->items[hi - 1].end))
        return hi;
    hi--;
    if (hi == 0 || !before(at, r->items[hi - 1].end))
        return hi;
    hi--;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (before(at, r->items[mid].end))
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* Puts `item` at index `i`. */
static int insert(struct ranges *r, struct mem *mem, uint32_t i, struct range item) {
    if (r->count == r->capacity) {
        uint32_t capacity = r->capacity ? r->capacity * 2 : CAPACITY_MIN;
        struct range *items = mem_realloc(mem, r->items, r->capacity * sizeof *r->items, capacity * sizeof *r->items);
        if (!items)
            return -ENOMEM;
        r->items = items;
        r->capacity = capacity;
    }
    memmove(r->items + i + 1, r->items + i, (r->count - i) * sizeof *r->items);
    r->items[i] = item;
    r->count++;
    return 0;
}

static void erase(struct ranges *r, struct mem *mem, uint32_t i, uint32_t n) {
    assert(i + n <= r->count);
    if (n == 0)
        return;
    r->count -= n;
    if (r->count == 0)
        ranges_free(r, mem);
    else
        memmove(r->items + i, r->items + i + n, (r->count - i) * sizeof *r->items);
}

int ranges_add(struct ranges *r, struct mem *mem, uint64_t start, uint64_t end) {
    assert(!before(end, start));
    if (start == end)
        return 0;
    /* Ranges [i, j) overlap or touch the new one. */
    uint32_t i = search(r, start - 1), j = i;
    while (j < r->count && !before(end, r->items[j].start))
        j++;
    if (i == j)
        return insert(r, mem, i, (struct range){start, end});
    if (before(start, r->items[i].start))
        r->items[i].start = start;
    r->items[i].end = before(end, r->items[j - 1].end) ? r->items[j - 1].end : end;
    erase(r, mem, i + 1, j - i - 1);
    return 0;
}

int ranges_remove(struct ranges *r, struct mem *mem, uint64_t start, uint64_t end) {
    assert(!before(end, start));
    uint32_t i = search(r, start);
    if (start == end || i == r->count)
        return 0;
    if (before(r->items[i].start, start)) {
        struct range rest = {end, r->items[i].end};
        if (before(rest.start, rest.end)) {
            int err = insert(r, mem, i + 1, rest);
            if (!err)
                r->items[i].end = start;
            return err;
        }
        r->items[i++].end = start;
    }
    uint32_t j = i;
    while (j < r->count && !before(end, r->items[j].end))
        j++;
    if (j < r->count && before(r->items[j].start, end))
        r->items[j].start = end;
    erase(r, mem, i, j - i);
    return 0;
}

void ranges_remove_below(struct ranges *r, struct mem *mem, uint64_t end) {
    uint32_t n = search(r, end);
    if (n < r->count && before(r->items[n].start, end))
        r->items[n].start = end;
    erase(r, mem, 0, n);
}

const struct range *ranges_next(const struct ranges *r, uint64_t at) {
    uint32_t i = search(r, at);
    return i < r->count ? &r->items[i] : NULL;
}

const struct range *ranges_find(const struct ranges *r, uint64_t at) {
    const struct range *next = ranges_next(r, at);
    return next && !before(at, next->start) ? next : NULL;
}

bool ranges_cover(const struct ranges *r, uint64_t start, uint64_t end) {
    struct range gap;
    return !ranges_gap(r, start, end, &gap);
}

bool ranges_gap(const struct ranges *r, uint64_t start, uint64_t end, struct range *gap) {
    uint32_t i = search(r, start);
    if (i < r->count && !before(start, r->items[i].start))
        start = r->items[i++].end;
    if (!before(start, end))
        return false;
    *gap = (struct range){start, i < r->count && before(r->items[i].start, end) ? r->items[i].start : end};
    return true;
}

uint64_t ranges_total(const struct ranges *r) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < r->count; i++)
        total += r->items[i].end - r->items[i].start;
    return total;
}

bool ranges_touch(const struct ranges *r, uint64_t start, uint64_t end) {
    const struct range *next = ranges_next(r, start - 1);
    return next && (int64_t)(next->start - end) <= 0;
}
