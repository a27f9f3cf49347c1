/* SPDX-License-Identifier: BSD-3-Clause */
/* MPTCP options, their parameters in the order that scripts have them in. */
#include "script/print_internal.h"
#include "script/words.h"

/* ---- Values ------------------------------------------------------------------------------------------------------ */

/* `digits` of hexadecimal numbers; 0: decimal. */
static void print_number(struct text *t, uint64_t n, int digits) {
    if (digits)
        text_add(t, "0x%0*llx", digits, (unsigned long long)n);
    else
        text_add(t, "%llu", (unsigned long long)n);
}

static void print_value(struct text *t, const struct value *v, int digits) {
    switch (v->kind) {
    case VALUE_ANY:
        break;
    case VALUE_AUTO:
        text_add(t, "auto");
        break;
    case VALUE_NUMBER:
        if (v->name)
            text_add(t, "%s", v->name);
        else
            print_number(t, v->n, digits);
        break;
    case VALUE_NAME:
        text_add(t, "%s", v->name);
        if (v->assigned || v->n)
            text_add(t, v->assigned ? "=%llu" : " + %llu", (unsigned long long)v->n);
        break;
    case VALUE_IDSN:
        text_add(t, "%s(%s)", v->function, v->name);
        if (v->n)
            text_add(t, " + %llu", (unsigned long long)v->n);
        break;
    case VALUE_HASH:
    case VALUE_HMAC:
        if (v->name)
            text_add(t, "%s(%s%s%s)", v->function, v->name, v->name2 ? " " : "", v->name2 ? v->name2 : "");
        else
            text_add(t, "%s(%llu)", v->function, (unsigned long long)v->n);
        break;
    }
}

/* " name=value", unless it was left out. */
static void print_param(struct text *t, const char *name, const struct value *v, int digits) {
    if (!value_given(v))
        return;
    text_add(t, " %s=", name);
    print_value(t, v, digits);
}

static void print_flags(struct text *t, const struct word *table, uint8_t flags) {
    text_add(t, " flags[%s", flags ? "" : "no_flags");
    for (const char *between = ""; flags && table->name; table++) {
        if (!(flags & table->value))
            continue;
        text_add(t, "%s%s", between, table->name);
        between = ", ";
    }
    text_add(t, "]");
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static void print_capable(struct text *t, const struct mp_line *mp) {
    text_add(t, "mpcapable v%u", mp->mpc.version);
    print_flags(t, words_capable_flags, mp->mpc.flags);
    if (mp->mpc.nkeys == 0) {
        text_add(t, " nokey");
    } else {
        text_add(t, " key[");
        print_value(t, &mp->mpc.key[0], 16);
        if (mp->mpc.nkeys == 2) {
            text_add(t, ", ");
            print_value(t, &mp->mpc.key[1], 16);
        }
        text_add(t, "]");
    }
    if (mp->type != MPC_DATA)
        return;
    text_add(t, " mpcdatalen %u", mp->mpc.len);
    print_param(t, "cksum", &mp->mpc.csum, 0);
}

static void print_join(struct text *t, const struct mp_line *mp) {
    static const char *const names[] = {
        [MPJ_SYN] = "mp_join_syn", [MPJ_SYNACK] = "mp_join_syn_ack", [MPJ_ACK] = "mp_join_ack"};
    text_add(t, "%s%s", names[mp->type], mp->mpj.backup ? " backup=1" : "");
    print_param(t, "address_id", &mp->mpj.addr_id, 0);
    print_param(t, "token", &mp->mpj.token, 8);
    if (mp->mpj.hmac.kind == VALUE_NUMBER) {
        text_add(t, " sender_hmac=0x");
        print_octets(t, mp->mpj.hmac_bytes, mp->type == MPJ_SYNACK ? 8 : sizeof mp->mpj.hmac_bytes);
    } else {
        print_param(t, "sender_hmac", &mp->mpj.hmac, 0);
    }
    print_param(t, "rand", &mp->mpj.nonce, 0);
}

/* " dack8=1", or " dack8" when the number was left out. */
static void print_sequence(struct text *t, const char *name, bool eight, const struct value *v) {
    text_add(t, " %s%d%s", name, eight ? 8 : 4, value_given(v) ? "=" : "");
    print_value(t, v, 0);
}

static void print_dss(struct text *t, const struct mp_line *mp) {
    text_add(t, "dss");
    if (mp->dss.has_ack)
        print_sequence(t, "dack", mp->dss.ack64, &mp->dss.ack);
    if (mp->dss.has_map)
        print_sequence(t, "dsn", mp->dss.dsn64, &mp->dss.dsn);
    print_param(t, "ssn", &mp->dss.ssn, 0);
    print_param(t, "dll", &mp->dss.dll, 0);
    if (mp->dss.nocs)
        text_add(t, " nocs");
    else
        print_param(t, "cksum", &mp->dss.csum, 0);
    if (mp->dss.fin)
        text_add(t, " fin");
}

static void print_addr_line(struct text *t, const struct addr_line *addr) {
    text_add(t, " addr[%s%s", addr->name ? addr->name : "", addr->name && addr->literal ? "=" : "");
    if (addr->literal)
        print_address(t, &addr->addr);
    text_add(t, "]");
}

static void print_add_address(struct text *t, const struct mp_line *mp) {
    text_add(t, "add_address");
    print_param(t, "address_id", &mp->add_addr.addr_id, 0);
    print_addr_line(t, &mp->add_addr.addr);
    print_param(t, "port", &mp->add_addr.port, 0);
    if (mp->add_addr.echo)
        text_add(t, " addr_echo");
    else
        print_param(t, "hmac", &mp->add_addr.hmac, 16);
}

static void print_remove_address(struct text *t, const struct mp_line *mp) {
    text_add(t, "remove_address address_id=[");
    for (unsigned i = 0; i < mp->remove.n && i < MP_REMOVE_IDS_MAX; i++)
        text_add(t, "%s%u", i ? ", " : "", mp->remove.ids[i]);
    text_add(t, "]");
}

void print_mp_option(struct text *t, const struct mp_line *mp) {
    switch (mp->type) {
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPC_DATA:
        print_capable(t, mp);
        break;
    case MPJ_SYN:
    case MPJ_SYNACK:
    case MPJ_ACK:
        print_join(t, mp);
        break;
    case MP_DSS:
        print_dss(t, mp);
        break;
    case MP_ADD_ADDR:
        print_add_address(t, mp);
        break;
    case MP_REMOVE_ADDR:
        print_remove_address(t, mp);
        break;
    case MP_PRIO:
        text_add(t, "mp_prio backup=%d", mp->prio.backup);
        print_param(t, "address_id", &mp->prio.addr_id, 0);
        break;
    case MP_FAIL:
        text_add(t, "mp_fail");
        print_param(t, "dsn8", &mp->fail.dsn, 0);
        break;
    case MP_FASTCLOSE:
        text_add(t, "mp_fastclose%s", value_given(&mp->fastclose.key) ? " " : "");
        print_value(t, &mp->fastclose.key, 16);
        break;
    case MP_TCPRST:
        text_add(t, "mp_reset %u", mp->rst.reason);
        if (mp->rst.flags)
            print_flags(t, words_reset_flags, mp->rst.flags);
        break;
    case MP_TYPE_COUNT:
        break;
    }
}
