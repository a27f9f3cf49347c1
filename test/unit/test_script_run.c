/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole scripts on the engine: what passes, and for each way to fail the line, the sentence and what is shown with it.
 */
#include "testscript.h"

#include <stdio.h>

#include "script/engine.h"
#include "script/run.h"

/* A server, up to the accepted connection 4 whose receive window is scaled by 128. */
#define LISTENS                                                                                                        \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"                                                                    \
    "+0 bind(3, ..., ...) = 0\n"                                                                                       \
    "+0 listen(3, 1) = 0\n"
#define SERVER                                                                                                         \
    LISTENS "+0 < S 0:0(0) win 1000 <mss 1000, sackOK, TS val 50 ecr 0, nop, wscale 0>\n"                              \
            "+0 > S. 0:0(0) ack 1 <mss 1460, sackOK, TS val 100 ecr 50, nop, wscale 7>\n"                              \
            "+.1 < . 1:1(0) ack 1 win 1000 <nop, nop, TS val 60 ecr 100>\n"                                            \
            "+0 accept(3, ..., ...) = 4\n"
#define SERVER_LINES 7
/* An MPTCP server with 4 as its connection. */
#define MPTCP                                                                                                          \
    "0 socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3\n"                                                                  \
    "+0 bind(3, ..., ...) = 0\n"                                                                                       \
    "+0 listen(3, 1) = 0\n"                                                                                            \
    "+0 < S 0:0(0) win 60000 <mss 1460, nop, wscale 5, mpcapable v1 flags[flag_h] nokey>\n"                            \
    "+0 > S. 0:0(0) ack 1 <mss 1460, nop, wscale 7, mpcapable v1 flags[flag_h] key[skey]>\n"                           \
    "+0 < . 1:1(0) ack 1 win 2000 <mpcapable v1 flags[flag_h] key[ckey=9, skey]>\n"                                    \
    "+0 accept(3, ..., ...) = 4\n"

struct outcome {
    int result;
    struct script_error error;
    struct text detail, notes;
};

static void note(void *ctx, const struct note *n) {
    struct text *t = ctx;
    static const char *const names[] = {"inject", "take", "ignore", "call", "return", "command", "code", "warning"};
    text_add(t, "%s #%u ", names[n->kind], n->flow);
    if (n->packet)
        print_packet(t, n->packet);
    else if (n->kind == NOTE_WARNING)
        text_add(t, "%s", n->text);
    text_add(t, "\n");
}

static void play(enum family family, const char *source, struct outcome *o) {
    struct testscript t;
    struct target *target;
    char error[256];
    memset(o, 0, sizeof *o);
    testscript_good(&t, family, source);
    assert_int_equal(engine_target_open(&t.settings, 1, &target, error, sizeof error), 0);
    const struct run_options options = {note, &o->notes};
    o->result = script_run(&t.script, &t.settings, target, &options, &o->error, &o->detail);
    target->ops->close(target);
    testscript_end(&t);
}

static void outcome_free(struct outcome *o) {
    text_free(&o->detail);
    text_free(&o->notes);
}

/* Passes in every family. */
static void passes(const char *source) {
    for (enum family family = FAMILY_IPV4; family <= FAMILY_MAPPED; family++) {
        struct outcome o;
        play(family, source, &o);
        if (o.result)
            print_error("%u: %s\n%s", o.error.place.line, o.error.text, text_of(&o.detail));
        assert_int_equal(o.result, 0);
        outcome_free(&o);
    }
}

/* Fails at that line with that sentence; `shown` is in the detail. */
static void fails(const char *source, uint32_t line, const char *sentence, const char *shown) {
    struct outcome o;
    play(FAMILY_IPV4, source, &o);
    assert_true(o.result < 0);
    assert_string_equal(o.error.text, sentence);
    assert_int_equal(o.error.place.line, line);
    if (!strstr(text_of(&o.detail), shown))
        fail_msg("'%s' is not in:\n%s", shown, text_of(&o.detail));
    outcome_free(&o);
}

/* ---- What passes ------------------------------------------------------------------------------------------------- */

