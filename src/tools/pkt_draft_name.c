/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names for what differs from run to run: addresses, ports, keys. A script ties a name to what it stands for the first
 * time that it is used: an end of a subflow to the subflow's, an announced address to what was announced.
 *
 * Clients have the names caddr0, caddr1, ... and ckey, servers saddr0, ... and skey.
 */
#include <string.h>

#include "script/mpvalue.h"
#include "tools/pkt_draft.h"
#include "wire/bytes.h"
#include "wire/mpcrypto.h"

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

static struct draft_name *name_add(struct draft *d, bool stack, const struct umptcp_sockaddr *at) {
    struct draft_name *n = arena_alloc(&d->arena, sizeof *n), **end = &d->names;
    char side = (d->stack == ACCEPTOR) == stack ? 's' : 'c';
    n->name = arena_printf(&d->arena, "%caddr%u", side, d->nnames[stack]++);
    n->stack = stack;
    n->at = *at;
    while (*end)
        end = &(*end)->next;
    return *end = n;
}

static struct draft_name *name_at(const struct draft *d, bool stack, const struct umptcp_sockaddr *at) {
    struct draft_name *n = d->names;
    while (n && !(n->stack == stack && sockaddr_eq(&n->at, at)))
        n = n->next;
    return n;
}

static struct draft_name *name_of_addr(const struct draft *d, bool stack, const struct umptcp_addr *addr) {
    struct draft_name *n = d->names;
    while (n && !(n->stack == stack && addr_eq(&n->at.addr, addr)))
        n = n->next;
    return n;
}

static struct end end_of(const struct draft_name *n) { return (struct end){.kind = END_NAME, .name = n->name}; }

/* An address of the stack beside its first one, with that of the script in its place: the next one of its network. */
static struct draft_addr *stack_addr(struct draft *d, const struct umptcp_addr *captured) {
    if (addr_eq(&d->flows[0].out.ends.local.addr, captured))
        return NULL;
    struct draft_addr **end = &d->addrs;
    for (; *end; end = &(*end)->next)
        if (addr_eq(&(*end)->captured, captured))
            return *end;
    struct draft_addr *a = arena_alloc(&d->arena, sizeof *a);
    a->captured = *captured;
    a->script = d->settings.local_ip;
    a->script.b[15] = (uint8_t)(a->script.b[15] + ++d->naddrs);
    return *end = a;
}

/* True when another subflow has these two names already. */
static bool ends_taken(const struct draft *d, const struct draft_name *stack, const struct draft_name *peer) {
    for (uint32_t i = 0; i < d->conn->nflows; i++) {
        const struct draft_flow *f = &d->flows[i];
        if (f->named && f->stack.kind == END_NAME && f->peer.kind == END_NAME &&
            strcmp(f->stack.name, stack->name) == 0 && strcmp(f->peer.name, peer->name) == 0)
            return true;
    }
    return false;
}

/* An end that the stack chose: a name that is tied to it, which has to be a new one for a new port. */
static struct draft_name *chosen_end(struct draft *d, bool stack, const struct umptcp_sockaddr *at) {
    struct draft_name *n = name_at(d, stack, at);
    return n ? n : name_add(d, stack, at);
}

/* A port that nobody listens on. */
static void name_refused(const struct draft *d, struct draft_flow *f) {
    enum { PORT_DISCARD = 9 };
    uint16_t port = f->out.ends.local.port;
    f->peer = (struct end){.kind = END_PORT, .addr.port = f->out.ends.remote.port};
    f->stack = (struct end){.kind = END_PORT, .addr.port = port == d->settings.bind_port ? PORT_DISCARD : port};
}

/* A subflow that the peer opened. A name of its address brings its port along, so a second subflow between the same
 * addresses goes by its ports. */
