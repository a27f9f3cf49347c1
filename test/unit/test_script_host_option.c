/* SPDX-License-Identifier: BSD-3-Clause */
/* The host: readiness as poll() and epoll see it, socket options, TCP_INFO and MPTCP_INFO. */
#define _GNU_SOURCE
#include "scripthost.h"
#include "wire/mpcrypto.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

/* Newer than the headers of some machines. */
enum { IS_MPTCP = 43, PROTO_MPTCP = 262, SOL_MPTCP_LEVEL = 284, MPTCP_INFO_NAME = 1 };

#define IN    (POLLIN | POLLRDNORM)
#define OUT   (POLLOUT | POLLWRNORM)
#define RDHUP POLLRDHUP

/* ---- epoll ------------------------------------------------------------------------------------------------------- */

static int wait_one(struct peer *l, int ep, uint32_t *events) {
    struct epoll_event ev = {0};
    int n = l->p.epoll_wait(l->p.ctx, ep, &ev, 1, 0);
    *events = ev.events;
    if (n)
        assert_int_equal(ev.data.u64, 77);
    return n;
}

static void test_epoll(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1)), ep = l->p.epoll_create(l->p.ctx, 1);
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 77};
    uint32_t got;
    char buf[16];
    assert_true(ep >= 3);
    assert_errno(l->p.epoll_create(l->p.ctx, 0), EINVAL);
    assert_errno(l->p.epoll_ctl(l->p.ctx, ep, EPOLL_CTL_MOD, fd, &ev), ENOENT);
    assert_errno(l->p.epoll_ctl(l->p.ctx, ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
    assert_errno(l->p.epoll_ctl(l->p.ctx, fd, EPOLL_CTL_ADD, ep, &ev), EINVAL);
    assert_int_equal(l->p.epoll_ctl(l->p.ctx, ep, EPOLL_CTL_ADD, fd, &ev), 0);
    assert_errno(l->p.epoll_ctl(l->p.ctx, ep, EPOLL_CTL_ADD, fd, &ev), EEXIST);
    assert_int_equal(wait_one(l, ep, &got), 0);
    peer_in(l, TCP_ACK, 1, 10, 1);
    assert_int_equal(wait_one(l, ep, &got), 1);
    assert_int_equal(got, EPOLLIN);
    assert_int_equal(wait_one(l, ep, &got), 1); /* the level is reported as long as it lasts */
    ev.events = EPOLLIN | EPOLLOUT | EPOLLET;
    assert_int_equal(l->p.epoll_ctl(l->p.ctx, ep, EPOLL_CTL_MOD, fd, &ev), 0);
    assert_int_equal(wait_one(l, ep, &got), 1);
    assert_int_equal(got, EPOLLIN | EPOLLOUT);
    assert_int_equal(wait_one(l, ep, &got), 0);
    peer_in(l, TCP_ACK, 11, 10, 1); /* an edge, though it was readable all the time */
    assert_int_equal(wait_one(l, ep, &got), 1);
    assert_int_equal(wait_one(l, ep, &got), 0);
    ev.events = EPOLLIN | EPOLLONESHOT;
    assert_int_equal(l->p.epoll_ctl(l->p.ctx, ep, EPOLL_CTL_MOD, fd, &ev), 0);
    assert_int_equal(wait_one(l, ep, &got), 1);
    assert_int_equal(wait_one(l, ep, &got), 0);
    assert_int_equal(l->p.epoll_ctl(l->p.ctx, ep, EPOLL_CTL_MOD, fd, &ev), 0);
    assert_int_equal(wait_one(l, ep, &got), 1);
    ev.events = EPOLLRDHUP;
    assert_int_equal(l->p.epoll_ctl(l->p.ctx, ep, EPOLL_CTL_MOD, fd, &ev), 0);
    assert_int_equal(wait_one(l, ep, &got), 0);
    peer_in(l, TCP_RST | TCP_ACK, 21, 0, 1);
    assert_int_equal(wait_one(l, ep, &got), 1);
    assert_int_equal(got, EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    assert_int_equal(l->p.read(l->p.ctx, fd, buf, 16), 16);
    assert_int_equal(l->p.close(l->p.ctx, fd), 0); /* leaves the set by that */
    assert_int_equal(wait_one(l, ep, &got), 0);
    assert_errno(l->p.epoll_ctl(l->p.ctx, ep, EPOLL_CTL_DEL, fd, NULL), EBADF);
    peer_free(l);
}

/* poll() and epoll_wait() wait as long as they are told, whatever the descriptors are. */
static void test_poll_timeout(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_open_server(l, peer_listen(l, 1));
    struct pollfd p[3] = {{.fd = fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}, {.fd = 99, .events = POLLIN}};
    struct host_job job = {0};
    assert_int_equal(l->p.poll(l->p.ctx, p, 3, -1), 1);
    assert_int_equal(p[2].revents, POLLNVAL);
    assert_int_equal(p[1].revents, 0);
    host_begin(l->h, &job);
    assert_errno(l->p.poll(l->p.ctx, p, 1, 100), EAGAIN);
    assert_true(job.blocked);
    assert_int_equal(job.deadline.ns - host_now(l->h).ns, MSEC(100));
    peer_wait(l, MSEC(100));
    host_begin(l->h, &job);
    assert_int_equal(l->p.poll(l->p.ctx, p, 1, 100), 0);
    assert_false(job.blocked);
    host_begin(l->h, NULL);
    assert_int_equal(l->p.poll(l->p.ctx, p, 1, 0), 0);
    peer_in(l, TCP_ACK, 1, 10, 1);
    assert_int_equal(l->p.poll(l->p.ctx, p, 1, 100), 1);
    assert_int_equal(p[0].revents, POLLIN);
    peer_free(l);
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static void test_options(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true), v = 1;
    char name[16] = "";
    socklen_t len = 2;
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    assert_errno(peer_setint(l, fd, SOL_SOCKET, SO_TYPE, 1), ENOPROTOOPT);
    assert_errno(peer_setint(l, fd, SOL_SOCKET, 60 /* SO_ZEROCOPY */, 2), EINVAL);
    assert_errno(peer_setint(l, fd, IPPROTO_TCP, 19 /* TCP_REPAIR */, 1), ENOPROTOOPT);
    assert_errno(peer_setint(l, fd, IPPROTO_IPV6, IPV6_TCLASS, 1), ENOPROTOOPT); /* of another family */
    assert_errno(l->p.setsockopt(l->p.ctx, fd, SOL_SOCKET, SO_KEEPALIVE, &v, 3), EINVAL);
    assert_errno(l->p.setsockopt(l->p.ctx, fd, SOL_SOCKET, SO_KEEPALIVE, NULL, 4), EFAULT);
    assert_errno(l->p.setsockopt(l->p.ctx, 99, SOL_SOCKET, SO_KEEPALIVE, &v, 4), EBADF);
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, SOL_SOCKET, SO_TYPE, &v, &len), 0);
    assert_int_equal(len, 2); /* as much as there is room for */
    assert_int_equal(peer_setint(l, fd, IPPROTO_TCP, TCP_MAXSEG, 700), 0);
    assert_int_equal(peer_getint(l, fd, IPPROTO_TCP, TCP_MAXSEG), 700);
    assert_errno(peer_setint(l, fd, IPPROTO_TCP, TCP_MAXSEG, 87), EINVAL);
    assert_int_equal(peer_setint(l, fd, IPPROTO_TCP, TCP_KEEPIDLE, 100), 0);
    assert_int_equal(peer_setint(l, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 3000), 0);
    assert_int_equal(peer_setint(l, fd, IPPROTO_IP, IP_TOS, 0x2b), 0);
    assert_int_equal(peer_getint(l, fd, IPPROTO_IP, IP_TOS), 0x28); /* the ECN bits are TCP's */
    assert_int_equal(peer_setint(l, fd, SOL_SOCKET, SO_SNDBUF, 1000000000), 0);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_SNDBUF), 2 * 212992);
    len = sizeof name;
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, "cubic");
    assert_errno(l->p.setsockopt(l->p.ctx, fd, IPPROTO_TCP, TCP_CONGESTION, "nobody", 6), ENOENT);
    assert_int_equal(l->p.setsockopt(l->p.ctx, fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
    struct seg seg;
    assert_errno(peer_connect(l, fd), EINPROGRESS);
    assert_true(peer_next(l, &seg));
    assert_int_equal(seg.opt.mss, 700);
    l->flow.local = seg.flow.remote;
    peer_in(l, TCP_SYN | TCP_ACK, 0, 0, 1);
    assert_int_equal(peer_getint(l, fd, IPPROTO_TCP, TCP_MAXSEG), 700);
    assert_int_equal(peer_getint(l, fd, IPPROTO_TCP, TCP_KEEPIDLE), 100);
    assert_int_equal(peer_getint(l, fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 3000);
    len = sizeof name;
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, "reno");
    peer_free(l);
}

/* TTL and TOS are seen on the wire. */
static void test_ttl_tos(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true);
    struct host_packet p;
    assert_int_equal(peer_setint(l, fd, IPPROTO_IP, IP_TTL, 7), 0);
    assert_int_equal(peer_setint(l, fd, IPPROTO_IP, IP_TOS, 0x48), 0);
    assert_errno(peer_setint(l, fd, IPPROTO_IP, IP_TTL, 256), EINVAL);
    assert_errno(peer_connect(l, fd), EINPROGRESS);
    assert_true(host_take(l->h, &p));
    assert_int_equal(p.data[8], 7);
    assert_int_equal(p.data[1], 0x48);
    peer_free(l);
}

