/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is known about one transfer: when a path was cut and came back, what each path carried over time, how long the
 * application had to wait; and what is to be said about it.
 */
#ifndef DEMO_TRANSFER_H
#define DEMO_TRANSFER_H

#include "http.h"
#include "world.h"

enum { SAMPLES_MAX = 4096 };

/* Of the size: when the path is cut, and when it comes back. */
#define CUT_AT    0.40
#define RETURN_AT 0.70

struct sample {           /* all since the start */
    double t;             /* s */
    uint64_t wire[PATHS]; /* bytes of IP packets that the path delivered in the direction of the data */
    uint64_t app;         /* bytes that reached the receiving application, in order */
};

/* Moments of a transfer, in s since its start; negative: not yet. */
enum mark {
    MARK_CUT,
    MARK_RETURN,
    MARK_USED, /* the path that came back carries data again */
    MARK_END,  /* the last byte arrived */
    MARKS
};

struct transfer {
    const char *name;      /* "download" */
    enum fault_dir dir;    /* of the data: FAULT_IN is a download */
    enum path lead, spare; /* the path that carries the handshake and is cut, and the other */
    uint64_t size;
    bool from_linux; /* the kernel is the sender */

    struct umptcp_time start, progressed;
    uint64_t base[PATHS]; /* what the wires had delivered before */
    struct sample samples[SAMPLES_MAX];
    int nsamples;
    struct sample now; /* the newest, not always kept */
    double marks[MARKS];
    uint64_t app_at[MARKS], wire_at_return;
    double stall, stall_at; /* the longest time without a byte for the application, and when it began */
    uint32_t joins;
    bool fallback;
    uint64_t reinjected;
    char sha_client[HTTP_SHA_MAX], sha_server[HTTP_SHA_MAX];
};

/* Starts the clock. */
void transfer_begin(struct transfer *t, const struct world *w);
/* Takes note of how things stand. Returns a mark that was reached just now, or MARKS. */
enum mark transfer_observe(struct transfer *t, const struct world *w, uint64_t app);
/* Keeps the present sample for the picture. */
void transfer_sample(struct transfer *t);
/* The path is cut or mended now: whoever did it says so. */
void transfer_mark(struct transfer *t, enum mark mark);

/* ---- What it means ----------------------------------------------------------------------------------------------- */

enum phase_kind { PHASE_BEFORE, PHASE_DURING, PHASE_AFTER, PHASES };

struct phase {
    double from, to;   /* s */
    double goodput;    /* bit/s of payload */
    double achievable; /* bit/s of payload that the living paths can carry */
};

/* What a transfer achieved from the first SYN to the cut, during it, and from when the path is used again to the end.
 */
struct phase transfer_phase(const struct transfer *t, enum phase_kind kind);
/* How long after its return the path carried data again, in s; negative when it did not. */
double transfer_comeback(const struct transfer *t);
/* The part of an IP packet's bytes that is payload, in a full segment. */
double payload_share(const struct transfer *t);

#endif
