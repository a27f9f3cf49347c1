/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that make, name, connect and end sockets, and the addresses that scripts leave to the settings. */
#define _GNU_SOURCE
#include "script/calls_parts.h"

#include <string.h>

#include "wire/addr.h"

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

const struct sockaddr *address_sa(const struct address *a) {
    return a->none ? NULL : (const struct sockaddr *)(const void *)&a->sa;
}

/* An address as a socket of that domain takes it: v4-mapped when it is of the other family. */
static void address_set(struct address *a, int domain, struct umptcp_sockaddr addr) {
    *a = (struct address){.addr = addr};
    if (domain == AF_INET && addr_is_v4(&addr.addr)) {
        struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(addr.port)};
        memcpy(&sin.sin_addr, addr.addr.b + 12, 4);
        memcpy(&a->sa, &sin, sizeof sin);
        a->len = sizeof sin;
    } else {
        struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr.port)};
        memcpy(&sin6.sin6_addr, addr.addr.b, 16);
        memcpy(&a->sa, &sin6, sizeof sin6);
        a->len = sizeof sin6;
    }
}

static bool address_read(const struct sockaddr_storage *sa, socklen_t len, struct umptcp_sockaddr *addr) {
    if (sa->ss_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in sin;
        memcpy(&sin, sa, sizeof sin);
        *addr = (struct umptcp_sockaddr){addr_v4(ntohl(sin.sin_addr.s_addr)), ntohs(sin.sin_port)};
        return true;
    }
    if (sa->ss_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 sin6;
        memcpy(&sin6, sa, sizeof sin6);
        addr->port = ntohs(sin6.sin6_port);
        memcpy(addr->addr.b, &sin6.sin6_addr, 16);
        return true;
    }
    return false;
}

/* { sa_family=AF_INET, sin_port=htons(N), sin_addr=inet_addr("..") }, or the same of sin6_ */
static int read_literal(struct calling *c, const char *where, const struct expr *e, struct address *a) {
    enum { FAMILY, PORT, ADDR, PORT6, ADDR6, FIELDS };
    struct field f[FIELDS] = {
        [FAMILY] = {.name = "sa_family"},
        [PORT] = {.name = "sin_port", .optional = true},
        [ADDR] = {.name = "sin_addr", .optional = true},
        [PORT6] = {.name = "sin6_port", .optional = true},
        [ADDR6] = {.name = "sin6_addr", .optional = true},
    };
    int64_t family, port = 0;
    int err = read_fields(c, where, e, f, FIELDS);
    if (!err)
        err = read_number(c, field_where(c, where, "sa_family"), f[FAMILY].value, 0, UINT16_MAX, &family);
    if (err)
        return err;
    bool v6 = family == AF_INET6;
    if (family != AF_INET && !v6)
        return call_wrong(c, field_where(c, where, "sa_family"), "AF_INET or AF_INET6", f[FAMILY].value);
    const struct field *addr = &f[v6 ? ADDR6 : ADDR], *at = &f[v6 ? PORT6 : PORT];
    if (!addr->value || !at->value || f[v6 ? ADDR : ADDR6].value || f[v6 ? PORT : PORT6].value)
        return call_fail(c, "%s must have %s= and %s=", where, at->name, addr->name);
    err = read_number(c, field_where(c, where, at->name), at->value, 0, UINT16_MAX, &port);
    if (err)
        return err;
    struct umptcp_sockaddr to = {.port = ntohs((uint16_t)port)};
    int64_t any;
    if (expr_is(addr->value, v6 ? EXPR_ADDR6 : EXPR_ADDR4))
        to.addr = addr->value->addr;
    else if (!v6 && expr_is(addr->value, EXPR_INT) && expr_number(addr->value, &any))
        to.addr = addr_v4(ntohl((uint32_t)any));
    else
        return call_wrong(c, field_where(c, where, addr->name), v6 ? "inet6_addr(\"..\")" : "inet_addr(\"..\")",
                          addr->value);
    address_set(a, (int)family, to);
    return 0;
}

