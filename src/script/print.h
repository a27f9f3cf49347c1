/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of scripts in the language of scripts: what it prints, the parser reads as the same value. */
#ifndef UMPTCP_SCRIPT_PRINT_H
#define UMPTCP_SCRIPT_PRINT_H

#include "script/script.h"

/* Text that grows; always NUL-terminated. */
struct text {
    char *at;
    size_t len, cap;
};

void text_free(struct text *t);
__attribute__((format(printf, 2, 3))) void text_add(struct text *t, const char *format, ...);
static inline const char *text_of(const struct text *t) { return t->at ? t->at : ""; }

/* "S. 0:0(0) ack 1 win 65535 <mss 1460, nop, wscale 7>" with the direction and ends before it where there are some. */
void print_packet(struct text *t, const struct packet *packet);
void print_option(struct text *t, const struct option *option);
void print_mp_option(struct text *t, const struct mp_line *mp);
/* "+0.05", "+0~+0.1", "*" */
void print_when(struct text *t, const struct when *when);
/* Seconds with six digits behind the point: "0.050000". */
void print_seconds(struct text *t, dur d);
/* `read(4, ..., 1000) = 100`, without the time. */
void print_call(struct text *t, const struct call *call);
void print_event(struct text *t, const struct event *event);
void print_script(struct text *t, const struct script *script);

#endif
