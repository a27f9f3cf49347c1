/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between connections and the path manager: events that wait on a connection are shown to it together with a view of
 * the connection, and what it orders is done. And what happens to addresses of ours is made known to both.
 */
#include <assert.h>
#include <errno.h>

#include "pm/userspace.h"
#include "stack/stack.h"

#define ACTIVE_TIME SEC(5) /* data moved within this time: worth keeping all paths up */

/* ---- The view ---------------------------------------------------------------------------------------------------- */

struct snapshot {
    struct pm_view view;
    struct pm_subflow subflows[PM_SUBFLOWS_MAX];
};

static bool is_open(const struct subflow *sf) { return sf->state != SF_CLOSING && sf->state != SF_DEAD; }

static struct pm_subflow subflow_view(const struct subflow *sf) {
    return (struct pm_subflow){
        .number = sf->number,
        .local_id = sf->local_id,
        .remote_id = sf->remote_id,
        .initiated = sf->initiator,
        .established = sf->state == SF_ACTIVE,
        .closing = !is_open(sf),
        .backup = sf->local_backup,
        .local = sf->flow.local,
        .remote = sf->flow.remote,
    };
}

static utime last_moved(const struct conn *c) {
    return time_max(c->last_send, time_max(c->last_progress, c->last_rx_data));
}

/* The endpoint that the first subflow's address is, by its id; 0: it is none. */
static uint8_t initial_id(const struct umptcp *s, const struct conn *c) {
    for (uint32_t i = 0; i < s->endpoints.count; i++) {
        const struct umptcp_sockaddr *a = &s->endpoints.list[i].addr;
        if (addr_eq(&a->addr, &c->name.local.addr) && (!a->port || a->port == c->name.local.port))
            return s->endpoints.list[i].id;
    }
    return 0;
}

/* It uses no address but its first. */
static bool confined(const struct umptcp *s, const struct conn *c) { return c->bound && s->env.cfg.bound_only; }

static void look(const struct umptcp *s, const struct conn *c, struct snapshot *snap) {
    uint32_t n = 0, extra = 0, carrying = 0;
    list_for_each (node, &c->subflows) {
        const struct subflow *sf = subflow_of(node);
        if (n == PM_SUBFLOWS_MAX)
            break;
        snap->subflows[n++] = subflow_view(sf);
        extra += is_open(sf) && sf->join;
        carrying += sf->state == SF_ACTIVE;
    }
    const utime now = s->env.now;
    snap->view = (struct pm_view){
        .now = now,
        .server = c->server,
        .may_join = c->mode == MP_FULL && !time_before(now, c->paths->join_at),
        .remote_denies_id0 = c->deny_join0_remote,
        .active = !carrying || time_since(now, last_moved(c)) < ACTIVE_TIME,
        .rejoin = s->env.cfg.rejoin,
        .reannounce = s->env.cfg.reannounce,
        .extra_subflows = (uint8_t)extra,
        .announce_pending = conn_announcing(c),
        .listening = s->mp.pm_listening,
        .initial_local_id = initial_id(s, c),
        .initial_local = c->name.local,
        .initial_remote = c->name.remote,
        .initial_usable = net_usable(&s->net, &c->name.local.addr),
        .endpoints = s->endpoints.list,
        .nendpoints = confined(s, c) ? 0 : s->endpoints.count,
        .limits = s->endpoints.limits,
        .subflows = snap->subflows,
        .nsubflows = n,
        .remotes = c->paths->remotes,
        .nremotes = c->paths->nremotes,
    };
}

/* ---- Orders ------------------------------------------------------------------------------------------------------ */

/* The id of a local address in this connection (RFC 8684 3.2: 0 is the first subflow's); negative when there are too
 * many. */
