/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP (RFC 9293 and its company) for one subflow. It does not know MPTCP and stores no bytes: it keeps sequence
 * numbers, ranges and timers. The owner (a subflow) keeps the bytes, asks what to send next, and is told facts about
 * what came.
 *
 *   in:   tcp_input(tcb, seg, &rx)      facts: established, reset, acknowledged bytes, payload that is acceptable
 *         tcp_receive(tcb, ssn, len..)  the owner stored that payload: now it counts as received
 *   out:  tcp_queue(tcb, n)             n more bytes wait from snd_end on
 *         tcp_plan(tcb, &plan)          the most urgent segment; nothing changes
 *         (the owner adds MPTCP options and may shorten plan.len)
 *         tcp_emit(tcb, &plan, &seg, wnd) header values of it; nothing changes
 *         tcp_sent(tcb, &plan)          it was written: snd_nxt, scoreboard, timers and congestion control move
 *   time: tcp_timeout(tcb)              its timer came up
 *
 * Nothing is sent from input or a timer: they change state, and tcp_plan() finds what to do. tcp_pending() tells the
 * owner whether it would find something.
 *
 * Fast Open (RFC 7413): the first SYN takes queued bytes along when the owner gives plan.len a value, and a passive
 * open by tcp_open_fast() receives and sends before its SYN is acknowledged.
 *
 * Files: tcb.c life and death; input.c segment arrival in RFC 9293 3.10.7's order; output.c plan, emit, sent; timers.c;
 * ecn.c marks of the network (RFC 3168); pacing.c rates and sizes; and for what is in flight: tx.c scoreboard, ack.c
 * what an acknowledgment means, rack.c loss detection (RFC 8985), recovery.c PRR, timeouts and undo, rtt.c (RFC 6298),
 * pmtu.c (RFC 4821).
 */
#ifndef UMPTCP_TCP_TCB_H
#define UMPTCP_TCP_TCB_H

#include "base/deque.h"
#include "base/env.h"
#include "base/ranges.h"
#include "base/seq.h"
#include "cc/cc.h"
#include "tcp/rtt.h"
#include "tcp/tx.h"
#include "wire/segment.h"

enum tcp_limit {
    TCP_MSS_DEFAULT_V4 = 536, /* RFC 9293 3.7.1 */
    TCP_MSS_DEFAULT_V6 = 1220,
    TCP_MSS_MIN = 88, /* smaller claims of a peer are raised to it: 48 bytes of payload beside 40 of options */
    TCP_WSCALE_MAX = 14,
    TCP_OFO_MAX = 256,           /* holes remembered per subflow */
    TCP_OFO_RECENT = 4,          /* SACK blocks whose order is remembered (RFC 2018 4): all that fit */
    TCP_SUPER_MAX = 65535 - 100, /* payload of a super-segment: an IP packet is at most 65535 */
    TCP_QUICKACKS = 16,          /* segments acknowledged at once after the start or an idle time */
    TCP_ORPHAN_RETRIES = 8,      /* timeouts and probes that a connection without a user is given */
};

/* The timer in the stack's queue that belongs to a tcb (struct timer.kind). Other kinds start at TIMER_TCP_COUNT. */
enum tcp_timer_kind { TIMER_TCP = 1, TIMER_TCP_COUNT };

/* What a tcb waits for. The queue's timer stands for the earliest of them; set by tcb_set_due() only. */
struct tcp_due {
    utime rtx;  /* rtx_mode says which: retransmission, reordering, loss probe, persist; while opening the SYN */
    utime ack;  /* delayed acknowledgment */
    utime life; /* keepalive and user timeout; 2MSL in TIME-WAIT; orphan's FIN-WAIT-2 */
};

/* Explicit congestion notification: none, or that of RFC 3168. */
enum tcp_ecn { TCP_ECN_OFF, TCP_ECN_CLASSIC };

enum tcp_ack_need { TCP_ACK_NONE, TCP_ACK_DELAYED, TCP_ACK_NOW };

/* As the owner sets it. */
struct tcp_keepalive {
    bool on;
    uint8_t probes;
    uint32_t idle_ms, intvl_ms;
};