static void test_tcp_info(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int fd = peer_socket(l, true);
    static char buf[9000];
    struct tcp_info i;
    socklen_t len = sizeof i;
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
    assert_int_equal(i.tcpi_state, UMPTCP_CLOSED);
    assert_int_equal(i.tcpi_snd_cwnd, 10);
    peer_open_client(l, fd);
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
    assert_int_equal(len, sizeof i);
    assert_int_equal(i.tcpi_state, UMPTCP_ESTABLISHED);
    assert_int_equal(i.tcpi_options, TCPI_OPT_SACK | TCPI_OPT_WSCALE); /* the peer has no timestamps */
    assert_int_equal(i.tcpi_snd_wscale, 7);
    assert_int_equal(i.tcpi_rcv_wscale, 7);
    assert_int_equal(i.tcpi_snd_mss, PEER_MSS);
    assert_int_equal(i.tcpi_advmss, 1460);
    assert_int_equal(i.tcpi_pmtu, 1500);
    assert_int_equal(i.tcpi_snd_cwnd, 10);
    assert_int_equal(i.tcpi_snd_ssthresh, 0x7fffffff);
    assert_int_equal(i.tcpi_delivered, 1);
    assert_int_equal(i.tcpi_unacked, 0);
    assert_int_equal(l->p.write(l->p.ctx, fd, buf, 5000), 5000);
    assert_int_equal(l->p.write(l->p.ctx, fd, buf, 4000), 4000);
    peer_wait(l, MSEC(10));
    /* The first is missing, the third to fifth came: lost, by the number of those. */
    struct seg seg = peer_make(l, TCP_ACK, 1, 0, 1);
    seg.opt.nsack = 1;
    seg.opt.sack[0] = (struct sack_block){{l->host_isn.v + 2001}, {l->host_isn.v + 5001}};
    peer_seg(l, seg, 0);
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
    assert_int_equal(i.tcpi_ca_state, UMPTCP_CA_RECOVERY);
    assert_int_equal(i.tcpi_unacked, 9);
    assert_int_equal(i.tcpi_sacked, 3);
    assert_int_equal(i.tcpi_lost, 2);
    assert_in_range(i.tcpi_retrans, 1, 2);
    assert_int_equal(i.tcpi_delivered, 4);
    assert_int_equal(i.tcpi_total_retrans, i.tcpi_retrans);
    assert_int_equal(i.tcpi_bytes_retrans, 1000 * i.tcpi_retrans);
    assert_int_equal(i.tcpi_data_segs_out, 9 + i.tcpi_retrans);
    assert_int_equal(i.tcpi_snd_ssthresh, 7);
    assert_int_equal(i.tcpi_last_data_sent, 0);
    peer_in(l, TCP_ACK, 1, 10, 9001);
    peer_in(l, TCP_ACK, 111, 10, 9001);
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
    assert_int_equal(i.tcpi_unacked, 0);
    assert_int_equal(i.tcpi_delivered, 10);
    assert_int_equal(i.tcpi_bytes_acked, 9001); /* Linux counts the SYN */
    assert_int_equal(i.tcpi_bytes_received, 10);
    assert_int_equal(i.tcpi_data_segs_in, 2);
    assert_int_equal(i.tcpi_rcv_ooopack, 1);
    assert_int_equal(i.tcpi_snd_wnd, 32768 << 7);
    len = 8;
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
    assert_int_equal(len, 8);
    peer_free(l);
}

