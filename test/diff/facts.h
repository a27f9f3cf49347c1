/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a stack did with a program, as far as RFC 8684 and Linux's interface speak of it: facts with a name and a value,
 * without times and without where one packet ends. Two runs are alike when their facts are.
 */
#ifndef UMPTCP_DIFF_FACTS_H
#define UMPTCP_DIFF_FACTS_H

#include "script/print.h"

enum { FACTS_MAX = 200, FACT_KEY_MAX = 72, FACT_VALUE_MAX = 48 };

struct fact {
    char key[FACT_KEY_MAX], value[FACT_VALUE_MAX];
};

struct facts {
    uint32_t n;
    struct fact fact[FACTS_MAX]; /* sorted by key */
};

/* Notes a fact, in the place of one with the same key. */
__attribute__((format(printf, 3, 4))) void facts_set(struct facts *f, const char *key, const char *format, ...);
/* Notes that something was seen. */
__attribute__((format(printf, 2, 3))) void facts_saw(struct facts *f, const char *format, ...);
/* The same for the greatest of several numbers. */
void facts_max(struct facts *f, const char *key, uint64_t n);
/* The value, or NULL. */
const char *facts_get(const struct facts *f, const char *key);
uint64_t facts_number(const struct facts *f, const char *key);

#endif
