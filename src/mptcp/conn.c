/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection's life: made, marked for work, told about, ended, freed. */
#include "mptcp/conn.h"
#include "mptcp/marks.h"

#include <assert.h>
#include <errno.h>

#include "pm/userspace.h"

enum { FLOW_BUCKETS = 16, CONN_TIMERS = 1 };

int mp_init(struct mp *mp, struct env *env) {
    mp->env = env;
    list_init(&mp->conns);
    list_init(&mp->ready);
    list_init(&mp->work);
    deque_init(&mp->pm_told, sizeof(struct umptcp_pm_event));
    int err = tokens_init(&mp->tokens, &env->mem);
    return err ? err : hash_table_init(&mp->flows, &env->mem, FLOW_BUCKETS);
}

void mp_free(struct mp *mp) {
    list_for_each_safe (n, &mp->conns)
        conn_free(container_of(n, struct conn, node));
    deque_free(&mp->pm_told, &mp->env->mem);
    hash_table_free(&mp->flows, &mp->env->mem);
    tokens_free(&mp->tokens, &mp->env->mem);
    fastopen_free(&mp->fastopen, &mp->env->mem);
}

struct conn *conn_new(struct mp *mp) {
    struct env *env = mp->env;
    struct conn *c = mem_alloc(&env->mem, sizeof *c);
    if (!c)
        return NULL;
    if (timers_reserve(&env->timers, CONN_TIMERS)) {
        mem_free(&env->mem, c, sizeof *c);
        return NULL;
    }
    c->mp = mp;
    c->pm = mp->pm;
    c->cc = mp->cc;
    c->state = UMPTCP_CLOSED;
    c->ttl = CONN_TTL;
    c->sndbuf_size = env->cfg.wmem_default;
    c->notsent_lowat = UINT32_MAX;
    c->rcvbuf_size = env->cfg.rmem_default;
    c->keepalive = (struct tcp_keepalive){.probes = env->cfg.keepalive_probes,
                                          .idle_ms = dur_ms(env->cfg.keepalive_time),
                                          .intvl_ms = dur_ms(env->cfg.keepalive_intvl)};
    c->chrono.now = CHRONO_COUNT;
    c->last_progress = env->now;
    list_init(&c->ready);
    list_init(&c->work);
    list_init(&c->subflows);
    deque_init(&c->path_events, sizeof(struct conn_path_event));
    timer_init(&c->timer, TIMER_CONN);
    for (int i = 0; i < DUE_COUNT; i++)
        c->due[i] = UMPTCP_NEVER;
    list_push_back(&mp->conns, &c->node);
    mp->nconns++;
    return c;
}

int conn_set_congestion(struct conn *c, const struct cc_ops *ops) {
    int err = 0;
    c->cc = ops;
    list_for_each (n, &c->subflows)
        if (subflow_set_congestion(subflow_of(n), ops))
            err = -ENOMEM;
    return err;
}

void conn_free(struct conn *c) {
    struct env *env = c->mp->env;
    struct mem *mem = &env->mem;
    conn_tell_closed(c);
    c->mp->orphans -= c->orphan_counted;
    list_for_each_safe (n, &c->subflows)
        subflow_free(subflow_of(n));
    timer_cancel(&env->timers, &c->timer);
    timers_reserve(&env->timers, -CONN_TIMERS);
    token_release(&c->mp->tokens, &c->token);
    conn_fast_free(c);
    conn_urgent_free(c);
    bytebuf_free(&c->sndbuf, &env->chunks);
    bytebuf_free(&c->rcvbuf, &env->chunks);
    ranges_free(&c->reinject, mem);
    ranges_free(&c->rcv_ofo, mem);
    deque_free(&c->path_events, mem);
    conn_marks_free(c);
    if (c->paths) {
        if (c->pm->external)
            pm_userspace_free(c->paths->pm_state, mem);
        deque_free(&c->paths->events, mem);
        deque_free(&c->paths->announced, mem);
        deque_free(&c->paths->echoes, mem);
        mem_free(mem, c->paths->remotes, c->paths->nremotes * sizeof *c->paths->remotes);
        mem_free(mem, c->paths, sizeof *c->paths);
    }
    list_remove(&c->ready);
    list_remove(&c->work);
    list_remove(&c->node);
    c->mp->nconns--;
    mem_free(mem, c, sizeof *c);
}

