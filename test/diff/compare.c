/* SPDX-License-Identifier: BSD-3-Clause */
/* Facts side by side: both tables are sorted. */
#include "compare.h"

#include <string.h>

static bool excused_by_rule(const struct runs *r, const struct difference *d, uint64_t *excused) {
    for (size_t i = 0; rules[i].name; i++)
        if (rules[i].excuses(r, d)) {
            if (excused)
                excused[i]++;
            return true;
        }
    return false;
}

uint32_t compare(const struct runs *r, struct difference found[DIFFERENCES_MAX], uint64_t *excused) {
    uint32_t n = 0, e = 0, k = 0;
    while (e < r->engine->n || k < r->kernel->n) {
        const struct fact *ours = e < r->engine->n ? &r->engine->fact[e] : NULL;
        const struct fact *theirs = k < r->kernel->n ? &r->kernel->fact[k] : NULL;
        int order = !ours ? 1 : !theirs ? -1 : strcmp(ours->key, theirs->key);
        e += order <= 0;
        k += order >= 0;
        if (order == 0 && strcmp(ours->value, theirs->value) == 0)
            continue;
        struct difference d = {
            .key = order <= 0 ? ours->key : theirs->key,
            .engine = order <= 0 ? ours->value : NULL,
            .kernel = order >= 0 ? theirs->value : NULL,
        };
        if (!excused_by_rule(r, &d, excused) && n < DIFFERENCES_MAX)
            found[n++] = d;
    }
    return n;
}
