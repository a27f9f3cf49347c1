/* SPDX-License-Identifier: BSD-3-Clause */
/* Path events of all connections, for who manages paths from outside: made only while somebody listens. */
#include "mptcp/conn.h"

void mp_tell(struct mp *mp, const struct umptcp_pm_event *ev) {
    if (!mp->pm_listening)
        return;
    struct umptcp_pm_event *slot = mp->pm_told.count < PM_EVENTS_MAX ? deque_push(&mp->pm_told, &mp->env->mem) : NULL;
    if (slot)
        *slot = *ev;
    else
        mib_inc(&mp->env->mib, MIB_UMPTCP_EVENTS_LOST);
}

void conn_tell(const struct conn *c, enum umptcp_pm_event_type type) {
    mp_tell(c->mp, &(struct umptcp_pm_event){.type = type,
                                             .token = c->token.token,
                                             .sock = {c->handle},
                                             .local = c->name.local,
                                             .remote = c->name.remote,
                                             .server_side = c->server,
                                             .deny_join_id0 = c->deny_join0_remote});
}

static struct umptcp_pm_event event_of(const struct subflow *sf, enum umptcp_pm_event_type type) {
    const struct conn *c = sf->conn;
    return (struct umptcp_pm_event){.type = type,
                                    .token = c->token.token,
                                    .sock = {c->handle},
                                    .local = sf->flow.local,
                                    .remote = sf->flow.remote,
                                    .local_id = sf->local_id,
                                    .remote_id = sf->remote_id,
                                    .backup = sf->remote_backup,
                                    .netif = sf->bound ? sf->netif : 0};
}

void subflow_tell(const struct subflow *sf, enum umptcp_pm_event_type type) {
    const struct umptcp_pm_event ev = event_of(sf, type);
    mp_tell(sf->conn->mp, &ev);
}

void conn_tell_closed(struct conn *c) {
    if (!c->paths || c->close_told)
        return;
    c->close_told = true;
    mp_tell(c->mp, &(struct umptcp_pm_event){.type = UMPTCP_PM_CLOSED, .token = c->token.token, .sock = {c->handle}});
}

void subflow_tell_closed(struct subflow *sf, int error) {
    struct conn *c = sf->conn;
    bool goes_on = c->state == UMPTCP_ESTABLISHED && conn_is_mptcp(c);
    if (goes_on && !sf->down_told) {
        struct umptcp_pm_event ev = event_of(sf, UMPTCP_PM_SUB_CLOSED);
        ev.error = error;
        ev.reset = sf->reset_seen;
        ev.reset_transient = sf->reset_transient;
        ev.reset_reason = sf->reset_seen ? sf->peer_reason : 0;
        mp_tell(c->mp, &ev);
    }
    sf->down_told = true;
}
