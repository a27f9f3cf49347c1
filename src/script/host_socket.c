/* SPDX-License-Identifier: BSD-3-Clause */
/* A socket's life: made, bound, listening, connected, shut down, closed; results and errnos are those of Linux. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "script/host_internal.h"

enum { SOCKADDR6_MIN = 24 /* without the scope, as RFC 2133 had it */, LISTEN_MAX = 4096 };

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

bool sockaddr_read(const struct sockaddr *addr, socklen_t len, struct umptcp_sockaddr *out) {
    *out = (struct umptcp_sockaddr){0};
    if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof in);
        out->addr.b[10] = out->addr.b[11] = 0xff;
        memcpy(out->addr.b + 12, &in.sin_addr, sizeof in.sin_addr);
        out->port = ntohs(in.sin_port);
        return true;
    }
    if (addr->sa_family == AF_INET6 && len >= SOCKADDR6_MIN) {
        struct sockaddr_in6 in;
        memcpy(&in, addr, len < sizeof in ? len : sizeof in);
        memcpy(out->addr.b, &in.sin6_addr, sizeof out->addr.b);
        out->port = ntohs(in.sin6_port);
        return true;
    }
    return false;
}

void sockaddr_write(int domain, const struct umptcp_sockaddr *in, struct sockaddr *addr, socklen_t *len) {
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } u;
    socklen_t size = domain == AF_INET ? sizeof u.v4 : sizeof u.v6;
    memset(&u, 0, sizeof u);
    if (!addr || !len)
        return;
    if (domain == AF_INET) {
        u.v4.sin_family = AF_INET;
        u.v4.sin_port = htons(in->port);
        memcpy(&u.v4.sin_addr, in->addr.b + 12, sizeof u.v4.sin_addr);
    } else {
        u.v6.sin6_family = AF_INET6;
        u.v6.sin6_port = htons(in->port);
        memcpy(&u.v6.sin6_addr, in->addr.b, sizeof u.v6.sin6_addr);
    }
    memcpy(addr, &u, *len < size ? *len : size);
    *len = size;
}

static bool is_any(const struct umptcp_addr *a) {
    static const struct umptcp_addr any, any4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    return memcmp(a, &any, sizeof any) == 0 || memcmp(a, &any4, sizeof any4) == 0;
}

int sock_address(const struct sock *s, const struct sockaddr *addr, socklen_t len, struct umptcp_sockaddr *out) {
    socklen_t least = s->domain == AF_INET ? sizeof(struct sockaddr_in) : SOCKADDR6_MIN;
    if (!addr)
        return EFAULT;
    if (len < least)
        return EINVAL;
    if (addr->sa_family != s->domain)
        return EAFNOSUPPORT;
    return sockaddr_read(addr, len, out) ? 0 : EINVAL;
}

/* ---- What the stack knows ---------------------------------------------------------------------------------------- */

bool sock_info(struct host *h, const struct sock *s, struct umptcp_info *info) {
    return s->sock.v && !s->listening && umptcp_info(h->stack, s->sock, info) == 0;
}

enum umptcp_tcp_state sock_state(struct host *h, const struct sock *s) {
    struct umptcp_info info;
    if (s->listening)
        return UMPTCP_LISTEN;
    if (s->defer)
        return UMPTCP_SYN_SENT;
    return sock_info(h, s, &info) ? info.state : UMPTCP_CLOSED;
}

int sock_take_error(struct sock *s) {
    int error = s->error;
    s->error = 0;
    return error;
}

void sock_wake(struct host *h, const struct sock *s, uint32_t key) {
    for (int i = 0; i < h->nfiles; i++)
        if (h->files[i].kind == FILE_SOCKET && h->files[i].sock == s)
            file_wake(h, &h->files[i], key);
}

