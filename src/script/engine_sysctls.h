/* SPDX-License-Identifier: BSD-3-Clause */
/* Sysctls of Linux as configuration of the engine. */
#ifndef UMPTCP_SCRIPT_ENGINE_SYSCTLS_H
#define UMPTCP_SCRIPT_ENGINE_SYSCTLS_H

#include "base/clock.h"

/*
 * Sets what a sysctl (`name` with dots) stands for. 0, -ENOENT: there is no such sysctl; -EINVAL: not with this value.
 * Sysctls of mechanisms that the engine has not, or always has, are accepted without effect. Texts in `config` are
 * constants, or those of the engine.
 */
int engine_sysctl(struct umptcp_config *config, const char *name, const char *value);

#endif
