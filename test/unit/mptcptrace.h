/* SPDX-License-Identifier: BSD-3-Clause */
/* The language of mptcplab.h: text to segments and back. Private to the laboratory. */
#ifndef UMPTCP_TEST_MPTCPTRACE_H
#define UMPTCP_TEST_MPTCPTRACE_H

#include "mptcplab.h"

enum { TRACE_TEXT_MAX = 600, TRACE_RAW_MAX = 40 };

enum from { STACK, PEER }; /* who sends it */

struct script {
    const struct mlab *l;
    const struct mlab_flow *f;
    enum from from;
    const char *text, *at;
    struct seg seg;
    struct mpopt *o; /* the option that words belong to; NULL: TCP */
    bool has_ack, has_win, has_at, other;
    uint64_t pos; /* of the payload in the stream */
    uint8_t raw[TRACE_RAW_MAX];
    uint32_t raw_len;
};

/* Byte `pos` of a stream, counted from 1. */
uint8_t trace_byte(enum from from, uint64_t pos);
/* What the DSS checksum of a mapping must be. */
uint16_t trace_csum(const struct mlab *l, enum from from, uint64_t dsn, uint32_t ssn, uint32_t len, bool fin);
void trace_join_hmac(const struct mlab *l, const struct mlab_flow *f, enum from from, uint8_t hmac[32]);
/* Reads a segment of one end; its payload stays with the caller. Fails the test when the text is wrong. */
void trace_read(struct script *r, const struct mlab *l, int sf, enum from from, const char *text);
/* Whether a segment of the stack is what a script wants. */
bool trace_matches(const struct script *want, const struct seg *got);
/* A segment of the stack as text. */
const char *trace_format(const struct mlab *l, int sf, const struct seg *seg, char text[TRACE_TEXT_MAX]);

#endif
