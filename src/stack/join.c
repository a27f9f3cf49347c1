/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Joins of the peer: they find their connection by the token, whatever port they come to (RFC 8684 3.2). Who knows a
 * token may be anybody on a path, so what was not proven by the third ACK is bounded, for each connection and for the
 * stack, and takes no place under the path manager's limit. Beyond the bound, or always (tcp_syncookies), the SYN/ACK
 * goes without a subflow.
 */
#include "stack/stack.h"

static bool is_pressed(const struct umptcp *s, const struct conn *c) {
    const struct umptcp_config *cfg = &s->env.cfg;
    return cfg->syncookies == 2 || conn_half_open(c) >= HALF_OPEN_JOINS_MAX || s->mp.half_open >= cfg->max_syn_backlog;
}

/* The SYN/ACK of a subflow that is not kept. */
static enum drop answer(struct umptcp *s, struct conn *c, const struct path *path, const struct seg *syn,
                        uint8_t local_id, bool backup, enum mp_rst_reason *reason) {
    struct umptcp_out out;
    struct subflow *sf = conn_answer_join(c, path, syn, local_id, backup, &s->cookies, &s->joins, reason);
    if (!sf)
        return DROP_MP_JOIN_REFUSED;
    if (subflow_output(sf, &out, NULL, NULL)) {
        reply_packet(&s->replies, &out);
        mib_inc(&s->env.mib, MIB_TCP_COOKIES_SENT);
    }
    subflow_free(sf);
    return DROP_NONE;
}

/* A half-open subflow of the connection that is named, or why not and what the RST says of it. */
static enum drop open_join(struct umptcp *s, int netif, const struct seg *syn, enum mp_rst_reason *reason) {
    const struct mpopt *mpj = mpopts_find(&syn->mp, MPJ_SYN);
    struct conn *c = stack_conn_by_token(s, mpj->mpj.token);
    const struct path path = path_back(s, netif, &syn->flow);
    uint8_t local_id;
    bool backup;
    mib_inc(&s->env.mib, MIB_MPJ_SYN_RX);
    if (mpj->mpj.backup)
        mib_inc(&s->env.mib, MIB_MPJ_SYN_BACKUP_RX);
    if (!c) {
        *reason = MPRST_MPTCP;
        mib_inc(&s->env.mib, MIB_MPJ_NO_TOKEN);
        return DROP_MP_TOKEN;
    }
    if (!paths_accept(s, c, &syn->flow.local.addr, &local_id, &backup)) {
        *reason = MPRST_PROHIBITED;
        mib_inc(&s->env.mib, MIB_MPJ_REJECTED);
        return DROP_MP_JOIN_REFUSED;
    }
    if (!conn_port_welcome(c, &syn->flow.local)) {
        *reason = MPRST_PROHIBITED;
        mib_inc(&s->env.mib, MIB_MISMATCH_PORT_SYN_RX);
        return DROP_MP_JOIN_REFUSED;
    }
    if (syn->flow.local.port != c->name.local.port)
        mib_inc(&s->env.mib, MIB_MPJ_PORT_SYN_RX);
    if (!is_pressed(s, c))
        return conn_accept_join(c, &path, syn, local_id, backup, reason);
    if (s->env.cfg.syncookies) {
        mib_inc(&s->env.mib, MIB_TCP_REQQ_COOKIES);
        return answer(s, c, &path, syn, local_id, backup, reason);
    }
    *reason = MPRST_RESOURCES;
    mib_inc(&s->env.mib, MIB_TCP_REQQ_DROP);
    return DROP_MP_JOIN_REFUSED;
}

enum drop join_syn(struct umptcp *s, int netif, const struct seg *syn) {
    enum mp_rst_reason reason;
    enum drop drop = open_join(s, netif, syn, &reason);
    if (drop)
        reply_rst(&s->replies, netif, syn, &reason);
    return drop;
}

struct subflow *join_ack(struct umptcp *s, int netif, const struct seg *ack, enum drop *drop) {
    enum mp_rst_reason reason = MPRST_MPTCP;
    struct join_entry j;
    struct cookie ck;
    if (!s->joins.entries || !mpopts_find(&ack->mp, MPJ_ACK))
        return NULL;
    if (!cookie_of_ack(&s->cookies, ack, &ck) || ck.kind != COOKIE_JOIN) {
        mib_inc(&s->env.mib, MIB_TCP_COOKIES_FAILED);
        return NULL;
    }
    *drop = DROP_MP_JOIN_REFUSED;
    struct subflow *sf = NULL;
    if (join_table_take(&s->joins, &ack->flow, ck.isn, &j)) {
        const struct path path = path_back(s, netif, &ack->flow);
        struct conn *c = stack_conn_by_token(s, j.token);
        mib_inc(&s->env.mib, MIB_TCP_COOKIES_RECV);
        if (c)
            sf = conn_accept_join_cookie(c, &path, ack, &s->cookies, &ck, &j, &reason);
    }
    if (!sf)
        reply_rst(&s->replies, netif, ack, &reason);
    return sf;
}

void join_judge(struct umptcp *s, struct subflow *sf, const struct seg *seg) {
    uint8_t id;
    bool backup;
    if (sf->half_open && mpopts_find(&seg->mp, MPJ_ACK))
        sf->unwelcome = !paths_accept(s, sf->conn, &sf->flow.local.addr, &id, &backup);
}
