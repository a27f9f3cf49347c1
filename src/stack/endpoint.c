/* SPDX-License-Identifier: BSD-3-Clause */
/* The path manager's configuration: endpoints and limits. Living connections hear of each change. */
#include <errno.h>

#include "stack/stack.h"

enum { LIMIT_MAX = 8 };

static void gone(struct umptcp *s, const struct pm_endpoint *e, bool flush) {
    paths_event(
        s, &(struct pm_event){
               .type = PM_ENDPOINT_REMOVED, .local_id = e->id, .flags = e->flags, .flush = flush, .addr = e->addr});
}

int umptcp_endpoint_add(struct umptcp *s, const struct umptcp_endpoint *ep, struct umptcp_time now) {
    stack_enter(s, now);
    if (ep->netif && !net_find(&s->net, ep->netif))
        return -EINVAL;
    if (ep->addr.port && listener_in_use(s, &ep->addr))
        return -EADDRINUSE;
    int id = pm_endpoints_add(&s->endpoints, ep, ep->netif, paths_endpoint_usable(s, &ep->addr.addr, ep->netif));
    if (id > 0)
        paths_event(s, &(struct pm_event){.type = PM_ENDPOINT_ADDED, .local_id = (uint8_t)id, .addr = ep->addr});
    stack_finish(s);
    return id;
}

int umptcp_endpoint_del(struct umptcp *s, uint8_t id, struct umptcp_time now) {
    struct pm_endpoint removed;
    stack_enter(s, now);
    int err = pm_endpoints_del(&s->endpoints, id, &removed);
    if (err)
        return err;
    gone(s, &removed, false);
    stack_finish(s);
    return 0;
}

void umptcp_endpoint_del_initial(struct umptcp *s, const struct umptcp_addr *addr, struct umptcp_time now) {
    stack_enter(s, now);
    gone(s, &(struct pm_endpoint){.addr.addr = *addr}, false);
    stack_finish(s);
}

void umptcp_endpoint_flush(struct umptcp *s, struct umptcp_time now) {
    const struct pm_endpoints all = s->endpoints;
    stack_enter(s, now);
    pm_endpoints_flush(&s->endpoints);
    for (uint32_t i = 0; i < all.count; i++)
        gone(s, &all.list[i], true);
    stack_finish(s);
}

int umptcp_endpoint_set_flags(struct umptcp *s, uint8_t id, uint32_t flags, struct umptcp_time now) {
    stack_enter(s, now);
    int changed = pm_endpoints_set_flags(&s->endpoints, id, flags);
    if (changed < 0)
        return changed;
    if (changed & UMPTCP_EP_BACKUP)
        paths_event(s, &(struct pm_event){.type = PM_ENDPOINT_CHANGED, .local_id = id});
    if (changed & UMPTCP_EP_FULLMESH)
        paths_event(s, &(struct pm_event){.type = PM_ENDPOINT_REMESHED, .local_id = id});
    stack_finish(s);
    return 0;
}

bool endpoint_listens(const struct umptcp *s, const struct umptcp_sockaddr *local) {
    return local->port && umptcp_endpoint_find(s, local) > 0;
}

int umptcp_endpoint_find(const struct umptcp *s, const struct umptcp_sockaddr *addr) {
    for (uint32_t i = 0; i < s->endpoints.count; i++)
        if (sockaddr_eq(&s->endpoints.list[i].addr, addr))
            return s->endpoints.list[i].id;
    return -EINVAL;
}

/* The endpoint with the lowest id above `id`; NULL when there is none. */
static const struct pm_endpoint *next_by_id(const struct pm_endpoints *t, uint8_t id) {
    const struct pm_endpoint *next = NULL;
    for (uint32_t i = 0; i < t->count; i++)
        if (t->list[i].id > id && (!next || t->list[i].id < next->id))
            next = &t->list[i];
    return next;
}

int umptcp_endpoints(const struct umptcp *s, struct umptcp_endpoint *eps, int max) {
    uint8_t last = 0;
    for (int i = 0; i < max; i++) {
        const struct pm_endpoint *e = next_by_id(&s->endpoints, last);
        if (!e)
            break;
        eps[i] = (struct umptcp_endpoint){.id = e->id, .flags = e->flags, .netif = e->netif, .addr = e->addr};
        last = e->id;
    }
    return (int)s->endpoints.count;
}

int umptcp_limits_set(struct umptcp *s, uint8_t subflows, uint8_t add_addr_accepted) {
    if (subflows > LIMIT_MAX || add_addr_accepted > LIMIT_MAX)
        return -EINVAL;
    s->endpoints.limits = (struct pm_limits){subflows, add_addr_accepted};
    return 0;
}

void umptcp_limits_get(const struct umptcp *s, uint8_t *subflows, uint8_t *add_addr_accepted) {
    *subflows = s->endpoints.limits.subflows;
    *add_addr_accepted = s->endpoints.limits.add_addr_accepted;
}
