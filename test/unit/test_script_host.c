/* SPDX-License-Identifier: BSD-3-Clause */
/* The host: how sockets are made, bound, connected, accepted and ended, with results and errnos as Linux has them. */
#define _GNU_SOURCE
#include "scripthost.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#define IN    (POLLIN | POLLRDNORM)
#define OUT   (POLLOUT | POLLWRNORM)
#define RDHUP POLLRDHUP

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static void connect_nonblocking(enum family family) {
    struct peer *l = peer_new(family);
    int fd = peer_socket(l, true);
    struct seg seg;
    char buf[8];
    assert_int_equal(peer_poll(l, fd), OUT | POLLHUP);
    assert_errno(l->p.read(l->p.ctx, fd, buf, 8), ENOTCONN);
    assert_errno(l->p.write(l->p.ctx, fd, buf, 8), EPIPE);
    assert_errno(peer_connect(l, fd), EINPROGRESS);
    assert_errno(peer_connect(l, fd), EALREADY);
    assert_int_equal(peer_poll(l, fd), 0);
    assert_errno(l->p.write(l->p.ctx, fd, buf, 8), EAGAIN);
    assert_errno(l->p.read(l->p.ctx, fd, buf, 8), EAGAIN);
    assert_true(peer_next(l, &seg));
    assert_int_equal(seg.flags, TCP_SYN);
    l->flow.local = seg.flow.remote;
    peer_in(l, TCP_SYN | TCP_ACK, 0, 0, 1);
    peer_want(l, TCP_ACK, 1, 0, 1);
    assert_int_equal(peer_poll(l, fd), OUT);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(peer_connect(l, fd), 0);
    assert_errno(peer_connect(l, fd), EISCONN);
    assert_int_equal(l->p.write(l->p.ctx, fd, buf, 8), 8);
    peer_want(l, TCP_ACK, 1, 8, 1);
    peer_free(l);
}

static void test_connect(void **state) {
    (void)state;
    connect_nonblocking(FAMILY_IPV4);
    connect_nonblocking(FAMILY_IPV6);
    connect_nonblocking(FAMILY_MAPPED);
}

/* The answer decides what connect(), poll() and SO_ERROR say afterwards. */
static void test_connect_refused(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true);
    struct seg seg;
    assert_errno(peer_connect(l, fd), EINPROGRESS);
    assert_true(peer_next(l, &seg));
    l->flow.local = seg.flow.remote;
    peer_in(l, TCP_RST | TCP_ACK, 0, 0, 1);
    assert_int_equal(peer_poll(l, fd), IN | OUT | POLLERR | POLLHUP | RDHUP);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(peer_poll(l, fd), IN | OUT | POLLHUP | RDHUP);
    assert_errno(peer_connect(l, fd), ECONNABORTED); /* the error was taken already */
    assert_errno(peer_connect(l, fd), EINPROGRESS);  /* and again */
    assert_true(peer_next(l, &seg));
    l->flow.local = seg.flow.remote;
    peer_in(l, TCP_RST | TCP_ACK, 0, 0, 1);
    assert_errno(peer_connect(l, fd), ECONNREFUSED);
    peer_free(l);
}

static void test_connect_blocking(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, false);
    struct host_job job = {0};
    struct seg seg;
    host_begin(l->h, &job);
    assert_errno(peer_connect(l, fd), EAGAIN);
    assert_true(job.blocked);
    assert_true(time_is_never(job.deadline));
    assert_true(peer_next(l, &seg));
    l->flow.local = seg.flow.remote;
    host_begin(l->h, &job);
    assert_errno(peer_connect(l, fd), EAGAIN);
    assert_true(job.blocked);
    peer_in(l, TCP_SYN | TCP_ACK, 0, 0, 1);
    host_begin(l->h, &job);
    assert_int_equal(peer_connect(l, fd), 0);
    assert_false(job.blocked);
    host_begin(l->h, NULL);
    assert_errno(peer_connect(l, fd), EISCONN);
    peer_free(l);
}

