/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path's MTU: what routers say (RFC 1191, RFC 8201), and what is found without them (RFC 4821 with the states of
 * RFC 8899). All sizes are payload and options of a segment.
 *
 * Nothing is kept until there is something to know. A path that swallows full segments shows in timeouts that go on and
 * on (RFC 4821 7.7): segments become as small as base_mss, then half of that each time. When something gets through
 * again, the range between that and what the peer takes is searched. A probe is a segment of queued data that is larger
 * than the others, and there is one at a time. That it alone got lost, MAX_PROBES times, tells its size and nothing
 * about congestion; that other segments were lost beside it tells nothing of its size.
 */
#include "tcp/flight.h"
#include "tcp/internal.h"

enum {
    MAX_PROBES = 3,     /* RFC 8899 5.1.2 */
    PROBE_BEHIND = 4,   /* segments behind a probe that show its loss */
    PROBE_CWND_MIN = 11 /* segments: below, what it costs to wait for the room is too much */
};

static const struct tcp_pmtu *pmtu_of(const struct tcb *t) { return &tcb_extra(t)->pmtu; }

/* In the units of this file. */
static uint16_t size_of(const struct tcb *t, uint32_t payload) {
    return (uint16_t)(payload + (t->ts_ok ? TCP_OPT_TS_LEN : 0));
}

uint16_t tcp_mss_floor(const struct tcb *t) {
    const uint32_t floor = t->env->cfg.min_snd_mss + (uint32_t)TCP_OPTIONS_MAX;
    return floor > TCP_MSS_MIN ? (uint16_t)floor : TCP_MSS_MIN;
}

enum mtu_state tcp_mtu_state(const struct tcb *t) { return pmtu_of(t)->state; }

static void set_mss(struct tcb *t, uint16_t mss) {
    const bool smaller = mss < t->mss;
    t->mss = mss;
    if (!tcp_synchronized(t))
        return;
    cc_set_mss(&t->cc, tcp_smss(t));
    if (smaller)
        tx_mark_too_big(t, tcp_smss(t));
    tx_arm(t);
}

/* ---- The search -------------------------------------------------------------------------------------------------- */

static utime next_raise(const struct tcb *t) { return time_add(t->env->now, t->env->cfg.mtu_probe_interval); }

/* RFC 4821 7.3: when so little is left in between that it is not worth a probe, there is none until the raise timer. */
static void search_on(struct tcb *t) {
    struct tcp_pmtu *p = &t->extra->pmtu;
    const uint16_t low = p->low > t->mss ? p->low : t->mss;
    p->tries = 0;
    p->state = MTU_SEARCHING;
    if (p->high >= low + t->env->cfg.mtu_probe_threshold)
        return;
    p->state = MTU_COMPLETE;
    p->raise_at = next_raise(t);
}

void pmtu_start(struct tcb *t, uint16_t mss) {
    const struct umptcp_config *cfg = &t->env->cfg;
    const uint16_t base = size_of(t, cfg->base_mss);
    struct tcp_pmtu *p = t->extra ? &t->extra->pmtu : NULL;
    if (p && mss < p->ceiling)
        p->ceiling = mss; /* a router spoke before the peer */
    if (cfg->mtu_probing < 2 || !tcp_extra(t))
        return;
    p = &t->extra->pmtu;
    p->ceiling = p->high = mss;
    p->raise_at = UMPTCP_NEVER;
    if (!t->passive && base < t->mss)
        t->mss = base;
    p->low = base < t->mss ? base : t->mss;
    search_on(t);
}

uint16_t pmtu_probe_size(const struct tcb *t) {
    const struct tcp_pmtu *p = pmtu_of(t);
    const struct tx *x = tx_of(t);
    if (p->state != MTU_SEARCHING || p->probe || !tcp_synchronized(t) || x->state != TX_OPEN || x->sacked || x->lost)
        return 0;
    const uint16_t middle = (uint16_t)((p->low + p->high) / 2);
    return middle > t->mss ? middle : (uint16_t)((t->mss + p->high + 1) / 2);
}

uint32_t pmtu_wants(const struct tcb *t, uint64_t have) {
    const uint32_t size = pmtu_probe_size(t), smss = tcp_smss(t);
    if (!size)
        return 0;
    const uint32_t wants = size - (t->mss - smss) + PROBE_BEHIND * smss;
    const uint32_t window = t->cc.cwnd < t->snd_wnd ? t->cc.cwnd : t->snd_wnd;
    return have >= wants && window >= wants + smss && t->cc.cwnd >= PROBE_CWND_MIN * smss ? wants : 0;
}

void pmtu_probe_sent(struct tcb *t, const struct tcp_plan *plan) {
    struct tcp_pmtu *p = &t->extra->pmtu;
    p->probe = plan->mtu_probe;
    p->start = plan->ssn;
    p->end = ssn_add(plan->ssn, plan->len);
    p->tries++;
}

bool tcp_limit_probes(struct tcb *t, uint16_t mss) {
    if (pmtu_of(t)->state != MTU_SEARCHING || mss >= pmtu_of(t)->high)
        return false;
    t->extra->pmtu.high = mss;
    search_on(t);
    return true;
}

/* ---- What became of a probe -------------------------------------------------------------------------------------- */

static void probe_failed(struct tcb *t) {
    struct tcp_pmtu *p = &t->extra->pmtu;
    mib_inc(&t->env->mib, MIB_TCP_MTUP_FAIL);
    if (p->tries >= MAX_PROBES) {
        p->high = p->probe - 1;
        search_on(t);
    }
    p->probe = 0;
}

