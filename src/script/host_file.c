/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors: the table, and what they can be beside sockets - pipes and files of the machine. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "script/host_internal.h"

enum {
    FD_FIRST = 3,
    FLAGS_CHANGEABLE = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME,
    MOVE_MAX = 65536,
};

/* ---- The table --------------------------------------------------------------------------------------------------- */

static int number_make(struct host *h) {
    if (h->options.fd_make)
        return h->options.fd_make(h->options.ctx);
    int fd = FD_FIRST;
    while (fd < h->nfiles && h->files[fd].kind)
        fd++;
    return fd;
}

static bool table_grow(struct host *h, int fd) {
    if (fd < h->nfiles)
        return true;
    int n = fd + 16;
    struct file *files = fd < HOST_FDS_MAX ? realloc(h->files, (size_t)n * sizeof *files) : NULL;
    if (!files)
        return false;
    memset(files + h->nfiles, 0, (size_t)(n - h->nfiles) * sizeof *files);
    h->files = files;
    h->nfiles = n;
    return true;
}

static void number_drop(struct host *h, int fd) {
    if (h->options.fd_drop)
        h->options.fd_drop(h->options.ctx, fd);
}

int file_new(struct host *h, enum file_kind kind, int flags, struct file **file) {
    int fd = number_make(h);
    if (fd < 0)
        return fail(EMFILE);
    if (!table_grow(h, fd)) {
        number_drop(h, fd);
        return fail(EMFILE);
    }
    *file = &h->files[fd];
    **file = (struct file){.kind = kind, .serial = ++h->serial, .flags = flags};
    return fd;
}

struct file *file_of(struct host *h, int fd) {
    if (fd >= 0 && fd < h->nfiles && h->files[fd].kind)
        return &h->files[fd];
    errno = EBADF;
    return NULL;
}

struct sock *sock_of(struct host *h, int fd, struct file **file) {
    struct file *f = file_of(h, fd);
    if (!f)
        return NULL;
    if (f->kind != FILE_SOCKET) {
        errno = ENOTSOCK;
        return NULL;
    }
    *file = f;
    return f->sock;
}

static void pipe_release(struct pipe *p) {
    if (p->reader || p->writer)
        return;
    free(p->bytes);
    free(p);
}

static void wake_pipe(struct host *h, const struct pipe *p) {
    for (int i = 0; i < h->nfiles; i++) {
        const struct file *f = &h->files[i];
        if ((f->kind == FILE_PIPE_READ || f->kind == FILE_PIPE_WRITE) && f->pipe == p)
            file_wake(h, f, 0);
    }
}

static int file_close(struct host *h, int fd) {
    struct file f = h->files[fd];
    int result = 0;
    h->files[fd] = (struct file){0};
    epolls_forget(h, fd);
    switch (f.kind) {
    case FILE_NONE:
        break;
    case FILE_SOCKET:
        sock_release(h, f.sock);
        break;
    case FILE_EPOLL:
        epoll_free(h, f.epoll);
        break;
    case FILE_PIPE_READ:
    case FILE_PIPE_WRITE:
        *(f.kind == FILE_PIPE_READ ? &f.pipe->reader : &f.pipe->writer) = false;
        wake_pipe(h, f.pipe);
        pipe_release(f.pipe);
        break;
    case FILE_DISK:
        result = close(f.disk);
        break;
    }
    number_drop(h, fd);
    return result;
}

int host_close_fd(void *ctx, int fd) {
    struct host *h = ctx;
    const struct file *f = file_of(h, fd);
    if (f && f->kind == FILE_SOCKET && sock_lingers(h, f->sock))
        return fail(EAGAIN);
    return f ? file_close(h, fd) : -1;
}

void files_free(struct host *h) {
    for (int fd = 0; fd < h->nfiles; fd++)
        if (h->files[fd].kind)
            file_close(h, fd);
    free(h->files);
    h->files = NULL;
    h->nfiles = 0;
}

/* ---- fcntl, ioctl ------------------------------------------------------------------------------------------------ */

