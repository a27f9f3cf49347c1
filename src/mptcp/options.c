/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which MPTCP options a segment carries. The ledger is 40 bytes; timestamps take 12 of them. Handshake forms and
 * mappings come first, then signals, then what SACK can have (RFC 8684 appendix A). Signals ride on segments without
 * payload only.
 */
#include <assert.h>
#include <string.h>

#include "mptcp/conn.h"
#include "wire/mpcrypto.h"

struct ledger {
    struct mpopts *mp;
    uint32_t left;
};

static uint32_t padded(const struct mpopt *o) { return (mpopt_len(o) + 3u) & ~3u; }

/* Takes `o` in when it fits. */
static bool ledger_put(struct ledger *l, const struct mpopt *o) {
    uint32_t need = padded(o);
    if (need > l->left)
        return false;
    struct mpopt *slot = mpopts_add(l->mp, o->type);
    if (!slot)
        return false;
    *slot = *o;
    l->left -= need;
    return true;
}

/* ---- One option each -----------------------------------------------------------------------------------------------
 */

static uint8_t mpc_flags(const struct conn *c, bool csum) {
    uint8_t flags = MPC_HMAC_SHA256;
    if (csum)
        flags |= MPC_CSUM;
    if (!c->mp->env->cfg.allow_join_initial_addr_port)
        flags |= MPC_DENY_JOIN0;
    return flags;
}

static void put_mpc(struct ledger *l, const struct conn *c, enum mp_type type, const struct tx_map *map) {
    struct mpopt o = {.type = type};
    bool opening = type == MPC_SYN || type == MPC_SYNACK; /* own wish; later the outcome (RFC 8684 3.1) */
    o.mpc.version = 1;
    o.mpc.flags = mpc_flags(c, opening ? c->csum_wanted : c->csum);
    o.mpc.sender_key = c->local_key;
    o.mpc.receiver_key = c->remote_key;
    if (map) {
        o.mpc.len = (uint16_t)map->len;
        o.mpc.has_csum = c->csum;
        o.mpc.csum = map->csum;
    }
    ledger_put(l, &o);
}

static void put_mpj(struct ledger *l, const struct subflow *sf, enum mp_type type) {
    const struct conn *c = sf->conn;
    struct mpopt o = {.type = type};
    uint8_t hmac[32];
    o.mpj.backup = sf->local_backup;
    o.mpj.addr_id = sf->local_id;
    o.mpj.nonce = sf->local_nonce;
    o.mpj.token = c->remote_token;
    if (type != MPJ_SYN) {
        mp_join_hmac(c->local_key, c->remote_key, sf->local_nonce, sf->remote_nonce, hmac);
        o.mpj.hmac64 = mp_join_hmac64(hmac);
        memcpy(o.mpj.hmac160, hmac, sizeof o.mpj.hmac160);
    }
    ledger_put(l, &o);
}

/*
 * The DATA_ACK: the next expected number, behind the DATA_FIN when all before it came. Data whose checksum failed is
 * not acknowledged, so that the peer knows where its infinite mapping has to begin (RFC 8684 3.7).
 */
static struct dsn data_ack(const struct conn *c) {
    return c->failing && !c->eof ? c->paths->fail_dsn : dsn_add(c->rcv_nxt, c->eof && !c->eof_apart);
}

bool options_repeat_ack(const struct subflow *sf, const struct tcp_plan *plan) {
    return ssn_eq(sf->tcb.last_ack_sent, sf->tcb.rcv_nxt) && (plan->kind != TCP_PLAN_DATA || plan->again);
}

/* Another subflow has an acknowledgment to say, and with it the DATA_ACK that it brought about. */
static bool others_will_ack(const struct subflow *sf) {
    list_for_each (n, &sf->conn->subflows) {
        const struct subflow *other = subflow_of(n);
        if (other != sf && other->state == SF_ACTIVE && !ssn_eq(other->tcb.last_ack_sent, other->tcb.rcv_nxt))
            return true;
    }
    return false;
}

