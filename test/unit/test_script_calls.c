/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of scripts: sockets, addresses, descriptors, results, data, and arguments that make no sense. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calllab.h"
#include "script/symbols.h"
#include "wire/addr.h"

static struct calllab lab;

static int lab_setup(void **state) {
    (void)state;
    calllab_open(&lab, FAMILY_IPV4);
    return 0;
}

static int lab_teardown(void **state) {
    (void)state;
    lab.result = 0;
    lab.fail = 0;
    calllab_close(&lab);
    return 0;
}

/* The answer of the next calls. */
static void answers(int64_t result) {
    lab.result = result;
    lab.fail = 0;
}

static void peer_is(const char *addr, uint16_t port) {
    char text[UMPTCP_ADDRSTRLEN];
    assert_true(lab.outcome.has_peer);
    assert_string_equal(umptcp_addr_format(&lab.outcome.peer.addr, text), addr);
    assert_int_equal(lab.outcome.peer.port, port);
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

static void test_known(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint32_t min, max;
    } calls[] = {
        {"socket", 3, 3},       {"bind", 3, 3},         {"listen", 2, 2}, {"accept", 3, 3},   {"connect", 3, 3},
        {"read", 3, 3},         {"readv", 3, 3},        {"recv", 4, 4},   {"recvfrom", 6, 6}, {"recvmsg", 3, 3},
        {"write", 3, 3},        {"writev", 3, 3},       {"send", 4, 4},   {"sendto", 6, 6},   {"sendmsg", 3, 3},
        {"fcntl", 2, 3},        {"ioctl", 2, 3},        {"close", 1, 1},  {"shutdown", 2, 2}, {"getsockopt", 5, 5},
        {"setsockopt", 5, 5},   {"poll", 3, 3},         {"open", 2, 2},   {"sendfile", 4, 4}, {"epoll_ctl", 4, 4},
        {"epoll_create", 1, 1}, {"epoll_wait", 4, 4},   {"pipe", 1, 1},   {"splice", 6, 6},   {"cap_set", 3, 3},
        {"psp_rx_assoc", 2, 2}, {"psp_tx_assoc", 2, 2},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        uint32_t min = 99, max = 99;
        assert_true(call_known(calls[i].name, &min, &max));
        assert_int_equal(min, calls[i].min);
        assert_int_equal(max, calls[i].max);
    }
    uint32_t min, max;
    assert_false(call_known("accept4", &min, &max));
    assert_false(call_known("", &min, &max));
}

static void test_not_run(void **state) {
    (void)state;
    calllab_refuses(&lab, "psp_rx_assoc(3, [7]) = 0", "psp_rx_assoc() cannot be run: PSP is not supported");
    calllab_refuses(&lab, "psp_tx_assoc(3, 7) = 0", "psp_tx_assoc() cannot be run: PSP is not supported");
    lab.posix.splice = NULL;
    calllab_refuses(&lab, "splice(3, NULL, 5, NULL, 9, 0) = 0", "the stack under test has no splice()");

    struct expr one = {.kind = EXPR_INT, .n = 3};
    assert_string_equal(calllab_call(&lab, &(struct call){.name = "frobnicate"}), "there is no call frobnicate()");
    assert_string_equal(calllab_call(&lab, &(struct call){.name = "read", .args = &one}),
                        "read() takes 3 arguments, not 1");
    assert_string_equal(calllab_call(&lab, &(struct call){.name = "close"}), "close() takes 1 argument, not 0");
    assert_string_equal(calllab_call(&lab, &(struct call){.name = "fcntl", .args = &one}),
                        "fcntl() takes 2 or 3 arguments, not 1");
}

/* ---- Sockets ----------------------------------------------------------------------------------------------------- */

