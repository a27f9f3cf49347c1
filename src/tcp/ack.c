/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an acknowledgment says about the scoreboard: which bytes arrived, when the round trip was one, which arrived
 * twice. What follows from it is decided in rack.c (what is lost) and recovery.c (what to do).
 */
#include "base/minmax.h"
#include "tcp/flight.h"
#include "tcp/internal.h"

#include <assert.h>

enum { REORDERING_MAX = 300 }; /* segments, as Linux bounds it */

enum {
    /* Hostile SACK blocks may cut records into crumbs. An honest receiver reports edges of segments, so no more than
     * two records per segment in flight are ever needed beside some for segments of odd sizes; then splitting ends. */
    RECORDS_SPARE = 256,
};

static uint32_t segments(const struct tcb *t, uint32_t bytes) { return (bytes + t->cc.mss - 1) / t->cc.mss; }

/* Of the first `len` numbers of a record; a FIN travels with the bytes before it. */
static uint32_t record_segments(const struct tcb *t, const struct tx_rec *r, uint32_t len) {
    bool fin = r->flags & TX_FIN && len == r->len && len > 1;
    return segments(t, len - fin);
}

/* [.., end) of a record that was not known to have arrived has. */
static void note_delivered(struct tcb *t, const struct tx_rec *r, struct ssn end, bool by_sack, struct tx_news *n) {
    if (!(r->flags & TX_RETRANS)) {
        n->rtt_last = time_since(t->env->now, r->sent);
        if (n->rtt_first == 0)
            n->rtt_first = n->rtt_last;
        n->original |= ssn_le(end, t->tx->recover);
    }
    rate_delivered(r, end, n);
    rack_delivered(t, r, end, by_sack, n);
}

/* ---- Cumulative ------------------------------------------------------------------------------------------------- */

static void take_front(struct tcb *t, struct tx_rec *r, uint32_t len, struct tx_news *n) {
    struct tx *x = t->tx;

    if (r->flags & TX_SACKED) {
        x->sacked -= len;
    } else {
        n->delivered += len;
        t->delivered += record_segments(t, r, len);
        note_delivered(t, r, ssn_add(r->start, len), false, n);
    }
    if (r->flags & TX_LOST)
        x->lost -= len;
    n->acked_retrans |= r->flags & TX_RETRANS;
    r->start = ssn_add(r->start, len);
    r->len -= len;
}

static void ack_cumulative(struct tcb *t, struct ssn ack, struct tx_news *n, struct tcp_rx *rx) {
    struct tx *x = t->tx;
    struct tx_rec *r = deque_front(&x->recs);

    n->acked = (uint32_t)ssn_sub(ack, t->snd_una);
    /* By the present episode, that is: what an earlier one sent again echoes a time before this one's. */
    n->front_retrans = r && (r->flags & TX_RETRANS) && (int32_t)(tcp_ts_at(t, r->sent) - x->retrans_stamp) >= 0;
    for (; r && ssn_lt(r->start, ack); r = deque_front(&x->recs)) {
        take_front(t, r, (uint32_t)ssn_sub(ssn_min(ack, tx_rec_end(r)), r->start), n);
        if (r->len > 0)
            break;
        rx->fin_acked |= r->flags & TX_FIN;
        deque_pop_front(&x->recs, &t->env->mem);
    }
    t->snd_una = ack;
    rx->acked = n->acked - rx->fin_acked;
    x->rto_from = t->env->now; /* RFC 6298 5.3 */
    x->tlp_pending = false;
    if (n->acked_retrans)
        n->rtt_first = n->rtt_last = 0; /* what waited behind a retransmission tells nothing about the path either */
}

/* ---- SACK ------------------------------------------------------------------------------------------------------- */

/* Splits record `i` at `at` unless the scoreboard is full of crumbs. */
static bool split_at_edge(struct tcb *t, uint32_t i, struct ssn at) {
    uint32_t most = RECORDS_SPARE + 2 * (tx_outstanding(t) / t->cc.mss);
    return t->tx->recs.count < most && tx_split(t, i, at);
}

static void mark_sacked(struct tcb *t, struct tx_rec *r, struct tx_news *n) {
    struct tx *x = t->tx;

    note_delivered(t, r, tx_rec_end(r), true, n);
    if (r->flags & TX_LOST)
        x->lost -= r->len;
    r->flags = (uint8_t)((r->flags & ~TX_LOST) | TX_SACKED);
    x->sacked += r->len;
    n->delivered += r->len;
    t->delivered += record_segments(t, r, r->len);
}

