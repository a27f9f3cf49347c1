/* SPDX-License-Identifier: BSD-3-Clause */
/* MPTCP options. Their parameters may stand in any order, each once; the printer has them in the usual one. */
#include <stdio.h>
#include <string.h>

#include "script/parser.h"

/* ---- Parameters -------------------------------------------------------------------------------------------------- */

enum form { BARE, VALUED, EITHER };

/* "name", "name=..", or with or without a value. The table ends with a NULL name. */
struct param {
    const char *name;
    enum form form;
};

enum { PARAM_NONE = -1, PARAM_ERROR = -2 };

struct params {
    const char *option; /* for messages */
    const struct param *table;
    uint32_t seen; /* bit i: table[i] */
    bool value;    /* the last one goes on with a value */
};

static int param_unknown(struct parser *p, const struct params *params) {
    char what[200];
    size_t used = (size_t)snprintf(what, sizeof what, "a parameter of %s (", params->option);
    for (const struct param *t = params->table; t->name && used < sizeof what; t++)
        used += (size_t)snprintf(what + used, sizeof what - used, "%s%s", t->name, t[1].name ? ", " : "), ',' or '>'");
    (void)parser_expected(p, what);
    return PARAM_ERROR;
}

/* Takes the next parameter's name and "=". Returns its place in the table, or how it ended. */
static int param_next(struct parser *p, struct params *params) {
    if (parser_at(p, ',') || parser_at(p, '>'))
        return PARAM_NONE;
    int i = 0;
    while (params->table[i].name && !parser_at_word(p, params->table[i].name))
        i++;
    const struct param *t = &params->table[i];
    if (!t->name)
        return param_unknown(p, params);
    if (params->seen >> i & 1) {
        (void)parser_fail(p, p->tok.place, "%s is given twice", t->name);
        return PARAM_ERROR;
    }
    params->seen |= 1u << i;
    parser_next(p);
    params->value = t->form != BARE && parser_take(p, '=');
    if (t->form == VALUED && !params->value) {
        (void)parser_need(p, '=');
        return PARAM_ERROR;
    }
    return i;
}

static bool need_param(struct parser *p, const struct params *params, int i) {
    if (params->seen >> i & 1)
        return true;
    char what[64];
    (void)snprintf(what, sizeof what, "%s of %s", params->table[i].name, params->option);
    return parser_expected(p, what);
}

static bool number(struct parser *p, const char *what, uint64_t max, struct value *v) {
    v->place = p->tok.place;
    v->kind = VALUE_NUMBER;
    return parser_number(p, what, max, &v->n);
}

static bool parse_bit(struct parser *p, bool *bit) {
    uint64_t n;
    if (!parser_number(p, "0 or 1", 1, &n))
        return false;
    *bit = n;
    return true;
}

static bool address_id(struct parser *p, struct value *v) {
    return parse_auto_value(p, "an address id (0 to 255, or auto)", UINT8_MAX, v);
}

/* ---- MP_CAPABLE -------------------------------------------------------------------------------------------------- */

/* v0, v1, .. v15; none, which is v1 */
static bool parse_version(struct parser *p, uint8_t *version) {
    char text[8] = "";
    *version = 0;
    while (p->tok.kind == TOKEN_WORD && *version < 16) {
        (void)snprintf(text, sizeof text, "v%u", *version);
        if (parser_at_word(p, text))
            break;
        ++*version;
    }
    if (parser_at_word(p, "none"))
        *version = 1;
    else if (p->tok.kind != TOKEN_WORD || *version > 15)
        return parser_expected(p, "a version (v0 to v15)");
    parser_next(p);
    return true;
}

