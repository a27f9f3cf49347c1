/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of constants: the table in order, values that Linux gave them, the usual names of errnos, and hints. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "script/symbols.h"

static int64_t value_of(const char *name) {
    int64_t value = -12345;
    if (!symbol_value(name, &value))
        fail_msg("%s is not there", name);
    return value;
}

/* Binary search finds all that is there only when this holds. */
static void test_order(void **state) {
    (void)state;
    int64_t value;
    const char *before = symbol_at(0, &value), *name;
    assert_string_equal(before, "AF_INET");
    assert_int_equal(value, AF_INET);
    uint32_t n = 1;
    for (; (name = symbol_at(n, &value)); n++) {
        if (strcmp(before, name) >= 0)
            fail_msg("%s stands before %s", before, name);
        assert_int_equal(value_of(name), value);
        before = name;
    }
    assert_true(n > 500);
    assert_null(symbol_at(UINT32_MAX, &value));
}

static void test_values(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t value;
    } known[] = {
        {"AF_INET", 2},
        {"AF_INET6", 10},
        {"AF_UNSPEC", 0},
        {"AF_PACKET", 17},
        {"PF_INET6", 10},
        {"SOCK_STREAM", 1},
        {"SOCK_DGRAM", 2},
        {"SOCK_RAW", 3},
        {"SOCK_NONBLOCK", 04000},
        {"IPPROTO_IP", 0},
        {"IPPROTO_TCP", 6},
        {"IPPROTO_ICMPV6", 58},
        {"IPPROTO_MPTCP", 262},
        {"SHUT_RDWR", 2},
        {"SOL_SOCKET", 1},
        {"SOL_IP", 0},
        {"SOL_IPV6", 41},
        {"SOL_TCP", 6},
        {"SOL_UDP", 17},
        {"SOL_MPTCP", 284},
        {"NULL", 0},
        {"SO_REUSEADDR", 2},
        {"SO_ERROR", 4},
        {"SO_RCVTIMEO", 20},
        {"SO_TIMESTAMPING", 37},
        {"SO_ZEROCOPY", 60},
        {"SO_INQ", 84},
        {"SO_EE_ORIGIN_TIMESTAMPING", 4},
        {"SO_EE_ORIGIN_ZEROCOPY", 5},
        {"SO_EE_CODE_ZEROCOPY_COPIED", 1},
        {"SOF_TIMESTAMPING_TX_ACK", 512},
        {"SOF_TIMESTAMPING_OPT_ID_TCP", 65536},
        {"SCM_TIMESTAMPING", 37},
        {"SCM_TIMESTAMPING_OPT_STATS", 54},
        {"SCM_TSTAMP_SND", 0},
        {"SCM_TSTAMP_ACK", 2},
        {"TCP_NLA_BUSY", 1},
        {"TCP_NLA_DELIVERY_RATE_APP_LMT", 12},
        {"TCP_NLA_TTL", 26},
        {"TCP_CA_OPEN", 0},
        {"TCP_CA_RECOVERY", 3},
        {"TCP_CA_LOSS", 4},
        {"TCP_INFINITE_SSTHRESH", 0x7fffffff},
        {"IP_MTU_DISCOVER", 10},
        {"IP_PMTUDISC_DO", 2},
        {"IP_FREEBIND", 15},
        {"IPV6_TCLASS", 67},
        {"IPV6_UNICAST_HOPS", 16},
        {"TCP_MAXSEG", 2},
        {"TCP_COOKIE_TRANSACTIONS", 15},
        {"TCP_FASTOPEN_CONNECT", 30},
        {"TCP_FASTOPEN_KEY", 33},
        {"TCP_INQ", 36},
        {"TCP_CM_INQ", 36},
        {"TCP_TX_DELAY", 37},
        {"TCP_IS_MPTCP", 43},
        {"MPTCP_INFO", 1},
        {"MPTCP_TCPINFO", 2},
        {"MPTCP_SUBFLOW_ADDRS", 3},
        {"MPTCP_FULL_INFO", 4},
        {"O_RDWR", 2},
        {"O_NONBLOCK", 04000},
        {"F_GETFL", 3},
        {"F_SETFL", 4},
        {"FD_CLOEXEC", 1},
        {"SEEK_END", 2},
        {"LOCK_EX", 2},
        {"MSG_PEEK", 2},
        {"MSG_FIN", 0x200},
        {"MSG_ERRQUEUE", 0x2000},
        {"MSG_FASTOPEN", 0x20000000},
        {"MSG_ZEROCOPY", 0x4000000},
        {"SIOCINQ", 0x541b},
        {"FIONREAD", 0x541b},
        {"POLLIN", 1},
        {"POLLRDHUP", 0x2000},
        {"EPOLLEXCLUSIVE", 1 << 28},
        {"EPOLLONESHOT", 1 << 30},
        {"EPOLLET", INT64_C(1) << 31}, /* not negative */
        {"EPOLL_CTL_ADD", 1},
        {"EPOLL_CTL_MOD", 3},
        {"SPLICE_F_MORE", 4},
        {"CAP_NET_RAW", 13},
        {"CAP_CHECKPOINT_RESTORE", 40},
        {"CAP_EFFECTIVE", 0},
        {"CAP_CLEAR", 0},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (value_of(known[i].name) != known[i].value)
            fail_msg("%s is %lld", known[i].name, (long long)value_of(known[i].name));
}

