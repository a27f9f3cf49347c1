/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of scripts about properties and readiness: socket options, fcntl, ioctl, poll, epoll, capabilities. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/capability.h>

#include <cmocka.h>

#include "calllab.h"

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

/* ---- setsockopt -------------------------------------------------------------------------------------------------- */

static void test_setsockopt(void **state) {
    (void)state;
    calllab_calls(&lab, "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0", "setsockopt(100, 1, 2, 01+/4)");
    assert_int_equal(lab.outcome.script_fd, 3);
    calllab_calls(&lab, "setsockopt(3, SOL_SOCKET, SO_SNDBUF, [20000], 4) = 0", "setsockopt(100, 1, 7, 204e+/4)");
    calllab_calls(&lab, "setsockopt(3, SOL_TCP, TCP_NOTSENT_LOWAT, [-1], 4) = 0", "setsockopt(100, 6, 25, ffffffff/4)");
    calllab_calls(&lab, "setsockopt(3, SOL_TCP, TCP_NOTSENT_LOWAT, [4294967295], 4) = 0",
                  "setsockopt(100, 6, 25, ffffffff/4)");
    calllab_calls(&lab, "setsockopt(3, SOL_SOCKET, SO_MAX_PACING_RATE, [0x102030405], 8) = 0",
                  "setsockopt(100, 1, 47, 0504030201+/8)");
    calllab_calls(&lab, "setsockopt(3, SOL_IP, IP_TOS, [255], 1) = 0", "setsockopt(100, 0, 1, ff/1)");
    calllab_calls(&lab, "setsockopt(3, SOL_IP, IP_TOS, [258], 2) = 0", "setsockopt(100, 0, 1, 0201/2)");
    calllab_calls(&lab, "setsockopt(3, SOL_IP, IP_TOS, [IPPROTO_TCP|8], 4) = 0", "setsockopt(100, 0, 1, 0e+/4)");
    calllab_calls(&lab, "setsockopt(3, SOL_SOCKET, SO_PRIORITY, [1, 2], 8) = 0",
                  "setsockopt(100, 1, 12, 0100000002+/8)");
    /* the length is the script's, the octets are there */
    calllab_calls(&lab, "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 0) = 0", "setsockopt(100, 1, 2, zeros/0)");
    calllab_calls(&lab, "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 40) = 0", "setsockopt(100, 1, 2, 01+/40)");
    calllab_calls(&lab, "setsockopt(3, SOL_TCP, TCP_CONGESTION, \"reno\", 4) = 0",
                  "setsockopt(100, 6, 13, 72656e6f/4)");
    calllab_calls(&lab, "setsockopt(3, SOL_TCP, TCP_CONGESTION, \"reno\", 5) = 0",
                  "setsockopt(100, 6, 13, 72656e6f+/5)");
    calllab_calls(&lab, "setsockopt(3, SOL_TCP, TCP_FASTOPEN_KEY, \"\\x01\\x00\\x02\", 3) = 0",
                  "setsockopt(100, 6, 33, 010002/3)");
    calllab_calls(&lab, "setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=258}, 8) = 0",
                  "setsockopt(100, 1, 13, 010000000201+/8)");
    calllab_calls(&lab, "setsockopt(3, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=1, tv_usec=256}, 16) = 0",
                  "setsockopt(100, 1, 20, 01000000000000000001+/16)");
    calllab_calls(&lab, "setsockopt(3, SOL_IPV6, 1, inet6_addr(\"1::2\"), 16) = 0",
                  "setsockopt(100, 41, 1, 00010000000000000000000000000002/16)");
    calllab_calls(&lab, "setsockopt(3, SOL_IP, 32, inet_addr(\"10.0.0.1\"), 4) = 0",
                  "setsockopt(100, 0, 32, 0a000001/4)");
    calllab_calls(&lab, "setsockopt(3, SOL_SOCKET, SO_DETACH_FILTER, NULL, 0) = 0", "setsockopt(100, 1, 27, NULL/0)");
}

