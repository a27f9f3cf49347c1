/* SPDX-License-Identifier: BSD-3-Clause */
/* Socket options: one table. What is set on a listener is what its connections begin with. */
#include <errno.h>

#include "stack/stack.h"

enum { BUFFER_MIN = 2304, BUFFER_MAX = 1 << 30, KEEPCNT_MAX = 127, TOS_DSCP_SHIFT = 2 };
#define KEEP_TIME_MIN    MSEC(1)
#define KEEP_TIME_MAX    SEC(32767)
#define USER_TIMEOUT_MAX (UINT32_MAX * (int64_t)MSEC(1))

/* ---- What they do ------------------------------------------------------------------------------------------------ */

static int64_t nodelay_get(const struct conn *c) { return c->nodelay; }
static int nodelay_set(struct conn *c, int64_t v) {
    c->nodelay = v;
    conn_ready(c);
    return 0;
}

static int64_t cork_get(const struct conn *c) {
    return (c->cork ? UMPTCP_CORK_HOLD : 0) | (c->more ? UMPTCP_CORK_MORE : 0);
}
static int cork_set(struct conn *c, int64_t v) {
    c->cork = v & UMPTCP_CORK_HOLD;
    c->more = v & UMPTCP_CORK_MORE;
    conn_ready(c);
    return 0;
}

static int apply_keepalive(struct conn *c) {
    list_for_each (n, &c->subflows)
        if (tcp_set_keepalive(&subflow_of(n)->tcb, &c->keepalive))
            return -ENOMEM;
    return 0;
}

static int64_t keepalive_get(const struct conn *c) { return c->keepalive.on; }
static int keepalive_set(struct conn *c, int64_t v) {
    c->keepalive.on = v;
    return apply_keepalive(c);
}

static int64_t keepidle_get(const struct conn *c) { return (int64_t)MSEC(c->keepalive.idle_ms); }
static int keepidle_set(struct conn *c, int64_t v) {
    c->keepalive.idle_ms = dur_ms((dur)v);
    return apply_keepalive(c);
}

static int64_t keepintvl_get(const struct conn *c) { return (int64_t)MSEC(c->keepalive.intvl_ms); }
static int keepintvl_set(struct conn *c, int64_t v) {
    c->keepalive.intvl_ms = dur_ms((dur)v);
    return apply_keepalive(c);
}

static int64_t keepcnt_get(const struct conn *c) { return c->keepalive.probes; }
static int keepcnt_set(struct conn *c, int64_t v) {
    c->keepalive.probes = (uint8_t)v;
    return apply_keepalive(c);
}

static int64_t rcvbuf_get(const struct conn *c) { return c->rcvbuf_size; }
static int rcvbuf_set(struct conn *c, int64_t v) {
    conn_set_rcvbuf(c, (uint32_t)v);
    return 0;
}

static int64_t sndbuf_get(const struct conn *c) { return c->sndbuf_size; }
static int sndbuf_set(struct conn *c, int64_t v) {
    c->sndbuf_size = (uint32_t)v;
    c->sndbuf_fixed = true;
    if (c->want_write && conn_send_room(c)) {
        c->want_write = false;
        conn_notify(c, NOTIFY_WRITABLE);
    }
    return 0;
}

static int64_t notsent_lowat_get(const struct conn *c) { return c->notsent_lowat; }
static int notsent_lowat_set(struct conn *c, int64_t v) {
    c->notsent_lowat = (uint32_t)v;
    conn_offer_room(c);
    return 0;
}

static int64_t quickack_get(const struct conn *c) {
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->tcb.quickacks)
            return 1;
    return 0;
}
static int quickack_set(struct conn *c, int64_t v) {
    list_for_each (n, &c->subflows)
        tcp_quickack(&subflow_of(n)->tcb, v);
    conn_ready(c);
    return 0;
}

static int64_t user_timeout_get(const struct conn *c) { return (int64_t)MSEC(c->user_timeout_ms); }
static int user_timeout_set(struct conn *c, int64_t v) {
    c->user_timeout_ms = dur_ms((dur)v);
    list_for_each (n, &c->subflows)
        if (tcp_set_user_timeout(&subflow_of(n)->tcb, c->user_timeout_ms))
            return -ENOMEM;
    if (!time_is_never(c->due[DUE_RTX]))
        conn_restart_rtx(c);
    return 0;
}

static int64_t maxseg_get(const struct conn *c) {
    const struct subflow *sf = conn_first(c);
    return sf ? sf->tcb.mss : TCP_MSS_DEFAULT_V4;
}
static int maxseg_set(struct conn *c, int64_t v) {
    list_for_each (n, &c->subflows)
        tcp_set_max_segment(&subflow_of(n)->tcb, (uint16_t)v);
    return 0;
}

