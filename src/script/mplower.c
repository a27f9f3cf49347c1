/* SPDX-License-Identifier: BSD-3-Clause */
/* Inbound MPTCP options: what a script says, with all that it left out, as the peer would send it. */
#include <stdio.h>
#include <string.h>

#include "script/mpvalue.h"
#include "wire/bytes.h"
#include "wire/mpcrypto.h"

enum { NONCE_DEFAULT = 42 };

struct lowering {
    struct flows *f;
    struct tcp_flow *flow;
    const struct packet *p;
    char *error;
    size_t size;
};

static bool needs_keys(const struct lowering *l, const char *what) {
    const struct mp_conn *mp = l->flow->mp;
    if (mp && mp->peer.known && mp->stack.known)
        return true;
    snprintf(l->error, l->size, "%s cannot be computed: the %s's key is not known yet", what,
             mp && mp->peer.known ? "stack" : "peer");
    return false;
}

static uint16_t dss_checksum(uint64_t dsn, uint32_t ssn, uint16_t len) {
    struct csum c = {0};
    mp_csum_add_pseudo(&c, (struct dsn){dsn}, ssn, len);
    return csum_finish(&c); /* the payload of scripts is zeros */
}

/* ---- MP_CAPABLE -------------------------------------------------------------------------------------------------- */

static bool capable_key(const struct lowering *l, const struct value *v, bool own, uint64_t *key) {
    if (mp_key_of(l->f, v, key))
        return true;
    if (!own || !v->name) {
        snprintf(l->error, l->size, "the key %s has no value yet", v->name ? v->name : "here");
        return false;
    }
    struct key_name *k = key_named(l->f, v->name);
    k->key = (struct mp_key){true, *key = flows_random(l->f)};
    return true;
}

static bool lower_capable(const struct lowering *l, const struct mp_line *line, struct mpopt *opt) {
    struct mp_conn *mp = l->flow->mp;
    uint64_t keys[2] = {0};
    for (uint8_t i = 0; i < line->mpc.nkeys; i++)
        if (!capable_key(l, &line->mpc.key[i], i == 0, &keys[i]))
            return false;
    if (line->mpc.nkeys && mp && !mp->peer.known)
        mp->peer = (struct mp_key){true, keys[0]};
    opt->mpc.version = line->mpc.version;
    opt->mpc.flags = line->mpc.flags;
    opt->mpc.sender_key = keys[0];
    opt->mpc.receiver_key = keys[1];
    opt->mpc.len = line->mpc.len;
    if (line->type == MPC_DATA && value_given(&line->mpc.csum)) {
        opt->mpc.has_csum = true;
        opt->mpc.csum = line->mpc.csum.kind == VALUE_NUMBER ? (uint16_t)line->mpc.csum.n
                                                            : dss_checksum(mp_idsn(keys[0]) + 1, 1, line->mpc.len);
    }
    if (line->type == MPC_DATA && mp && mp->peer_octets < line->mpc.len)
        mp->peer_octets = line->mpc.len;
    return true;
}

/* ---- MP_JOIN ----------------------------------------------------------------------------------------------------- */

static bool lower_hmac(const struct lowering *l, const struct mp_line *line, uint8_t hmac[32]) {
    const struct mp_conn *mp = l->flow->mp;
    const struct value *v = &line->mpj.hmac;
    uint64_t own, peer;
    if (v->kind == VALUE_NUMBER) {
        memcpy(hmac, line->mpj.hmac_bytes, sizeof line->mpj.hmac_bytes);
        return true;
    }
    if (v->kind == VALUE_HMAC && !v->name) {
        store_be64(hmac, v->n);
        return true;
    }
    if (v->kind == VALUE_HMAC) {
        struct value second = {.kind = VALUE_NAME, .name = v->name2};
        if (!mp_key_of(l->f, v, &own) || !mp_key_of(l->f, &second, &peer)) {
            snprintf(l->error, l->size, "a key of %s(%s %s) has no value yet", v->function, v->name, v->name2);
            return false;
        }
    } else {
        if (!needs_keys(l, "the HMAC of an MP_JOIN"))
            return false;
        own = mp->peer.key;
        peer = mp->stack.key;
    }
    mp_join_hmac(own, peer, l->flow->peer_nonce, l->flow->stack_nonce, hmac);
    return true;
}

