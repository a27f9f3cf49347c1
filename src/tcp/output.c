/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output: what is most urgent (tcp_plan), how its header looks (tcp_emit), and what follows from its departure
 * (tcp_sent). The first two change nothing, so the owner may ask, refuse and ask again.
 *
 * Payload goes as super-segments: one plan of up to 64 KB that is cut into full segments behind the TCP layer. Sender
 * silly window avoidance (RFC 9293 3.8.6.2.1) is therefore only about the last piece that window or cwnd cut off: it
 * waits while something is in flight whose acknowledgment will free more.
 */
#include "base/minmax.h"
#include "tcp/internal.h"

#include <assert.h>
#include <errno.h>

struct ssn tcp_snd_edge(const struct tcb *t) {
    return ssn_add(t->snd_una, t->snd_wnd);
}

static uint64_t queued(const struct tcb *t) {
    return ssn_lt(t->snd_nxt, t->snd_end) ? ssn_sub(t->snd_end, t->snd_nxt) : 0;
}

static uint64_t distance(struct ssn from, struct ssn to) { return ssn_lt(from, to) ? ssn_sub(to, from) : 0; }

static bool nothing_in_flight(const struct tcb *t) { return ssn_eq(t->snd_una, t->snd_nxt); }

/* ---- Room in a segment ------------------------------------------------------------------------------------------- */

/* SACK blocks that are to be reported. */
static uint32_t sack_have(const struct tcb *t) {
    return t->sack_ok && t->ofo ? t->ofo->ranges.count + (t->ofo->dsack.start != t->ofo->dsack.end) : 0;
}

/* Those that fit beside `used` bytes of other options: two NOPs, kind, length, eight bytes for each. */
static uint8_t sack_count(const struct tcb *t, uint32_t used) {
    uint32_t have = sack_have(t);
    if (have == 0 || used + 12 > TCP_OPTIONS_MAX)
        return 0;
    uint32_t fit = (TCP_OPTIONS_MAX - used - 4) / 8;
    return (uint8_t)(have < fit ? have : fit);
}

uint16_t tcp_payload_max(const struct tcb *t, uint32_t mp_options) {
    uint32_t used = mp_options + (t->ts_ok ? TCP_OPT_TS_LEN : 0);
    uint32_t n = sack_count(t, used);
    used += n ? 4 + 8 * n : 0;
    assert(used <= TCP_OPTIONS_MAX && t->mss > used);
    return (uint16_t)(t->mss - used);
}

uint16_t tcp_full_segment(const struct tcb *t) { return tcp_payload_max(t, 4u * t->owner_words); }

uint16_t tcp_smss(const struct tcb *t) {
    return (uint16_t)(t->mss - 4u * t->owner_words - (t->ts_ok ? TCP_OPT_TS_LEN : 0));
}

void tcp_set_owner_options(struct tcb *t, uint32_t bytes) {
    assert(bytes <= TCP_OPTIONS_MAX && bytes % 4 == 0);
    if (t->owner_words == bytes / 4)
        return;
    t->owner_words = bytes / 4 & 15;
    cc_set_mss(&t->cc, tcp_smss(t));
}

bool tcp_wants_new(const struct tcb *t) {
    return tx_wants_new(t) && tcp_can_send(t) && queued(t) == 0 &&
           distance(t->snd_end, tcp_snd_edge(t)) >= tcp_full_segment(t);
}

uint32_t tcp_room(const struct tcb *t, uint64_t want) {
    if (!tcp_can_send(t) || tcp_paced_out(t))
        return 0;
    const uint64_t waiting = queued(t);
    const uint32_t full = tcp_full_segment(t);
    if (tx_of(t)->tlp_pending && tcp_wants_new(t))
        return full;
    uint64_t budget = tx_budget(t);
    budget = budget > waiting ? budget - waiting : 0;
    uint64_t room = min_u64(budget, distance(t->snd_end, tcp_snd_edge(t)));
    const uint32_t probe = pmtu_wants(t, waiting + want);
    if (probe && room < probe + full && !nothing_in_flight(t))
        return 0; /* a probe of the path's MTU waits until it, and what shows its loss, may go at once */
    if (room < full && room < want)
        return nothing_in_flight(t) && waiting == 0 ? full : 0;
    return (uint32_t)room;
}

