/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files about what is in flight: tx.c, ack.c, rack.c, recovery.c. Others use tx.h. */
#ifndef UMPTCP_TCP_FLIGHT_H
#define UMPTCP_TCP_FLIGHT_H

#include "tcp/tcb.h"

enum { TX_DUPTHRESH = 3 };

/* The record that was sent last of those that an acknowledgment brought news of. */
struct tx_sample {
    bool has, app_limited;
    utime sent;
    struct ssn end;
    uint32_t delivered, lost, in_flight, ack_us, send_us;
};

/* One acknowledgment: how things stood before it, and what it brought. Gathered by ack.c, judged by the others. */
struct tx_news {
    const struct seg *seg;
    struct ssn una, fack;
    uint32_t outstanding, pipe, sacked; /* before */
    struct tx_sample sample;
    uint32_t acked;     /* numbers (the FIN's too) newly acknowledged cumulatively */
    uint32_t delivered; /* newly known to have arrived, by ACK or SACK */
    uint32_t dsacked;   /* bytes reported as duplicates */
    struct ssn dsack_end;
    dur rtt_first, rtt_last; /* of the first and last record delivered that were sent only once; 0: none */
    dur rtt;                 /* the sample that SRTT took; 0: none */
    bool acked_retrans;      /* the cumulative part covers something sent again */
    bool front_retrans;      /* the first record was sent again, and now acknowledged */
    bool original;           /* something sent before the timeout, and only once, has arrived */
    bool dupack;             /* RFC 5681 2 */
    bool reordered;          /* something sent once arrived behind what was sent after it */
    struct ssn reorder_low;  /* reordered: where the first of that begins */
    bool echoed;             /* the peer says that the network marked what we sent (ECN) */
};

/* ---- tx.c */

/* Gives the struct tx back when nothing in flight, nor anything late, needs it. */
void tx_release(struct tcb *t);
static inline struct tx_rec *tx_at(const struct tx *x, uint32_t i) { return deque_at(&x->recs, i); }
static inline struct ssn tx_rec_end(const struct tx_rec *r) { return ssn_add(r->start, r->len); }
/* End of the highest record; SND.UNA when nothing is in flight. */
struct ssn tx_high(const struct tcb *t);
/* Where the data begins that the present or last episode is about. */
static inline struct ssn tx_episode_start(const struct tx *x) { return (struct ssn){x->recover.v - x->undo_span}; }
/* Index of the first record that ends after `at`; the count when there is none. */
uint32_t tx_find(const struct tx *x, struct ssn at);
/* Splits record `i` at `at`, inside it. False without memory. */
bool tx_split(struct tcb *t, uint32_t i, struct ssn at);
void tx_mark_lost(struct tcb *t, struct tx_rec *r);
/* Nothing counts as lost any more. */
void tx_clear_lost(struct tcb *t);
/* True when the segment echoes a timestamp from before `stamp`. */
bool tx_echo_before(const struct tcb *t, const struct seg *seg, uint32_t stamp);
uint32_t tx_initial_window(const struct tcb *t);

/* ---- rack.c */

/* [.., end) of a record has arrived for the first time, `by_sack` or by the cumulative ACK. */
void rack_delivered(struct tcb *t, const struct tx_rec *r, struct ssn end, bool by_sack, struct tx_news *n);
/* Adapts the reordering window to a D-SACK, or to its absence. */
void rack_dsack(struct tcb *t, const struct tx_news *n);
/* Marks what is lost by now and returns how many bytes; arms the reordering timer for what may be. */
uint32_t rack_detect(struct tcb *t);
/* RFC 8985 6.3: a retransmission timeout came up. */
void rack_mark_timeout(struct tcb *t);
/* A recovery ended. */
void rack_recovered(struct tcb *t);
/* Whether a loss probe may be armed, and how long after the last progress. */
bool probe_wanted(const struct tcb *t);
dur probe_timeout(const struct tcb *t);
void probe_sent(struct tcb *t, struct ssn end, uint32_t again);
void probe_forget(struct tcb *t);
/* What an acknowledgment says about the probe: true when it repaired a loss that nobody else noticed. */
bool probe_repaired(struct tcb *t, const struct tx_news *n);

/* ---- rate.c */

/* A record goes; `idle`: nothing was in flight. */
void rate_sent(struct tcb *t, struct tx_rec *r, bool idle);
/* [.., end) of it is known to have arrived. */
void rate_delivered(const struct tx_rec *r, struct ssn end, struct tx_news *n);
/* It is judged lost: for an algorithm that wants to know. */
void rate_lost(struct tcb *t, const struct tx_rec *r);
/* The sample, when all that an acknowledgment says is known. */
struct cc_rate rate_sample(struct tcb *t, const struct tx_news *n);

/* ---- recovery.c */

/* Everything that an acknowledgment means for loss recovery and congestion control. */
void recovery_ack(struct tcb *t, const struct tx_news *n);
/* Something was sent again: what an undo will want to know. */
void recovery_sent_again(struct tcb *t, uint32_t len);
dur tx_rto(const struct tcb *t);
/* Arms due.rtx in a mode; UMPTCP_NEVER disarms. */
void tx_set_timer(struct tcb *t, enum tx_timer_mode mode, utime at);

#endif
