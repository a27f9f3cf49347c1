/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame of a script: option lines, init command, events with their times, cleanup command. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "script/parser.h"
#include "wire/addr.h"

/* ---- Errors ------------------------------------------------------------------------------------------------------ */

/* Octets of the UTF-8 sequence of a printable character at `p`; 0 when there is none. */
static size_t printable(const char *p) {
    unsigned char first = (unsigned char)*p;
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < len; i++)
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            return 0;
    return len == 1 && (*p < ' ' || *p > '~') ? 0 : len;
}

__attribute__((format(printf, 3, 0))) static void error_set(struct script_error *e, struct place place,
                                                            const char *format, va_list args) {
    e->place = place;
    (void)vsnprintf(e->text, sizeof e->text, format, args);
    for (char *c = e->text; *c;) { /* it may quote anything */
        size_t len = printable(c);
        if (!len)
            *c = '?';
        c += len ? len : 1;
    }
}

void script_error_set(struct script_error *e, struct place place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    error_set(e, place, format, args);
    va_end(args);
}

bool parser_fail(struct parser *p, struct place place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    error_set(p->error, place, format, args);
    va_end(args);
    return false;
}

bool parser_expected(struct parser *p, const char *what) {
    const struct token *t = &p->tok;
    if (t->kind == TOKEN_BAD)
        return parser_fail(p, t->place, "%s", t->bad);
    if (t->kind == TOKEN_END)
        return parser_fail(p, t->place, "expected %s, found the end of the script", what);
    enum { SHOWN = 40 };
    static const char *const around[][2] = {
        [TOKEN_STRING] = {"\"", "\""}, [TOKEN_COMMAND] = {"`", "`"}, [TOKEN_CODE] = {"%{", "}%"},
        [TOKEN_OPTION] = {"'--", "'"}, [TOKEN_CHAR] = {NULL, NULL},
    };
    const char *before = around[t->kind][0], *behind = around[t->kind][1];
    size_t len = 0;
    while (len < t->len && len < SHOWN && t->text[len] != '\n')
        len++;
    return parser_fail(p, t->place, "expected %s, found %s%.*s%s%s", what, before ? before : "'", (int)len, t->text,
                       len < t->len ? "..." : "", behind ? behind : "'");
}

/* ---- Tokens ------------------------------------------------------------------------------------------------------ */

void parser_next(struct parser *p) { p->tok = lexer_next(&p->lexer); }

struct token parser_peek(const struct parser *p) {
    struct lexer ahead = p->lexer;
    return lexer_next(&ahead);
}

bool parser_take(struct parser *p, char c) {
    bool there = parser_at(p, c);
    if (there)
        parser_next(p);
    return there;
}

bool parser_take_word(struct parser *p, const char *word) {
    bool there = parser_at_word(p, word);
    if (there)
        parser_next(p);
    return there;
}

bool parser_need(struct parser *p, char c) {
    const char what[] = {'\'', c, '\'', '\0'};
    return parser_take(p, c) || parser_expected(p, what);
}

