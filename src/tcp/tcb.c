/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Life and death of a tcb: the calls of RFC 9293 3.10.1-3.10.6, the choice of initial numbers (RFC 6528), the options
 * that the two SYNs agree on (RFC 9293 3.7.1, RFC 7323, RFC 2018), and the changes of state that more than one file
 * makes.
 *
 * None of these sends. They leave a wish (syn_pending, rst_pending, probe_pending, fin_queued, ack_need) that
 * tcp_plan() finds.
 */
#include "tcp/internal.h"

#include <assert.h>
#include <errno.h>

static_assert(sizeof(struct tcb) <= 384, "an idle connection with two subflows is to stay within 2 KB");

/* ---- Initial numbers --------------------------------------------------------------------------------------------- */

static uint64_t flow_hash(const struct env *env, const struct flow *flow, uint8_t purpose) {
    uint8_t in[1 + FLOW_LEN];
    struct writer w = writer_of(in, sizeof(in));
    put_u8(&w, purpose);
    put_flow(&w, flow);
    assert(!w.bad && w.len == sizeof(in));
    struct reader r = reader_of(env->isn_secret, sizeof(env->isn_secret));
    struct hash_key key;
    key.k0 = get_u64(&r);
    key.k1 = get_u64(&r);
    return siphash13(&key, in, sizeof(in));
}

struct seq tcp_isn(const struct env *env, const struct flow *flow) {
    return (struct seq){(uint32_t)(env->now.ns / USEC(4)) + (uint32_t)flow_hash(env, flow, 1)};
}

uint32_t tcp_ts_offset(const struct env *env, const struct flow *flow) { return (uint32_t)flow_hash(env, flow, 2); }

uint32_t tcp_ts_at(const struct tcb *t, utime when) { return (uint32_t)(when.ns / MSEC(1)) + t->ts_offset; }
uint32_t tcp_ts_now(const struct tcb *t) { return tcp_ts_at(t, t->env->now); }

/* ---- What is rare ------------------------------------------------------------------------------------------------ */

const struct tcp_extra tcp_no_extra;

struct tcp_extra *tcp_extra(struct tcb *t) {
    if (!t->extra)
        t->extra = mem_alloc(&t->env->mem, sizeof *t->extra);
    return t->extra;
}

/* ---- Birth and destruction --------------------------------------------------------------------------------------- */

int tcp_init(struct tcb *t, const struct tcp_setup *setup) {
    struct env *env = setup->env;
    if (timers_reserve(&env->timers, 1))
        return -ENOMEM;
    *t = (struct tcb){
        .env = env,
        .state = UMPTCP_CLOSED,
        .v6 = setup->v6,
        .mss_local = setup->mss_local,
        .mss = setup->mss_local,
        .rcv_wscale = setup->rcv_wscale < TCP_WSCALE_MAX ? setup->rcv_wscale : TCP_WSCALE_MAX,
        .isn = setup->isn,
        .ts_offset = setup->ts_offset,
        .snd_end = {1},
        .quickacks = TCP_QUICKACKS,
        .ato_us = TCP_ATO_MIN_US,
    };
    uint16_t usual = t->v6 ? TCP_MSS_DEFAULT_V6 : TCP_MSS_DEFAULT_V4;
    t->rcv_mss = usual < t->mss_local ? usual : t->mss_local;
    timer_init(&t->timer, TIMER_TCP);
    tcb_cancel_due(t);
    rtt_init(&t->rtt);
    const struct cc_setup cc = {
        .ops = setup->cc, .mem = &env->mem, .mss = t->mss, .cwnd = (uint32_t)env->cfg.initial_cwnd * t->mss};
    if (cc_init(&t->cc, &cc)) {
        timers_reserve(&env->timers, -1);
        return -ENOMEM;
    }
    tx_init(t);
    return 0;
}

void tcp_destroy(struct tcb *t) {
    tcb_set_state(t, UMPTCP_CLOSED);
    tcb_cancel_due(t);
    tx_destroy(t);
    receive_forget(t);
    cc_release(&t->cc, &t->env->mem);
    mem_free(&t->env->mem, t->extra, sizeof *t->extra);
    timers_reserve(&t->env->timers, -1);
}

/* ---- States ------------------------------------------------------------------------------------------------------ */

static bool counts_as_established(uint8_t state) { return state == UMPTCP_ESTABLISHED || state == UMPTCP_CLOSE_WAIT; }

