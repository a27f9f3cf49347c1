/* SPDX-License-Identifier: BSD-3-Clause */
/* All commands but ip: sysctl and echo, helper programs of the public collections, and those without effect here. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "script/commands_parts.h"

enum { NAME_MAX_LEN = 128, LIMITS_ALL = 8, EXTRA_MAX = 8, TEXT_MAX = 256, DD_MAX = 1 << 24 };

/* ---- Numbers and addresses --------------------------------------------------------------------------------------- */

bool command_number(const char *text, unsigned long max, unsigned long *n) {
    char *end;
    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *n = strtoul(text, &end, 0);
    return !*end && !errno && *n <= max;
}

bool command_prefix(const char *text, struct umptcp_addr *addr, uint8_t *prefix_len) {
    char copy[UMPTCP_ADDRSTRLEN];
    unsigned long n;
    size_t len = strcspn(text, "/");
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    if (umptcp_addr_parse(copy, addr))
        return false;
    n = umptcp_addr_is_v4(addr) ? 32 : 128;
    if (text[len] && !command_number(text + len + 1, n, &n))
        return false;
    *prefix_len = (uint8_t)n;
    return true;
}

/* ---- sysctl ------------------------------------------------------------------------------------------------------ */

int command_sysctl(struct command *c, const char *name, const char *value) {
    static const char root[] = "/proc/sys/";
    char dotted[NAME_MAX_LEN];
    size_t n = 0;
    if (!strncmp(name, root, sizeof root - 1))
        name += sizeof root - 1;
    for (; name[n] && n < sizeof dotted - 1; n++)
        dotted[n] = name[n] == '/' ? '.' : name[n];
    dotted[n] = 0;
    int err = name[n] ? -ENOENT : c->sink->sysctl(c->sink->ctx, dotted, value);
    if (err == -ENOENT)
        return command_fail(c, "sysctl: '%s' is not known here", dotted);
    return err ? command_fail(c, "sysctl: %s = '%s': %s", dotted, value, strerror(-err)) : 0;
}

static bool is_option(const char *word) { return word[0] == '-' && word[1]; }

/* NAME=VALUE; the value of `sysctl -w NAME=` may follow as one more word in a quoted list. */
static int assignment(struct command *c, char *word) {
    char *equals = strchr(word, '=');
    if (!equals)
        return 0; /* reading it changes nothing */
    *equals = 0;
    return command_sysctl(c, word, equals + 1);
}

static int run_sysctl(struct command *c) {
    bool ignore = false;
    for (int i = 1; i < c->n; i++) {
        if (is_option(c->word[i])) {
            ignore = ignore || strchr(c->word[i], 'e');
            continue;
        }
        int err = assignment(c, c->word[i]);
        if (err && !ignore)
            return err;
    }
    return 0;
}

/* echo VALUE > /proc/sys/NAME, or > /sys/module/NAME */
static int run_echo(struct command *c) {
    static const char module_root[] = "/sys/module/";
    char value[TEXT_MAX] = "";
    size_t used = 0;
    if (!c->output || !strcmp(c->output, "/dev/null"))
        return 0;
    bool module = !strncmp(c->output, module_root, sizeof module_root - 1);
    if (!module && strncmp(c->output, "/proc/sys/", 10) != 0)
        return command_fail(c, "echo: '%s' cannot be written here", c->output);
    for (int i = 1; i < c->n && used < sizeof value; i++)
        if (i > 1 || strcmp(c->word[i], "-n") != 0)
            used += (size_t)snprintf(value + used, sizeof value - used, "%s%s", used ? " " : "", c->word[i]);
    return command_sysctl(c, c->output + (module ? sizeof module_root - 1 : 0), value);
}

/* Arguments /proc/sys/NAME=VALUE */
static int run_set_sysctls(struct command *c) {
    int err = 0;
    for (int i = 1; i < c->n && !err; i++)
        err = assignment(c, c->word[i]);
    return err;
}

/* ---- Helper programs --------------------------------------------------------------------------------------------- */

static int set_all(struct command *c, const char *const (*list)[2], size_t n) {
    int err = 0;
    for (size_t i = 0; i < n && !err; i++)
        err = command_sysctl(c, list[i][0], list[i][1]);
    return err;
}

