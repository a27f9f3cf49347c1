/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TUN driver against this machine's kernel, in a network namespace of its own: a hand-made peer at 10.9.0.2 and
 * fd00:9::2 talks with the kernel's sockets. Needs root; skipped (exit status 77) without.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "io/raw.h"
#include "io/rtnl.h"
#include "io/tun.h"
#include "wire/checksum.h"
#include "wire/segment.h"

enum { SKIPPED = 77, UDP = 17, TIMEOUT_MS = 2000, MSS = 1460, PEER_PORT = 80, CSUM_AT = 16 };
static const char name[] = "umptest0";
static const char *const kernel_addr[2] = {"10.9.0.1", "fd00:9::1"}, *const peer_addr[2] = {"10.9.0.2", "fd00:9::2"};
static const struct umptcp_time now = {1};

static struct umptcp_addr address(const char *text) {
    struct umptcp_addr a;
    assert_int_equal(umptcp_addr_parse(text, &a), 0);
    return a;
}

/* Waits until the kernel takes packets for its IPv6 address: it installs the address's local route in a work queue,
 * some time after the address itself is there, and packets that come before are dropped. */
static void wait_for_local_route(int monitor) {
    struct umptcp_addr wanted = address(kernel_addr[1]);
    for (;;) {
        struct pollfd p = {.fd = monitor, .events = POLLIN};
        assert_int_equal(poll(&p, 1, TIMEOUT_MS), 1);
        _Alignas(struct nlmsghdr) char buf[8192];
        ssize_t got = recv(monitor, buf, sizeof buf, 0);
        assert_true(got > 0);
        int left = (int)got;
        for (struct nlmsghdr *m = (struct nlmsghdr *)(void *)buf; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
            struct rtmsg *route = NLMSG_DATA(m);
            if (m->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_LOCAL)
                continue;
            int attrs = (int)RTM_PAYLOAD(m);
            for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, attrs); a = RTA_NEXT(a, attrs))
                if (a->rta_type == RTA_DST && !memcmp(RTA_DATA(a), wanted.b, sizeof wanted.b))
                    return;
        }
    }
}

static struct driver *tun_new(void) {
    struct driver *d;
    struct sockaddr_nl routes = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV6_ROUTE};
    int monitor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    assert_int_equal(bind(monitor, (struct sockaddr *)&routes, sizeof routes), 0);
    assert_int_equal(tun_open(name, &d), 0);
    for (int v6 = 0; v6 < 2; v6++) {
        struct tun_setup setup = {.mtu = 1500,
                                  .txqueuelen = 2000,
                                  .up = true,
                                  .has_addr = true,
                                  .addr = address(kernel_addr[v6]),
                                  .prefix_len = v6 ? 64 : 24};
        assert_int_equal(tun_configure(d, &setup), 0);
        assert_int_equal(tun_configure(d, &setup), 0); /* the address is there already */
    }
    wait_for_local_route(monitor);
    close(monitor);
    return d;
}

/* The next packet of a protocol; others (router solicitations, for one) are passed over. */
static void expect_packet(struct driver *d, uint8_t proto, struct umptcp_packet *pkt, struct ip_hdr *ip) {
    for (;;) {
        while (driver_recv(d, pkt, now)) {
            assert_int_equal(ip_parse(pkt->data, pkt->len, false, ip), DROP_NONE);
            if (ip->proto == proto)
                return;
        }
        struct pollfd p = {.fd = d->fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, TIMEOUT_MS), 1);
    }
}

/* The next segment of a family: the kernel may still be busy with a connection of the other. */
static void expect_segment(struct driver *d, int v6, struct umptcp_packet *pkt, struct seg *seg) {
    struct ip_hdr ip;
    do
        expect_packet(d, IP_PROTO_TCP, pkt, &ip);
    while (ip.v6 != v6);
    assert_int_equal(tcp_parse(&ip, pkt->csum_valid, pkt->gso_size, seg), DROP_NONE);
}

/* Sends a segment to the kernel: a partial checksum, the payload in a slice of its own, a super-segment when it is
 * long. */
