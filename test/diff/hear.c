/* SPDX-License-Identifier: BSD-3-Clause */
/* What the peer hears of the stack under test: its model of the connection follows, and facts are noted. */
#include <stdio.h>
#include <string.h>

#include "player.h"

uint32_t peer_flow_number(const struct player *p, const struct peer_flow *f) { return (uint32_t)(f - p->sub); }

static void saw(struct player *p, const struct peer_flow *f, const char *what) {
    facts_saw(&p->facts, "subflow %u: %s", peer_flow_number(p, f), what);
}

static void saw_max(struct player *p, const struct peer_flow *f, const char *what, uint64_t n) {
    char key[FACT_KEY_MAX];
    snprintf(key, sizeof key, "subflow %u: %s", peer_flow_number(p, f), what);
    facts_max(&p->facts, key, n);
}

/* ---- Data of the stack ------------------------------------------------------------------------------------------- */

/* Octets `from` up to `end` of the stack's data came. */
static void data_came(struct player *p, uint64_t from, uint64_t end) {
    if (from > p->data_rcv_nxt && p->nahead < GAPS_MAX)
        p->ahead[p->nahead++] = (struct gap){from, (uint32_t)(end - from)};
    if (from <= p->data_rcv_nxt && end > p->data_rcv_nxt)
        p->data_rcv_nxt = end;
    for (uint32_t i = 0; i < p->nahead; i++) {
        uint64_t beyond = p->ahead[i].dsn + p->ahead[i].len;
        if (p->ahead[i].dsn > p->data_rcv_nxt)
            continue;
        if (beyond > p->data_rcv_nxt)
            p->data_rcv_nxt = beyond;
        p->ahead[i] = p->ahead[--p->nahead];
        i = UINT32_MAX; /* once more from the start: another may go on from here */
    }
    facts_max(&p->facts, "data: sent up to", end);
}

static void data_fin_came(struct player *p, uint64_t at) {
    p->stack_fin = at;
    facts_set(&p->facts, "data: DATA_FIN at", "%llu", (unsigned long long)at);
}

