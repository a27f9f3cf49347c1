/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pm_nl_ctl, as far as it manages paths from outside:
 *
 *     ann ADDR token T id N [port P] [dev D]      rem token T id N
 *     csf lip A lid N rip B rport P [rid N] [flags backup] token T
 *     dsf lip A lport P rip B rport P token T     set A [port P] flags backup|nobackup token T rip B [rport P]
 *     dump token T    get N token T    listen A P    events    heard PATTERN
 *
 * `token auto` is the newest MPTCP connection's. `events` returns at once and listens on; `heard` says whether a line
 * of what was heard matches.
 */
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "script/commands_parts.h"

enum { PORT_MAX = 65535 };

static int unknown(struct command *c, int at) {
    return command_fail(c, "pm_nl_ctl %s: '%s' is not understood", c->n > 1 ? c->word[1] : "",
                        at < c->n ? c->word[at] : "");
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

static bool port_word(const char *value, struct umptcp_endpoint *end) {
    unsigned long n;
    if (!command_number(value, PORT_MAX, &n))
        return false;
    end->addr.port = (uint16_t)n;
    return true;
}

static bool id_word(const char *value, struct umptcp_endpoint *end) {
    unsigned long n;
    if (!command_number(value, UINT8_MAX, &n))
        return false;
    end->id = (uint8_t)n;
    return true;
}

static bool token_word(struct command *c, const char *value, struct pm_order *order) {
    uint64_t token;
    unsigned long n;
    if (value && !strcmp(value, "auto")) {
        if (c->sink->mptcp_value(c->sink->ctx, "token", &token))
            return false;
        n = (unsigned long)token;
    } else if (!command_number(value, UINT32_MAX, &n)) {
        return false;
    }
    order->token = (uint32_t)n;
    return true;
}

/* "backup", "nobackup", "signal,backup" ... */
static bool flags_word(const char *value, struct pm_order *order) {
    static const struct {
        const char *name;
        uint32_t flag;
    } flags[] = {{"signal", UMPTCP_EP_SIGNAL}, {"subflow", UMPTCP_EP_SUBFLOW}, {"backup", UMPTCP_EP_BACKUP}};
    enum { FLAGS = sizeof flags / sizeof *flags };
    order->local.flags = 0;
    while (value && *value) {
        size_t len = strcspn(value, ","), i = 0;
        while (i < FLAGS && (strlen(flags[i].name) != len || strncmp(flags[i].name, value, len) != 0))
            i++;
        if (i < FLAGS)
            order->local.flags |= flags[i].flag;
        else if (strncmp(value, "nobackup", len) != 0)
            return false;
        value += len + (value[len] == ',');
    }
    return value != NULL;
}

static bool named(struct command *c, const char *name, const char *value, struct pm_order *order) {
    if (!strcmp(name, "token"))
        return token_word(c, value, order);
    if (!strcmp(name, "id") || !strcmp(name, "lid"))
        return id_word(value, &order->local);
    if (!strcmp(name, "rid"))
        return id_word(value, &order->remote);
    if (!strcmp(name, "port") || !strcmp(name, "lport"))
        return port_word(value, &order->local);
    if (!strcmp(name, "rport"))
        return port_word(value, &order->remote);
    if (!strcmp(name, "lip"))
        return value && !umptcp_addr_parse(value, &order->local.addr.addr);
    if (!strcmp(name, "rip"))
        return value && !umptcp_addr_parse(value, &order->remote.addr.addr);
    if (!strcmp(name, "flags"))
        return flags_word(value, order);
    if (strcmp(name, "dev") != 0 || !value)
        return false;
    order->local.netif = 1; /* there is one */
    return true;
}

/* ---- Verbs ------------------------------------------------------------------------------------------------------- */

/* heard PATTERN: a line of what came so far matches. */
static int heard(struct command *c) {
    const struct pm_order order = {.verb = PM_HEARD};
    const char *why = NULL;
    struct text all = {0};
    regex_t pattern;
    if (c->n != 3 || regcomp(&pattern, c->word[2], REG_NOSUB | REG_EXTENDED | REG_NEWLINE))
        return unknown(c, 2);
    (void)c->sink->manage(c->sink->ctx, &order, &all, &why);
    bool found = regexec(&pattern, text_of(&all), 0, NULL, 0) == 0;
    regfree(&pattern);
    text_add(&c->printed, "%s", text_of(&all));
    int err = found ? 0 : command_fail(c, "pm_nl_ctl: '%s' was not heard, only:\n%s", c->word[2], text_of(&all));
    text_free(&all);
    return err;
}

static int manage(struct command *c, const struct pm_order *order) {
    const char *why = NULL;
    int err = c->sink->manage(c->sink->ctx, order, &c->printed, &why);
    return err ? command_fail(c, "pm_nl_ctl %s: %s%s%s", c->word[1], why ? why : "", why ? ": " : "", strerror(-err))
               : 0;
}

int command_pm_nl_ctl(struct command *c) {
    static const struct {
        const char *name;
        enum pm_verb verb;
        bool address, id; /* come first, without a name */
    } verbs[] = {
        {"ann", PM_ANN, true, false},  {"rem", PM_REM, false, false},      {"csf", PM_CSF, false, false},
        {"dsf", PM_DSF, false, false}, {"set", PM_SET, true, false},       {"dump", PM_DUMP, false, false},
        {"get", PM_GET, false, true},  {"listen", PM_LISTEN, true, false}, {"events", PM_EVENTS, false, false}};
    enum { VERBS = sizeof verbs / sizeof *verbs };
    size_t v = 0;
    int at = 2;
    if (c->n > 1 && !strcmp(c->word[1], "heard"))
        return heard(c);
    while (v < VERBS && (c->n < 2 || strcmp(verbs[v].name, c->word[1]) != 0))
        v++;
    if (v == VERBS)
        return unknown(c, 1);
    struct pm_order order = {.verb = verbs[v].verb, .local.flags = verbs[v].verb == PM_ANN ? UMPTCP_EP_SIGNAL : 0};
    if (verbs[v].address && (c->n <= at || umptcp_addr_parse(c->word[at++], &order.local.addr.addr)))
        return unknown(c, 2);
    if (verbs[v].id && !id_word(c->word[at++], &order.local))
        return unknown(c, 2);
    if (order.verb == PM_LISTEN && !port_word(c->word[at++], &order.local))
        return unknown(c, 3);
    for (; at < c->n; at += 2)
        if (!named(c, c->word[at], c->word[at + 1], &order))
            return unknown(c, at + (c->word[at + 1] ? 1 : 0));
    return manage(c, &order);
}
