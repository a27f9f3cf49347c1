/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "calllab.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "script/parse.h"
#include "wire/addr.h"

/* ---- What was called --------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void note(struct calllab *lab, const char *format, ...) {
    size_t len = strlen(lab->log);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(lab->log + len, sizeof lab->log - len, format, args);
    va_end(args);
}

static void note_address(struct calllab *lab, const struct sockaddr *sa, socklen_t len) {
    char text[UMPTCP_ADDRSTRLEN];
    if (!sa) {
        note(lab, "NULL/%u", len);
        return;
    }
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in sin;
        memcpy(&sin, sa, sizeof sin);
        struct umptcp_addr addr = addr_v4(ntohl(sin.sin_addr.s_addr));
        note(lab, "in:%s:%u/%u", umptcp_addr_format(&addr, text), ntohs(sin.sin_port), len);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 sin6;
        struct umptcp_addr addr;
        memcpy(&sin6, sa, sizeof sin6);
        memcpy(addr.b, &sin6.sin6_addr, sizeof addr.b);
        note(lab, "in6:%s:%u/%u", umptcp_addr_format(&addr, text), ntohs(sin6.sin6_port), len);
    } else {
        note(lab, "family %u/%u", sa->sa_family, len);
    }
}

/* Octets that a call gives: zeros, or the first of them. */
static void note_bytes(struct calllab *lab, const void *data, size_t len) {
    const uint8_t *at = data;
    size_t used = 0;
    for (size_t i = 0; at && i < len; i++)
        used = at[i] ? i + 1 : used;
    if (!at)
        note(lab, "NULL/%zu", len);
    else if (!used)
        note(lab, "zeros/%zu", len);
    for (size_t i = 0; i < used; i++)
        note(lab, "%02x%s", at[i], i + 1 < used ? "" : i + 1 < len ? "+/" : "/");
    if (used)
        note(lab, "%zu", len);
}

/* A buffer that is filled: all of it, so that a short one is found. */
static void fill(struct calllab *lab, void *data, size_t len) {
    note(lab, "%s/%zu", data ? "buf" : "NULL", len);
    if (data)
        memset(data, 0xaa, len);
}

static void note_iov(struct calllab *lab, const struct iovec *iov, size_t n, bool filled) {
    note(lab, "[");
    for (size_t i = 0; i < n; i++) {
        note(lab, i ? ", " : "");
        if (filled)
            fill(lab, iov[i].iov_base, iov[i].iov_len);
        else
            note_bytes(lab, iov[i].iov_base, iov[i].iov_len);
    }
    note(lab, "]");
}

static int64_t answer(struct calllab *lab) {
    errno = lab->fail;
    return lab->fail ? -1 : lab->result;
}

static int answer_fd(struct calllab *lab) {
    errno = lab->fail;
    return lab->fail ? -1 : lab->next_fd++;
}

/* ---- The C library ----------------------------------------------------------------------------------------------- */

static int fake_socket(void *ctx, int domain, int type, int protocol) {
    note(ctx, "socket(%d, %d, %d)", domain, type, protocol);
    return answer_fd(ctx);
}

static int fake_bind(void *ctx, int fd, const struct sockaddr *addr, socklen_t len) {
    note(ctx, "bind(%d, ", fd);
    note_address(ctx, addr, len);
    note(ctx, ")");
    return (int)answer(ctx);
}

static int fake_listen(void *ctx, int fd, int backlog) {
    note(ctx, "listen(%d, %d)", fd, backlog);
    return (int)answer(ctx);
}

static int fake_accept(void *ctx, int fd, struct sockaddr *addr, socklen_t *len) {
    struct calllab *lab = ctx;
    note(lab, "accept(%d, /%u)", fd, *len);
    if (lab->peer_v6) {
        struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(lab->peer.port)};
        memcpy(&sin6.sin6_addr, lab->peer.addr.b, 16);
        memcpy(addr, &sin6, sizeof sin6);
        *len = sizeof sin6;
    } else {
        struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(lab->peer.port)};
        sin.sin_addr.s_addr = htonl(addr_to_v4(&lab->peer.addr));
        memcpy(addr, &sin, sizeof sin);
        *len = sizeof sin;
    }
    return answer_fd(lab);
}

static int fake_connect(void *ctx, int fd, const struct sockaddr *addr, socklen_t len) {
    note(ctx, "connect(%d, ", fd);
    note_address(ctx, addr, len);
    note(ctx, ")");
    return (int)answer(ctx);
}

