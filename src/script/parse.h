/* SPDX-License-Identifier: BSD-3-Clause */
/* The language (docs/man/umptcp-pkt.5 is its reference): text -> struct script. */
#ifndef UMPTCP_SCRIPT_PARSE_H
#define UMPTCP_SCRIPT_PARSE_H

#include "script/script.h"
#include "script/settings.h"

/*
 * Reads a whole script. Its option lines are applied to `settings` (what is fixed there stays), its symbols replaced.
 * All that can be known to be wrong without running it is found here: grammar, unknown calls, symbols and errnos,
 * numbers of arguments, sums of sequence numbers, option lengths, order of times. Returns 0, or -EINVAL with `error`
 * set. The script is to be freed in both cases. `source` need not be NUL-terminated and may hold any bytes. `script` is
 * overwritten: the arena of `settings` is another one.
 */
int script_parse(struct script *script, const char *path, const char *source, size_t len, struct settings *settings,
                 struct script_error *error);
void script_free(struct script *script);

#endif
