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
#include <string.h>

/* ---- What is not in order ---------------------------------------------------------------------------------------- */

const struct ranges *tcb_ofo(const struct tcb *t) {
    static const struct ranges none;
    return t->ofo ? &t->ofo->ranges : &none;
}

struct ssn receive_highest(const struct tcb *t) {
    const struct ranges *ofo = tcb_ofo(t);
    return ranges_empty(ofo) ? t->rcv_nxt : (struct ssn){ofo->items[ofo->count - 1].end};
}

/* The block is there, or made now; NULL without memory. */
static struct tcp_ofo *ofo_get(struct tcb *t) {
    struct mem *mem = &t->env->mem;
    if (!t->ofo && (t->ofo = mem_alloc(mem, sizeof(*t->ofo)))) {
        t->ofo->tcb = t;
        list_push_back(&mem->spare, &t->ofo->node);
    }
    return t->ofo;
}

void receive_forget(struct tcb *t) {
    if (!t->ofo)
        return;
    ranges_free(&t->ofo->ranges, &t->env->mem);
    list_remove(&t->ofo->node);
    mem_free(&t->env->mem, t->ofo, sizeof(*t->ofo));
    t->ofo = NULL;
}

/* The block goes with the last thing in it. */
static void ofo_release(struct tcb *t) {
    if (t->ofo && ranges_empty(&t->ofo->ranges) && t->ofo->dsack.start == t->ofo->dsack.end)
        receive_forget(t);
}

void tcp_forget_ofo(struct tcb *t) {
    if (!t->ofo)
        return;
    ranges_free(&t->ofo->ranges, &t->env->mem);
    ofo_release(t);
}

struct tcb *tcp_spare(const struct env *env) {
    /* Those that only have a duplicate to report lose it with their next segment. */
    list_for_each (n, &env->mem.spare) {
        const struct tcp_ofo *ofo = container_of(n, struct tcp_ofo, node);
        if (!ranges_empty(&ofo->ranges))
            return ofo->tcb;
    }
    return NULL;
}

static void report(struct tcb *t, struct ssn start, struct ssn end, enum mib counter) {
    struct tcp_ofo *ofo = t->sack_ok ? ofo_get(t) : NULL;
    if (ofo) { /* without memory the peer is not told which: RFC 2883 leaves that open */
        ofo->dsack = (struct range){start.v, end.v};
        mib_inc(&t->env->mib, counter);
    }
    t->ack_need = TCP_ACK_NOW;
}

void receive_duplicate(struct tcb *t, struct ssn start, struct ssn end) {
    report(t, start, end, MIB_TCP_DSACK_OLD_SENT);
}

void receive_reported(struct tcb *t) {
    if (!t->ofo)
        return;
    t->ofo->dsack = (struct range){0, 0};
    ofo_release(t);
}

/* The block with `newest` leads; older mentions of the same block go (RFC 2018 4). */
static void recent_push(struct tcp_ofo *ofo, struct ssn newest) {
    const struct range *block = ranges_find(&ofo->ranges, newest.v);
    struct ssn list[TCP_OFO_RECENT] = {newest};
    uint32_t n = 1;
    for (uint32_t i = 0; i < TCP_OFO_RECENT && n < TCP_OFO_RECENT; i++) {
        const struct range *r = ranges_find(&ofo->ranges, ofo->recent[i].v);
        if (r && r != block)
            list[n++] = ofo->recent[i];
    }
    memcpy(ofo->recent, list, sizeof(list));
}

/* Reports the first part of [start, end) that is in the set already. True when there is one. */
static bool find_duplicate(struct tcb *t, struct ssn start, struct ssn end, enum mib counter) {
    const struct range *r = ranges_next(tcb_ofo(t), start.v);
    if (!r || ssn_le(end, (struct ssn){r->start}))
        return false;
    report(t, ssn_max(start, (struct ssn){r->start}), ssn_min(end, (struct ssn){r->end}), counter);
    return true;
}