/*
 * What a segment says that repeats this subflow's last acknowledgment, while others used some of the window that went
 * with that: the same window, and a DATA_ACK that is so much older, for the same edge. Linux keeps the larger window
 * whatever such a segment says, and would add the present DATA_ACK to it (RFC 9293 3.10.7.4 would take the new one);
 * what it then sent beyond the edge would be lost after TCP acknowledged it, and come again by its data-level timer
 * alone, piece by piece. The present DATA_ACK is for others to say, unless nobody else does.
 */
uint32_t options_ack_lag(const struct subflow *sf, const struct tcp_plan *plan) {
    const struct conn *c = sf->conn;
    const uint64_t window = conn_window(c);
    if (!conn_is_mptcp(c) || !options_repeat_ack(sf, plan) || window >= sf->wnd_told || sf->signals & SIG_DATA_ACK ||
        (!dsn_eq(c->last_data_ack_sent, data_ack(c)) && !others_will_ack(sf)))
        return 0;
    return sf->wnd_told - (uint32_t)window;
}

static void dss_ack(struct mpopt *o, const struct subflow *sf, const struct tcp_plan *plan) {
    const struct conn *c = sf->conn;
    const struct dsn ack = {data_ack(c).v - options_ack_lag(sf, plan)};
    o->dss.has_ack = true;
    o->dss.ack64 = c->ack64;
    o->dss.ack = c->ack64 ? ack.v : (uint32_t)ack.v;
}

static void dss_map(struct mpopt *o, const struct conn *c, struct dsn dsn, uint32_t ssn, uint16_t len, uint16_t csum) {
    o->dss.has_map = o->dss.dsn64 = true;
    o->dss.dsn = dsn.v;
    o->dss.ssn = ssn;
    o->dss.len = len;
    o->dss.has_csum = c->csum;
    o->dss.csum = csum;
}

/*
 * While this end may become plain TCP, no DATA_ACK goes with TCP's acknowledgment of bytes that no mapping covers: it
 * would tell the peer to send them again, at other positions (rescue_data()), and were their mapping lost on the way,
 * too, they would be new bytes here.
 */
static bool may_data_ack(const struct subflow *sf) {
    return conn_is_mptcp(sf->conn) && !(hold_acks_unmapped(sf) && fallback_possible(sf->conn));
}

/* Before the third ACK there is no key of the client's, and so nothing that could be acknowledged. */
static void put_dss(struct ledger *l, const struct subflow *sf, const struct tcp_plan *plan, const struct tx_map *map) {
    const struct conn *c = sf->conn;
    struct mpopt o = {.type = MP_DSS};
    if (may_data_ack(sf))
        dss_ack(&o, sf, plan);
    else if (!map)
        return;
    if (map) {
        dss_map(&o, c, map->dsn, subflow_tx_ssn(sf, map->ssn), (uint16_t)(map->len + map->data_fin), map->csum);
        o.dss.data_fin = map->data_fin;
    }
    ledger_put(l, &o);
}

/* DATA_FIN without payload: SSN 0, length 1, checksum over the pseudo-header (3.3.3). */
static void put_data_fin(struct ledger *l, const struct subflow *sf, const struct tcp_plan *plan) {
    const struct conn *c = sf->conn;
    struct mpopt o = {.type = MP_DSS};
    struct csum sum = {0};
    mp_csum_add_pseudo(&sum, c->write_seq, 0, 1);
    if (may_data_ack(sf))
        dss_ack(&o, sf, plan);
    dss_map(&o, c, c->write_seq, 0, 1, csum_finish(&sum));
    o.dss.data_fin = true;
    ledger_put(l, &o);
}

static void put_fail(struct ledger *l, const struct subflow *sf) {
    struct mpopt o = {.type = MP_FAIL};
    o.fail.dsn = sf->conn->paths->fail_dsn.v;
    ledger_put(l, &o);
}

static void add_addr_fields(struct mpopt *o, const struct pm_remote *a, bool has_port) {
    o->add_addr.addr_id = a->id;
    o->add_addr.addr = a->addr.addr;
    o->add_addr.has_port = has_port;
    o->add_addr.port = a->addr.port;
}

static void put_echo(struct ledger *l, const struct conn *c) {
    struct mpopt o = {.type = MP_ADD_ADDR};
    o.add_addr.echo = true;
    const struct pm_remote *r = deque_front(&c->paths->echoes);
    add_addr_fields(&o, r, r->addr.port != 0);
    ledger_put(l, &o);
}