static void test_socket(void **state) {
    (void)state;
    calllab_calls(&lab, "socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_MPTCP) = 6", "socket(2, 2049, 262)");
    assert_int_equal(lab.outcome.domain, 2);
    assert_int_equal(lab.outcome.type, 2049);
    assert_int_equal(lab.outcome.protocol, 262);
    assert_int_equal(lab.outcome.result, 102);
    assert_int_equal(lab.outcome.new_fd, 102);
    assert_int_equal(lab.outcome.script_fd, -1);
    assert_int_equal(lab.outcome.live_fd, -1);
    assert_int_equal(calls_live_fd(&lab.calls, 6), 102);
    assert_int_equal(calls_live_fd(&lab.calls, 7), -1);
    calllab_calls(&lab, "socket(AF_INET6, SOCK_STREAM, 0) = 7", "socket(10, 1, 0)");
    assert_int_equal(calls_live_fd(&lab.calls, 7), 103);
    calllab_calls(&lab, "socket(..., SOCK_STREAM, IPPROTO_TCP) = 7", "socket(2, 1, 6)"); /* the name moves on */
    assert_int_equal(calls_live_fd(&lab.calls, 7), 104);

    lab.fail = EMFILE;
    calllab_fails(&lab, "socket(..., SOCK_STREAM, 0) = 8",
                  "expected a descriptor but got -1 with errno 24 (EMFILE: Too many open files)");
    assert_int_equal(calls_live_fd(&lab.calls, 8), -1);
    calllab_calls(&lab, "socket(..., SOCK_STREAM, 0) = -1 EMFILE (Too many)", "socket(2, 1, 0)");
    assert_int_equal(lab.outcome.new_fd, -1);
    assert_int_equal(lab.outcome.result, -1);
    assert_int_equal(lab.outcome.error, EMFILE);
}

/* A descriptor that the script did not want is nobody's. */
static void test_socket_unwanted(void **state) {
    (void)state;
    calllab_fails(&lab, "socket(..., SOCK_STREAM, 0) = -1 EMFILE (..)",
                  "expected result -1 with errno 24 (EMFILE: Too many open files) but got 102");
    assert_string_equal(lab.log, "socket(2, 1, 0)close(102)");
    assert_int_equal(lab.outcome.new_fd, -1);
}

static void test_socket_families(void **state) {
    (void)state;
    lab_teardown(state);
    calllab_open(&lab, FAMILY_IPV6);
    calllab_calls(&lab, "socket(..., SOCK_STREAM, IPPROTO_TCP) = 6", "socket(10, 1, 6)");
    calllab_calls(&lab, "bind(6, ..., ...) = 0", "bind(102, in6:fd00::1:5201/28)");
    calllab_calls(&lab, "connect(6, ..., ...) = 0", "connect(102, in6:2001:db8::7:4433/28)");
    calllab_calls(&lab, "socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 7", "socket(10, 1, 262)");
    calllab_calls(&lab, "bind(7, ..., ...) = 0", "bind(103, in6::::5201/28)");

    lab_teardown(state);
    calllab_open(&lab, FAMILY_MAPPED);
    calllab_calls(&lab, "socket(..., SOCK_STREAM, IPPROTO_TCP) = 6", "socket(10, 1, 6)");
    calllab_calls(&lab, "bind(6, ..., ...) = 0", "bind(102, in6:192.168.3.4:5201/28)");
    calllab_calls(&lab, "connect(6, ..., ...) = 0", "connect(102, in6:192.0.2.7:4433/28)");
    peer_is("192.0.2.7", 4433);
    calllab_calls(&lab, "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 7", "socket(2, 1, 6)");
    calllab_calls(&lab, "bind(7, ..., ...) = 0", "bind(103, in:192.168.3.4:5201/16)");
    calllab_calls(&lab, "socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 8", "socket(10, 1, 262)");
    calllab_calls(&lab, "bind(8, ..., ...) = 0", "bind(104, in6::::5201/28)");
}

static void test_bind_listen(void **state) {
    (void)state;
    calllab_calls(&lab, "bind(3, ..., ...) = 0", "bind(100, in:192.168.3.4:5201/16)");
    assert_int_equal(lab.outcome.script_fd, 3);
    assert_int_equal(lab.outcome.live_fd, 100);
    calllab_calls(&lab, "listen(3, 8) = 0", "listen(100, 8)");
    calllab_calls(&lab, "listen(3, -1) = 0", "listen(100, -1)");
    calllab_calls(&lab, "shutdown(3, SHUT_WR) = 0", "shutdown(100, 1)");
    calllab_calls(&lab, "socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 4", "socket(2, 1, 262)");
    calllab_calls(&lab, "bind(4, ..., ...) = 0", "bind(102, in:0.0.0.0:5201/16)");

    calllab_calls(&lab, "bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"10.1.2.3\")}, ...) = 0",
                  "bind(100, in:10.1.2.3:80/16)");
    calllab_calls(&lab, "bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=0}, ...) = 0",
                  "bind(100, in:0.0.0.0:80/16)");
    calllab_calls(&lab, "bind(3, {sa_family=AF_INET6, sin6_port=0, sin6_addr=inet6_addr(\"fe80::1\")}, ...) = 0",
                  "bind(100, in6:fe80::1:0/28)");
    calllab_refuses(&lab, "bind(3, {sa_family=AF_INET, sin_port=htons(80)}, ...) = 0",
                    "argument 2 must have sin_port= and sin_addr=");
    calllab_refuses(&lab, "bind(3, {sa_family=AF_PACKET}, ...) = 0",
                    "argument 2, sa_family must be AF_INET or AF_INET6, not AF_PACKET");
    calllab_refuses(&lab, "bind(3, {sa_family=AF_INET6, sin6_port=0, sin6_addr=inet_addr(\"1.2.3.4\")}, ...) = 0",
                    "argument 2, sin6_addr must be inet6_addr(\"..\"), not the address 1.2.3.4");
    calllab_refuses(&lab, "bind(3, {sa_family=AF_INET, sin_port=1, sin_addr=0, sin6_port=1}, ...) = 0",
                    "argument 2 must have sin_port= and sin_addr=");
}

