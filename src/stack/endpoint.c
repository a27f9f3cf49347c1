/* SPDX-License-Identifier: BSD-3-Clause */
/* The path manager's configuration: endpoints and limits. Living connections hear of each change. */
#include <errno.h>

#include "stack/stack.h"

enum { LIMIT_MAX = 8 };

int umptcp_endpoint_add(struct umptcp *s, const struct umptcp_endpoint *ep, struct umptcp_time now) {
    stack_enter(s, now);
    if (ep->netif && !net_find(&s->net, ep->netif))
        return -EINVAL;
    int id = pm_endpoints_add(&s->endpoints, ep, ep->netif, paths_endpoint_usable(s, &ep->addr.addr, ep->netif));
    if (id > 0)
        paths_event(s, &(struct pm_event){.type = PM_ENDPOINT_ADDED, .local_id = (uint8_t)id, .addr = ep->addr});
    stack_finish(s);
    return id;
}

int umptcp_endpoint_del(struct umptcp *s, uint8_t id, struct umptcp_time now) {
    struct pm_endpoint gone;
    stack_enter(s, now);
    int err = pm_endpoints_del(&s->endpoints, id, &gone);
    if (err)
        return err;
    paths_event(s, &(struct pm_event){.type = PM_ENDPOINT_REMOVED, .local_id = id, .addr = gone.addr});
    stack_finish(s);
    return 0;
}

int umptcp_endpoint_set_backup(struct umptcp *s, uint8_t id, bool backup, struct umptcp_time now) {
    struct pm_endpoint *e = pm_endpoints_find(&s->endpoints, id);
    stack_enter(s, now);
    if (!e)
        return -EINVAL;
    e->flags = backup ? e->flags | UMPTCP_EP_BACKUP : e->flags & ~(uint32_t)UMPTCP_EP_BACKUP;
    paths_event(s, &(struct pm_event){.type = PM_ENDPOINT_CHANGED, .local_id = id, .addr = e->addr});
    stack_finish(s);
    return 0;
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
