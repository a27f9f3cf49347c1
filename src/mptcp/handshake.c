/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes: MP_CAPABLE (RFC 8684 3.1) and MP_JOIN (3.2), in both roles. TCP has done its part when handshake_input()
 * looks at a segment; here is decided what the options make of it: MPTCP, plain TCP, or the end of the subflow.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "mptcp/conn.h"
#include "wire/mpcrypto.h"

enum { MP_VERSION = 1, BLACKHOLE_DOUBLINGS_MAX = 6 };
#define BLACKHOLE_HOLD SEC(3600)

/* Positions of the stream start behind the IDSN in both directions (3.1); in plain TCP the IDSN is just 0. */
static void start_sending(struct conn *c, struct dsn idsn) {
    c->local_idsn = idsn;
    c->snd_una = c->snd_nxt = c->small_end = c->write_seq = c->wnd_edge = dsn_add(idsn, 1);
    bytebuf_init(&c->sndbuf, c->snd_una.v);
}

static void start_receiving(struct conn *c, struct dsn idsn) {
    c->remote_idsn = idsn;
    c->read_seq = c->rcv_nxt = dsn_add(idsn, 1);
    c->rcv_edge = dsn_add(c->rcv_nxt, c->rcvbuf_size < UINT16_MAX ? c->rcvbuf_size : UINT16_MAX);
    c->rx_base_ssn = (struct ssn){1};
    c->rx_base_dsn = c->rcv_nxt;
    bytebuf_init(&c->rcvbuf, c->rcv_nxt.v);
}

/* The peer's IDSN is known now. What came on its SYN stands before it (appendix B), and is perhaps still unread. */
static void move_receiving(struct conn *c, struct dsn idsn) {
    const uint64_t early = conn_bytes_received(c), by = idsn.v - early - c->remote_idsn.v;
    if (!early) {
        start_receiving(c, idsn);
        return;
    }
    bytebuf_renumber(&c->rcvbuf, by);
    c->remote_idsn = idsn;
    c->syn_rcvd = (uint16_t)early;
    c->read_seq = dsn_add(c->read_seq, by);
    c->rcv_nxt = dsn_add(c->rcv_nxt, by);
    c->rcv_edge = dsn_add(c->rcv_edge, by);
    c->rx_base_ssn = (struct ssn){1 + early};
    c->rx_base_dsn = c->rcv_nxt;
}

/* A key of our own, and with it a token; without one the connection is plain TCP. */
static bool take_key(struct conn *c) {
    struct mp *mp = c->mp;
    struct dsn idsn;
    if (token_new_key(&mp->tokens, mp->env, &c->token, &c->local_key, &idsn)) {
        mib_inc(&mp->env->mib, MIB_MP_FALLBACK_TOKEN);
        return false;
    }
    start_sending(c, idsn);
    c->csum_wanted = mp->env->cfg.checksum_enabled;
    return true;
}

static bool take_remote_key(struct conn *c, uint64_t key) {
    struct env *env = c->mp->env;
    struct dsn idsn;
    if (!c->paths) {
        c->paths = mem_alloc(&env->mem, sizeof *c->paths);
        if (!c->paths)
            return false;
        deque_init(&c->paths->events, sizeof(struct pm_event));
        deque_init(&c->paths->announced, sizeof(struct announcement));
        deque_init(&c->paths->echoes, sizeof(struct pm_remote));
        c->paths->pm_at = c->paths->probe_at = c->paths->remove_at = c->paths->prio_at = UMPTCP_NEVER;
    }
    c->remote_key = key;
    mp_key_derive(key, &c->remote_token, &idsn);
    move_receiving(c, idsn);
    return true;
}

/* The handshake showed that this is plain TCP: nothing of MPTCP was used yet, so there is nothing to give up. */
static void stay_tcp(struct conn *c) {
    c->mode = MP_OFF;
    token_release(&c->mp->tokens, &c->token);
}

