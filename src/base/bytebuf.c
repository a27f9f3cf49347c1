/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunks found through a directory: a ring of pointers that spans the positions from the chunk of `start` to `high`,
 * and is indexed by chunk number modulo its capacity (a power of two, so positions may wrap modulo 2^64). Entries
 * outside of the span are NULL. It exists only while there is a chunk, so that an idle buffer is two words.
 *
 * A chunk that references hold when `start` leaves it moves from the directory to the list `kept`. So the directory
 * does not grow with the distance to what a slow subflow still holds, and bytebuf_advance() never needs memory. The
 * list is in ascending order, which is also the order in which subflows let go: what is looked up stands near its
 * front.
 *
 * When a chunk goes is one rule, see unwanted(), applied where one of its terms changes: bytebuf_advance() and
 * bytebuf_unref().
 */
#include "base/bytebuf.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { DIR_MIN = 4 };

struct chunk {
    struct chunk *next; /* in the pool, or in the list of kept ones */
    uint64_t pos;       /* of data[0] */
    uint64_t held;      /* bytes under references: one that is held twice counts twice */
    _Alignas(max_align_t) uint8_t data[BYTEBUF_CHUNK];
};

struct bytebuf_dir {
    uint64_t high;                  /* the slots span the chunks from that of start to here (a multiple of the size) */
    struct chunk *kept, *kept_last; /* chunks wholly below start that references hold, in ascending order */
    uint32_t nkept;
    uint32_t nchunks;  /* in the slots and kept */
    uint32_t capacity; /* a power of two */
    bool empty;        /* nothing was stored or reserved at or above start since the last bytebuf_advance() said so */
    struct chunk *slots[];
};

/* ---- Pool -------------------------------------------------------------------------------------------------------- */

void chunk_pool_init(struct chunk_pool *p, struct mem *mem, uint32_t max_free) {
    *p = (struct chunk_pool){.mem = mem, .max_free = max_free};
}

void chunk_pool_free(struct chunk_pool *p) {
    for (struct chunk *c = p->free, *next; c; c = next) {
        next = c->next;
        mem_free(p->mem, c, sizeof *c);
    }
    p->free = NULL;
    p->nfree = 0;
}

static void pool_give(struct chunk_pool *p, struct chunk *c) {
    if (p->nfree >= p->max_free) {
        mem_free(p->mem, c, sizeof *c);
        return;
    }
    c->next = p->free;
    p->free = c;
    p->nfree++;
}

static struct chunk *pool_take(struct chunk_pool *p) {
    struct chunk *c = p->free;
    if (!c)
        return mem_realloc(p->mem, NULL, 0, sizeof *c); /* its bytes are written before they are read: not zeroed */
    p->free = c->next;
    p->nfree--;
    return c;
}

static void pool_give_list(struct chunk_pool *p, struct chunk *list) {
    for (struct chunk *next; list; list = next) {
        next = list->next;
        pool_give(p, list);
    }
}

/* `n` chunks, or none and -ENOMEM. */
static int pool_take_list(struct chunk_pool *p, uint64_t n, struct chunk **list) {
    *list = NULL;
    for (; n; n--) {
        struct chunk *c = pool_take(p);
        if (!c) {
            pool_give_list(p, *list);
            return -ENOMEM;
        }
        c->next = *list;
        *list = c;
    }
    return 0;
}

/* ---- Finding chunks ---------------------------------------------------------------------------------------------- */

static bool before(uint64_t a, uint64_t b) { return (int64_t)(a - b) < 0; }
static uint64_t base_of(uint64_t pos) { return pos & ~(uint64_t)(BYTEBUF_CHUNK - 1); }
static size_t offset_of(uint64_t pos) { return (size_t)(pos & (BYTEBUF_CHUNK - 1)); }
/* How many of `len` bytes from `pos` on lie in the same chunk. */
static size_t piece_of(uint64_t pos, size_t len) {
    size_t left = BYTEBUF_CHUNK - offset_of(pos);
    return len < left ? len : left;
}

static bool in_dir(const struct bytebuf *b, uint64_t pos) {
    uint64_t low = base_of(b->start);
    return b->dir && pos - low < b->dir->high - low;
}

static struct chunk **slot_of(struct bytebuf_dir *dir, uint64_t pos) {
    return &dir->slots[(pos / BYTEBUF_CHUNK) & (dir->capacity - 1)];
}

static struct chunk *find(const struct bytebuf *b, uint64_t pos) {
    if (in_dir(b, pos))
        return *slot_of(b->dir, pos);
    struct chunk *c = b->dir ? b->dir->kept : NULL;
    while (c && c->pos != base_of(pos))
        c = c->next;
    return c;
}

/* ---- Directory and list ------------------------------------------------------------------------------------------ */

