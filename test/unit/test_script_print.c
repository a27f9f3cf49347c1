/* SPDX-License-Identifier: BSD-3-Clause */
/* What is printed is read as the same value: lines that print as themselves, others as their usual form, and values
 * that no script has written. */
#include "testscript.h"

#include <stdio.h>

#include "wire/addr.h"

static struct testscript t;
static struct text text;

static int end(void **state) {
    (void)state;
    text_free(&text);
    testscript_end(&t);
    memset(&t, 0, sizeof t);
    return 0;
}

/* Parses "0 LINE", prints its event, and expects `want`; then the same of `want`. */
static void prints_as(enum family family, const char *line, const char *want) {
    const char *from = line;
    for (int round = 0; round < 2; round++, from = want) {
        char source[500];
        (void)snprintf(source, sizeof source, "0 %s", from);
        text_free(&text);
        testscript_end(&t);
        testscript_good(&t, family, source);
        print_event(&text, t.script.events);
        if (strncmp(text_of(&text), "0 ", 2) != 0 || strcmp(text_of(&text) + 2, want) != 0)
            fail_msg("'%s' and not '%s' of '%s'", text_of(&text), want, from);
    }
}

static void same(const char *line) { prints_as(FAMILY_IPV4, line, line); }

static void test_packets(void **state) {
    (void)state;
    static const char *const lines[] = {
        "< S 0:0(0) win 65535",
        "> S. 0:0(0) ack 1 <...>",
        "< P. 1:101(100) ack 5 win 257 urg 100",
        "> R 1:1(0)",
        "> - 1:1(0)",
        "> SEW 0:0(0)",
        "> FPU. 1:2(1) ack 3",
        "> SEWA 0:0(0)",
        "> P.5 1:2(1)",
        "> S0 0:0(0)",
        "> -7 0:0(0)",
        "> [ect0] . 1:1(0)",
        "> [ect01, flowlabel 0x00abc] . 1:1(0)",
        "< [tos 0x1a, ttl 64] . 1:1(0) win 1",
        "< 1234 > 80 S 0:0(0) win 1",
        "> > addr[b] S 0:0(0)",
        "> addr[a] > . 1:1(0)",
        "> 192.0.2.1:5 > 198.51.100.7:0 . 1:1(0)",
        "> [2001:db8::1]:80 > [::1]:5 . 1:1(0)",
        "> ipv4 1.2.3.4 > 5.6.7.8 [ect0]: gre flags 0x2000, key 5: mpls (label 5, tc 0, [S], ttl 255): . 1:1(0)",
        "< [ect0] encap psp spi 7 P. 1:501(500) ack 1 win 50000",
        "< icmp unreachable frag_needed mtu 1200 [1:1001(1000)]",
        "< icmp type_42 code_7 id 9 [raw (64)]",
        "> icmp echo_request [udp (8)]",
        "> udp (100)",
        "< udp 53 > 1234 (64)",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        same(lines[i]);
    prints_as(FAMILY_IPV4, ">   SP. 1:1(0)", "> SP. 1:1(0)");
}

static void test_options(void **state) {
    (void)state;
    static const char *const options[] = {
        "mss 1460, nop, nop, sackOK, nop, wscale 8",
        "eol, nop, nop, nop",
        "sack 1:2 3:4 4294967294:4294967295, nop, nop",
        "nop, nop, TS val 4294967295 ecr 0",
        "md5 000102030405060708090a0b0c0d0e0f, nop, nop",
        "FO, nop, nop",
        "FO 0011223344ff",
        "FOEXP",
        "FOEXP 0011, nop, nop",
        "ECN e0b 1 ceb 2 e1b 3, nop",
        "ECN e1b 1, nop, nop, nop",
        "raw 1e0300, raw 01",
        "mpcapable v1 flags[flag_h] nokey",
        "mpcapable v0 flags[flag_a, flag_b, flag_h] key[ckey=2]",
        "mpcapable v1 flags[no_flags] key[a, b + 1] mpcdatalen 33, nop, nop",
        "mpcapable v15 flags[flag_c] key[0x0000000000000001, 0xffffffffffffffff] mpcdatalen 1 cksum=auto",
        "mpcapable v1 flags[flag_a] nokey mpcdatalen 65535 cksum=77",
        "mp_join_syn backup=1 address_id=3 token=sha256_32(skey) rand=7",
        "mp_join_syn address_id=auto token=0x0000beef",
        "mp_join_syn token=sha1_32(5)",
        "mp_join_syn_ack address_id=0 sender_hmac=auto rand=4294967295",
        "mp_join_syn_ack sender_hmac=0x0001020304050607",
        "mp_join_syn_ack sender_hmac=trunc_l64_hmac(a b)",
        "mp_join_syn_ack sender_hmac=trunc_l64_hmac(9)",
        "mp_join_ack sender_hmac=auto",
        "mp_join_ack sender_hmac=0x000102030405060708090a0b0c0d0e0f10111213",
        "dss dack8=301 nocs",
        "dss dack4",
        "dss dack4 dsn8 nocs, nop, nop",
        "dss dsn4=1 ssn=0 dll=1 nocs fin, nop, nop",
        "dss dack8=1 dsn8=18446744073709551615 ssn=4294967295 dll=65535 cksum=65535 fin",
        "dss dack8=trunc_r64_hmac(skey) + 5 dsn8=trunc_r64_hmac(ckey) nocs, nop, nop",
        "dss dack8=trunc_r64_hmac_sha256(9) dsn8=trunc_r64_hmac_sha1(0)",
        "add_address address_id=4 addr[extra=inet_addr(\"203.0.113.9\")] hmac=auto",
        "add_address addr[inet6_addr(\"2001:db8::9\")] port=8080 hmac=0x0000000000000005, nop, nop",
        "add_address address_id=auto addr[a] addr_echo",
        "add_address addr[a]",
        "remove_address address_id=[3, 1, 255], nop, nop",
        "mp_prio backup=0, nop",
        "mp_prio backup=1 address_id=3",
        "mp_fail",
        "mp_fail dsn8=301",
        "mp_fastclose",
        "mp_fastclose ckey=42",
        "mp_fastclose ckey + 3",
        "mp_fastclose 0x0000000000000010",
        "mp_reset 3",
        "mp_reset 255 flags[flag_u, flag_v, flag_w, flag_t]",
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char line[300];
        (void)snprintf(line, sizeof line, "> . 1:1(0) ack 1 <%s>", options[i]);
        same(line);
    }
}

static void test_usual_forms(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"mp_capable a b", "mpcapable v0 flags[flag_a, flag_h] key[a, b]"},
        {"mpcapable none flags 0x81 nokey", "mpcapable v1 flags[flag_a, flag_h] nokey"},
        {"mp_join_syn token=10 backup=0", "mp_join_syn token=0x0000000a"},
        {"mp_join_syn_ack rand=1 token=auto", "mp_join_syn_ack sender_hmac=auto rand=1"},
        {"mp_join_syn_ack sender_hmac=258", "mp_join_syn_ack sender_hmac=0x0000000000000102"},
        {"dss dack4=1 dsn4=1 cksum=0 ssn=1,nop,nop", "dss dack4=1 dsn4=1 ssn=1 nocs, nop, nop"},
        {"dss dack8=3 ssn=5 dll=0 nocs", "dss dack8=3 nocs"},
        {"dss dack8=3 dsn8=4 cksum", "dss dack8=3 dsn8=4"},
        {"mp_fail dsn8", "mp_fail"},
        {"mp_fastclose ckey=0", "mp_fastclose ckey=0"},
        {"mp_reset 1 flags[no_flags]", "mp_reset 1"},
        {"mp_reset 1 flags 9", "mp_reset 1 flags[flag_u, flag_t]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char from[200], to[200];
        (void)snprintf(from, sizeof from, "> . 1:1(0) <%s>", cases[i].from);
        (void)snprintf(to, sizeof to, "> . 1:1(0) <%s>", cases[i].to);
        prints_as(FAMILY_IPV4, from, to);
    }
    prints_as(FAMILY_IPV4, "> (ect1)  P. 1:1(0)", "> [ect1] P. 1:1(0)");
}

