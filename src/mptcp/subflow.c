/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A subflow's life and input: TCP's facts are read here in order - handshake, signals, acknowledgment, data - and each
 * gets its meaning for the connection in the file that is named after it.
 */
#include <assert.h>
#include <errno.h>

#include "mptcp/conn.h"

enum { JOIN_SYNS = 2 };

static uint64_t flow_hash(const struct mp *mp, const struct flow *flow) {
    static_assert(sizeof *flow == 36, "no padding: the bytes are the value");
    return siphash13(&mp->env->hash_key, flow, sizeof *flow);
}

/* No segment of the one in TIME-WAIT may be taken for the new one's, whatever the clock says. */
static struct seq isn_behind(const struct tcb *old, struct seq isn) {
    const struct seq end = seq_of(old->isn, ssn_add(old->snd_nxt, UINT16_MAX + 2u));
    return (int32_t)(isn.v - end.v) > 0 ? isn : end;
}

struct subflow *subflow_new(struct conn *c, const struct path *path) {
    struct mp *mp = c->mp;
    struct env *env = mp->env;
    struct subflow *sf = mem_alloc(&env->mem, sizeof *sf), *old = subflow_find(mp, &path->flow);
    if (!sf)
        return NULL;
    struct seq isn = tcp_isn(env, &path->flow);
    const struct tcp_setup setup = {
        .env = env,
        .cc = c->cc,
        .v6 = !addr_is_v4(&path->flow.remote.addr),
        .mss_local = path->mss,
        .rcv_wscale = env->cfg.window_scaling ? conn_window_scale(c) : 0,
        .isn = old ? isn_behind(&old->tcb, isn) : isn,
        .ts_offset = tcp_ts_offset(env, &path->flow),
    };
    if (tcp_init(&sf->tcb, &setup)) {
        mem_free(&env->mem, sf, sizeof *sf);
        return NULL;
    }
    if (tcp_set_keepalive(&sf->tcb, &c->keepalive) || tcp_set_user_timeout(&sf->tcb, c->user_timeout_ms)) {
        tcp_destroy(&sf->tcb);
        mem_free(&env->mem, sf, sizeof *sf);
        return NULL;
    }
    if (old) {
        mib_inc(&env->mib, MIB_TCP_TW_RECYCLED);
        subflow_gone(old, 0);
    }
    sf->conn = c;
    sf->flow = path->flow;
    sf->netif = (uint16_t)path->netif;
    sf->number = ++c->subflow_counter;
    deque_init(&sf->tx_maps, sizeof(struct tx_map));
    deque_init(&sf->rx_maps, sizeof(struct rx_map));
    sf->join_at = UMPTCP_NEVER;
    hash_table_add(&mp->flows, &env->mem, &sf->flow_node, flow_hash(mp, &sf->flow));
    sf->registered = true;
    list_push_back(&c->subflows, &sf->node);
    c->nsubflows++;
    if (sf->number == 1)
        c->name = path->flow;
    subflow_path_begin(sf);
    conn_ready(c);
    return sf;
}

void subflow_half_open(struct subflow *sf, bool on) {
    struct mp *mp = sf->conn->mp;
    if (on != sf->half_open)
        mp->half_open += on ? 1 : -1u;
    sf->half_open = on;
}

uint32_t conn_half_open(const struct conn *c) {
    uint32_t count = 0;
    list_for_each (n, &c->subflows)
        count += subflow_of(n)->half_open;
    return count;
}

static void subflow_unregister(struct subflow *sf) {
    if (!sf->registered)
        return;
    hash_table_remove(&sf->conn->mp->flows, &sf->flow_node);
    sf->registered = false;
}

void subflow_free(struct subflow *sf) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    subflow_half_open(sf, false);
    subflow_unregister(sf);
    tx_map_clear(sf);
    deque_free(&sf->rx_maps, &env->mem);
    hold_free(sf);
    tcp_destroy(&sf->tcb);
    list_remove(&sf->node);
    c->nsubflows--;
    mem_free(&env->mem, sf, sizeof *sf);
}

struct subflow *subflow_find(const struct mp *mp, const struct flow *flow) {
    for (struct hash_node *n = hash_table_first(&mp->flows, flow_hash(mp, flow)); n; n = hash_node_next(n)) {
        struct subflow *sf = container_of(n, struct subflow, flow_node);
        if (flow_eq(&sf->flow, flow))
            return sf;
    }
    return NULL;
}

/* A path that may carry data has a part in what its connection takes from the network; a dead or unproven one has not.
 */
