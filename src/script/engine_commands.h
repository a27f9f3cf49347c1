/* SPDX-License-Identifier: BSD-3-Clause */
/* What commands (commands.h) do to a host. */
#ifndef UMPTCP_SCRIPT_ENGINE_COMMANDS_H
#define UMPTCP_SCRIPT_ENGINE_COMMANDS_H

#include "script/host.h"

/* Does what `text` says. `pause` lets time pass. 0, or -EINVAL with a sentence. */
int engine_command_run(struct host *h, const struct settings *settings, const char *text,
                       void (*pause)(void *ctx, dur time), void *ctx, char *error, size_t size);

#endif