/* What came beyond rcv_nxt, or twice. Exists while there is some of it to remember or to report. */
struct tcp_ofo {
    struct list node;                  /* mem.spare: what is out of order can be had again */
    struct tcb *tcb;                   /* whose it is */
    struct ranges ranges;              /* received beyond rcv_nxt */
    struct ssn recent[TCP_OFO_RECENT]; /* a number in each of the last reported blocks, newest first (0: none) */
    struct range dsack;                /* came twice, and is to be reported once; empty: none */
};

/* States of the search for the path's MTU (RFC 8899 5.2). */
enum mtu_state {
    MTU_DISABLED,
    MTU_BASE,      /* a black hole was found: it is not known yet whether the base size gets through */
    MTU_SEARCHING, /* between what gets through and what may */
    MTU_COMPLETE,  /* nothing worth while is left in between, until the raise timer */
    MTU_ERROR,     /* the base size did not get through: less is tried */
};

/*
 * What was learnt of the path's MTU (pmtu.c). Sizes are payload and options of a segment, like tcb.mss, which is
 * eff_pmtu of RFC 4821.
 */
struct tcp_pmtu {
    uint8_t state;         /* enum mtu_state */
    uint8_t tries;         /* probes of this size that were sent */
    uint16_t low;          /* search_low: gets through */
    uint16_t high;         /* search_high: may get through */
    uint16_t ceiling;      /* of the peer and our interface, whatever the path says; 0: none of this is in use */
    uint16_t probe;        /* size of the probe in flight; 0: there is none */
    struct ssn start, end; /* of the probe */
    utime raise_at;        /* what made the size smaller is too long ago to count; UMPTCP_NEVER: nothing did */
};

/*
 * What few subflows have, once they have it. A subflow that never needed it does without: all of it reads as zero then.
 */
struct tcp_extra {
    uint32_t user_timeout_ms;             /* 0: by retries */
    uint32_t keep_idle_ms, keep_intvl_ms; /* 0: no keepalive */
    uint32_t delivered_ce;                /* segments of ours that arrived by what said that some were marked (ECN) */
    uint8_t keep_probes;                  /* unanswered keepalive probes that are one too many */
    uint8_t defer; /* a listener's handshake, whose third ACK came without data: timeouts until that is enough */
    struct tcp_pmtu pmtu;
    utime pace_at;            /* no payload before this; 0: nothing was paced yet */
    utime pace_due;           /* the same as a deadline; 0: passed */
    uint64_t max_pacing_rate; /* bytes per second; 0: no limit */
};

/*
 * Every idle subflow costs its size, so what is only needed while something is in flight or out of order stands in
 * blocks of its own, and durations are as wide as their range.
 */
struct tcb {
    struct env *env;
    uint8_t state;           /* enum umptcp_tcp_state; changed by tcb_set_state() only */
    uint8_t ack_need : 2;    /* enum tcp_ack_need */
    uint8_t owner_words : 4; /* what the owner's options take in a segment with payload, in units of 4 octets */
    bool ecn_cwr : 1;        /* the window was reduced: the next new payload says so */
    bool refused : 1;        /* the RST that is to be sent looks as from an end that knows nothing of the connection */
    int16_t error;           /* why it is CLOSED: 0 or an errno value (positive) */
    int16_t soft_error;      /* last ICMP error that did not end it: the error of a later timeout */

    /* Negotiated */
    uint8_t snd_wscale : 4, rcv_wscale : 4; /* rcv_wscale: what we offer, 0 when the peer does not scale */
    bool fast : 1;                          /* passive by Fast Open: payload moves before its SYN is acknowledged */
    bool syn_data : 1;                      /* all data on a SYN was acknowledged, ours or the peer's */
    bool no_ts : 1;                         /* timestamps are neither offered nor agreed to: others need their room */
    bool zero_window : 1;                   /* the last one that was advertised is none */
    uint8_t ecn : 2;                        /* enum tcp_ecn: agreed; while opening what our last SYN asked for */
    bool ecn_echo : 1;                      /* a mark came, and no CWR since: ECE in all that is sent */
    bool ecn_seen : 1;                      /* a packet came that could be marked */
    uint16_t mss_local;                     /* what our SYN says: MTU - headers */
    uint16_t mss;     /* of the peer and the path, without regard to options: payload + options of a full segment */
    uint16_t rcv_mss; /* payload of the largest segment that came: what "full-size" means for acknowledging */
    bool sack_ok : 1, ts_ok : 1, wscale_ok : 1, v6 : 1;
    bool passive : 1; /* came from LISTEN */
    bool waits : 1;   /* counted in env->time_waits */

