/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters and drop reasons: every one has its name. */
#include "base/mib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_every_entry_has_its_own_name(void **state) {
    (void)state;
    static struct mib_table t;
    uint64_t value;
    unsigned n = 0;
    while (mib_entry(&t, n, &value)) {
        assert_int_equal(value, 0);
        for (unsigned i = 0; i < n; i++)
            assert_string_not_equal(mib_entry(&t, i, &value), mib_entry(&t, n, &value));
        n++;
    }
    assert_int_equal(n, MIB_COUNT + DROP_COUNT - 1);
    assert_null(mib_entry(&t, ~0u, &value));
}

static uint64_t value_of(const struct mib_table *t, const char *name) {
    uint64_t value;
    const char *entry;
    for (unsigned i = 0; (entry = mib_entry(t, i, &value)); i++)
        if (!strcmp(entry, name))
            return value;
    fail_msg("no counter %s", name);
    return 0;
}

static void test_values_stand_under_their_names(void **state) {
    (void)state;
    struct mib_table t = {0};
    mib_inc(&t, MIB_IP_IN);
    mib_add(&t, MIB_MPJ_SYN_RX, 7);
    mib_add(&t, MIB_TCP_CURR_ESTAB, 3);
    mib_dec(&t, MIB_TCP_CURR_ESTAB);
    mib_inc(&t, MIB_UMPTCP_REJOINS);
    t.drops[DROP_NETIF] = 11;
    t.drops[DROP_TCP_CSUM] = 12;
    t.drops[DROP_COUNT - 1] = 13;
    assert_int_equal(value_of(&t, "IpInReceives"), 1);
    assert_int_equal(value_of(&t, "MPTcpExtMPJoinSynRx"), 7);
    assert_int_equal(value_of(&t, "TcpCurrEstab"), 2);
    assert_int_equal(value_of(&t, "UmptcpRejoins"), 1);
    assert_int_equal(value_of(&t, "UmptcpDropNoNetif"), 11);
    assert_int_equal(value_of(&t, "UmptcpDropTcpCsum"), 12);
    assert_int_equal(value_of(&t, "UmptcpDropMpFastcloseKey"), 13);
}

static void test_drop_reasons(void **state) {
    (void)state;
    assert_string_equal(drop_name(DROP_NONE), "None");
    assert_string_equal(drop_name(DROP_IP_SHORT), "IpShort");
    assert_string_equal(drop_meaning(DROP_TCP_CSUM), "TCP checksum");
    for (int d = 0; d < DROP_COUNT; d++) {
        assert_true(strlen(drop_name((enum drop)d)) > 0);
        assert_true(strlen(drop_meaning((enum drop)d)) > 0);
    }
    assert_string_equal(drop_name(DROP_COUNT), "Unknown");
    assert_string_equal(drop_meaning(DROP_COUNT), "no such reason");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_entry_has_its_own_name),
        cmocka_unit_test(test_values_stand_under_their_names),
        cmocka_unit_test(test_drop_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
