/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path manager of the Linux kernel.
 *
 * Each time something happened that may allow more (the connection or a subflow came up, one went down, an announcement
 * was echoed or given up, an endpoint came) it looks once over the endpoints:
 *
 *   announce  the first `signal` endpoint that was not used in this connection; one at a time
 *   create    from each `subflow` endpoint that was not used, up to the limit: a subflow to the peer's first address,
 *             or with `fullmesh` to each address of the peer that a subflow goes to
 *
 * An endpoint that was used is not used again in the same connection, whatever became of it, until it is removed, or
 * its address went away and came back. The endpoint whose address the first subflow has counts as used from the start;
 * on the wire its id is 0.
 *
 * An address that the peer announces gets subflows up to the limit of accepted addresses: one from each `fullmesh`
 * endpoint; when there is none, one from the first `laminar` endpoint that no subflow comes from; when there is none of
 * these either, one from whichever local address the route says. A peer that wants no subflow to its first address (C
 * flag) gets those of the `subflow` endpoints to the first address it announces instead. Limits are read anew at each
 * decision, but a limit that was zero when the connection began stays so (enum latch).
 */
#include <assert.h>

#include "pm/kernel_internal.h"

enum { FIRST_SUBFLOW = 1 };

/* ---- What is ----------------------------------------------------------------------------------------------------- */

const struct pm_endpoint *kernel_endpoint(const struct pm_view *view, uint8_t id) {
    for (uint32_t i = 0; id && i < view->nendpoints; i++)
        if (view->endpoints[i].id == id)
            return &view->endpoints[i];
    return NULL;
}

/* An endpoint's id in this connection. */
static uint8_t wire_id(const struct pm_view *view, uint8_t id) { return id == view->initial_local_id ? 0 : id; }

struct used *kernel_used(struct kernel *k, uint8_t id) {
    for (uint8_t i = 0; i < k->nused; i++)
        if (k->used[i].id == id)
            return &k->used[i];
    return NULL;
}

static void used_add(struct kernel *k, uint8_t id, enum use how) {
    struct used *u = kernel_used(k, id);
    assert(u || k->nused < UMPTCP_ENDPOINTS_MAX); /* not more than there are endpoints */
    if (!u) {
        u = &k->used[k->nused++];
        *u = (struct used){.id = id};
    }
    u->how |= (uint8_t)how;
}

