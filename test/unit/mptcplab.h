/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A laboratory for MPTCP in virtual time: a whole stack at one end, a peer that the test plays by hand at the other.
 * Every segment is a real IP packet. A test is a trace:
 *
 *     mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");     comes from the peer on subflow 1, now
 *     mlab_want(l, 1, ". 1(0) ack 6 dss ack 6");              is the next segment of the stack on subflow 1
 *     mlab_want_none(l);                                      and on no subflow there was another
 *     mlab_wait(l, MSEC(200));                                time passes, timers come up
 *
 * A segment is: flags (S F R P, dot for ACK), number(length), then what TCP has to say:
 *
 *     ack N   win N (the field as it stands)   mss N   ws N   sackok   at N (where in the stream the payload is from)
 *     other (payload that differs from the stream's)   raw HEX (bytes of an option, a multiple of four)
 *
 * then MPTCP options, each with what belongs to it:
 *
 *     mpc [ver N] [flags X] [key bad] [len N] [csum C]        the form follows from flags and payload
 *     mpj [id N] [backup] [token bad] [hmac bad]              as well
 *     dss [ack N | ack32 N] [map D:S+L | map32 D:S+L] [fin] [csum C]       L as in the option, with the DATA_FIN
 *     add ID ADDR [port N] [hmac bad]    echo ID ADDR [port N]    remove ID,ID...
 *     prio B    fail N    fastclose [key bad]    tcprst R
 *
 * Numbers count from the SYN of their sender: the first byte is 1 on the subflow, in the stream and in a mapping alike.
 * Checksums, keys, tokens and HMACs are made right by themselves unless said otherwise: csum is `bad`, `none`, `zero`
 * or `good` (there although not negotiated). Of a wanted segment flags, number, length and all MPTCP options with every
 * field are compared, ack and win when they are mentioned, and the payload always: the stream's bytes are known.
 *
 * After each step the invariants of the stack are checked (umptcp_check), and at the end that it leaked nothing. Once
 * an allocation was refused (struct mlab_options.fail_at), what is wanted need not come any more; but what comes is
 * checked as before.
 */
#ifndef UMPTCP_TEST_MPTCPLAB_H
#define UMPTCP_TEST_MPTCPLAB_H

#include "stack/stack.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MLAB_FLOWS = 24, MLAB_EVENTS = 64, MLAB_PATHS = 3, MLAB_PORT = 80 };

/* The vectors of these keys were computed apart from the engine. */
#define MLAB_KEY_A 0x1122334455667788u /* the stack's; token 1dce6604, IDSN 62815714b76ae9a5 */
#define MLAB_KEY_B 0x99aabbccddeeff00u /* the peer's; token 7b981f5b, IDSN f9fb2ac1ea2ce0d2 */

struct mlab_map { /* a mapping that the stack sent */
    uint64_t ssn, dsn, len;
};

struct mlab_flow {
    struct flow flow; /* local: the stack's end */
    int netif;
    bool used, ts;
    struct seq isn, peer_isn;
    uint32_t nonce, peer_nonce;
    uint32_t ts_echo; /* last timestamp of the stack */
    uint32_t nmaps;
    struct mlab_map maps[64];
};

struct mlab_packet; /* that the stack sent and the test has not looked at */

struct mlab {
    struct testmem tm;
    struct umptcp *s;
    utime now;
    umptcp_sock listener, sock;
    bool server, v6;
    bool busy;      /* the caller takes packets in, and none out: set by tests that want several to come at once */
    bool csum;      /* DSS checksums are in use */
    bool peer_csum; /* the peer asked for them */
    bool peer_deny0;
    uint16_t peer_win;
    uint16_t peer_mss;
    uint64_t key, peer_key;
    uint64_t idsn, peer_idsn;
    struct mlab_flow flow[MLAB_FLOWS]; /* 1, 2 ... in the order in which they came up */
    struct mlab_packet *out;
    struct umptcp_event events[MLAB_EVENTS];
    uint32_t nevents;
    uint64_t written, read; /* by the stack's application */
};

struct mlab_options {
    bool server;                     /* the stack listens; else it connects */
    bool v6;                         /* addresses fd00:n::1, not 10.0.n.1 */
    bool peer_csum, peer_deny0;      /* flags A and C of the peer */
    uint16_t peer_win, peer_mss;     /* 65535, 1024: with 24 bytes of options 1000 bytes of payload */
    uint8_t addrs_accepted;          /* limit when the connection begins */
    uint64_t key, peer_key;          /* 0: MLAB_KEY_A and MLAB_KEY_B */
    uint64_t fail_at;                /* this allocation of the stack is refused; 0: none */
    const struct umptcp_config *cfg; /* NULL: mlab_config() */
};

/* Without timestamps, window scaling and probes of silent paths; else the defaults. */
struct umptcp_config mlab_config(void);
/* The stack, listening when it is the server. */
struct mlab *mlab_new(const struct mlab_options *o);
/* The stack as client sends its SYN. `early`: bytes that are to go with the handshake. */
void mlab_connect(struct mlab *l, uint32_t early);
/* And after the handshake of TCP and MP_CAPABLE. */
struct mlab *mlab_new_open(const struct mlab_options *o);
/* And after the first DATA_ACK of the peer: fully established. */
struct mlab *mlab_new_full(const struct mlab_options *o);
/* Ends the stack, whatever is going on in it, and checks that nothing leaked. */
void mlab_free(struct mlab *l);
/* The same; says whether the request of memory that was to be refused was met before: if not, all have had their turn.
 */
bool mlab_free_refused(struct mlab *l);

/* A subflow that the peer will open: from 10.0.path.2 to 10.0.path.1. */
void mlab_path(struct mlab *l, int sf, int path);
/* The peer's join on such a subflow, from the SYN to the fourth ACK. */
void mlab_join_in(struct mlab *l, int sf, int path, int id);
/* The stack's, by an endpoint on `path`; as subflow `sf`, which must be the next. `flags`: beside UMPTCP_EP_SUBFLOW. */
void mlab_join_out(struct mlab *l, int sf, int path, uint32_t flags);

/* Returns why the stack dropped it. */
enum drop mlab_in(struct mlab *l, int sf, const char *text);
#define mlab_want(l, sf, text) mlab_want_at(l, sf, text, __FILE__, __LINE__)
#define mlab_want_none(l)      mlab_want_none_at(l, __FILE__, __LINE__)
void mlab_want_at(struct mlab *l, int sf, const char *text, const char *file, int line);
void mlab_want_none_at(struct mlab *l, const char *file, int line);
/* The TCP options of the next segment as they are on the wire, in hexadecimal; the segment stays. */
const char *mlab_bytes(struct mlab *l, int sf);
/* Forgets what was sent (payload and mappings were checked all the same); returns how many segments. */
uint32_t mlab_skip(struct mlab *l);
/* Prints what waits to be looked at: for writing tests. */
void mlab_dump(struct mlab *l);

void mlab_wait(struct mlab *l, dur d);
/* Waits until the stack sends something; returns how long that took. Fails after `limit`. */
dur mlab_wait_sent(struct mlab *l, dur limit);
/* Forces the next random bytes of the stack. */
void mlab_random(struct mlab *l, const void *bytes, size_t len);
/* The byte at a position of what the application writes, as mlab_send() does. */
uint8_t mlab_byte(uint64_t pos);
/* Moves both streams to other initial numbers; before there was any data. */
void mlab_renumber(struct mlab *l, uint64_t idsn, uint64_t peer_idsn);

/* The application. */
void mlab_send(struct mlab *l, uint32_t len);
void mlab_recv(struct mlab *l, uint32_t len); /* exactly so many are readable */
void mlab_recv_end(struct mlab *l);           /* nothing more, ever */
void mlab_shutdown(struct mlab *l);
void mlab_close(struct mlab *l);
void mlab_abort(struct mlab *l);
/* The events of this type that came, and were not asked for before, are taken; the last of them is returned. Fails when
 * there was none. */
struct umptcp_event mlab_event(struct mlab *l, enum umptcp_event_type type);
bool mlab_has_event(const struct mlab *l, enum umptcp_event_type type);
/* The connection ended, with this error. */
void mlab_closed(struct mlab *l, int error);

struct umptcp_info mlab_info(struct mlab *l);
struct conn *mlab_conn(struct mlab *l);
struct subflow *mlab_sf(struct mlab *l, int sf); /* NULL: gone */
static inline uint64_t mlab_mib(const struct mlab *l, enum mib m) { return l->s->env.mib.v[m]; }
static inline uint64_t mlab_drops(const struct mlab *l, enum drop d) { return l->s->env.mib.drops[d]; }

#endif