/* The first subflow is up; its handshake's window is the connection's first. */
static void conn_established(struct subflow *sf) {
    struct conn *c = sf->conn;
    sf->state = SF_ACTIVE;
    const bool told = conn_is_fast(c); /* it could be accepted before */
    conn_set_state(c, UMPTCP_ESTABLISHED);
    c->wnd_edge = dsn_add(c->snd_una, sf->tcb.snd_wnd);
    if (told)
        conn_work(c);
    else
        conn_notify(c, c->server ? NOTIFY_ACCEPT : NOTIFY_CONNECTED | NOTIFY_WRITABLE);
    if (!c->server && c->fast && !c->fast->third)
        conn_fast_free(c);
    if (!dsn_eq(c->snd_una, c->snd_nxt))
        conn_arm_rtx(c);
    if (c->write_shut) /* shutdown() came before the handshake ended */
        conn_set_state(c, UMPTCP_FIN_WAIT_1);
}

/* ---- Opening -------------------------------------------------------------------------------------------------------
 */

int conn_connect(struct conn *c, const struct path *path, bool tcp_only) {
    struct mp *mp = c->mp;
    struct env *env = mp->env;
    bool hold = time_before(env->now, mp->blackhole_until);
    struct subflow *sf = subflow_new(c, path);
    if (!sf)
        return -ENOMEM;
    sf->initiator = true;
    conn_set_state(c, UMPTCP_SYN_SENT);
    start_sending(c, (struct dsn){0});
    start_receiving(c, (struct dsn){0});
    if (!tcp_only && env->cfg.mptcp_enabled) {
        if (hold)
            mib_inc(&env->mib, MIB_MPC_SYN_TX_DISABLED);
        else if (take_key(c)) {
            c->mode = MP_ASKED;
            mib_inc(&env->mib, MIB_MPC_SYN_TX);
        }
    }
    tcp_connect(&sf->tcb);
    return 0;
}

/* What the flags of an MP_CAPABLE must be for us to take it (3.1): version 1, no extensions, HMAC-SHA256 among its
 * algorithms. */
static bool mpc_acceptable(const struct mpopt *mpc) {
    return mpc->mpc.version >= MP_VERSION && !(mpc->mpc.flags & MPC_EXT) && mpc->mpc.flags & MPC_HMAC_SHA256;
}

/* A connection in SYN-RECEIVED whose first subflow is about to open. */
static struct subflow *accept_new(struct mp *mp, const struct path *path) {
    struct conn *c = conn_new(mp);
    struct subflow *sf = c ? subflow_new(c, path) : NULL;
    if (!sf) {
        if (c)
            conn_free(c);
        return NULL;
    }
    c->server = true;
    conn_set_state(c, UMPTCP_SYN_RCVD);
    start_sending(c, (struct dsn){0});
    start_receiving(c, (struct dsn){0});
    return sf;
}

/* The SYN asks for MPTCP in a way that we can answer, or NULL. */
static const struct mpopt *asks_mptcp(const struct env *env, const struct seg *syn) {
    const struct mpopt *mpc = mpopts_find(&syn->mp, MPC_SYN);
    bool good = env->cfg.mptcp_enabled && mpc && mpc_acceptable(mpc) && !mpopts_find(&syn->mp, MPJ_SYN);
    return good ? mpc : NULL;
}

struct conn *conn_accept_syn(struct mp *mp, const struct path *path, const struct seg *syn, bool mptcp) {
    struct subflow *sf = accept_new(mp, path);
    const struct mpopt *mpc = mptcp ? asks_mptcp(mp->env, syn) : NULL;
    if (!sf)
        return NULL;
    struct conn *c = sf->conn;
    if (mpc) {
        mib_inc(&mp->env->mib, MIB_MPC_SYN_RX);
        if (take_key(c)) {
            c->mode = MP_ASKED;
            c->csum = mpc->mpc.flags & MPC_CSUM || c->csum_wanted;
        }
    }
    tcp_open(&sf->tcb, syn);
    return c;
}

/* ---- Without state (3.1: "stateless") ----------------------------------------------------------------------------
 */

