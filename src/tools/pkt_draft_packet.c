/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captured packets as lines of a script. Both directions are read by lift(), which reads what a stack sent: for what
 * the peer sent, the peer is the stack.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/mpvalue.h"
#include "script/parse.h"
#include "script/translate.h"
#include "tools/pkt_draft.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/mpcrypto.h"

enum {
    TS_FIRST = 100,     /* what the draft shows of the stack's first timestamp */
    TS_LOOKED_AT = 4096 /* how many of its timestamps back an echo is looked for */
};
#define GRAIN     USEC(100) /* of times */
#define BURST_GAP MSEC(1)   /* between segments of one write */
#define GAP_MAX   SEC(1000000)

struct draft_item *draft_add(struct draft *d) {
    if (d->n == d->cap) {
        uint32_t cap = d->cap ? 2 * d->cap : 64;
        struct draft_item *items = realloc(d->items, cap * sizeof *items);
        if (!items) {
            (void)fputs("out of memory\n", stderr);
            abort();
        }
        d->items = items;
        d->cap = cap;
    }
    struct draft_item *item = &d->items[d->n++];
    memset(item, 0, sizeof *item);
    return item;
}

/* ---- What lift() leaves to do ------------------------------------------------------------------------------------ */

/* The peer's first number is written as 0, so in SYNs, too, acknowledgments count from it. */
static void count_from_zero(struct packet *p, const struct tcp_flow *sender) {
    if (!(p->tcp.flags & TCP_SYN))
        return;
    p->tcp.ack -= p->tcp.has_ack ? sender->peer_isn : 0;
    for (struct option *o = p->tcp.options; o; o = o->next)
        for (uint8_t i = 0; o->kind == OPTION_SACK && i < o->sack.n; i++) {
            o->sack.block[i].left -= sender->peer_isn;
            o->sack.block[i].right -= sender->peer_isn;
        }
}

static void keep_ip(struct packet *p) {
    uint8_t tos = p->ip.tos;
    bool whole = p->inbound && tos >> 2;
    p->ip = (struct ip_line){.given = whole ? GIVEN_TOS : tos & 3 ? GIVEN_ECN : 0, .tos = whole ? tos : tos & 3};
}

static bool ts_known(const struct draft_flow *f, uint32_t val) {
    uint32_t lowest = f->nts > TS_LOOKED_AT ? f->nts - TS_LOOKED_AT : 0;
    for (uint32_t i = f->nts; i-- > lowest;)
        if (f->ts_shown[i] == val)
            return true;
    return false;
}

static void ts_show(struct draft *d, struct draft_flow *f, uint32_t val) {
    if (f->nts && f->ts_shown[f->nts - 1] == val)
        return;
    if (f->nts == f->ts_cap) {
        uint32_t cap = f->ts_cap ? 2 * f->ts_cap : 16;
        uint32_t *shown = arena_alloc(&d->arena, cap * sizeof *shown);
        if (f->nts)
            memcpy(shown, f->ts_shown, f->nts * sizeof *shown);
        f->ts_shown = shown;
        f->ts_cap = cap;
    }
    f->ts_shown[f->nts++] = val;
}

/* The stack's timestamps start at 100; its peer echoes what the draft shows of them. */
static void map_echo(struct draft *d, struct draft_flow *f, struct option *o) {
    if (!f->out.nts)
        return;
    o->ts.ecr = flow_written_ts(&f->out, o->ts.ecr);
    d->ecr_scaled |= !ts_known(f, o->ts.ecr);
}

/* A SYN of the peer that joins opens a subflow in a script. One on a subflow that there is does not: it has no meaning,
 * only octets. */
static bool opens(const struct draft *d, const struct trace_flow *flow, const struct packet *p,
                  const struct mp_line *mp) {
    const struct mp_key *key = &d->conn->key[d->stack];
    bool by_peer = (d->stack == ACCEPTOR) != flow->swapped;
    return !p->inbound || (by_peer && key->known && mp_token(key->key) == mp->mpj.token.n);
}

static void make_raw(struct option *o) {
    const struct mp_line line = o->mp;
    struct mpopt opt = {.type = line.type};
    opt.mpj.backup = line.mpj.backup;
    opt.mpj.addr_id = (uint8_t)line.mpj.addr_id.n;
    opt.mpj.token = (uint32_t)line.mpj.token.n;
    opt.mpj.nonce = (uint32_t)line.mpj.nonce.n;
    o->kind = OPTION_RAW;
    struct writer w = writer_of(o->bytes.octets, sizeof o->bytes.octets);
    mpopt_build(&w, &opt);
    o->bytes.len = (uint8_t)w.len;
}

