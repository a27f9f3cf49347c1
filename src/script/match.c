/* SPDX-License-Identifier: BSD-3-Clause */
/* What came against what was expected, field by field. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "script/mpvalue.h"
#include "script/translate.h"

struct comparison {
    struct flows *f;
    const struct tcp_flow *flow;
    dur elapsed;
    struct text *text;
    int n;
    const char *where; /* before the field's name: "dss." */
    char *error;
    size_t size;
    bool failed;
};

/* ---- Differences ------------------------------------------------------------------------------------------------- */

static void differs(struct comparison *c, const char *field, const char *came, const char *want) {
    text_add(c->text, "%s%s is %s, expected %s\n", c->where, field, came, want);
    c->n++;
}

static void number(struct comparison *c, const char *field, uint64_t came, uint64_t want) {
    char came_text[32], want_text[32];
    if (came == want)
        return;
    snprintf(came_text, sizeof came_text, came > UINT32_MAX ? "0x%" PRIx64 : "%" PRIu64, came);
    snprintf(want_text, sizeof want_text, want > UINT32_MAX ? "0x%" PRIx64 : "%" PRIu64, want);
    differs(c, field, came_text, want_text);
}

static void flag(struct comparison *c, const char *field, bool came, bool want) {
    if (came != want)
        differs(c, field, came ? "set" : "not set", want ? "set" : "not set");
}

static void present(struct comparison *c, const char *field, bool came, bool want) {
    if (came != want)
        differs(c, field, came ? "there" : "missing", want ? "there" : "missing");
}

/* A computed value; what the script left open agrees with everything. */
static void value(struct comparison *c, const char *field, const struct value *came, const struct value *want) {
    if (value_given(want) && !value_given(came))
        differs(c, field, "missing", "there");
    else if (value_given(want))
        number(c, field, came->n, want->n);
}

static void octets(struct comparison *c, const char *field, const uint8_t *came, const uint8_t *want, size_t len) {
    char came_text[2 * PACKET_OPTIONS_MAX + 1] = "nothing", want_text[2 * PACKET_OPTIONS_MAX + 1] = "nothing";
    if (memcmp(came, want, len) == 0)
        return;
    for (size_t i = 0; i < len; i++) {
        snprintf(came_text + 2 * i, 3, "%02x", came[i]);
        snprintf(want_text + 2 * i, 3, "%02x", want[i]);
    }
    differs(c, field, came_text, want_text);
}

/* ---- Options of MPTCP -------------------------------------------------------------------------------------------- */

static void match_dss(struct comparison *c, const struct mp_line *came, const struct mp_line *want) {
    c->where = "dss: ";
    present(c, "Data ACK (A)", came->dss.has_ack, want->dss.has_ack);
    present(c, "mapping (M)", came->dss.has_map, want->dss.has_map);
    if (came->dss.has_ack && want->dss.has_ack) {
        number(c, "width of the Data ACK", came->dss.ack64 ? 8 : 4, want->dss.ack64 ? 8 : 4);
        value(c, "dack", &came->dss.ack, &want->dss.ack);
    }
    flag(c, "DATA_FIN (F)", came->dss.fin, want->dss.fin);
    if (!came->dss.has_map || !want->dss.has_map)
        return;
    number(c, "width of the DSN", came->dss.dsn64 ? 8 : 4, want->dss.dsn64 ? 8 : 4);
    value(c, "dsn", &came->dss.dsn, &want->dss.dsn);
    value(c, "ssn", &came->dss.ssn, &want->dss.ssn);
    value(c, "dll", &came->dss.dll, &want->dss.dll);
    present(c, "checksum", !came->dss.nocs, !want->dss.nocs);
    if (!came->dss.nocs && !want->dss.nocs)
        value(c, "checksum", &came->dss.csum, &want->dss.csum);
}

