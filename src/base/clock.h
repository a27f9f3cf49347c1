/* SPDX-License-Identifier: BSD-3-Clause */
/* Points in time (struct umptcp_time, the caller's monotonic clock) and durations (dur, nanoseconds). */
#ifndef UMPTCP_BASE_CLOCK_H
#define UMPTCP_BASE_CLOCK_H

#include "umptcp.h"

typedef struct umptcp_time utime;
typedef uint64_t dur; /* nanoseconds */

#define USEC(n) ((dur)(n)*1000u)
#define MSEC(n) ((dur)(n)*1000000u)
#define SEC(n)  ((dur)(n)*1000000000u)

static inline bool time_before(utime a, utime b) { return a.ns < b.ns; }
static inline bool time_is_never(utime t) { return t.ns == UINT64_MAX; }
static inline utime time_min(utime a, utime b) { return a.ns < b.ns ? a : b; }
static inline utime time_max(utime a, utime b) { return a.ns > b.ns ? a : b; }
static inline utime time_add(utime t, dur d) { return t.ns > UINT64_MAX - d ? UMPTCP_NEVER : (utime){t.ns + d}; }
/* How long after `since` `now` is; 0 when it is not. */
static inline dur time_since(utime now, utime since) { return now.ns > since.ns ? now.ns - since.ns : 0; }

/* In milliseconds, rounded up; what does not fit is the most that does. */
static inline uint32_t dur_ms(dur d) {
    const dur ms = d / MSEC(1) + (d % MSEC(1) != 0);
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

#endif
