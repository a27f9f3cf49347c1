/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data on the SYN (RFC 7413, RFC 8684 appendix B), in both roles.
 *
 * The client's first bytes stand at the start of its buffer when the SYN leaves, with numbers of the stream but without
 * a mapping. What the SYN/ACK acknowledges of them is done with, and in MPTCP the bytes behind get its numbers: the
 * SYN's do not count (B.2). What it does not acknowledge is handed out after the handshake like any other byte.
 *
 * The server stores a SYN's bytes before it has the client's key, from position 1 on. When the key comes they move to
 * just before the client's IDSN (handshake.c), read or not.
 */
#include <errno.h>
#include <string.h>

#include "mptcp/conn.h"
#include "mptcp/marks.h"

enum { BLACKHOLE_TIMEOUTS = 2 }; /* the third SYN, or the third transmission, is one too many */

/* ---- What goes with the SYN -------------------------------------------------------------------------------------- */

static struct conn_fastopen *fast_get(struct conn *c) {
    if (!c->fast)
        c->fast = mem_alloc(&c->mp->env->mem, sizeof *c->fast);
    return c->fast;
}

void conn_fast_free(struct conn *c) {
    mem_free(&c->mp->env->mem, c->fast, c->fast ? sizeof *c->fast : 0);
    c->fast = NULL;
}

/* The header has 40 octets for options (RFC 8684 B.1): when the cookie does not fit beside MP_CAPABLE, timestamps go.
 */
static void make_room(struct subflow *sf) {
    struct tcp_plan plan;
    struct seg seg = {0};
    if (!tcp_plan(&sf->tcb, &plan) || plan.kind != TCP_PLAN_SYN)
        return;
    options_fill(sf, &plan, &seg.mp);
    tcp_emit(&sf->tcb, &plan, 0, &seg);
    if (tcp_options_len(&seg) > TCP_OPTIONS_MAX)
        tcp_no_timestamps(&sf->tcb);
}

uint32_t fastopen_syn_len(const struct subflow *sf) {
    const struct conn *c = sf->conn;
    if (sf->join || !sf->initiator || !c->fast || sf->tcb.syn_sends)
        return 0;
    uint64_t waiting = dsn_sub(c->write_seq, c->snd_una);
    uint32_t room = sf->tcb.mss - TCP_OPTIONS_MAX; /* TCP_MAXSEG may have made it smaller */
    if (room > c->fast->room)
        room = c->fast->room;
    return waiting < room ? (uint32_t)waiting : room;
}

/* ---- Client ------------------------------------------------------------------------------------------------------ */

/* RFC 7413 4.1.3.1: where data on a SYN got lost before, or lately anywhere, there is none for a time. */
static bool is_resting(const struct mp *mp, const struct fastopen_peer *peer) {
    if (!(mp->env->cfg.fastopen & UMPTCP_FASTOPEN_CLIENT))
        return true;
    return time_before(mp->env->now, mp->fastopen.off_until) || (peer && time_before(mp->env->now, peer->hold));
}

/* `mss`: payload and options of a packet of ours. */
static uint32_t room_for(const struct mp *mp, const struct flow *flow, uint16_t mss, bool no_cookie) {
    const struct fastopen_peer *peer = fastopen_peer_find(&mp->fastopen, flow);
    no_cookie = no_cookie || mp->env->cfg.fastopen & UMPTCP_FASTOPEN_CLIENT_NO_COOKIE;
    if (is_resting(mp, peer))
        return 0;
    if (no_cookie && !peer) /* who does without cookies knows the way */
        return mss - TCP_OPTIONS_MAX;
    return no_cookie || (peer && peer->cookie.len) ? fastopen_room(peer, !addr_is_v4(&flow->remote.addr), mss) : 0;
}

uint32_t fastopen_room_of(const struct mp *mp, const struct path *path, bool no_cookie) {
    return room_for(mp, &path->flow, path->mss, no_cookie);
}

void conn_connect_fast(struct conn *c, bool no_cookie) {
    struct mp *mp = c->mp;
    const struct umptcp_config *cfg = &mp->env->cfg;
    struct subflow *sf = conn_first(c);
    const struct fastopen_peer *peer = fastopen_peer_find(&mp->fastopen, &sf->flow);
    if (is_resting(mp, peer) || !fast_get(c))
        return;
    struct conn_fastopen *fast = c->fast;
    no_cookie = no_cookie || cfg->fastopen & UMPTCP_FASTOPEN_CLIENT_NO_COOKIE;
    fast->option = !no_cookie;
    if (peer)
        fast->cookie = peer->cookie;
    fast->room = room_for(mp, &sf->flow, sf->tcb.mss_local, no_cookie);
    c->hasty = fast->room > 0;
    c->fast_fail = c->hasty ? UMPTCP_FASTOPEN_OK : UMPTCP_FASTOPEN_COOKIE_UNAVAILABLE;
    make_room(sf);
}

