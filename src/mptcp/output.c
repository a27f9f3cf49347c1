/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data out: the scheduler gives ranges of the stream to subflows, TCP plans segments of them, MPTCP options are added,
 * and the packet is a header plus slices of the connection's buffer. State moves only after the packet is complete.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "mptcp/conn.h"
#include "mptcp/marks.h"
#include "wire/checksum.h"
#include "wire/ip.h"

#define CORK_MAX MSEC(200)

/* ---- Scheduling ----------------------------------------------------------------------------------------------------
 */

static uint32_t map_option_bytes(const struct conn *c) { return !conn_maps(c) ? 0 : c->csum || c->ack64 ? 28 : 24; }

/* Bytes to give out. */
struct share {
    struct dsn dsn;
    uint64_t len; /* all that waits from there on */
    bool again;   /* they were on another subflow, which lost them or is held up */
    bool ends;    /* with its last byte ends what the application wrote */
};

static struct sched_path path_snapshot(const struct subflow *sf, const struct share *s) {
    const struct tcb *t = &sf->tcb;
    return (struct sched_path){
        .subflow = sf->number,
        .backup = sf->local_backup || sf->remote_backup,
        .mss = tcp_payload_max(t, map_option_bytes(sf->conn)),
        .cwnd = t->cc.cwnd,
        .inflight = (uint32_t)ssn_sub(t->snd_nxt, t->snd_una),
        .queued = (uint32_t)ssn_sub(t->snd_end, t->snd_nxt),
        .room = tcp_room(t, s->len),
        .slow_start = cc_in_slow_start(&t->cc),
        .holds = s->again && tx_map_carries(sf, s->dsn),
        .srtt = t->rtt.srtt,
        .rttvar = t->rtt.rttvar,
    };
}

/* What speaks against giving bytes to a subflow, from the least to the most. */
enum doubt {
    DOUBT_NONE,
    DOUBT_LOST, /* it was given them before: behind a proxy there they may get lost again (RFC 8684 3.3.6) */
    DOUBT_MUTE, /* it is in a timeout, or its window is shut */
};

static enum doubt doubt_about(const struct subflow *sf, const struct share *s) {
    if (sf->stale || sf->timeouts || !sf->tcb.snd_wnd)
        return DOUBT_MUTE;
    return s->again && tx_map_had(sf, s->dsn) ? DOUBT_LOST : DOUBT_NONE;
}

/* Usable subflows; the doubtful ones only when there are no better ones. */
static uint32_t snapshot(const struct conn *c, const struct share *s, struct sched_path *paths,
                         struct subflow **subflows) {
    uint32_t n = 0;
    for (enum doubt most = DOUBT_NONE; most <= DOUBT_MUTE && !n; most++)
        list_for_each (node, &c->subflows) {
            struct subflow *sf = subflow_of(node);
            bool usable = sf->state == SF_ACTIVE && tcp_can_send(&sf->tcb) && doubt_about(sf, s) <= most;
            if (!usable || n == CONN_SUBFLOWS_MAX)
                continue;
            paths[n] = path_snapshot(sf, s);
            subflows[n++] = sf;
        }
    return n;
}

/*
 * A small segment waits for company (RFC 9293 3.7.4) at the connection, not on a subflow: while an earlier one is
 * unacknowledged (Minshall's variant, RFC 9293 A.3), or, when the application says that more comes, until it does.
 */
static bool hold_back(const struct conn *c) {
    if (c->write_shut || conn_urgent_sends(c))
        return false;
    return c->cork || c->more ? !c->cork_out : !c->nodelay && dsn_lt(c->snd_una, c->small_end);
}

/* What is held back waits for an acknowledgment, which brings us here again, or 200 ms. */
static void await_company(struct conn *c) {
    if (dsn_eq(c->snd_una, c->snd_nxt) && time_is_never(c->due[DUE_AGAIN]))
        conn_set_due(c, DUE_AGAIN, time_add(c->mp->env->now, CORK_MAX));
}

static bool lost_share(const struct conn *c, struct share *s) {
    if (ranges_empty(&c->reinject))
        return false;
    struct range r = c->reinject.items[0];
    *s = (struct share){{r.start}, r.end - r.start, true, r.end == c->write_seq.v && c->push_end};
    return true;
}

/*
 * The window takes less than a segment of what waits (RFC 9293 3.8.6.2.1): more room comes with what is in flight, or
 * the peer is asked for it, before such a sliver goes.
 */
static bool silly(const struct conn *c, const struct subflow *sf, uint64_t window, uint64_t waiting, uint32_t mss) {
    if (window >= waiting || window >= mss)
        return false;
    if (!dsn_eq(c->snd_una, c->snd_nxt))
        return true;
    return window < sf->tcb.max_snd_wnd / 2 && (!c->rtx_backoff || !sf->tcb.snd_wnd);
}

