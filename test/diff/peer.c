/* SPDX-License-Identifier: BSD-3-Clause */
/* The peer's side of the steps: segments in the numbers of packet scripts, handed to the stack under test. */
#include <string.h>

#include "player.h"

enum { MSS = 1460 };

/* ---- Segments ---------------------------------------------------------------------------------------------------- */

/* A segment in the making. */
struct making {
    struct packet p;
    struct option option[8];
    uint32_t n;
};

static struct umptcp_addr peer_addr(const struct player *p, uint8_t id) {
    struct umptcp_addr a = p->settings.remote_ip;
    a.b[15] = (uint8_t)(a.b[15] + id);
    return a;
}

static struct end end_of(const struct umptcp_sockaddr *at) { return (struct end){.kind = END_ADDR, .addr = *at}; }

/* The window of a segment: its right edge never goes back (RFC 9293 3.8.6), and goes on only when it is opened. */
static uint16_t window(struct player *p, const struct peer_flow *f, bool opens) {
    uint64_t from = p->mptcp && !p->plain ? p->data_rcv_nxt : f->rcv_nxt;
    if (opens && from + p->program->window > p->edge)
        p->edge = from + p->program->window;
    uint64_t win = p->edge > from ? p->edge - from : 0;
    return (uint16_t)(win < UINT16_MAX ? win : UINT16_MAX);
}

static void make(struct player *p, struct making *m, const struct peer_flow *f, uint8_t flags, bool opens) {
    memset(m, 0, sizeof *m);
    m->p.inbound = true;
    m->p.proto = PACKET_TCP;
    m->p.has_ends = true;
    m->p.src = end_of(&f->flow->ends.remote);
    m->p.dst = end_of(&f->flow->ends.local);
    m->p.tcp.flags = flags;
    m->p.tcp.seq = f->snd_nxt;
    m->p.tcp.has_ack = flags & TCP_ACK;
    m->p.tcp.ack = f->rcv_nxt;
    m->p.tcp.has_win = true;
    m->p.tcp.win = flags & TCP_RST ? 0 : window(p, f, opens);
}

static struct option *add_option(struct making *m, enum option_kind kind) {
    struct option *o = &m->option[m->n++];
    o->kind = kind;
    if (m->n > 1)
        m->option[m->n - 2].next = o;
    else
        m->p.tcp.options = o;
    return o;
}

static struct mp_line *add_mptcp(struct making *m, enum mp_type type) {
    struct option *o = add_option(m, OPTION_MPTCP);
    o->mp.type = type;
    return &o->mp;
}

static uint32_t dss_octets(const struct mp_line *mp) {
    return 4u + (mp->dss.has_ack ? mp->dss.ack64 ? 8 : 4 : 0) +
           (mp->dss.has_map ? (mp->dss.dsn64 ? 8 : 4) + 6u + (mp->dss.nocs ? 0 : 2) : 0);
}

static uint32_t octets_of(const struct option *o) {
    static const uint8_t lengths[MP_TYPE_COUNT] = {
        [MPC_SYN] = 4,  [MPC_SYNACK] = 12, [MPC_ACK] = 20, [MPC_DATA] = 22,     [MPJ_SYN] = 12,  [MPJ_SYNACK] = 16,
        [MPJ_ACK] = 24, [MP_PRIO] = 3,     [MP_FAIL] = 12, [MP_FASTCLOSE] = 12, [MP_TCPRST] = 4,
    };
    switch (o->kind) {
    case OPTION_MSS:
        return 4;
    case OPTION_SACK_OK:
        return 2;
    case OPTION_MPTCP:
        return o->mp.type == MP_DSS           ? dss_octets(&o->mp)
               : o->mp.type == MP_ADD_ADDR    ? (o->mp.add_addr.echo ? 8 : 16)
               : o->mp.type == MP_REMOVE_ADDR ? 3u + o->mp.remove.n
               : o->mp.type == MPC_DATA       ? 22u + (value_given(&o->mp.mpc.csum) ? 2 : 0)
                                              : lengths[o->mp.type];
    default:
        return 1;
    }
}