/* nokey, key[K] or key[K, K] */
static bool parse_keys(struct parser *p, struct mp_line *mp) {
    if (parser_take_word(p, "nokey"))
        return true;
    if (!parser_take_word(p, "key"))
        return parser_expected(p, "nokey or key[..]");
    if (!parser_need(p, '['))
        return false;
    do {
        if (mp->mpc.nkeys == 2)
            return parser_fail(p, p->tok.place, "mpcapable has at most two keys");
        if (!parse_key_value(p, &mp->mpc.key[mp->mpc.nkeys++]))
            return false;
    } while (parser_take(p, ','));
    return parser_need(p, ']');
}

static enum mp_type capable_type(const struct mp_line *mp) {
    static const enum mp_type types[] = {MPC_SYN, MPC_SYNACK, MPC_ACK};
    return types[mp->mpc.nkeys];
}

static bool parse_capable(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    (void)packet;
    if (!parse_version(p, &mp->mpc.version))
        return false;
    if (!parser_take_word(p, "flags"))
        return parser_expected(p, "flags[..]");
    if (!parse_flags_value(p, words_capable_flags, &mp->mpc.flags) || !parse_keys(p, mp))
        return false;
    mp->type = capable_type(mp);
    if (parser_at_word(p, "cksum"))
        return parser_expected(p, "mpcdatalen N before the checksum");
    if (!parser_take_word(p, "mpcdatalen"))
        return true;
    uint64_t n;
    struct place place = p->tok.place;
    if (!parser_number(p, "the length of the data", UINT16_MAX, &n))
        return false;
    if (n == 0)
        return parser_fail(p, place, "mpcdatalen is at least 1");
    mp->type = MPC_DATA;
    mp->mpc.len = (uint16_t)n;
    if (!parser_take_word(p, "cksum"))
        return true;
    mp->mpc.csum.place = p->tok.place;
    mp->mpc.csum.kind = VALUE_AUTO;
    return !parser_take(p, '=') || parse_auto_value(p, "a checksum of 16 bits", UINT16_MAX, &mp->mpc.csum);
}

/* The old form: version 0, keys and flags as bare words. */
static bool parse_capable_v0(struct parser *p, struct mp_line *mp, uint8_t default_flags) {
    bool flags = false;
    while (!parser_at(p, ',') && !parser_at(p, '>')) {
        const struct word *w =
            p->tok.kind == TOKEN_WORD ? word_find(words_capable_flags, p->tok.text, p->tok.len) : NULL;
        if (w) {
            flags = true;
            mp->mpc.flags |= (uint8_t)w->value;
            parser_next(p);
        } else if (flags || mp->mpc.nkeys == 2) {
            return parser_expected(p, "a flag, ',' or '>'");
        } else if (!parse_key_value(p, &mp->mpc.key[mp->mpc.nkeys++])) {
            return false;
        }
    }
    if (mp->mpc.nkeys == 0)
        return parser_expected(p, "the name of a key");
    if (!flags)
        mp->mpc.flags = default_flags;
    mp->type = capable_type(mp);
    return true;
}

static bool parse_capable_cs(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    (void)packet;
    return parse_capable_v0(p, mp, MPC_CSUM | MPC_HMAC_SHA256);
}

static bool parse_capable_no_cs(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    (void)packet;
    return parse_capable_v0(p, mp, MPC_HMAC_SHA256);
}

/* ---- MP_JOIN ----------------------------------------------------------------------------------------------------- */

enum { JOIN_BACKUP, JOIN_ID, JOIN_TOKEN, JOIN_RAND, JOIN_HMAC };

