/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that move bytes: what is written is zeros, what is read is not looked at. */
#define _GNU_SOURCE
#include "script/calls_parts.h"

#include <fcntl.h>
#include <string.h>

/* What read(), recv(), write(), send() and longer ones begin with. */
struct transfer {
    struct call_fd *fd;
    void *buf;
    size_t len;
    int flags;
};

static int read_transfer(struct calling *c, struct transfer *t) {
    const struct expr *buf = call_arg(c, 1);
    bool flags = expr_count(c->call->args) > 3;
    int err = arg_fd(c, 0, &t->fd);
    if (!err && !expr_is(buf, EXPR_ELLIPSIS) && !expr_is_null(buf))
        err = call_wrong(c, arg_where(c, 1), "... or NULL", buf);
    if (!err)
        err = arg_size(c, 2, &t->len);
    if (!err && flags)
        err = arg_int(c, 3, &t->flags);
    return err ? err : read_buffer(c, arg_where(c, 1), buf, t->len, &t->buf);
}

int call_read(struct calling *c) {
    struct transfer t;
    int err = read_transfer(c, &t);
    return err ? err : call_result(c, c->posix->read(c->posix->ctx, t.fd->live, t.buf, t.len));
}

int call_recv(struct calling *c) {
    struct transfer t;
    int err = read_transfer(c, &t);
    return err ? err : call_result(c, c->posix->recv(c->posix->ctx, t.fd->live, t.buf, t.len, t.flags));
}

int call_recvfrom(struct calling *c) {
    struct transfer t;
    int err = read_transfer(c, &t);
    if (!err)
        err = arg_open(c, 4);
    if (!err)
        err = arg_open(c, 5);
    if (err)
        return err;
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    return call_result(
        c, c->posix->recvfrom(c->posix->ctx, t.fd->live, t.buf, t.len, t.flags, (struct sockaddr *)(void *)&sa, &len));
}

int call_write(struct calling *c) {
    struct transfer t;
    int err = read_transfer(c, &t);
    return err ? err : call_result(c, c->posix->write(c->posix->ctx, t.fd->live, t.buf, t.len));
}

int call_send(struct calling *c) {
    struct transfer t;
    int err = read_transfer(c, &t);
    return err ? err : call_result(c, c->posix->send(c->posix->ctx, t.fd->live, t.buf, t.len, t.flags));
}

int call_sendto(struct calling *c) {
    enum { ECHO_REQUEST = 8, ECHO_REQUEST6 = 128 };
    struct transfer t;
    struct address to;
    int err = read_transfer(c, &t);
    if (!err)
        err = read_remote(c, arg_where(c, 4), call_arg(c, 4), t.fd, &to);
    if (!err)
        err = arg_open(c, 5);
    if (err)
        return err;
    if (t.fd->ping && t.buf && t.len) /* such a socket takes nothing else; it fills in the rest of the header */
        *(uint8_t *)t.buf = t.fd->domain == AF_INET6 ? ECHO_REQUEST6 : ECHO_REQUEST;
    call_send_begins(c, &to, t.flags);
    err = call_result(c, c->posix->sendto(c->posix->ctx, t.fd->live, t.buf, t.len, t.flags, address_sa(&to), to.len));
    call_send_ends(c);
    return err;
}

/* ---- Vectors ----------------------------------------------------------------------------------------------------- */

struct vector {
    struct call_fd *fd;
    struct iovec *iov;
    int n;
};

static int read_vector(struct calling *c, struct vector *v) {
    int count;
    int err = arg_fd(c, 0, &v->fd);
    if (!err)
        err = read_iovec(c, arg_where(c, 1), call_arg(c, 1), &v->iov, &v->n);
    if (!err)
        err = arg_int(c, 2, &count);
    if (!err && count != v->n)
        err = call_fail(c, "argument 3 is %d, but the list has %d elements", count, v->n);
    return err;
}

int call_readv(struct calling *c) {
    struct vector v;
    int err = read_vector(c, &v);
    return err ? err : call_result(c, c->posix->readv(c->posix->ctx, v.fd->live, v.iov, v.n));
}

