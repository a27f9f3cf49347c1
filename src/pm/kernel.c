/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path manager of the Linux kernel, as far as its endpoints are `signal`, `subflow` and `backup`.
 *
 * Each time something happened that may allow more (the connection or a subflow came up, one went down, an announcement
 * was echoed or given up, an endpoint came) it looks once over the endpoints:
 *
 *   announce  the first `signal` endpoint that was not used in this connection; one at a time
 *   create    a subflow from each `subflow` endpoint that was not used, to the peer's first address, up to the limit
 *
 * An endpoint that was used is not used again in the same connection, whatever became of it, until it is removed, or
 * its address went away and came back. The endpoint whose address the first subflow has counts as used from the start;
 * on the wire its id is 0. An address that the peer announces gets one subflow, from whichever local address the route
 * says, up to the limit of accepted addresses. A peer that wants no subflow to its first address (C flag) gets them to
 * the first address it announces instead. Limits are read anew at each decision.
 *
 * Beyond Linux: a subflow that we opened and that died while data was moving is tried again, after 250 ms, then 500 ms,
 * then every second, until it is up, is refused for good, or its endpoint goes. Only while data moves: an idle
 * connection has no timer. When its address comes back it is tried at once, else with the first event after data moves
 * again. And a subflow that died of silence has its address withdrawn on another, so that the peer need not wait for
 * it.
 */
#include "pm/pm.h"

#include <assert.h>
#include <errno.h>

enum {
    RETRY_ROUNDS = 2,    /* that an attempt gets before it is replaced: its SYN may wait for long by then */
    RETRY_DOUBLINGS = 2, /* of the interval */
};
#define RETRY_FIRST MSEC(250)

/* Neither of the first two: it is the initial address. */
enum use { USE_SUBFLOW = 1, USE_ANNOUNCED = 2, USE_UP = 4 /* a subflow has it, or had it until it died */ };

struct used { /* an endpoint that this connection made use of */
    uint8_t id, how;
};

struct retry { /* a subflow that died */
    uint8_t local_id, remote_id, rounds;
};

struct kernel {
    utime retry_at; /* zero: no timer */
    struct used used[UMPTCP_ENDPOINTS_MAX];
    uint8_t accepted[PM_REMOTES_MAX]; /* ids of announced addresses that got subflows */
    struct retry retries[UMPTCP_SUBFLOWS_MAX];
    uint8_t nused, naccepted, nretries, tries;
};

static_assert(sizeof(struct kernel) <= PM_STATE_SIZE, "state of a connection");

struct run { /* one event */
    struct kernel *k;
    const struct pm_view *view;
    struct pm_command *cmds;
    uint32_t ncmds;
    uint32_t joins; /* among them */
};

/* ---- What is ----------------------------------------------------------------------------------------------------- */

static const struct pm_endpoint *endpoint(const struct pm_view *view, uint8_t id) {
    for (uint32_t i = 0; id && i < view->nendpoints; i++)
        if (view->endpoints[i].id == id)
            return &view->endpoints[i];
    return NULL;
}

/* An endpoint's id in this connection. */
static uint8_t wire_id(const struct pm_view *view, uint8_t id) { return id == view->initial_local_id ? 0 : id; }

static struct used *used_find(struct kernel *k, uint8_t id) {
    for (uint8_t i = 0; i < k->nused; i++)
        if (k->used[i].id == id)
            return &k->used[i];
    return NULL;
}

static void used_add(struct kernel *k, uint8_t id, enum use how) {
    struct used *u = used_find(k, id);
    assert(u || k->nused < UMPTCP_ENDPOINTS_MAX); /* not more than there are endpoints */
    if (!u) {
        u = &k->used[k->nused++];
        *u = (struct used){.id = id};
    }
    u->how |= (uint8_t)how;
}

static void used_remove(struct kernel *k, uint8_t id) {
    struct used *u = used_find(k, id);
    if (u)
        *u = k->used[--k->nused];
}

static bool any_subflow_used(const struct kernel *k) {
    for (uint8_t i = 0; i < k->nused; i++)
        if (k->used[i].how & USE_SUBFLOW)
            return true;
    return false;
}

static bool accepted(const struct kernel *k, uint8_t remote_id) {
    for (uint8_t i = 0; i < k->naccepted; i++)
        if (k->accepted[i] == remote_id)
            return true;
    return false;
}

static void accepted_remove(struct kernel *k, uint8_t remote_id) {
    for (uint8_t i = 0; i < k->naccepted; i++)
        if (k->accepted[i] == remote_id)
            k->accepted[i] = k->accepted[--k->naccepted];
}