/* Fills the last word with NOPs, and off it goes. */
static void deliver(struct player *p, struct peer_flow *f, struct making *m) {
    static uint8_t data[PACKET_MAX];
    char error[200];
    uint32_t octets = 0;
    for (uint32_t i = 0; i < m->n; i++)
        octets += octets_of(&m->option[i]);
    while (octets++ % 4)
        add_option(m, OPTION_NOP);
    if (p->log) {
        player_log_time(p);
        print_packet(p->log, &m->p);
        player_log(p, "\n");
    }
    uint32_t len = lower(&p->flows, f->flow, &m->p, data, error, sizeof error);
    if (!len)
        facts_set(&p->facts, "error of the peer", "%s", error);
    else
        p->target->ops->inject(p->target, data, len, 0);
}

static bool speaks_mptcp(const struct player *p) { return p->mptcp && !p->plain; }

/* The Data ACK of any segment, or nothing. */
static struct mp_line *add_dss(const struct player *p, struct making *m, uint8_t dack) {
    if (!speaks_mptcp(p))
        return NULL;
    struct mp_line *mp = add_mptcp(m, MP_DSS);
    mp->dss.has_ack = dack != 0;
    mp->dss.ack64 = dack == 8;
    mp->dss.ack = value_number(p->data_rcv_nxt);
    mp->dss.nocs = true;
    return mp;
}

static void add_map(const struct player *p, struct mp_line *mp, bool dsn8, uint64_t dsn, uint32_t ssn, uint16_t dll,
                    bool fin) {
    mp->dss.has_map = true;
    mp->dss.dsn64 = dsn8;
    mp->dss.fin = fin;
    mp->dss.dsn = value_number(dsn);
    mp->dss.ssn = value_number(ssn);
    mp->dss.dll = value_number(dll);
    mp->dss.nocs = !p->checksums;
}

/* ---- Handshakes -------------------------------------------------------------------------------------------------- */

static struct mp_line *add_capable(const struct player *p, struct making *m, enum mp_type type) {
    struct mp_line *mp = add_mptcp(m, type);
    mp->mpc.version = 1;
    mp->mpc.flags = (uint8_t)(MPC_HMAC_SHA256 | (p->program->checksums ? MPC_CSUM : 0) |
                              (p->program->deny_join0 ? MPC_DENY_JOIN0 : 0));
    return mp;
}

static struct value key_value(const char *name) { return (struct value){.kind = VALUE_NAME, .name = name}; }

static void add_syn_options(const struct player *p, struct making *m) {
    add_option(m, OPTION_MSS)->n = MSS;
    if (p->program->sack)
        add_option(m, OPTION_SACK_OK);
}

/* The flow of a packet that opens one. */
static struct peer_flow *new_flow(struct player *p, struct making *m, const struct umptcp_sockaddr *src,
                                  const struct umptcp_sockaddr *dst) {
    char error[200];
    struct peer_flow *f = &p->sub[p->nsubs];
    m->p.has_ends = true;
    m->p.src = end_of(src);
    m->p.dst = end_of(dst);
    f->flow = flow_for_inbound(&p->flows, &m->p, error, sizeof error);
    if (!f->flow) {
        facts_set(&p->facts, "error of the peer", "%s", error);
        return NULL;
    }
    p->nsubs++;
    return f;
}

static void send_syn(struct player *p, const struct step *s) {
    if (p->nsubs || p->program->client)
        return;
    struct making m = {.p = {.inbound = true,
                             .proto = PACKET_TCP,
                             .tcp = {.flags = TCP_SYN, .has_win = true, .win = p->program->window}}};
    add_syn_options(p, &m);
    p->mptcp = s->good;
    if (s->good)
        add_capable(p, &m, MPC_SYN);
    const struct umptcp_sockaddr src = {p->settings.remote_ip, p->port}, dst = {p->settings.local_ip, p->port};
    struct peer_flow *f = new_flow(p, &m, &src, &dst);
    if (!f)
        return;
    f->snd_nxt = 1;
    f->rcv_nxt = f->una = 1;
    deliver(p, f, &m);
}