static size_t dir_size(uint32_t capacity) { return sizeof(struct bytebuf_dir) + capacity * sizeof(struct chunk *); }

void bytebuf_init(struct bytebuf *b, uint64_t start) { *b = (struct bytebuf){.start = start}; }

uint32_t bytebuf_chunks(const struct bytebuf *b) { return b->dir ? b->dir->nchunks : 0; }

/* Makes the directory span positions up to `limit`. */
static int dir_extend(struct bytebuf *b, struct mem *mem, uint64_t limit) {
    struct bytebuf_dir *dir = b->dir;
    uint64_t low = base_of(b->start), need = (limit - low) / BYTEBUF_CHUNK;
    assert(need <= UINT32_MAX / 2);
    uint32_t capacity = dir ? dir->capacity : DIR_MIN;
    while (capacity < need)
        capacity *= 2;
    if (!dir || capacity != dir->capacity) {
        struct bytebuf_dir *larger = mem_alloc(mem, dir_size(capacity));
        if (!larger)
            return -ENOMEM;
        larger->high = low;
        if (dir)
            *larger = *dir;
        larger->capacity = capacity;
        for (uint64_t pos = low; pos != larger->high; pos += BYTEBUF_CHUNK)
            *slot_of(larger, pos) = *slot_of(dir, pos);
        mem_free(mem, dir, dir ? dir_size(dir->capacity) : 0);
        b->dir = dir = larger;
    }
    if (before(dir->high, limit))
        dir->high = limit;
    return 0;
}

/* Frees the directory when there is no chunk. */
static void dir_trim(struct bytebuf *b, struct mem *mem) {
    if (!b->dir || b->dir->nchunks)
        return;
    mem_free(mem, b->dir, dir_size(b->dir->capacity));
    b->dir = NULL;
}

static void keep(struct bytebuf_dir *b, struct chunk *c) {
    assert(!b->kept_last || before(b->kept_last->pos, c->pos));
    c->next = NULL;
    if (b->kept_last)
        b->kept_last->next = c;
    else
        b->kept = c;
    b->kept_last = c;
    b->nkept++;
}

static void unkeep(struct bytebuf_dir *b, struct chunk *c) {
    struct chunk *prev = NULL;
    for (struct chunk *k = b->kept; k != c; k = k->next)
        prev = k;
    if (prev)
        prev->next = c->next;
    else
        b->kept = c->next;
    if (b->kept_last == c)
        b->kept_last = prev;
    b->nkept--;
}

/* Nobody holds it, and it lies wholly below start, or nothing is stored at or above start either. */
static bool unwanted(const struct bytebuf *b, const struct chunk *c) {
    return !c->held && (b->dir->empty || before(c->pos, base_of(b->start)));
}

static void release(struct bytebuf *b, struct chunk_pool *p, struct chunk *c) {
    assert(unwanted(b, c));
    if (in_dir(b, c->pos))
        *slot_of(b->dir, c->pos) = NULL;
    else
        unkeep(b->dir, c);
    b->dir->nchunks--;
    pool_give(p, c);
}

/* ---- Operations -------------------------------------------------------------------------------------------------- */

void bytebuf_free(struct bytebuf *b, struct chunk_pool *p) {
    struct bytebuf_dir *dir = b->dir;
    if (!dir)
        return;
    for (uint64_t pos = base_of(b->start); pos != dir->high; pos += BYTEBUF_CHUNK)
        if (*slot_of(dir, pos))
            pool_give(p, *slot_of(dir, pos));
    pool_give_list(p, dir->kept);
    dir->nchunks = 0;
    dir_trim(b, p->mem);
}

/* Makes the `missing` chunks of [first, limit). */
static int fill(struct bytebuf *b, struct chunk_pool *p, uint64_t first, uint64_t limit, uint64_t missing) {
    struct chunk *list;
    if (pool_take_list(p, missing, &list))
        return -ENOMEM;
    if (dir_extend(b, p->mem, limit)) {
        pool_give_list(p, list);
        return -ENOMEM;
    }
    for (uint64_t pos = first; pos != limit; pos += BYTEBUF_CHUNK) {
        struct chunk **slot = slot_of(b->dir, pos);
        if (*slot)
            continue;
        assert(list); /* as many as were missing */
        *slot = list;
        list = list->next;
        (*slot)->pos = pos;
        (*slot)->held = 0;
        b->dir->nchunks++;
    }
    assert(!list);
    return 0;
}

void bytebuf_renumber(struct bytebuf *b, uint64_t by) { b->shift -= by; }