/* A subflow that we opened between these two, up or coming up. */
static const struct pm_subflow *pair_find(const struct pm_view *view, uint8_t local_id, uint8_t remote_id) {
    for (uint32_t i = 0; i < view->nsubflows; i++) {
        const struct pm_subflow *s = &view->subflows[i];
        if (!s->closing && s->initiated && s->local_id == local_id && s->remote_id == remote_id)
            return s;
    }
    return NULL;
}

static bool below_limit(const struct run *r) { return r->view->extra_subflows + r->joins < r->view->limits.subflows; }

/* Another try may take the place of the first subflow too, when that is gone. */
static bool room_to_retry(const struct run *r) {
    uint32_t live = r->joins;
    for (uint32_t i = 0; i < r->view->nsubflows; i++)
        live += !r->view->subflows[i].closing;
    return live < r->view->limits.subflows + 1u;
}

/* The peer allows nothing to its first address, and we were to accept no other: then the first it announces is taken.
 */
static bool only_announced(const struct run *r) {
    return r->view->remote_denies_id0 && !r->view->limits.add_addr_accepted && !any_subflow_used(r->k) &&
           below_limit(r);
}

static bool same_family(const struct umptcp_sockaddr *a, const struct umptcp_sockaddr *b) {
    return addr_is_v4(&a->addr) == addr_is_v4(&b->addr);
}

/* ---- What shall be ----------------------------------------------------------------------------------------------- */

static struct pm_command *command(struct run *r, enum pm_command_type type) {
    assert(r->ncmds < PM_COMMANDS_MAX);
    struct pm_command *c = &r->cmds[r->ncmds++];
    *c = (struct pm_command){.type = type, .at = UMPTCP_NEVER};
    return c;
}

/* Such a subflow exists, or was ordered just now. */
static bool paired(const struct run *r, uint8_t local_id, uint8_t remote_id) {
    for (uint32_t i = 0; i < r->ncmds; i++) {
        const struct pm_command *c = &r->cmds[i];
        if (c->type == PM_CMD_JOIN && c->local_id == local_id && c->remote_id == remote_id)
            return true;
    }
    return pair_find(r->view, local_id, remote_id) != NULL;
}

/* From an endpoint, or (NULL) from where the route says. */
static struct pm_command *join(struct run *r, const struct pm_endpoint *from, uint8_t remote_id,
                               const struct umptcp_sockaddr *remote) {
    struct pm_command *c = command(r, PM_CMD_JOIN);
    c->remote_id = remote_id;
    c->remote = *remote;
    if (from) {
        c->local_id = wire_id(r->view, from->id);
        c->local.addr = from->addr.addr;
        c->netif = from->netif;
        c->backup = from->flags & UMPTCP_EP_BACKUP;
    }
    r->joins++;
    return c;
}

static void withdraw(struct run *r, uint8_t wire) { command(r, PM_CMD_WITHDRAW)->local_id = wire; }

/* Subflows from local id `wire` shall have this backup flag. */
static void set_backup(struct run *r, uint8_t wire, bool backup) {
    for (uint32_t i = 0; i < r->view->nsubflows; i++) {
        const struct pm_subflow *s = &r->view->subflows[i];
        if (s->closing || s->local_id != wire || s->backup == backup)
            continue;
        struct pm_command *c = command(r, PM_CMD_PRIO);
        c->subflow = s->number;
        c->backup = backup;
    }
}

/* The endpoint of the initial address counts as used; its backup flag could not be said in the handshake. */
static void account_initial(struct run *r) {
    const struct pm_endpoint *e = endpoint(r->view, r->view->initial_local_id);
    if (!e || used_find(r->k, e->id))
        return;
    used_add(r->k, e->id, 0);
    if (e->flags & UMPTCP_EP_BACKUP)
        set_backup(r, 0, true);
}

static void announce(struct run *r) {
    const struct pm_view *view = r->view;
    for (uint32_t i = 0; i < view->nendpoints && !view->announce_pending; i++) {
        const struct pm_endpoint *e = &view->endpoints[i];
        if (!(e->flags & UMPTCP_EP_SIGNAL) || !e->usable || used_find(r->k, e->id))
            continue;
        used_add(r->k, e->id, USE_ANNOUNCED);
        struct pm_command *c = command(r, PM_CMD_ANNOUNCE);
        c->local_id = e->id;
        c->local = e->addr;
        return;
    }
}