static void send_third(struct player *p, const struct step *s) {
    struct peer_flow *f = &p->sub[0];
    struct making m;
    if (!f->flow || !f->answered || f->open || f->closed || p->program->client)
        return;
    f->open = true;
    make(p, &m, f, TCP_ACK, s->opens);
    if (p->mptcp && s->variant == THIRD_BARE)
        p->plain = true;
    if (speaks_mptcp(p)) {
        struct mp_line *mp = add_capable(p, &m, s->variant == THIRD_DATA ? MPC_DATA : MPC_ACK);
        mp->mpc.nkeys = 2;
        mp->mpc.key[0] = key_value("ckey");
        mp->mpc.key[1] = key_value("skey");
        if (s->variant == THIRD_DATA) {
            m.p.tcp.flags |= TCP_PSH;
            m.p.tcp.len = mp->mpc.len = (uint16_t)s->n;
            mp->mpc.csum.kind = p->checksums ? VALUE_AUTO : VALUE_ANY;
            f->snd_nxt += s->n;
            p->dsn_nxt += s->n;
        }
    }
    deliver(p, f, &m);
}

static void send_synack(struct player *p, const struct step *s) {
    struct peer_flow *f = &p->sub[0];
    struct making m;
    if (!p->program->client || !f->flow || f->open || f->closed)
        return;
    make(p, &m, f, TCP_SYN | TCP_ACK, s->opens);
    m.p.tcp.seq = 0;
    m.p.tcp.ack = 1;
    add_syn_options(p, &m);
    f->open = f->answered = true;
    f->snd_nxt = 1;
    p->mptcp &= s->good;
    if (p->mptcp) {
        struct mp_line *mp = add_capable(p, &m, MPC_SYNACK);
        mp->mpc.nkeys = 1;
        mp->mpc.key[0] = key_value("skey");
        p->checksums |= p->program->checksums;
    }
    deliver(p, f, &m);
}

/* ---- Joins ------------------------------------------------------------------------------------------------------- */

static void send_join(struct player *p, const struct step *s) {
    const struct peer_flow *first = &p->sub[0];
    if (!first->open || !speaks_mptcp(p) || p->nsubs == SUBFLOWS_MAX)
        return;
    for (uint32_t i = 0; i < p->nsubs; i++)
        if (p->sub[i].id == s->id)
            return;
    struct making m = {.p = {.inbound = true,
                             .proto = PACKET_TCP,
                             .tcp = {.flags = TCP_SYN, .has_win = true, .win = p->program->window}}};
    add_syn_options(p, &m);
    struct mp_line *mp = add_mptcp(&m, MPJ_SYN);
    mp->mpj.backup = s->backup;
    mp->mpj.addr_id = value_number(s->id);
    mp->mpj.nonce = value_number(p->program->seed % 100000 + s->id);
    mp->mpj.token =
        (struct value){.kind = VALUE_HASH, .function = "sha256_32", .name = p->program->client ? "ckey" : "skey"};
    const struct umptcp_sockaddr src = {peer_addr(p, s->id), p->port};
    struct peer_flow *f = new_flow(p, &m, &src, &first->flow->ends.local);
    if (!f)
        return;
    f->join = true;
    f->id = s->id;
    f->snd_nxt = f->rcv_nxt = f->una = 1;
    deliver(p, f, &m);
}

static void send_join_ack(struct player *p, const struct step *s) {
    struct peer_flow *f = &p->sub[s->sub < SUBFLOWS_MAX ? s->sub : 0];
    struct making m;
    for (uint32_t i = 1; i < p->nsubs; i++) /* the oldest that waits */
        if (p->sub[i].join && p->sub[i].answered && !p->sub[i].open && !p->sub[i].closed) {
            f = &p->sub[i];
            break;
        }
    if (!f->flow || !f->join || f->by_stack || !f->answered || f->open || f->closed)
        return;
    make(p, &m, f, TCP_ACK, true);
    if (!p->plain)
        add_mptcp(&m, MPJ_ACK)->mpj.hmac.kind = s->good ? VALUE_AUTO : VALUE_NUMBER; /* a number: zeros */
    f->open = f->proved = true;
    deliver(p, f, &m);
}

