/* SPDX-License-Identifier: BSD-3-Clause */
/* The connections of a run: which one a line means, names for their ends, numbers. */
#include "script/flow.h"

#include <stdio.h>
#include <string.h>

#include "script/mpvalue.h"

enum { FIRST_PEER_PORT = 40001 };

void flows_init(struct flows *f, const struct settings *settings, uint64_t seed) {
    *f = (struct flows){.settings = settings, .next_port = FIRST_PEER_PORT, .random = seed};
}

void flows_free(struct flows *f) { arena_free(&f->arena); }

/* SplitMix64: any state is a good one. */
uint64_t flows_random(struct flows *f) {
    uint64_t z = f->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* ---- Making ------------------------------------------------------------------------------------------------------ */

static struct tcp_flow *add_flow(struct flows *f, const struct flow *ends) {
    struct tcp_flow *flow = arena_alloc(&f->arena, sizeof *flow);
    flow->next = f->newest;
    f->newest = flow;
    flow->number = ++f->numbers;
    flow->order = ++f->orders;
    flow->ends = *ends;
    flow->v6 = !addr_is_v4(&ends->remote.addr);
    flow->fd = -1;
    return flow;
}

static struct mp_conn *add_conn(struct flows *f, const struct umptcp_addr *peer) {
    struct mp_conn *mp = arena_alloc(&f->arena, sizeof *mp);
    mp->next = f->conns;
    f->conns = mp;
    mp->fd = -1;
    flow_set_peer_addr_id(mp, peer, 0);
    return mp;
}

static struct tcp_flow *add_first_flow(struct flows *f, const struct flow *ends) {
    struct tcp_flow *flow = add_flow(f, ends);
    flow->mp = add_conn(f, &ends->remote.addr);
    return flow;
}

/* ---- Sockets ----------------------------------------------------------------------------------------------------- */

static struct script_socket *add_socket(struct flows *f, int fd, bool mptcp) {
    struct script_socket *s = arena_alloc(&f->arena, sizeof *s);
    *s = (struct script_socket){.next = f->sockets, .fd = fd, .mptcp = mptcp};
    return f->sockets = s;
}

void flows_socket(struct flows *f, int fd, bool mptcp) { add_socket(f, fd, mptcp)->order = ++f->orders; }

/* The newest that socket() made; those that accept() gave have no order. */
static const struct script_socket *newest_socket(const struct flows *f) {
    const struct script_socket *s = f->sockets;
    while (s && !s->order)
        s = s->next;
    return s;
}

/* A descriptor's number may be used again: the newest one counts. */
static struct script_socket *socket_of(const struct flows *f, int fd) {
    struct script_socket *s = f->sockets;
    while (s && s->fd != fd)
        s = s->next;
    return s;
}

void flows_listen(struct flows *f, int fd) {
    struct script_socket *s = socket_of(f, fd);
    if (s)
        s->listening = true;
}

bool flows_accept(struct flows *f, int fd, const struct umptcp_sockaddr *peer) {
    const struct script_socket *listener = f->sockets;
    while (listener && !listener->listening)
        listener = listener->next;
    for (struct tcp_flow *flow = f->newest; flow; flow = flow->next)
        if (flow->fd < 0 && !flow->foreign && sockaddr_eq(&flow->ends.remote, peer)) {
            flow->fd = fd;
            if (flow->mp)
                flow->mp->fd = fd;
            add_socket(f, fd, listener && listener->mptcp);
            return true;
        }
    return false;
}

static const struct tcp_flow *newest_flow(const struct flows *f) {
    const struct tcp_flow *flow = f->newest;
    while (flow && flow->foreign)
        flow = flow->next;
    return flow;
}

/* The listener that was made after every flow, which the next inbound packet opens a connection to. */
static const struct script_socket *focused_listener(const struct flows *f) {
    const struct tcp_flow *flow = newest_flow(f);
    const struct script_socket *s = f->sockets;
    while (s && !s->listening)
        s = s->next;
    return s && (!flow || s->order > flow->order) ? s : NULL;
}

int flows_current_fd(const struct flows *f, bool *mptcp) {
    const struct tcp_flow *flow = newest_flow(f);
    const struct script_socket *s = newest_socket(f);
    int fd = flow && (!s || flow->order > s->order) ? (flow->fd < 0 && flow->mp ? flow->mp->fd : flow->fd) : -1;
    if (fd < 0 && s && (!flow || s->order > flow->order))
        fd = s->fd;
    s = fd < 0 ? NULL : socket_of(f, fd);
    *mptcp = s && s->mptcp;
    return fd;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

struct key_name *key_named(struct flows *f, const char *name) {
    for (struct key_name *k = f->keys; k; k = k->next)
        if (strcmp(k->name, name) == 0)
            return k;
    struct key_name *k = arena_alloc(&f->arena, sizeof *k);
    k->name = name;
    k->next = f->keys;
    return f->keys = k;
}

struct addr_name *addr_named(struct flows *f, const char *name) {
    for (struct addr_name *a = f->addrs; a; a = a->next)
        if (strcmp(a->name, name) == 0)
            return a;
    struct addr_name *a = arena_alloc(&f->arena, sizeof *a);
    a->name = name;
    a->next = f->addrs;
    return f->addrs = a;
}

void flow_set_peer_addr_id(struct mp_conn *mp, const struct umptcp_addr *addr, uint8_t id) {
    for (uint32_t i = 0; i < mp->npeer_addrs; i++)
        if (addr_eq(&mp->peer_addrs[i].addr, addr)) {
            mp->peer_addrs[i].id = id;
            return;
        }
    if (mp->npeer_addrs == PEER_ADDRS_MAX)
        return;
    mp->peer_addrs[mp->npeer_addrs].id = id;
    mp->peer_addrs[mp->npeer_addrs++].addr = *addr;
}

uint8_t flow_peer_addr_id(struct mp_conn *mp, const struct umptcp_addr *addr) {
    uint8_t highest = 0;
    for (uint32_t i = 0; i < mp->npeer_addrs; i++) {
        if (addr_eq(&mp->peer_addrs[i].addr, addr))
            return mp->peer_addrs[i].id;
        if (mp->peer_addrs[i].id > highest)
            highest = mp->peer_addrs[i].id;
    }
    flow_set_peer_addr_id(mp, addr, (uint8_t)(highest + 1));
    return (uint8_t)(highest + 1);
}

struct umptcp_addr flow_new_peer_addr(struct flows *f, struct mp_conn *mp, uint8_t *id) {
    struct umptcp_addr addr = f->settings->remote_ip;
    for (uint32_t i = 0; i < mp->npeer_addrs; i++) {
        const struct umptcp_addr *used = &mp->peer_addrs[i].addr;
        if (memcmp(used->b, addr.b, sizeof addr.b - 1) == 0 && used->b[15] >= addr.b[15])
            addr.b[15] = used->b[15];
    }
    addr.b[15]++;
    *id = flow_peer_addr_id(mp, &addr);
    return addr;
}

void flow_bind_ends(struct flows *f, const struct tcp_flow *flow, const struct packet *p) {
    const struct end *ends[2] = {&p->src, &p->dst};
    for (int i = 0; p->has_ends && i < 2; i++) {
        if (ends[i]->kind != END_NAME)
            continue;
        struct addr_name *a = addr_named(f, ends[i]->name);
        if (a->bound)
            continue;
        a->bound = true;
        a->at = (i == 0) == p->inbound ? flow->ends.remote : flow->ends.local;
    }
}

/* ---- Which flow -------------------------------------------------------------------------------------------------- */

bool flow_in_focus(const struct flows *f, const struct tcp_flow *flow) {
    const struct script_socket *s = newest_socket(f);
    return !flow->foreign && (!s || flow->order > s->order);
}

struct tcp_flow *flow_find(const struct flows *f, const struct flow *ends) {
    struct tcp_flow *flow = f->newest;
    while (flow && !flow_eq(&flow->ends, ends))
        flow = flow->next;
    return flow;
}

static bool end_agrees(const struct flows *f, const struct end *end, const struct umptcp_sockaddr *live) {
    switch (end->kind) {
    case END_ANY:
        return true;
    case END_PORT:
        return end->addr.port == live->port;
    case END_ADDR:
        return addr_eq(&end->addr.addr, &live->addr) && (!end->addr.port || end->addr.port == live->port);
    case END_NAME:
        for (const struct addr_name *a = f->addrs; a; a = a->next)
            if (strcmp(a->name, end->name) == 0)
                return !a->bound || (addr_eq(&a->at.addr, &live->addr) && (!a->at.port || a->at.port == live->port));
        return true;
    }
    return false;
}

static bool ends_agree(const struct flows *f, const struct packet *p, const struct flow *ends) {
    return !p->has_ends || (end_agrees(f, p->inbound ? &p->src : &p->dst, &ends->remote) &&
                            end_agrees(f, p->inbound ? &p->dst : &p->src, &ends->local));
}

/* The newest that agrees with the line. Without ends that is the newest connection. */
static struct tcp_flow *flow_of_line(const struct flows *f, const struct packet *p) {
    struct tcp_flow *flow = f->newest;
    while (flow && ((flow->foreign && !p->has_ends) || !ends_agree(f, p, &flow->ends)))
        flow = flow->next;
    return flow;
}

struct tcp_flow *flow_for_outbound(const struct flows *f, const struct packet *p) {
    return flow_of_line(f, p);
}

static bool has_option(const struct packet *p, enum mp_type type) {
    if (p->proto == PACKET_TCP)
        for (const struct option *o = p->tcp.options; o; o = o->next)
            if (o->kind == OPTION_MPTCP && o->mp.type == type)
                return true;
    return false;
}

static bool is_bare_syn(const struct packet *p) {
    return p->proto == PACKET_TCP && (p->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

bool flow_is_meant(const struct flows *f, const struct tcp_flow *flow, const struct packet *line) {
    return (line->has_ends || !is_bare_syn(line)) && flow_of_line(f, line) == flow;
}

/* What an end of a line that opens something stands for. False: a name that means nothing yet. */
static bool end_value(const struct flows *f, const struct end *end, struct umptcp_sockaddr *value) {
    if (end->kind == END_PORT) {
        value->port = end->addr.port;
    } else if (end->kind == END_ADDR) {
        value->addr = end->addr.addr;
        if (end->addr.port)
            value->port = end->addr.port;
    } else if (end->kind == END_NAME) {
        for (const struct addr_name *a = f->addrs; a; a = a->next)
            if (strcmp(a->name, end->name) == 0 && a->bound) {
                value->addr = a->at.addr;
                if (a->at.port)
                    value->port = a->at.port;
                return true;
            }
        return false;
    }
    return true;
}

static struct mp_conn *conn_with_stack_key(const struct flows *f, uint64_t key) {
    struct mp_conn *mp = f->conns;
    while (mp && !(mp->stack.known && mp->stack.key == key))
        mp = mp->next;
    return mp;
}

/* The connection that an inbound MP_JOIN is for: that of the key in its token, else the newest. */
static struct mp_conn *conn_of_join(const struct flows *f, const struct packet *p) {
    for (const struct option *o = p->tcp.options; o; o = o->next) {
        if (o->kind != OPTION_MPTCP || o->mp.type != MPJ_SYN || o->mp.mpj.token.kind != VALUE_HASH ||
            !o->mp.mpj.token.name)
            continue;
        for (const struct key_name *k = f->keys; k; k = k->next)
            if (strcmp(k->name, o->mp.mpj.token.name) == 0 && k->key.known && conn_with_stack_key(f, k->key.key))
                return conn_with_stack_key(f, k->key.key);
    }
    const struct tcp_flow *flow = newest_flow(f);
    return flow ? flow->mp : NULL;
}

static struct tcp_flow *join_flow(struct flows *f, const struct packet *p, char *error, size_t size) {
    struct mp_conn *mp = conn_of_join(f, p);
    if (!mp) {
        snprintf(error, size, "an MP_JOIN needs a connection, and there is none yet");
        return NULL;
    }
    const struct tcp_flow *first = newest_flow(f);
    struct flow ends = {.local = first->ends.local, .remote = {first->ends.remote.addr, f->next_port}};
    if (p->has_ends && !end_value(f, &p->dst, &ends.local)) {
        snprintf(error, size, "addr[%s] stands for nothing yet: a joining SYN goes to an address that is known",
                 p->dst.name);
        return NULL;
    }
    uint8_t id = 0;
    if (p->has_ends && p->src.kind != END_ANY && !end_value(f, &p->src, &ends.remote))
        ends.remote.addr = flow_new_peer_addr(f, mp, &id);
    if (ends.remote.port == f->next_port)
        f->next_port++;
    struct tcp_flow *flow = add_flow(f, &ends);
    flow->mp = mp;
    flow->peer_addr_id = flow_peer_addr_id(mp, &ends.remote.addr);
    return flow;
}

/* A connection to a listener. */
static struct tcp_flow *passive_flow(struct flows *f, const struct packet *p) {
    struct flow ends = {.local = {f->settings->local_ip, f->settings->bind_port},
                        .remote = {f->settings->remote_ip, f->next_port}};
    if (p->has_ends) {
        end_value(f, &p->src, &ends.remote);
        end_value(f, &p->dst, &ends.local);
    }
    if (ends.remote.port == f->next_port)
        f->next_port++;
    return add_first_flow(f, &ends);
}

/* Ends that are those of no connection: the numbers are still those of the newest one. */
static struct tcp_flow *foreign_flow(struct flows *f, const struct packet *p, const struct tcp_flow *model) {
    struct flow ends = model->ends;
    if (!end_value(f, &p->src, &ends.remote) || !end_value(f, &p->dst, &ends.local))
        return NULL;
    struct tcp_flow *flow = add_flow(f, &ends);
    flow->foreign = true;
    flow->mp = model->mp;
    flow->has_stack_isn = true;
    flow->peer_isn = model->peer_isn;
    flow->stack_isn = model->stack_isn;
    flow->stack_isn_written = model->stack_isn_written;
    return flow;
}

struct tcp_flow *flow_for_inbound(struct flows *f, const struct packet *p, char *error, size_t size) {
    if (is_bare_syn(p) && has_option(p, MPJ_SYN))
        return join_flow(f, p, error, size);
    bool listening = f->sockets && focused_listener(f);
    if (!p->has_ends && listening && p->proto == PACKET_TCP)
        return passive_flow(f, p);
    bool names_open = p->has_ends && p->src.kind == END_NAME && !addr_named(f, p->src.name)->bound;
    struct tcp_flow *flow = listening && names_open ? NULL : flow_of_line(f, p);
    if (flow)
        return flow;
    bool any_listener = false;
    for (const struct script_socket *s = f->sockets; s; s = s->next)
        any_listener |= s->listening;
    if (p->proto == PACKET_TCP && (listening || (any_listener && is_bare_syn(p))))
        return passive_flow(f, p);
    const struct tcp_flow *model = newest_flow(f);
    if (model && p->has_ends && (flow = foreign_flow(f, p, model)))
        return flow;
    snprintf(error, size, "this packet is for no connection: %s",
             model ? "none has these ends" : "there is neither a listening socket nor a SYN before it");
    return NULL;
}

bool flow_may_open(const struct flows *f, const struct packet *line, const struct flow *ends, bool joins,
                   bool bare_syn) {
    if (!bare_syn || !is_bare_syn(line) || !ends_agree(f, line, ends))
        return false;
    if (has_option(line, MPJ_SYN) || joins)
        return joins && has_option(line, MPJ_SYN);
    return addr_eq(&ends->remote.addr, &f->settings->remote_ip) && ends->remote.port == f->settings->connect_port;
}

struct tcp_flow *flow_open(struct flows *f, const struct flow *ends, const uint32_t *token) {
    if (!token) {
        struct tcp_flow *flow = add_first_flow(f, ends);
        const struct script_socket *s = newest_socket(f);
        flow->fd = flow->mp->fd = s ? s->fd : -1;
        return flow;
    }
    struct tcp_flow *flow = add_flow(f, ends);
    for (struct mp_conn *mp = f->conns; mp && !flow->mp; mp = mp->next)
        if (mp->peer.known && mp_token(mp->peer.key) == *token)
            flow->mp = mp;
    if (!flow->mp)
        flow->mp = f->conns ? f->conns : add_conn(f, &ends->remote.addr);
    return flow;
}

void flow_renew(struct flows *f, struct tcp_flow *flow) {
    flow->peer_isn = flow->new_isn;
    flow->has_new_isn = flow->has_stack_isn = flow->open = flow->has_label = false;
    flow->nts = 0;
    flow->fd = -1;
    if (flow->mp)
        flow->mp = add_conn(f, &flow->ends.remote.addr);
}

/* ---- Timestamps -------------------------------------------------------------------------------------------------- */

uint32_t flow_written_ts(const struct tcp_flow *f, uint32_t live) {
    return f->nts ? f->ts[0].written + (live - f->ts[0].live) : live;
}

bool flow_live_ts(const struct tcp_flow *f, uint32_t written, uint32_t *live) {
    for (uint32_t i = f->nts; i-- > 0;)
        if (f->ts[i].written == written) {
            *live = f->ts[i].live;
            return true;
        }
    return false;
}

void flow_learn_ts(struct flows *f, struct tcp_flow *flow, uint32_t written, uint32_t live) {
    if (flow->nts == flow->ts_cap) {
        uint32_t cap = flow->ts_cap ? 2 * flow->ts_cap : 8;
        struct ts_pair *ts = arena_alloc(&f->arena, cap * sizeof *ts);
        if (flow->nts)
            memcpy(ts, flow->ts, flow->nts * sizeof *ts);
        flow->ts = ts;
        flow->ts_cap = cap;
    }
    flow->ts[flow->nts++] = (struct ts_pair){written, live};
}
