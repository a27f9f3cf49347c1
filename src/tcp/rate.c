/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Samples of the delivery rate (draft-cheng-iccrg-delivery-rate-estimation-02): each record remembers how much had
 * arrived when it was sent; when it arrives itself, what came in between was delivered in the time in between. The
 * longer of two times counts, that of sending and that of acknowledging, so that neither acknowledgments in lumps nor a
 * burst makes the path look faster than it is.
 *
 * What has arrived is all before SND.UNA, and what is SACKed behind it: no counter, so it goes on where nothing was in
 * flight for a while. Times in a record are whole microseconds: they end after 71 minutes, and are bounded by that.
 */
#include "tcp/flight.h"
#include "tcp/internal.h"

static uint32_t whole_us(utime now, utime then) {
    const dur us = time_since(now, then) / USEC(1);
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

uint64_t tx_delivered(const struct tcb *t) { return t->snd_una.v + tx_of(t)->sacked; }

void tx_ran_dry(struct tcb *t) {
    struct tx *x = t->tx;
    if (!x || x->lost || ssn_lt(t->snd_nxt, t->snd_end) || tx_pipe(t) + t->cc.mss > t->cc.cwnd || tcp_paced_out(t))
        return;
    x->app_limited = tx_delivered(t) + tx_pipe(t);
}

void rate_sent(struct tcb *t, struct tx_rec *r, bool idle) {
    struct tx *x = t->tx;
    const utime now = t->env->now;
    if (idle) {
        x->first_sent = x->delivered_at = now;
        if (t->snd_una.v > 1 && x->recs.count == 1 && !x->app_limited)
            x->app_limited = tx_delivered(t); /* the time before was not the path's */
    }
    r->delivered = (uint32_t)tx_delivered(t);
    r->lost = x->lost_total;
    r->in_flight = tx_pipe(t);
    r->ack_us = whole_us(now, x->delivered_at);
    r->send_us = whole_us(now, x->first_sent);
    r->flags = (uint8_t)((r->flags & ~TX_APP_LIMITED) | (x->app_limited ? TX_APP_LIMITED : 0));
}

void rate_delivered(const struct tx_rec *r, struct ssn end, struct tx_news *n) {
    struct tx_sample *s = &n->sample;
    if (s->has && (time_before(r->sent, s->sent) || (r->sent.ns == s->sent.ns && ssn_le(end, s->end))))
        return;
    *s = (struct tx_sample){.has = true,
                            .app_limited = r->flags & TX_APP_LIMITED,
                            .sent = r->sent,
                            .end = end,
                            .delivered = r->delivered,
                            .lost = r->lost,
                            .in_flight = r->in_flight,
                            .ack_us = r->ack_us,
                            .send_us = r->send_us};
}

void rate_lost(struct tcb *t, const struct tx_rec *r) {
    struct tx *x = t->tx;
    x->lost_total += r->len;
    if (!t->cc.ops->on_lost)
        return;
    const struct cc_lost lost = {.now = t->env->now,
                                 .delivered = tx_delivered(t),
                                 .bytes = r->len,
                                 .lost = x->lost_total - r->lost,
                                 .tx_in_flight = r->in_flight,
                                 .app_limited = r->flags & TX_APP_LIMITED};
    t->cc.ops->on_lost(&t->cc, &lost);
}

struct cc_rate rate_sample(struct tcb *t, const struct tx_news *n) {
    struct tx *x = t->tx;
    const struct tx_sample *s = &n->sample;
    const uint64_t before = n->una.v + n->sacked, delivered = tx_delivered(t);
    struct cc_rate rate = {.delivered = delivered, .inflight = tx_pipe(t)};

    rate.newly_acked = delivered > before ? (uint32_t)(delivered - before) : 0;
    if (rate.newly_acked)
        x->delivered_at = t->env->now;
    if (x->app_limited && x->app_limited < delivered)
        x->app_limited = 0;
    rate.prior_delivered = delivered;
    if (!s->has)
        return rate;
    x->first_sent = s->sent;
    rate.acked = (uint32_t)delivered - s->delivered;
    rate.prior_delivered = delivered - rate.acked;
    rate.lost = x->lost_total - s->lost;
    rate.tx_in_flight = s->in_flight;
    rate.app_limited = s->app_limited;
    const dur sending = USEC(s->send_us), acking = time_since(t->env->now, s->sent) + USEC(s->ack_us);
    const dur interval = sending > acking ? sending : acking;
    if (interval == 0 || interval < rtt_min(&t->rtt) || rate.acked > INT32_MAX)
        return rate; /* faster than the path can be: something was sent again, and the first one has arrived */
    rate.interval = interval;
    rate.bandwidth = (uint64_t)rate.acked * SEC(1) / interval;
    return rate;
}
