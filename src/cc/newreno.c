/* SPDX-License-Identifier: BSD-3-Clause */
/* NewReno's window (RFC 5681 3.1): one segment more per round trip, half at a loss; HyStart++ in the first slow start.
 */
#include "cc/hystart.h"

#include <assert.h>

struct newreno {
    struct hystart hystart;
    uint32_t acked; /* bytes acknowledged towards the next segment of growth */
};

static_assert(sizeof(struct newreno) <= CC_STATE_SIZE, "the state must fit into struct cc");

static struct newreno *state_of(struct cc *cc) { return (struct newreno *)(void *)cc->state; }

static void newreno_init(struct cc *cc) { hystart_init(&state_of(cc)->hystart); }

static void newreno_on_ack(struct cc *cc, const struct cc_ack *ack) {
    struct newreno *s = state_of(cc);

    if (cc_in_slow_start(cc)) {
        slow_start_ack(&s->hystart, cc, ack);
        return;
    }
    if (!ack->cwnd_limited)
        return;
    uint64_t acked = (uint64_t)s->acked + ack->acked;
    uint32_t full = cc->cwnd; /* one segment per window's worth of bytes, however many acknowledgments say so */
    cc_grow(cc, (uint32_t)(acked / full) * cc->mss);
    s->acked = (uint32_t)(acked % full);
}

static void newreno_on_congestion(struct cc *cc, const struct cc_event *ev) {
    struct newreno *s = state_of(cc);
    const bool less = ev->abe && ev->cause == CC_ECN; /* RFC 8511 3: 0.8 */
    uint32_t part = less ? (uint32_t)((uint64_t)ev->inflight * 4 / 5) : ev->inflight / 2;

    s->acked = 0;
    cc->ssthresh = part > 2 * cc->mss ? part : 2 * cc->mss;
    hystart_stop(&s->hystart);
}

const struct cc_ops cc_newreno = {
    .name = "newreno",
    .init = newreno_init,
    .on_ack = newreno_on_ack,
    .on_congestion = newreno_on_congestion,
};