/* The keys that belong to a cookie's handshake, in the order in which they are tried. */
static uint64_t cookie_key(const struct cookies *cs, const struct flow *flow, const struct cookie *ck, uint32_t nth) {
    uint8_t in[FLOW_LEN + 8];
    struct writer w = writer_of(in, sizeof in);
    put_flow(&w, flow);
    put_u32(&w, ck->isn.v);
    put_u32(&w, nth);
    assert(!w.bad && w.len == sizeof in);
    return mp_keyed_key(cookie_secret(cs, ck), COOKIE_SECRET_LEN, in, sizeof in);
}

static bool use_key(struct conn *c, uint64_t key) {
    struct mp *mp = c->mp;
    struct dsn idsn;
    if (token_take_key(&mp->tokens, mp->env, &c->token, key, &idsn))
        return false;
    c->local_key = key;
    c->mode = MP_ASKED;
    c->csum_wanted = mp->env->cfg.checksum_enabled;
    start_sending(c, idsn);
    return true;
}

struct conn *conn_answer_syn(struct mp *mp, const struct path *path, const struct seg *syn, bool mptcp,
                             struct cookies *cs) {
    struct subflow *sf = accept_new(mp, path);
    if (!sf)
        return NULL;
    struct conn *c = sf->conn;
    struct cookie ck = cookie_of_syn(cs, syn, COOKIE_CAPABLE);
    if (mptcp && asks_mptcp(mp->env, syn)) {
        mib_inc(&mp->env->mib, MIB_MPC_SYN_RX);
        for (uint32_t i = 0; i < TOKEN_TRIES && c->mode != MP_ASKED; i++)
            use_key(c, cookie_key(cs, &sf->flow, &ck, i));
        if (c->mode != MP_ASKED)
            mib_inc(&mp->env->mib, MIB_MP_FALLBACK_TOKEN);
    }
    if (c->mode != MP_ASKED)
        ck = cookie_of_syn(cs, syn, COOKIE_TCP);
    cookie_open(&sf->tcb, syn, &ck);
    return c;
}

/* The key that the peer says it got from us must be one of those we could have sent, and its token still free. */
static void use_echoed_key(struct subflow *sf, const struct cookies *cs, const struct cookie *ck,
                           const struct mpopt *mpc) {
    struct mib_table *mib = &sf->conn->mp->env->mib;
    uint32_t i = 0;
    while (i < TOKEN_TRIES && (!mpc || cookie_key(cs, &sf->flow, ck, i) != mpc->mpc.receiver_key))
        i++;
    if (i == TOKEN_TRIES)
        mib_inc(mib, MIB_MPC_FALLBACK_ACK);
    else if (!use_key(sf->conn, mpc->mpc.receiver_key))
        mib_inc(mib, MIB_MP_FALLBACK_TOKEN);
}

struct conn *conn_accept_cookie(struct mp *mp, const struct path *path, const struct seg *ack, const struct cookies *cs,
                                const struct cookie *ck) {
    const struct mpopt *mpc = mpopts_find(&ack->mp, MPC_DATA);
    struct subflow *sf = accept_new(mp, path);
    if (!sf)
        return NULL;
    if (ck->kind == COOKIE_CAPABLE)
        use_echoed_key(sf, cs, ck, mpc ? mpc : mpopts_find(&ack->mp, MPC_ACK));
    sf->conn->csum = sf->conn->csum_wanted; /* the peer's wish comes with this packet */
    cookie_reopen(&sf->tcb, ack, ck);
    return sf->conn;
}

/* All that is left to happen is that the peer acknowledges our end, and there is a path for that. */
static bool nearly_over(const struct conn *c) {
    if ((c->state != UMPTCP_CLOSING && c->state != UMPTCP_LAST_ACK) || !dsn_eq(c->snd_una, c->write_seq))
        return false;
    list_for_each (n, &c->subflows)
        if (subflow_usable(subflow_of(n)))
            return true;
    return false;
}

static bool joins_make_sense(const struct conn *c) {
    return !c->fail_sent && c->state != UMPTCP_CLOSED && c->state != UMPTCP_SYN_SENT && c->state != UMPTCP_SYN_RCVD &&
           !nearly_over(c);
}