static int64_t syncnt_get(const struct conn *c) {
    const struct subflow *sf = conn_first(c);
    return sf && sf->tcb.syn_retries ? sf->tcb.syn_retries : c->mp->env->cfg.syn_retries;
}
static int syncnt_set(struct conn *c, int64_t v) {
    list_for_each (n, &c->subflows)
        subflow_of(n)->tcb.syn_retries = (uint8_t)v;
    return 0;
}

static int64_t ttl_get(const struct conn *c) { return c->ttl; }
static int ttl_set(struct conn *c, int64_t v) {
    c->ttl = (uint8_t)v;
    return 0;
}

static int64_t tos_get(const struct conn *c) { return c->dscp << TOS_DSCP_SHIFT; }
static int tos_set(struct conn *c, int64_t v) {
    c->dscp = (uint8_t)(v >> TOS_DSCP_SHIFT);
    return 0;
}

static int64_t oobinline_get(const struct conn *c) { return !c->oob_apart; }
static int oobinline_set(struct conn *c, int64_t v) {
    c->oob_apart = !v;
    return 0;
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

static const struct sockopt {
    int64_t min, max;
    int64_t (*get)(const struct conn *c);
    int (*set)(struct conn *c, int64_t v); /* 0 or -ENOMEM: not all subflows have it */
} options[OPT_COUNT] = {
    [UMPTCP_OPT_NODELAY] = {0, 1, nodelay_get, nodelay_set},
    [UMPTCP_OPT_CORK] = {0, UMPTCP_CORK_HOLD | UMPTCP_CORK_MORE, cork_get, cork_set},
    [UMPTCP_OPT_KEEPALIVE] = {0, 1, keepalive_get, keepalive_set},
    [UMPTCP_OPT_KEEPIDLE] = {KEEP_TIME_MIN, KEEP_TIME_MAX, keepidle_get, keepidle_set},
    [UMPTCP_OPT_KEEPINTVL] = {KEEP_TIME_MIN, KEEP_TIME_MAX, keepintvl_get, keepintvl_set},
    [UMPTCP_OPT_KEEPCNT] = {1, KEEPCNT_MAX, keepcnt_get, keepcnt_set},
    [UMPTCP_OPT_RCVBUF] = {BUFFER_MIN, BUFFER_MAX, rcvbuf_get, rcvbuf_set},
    [UMPTCP_OPT_SNDBUF] = {BUFFER_MIN, BUFFER_MAX, sndbuf_get, sndbuf_set},
    [UMPTCP_OPT_USER_TIMEOUT] = {0, USER_TIMEOUT_MAX, user_timeout_get, user_timeout_set},
    [UMPTCP_OPT_MAXSEG] = {TCP_MSS_MIN, INT16_MAX, maxseg_get, maxseg_set},
    [UMPTCP_OPT_SYNCNT] = {1, KEEPCNT_MAX, syncnt_get, syncnt_set},
    [UMPTCP_OPT_TTL] = {1, UINT8_MAX, ttl_get, ttl_set},
    [UMPTCP_OPT_TOS] = {0, UINT8_MAX, tos_get, tos_set},
    [UMPTCP_OPT_QUICKACK] = {0, 1, quickack_get, quickack_set},
    [UMPTCP_OPT_NOTSENT_LOWAT] = {1, UINT32_MAX, notsent_lowat_get, notsent_lowat_set},
    [UMPTCP_OPT_OOBINLINE] = {0, 1, oobinline_get, oobinline_set},
    /* A listener's own */
    [UMPTCP_OPT_FASTOPEN] = {0, UINT32_MAX, NULL, NULL},
    [UMPTCP_OPT_FASTOPEN_NO_COOKIE] = {0, 1, NULL, NULL},
    [UMPTCP_OPT_DEFER_ACCEPT] = {0, INT64_MAX, NULL, NULL},
};

/* NULL when there is no such option, or a connection (`c`) does not have it. */
static const struct sockopt *option(enum umptcp_opt opt, const struct conn *c) {
    size_t i = (size_t)opt;
    return i < OPT_COUNT && options[i].max && (options[i].get || !c) ? &options[i] : NULL;
}

/* What a connection begins with when nothing was set. */
static int64_t initial_value(const struct umptcp *s, enum umptcp_opt opt) {
    const struct umptcp_config *cfg = &s->env.cfg;
    switch (opt) {
    case UMPTCP_OPT_KEEPIDLE:
        return (int64_t)cfg->keepalive_time;
    case UMPTCP_OPT_KEEPINTVL:
        return (int64_t)cfg->keepalive_intvl;
    case UMPTCP_OPT_KEEPCNT:
        return cfg->keepalive_probes;
    case UMPTCP_OPT_RCVBUF:
        return cfg->rmem_default;
    case UMPTCP_OPT_SNDBUF:
        return cfg->wmem_default;
    case UMPTCP_OPT_MAXSEG:
        return TCP_MSS_DEFAULT_V4;
    case UMPTCP_OPT_SYNCNT:
        return cfg->syn_retries;
    case UMPTCP_OPT_TTL:
        return CONN_TTL;
    case UMPTCP_OPT_OOBINLINE:
    case UMPTCP_OPT_QUICKACK:
        return 1;
    case UMPTCP_OPT_NOTSENT_LOWAT:
        return UINT32_MAX;
    default:
        return 0;
    }
}

int64_t sockopt_of_listener(const struct listener *l, enum umptcp_opt opt) {
    return l->opts_set >> opt & 1 ? l->opts[opt] : 0;
}

void sockopt_inherit(struct conn *c, const struct listener *l) {
    for (unsigned i = 0; i < OPT_COUNT; i++)
        if (options[i].set && l->opts_set >> i & 1)
            options[i].set(c, l->opts[i]);
}

int umptcp_setopt(struct umptcp *s, umptcp_sock sock, enum umptcp_opt opt, int64_t value, struct umptcp_time now) {
    stack_enter(s, now);
    int err = 0;
    struct conn *c = handle_get(&s->handles, sock, HANDLE_CONN);
    struct listener *l = handle_get(&s->handles, sock, HANDLE_LISTENER);
    const struct sockopt *o = option(opt, c);
    if (!c && !l)
        return -EBADF;
    if (!o)
        return -ENOPROTOOPT;
    if (value < o->min || value > o->max)
        return -EINVAL;
    if (c) {
        err = o->set(c, value);
    } else {
        l->opts[opt] = value;
        l->opts_set |= 1u << opt;
    }
    stack_finish(s);
    return err;
}

int umptcp_getopt(struct umptcp *s, umptcp_sock sock, enum umptcp_opt opt, int64_t *value) {
    const struct conn *c = handle_get(&s->handles, sock, HANDLE_CONN);
    const struct listener *l = handle_get(&s->handles, sock, HANDLE_LISTENER);
    const struct sockopt *o = option(opt, c);
    if (!c && !l)
        return -EBADF;
    if (!o)
        return -ENOPROTOOPT;
    if (c)
        *value = o->get(c);
    else
        *value = l->opts_set >> opt & 1 ? l->opts[opt] : initial_value(s, opt);
    return 0;
}

int umptcp_set_path_manager(struct umptcp *s, umptcp_sock sock, const char *name) {
    struct conn *c = handle_get(&s->handles, sock, HANDLE_CONN);
    struct listener *l = handle_get(&s->handles, sock, HANDLE_LISTENER);
    const struct pm_ops *ops = name ? pm_find(name) : NULL;
    if (!c && !l)
        return -EBADF;
    if (!ops)
        return -ENOENT;
    if (c && (c->paths || (c->state != UMPTCP_SYN_SENT && c->state != UMPTCP_SYN_RCVD)))
        return -EISCONN;
    *(c ? &c->pm : &l->pm) = ops;
    return 0;
}

int umptcp_set_congestion(struct umptcp *s, umptcp_sock sock, const char *name, struct umptcp_time now) {
    struct conn *c = handle_get(&s->handles, sock, HANDLE_CONN);
    struct listener *l = handle_get(&s->handles, sock, HANDLE_LISTENER);
    const struct cc_ops *ops = name ? cc_find(name) : NULL;
    int err = 0;
    if (!c && !l)
        return -EBADF;
    if (!ops)
        return -ENOENT;
    stack_enter(s, now);
    if (c)
        err = conn_set_congestion(c, ops);
    else
        l->cc = ops;
    stack_finish(s);
    return err;
}

static struct subflow *subflow_by_number(const struct conn *c, uint32_t number) {
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->number == number && subflow_of(n)->state != SF_DEAD)
            return subflow_of(n);
    return NULL;
}

int umptcp_set_subflow_congestion(struct umptcp *s, umptcp_sock sock, uint32_t subflow, const char *name,
                                  struct umptcp_time now) {
    int err;
    const struct conn *c = stack_conn(s, sock, &err);
    const struct cc_ops *ops = name ? cc_find(name) : NULL;
    if (!c)
        return err;
    struct subflow *sf = subflow_by_number(c, subflow);
    if (!ops || !sf)
        return -ENOENT;
    stack_enter(s, now);
    err = subflow_set_congestion(sf, ops);
    stack_finish(s);
    return err;
}

const char *umptcp_congestion(const struct umptcp *s, umptcp_sock sock, uint32_t subflow) {
    const struct conn *c = handle_get(&s->handles, sock, HANDLE_CONN);
    const struct listener *l = handle_get(&s->handles, sock, HANDLE_LISTENER);
    const struct subflow *sf = c && subflow ? subflow_by_number(c, subflow) : NULL;
    if (subflow)
        return sf ? sf->tcb.cc.ops->name : NULL;
    if (c)
        return c->cc->name;
    return l ? (l->cc ? l->cc : s->mp.cc)->name : NULL;
}