void pmtu_acked(struct tcb *t) {
    struct tcp_pmtu *p = t->extra ? &t->extra->pmtu : NULL;
    if (!p)
        return;
    if (p->state == MTU_BASE || p->state == MTU_ERROR)
        search_on(t); /* segments of this size get through */
    if (!p->probe || ssn_lt(t->snd_una, p->end))
        return;
    mib_inc(&t->env->mib, MIB_TCP_MTUP_SUCCESS);
    p->low = p->probe;
    p->probe = 0;
    set_mss(t, p->low);
    search_on(t);
}

bool pmtu_probe_lost(struct tcb *t, uint32_t lost) {
    const struct tcp_pmtu *p = pmtu_of(t);
    if (!p->probe || !t->sack_ok || lost != ssn_sub(p->end, p->start))
        return false;
    const struct tx_rec *r = tx_at(t->tx, tx_find(t->tx, p->start));
    if (!ssn_eq(r->start, p->start) || r->len != lost || !(r->flags & TX_LOST))
        return false;
    probe_failed(t);
    return true;
}

void pmtu_sent_again(struct tcb *t, struct ssn start, struct ssn end) {
    struct tcp_pmtu *p = t->extra ? &t->extra->pmtu : NULL;
    if (!p || !p->probe || ssn_le(p->end, start) || ssn_le(end, p->start))
        return;
    p->probe = 0;
    p->tries--;
}

/* ---- Black holes ------------------------------------------------------------------------------------------------- */

/* What segments become when those of the present size do not get through. */
static uint16_t step_down(const struct tcb *t) {
    const struct tcp_pmtu *p = pmtu_of(t);
    const struct umptcp_config *cfg = &t->env->cfg;
    const uint16_t base = size_of(t, cfg->base_mss), floor = size_of(t, cfg->mtu_probe_floor);
    uint16_t next = base;
    if (p->state != MTU_DISABLED)
        next = p->low < t->mss ? p->low : (uint16_t)(p->low / 2);
    if (next > base)
        next = base;
    if (next < floor)
        next = floor;
    return next > tcp_mss_floor(t) ? next : tcp_mss_floor(t);
}

void pmtu_timeout(struct tcb *t) {
    const struct umptcp_config *cfg = &t->env->cfg;
    const struct tx_rec *front = deque_front(&tx_of(t)->recs);
    const uint16_t next = step_down(t);
    if (t->extra)
        t->extra->pmtu.probe = 0;
    if (!cfg->mtu_probing || t->rto_series <= cfg->retries1 || !front)
        return;
    if (next >= t->mss || front->len + t->mss <= (uint32_t)next + tcp_smss(t) || !tcp_extra(t))
        return; /* what is lost is no larger than what is left to try */
    struct tcp_pmtu *p = &t->extra->pmtu;
    if (!p->ceiling) {
        p->ceiling = t->mss;
        p->raise_at = UMPTCP_NEVER;
    }
    if (p->state == MTU_DISABLED)
        p->high = t->mss;
    p->low = next;
    p->tries = 0;
    p->state = next < size_of(t, cfg->base_mss) ? MTU_ERROR : MTU_BASE;
    set_mss(t, next);
    t->cc.cwnd = tx_pipe(t) + t->cc.mss; /* the loss window is one such segment */
}

/* ---- Routers ----------------------------------------------------------------------------------------------------- */

/* A router had no use for the probe: it goes again at once, in pieces. */
static void probe_too_big(struct tcb *t, uint16_t mss) {
    struct tcp_pmtu *p = &t->extra->pmtu;
    struct tx_rec *r = tx_at(t->tx, tx_find(t->tx, p->start));
    if (!(r->flags & (TX_SACKED | TX_LOST)))
        tx_mark_lost(t, r);
    mib_inc(&t->env->mib, MIB_TCP_MTUP_FAIL);
    p->probe = 0;
    p->high = mss;
    search_on(t);
    tx_arm(t);
}

bool tcp_set_path_mss(struct tcb *t, uint16_t mss, utime until) {
    if (mss < tcp_mss_floor(t))
        mss = tcp_mss_floor(t);
    if (pmtu_of(t)->probe > mss)
        probe_too_big(t, mss > t->mss ? mss : t->mss);
    if (mss >= t->mss)
        return false; /* news of a larger path prove nothing (RFC 8201 4) */
    struct tcp_extra *x = tcp_extra(t);
    if (x) { /* without memory for it, it counts for good */
        if (!x->pmtu.ceiling)
            x->pmtu.ceiling = t->mss;
        if (x->pmtu.state != MTU_DISABLED)
            x->pmtu.state = MTU_COMPLETE;
        x->pmtu.low = x->pmtu.high = mss;
        x->pmtu.raise_at = until;
    }
    set_mss(t, mss);
    return true;
}

void pmtu_look(struct tcb *t) {
    struct tcp_pmtu *p = t->extra ? &t->extra->pmtu : NULL;
    if (!p || !p->ceiling || time_before(t->env->now, p->raise_at))
        return;
    p->raise_at = UMPTCP_NEVER;
    p->high = p->ceiling;
    if (p->state == MTU_COMPLETE) {
        search_on(t);
    } else if (p->state == MTU_DISABLED && p->ceiling > t->mss) { /* the next ICMP message tells if it is still true */
        set_mss(t, p->ceiling);
    }
}
