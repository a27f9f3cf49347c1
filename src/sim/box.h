/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One element of a chain of middleboxes, for the files that say what each kind does. A kind gets a packet that is its
 * own from then on: it passes it, keeps it, sends it back, or drops it.
 */
#ifndef UMPTCP_SIM_BOX_H
#define UMPTCP_SIM_BOX_H

#include "base/random.h"
#include "sim/packet.h"

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

/* Names, types and words are in one table, in box_parse.c. */
enum box_setting {
    SET_DIR, /* the first ones select packets, for every kind */
    SET_ON,
    SET_FLOW,
    SET_HAVING,
    SET_LARGER,
    SET_AFTER,
    SET_EVERY,
    SET_COUNT,
    SETTINGS_COMMON,
    SET_OPTION = SETTINGS_COMMON,
    SET_BY,
    SET_TIME,
    SET_SIZE,
    SET_KEEP,
    SET_SACK,
    SET_SEQ,
    SET_AT,
    SET_REMOVE,
    SET_INSERT,
    SET_MARK,
    SET_ACT,
    SET_OPTIONS,
    SET_IDLE,
    SET_REBIND,
    SET_ERROR,
    SET_MTU,
    SET_PORT,
    SET_ADDR,
    SETTINGS
};

enum box_dir { BOX_BOTH, BOX_OUT, BOX_IN, BOX_FWD, BOX_REV };
enum box_flow_sel { BOX_ANY_FLOW, BOX_FIRST, BOX_JOIN };
enum box_on {
    ON_SYN = 1,
    ON_SYNACK = 2,
    ON_THIRD = 4,
    ON_DATA = 8,
    ON_ACK = 16,
    ON_FIN = 32,
    ON_RST = 64,
    ON_NONSYN = 128,
    ON_ALL = 256
};
/* Which option: its kind, and for MPTCP's 256 + subtype. */
enum { OPT_ANY = 1, OPT_SUBTYPE = 256 };
enum box_keep { KEEP_EVERY, KEEP_FIRST, KEEP_LAST, KEEP_SECOND, KEEP_NONE };
enum box_sack { SACK_REWRITE, SACK_LEAVE };
enum box_seq { SEQ_EXACT, SEQ_WINDOW, SEQ_OUTSIDE };
enum box_mark { MARK_CLEAR, MARK_ECT, MARK_CE };
enum box_act { ACT_DROP, ACT_CORRECT };
enum box_icmp { ERROR_HOST, ERROR_PORT, ERROR_PROHIBITED, ERROR_TOO_BIG };

/* ---- Flows ------------------------------------------------------------------------------------------------------- */

enum { BOX_FLOWS_MAX = 256 };

/* What an element knows of a TCP connection that passes it. Another SYN with the same ends makes it anew. */
struct box_flow {
    struct list node;              /* the one used last is the first */
    struct umptcp_sockaddr end[2]; /* source of what goes out, and of what comes in */
    bool join;                     /* its SYN had an MP_JOIN */
    enum packet_dir fwd;           /* the direction of its SYN, or of the first packet seen */
    bool has_isn[DIRS];
    uint32_t isn[DIRS];
    uint32_t segs[DIRS]; /* behind the SYNs, this one included */
    uint32_t matched;    /* packets that were as the filter wants them */
    void *state;         /* the kind's, zeroed at first */
};

/* ---- Elements ---------------------------------------------------------------------------------------------------- */

struct box {
    const struct box_kind *kind;
    struct middlebox *chain;
    unsigned index;
    uint64_t set[SETTINGS];
    bool given[SETTINGS]; /* the text has it */
    struct umptcp_addr addr;
    struct rng rng;
    struct list flows; /* struct box_flow */
    uint32_t nflows;
    struct list held; /* packets that wait, by their time */
    uint64_t hits;
    uint64_t state; /* a number of the kind's own, 0 at first */
};

struct box_kind {
    const char *name, *help;
    uint32_t settings; /* bits of its own ones that it takes */
    uint32_t needs;    /* and of those that it cannot do without */
    enum box_on on;    /* what `on` is when it is not given; 0: ON_ALL */
    bool all;          /* it gets every packet, and asks box_selects() itself */
    size_t flow_size;  /* of its state for a flow */
    /* A TCP segment, which is the kind's now. Packets that the filter leaves out pass by themselves, but see `all`. */
    void (*input)(struct box *b, struct box_flow *f, struct packet *p);
    /* The time of a held packet has come; NULL: it passes. */
    void (*release)(struct box *b, struct packet *p);
    /* Frees what the state of a flow points to. */
    void (*flow_free)(void *state);
};

extern const struct box_kind *const box_kinds[]; /* ended by NULL */

/* Reads one element, "name:setting=value,...". 0 or -EINVAL with a sentence. */
int box_parse(struct box *b, const char *text, size_t len, char *error, size_t size);

utime box_now(const struct box *b);
/* True once for each packet that the settings select; counts. */
bool box_selects(struct box *b, struct box_flow *f, const struct packet *p);
/* Whether `dir` and `flow` of the settings are for this direction of the flow; */
bool box_follows(const struct box *b, const struct box_flow *f, enum packet_dir dir);
/* Goes on in its direction. */
void box_pass(struct box *b, struct packet *p);
/* The same after a change: headers are made right, and it counts. */
void box_pass_changed(struct box *b, struct packet *p);
/* Ends here, and counts. */
void box_drop(struct box *b, struct packet *p);
/* Ends here, without memory for it. */
void box_no_memory(struct box *b, struct packet *p);
/* Keeps it until `when`, then `release`; UMPTCP_NEVER: until the kind takes it out of the list `held`. */
void box_hold(struct box *b, struct packet *p, utime when);
/* Takes out what box_hold() keeps; it is the caller's again. */
void box_unhold(struct box *b, struct packet *p);
/* Leads it to the other server; see middlebox_set_other(). */
void box_divert(struct box *b, struct packet *p);
bool box_is(const struct raw_option *o, uint64_t option);
bool box_has(const struct packet *p, uint64_t option);
/* Bytes that a packet may have. */
uint32_t box_mtu(const struct box *b);
static inline enum packet_dir dir_back(enum packet_dir dir) { return dir == DIR_OUT ? DIR_IN : DIR_OUT; }
static inline struct packet *packet_of(struct list *n) { return container_of(n, struct packet, node); }

#endif
