/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Code blocks, %{ ... }%: the state of the socket under test is read when its time comes; the Python text of all blocks
 * runs once, after the script, with those values as variables (tcpi_*, mptcpi_*, ...).
 */
#ifndef UMPTCP_SCRIPT_CODE_H
#define UMPTCP_SCRIPT_CODE_H

#include "script/posix.h"
#include "script/settings.h"

struct code {
    struct code_block *blocks; /* in the order of the script */
};

/* Reads the values for a block from a live descriptor (`mptcp`: an MPTCP socket, which has mptcpi_* too). 0 or -EINVAL
 * with a sentence. */
int code_collect(struct code *code, struct arena *arena, const struct event *event, const struct posix *posix, int fd,
                 bool mptcp, char *error, size_t size);
/*
 * Runs the blocks. 0; or -EINVAL with what Python said: place.line is that of the script. No block: 0, and Python is
 * not started.
 */
int code_run(struct code *code, const struct script *script, const struct settings *settings,
             struct script_error *error);
/* The whole program that code_run() runs; for -v. */
struct text;
void code_program(const struct code *code, const struct script *script, struct text *program);

#endif
