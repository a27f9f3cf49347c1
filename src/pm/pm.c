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

void pm_endpoints_init(struct pm_endpoints *t) { *t = (struct pm_endpoints){.next_id = 1, .limits = {.subflows = 2}}; }

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

/* The first free id from the highest one given on, then from 1. There are far more ids than endpoints. */
static uint8_t free_id(struct pm_endpoints *t) {
    unsigned id = t->next_id;
    while (pm_endpoints_find(t, (uint8_t)id))
        id = id == ID_MAX ? 1 : id + 1;
    t->next_id = (uint8_t)id;
    return (uint8_t)id;
}

static bool valid(const struct umptcp_endpoint *ep) {
    const uint32_t settable =
        UMPTCP_EP_SIGNAL | UMPTCP_EP_SUBFLOW | UMPTCP_EP_BACKUP | UMPTCP_EP_FULLMESH | UMPTCP_EP_LAMINAR;
    bool signal = ep->flags & UMPTCP_EP_SIGNAL, announced_only = signal && !(ep->flags & UMPTCP_EP_SUBFLOW);
    return !(ep->flags & ~settable) && addr_is_usable(&ep->addr.addr) && (!ep->addr.port || announced_only) &&
           !(signal && ep->flags & UMPTCP_EP_FULLMESH);
}

/* An address may stand there twice with different ports. */
static struct pm_endpoint *same(struct pm_endpoints *t, const struct umptcp_sockaddr *addr) {
    for (uint32_t i = 0; i < t->count; i++)
        if (sockaddr_eq(&t->list[i].addr, addr))
            return &t->list[i];
    return NULL;
}

static bool is_implicit(const struct pm_endpoint *e) { return e->flags & UMPTCP_EP_IMPLICIT; }

static void insert(struct pm_endpoints *t, const struct pm_endpoint *e) {
    uint32_t at = e->addr.port ? 0 : t->count;
    memmove(&t->list[at + 1], &t->list[at], (t->count - at) * sizeof *t->list);
    t->list[at] = *e;
    t->count++;
}

static void cut(struct pm_endpoints *t, struct pm_endpoint *e) {
    t->count--;
    memmove(e, e + 1, (size_t)(&t->list[t->count] - e) * sizeof *e);
}

int pm_endpoints_add(struct pm_endpoints *t, const struct umptcp_endpoint *ep, int netif, bool usable) {
    struct pm_endpoint *there = same(t, &ep->addr);
    uint8_t id = ep->id;
    if (!valid(ep))
        return -EINVAL;
    if (there && is_implicit(there)) { /* becomes an explicit one, and keeps its id */
        if (id)
            return -EINVAL;
        id = there->id;
        cut(t, there);
    } else {
        if (t->count == UMPTCP_ENDPOINTS_MAX)
            return -ERANGE;
        if (id && pm_endpoints_find(t, id))
            return -EBUSY;
        if (there)
            return -EEXIST;
        id = id ? id : free_id(t);
    }
    if (id > t->next_id)
        t->next_id = id;
    insert(t, &(struct pm_endpoint){.id = id, .flags = ep->flags, .netif = netif, .usable = usable, .addr = ep->addr});
    return id;
}

int pm_endpoints_del(struct pm_endpoints *t, uint8_t id, struct pm_endpoint *removed) {
    struct pm_endpoint *e = pm_endpoints_find(t, id);
    if (!e)
        return -EINVAL;
    if (removed)
        *removed = *e;
    cut(t, e);
    return 0;
}

void pm_endpoints_flush(struct pm_endpoints *t) {
    t->count = 0;
    t->next_id = 1;
}

int pm_endpoints_set_flags(struct pm_endpoints *t, uint8_t id, uint32_t flags) {
    const uint32_t changeable = UMPTCP_EP_BACKUP | UMPTCP_EP_FULLMESH;
    struct pm_endpoint *e = pm_endpoints_find(t, id);
    if (!e || (flags & UMPTCP_EP_FULLMESH && e->flags & (UMPTCP_EP_SIGNAL | UMPTCP_EP_IMPLICIT)))
        return -EINVAL;
    uint32_t changed = (flags ^ e->flags) & changeable;
    e->flags ^= changed;
    return (int)changed;
}

int pm_endpoints_id_of(struct pm_endpoints *t, const struct umptcp_addr *addr) {
    const struct pm_endpoint *e = pm_endpoints_by_addr(t, addr);
    if (e)
        return e->id;
    if (t->count == UMPTCP_ENDPOINTS_MAX)
        return -ERANGE;
    struct pm_endpoint made = {.id = free_id(t), .flags = UMPTCP_EP_IMPLICIT, .usable = true};
    made.addr.addr = *addr;
    insert(t, &made);
    return made.id;
}

void pm_endpoints_forget(struct pm_endpoints *t, const struct umptcp_addr *addr) {
    struct pm_endpoint *e = same(t, &(struct umptcp_sockaddr){.addr = *addr});
    if (e && is_implicit(e))
        cut(t, e);
}