static void test_accept(void **state) {
    (void)state;
    calllab_calls(&lab, "accept(3, ..., ...) = 4", "accept(100, /128)");
    assert_int_equal(lab.outcome.script_fd, 3);
    assert_int_equal(lab.outcome.new_fd, 102);
    assert_int_equal(calls_live_fd(&lab.calls, 4), 102);
    peer_is("192.0.2.7", 40000);

    /* a mapped address is an IPv4 one */
    lab.peer_v6 = true;
    calllab_calls(&lab, "accept(3, ..., ...) = 6", "accept(100, /128)");
    peer_is("192.0.2.7", 40000);
    assert_true(addr_is_v4(&lab.outcome.peer.addr));
    assert_int_equal(umptcp_addr_parse("2001:db8::9", &lab.peer.addr), 0);
    calllab_calls(&lab, "accept(3, ..., ...) = 7", "accept(100, /128)");
    peer_is("2001:db8::9", 40000);

    lab.fail = EAGAIN;
    calllab_calls(&lab, "accept(3, ..., ...) = -1 EAGAIN (Resource)", "accept(100, /128)");
    assert_false(lab.outcome.has_peer);
    assert_int_equal(lab.outcome.new_fd, -1);
}

/* What an accepted socket is follows from its listener. */
static void test_accept_inherits(void **state) {
    (void)state;
    calllab_calls(&lab, "socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 6", "socket(2, 1, 262)");
    calllab_calls(&lab, "accept(6, ..., ...) = 7", "accept(102, /128)");
    calllab_calls(&lab, "epoll_create(1) = 8", "epoll_create(1)");
    assert_int_equal(lab.outcome.new_fd, -1);
    bool mptcp[9] = {false}, socket[9] = {false};
    for (uint32_t i = 0; i < lab.calls.nfds; i++) {
        mptcp[lab.calls.fds[i].script] = lab.calls.fds[i].mptcp;
        socket[lab.calls.fds[i].script] = lab.calls.fds[i].socket;
    }
    assert_true(mptcp[6] && mptcp[7] && !mptcp[3] && !mptcp[5] && !mptcp[8]);
    assert_true(socket[3] && socket[5] && socket[6] && socket[7] && !socket[8]);
}

static void test_connect(void **state) {
    (void)state;
    calllab_calls(&lab, "connect(3, ..., ...) = 0", "connect(100, in:192.0.2.7:4433/16)");
    assert_true(lab.outcome.connects);
    assert_false(lab.outcome.unconnects);
    peer_is("192.0.2.7", 4433);

    lab.fail = EINPROGRESS;
    calllab_calls(&lab, "connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)",
                  "connect(100, in:192.0.2.7:4433/16)");
    assert_true(lab.outcome.connects);
    lab.fail = ECONNREFUSED; /* after a SYN and its answer */
    calllab_calls(&lab, "connect(3, ..., ...) = -1 ECONNREFUSED (..)", "connect(100, in:192.0.2.7:4433/16)");
    assert_true(lab.outcome.connects);
    lab.fail = EALREADY;
    calllab_calls(&lab, "connect(3, ..., ...) = -1 EALREADY (..)", "connect(100, in:192.0.2.7:4433/16)");
    assert_false(lab.outcome.connects);

    answers(0);
    calllab_calls(&lab, "connect(3, AF_UNSPEC, ...) = 0", "connect(100, family 0/16)");
    assert_true(lab.outcome.unconnects);
    assert_false(lab.outcome.connects);
    assert_false(lab.outcome.has_peer);
    lab.fail = EINVAL;
    calllab_calls(&lab, "connect(3, AF_UNSPEC, ...) = -1 EINVAL (..)", "connect(100, family 0/16)");
    assert_false(lab.outcome.unconnects);
}