/* The SYN/ACK of a join of the stack. */
static void send_answer(struct player *p, const struct step *s) {
    struct peer_flow *f = NULL;
    struct making m;
    for (uint32_t i = 1; i < p->nsubs && !f; i++)
        if (p->sub[i].by_stack && !p->sub[i].open && !p->sub[i].closed)
            f = &p->sub[i];
    if (!f)
        return;
    f->open = f->answered = s->good;
    f->closed = !s->good;
    make(p, &m, f, s->good ? TCP_SYN | TCP_ACK : TCP_RST | TCP_ACK, true);
    m.p.tcp.seq = 0;
    m.p.tcp.ack = 1;
    f->snd_nxt = 1;
    if (s->good) {
        add_syn_options(p, &m);
        struct mp_line *mp = p->plain ? NULL : add_mptcp(&m, MPJ_SYNACK);
        if (mp) {
            mp->mpj.backup = s->backup;
            mp->mpj.addr_id = value_number(f->id);
            mp->mpj.nonce = value_number(p->program->seed % 100000 + 7);
            mp->mpj.hmac.kind = VALUE_AUTO;
        }
    }
    deliver(p, f, &m);
}

/* ---- Data -------------------------------------------------------------------------------------------------------- */

static void send_segment(struct player *p, struct sent *d) {
    struct peer_flow *f = &p->sub[d->sub];
    struct making m;
    if (f->closed)
        return;
    make(p, &m, f, TCP_ACK | TCP_PSH, true);
    m.p.tcp.seq = d->seq;
    m.p.tcp.len = d->len;
    struct mp_line *mp = d->mapped || d->dack ? add_dss(p, &m, d->dack) : NULL;
    if (mp && d->mapped)
        add_map(p, mp, d->dsn8, d->dsn, d->ssn, d->dll, d->fin);
    d->delivered = true;
    p->bare = p->bare || (p->mptcp && !mp);
    deliver(p, f, &m);
}

/* Data of `len` octets at `dsn`, as new octets of the subflow. */
static void send_data(struct player *p, const struct step *s, uint64_t dsn, uint32_t len, bool fin) {
    struct peer_flow *f = &p->sub[s->sub];
    uint32_t pieces = s->pieces < len ? s->pieces : len, first = p->nsent, at = 0;
    if (first + pieces > SEGMENTS_MAX)
        return;
    for (uint32_t i = 0; i < pieces; i++) {
        uint32_t n = i + 1 == pieces ? len - at : len / pieces;
        bool own = s->map == MAP_EACH, last = i + 1 == pieces, with_fin = fin && (!own || last);
        p->sent[p->nsent++] = (struct sent){
            .sub = s->sub,
            .seq = f->snd_nxt + at,
            .len = n,
            .mapped = s->map != MAP_FIRST || i == 0,
            .dsn8 = s->dsn8,
            .fin = with_fin,
            .dack = s->dack,
            .dsn = own ? dsn + at : dsn,
            .ssn = own ? f->snd_nxt + at : f->snd_nxt,
            .dll = (uint16_t)((own ? n : len) + with_fin),
        };
        at += n;
    }
    f->snd_nxt += len;
    for (uint32_t i = 0; i < pieces; i++) {
        struct sent *d = &p->sent[first + (s->order == ORDER_REVERSE ? pieces - 1 - i : i)];
        if (s->order == ORDER_FIRST_LOST && i == 0)
            continue;
        send_segment(p, d);
        if (s->order == ORDER_TWICE)
            send_segment(p, d);
    }
}

static bool may_send(const struct player *p, const struct peer_flow *f) {
    return f->flow && f->open && !f->closed && !f->fin_sent && f->rcv_nxt && (p->mptcp || f == &p->sub[0]) &&
           (!p->plain || f == &p->sub[0]) && (!f->join || f->by_stack || f->proved);
}

static void step_data(struct player *p, const struct step *s) {
    struct peer_flow *f = &p->sub[s->sub];
    if (!may_send(p, f))
        return;
    if (!speaks_mptcp(p)) {
        if (p->data_fin_sent)
            return;
        send_data(p, s, p->dsn_nxt, s->n, false);
        p->dsn_nxt += s->n;
        return;
    }
    uint64_t old = p->dsn_nxt - 1 - p->data_fin_sent; /* octets before */
    uint32_t again = s->n < old ? s->n : (uint32_t)old;
    if (s->where == WHERE_AGAIN && again) {
        send_data(p, s, old + 1 - again, again, false);
        return;
    }
    if (p->data_fin_sent)
        return;
    uint64_t dsn = p->dsn_nxt;
    if (s->where == WHERE_GAP && p->ngaps < GAPS_MAX) {
        p->gaps[p->ngaps++] = (struct gap){dsn, s->n / 2 + 1};
        dsn += s->n / 2 + 1;
    } else if (s->where == WHERE_OVERLAP) {
        dsn -= again / 2;
    }
    p->dsn_nxt = dsn + s->n + s->fin;
    p->data_fin_sent = s->fin;
    send_data(p, s, dsn, s->n, s->fin);
}

