/* SPDX-License-Identifier: BSD-3-Clause */
/* Byte buffer: single cases, and long random runs against a flat array. */
#include "base/bytebuf.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>

struct fixture {
    struct testmem tm;
    struct mem mem;
    struct chunk_pool pool;
    struct bytebuf b;
};

static void setup(struct fixture *f, uint64_t start, uint32_t max_free) {
    *f = (struct fixture){0};
    mem_init(&f->mem, testmem_alloc, &f->tm, 0);
    chunk_pool_init(&f->pool, &f->mem, max_free);
    bytebuf_init(&f->b, start);
}

static void finish(struct fixture *f) {
    bytebuf_free(&f->b, &f->pool);
    assert_int_equal(bytebuf_chunks(&f->b), 0);
    chunk_pool_free(&f->pool);
    assert_int_equal(f->mem.used, 0);
    assert_int_equal(f->tm.blocks, 0);
}

enum { C = BYTEBUF_CHUNK };

static void test_holds_nothing_when_empty(void **state) {
    (void)state;
    struct fixture f;
    setup(&f, 100, 0);
    uint8_t out[5];
    assert_int_equal(f.mem.used, 0);
    assert_int_equal(bytebuf_write(&f.b, &f.pool, 100, NULL, 0), 0);
    assert_int_equal(bytebuf_reserve(&f.b, &f.pool, 100, 0), 0);
    assert_int_equal(f.mem.used, 0);
    assert_int_equal(bytebuf_write(&f.b, &f.pool, 100, "hello", 5), 0);
    bytebuf_read(&f.b, 100, out, 5);
    assert_memory_equal(out, "hello", 5);
    bytebuf_advance(&f.b, &f.pool, 103, 105);
    assert_int_equal(bytebuf_chunks(&f.b), 1);
    bytebuf_read(&f.b, 103, out, 2);
    assert_memory_equal(out, "lo", 2);
    bytebuf_advance(&f.b, &f.pool, 105, 105);
    assert_int_equal(f.mem.used, 0);
    /* A reservation that was not used goes the same way. */
    assert_int_equal(bytebuf_reserve(&f.b, &f.pool, 105, 3 * C), 0);
    assert_int_equal(bytebuf_chunks(&f.b), 4);
    bytebuf_advance(&f.b, &f.pool, 105, 105);
    assert_int_equal(f.mem.used, 0);
    finish(&f);
}

static void test_slices_follow_chunks(void **state) {
    (void)state;
    struct fixture f;
    static uint8_t in[3 * C], out[3 * C];
    struct umptcp_slice s[8];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 31 >> 3);
    setup(&f, C - 10, 0);
    assert_int_equal(bytebuf_write(&f.b, &f.pool, C - 10, in, 2 * C + 30), 0);
    assert_int_equal(bytebuf_chunks(&f.b), 4);
    assert_int_equal(bytebuf_slices(&f.b, C - 10, 2 * C + 30, s, 8), 4);
    size_t expected[] = {10, C, C, 20}, at = 0;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s[i].len, expected[i]);
        memcpy(out + at, s[i].base, s[i].len);
        at += s[i].len;
    }
    assert_memory_equal(in, out, at);
    assert_int_equal(bytebuf_slices(&f.b, C - 10, 2 * C + 30, s, 2), 2); /* short: too few slices */
    assert_int_equal(bytebuf_slices(&f.b, C, C, s, 8), 1);
    assert_int_equal(bytebuf_slices(&f.b, C - 1, 2, s, 8), 2);
    assert_int_equal(bytebuf_slices(&f.b, C, 0, s, 8), 0);
    assert_int_equal(bytebuf_slices(&f.b, C, 5, s, 0), 0);
    finish(&f);
}

