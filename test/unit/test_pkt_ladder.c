/* SPDX-License-Identifier: BSD-3-Clause */
/* The conversation of -v, from the notes of a run that are made up here: its text to the last blank. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "io/raw.h"
#include "io_packets.h"
#include "script/parse.h"
#include "tools/pkt_ladder.h"

struct lab {
    struct arena arena;
    struct settings settings;
    struct script script;
    const struct event *at; /* the next one */
    struct text out;
    struct ladder ladder;
    struct test_packet packet;
    uint8_t data[RAW_MAX];
    uint32_t len;
};

static struct lab lab;

static void start(const char *source, uint32_t width, bool utf8) {
    struct script_error error;
    memset(&lab, 0, sizeof lab);
    settings_init(&lab.settings, FAMILY_IPV4, &lab.arena);
    if (script_parse(&lab.script, "x.pkt", source, strlen(source), &lab.settings, &error) != 0)
        fail_msg("%u:%u: %s", error.place.line, error.place.column, error.text);
    lab.at = lab.script.events;
    test_packet_init(&lab.packet, false, 1, 10, 0, false);
    lab.len = raw_gather(&lab.packet.out, lab.data);
    ladder_begin(&lab.ladder, &lab.out, "umptcp", width, utf8, false);
}

static void tell(enum note_kind kind, unsigned msec, uint32_t flow, const char *text) {
    const struct event *e = lab.at;
    struct note note = {.kind = kind, .time = MSEC(msec), .event = e, .text = text, .flow = flow};
    if (kind == NOTE_INJECTED || kind == NOTE_TAKEN)
        note.packet = e->packet;
    note.data = lab.data;
    note.len = lab.len;
    ladder_note(&lab.ladder, &note);
    if (kind != NOTE_CALL && kind != NOTE_IGNORED && kind != NOTE_WARNING)
        lab.at = e->next;
}

static void expect(const char *text) {
    ladder_end(&lab.ladder);
    assert_string_equal(text_of(&lab.out), text);
    text_free(&lab.out);
    script_free(&lab.script);
    arena_free(&lab.arena);
}

static void test_conversation(void **state) {
    (void)state;
    start("0    socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3\n"
          "+.1  < S 7000:7000(0) win 30000 <mss 1400>\n"
          "+0   > S. 0:0(0) ack 7001 <mss 1460, nop, wscale 7, mpcapable v1 flags[flag_h] key[skey]>\n"
          "+0   `sysctl -q net.ipv4.tcp_timestamps=0`\n"
          "+0   > P. 1:11(10) ack 1\n"
          "+.2  > P. 1:11(10) ack 1\n"
          "+0   < addr[a] > addr[b] . 1:1(0) ack 11 win 30000\n",
          90, false);
    tell(NOTE_CALL, 0, 0, NULL);
    tell(NOTE_RETURN, 0, 0, "");
    tell(NOTE_INJECTED, 100, 1, NULL);
    tell(NOTE_TAKEN, 100, 1, NULL);
    tell(NOTE_COMMAND, 100, 0, NULL);
    tell(NOTE_TAKEN, 100, 1, NULL);
    tell(NOTE_TAKEN, 300, 1, NULL);
    tell(NOTE_INJECTED, 300, 2, NULL);
    expect("      time script                                           umptcp\n"
           "  0.000000 |                                              | socket(..., SOCK_STREAM,\n"
           "           |                                              |   IPPROTO_MPTCP) = 3\n"
           "  0.100000 |  #1: 10.0.0.1:1234 > 10.0.0.2:80             |\n"
           "           |- #1 S 7000:7000(0) win 30000 <mss 1400> ---->|\n"
           "           |<- #1 S. 0:0(0) ack 7001 ---------------------|\n"
           "           |     <mss 1460, nop, wscale 7, mpcapable v1   |\n"
           "           |     flags[flag_h] key[skey]>                 |\n"
           "           |                                              | $ sysctl -q\n"
           "           |                                              |   net.ipv4.tcp_timestamps=0\n"
           "           |<- #1 P. 1:11(10) ack 1 ----------------------|\n"
           "  0.300000 |<- #1 P. 1:11(10) ack 1 (again) --------------|\n"
           "           |  #2: 10.0.0.1:1234 > 10.0.0.2:80             |\n"
           "           |- #2 . 1:1(0) ack 11 win 30000 -------------->|\n");
}

