/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One walk over the capture. A flow starts with a SYN, and again when its ends are used for a SYN with another number.
 * It is a subflow of the connection whose key has the token of its MP_JOIN, else a connection of its own.
 */
#include "tools/pkt_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/mpvalue.h"
#include "wire/bytes.h"
#include "wire/icmp.h"

enum { BUCKETS = 64 };

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

/* The length that the IP header says. One that was left to the network card is that of the wire. */
static uint32_t ip_total(const struct capture_packet *p) {
    bool v6 = p->data[0] >> 4 == 6;
    uint32_t said, hdr_len = v6 ? IPV6_HDR_LEN : 0;
    if (p->len < ip_hdr_len(v6))
        return 0;
    said = v6 ? load_be16(p->data + 4) : load_be16(p->data + 2);
    if (said)
        return hdr_len + said <= RAW_MAX ? hdr_len + said : 0;
    return p->wire_len <= UINT16_MAX ? p->wire_len : 0;
}

uint32_t trace_bytes(const struct capture_packet *p, uint8_t data[RAW_MAX], struct trace_bytes *what) {
    *what = (struct trace_bytes){.cut = true};
    uint32_t total = ip_total(p), have = total < p->len ? total : p->len;
    struct ip_hdr ip;
    if (!total)
        return 0;
    memcpy(data, p->data, have);
    memset(data + have, 0, total - have);
    if (data[0] >> 4 == 6)
        store_be16(data + 4, (uint16_t)(total - IPV6_HDR_LEN));
    else
        store_be16(data + 2, (uint16_t)total);
    raw_fix_ip(data, total);
    if (ip_parse(data, total, false, &ip) != DROP_NONE)
        return 0;
    uint32_t payload = raw_payload_offset(data, total);
    if (ip.proto != IP_PROTO_TCP || ip.fragment) {
        what->cut = false;
        return total;
    }
    struct seg seg;
    if (payload > have || tcp_parse(&ip, true, 0, &seg) != DROP_NONE)
        return 0;
    what->cut = false;
    what->unsummed = have == total && tcp_parse(&ip, false, 0, &seg) == DROP_TCP_CSUM;
    memset(data + payload, 0, total - payload);
    raw_fix_l4(data, total);
    return total;
}

/* ---- Flows ------------------------------------------------------------------------------------------------------- */

static void put_end(uint8_t *to, const struct umptcp_sockaddr *end) {
    memcpy(to, end->addr.b, sizeof end->addr.b);
    store_be16(to + sizeof end->addr.b, end->port);
}

/* The same for both directions. */
static uint64_t ends_hash(const struct flow *ends) {
    static const struct hash_key key = {1, 2};
    enum { END_LEN = 18 };
    uint8_t a[END_LEN], b[END_LEN], both[2 * END_LEN];
    put_end(a, &ends->local);
    put_end(b, &ends->remote);
    bool first = memcmp(a, b, END_LEN) < 0;
    memcpy(both, first ? a : b, END_LEN);
    memcpy(both + END_LEN, first ? b : a, END_LEN);
    return siphash13(&key, both, sizeof both);
}

static struct flow reversed(const struct flow *ends) { return (struct flow){ends->remote, ends->local}; }

/* `ends` as seen from the sender of a packet. */
static struct trace_flow *flow_of(const struct trace *t, const struct flow *ends, bool *reply) {
    const struct flow back = reversed(ends);
    for (struct hash_node *n = hash_table_first(&t->flows, ends_hash(ends)); n; n = hash_node_next(n)) {
        struct trace_flow *f = container_of(n, struct trace_flow, node);
        if (flow_eq(&f->ends, ends) || flow_eq(&f->ends, &back)) {
            *reply = !flow_eq(&f->ends, ends);
            return f;
        }
    }
    return NULL;
}

static struct trace_flow *add_flow(struct trace *t, const struct flow *ends) {
    struct trace_flow *f = arena_alloc(&t->arena, sizeof *f);
    f->ends = *ends;
    hash_table_add(&t->flows, &t->mem, &f->node, ends_hash(ends));
    return f;
}

/* ---- Connections ------------------------------------------------------------------------------------------------- */

static struct trace_conn *add_conn(struct trace *t) {
    struct trace_conn *c = arena_alloc(&t->arena, sizeof *c);
    if (t->last)
        t->last->next = c;
    else
        t->conns = c;
    t->last = c;
    c->number = ++t->nconns;
    c->first = t->npackets;
    return c;
}

static void attach(struct trace_conn *c, struct trace_flow *f) {
    f->conn = c;
    f->index = c->nflows++;
    if (c->last)
        c->last->next = f;
    else
        c->flows = f;
    c->last = f;
}

static const struct trace_token *token_find(const struct trace *t, uint32_t token) {
    for (struct hash_node *n = hash_table_first(&t->tokens, token); n; n = hash_node_next(n))
        return container_of(n, struct trace_token, node);
    return NULL;
}

static void learn_key(struct trace *t, struct trace_conn *c, enum trace_side side, uint64_t key) {
    if (c->key[side].known)
        return;
    c->key[side] = (struct mp_key){true, key};
    c->token[side] = (struct trace_token){.conn = c, .side = side, .token = mp_token(key)};
    hash_table_add(&t->tokens, &t->mem, &c->token[side].node, c->token[side].token);
}