/* SO_SNDTIMEO bounds connect(): the attempt goes on. */
static void test_connect_timeout(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, false);
    struct timeval tv = {.tv_usec = 300000}, got;
    struct host_job job = {0};
    socklen_t len = sizeof got;
    assert_int_equal(l->p.setsockopt(l->p.ctx, fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv), 0);
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, SOL_SOCKET, SO_SNDTIMEO, &got, &len), 0);
    assert_int_equal(got.tv_sec, 0);
    assert_int_equal(got.tv_usec, 300000);
    host_begin(l->h, &job);
    assert_errno(peer_connect(l, fd), EAGAIN);
    assert_true(job.blocked);
    assert_int_equal(job.deadline.ns - host_now(l->h).ns, MSEC(300));
    peer_wait(l, MSEC(300));
    host_begin(l->h, &job);
    assert_errno(peer_connect(l, fd), EINPROGRESS);
    assert_false(job.blocked);
    host_begin(l->h, NULL);
    assert_int_equal(l->p.fcntl(l->p.ctx, fd, F_SETFL, O_NONBLOCK), 0);
    assert_errno(peer_connect(l, fd), EALREADY);
    tv.tv_usec = 1000000;
    assert_errno(l->p.setsockopt(l->p.ctx, fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv), EDOM);
    assert_errno(l->p.setsockopt(l->p.ctx, fd, SOL_SOCKET, SO_SNDTIMEO, &tv, 4), EINVAL);
    peer_free(l);
}

static void test_no_answer(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true);
    unsigned syns = 0;
    struct seg seg;
    assert_int_equal(peer_setint(l, fd, IPPROTO_TCP, TCP_SYNCNT, 2), 0);
    assert_int_equal(peer_getint(l, fd, IPPROTO_TCP, TCP_SYNCNT), 2);
    assert_errno(peer_setint(l, fd, IPPROTO_TCP, TCP_SYNCNT, 0), EINVAL);
    assert_errno(peer_setint(l, fd, IPPROTO_TCP, TCP_SYNCNT, 128), EINVAL);
    assert_errno(peer_connect(l, fd), EINPROGRESS);
    peer_wait(l, SEC(60));
    while (peer_next(l, &seg))
        syns += seg.flags == TCP_SYN;
    assert_int_equal(syns, 3);
    assert_errno(peer_connect(l, fd), ETIMEDOUT);
    peer_free(l);
}

