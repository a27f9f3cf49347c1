/* SPDX-License-Identifier: BSD-3-Clause */
/* The operating system's randomness, for the seed of a stack. */
#ifndef UMPTCP_IO_ENTROPY_H
#define UMPTCP_IO_ENTROPY_H

#include <stddef.h>

/* Fills `buf`. Returns 0, or the negative errno of getrandom(2): then `buf` must not be used. */
int entropy_fill(void *buf, size_t len);

#endif