static ssize_t fake_read(void *ctx, int fd, void *buf, size_t len) {
    note(ctx, "read(%d, ", fd);
    fill(ctx, buf, len);
    note(ctx, ")");
    return answer(ctx);
}

static ssize_t fake_readv(void *ctx, int fd, const struct iovec *iov, int n) {
    note(ctx, "readv(%d, ", fd);
    note_iov(ctx, iov, (size_t)n, true);
    note(ctx, ")");
    return answer(ctx);
}

static ssize_t fake_recv(void *ctx, int fd, void *buf, size_t len, int flags) {
    note(ctx, "recv(%d, ", fd);
    fill(ctx, buf, len);
    note(ctx, ", %#x)", flags);
    return answer(ctx);
}

static ssize_t fake_recvfrom(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                             socklen_t *from_len) {
    note(ctx, "recvfrom(%d, ", fd);
    fill(ctx, buf, len);
    note(ctx, ", %#x, ", flags);
    fill(ctx, from, *from_len);
    note(ctx, ")");
    return answer(ctx);
}

static ssize_t fake_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags) {
    struct calllab *lab = ctx;
    note(lab, "recvmsg(%d, name ", fd);
    fill(lab, msg->msg_name, msg->msg_namelen);
    note(lab, ", ");
    note_iov(lab, msg->msg_iov, msg->msg_iovlen, true);
    note(lab, ", control ");
    fill(lab, msg->msg_control, msg->msg_controllen);
    note(lab, ", flags %#x, %#x)", (unsigned)msg->msg_flags, (unsigned)flags);
    if (msg->msg_control) {
        assert_true(lab->out_len <= msg->msg_controllen);
        memcpy(msg->msg_control, lab->out, lab->out_len);
        msg->msg_controllen = lab->out_len;
    }
    msg->msg_flags = lab->msg_flags;
    return answer(lab);
}

static ssize_t fake_write(void *ctx, int fd, const void *buf, size_t len) {
    note(ctx, "write(%d, ", fd);
    note_bytes(ctx, buf, len);
    note(ctx, ")");
    return answer(ctx);
}

static ssize_t fake_writev(void *ctx, int fd, const struct iovec *iov, int n) {
    note(ctx, "writev(%d, ", fd);
    note_iov(ctx, iov, (size_t)n, false);
    note(ctx, ")");
    return answer(ctx);
}

static ssize_t fake_send(void *ctx, int fd, const void *buf, size_t len, int flags) {
    note(ctx, "send(%d, ", fd);
    note_bytes(ctx, buf, len);
    note(ctx, ", %#x)", flags);
    return answer(ctx);
}

static ssize_t fake_sendto(void *ctx, int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                           socklen_t to_len) {
    note(ctx, "sendto(%d, ", fd);
    note_bytes(ctx, buf, len);
    note(ctx, ", %#x, ", flags);
    note_address(ctx, to, to_len);
    note(ctx, ")");
    return answer(ctx);
}

static ssize_t fake_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags) {
    struct calllab *lab = ctx;
    note(lab, "sendmsg(%d, ", fd);
    note_address(lab, msg->msg_name, msg->msg_namelen);
    note(lab, ", ");
    note_iov(lab, msg->msg_iov, msg->msg_iovlen, false);
    struct msghdr copy = *msg;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&copy); at; at = CMSG_NXTHDR(&copy, at)) {
        note(lab, ", %d %d ", at->cmsg_level, at->cmsg_type);
        note_bytes(lab, CMSG_DATA(at), at->cmsg_len - CMSG_LEN(0));
    }
    note(lab, ", %#x)", (unsigned)flags);
    return answer(lab);
}

static int fake_fcntl(void *ctx, int fd, int cmd, long arg) {
    note(ctx, "fcntl(%d, %d, %ld)", fd, cmd, arg);
    return (int)answer(ctx);
}

static int fake_ioctl(void *ctx, int fd, unsigned long request, int *arg) {
    struct calllab *lab = ctx;
    note(lab, "ioctl(%d, %#lx, ", fd, request);
    if (arg)
        note(lab, "%d)", *arg);
    else
        note(lab, "NULL)");
    if (arg)
        *arg = lab->ioctl_value;
    return (int)answer(lab);
}

static int fake_close(void *ctx, int fd) {
    note(ctx, "close(%d)", fd);
    return (int)answer(ctx);
}

