/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of the counters. */
#include "base/mib.h"

#include <stddef.h>

static const char *const names[] = {
#define X(e, n) #n,
    MIB_LIST(X)
#undef X
};

static const char *const drop_names[] = {
#define X(e, n, t) "UmptcpDrop" #n,
    DROP_LIST(X)
#undef X
};

_Static_assert(sizeof names / sizeof *names == MIB_COUNT, "each counter has a name");
_Static_assert(sizeof drop_names / sizeof *drop_names == DROP_COUNT - 1, "DROP_NONE is no counter");

const char *mib_entry(const struct mib_table *t, unsigned index, uint64_t *value) {
    if (index >= MIB_COUNT + DROP_COUNT - 1)
        return NULL;
    if (index < MIB_COUNT) {
        *value = t->v[index];
        return names[index];
    }
    *value = t->drops[index - MIB_COUNT + 1];
    return drop_names[index - MIB_COUNT];
}
