/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet script: arbitrary bytes are read as one, in each family. What is accepted is printed, read and printed
 * again: the same text. What is refused has a place in the input and a message of one line.
 */
#include <assert.h>
#include <string.h>

#include "script/parse.h"
#include "script/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size);

static void check_error(const struct script_error *e, const char *source, size_t size) {
    uint32_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += source[i] == '\n';
    assert(e->place.line <= lines && e->place.column <= size + 1);
    assert(e->text[0] && strlen(e->text) < sizeof e->text && !strchr(e->text, '\n'));
}

/* Prints what was read, and what is read of that. Symbols of the script would be replaced again, so it has none. */
static void check_round(const struct script *script, enum family family) {
    struct text first = {NULL, 0, 0}, second = {NULL, 0, 0};
    struct arena arena = {NULL};
    struct settings settings;
    struct script again;
    struct script_error error;
    print_script(&first, script);
    settings_init(&settings, family, &arena);
    assert(script_parse(&again, "again", first.at, first.len, &settings, &error) == 0);
    assert(again.nevents == script->nevents);
    print_script(&second, &again);
    assert(strcmp(text_of(&first), text_of(&second)) == 0);
    text_free(&first);
    text_free(&second);
    script_free(&again);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size) {
    for (enum family family = FAMILY_IPV4; family <= FAMILY_MAPPED; family++) {
        struct arena arena = {NULL};
        struct settings settings;
        struct script script;
        struct script_error error = {{0, 0}, ""};
        settings_init(&settings, family, &arena);
        if (script_parse(&script, "in", (const char *)in, size, &settings, &error) != 0)
            check_error(&error, (const char *)in, size);
        else if (settings.ndefines == 0)
            check_round(&script, settings.family);
        script_free(&script);
        arena_free(&arena);
    }
    return 0;
}