/* May be the source of a new subflow: also when it was announced before, but not when it is the initial address. */
static bool unused_source(const struct run *r, const struct pm_endpoint *e) {
    const struct used *u = used_find(r->k, e->id);
    bool unused = !u || (u->how & (USE_SUBFLOW | USE_ANNOUNCED)) == USE_ANNOUNCED;
    return e->flags & UMPTCP_EP_SUBFLOW && e->usable && unused;
}

/* One subflow to `remote` from each source that is left. */
static void create(struct run *r, uint8_t remote_id, const struct umptcp_sockaddr *remote) {
    const struct pm_view *view = r->view;
    bool denied = remote_id == 0 && view->remote_denies_id0;
    for (uint32_t i = 0; i < view->nendpoints && below_limit(r); i++) {
        const struct pm_endpoint *e = &view->endpoints[i];
        if (!unused_source(r, e))
            continue;
        used_add(r->k, e->id, USE_SUBFLOW);
        if (!denied && same_family(&e->addr, remote) && !paired(r, wire_id(view, e->id), remote_id))
            join(r, e, remote_id, remote);
    }
}

static void work(struct run *r) {
    account_initial(r);
    announce(r);
    if (r->view->may_join && !only_announced(r))
        create(r, 0, &r->view->initial_remote);
}

/* ---- Announced by the peer --------------------------------------------------------------------------------------- */

/* There is a subflow to that address already: ours, or one that the peer opened from it (RFC 8684 3.4.1). */
static bool reached(const struct pm_view *view, uint8_t remote_id, const struct umptcp_sockaddr *addr) {
    for (uint32_t i = 0; i < view->nsubflows; i++) {
        const struct pm_subflow *s = &view->subflows[i];
        bool same_id = !s->initiated && remote_id && s->remote_id == remote_id;
        bool same_addr = addr_eq(&s->remote.addr, &addr->addr) && (!addr->port || s->remote.port == addr->port);
        if (!s->closing && (same_id || same_addr))
            return true;
    }
    return false;
}

static void addr_announced(struct run *r, const struct pm_event *ev) {
    const struct pm_view *view = r->view;
    struct umptcp_sockaddr remote = ev->addr;
    bool initial = ev->remote_id == 0;
    bool counted = initial || accepted(r->k, ev->remote_id);
    bool instead = !initial && only_announced(r);
    account_initial(r);
    if (initial && (view->remote_denies_id0 || !addr_eq(&remote.addr, &view->initial_remote.addr)))
        return;
    if (!counted && !instead && r->k->naccepted >= view->limits.add_addr_accepted)
        return;
    if (!below_limit(r) || reached(view, ev->remote_id, &remote))
        return;
    if (!remote.port)
        remote.port = view->initial_remote.port;
    if (instead)
        create(r, ev->remote_id, &remote);
    else
        join(r, NULL, ev->remote_id, &remote);
    if (!counted && r->joins && r->k->naccepted < PM_REMOTES_MAX)
        r->k->accepted[r->k->naccepted++] = ev->remote_id;
}

/* ---- Trying again ------------------------------------------------------------------------------------------------ */

static void retry_remove(struct kernel *k, uint8_t i) {
    k->retries[i] = k->retries[--k->nretries];
    if (!k->nretries)
        k->tries = 0;
}

enum side { LOCAL, REMOTE };

/* Gives up on all that have this id. */
static void retries_forget(struct kernel *k, enum side side, uint8_t id) {
    for (uint8_t i = k->nretries; i-- > 0;)
        if ((side == LOCAL ? k->retries[i].local_id : k->retries[i].remote_id) == id)
            retry_remove(k, i);
}

static int retry_find(const struct kernel *k, uint8_t local_id, uint8_t remote_id) {
    for (uint8_t i = 0; i < k->nretries; i++)
        if (k->retries[i].local_id == local_id && k->retries[i].remote_id == remote_id)
            return i;
    return -1;
}

/* The endpoint that a local id of this connection means; NULL for the initial address without one, and for implicit
 * ids. */
static const struct pm_endpoint *source(const struct pm_view *view, uint8_t local_id) {
    return endpoint(view, local_id ? local_id : view->initial_local_id);
}

static bool source_usable(const struct pm_view *view, uint8_t local_id) {
    const struct pm_endpoint *e = source(view, local_id);
    return e ? e->usable : local_id || view->initial_usable;
}