/* `octets` of the HMAC; 0: a token instead. */
static bool parse_join(struct parser *p, struct params *params, struct mp_line *mp, size_t octets) {
    bool ok = true;
    int i;
    while (ok && (i = param_next(p, params)) != PARAM_NONE) {
        switch (i) {
        case JOIN_BACKUP:
            ok = parse_bit(p, &mp->mpj.backup);
            break;
        case JOIN_ID:
            ok = address_id(p, &mp->mpj.addr_id);
            break;
        case JOIN_TOKEN:
            if (!octets) {
                ok = parse_token_value(p, &mp->mpj.token);
                break;
            }
            if (!parser_at_word(p, "auto")) /* an old spelling of sender_hmac=auto */
                return parser_expected(p, "auto: a token is in SYNs only");
            params->seen |= 1u << JOIN_HMAC;
            ok = parse_hmac_value(p, &mp->mpj.hmac, mp->mpj.hmac_bytes, octets);
            break;
        case JOIN_RAND:
            ok = number(p, "a number of 32 bits", UINT32_MAX, &mp->mpj.nonce);
            break;
        case JOIN_HMAC:
            ok = parse_hmac_value(p, &mp->mpj.hmac, mp->mpj.hmac_bytes, octets);
            break;
        default:
            return false;
        }
    }
    return ok && need_param(p, params, octets ? JOIN_HMAC : JOIN_TOKEN);
}

static bool parse_join_syn(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    static const struct param table[] = {
        {"backup", VALUED}, {"address_id", VALUED}, {"token", VALUED}, {"rand", VALUED}, {NULL, BARE}};
    struct params params = {.option = "mp_join_syn", .table = table};
    (void)packet;
    mp->type = MPJ_SYN;
    return parse_join(p, &params, mp, 0);
}

static bool parse_join_synack(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    static const struct param table[] = {{"backup", VALUED}, {"address_id", VALUED},  {"token", VALUED},
                                         {"rand", VALUED},   {"sender_hmac", VALUED}, {NULL, BARE}};
    struct params params = {.option = "mp_join_syn_ack", .table = table};
    (void)packet;
    mp->type = MPJ_SYNACK;
    return parse_join(p, &params, mp, 8);
}

static bool parse_join_ack(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    (void)packet;
    mp->type = MPJ_ACK;
    bool old = parser_at_word(p, "token");
    if (!old && !parser_at_word(p, "sender_hmac"))
        return parser_expected(p, "sender_hmac=.. of mp_join_ack");
    parser_next(p);
    if (!parser_need(p, '='))
        return false;
    if (old && !parser_at_word(p, "auto"))
        return parser_expected(p, "auto: a token is in SYNs only");
    return parse_hmac_value(p, &mp->mpj.hmac, mp->mpj.hmac_bytes, sizeof mp->mpj.hmac_bytes);
}

/* ---- DSS --------------------------------------------------------------------------------------------------------- */

enum { DSS_ACK4, DSS_ACK8, DSS_DSN4, DSS_DSN8, DSS_SSN, DSS_DLL, DSS_NOCS, DSS_CKSUM, DSS_FIN };

static bool parse_dss_csum(struct parser *p, struct mp_line *mp, bool value) {
    struct value v = {.kind = VALUE_AUTO};
    if (value && !parse_auto_value(p, "a checksum of 16 bits", UINT16_MAX, &v))
        return false;
    if (v.kind == VALUE_NUMBER && v.n == 0)
        mp->dss.nocs = true;
    else if (v.kind == VALUE_NUMBER)
        mp->dss.csum = v;
    return true;
}

static bool parse_dss_param(struct parser *p, int i, bool value, struct mp_line *mp) {
    switch (i) {
    case DSS_ACK4:
    case DSS_ACK8:
        mp->dss.has_ack = true;
        mp->dss.ack64 = i == DSS_ACK8;
        return !value || parse_data_value(p, &mp->dss.ack);
    case DSS_DSN4:
    case DSS_DSN8:
        mp->dss.has_map = true;
        mp->dss.dsn64 = i == DSS_DSN8;
        return !value || parse_data_value(p, &mp->dss.dsn);
    case DSS_SSN:
        return number(p, "a subflow sequence number", UINT32_MAX, &mp->dss.ssn);
    case DSS_DLL:
        return number(p, "a data-level length of 16 bits", UINT16_MAX, &mp->dss.dll);
    case DSS_NOCS:
        mp->dss.nocs = true;
        return true;
    case DSS_CKSUM:
        return parse_dss_csum(p, mp, value);
    case DSS_FIN:
        mp->dss.fin = true;
        return true;
    default:
        return false;
    }
}

