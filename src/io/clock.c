/* SPDX-License-Identifier: BSD-3-Clause */
#define _POSIX_C_SOURCE 200809L
#include "io/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id) {
    struct timespec ts = {0, 0};
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct umptcp_time clock_now(void) {
    uint64_t ns = read_ns(CLOCK_MONOTONIC);
    return (struct umptcp_time){ns ? ns : 1};
}

uint64_t clock_wall_offset(void) { return read_ns(CLOCK_REALTIME) - read_ns(CLOCK_MONOTONIC); }