static void test_tcp(void **state) {
    (void)state;
    passes(SERVER "+.1 < P. 1:61(60) ack 1 win 1000 <nop, nop, TS val 70 ecr 100>\n"
                  "+0 > . 1:1(0) ack 61 <nop, nop, TS val 100 ecr 70>\n"
                  "+0 read(4, ..., 100) = 60\n"
                  "+0 write(4, ..., 100) = 100\n"
                  "+0 > P. 1:101(100) ack 61 <nop, nop, TS val 300 ecr 70>\n"
                  "+0...0.05 read(4, ..., 100) = 5\n"
                  "+.05 < P. 61:66(5) ack 101 win 1000 <nop, nop, TS val 80 ecr 300>\n"
                  "* > . 101:101(0) ack 66 <...>\n"
                  "+0 %{ assert tcpi_state == TCP_ESTABLISHED, tcpi_state }%\n");
}

static void test_mptcp_with_a_join(void **state) {
    (void)state;
    passes(MPTCP "+0 < P. 1:101(100) ack 1 win 2000 <nop, nop, dss dack8=1 dsn8=1 ssn=1 dll=100 nocs>\n"
                 "+0 > . 1:1(0) ack 101 <dss dack8=101 nocs>\n"
                 "+0 < addr[c1] >  S 0:0(0) win 60000 <mss 1460, nop, wscale 5, mp_join_syn address_id=3 token=auto>\n"
                 "+0 > S. 0:0(0) ack 1 <mss 1460, nop, wscale 7, mp_join_syn_ack address_id=0 sender_hmac=auto>\n"
                 "+0 < . 1:1(0) ack 1 win 2000 <mp_join_ack sender_hmac=auto>\n"
                 "+0 > . 1:1(0) ack 1 <dss dack8=101 nocs>\n"
                 "+0 < addr[c1] >  P. 1:51(50) ack 1 win 2000 <nop, nop, dss dack8=1 dsn8=101 ssn=1 dll=50 nocs>\n"
                 "+0 > . 1:1(0) ack 51 <dss dack8=151 nocs>\n"
                 "+0 read(4, ..., 1000) = 150\n");
}

/* Keys, tokens and data sequence numbers are those of the connection that a line is about. */
static void test_two_connections(void **state) {
    (void)state;
    passes(MPTCP "+0 < 5555 > 8080 S 0:0(0) win 60000 <mss 1460, nop, wscale 5, mpcapable v1 flags[flag_h] nokey>\n"
                 "+0 > 8080 > 5555 S. 0:0(0) ack 1 <mss 1460, nop, wscale 7, mpcapable v1 flags[flag_h] key[other]>\n"
                 "+0 < 5555 > 8080 . 1:1(0) ack 1 win 2000 <mpcapable v1 flags[flag_h] key[mine=4, other]>\n"
                 "+0 accept(3, ..., ...) = 5\n"
                 "+0 < 5555 > 8080 P. 1:11(10) ack 1 win 2000 <nop, nop, dss dack8=1 dsn8=1 ssn=1 dll=10 nocs>\n"
                 "+0 > 8080 > 5555 . 1:1(0) ack 11 <dss dack8=11 nocs>\n"
                 "+0 < 40001 > 8080 P. 1:6(5) ack 1 win 2000 <nop, nop, dss dack8=1 dsn8=1 ssn=1 dll=5 nocs>\n"
                 "+0 > 8080 > 40001 . 1:1(0) ack 6 <dss dack8=6 nocs>\n"
                 "+0 read(5, ..., 100) = 10\n"
                 "+0 read(4, ..., 100) = 5\n");
}

/* The SYN of an older socket that is sent again meanwhile is not the one that the newest one sends. */
static void test_older_syn_again(void **state) {
    (void)state;
    passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
           "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
           "+0 connect(3, ..., ...) = -1 EINPROGRESS (...)\n"
           "+0 > S 0:0(0) <...>\n"
           "+1.5 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4\n"
           "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
           "+0 connect(4, ..., ...) = -1 EINPROGRESS (...)\n"
           "+0 > S 0:0(0) <...>\n"
           "+0.1 < S. 0:0(0) ack 1 win 1000 <mss 1000>\n"
           "+0 > . 1:1(0) ack 1\n"
           "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0\n");
}

