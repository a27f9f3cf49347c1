/* SPDX-License-Identifier: BSD-3-Clause */
#include "input.h"

#include <stdio.h>
#include <stdlib.h>

uint8_t take(struct input *in) {
    if (!in->left)
        return 0;
    in->left--;
    return *in->p++;
}

void must_be_sound(const struct umptcp *s) {
    const char *broken = umptcp_check(s);
    if (!broken)
        return;
    (void)fprintf(stderr, "umptcp_check: %s\n", broken);
    abort();
}
