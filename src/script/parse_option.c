/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP options, and the ledger: what a line writes must fill whole words of the header, and fit into it. */
#include <stdio.h>
#include <string.h>

#include "script/parser.h"
#include "wire/addr.h"

static bool parse_short(struct parser *p, struct option *o) {
    uint64_t n;
    bool mss = o->kind == OPTION_MSS;
    if (!parser_decimal(p, mss ? "a segment size of 16 bits" : "a shift of 8 bits", mss ? UINT16_MAX : UINT8_MAX, &n))
        return false;
    o->n = (uint32_t)n;
    return true;
}

static bool parse_sack(struct parser *p, struct option *o) {
    do {
        uint64_t left, right;
        if (o->sack.n == SACK_MAX)
            return parser_fail(p, p->tok.place, "at most %d SACK blocks fit", SACK_MAX);
        if (!parser_decimal(p, "a SACK block LEFT:RIGHT", UINT32_MAX, &left) || !parser_need(p, ':') ||
            !parser_decimal(p, "the right edge of the SACK block", UINT32_MAX, &right))
            return false;
        o->sack.block[o->sack.n].left = (uint32_t)left;
        o->sack.block[o->sack.n++].right = (uint32_t)right;
    } while (parser_at_number(p));
    return true;
}

static bool parse_ts(struct parser *p, struct option *o) {
    uint64_t val, ecr;
    if (!parser_take_word(p, "val"))
        return parser_expected(p, "val N ecr N");
    if (!parser_decimal(p, "a timestamp of 32 bits", UINT32_MAX, &val))
        return false;
    if (!parser_take_word(p, "ecr"))
        return parser_expected(p, "ecr N");
    if (!parser_decimal(p, "a timestamp of 32 bits", UINT32_MAX, &ecr))
        return false;
    o->ts.val = (uint32_t)val;
    o->ts.ecr = (uint32_t)ecr;
    return true;
}

/* Hexadecimal digits: what they look like to the lexer depends on the digits. */
static bool parse_octets(struct parser *p, struct option *o) {
    bool word = p->tok.kind == TOKEN_WORD || (p->tok.kind == TOKEN_INT && !p->tok.negative);
    bool optional = o->kind == OPTION_FO || o->kind == OPTION_FOEXP;
    if (!word && optional)
        return true;
    size_t max = o->kind == OPTION_MD5 ? 16 : o->kind == OPTION_RAW ? PACKET_OPTIONS_MAX : PACKET_OPTIONS_MAX - 2;
    int n = word ? lexer_octets(p->tok.text, p->tok.len, o->bytes.octets, max) : -1;
    if (n < 0 || (n == 0 && !optional)) {
        char what[80];
        (void)snprintf(what, sizeof what, "octets as hexadecimal digits, two for each, at most %zu octets", max);
        return parser_expected(p, what);
    }
    o->bytes.len = (uint8_t)n;
    parser_next(p);
    return true;
}

