/* SPDX-License-Identifier: BSD-3-Clause */
/* Scripts for tests: parsed from a literal, with their settings. */
#ifndef TESTSCRIPT_H
#define TESTSCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "script/parse.h"
#include "script/print.h"

struct testscript {
    struct arena arena; /* of the settings */
    struct settings settings;
    struct script script;
    struct script_error error;
    int result;
};

static inline void testscript_start(struct testscript *t, enum family family) {
    memset(t, 0, sizeof *t);
    settings_init(&t->settings, family, &t->arena);
}

static inline void testscript_parse(struct testscript *t, const char *source) {
    t->result = script_parse(&t->script, "test.pkt", source, strlen(source), &t->settings, &t->error);
}

static inline void testscript_end(struct testscript *t) {
    script_free(&t->script);
    arena_free(&t->arena);
}

/* Parses a script that must be right. */
static inline void testscript_good(struct testscript *t, enum family family, const char *source) {
    testscript_start(t, family);
    testscript_parse(t, source);
    if (t->result)
        fail_msg("%u:%u: %s\n%s", t->error.place.line, t->error.place.column, t->error.text, source);
}

/* Parses one that must be wrong, at that place and with these words in the message. */
static inline void testscript_bad(enum family family, const char *source, uint32_t line, uint32_t column,
                                  const char *words) {
    struct testscript t;
    testscript_start(&t, family);
    testscript_parse(&t, source);
    testscript_end(&t); /* before an assertion leaves */
    if (t.result == 0)
        fail_msg("no error in: %s", source);
    if (!strstr(t.error.text, words) || strchr(t.error.text, '\n'))
        fail_msg("'%s' is not in '%s' of: %s", words, t.error.text, source);
    if (t.error.place.line != line || t.error.place.column != column)
        fail_msg("%u:%u, not %u:%u: '%s' of: %s", t.error.place.line, t.error.place.column, line, column, t.error.text,
                 source);
}

#endif
