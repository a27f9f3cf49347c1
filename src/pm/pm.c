/* SPDX-License-Identifier: BSD-3-Clause */
/* The path managers that are built in, by name; and the table of endpoints that they decide from. */
#include "pm/pm.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct pm_ops *const all[] = {&pm_kernel, &pm_userspace};

enum { COUNT = sizeof all / sizeof *all, ID_MAX = 255 };

const struct pm_ops *pm_find(const char *name) {
    for (unsigned i = 0; i < COUNT; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

const char *pm_name(unsigned index) { return index < COUNT ? all[index]->name : NULL; }

/* ---- Endpoints --------------------------------------------------------------------------------------------------- */

void pm_endpoints_init(struct pm_endpoints *t) { *t = (struct pm_endpoints){.limits = {.subflows = 2}}; }

struct pm_endpoint *pm_endpoints_find(struct pm_endpoints *t, uint8_t id) {
    for (uint32_t i = 0; i < t->count; i++)
        if (t->list[i].id == id)
            return &t->list[i];
    return NULL;
}

struct pm_endpoint *pm_endpoints_by_addr(struct pm_endpoints *t, const struct umptcp_addr *addr) {
    for (uint32_t i = 0; i < t->count; i++)
        if (addr_eq(&t->list[i].addr.addr, addr))
            return &t->list[i];
    return NULL;
}

static struct pm_implicit *implicit_by_addr(struct pm_endpoints *t, const struct umptcp_addr *addr) {
    for (uint32_t i = 0; i < t->nimplicit; i++)
        if (addr_eq(&t->implicit[i].addr, addr))
            return &t->implicit[i];
    return NULL;
}

static bool id_taken(struct pm_endpoints *t, uint8_t id) {
    for (uint32_t i = 0; i < t->nimplicit; i++)
        if (t->implicit[i].id == id)
            return true;
    return pm_endpoints_find(t, id) != NULL;
}

/* The first free id after the highest one given, from 1 again behind the last. There are far more ids than addresses.
 */
static uint8_t free_id(struct pm_endpoints *t) {
    unsigned id = t->last_id;
    do
        id = id == ID_MAX ? 1 : id + 1;
    while (id_taken(t, (uint8_t)id));
    return (uint8_t)id;
}

static void note_id(struct pm_endpoints *t, uint8_t id, bool chosen) {
    if (chosen || id > t->last_id)
        t->last_id = id;
}

static bool valid(const struct umptcp_endpoint *ep) {
    const uint32_t known = UMPTCP_EP_SIGNAL | UMPTCP_EP_SUBFLOW | UMPTCP_EP_BACKUP;
    bool announced_only = (ep->flags & (UMPTCP_EP_SIGNAL | UMPTCP_EP_SUBFLOW)) == UMPTCP_EP_SIGNAL;
    return !(ep->flags & ~known) && addr_is_usable(&ep->addr.addr) && (!ep->addr.port || announced_only);
}

/* An address may stand there twice with different ports. */
static bool duplicate(const struct pm_endpoints *t, const struct umptcp_sockaddr *addr) {
    for (uint32_t i = 0; i < t->count; i++)
        if (sockaddr_eq(&t->list[i].addr, addr))
            return true;
    return false;
}

static void forget_implicit(struct pm_endpoints *t, struct pm_implicit *imp) { *imp = t->implicit[--t->nimplicit]; }

static void insert(struct pm_endpoints *t, const struct pm_endpoint *e) {
    uint32_t at = e->addr.port ? 0 : t->count;
    memmove(&t->list[at + 1], &t->list[at], (t->count - at) * sizeof *t->list);
    t->list[at] = *e;
    t->count++;
}

int pm_endpoints_add(struct pm_endpoints *t, const struct umptcp_endpoint *ep, int netif, bool usable) {
    struct pm_implicit *imp = implicit_by_addr(t, &ep->addr.addr);
    if (!valid(ep) || (imp && ep->id && ep->id != imp->id))
        return -EINVAL;
    if (duplicate(t, &ep->addr))
        return -EEXIST;
    if (ep->id && !imp && id_taken(t, ep->id))
        return -EBUSY;
    if (t->count == UMPTCP_ENDPOINTS_MAX)
        return -ERANGE;
    uint8_t id = imp ? imp->id : ep->id ? ep->id : free_id(t);
    if (imp)
        forget_implicit(t, imp);
    else
        note_id(t, id, !ep->id);
    insert(t, &(struct pm_endpoint){.id = id, .flags = ep->flags, .netif = netif, .usable = usable, .addr = ep->addr});
    return id;
}

int pm_endpoints_del(struct pm_endpoints *t, uint8_t id, struct pm_endpoint *removed) {
    struct pm_endpoint *e = pm_endpoints_find(t, id);
    if (!e)
        return -EINVAL;
    if (removed)
        *removed = *e;
    uint32_t at = (uint32_t)(e - t->list);
    t->count--;
    memmove(e, e + 1, (t->count - at) * sizeof *e);
    return 0;
}

int pm_endpoints_id_of(struct pm_endpoints *t, const struct umptcp_addr *addr) {
    const struct pm_endpoint *e = pm_endpoints_by_addr(t, addr);
    if (e)
        return e->id;
    struct pm_implicit *imp = implicit_by_addr(t, addr);
    if (imp)
        return imp->id;
    if (t->nimplicit == UMPTCP_ENDPOINTS_MAX)
        return -ERANGE;
    uint8_t id = free_id(t);
    note_id(t, id, true);
    t->implicit[t->nimplicit++] = (struct pm_implicit){id, *addr};
    return id;
}

void pm_endpoints_forget(struct pm_endpoints *t, const struct umptcp_addr *addr) {
    struct pm_implicit *imp = implicit_by_addr(t, addr);
    if (imp)
        forget_implicit(t, imp);
}
