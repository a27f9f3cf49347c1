/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The default scheduler: each path carries what makes all of the waiting bytes arrive soonest.
 *
 * A path is a vessel. Its floor is the time at which a first new byte given to it would arrive; above the floor it
 * takes cwnd bytes per round trip. The waiting bytes are poured into all vessels at once and come to stand at one
 * level: the time at which the last of them arrives, whichever way it goes. What then stands in a vessel is the share
 * of that path.
 *
 * A slow path whose floor lies above the level stays dry: a byte sent there would arrive after all the others, so it is
 * better to wait until a faster path has room (the idea of ECF and BLEST). The end of a long transfer and all of a
 * short one go over fast paths only; and when the peer's window is nearly full (only what fits it counts as waiting) no
 * byte of it gets stuck behind a slow path. When much waits, the level stands far above all floors, and each path
 * carries as much as it has room for.
 *
 * A slow path shall help and never delay, and numbers like cwnd and srtt are rough. So the fastest path is judged with
 * hope: what is in its window does not hold up the next byte, and in slow start its window goes on doubling. The others
 * are judged with suspicion: a byte given to them arrives after all that is in flight there, and counts as arrived when
 * its acknowledgment is back, because until then it takes room in the peer's window and in our buffer.
 *
 * Backup paths take part only when there is no other path at all, not merely when the others are full (RFC 8684 3.3.8).
 */
#include "base/minmax.h"
#include "sched/sched.h"

#include <assert.h>

enum { VESSELS_MAX = 32 }; /* bits of sched_choice.paths */

/* Bounds that keep the products below within 64 bits. Beyond them all paths are equally hopeless, or equally fast. */
#define FLOOR_MAX  (UINT64_C(1) << 22) /* microseconds */
#define RATE_MAX   (UINT64_C(1) << 36) /* bytes per second */
#define SRTT_GUESS MSEC(200)           /* of a path without a sample, when no other path is slower */

struct vessel {
    uint64_t floor; /* microseconds from now */
    uint64_t rate;  /* bytes per second */
    uint64_t srtt;  /* microseconds */
    uint32_t path;  /* index into the view */
};

enum mood { HOPEFUL, SUSPICIOUS };

/* What a path without a sample is taken for: no better than the slowest path that is known. */
static dur guess_srtt(const struct sched_view *view) {
    dur guess = SRTT_GUESS;
    for (uint32_t i = 0; i < view->npaths; i++)
        guess = max_u64(guess, view->paths[i].srtt);
    return guess;
}

static struct vessel vessel_of(const struct sched_view *view, uint32_t i, dur guess, enum mood mood) {
    const struct sched_path *p = &view->paths[i];
    uint64_t cwnd = max_u64(max_u64(p->cwnd, p->mss), 1);
    uint64_t srtt = min_u64(max_u64((p->srtt ? p->srtt : guess) / 1000, 1), FLOOR_MAX);
    uint64_t rate = min_u64(max_u64(cwnd * 1000000 / srtt, 1), RATE_MAX);
    uint64_t given = (uint64_t)p->queued + p->inflight;
    uint64_t travel = mood == HOPEFUL ? srtt / 2 : srtt + p->rttvar / 1000;
    uint64_t ahead = mood == SUSPICIOUS ? given : given > cwnd ? given - cwnd : 0;
    return (struct vessel){
        .floor = min_u64(travel + ahead * 1000000 / rate, FLOOR_MAX),
        .rate = rate,
        .srtt = srtt,
        .path = i,
    };
}

static bool may_carry(const struct sched_view *view, const struct sched_path *p, bool only_backups) {
    return p->backup == only_backups && !(view->again && p->holds);
}

/* The paths that may carry the bytes: the fastest one, then the others by ascending floor. */
static uint32_t line_up(const struct sched_view *view, struct vessel v[VESSELS_MAX]) {
    dur guess = guess_srtt(view);
    bool only_backups = true;
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->npaths; i++)
        only_backups = only_backups && view->paths[i].backup;
    for (uint32_t i = 0; i < view->npaths && n < VESSELS_MAX; i++) {
        if (!may_carry(view, &view->paths[i], only_backups))
            continue;
        v[n++] = vessel_of(view, i, guess, HOPEFUL);
        if (v[n - 1].floor < v[0].floor) {
            struct vessel fastest = v[n - 1];
            v[n - 1] = v[0];
            v[0] = fastest;
        }
    }
    for (uint32_t i = 1; i < n; i++) {
        struct vessel other = vessel_of(view, v[i].path, guess, SUSPICIOUS);
        uint32_t at = i;
        for (; at > 1 && v[at - 1].floor > other.floor; at--)
            v[at] = v[at - 1];
        v[at] = other;
    }
    return n;
}

/* Bytes per second of a path whose window doubles each round trip, when all of `bytes` go over it. */
static uint64_t growing_rate(const struct vessel *v, uint64_t bytes) {
    uint64_t window = max_u64(v->rate * v->srtt / 1000000, 1), sent = 0, time = 0;
    for (; bytes - sent > window; window *= 2) {
        sent += window;
        time += v->srtt;
    }
    time += (bytes - sent) * v->srtt / window;
    return min_u64(bytes * 1000000 / max_u64(time, 1), RATE_MAX);
}

/* Pours `bytes` into the vessels. */
static uint64_t level(const struct vessel *v, uint32_t n, uint64_t bytes) {
    uint64_t at = v[0].floor, rate = v[0].rate, left = bytes * 1000000;
    for (uint32_t i = 1; i < n; i++) {
        uint64_t step = v[i].floor > at ? v[i].floor - at : 0;
        if (rate * step >= left)
            break;
        left -= rate * step;
        at += step;
        rate += v[i].rate;
    }
    return at + (left + rate - 1) / rate;
}

/* What stands in a vessel, in whole segments, rounded to the nearest. The fastest path is never dry. */
static uint64_t share(const struct sched_path *p, const struct vessel *v, uint64_t at, bool fastest) {
    uint64_t mss = max_u64(p->mss, 1);
    uint64_t bytes = at > v->floor ? v->rate * min_u64(at - v->floor, FLOOR_MAX) / 1000000 : 0;
    return max_u64((bytes + mss / 2) / mss, fastest) * mss;
}

static struct sched_choice pick(void *state, const struct sched_view *view) {
    (void)state;
    assert(view->npaths > 0 && view->bytes > 0);
    struct vessel v[VESSELS_MAX];
    uint32_t n = line_up(view, v);
    if (n == 0)
        return (struct sched_choice){0, 0};
    if (view->paths[v[0].path].slow_start)
        v[0].rate = max_u64(v[0].rate, growing_rate(&v[0], view->bytes));
    uint64_t at = level(v, n, view->bytes);
    for (uint32_t i = 0; i < n; i++) {
        const struct sched_path *p = &view->paths[v[i].path];
        uint64_t bytes = min_u64(min_u64(share(p, &v[i], at, i == 0), view->bytes), p->room);
        if (bytes && view->bytes - bytes < p->mss)
            bytes = min_u64(view->bytes, p->room); /* no small piece by itself */
        if (bytes)
            return (struct sched_choice){UINT32_C(1) << v[i].path, (uint32_t)bytes};
    }
    return (struct sched_choice){0, 0};
}

const struct sched_ops sched_default = {.name = "default", .pick = pick};