/* Three counters in the one order or the other; those at the end may be left out. */
static bool parse_acc_ecn(struct parser *p, struct option *o) {
    static const char *const names[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
    o->ecn.order = parser_at_word(p, "e1b");
    if (!o->ecn.order && !parser_at_word(p, "e0b"))
        return parser_expected(p, "e0b N or e1b N");
    while (o->ecn.n < 3 && parser_take_word(p, names[o->ecn.order][o->ecn.n])) {
        uint64_t n;
        if (!parser_decimal(p, "a counter of 24 bits", 0xffffff, &n))
            return false;
        o->ecn.counter[o->ecn.n++] = (uint32_t)n;
    }
    return true;
}

static const struct word names[] = {
    {"eol", OPTION_EOL},
    {"nop", OPTION_NOP},
    {"mss", OPTION_MSS},
    {"wscale", OPTION_WSCALE},
    {"sackOK", OPTION_SACK_OK},
    {"sack", OPTION_SACK},
    {"TS", OPTION_TS},
    {"md5", OPTION_MD5},
    {"FO", OPTION_FO},
    {"FOEXP", OPTION_FOEXP},
    {"ECN", OPTION_ACC_ECN},
    {"raw", OPTION_RAW},
    {NULL, 0},
};

static bool unknown_option(struct parser *p) {
    const char *name = parser_text(p), *like = word_like(names, name);
    if (!like)
        like = parse_mptcp_like(name);
    return parser_fail(p, p->tok.place, "'%.60s' is no TCP option%s%s%s", name, like ? "; did you mean " : "",
                       like ? like : "", like ? "?" : "");
}

static bool parse_option(struct parser *p, const struct packet *packet, struct option *o) {
    o->place = p->tok.place;
    if (p->tok.kind != TOKEN_WORD)
        return parser_expected(p, "a TCP option");
    const struct word *name = word_find(names, p->tok.text, p->tok.len);
    if (!name) {
        bool known = false;
        o->kind = OPTION_MPTCP;
        if (!parse_mptcp(p, packet, &o->mp, &known))
            return false;
        return known || unknown_option(p);
    }
    o->kind = (enum option_kind)name->value;
    parser_next(p);
    switch (o->kind) {
    case OPTION_EOL:
    case OPTION_NOP:
    case OPTION_SACK_OK:
    case OPTION_MPTCP:
        return true;
    case OPTION_MSS:
    case OPTION_WSCALE:
        return parse_short(p, o);
    case OPTION_SACK:
        return parse_sack(p, o);
    case OPTION_TS:
        return parse_ts(p, o);
    case OPTION_MD5:
    case OPTION_FO:
    case OPTION_FOEXP:
    case OPTION_RAW:
        return parse_octets(p, o);
    case OPTION_ACC_ECN:
        return parse_acc_ecn(p, o);
    }
    return true;
}

/* ---- The ledger -------------------------------------------------------------------------------------------------- */

/* A value of the same shape has the same length: of it only what decides about the length is set. */
static uint32_t mptcp_len(const struct mp_line *mp, bool v6) {
    struct mpopt shape = {.type = mp->type};
    switch (mp->type) {
    case MPC_DATA:
        shape.mpc.has_csum = value_given(&mp->mpc.csum);
        break;
    case MP_DSS:
        shape.dss.has_ack = mp->dss.has_ack;
        shape.dss.ack64 = mp->dss.ack64;
        shape.dss.has_map = mp->dss.has_map;
        shape.dss.dsn64 = mp->dss.dsn64;
        shape.dss.has_csum = !mp->dss.nocs;
        break;
    case MP_ADD_ADDR:
        shape.add_addr.echo = mp->add_addr.echo;
        shape.add_addr.has_port = value_given(&mp->add_addr.port);
        shape.add_addr.addr = mp->add_addr.addr.literal ? mp->add_addr.addr.addr : addr_v4(0);
        if (!mp->add_addr.addr.literal && v6)
            shape.add_addr.addr = (struct umptcp_addr){{0}};
        break;
    case MP_REMOVE_ADDR:
        shape.remove.n = mp->remove.n;
        break;
    case MP_PRIO:
        return mpopt_len(&shape) + (value_given(&mp->prio.addr_id) ? 1u : 0u);
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPJ_SYN:
    case MPJ_SYNACK:
    case MPJ_ACK:
    case MP_FAIL:
    case MP_FASTCLOSE:
    case MP_TCPRST:
    case MP_TYPE_COUNT:
        break;
    }
    return mpopt_len(&shape);
}

static uint32_t option_len(const struct option *o, bool v6) {
    switch (o->kind) {
    case OPTION_EOL:
    case OPTION_NOP:
        return 1;
    case OPTION_MSS:
        return 4;
    case OPTION_WSCALE:
        return 3;
    case OPTION_SACK_OK:
        return 2;
    case OPTION_SACK:
        return 2 + 8u * o->sack.n;
    case OPTION_TS:
        return 10;
    case OPTION_MD5:
    case OPTION_FO:
        return 2u + o->bytes.len;
    case OPTION_FOEXP:
        return 4u + o->bytes.len;
    case OPTION_ACC_ECN:
        return 2 + 3u * o->ecn.n;
    case OPTION_MPTCP:
        return mptcp_len(&o->mp, v6);
    case OPTION_RAW:
        return o->bytes.len;
    }
    return 0;
}

static bool check_room(struct parser *p, const struct packet *packet, struct place place) {
    uint32_t len = 0;
    for (const struct option *o = packet->tcp.options; o; o = o->next)
        len += option_len(o, packet->v6);
    if (len > PACKET_OPTIONS_MAX)
        return parser_fail(p, place, "these options take %u octets, at most %d fit", len, PACKET_OPTIONS_MAX);
    uint32_t missing = (4 - len % 4) % 4;
    if (missing)
        return parser_fail(p, place, "these options take %u octets, which is no multiple of 4: add %s", len,
                           missing == 1   ? "a nop"
                           : missing == 2 ? "nop, nop"
                                          : "nop, nop, nop");
    return true;
}

bool parse_options(struct parser *p, struct packet *packet) {
    struct place place = p->tok.place;
    if (!parser_take(p, '<'))
        return true;
    if (p->tok.kind == TOKEN_ELLIPSIS) {
        if (packet->inbound)
            return parser_expected(p, "options: <...> is for outbound packets only");
        packet->tcp.any_options = true;
        parser_next(p);
        return parser_need(p, '>');
    }
    struct option **link = &packet->tcp.options;
    uint32_t n = 0;
    do {
        if (n++ == PACKET_OPTIONS_MAX)
            return parser_fail(p, p->tok.place, "at most %d options fit", PACKET_OPTIONS_MAX);
        struct option *o = *link = parser_alloc(p, sizeof *o);
        link = &o->next;
        if (!parse_option(p, packet, o))
            return false;
    } while (parser_take(p, ','));
    if (!parser_take(p, '>'))
        return parser_expected(p, "',' or '>' behind the option");
    return check_room(p, packet, place);
}