static void used_remove(struct kernel *k, uint8_t id) {
    struct used *u = kernel_used(k, id);
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

const struct pm_subflow *kernel_pair(const struct pm_view *view, uint8_t local_id, uint8_t remote_id) {
    for (uint32_t i = 0; i < view->nsubflows; i++) {
        const struct pm_subflow *s = &view->subflows[i];
        if (!s->closing && s->initiated && s->local_id == local_id && s->remote_id == remote_id)
            return s;
    }
    return NULL;
}

static bool close_ordered(const struct run *r, const struct pm_subflow *s) {
    for (uint32_t i = 0; i < r->ncmds; i++)
        if (r->cmds[i].type == PM_CMD_CLOSE && r->cmds[i].subflow == s->number)
            return true;
    return false;
}

static bool lives(const struct run *r, const struct pm_subflow *s) { return !s->closing && !close_ordered(r, s); }

static bool below_limit(const struct run *r) {
    return r->view->extra_subflows + r->joins < r->view->limits.subflows + r->closes;
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

struct pm_command *kernel_order(struct run *r, enum pm_command_type type) {
    assert(r->ncmds < PM_COMMANDS_MAX);
    struct pm_command *c = &r->cmds[r->ncmds++];
    *c = (struct pm_command){.type = type, .at = UMPTCP_NEVER};
    return c;
}

static bool join_ordered(const struct run *r, uint8_t local_id, uint8_t remote_id) {
    for (uint32_t i = 0; i < r->ncmds; i++) {
        const struct pm_command *c = &r->cmds[i];
        if (c->type == PM_CMD_JOIN && c->local_id == local_id && c->remote_id == remote_id)
            return true;
    }
    return false;
}

bool kernel_paired(const struct run *r, uint8_t local_id, uint8_t remote_id) {
    const struct pm_subflow *s = kernel_pair(r->view, local_id, remote_id);
    return join_ordered(r, local_id, remote_id) || (s && !close_ordered(r, s));
}

/* A mesh does not mind who opened the subflow. */
static bool meshed(const struct run *r, uint8_t local_id, uint8_t remote_id) {
    for (uint32_t i = 0; i < r->view->nsubflows; i++) {
        const struct pm_subflow *s = &r->view->subflows[i];
        if (lives(r, s) && s->local_id == local_id && s->remote_id == remote_id)
            return true;
    }
    return join_ordered(r, local_id, remote_id);
}

struct pm_command *kernel_join(struct run *r, const struct pm_endpoint *from, uint8_t remote_id,
                               const struct umptcp_sockaddr *remote) {
    struct pm_command *c = kernel_order(r, PM_CMD_JOIN);
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

void kernel_withdraw(struct run *r, uint8_t wire_id) { kernel_order(r, PM_CMD_WITHDRAW)->local_id = wire_id; }

/* Subflows from local id `wire` shall have this backup flag. */
static void set_backup(struct run *r, uint8_t wire, bool backup) {
    for (uint32_t i = 0; i < r->view->nsubflows; i++) {
        const struct pm_subflow *s = &r->view->subflows[i];
        if (s->closing || s->local_id != wire || s->backup == backup)
            continue;
        struct pm_command *c = kernel_order(r, PM_CMD_PRIO);
        c->subflow = s->number;
        c->backup = backup;
    }
}

/* The endpoint of the initial address counts as used; its backup flag could not be said in the handshake. */
static void account_initial(struct run *r) {
    const struct pm_endpoint *e = kernel_endpoint(r->view, r->view->initial_local_id);
    if (!e || kernel_used(r->k, e->id))
        return;
    used_add(r->k, e->id, 0);
    if (e->flags & UMPTCP_EP_BACKUP)
        set_backup(r, 0, true);
}

/* The next one to announce; NULL: none is left. */
static const struct pm_endpoint *to_announce(const struct run *r) {
    const struct pm_view *view = r->view;
    for (uint32_t i = 0; i < view->nendpoints; i++) {
        const struct pm_endpoint *e = &view->endpoints[i];
        if (e->flags & UMPTCP_EP_SIGNAL && e->usable && !kernel_used(r->k, e->id))
            return e;
    }
    return NULL;
}

static void announce(struct run *r, const struct pm_endpoint *e) {
    used_add(r->k, e->id, USE_ANNOUNCED);
    struct pm_command *c = kernel_order(r, PM_CMD_ANNOUNCE);
    c->local_id = e->id;
    c->local = e->addr;
}

/* May be the source of a new subflow: also when it was announced before, but not when it is the initial address. */
static bool unused_source(const struct run *r, const struct pm_endpoint *e) {
    const struct used *u = kernel_used(r->k, e->id);
    bool unused = !u || (u->how & (USE_SUBFLOW | USE_ANNOUNCED)) == USE_ANNOUNCED;
    return e->flags & UMPTCP_EP_SUBFLOW && e->usable && unused;
}

/* From this endpoint to each address of the peer that a subflow goes to. */
static void mesh(struct run *r, const struct pm_endpoint *e) {
    const struct pm_view *view = r->view;
    uint8_t wire = wire_id(view, e->id);
    for (uint32_t i = 0; i < view->nsubflows && below_limit(r); i++) {
        const struct pm_subflow *s = &view->subflows[i];
        struct umptcp_sockaddr to = s->remote;
        if (!s->initiated)
            to.port = view->initial_remote.port; /* the other one is that of its connect() */
        if (s->closing || (s->remote_id == 0 && view->remote_denies_id0) || !same_family(&e->addr, &to) ||
            meshed(r, wire, s->remote_id))
            continue;
        kernel_join(r, e, s->remote_id, &to);
    }
}

/* Subflows from each source that is left: one to `remote`, or a mesh. */
static void create(struct run *r, uint8_t remote_id, const struct umptcp_sockaddr *remote) {
    const struct pm_view *view = r->view;
    bool denied = remote_id == 0 && view->remote_denies_id0;
    for (uint32_t i = 0; i < view->nendpoints && below_limit(r); i++) {
        const struct pm_endpoint *e = &view->endpoints[i];
        if (!unused_source(r, e))
            continue;
        used_add(r->k, e->id, USE_SUBFLOW);
        if (e->flags & UMPTCP_EP_FULLMESH)
            mesh(r, e);
        else if (!denied && same_family(&e->addr, remote) && !kernel_paired(r, wire_id(view, e->id), remote_id))
            kernel_join(r, e, remote_id, remote);
    }
}

/* A server began with the first announcement when it had both keys; the next waits for that one's echo. */
static bool has_begun(const struct run *r) {
    for (uint8_t i = 0; i < r->k->nused; i++)
        if (r->k->used[i].how & USE_ANNOUNCED)
            return true;
    return false;
}

static void work(struct run *r, enum pm_event_type why) {
    const struct pm_endpoint *next;
    account_initial(r);
    next = why == PM_ESTABLISHED && has_begun(r) ? NULL : to_announce(r);
    if (next && r->view->announce_pending)
        return; /* one at a time; when it left, its echo or its end brings us back */
    if (next)
        announce(r, next);
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

/* From each fullmesh endpoint. False: there is none for that family. */
static bool join_meshed(struct run *r, uint8_t remote_id, const struct umptcp_sockaddr *remote) {
    const struct pm_view *view = r->view;
    bool any = false;
    for (uint32_t i = 0; i < view->nendpoints; i++) {
        const struct pm_endpoint *e = &view->endpoints[i];
        if (!(e->flags & UMPTCP_EP_FULLMESH) || !e->usable || !same_family(&e->addr, remote))
            continue;
        any = true;
        if (below_limit(r) && !meshed(r, wire_id(view, e->id), remote_id))
            kernel_join(r, e, remote_id, remote);
    }
    return any;
}

static bool source_in_use(const struct run *r, uint8_t local_id) {
    for (uint32_t i = 0; i < r->view->nsubflows; i++)
        if (!r->view->subflows[i].closing && r->view->subflows[i].local_id == local_id)
            return true;
    return false;
}

/* From the first laminar endpoint that is free, or from none. False: there are no laminar endpoints. */
static bool join_laminar(struct run *r, uint8_t remote_id, const struct umptcp_sockaddr *remote) {
    const struct pm_view *view = r->view;
    bool any = false;
    for (uint32_t i = 0; i < view->nendpoints; i++) {
        const struct pm_endpoint *e = &view->endpoints[i];
        if (!(e->flags & UMPTCP_EP_LAMINAR))
            continue;
        any = true;
        if (!e->usable || !same_family(&e->addr, remote) || source_in_use(r, wire_id(view, e->id)))
            continue;
        kernel_join(r, e, remote_id, remote);
        break;
    }
    return any;
}

static bool takes_addr(const struct run *r, const struct pm_event *ev, bool instead) {
    const struct pm_view *view = r->view;
    const struct kernel *k = r->k;
    if (ev->remote_id == 0)
        return !view->remote_denies_id0 && addr_eq(&ev->addr.addr, &view->initial_remote.addr);
    return instead || (view->rejoin && accepted(k, ev->remote_id)) ||
           (!(k->latches & LATCH_NO_ADDRS) && k->naccepted < view->limits.add_addr_accepted);
}

static void addr_announced(struct run *r, const struct pm_event *ev) {
    const struct pm_view *view = r->view;
    struct umptcp_sockaddr remote = ev->addr;
    bool instead = ev->remote_id && only_announced(r);
    account_initial(r);
    if (!takes_addr(r, ev, instead) || !below_limit(r) || reached(view, ev->remote_id, &remote))
        return;
    if (!remote.port)
        remote.port = view->initial_remote.port;
    if (!join_meshed(r, ev->remote_id, &remote) && !join_laminar(r, ev->remote_id, &remote)) {
        if (instead)
            create(r, ev->remote_id, &remote);
        else
            kernel_join(r, NULL, ev->remote_id, &remote);
    }
    if (ev->remote_id && r->joins && !accepted(r->k, ev->remote_id) && r->k->naccepted < PM_REMOTES_MAX)
        r->k->accepted[r->k->naccepted++] = ev->remote_id;
}

static void addr_removed(struct run *r, const struct pm_event *ev) {
    accepted_remove(r->k, ev->remote_id);
    retries_forget(r->k, RETRY_REMOTE, ev->remote_id);
    r->k->latches &= (uint8_t)~LATCH_NO_ADDRS;
}

/* ---- Endpoints --------------------------------------------------------------------------------------------------- */

/* Ends the subflows from local id `wire`, but not number `spared`. Returns whether there was one. */
static bool close_from(struct run *r, uint8_t wire, uint32_t spared) {
    const struct pm_view *view = r->view;
    bool any = false;
    for (uint32_t i = 0; i < view->nsubflows; i++) {
        const struct pm_subflow *s = &view->subflows[i];
        if (!lives(r, s) || s->local_id != wire || s->number == spared)
            continue;
        kernel_order(r, PM_CMD_CLOSE)->subflow = s->number;
        r->closes += s->number != FIRST_SUBFLOW;
        any = true;
    }
    return any;
}

/* What was announced is withdrawn; what subflows came from too, unless the whole table goes. */
static void endpoint_removed(struct run *r, const struct pm_event *ev) {
    const struct pm_view *view = r->view;
    const struct used *u = kernel_used(r->k, ev->local_id);
    bool initial = addr_eq(&ev->addr.addr, &view->initial_local.addr) &&
                   (!ev->addr.port || ev->addr.port == view->initial_local.port);
    uint8_t wire = initial ? 0 : ev->local_id;
    bool told = u && (u->how & (USE_ANNOUNCED | USE_WITHDRAWN)) == USE_ANNOUNCED;
    bool known = source_in_use(r, wire) && !ev->flush && !(ev->flags & UMPTCP_EP_IMPLICIT);
    if (!initial && !ev->local_id)
        return;
    if (told || known)
        kernel_withdraw(r, wire);
    close_from(r, wire, 0);
    used_remove(r->k, ev->local_id);
    retries_forget(r->k, RETRY_LOCAL, wire);
}

static void address_gone(struct run *r, struct used *u, uint8_t wire) {
    uint8_t told = r->view->reannounce ? 0 : u->how & USE_ANNOUNCED,
            joined = r->view->rejoin ? 0 : u->how & USE_SUBFLOW;
    if ((u->how & (USE_ANNOUNCED | USE_WITHDRAWN)) == USE_ANNOUNCED)
        kernel_withdraw(r, wire);
    u->how = (uint8_t)(told | joined | (told ? USE_WITHDRAWN : 0));
    if (!u->how)
        used_remove(r->k, u->id);
}

/* Its address went: it is as if it had never been used, as far as the configuration has it so. It came: all that waits
 * for it is tried at once. */
static void endpoint_changed(struct run *r, const struct pm_event *ev) {
    struct kernel *k = r->k;
    const struct pm_endpoint *e = kernel_endpoint(r->view, ev->local_id);
    struct used *u = kernel_used(k, ev->local_id);
    uint8_t wire = wire_id(r->view, ev->local_id);
    if (ev->local_id && !e)
        return;
    if (!retry_source_usable(r->view, wire)) {
        if (u)
            address_gone(r, u, wire);
        return;
    }
    if (e)
        set_backup(r, wire, e->flags & UMPTCP_EP_BACKUP);
    retry_source(r, wire);
    work(r, ev->type);
}

/* Its subflows are made anew, as its flags are now. The first one is not its own. */
static void endpoint_remeshed(struct run *r, const struct pm_event *ev) {
    const struct pm_endpoint *e = kernel_endpoint(r->view, ev->local_id);
    if (!e || !(e->flags & UMPTCP_EP_SUBFLOW))
        return;
    uint8_t wire = wire_id(r->view, e->id);
    close_from(r, wire, FIRST_SUBFLOW);
    retries_forget(r->k, RETRY_LOCAL, wire);
    if (wire)
        used_remove(r->k, e->id);
    work(r, ev->type);
}

/* An event may have been lost when there was no memory: endpoints that are gone are not used. */
static void forget_gone(struct run *r, const struct pm_event *ev) {
    struct kernel *k = r->k;
    for (uint8_t i = k->nused; i-- > 0 && ev->type != PM_ENDPOINT_REMOVED;)
        if (!kernel_endpoint(r->view, k->used[i].id))
            k->used[i] = k->used[--k->nused];
}

/* ---- Subflows ---------------------------------------------------------------------------------------------------- */

/* No more joins of the peer may be taken; those that prove nothing yet take no place. */
static bool full(const struct run *r) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->view->nsubflows; i++) {
        const struct pm_subflow *s = &r->view->subflows[i];
        n += s->number != FIRST_SUBFLOW && !s->closing && (s->initiated || s->established);
    }
    return n >= r->view->limits.subflows;
}

static void subflow_up(struct run *r, const struct pm_event *ev) {
    retry_subflow_up(r, ev);
    if (!ev->initiated && full(r))
        r->k->latches |= LATCH_NO_JOINS;
    work(r, ev->type);
}

static void subflow_down(struct run *r, const struct pm_event *ev) {
    if (ev->subflow == 0 && !ev->retry)
        accepted_remove(r->k, ev->remote_id);
    if (!full(r))
        r->k->latches &= (uint8_t)~LATCH_NO_JOINS;
    retry_subflow_down(r, ev);
    work(r, ev->type);
}

/* ---- The plug-in ------------------------------------------------------------------------------------------------- */

static void set_latches(struct kernel *k, const struct pm_limits *limits) {
    if (k->latches & LATCH_SET)
        return;
    k->latches = LATCH_SET;
    if (!limits->subflows)
        k->latches |= LATCH_NO_JOINS;
    if (!limits->subflows || !limits->add_addr_accepted)
        k->latches |= LATCH_NO_ADDRS;
}

static void dispatch(struct run *r, const struct pm_event *ev) {
    switch (ev->type) {
    case PM_CONNECTED:
    case PM_ESTABLISHED:
    case PM_ANNOUNCE_ECHOED:
    case PM_ANNOUNCE_FAILED:
    case PM_ENDPOINT_ADDED:
        work(r, ev->type);
        break;
    case PM_SUBFLOW_UP:
        subflow_up(r, ev);
        break;
    case PM_SUBFLOW_DOWN:
        subflow_down(r, ev);
        break;
    case PM_ADDR_ANNOUNCED:
        addr_announced(r, ev);
        break;
    case PM_ADDR_REMOVED:
        addr_removed(r, ev);
        break;
    case PM_ENDPOINT_REMOVED:
        endpoint_removed(r, ev);
        break;
    case PM_ENDPOINT_CHANGED:
        endpoint_changed(r, ev);
        break;
    case PM_ENDPOINT_REMESHED:
        endpoint_remeshed(r, ev);
        break;
    case PM_TIMER:
        break;
    }
}

static uint32_t kernel_event(void *state, const struct pm_event *ev, const struct pm_view *view,
                             struct pm_command *cmds) {
    struct run r = {.k = state, .view = view, .cmds = cmds};
    set_latches(r.k, &view->limits);
    forget_gone(&r, ev);
    dispatch(&r, ev);
    retry_due(&r);
    return r.ncmds;
}

static bool kernel_accept(const void *state, const struct pm_view *view) {
    const struct kernel *k = state;
    return view->extra_subflows < view->limits.subflows && !(k->latches & LATCH_NO_JOINS);
}

static void kernel_uses(const void *state, uint32_t *local, uint32_t *accepted) {
    const struct kernel *k = state;
    *local = 0;
    *accepted = k->naccepted;
    for (uint8_t i = 0; i < k->nused; i++)
        *local += (k->used[i].how & USE_SUBFLOW) != 0;
}

const struct pm_ops pm_kernel = {.name = "kernel", .event = kernel_event, .accept = kernel_accept, .used = kernel_uses};