static int fake_shutdown(void *ctx, int fd, int how) {
    note(ctx, "shutdown(%d, %d)", fd, how);
    return (int)answer(ctx);
}

static int fake_getsockopt(void *ctx, int fd, int level, int name, void *value, socklen_t *len) {
    struct calllab *lab = ctx;
    note(lab, "getsockopt(%d, %d, %d, ", fd, level, name);
    fill(lab, value, *len);
    note(lab, ")");
    if (value)
        memcpy(value, lab->out, *len < lab->out_len ? *len : lab->out_len);
    *len = lab->out_len;
    return (int)answer(lab);
}

static int fake_setsockopt(void *ctx, int fd, int level, int name, const void *value, socklen_t len) {
    note(ctx, "setsockopt(%d, %d, %d, ", fd, level, name);
    note_bytes(ctx, value, len);
    note(ctx, ")");
    return (int)answer(ctx);
}

static int fake_poll(void *ctx, struct pollfd *fds, nfds_t n, int timeout_ms) {
    struct calllab *lab = ctx;
    note(lab, "poll([");
    for (nfds_t i = 0; i < n; i++) {
        note(lab, "%s%d %#x %#x", i ? ", " : "", fds[i].fd, (unsigned short)fds[i].events,
             (unsigned short)fds[i].revents);
        fds[i].revents = i < LAB_EVENTS ? lab->revents[i] : 0;
    }
    note(lab, "], %d)", timeout_ms);
    return (int)answer(lab);
}

static int fake_epoll_create(void *ctx, int size) {
    note(ctx, "epoll_create(%d)", size);
    return answer_fd(ctx);
}

static int fake_epoll_ctl(void *ctx, int epfd, int op, int fd, struct epoll_event *event) {
    note(ctx, "epoll_ctl(%d, %d, %d, ", epfd, op, fd);
    if (event)
        note(ctx, "%#x %#llx)", event->events, (unsigned long long)event->data.u64);
    else
        note(ctx, "NULL)");
    return (int)answer(ctx);
}

static int fake_epoll_wait(void *ctx, int epfd, struct epoll_event *events, int max, int timeout_ms) {
    struct calllab *lab = ctx;
    note(lab, "epoll_wait(%d, %d, %d)", epfd, max, timeout_ms);
    int64_t n = answer(lab);
    for (int64_t i = 0; i < n && i < LAB_EVENTS; i++)
        events[i] = lab->events[i];
    return (int)n;
}

static int fake_pipe(void *ctx, int fds[2]) {
    struct calllab *lab = ctx;
    note(lab, "pipe()");
    if (lab->fail)
        return (int)answer(lab);
    fds[0] = lab->next_fd++;
    fds[1] = lab->next_fd++;
    return 0;
}

static void note_offset(struct calllab *lab, const int64_t *offset) {
    if (offset)
        note(lab, "[%lld]", (long long)*offset);
    else
        note(lab, "NULL");
}

static ssize_t fake_splice(void *ctx, int in, int64_t *off_in, int out, int64_t *off_out, size_t len, unsigned flags) {
    note(ctx, "splice(%d, ", in);
    note_offset(ctx, off_in);
    note(ctx, ", %d, ", out);
    note_offset(ctx, off_out);
    note(ctx, ", %zu, %#x)", len, flags);
    return answer(ctx);
}

static int fake_open(void *ctx, const char *path, int flags) {
    note(ctx, "open(%s, %#x)", path, (unsigned)flags);
    return answer_fd(ctx);
}

static ssize_t fake_sendfile(void *ctx, int out, int in, off_t *offset, size_t len) {
    note(ctx, "sendfile(%d, %d, ", out, in);
    int64_t at = offset ? *offset : 0;
    note_offset(ctx, offset ? &at : NULL);
    note(ctx, ", %zu)", len);
    return answer(ctx);
}

static int fake_clock(void *ctx, int clock, struct timespec *now) {
    struct calllab *lab = ctx;
    assert_int_equal(clock, CLOCK_REALTIME);
    *now = lab->clock;
    return lab->clock_fails ? -1 : 0;
}

