/* SPDX-License-Identifier: BSD-3-Clause */
/* Outbound MPTCP options: what came in the script's numbers, what was expected with everything computed, what is
 * learnt. */
#include <stdio.h>
#include <string.h>

#include "script/mpvalue.h"
#include "wire/bytes.h"
#include "wire/mpcrypto.h"

/* ---- What came --------------------------------------------------------------------------------------------------- */

/* A number of 32 or 64 bits, counted from a base of 64. */
static struct value counted(uint64_t live, uint64_t base, bool wide) {
    return value_number(wide ? live - base : (uint32_t)(live - base));
}

static void lift_dss(const struct mp_conn *mp, const struct mpopt *opt, struct mp_line *line) {
    uint64_t ack_base = mp ? mp_base(&mp->peer) : 0, dsn_base = mp ? mp_base(&mp->stack) : 0;
    line->dss.has_ack = opt->dss.has_ack;
    line->dss.ack64 = opt->dss.ack64;
    line->dss.has_map = opt->dss.has_map;
    line->dss.dsn64 = opt->dss.dsn64;
    line->dss.fin = opt->dss.data_fin;
    line->dss.nocs = !opt->dss.has_csum;
    if (opt->dss.has_ack)
        line->dss.ack = counted(opt->dss.ack, ack_base, opt->dss.ack64);
    if (!opt->dss.has_map)
        return;
    line->dss.dsn = counted(opt->dss.dsn, dsn_base, opt->dss.dsn64);
    line->dss.ssn = value_number(opt->dss.ssn);
    line->dss.dll = value_number(opt->dss.len);
    if (opt->dss.has_csum)
        line->dss.csum = value_number(opt->dss.csum);
}

static void lift_join(const struct mpopt *opt, struct mp_line *line) {
    line->mpj.backup = opt->mpj.backup;
    if (opt->type != MPJ_ACK) {
        line->mpj.addr_id = value_number(opt->mpj.addr_id);
        line->mpj.nonce = value_number(opt->mpj.nonce);
    }
    if (opt->type == MPJ_SYN) {
        line->mpj.token = value_number(opt->mpj.token);
        return;
    }
    line->mpj.hmac = value_number(0);
    if (opt->type == MPJ_SYNACK)
        store_be64(line->mpj.hmac_bytes, opt->mpj.hmac64);
    else
        memcpy(line->mpj.hmac_bytes, opt->mpj.hmac160, sizeof line->mpj.hmac_bytes);
}

static void lift_capable(const struct mpopt *opt, struct mp_line *line) {
    line->mpc.version = opt->mpc.version;
    line->mpc.flags = opt->mpc.flags;
    line->mpc.nkeys = opt->type == MPC_SYN ? 0 : opt->type == MPC_SYNACK ? 1 : 2;
    line->mpc.key[0] = value_number(mp_key_swap(opt->mpc.sender_key));
    line->mpc.key[1] = value_number(mp_key_swap(opt->mpc.receiver_key));
    line->mpc.len = opt->mpc.len;
    if (opt->mpc.has_csum)
        line->mpc.csum = value_number(opt->mpc.csum);
}

static void lift_add_addr(const struct mpopt *opt, struct mp_line *line) {
    line->add_addr.echo = opt->add_addr.echo;
    line->add_addr.addr_id = value_number(opt->add_addr.addr_id);
    line->add_addr.addr = (struct addr_line){.literal = true, .addr = opt->add_addr.addr};
    if (opt->add_addr.has_port)
        line->add_addr.port = value_number(opt->add_addr.port);
    if (!opt->add_addr.echo)
        line->add_addr.hmac = value_number(opt->add_addr.hmac);
}

void mp_lift(const struct tcp_flow *flow, const struct mpopt *opt, struct mp_line *line) {
    memset(line, 0, sizeof *line);
    line->type = opt->type;
    switch (opt->type) {
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPC_DATA:
        lift_capable(opt, line);
        break;
    case MPJ_SYN:
    case MPJ_SYNACK:
    case MPJ_ACK:
        lift_join(opt, line);
        break;
    case MP_DSS:
        lift_dss(flow->mp, opt, line);
        break;
    case MP_ADD_ADDR:
        lift_add_addr(opt, line);
        break;
    case MP_REMOVE_ADDR:
        line->remove.n = opt->remove.n;
        memcpy(line->remove.ids, opt->remove.ids, sizeof line->remove.ids);
        break;
    case MP_PRIO:
        line->prio.backup = opt->prio.backup;
        break;
    case MP_FAIL:
        line->fail.dsn = counted(opt->fail.dsn, flow->mp ? mp_base(&flow->mp->peer) : 0, true);
        break;
    case MP_FASTCLOSE:
        line->fastclose.key = value_number(mp_key_swap(opt->fastclose.key));
        break;
    case MP_TCPRST:
        line->rst.reason = opt->rst.reason;
        line->rst.flags = opt->rst.transient;
        break;
    case MP_TYPE_COUNT:
        break;
    }
}

