/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine under the original packetdrill: a shared object for its --so_filename, in virtual time.
 *
 *     packetdrill --so_filename=umptcp-packetdrill.so --so_flags='--local_ip=192.168.0.1; sysctl net.ipv4.tcp_sack=0'
 * x.pkt
 *
 * The flags are separated by semicolons: option lines of scripts, and commands that the engine target understands. The
 * tool's own options and its scripts' commands do not reach us. An address that a call binds to is taken as one of
 * ours.
 *
 * Virtual time goes on when the tool waits: in its usleep(), when it asks for a packet and there is none, and by a
 * microsecond whenever it looks at the clock, because it polls the clock for the last of a wait. Calls may come from
 * two threads at once. The main one never waits for another: a call of its that blocks lets time pass. One of the
 * second thread sleeps on a condition until something changed, and the tool sees it sleep.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "script/engine_commands.h"
#include "script/host.h"

/* How long the tool may wait for a packet, in virtual time, before it is told that none comes. */
#define PATIENCE SEC(3600)
#define START    SEC(1000)
#define TICK     USEC(1)

/* The table that the tool hands us to fill in: a context, then its functions in this order. */
struct packetdrill_table {
    void *ctx;
    void (*free)(void *ctx);
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
    int (*fcntl)(void *ctx, int fd, int cmd, ...);
    int (*ioctl)(void *ctx, int fd, unsigned long request, ...);
    int (*close)(void *ctx, int fd);
    int (*shutdown)(void *ctx, int fd, int how);
    int (*getsockopt)(void *ctx, int fd, int level, int name, void *value, socklen_t *len);
    int (*setsockopt)(void *ctx, int fd, int level, int name, const void *value, socklen_t len);
    int (*poll)(void *ctx, struct pollfd *fds, nfds_t n, int timeout_ms);
    int (*netdev_send)(void *ctx, const void *packet, size_t len);
    int (*netdev_receive)(void *ctx, void *buf, size_t *len, long long *time_usecs);
    int (*usleep)(void *ctx, useconds_t usecs);
    int (*gettimeofday)(void *ctx, struct timeval *now, struct timezone *zone);
    int (*epoll_create)(void *ctx, int size);
    int (*epoll_ctl)(void *ctx, int epfd, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *ctx, int epfd, struct epoll_event *events, int max, int timeout_ms);
    int (*pipe)(void *ctx, int fds[2]);
    int (*splice)(void *ctx, int in, loff_t *off_in, int out, loff_t *off_out, size_t len, unsigned flags);
};

__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags,
                                                                       struct packetdrill_table *table);

struct adapter {
    struct arena arena;
    struct settings settings;
    struct host *h;
    struct posix posix;
    pthread_mutex_t lock;
    pthread_cond_t changed, tried;
    uint64_t changes; /* how often those who sleep were woken */
    int sleepers;     /* calls of the second thread that wait, */
    int untried;      /* thereof those that were woken and did not look yet */
    utime deadline;   /* and when one of them is to wake up by itself */
};