int call_writev(struct calling *c) {
    struct vector v;
    int err = read_vector(c, &v);
    return err ? err : call_result(c, c->posix->writev(c->posix->ctx, v.fd->live, v.iov, v.n));
}

/* ---- Files and pipes --------------------------------------------------------------------------------------------- */

int call_open(struct calling *c) {
    const struct expr *path = call_arg(c, 0);
    int flags;
    if (!expr_is(path, EXPR_STRING) || memchr(path->text, 0, path->len))
        return call_wrong(c, arg_where(c, 0), "the path of a file", path);
    int err = arg_int(c, 1, &flags);
    if (!err && c->call->result >= 0)
        err = call_fd_check(c, &c->call->result, 1);
    if (err)
        return err;
    const char *name = arena_text(&c->arena, path->text, path->len);
    return call_fd_result(c, (struct call_fd){.live = c->posix->open(c->posix->ctx, name, flags)});
}

int call_pipe(struct calling *c) {
    const struct expr *list = call_arg(c, 0);
    const char *where = arg_where(c, 0);
    if (!expr_is(list, EXPR_LIST) || expr_count(list->items) != 2)
        return call_wrong(c, where, "[A, B], the names of two descriptors", list);
    int64_t script[2];
    int err = read_number(c, element_where(c, where, 0), list->items, 0, INT32_MAX, &script[0]);
    if (!err)
        err = read_number(c, element_where(c, where, 1), list->items->next, 0, INT32_MAX, &script[1]);
    if (!err)
        err = call_fd_check(c, script, 2);
    if (err)
        return err;
    int live[2] = {-1, -1};
    int result = c->posix->pipe(c->posix->ctx, live);
    err = call_result(c, result);
    for (int i = 0; i < 2 && result == 0; i++)
        call_fd_add(c, (struct call_fd){.script = script[i], .live = live[i]});
    return err;
}

/* NULL, N or [N]: where in a file. `*offset` is NULL without one. */
static int arg_offset(struct calling *c, uint32_t i, int64_t *value, int64_t **offset) {
    const struct expr *e = call_arg(c, i);
    *offset = NULL;
    if (expr_is_null(e))
        return 0;
    if (expr_is(e, EXPR_LIST) && expr_count(e->items) == 1)
        e = e->items;
    *offset = value;
    return read_number(c, arg_where(c, i), e, 0, INT64_MAX, value);
}

static int arg_count(struct calling *c, uint32_t i, size_t *n) {
    int64_t value;
    int err = read_number(c, arg_where(c, i), call_arg(c, i), 0, INT32_MAX, &value);
    if (!err)
        *n = (size_t)value;
    return err;
}

int call_splice(struct calling *c) {
    struct call_fd *in, *out;
    int64_t in_value, out_value, *in_offset, *out_offset;
    size_t len;
    int flags;
    int err = arg_fd(c, 0, &in);
    if (!err)
        err = arg_offset(c, 1, &in_value, &in_offset);
    if (!err)
        err = arg_fd(c, 2, &out);
    if (!err)
        err = arg_offset(c, 3, &out_value, &out_offset);
    if (!err)
        err = arg_count(c, 4, &len);
    if (!err)
        err = arg_int(c, 5, &flags);
    return err ? err
               : call_result(c, c->posix->splice(c->posix->ctx, in->live, in_offset, out->live, out_offset, len,
                                                 (unsigned)flags));
}

int call_sendfile(struct calling *c) {
    struct call_fd *out, *in;
    int64_t value, *given;
    size_t len;
    int err = arg_fd(c, 0, &out);
    if (!err)
        err = arg_fd(c, 1, &in);
    if (!err)
        err = arg_offset(c, 2, &value, &given);
    if (!err)
        err = arg_count(c, 3, &len);
    if (err)
        return err;
    off_t offset = given ? (off_t)value : 0;
    return call_result(c, c->posix->sendfile(c->posix->ctx, out->live, in->live, given ? &offset : NULL, len));
}
