/* SPDX-License-Identifier: BSD-3-Clause */
/* ip: mptcp endpoint and limits, addr, link, route, tcp_metrics. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "script/commands_parts.h"

enum { LIMIT_MAX = 8, MTU_MAX = 65535, PORT_MAX = 65535 };

/* ip takes any beginning of a word for the word. */
static bool means(const char *text, const char *word) { return text && *text && !strncmp(text, word, strlen(text)); }

static int unknown(struct command *c, int at) {
    return command_fail(c, "ip %s: '%s' is not understood", c->word[1], c->word[at] ? c->word[at] : "");
}

static int result(struct command *c, int err) {
    return err ? command_fail(c, "ip %s %s: %s", c->word[1], c->n > 2 ? c->word[2] : "", strerror(-err)) : 0;
}

/* ---- mptcp ------------------------------------------------------------------------------------------------------- */

/* The words behind "ip mptcp endpoint VERB [ADDRESS]". */
static int endpoint_words(struct command *c, int i, struct umptcp_endpoint *ep, bool *nobackup) {
    unsigned long n;
    for (const char *w; (w = c->word[i]); i++) {
        const char *next = c->word[i + 1];
        if (!strcmp(w, "id") && command_number(next, UINT8_MAX, &n)) {
            ep->id = (uint8_t)n;
            i++;
        } else if (!strcmp(w, "port") && command_number(next, PORT_MAX, &n)) {
            ep->addr.port = (uint16_t)n;
            i++;
        } else if (!strcmp(w, "dev") && next) {
            i++; /* there is one */
        } else if (!strcmp(w, "signal")) {
            ep->flags |= UMPTCP_EP_SIGNAL;
        } else if (!strcmp(w, "subflow")) {
            ep->flags |= UMPTCP_EP_SUBFLOW;
        } else if (!strcmp(w, "backup")) {
            ep->flags |= UMPTCP_EP_BACKUP;
        } else if (!strcmp(w, "nobackup")) {
            *nobackup = true;
        } else {
            return unknown(c, i);
        }
    }
    return 0;
}

static int endpoint(struct command *c, int at) {
    const struct command_sink *sink = c->sink;
    struct umptcp_endpoint ep = {0};
    const char *verb = c->word[at];
    bool nobackup = false, has_addr = c->n > at + 1 && !umptcp_addr_parse(c->word[at + 1], &ep.addr.addr);
    if (means(verb, "flush"))
        return result(c, sink->endpoint_flush(sink->ctx));
    if (means(verb, "show") || means(verb, "list"))
        return 0;
    if (!means(verb, "add") && !means(verb, "delete") && !means(verb, "del") && !means(verb, "change"))
        return unknown(c, at);
    int err = endpoint_words(c, at + 1 + has_addr, &ep, &nobackup);
    if (err)
        return err;
    if (means(verb, "add"))
        return has_addr ? result(c, sink->endpoint_add(sink->ctx, &ep)) : unknown(c, at + 1);
    if (means(verb, "change"))
        return result(
            c, sink->endpoint_change(sink->ctx, ep.id, &ep.addr.addr, (ep.flags & UMPTCP_EP_BACKUP) && !nobackup));
    return result(c, sink->endpoint_del(sink->ctx, ep.id));
}

static int limits(struct command *c, int at) {
    unsigned long n;
    int subflows = -1, accepted = -1;
    if (means(c->word[at], "show"))
        return 0;
    if (!means(c->word[at], "set"))
        return unknown(c, at);
    for (int i = at + 1; i < c->n; i += 2) {
        bool number = command_number(c->word[i + 1], LIMIT_MAX, &n);
        if (number && means(c->word[i], "subflows"))
            subflows = (int)n;
        else if (number && means(c->word[i], "add_addr_accepted"))
            accepted = (int)n;
        else
            return unknown(c, i);
    }
    return result(c, c->sink->limits(c->sink->ctx, subflows, accepted));
}

static int mptcp(struct command *c, int at) {
    if (means(c->word[at], "endpoint") && c->n > at + 1)
        return endpoint(c, at + 1);
    if (means(c->word[at], "limits") && c->n > at + 1)
        return limits(c, at + 1);
    return means(c->word[at], "monitor") ? 0 : unknown(c, at);
}

