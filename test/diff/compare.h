/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two stacks' facts against each other. A difference that is permitted or the kernel's own is excused by a rule, which
 * has a name that docs/DIFFERENCES.md explains; every other one is a finding.
 */
#ifndef UMPTCP_DIFF_COMPARE_H
#define UMPTCP_DIFF_COMPARE_H

#include "facts.h"
#include "program.h"

enum { DIFFERENCES_MAX = 64 };

struct runs {
    const struct program *program;
    const struct facts *engine, *kernel;
};

struct difference {
    const char *key;
    const char *engine, *kernel; /* NULL: it has no such fact */
};

struct rule {
    const char *name;
    /* True when this difference of these runs is what the rule is about. */
    bool (*excuses)(const struct runs *r, const struct difference *d);
};

/* Ends with a name of NULL. */
extern const struct rule rules[];

/* Writes what no rule excuses; returns how many there are. `excused[i]` counts for rules[i], where it is not NULL. */
uint32_t compare(const struct runs *r, struct difference found[DIFFERENCES_MAX], uint64_t *excused);

#endif
