/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that wait for descriptors. */
#define _GNU_SOURCE
#include "script/calls_parts.h"

#include <string.h>

static const char *const poll_names[] = {"POLLIN",     "POLLPRI",    "POLLOUT",    "POLLERR",
                                         "POLLHUP",    "POLLNVAL",   "POLLRDNORM", "POLLRDBAND",
                                         "POLLWRNORM", "POLLWRBAND", "POLLRDHUP",  NULL};
static const char *const epoll_names[] = {"EPOLLIN",        "EPOLLPRI",     "EPOLLOUT",    "EPOLLERR",
                                          "EPOLLHUP",       "EPOLLRDNORM",  "EPOLLRDBAND", "EPOLLWRNORM",
                                          "EPOLLWRBAND",    "EPOLLMSG",     "EPOLLRDHUP",  "EPOLLWAKEUP",
                                          "EPOLLEXCLUSIVE", "EPOLLONESHOT", "EPOLLET",     NULL};

/* ---- poll -------------------------------------------------------------------------------------------------------- */

/* A mask of poll(), 16 bits. */
static int read_poll_mask(struct calling *c, const char *where, const struct expr *e, short *mask) {
    int64_t n;
    int err = read_number(c, where, e, INT16_MIN, UINT16_MAX, &n);
    if (!err)
        *mask = (short)(uint16_t)n;
    return err;
}

/* `p` with what is expected for `revents`. */
static int read_pollfd(struct calling *c, const char *where, const struct expr *e, struct pollfd *p) {
    struct field f[] = {{.name = "fd"}, {.name = "events"}, {.name = "revents", .optional = true}};
    int64_t n;
    int err = read_fields(c, where, e, f, 3);
    if (err)
        return err;
    const char *at = field_where(c, where, "fd");
    p->fd = -1; /* poll() leaves out the negative ones */
    if (!expr_number(f[0].value, &n) || n >= 0) {
        struct call_fd *fd;
        if ((err = read_fd(c, at, f[0].value, &fd)))
            return err;
        p->fd = fd->live;
    }
    err = read_poll_mask(c, field_where(c, where, "events"), f[1].value, &p->events);
    if (!err && f[2].value)
        err = read_poll_mask(c, field_where(c, where, "revents"), f[2].value, &p->revents);
    return err;
}

int call_poll(struct calling *c) {
    const struct expr *list = call_arg(c, 0);
    const char *where = arg_where(c, 0);
    if (!expr_is(list, EXPR_LIST))
        return call_wrong(c, where, "a list [{fd=, events=, revents=}, ...]", list);
    uint32_t n = expr_count(list->items), i = 0;
    struct pollfd *expected = arena_alloc(&c->arena, (n + 1) * sizeof *expected);
    struct pollfd *fds = arena_alloc(&c->arena, (n + 1) * sizeof *fds);
    int count, timeout, err;
    for (const struct expr *e = list->items; e; e = e->next, i++) {
        if ((err = read_pollfd(c, element_where(c, where, i), e, &expected[i])))
            return err;
        fds[i] = (struct pollfd){.fd = expected[i].fd, .events = expected[i].events};
    }
    err = arg_int(c, 1, &count);
    if (!err && count != (int)n)
        err = call_fail(c, "argument 2 is %d, but the list has %u elements", count, n);
    if (!err)
        err = arg_int(c, 2, &timeout);
    if (!err)
        err = call_result(c, c->posix->poll(c->posix->ctx, fds, n, timeout));
    for (i = 0; i < n && !err && c->outcome->result >= 0; i++)
        if (fds[i].revents != expected[i].revents)
            err = call_fail(c, "expected revents %s of element %u but got %s",
                            mask_text(c, (uint16_t)expected[i].revents, poll_names), i + 1,
                            mask_text(c, (uint16_t)fds[i].revents, poll_names));
    return err;
}

/* ---- epoll ------------------------------------------------------------------------------------------------------- */

enum data_kind { DATA_FD, DATA_PTR, DATA_U32, DATA_U64, DATA_KINDS };

static const char *const data_names[] = {"fd", "ptr", "u32", "u64"};

struct waited {
    struct epoll_event event;
    enum data_kind kind;
};

/* The member of a kind, as a number. */
static uint64_t data_get(const epoll_data_t *data, enum data_kind kind) {
    if (kind == DATA_FD)
        return (uint64_t)data->fd;
    return kind == DATA_U32 ? data->u32 : data->u64;
}

static void data_set(epoll_data_t *data, enum data_kind kind, int64_t n) {
    data->u64 = 0;
    if (kind == DATA_FD)
        data->fd = (int)n;
    else if (kind == DATA_U32)
        data->u32 = (uint32_t)n;
    else
        data->u64 = (uint64_t)n;
}

