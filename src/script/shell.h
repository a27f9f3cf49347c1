/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs that scripts start: by the shell, apart from what we hold open. */
#ifndef UMPTCP_SCRIPT_SHELL_H
#define UMPTCP_SCRIPT_SHELL_H

#include <sys/types.h>

enum { SHELL_REPORT_FD = 3 };

/*
 * Starts `sh -c TEXT`; `arg`, if not NULL, is its $1. It reads from /dev/null and writes where we do. It gets no other
 * descriptor of ours, since a program that goes on in the background must not keep a socket open, but `report` as
 * SHELL_REPORT_FD, unless that is -1. 0, or a negative errno.
 */
int shell_spawn(const char *text, const char *arg, char *const env[], int report, pid_t *pid);

#endif