/* Where the peer's address of that id is. False: it does not want subflows there, or withdrew it. */
static bool target(const struct pm_view *view, uint8_t remote_id, struct umptcp_sockaddr *to) {
    *to = view->initial_remote;
    if (remote_id == 0)
        return !view->remote_denies_id0;
    for (uint32_t i = 0; i < view->nremotes; i++)
        if (view->remotes[i].id == remote_id) {
            to->addr = view->remotes[i].addr.addr;
            to->port = view->remotes[i].addr.port ? view->remotes[i].addr.port : to->port;
            return true;
        }
    return false;
}

/* Opens it again, in place of an attempt that has waited for too long. */
static void retry_join(struct run *r, struct retry *t) {
    const struct pm_view *view = r->view;
    const struct pm_subflow *attempt = pair_find(view, t->local_id, t->remote_id);
    const struct pm_endpoint *from = source(view, t->local_id);
    struct umptcp_sockaddr to;
    if (!source_usable(view, t->local_id) || !target(view, t->remote_id, &to) || (attempt && attempt->established))
        return;
    if (attempt ? ++t->rounds < RETRY_ROUNDS : paired(r, t->local_id, t->remote_id) || !room_to_retry(r))
        return;
    t->rounds = 0;
    if (attempt)
        command(r, PM_CMD_CLOSE)->subflow = attempt->number;
    struct pm_command *c = join(r, from, t->remote_id, &to);
    c->again = true;
    if (!from && t->local_id == 0)
        c->local.addr = view->initial_local.addr;
}

/*
 * A path fell silent and was given up. The peer may not have noticed: that our address is gone (RFC 8684 3.4.2) makes
 * it send elsewhere at once what it has in flight there. Said once, when another subflow can carry it, and none lives
 * from that address, which did work before.
 */
static void tell_dead(struct run *r, const struct pm_event *ev) {
    struct used *u = used_find(r->k, ev->local_id);
    bool worked = !u || u->how & USE_UP, other = false;
    for (uint32_t i = 0; i < r->view->nsubflows; i++) {
        const struct pm_subflow *s = &r->view->subflows[i];
        if (s->closing)
            continue;
        worked = worked && s->local_id != ev->local_id;
        other = other || s->established;
    }
    if (!worked || !other || ev->error != ETIMEDOUT)
        return;
    withdraw(r, ev->local_id);
    if (u)
        u->how &= (uint8_t)~USE_UP;
}

/* A subflow went, or could not even begin. */
static void subflow_down(struct run *r, const struct pm_event *ev) {
    struct kernel *k = r->k;
    const struct pm_view *view = r->view;
    bool opening = pair_find(view, ev->local_id, ev->remote_id) != NULL; /* the next try is under way */
    int known = retry_find(k, ev->local_id, ev->remote_id);
    struct umptcp_sockaddr to;
    bool stands =
        target(view, ev->remote_id, &to) && (ev->local_id == 0 || ev->remote_id || endpoint(view, ev->local_id));
    bool again = stands && (ev->retry || !source_usable(view, ev->local_id));
    if (ev->subflow == 0 && !ev->retry)
        accepted_remove(k, ev->remote_id);
    if (known < 0)
        tell_dead(r, ev);
    if (!ev->initiated || opening)
        return;
    if (!again) {
        if (known >= 0)
            retry_remove(k, (uint8_t)known);
    } else if (view->rejoin && known < 0 && k->nretries < UMPTCP_SUBFLOWS_MAX) {
        k->retries[k->nretries++] = (struct retry){ev->local_id, ev->remote_id, 0};
    }
}

static void subflow_up(struct run *r, const struct pm_event *ev) {
    int known = retry_find(r->k, ev->local_id, ev->remote_id);
    struct used *u = used_find(r->k, ev->local_id);
    if (known >= 0)
        retry_remove(r->k, (uint8_t)known);
    if (u)
        u->how |= USE_UP;
}

static bool retry_wanted(const struct run *r) {
    const struct pm_view *view = r->view;
    bool possible = false;
    for (uint8_t i = 0; i < r->k->nretries; i++)
        possible = possible || source_usable(view, r->k->retries[i].local_id);
    return possible && view->active && view->rejoin;
}