static int local_id(struct umptcp *s, struct conn *c, const struct umptcp_addr *addr) {
    if (addr_eq(addr, &c->name.local.addr))
        return 0;
    return c->pm->external ? pm_userspace_id_of(c->paths->pm_state, &s->env.mem, addr)
                           : pm_endpoints_id_of(&s->endpoints, addr);
}

static bool is_backup(struct umptcp *s, const struct conn *c, const struct umptcp_addr *addr) {
    const struct pm_endpoint *e =
        c->pm->external ? pm_userspace_by_addr(c->paths->pm_state, addr) : pm_endpoints_by_addr(&s->endpoints, addr);
    return e && e->flags & UMPTCP_EP_BACKUP;
}

int paths_join(struct umptcp *s, struct conn *c, struct pm_command *cmd) {
    struct way way = {.remote = cmd->remote, .local = cmd->local, .netif = cmd->netif};
    struct path path;
    if (addr_is_any(&way.local.addr) && confined(s, c))
        way.local.addr = c->name.local.addr;
    if (!addr_is_any(&way.local.addr) && addr_is_v4(&way.local.addr) != addr_is_v4(&way.remote.addr))
        return -EADDRNOTAVAIL;
    int err = path_make(s, &way, &path);
    if (err) {
        mib_inc(&s->env.mib, err == -EADDRNOTAVAIL ? MIB_MPJ_SYN_TX_BIND_ERR : MIB_MPJ_SYN_TX_CONNECT_ERR);
        return err;
    }
    if (addr_is_any(&cmd->local.addr)) {
        int id = local_id(s, c, &path.flow.local.addr);
        if (id < 0)
            return id;
        cmd->local_id = (uint8_t)id;
        cmd->backup = is_backup(s, c, &path.flow.local.addr);
    }
    return conn_join(c, &path, cmd);
}

/* A join that cannot even begin is a subflow that went, in the path manager's eyes. */
static void join_or_report(struct umptcp *s, struct conn *c, struct pm_command *cmd) {
    int err = paths_join(s, c, cmd);
    if (err) {
        conn_pm_event(c, &(struct pm_event){.type = PM_SUBFLOW_DOWN,
                                            .local_id = cmd->local_id,
                                            .remote_id = cmd->remote_id,
                                            .error = -err,
                                            .initiated = true,
                                            .retry = cmd->again,
                                            .addr = cmd->local});
        return;
    }
    if (cmd->again)
        mib_inc(&s->env.mib, MIB_UMPTCP_REJOINS);
}

static struct subflow *by_number(const struct conn *c, uint32_t number) {
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->number == number)
            return subflow_of(n);
    return NULL;
}

static void obey(struct umptcp *s, struct conn *c, struct pm_command *cmd) {
    struct subflow *sf = by_number(c, cmd->subflow);
    switch (cmd->type) {
    case PM_CMD_JOIN:
        join_or_report(s, c, cmd);
        break;
    case PM_CMD_ANNOUNCE:
        conn_announce(c, cmd->local_id, &cmd->local);
        break;
    case PM_CMD_WITHDRAW:
        conn_withdraw(c, cmd->local_id);
        break;
    case PM_CMD_CLOSE:
        if (sf) {
            if (!cmd->again)
                mib_inc(&s->env.mib, MIB_RM_SUBFLOW);
            subflow_close(sf);
        }
        break;
    case PM_CMD_PRIO:
        if (sf)
            subflow_prio(sf, cmd->backup);
        break;
    case PM_CMD_TIMER:
        c->paths->pm_at = cmd->at;
        conn_arm_path(c);
        break;
    }
}

void paths_run(struct umptcp *s, struct conn *c) {
    struct pm_command cmds[PM_COMMANDS_MAX];
    struct snapshot snap;
    while (c->paths && c->paths->events.count && conn_keys_shared(c) && c->state != UMPTCP_CLOSED) {
        const struct pm_event ev = *(const struct pm_event *)deque_front(&c->paths->events);
        deque_pop_front(&c->paths->events, &s->env.mem);
        look(s, c, &snap);
        uint32_t n = c->pm->event(c->paths->pm_state, &ev, &snap.view, cmds);
        assert(n <= PM_COMMANDS_MAX);
        for (uint32_t i = 0; i < n; i++)
            obey(s, c, &cmds[i]);
    }
}

