/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's socket calls: results, errnos and readiness as Linux has them, calls that wait, in all families. */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
