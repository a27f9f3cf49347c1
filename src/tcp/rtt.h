/* SPDX-License-Identifier: BSD-3-Clause */
/* Round-trip time and retransmission timeout (RFC 6298, with RFC 7323 appendix G's weighting for many samples per RTT).
 */
#ifndef UMPTCP_TCP_RTT_H
#define UMPTCP_TCP_RTT_H

#include "base/clock.h"

#define RTT_RTO_INITIAL SEC(1) /* RFC 6298 2.1 */

struct rtt {
    dur srtt, rttvar;     /* srtt 0: no sample yet */
    uint32_t min_us;      /* smallest of the last 5 to 10 s; 0: no sample yet */
    uint32_t half_min_us; /* smallest of the present half of that window */
    uint32_t half_at_ms;  /* start of the present half, by the low bits of the clock */
    uint8_t backoff;      /* doublings of the RTO */
};

void rtt_init(struct rtt *r);
/* A round-trip sample. `flight_samples`: how many samples one round gives (at least 1). Ends the backoff. */
void rtt_sample(struct rtt *r, utime now, dur sample, uint32_t flight_samples);
/* A sample for the minimum alone. */
void rtt_see_min(struct rtt *r, utime now, dur sample);
/* The smallest sample of the last 5 to 10 s, in whole microseconds; 0: no sample yet. */
static inline dur rtt_min(const struct rtt *r) { return USEC(r->min_us); }
/* A timeout was spurious: the path is at least as slow as `sample` says (RFC 4015 3.2). Ends the backoff. */
void rtt_spurious(struct rtt *r, dur sample);
/* RTO without backoff: 1 s before the first sample, else SRTT + max(1 ms, 4 RTTVAR), within [min, max]. */
dur rtt_rto_base(const struct rtt *r, dur rto_min, dur rto_max);
/* With backoff, at most rto_max. */
dur rtt_rto(const struct rtt *r, dur rto_min, dur rto_max);

#endif
