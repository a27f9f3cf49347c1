/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments of calls: expressions of the script as numbers, sizes, descriptors, buffers and structures. */
#define _GNU_SOURCE
#include "script/calls_parts.h"

#include <string.h>

#include "script/symbols.h"

const struct expr *call_arg(const struct calling *c, uint32_t i) {
    const struct expr *e = c->call->args;
    while (e && i--)
        e = e->next;
    return e;
}

const char *arg_where(struct calling *c, uint32_t i) { return arena_printf(&c->arena, "argument %u", i + 1); }

const char *element_where(struct calling *c, const char *where, uint32_t i) {
    return arena_printf(&c->arena, "%s, element %u", where, i + 1);
}

const char *field_where(struct calling *c, const char *where, const char *field) {
    return arena_printf(&c->arena, "%s, %s", where, field);
}

/* ---- What is there ----------------------------------------------------------------------------------------------- */

bool expr_number(const struct expr *e, int64_t *value) {
    if (!e)
        return false;
    switch (e->kind) {
    case EXPR_INT:
    case EXPR_OR:
        *value = e->n;
        return true;
    case EXPR_ADDR4: { /* as in C: an octet string in an integer */
        uint32_t n;
        memcpy(&n, e->addr.b + 12, sizeof n);
        *value = n;
        return true;
    }
    case EXPR_PORT:
        *value = htons((uint16_t)e->n);
        return true;
    case EXPR_STRING:
    case EXPR_ELLIPSIS:
    case EXPR_LIST:
    case EXPR_STRUCT:
    case EXPR_FIELD:
    case EXPR_ADDR6:
        break;
    }
    return false;
}

bool expr_is_null(const struct expr *e) { return expr_is(e, EXPR_INT) && e->n == 0; }

uint32_t expr_count(const struct expr *list) {
    uint32_t n = 0;
    for (; list; list = list->next)
        n++;
    return n;
}

const char *bytes_text(struct calling *c, const void *data, size_t len) {
    enum { SHOWN_MAX = 64 };
    const uint8_t *at = data;
    const char *text = "\"";
    for (size_t i = 0; i < len && i < SHOWN_MAX; i++) {
        bool plain = at[i] >= ' ' && at[i] < 127 && at[i] != '"' && at[i] != '\\';
        text = arena_printf(&c->arena, plain ? "%s%c" : "%s\\x%02x", text, at[i]);
    }
    return arena_printf(&c->arena, len > SHOWN_MAX ? "%s...\"" : "%s\"", text);
}

static const char *found_text(struct calling *c, const struct expr *e) {
    char addr[UMPTCP_ADDRSTRLEN];
    if (!e)
        return "nothing";
    switch (e->kind) {
    case EXPR_INT:
        return e->text ? e->text : arena_printf(&c->arena, "%lld", (long long)e->n);
    case EXPR_OR:
        return arena_printf(&c->arena, "%lld", (long long)e->n);
    case EXPR_STRING:
        return arena_printf(&c->arena, "the string %s", bytes_text(c, e->text, e->text ? e->len : 0));
    case EXPR_ELLIPSIS:
        return "...";
    case EXPR_LIST:
        return "a list";
    case EXPR_STRUCT:
        return "a structure";
    case EXPR_FIELD:
        return arena_printf(&c->arena, "the field %s=", e->text ? e->text : "");
    case EXPR_ADDR4:
    case EXPR_ADDR6:
        return arena_printf(&c->arena, "the address %s", umptcp_addr_format(&e->addr, addr));
    case EXPR_PORT:
        return arena_printf(&c->arena, "htons(%lld)", (long long)e->n);
    }
    return "something else";
}