static void test_unknown(void **state) {
    (void)state;
    int64_t value = 77;
    assert_false(symbol_value("SO_REUSEADR", &value));
    assert_false(symbol_value("so_reuseaddr", &value));
    assert_false(symbol_value("", &value));
    assert_false(symbol_value("AF_INET66", &value));
    assert_false(symbol_value("EAGAIN", &value));
    assert_int_equal(value, 77);
}

static void test_errnos(void **state) {
    (void)state;
    assert_int_equal(errno_value("EPERM"), 1);
    assert_int_equal(errno_value("EAGAIN"), EAGAIN);
    assert_int_equal(errno_value("EWOULDBLOCK"), EAGAIN);
    assert_int_equal(errno_value("ENOTSUP"), EOPNOTSUPP);
    assert_int_equal(errno_value("EDEADLOCK"), EDEADLK);
    assert_int_equal(errno_value("EINPROGRESS"), 115);
    assert_int_equal(errno_value("EHWPOISON"), 133);
    assert_int_equal(errno_value("EAGAI"), 0);
    assert_int_equal(errno_value(""), 0);

    assert_string_equal(errno_name(EAGAIN), "EAGAIN");
    assert_string_equal(errno_name(EOPNOTSUPP), "EOPNOTSUPP");
    assert_string_equal(errno_name(EDEADLK), "EDEADLK");
    assert_string_equal(errno_name(41), "errno 41"); /* Linux has none */
    assert_string_equal(errno_name(0), "errno 0");
    assert_string_equal(errno_name(999), "errno 999");
    assert_string_equal(errno_name(INT32_MIN), "errno -2147483648");

    int names = 0;
    for (int i = 1; i <= 133; i++) {
        const char *name = errno_name(i);
        if (strncmp(name, "errno", 5) == 0)
            continue;
        assert_int_equal(errno_value(name), i);
        names++;
    }
    assert_int_equal(names, 131);
}

static void test_like(void **state) {
    (void)state;
    assert_string_equal(symbol_like("SO_REUSEADR"), "SO_REUSEADDR");
    assert_string_equal(symbol_like("sock_stream"), "SOCK_STREAM");
    assert_string_equal(symbol_like("ipproto_mtcp"), "IPPROTO_MPTCP");
    assert_string_equal(symbol_like("EINPROGRES"), "EINPROGRESS");
    assert_string_equal(symbol_like("EWOULDBLOK"), "EWOULDBLOCK");
    assert_string_equal(symbol_like("SOLTCP"), "SOL_TCP");
    assert_null(symbol_like("BANANA"));
    assert_null(symbol_like(""));
    assert_null(symbol_like("X"));
    char longest[300];
    memset(longest, 'A', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_null(symbol_like(longest));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),  cmocka_unit_test(test_values), cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_errnos), cmocka_unit_test(test_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
