/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending and receiving. All calls become one of two: sock_send() and sock_receive(), over a list of buffers.
 *
 * A waiting call that moved a part of its bytes notes how many in its job, and the next try, with the same buffers,
 * goes on behind them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "script/host_internal.h"

enum { PEEK_SLICES = 1024, SEGMENT_MAX = 65535, FRAGS_MAX = 17, BUFFER_OVERHEAD = 1280 /* of Linux's buffers */ };

size_t iov_total(const struct iovec *iov, int n) {
    size_t total = 0;
    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    return total;
}

/* A process can give no bytes at address NULL, nor take any there; what stands before that in the list still counts.
 * False, with EFAULT, when there is nothing before it. */
static bool iov_usable(const struct iovec *iov, int *n) {
    if (*n > 0 && !iov)
        return (void)fail(EFAULT), false;
    for (int i = 0; i < *n; i++)
        if (iov[i].iov_len && !iov[i].iov_base) {
            if (iov_total(iov, i) == 0)
                return (void)fail(EFAULT), false;
            *n = i;
        }
    return true;
}

/* ---- Sending ----------------------------------------------------------------------------------------------------- */

/* Before the connection is up, and when it is over: 0, or the errno; EAGAIN: it is being opened. */
static int send_obstacle(struct host *h, struct sock *s) {
    enum umptcp_tcp_state state = sock_state(h, s);
    if (s->error)
        return sock_take_error(s);
    const bool early = state == UMPTCP_SYN_RCVD && s->phase == SOCK_CONNECTED; /* accepted by Fast Open */
    if (state == UMPTCP_SYN_SENT || (state == UMPTCP_SYN_RCVD && !early))
        return EAGAIN;
    if (s->shut & SHUT_SEND || (!early && state != UMPTCP_ESTABLISHED && state != UMPTCP_CLOSE_WAIT))
        return EPIPE;
    return 0;
}

/*
 * How many of `want` bytes go in before the bounds are looked at again. Linux fills one large segment after the other,
 * up to half the peer's window each, and looks at the bounds - SO_SNDBUF, TCP_NOTSENT_LOWAT - only when it begins one:
 * so it goes beyond them by a part of the last. Without such a bound the stack alone decides. `ahead` bytes are in
 * already.
 */
static size_t admitted(struct host *h, struct sock *s, size_t want, size_t ahead) {
    struct umptcp_info info;
    struct umptcp_subflow_info path;
    const uint32_t bound = sock_sndbuf(s);
    if (s->mptcp || (!bound && s->notsent_lowat == UINT32_MAX) || !sock_info(h, s, &info) ||
        umptcp_subflows(h->stack, s->sock, &path, 1) < 1 || !path.snd_mss)
        return want;
    const uint64_t held = info.write_seq - info.snd_una + ahead, unsent = info.unsent + ahead;
    uint32_t most = path.snd_wnd / 2 < SEGMENT_MAX ? path.snd_wnd / 2 : SEGMENT_MAX;
    uint32_t segment = most < path.snd_mss ? path.snd_mss : most / path.snd_mss * path.snd_mss;
    uint32_t begun = unsent % segment;
    uint64_t buffers = (held + segment - 1) / segment;
    bool full = bound && held + buffers * BUFFER_OVERHEAD >= bound;
    if (!begun && (full || unsent >= s->notsent_lowat))
        return 0;
    return want < segment - begun ? want : segment - begun;
}

/* MSG_MORE holds back the last partial segment until a send without it. */
static void set_more(struct host *h, struct sock *s, bool more) {
    if (more == s->more)
        return;
    s->more = more;
    sock_corked(h, s);
}

/* Moves what fits of one buffer. */
static ptrdiff_t move_buffer(struct host *h, struct sock *s, const uint8_t *from, size_t len, int flags) {
    const bool urgent = flags & MSG_OOB && !s->mptcp; /* MPTCP does not look at it */
    size_t done = 0;
    while (done < len) {
        size_t part = admitted(h, s, len - done, 0);
        if (!urgent)
            set_more(h, s, flags & MSG_MORE || (part && admitted(h, s, len - done - part, part))); /* no PSH yet */
        s->nospace = s->nospace || !part;
        ptrdiff_t put = !part    ? -EAGAIN
                        : urgent ? umptcp_send_urgent(h->stack, s->sock, from + done, part, h->now)
                                 : umptcp_send(h->stack, s->sock, from + done, part, h->now);
        if (put < 0)
            return done ? (ptrdiff_t)done : put;
        done += (size_t)put;
        if (put < (ptrdiff_t)part)
            break;
        if (done < len && !urgent) /* each segment leaves by itself when it can; a pointer is to the end of all */
            host_settle(h);
    }
    return (ptrdiff_t)done;
}

