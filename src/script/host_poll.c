/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Readiness: the masks of Linux's sockets and pipes, poll() and epoll.
 *
 * Levels are computed when somebody asks. For edges (EPOLLET) each watch remembers whether something happened since it
 * was reported last: a wake-up, not a change of the level.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "script/host_internal.h"

#define READABLE (EPOLLIN | EPOLLRDNORM)
#define WRITABLE (EPOLLOUT | EPOLLWRNORM)

/* ---- Masks ------------------------------------------------------------------------------------------------------- */

/* The peer's direction is over. */
static bool peer_ended(enum umptcp_tcp_state state) {
    return state == UMPTCP_CLOSE_WAIT || state == UMPTCP_LAST_ACK || state == UMPTCP_CLOSING ||
           state == UMPTCP_TIME_WAIT;
}

/* A third of the buffer is free, and less than half of the low-water mark waits to be sent. */
bool sock_writable(const struct sock *s, const struct umptcp_info *info) {
    uint64_t used = info->write_seq - info->snd_una, size = sock_sndbuf(s) ? sock_sndbuf(s) : info->sndbuf;
    uint64_t room = size > used ? size - used : 0;
    return room >= used / 2 && room > 0 && 2 * (uint64_t)info->unsent < s->notsent_lowat;
}

static uint32_t listener_mask(struct host *h, const struct sock *s) {
    return umptcp_pending(h->stack, s->sock) > 0 ? READABLE : 0;
}

static uint32_t sock_mask(struct host *h, const struct sock *s) {
    struct umptcp_info info = {0};
    struct umptcp_urgent urgent = {0};
    if (s->listening)
        return listener_mask(h, s);
    if (s->defer) /* a send is what it waits for */
        return WRITABLE;
    enum umptcp_tcp_state state = sock_info(h, s, &info) ? info.state : UMPTCP_CLOSED;
    uint8_t shut = s->shut | (peer_ended(state) ? SHUT_RECEIVE : 0) | (s->closed ? SHUT_BOTH : 0);
    uint32_t mask = 0;
    if (shut == SHUT_BOTH || state == UMPTCP_CLOSED)
        mask |= EPOLLHUP;
    if (shut & SHUT_RECEIVE)
        mask |= READABLE | EPOLLRDHUP;
    const bool early = state == UMPTCP_SYN_RCVD && s->phase == SOCK_CONNECTED; /* accepted by Fast Open */
    if (early || (state != UMPTCP_SYN_SENT && state != UMPTCP_SYN_RCVD)) {
        (void)umptcp_urgent(h->stack, s->sock, &urgent);
        const bool apart = urgent.at_mark && urgent.unread && !sock_option(s, SOL_SOCKET, SO_OOBINLINE);
        if (urgent.unread >= (size_t)s->rcvlowat + apart)
            mask |= READABLE;
        if (shut & SHUT_SEND || state == UMPTCP_CLOSED || sock_writable(s, &info))
            mask |= WRITABLE;
    }
    if (urgent.octet)
        mask |= EPOLLPRI;
    if (s->error || s->errors)
        mask |= EPOLLERR;
    return mask;
}

static uint32_t pipe_mask(const struct file *f) {
    const struct pipe *p = f->pipe;
    if (f->kind == FILE_PIPE_READ)
        return (p->len ? READABLE : 0) | (p->writer ? 0 : EPOLLHUP);
    return (p->len < PIPE_SIZE ? WRITABLE : 0) | (p->reader ? 0 : EPOLLERR);
}

static bool watch_ready(struct host *h, const struct watch *w, uint32_t *mask);

static uint32_t epoll_mask(struct host *h, const struct epoll *e) {
    uint32_t mask;
    for (const struct watch *w = e->watches; w; w = w->next)
        if (watch_ready(h, w, &mask))
            return READABLE;
    return 0;
}

uint32_t file_mask(struct host *h, const struct file *f) {
    switch (f->kind) {
    case FILE_SOCKET:
        return sock_mask(h, f->sock);
    case FILE_PIPE_READ:
    case FILE_PIPE_WRITE:
        return pipe_mask(f);
    case FILE_EPOLL:
        return epoll_mask(h, f->epoll);
    case FILE_DISK:
        return READABLE | WRITABLE;
    case FILE_NONE:
        break;
    }
    return POLLNVAL;
}

/* ---- poll -------------------------------------------------------------------------------------------------------- */

static dur timeout_of(int ms) { return ms < 0 ? UINT64_MAX : MSEC(ms); }