static bool takes_part(const struct subflow *sf) { return sf->state == SF_ACTIVE && !sf->stale; }

void subflow_couple(struct subflow *sf) {
    struct subflow *with = NULL;
    list_for_each (n, &sf->conn->subflows)
        if (subflow_of(n) != sf && takes_part(subflow_of(n)) && subflow_of(n)->tcb.cc.ops == sf->tcb.cc.ops)
            with = subflow_of(n);
    cc_couple(&sf->tcb.cc, with && takes_part(sf) ? &with->tcb.cc : NULL);
}

int subflow_set_congestion(struct subflow *sf, const struct cc_ops *ops) {
    if (tcp_set_congestion(&sf->tcb, ops))
        return -ENOMEM;
    subflow_couple(sf);
    return 0;
}

bool subflow_usable(const struct subflow *sf) { return sf->state == SF_ACTIVE && !sf->stale && tcp_can_send(&sf->tcb); }

void subflow_up(struct subflow *sf) {
    struct conn *c = sf->conn;
    sf->state = SF_ACTIVE;
    subflow_half_open(sf, false);
    sf->join_at = UMPTCP_NEVER;
    conn_set_due(c, DUE_ALONE, UMPTCP_NEVER);
    if (sf->join)
        c->joined = c->join_up = true;
    subflow_couple(sf);
    conn_path_event(c, &(struct conn_path_event){.type = UMPTCP_EV_SUBFLOW_UP, .subflow = sf->number});
    conn_pm_event(c, &(struct pm_event){.type = PM_SUBFLOW_UP,
                                        .subflow = sf->number,
                                        .local_id = sf->local_id,
                                        .remote_id = sf->remote_id,
                                        .initiated = sf->initiator});
    conn_arm_path(c);
    conn_ready(c);
}

/* Something on its path stops or changes what MPTCP needs (RFC 8684 3.6): an option is missing, or is wrong. */
static bool interfered(const struct subflow *sf) {
    return sf->rst_reason == MPRST_MIDDLEBOX || sf->peer_reason == MPRST_MIDDLEBOX || sf->rst_reason == MPRST_MPTCP ||
           sf->peer_reason == MPRST_MPTCP;
}

static bool has_another(const struct subflow *sf) {
    list_for_each (n, &sf->conn->subflows)
        if (subflow_of(n) != sf && subflow_of(n)->state == SF_ACTIVE)
            return true;
    return false;
}

/*
 * Whether a dead subflow is worth another try: it was up or nothing answered, and it was not refused for good (RFC 8684
 * 3.6: MP_TCPRST without the T flag, or for a reason that will not change). A path with such a middlebox serves when
 * there is no other: tried again and again it would be handed bytes each time, and hold them up.
 */
static bool worth_retry(const struct subflow *sf, int error) {
    if (interfered(sf) && has_another(sf))
        return false;
    return sf->initiator && !sf->refused && sf->peer_reason != MPRST_PROHIBITED && error != 0 &&
           (error == ETIMEDOUT || sf->state == SF_ACTIVE || error == ENETDOWN);
}

/*
 * The only subflow was reset, by whomever. Others may follow it, but not for ever when no byte gets through meanwhile.
 * Silence is another matter: radio comes and goes.
 */
static void count_futile(const struct subflow *sf, int error) {
    struct conn *c = sf->conn;
    const struct env *env = c->mp->env;
    if (sf->state != SF_ACTIVE || !error || error == ETIMEDOUT || error == ENETDOWN || has_another(sf))
        return;
    c->futile += c->futile < UINT8_MAX;
    if (c->futile > env->cfg.retries2)
        conn_set_due(c, DUE_ALONE, env->now);
}

/* The reason says that there is no hurry. */
static bool retry_later(const struct subflow *sf) {
    return interfered(sf) || sf->peer_reason == MPRST_RESOURCES || sf->peer_reason == MPRST_OUTSTANDING;
}