/* A valid block: marks what it covers. An edge inside a record that cannot be split leaves that record as it was. */
static void sack_block(struct tcb *t, struct ssn left, struct ssn right, struct tx_news *n) {
    struct tx *x = t->tx;

    for (uint32_t i = tx_find(x, left); i < x->recs.count; i++) {
        const struct tx_rec *r = tx_at(x, i);
        if (ssn_le(right, r->start))
            return;
        if (r->flags & TX_SACKED)
            continue;
        if (ssn_lt(r->start, left)) {
            if (!split_at_edge(t, i, left))
                continue;
            i++;
        }
        if (ssn_lt(right, tx_rec_end(tx_at(x, i))) && !split_at_edge(t, i, right))
            return;
        mark_sacked(t, tx_at(x, i), n);
    }
}

struct block {
    struct ssn left, right;
};

static struct block block_of(const struct tcb *t, const struct sack_block *s) {
    return (struct block){ssn_of(t->isn, t->snd_una, s->left), ssn_of(t->isn, t->snd_una, s->right)};
}

/* RFC 2883 4: the first block reports a duplicate when it lies below the ACK or inside the second block. */
static bool is_dsack(const struct tcb *t, const struct tcp_options *opt, const struct block *first) {
    if (ssn_lt((struct ssn){0}, first->left) && ssn_le(first->right, t->snd_una))
        return true;
    if (opt->nsack < 2)
        return false;
    struct block second = block_of(t, &opt->sack[1]);
    return ssn_le(second.left, first->left) && ssn_le(first->right, second.right) && ssn_le(second.right, tx_high(t));
}

/*
 * More came twice than was sent again, or than the peer ever let go at once: the network made copies, or the peer errs.
 * Of our retransmissions that says nothing, and the block is one like others. Otherwise one of them arrived, too.
 * Below the ACK it also may be about something that no episode asks for, or that came before it.
 */
static bool take_dsack(struct tcb *t, const struct block *b, struct tx_news *n) {
    struct mib_table *mib = &t->env->mib;
    const struct tx *x = tx_of(t);
    const uint32_t len = (uint32_t)ssn_sub(b->right, b->left), segs = segments(t, len);
    const bool below = n->outstanding && ssn_le(b->right, t->snd_una);
    mib_inc(mib, ssn_lt(b->left, t->snd_una) ? MIB_TCP_DSACK_RECV : MIB_TCP_DSACK_OFO_RECV);
    t->dsack_dups += len <= t->max_snd_wnd ? segs : 0;
    if (len > t->max_snd_wnd || t->dsack_dups > t->retrans_segs) {
        mib_inc(mib, MIB_TCP_DSACK_IGNORED_DUBIOUS);
        return false;
    }
    n->dsacked = len;
    n->dsack_end = b->right;
    t->delivered += segs;
    mib_add(mib, MIB_TCP_DSACK_RECV_SEGS, segs);
    if (below && !x->undo_possible)
        mib_inc(mib, MIB_TCP_DSACK_IGNORED_NO_UNDO);
    else if (below && ssn_le(b->right, tx_episode_start(x)))
        mib_inc(mib, MIB_TCP_DSACK_IGNORED_OLD);
    return true;
}

static void ack_sacks(struct tcb *t, struct tx_news *n) {
    const struct tcp_options *opt = &n->seg->opt;

    for (unsigned i = 0; i < opt->nsack && i < SACK_MAX; i++) {
        struct block b = block_of(t, &opt->sack[i]);
        bool order = ssn_lt(b.left, b.right);
        if (i == 0 && order && is_dsack(t, opt, &b) && take_dsack(t, &b, n))
            continue;
        if (!order || ssn_lt(b.left, t->snd_una) || ssn_lt(tx_high(t), b.right)) {
            mib_inc(&t->env->mib, MIB_TCP_SACK_DISCARD);
        } else {
            sack_block(t, b.left, b.right, n);
        }
    }
}

/* ---- Without SACK ----------------------------------------------------------------------------------------------- */

/* RFC 5681 2, and RFC 8684 3: one that carries a signal of MPTCP says nothing about the network. */
static bool is_dupack(const struct tcb *t, const struct seg *seg, const struct tx_news *n, uint64_t wnd) {
    if (n->acked || n->outstanding == 0 || seg_space(seg) > 0 || wnd != t->snd_wnd)
        return false;
    for (unsigned i = 0; i < seg->mp.n; i++)
        if (seg->mp.opt[i].type != MP_DSS)
            return false;
    return true;
}

