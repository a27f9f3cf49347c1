/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet schedulers: which subflow carries the next bytes. A scheduler is a function over an array of path snapshots:
 * it sees numbers, not the stack, keeps at most a small opaque state per connection, and is one file.
 */
#ifndef UMPTCP_SCHED_SCHED_H
#define UMPTCP_SCHED_SCHED_H

#include "base/clock.h"

enum { SCHED_STATE_SIZE = 16 };

struct sched_path {
    uint32_t subflow;  /* its number, to know it again */
    bool backup;       /* one of the two ends asked not to use it while another lives */
    uint32_t mss;      /* payload of a full segment */
    uint32_t cwnd;     /* bytes */
    uint32_t inflight; /* bytes sent and not acknowledged */
    uint32_t queued;   /* bytes given to it and not sent yet */
    uint32_t room;     /* new bytes it would send at once; 0: full */
    bool slow_start;   /* its window doubles each round trip */
    bool holds;        /* already carried these bytes (when they are to be sent again): no use to give them once more */
    dur srtt;          /* 0: not known yet */
    dur rttvar;
};

struct sched_view {
    utime now;
    uint32_t bytes; /* that wait to be sent (at least 1) and that the peer's connection-level window takes */
    bool again;     /* they were sent before on another subflow */
    const struct sched_path *paths; /* usable ones: established, not stale, not closing */
    uint32_t npaths;                /* at least 1 */
};

struct sched_choice {
    uint32_t paths; /* bit i: paths[i] carries them (several bits: each of them does); 0: wait */
    uint32_t bytes; /* how many; more than a path's room is cut by the caller */
};

struct sched_ops {
    const char *name;
    struct sched_choice (*pick)(void *state, const struct sched_view *view); /* state: SCHED_STATE_SIZE zeroed bytes */
};

/* By name, or NULL; all names by index, NULL past the end. */
const struct sched_ops *sched_find(const char *name);
const char *sched_name(unsigned index);

extern const struct sched_ops sched_default;

#endif