    bool fin_queued : 1, fin_sent : 1;
    bool fin_seen : 1; /* fin_ssn is known */

    /* Waiting to be sent, beside data */
    bool syn_pending : 1, rst_pending : 1;
    bool probe_pending : 1; /* keepalive, window probe or path probe */

    bool orphan : 1;        /* nobody reads or writes any more: FIN-WAIT-2, retries and probes are bounded */
    bool stalled : 1;       /* a timer came up for want of an answer, and none came since */
    bool hurried : 1;       /* one retransmission was brought forward since SND.UNA moved */
    bool override : 1;      /* the persist timer came up: what fits the window may go, however little */
    bool shared_window : 1; /* it is a connection's, whose owner keeps its edge: our own past ones are no promise */

    uint8_t quickacks;     /* segments still to be acknowledged at once */
    uint8_t syn_sends;     /* how often the SYN or SYN/ACK left */
    uint8_t keep_sent;     /* keepalive or window probes without an answer */
    uint8_t persist_shift; /* doublings of the persist interval */
    uint8_t rto_series;    /* retransmission timeouts since SND.UNA moved */
    uint8_t rtx_mode;      /* enum tx_timer_mode: what due.rtx stands for */
    uint8_t syn_retries;   /* 0: the configuration's */
    struct seq isn, irs;   /* numbers of our SYN and the peer's */

    /* Send, RFC 9293 3.3.1. Positions are ssn: our SYN is 0, our first byte 1 */
    struct ssn snd_una, snd_nxt;
    struct ssn snd_end; /* bytes up to here are queued by the owner; the FIN, if any, stands here */
    uint32_t snd_wnd;   /* scaled, in bytes */
    uint32_t max_snd_wnd;
    uint32_t snd_wl1; /* low half of SEG.SEQ of the last window update (SND.WL2 is never above SND.UNA: not needed) */
    uint32_t challenge_ms; /* last rate-limited ACK (RFC 5961 7), in milliseconds of the caller's clock; 0: none */
    struct tx *tx;         /* what is in flight; NULL: nothing. Read by tx_of() */
    struct rack rack;
    struct rtt rtt;
    struct cc cc;
    utime last_sent; /* payload, for restart after idle; while opening the SYN */
    utime progress;  /* SND.UNA moved, or something was queued while it had nothing to wait for */

    /* Receive */
    struct ssn rcv_nxt;
    struct ssn rcv_edge; /* right edge of what was ever advertised or taken; never moves left */
    struct tcp_ofo *ofo; /* NULL: all that came is in order, and came once. Read by tcb_ofo() */
    struct ssn fin_ssn;
    struct ssn last_ack_sent;
    uint32_t ts_recent;
    uint32_t ts_recent_s; /* when it came, in seconds of the caller's clock */
    uint32_t ts_offset;   /* our timestamp clock starts anywhere */
    union {
        uint32_t syn_ts;     /* while opening: the timestamp of our first SYN or SYN/ACK */
        uint32_t rcv_rtt_ts; /* then: that which the last sample of rcv_rtt_us came from */
    };
    uint32_t ato_us;     /* present delay of acknowledgments */
    uint32_t rcv_rtt_us; /* receiver's estimate of the round trip, for the buffer auto-tuning; 0: none */
    utime last_rx;       /* any acceptable segment */

    struct tcp_extra *extra; /* NULL: none of it is in use. Read by tcb_extra(), made by tcp_extra() */

    struct timer timer; /* for the earliest of `due` */
    struct tcp_due due;

    /* Statistics; those of sent, acknowledged and received bytes follow from the positions */
    uint32_t segs_out, segs_in, rto_count;
    uint32_t data_segs_out, data_segs_in; /* with payload */
    uint32_t retrans_segs;                /* also SYNs */
    uint32_t delivered;                   /* segments of ours that arrived, the SYN among them */
    uint32_t dsack_dups;                  /* segments that the peer says came twice */
    uint32_t ofo_segs;                    /* that came beyond rcv_nxt */
    uint16_t reordering;                  /* segments that one was overtaken by, at most; 0: none ever was */
    uint16_t reord_seen;                  /* acknowledgments that showed it */
    uint64_t bytes_retrans;
};

