/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scoreboard: records of what was sent, in order of position and without gaps from SND.UNA to SND.NXT.
 * Acknowledging takes records off the front; sending appends at the back; only SACK and retransmission in parts reach
 * into the middle.
 *
 * The bytes of each kind are counted, so that pipe costs nothing, and the first lost record is found from a hint by
 * binary search: nothing that happens for every segment of a bulk transfer walks the scoreboard.
 */
#include "tcp/flight.h"
#include "tcp/internal.h"

#include <assert.h>
#include <errno.h>

/* ---- Existence -------------------------------------------------------------------------------------------------- */

void tx_init(struct tcb *t) {
    t->tx = NULL;
    t->rtx_mode = TX_TIMER_NONE;
    t->rack = (struct rack){.reo_mult = 1, .rtt_since_tlp = true};
}

void tx_destroy(struct tcb *t) {
    if (!t->tx)
        return;
    deque_free(&t->tx->recs, &t->env->mem);
    mem_free(&t->env->mem, t->tx, sizeof(*t->tx));
    t->tx = NULL;
}

const struct tx *tx_of(const struct tcb *t) {
    static const struct tx none;
    return t->tx ? t->tx : &none;
}

/* Makes the struct tx unless it is there; NULL without memory. */
static struct tx *tx_get(struct tcb *t) {
    if (t->tx)
        return t->tx;
    t->tx = mem_alloc(&t->env->mem, sizeof(*t->tx));
    if (t->tx)
        deque_init(&t->tx->recs, sizeof(struct tx_rec));
    return t->tx;
}

/*
 * Nothing is in flight, and something sent after the last episode was acknowledged: until then duplicates of what the
 * episode sent again may come, which may undo it (RFC 2883), and must not begin another (RFC 6582 4.1). A loss probe is
 * judged by the acknowledgment that follows that of its bytes.
 */
static bool tx_settled(const struct tx *x, struct ssn una) {
    return x->recs.count == 0 && ssn_lt(x->recover, una) && !x->undo_possible && !x->tlp_out;
}

void tx_release(struct tcb *t) {
    if (t->tx && tx_settled(t->tx, t->snd_una))
        tx_destroy(t);
}