/* ---- Descriptors ------------------------------------------------------------------------------------------------- */

static void test_close(void **state) {
    (void)state;
    calllab_calls(&lab, "close(5) = 0", "close(101)");
    assert_int_equal(lab.outcome.script_fd, 5);
    assert_int_equal(lab.outcome.live_fd, 101);
    assert_int_equal(calls_live_fd(&lab.calls, 5), -1);
    calllab_refuses(&lab, "close(5) = 0", "argument 1: descriptor 5 is not open");
    calllab_refuses(&lab, "read(1, ..., 5) = 0", "argument 1: descriptor 1 is not open");
    calllab_calls(&lab, "accept(3, ..., ...) = 5", "accept(100, /128)");
    assert_int_equal(calls_live_fd(&lab.calls, 5), 102);

    lab.fail = EINTR; /* not closed */
    calllab_calls(&lab, "close(5) = -1 EINTR (..)", "close(102)");
    assert_int_equal(calls_live_fd(&lab.calls, 5), 102);
    lab.fail = 0;
    calllab_fails(&lab, "close(5) = -1", "expected result -1 but got 0"); /* closed, though */
    assert_int_equal(calls_live_fd(&lab.calls, 5), -1);
}

static void test_close_all(void **state) {
    (void)state;
    calllab_calls(&lab, "open(\"/dev/null\", O_RDONLY) = 6", "open(/dev/null, 0)");
    calllab_calls(&lab, "close(3) = 0", "close(100)");
    lab.log[0] = 0;
    calls_close_all(&lab.calls, &lab.posix);
    assert_string_equal(lab.log, "close(101)close(102)");
    assert_int_equal(calls_live_fd(&lab.calls, 6), -1);
    calllab_calls(&lab, "socket(..., SOCK_STREAM, 0) = 6", "socket(2, 1, 0)");
}

static void test_too_many(void **state) {
    (void)state;
    char line[64];
    for (int i = 2; i < CALL_FDS_MAX; i++) {
        (void)snprintf(line, sizeof line, "epoll_create(1) = %d", 10 + i);
        calllab_calls(&lab, line, "epoll_create(1)");
    }
    calllab_refuses(&lab, "epoll_create(1) = 9", "too many descriptors are open: at most 64 can be");
    calllab_calls(&lab, "close(20) = 0", "close(110)");
    calllab_refuses(&lab, "pipe([8, 9]) = 0", "too many descriptors are open: at most 64 can be");
    calllab_calls(&lab, "epoll_create(1) = 9", "epoll_create(1)");
    assert_int_equal(lab.calls.nfds, CALL_FDS_MAX);
}

/* A target that cannot block plays a call again: a try that failed has left nothing. */
static void test_again(void **state) {
    (void)state;
    static const char *const lines[] = {
        "accept(3, ..., ...) = 8", "socket(..., SOCK_STREAM, 0) = 8",
        "pipe([8, 9]) = 0",        "open(\"x\", 0) = 8",
        "epoll_create(1) = 8",     "close(5) = 0",
        "read(5, ..., 10) = 10",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct calls before = lab.calls;
        lab.fail = EAGAIN;
        assert_string_not_equal(calllab_run(&lab, lines[i]), "");
        assert_int_equal(lab.outcome.result, -1);
        assert_int_equal(lab.outcome.error, EAGAIN);
        assert_memory_equal(&before, &lab.calls, sizeof before);
    }
    lab.fail = 0;
    calllab_calls(&lab, lines[0], "accept(100, /128)");
    assert_int_equal(calls_live_fd(&lab.calls, 8), 102);
}

/* ---- Results ----------------------------------------------------------------------------------------------------- */