static bool lower_join(const struct lowering *l, const struct mp_line *line, struct mpopt *opt) {
    struct mp_conn *mp = l->flow->mp;
    opt->mpj.backup = line->mpj.backup;
    if (line->type != MPJ_ACK) {
        bool given = line->mpj.addr_id.kind == VALUE_NUMBER;
        if (given)
            l->flow->peer_addr_id = (uint8_t)line->mpj.addr_id.n;
        else if (mp)
            l->flow->peer_addr_id = flow_peer_addr_id(mp, &l->flow->ends.remote.addr);
        if (given && mp)
            flow_set_peer_addr_id(mp, &l->flow->ends.remote.addr, l->flow->peer_addr_id);
        opt->mpj.addr_id = l->flow->peer_addr_id;
        l->flow->peer_nonce = value_given(&line->mpj.nonce) ? (uint32_t)line->mpj.nonce.n
                              : line->type == MPJ_SYN       ? NONCE_DEFAULT
                                                            : (uint32_t)flows_random(l->f);
        opt->mpj.nonce = l->flow->peer_nonce;
    }
    if (line->type == MPJ_SYN) {
        uint64_t token = 0;
        if (value_given(&line->mpj.token) && line->mpj.token.kind != VALUE_AUTO) {
            if (!mp_number(l->f, &line->mpj.token, 0, &token, l->error, l->size))
                return false;
        } else {
            if (!mp || !mp->stack.known)
                return needs_keys(l, "the token");
            token = mp_token(mp->stack.key);
        }
        opt->mpj.token = (uint32_t)token;
        return true;
    }
    uint8_t hmac[32] = {0};
    if (!lower_hmac(l, line, hmac))
        return false;
    opt->mpj.hmac64 = mp_join_hmac64(hmac);
    memcpy(opt->mpj.hmac160, hmac, sizeof opt->mpj.hmac160);
    return true;
}

/* ---- DSS --------------------------------------------------------------------------------------------------------- */

/* 0 stands for a field that is zero; what is left out is `next`. */
static bool data_number(const struct lowering *l, const struct value *v, uint64_t base, uint64_t next, uint64_t *n) {
    if (!value_given(v))
        *n = base + next;
    else if (v->kind == VALUE_NUMBER && v->n == 0)
        *n = 0;
    else
        return mp_number(l->f, v, base, n, l->error, l->size);
    return true;
}

static bool lower_dss(const struct lowering *l, const struct mp_line *line, struct mpopt *opt) {
    struct mp_conn *mp = l->flow->mp;
    if (!mp) {
        snprintf(l->error, l->size, "a DSS needs an MPTCP connection");
        return false;
    }
    opt->dss.has_ack = line->dss.has_ack;
    opt->dss.ack64 = line->dss.ack64;
    if (line->dss.has_ack && !data_number(l, &line->dss.ack, mp_base(&mp->stack), mp->stack_octets + 1, &opt->dss.ack))
        return false;
    if (!line->dss.has_map)
        return true;
    uint64_t base = mp_base(&mp->peer), len = l->p->tcp.len + line->dss.fin;
    opt->dss.has_map = true;
    opt->dss.dsn64 = line->dss.dsn64;
    opt->dss.data_fin = line->dss.fin;
    if (!data_number(l, &line->dss.dsn, base, mp->peer_octets + 1, &opt->dss.dsn))
        return false;
    opt->dss.len = value_given(&line->dss.dll) ? (uint16_t)line->dss.dll.n : (uint16_t)len;
    opt->dss.ssn = value_given(&line->dss.ssn)           ? (uint32_t)line->dss.ssn.n
                   : opt->dss.data_fin && !l->p->tcp.len ? 0
                                                         : l->p->tcp.seq;
    bool zero = line->dss.csum.kind == VALUE_NUMBER && line->dss.csum.n == 0;
    opt->dss.has_csum = !line->dss.nocs && !zero;
    opt->dss.csum = line->dss.csum.kind == VALUE_NUMBER ? (uint16_t)line->dss.csum.n
                    : opt->dss.len                      ? dss_checksum(opt->dss.dsn, opt->dss.ssn, opt->dss.len)
                                                        : 0; /* an infinite mapping has none (3.3.1) */
    uint64_t end = opt->dss.dsn - base + opt->dss.len - 1;
    if (opt->dss.len && end > mp->peer_octets && end - mp->peer_octets < UINT32_MAX)
        mp->peer_octets = end;
    if (!opt->dss.ack64)
        opt->dss.ack = (uint32_t)opt->dss.ack;
    if (!opt->dss.dsn64)
        opt->dss.dsn = (uint32_t)opt->dss.dsn;
    return true;
}

/* ---- The others -------------------------------------------------------------------------------------------------- */