int host_fcntl(void *ctx, int fd, int cmd, long arg) {
    struct file *f = file_of(ctx, fd);
    if (!f)
        return -1;
    switch (cmd) {
    case F_GETFL:
        return f->flags;
    case F_SETFL:
        f->flags = (f->flags & ~FLAGS_CHANGEABLE) | ((int)arg & FLAGS_CHANGEABLE);
        return 0;
    case F_GETFD:
        return f->fd_flags;
    case F_SETFD:
        f->fd_flags = (int)arg & FD_CLOEXEC;
        return 0;
    default:
        return fail(EINVAL);
    }
}

/* Up to the urgent mark, when its octet is apart. */
static size_t sock_inq(struct host *h, const struct sock *s, const struct umptcp_urgent *urgent) {
    if (!urgent->marked)
        return sock_readable(h, s);
    const bool stops = !sock_option(s, SOL_SOCKET, SO_OOBINLINE) && urgent->ahead < urgent->unread;
    return stops ? urgent->ahead : urgent->unread;
}

static int socket_ioctl(struct host *h, struct sock *s, unsigned long request, int *arg) {
    struct umptcp_info info;
    struct umptcp_urgent urgent = {0};
    bool known = sock_info(h, s, &info);
    if (request != SIOCINQ && request != SIOCOUTQ && request != SIOCOUTQNSD && (request != SIOCATMARK || s->mptcp))
        return fail(ENOTTY);
    if (s->listening)
        return fail(EINVAL);
    if (!arg)
        return fail(EFAULT);
    if (known)
        umptcp_urgent(h->stack, s->sock, &urgent);
    if (request == SIOCATMARK)
        *arg = urgent.at_mark;
    else if (request == SIOCINQ)
        *arg = (int)sock_inq(h, s, &urgent);
    else if (!known || info.state == UMPTCP_SYN_SENT || info.state == UMPTCP_CLOSED)
        *arg = 0;
    else
        *arg = (int)(request == SIOCOUTQ ? info.write_seq - info.snd_una : info.unsent);
    return 0;
}

int host_ioctl(void *ctx, int fd, unsigned long request, int *arg) {
    struct host *h = ctx;
    struct file *f = file_of(h, fd);
    if (!f)
        return -1;
    if (request == FIONBIO) {
        if (!arg)
            return fail(EFAULT);
        f->flags = *arg ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK;
        return 0;
    }
    if (f->kind == FILE_SOCKET)
        return socket_ioctl(h, f->sock, request, arg);
    if ((f->kind == FILE_PIPE_READ || f->kind == FILE_PIPE_WRITE) && request == FIONREAD && arg) {
        *arg = (int)f->pipe->len;
        return 0;
    }
    return fail(ENOTTY);
}

/* ---- Pipes ------------------------------------------------------------------------------------------------------- */

int host_pipe(void *ctx, int fds[2]) {
    struct host *h = ctx;
    struct pipe *p = calloc(1, sizeof *p);
    struct file *f;
    if (p)
        p->bytes = malloc(PIPE_SIZE);
    if (!p || !p->bytes) {
        free(p);
        return fail(ENOMEM);
    }
    fds[0] = file_new(h, FILE_PIPE_READ, O_RDONLY, &f);
    if (fds[0] < 0) {
        pipe_release(p);
        return -1;
    }
    f->pipe = p;
    p->reader = true;
    fds[1] = file_new(h, FILE_PIPE_WRITE, O_WRONLY, &f);
    if (fds[1] < 0) {
        file_close(h, fds[0]);
        return fail(EMFILE);
    }
    f->pipe = p;
    p->writer = true;
    return 0;
}

static size_t pipe_take(struct pipe *p, uint8_t *to, size_t len) {
    size_t n = len < p->len ? len : p->len;
    for (size_t i = 0; i < n; i++)
        to[i] = p->bytes[(p->start + i) % PIPE_SIZE];
    p->start = (p->start + n) % PIPE_SIZE;
    p->len -= n;
    return n;
}

static size_t pipe_put(struct pipe *p, const uint8_t *from, size_t len) {
    size_t n = len < PIPE_SIZE - p->len ? len : PIPE_SIZE - p->len;
    for (size_t i = 0; i < n; i++)
        p->bytes[(p->start + p->len + i) % PIPE_SIZE] = from[i];
    p->len += n;
    return n;
}

