/* SPDX-License-Identifier: BSD-3-Clause */
/* Growing text, times, events, scripts. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/print_internal.h"
#include "wire/addr.h"

/* ---- Text -------------------------------------------------------------------------------------------------------- */

void text_free(struct text *t) {
    free(t->at);
    *t = (struct text){NULL, 0, 0};
}

static void make_room(struct text *t, size_t more) {
    if (t->cap - t->len > more)
        return;
    size_t cap = 2 * t->cap + more + 64;
    char *larger = realloc(t->at, cap);
    if (!larger) {
        (void)fputs("out of memory\n", stderr);
        abort();
    }
    t->at = larger;
    t->cap = cap;
}

void text_add(struct text *t, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len >= 0) {
        make_room(t, (size_t)len);
        (void)vsnprintf(t->at + t->len, (size_t)len + 1, format, again);
        t->len += (size_t)len;
    }
    va_end(again);
}

void print_octets(struct text *t, const uint8_t *octets, size_t len) {
    for (size_t i = 0; i < len; i++)
        text_add(t, "%02x", octets[i]);
}

void print_address(struct text *t, const struct umptcp_addr *addr) {
    char text[UMPTCP_ADDRSTRLEN];
    text_add(t, "%s(\"%s\")", addr_is_v4(addr) ? "inet_addr" : "inet6_addr", umptcp_addr_format(addr, text));
}

/* ---- Times ------------------------------------------------------------------------------------------------------- */

void print_seconds(struct text *t, dur d) {
    dur usecs = d / USEC(1) + (d % USEC(1) >= USEC(1) / 2);
    text_add(t, "%llu.%06llu", (unsigned long long)(usecs / 1000000), (unsigned long long)(usecs % 1000000));
}

/* As short as it can be, and exact. */
static void print_time(struct text *t, dur d) {
    text_add(t, "%llu", (unsigned long long)(d / SEC(1)));
    if (d % SEC(1) == 0)
        return;
    text_add(t, ".%09llu", (unsigned long long)(d % SEC(1)));
    while (t->at[t->len - 1] == '0')
        t->at[--t->len] = '\0';
}

void print_when(struct text *t, const struct when *when) {
    bool relative = when->kind == WHEN_AFTER || when->kind == WHEN_AFTER_WITHIN;
    if (when->kind == WHEN_ANY) {
        text_add(t, "*");
        return;
    }
    text_add(t, "%s", relative ? "+" : "");
    print_time(t, when->from);
    if (when->kind == WHEN_WITHIN || when->kind == WHEN_AFTER_WITHIN) {
        text_add(t, "~%s", relative ? "+" : "");
        print_time(t, when->to);
    }
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

void print_event(struct text *t, const struct event *event) {
    print_when(t, &event->when);
    if (event->kind == EVENT_CALL && event->call->blocking) {
        text_add(t, "...");
        print_time(t, event->call->end_from);
    }
    text_add(t, " ");
    switch (event->kind) {
    case EVENT_PACKET:
        print_packet(t, event->packet);
        break;
    case EVENT_CALL:
        print_call(t, event->call);
        break;
    case EVENT_COMMAND:
        text_add(t, "`%s`", event->command);
        break;
    case EVENT_CODE:
        text_add(t, "%%{%s}%%", event->code);
        break;
    }
}

void print_script(struct text *t, const struct script *script) {
    if (script->init)
        text_add(t, "`%s`\n", script->init);
    for (const struct event *e = script->events; e; e = e->next) {
        print_event(t, e);
        text_add(t, "\n");
    }
    if (script->cleanup)
        text_add(t, "`%s`\n", script->cleanup);
}
