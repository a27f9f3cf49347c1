/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BBR over links with queues, in virtual time: that it finds rate and delay of a path and stays by them, through loss,
 * shallow queues, and its own cycles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mptcp/conn.h"
#include "sim/topo.h"
#include "stack/stack.h"

enum { MBIT = 1000000, PORT = 80 };

/* One sender that always has something, one reader, a bottleneck between them. */
struct flow_lab {
    struct topo *n;
    int wide, back, a, b;
    umptcp_sock listener, sock, peer;
};

static void fill(struct flow_lab *l) {
    static const uint8_t zeros[65536];
    struct umptcp *s = topo_stack(l->n, l->a);
    while (umptcp_send(s, l->sock, zeros, sizeof zeros, topo_now(l->n)) > 0)
        ;
}

static void on_event(void *arg, struct topo *n, int host, const struct umptcp_event *ev) {
    static uint8_t sink[65536];
    struct flow_lab *l = arg;
    struct umptcp *s = topo_stack(n, host);
    if (ev->type == UMPTCP_EV_ACCEPT)
        assert_int_equal(umptcp_accept(s, ev->sock, &l->peer), 0);
    else if (ev->type == UMPTCP_EV_READABLE)
        while (umptcp_recv(s, ev->sock, sink, sizeof sink, topo_now(n)) > 0)
            ;
    else if (ev->type == UMPTCP_EV_CONNECTED || ev->type == UMPTCP_EV_WRITABLE)
        fill(l);
}

static void flow_begin(struct flow_lab *l, const char *cc, const struct link_config *wide) {
    struct umptcp_config cfg;
    umptcp_config_init(&cfg);
    cfg.congestion_control = cc;
    cfg.seed[0] = 1;
    memset(l, 0, sizeof *l);
    l->n = topo_new(5);
    assert_non_null(l->n);
    topo_on_event(l->n, on_event, l);
    struct link_config back = {.delay = wide->delay};
    l->wide = topo_link(l->n, wide);
    l->back = topo_link(l->n, &back);
    l->a = topo_host(l->n, &cfg);
    cfg.seed[0] = 2;
    l->b = topo_host(l->n, &cfg);
    struct topo_path path = {.nthere = 1, .nback = 1, .there = {l->wide}, .back = {l->back}};
    int p = topo_path(l->n, l->a, l->b, &path);
    assert_int_equal(p, 0);
    struct umptcp_sockaddr to = topo_addr(p, true, PORT);
    struct umptcp_listen listen = {.local = to, .backlog = 1};
    assert_int_equal(umptcp_listen(topo_stack(l->n, l->b), &listen, &l->listener), 0);
    struct umptcp_connect connect = {.remote = to};
    assert_int_equal(umptcp_connect(topo_stack(l->n, l->a), &connect, &l->sock, topo_now(l->n)), 0);
    topo_settle(l->n);
}

static const struct tcb *tcb_of(const struct flow_lab *l) {
    struct umptcp *s = topo_stack(l->n, l->a);
    const struct conn *c = handle_get(&s->handles, l->sock, HANDLE_CONN);
    assert_non_null(c);
    return &conn_first(c)->tcb;
}

/* What the link did in a time. */
struct share {
    uint64_t rate; /* bit/s that it sent */
    dur waited;    /* in its queue, on average */
    uint64_t dropped, packets;
};

static struct share measure(struct flow_lab *l, dur time) {
    struct link_stats before, after;
    const struct link *link = topo_link_of(l->n, l->wide);
    link_stats_get(link, &before);
    topo_run(l->n, time);
    link_stats_get(link, &after);
    const uint64_t n = after.fate[LINK_SENT] - before.fate[LINK_SENT];
    return (struct share){.rate = (after.sent_bytes - before.sent_bytes) * 8 * 1000 / (time / MSEC(1)),
                          .waited = n ? (after.waited - before.waited) / n : 0,
                          .dropped = after.fate[LINK_QUEUE] - before.fate[LINK_QUEUE],
                          .packets = after.packets - before.packets};
}

/* 20 Mbit/s and 40 ms are 100000 bytes; the queue would take ten times that. */
static const struct link_config deep = {.rate = 20 * MBIT, .delay = MSEC(20), .queue = 1000000};
enum { BDP = 100000 };

/* T-SYS-17, T-SYS-03: the rate is that of the link, the delay that of the path, and the queue stays short. */
static void test_converges(void **state) {
    struct flow_lab l;
    (void)state;
    flow_begin(&l, "bbr", &deep);
    topo_run(l.n, SEC(2));
    const struct tcb *t = tcb_of(&l);
    assert_string_equal(t->cc.ops->name, "bbr");
    assert_true(t->cc.ssthresh < 3 * BDP); /* it knows that the pipe is full */
    struct share s = measure(&l, SEC(3));
    assert_in_range(s.rate, 19 * MBIT, 20 * MBIT);
    assert_true(s.waited < MSEC(25));
    assert_int_equal(s.dropped, 0);
    assert_in_range(t->rtt.min_us, 40000, 42000);
    assert_in_range(tcp_pacing_rate(t), 20 * MBIT / 8 * 80 / 100, 20 * MBIT / 8 * 126 / 100);
    assert_true(t->cc.cwnd < 5 * BDP / 2);
    s = measure(&l, SEC(15)); /* with probes of delay */
    assert_in_range(s.rate, 18 * MBIT, 20 * MBIT);
    assert_true(s.waited < MSEC(20));
    topo_free(l.n);
}