/* ---- Life -------------------------------------------------------------------------------------------------------- */

struct tcp_setup {
    struct env *env;
    const struct cc_ops *cc;
    bool v6;
    uint16_t mss_local; /* largest payload that can come in one packet: MTU - IP and TCP headers */
    uint8_t rcv_wscale;
    struct seq isn;
    uint32_t ts_offset;
};

/* Prepares a tcb in CLOSED. Returns 0 or -ENOMEM (room for the timer, state of the congestion control). */
int tcp_init(struct tcb *t, const struct tcp_setup *setup);
/* Cancels the timer, frees what is in flight and out of order. The tcb may be in any state. */
void tcp_destroy(struct tcb *t);
/* RFC 6528: a clock of 4 us plus a keyed hash of the addresses. */
struct seq tcp_isn(const struct env *env, const struct flow *flow);
uint32_t tcp_ts_offset(const struct env *env, const struct flow *flow);
/* CLOSED -> SYN-SENT. */
void tcp_connect(struct tcb *t);
/* CLOSED -> SYN-RECEIVED by a listener's SYN. */
void tcp_open(struct tcb *t, const struct seg *syn);
/*
 * Right behind tcp_open(): the SYN's payload is taken, as far as `wnd` goes, and payload may be sent behind the SYN/ACK
 * (RFC 7413 4.2.2). `rx` says what is to be stored, as after tcp_input().
 */
struct tcp_rx;
void tcp_open_fast(struct tcb *t, const struct seg *syn, uint64_t wnd, struct tcp_rx *rx);
/* No timestamps on this connection; before the SYN or SYN/ACK left. */
void tcp_no_timestamps(struct tcb *t);
/* The owner's bytes grew by `len`. Not after tcp_close(). */
void tcp_queue(struct tcb *t, uint32_t len);
/* Bytes that were queued and are not in flight are taken back: they were on a SYN that did not bring them over. */
void tcp_unqueue(struct tcb *t);
/* Sends FIN after the queued bytes. In SYN-SENT: CLOSED at once. */
void tcp_close(struct tcb *t);
/* CLOSED at once with `error`; a RST goes out first when the state calls for one (RFC 9293 3.10.5). */
void tcp_abort(struct tcb *t, int error);
/* CLOSED at once, without a RST: the owner answers what came with one. */
void tcp_forget(struct tcb *t, int error);
/* In TIME-WAIT, and its tuple may be had for a new connection of ours (RFC 6191, and what it says of the active end).
 */
bool tcp_reusable(const struct tcb *t);
/*
 * A listener's handshake goes on without the third ACK that came, until data comes or the SYN/ACK timed out so often.
 * False: that is over, or there is no memory to remember it.
 */
bool tcp_defer(struct tcb *t, uint8_t timeouts);
/* The same for a handshake that the owner turns down: a RST as a listener's, in place of the peer's ACK. */
void tcp_refuse(struct tcb *t, int error);
/* Nobody is interested any more: limits FIN-WAIT-2. */
void tcp_orphan(struct tcb *t);
/* The owner answers what comes: acknowledgments ride on answers from the start. */
void tcp_dialogue(struct tcb *t);
/* Acknowledgments leave at once as at the start of a connection, one that waits among them; or they do no more. */
void tcp_quickack(struct tcb *t, bool on);
/* Says ACK with the next segment, at the latest now. */
void tcp_ack_now(struct tcb *t);
/* Within the time that acknowledgments are delayed, unless a segment goes before. */
void tcp_ack_soon(struct tcb *t);
/* Sends a probe that the peer must answer (an ACK below the window), for keepalive and for path liveness. */
void tcp_probe(struct tcb *t);
/* Returns 0, or -ENOMEM: nothing has changed. */
int tcp_set_keepalive(struct tcb *t, const struct tcp_keepalive *k);
/* How long sent or queued bytes may wait without progress (RFC 9293 3.8.3, RFC 5482); 0: as the retries allow. Returns
 * 0, or -ENOMEM: nothing has changed. */
