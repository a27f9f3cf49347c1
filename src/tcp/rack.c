/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RACK-TLP (RFC 8985). A record is lost when something sent after it has arrived and it is late by more than the time
 * that reordering may take. The rule is the same for retransmissions, so their loss is found as well. A loss probe
 * makes the receiver say something when the end of a flight is lost.
 *
 * RFC 8985 walks segments in order of their last transmission. Records stand in order of position, which is the order
 * of first transmission; so the walk ends at the first record that was sent once and not before the newest one
 * delivered.
 */
#include "tcp/flight.h"
#include "tcp/internal.h"

#include <assert.h>

enum { REO_PERSIST = 16, REO_MULT_MAX = 255 };

static dur min_dur(dur a, dur b) { return a < b ? a : b; }

/* True when `r` was last sent before the transmission that ended at `end` at `when`; at one time position decides. */
static bool sent_before(const struct tx_rec *r, utime when, struct ssn end) {
    return time_before(r->sent, when) || (r->sent.ns == when.ns && ssn_lt(tx_rec_end(r), end));
}

/* ---- Reordering ------------------------------------------------------------------------------------------------- */

void rack_delivered(struct tcb *t, const struct tx_rec *r, struct ssn end, bool by_sack, struct tx_news *n) {
    struct tx *x = t->tx;
    dur rtt = time_since(t->env->now, r->sent);

    if (ssn_lt(x->fack, end))
        x->fack = end;
    else if (ssn_lt(end, n->fack) && !(r->flags & TX_RETRANS)) {
        n->reorder_low = n->reordered ? ssn_min(n->reorder_low, r->start) : r->start;
        t->rack.reordering_seen = n->reordered = true;
    }
    if (r->flags & TX_RETRANS) {
        /* Perhaps an earlier transmission arrived. The echo tells, but of data that is in order only. */
        if (rtt < rtt_min(&t->rtt) || (!by_sack && tx_echo_before(t, n->seg, tcp_ts_at(t, r->sent))))
            return;
    }
    if (time_before(x->rack_sent, r->sent) || (x->rack_sent.ns == r->sent.ns && ssn_lt(x->rack_end, end))) {
        x->rack_sent = r->sent;
        x->rack_end = end;
        t->rack.rtt_us = rtt / USEC(1) < UINT32_MAX ? (uint32_t)(rtt / USEC(1)) : UINT32_MAX;
    }
}

/* True for the first report of a round. With nothing in flight the round is over at once. */
static bool dsack_begins_round(struct tcb *t) {
    struct tx *x = t->tx;

    if (!x)
        return true;
    if (ssn_lt(t->snd_una, x->dsack_round))
        return false;
    x->dsack_round = t->snd_nxt;
    return true;
}

void rack_dsack(struct tcb *t, const struct tx_news *n) {
    struct rack *rack = &t->rack;

    if (n->dsacked == 0 || !dsack_begins_round(t))
        return;
    rack->reo_persist = REO_PERSIST;
    rack->reo_mult += rack->reo_mult < REO_MULT_MAX;
}

void rack_recovered(struct tcb *t) {
    struct rack *rack = &t->rack;

    if (rack->reo_persist > 0 && --rack->reo_persist == 0)
        rack->reo_mult = 1;
}

/* As many segments arrived out of order as RFC 5681 takes for a loss. */
static bool dupthresh_reached(const struct tx *x, uint32_t mss) {
    if (x->sacked > (TX_DUPTHRESH - 1) * mss)
        return true;
    unsigned seen = 0;
    for (uint32_t i = 0, bytes = 0; bytes < x->sacked && seen < TX_DUPTHRESH; i++) {
        const struct tx_rec *r = tx_at(x, i);
        if (r->flags & TX_SACKED) {
            bytes += r->len;
            seen++;
        }
    }
    return seen >= TX_DUPTHRESH;
}

/* RFC 8985 6.2 step 4. */
static dur reo_window(const struct tcb *t) {
    const struct tx *x = t->tx;

    if (!t->rack.reordering_seen && (x->state >= TX_RECOVERY || dupthresh_reached(x, t->cc.mss)))
        return 0;
    return min_dur(t->rack.reo_mult * rtt_min(&t->rtt) / 4, t->rtt.srtt);
}