static void rewrite_options(struct draft *d, const struct trace_flow *flow, struct packet *p, const char **remark) {
    struct draft_flow *f = &d->flows[flow->index];
    for (struct option *o = p->tcp.options; o; o = o->next) {
        if (o->kind == OPTION_TS && p->inbound && p->tcp.flags & TCP_ACK)
            map_echo(d, f, o);
        if (o->kind == OPTION_MPTCP && o->mp.type == MPJ_SYN && !opens(d, flow, p, &o->mp))
            make_raw(o);
        if (o->kind == OPTION_MPTCP)
            draft_name_option(d, flow, !p->inbound, &o->mp, remark);
    }
}

/* The payload as it was captured; NULL when not all of it was. */
static const uint8_t *captured_payload(const struct draft *d, const struct trace_packet *tp, const struct packet *p) {
    const struct capture_packet *c = &d->trace->capture->packets[tp->at];
    uint32_t offset = raw_payload_offset(c->data, c->len);
    return offset <= c->len && c->len - offset >= p->tcp.len ? c->data + offset : NULL;
}

/* Of a mapping of `len` octets, all of them at `payload`. */
static uint16_t data_checksum(uint64_t dsn, uint32_t ssn, uint16_t len, const uint8_t *payload, uint32_t n) {
    struct csum c = {0};
    mp_csum_add_pseudo(&c, (struct dsn){dsn}, ssn, len);
    csum_add(&c, payload, n);
    return csum_finish(&c);
}

/* Checksums are those of zeros now, so they are left to be computed, but for those that were wrong. They can be judged
 * when the mapping is the packet's payload and all of it was captured: `payload` is NULL when it was not. */
static void check_data(struct draft *d, const struct packet *p, const uint8_t *payload, const char **remark) {
    for (struct option *o = p->tcp.options; o; o = o->next) {
        bool dss = o->kind == OPTION_MPTCP && o->mp.type == MP_DSS && value_given(&o->mp.dss.csum);
        bool capable = o->kind == OPTION_MPTCP && o->mp.type == MPC_DATA && value_given(&o->mp.mpc.csum);
        if (!dss && !capable)
            continue;
        struct value *csum = dss ? &o->mp.dss.csum : &o->mp.mpc.csum;
        uint64_t base = mp_base(p->inbound ? &d->mp_in.stack : &d->mp_out.stack), dsn = dss ? o->mp.dss.dsn.n : 1;
        uint16_t len = dss ? (uint16_t)o->mp.dss.dll.n : o->mp.mpc.len;
        bool whole = payload && p->tcp.len && len == p->tcp.len + (dss && o->mp.dss.fin);
        if (whole &&
            data_checksum(base + dsn, dss ? (uint32_t)o->mp.dss.ssn.n : 1, len, payload, p->tcp.len) != csum->n) {
            *remark = "the checksum of this data was wrong";
            if (p->inbound && csum->n) /* 0 would mean that there is none */
                continue;
        }
        csum->kind = capable ? VALUE_AUTO : VALUE_ANY;
    }
}

/* Why the language has no words for a packet; NULL when it has. */
static const char *unspeakable(struct draft *d, const struct packet *p) {
    struct text line = {0};
    struct script script;
    struct script_error error = {{0}, ""};
    text_add(&line, "0 ");
    print_packet(&line, p);
    text_add(&line, "\n");
    int err = script_parse(&script, "", text_of(&line), line.len, &d->settings, &error);
    script_free(&script);
    text_free(&line);
    return err ? arena_printf(&d->arena, "it cannot be written: %s", error.text) : NULL;
}

/* ---- The streams ------------------------------------------------------------------------------------------------- */

static const struct mp_line *find_option(const struct packet *p, enum mp_type type) {
    for (const struct option *o = p->tcp.options; o; o = o->next)
        if (o->kind == OPTION_MPTCP && o->mp.type == type)
            return &o->mp;
    return NULL;
}