static void send_segment(struct driver *d, const struct seg *seg) {
    struct umptcp_out out = {.v6 = !addr_is_v4(&seg->flow.local.addr), .csum_partial = true, .csum_offset = CSUM_AT};
    struct ip_hdr ip = {.v6 = out.v6, .proto = IP_PROTO_TCP, .ttl = 64, .dont_fragment = true};
    ip.src = seg->flow.local.addr;
    ip.dst = seg->flow.remote.addr;
    struct writer w = writer_of(out.hdr, sizeof out.hdr);
    uint32_t tcp_len = TCP_HDR_LEN + tcp_options_len(seg) + seg->len;
    ip_build(&w, &ip, tcp_len);
    out.csum_start = (uint16_t)w.len;
    tcp_build(&w, seg);
    struct csum c = {0};
    csum_add_pseudo(&c, &ip.src, &ip.dst, IP_PROTO_TCP, tcp_len);
    uint16_t sum = csum_fold(&c);
    out.hdr[out.csum_start + CSUM_AT] = (uint8_t)(sum >> 8);
    out.hdr[out.csum_start + CSUM_AT + 1] = (uint8_t)sum;
    out.hdr_len = (uint32_t)w.len;
    out.len = out.hdr_len + seg->len;
    out.gso_size = seg->len > MSS ? 1400 : 0;
    out.nslices = seg->len ? 2 : 1;
    out.slices[0] = (struct umptcp_slice){out.hdr, out.hdr_len};
    out.slices[1] = (struct umptcp_slice){seg->data, seg->len};
    assert_int_equal(driver_send(d, &out, now), 0);
}

static socklen_t peer_sockaddr(int v6, struct sockaddr_storage *ss) {
    memset(ss, 0, sizeof *ss);
    if (v6) {
        struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)(void *)ss;
        s6->sin6_family = AF_INET6;
        s6->sin6_port = htons(PEER_PORT);
        inet_pton(AF_INET6, peer_addr[1], &s6->sin6_addr);
        return sizeof *s6;
    }
    struct sockaddr_in *s4 = (struct sockaddr_in *)(void *)ss;
    s4->sin_family = AF_INET;
    s4->sin_port = htons(PEER_PORT);
    inet_pton(AF_INET, peer_addr[0], &s4->sin_addr);
    return sizeof *s4;
}

static void test_udp_from_kernel(void **state) {
    (void)state;
    struct driver *d = tun_new();
    assert_int_equal(d->mtu, 1500);
    for (int v6 = 0; v6 < 2; v6++) {
        struct sockaddr_storage ss;
        socklen_t ss_len = peer_sockaddr(v6, &ss);
        int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
        assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&ss, ss_len), 5);
        close(fd);
        struct umptcp_packet pkt;
        struct ip_hdr ip;
        struct umptcp_addr src = address(kernel_addr[v6]);
        expect_packet(d, UDP, &pkt, &ip);
        assert_true(addr_eq(&ip.src, &src));
        assert_true(pkt.csum_valid); /* partial: the packet was never on a wire */
        assert_int_equal(pkt.gso_size, 0);
        assert_int_equal(ip.payload_len, 8 + 5);
        assert_memory_equal(ip.payload + 8, "hello", 5);
    }
    driver_close(d);
}

/* Our echo request reaches the kernel, and its reply us. */
static void test_ping_to_kernel(void **state) {
    (void)state;
    struct driver *d = tun_new();
    uint8_t request[16] = {8, 0, 0, 0, 0x12, 0x34, 0, 1, 'u', 'm', 'p', 't', 'c', 'p'};
    struct csum c = {0};
    csum_add(&c, request, sizeof request);
    uint16_t sum = csum_finish(&c);
    request[2] = (uint8_t)(sum >> 8);
    request[3] = (uint8_t)sum;
    struct umptcp_out out = {.nslices = 2};
    struct ip_hdr ip = {.proto = IP_PROTO_ICMP, .ttl = 64};
    ip.src = address(peer_addr[0]);
    ip.dst = address(kernel_addr[0]);
    struct writer w = writer_of(out.hdr, sizeof out.hdr);
    ip_build(&w, &ip, sizeof request);
    out.slices[0] = (struct umptcp_slice){out.hdr, w.len};
    out.slices[1] = (struct umptcp_slice){request, sizeof request};
    out.hdr_len = (uint32_t)w.len;
    out.len = out.hdr_len + sizeof request;
    assert_int_equal(driver_send(d, &out, now), 0);

    struct umptcp_packet pkt;
    expect_packet(d, IP_PROTO_ICMP, &pkt, &ip);
    assert_int_equal(ip.payload_len, sizeof request);
    assert_int_equal(ip.payload[0], 0);
    assert_memory_equal(ip.payload + 4, request + 4, sizeof request - 4);
    driver_close(d);
}