/* A flow that was just made. */
static void place_flow(struct trace *t, struct trace_flow *f, const struct seg *seg) {
    const struct mpopt *join = f->begins ? mpopts_find(&seg->mp, MPJ_SYN) : NULL;
    const struct trace_token *token = join ? token_find(t, join->mpj.token) : NULL;
    if (token) { /* it is that of who is to accept the subflow */
        f->swapped = token->side == OPENER;
        attach(token->conn, f);
        return;
    }
    struct trace_conn *c = add_conn(t);
    c->lonely_join = join && !mpopts_find(&seg->mp, MPC_SYN);
    attach(c, f);
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static void add_packet(struct trace *t, uint32_t at, struct trace_flow *flow, bool reply, bool icmp) {
    if (t->npackets == t->cap) {
        uint32_t cap = t->cap ? 2 * t->cap : 256;
        struct trace_packet *packets = realloc(t->packets, cap * sizeof *packets);
        if (!packets) {
            (void)fputs("out of memory\n", stderr);
            abort();
        }
        t->packets = packets;
        t->cap = cap;
    }
    t->packets[t->npackets] = (struct trace_packet){at, flow, reply, icmp};
    flow->conn->last_packet = t->npackets++;
    flow->conn->packets++;
}

static void learn(struct trace *t, struct trace_flow *f, bool reply, const struct seg *seg) {
    struct trace_conn *c = f->conn;
    bool syn = seg->flags & TCP_SYN, synack = syn && seg->flags & TCP_ACK;
    if (syn && !f->has_isn[reply]) {
        f->has_isn[reply] = true;
        f->isn[reply] = seg->seq.v;
    }
    f->answered |= synack && reply && f->begins;
    f->refused |= seg->flags & TCP_RST && reply && f->begins && !f->answered;
    for (uint8_t i = 0; i < seg->mp.n; i++) {
        const struct mpopt *o = &seg->mp.opt[i];
        enum trace_side sender = reply ? ACCEPTOR : OPENER, other = reply ? OPENER : ACCEPTOR;
        bool first = f == c->flows;
        if (o->type >= MPC_SYN && o->type <= MPC_SYNACK && first)
            c->mptcp[sender] = true;
        if (o->type >= MPC_SYNACK && o->type <= MPC_DATA && first)
            learn_key(t, c, sender, o->mpc.sender_key);
        if (o->type >= MPC_ACK && o->type <= MPC_DATA && first)
            learn_key(t, c, other, o->mpc.receiver_key);
        c->dss |= o->type == MP_DSS;
        if (o->type == MPJ_SYN || o->type == MPJ_SYNACK)
            f->nonce[reply] = o->mpj.nonce;
    }
}

static bool starts_anew(const struct trace_flow *f, bool reply, const struct seg *seg) {
    if ((seg->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
        return false;
    if (!f->begins)
        return true;
    return f->has_isn[reply] && f->isn[reply] != seg->seq.v;
}

static void take_tcp(struct trace *t, uint32_t at, const struct ip_hdr *ip) {
    struct seg seg;
    if (tcp_parse(ip, true, 0, &seg) != DROP_NONE)
        return;
    bool reply = false;
    struct flow ends = reversed(&seg.flow);
    struct trace_flow *f = flow_of(t, &ends, &reply);
    if (f && starts_anew(f, reply, &seg)) {
        hash_table_remove(&t->flows, &f->node);
        f = NULL;
    }
    if (!f) {
        bool synack = (seg.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
        struct flow back = reversed(&ends);
        f = add_flow(t, synack ? &back : &ends);
        f->begins = (seg.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
        reply = synack;
        place_flow(t, f, &seg);
    }
    learn(t, f, reply, &seg);
    add_packet(t, at, f, reply, false);
    const struct trace_packet *p = &t->packets[t->npackets - 1];
    f->conn->octets[trace_sender(p)] += seg.len;
    if (t->capture->packets[at].direction != CAPTURE_UNMARKED) {
        bool out = t->capture->packets[at].direction == CAPTURE_OUT;
        f->conn->outgoing[out ? trace_sender(p) : !trace_sender(p)]++;
    }
}

/* An error about a packet of a flow comes, as scripts see it, from the other end. */
static void take_icmp(struct trace *t, uint32_t at, const struct ip_hdr *ip) {
    struct icmp_msg msg;
    bool reply;
    if (icmp_parse(ip, true, &msg) != DROP_NONE || msg.kind == ICMP_ECHO)
        return;
    struct trace_flow *f = flow_of(t, &msg.flow, &reply);
    if (f)
        add_packet(t, at, f, !reply, true);
}

void trace_make(struct trace *t, const struct capture *capture) {
    *t = (struct trace){.capture = capture};
    mem_init(&t->mem, NULL, NULL, 0);
    uint8_t *data = malloc(RAW_MAX);
    if (!data || hash_table_init(&t->flows, &t->mem, BUCKETS) || hash_table_init(&t->tokens, &t->mem, BUCKETS)) {
        (void)fputs("out of memory\n", stderr);
        abort();
    }
    for (uint32_t i = 0; i < capture->n; i++) {
        struct trace_bytes what;
        struct ip_hdr ip;
        uint32_t len = trace_bytes(&capture->packets[i], data, &what);
        if (!len || ip_parse(data, len, false, &ip) != DROP_NONE || ip.fragment)
            continue;
        if (ip.proto == IP_PROTO_TCP)
            take_tcp(t, i, &ip);
        else if (ip.proto == (ip.v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP))
            take_icmp(t, i, &ip);
    }
    free(data);
}

void trace_free(struct trace *t) {
    hash_table_free(&t->flows, &t->mem);
    hash_table_free(&t->tokens, &t->mem);
    free(t->packets);
    arena_free(&t->arena);
}

const struct trace_conn *trace_find(const struct trace *t, uint32_t number) {
    const struct trace_conn *c = t->conns;
    while (c && c->number != number)
        c = c->next;
    return c;
}