static const struct posix fake_posix = {
    .socket = fake_socket,
    .bind = fake_bind,
    .listen = fake_listen,
    .accept = fake_accept,
    .connect = fake_connect,
    .read = fake_read,
    .readv = fake_readv,
    .recv = fake_recv,
    .recvfrom = fake_recvfrom,
    .recvmsg = fake_recvmsg,
    .write = fake_write,
    .writev = fake_writev,
    .send = fake_send,
    .sendto = fake_sendto,
    .sendmsg = fake_sendmsg,
    .fcntl = fake_fcntl,
    .ioctl = fake_ioctl,
    .close = fake_close,
    .shutdown = fake_shutdown,
    .getsockopt = fake_getsockopt,
    .setsockopt = fake_setsockopt,
    .poll = fake_poll,
    .epoll_create = fake_epoll_create,
    .epoll_ctl = fake_epoll_ctl,
    .epoll_wait = fake_epoll_wait,
    .pipe = fake_pipe,
    .splice = fake_splice,
    .open = fake_open,
    .sendfile = fake_sendfile,
    .clock_gettime = fake_clock,
};

/* ---- The lab ----------------------------------------------------------------------------------------------------- */

static dur script_now(void *ctx) { return ((struct calllab *)ctx)->now; }

static void lab_setting(struct calllab *lab, const char *option) {
    char error[256] = "";
    if (settings_apply(&lab->settings, option, true, error, sizeof error))
        fail_msg("%s: %s", option, error);
}

void calllab_open(struct calllab *lab, enum family family) {
    memset(lab, 0, sizeof *lab);
    settings_init(&lab->settings, family, &lab->arena);
    bool v6 = family == FAMILY_IPV6;
    lab_setting(lab, v6 ? "local_ip=fd00::1" : "local_ip=192.168.3.4");
    lab_setting(lab, v6 ? "remote_ip=2001:db8::7" : "remote_ip=192.0.2.7");
    lab_setting(lab, "bind_port=5201");
    lab_setting(lab, "connect_port=4433");
    lab->posix = fake_posix;
    lab->posix.ctx = lab;
    lab->calls = (struct calls){.settings = &lab->settings, .script_now = script_now, .ctx = lab};
    lab->next_fd = 100;
    lab->peer = (struct umptcp_sockaddr){addr_v4(0xc0000207), 40000};
    assert_string_equal(calllab_run(lab, "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3"), "");
    assert_string_equal(calllab_run(lab, "accept(3, ..., ...) = 5"), "");
    lab->log[0] = 0;
}

void calllab_close(struct calllab *lab) {
    calls_close_all(&lab->calls, &lab->posix);
    arena_free(&lab->arena);
}

const char *calllab_call(struct calllab *lab, const struct call *call) {
    lab->log[0] = 0;
    memset(lab->error, 'E', sizeof lab->error);
    int err = call_run(&lab->calls, call, &lab->posix, &lab->outcome, lab->error, sizeof lab->error);
    assert_non_null(memchr(lab->error, 0, sizeof lab->error));
    assert_int_equal(err, lab->error[0] ? -EINVAL : 0);
    return lab->error;
}

const char *calllab_run(struct calllab *lab, const char *line) {
    struct script script;
    struct script_error error;
    char text[2048];
    (void)snprintf(text, sizeof text, "0 %s", line);
    if (script_parse(&script, "test", text, strlen(text), &lab->settings, &error))
        fail_msg("%s: %s", line, error.text);
    assert_int_equal(script.events->kind, EVENT_CALL);
    calllab_call(lab, script.events->call);
    script_free(&script);
    return lab->error;
}

void calllab_calls(struct calllab *lab, const char *line, const char *log) {
    if (calllab_run(lab, line)[0])
        fail_msg("%s: %s", line, lab->error);
    assert_string_equal(lab->log, log);
}

void calllab_fails(struct calllab *lab, const char *line, const char *error) {
    assert_string_equal(calllab_run(lab, line), error);
    assert_string_not_equal(lab->log, "");
}

void calllab_refuses(struct calllab *lab, const char *line, const char *error) {
    assert_string_equal(calllab_run(lab, line), error);
    assert_string_equal(lab->log, "");
}

void calllab_control(struct calllab *lab, int level, int type, const void *data, size_t len) {
    struct cmsghdr hdr = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    assert_true(lab->out_len + CMSG_SPACE(len) <= sizeof lab->out);
    memset(lab->out + lab->out_len, 0, CMSG_SPACE(len));
    memcpy(lab->out + lab->out_len, &hdr, sizeof hdr);
    memcpy(lab->out + lab->out_len + CMSG_LEN(0), data, len);
    lab->out_len += (uint32_t)CMSG_SPACE(len);
}

void calllab_option(struct calllab *lab, const void *data, uint32_t len) {
    assert_true(len <= sizeof lab->out);
    memcpy(lab->out, data, len);
    lab->out_len = len;
}
