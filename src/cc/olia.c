/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OLIA, the Opportunistic Linked Increases Algorithm (draft-khalili-mptcp-congestion-control-05). A path gains its
 * coupled_share(); beside that, the best paths whose windows are small gain something that those with the largest
 * windows lose, so that traffic moves to the best paths without flapping between equal ones.
 *
 * How good a path is, is told by l / rtt^2, with l the bytes that get through between two losses: 1 / l is its loss
 * rate, and a TCP's rate there would be proportional to sqrt(l) / rtt.
 */
#include <assert.h>

#include "cc/coupled.h"

struct olia {
    struct coupled c;
    uint64_t since;           /* bytes acknowledged since the last loss, */
    uint64_t between, before; /* between the two before, and before those */
};

static_assert(offsetof(struct olia, c) == 0, "the members of the ring are found by it");

static struct olia *state_of(const struct coupled *c) { return c->cc->block; }

static uint64_t bytes_between(const struct coupled *c) {
    const struct olia *s = state_of(c);
    return s->since > s->between ? s->since : s->between;
}

/* What the sets of paths are made of; all of it of members that count. */
struct view {
    uint32_t n;        /* how many there are */
    uint32_t rtt_us;   /* the shortest */
    uint64_t quality;  /* the best */
    uint32_t segments; /* in the largest window */
    int shift;         /* of l, so that a quality fits */
};

static uint64_t quality(const struct view *v, const struct coupled *m) {
    uint64_t r = coupled_ratio(v->rtt_us, m->srtt_us);
    return (bytes_between(m) >> v->shift) * (r * r >> RATIO_SHIFT);
}

static uint32_t segments(const struct coupled *m) { return coupled_window(m) / m->cc->mss; }

static struct view look(const struct coupled *c) {
    struct view v = {.rtt_us = c->srtt_us};
    uint64_t most = 0;

    for (const struct coupled *m = c; m; m = coupled_next(m, c)) {
        if (!coupled_counts(m))
            continue;
        v.n++;
        v.rtt_us = m->srtt_us < v.rtt_us ? m->srtt_us : v.rtt_us;
        v.segments = segments(m) > v.segments ? segments(m) : v.segments;
        most |= bytes_between(m);
    }
    while (most >> v.shift >> 32)
        v.shift++;
    for (const struct coupled *m = c; m; m = coupled_next(m, c))
        if (coupled_counts(m) && quality(&v, m) > v.quality)
            v.quality = quality(&v, m);
    return v;
}

static bool is_largest(const struct view *v, const struct coupled *m) { return segments(m) == v->segments; }
static bool is_collected(const struct view *v, const struct coupled *m) {
    return quality(v, m) == v->quality && !is_largest(v, m);
}

static int64_t olia_gain(const struct coupled *c) {
    int64_t gain = (int64_t)coupled_share(c);

    if (!coupled_counts(c))
        return gain;
    struct view v = look(c);
    uint32_t collected = 0, largest = 0;
    for (const struct coupled *m = c; m; m = coupled_next(m, c)) {
        if (!coupled_counts(m))
            continue;
        collected += is_collected(&v, m);
        largest += is_largest(&v, m);
    }
    if (!collected || !largest)
        return gain;
    const uint64_t own = (UINT64_C(1) << GAIN_SHIFT) / coupled_window(c);
    if (is_collected(&v, c))
        return gain + (int64_t)(own / v.n / collected);
    return is_largest(&v, c) ? gain - (int64_t)(own / v.n / largest) : gain;
}

static void olia_init(struct cc *cc) {
    coupled_init(cc);
    struct olia *s = state_of(coupled_of(cc));
    s->since = s->between = s->before = 0;
}

static void olia_on_ack(struct cc *cc, const struct cc_ack *ack) {
    state_of(coupled_of(cc))->since += ack->acked;
    coupled_on_ack(cc, ack, olia_gain);
}

/* With several paths, one that gets worse may be left with a single segment: the others carry the data. */
static void olia_on_congestion(struct cc *cc, const struct cc_event *ev) {
    struct olia *s = state_of(coupled_of(cc));

    s->before = s->between;
    s->between = s->since;
    s->since = 0;
    coupled_reduce(cc, ev, ev->inflight / 2, coupled_next(&s->c, &s->c) ? 1 : 2);
}

static void olia_on_undo(struct cc *cc) {
    struct olia *s = state_of(coupled_of(cc));

    s->since += s->between;
    s->between = s->before;
    coupled_on_undo(cc);
}

const struct cc_ops cc_olia = {
    .name = "olia",
    .state_size = sizeof(struct olia),
    .init = olia_init,
    .release = coupled_release,
    .couple = coupled_join,
    .on_ack = olia_on_ack,
    .on_congestion = olia_on_congestion,
    .on_undo = olia_on_undo,
};
