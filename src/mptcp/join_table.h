/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a join without state needs all the same between its SYN and its third ACK, which names neither connection nor
 * nonce: a bounded table in which a newer join takes the place of an older one. Each entry serves once.
 */
#ifndef UMPTCP_MPTCP_JOIN_TABLE_H
#define UMPTCP_MPTCP_JOIN_TABLE_H

#include "tcp/cookie.h"

enum { JOIN_TABLE_SIZE = 1024 };

struct join_entry {
    uint64_t name; /* a keyed hash of ends and number; 0: free */
    uint32_t token, remote_nonce;
    uint8_t local_id, remote_id;
    bool backup, remote_backup;
};

struct join_table {
    struct env *env;
    struct join_entry *entries; /* JOIN_TABLE_SIZE, or NULL: none was needed yet */
    utime at;                   /* the last one was put */
};

void join_table_init(struct join_table *t, struct env *env);
void join_table_free(struct join_table *t);
/* 0 or -ENOMEM. `e->name` is set here. */
int join_table_put(struct join_table *t, const struct flow *flow, struct seq isn, const struct join_entry *e);
/* Takes the entry out; false when there is none. */
bool join_table_take(struct join_table *t, const struct flow *flow, struct seq isn, struct join_entry *e);

#endif