static bool lower_add_addr(const struct lowering *l, const struct mp_line *line, struct mpopt *opt) {
    struct mp_conn *mp = l->flow->mp;
    struct addr_name *a = line->add_addr.addr.name ? addr_named(l->f, line->add_addr.addr.name) : NULL;
    const struct value *id = &line->add_addr.addr_id, *port = &line->add_addr.port;
    if (!mp) {
        snprintf(l->error, l->size, "ADD_ADDR needs an MPTCP connection");
        return false;
    }
    uint8_t new_id = 0;
    struct umptcp_sockaddr at = {.port = l->flow->ends.remote.port};
    if (line->add_addr.addr.literal)
        at.addr = line->add_addr.addr.addr;
    else if (a && a->bound)
        at = a->at;
    else if (line->add_addr.echo) {
        snprintf(l->error, l->size, "addr[%s] stands for nothing yet: an echo names an address that was announced",
                 a ? a->name : "");
        return false;
    } else {
        at.addr = flow_new_peer_addr(l->f, mp, &new_id);
    }
    if (value_given(port))
        at.port = (uint16_t)port->n;
    opt->add_addr.echo = line->add_addr.echo;
    opt->add_addr.addr = at.addr;
    opt->add_addr.has_port = value_given(port);
    opt->add_addr.port = opt->add_addr.has_port ? at.port : 0;
    opt->add_addr.addr_id = id->kind == VALUE_NUMBER                ? (uint8_t)id->n
                            : line->add_addr.echo && a && a->has_id ? a->id
                                                                    : flow_peer_addr_id(mp, &at.addr);
    if (!line->add_addr.echo)
        flow_set_peer_addr_id(mp, &at.addr, opt->add_addr.addr_id);
    if (a && !a->bound)
        *a = (struct addr_name){a->next, a->name, true, true, at, opt->add_addr.addr_id};
    if (line->add_addr.echo)
        return true;
    if (line->add_addr.hmac.kind == VALUE_NUMBER) {
        opt->add_addr.hmac = line->add_addr.hmac.n;
        return true;
    }
    if (!needs_keys(l, "the HMAC of ADD_ADDR"))
        return false;
    opt->add_addr.hmac =
        mp_add_addr_hmac(mp->peer.key, mp->stack.key, opt->add_addr.addr_id, &at.addr, opt->add_addr.port);
    return true;
}

static bool lower_fail(const struct lowering *l, const struct mp_line *line, struct mpopt *opt) {
    const struct mp_conn *mp = l->flow->mp;
    if (!mp || !mp->stack.known) {
        snprintf(l->error, l->size, "MP_FAIL needs the stack's key, which is not known yet");
        return false;
    }
    if (!value_given(&line->fail.dsn)) {
        opt->fail.dsn = mp->stack_dsn;
        return true;
    }
    return mp_number(l->f, &line->fail.dsn, mp_base(&mp->stack), &opt->fail.dsn, l->error, l->size);
}

static bool lower_fastclose(const struct lowering *l, const struct mp_line *line, struct mpopt *opt) {
    const struct mp_conn *mp = l->flow->mp;
    const struct value *v = &line->fastclose.key;
    uint64_t key;
    if (v->kind == VALUE_NAME || v->kind == VALUE_NUMBER) {
        if (!mp_key_of(l->f, v, &key)) {
            snprintf(l->error, l->size, "the key %s has no value yet", v->name);
            return false;
        }
        opt->fastclose.key = v->assigned || v->kind == VALUE_NUMBER ? key : mp_key_swap(mp_key_swap(key) + v->n);
        return true;
    }
    if (!mp || !mp->stack.known) {
        snprintf(l->error, l->size, "MP_FASTCLOSE carries the stack's key, which is not known yet");
        return false;
    }
    opt->fastclose.key = mp->stack.key;
    return true;
}

bool mp_lower(struct flows *f, struct tcp_flow *flow, const struct packet *p, const struct mp_line *line,
              struct mpopt *opt, char *error, size_t size) {
    const struct lowering l = {f, flow, p, error, size};
    memset(opt, 0, sizeof *opt);
    opt->type = line->type;
    switch (line->type) {
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPC_DATA:
        return lower_capable(&l, line, opt);
    case MPJ_SYN:
    case MPJ_SYNACK:
    case MPJ_ACK:
        return lower_join(&l, line, opt);
    case MP_DSS:
        return lower_dss(&l, line, opt);
    case MP_ADD_ADDR:
        return lower_add_addr(&l, line, opt);
    case MP_REMOVE_ADDR:
        opt->remove.n = line->remove.n;
        memcpy(opt->remove.ids, line->remove.ids, sizeof opt->remove.ids);
        return true;
    case MP_PRIO:
        opt->prio.backup = line->prio.backup;
        return true;
    case MP_FAIL:
        return lower_fail(&l, line, opt);
    case MP_FASTCLOSE:
        return lower_fastclose(&l, line, opt);
    case MP_TCPRST:
        opt->rst.reason = line->rst.reason;
        opt->rst.transient = line->rst.flags & 1;
        return true;
    case MP_TYPE_COUNT:
        break;
    }
    return false;
}
