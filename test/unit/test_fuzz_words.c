/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fuzzers' dictionaries are what the encoder makes of the table of options (wire/mpopt.c): one word per form. A
 * form that is added there is missing here until the files are written anew, by UMPTCP_WRITE=1
 * build/san/test/unit/test_fuzz_words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/mpopt.h"

enum { WORDS_MAX = 16384, OPTION_MAX = 64 };

static size_t add_word(char *text, size_t at, const char *name, unsigned form, const struct mpopt *opt) {
    uint8_t bytes[OPTION_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    mpopt_build(&w, opt);
    assert_false(w.bad);
    at += (size_t)snprintf(text + at, WORDS_MAX - at, "%s_%u=\"", name, form);
    for (size_t i = 0; i < w.len; i++)
        at += (size_t)snprintf(text + at, WORDS_MAX - at, "\\x%02x", bytes[i]);
    at += (size_t)snprintf(text + at, WORDS_MAX - at, "\"\n");
    assert_true(at < WORDS_MAX);
    return at;
}

/* Every form of a type: the flags that change what the option carries, counted through. */
static size_t add_forms(char *text, size_t at, enum mp_type type) {
    char name[80];
    struct mpopt opt = {.type = type};
    unsigned forms = type == MP_DSS ? 64 : type == MP_ADD_ADDR ? 8 : type == MP_REMOVE_ADDR ? 8 : 2;
    (void)mpopt_format(&opt, name, sizeof name);
    name[strcspn(name, " ")] = '\0';
    for (unsigned form = 0; form < forms; form++) {
        opt = (struct mpopt){.type = type};
        if (type == MP_DSS) {
            opt.dss.has_ack = form & 1;
            opt.dss.ack64 = form & 2;
            opt.dss.has_map = form & 4;
            opt.dss.dsn64 = form & 8;
            opt.dss.data_fin = form & 16;
            opt.dss.has_csum = form & 32;
            if ((opt.dss.ack64 && !opt.dss.has_ack) || (!opt.dss.has_map && form > 3))
                continue;
        } else if (type == MP_ADD_ADDR) {
            opt.add_addr.addr = addr_v4(0x0a000002);
            if (form & 4)
                opt.add_addr.addr = (struct umptcp_addr){.b = {0xfd, [15] = 2}};
            opt.add_addr.echo = form & 1;
            opt.add_addr.has_port = form & 2;
        } else if (type == MP_REMOVE_ADDR) {
            opt.remove.n = (uint8_t)(form + 1);
        } else if (type == MPC_DATA) {
            opt.mpc.has_csum = form;
        } else if (form) {
            continue;
        }
        if (type >= MPC_SYN && type <= MPC_DATA) {
            opt.mpc.version = 1;
            opt.mpc.flags = MPC_HMAC_SHA256;
        }
        at = add_word(text, at, name, (unsigned)type * 100 + form, &opt);
    }
    return at;
}

static void compare_file(const char *path, const char *words) {
    static char there[WORDS_MAX + 1];
    FILE *file = fopen(path, getenv("UMPTCP_WRITE") ? "w+" : "r");
    assert_non_null(file);
    if (getenv("UMPTCP_WRITE")) {
        (void)fputs(words, file);
        rewind(file);
    }
    there[fread(there, 1, WORDS_MAX, file)] = '\0';
    (void)fclose(file);
    assert_string_equal(there, words);
}

static void test_the_dictionaries_have_every_form(void **state) {
    static char text[WORDS_MAX];
    (void)state;
    size_t at = (size_t)snprintf(text, sizeof text,
                                 "# SPDX-License-Identifier: BSD-3-Clause\n"
                                 "# Written by test/unit/test_fuzz_words.c: the forms of MPTCP options.\n");
    for (int type = MPC_SYN; type < MP_TYPE_COUNT; type++)
        at = add_forms(text, at, (enum mp_type)type);
    compare_file("test/fuzz/mpopt.dict", text);
    compare_file("test/fuzz/packet.dict", text);
    compare_file("test/fuzz/conn.dict", text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_dictionaries_have_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
