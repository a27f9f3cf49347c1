/* SPDX-License-Identifier: BSD-3-Clause */
/* A code block whose time came. */
#ifndef UMPTCP_SCRIPT_CODE_INTERNAL_H
#define UMPTCP_SCRIPT_CODE_INTERNAL_H

#include "script/code.h"
#include "script/print.h"

struct code_block {
    struct code_block *next;
    const struct event *event;
    const char *values; /* Python assignments, a line each */
};

#endif
