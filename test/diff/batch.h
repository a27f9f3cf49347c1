/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many programs on a stack: on the kernel side by side in one namespace, on the engine one after the other, each on a
 * stack of its own. A process of its own does it, so that a crash is a fact about one program.
 */
#ifndef UMPTCP_DIFF_BATCH_H
#define UMPTCP_DIFF_BATCH_H

#include "facts.h"
#include "program.h"

enum { BATCH_MAX = 256, LOG_MAX = 1 << 16 };

enum side { SIDE_ENGINE, SIDE_KERNEL };

struct result {
    bool done;
    struct facts facts;
};

/* What the process of a batch shares with this one. */
struct batch {
    char error[512];
    char log[LOG_MAX]; /* of a batch of one program: the packet script of its run */
    struct result result[BATCH_MAX];
};

/* Memory that a process of a batch can write to; NULL: none. */
struct batch *batch_new(void);
/*
 * Runs programs of one world. `slow`: each step on the kernel gets more time than a machine with other things to do can
 * take away. 0, or -1 with a sentence in batch->error when the side cannot be used at all.
 */
int batch_run(struct batch *batch, enum side side, const struct program *programs, uint32_t n, bool slow);

#endif
