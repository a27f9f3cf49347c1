/* SPDX-License-Identifier: BSD-3-Clause */
/* The live line: rewritten in place on a terminal, a line per second elsewhere. Notes stay on the screen. */
#ifndef DEMO_PROGRESS_H
#define DEMO_PROGRESS_H

#include "transfer.h"

struct progress {
    bool tty;
    bool open;          /* a live line stands there, without its newline */
    struct sample last; /* what the rates are reckoned from */
};

void progress_init(struct progress *p);
/* To be called with every sample; shows something when it is time to. */
void progress_show(struct progress *p, const struct transfer *t);
/* A line of its own, with the time of the transfer in front. */
__attribute__((format(printf, 3, 4))) void progress_note(struct progress *p, const struct transfer *t,
                                                         const char *format, ...);
/* Ends the live line. */
void progress_end(struct progress *p);

#endif
