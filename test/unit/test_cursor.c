/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounded readers and writers. */
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void test_reader_reads_big_endian(void **state) {
    (void)state;
    struct reader r = reader_of(bytes, sizeof bytes);
    assert_int_equal(get_u8(&r), 1);
    assert_int_equal(get_u16(&r), 0x0203);
    assert_int_equal(get_u32(&r), 0x04050607);
    assert_int_equal(get_u64(&r), 0x08090a0b0c0d0e0f);
    assert_int_equal(reader_left(&r), 1);
    assert_ptr_equal(get_bytes(&r, 1), bytes + 15);
    assert_int_equal(reader_left(&r), 0);
    assert_false(r.bad);
}

static void test_reader_goes_bad_and_stays_so(void **state) {
    (void)state;
    struct reader r = reader_of(bytes, 3);
    assert_int_equal(get_be(&r, 3), 0x010203);
    r = reader_of(bytes, 3);
    assert_int_equal(get_u32(&r), 0);
    assert_true(r.bad);
    assert_int_equal(get_u8(&r), 0); /* although there would be bytes */
    assert_null(get_bytes(&r, 0));
    r = reader_of(bytes, 3);
    assert_null(get_bytes(&r, SIZE_MAX));
    assert_true(r.bad);
}

static void test_reader_of_nothing(void **state) {
    (void)state;
    struct reader r = reader_of(NULL, 0);
    assert_int_equal(reader_left(&r), 0);
    assert_int_equal(get_be(&r, 0), 0);
    assert_false(r.bad);
    assert_int_equal(get_u8(&r), 0);
    assert_true(r.bad);
}

static void test_writer_writes_big_endian(void **state) {
    (void)state;
    uint8_t out[16];
    struct writer w = writer_of(out, sizeof out);
    put_u8(&w, 1);
    put_u16(&w, 0x0203);
    put_u32(&w, 0x04050607);
    put_u64(&w, 0x08090a0b0c0d0e0f);
    put_bytes(&w, bytes + 15, 1);
    put_bytes(&w, NULL, 0);
    assert_false(w.bad);
    assert_int_equal(w.len, 16);
    assert_memory_equal(out, bytes, 16);
}

static void test_writer_never_passes_its_end(void **state) {
    (void)state;
    uint8_t out[4] = {0, 0, 0, 0xee};
    struct writer w = writer_of(out, 3);
    put_u16(&w, 0x0102);
    put_u16(&w, 0x0304);
    assert_true(w.bad);
    assert_int_equal(w.len, 4); /* counts on */
    put_u8(&w, 5);
    assert_true(w.bad);
    assert_int_equal(w.len, 5);
    assert_int_equal(out[2], 0);
    assert_int_equal(out[3], 0xee);
}

static void test_counting_writer(void **state) {
    (void)state;
    struct writer w = writer_counting();
    put_u64(&w, 1);
    put_bytes(&w, bytes, 7);
    assert_false(w.bad);
    assert_int_equal(w.len, 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_reads_big_endian),     cmocka_unit_test(test_reader_goes_bad_and_stays_so),
        cmocka_unit_test(test_reader_of_nothing),           cmocka_unit_test(test_writer_writes_big_endian),
        cmocka_unit_test(test_writer_never_passes_its_end), cmocka_unit_test(test_counting_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