int call_wrong(struct calling *c, const char *where, const char *wanted, const struct expr *found) {
    return call_fail(c, "%s must be %s, not %s", where, wanted, found_text(c, found));
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

int read_number(struct calling *c, const char *where, const struct expr *e, int64_t min, int64_t max, int64_t *value) {
    if (!expr_number(e, value))
        return call_wrong(c, where, "a number", e);
    if (*value < min || *value > max)
        return call_fail(c, "%s must be between %lld and %lld, not %lld", where, (long long)min, (long long)max,
                         (long long)*value);
    return 0;
}

int read_int(struct calling *c, const char *where, const struct expr *e, int *value) {
    int64_t n;
    int err = read_number(c, where, e, INT32_MIN, UINT32_MAX, &n);
    if (!err)
        *value = (int)(uint32_t)n;
    return err;
}

int read_size(struct calling *c, const char *where, const struct expr *e, size_t *value) {
    int64_t n;
    int err = read_number(c, where, e, 0, IO_SIZE_MAX, &n);
    if (!err)
        *value = (size_t)n;
    return err;
}

int read_fd(struct calling *c, const char *where, const struct expr *e, struct call_fd **fd) {
    int64_t script;
    if (!expr_number(e, &script))
        return call_wrong(c, where, "a descriptor", e);
    *fd = call_fd_find(c->calls, script);
    if (!*fd)
        return call_fail(c, "%s: descriptor %lld is not open", where, (long long)script);
    return 0;
}

int read_buffer(struct calling *c, const char *where, const struct expr *e, size_t len, void **buf) {
    if (expr_is_null(e))
        *buf = NULL;
    else if (expr_is(e, EXPR_ELLIPSIS))
        *buf = arena_alloc(&c->arena, len ? len : 1);
    else
        return call_wrong(c, where, "... or NULL", e);
    return 0;
}

int read_iovec(struct calling *c, const char *where, const struct expr *e, struct iovec **iov, int *n) {
    if (!expr_is(e, EXPR_LIST))
        return call_wrong(c, where, "a list [{..., N}, ...]", e);
    uint32_t count = expr_count(e->items), i = 0;
    *iov = arena_alloc(&c->arena, (count + 1) * sizeof **iov);
    *n = (int)count;
    size_t total = 0;
    for (const struct expr *item = e->items; item; item = item->next, i++) {
        const char *at = element_where(c, where, i);
        struct iovec *v = &(*iov)[i];
        if (!expr_is(item, EXPR_STRUCT) || expr_count(item->items) != 2)
            return call_wrong(c, at, "{..., N}", item);
        int err = read_size(c, at, item->items->next, &v->iov_len);
        if (!err)
            err = read_buffer(c, at, item->items, v->iov_len, &v->iov_base);
        if (err)
            return err;
        total += v->iov_len;
        if (total > IO_SIZE_MAX)
            return call_fail(c, "%s: all of them together have more than %d bytes", where, IO_SIZE_MAX);
    }
    return 0;
}

/* ---- Structures -------------------------------------------------------------------------------------------------- */

/* "{fd=, events=, revents=}" */
static const char *fields_text(struct calling *c, const struct field *fields, uint32_t n) {
    const char *text = "{";
    for (uint32_t i = 0; i < n; i++)
        text = arena_printf(&c->arena, "%s%s%s=", text, i ? ", " : "", fields[i].name);
    return arena_printf(&c->arena, "%s}", text);
}

static struct field *field_named(struct field *fields, uint32_t n, const struct expr *item) {
    for (uint32_t i = 0; i < n; i++)
        if (expr_is(item, EXPR_FIELD) && item->text && strcmp(fields[i].name, item->text) == 0)
            return &fields[i];
    return NULL;
}

int read_fields(struct calling *c, const char *where, const struct expr *e, struct field *fields, uint32_t n) {
    if (!expr_is(e, EXPR_STRUCT))
        return call_wrong(c, where, fields_text(c, fields, n), e);
    for (const struct expr *item = e->items; item; item = item->next) {
        struct field *field = field_named(fields, n, item);
        if (!field)
            return call_fail(c, "%s must be %s, without %s", where, fields_text(c, fields, n), found_text(c, item));
        if (field->value)
            return call_fail(c, "%s: %s= is there twice", where, field->name);
        if (!item->items)
            return call_fail(c, "%s: %s= has no value", where, field->name);
        field->value = item->items;
        field->item = item;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!fields[i].value && !fields[i].optional)
            return call_fail(c, "%s must be %s: %s= is missing", where, fields_text(c, fields, n), fields[i].name);
    return 0;
}

bool struct_begins(const struct expr *e, const char *name) {
    return expr_is(e, EXPR_STRUCT) && expr_is(e->items, EXPR_FIELD) && e->items->text &&
           strncmp(e->items->text, name, strlen(name)) == 0;
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

int arg_int(struct calling *c, uint32_t i, int *value) { return read_int(c, arg_where(c, i), call_arg(c, i), value); }

int arg_size(struct calling *c, uint32_t i, size_t *value) {
    return read_size(c, arg_where(c, i), call_arg(c, i), value);
}

int arg_fd(struct calling *c, uint32_t i, struct call_fd **fd) {
    int err = read_fd(c, arg_where(c, i), call_arg(c, i), fd);
    if (!err && i == 0) {
        c->outcome->script_fd = (int)(*fd)->script;
        c->outcome->live_fd = (*fd)->live;
    }
    return err;
}

int arg_open(struct calling *c, uint32_t i) {
    const struct expr *e = call_arg(c, i);
    return expr_is(e, EXPR_ELLIPSIS) ? 0 : call_wrong(c, arg_where(c, i), "...", e);
}

const char *mask_text(struct calling *c, uint32_t mask, const char *const *names) {
    const char *text = "";
    uint32_t rest = mask;
    for (; *names; names++) {
        int64_t bit = 0;
        symbol_value(*names, &bit);
        if (!(rest & (uint32_t)bit))
            continue;
        rest &= ~(uint32_t)bit;
        text = arena_printf(&c->arena, "%s%s%s", text, *text ? "|" : "", *names);
    }
    if (rest || !mask)
        text = arena_printf(&c->arena, rest ? "%s%s0x%x" : "%s%s%x", text, *text ? "|" : "", rest);
    return text;
}
