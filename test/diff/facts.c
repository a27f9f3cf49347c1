/* SPDX-License-Identifier: BSD-3-Clause */
/* A small sorted table of names and values. */
#include "facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the key is, or would be. */
static uint32_t place_of(const struct facts *f, const char *key) {
    uint32_t at = 0;
    while (at < f->n && strcmp(f->fact[at].key, key) < 0)
        at++;
    return at;
}

static bool is_at(const struct facts *f, uint32_t at, const char *key) {
    return at < f->n && strcmp(f->fact[at].key, key) == 0;
}

static void put(struct facts *f, const char *key, const char *value) {
    char cut[FACT_KEY_MAX];
    snprintf(cut, sizeof cut, "%s", key);
    uint32_t at = place_of(f, cut);
    if (!is_at(f, at, cut)) {
        if (f->n == FACTS_MAX)
            return;
        memmove(&f->fact[at + 1], &f->fact[at], (f->n++ - at) * sizeof f->fact[0]);
        memcpy(f->fact[at].key, cut, sizeof cut);
    }
    snprintf(f->fact[at].value, sizeof f->fact[at].value, "%s", value);
}

void facts_set(struct facts *f, const char *key, const char *format, ...) {
    char value[FACT_VALUE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    put(f, key, value);
}

void facts_saw(struct facts *f, const char *format, ...) {
    char key[FACT_KEY_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(key, sizeof key, format, args);
    va_end(args);
    put(f, key, "yes");
}

const char *facts_get(const struct facts *f, const char *key) {
    uint32_t at = place_of(f, key);
    return is_at(f, at, key) ? f->fact[at].value : NULL;
}

uint64_t facts_number(const struct facts *f, const char *key) {
    const char *value = facts_get(f, key);
    return value ? strtoull(value, NULL, 10) : 0;
}

void facts_max(struct facts *f, const char *key, uint64_t n) {
    if (!facts_get(f, key) || n > facts_number(f, key))
        facts_set(f, key, "%llu", (unsigned long long)n);
}
