/* SPDX-License-Identifier: BSD-3-Clause */
/* The language of mptcplab.h. */
#include "mptcptrace.h"

#include <stdio.h>

#include "testwire.h"
#include "wire/mpcrypto.h"

enum { WORD_MAX = 96 };

uint8_t trace_byte(enum from from, uint64_t pos) {
    return (uint8_t)(pos * 7 + pos / 251 + pos / 65521 + (from == STACK ? 0 : 131));
}

static uint64_t key_of(const struct mlab *l, enum from from) { return from == STACK ? l->key : l->peer_key; }
static uint64_t idsn_of(const struct mlab *l, enum from from) { return from == STACK ? l->idsn : l->peer_idsn; }
static struct seq isn_of(const struct mlab_flow *f, enum from from) { return from == STACK ? f->isn : f->peer_isn; }
static uint32_t nonce_of(const struct mlab_flow *f, enum from from) { return from == STACK ? f->nonce : f->peer_nonce; }
static enum from other_end(enum from from) { return from == STACK ? PEER : STACK; }

uint16_t trace_csum(const struct mlab *l, enum from from, uint64_t dsn, uint32_t ssn, uint32_t len, bool fin) {
    struct csum sum = {0};
    uint64_t first = dsn - idsn_of(l, from);
    for (uint32_t i = 0; i + fin < len; i += 2) {
        uint8_t pair[2] = {trace_byte(from, first + i), 0};
        bool odd = i + 1 + fin >= len;
        if (!odd)
            pair[1] = trace_byte(from, first + i + 1);
        csum_add(&sum, pair, odd ? 1 : 2);
    }
    mp_csum_add_pseudo(&sum, (struct dsn){dsn}, ssn, (uint16_t)len);
    return csum_finish(&sum);
}

void trace_join_hmac(const struct mlab *l, const struct mlab_flow *f, enum from from, uint8_t hmac[32]) {
    enum from to = other_end(from);
    mp_join_hmac(key_of(l, from), key_of(l, to), nonce_of(f, from), nonce_of(f, to), hmac);
}

/* ---- Text to segment --------------------------------------------------------------------------------------------- */

static void bad_text(const struct script *r, const char *what) { fail_msg("%s: \"%s\"", what, r->text); }

/* The next word; false at the end. */
static bool word(struct script *r, char w[WORD_MAX]) {
    size_t n = 0;
    while (*r->at == ' ')
        r->at++;
    while (*r->at && *r->at != ' ' && n < WORD_MAX - 1)
        w[n++] = *r->at++;
    w[n] = 0;
    return n > 0;
}

static void need(struct script *r, char w[WORD_MAX]) {
    if (!word(r, w))
        bad_text(r, "a word is missing");
}

static uint64_t number(struct script *r, int base) {
    char w[WORD_MAX], *end;
    need(r, w);
    uint64_t v = strtoull(w, &end, base);
    if (*end)
        bad_text(r, "not a number");
    return v;
}

/* A number within a word, and what follows it. */
static uint64_t part(struct script *r, char **at, char then) {
    char *end;
    uint64_t v = strtoull(*at, &end, 10);
    if (end == *at || *end != then)
        bad_text(r, "a segment is FLAGS number(length), a mapping D:S+L");
    *at = end + 1;
    return v;
}

static bool next_is(struct script *r, const char *what) {
    const char *before = r->at;
    char w[WORD_MAX];
    if (word(r, w) && !strcmp(w, what))
        return true;
    r->at = before;
    return false;
}

static uint8_t flags_of(struct script *r, const char *w) {
    static const char letters[] = "FSRP.U";
    uint8_t flags = 0;
    for (; *w; w++) {
        const char *at = strchr(letters, *w);
        if (!at)
            bad_text(r, "unknown flag");
        else
            flags |= (uint8_t)(1 << (at - letters));
    }
    return flags;
}

/* ---- Options ------------------------------------------------------------------------------------------------------
 */