static void test_socket_refused(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    void *h = l->p.ctx;
    union peer_addr a;
    socklen_t len = peer_addr(l, &l->settings.local_ip, 0, &a);
    assert_errno(l->p.socket(h, AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT);
    assert_errno(l->p.socket(h, AF_INET, SOCK_STREAM, 999), EPROTONOSUPPORT);
    assert_errno(l->p.socket(h, AF_INET, SOCK_DGRAM, 0), ESOCKTNOSUPPORT);
    assert_errno(l->p.socket(h, AF_INET, 99, 0), EINVAL);
    int fd = l->p.socket(h, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262);
    assert_int_equal(fd, 3); /* the lowest one */
    assert_int_equal(l->p.fcntl(h, fd, F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_PROTOCOL), 262);
    host_config(l->h)->mptcp_enabled = false;
    assert_int_equal(host_configure(l->h), 0);
    assert_errno(l->p.socket(h, AF_INET, SOCK_STREAM, 262), ENOPROTOOPT);
    assert_errno(l->p.bind(h, 77, &a.any, len), EBADF);
    assert_errno(l->p.bind(h, fd, &a.any, len - 1), EINVAL);
    assert_errno(l->p.bind(h, fd, NULL, len), EFAULT);
    a.v4.sin_family = AF_INET6;
    assert_errno(l->p.bind(h, fd, &a.any, len), EAFNOSUPPORT);
    a.v4.sin_family = AF_INET;
    a.v4.sin_addr.s_addr = htonl(0x08080808);
    assert_errno(l->p.bind(h, fd, &a.any, len), EADDRNOTAVAIL);
    assert_int_equal(peer_setint(l, fd, IPPROTO_IP, IP_FREEBIND, 1), 0);
    assert_int_equal(l->p.bind(h, fd, &a.any, len), 0);
    assert_errno(l->p.bind(h, fd, &a.any, len), EINVAL); /* twice */
    assert_errno(l->p.accept(h, fd, NULL, NULL), EINVAL);
    assert_errno(l->p.shutdown(h, fd, SHUT_WR), ENOTCONN);
    assert_errno(l->p.shutdown(h, fd, 3), EINVAL);
    peer_free(l);
}

static void test_bind_conflicts(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int a = peer_socket(l, true), b = peer_socket(l, true);
    assert_int_equal(peer_bind(l, a, HOST_PORT), 0);
    assert_errno(peer_bind(l, b, HOST_PORT), EADDRINUSE);
    assert_int_equal(peer_setint(l, b, SOL_SOCKET, SO_REUSEADDR, 7), 0);
    assert_int_equal(peer_getint(l, b, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_errno(peer_bind(l, b, HOST_PORT), EADDRINUSE); /* both must */
    assert_int_equal(peer_setint(l, a, SOL_SOCKET, SO_REUSEADDR, 1), 0);
    assert_int_equal(peer_bind(l, b, HOST_PORT), 0);
    assert_int_equal(l->p.listen(l->p.ctx, a, 1), 0);
    assert_errno(l->p.listen(l->p.ctx, b, 1), EADDRINUSE);
    assert_int_equal(l->p.close(l->p.ctx, a), 0);
    assert_errno(l->p.close(l->p.ctx, a), EBADF);
    assert_int_equal(l->p.listen(l->p.ctx, b, 1), 0);
    peer_free(l);
}

/* ---- Listening --------------------------------------------------------------------------------------------------- */

static void accept_one(enum family family) {
    struct peer *l = peer_new(family);
    int listener = peer_listen(l, 1);
    union peer_addr a;
    socklen_t len = sizeof a;
    char c;
    assert_errno(l->p.accept(l->p.ctx, listener, &a.any, &len), EAGAIN);
    assert_int_equal(peer_poll(l, listener), 0);
    assert_int_equal(peer_getint(l, listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
    assert_errno(peer_connect(l, listener), EISCONN);
    assert_errno(l->p.read(l->p.ctx, listener, &c, 1), ENOTCONN);
    assert_errno(l->p.write(l->p.ctx, listener, &c, 1), EPIPE);
    peer_in(l, TCP_SYN, 0, 0, 0);
    peer_want(l, TCP_SYN | TCP_ACK, 0, 0, 1);
    assert_int_equal(peer_poll(l, listener), 0);
    peer_in(l, TCP_ACK, 1, 0, 1);
    assert_int_equal(peer_poll(l, listener), IN);
    int fd = l->p.accept(l->p.ctx, listener, &a.any, &len);
    assert_int_equal(fd, 4);
    assert_int_equal(l->p.fcntl(l->p.ctx, fd, F_GETFL, 0), O_RDWR); /* not of the listener */
    if (family == FAMILY_IPV4) {
        assert_int_equal(len, sizeof a.v4);
        assert_int_equal(ntohs(a.v4.sin_port), PEER_PORT);
        assert_memory_equal(&a.v4.sin_addr, l->settings.remote_ip.b + 12, 4);
    } else {
        assert_int_equal(len, sizeof a.v6);
        assert_int_equal(ntohs(a.v6.sin6_port), PEER_PORT);
        assert_memory_equal(&a.v6.sin6_addr, l->settings.remote_ip.b, 16);
    }
    assert_int_equal(peer_poll(l, listener), 0);
    assert_int_equal(peer_poll(l, fd), OUT);
    peer_free(l);
}

static void test_accept(void **state) {
    (void)state;
    accept_one(FAMILY_IPV4);
    accept_one(FAMILY_IPV6);
    accept_one(FAMILY_MAPPED);
}

/* What was set on the listener, its connections have. */
static void test_inherit(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int listener = peer_listen(l, 5);
    struct linger now = {1, 0}, got;
    socklen_t len = sizeof got;
    assert_int_equal(peer_setint(l, listener, IPPROTO_TCP, TCP_NODELAY, 1), 0);
    assert_int_equal(peer_setint(l, listener, SOL_SOCKET, SO_RCVBUF, 20000), 0);
    assert_int_equal(peer_setint(l, listener, IPPROTO_IP, IP_TTL, 33), 0);
    assert_int_equal(l->p.setsockopt(l->p.ctx, listener, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    int fd = peer_open_server(l, listener);
    assert_int_equal(peer_getint(l, fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_RCVBUF), 40000);
    assert_int_equal(peer_getint(l, fd, IPPROTO_IP, IP_TTL), 33);
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, SOL_SOCKET, SO_LINGER, &got, &len), 0);
    assert_int_equal(got.l_onoff, 1);
    assert_int_equal(l->p.close(l->p.ctx, fd), 0); /* linger 0: a reset */
    peer_want(l, TCP_RST | TCP_ACK, 1, 0, 1);
    peer_free(l);
}

/* A blocking accept() waits for a connection, and as long as SO_RCVTIMEO says. */
static void test_accept_blocking(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int listener = peer_listen(l, 5);
    struct timeval tv = {.tv_sec = 2};
    struct host_job job = {0};
    assert_int_equal(l->p.fcntl(l->p.ctx, listener, F_SETFL, 0), 0);
    assert_int_equal(l->p.setsockopt(l->p.ctx, listener, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), 0);
    host_begin(l->h, &job);
    assert_errno(l->p.accept(l->p.ctx, listener, NULL, NULL), EAGAIN);
    assert_true(job.blocked);
    peer_wait(l, SEC(2));
    host_begin(l->h, &job);
    assert_errno(l->p.accept(l->p.ctx, listener, NULL, NULL), EAGAIN);
    assert_false(job.blocked);
    job = (struct host_job){0};
    host_begin(l->h, &job);
    assert_errno(l->p.accept(l->p.ctx, listener, NULL, NULL), EAGAIN);
    assert_true(job.blocked);
    peer_in(l, TCP_SYN, 0, 0, 0);
    peer_want(l, TCP_SYN | TCP_ACK, 0, 0, 1);
    peer_in(l, TCP_ACK, 1, 0, 1);
    host_begin(l->h, &job);
    assert_int_equal(l->p.accept(l->p.ctx, listener, NULL, NULL), 4);
    assert_false(job.blocked);
    peer_free(l);
}

/* ---- Ending ------------------------------------------------------------------------------------------------------ */

static void test_shutdown(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true);
    char buf[16] = "";
    peer_open_client(l, fd);
    assert_int_equal(l->p.shutdown(l->p.ctx, fd, SHUT_RD), 0);
    assert_int_equal(peer_poll(l, fd), IN | OUT | RDHUP);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 16), 0);
    assert_int_equal(l->p.write(l->p.ctx, fd, buf, 16), 16);
    peer_want(l, TCP_ACK, 1, 16, 1);
    peer_in(l, TCP_ACK, 1, 4, 17);
    peer_want(l, TCP_ACK, 17, 0, 5);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 16), 4); /* what comes all the same can be read */
    assert_int_equal(l->p.shutdown(l->p.ctx, fd, SHUT_WR), 0);
    peer_want(l, TCP_FIN | TCP_ACK, 17, 0, 5);
    assert_int_equal(peer_poll(l, fd), IN | OUT | RDHUP | POLLHUP);
    assert_errno(l->p.write(l->p.ctx, fd, buf, 16), EPIPE);
    peer_in(l, TCP_FIN | TCP_ACK, 5, 0, 18);
    peer_want(l, TCP_ACK, 18, 0, 6);
    assert_errno(l->p.shutdown(l->p.ctx, fd, SHUT_WR), ENOTCONN);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_ERROR), 0);
    peer_free(l);
}