static int run_defaults(struct command *c) {
    static const char *const list[][2] = {
        {"net.ipv4.tcp_rmem", "4096 540000 15728640"},
        {"net.ipv4.tcp_wmem", "4096 262144 4194304"},
        {"net.ipv4.tcp_timestamps", "1"},
        {"net.ipv4.tcp_syn_retries", "5"},
        {"net.ipv4.tcp_synack_retries", "5"},
        {"net.ipv4.tcp_frto", "2"},
        {"net.ipv4.tcp_sack", "1"},
        {"net.ipv4.tcp_dsack", "1"},
        {"net.ipv4.tcp_fack", "0"},
        {"net.ipv4.tcp_reordering", "3"},
        {"net.ipv4.tcp_congestion_control", "cubic"},
        {"net.ipv4.tcp_slow_start_after_idle", "0"},
        {"net.ipv4.tcp_early_retrans", "4"},
        {"net.ipv4.tcp_recovery", "1"},
        {"net.ipv4.tcp_tso_win_divisor", "3"},
        {"net.ipv4.tcp_ecn", "0"},
        {"net.ipv4.tcp_ecn_option", "2"},
        {"net.ipv4.tcp_pacing_ss_ratio", "200"},
        {"net.ipv4.tcp_pacing_ca_ratio", "120"},
        {"net.ipv4.tcp_notsent_lowat", "4294967295"},
        {"net.ipv4.tcp_fastopen", "0x70403"},
        {"net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"},
        {"net.ipv4.tcp_syncookies", "1"},
        {"net.mptcp.enabled", "1"},
    };
    return set_all(c, list, sizeof list / sizeof *list);
}

static int forget_paths(struct command *c) {
    int err = c->sink->endpoint_flush(c->sink->ctx);
    return err ? command_fail(c, "%s: the endpoints: %s", c->word[0], strerror(-err)) : 0;
}

static int allow_all(struct command *c) {
    int err = c->sink->limits(c->sink->ctx, LIMITS_ALL, LIMITS_ALL);
    return err ? command_fail(c, "%s: the limits: %s", c->word[0], strerror(-err)) : 0;
}

/* The address `n` behind the host's own becomes its, and an endpoint. */
static int extra_endpoint(struct command *c, unsigned n, uint32_t flags) {
    const struct command_sink *sink = c->sink;
    struct umptcp_endpoint ep = {.flags = flags};
    uint8_t prefix_len;
    int err = sink->local(sink->ctx, &ep.addr.addr, &prefix_len);
    for (int i = 15; i >= 0 && n; i--) {
        n += ep.addr.addr.b[i];
        ep.addr.addr.b[i] = (uint8_t)n;
        n >>= 8;
    }
    if (!err)
        err = sink->addr(sink->ctx, true, &ep.addr.addr, prefix_len);
    if (!err || err == -EEXIST)
        err = sink->endpoint_add(sink->ctx, &ep);
    return err ? command_fail(c, "%s: an endpoint: %s", c->word[0], strerror(-err)) : 0;
}

static int run_client(struct command *c) {
    int err = forget_paths(c);
    return err ? err : allow_all(c);
}

static int run_server(struct command *c) {
    int err = forget_paths(c);
    return err ? err : extra_endpoint(c, 1, UMPTCP_EP_SIGNAL);
}

/* multi-ep.sh [-e COUNT] [-m signal|subflow] [-b] */
static int run_multi_ep(struct command *c) {
    unsigned long count = 1;
    uint32_t mode = UMPTCP_EP_SIGNAL, flags = 0;
    const char *w;
    for (int i = 1; (w = c->word[i]); i++) {
        const char *next = c->word[i + 1];
        bool taken = next != NULL;
        if (!strcmp(w, "-b")) {
            flags = UMPTCP_EP_BACKUP;
            continue;
        }
        if (!strcmp(w, "-e"))
            taken = command_number(next, EXTRA_MAX, &count);
        else if (!strcmp(w, "-m") && next)
            mode = !strcmp(next, "subflow") ? UMPTCP_EP_SUBFLOW : UMPTCP_EP_SIGNAL;
        else
            taken = false;
        if (!taken)
            return command_fail(c, "multi-ep.sh: '%s' is not understood", w);
        i++;
    }
    int err = run_client(c);
    for (unsigned n = 1; n <= count && !err; n++)
        err = extra_endpoint(c, n, mode | flags);
    return err;
}

