/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel as a target of scripts: each test opens one in a process of its own, as a run does, and is the peer behind
 * its device. Needs root; skipped (exit status 77) without.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

#include "io/raw.h"
#include "script/kernel.h"
#include "wire/segment.h"

enum { SKIPPED = 77, FAILED = 1, PORT = 8080, PEER_PORT = 4000, PEER_ISN = 7000, MPTCP = 262, ERROR_LEN = 300 };

/* An assertion of the child: it cannot fail the parent's test itself. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            _exit(FAILED);                                                                                             \
        }                                                                                                              \
    } while (0)

#define CHECK_NUMBER(is, wanted)                                                                                       \
    do {                                                                                                               \
        long long is_ = (long long)(is), wanted_ = (long long)(wanted);                                                \
        if (is_ != wanted_) {                                                                                          \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #is, is_, wanted_);                   \
            _exit(FAILED);                                                                                             \
        }                                                                                                              \
    } while (0)

/* What happens on a busy machine is late, so times are bounded loosely above and exactly below. */
#define CHECK_TIME(is, from, to)                                                                                       \
    do {                                                                                                               \
        dur is_ = (is), from_ = (from), to_ = (to);                                                                    \
        if (is_ < from_ || is_ > to_) {                                                                                \
            fprintf(stderr, "%s:%d: %s is %.6f, not from %.6f to %.6f\n", __FILE__, __LINE__, #is, (double)is_ / 1e9,  \
                    (double)from_ / 1e9, (double)to_ / 1e9);                                                           \
            _exit(FAILED);                                                                                             \
        }                                                                                                              \
    } while (0)

struct lab {
    struct arena arena;
    struct settings settings;
    struct target *t;
    struct flow flow; /* ours is the peer's side */
    uint32_t seq, ack;
};

static void in_child(void (*test)(struct lab *lab), enum family family) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct lab lab = {.seq = PEER_ISN};
        char error[ERROR_LEN] = "";
        settings_init(&lab.settings, family, &lab.arena);
        lab.flow.local = (struct umptcp_sockaddr){lab.settings.remote_ip, PEER_PORT};
        lab.flow.remote = (struct umptcp_sockaddr){lab.settings.local_ip, PORT};
        if (kernel_target_open(&lab.settings, &lab.t, error, sizeof error)) {
            fprintf(stderr, "%s\n", error);
            _exit(FAILED);
        }
        test(&lab);
        lab.t->ops->close(lab.t);
        arena_free(&lab.arena);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void in_both_families(void (*test)(struct lab *lab)) {
    in_child(test, FAMILY_IPV4);
    in_child(test, FAMILY_IPV6);
}

static dur now(const struct lab *lab) { return lab->t->ops->now(lab->t); }

static void begin(struct lab *lab) {
    char error[ERROR_LEN];
    CHECK(lab->t->ops->begin(lab->t, error, sizeof error) == 0);
}

static void command(struct lab *lab, const char *text) {
    char error[ERROR_LEN] = "";
    if (lab->t->ops->command(lab->t, text, error, sizeof error)) {
        fprintf(stderr, "%s: %s\n", text, error);
        _exit(FAILED);
    }
}

/* ---- The peer ---------------------------------------------------------------------------------------------------- */

/* Makes a packet of the peer's; returns its length. */
static uint32_t segment_make(const struct lab *lab, uint8_t flags, uint32_t payload, uint8_t *packet) {
    struct seg seg = {.flow = lab->flow, .seq = {lab->seq}, .ack = {lab->ack}, .flags = flags, .window = 60000};
    if (flags & TCP_SYN) {
        seg.opt.has_mss = true;
        seg.opt.mss = 1400;
    }
    struct ip_hdr ip = {.v6 = !addr_is_v4(&lab->flow.local.addr), .proto = IP_PROTO_TCP, .ttl = 255};
    ip.src = lab->flow.local.addr;
    ip.dst = lab->flow.remote.addr;
    struct writer w = writer_of(packet, RAW_MAX);
    ip_build(&w, &ip, TCP_HDR_LEN + tcp_options_len(&seg) + payload);
    tcp_build(&w, &seg);
    uint32_t len = (uint32_t)w.len + payload;
    memset(packet + w.len, 0, payload);
    raw_fix_l4(packet, len);
    return len;
}

