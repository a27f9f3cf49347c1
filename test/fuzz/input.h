/* SPDX-License-Identifier: BSD-3-Clause */
/* What fuzz targets share that play a stack by the octets of their input. */
#ifndef UMPTCP_FUZZ_INPUT_H
#define UMPTCP_FUZZ_INPUT_H

#include <stddef.h>

#include "umptcp.h"

struct input {
    const uint8_t *p;
    size_t left;
};

/* The next octet; zeros behind the end. */
uint8_t take(struct input *in);
/* Says which invariant of the stack is broken, and aborts. */
void must_be_sound(const struct umptcp *s);

#endif
