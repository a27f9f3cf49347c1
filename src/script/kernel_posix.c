/* SPDX-License-Identifier: BSD-3-Clause */
/* The C library's calls as struct posix. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "script/kernel_internal.h"

enum { MPTCP = 262, CREATED_FILE_MODE = 0666 };

static int posix_socket(void *ctx, int domain, int type, int protocol) {
    (void)ctx;
    int fd = socket(domain, type, protocol);
    if (fd < 0 && errno == EPROTONOSUPPORT && protocol == MPTCP) {
        fputs("this kernel has no MPTCP (CONFIG_MPTCP): only scripts of plain TCP can pass\n", stderr);
        errno = EPROTONOSUPPORT;
    }
    return fd;
}

static int posix_bind(void *ctx, int fd, const struct sockaddr *addr, socklen_t len) {
    (void)ctx;
    return bind(fd, addr, len);
}

static int posix_listen(void *ctx, int fd, int backlog) {
    (void)ctx;
    return listen(fd, backlog);
}

static int posix_accept(void *ctx, int fd, struct sockaddr *addr, socklen_t *len) {
    (void)ctx;
    return accept(fd, addr, len);
}

static int posix_connect(void *ctx, int fd, const struct sockaddr *addr, socklen_t len) {
    (void)ctx;
    return connect(fd, addr, len);
}

static ssize_t posix_read(void *ctx, int fd, void *buf, size_t len) {
    (void)ctx;
    return read(fd, buf, len);
}

static ssize_t posix_readv(void *ctx, int fd, const struct iovec *iov, int n) {
    (void)ctx;
    return readv(fd, iov, n);
}

static ssize_t posix_recv(void *ctx, int fd, void *buf, size_t len, int flags) {
    (void)ctx;
    return recv(fd, buf, len, flags);
}

static ssize_t posix_recvfrom(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                              socklen_t *from_len) {
    (void)ctx;
    return recvfrom(fd, buf, len, flags, from, from_len);
}

static ssize_t posix_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags) {
    (void)ctx;
    return recvmsg(fd, msg, flags);
}

static ssize_t posix_write(void *ctx, int fd, const void *buf, size_t len) {
    (void)ctx;
    return write(fd, buf, len);
}

static ssize_t posix_writev(void *ctx, int fd, const struct iovec *iov, int n) {
    (void)ctx;
    return writev(fd, iov, n);
}

static ssize_t posix_send(void *ctx, int fd, const void *buf, size_t len, int flags) {
    (void)ctx;
    return send(fd, buf, len, flags);
}

static ssize_t posix_sendto(void *ctx, int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                            socklen_t to_len) {
    (void)ctx;
    return sendto(fd, buf, len, flags, to, to_len);
}

static ssize_t posix_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags) {
    (void)ctx;
    return sendmsg(fd, msg, flags);
}

static int posix_fcntl(void *ctx, int fd, int cmd, long arg) {
    (void)ctx;
    return fcntl(fd, cmd, arg);
}

static int posix_ioctl(void *ctx, int fd, unsigned long request, int *arg) {
    (void)ctx;
    return ioctl(fd, request, arg);
}

static int posix_close(void *ctx, int fd) {
    (void)ctx;
    return close(fd);
}

static int posix_shutdown(void *ctx, int fd, int how) {
    (void)ctx;
    return shutdown(fd, how);
}

static int posix_getsockopt(void *ctx, int fd, int level, int name, void *value, socklen_t *len) {
    (void)ctx;
    return getsockopt(fd, level, name, value, len);
}

static int posix_setsockopt(void *ctx, int fd, int level, int name, const void *value, socklen_t len) {
    (void)ctx;
    return setsockopt(fd, level, name, value, len);
}

static int posix_poll(void *ctx, struct pollfd *fds, nfds_t n, int timeout_ms) {
    (void)ctx;
    return poll(fds, n, timeout_ms);
}

static int posix_epoll_create(void *ctx, int size) {
    (void)ctx;
    return epoll_create(size);
}

static int posix_epoll_ctl(void *ctx, int epfd, int op, int fd, struct epoll_event *event) {
    (void)ctx;
    return epoll_ctl(epfd, op, fd, event);
}

static int posix_epoll_wait(void *ctx, int epfd, struct epoll_event *events, int max, int timeout_ms) {
    (void)ctx;
    return epoll_wait(epfd, events, max, timeout_ms);
}

static int posix_pipe(void *ctx, int fds[2]) {
    (void)ctx;
    return pipe(fds);
}

static ssize_t posix_splice(void *ctx, int in, loff_t *off_in, int out, loff_t *off_out, size_t len, unsigned flags) {
    (void)ctx;
    return splice(in, off_in, out, off_out, len, flags);
}

static int posix_open(void *ctx, const char *path, int flags) {
    (void)ctx;
    return open(path, flags, CREATED_FILE_MODE);
}

static ssize_t posix_sendfile(void *ctx, int out, int in, off_t *offset, size_t len) {
    (void)ctx;
    return sendfile(out, in, offset, len);
}

const struct posix kernel_posix = {
    .socket = posix_socket,
    .bind = posix_bind,
    .listen = posix_listen,
    .accept = posix_accept,
    .connect = posix_connect,
    .read = posix_read,
    .readv = posix_readv,
    .recv = posix_recv,
    .recvfrom = posix_recvfrom,
    .recvmsg = posix_recvmsg,
    .write = posix_write,
    .writev = posix_writev,
    .send = posix_send,
    .sendto = posix_sendto,
    .sendmsg = posix_sendmsg,
    .fcntl = posix_fcntl,
    .ioctl = posix_ioctl,
    .close = posix_close,
    .shutdown = posix_shutdown,
    .getsockopt = posix_getsockopt,
    .setsockopt = posix_setsockopt,
    .poll = posix_poll,
    .epoll_create = posix_epoll_create,
    .epoll_ctl = posix_epoll_ctl,
    .epoll_wait = posix_epoll_wait,
    .pipe = posix_pipe,
    .splice = posix_splice,
    .open = posix_open,
    .sendfile = posix_sendfile,
};
