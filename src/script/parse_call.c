/* SPDX-License-Identifier: BSD-3-Clause */
/* System calls: NAME(ARGUMENTS) = RESULT [ERRNO (REMARK)] [(REMARK)] */
#include <stdio.h>
#include <string.h>

#include "script/calls.h"
#include "script/parser.h"
#include "script/symbols.h"
#include "wire/addr.h"

enum { DEPTH_MAX = 12 }; /* of lists in lists */

static bool parse_expr(struct parser *p, struct expr **out, int depth);

static struct expr *expr_new(struct parser *p, enum expr_kind kind, struct place place) {
    struct expr *e = parser_alloc(p, sizeof *e);
    e->kind = kind;
    e->place = place;
    return e;
}

/* A number that is in hand, with its sign, in 64 bits. */
static bool parse_int(struct parser *p, const char *what, int64_t *n) {
    const struct token *t = &p->tok;
    if (t->kind != TOKEN_INT && t->kind != TOKEN_HEX)
        return parser_expected(p, what);
    if (t->too_large || (t->negative && t->n > (uint64_t)INT64_MAX + 1))
        return parser_fail(p, t->place, "%.*s does not fit in 64 bits", t->len < 60 ? (int)t->len : 60, t->text);
    *n = (int64_t)(t->negative ? 0 - t->n : t->n);
    parser_next(p);
    return true;
}

