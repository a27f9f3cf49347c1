/* SPDX-License-Identifier: BSD-3-Clause */
#define _DEFAULT_SOURCE
/* umptcp-pkt without its processes: names of files and what follows from them, lists, JSON, the comparison of stacks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script/parse.h"
#include "script/run.h"
#include "tools/pkt.h"

enum { V4 = 1 << FAMILY_IPV4, V6 = 1 << FAMILY_IPV6, MAPPED = 1 << FAMILY_MAPPED };

/* What a function writes for a source. */
static const char *written(void (*write)(const char *source, struct text *t), const char *source) {
    static char text[512];
    struct text t = {0};
    write(source, &t);
    assert_true(t.len < sizeof text);
    snprintf(text, sizeof text, "%s", text_of(&t));
    text_free(&t);
    return text;
}

static void write_json(const char *source, struct text *t) { json_string(t, source); }

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static void test_families_of_names(void **state) {
    (void)state;
    assert_int_equal(pkt_families_of_name("a/b.pkt"), V4 | V6 | MAPPED);
    assert_int_equal(pkt_families_of_name("a/b-v6.pkt"), V6);
    assert_int_equal(pkt_families_of_name("v6.pkt"), V6);
    assert_int_equal(pkt_families_of_name("a/bv4.pkt"), V4 | MAPPED);
    assert_int_equal(pkt_families_of_name("v6.pkt/b.pkt"), V4 | V6 | MAPPED);
    assert_int_equal(pkt_families_of_name("v6"), V4 | V6 | MAPPED);
}

static void test_patterns(void **state) {
    (void)state;
    assert_true(pkt_path_matches("a/**/x.pkt", "a/x.pkt"));
    assert_true(pkt_path_matches("a/**/x.pkt", "a/b/c/x.pkt"));
    assert_true(pkt_path_matches("**", "a/b"));
    assert_true(pkt_path_matches("/t/**/?[ab]*.pkt", "/t/1/2/xb9.pkt"));
    assert_true(pkt_path_matches("**/b/**/d", "a/b/b/c/d"));
    assert_false(pkt_path_matches("a/**/x.pkt", "a/b/y.pkt"));
    assert_false(pkt_path_matches("a/*", "a/b/c"));
    assert_false(pkt_path_matches("a/*/c", "a/b"));
    assert_false(pkt_path_matches("a", "a/b"));
    assert_false(pkt_path_matches("**/b/**/d", "a/c/d"));
}

static void test_names_of_captures(void **state) {
    (void)state;
    struct arena arena = {0};
    struct pkt_script script = {.path = "../a/./b/c.pkt"};
    struct pkt_run run = {.script = &script, .family = FAMILY_IPV6, .target = PKT_LINUX, .number = 2};
    assert_string_equal(pkt_pcap_name(&arena, &run, false), "a-.-b-c-ipv6-linux.pcapng");
    script.path = "/c";
    assert_string_equal(pkt_pcap_name(&arena, &run, true), "c-ipv6-linux-3.pcapng");
    arena_free(&arena);
}

/* ---- Cases ------------------------------------------------------------------------------------------------------- */

static void expect_cases(struct pkt_options *o, const char *path, const char *source, const char *const names[]) {
    struct pkt_plan plan = {0};
    char folder[] = "/tmp/umptcp-test-XXXXXX", file[256];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/%s", folder, path);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(source, f);
    fclose(f);
    char *args[] = {folder};
    assert_int_equal(pkt_find(&plan, args, 1), 0);
    assert_int_equal(pkt_plan_cases(&plan, o), 0);
    for (uint32_t i = 0; i < plan.ncases || names[i]; i++) {
        assert_non_null(names[i]);
        assert_true(i < plan.ncases);
        const struct pkt_case *c = &plan.cases[i];
        assert_string_equal(c->name + strlen(folder) + 1, names[i] + (names[i][0] == '!'));
        assert_int_equal(c->skip != NULL, names[i][0] == '!');
        assert_int_equal(c->nruns, names[i][0] == '!' ? 0 : 1 + o->both);
    }
    pkt_plan_free(&plan);
    assert_int_equal(remove(file), 0);
    assert_int_equal(remove(folder), 0);
}

#define CASES(...)                                                                                                     \
    (const char *const[]) { __VA_ARGS__, NULL }