/* The next time the older form is tried, but only once. */
static void not_understood(struct fastopen_peer *peer) {
    peer->no_exp = peer->no_exp || peer->cookie.exp;
    peer->cookie.exp = !peer->no_exp;
}

/* What the SYN/ACK says about the peer, for the next time. `lost`: the first SYN, which had data, did not get there. */
static void remember(struct subflow *sf, const struct seg *seg, bool lost) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    const struct tcp_options *opt = &seg->opt;
    struct fastopen_peer *peer = fastopen_peer_get(&c->mp->fastopen, env, &sf->flow);
    if (!peer)
        return;
    if (opt->has_mss)
        peer->mss = opt->mss;
    if (opt->has_fastopen && opt->fastopen.len)
        peer->cookie = opt->fastopen;
    else if (c->fast->option && !c->fast->cookie.len && sf->tcb.syn_sends == 1)
        not_understood(peer);
    if (lost)
        fastopen_peer_lost(peer, env->now);
    else
        peer->losses = 0;
}

void fastopen_synack(struct subflow *sf, const struct seg *seg) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    const uint64_t taken = sf->tcb.snd_una.v - 1, carried = ssn_sub(sf->tcb.snd_end, (struct ssn){1});
    if (!c->fast)
        return;
    remember(sf, seg, carried && !taken && sf->tcb.syn_sends > 1 && !seg->opt.has_fastopen);
    if (carried)
        mib_inc(&env->mib, taken == carried ? MIB_TFO_ACTIVE : MIB_TFO_ACTIVE_FAIL);
    if (taken == carried && carried)
        c->mp->fastopen.offs = 0;
    if (taken < carried)
        c->fast_fail = sf->tcb.syn_sends > 1 ? UMPTCP_FASTOPEN_SYN_RETRANSMITTED : UMPTCP_FASTOPEN_DATA_NOT_ACKED;
    tcp_unqueue(&sf->tcb);
    c->snd_una = c->snd_nxt = dsn_add(c->snd_una, taken);
    bytebuf_advance(&c->sndbuf, &env->chunks, c->snd_una.v, dsn_add(c->write_seq, c->reserved).v);
    conn_marks_acked(c);
    if (taken && conn_is_mptcp(c)) {
        conn_marks_renumber(c, taken);
        bytebuf_renumber(&c->sndbuf, -taken);
        c->snd_una.v -= taken;
        c->snd_nxt.v -= taken;
        c->write_seq.v -= taken;
        c->syn_sent = (uint16_t)taken;
    }
    c->small_end = c->snd_una;
    c->fast->third = (uint32_t)(taken < carried ? carried - taken : dsn_sub(c->write_seq, c->snd_una));
    if (taken == carried && c->fast->third)
        tcp_dialogue(&sf->tcb); /* the application has more to say */
    conn_offer_room(c);
}

void fastopen_timeout(struct subflow *sf) {
    struct conn *c = sf->conn;
    const bool opening = c->state == UMPTCP_SYN_SENT;
    const uint32_t times = opening ? sf->tcb.syn_sends : sf->tcb.rto_series;
    if (!sf->join && c->hasty && times == (opening ? 1u : 0u) + BLACKHOLE_TIMEOUTS)
        fastopen_rest(&c->mp->fastopen, c->mp->env);
}

void fastopen_forget(struct mp *mp) {
    fastopen_free(&mp->fastopen, &mp->env->mem);
    mp->fastopen.off_until = (utime){0};
    mp->fastopen.offs = 0;
}

/* ---- Server ------------------------------------------------------------------------------------------------------ */

int conn_give_cookie(struct conn *c, const struct fastopen_cookie *cookie) {
    if (!fast_get(c))
        return -ENOMEM;
    c->fast->cookie = *cookie;
    c->fast->option = true;
    make_room(conn_first(c));
    return 0;
}

int conn_accept_fast(struct conn *c, const struct seg *syn, uint64_t listener) {
    struct subflow *sf = conn_first(c);
    struct tcp_rx rx;
    enum drop drop = DROP_NONE;
    bool eof;
    if (!fast_get(c))
        return -ENOMEM;
    c->fast->taken = true;
    c->fast->listener = listener;
    sf->state = SF_ACTIVE;
    tcp_open_fast(&sf->tcb, syn, conn_window(c), &rx);
    c->wnd_edge = dsn_add(c->snd_una, sf->tcb.snd_wnd);
    if (rx.len && !conn_receive(c, conn_plain_dsn(c, rx.ssn), syn->data + rx.skip, rx.len, &drop))
        sf->tcb.syn_data = tcp_receive(&sf->tcb, syn, rx.ssn, rx.len, false, &eof) > 0; /* in order: needs no memory */
    conn_notify(c, NOTIFY_ACCEPT);
    return 0;
}
