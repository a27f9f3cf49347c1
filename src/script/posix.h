/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket calls of a stack under test: members, order and meaning of the C library's functions, with a context
 * before their arguments; -1 and errno on failure. The running kernel and the engine (host.h) both offer themselves
 * like this, so a script's calls exist once (calls.h).
 */
#ifndef UMPTCP_SCRIPT_POSIX_H
#define UMPTCP_SCRIPT_POSIX_H

#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

struct posix {
    void *ctx;
    int (*socket)(void *ctx, int domain, int type, int protocol);
    int (*bind)(void *ctx, int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(void *ctx, int fd, int backlog);
    int (*accept)(void *ctx, int fd, struct sockaddr *addr, socklen_t *len);
    int (*connect)(void *ctx, int fd, const struct sockaddr *addr, socklen_t len);
    ssize_t (*read)(void *ctx, int fd, void *buf, size_t len);
    ssize_t (*readv)(void *ctx, int fd, const struct iovec *iov, int n);
    ssize_t (*recv)(void *ctx, int fd, void *buf, size_t len, int flags);
    ssize_t (*recvfrom)(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                        socklen_t *from_len);
    ssize_t (*recvmsg)(void *ctx, int fd, struct msghdr *msg, int flags);
    ssize_t (*write)(void *ctx, int fd, const void *buf, size_t len);
    ssize_t (*writev)(void *ctx, int fd, const struct iovec *iov, int n);
    ssize_t (*send)(void *ctx, int fd, const void *buf, size_t len, int flags);
    ssize_t (*sendto)(void *ctx, int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                      socklen_t to_len);
    ssize_t (*sendmsg)(void *ctx, int fd, const struct msghdr *msg, int flags);
    int (*fcntl)(void *ctx, int fd, int cmd, long arg);
    int (*ioctl)(void *ctx, int fd, unsigned long request, int *arg);
    int (*close)(void *ctx, int fd);
    int (*shutdown)(void *ctx, int fd, int how);
    int (*getsockopt)(void *ctx, int fd, int level, int name, void *value, socklen_t *len);
    int (*setsockopt)(void *ctx, int fd, int level, int name, const void *value, socklen_t len);
    int (*poll)(void *ctx, struct pollfd *fds, nfds_t n, int timeout_ms);
    int (*epoll_create)(void *ctx, int size);
    int (*epoll_ctl)(void *ctx, int epfd, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *ctx, int epfd, struct epoll_event *events, int max, int timeout_ms);
    int (*pipe)(void *ctx, int fds[2]);
    ssize_t (*splice)(void *ctx, int in, int64_t *off_in, int out, int64_t *off_out, size_t len, unsigned flags);
    int (*open)(void *ctx, const char *path, int flags);
    ssize_t (*sendfile)(void *ctx, int out, int in, off_t *offset, size_t len);
    /* The clock (CLOCK_REALTIME) of times in control messages. NULL: the C library's. */
    int (*clock_gettime)(void *ctx, int clock, struct timespec *now);
};

#endif