static void fill(struct player *p, const struct step *s) {
    if (!p->ngaps || !may_send(p, &p->sub[s->sub]) || !speaks_mptcp(p))
        return;
    struct gap g = p->gaps[0];
    memmove(p->gaps, p->gaps + 1, --p->ngaps * sizeof g);
    send_data(p, s, g.dsn, g.len, false);
}

static void data_fin(struct player *p, const struct step *s) {
    struct peer_flow *f = &p->sub[s->sub];
    struct making m;
    if (!may_send(p, f) || !speaks_mptcp(p))
        return;
    p->dsn_nxt += !p->data_fin_sent;
    p->data_fin_sent = true;
    make(p, &m, f, TCP_ACK, true);
    add_map(p, add_dss(p, &m, s->dack), s->dsn8, p->dsn_nxt - 1, 0, 1, true);
    deliver(p, f, &m);
}

static void acknowledge(struct player *p, struct peer_flow *f, const struct step *s) {
    struct making m;
    if (!f->flow || !f->open || f->closed)
        return;
    make(p, &m, f, TCP_ACK, s->opens);
    m.p.tcp.ack = s->half ? f->una + (f->rcv_nxt - f->una) / 2 : f->rcv_nxt;
    f->una = m.p.tcp.ack;
    if (s->dack && (!f->join || f->by_stack || f->proved))
        add_dss(p, &m, s->dack);
    deliver(p, f, &m);
}

/* ---- Ends and signals -------------------------------------------------------------------------------------------- */

static void send_fin(struct player *p, const struct step *s) {
    struct peer_flow *f = &p->sub[s->sub];
    struct making m;
    for (uint32_t i = 0; i < p->nsent; i++) /* a FIN stands behind the data */
        if (p->sent[i].sub == s->sub && !p->sent[i].delivered)
            send_segment(p, &p->sent[i]);
    if (!may_send(p, f))
        return;
    make(p, &m, f, TCP_FIN | TCP_ACK, true);
    if (s->dack)
        add_dss(p, &m, s->dack);
    f->fin_sent = true;
    f->snd_nxt++;
    deliver(p, f, &m);
}

static void send_rst(struct player *p, const struct step *s) {
    struct peer_flow *f = &p->sub[s->sub];
    struct making m;
    if (!f->flow || !f->open || f->closed)
        return;
    make(p, &m, f, TCP_RST | TCP_ACK, true);
    if (s->good && speaks_mptcp(p)) {
        struct mp_line *mp = add_mptcp(&m, MP_TCPRST);
        mp->rst.reason = (uint8_t)s->n;
    }
    f->closed = true;
    deliver(p, f, &m);
}

static bool everything_delivered(const struct player *p) {
    for (uint32_t i = 0; i < p->nsent; i++)
        if (!p->sent[i].delivered)
            return false;
    return p->ngaps == 0;
}

/* MP_FAIL and all that a peer does then: it has one subflow, everything it sent has arrived, and from here on it sends
 * plain TCP. */
static void send_fail(struct player *p, const struct step *s) {
    struct peer_flow *f = &p->sub[0];
    struct making m;
    if (s->sub || p->nsubs > 1 || !may_send(p, f) || !speaks_mptcp(p) || p->data_fin_sent || !p->checksums ||
        p->data_rcv_nxt == 1 || p->stack_fin || !everything_delivered(p))
        return;
    make(p, &m, f, TCP_ACK, true);
    struct mp_line *mp = add_dss(p, &m, 4);
    add_map(p, mp, false, p->dsn_nxt, f->snd_nxt, 0, false);
    mp->dss.nocs = false;
    add_mptcp(&m, MP_FAIL)->fail.dsn = value_number(p->data_rcv_nxt);
    p->plain = true;
    deliver(p, f, &m);
}

