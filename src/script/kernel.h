/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The running Linux kernel as a target, in real time: a TUN device in a network namespace of its own, real sockets, and
 * a second thread for calls that block. The calling process moves into the namespace for good, so a run has a process
 * of its own.
 */
#ifndef UMPTCP_SCRIPT_KERNEL_H
#define UMPTCP_SCRIPT_KERNEL_H

#include "script/target.h"

/* Sets *t and returns 0, or a negative errno with a sentence that says what to do (no root, no TUN, no MPTCP, ...). */
int kernel_target_open(const struct settings *settings, struct target **t, char *error, size_t size);

#endif