static void inject(struct lab *lab, uint8_t flags, uint32_t payload, uint16_t gso_size) {
    static uint8_t packet[RAW_MAX];
    uint32_t len = segment_make(lab, flags, payload, packet);
    CHECK_NUMBER(lab->t->ops->inject(lab->t, packet, len, gso_size), 0);
    lab->seq += payload + !!(flags & TCP_SYN);
}

/* The next TCP segment, which must have right checksums and come within `until`. */
static void take(struct lab *lab, dur until, struct live *live, struct seg *seg) {
    struct ip_hdr ip;
    do {
        CHECK(lab->t->ops->take(lab->t, until, live));
        CHECK_NUMBER(ip_parse(live->data, live->len, false, &ip), DROP_NONE);
    } while (ip.proto != IP_PROTO_TCP);
    CHECK_NUMBER(tcp_parse(&ip, false, live->gso_size, seg), DROP_NONE);
}

static socklen_t sockaddr_of(const struct umptcp_sockaddr *from, struct sockaddr_storage *ss) {
    memset(ss, 0, sizeof *ss);
    struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)(void *)ss;
    struct sockaddr_in *s4 = (struct sockaddr_in *)(void *)ss;
    if (addr_is_v4(&from->addr)) {
        s4->sin_family = AF_INET;
        s4->sin_port = htons(from->port);
        memcpy(&s4->sin_addr, from->addr.b + 12, 4);
        return sizeof *s4;
    }
    s6->sin6_family = AF_INET6;
    s6->sin6_port = htons(from->port);
    memcpy(&s6->sin6_addr, from->addr.b, 16);
    return sizeof *s6;
}

static int listen_socket(struct lab *lab) {
    const struct posix *p = &lab->t->posix;
    struct sockaddr_storage ss;
    socklen_t len = sockaddr_of(&lab->flow.remote, &ss);
    int fd = p->socket(p->ctx, ss.ss_family, SOCK_STREAM, IPPROTO_TCP);
    CHECK(fd >= 0);
    CHECK_NUMBER(p->bind(p->ctx, fd, (struct sockaddr *)&ss, len), 0);
    CHECK_NUMBER(p->listen(p->ctx, fd, 1), 0);
    return fd;
}

/* A call that may block. */
struct call_job {
    struct job job;
    enum { ACCEPT, READ } what;
    int fd;
    ssize_t result;
};

static void call_job_run(struct job *job, const struct posix *p) {
    struct call_job *c = (struct call_job *)(void *)job;
    char buf[65536];
    c->result = c->what == ACCEPT ? p->accept(p->ctx, c->fd, NULL, NULL) : p->read(p->ctx, c->fd, buf, sizeof buf);
}