/* A server may have to wait for the first DSS while the client has seen ours: its HMAC will prove as much. */
static bool conn_takes_joins(const struct conn *c) { return conn_joinable(c) && joins_make_sense(c); }

int conn_join(struct conn *c, const struct path *path, const struct pm_command *cmd) {
    struct env *env = c->mp->env;
    if (c->mode != MP_FULL || !joins_make_sense(c))
        return -ENOTCONN;
    if (c->nsubflows >= CONN_SUBFLOWS_MAX)
        return -ERANGE;
    struct subflow *sf = subflow_new(c, path);
    if (!sf) {
        mib_inc(&env->mib, MIB_MPJ_SYN_TX_CREAT_ERR);
        return -ENOMEM;
    }
    sf->initiator = sf->join = true;
    sf->local_id = cmd->local_id;
    sf->remote_id = cmd->remote_id;
    sf->local_backup = cmd->backup;
    sf->bound = cmd->netif != 0;
    sf->local_nonce = rng_u32(&env->rng);
    conn_withdraw_not(c, cmd->local_id);
    mib_inc(&env->mib, MIB_MPJ_SYN_TX);
    tcp_connect(&sf->tcb);
    return 0;
}

/* A subflow for a join of the peer, which says so in `mpj`; NULL: why, and what the RST says of it. */
static struct subflow *join_new(struct conn *c, const struct path *path, const struct join_entry *j,
                                enum mp_rst_reason *reason) {
    struct subflow *sf = c->nsubflows < CONN_SUBFLOWS_MAX ? subflow_new(c, path) : NULL;
    if (!sf) {
        *reason = MPRST_RESOURCES;
        mib_inc(&c->mp->env->mib, MIB_MPJ_REJECTED);
        return NULL;
    }
    sf->join = true;
    sf->local_id = j->local_id;
    sf->local_backup = j->backup;
    sf->remote_id = j->remote_id;
    sf->remote_backup = j->remote_backup;
    sf->remote_nonce = j->remote_nonce;
    subflow_half_open(sf, true);
    return sf;
}

static struct join_entry join_of_syn(const struct conn *c, const struct seg *syn, uint8_t local_id, bool backup) {
    const struct mpopt *mpj = mpopts_find(&syn->mp, MPJ_SYN);
    return (struct join_entry){.token = c->token.token,
                               .remote_nonce = mpj->mpj.nonce,
                               .local_id = local_id,
                               .remote_id = mpj->mpj.addr_id,
                               .backup = backup,
                               .remote_backup = mpj->mpj.backup};
}

static bool refuses_joins(const struct conn *c, enum mp_rst_reason *reason) {
    if (conn_takes_joins(c))
        return false;
    *reason = MPRST_PROHIBITED;
    mib_inc(&c->mp->env->mib, MIB_MPJ_REJECTED);
    return true;
}

enum drop conn_accept_join(struct conn *c, const struct path *path, const struct seg *syn, uint8_t local_id,
                           bool backup, enum mp_rst_reason *reason) {
    const struct join_entry j = join_of_syn(c, syn, local_id, backup);
    struct subflow *sf = refuses_joins(c, reason) ? NULL : join_new(c, path, &j, reason);
    if (!sf)
        return DROP_MP_JOIN_REFUSED;
    sf->local_nonce = rng_u32(&c->mp->env->rng);
    tcp_open(&sf->tcb, syn);
    return DROP_NONE;
}

/* Our nonce follows from the cookie and the peer's: the same SYN gets the same answer. */
static uint32_t cookie_nonce(const struct cookies *cs, const struct flow *flow, const struct cookie *ck,
                             uint32_t remote_nonce) {
    return (uint32_t)cookie_key(cs, flow, ck, remote_nonce);
}

