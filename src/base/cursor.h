/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded cursors over bytes. A reader that runs out sets `bad` and returns zeros from then on; a writer that runs out
 * sets `bad` and counts on. So a codec is a flat list of gets or puts with one check at the end, and a writer without
 * memory (`base` NULL) tells how long something would be: sizes come from the encoder itself.
 */
#ifndef UMPTCP_BASE_CURSOR_H
#define UMPTCP_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
    const uint8_t *p, *end;
    bool bad;
};

struct writer {
    uint8_t *base; /* NULL: count only */
    size_t len, cap;
    bool bad;
};

/* `data` may be NULL when `len` is 0. */
static inline struct reader reader_of(const void *data, size_t len) {
    const uint8_t *p = data ? data : (const uint8_t *)"";
    return (struct reader){p, p + len, false};
}
static inline size_t reader_left(const struct reader *r) { return (size_t)(r->end - r->p); }
/* `n` bytes to read in place, or NULL (and bad). */
static inline const uint8_t *get_bytes(struct reader *r, size_t n) {
    if (r->bad || reader_left(r) < n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    return p;
}
static inline uint64_t get_be(struct reader *r, size_t n) {
    const uint8_t *p = get_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = 0; p && i < n; i++)
        v = v << 8 | p[i];
    return v;
}
static inline uint8_t get_u8(struct reader *r) { return (uint8_t)get_be(r, 1); }
static inline uint16_t get_u16(struct reader *r) { return (uint16_t)get_be(r, 2); }
static inline uint32_t get_u32(struct reader *r) { return (uint32_t)get_be(r, 4); }
static inline uint64_t get_u64(struct reader *r) { return get_be(r, 8); }

static inline struct writer writer_of(void *base, size_t cap) { return (struct writer){base, 0, cap, false}; }
static inline struct writer writer_counting(void) { return (struct writer){NULL, 0, SIZE_MAX, false}; }
static inline void put_bytes(struct writer *w, const void *src, size_t n) {
    if (w->len + n > w->cap)
        w->bad = true;
    else if (w->base && n)
        memcpy(w->base + w->len, src, n);
    w->len += n;
}
static inline void put_be(struct writer *w, uint64_t v, size_t n) {
    uint8_t b[8];
    for (size_t i = 0; i < n; i++)
        b[i] = (uint8_t)(v >> 8 * (n - 1 - i));
    put_bytes(w, b, n);
}
static inline void put_u8(struct writer *w, uint8_t v) { put_be(w, v, 1); }
static inline void put_u16(struct writer *w, uint16_t v) { put_be(w, v, 2); }
static inline void put_u32(struct writer *w, uint32_t v) { put_be(w, v, 4); }
static inline void put_u64(struct writer *w, uint64_t v) { put_be(w, v, 8); }

#endif
