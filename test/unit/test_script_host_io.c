/* SPDX-License-Identifier: BSD-3-Clause */
/* The host: sending and receiving, calls that wait, pipes and files. */
#define _GNU_SOURCE
#include "scripthost.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

#define IN    (POLLIN | POLLRDNORM)
#define OUT   (POLLOUT | POLLWRNORM)
#define RDHUP POLLRDHUP

/* ---- Receiving --------------------------------------------------------------------------------------------------- */

static void test_read(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1)), n;
    char buf[64], small[4];
    struct iovec iov[2] = {{buf, 10}, {small, 4}};
    assert_errno(l->p.read(l->p.ctx, fd, buf, 64), EAGAIN);
    peer_in(l, TCP_ACK, 1, 40, 1);
    peer_want(l, TCP_ACK, 1, 0, 41);
    assert_int_equal(peer_poll(l, fd), IN | OUT);
    assert_int_equal(l->p.ioctl(l->p.ctx, fd, SIOCINQ, &n), 0);
    assert_int_equal(n, 40);
    assert_int_equal(l->p.recv(l->p.ctx, fd, buf, 64, MSG_PEEK), 40);
    assert_int_equal(l->p.recv(l->p.ctx, fd, buf, 30, MSG_PEEK), 30);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 0), 0);
    memset(small, 1, sizeof small);
    assert_int_equal(l->p.readv(l->p.ctx, fd, iov, 2), 14);
    assert_int_equal(small[3], 0);
    assert_int_equal(l->p.recv(l->p.ctx, fd, NULL, 6, MSG_TRUNC), 6); /* thrown away */
    assert_int_equal(l->p.recv(l->p.ctx, fd, buf, 64, 0), 20);
    assert_errno(l->p.recv(l->p.ctx, fd, buf, 64, MSG_OOB), EINVAL);
    assert_errno(l->p.recv(l->p.ctx, fd, buf, 64, MSG_ERRQUEUE), EAGAIN);
    assert_errno(l->p.recv(l->p.ctx, fd, buf, 64, MSG_DONTWAIT), EAGAIN);
    assert_int_equal(peer_poll(l, fd), OUT);
    peer_in(l, TCP_FIN | TCP_ACK, 41, 5, 1);
    assert_int_equal(peer_poll(l, fd), IN | OUT | RDHUP);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 64), 5);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 64), 0);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 64), 0);
    assert_int_equal(peer_poll(l, fd), IN | OUT | RDHUP);
    peer_free(l);
}

static void test_read_blocking(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1));
    struct host_job job = {0};
    char buf[64];
    assert_int_equal(l->p.fcntl(l->p.ctx, fd, F_SETFL, 0), 0);
    assert_int_equal(l->p.fcntl(l->p.ctx, fd, F_GETFL, 0), O_RDWR);
    host_begin(l->h, &job);
    assert_errno(l->p.read(l->p.ctx, fd, buf, 64), EAGAIN);
    assert_true(job.blocked);
    host_begin(l->h, NULL);
    peer_in(l, TCP_ACK, 1, 10, 1);
    host_begin(l->h, &job);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 64), 10);
    assert_false(job.blocked);
    /* MSG_WAITALL takes what comes, and returns when it is all, */
    job = (struct host_job){0};
    for (int i = 0; i < 2; i++) {
        peer_in(l, TCP_ACK, 11 + 20 * (uint32_t)i, 20, 1);
        host_begin(l->h, &job);
        if (i == 0)
            assert_errno(l->p.recv(l->p.ctx, fd, buf, 40, MSG_WAITALL), EAGAIN);
        else
            assert_int_equal(l->p.recv(l->p.ctx, fd, buf, 40, MSG_WAITALL), 40);
        assert_int_equal(job.blocked, i == 0);
    }
    /* or when the stream ends. */
    job = (struct host_job){0};
    peer_in(l, TCP_ACK, 51, 3, 1);
    host_begin(l->h, &job);
    assert_errno(l->p.recv(l->p.ctx, fd, buf, 40, MSG_WAITALL), EAGAIN);
    peer_in(l, TCP_FIN | TCP_ACK, 54, 4, 1);
    host_begin(l->h, &job);
    assert_int_equal(l->p.recv(l->p.ctx, fd, buf, 40, MSG_WAITALL), 7);
    peer_free(l);
}