void sock_event(struct host *h, const struct umptcp_event *ev) {
    struct sock *s = h->socks;
    while (s && s->sock.v != ev->sock.v)
        s = s->next;
    if (!s)
        return;
    switch (ev->type) {
    case UMPTCP_EV_READABLE:
    case UMPTCP_EV_ACCEPT:
        sock_wake(h, s, EPOLLIN | EPOLLRDNORM);
        break;
    case UMPTCP_EV_URGENT:
        sock_wake(h, s, EPOLLPRI);
        break;
    case UMPTCP_EV_WRITABLE:
        sock_wake(h, s, EPOLLOUT | EPOLLWRNORM);
        break;
    case UMPTCP_EV_CONNECTED:
        s->up = h->now;
        sock_wake(h, s, 0);
        break;
    case UMPTCP_EV_NOTICE:
        sock_notices(h, s);
        break;
    case UMPTCP_EV_CLOSED:
        s->closed = true;
        sock_sent_end(h, s);
        if (ev->error)
            s->error = ev->error;
        sock_wake(h, s, 0);
        break;
    default:
        break;
    }
}

/* ---- Making ------------------------------------------------------------------------------------------------------ */

static struct sock *sock_new(struct host *h, int domain, bool mptcp) {
    struct sock *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->domain = domain;
    s->mptcp = mptcp;
    s->protocol = mptcp ? IPPROTO_MPTCP : IPPROTO_TCP;
    options_init(h, s);
    s->next = h->socks;
    h->socks = s;
    return s;
}

static void sock_free(struct host *h, struct sock *s) {
    struct sock **at = &h->socks;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    sock_errors_free(s);
    free(s);
}

/* A socket with a descriptor, or -1. */
static int sock_open(struct host *h, int domain, bool mptcp, int flags, struct sock **out) {
    struct file *f;
    struct sock *s = sock_new(h, domain, mptcp);
    if (!s)
        return fail(ENOMEM);
    int fd = file_new(h, FILE_SOCKET, O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0), &f);
    if (fd < 0) {
        sock_free(h, s);
        return -1;
    }
    f->fd_flags = flags & SOCK_CLOEXEC ? FD_CLOEXEC : 0;
    f->sock = s;
    *out = s;
    return fd;
}

int host_socket(void *ctx, int domain, int type, int protocol) {
    struct host *h = ctx;
    struct sock *s;
    int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    type &= ~flags;
    if (domain != AF_INET && domain != AF_INET6)
        return fail(EAFNOSUPPORT);
    if (type < SOCK_STREAM || type > SOCK_PACKET)
        return fail(EINVAL);
    if (type != SOCK_STREAM)
        return fail(ESOCKTNOSUPPORT);
    if (protocol != 0 && protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP)
        return fail(EPROTONOSUPPORT);
    if (protocol == IPPROTO_MPTCP && !h->config.mptcp_enabled)
        return fail(ENOPROTOOPT);
    return sock_open(h, domain, protocol == IPPROTO_MPTCP, flags, &s);
}

/* The stack's part is over; the socket could connect again. */
static void let_go(struct host *h, struct sock *s, bool at_once) {
    umptcp_sock sock = s->sock;
    s->sock = (umptcp_sock){0};
    s->listening = s->closed = s->nospace = s->defer = false;
    s->phase = SOCK_UNCONNECTED;
    if (!s->port_given) {
        s->bound = false;
        s->local = (struct umptcp_sockaddr){0};
    }
    sock_sent_end(h, s);
    if (sock.v)
        (void)(at_once ? umptcp_abort : umptcp_close)(h->stack, sock, h->now);
    host_settle(h);
}

bool sock_lingers(struct host *h, struct sock *s) {
    struct umptcp_urgent urgent;
    if (!s->linger.l_onoff || !s->linger.l_linger || s->listening || s->mptcp || !s->sock.v)
        return false;
    if (umptcp_urgent(h->stack, s->sock, &urgent) || urgent.unread) /* it will be reset */
        return false;
    (void)umptcp_shutdown(h->stack, s->sock, h->now);
    host_settle(h);
    const enum umptcp_tcp_state state = sock_state(h, s);
    const bool waits = state == UMPTCP_FIN_WAIT_1 || state == UMPTCP_CLOSING || state == UMPTCP_LAST_ACK;
    return waits && host_wait(h, SEC(s->linger.l_linger));
}