/* ---- Plan -------------------------------------------------------------------------------------------------------- */

/* Payload [start, start + len), and the FIN where it stands right behind. */
static void plan_payload(const struct tcb *t, struct tcp_plan *plan, struct ssn start, uint64_t len, bool fin) {
    plan->kind = len > 0 ? TCP_PLAN_DATA : TCP_PLAN_FIN;
    plan->flags = TCP_ACK;
    plan->ssn = start;
    plan->len = (uint32_t)len;
    plan->fin = fin && ssn_eq(ssn_add(start, len), t->snd_end);
}

static bool plan_handshake(const struct tcb *t, struct tcp_plan *plan) {
    if (!t->syn_pending)
        return false;
    plan->kind = TCP_PLAN_SYN;
    plan->flags = t->state == UMPTCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK;
    return true;
}

static bool plan_again(const struct tcb *t, struct tcp_plan *plan) {
    struct ssn start, end;
    if (!tx_next_lost(t, &start, &end))
        return false;
    plan_payload(t, plan, start, distance(start, ssn_min(end, t->snd_end)), ssn_lt(t->snd_end, end));
    plan->again = true;
    return true;
}

/*
 * May `n` bytes, less than a full segment and less than what is queued, go alone? Only when nothing in flight will open
 * the window, and it is much of the largest one seen or the persist timer has waited long enough.
 */
static bool sliver_may_go(const struct tcb *t, uint64_t n) {
    return nothing_in_flight(t) && (t->override || n >= t->max_snd_wnd / 2);
}

static bool plan_new(const struct tcb *t, struct tcp_plan *plan, uint64_t budget) {
    const uint64_t waiting = queued(t), window = distance(t->snd_nxt, tcp_snd_edge(t));
    uint64_t n = min_u64(min_u64(waiting, tcp_super_max(t)), min_u64(window, budget));
    if (n == 0 || (n < waiting && n < tcp_full_segment(t) && !sliver_may_go(t, n)))
        return false;
    plan_payload(t, plan, t->snd_nxt, n, t->fin_queued);
    return true;
}

/* RFC 4821 7.2: a segment that is larger than others, with enough behind it to show its loss. */
static bool plan_mtu_probe(const struct tcb *t, struct tcp_plan *plan) {
    const uint64_t waiting = queued(t), window = distance(t->snd_nxt, tcp_snd_edge(t));
    const uint32_t wants = pmtu_wants(t, waiting);
    if (!wants || min_u64(window, tx_budget(t)) < wants)
        return false;
    plan->mtu_probe = pmtu_probe_size(t);
    plan_payload(t, plan, t->snd_nxt, plan->mtu_probe, false);
    return true;
}

/* RFC 8985 7.3: new payload if the window allows, else the last segment once more; cwnd does not hold it back. */
static bool plan_loss_probe(const struct tcb *t, struct tcp_plan *plan) {
    struct ssn start, end;
    if (!tx_of(t)->tlp_pending)
        return false;
    if (!plan_new(t, plan, tcp_full_segment(t))) {
        if (!tx_probe_range(t, tcp_full_segment(t), &start, &end))
            return false;
        plan_payload(t, plan, start, distance(start, ssn_min(end, t->snd_end)), ssn_lt(t->snd_end, end));
        plan->again = true;
    }
    plan->tlp = true;
    return true;
}

/* The FIN takes no room at the peer, so neither its window nor cwnd delays it. */
static bool plan_fin(const struct tcb *t, struct tcp_plan *plan) {
    if (!t->fin_queued || t->fin_sent || !ssn_eq(t->snd_nxt, t->snd_end))
        return false;
    plan_payload(t, plan, t->snd_end, 0, true);
    return true;
}

/* A position that a peer which shrank its window still accepts. SYN and FIN take no room in it. */
static struct ssn acceptable_ssn(const struct tcb *t) {
    struct ssn edge = ssn_max(ssn_add(tcp_snd_edge(t), t->fin_sent), (struct ssn){1});
    bool granularity = distance(edge, t->snd_nxt) < (1u << t->snd_wscale);
    return granularity ? t->snd_nxt : edge;
}