static bool unknown_symbol(struct parser *p, struct place place, const char *name) {
    const char *like = symbol_like(name);
    return parser_fail(p, place, "unknown symbol '%.60s'%s%s%s", name, like ? "; did you mean " : "", like ? like : "",
                       like ? "?" : "");
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

static bool parse_symbol(struct parser *p, struct expr *e) {
    struct place place = p->tok.place;
    if (!parser_name(p, "an argument", &e->text))
        return false;
    if (symbol_value(e->text, &e->n))
        return true;
    e->n = errno_value(e->text);
    return e->n != 0 || unknown_symbol(p, place, e->text);
}

static bool parse_address_expr(struct parser *p, struct expr *e) {
    e->kind = parser_at_word(p, "inet_addr") ? EXPR_ADDR4 : EXPR_ADDR6;
    if (!parser_address(p, &e->addr))
        return false;
    if (e->kind == EXPR_ADDR4) { /* as the C function has it */
        uint32_t network_order;
        memcpy(&network_order, e->addr.b + 12, sizeof network_order);
        e->n = network_order;
    }
    return true;
}

static bool parse_port_expr(struct parser *p, struct expr *e) {
    uint64_t n;
    e->kind = EXPR_PORT;
    parser_next(p);
    if (!parser_need(p, '(') || !parser_number(p, "a port", UINT16_MAX, &n) || !parser_need(p, ')'))
        return false;
    e->n = (int64_t)n;
    return true;
}

/* A list or the fields of a structure, up to `close`. */
static bool parse_items(struct parser *p, struct expr *list, char close, int depth) {
    struct expr **link = &list->items;
    parser_next(p);
    if (parser_take(p, close))
        return true;
    do {
        if (!parse_expr(p, link, depth + 1))
            return false;
        link = &(*link)->next;
    } while (parser_take(p, ','));
    if (!parser_at(p, close)) {
        const char what[] = {'\'', ',', '\'', ' ', 'o', 'r', ' ', '\'', close, '\'', '\0'};
        return parser_expected(p, what);
    }
    parser_next(p);
    return true;
}

static bool parse_simple(struct parser *p, struct expr **out, int depth) {
    struct expr *e = *out = expr_new(p, EXPR_INT, p->tok.place);
    switch (p->tok.kind) {
    case TOKEN_INT:
    case TOKEN_HEX:
        return parse_int(p, "a number", &e->n);
    case TOKEN_STRING:
        e->kind = EXPR_STRING;
        if (!parser_string(p, &e->text, &e->len))
            return false;
        if (p->tok.kind == TOKEN_ELLIPSIS) /* "text"... is "text" */
            parser_next(p);
        return true;
    case TOKEN_ELLIPSIS:
        e->kind = EXPR_ELLIPSIS;
        parser_next(p);
        return true;
    case TOKEN_WORD:
        if (parser_at_word(p, "inet_addr") || parser_at_word(p, "inet6_addr"))
            return parse_address_expr(p, e);
        if (parser_at_word(p, "htons"))
            return parse_port_expr(p, e);
        return parse_symbol(p, e);
    default:
        break;
    }
    if (parser_at(p, '[') || parser_at(p, '{')) {
        bool list = parser_at(p, '[');
        e->kind = list ? EXPR_LIST : EXPR_STRUCT;
        if (depth == DEPTH_MAX)
            return parser_fail(p, p->tok.place, "lists are nested too deeply");
        return parse_items(p, e, list ? ']' : '}', depth);
    }
    return parser_expected(p, "an argument");
}

/* A | B | .. */
static bool parse_or(struct parser *p, struct expr **out, int depth) {
    struct place place = p->tok.place;
    if (!parse_simple(p, out, depth))
        return false;
    if (!parser_at(p, '|'))
        return true;
    struct expr *first = *out, *e = *out = expr_new(p, EXPR_OR, place);
    struct expr **link = &e->items;
    for (;;) {
        if (first->kind != EXPR_INT)
            return parser_fail(p, first->place, "only numbers and symbols can be combined with |");
        *link = first;
        link = &first->next;
        e->n |= first->n;
        if (!parser_take(p, '|'))
            return true;
        if (!parse_simple(p, &first, depth))
            return false;
    }
}

/* ---- Fields ------------------------------------------------------------------------------------------------------ */

/* The number of msg_iov(N), or that of msg_name(...), which is none. */
static bool parse_field_number(struct parser *p, struct expr *e) {
    parser_next(p);
    if (p->tok.kind == TOKEN_ELLIPSIS) {
        e->len = FIELD_ELLIPSIS;
        parser_next(p);
        return parser_need(p, ')');
    }
    uint64_t n;
    e->len = FIELD_NUMBER;
    if (!parser_number(p, "a number or ...", INT32_MAX, &n))
        return false;
    e->n = (int64_t)n;
    return parser_need(p, ')');
}

/* True when a field starts here: NAME =, or msg_iov( and msg_name(. */
static bool at_field(const struct parser *p) {
    struct token next = parser_peek(p);
    if (p->tok.kind != TOKEN_WORD)
        return false;
    return token_is_char(&next, '=') ||
           (token_is_char(&next, '(') && (parser_at_word(p, "msg_iov") || parser_at_word(p, "msg_name")));
}

static bool parse_expr(struct parser *p, struct expr **out, int depth) {
    if (depth == 0 || !at_field(p))
        return parse_or(p, out, depth);
    struct expr *e = *out = expr_new(p, EXPR_FIELD, p->tok.place);
    if (!parser_name(p, "a field", &e->text))
        return false;
    if (parser_at(p, '(') && !parse_field_number(p, e))
        return false;
    return parser_need(p, '=') && parse_or(p, &e->items, depth);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static bool parse_args(struct parser *p, struct call *call, uint32_t min, uint32_t max) {
    struct expr **link = &call->args;
    struct place place = p->tok.place;
    if (!parser_need(p, '('))
        return false;
    while (!parser_at(p, ')')) {
        if (call->nargs && !parser_take(p, ','))
            return parser_expected(p, "',' or ')' behind the argument");
        if (!parse_expr(p, link, 0))
            return false;
        link = &(*link)->next;
        call->nargs++;
    }
    if (call->nargs >= min && call->nargs <= max) {
        parser_next(p);
        return true;
    }
    char range[32] = "";
    if (min != max)
        (void)snprintf(range, sizeof range, " to %u", max);
    return parser_fail(p, place, "%s() takes %u%s arguments, not %u", call->name, min, range, call->nargs);
}

/* "(any text)" */
static bool parse_remark(struct parser *p) {
    if (!parser_at(p, '('))
        return true;
    struct place place = p->tok.place;
    if (!lexer_skip_remark(&p->lexer))
        return parser_fail(p, place, "a remark without its ')'");
    parser_next(p);
    return true;
}

static bool parse_result(struct parser *p, struct call *call) {
    if (!parser_need(p, '=') || !parse_int(p, "the result, a number", &call->result))
        return false;
    if (p->tok.kind == TOKEN_WORD) {
        struct place place = p->tok.place;
        if (!parser_name(p, "an errno", &call->errno_name))
            return false;
        call->errno_value = errno_value(call->errno_name);
        if (!call->errno_value) {
            const char *like = symbol_like(call->errno_name);
            return parser_fail(p, place, "'%.60s' is no errno%s%s%s", call->errno_name, like ? "; did you mean " : "",
                               like ? like : "", like ? "?" : "");
        }
        if (!parse_remark(p))
            return false;
    }
    return parse_remark(p);
}

bool parse_call(struct parser *p, struct call **out) {
    struct call *call = *out = parser_alloc(p, sizeof *call);
    uint32_t min, max;
    call->place = p->tok.place;
    if (!parser_name(p, "a system call", &call->name))
        return false;
    if (!call_known(call->name, &min, &max)) {
        if (parser_at(p, '('))
            return parser_fail(p, call->place, "there is no system call '%.60s'", call->name);
        return parser_fail(p, call->place, "expected a packet (< or >) or a system call, found '%.60s'", call->name);
    }
    return parse_args(p, call, min, max) && parse_result(p, call);
}
