/* SPDX-License-Identifier: BSD-3-Clause */
/* Code blocks: the names that they find, and where their failures point. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script/code.h"
#include "script/print.h"

enum { TCP_INFO_OPT = 11, CC_INFO_OPT = 26, MEMINFO_OPT = 55, MPTCP_LEVEL = 284, FD = 7, OCTETS = 400 };

/* A socket that answers with these octets. */
struct fake {
    uint8_t tcp[OCTETS], cc[OCTETS], mem[OCTETS], mptcp[OCTETS];
    socklen_t tcp_len, cc_len, mem_len, mptcp_len; /* 0: the option fails */
};

static int fake_getsockopt(void *ctx, int fd, int level, int name, void *value, socklen_t *len) {
    struct fake *f = ctx;
    const uint8_t *from = NULL;
    socklen_t n = 0;
    if (level == IPPROTO_TCP && name == TCP_INFO_OPT) {
        from = f->tcp;
        n = f->tcp_len;
    } else if (level == IPPROTO_TCP && name == CC_INFO_OPT) {
        from = f->cc;
        n = f->cc_len;
    } else if (level == SOL_SOCKET && name == MEMINFO_OPT) {
        from = f->mem;
        n = f->mem_len;
    } else if (level == MPTCP_LEVEL && name == 1) {
        from = f->mptcp;
        n = f->mptcp_len;
    }
    if (fd != FD || !n) {
        errno = fd == FD ? EOPNOTSUPP : EBADF;
        return -1;
    }
    assert_true(*len >= n);
    memcpy(value, from, n);
    *len = n;
    return 0;
}

static void put32(uint8_t *at, uint32_t v) { memcpy(at, &v, sizeof v); }
static void put64(uint8_t *at, uint64_t v) { memcpy(at, &v, sizeof v); }

struct lab {
    struct fake fake;
    struct posix posix;
    struct arena arena;
    struct script script;
    struct settings settings;
    struct code code;
    struct script_error error;
};

static int setup(void **state) {
    struct lab *lab = calloc(1, sizeof *lab);
    lab->posix = (struct posix){.ctx = &lab->fake, .getsockopt = fake_getsockopt};
    lab->script.path = "folder/it's \xc3\xbc.pkt";
    lab->settings.code_command = "python3";
    struct fake *f = &lab->fake;
    f->tcp[0] = 1;             /* state */
    f->tcp[5] = 5;             /* options: timestamps, window scale */
    f->tcp[6] = 0x7a;          /* snd_wscale 10, rcv_wscale 7 */
    f->tcp[7] = 5;             /* delivery_rate_app_limited; fastopen_client_fail 2 */
    put32(f->tcp + 8, 204000); /* rto */
    put32(f->tcp + 80, 11);    /* snd_cwnd */
    put64(f->tcp + 120, UINT64_C(0x123456789a));
    put32(f->tcp + 236, 3); /* rehash */
    f->tcp[240] = 9;        /* total_rto */
    f->tcp_len = 244;
    *state = lab;
    return 0;
}

static int teardown(void **state) {
    struct lab *lab = *state;
    arena_free(&lab->arena);
    free(lab);
    return 0;
}

static void collect(struct lab *lab, uint32_t line, const char *text, bool mptcp) {
    struct event *event = arena_alloc(&lab->arena, sizeof *event);
    *event = (struct event){.place = {line, 9}, .kind = EVENT_CODE, .code = text};
    char error[200] = "";
    assert_int_equal(code_collect(&lab->code, &lab->arena, event, &lab->posix, FD, mptcp, error, sizeof error), 0);
    assert_string_equal(error, "");
}

static int run(struct lab *lab) {
    memset(&lab->error, 0, sizeof lab->error);
    return code_run(&lab->code, &lab->script, &lab->settings, &lab->error);
}

static void assert_passes(struct lab *lab) {
    int err = run(lab);
    assert_string_equal(lab->error.text, "");
    assert_int_equal(err, 0);
}

static void assert_fails(struct lab *lab, uint32_t line, const char *text) {
    assert_int_equal(run(lab), -EINVAL);
    assert_string_equal(lab->error.text, text);
    assert_int_equal(lab->error.place.line, line);
}