static void test_calls(void **state) {
    (void)state;
    static const char *const lines[] = {
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "read(4, ..., 1000) = -1 EAGAIN",
        "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
        "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
        "setsockopt(3, SOL_TCP, TCP_FASTOPEN_KEY, \"\\xf7\\x00 a\\\\b\\\"c\\x7f\", 16) = 0",
        "epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, fd=4}) = 0",
        "recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 0}], msg_flags=0, msg_control=[]}, MSG_ERRQUEUE) = 0",
        "connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"1.2.3.4\")}, ...) = 0",
        "setsockopt(3, SOL_TCP, TCP_MAXSEG, inet6_addr(\"2001:db8::5\"), 16) = 0",
        "close(-9223372036854775808) = 0",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        same(lines[i]);
    prints_as(FAMILY_IPV4, "fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)", "fcntl(3, F_GETFL) = 2");
    prints_as(FAMILY_IPV4, "open(\"a\" \"b\"..., 0xffffffffffffffff) = 5 (x)", "open(\"ab\", -1) = 5");
    same("`echo \\`date\\`\n`");
    same("%{\nassert tcpi_rtt % 2 == 0\n}%");
}

static void test_script(void **state) {
    (void)state;
    static const char source[] = "`init`\n"
                                 "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                                 "+0...0.15 accept(3, ..., ...) = 4\n"
                                 "1.5 > . 1:1(0)\n"
                                 "1.5~2.000000001 > . 1:1(0)\n"
                                 "+0.3~+0.4 > . 1:1(0)\n"
                                 "* > . 1:1(0)\n"
                                 "+0.01 < . 1:1(0) win 1\n"
                                 "+1 `true`\n"
                                 "+1 %{ pass }%\n"
                                 "`cleanup`\n";
    testscript_good(&t, FAMILY_IPV4, source);
    print_script(&text, &t.script);
    assert_string_equal(text_of(&text), source);
}

static void test_times(void **state) {
    (void)state;
    static const struct {
        dur d;
        const char *seconds;
    } cases[] = {{0, "0.000000"},    {MSEC(50), "0.050000"}, {SEC(12) + USEC(1), "12.000001"},
                 {1499, "0.000001"}, {1500, "0.000002"},     {SEC(1) - 1, "1.000000"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        text_free(&text);
        print_seconds(&text, cases[i].d);
        assert_string_equal(text_of(&text), cases[i].seconds);
    }
    text_free(&text);
    print_when(&text, &(struct when){WHEN_AFTER, MSEC(50), MSEC(50)});
    print_when(&text, &(struct when){WHEN_WITHIN, SEC(10), SEC(100)});
    print_when(&text, &(struct when){WHEN_ANY, 0, 0});
    assert_string_equal(text_of(&text), "+0.0510~100*");
}

/* Packets that came: numbers and octets where scripts have names. */
static void test_values_that_came(void **state) {
    (void)state;
    struct option join = {.kind = OPTION_MPTCP,
                          .mp = {.type = MPJ_SYNACK,
                                 .mpj = {.backup = true,
                                         .addr_id = value_number(5),
                                         .hmac = value_number(0),
                                         .hmac_bytes = {0xde, 0xad, 0, 0, 0, 0, 0, 1},
                                         .nonce = value_number(9)}}};
    struct option add = {.next = &join,
                         .kind = OPTION_MPTCP,
                         .mp = {.type = MP_ADD_ADDR,
                                .add_addr = {.addr_id = value_number(1),
                                             .addr = {NULL, true, addr_v4(0xc0000201)},
                                             .hmac = value_number(0xabc)}}};
    struct packet p = {.inbound = false, .proto = PACKET_TCP};
    p.tcp =
        (struct tcp_line){.flags = TCP_ACK, .seq = UINT32_MAX, .len = 2, .has_win = true, .win = 9, .options = &add};
    print_packet(&text, &p);
    assert_string_equal(text_of(&text),
                        "> . 4294967295:4294967297(2) win 9 <add_address address_id=1 addr[inet_addr(\"192.0.2.1\")] "
                        "hmac=0x0000000000000abc, mp_join_syn_ack backup=1 address_id=5 sender_hmac=0xdead000000000001 "
                        "rand=9>");
    text_free(&text);
    p = (struct packet){.inbound = true, .v6 = true, .proto = PACKET_ICMP, .icmp = {.type = 1, .code = 4}};
    print_packet(&text, &p);
    assert_string_equal(text_of(&text), "< icmp unreachable port_unreachable");
    text_free(&text);
    p.icmp = (struct icmp_line){.type = 77, .code = 1, .quote = QUOTE_TCP};
    print_packet(&text, &p);
    assert_string_equal(text_of(&text), "< icmp type_77 code_1");
}

static void test_text(void **state) {
    (void)state;
    struct text grows = {NULL, 0, 0};
    assert_string_equal(text_of(&grows), "");
    for (int i = 0; i < 1000; i++)
        text_add(&grows, "%d,", i % 10);
    assert_int_equal(grows.len, 2000);
    assert_int_equal(strlen(text_of(&grows)), 2000);
    assert_memory_equal(text_of(&grows) + 1980, "0,1,2,3,4,5,6,7,8,9,", 20);
    text_add(&grows, "%s", "");
    assert_int_equal(grows.len, 2000);
    text_free(&grows);
    assert_true(grows.at == NULL && grows.len == 0);
    text_free(&grows);
}

static void test_arena(void **state) {
    (void)state;
    struct arena a = {NULL};
    char *first = arena_alloc(&a, 1), *large = arena_alloc(&a, 100000), *last = arena_alloc(&a, 40);
    assert_true(first[0] == 0 && large[0] == 0 && large[99999] == 0 && last[39] == 0);
    assert_true((uintptr_t)last % sizeof(void *) == 0 && (uintptr_t)large % sizeof(void *) == 0);
    memset(large, 1, 100000);
    memset(last, 2, 40);
    assert_true(first[0] == 0 && large[99999] == 1);
    assert_string_equal(arena_text(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_text(&a, NULL, 0), "");
    assert_string_equal(arena_printf(&a, "%s %d", "x", 5), "x 5");
    assert_string_equal(arena_printf(&a, "%s", ""), "");
    arena_free(&a);
    assert_null(a.blocks);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_packets, end),
        cmocka_unit_test_teardown(test_options, end),
        cmocka_unit_test_teardown(test_usual_forms, end),
        cmocka_unit_test_teardown(test_calls, end),
        cmocka_unit_test_teardown(test_script, end),
        cmocka_unit_test_teardown(test_times, end),
        cmocka_unit_test_teardown(test_values_that_came, end),
        cmocka_unit_test_teardown(test_text, end),
        cmocka_unit_test_teardown(test_arena, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