static void test_reset(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1));
    char buf[16] = "";
    peer_in(l, TCP_ACK, 1, 4, 1);
    peer_want(l, TCP_ACK, 1, 0, 5);
    peer_in(l, TCP_RST | TCP_ACK, 5, 0, 1);
    assert_int_equal(peer_poll(l, fd), IN | OUT | RDHUP | POLLHUP | POLLERR);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 16), 4); /* first what came before */
    assert_errno(l->p.read(l->p.ctx, fd, buf, 16), ECONNRESET);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 16), 0);
    assert_errno(l->p.write(l->p.ctx, fd, buf, 16), EPIPE);
    assert_int_equal(peer_poll(l, fd), IN | OUT | RDHUP | POLLHUP);
    assert_int_equal(l->p.close(l->p.ctx, fd), 0);
    peer_want_none(l);
    peer_free(l);
}

/* In CLOSE-WAIT a reset is a broken pipe to writers, and the end stays the end to readers. */
static void test_reset_after_fin(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1));
    char buf[16] = "";
    peer_in(l, TCP_FIN | TCP_ACK, 1, 0, 1);
    peer_want(l, TCP_ACK, 1, 0, 2);
    peer_in(l, TCP_RST | TCP_ACK, 2, 0, 1);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 16), 0);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_ERROR), EPIPE);
    assert_errno(l->p.write(l->p.ctx, fd, buf, 16), EPIPE);
    peer_free(l);
}

/* connect() to AF_UNSPEC resets, and the socket can be used again. */
static void test_disconnect(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    peer_open_client(l, fd);
    assert_int_equal(l->p.connect(l->p.ctx, fd, &none, sizeof none), 0);
    peer_want(l, TCP_RST | TCP_ACK, 1, 0, 1);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_ERROR), ECONNRESET);
    assert_int_equal(peer_poll(l, fd), OUT | POLLHUP);
    peer_open_client(l, fd);
    assert_int_equal(peer_poll(l, fd), OUT);
    peer_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect),          cmocka_unit_test(test_connect_refused),
        cmocka_unit_test(test_connect_blocking), cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_no_answer),        cmocka_unit_test(test_socket_refused),
        cmocka_unit_test(test_bind_conflicts),   cmocka_unit_test(test_accept),
        cmocka_unit_test(test_inherit),          cmocka_unit_test(test_accept_blocking),
        cmocka_unit_test(test_shutdown),         cmocka_unit_test(test_reset),
        cmocka_unit_test(test_reset_after_fin),  cmocka_unit_test(test_disconnect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