static bool plan_bare(const struct tcb *t, struct tcp_plan *plan) {
    if (!t->probe_pending && t->ack_need != TCP_ACK_NOW)
        return false;
    plan->flags = TCP_ACK;
    if (t->ack_need == TCP_ACK_NOW) {
        plan->kind = TCP_PLAN_ACK;
        plan->ssn = acceptable_ssn(t);
    } else {
        plan->kind = TCP_PLAN_PROBE;
        plan->ssn = (struct ssn){t->snd_una.v - 1};
    }
    return true;
}

bool tcp_plan(const struct tcb *t, struct tcp_plan *plan) {
    *plan = (struct tcp_plan){0};
    if (t->rst_pending) {
        plan->kind = TCP_PLAN_RST;
        plan->flags = t->refused ? TCP_RST : TCP_RST | TCP_ACK;
        plan->no_ts = t->refused;
        plan->ssn = acceptable_ssn(t);
        return true;
    }
    if (plan_handshake(t, plan))
        return true;
    const bool paced_out = tcp_paced_out(t);
    if ((tcp_synchronized(t) || tcp_is_fast(t)) && tcb_waits_for_peer(t) &&
        ((!paced_out && plan_again(t, plan)) || plan_loss_probe(t, plan) ||
         (!paced_out && (plan_mtu_probe(t, plan) || plan_new(t, plan, tx_budget(t)))) || plan_fin(t, plan)))
        return true;
    return plan_bare(t, plan);
}

bool tcp_pending(const struct tcb *t) {
    struct tcp_plan plan;
    return tcp_plan(t, &plan);
}

/* ---- Emit -------------------------------------------------------------------------------------------------------- */

static void emit_handshake_options(const struct tcb *t, const struct tcp_plan *plan, struct tcp_options *opt) {
    const struct umptcp_config *cfg = &t->env->cfg;
    const bool answer = plan->flags & TCP_ACK; /* a SYN/ACK agrees, a SYN offers */
    opt->has_mss = true;
    opt->mss = t->mss_local;
    opt->sack_permitted = answer ? t->sack_ok : cfg->sack;
    opt->has_wscale = answer ? t->wscale_ok : cfg->window_scaling;
    opt->wscale = t->rcv_wscale;
    opt->has_ts = answer ? t->ts_ok : cfg->timestamps && !t->no_ts;
    opt->has_fastopen = plan->cookie;
    if (plan->cookie)
        opt->fastopen = *plan->cookie;
}

static void put_block(const struct tcb *t, struct tcp_options *opt, uint64_t start, uint64_t end) {
    opt->sack[opt->nsack++] = (struct sack_block){
        .left = seq_of(t->irs, (struct ssn){start}),
        .right = seq_of(t->irs, (struct ssn){end}),
    };
}

static bool is_recent(const struct tcp_ofo *ofo, const struct range *r) {
    for (uint32_t i = 0; i < TCP_OFO_RECENT; i++)
        if (ofo->recent[i].v && ranges_find(&ofo->ranges, ofo->recent[i].v) == r)
            return true;
    return false;
}

/* RFC 2018 4, RFC 2883 4: the duplicate, then the blocks in the order in which they last changed, then any others. */
static void emit_sack(const struct tcb *t, uint8_t n, struct tcp_options *opt) {
    const struct tcp_ofo *ofo = t->ofo;
    const struct range *blocks = ofo->ranges.items;
    if (n > 0 && ofo->dsack.start != ofo->dsack.end)
        put_block(t, opt, ofo->dsack.start, ofo->dsack.end);
    for (uint32_t i = 0; i < TCP_OFO_RECENT && opt->nsack < n; i++) {
        const struct range *r = ofo->recent[i].v ? ranges_find(&ofo->ranges, ofo->recent[i].v) : NULL;
        if (r)
            put_block(t, opt, r->start, r->end);
    }
    for (uint32_t i = 0; i < ofo->ranges.count && opt->nsack < n; i++)
        if (!is_recent(ofo, &blocks[i]))
            put_block(t, opt, blocks[i].start, blocks[i].end);
}