static void test_families_of_runs(void **state) {
    (void)state;
    struct pkt_options o = {.repeat = 1};
    expect_cases(&o, "x.pkt", "", CASES("x.pkt (ipv4, engine)"));
    expect_cases(&o, "x-v6.pkt", "", CASES("x-v6.pkt (ipv6, engine)"));
    expect_cases(&o, "x.pkt", "// a\n--mtu=1400\n--ip_version=ipv6\n", CASES("x.pkt (ipv6, engine)"));
    expect_cases(&o, "x.pkt", "0 close(3) = 0\n--ip_version=ipv6\n", CASES("x.pkt (ipv4, engine)"));
    o.families = V4 | V6 | MAPPED;
    expect_cases(&o, "x.pkt", "",
                 CASES("x.pkt (ipv4, engine)", "x.pkt (ipv6, engine)", "x.pkt (ipv4-mapped-ipv6, engine)"));
    expect_cases(&o, "x-v4.pkt", "", CASES("x-v4.pkt (ipv4, engine)", "x-v4.pkt (ipv4-mapped-ipv6, engine)"));
    expect_cases(&o, "x-v6.pkt", "", CASES("x-v6.pkt (ipv6, engine)"));
    expect_cases(&o, "x.pkt", "--ip_version=ipv4-mapped-ipv6\n", CASES("x.pkt (ipv4-mapped-ipv6, engine)"));
    o.families = V4;
    expect_cases(&o, "x-v6.pkt", "", CASES("!x-v6.pkt (ipv4, engine)"));
    expect_cases(&o, "x.pkt", "--ip_version=ipv6\n", CASES("!x.pkt (ipv4, engine)"));
    o = (struct pkt_options){.repeat = 1, .family_forced = true, .forced = FAMILY_MAPPED, .both = true};
    expect_cases(&o, "x-v6.pkt", "--ip_version=ipv6\n", CASES("x-v6.pkt (ipv4-mapped-ipv6, both)"));
    o = (struct pkt_options){.repeat = 2, .target = PKT_LINUX};
    expect_cases(&o, "x.pkt", "", CASES("x.pkt (ipv4, linux, 1 of 2)", "x.pkt (ipv4, linux, 2 of 2)"));
}

/* ---- Lists ------------------------------------------------------------------------------------------------------- */

static void test_summaries(void **state) {
    (void)state;
    assert_string_equal(written(pkt_summary, "// SPDX-License-Identifier: X\n//\n//  Two words. \n// More.\n"),
                        "Two words.");
    assert_string_equal(written(pkt_summary, "/* SPDX-License-Identifier: X */\n--mtu=1\n/*\n * Deep\n */"), "Deep");
    assert_string_equal(written(pkt_summary, "0 close(3) = 0 // behind"), "behind");
    assert_string_equal(written(pkt_summary, "/* open"), "open");
    assert_string_equal(written(pkt_summary, "0 close(3) = 0\n//\n/**/"), "");
}

static void linux_note(const char *source, struct text *t) {
    if (!pkt_linux_note(source, t))
        text_add(t, "no note");
}

static void test_linux_notes(void **state) {
    (void)state;
    assert_string_equal(written(linux_note, "// Shows it. Rows: M-ABC-01.\n//  Linux differs: it\n//does not.\n0 `x`"),
                        "it does not.");
    assert_string_equal(written(linux_note, "/* Linux differs:\n * so */"), "so ");
    assert_string_equal(written(linux_note, "0 `x` // one\n// Linux differs:"), "");
    assert_string_equal(written(linux_note, "// Linux is no different\n"), "no note");
}

