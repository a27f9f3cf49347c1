/* SPDX-License-Identifier: BSD-3-Clause */
/* A stack's life: configuration, making, the frame of each call, freeing. */
#include "stack/stack.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { LISTENER_BUCKETS = 4 };

void umptcp_config_init(struct umptcp_config *cfg) {
    *cfg = (struct umptcp_config){
        .congestion_control = "cubic",
        .rmem_default = 131072,
        .rmem_max = 6 * 1024 * 1024,
        .wmem_default = 131072, /* no smaller than what the peer takes (RFC 8684 3.3.5) */
        .wmem_max = 6 * 1024 * 1024,
        .syn_retries = 7, /* 255 s; Linux gives up after 127 s, RFC 9293 3.8.3 wants at least 180 s */
        .synack_retries = 5,
        .syncookies = 1,
        .max_syn_backlog = 4096,
        .retries1 = 3,
        .retries2 = 15,
        .mtu_probing = 1,
        .base_mss = 1024,
        .mtu_probe_floor = 48,
        .min_snd_mss = 48,
        .mtu_probe_interval = SEC(600),
        .mtu_probe_threshold = 8,
        .rto_min = MSEC(200),
        .rto_max = SEC(120),
        .delack = MSEC(200),
        .time_wait = SEC(60),
        .max_tw_buckets = 262144,
        .max_orphans = 65536,
        .keepalive_time = SEC(7200),
        .keepalive_intvl = SEC(75),
        .keepalive_probes = 9,
        .initial_cwnd = 10,
        .slow_start_after_idle = true,
        .pacing_ss_ratio = 200,
        .pacing_ca_ratio = 120,
        .min_tso_segs = 2,
        .tso_rtt_log = 9,
        .ecn = 2,
        .ecn_fallback = true,
        .sack = true,
        .timestamps = true,
        .window_scaling = true,
        .port_min = 32768,
        .port_max = 60999,
        .fastopen = UMPTCP_FASTOPEN_CLIENT,
        .mptcp_enabled = true,
        .checksum_enabled = false,
        .allow_join_initial_addr_port = true,
        .syn_retrans_before_tcp_fallback = 2,
        .stale_loss_cnt = 4,
        .add_addr_timeout = SEC(120),
        .close_timeout = SEC(60),
        .scheduler = "default",
        .path_manager = "kernel",
        .rejoin = true,
        .probe_interval = SEC(1),
        .probe_count = 3,
        .reannounce = true,
        .remove_addr_probe = true,
        .join_any_port = true,
    };
}

/* ---- Making and freeing ------------------------------------------------------------------------------------------ */

struct policies {
    const struct cc_ops *cc;
    const struct sched_ops *sched;
    const struct pm_ops *pm;
};

/* The policies by name; false when one does not exist. From then on the names are ours, not the caller's. */
static bool find_policies(struct policies *p, struct umptcp_config *cfg) {
    p->cc = cfg->congestion_control ? cc_find(cfg->congestion_control) : NULL;
    p->sched = cfg->scheduler ? sched_find(cfg->scheduler) : NULL;
    p->pm = cfg->path_manager ? pm_find(cfg->path_manager) : NULL;
    if (!p->cc || !p->sched || !p->pm)
        return false;
    cfg->congestion_control = p->cc->name;
    cfg->scheduler = p->sched->name;
    cfg->path_manager = p->pm->name;
    return true;
}

static void use_policies(struct mp *mp, const struct policies *p) {
    mp->cc = p->cc;
    mp->sched = p->sched;
    mp->pm = p->pm;
}

/* Bounds that contradict each other are put right in favour of the first of them. */
static void straighten(struct umptcp_config *cfg) {
    if (cfg->rmem_max < cfg->rmem_default)
        cfg->rmem_max = cfg->rmem_default;
    if (cfg->wmem_max < cfg->wmem_default)
        cfg->wmem_max = cfg->wmem_default;
    if (cfg->rto_min < MSEC(1))
        cfg->rto_min = MSEC(1);
    if (cfg->rto_max < cfg->rto_min)
        cfg->rto_max = cfg->rto_min;
    if (cfg->port_min == 0)
        cfg->port_min = 1;
    if (cfg->port_max < cfg->port_min)
        cfg->port_max = cfg->port_min;
    if (cfg->initial_cwnd == 0)
        cfg->initial_cwnd = 1;
}

static void env_init(struct env *env, const struct mem *mem, const struct umptcp_config *cfg, utime now) {
    env->now = now;
    env->cfg = *cfg;
    env->mem = *mem;
    list_init(&env->mem.spare); /* its head moved */
    timers_init(&env->timers, &env->mem);
    uint32_t keep = CHUNKS_KEPT; /* idle chunks count in the budget too */
    if (env->cfg.mem_limit && env->cfg.mem_limit / 4 / BYTEBUF_CHUNK < keep)
        keep = (uint32_t)(env->cfg.mem_limit / 4 / BYTEBUF_CHUNK);
    chunk_pool_init(&env->chunks, &env->mem, keep);
    rng_init(&env->rng, cfg->seed);
    memset(env->cfg.seed, 0, sizeof env->cfg.seed);
    env->hash_key = (struct hash_key){rng_u64(&env->rng), rng_u64(&env->rng)};
    rng_bytes(&env->rng, env->isn_secret, sizeof env->isn_secret);
    straighten(&env->cfg);
}

