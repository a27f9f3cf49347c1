/* SPDX-License-Identifier: BSD-3-Clause */
/* The time of the real world, for loops that do not run in virtual time. */
#ifndef UMPTCP_IO_CLOCK_H
#define UMPTCP_IO_CLOCK_H

#include "umptcp.h"

/* CLOCK_MONOTONIC: what a stack wants. Never zero. */
struct umptcp_time clock_now(void);
/* What to add to a clock_now() to get nanoseconds since 1970. Changes when the wall clock is set. */
uint64_t clock_wall_offset(void);

#endif