/* Tries what is due, and says when to look again. */
static void retry_due(struct run *r) {
    struct kernel *k = r->k;
    utime before = k->retry_at, now = r->view->now;
    bool wanted = retry_wanted(r);
    if (wanted && before.ns && !time_before(now, before)) {
        for (uint8_t i = 0; i < k->nretries; i++)
            retry_join(r, &k->retries[i]);
        k->tries += k->tries < RETRY_DOUBLINGS;
        k->retry_at.ns = 0;
    }
    if (!wanted)
        k->retry_at.ns = 0;
    else if (!k->retry_at.ns)
        k->retry_at = time_add(now, RETRY_FIRST << k->tries);
    if (k->retry_at.ns != before.ns)
        command(r, PM_CMD_TIMER)->at = k->retry_at.ns ? k->retry_at : UMPTCP_NEVER;
}

/* ---- Endpoints --------------------------------------------------------------------------------------------------- */

static void endpoint_removed(struct run *r, const struct pm_event *ev) {
    const struct pm_view *view = r->view;
    const struct used *u = used_find(r->k, ev->local_id);
    bool initial = addr_eq(&ev->addr.addr, &view->initial_local.addr) &&
                   (!ev->addr.port || ev->addr.port == view->initial_local.port);
    uint8_t wire = initial ? 0 : ev->local_id;
    bool told = u && u->how & USE_ANNOUNCED;
    for (uint32_t i = 0; i < view->nsubflows; i++) {
        const struct pm_subflow *s = &view->subflows[i];
        if (s->closing || s->local_id != wire)
            continue;
        command(r, PM_CMD_CLOSE)->subflow = s->number;
        told = true;
    }
    if (told)
        withdraw(r, wire);
    used_remove(r->k, ev->local_id);
    retries_forget(r->k, LOCAL, wire);
}

/* Its address went: it is as if it had never been used. It came: all that waits for it is tried at once. */
static void endpoint_changed(struct run *r, const struct pm_event *ev) {
    struct kernel *k = r->k;
    const struct pm_endpoint *e = endpoint(r->view, ev->local_id);
    const struct used *u = used_find(k, ev->local_id);
    uint8_t wire = wire_id(r->view, ev->local_id);
    if (ev->local_id && !e)
        return;
    if (!source_usable(r->view, wire)) {
        if (u && u->how & USE_ANNOUNCED)
            withdraw(r, wire);
        used_remove(k, ev->local_id);
        return;
    }
    if (e)
        set_backup(r, wire, e->flags & UMPTCP_EP_BACKUP);
    k->tries = 0;
    for (uint8_t i = 0; i < k->nretries && r->view->rejoin; i++)
        if (k->retries[i].local_id == wire)
            retry_join(r, &k->retries[i]);
    work(r);
}

/* An event may have been lost when there was no memory: endpoints that are gone are not used. */
static void forget_gone(struct run *r, const struct pm_event *ev) {
    struct kernel *k = r->k;
    for (uint8_t i = k->nused; i-- > 0;)
        if (!endpoint(r->view, k->used[i].id) && !(ev->type == PM_ENDPOINT_REMOVED && ev->local_id == k->used[i].id))
            k->used[i] = k->used[--k->nused];
}

/* ---- The plug-in ------------------------------------------------------------------------------------------------- */

static void dispatch(struct run *r, const struct pm_event *ev) {
    switch (ev->type) {
    case PM_CONNECTED:
    case PM_ESTABLISHED:
    case PM_ANNOUNCE_ECHOED:
    case PM_ANNOUNCE_FAILED:
    case PM_ENDPOINT_ADDED:
        work(r);
        break;
    case PM_SUBFLOW_UP:
        subflow_up(r, ev);
        work(r);
        break;
    case PM_SUBFLOW_DOWN:
        subflow_down(r, ev);
        work(r);
        break;
    case PM_ADDR_ANNOUNCED:
        addr_announced(r, ev);
        break;
    case PM_ADDR_REMOVED:
        accepted_remove(r->k, ev->remote_id);
        retries_forget(r->k, REMOTE, ev->remote_id);
        break;
    case PM_ENDPOINT_REMOVED:
        endpoint_removed(r, ev);
        break;
    case PM_ENDPOINT_CHANGED:
        endpoint_changed(r, ev);
        break;
    case PM_TIMER:
        break;
    }
}

static uint32_t kernel_event(void *state, const struct pm_event *ev, const struct pm_view *view,
                             struct pm_command *cmds) {
    struct run r = {.k = state, .view = view, .cmds = cmds};
    forget_gone(&r, ev);
    dispatch(&r, ev);
    retry_due(&r);
    return r.ncmds;
}

static bool kernel_accept(const void *state, const struct pm_view *view) {
    (void)state;
    return view->extra_subflows < view->limits.subflows;
}

const struct pm_ops pm_kernel = {.name = "kernel", .event = kernel_event, .accept = kernel_accept};