/* Those of the configuration; without any, what there is stays. */
static void take_keys(struct umptcp *s) {
    const struct umptcp_config *cfg = &s->env.cfg;
    if (!cfg->fastopen_nkeys)
        return;
    s->mp.fastopen.keys.n = cfg->fastopen_nkeys < FASTOPEN_KEYS ? cfg->fastopen_nkeys : FASTOPEN_KEYS;
    memcpy(s->mp.fastopen.keys.key, cfg->fastopen_key, sizeof cfg->fastopen_key);
}

/* Makes all parts, also behind one that fails, so that umptcp_free() finds them. */
static bool make_parts(struct umptcp *s) {
    struct env *env = &s->env;
    net_init(&s->net, &env->mem);
    handles_init(&s->handles, &env->mem);
    replies_init(&s->replies, env);
    cookies_init(&s->cookies, env);
    join_table_init(&s->joins, env);
    pm_endpoints_init(&s->endpoints);
    bool made = !mp_init(&s->mp, env);
    made = !frags_init(&s->frags, env, TIMER_FRAGS) && made;
    made = !hash_table_init(&s->listeners, &env->mem, LISTENER_BUCKETS) && made;
    struct policies policies;
    made = find_policies(&policies, &env->cfg) && made;
    if (made)
        use_policies(&s->mp, &policies);
    s->mp.fastopen.keys.n = 1;
    rng_bytes(&env->rng, s->mp.fastopen.keys.key[0], UMPTCP_FASTOPEN_KEY_LEN);
    take_keys(s);
    return made;
}

struct umptcp *umptcp_new(const struct umptcp_config *cfg, struct umptcp_time now) {
    struct mem mem;
    mem_init(&mem, cfg->alloc, cfg->alloc_ctx, cfg->mem_limit);
    if (!cfg->rmem_default || !cfg->wmem_default)
        return NULL;
    struct umptcp *s = mem_alloc(&mem, sizeof *s);
    if (!s)
        return NULL;
    env_init(&s->env, &mem, cfg, now);
    if (make_parts(s))
        return s;
    umptcp_free(s);
    return NULL;
}

int umptcp_configure(struct umptcp *s, const struct umptcp_config *cfg, struct umptcp_time now) {
    const struct umptcp_config *old = &s->env.cfg;
    struct umptcp_config new = *cfg;
    struct policies policies;
    stack_enter(s, now);
    if (!new.rmem_default || !new.wmem_default || !find_policies(&policies, &new))
        return -EINVAL;
    if (s->mp.nconns && policies.sched != s->mp.sched)
        return -EBUSY; /* what it remembers of a connection is its own */
    memcpy(new.seed, old->seed, sizeof new.seed);
    new.alloc = old->alloc;
    new.alloc_ctx = old->alloc_ctx;
    new.mem_limit = old->mem_limit;
    straighten(&new);
    s->env.cfg = new;
    use_policies(&s->mp, &policies);
    take_keys(s);
    return 0;
}

static void free_listeners(struct umptcp *s) {
    umptcp_sock sock;
    void *object;
    for (uint32_t i = 0; i < s->handles.capacity; i++)
        if (handle_at(&s->handles, i, &sock, &object) == HANDLE_LISTENER)
            listener_free(s, object);
}

void umptcp_free(struct umptcp *s) {
    if (!s)
        return;
    free_listeners(s);
    hash_table_free(&s->listeners, &s->env.mem);
    mp_free(&s->mp);
    frags_free(&s->frags);
    replies_free(&s->replies);
    join_table_free(&s->joins);
    handles_free(&s->handles);
    net_free(&s->net);
    chunk_pool_free(&s->env.chunks);
    timers_free(&s->env.timers);
    struct mem mem = s->env.mem;
    assert(mem.used == sizeof *s); /* everything else was given back */
    mem_free(&mem, s, sizeof *s);
}

/* ---- The frame of a call ----------------------------------------------------------------------------------------- */

void stack_enter(struct umptcp *s, utime now) { s->env.now = time_max(s->env.now, now); }

/* What was left to do on a connection; it may be freed. */
static void settle(struct umptcp *s, struct conn *c) {
    paths_run(s, c);
    if (c->notify & NOTIFY_ACCEPT) {
        c->notify &= (uint8_t)~NOTIFY_ACCEPT;
        listener_ready(s, c);
    }
    if (c->listener && c->state == UMPTCP_CLOSED && !listener_waits(c))
        listener_forget(c);
    listener_fast_over(s, c);
    if (c->handle)
        event_conn(s, c);
    if (conn_reap(c))
        conn_free(c);
}

void stack_finish(struct umptcp *s) {
    struct list *n;
    while ((n = list_first(&s->mp.work))) {
        list_remove(n);
        settle(s, container_of(n, struct conn, work));
    }
}