static void test_results(void **state) {
    (void)state;
    lab.fail = EAGAIN;
    calllab_fails(&lab, "listen(3, 1) = 0",
                  "expected result 0 but got -1 with errno 11 (EAGAIN: Resource temporarily unavailable)");
    calllab_fails(&lab, "read(5, ..., 10) = -1 ECONNRESET (Connection reset)",
                  "expected result -1 with errno 104 (ECONNRESET: Connection reset by peer) but got -1 with errno 11 "
                  "(EAGAIN: Resource temporarily unavailable)");
    calllab_calls(&lab, "read(5, ..., 10) = -1 EWOULDBLOCK (..)", "read(101, buf/10)");
    calllab_calls(&lab, "read(5, ..., 10) = -1", "read(101, buf/10)"); /* any errno */
    calllab_fails(&lab, "read(5, ..., 10) = -2",
                  "expected result -2 but got -1 with errno 11 (EAGAIN: Resource temporarily unavailable)");
    lab.fail = 4095;
    calllab_fails(&lab, "listen(3, 1) = 0", "expected result 0 but got -1 with errno 4095");
    answers(7);
    calllab_fails(&lab, "read(5, ..., 10) = 8", "expected result 8 but got 7");
    calllab_fails(&lab, "read(5, ..., 10) = -1 EAGAIN (..)",
                  "expected result -1 with errno 11 (EAGAIN: Resource temporarily unavailable) but got 7");
    calllab_calls(&lab, "read(5, ..., 10) = 7", "read(101, buf/10)");
    assert_int_equal(lab.outcome.result, 7);
    assert_int_equal(lab.outcome.error, 0);
    calllab_calls(&lab, "fcntl(5, F_GETFL) = 0x7 (flags O_RDWR)", "fcntl(101, 3, 0)");

    char small[8]; /* a sentence is cut to the room */
    struct call_outcome outcome;
    assert_int_equal(call_run(&lab.calls, &(struct call){.name = "none"}, &lab.posix, &outcome, small, sizeof small),
                     -EINVAL);
    assert_string_equal(small, "there i");
}

/* ---- Data -------------------------------------------------------------------------------------------------------- */

static void test_read_write(void **state) {
    (void)state;
    answers(10);
    calllab_calls(&lab, "read(5, ..., 10) = 10", "read(101, buf/10)");
    calllab_calls(&lab, "read(5, NULL, 10) = 10", "read(101, NULL/10)");
    calllab_calls(&lab, "recv(5, ..., 10, MSG_PEEK|MSG_DONTWAIT) = 10", "recv(101, buf/10, 0x42)");
    calllab_calls(&lab, "recv(5, 0, 4096, MSG_TRUNC) = 10", "recv(101, NULL/4096, 0x20)");
    calllab_calls(&lab, "recvfrom(5, ..., 10, 0, ..., ...) = 10", "recvfrom(101, buf/10, 0, buf/128)");
    calllab_calls(&lab, "write(5, ..., 10) = 10", "write(101, zeros/10)");
    calllab_calls(&lab, "write(5, NULL, 10) = 10", "write(101, NULL/10)");
    calllab_calls(&lab, "send(5, ..., 10, MSG_ZEROCOPY) = 10", "send(101, zeros/10, 0x4000000)");
    assert_int_equal(lab.outcome.script_fd, 5);
    assert_false(lab.outcome.has_peer);
    answers(0);
    calllab_calls(&lab, "read(5, ..., 0) = 0", "read(101, buf/0)");
    answers(8 << 20);
    calllab_calls(&lab, "write(5, ..., 8388608) = 8388608", "write(101, zeros/8388608)");
    calllab_calls(&lab, "read(5, ..., 8388608) = 8388608", "read(101, buf/8388608)");
}

static void test_sizes(void **state) {
    (void)state;
    calllab_refuses(&lab, "read(5, ..., 1099511627776) = 0",
                    "argument 3 must be between 0 and 67108864, not 1099511627776");
    calllab_refuses(&lab, "read(5, NULL, 1099511627776) = 0",
                    "argument 3 must be between 0 and 67108864, not 1099511627776");
    calllab_refuses(&lab, "write(5, ..., -1) = 0", "argument 3 must be between 0 and 67108864, not -1");
    calllab_refuses(&lab, "send(5, ..., ..., 0) = 0", "argument 3 must be a number, not ...");
    calllab_refuses(&lab, "writev(5, [{..., 67108864}, {..., 1}], 2) = 0",
                    "argument 2: all of them together have more than 67108864 bytes");
    calllab_refuses(&lab, "writev(5, [{..., 1}, {..., 67108865}], 2) = 0",
                    "argument 2, element 2 must be between 0 and 67108864, not 67108865");
    calllab_refuses(&lab, "listen(3, 4294967296) = 0",
                    "argument 2 must be between -2147483648 and 4294967295, not 4294967296");
}

