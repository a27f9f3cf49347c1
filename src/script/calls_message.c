/* SPDX-License-Identifier: BSD-3-Clause */
/* sendmsg() and recvmsg(). */
#define _GNU_SOURCE
#include "script/calls_parts.h"

#include <string.h>

static const char *const flag_names[] = {
    "MSG_OOB",      "MSG_PEEK",    "MSG_DONTROUTE", "MSG_CTRUNC",   "MSG_PROXY",        "MSG_TRUNC",    "MSG_DONTWAIT",
    "MSG_EOR",      "MSG_WAITALL", "MSG_FIN",       "MSG_SYN",      "MSG_CONFIRM",      "MSG_RST",      "MSG_ERRQUEUE",
    "MSG_NOSIGNAL", "MSG_MORE",    "MSG_BATCH",     "MSG_ZEROCOPY", "MSG_CMSG_CLOEXEC", "MSG_FASTOPEN", NULL};

/* A message of the script's. */
struct message {
    const struct expr *name; /* NULL: none */
    struct iovec *iov;
    int niov;
    int flags; /* msg_flags */
    bool control, control_open;
    struct control *controls;
    uint32_t ncontrols;
};

static int read_message(struct calling *c, uint32_t i, struct message *m) {
    enum { NAME, IOV, FLAGS, CONTROL, FIELDS };
    struct field f[FIELDS] = {
        [NAME] = {.name = "msg_name", .optional = true},
        [IOV] = {.name = "msg_iov"},
        [FLAGS] = {.name = "msg_flags", .optional = true},
        [CONTROL] = {.name = "msg_control", .optional = true},
    };
    const char *where = arg_where(c, i);
    int err = read_fields(c, where, call_arg(c, i), f, FIELDS);
    if (err)
        return err;
    m->name = f[NAME].value;
    const char *at = field_where(c, where, "msg_iov");
    err = read_iovec(c, at, f[IOV].value, &m->iov, &m->niov);
    if (!err && f[IOV].item->len == FIELD_NUMBER && f[IOV].item->n != m->niov)
        err = call_fail(c, "%s(%lld) has %d elements", at, (long long)f[IOV].item->n, m->niov);
    if (!err && f[FLAGS].value)
        err = read_int(c, field_where(c, where, "msg_flags"), f[FLAGS].value, &m->flags);
    m->control = f[CONTROL].value;
    m->control_open = expr_is(f[CONTROL].value, EXPR_ELLIPSIS);
    if (!err && m->control && !m->control_open)
        err = read_controls(c, field_where(c, where, "msg_control"), f[CONTROL].value, &m->controls, &m->ncontrols);
    return err;
}

int call_sendmsg(struct calling *c) {
    struct call_fd *fd;
    struct message m = {.flags = 0};
    struct address to = {.none = true};
    struct msghdr hdr = {.msg_flags = 0};
    int flags;
    int err = arg_fd(c, 0, &fd);
    if (!err)
        err = read_message(c, 1, &m);
    if (!err && m.flags)
        err = call_fail(c, "argument 2, msg_flags must be 0, not %d: flags of sendmsg() are argument 3", m.flags);
    if (!err && m.control_open)
        err = call_fail(c, "argument 2, msg_control must be a list of control messages, not ...");
    if (!err && m.name)
        err = read_remote(c, field_where(c, arg_where(c, 1), "msg_name"), m.name, fd, &to);
    if (!err)
        err = arg_int(c, 2, &flags);
    if (!err && m.control)
        err = controls_build(c, m.controls, m.ncontrols, &hdr.msg_control, &hdr.msg_controllen);
    if (err)
        return err;
    hdr.msg_name = to.none ? NULL : &to.sa;
    hdr.msg_namelen = to.len;
    hdr.msg_iov = m.iov;
    hdr.msg_iovlen = (size_t)m.niov;
    call_send_begins(c, &to, flags);
    err = call_result(c, c->posix->sendmsg(c->posix->ctx, fd->live, &hdr, flags));
    call_send_ends(c);
    return err;
}

int call_recvmsg(struct calling *c) {
    enum { CONTROL_SIZE = 4096 };
    struct call_fd *fd;
    struct message m = {.flags = 0};
    struct sockaddr_storage name;
    struct msghdr hdr = {.msg_flags = 0};
    int flags;
    int err = arg_fd(c, 0, &fd);
    if (!err)
        err = read_message(c, 1, &m);
    if (!err && m.name && !expr_is(m.name, EXPR_ELLIPSIS) && !expr_is_null(m.name))
        err = call_wrong(c, "argument 2, msg_name", "... or NULL", m.name);
    if (!err)
        err = arg_int(c, 2, &flags);
    if (err)
        return err;
    hdr.msg_iov = m.iov;
    hdr.msg_iovlen = (size_t)m.niov;
    if (expr_is(m.name, EXPR_ELLIPSIS)) {
        hdr.msg_name = &name;
        hdr.msg_namelen = sizeof name;
    }
    if (m.control) {
        hdr.msg_control = arena_alloc(&c->arena, CONTROL_SIZE);
        hdr.msg_controllen = CONTROL_SIZE;
    }
    err = call_result(c, c->posix->recvmsg(c->posix->ctx, fd->live, &hdr, flags));
    if (err || c->outcome->result < 0)
        return err;
    if (hdr.msg_flags != m.flags)
        return call_fail(c, "expected msg_flags %s but got %s", mask_text(c, (uint32_t)m.flags, flag_names),
                         mask_text(c, (uint32_t)hdr.msg_flags, flag_names));
    return m.control && !m.control_open ? controls_compare(c, m.controls, m.ncontrols, &hdr) : 0;
}
