/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection: one byte stream in each direction, carried by one or more subflows (RFC 8684). Plain TCP, and a
 * connection that fell back, is the case of one subflow whose mapping is the identity: one code path, with the DSS left
 * out.
 *
 * Bytes live once, here: `sndbuf` and `rcvbuf` are addressed by data sequence number. A subflow holds ranges only: its
 * TX mappings say which dsn its ssn carry (each holds a reference on the bytes until its TCP acknowledged them), its RX
 * mappings where in the stream what it receives belongs.
 *
 *   sndbuf   snd_una ........ snd_nxt ............ write_seq
 *            sent on subflows, | not yet given to   |
 *            not DATA_ACKed    | any subflow        |
 *   rcvbuf   read_seq ........ rcv_nxt ...(holes: rcv_ofo)... rcv_edge
 *            readable          | DATA_ACK           | right edge that was advertised
 *
 * Calls go down (stack -> connection -> subflow -> TCP), facts come back up as results. What must happen later or
 * elsewhere is left as work: bits and events on the connection, done by the stack at the end of the public call.
 * Objects die there too.
 *
 * Files: conn.c life; token.c; handshake.c MP_CAPABLE and MP_JOIN; receive.c payload into the stream; output.c
 * scheduling and segments; options.c which MPTCP options a segment carries; reinject.c DATA_ACK, stale and dead paths;
 * timers.c what the connection waits for; close.c DATA_FIN, MP_FASTCLOSE, end; fallback.c; fastopen.c data on the SYN;
 * urgent.c; address.c ADD_ADDR and the other path signals; buffer.c windows and auto-tuning; chrono.c what sending
 * waits for; marks.c places in the stream that the application asked for.
 *
 * "The peer spoke" is noted where something waits for it: tcb.keep_sent for TCP's own probes, subflow.probes for a path
 * that is asked whether it lives, conn.rtx_rounds for the connection's timer, subflow.signal_acks for the limit of
 * duplicate ACKs. Any acceptable segment clears them (subflow_input()); it takes an acknowledgment of something new to
 * end a back-off.
 */
#ifndef UMPTCP_MPTCP_CONN_H
#define UMPTCP_MPTCP_CONN_H

#include "base/env.h"
#include "base/list.h"
#include "mptcp/join_table.h"
#include "mptcp/subflow.h"
#include "mptcp/token.h"
#include "mptcp/urgent.h"
#include "pm/pm.h"
#include "sched/sched.h"
#include "tcp/cookie.h"
#include "tcp/fastopen.h"
#include "tcp/tcb.h"

enum mptcp_limit {
    RX_MAPS_MAX = 2048,      /* mappings that wait for their data, per subflow */
    CONN_SUBFLOWS_MAX = 16,  /* also half-open and closing ones */
    HALF_OPEN_JOINS_MAX = 4, /* of the peer, per connection, that have a subflow before their third ACK */
    REMOTE_ADDRS_MAX = PM_REMOTES_MAX,
    ADD_ADDR_RETRIES = 3, /* after the first */
    ECHOES_MAX = PM_REMOTES_MAX,
    JOIN_ACK_RETRIES = 6,
    SIGNAL_ACKS_MAX = 2,   /* duplicate ACKs in a row that only carry signals (RFC 8684 3) */
    FASTCLOSE_RETRIES = 3, /* of MP_FASTCLOSE on an ACK (RFC 8684 3.5) */
    ORPHAN_ROUNDS = 8,     /* of the data-level timer without progress, when nobody waits for the connection any more */
    CONN_OFO_MAX = 2048,   /* holes in what was received, over all subflows */
    HOLD_OFO_MAX = 512,    /* holes in what a subflow holds */
    PATH_EVENTS_MAX = 64,  /* that wait per connection for the caller */
    PM_EVENTS_MAX = 4096,  /* that wait in the whole stack for who listens to them */
    CONN_TTL = 64,         /* of packets, unless it was set */
};

enum mptcp_timer_kind {
    TIMER_CONN = TIMER_TCP_COUNT, /* the nearest of enum conn_due */
    TIMER_MPTCP_COUNT
};

/* What a connection waits for. One timer stands for all of them. */
enum conn_due {
    DUE_RTX,    /* data-level retransmission; DATA_FIN; window probe */
    DUE_ALONE,  /* no subflow is left, and none came */
    DUE_LINGER, /* an orphan's peer does not end its direction, or does not answer MP_FASTCLOSE */
    DUE_AGAIN,  /* tried again: memory was short, or a cork is to come out */
    DUE_PATH,   /* ADD_ADDR or MP_JOIN's third ACK again, path probes, unmapped data, path manager: the nearest */
    DUE_COUNT
};