/* check_counter NAME OP VALUE: a counter, under its name in nstat, since the start of the stack. */
static int run_check_counter(struct command *c) {
    static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
    uint64_t have;
    unsigned long want;
    if (c->n != 4 || !command_number(c->word[3], (unsigned long)-1, &want))
        return command_fail(c, "check_counter NAME OP VALUE: not with these arguments");
    if (c->sink->counter(c->sink->ctx, c->word[1], &have))
        return command_fail(c, "check_counter: '%s' is no counter", c->word[1]);
    const bool holds[] = {have == want, have != want, have<want, have <= want, have> want, have >= want};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(c->word[2], ops[i]))
            return holds[i]
                       ? 0
                       : command_fail(c, "%s is %llu, not %s %lu", c->word[1], (unsigned long long)have, ops[i], want);
    return command_fail(c, "check_counter: '%s' is no comparison", c->word[2]);
}

/* check_mptcp_info.sh FIELD VALUE: of the newest MPTCP connection. */
static int run_check_mptcp_info(struct command *c) {
    uint64_t have;
    unsigned long want;
    if (c->n != 3 || !command_number(c->word[2], (unsigned long)-1, &want))
        return command_fail(c, "check_mptcp_info.sh FIELD VALUE: not with these arguments");
    int err = c->sink->mptcp_value(c->sink->ctx, c->word[1], &have);
    if (err)
        return command_fail(c, "check_mptcp_info.sh: %s: %s", c->word[1],
                            err == -ENOENT ? "there is no such value" : "there is no MPTCP connection");
    return have == want ? 0
                        : command_fail(c, "check_mptcp_info.sh: %s is %llu, not %lu", c->word[1],
                                       (unsigned long long)have, want);
}

/* ---- Others ------------------------------------------------------------------------------------------------------ */

static int run_sleep(struct command *c) {
    char *end = NULL;
    double seconds = c->n == 2 ? strtod(c->word[1], &end) : -1;
    if (end && !strcmp(end, "s"))
        end++;
    if (!(seconds >= 0 && seconds < 1e6) || !end || end == c->word[1] || *end)
        return command_fail(c, "sleep: '%s' is no time", c->n > 1 ? c->word[1] : "");
    c->sink->pause(c->sink->ctx, (dur)(seconds * 1e9));
    return 0;
}

/* Since the stack began: it is as if nobody had run nstat before. With -z also what did not happen. */
static int run_nstat(struct command *c) {
    bool zeros = false;
    for (int i = 1; i < c->n; i++)
        zeros = zeros || (c->word[i][0] == '-' && strchr(c->word[i], 'z'));
    return c->sink->print(c->sink->ctx, zeros ? "nstat -z" : "nstat", &c->printed)
               ? command_fail(c, "nstat: there is none")
               : 0;
}

/* The files that it knows; of others nothing. */
static int run_cat(struct command *c) {
    for (int i = 1; i < c->n; i++)
        (void)c->sink->print(c->sink->ctx, c->word[i], &c->printed);
    return 0;
}

/* dd if=FILE of=FILE bs=N count=N: copies, so that a script has a file to open. */
static int run_dd(struct command *c) {
    const char *from = NULL, *to = NULL;
    unsigned long bs = 512, count = 0, moved = 0;
    bool trunc = true;
    for (int i = 1; i < c->n; i++) {
        const char *word = c->word[i];
        if (strncmp(word, "if=", 3) == 0)
            from = word + 3;
        else if (strncmp(word, "of=", 3) == 0)
            to = word + 3;
        else if (strcmp(word, "conv=notrunc") == 0)
            trunc = false;
        else if (strncmp(word, "bs=", 3) == 0      ? !command_number(word + 3, DD_MAX, &bs)
                 : strncmp(word, "count=", 6) == 0 ? !command_number(word + 6, DD_MAX, &count)
                                                   : strncmp(word, "status=", 7) != 0)
            return command_fail(c, "dd: %s is not understood", word);
    }
    if (!from || !to || !count || bs * count > DD_MAX)
        return command_fail(c, "dd: if=, of= and count= are needed, and at most %d bytes in all", DD_MAX);
    FILE *in = fopen(from, "re");
    const int fd = in ? open(to, O_WRONLY | O_CREAT | O_CLOEXEC | (trunc ? O_TRUNC : 0), 0666) : -1;
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (fd >= 0 && !out)
        (void)close(fd);
    for (int octet; out && moved < bs * count && (octet = fgetc(in)) != EOF; moved++)
        (void)fputc(octet, out);
    bool good = out && !ferror(in) && !ferror(out);
    int err = errno;
    if (in)
        (void)fclose(in);
    good = out && fclose(out) == 0 && good;
    return good ? 0 : command_fail(c, "dd: %s: %s", in ? to : from, strerror(err));
}

