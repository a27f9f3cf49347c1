/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the application hears. Nothing is called back and no event is stored here: a connection knows what its
 * application was not told yet (bits, and a few path events), and the table of handles queues those that have
 * something. So socket events are merged, and none is ever lost.
 */
#include "stack/stack.h"

void event_conn(struct umptcp *s, struct conn *c) {
    if (c->notify || c->path_events.count)
        handle_queue(&s->handles, (umptcp_sock){c->handle});
}

void event_listener(struct umptcp *s, struct listener *l) { handle_queue(&s->handles, l->sock); }

/* Takes one of the bits `what` and makes it that event. */
static bool take(struct conn *c, enum conn_notify what, enum umptcp_event_type type, struct umptcp_event *ev) {
    if (!(c->notify & what))
        return false;
    c->notify &= (uint8_t)~what;
    ev->type = type;
    return true;
}

static bool take_path_event(struct conn *c, struct umptcp_event *ev) {
    if (!c->path_events.count)
        return false;
    const struct conn_path_event *p = deque_front(&c->path_events);
    ev->type = p->type;
    ev->error = p->error;
    ev->subflow = p->subflow;
    ev->reason = p->reason;
    ev->addr_id = p->addr_id;
    ev->addr = p->addr;
    deque_pop_front(&c->path_events, &c->mp->env->mem);
    return true;
}

/* The next thing that a connection has to tell, in the order in which things come to pass. */
static bool take_conn_event(struct conn *c, struct umptcp_event *ev) {
    if (take(c, NOTIFY_CONNECTED, UMPTCP_EV_CONNECTED, ev) || take_path_event(c, ev) ||
        take(c, NOTIFY_URGENT, UMPTCP_EV_URGENT, ev) || take(c, NOTIFY_READABLE, UMPTCP_EV_READABLE, ev) ||
        take(c, NOTIFY_WRITABLE, UMPTCP_EV_WRITABLE, ev) || take(c, NOTIFY_NOTICE, UMPTCP_EV_NOTICE, ev))
        return true;
    if (take(c, NOTIFY_DELIVERED, UMPTCP_EV_DELIVERED, ev))
        return true;
    if (!take(c, NOTIFY_CLOSED, UMPTCP_EV_CLOSED, ev))
        return false;
    ev->error = c->error;
    return true;
}

static bool take_listener_event(struct listener *l, struct umptcp_event *ev) {
    bool any = l->notify;
    l->notify = false;
    ev->type = UMPTCP_EV_ACCEPT;
    return any;
}

bool umptcp_event(struct umptcp *s, struct umptcp_event *ev) {
    umptcp_sock sock;
    while ((sock = handle_queued(&s->handles)).v) {
        struct conn *c = handle_get(&s->handles, sock, HANDLE_CONN);
        struct listener *l = handle_get(&s->handles, sock, HANDLE_LISTENER);
        struct umptcp_event next = {.sock = sock};
        if (c ? take_conn_event(c, &next) : take_listener_event(l, &next)) {
            *ev = next;
            return true;
        }
        handle_unqueue(&s->handles);
    }
    return false;
}
