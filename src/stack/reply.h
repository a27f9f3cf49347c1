/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers that belong to no connection: a RST for a segment that nobody wants (RFC 9293 3.10.7.1), the reply to an echo
 * request. They wait in a bounded queue until the caller takes output; what does not fit is not answered.
 */
#ifndef UMPTCP_STACK_REPLY_H
#define UMPTCP_STACK_REPLY_H

#include "base/deque.h"
#include "base/env.h"
#include "wire/ip.h"
#include "wire/segment.h"

enum { REPLIES_MAX = 64, REPLY_BYTES_MAX = 128 * 1024, ECHO_BURST = 50, ECHO_PER_SECOND = 1000 };

struct replies {
    struct env *env;
    struct deque queue; /* struct reply */
    uint32_t bytes;
    uint8_t *sent; /* handed out last: valid until the next call */
    uint32_t sent_len;
    uint32_t echo_tokens;
    utime echo_at; /* tokens were last counted */
};

void replies_init(struct replies *r, struct env *env);
void replies_free(struct replies *r);
/* Answers `seg` with a RST, unless it is one itself; with MP_TCPRST when `reason` is not NULL. */
void reply_rst(struct replies *r, int netif, const struct seg *seg, const enum mp_rst_reason *reason);
/* Answers an echo request with a packet of at most `mtu` bytes. DROP_NONE, DROP_ICMP_RATE or DROP_NO_MEMORY. */
enum drop reply_echo(struct replies *r, int netif, uint32_t mtu, const struct ip_hdr *request);
/* Sends a packet that was made elsewhere, headers only, with its checksum; lost when there is no room. */
void reply_packet(struct replies *r, const struct umptcp_out *packet);
/* The next answer; false when none waits. */
bool replies_output(struct replies *r, struct umptcp_out *out);
/* What was handed out is no longer needed. */
void replies_release(struct replies *r);
/* Invariants; NULL, or what is broken. */
const char *replies_check(const struct replies *r);

#endif