static void name_inbound(struct draft *d, struct draft_flow *f) {
    const struct umptcp_sockaddr *stack_at = &f->out.ends.local, *peer_at = &f->out.ends.remote;
    struct draft_name *stack = name_at(d, true, stack_at), *peer = name_at(d, false, peer_at);
    bool first = f == &d->flows[0];
    if (!stack && !first)
        stack = name_of_addr(d, true, &stack_at->addr);
    if (!stack && first)
        stack = name_add(d, true, stack_at);
    if (!peer)
        peer = name_of_addr(d, false, &peer_at->addr);
    if (!peer)
        peer = name_add(d, false, peer_at);
    if (stack && ends_taken(d, stack, peer)) {
        f->peer = (struct end){.kind = END_PORT, .addr.port = peer_at->port};
        f->stack = (struct end){.kind = END_PORT, .addr.port = d->settings.bind_port};
        return;
    }
    peer->used = true;
    f->peer = end_of(peer);
    if (stack) {
        stack->used = true;
        f->stack = end_of(stack);
        return;
    }
    const struct draft_addr *a = stack_addr(d, &stack_at->addr);
    f->stack = (struct end){.kind = END_ADDR, .addr = {a ? a->script : d->settings.local_ip, d->settings.bind_port}};
}

static void name_outbound(struct draft *d, struct draft_flow *f) {
    struct draft_name *stack = chosen_end(d, true, &f->out.ends.local);
    struct draft_name *peer = chosen_end(d, false, &f->out.ends.remote);
    bool first = f == &d->flows[0];
    d->joins_made += !first;
    d->joins_announced += !first && peer->announced;
    stack->used = peer->used = true;
    f->stack = end_of(stack);
    f->peer = end_of(peer);
    struct draft_addr *a = first ? NULL : stack_addr(d, &f->out.ends.local.addr);
    if (a)
        a->subflow = true;
}

void draft_name_flow(struct draft *d, const struct trace_flow *flow) {
    struct draft_flow *f = &d->flows[flow->index];
    if (f->named)
        return;
    bool inbound = (d->stack == ACCEPTOR) != flow->swapped;
    if (inbound && flow->refused && !flow->index)
        name_refused(d, f);
    else if (inbound)
        name_inbound(d, f);
    else
        name_outbound(d, f);
    f->named = true;
    d->joins_accepted += inbound && flow->index && flow->answered;
}

/* ---- Announcements ----------------------------------------------------------------------------------------------- */

static void name_announced(struct draft *d, const struct draft_flow *f, bool outbound, struct mp_line *mp) {
    bool stack = outbound != mp->add_addr.echo; /* whose address it is */
    const struct flow *ends = &f->out.ends;
    struct umptcp_sockaddr at = {mp->add_addr.addr.addr, stack ? ends->local.port : ends->remote.port};
    if (value_given(&mp->add_addr.port))
        at.port = (uint16_t)mp->add_addr.port.n;
    struct draft_name *n = name_at(d, stack, &at);
    if (!n)
        n = name_of_addr(d, stack, &at.addr);
    if (!n && mp->add_addr.echo) { /* of nothing that was announced */
        mp->add_addr.addr.literal = true;
        return;
    }
    if (!n)
        n = name_add(d, stack, &at);
    n->announced |= !mp->add_addr.echo;
    mp->add_addr.addr = (struct addr_line){.name = n->name};
    struct draft_addr *a = stack && !mp->add_addr.echo ? stack_addr(d, &at.addr) : NULL;
    if (!a)
        return;
    a->signal = a->has_id = true;
    a->id = (uint8_t)mp->add_addr.addr_id.n;
    a->port = value_given(&mp->add_addr.port) ? at.port : 0;
}

