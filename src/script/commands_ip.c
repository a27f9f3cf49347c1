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

static bool addr_is_set(const struct umptcp_addr *addr) {
    return memcmp(addr, &(struct umptcp_addr){{0}}, sizeof *addr) != 0;
}

/* ---- mptcp ------------------------------------------------------------------------------------------------------- */

static const struct flag_word {
    const char *word;
    uint32_t flag;
} flag_words[] = {
    /* in the order in which ip shows them */
    {"signal", UMPTCP_EP_SIGNAL},   {"subflow", UMPTCP_EP_SUBFLOW},     {"laminar", UMPTCP_EP_LAMINAR},
    {"backup", UMPTCP_EP_BACKUP},   {"fullmesh", UMPTCP_EP_FULLMESH},   {"implicit", UMPTCP_EP_IMPLICIT},
    {"nobackup", UMPTCP_EP_BACKUP}, {"nofullmesh", UMPTCP_EP_FULLMESH},
};

enum { FLAG_WORDS = sizeof flag_words / sizeof *flag_words, FLAGS_SHOWN = 6, FLAGS_SET = 5 };

/* `change` takes what can be changed and its opposite, `add` what can be set. */
static bool flag_word(const char *word, bool change, uint32_t *flags) {
    for (int i = 0; i < FLAG_WORDS; i++) {
        const struct flag_word *f = &flag_words[i];
        bool changeable = f->flag & (UMPTCP_EP_BACKUP | UMPTCP_EP_FULLMESH), no = i >= FLAGS_SHOWN;
        if (strcmp(word, f->word) != 0 || (change ? !changeable : i >= FLAGS_SET))
            continue;
        *flags = no ? *flags & ~f->flag : *flags | f->flag;
        return true;
    }
    return false;
}

/* The words behind "ip mptcp endpoint VERB [ADDRESS]". */
static int endpoint_words(struct command *c, int i, bool change, struct umptcp_endpoint *ep) {
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
            ep->netif = 1; /* there is one */
            i++;
        } else if (umptcp_addr_parse(w, &ep->addr.addr) && !flag_word(w, change, &ep->flags)) {
            return unknown(c, i);
        }
    }
    return 0;
}

static void endpoint_print(struct text *t, const struct umptcp_endpoint *ep) {
    char a[UMPTCP_ADDRSTRLEN];
    text_add(t, "%s ", umptcp_addr_format(&ep->addr.addr, a));
    if (ep->addr.port)
        text_add(t, "port %u ", (unsigned)ep->addr.port);
    text_add(t, "id %u ", (unsigned)ep->id);
    for (int i = 0; i < FLAGS_SHOWN; i++)
        if (ep->flags & flag_words[i].flag)
            text_add(t, "%s ", flag_words[i].word);
    text_add(t, "%s\n", ep->netif ? "dev tun0 " : "");
}

/* All, or the one with this id. */
static int endpoint_show(struct command *c, uint8_t id) {
    struct umptcp_endpoint eps[UMPTCP_ENDPOINTS_MAX];
    int n = c->sink->endpoints(c->sink->ctx, eps, UMPTCP_ENDPOINTS_MAX), shown = 0;
    for (int i = 0; i < n; i++) {
        if (id && eps[i].id != id)
            continue;
        endpoint_print(&c->printed, &eps[i]);
        shown++;
    }
    return id && !shown ? result(c, -EINVAL) : 0;
}

static int endpoint_del(struct command *c, const struct umptcp_endpoint *ep) {
    if (addr_is_set(&ep->addr.addr) != (ep->id == 0))
        return command_fail(c, "ip mptcp endpoint delete: an address goes with id 0, and only with it");
    return result(c, c->sink->endpoint_del(c->sink->ctx, ep->id, &ep->addr.addr));
}

static int endpoint(struct command *c, int at) {
    const struct command_sink *sink = c->sink;
    struct umptcp_endpoint ep = {0};
    const char *verb = c->word[at] ? c->word[at] : "show";
    bool add = means(verb, "add"), change = means(verb, "change");
    bool show = means(verb, "show") || means(verb, "list");
    if (means(verb, "flush"))
        return result(c, sink->endpoint_flush(sink->ctx));
    if (!add && !change && !show && !means(verb, "delete"))
        return unknown(c, at);
    int err = c->word[at] ? endpoint_words(c, at + 1, change, &ep) : 0;
    if (err)
        return err;
    if (show)
        return endpoint_show(c, ep.id);
    if (add)
        return addr_is_set(&ep.addr.addr) ? result(c, sink->endpoint_add(sink->ctx, &ep)) : unknown(c, at + 1);
    return change ? result(c, sink->endpoint_change(sink->ctx, &ep)) : endpoint_del(c, &ep);
}

static int limits(struct command *c, int at) {
    unsigned long n;
    int subflows = -1, accepted = -1;
    if (!c->word[at] || means(c->word[at], "show")) {
        uint8_t s, a;
        c->sink->limits_get(c->sink->ctx, &s, &a);
        text_add(&c->printed, "add_addr_accepted %u subflows %u \n", (unsigned)a, (unsigned)s);
        return 0;
    }
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
    if (means(c->word[at], "endpoint"))
        return endpoint(c, at + 1);
    if (means(c->word[at], "limits"))
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
    for (int i = at; i + 1 < c->n; i++) {
        unsigned long n;
        if (!strcmp(c->word[i], "mtu") && command_number(c->word[i + 1 + !strcmp(c->word[i + 1], "lock")], MTU_MAX, &n))
            (void)c->sink->link_mtu(c->sink->ctx, (uint32_t)n);
        for (size_t k = 0; k < sizeof read / sizeof *read; k++)
            if (!strcmp(c->word[i], read[k])) {
                const char *value = c->word[i + 1 + (!strcmp(c->word[i + 1], "lock") && c->n > i + 2)];
                int err = c->sink->route(c->sink->ctx, read[k], value);
                if (err)
                    return command_fail(c, "ip route: %s %s: %s", read[k], value, strerror(-err));
            }
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