struct subflow *conn_answer_join(struct conn *c, const struct path *path, const struct seg *syn, uint8_t local_id,
                                 bool backup, struct cookies *cs, struct join_table *table,
                                 enum mp_rst_reason *reason) {
    const struct join_entry j = join_of_syn(c, syn, local_id, backup);
    const struct cookie ck = cookie_of_syn(cs, syn, COOKIE_JOIN);
    struct subflow *sf = refuses_joins(c, reason) ? NULL : join_new(c, path, &j, reason);
    if (!sf)
        return NULL;
    if (join_table_put(table, &path->flow, ck.isn, &j)) {
        *reason = MPRST_RESOURCES;
        mib_inc(&c->mp->env->mib, MIB_MPJ_REJECTED);
        subflow_free(sf);
        return NULL;
    }
    sf->local_nonce = cookie_nonce(cs, &path->flow, &ck, j.remote_nonce);
    cookie_open(&sf->tcb, syn, &ck);
    c->subflow_counter--; /* it is not to be known by a number */
    return sf;
}

struct subflow *conn_accept_join_cookie(struct conn *c, const struct path *path, const struct seg *ack,
                                        const struct cookies *cs, const struct cookie *ck, const struct join_entry *j,
                                        enum mp_rst_reason *reason) {
    struct subflow *sf = join_new(c, path, j, reason);
    if (!sf)
        return NULL;
    sf->local_nonce = cookie_nonce(cs, &path->flow, ck, j->remote_nonce);
    cookie_reopen(&sf->tcb, ack, ck);
    cookie_reopened(&sf->tcb, conn_window(c));
    return sf;
}

/* ---- Completing ----------------------------------------------------------------------------------------------------
 */

/* The plain SYN was answered where those with MP_CAPABLE were not: do not try for a while (3.9.3; the hold doubles). */
static void note_blackhole(struct mp *mp) {
    uint8_t doublings = mp->blackholes < BLACKHOLE_DOUBLINGS_MAX ? mp->blackholes : BLACKHOLE_DOUBLINGS_MAX;
    mp->blackholes++;
    mp->blackhole_until = time_add(mp->env->now, BLACKHOLE_HOLD << doublings);
    mib_inc(&mp->env->mib, MIB_BLACKHOLE);
}

/* The SYN/ACK of the first subflow. */
static void first_synack(struct subflow *sf, const struct seg *seg) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    const struct mpopt *mpc = mpopts_find(&seg->mp, MPC_SYNACK);
    if (c->mode == MP_ASKED) {
        bool good = mpc && mpc->mpc.version == MP_VERSION && !(mpc->mpc.flags & MPC_EXT) &&
                    (mpc->mpc.flags & MPC_ALGS) == MPC_HMAC_SHA256;
        if (good && take_remote_key(c, mpc->mpc.sender_key)) {
            mib_inc(&env->mib, MIB_MPC_SYNACK_RX);
            c->mode = MP_PENDING;
            c->mp->blackholes = 0;
            c->csum = mpc->mpc.flags & MPC_CSUM || c->csum_wanted;
            c->deny_join0_remote = mpc->mpc.flags & MPC_DENY_JOIN0;
            conn_tell(c, UMPTCP_PM_CREATED);
        } else {
            mib_inc(&env->mib, MIB_MPC_FALLBACK_SYNACK);
            stay_tcp(c);
        }
    } else if (c->syn_without && sf->tcb.syn_sends == env->cfg.syn_retrans_before_tcp_fallback + 2) {
        note_blackhole(c->mp);
    }
    fastopen_synack(sf, seg);
    conn_established(sf);
}

/* The third ACK of the first subflow, or the first data, which takes its place. */
static void first_ack(struct subflow *sf, const struct seg *seg) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    const struct mpopt *mpc = mpopts_find(&seg->mp, MPC_DATA);
    mpc = mpc ? mpc : mpopts_find(&seg->mp, MPC_ACK);
    if (c->mode == MP_ASKED) {
        if (mpc && mpc->mpc.receiver_key == c->local_key && mpc->mpc.version == MP_VERSION &&
            take_remote_key(c, mpc->mpc.sender_key)) {
            c->mode = MP_PENDING;
            c->csum = c->csum || mpc->mpc.flags & MPC_CSUM;
            c->deny_join0_remote = mpc->mpc.flags & MPC_DENY_JOIN0;
            conn_tell(c, UMPTCP_PM_CREATED);
        } else {
            mib_inc(&env->mib, MIB_MPC_FALLBACK_ACK);
            stay_tcp(c);
        }
    }
    const bool spoke = conn_bytes_sent(c) > 0;
    conn_established(sf);
    conn_pm_event(c, &(struct pm_event){.type = PM_CONNECTED});
    if (spoke && conn_is_mptcp(c)) { /* without a DATA_ACK the client cannot know that its key is here */
        sf->signals |= SIG_DATA_ACK;
        tcp_ack_now(&sf->tcb);
    }
}

