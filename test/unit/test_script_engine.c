/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine as a target: virtual time, packets with the time at which they left, calls that wait, commands. */
#define _GNU_SOURCE
#include "scripthost.h"

#include <linux/tcp.h>

#include "script/engine.h"

struct lab {
    struct peer peer; /* its segments; without a host of its own */
    struct target *t;
};

/* Time that begins somewhere: all times of the tests are since then. */
static struct lab *lab_new(enum family family, uint64_t seed) {
    struct lab *l = malloc(sizeof *l);
    assert_non_null(l);
    peer_settings(&l->peer, family);
    assert_int_equal(engine_target_open(&l->peer.settings, seed, &l->t, l->peer.error, sizeof l->peer.error), 0);
    l->peer.t = l->t;
    l->peer.p = l->t->posix;
    return l;
}

static void lab_free(struct lab *l) {
    l->t->ops->close(l->t);
    arena_free(&l->peer.arena);
    free(l);
}

static void command(struct lab *l, const char *text) {
    if (l->t->ops->command(l->t, text, l->peer.error, sizeof l->peer.error))
        fail_msg("'%s': %s", text, l->peer.error);
}

/* The next segment until then, and when it left. */
static bool take(struct lab *l, dur until, struct seg *seg, dur *time) {
    struct live live;
    struct ip_hdr ip;
    if (!l->t->ops->take(l->t, until, &live))
        return false;
    assert_int_equal(ip_parse(live.data, live.len, false, &ip), DROP_NONE);
    assert_int_equal(tcp_parse(&ip, false, live.gso_size, seg), DROP_NONE);
    if (seg->flags & TCP_SYN)
        l->peer.host_isn = seg->seq;
    *time = live.time;
    return true;
}

/* ---- Jobs -------------------------------------------------------------------------------------------------------- */

enum what { ACCEPT, READ, POLL, CONNECT, SOCKET, WRITE };

struct test_job {
    struct job job;
    struct lab *l;
    enum what what;
    int fd, arg, runs;
    ssize_t result;
    int error;
};

static ssize_t job_call(struct test_job *j, const struct posix *p) {
    static char buf[65536];
    struct pollfd poll = {.fd = j->fd, .events = POLLIN};
    switch (j->what) {
    case ACCEPT:
        return p->accept(p->ctx, j->fd, NULL, NULL);
    case READ:
        return p->read(p->ctx, j->fd, buf, (size_t)j->arg);
    case WRITE:
        return p->write(p->ctx, j->fd, buf, (size_t)j->arg);
    case POLL:
        return p->poll(p->ctx, &poll, 1, j->arg);
    case CONNECT:
        return peer_connect(&j->l->peer, j->fd);
    case SOCKET:
        return p->socket(p->ctx, AF_INET, SOCK_STREAM, 0);
    }
    return -1;
}

static void job_run(struct job *job, const struct posix *p) {
    struct test_job *j = (struct test_job *)(void *)job;
    j->runs++;
    j->result = job_call(j, p);
    j->error = errno;
}