ssize_t pipe_read(struct host *h, struct file *f, const struct iovec *iov, int n) {
    struct pipe *p = f->pipe;
    size_t got = 0;
    if (f->kind != FILE_PIPE_READ)
        return fail(EBADF);
    if (!p->len) {
        if (p->writer && !(f->flags & O_NONBLOCK))
            host_wait(h, UINT64_MAX);
        return p->writer ? fail(EAGAIN) : 0;
    }
    for (int i = 0; i < n; i++)
        got += pipe_take(p, iov[i].iov_base, iov[i].iov_len);
    wake_pipe(h, p);
    return (ssize_t)got;
}

ssize_t pipe_write(struct host *h, struct file *f, const struct iovec *iov, int n) {
    struct pipe *p = f->pipe;
    size_t put = 0;
    if (f->kind != FILE_PIPE_WRITE)
        return fail(EBADF);
    if (!p->reader)
        return fail(EPIPE);
    for (int i = 0; i < n; i++)
        put += pipe_put(p, iov[i].iov_base, iov[i].iov_len);
    wake_pipe(h, p);
    if (put)
        return (ssize_t)put;
    if (!(f->flags & O_NONBLOCK))
        host_wait(h, UINT64_MAX);
    return fail(EAGAIN);
}

/* ---- splice ------------------------------------------------------------------------------------------------------ */

static bool is_pipe(const struct file *f) { return f->kind == FILE_PIPE_READ || f->kind == FILE_PIPE_WRITE; }

/* Reads into `buf` from a socket or a file. */
static ssize_t pull(struct host *h, struct file *f, loff_t *offset, uint8_t *buf, size_t len, bool wait) {
    const struct iovec iov = {buf, len};
    switch (f->kind) {
    case FILE_SOCKET:
        return sock_receive(h, f->sock, &iov, 1, 0, wait && !(f->flags & O_NONBLOCK));
    case FILE_DISK: {
        ssize_t n = offset ? pread(f->disk, buf, len, *offset) : read(f->disk, buf, len);
        if (n > 0 && offset)
            *offset += n;
        return n;
    }
    default:
        return fail(EINVAL);
    }
}

/* Pipe to socket: what the socket did not take stays in the pipe. */
static ssize_t splice_out(struct host *h, struct file *in, struct file *out, size_t len, bool wait) {
    struct pipe *p = in->pipe;
    uint8_t buf[MOVE_MAX];
    if (in->kind != FILE_PIPE_READ || out->kind != FILE_SOCKET)
        return fail(in->kind == FILE_PIPE_READ ? EINVAL : EBADF);
    if (!p->len) {
        if (p->writer && wait)
            host_wait(h, UINT64_MAX);
        return p->writer ? fail(EAGAIN) : 0;
    }
    struct pipe peek = *p;
    size_t n = pipe_take(&peek, buf, len < sizeof buf ? len : sizeof buf);
    const struct iovec iov = {buf, n};
    ssize_t sent = sock_send(h, out->sock,
                             &(struct sending){.iov = &iov,
                                               .n = 1,
                                               .flags = n < p->len && len > n ? MSG_MORE : 0,
                                               .wait = wait && !(out->flags & O_NONBLOCK)});
    if (sent > 0) {
        pipe_take(p, buf, (size_t)sent);
        wake_pipe(h, p);
    }
    return sent;
}

/* Nothing but the octet of urgent data is there, which no splice takes: Linux does not wait behind it. */
static bool stands_at_mark(struct host *h, const struct file *f) {
    struct umptcp_urgent urgent = {0};
    return f->kind == FILE_SOCKET && !f->sock->listening && !umptcp_urgent(h->stack, f->sock->sock, &urgent) &&
           urgent.at_mark && urgent.unread == 1 && !sock_option(f->sock, SOL_SOCKET, SO_OOBINLINE);
}

static ssize_t splice_in(struct host *h, struct file *in, loff_t *off_in, struct file *out, size_t len, bool wait) {
    struct pipe *p = out->pipe;
    uint8_t buf[MOVE_MAX];
    size_t room = PIPE_SIZE - p->len;
    if (out->kind != FILE_PIPE_WRITE)
        return fail(EBADF);
    if (!p->reader)
        return fail(EPIPE);
    if (!room) {
        if (wait)
            host_wait(h, UINT64_MAX);
        return fail(EAGAIN);
    }
    len = len < room ? len : room;
    if (stands_at_mark(h, in))
        return 0;
    ssize_t n = pull(h, in, off_in, buf, len < sizeof buf ? len : sizeof buf, wait);
    if (n > 0) {
        pipe_put(p, buf, (size_t)n);
        wake_pipe(h, p);
    }
    return n;
}

