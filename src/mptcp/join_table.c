/* SPDX-License-Identifier: BSD-3-Clause */
/* Joins between SYN and third ACK, when they have no subflow yet. */
#include "mptcp/join_table.h"

#include <assert.h>
#include <errno.h>

void join_table_init(struct join_table *t, struct env *env) { *t = (struct join_table){.env = env}; }

void join_table_free(struct join_table *t) {
    mem_free(&t->env->mem, t->entries, JOIN_TABLE_SIZE * sizeof *t->entries);
    t->entries = NULL;
}

static uint64_t name_of(const struct join_table *t, const struct flow *flow, struct seq isn) {
    uint8_t in[FLOW_LEN + 4];
    struct writer w = writer_of(in, sizeof in);
    put_flow(&w, flow);
    put_u32(&w, isn.v);
    assert(!w.bad && w.len == sizeof in);
    return siphash13(&t->env->hash_key, in, sizeof in) | 1;
}

static struct join_entry *place_of(const struct join_table *t, uint64_t name) {
    return &t->entries[(name >> 1) % JOIN_TABLE_SIZE];
}

int join_table_put(struct join_table *t, const struct flow *flow, struct seq isn, const struct join_entry *e) {
    if (!t->entries)
        t->entries = mem_alloc(&t->env->mem, JOIN_TABLE_SIZE * sizeof *t->entries);
    if (!t->entries)
        return -ENOMEM;
    const uint64_t name = name_of(t, flow, isn);
    struct join_entry *place = place_of(t, name);
    *place = *e;
    place->name = name;
    t->at = t->env->now;
    return 0;
}

bool join_table_take(struct join_table *t, const struct flow *flow, struct seq isn, struct join_entry *e) {
    if (!t->entries || time_since(t->env->now, t->at) > COOKIE_LIFE)
        return false;
    const uint64_t name = name_of(t, flow, isn);
    struct join_entry *place = place_of(t, name);
    if (place->name != name)
        return false;
    *e = *place;
    *place = (struct join_entry){0};
    return true;
}