void sock_offer_room(struct host *h, struct sock *s) {
    struct umptcp_info info;
    if (!s->nospace || (sock_info(h, s, &info) && !sock_writable(s, &info)))
        return;
    s->nospace = false;
    sock_wake(h, s, EPOLLOUT | EPOLLWRNORM);
}

/* Moves what fits, from byte `skip` on; how many bytes, or the first one's errno. With zero-copy each part is a
 * fragment of its own, of which a segment has FRAGS_MAX. */
static ptrdiff_t move_out(struct host *h, struct sock *s, const struct iovec *iov, int n, size_t skip, int flags) {
    const bool zerocopy = flags & MSG_ZEROCOPY && sock_option(s, SOL_SOCKET, SO_ZEROCOPY);
    ptrdiff_t done = 0;
    int frags = 0;
    for (int i = 0; i < n; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        const uint8_t *from = (const uint8_t *)iov[i].iov_base + skip;
        size_t len = iov[i].iov_len - skip;
        skip = 0;
        ptrdiff_t put = move_buffer(h, s, from, len, flags);
        if (put < 0)
            return done ? done : put;
        done += put;
        if ((size_t)put < len)
            break;
        if (zerocopy && len && ++frags % FRAGS_MAX == 0)
            umptcp_mark(h->stack, s->sock, UMPTCP_MARK_RECORD, 0, h->now);
    }
    return done;
}

size_t sock_fill(struct host *h, struct sock *s, const struct sending *send, size_t room) {
    size_t done = 0;
    for (int i = 0; i < send->n && done < room; i++) {
        size_t left = room - done, len = send->iov[i].iov_len < left ? send->iov[i].iov_len : left;
        ptrdiff_t put = umptcp_send(h->stack, s->sock, send->iov[i].iov_base, len, h->now);
        if (put <= 0 && len)
            break;
        done += (size_t)put;
    }
    return done;
}

/* A call whose bytes did not all find room: waits, or returns what was done. */
static ssize_t send_short(struct host *h, const struct sock *s, size_t done, bool wait, int err) {
    if (wait && err == EAGAIN && host_wait(h, s->sndtimeo)) {
        h->job->done = done;
        h->job->sending = true;
        return fail(EAGAIN);
    }
    return done ? (ssize_t)done : fail(err);
}

ssize_t sock_send(struct host *h, struct sock *s, const struct sending *send) {
    const struct iovec *iov = send->iov;
    const bool wait = send->wait;
    size_t total, done = h->job && wait ? h->job->done : 0;
    int n = send->n, flags = send->flags;
    const bool opens = flags & MSG_FASTOPEN || s->defer || (h->job && h->job->connecting);
    if (opens && !iov_usable(iov, &n))
        return -1;
    if (opens && sock_fastopen_send(h, s, send, &done))
        return errno == EINPROGRESS && done ? (ssize_t)done : -1;
    int err = send_obstacle(h, s);
    if (err)
        return send_short(h, s, done, wait, err);
    if (!iov_usable(iov, &n))
        return -1;
    total = iov_total(iov, n);
    if (wait && h->job && h->job->sending && s->nospace)
        return send_short(h, s, done, wait, EAGAIN);
    set_more(h, s, flags & MSG_MORE);
    ptrdiff_t put = move_out(h, s, iov, n, done, flags);
    if (put > 0 && (!wait || done + (size_t)put == total))
        sock_note_sent(h, s, flags);
    host_settle(h);
    if (put < 0)
        return send_short(h, s, done, wait, (int)-put);
    done += (size_t)put;
    if (done < total)
        return send_short(h, s, done, wait, EAGAIN);
    return (ssize_t)done;
}

static ssize_t file_send(struct host *h, int fd, struct sending send, bool socket_only) {
    struct file *f = file_of(h, fd);
    if (!f)
        return -1;
    if (f->kind == FILE_SOCKET)
        send.wait = !(f->flags & O_NONBLOCK) && !(send.flags & MSG_DONTWAIT);
    if (f->kind == FILE_SOCKET)
        return sock_send(h, f->sock, &send);
    if (socket_only)
        return fail(ENOTSOCK);
    if (f->kind == FILE_PIPE_WRITE || f->kind == FILE_PIPE_READ)
        return pipe_write(h, f, send.iov, send.n);
    return f->kind == FILE_DISK ? writev(f->disk, send.iov, send.n) : fail(EINVAL);
}

ssize_t host_write(void *ctx, int fd, const void *buf, size_t len) {
    const struct iovec iov = {(void *)(uintptr_t)buf, len};
    return file_send(ctx, fd, (struct sending){.iov = &iov, .n = 1}, false);
}

