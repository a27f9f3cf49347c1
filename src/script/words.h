/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of the language that stand for numbers, for the parser and the printer. Tables end with a NULL name. */
#ifndef UMPTCP_SCRIPT_WORDS_H
#define UMPTCP_SCRIPT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word {
    const char *name;
    uint32_t value;
};

extern const struct word words_ecn[];           /* the two bits of the IP header */
extern const struct word words_capable_flags[]; /* of MP_CAPABLE */
extern const struct word words_reset_flags[];   /* of MP_TCPRST */
const struct word *words_icmp_types(bool v6);
/* The codes of a type; an empty table when none has a name. */
const struct word *words_icmp_codes(bool v6, uint8_t type);

/* The entry with a name (`name` need not be terminated), or NULL. */
const struct word *word_find(const struct word *table, const char *name, size_t len);
/* The first name of a value, or NULL. */
const char *word_name(const struct word *table, uint32_t value);
/* The name in a table that is closest to a wrong one; NULL when none is close. */
const char *word_like(const struct word *table, const char *name);
/* How many characters have to be changed, put in or taken out to make one name of the other. */
size_t word_distance(const char *a, const char *b);

#endif