/* What a subflow holds outlives the advance, without a directory that spans the distance. */
static void test_references_keep_chunks(void **state) {
    (void)state;
    struct fixture f;
    char out[4];
    setup(&f, 0, 0);
    assert_int_equal(bytebuf_write(&f.b, &f.pool, C - 2, "abcd", 4), 0);
    bytebuf_ref(&f.b, C - 2, 4);
    bytebuf_ref(&f.b, C - 1, 2); /* a second holder */
    bytebuf_advance(&f.b, &f.pool, C + 2, C + 2);
    assert_int_equal(bytebuf_chunks(&f.b), 2);
    size_t pinned = f.mem.used;
    for (uint64_t pos = C + 2; pos < 5000 * (uint64_t)C; pos += C / 2) {
        assert_int_equal(bytebuf_write(&f.b, &f.pool, pos, "x", 1), 0);
        bytebuf_advance(&f.b, &f.pool, pos + 1, pos + 1);
        assert_true(bytebuf_chunks(&f.b) <= 2);
        assert_true(f.mem.used <= pinned);
    }
    bytebuf_read(&f.b, C - 2, out, 4);
    assert_memory_equal(out, "abcd", 4);
    /* Held as one, let go in parts; the second holder still has one byte in each chunk. */
    bytebuf_unref(&f.b, &f.pool, C - 2, 1);
    bytebuf_unref(&f.b, &f.pool, C - 1, 3);
    assert_int_equal(bytebuf_chunks(&f.b), 2);
    bytebuf_unref(&f.b, &f.pool, C, 1);
    assert_int_equal(bytebuf_chunks(&f.b), 1);
    bytebuf_unref(&f.b, &f.pool, C - 1, 1);
    assert_int_equal(f.mem.used, 0);
    finish(&f);
}

static void test_unreferenced_chunk_stays_while_stored(void **state) {
    (void)state;
    struct fixture f;
    char out[2];
    setup(&f, 0, 0);
    assert_int_equal(bytebuf_write(&f.b, &f.pool, 0, "ab", 2), 0);
    bytebuf_ref(&f.b, 0, 2);
    bytebuf_unref(&f.b, &f.pool, 0, 2); /* not advanced past it: still stored */
    bytebuf_ref(&f.b, 0, 1);
    bytebuf_advance(&f.b, &f.pool, 1, 2);
    bytebuf_unref(&f.b, &f.pool, 0, 1); /* "b" is in the same chunk */
    bytebuf_read(&f.b, 1, out, 1);
    assert_int_equal(out[0], 'b');
    /* Empty with a reference, then written again: the reference goes, the chunk stays. */
    bytebuf_ref(&f.b, 1, 1);
    bytebuf_advance(&f.b, &f.pool, 2, 2);
    assert_int_equal(bytebuf_chunks(&f.b), 1);
    assert_int_equal(bytebuf_write(&f.b, &f.pool, 2, "c", 1), 0);
    bytebuf_unref(&f.b, &f.pool, 1, 1);
    bytebuf_read(&f.b, 2, out, 1);
    assert_int_equal(out[0], 'c');
    bytebuf_advance(&f.b, &f.pool, 3, 3);
    assert_int_equal(f.mem.used, 0);
    finish(&f);
}

/* Positions that were never stored may be passed too: with and without something stored or held below. */
static void test_advance_past_what_was_stored(void **state) {
    (void)state;
    struct fixture f;
    char out[1];
    setup(&f, 5, 0);
    bytebuf_advance(&f.b, &f.pool, 1000 * (uint64_t)C, 1000 * (uint64_t)C);
    assert_int_equal(bytebuf_write(&f.b, &f.pool, 1000 * (uint64_t)C, "a", 1), 0);
    assert_int_equal(bytebuf_chunks(&f.b), 1);
    bytebuf_ref(&f.b, 1000 * (uint64_t)C, 1);
    bytebuf_advance(&f.b, &f.pool, 2000 * (uint64_t)C + 7, 2000 * (uint64_t)C + 9);
    assert_int_equal(bytebuf_chunks(&f.b), 1);
    assert_int_equal(bytebuf_write(&f.b, &f.pool, 2000 * (uint64_t)C + 7, "b", 1), 0);
    bytebuf_ref(&f.b, 2000 * (uint64_t)C + 7, 1);
    bytebuf_advance(&f.b, &f.pool, 4000 * (uint64_t)C, 4000 * (uint64_t)C);
    bytebuf_read(&f.b, 1000 * (uint64_t)C, out, 1);
    assert_int_equal(out[0], 'a');
    bytebuf_read(&f.b, 2000 * (uint64_t)C + 7, out, 1);
    assert_int_equal(out[0], 'b');
    bytebuf_unref(&f.b, &f.pool, 2000 * (uint64_t)C + 7, 1); /* the later one first */
    bytebuf_unref(&f.b, &f.pool, 1000 * (uint64_t)C, 1);
    assert_int_equal(f.mem.used, 0);
    finish(&f);
}