/* Positions in the streams. In plain TCP, and before there is a mapping, they are the sequence numbers. */
static void note_data(struct draft *d, struct draft_item *item, enum trace_side sender) {
    const struct packet *p = item->packet;
    struct draft_flow *f = &d->flows[item->flow->index];
    const struct mp_line *dss = find_option(p, MP_DSS);
    bool mapped = dss && dss->dss.has_map && value_given(&dss->dss.dsn);
    bool two = d->conn->dss; /* levels: data and subflow */
    if (mapped && dss->dss.ssn.n)
        f->map[sender] = dss->dss.dsn.n - dss->dss.ssn.n;
    if (p->tcp.len)
        item->data_end = f->map[sender] + p->tcp.seq + p->tcp.len + !!(p->tcp.flags & TCP_SYN);
    if (mapped && p->tcp.len && dss->dss.dll.n)
        item->data_map = dss->dss.dsn.n + dss->dss.dll.n - dss->dss.fin;
    if (mapped && dss->dss.fin)
        item->data_fin = dss->dss.dsn.n + dss->dss.dll.n - 1;
    if (!two && p->tcp.flags & TCP_FIN)
        item->data_fin = (uint64_t)p->tcp.seq + p->tcp.len;
    if (dss && dss->dss.has_ack)
        item->data_ack = dss->dss.ack.n;
    else if (!two && p->tcp.flags & TCP_ACK)
        item->data_ack = p->tcp.ack;
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static void lift_tcp(struct draft *d, struct draft_item *item, const struct trace_packet *tp, const uint8_t *data,
                     uint32_t len) {
    struct draft_flow *f = &d->flows[tp->flow->index];
    bool outbound = trace_sender(tp) == d->stack;
    struct tcp_flow *sender = outbound ? &f->out : &f->in;
    struct live_head head;
    char error[200] = "";
    if (outbound && !f->out.nts && lift_head(data, len, &head) && head.has_ts) {
        f->ts = (struct ts_pair){TS_FIRST, head.tsval};
        f->out.nts = 1;
    }
    struct packet *p = item->packet = arena_alloc(&d->arena, sizeof *p);
    bool whole = lift(sender, data, len, &d->arena, p, error, sizeof error);
    const char *wrong = strrchr(error, ':');
    p->inbound = !outbound;
    count_from_zero(p, sender);
    keep_ip(p);
    p->tcp.has_win = p->inbound;
    check_data(d, p, captured_payload(d, tp, p), &item->remark);
    rewrite_options(d, tp->flow, p, &item->remark);
    if (d->conn->nflows > 1 || f->stack.kind == END_PORT) {
        p->has_ends = true;
        p->src = outbound ? f->stack : f->peer;
        p->dst = outbound ? f->peer : f->stack;
    }
    const char *why = whole ? unspeakable(d, p) : arena_printf(&d->arena, "%s", wrong ? wrong + 2 : error);
    if (why) {
        item->comment = true;
        item->remark = why;
        return;
    }
    note_data(d, item, trace_sender(tp));
    for (const struct option *o = p->tcp.options; outbound && o; o = o->next)
        if (o->kind == OPTION_TS)
            ts_show(d, f, o->ts.val);
}

/* An error about a packet of the stack. */
static void lift_icmp(struct draft *d, struct draft_item *item, const struct trace_packet *tp, const uint8_t *data,
                      uint32_t len) {
    enum { UNREACHABLE = 3, FRAG_NEEDED = 4, TOO_BIG_V6 = 2 };
    const struct draft_flow *f = &d->flows[tp->flow->index];
    struct packet *p = item->packet = arena_alloc(&d->arena, sizeof *p);
    struct ip_hdr ip;
    struct icmp_msg msg = {0};
    p->proto = PACKET_ICMP;
    p->inbound = trace_sender(tp) != d->stack;
    if (ip_parse(data, len, false, &ip) != DROP_NONE || icmp_parse(&ip, true, &msg) != DROP_NONE)
        return; /* the trace parsed it before */
    p->v6 = ip.v6;
    p->icmp.type = msg.type;
    p->icmp.code = msg.code;
    p->icmp.has_mtu =
        p->inbound && (ip.v6 ? msg.type == TOO_BIG_V6 : msg.type == UNREACHABLE && msg.code == FRAG_NEEDED);
    p->icmp.mtu = msg.mtu;
    if (p->inbound)
        p->icmp.quote_seq = flow_written_stack_seq(&f->out, false, msg.seq.v);
    item->remark = unspeakable(d, p);
    if (!item->remark && d->conn->nflows > 1)
        item->remark = "of several subflows, such a line means the newest one";
    item->comment = item->remark;
}

/* The time of a packet: not before that of the one before it, nor longer behind it than a script can wait. */
static dur item_time(const struct draft *d, uint32_t at) {
    const struct capture_packet *all = d->trace->capture->packets;
    uint64_t first = all[d->trace->packets[d->conn->first].at].ns, now = all[at].ns;
    dur since = now > first ? (now - first) / GRAIN * GRAIN + ((now - first) % GRAIN >= GRAIN / 2 ? GRAIN : 0) : 0;
    dur last = d->n ? d->items[d->n - 1].at : 0;
    return since < last ? last : since - last > GAP_MAX ? last + GAP_MAX : since;
}

static void add_packet(struct draft *d, const struct trace_packet *tp, uint8_t *data) {
    struct trace_bytes what;
    uint32_t len = trace_bytes(&d->trace->capture->packets[tp->at], data, &what);
    d->unsummed += what.unsummed;
    dur at = item_time(d, tp->at);
    if (!tp->icmp)
        draft_name_flow(d, tp->flow);
    struct draft_item *item = draft_add(d);
    item->at = at;
    item->flow = tp->flow;
    if (tp->icmp)
        lift_icmp(d, item, tp, data, len);
    else
        lift_tcp(d, item, tp, data, len);
}

static void begin_flow(struct draft *d, const struct trace_flow *flow) {
    struct draft_flow *f = &d->flows[flow->index];
    bool opener = (d->stack == OPENER) != flow->swapped; /* the stack opened this one */
    f->out.ends = (struct flow){*trace_end(flow, d->stack), *trace_end(flow, d->stack == OPENER ? ACCEPTOR : OPENER)};
    f->out.v6 = d->v6;
    f->out.has_stack_isn = true;
    f->out.stack_isn = flow->isn[opener ? 0 : 1];
    f->out.peer_isn = flow->isn[opener ? 1 : 0];
    f->out.mp = &d->mp_out;
    f->out.ts = &f->ts;
    f->in.ends = (struct flow){f->out.ends.remote, f->out.ends.local};
    f->in.v6 = d->v6;
    f->in.has_stack_isn = true;
    f->in.stack_isn = f->out.peer_isn;
    f->in.peer_isn = f->out.stack_isn;
    f->in.mp = &d->mp_in;
}

void draft_packets(struct draft *d) {
    uint8_t *data = malloc(RAW_MAX);
    if (!data)
        return;
    d->flows = arena_alloc(&d->arena, d->conn->nflows * sizeof *d->flows);
    for (const struct trace_flow *f = d->conn->flows; f; f = f->next)
        begin_flow(d, f);
    for (uint32_t i = d->conn->first; i <= d->conn->last_packet; i++)
        if (d->trace->packets[i].flow->conn == d->conn)
            add_packet(d, &d->trace->packets[i], data);
    free(data);
}

/* ---- Merging ----------------------------------------------------------------------------------------------------- */

static bool same_options(const struct packet *a, const struct packet *b) {
    struct text x = {0}, y = {0};
    for (const struct option *o = a->tcp.options; o; o = o->next)
        print_option(&x, o);
    for (const struct option *o = b->tcp.options; o; o = o->next)
        print_option(&y, o);
    bool same = strcmp(text_of(&x), text_of(&y)) == 0;
    text_free(&x);
    text_free(&y);
    return same;
}

static bool is_data_of_stack(const struct draft_item *i) {
    return !i->comment && !i->remark && i->packet->proto == PACKET_TCP && !i->packet->inbound && i->packet->tcp.len &&
           !(i->packet->tcp.flags & TCP_SYN);
}

/* `piece`: the length of the first segment, which all but the last must have. */
static bool mergeable(const struct draft_item *a, const struct draft_item *b, uint32_t piece, dur last) {
    enum { LOOSE = TCP_FIN | TCP_PSH, LEN_MAX = 65000 };
    if (!is_data_of_stack(a) || !is_data_of_stack(b) || a->flow != b->flow || b->at - last > BURST_GAP)
        return false;
    const struct tcp_line *x = &a->packet->tcp, *y = &b->packet->tcp;
    return !(x->flags & (TCP_PSH | TCP_FIN)) && ((x->flags ^ y->flags) & (uint8_t)~LOOSE) == 0 && x->ae == y->ae &&
           y->seq == x->seq + x->len && x->len % piece == 0 && y->len <= piece && x->len + y->len <= LEN_MAX &&
           x->ack == y->ack && x->urg == y->urg && a->packet->ip.given == b->packet->ip.given &&
           a->packet->ip.tos == b->packet->ip.tos && same_options(a->packet, b->packet);
}

void draft_merge(struct draft *d) { /* all items are packets yet */
    uint32_t kept = 0;
    dur last = 0;
    uint32_t piece = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        struct draft_item *into = kept ? &d->items[kept - 1] : NULL, *item = &d->items[i];
        if (into && mergeable(into, item, piece, last)) {
            struct tcp_line *x = &into->packet->tcp, *y = &item->packet->tcp;
            x->flags = y->flags;
            x->len += y->len;
            into->data_end = item->data_end;
            into->data_fin = item->data_fin;
            into->data_ack = item->data_ack;
            last = item->at;
            continue;
        }
        last = item->at;
        piece = item->packet->proto == PACKET_TCP ? item->packet->tcp.len : 0;
        d->items[kept++] = *item;
    }
    d->n = kept;
}
