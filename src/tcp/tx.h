/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was sent and not yet acknowledged: a scoreboard of records in order of position, and what is known of their fate
 * (SACK RFC 2018, D-SACK RFC 2883, RACK-TLP RFC 8985, PRR RFC 9937, undo RFC 3522/4015/5682).
 *
 * All of that exists from the first transmission until everything is acknowledged and nothing late can change what was
 * made of it (tx_settled() in tx.c): an idle connection has no struct tx. What is learnt for longer is in struct rack.
 *
 * A record is what one segment (or super-segment) carried; a SACK that ends inside one splits it, and so does sending a
 * part of it again. A record never spans two sends, so it never spans two of the owner's mappings.
 */
#ifndef UMPTCP_TCP_TX_H
#define UMPTCP_TCP_TX_H

#include "base/deque.h"
#include "base/env.h"
#include "base/seq.h"
#include "cc/cc.h"
#include "wire/segment.h"

struct tcb;
struct tcp_rx;

enum tx_flag {
    TX_SACKED = 1,
    TX_LOST = 2,         /* judged lost and not sent again since */
    TX_RETRANS = 4,      /* was sent again at least once */
    TX_FIN = 8,          /* the last number is the FIN */
    TX_REPAIR = 16,      /* was sent again because it was judged lost; a loss probe is not */
    TX_PUSH = 32,        /* ends what the application wrote */
    TX_APP_LIMITED = 64, /* when it was sent, the application had not given all that might have gone */
};

struct tx_rec {
    struct ssn start;
    utime sent; /* last transmission */
    uint32_t len;
    uint8_t flags; /* enum tx_flag */
    /* For the sample of the delivery rate (rate.c), as things stood at that transmission */
    uint32_t delivered, lost; /* low bits of what had arrived, and been lost */
    uint32_t in_flight;
    uint32_t ack_us, send_us; /* since what arrived last had arrived, and since that was sent */
};

/*
 * In order of concern. In TX_CWR congestion control has answered a mark of the network (RFC 3168), and nothing is lost;
 * from TX_RECOVERY on it has answered a loss, and PRR or slow start repairs it.
 */
enum tx_state { TX_OPEN, TX_DISORDER, TX_CWR, TX_RECOVERY, TX_LOSS };
enum tx_timer_mode { TX_TIMER_NONE, TX_TIMER_RTO, TX_TIMER_REO, TX_TIMER_PTO, TX_TIMER_PERSIST, TX_TIMER_HOLD };
enum tx_frto { TX_FRTO_OFF, TX_FRTO_SENT, TX_FRTO_PROBING };

/* What RACK-TLP (RFC 8985) learns of the path; it outlives what is in flight. */
struct rack {
    uint32_t rtt_us; /* round trip of the most recently sent record that was delivered */
    uint8_t reo_mult, reo_persist;
    bool reordering_seen : 1;
    bool rtt_since_tlp : 1; /* a round trip was measured since the last loss probe */
};

struct tx {
    struct deque recs; /* struct tx_rec in order of position */
    uint32_t sacked;   /* bytes with TX_SACKED; without SACK what duplicate ACKs say has arrived, in no known place */
    uint32_t lost;     /* bytes with TX_LOST */
    struct ssn lost_hint; /* no TX_LOST record starts before it */
    utime rto_from;       /* the retransmission timeout counts from here */

    /* RACK (RFC 8985 5) */
    utime rack_sent;        /* when the most recently sent record that was delivered was sent, */
    struct ssn rack_end;    /* and where it ended */
    struct ssn fack;        /* highest position known to have arrived */
    struct ssn dsack_round; /* a D-SACK before this is acknowledged belongs to the same round */

    /* Delivery rate: when something arrived last, and when it had been sent; all that was ever judged lost */
    utime delivered_at, first_sent;
    uint64_t app_limited; /* until this much has arrived samples are the application's; 0: they are the path's */
    uint32_t lost_total;

    /* Episode: ends when SND.UNA gets to `recover`; began `undo_span` before that. Undo is possible until undo_until */
    struct ssn recover, undo_until;
    struct ssn tlp_end; /* of the loss probe */
    struct cc before;   /* congestion control as the episode found it, for undo */
    uint32_t undo_span;
    uint32_t undo_retrans;   /* bytes sent again and not reported as duplicates */
    uint32_t retrans_stamp;  /* our timestamp at the first retransmission of the episode, or of a loss probe (Eifel) */
    uint32_t recover_flight; /* RecoverFS of PRR; in TX_LOSS what was outstanding at the timeout */
    uint32_t prr_delivered, prr_out;
    uint32_t cwr_cwnd; /* TX_CWR: the window at its end; smaller than ssthresh may be */
    uint16_t tlp_len;  /* bytes that the probe put into flight a second time */

