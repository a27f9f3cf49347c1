/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Path managers: which subflows there shall be. Events come in, commands go out; a path manager sees a view of the
 * connection and never its internals, and is one file.
 */
#ifndef UMPTCP_PM_PM_H
#define UMPTCP_PM_PM_H

#include "base/clock.h"
#include "wire/addr.h"

enum { PM_STATE_SIZE = 64, PM_SUBFLOWS_MAX = 16, PM_REMOTES_MAX = 8, PM_COMMANDS_MAX = 40 };

enum pm_event_type {
    PM_ESTABLISHED = 1,  /* the connection may have more subflows now */
    PM_SUBFLOW_UP,       /* subflow */
    PM_SUBFLOW_DOWN,     /* local_id, remote_id, addr (local), error, retry: it died while data was moving. subflow 0: a
                            join     that this end could not even begin (no route, no port, no memory) */
    PM_ADDR_ANNOUNCED,   /* remote_id, addr: valid and not known before, or refreshed */
    PM_ADDR_REMOVED,     /* remote_id: forgotten; subflows to it are being probed or went */
    PM_ANNOUNCE_ECHOED,  /* local_id: our ADD_ADDR arrived */
    PM_ANNOUNCE_FAILED,  /* local_id: given up */
    PM_ENDPOINT_ADDED,   /* local_id */
    PM_ENDPOINT_REMOVED, /* local_id, addr, flags: it is in the table no more. 0: the initial address is not to be used
                          */
    PM_ENDPOINT_CHANGED, /* local_id: its backup flag, or its address became usable or unusable. 0: the initial address
                          */
    PM_ENDPOINT_REMESHED, /* local_id: its fullmesh flag changed */
    PM_TIMER,             /* the timer of PM_CMD_TIMER */
    PM_CONNECTED,         /* server: it has both keys; addresses may be announced, but nothing joined yet */
};

struct pm_event {
    enum pm_event_type type;
    uint32_t subflow;
    uint8_t local_id, remote_id;
    int error;
    bool initiated; /* SUBFLOW_*: by us */
    bool retry;
    bool later;     /* retry: but there is no hurry */
    bool flush;     /* ENDPOINT_REMOVED: all of them went */
    uint32_t flags; /* ENDPOINT_REMOVED: enum umptcp_endpoint_flag */
    struct umptcp_sockaddr addr;
};

struct pm_endpoint {
    uint8_t id;
    uint32_t flags; /* enum umptcp_endpoint_flag */
    int netif;
    bool usable; /* its address is ours and its interface is up */
    struct umptcp_sockaddr addr;
};

struct pm_limits {
    uint8_t subflows, add_addr_accepted;
};

struct pm_subflow {
    uint32_t number;
    uint8_t local_id, remote_id;
    bool initiated, established, closing, backup;
    struct umptcp_sockaddr local, remote;
};

struct pm_remote { /* an address of the peer */
    uint8_t id;
    bool observed; /* a join came from there; it was not announced, and its port is unknown (0) */
    struct umptcp_sockaddr addr;
};

struct pm_view {
    utime now;
    bool server;              /* the peer opened the connection */
    bool may_join;            /* fully established (RFC 8684 3.1): PM_ESTABLISHED came */
    bool remote_denies_id0;   /* C flag: no subflow to the peer's first address */
    bool active;              /* data moved in the last few seconds */
    bool rejoin;              /* configuration: try dead subflows again */
    uint8_t extra_subflows;   /* all but the first one of the connection, also those being opened */
    bool reannounce;          /* configuration: addresses that come back are announced again */
    bool announce_pending;    /* an ADD_ADDR waits to be sent */
    bool listening;           /* somebody hears the path events of the stack (umptcp_pm_listen()) */
    uint8_t initial_local_id; /* id of the endpoint whose address the first subflow has; 0: none */
    struct umptcp_sockaddr initial_local, initial_remote;
    bool initial_usable;                 /* initial_local is an address of ours and its interface is up */
    const struct pm_endpoint *endpoints; /* in order of insertion */
    uint32_t nendpoints;
    struct pm_limits limits;
    const struct pm_subflow *subflows;
    uint32_t nsubflows;
    const struct pm_remote *remotes;
    uint32_t nremotes;
};

