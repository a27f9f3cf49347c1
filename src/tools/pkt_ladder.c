/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A row is: time, bar, what is between peer and stack, bar, what happens at the stack.
 *
 *     0.020000 |- #1 S 0:0(0) win 30000 <mss 1400> ---------------->| bind(3, ..., ...) = 0
 */
#include "tools/pkt_ladder.h"

#include <string.h>

#include "wire/ip.h"
#include "wire/segment.h"

enum { TIME_COLUMNS = 11, BARS = 3, RIGHT_MIN = 20, RIGHT_MAX = 46, WIDTH_MAX = 240, INDENT = 5, RIGHT_LINES_MAX = 5 };

static const char dim[] = "2", warn[] = "33";
static const char *const flow_colors[] = {"36", "35", "32", "34", "33"};

static void color(const struct ladder *l, const char *code) {
    if (l->color)
        text_add(l->out, "\033[%sm", code);
}

static uint32_t right_width(const struct ladder *l) {
    uint32_t n = l->width / 3;
    return n < RIGHT_MIN ? RIGHT_MIN : n > RIGHT_MAX ? RIGHT_MAX : n;
}

static uint32_t middle_width(const struct ladder *l) { return l->width - TIME_COLUMNS - BARS - right_width(l); }

/* ---- Lines of text ----------------------------------------------------------------------------------------------- */

/* Cuts the next line of at most `width` columns from *text, at a blank where there is one. Returns its length. */
static size_t next_line(const char **text, const char **line, size_t width) {
    const char *at = *text + strspn(*text, " \t\n");
    size_t len = strlen(at);
    if (len > width) {
        len = width;
        while (len > width / 3 && at[len] != ' ' && at[len - 1] != ' ')
            len--;
        if (len == width / 3)
            len = width;
    }
    *line = at;
    *text = at + len;
    while (len && at[len - 1] == ' ')
        len--;
    return len;
}

/* Scripts may contain anything; a terminal gets one column for each octet. */
static void put(const struct ladder *l, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        text_add(l->out, "%c", c == '\n' || c == '\t' ? ' ' : c < ' ' || c > '~' ? '?' : c);
    }
}