/* How far MPTCP has come. */
enum mp_mode {
    MP_OFF,      /* plain TCP: never asked, or refused in the handshake */
    MP_ASKED,    /* MP_CAPABLE went out, or came in, on a SYN */
    MP_PENDING,  /* both keys known; no DSS seen yet: no joins, every segment is mapped */
    MP_FULL,     /* fully established */
    MP_FALLBACK, /* given up: one subflow, identity mapping, no options for ever */
};

struct announcement { /* an address of ours that the peer was told, until it is withdrawn */
    uint8_t id, tries;
    bool due;  /* to be said as soon as no other one waits to leave */
    bool over; /* echoed, or given up: not said again by itself */
    struct umptcp_sockaddr addr;
    utime at; /* next transmission */
};

struct add_addr { /* the one that leaves next */
    bool active;
    uint8_t id;
    struct umptcp_sockaddr addr;
};

struct conn_path_event { /* waits for umptcp_event() */
    enum umptcp_event_type type;
    uint32_t subflow;
    int error;
    uint8_t reason, addr_id;
    struct umptcp_sockaddr addr;
};

/* Facts the application has not been told (struct conn.notify). */
enum conn_notify {
    NOTIFY_CONNECTED = 1,
    NOTIFY_READABLE = 2,
    NOTIFY_WRITABLE = 4,
    NOTIFY_CLOSED = 8,
    NOTIFY_ACCEPT = 16,
    NOTIFY_URGENT = 32,
    NOTIFY_NOTICE = 64,
    NOTIFY_DELIVERED = 128,
};

/* What sending waits for (chrono.c). */
enum chrono { CHRONO_BUSY, CHRONO_RWND, CHRONO_SNDBUF, CHRONO_COUNT };

struct conn_chrono {
    uint32_t ms[CHRONO_COUNT]; /* in milliseconds: finer than that is no news, and 49 days are enough */
    uint32_t since;            /* of the present one, milliseconds of the caller's clock */
    uint8_t now;               /* enum chrono; CHRONO_COUNT: nothing waits to be sent or acknowledged */
};

/* Rarely needed parts, made when MPTCP is negotiated. */
struct conn_paths {
    struct pm_remote *remotes; /* what the peer announced; exactly as many as there are */
    uint8_t nremotes;
    uint8_t nannounced;                             /* announcements that were begun */
    struct deque echoes;                            /* struct pm_remote, as it was announced: to be echoed */
    bool remove_said;                               /* one copy of them left */
    uint8_t remove_ids[MP_REMOVE_IDS_MAX], nremove; /* to be withdrawn */
    uint8_t remove_repeats;                         /* how often they are still to be said again, */
    utime remove_at;                                /* and when */
    utime prio_at;                                  /* when the next MP_PRIO is said again */
    utime join_at;                                  /* when endpoints may get their subflows */
    struct add_addr add;
    struct deque announced; /* struct announcement */
    utime pm_at;            /* PM_CMD_TIMER */
    uint64_t pm_state[PM_STATE_SIZE / 8];
    struct deque events; /* struct pm_event: for the path manager */
    utime probe_at;      /* next look at silent paths */
    struct dsn fail_dsn; /* for SIG_FAIL */
};

/*
 * Fast Open (RFC 7413) of the first subflow's handshake; gone with it. The bytes of the SYN have no data sequence
 * numbers (RFC 8684 appendix B): when both ends speak MPTCP, what follows them stands at IDSN + 1, and at SSN 1.
 */
struct conn_fastopen {
    struct fastopen_cookie cookie; /* goes with our SYN or SYN/ACK; without bytes it asks for one */
    bool option;                   /* it does go */
    uint32_t third;                /* client: bytes that go with the third ACK: the SYN did not bring them over */
    bool taken;                    /* server: the SYN's data was taken, and bytes move before the third ACK */
    bool reset;                    /* server: a RST came instead of that */
    uint32_t room;                 /* client: bytes that the first SYN may take along */
    uint64_t listener;             /* server: that counts it */
};

struct mp;

struct conn {
    struct mp *mp;
    struct list node;  /* mp->conns */
    struct list ready; /* mp->ready */
    struct list work;  /* mp->work */
    uint64_t handle;   /* of the application; 0: none (orphan, or not yet accepted) */
    void *listener;    /* of the stack: not yet accepted */
    const struct pm_ops *pm;
    const struct cc_ops *cc; /* of subflows to come */