/* New bytes that the peer's window takes. */
static bool new_share(struct conn *c, struct share *s) {
    const uint64_t all = dsn_sub(c->write_seq, c->snd_nxt);
    const struct subflow *sf = conn_first(c);
    if (!all || !sf)
        return false;
    uint32_t mss = tcp_payload_max(&sf->tcb, map_option_bytes(c));
    uint64_t record = conn_record(c, all); /* nothing will be added to it when something stands behind it */
    bool ends = record < all || c->push_end;
    if (record == all && all % mss && hold_back(c)) {
        record -= all % mss;
        ends = false;
    }
    if (!record) {
        await_company(c);
        return false;
    }
    uint64_t window = dsn_lt(c->snd_nxt, c->wnd_edge) ? dsn_sub(c->wnd_edge, c->snd_nxt) : 0;
    c->window_limited = window < all;
    if (!window || silly(c, sf, window, record, mss)) {
        conn_arm_rtx(c); /* probes the window */
        return false;
    }
    if (window < record) {
        record = window > mss ? window - window % mss : window;
        ends = false;
    }
    *s = (struct share){c->snd_nxt, record, false, ends};
    return true;
}

/* How much of a share a path gets: what fits, in whole segments unless it is all that waits. */
static uint32_t portion(const struct sched_path *p, const struct share *s, uint32_t chosen) {
    uint64_t most = s->len < TCP_SUPER_MAX ? s->len : TCP_SUPER_MAX;
    uint32_t n = most < p->room ? (uint32_t)most : p->room;
    if (chosen && n > chosen)
        n = chosen;
    if (n < s->len) {
        uint32_t whole = n - n % p->mss;
        if (!whole && p->inflight + p->queued)
            return 0; /* no slivers while acknowledgments will make room */
        n = whole ? whole : n;
    }
    return n;
}

static int give(struct subflow *sf, const struct share *s, uint32_t n) {
    const struct conn *c = sf->conn;
    bool last = !s->again && conn_is_mptcp(c) && c->write_shut && dsn_eq(dsn_add(s->dsn, n), c->write_seq);
    int err = tx_map_add(sf, s->dsn, n, last);
    if (!err)
        sf->push = s->ends && n == s->len;
    return err;
}

/* The bytes given out are no longer waiting. */
static void account(struct conn *c, const struct share *s, uint32_t n, bool small) {
    struct env *env = c->mp->env;
    if (s->again) {
        ranges_remove_below(&c->reinject, &env->mem, s->dsn.v + n);
        c->bytes_reinjected += n;
        c->reinjected = true;
        mib_inc(&env->mib, MIB_MPTCP_RETRANS);
    } else {
        c->snd_nxt = dsn_add(c->snd_nxt, n);
        if (small)
            c->small_end = c->snd_nxt;
        c->cork_out = false;
        conn_marks_given(c);
        if (c->notsent_lowat != UINT32_MAX)
            conn_offer_room(c);
    }
    conn_arm_rtx(c);
}

/* Gives bytes of a share to subflows, as the scheduler says. False when nobody takes any now. */
static bool deal(struct conn *c, const struct share *s) {
    struct sched_path paths[CONN_SUBFLOWS_MAX];
    struct subflow *subflows[CONN_SUBFLOWS_MAX] = {NULL};
    uint64_t waiting = s->again ? ranges_total(&c->reinject) : s->len;
    if (!s->again && c->want_write && !c->window_limited)
        waiting = UINT64_MAX; /* the application has more than there was room for: this is not the end */
    struct sched_view view = {.now = c->mp->env->now,
                              .bytes = waiting < UINT32_MAX ? (uint32_t)waiting : UINT32_MAX,
                              .again = s->again,
                              .paths = paths};
    view.npaths = snapshot(c, s, paths, subflows);
    if (!view.npaths)
        return false;
    struct sched_choice choice = c->mp->sched->pick(c->sched_state, &view);
    uint32_t n = 0;
    bool small = false;
    for (uint32_t i = 0; i < view.npaths; i++) {
        if (!(choice.paths >> i & 1))
            continue;
        uint32_t part = portion(&paths[i], s, choice.bytes);
        if (n && part > n)
            part = n; /* copies on further paths are of the same bytes */
        if (!part)
            continue;
        assert(subflows[i]);
        if (give(subflows[i], s, part))
            conn_try_again(c);
        else
            small = (n = part) % paths[i].mss;
    }
    if (n)
        account(c, s, n, small);
    return n > 0;
}

/* Lost bytes go before new ones, which do not wait for them: those may be in good hands by now. */
static bool schedule(struct conn *c) {
    struct share s;
    if (c->state == UMPTCP_CLOSED || c->state == UMPTCP_SYN_SENT || (c->state == UMPTCP_SYN_RCVD && !conn_is_fast(c)))
        return false;
    return (lost_share(c, &s) && deal(c, &s)) || (new_share(c, &s) && deal(c, &s));
}