int tcp_set_user_timeout(struct tcb *t, uint32_t timeout_ms);
/* Another congestion control takes over, with the window as it is. Returns 0, or -ENOMEM: the present one stays. */
int tcp_set_congestion(struct tcb *t, const struct cc_ops *ops);
/* Segments carry at most `mss` bytes of payload and options, in both directions; for an end that is still opening. */
void tcp_set_max_segment(struct tcb *t, uint16_t mss);
/*
 * Path MTU news, as payload + options per segment. Lost nothing: what is in flight and larger is sent again in pieces.
 * Only smaller ones count, until `until`. True when they made segments smaller.
 */
bool tcp_set_path_mss(struct tcb *t, uint16_t mss, utime until);
/* No probe of the path's MTU is to be larger than this, which is what the interface takes. True: one would have been,
 * and another plan is needed. */
bool tcp_limit_probes(struct tcb *t, uint16_t mss);
/* How the search for the path's MTU stands. */
enum mtu_state tcp_mtu_state(const struct tcb *t);

static inline bool tcp_synchronized(const struct tcb *t) {
    return t->state != UMPTCP_CLOSED && t->state != UMPTCP_LISTEN && t->state != UMPTCP_SYN_SENT &&
           t->state != UMPTCP_SYN_RCVD;
}
/* Fast Open's passive end between its SYN/ACK and the acknowledgment of it. */
static inline bool tcp_is_fast(const struct tcb *t) {
    return t->fast && t->state == UMPTCP_SYN_RCVD && t->syn_sends > 0;
}
/* Payload bytes that were sent (retransmissions count again), acknowledged, and that came in order. */
static inline uint64_t tcp_bytes_sent(const struct tcb *t) {
    uint64_t end = ssn_min(t->snd_nxt, t->snd_end).v;
    return (end ? end - 1 : 0) + t->bytes_retrans;
}
static inline uint64_t tcp_bytes_acked(const struct tcb *t) {
    uint64_t end = ssn_min(t->snd_una, t->snd_end).v;
    return end ? end - 1 : 0;
}
static inline uint64_t tcp_bytes_received(const struct tcb *t) {
    uint64_t end = t->fin_seen ? ssn_min(t->rcv_nxt, t->fin_ssn).v : t->rcv_nxt.v;
    return end ? end - 1 : 0;
}
/* May send new payload. */
static inline bool tcp_can_send(const struct tcb *t) {
    return (t->state == UMPTCP_ESTABLISHED || t->state == UMPTCP_CLOSE_WAIT || tcp_is_fast(t)) && !t->fin_queued;
}
/* May still receive payload. */
static inline bool tcp_can_receive(const struct tcb *t) {
    return t->state == UMPTCP_ESTABLISHED || t->state == UMPTCP_FIN_WAIT_1 || t->state == UMPTCP_FIN_WAIT_2 ||
           (t->fast && t->state == UMPTCP_SYN_RCVD);
}

/*
 * The subflow that has held bytes out of order for the longest time; NULL: none does. The peer was told of them by SACK
 * at most, so it still has them (RFC 2018 8): the owner may throw them away, and then says tcp_forget_ofo().
 */
struct tcb *tcp_spare(const struct env *env);
/* What was received beyond RCV.NXT counts as never received. */
void tcp_forget_ofo(struct tcb *t);
/* Ranges beyond rcv_nxt that were received; an empty set when there are none. */
const struct ranges *tcb_ofo(const struct tcb *t);

/* ---- Input ------------------------------------------------------------------------------------------------------- */

struct tcp_rx {
    enum drop drop;   /* why the segment, or its payload, was not used; facts found before that still hold */
    bool acceptable;  /* passed the sequence, timestamp, RST, SYN and ACK checks: its options may be acted on */
    bool established; /* this segment brought us to ESTABLISHED (the third ACK, or the SYN/ACK) */
    bool reset;       /* a RST ended it: state is CLOSED, t->error says how */
    bool closed;      /* our FIN's acknowledgment ended it in order: CLOSED, or TIME-WAIT */
    bool reply_rst;   /* the segment must be answered by a RST made from it (RFC 9293 3.10.7.1) */
    bool reopen;      /* TIME-WAIT only: a new SYN may take over this 4-tuple (RFC 6191); the tcb is to be destroyed */
    bool fin_acked;   /* our FIN was acknowledged just now */
    bool alive;       /* the path works: first segment after a timeout or an unanswered probe */
    bool in_order;    /* the segment starts at rcv_nxt (or before, with something new) */
    bool urgent;      /* acceptable, with an urgent pointer: `urgent_at` */
    struct ssn start; /* acceptable: position of its first byte of payload, or of where that would be */
    struct ssn urgent_at; /* the last octet of urgent data (RFC 9293 3.8.5), which need not have come */
    struct ssn una;       /* SND.UNA before; the payload [una, una + acked) was acknowledged just now */
    uint32_t acked;       /* payload bytes only */
    uint64_t wnd;         /* the segment's window in bytes, scaled (also when not used for SND.WND) */
    /* Payload that may be stored: seg->data + skip, len bytes from position ssn on, nothing of it before rcv_nxt or
     * beyond rcv_edge; parts in the middle may have come before. */
    struct ssn ssn;
    uint32_t skip, len;
    bool fin; /* the FIN stands right behind that payload */
};