static void refuse_join(struct subflow *sf, enum drop why, enum mib mib, enum drop *drop) {
    mib_inc(&sf->conn->mp->env->mib, mib);
    *drop = why;
    subflow_refuse(sf, MPRST_MPTCP);
}

void handshake_schedule_join_ack(struct subflow *sf) {
    const struct env *env = sf->conn->mp->env;
    dur rto = rtt_rto_base(&sf->tcb.rtt, env->cfg.rto_min, env->cfg.rto_max);
    sf->join_at = time_add(env->now, rto << sf->join_acks);
    conn_arm_path(sf->conn);
}

void handshake_join_timeout(struct subflow *sf) {
    if (sf->join_acks > JOIN_ACK_RETRIES) {
        subflow_reset(sf, MPRST_UNSPEC, ETIMEDOUT);
        return;
    }
    tcp_ack_now(&sf->tcb);
    handshake_schedule_join_ack(sf);
    conn_ready(sf->conn);
}

/* The SYN/ACK of a join that we opened: the peer must prove that it knows both keys. */
static bool join_synack(struct subflow *sf, const struct seg *seg, enum drop *drop) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    const struct mpopt *mpj = seg->flags & TCP_ACK ? mpopts_find(&seg->mp, MPJ_SYNACK) : NULL;
    uint8_t hmac[32];
    if (!mpj) {
        refuse_join(sf, DROP_MP_JOIN_OPTION, MIB_MPJ_REJECTED, drop);
        return false;
    }
    mp_join_hmac(c->remote_key, c->local_key, mpj->mpj.nonce, sf->local_nonce, hmac);
    if (mp_join_hmac64(hmac) != mpj->mpj.hmac64) {
        refuse_join(sf, DROP_MP_JOIN_HMAC, MIB_MPJ_SYNACK_HMAC, drop);
        return false;
    }
    mib_inc(&env->mib, MIB_MPJ_SYNACK_RX);
    if (mpj->mpj.backup)
        mib_inc(&env->mib, MIB_MPJ_SYNACK_BACKUP_RX);
    if (sf->flow.remote.port != c->name.remote.port)
        mib_inc(&env->mib, MIB_MPJ_PORT_SYNACK_RX);
    sf->remote_backup = mpj->mpj.backup;
    sf->remote_nonce = mpj->mpj.nonce;
    if (!sf->remote_id)
        sf->remote_id = mpj->mpj.addr_id;
    sf->conn->joined = true; /* the peer may send data on it as soon as it has our ACK, whatever comes of it here */
    sf->state = SF_PRE;
    subflow_tell(sf, UMPTCP_PM_SUB_ESTABLISHED);
    tcp_ack_now(&sf->tcb);
    handshake_schedule_join_ack(sf);
    return true;
}