void sock_release(struct host *h, struct sock *s) {
    bool reset = s->linger.l_onoff && s->linger.l_linger == 0 && !s->listening;
    let_go(h, s, reset);
    sock_free(h, s);
}

/* ---- Binding ----------------------------------------------------------------------------------------------------- */

static bool overlap(const struct umptcp_addr *a, const struct umptcp_addr *b) {
    return is_any(a) || is_any(b) || memcmp(a, b, sizeof *a) == 0;
}

/* Another socket of this host stands in the way of `local`. */
static bool in_use(const struct host *h, const struct sock *s, const struct umptcp_sockaddr *local) {
    bool reuse = sock_option(s, SOL_SOCKET, SO_REUSEADDR), share = sock_option(s, SOL_SOCKET, SO_REUSEPORT);
    for (const struct sock *o = h->socks; o; o = o->next) {
        if (o == s || !o->bound || o->local.port != local->port || !overlap(&o->local.addr, &local->addr))
            continue;
        bool both = reuse && sock_option(o, SOL_SOCKET, SO_REUSEADDR) && !o->listening;
        if (!both && !(share && sock_option(o, SOL_SOCKET, SO_REUSEPORT)))
            return true;
    }
    return false;
}

static bool choose_port(const struct host *h, const struct sock *s, struct umptcp_sockaddr *local) {
    for (uint32_t port = h->config.port_min; port <= h->config.port_max; port++) {
        local->port = (uint16_t)port;
        if (!in_use(h, s, local))
            return true;
    }
    return false;
}

/* The stack has the address: asked by way of a listener that nobody will see. */
static bool is_ours(struct host *h, const struct umptcp_addr *addr) {
    const struct umptcp_listen probe = {.local = {*addr, 1}, .backlog = 1};
    umptcp_sock sock;
    int err = umptcp_listen(h->stack, &probe, &sock);
    if (!err)
        umptcp_close(h->stack, sock, h->now);
    return err != -EADDRNOTAVAIL;
}

static int bind_to(struct host *h, struct sock *s, struct umptcp_sockaddr local) {
    if (local.port ? in_use(h, s, &local) : !choose_port(h, s, &local))
        return EADDRINUSE;
    s->local = local;
    s->bound = true;
    return 0;
}

int host_bind(void *ctx, int fd, const struct sockaddr *addr, socklen_t len) {
    struct host *h = ctx;
    struct file *f;
    struct umptcp_sockaddr local;
    struct sock *s = sock_of(h, fd, &f);
    int err = s ? sock_address(s, addr, len, &local) : 0;
    if (!s)
        return -1;
    if (err)
        return fail(err);
    bool free_bind = sock_option(s, IPPROTO_IP, IP_FREEBIND);
    if (!is_any(&local.addr) && !free_bind && !is_ours(h, &local.addr))
        return fail(EADDRNOTAVAIL);
    if (s->bound || s->sock.v)
        return fail(EINVAL);
    err = bind_to(h, s, local);
    if (err)
        return fail(err);
    s->port_given = local.port != 0;
    return 0;
}

/* ---- Listening --------------------------------------------------------------------------------------------------- */

int host_listen(void *ctx, int fd, int backlog) {
    struct host *h = ctx;
    struct file *f;
    struct sock *s = sock_of(h, fd, &f);
    if (!s)
        return -1;
    if (s->listening)
        return 0; /* the queue's length stays */
    if (s->phase != SOCK_UNCONNECTED || s->sock.v)
        return fail(EINVAL);
    struct umptcp_sockaddr any = {0};
    if (s->domain == AF_INET)
        any.addr.b[10] = any.addr.b[11] = 0xff;
    int err = s->bound ? 0 : bind_to(h, s, any);
    if (err)
        return fail(err);
    /* Linux takes one connection more than it is told. */
    const struct umptcp_listen what = {
        .local = s->local,
        .backlog = backlog < 0 || backlog >= LISTEN_MAX ? LISTEN_MAX : (uint32_t)backlog + 1,
        .tcp_only = !s->mptcp,
        .reuseport = sock_option(s, SOL_SOCKET, SO_REUSEPORT),
    };
    err = umptcp_listen(h->stack, &what, &s->sock);
    if (err)
        return fail(-err);
    s->listening = true;
    options_apply(h, s);
    sock_fastopen_listen(h, s);
    host_settle(h);
    return 0;
}