static void test_sendto(void **state) {
    (void)state;
    answers(10);
    calllab_calls(&lab, "sendto(3, ..., 10, MSG_FASTOPEN, ..., ...) = 10",
                  "sendto(100, zeros/10, 0x20000000, in:192.0.2.7:4433/16)");
    assert_true(lab.outcome.connects);
    peer_is("192.0.2.7", 4433);
    calllab_calls(&lab, "sendto(3, ..., 10, 0, ..., ...) = 10", "sendto(100, zeros/10, 0, in:192.0.2.7:4433/16)");
    assert_false(lab.outcome.connects);
    peer_is("192.0.2.7", 4433);
    calllab_calls(&lab, "sendto(3, ..., 10, 0, NULL, ...) = 10", "sendto(100, zeros/10, 0, NULL/0)");
    assert_false(lab.outcome.has_peer);
    calllab_calls(&lab, "sendto(3, ..., 10, MSG_FASTOPEN, AF_UNSPEC, ...) = 10",
                  "sendto(100, zeros/10, 0x20000000, family 0/16)");
    assert_false(lab.outcome.connects);
    lab.fail = EINPROGRESS;
    calllab_calls(&lab, "sendto(3, ..., 10, MSG_FASTOPEN, ..., ...) = -1 EINPROGRESS (..)",
                  "sendto(100, zeros/10, 0x20000000, in:192.0.2.7:4433/16)");
    assert_true(lab.outcome.connects);
    lab.fail = EOPNOTSUPP;
    calllab_calls(&lab, "sendto(3, ..., 10, MSG_FASTOPEN, ..., ...) = -1 EOPNOTSUPP (..)",
                  "sendto(100, zeros/10, 0x20000000, in:192.0.2.7:4433/16)");
    assert_false(lab.outcome.connects);
    calllab_refuses(&lab, "sendto(3, ..., 10, 0, \"x\", ...) = 10",
                    "argument 5 must be ..., a family, or an address, not the string \"x\"");
}

static void test_ping(void **state) {
    (void)state;
    calllab_calls(&lab, "socket(AF_INET, SOCK_DGRAM|SOCK_NONBLOCK, IPPROTO_ICMP) = 6", "socket(2, 2050, 1)");
    calllab_calls(&lab, "socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6) = 7", "socket(10, 2, 58)");
    answers(20);
    calllab_calls(&lab, "sendto(6, ..., 20, 0, ..., ...) = 20", "sendto(102, 08+/20, 0, in:192.0.2.7:4433/16)");
    calllab_calls(&lab, "sendto(7, ..., 20, 0, ..., ...) = 20", "sendto(103, 80+/20, 0, in6:192.0.2.7:4433/28)");
    calllab_calls(&lab, "sendto(6, NULL, 20, 0, ..., ...) = 20", "sendto(102, NULL/20, 0, in:192.0.2.7:4433/16)");
}

static void test_vectors(void **state) {
    (void)state;
    answers(30);
    calllab_calls(&lab, "readv(5, [{..., 10}, {..., 20}], 2) = 30", "readv(101, [buf/10, buf/20])");
    calllab_calls(&lab, "writev(5, [{..., 10}, {NULL, 20}, {..., 0}], 3) = 30",
                  "writev(101, [zeros/10, NULL/20, zeros/0])");
    calllab_calls(&lab, "writev(5, [], 0) = 30", "writev(101, [])");
    calllab_refuses(&lab, "writev(5, [{..., 10}], 2) = 30", "argument 3 is 2, but the list has 1 elements");
    calllab_refuses(&lab, "readv(5, {..., 10}, 1) = 30", "argument 2 must be a list [{..., N}, ...], not a structure");
    calllab_refuses(&lab, "readv(5, [..., 10], 1) = 30", "argument 2, element 1 must be {..., N}, not ...");
    calllab_refuses(&lab, "readv(5, [{...}], 1) = 30", "argument 2, element 1 must be {..., N}, not a structure");
    calllab_refuses(&lab, "readv(5, [{1, 10}], 1) = 30", "argument 2, element 1 must be ... or NULL, not 1");
}

