/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files about commands: commands.c the shell's part, commands_ip.c ip,
 * commands_pm.c pm_nl_ctl, commands_tools.c all others. */
#ifndef UMPTCP_SCRIPT_COMMANDS_PARTS_H
#define UMPTCP_SCRIPT_COMMANDS_PARTS_H

#include "script/commands.h"
#include "script/print.h"

enum { COMMAND_WORDS_MAX = 64 };

struct command {
    const struct command_sink *sink;
    char *word[COMMAND_WORDS_MAX + 1]; /* NULL behind the last one */
    int n;
    const char *output;  /* where `>` sends its output; NULL: nowhere special */
    struct text printed; /* by it, for the command behind a pipe */
    const char *input;   /* what the command before the pipe printed; NULL: there is no pipe before it */
    char *error;         /* a sentence, when it fails */
    size_t size;
};

__attribute__((format(printf, 2, 3))) int command_fail(struct command *c, const char *format, ...);
/* 0, or -EINVAL with a sentence. -ENOENT: there is no such command. */
int command_tool(struct command *c);
int command_ip(struct command *c);
int command_pm_nl_ctl(struct command *c);
/* A sysctl by its name with dots, or by its name or path with slashes; with a sentence when it fails. */
int command_sysctl(struct command *c, const char *name, const char *value);
/* A number from 0 to `max`; false when it is none. */
bool command_number(const char *text, unsigned long max, unsigned long *n);
/* "A" or "A/LEN" */
bool command_prefix(const char *text, struct umptcp_addr *addr, uint8_t *prefix_len);

#endif