int bytebuf_reserve(struct bytebuf *b, struct chunk_pool *p, uint64_t pos, size_t len) {
    pos += b->shift;
    assert(!before(pos, b->start));
    if (len == 0)
        return 0;
    uint64_t first = base_of(pos), limit = base_of(pos + len - 1) + BYTEBUF_CHUNK, missing = 0;
    for (uint64_t at = first; at != limit; at += BYTEBUF_CHUNK)
        missing += !in_dir(b, at) || !*slot_of(b->dir, at);
    if (missing && fill(b, p, first, limit, missing))
        return -ENOMEM;
    b->dir->empty = false;
    return 0;
}

int bytebuf_write(struct bytebuf *b, struct chunk_pool *p, uint64_t pos, const void *src, size_t len) {
    if (bytebuf_reserve(b, p, pos, len))
        return -ENOMEM;
    const uint8_t *from = src;
    pos += b->shift;
    for (size_t n; len; pos += n, from += n, len -= n) {
        n = piece_of(pos, len);
        memcpy(find(b, pos)->data + offset_of(pos), from, n);
    }
    return 0;
}

void bytebuf_read(const struct bytebuf *b, uint64_t pos, void *dst, size_t len) {
    uint8_t *to = dst;
    pos += b->shift;
    for (size_t n; len; pos += n, to += n, len -= n) {
        const struct chunk *c = find(b, pos);
        assert(c);
        n = piece_of(pos, len);
        memcpy(to, c->data + offset_of(pos), n);
    }
}

int bytebuf_slices(const struct bytebuf *b, uint64_t pos, size_t len, struct umptcp_slice *slices, int max) {
    int count = 0;
    pos += b->shift;
    for (size_t n; len && count < max; pos += n, len -= n) {
        const struct chunk *c = find(b, pos);
        assert(c);
        n = piece_of(pos, len);
        slices[count++] = (struct umptcp_slice){c->data + offset_of(pos), n};
    }
    return count;
}

void bytebuf_ref(struct bytebuf *b, uint64_t pos, size_t len) {
    pos += b->shift;
    for (size_t n; len; pos += n, len -= n) {
        struct chunk *c = find(b, pos);
        assert(c);
        n = piece_of(pos, len);
        c->held += n;
    }
}

void bytebuf_unref(struct bytebuf *b, struct chunk_pool *p, uint64_t pos, size_t len) {
    pos += b->shift;
    for (size_t n; len; pos += n, len -= n) {
        struct chunk *c = find(b, pos);
        n = piece_of(pos, len);
        assert(c && c->held >= n);
        c->held -= n;
        if (unwanted(b, c))
            release(b, p, c);
    }
    dir_trim(b, p->mem);
}

void bytebuf_forget(struct bytebuf *b, struct chunk_pool *p, uint64_t from, uint64_t to) {
    struct bytebuf_dir *dir = b->dir;
    from += b->shift;
    to += b->shift;
    assert(!before(from, b->start) && !before(to, from));
    if (!dir)
        return;
    uint64_t pos = base_of(from + BYTEBUF_CHUNK - 1), limit = base_of(to);
    limit = before(dir->high, limit) ? dir->high : limit;
    for (; before(pos, limit); pos += BYTEBUF_CHUNK) {
        struct chunk **slot = slot_of(dir, pos), *c = *slot;
        if (!c || c->held)
            continue;
        *slot = NULL;
        dir->nchunks--;
        pool_give(p, c);
    }
    dir_trim(b, p->mem);
}

/* Takes the chunks wholly below `low`, the base of the new start, out of the directory. */
static void leave_below(struct bytebuf *b, struct chunk_pool *p, uint64_t low) {
    struct bytebuf_dir *dir = b->dir;
    for (uint64_t pos = base_of(b->start); pos != low && pos != dir->high; pos += BYTEBUF_CHUNK) {
        struct chunk *c = *slot_of(dir, pos);
        if (!c)
            continue;
        *slot_of(dir, pos) = NULL;
        if (c->held) {
            keep(dir, c);
            continue;
        }
        dir->nchunks--;
        pool_give(p, c);
    }
}

void bytebuf_advance(struct bytebuf *b, struct chunk_pool *p, uint64_t start, uint64_t end) {
    start += b->shift;
    end += b->shift;
    assert(!before(start, b->start) && !before(end, start));
    struct bytebuf_dir *dir = b->dir;
    uint64_t low = base_of(start);
    if (dir)
        leave_below(b, p, low);
    b->start = start;
    if (!dir)
        return;
    if (before(dir->high, low))
        dir->high = low;
    dir->empty = start == end;
    for (uint64_t pos = low; dir->empty && pos != dir->high; pos += BYTEBUF_CHUNK) {
        struct chunk *c = *slot_of(dir, pos);
        if (c && unwanted(b, c))
            release(b, p, c);
    }
    dir_trim(b, p->mem);
}