static void test_files(void **state) {
    (void)state;
    calllab_calls(&lab, "open(\"/etc/hosts\", O_RDONLY|O_CLOEXEC) = 6", "open(/etc/hosts, 0x80000)");
    assert_int_equal(calls_live_fd(&lab.calls, 6), 102);
    assert_int_equal(lab.outcome.new_fd, -1); /* no socket */
    calllab_refuses(&lab, "open(\"a\\x00b\", 0) = 7",
                    "argument 1 must be the path of a file, not the string \"a\\x00b\"");
    calllab_refuses(&lab, "open(7, 0) = 7", "argument 1 must be the path of a file, not 7");

    answers(100);
    calllab_calls(&lab, "sendfile(5, 6, [10], 100) = 100", "sendfile(101, 102, [10], 100)");
    calllab_calls(&lab, "sendfile(5, 6, NULL, 100) = 100", "sendfile(101, 102, NULL, 100)");
    calllab_calls(&lab, "sendfile(5, 6, [0], 1073741824) = 100", "sendfile(101, 102, [0], 1073741824)");
    calllab_refuses(&lab, "sendfile(5, 6, [-1], 100) = 100",
                    "argument 3 must be between 0 and 9223372036854775807, not -1");
    calllab_refuses(&lab, "sendfile(5, 9, NULL, 100) = 100", "argument 2: descriptor 9 is not open");

    answers(0);
    calllab_calls(&lab, "pipe([7, 8]) = 0", "pipe()");
    assert_int_equal(calls_live_fd(&lab.calls, 7), 103);
    assert_int_equal(calls_live_fd(&lab.calls, 8), 104);
    calllab_refuses(&lab, "pipe([9, 9]) = 0", "descriptor 9 cannot be the name of two");
    calllab_refuses(&lab, "pipe([9]) = 0", "argument 1 must be [A, B], the names of two descriptors, not a list");
    lab.fail = EMFILE;
    calllab_calls(&lab, "pipe([9, 10]) = -1 EMFILE (..)", "pipe()");
    assert_int_equal(calls_live_fd(&lab.calls, 9), -1);
    answers(50);
    calllab_calls(&lab, "splice(5, NULL, 8, NULL, 50, SPLICE_F_MOVE|SPLICE_F_NONBLOCK) = 50",
                  "splice(101, NULL, 104, NULL, 50, 0x3)");
    calllab_calls(&lab, "splice(6, [7], 8, 9, 50, 0) = 50", "splice(102, [7], 104, [9], 50, 0)");
    calllab_refuses(&lab, "splice(6, ..., 8, NULL, 50, 0) = 50", "argument 2 must be a number, not ...");
    calllab_refuses(&lab, "splice(6, NULL, 8, NULL, -50, 0) = 50",
                    "argument 5 must be between 0 and 2147483647, not -50");
}

/* ---- Arguments that make no sense -------------------------------------------------------------------------------- */

