/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plays a script on a target: events strictly in their order, one at a time.
 *
 *   run.c        the events and their times
 *   flow.c       the connections, and between the numbers of the script and those on the wire
 *   lower.c      inbound:  struct packet -> bytes; mplower.c: its MPTCP options
 *   lift.c       outbound: bytes -> struct packet; mplift.c: its MPTCP options
 *   mpvalue.c    keys by name, tokens, relative numbers
 *   match.c      what came against what was expected, field by field
 *   calls.c      system calls
 */
#ifndef UMPTCP_SCRIPT_RUN_H
#define UMPTCP_SCRIPT_RUN_H

#include "script/print.h"
#include "script/target.h"

enum note_kind {
    NOTE_INJECTED, /* a packet went to the stack */
    NOTE_TAKEN,    /* a packet came from the stack; `packet` as far as it can be understood */
    NOTE_IGNORED,  /* the same, but it belongs to no connection of the script */
    NOTE_CALL,     /* a call begins */
    NOTE_RETURN,   /* and is over; text: its result */
    NOTE_COMMAND,
    NOTE_CODE,
    NOTE_WARNING, /* text */
};

/* What happened, for whoever looks on: -v, --pcap, --both. */
struct note {
    enum note_kind kind;
    dur time;                  /* since the script's start */
    const struct event *event; /* NULL: none */
    const struct packet *packet;
    const char *text;
    const uint8_t *data; /* packets: as on the wire */
    uint32_t len;
    uint16_t gso_size;
    uint32_t flow; /* packets: number of the connection or subflow in order of its appearance; 0: none */
};

struct run_options {
    void (*note)(void *ctx, const struct note *note); /* may be NULL */
    void *ctx;
};

/*
 * Plays a script. Returns 0 when it passed, else -EINVAL with the first thing that went wrong in `error` and, where it
 * is about packets, both of them with the fields that differ in `detail`.
 */
int script_run(const struct script *script, const struct settings *settings, struct target *target,
               const struct run_options *options, struct script_error *error, struct text *detail);

#endif
