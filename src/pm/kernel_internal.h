/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's path manager inside: kernel.c decides as Linux does, kernel_retry.c goes beyond it. */
#ifndef UMPTCP_PM_KERNEL_INTERNAL_H
#define UMPTCP_PM_KERNEL_INTERNAL_H

#include <assert.h>

#include "pm/pm.h"

/* None of the first two: it is the initial address. */
enum use {
    USE_SUBFLOW = 1,
    USE_ANNOUNCED = 2,
    USE_UP = 4,        /* a subflow has it, or had it until it died */
    USE_WITHDRAWN = 8, /* what was announced is withdrawn, and not to be announced again */
};

struct used { /* an endpoint that this connection made use of */
    uint8_t id, how;
};

struct retry { /* a subflow that died */
    uint8_t local_id, remote_id, rounds;
};

/* What was refused once stays refused, whatever becomes of the limits, until a subflow or an address of the peer goes.
 */
enum latch { LATCH_SET = 1 /* the others are */, LATCH_NO_JOINS = 2, LATCH_NO_ADDRS = 4 };

struct kernel {
    utime retry_at; /* zero: no timer */
    struct used used[UMPTCP_ENDPOINTS_MAX];
    uint8_t accepted[PM_REMOTES_MAX]; /* ids of announced addresses that got subflows */
    struct retry retries[UMPTCP_SUBFLOWS_MAX];
    uint8_t nused, naccepted, nretries, tries;
    uint8_t latches; /* enum latch */
};

static_assert(sizeof(struct kernel) <= PM_STATE_SIZE, "state of a connection");

struct run { /* one event */
    struct kernel *k;
    const struct pm_view *view;
    struct pm_command *cmds;
    uint32_t ncmds;
    uint32_t joins, closes; /* among them; closes: of subflows that count */
};

/* ---- kernel.c ---------------------------------------------------------------------------------------------------- */

struct used *kernel_used(struct kernel *k, uint8_t id);
/* The endpoint that an id means; NULL: none. */
const struct pm_endpoint *kernel_endpoint(const struct pm_view *view, uint8_t id);
/* A subflow that we opened between these two, up or coming up. */
const struct pm_subflow *kernel_pair(const struct pm_view *view, uint8_t local_id, uint8_t remote_id);
/* Such a subflow exists, or was ordered just now. */
bool kernel_paired(const struct run *r, uint8_t local_id, uint8_t remote_id);
struct pm_command *kernel_order(struct run *r, enum pm_command_type type);
/* From an endpoint, or (NULL) from where the route says. */
struct pm_command *kernel_join(struct run *r, const struct pm_endpoint *from, uint8_t remote_id,
                               const struct umptcp_sockaddr *remote);
void kernel_withdraw(struct run *r, uint8_t wire_id);

/* ---- kernel_retry.c ---------------------------------------------------------------------------------------------- */

enum retry_side { RETRY_LOCAL, RETRY_REMOTE };

/* Gives up on all that have this id. */
void retries_forget(struct kernel *k, enum retry_side side, uint8_t id);
/* The address of a local id of this connection is ours now. */
bool retry_source_usable(const struct pm_view *view, uint8_t local_id);
/* A subflow went, or could not even begin: it is tried again when that makes sense, and the peer is told when the path
 * fell silent. */
void retry_subflow_down(struct run *r, const struct pm_event *ev);
void retry_subflow_up(struct run *r, const struct pm_event *ev);
/* All that waits for this local address is tried at once. */
void retry_source(struct run *r, uint8_t local_id);
/* Tries what is due, and says when to look again. */
void retry_due(struct run *r);

#endif