/* What an accepted socket has from its listener, and what is its own. */
static void inherit(struct host *h, struct sock *s, const struct sock *listener) {
    struct sock *next = s->next;
    struct umptcp_sockaddr remote;
    struct umptcp_info info;
    umptcp_sock sock = s->sock;
    *s = *listener;
    s->next = next;
    s->sock = sock;
    s->listening = s->closed = s->more = s->nospace = false;
    s->sent = NULL;
    s->errors = NULL;
    s->error = 0;
    s->shut = 0;
    s->phase = SOCK_CONNECTED;
    s->up = h->now;
    umptcp_getname(h->stack, sock, &s->local, &remote);
    s->mptcp = sock_info(h, s, &info) && (info.is_mptcp || info.fallback);
    s->protocol = s->mptcp ? IPPROTO_MPTCP : IPPROTO_TCP;
    umptcp_set_congestion(h->stack, sock, s->congestion, h->now);
    if (!s->mptcp) /* a listener of MPTCP did not have it */
        umptcp_setopt(h->stack, sock, UMPTCP_OPT_OOBINLINE, sock_option(s, SOL_SOCKET, SO_OOBINLINE), h->now);
}

int host_accept(void *ctx, int fd, struct sockaddr *addr, socklen_t *len) {
    struct host *h = ctx;
    struct file *f;
    struct umptcp_sockaddr local, remote;
    umptcp_sock got;
    struct sock *child, *s = sock_of(h, fd, &f);
    if (!s)
        return -1;
    if (!s->listening)
        return fail(EINVAL);
    int err = umptcp_accept(h->stack, s->sock, &got);
    if (err == -EAGAIN && !(f->flags & O_NONBLOCK))
        host_wait(h, s->rcvtimeo);
    if (err)
        return fail(-err);
    int new = sock_open(h, s->domain, s->mptcp, 0, &child);
    if (new < 0) {
        err = errno;
        umptcp_abort(h->stack, got, h->now);
        host_settle(h);
        return fail(err);
    }
    child->sock = got;
    inherit(h, child, s);
    host_settle(h);
    if (umptcp_getname(h->stack, got, &local, &remote) == 0)
        sockaddr_write(s->domain, &remote, addr, len);
    return new;
}

/* ---- Connecting -------------------------------------------------------------------------------------------------- */

struct umptcp_connect sock_way(const struct sock *s, const struct umptcp_sockaddr *remote) {
    struct umptcp_connect what = {.remote = *remote, .local = s->local, .tcp_only = !s->mptcp};
    if (s->domain == AF_INET6 && s->bound && is_any(&s->local.addr))
        what.local.addr = (struct umptcp_addr){{0}};
    what.fastopen_no_cookie = sock_option(s, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE);
    return what;
}

int sock_connect(struct host *h, struct sock *s, const struct umptcp_sockaddr *remote, const struct sending *with,
                 size_t *done) {
    struct umptcp_connect what = sock_way(s, remote);
    struct umptcp_sockaddr ignored;
    what.fastopen = with || sock_option(s, IPPROTO_TCP, TCP_FASTOPEN_CONNECT);
    const uint32_t room = with ? sock_fastopen_room(h, s, &what) : 0;
    int err = umptcp_connect(h->stack, &what, &s->sock, h->now);
    if (err)
        return -err;
    s->error = 0;
    s->phase = SOCK_CONNECTING;
    s->bound = true;
    s->defer = false;
    umptcp_getname(h->stack, s->sock, &s->local, &ignored);
    options_apply(h, s);
    if (with)
        *done = sock_fill(h, s, with, with->wait ? SIZE_MAX : room); /* who waits can give more than the SYN takes */
    if (with && *done && (!with->wait || *done == iov_total(with->iov, with->n)))
        sock_note_sent(h, s, with->flags);
    host_settle(h);
    return 0;
}

