/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has been received: the cumulative point, the ranges beyond it, the peer's FIN wherever it stands, and when to
 * say so. An acknowledgment is due at once    for what is out of order, fills a hole, came twice or ends the stream
 * (RFC 5681 4.2, RFC 2883); at once    after more than one full-size segment (RFC 9293 3.8.6.3), and for the first
 * segments of a connection or after a pause, when the peer's window is small and waits for every one of them; delayed
 * otherwise, by a time that follows the rhythm of arrivals (timers.c). "At once" means with the next output: a batch of
 * segments that came together has one acknowledgment (RFC 9293 3.10.7.4).
 */
#include "tcp/internal.h"

#include <assert.h>
#include <errno.h>

void receive_duplicate(struct tcb *t, struct ssn start, struct ssn end) {
    if (t->sack_ok)
        t->dsack = (struct range){start.v, end.v};
    t->ack_need = TCP_ACK_NOW;
}

/* ---- Out of order ------------------------------------------------------------------------------------------------ */

/* The block with `newest` leads; older mentions of the same block go (RFC 2018 4). */
static void recent_push(struct tcb *t, struct ssn newest) {
    const struct range *block = ranges_find(&t->ofo, newest.v);
    const uint32_t max = sizeof(t->recent_ofo) / sizeof(t->recent_ofo[0]);
    struct ssn list[sizeof(t->recent_ofo) / sizeof(t->recent_ofo[0])] = {newest};
    uint32_t n = 1;
    for (uint32_t i = 0; i < max && n < max; i++) {
        const struct range *r = ranges_find(&t->ofo, t->recent_ofo[i].v);
        if (r && r != block)
            list[n++] = t->recent_ofo[i];
    }
    for (uint32_t i = 0; i < max; i++)
        t->recent_ofo[i] = list[i];
}

/* Reports the first part of [start, end) that is in the set already. */
static void find_duplicate(struct tcb *t, struct ssn start, struct ssn end) {
    const struct range *r = ranges_next(&t->ofo, start.v);
    if (r && ssn_lt((struct ssn){r->start}, end))
        receive_duplicate(t, ssn_max(start, (struct ssn){r->start}), ssn_min(end, (struct ssn){r->end}));
}

/* Would [start, end) be one more range, beside those that are there? */
static bool opens_range(const struct tcb *t, struct ssn start, struct ssn end) {
    const struct range *r = ranges_next(&t->ofo, start.v - 1);
    return !r || ssn_lt(end, (struct ssn){r->start});
}

static int receive_beyond(struct tcb *t, struct ssn start, struct ssn end) {
    if (t->ofo.count >= TCP_OFO_MAX && opens_range(t, start, end))
        return -ENOMEM;
    struct range before = t->dsack;
    find_duplicate(t, start, end);
    if (ranges_add(&t->ofo, &t->env->mem, start.v, end.v) < 0) {
        t->dsack = before;
        return -ENOMEM;
    }
    recent_push(t, start);
    t->ack_need = TCP_ACK_NOW;
    mib_inc(&t->env->mib, MIB_TCP_OFO_QUEUE);
    return 0;
}

/* ---- In order ---------------------------------------------------------------------------------------------------- */

static void receive_next(struct tcb *t, struct ssn end) {
    if (!ranges_empty(&t->ofo)) {
        find_duplicate(t, t->rcv_nxt, end);
        const struct range *joined = ranges_find(&t->ofo, end.v);
        if (joined)
            end = (struct ssn){joined->end};
        ranges_remove_below(&t->ofo, &t->env->mem, end.v);
        t->ack_need = TCP_ACK_NOW;
    }
    t->rcv_nxt = end;
}

static void peer_fin(struct tcb *t) {
    t->rcv_nxt = ssn_add(t->rcv_nxt, 1);
    t->rcv_edge = ssn_max(t->rcv_edge, t->rcv_nxt);
    t->ack_need = TCP_ACK_NOW;
    switch (t->state) {
    case UMPTCP_ESTABLISHED:
        tcb_set_state(t, UMPTCP_CLOSE_WAIT);
        return;
    case UMPTCP_FIN_WAIT_1: /* our FIN is not acknowledged: that would have made it FIN-WAIT-2 */
        tcb_set_state(t, UMPTCP_CLOSING);
        return;
    default:
        assert(t->state == UMPTCP_FIN_WAIT_2);
        tcb_enter_time_wait(t);
        return;
    }
}

/*
 * The round trip as a receiver sees it: a full segment was let go by the acknowledgment whose timestamp it echoes. The
 * clock has milliseconds, so below that only the handshake's sample counts; without timestamps it stays alone.
 */
static void estimate_rtt(struct tcb *t, const struct seg *seg) {
    if (!t->ts_ok || !seg->opt.has_ts || seg->len < t->rcv_mss || seg->opt.tsecr == t->rcv_rtt_ts)
        return;
    t->rcv_rtt_ts = seg->opt.tsecr;
    dur sample = MSEC(tcp_ts_now(t) - seg->opt.tsecr);
    if (sample > t->env->cfg.rto_max || (sample <= MSEC(1) && t->rcv_rtt && t->rcv_rtt < MSEC(1)))
        return;
    if (sample == 0)
        sample = MSEC(1);
    t->rcv_rtt = t->rcv_rtt ? t->rcv_rtt - t->rcv_rtt / 8 + sample / 8 : sample;
}

static void decide_ack(struct tcb *t, uint32_t came) {
    t->unacked += came;
    if (t->ack_need == TCP_ACK_NOW)
        return;
    if (t->unacked > t->rcv_mss || t->quickacks > 0 || !ranges_empty(&t->ofo))
        t->ack_need = TCP_ACK_NOW;
    else
        ack_timer_start(t);
}

static void measure_segment_size(struct tcb *t, const struct seg *seg) {
    uint32_t size = seg->gso_size && seg->gso_size < seg->len ? seg->gso_size : seg->len;
    if (size > t->mss_local)
        size = t->mss_local;
    if (size > t->rcv_mss)
        t->rcv_mss = (uint16_t)size;
}

int64_t tcp_receive(struct tcb *t, const struct seg *seg, struct ssn ssn, uint32_t len, bool fin, bool *eof) {
    const struct ssn before = t->rcv_nxt, end = ssn_add(ssn, len);
    assert(tcp_can_receive(t) && ssn_le(t->rcv_nxt, ssn) && ssn_le(end, t->rcv_edge));
    *eof = false;
    if (ssn_lt(t->rcv_nxt, ssn)) {
        if (len > 0 && receive_beyond(t, ssn, end) < 0)
            return -ENOMEM;
    } else if (len > 0) {
        receive_next(t, end);
    }
    int64_t moved = ssn_diff(t->rcv_nxt, before);
    measure_segment_size(t, seg);
    if (moved > 0)
        estimate_rtt(t, seg);
    if (len > 0)
        decide_ack(t, (uint32_t)moved);
    if (fin) {
        t->fin_seen = true;
        t->fin_ssn = end;
        t->ack_need = TCP_ACK_NOW;
    }
    if (t->fin_seen && ssn_eq(t->rcv_nxt, t->fin_ssn)) {
        peer_fin(t);
        *eof = true;
    }
    return moved;
}