static void match_capable(struct comparison *c, const struct mp_line *came, const struct mp_line *want) {
    c->where = "mpcapable: ";
    number(c, "version", came->mpc.version, want->mpc.version);
    number(c, "flags", came->mpc.flags, want->mpc.flags);
    if (want->mpc.nkeys > 0)
        value(c, "sender's key", &came->mpc.key[0], &want->mpc.key[0]);
    if (want->mpc.nkeys > 1)
        value(c, "receiver's key", &came->mpc.key[1], &want->mpc.key[1]);
    if (want->type == MPC_DATA) {
        number(c, "data length", came->mpc.len, want->mpc.len);
        present(c, "checksum", value_given(&came->mpc.csum), value_given(&want->mpc.csum));
        if (want->mpc.csum.kind == VALUE_NUMBER)
            value(c, "checksum", &came->mpc.csum, &want->mpc.csum);
    }
}

static void match_join(struct comparison *c, const struct mp_line *came, const struct mp_line *want) {
    c->where = "mp_join: ";
    if (want->type != MPJ_ACK) {
        flag(c, "backup (B)", came->mpj.backup, want->mpj.backup);
        value(c, "address id", &came->mpj.addr_id, &want->mpj.addr_id);
        value(c, "random number", &came->mpj.nonce, &want->mpj.nonce);
    }
    if (want->type == MPJ_SYN)
        value(c, "token", &came->mpj.token, &want->mpj.token);
    else if (value_given(&want->mpj.hmac))
        octets(c, "HMAC", came->mpj.hmac_bytes, want->mpj.hmac_bytes, want->type == MPJ_SYNACK ? 8 : 20);
}

static void match_add_addr(struct comparison *c, const struct mp_line *came, const struct mp_line *want) {
    c->where = "add_address: ";
    flag(c, "echo (E)", came->add_addr.echo, want->add_addr.echo);
    value(c, "address id", &came->add_addr.addr_id, &want->add_addr.addr_id);
    if (want->add_addr.addr.literal && !addr_eq(&came->add_addr.addr.addr, &want->add_addr.addr.addr)) {
        char came_text[UMPTCP_ADDRSTRLEN], want_text[UMPTCP_ADDRSTRLEN];
        differs(c, "address", umptcp_addr_format(&came->add_addr.addr.addr, came_text),
                umptcp_addr_format(&want->add_addr.addr.addr, want_text));
    }
    present(c, "port", value_given(&came->add_addr.port), value_given(&want->add_addr.port));
    if (value_given(&came->add_addr.port))
        value(c, "port", &came->add_addr.port, &want->add_addr.port);
    value(c, "HMAC", &came->add_addr.hmac, &want->add_addr.hmac);
}