/* A SYN between the ends of a connection that is over begins another one, with numbers and keys of its own. */
static void test_same_ends_again(void **state) {
    (void)state;
    passes(MPTCP "+0 < R 1:1(0) win 0\n"
                 "+0 < S 7000:7000(0) win 60000 <mss 1460, nop, wscale 5, mpcapable v1 flags[flag_h] nokey>\n"
                 "+0 > S. 0:0(0) ack 7001 <mss 1460, nop, wscale 7, mpcapable v1 flags[flag_h] key[skey2]>\n"
                 "+0 < . 1:1(0) ack 1 win 2000 <mpcapable v1 flags[flag_h] key[ckey2=5, skey2]>\n"
                 "+0 accept(3, ..., ...) = 5\n"
                 "+0 < P. 1:11(10) ack 1 win 2000 <nop, nop, dss dack8=1 dsn8=1 ssn=1 dll=10 nocs>\n"
                 "+0 > . 1:1(0) ack 11 <dss dack8=11 nocs>\n"
                 "+0 read(5, ..., 100) = 10\n");
}

/* Several segments of the stack may stand on one line; a foreign packet's answer may be listed. */
static void test_merged_and_foreign(void **state) {
    (void)state;
    passes(SERVER "+0 < . 1:1001(1000) ack 1 win 1000 <nop, nop, TS val 60 ecr 100>\n"
                  "+0 > . 1:1(0) ack 1001 <...>\n"
                  "+0 < 7777 > 8080 . 5:5(0) ack 9 win 1000\n"
                  "+0 > 8080 > 7777 R 9:9(0)\n");
}

/* A mismatch that is not fatal is told, and the script goes on. */
static void test_non_fatal(void **state) {
    (void)state;
    struct outcome o;
    play(FAMILY_IPV4,
         "--non_fatal=packet,syscall\n" LISTENS "+0 < S 0:0(0) win 1000 <mss 1000>\n"
         "+0 > S. 0:0(0) ack 1 <mss 1461>\n"
         "+0 close(3) = 1\n",
         &o);
    assert_int_equal(o.result, 0);
    assert_non_null(strstr(text_of(&o.notes), "warning #0 packet: mss is 1460, expected 1461\n"));
    assert_non_null(strstr(text_of(&o.notes), "warning #0 expected result 1 but got 0\n"));
    outcome_free(&o);
}

/* The same seed, the same packets; what they say is in the script's numbers and names. */
static void test_notes(void **state) {
    (void)state;
    struct outcome a, b;
    play(FAMILY_IPV4, MPTCP, &a);
    play(FAMILY_IPV4, MPTCP, &b);
    assert_string_equal(text_of(&a.notes), text_of(&b.notes));
    assert_non_null(strstr(text_of(&a.notes), "take #1 > S. 0:0(0) ack 1 win 65535 <mss 1460, nop, wscale 7, "
                                              "mpcapable v1 flags[flag_h] key[skey]>\n"));
    outcome_free(&a);
    outcome_free(&b);
}

/* ---- What fails -------------------------------------------------------------------------------------------------- */

static void test_a_packet_differs(void **state) {
    (void)state;
    fails(LISTENS "+0 < S 0:0(0) win 1000 <mss 1000>\n+0 > S. 0:0(0) ack 2 <mss 1461>\n", 5,
          "packet: ack is 1, expected 2, and more",
          "script packet: +0 > S. 0:0(0) ack 2 <mss 1461>\n"
          "actual packet: 0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>\n"
          "    ack is 1, expected 2\n    mss is 1460, expected 1461\n");
    fails(LISTENS "+0 < S 0:0(0) win 1000 <mss 1000, sackOK, nop, nop>\n+0 > S. 0:0(0) ack 1 <mss 1460>\n", 5,
          "packet: option 2 is nop, expected none", "");
    fails(SERVER "+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 1 <...>\n", SERVER_LINES + 2,
          "packet: flags is P., expected .", "");
    fails(SERVER "+0 write(4, ..., 10) = 10\n+0 > P. 1:21(20) ack 1 <...>\n", SERVER_LINES + 2,
          "packet: payload is 10, expected 20", "actual packet: 0.100000 > P. 1:11(10)");
    fails(SERVER "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 win 5 <...>\n", SERVER_LINES + 2,
          "packet: win is 512, expected 5", "");
    fails(SERVER "+0 write(4, ..., 10) = 10\n+0 > [tos 0x04] P. 1:11(10) ack 1 <...>\n", SERVER_LINES + 2,
          "packet: tos is 0, expected 4", "");
}