/* connect() to AF_UNSPEC: everything ends at once. */
static void disconnect(struct host *h, struct sock *s) {
    enum umptcp_tcp_state state = sock_state(h, s);
    bool hard = state != UMPTCP_LISTEN && state != UMPTCP_CLOSED;
    let_go(h, s, !s->listening);
    s->shut = 0;
    s->error = hard ? ECONNRESET : 0;
    sock_wake(h, s, 0);
}

int sock_connected(struct host *h, struct sock *s, bool wait, int waiting) {
    enum umptcp_tcp_state state = sock_state(h, s);
    if (state == UMPTCP_SYN_SENT || state == UMPTCP_SYN_RCVD) {
        if (!wait)
            return fail(waiting);
        if (!host_wait(h, s->sndtimeo))
            return fail(waiting);
        h->job->connecting = true;
        return fail(EAGAIN);
    }
    if (state == UMPTCP_CLOSED) {
        int err = sock_take_error(s);
        let_go(h, s, false);
        s->shut = 0;
        return fail(err ? err : ECONNABORTED);
    }
    s->phase = SOCK_CONNECTED;
    return 0;
}

int host_connect(void *ctx, int fd, const struct sockaddr *addr, socklen_t len) {
    struct host *h = ctx;
    struct file *f;
    struct umptcp_sockaddr remote;
    struct sock *s = sock_of(h, fd, &f);
    if (!s)
        return -1;
    if (!addr)
        return fail(EFAULT);
    if (len < sizeof addr->sa_family)
        return fail(EINVAL);
    if (addr->sa_family == AF_UNSPEC) {
        disconnect(h, s);
        return 0;
    }
    int waiting = EINPROGRESS;
    switch ((enum sock_phase)s->phase) {
    case SOCK_CONNECTED:
        return fail(EISCONN);
    case SOCK_CONNECTING:
        if (s->defer)
            return fail(EISCONN);
        if (!h->job || !h->job->connecting)
            waiting = EALREADY;
        break;
    case SOCK_UNCONNECTED:
        if (s->listening)
            return fail(EISCONN);
        int err = sock_address(s, addr, len, &remote);
        if (!err && sock_fastopen_defers(h, s, &remote))
            return 0;
        if (!err)
            err = sock_connect(h, s, &remote, NULL, NULL);
        if (err)
            return fail(err);
        break;
    }
    return sock_connected(h, s, !(f->flags & O_NONBLOCK), waiting);
}

/* ---- Ending ------------------------------------------------------------------------------------------------------ */

int host_shutdown(void *ctx, int fd, int how) {
    struct host *h = ctx;
    struct file *f;
    struct sock *s = sock_of(h, fd, &f);
    if (!s)
        return -1;
    if (how < SHUT_RD || how > SHUT_RDWR)
        return fail(EINVAL);
    uint8_t what = how == SHUT_RD ? SHUT_RECEIVE : how == SHUT_WR ? SHUT_SEND : SHUT_BOTH;
    switch (sock_state(h, s)) {
    case UMPTCP_CLOSED:
        s->shut |= what;
        return fail(ENOTCONN);
    case UMPTCP_LISTEN:
        if (what & SHUT_RECEIVE)
            let_go(h, s, false);
        break;
    case UMPTCP_SYN_SENT:
        disconnect(h, s);
        break;
    default:
        s->shut |= what;
        if (s->phase == SOCK_CONNECTING)
            s->phase = SOCK_CONNECTED;
        if (what & SHUT_RECEIVE)
            umptcp_shutdown_recv(h->stack, s->sock, h->now);
        if (what & SHUT_SEND)
            umptcp_shutdown(h->stack, s->sock, h->now);
        break;
    }
    host_settle(h);
    sock_wake(h, s, 0);
    return 0;
}