/* ---- What was expected ------------------------------------------------------------------------------------------- */

struct resolving {
    struct flows *f;
    const struct tcp_flow *flow;
    char *error;
    size_t size;
};

/* A key by name, as the number that scripts write. An unbound name agrees with anything; so does that of the stack's
 * key before it was seen, when the script did not choose it. */
static void resolve_key(const struct resolving *r, struct value *v, bool own) {
    uint64_t key;
    if (v->kind != VALUE_NAME)
        return;
    bool known = mp_key_of(r->f, v, &key);
    bool first = own && r->flow->mp && !r->flow->mp->stack.known && !key_named(r->f, v->name)->assigned;
    *v = known && !first ? value_number(mp_key_swap(key)) : (struct value){.kind = VALUE_ANY};
}

static bool resolve_number(const struct resolving *r, struct value *v, uint64_t base, bool wide) {
    uint64_t n;
    if (!value_given(v) || v->kind == VALUE_NUMBER)
        return true;
    if (!mp_number(r->f, v, base, &n, r->error, r->size))
        return false;
    *v = counted(n, base, wide);
    return true;
}

static bool resolve_dss(const struct resolving *r, const struct mp_line *came, struct mp_line *line) {
    const struct mp_conn *mp = r->flow->mp;
    uint64_t dsn_base = mp ? mp_base(&mp->stack) : 0;
    if (!resolve_number(r, &line->dss.ack, mp ? mp_base(&mp->peer) : 0, line->dss.ack64) ||
        !resolve_number(r, &line->dss.dsn, dsn_base, line->dss.dsn64))
        return false;
    if (line->dss.csum.kind == VALUE_NUMBER && line->dss.csum.n == 0)
        line->dss.nocs = true;
    if (!line->dss.has_map)
        line->dss.nocs = true;
    if (!line->dss.nocs && line->dss.csum.kind != VALUE_NUMBER && came->type == MP_DSS && came->dss.has_map) {
        struct csum c = {0};
        uint64_t n = came->dss.dsn.n;
        if (!came->dss.dsn64 && mp) /* the script's numbers are small: the nearest to what was seen */
            n = dsn_unwrap((struct dsn){mp->stack_octets + 1}, (uint32_t)n).v;
        mp_csum_add_pseudo(&c, (struct dsn){dsn_base + n}, (uint32_t)came->dss.ssn.n, (uint16_t)came->dss.dll.n);
        line->dss.csum = value_number(came->dss.dll.n ? csum_finish(&c) : 0); /* none of an infinite mapping (3.3.1) */
    }
    if (line->dss.nocs)
        line->dss.csum.kind = VALUE_ANY;
    return true;
}

static bool resolve_join(const struct resolving *r, const struct mp_line *came, struct mp_line *line) {
    const struct mp_conn *mp = r->flow->mp;
    if (line->mpj.addr_id.kind == VALUE_AUTO || (line->type == MPJ_SYNACK && !r->f->settings->strict))
        line->mpj.addr_id.kind = VALUE_ANY;
    if (line->type == MPJ_SYN) {
        if (line->mpj.token.kind == VALUE_AUTO)
            line->mpj.token =
                mp && mp->peer.known ? value_number(mp_token(mp->peer.key)) : (struct value){.kind = VALUE_ANY};
        return resolve_number(r, &line->mpj.token, 0, true);
    }
    if (line->mpj.hmac.kind == VALUE_NUMBER)
        return true;
    line->mpj.hmac.kind = VALUE_ANY;
    if (!mp || !mp->peer.known || !mp->stack.known || came->type != line->type)
        return true;
    uint8_t hmac[32];
    uint32_t nonce = line->type == MPJ_SYNACK ? (uint32_t)came->mpj.nonce.n : r->flow->stack_nonce;
    mp_join_hmac(mp->stack.key, mp->peer.key, nonce, r->flow->peer_nonce, hmac);
    line->mpj.hmac = value_number(0);
    memset(line->mpj.hmac_bytes, 0, sizeof line->mpj.hmac_bytes);
    memcpy(line->mpj.hmac_bytes, hmac, line->type == MPJ_SYNACK ? 8 : sizeof line->mpj.hmac_bytes);
    return true;
}

