/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BALIA, the Balanced Linked Adaptation (draft-walid-mptcp-congestion-control-04): between LIA, which is slow to leave
 * a congested path, and OLIA, which is slow to come back to one that got better. With a the best path's rate divided by
 * this one's, it gains coupled_share() * (1 + a) / 2 * (4 + a) / 5, and loses min(a, 1.5) halves of its window.
 *
 * In windows seen at this path's round trip time, with X the best one's, a = X / w; so the gain is
 * (w + X) / sum * (4 w + X) / sum / (10 w), whose factors are small numbers however far the paths are apart.
 */
#include "cc/coupled.h"

static uint64_t best_rate(const struct coupled *c) {
    uint64_t best = coupled_seen_from(c, c);

    if (coupled_counts(c))
        for (const struct coupled *m = coupled_next(c, c); m; m = coupled_next(m, c))
            if (coupled_counts(m) && coupled_seen_from(c, m) > best)
                best = coupled_seen_from(c, m);
    return best;
}

/* The factors are at most 2 and 5: three bits less make their product fit, and 8 / 10 puts them back. */
static int64_t balia_gain(const struct coupled *c) {
    uint64_t w = coupled_seen_from(c, c), best = best_rate(c), sum = coupled_sum(c);
    uint64_t part = coupled_ratio(w + best, sum) >> 1, other = coupled_ratio(4 * w + best, sum) >> 2;
    return (int64_t)(part * other / 5 * 4 / coupled_window(c));
}

static void balia_on_ack(struct cc *cc, const struct cc_ack *ack) { coupled_on_ack(cc, ack, balia_gain); }

static void balia_on_congestion(struct cc *cc, const struct cc_event *ev) {
    struct coupled *c = coupled_of(cc);
    uint64_t w = coupled_seen_from(c, c), best = best_rate(c);
    uint64_t half = ev->inflight / 2;
    uint64_t less = 2 * (best - w) < w ? half * coupled_ratio(best, w) >> RATIO_SHIFT : half * 3 / 2;

    coupled_reduce(cc, ev, ev->inflight - (uint32_t)less, 2);
}

const struct cc_ops cc_balia = {
    .name = "balia",
    .state_size = sizeof(struct coupled),
    .init = coupled_init,
    .release = coupled_release,
    .couple = coupled_join,
    .on_ack = balia_on_ack,
    .on_congestion = balia_on_congestion,
    .on_undo = coupled_on_undo,
};