static void test_rows(void **state) {
    (void)state;
    assert_string_equal(written(pkt_rows, "// M-ABC-01 -02, -04 to -06 and T-RTO-1"),
                        "M-ABC-01 M-ABC-02 M-ABC-04 M-ABC-05 M-ABC-06 T-RTO-1");
    assert_string_equal(written(pkt_rows, "// M-ABC-01 to\n// M-ABC-03 and\n  // -07"),
                        "M-ABC-01 M-ABC-02 M-ABC-03 M-ABC-07");
    assert_string_equal(written(pkt_rows, "/* T-X7 */ M-ABC-09 /* M-DE-10*/"), "T-X7 M-DE-10");
    assert_string_equal(written(pkt_rows, "// IM-ABC-01 M-abc-01 M-ABC-* M-ABC-1x T-Y1 M-X1 -02"), "");
    assert_string_equal(written(pkt_rows, "// M-ABC-05 to -02"), "M-ABC-05 M-ABC-02");
    assert_string_equal(written(pkt_rows, "// M-"), "");
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void test_json_strings(void **state) {
    (void)state;
    assert_string_equal(written(write_json, ""), "\"\"");
    assert_string_equal(written(write_json, "a\"b\\c/\n\t\r\b\f\x01\x7f"),
                        "\"a\\\"b\\\\c/\\n\\t\\r\\b\\f\\u0001\\u007f\"");
    assert_string_equal(written(write_json, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
                        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    /* No UTF-8: alone, cut, overlong, a surrogate, too large. */
    assert_string_equal(written(write_json, "\x80x"), "\"\\ufffdx\"");
    assert_string_equal(written(write_json, "\xe2\x82"), "\"\\ufffd\\ufffd\"");
    assert_string_equal(written(write_json, "\xc0\xaf"), "\"\\ufffd\\ufffd\"");
    assert_string_equal(written(write_json, "\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
    assert_string_equal(written(write_json, "\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    assert_string_equal(written(write_json, "\xff"), "\"\\ufffd\"");
}

static void test_json_objects(void **state) {
    (void)state;
    struct pkt_script script = {.path = "a\"b.pkt"};
    struct pkt_options o = {.repeat = 1};
    struct pkt_report report = {.options = &o, .passed = 1, .failed = 2, .skipped = 3, .left = 4};
    struct pkt_case c = {.runs = {{.script = &script, .outcome = PKT_PASSED, .took = MSEC(20)}}, .nruns = 1};
    c.runs[0].detail = c.runs[0].ladder = c.runs[0].packets = c.runs[0].stray = (char[]){""};
    struct text t = {0};
    pkt_json_case(&t, &report, &c);
    c.runs[0].outcome = PKT_FAILED;
    c.runs[0].place = (struct place){3, 7};
    c.runs[0].message = (char[]){"no"};
    c.runs[0].stray = (char[]){"x\n"};
    pkt_json_case(&t, &report, &c);
    c = (struct pkt_case){.runs = {{.script = &script, .family = FAMILY_IPV6}}, .skip = "why"};
    pkt_json_case(&t, &report, &c);
    pkt_json_summary(&t, &report);
    assert_string_equal(text_of(&t),
                        "{\"type\": \"run\", \"path\": \"a\\\"b.pkt\", \"family\": \"ipv4\", \"target\": \"engine\", "
                        "\"result\": \"passed\", "
                        "\"seconds\": 0.020000}\n"
                        "{\"type\": \"run\", \"path\": \"a\\\"b.pkt\", \"family\": \"ipv4\", \"target\": \"engine\", "
                        "\"result\": \"failed\", "
                        "\"seconds\": 0.020000, \"line\": 3, \"column\": 7, \"message\": \"no\", \"detail\": \"\", "
                        "\"output\": \"x\\n\"}\n"
                        "{\"type\": \"run\", \"path\": \"a\\\"b.pkt\", \"family\": \"ipv6\", \"target\": \"engine\", "
                        "\"result\": \"skipped\", "
                        "\"message\": \"why\"}\n"
                        "{\"type\": \"summary\", \"passed\": 1, \"failed\": 2, \"skipped\": 3, \"not_run\": 4}\n");
    text_free(&t);
}

/* ---- The comparison ---------------------------------------------------------------------------------------------- */

/* What pkt_diff_note() writes for a stack that answers each line of `script` with that of `came`. */
static char *packets_of(const char *script_source, const char *came_source) {
    struct arena arena = {0};
    struct settings settings;
    struct script script, came;
    struct script_error error;
    struct text t = {0};
    settings_init(&settings, FAMILY_IPV4, &arena);
    assert_int_equal(script_parse(&script, "x", script_source, strlen(script_source), &settings, &error), 0);
    if (script_parse(&came, "x", came_source, strlen(came_source), &settings, &error) != 0)
        fail_msg("%u:%u: %s", error.place.line, error.place.column, error.text);
    const struct event *line = script.events;
    for (const struct event *e = came.events; e; e = e->next) {
        struct note note = {.kind = NOTE_TAKEN, .time = e->when.from, .event = line, .packet = e->packet, .flow = 1};
        pkt_diff_note(&t, &note);
        line = line && line->next ? line->next : line;
    }
    struct note other = {.kind = NOTE_INJECTED, .event = script.events};
    pkt_diff_note(&t, &other);
    script_free(&script);
    script_free(&came);
    arena_free(&arena);
    if (!t.at)
        text_add(&t, "%s", "");
    return t.at;
}

static void expect_diff(const char *script, const char *engine, const char *on_linux, bool open, const char *expected) {
    char *a = packets_of(script, engine), *b = packets_of(script, on_linux);
    struct text t = {0};
    assert_int_equal(pkt_diff(&t, a, b, open), expected[0] != '\0');
    assert_string_equal(text_of(&t), expected);
    text_free(&t);
    free(a);
    free(b);
}

static const char diff_script[] =
    "0 > S 0:0(0) <...>\n0.1 > . 1:1(0) ack 1\n0.2 > P. 1:11(10) ack 1 <dss dack8=1 nocs>\n";

/* What the script does not look at, and what is random, is no difference. */
static void test_diff_of_what_is_open(void **state) {
    (void)state;
    static const char engine[] = "0 > S 0:0(0) win 65535 <mss 1460>\n"
                                 "0.1 > . 1:1(0) ack 1 win 512 <mpcapable v1 flags[flag_h] key[a=1, b=2]>\n";
    static const char on_linux[] = "0 > S 0:0(0) win 65535 <mss 1460, sackOK, nop, nop>\n"
                                   "0.1 > . 1:1(0) ack 1 win 502 <mpcapable v1 flags[flag_h] key[a=3, b=4]>\n";
    expect_diff(diff_script, engine, on_linux, false, "");
    expect_diff(diff_script, engine, engine, true, "");
    expect_diff(diff_script, engine, on_linux, true,
                "packet 1 (line 1) is the first that differs, in what the script leaves open:\n"
                "  engine  0.000000  #1 > S 0:0(0) win 65535 <mss 1460>\n"
                "  engine  0.100000  #1 > . 1:1(0) ack 1 win 512 <mpcapable v1 flags[flag_h] key[a=1, b=2]>\n"
                "  linux   0.000000  #1 > S 0:0(0) win 65535 <mss 1460, sackOK, nop, nop>\n"
                "  linux   0.100000  #1 > . 1:1(0) ack 1 win 502 <mpcapable v1 flags[flag_h] key[a=3, b=4]>\n");
}

static void test_diff(void **state) {
    (void)state;
    static const char engine[] = "0 > S 0:0(0) win 65535 <mss 1460>\n"
                                 "0.1 > . 1:1(0) ack 1 win 512\n"
                                 "0.2 > P. 1:11(10) ack 1 win 512 <dss dack8=1 nocs>\n";
    static const char on_linux[] = "0 > S 0:0(0) win 65535 <mss 1460>\n"
                                   "0.15 > . 1:1(0) ack 1 win 512\n"
                                   "0.25 > P. 1:11(10) ack 1 win 512 <dss dack8=2 nocs>\n"
                                   "0.5 > F. 11:11(0) ack 1 win 512\n";
    expect_diff(diff_script, engine, on_linux, false,
                "packet 3 (line 3) is the first that differs:\n"
                "  both    0.000000  #1 > S 0:0(0) win 65535 <mss 1460>\n"
                "  both    0.100000  #1 > . 1:1(0) ack 1 win 512\n"
                "  engine  0.200000  #1 > P. 1:11(10) ack 1 win 512 <dss dack8=1 nocs>\n"
                "  linux   0.250000  #1 > P. 1:11(10) ack 1 win 512 <dss dack8=2 nocs>\n"
                "  linux   0.500000  #1 > F. 11:11(0) ack 1 win 512\n");
    /* One stops. */
    static const char longer[] = "0 > S 0:0(0)\n0 > . 1:1(0) ack 1\n0 > . 1:1(0) ack 2\n0 > . 1:1(0) ack 3\n"
                                 "0 > . 1:1(0) ack 4\n0 > . 1:1(0) ack 5\n";
    expect_diff(diff_script, "0 > S 0:0(0)\n", longer, false,
                "packet 2 (line 2) is the first that differs:\n"
                "  both    0.000000  #1 > S 0:0(0)\n"
                "  engine  nothing more\n"
                "  linux   0.000000  #1 > . 1:1(0) ack 1\n"
                "  linux   0.000000  #1 > . 1:1(0) ack 2\n"
                "  linux   0.000000  #1 > . 1:1(0) ack 3\n"
                "  linux   and 2 more\n");
}

/* A process that was killed leaves half a line. */
static void test_diff_of_broken_lines(void **state) {
    (void)state;
    struct text t = {0};
    assert_false(pkt_diff(&t, "", "1\t0.0\ta\tb", false));
    assert_false(pkt_diff(&t, "1\t0.0\n\n", "x", false));
    assert_true(pkt_diff(&t, "1\t0.0\ta\tb\tc\n1\t2", "", false));
    text_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families_of_names),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_names_of_captures),
        cmocka_unit_test(test_families_of_runs),
        cmocka_unit_test(test_summaries),
        cmocka_unit_test(test_linux_notes),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_json_strings),
        cmocka_unit_test(test_json_objects),
        cmocka_unit_test(test_diff_of_what_is_open),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_of_broken_lines),
    };
    return cmocka_run_group_tests_name("pkt_text", tests, NULL, NULL);
}