static bool resolve_add_addr(const struct resolving *r, const struct mp_line *came, struct mp_line *line) {
    const struct mp_conn *mp = r->flow->mp;
    const struct addr_name *a = line->add_addr.addr.name ? addr_named(r->f, line->add_addr.addr.name) : NULL;
    if (!line->add_addr.addr.literal && a && a->bound) {
        line->add_addr.addr.literal = true;
        line->add_addr.addr.addr = a->at.addr;
    }
    if (line->add_addr.addr_id.kind == VALUE_AUTO)
        line->add_addr.addr_id.kind = VALUE_ANY;
    if (line->add_addr.hmac.kind != VALUE_AUTO)
        return true;
    line->add_addr.hmac.kind = VALUE_ANY;
    if (mp && mp->peer.known && mp->stack.known && came->type == MP_ADD_ADDR && !came->add_addr.echo)
        line->add_addr.hmac =
            value_number(mp_add_addr_hmac(mp->stack.key, mp->peer.key, (uint8_t)came->add_addr.addr_id.n,
                                          &came->add_addr.addr.addr, (uint16_t)came->add_addr.port.n));
    return true;
}

bool mp_resolve(struct flows *f, const struct tcp_flow *flow, const struct mp_line *want, const struct mp_line *came,
                struct mp_line *resolved, char *error, size_t size) {
    const struct resolving r = {f, flow, error, size};
    *resolved = *want;
    switch (want->type) {
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPC_DATA:
        for (uint8_t i = 0; i < want->mpc.nkeys; i++)
            resolve_key(&r, &resolved->mpc.key[i], i == 0);
        return true;
    case MPJ_SYN:
    case MPJ_SYNACK:
    case MPJ_ACK:
        return resolve_join(&r, came, resolved);
    case MP_DSS:
        return resolve_dss(&r, came, resolved);
    case MP_ADD_ADDR:
        return resolve_add_addr(&r, came, resolved);
    case MP_FAIL:
        return resolve_number(&r, &resolved->fail.dsn, flow->mp ? mp_base(&flow->mp->peer) : 0, true);
    case MP_FASTCLOSE: /* it carries the receiver's key */
        resolve_key(&r, &resolved->fastclose.key, false);
        if (!value_given(&resolved->fastclose.key) && flow->mp && flow->mp->peer.known)
            resolved->fastclose.key = value_number(mp_key_swap(flow->mp->peer.key));
        return true;
    case MP_REMOVE_ADDR:
    case MP_PRIO:
    case MP_TCPRST:
    case MP_TYPE_COUNT:
        break;
    }
    return true;
}

/* ---- What is learnt ---------------------------------------------------------------------------------------------- */

static void learn_keys(struct flows *f, struct mp_conn *mp, const struct mp_line *want, const struct mp_line *came) {
    if (came->mpc.nkeys && !mp->stack.known)
        mp->stack = (struct mp_key){true, mp_key_swap(came->mpc.key[0].n)};
    for (uint8_t i = 0; i < want->mpc.nkeys && i < came->mpc.nkeys; i++) {
        if (!want->mpc.key[i].name)
            continue;
        struct key_name *k = key_named(f, want->mpc.key[i].name);
        if (!k->assigned)
            k->key = (struct mp_key){true, mp_key_swap(came->mpc.key[i].n)};
    }
}

static void learn_map(struct mp_conn *mp, const struct mp_line *came) {
    uint64_t dsn = came->dss.dsn.n, end;
    if (!came->dss.dsn64)
        dsn = dsn_unwrap((struct dsn){mp->stack_octets + 1}, (uint32_t)dsn).v;
    mp->stack_dsn = mp_base(&mp->stack) + dsn;
    end = dsn + came->dss.dll.n - 1;
    if (came->dss.dll.n && end > mp->stack_octets && end - mp->stack_octets < UINT32_MAX)
        mp->stack_octets = end;
}

void mp_learn(struct flows *f, struct tcp_flow *flow, const struct mp_line *want, const struct mp_line *came) {
    struct mp_conn *mp = flow->mp;
    if (!mp)
        return;
    switch (came->type) {
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPC_DATA:
        learn_keys(f, mp, want, came);
        if (came->type == MPC_DATA && mp->stack_octets < came->mpc.len)
            mp->stack_octets = came->mpc.len;
        break;
    case MPJ_SYN:
    case MPJ_SYNACK:
        flow->stack_nonce = (uint32_t)came->mpj.nonce.n;
        break;
    case MP_DSS:
        if (came->dss.has_map)
            learn_map(mp, came);
        break;
    case MP_ADD_ADDR:
        if (want->add_addr.addr.name) {
            struct addr_name *a = addr_named(f, want->add_addr.addr.name);
            if (!a->bound)
                *a = (struct addr_name){
                    .next = a->next, .name = a->name, .bound = true, .at.addr = came->add_addr.addr.addr};
            if (!came->add_addr.echo) {
                a->has_id = true;
                a->id = (uint8_t)came->add_addr.addr_id.n;
                a->at.port =
                    value_given(&came->add_addr.port) ? (uint16_t)came->add_addr.port.n : flow->ends.local.port;
            }
        }
        break;
    default:
        break;
    }
}