static void emit_options(const struct tcb *t, struct tcp_plan *plan, struct seg *seg) {
    struct tcp_options *opt = &seg->opt;
    *opt = (struct tcp_options){0};
    if (plan->kind == TCP_PLAN_SYN)
        emit_handshake_options(t, plan, opt);
    else
        opt->has_ts = t->ts_ok && !plan->no_ts;
    if (opt->has_ts) {
        opt->tsval = tcp_ts_now(t);
        opt->tsecr = plan->flags & TCP_ACK ? t->ts_recent : 0;
    }
    if (plan->kind != TCP_PLAN_SYN && plan->kind != TCP_PLAN_RST && !plan->mtu_probe && sack_have(t))
        plan->nsack = sack_count(t, tcp_options_len(seg));
    if (plan->nsack)
        emit_sack(t, plan->nsack, opt);
}

/*
 * The window field. What was advertised is never taken back (RFC 9293 3.8.6), so it is rounded up where it must be:
 * once, for edges that moved right with every small segment would end far beyond the buffer. Then it is rounded down,
 * while what was promised is still taken (RFC 7323 2.4).
 */
static uint16_t emit_window(const struct tcb *t, struct tcp_plan *plan, uint64_t window) {
    const uint8_t shift = plan->kind == TCP_PLAN_SYN ? 0 : t->rcv_wscale;
    const uint64_t promised = t->shared_window ? window : distance(t->rcv_nxt, t->rcv_edge);
    uint64_t field = window >> shift;
    if (field << shift < promised) {
        uint64_t up = (promised + ((uint64_t)1 << shift) - 1) >> shift;
        field = plan->window_max && up << shift > plan->window_max ? promised >> shift : up;
    }
    field = min_u64(field, UINT16_MAX);
    plan->window = field << shift;
    return (uint16_t)field;
}

/*
 * A plan that is more than one full segment becomes a super-segment, in whole pieces when more bytes follow. A loss
 * probe is to end where it was planned to.
 */
static void emit_pieces(const struct tcb *t, struct tcp_plan *plan, const struct seg *seg) {
    plan->gso_size = 0;
    if (plan->kind != TCP_PLAN_DATA)
        return;
    const uint32_t options = tcp_options_len(seg), piece = t->mss - options;
    if (plan->mtu_probe) {
        plan->len = (uint32_t)min_u64(plan->len, plan->mtu_probe - options);
        plan->mtu_probe = plan->len > piece ? (uint16_t)(plan->len + options) : 0;
    } else if (plan->len > piece) {
        const bool more = ssn_lt(ssn_add(plan->ssn, plan->len), t->snd_end);
        if (more && !plan->tlp)
            plan->len -= plan->len % piece;
        plan->gso_size = plan->len > piece ? (uint16_t)piece : 0;
    }
    plan->fin = plan->fin && ssn_eq(ssn_add(plan->ssn, plan->len), t->snd_end);
}

/*
 * RFC 9293 3.8.5: the pointer is an offset from the segment's number to the octet behind the urgent data, which may be
 * far beyond the segment, and beyond the window. Where it is further than the field reaches the end of that is said,
 * and the rest by segments to come.
 */
static void emit_urgent(const struct tcp_plan *plan, struct seg *seg) {
    seg->urgent = 0;
    if (plan->kind == TCP_PLAN_RST || plan->kind == TCP_PLAN_SYN || !ssn_lt(plan->ssn, plan->urgent))
        return;
    seg->urgent = (uint16_t)min_u64(ssn_sub(plan->urgent, plan->ssn), UINT16_MAX);
    seg->flags |= TCP_URG;
}

/*
 * The application wrote no more: the peer should not wait for it (RFC 9293 3.9.1.2). Nor should its buffer fill up
 * while it does, so each half of the largest window has a PSH; nor a device that merges segments, behind a
 * super-segment.
 */
