/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners. A connection is made by the SYN and belongs to its listener until it is accepted. The backlog bounds those
 * that wait for that, and as many again that are in handshake: so a flood of SYNs takes bounded memory, and keeps
 * nobody out. For where there are too many handshakes a SYN is answered without state (tcp/cookie.h), and the third
 * packet makes the connection.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "stack/stack.h"

/* ---- Finding ----------------------------------------------------------------------------------------------------- */

static uint64_t port_hash(const struct umptcp *s, uint16_t port) {
    return siphash13(&s->env.hash_key, &port, sizeof port);
}

static uint64_t flow_key(const struct umptcp *s, const struct flow *flow) {
    uint8_t in[2 * (sizeof flow->local.addr.b + sizeof flow->local.port)], *p = in;
    const struct umptcp_sockaddr *ends[] = {&flow->local, &flow->remote};
    for (int i = 0; i < 2; i++) {
        memcpy(p, ends[i]->addr.b, sizeof ends[i]->addr.b);
        memcpy(p + sizeof ends[i]->addr.b, &ends[i]->port, sizeof ends[i]->port);
        p += sizeof ends[i]->addr.b + sizeof ends[i]->port;
    }
    return siphash13(&s->env.hash_key, in, sizeof in);
}

static const struct umptcp_addr any_addr;

/* How well an address of a listener fits: not at all, as any address, as any of the family, exactly. */
enum fit { FIT_NOT, FIT_ANY, FIT_FAMILY, FIT_EXACT };

static enum fit fit(const struct umptcp_addr *of_listener, const struct umptcp_addr *addr) {
    if (addr_eq(of_listener, addr))
        return FIT_EXACT;
    if (addr_eq(of_listener, &any_addr))
        return FIT_ANY;
    return addr_is_any(of_listener) && addr_is_v4(addr) ? FIT_FAMILY : FIT_NOT;
}

struct listener *listener_find(const struct umptcp *s, const struct umptcp_sockaddr *local) {
    struct listener *best = NULL;
    enum fit best_fit = FIT_NOT;
    for (struct hash_node *n = hash_table_first(&s->listeners, port_hash(s, local->port)); n; n = hash_node_next(n)) {
        struct listener *l = container_of(n, struct listener, node);
        enum fit f = l->local.port == local->port ? fit(&l->local.addr, &local->addr) : FIT_NOT;
        if (f > best_fit) {
            best = l;
            best_fit = f;
        }
    }
    return best;
}

/*
 * Of listeners that share an address and port, the one that this peer's number among them names: each gets the same
 * part, and a peer keeps its listener as long as that is there, whoever else comes and goes (highest random weight).
 */
struct listener *listener_choose(const struct umptcp *s, const struct flow *flow) {
    struct listener *best = listener_find(s, &flow->local);
    const uint16_t port = flow->local.port;
    uint64_t most = 0;
    if (!best || !best->reuseport)
        return best;
    const struct umptcp_addr addr = best->local.addr;
    for (struct hash_node *n = hash_table_first(&s->listeners, port_hash(s, port)); n; n = hash_node_next(n)) {
        struct listener *l = container_of(n, struct listener, node);
        if (l->local.port != port || !addr_eq(&l->local.addr, &addr))
            continue;
        const uint64_t in[] = {flow_key(s, flow), l->sock.v};
        const uint64_t weight = siphash13(&s->env.hash_key, in, sizeof in);
        if (weight >= most) {
            most = weight;
            best = l;
        }
    }
    return best;
}

/* They may share it. */
static bool shares(const struct listener *l, const struct umptcp_listen *what) {
    return l->reuseport && what->reuseport && addr_eq(&l->local.addr, &what->local.addr);
}

/* Another one stands in the way of `what`; NULL: of anything at `local`. */
static bool listener_blocks(const struct umptcp *s, const struct umptcp_sockaddr *local,
                            const struct umptcp_listen *what) {
    for (struct hash_node *n = hash_table_first(&s->listeners, port_hash(s, local->port)); n; n = hash_node_next(n)) {
        const struct listener *l = container_of(n, struct listener, node);
        if (l->local.port == local->port && (fit(&l->local.addr, &local->addr) || fit(&local->addr, &l->local.addr)) &&
            !(what && shares(l, what)))
            return true;
    }
    return false;
}

