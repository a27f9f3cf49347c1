/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and meanings of the drop reasons. */
#include "base/drop.h"

#include <stddef.h>

static const struct {
    const char *name, *meaning;
} reasons[DROP_COUNT] = {[DROP_NONE] = {"None", "was not dropped"},
#define X(e, n, t) [DROP_##e] = {#n, t},
                         DROP_LIST(X)
#undef X
};

const char *drop_name(enum drop d) { return (size_t)d < DROP_COUNT ? reasons[d].name : "Unknown"; }

const char *drop_meaning(enum drop d) { return (size_t)d < DROP_COUNT ? reasons[d].meaning : "no such reason"; }