void tcb_set_state(struct tcb *t, enum umptcp_tcp_state state) {
    struct mib_table *mib = &t->env->mib;
    if (counts_as_established(state) && !counts_as_established(t->state))
        mib_inc(mib, MIB_TCP_CURR_ESTAB);
    if (!counts_as_established(state) && counts_as_established(t->state))
        mib_dec(mib, MIB_TCP_CURR_ESTAB);
    t->state = (uint8_t)state;
    const bool waits = state == UMPTCP_TIME_WAIT || (state == UMPTCP_FIN_WAIT_2 && t->orphan);
    t->env->time_waits += (uint32_t)waits - (uint32_t)t->waits;
    t->waits = waits;
}

void tcb_finish(struct tcb *t, int error) {
    bool opening = t->state == UMPTCP_SYN_SENT || t->state == UMPTCP_SYN_RCVD;
    if (error && opening)
        mib_inc(&t->env->mib, MIB_TCP_ATTEMPT_FAILS);
    tcb_drop(t, error);
}

void tcb_drop(struct tcb *t, int error) {
    if (error && counts_as_established(t->state))
        mib_inc(&t->env->mib, MIB_TCP_ESTAB_RESETS);
    tcb_set_state(t, UMPTCP_CLOSED);
    t->error = (int16_t)error;
    t->ack_need = TCP_ACK_NONE;
    t->syn_pending = t->probe_pending = t->rst_pending = false;
    tcb_cancel_due(t);
}

/* There are too many of them: nothing is kept but the acknowledgment of the peer's FIN, when that is to be sent. */
static bool overflows(struct tcb *t) {
    const struct env *env = t->env;
    const uint32_t others = env->time_waits - t->waits;
    if (t->state == UMPTCP_TIME_WAIT || !env->cfg.max_tw_buckets || others < env->cfg.max_tw_buckets)
        return false;
    const bool ack = t->ack_need != TCP_ACK_NONE;
    mib_inc(&t->env->mib, MIB_TCP_TW_OVERFLOW);
    tx_destroy(t);
    tcb_finish(t, 0);
    t->ack_need = ack ? TCP_ACK_NOW : TCP_ACK_NONE;
    return true;
}

void tcb_enter_time_wait(struct tcb *t) {
    const struct env *env = t->env;
    assert(ssn_eq(t->snd_una, t->snd_nxt));
    if (overflows(t))
        return;
    const bool waits = t->state == UMPTCP_TIME_WAIT || (t->state == UMPTCP_FIN_WAIT_2 && t->orphan);
    mib_add(&t->env->mib, MIB_TCP_TW, !waits); /* an orphan's FIN-WAIT-2 counts already, as on Linux */
    tcb_set_state(t, UMPTCP_TIME_WAIT);
    t->probe_pending = false;
    ecn_forget(t);
    tx_destroy(t); /* whatever comes late: there is nothing more to send */
    tcb_cancel_due(t);
    if (t->ack_need == TCP_ACK_DELAYED)
        t->ack_need = TCP_ACK_NOW; /* nothing else is due from now on */
    tcb_set_due(t, &t->due.life, time_add(env->now, env->cfg.time_wait));
}

void tcb_enter_fin_wait_2(struct tcb *t) {
    tcb_set_state(t, UMPTCP_FIN_WAIT_2);
    mib_add(&t->env->mib, MIB_TCP_TW, t->orphan);
    if (t->orphan)
        tcb_set_due(t, &t->due.life, time_add(t->env->now, t->env->cfg.time_wait));
}

bool tcb_waits_for_peer(const struct tcb *t) {
    return ssn_lt(t->snd_una, t->snd_end) || (t->fin_queued && ssn_eq(t->snd_una, t->snd_end));
}