_Noreturn __attribute__((format(printf, 1, 2))) static void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("umptcp-packetdrill: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void lock(struct adapter *a) { pthread_mutex_lock(&a->lock); }

/* Something changed that a sleeping call may be waiting for: it tries again. */
static void change(struct adapter *a) {
    a->changes++;
    a->untried = a->sleepers;
    a->deadline = UMPTCP_NEVER;
    pthread_cond_broadcast(&a->changed);
}

/* errno is the call's. */
static void unlock(struct adapter *a) {
    int error = errno;
    pthread_mutex_unlock(&a->lock);
    errno = error;
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

/* Time stands still until everybody who was woken has looked: they are to see the moment that woke them. */
static bool step(struct adapter *a, utime to) {
    while (a->untried)
        pthread_cond_wait(&a->tried, &a->lock);
    utime before = host_now(a->h), due = time_min(host_next(a->h), a->deadline);
    host_step(a->h, time_min(to, due));
    if (!time_before(host_now(a->h), due))
        change(a);
    return time_before(before, host_now(a->h));
}

static void pass(struct adapter *a, utime to) {
    enum { STANDSTILL_MAX = 1000 }; /* things that happen at one moment */
    for (int still = 0; time_before(host_now(a->h), to) && still < STANDSTILL_MAX;)
        still = step(a, to) ? 0 : still + 1;
}

static int adapter_usleep(void *ctx, useconds_t usecs) {
    struct adapter *a = ctx;
    lock(a);
    pass(a, time_add(host_now(a->h), USEC(usecs)));
    unlock(a);
    return 0;
}

static int adapter_gettimeofday(void *ctx, struct timeval *now, struct timezone *zone) {
    struct adapter *a = ctx;
    (void)zone;
    lock(a);
    pass(a, time_add(host_now(a->h), TICK));
    uint64_t usecs = host_now(a->h).ns / 1000;
    *now = (struct timeval){.tv_sec = (time_t)(usecs / 1000000), .tv_usec = (suseconds_t)(usecs % 1000000)};
    unlock(a);
    return 0;
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static int adapter_netdev_send(void *ctx, const void *packet, size_t len) {
    struct adapter *a = ctx;
    lock(a);
    int err = host_inject(a->h, packet, (uint32_t)len, 0);
    change(a);
    unlock(a);
    errno = -err;
    return err ? -1 : 0;
}

/* An empty packet is the only way to say that none comes; an error would be asked for again for ever. */
static int adapter_netdev_receive(void *ctx, void *buf, size_t *len, long long *time_usecs) {
    struct adapter *a = ctx;
    struct host_packet p = {0};
    lock(a);
    utime end = time_add(host_now(a->h), PATIENCE);
    while (!host_take(a->h, &p) && time_before(host_now(a->h), end)) {
        utime next = time_min(host_next(a->h), a->deadline);
        if (time_is_never(next) && !a->untried)
            break;
        step(a, time_min(next, end));
    }
    size_t room = *len;
    *len = p.len < room ? p.len : room;
    if (*len)
        memcpy(buf, p.data, *len);
    *time_usecs = (long long)((p.len ? p.time : host_now(a->h)).ns / 1000);
    unlock(a);
    return 0;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static bool is_main_thread(void) { return syscall(SYS_gettid) == getpid(); }

/* Sleeps until something changed. */
static void sleep_for_change(struct adapter *a, const struct host_job *job) {
    uint64_t seen = a->changes;
    a->deadline = time_min(a->deadline, job->deadline);
    a->sleepers++;
    while (a->changes == seen)
        pthread_cond_wait(&a->changed, &a->lock);
    a->sleepers--;
    a->untried--;
    pthread_cond_broadcast(&a->tried);
}

/* A call has to wait. False: in the main thread, when it would wait for ever. */
static bool wait_for_change(struct adapter *a, const struct host_job *job) {
    if (!is_main_thread()) {
        sleep_for_change(a, job);
        return true;
    }
    utime next = time_min(time_min(host_next(a->h), a->deadline), job->deadline);
    if (time_is_never(next) && !a->untried)
        return false;
    step(a, next);
    return true;
}

/* Makes a call until it need not wait any more. */
#define CALL(result, call)                                                                                             \
    do {                                                                                                               \
        struct adapter *a = ctx;                                                                                       \
        struct host_job job = {0};                                                                                     \
        lock(a);                                                                                                       \
        do {                                                                                                           \
            job.blocked = false;                                                                                       \
            host_begin(a->h, &job);                                                                                    \
            (result) = a->posix.call;                                                                                  \
            host_begin(a->h, NULL);                                                                                    \
        } while (job.blocked && wait_for_change(a, &job));                                                             \
        change(a);                                                                                                     \
        unlock(a);                                                                                                     \
    } while (0)

#define ADAPTER(type, name, parameters, ...)                                                                           \
    static type adapter_##name parameters {                                                                            \
        type result;                                                                                                   \
        CALL(result, name(__VA_ARGS__));                                                                               \
        return result;                                                                                                 \
    }
#define H a->posix.ctx

ADAPTER(int, socket, (void *ctx, int domain, int type, int protocol), H, domain, type, protocol)
ADAPTER(int, bind, (void *ctx, int fd, const struct sockaddr *addr, socklen_t len), H, fd, addr, len)
ADAPTER(int, listen, (void *ctx, int fd, int backlog), H, fd, backlog)
ADAPTER(int, accept, (void *ctx, int fd, struct sockaddr *addr, socklen_t *len), H, fd, addr, len)
ADAPTER(int, connect, (void *ctx, int fd, const struct sockaddr *addr, socklen_t len), H, fd, addr, len)
ADAPTER(ssize_t, read, (void *ctx, int fd, void *buf, size_t len), H, fd, buf, len)
ADAPTER(ssize_t, readv, (void *ctx, int fd, const struct iovec *iov, int n), H, fd, iov, n)
ADAPTER(ssize_t, recv, (void *ctx, int fd, void *buf, size_t len, int flags), H, fd, buf, len, flags)
ADAPTER(ssize_t, recvfrom,
        (void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from, socklen_t *from_len), H, fd, buf,
        len, flags, from, from_len)
ADAPTER(ssize_t, recvmsg, (void *ctx, int fd, struct msghdr *msg, int flags), H, fd, msg, flags)
ADAPTER(ssize_t, write, (void *ctx, int fd, const void *buf, size_t len), H, fd, buf, len)
ADAPTER(ssize_t, writev, (void *ctx, int fd, const struct iovec *iov, int n), H, fd, iov, n)
ADAPTER(ssize_t, send, (void *ctx, int fd, const void *buf, size_t len, int flags), H, fd, buf, len, flags)
ADAPTER(ssize_t, sendto,
        (void *ctx, int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t to_len), H, fd,
        buf, len, flags, to, to_len)
ADAPTER(ssize_t, sendmsg, (void *ctx, int fd, const struct msghdr *msg, int flags), H, fd, msg, flags)
ADAPTER(int, close, (void *ctx, int fd), H, fd)
ADAPTER(int, shutdown, (void *ctx, int fd, int how), H, fd, how)
ADAPTER(int, getsockopt, (void *ctx, int fd, int level, int name, void *value, socklen_t *len), H, fd, level, name,
        value, len)
ADAPTER(int, setsockopt, (void *ctx, int fd, int level, int name, const void *value, socklen_t len), H, fd, level, name,
        value, len)
ADAPTER(int, poll, (void *ctx, struct pollfd *fds, nfds_t n, int timeout_ms), H, fds, n, timeout_ms)
ADAPTER(int, epoll_create, (void *ctx, int size), H, size)
ADAPTER(int, epoll_ctl, (void *ctx, int epfd, int op, int fd, struct epoll_event *event), H, epfd, op, fd, event)
ADAPTER(int, epoll_wait, (void *ctx, int epfd, struct epoll_event *events, int max, int timeout_ms), H, epfd, events,
        max, timeout_ms)
ADAPTER(int, pipe, (void *ctx, int fds[2]), H, fds)

/* Through the table a splice without offsets comes with pointers to zeros. */
static int adapter_splice(void *ctx, int in, loff_t *off_in, int out, loff_t *off_out, size_t len, unsigned flags) {
    ssize_t result;
    (void)off_in;
    (void)off_out;
    CALL(result, splice(H, in, NULL, out, NULL, len, flags));
    return (int)result;
}

static int adapter_fcntl(void *ctx, int fd, int cmd, ...) {
    int result;
    long arg = 0;
    va_list args;
    va_start(args, cmd);
    if (cmd == F_SETFL || cmd == F_SETFD)
        arg = va_arg(args, int);
    va_end(args);
    CALL(result, fcntl(H, fd, cmd, arg));
    return result;
}

static int adapter_ioctl(void *ctx, int fd, unsigned long request, ...) {
    int result;
    va_list args;
    va_start(args, request);
    int *arg = va_arg(args, int *);
    va_end(args);
    CALL(result, ioctl(H, fd, request, arg));
    return result;
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

/* The tool closes what a script left open with the C library's close(): so descriptors are real. */
static int make_fd(void *ctx) {
    (void)ctx;
    return eventfd(0, EFD_CLOEXEC);
}

static void drop_fd(void *ctx, int fd) {
    (void)ctx;
    close(fd);
}

static void adapter_free(void *ctx) {
    struct adapter *a = ctx;
    host_close(a->h);
    arena_free(&a->arena);
    free(a);
}

static void pause_for(void *ctx, dur time) {
    struct adapter *a = ctx;
    pass(a, time_add(host_now(a->h), time));
}

/* What stands between semicolons; the next call goes on behind it. */
static char *next_flag(char **at) {
    char *flag = strsep(at, ";");
    while (flag && (*flag == ' ' || *flag == '\n'))
        flag++;
    for (size_t len = flag ? strlen(flag) : 0; len && flag[len - 1] == ' '; len--)
        flag[len - 1] = '\0';
    return flag;
}

static void adapter_configure(struct adapter *a, const char *flags) {
    char error[512], *copy = arena_text(&a->arena, flags, strlen(flags)), *at = copy, *flag;
    settings_init(&a->settings, strstr(flags, "--ip_version=ipv6") ? FAMILY_IPV6 : FAMILY_IPV4, &a->arena);
    while ((flag = next_flag(&at)))
        if (strncmp(flag, "--", 2) == 0 && settings_apply(&a->settings, flag + 2, true, error, sizeof error))
            die("%s", error);
    if (settings_finish(&a->settings, error, sizeof error))
        die("%s", error);
    struct host_options options = {.seed = {1}, .start = {START}, .fd_make = make_fd, .fd_drop = drop_fd};
    if (host_open(&a->settings, &options, &a->h, error, sizeof error))
        die("%s", error);
    at = arena_text(&a->arena, flags, strlen(flags));
    while ((flag = next_flag(&at)))
        if (*flag && strncmp(flag, "--", 2) != 0 &&
            engine_command_run(a->h, &a->settings, flag, pause_for, a, error, sizeof error))
            die("%s", error);
}

void packetdrill_interface_init(const char *flags, struct packetdrill_table *table) {
    struct adapter *a = calloc(1, sizeof *a);
    if (!a)
        die("out of memory");
    adapter_configure(a, flags ? flags : "");
    a->posix = host_posix(a->h);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    pthread_cond_init(&a->tried, NULL);
    a->deadline = UMPTCP_NEVER;
    *table = (struct packetdrill_table){
        .ctx = a,
        .free = adapter_free,
        .socket = adapter_socket,
        .bind = adapter_bind,
        .listen = adapter_listen,
        .accept = adapter_accept,
        .connect = adapter_connect,
        .read = adapter_read,
        .readv = adapter_readv,
        .recv = adapter_recv,
        .recvfrom = adapter_recvfrom,
        .recvmsg = adapter_recvmsg,
        .write = adapter_write,
        .writev = adapter_writev,
        .send = adapter_send,
        .sendto = adapter_sendto,
        .sendmsg = adapter_sendmsg,
        .fcntl = adapter_fcntl,
        .ioctl = adapter_ioctl,
        .close = adapter_close,
        .shutdown = adapter_shutdown,
        .getsockopt = adapter_getsockopt,
        .setsockopt = adapter_setsockopt,
        .poll = adapter_poll,
        .netdev_send = adapter_netdev_send,
        .netdev_receive = adapter_netdev_receive,
        .usleep = adapter_usleep,
        .gettimeofday = adapter_gettimeofday,
        .epoll_create = adapter_epoll_create,
        .epoll_ctl = adapter_epoll_ctl,
        .epoll_wait = adapter_epoll_wait,
        .pipe = adapter_pipe,
        .splice = adapter_splice,
    };
}