static void test_wrong(void **state) {
    (void)state;
    static const char *const lines[][2] = {
        {"socket(\"x\", SOCK_STREAM, 0) = 4", "argument 1 must be a number, not the string \"x\""},
        {"socket(..., ..., 0) = 4", "argument 2 must be a number, not ..."},
        {"socket(..., SOCK_STREAM, [6]) = 4", "argument 3 must be a number, not a list"},
        {"bind(3, 7, ...) = 0", "argument 2 must be ..., not 7"},
        {"bind(3, ..., 16) = 0", "argument 3 must be ..., not 16"},
        {"listen(..., 1) = 0", "argument 1 must be a descriptor, not ..."},
        {"listen(3, {1}) = 0", "argument 2 must be a number, not a structure"},
        {"accept(3, NULL, NULL) = 4", "argument 2 must be ..., not NULL"},
        {"accept(3, ..., 0) = 4", "argument 3 must be ..., not 0"},
        {"connect(3, [1], ...) = 0", "argument 2 must be ..., a family, or an address, not a list"},
        {"connect(3, 70000, ...) = 0", "argument 2 must be between 0 and 65535, not 70000"},
        {"connect(3, ..., 16) = 0", "argument 3 must be ..., not 16"},
        {"connect(3, {fd=1}, ...) = 0",
         "argument 2 must be {sa_family=, sin_port=, sin_addr=, sin6_port=, sin6_addr=}, "
         "without the field fd="},
        {"close(\"a\\x01\\\"b\") = 0", "argument 1 must be a descriptor, not the string \"a\\x01\\x22b\""},
        {"shutdown(3, inet6_addr(\"::1\")) = 0", "argument 2 must be a number, not the address ::1"},
        {"read(5, \"abc\", 3) = 3", "argument 2 must be ... or NULL, not the string \"abc\""},
        {"read(5, 1, 3) = 3", "argument 2 must be ... or NULL, not 1"},
        {"recv(5, ..., 3, ...) = 3", "argument 4 must be a number, not ..."},
        {"recvfrom(5, ..., 3, 0, 0, ...) = 3", "argument 5 must be ..., not 0"},
        {"recvfrom(5, ..., 3, 0, ..., 0) = 3", "argument 6 must be ..., not 0"},
        {"sendto(5, ..., 3, 0, ..., 16) = 3", "argument 6 must be ..., not 16"},
        {"write(5, htons(80), 3) = 3", "argument 2 must be ... or NULL, not htons(80)"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        calllab_refuses(&lab, lines[i][0], lines[i][1]);
}

enum { STRANGE = 16 };

/* Any expression in the place of any argument: a sentence or a call, and no harm. */
static void test_strange(void **state) {
    (void)state;
    struct expr inner = {.kind = EXPR_INT, .n = -1}, pair = {.kind = EXPR_ELLIPSIS, .next = &inner};
    struct expr bare = {.kind = EXPR_FIELD, .text = "fd"}, nameless = {.kind = EXPR_FIELD, .items = &inner};
    struct expr mask = {.kind = EXPR_FIELD, .text = "tv_sec", .items = &pair};
    const struct expr strange[STRANGE] = {
        {.kind = EXPR_INT, .n = INT64_MIN},
        {.kind = EXPR_INT, .n = INT64_MAX},
        {.kind = EXPR_INT, .n = 3},
        {.kind = EXPR_INT, .n = 0},
        {.kind = EXPR_STRING, .text = "", .len = 0},
        {.kind = EXPR_ELLIPSIS},
        {.kind = EXPR_OR, .n = UINT32_MAX, .items = &inner},
        {.kind = EXPR_LIST},
        {.kind = EXPR_LIST, .items = &pair},
        {.kind = EXPR_STRUCT},
        {.kind = EXPR_STRUCT, .items = &bare},
        {.kind = EXPR_STRUCT, .items = &nameless},
        {.kind = EXPR_STRUCT, .items = &mask},
        {.kind = EXPR_FIELD, .text = "events", .items = &inner},
        {.kind = EXPR_ADDR6},
        {.kind = EXPR_PORT, .n = 80},
    };
    static const char *const names[] = {
        "socket", "bind",       "listen", "accept",   "connect",    "read",         "readv",        "recv",
        "write",  "writev",     "send",   "recvfrom", "recvmsg",    "sendto",       "sendmsg",      "fcntl",
        "ioctl",  "close",      "poll",   "shutdown", "getsockopt", "setsockopt",   "epoll_ctl",    "open",
        "pipe",   "epoll_wait", "splice", "sendfile", "cap_set",    "epoll_create", "psp_rx_assoc",
    };
    int refused = 0, made = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint32_t min, max;
        assert_true(call_known(names[i], &min, &max));
        /* every two arguments strange, the others 3 */
        for (uint32_t k = 0; k < max * max * STRANGE * STRANGE; k++) {
            struct expr args[6];
            for (uint32_t a = 0; a < max; a++)
                args[a] = (struct expr){.kind = EXPR_INT, .n = 3};
            uint32_t one = k / (STRANGE * STRANGE) / max, two = k / (STRANGE * STRANGE) % max;
            args[one] = strange[k % STRANGE];
            args[two] = strange[k / STRANGE % STRANGE];
            for (uint32_t a = 0; a < max; a++)
                args[a].next = a + 1 < max ? &args[a + 1] : NULL;
            calllab_call(&lab, &(struct call){.name = names[i], .args = args, .nargs = max, .result = -1});
            lab.log[0] ? made++ : refused++;
            if (calls_live_fd(&lab.calls, 3) < 0) /* it was closed */
                lab_teardown(state), calllab_open(&lab, FAMILY_IPV4);
        }
    }
    assert_true(made > 1000 && refused > 10000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_known),           TEST(test_not_run),     TEST(test_socket),     TEST(test_socket_unwanted),
        TEST(test_socket_families), TEST(test_bind_listen), TEST(test_accept),     TEST(test_accept_inherits),
        TEST(test_connect),         TEST(test_close),       TEST(test_close_all),  TEST(test_too_many),
        TEST(test_again),           TEST(test_results),     TEST(test_read_write), TEST(test_sizes),
        TEST(test_sendto),          TEST(test_ping),        TEST(test_vectors),    TEST(test_files),
        TEST(test_wrong),           TEST(test_strange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