    uint8_t state; /* enum umptcp_tcp_state, of the connection; changed by conn_set_state() only */
    uint8_t mode;  /* enum mp_mode */
    int16_t error; /* positive errno */
    bool server : 1;
    bool bound : 1;             /* the application chose the local address */
    bool csum : 1;              /* DSS checksums */
    bool csum_wanted : 1;       /* by our configuration */
    bool deny_join0_remote : 1; /* the peer's C flag */
    bool orphan : 1;            /* the application gave it up */
    bool joined : 1;            /* has, or the peer may think so, had a second subflow: no fall-back from then on */
    bool join_up : 1;           /* a second subflow carried data, or could have: nor can the peer fall back */
    bool reinjected : 1;        /* sent data a second time: no fall-back either */
    bool counted : 1;           /* in MPTcpExtMPCurrEstab */
    bool nodelay : 1;
    bool oob_apart : 1; /* the octet of the urgent mark is not in the stream that is read */
    bool cork : 1;
    bool more : 1;     /* the application writes on soon (MSG_MORE) */
    bool push_end : 1; /* what it wrote ends at write_seq, as far as it said */
    bool rcvbuf_fixed : 1;
    bool sndbuf_fixed : 1;
    bool write_shut : 1; /* DATA_FIN stands at write_seq */
    bool data_fin_sent : 1;
    bool data_fin_acked : 1;
    bool fin_rcvd : 1;       /* fin_dsn is known */
    bool eof : 1;            /* all before the peer's end arrived */
    bool eof_apart : 1;      /* but the next DATA_ACK says only what stands before it */
    bool ack64 : 1;          /* the peer uses 64-bit DSNs: 64-bit DATA_ACKs */
    bool read_shut : 1;      /* the application will not read what comes from now on */
    bool orphan_counted : 1; /* in mp->orphans */
    bool want_write : 1;     /* a send came short: say when there is room */
    bool window_limited : 1;
    bool fail_sent : 1;    /* MP_FAIL went out: no subflow joins any more */
    bool failing : 1;      /* the peer did not answer it: DATA_ACKs stay where it says */
    bool gap_said : 1;     /* a DATA_ACK told less than TCP's beside it: bytes may come again, at other positions */
    bool unchecked : 1;    /* a checksum failed on the only subflow: bytes are taken as they come */
    bool infinite_tx : 1;  /* next new data carries the infinite mapping */
    bool cork_out : 1;     /* what waits for company was held long enough */
    bool syn_without : 1;  /* MP_CAPABLE was dropped from the SYN after it got no answer */
    bool close_told : 1;   /* UMPTCP_PM_CLOSED was said */
    bool key_arrived : 1;  /* a DSS of the peer shows that it has our key, perhaps behind a hole */
    bool hasty : 1;        /* our SYN asked for Fast Open: the peer may send before it knows our key */
    bool syn_data : 1;     /* data of the SYN was acknowledged; of a first subflow that is gone */
    uint8_t fast_fail : 2; /* enum umptcp_fastopen_fail */
    uint8_t rtx_backoff;
    uint8_t rtx_rounds; /* of DUE_RTX without progress */
    uint8_t futile;     /* bytes sent again, and paths lost to middleboxes, since something was Data-ACKed or came */
    uint8_t notify;     /* enum conn_notify */
    uint8_t ttl, dscp;  /* of its packets */
    uint16_t nsubflows;
    uint32_t subflow_counter;

    uint64_t local_key, remote_key;
    struct token_node token; /* ours */
    uint32_t remote_token;
    uint32_t drs_space;     /* what the application read in the best round (auto-tuning) */
    uint32_t notsent_lowat; /* sending: bytes that may wait for a subflow */

    /* Send */
    struct dsn local_idsn;
    struct dsn snd_una, snd_nxt, write_seq;
    struct dsn small_end; /* the last small segment that was given out ended here (Nagle) */
    struct dsn wnd_edge;  /* right edge of the peer's window */
    struct bytebuf sndbuf;
    struct ranges reinject; /* dsn: to be sent on another subflow */
    struct ssn told_una;    /* first subflow: up to here TCP's acknowledgment came together with a DATA_ACK */
    uint32_t sndbuf_size;
    uint32_t reserved; /* by umptcp_send_reserve() */
    utime last_send;   /* application wrote */

    /* Receive */
    struct dsn remote_idsn;
    struct dsn read_seq, rcv_nxt;
    struct dsn rcv_edge; /* highest right edge advertised */
    struct dsn last_data_ack_sent;
    struct dsn fin_dsn;
    struct ssn rx_base_ssn; /* plain TCP: this position of the subflow */
    struct dsn rx_base_dsn; /* is this position of the stream */
    struct bytebuf rcvbuf;
    struct ranges rcv_ofo; /* dsn beyond rcv_nxt */
    uint32_t rcvbuf_size;
    uint32_t drs_copied; /* read by the application in this round (auto-tuning) */
    utime drs_at;
    struct conn_urgent *urgent; /* NULL: there is no urgent data. Plain TCP only */

