/* SPDX-License-Identifier: BSD-3-Clause */
/* Path management from outside: what a daemon decides about connections of the userspace path manager, and what it
 * hears of all. Checks and their order are Linux's. */
#include <errno.h>

#include "pm/userspace.h"
#include "stack/stack.h"

/* ---- Which connection -------------------------------------------------------------------------------------------- */

static int refuse(struct umptcp *s, int err, const char *why) {
    s->pm_error = why;
    return err;
}

struct conn *stack_conn_by_token(const struct umptcp *s, uint32_t token) {
    struct token_node *n = token_find(&s->mp.tokens, &s->env.hash_key, token);
    return n ? container_of(n, struct conn, token) : NULL;
}

/* NULL, and umptcp_pm_error() says why: -EINVAL. One whose peer's key did not come yet, or that is plain TCP now, has
 * no paths. */
static struct conn *managed(struct umptcp *s, uint32_t token) {
    struct conn *c = stack_conn_by_token(s, token);
    s->pm_error = NULL;
    if (!c || !conn_is_mptcp(c))
        s->pm_error = "invalid token";
    else if (!c->pm->external)
        s->pm_error = "userspace PM not selected";
    return s->pm_error ? NULL : c;
}

static bool same_family(const struct umptcp_addr *a, const struct umptcp_addr *b) {
    return addr_is_v4(a) == addr_is_v4(b);
}

static bool is_open(const struct subflow *sf) { return sf->state != SF_CLOSING && sf->state != SF_DEAD; }

static struct pm_endpoint entry_of(const struct umptcp_endpoint *ep) {
    return (struct pm_endpoint){.id = ep->id, .flags = ep->flags, .netif = ep->netif, .usable = true, .addr = ep->addr};
}

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

static int announce(struct umptcp *s, struct conn *c, const struct umptcp_endpoint *ep) {
    const struct pm_endpoint entry = entry_of(ep);
    if (!ep->id)
        return refuse(s, -EINVAL, "invalid addr id");
    if (!(ep->flags & UMPTCP_EP_SIGNAL))
        return refuse(s, -EINVAL, "invalid addr flags");
    if (!addr_is_usable(&ep->addr.addr))
        return refuse(s, -EINVAL, "missing address data");
    int err = pm_userspace_add(c->paths->pm_state, &s->env.mem, &entry);
    if (err)
        return refuse(s, err, err == -EINVAL ? "did not match address and id" : "no memory");
    err = conn_announce(c, ep->id, &ep->addr);
    return err ? refuse(s, err, "no memory") : 0;
}

int umptcp_pm_announce(struct umptcp *s, uint32_t token, const struct umptcp_endpoint *ep, struct umptcp_time now) {
    stack_enter(s, now);
    struct conn *c = managed(s, token);
    int err = c ? announce(s, c, ep) : -EINVAL;
    stack_finish(s);
    return err;
}

/* A subflow has this id, or uses this address. */
static bool in_use(const struct conn *c, uint8_t id, const struct umptcp_addr *addr) {
    list_for_each (n, &c->subflows) {
        const struct subflow *sf = subflow_of(n);
        if (is_open(sf) && (addr ? addr_eq(&sf->flow.local.addr, addr) : sf->local_id == id))
            return true;
    }
    return false;
}

static int withdraw(struct umptcp *s, struct conn *c, uint8_t id) {
    const struct pm_endpoint *e = id ? pm_userspace_find(c->paths->pm_state, id) : NULL;
    if (id ? !e : !in_use(c, 0, NULL))
        return refuse(s, -EINVAL, "address with id not found");
    if (!e || conn_announced(c, id) || in_use(c, id, &e->addr.addr))
        conn_withdraw(c, id);
    if (e)
        pm_userspace_del(c->paths->pm_state, &s->env.mem, e);
    return 0;
}

int umptcp_pm_remove(struct umptcp *s, uint32_t token, uint8_t id, struct umptcp_time now) {
    stack_enter(s, now);
    struct conn *c = managed(s, token);
    int err = c ? withdraw(s, c, id) : -EINVAL;
    stack_finish(s);
    return err;
}

int umptcp_pm_entries(struct umptcp *s, uint32_t token, struct umptcp_endpoint *eps, int max) {
    const struct conn *c = managed(s, token);
    const struct pm_endpoint *e;
    int n = 0;
    if (!c)
        return -EINVAL;
    for (; (e = pm_userspace_at(c->paths->pm_state, (uint32_t)n)); n++)
        if (n < max)
            eps[n] = (struct umptcp_endpoint){.id = e->id, .flags = e->flags, .netif = e->netif, .addr = e->addr};
    return n;
}

/* ---- Subflows ---------------------------------------------------------------------------------------------------- */

static int open_from(struct umptcp *s, struct conn *c, const struct umptcp_endpoint *local,
                     const struct umptcp_endpoint *remote) {
    struct pm_command cmd = {.type = PM_CMD_JOIN,
                             .local_id = local->id,
                             .remote_id = remote->id,
                             .backup = local->flags & UMPTCP_EP_BACKUP,
                             .netif = local->netif,
                             .local = local->addr,
                             .remote = remote->addr};
    int err = paths_join(s, c, &cmd);
    return err ? refuse(s, err, "connect error") : 0;
}

