/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes addressed by their 64-bit position in a stream, stored once, in chunks of BYTEBUF_CHUNK bytes from a pool that
 * the connections of a stack share. The same structure is the send buffer (position = dsn), the receive buffer, which
 * is written in any order (position = dsn), and a subflow's hold buffer (position = ssn).
 *
 * A chunk exists while it is wanted: when it lies at least partly in [start, ...) and was written, or when someone
 * holds a reference on bytes in it (a subflow that may have to send them again). So memory follows the bytes that are
 * needed, not the distance between them, and an empty buffer without references holds nothing.
 *
 * Positions wrap modulo 2^64; all that a buffer holds lies within 2^63. A stream that gets other numbers takes its
 * bytes along (bytebuf_renumber()): they stay where they are.
 */
#ifndef UMPTCP_BASE_BYTEBUF_H
#define UMPTCP_BASE_BYTEBUF_H

#include "base/mem.h"

enum { BYTEBUF_CHUNK = 16384 };

struct chunk;

/* Free chunks, last in first out (the warmest is used first); keeps at most `max_free`. */
struct chunk_pool {
    struct mem *mem;
    struct chunk *free;
    uint32_t nfree, max_free;
};
void chunk_pool_init(struct chunk_pool *p, struct mem *mem, uint32_t max_free);
void chunk_pool_free(struct chunk_pool *p);

struct bytebuf {
    uint64_t start;          /* bytes below are not wanted any more (but by references) */
    uint64_t shift;          /* a caller's position plus this is one of ours: `start` and all that chunks know */
    struct bytebuf_dir *dir; /* the chunks; NULL: none */
};

/* How many chunks there are. */
uint32_t bytebuf_chunks(const struct bytebuf *b);
/* An empty buffer that starts at position `start`. */
void bytebuf_init(struct bytebuf *b, uint64_t start);
/* Gives all memory back, references or not. */
void bytebuf_free(struct bytebuf *b, struct chunk_pool *p);
/* From now on what was position n is position n + `by`. */
void bytebuf_renumber(struct bytebuf *b, uint64_t by);
/* Makes sure that [pos, pos + len) has chunks. Returns 0, or -ENOMEM with nothing changed. pos must not be below start.
 * A reservation that is not used after all lives until an advance past it, or one that says the buffer is empty. */
int bytebuf_reserve(struct bytebuf *b, struct chunk_pool *p, uint64_t pos, size_t len);
/* Stores bytes. Returns 0, or -ENOMEM with nothing stored. */
int bytebuf_write(struct bytebuf *b, struct chunk_pool *p, uint64_t pos, const void *src, size_t len);
/* Copies bytes that were written (or reserved). */
void bytebuf_read(const struct bytebuf *b, uint64_t pos, void *dst, size_t len);
/* Where [pos, pos + len) lies: fills at most `max` slices and returns how many (the sum may be short of len when `max`
 * is too small). The bytes must have chunks. */
int bytebuf_slices(const struct bytebuf *b, uint64_t pos, size_t len, struct umptcp_slice *slices, int max);
/* Holds on to [pos, pos + len), or lets go of it. Bytes are counted per chunk: what was held at once may be let go in
 * parts, and held twice must be let go twice. The bytes must have chunks. */
void bytebuf_ref(struct bytebuf *b, uint64_t pos, size_t len);
void bytebuf_unref(struct bytebuf *b, struct chunk_pool *p, uint64_t pos, size_t len);
/* Nothing of [from, to) is wanted: chunks that lie in it as a whole go, unless they are held. `from` is not below
 * start. */
void bytebuf_forget(struct bytebuf *b, struct chunk_pool *p, uint64_t from, uint64_t to);
/*
 * Bytes below `start` are not wanted any more; `end` is the end of the highest byte stored, so `end` == `start` says
 * that the buffer is empty. `start` never goes back. A chunk without references goes when it lies wholly below start,
 * or when the buffer is empty; one with references goes with the last of them by the same rule.
 */
void bytebuf_advance(struct bytebuf *b, struct chunk_pool *p, uint64_t start, uint64_t end);

#endif
