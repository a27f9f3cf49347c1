/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls on connections: open, send, receive, end. */
#include <errno.h>
#include <string.h>

#include "mptcp/marks.h"
#include "stack/stack.h"

struct conn *stack_conn(const struct umptcp *s, umptcp_sock sock, int *err) {
    struct conn *c = handle_get(&s->handles, sock, HANDLE_CONN);
    *err = c ? 0 : handle_kind_of(&s->handles, sock) == HANDLE_LISTENER ? -ENOTCONN : -EBADF;
    return c;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

int umptcp_connect(struct umptcp *s, const struct umptcp_connect *what, umptcp_sock *sock, struct umptcp_time now) {
    const struct way way = {.remote = what->remote, .local = what->local};
    struct path path;
    stack_enter(s, now);
    int err = path_make(s, &way, &path);
    if (err)
        return err;
    struct conn *c = conn_new(&s->mp);
    if (!c)
        return -ENOMEM;
    umptcp_sock new = handle_new(&s->handles, HANDLE_CONN, c);
    if (!new.v || conn_connect(c, &path, what->tcp_only)) {
        if (new.v)
            handle_delete(&s->handles, new);
        conn_free(c);
        return -ENOMEM;
    }
    c->handle = new.v;
    c->bound = !addr_is_any(&what->local.addr);
    *sock = new;
    if (what->fastopen)
        conn_connect_fast(c, what->fastopen_no_cookie);
    stack_finish(s);
    return 0;
}

uint32_t umptcp_fastopen_room(struct umptcp *s, const struct umptcp_connect *what, struct umptcp_time now) {
    const struct way way = {.remote = what->remote, .local = what->local};
    struct path path;
    stack_enter(s, now);
    return path_make(s, &way, &path) ? 0 : fastopen_room_of(&s->mp, &path, what->fastopen_no_cookie);
}

void umptcp_fastopen_forget(struct umptcp *s) { fastopen_forget(&s->mp); }

/* ---- Sending ----------------------------------------------------------------------------------------------------- */

/* Copies into slices that conn_reserve() handed out (they are writable); returns what follows in `from`. */
static const uint8_t *fill(const struct umptcp_slice *slices, int n, const uint8_t *from) {
    for (int i = 0; i < n; i++) {
        memcpy((void *)(uintptr_t)slices[i].base, from, slices[i].len);
        from += slices[i].len;
    }
    return from;
}

static ptrdiff_t send_bytes(struct conn *c, const void *buf, size_t len) {
    struct umptcp_slice slices[UMPTCP_SLICES_MAX];
    const uint8_t *from = buf, *start = buf, *end = from + len;
    int err = 0;
    paths_resume(c);
    while (from < end) {
        int n = conn_reserve(c, (size_t)(end - from), slices, UMPTCP_SLICES_MAX);
        if (n < 0) {
            err = n;
            break;
        }
        const uint8_t *next = fill(slices, n, from);
        conn_commit(c, (size_t)(next - from));
        from = next;
    }
    return from > start ? from - start : err;
}

ptrdiff_t umptcp_send(struct umptcp *s, umptcp_sock sock, const void *buf, size_t len, struct umptcp_time now) {
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    if (!len)
        return 0;
    const ptrdiff_t n = send_bytes(c, buf, len);
    stack_finish(s);
    return n;
}

ptrdiff_t umptcp_send_urgent(struct umptcp *s, umptcp_sock sock, const void *buf, size_t len, struct umptcp_time now) {
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    if (!err)
        err = conn_urgent_open(c);
    if (err)
        return err;
    if (!len)
        return 0;
    const ptrdiff_t n = send_bytes(c, buf, len);
    if (n > 0)
        (void)conn_urgent_send(c); /* it is open */
    stack_finish(s);
    return n;
}

int umptcp_send_reserve(struct umptcp *s, umptcp_sock sock, size_t len, struct umptcp_slice *slices, int max_slices) {
    int err;
    struct conn *c = stack_conn(s, sock, &err);
    return c ? conn_reserve(c, len, slices, max_slices) : err;
}

int umptcp_send_commit(struct umptcp *s, umptcp_sock sock, size_t len, struct umptcp_time now) {
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return -EBADF;
    paths_resume(c);
    err = conn_commit(c, len);
    stack_finish(s);
    return err;
}

int umptcp_mark(struct umptcp *s, umptcp_sock sock, unsigned kinds, uint32_t id, struct umptcp_time now) {
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    err = conn_mark(c, kinds, id);
    stack_finish(s);
    return err;
}

bool umptcp_notice(struct umptcp *s, umptcp_sock sock, struct umptcp_notice *notice) {
    int err;
    struct conn *c = stack_conn(s, sock, &err);
    return c && conn_notice(c, notice);
}

/* ---- Receiving --------------------------------------------------------------------------------------------------- */

ptrdiff_t umptcp_recv(struct umptcp *s, umptcp_sock sock, void *buf, size_t len, struct umptcp_time now) {
    struct umptcp_slice slices[UMPTCP_SLICES_MAX];
    uint8_t *to = buf, *start = buf, *end = to + len;
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    while (to < end && !(to > start && conn_urgent_at_mark(c))) {
        int n = conn_peek(c, slices, UMPTCP_SLICES_MAX);
        if (n <= 0) {
            err = n;
            if (to == start && conn_urgent_at_mark(c)) /* who reads on there does not want its octet */
                conn_consume(c, 0);
            break;
        }
        uint8_t *before = to;
        for (int i = 0; i < n && to < end; i++) {
            size_t part = slices[i].len < (size_t)(end - to) ? slices[i].len : (size_t)(end - to);
            memcpy(to, slices[i].base, part);
            to += part;
        }
        conn_consume(c, (size_t)(to - before));
    }
    stack_finish(s);
    return to > start ? to - start : err;
}

int umptcp_recv_peek(struct umptcp *s, umptcp_sock sock, struct umptcp_slice *slices, int max_slices) {
    int err;
    struct conn *c = stack_conn(s, sock, &err);
    return c ? conn_peek(c, slices, max_slices) : err;
}

int umptcp_recv_consume(struct umptcp *s, umptcp_sock sock, size_t len, struct umptcp_time now) {
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    err = conn_consume(c, len);
    stack_finish(s);
    return err;
}

/* ---- Urgent data ------------------------------------------------------------------------------------------------- */

int umptcp_urgent(struct umptcp *s, umptcp_sock sock, struct umptcp_urgent *urgent) {
    int err;
    const struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    const struct conn_urgent *u = c->urgent;
    *urgent = (struct umptcp_urgent){.unread = dsn_sub(c->rcv_nxt, c->read_seq)};
    if (u && u->state != URGENT_NONE) {
        urgent->marked = true;
        urgent->at_mark = conn_urgent_at_mark(c);
        urgent->octet = u->state == URGENT_HERE && c->oob_apart;
        urgent->ahead = dsn_sub(u->mark, c->read_seq);
    }
    return 0;
}

int umptcp_recv_urgent(struct umptcp *s, umptcp_sock sock, uint8_t *octet, bool peek, struct umptcp_time now) {
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    return c ? conn_urgent_take(c, peek, octet) : err;
}

/* ---- Ending ------------------------------------------------------------------------------------------------------ */

int umptcp_shutdown(struct umptcp *s, umptcp_sock sock, struct umptcp_time now) {
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    if (c->state == UMPTCP_CLOSED)
        return -ENOTCONN;
    conn_shutdown(c);
    stack_finish(s);
    return 0;
}

int umptcp_shutdown_recv(struct umptcp *s, umptcp_sock sock, struct umptcp_time now) {
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    if (c->state == UMPTCP_CLOSED)
        return -ENOTCONN;
    c->read_shut = true;
    conn_notify(c, NOTIFY_READABLE);
    stack_finish(s);
    return 0;
}

enum ending { IN_ORDER, AT_ONCE };

static int end(struct umptcp *s, umptcp_sock sock, enum ending how) {
    struct conn *c = handle_get(&s->handles, sock, HANDLE_CONN);
    struct listener *l = handle_get(&s->handles, sock, HANDLE_LISTENER);
    if (!c && !l)
        return -EBADF;
    handle_delete(&s->handles, sock);
    if (l) {
        listener_free(s, l);
    } else {
        c->handle = 0;
        if (how == AT_ONCE && c->state != UMPTCP_CLOSED && c->mode != MP_ASKED && !conn_is_mptcp(c))
            mib_inc(&s->env.mib, conn_unread(c) ? MIB_TCP_ABORT_ON_CLOSE : MIB_TCP_ABORT_ON_DATA);
        if (how == AT_ONCE)
            conn_abort(c, ECONNABORTED);
        conn_close(c);
    }
    stack_finish(s);
    return 0;
}

int umptcp_close(struct umptcp *s, umptcp_sock sock, struct umptcp_time now) {
    stack_enter(s, now);
    return end(s, sock, IN_ORDER);
}

int umptcp_abort(struct umptcp *s, umptcp_sock sock, struct umptcp_time now) {
    stack_enter(s, now);
    return end(s, sock, AT_ONCE);
}

/* ---- Names and paths --------------------------------------------------------------------------------------------- */

int umptcp_getname(struct umptcp *s, umptcp_sock sock, struct umptcp_sockaddr *local, struct umptcp_sockaddr *remote) {
    int err;
    const struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    *local = c->name.local;
    *remote = c->name.remote;
    return 0;
}

int umptcp_subflow_set_backup(struct umptcp *s, umptcp_sock sock, uint32_t subflow, bool backup,
                              struct umptcp_time now) {
    int err;
    stack_enter(s, now);
    struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return -EBADF;
    if (!conn_is_mptcp(c))
        return -EOPNOTSUPP;
    list_for_each (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->number != subflow || sf->state == SF_DEAD)
            continue;
        subflow_prio(sf, backup);
        stack_finish(s);
        return 0;
    }
    return -ENOENT;
}