/* The kernel connects to us; bulk data goes in super-segments, in both directions and both families. */
static void test_tcp_super_segments(void **state) {
    (void)state;
    struct driver *d = tun_new();
    for (int v6 = 0; v6 < 2; v6++) {
        static uint8_t bytes[20000], got[20000];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(i * 31 >> 4);
        struct sockaddr_storage ss;
        socklen_t ss_len = peer_sockaddr(v6, &ss);
        int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&ss, ss_len), -1);
        assert_int_equal(errno, EINPROGRESS);

        struct umptcp_packet pkt;
        struct seg syn, in;
        expect_segment(d, v6, &pkt, &syn);
        assert_true(pkt.csum_valid);
        assert_int_equal(syn.flags, TCP_SYN);
        assert_int_equal(syn.flow.local.port, PEER_PORT);
        struct seg out = {.flow = syn.flow, .seq = {1000}, .ack = {syn.seq.v + 1}, .flags = TCP_SYN | TCP_ACK};
        out.window = 65535;
        out.opt.has_mss = true;
        out.opt.mss = 1400;
        send_segment(d, &out);
        expect_segment(d, v6, &pkt, &in);
        assert_int_equal(in.flags, TCP_ACK);
        assert_int_equal(in.ack.v, 1001);

        assert_int_equal(send(fd, bytes, 14000, 0), 14000); /* the initial window */
        uint32_t received = 0, largest = 0;
        while (received < 14000) {
            expect_segment(d, v6, &pkt, &in);
            assert_int_equal(in.seq.v, syn.seq.v + 1 + received);
            assert_memory_equal(in.data, bytes + received, in.len);
            if (in.len > 1400)
                assert_int_equal(pkt.gso_size, 1400);
            received += in.len;
            largest = in.len > largest ? in.len : largest;
        }
        assert_true(largest > 1400);

        out = (struct seg){.flow = syn.flow, .seq = {1001}, .ack = {syn.seq.v + 1 + received}, .flags = TCP_ACK};
        out.window = 65535;
        out.data = bytes;
        out.len = sizeof bytes;
        send_segment(d, &out);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, TIMEOUT_MS), 1);
        assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), sizeof got);
        assert_memory_equal(got, bytes, sizeof bytes);
        close(fd);
    }
    driver_close(d);
}

static void test_errors(void **state) {
    (void)state;
    struct driver *d = tun_new(), *again;
    assert_int_equal(tun_open(name, &again), -EBUSY);
    assert_int_equal(tun_open("", &again), -EINVAL);
    assert_int_equal(tun_open("a-name-that-is-too-long", &again), -EINVAL);
    assert_int_equal(tun_open("lo", &again), -EINVAL);
    static const int errors[] = {-EPERM, -ENOENT, -EBUSY, -EINVAL, -EOPNOTSUPP, -EIO};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        assert_true(strlen(tun_error(errors[i])) > 10);
    struct tun_setup bad = {.mtu = 1};
    assert_int_equal(tun_configure(d, &bad), -EINVAL);
    assert_int_equal(d->mtu, 1500);
    driver_close(d);
    assert_int_equal(if_nametoindex(name), 0); /* it went away with us */
}

static void test_without_privilege(void **state) {
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct driver *d;
        _exit(setuid(65534) == 0 && tun_open(name, &d) == -EPERM ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* An interface that is taken away is silence, not a crash; poll() says it. */
static void test_interface_removed(void **state) {
    (void)state;
    struct driver *d = tun_new();
    char command[64];
    snprintf(command, sizeof command, "ip link del %s", name);
    assert_int_equal(system(command), 0);
    struct umptcp_packet pkt;
    assert_false(driver_recv(d, &pkt, now));
    struct pollfd p = {.fd = d->fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_true(p.revents & POLLERR);
    struct seg seg = {.flow = {{address(peer_addr[0]), 1}, {address(kernel_addr[0]), 2}}, .flags = TCP_ACK};
    struct umptcp_out out = {.nslices = 1, .len = 20, .slices = {{&seg, 20}}};
    assert_true(driver_send(d, &out, now) < 0);
    driver_close(d);
}

int main(void) {
    if (unshare(CLONE_NEWNET) < 0 || access("/dev/net/tun", R_OK | W_OK) < 0) {
        fprintf(stderr, "test_tun: SKIPPED: needs root and /dev/net/tun (%s)\n", strerror(errno));
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp_from_kernel),    cmocka_unit_test(test_ping_to_kernel),
        cmocka_unit_test(test_tcp_super_segments), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_without_privilege),  cmocka_unit_test(test_interface_removed),
    };
    return cmocka_run_group_tests_name("tun", tests, NULL, NULL);
}
