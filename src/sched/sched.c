/* SPDX-License-Identifier: BSD-3-Clause */
/* The schedulers that are built in, by name. */
#include "sched/sched.h"

#include <string.h>

static const struct sched_ops *const all[] = {&sched_default};

enum { COUNT = sizeof all / sizeof *all };

const struct sched_ops *sched_find(const char *name) {
    for (unsigned i = 0; i < COUNT; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

const char *sched_name(unsigned index) { return index < COUNT ? all[index]->name : NULL; }