ssize_t host_writev(void *ctx, int fd, const struct iovec *iov, int n) {
    return n < 0 || n > IOV_MAX ? fail(EINVAL) : file_send(ctx, fd, (struct sending){.iov = iov, .n = n}, false);
}

ssize_t host_send(void *ctx, int fd, const void *buf, size_t len, int flags) {
    return host_sendto(ctx, fd, buf, len, flags, NULL, 0);
}

/* A connected TCP does not look at the address. */
ssize_t host_sendto(void *ctx, int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                    socklen_t to_len) {
    const struct iovec iov = {(void *)(uintptr_t)buf, len};
    return file_send(ctx, fd, (struct sending){.iov = &iov, .n = 1, .flags = flags, .to = to, .to_len = to_len}, true);
}

ssize_t host_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags) {
    if (!msg)
        return fail(EFAULT);
    if (msg->msg_iovlen > IOV_MAX)
        return fail(EMSGSIZE);
    const struct sending send = {.iov = msg->msg_iov,
                                 .n = (int)msg->msg_iovlen,
                                 .flags = flags,
                                 .to = msg->msg_name,
                                 .to_len = msg->msg_namelen};
    return file_send(ctx, fd, send, true);
}

/* ---- Receiving --------------------------------------------------------------------------------------------------- */

size_t sock_readable(struct host *h, const struct sock *s) {
    struct umptcp_slice slices[PEEK_SLICES];
    size_t total = 0;
    int n = s->sock.v && !s->listening ? umptcp_recv_peek(h->stack, s->sock, slices, PEEK_SLICES) : 0;
    for (int i = 0; i < n; i++)
        total += slices[i].len;
    return total;
}

/* Copies bytes to position `at` of a list of buffers. */
static void scatter(const struct iovec *iov, int n, size_t at, const uint8_t *from, size_t len) {
    for (int i = 0; i < n && len; i++) {
        if (at >= iov[i].iov_len) {
            at -= iov[i].iov_len;
            continue;
        }
        size_t part = len < iov[i].iov_len - at ? len : iov[i].iov_len - at;
        memcpy((uint8_t *)iov[i].iov_base + at, from, part);
        from += part;
        len -= part;
        at = 0;
    }
}

/* Reads what there is into the buffers from position `at` on; how many bytes. MSG_TRUNC: they are thrown away. */
static size_t take_in(struct host *h, const struct sock *s, const struct iovec *iov, int n, size_t at, int flags) {
    struct umptcp_slice slices[PEEK_SLICES];
    size_t want = iov_total(iov, n) - at, got = 0;
    int nslices = umptcp_recv_peek(h->stack, s->sock, slices, PEEK_SLICES);
    for (int i = 0; i < nslices && got < want; i++) {
        size_t part = slices[i].len < want - got ? slices[i].len : want - got;
        if (!(flags & MSG_TRUNC))
            scatter(iov, n, at + got, slices[i].base, part);
        got += part;
    }
    if (!(flags & MSG_PEEK))
        umptcp_recv_consume(h->stack, s->sock, got, h->now);
    host_settle(h);
    return got;
}

/* The octet of the urgent mark. */
static ssize_t receive_urgent(struct host *h, const struct sock *s, const struct iovec *iov, int n, int flags) {
    uint8_t octet;
    int got = s->sock.v ? umptcp_recv_urgent(h->stack, s->sock, &octet, flags & MSG_PEEK, h->now) : -EINVAL;
    if (got < 0)
        return fail(-got);
    if (got && !(flags & MSG_TRUNC))
        scatter(iov, n, 0, &octet, 1);
    return got && iov_total(iov, n) ? 1 : 0;
}

static bool at_mark(struct host *h, const struct sock *s) {
    struct umptcp_urgent urgent;
    return umptcp_urgent(h->stack, s->sock, &urgent) == 0 && urgent.at_mark;
}

static size_t low_water(const struct sock *s, size_t want) {
    return (size_t)s->rcvlowat < want ? (size_t)s->rcvlowat : want;
}

/* Nothing can be read now: 0 at the end of the stream, or the errno; EAGAIN: something may come. */
static int receive_obstacle(struct host *h, struct sock *s) {
    struct umptcp_slice slice;
    enum umptcp_tcp_state state = sock_state(h, s);
    int end = s->sock.v ? umptcp_recv_peek(h->stack, s->sock, &slice, 1) : -ENOTCONN;
    if (end == 0)
        return 0; /* the peer's end, whatever came after it */
    if (s->error)
        return sock_take_error(s);
    if (s->shut & SHUT_RECEIVE || s->closed)
        return 0;
    return state == UMPTCP_CLOSED ? ENOTCONN : EAGAIN;
}