bool conn_reap(struct conn *c) {
    list_for_each_safe (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->state == SF_DEAD && !sf->tcb.rst_pending && sf->tcb.ack_need != TCP_ACK_NOW)
            subflow_free(sf);
    }
    if (c->state != UMPTCP_CLOSED || !list_empty(&c->subflows))
        return false;
    bytebuf_free(&c->sndbuf, &c->mp->env->chunks); /* nothing more will be sent; what came can still be read */
    return !c->handle && !c->listener;
}

void conn_work(struct conn *c) {
    if (list_empty(&c->work))
        list_push_back(&c->mp->work, &c->work);
}

void conn_ready(struct conn *c) {
    if (list_empty(&c->ready))
        list_push_back(&c->mp->ready, &c->ready);
}

void conn_notify(struct conn *c, enum conn_notify what) {
    c->notify |= (uint8_t)what;
    conn_work(c);
}

void conn_path_event(struct conn *c, const struct conn_path_event *ev) {
    struct env *env = c->mp->env;
    bool told = c->handle || c->listener; /* now, or when it is accepted */
    struct conn_path_event *slot =
        told && c->path_events.count < PATH_EVENTS_MAX ? deque_push(&c->path_events, &env->mem) : NULL;
    if (slot)
        *slot = *ev;
    else if (told)
        mib_inc(&env->mib, MIB_UMPTCP_EVENTS_LOST);
    conn_work(c);
}

void conn_pm_event(struct conn *c, const struct pm_event *ev) {
    if (!c->paths || c->pm->external || !conn_keys_shared(c) || c->state == UMPTCP_CLOSED)
        return;
    struct pm_event *slot = deque_push(&c->paths->events, &c->mp->env->mem);
    if (slot) {
        *slot = *ev;
    } else { /* the path manager looks again when there may be memory */
        mib_inc(&c->mp->env->mib, MIB_UMPTCP_EVENTS_LOST);
        c->paths->pm_at = time_min(c->paths->pm_at, time_add(c->mp->env->now, c->mp->env->cfg.rto_min));
        conn_arm_path(c);
    }
    conn_work(c);
}

/* Who asks for MPTCP and gets TCP has still a socket of MPTCP, on Linux; who answers in TCP has one of TCP. */
static bool counts_as_mptcp(const struct conn *c) {
    if (conn_is_mptcp(c))
        return true;
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->initiator)
            return c->local_key != 0;
    return false;
}

void conn_set_state(struct conn *c, enum umptcp_tcp_state state) {
    struct mib_table *mib = &c->mp->env->mib;
    bool was = c->state == UMPTCP_ESTABLISHED || c->state == UMPTCP_CLOSE_WAIT;
    bool is = state == UMPTCP_ESTABLISHED || state == UMPTCP_CLOSE_WAIT;
    if (is && !was)
        c->counted = counts_as_mptcp(c); /* Linux counts it also when it falls back later */
    if (is != was && c->counted)
        mib_add(mib, MIB_MP_CURR_ESTAB, is ? 1 : (uint64_t)-1);
    c->state = (uint8_t)state;
    (void)conn_count_orphan(c);
}

/* In plain TCP an orphan's FIN-WAIT-2 is of the same kind as TIME-WAIT, and counted with it. */
bool conn_count_orphan(struct conn *c) {
    const uint32_t max = c->mp->env->cfg.max_orphans;
    const bool remnant = c->state == UMPTCP_FIN_WAIT_2 && !conn_is_mptcp(c);
    const bool is = c->orphan && c->state != UMPTCP_CLOSED && !remnant;
    c->mp->orphans += (uint32_t)is - (uint32_t)c->orphan_counted;
    c->orphan_counted = is;
    return !is || !max || c->mp->orphans <= max;
}

void conn_finish(struct conn *c, int error) {
    struct env *env = c->mp->env;
    if (c->state == UMPTCP_CLOSED)
        return;
    conn_set_state(c, UMPTCP_CLOSED);
    c->error = (int16_t)error;
    for (int i = 0; i < DUE_COUNT; i++)
        conn_set_due(c, i, UMPTCP_NEVER);
    token_release(&c->mp->tokens, &c->token);
    ranges_free(&c->reinject, &env->mem);
    conn_notify(c, NOTIFY_CLOSED);
}