static void send_signal(struct player *p, const struct step *s) {
    struct peer_flow *f = &p->sub[s->sub];
    struct making m;
    if (!may_send(p, f) || !speaks_mptcp(p))
        return;
    bool rst = s->op == STEP_FASTCLOSE && s->good;
    make(p, &m, f, rst ? TCP_RST | TCP_ACK : TCP_ACK, true);
    struct mp_line *mp;
    switch (s->op) {
    case STEP_PRIO:
        add_dss(p, &m, s->dack ? s->dack : 4);
        add_mptcp(&m, MP_PRIO)->prio.backup = s->backup;
        break;
    case STEP_ADD_ADDR:
        mp = add_mptcp(&m, MP_ADD_ADDR);
        mp->add_addr.addr_id = value_number(s->id);
        mp->add_addr.addr = (struct addr_line){.name = "a", .literal = true, .addr = peer_addr(p, s->id)};
        mp->add_addr.hmac.kind = VALUE_AUTO;
        break;
    case STEP_ECHO:
        if (!p->nannounced)
            return;
        mp = add_mptcp(&m, MP_ADD_ADDR);
        mp->add_addr.echo = true;
        mp->add_addr.addr_id = value_number(p->announced[0]);
        mp->add_addr.addr = p->announced_addr[0];
        p->nannounced = 0;
        break;
    case STEP_REMOVE_ADDR:
        mp = add_mptcp(&m, MP_REMOVE_ADDR);
        mp->remove.n = 1;
        mp->remove.ids[0] = s->id;
        break;
    default:
        add_mptcp(&m, MP_FASTCLOSE);
        f->closed |= rst;
        break;
    }
    deliver(p, f, &m);
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

void peer_step(struct player *p, const struct step *s) {
    switch (s->op) {
    case STEP_SYN:
        send_syn(p, s);
        break;
    case STEP_THIRD:
        send_third(p, s);
        break;
    case STEP_SYNACK:
        send_synack(p, s);
        break;
    case STEP_DATA:
        step_data(p, s);
        break;
    case STEP_FILL:
        fill(p, s);
        break;
    case STEP_RESEND:
        if (s->n < p->nsent)
            send_segment(p, &p->sent[s->n]);
        break;
    case STEP_ACK:
        acknowledge(p, &p->sub[s->sub], s);
        break;
    case STEP_DATA_FIN:
        data_fin(p, s);
        break;
    case STEP_FIN:
        send_fin(p, s);
        break;
    case STEP_RST:
        send_rst(p, s);
        break;
    case STEP_FAIL:
        send_fail(p, s);
        break;
    case STEP_PRIO:
    case STEP_ADD_ADDR:
    case STEP_ECHO:
    case STEP_REMOVE_ADDR:
    case STEP_FASTCLOSE:
        send_signal(p, s);
        break;
    case STEP_JOIN:
        send_join(p, s);
        break;
    case STEP_JOIN_ACK:
        send_join_ack(p, s);
        break;
    case STEP_ANSWER:
        send_answer(p, s);
        break;
    case STEP_STRIP:
        p->plain = true;
        break;
    default:
        break;
    }
}

void peer_flush(struct player *p) {
    for (uint32_t i = 0; i < p->nsent; i++)
        if (!p->sent[i].delivered)
            send_segment(p, &p->sent[i]);
}

void peer_acknowledge(struct player *p) {
    const struct step all = {.dack = 8, .opens = true};
    for (uint32_t i = 0; i < p->nsubs; i++)
        acknowledge(p, &p->sub[i], &all);
}

void peer_fourth(struct player *p, struct peer_flow *f) {
    const struct step all = {.dack = 8, .opens = true};
    f->owes_fourth = false;
    acknowledge(p, f, &all);
}

void peer_gone(struct player *p) {
    for (uint32_t i = 0; i < p->nsubs; i++) {
        const struct step rst = {.op = STEP_RST, .sub = (uint8_t)i};
        struct peer_flow *f = &p->sub[i];
        if (f->flow && f->answered)
            f->open = true;
        send_rst(p, &rst);
    }
}