int host_poll(void *ctx, struct pollfd *fds, nfds_t n, int timeout_ms) {
    struct host *h = ctx;
    int ready = 0;
    if (n > HOST_FDS_MAX)
        return fail(EINVAL);
    if (n && !fds)
        return fail(EFAULT);
    for (nfds_t i = 0; i < n; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        const struct file *f = fds[i].fd < h->nfiles ? &h->files[fds[i].fd] : NULL;
        if (!f || !f->kind)
            fds[i].revents = POLLNVAL;
        else
            fds[i].revents = (short)(file_mask(h, f) & ((uint16_t)fds[i].events | POLLERR | POLLHUP));
        ready += fds[i].revents != 0;
    }
    if (!ready && timeout_ms && host_wait(h, timeout_of(timeout_ms)))
        return fail(EAGAIN);
    return ready;
}

/* ---- epoll ------------------------------------------------------------------------------------------------------- */

int host_epoll_create(void *ctx, int size) {
    struct host *h = ctx;
    struct file *f;
    if (size <= 0)
        return fail(EINVAL);
    struct epoll *e = calloc(1, sizeof *e);
    if (!e)
        return fail(ENOMEM);
    int fd = file_new(h, FILE_EPOLL, O_RDWR, &f);
    if (fd < 0) {
        free(e);
        return -1;
    }
    f->epoll = e;
    e->next = h->epolls;
    h->epolls = e;
    return fd;
}

void epoll_free(struct host *h, struct epoll *e) {
    struct epoll **at = &h->epolls;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    while (e->watches) {
        struct watch *w = e->watches;
        e->watches = w->next;
        free(w);
    }
    free(e);
}

/* The link to the watch of a descriptor, or to the end of the list. */
static struct watch **watch_find(struct epoll *e, int fd) {
    struct watch **at = &e->watches;
    while (*at && (*at)->fd != fd)
        at = &(*at)->next;
    return at;
}

static void watch_remove(struct watch **at) {
    struct watch *w = *at;
    *at = w->next;
    free(w);
}

void epolls_forget(struct host *h, int fd) {
    for (struct epoll *e = h->epolls; e; e = e->next) {
        struct watch **at = watch_find(e, fd);
        if (*at)
            watch_remove(at);
    }
}

void file_wake(struct host *h, const struct file *f, uint32_t key) {
    for (struct epoll *e = h->epolls; e; e = e->next)
        for (struct watch *w = e->watches; w; w = w->next)
            if (&h->files[w->fd] == f && (!key || key & (w->events | EPOLLERR | EPOLLHUP)))
                w->pending = true;
}

static bool watch_ready(struct host *h, const struct watch *w, uint32_t *mask) {
    if (w->off || (w->events & EPOLLET && !w->pending))
        return false;
    *mask = file_mask(h, &h->files[w->fd]) & (w->events | EPOLLERR | EPOLLHUP);
    return *mask != 0;
}

static int watch_add(struct host *h, struct watch **at, int fd, const struct epoll_event *event) {
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return fail(ENOMEM);
    *w = (struct watch){
        .fd = fd, .serial = h->files[fd].serial, .events = event->events, .data = event->data, .pending = true};
    *at = w;
    return 0;
}

int host_epoll_ctl(void *ctx, int epfd, int op, int fd, struct epoll_event *event) {
    struct host *h = ctx;
    struct file *f = file_of(h, epfd);
    const struct file *target = f ? file_of(h, fd) : NULL;
    if (!f || !target)
        return -1;
    if (op != EPOLL_CTL_DEL && !event)
        return fail(EFAULT);
    if (f->kind != FILE_EPOLL || f == target)
        return fail(EINVAL);
    if (target->kind == FILE_DISK)
        return fail(EPERM);
    struct watch **at = watch_find(f->epoll, fd), *w = *at;
    switch (op) {
    case EPOLL_CTL_ADD:
        return w ? fail(EEXIST) : watch_add(h, at, fd, event);
    case EPOLL_CTL_DEL:
        if (!w)
            return fail(ENOENT);
        watch_remove(at);
        return 0;
    case EPOLL_CTL_MOD:
        if (!w)
            return fail(ENOENT);
        if ((w->events | event->events) & EPOLLEXCLUSIVE)
            return fail(EINVAL);
        w->events = event->events;
        w->data = event->data;
        w->pending = true;
        w->off = false;
        return 0;
    default:
        return fail(EINVAL);
    }
}

int host_epoll_wait(void *ctx, int epfd, struct epoll_event *events, int max, int timeout_ms) {
    struct host *h = ctx;
    struct file *f = file_of(h, epfd);
    int n = 0;
    if (!f)
        return -1;
    if (f->kind != FILE_EPOLL || max <= 0)
        return fail(EINVAL);
    for (struct watch *w = f->epoll->watches; w && n < max; w = w->next) {
        uint32_t mask;
        bool ready = watch_ready(h, w, &mask);
        w->pending = false;
        if (!ready)
            continue;
        events[n++] = (struct epoll_event){.events = mask, .data = w->data};
        w->off = w->events & EPOLLONESHOT;
    }
    if (!n && timeout_ms && host_wait(h, timeout_of(timeout_ms)))
        return fail(EAGAIN);
    return n;
}