/* ---- MPTCP ------------------------------------------------------------------------------------------------------- */

struct mptcp_state { /* the beginning of Linux's struct mptcp_info */
    uint8_t subflows, add_addr_signal, add_addr_accepted, subflows_max, add_addr_signal_max, add_addr_accepted_max;
    uint32_t flags, token;
    uint64_t write_seq, snd_una, rcv_nxt;
    uint8_t local_addr_used, local_addr_max, csum_enabled;
};

static void test_mptcp(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int listener = l->p.socket(l->p.ctx, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, PROTO_MPTCP);
    struct mptcp_state i;
    socklen_t len = sizeof i;
    uint32_t token;
    struct dsn idsn;
    assert_int_equal(peer_bind(l, listener, HOST_PORT), 0);
    assert_int_equal(l->p.listen(l->p.ctx, listener, 1), 0);
    assert_int_equal(peer_getint(l, listener, IPPROTO_TCP, IS_MPTCP), 1);
    struct seg seg = peer_make(l, TCP_SYN, 0, 0, 0);
    seg.mp = (struct mpopts){.n = 1, .opt[0] = {.type = MPC_SYN, .mpc = {.version = 1, .flags = MPC_HMAC_SHA256}}};
    peer_seg(l, seg, 0);
    struct seg synack = peer_want(l, TCP_SYN | TCP_ACK, 0, 0, 1);
    assert_int_equal(synack.mp.n, 1);
    assert_int_equal(synack.mp.opt[0].type, MPC_SYNACK);
    uint64_t key = synack.mp.opt[0].mpc.sender_key;
    seg = peer_make(l, TCP_ACK, 1, 0, 1);
    seg.mp = (struct mpopts){
        .n = 1,
        .opt[0] = {.type = MPC_ACK,
                   .mpc = {.version = 1, .flags = MPC_HMAC_SHA256, .sender_key = 5, .receiver_key = key}}};
    peer_seg(l, seg, 0);
    int fd = l->p.accept(l->p.ctx, listener, NULL, NULL);
    assert_true(fd >= 3);
    assert_int_equal(peer_getint(l, fd, IPPROTO_TCP, IS_MPTCP), 1);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_PROTOCOL), PROTO_MPTCP);
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, SOL_MPTCP_LEVEL, MPTCP_INFO_NAME, &i, &len), 0);
    mp_key_derive(key, &token, &idsn);
    assert_int_equal(i.token, token);
    assert_int_equal(i.write_seq, idsn.v + 1);
    assert_int_equal(i.flags, 2); /* the peer's key came; no fall-back */
    assert_int_equal(i.subflows, 0);
    assert_int_equal(i.subflows_max, 2);
    assert_int_equal(l->p.send(l->p.ctx, fd, "x", 1, MSG_OOB), 1); /* not looked at, as in Linux */
    assert_int_equal(l->p.send(l->p.ctx, fd, "x", 1, 0), 1);
    peer_free(l);
}

/* A peer without MPTCP: what is accepted is a plain socket. */
static void test_mptcp_refused(void **state) {
    (void)state;
    struct peer *l = peer_new(FAMILY_IPV4);
    int listener = l->p.socket(l->p.ctx, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, PROTO_MPTCP);
    char room[200];
    socklen_t len = sizeof room;
    assert_int_equal(peer_bind(l, listener, HOST_PORT), 0);
    assert_int_equal(l->p.listen(l->p.ctx, listener, 1), 0);
    int fd = peer_open_server(l, listener);
    assert_int_equal(peer_getint(l, fd, IPPROTO_TCP, IS_MPTCP), 0);
    assert_int_equal(peer_getint(l, fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    assert_errno(l->p.getsockopt(l->p.ctx, fd, SOL_MPTCP_LEVEL, MPTCP_INFO_NAME, room, &len), EOPNOTSUPP);
    peer_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epoll),         cmocka_unit_test(test_poll_timeout), cmocka_unit_test(test_options),
        cmocka_unit_test(test_ttl_tos),       cmocka_unit_test(test_tcp_info),     cmocka_unit_test(test_mptcp),
        cmocka_unit_test(test_mptcp_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
