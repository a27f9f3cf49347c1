/* SPDX-License-Identifier: BSD-3-Clause */
/* The text form of middleboxes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/middlebox.h"

static void assert_bad(const char *chain, const char *why) {
    char error[MIDDLEBOX_ERROR_MAX];
    assert_int_equal(middlebox_parse(chain, error), -EINVAL);
    assert_string_equal(error, why);
}

static void test_text(void **state) {
    (void)state;
    static const char *const good[] = {"drop", "strip:option=dss,dir=fwd,on=data+fin,after=3,every=2,count=7,flow=join",
                                       "nat:addr=192.0.2.1,idle=5min,rebind=20 | firewall:idle=100ms|delay:time=2s",
                                       "drop:having=add-addr,larger=1300"};
    char error[MIDDLEBOX_ERROR_MAX];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(middlebox_parse(good[i], error), 0);
    assert_bad("", "no middlebox ''");
    assert_bad("drop | dorp", "no middlebox 'dorp'");
    assert_bad("drop:size=3", "drop has no setting 'size'");
    assert_bad("drop:colour=red", "drop has no setting 'colour'");
    assert_bad("drop:count", "drop: bad value of count");
    assert_bad("drop:count=", "drop: bad value of count");
    assert_bad("drop:count=-1", "drop: bad value of count");
    assert_bad("drop:count=3x", "drop: bad value of count");
    assert_bad("drop:on=syn+sin", "drop: bad value of on");
    assert_bad("drop:dir=up", "drop: bad value of dir");
    assert_bad("delay:time=5", "delay: bad value of time");
    assert_bad("nat:addr=nowhere", "nat: bad value of addr");
    assert_bad("strip", "strip needs option");
    assert_bad("drop|drop|drop|drop|drop|drop|drop|drop|drop|drop|drop|drop|drop|drop|drop|drop|drop",
               "more than 16 elements");
}

static void test_table(void **state) {
    (void)state;
    struct middlebox_kind k, other;
    unsigned n = 0;
    for (; middlebox_kind(n, &k); n++) {
        assert_true(strlen(k.name) > 0 && strlen(k.help) > 0);
        assert_int_equal(k.needs & ~k.settings, 0);
        for (unsigned i = 0; i < n && middlebox_kind(i, &other); i++)
            assert_string_not_equal(k.name, other.name);
        for (unsigned s = 0; s < 32; s++)
            assert_true(!(k.settings >> s & 1) || middlebox_setting(s));
    }
    assert_true(n > 25);
    assert_false(middlebox_kind(n + 1, &k));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_table)};
    return cmocka_run_group_tests_name("middlebox", tests, NULL, NULL);
}