    struct list subflows;
    struct conn_paths *paths;
    struct conn_fastopen *fast;  /* NULL: not asked for, or over */
    struct deque *marks;         /* struct conn_mark by position; NULL: none */
    uint16_t syn_sent, syn_rcvd; /* bytes of SYNs, outside of the DSN space; 0 in plain TCP */
    uint8_t sched_state[SCHED_STATE_SIZE];
    uint32_t user_timeout_ms; /* 0: none */
    struct deque path_events; /* struct conn_path_event */
    struct flow name;         /* of the first subflow */
    struct tcp_keepalive keepalive;
    struct conn_chrono chrono;
    struct timer timer;
    utime due[DUE_COUNT]; /* by enum conn_due */

    uint64_t bytes_reinjected;
    utime last_progress, last_rx_data;
    utime rtx_since; /* what waits for the peer has waited from here on */
};

/* What all connections of a stack share. Owned by the stack. */
struct mp {
    struct env *env;
    struct tokens tokens;
    struct hash_table flows; /* struct subflow by 4-tuple */
    struct list conns, ready, work;
    uint32_t nconns;
    uint32_t orphans;   /* connections that nobody holds any more, and that have not delivered all */
    uint32_t half_open; /* joins, see subflow.half_open */
    const struct sched_ops *sched;
    const struct pm_ops *pm; /* of connections to come */
    const struct cc_ops *cc; /* as well */
    bool pm_listening;       /* umptcp_pm_listen() */
    struct deque pm_told;    /* struct umptcp_pm_event: for who listens */
    utime blackhole_until;   /* RFC 8684 3.9.3: MPTCP is not tried before */
    uint8_t blackholes;
    struct fastopen fastopen;
};

/* ---- Life (conn.c, subflow.c) ------------------------------------------------------------------------------------ */

int mp_init(struct mp *mp, struct env *env); /* 0 or -ENOMEM */
void mp_free(struct mp *mp);
/* A connection without subflows, in CLOSED. NULL without memory. */
struct conn *conn_new(struct mp *mp);
/* Frees everything at once. Only for the end of a public call and for the end of the stack. */
void conn_free(struct conn *c);
/*
 * For each connection on mp->work at the end of a public call: frees its dead subflows. True when the connection itself
 * is over too, nobody holds it (handle 0, listener NULL) and nothing of it is left to send: then the stack calls
 * conn_free().
 */
bool conn_reap(struct conn *c);
/* Marks for the stack's end-of-call work / for output. */
void conn_work(struct conn *c);
void conn_ready(struct conn *c);
void conn_notify(struct conn *c, enum conn_notify what);
/* Takes note of a path event for the application; lost (and counted) when too many wait. */
void conn_path_event(struct conn *c, const struct conn_path_event *ev);
void conn_pm_event(struct conn *c, const struct pm_event *ev);
/* The only way to change c->state. */
void conn_set_state(struct conn *c, enum umptcp_tcp_state state);
/* It became an orphan. False: there are too many of them (RFC 9293 leaves to us how many). */
bool conn_count_orphan(struct conn *c);
/* The whole connection ends with `error` (0: in order): subflows are let go, the application is told. */
void conn_finish(struct conn *c, int error);

struct path { /* where a new subflow runs */
    struct flow flow;
    int netif;
    uint16_t mss; /* MTU - IP and TCP headers */
};
/* NULL without memory. */
struct subflow *subflow_new(struct conn *c, const struct path *path);
void subflow_free(struct subflow *sf);
/* The subflow of a 4-tuple, or NULL. */
struct subflow *subflow_find(const struct mp *mp, const struct flow *flow);
/* A segment for this subflow. Returns why it, or a part of it, was dropped. `*reply_rst`: answer with a RST made from
 * it;
 * `*reopen`: the subflow left TIME-WAIT for this SYN: treat it as a SYN to the listener. */
enum drop subflow_input(struct subflow *sf, const struct seg *seg, bool *reply_rst, bool *reopen);
/* The subflow's TCP timer came up. */
void subflow_timeout(struct subflow *sf);
/* Lets a subflow go: with a FIN, or with a RST carrying `reason`. Its data goes to others. */
void subflow_close(struct subflow *sf);
void subflow_reset(struct subflow *sf, enum mp_rst_reason reason, int error);
/* A join whose handshake does not end well. */
void subflow_refuse(struct subflow *sf, enum mp_rst_reason reason);
/* Took its end (TCP is CLOSED or in TIME-WAIT with nothing left): moves data away, tells everyone. */
void subflow_gone(struct subflow *sf, int error);

/* ---- Handshakes (handshake.c) ------------------------------------------------------------------------------------ */

/* Opens the first subflow. 0 or -ENOMEM. */
int conn_connect(struct conn *c, const struct path *path, bool tcp_only);
/* A SYN came to a listener (`mptcp`: it speaks MPTCP). Makes the connection; NULL without memory. */
struct conn *conn_accept_syn(struct mp *mp, const struct path *path, const struct seg *syn, bool mptcp);
/* The same for a connection that sends this one SYN/ACK, whose number and key are a cookie's, and is freed then. */
struct conn *conn_answer_syn(struct mp *mp, const struct path *path, const struct seg *syn, bool mptcp,
                             struct cookies *cs);