/* Would [start, end) be one more range, beside those that are there? */
static bool opens_range(const struct tcb *t, struct ssn start, struct ssn end) {
    const struct range *r = ranges_next(tcb_ofo(t), start.v - 1);
    return !r || ssn_lt(end, (struct ssn){r->start});
}

/* [start, end) came before as a whole, or has the whole of a range in it. */
static bool is_known(const struct tcb *t, struct ssn start, struct ssn end) {
    return ranges_cover(tcb_ofo(t), start.v, end.v);
}
static bool covers_one(const struct tcb *t, struct ssn start, struct ssn end) {
    const struct ranges *ofo = tcb_ofo(t);
    for (uint32_t i = 0; i < ofo->count; i++)
        if (start.v <= ofo->items[i].start && ofo->items[i].end <= end.v)
            return true;
    return false;
}

static int receive_beyond(struct tcb *t, const struct seg *seg, struct ssn start, struct ssn end) {
    struct tcp_ofo *ofo = ofo_get(t);
    if (!ofo || (ofo->ranges.count >= TCP_OFO_MAX && opens_range(t, start, end))) {
        mib_inc(&t->env->mib, MIB_TCP_OFO_DROP);
        return -ENOMEM;
    }
    struct range before = ofo->dsack;
    if (find_duplicate(t, start, end, MIB_TCP_DSACK_OFO_SENT) && (is_known(t, start, end) || covers_one(t, start, end)))
        mib_inc(&t->env->mib, MIB_TCP_OFO_MERGE);
    if (ranges_add(&ofo->ranges, &t->env->mem, start.v, end.v) < 0) {
        ofo->dsack = before;
        ofo_release(t);
        mib_inc(&t->env->mib, MIB_TCP_OFO_DROP);
        return -ENOMEM;
    }
    recent_push(ofo, start);
    t->ack_need = TCP_ACK_NOW;
    t->ofo_segs += seg_count(seg);
    mib_inc(&t->env->mib, MIB_TCP_OFO_QUEUE);
    return 0;
}

/* ---- In order ---------------------------------------------------------------------------------------------------- */

static void receive_next(struct tcb *t, struct ssn end) {
    if (!ranges_empty(tcb_ofo(t))) {
        find_duplicate(t, t->rcv_nxt, end, MIB_TCP_DSACK_OLD_SENT); /* by now it is in order */
        const struct range *joined = ranges_find(&t->ofo->ranges, end.v);
        if (joined)
            end = (struct ssn){joined->end};
        ranges_remove_below(&t->ofo->ranges, &t->env->mem, end.v);
        ofo_release(t);
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
    if (sample > t->env->cfg.rto_max || (sample <= MSEC(1) && t->rcv_rtt_us && t->rcv_rtt_us < 1000))
        return;
    uint32_t us = sample ? (uint32_t)(sample / USEC(1)) : 1000;
    t->rcv_rtt_us = t->rcv_rtt_us ? t->rcv_rtt_us - t->rcv_rtt_us / 8 + us / 8 : us;
}

static void decide_ack(struct tcb *t) {
    if (t->ack_need == TCP_ACK_NOW)
        return;
    uint64_t unacked = ssn_sub(t->rcv_nxt, t->last_ack_sent);
    if (unacked > t->rcv_mss || t->quickacks > 0 || !ranges_empty(tcb_ofo(t)))
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
        if (len > 0 && receive_beyond(t, seg, ssn, end) < 0)
            return -ENOMEM;
        mib_add(&t->env->mib, MIB_TCP_OFO_QUEUE, len == 0); /* a FIN alone */
    } else if (len > 0) {
        receive_next(t, end);
    }
    int64_t moved = ssn_diff(t->rcv_nxt, before);
    measure_segment_size(t, seg);
    if (moved > 0)
        estimate_rtt(t, seg);
    if (len > 0)
        decide_ack(t);
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

bool tcp_received(const struct tcb *t, struct ssn start, struct ssn end) {
    return ssn_le(end, t->rcv_nxt) || ranges_cover(tcb_ofo(t), ssn_max(start, t->rcv_nxt).v, end.v);
}