static void test_values(void **state) {
    struct lab *lab = *state;
    collect(lab, 3,
            "\nassert tcpi_state == TCP_ESTABLISHED\nassert tcpi_options == TCPI_OPT_TIMESTAMPS | TCPI_OPT_WSCALE\n"
            "assert (tcpi_snd_wscale, tcpi_rcv_wscale) == (10, 7)\n"
            "assert tcpi_delivery_rate_app_limited == 1 and tcpi_fastopen_client_fail == 2\n"
            "assert tcpi_rto == 204000\nassert tcpi_snd_cwnd == 11\nassert tcpi_bytes_acked == 0x123456789a\n"
            "assert tcpi_rehash == 3 and tcpi_total_rto == 9 and tcpi_total_rto_recoveries == 0\n",
            false);
    assert_passes(lab);
}

static void test_shorter_answers_have_fewer_names(void **state) {
    struct lab *lab = *state;
    lab->fake.tcp_len = 104;
    collect(lab, 1, "assert 'tcpi_total_retrans' in globals() and 'tcpi_pacing_rate' not in globals()", false);
    lab->fake.tcp_len = 243; /* half a field is none */
    collect(lab, 2, "assert tcpi_total_rto == 9 and 'tcpi_total_rto_recoveries' not in globals()", false);
    lab->fake.tcp_len = OCTETS; /* and more than is known */
    collect(lab, 3, "assert tcpi_received_ce_bytes == 0 and 'tcpi_accecn_opt_seen' in globals()", false);
    assert_passes(lab);
}

static void test_congestion_control_and_memory(void **state) {
    struct lab *lab = *state;
    struct fake *f = &lab->fake;
    collect(lab, 1, "assert not [n for n in globals() if n.startswith(('bbr_', 'dctcp_', 'SK_MEMINFO_', 'mptcpi_'))]",
            true);
    put32(f->cc, 2);
    put32(f->cc + 4, 1);
    put32(f->cc + 16, 77);
    f->cc_len = 20;
    put32(f->mem + 4, 131072);
    put32(f->mem + 32, 6);
    f->mem_len = 36;
    collect(lab, 2, "assert bbr_bw == (1 << 32) + 2 and bbr_cwnd_gain == 77 and dctcp_enabled == 2", false);
    collect(lab, 3, "assert SK_MEMINFO_RCVBUF == 131072 and SK_MEMINFO_DROPS == 6", false);
    assert_passes(lab);
}

static void test_mptcp(void **state) {
    struct lab *lab = *state;
    struct fake *f = &lab->fake;
    f->mptcp[0] = 2;
    put32(f->mptcp + 8, 3);
    put32(f->mptcp + 12, 0xfedcba98);
    put64(f->mptcp + 16, UINT64_MAX);
    f->mptcp[42] = 1;
    put64(f->mptcp + 72, 500);
    f->mptcp[80] = 3;
    put32(f->mptcp + 92, 12);
    f->mptcp_len = 96;
    collect(lab, 1, "assert 'mptcpi_token' not in globals()", false);
    collect(lab, 2,
            "\nassert mptcpi_subflows == 2 and mptcpi_subflows_total == 3\n"
            "assert mptcpi_flags & MPTCP_INFO_FLAG_FALLBACK and mptcpi_token == 0xfedcba98\n"
            "assert mptcpi_write_seq == 0xffffffffffffffff and mptcpi_csum_enabled == 1\n"
            "assert mptcpi_bytes_acked == 500 and mptcpi_last_ack_recv == 12\n",
            true);
    assert_passes(lab);
}

static void test_failures_name_line_and_values(void **state) {
    struct lab *lab = *state;
    collect(lab, 4, "seen = tcpi_snd_cwnd", false);
    collect(lab, 12, " \t assert tcpi_snd_cwnd == 10 \t", false);
    assert_fails(lab, 12, "assert tcpi_snd_cwnd == 10: tcpi_snd_cwnd is 11");

    lab->code.blocks = NULL;
    collect(lab, 20, "\n   total = 1\n   assert tcpi_state == TCP_CLOSE or total > \\\n      seen + len('a')\n", false);
    assert_fails(lab, 22, "NameError: name 'seen' is not defined");

    lab->code.blocks = NULL;
    collect(lab, 20, "\n   seen = 5\n   assert tcpi_state == TCP_CLOSE or 1 > \\\n      seen + len('a')\n", false);
    assert_fails(
        lab, 22,
        "assert tcpi_state == TCP_CLOSE or 1 > \\ seen + len('a'): tcpi_state is 1, TCP_CLOSE is 7, seen is 5");

    lab->code.blocks = NULL;
    collect(lab, 8, "assert tcpi_rto < 200000, 'too slow'", false);
    assert_fails(lab, 8, "AssertionError: too slow (tcpi_rto is 204000)");

    lab->code.blocks = NULL;
    collect(lab, 8, "assert False", false);
    assert_fails(lab, 8, "assert False");
}