/* STARTUP doubles each round trip, and ends three rounds after the rate stopped growing. */
static void test_startup_ends(void **state) {
    struct flow_lab l;
    (void)state;
    flow_begin(&l, "bbr", &deep);
    topo_run(l.n, MSEC(41));
    const struct tcb *t = tcb_of(&l);
    utime full = {0}, end = {0};
    const utime limit = time_add(topo_now(l.n), SEC(2));
    while (!end.ns && topo_step(l.n, limit)) {
        if (!full.ns && tcp_pacing_rate(t) > (uint64_t)20 * MBIT / 8 * 2)
            full = topo_now(l.n); /* 2.77 times a bit less than the rate: it has been found */
        if (t->cc.ssthresh != UINT32_MAX)
            end = topo_now(l.n);
    }
    assert_true(full.ns && end.ns);
    assert_in_range(time_since(end, full), MSEC(80), MSEC(500));
    struct share s = measure(&l, SEC(1)); /* DRAIN and what follows have emptied the queue */
    assert_true(s.rate > 18 * MBIT);
    s = measure(&l, MSEC(500));
    assert_true(s.waited < MSEC(25));
    topo_free(l.n);
}

/* The link loses packets, and neither reorders nor copies: what is sent again never was for nothing. */
static void assert_nothing_undone(const struct flow_lab *l) {
    const struct mib_table *mib = &tcb_of(l)->env->mib;
    assert_true(mib->v[MIB_TCP_SACK_RECOVERY] > 10);
    assert_int_equal(mib->v[MIB_TCP_FULL_UNDO] + mib->v[MIB_TCP_PARTIAL_UNDO] + mib->v[MIB_TCP_DSACK_UNDO], 0);
    assert_int_equal(mib->v[MIB_TCP_LOSS_UNDO], 0);
}

/* One packet in a hundred gets lost, and more than nine tenths of the link are used; CUBIC takes that for congestion.
 */
static void test_random_loss(void **state) {
    struct link_config cfg = deep;
    struct flow_lab l;
    (void)state;
    cfg.loss = 10000;
    flow_begin(&l, "bbr", &cfg);
    topo_run(l.n, SEC(2));
    assert_true(measure(&l, SEC(10)).rate > 18 * MBIT);
    assert_nothing_undone(&l);
    topo_free(l.n);
    flow_begin(&l, "cubic", &cfg);
    topo_run(l.n, SEC(2));
    assert_true(measure(&l, SEC(10)).rate < 9 * MBIT);
    assert_nothing_undone(&l);
    topo_free(l.n);
}

/* A queue of a fifth of what is under way: STARTUP ends by its losses, and probing keeps them at about 2 %. */
static void test_shallow_queue(void **state) {
    struct link_config cfg = deep;
    struct flow_lab l;
    (void)state;
    cfg.queue = BDP / 5;
    flow_begin(&l, "bbr", &cfg);
    topo_run(l.n, SEC(2));
    assert_true(tcb_of(&l)->cc.ssthresh != UINT32_MAX);
    struct share s = measure(&l, SEC(10));
    assert_true(s.rate > 17 * MBIT);
    assert_true(s.dropped * 100 < s.packets * 3);
    topo_free(l.n);
}

/* Each 5 s the window falls to half of what the path holds, for 200 ms and a round trip. */
static void test_probe_rtt(void **state) {
    struct flow_lab l;
    (void)state;
    flow_begin(&l, "bbr", &deep);
    topo_run(l.n, SEC(1));
    const struct tcb *t = tcb_of(&l);
    int low = 0, times = 0;
    bool was = false;
    for (int i = 0; i < 1200; i++) {
        topo_run(l.n, MSEC(10));
        const bool is = t->cc.cwnd < BDP * 6 / 10;
        low += is;
        times += is && !was;
        was = is;
    }
    assert_in_range(times, 1, 3);
    assert_in_range(low, 20 * times, 45 * times); /* of 10 ms each */
    topo_free(l.n);
}

/* The link becomes four times as fast, and then as slow as before: it follows. */
static void test_follows(void **state) {
    struct link_config cfg = deep;
    struct flow_lab l;
    (void)state;
    flow_begin(&l, "bbr", &cfg);
    topo_run(l.n, SEC(3));
    cfg.rate = 80 * MBIT;
    link_set(topo_link_of(l.n, l.wide), &cfg);
    topo_run(l.n, SEC(8));
    assert_true(measure(&l, SEC(4)).rate > 60 * MBIT);
    cfg.rate = 20 * MBIT;
    link_set(topo_link_of(l.n, l.wide), &cfg);
    topo_run(l.n, SEC(8));
    struct share s = measure(&l, SEC(4));
    assert_true(s.rate > 18 * MBIT);
    assert_true(s.waited < MSEC(60));
    topo_free(l.n);
}

/* The path is silent for a second: after the timeout it is used as before. */
static void test_outage(void **state) {
    struct link_config cfg = deep;
    struct flow_lab l;
    (void)state;
    flow_begin(&l, "bbr", &cfg);
    topo_run(l.n, SEC(3));
    cfg.loss = 1000000;
    link_set(topo_link_of(l.n, l.wide), &cfg);
    topo_run(l.n, SEC(1));
    link_set(topo_link_of(l.n, l.wide), &deep);
    topo_run(l.n, SEC(3));
    assert_true(measure(&l, SEC(4)).rate > 17 * MBIT);
    topo_free(l.n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converges),     cmocka_unit_test(test_startup_ends), cmocka_unit_test(test_random_loss),
        cmocka_unit_test(test_shallow_queue), cmocka_unit_test(test_probe_rtt),    cmocka_unit_test(test_follows),
        cmocka_unit_test(test_outage),
    };
    return cmocka_run_group_tests_name("bbr", tests, NULL, NULL);
}
