/* SPDX-License-Identifier: BSD-3-Clause */
/* The sink of commands that is a host: configuration, endpoints, addresses. */
#include "script/engine_commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/commands.h"
#include "script/engine_sysctls.h"
#include "script/print.h"

enum { VALUE_SIZE = 256, CWND_MAX = 255 };

struct run {
    struct host *h;
    const struct settings *settings;
    void (*pause)(void *ctx, dur time);
    void *ctx;
    const char *wanted; /* a variable, */
    char value[VALUE_SIZE];
    bool found;
};

/* ---- Environment ------------------------------------------------------------------------------------------------- */

static void look_at(void *ctx, const char *name, const char *value) {
    struct run *r = ctx;
    if (strcmp(name, r->wanted) != 0)
        return;
    snprintf(r->value, sizeof r->value, "%s", value);
    r->found = true;
}

static const char *run_variable(void *ctx, const char *name) {
    struct run *r = ctx;
    if (strcmp(name, "PPID") == 0 || strcmp(name, "PACKETDRILL_PID") == 0)
        return "1"; /* whatever is named after it exists for this run only */
    r->wanted = name;
    r->found = false;
    settings_environment(r->settings, look_at, r);
    return r->found ? r->value : getenv(name);
}

/* ---- Configuration ----------------------------------------------------------------------------------------------- */

/* Of the host, not of the stack. */
static int run_notsent_lowat(struct run *r, const char *value) {
    char *end;
    unsigned long n = strtoul(value, &end, 0);
    if (*value < '0' || *value > '9' || *end || n > UINT32_MAX)
        return -EINVAL;
    host_set_notsent_lowat(r->h, (uint32_t)n);
    return 0;
}

static int run_sysctl(void *ctx, const char *name, const char *value) {
    struct run *r = ctx;
    if (strcmp(name, "net.ipv4.tcp_notsent_lowat") == 0)
        return run_notsent_lowat(r, value);
    struct umptcp_config *config = host_config(r->h), before = *config;
    int err = engine_sysctl(config, name, value);
    if (!err)
        err = host_configure(r->h);
    if (err)
        *config = before;
    return err;
}

static int run_route(void *ctx, const char *what, const char *value) {
    struct run *r = ctx;
    struct umptcp_config *config = host_config(r->h);
    char *end;
    double n = strtod(value, &end);
    if (strcmp(what, "congctl") == 0)
        return run_sysctl(ctx, "net.ipv4.tcp_congestion_control", value);
    if (end == value || !(n >= 0 && n < 1e9))
        return -EINVAL;
    if (strcmp(what, "initcwnd") == 0) {
        if (*end || n < 1 || n > CWND_MAX)
            return -EINVAL;
        config->initial_cwnd = (uint8_t)n;
    } else { /* rto_min, in seconds or milliseconds */
        bool seconds = strcmp(end, "s") == 0;
        if (!seconds && *end && strcmp(end, "ms") != 0)
            return -EINVAL;
        config->rto_min = (uint64_t)(n * (seconds ? 1e9 : 1e6));
    }
    return host_configure(r->h);
}

/* ---- Endpoints --------------------------------------------------------------------------------------------------- */

static int run_endpoint_add(void *ctx, const struct umptcp_endpoint *ep) {
    struct run *r = ctx;
    struct umptcp_endpoint what = *ep;
    what.netif = ep->netif ? host_netif(r->h) : 0;
    int id = umptcp_endpoint_add(host_stack(r->h), &what, host_now(r->h));
    host_settle(r->h);
    return id < 0 ? id : 0;
}

static int run_endpoint_del(void *ctx, uint8_t id, const struct umptcp_addr *initial) {
    struct run *r = ctx;
    int err = 0;
    if (id)
        err = umptcp_endpoint_del(host_stack(r->h), id, host_now(r->h));
    else
        umptcp_endpoint_del_initial(host_stack(r->h), initial, host_now(r->h));
    host_settle(r->h);
    return err;
}

static int run_endpoint_change(void *ctx, const struct umptcp_endpoint *ep) {
    struct run *r = ctx;
    struct umptcp *s = host_stack(r->h);
    int id = ep->id ? ep->id : umptcp_endpoint_find(s, &ep->addr);
    int err = id < 0 ? id : umptcp_endpoint_set_flags(s, (uint8_t)id, ep->flags, host_now(r->h));
    host_settle(r->h);
    return err;
}

static void run_metrics_flush(void *ctx) {
    struct run *r = ctx;
    umptcp_fastopen_forget(host_stack(r->h));
}

static int run_endpoint_flush(void *ctx) {
    struct run *r = ctx;
    umptcp_endpoint_flush(host_stack(r->h), host_now(r->h));
    host_settle(r->h);
    return 0;
}

