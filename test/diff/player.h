/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program on a stack: the peer's packets go in, what comes out tells the peer's model where the connection is, and
 * everything becomes facts. A player never waits: its owner gives it the packets of its ports and calls player_step()
 * when it is due, so that many players share one kernel.
 */
#ifndef UMPTCP_DIFF_PLAYER_H
#define UMPTCP_DIFF_PLAYER_H

#include "facts.h"
#include "program.h"
#include "script/target.h"
#include "script/translate.h"

enum { SEGMENTS_MAX = 64, GAPS_MAX = 8 };

/* A segment that the peer made, delivered or not. */
struct sent {
    uint8_t sub;
    uint32_t seq, len;
    bool mapped, dsn8, fin, delivered;
    uint8_t dack;
    uint64_t dsn; /* relative, from 1 */
    uint32_t ssn;
    uint16_t dll;
};

/* One subflow, as the peer sees it; numbers as packet scripts count them. */
struct peer_flow {
    struct tcp_flow *flow; /* NULL: there is none */
    bool by_stack, answered, open, closed, fin_sent;
    bool join, proved; /* its third ACK was sent */
    bool owes_fourth;  /* the stack's third ACK of a join came */
    uint8_t id;        /* the peer's address of a join */
    uint32_t snd_nxt, rcv_nxt, una;
};

struct gap {
    uint64_t dsn;
    uint32_t len;
};

struct player {
    const struct program *program;
    struct target *target;
    struct settings settings;
    struct flows flows;
    struct arena arena; /* of what comes and goes */
    uint16_t port;
    struct text *log; /* a packet script of the run, or NULL */
    dur settle, due, last;
    int listener, fd; /* -1: none */
    bool closed;
    uint32_t next, phase, calls;
    uint64_t bytes_read;
    struct peer_flow sub[SUBFLOWS_MAX];
    uint32_t nsubs;
    /* The connection, as the peer sees it. */
    bool mptcp, plain; /* it is MPTCP; no options any more */
    bool bare;         /* the last step brought data whose mapping something took out */
    bool checksums, data_fin_sent;
    uint64_t dsn_nxt;           /* of the peer's data, from 1 */
    uint64_t data_rcv_nxt;      /* of the stack's */
    struct gap ahead[GAPS_MAX]; /* ... and what came beyond it */
    uint32_t nahead;
    uint64_t edge;        /* right edge of the window that the peer offers */
    uint64_t stack_fin;   /* where the stack's DATA_FIN is; 0: not seen */
    uint8_t announced[4]; /* ids of the stack that wait for an echo */
    struct addr_line announced_addr[4];
    uint32_t nannounced;
    struct sent sent[SEGMENTS_MAX];
    uint32_t nsent;
    struct gap gaps[GAPS_MAX];
    uint32_t ngaps;
    struct facts facts;
};

static inline enum family world_family(unsigned world) { return worlds[world].v6 ? FAMILY_IPV6 : FAMILY_IPV4; }

/* `settle`: how long nothing has to happen before the next step. `arena` outlives the player. */
struct player *player_open(const struct program *program, struct target *target, uint16_t port, dur settle,
                           struct arena *arena, struct text *log);
void player_packet(struct player *p, const struct live *live);
/* Does what is due. False when the program is over. */
bool player_step(struct player *p);
void player_close(struct player *p);

/* ---- peer.c: what the peer sends --------------------------------------------------------------------------------- */

/* Does the step, when it is one of the peer's. */
void peer_step(struct player *p, const struct step *s);
/* Everything that it made and never delivered. */
void peer_flush(struct player *p);
/* Acknowledges everything on every subflow. */
void peer_acknowledge(struct player *p);
/* The ACK without which the stack may not use the subflow that it opened (RFC 8684 3.2). */
void peer_fourth(struct player *p, struct peer_flow *f);
/* Resets every subflow, so that nothing of it stays in the stack. */
void peer_gone(struct player *p);

/* ---- hear.c: what the peer hears --------------------------------------------------------------------------------- */

void peer_hears(struct player *p, struct peer_flow *f, const struct packet *came);
uint32_t peer_flow_number(const struct player *p, const struct peer_flow *f);

__attribute__((format(printf, 2, 3))) void player_log(struct player *p, const char *format, ...);
/* "+0.005" for the log: since what was logged before. */
void player_log_time(struct player *p);

#endif