static bool parse_dss(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    static const struct param table[] = {{"dack4", EITHER}, {"dack8", EITHER}, {"dsn4", EITHER}, {"dsn8", EITHER},
                                         {"ssn", VALUED},   {"dll", VALUED},   {"nocs", BARE},   {"cksum", EITHER},
                                         {"fin", BARE},     {NULL, BARE}};
    struct params params = {.option = "dss", .table = table};
    (void)packet;
    mp->type = MP_DSS;
    struct place place = p->tok.place;
    for (int i; (i = param_next(p, &params)) != PARAM_NONE;)
        if (!parse_dss_param(p, i, params.value, mp))
            return false;
    const uint32_t acks = 1u << DSS_ACK4 | 1u << DSS_ACK8, maps = 1u << DSS_DSN4 | 1u << DSS_DSN8;
    if (!(params.seen & (acks | maps)))
        return parser_fail(p, place, "dss needs an acknowledgment (dack4, dack8), a mapping (dsn4, dsn8) or both");
    if ((params.seen & acks) == acks || (params.seen & maps) == maps)
        return parser_fail(p, place, "dss has one acknowledgment and one mapping, of 4 or 8 octets");
    if (params.seen >> DSS_NOCS & 1 && value_given(&mp->dss.csum))
        return parser_fail(p, place, "nocs and cksum contradict each other");
    if (!mp->dss.has_map && mp->dss.fin)
        return parser_fail(p, place, "fin belongs to a mapping (dsn4 or dsn8)");
    if (!mp->dss.has_map) /* scripts write them, and they mean nothing */
        mp->dss.ssn = mp->dss.dll = mp->dss.csum = (struct value){.kind = VALUE_ANY};
    return true;
}

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

static bool parse_add_address(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    enum { ID, PORT, ECHO, HMAC };
    static const struct param table[] = {
        {"address_id", VALUED}, {"port", VALUED}, {"addr_echo", BARE}, {"hmac", VALUED}, {NULL, BARE}};
    struct params params = {.option = "add_address", .table = table};
    bool ok = true, addr = false;
    mp->type = MP_ADD_ADDR;
    while (ok) {
        if (parser_at_word(p, "addr") && !addr) {
            addr = true;
            ok = parse_addr_line(p, &mp->add_addr.addr);
            continue;
        }
        int i = param_next(p, &params);
        if (i == PARAM_NONE)
            break;
        if (i == ID)
            ok = address_id(p, &mp->add_addr.addr_id);
        else if (i == PORT)
            ok = number(p, "a port", UINT16_MAX, &mp->add_addr.port);
        else if (i == HMAC)
            ok = parse_auto_value(p, "an HMAC (auto, or a number of 64 bits)", UINT64_MAX, &mp->add_addr.hmac);
        else
            ok = i == ECHO;
    }
    mp->add_addr.echo = params.seen >> ECHO & 1;
    if (!ok)
        return false;
    if (!addr)
        return parser_expected(p, "addr[NAME] of add_address");
    if (mp->add_addr.echo && params.seen >> HMAC & 1)
        return parser_fail(p, mp->add_addr.hmac.place, "an echo (addr_echo) has no HMAC");
    if (packet->inbound && !mp->add_addr.echo)
        return need_param(p, &params, HMAC);
    return true;
}

static bool parse_remove_address(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    (void)packet;
    mp->type = MP_REMOVE_ADDR;
    if (!parser_take_word(p, "address_id"))
        return parser_expected(p, "address_id=[N, N, ...]");
    if (!parser_need(p, '=') || !parser_need(p, '['))
        return false;
    do {
        uint64_t id;
        if (mp->remove.n == MP_REMOVE_IDS_MAX)
            return parser_fail(p, p->tok.place, "at most %d address ids", MP_REMOVE_IDS_MAX);
        if (!parser_number(p, "an address id", UINT8_MAX, &id))
            return false;
        mp->remove.ids[mp->remove.n++] = (uint8_t)id;
    } while (parser_take(p, ','));
    return parser_need(p, ']');
}