static void repeat(const struct ladder *l, const char *what, size_t n) {
    while (n--)
        text_add(l->out, "%s", what);
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static void bar(const struct ladder *l) { text_add(l->out, "%s", l->utf8 ? "│" : "|"); }

/* The time, when it is another one than in the row above. */
static void put_time(struct ladder *l, const dur *time) {
    if (!time || (l->any_shown && l->shown == *time)) {
        repeat(l, " ", TIME_COLUMNS);
        return;
    }
    struct text t = {0};
    print_seconds(&t, *time);
    color(l, dim);
    text_add(l->out, "%*s ", TIME_COLUMNS - 1, text_of(&t));
    color(l, "0");
    text_free(&t);
    l->any_shown = true;
    l->shown = *time;
}

/* A row with text in the middle, `indent` columns from the left bar. */
static void middle_row(struct ladder *l, const dur *time, const char *code, uint32_t indent, const char *text,
                       size_t len) {
    put_time(l, time);
    bar(l);
    repeat(l, " ", indent);
    color(l, code);
    put(l, text, len);
    color(l, "0");
    repeat(l, " ", middle_width(l) - indent - len);
    bar(l);
    text_add(l->out, "\n");
}

static void middle_rows(struct ladder *l, const dur *time, const char *code, uint32_t indent, const char *text) {
    const char *line;
    for (size_t len; (len = next_line(&text, &line, middle_width(l) - indent - 1)); time = NULL)
        middle_row(l, time, code, indent, line, len);
}

/* What happens at the stack. */
static void right_rows(struct ladder *l, dur time, const char *text) {
    const char *line;
    uint32_t rows = 0;
    for (size_t len; (len = next_line(&text, &line, right_width(l) - (rows ? 2 : 0))); rows++) {
        put_time(l, rows ? NULL : &time);
        bar(l);
        repeat(l, " ", middle_width(l));
        bar(l);
        text_add(l->out, rows ? "   " : " ");
        bool cut = rows == RIGHT_LINES_MAX - 1 && text[strspn(text, " \t\n")];
        put(l, cut ? "..." : line, cut ? 3 : len);
        text_add(l->out, "\n");
        if (cut)
            return;
    }
}

static void arrow_row(struct ladder *l, dur time, bool inbound, const char *code, const char *text, size_t len) {
    const char *shaft = l->utf8 ? "─" : "-";
    size_t fill = middle_width(l) - len - 4;
    put_time(l, &time);
    bar(l);
    color(l, code);
    if (!inbound)
        text_add(l->out, "%s", l->utf8 ? "◄" : "<");
    text_add(l->out, "%s ", shaft);
    put(l, text, len);
    text_add(l->out, " ");
    repeat(l, shaft, fill);
    if (inbound)
        text_add(l->out, "%s", l->utf8 ? "►" : ">");
    color(l, "0");
    bar(l);
    text_add(l->out, "\n");
}

/* An arrow with its text; what has no room stands below it, options in lines of their own. */
static void arrow(struct ladder *l, dur time, bool inbound, const char *code, const char *text) {
    size_t room = middle_width(l) - INDENT, head = strlen(text);
    const char *options = strstr(text, " <"), *line;
    if (head > room && options && (size_t)(options - text) <= room)
        head = (size_t)(options - text);
    if (head > room) {
        head = next_line(&text, &line, room);
        arrow_row(l, time, inbound, code, line, head);
    } else {
        arrow_row(l, time, inbound, code, text, head);
        text += head;
    }
    middle_rows(l, NULL, code, INDENT, text);
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static void put_end(struct text *t, const struct umptcp_addr *addr, const uint8_t *port) {
    char text[UMPTCP_ADDRSTRLEN];
    text_add(t, strchr(umptcp_addr_format(addr, text), ':') ? "[%s]:%u" : "%s:%u", text, port[0] << 8 | port[1]);
}

/* "192.0.2.1:40000 > 192.168.0.1:8080" */
static void put_ends(struct text *t, const uint8_t *data, uint32_t len) {
    struct ip_hdr ip;
    if (ip_parse(data, len, true, &ip) != DROP_NONE || ip.payload_len < 4) {
        text_add(t, "a broken packet");
        return;
    }
    put_end(t, &ip.src, ip.payload);
    text_add(t, " > ");
    put_end(t, &ip.dst, ip.payload + 2);
}

static void introduce(struct ladder *l, const struct note *n) {
    struct text t = {0};
    l->flows = n->flow;
    text_add(&t, "#%u: ", n->flow);
    put_ends(&t, n->data, n->len);
    middle_rows(l, &n->time, dim, 2, text_of(&t));
    text_free(&t);
}

/* True when everything in a packet was sent before. */
static bool is_again(struct ladder *l, const struct note *n, const struct tcp_line *tcp) {
    if (!n->flow || n->flow > LADDER_FLOWS)
        return false;
    struct ladder_way *way = &l->ways[n->flow - 1][n->kind == NOTE_INJECTED];
    uint32_t space = tcp->len + !!(tcp->flags & TCP_SYN) + !!(tcp->flags & TCP_FIN), end = tcp->seq + space;
    /* The numbers of packets with SYN are on another scale: the first octet behind it is 1. */
    if (tcp->flags & TCP_SYN)
        end = 1 + tcp->len;
    bool again = space && way->any && (int32_t)(end - way->end) <= 0;
    if (!way->any || (int32_t)(end - way->end) > 0)
        *way = (struct ladder_way){true, end};
    return again;
}

static void packet_note(struct ladder *l, const struct note *n) {
    struct text t = {0};
    struct packet p = *n->packet;
    const char *code = flow_colors[n->flow % (sizeof flow_colors / sizeof *flow_colors)];
    if (n->flow > l->flows && p.proto == PACKET_TCP)
        introduce(l, n);
    p.has_ends = false;
    if (n->flow)
        text_add(&t, "#%u ", n->flow);
    size_t direction = t.len;
    print_packet(&t, &p);
    memmove(t.at + direction, t.at + direction + 2, t.len - direction - 1);
    t.len -= 2;
    if (p.proto == PACKET_TCP && is_again(l, n, &p.tcp))
        text_add(&t, " (again)");
    arrow(l, n->time, n->kind == NOTE_INJECTED, code, text_of(&t));
    text_free(&t);
}

static void ignored_note(struct ladder *l, const struct note *n) {
    struct text t = {0};
    text_add(&t, "of no connection: ");
    put_ends(&t, n->data, n->len);
    arrow(l, n->time, false, dim, text_of(&t));
    text_free(&t);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

/* A call that was not said to be over before something else happened. */
static void flush_call(struct ladder *l) {
    if (!l->call)
        return;
    struct text t = {0};
    print_call(&t, l->call->call);
    char *result = NULL;
    for (char *p = t.at; (p = strstr(p, ") = ")); p++)
        result = p;
    if (result)
        memcpy(result, ") ..", 5); /* not longer than what stood there */
    right_rows(l, l->call_time, text_of(&t));
    text_free(&t);
    l->call = NULL;
}

static void return_note(struct ladder *l, const struct note *n) {
    struct text t = {0};
    bool failed = n->text && n->text[0], began_now = l->call == n->event;
    const struct call *call = n->event->call;
    if (!began_now)
        flush_call(l);
    l->call = NULL;
    if (began_now) {
        print_call(&t, call);
    } else {
        text_add(&t, ".. %s() = %lld", call->name, (long long)call->result);
        if (call->errno_name)
            text_add(&t, " %s", call->errno_name);
    }
    if (failed) /* the result is not that of the script */
        text_add(&t, "? %s", n->text);
    dur at = began_now ? l->call_time : n->time;
    if (n->time > at) {
        text_add(&t, ", at ");
        print_seconds(&t, n->time);
    }
    right_rows(l, at, text_of(&t));
    text_free(&t);
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

void ladder_begin(struct ladder *l, struct text *out, const char *stack, uint32_t width, bool utf8, bool use_color) {
    *l = (struct ladder){.out = out, .utf8 = utf8, .color = use_color};
    l->width = width < LADDER_WIDTH_MIN ? LADDER_WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
    color(l, dim);
    text_add(out, "%*s script%*s%s\n", TIME_COLUMNS - 1, "time", (int)(middle_width(l) + BARS - 6), "", stack);
    color(l, "0");
}

void ladder_note(struct ladder *l, const struct note *n) {
    struct text t = {0};
    if (n->kind != NOTE_RETURN)
        flush_call(l);
    switch (n->kind) {
    case NOTE_INJECTED:
    case NOTE_TAKEN:
        packet_note(l, n);
        break;
    case NOTE_IGNORED:
        ignored_note(l, n);
        break;
    case NOTE_CALL:
        l->call = n->event;
        l->call_time = n->time;
        break;
    case NOTE_RETURN:
        return_note(l, n);
        break;
    case NOTE_COMMAND:
        text_add(&t, "$ %s", n->event->command);
        right_rows(l, n->time, text_of(&t));
        break;
    case NOTE_CODE:
        text_add(&t, "%%{%s}%%", n->event->code);
        right_rows(l, n->time, text_of(&t));
        break;
    case NOTE_WARNING:
        text_add(&t, "warning: %s", n->text);
        middle_rows(l, &n->time, warn, 2, text_of(&t));
        break;
    }
    text_free(&t);
}

void ladder_end(struct ladder *l) { flush_call(l); }
