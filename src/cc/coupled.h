/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the coupled algorithms have in common (RFC 6356 and its successors): they know the other subflows of their
 * connection, so that together these take no more of a shared bottleneck than one TCP does.
 *
 * Members of a connection form a ring; one that is in no other's ring is alone, and then LIA, OLIA and BALIA are Reno.
 * The owner couples those that carry data (cc_couple()); a member without a round trip time is in the ring but counts
 * for nothing. Only congestion avoidance is coupled: slow start, recovery and timeouts are each subflow's own.
 *
 * A rule is one number, the gain: by which part of its segment the window grows with each acknowledged byte. Reno's is
 * 1 / cwnd. So the window moves by a segment whenever 1 / gain bytes were acknowledged, and the gain is computed anew
 * then, at each round trip, and when a loss or a new member changed the sums (RFC 6356 4.1).
 *
 * All in integers. Windows are at most 2^30 bytes and round trips are 1 us to 60 s, clamped, which is 2^56 for a
 * product of two of them; sums of rates are held as the window that gives that rate at one member's round trip time.
 */
#ifndef UMPTCP_CC_COUPLED_H
#define UMPTCP_CC_COUPLED_H

#include "base/list.h"
#include "cc/hystart.h"

enum {
    GAIN_SHIFT = 62,  /* fractional bits of a gain; 1 / 2^31 is as far down as windows go */
    RATIO_SHIFT = 31, /* fractional bits of coupled_ratio() */
    SUM_SHIFT = 7,    /* fractional bits of coupled_sum() */
};

struct coupled {
    struct list ring; /* the connection's members */
    struct cc *cc;
    struct hystart hystart;
    struct ssn round_end;
    uint64_t period;  /* bytes acknowledged for one segment, 1 / |gain|; 0: the window stays */
    uint64_t acked;   /* bytes towards that */
    uint32_t srtt_us; /* 0: none yet */
    bool shrinks;     /* the gain is negative */
    bool due;         /* the gain is to be computed anew */
    bool recovering;  /* since the last acknowledgment outside of recovery: ssthresh is the window, not cwnd */
};

/* The state of an algorithm that begins with a struct coupled. */
static inline struct coupled *coupled_of(const struct cc *cc) { return cc->block; }

void coupled_init(struct cc *cc);
void coupled_release(struct cc *cc);
/* `cc` goes to the ring of `other`; NULL: alone. */
void coupled_join(struct cc *cc, struct cc *other);

/* The member after `m` in the ring that began with `first`; NULL: no more. */
static inline struct coupled *coupled_next(const struct coupled *m, const struct coupled *first) {
    struct coupled *next = container_of(m->ring.next, struct coupled, ring);
    return next == first ? NULL : next;
}
/* Has a round trip time, and so a rate. */
static inline bool coupled_counts(const struct coupled *m) { return m->srtt_us > 0; }
/* In bytes: cwnd, or ssthresh while cwnd is something else (RFC 6356 3). */
uint32_t coupled_window(const struct coupled *c);
/* a / b; fit for a quotient below 2^32 / 2^RATIO_SHIFT that is not tiny. b > 0. */
uint64_t coupled_ratio(uint64_t a, uint64_t b);
/* The window, in bytes << SUM_SHIFT, that has the rate of member `m` at the round trip time of `c`. */
uint64_t coupled_seen_from(const struct coupled *c, const struct coupled *m);
/* All members' rates together, as such a window. */
uint64_t coupled_sum(const struct coupled *c);
/* (w_c / rtt_c^2) / (sum of w / rtt)^2, in 1 / bytes << GAIN_SHIFT: what OLIA gains, and of the best path LIA. */
uint64_t coupled_share(const struct coupled *c);

/*
 * An acknowledgment, for on_ack: slow start by itself, otherwise the window follows the gain, in segments per byte <<
 * GAIN_SHIFT, that `gain` computes.
 */
void coupled_on_ack(struct cc *cc, const struct cc_ack *ack, int64_t (*gain)(const struct coupled *c));
/* What every one needs to know of an acknowledgment; part of coupled_on_ack(). */
void coupled_note_ack(struct coupled *c, const struct cc_ack *ack);
/* A round trip is over with this acknowledgment; the next one begins. */
bool coupled_round(struct coupled *c, const struct cc_ack *ack);
/* By n segments, not below one, and out of slow start. */
void coupled_shrink(struct cc *cc, uint64_t n);
/* The window falls to `window` bytes, at least `least` segments; the others' gains follow. */
void coupled_reduce(struct cc *cc, const struct cc_event *ev, uint32_t window, uint32_t least);
/* on_congestion of those that halve (RFC 5681 3.1), whatever the cause. */
void coupled_on_congestion(struct cc *cc, const struct cc_event *ev);
void coupled_on_undo(struct cc *cc);

#endif