/* ---- addr, link, route ------------------------------------------------------------------------------------------- */

static int addr(struct command *c, int at) {
    struct umptcp_addr a;
    uint8_t prefix_len;
    const char *verb = c->word[at];
    bool add = means(verb, "add") || means(verb, "replace");
    if (!verb || means(verb, "show") || means(verb, "list"))
        return 0;
    if (!add && !means(verb, "delete"))
        return unknown(c, at);
    for (int i = at + 1; i < c->n; i++) {
        if (!strcmp(c->word[i], "dev") || !strcmp(c->word[i], "scope") || !strcmp(c->word[i], "broadcast")) {
            i++;
        } else if (command_prefix(c->word[i], &a, &prefix_len)) {
            int err = c->sink->addr(c->sink->ctx, add, &a, prefix_len);
            if (err)
                return result(c, err);
        } else if (strcmp(c->word[i], "nodad") != 0 && strcmp(c->word[i], "noprefixroute") != 0) {
            return unknown(c, i);
        }
    }
    return 0;
}

/* ip link set [dev] tun0 ...: only the one device matters. */
static int link(struct command *c, int at) {
    unsigned long n;
    if (means(c->word[at], "show"))
        return 0;
    if (!means(c->word[at], "set"))
        return unknown(c, at);
    at += 1 + (c->n > at + 1 && !strcmp(c->word[at + 1], "dev"));
    bool ours = c->n > at && !strcmp(c->word[at], "tun0");
    for (int i = at + 1; i < c->n; i++) {
        int err = 0;
        bool up = !strcmp(c->word[i], "up"), valued = c->n > i + 1;
        if (up || !strcmp(c->word[i], "down"))
            err = ours ? c->sink->link_up(c->sink->ctx, up) : 0;
        else if (!strcmp(c->word[i], "mtu") && command_number(c->word[i + 1], MTU_MAX, &n))
            err = ours ? c->sink->link_mtu(c->sink->ctx, (uint32_t)n) : 0;
        else if (!valued)
            return unknown(c, i);
        i += !up && strcmp(c->word[i], "down") != 0; /* all others have a value; it changes nothing here */
        if (err)
            return result(c, err);
    }
    return 0;
}

/* Of a route only what TCP reads from it matters: everything goes out of the one device. */
static int route(struct command *c, int at) {
    static const char *const read[] = {"initcwnd", "rto_min", "congctl"};
    for (int i = at; i + 1 < c->n; i++)
        for (size_t k = 0; k < sizeof read / sizeof *read; k++)
            if (!strcmp(c->word[i], read[k])) {
                const char *value = c->word[i + 1 + (!strcmp(c->word[i + 1], "lock") && c->n > i + 2)];
                int err = c->sink->route(c->sink->ctx, read[k], value);
                if (err)
                    return command_fail(c, "ip route: %s %s: %s", read[k], value, strerror(-err));
            }
    return 0;
}

int command_ip(struct command *c) {
    int at = 1;
    while (at < c->n && c->word[at][0] == '-')
        at += !strcmp(c->word[at], "-n") || !strcmp(c->word[at], "-netns") ? 2 : 1;
    if (at >= c->n)
        return command_fail(c, "ip: an object is missing");
    const char *object = c->word[at];
    if (means(object, "mptcp"))
        return mptcp(c, at + 1);
    if (means(object, "address"))
        return addr(c, at + 1);
    if (means(object, "link"))
        return link(c, at + 1);
    if (means(object, "route") || means(object, "ro"))
        return route(c, at + 1);
    if (means(object, "tcp_metrics") || means(object, "tcpmetrics")) {
        if (at + 1 < c->n && (means(c->word[at + 1], "flush") || means(c->word[at + 1], "delete")))
            c->sink->metrics_flush(c->sink->ctx);
        return 0;
    }
    if (means(object, "rule") || means(object, "neighbour") || means(object, "neighbor"))
        return 0; /* there is one way out, and no link layer */
    return unknown(c, at);
}