/*
 * Processes a segment for this connection in the order of RFC 9293 3.10.7. `wnd` is how many bytes beyond rcv_nxt the
 * owner takes now (the window is the connection's: RFC 8684 3.3.1); the edge never shrinks by it. The tcb is in any
 * state but LISTEN.
 */
void tcp_input(struct tcb *t, const struct seg *seg, uint64_t wnd, struct tcp_rx *rx);
/*
 * The payload [ssn, ssn + len) of the last segment was stored, and its FIN may count. Returns how far rcv_nxt moved
 * over payload; `*eof` is set when the FIN is now in order (in FIN-WAIT-2 that is the end: TIME-WAIT). Returns -ENOMEM,
 * with nothing changed, when the hole cannot be remembered (the payload then does not count as received).
 */
int64_t tcp_receive(struct tcb *t, const struct seg *seg, struct ssn ssn, uint32_t len, bool fin, bool *eof);
/* All of [start, end) came and was taken. */
bool tcp_received(const struct tcb *t, struct ssn start, struct ssn end);
/* An ICMP error that quotes `seq` of ours. A hard one ends SYN-SENT, and true is returned; others are remembered. */
bool tcp_icmp(struct tcb *t, bool hard, int error, struct seq seq);
/* A router had no way for what quotes `seq`: it was lost to that, and not to congestion (RFC 6069). */
void tcp_disconnected(struct tcb *t, struct seq seq);
/* True when `seq`, quoted in an ICMP error, is something we have in flight (RFC 5927 4). */
bool tcp_seq_in_flight(const struct tcb *t, struct seq seq);

/* ---- Output ------------------------------------------------------------------------------------------------------ */

enum tcp_plan_kind {
    TCP_PLAN_RST = 1,
    TCP_PLAN_SYN,   /* SYN or, in SYN-RECEIVED, SYN/ACK */
    TCP_PLAN_DATA,  /* payload, new or again; perhaps with the FIN */
    TCP_PLAN_FIN,   /* FIN alone */
    TCP_PLAN_PROBE, /* no payload, a position below snd_una: must be answered */
    TCP_PLAN_ACK,
};

struct tcp_plan {
    enum tcp_plan_kind kind;
    uint8_t flags;  /* TCP flags */
    struct ssn ssn; /* position of the segment */
    uint32_t len; /* payload; the owner may shorten it (not to 0), and drops `fin` then. Of the first SYN: set by it */
    const struct fastopen_cookie *cookie; /* of a SYN or SYN/ACK, set by the owner; NULL: no such option */
    bool again;                           /* retransmission: stays within one record of the scoreboard */
    bool tlp;                             /* loss probe */
    bool redo;                            /* set by the owner: new to the scoreboard, but it was on the SYN */
    uint16_t mtu_probe;                   /* probe of the path's MTU: payload and options are so much; 0: no probe */
    bool fin;
    bool carrier;        /* set by the owner: it made this ACK for what it has to say in options */
    bool ack_later;      /* set by the owner: its own acknowledgment is not in it, so one that is delayed stays due */
    bool no_ts;          /* leave the timestamps out: the owner's options need the room (a bare ACK only) */
    bool push;           /* set by the owner: what is queued last ends what the application wrote */
    struct ssn urgent;   /* set by the owner: urgent data goes up to here, the byte behind its last octet; 0: none */
    uint64_t window_max; /* set by the owner: no window is rounded up beyond it; 0: any may be */
    bool want_zero;      /* set by the owner: the window would be none if it could be taken back */
    uint64_t window;     /* set by tcp_emit(): bytes that the window field really says */
    uint16_t gso_size;   /* set by tcp_emit(): payload of each piece when there are several, else 0 */
    uint8_t nsack;       /* set by tcp_emit(): SACK blocks that found room */
};

