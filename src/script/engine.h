/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine as a target, in virtual time: a host (host.h) whose packets the runner takes and gives. */
#ifndef UMPTCP_SCRIPT_ENGINE_H
#define UMPTCP_SCRIPT_ENGINE_H

#include "script/target.h"

/* Sets *t and returns 0, or a negative errno with a sentence. `seed` decides everything random in the engine. */
int engine_target_open(const struct settings *settings, uint64_t seed, struct target **t, char *error, size_t size);

#endif