/* ---- Loss ------------------------------------------------------------------------------------------------------- */

uint32_t rack_detect(struct tcb *t) {
    struct tx *x = t->tx;
    uint32_t lost = 0;
    dur wait = 0, late = USEC(t->rack.rtt_us) + reo_window(t);

    for (uint32_t i = 0; i < x->recs.count; i++) {
        struct tx_rec *r = tx_at(x, i);
        if (r->flags & (TX_SACKED | TX_LOST))
            continue;
        if (!sent_before(r, x->rack_sent, x->rack_end)) {
            if (r->flags & TX_RETRANS)
                continue;
            break;
        }
        dur age = time_since(t->env->now, r->sent);
        if (age >= late) {
            tx_mark_lost(t, r);
            lost += r->len;
        } else if (late - age > wait) {
            wait = late - age;
        }
    }
    if (wait)
        tx_set_timer(t, TX_TIMER_REO, time_add(t->env->now, wait));
    return lost;
}

void rack_mark_timeout(struct tcb *t) {
    struct tx *x = t->tx;
    /* Without SACK nothing tells what arrived of the rest: all of it is sent again (RFC 5681 3.1). */
    dur late = t->sack_ok ? USEC(t->rack.rtt_us) + reo_window(t) : 0;

    for (uint32_t i = 0; i < x->recs.count; i++) {
        struct tx_rec *r = tx_at(x, i);
        if (r->flags & (TX_SACKED | TX_LOST))
            continue;
        if (i == 0 || time_since(t->env->now, r->sent) >= late)
            tx_mark_lost(t, r);
    }
}

/* ---- Loss probe ------------------------------------------------------------------------------------------------- */

bool probe_wanted(const struct tcb *t) {
    const struct tx *x = tx_of(t);
    return t->sack_ok && (x->state == TX_OPEN || x->state == TX_CWR) && x->sacked == 0 && x->lost == 0 &&
           t->rack.rtt_since_tlp && !x->tlp_out && !x->tlp_pending;
}

/* RFC 8985 7.2; the peer may hold back the acknowledgment of a single segment. */
dur probe_timeout(const struct tcb *t) {
    if (t->rtt.srtt == 0)
        return SEC(1);
    dur pto = 2 * t->rtt.srtt;
    return tx_outstanding(t) <= t->cc.mss ? pto + t->env->cfg.rto_min : pto;
}

void probe_sent(struct tcb *t, struct ssn end, uint32_t again) {
    struct tx *x = t->tx;

    x->tlp_pending = false;
    x->tlp_out = true;
    x->tlp_again = again > 0;
    x->tlp_len = (uint16_t)(again < UINT16_MAX ? again : UINT16_MAX);
    x->tlp_end = end;
    t->rack.rtt_since_tlp = false;
    x->rto_from = t->env->now; /* RFC 8985 7.3 */
    if (again)
        x->retrans_stamp = tcp_ts_now(t);
    mib_inc(&t->env->mib, MIB_TCP_LOSS_PROBES);
}

void probe_forget(struct tcb *t) {
    t->tx->tlp_out = t->tx->tlp_pending = false;
    t->tx->tlp_len = 0;
}

/* RFC 8985 7.4 */
bool probe_repaired(struct tcb *t, const struct tx_news *n) {
    struct tx *x = t->tx;

    if (!x->tlp_out || ssn_lt(t->snd_una, x->tlp_end))
        return false;
    x->tlp_len = 0;
    bool twice = n->dsacked && ssn_eq(n->dsack_end, x->tlp_end);
    bool original = n->acked && tx_echo_before(t, n->seg, x->retrans_stamp);
    bool repeated = n->acked == 0 && seg_space(n->seg) == 0 && n->seg->opt.nsack == 0;
    if (!x->tlp_again || twice || original || repeated) {
        x->tlp_out = false; /* nothing was lost */
        return false;
    }
    if (ssn_eq(t->snd_una, x->tlp_end))
        return false; /* the next acknowledgment will tell */
    x->tlp_out = false;
    mib_inc(&t->env->mib, MIB_TCP_LOSS_PROBE_RECOVERY);
    return true;
}
