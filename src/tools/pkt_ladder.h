/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -v: the conversation of a run as it goes on, in two columns: the peer, which is the script, on the left, the stack on
 * the right with the calls it gets, packets as arrows between them.
 */
#ifndef UMPTCP_TOOLS_PKT_LADDER_H
#define UMPTCP_TOOLS_PKT_LADDER_H

#include "script/run.h"

enum { LADDER_WIDTH_MIN = 60, LADDER_WIDTH = 100, LADDER_FLOWS = 32 };

struct ladder {
    struct text *out;
    uint32_t width; /* columns in all */
    bool utf8, color;

    /* What went before. */
    dur shown; /* the last time that was printed */
    bool any_shown;
    const struct event *call; /* that began, and may be over before anything else happens */
    dur call_time;
    uint32_t flows; /* that were introduced */
    struct ladder_way {
        bool any;
        uint32_t end; /* highest sequence number that was sent */
    } ways[LADDER_FLOWS][2];
};

/* A width out of range is brought into it. Prints the head. */
void ladder_begin(struct ladder *l, struct text *out, const char *stack, uint32_t width, bool utf8, bool color);
void ladder_note(struct ladder *l, const struct note *note);
/* What is still to be said when the run is over. */
void ladder_end(struct ladder *l);

#endif
