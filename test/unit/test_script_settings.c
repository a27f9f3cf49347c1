/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of scripts and of the command line: defaults, who wins, what is refused, and the environment of commands. */
#include "testscript.h"

#include <errno.h>
#include <stdio.h>

#include "script/words.h"
#include "wire/addr.h"

static struct settings settings;
static struct arena arena;
static char error[256];

static void start(enum family family) {
    arena_free(&arena);
    settings_init(&settings, family, &arena);
}

static int end(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static void set(const char *option, bool fixed) {
    if (settings_apply(&settings, option, fixed, error, sizeof error) != 0)
        fail_msg("%s: %s", option, error);
}

static void refuse(const char *option, int result, const char *why) {
    const struct settings before = settings;
    assert_int_equal(settings_apply(&settings, option, false, error, sizeof error), result);
    assert_string_equal(error, why);
    assert_true(settings.given == before.given && settings.set == before.set && settings.mtu == before.mtu);
}

static void assert_addr(const struct umptcp_addr *a, const char *want) {
    char text[UMPTCP_ADDRSTRLEN];
    assert_string_equal(umptcp_addr_format(a, text), want);
}

static void test_defaults(void **state) {
    (void)state;
    start(FAMILY_IPV4);
    assert_true(settings.bind_port == 8080 && settings.connect_port == 8080 && settings.mtu == 1500);
    assert_addr(&settings.local_ip, "192.168.0.1");
    assert_addr(&settings.remote_ip, "192.0.2.1");
    assert_addr(&settings.gateway_ip, "192.168.0.1");
    assert_true(settings.local_prefix == 16 && settings.remote_prefix == 24);
    assert_true(settings.tolerance == USEC(4000) && settings.tolerance_percent == 12.5);
    assert_string_equal(settings.code_command, "python3");
    assert_string_equal(settings_define(&settings, "TFO_COOKIE"), "3021b9d889017eeb");
    assert_string_equal(settings_define(&settings, "CMSG_LEVEL_IP"), "SOL_IP");
    assert_null(settings_define(&settings, "MSS"));

    start(FAMILY_IPV6);
    assert_addr(&settings.local_ip, "fd3d:a0b:17d6::1");
    assert_addr(&settings.remote_ip, "fd3d:fa7b:d17d::1");
    assert_addr(&settings.gateway_ip, "fd3d:a0b:17d6:8888::1");
    assert_true(settings.local_prefix == 48 && settings.remote_prefix == 48 && settings.mtu == 1520);
    assert_string_equal(settings_define(&settings, "TFO_COOKIE"), "c1d1e9742a47a9bc");
    assert_string_equal(settings_define(&settings, "CMSG_TYPE_RECVERR"), "IPV6_RECVERR");
    assert_null(settings_define(&settings, "CODE"));

    start(FAMILY_MAPPED);
    assert_addr(&settings.local_ip, "192.168.0.1");
    assert_string_equal(settings_define(&settings, "CODE"), "host_unreachable");
    assert_string_equal(settings_define(&settings, "CMSG_LEVEL_IP"), "SOL_IPV6");
    assert_string_equal(family_name(FAMILY_MAPPED), "ipv4-mapped-ipv6");
}

static void test_values(void **state) {
    (void)state;
    start(FAMILY_IPV4);
    set("bind_port=5201", false);
    set("connect_port=4433", false);
    set("mtu=9000", false);
    set("speed=10000", false);
    set("mss=1000", false);
    set("tolerance_usecs=100000", false);
    set("tolerance_percent=2.5", false);
    set("tcp_ts_tick_usecs=1000", false);
    set("tcp_ts_ecr_scaled", false);
    set("strict_segments", false);
    set("non_fatal=syscall,packet", false);
    set("code_command=\"python3 -u\"", false);
    set("code_sockopt=TCP_INFO", false);
    set("init_scripts=a,b", false);
    set("psp_udp_port=1000", false);
    set("verbose", false);
    assert_true(settings.bind_port == 5201 && settings.connect_port == 4433 && settings.mtu == 9000);
    assert_true(settings.speed == 10000 && settings.mss == 1000 && settings.psp_udp_port == 1000);
    assert_true(settings.tolerance == MSEC(100) && settings.tolerance_percent == 2.5);
    assert_true(settings.ts_tick == MSEC(1) && settings.ts_ecr_scaled && settings.strict_segments);
    assert_true(settings.non_fatal_packet && settings.non_fatal_syscall);
    assert_true(!settings.dry_run && !settings.is_anyip && !settings.strict);
    assert_string_equal(settings.code_command, "python3 -u");
    assert_string_equal(settings.init_scripts, "a,b");
}

static void test_addresses(void **state) {
    (void)state;
    start(FAMILY_IPV4);
    set("remote_ip=10.248.0.2/8", false);
    assert_addr(&settings.remote_ip, "10.248.0.2");
    assert_int_equal(settings.remote_prefix, 8);
    set("remote_ip=10.248.0.3", false);
    assert_int_equal(settings.remote_prefix, 24);
    set("local_ip=192.168.0.2", false);
    assert_int_equal(settings.local_prefix, 16);
    set("netmask_ip=255.255.255.128", false);
    assert_int_equal(settings.local_prefix, 25);
    set("local_ip=192.168.0.3", false); /* the mask was said, and stays */
    assert_int_equal(settings.local_prefix, 25);
    set("local_ip=192.168.0.3/20", false);
    assert_int_equal(settings.local_prefix, 20);
    assert_int_equal(settings_finish(&settings, error, sizeof error), 0);
    set("remote_ip=2001:DB8::1/32", false);
    assert_int_equal(settings.remote_prefix, 32);
    assert_int_equal(settings_finish(&settings, error, sizeof error), -EINVAL);
    assert_string_equal(error, "--remote_ip is not an address of --ip_version=ipv4");
}

static void test_refused(void **state) {
    (void)state;
    start(FAMILY_IPV4);
    refuse("mtu=65536", -EINVAL, "--mtu needs a number from 0 to 65535, not '65536'");
    refuse("mtu=15x", -EINVAL, "--mtu needs a number from 0 to 65535, not '15x'");
    refuse("mtu=-1", -EINVAL, "--mtu needs a number from 0 to 65535, not '-1'");
    refuse("mtu", -EINVAL, "--mtu needs a value");
    refuse("mtuu=1", -ENOENT, "there is no option --mtuu; did you mean --mtu?");
    refuse("xyzzy", -ENOENT, "there is no option --xyzzy");
    refuse("strict_segments=2", -EINVAL, "--strict_segments needs no value, not '2'");
    refuse("verbose=1", -EINVAL, "--verbose needs no value, not '1'");
    refuse("ip_version=6", -EINVAL, "--ip_version needs ipv4, ipv6 or ipv4-mapped-ipv6, not '6'");
    refuse("local_ip=192.168.0", -EINVAL, "--local_ip needs an address, not '192.168.0'");
    refuse("remote_ip=192.0.2.1/33", -EINVAL,
           "--remote_ip needs an address with a prefix length such as /24, not '192.0.2.1/33'");
    refuse("gateway_ip=192.0.2.1/24", -EINVAL,
           "--gateway_ip needs an address without a prefix length, not '192.0.2.1/24'");
    refuse("netmask_ip=255.0.255.0", -EINVAL, "--netmask_ip needs a mask such as 255.255.0.0, not '255.0.255.0'");
    refuse("tolerance_percent=101", -EINVAL, "--tolerance_percent needs a number from 0 to 100, not '101'");
    refuse("tolerance_percent=nan", -EINVAL, "--tolerance_percent needs a number from 0 to 100, not 'nan'");
    refuse("tcp_ts_tick_usecs=1000001", -EINVAL, "--tcp_ts_tick_usecs needs a number from 0 to 1000000, not '1000001'");
    refuse("non_fatal=packet,", -EINVAL, "--non_fatal needs packet, syscall or both, not 'packet,'");
    refuse("code_format=lua", -EINVAL, "--code_format needs python, not 'lua'");
    refuse("wire_client", -EINVAL, "--wire_client: there is no wire mode");
    refuse("define=A", -EINVAL, "--define needs a name, = and a value, not 'A'");
    refuse("define=A-B=1", -EINVAL, "--define needs a name, = and a value, not 'A-B=1'");
    refuse("define=1A=1", -EINVAL, "--define needs a name, = and a value, not '1A=1'");
}

static void test_command_line_wins(void **state) {
    (void)state;
    start(FAMILY_IPV4);
    set("mtu=2000", true);
    set("mtu=3000", false);
    assert_int_equal(settings.mtu, 2000);
    assert_int_equal(settings_apply(&settings, "mtu=x", false, error, sizeof error), -EINVAL); /* but must be right */
    set("define=A=fixed", true);
    set("define=A=script", false);
    set("define=B=script", false);
    set("define=B=again", false);
    set("define=TFO_COOKIE=00", false);
    assert_string_equal(settings_define(&settings, "A"), "fixed");
    assert_string_equal(settings_define(&settings, "B"), "again");
    assert_string_equal(settings_define(&settings, "TFO_COOKIE"), "00");
    assert_int_equal(settings.ndefines, 4);
    char option[32];
    for (int i = 4; i < DEFINES_MAX; i++) {
        (void)snprintf(option, sizeof option, "define=N%d=1", i);
        set(option, false);
    }
    refuse("define=MORE=1", -EINVAL, "--define needs fewer symbols, not 'MORE=1'");
}

static void test_family(void **state) {
    (void)state;
    start(FAMILY_IPV4);
    set("mtu=1400", false);
    set("local_ip=fd::1", false);
    set("ip_version=ipv6", false); /* a script's own: the family's defaults for what it does not say */
    assert_int_equal(settings_finish(&settings, error, sizeof error), 0);
    assert_true(settings.family == FAMILY_IPV6 && settings.mtu == 1400);
    assert_addr(&settings.local_ip, "fd::1");
    assert_addr(&settings.remote_ip, "fd3d:fa7b:d17d::1");
    assert_string_equal(settings_define(&settings, "CMSG_LEVEL_IP"), "SOL_IPV6");

    start(FAMILY_IPV4);
    set("ip_version=ipv6", true);
    set("ip_version=ipv4", false);
    set("remote_ip=10.0.0.1", false); /* cannot be meant */
    assert_int_equal(settings_finish(&settings, error, sizeof error), 0);
    assert_int_equal(settings.family, FAMILY_IPV6);
    assert_addr(&settings.remote_ip, "fd3d:fa7b:d17d::1");

    start(FAMILY_IPV4);
    set("ip_version=ipv6", true);
    set("remote_ip=10.0.0.1", true);
    assert_int_equal(settings_finish(&settings, error, sizeof error), -EINVAL);
    assert_string_equal(error, "--remote_ip is not an address of --ip_version=ipv6");
}

struct seen {
    int n;
    char text[4096];
};

static void see(void *ctx, const char *name, const char *value) {
    struct seen *seen = ctx;
    size_t used = strlen(seen->text);
    seen->n++;
    (void)snprintf(seen->text + used, sizeof seen->text - used, "%s=%s\n", name, value);
}

static void test_environment(void **state) {
    (void)state;
    struct seen seen = {0, "\n"};
    start(FAMILY_IPV4);
    set("tolerance_usecs=100000", false);
    set("remote_ip=192.0.2.7/24", false);
    set("define=TFO_COOKIE=55", false);
    set("define=MINE=\"x\"", false);
    set("define=MINE=y", true);
    settings_environment(&settings, see, &seen);
    static const char *const lines[] = {
        "\nOPT_IP_VERSION=ipv4\n",
        "\nOPT_REMOTE_IP=192.0.2.7\n",
        "\nOPT_NETMASK_IP=255.255.0.0\n",
        "\nOPT_MTU=1500\n",
        "\nOPT_TOLERANCE_USECS=100000\n",
        "\nOPT_STRICT_SEGMENTS=0\n",
        "\nOPT_WIRE_CLIENT=0\n",
        "\nOPT_LOCAL_DEV=tun0\n",
        "\nTFO_COOKIE=55\n",
        "\nCMSG_LEVEL_IP=SOL_IP\n",
        "\nMINE=y\n",
        "\nOPT_CODE_COMMAND=python3\n",
        "\nOPT_BIND_PORT=8080\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(seen.text, lines[i]))
            fail_msg("%s is not in %s", lines[i], seen.text);
    assert_null(strstr(seen.text, "OPT_SO_FILENAME")); /* not set */
    assert_null(strstr(seen.text, "OPT_NON_FATAL"));
    assert_null(strstr(seen.text, "OPT_DEFINE"));

    seen = (struct seen){0, "\n"};
    start(FAMILY_IPV6);
    set("non_fatal=packet", false);
    settings_environment(&settings, see, &seen);
    assert_non_null(strstr(seen.text, "\nOPT_NETMASK_IP=ffff:ffff:ffff::\n"));
    assert_non_null(strstr(seen.text, "\nOPT_NON_FATAL=packet\n"));
}

static void test_words(void **state) {
    (void)state;
    assert_int_equal(word_distance("kitten", "sitting"), 3);
    assert_int_equal(word_distance("", "abc"), 3);
    assert_int_equal(word_distance("same", "same"), 0);
    assert_string_equal(word_like(words_capable_flags, "flaga"), "flag_a");
    assert_null(word_like(words_capable_flags, "SO_REUSEADDR"));
    assert_string_equal(word_name(words_ecn, 3), "ce");
    assert_null(word_name(words_ecn, 4));
    assert_null(word_find(words_ecn, "ect", 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),          cmocka_unit_test(test_values),
        cmocka_unit_test(test_addresses),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_command_line_wins), cmocka_unit_test(test_family),
        cmocka_unit_test(test_environment),       cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