void subflow_gone(struct subflow *sf, int error) {
    struct conn *c = sf->conn;
    if (sf->state == SF_DEAD)
        return;
    bool retry = worth_retry(sf, error);
    count_futile(sf, error);
    subflow_tell_closed(sf, error);
    reinject_subflow(sf, error != 0);
    tx_map_clear(sf);
    hold_free(sf);
    sf->join_at = UMPTCP_NEVER;
    sf->state = SF_DEAD;
    c->syn_data = c->syn_data || sf->tcb.syn_data;
    subflow_couple(sf);
    subflow_half_open(sf, false);
    if (!sf->tcb.rst_pending) /* else segments are still ours, lest a RST without our reason answers them first */
        subflow_unregister(sf);
    conn_path_event(c, &(struct conn_path_event){.type = UMPTCP_EV_SUBFLOW_DOWN,
                                                 .subflow = sf->number,
                                                 .error = error,
                                                 .reason = sf->peer_reason ? sf->peer_reason : sf->rst_reason});
    conn_pm_event(c, &(struct pm_event){.type = PM_SUBFLOW_DOWN,
                                        .subflow = sf->number,
                                        .local_id = sf->local_id,
                                        .remote_id = sf->remote_id,
                                        .error = error,
                                        .initiated = sf->initiator,
                                        .retry = retry,
                                        .later = retry && retry_later(sf),
                                        .addr = sf->flow.local});
    close_subflow_gone(c, error);
    conn_work(c);
    conn_ready(c);
}

void subflow_close(struct subflow *sf) {
    if (sf->state == SF_DEAD || sf->state == SF_CLOSING)
        return;
    if (sf->state != SF_ACTIVE) { /* not up yet: nothing to end in order */
        subflow_reset(sf, MPRST_UNSPEC, ECONNABORTED);
        return;
    }
    subflow_tell_closed(sf, 0);
    sf->state = SF_CLOSING;
    if (conn_is_mptcp(sf->conn) && sf->conn->state != UMPTCP_CLOSED)
        reinject_subflow(sf, false);
    tcp_close(&sf->tcb);
    tcp_orphan(&sf->tcb);
    if (sf->tcb.state == UMPTCP_CLOSED)
        subflow_gone(sf, 0);
    conn_ready(sf->conn);
}

void subflow_reset(struct subflow *sf, enum mp_rst_reason reason, int error) {
    if (sf->state == SF_DEAD)
        return;
    sf->rst_reason = (uint8_t)reason;
    sf->rst_transient = error == ETIMEDOUT || error == ENETDOWN;
    tcp_abort(&sf->tcb, error);
    subflow_gone(sf, error);
}

void subflow_refuse(struct subflow *sf, enum mp_rst_reason reason) {
    if (sf->state == SF_DEAD)
        return;
    sf->rst_reason = (uint8_t)reason;
    if (sf->initiator)
        tcp_abort(&sf->tcb, ECONNREFUSED);
    else
        tcp_refuse(&sf->tcb, ECONNREFUSED);
    subflow_gone(sf, ECONNREFUSED);
}

/* TCP acknowledged payload: mappings let go of it; to a peer that is plain TCP that is all the acknowledgment there is.
 */
static void acknowledged(struct subflow *sf, const struct seg *seg, const struct tcp_rx *rx) {
    struct conn *c = sf->conn;
    sf->bare = !seg->mp.n;
    if (rx->acked) {
        tx_map_acked(sf, sf->tcb.snd_una);
        sf->timeouts = 0;
    }
    if (conn_acked_by_tcp(c))
        conn_data_ack(c, tx_una_dsn(sf), rx->wnd);
}

/* A RST that TCP accepted: what it says beside (RFC 8684 3.5, 3.6), then the subflow is gone. */
static void reset_input(struct subflow *sf, const struct seg *seg) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    const struct mpopt *rst = mpopts_find(&seg->mp, MP_TCPRST);
    const struct mpopt *fast = mpopts_find(&seg->mp, MP_FASTCLOSE);
    if (c->fast)
        c->fast->reset = true;
    if (mpopts_find(&seg->mp, MP_FAIL)) /* from where on does not matter: all of it goes to other subflows */
        mib_inc(&env->mib, MIB_MP_FAIL_RX);
    if (rst) {
        sf->peer_reason = rst->rst.reason;
        sf->refused = !rst->rst.transient;
        sf->reset_seen = true;
        sf->reset_transient = rst->rst.transient;
        mib_inc(&env->mib, MIB_MP_RST_RX);
    }
    if (fast && conn_is_mptcp(c) && fast->fastclose.key == c->local_key) {
        mib_inc(&env->mib, MIB_MP_FASTCLOSE_RX);
        subflow_gone(sf, ECONNRESET);
        close_fast(c);
        return;
    }
    subflow_gone(sf, sf->tcb.error ? sf->tcb.error : ECONNRESET);
}

/*
 * A DSS proves that the peer took our MP_CAPABLE, but not that its keys arrived: the third ACK, which has them, was
 * lost or is late. The segment must not stand in for it, or the connection would be plain TCP at one end only.
 */