/* ---- Questions and news ------------------------------------------------------------------------------------------ */

bool paths_accept(struct umptcp *s, struct conn *c, const struct umptcp_addr *local, uint8_t *id, bool *backup) {
    struct snapshot snap;
    if (!c->paths)
        return false;
    look(s, c, &snap);
    snap.view.extra_subflows -= (uint8_t)conn_half_open(c); /* who may never prove anything takes nobody's place */
    bool elsewhere = confined(s, c) && !addr_eq(local, &c->name.local.addr);
    int its_id = !elsewhere && c->pm->accept(c->paths->pm_state, &snap.view) ? local_id(s, c, local) : -EPERM;
    if (its_id < 0)
        return false;
    *id = (uint8_t)its_id;
    *backup = is_backup(s, c, local);
    return true;
}

void paths_event(struct umptcp *s, const struct pm_event *ev) {
    list_for_each (n, &s->mp.conns)
        conn_pm_event(container_of(n, struct conn, node), ev);
}

void paths_resume(struct conn *c) {
    if (c->paths && time_since(c->mp->env->now, last_moved(c)) >= ACTIVE_TIME)
        conn_pm_event(c, &(struct pm_event){.type = PM_TIMER});
}

/* ---- Addresses that come and go ---------------------------------------------------------------------------------- */

bool paths_endpoint_usable(const struct umptcp *s, const struct umptcp_addr *addr, int netif) {
    return net_usable(&s->net, addr) && (!netif || netif == net_owner(&s->net, addr));
}

/*
 * Subflows from an address that went are over: their data goes elsewhere at once, and the peer is told on another.
 * Plain TCP has nowhere to go; it stays, in case the address comes back.
 */
static void leave(struct conn *c, const struct umptcp_addr *addr) {
    uint8_t gone[PM_SUBFLOWS_MAX];
    uint32_t n = 0;
    if (c->mode != MP_FULL || c->state == UMPTCP_CLOSED)
        return;
    list_for_each_safe (node, &c->subflows) {
        struct subflow *sf = subflow_of(node);
        if (!is_open(sf) || !addr_eq(&sf->flow.local.addr, addr))
            continue;
        if (n < PM_SUBFLOWS_MAX)
            gone[n++] = sf->local_id;
        subflow_reset(sf, MPRST_UNSPEC, ENETDOWN);
    }
    for (uint32_t i = 0; i < n && c->state != UMPTCP_CLOSED && !c->pm->external; i++)
        conn_withdraw(c, gone[i]);
}

void paths_addr_changed(struct umptcp *s, const struct umptcp_addr *addr) {
    bool ours = net_usable(&s->net, addr);
    list_for_each (n, &s->mp.conns) {
        struct conn *c = container_of(n, struct conn, node);
        if (!ours)
            leave(c, addr);
        if (addr_eq(&c->name.local.addr, addr))
            conn_pm_event(c, &(struct pm_event){.type = PM_ENDPOINT_CHANGED});
    }
    for (uint32_t i = 0; i < s->endpoints.count; i++) {
        struct pm_endpoint *e = &s->endpoints.list[i];
        bool usable = paths_endpoint_usable(s, &e->addr.addr, e->netif);
        if (!addr_eq(&e->addr.addr, addr) || e->usable == usable)
            continue;
        e->usable = usable;
        paths_event(s, &(struct pm_event){.type = PM_ENDPOINT_CHANGED, .local_id = e->id, .addr = e->addr});
    }
    if (!net_owner(&s->net, addr))
        pm_endpoints_forget(&s->endpoints, addr);
}