static bool emit_push(const struct tcb *t, struct tcp_plan *plan) {
    const struct ssn end = ssn_add(plan->ssn, plan->len);
    const uint64_t half = max_u64(t->max_snd_wnd / 2, 1);
    plan->push = plan->again ? tx_pushes(t, plan->ssn, end) : plan->push && ssn_eq(end, t->snd_end);
    const bool halves = !plan->urgent.v && (plan->ssn.v - 1) / half != (end.v - 1) / half;
    return plan->push || plan->gso_size || halves;
}

void tcp_emit(const struct tcb *t, struct tcp_plan *plan, uint64_t window, struct seg *seg) {
    plan->nsack = 0;
    emit_options(t, plan, seg);
    emit_pieces(t, plan, seg);
    seg->seq = seq_of(t->isn, plan->ssn);
    seg->ack = plan->flags & TCP_ACK ? seq_of(t->irs, t->rcv_nxt) : (struct seq){0};
    seg->flags = plan->flags;
    if (plan->fin)
        seg->flags |= TCP_FIN;
    if (plan->kind == TCP_PLAN_DATA && emit_push(t, plan))
        seg->flags |= TCP_PSH;
    seg->window = plan->kind == TCP_PLAN_RST ? 0 : emit_window(t, plan, window);
    emit_urgent(plan, seg);
    ecn_emit(t, plan, seg);
    seg->len = plan->len;
    seg->gso_size = plan->gso_size;
}

/* ---- Sent -------------------------------------------------------------------------------------------------------- */

void tcp_queue(struct tcb *t, uint32_t len) {
    assert(!t->fin_queued);
    const bool idle = !tcb_waits_for_peer(t);
    t->snd_end = ssn_add(t->snd_end, len);
    if (!tcp_synchronized(t))
        return;
    pmtu_look(t);
    if (idle) {
        t->progress = t->env->now;
        if (tcb_extra(t)->user_timeout_ms)
            life_timer_arm(t);
    }
    if (nothing_in_flight(t))
        tx_arm(t); /* in case the window is closed */
}

void tcp_unqueue(struct tcb *t) {
    assert(!t->fin_queued || ssn_eq(t->snd_end, t->snd_nxt));
    t->snd_end = t->snd_nxt;
    tx_arm(t);
}

static uint32_t pieces(const struct tcp_plan *plan) {
    return plan->gso_size ? (plan->len + plan->gso_size - 1) / plan->gso_size : 1;
}

/* A probe has a counter of its own, and what a timeout itself sends has that of timeouts. */
static void count_again(struct tcb *t, const struct tcp_plan *plan) {
    struct tx *x = t->tx;
    mib_add(&t->env->mib, MIB_TCP_RETRANS_SEGS, pieces(plan));
    if (!plan->tlp && !x->rto_again)
        mib_add(&t->env->mib, x->state == TX_RECOVERY ? MIB_TCP_FAST_RETRANS : MIB_TCP_SLOW_START_RETRANS,
                pieces(plan));
    if (!plan->tlp)
        x->rto_again = false;
}

static int sent_payload(struct tcb *t, const struct tcp_plan *plan) {
    const struct ssn end = ssn_add(plan->ssn, plan->len + plan->fin);
    if (tx_sent(t, plan->ssn, end, plan->fin, plan->again, plan->tlp) < 0) {
        mib_add(&t->env->mib, MIB_TCP_RETRANS_FAIL, plan->again);
        return -ENOMEM;
    }
    if (plan->push && !plan->again)
        tx_note(t, TX_PUSH);
    if (plan->redo)
        tx_note(t, TX_RETRANS);
    if (plan->mtu_probe)
        pmtu_probe_sent(t, plan);
    pacing_sent(t, plan->len);
    t->override = false;
    t->fin_sent = t->fin_sent || plan->fin;
    t->data_segs_out += plan->len ? pieces(plan) : 0;
    if (plan->again) {
        t->bytes_retrans += plan->len;
        t->retrans_segs += pieces(plan);
        count_again(t, plan);
    } else if (plan->redo) { /* TcpExtTCPOrigDataSent counted the SYN */
        t->retrans_segs += pieces(plan);
        mib_add(&t->env->mib, MIB_TCP_RETRANS_SEGS, pieces(plan));
    } else {
        mib_add(&t->env->mib, MIB_TCP_ORIG_DATA_SENT, pieces(plan));
    }
    return 0;
}