/* The line within a function of another block, not that of the call. */
static void test_failure_within_a_function(void **state) {
    struct lab *lab = *state;
    collect(lab, 5, "\ndef check(limit):\n    assert tcpi_snd_cwnd < limit\n", false);
    put32(lab->fake.tcp + 80, 99);
    collect(lab, 30, "check(50)", false);
    assert_fails(lab, 7, "assert tcpi_snd_cwnd < limit: tcpi_snd_cwnd is 99, limit is 50");
}

static void test_other_failures(void **state) {
    struct lab *lab = *state;
    collect(lab, 40, "\nx = 1\nif x\n  y = 2\n", false);
    assert_int_equal(run(lab), -EINVAL);
    assert_memory_equal(lab->error.text, "SyntaxError: ", 13); /* the rest is another one in each Python */
    assert_int_equal(lab->error.place.line, 42);

    lab->code.blocks = NULL;
    collect(lab, 3, "import sys; sys.exit(3)", false);
    assert_fails(lab, 3, "SystemExit: 3");

    lab->code.blocks = NULL;
    collect(lab, 3, "raise ValueError('caf\xc3\xa9 \xff\\n' * 2)", false);
    assert_fails(lab, 3, "ValueError: caf\xc3\xa9 \xef\xbf\xbd caf\xc3\xa9 \xef\xbf\xbd");

    lab->code.blocks = NULL;
    collect(lab, 3, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", false);
    assert_fails(lab, 3, "the code blocks were not run to their end: `python3` was killed by signal 9 (Killed)");

    lab->settings.code_command = "/nonexistent/python -x";
    assert_fails(lab, 3,
                 "the code blocks were not run to their end: `/nonexistent/python -x` ended with status 127 (is it "
                 "installed?)");
}

static void test_file_and_line(void **state) {
    struct lab *lab = *state;
    collect(lab, 9, "assert _line == 9 and _file == \"folder/it's \xc3\xbc.pkt\"", false);
    lab->settings.code_command = "python3 -B"; /* words, not one name */
    assert_passes(lab);
}

static void test_nothing_to_run(void **state) {
    struct lab *lab = *state;
    lab->settings.code_command = "false";
    assert_passes(lab);
    collect(lab, 1, "pass", false);
    assert_int_equal(run(lab), -EINVAL);
}

static void test_socket_without_tcp_info(void **state) {
    struct lab *lab = *state;
    struct event event = {.kind = EVENT_CODE, .code = "pass"};
    char error[200];
    assert_int_equal(code_collect(&lab->code, &lab->arena, &event, &lab->posix, -1, false, error, sizeof error),
                     -EINVAL);
    assert_string_equal(error, "a code block needs a connection that has a descriptor (accept() it before)");
    assert_int_equal(code_collect(&lab->code, &lab->arena, &event, &lab->posix, FD + 1, false, error, sizeof error),
                     -EINVAL);
    assert_string_equal(error, "TCP_INFO of the socket cannot be read: Bad file descriptor");
    assert_null(lab->code.blocks);
}

static void test_program(void **state) {
    struct lab *lab = *state;
    collect(lab, 2, "a = '\\\\'\nb = 1", false);
    struct text program = {NULL, 0, 0};
    code_program(&lab->code, &lab->script, &program);
    assert_non_null(strstr(text_of(&program), "\ntcpi_snd_cwnd = 11\n"));
    assert_non_null(strstr(text_of(&program), "\nTCP_CLOSING = 11\n"));
    assert_non_null(
        strstr(text_of(&program), "\n_line = 2\n_code(_line, _text(\n    'a = \\'\\\\\\\\\\'\\n'\n    'b = 1'))\n"));
    text_free(&program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shorter_answers_have_fewer_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_congestion_control_and_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mptcp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures_name_line_and_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure_within_a_function, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_and_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_socket_without_tcp_info, setup, teardown),
        cmocka_unit_test_setup_teardown(test_program, setup, teardown),
    };
    return cmocka_run_group_tests_name("script_code", tests, NULL, NULL);
}