/* Whole chunks go; what is in the chunks at both ends, and what is held, stays. */
static void test_forget(void **state) {
    (void)state;
    struct fixture f;
    uint8_t bytes[5 * C], out[5 * C];
    memset(bytes, 7, sizeof bytes);
    setup(&f, 100, 0);
    bytebuf_forget(&f.b, &f.pool, 100, 10 * C); /* there is nothing */
    assert_int_equal(bytebuf_write(&f.b, &f.pool, 100, bytes, sizeof bytes), 0);
    assert_int_equal(bytebuf_chunks(&f.b), 6);
    bytebuf_forget(&f.b, &f.pool, 200, 2 * C - 1);
    assert_int_equal(bytebuf_chunks(&f.b), 6);
    bytebuf_forget(&f.b, &f.pool, 200, 2 * C);
    assert_int_equal(bytebuf_chunks(&f.b), 5);
    bytebuf_ref(&f.b, 3 * C + 5, 10);
    bytebuf_forget(&f.b, &f.pool, 2 * C, 10 * C);
    assert_int_equal(bytebuf_chunks(&f.b), 2);
    memset(out, 0, sizeof out);
    bytebuf_read(&f.b, 100, out, C - 100);
    assert_memory_equal(out, bytes, C - 100);
    assert_int_equal(bytebuf_write(&f.b, &f.pool, 2 * C, "again", 5), 0);
    bytebuf_read(&f.b, 2 * C, out, 5);
    assert_memory_equal(out, "again", 5);
    bytebuf_unref(&f.b, &f.pool, 3 * C + 5, 10);
    finish(&f);
}

static void test_pool_is_bounded_and_shared(void **state) {
    (void)state;
    struct fixture f;
    struct bytebuf other;
    setup(&f, 0, 2);
    bytebuf_init(&other, 77);
    assert_int_equal(bytebuf_reserve(&f.b, &f.pool, 0, 3 * C), 0);
    uint64_t requests = f.tm.requests;
    bytebuf_advance(&f.b, &f.pool, 3 * C, 3 * C);
    assert_int_equal(f.pool.nfree, 2);
    assert_int_equal(bytebuf_reserve(&other, &f.pool, 77, C), 0);
    assert_int_equal(f.pool.nfree, 0);
    assert_int_equal(f.tm.requests, requests + 1); /* the directory alone */
    bytebuf_ref(&other, 77, 5);
    bytebuf_free(&other, &f.pool); /* references or not */
    assert_int_equal(f.pool.nfree, 2);
    chunk_pool_free(&f.pool);
    assert_int_equal(f.mem.used, 0);
    finish(&f);
}

/* Every way in which a reservation can fail leaves the buffer as it was. */
static void test_each_allocation_fails(void **state) {
    (void)state;
    for (int stored = 0; stored < 2; stored++) {
        struct fixture f;
        static uint8_t in[6 * C], out[6 * C];
        memset(in, 0x3c, sizeof in);
        setup(&f, 0, 0);
        if (stored)
            assert_int_equal(bytebuf_write(&f.b, &f.pool, 1, "abc", 3), 0);
        size_t used = f.mem.used;
        uint64_t failures = 0;
        TESTMEM_EACH_FAILURE(&f.tm) {
            int err = bytebuf_write(&f.b, &f.pool, 2, in, sizeof in);
            assert_int_equal(err, testmem_refused(&f.tm) ? -ENOMEM : 0);
            if (!err)
                break;
            failures++;
            assert_int_equal(f.mem.used, used);
            assert_int_equal(bytebuf_chunks(&f.b), stored);
            if (stored) {
                bytebuf_read(&f.b, 1, out, 3);
                assert_memory_equal(out, "abc", 3);
            }
        }
        assert_int_equal(failures, stored ? 7 : 8); /* seven chunks and the directory */
        f.tm.fail_at = 0;
        bytebuf_read(&f.b, 2, out, sizeof out);
        assert_memory_equal(out, in, sizeof out);
        finish(&f);
    }
}

/* ---- Against a model --------------------------------------------------------------------------------------------- */

enum { CHUNKS = 1000, BYTES = CHUNKS * C, WINDOW = 20 * C, HOLDS = 40 };

struct hold {
    uint32_t at, len;
};