enum pm_command_type {
    PM_CMD_JOIN = 1, /* open a subflow: local_id, local (address; any: by route), netif, remote_id, remote, backup */
    PM_CMD_ANNOUNCE, /* ADD_ADDR: local_id, local (port 0: none) */
    PM_CMD_WITHDRAW, /* REMOVE_ADDR: local_id */
    PM_CMD_CLOSE,    /* close a subflow in order: subflow */
    PM_CMD_PRIO,     /* MP_PRIO: subflow, backup */
    PM_CMD_TIMER,    /* PM_TIMER at `at`, one per connection; UMPTCP_NEVER: none */
};

struct pm_command {
    enum pm_command_type type;
    uint32_t subflow;
    uint8_t local_id, remote_id;
    bool backup;
    bool again; /* JOIN: a subflow that died is tried again. CLOSE: an attempt that makes room for another */
    int netif;
    struct umptcp_sockaddr local, remote;
    utime at;
};

struct pm_ops {
    const char *name;
    bool external; /* decisions come through umptcp_pm_announce() and its company; local addresses have the ids of
                      pm/userspace.h, not of endpoints */
    /* What to do about `ev`: writes at most PM_COMMANDS_MAX commands and returns how many. `state`: PM_STATE_SIZE
     * zeroed bytes per connection. */
    uint32_t (*event)(void *state, const struct pm_event *ev, const struct pm_view *view, struct pm_command *cmds);
    /* Whether a join that the peer opened is welcome. */
    bool (*accept)(const void *state, const struct pm_view *view);
    /* How many endpoints subflows were opened from, and how many announced addresses got some. NULL: it has no such. */
    void (*used)(const void *state, uint32_t *local, uint32_t *accepted);
};

const struct pm_ops *pm_find(const char *name);
const char *pm_name(unsigned index);

extern const struct pm_ops pm_kernel, pm_userspace;

/* The table of endpoints and the limits, which the stack owns (at most UMPTCP_ENDPOINTS_MAX). */
struct pm_endpoints {
    struct pm_endpoint list[UMPTCP_ENDPOINTS_MAX]; /* those with a port first, then in order of insertion */
    uint32_t count;
    uint8_t next_id; /* where the search for a free one starts: the highest given */
    struct pm_limits limits;
};

void pm_endpoints_init(struct pm_endpoints *t);
/* As umptcp_endpoint_add(): the id, or a negative errno. */
int pm_endpoints_add(struct pm_endpoints *t, const struct umptcp_endpoint *ep, int netif, bool usable);
/* 0 or -EINVAL; stores what was removed when `removed` is not NULL. */
int pm_endpoints_del(struct pm_endpoints *t, uint8_t id, struct pm_endpoint *removed);
/* All of them: ids begin anew. The limits stay. */
void pm_endpoints_flush(struct pm_endpoints *t);
/* As umptcp_endpoint_set_flags(): the flags that changed, or -EINVAL. */
int pm_endpoints_set_flags(struct pm_endpoints *t, uint8_t id, uint32_t flags);
struct pm_endpoint *pm_endpoints_find(struct pm_endpoints *t, uint8_t id);
/* With whatever port. */
struct pm_endpoint *pm_endpoints_by_addr(struct pm_endpoints *t, const struct umptcp_addr *addr);
/* The id of a local address that is not the initial one: its endpoint's, or that of an implicit one
 * (UMPTCP_EP_IMPLICIT) which is made for it and then stays; -ERANGE when the table is full. */
int pm_endpoints_id_of(struct pm_endpoints *t, const struct umptcp_addr *addr);
/* The address is no longer ours: its implicit endpoint goes. */
void pm_endpoints_forget(struct pm_endpoints *t, const struct umptcp_addr *addr);

#endif