static void match_mptcp(struct comparison *c, const struct mp_line *came, const struct mp_line *line) {
    struct mp_line want;
    if (!mp_resolve(c->f, c->flow, line, came, &want, c->error, c->size)) {
        c->failed = true;
        return;
    }
    switch (want.type) {
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPC_DATA:
        match_capable(c, came, &want);
        break;
    case MPJ_SYN:
    case MPJ_SYNACK:
    case MPJ_ACK:
        match_join(c, came, &want);
        break;
    case MP_DSS:
        match_dss(c, came, &want);
        break;
    case MP_ADD_ADDR:
        match_add_addr(c, came, &want);
        break;
    case MP_REMOVE_ADDR:
        c->where = "remove_address: ";
        number(c, "number of ids", came->remove.n, want.remove.n);
        if (came->remove.n == want.remove.n)
            octets(c, "ids", came->remove.ids, want.remove.ids, want.remove.n);
        break;
    case MP_PRIO:
        c->where = "mp_prio: ";
        flag(c, "backup (B)", came->prio.backup, want.prio.backup);
        break;
    case MP_FAIL:
        c->where = "mp_fail: ";
        value(c, "dsn", &came->fail.dsn, &want.fail.dsn);
        break;
    case MP_FASTCLOSE:
        c->where = "mp_fastclose: ";
        value(c, "key", &came->fastclose.key, &want.fastclose.key);
        break;
    case MP_TCPRST:
        c->where = "mp_reset: ";
        number(c, "reason", came->rst.reason, want.rst.reason);
        number(c, "flags", came->rst.flags, want.rst.flags);
        break;
    case MP_TYPE_COUNT:
        break;
    }
    c->where = "";
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static const char *option_text(const struct option *o, struct text *t) {
    if (!o)
        return "none";
    text_free(t);
    *t = (struct text){0};
    print_option(t, o);
    return text_of(t);
}

static bool same_kind(const struct option *a, const struct option *b) {
    return a->kind == b->kind && (a->kind != OPTION_MPTCP || a->mp.type == b->mp.type);
}

/* The timestamp's value is compared when the script says how long its tick is. */
static void match_timestamps(struct comparison *c, const struct option *came, const struct option *want) {
    const struct settings *s = c->f->settings;
    if (s->ts_tick) {
        int64_t ticks = (int32_t)(came->ts.val - want->ts.val);
        dur off = (dur)(ticks < 0 ? -ticks : ticks) * s->ts_tick;
        dur percent = (dur)((double)c->elapsed * s->tolerance_percent / 100);
        if (off > (percent > s->tolerance ? percent : s->tolerance))
            number(c, "TS val", came->ts.val, want->ts.val);
    }
    if (s->strict)
        number(c, "TS ecr", came->ts.ecr, want->ts.ecr);
}

static void match_option(struct comparison *c, const struct option *came, const struct option *want) {
    switch (want->kind) {
    case OPTION_EOL:
    case OPTION_NOP:
    case OPTION_SACK_OK:
        break;
    case OPTION_MSS:
        number(c, "mss", came->n, want->n);
        break;
    case OPTION_WSCALE:
        number(c, "wscale", came->n, want->n);
        break;
    case OPTION_TS:
        match_timestamps(c, came, want);
        break;
    case OPTION_MPTCP:
        match_mptcp(c, &came->mp, &want->mp);
        break;
    case OPTION_SACK:
    case OPTION_MD5:
    case OPTION_FO:
    case OPTION_FOEXP:
    case OPTION_ACC_ECN:
    case OPTION_RAW: {
        struct text a = {0}, b = {0};
        if (strcmp(option_text(came, &a), option_text(want, &b)) != 0)
            differs(c, "option", text_of(&a), text_of(&b));
        text_free(&a);
        text_free(&b);
        break;
    }
    }
}

static void match_options(struct comparison *c, const struct packet *came, const struct packet *want) {
    const struct option *a = came->tcp.options, *b = want->tcp.options;
    for (unsigned i = 1; a || b; i++) {
        if (a && b && same_kind(a, b)) {
            match_option(c, a, b);
        } else {
            struct text came_text = {0}, want_text = {0};
            char field[32];
            snprintf(field, sizeof field, "option %u", i);
            const char *came_is = option_text(a, &came_text), *want_is = option_text(b, &want_text);
            differs(c, field, came_is, want_is);
            text_free(&came_text);
            text_free(&want_text);
            return; /* what follows is only shifted */
        }
        a = a->next;
        b = b->next;
    }
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static const char *flags_text(const struct packet *p, char text[16]) {
    static const char letters[] = "FSRP.UEW";
    size_t n = 0;
    for (int i = 0; i < 8; i++)
        if (p->tcp.flags >> i & 1)
            text[n++] = letters[i];
    if (p->tcp.ae)
        text[n++] = 'A';
    if (n == 0)
        text[n++] = '-';
    text[n] = '\0';
    return text;
}

static void match_flags(struct comparison *c, const struct packet *came, const struct packet *want) {
    char came_text[16], want_text[16];
    uint8_t ecn = TCP_ECE | TCP_CWR, compared = want->tcp.has_ace ? (uint8_t)~ecn : 0xff;
    bool same =
        ((came->tcp.flags ^ want->tcp.flags) & compared) == 0 && (want->tcp.has_ace || came->tcp.ae == want->tcp.ae);
    if (!same)
        differs(c, "flags", flags_text(came, came_text), flags_text(want, want_text));
    if (want->tcp.has_ace)
        number(c, "ACE", came->tcp.ace, want->tcp.ace);
}

static void match_tcp(struct comparison *c, const struct packet *came, const struct packet *want) {
    match_flags(c, came, want);
    number(c, "seq", came->tcp.seq, want->tcp.seq);
    number(c, "payload", came->tcp.len, want->tcp.len);
    if (came->tcp.flags & want->tcp.flags & TCP_ACK)
        number(c, "ack", came->tcp.ack, want->tcp.ack);
    if (want->tcp.has_win)
        number(c, "win", came->tcp.win, want->tcp.win);
    number(c, "urg", came->tcp.urg, want->tcp.urg);
    if (!want->tcp.any_options)
        match_options(c, came, want);
}

static void match_ip(struct comparison *c, const struct packet *came, const struct packet *want) {
    const struct ip_line *w = &want->ip;
    if (w->given & GIVEN_TOS)
        number(c, "tos", came->ip.tos, w->tos);
    if (w->given & GIVEN_ECN)
        number(c, "ECN bits", came->ip.tos & 3, w->tos & 3);
    if (w->given & GIVEN_ECT01 && (came->ip.tos & 3) != IP_ECN_ECT0 && (came->ip.tos & 3) != IP_ECN_ECT1)
        differs(c, "ECN bits", "not ECT", "ECT(0) or ECT(1)");
    if (w->given & GIVEN_TTL)
        number(c, "ttl", came->ip.ttl, w->ttl);
    if (!(w->given & GIVEN_FLOW_LABEL) || !came->v6)
        return;
    if (came->ip.flow_label == 0)
        differs(c, "flow label", "zero", "one");
    else if (c->flow->has_label &&
             (c->flow->label_written == w->flow_label) != (c->flow->label_live == came->ip.flow_label))
        differs(c, "flow label", c->flow->label_live == came->ip.flow_label ? "that of another" : "a new one",
                c->flow->label_live == came->ip.flow_label ? "a new one" : "that of before");
}

int match(struct flows *f, const struct tcp_flow *flow, const struct packet *line, const struct packet *came,
          dur elapsed, struct text *differences, char *error, size_t size) {
    struct comparison c = {
        .f = f, .flow = flow, .elapsed = elapsed, .text = differences, .where = "", .error = error, .size = size};
    if (line->encaps || line->proto == PACKET_UDP) {
        snprintf(error, size, "%s are parsed, but not run", line->encaps ? "encapsulated packets" : "UDP packets");
        return -1;
    }
    if (line->proto != came->proto) {
        differs(&c, "the packet", came->proto == PACKET_TCP ? "TCP" : "ICMP",
                line->proto == PACKET_TCP ? "TCP" : "ICMP");
        return c.n;
    }
    match_ip(&c, came, line);
    if (line->proto == PACKET_TCP) {
        match_tcp(&c, came, line);
    } else {
        number(&c, "ICMP type", came->icmp.type, line->icmp.type);
        number(&c, "ICMP code", came->icmp.code, line->icmp.code);
    }
    return c.failed ? -1 : c.n;
}

void match_learn(struct flows *f, struct tcp_flow *flow, const struct packet *line, const struct packet *came) {
    if (line->proto != PACKET_TCP)
        return;
    if (line->ip.given & GIVEN_FLOW_LABEL) { /* it may change: each is compared with the one before */
        flow->has_label = true;
        flow->label_written = line->ip.flow_label;
        flow->label_live = came->ip.flow_label;
    }
    if (!(came->tcp.flags & (TCP_SYN | TCP_RST)))
        flow->open = true;
    const struct option *want = line->tcp.options;
    for (const struct option *o = came->tcp.options; o; o = o->next) {
        if (o->kind == OPTION_TS) {
            uint32_t live = flow->nts ? flow->ts[0].live + (o->ts.val - flow->ts[0].written) : o->ts.val;
            flow_learn_ts(f, flow, want && want->kind == OPTION_TS ? want->ts.val : o->ts.val, live);
        }
        if (o->kind == OPTION_MPTCP)
            mp_learn(f, flow, want && want->kind == OPTION_MPTCP && want->mp.type == o->mp.type ? &want->mp : &o->mp,
                     &o->mp);
        if (want)
            want = want->next;
    }
    flow_bind_ends(f, flow, line);
}