static bool says_csum(const struct mlab *l, enum from from, const struct seg *seg) {
    if (seg->flags & TCP_SYN)
        return from == PEER ? l->peer_csum : l->s->env.cfg.checksum_enabled;
    return l->csum;
}

static void begin_mpc(struct script *r) {
    const struct mlab *l = r->l;
    bool syn = r->seg.flags & TCP_SYN, ack = r->seg.flags & TCP_ACK;
    struct mpopt *o = mpopts_add(&r->seg.mp, syn ? ack ? MPC_SYNACK : MPC_SYN : r->seg.len ? MPC_DATA : MPC_ACK);
    bool deny = r->from == PEER ? l->peer_deny0 : !l->s->env.cfg.allow_join_initial_addr_port;
    o->mpc.version = 1;
    o->mpc.flags =
        (uint8_t)(MPC_HMAC_SHA256 | (says_csum(l, r->from, &r->seg) ? MPC_CSUM : 0) | (deny ? MPC_DENY_JOIN0 : 0));
    if (o->type != MPC_SYN)
        o->mpc.sender_key = key_of(l, r->from);
    if (!syn)
        o->mpc.receiver_key = key_of(l, other_end(r->from));
    if (o->type == MPC_DATA) {
        o->mpc.len = (uint16_t)r->seg.len;
        o->mpc.has_csum = l->csum;
    }
    r->o = o;
}

static void begin_mpj(struct script *r) {
    bool syn = r->seg.flags & TCP_SYN, ack = r->seg.flags & TCP_ACK;
    struct mpopt *o = mpopts_add(&r->seg.mp, syn ? ack ? MPJ_SYNACK : MPJ_SYN : MPJ_ACK);
    uint8_t hmac[32];
    struct dsn idsn;
    trace_join_hmac(r->l, r->f, r->from, hmac);
    if (o->type == MPJ_SYN)
        mp_key_derive(key_of(r->l, other_end(r->from)), &o->mpj.token, &idsn);
    if (o->type == MPJ_SYNACK)
        o->mpj.hmac64 = mp_join_hmac64(hmac);
    if (o->type == MPJ_ACK)
        memcpy(o->mpj.hmac160, hmac, sizeof o->mpj.hmac160);
    else
        o->mpj.nonce = nonce_of(r->f, r->from);
    r->o = o;
}

static void begin_addr(struct script *r, bool echo) {
    struct mpopt *o = r->o = mpopts_add(&r->seg.mp, MP_ADD_ADDR);
    char w[WORD_MAX];
    o->add_addr.addr_id = (uint8_t)number(r, 10);
    need(r, w);
    o->add_addr.addr = test_addr(w);
    o->add_addr.echo = echo;
    if (next_is(r, "port")) {
        o->add_addr.has_port = true;
        o->add_addr.port = (uint16_t)number(r, 10);
    }
    if (!echo)
        o->add_addr.hmac = mp_add_addr_hmac(key_of(r->l, r->from), key_of(r->l, other_end(r->from)),
                                            o->add_addr.addr_id, &o->add_addr.addr, o->add_addr.port);
}

static void begin_remove(struct script *r) {
    struct mpopt *o = r->o = mpopts_add(&r->seg.mp, MP_REMOVE_ADDR);
    char w[WORD_MAX], *at = w;
    need(r, w);
    do
        o->remove.ids[o->remove.n++] = (uint8_t)strtoul(at, &at, 10);
    while (*at++ == ',');
}