/* The connection that a cookie stands for, as it was when its SYN/ACK was to leave; cookie_reopened() and `ack` itself
 * follow. */
struct conn *conn_accept_cookie(struct mp *mp, const struct path *path, const struct seg *ack, const struct cookies *cs,
                                const struct cookie *ck);
/* Opens a further subflow. 0, or -ENOTCONN (not fully established or closing), -ENOMEM, -ERANGE (too many). */
int conn_join(struct conn *c, const struct path *path, const struct pm_command *cmd);
/*
 * A SYN with MP_JOIN that names this connection. Makes a half-open subflow of it. DROP_NONE, or why not: then the SYN
 * is to be answered by a RST with `*reason`. `local_id`: of the address it came to. `backup`: we ask not to use it.
 */
enum drop conn_accept_join(struct conn *c, const struct path *path, const struct seg *syn, uint8_t local_id,
                           bool backup, enum mp_rst_reason *reason);
/* The client's part of Fast Open is wanted; `no_cookie`: it goes without. Right behind conn_connect(). */
void conn_connect_fast(struct conn *c, bool no_cookie);
/* Bytes that may go with the SYN on this way; 0: none now. */
uint32_t fastopen_room_of(const struct mp *mp, const struct path *path, bool no_cookie);
/* As the SYN left a listener that does Fast Open: what is to go with the SYN/ACK. 0 or -ENOMEM. */
int conn_give_cookie(struct conn *c, const struct fastopen_cookie *cookie);
/* The cookie is good: the SYN's data is taken, and the connection can be accepted. 0 or -ENOMEM. */
int conn_accept_fast(struct conn *c, const struct seg *syn, uint64_t listener);
/* Our SYN was acknowledged, with or without what it carried; the outcome of the handshake is known. */
void fastopen_synack(struct subflow *sf, const struct seg *seg);
/* Cookies, and what else is known of servers, are forgotten. */
void fastopen_forget(struct mp *mp);
/* The SYN, or what followed one with data, timed out. */
void fastopen_timeout(struct subflow *sf);
/* Bytes of the first SYN. */
uint32_t fastopen_syn_len(const struct subflow *sf);
void conn_fast_free(struct conn *c);
/* The server's end before the third ACK: bytes move. */
static inline bool conn_is_fast(const struct conn *c) {
    return c->fast && c->fast->taken && c->state == UMPTCP_SYN_RCVD;
}
/*
 * The same without a subflow that stays: the one that is returned sends its SYN/ACK (subflow_output()) and is freed.
 * NULL: why, and the RST says so.
 */
struct subflow *conn_answer_join(struct conn *c, const struct path *path, const struct seg *syn, uint8_t local_id,
                                 bool backup, struct cookies *cs, struct join_table *table, enum mp_rst_reason *reason);
/* The subflow that such a SYN/ACK was for; `ack` itself is its next input. */
struct subflow *conn_accept_join_cookie(struct conn *c, const struct path *path, const struct seg *ack,
                                        const struct cookies *cs, const struct cookie *ck, const struct join_entry *j,
                                        enum mp_rst_reason *reason);
/* Joins of the peer that wait for their third ACK. */
uint32_t conn_half_open(const struct conn *c);
/* The only way to change sf->half_open. */
void subflow_half_open(struct subflow *sf, bool on);
/* Facts of TCP meet MP_CAPABLE and MP_JOIN. False: the subflow was reset, the segment is done with. */
bool handshake_input(struct subflow *sf, const struct seg *seg, const struct tcp_rx *rx, enum drop *drop);
/* The third ACK of a join is repeated until the fourth comes (RFC 8684 3.2). */
void handshake_schedule_join_ack(struct subflow *sf);
void handshake_join_timeout(struct subflow *sf);
/* The SYN timed out: MPTCP may be dropped from the next one (RFC 8684 3.1). */
void handshake_syn_timeout(struct subflow *sf);
/* A subflow may carry data now. */
void subflow_up(struct subflow *sf);
/* The first DSS (or equivalent) was seen: joins are allowed. */
void conn_fully_established(struct conn *c);
/* The same in two steps, for what the path manager is to hear between them. True: the second has to follow. */
bool conn_becomes_full(struct conn *c);
void conn_begins_joins(struct conn *c);

/* ---- Data in (receive.c) ----------------------------------------------------------------------------------------- */

/* DSS options, then the payload. May find that the segment is to be answered by a RST (rx->reply_rst). */
enum drop receive_input(struct subflow *sf, const struct seg *seg, struct tcp_rx *rx);
/* Bytes of the stream came, in any order: stores what is new and in the window. 0, or -ENOMEM. */
int conn_receive(struct conn *c, struct dsn dsn, const uint8_t *data, uint32_t len, enum drop *drop);
/* The peer's end of stream is at `dsn` (the DATA_FIN's own number, or where a plain FIN stands). */
void conn_receive_fin(struct conn *c, struct dsn dsn);

