/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Beyond Linux: a subflow that we opened and that died while data was moving is tried again, after 250 ms, then 500 ms,
 * then every second, until it is up, is refused for good, or its endpoint goes. Only while data moves: an idle
 * connection has no timer; and from the longest interval on when the peer's reason says that there is no hurry. When
 * its address comes back it is tried at once, else with the first event after data moves again. And a subflow that died
 * of silence has its address withdrawn on another, so that the peer need not wait for it.
 */
#include <assert.h>
#include <errno.h>

#include "pm/kernel_internal.h"

enum {
    RETRY_ROUNDS = 2,    /* that an attempt gets before it is replaced: its SYN may wait for long by then */
    RETRY_DOUBLINGS = 2, /* of the interval */
};
#define RETRY_FIRST MSEC(250)

static void retry_remove(struct kernel *k, uint8_t i) {
    k->retries[i] = k->retries[--k->nretries];
    if (!k->nretries)
        k->tries = 0;
}

void retries_forget(struct kernel *k, enum retry_side side, uint8_t id) {
    for (uint8_t i = k->nretries; i-- > 0;)
        if ((side == RETRY_LOCAL ? k->retries[i].local_id : k->retries[i].remote_id) == id)
            retry_remove(k, i);
}

static int retry_find(const struct kernel *k, uint8_t local_id, uint8_t remote_id) {
    for (uint8_t i = 0; i < k->nretries; i++)
        if (k->retries[i].local_id == local_id && k->retries[i].remote_id == remote_id)
            return i;
    return -1;
}

/* The endpoint that a local id of this connection means; NULL for the initial address without one, and for implicit
 * ones: a route chose them, and it may choose another now. */
static const struct pm_endpoint *source(const struct pm_view *view, uint8_t local_id) {
    const struct pm_endpoint *e = kernel_endpoint(view, local_id ? local_id : view->initial_local_id);
    return e && !(e->flags & UMPTCP_EP_IMPLICIT) ? e : NULL;
}

bool retry_source_usable(const struct pm_view *view, uint8_t local_id) {
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

/* Another try may take the place of the first subflow too, when that is gone. */
static bool room_to_retry(const struct run *r) {
    uint32_t live = r->joins;
    for (uint32_t i = 0; i < r->view->nsubflows; i++)
        live += !r->view->subflows[i].closing;
    return live < r->view->limits.subflows + 1u;
}

/* Opens it again, in place of an attempt that has waited for too long. */
static void retry_join(struct run *r, struct retry *t) {
    const struct pm_view *view = r->view;
    const struct pm_subflow *attempt = kernel_pair(view, t->local_id, t->remote_id);
    const struct pm_endpoint *from = source(view, t->local_id);
    struct umptcp_sockaddr to;
    if (!retry_source_usable(view, t->local_id) || !target(view, t->remote_id, &to) ||
        (attempt && attempt->established))
        return;
    if (attempt ? ++t->rounds < RETRY_ROUNDS : kernel_paired(r, t->local_id, t->remote_id) || !room_to_retry(r))
        return;
    t->rounds = 0;
    if (attempt) {
        struct pm_command *close = kernel_order(r, PM_CMD_CLOSE);
        close->subflow = attempt->number;
        close->again = true;
    }
    struct pm_command *c = kernel_join(r, from, t->remote_id, &to);
    c->again = true;
    if (!from && t->local_id == 0)
        c->local.addr = view->initial_local.addr;
}

void retry_source(struct run *r, uint8_t local_id) {
    struct kernel *k = r->k;
    k->tries = 0;
    for (uint8_t i = 0; i < k->nretries && r->view->rejoin; i++)
        if (k->retries[i].local_id == local_id)
            retry_join(r, &k->retries[i]);
}

/*
 * A path fell silent and was given up. The peer may not have noticed: that our address is gone (RFC 8684 3.4.2) makes
 * it send elsewhere at once what it has in flight there. Said once, when another subflow can carry it, and none lives
 * from that address, which did work before.
 */
static void tell_dead(struct run *r, const struct pm_event *ev) {
    struct used *u = kernel_used(r->k, ev->local_id);
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
    kernel_withdraw(r, ev->local_id);
    if (u)
        u->how &= (uint8_t)~USE_UP;
}

void retry_subflow_down(struct run *r, const struct pm_event *ev) {
    struct kernel *k = r->k;
    const struct pm_view *view = r->view;
    bool opening = kernel_pair(view, ev->local_id, ev->remote_id) != NULL; /* the next try is under way */
    int known = retry_find(k, ev->local_id, ev->remote_id);
    struct umptcp_sockaddr to;
    bool stands =
        target(view, ev->remote_id, &to) && (ev->local_id == 0 || ev->remote_id || kernel_endpoint(view, ev->local_id));
    bool again = stands && (ev->retry || !retry_source_usable(view, ev->local_id));
    if (known < 0)
        tell_dead(r, ev);
    if (!ev->initiated || opening)
        return;
    if (!again) {
        if (known >= 0)
            retry_remove(k, (uint8_t)known);
    } else if (view->rejoin && known < 0 && k->nretries < UMPTCP_SUBFLOWS_MAX) {
        k->retries[k->nretries++] = (struct retry){ev->local_id, ev->remote_id, 0};
        if (ev->later && k->nretries == 1)
            k->tries = RETRY_DOUBLINGS;
    }
}

void retry_subflow_up(struct run *r, const struct pm_event *ev) {
    int known = retry_find(r->k, ev->local_id, ev->remote_id);
    struct used *u = kernel_used(r->k, ev->local_id);
    if (known >= 0)
        retry_remove(r->k, (uint8_t)known);
    if (u)
        u->how |= USE_UP;
}

static bool retry_wanted(const struct run *r) {
    const struct pm_view *view = r->view;
    bool possible = false;
    for (uint8_t i = 0; i < r->k->nretries; i++)
        possible = possible || retry_source_usable(view, r->k->retries[i].local_id);
    return possible && view->active && view->rejoin;
}

void retry_due(struct run *r) {
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
        kernel_order(r, PM_CMD_TIMER)->at = k->retry_at.ns ? k->retry_at : UMPTCP_NEVER;
}
