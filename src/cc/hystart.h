/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slow start, shared by the algorithms: byte counting (RFC 5681 3.1, RFC 3465), and HyStart++ (RFC 9406) for the first
 * one of a connection, which leaves it when round trips get longer, before the queue overflows.
 */
#ifndef UMPTCP_CC_HYSTART_H
#define UMPTCP_CC_HYSTART_H

#include "cc/cc.h"

struct hystart {
    struct ssn round_end; /* the round is over when this is acknowledged */
    uint32_t last_min_us; /* smallest round trip of the last round; UINT32_MAX: none */
    uint32_t cur_min_us;  /* of this one */
    uint32_t baseline_us; /* what the conservative phase began with */
    uint8_t samples;      /* of this round */
    uint8_t css_rounds;
    uint8_t phase; /* enum hystart_phase */
};

enum hystart_phase { HYSTART_SLOW_START, HYSTART_CONSERVATIVE, HYSTART_OFF };

void hystart_init(struct hystart *h);
/* Congestion happened: later slow starts are plain ones, up to a known ssthresh. */
void hystart_stop(struct hystart *h);
/*
 * One acknowledgment in slow start: watches the round trips and grows cwnd, not beyond ssthresh. May set ssthresh. NULL
 * for a plain slow start.
 */
void slow_start_ack(struct hystart *h, struct cc *cc, const struct cc_ack *ack);

#endif