/* A word that begins an option. */
static bool begins(struct script *r, const char *w) {
    enum from to = other_end(r->from);
    if (!strcmp(w, "mpc"))
        begin_mpc(r);
    else if (!strcmp(w, "mpj"))
        begin_mpj(r);
    else if (!strcmp(w, "dss"))
        r->o = mpopts_add(&r->seg.mp, MP_DSS);
    else if (!strcmp(w, "add") || !strcmp(w, "echo"))
        begin_addr(r, *w == 'e');
    else if (!strcmp(w, "remove"))
        begin_remove(r);
    else if (!strcmp(w, "prio"))
        (r->o = mpopts_add(&r->seg.mp, MP_PRIO))->prio.backup = number(r, 10);
    else if (!strcmp(w, "fail")) /* of the stream that goes to the one who says it */
        (r->o = mpopts_add(&r->seg.mp, MP_FAIL))->fail.dsn = idsn_of(r->l, to) + number(r, 10);
    else if (!strcmp(w, "fastclose"))
        (r->o = mpopts_add(&r->seg.mp, MP_FASTCLOSE))->fastclose.key = key_of(r->l, to);
    else if (!strcmp(w, "tcprst"))
        (r->o = mpopts_add(&r->seg.mp, MP_TCPRST))->rst.reason = (uint8_t)number(r, 10);
    else
        return false;
    return true;
}

static void read_map(struct script *r, bool wide) {
    struct mpopt *o = r->o;
    char w[WORD_MAX], *at = w;
    need(r, w);
    uint64_t dsn = part(r, &at, ':'), ssn = part(r, &at, '+'), len = part(r, &at, 0);
    dsn += idsn_of(r->l, r->from);
    o->dss.has_map = true;
    o->dss.dsn64 = wide;
    o->dss.dsn = wide ? dsn : (uint32_t)dsn;
    o->dss.ssn = (uint32_t)ssn;
    o->dss.len = (uint16_t)len;
    o->dss.has_csum = r->l->csum;
    if (!r->has_at)
        r->pos = dsn - idsn_of(r->l, r->from) + ((r->seg.seq.v - isn_of(r->f, r->from).v) - ssn);
    r->has_at = true;
}

static void dss_csum(const struct script *r, struct mpopt *o) {
    uint64_t dsn = o->dss.dsn;
    if (!o->dss.dsn64)
        dsn = unwrap32(idsn_of(r->l, r->from) + r->pos, (uint32_t)dsn);
    if (o->dss.has_csum && o->dss.len)
        o->dss.csum = trace_csum(r->l, r->from, dsn, o->dss.ssn, o->dss.len, o->dss.data_fin);
}

static void mpc_csum(const struct script *r, struct mpopt *o) {
    if (o->type == MPC_DATA && o->mpc.has_csum)
        o->mpc.csum = trace_csum(r->l, r->from, idsn_of(r->l, r->from) + 1, 1, o->mpc.len, false);
}

/* `csum` of a DSS or MP_CAPABLE comes last in it. */
static void read_csum(struct script *r) {
    struct mpopt *o = r->o;
    bool dss = o->type == MP_DSS;
    char w[WORD_MAX];
    need(r, w);
    bool there = strcmp(w, "none");
    if (dss)
        o->dss.has_csum = there;
    else
        o->mpc.has_csum = there;
    if (dss)
        dss_csum(r, o);
    else
        mpc_csum(r, o);
    uint16_t *csum = dss ? &o->dss.csum : &o->mpc.csum;
    if (!strcmp(w, "bad"))
        *csum ^= 0x5555;
    else if (!strcmp(w, "zero") || !there)
        *csum = 0;
    else if (strcmp(w, "good") != 0)
        bad_text(r, "csum is bad, none, zero or good");
}

static bool read_dss(struct script *r, const char *w) {
    struct mpopt *o = r->o;
    if (!strcmp(w, "ack") || !strcmp(w, "ack32")) {
        uint64_t ack = idsn_of(r->l, other_end(r->from)) + number(r, 10);
        o->dss.has_ack = true;
        o->dss.ack64 = !w[3];
        o->dss.ack = o->dss.ack64 ? ack : (uint32_t)ack;
    } else if (!strcmp(w, "map") || !strcmp(w, "map32")) {
        read_map(r, !w[3]);
        dss_csum(r, o);
    } else if (!strcmp(w, "fin")) {
        o->dss.data_fin = true;
        dss_csum(r, o);
    } else if (!strcmp(w, "csum")) {
        read_csum(r);
    } else {
        return false;
    }
    return true;
}

