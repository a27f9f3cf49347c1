/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program of the differential fuzzer: what a peer that keeps to RFC 8684 and an application do, one step after the
 * other. It is data, made from a seed; a step that has no meaning in the state that was reached (a subflow that is not
 * there, a socket that is closed) does nothing, so that steps can be taken out at will.
 */
#ifndef UMPTCP_DIFF_PROGRAM_H
#define UMPTCP_DIFF_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "script/print.h"

/* What the stack under test is set up with before programs run on it: sysctls, limits and endpoints. */
struct world {
    const char *name;
    const char *commands; /* of the shell, as packet scripts have them; NULL: none */
    bool v6;              /* over IPv6 */
    bool checksums;       /* the stack asks for DSS checksums */
    /* It opens subflows of its own, and so is always the client: a server on Linux tries it before its connection is
     * accepted, which fails, and never again. That depends on who is faster, and so says nothing. */
    bool joins;
};

enum { WORLDS = 10 };
extern const struct world worlds[WORLDS];

enum step_op {
    STEP_SYN,         /* the peer opens the connection: with MP_CAPABLE when `good` */
    STEP_THIRD,       /* ... and ends the handshake: enum third in `variant` */
    STEP_CONNECT,     /* the stack opens it */
    STEP_SYNACK,      /* ... and the peer answers: with MP_CAPABLE when `good` */
    STEP_DATA,        /* new data of `n` octets in `pieces` segments: enum map, enum order, enum where */
    STEP_FILL,        /* the data of the oldest gap that an earlier step left */
    STEP_RESEND,      /* segment number `n` of those sent before, once more */
    STEP_ACK,         /* acknowledges what came, all or half of it */
    STEP_DATA_FIN,    /* a DATA_FIN without data */
    STEP_FIN,         /* a FIN */
    STEP_RST,         /* a RST: MP_TCPRST with reason `n` when `good` */
    STEP_PRIO,        /* MP_PRIO */
    STEP_ADD_ADDR,    /* ADD_ADDR of the peer's address number `id` */
    STEP_ECHO,        /* the echo of what the stack announced */
    STEP_REMOVE_ADDR, /* REMOVE_ADDR of `id` */
    STEP_FAIL,        /* MP_FAIL with an infinite mapping, by a peer that has one subflow */
    STEP_FASTCLOSE,   /* MP_FASTCLOSE: on a RST when `good`, else on an ACK */
    STEP_JOIN,        /* a SYN with MP_JOIN from the peer's address number `id` */
    STEP_JOIN_ACK,    /* the third ACK of a join of the peer; with a right HMAC when `good` */
    STEP_ANSWER,      /* the SYN/ACK of a join of the stack; a RST unless `good` */
    STEP_STRIP,       /* from here on a middlebox takes all MPTCP options out of what the peer sends */
    STEP_WRITE,       /* the application's calls; `n` octets */
    STEP_READ,
    STEP_SHUTDOWN,
    STEP_CLOSE,
    STEP_ABORT, /* SO_LINGER of 0, and close */
    STEP_WAIT,  /* `n` milliseconds */
    STEP_OPS
};

enum third { THIRD_ACK, THIRD_DATA, THIRD_BARE, THIRDS }; /* MP_CAPABLE; with data; no option */
enum map { MAP_EACH, MAP_FIRST, MAP_ALL, MAPS };          /* one per segment; one, on the first; on all */
enum order { ORDER_AS_SENT, ORDER_REVERSE, ORDER_TWICE, ORDER_FIRST_LOST, ORDERS };
enum where { WHERE_NEXT, WHERE_GAP, WHERE_AGAIN, WHERE_OVERLAP, WHERES }; /* in the stream of data */

enum { STEPS_MAX = 40, PIECES_MAX = 4, SUBFLOWS_MAX = 4 };

struct step {
    enum step_op op;
    uint8_t sub; /* number of the subflow, in order of appearance */
    uint32_t n;
    uint8_t variant;
    uint8_t pieces, map, order, where;
    uint8_t id;
    uint8_t dack; /* octets of the Data ACK: 0 (none), 4, 8 */
    bool dsn8, fin, good, backup, half;
    bool opens; /* the window, as far as the peer's buffer goes */
};

struct program {
    uint64_t seed;
    uint8_t world;
    bool client;    /* the stack connects */
    bool checksums; /* the peer asks for them */
    bool sack;      /* the peer offers SACK */
    bool deny_join0;
    uint16_t window; /* the peer's receive buffer */
    uint32_t nsteps;
    struct step steps[STEPS_MAX];
};

/* The same program for the same seed, always; `world` WORLDS: any. */
void program_make(struct program *p, uint64_t seed, unsigned world);
/* One line per step. */
void program_print(struct text *t, const struct program *p);

#endif