static void compute_announced(const struct draft *d, enum trace_side sender, struct mp_line *mp, const char **remark) {
    const struct mp_key *own = &d->conn->key[sender], *other = &d->conn->key[!sender];
    uint16_t port = value_given(&mp->add_addr.port) ? (uint16_t)mp->add_addr.port.n : 0;
    if (mp->add_addr.echo)
        return;
    if (own->known && other->known &&
        mp_add_addr_hmac(own->key, other->key, (uint8_t)mp->add_addr.addr_id.n, &mp->add_addr.addr.addr, port) !=
            mp->add_addr.hmac.n) {
        *remark = "the HMAC of this announcement was wrong";
        if (sender != d->stack)
            return;
    }
    mp->add_addr.hmac = (struct value){.kind = VALUE_AUTO};
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

/* A key by its name; the first time that the peer says its own, the name gets the captured value. */
static void name_key(struct draft *d, struct value *v, bool outbound) {
    for (int side = OPENER; side <= ACCEPTOR; side++) {
        const struct mp_key *key = &d->conn->key[side];
        if (!key->known || v->n != mp_key_swap(key->key))
            continue;
        bool give = !outbound && side != (int)d->stack && !d->key_given;
        d->key_given |= give;
        *v = (struct value){.kind = VALUE_NAME, .name = d->key_name[side], .assigned = give, .n = give ? v->n : 0};
        return;
    }
}

/* Data sequence numbers are counted from a side's key as soon as the script has shown it. */
static void learn_key(struct draft *d, enum trace_side sender) {
    if (sender == d->stack)
        d->mp_out.stack = d->mp_in.peer = d->conn->key[sender];
    else
        d->mp_out.peer = d->mp_in.stack = d->conn->key[sender];
}

/* The token is that of the key of who receives it. */
static void name_token(const struct draft *d, enum trace_side sender, struct value *v) {
    const struct mp_key *key = &d->conn->key[!sender];
    if (key->known && mp_token(key->key) == v->n)
        *v = (struct value){.kind = VALUE_HASH, .function = "sha256_32", .name = d->key_name[!sender]};
}

static void compute_join(const struct draft *d, const struct trace_flow *flow, enum trace_side sender,
                         struct mp_line *mp, const char **remark) {
    const struct mp_key *own = &d->conn->key[sender], *other = &d->conn->key[!sender];
    if (mp->type != MPJ_SYNACK || sender == d->stack) /* one that is sent again has the same */
        mp->mpj.nonce = (struct value){.kind = VALUE_ANY};
    if (mp->type == MPJ_SYN) {
        name_token(d, sender, &mp->mpj.token);
        return;
    }
    size_t len = mp->type == MPJ_SYNACK ? 8 : sizeof mp->mpj.hmac_bytes;
    bool acceptor = mp->type == MPJ_SYNACK; /* of the subflow */
    uint8_t hmac[32];
    if (own->known && other->known) {
        mp_join_hmac(own->key, other->key, flow->nonce[acceptor], flow->nonce[!acceptor], hmac);
        if (memcmp(hmac, mp->mpj.hmac_bytes, len) != 0) {
            *remark = "the HMAC of this join was wrong";
            if (sender != d->stack)
                return;
        }
    }
    mp->mpj.hmac = (struct value){.kind = VALUE_AUTO};
}

static void note_join(struct draft *d, const struct trace_flow *flow, enum trace_side sender,
                      const struct mp_line *mp) {
    struct draft_addr *a =
        sender == d->stack && mp->type == MPJ_SYN ? stack_addr(d, &d->flows[flow->index].out.ends.local.addr) : NULL;
    if (!a)
        return;
    a->has_id = true;
    a->id = (uint8_t)mp->mpj.addr_id.n;
    a->backup = mp->mpj.backup;
}

/* The key of MP_FASTCLOSE is that of who receives it. */
static void name_fastclose(struct draft *d, enum trace_side sender, struct value *v) {
    const struct mp_key *key = &d->conn->key[!sender];
    if (key->known && v->n == mp_key_swap(key->key))
        *v = (struct value){.kind = VALUE_ANY};
    else
        name_key(d, v, sender == d->stack);
}

void draft_name_option(struct draft *d, const struct trace_flow *flow, bool outbound, struct mp_line *mp,
                       const char **remark) {
    enum trace_side sender = outbound ? d->stack : d->stack == OPENER ? ACCEPTOR : OPENER;
    switch (mp->type) {
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPC_DATA:
        if (mp->mpc.nkeys)
            learn_key(d, sender);
        for (uint8_t i = 0; i < mp->mpc.nkeys; i++)
            name_key(d, &mp->mpc.key[i], outbound);
        break;
    case MPJ_SYN:
    case MPJ_SYNACK:
    case MPJ_ACK:
        note_join(d, flow, sender, mp);
        compute_join(d, flow, sender, mp, remark);
        break;
    case MP_ADD_ADDR:
        compute_announced(d, sender, mp, remark);
        name_announced(d, &d->flows[flow->index], outbound, mp);
        break;
    case MP_FASTCLOSE:
        name_fastclose(d, sender, &mp->fastclose.key);
        break;
    case MP_DSS:
    case MP_REMOVE_ADDR:
    case MP_PRIO:
    case MP_FAIL:
    case MP_TCPRST:
    case MP_TYPE_COUNT:
        break;
    }
}
