/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path manager that does nothing by itself, as Linux's for a daemon. Limits are not applied; a join of the peer is
 * welcome when there is a daemon that hears of it. Addresses belong to a connection: an entry has an id that is its own
 * in this connection only.
 */
#include "pm/userspace.h"

#include <assert.h>
#include <errno.h>

#include "base/deque.h"

enum { ID_MAX = 255 };

struct userspace {
    struct deque entries; /* struct pm_endpoint; all zero: not begun */
};

static_assert(sizeof(struct userspace) <= PM_STATE_SIZE, "state of a connection");

static struct pm_endpoint *entry_at(const struct userspace *u, uint32_t i) {
    return i < u->entries.count ? deque_at(&u->entries, i) : NULL;
}

void pm_userspace_free(void *state, struct mem *mem) {
    struct userspace *u = state;
    if (u->entries.item_size)
        deque_free(&u->entries, mem);
}

const struct pm_endpoint *pm_userspace_at(const void *state, uint32_t i) { return entry_at(state, i); }

struct pm_endpoint *pm_userspace_find(void *state, uint8_t id) {
    struct pm_endpoint *e;
    for (uint32_t i = 0; (e = entry_at(state, i)); i++)
        if (e->id == id)
            return e;
    return NULL;
}

struct pm_endpoint *pm_userspace_by_addr(const void *state, const struct umptcp_addr *addr) {
    struct pm_endpoint *e;
    for (uint32_t i = 0; (e = entry_at(state, i)); i++)
        if (addr_eq(&e->addr.addr, addr))
            return e;
    return NULL;
}

static int append(struct userspace *u, struct mem *mem, const struct pm_endpoint *e) {
    if (!u->entries.item_size)
        deque_init(&u->entries, sizeof *e);
    struct pm_endpoint *slot = deque_push(&u->entries, mem);
    if (!slot)
        return -ENOMEM;
    *slot = *e;
    return 0;
}

int pm_userspace_add(void *state, struct mem *mem, const struct pm_endpoint *e) {
    const struct pm_endpoint *old;
    for (uint32_t i = 0; (old = entry_at(state, i)); i++) {
        bool same_addr = sockaddr_eq(&old->addr, &e->addr), same_id = old->id == e->id;
        if (same_addr && same_id)
            return 0;
        if (same_addr || same_id)
            return -EINVAL;
    }
    return append(state, mem, e);
}

void pm_userspace_del(void *state, struct mem *mem, const struct pm_endpoint *e) {
    struct userspace *u = state;
    for (uint32_t i = 0; i < u->entries.count; i++)
        if (entry_at(u, i) == e) {
            deque_remove(&u->entries, mem, i);
            return;
        }
}

int pm_userspace_id_of(void *state, struct mem *mem, const struct umptcp_addr *addr) {
    const struct pm_endpoint *e = pm_userspace_by_addr(state, addr);
    unsigned id = 1;
    if (e)
        return e->id;
    while (id <= ID_MAX && pm_userspace_find(state, (uint8_t)id))
        id++;
    if (id > ID_MAX)
        return -ERANGE;
    struct pm_endpoint learnt = {.id = (uint8_t)id};
    learnt.addr.addr = *addr;
    int err = append(state, mem, &learnt);
    return err ? err : (int)id;
}

/* ---- The plug-in ------------------------------------------------------------------------------------------------- */

static uint32_t userspace_event(void *state, const struct pm_event *ev, const struct pm_view *view,
                                struct pm_command *cmds) {
    (void)state;
    (void)ev;
    (void)view;
    (void)cmds;
    return 0;
}

static bool userspace_accept(const void *state, const struct pm_view *view) {
    (void)state;
    return view->listening;
}

const struct pm_ops pm_userspace = {
    .name = "userspace", .external = true, .event = userspace_event, .accept = userspace_accept};