    uint8_t state;   /* enum tx_state */
    uint8_t dupacks; /* without SACK */
    uint8_t holds;   /* waits of `hold` in a row: each is twice as long as the one before */

    bool cwnd_limited : 1;                 /* the last new data used the window up */
    bool tlp_pending : 1;                  /* a loss probe is to be sent */
    bool tlp_out : 1;                      /* one was, and its fate is not known */
    bool tlp_again : 1;                    /* it sent bytes again */
    bool undo_possible : 1, undo_sent : 1; /* undo_sent: the episode did send something again */
    bool hold : 1;      /* marked at a window of one segment: nothing goes until the timer comes up (RFC 3168 6.1.2) */
    bool rto_again : 1; /* what a timeout itself sends again has not gone */
    bool eifel : 1;     /* timestamps have not yet said whether the first retransmission was needed */
    uint8_t frto : 2;   /* enum tx_frto: F-RTO (RFC 5682) is judging the last timeout */
};

/* For input.c, output.c and timers.c; all take the tcb that the tx belongs to. */

/* What is in flight; one that is empty when there is none. */
const struct tx *tx_of(const struct tcb *t);
/* FlightSize: sent and not cumulatively acknowledged. */
uint32_t tx_outstanding(const struct tcb *t);
/* cwnd, or after an idle time the restart window unless the embedder does without it. */
uint32_t tx_window(const struct tcb *t);
/* Pipe (RFC 6675): what is thought to be in the network. */
uint32_t tx_pipe(const struct tcb *t);
/*
 * Records a transmission of [start, end), with the FIN's number at the end when `fin`; `again`: of one record or a part
 * of one. Moves SND.NXT and t->last_sent, arms the timer. 0 or -ENOMEM with nothing changed.
 */
int tx_sent(struct tcb *t, struct ssn start, struct ssn end, bool fin, bool again, bool tlp);
/*
 * An acceptable acknowledgment: `ack` is at or above SND.UNA and not beyond SND.NXT. Called before SND.WND takes over
 * the segment's window, which rx->wnd holds. Updates the scoreboard from ACK and SACK blocks, samples the RTT, detects
 * loss, moves congestion control, undoes what was spurious, re-arms the timer. Sets t->snd_una, rx->acked,
 * rx->fin_acked.
 */
void tx_ack(struct tcb *t, const struct seg *seg, struct ssn ack, struct tcp_rx *rx);
/*
 * The first bytes to send again: stores them and returns true. Only what may go now by congestion control and the
 * peer's window; of one record. May be sent in part.
 */
bool tx_next_lost(const struct tcb *t, struct ssn *start, struct ssn *end);
/* What was sent last is marked: TX_PUSH, or TX_RETRANS when its bytes were on the SYN. */
void tx_note(struct tcb *t, enum tx_flag flag);
/* [start, end), which is to be sent again, has the end of a record with TX_PUSH: it goes with PSH again. */
bool tx_pushes(const struct tcb *t, struct ssn start, struct ssn end);
/* A loss probe or F-RTO would rather send new payload than something again. */
bool tx_wants_new(const struct tcb *t);
/* What a loss probe would send again: the end of the highest record, `most` bytes of payload. False: nothing. */
bool tx_probe_range(const struct tcb *t, uint32_t most, struct ssn *start, struct ssn *end);
/* All bytes that have arrived, as far as is known. */
uint64_t tx_delivered(const struct tcb *t);
/* More could go by congestion control, and there is nothing: samples of the delivery rate will not be the path's. */
void tx_ran_dry(struct tcb *t);
/* Bytes of new or lost data that congestion control lets go now. */
uint32_t tx_budget(const struct tcb *t);
/*
 * Arms due.rtx for what matters first: reordering, loss probe, retransmission, or, when the window alone holds data
 * back, persist. May be called at any time; an opening connection's timer is left alone.
 */
void tx_arm(struct tcb *t);
/* due.rtx came up in the mode it had (a probe of the window is the caller's to send). True: a retransmission timeout.
 */
bool tx_timeout(struct tcb *t);
/* Something larger than `mss` in flight will not get through: counts it as lost without a congestion event. */
void tx_mark_too_big(struct tcb *t, uint32_t mss);
/* What is in flight, in segments, as Linux counts it: what is sent again counts as lost until its fate is known. */
struct tx_counts {
    uint32_t out, sacked, lost, again;
};
struct tx_counts tx_count(const struct tcb *t);
/* What the present episode remembers of congestion control is of no use any more. */
void tx_no_undo(struct tcb *t);
/* The scoreboard's own invariants; NULL or what is broken. */
const char *tx_check(const struct tcb *t);
void tx_init(struct tcb *t);
void tx_destroy(struct tcb *t);

#endif