/* Each duplicate ACK stands for a segment that arrived; a cumulative one takes them into account (RFC 9937 6.2). */
static void ack_reno(struct tcb *t, struct tx_news *n) {
    struct tx *x = t->tx;

    if (n->acked) {
        uint32_t counted = min_u32(x->sacked, n->acked > t->cc.mss ? n->acked - t->cc.mss : 0);
        n->delivered -= counted;
        t->delivered -= min_u32(t->delivered, counted / t->cc.mss);
        x->sacked = x->state == TX_RECOVERY ? min_u32(x->sacked - counted, tx_outstanding(t) - x->lost) : 0;
        if (x->state < TX_RECOVERY)
            x->dupacks = 0;
    } else if (n->dupack && x->state != TX_LOSS) {
        uint32_t one = min_u32(t->cc.mss, tx_outstanding(t) - x->lost - x->sacked);
        /* As many as are in flight leave none that could be the lost one. */
        if (x->sacked + max_u32(x->lost, t->cc.mss) + t->cc.mss > tx_outstanding(t))
            mib_inc(&t->env->mib, MIB_TCP_RENO_REORDER);
        x->dupacks += x->dupacks < UINT8_MAX;
        x->sacked += one;
        n->delivered += one;
        t->delivered += one > 0;
    }
}

/* ---- Round trip ------------------------------------------------------------------------------------------------- */

/* A sample from the echoed timestamp, in its coarse unit, when the records leave it open which transmission arrived. */
static dur rtt_from_echo(const struct tcb *t, const struct tx_news *n) {
    if (!t->ts_ok || !n->seg->opt.has_ts || n->acked == 0)
        return 0;
    uint32_t ms = tcp_ts_now(t) - n->seg->opt.tsecr;
    dur sample = MSEC(ms ? ms : 1);
    return ms <= INT32_MAX && sample <= t->env->cfg.rto_max ? sample : 0;
}

static void ack_rtt(struct tcb *t, struct tx_news *n) {
    dur sample = n->rtt_first ? n->rtt_first : rtt_from_echo(t, n);

    n->rtt = sample;
    if (sample == 0)
        return;
    /* RFC 7323 appendix G: one sample for two segments, or one for each super-segment. */
    uint32_t segments = n->outstanding / (2 * t->cc.mss), records = t->tx->recs.count + 1;
    rtt_sample(&t->rtt, t->env->now, sample, min_u32(segments, records));
    if (n->rtt_last)
        rtt_see_min(&t->rtt, t->env->now, n->rtt_last);
    t->rack.rtt_since_tlp = true;
}

/* How far what arrived late was behind, for who looks at the connection; RACK goes by time. */
static void reordering_seen(struct tcb *t, const struct tx_news *n) {
    const uint64_t behind = ssn_sub(t->tx->fack, n->reorder_low), segments = (behind + t->cc.mss - 1) / t->cc.mss;
    t->reordering = (uint16_t)max_u64(t->reordering, min_u64(segments, REORDERING_MAX));
    t->reord_seen += t->reord_seen < UINT16_MAX;
    mib_inc(&t->env->mib, MIB_TCP_SACK_REORDER);
}

void tx_ack(struct tcb *t, const struct seg *seg, struct ssn ack, struct tcp_rx *rx) {
    const struct tx *x = tx_of(t);
    struct tx_news n = {.seg = seg,
                        .una = t->snd_una,
                        .fack = x->fack,
                        .outstanding = tx_outstanding(t),
                        .pipe = tx_pipe(t),
                        .sacked = x->sacked};
    const uint32_t delivered = t->delivered;

    assert(ssn_le(t->snd_una, ack) && ssn_le(ack, t->snd_nxt));
    if (ssn_lt(t->snd_una, ack))
        ack_cumulative(t, ack, &n, rx);
    else if (n.outstanding == 0 && seg->opt.nsack == 0 && !x->tlp_out)
        return; /* it says nothing about what was sent */
    n.dupack = is_dupack(t, seg, &n, rx->wnd);
    if (t->sack_ok)
        ack_sacks(t, &n);
    else
        ack_reno(t, &n);
    mib_add(&t->env->mib, MIB_TCP_DELIVERED, (uint64_t)((int64_t)t->delivered - delivered));
    if (n.reordered)
        reordering_seen(t, &n);
    n.echoed = ecn_echoed(t, seg, t->delivered - delivered);
    ack_rtt(t, &n);
    if (n.acked)
        pmtu_acked(t);
    recovery_ack(t, &n);
    tx_release(t);
    tx_arm(t);
}
