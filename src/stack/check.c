/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariants of the whole stack, for tests: what must hold whenever no call is under way. */
#include "stack/stack.h"

static const char *check_handles(const struct umptcp *s) {
    uint32_t used = 0;
    umptcp_sock sock;
    void *object;
    for (uint32_t i = 0; i < s->handles.capacity; i++) {
        enum handle_kind kind = handle_at(&s->handles, i, &sock, &object);
        used += kind != HANDLE_FREE;
        if (kind == HANDLE_CONN && ((const struct conn *)object)->handle != sock.v)
            return "a handle and its connection do not know each other";
        if (kind == HANDLE_LISTENER && ((const struct listener *)object)->sock.v != sock.v)
            return "a handle and its listener do not know each other";
    }
    return used == s->handles.count ? NULL : "handles are not counted right";
}

static const char *check_owner(const struct umptcp *s, const struct conn *c) {
    if (c->handle && handle_get(&s->handles, (umptcp_sock){c->handle}, HANDLE_CONN) != c)
        return "a connection has a handle that is not its own";
    if (c->handle && c->listener)
        return "an accepted connection still belongs to its listener";
    if (!list_empty(&c->work))
        return "work was left after the end of a call";
    return NULL;
}

static const char *check_conns(const struct umptcp *s) {
    uint32_t conns = 0, registered = 0, half_open = 0;
    list_for_each (n, &s->mp.conns) {
        const struct conn *c = container_of(n, struct conn, node);
        const char *why = check_owner(s, c);
        why = why ? why : conn_check(c);
        if (why)
            return why;
        conns++;
        list_for_each (m, &c->subflows) {
            const struct subflow *sf = subflow_of(m);
            registered += sf->registered;
            half_open += sf->half_open;
            if (sf->registered && subflow_find(&s->mp, &sf->flow) != sf)
                return "a subflow is not found by its 4-tuple";
        }
    }
    if (conns != s->mp.nconns)
        return "connections are not counted right";
    if (half_open != s->mp.half_open)
        return "joins that proved nothing yet are not counted right";
    return registered == s->mp.flows.count ? NULL : "the table of flows holds something else than the subflows";
}

static const char *check_listener(const struct umptcp *s, const struct listener *l) {
    uint32_t pending = 0, fast = 0;
    list_for_each (n, &s->mp.conns) {
        const struct conn *c = container_of(n, struct conn, node);
        pending += c->listener == l;
        fast += c->fast && c->fast->taken && c->fast->listener == l->sock.v;
    }
    if (fast != l->fast)
        return "a listener does not know how many connections Fast Open began";
    if (pending != l->pending || l->count > l->pending || l->count > l->backlog)
        return "a listener does not know how many connections it has";
    for (uint32_t i = 0; i < l->count; i++)
        if (l->queue[(l->head + i) % l->backlog]->listener != l)
            return "a connection waits at the wrong listener";
    return NULL;
}

static const char *check_listeners(const struct umptcp *s) {
    umptcp_sock sock;
    void *object;
    for (uint32_t i = 0; i < s->handles.capacity; i++) {
        const char *why = NULL;
        if (handle_at(&s->handles, i, &sock, &object) == HANDLE_LISTENER && object)
            why = check_listener(s, object);
        if (why)
            return why;
    }
    return NULL;
}

static const char *check_endpoints(const struct umptcp *s) {
    for (uint32_t i = 0; i < s->endpoints.count; i++) {
        const struct pm_endpoint *e = &s->endpoints.list[i];
        if (e->usable != paths_endpoint_usable(s, &e->addr.addr, e->netif))
            return "an endpoint does not know whether its address is there";
        for (uint32_t k = 0; k < i; k++)
            if (s->endpoints.list[k].id == e->id)
                return "two endpoints have the same id";
    }
    return NULL;
}

const char *umptcp_check(const struct umptcp *s) {
    static const char *(*const checks[])(const struct umptcp *s) = {check_handles, check_conns, check_listeners,
                                                                    check_endpoints};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const char *why = checks[i](s);
        if (why)
            return why;
    }
    const char *why = frags_check(&s->frags);
    return why ? why : replies_check(&s->replies);
}