static void test_low_water(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1));
    struct host_job job = {0};
    char buf[64];
    assert_int_equal(peer_setint(l, fd, SOL_SOCKET, SO_RCVLOWAT, 20), 0);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_RCVLOWAT), 20);
    peer_in(l, TCP_ACK, 1, 19, 1);
    assert_int_equal(peer_poll(l, fd), OUT);
    peer_in(l, TCP_ACK, 20, 1, 1);
    assert_int_equal(peer_poll(l, fd), IN | OUT);
    assert_int_equal(l->p.fcntl(l->p.ctx, fd, F_SETFL, 0), 0);
    host_begin(l->h, &job);
    assert_int_equal(l->p.recv(l->p.ctx, fd, buf, 10, 0), 10); /* no more than asked for is waited for */
    host_begin(l->h, NULL);
    assert_int_equal(peer_setint(l, fd, SOL_SOCKET, SO_RCVLOWAT, 0), 0);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_RCVLOWAT), 1);
    peer_free(l);
}

/* TCP_INQ: recvmsg() says how much is left. */
static void test_inq(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1)), left;
    char buf[16];
    union {
        struct cmsghdr c;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {buf, sizeof buf};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control, .msg_flags = -1};
    assert_errno(peer_setint(l, fd, IPPROTO_TCP, TCP_INQ, 2), EINVAL);
    assert_int_equal(peer_setint(l, fd, IPPROTO_TCP, TCP_INQ, 1), 0);
    peer_in(l, TCP_ACK, 1, 40, 1);
    assert_int_equal(l->p.recvmsg(l->p.ctx, fd, &msg, 0), 16);
    assert_int_equal(msg.msg_flags, 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    assert_non_null(c);
    assert_int_equal(c->cmsg_level, IPPROTO_TCP);
    assert_int_equal(c->cmsg_type, TCP_CM_INQ);
    assert_int_equal(c->cmsg_len, CMSG_LEN(sizeof left));
    memcpy(&left, CMSG_DATA(c), sizeof left);
    assert_int_equal(left, 24);
    assert_int_equal(peer_setint(l, fd, IPPROTO_TCP, TCP_INQ, 0), 0);
    msg.msg_controllen = sizeof control;
    assert_int_equal(l->p.recvmsg(l->p.ctx, fd, &msg, 0), 16);
    assert_int_equal(msg.msg_controllen, 0);
    /* The end of the stream counts as one. */
    assert_int_equal(peer_setint(l, fd, IPPROTO_TCP, TCP_INQ, 1), 0);
    peer_in(l, TCP_FIN | TCP_ACK, 41, 0, 1);
    msg.msg_controllen = sizeof control;
    assert_int_equal(l->p.recvmsg(l->p.ctx, fd, &msg, 0), 8);
    memcpy(&left, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof left);
    assert_int_equal(left, 1);
    peer_free(l);
}

/* Address NULL is nobody's memory: EFAULT, unless there are bytes before it in the list, or none are asked for. */
static void test_null(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1));
    char buf[16] = "";
    struct iovec second[2] = {{buf, 4}, {NULL, 10}}, first[2] = {{NULL, 10}, {buf, 4}};
    struct msghdr msg = {.msg_iov = NULL, .msg_iovlen = 1};
    assert_errno(l->p.write(l->p.ctx, fd, NULL, 10), EFAULT);
    assert_errno(l->p.send(l->p.ctx, fd, NULL, 10, 0), EFAULT);
    assert_errno(l->p.writev(l->p.ctx, fd, first, 2), EFAULT);
    assert_errno(l->p.sendmsg(l->p.ctx, fd, &msg, 0), EFAULT);
    assert_int_equal(l->p.write(l->p.ctx, fd, NULL, 0), 0);
    peer_want_none(l);
    assert_int_equal(l->p.writev(l->p.ctx, fd, second, 2), 4);
    peer_want(l, TCP_ACK, 1, 4, 1);
    peer_in(l, TCP_ACK, 1, 30, 5);
    assert_errno(l->p.read(l->p.ctx, fd, NULL, 10), EFAULT);
    assert_errno(l->p.recv(l->p.ctx, fd, NULL, 10, MSG_PEEK), EFAULT);
    assert_errno(l->p.readv(l->p.ctx, fd, first, 2), EFAULT);
    assert_int_equal(l->p.recv(l->p.ctx, fd, NULL, 10, MSG_TRUNC), 10); /* thrown away, not stored */
    assert_int_equal(l->p.readv(l->p.ctx, fd, second, 2), 4);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, sizeof buf), 16); /* nothing of it got lost */
    peer_free(l);
}

/* ---- Sending ----------------------------------------------------------------------------------------------------- */