/* A word that belongs to the option that began before it. */
static bool belongs(struct script *r, const char *w) {
    struct mpopt *o = r->o;
    if (!o)
        return false;
    if (o->type == MP_DSS)
        return read_dss(r, w);
    bool mpc = o->type >= MPC_SYN && o->type <= MPC_DATA, mpj = o->type >= MPJ_SYN && o->type <= MPJ_ACK;
    if (mpc && !strcmp(w, "ver"))
        o->mpc.version = (uint8_t)number(r, 10);
    else if (mpc && !strcmp(w, "flags"))
        o->mpc.flags = (uint8_t)number(r, 16);
    else if (mpc && !strcmp(w, "len")) {
        o->mpc.len = (uint16_t)number(r, 10);
        mpc_csum(r, o);
    } else if (mpc && !strcmp(w, "csum"))
        read_csum(r);
    else if (mpc && !strcmp(w, "key") && next_is(r, "bad"))
        o->mpc.receiver_key ^= 1;
    else if (mpj && !strcmp(w, "id"))
        o->mpj.addr_id = (uint8_t)number(r, 10);
    else if (mpj && !strcmp(w, "backup"))
        o->mpj.backup = true;
    else if (mpj && !strcmp(w, "token") && next_is(r, "bad"))
        o->mpj.token ^= 1;
    else if (mpj && !strcmp(w, "hmac") && next_is(r, "bad")) {
        o->mpj.hmac64 ^= 1;
        o->mpj.hmac160[19] ^= 1;
    } else if (o->type == MP_ADD_ADDR && !strcmp(w, "hmac") && next_is(r, "bad"))
        o->add_addr.hmac ^= 1;
    else if (o->type == MP_FASTCLOSE && !strcmp(w, "key") && next_is(r, "bad"))
        o->fastclose.key ^= 1;
    else
        return false;
    return true;
}

static void read_tcp(struct script *r, const char *w) {
    struct seg *seg = &r->seg;
    char hex[WORD_MAX];
    if (!strcmp(w, "ack")) {
        r->has_ack = true;
        seg->ack.v = isn_of(r->f, other_end(r->from)).v + (uint32_t)number(r, 10);
    } else if (!strcmp(w, "win")) {
        r->has_win = true;
        seg->window = (uint16_t)number(r, 10);
    } else if (!strcmp(w, "mss")) {
        seg->opt.has_mss = true;
        seg->opt.mss = (uint16_t)number(r, 10);
    } else if (!strcmp(w, "ws")) {
        seg->opt.has_wscale = true;
        seg->opt.wscale = (uint8_t)number(r, 10);
    } else if (!strcmp(w, "sackok")) {
        seg->opt.sack_permitted = true;
    } else if (!strcmp(w, "at")) {
        r->has_at = true;
        r->pos = number(r, 10);
    } else if (!strcmp(w, "other")) {
        r->other = true;
    } else if (!strcmp(w, "raw")) {
        need(r, hex);
        r->raw_len += test_unhex(hex, r->raw + r->raw_len, sizeof r->raw - r->raw_len);
    } else {
        bad_text(r, w);
    }
}

void trace_read(struct script *r, const struct mlab *l, int sf, enum from from, const char *text) {
    char w[WORD_MAX];
    memset(r, 0, sizeof *r);
    r->l = l;
    r->f = &l->flow[sf];
    r->from = from;
    r->text = r->at = text;
    char *in = w;
    need(r, w);
    r->seg.flags = flags_of(r, w);
    need(r, w);
    uint64_t at = part(r, &in, '('), len = part(r, &in, ')');
    r->seg.seq.v = isn_of(r->f, r->from).v + (uint32_t)at;
    r->seg.len = (uint32_t)len;
    r->seg.window = r->l->peer_win;
    r->pos = at;
    while (word(r, w))
        if (!belongs(r, w) && !begins(r, w))
            read_tcp(r, w);
    for (uint32_t i = 0; i < r->seg.mp.n; i++)
        if (r->seg.mp.opt[i].type == MPC_DATA && r->seg.mp.opt[i].mpc.has_csum && !r->seg.mp.opt[i].mpc.csum)
            mpc_csum(r, &r->seg.mp.opt[i]);
}