/* Bytes out of order, of some connection, are thrown away (pressure.c); false when nobody has any. */
bool pressure_relieve(struct mp *mp);

/* ---- Data out (output.c, options.c, reinject.c) ------------------------------------------------------------------ */

/* The next segment of this connection, IP header and all: fills `out` and returns true; false when there is none now.
 * `caps` says what an interface takes. */
struct netif_caps {
    bool csum, tso4, tso6;
    uint32_t mtu; /* 0: no bound for probes of the path's MTU */
};
/* NULL in the place of one: interfaces that can do nothing for us. */
typedef struct netif_caps (*netif_caps_fn)(const void *ctx, int netif);
bool conn_output(struct conn *c, struct umptcp_out *out, netif_caps_fn caps, const void *ctx);
/* What this subflow has to send by itself, of what was queued in it. */
bool subflow_output(struct subflow *sf, struct umptcp_out *out, netif_caps_fn caps, const void *ctx);
/* MPTCP options of a planned segment into seg->mp; may shorten the plan. `*mp_bytes`: their padded size. */
void options_fill(const struct subflow *sf, struct tcp_plan *plan, struct mpopts *mp);
/* The segment acknowledges no more of its subflow than the one before it, and is no new data: Linux takes from it no
 * window that is smaller. */
bool options_repeat_ack(const struct subflow *sf, const struct tcp_plan *plan);
/* How far the DATA_ACK of a segment stays behind, and by how much its window is larger for that, in bytes. */
uint32_t options_ack_lag(const struct subflow *sf, const struct tcp_plan *plan);
/* The planned segment left: signals in it are done. */
void options_sent(struct subflow *sf, const struct tcp_plan *plan, const struct mpopts *mp);

/* What a subflow has in flight or queued is to be sent on another; `acked`: also what TCP acknowledged and nobody
 * Data-ACKed. */
void reinject_subflow(struct subflow *sf, bool acked);
/* DATA_ACK and window (RFC 8684 3.3.2, 3.3.5). */
void conn_data_ack(struct conn *c, struct dsn ack, uint64_t wnd);
void subflow_set_stale(struct subflow *sf, bool stale);
/* Its congestion control goes with those of the others that carry data, or alone when it does not: after each change of
 * that, for the algorithms that look at all paths. */
void subflow_couple(struct subflow *sf);
/* 0 or -ENOMEM: it stays as it was. */
int subflow_set_congestion(struct subflow *sf, const struct cc_ops *ops);
/* All its subflows, those to come, too. 0, or -ENOMEM: some have the old one. */
int conn_set_congestion(struct conn *c, const struct cc_ops *ops);
/* A subflow that may be given new data. */
bool subflow_usable(const struct subflow *sf);
/* The data sequence number of the first byte that TCP has not acknowledged. */
struct dsn tx_una_dsn(const struct subflow *sf);

/* ---- Chronometer (chrono.c) -------------------------------------------------------------------------------------- */

/* All that can be sent was: notes what the rest waits for. */
void conn_chrono(struct conn *c);
/* How long it was that, up to now. */
dur conn_chrono_read(const struct conn *c, enum chrono what);

/* ---- Time (timers.c) --------------------------------------------------------------------------------------------- */

/* Sets one of its deadlines; UMPTCP_NEVER: none. */
void conn_set_due(struct conn *c, enum conn_due what, utime at);
/* c->timer came up. */
void conn_timeout(struct conn *c);
/* There was no memory for what was to be done now: sets DUE_AGAIN. */
void conn_try_again(struct conn *c);
/* Sets DUE_RTX when something waits for a DATA_ACK or for the window, unless it is set. */
void conn_arm_rtx(struct conn *c);
/* There was progress, or a round is over: sets DUE_RTX anew, or takes it off. */
void conn_restart_rtx(struct conn *c);
/* The peer said something: its probes are answered. `bare`: without an option of MPTCP, which answers no DATA_FIN. */
void conn_answered(struct conn *c, bool bare);
/* As long as the slowest living path may take for an answer, without backoff. */
dur conn_longest_rto(const struct conn *c);

/* ---- The application's bytes (buffer.c): as the calls of umptcp.h, with its buffers ------------------------------ */

/* Writable slices at write_seq: how many, or -EAGAIN (full; want_write is set), -ENOTCONN, -EPIPE, -ENOMEM, -error. */
int conn_reserve(struct conn *c, size_t len, struct umptcp_slice *slices, int max);
/* The first `len` reserved bytes are to be sent. 0 or -EINVAL. */
int conn_commit(struct conn *c, size_t len);
/* Readable slices: how many, 0 at the end of the stream, or -EAGAIN, -ENOTCONN, -error. */
int conn_peek(struct conn *c, struct umptcp_slice *slices, int max);
/* `len` bytes of them were read. 0 or -EINVAL. */
int conn_consume(struct conn *c, size_t len);

