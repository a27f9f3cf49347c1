/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Round-trip time estimation. SRTT and RTTVAR follow RFC 6298; with n samples per round trip each weighs 1/n of what
 * RFC 6298 gives it (RFC 7323 appendix G), so that the estimators remember equally long at any window.
 *
 * The minimum is that of a window of two halves: the finished one and the present one. When the present half is over it
 * becomes the finished one, so a route that got longer is believed after 10 s at the latest.
 */
#include "tcp/rtt.h"

#include <assert.h>
#include <string.h>

enum { MIN_HALF_MS = 5000, BACKOFF_MAX = 31 };

#define CLOCK_GRANULARITY MSEC(1) /* G of RFC 6298 */

void rtt_init(struct rtt *r) { memset(r, 0, sizeof(*r)); }

void rtt_see_min(struct rtt *r, utime now, dur sample) {
    uint32_t now_ms = (uint32_t)(now.ns / MSEC(1));
    uint32_t age = now_ms - r->half_at_ms;
    uint32_t us = sample < USEC(UINT32_MAX) ? (uint32_t)(sample / USEC(1)) : UINT32_MAX;

    assert(sample > 0);
    us = us ? us : 1; /* zero says "none" */
    if (r->min_us == 0 || age >= 2 * MIN_HALF_MS) {
        r->min_us = r->half_min_us = us;
        r->half_at_ms = now_ms;
        return;
    }
    if (age >= MIN_HALF_MS) {
        r->min_us = r->half_min_us;
        r->half_min_us = us;
        r->half_at_ms = now_ms;
    }
    if (us < r->half_min_us)
        r->half_min_us = us;
    if (us < r->min_us)
        r->min_us = us;
}

void rtt_sample(struct rtt *r, utime now, dur sample, uint32_t flight_samples) {
    if (sample == 0)
        sample = 1; /* zero says "none" */
    if (flight_samples == 0)
        flight_samples = 1;
    r->backoff = 0;
    rtt_see_min(r, now, sample);
    if (r->srtt == 0) {
        r->srtt = sample;
        r->rttvar = sample / 2;
        return;
    }
    int64_t error = (int64_t)sample - (int64_t)r->srtt;
    int64_t deviation = error < 0 ? -error : error;
    int64_t n = flight_samples;
    r->rttvar = (dur)((int64_t)r->rttvar + (deviation - (int64_t)r->rttvar) / (4 * n));
    r->srtt = (dur)((int64_t)r->srtt + error / (8 * n));
}

void rtt_spurious(struct rtt *r, dur sample) {
    r->backoff = 0;
    r->srtt = sample > r->srtt ? sample : r->srtt;
    r->rttvar = sample / 2 > r->rttvar ? sample / 2 : r->rttvar;
}

dur rtt_rto_base(const struct rtt *r, dur rto_min, dur rto_max) {
    dur rto = RTT_RTO_INITIAL;
    if (r->srtt) {
        dur spread = 4 * r->rttvar;
        rto = r->srtt + (spread > CLOCK_GRANULARITY ? spread : CLOCK_GRANULARITY);
        rto = rto < rto_min ? rto_min : rto;
    }
    return rto < rto_max ? rto : rto_max;
}

dur rtt_rto(const struct rtt *r, dur rto_min, dur rto_max) {
    dur rto = rtt_rto_base(r, rto_min, rto_max);
    uint8_t shift = r->backoff < BACKOFF_MAX ? r->backoff : BACKOFF_MAX;
    return rto > rto_max >> shift ? rto_max : rto << shift;
}