static void put_add_addr(struct ledger *l, const struct conn *c) {
    const struct add_addr *a = &c->paths->add;
    struct mpopt o = {.type = MP_ADD_ADDR};
    add_addr_fields(&o, &(struct pm_remote){.id = a->id, .addr = a->addr}, a->addr.port != 0);
    o.add_addr.hmac = mp_add_addr_hmac(c->local_key, c->remote_key, a->id, &a->addr.addr, a->addr.port);
    ledger_put(l, &o);
}

static void put_remove(struct ledger *l, const struct conn *c) {
    struct mpopt o = {.type = MP_REMOVE_ADDR};
    o.remove.n = c->paths->nremove;
    memcpy(o.remove.ids, c->paths->remove_ids, c->paths->nremove);
    ledger_put(l, &o);
}

static void put_prio(struct ledger *l, const struct subflow *sf) {
    struct mpopt o = {.type = MP_PRIO};
    o.prio.backup = sf->local_backup;
    ledger_put(l, &o);
}

/* ---- One kind of segment each --------------------------------------------------------------------------------------
 */

static void put_fastclose(struct ledger *l, const struct conn *c) {
    struct mpopt o = {.type = MP_FASTCLOSE};
    o.fastclose.key = c->remote_key;
    ledger_put(l, &o);
}

static void fill_rst(struct ledger *l, const struct subflow *sf) {
    const struct conn *c = sf->conn;
    if (!conn_is_mptcp(c) && !sf->join)
        return;
    if (sf->signals & SIG_FASTCLOSE) {
        put_fastclose(l, c);
    } else if (sf->signals & SIG_FAIL) {
        put_fail(l, sf);
    }
    struct mpopt o = {.type = MP_TCPRST};
    o.rst.reason = sf->rst_reason;
    o.rst.transient = sf->rst_transient && !(sf->signals & SIG_FASTCLOSE);
    ledger_put(l, &o);
}

static void fill_syn(struct ledger *l, const struct subflow *sf, struct tcp_plan *plan) {
    const struct conn_fastopen *fast = sf->join ? NULL : sf->conn->fast;
    if (fast && fast->option && (!sf->initiator || !sf->tcb.syn_sends)) /* RFC 7413 4.2.1: a second SYN has neither */
        plan->cookie = &fast->cookie;
    plan->len = fastopen_syn_len(sf);
    if (sf->join)
        put_mpj(l, sf, sf->initiator ? MPJ_SYN : MPJ_SYNACK);
    else if (sf->conn->mode == MP_ASKED)
        put_mpc(l, sf->conn, sf->initiator ? MPC_SYN : MPC_SYNACK, NULL);
}

/* The segment stays within the mapping that it starts in, and carries that mapping whole (a retransmission the same).
 */
static void fill_data(struct ledger *l, const struct subflow *sf, struct tcp_plan *plan) {
    const struct conn *c = sf->conn;
    const struct tx_map *map = tx_map_find(sf, plan->ssn);
    assert(map);
    uint64_t rest = ssn_sub(ssn_add(map->ssn, map->len), plan->ssn);
    if (plan->len > rest) {
        plan->len = (uint32_t)rest;
        plan->fin = false;
        plan->flags &= (uint8_t)~TCP_FIN;
    }
    if (c->infinite_tx && !plan->again && !map->mpc) { /* 3.7: one last mapping, without end */
        struct mpopt o = {.type = MP_DSS};
        dss_map(&o, c, map->dsn, subflow_tx_ssn(sf, map->ssn), 0, 0);
        ledger_put(l, &o);
    } else if (map->mpc && conn_is_mptcp(c)) {
        put_mpc(l, c, MPC_DATA, map);
    } else if (conn_maps(c)) {
        put_dss(l, sf, plan, map);
    }
}

/* The client says both keys until it has seen that the server has them; a DATA_FIN must not stand in for the third ACK.
 */
static bool says_keys(const struct subflow *sf, const struct tcp_plan *plan) {
    bool unconfirmed =
        sf->conn->mode == MP_PENDING && sf->initiator && !sf->join && ssn_le(plan->ssn, subflow_tx_first(sf));
    return unconfirmed && !(sf->keys_said && sf->conn->data_fin_sent && !sf->conn->data_fin_acked);
}