/* ---- Windows (buffer.c) ------------------------------------------------------------------------------------------ */

/* Bytes beyond rcv_nxt that the receive buffer takes; never less than what was advertised. */
uint64_t conn_window(const struct conn *c);
/* There is no room for a segment, but some was advertised. */
bool conn_window_shuts(const struct conn *c);
/* The largest window that a scale may round up to: less than a granule beyond the buffer. */
uint64_t conn_window_max(const struct conn *c, uint8_t shift);
/* The smallest shift with which the largest buffer that it may have can be advertised (RFC 7323 2.3). */
uint8_t conn_window_scale(const struct conn *c);
/* The application chooses the size of the receive buffer: it does not grow any more. */
void conn_set_rcvbuf(struct conn *c, uint32_t size);
/* `window` bytes beyond rcv_nxt were advertised. */
void conn_advertised(struct conn *c, uint64_t window);
/* Free room in the send buffer. */
uint32_t conn_send_room(const struct conn *c);
/* Tells an application whose send came short when there is room worth a call again. */
void conn_offer_room(struct conn *c);
/* Send auto-tuning. */
void conn_tune_sndbuf(struct conn *c);

/* ---- End and fall-back (close.c, fallback.c) --------------------------------------------------------------------- */

/* The application will not send any more. */
void conn_shutdown(struct conn *c);
/* Bytes arrived that nobody has read. */
bool conn_unread(const struct conn *c);
/* The application gave up the handle (already 0). */
void conn_close(struct conn *c);
/* MP_FASTCLOSE or RST; then it is over. */
void conn_abort(struct conn *c, int error);
/* The DATA_ACK of the data before the peer's DATA_FIN left: now its own follows. */
void close_ack_end(struct conn *c);
/* Something about the end changed: move the connection's state machine (RFC 8684 appendix D) as far as it goes. */
void close_advance(struct conn *c);
/* TCP's FIN is in order on a subflow; `bare`: without any MPTCP option. */
void close_fin_rcvd(struct subflow *sf, bool bare);
/* A subflow is gone: what that means for the connection. */
void close_subflow_gone(struct conn *c, int error);
/* MP_FASTCLOSE on an ACK was not answered in time. */
void close_fast_timeout(struct conn *c);
/* A segment for a subflow that waits for that answer. */
enum drop close_fast_input(struct subflow *sf, const struct seg *seg, const struct tcp_rx *rx);
/* The peer's MP_FASTCLOSE: every subflow is reset, the application reads ECONNRESET. */
void close_fast(struct conn *c);
/* May still become plain TCP: one subflow, never joined, nothing sent twice, no hole in what was received. */
bool fallback_possible(const struct conn *c);
/* Becomes plain TCP now. `mib` says why. False, and the subflow is reset with `otherwise`, when that is not possible
 * any more. */
bool fallback_now(struct subflow *sf, enum mib mib, enum mp_rst_reason otherwise);
/* An infinite mapping came. False: the subflow was reset. */
bool fallback_infinite(struct subflow *sf);
/* Our infinite mapping left. */
void fallback_infinite_sent(struct subflow *sf);
/* The checksum of a mapping is wrong. */
void fallback_checksum(struct subflow *sf, const struct rx_map *map);
/* Bytes from `ssn` on have no mapping; `late`: and were given time to get one. */
void fallback_unmapped(struct subflow *sf, struct ssn ssn, bool late);
/* The peer's MP_FAIL. False: the subflow was reset. */
bool fallback_fail_rcvd(struct subflow *sf);

/* ---- Path signals (address.c) ------------------------------------------------------------------------------------ */

/* ADD_ADDR, REMOVE_ADDR, MP_PRIO, MP_FAIL, MP_FASTCLOSE and MP_TCPRST of an acceptable segment. False: the connection
 * or the subflow ended by it. */
bool signal_input(struct subflow *sf, const struct seg *seg, enum drop *drop);
/* Says ADD_ADDR, or says it again; until it is echoed, ADD_ADDR_RETRIES times more. 0 or -ENOMEM. */
int conn_announce(struct conn *c, uint8_t id, const struct umptcp_sockaddr *addr);
/* What was announced under this id; NULL: nothing. */
struct announcement *conn_announced(const struct conn *c, uint8_t id);
/* A join at this address and port is welcome: it is the first subflow's, or it was announced, or any port is. */
bool conn_port_welcome(const struct conn *c, const struct umptcp_sockaddr *local);
/* One of them waits to leave. */
bool conn_announcing(const struct conn *c);
/* The one in paths->add left. */
void conn_announce_sent(struct conn *c);
/* The first of paths->echoes left. */
void conn_echo_sent(struct conn *c);
/* Says REMOVE_ADDR. */
void conn_withdraw(struct conn *c, uint8_t id);
/* An id is in use (again): a copy of its withdrawal that did not leave yet must not. */
void conn_withdraw_not(struct conn *c, uint8_t id);
/* A join came from this address, under this id: remembered until the peer announces or removes the id (RFC 8684 3.4.1).
 */
