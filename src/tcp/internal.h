/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this folder share about a tcb, beyond the owner's contract in tcb.h. */
#ifndef UMPTCP_TCP_INTERNAL_H
#define UMPTCP_TCP_INTERNAL_H

#include "tcp/tcb.h"

enum {
    TCP_ATO_MIN_US = 40000,        /* first delay of an acknowledgment */
    TCP_CHALLENGE_GAP_MS = 500,    /* between two rate-limited ACKs of one connection */
    TCP_PAWS_VALID_S = 24 * 86400, /* RFC 7323 5.5: an older TS.Recent proves nothing */
};

/* ---- tcb.c */

/* Our timestamp at `when`, which may be past, and now: milliseconds from a random start. */
uint32_t tcp_ts_at(const struct tcb *t, utime when);
uint32_t tcp_ts_now(const struct tcb *t);
/* Takes the numbers, options and window of the peer's SYN (or SYN/ACK) `seg`. */
void tcb_take_syn(struct tcb *t, const struct seg *seg);
/*
 * Our SYN was acknowledged, and with it what it carried up to `ack`: ESTABLISHED, or FIN-WAIT-1 when the owner closed
 * meanwhile. `seg` is that acknowledgment.
 */
void tcb_establish(struct tcb *t, const struct seg *seg, struct ssn ack);
/* What is rare. All zero while there is none; the other one makes it, and returns NULL without memory. */
extern const struct tcp_extra tcp_no_extra;
static inline const struct tcp_extra *tcb_extra(const struct tcb *t) { return t->extra ? t->extra : &tcp_no_extra; }
struct tcp_extra *tcp_extra(struct tcb *t);
/* The one place that changes the state. */
void tcb_set_state(struct tcb *t, enum umptcp_tcp_state state);
void tcb_enter_fin_wait_2(struct tcb *t);
void tcb_enter_time_wait(struct tcb *t);
/* CLOSED, with nothing left to send and no timer armed. */
void tcb_finish(struct tcb *t, int error);
/* The same, and no attempt counts as failed. */
void tcb_drop(struct tcb *t, int error);
/* True when sent or queued bytes (or the FIN) wait for the peer. */
bool tcb_waits_for_peer(const struct tcb *t);

/* ---- pmtu.c */

/* No segment is made smaller than this, in payload and options. */
uint16_t tcp_mss_floor(const struct tcb *t);
/* The peer's SYN came, which takes `mss`: where probing is always on the search begins. */
void pmtu_start(struct tcb *t, uint16_t mss);
/* Size of a probe that may go now, in payload and options; 0: none. */
uint16_t pmtu_probe_size(const struct tcb *t);
/* New bytes that a probe wants at once; 0: none is due, or so much is never to be had. */
uint32_t pmtu_wants(const struct tcb *t, uint64_t have);
void pmtu_probe_sent(struct tcb *t, const struct tcp_plan *plan);
/* SND.UNA moved: a probe that it passed got through. */
void pmtu_acked(struct tcb *t);
/* The probe is all that was lost: that says something about its size, and nothing about congestion. */
bool pmtu_probe_lost(struct tcb *t, uint32_t lost);
/* [start, end) goes again, as other segments were lost, too: of a probe in it nothing will be known. */
void pmtu_sent_again(struct tcb *t, struct ssn start, struct ssn end);
/* A retransmission timeout: what became of a probe will not be known; a path that swallows full segments is found. */
void pmtu_timeout(struct tcb *t);
/* Bytes are queued: what made segments smaller may be too long ago. */
void pmtu_look(struct tcb *t);

/* ---- receive.c */

/* A segment with the D-SACK block left. */
void receive_reported(struct tcb *t);
/* Forgets what came out of order. */
void receive_forget(struct tcb *t);
/* End of all that was received, in order or not. */
struct ssn receive_highest(const struct tcb *t);
/* Payload [start, end) came again: a D-SACK block (RFC 2883) goes out at once. */
void receive_duplicate(struct tcb *t, struct ssn start, struct ssn end);

/* ---- output.c */

/* Right edge of the peer's window. */
struct ssn tcp_snd_edge(const struct tcb *t);

/* ---- ecn.c */

/* The peer's SYN or SYN/ACK: what both agree on. */
void ecn_take_syn(struct tcb *t, const struct seg *seg);
/* TIME-WAIT: what was agreed is over (RFC 3168 6.1.1). */
void ecn_forget(struct tcb *t);
/* An acceptable segment: its mark, and CWR. One with payload that does not fit counts, too: it may be a probe of the
 * window (6.1.6). */
void ecn_receive(struct tcb *t, const struct seg *seg);
/* Does an acknowledgment, by which `delivered` segments arrived, say that the network marked some? */
bool ecn_echoed(struct tcb *t, const struct seg *seg, uint32_t delivered);
/* Congestion control has reduced the window: the peer is to know. */
void ecn_reduced(struct tcb *t);
/* ECN's flags and the codepoint of a segment. */
void ecn_emit(const struct tcb *t, const struct tcp_plan *plan, struct seg *seg);
void ecn_sent(struct tcb *t, const struct tcp_plan *plan);

/* ---- pacing.c */

/* `len` bytes of payload leave now: when the next may. */
void pacing_sent(struct tcb *t, uint32_t len);

/* ---- timers.c */

/* Sets one of t->due; UMPTCP_NEVER: nothing to wait for. */
void tcb_set_due(struct tcb *t, utime *due, utime at);
/* The nearest of them, and of pacing's. */
utime tcb_earliest_due(const struct tcb *t);
/* The same for all of them. */
void tcb_cancel_due(struct tcb *t);
/* An ACK went out, so none is due. */
void ack_timer_stop(struct tcb *t);
/* Payload wants an acknowledgment, not necessarily at once. */
void ack_timer_start(struct tcb *t);
/* Adapts the delay to the rhythm of arrivals: `gap` passed since the last segment. */
void ack_timer_adapt(struct tcb *t, dur gap);
/* The SYN or SYN/ACK left. */
void syn_timer_start(struct tcb *t);
/* Sets due.life to the earlier of keepalive and user timeout, unless the state uses it otherwise. */
void life_timer_arm(struct tcb *t);

#endif