bool parser_name(struct parser *p, const char *what, const char **name) {
    bool word = p->tok.kind == TOKEN_WORD;
    for (size_t i = 0; i < p->tok.len; i++) {
        char c = p->tok.text[i];
        word = word && (c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'));
    }
    if (!word || p->tok.len == 0)
        return parser_expected(p, what);
    *name = parser_text(p);
    parser_next(p);
    return true;
}

char *parser_text(struct parser *p) { return arena_text(&p->script->arena, p->tok.text, p->tok.len); }

void *parser_alloc(struct parser *p, size_t size) { return arena_alloc(&p->script->arena, size); }

bool parser_at_number(const struct parser *p) {
    return (p->tok.kind == TOKEN_INT && !p->tok.negative) || p->tok.kind == TOKEN_HEX;
}

bool parser_number(struct parser *p, const char *what, uint64_t max, uint64_t *n) {
    if (p->tok.kind == TOKEN_WORD) {
        char hint[160];
        (void)snprintf(hint, sizeof hint, "%s (or a symbol: -D NAME=VALUE)", what);
        return parser_expected(p, hint);
    }
    if (!parser_at_number(p))
        return parser_expected(p, what);
    if (p->tok.too_large || p->tok.n > max)
        return parser_fail(p, p->tok.place, "expected %s, found %.*s: the largest is %llu", what,
                           p->tok.len < 60 ? (int)p->tok.len : 60, p->tok.text, (unsigned long long)max);
    *n = p->tok.n;
    parser_next(p);
    return true;
}

bool parser_decimal(struct parser *p, const char *what, uint64_t max, uint64_t *n) {
    if (p->tok.kind == TOKEN_HEX && p->tok.text[0] == *p->tok.at) /* a symbol may be hexadecimal */
        return parser_fail(p, p->tok.place, "expected %s, found %.*s: it must be decimal here", what,
                           p->tok.len < 60 ? (int)p->tok.len : 60, p->tok.text);
    return parser_number(p, what, max, n);
}

bool parser_string(struct parser *p, const char **text, uint32_t *len) {
    if (p->tok.kind != TOKEN_STRING)
        return parser_expected(p, "a string");
    size_t used = 0, size = p->tok.len + 1;
    char *all = parser_alloc(p, size);
    do {
        if (used + p->tok.len >= size) {
            size = 2 * size + p->tok.len + 1;
            char *larger = parser_alloc(p, size);
            memcpy(larger, all, used);
            all = larger;
        }
        long n = lexer_unescape(p->tok.text, p->tok.len, all + used);
        if (n < 0)
            return parser_fail(p, p->tok.place,
                               "no such escape in a string; there are \\\\ \\\" \\n \\t \\r \\f \\v \\xHH");
        used += (size_t)n;
        parser_next(p);
    } while (p->tok.kind == TOKEN_STRING);
    all[used] = '\0';
    *text = all;
    *len = (uint32_t)used;
    return true;
}

bool parser_address(struct parser *p, struct umptcp_addr *addr) {
    bool v6 = parser_at_word(p, "inet6_addr");
    const char *text = "";
    uint32_t len = 0;
    parser_next(p);
    if (!parser_need(p, '('))
        return false;
    struct place place = p->tok.place;
    if (!parser_string(p, &text, &len))
        return false;
    if (strlen(text) != len || umptcp_addr_parse(text, addr) != 0 || (!v6 && !addr_is_v4(addr)))
        return parser_fail(p, place, "\"%.60s\" is not an IPv%d address", text, v6 ? 6 : 4);
    return parser_need(p, ')');
}

/* ---- Times ------------------------------------------------------------------------------------------------------- */

enum { TIME_MAX_SECONDS = 1000000000 };

/* Seconds as a decimal number, exactly; digits behind the ninth do not count. */
static bool parse_seconds(struct parser *p, const char *what, dur *d) {
    const struct token *t = &p->tok;
    if (t->kind != TOKEN_INT && t->kind != TOKEN_FLOAT)
        return parser_expected(p, what);
    if (t->text[0] == '-')
        return parser_fail(p, t->place, "%.*s: a time is not negative", t->len < 60 ? (int)t->len : 60, t->text);
    uint64_t seconds = 0, fraction = 0, unit = 1000000000;
    size_t i = 0;
    for (; i < t->len && t->text[i] != '.' && seconds <= TIME_MAX_SECONDS; i++)
        seconds = seconds * 10 + (uint64_t)(t->text[i] - '0');
    if (seconds > TIME_MAX_SECONDS)
        return parser_fail(p, t->place, "a time is at most %d seconds", TIME_MAX_SECONDS);
    for (i++; i < t->len && unit > 1; i++) {
        unit /= 10;
        fraction += (uint64_t)(t->text[i] - '0') * unit;
    }
    *d = SEC(seconds) + fraction;
    parser_next(p);
    return true;
}

static bool parse_when(struct parser *p, struct when *when) {
    if (parser_take(p, '*')) {
        when->kind = WHEN_ANY;
        return true;
    }
    bool relative = parser_take(p, '+');
    if (!parse_seconds(p, relative ? "seconds" : "a time (T, +T, T~T, +T~+T or *)", &when->from))
        return false;
    when->to = when->from;
    when->kind = relative ? WHEN_AFTER : WHEN_AT;
    if (!parser_take(p, '~'))
        return true;
    when->kind = relative ? WHEN_AFTER_WITHIN : WHEN_WITHIN;
    struct place place = p->tok.place;
    if (relative && !parser_need(p, '+'))
        return false;
    if (!relative && parser_at(p, '+'))
        return parser_fail(p, place, "a window is T~T or +T~+T: both of its times are relative, or none");
    if (!parse_seconds(p, "seconds", &when->to))
        return false;
    return when->to >= when->from || parser_fail(p, place, "the window ends before it starts");
}

static bool is_absolute(const struct when *when) { return when->kind == WHEN_AT || when->kind == WHEN_WITHIN; }

static bool check_when(struct parser *p, const struct event *event, const struct event *before) {
    const struct when *when = &event->when;
    bool outbound = event->kind == EVENT_PACKET && !event->packet->inbound;
    if (!before && (when->kind == WHEN_ANY || when->from))
        return parser_fail(p, event->place, "the first event must have the time 0");
    if (!outbound && when->kind == WHEN_ANY)
        return parser_fail(p, event->place, "the time * is for outbound packets (>) only");
    if (!outbound && (when->kind == WHEN_WITHIN || when->kind == WHEN_AFTER_WITHIN))
        return parser_fail(p, event->place, "a time window is for outbound packets (>) only");
    if (before && is_absolute(when) && is_absolute(&before->when) && when->from < before->when.from)
        return parser_fail(p, event->place, "this time is before that of the event in line %u", before->place.line);
    return true;
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

static bool parse_blocking(struct parser *p, struct event *event, dur end) {
    if (p->tok.kind != TOKEN_WORD)
        return parser_expected(p, "a system call: nothing else blocks");
    if (end < event->when.from)
        return parser_fail(p, event->place, "the call ends before it starts: both times count from the same point");
    event->kind = EVENT_CALL;
    if (!parse_call(p, &event->call))
        return false;
    event->call->blocking = true;
    event->call->end_from = end;
    return true;
}

static bool parse_event(struct parser *p, struct event *event) {
    event->place = p->tok.place;
    if (!parse_when(p, &event->when))
        return false;
    if (p->tok.kind == TOKEN_ELLIPSIS) {
        dur end = 0;
        parser_next(p);
        return parse_seconds(p, "the time at which the call ends", &end) && parse_blocking(p, event, end);
    }
    if (parser_at(p, '<') || parser_at(p, '>')) {
        event->kind = EVENT_PACKET;
        return parse_packet(p, &event->packet);
    }
    switch (p->tok.kind) {
    case TOKEN_WORD:
        event->kind = EVENT_CALL;
        return parse_call(p, &event->call);
    case TOKEN_COMMAND:
        event->kind = EVENT_COMMAND;
        event->command = parser_text(p);
        break;
    case TOKEN_CODE:
        event->kind = EVENT_CODE;
        event->code = parser_text(p);
        event->place = p->tok.place;
        break;
    default:
        return parser_expected(p, "a packet (< or >), a system call, a `command` or %{ code }%");
    }
    parser_next(p);
    return true;
}

static bool parse_events(struct parser *p) {
    struct event **link = &p->script->events, *before = NULL;
    while (p->tok.kind != TOKEN_END && p->tok.kind != TOKEN_COMMAND) {
        if (p->tok.kind == TOKEN_OPTION)
            return parser_expected(p, "an event: option lines stand before everything else");
        struct event *event = parser_alloc(p, sizeof *event);
        if (!parse_event(p, event) || !check_when(p, event, before))
            return false;
        *link = before = event;
        link = &event->next;
        p->script->nevents++;
    }
    return p->script->events || parser_expected(p, "an event");
}

/* ---- Scripts ----------------------------------------------------------------------------------------------------- */

static bool parse_option_lines(struct parser *p) {
    char error[256];
    struct place last = {0, 0};
    for (; p->tok.kind == TOKEN_OPTION; parser_next(p)) {
        last = p->tok.place;
        if (settings_apply(p->settings, parser_text(p), false, error, sizeof error) != 0)
            return parser_fail(p, last, "%s", error);
    }
    if (settings_finish(p->settings, error, sizeof error) != 0)
        return parser_fail(p, last, "%s", error);
    /* The token in hand was read when not all symbols were known. */
    lexer_seek(&p->lexer, &p->tok);
    parser_next(p);
    return true;
}

static void parse_command(struct parser *p, const char **command, struct place *place) {
    if (p->tok.kind != TOKEN_COMMAND)
        return;
    *command = parser_text(p);
    *place = p->tok.place;
    parser_next(p);
}

static bool parse_script(struct parser *p) {
    struct script *s = p->script;
    if (!parse_option_lines(p))
        return false;
    parse_command(p, &s->init, &s->init_place);
    if (!parse_events(p))
        return false;
    parse_command(p, &s->cleanup, &s->cleanup_place);
    return p->tok.kind == TOKEN_END ||
           parser_expected(p, "nothing more behind the cleanup command (one without a time)");
}

int script_parse(struct script *script, const char *path, const char *source, size_t len, struct settings *settings,
                 struct script_error *error) {
    *script = (struct script){.path = NULL};
    script->path = arena_text(&script->arena, path, strlen(path));
    script->source = arena_text(&script->arena, source, len);
    struct parser p = {
        .lexer = lexer_of(script->source, len, settings), .script = script, .settings = settings, .error = error};
    parser_next(&p);
    return parse_script(&p) ? 0 : -EINVAL;
}

void script_free(struct script *script) {
    arena_free(&script->arena);
    *script = (struct script){.path = NULL};
}