static void test_an_mptcp_option_differs(void **state) {
    (void)state;
#define DATA "+0 < P. 1:11(10) ack 1 win 2000 <nop, nop, dss dack8=1 dsn8=1 ssn=1 dll=10 nocs>\n"
    fails(MPTCP DATA "+0 > . 1:1(0) ack 11 <dss dack8=12 nocs>\n", 9, "packet: dss: dack is 11, expected 12", "");
    fails(MPTCP DATA "+0 > . 1:1(0) ack 11 <dss dack4=11 nocs>\n", 9,
          "packet: dss: width of the Data ACK is 8, expected 4", "");
    fails(MPTCP "+0 write(4, ..., 5) = 5\n+0 > P. 1:6(5) ack 1 <dss dack4=1 dsn8=1 ssn=2 dll=6 nocs, nop, nop>\n", 9,
          "packet: dss: ssn is 1, expected 2, and more", "    dss: dll is 5, expected 6\n");
    fails(MPTCP "+0 write(4, ..., 5) = 5\n+0 > P. 1:6(5) ack 1 <dss dack4=1 dsn8=1 ssn=1 dll=5>\n", 9,
          "packet: dss: checksum is missing, expected there, and more", "");
    fails(MPTCP "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1 <dss dack4=1 dsn8=1 ssn=0 dll=1 nocs fin, nop, nop>\n", 9,
          "packet: flags is ., expected F.", "");
#undef DATA
}

static void test_no_packet(void **state) {
    (void)state;
    fails(SERVER "+0 > . 1:1(0) ack 1 <...>\n", SERVER_LINES + 1, "no packet came in time",
          "script packet: +0 > . 1:1(0) ack 1 <...>\n");
    fails(SERVER "* > . 1:1(0) ack 1 <...>\n", SERVER_LINES + 1,
          "no packet came, and nothing is left that could bring one", "");
    fails(SERVER "+0 < 7777 > 8080 . 5:5(0) ack 9 win 1000\n+0 > . 1:1(0) ack 1 <...>\n", SERVER_LINES + 2,
          "no packet came in time",
          "packets of no connection of the script, which were ignored: 1\n    192.168.0.1 port 8080 > 192.0.2.1 port "
          "7777\n");
}

static void test_wrong_time(void **state) {
    (void)state;
    fails(
        SERVER "+0 write(4, ..., 10) = 10\n+0.5 > P. 1:11(10) ack 1 <...>\n", SERVER_LINES + 2,
        "timing: expected outbound packet at 0.600000 s, but it happened at 0.100000 s (early by 0.500000 s, tolerance "
        "0.062500 s)",
        "actual packet: 0.100000 > P. 1:11(10)");
    fails(SERVER "+0...0.5 read(4, ..., 10) = 10\n"
                 "+.1 < P. 1:11(10) ack 1 win 1000 <nop, nop, TS val 60 ecr 100>\n"
                 "+.5 `true`\n",
          SERVER_LINES + 1,
          "timing: expected system call return at 0.600000 s, but it happened at 0.200000 s (early by 0.400000 s, "
          "tolerance 0.062500 s)",
          "");
}

static void test_calls(void **state) {
    (void)state;
    fails(SERVER "+0 read(4, ..., 10) = 10\n", SERVER_LINES + 1,
          "the call blocks for ever: nothing is left that could end it", "");
    fails(SERVER "+0...1 read(4, ..., 10) = 10\n+0 write(4, ..., 10) = 10\n", SERVER_LINES + 1,
          "the call still blocks, though the script goes on as if it had returned", "");
    fails(SERVER "+0 write(4, ..., 10) = 11\n", SERVER_LINES + 1, "expected result 11 but got 10", "");
}

static void test_no_connection(void **state) {
    (void)state;
    fails("0 < S 0:0(0) win 1000 <mss 1000>\n", 1,
          "this packet is for no connection: there is neither a listening socket nor a SYN before it", "");
    fails(LISTENS "+0 > S. 0:0(0) ack 1 <mss 1000>\n", 4, "this packet is for no connection that the script knows", "");
    fails(MPTCP "+0 < addr[c1] > addr[s1] S 0:0(0) win 1 <mss 1460, nop, wscale 5, mp_join_syn token=auto>\n", 8,
          "addr[s1] stands for nothing yet: a joining SYN goes to an address that is known", "");
    fails(MPTCP "+0 < 6666 > 8080 S 0:0(0) win 1 <mss 1460>\n+0 > 8080 > 6666 S. 0:0(0) ack 1 <...>\n"
                "+0 < P. 1:11(10) ack 1 win 2000\n+0 > 8080 > 40001 . 1:1(0) ack 1 <...>\n",
          11, "the packet is of connection 2 (peer port 6666), expected one of connection 1 (peer port 40001)", "");
}