int read_remote(struct calling *c, const char *where, const struct expr *e, const struct call_fd *fd,
                struct address *a) {
    const struct settings *s = c->calls->settings;
    address_set(a, fd->domain, (struct umptcp_sockaddr){s->remote_ip, s->connect_port});
    if (expr_is(e, EXPR_ELLIPSIS))
        return 0;
    if (expr_is(e, EXPR_STRUCT))
        return read_literal(c, where, e, a);
    int64_t family;
    if (!expr_number(e, &family))
        return call_wrong(c, where, "..., a family, or an address", e);
    if (expr_is_null(e) && e->text && strcmp(e->text, "NULL") == 0) {
        *a = (struct address){.none = true};
        return 0;
    }
    int err = read_number(c, where, e, 0, UINT16_MAX, &family);
    if (err)
        return err;
    a->sa.ss_family = (sa_family_t)family;
    a->unspecified = family == AF_UNSPEC;
    return 0;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

/* True when a call that failed like this has begun a connection, or waited for one. */
static bool connection_began(int error) {
    switch (error) {
    case 0:
    case EAGAIN:
    case EINPROGRESS:
    case EINTR:
    case ETIMEDOUT:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

void call_send_begins(struct calling *c, const struct address *to, int flags) {
    if (to->none || to->unspecified)
        return;
    c->outcome->peer = to->addr;
    c->outcome->has_peer = true;
    c->outcome->connects = flags & MSG_FASTOPEN;
}

void call_send_ends(struct calling *c) {
    if (!connection_began(c->outcome->error))
        c->outcome->connects = false;
}

int call_connect(struct calling *c) {
    struct call_fd *fd;
    struct address to;
    int err = arg_fd(c, 0, &fd);
    if (!err)
        err = read_remote(c, arg_where(c, 1), call_arg(c, 1), fd, &to);
    if (!err)
        err = arg_open(c, 2);
    if (err)
        return err;
    call_send_begins(c, &to, MSG_FASTOPEN);
    c->outcome->unconnects = to.unspecified;
    err = call_result(c, c->posix->connect(c->posix->ctx, fd->live, address_sa(&to), to.len));
    call_send_ends(c);
    if (c->outcome->error)
        c->outcome->unconnects = false;
    return err;
}

int call_socket(struct calling *c) {
    struct call_outcome *o = c->outcome;
    const struct expr *domain = call_arg(c, 0);
    int err = 0;
    if (expr_is(domain, EXPR_ELLIPSIS))
        o->domain = c->calls->settings->family == FAMILY_IPV4 ? AF_INET : AF_INET6;
    else
        err = arg_int(c, 0, &o->domain);
    if (!err)
        err = arg_int(c, 1, &o->type);
    if (!err)
        err = arg_int(c, 2, &o->protocol);
    if (!err && c->call->result >= 0)
        err = call_fd_check(c, &c->call->result, 1);
    if (err)
        return err;
    struct call_fd fd = {
        .domain = o->domain,
        .socket = true,
        .mptcp = o->protocol == IPPROTO_MPTCP,
        .ping = (o->type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_DGRAM &&
                (o->protocol == IPPROTO_ICMP || o->protocol == IPPROTO_ICMPV6),
    };
    fd.live = c->posix->socket(c->posix->ctx, o->domain, o->type, o->protocol);
    return call_fd_result(c, fd);
}

int call_bind(struct calling *c) {
    const struct settings *s = c->calls->settings;
    const struct expr *e = call_arg(c, 1);
    struct call_fd *fd;
    struct address at = {.none = true};
    int err = arg_fd(c, 0, &fd);
    if (!err && expr_is(e, EXPR_STRUCT))
        err = read_literal(c, arg_where(c, 1), e, &at);
    else if (!err)
        err = arg_open(c, 1);
    if (!err)
        err = arg_open(c, 2);
    if (err)
        return err;
    if (!expr_is(e, EXPR_STRUCT)) {
        /* further subflows come to other addresses of the host */
        struct umptcp_addr any = fd->domain == AF_INET ? addr_v4(INADDR_ANY) : (struct umptcp_addr){.b = {0}};
        address_set(&at, fd->domain, (struct umptcp_sockaddr){fd->mptcp ? any : s->local_ip, s->bind_port});
    }
    return call_result(c, c->posix->bind(c->posix->ctx, fd->live, address_sa(&at), at.len));
}

int call_listen(struct calling *c) {
    struct call_fd *fd;
    int backlog;
    int err = arg_fd(c, 0, &fd);
    if (!err)
        err = arg_int(c, 1, &backlog);
    return err ? err : call_result(c, c->posix->listen(c->posix->ctx, fd->live, backlog));
}

int call_accept(struct calling *c) {
    struct call_fd *fd;
    int err = arg_fd(c, 0, &fd);
    if (!err)
        err = arg_open(c, 1);
    if (!err)
        err = arg_open(c, 2);
    if (!err && c->call->result >= 0)
        err = call_fd_check(c, &c->call->result, 1);
    if (err)
        return err;
    struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof sa;
    struct call_fd child = {.domain = fd->domain, .socket = true, .mptcp = fd->mptcp};
    child.live = c->posix->accept(c->posix->ctx, fd->live, (struct sockaddr *)(void *)&sa, &len);
    if (child.live >= 0)
        c->outcome->has_peer = address_read(&sa, len, &c->outcome->peer);
    return call_fd_result(c, child);
}

/* ---- Ending ------------------------------------------------------------------------------------------------------ */

int call_close(struct calling *c) {
    struct call_fd *fd;
    int err = arg_fd(c, 0, &fd);
    if (err)
        return err;
    int result = c->posix->close(c->posix->ctx, fd->live);
    err = call_result(c, result);
    if (result == 0)
        fd->open = false;
    return err;
}

int call_shutdown(struct calling *c) {
    struct call_fd *fd;
    int how;
    int err = arg_fd(c, 0, &fd);
    if (!err)
        err = arg_int(c, 1, &how);
    return err ? err : call_result(c, c->posix->shutdown(c->posix->ctx, fd->live, how));
}
