/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host with one interface in virtual time: a stack (umptcp.h) behind Linux's socket calls (struct posix). What leaves
 * it waits in a queue with the time at which it left; what comes is handed in. Time moves only when the owner moves it.
 *
 * A call never blocks. One that would - on Linux - says so in the present job (blocked, deadline), changes nothing but
 * the job's own notes, and returns -1 with EAGAIN: the owner lets time go on and makes the same call again under the
 * same job.
 */
#ifndef UMPTCP_SCRIPT_HOST_H
#define UMPTCP_SCRIPT_HOST_H

#include "base/clock.h"
#include "script/posix.h"
#include "script/settings.h"

struct host;

/* A call that may have to wait, over all its tries. All zero before the first one; one job is one call. */
struct host_job {
    bool blocked;   /* the last try has to wait, */
    utime deadline; /* until then at the latest; UMPTCP_NEVER: for as long as it takes */
    bool begun;
    utime since;     /* of the first try */
    size_t done;     /* bytes that were moved, of a call that wants them all */
    bool sending;    /* a send that waits: it is woken when there is room enough, not for every bit of it */
    bool connecting; /* connect(): the connection that it waits for is its own */
};

struct host_options {
    uint8_t seed[32]; /* decides everything random */
    utime start;      /* not zero */
    /* Where descriptors come from, and where they go; NULL: small numbers from 3 on, the lowest free one. */
    int (*fd_make)(void *ctx); /* -1: none */
    void (*fd_drop)(void *ctx, int fd);
    void *ctx;
};

/* A packet that left: complete, in one piece, perhaps merged from many. */
struct host_packet {
    utime time;
    uint8_t *data; /* the host's, until the next host_take() */
    uint32_t len;
    uint16_t gso_size; /* payload of each piece; 0: one segment */
};

/* Makes a host with the addresses and the MTU of `settings`. 0, or a negative errno with a sentence. */
int host_open(const struct settings *settings, const struct host_options *options, struct host **host, char *error,
              size_t size);
void host_close(struct host *h);

/* Its calls, valid as long as it lives. */
struct posix host_posix(struct host *h);
/* Calls from now on belong to `job`. NULL: to none, and what would block just fails with EAGAIN. */
void host_begin(struct host *h, struct host_job *job);

utime host_now(const struct host *h);
/* When the host will do something by itself; UMPTCP_NEVER: not before something comes. */
utime host_next(const struct host *h);
/* Moves time to `to`, or to host_next() when that is sooner, and does what is due then. */
void host_step(struct host *h, utime to);
/* A packet came: complete, `gso_size` not 0 when it counts as merged. 0 or -EINVAL. */
int host_inject(struct host *h, const uint8_t *data, uint32_t len, uint16_t gso_size);
/* The next packet that left. False: none. */
bool host_take(struct host *h, struct host_packet *packet);

/* The stack inside and its interface, for configuration; host_settle() after every change. */
struct umptcp *host_stack(struct host *h);
int host_netif(const struct host *h);
struct umptcp_config *host_config(struct host *h);
/* Makes what stands in host_config() count for what comes. 0 or -EINVAL. */
int host_configure(struct host *h);
/* A member of MPTCP_INFO of the newest MPTCP connection, by the name that ss(8) has for it. 0, -ENOENT (no such
 * name), -ENOTCONN (no connection). */
int host_mptcp_value(struct host *h, const char *name, uint64_t *value);
/* Its sockets as /proc/net/tcp has them (`v6`: tcp6), as far as the state. */
struct text;
void host_print_sockets(struct host *h, bool v6, struct text *to);
int host_set_mtu(struct host *h, uint32_t mtu);
/* An order of pm_nl_ctl; `*why` as umptcp_pm_error(). 0 or a negative errno. */
struct pm_order;
int host_manage(struct host *h, const struct pm_order *order, struct text *to, const char **why);
/* TCP_NOTSENT_LOWAT of sockets to come that do not set it. */
void host_set_notsent_lowat(struct host *h, uint32_t bytes);
void host_settle(struct host *h);

#endif
