/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path manager that decides nothing: what is announced, opened and closed is said from outside (the calls
 * umptcp_pm_*()). It keeps the local addresses that a connection used or announced, with their ids.
 */
#ifndef UMPTCP_PM_USERSPACE_H
#define UMPTCP_PM_USERSPACE_H

#include "base/mem.h"
#include "pm/pm.h"

/* `state` is the PM_STATE_SIZE bytes of a connection whose path manager is pm_userspace. */

void pm_userspace_free(void *state, struct mem *mem);
/*
 * An entry for `e`, whose id is 0 for the first subflow's address. One that is there with the same address, port and id
 * stays as it is. Returns 0, -EINVAL (there is one with the same address or id, and another id or address), or -ENOMEM.
 */
int pm_userspace_add(void *state, struct mem *mem, const struct pm_endpoint *e);
void pm_userspace_del(void *state, struct mem *mem, const struct pm_endpoint *e);
/* NULL when there is none. Valid until one is added or removed. */
struct pm_endpoint *pm_userspace_find(void *state, uint8_t id);
/* The same by address, whatever its port. */
struct pm_endpoint *pm_userspace_by_addr(const void *state, const struct umptcp_addr *addr);
/* The id of a local address that the peer joined or a route chose: its entry's, or the lowest free one of a new entry.
 * -ERANGE (none is free), -ENOMEM. */
int pm_userspace_id_of(void *state, struct mem *mem, const struct umptcp_addr *addr);
/* Calls with i = 0, 1, ... until NULL: all of them, in the order they came. */
const struct pm_endpoint *pm_userspace_at(const void *state, uint32_t i);

#endif
