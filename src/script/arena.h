/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that is freed all at once: a script and everything in it. Out of memory ends the program with a message: these
 * are tools that hold a few kilobytes, not the engine. */
#ifndef UMPTCP_SCRIPT_ARENA_H
#define UMPTCP_SCRIPT_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *blocks;
};

/* Zeroed memory, aligned for any type. A zeroed arena is an empty one. */
void *arena_alloc(struct arena *a, size_t size);
/* A NUL-terminated copy of `len` bytes. */
char *arena_text(struct arena *a, const char *text, size_t len);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *format, ...);
void arena_free(struct arena *a);

#endif