static void test_calls(void **state) {
    (void)state;
    start("0      read(4, ..., 100) = 10\n"
          "+0...1 read(4, ..., 100) = 5\n"
          "+0     close(4) = -1 EBADF\n"
          "+0     close(3) = 0\n"
          "+0     close(5) = 0\n",
          90, false);
    tell(NOTE_CALL, 0, 0, NULL); /* it takes a while */
    tell(NOTE_RETURN, 50, 0, NULL);
    const struct event *blocking = lab.at;
    tell(NOTE_CALL, 50, 0, NULL); /* something happens before it is over */
    lab.at = lab.at->next;
    tell(NOTE_CALL, 60, 0, NULL);
    tell(NOTE_RETURN, 60, 0, NULL);
    const struct event *next = lab.at;
    lab.at = blocking;
    tell(NOTE_RETURN, 1000, 0, NULL);
    lab.at = next;
    tell(NOTE_CALL, 1000, 0, NULL);
    tell(NOTE_RETURN, 1000, 0, "it is -1");
    tell(NOTE_CALL, 2000, 0, NULL); /* and never ends */
    expect("      time script                                           umptcp\n"
           "  0.000000 |                                              | read(4, ..., 100) = 10, at\n"
           "           |                                              |   0.050000\n"
           "  0.050000 |                                              | read(4, ..., 100) ..\n"
           "  0.060000 |                                              | close(4) = -1 EBADF\n"
           "  1.000000 |                                              | .. read() = 5\n"
           "           |                                              | close(3) = 0? it is -1\n"
           "  2.000000 |                                              | close(5) ..\n");
}

static void test_other_notes(void **state) {
    (void)state;
    start("0 `printf '\x01\xff\n'; true`\n+0 %{ a = 1 }%\n+0 close(3) = 0\n", 60, true);
    tell(NOTE_IGNORED, 0, 0, NULL);
    tell(NOTE_COMMAND, 0, 0, NULL);
    tell(NOTE_CODE, 10, 0, NULL);
    tell(NOTE_WARNING, 10, 0, "the peer's key was another one before");
    lab.len = 10; /* broken */
    tell(NOTE_IGNORED, 10, 0, NULL);
    expect("      time script                       umptcp\n"
           "  0.000000 │◄─ of no connection: ─────│\n"
           "           │     10.0.0.1:1234 >      │\n"
           "           │     10.0.0.2:80          │\n"
           "           │                          │ $ printf '?? '; true\n"
           "  0.010000 │                          │ %{ a = 1 }%\n"
           "           │  warning: the peer's key │\n"
           "           │  was another one before  │\n"
           "           │◄─ of no connection: a ───│\n"
           "           │     broken packet        │\n");
}

/* Whatever the width and the texts, every row of the middle ends at the same column. */
static void test_widths(void **state) {
    (void)state;
    char long_word[400], source[800];
    memset(long_word, 'a', sizeof long_word);
    snprintf(
        source, sizeof source,
        "0  < S 7000:7000(0) win 30000 <mss 1400, sackOK, TS val 1 ecr 0, nop, wscale 7, mpcapable v1 flags[flag_h] "
        "nokey>\n"
        "+0 > [ect0] P. 4000000000:4000000010(10) ack 4000000000 win 60000 <nop, nop, sack 1:2 3:4>\n"
        "+0 `%.*s`\n",
        (int)sizeof long_word, long_word);
    for (uint32_t width = 0; width < 300; width++) {
        start(source, width, false);
        tell(NOTE_INJECTED, 0, 1, NULL);
        tell(NOTE_TAKEN, 0, 40, NULL);
        tell(NOTE_COMMAND, 0, 0, NULL);
        size_t longest = width < LADDER_WIDTH_MIN ? LADDER_WIDTH_MIN : width > 240 ? 240 : width, second = 0;
        const char *row = strchr(text_of(&lab.out), '\n') + 1;
        for (; *row; row = strchr(row, '\n') + 1) {
            assert_true(strcspn(row, "\n") <= longest);
            size_t bar = 12 + strcspn(row + 12, "|");
            assert_int_equal(row[11], '|');
            assert_true(second == 0 || bar == second);
            second = bar;
        }
        expect(text_of(&lab.out));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversation),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_other_notes),
        cmocka_unit_test(test_widths),
    };
    return cmocka_run_group_tests_name("pkt_ladder", tests, NULL, NULL);
}