static void test_write(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true), n;
    static char buf[8000];
    struct iovec iov[2] = {{buf, 700}, {buf, 800}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    peer_open_client(l, fd);
    assert_int_equal(l->p.writev(l->p.ctx, fd, iov, 2), 1500);
    peer_want(l, TCP_ACK, 1, 1500, 1); /* the short end goes with the first segment */
    assert_int_equal(l->merged, PEER_MSS);
    assert_int_equal(l->p.write(l->p.ctx, fd, buf, 500), 500);
    peer_want_none(l);
    assert_int_equal(l->p.ioctl(l->p.ctx, fd, SIOCOUTQ, &n), 0);
    assert_int_equal(n, 2000);
    assert_int_equal(l->p.ioctl(l->p.ctx, fd, SIOCOUTQNSD, &n), 0);
    assert_int_equal(n, 500); /* Nagle holds them back */
    peer_in(l, TCP_ACK, 1, 0, 1501);
    peer_want(l, TCP_ACK, 1501, 500, 1);
    peer_in(l, TCP_ACK, 1, 0, 2001);
    assert_int_equal(l->p.write(l->p.ctx, fd, buf, 4000), 4000);
    peer_want(l, TCP_ACK, 2001, 4000, 1); /* in one piece */
    assert_int_equal(l->merged, PEER_MSS);
    peer_in(l, TCP_ACK, 1, 0, 6001);
    assert_int_equal(l->p.send(l->p.ctx, fd, buf, 10, MSG_MORE | MSG_NOSIGNAL), 10);
    peer_want_none(l);
    assert_int_equal(l->p.sendmsg(l->p.ctx, fd, &msg, MSG_DONTWAIT), 1500);
    peer_want(l, TCP_ACK, 6001, 1510, 1); /* both of them */
    peer_in(l, TCP_ACK, 1, 0, 7511);
    assert_int_equal(l->p.send(l->p.ctx, fd, buf, 10, MSG_OOB), 10);
    peer_want(l, TCP_ACK | TCP_URG, 7511, 10, 1);
    assert_errno(l->p.ioctl(l->p.ctx, fd, 0x1234, &n), ENOTTY);
    peer_free(l);
}

/* A blocking write returns when all of it is in the buffer. */
static void test_write_blocking(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, false);
    static char buf[30000];
    struct host_job job = {0};
    uint32_t acked = 1;
    assert_int_equal(peer_setint(l, fd, SOL_SOCKET, SO_SNDBUF, 5000), 0);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_SNDBUF), 10000);
    assert_int_equal(l->p.fcntl(l->p.ctx, fd, F_SETFL, O_NONBLOCK), 0);
    peer_open_client(l, fd);
    assert_int_equal(l->p.fcntl(l->p.ctx, fd, F_SETFL, 0), 0);
    host_begin(l->h, &job);
    assert_errno(l->p.write(l->p.ctx, fd, buf, sizeof buf), EAGAIN);
    assert_true(job.blocked);
    assert_int_equal(job.done, 26000); /* ten segments that left, and one of half the window that was begun */
    assert_int_equal(peer_poll(l, fd), 0);
    for (int tries = 0; job.blocked; tries++) {
        struct seg seg;
        assert_true(tries < 30);
        host_begin(l->h, NULL);
        while (peer_next(l, &seg))
            acked += seg.len;
        peer_in(l, TCP_ACK, 1, 0, acked);
        host_begin(l->h, &job);
        ssize_t n = l->p.write(l->p.ctx, fd, buf, sizeof buf);
        assert_int_equal(n, job.blocked ? -1 : (ssize_t)sizeof buf);
    }
    host_begin(l->h, NULL);
    for (int i = 0; i < 10; i++) {
        struct seg seg;
        while (peer_next(l, &seg))
            acked += seg.len;
        peer_in(l, TCP_ACK, 1, 0, acked);
    }
    assert_int_equal(acked, 1 + sizeof buf); /* each byte once */
    assert_int_equal(peer_poll(l, fd), OUT);
    peer_free(l);
}

static void test_write_timeout(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true);
    static char buf[30000];
    struct timeval tv = {.tv_sec = 1};
    struct host_job job = {0};
    assert_int_equal(peer_setint(l, fd, SOL_SOCKET, SO_SNDBUF, 5000), 0);
    assert_int_equal(l->p.setsockopt(l->p.ctx, fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv), 0);
    peer_open_client(l, fd);
    assert_int_equal(l->p.write(l->p.ctx, fd, buf, sizeof buf), 26000);
    assert_errno(l->p.write(l->p.ctx, fd, buf, 1), EAGAIN);
    assert_int_equal(l->p.fcntl(l->p.ctx, fd, F_SETFL, 0), 0);
    host_begin(l->h, &job);
    assert_errno(l->p.write(l->p.ctx, fd, buf, 1), EAGAIN);
    assert_true(job.blocked);
    peer_wait(l, SEC(1));
    host_begin(l->h, &job);
    assert_errno(l->p.write(l->p.ctx, fd, buf, 1), EAGAIN);
    assert_false(job.blocked);
    peer_free(l);
}