static int run_endpoints(void *ctx, struct umptcp_endpoint *eps, int max) {
    const struct run *r = ctx;
    return umptcp_endpoints(host_stack(r->h), eps, max);
}

static int run_limits(void *ctx, int subflows, int add_addr_accepted) {
    struct run *r = ctx;
    uint8_t s, a;
    umptcp_limits_get(host_stack(r->h), &s, &a);
    return umptcp_limits_set(host_stack(r->h), subflows < 0 ? s : (uint8_t)subflows,
                             add_addr_accepted < 0 ? a : (uint8_t)add_addr_accepted);
}

static void run_limits_get(void *ctx, uint8_t *subflows, uint8_t *add_addr_accepted) {
    const struct run *r = ctx;
    umptcp_limits_get(host_stack(r->h), subflows, add_addr_accepted);
}

/* ---- Network ----------------------------------------------------------------------------------------------------- */

static int run_addr(void *ctx, bool add, const struct umptcp_addr *addr, uint8_t prefix_len) {
    struct run *r = ctx;
    struct umptcp *s = host_stack(r->h);
    int netif = host_netif(r->h);
    int err = add ? umptcp_addr_add(s, netif, addr, prefix_len, host_now(r->h))
                  : umptcp_addr_del(s, netif, addr, host_now(r->h));
    host_settle(r->h);
    return err;
}

static int run_link_up(void *ctx, bool up) {
    struct run *r = ctx;
    int err = umptcp_netif_set_up(host_stack(r->h), host_netif(r->h), up, host_now(r->h));
    host_settle(r->h);
    return err;
}

static int run_link_mtu(void *ctx, uint32_t mtu) {
    struct run *r = ctx;
    return host_set_mtu(r->h, mtu);
}

static int run_local(void *ctx, struct umptcp_addr *addr, uint8_t *prefix_len) {
    const struct run *r = ctx;
    *addr = r->settings->local_ip;
    *prefix_len = r->settings->local_prefix;
    return 0;
}

static void run_pause(void *ctx, dur time) {
    const struct run *r = ctx;
    r->pause(r->ctx, time);
}

static int run_counter(void *ctx, const char *name, uint64_t *value) {
    const struct run *r = ctx;
    const char *entry;
    for (unsigned i = 0; (entry = umptcp_counter(host_stack(r->h), i, value)); i++)
        if (strcmp(entry, name) == 0)
            return 0;
    return -ENOENT;
}

static int run_mptcp_value(void *ctx, const char *name, uint64_t *value) {
    const struct run *r = ctx;
    return host_mptcp_value(r->h, name, value);
}

static int run_manage(void *ctx, const struct pm_order *order, struct text *to, const char **why) {
    struct run *r = ctx;
    return host_manage(r->h, order, to, why);
}

static int run_print(void *ctx, const char *what, struct text *to) {
    const struct run *r = ctx;
    uint64_t value;
    const char *entry;
    if (strcmp(what, "/proc/net/tcp") == 0 || strcmp(what, "/proc/net/tcp6") == 0)
        host_print_sockets(r->h, what[strlen(what) - 1] == '6', to);
    else if (strncmp(what, "nstat", 5) != 0)
        return -ENOENT;
    else
        for (unsigned i = 0; (entry = umptcp_counter(host_stack(r->h), i, &value)); i++)
            if (value || strcmp(what, "nstat -z") == 0)
                text_add(to, "%-32s%-19llu0.0\n", entry, (unsigned long long)value);
    return 0;
}

int engine_command_run(struct host *h, const struct settings *settings, const char *text,
                       void (*pause)(void *ctx, dur time), void *ctx, char *error, size_t size) {
    struct run run = {.h = h, .settings = settings, .pause = pause, .ctx = ctx};
    const struct command_sink sink = {
        .ctx = &run,
        .variable = run_variable,
        .sysctl = run_sysctl,
        .endpoint_add = run_endpoint_add,
        .endpoint_del = run_endpoint_del,
        .endpoint_change = run_endpoint_change,
        .endpoint_flush = run_endpoint_flush,
        .metrics_flush = run_metrics_flush,
        .endpoints = run_endpoints,
        .limits = run_limits,
        .limits_get = run_limits_get,
        .addr = run_addr,
        .link_up = run_link_up,
        .link_mtu = run_link_mtu,
        .local = run_local,
        .pause = run_pause,
        .route = run_route,
        .counter = run_counter,
        .mptcp_value = run_mptcp_value,
        .manage = run_manage,
        .print = run_print,
    };
    return command_interpret(text, &sink, error, size);
}