static bool endpoint_blocks(const struct umptcp *s, const struct umptcp_sockaddr *local) {
    for (uint32_t i = 0; i < s->endpoints.count; i++) {
        const struct umptcp_sockaddr *e = &s->endpoints.list[i].addr;
        if (e->port == local->port && fit(&local->addr, &e->addr))
            return true;
    }
    return false;
}

bool listener_in_use(const struct umptcp *s, const struct umptcp_sockaddr *local) {
    return listener_blocks(s, local, NULL) || endpoint_blocks(s, local);
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static struct listener *listener_new(struct umptcp *s, const struct umptcp_listen *what) {
    struct mem *mem = &s->env.mem;
    struct listener *l = mem_alloc(mem, sizeof *l);
    uint32_t backlog = what->backlog < BACKLOG_MAX ? what->backlog : BACKLOG_MAX;
    if (!l)
        return NULL;
    l->local = what->local;
    l->tcp_only = what->tcp_only;
    l->reuseport = what->reuseport;
    if (what->fastopen) {
        l->opts[UMPTCP_OPT_FASTOPEN] = what->fastopen;
        l->opts_set |= 1u << UMPTCP_OPT_FASTOPEN;
    }
    deque_init(&l->fast_resets, sizeof(utime));
    l->backlog = backlog ? backlog : 1;
    l->cookie_at = UMPTCP_NEVER;
    l->queue = mem_alloc(mem, l->backlog * sizeof *l->queue);
    l->sock = l->queue ? handle_new(&s->handles, HANDLE_LISTENER, l) : (umptcp_sock){0};
    if (l->sock.v)
        return l;
    mem_free(mem, l->queue, l->backlog * sizeof *l->queue);
    mem_free(mem, l, sizeof *l);
    return NULL;
}

static void tell(struct umptcp *s, const struct listener *l, enum umptcp_pm_event_type type) {
    if (!l->tcp_only && s->env.cfg.mptcp_enabled)
        mp_tell(&s->mp, &(struct umptcp_pm_event){.type = type, .sock = l->sock, .local = l->local});
}

int umptcp_listen(struct umptcp *s, const struct umptcp_listen *what, umptcp_sock *sock) {
    const struct umptcp_addr *addr = &what->local.addr;
    if (!what->local.port)
        return -EINVAL;
    if (!addr_is_any(addr) && !net_owner(&s->net, addr))
        return -EADDRNOTAVAIL;
    if (listener_blocks(s, &what->local, what) || endpoint_blocks(s, &what->local))
        return -EADDRINUSE;
    struct listener *l = listener_new(s, what);
    if (!l)
        return -ENOMEM;
    hash_table_add(&s->listeners, &s->env.mem, &l->node, port_hash(s, l->local.port));
    tell(s, l, UMPTCP_PM_LISTENER_CREATED);
    *sock = l->sock;
    return 0;
}

void listener_free(struct umptcp *s, struct listener *l) {
    struct mem *mem = &s->env.mem;
    list_for_each_safe (n, &s->mp.conns) {
        struct conn *c = container_of(n, struct conn, node);
        if (c->listener != l)
            continue;
        listener_forget(c);
        conn_abort(c, ECONNABORTED);
    }
    assert(!l->pending && !l->count);
    tell(s, l, UMPTCP_PM_LISTENER_CLOSED);
    hash_table_remove(&s->listeners, &l->node);
    deque_free(&l->fast_resets, mem);
    mem_free(mem, l->queue, l->backlog * sizeof *l->queue);
    mem_free(mem, l, sizeof *l);
}

/* ---- Connections ------------------------------------------------------------------------------------------------- */

static struct conn **queue_at(const struct listener *l, uint32_t i) { return &l->queue[(l->head + i) % l->backlog]; }

static enum drop refuse(struct umptcp *s, enum mib why, enum drop drop) {
    mib_inc(&s->env.mib, why);
    mib_inc(&s->env.mib, MIB_TCP_LISTEN_DROPS);
    return drop;
}

static bool queue_full(const struct listener *l) { return l->count >= l->backlog; }

static uint32_t handshakes(const struct listener *l) { return l->pending - l->count; }

/* Without cookies a quarter of the room is left to those who are known, as Linux has it; here nobody is. */
static bool nearly_full(const struct umptcp *s, const struct listener *l) {
    const uint32_t max = s->env.cfg.max_syn_backlog;
    return max < handshakes(l) || max - handshakes(l) < max / 4;
}

static void adopt(struct listener *l, struct conn *c) {
    c->listener = l;
    c->bound = !addr_is_any(&l->local.addr);
    l->pending++;
    if (l->pm)
        c->pm = l->pm;
    if (l->cc)
        (void)conn_set_congestion(c, l->cc); /* without memory its first subflow has the configured one */
    sockopt_inherit(c, l);
}

/* What the connection would say first is sent; the connection itself is not kept. */
static enum drop answer_syn(struct umptcp *s, struct listener *l, const struct path *path, const struct seg *syn) {
    struct umptcp_out out;
    struct conn *c = conn_answer_syn(&s->mp, path, syn, !l->tcp_only, &s->cookies);
    if (!c)
        return DROP_NO_MEMORY;
    sockopt_inherit(c, l);
    if (conn_output(c, &out, NULL, NULL)) {
        reply_packet(&s->replies, &out);
        l->cookie_at = s->env.now;
        mib_inc(&s->env.mib, MIB_TCP_COOKIES_SENT);
    }
    conn_free(c);
    return DROP_NONE;
}

static enum drop keep_syn(struct umptcp *s, struct listener *l, const struct path *path, const struct seg *syn) {
    struct conn *c = conn_accept_syn(&s->mp, path, syn, !l->tcp_only);
    if (!c)
        return DROP_NO_MEMORY;
    adopt(l, c);
    listener_fast_open(s, l, c, syn);
    return DROP_NONE;
}

enum drop listener_syn(struct umptcp *s, struct listener *l, int netif, const struct seg *syn) {
    const struct umptcp_config *cfg = &s->env.cfg;
    const struct path path = path_back(s, netif, &syn->flow);
    const bool pressed = handshakes(l) >= l->backlog || cfg->syncookies == 2;
    if (pressed && !cfg->syncookies)
        return refuse(s, MIB_TCP_REQQ_DROP, DROP_TCP_BACKLOG);
    if (pressed)
        mib_inc(&s->env.mib, MIB_TCP_REQQ_COOKIES);
    if (queue_full(l))
        return refuse(s, MIB_TCP_LISTEN_OVERFLOWS, DROP_TCP_BACKLOG);
    enum drop drop = DROP_TCP_BACKLOG;
    if (cfg->syncookies || !nearly_full(s, l))
        drop = pressed ? answer_syn(s, l, &path, syn) : keep_syn(s, l, &path, syn);
    if (drop)
        mib_inc(&s->env.mib, MIB_TCP_LISTEN_DROPS);
    return drop;
}

bool listener_overflows(struct umptcp *s, struct subflow *sf, const struct seg *seg) {
    const struct listener *l = sf->conn->listener;
    const bool third = l && !sf->join && sf->tcb.state == UMPTCP_SYN_RCVD &&
                       (seg->flags & (TCP_ACK | TCP_RST)) == TCP_ACK && seg->ack.v == sf->tcb.isn.v + 1;
    if (!third || conn_is_fast(sf->conn) || !queue_full(l))
        return false;
    refuse(s, MIB_TCP_LISTEN_OVERFLOWS, DROP_TCP_BACKLOG);
    if (s->env.cfg.abort_on_overflow) {
        mib_inc(&s->env.mib, MIB_TCP_EMBRYONIC_RSTS);
        conn_abort(sf->conn, ECONNABORTED);
    }
    return true;
}

/* Timeouts of a SYN/ACK in so long: each takes twice as long as the one before. */
static uint8_t timeouts_in(const struct umptcp_config *cfg, uint64_t time) {
    dur period = RTT_RTO_INITIAL, next = period;
    uint8_t n = time > 0;
    while (time > period && n < UINT8_MAX) {
        n++;
        next = 2 * next < cfg->rto_max ? 2 * next : cfg->rto_max;
        period += next;
    }
    return n;
}

bool listener_defers(struct umptcp *s, struct subflow *sf, const struct seg *seg) {
    const struct listener *l = sf->conn->listener;
    struct tcb *t = &sf->tcb;
    const bool third = l && !sf->join && t->state == UMPTCP_SYN_RCVD &&
                       (seg->flags & (TCP_ACK | TCP_RST | TCP_SYN | TCP_FIN)) == TCP_ACK && seg->len == 0 &&
                       seg->ack.v == t->isn.v + 1 && seg->seq.v == t->irs.v + 1;
    const int64_t time = third ? sockopt_of_listener(l, UMPTCP_OPT_DEFER_ACCEPT) : 0;
    return time > 0 && !conn_is_fast(sf->conn) && tcp_defer(t, timeouts_in(&s->env.cfg, (uint64_t)time));
}

/* A DSS alone overtook the keys (subflow_input() has it, too): they come again. */
static bool waits_for_keys(const struct cookie *ck, const struct seg *ack) {
    return ck->kind == COOKIE_CAPABLE && mpopts_find(&ack->mp, MP_DSS) && !mpopts_find(&ack->mp, MPC_DATA);
}

struct subflow *listener_ack(struct umptcp *s, int netif, const struct seg *ack, enum drop *drop) {
    struct listener *l = listener_choose(s, &ack->flow);
    struct cookie ck;
    if (!l || time_is_never(l->cookie_at) || time_since(s->env.now, l->cookie_at) > COOKIE_LIFE)
        return NULL;
    if (!cookie_of_ack(&s->cookies, ack, &ck) || ck.kind == COOKIE_JOIN) {
        mib_inc(&s->env.mib, MIB_TCP_COOKIES_FAILED);
        return NULL;
    }
    if (waits_for_keys(&ck, ack)) {
        *drop = DROP_MP_NOT_ESTABLISHED;
        return NULL;
    }
    mib_inc(&s->env.mib, MIB_TCP_COOKIES_RECV);
    if (queue_full(l)) {
        *drop = refuse(s, MIB_TCP_LISTEN_OVERFLOWS, DROP_TCP_BACKLOG);
        if (s->env.cfg.abort_on_overflow)
            reply_rst(&s->replies, netif, ack, NULL);
        return NULL;
    }
    const struct path path = path_back(s, netif, &ack->flow);
    struct conn *c = conn_accept_cookie(&s->mp, &path, ack, &s->cookies, &ck);
    if (!c) {
        mib_inc(&s->env.mib, MIB_TCP_LISTEN_DROPS);
        *drop = DROP_NO_MEMORY;
        return NULL;
    }
    adopt(l, c);
    cookie_reopened(&conn_first(c)->tcb, conn_window(c));
    return conn_first(c);
}

void listener_ready(struct umptcp *s, struct conn *c) {
    struct listener *l = c->listener;
    if (!l || c->state == UMPTCP_CLOSED)
        return;
    assert(l->count < l->pending && l->count < l->backlog);
    *queue_at(l, l->count++) = c;
    l->notify = true;
    event_listener(s, l);
}

/* Its place in the queue; `count` when it has none. */
static uint32_t queue_place(const struct listener *l, const struct conn *c) {
    uint32_t i = 0;
    while (i < l->count && *queue_at(l, i) != c)
        i++;
    return i;
}

bool listener_waits(const struct conn *c) {
    const struct listener *l = c->listener;
    return queue_place(l, c) < l->count;
}

void listener_forget(struct conn *c) {
    struct listener *l = c->listener;
    uint32_t i = queue_place(l, c);
    if (i == 0 && l->count) {
        l->head = (l->head + 1) % l->backlog;
        l->count--;
    } else if (i < l->count) {
        for (l->count--; i < l->count; i++)
            *queue_at(l, i) = *queue_at(l, i + 1);
    }
    l->pending--;
    c->listener = NULL;
    conn_work(c);
}

int umptcp_accept(struct umptcp *s, umptcp_sock listener, umptcp_sock *sock) {
    enum handle_kind kind = handle_kind_of(&s->handles, listener);
    if (kind != HANDLE_LISTENER)
        return kind == HANDLE_FREE ? -EBADF : -EINVAL;
    struct listener *l = handle_get(&s->handles, listener, HANDLE_LISTENER);
    if (!l->count)
        return -EAGAIN;
    struct conn *c = *queue_at(l, 0);
    umptcp_sock new = handle_new(&s->handles, HANDLE_CONN, c);
    if (!new.v)
        return -ENOMEM;
    c->handle = new.v;
    listener_forget(c);
    if (c->remote_key) /* the third ACK had it; Linux too counts that only now */
        mib_inc(&s->env.mib, MIB_MPC_ACK_RX);
    *sock = new;
    stack_finish(s);
    return 0;
}

int umptcp_pending(const struct umptcp *s, umptcp_sock listener) {
    const struct listener *l = handle_get(&s->handles, listener, HANDLE_LISTENER);
    if (!l)
        return handle_kind_of(&s->handles, listener) == HANDLE_FREE ? -EBADF : -EINVAL;
    return (int)l->count;
}