static void test_setsockopt_wrong(void **state) {
    (void)state;
    static const char *const lines[][2] = {
        {"setsockopt(9, 1, 2, [1], 4) = 0", "argument 1: descriptor 9 is not open"},
        {"setsockopt(3, ..., 2, [1], 4) = 0", "argument 2 must be a number, not ..."},
        {"setsockopt(3, 1, [2], [1], 4) = 0", "argument 3 must be a number, not a list"},
        {"setsockopt(3, 1, 2, 1, 4) = 0", "argument 4 must be [N], a string, a structure or an address, not 1"},
        {"setsockopt(3, 1, 2, ..., 4) = 0", "argument 4 must be [N], a string, a structure or an address, not ..."},
        {"setsockopt(3, 1, 2, NULL, 4) = 0", "argument 4 is NULL, but the length is 4"},
        {"setsockopt(3, 1, 2, [], 4) = 0", "argument 4 must be [N], not an empty list"},
        {"setsockopt(3, 1, 2, [\"a\"], 4) = 0", "argument 4 must be a number, not the string \"a\""},
        {"setsockopt(3, 1, 2, [1, \"a\"], 4) = 0", "argument 4, element 2 must be a number, not the string \"a\""},
        {"setsockopt(3, 1, 2, [4294967296], 4) = 0",
         "argument 4 must be between -2147483648 and 4294967295, not 4294967296"},
        {"setsockopt(3, 1, 2, [256], 1) = 0", "argument 4 must be between -128 and 255, not 256"},
        {"setsockopt(3, 1, 2, {flags=1}, 4) = 0",
         "argument 4 is a structure that no option takes here: {onoff=, linger=} and {tv_sec=, tv_usec=} are"},
        {"setsockopt(3, 1, 2, {onoff=1}, 8) = 0", "argument 4 must be {onoff=, linger=}: linger= is missing"},
        {"setsockopt(3, 1, 2, {onoff=1, onoff=2}, 8) = 0", "argument 4: onoff= is there twice"},
        {"setsockopt(3, 1, 2, {onoff=1, linger=...}, 8) = 0", "argument 4, linger must be a number, not ..."},
        {"setsockopt(3, 1, 2, {tv_sec=1, tv_nsec=2}, 16) = 0",
         "argument 4 must be {tv_sec=, tv_usec=}, without the field tv_nsec="},
        {"setsockopt(3, 1, 2, [1], [4]) = 0", "argument 5 must be a number, not a list"},
        {"setsockopt(3, 1, 2, [1], -1) = 0", "argument 5 must be between 0 and 1048576, not -1"},
        {"setsockopt(3, 1, 2, [1], 1048577) = 0", "argument 5 must be between 0 and 1048576, not 1048577"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        calllab_refuses(&lab, lines[i][0], lines[i][1]);
}

/* ---- getsockopt -------------------------------------------------------------------------------------------------- */

static void test_getsockopt_int(void **state) {
    (void)state;
    calllab_option(&lab, &(int){1460}, 4);
    calllab_calls(&lab, "getsockopt(5, SOL_TCP, TCP_MAXSEG, [1460], [4]) = 0", "getsockopt(101, 6, 2, buf/4)");
    calllab_fails(&lab, "getsockopt(5, SOL_TCP, TCP_MAXSEG, [1448], [4]) = 0", "expected value [1448] but got [1460]");
    calllab_calls(&lab, "getsockopt(5, SOL_TCP, TCP_MAXSEG, ..., [4]) = 0", "getsockopt(101, 6, 2, buf/4)");
    calllab_calls(&lab, "getsockopt(5, SOL_TCP, TCP_MAXSEG, [1460], [...]) = 0", "getsockopt(101, 6, 2, buf/4096)");
    calllab_fails(&lab, "getsockopt(5, SOL_TCP, TCP_MAXSEG, [1460], [8]) = 0", "expected length 8 but got 4");
    calllab_fails(&lab, "getsockopt(5, SOL_TCP, TCP_MAXSEG, ..., [232]) = 0", "expected length 232 but got 4");

    calllab_option(&lab, &(int){-1}, 4);
    calllab_calls(&lab, "getsockopt(5, SOL_TCP, TCP_NOTSENT_LOWAT, [4294967295], [4]) = 0",
                  "getsockopt(101, 6, 25, buf/4)");
    calllab_calls(&lab, "getsockopt(5, SOL_TCP, TCP_NOTSENT_LOWAT, [-1], [4]) = 0", "getsockopt(101, 6, 25, buf/4)");
    calllab_option(&lab, &(int64_t){INT64_C(1) << 40}, 8);
    calllab_calls(&lab, "getsockopt(5, SOL_SOCKET, SO_COOKIE, [1099511627776], [8]) = 0",
                  "getsockopt(101, 1, 57, buf/8)");
    calllab_fails(&lab, "getsockopt(5, SOL_SOCKET, SO_COOKIE, [1099511627777], [8]) = 0",
                  "expected value [1099511627777] but got [1099511627776]");
    calllab_option(&lab, &(int[]){1, -2}, 8);
    calllab_fails(&lab, "getsockopt(5, SOL_SOCKET, 1, [1, 2], [8]) = 0", "expected value [1, 2] but got [1, -2]");
    calllab_option(&lab, &(uint8_t){16}, 1);
    calllab_fails(&lab, "getsockopt(5, SOL_IP, IP_TOS, [17], [1]) = 0", "expected value [17] but got [16]");
    /* one octet where an int was expected, with the length left open */
    calllab_fails(&lab, "getsockopt(5, SOL_IP, IP_TOS, [17], ...) = 0", "expected value [17] but got \"\\x10\"");

    lab.fail = ENOPROTOOPT; /* then there is nothing to compare */
    calllab_calls(&lab, "getsockopt(5, SOL_TCP, 99, [5], [4]) = -1 ENOPROTOOPT (..)", "getsockopt(101, 6, 99, buf/4)");
    calllab_fails(&lab, "getsockopt(5, SOL_TCP, 99, [5], [4]) = 0",
                  "expected result 0 but got -1 with errno 92 (ENOPROTOOPT: Protocol not available)");
}

static void test_getsockopt_string(void **state) {
    (void)state;
    char name[16] = "cubic";
    calllab_option(&lab, name, sizeof name);
    calllab_calls(&lab, "getsockopt(5, SOL_TCP, TCP_CONGESTION, \"cubic\", [16]) = 0",
                  "getsockopt(101, 6, 13, buf/16)");
    calllab_fails(&lab, "getsockopt(5, SOL_TCP, TCP_CONGESTION, \"cub\", [16]) = 0",
                  "expected value \"cub\" but got \"cubic\"");
    calllab_fails(&lab, "getsockopt(5, SOL_TCP, TCP_CONGESTION, \"reno\", [16]) = 0",
                  "expected value \"reno\" but got \"cubic\"");
    calllab_option(&lab, "\x01\x02\x00\x03", 4);
    calllab_calls(&lab, "getsockopt(5, SOL_TCP, TCP_FASTOPEN_KEY, \"\\x01\\x02\\x00\\x03\", [4]) = 0",
                  "getsockopt(101, 6, 33, buf/4)");
    calllab_fails(&lab, "getsockopt(5, SOL_TCP, TCP_FASTOPEN_KEY, \"\\x01\\x02\\x00\\x04\", [4]) = 0",
                  "expected value \"\\x01\\x02\\x00\\x04\" but got \"\\x01\\x02\\x00\\x03\"");
    calllab_fails(&lab, "getsockopt(5, SOL_TCP, TCP_FASTOPEN_KEY, \"\\x01\\x02\\x00\\x03\\x04\", [4]) = 0",
                  "expected value \"\\x01\\x02\\x00\\x03\\x04\" but got \"\\x01\\x02\\x00\\x03\"");
}

static void test_getsockopt_struct(void **state) {
    (void)state;
    struct linger linger = {.l_onoff = 1, .l_linger = 5};
    calllab_option(&lab, &linger, sizeof linger);
    calllab_calls(&lab, "getsockopt(5, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, [8]) = 0",
                  "getsockopt(101, 1, 13, buf/8)");
    calllab_fails(&lab, "getsockopt(5, SOL_SOCKET, SO_LINGER, {linger=6, onoff=1}, [8]) = 0",
                  "expected value {onoff=1, linger=6} but got {onoff=1, linger=5}");
    struct timeval time = {.tv_sec = 2, .tv_usec = 500000};
    calllab_option(&lab, &time, sizeof time);
    calllab_calls(&lab, "getsockopt(5, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=2, tv_usec=500000}, [16]) = 0",
                  "getsockopt(101, 1, 20, buf/16)");
    calllab_fails(&lab, "getsockopt(5, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=2, tv_usec=0}, [16]) = 0",
                  "expected value {tv_sec=2, tv_usec=0} but got {tv_sec=2, tv_usec=500000}");
    struct umptcp_addr addr;
    assert_int_equal(umptcp_addr_parse("2001:db8::7", &addr), 0);
    calllab_option(&lab, addr.b, 16);
    calllab_calls(&lab, "getsockopt(5, SOL_IPV6, 1, inet6_addr(\"2001:db8::7\"), [16]) = 0",
                  "getsockopt(101, 41, 1, buf/16)");
    calllab_fails(&lab, "getsockopt(5, SOL_IPV6, 1, inet6_addr(\"2001:db8::8\"), [16]) = 0",
                  "expected value 2001:db8::8 but got 2001:db8::7");
    calllab_option(&lab, "\x0a\x00\x00\x01", 4);
    calllab_fails(&lab, "getsockopt(5, SOL_IP, 1, inet_addr(\"10.0.0.2\"), [4]) = 0",
                  "expected value 10.0.0.2 but got 10.0.0.1");

    calllab_refuses(&lab, "getsockopt(5, SOL_IP, 1, [1], 4) = 0", "argument 5 must be [N], the length, not 4");
    calllab_refuses(&lab, "getsockopt(5, SOL_IP, 1, [1], NULL) = 0", "argument 5 must be [N], the length, not NULL");
    calllab_refuses(&lab, "getsockopt(5, SOL_IP, 1, [1], [1048577]) = 0",
                    "argument 5 must be between 0 and 1048576, not 1048577");
    calllab_refuses(&lab, "getsockopt(5, SOL_IP, 1, NULL, [4]) = 0", "argument 4 is NULL, but the length is 4");
    calllab_refuses(&lab, "getsockopt(5, SOL_IP, 1, [...], [4]) = 0", "argument 4 must be a number, not ...");
}

/* ---- fcntl, ioctl ------------------------------------------------------------------------------------------------ */

static void test_fcntl_ioctl(void **state) {
    (void)state;
    calllab_calls(&lab, "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0", "fcntl(100, 4, 2050)");
    lab.result = 2;
    calllab_calls(&lab, "fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)", "fcntl(100, 3, 0)");
    calllab_fails(&lab, "fcntl(3, F_GETFL) = 0x802", "expected result 2050 but got 2");
    calllab_refuses(&lab, "fcntl(3, ..., 0) = 0", "argument 2 must be a number, not ...");
    calllab_refuses(&lab, "fcntl(3, F_SETFL, \"x\") = 0", "argument 3 must be a number, not the string \"x\"");

    lab.result = 0;
    lab.ioctl_value = 1000;
    calllab_calls(&lab, "ioctl(5, SIOCINQ, [1000]) = 0", "ioctl(101, 0x541b, 0)");
    calllab_fails(&lab, "ioctl(5, SIOCINQ, [999]) = 0", "expected value [999] but got [1000]");
    calllab_calls(&lab, "ioctl(5, SIOCINQ, [...]) = 0", "ioctl(101, 0x541b, 0)");
    calllab_calls(&lab, "ioctl(5, SIOCINQ) = 0", "ioctl(101, 0x541b, NULL)");
    lab.ioctl_value = 1;
    calllab_calls(&lab, "ioctl(5, FIONBIO, [1]) = 0", "ioctl(101, 0x5421, 1)");
    lab.ioctl_value = -1;
    calllab_calls(&lab, "ioctl(5, SIOCOUTQ, [4294967295]) = 0", "ioctl(101, 0x5411, 0)");
    lab.fail = EINVAL;
    calllab_calls(&lab, "ioctl(5, SIOCINQ, [7]) = -1 EINVAL (..)", "ioctl(101, 0x541b, 0)");
    calllab_refuses(&lab, "ioctl(5, SIOCINQ, 7) = 0", "argument 3 must be [N], not 7");
    calllab_refuses(&lab, "ioctl(5, SIOCINQ, [7, 8]) = 0", "argument 3 must be [N], not a list");
    calllab_refuses(&lab, "ioctl(5, SIOCINQ, [\"7\"]) = 0", "argument 3 must be a number, not the string \"7\"");
}

/* ---- poll -------------------------------------------------------------------------------------------------------- */

static void test_poll(void **state) {
    (void)state;
    lab.result = 1;
    lab.revents[0] = POLLIN | POLLERR;
    calllab_calls(&lab, "poll([{fd=5, events=POLLIN|POLLERR, revents=POLLIN|POLLERR}], 1, 0) = 1",
                  "poll([101 0x9 0], 0)");
    calllab_fails(&lab, "poll([{fd=5, events=POLLIN, revents=POLLIN}], 1, 500) = 1",
                  "expected revents POLLIN of element 1 but got POLLIN|POLLERR");
    calllab_fails(&lab, "poll([{fd=5, events=POLLIN}], 1, -1) = 1",
                  "expected revents 0 of element 1 but got POLLIN|POLLERR");
    lab.revents[1] = (short)(POLLRDHUP | 0x4800);
    calllab_fails(&lab, "poll([{fd=5, events=0, revents=9}, {fd=3, events=POLLOUT, revents=POLLOUT}], 2, 1) = 1",
                  "expected revents POLLOUT of element 2 but got POLLRDHUP|0x4800");
    assert_string_equal(lab.log, "poll([101 0 0, 100 0x4 0], 1)");
    lab.revents[0] = 0;
    calllab_calls(&lab, "poll([{fd=-1, events=0}], 1, 1) = 1", "poll([-1 0 0], 1)");
    calllab_calls(&lab, "poll([], 0, 1) = 1", "poll([], 1)");
    calllab_fails(&lab, "poll([{fd=5, events=0}], 1, 1) = 0", "expected result 0 but got 1");

    calllab_refuses(&lab, "poll([{fd=5, events=0}], 2, 1) = 0", "argument 2 is 2, but the list has 1 elements");
    calllab_refuses(&lab, "poll({fd=5, events=0}, 1, 1) = 0",
                    "argument 1 must be a list [{fd=, events=, revents=}, ...], not a structure");
    calllab_refuses(&lab, "poll([5], 1, 1) = 0", "argument 1, element 1 must be {fd=, events=, revents=}, not 5");
    calllab_refuses(&lab, "poll([{events=0}], 1, 1) = 0",
                    "argument 1, element 1 must be {fd=, events=, revents=}: fd= is missing");
    calllab_refuses(&lab, "poll([{fd=9, events=0}], 1, 1) = 0", "argument 1, element 1, fd: descriptor 9 is not open");
    calllab_refuses(&lab, "poll([{fd=5, events=65536}], 1, 1) = 0",
                    "argument 1, element 1, events must be between -32768 and 65535, not 65536");
    calllab_refuses(&lab, "poll([{fd=5, events=0, revents=...}], 1, 1) = 0",
                    "argument 1, element 1, revents must be a number, not ...");
    calllab_refuses(&lab, "poll([{fd=5, events=0, 7}], 1, 1) = 0",
                    "argument 1, element 1 must be {fd=, events=, revents=}, without 7");
    calllab_refuses(&lab, "poll([], 0, ...) = 0", "argument 3 must be a number, not ...");
}

/* ---- epoll ------------------------------------------------------------------------------------------------------- */

static void test_epoll_ctl(void **state) {
    (void)state;
    calllab_calls(&lab, "epoll_create(1) = 6", "epoll_create(1)");
    calllab_calls(&lab, "epoll_ctl(6, EPOLL_CTL_ADD, 5, {events=EPOLLIN|EPOLLET, fd=5}) = 0",
                  "epoll_ctl(102, 1, 101, 0x80000001 0x5)");
    assert_int_equal(lab.outcome.script_fd, 6);
    calllab_calls(&lab, "epoll_ctl(6, EPOLL_CTL_MOD, 5, {events=EPOLLOUT, u32=4294967295}) = 0",
                  "epoll_ctl(102, 3, 101, 0x4 0xffffffff)");
    calllab_calls(&lab, "epoll_ctl(6, EPOLL_CTL_MOD, 5, {u64=0x123456789ab, events=0}) = 0",
                  "epoll_ctl(102, 3, 101, 0 0x123456789ab)");
    calllab_calls(&lab, "epoll_ctl(6, EPOLL_CTL_MOD, 5, {events=1, ptr=-1}) = 0",
                  "epoll_ctl(102, 3, 101, 0x1 0xffffffffffffffff)");
    calllab_calls(&lab, "epoll_ctl(6, EPOLL_CTL_DEL, 5, NULL) = 0", "epoll_ctl(102, 2, 101, NULL)");
    calllab_refuses(&lab, "epoll_ctl(6, EPOLL_CTL_ADD, 9, {events=1, fd=9}) = 0",
                    "argument 3: descriptor 9 is not open");
    calllab_refuses(&lab, "epoll_ctl(6, EPOLL_CTL_ADD, 5, {events=1, fd=9, u32=1}) = 0",
                    "argument 4 has fd= and u32=: one of fd, ptr, u32 and u64 can be there");
    calllab_refuses(&lab, "epoll_ctl(6, EPOLL_CTL_ADD, 5, {events=1}) = 0",
                    "argument 4: one of fd=, ptr=, u32= and u64= is missing");
    calllab_refuses(&lab, "epoll_ctl(6, EPOLL_CTL_ADD, 5, {events=1, u32=4294967296}) = 0",
                    "argument 4, u32 must be between -2147483648 and 4294967295, not 4294967296");
    calllab_refuses(&lab, "epoll_ctl(6, EPOLL_CTL_ADD, 5, {fd=1}) = 0",
                    "argument 4 must be {fd=, ptr=, u32=, u64=, events=}: events= is missing");
    calllab_refuses(&lab, "epoll_ctl(6, EPOLL_CTL_ADD, 5, ...) = 0",
                    "argument 4 must be {fd=, ptr=, u32=, u64=, events=}, not ...");
    calllab_refuses(&lab, "epoll_ctl(6, ..., 5, NULL) = 0", "argument 2 must be a number, not ...");
}

static void test_epoll_wait(void **state) {
    (void)state;
    calllab_calls(&lab, "epoll_create(1) = 6", "epoll_create(1)");
    lab.result = 1;
    lab.events[0] = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u64 = UINT64_C(0x500000007)};
    calllab_calls(&lab, "epoll_wait(6, {events=EPOLLIN|EPOLLET, fd=7}, 1, 0) = 1", "epoll_wait(102, 1, 0)");
    calllab_calls(&lab, "epoll_wait(6, {events=EPOLLIN|EPOLLET, u32=7}, 1, 0) = 1", "epoll_wait(102, 1, 0)");
    calllab_fails(&lab, "epoll_wait(6, {events=EPOLLIN|EPOLLET, u64=7}, 1, 0) = 1",
                  "expected u64 7 of event 1 but got 21474836487");
    calllab_fails(&lab, "epoll_wait(6, {events=EPOLLIN, fd=7}, 1, 0) = 1",
                  "expected events EPOLLIN of event 1 but got EPOLLIN|EPOLLET");
    calllab_fails(&lab, "epoll_wait(6, {events=EPOLLIN|EPOLLET, fd=8}, 1, 0) = 1",
                  "expected fd 8 of event 1 but got 7");
    calllab_calls(&lab, "epoll_wait(6, ..., 1, 0) = 1", "epoll_wait(102, 1, 0)");
    calllab_fails(&lab, "epoll_wait(6, {events=0, ptr=0}, 1, 0) = 0", "expected result 0 but got 1");

    lab.result = 0;
    calllab_calls(&lab, "epoll_wait(6, {events=0, ptr=0}, 1, 0) = 0", "epoll_wait(102, 1, 0)");
    calllab_fails(&lab, "epoll_wait(6, {events=EPOLLIN, ptr=0}, 1, 0) = 0",
                  "expected events EPOLLIN of event 1 but got 0");
    calllab_calls(&lab, "epoll_wait(6, [], 10, 0) = 0", "epoll_wait(102, 10, 0)");

    lab.result = 2;
    lab.events[1] = (struct epoll_event){.events = EPOLLHUP, .data.fd = -3};
    calllab_calls(&lab, "epoll_wait(6, [{events=EPOLLIN|EPOLLET, fd=7}, {events=EPOLLHUP, fd=-3}], 10, 5) = 2",
                  "epoll_wait(102, 10, 5)");
    calllab_calls(&lab, "epoll_wait(6, {events=EPOLLIN|EPOLLET, fd=7}, 10, 5) = 2", "epoll_wait(102, 10, 5)");
    calllab_fails(&lab, "epoll_wait(6, [{events=EPOLLIN|EPOLLET, fd=7}], 10, 5) = 2", "expected 1 events but got 2");
    calllab_fails(&lab, "epoll_wait(6, [{events=EPOLLIN|EPOLLET, fd=7}, {events=EPOLLHUP, fd=3}], 10, 5) = 2",
                  "expected fd 3 of event 2 but got -3");
    lab.fail = EINVAL;
    calllab_calls(&lab, "epoll_wait(6, {events=1, fd=7}, 0, 5) = -1 EINVAL (..)", "epoll_wait(102, 0, 5)");
    calllab_calls(&lab, "epoll_wait(6, {events=1, fd=7}, -1, 5) = -1 EINVAL (..)", "epoll_wait(102, -1, 5)");

    calllab_refuses(&lab, "epoll_wait(6, {events=1, fd=7}, 65537, 5) = 0",
                    "argument 3 must be at most 65536, not 65537");
    calllab_refuses(&lab, "epoll_wait(6, 7, 1, 5) = 0",
                    "argument 2 must be ..., an event {events=, fd=}, or a list of them, not 7");
    calllab_refuses(&lab, "epoll_wait(6, [7], 1, 5) = 0",
                    "argument 2, element 1 must be {fd=, ptr=, u32=, u64=, events=}, not 7");
    calllab_refuses(&lab, "epoll_wait(9, ..., 1, 5) = 0", "argument 1: descriptor 9 is not open");
    calllab_refuses(&lab, "epoll_create(...) = 9", "argument 1 must be a number, not ...");
}

/* ---- Capabilities ------------------------------------------------------------------------------------------------ */

static bool can(int capability) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    assert_int_equal(syscall(SYS_capget, &header, sets), 0);
    return sets[capability / 32].effective & (1U << capability % 32);
}