/* The lines of a text that match; how many. */
static int grep_lines(struct command *c, const regex_t *pattern, const char *lines, bool inverse) {
    int found = 0;
    for (const char *end; *lines; lines = *end ? end + 1 : end) {
        end = lines + strcspn(lines, "\n");
        char *line = strndup(lines, (size_t)(end - lines));
        if (line && (regexec(pattern, line, 0, NULL, 0) == 0) != inverse) {
            text_add(&c->printed, "%s\n", line);
            found++;
        }
        free(line);
    }
    return found;
}

/* grep [-qivE] PATTERN [FILE...] */
static int run_grep(struct command *c) {
    int at = 1, flags = REG_NOSUB, found = 0;
    bool inverse = false;
    for (; at < c->n && is_option(c->word[at]); at++) {
        if (strspn(c->word[at] + 1, "qivE") != strlen(c->word[at] + 1))
            return command_fail(c, "grep: '%s' is not understood", c->word[at]);
        flags |= (strchr(c->word[at], 'i') ? REG_ICASE : 0) | (strchr(c->word[at], 'E') ? REG_EXTENDED : 0);
        inverse = inverse || strchr(c->word[at], 'v');
    }
    regex_t pattern;
    const char *what = at < c->n ? c->word[at] : "";
    if (!*what || regcomp(&pattern, what, flags))
        return command_fail(c, "grep: '%s' is no pattern", what);
    if (++at >= c->n && c->input)
        found = grep_lines(c, &pattern, c->input, inverse);
    for (; at < c->n; at++) {
        struct text file = {0};
        if (c->sink->print(c->sink->ctx, c->word[at], &file) == 0)
            found += grep_lines(c, &pattern, text_of(&file), inverse);
        text_free(&file);
    }
    regfree(&pattern);
    return found ? 0 : command_fail(c, "grep: '%s' was not found", what);
}

static int run_nothing(struct command *c) {
    (void)c;
    return 0;
}

/* A queue that keeps flows apart by their rates paces them; any other lets go what comes. */
static int run_tc(struct command *c) {
    if (c->n < 3 || strcmp(c->word[1], "qdisc") != 0)
        return 0;
    if (strcmp(c->word[2], "add") != 0 && strcmp(c->word[2], "replace") != 0)
        return 0;
    return command_sysctl(c, "net.umptcp.pacing", strcmp(c->word[c->n - 1], "fq") == 0 ? "1" : "0");
}

static int run_false(struct command *c) { return command_fail(c, "false"); }

static const struct tool {
    const char *name; /* a star stands for the rest */
    int (*run)(struct command *c);
} tools[] = {
    {"sysctl", run_sysctl},
    {"echo", run_echo},
    {"ip", command_ip},
    {"pm_nl_ctl", command_pm_nl_ctl},
    {"sleep", run_sleep},
    {"true", run_nothing},
    {":", run_nothing},
    {"false", run_false},
    {"check_counter", run_check_counter},
    {"check_mptcp_info.sh", run_check_mptcp_info},
    {"set_sysctls.py", run_set_sysctls},
    {"defaults.sh", run_defaults},
    {"client.sh", run_client},
    {"server.sh", run_server},
    {"multi-ep.sh", run_multi_ep},
    /* Each run has a host of its own: there is nothing to put back */
    {"sysctl_restore_*", run_nothing},
    {"rm", run_nothing},
    {"dd", run_dd},
    /* There is no queue behind the interface, and no checksum or segmentation to switch off in it */
    {"tc", run_tc},
    {"ethtool", run_nothing},
    /* They only print */
    {"nstat", run_nstat},
    {"ss", run_nothing},
    {"cat", run_cat},
    {"grep", run_grep},
    {"set", run_nothing},
};

int command_tool(struct command *c) {
    const char *slash = strrchr(c->word[0], '/'), *name = slash ? slash + 1 : c->word[0];
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        size_t len = strlen(tools[i].name);
        bool star = tools[i].name[len - 1] == '*';
        if (star ? !strncmp(name, tools[i].name, len - 1) : !strcmp(name, tools[i].name))
            return tools[i].run(c);
    }
    return -ENOENT;
}