static bool overtook_keys(const struct subflow *sf, const struct seg *seg) {
    return sf->tcb.state == UMPTCP_SYN_RCVD && sf->conn->mode == MP_ASKED && !sf->initiator &&
           !(seg->flags & TCP_RST) && mpopts_find(&seg->mp, MP_DSS) && !mpopts_find(&seg->mp, MPC_DATA);
}

enum drop subflow_input(struct subflow *sf, const struct seg *seg, bool *reply_rst, bool *reopen) {
    struct conn *c = sf->conn;
    struct tcp_rx rx;
    *reply_rst = *reopen = false;
    if (sf->state == SF_DEAD)
        return DROP_TCP_NO_SOCKET;
    if (overtook_keys(sf, seg))
        return DROP_MP_NOT_ESTABLISHED;
    tcp_input(&sf->tcb, seg, conn_window(c), &rx);
    *reply_rst = rx.reply_rst;
    *reopen = rx.reopen;
    enum drop drop = rx.drop;
    if (rx.reopen) {
        subflow_gone(sf, 0);
        return drop;
    }
    if (rx.reset) {
        reset_input(sf, seg);
        return drop;
    }
    if (sf->state == SF_FASTCLOSE)
        return close_fast_input(sf, seg, &rx);
    if (rx.acceptable) {
        sf->probes = 0;
        sf->signal_acks = 0;
        sf->withdrawn = false;
        conn_answered(c, !seg->mp.n);
        if (sf->stale && rx.alive)
            subflow_set_stale(sf, false);
        if (handshake_input(sf, seg, &rx, &drop) && signal_input(sf, seg, &drop)) {
            acknowledged(sf, seg, &rx);
            enum drop data = receive_input(sf, seg, &rx);
            drop = drop ? drop : data;
        }
    }
    *reply_rst = *reply_rst || rx.reply_rst;
    if (sf->state != SF_DEAD && sf->tcb.state == UMPTCP_CLOSED)
        subflow_gone(sf, 0);
    close_advance(c);
    /* A duplicate acknowledgment lets bytes go, too, that wait in the connection (RFC 3042). */
    if (tcp_pending(&sf->tcb) || rx.acked || sf->signals || !dsn_eq(c->snd_nxt, c->write_seq))
        conn_ready(c);
    return drop;
}

static bool has_other_path(const struct subflow *sf) {
    list_for_each (n, &sf->conn->subflows) {
        const struct subflow *other = subflow_of(n);
        if (other != sf && subflow_usable(other) && !other->timeouts)
            return true;
    }
    return false;
}

/* A retransmission timeout: what is in flight here may go elsewhere, and after some of them new data avoids the path.
 */
static void retransmission_timeout(struct subflow *sf) {
    struct conn *c = sf->conn;
    uint8_t limit = c->mp->env->cfg.stale_loss_cnt;
    if (sf->timeouts < UINT8_MAX)
        sf->timeouts++;
    fastopen_timeout(sf);
    if (sf->tcb.rto_series == c->mp->env->cfg.retries1 + 1)
        subflow_path_doubted(sf);
    if (!conn_is_mptcp(c) || !has_other_path(sf))
        return;
    reinject_subflow(sf, false);
    if (limit && sf->timeouts >= limit)
        subflow_set_stale(sf, true);
}

/* A SYN got no answer: MPTCP may be what it fails for; a join is given up soon, the path manager tries again. */
static void syn_timeout(struct subflow *sf) {
    fastopen_timeout(sf);
    if (!sf->join)
        handshake_syn_timeout(sf);
    else if (sf->tcb.syn_sends > JOIN_SYNS)
        subflow_reset(sf, MPRST_UNSPEC, ETIMEDOUT);
}

void subflow_timeout(struct subflow *sf) {
    if (sf->state == SF_DEAD)
        return;
    enum tcp_timeout_event what = tcp_timeout(&sf->tcb);
    if (sf->state == SF_FASTCLOSE && sf->tcb.state != UMPTCP_CLOSED)
        return; /* nothing of TCP's is sent there any more */
    switch (what) {
    case TCP_TIMEOUT_NONE:
        break;
    case TCP_TIMEOUT_SYN:
        if (sf->tcb.state == UMPTCP_SYN_SENT)
            syn_timeout(sf);
        break;
    case TCP_TIMEOUT_RTO:
        retransmission_timeout(sf);
        break;
    case TCP_TIMEOUT_DEAD:
        subflow_gone(sf, sf->tcb.error);
        break;
    case TCP_TIMEOUT_CLOSED:
        subflow_gone(sf, 0);
        break;
    }
    close_advance(sf->conn);
    conn_ready(sf->conn);
}