/* Answers the peer's SYN and returns the accepted socket. */
static int handshake(struct lab *lab) {
    int listener = listen_socket(lab);
    struct call_job accept = {.job = {.run = call_job_run}, .what = ACCEPT, .fd = listener};
    struct live live;
    struct seg seg;
    inject(lab, TCP_SYN, 0, 0);
    take(lab, now(lab) + SEC(2), &live, &seg);
    lab->ack = seg.seq.v + 1;
    inject(lab, TCP_ACK, 0, 0);
    CHECK_NUMBER(lab->t->ops->call(lab->t, &accept.job), 0);
    CHECK(accept.job.done && accept.result >= 0);
    return (int)accept.result;
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static void child_handshake(struct lab *lab) {
    begin(lab);
    listen_socket(lab);
    struct live live;
    struct seg seg;
    dur before = now(lab);
    inject(lab, TCP_SYN, 0, 0);
    dur after = now(lab);
    /* The answer was sent while the SYN was written, however late it is looked at. */
    lab->t->ops->wait(lab->t, after + MSEC(30));
    CHECK_TIME(now(lab), after + MSEC(30), after + SEC(2));
    take(lab, now(lab), &live, &seg);
    CHECK_TIME(live.time, before, after + MSEC(5));
    CHECK_NUMBER(seg.flags, TCP_SYN | TCP_ACK);
    CHECK_NUMBER(seg.ack.v, PEER_ISN + 1);
    CHECK(seg.opt.has_mss);
    CHECK_NUMBER(seg.opt.mss, lab->settings.mtu - TCP_HDR_LEN - ip_hdr_len(lab->settings.family == FAMILY_IPV6));
    CHECK_NUMBER(live.gso_size, 0);
    CHECK(flow_eq(&seg.flow, &lab->flow));
    dur end = now(lab) + MSEC(20);
    CHECK(!lab->t->ops->take(lab->t, end, &live)); /* and nothing else: no neighbours, no routers */
    CHECK_TIME(now(lab), end, end + SEC(1));
}

static void test_handshake(void **state) {
    (void)state;
    in_both_families(child_handshake);
    in_child(child_handshake, FAMILY_MAPPED);
}

static void child_blocking(struct lab *lab) {
    begin(lab);
    struct live live;
    struct seg seg;
    struct call_job accept = {.job = {.run = call_job_run}, .what = ACCEPT, .fd = listen_socket(lab)};
    dur before = now(lab);
    CHECK_NUMBER(lab->t->ops->start(lab->t, &accept.job), 0);
    CHECK(!accept.job.done);
    CHECK_TIME(accept.job.started, before, now(lab));
    CHECK(!lab->t->ops->finish(lab->t, &accept.job, 0));
    inject(lab, TCP_SYN, 0, 0);
    take(lab, now(lab) + SEC(2), &live, &seg);
    lab->ack = seg.seq.v + 1;
    dur acked = now(lab);
    inject(lab, TCP_ACK, 0, 0);
    CHECK(lab->t->ops->finish(lab->t, &accept.job, acked + SEC(2)));
    CHECK(accept.job.done && accept.result >= 0);
    CHECK_TIME(accept.job.ended, acked, acked + SEC(1));

    struct call_job read = {.job = {.run = call_job_run}, .what = READ, .fd = (int)accept.result};
    CHECK_NUMBER(lab->t->ops->start(lab->t, &read.job), 0);
    CHECK(!lab->t->ops->finish(lab->t, &read.job, now(lab) + MSEC(50)));
    dur sent = now(lab);
    inject(lab, TCP_ACK | TCP_PSH, 60, 0);
    CHECK(lab->t->ops->finish(lab->t, &read.job, sent + SEC(2)));
    CHECK_NUMBER(read.result, 60);
    CHECK_TIME(read.job.ended, sent, sent + SEC(1));
    take(lab, now(lab) + SEC(2), &live, &seg);
    CHECK_NUMBER(seg.ack.v, lab->seq);

    /* One that does not block is over at once. */
    inject(lab, TCP_ACK | TCP_PSH, 20, 0);
    take(lab, now(lab) + SEC(2), &live, &seg);
    read.job.done = false;
    CHECK_NUMBER(lab->t->ops->start(lab->t, &read.job), 0);
    CHECK(read.job.done || lab->t->ops->finish(lab->t, &read.job, now(lab) + SEC(1)));
    CHECK_NUMBER(read.result, 20);
}

static void test_blocking_calls(void **state) {
    (void)state;
    in_both_families(child_blocking);
}

/* It may not come back when its memory is somebody else's. */
static void child_abandon(struct lab *lab) {
    begin(lab);
    struct call_job *read = calloc(1, sizeof *read);
    *read = (struct call_job){.job = {.run = call_job_run}, .what = READ, .fd = handshake(lab)};
    CHECK_NUMBER(lab->t->ops->start(lab->t, &read->job), 0);
    lab->t->ops->abandon(lab->t, &read->job);
    CHECK(!read->job.done);
    free(read);
    inject(lab, TCP_ACK | TCP_PSH, 60, 0);
    lab->t->ops->wait(lab->t, now(lab) + MSEC(20));
}

static void test_abandoned_call(void **state) {
    (void)state;
    in_child(child_abandon, FAMILY_IPV4);
}

static void child_super_segments(struct lab *lab) {
    begin(lab);
    int fd = handshake(lab);
    const struct posix *p = &lab->t->posix;
    static char data[7000];
    struct live live;
    struct seg seg;
    CHECK_NUMBER(p->write(p->ctx, fd, data, sizeof data), sizeof data);
    uint32_t got = 0, largest = 0;
    while (got < sizeof data) {
        take(lab, now(lab) + SEC(2), &live, &seg);
        CHECK_NUMBER(seg.seq.v, lab->ack + got);
        CHECK(seg.len <= 1400 || live.gso_size == 1400);
        got += seg.len;
        largest = seg.len > largest ? seg.len : largest;
    }
    CHECK(largest > 1400);
    lab->ack += got;

    inject(lab, TCP_ACK | TCP_PSH, 5000, 1000);
    struct call_job read = {.job = {.run = call_job_run}, .what = READ, .fd = fd};
    CHECK_NUMBER(lab->t->ops->call(lab->t, &read.job), 0);
    CHECK_NUMBER(read.result, 5000);
    take(lab, now(lab) + SEC(2), &live, &seg);
    CHECK_NUMBER(seg.ack.v, lab->seq);

    /* The kernel looks at checksums, of merged segments, too. */
    for (uint16_t gso_size = 0; gso_size <= 1000; gso_size += 1000) {
        static uint8_t packet[RAW_MAX];
        uint32_t len = segment_make(lab, TCP_ACK | TCP_PSH, gso_size ? 3000 : 100, packet);
        packet[len - 1] ^= 1;
        CHECK_NUMBER(lab->t->ops->inject(lab->t, packet, len, gso_size), 0);
    }
    CHECK(!lab->t->ops->take(lab->t, now(lab) + MSEC(60), &live));
    CHECK_NUMBER(p->recv(p->ctx, fd, data, sizeof data, MSG_DONTWAIT), -1);
}

static void test_super_segments(void **state) {
    (void)state;
    in_both_families(child_super_segments);
}

static void child_command(struct lab *lab) {
    char error[ERROR_LEN] = "", text[ERROR_LEN];
    snprintf(text, sizeof text,
             "test \"$OPT_LOCAL_DEV\" = tun0 && test $PACKETDRILL_PID = %d && test $PPID = %d && "
             "test \"$OPT_BIND_PORT\" = %d && test -n \"$PATH\"",
             (int)getpid(), (int)getpid(), PORT);
    command(lab, text);
    /* The tools that scripts call see the namespace. */
    command(lab, "sysctl -q net.ipv4.tcp_rmem='4096 131072 6291456' && "
                 "test \"$(sysctl -n net.ipv4.tcp_rmem | tr '\\t' ' ')\" = '4096 131072 6291456'");
    command(lab, "ip link show tun0 | grep -q 'mtu 1500' && ip link show lo | grep -q LOOPBACK,UP && "
                 "test \"$(ls /sys/class/net | grep -c -e '^lo$' -e '^tun0$')\" = 2");
    command(lab, "tc qdisc add dev tun0 root pfifo");
    begin(lab);
    inject(lab, TCP_SYN, 0, 0); /* to a closed port */
    command(lab, "nstat -asz TcpOutRsts | grep -q 'TcpOutRsts *1 '");
    CHECK(lab->t->ops->command(lab->t, "exit 3", error, sizeof error) < 0);
    CHECK(strcmp(error, "the command ended with status 3") == 0);
    CHECK(lab->t->ops->command(lab->t, "kill -9 $$", error, sizeof error) < 0);
    CHECK(strcmp(error, "the command was killed by signal 9 (Killed)") == 0);

    /* No descriptor of the script lives on in what a command left behind. */
    int fd = listen_socket(lab);
    command(lab, "sleep 5 >/dev/null 2>&1 &");
    CHECK_NUMBER(lab->t->posix.close(lab->t->posix.ctx, fd), 0);
    command(lab, "test -z \"$(ss -Hltn)\"");
}

static void test_commands(void **state) {
    (void)state;
    in_child(child_command, FAMILY_IPV4);
}

/* The second SYN/ACK leaves a second after the first, in the middle of a command. */
static void child_packets_during_command(struct lab *lab) {
    begin(lab);
    listen_socket(lab);
    struct live live;
    struct seg seg;
    inject(lab, TCP_SYN, 0, 0);
    take(lab, now(lab) + SEC(2), &live, &seg);
    dur first = live.time;
    command(lab, "sleep 1.3");
    CHECK_TIME(now(lab), first + MSEC(1300), first + SEC(4));
    take(lab, now(lab), &live, &seg);
    CHECK_NUMBER(seg.flags, TCP_SYN | TCP_ACK);
    CHECK_TIME(live.time, first + MSEC(990), first + MSEC(1150));
}

static void test_packets_during_a_command(void **state) {
    (void)state;
    in_child(child_packets_during_command, FAMILY_IPV4);
}

static void child_mptcp(struct lab *lab) {
    begin(lab);
    const struct posix *p = &lab->t->posix;
    struct sockaddr_storage ss;
    socklen_t len = sockaddr_of(&lab->flow.local, &ss);
    int fd = p->socket(p->ctx, ss.ss_family, SOCK_STREAM, MPTCP);
    CHECK(fd >= 0);
    CHECK_NUMBER(p->fcntl(p->ctx, fd, F_SETFL, O_NONBLOCK), 0);
    CHECK_NUMBER(p->connect(p->ctx, fd, (struct sockaddr *)&ss, len), -1);
    CHECK_NUMBER(errno, EINPROGRESS);
    struct live live;
    struct seg seg;
    take(lab, now(lab) + SEC(2), &live, &seg);
    CHECK_NUMBER(seg.flags, TCP_SYN);
    CHECK_NUMBER(seg.flow.local.port, PEER_PORT);
    CHECK_NUMBER(seg.mp.n, 1);
    CHECK_NUMBER(seg.mp.opt[0].type, MPC_SYN);
}

static void test_mptcp_syn(void **state) {
    (void)state;
    in_both_families(child_mptcp);
}

static void child_setup(struct lab *lab) {
    (void)lab;
    struct settings s = lab->settings;
    struct target *t;
    char error[ERROR_LEN];
    s.mtu = 1520;
    s.speed = 2500;
    s.is_anyip = true;                                                /* any address of the prefix is ours */
    CHECK_NUMBER(kernel_target_open(&s, &t, error, sizeof error), 0); /* once more, in another namespace */
    CHECK_NUMBER(t->ops->command(t, "ip link show tun0 | grep -q 'mtu 1520'", error, sizeof error), 0);
    CHECK_NUMBER(t->ops->command(t, "test $(cat /sys/class/net/tun0/speed) = 2500", error, sizeof error), 0);
    CHECK_NUMBER(t->ops->command(t, "! ip -4 addr show dev tun0 | grep -q inet", error, sizeof error), 0);
    lab->t->ops->close(lab->t);
    lab->t = t;
    lab->flow.remote.addr.b[15] ^= 0x55;
    begin(lab);
    listen_socket(lab);
    struct live live;
    struct seg seg;
    inject(lab, TCP_SYN, 0, 0);
    take(lab, now(lab) + SEC(2), &live, &seg);
    CHECK_NUMBER(seg.flags, TCP_SYN | TCP_ACK);
    CHECK_NUMBER(seg.opt.mss, 1480);
}

static void test_setup(void **state) {
    (void)state;
    in_child(child_setup, FAMILY_IPV4);
}

/* Times to which the target waits. The median says whether it is exact; a busy machine may miss some. */
static int by_size(const void *a, const void *b) {
    dur x = *(const dur *)a, y = *(const dur *)b;
    return x < y ? -1 : x > y;
}

static void child_wait(struct lab *lab) {
    enum { TIMES = 101 };
    begin(lab);
    dur late[TIMES];
    for (int i = 0; i < TIMES; i++) {
        dur until = now(lab) + USEC(1500 + 10 * i);
        lab->t->ops->wait(lab->t, until);
        CHECK_TIME(now(lab), until, until + SEC(1));
        late[i] = now(lab) - until;
    }
    qsort(late, TIMES, sizeof *late, by_size);
    CHECK_TIME(late[TIMES / 2], 0, USEC(100));
}

static void test_waiting_is_exact(void **state) {
    (void)state;
    in_child(child_wait, FAMILY_IPV4);
}

static void test_without_privilege(void **state) {
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct arena arena = {NULL};
        struct settings s;
        struct target *t;
        char error[ERROR_LEN] = "";
        settings_init(&s, FAMILY_IPV4, &arena);
        CHECK_NUMBER(setuid(65534), 0);
        CHECK_NUMBER(kernel_target_open(&s, &t, error, sizeof error), -EPERM);
        CHECK(strcmp(error, "the linux target needs root: run it with sudo, or use --target=engine") == 0);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void) {
    /* In a child: the test's own process stays where it is. */
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWNET) < 0 || access("/dev/net/tun", R_OK | W_OK) < 0 ? SKIPPED : 0);
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status) {
        fprintf(stderr, "test_script_kernel: SKIPPED: needs root and /dev/net/tun\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),        cmocka_unit_test(test_blocking_calls),
        cmocka_unit_test(test_abandoned_call),   cmocka_unit_test(test_super_segments),
        cmocka_unit_test(test_commands),         cmocka_unit_test(test_packets_during_a_command),
        cmocka_unit_test(test_mptcp_syn),        cmocka_unit_test(test_setup),
        cmocka_unit_test(test_waiting_is_exact), cmocka_unit_test(test_without_privilege),
    };
    return cmocka_run_group_tests_name("script_kernel", tests, NULL, NULL);
}