/* With --strict a join that nobody asked for is noticed, else it is a packet of no connection. */
static void test_a_join_unasked(void **state) {
#define ANNOUNCES                                                                                                      \
    "`ip mptcp limits set subflows 2 add_addr_accepted 2`\n" MPTCP                                                     \
    "+0 < . 1:1(0) ack 1 win 2000 <add_address address_id=4 addr[a=inet_addr(\"192.0.2.9\")] hmac=auto>\n"             \
    "+0 > . 1:1(0) ack 1 <add_address address_id=4 addr[a] addr_echo>\n"                                               \
    "+.1 < P. 1:11(10) ack 1 win 2000 <nop, nop, dss dack8=1 dsn8=1 ssn=1 dll=10 nocs>\n"                              \
    "+0 > . 1:1(0) ack 11 <dss dack8=11 nocs>\n"
    (void)state;
    struct outcome o;
    play(FAMILY_IPV4, ANNOUNCES, &o);
    assert_int_equal(o.result, 0);
    outcome_free(&o);
    fails("--strict\n" ANNOUNCES, 13, "a join was sent that no line speaks of; no packet came in time", ", SYN");
}

static void test_a_value_is_missing(void **state) {
    (void)state;
    fails(LISTENS "+0 < S 0:0(0) win 1 <mss 1460, mp_join_syn token=sha256_32(skey)>\n", 4,
          "an MP_JOIN needs a connection, and there is none yet", "");
    fails(LISTENS "+0 < S 0:0(0) win 1 <mss 1460, mpcapable v1 flags[flag_h] nokey>\n"
                  "+0 > S. 0:0(0) ack 1 <...>\n+0 < . 1:1(0) ack 1 win 1 <mpcapable v1 flags[flag_h] key[c, s]>\n",
          6, "the key s has no value yet", "");
    fails(SERVER "+0 < . 1:1(0) ack 1 win 1000 <nop, nop, TS val 60 ecr 99>\n", SERVER_LINES + 1,
          "TS ecr 99 echoes nothing: no packet of the stack before it has TS val 99", "");
    fails(SERVER "+0 < . 1:1(0) ack 1 win 1000 <dss dack4=1, nop, nop, nop, nop>\n"
                 "+0 < . 1:1(0) ack 1 win 1000 <mp_fastclose>\n",
          SERVER_LINES + 2, "MP_FASTCLOSE carries the stack's key, which is not known yet", "");
}

static void test_code_and_commands(void **state) {
    (void)state;
    fails(SERVER "+0 %{ assert tcpi_state == 5 }%\n", SERVER_LINES + 1, "assert tcpi_state == 5: tcpi_state is 1", "");
    fails(LISTENS "+0 < S 0:0(0) win 1 <mss 1460>\n+0 > S. 0:0(0) ack 1 <...>\n+0 %{ print(1) }%\n", 6,
          "there is no socket to read the values of a code block from: it was not accepted yet", "");
    fails("`sysctl -q net.ipv4.tcp_nonsense=1`\n0 `true`\n", 1,
          "init command: sysctl: 'net.ipv4.tcp_nonsense' is not known here", "");
    fails("0 `frobnicate now`\n", 1, "there is no command 'frobnicate' here", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_mptcp_with_a_join),
        cmocka_unit_test(test_two_connections),
        cmocka_unit_test(test_older_syn_again),
        cmocka_unit_test(test_same_ends_again),
        cmocka_unit_test(test_merged_and_foreign),
        cmocka_unit_test(test_non_fatal),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_a_packet_differs),
        cmocka_unit_test(test_an_mptcp_option_differs),
        cmocka_unit_test(test_no_packet),
        cmocka_unit_test(test_wrong_time),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_no_connection),
        cmocka_unit_test(test_a_join_unasked),
        cmocka_unit_test(test_a_value_is_missing),
        cmocka_unit_test(test_code_and_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
