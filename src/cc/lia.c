/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * LIA, the Linked Increases Algorithm (RFC 6356 3): all subflows together grow as fast as one TCP on the best of their
 * paths would, and none faster than a TCP on its own path.
 *
 * RFC 6356 has alpha = total * max(w / rtt^2) / (sum of w / rtt)^2 and a gain of alpha / total. The total falls out:
 * what is left is coupled_share() of the member with the largest w / rtt^2.
 */
#include "cc/coupled.h"

/* w / rtt^2 of a is larger. */
static bool is_better(const struct coupled *a, const struct coupled *b) {
    uint64_t r = coupled_ratio(b->srtt_us, a->srtt_us < b->srtt_us ? b->srtt_us : a->srtt_us);
    uint64_t s = coupled_ratio(a->srtt_us, a->srtt_us < b->srtt_us ? b->srtt_us : a->srtt_us);
    return coupled_window(a) * (r * r >> RATIO_SHIFT) > coupled_window(b) * (s * s >> RATIO_SHIFT);
}

static int64_t lia_gain(const struct coupled *c) {
    const struct coupled *best = c;

    if (coupled_counts(c))
        for (const struct coupled *m = coupled_next(c, c); m; m = coupled_next(m, c))
            if (coupled_counts(m) && is_better(m, best))
                best = m;
    uint64_t linked = coupled_share(best), own = (UINT64_C(1) << GAIN_SHIFT) / coupled_window(c);
    return (int64_t)(linked < own ? linked : own);
}

static void lia_on_ack(struct cc *cc, const struct cc_ack *ack) { coupled_on_ack(cc, ack, lia_gain); }

const struct cc_ops cc_lia = {
    .name = "lia",
    .state_size = sizeof(struct coupled),
    .init = coupled_init,
    .release = coupled_release,
    .couple = coupled_join,
    .on_ack = lia_on_ack,
    .on_congestion = coupled_on_congestion,
    .on_undo = coupled_on_undo,
};