/* A time in whole microseconds, but not 0, which says "none". */
static uint32_t whole_us(dur d) {
    dur n = d / USEC(1);
    return n == 0 ? 1 : n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

void tcp_connect(struct tcb *t) {
    assert(t->state == UMPTCP_CLOSED);
    tcb_set_state(t, UMPTCP_SYN_SENT);
    t->syn_pending = true;
    t->progress = t->env->now;
    life_timer_arm(t);
    mib_inc(&t->env->mib, MIB_TCP_ACTIVE_OPENS);
}

void tcp_open(struct tcb *t, const struct seg *syn) {
    assert(t->state == UMPTCP_CLOSED);
    tcb_set_state(t, UMPTCP_SYN_RCVD);
    t->passive = true;
    tcb_take_syn(t, syn);
    t->syn_pending = true;
    t->progress = t->env->now;
}

/* RFC 9293 3.7.1: without the option a default; absurdly small claims would only multiply packets. */
static uint16_t peer_mss(const struct tcb *t, const struct tcp_options *opt) {
    uint16_t claimed = t->v6 ? TCP_MSS_DEFAULT_V6 : TCP_MSS_DEFAULT_V4;
    if (opt->has_mss)
        claimed = opt->mss;
    const uint16_t least = tcp_mss_floor(t);
    return claimed > least ? claimed : least;
}

void tcb_take_syn(struct tcb *t, const struct seg *seg) {
    const struct umptcp_config *cfg = &t->env->cfg;
    const struct tcp_options *opt = &seg->opt;
    uint16_t mss = peer_mss(t, opt);

    t->irs = seg->seq;
    t->rcv_nxt = t->rcv_edge = t->last_ack_sent = (struct ssn){1};
    t->mss = mss < t->mss ? mss : t->mss;
    pmtu_start(t, mss);
    t->sack_ok = cfg->sack && opt->sack_permitted;
    t->wscale_ok = cfg->window_scaling && opt->has_wscale;
    t->snd_wscale = t->wscale_ok ? opt->wscale : 0;
    if (t->snd_wscale > TCP_WSCALE_MAX)
        t->snd_wscale = TCP_WSCALE_MAX;
    if (!t->wscale_ok)
        t->rcv_wscale = 0;
    t->ts_ok = cfg->timestamps && opt->has_ts && !t->no_ts;
    if (t->ts_ok) {
        t->ts_recent = opt->tsval;
        t->ts_recent_s = (uint32_t)(t->env->now.ns / SEC(1));
    }
    t->snd_wnd = t->max_snd_wnd = seg->window; /* a SYN's window is never scaled (RFC 7323 2.2) */
    t->snd_wl1 = 0;
    ecn_take_syn(t, seg);
}

void tcp_no_timestamps(struct tcb *t) {
    t->no_ts = true;
    t->ts_ok = false;
}

/*
 * The handshake's round trip. An ambiguous one (Karn) needs the echo of our timestamp, and so does one whose SYN/ACK
 * was followed by payload: only the last departure is remembered.
 */
static void sample_handshake(struct tcb *t, const struct seg *seg) {
    dur rtt = 0;
    const bool followed = t->fast && t->snd_nxt.v > 1;
    if (t->syn_sends == 1 && !followed)
        rtt = time_since(t->env->now, t->last_sent);
    else if (t->ts_ok && seg->opt.has_ts)
        rtt = MSEC(tcp_ts_now(t) - seg->opt.tsecr);
    if (rtt == 0 || rtt > t->env->cfg.rto_max)
        return;
    rtt_sample(&t->rtt, t->env->now, rtt, 1);
    t->rcv_rtt_us = whole_us(rtt);
}

void tcb_establish(struct tcb *t, const struct seg *seg, struct ssn ack) {
    struct env *env = t->env;
    const bool lost_syns = t->syn_sends > 2;
    const uint16_t mss = tcp_smss(t);

    assert(ssn_le((struct ssn){1}, ack) && ssn_le(ack, t->snd_nxt));
    const bool syn_data = !t->fast && ack.v > 1 && ssn_eq(ack, t->snd_nxt);
    if (!t->fast) /* what the SYN carried and did not bring over goes again as if it never had */
        t->snd_una = t->snd_nxt = ack;
    if (t->passive) /* the window of a SYN is no measure of those that scale */
        t->max_snd_wnd = 0;
    t->delivered = 1;
    t->syn_data = t->syn_data || syn_data;
    t->syn_pending = false;
    t->progress = env->now;
    tcb_set_due(t, &t->due.rtx, UMPTCP_NEVER);
    t->rtt.backoff = 0;
    t->rcv_rtt_ts = 0;
    sample_handshake(t, seg);
    /* RFC 6928 2: one lost SYN may have been merely late; more mean a path to be careful with. */
    cc_restart(&t->cc, mss, lost_syns ? mss : (uint32_t)env->cfg.initial_cwnd * mss);
    tcb_set_state(t, t->fin_queued ? UMPTCP_FIN_WAIT_1 : UMPTCP_ESTABLISHED);
    if (t->passive)
        mib_inc(&env->mib, MIB_TCP_PASSIVE_OPENS);
    else
        mib_inc(&env->mib, MIB_TCP_DELIVERED); /* the SYN */
    tx_arm(t);
    life_timer_arm(t);
}

/* ---- Closing ----------------------------------------------------------------------------------------------------- */

static void queue_fin(struct tcb *t, enum umptcp_tcp_state state) {
    if (!tcb_waits_for_peer(t))
        t->progress = t->env->now;
    t->fin_queued = true;
    tcb_set_state(t, state);
    if (tcb_extra(t)->user_timeout_ms)
        life_timer_arm(t);
}

void tcp_close(struct tcb *t) {
    switch (t->state) {
    case UMPTCP_SYN_SENT:
        tcb_finish(t, 0);
        return;
    case UMPTCP_SYN_RCVD: /* FIN-WAIT-1 comes with the acknowledgment of our SYN */
        t->fin_queued = true;
        return;
    case UMPTCP_ESTABLISHED:
        queue_fin(t, UMPTCP_FIN_WAIT_1);
        return;
    case UMPTCP_CLOSE_WAIT:
        queue_fin(t, UMPTCP_LAST_ACK);
        return;
    default: /* closed already, or on the way */
        return;
    }
}

/* RFC 9293 3.10.5: where the peer holds state and has not been told the end. */
static bool abort_needs_rst(const struct tcb *t) {
    return t->state == UMPTCP_SYN_RCVD || t->state == UMPTCP_ESTABLISHED || t->state == UMPTCP_FIN_WAIT_1 ||
           t->state == UMPTCP_FIN_WAIT_2 || t->state == UMPTCP_CLOSE_WAIT;
}

void tcp_abort(struct tcb *t, int error) {
    if (t->state == UMPTCP_CLOSED)
        return;
    bool rst = abort_needs_rst(t);
    if (t->state == UMPTCP_SYN_SENT)
        tcb_drop(t, error); /* an attempt that its owner gives up did not fail, as Linux counts */
    else
        tcb_finish(t, error);
    t->rst_pending = rst;
}

void tcp_forget(struct tcb *t, int error) { tcb_finish(t, error); }

/* Timestamps tell the segments of the old one from those of the new one when the clock of the peer's has moved on. */
bool tcp_reusable(const struct tcb *t) {
    const uint32_t now_s = (uint32_t)(t->env->now.ns / SEC(1));
    return t->state == UMPTCP_TIME_WAIT && t->ts_ok && (int32_t)(now_s - t->ts_recent_s) > 0;
}

bool tcp_defer(struct tcb *t, uint8_t timeouts) {
    struct tcp_extra *x = t->rtt.backoff < timeouts ? tcp_extra(t) : NULL;
    if (!x)
        return false;
    x->defer = timeouts;
    mib_inc(&t->env->mib, MIB_TCP_DEFER_ACCEPT_DROP);
    return true;
}

void tcp_refuse(struct tcb *t, int error) {
    tcp_abort(t, error);
    t->refused = t->rst_pending;
}

void tcp_orphan(struct tcb *t) {
    if (!t->orphan)
        t->rto_series = 0; /* what was left to us gets all its tries, however many there were before */
    t->orphan = true;
    if (t->state == UMPTCP_FIN_WAIT_2)
        tcb_enter_fin_wait_2(t);
}

/* ---- Wishes and settings ----------------------------------------------------------------------------------------- */

void tcp_dialogue(struct tcb *t) { t->quickacks = 0; }

void tcp_quickack(struct tcb *t, bool on) {
    t->quickacks = on ? TCP_QUICKACKS : 0;
    if (on && t->ack_need == TCP_ACK_DELAYED)
        tcp_ack_now(t);
}

void tcp_ack_now(struct tcb *t) {
    if (tcp_synchronized(t))
        t->ack_need = TCP_ACK_NOW;
}

void tcp_ack_soon(struct tcb *t) {
    if (tcp_synchronized(t) && t->ack_need == TCP_ACK_NONE)
        ack_timer_start(t);
}

void tcp_probe(struct tcb *t) {
    if (tcp_synchronized(t) && t->state != UMPTCP_TIME_WAIT)
        t->probe_pending = true;
}

int tcp_set_keepalive(struct tcb *t, const struct tcp_keepalive *k) {
    struct tcp_extra *x = k->on ? tcp_extra(t) : t->extra;
    if (!x)
        return k->on ? -ENOMEM : 0;
    x->keep_idle_ms = k->on ? k->idle_ms : 0;
    x->keep_intvl_ms = k->on ? k->intvl_ms : 0;
    x->keep_probes = k->probes;
    life_timer_arm(t);
    return 0;
}

int tcp_set_user_timeout(struct tcb *t, uint32_t timeout_ms) {
    struct tcp_extra *x = timeout_ms ? tcp_extra(t) : t->extra;
    if (!x)
        return timeout_ms ? -ENOMEM : 0;
    x->user_timeout_ms = timeout_ms;
    life_timer_arm(t);
    return 0;
}

int tcp_set_congestion(struct tcb *t, const struct cc_ops *ops) {
    if (ops == t->cc.ops)
        return 0;
    struct cc old = t->cc;
    const struct cc_setup setup = {.ops = ops, .mem = &t->env->mem, .mss = old.mss, .cwnd = old.cwnd};
    if (cc_init(&t->cc, &setup)) { /* in its place, which other subflows' may know */
        t->cc = old;
        return -ENOMEM;
    }
    t->cc.ssthresh = old.ssthresh;
    cc_release(&old, &t->env->mem);
    tx_no_undo(t); /* it would bring back the other one's state */
    return 0;
}

void tcp_set_max_segment(struct tcb *t, uint16_t mss) {
    if (tcp_synchronized(t) || mss >= t->mss_local)
        return;
    t->mss_local = mss > TCP_MSS_MIN ? mss : TCP_MSS_MIN;
    if (t->mss_local < t->mss)
        t->mss = t->mss_local;
    if (t->mss_local < t->rcv_mss)
        t->rcv_mss = t->mss_local;
}

bool tcp_seq_in_flight(const struct tcb *t, struct seq seq) {
    struct ssn s = ssn_of(t->isn, t->snd_nxt, seq);
    return ssn_le(t->snd_una, s) && ssn_lt(s, t->snd_nxt);
}

bool tcp_icmp(struct tcb *t, bool hard, int error, struct seq seq) {
    if (t->state == UMPTCP_CLOSED || !tcp_seq_in_flight(t, seq))
        return false;
    if (hard && t->state == UMPTCP_SYN_SENT) {
        tcb_finish(t, error);
        return true;
    }
    t->soft_error = (int16_t)error; /* RFC 5927 5.2: anyone can forge one, so an open connection goes on */
    return false;
}

/* ---- Invariants -------------------------------------------------------------------------------------------------- */

static const char *check_received(const struct tcb *t) {
    const struct ranges *ofo = tcb_ofo(t);
    if (!ranges_empty(ofo) && ofo->items[0].start <= t->rcv_nxt.v)
        return "tcp: an out-of-order range touches RCV.NXT";
    if (ofo->count > TCP_OFO_MAX)
        return "tcp: too many out-of-order ranges";
    if (t->ofo && ranges_empty(ofo) && t->ofo->dsack.start == t->ofo->dsack.end)
        return "tcp: memory for what came out of order, and there is nothing";
    return NULL;
}

static const char *check_due(const struct tcb *t) {
    const struct tcp_due *due = &t->due;
    if (t->timer.at.ns != tcb_earliest_due(t).ns)
        return "tcp: the timer is not that of the earliest deadline";
    if (t->state == UMPTCP_CLOSED && timer_armed(&t->timer))
        return "tcp: a closed connection has a timer";
    if (t->state == UMPTCP_TIME_WAIT && time_is_never(due->life))
        return "tcp: TIME-WAIT without an end";
    if (t->ack_need == TCP_ACK_DELAYED && time_is_never(due->ack))
        return "tcp: a delayed acknowledgment without its timer";
    return NULL;
}

static const char *check_numbers(const struct tcb *t) {
    if (!ssn_le(t->snd_una, t->snd_nxt))
        return "tcp: SND.UNA is beyond SND.NXT";
    if (t->snd_end.v < 1 || ssn_lt(ssn_add(t->snd_end, t->fin_sent), t->snd_nxt))
        return "tcp: SND.NXT is beyond what was queued";
    if (t->fin_sent && (!t->fin_queued || !ssn_eq(t->snd_nxt, ssn_add(t->snd_end, 1))))
        return "tcp: a FIN was sent that does not stand at the end";
    if (ssn_lt(t->rcv_edge, t->rcv_nxt))
        return "tcp: RCV.NXT is beyond the window's edge";
    if (t->fin_seen && ssn_lt(ssn_add(t->fin_ssn, 1), t->rcv_nxt))
        return "tcp: received beyond the peer's FIN";
    return NULL;
}

const char *tcp_check(const struct tcb *t) {
    const bool opening = t->state == UMPTCP_SYN_SENT || t->state == UMPTCP_SYN_RCVD;
    const char *broken;
    if ((broken = check_numbers(t)) || (broken = check_received(t)) || (broken = check_due(t)))
        return broken;
    if (opening && t->passive && !t->fast && t->snd_nxt.v > 1)
        return "tcp: something was sent before the SYN was acknowledged";
    return t->state == UMPTCP_CLOSED ? NULL : tx_check(t); /* what was in flight then has no timer any more */
}