void conn_observe_remote(struct conn *c, uint8_t id, const struct umptcp_addr *addr);
void subflow_prio(struct subflow *sf, bool backup);
/* DUE_PATH came up: retransmit ADD_ADDR, probe silent paths, give up on unmapped data. */
void conn_path_timeout(struct conn *c);
void conn_arm_path(struct conn *c);

/* ---- Path events (told.c) ---------------------------------------------------------------------------------------- */

/* Tells who listens (umptcp_pm_listen()), if somebody does. Lost (and counted) when too many wait. */
void mp_tell(struct mp *mp, const struct umptcp_pm_event *ev);
/* The same of a connection, whose first subflow is meant; and of a subflow. */
void conn_tell(const struct conn *c, enum umptcp_pm_event_type type);
void subflow_tell(const struct subflow *sf, enum umptcp_pm_event_type type);
/* UMPTCP_PM_CLOSED, once: its application is gone. */
void conn_tell_closed(struct conn *c);
/* UMPTCP_PM_SUB_CLOSED, once, when the connection goes on. */
void subflow_tell_closed(struct subflow *sf, int error);

/* Checks invariants; NULL, or what is broken. */
const char *conn_check(const struct conn *c);

static inline struct subflow *subflow_of(struct list *node) { return container_of(node, struct subflow, node); }
/* The first subflow in the list; NULL when there is none. */
static inline struct subflow *conn_first(const struct conn *c) {
    return list_empty(&c->subflows) ? NULL : subflow_of(c->subflows.next);
}
/* Bytes of the stream, by their positions. */
static inline uint64_t conn_bytes_sent(const struct conn *c) {
    return c->snd_nxt.v - c->local_idsn.v - 1 + c->syn_sent;
}
static inline uint64_t conn_bytes_acked(const struct conn *c) {
    return c->snd_una.v - c->local_idsn.v - 1 + c->syn_sent;
}
static inline uint64_t conn_bytes_received(const struct conn *c) {
    return c->rcv_nxt.v - c->remote_idsn.v - 1 + c->syn_rcvd;
}
static inline bool conn_is_mptcp(const struct conn *c) { return c->mode == MP_PENDING || c->mode == MP_FULL; }
/* Both ends are known to have both keys: to a server by the third ACK, to a client by the server's first DSS in
 * sequence. Addresses may be announced from then on. */
static inline bool conn_keys_shared(const struct conn *c) {
    return c->mode == MP_FULL || (c->mode == MP_PENDING && c->server);
}
/* The peer has both keys, and may join. */
static inline bool conn_joinable(const struct conn *c) {
    return conn_keys_shared(c) || (c->mode == MP_PENDING && c->key_arrived);
}
/* Bytes that go are mapped; also before the third ACK says whether the peer speaks MPTCP. */
static inline bool conn_maps(const struct conn *c) { return conn_is_mptcp(c) || (c->mode == MP_ASKED && c->server); }
/* The first number of a mapping as options count it: the bytes of the first subflow's SYN are left out. */
static inline struct ssn subflow_tx_first(const struct subflow *sf) {
    return (struct ssn){1u + (sf->join ? 0u : sf->conn->syn_sent)};
}
static inline struct ssn subflow_rx_first(const struct subflow *sf) {
    return (struct ssn){1u + (sf->join ? 0u : sf->conn->syn_rcvd)};
}
static inline uint32_t subflow_tx_ssn(const struct subflow *sf, struct ssn ssn) {
    return (uint32_t)(ssn.v - subflow_tx_first(sf).v + 1);
}
static inline uint32_t subflow_rx_ssn(const struct subflow *sf, struct ssn ssn) {
    return (uint32_t)(ssn.v - subflow_rx_first(sf).v + 1);
}
/*
 * The peer takes what TCP brings as the stream: acknowledgments of TCP are all that comes. When it said MP_FAIL that is
 * so before our infinite mapping leaves.
 */
static inline bool conn_acked_by_tcp(const struct conn *c) { return !conn_is_mptcp(c) || c->infinite_tx; }
/* In plain TCP: where position `ssn` of the subflow stands in the stream. */
static inline struct dsn conn_plain_dsn(const struct conn *c, struct ssn ssn) {
    return (struct dsn){c->rx_base_dsn.v + (ssn.v - c->rx_base_ssn.v)};
}

#endif