/* An announcement or an echo has its ACK for itself, as Linux has it: an address of IPv6 leaves no room for a DSS, and
 * so all look alike. The echo goes first: the peer waits for it. */
static bool fill_address(struct ledger *l, const struct subflow *sf) {
    const struct conn *c = sf->conn;
    if (sf->signals & SIG_ECHO && c->paths->echoes.count)
        put_echo(l, c);
    else if (sf->signals & SIG_ADD_ADDR && c->paths->add.active)
        put_add_addr(l, c);
    return l->mp->n > 0;
}

/* What stands behind the DSS. MP_FAIL has it for itself. */
static void fill_signals(struct ledger *l, const struct subflow *sf) {
    if (sf->signals & SIG_FAIL) {
        put_fail(l, sf);
        return;
    }
    if (!conn_keys_shared(sf->conn))
        return;
    if (sf->signals & SIG_PRIO)
        put_prio(l, sf);
    if (sf->signals & SIG_REMOVE_ADDR && sf->conn->paths->nremove)
        put_remove(l, sf->conn);
}

/* 30 octets and their padding: beside timestamps there is no room for an IPv6 address with a port. */
static bool needs_ts_room(const struct subflow *sf) {
    const struct conn *c = sf->conn;
    return sf->signals & SIG_ADD_ADDR && !(sf->signals & SIG_ECHO) && c->paths->add.active &&
           !addr_is_v4(&c->paths->add.addr.addr) && c->paths->add.addr.port;
}

/* Until it is acknowledged, the end of our direction is repeated in whatever has no mapping of its own; but signals
 * that were not said at all yet need the room more. */
static bool says_end(const struct subflow *sf, const struct tcp_plan *plan) {
    const struct conn *c = sf->conn;
    bool others = sf->signals & SIG_FAIL || (plan->carrier && sf->signals & (SIG_PRIO | SIG_REMOVE_ADDR));
    return c->data_fin_sent && !c->data_fin_acked && (sf->signals & SIG_DATA_FIN || !others);
}

static void fill_ack(struct ledger *l, const struct subflow *sf, struct tcp_plan *plan) {
    const struct conn *c = sf->conn;
    if (!conn_is_mptcp(c)) {
        if (sf->signals & SIG_FAIL)
            put_fail(l, sf);
        return;
    }
    if (sf->state == SF_FASTCLOSE) {
        put_fastclose(l, c);
        return;
    }
    if (sf->join && sf->state == SF_PRE) {
        put_mpj(l, sf, MPJ_ACK);
        return;
    }
    if (says_keys(sf, plan)) {
        put_mpc(l, c, MPC_ACK, NULL);
        return;
    }
    if (plan->carrier && conn_keys_shared(c) && !(sf->signals & SIG_FAIL)) {
        if (sf->tcb.ts_ok && needs_ts_room(sf)) {
            plan->no_ts = true;
            l->left += TCP_OPT_TS_LEN;
        }
        if (fill_address(l, sf)) {
            plan->ack_later = true;
            return;
        }
    }
    if (says_end(sf, plan))
        put_data_fin(l, sf, plan);
    else
        put_dss(l, sf, plan, NULL);
    if (sf->signal_acks < SIGNAL_ACKS_MAX)
        fill_signals(l, sf);
}

void options_fill(const struct subflow *sf, struct tcp_plan *plan, struct mpopts *mp) {
    struct ledger l = {mp, TCP_OPTIONS_MAX - (sf->tcb.ts_ok ? TCP_OPT_TS_LEN : 0u)};
    switch (plan->kind) {
    case TCP_PLAN_RST:
        fill_rst(&l, sf);
        break;
    case TCP_PLAN_SYN:
        l.left = TCP_OPTIONS_MAX;
        fill_syn(&l, sf, plan);
        break;
    case TCP_PLAN_DATA:
        fill_data(&l, sf, plan);
        break;
    case TCP_PLAN_FIN:
    case TCP_PLAN_PROBE:
    case TCP_PLAN_ACK:
        fill_ack(&l, sf, plan);
        break;
    }
}

/* ---- After it left -------------------------------------------------------------------------------------------------
 */

