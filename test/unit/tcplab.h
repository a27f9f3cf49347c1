/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A laboratory for TCP in virtual time. Every segment is a real IP packet: built, carried, parsed and checked, so that
 * the headers are tested with the state machine. Bytes live in plain arrays of the lab, which is the owner of its tcbs.
 *
 * Two ways to use it:
 *
 * - A script against one tcb (end A). Segments are written as text, numbers count from the SYN of their sender:
 *
 *       lab_in(l, "S. 0(0) ack 1 win 5000 mss 1000 sackok");    comes from the peer, now
 *       lab_want(l, ". 1(0) ack 1");                            is the next segment that A sent
 *       lab_want_none(l);                                       and it sent nothing more
 *       lab_wait(l, MSEC(200));                                 time passes, timers come up
 *
 *   Text: flags (S F R P, dot for ACK, - for none), number(length), then in any order: ack N, win N (the field as it
 *   stands), mss N, ws N, sackok, sack A:B,C:D, ts VALUE:ECHO, nots (wanted: has none), gso N.
 *   What a wanted segment does not mention is not compared, but flags, number, length and SACK blocks always are; a P
 * of the segment is only compared when it is wanted. When the tcb uses timestamps, lab_in() adds them by itself.
 *
 * - Two tcbs, A and B, joined by a wire with a delay; `fate` may drop, delay or repeat each packet. lab_run() lets
 * them.
 */
#ifndef UMPTCP_TEST_TCPLAB_H
#define UMPTCP_TEST_TCPLAB_H

#include "tcp/tcb.h"
#include "testmem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LAB_A, LAB_B };

struct lab_end {
    struct env env;
    struct tcb tcb;
    struct flow flow;
    bool open;         /* the tcb exists */
    struct tcp_rx rx;  /* of the last segment */
    uint64_t rcvbuf;   /* bytes that the owner takes beyond what was read */
    bool reading;      /* the user reads at once */
    uint64_t read;     /* bytes that were read */
    uint8_t *in, *out; /* streams: what came, what is sent; byte 0 has ssn 1 */
    uint64_t size;     /* of each */
    bool eof, established, reset, refuse_payload;
    enum tcp_timeout_event event; /* the last that was not NONE */
};

struct lab_fate {
    bool drop;
    dur delay;
    int copies; /* more of it */
};

struct lab_packet;

struct lab {
    struct testmem tm;
    struct lab_end end[2];
    utime now;
    bool script; /* end B is played by the test */
    bool merge;  /* super-segments arrive as one */
    dur delay;   /* of the wire, one way */
    struct lab_fate (*fate)(struct lab *l, int from);
    uint64_t random;  /* for `fate` */
    uint64_t sent[2]; /* packets on the wire */
    struct lab_packet *wire;
    struct seq peer_isn;
    uint32_t peer_ts, peer_ts_echo; /* script: the peer's timestamp clock is ahead of `now` by this; what it echoes */
    bool with_dss;                  /* segments carry an MPTCP option of 22 bytes, padded to 24 */
};

struct lab_options {
    bool passive; /* A listens */
    bool v6;
    bool no_ts, no_sack, no_scaling; /* A does not want them */
    uint16_t mtu;                    /* 1500 */
    uint8_t wscale;                  /* 0: 7 */
    uint64_t rcvbuf;                 /* 1 MB */
    uint64_t size;                   /* streams; 1 MB */
    uint32_t isn;                    /* 0: near the wrap */
    const struct cc_ops *cc;
};

/* One tcb and a script, or two tcbs. Nothing is opened yet. */
struct lab *lab_new(const struct lab_options *o);
struct lab *lab_new_pair(const struct lab_options *o);
/* Checks that nothing leaks and no timer is left. */
void lab_free(struct lab *l);
static inline struct tcb *lab_tcb(struct lab *l) { return &l->end[LAB_A].tcb; }
static inline uint64_t lab_mib(struct lab *l, enum mib m) { return l->end[LAB_A].env.mib.v[m]; }

/* Script: A opens actively, or by lab_listen() when a SYN comes. */
void lab_connect(struct lab *l);
void lab_listen(struct lab *l, const char *text);
/* Script: the whole handshake with usual options: MSS 1000, timestamps and SACK as A has them, window 65535 << 0. */
struct lab *lab_new_established(const struct lab_options *o);
/* Script: `text` is the peer's SYN or SYN/ACK beyond flags and numbers: "win 5000 mss 1000". */
struct lab *lab_new_established_with(const struct lab_options *o, const char *text);

void lab_in(struct lab *l, const char *text);
/* The same, in a batch: nothing is sent before the next lab_flush(). */
void lab_in_batch(struct lab *l, const char *text);
void lab_flush(struct lab *l);
#define lab_want(l, text) lab_want_at(l, text, __FILE__, __LINE__)
#define lab_want_none(l)  lab_want_none_at(l, __FILE__, __LINE__)
void lab_want_at(struct lab *l, const char *text, const char *file, int line);
void lab_want_none_at(struct lab *l, const char *file, int line);
/* Forgets what was sent. */
void lab_skip(struct lab *l);
void lab_wait(struct lab *l, dur d);
/* Waits until A sends something; returns how long that took. Fails after `limit`. */
dur lab_wait_sent(struct lab *l, dur limit);

/* The user of an end. */
void lab_write(struct lab *l, int end, uint32_t len);
void lab_close(struct lab *l, int end);

/* Two tcbs: A connects, and B opens by its SYN. */
void lab_start(struct lab *l);
/* Runs until nothing happens any more, or `limit` passed. */
void lab_run(struct lab *l, dur limit);

#endif