/* ---- One packet ----------------------------------------------------------------------------------------------------
 */

static uint32_t options_bytes(const struct mpopts *mp) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < mp->n; i++)
        n += (mpopt_len(&mp->opt[i]) + 3u) & ~3u;
    return n;
}

/* Where its payload stands in the stream. */
static struct dsn payload_dsn(const struct subflow *sf, const struct tcp_plan *plan) {
    if (plan->kind == TCP_PLAN_SYN)
        return sf->conn->snd_una; /* the first bytes, not mapped */
    const struct tx_map *m = tx_map_find(sf, plan->ssn);
    return dsn_add(m->dsn, ssn_sub(plan->ssn, m->ssn));
}

static void attach_payload(const struct subflow *sf, const struct tcp_plan *plan, struct umptcp_out *out) {
    if (!plan->len)
        return;
    struct dsn at = payload_dsn(sf, plan);
    out->nslices +=
        (uint32_t)bytebuf_slices(&sf->conn->sndbuf, at.v, plan->len, out->slices + 1, UMPTCP_SLICES_MAX - 1);
    out->len += plan->len;
}

static void write_headers(const struct subflow *sf, const struct seg *seg, uint32_t payload, struct umptcp_out *out) {
    const bool v6 = sf->tcb.v6;
    const uint32_t tcp_len = TCP_HDR_LEN + tcp_options_len(seg);
    const struct ip_hdr ip = {.v6 = v6,
                              .proto = IP_PROTO_TCP,
                              .ttl = sf->conn->ttl,
                              .dscp = sf->conn->dscp,
                              .ecn = seg->ecn,
                              .src = sf->flow.local.addr,
                              .dst = sf->flow.remote.addr,
                              .flow_label = subflow_flow_label(sf, seg->flags & TCP_SYN),
                              .dont_fragment = true};
    struct writer w = writer_of(out->hdr, sizeof out->hdr);
    ip_build(&w, &ip, tcp_len + payload);
    tcp_build(&w, seg);
    assert(!w.bad);
    out->netif = sf->netif;
    out->v6 = v6;
    out->hdr_len = out->len = (uint32_t)w.len;
    out->nslices = 1;
    out->slices[0] = (struct umptcp_slice){out->hdr, w.len};
    out->csum_start = (uint16_t)ip_hdr_len(v6);
    out->csum_offset = TCP_CSUM_OFFSET;
}

/* The TCP checksum: the pseudo-header's share only when the interface finishes it. */
static void write_checksum(const struct subflow *sf, struct umptcp_out *out, bool offload) {
    struct csum sum = {0};
    uint8_t *field = out->hdr + out->csum_start + out->csum_offset;
    csum_add_pseudo(&sum, &sf->flow.local.addr, &sf->flow.remote.addr, IP_PROTO_TCP, out->len - out->csum_start);
    uint16_t v = csum_fold(&sum);
    if (!offload) {
        csum_add(&sum, out->hdr + out->csum_start, out->hdr_len - out->csum_start);
        for (uint32_t i = 1; i < out->nslices; i++)
            csum_add(&sum, out->slices[i].base, out->slices[i].len);
        v = csum_finish(&sum);
    }
    field[0] = (uint8_t)(v >> 8);
    field[1] = (uint8_t)v;
    out->csum_partial = offload;
}

/* What to send on this subflow now. */
static bool plan_segment(const struct subflow *sf, struct tcp_plan *plan) {
    uint16_t alone = sf->signals & SIGNALS_ALONE;
    if (sf->state == SF_FASTCLOSE) {
        *plan = (struct tcp_plan){.kind = TCP_PLAN_ACK, .flags = TCP_ACK, .ssn = sf->tcb.snd_nxt, .carrier = true};
        return sf->signals & SIG_FASTCLOSE;
    }
    if (!conn_keys_shared(sf->conn))
        alone &= SIG_DATA_FIN | SIG_FAIL; /* the others wait until the handshake is beyond doubt */
    if (alone && sf->state == SF_ACTIVE && sf->signal_acks < SIGNAL_ACKS_MAX && tcp_synchronized(&sf->tcb) &&
        sf->tcb.ack_need != TCP_ACK_NOW) {
        *plan = (struct tcp_plan){.kind = TCP_PLAN_ACK, .flags = TCP_ACK, .ssn = sf->tcb.snd_nxt, .carrier = true};
        return true;
    }
    return tcp_plan(&sf->tcb, plan);
}

static uint16_t net_segment(const struct subflow *sf, uint32_t mtu) {
    return (uint16_t)(mtu - ip_hdr_len(sf->tcb.v6) - TCP_HDR_LEN);
}