/* TCP_NOTSENT_LOWAT: a large segment is begun only while less than that waits, and writers are told at half of it. */
static void test_notsent_lowat(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true);
    static char buf[60000];
    struct seg seg;
    uint32_t acked = 1;
    assert_int_equal(peer_setint(l, fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4000), 0);
    peer_open_client(l, fd);
    assert_int_equal(l->p.write(l->p.ctx, fd, buf, sizeof buf), 26000); /* ten leave, the next is half the window */
    assert_errno(l->p.write(l->p.ctx, fd, buf, 1), EAGAIN);
    while (peer_next(l, &seg))
        acked += seg.len;
    assert_int_equal(acked, 1 + 10000);
    peer_in(l, TCP_ACK, 1, 0, 7001);
    assert_int_equal(peer_poll(l, fd), 0); /* 2000 wait */
    peer_in(l, TCP_ACK, 1, 0, 8001);
    assert_int_equal(peer_poll(l, fd), OUT);
    peer_free(l);
}

/* ---- Pipes and files --------------------------------------------------------------------------------------------- */

static void test_pipe_splice(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1)), fds[2], n;
    char buf[64] = "";
    loff_t zero = 0;
    assert_int_equal(l->p.pipe(l->p.ctx, fds), 0);
    assert_errno(l->p.splice(l->p.ctx, fd, NULL, fd, NULL, 10, 0), EINVAL);
    assert_errno(l->p.splice(l->p.ctx, fds[0], &zero, fd, NULL, 10, 0), ESPIPE);
    assert_errno(l->p.splice(l->p.ctx, fd, NULL, fds[1], NULL, 10, 0), EAGAIN);
    assert_int_equal(l->p.fcntl(l->p.ctx, fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_errno(l->p.read(l->p.ctx, fds[0], buf, 8), EAGAIN);
    assert_errno(l->p.write(l->p.ctx, fds[0], buf, 8), EBADF);
    peer_in(l, TCP_ACK, 1, 30, 1);
    peer_want(l, TCP_ACK, 1, 0, 31);
    assert_int_equal(l->p.splice(l->p.ctx, fd, NULL, fds[1], NULL, 20, 0), 20);
    assert_int_equal(l->p.ioctl(l->p.ctx, fds[0], FIONREAD, &n), 0);
    assert_int_equal(n, 20);
    assert_int_equal(l->p.write(l->p.ctx, fds[1], "abc", 3), 3);
    assert_int_equal(l->p.splice(l->p.ctx, fds[0], NULL, fd, NULL, 100, 0), 23); /* and back */
    struct seg seg = peer_want(l, TCP_ACK, 1, 23, 31);
    assert_memory_equal(seg.data + 20, "abc", 3);
    assert_int_equal(l->p.close(l->p.ctx, fds[0]), 0);
    assert_errno(l->p.write(l->p.ctx, fds[1], buf, 8), EPIPE);
    assert_errno(l->p.splice(l->p.ctx, fd, NULL, fds[1], NULL, 5, 0), EPIPE);
    peer_free(l);
}

static void test_sendfile(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true), in = l->p.open(l->p.ctx, "/proc/self/exe", O_RDONLY);
    off_t from = 1;
    peer_open_client(l, fd);
    assert_true(in > fd);
    assert_errno(l->p.open(l->p.ctx, "/nowhere/at/all", O_RDONLY), ENOENT);
    assert_int_equal(l->p.sendfile(l->p.ctx, fd, in, &from, 100), 100);
    assert_int_equal(from, 101);
    struct seg seg = peer_want(l, TCP_ACK, 1, 100, 1);
    assert_memory_equal(seg.data, "ELF", 3);
    assert_errno(l->p.sendfile(l->p.ctx, in, fd, NULL, 100), EINVAL);
    assert_errno(l->p.sendfile(l->p.ctx, fd, 99, NULL, 100), EBADF);
    peer_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),        cmocka_unit_test(test_read_blocking),  cmocka_unit_test(test_low_water),
        cmocka_unit_test(test_inq),         cmocka_unit_test(test_null),           cmocka_unit_test(test_notsent_lowat),
        cmocka_unit_test(test_write),       cmocka_unit_test(test_write_blocking), cmocka_unit_test(test_write_timeout),
        cmocka_unit_test(test_pipe_splice), cmocka_unit_test(test_sendfile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