static struct test_job job_of(struct lab *l, enum what what, int fd, int arg) {
    return (struct test_job){.job = {.run = job_run}, .l = l, .what = what, .fd = fd, .arg = arg};
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static void test_time(void **state) {
    (void)state;
    struct lab *l = lab_new(FAMILY_IPV4, 1);
    struct live live;
    assert_true(l->t->ops->virtual_time);
    assert_string_equal(l->t->ops->name, "engine");
    assert_int_equal(l->t->ops->now(l->t), 0);
    assert_int_equal(l->t->ops->begin(l->t, l->peer.error, sizeof l->peer.error), 0);
    l->t->ops->wait(l->t, MSEC(5));
    assert_int_equal(l->t->ops->now(l->t), MSEC(5));
    l->t->ops->wait(l->t, MSEC(1)); /* does not go back */
    assert_int_equal(l->t->ops->now(l->t), MSEC(5));
    assert_false(l->t->ops->take(l->t, SEC(3), &live));
    assert_int_equal(l->t->ops->now(l->t), SEC(3));
    assert_false(l->t->ops->take(l->t, TIME_FOREVER, &live)); /* there is nothing that could happen */
    assert_int_equal(l->t->ops->now(l->t), SEC(3));
    command(l, "sleep 0.25");
    assert_int_equal(l->t->ops->now(l->t), SEC(3) + MSEC(250));
    lab_free(l);
}

/* SYNs leave at 0, 1, 3 s of the call: exactly. */
static void test_exact_times(void **state) {
    (void)state;
    struct lab *l = lab_new(FAMILY_IPV4, 1);
    struct seg seg;
    dur time;
    int fd = peer_socket(&l->peer, true);
    l->t->ops->wait(l->t, MSEC(100));
    assert_errno(peer_connect(&l->peer, fd), EINPROGRESS);
    static const dur at[] = {0, SEC(1), SEC(3)};
    for (int i = 0; i < 3; i++) {
        assert_true(take(l, TIME_FOREVER, &seg, &time));
        assert_int_equal(seg.flags, TCP_SYN);
        assert_int_equal(time, MSEC(100) + at[i]);
        assert_int_equal(l->t->ops->now(l->t), time);
    }
    assert_false(take(l, SEC(4), &seg, &time));
    assert_int_equal(l->t->ops->now(l->t), SEC(4));
    l->t->ops->wait(l->t, SEC(8)); /* one leaves meanwhile, */
    assert_true(take(l, SEC(9), &seg, &time));
    assert_int_equal(time, MSEC(7100)); /* and has the time at which it did */
    assert_int_equal(l->t->ops->now(l->t), SEC(8));
    lab_free(l);
}

static void test_call(void **state) {
    (void)state;
    struct lab *l = lab_new(FAMILY_IPV4, 1);
    struct test_job j = job_of(l, SOCKET, 0, 0);
    assert_int_equal(l->t->ops->call(l->t, &j.job), 0);
    assert_int_equal(j.result, 3);
    assert_int_equal(j.runs, 1);
    assert_true(j.job.done);
    int fd = peer_listen(&l->peer, 1);
    assert_int_equal(l->peer.p.fcntl(l->peer.p.ctx, fd, F_SETFL, 0), 0);
    j = job_of(l, ACCEPT, fd, 0);
    assert_int_equal(l->t->ops->call(l->t, &j.job), -EDEADLK); /* nobody will connect */
    assert_false(j.job.done);
    j = job_of(l, POLL, fd, 1500);
    assert_int_equal(l->t->ops->call(l->t, &j.job), 0);
    assert_int_equal(j.result, 0);
    assert_int_equal(j.job.started, 0);
    assert_int_equal(j.job.ended, MSEC(1500));
    assert_int_equal(l->t->ops->now(l->t), MSEC(1500));
    /* A call that nobody answers ends by itself. */
    assert_int_equal(peer_setint(&l->peer, 3, IPPROTO_TCP, TCP_SYNCNT, 1), 0);
    j = job_of(l, CONNECT, 3, 0);
    assert_int_equal(l->t->ops->call(l->t, &j.job), 0);
    assert_int_equal(j.result, -1);
    assert_int_equal(j.error, ETIMEDOUT);
    assert_int_equal(j.job.ended, MSEC(4500));
    lab_free(l);
}

/* A started call ends at the moment at which what it waits for comes. */
static void test_start(void **state) {
    (void)state;
    struct lab *l = lab_new(FAMILY_IPV6, 1);
    int listener = peer_listen(&l->peer, 1);
    struct seg seg;
    dur time;
    assert_int_equal(l->peer.p.fcntl(l->peer.p.ctx, listener, F_SETFL, 0), 0);
    struct test_job j = job_of(l, ACCEPT, listener, 0);
    assert_int_equal(l->t->ops->start(l->t, &j.job), 0);
    assert_false(j.job.done);
    l->t->ops->wait(l->t, MSEC(10));
    peer_in(&l->peer, TCP_SYN, 0, 0, 0);
    assert_true(take(l, MSEC(10), &seg, &time));
    assert_int_equal(seg.flags, TCP_SYN | TCP_ACK);
    assert_false(l->t->ops->finish(l->t, &j.job, MSEC(20)));
    assert_int_equal(l->t->ops->now(l->t), MSEC(20));
    peer_in(&l->peer, TCP_ACK, 1, 0, 1);
    assert_true(j.job.done);
    assert_int_equal(j.job.started, 0);
    assert_int_equal(j.job.ended, MSEC(20));
    assert_int_equal(j.result, 4);
    assert_true(l->t->ops->finish(l->t, &j.job, TIME_FOREVER));
    /* And one that gives up by itself, while the runner waits for a packet. */
    struct timeval tv = {.tv_usec = 30000};
    assert_int_equal(l->peer.p.setsockopt(l->peer.p.ctx, 4, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), 0);
    j = job_of(l, READ, 4, 100);
    assert_int_equal(l->t->ops->start(l->t, &j.job), 0);
    assert_false(take(l, SEC(1), &seg, &time));
    assert_true(j.job.done);
    assert_int_equal(j.job.ended, MSEC(50));
    assert_int_equal(j.error, EAGAIN);
    assert_true(l->t->ops->finish(l->t, &j.job, SEC(1)));
    j = job_of(l, ACCEPT, listener, 0);
    assert_int_equal(l->t->ops->start(l->t, &j.job), 0);
    assert_false(l->t->ops->finish(l->t, &j.job, TIME_FOREVER));
    int runs = j.runs;
    l->t->ops->abandon(l->t, &j.job);
    l->t->ops->wait(l->t, SEC(5));
    assert_int_equal(j.runs, runs);
    lab_free(l);
}

/* A writer that waits goes on with each acknowledgment. */
static void test_blocked_write(void **state) {
    (void)state;
    struct lab *l = lab_new(FAMILY_IPV4, 1);
    int listener = peer_listen(&l->peer, 1);
    struct seg seg;
    dur time;
    uint32_t acked = 1;
    peer_in(&l->peer, TCP_SYN, 0, 0, 0);
    assert_true(take(l, 0, &seg, &time));
    peer_in(&l->peer, TCP_ACK, 1, 0, 1);
    int fd = l->peer.p.accept(l->peer.p.ctx, listener, NULL, NULL);
    assert_int_equal(fd, 4);
    assert_int_equal(peer_setint(&l->peer, fd, SOL_SOCKET, SO_SNDBUF, 5000), 0);
    struct test_job j = job_of(l, WRITE, fd, 30000);
    assert_int_equal(l->t->ops->start(l->t, &j.job), 0);
    for (int round = 1; !j.job.done; round++) {
        assert_true(round < 20);
        l->t->ops->wait(l->t, MSEC(10) * (dur)round);
        while (take(l, l->t->ops->now(l->t), &seg, &time))
            acked += seg.len;
        peer_in(&l->peer, TCP_ACK, 1, 0, acked);
    }
    assert_int_equal(j.result, 30000);
    assert_int_equal(j.job.ended % MSEC(10), 0); /* with an acknowledgment */
    assert_true(l->t->ops->finish(l->t, &j.job, TIME_FOREVER));
    lab_free(l);
}

/* The seed decides all that is random, and nothing else does. */
static void test_determinism(void **state) {
    (void)state;
    static const uint64_t seeds[] = {1, 1, 2};
    uint32_t isn[3];
    for (int i = 0; i < 3; i++) {
        struct lab *l = lab_new(FAMILY_IPV4, seeds[i]);
        struct seg seg;
        dur time;
        assert_errno(peer_connect(&l->peer, peer_socket(&l->peer, true)), EINPROGRESS);
        assert_true(take(l, 0, &seg, &time));
        isn[i] = seg.seq.v;
        lab_free(l);
    }
    assert_int_equal(isn[0], isn[1]);
    assert_int_not_equal(isn[0], isn[2]);
}

/* What commands say is what the next connection does. */
static void test_commands(void **state) {
    (void)state;
    struct lab *l = lab_new(FAMILY_IPV4, 1);
    struct seg seg;
    dur time;
    assert_errno(peer_connect(&l->peer, peer_socket(&l->peer, true)), EINPROGRESS);
    assert_true(take(l, 0, &seg, &time));
    assert_true(seg.opt.has_ts);
    assert_int_equal(seg.opt.wscale, 7);
    assert_int_equal(seg.opt.mss, 1460);
    command(l, "../common/defaults.sh\nsysctl -q net.ipv4.tcp_timestamps=0 && ip link set tun0 mtu 1400");
    assert_errno(peer_connect(&l->peer, peer_socket(&l->peer, true)), EINPROGRESS);
    assert_true(take(l, 0, &seg, &time));
    assert_false(seg.opt.has_ts);
    assert_int_equal(seg.opt.wscale, 8); /* as Linux has it for 15 MB */
    assert_int_equal(seg.opt.mss, 1360);
    int fd = peer_socket(&l->peer, true);
    command(l, "sysctl -q net.ipv4.tcp_sack=0; ip link set dev tun0 down");
    assert_errno(peer_connect(&l->peer, fd), ENETUNREACH);
    command(l, "ip link set dev tun0 up; ip addr add $OPT_LOCAL_IP/16 dev tun0 || true");
    assert_errno(peer_connect(&l->peer, fd), EINPROGRESS);
    assert_true(take(l, 0, &seg, &time));
    assert_false(seg.opt.sack_permitted);
    assert_int_equal(l->t->ops->command(l->t, "sysctl net.ipv4.tcp_nothing=1", l->peer.error, 256), -EINVAL);
    assert_non_null(strstr(l->peer.error, "net.ipv4.tcp_nothing"));
    assert_int_equal(l->t->ops->command(l->t, "sysctl net.ipv4.tcp_congestion_control=vegas", l->peer.error, 256),
                     -EINVAL);
    command(l, "ip route change 192.0.2.0/24 dev tun0 initcwnd 3");
    assert_int_equal(l->t->ops->command(l->t, "ip route change default dev tun0 initcwnd x", l->peer.error, 256),
                     -EINVAL);
    command(l, "check_counter TcpActiveOpens == 3");
    lab_free(l);
}

/* Endpoints that a command adds are announced. */
static void test_endpoint_command(void **state) {
    (void)state;
    struct lab *l = lab_new(FAMILY_IPV4, 1);
    struct mptcp_counts {
        uint8_t subflows, add_addr_signal, add_addr_accepted, subflows_max, add_addr_signal_max, add_addr_accepted_max;
    } counts;
    command(l, "ip mptcp limits set subflows 4 add_addr_accepted 3; ip mptcp endpoint add 192.168.0.9 signal;"
               "ip addr add 192.168.0.9/16 dev tun0");
    int fd = l->peer.p.socket(l->peer.p.ctx, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 262);
    socklen_t len = sizeof counts;
    assert_errno(peer_connect(&l->peer, fd), EINPROGRESS);
    assert_int_equal(l->peer.p.getsockopt(l->peer.p.ctx, fd, 284, 1, &counts, &len), 0);
    assert_int_equal(counts.subflows_max, 4);
    assert_int_equal(counts.add_addr_accepted_max, 3);
    assert_int_equal(counts.add_addr_signal_max, 1);
    command(l, "check_mptcp_info.sh subflows_max 4 && check_mptcp_info.sh add_addr_signal 0");
    command(l, "! check_mptcp_info.sh token 0");
    command(l, "ip mptcp endpoint flush");
    assert_int_equal(l->peer.p.getsockopt(l->peer.p.ctx, fd, 284, 1, &counts, &len), 0);
    assert_int_equal(counts.add_addr_signal_max, 0);
    lab_free(l);
}

/* Wrong checksums are noticed; what is no packet at all is refused. */
static void test_inject(void **state) {
    (void)state;
    struct lab *l = lab_new(FAMILY_IPV4, 1);
    uint8_t junk[64] = {0x45};
    uint64_t rnd = 1;
    assert_int_equal(l->t->ops->inject(l->t, junk, 0, 0), -EINVAL);
    for (int i = 0; i < 500; i++) {
        for (size_t k = 0; k < sizeof junk; k++)
            junk[k] = (uint8_t)test_random(&rnd);
        assert_int_equal(l->t->ops->inject(l->t, junk, 1 + test_below(&rnd, sizeof junk), (uint16_t)test_random(&rnd)),
                         0);
    }
    lab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),     cmocka_unit_test(test_exact_times),      cmocka_unit_test(test_call),
        cmocka_unit_test(test_start),    cmocka_unit_test(test_blocked_write),    cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_commands), cmocka_unit_test(test_endpoint_command), cmocka_unit_test(test_inject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