/* A stream of BYTES from position `base` on, all of it in one array. Numbers are offsets from the base. */
struct model {
    struct fixture f;
    uint64_t base, random;
    size_t chunk_size;   /* with its header */
    uint32_t start, end; /* bytes below start are gone, the highest byte stored ends at end */
    bool empty;
    uint32_t nholds;
    struct hold holds[HOLDS];
    bool exists[CHUNKS + 1];
    uint8_t bytes[BYTES];
    bool written[BYTES];
};

/* A pointer per chunk in a power of two of slots, and a few words. */
enum { DIRECTORY_MAX = 128 + 2 * (CHUNKS + 1) * sizeof(void *) };

static uint32_t chunk_of(const struct model *m, uint32_t at) { return (uint32_t)((m->base % C + at) / C); }

static bool is_held(const struct model *m, uint32_t chunk) {
    for (uint32_t i = 0; i < m->nholds; i++)
        if (chunk_of(m, m->holds[i].at) <= chunk && chunk <= chunk_of(m, m->holds[i].at + m->holds[i].len - 1))
            return true;
    return false;
}

/* Applies the rule of bytebuf_advance() to every chunk, and compares what is left. */
static void check(struct model *m) {
    const struct bytebuf *b = &m->f.b;
    uint32_t count = 0;
    for (uint32_t c = 0; c <= CHUNKS; c++) {
        if (m->exists[c] && (m->empty || c < chunk_of(m, m->start)) && !is_held(m, c))
            m->exists[c] = false;
        count += m->exists[c];
    }
    assert_int_equal(b->start, m->base + m->start);
    assert_int_equal(bytebuf_chunks(b), count);
    size_t chunks = (count + m->f.pool.nfree) * m->chunk_size;
    assert_true(m->f.mem.used >= chunks);
    size_t directory = m->f.mem.used - chunks;
    assert_true(count ? directory > 0 && directory <= DIRECTORY_MAX : directory == 0);
}

static void check_bytes(const struct model *m, uint32_t at, uint32_t len) {
    static uint8_t out[WINDOW];
    struct umptcp_slice s[WINDOW / C + 1];
    bytebuf_read(&m->f.b, m->base + at, out, len);
    assert_memory_equal(out, m->bytes + at, len);
    int n = bytebuf_slices(&m->f.b, m->base + at, len, s, WINDOW / C + 1);
    for (int i = 0; i < n; at += (uint32_t)s[i].len, len -= (uint32_t)s[i].len, i++) {
        assert_in_range(s[i].len, 1, len);
        assert_memory_equal(s[i].base, m->bytes + at, s[i].len);
    }
    assert_int_equal(len, 0);
}

/* How many bytes, at most `longest`, are written from `at` on. */
static uint32_t run_length(const struct model *m, uint32_t at, uint32_t longest) {
    uint32_t n = 0;
    while (n < longest && at + n < m->end && m->written[at + n])
        n++;
    return n;
}

static uint32_t random_length(struct model *m) {
    return test_below(&m->random, 3) ? test_below(&m->random, 3000) : test_below(&m->random, 5 * C);
}

static void do_write(struct model *m) {
    static uint8_t in[5 * C];
    uint32_t at = test_below(&m->random, 4) ? m->end : m->start + test_below(&m->random, WINDOW);
    uint32_t len = random_length(m), limit = m->start + WINDOW < BYTES ? m->start + WINDOW : BYTES;
    at = at < limit ? at : limit;
    len = len < limit - at ? len : limit - at;
    for (uint32_t i = 0, v = (uint32_t)test_random(&m->random); i < len; i++, v += v >> 3 | 1)
        in[i] = (uint8_t)v;
    bool reserve_first = test_below(&m->random, 4) == 0;
    TESTMEM_EACH_FAILURE(&m->f.tm) {
        int err = reserve_first ? bytebuf_reserve(&m->f.b, &m->f.pool, m->base + at, len) : 0;
        if (!err)
            err = bytebuf_write(&m->f.b, &m->f.pool, m->base + at, in, len);
        assert_int_equal(err, testmem_refused(&m->f.tm) ? -ENOMEM : 0);
        if (err)
            check(m);
    }
    if (!len)
        return;
    for (uint32_t c = chunk_of(m, at); c <= chunk_of(m, at + len - 1); c++)
        m->exists[c] = true;
    memcpy(m->bytes + at, in, len);
    memset(m->written + at, true, len);
    m->end = at + len > m->end ? at + len : m->end;
    m->empty = false;
}