/* ---- Segment to text --------------------------------------------------------------------------------------------- */

struct text {
    char *at, *end;
};

static void step_over(struct text *t, int n) { t->at += n > 0 && n < t->end - t->at ? n : 0; }
#define put(t, ...) step_over((t), snprintf((t)->at, (size_t)((t)->end - (t)->at), __VA_ARGS__))

static void put_dss(struct text *t, const struct mlab *l, enum from from, const struct mpopt *o) {
    uint64_t ack_base = idsn_of(l, other_end(from)), base = idsn_of(l, from);
    put(t, " dss");
    if (o->dss.has_ack && o->dss.ack64)
        put(t, " ack %lld", (long long)(o->dss.ack - ack_base));
    else if (o->dss.has_ack)
        put(t, " ack32 %ld", (long)(int32_t)((uint32_t)o->dss.ack - (uint32_t)ack_base));
    if (!o->dss.has_map)
        return;
    put(t, " map%s %lld:%lu+%u", o->dss.dsn64 ? "" : "32",
        o->dss.dsn64 ? (long long)(o->dss.dsn - base) : (long long)(int32_t)((uint32_t)o->dss.dsn - (uint32_t)base),
        (unsigned long)o->dss.ssn, o->dss.len);
    if (o->dss.data_fin)
        put(t, " fin");
    if (o->dss.has_csum)
        put(t, " csum %04x", o->dss.csum);
}

static void put_option(struct text *t, const struct mlab *l, enum from from, const struct mpopt *o) {
    char buf[200];
    if (o->type == MP_DSS)
        put_dss(t, l, from, o);
    else if (o->type == MP_FAIL)
        put(t, " fail %lld", (long long)(o->fail.dsn - idsn_of(l, other_end(from))));
    else
        put(t, " <%s>", mpopt_format(o, buf, sizeof buf));
}

const char *trace_format(const struct mlab *l, int sf, const struct seg *seg, char text[TRACE_TEXT_MAX]) {
    static const char letters[] = "FSRP.U";
    const struct mlab_flow *f = &l->flow[sf];
    struct text t = {text, text + TRACE_TEXT_MAX};
    put(&t, "[%d] ", sf);
    for (int i = 0; letters[i]; i++)
        if (seg->flags & 1 << i)
            put(&t, "%c", letters[i]);
    put(&t, " %ld(%u)", (long)(int32_t)(seg->seq.v - f->isn.v), seg->len);
    if (seg->flags & TCP_ACK)
        put(&t, " ack %ld", (long)(int32_t)(seg->ack.v - f->peer_isn.v));
    put(&t, " win %u", seg->window);
    for (uint32_t i = 0; i < seg->opt.nsack; i++)
        put(&t, " sack %u:%u", seg->opt.sack[i].left.v - f->peer_isn.v, seg->opt.sack[i].right.v - f->peer_isn.v);
    for (uint32_t i = 0; i < seg->mp.n; i++)
        put_option(&t, l, STACK, &seg->mp.opt[i]);
    return text;
}

static bool same_option(const struct mpopt *a, const struct mpopt *b) {
    uint8_t x[64], y[64];
    struct writer wx = writer_of(x, sizeof x), wy = writer_of(y, sizeof y);
    mpopt_build(&wx, a);
    mpopt_build(&wy, b);
    return a->type == b->type && wx.len == wy.len && !memcmp(x, y, wx.len);
}

bool trace_matches(const struct script *want, const struct seg *got) {
    const struct seg *w = &want->seg;
    bool same = ((w->flags ^ got->flags) & (uint8_t)~TCP_PSH) == 0 && w->seq.v == got->seq.v && w->len == got->len &&
                w->mp.n == got->mp.n && (!want->has_ack || w->ack.v == got->ack.v) &&
                (!want->has_win || w->window == got->window);
    for (uint32_t i = 0; same && i < got->mp.n; i++)
        same = same_option(&w->mp.opt[i], &got->mp.opt[i]);
    return same;
}