ssize_t host_splice(void *ctx, int in, loff_t *off_in, int out, loff_t *off_out, size_t len, unsigned flags) {
    struct host *h = ctx;
    struct file *fin = file_of(h, in), *fout = fin ? file_of(h, out) : NULL;
    bool wait = !(flags & SPLICE_F_NONBLOCK);
    if (!fin || !fout)
        return -1;
    if (!len)
        return 0;
    if (!is_pipe(fin) && !is_pipe(fout))
        return fail(EINVAL);
    if ((is_pipe(fin) && off_in) || (is_pipe(fout) && off_out))
        return fail(ESPIPE);
    if (is_pipe(fin) && is_pipe(fout)) {
        uint8_t buf[MOVE_MAX];
        size_t room = PIPE_SIZE - fout->pipe->len, n = len < room ? len : room;
        if (fin->pipe == fout->pipe)
            return fail(EINVAL);
        if (!fin->pipe->len || !room)
            return fin->pipe->writer ? fail(EAGAIN) : 0;
        n = pipe_take(fin->pipe, buf, n < sizeof buf ? n : sizeof buf);
        return (ssize_t)pipe_put(fout->pipe, buf, n);
    }
    if (is_pipe(fin))
        return splice_out(h, fin, fout, len, wait);
    return splice_in(h, fin, off_in, fout, len, wait);
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

int host_open_file(void *ctx, const char *path, int flags) {
    struct host *h = ctx;
    struct file *f;
    int disk = open(path, flags | O_CLOEXEC, 0644);
    if (disk < 0)
        return -1;
    int fd = file_new(h, FILE_DISK, flags & (O_ACCMODE | FLAGS_CHANGEABLE), &f);
    if (fd < 0) {
        close(disk);
        return fail(EMFILE);
    }
    f->disk = disk;
    return fd;
}

/* The bytes that a waiting sendfile() has moved already are behind the file's position: the job remembers how many. */
ssize_t host_sendfile(void *ctx, int out, int in, off_t *offset, size_t len) {
    struct host *h = ctx;
    struct file *fout = file_of(h, out), *fin = fout ? file_of(h, in) : NULL;
    uint8_t buf[MOVE_MAX];
    size_t before = h->job ? h->job->done : 0, done = before;
    ssize_t n = 0;
    if (!fin || !fout)
        return -1;
    if (fin->kind != FILE_DISK || fout->kind != FILE_SOCKET)
        return fail(EINVAL);
    off_t from = offset ? *offset : lseek(fin->disk, 0, SEEK_CUR);
    while (done < len) {
        size_t part = len - done < sizeof buf ? len - done : sizeof buf;
        ssize_t got = from < 0 ? read(fin->disk, buf, part) : pread(fin->disk, buf, part, from + (off_t)done);
        if (got <= 0) {
            n = got;
            break;
        }
        uint8_t next;
        const off_t end = from + (off_t)done + got;
        const bool more = done + (size_t)got < len && (from < 0 || pread(fin->disk, &next, 1, end) > 0);
        const struct iovec iov = {buf, (size_t)got};
        struct host_job *job = h->job;
        h->job = NULL; /* how far this call got is kept here, not by the send */
        n = sock_send(h, fout->sock,
                      &(struct sending){.iov = &iov, .n = 1, .flags = more ? MSG_MORE : 0, .wait = false});
        h->job = job;
        if (n < 0)
            break;
        done += (size_t)n;
    }
    if (n < 0 && errno == EAGAIN && !(fout->flags & O_NONBLOCK) && host_wait(h, fout->sock->sndtimeo)) {
        h->job->done = done;
        return fail(EAGAIN);
    }
    if (done == 0)
        return n;
    if (offset)
        *offset = from + (off_t)done;
    else if (from >= 0)
        lseek(fin->disk, from + (off_t)done, SEEK_SET);
    return (ssize_t)done;
}