void tx_no_undo(struct tcb *t) {
    if (!t->tx)
        return;
    t->tx->undo_possible = false;
    tx_release(t);
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

struct ssn tx_high(const struct tcb *t) {
    const struct tx_rec *back = deque_back(&tx_of(t)->recs);
    return back ? tx_rec_end(back) : t->snd_una;
}

uint32_t tx_outstanding(const struct tcb *t) { return (uint32_t)ssn_sub(tx_high(t), t->snd_una); }

uint32_t tx_pipe(const struct tcb *t) {
    const struct tx *x = tx_of(t);
    return tx_outstanding(t) - x->sacked - x->lost + x->tlp_len;
}

uint32_t tx_find(const struct tx *x, struct ssn at) {
    uint32_t low = 0, high = x->recs.count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (ssn_lt(at, tx_rec_end(tx_at(x, mid))))
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

bool tx_echo_before(const struct tcb *t, const struct seg *seg, uint32_t stamp) {
    return t->ts_ok && seg->opt.has_ts && (int32_t)(seg->opt.tsecr - stamp) < 0;
}

uint32_t tx_initial_window(const struct tcb *t) { return t->env->cfg.initial_cwnd * t->cc.mss; }

/* RFC 5681 4.1: nothing in flight and nothing sent for an RTO, so that the window's size says nothing any more. */
static bool tx_idle(const struct tcb *t) {
    return tx_of(t)->recs.count == 0 && time_since(t->env->now, t->last_sent) > tx_rto(t);
}

uint32_t tx_window(const struct tcb *t) {
    uint32_t restart = tx_initial_window(t);
    return t->env->cfg.slow_start_after_idle && !t->cc.ops->owns_window && tx_idle(t) && restart < t->cc.cwnd
               ? restart
               : t->cc.cwnd;
}

/* How far beyond what a timeout found in flight F-RTO lets new data go: two segments (RFC 5682 2.1 step 2). */
static struct ssn frto_edge(const struct tcb *t) { return ssn_add(t->tx->recover, 2 * t->cc.mss); }

bool tx_wants_new(const struct tcb *t) {
    const struct tx *x = tx_of(t);
    return x->tlp_pending || (x->frto == TX_FRTO_PROBING && ssn_eq(t->snd_nxt, x->recover));
}

/* What is missing first was sent again already, by an episode that is over: there is nothing to find out. */
static bool hole_was_mended(const struct tcb *t) {
    const struct tx_rec *front = deque_front(&t->tx->recs);
    return front && (front->flags & TX_RETRANS) && ssn_le(t->tx->recover, t->snd_una);
}

uint32_t tx_budget(const struct tcb *t) {
    const struct tx *x = tx_of(t);
    uint32_t window = tx_window(t), pipe = tx_pipe(t);
    uint32_t budget = window > pipe && !x->hold ? window - pipe : 0;

    if (x->state == TX_DISORDER && !t->rack.reordering_seen && !hole_was_mended(t)) {
        /* Limited transmit (RFC 3042): two segments beyond the window until it is known whether it is loss. */
        uint32_t limit = window + 2 * t->cc.mss, outstanding = tx_outstanding(t);
        uint32_t rest = limit > outstanding ? limit - outstanding : 0;
        budget = rest < budget ? rest : budget;
    } else if (x->frto == TX_FRTO_PROBING) {
        uint64_t rest = ssn_lt(t->snd_nxt, frto_edge(t)) ? ssn_sub(frto_edge(t), t->snd_nxt) : 0;
        budget = rest < budget ? (uint32_t)rest : budget;
    }
    return budget;
}

/* How many of `len` bytes may be sent again: whole segments, but a whole record however short. */
static uint32_t lost_allowed(const struct tcb *t, uint32_t len) {
    const struct tx *x = tx_of(t);
    uint32_t mss = t->cc.mss, budget = tx_budget(t);
    assert(mss > 0);
    /* The first retransmission of a recovery always goes (RFC 9937 6.2). */
    bool forced = (x->state == TX_RECOVERY && x->prr_out == 0) || tx_pipe(t) == 0;

    if (budget < mss && forced)
        budget = mss;
    if (len <= budget)
        return len;
    return budget - budget % mss;
}

/*
 * New data was sent behind a timeout, or can be, up to the window's `edge`: the answer to it tells whether the timeout
 * was spurious, and nothing is sent again until then.
 */
static bool frto_waits(const struct tcb *t, struct ssn edge) {
    const struct tx *x = tx_of(t);
    if (x->frto != TX_FRTO_PROBING)
        return false;
    uint64_t queued = ssn_sub(ssn_max(t->snd_end, t->snd_nxt), t->snd_nxt);
    uint64_t segment = queued < t->cc.mss ? queued : t->cc.mss;
    return ssn_lt(x->recover, t->snd_nxt) || (segment && ssn_le(ssn_add(t->snd_nxt, segment), edge));
}

bool tx_next_lost(const struct tcb *t, struct ssn *start, struct ssn *end) {
    const struct tx *x = tx_of(t);
    struct ssn edge = ssn_add(t->snd_una, t->snd_wnd);

    if (x->lost == 0 || x->hold)
        return false;
    if (frto_waits(t, edge))
        return false;
    uint32_t i = tx_find(x, x->lost_hint);
    while (i < x->recs.count && !(tx_at(x, i)->flags & TX_LOST))
        i++;
    assert(i < x->recs.count);
    const struct tx_rec *r = tx_at(x, i);
    uint32_t len = lost_allowed(t, r->len);
    /* A window that shrank since (RFC 9293 3.8.6): nothing beyond it but the first segment, which probes it. */
    if (ssn_lt(edge, ssn_add(r->start, len))) {
        uint32_t inside = ssn_lt(r->start, edge) ? (uint32_t)ssn_sub(edge, r->start) : 0;
        uint32_t first = i == 0 ? (len < t->cc.mss ? len : t->cc.mss) : 0;
        len = inside > first ? inside : first;
    }
    *start = r->start;
    *end = ssn_add(r->start, len);
    return len > 0;
}

bool tx_probe_range(const struct tcb *t, uint32_t most, struct ssn *start, struct ssn *end) {
    const struct tx_rec *r = deque_back(&tx_of(t)->recs);

    if (!r || (r->flags & TX_SACKED))
        return false;
    *end = tx_rec_end(r);
    most += r->flags & TX_FIN ? 1 : 0;
    *start = r->len > most ? ssn_add(r->start, r->len - most) : r->start;
    return true;
}

static uint32_t record_segments(const struct tcb *t, const struct tx_rec *r) {
    uint32_t len = r->len - (r->flags & TX_FIN && r->len > 1);
    return (len + t->cc.mss - 1) / t->cc.mss;
}

struct tx_counts tx_count(const struct tcb *t) {
    const struct tx *x = tx_of(t);
    struct tx_counts n = {0};
    for (uint32_t i = 0; i < x->recs.count; i++) {
        const struct tx_rec *r = tx_at(x, i);
        uint32_t segments = record_segments(t, r);
        bool again = r->flags & TX_RETRANS && !(r->flags & (TX_SACKED | TX_LOST));
        n.out += segments;
        n.again += again ? segments : 0;
        n.sacked += r->flags & TX_SACKED ? segments : 0;
        n.lost += r->flags & TX_LOST || (again && x->state >= TX_RECOVERY) ? segments : 0;
    }
    if (!t->sack_ok && n.out)
        n.sacked = x->sacked / t->cc.mss;
    return n;
}

void tx_note(struct tcb *t, enum tx_flag flag) {
    struct tx_rec *back = deque_back(&t->tx->recs);
    back->flags |= (uint8_t)flag;
}

bool tx_pushes(const struct tcb *t, struct ssn start, struct ssn end) {
    const struct tx *x = tx_of(t);
    uint32_t i = tx_find(x, start);
    return i < x->recs.count && tx_at(x, i)->flags & TX_PUSH &&
           ssn_le(tx_rec_end(tx_at(x, i)), ssn_add(end, tx_at(x, i)->flags & TX_FIN ? 1 : 0));
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

bool tx_split(struct tcb *t, uint32_t i, struct ssn at) {
    struct tx *x = t->tx;

    assert(ssn_lt(tx_at(x, i)->start, at) && ssn_lt(at, tx_rec_end(tx_at(x, i))));
    struct tx_rec *tail = deque_insert(&x->recs, &t->env->mem, i + 1);
    if (!tail)
        return false;
    struct tx_rec *head = tx_at(x, i);
    *tail = *head;
    head->len = (uint32_t)ssn_sub(at, head->start);
    head->flags &= (uint8_t) ~(TX_FIN | TX_PUSH);
    tail->start = at;
    tail->len -= head->len;
    return true;
}

void tx_mark_lost(struct tcb *t, struct tx_rec *r) {
    struct tx *x = t->tx;

    assert(!(r->flags & (TX_SACKED | TX_LOST)));
    if (x->lost == 0 || ssn_lt(r->start, x->lost_hint))
        x->lost_hint = r->start;
    r->flags |= TX_LOST;
    x->lost += r->len;
    rate_lost(t, r);
    if (!t->sack_ok && x->sacked > tx_outstanding(t) - x->lost)
        x->sacked = tx_outstanding(t) - x->lost;
    if (r->flags & TX_REPAIR)
        mib_add(&t->env->mib, MIB_TCP_LOST_RETRANSMIT, record_segments(t, r));
}

void tx_clear_lost(struct tcb *t) {
    struct tx *x = t->tx;

    for (uint32_t i = 0; x->lost && i < x->recs.count; i++) {
        struct tx_rec *r = tx_at(x, i);
        if (r->flags & TX_LOST) {
            r->flags &= (uint8_t)~TX_LOST;
            x->lost -= r->len;
        }
    }
}

static int send_new(struct tcb *t, struct ssn start, struct ssn end, bool fin) {
    bool first = tx_of(t)->recs.count == 0, idle = tx_idle(t), empty = tx_pipe(t) == 0;
    uint32_t window = tx_window(t);

    assert(ssn_eq(start, tx_high(t)));
    struct tx *x = tx_get(t);
    struct tx_rec *r = x ? deque_push(&x->recs, &t->env->mem) : NULL;
    if (!r) {
        tx_release(t);
        return -ENOMEM;
    }
    *r = (struct tx_rec){
        .start = start, .sent = t->env->now, .len = (uint32_t)ssn_sub(end, start), .flags = fin ? TX_FIN : 0};
    if (first)
        x->rto_from = t->env->now;
    t->cc.cwnd = window;
    if (idle && t->cc.ops->on_idle)
        t->cc.ops->on_idle(&t->cc, t->env->now, time_since(t->env->now, t->last_sent));
    if (first && t->cc.ops->on_start)
        t->cc.ops->on_start(&t->cc, t->env->now, t->rtt.srtt);
    t->snd_nxt = ssn_max(t->snd_nxt, end);
    rate_sent(t, r, empty);
    /* In slow start a window that was half used may double: what was acknowledged proves so much (RFC 7661). */
    uint64_t pipe = tx_pipe(t);
    x->cwnd_limited = pipe + t->cc.mss > t->cc.cwnd || (cc_in_slow_start(&t->cc) && 2 * pipe >= t->cc.cwnd);
    return 0;
}

/* Cuts the records so that [start, end) is one of its own, and returns its index; the count without memory. */
static uint32_t isolate(struct tcb *t, struct ssn start, struct ssn end) {
    struct tx *x = t->tx;
    uint32_t i = tx_find(x, start);

    assert(i < x->recs.count && ssn_le(tx_at(x, i)->start, start) && ssn_le(end, tx_rec_end(tx_at(x, i))));
    if (ssn_lt(tx_at(x, i)->start, start)) {
        if (!tx_split(t, i, start))
            return x->recs.count;
        i++;
    }
    if (ssn_lt(end, tx_rec_end(tx_at(x, i))) && !tx_split(t, i, end))
        return x->recs.count;
    return i;
}

static int send_again(struct tcb *t, struct ssn start, struct ssn end) {
    struct tx *x = t->tx;
    const bool empty = tx_pipe(t) == 0;
    uint32_t i = isolate(t, start, end);

    if (i == x->recs.count)
        return -ENOMEM;
    struct tx_rec *r = tx_at(x, i);
    assert(!(r->flags & TX_SACKED));
    pmtu_sent_again(t, start, end);
    if (r->flags & TX_LOST) {
        r->flags = (uint8_t)((r->flags & ~TX_LOST) | TX_REPAIR);
        x->lost -= r->len;
        if (ssn_eq(r->start, x->lost_hint))
            x->lost_hint = end;
    }
    r->flags |= TX_RETRANS;
    r->sent = t->env->now;
    rate_sent(t, r, empty);
    recovery_sent_again(t, r->len);
    return 0;
}

int tx_sent(struct tcb *t, struct ssn start, struct ssn end, bool fin, bool again, bool tlp) {
    uint32_t len = (uint32_t)ssn_sub(end, start);

    assert(ssn_lt(start, end));
    int err = again ? send_again(t, start, end) : send_new(t, start, end, fin);
    if (err)
        return err;
    if (t->tx->state == TX_RECOVERY || t->tx->state == TX_CWR)
        t->tx->prr_out += len;
    if (tlp)
        probe_sent(t, end, again ? len : 0);
    t->last_sent = t->env->now;
    tx_arm(t);
    return 0;
}

void tx_mark_too_big(struct tcb *t, uint32_t mss) {
    if (!t->tx)
        return;
    for (uint32_t i = 0; i < t->tx->recs.count; i++) {
        struct tx_rec *r = tx_at(t->tx, i);
        if (r->len > mss && !(r->flags & (TX_SACKED | TX_LOST)))
            tx_mark_lost(t, r);
    }
    probe_forget(t);
}

/* ---- Invariants ------------------------------------------------------------------------------------------------- */

static const char *check_counts(const struct tcb *t, uint64_t sacked, uint64_t lost, struct ssn first_lost) {
    const struct tx *x = tx_of(t);

    if (lost != x->lost)
        return "tx: lost bytes are miscounted";
    if (t->sack_ok ? sacked != x->sacked : sacked != 0)
        return "tx: SACKed bytes are miscounted";
    if ((uint64_t)x->sacked + x->lost > tx_outstanding(t))
        return "tx: more is lost or SACKed than is in flight";
    if (lost && ssn_lt(first_lost, x->lost_hint))
        return "tx: something lost stands before the hint";
    return NULL;
}

const char *tx_check(const struct tcb *t) {
    const struct tx *x = tx_of(t);
    struct ssn next = t->snd_una, first_lost = {0};
    uint64_t sacked = 0, lost = 0;

    for (uint32_t i = 0; i < x->recs.count; i++) {
        const struct tx_rec *r = tx_at(x, i);
        if (!ssn_eq(r->start, next) || r->len == 0)
            return "tx: records are not contiguous from SND.UNA";
        next = tx_rec_end(r);
        if ((r->flags & TX_SACKED) && (r->flags & TX_LOST))
            return "tx: a record is both SACKed and lost";
        if ((r->flags & TX_FIN) && i + 1 != x->recs.count)
            return "tx: a FIN in the middle";
        if (time_before(t->env->now, r->sent))
            return "tx: a record from the future";
        if ((r->flags & TX_LOST) && lost == 0)
            first_lost = r->start;
        lost += r->flags & TX_LOST ? r->len : 0;
        sacked += r->flags & TX_SACKED ? r->len : 0;
    }
    if (x->recs.count && !ssn_eq(next, t->snd_nxt))
        return "tx: records do not end at SND.NXT";
    if (t->tx && tx_settled(t->tx, t->snd_una))
        return "tx: memory for what is in flight, and there is nothing";
    if (x->recs.count && time_is_never(t->due.rtx))
        return "tx: something is in flight and no timer runs";
    if (t->cc.ops && t->cc.cwnd < t->cc.mss)
        return "tx: the congestion window is smaller than a segment";
    return check_counts(t, sacked, lost, first_lost);
}
