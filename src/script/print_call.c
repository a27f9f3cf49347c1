/* SPDX-License-Identifier: BSD-3-Clause */
/* System calls. */
#include "script/print_internal.h"

static void print_expr(struct text *t, const struct expr *e); /* lists hold lists */

static void print_items(struct text *t, const struct expr *items, const char *between) {
    for (const struct expr *e = items; e; e = e->next) {
        text_add(t, "%s", e == items ? "" : between);
        print_expr(t, e);
    }
}

static void print_string(struct text *t, const struct expr *e) {
    text_add(t, "\"");
    for (uint32_t i = 0; i < e->len; i++) {
        unsigned char c = (unsigned char)e->text[i];
        if (c == '"' || c == '\\')
            text_add(t, "\\%c", c);
        else
            text_add(t, c < ' ' || c > '~' ? "\\x%02x" : "%c", c);
    }
    text_add(t, "\"");
}

static void print_field(struct text *t, const struct expr *e) {
    text_add(t, "%s", e->text);
    if (e->len == FIELD_ELLIPSIS)
        text_add(t, "(...)");
    else if (e->len == FIELD_NUMBER)
        text_add(t, "(%lld)", (long long)e->n);
    text_add(t, "=");
    print_items(t, e->items, "");
}

static void print_expr(struct text *t, const struct expr *e) {
    switch (e->kind) {
    case EXPR_INT:
        if (e->text)
            text_add(t, "%s", e->text);
        else
            text_add(t, "%lld", (long long)e->n);
        break;
    case EXPR_STRING:
        print_string(t, e);
        break;
    case EXPR_ELLIPSIS:
        text_add(t, "...");
        break;
    case EXPR_OR:
        print_items(t, e->items, "|");
        break;
    case EXPR_LIST:
        text_add(t, "[");
        print_items(t, e->items, ", ");
        text_add(t, "]");
        break;
    case EXPR_STRUCT:
        text_add(t, "{");
        print_items(t, e->items, ", ");
        text_add(t, "}");
        break;
    case EXPR_FIELD:
        print_field(t, e);
        break;
    case EXPR_ADDR4:
    case EXPR_ADDR6:
        print_address(t, &e->addr);
        break;
    case EXPR_PORT:
        text_add(t, "htons(%lld)", (long long)e->n);
        break;
    }
}

void print_call(struct text *t, const struct call *call) {
    text_add(t, "%s(", call->name);
    print_items(t, call->args, ", ");
    text_add(t, ") = %lld", (long long)call->result);
    if (call->errno_name)
        text_add(t, " %s", call->errno_name);
}