static void sent_syn(struct tcb *t, const struct tcp_plan *plan) {
    t->syn_pending = false;
    if (t->snd_nxt.v == 0)
        t->snd_nxt = (struct ssn){1 + plan->len};
    if (t->syn_sends == 0)
        t->syn_ts = tcp_ts_now(t);
    if (t->fast) /* the scoreboard begins behind the SYN, which has a timer of its own */
        t->snd_una = ssn_max(t->snd_una, (struct ssn){1});
    assert(ssn_le(t->snd_nxt, ssn_add(t->snd_end, t->fin_sent)));
    t->data_segs_out += plan->len > 0;
    if (t->syn_sends > 0) {
        t->retrans_segs++;
        mib_inc(&t->env->mib, MIB_TCP_RETRANS_SEGS);
        mib_inc(&t->env->mib, MIB_TCP_SYN_RETRANS);
    }
    mib_add(&t->env->mib, MIB_TCP_ORIG_DATA_SENT, plan->len > 0);
    if (t->syn_sends < UINT8_MAX)
        t->syn_sends++;
    t->last_sent = t->env->now;
    syn_timer_start(t);
}

/* Payload that goes this soon after payload came would have carried the acknowledgment. */
static bool is_answer(const struct tcb *t) {
    return t->rcv_nxt.v > 1 && time_since(t->env->now, t->last_rx) < USEC(t->ato_us);
}

/* The segment carried an acknowledgment of all that came. */
static void sent_ack(struct tcb *t, const struct tcp_plan *plan) {
    if (plan->len > 0 && is_answer(t))
        t->quickacks = 0; /* a dialogue: from now on acknowledgments ride on answers */
    else if (t->quickacks > 0 && t->ack_need != TCP_ACK_NONE && !plan->ack_later)
        t->quickacks--;
    mib_add(&t->env->mib, MIB_TCP_WANT_ZERO_WINDOW, plan->want_zero);
    mib_add(&t->env->mib, MIB_TCP_TO_ZERO_WINDOW, plan->window == 0 && !t->zero_window);
    mib_add(&t->env->mib, MIB_TCP_FROM_ZERO_WINDOW, plan->window > 0 && t->zero_window);
    t->zero_window = plan->window == 0;
    t->rcv_edge = ssn_max(t->rcv_edge, ssn_add(t->rcv_nxt, plan->window));
    if (plan->kind == TCP_PLAN_PROBE) /* the peer answers it, and takes nothing that it says (RFC 9293 3.10.7.4) */
        return;
    t->last_ack_sent = t->rcv_nxt;
    if (plan->nsack)
        receive_reported(t);
    if (plan->ack_later)
        return;
    t->ack_need = TCP_ACK_NONE;
    ack_timer_stop(t);
}

int tcp_sent(struct tcb *t, const struct tcp_plan *plan) {
    struct mib_table *mib = &t->env->mib;
    uint32_t counted = pieces(plan); /* TcpOutSegs leaves out what only goes again (RFC 4022); not a SYN/ACK */
    switch (plan->kind) {
    case TCP_PLAN_RST:
        t->rst_pending = false;
        mib_inc(mib, MIB_TCP_OUT_RSTS);
        break;
    case TCP_PLAN_SYN:
        counted = t->syn_sends == 0 || t->passive;
        sent_syn(t, plan);
        break;
    case TCP_PLAN_DATA:
    case TCP_PLAN_FIN:
        if (sent_payload(t, plan) < 0)
            return -ENOMEM;
        counted = plan->again || plan->redo ? 0 : counted;
        break;
    case TCP_PLAN_PROBE:
        t->probe_pending = false;
        break;
    case TCP_PLAN_ACK:
        break;
    }
    if (plan->flags & TCP_ACK && plan->kind != TCP_PLAN_RST)
        sent_ack(t, plan);
    ecn_sent(t, plan);
    t->segs_out += pieces(plan);
    mib_add(mib, MIB_TCP_OUT_SEGS, counted);
    return 0;
}