/* Holds bytes that are stored, or held already. */
static void do_hold(struct model *m) {
    struct hold h = {m->start, 0};
    if (m->nholds == HOLDS)
        return;
    if (m->nholds && test_below(&m->random, 4) == 0) {
        h = m->holds[test_below(&m->random, m->nholds)];
        uint32_t cut = test_below(&m->random, h.len);
        h.at += cut;
        h.len -= cut;
    } else if (m->start < m->end) {
        h.at += test_below(&m->random, m->end - m->start);
        h.len = run_length(m, h.at, random_length(m));
    }
    if (!h.len)
        return;
    bytebuf_ref(&m->f.b, m->base + h.at, h.len);
    m->holds[m->nholds++] = h;
}

static void do_let_go(struct model *m, uint32_t i) {
    struct hold *h = &m->holds[i];
    uint32_t n = test_below(&m->random, 2) ? h->len : 1 + test_below(&m->random, h->len);
    bytebuf_unref(&m->f.b, &m->f.pool, m->base + h->at, n);
    h->at += n;
    h->len -= n;
    if (!h->len)
        *h = m->holds[--m->nholds];
}

static void do_advance(struct model *m) {
    uint32_t stored = m->end - m->start;
    if (test_below(&m->random, 16) == 0)
        while (m->nholds)
            do_let_go(m, 0);
    m->start += test_below(&m->random, 4) ? test_below(&m->random, stored + 1) : stored;
    m->empty = m->start == m->end;
    bytebuf_advance(&m->f.b, &m->f.pool, m->base + m->start, m->base + m->end);
}

static void do_read(struct model *m) {
    uint32_t at = m->start < m->end ? m->start + test_below(&m->random, m->end - m->start) : m->start;
    uint32_t len = run_length(m, at, WINDOW);
    check_bytes(m, at, len);
    for (uint32_t i = 0; i < m->nholds; i++)
        check_bytes(m, m->holds[i].at, m->holds[i].len);
}

static void run_model(uint64_t seed, uint64_t base, uint32_t max_free) {
    static struct model m;
    memset(&m, 0, sizeof m);
    m.base = base;
    m.random = seed;
    m.empty = true;
    setup(&m.f, base, max_free);
    assert_int_equal(bytebuf_reserve(&m.f.b, &m.f.pool, base, 1), 0);
    size_t one = m.f.mem.used;
    assert_int_equal(bytebuf_reserve(&m.f.b, &m.f.pool, base + C, 1), 0); /* the directory has room for it */
    m.chunk_size = m.f.mem.used - one;
    assert_in_range(m.chunk_size, C, C + 64);
    bytebuf_advance(&m.f.b, &m.f.pool, base, base);
    uint32_t emptied = 0, most_kept = 0;
    while (m.start < BYTES) {
        uint32_t what = test_below(&m.random, 16);
        if (what < 6)
            do_write(&m);
        else if (what < 9)
            do_hold(&m);
        else if (what < 13 && m.nholds)
            do_let_go(&m, test_below(&m.random, m.nholds));
        else if (what == 13)
            do_advance(&m);
        else
            do_read(&m);
        check(&m);
        emptied += bytebuf_chunks(&m.f.b) == 0;
        uint32_t kept = 0;
        for (uint32_t c = 0; c < chunk_of(&m, m.start); c++)
            kept += m.exists[c];
        most_kept = kept > most_kept ? kept : most_kept;
    }
    assert_true(emptied > 0 && most_kept > 5);
    while (m.nholds) {
        do_let_go(&m, m.nholds - 1);
        check(&m);
    }
    do_advance(&m);
    check(&m);
    assert_int_equal(bytebuf_chunks(&m.f.b), 0);
    finish(&m.f);
}

static void test_model(void **state) {
    (void)state;
    run_model(1, 12345, 0);
    run_model(2, 0, 8);
}

static void test_model_over_the_wrap(void **state) {
    (void)state;
    run_model(3, 0u - (uint64_t)(BYTES / 2), 0);
    run_model(4, 0u - (uint64_t)(BYTES / 2 + 77), 3);
    run_model(5, (UINT64_C(1) << 63) - BYTES / 2 + 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_nothing_when_empty),
        cmocka_unit_test(test_slices_follow_chunks),
        cmocka_unit_test(test_references_keep_chunks),
        cmocka_unit_test(test_unreferenced_chunk_stays_while_stored),
        cmocka_unit_test(test_advance_past_what_was_stored),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_pool_is_bounded_and_shared),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_model_over_the_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