static int create(struct umptcp *s, struct conn *c, const struct umptcp_endpoint *local,
                  const struct umptcp_endpoint *remote) {
    void *state = c->paths->pm_state;
    const struct pm_endpoint *e = pm_userspace_find(state, local->id);
    struct pm_endpoint entry = entry_of(local);
    bool known = e && sockaddr_eq(&e->addr, &local->addr), by_route = addr_is_any(&local->addr.addr);
    if (local->flags & UMPTCP_EP_SIGNAL)
        return refuse(s, -EINVAL, "invalid addr flags");
    if (!same_family(&local->addr.addr, &remote->addr.addr))
        return refuse(s, -EINVAL, "families mismatch");
    if (by_route) /* its entry is made when the address is known */
        return open_from(s, c, local, remote);
    entry.flags |= UMPTCP_EP_SUBFLOW;
    int err = pm_userspace_add(state, &s->env.mem, &entry);
    if (err)
        return refuse(s, err, err == -EINVAL ? "did not match address and id" : "no memory");
    err = open_from(s, c, local, remote);
    if (err && !known)
        pm_userspace_del(state, &s->env.mem, pm_userspace_find(state, local->id));
    return err;
}

int umptcp_pm_create(struct umptcp *s, uint32_t token, const struct umptcp_endpoint *local,
                     const struct umptcp_endpoint *remote, struct umptcp_time now) {
    stack_enter(s, now);
    struct conn *c = managed(s, token);
    int err = c ? create(s, c, local, remote) : -EINVAL;
    stack_finish(s);
    return err;
}

static int destroy(struct umptcp *s, struct conn *c, const struct umptcp_sockaddr *local,
                   const struct umptcp_sockaddr *remote) {
    if (!same_family(&local->addr, &remote->addr))
        return refuse(s, -EINVAL, "address families do not match");
    if (!local->port)
        return refuse(s, -EINVAL, "missing local port");
    if (!remote->port)
        return refuse(s, -EINVAL, "missing remote port");
    struct subflow *sf = subflow_find(&s->mp, &(struct flow){*local, *remote});
    if (!sf || sf->conn != c || !is_open(sf))
        return refuse(s, -ESRCH, "subflow not found");
    struct pm_endpoint *e = pm_userspace_by_addr(c->paths->pm_state, &local->addr);
    if (e)
        pm_userspace_del(c->paths->pm_state, &s->env.mem, e);
    mib_inc(&s->env.mib, MIB_RM_SUBFLOW);
    subflow_close(sf);
    return 0;
}

int umptcp_pm_destroy(struct umptcp *s, uint32_t token, const struct umptcp_sockaddr *local,
                      const struct umptcp_sockaddr *remote, struct umptcp_time now) {
    stack_enter(s, now);
    struct conn *c = managed(s, token);
    int err = c ? destroy(s, c, local, remote) : -EINVAL;
    stack_finish(s);
    return err;
}

static bool meant(const struct umptcp_sockaddr *have, const struct umptcp_sockaddr *wanted) {
    return addr_eq(&have->addr, &wanted->addr) && (!wanted->port || have->port == wanted->port);
}

static int set_backup(struct umptcp *s, struct conn *c, const struct umptcp_sockaddr *local,
                      const struct umptcp_sockaddr *remote, bool backup) {
    struct pm_endpoint *e = pm_userspace_by_addr(c->paths->pm_state, &local->addr);
    list_for_each (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (!is_open(sf) || !meant(&sf->flow.local, local) || !meant(&sf->flow.remote, remote))
            continue;
        if (e)
            e->flags = backup ? e->flags | UMPTCP_EP_BACKUP : e->flags & ~(uint32_t)UMPTCP_EP_BACKUP;
        subflow_prio(sf, backup);
        return 0;
    }
    return refuse(s, -EINVAL, "subflow not found");
}

int umptcp_pm_set_backup(struct umptcp *s, uint32_t token, const struct umptcp_sockaddr *local,
                         const struct umptcp_sockaddr *remote, bool backup, struct umptcp_time now) {
    stack_enter(s, now);
    struct conn *c = managed(s, token);
    int err = c ? set_backup(s, c, local, remote, backup) : -EINVAL;
    stack_finish(s);
    return err;
}

const char *umptcp_pm_error(const struct umptcp *s) { return s->pm_error; }

/* ---- Events ------------------------------------------------------------------------------------------------------ */

void umptcp_pm_listen(struct umptcp *s, bool on) {
    s->mp.pm_listening = on;
    if (!on)
        deque_free(&s->mp.pm_told, &s->env.mem);
}

bool umptcp_pm_event(struct umptcp *s, struct umptcp_pm_event *ev) {
    const struct umptcp_pm_event *next = deque_front(&s->mp.pm_told);
    if (!next)
        return false;
    *ev = *next;
    deque_pop_front(&s->mp.pm_told, &s->env.mem);
    return true;
}