static void hear_dss(struct player *p, const struct peer_flow *f, const struct tcp_line *t, const struct mp_line *mp) {
    if (mp->dss.has_ack) {
        saw(p, f, mp->dss.ack64 ? "Data ACK of 8 octets" : "Data ACK of 4 octets");
        if (mp->dss.ack.n < UINT32_MAX / 2)
            facts_max(&p->facts, "data: acknowledged up to", mp->dss.ack.n);
    }
    if (!mp->dss.has_map)
        return;
    if (!mp->dss.dll.n) {
        saw(p, f, "infinite mapping");
        return;
    }
    saw(p, f, mp->dss.dsn64 ? "DSN of 8 octets" : "DSN of 4 octets");
    saw(p, f, mp->dss.nocs ? "mapping without checksum" : "mapping with checksum");
    uint64_t dsn = mp->dss.dsn.n, fin = dsn + mp->dss.dll.n - 1;
    if (t->len) {
        uint64_t from = dsn + (uint32_t)(t->seq - (uint32_t)mp->dss.ssn.n);
        uint64_t end = from + t->len, limit = mp->dss.fin ? fin : fin + 1;
        data_came(p, from, end < limit ? end : limit);
    }
    if (mp->dss.fin)
        data_fin_came(p, fin);
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static void hear_capable(struct player *p, const struct peer_flow *f, const struct tcp_line *t,
                         const struct mp_line *mp) {
    static const char *const names[] = {
        [MPC_SYN] = "SYN", [MPC_SYNACK] = "SYN/ACK", [MPC_ACK] = "ACK", [MPC_DATA] = "data"};
    facts_set(&p->facts, names[mp->type], "MP_CAPABLE version %u flags 0x%02x", mp->mpc.version, mp->mpc.flags);
    saw(p, f, "MP_CAPABLE");
    if (mp->type == MPC_SYN || mp->type == MPC_SYNACK)
        p->checksums = mp->mpc.flags & MPC_CSUM || p->program->checksums;
    if (mp->type == MPC_DATA && t->len)
        data_came(p, 1, 1 + (t->len < mp->mpc.len ? t->len : mp->mpc.len));
}

/* Where an announcement is repeated depends on when its timer ends. */
static bool announced_before(const struct player *p, const struct mp_line *mp) {
    char what[FACT_KEY_MAX], addr[UMPTCP_ADDRSTRLEN];
    for (unsigned sub = 0; sub < p->nsubs && !mp->add_addr.echo; sub++) {
        snprintf(what, sizeof what, "subflow %u: ADD_ADDR id %u %s", sub, (unsigned)mp->add_addr.addr_id.n,
                 umptcp_addr_format(&mp->add_addr.addr.addr, addr));
        if (facts_get(&p->facts, what))
            return true;
    }
    return false;
}

static void hear_add_addr(struct player *p, const struct peer_flow *f, const struct mp_line *mp) {
    char addr[UMPTCP_ADDRSTRLEN];
    if (!announced_before(p, mp))
        facts_saw(&p->facts, "subflow %u: ADD_ADDR id %u %s%s", peer_flow_number(p, f),
                  (unsigned)mp->add_addr.addr_id.n, umptcp_addr_format(&mp->add_addr.addr.addr, addr),
                  mp->add_addr.echo ? " echo" : "");
    if (!mp->add_addr.echo && !p->nannounced) {
        p->announced[0] = (uint8_t)mp->add_addr.addr_id.n;
        p->announced_addr[0] = mp->add_addr.addr;
        p->announced_addr[0].name = "b";
        p->nannounced = 1;
    }
}

static void hear_option(struct player *p, const struct peer_flow *f, const struct tcp_line *t,
                        const struct mp_line *mp) {
    unsigned sub = peer_flow_number(p, f);
    switch (mp->type) {
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPC_DATA:
        hear_capable(p, f, t, mp);
        break;
    case MPJ_SYN:
    case MPJ_SYNACK:
        facts_saw(&p->facts, "subflow %u: MP_JOIN id %u%s", sub, (unsigned)mp->mpj.addr_id.n,
                  mp->mpj.backup ? " backup" : "");
        break;
    case MPJ_ACK:
        saw(p, f, "third MP_JOIN");
        p->sub[sub].owes_fourth = true;
        break;
    case MP_DSS:
        hear_dss(p, f, t, mp);
        break;
    case MP_ADD_ADDR:
        hear_add_addr(p, f, mp);
        break;
    case MP_REMOVE_ADDR:
        for (uint8_t i = 0; i < mp->remove.n; i++)
            facts_saw(&p->facts, "REMOVE_ADDR %u", mp->remove.ids[i]);
        break;
    case MP_PRIO:
        facts_saw(&p->facts, "subflow %u: MP_PRIO backup %d", sub, mp->prio.backup);
        break;
    case MP_FAIL:
        facts_saw(&p->facts, "subflow %u: MP_FAIL of %llu", sub, (unsigned long long)mp->fail.dsn.n);
        p->plain = true;
        break;
    case MP_FASTCLOSE:
        saw(p, f, "MP_FASTCLOSE");
        break;
    case MP_TCPRST:
        facts_saw(&p->facts, "subflow %u: MP_TCPRST reason %u%s", sub, mp->rst.reason,
                  mp->rst.flags & 1 ? " transient" : "");
        break;
    case MP_TYPE_COUNT:
        break;
    }
}

/* ---- Segments ---------------------------------------------------------------------------------------------------- */

static void hear_flags(struct player *p, struct peer_flow *f, const struct tcp_line *t) {
    if (t->flags & TCP_SYN) {
        saw(p, f, t->flags & TCP_ACK ? "SYN/ACK" : "SYN");
        f->answered = true;
    }
    if (t->flags & TCP_FIN)
        saw(p, f, "FIN");
    if (t->flags & TCP_RST) {
        saw(p, f, "RST");
        f->closed = true;
    }
}

static bool has_mptcp(const struct tcp_line *t) {
    for (const struct option *o = t->options; o; o = o->next)
        if (o->kind == OPTION_MPTCP)
            return true;
    return false;
}

void peer_hears(struct player *p, struct peer_flow *f, const struct packet *came) {
    const struct tcp_line *t = &came->tcp;
    hear_flags(p, f, t);
    for (const struct option *o = t->options; o; o = o->next)
        if (o->kind == OPTION_MPTCP)
            hear_option(p, f, t, &o->mp);
        else if (o->kind == OPTION_RAW)
            saw(p, f, "malformed option");
    if (t->len && !has_mptcp(t))
        saw(p, f, "data without an option");
    if (t->flags & TCP_FIN && !has_mptcp(t)) /* which way it took, when the socket is closed */
        saw(p, f, "FIN without an option");
    if (t->flags & (TCP_SYN | TCP_RST))
        return;
    uint32_t end = t->seq + t->len + (t->flags & TCP_FIN ? 1 : 0);
    if ((int32_t)(t->seq - f->rcv_nxt) <= 0 && (int32_t)(end - f->rcv_nxt) > 0)
        f->rcv_nxt = end;
    if (p->stack_fin && p->data_rcv_nxt == p->stack_fin)
        p->data_rcv_nxt++;
    saw_max(p, f, "sent up to", end);
    if (t->has_ack)
        saw_max(p, f, "acknowledged up to", t->ack);
}