static void test_cap_set(void **state) {
    (void)state;
    bool before = can(CAP_NET_BIND_SERVICE), other = can(CAP_NET_RAW);
    assert_string_equal(calllab_run(&lab, "cap_set(CAP_EFFECTIVE, CAP_NET_BIND_SERVICE, CAP_CLEAR) = 0"), "");
    assert_false(can(CAP_NET_BIND_SERVICE));
    assert_int_equal(can(CAP_NET_RAW), other);
    if (before) {
        assert_string_equal(calllab_run(&lab, "cap_set(CAP_EFFECTIVE, CAP_NET_BIND_SERVICE, CAP_SET) = 7"), "");
        assert_true(can(CAP_NET_BIND_SERVICE));
        assert_int_equal(calls_live_fd(&lab.calls, 7), -1); /* no descriptor */
    } else {
        assert_string_equal(calllab_run(&lab, "cap_set(CAP_EFFECTIVE, CAP_NET_BIND_SERVICE, CAP_SET) = 0"),
                            "expected result 0 but got -1 with errno 1 (EPERM: Operation not permitted)");
    }
    calllab_refuses(&lab, "cap_set(3, CAP_NET_RAW, CAP_CLEAR) = 0", "argument 1 must be between 0 and 2, not 3");
    calllab_refuses(&lab, "cap_set(CAP_EFFECTIVE, 64, CAP_CLEAR) = 0", "argument 2 must be between 0 and 40, not 64");
    calllab_refuses(&lab, "cap_set(CAP_EFFECTIVE, ..., CAP_CLEAR) = 0", "argument 2 must be a number, not ...");
    calllab_refuses(&lab, "cap_set(CAP_EFFECTIVE, CAP_NET_RAW, 2) = 0", "argument 3 must be between 0 and 1, not 2");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_setsockopt),
        TEST(test_setsockopt_wrong),
        TEST(test_getsockopt_int),
        TEST(test_getsockopt_string),
        TEST(test_getsockopt_struct),
        TEST(test_fcntl_ioctl),
        TEST(test_poll),
        TEST(test_epoll_ctl),
        TEST(test_epoll_wait),
        TEST(test_cap_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