/* The third ACK of a join that the peer opened. */
static bool join_ack(struct subflow *sf, const struct seg *seg, enum drop *drop) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    const struct mpopt *mpj = mpopts_find(&seg->mp, MPJ_ACK);
    uint8_t hmac[32];
    if (!mpj) {
        refuse_join(sf, DROP_MP_JOIN_OPTION, MIB_MPJ_REJECTED, drop);
        return false;
    }
    mp_join_hmac(c->remote_key, c->local_key, sf->remote_nonce, sf->local_nonce, hmac);
    if (!mp_hmac_eq(hmac, mpj->mpj.hmac160, sizeof mpj->mpj.hmac160)) {
        refuse_join(sf, DROP_MP_JOIN_HMAC, MIB_MPJ_ACK_HMAC, drop);
        return false;
    }
    if (sf->unwelcome || !conn_takes_joins(c)) {
        mib_inc(&env->mib, MIB_MPJ_REJECTED);
        *drop = DROP_MP_JOIN_REFUSED;
        subflow_refuse(sf, MPRST_PROHIBITED);
        return false;
    }
    if (!conn_port_welcome(c, &sf->flow.local)) { /* it was withdrawn meanwhile */
        mib_inc(&env->mib, MIB_MISMATCH_PORT_ACK_RX);
        *drop = DROP_MP_JOIN_REFUSED;
        subflow_refuse(sf, MPRST_PROHIBITED);
        return false;
    }
    if (sf->flow.local.port != c->name.local.port)
        mib_inc(&env->mib, MIB_MPJ_PORT_ACK_RX);
    conn_withdraw_not(c, sf->local_id);
    conn_observe_remote(c, sf->remote_id, &sf->flow.remote.addr);
    mib_inc(&env->mib, MIB_MPJ_ACK_RX);
    conn_fully_established(c);
    subflow_tell(sf, UMPTCP_PM_SUB_ESTABLISHED);
    subflow_up(sf);
    tcp_ack_now(&sf->tcb); /* the fourth packet: the initiator may send only when it has it */
    return true;
}

/* Both ends sent a SYN, so there is no SYN/ACK that could bring a key or a proof: plain TCP, and no join. */
static bool crossed_syns(struct subflow *sf, enum drop *drop) {
    struct conn *c = sf->conn;
    if (sf->join) {
        refuse_join(sf, DROP_MP_JOIN_OPTION, MIB_MPJ_REJECTED, drop);
        return false;
    }
    if (c->mode == MP_ASKED) {
        mib_inc(&c->mp->env->mib, MIB_SIMULT_CONNECT_FALLBACK);
        stay_tcp(c);
    }
    if (c->state == UMPTCP_SYN_SENT)
        conn_set_state(c, UMPTCP_SYN_RCVD); /* an end that is asked for now comes in order (RFC 9293 3.10.4) */
    return true;
}

bool handshake_input(struct subflow *sf, const struct seg *seg, const struct tcp_rx *rx, enum drop *drop) {
    if (sf->initiator && sf->tcb.state == UMPTCP_SYN_RCVD)
        return crossed_syns(sf, drop);
    if (rx->established) {
        if (sf->join)
            return sf->initiator ? join_synack(sf, seg, drop) : join_ack(sf, seg, drop);
        if (sf->initiator)
            first_synack(sf, seg);
        else
            first_ack(sf, seg);
        return true;
    }
    if (sf->state == SF_PRE && !(seg->flags & TCP_SYN))
        subflow_up(sf);
    else if (sf->join && !sf->initiator && mpopts_find(&seg->mp, MPJ_ACK))
        tcp_ack_now(&sf->tcb); /* our fourth packet was lost */
    return sf->state != SF_DEAD;
}

void handshake_syn_timeout(struct subflow *sf) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    if (c->mode != MP_ASKED || sf->tcb.syn_sends <= env->cfg.syn_retrans_before_tcp_fallback)
        return;
    mib_inc(&env->mib, MIB_MPC_SYN_TX_DROP);
    c->syn_without = true;
    stay_tcp(c);
}

/* When endpoints get their subflows (RFC 8684 3.9.2): zero is at once. */
static utime joins_begin(struct env *env) {
    dur longest = env->cfg.join_delay;
    if (!longest)
        return (utime){0};
    return time_add(env->now, (dur)((double)longest * rng_u32(&env->rng) / UINT32_MAX));
}

bool conn_becomes_full(struct conn *c) {
    if (c->mode != MP_PENDING)
        return false;
    c->mode = MP_FULL;
    conn_tell(c, UMPTCP_PM_ESTABLISHED);
    c->paths->join_at = joins_begin(c->mp->env);
    conn_arm_path(c);
    return true;
}

void conn_begins_joins(struct conn *c) {
    if (!c->paths->join_at.ns)
        conn_pm_event(c, &(struct pm_event){.type = PM_ESTABLISHED});
}

void conn_fully_established(struct conn *c) {
    if (conn_becomes_full(c))
        conn_begins_joins(c);
}