/* The most urgent segment to send now. Returns false when there is nothing. */
bool tcp_plan(const struct tcb *t, struct tcp_plan *plan);
/* True when tcp_plan() would find something; cheap. */
bool tcp_pending(const struct tcb *t);
/*
 * New payload bytes that congestion control and the peer's window of this subflow would let go now, beyond what is
 * queued, for an owner with `want` of them. Less than a full segment counts as none while something is in flight,
 * unless it takes all of them. With nothing in flight and nothing queued it is at least a full segment, whatever the
 * window: what is queued then starts the persist timer.
 */
uint32_t tcp_room(const struct tcb *t, uint64_t want);
/*
 * New payload would tell more about a loss than what was sent already, the window has room for it, and none is queued:
 * a loss probe is due (RFC 8985 7.3), for which tcp_room() has a segment whatever cwnd says, or a timeout is to be
 * judged (F-RTO, RFC 5682 2.1). Old bytes go when none is queued now.
 */
bool tcp_wants_new(const struct tcb *t);
/* Bytes per second that the window is meant to leave at; UINT64_MAX: nothing is known of the path yet. */
uint64_t tcp_pacing_rate(const struct tcb *t);
/* Payload has to wait, for what went last takes its time on the path. The timer comes up when that is over. */
bool tcp_paced_out(const struct tcb *t);
/* Paces with at most so many bytes per second; 0: no limit. Returns 0, or -ENOMEM: nothing has changed. */
int tcp_set_max_pacing_rate(struct tcb *t, uint64_t rate);
/* More might go, and the owner has nothing. */
static inline void tcp_ran_dry(struct tcb *t) { tx_ran_dry(t); }
/* Most payload that is to go in one super-segment now: whole full segments, at least one. */
uint32_t tcp_super_max(const struct tcb *t);
/* Payload of a full segment that also carries `mp_options` bytes of MPTCP options (padded to 4). */
uint16_t tcp_payload_max(const struct tcb *t, uint32_t mp_options);
/* Payload of a full segment with what this owner adds. */
uint16_t tcp_full_segment(const struct tcb *t);
/* The same without the SACK blocks of the moment: what congestion control counts in (SMSS of RFC 5681). So a window of
 * one such segment is never too small for a full one. */
uint16_t tcp_smss(const struct tcb *t);
/* From now on the owner adds so many bytes of options to each segment with payload: what a full segment is follows. */
void tcp_set_owner_options(struct tcb *t, uint32_t bytes);
/*
 * Fills `seg` for the plan: ports are the caller's, seg->mp holds the MPTCP options already (they have priority: SACK
 * blocks get the room that is left). `window` is what the owner wants to advertise beyond rcv_nxt; it is rounded up
 * where rounding down would take back what was advertised. May shorten plan->len to whole segments of a super-segment;
 * sets plan->window and plan->gso_size. Changes nothing in the tcb.
 */
void tcp_emit(const struct tcb *t, struct tcp_plan *plan, uint64_t window, struct seg *seg);
/* The segment was written. Returns 0, or -ENOMEM when it could not be recorded: then it must not leave. */
int tcp_sent(struct tcb *t, const struct tcp_plan *plan);

/* ---- Time -------------------------------------------------------------------------------------------------------- */

enum tcp_timeout_event { /* in order of weight */
                         TCP_TIMEOUT_NONE,
                         TCP_TIMEOUT_SYN,    /* the SYN or SYN/ACK had no answer: it is sent again */
                         TCP_TIMEOUT_RTO,    /* no acknowledgment for an RTO: everything in flight may be lost */
                         TCP_TIMEOUT_DEAD,   /* given up: CLOSED, t->error (ETIMEDOUT) */
                         TCP_TIMEOUT_CLOSED, /* TIME-WAIT or FIN-WAIT-2 is over: CLOSED */
};
/* Handles what is due, after the timer came up; returns the weightiest that happened. */
enum tcp_timeout_event tcp_timeout(struct tcb *t);

/* Checks invariants; NULL, or what is broken. */
const char *tcp_check(const struct tcb *t);

#endif
