/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shell commands of scripts, understood instead of run: what they say about the stack under test goes to a sink. The
 * forms are those of the public script collections: sysctl, ip (mptcp, addr, link, route), tc, nstat, sleep, and their
 * helper programs by name.
 */
#ifndef UMPTCP_SCRIPT_COMMANDS_H
#define UMPTCP_SCRIPT_COMMANDS_H

#include "base/clock.h"

struct text;

enum pm_verb { PM_ANN = 1, PM_REM, PM_CSF, PM_DSF, PM_SET, PM_DUMP, PM_GET, PM_LISTEN, PM_EVENTS, PM_HEARD };

struct pm_order { /* of pm_nl_ctl; what its verb does not have is zero */
    enum pm_verb verb;
    uint32_t token;
    struct umptcp_endpoint local, remote;
};

/* Each returns 0, or a negative errno; then the command fails, and with it the script unless the shell goes on. */
struct command_sink {
    void *ctx;
    /* The value of a variable of the environment; NULL: it is not set. */
    const char *(*variable)(void *ctx, const char *name);
    /* `name` with dots. -ENOENT: there is no such sysctl; -EINVAL: not with this value. */
    int (*sysctl)(void *ctx, const char *name, const char *value);
    int (*endpoint_add)(void *ctx, const struct umptcp_endpoint *ep);
    int (*endpoint_del)(void *ctx, uint8_t id, const struct umptcp_addr *initial); /* id 0: of this address */
    /* UMPTCP_EP_BACKUP and UMPTCP_EP_FULLMESH shall be as in `ep`; its id 0: by its address. */
    int (*endpoint_change)(void *ctx, const struct umptcp_endpoint *ep);
    int (*endpoint_flush)(void *ctx);
    void (*metrics_flush)(void *ctx); /* what is remembered of other hosts */
    /* At most `max`, by id; how many there are. */
    int (*endpoints)(void *ctx, struct umptcp_endpoint *eps, int max);
    int (*limits)(void *ctx, int subflows, int add_addr_accepted); /* -1: as it is */
    void (*limits_get)(void *ctx, uint8_t *subflows, uint8_t *add_addr_accepted);
    int (*addr)(void *ctx, bool add, const struct umptcp_addr *addr, uint8_t prefix_len);
    int (*link_up)(void *ctx, bool up);
    int (*link_mtu)(void *ctx, uint32_t mtu);
    /* The host's own address and prefix length. */
    int (*local)(void *ctx, struct umptcp_addr *addr, uint8_t *prefix_len);
    void (*pause)(void *ctx, dur time);
    /* What TCP reads from a route: initcwnd, rto_min, congctl. */
    int (*route)(void *ctx, const char *what, const char *value);
    /* A counter by its name in nstat; -ENOENT: there is none. */
    int (*counter)(void *ctx, const char *name, uint64_t *value);
    /* A value of the newest MPTCP connection by its name in ss; -ENOENT, -ENOTCONN. */
    int (*mptcp_value)(void *ctx, const char *name, uint64_t *value);
    /* Does it, or prints what is asked for. `*why`: Linux's words for what went wrong, when it has some. */
    int (*manage)(void *ctx, const struct pm_order *order, struct text *to, const char **why);
    /* What "nstat" or "nstat -z" prints, or stands in "/proc/net/tcp" or "/proc/net/tcp6"; -ENOENT: something else. */
    int (*print)(void *ctx, const char *what, struct text *to);
};

/*
 * Does what a text for the shell means. Returns 0 when its last command succeeded, or -EINVAL with a sentence that
 * names what failed or what is not known.
 */
int command_interpret(const char *text, const struct command_sink *sink, char *error, size_t size);

#endif
