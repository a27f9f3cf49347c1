/* SPDX-License-Identifier: BSD-3-Clause */
/* Values within MPTCP options: numbers, variables, functions of them. */
#include <stdio.h>
#include <string.h>

#include "script/parser.h"
#include "wire/addr.h"
#include "wire/bytes.h"

static bool number(struct parser *p, const char *what, uint64_t max, struct value *v) {
    v->kind = VALUE_NUMBER;
    return parser_number(p, what, max, &v->n);
}

/* "(": the function's name is in hand. */
static bool function(struct parser *p, enum value_kind kind, struct value *v) {
    v->kind = kind;
    return parser_name(p, "a function", &v->function) && parser_need(p, '(');
}

/* [+ N] */
static bool plus(struct parser *p, struct value *v) {
    return !parser_take(p, '+') || parser_number(p, "a number", UINT64_MAX, &v->n);
}

bool parse_auto_value(struct parser *p, const char *what, uint64_t max, struct value *v) {
    v->place = p->tok.place;
    if (parser_take_word(p, "auto")) {
        v->kind = VALUE_AUTO;
        return true;
    }
    return number(p, what, max, v);
}

bool parse_key_value(struct parser *p, struct value *v) {
    v->place = p->tok.place;
    if (parser_at_number(p))
        return number(p, "a key", UINT64_MAX, v);
    v->kind = VALUE_NAME;
    if (!parser_name(p, "the name of a key, or a number", &v->name))
        return false;
    v->assigned = parser_take(p, '=');
    return v->assigned ? parser_number(p, "a key of 64 bits", UINT64_MAX, &v->n) : plus(p, v);
}

bool parse_data_value(struct parser *p, struct value *v) {
    v->place = p->tok.place;
    if (parser_at_word(p, "trunc_r64_hmac"))
        return function(p, VALUE_IDSN, v) && parser_name(p, "the name of a key", &v->name) && parser_need(p, ')') &&
               plus(p, v);
    if (parser_at_word(p, "trunc_r64_hmac_sha256") || parser_at_word(p, "trunc_r64_hmac_sha1"))
        return function(p, VALUE_HASH, v) && parser_number(p, "a number", UINT64_MAX, &v->n) && parser_need(p, ')');
    if (!parser_at_number(p))
        return parser_expected(p, "a data sequence number, trunc_r64_hmac(KEY) + N, or trunc_r64_hmac_sha256(N)");
    return number(p, "a data sequence number", UINT64_MAX, v);
}

bool parse_token_value(struct parser *p, struct value *v) {
    v->place = p->tok.place;
    if (parser_at_word(p, "sha256_32") || parser_at_word(p, "sha1_32")) {
        if (!function(p, VALUE_HASH, v))
            return false;
        bool ok = parser_at_number(p) ? parser_number(p, "a key", UINT64_MAX, &v->n)
                                      : parser_name(p, "the name of a key", &v->name);
        return ok && parser_need(p, ')');
    }
    if (!parser_at_number(p) && !parser_at_word(p, "auto"))
        return parser_expected(p, "a token: auto, sha256_32(KEY), sha1_32(KEY) or a number");
    return parse_auto_value(p, "a token of 32 bits", UINT32_MAX, v);
}

bool parse_hmac_value(struct parser *p, struct value *v, uint8_t *octets, size_t len) {
    v->place = p->tok.place;
    if (parser_take_word(p, "auto")) {
        v->kind = VALUE_AUTO;
        return true;
    }
    if (parser_at_word(p, "trunc_l64_hmac") || parser_at_word(p, "full_160_hmac")) {
        if (!function(p, VALUE_HMAC, v))
            return false;
        bool ok = parser_at_number(p) ? parser_number(p, "a number", UINT64_MAX, &v->n)
                                      : parser_name(p, "the name of a key, or a number", &v->name) &&
                                            parser_name(p, "the name of the second key, behind a blank", &v->name2);
        return ok && parser_need(p, ')');
    }
    v->kind = VALUE_NUMBER;
    if (p->tok.kind == TOKEN_HEX && p->tok.len == 2 + 2 * len) {
        (void)lexer_octets(p->tok.text + 2, 2 * len, octets, len);
        v->n = len == 8 ? load_be64(octets) : 0;
        parser_next(p);
        return true;
    }
    char what[96];
    (void)snprintf(what, sizeof what,
                   "an HMAC: auto, trunc_l64_hmac(KEY KEY), full_160_hmac(KEY KEY) or 0x and %zu digits", 2 * len);
    if (len != 8 || !parser_at_number(p))
        return parser_expected(p, what);
    if (!parser_number(p, "an HMAC of 64 bits", UINT64_MAX, &v->n))
        return false;
    store_be64(octets, v->n);
    return true;
}

bool parse_addr_line(struct parser *p, struct addr_line *addr) {
    if (!parser_take_word(p, "addr"))
        return parser_expected(p, "addr[NAME]");
    if (!parser_need(p, '['))
        return false;
    if (!parser_at_word(p, "inet_addr") && !parser_at_word(p, "inet6_addr")) {
        if (!parser_name(p, "the name of an address", &addr->name))
            return false;
        if (!parser_take(p, '='))
            return parser_need(p, ']');
        if (!parser_at_word(p, "inet_addr") && !parser_at_word(p, "inet6_addr"))
            return parser_expected(p, "inet_addr(\"..\") or inet6_addr(\"..\")");
    }
    addr->literal = true;
    return parser_address(p, &addr->addr) && parser_need(p, ']');
}

bool parse_flags_value(struct parser *p, const struct word *table, uint8_t *flags) {
    uint64_t n;
    *flags = 0;
    if (!parser_take(p, '[')) {
        if (!parser_at_number(p))
            return parser_expected(p, "the flags: [flag_h] or a number");
        if (!parser_number(p, "flags", UINT8_MAX, &n))
            return false;
        *flags = (uint8_t)n;
        return true;
    }
    do {
        const struct word *w = p->tok.kind == TOKEN_WORD ? word_find(table, p->tok.text, p->tok.len) : NULL;
        if (!w) {
            char what[96];
            (void)snprintf(what, sizeof what, "a flag from %s to %s, or no_flags", table[0].name,
                           table == words_reset_flags ? "flag_w, flag_t" : "flag_h");
            return parser_expected(p, what);
        }
        *flags |= (uint8_t)w->value;
        parser_next(p);
    } while (parser_take(p, ','));
    return parser_need(p, ']');
}
