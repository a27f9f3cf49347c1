/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of the counters. */
#include "base/mib.h"

#include <stddef.h>

static const char *const names[] = {
#define X(e, n) #n,
    MIB_LIST(X)
#undef X
#define X(e, n, t) "UmptcpDrop" #n,
        DROP_LIST(X)
#undef X
};

_Static_assert(sizeof names / sizeof *names == MIB_COUNT + DROP_COUNT - 1, "DROP_NONE is no counter");

const char *mib_entry(const struct mib_table *t, unsigned index, uint64_t *value) {
    if (index >= sizeof names / sizeof *names)
        return NULL;
    *value = index < MIB_COUNT ? t->v[index] : t->drops[index - MIB_COUNT + 1];
    return names[index];
}