static bool parse_prio(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    enum { BACKUP, ID };
    static const struct param table[] = {{"backup", VALUED}, {"address_id", VALUED}, {NULL, BARE}};
    struct params params = {.option = "mp_prio", .table = table};
    bool ok = true;
    (void)packet;
    mp->type = MP_PRIO;
    for (int i; ok && (i = param_next(p, &params)) != PARAM_NONE;) {
        if (i == PARAM_ERROR)
            return false;
        ok = i == BACKUP ? parse_bit(p, &mp->prio.backup) : address_id(p, &mp->prio.addr_id);
    }
    if (mp->prio.addr_id.kind == VALUE_AUTO) /* the form without one */
        mp->prio.addr_id = (struct value){.kind = VALUE_ANY};
    return ok;
}

/* ---- The end ----------------------------------------------------------------------------------------------------- */

static bool parse_fail(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    mp->type = MP_FAIL;
    struct place place = p->tok.place;
    if (parser_at_word(p, "dsn4"))
        return parser_expected(p, "dsn8: mp_fail has a number of 8 octets");
    bool number = parser_take_word(p, "dsn8") && parser_take(p, '=');
    if (packet->inbound && !number)
        return parser_fail(p, place, "an inbound mp_fail needs its number: dsn8=N");
    return !number || parse_data_value(p, &mp->fail.dsn);
}

static bool parse_fastclose(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    (void)packet;
    mp->type = MP_FASTCLOSE;
    return parser_at(p, ',') || parser_at(p, '>') || parse_key_value(p, &mp->fastclose.key);
}

static bool parse_reset(struct parser *p, const struct packet *packet, struct mp_line *mp) {
    uint64_t reason;
    (void)packet;
    mp->type = MP_TCPRST;
    struct place place = p->tok.place;
    if (!parser_number(p, "a reason (0 to 255)", UINT8_MAX, &reason))
        return false;
    mp->rst.reason = (uint8_t)reason;
    if (!parser_take_word(p, "flags"))
        return true;
    if (!parse_flags_value(p, words_reset_flags, &mp->rst.flags))
        return false;
    return mp->rst.flags <= 15 || parser_fail(p, place, "mp_reset has four bits of flags");
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool (*parse)(struct parser *p, const struct packet *packet, struct mp_line *mp);
} options[] = {
    {"mpcapable", parse_capable},
    {"mp_capable", parse_capable_cs},
    {"mp_capable_no_cs", parse_capable_no_cs},
    {"mp_join_syn", parse_join_syn},
    {"mp_join_syn_ack", parse_join_synack},
    {"mp_join_ack", parse_join_ack},
    {"dss", parse_dss},
    {"add_address", parse_add_address},
    {"remove_address", parse_remove_address},
    {"mp_prio", parse_prio},
    {"mp_fail", parse_fail},
    {"mp_fastclose", parse_fastclose},
    {"mp_reset", parse_reset},
};

enum { OPTIONS = sizeof options / sizeof *options };

bool parse_mptcp(struct parser *p, const struct packet *packet, struct mp_line *mp, bool *known) {
    for (size_t i = 0; i < OPTIONS && !*known; i++) {
        *known = parser_at_word(p, options[i].name);
        if (*known) {
            parser_next(p);
            return options[i].parse(p, packet, mp);
        }
    }
    return true;
}

const char *parse_mptcp_like(const char *name) {
    struct word names[OPTIONS + 1] = {{NULL, 0}};
    for (size_t i = 0; i < OPTIONS; i++)
        names[i].name = options[i].name;
    return word_like(names, name);
}