/* The data are the program's own; so a descriptor in them stays the script's. */
static int read_event(struct calling *c, const char *where, const struct expr *e, struct waited *w) {
    struct field f[DATA_KINDS + 1] = {[DATA_KINDS] = {.name = "events"}};
    for (int i = 0; i < DATA_KINDS; i++)
        f[i] = (struct field){.name = data_names[i], .optional = true};
    int events;
    int err = read_fields(c, where, e, f, DATA_KINDS + 1);
    if (!err)
        err = read_int(c, field_where(c, where, "events"), f[DATA_KINDS].value, &events);
    if (err)
        return err;
    const struct field *given = NULL;
    for (int i = 0; i < DATA_KINDS; i++) {
        if (!f[i].value)
            continue;
        if (given)
            return call_fail(c, "%s has %s= and %s=: one of fd, ptr, u32 and u64 can be there", where, given->name,
                             f[i].name);
        given = &f[i];
        w->kind = (enum data_kind)i;
    }
    if (!given)
        return call_fail(c, "%s: one of fd=, ptr=, u32= and u64= is missing", where);
    bool wide = w->kind == DATA_PTR || w->kind == DATA_U64;
    int64_t n;
    err = read_number(c, field_where(c, where, given->name), given->value, wide ? INT64_MIN : INT32_MIN,
                      wide ? INT64_MAX : UINT32_MAX, &n);
    if (err)
        return err;
    epoll_data_t data;
    data_set(&data, w->kind, n);
    w->event = (struct epoll_event){.events = (uint32_t)events, .data = data};
    return 0;
}

int call_epoll_create(struct calling *c) {
    int size;
    int err = arg_int(c, 0, &size);
    if (!err && c->call->result >= 0)
        err = call_fd_check(c, &c->call->result, 1);
    if (err)
        return err;
    return call_fd_result(c, (struct call_fd){.live = c->posix->epoll_create(c->posix->ctx, size)});
}

int call_epoll_ctl(struct calling *c) {
    struct call_fd *ep, *fd;
    struct waited w = {.kind = DATA_FD};
    const struct expr *event = call_arg(c, 3);
    int op;
    int err = arg_fd(c, 0, &ep);
    if (!err)
        err = arg_int(c, 1, &op);
    if (!err)
        err = read_fd(c, arg_where(c, 2), call_arg(c, 2), &fd);
    if (!err && !expr_is_null(event))
        err = read_event(c, arg_where(c, 3), event, &w);
    return err ? err
               : call_result(c, c->posix->epoll_ctl(c->posix->ctx, ep->live, op, fd->live,
                                                    expr_is_null(event) ? NULL : &w.event));
}

static int event_compare(struct calling *c, const struct waited *expected, const struct epoll_event *got, uint32_t i) {
    if (got->events != expected->event.events)
        return call_fail(c, "expected events %s of event %u but got %s",
                         mask_text(c, expected->event.events, epoll_names), i + 1,
                         mask_text(c, got->events, epoll_names));
    epoll_data_t want = expected->event.data, have = got->data;
    uint64_t want_n = data_get(&want, expected->kind), have_n = data_get(&have, expected->kind);
    if (want_n != have_n)
        return call_fail(c, "expected %s %lld of event %u but got %lld", data_names[expected->kind], (long long)want_n,
                         i + 1, (long long)have_n);
    return 0;
}

/* `...`, one event, or a list of them. */
static int read_waited(struct calling *c, const char *where, const struct expr *e, struct waited **w, uint32_t *n) {
    bool list = expr_is(e, EXPR_LIST);
    *n = 0;
    if (expr_is(e, EXPR_ELLIPSIS))
        return 0;
    if (!list && !expr_is(e, EXPR_STRUCT))
        return call_wrong(c, where, "..., an event {events=, fd=}, or a list of them", e);
    uint32_t count = list ? expr_count(e->items) : 1;
    *w = arena_alloc(&c->arena, (count + 1) * sizeof **w);
    for (const struct expr *item = list ? e->items : e; *n < count; item = item->next) {
        int err = read_event(c, list ? element_where(c, where, *n) : where, item, &(*w)[*n]);
        if (err)
            return err;
        ++*n;
    }
    return 0;
}

int call_epoll_wait(struct calling *c) {
    const struct expr *e = call_arg(c, 1);
    struct call_fd *ep;
    struct waited *expected = NULL;
    uint32_t n;
    int max, timeout;
    int err = arg_fd(c, 0, &ep);
    if (!err)
        err = read_waited(c, arg_where(c, 1), e, &expected, &n);
    if (!err)
        err = arg_int(c, 2, &max);
    if (!err && max > WAIT_EVENTS_MAX)
        err = call_fail(c, "argument 3 must be at most %d, not %d", WAIT_EVENTS_MAX, max);
    if (!err)
        err = arg_int(c, 3, &timeout);
    if (err)
        return err;
    /* zeros behind those that came, so {events=0, ptr=0} is "none" */
    uint32_t room = max > (int)n ? (uint32_t)max : n;
    struct epoll_event *events = arena_alloc(&c->arena, (room + 1) * sizeof *events);
    err = call_result(c, c->posix->epoll_wait(c->posix->ctx, ep->live, events, max, timeout));
    if (err || c->outcome->result < 0)
        return err;
    if (expr_is(e, EXPR_LIST) && c->outcome->result != n)
        return call_fail(c, "expected %u events but got %lld", n, (long long)c->outcome->result);
    for (uint32_t i = 0; i < n && !err; i++)
        err = event_compare(c, &expected[i], &events[i], i);
    return err;
}