static void add_addr_sent(struct conn *c, const struct mpopt *o) {
    struct env *env = c->mp->env;
    if (o->add_addr.echo) {
        mib_inc(&env->mib, MIB_ECHO_ADD_TX);
        conn_echo_sent(c);
        return;
    }
    mib_inc(&env->mib, MIB_ADD_ADDR_TX);
    conn_announce_sent(c);
}

/* One option left on `sf`: what asked for it is done. */
static void option_sent(struct subflow *sf, const struct mpopt *o) {
    struct conn *c = sf->conn;
    struct mib_table *mib = &c->mp->env->mib;
    switch (o->type) {
    case MP_DSS:
        sf->signals &= (uint16_t) ~(o->dss.data_fin && o->dss.len == 1 ? SIG_DATA_FIN | SIG_DATA_ACK : SIG_DATA_ACK);
        c->gap_said = c->gap_said || (o->dss.has_ack && (c->failing || hold_acks_unmapped(sf)));
        if (o->dss.has_map && o->dss.len == 0)
            fallback_infinite_sent(sf);
        if (c->eof_apart)
            close_ack_end(c);
        break;
    case MPC_ACK:
        sf->keys_said = true;
        break;
    case MPJ_ACK:
        sf->join_acks++;
        break;
    case MP_ADD_ADDR:
        sf->signals &= (uint16_t) ~(o->add_addr.echo ? SIG_ECHO : SIG_ADD_ADDR);
        add_addr_sent(c, o);
        break;
    case MP_REMOVE_ADDR:
        sf->signals &= (uint16_t)~SIG_REMOVE_ADDR;
        if (!c->paths->remove_said)
            mib_add(mib, MIB_RM_ADDR_TX, o->remove.n);
        c->paths->remove_said = true; /* what others still have to say of it is a repetition */
        break;
    case MP_PRIO:
        sf->signals &= (uint16_t)~SIG_PRIO;
        mib_inc(mib, MIB_MP_PRIO_TX);
        break;
    case MP_FAIL:
        sf->signals &= (uint16_t)~SIG_FAIL;
        mib_inc(mib, MIB_MP_FAIL_TX);
        break;
    case MP_FASTCLOSE:
        sf->signals &= (uint16_t)~SIG_FASTCLOSE;
        mib_inc(mib, MIB_MP_FASTCLOSE_TX);
        break;
    case MP_TCPRST:
        mib_inc(mib, MIB_MP_RST_TX);
        break;
    default:
        break;
    }
}

/* Nothing of what was to be said found room beside TCP's own options: it is given up, not tried for ever. */
static void signals_dropped(struct subflow *sf) {
    struct conn *c = sf->conn;
    struct mib_table *mib = &c->mp->env->mib;
    if (sf->signals & SIG_ADD_ADDR)
        mib_inc(mib, MIB_ADD_ADDR_TX_DROP);
    if (sf->signals & SIG_ECHO)
        mib_inc(mib, MIB_ECHO_ADD_TX_DROP);
    if (sf->signals & SIG_REMOVE_ADDR)
        mib_inc(mib, MIB_RM_ADDR_TX_DROP);
    sf->signals &= (uint16_t)~SIGNALS_ALONE;
}

void options_sent(struct subflow *sf, const struct tcp_plan *plan, const struct mpopts *mp) {
    uint16_t waiting = sf->signals & SIGNALS_ALONE;
    bool signalled = false;
    for (uint32_t i = 0; i < mp->n; i++) {
        if (mp->opt[i].type == MP_DSS && mp->opt[i].dss.has_ack && plan->kind != TCP_PLAN_PROBE)
            sf->conn->last_data_ack_sent = data_ack(sf->conn);
        option_sent(sf, &mp->opt[i]);
        signalled = signalled || mp->opt[i].type == MP_ADD_ADDR || mp->opt[i].type == MP_REMOVE_ADDR ||
                    mp->opt[i].type == MP_PRIO;
    }
    if (signalled && plan->kind != TCP_PLAN_DATA)
        sf->signal_acks++; /* two such duplicates are the most that may be sent (RFC 8684 3); data does not end the row
                            */
    if (plan->carrier && waiting == (sf->signals & SIGNALS_ALONE) && !signalled)
        signals_dropped(sf);
}