bool subflow_output(struct subflow *sf, struct umptcp_out *out, netif_caps_fn caps_of, const void *ctx) {
    struct conn *c = sf->conn;
    struct tcp_plan plan = {0};
    struct seg seg;
    if (tcp_synchronized(&sf->tcb))
        tcp_set_owner_options(&sf->tcb, map_option_bytes(c));
    const struct netif_caps caps = caps_of ? caps_of(ctx, sf->netif) : (struct netif_caps){0};
    if (!plan_segment(sf, &plan))
        return false;
    if (plan.mtu_probe && caps.mtu && tcp_limit_probes(&sf->tcb, net_segment(sf, caps.mtu)) && !plan_segment(sf, &plan))
        return false;
    memset(&seg, 0, sizeof seg);
    seg.flow = sf->flow;
    options_fill(sf, &plan, &seg.mp);
    plan.urgent = conn_urgent_end(c);
    plan.push = sf->push;
    plan.redo = sf->redo && plan.kind == TCP_PLAN_DATA && !plan.again;
    if (plan.kind == TCP_PLAN_DATA && !plan.mtu_probe && (plan.urgent.v || !(sf->tcb.v6 ? caps.tso6 : caps.tso4))) {
        /* Also while there is an urgent pointer: it is another one in each segment */
        uint32_t max = tcp_payload_max(&sf->tcb, options_bytes(&seg.mp));
        if (plan.len > max) {
            plan.len = max;
            plan.fin = false;
            plan.flags &= (uint8_t)~TCP_FIN;
        }
    }
    sf->tcb.shared_window = conn_is_mptcp(c);
    plan.window_max = conn_window_max(c, sf->tcb.rcv_wscale);
    plan.want_zero = conn_window_shuts(c);
    const uint32_t lag = options_ack_lag(sf, &plan);
    tcp_emit(&sf->tcb, &plan, conn_window(c) + lag, &seg);
    out->gso_size = plan.gso_size;
    write_headers(sf, &seg, plan.len, out);
    attach_payload(sf, &plan, out);
    write_checksum(sf, out, caps.csum);
    if (plan.kind == TCP_PLAN_SYN && plan.len)
        tcp_queue(&sf->tcb, plan.len);
    const bool unheard = plan.kind == TCP_PLAN_PROBE || (options_repeat_ack(sf, &plan) && plan.window < sf->wnd_told);
    if (tcp_sent(&sf->tcb, &plan)) { /* no memory for a record of it: it never was */
        conn_try_again(c);
        return false;
    }
    if (plan.redo)
        sf->redo = !ssn_eq(sf->tcb.snd_nxt, sf->tcb.snd_end);
    if (c->marks && plan.len)
        conn_marks_sent(c, payload_dsn(sf, &plan), plan.len);
    options_sent(sf, &plan, &seg.mp);
    if (plan.kind != TCP_PLAN_RST) {
        if (!unheard)
            sf->wnd_told = plan.kind == TCP_PLAN_SYN ? 0 : (uint32_t)plan.window;
        conn_advertised(c, plan.window - lag);
    }
    if (sf->state == SF_DEAD)
        conn_work(c);
    return true;
}

/* Where new bytes tell more about a loss than old ones sent again, they are dealt before old ones go. */
static void feed_recovery(struct conn *c) {
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->state == SF_ACTIVE && tcp_wants_new(&subflow_of(n)->tcb)) {
            schedule(c);
            return;
        }
}

/* What the SYN did not bring over goes at once, and the third ACK with it: Nagle has no say in something sent again. */
static void fill_third(struct conn *c) {
    const uint64_t window = dsn_lt(c->snd_nxt, c->wnd_edge) ? dsn_sub(c->wnd_edge, c->snd_nxt) : 0;
    const uint64_t third = c->fast->third < window ? c->fast->third : window;
    const struct share s = {c->snd_nxt, third, false, true};
    conn_fast_free(c);
    if (s.len && deal(c, &s))
        conn_first(c)->redo = true;
    c->small_end = c->snd_una;
}

bool conn_output(struct conn *c, struct umptcp_out *out, netif_caps_fn caps, const void *ctx) {
    feed_recovery(c);
    if (c->fast && c->fast->third && c->state != UMPTCP_SYN_SENT)
        fill_third(c);
    do {
        if (!conn_is_mptcp(c))
            close_advance(c); /* plain TCP: the FIN goes with the last bytes */
        list_for_each (n, &c->subflows)
            if (subflow_output(subflow_of(n), out, caps, ctx))
                return true;
    } while (schedule(c));
    close_advance(c);
    list_for_each (n, &c->subflows)
        if (subflow_output(subflow_of(n), out, caps, ctx))
            return true;
    list_for_each (n, &c->subflows)
        tcp_ran_dry(&subflow_of(n)->tcb);
    conn_chrono(c);
    return false;
}