ssize_t sock_receive(struct host *h, struct sock *s, const struct iovec *iov, int n, int flags, bool wait) {
    size_t have;
    if (flags & MSG_ERRQUEUE)
        return sock_read_error(s, NULL);
    if (s->listening)
        return fail(ENOTCONN);
    if (flags & MSG_OOB && !s->mptcp)
        return receive_urgent(h, s, iov, n, flags);
    have = sock_readable(h, s);
    if (have && !(flags & MSG_TRUNC) && !iov_usable(iov, &n))
        return -1;
    size_t want = iov_total(iov, n);
    if (!want)
        return 0;
    size_t done = h->job && wait ? h->job->done : 0;
    size_t target = flags & MSG_WAITALL ? want : low_water(s, want), enough = target > done ? target - done : 0;
    if (have || (s->sock.v && !(flags & MSG_PEEK) && at_mark(h, s)))
        done += take_in(h, s, iov, n, done, flags); /* who reads on at the mark does not want its octet */
    if (done && at_mark(h, s))
        return (ssize_t)done; /* a read ends there, whatever it waits for */
    int err = have < enough ? receive_obstacle(h, s) : 0;
    if (have < enough && err == EAGAIN && wait && host_wait(h, s->rcvtimeo)) {
        h->job->done = flags & MSG_PEEK ? 0 : done;
        return fail(EAGAIN);
    }
    if (!done && err)
        return fail(err);
    if (err && err != EAGAIN)
        s->error = err; /* after the bytes */
    return (ssize_t)done;
}

static ssize_t file_receive(struct host *h, int fd, const struct iovec *iov, int n, int flags, bool socket_only) {
    struct file *f = file_of(h, fd);
    if (!f)
        return -1;
    if (f->kind == FILE_SOCKET)
        return sock_receive(h, f->sock, iov, n, flags, !(f->flags & O_NONBLOCK) && !(flags & MSG_DONTWAIT));
    if (socket_only)
        return fail(ENOTSOCK);
    if (f->kind == FILE_PIPE_READ || f->kind == FILE_PIPE_WRITE)
        return pipe_read(h, f, iov, n);
    return f->kind == FILE_DISK ? readv(f->disk, iov, n) : fail(EINVAL);
}

ssize_t host_read(void *ctx, int fd, void *buf, size_t len) {
    const struct iovec iov = {buf, len};
    return file_receive(ctx, fd, &iov, 1, 0, false);
}

ssize_t host_readv(void *ctx, int fd, const struct iovec *iov, int n) {
    return n < 0 || n > IOV_MAX ? fail(EINVAL) : file_receive(ctx, fd, iov, n, 0, false);
}

ssize_t host_recv(void *ctx, int fd, void *buf, size_t len, int flags) {
    const struct iovec iov = {buf, len};
    return file_receive(ctx, fd, &iov, 1, flags, true);
}

/* TCP names no sender. */
ssize_t host_recvfrom(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from, socklen_t *from_len) {
    if (from && from_len)
        *from_len = 0;
    return host_recv(ctx, fd, buf, len, flags);
}

/* TCP_INQ: how much is left to read; the end of the stream counts as one. */
static void add_inq(struct host *h, struct sock *s, struct msghdr *msg, size_t room) {
    struct umptcp_slice slice;
    int left = (int)sock_readable(h, s);
    if (!left && s->sock.v && umptcp_recv_peek(h->stack, s->sock, &slice, 1) == 0)
        left = 1;
    msg->msg_controllen = room;
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    if (!c || room < CMSG_SPACE(sizeof left)) {
        msg->msg_controllen = 0;
        msg->msg_flags |= MSG_CTRUNC;
        return;
    }
    c->cmsg_level = IPPROTO_TCP;
    c->cmsg_type = TCP_CM_INQ;
    c->cmsg_len = CMSG_LEN(sizeof left);
    memcpy(CMSG_DATA(c), &left, sizeof left);
    msg->msg_controllen = CMSG_SPACE(sizeof left);
}

ssize_t host_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags) {
    struct host *h = ctx;
    struct file *f;
    if (!msg)
        return fail(EFAULT);
    if (msg->msg_iovlen > IOV_MAX)
        return fail(EMSGSIZE);
    struct sock *s = sock_of(h, fd, &f);
    if (s && flags & MSG_ERRQUEUE)
        return sock_read_error(s, msg);
    ssize_t n = file_receive(h, fd, msg->msg_iov, (int)msg->msg_iovlen, flags, true);
    if (n < 0)
        return n;
    size_t room = msg->msg_controllen;
    msg->msg_flags = 0;
    msg->msg_namelen = 0;
    msg->msg_controllen = 0;
    if (s && sock_option(s, IPPROTO_TCP, TCP_INQ))
        add_inq(h, s, msg, room);
    return n;
}
