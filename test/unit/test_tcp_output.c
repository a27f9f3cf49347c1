/* SPDX-License-Identifier: BSD-3-Clause */
/* Output: which segment is most urgent, how large, its header; windows of the peer as seen from the sender. */
#include "tcplab.h"

#include <errno.h>

/* 988 bytes of payload in a full segment, unless without timestamps. */
static struct lab *plain(const char *syn) {
    return lab_new_established_with(&(struct lab_options){.no_ts = true}, syn);
}

/* ---- Super-segments ---------------------------------------------------------------------------------------------- */

static void test_super_segment(void **state) { /* T-SYS-04, T-WND-19, T-HDR-15, T-CCB-02 */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    lab_tcb(l)->cc.cwnd = 12 * 988;
    lab_write(l, LAB_A, 5000);
    lab_want(l, "P. 1(5000) ack 1 gso 988"); /* all that is queued: the last piece may be short */
    assert_int_equal(lab_tcb(l)->segs_out, 2 + 6);
    assert_int_equal(lab_mib(l, MIB_TCP_OUT_SEGS), 2 + 6);
    lab_write(l, LAB_A, 988);
    lab_want(l, "P. 5001(988) ack 1 gso 0");
    lab_tcb(l)->cc.cwnd = 10 * 988;
    lab_write(l, LAB_A, 20000); /* whole pieces of what fits */
    lab_want(l, "P. 5989(2964) ack 1 gso 988");
    lab_want_none(l); /* T-CCB-01: 928 bytes of window are left, but something is in flight */
    lab_free(l);
}

/* T-CCB-01: the owner's options change while SACK blocks go along: when these are gone, a window of one segment must
 * still let a full one out, which nothing else would. */
static void test_window_of_one_segment(void **state) {
    struct lab *l = plain("mss 1000 sackok");
    (void)state;
    tcp_set_owner_options(lab_tcb(l), 24);
    lab_in(l, ". 11(10) ack 1");
    tcp_set_owner_options(lab_tcb(l), 0);
    lab_in(l, ". 1(10) ack 1");
    lab_skip(l);
    lab_tcb(l)->cc.cwnd = lab_tcb(l)->cc.mss;
    lab_write(l, LAB_A, 1000);
    lab_want(l, "P. 1(1000) ack 21");
    lab_free(l);
}

static void test_largest_super_segment(void **state) {
    struct lab *l = lab_new_established_with(&(struct lab_options){.no_ts = true}, "mss 1460 ws 7");
    (void)state;
    lab_in(l, ". 1(0) ack 1 win 65535");
    lab_tcb(l)->cc.cwnd = 1000000;
    lab_write(l, LAB_A, 200000);
    lab_want(l, "P. 1(64240) ack 1 gso 1460"); /* 44 of them, an IP packet is at most 65535 */
    lab_want(l, "P. 64241(64240) ack 1 gso 1460");
    lab_want(l, "P. 128481(64240) ack 1 gso 1460");
    lab_want(l, "P. 192721(7280) ack 1 gso 1460");
    lab_want_none(l);
    lab_free(l);
}

/*
 * T-SYS-04: a millisecond (a 1024th of a second) of the rate, which is two windows per round trip in slow start and 1.2
 * after it; what a short round trip adds; never less than two segments, nor more than half of the window.
 */
static void test_pieces_follow_the_rate(void **state) {
    struct lab *l = plain("mss 1000");
    struct tcb *t = lab_tcb(l);
    struct umptcp_config *cfg = &t->env->cfg;
    (void)state;
    cfg->min_tso_segs = 2;
    t->max_snd_wnd = UINT32_MAX;
    t->cc.cwnd = 1000000;
    t->rtt.srtt = MSEC(100);
    t->rtt.min_us = 100000;
    assert_int_equal(tcp_pacing_rate(t), 20000000);
    assert_int_equal(tcp_super_max(t), 19000); /* 19531 */
    t->cc.ssthresh = 2000002;
    assert_int_equal(tcp_pacing_rate(t), 20000000);
    t->cc.ssthresh = 2000000; /* the last doubling already takes care */
    assert_int_equal(tcp_pacing_rate(t), 12000000);
    assert_int_equal(tcp_super_max(t), 11000); /* 11718 */
    t->cc.cwnd = 20000;
    assert_int_equal(tcp_super_max(t), 2000);
    cfg->min_tso_segs = 4;
    assert_int_equal(tcp_super_max(t), 4000);
    t->cc.cwnd = 5000;
    assert_int_equal(tcp_super_max(t), 2000);
    t->cc.cwnd = 1000;
    assert_int_equal(tcp_super_max(t), 1000);
    t->cc.cwnd = 1000000; /* 1.2 MB/s: 1171 bytes, and 65435 >> (5000 >> 9) */
    t->rtt.srtt = SEC(1);
    t->rtt.min_us = 5000;
    cfg->min_tso_segs = 2;
    cfg->tso_rtt_log = 9;
    assert_int_equal(tcp_super_max(t), 2000);
    t->rtt.min_us = 512;
    assert_int_equal(tcp_super_max(t), 33000); /* 1171 + 32717 */
    t->rtt.min_us = 100;
    assert_int_equal(tcp_super_max(t), 65000);
    cfg->tso_rtt_log = 255;
    assert_int_equal(tcp_super_max(t), 2000);
    lab_free(l);
}

/*
 * T-SYS-03, T-SYS-07: two segments at a time, each when the one before has had its time at the rate; who comes late
 * gets half of a piece's time back. The first ten segments go at once, and an acknowledgment whenever it is due.
 */
static void test_pacing(void **state) {
    struct lab *l = plain("mss 1000");
    struct tcb *t = lab_tcb(l);
    (void)state;
    t->env->cfg.pacing = true;
    t->env->cfg.min_tso_segs = 2;
    t->cc.cwnd = 20000;
    t->rtt.srtt = MSEC(100); /* 400000 bytes per second in slow start: 2000 take 5 ms */
    t->rtt.min_us = 100000;
    lab_write(l, LAB_A, 18000);
    for (uint32_t i = 0; i < 10; i += 2)
        lab_skip(l);
    assert_int_equal(t->data_segs_out, 12); /* the sixth piece is the first that takes time: the next one waits */
    assert_true(tcp_paced_out(t));
    assert_int_equal(tcp_room(t, 1000), 0);
    assert_int_equal(lab_wait_sent(l, SEC(1)), USEC(2500));
    lab_want(l, "P. 12001(2000) ack 1 gso 1000");
    lab_want_none(l);
    lab_in(l, ". 1(200) ack 1");
    lab_want(l, ". 14001(0) ack 201"); /* nobody paces that */
    assert_int_equal(lab_wait_sent(l, SEC(1)), MSEC(5));
    lab_want(l, "P. 14001(2000) ack 201 gso 1000");
    assert_int_equal(tcp_set_max_pacing_rate(t, 100000), 0);
    assert_int_equal(tcp_pacing_rate(t), 100000);
    assert_int_equal(lab_wait_sent(l, SEC(1)), MSEC(5));
    lab_want(l, "P. 16001(2000) ack 201 gso 1000");
    lab_in(l, ". 201(0) ack 18001");
    lab_write(l, LAB_A, 1000);
    lab_want_none(l);
    assert_int_equal(lab_wait_sent(l, SEC(1)), MSEC(20));
    lab_want(l, "P. 18001(1000) ack 201");
    assert_int_equal(tcp_set_max_pacing_rate(t, 0), 0);
    assert_true(tcp_pacing_rate(t) > 100000);
    lab_free(l);
}

/* What an algorithm that owns its window is told. */
static struct cc_ack told;
static struct cc_rate told_rate;
static uint32_t told_lost;
static void take_ack(struct cc *cc, const struct cc_ack *ack) {
    (void)cc;
    told = *ack;
    told_rate = *ack->rate;
}
static void take_lost(struct cc *cc, const struct cc_lost *lost) {
    (void)cc;
    told_lost += lost->bytes;
}
static void take_event(struct cc *cc, const struct cc_event *ev) {
    (void)cc;
    (void)ev;
}
static const struct cc_ops listener = {
    .name = "listener", .owns_window = true, .on_ack = take_ack, .on_lost = take_lost, .on_congestion = take_event};

/* T-SYS-17: what came between the sending and the arrival of a segment, over the longer of both times. */
static void test_delivery_rate(void **state) {
    struct lab *l = plain("mss 1000 sackok");
    struct tcb *t = lab_tcb(l);
    (void)state;
    t->cc.ops = &listener;
    t->rtt.srtt = MSEC(100);
    told_lost = 0;
    lab_write(l, LAB_A, 1000);
    lab_wait(l, MSEC(10));
    tcp_ran_dry(t);
    lab_write(l, LAB_A, 1000);
    lab_wait(l, MSEC(90));
    lab_in(l, ". 1(0) ack 1001");
    assert_int_equal(told_rate.interval, MSEC(100));
    assert_int_equal(told_rate.acked, 1000);
    assert_int_equal(told_rate.bandwidth, 10000);
    assert_int_equal(told_rate.newly_acked, 1000);
    assert_int_equal(told_rate.tx_in_flight, 1000);
    assert_int_equal(told_rate.inflight, 1000);
    assert_false(told_rate.app_limited);
    lab_wait(l, MSEC(10));
    lab_in(l, ". 1(0) ack 2001");
    assert_int_equal(told_rate.interval, MSEC(110)); /* from the start: nothing had arrived when it was sent */
    assert_int_equal(told_rate.acked, 2000);
    assert_int_equal(told_rate.bandwidth, 18181);
    assert_int_equal(told_rate.tx_in_flight, 2000);
    assert_true(told_rate.app_limited);
    lab_skip(l);
    lab_write(l, LAB_A, 5000); /* five at once, the first is lost; the others come in a lump */
    lab_skip(l);
    const uint64_t before = told_rate.delivered;
    lab_wait(l, MSEC(100));
    lab_in(l, ". 1(0) ack 2001 sack 3001:7001");
    assert_int_equal(told_rate.newly_acked, 4000);
    assert_int_equal(told_rate.delivered - before, 4000);
    assert_int_equal(told_rate.bandwidth, 40000);
    assert_int_equal(told_rate.lost, 1000);
    assert_int_equal(told_lost, 1000);
    assert_int_equal(t->cc.cwnd, 10000); /* neither PRR nor a threshold touched it */
    lab_skip(l);
    lab_wait(l, MSEC(100));
    lab_in(l, ". 1(0) ack 7001");
    assert_int_equal(told_rate.newly_acked, 1000);
    assert_int_equal(told_rate.acked, 1000);
    assert_int_equal(told_rate.bandwidth, 10000);
    t->cc.ops = &cc_newreno;
    lab_free(l);
}

static void test_mptcp_options_take_room(void **state) { /* T-HDR-15: 24 bytes of DSS in every piece */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    l->with_dss = true;
    assert_int_equal(tcp_payload_max(lab_tcb(l), 24), 964);
    lab_write(l, LAB_A, 30000);
    lab_want(l, "P. 1(4820) ack 1 gso 964"); /* half of the window */
    lab_want(l, "P. 4821(4820) ack 1 gso 964");
    lab_want_none(l);
    lab_free(l);
}

static void test_cut_on_the_way(void **state) { /* pieces arrive one by one, with the same result */
    struct lab *l = lab_new_pair(NULL);
    (void)state;
    l->merge = false;
    lab_start(l);
    lab_run(l, MSEC(100));
    lab_write(l, LAB_A, 100000);
    lab_close(l, LAB_A);
    lab_run(l, SEC(5));
    assert_true(l->end[LAB_B].eof);
    assert_int_equal(tcp_bytes_received(&l->end[LAB_B].tcb), 100000);
    assert_memory_equal(l->end[LAB_B].in, l->end[LAB_A].out, 100000);
    lab_free(l);
}

static void test_owner_shortens(void **state) { /* the owner may take less than planned, and its FIN goes then */
    struct lab *l = plain("mss 1000");
    struct tcb *t = lab_tcb(l);
    struct tcp_plan plan;
    struct seg seg = {0};
    (void)state;
    tcp_queue(t, 3000);
    tcp_close(t);
    assert_true(tcp_plan(t, &plan));
    assert_int_equal(plan.len, 3000);
    assert_true(plan.fin);
    plan.len = 1500; /* `fin` is forgotten: it is dropped here as well */
    tcp_emit(t, &plan, 5000, &seg);
    assert_int_equal(plan.len, 1000); /* more follows: whole pieces */
    assert_int_equal(plan.gso_size, 0);
    assert_false(seg.flags & (TCP_FIN | TCP_PSH));
    plan.len = 700;
    tcp_emit(t, &plan, 5000, &seg);
    assert_int_equal(seg.len, 700);
    assert_int_equal(tcp_sent(t, &plan), 0);
    lab_flush(l);
    lab_want(l, "PF. 701(2300) ack 1 gso 1000");
    lab_free(l);
}

static void test_plan_is_pure(void **state) { /* asking, and refusing, changes nothing */
    struct lab *l = lab_new_established(NULL);
    struct tcb *t = lab_tcb(l);
    struct tcp_plan plan;
    struct seg seg = {0};
    (void)state;
    tcp_queue(t, 3000);
    struct tcb before = *t;
    for (int i = 0; i < 3; i++) {
        assert_true(tcp_pending(t));
        assert_true(tcp_plan(t, &plan));
        tcp_emit(t, &plan, 10000, &seg);
        tcp_room(t, 1000);
    }
    assert_memory_equal(t, &before, sizeof before);
    lab_free(l);
}

static void test_not_recorded(void **state) { /* without memory for the record it does not leave */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    l->tm.fail_at = l->tm.requests + 1;
    lab_write(l, LAB_A, 100);
    lab_want_none(l);
    assert_int_equal(lab_tcb(l)->snd_nxt.v, 1);
    assert_int_equal(tcp_bytes_sent(lab_tcb(l)), 0);
    l->tm.fail_at = 0;
    lab_flush(l);
    lab_want(l, "P. 1(100) ack 1");
    lab_free(l);
}

static void test_not_recorded_again(void **state) { /* nor does a part of what is lost, which needs a record */
    struct lab *l = plain("mss 1000");
    (void)state;
    lab_write(l, LAB_A, 3000);
    while (lab_tcb(l)->tx->recs.count < lab_tcb(l)->tx->recs.capacity)
        lab_write(l, LAB_A, 100);
    lab_skip(l);
    l->tm.fail_at = l->tm.requests + 1;
    l->tm.fail_on = true;
    lab_wait(l, SEC(1));
    lab_want_none(l);
    assert_true(lab_mib(l, MIB_TCP_RETRANS_FAIL) >= lab_mib(l, MIB_TCP_TIMEOUTS));
    assert_int_equal(lab_mib(l, MIB_TCP_TIMEOUTS), 2);
    assert_int_equal(lab_mib(l, MIB_TCP_RETRANS_SEGS), 0);
    l->tm.fail_at = 0;
    lab_flush(l);
    lab_want(l, ". 1(1000) ack 1");
    assert_int_equal(lab_mib(l, MIB_TCP_RETRANS_SEGS), 1);
    lab_free(l);
}

/* ---- Order ------------------------------------------------------------------------------------------------------- */

static void test_order(void **state) { /* what is lost, new payload, FIN, probe, ACK */
    struct lab *l = plain("mss 1000 sackok");
    struct tcb *t = lab_tcb(l);
    (void)state;
    lab_write(l, LAB_A, 10000);
    lab_skip(l);
    lab_wait(l, MSEC(20));
    lab_in_batch(l, ". 1(0) ack 1 sack 1001:10001"); /* nine of ten: the first is lost */
    tcp_queue(t, 500);
    tcp_close(t);
    tcp_probe(t);
    tcp_ack_now(t);
    lab_flush(l);
    lab_want(l, ". 1(1000) ack 1");
    lab_want(l, "PF. 10001(500) ack 1");
    lab_want(l, ". 0(0) ack 1");
    lab_want_none(l); /* the others carried the acknowledgment */
    lab_free(l);
}

static void test_push(void **state) { /* T-WND-18: on the last of the queue, also when sent again */
    struct lab *l = plain("win 1500 mss 1000 sackok");
    (void)state;
    lab_write(l, LAB_A, 2500);
    lab_want(l, ". 1(1000) ack 1");
    lab_in(l, ". 1(0) ack 1001 win 1500");
    lab_want(l, ". 1001(1000) ack 1"); /* half of the window at a time, in whole segments */
    lab_want(l, "P. 2001(500) ack 1");
    lab_wait(l, SEC(2));
    lab_want(l, "P. 2001(500) ack 1"); /* the loss probe */
    lab_free(l);
}

static void test_fin_rides(void **state) { /* with the last bytes, or alone, whatever cwnd says */
    struct lab *l = plain("mss 1000");
    (void)state;
    tcp_queue(lab_tcb(l), 2500);
    lab_close(l, LAB_A);
    lab_want(l, "PF. 1(2500) ack 1 gso 1000");
    lab_free(l);

    l = plain("mss 1000");
    lab_tcb(l)->cc.cwnd = 2000;
    lab_write(l, LAB_A, 2000);
    lab_skip(l);
    lab_close(l, LAB_A);
    lab_want(l, "F. 2001(0) ack 1");
    lab_want_none(l);
    lab_in(l, ". 1(0) ack 2002");
    assert_int_equal(lab_tcb(l)->state, UMPTCP_FIN_WAIT_2);
    lab_free(l);
}

/* ---- The peer's window ------------------------------------------------------------------------------------------- */

static void test_silly_window(void **state) { /* T-WND-12 */
    struct lab *l = plain("win 1500 mss 1000");
    (void)state;
    lab_write(l, LAB_A, 5000);
    lab_want(l, ". 1(1000) ack 1");
    lab_want_none(l); /* 500 fit, but an acknowledgment is to come */
    lab_in(l, ". 1(0) ack 1001 win 700");
    lab_want_none(l); /* nothing in flight, and less than half of the largest window */
    assert_int_equal(lab_tcb(l)->rtx_mode, TX_TIMER_PERSIST);
    lab_in(l, ". 1(0) ack 1001 win 750");
    lab_want(l, ". 1001(750) ack 1"); /* half */
    lab_in(l, ". 1(0) ack 1751 win 200");
    lab_want_none(l);
    assert_int_equal(lab_wait_sent(l, SEC(1)), MSEC(200)); /* the override */
    lab_want(l, ". 1751(200) ack 1");
    lab_in(l, ". 1(0) ack 1951 win 1500");
    lab_want(l, ". 1951(1000) ack 1");
    lab_free(l);
}

static void test_shrunk_window(void **state) { /* T-WND-06, T-WND-07: survive, nothing new beyond the edge */
    struct lab *l = plain("win 8000 mss 1000");
    (void)state;
    lab_write(l, LAB_A, 10000);
    lab_want(l, "P. 1(4000) ack 1 gso 1000");
    lab_want(l, "P. 4001(4000) ack 1 gso 1000");
    lab_in(l, ". 1(0) ack 2001 win 2000");
    lab_want_none(l);
    lab_in(l, ". 1(100) ack 2001 win 2000");
    lab_in(l, ". 101(100) ack 2001 win 2000");
    lab_wait(l, MSEC(40));
    lab_want(l, ". 4001(0) ack 101"); /* an ACK stands where the peer accepts it */
    lab_skip(l);
    lab_in(l, ". 201(0) ack 8001 win 5000");
    lab_want(l, "P. 8001(2000) ack 201 gso 1000");
    lab_free(l);
}

static void test_room(void **state) { /* what the owner is told */
    struct lab *l = plain("win 5000 mss 1000");
    struct tcb *t = lab_tcb(l);
    (void)state;
    assert_int_equal(tcp_room(t, UINT64_MAX), 5000);
    lab_write(l, LAB_A, 3000);
    assert_int_equal(tcp_room(t, UINT64_MAX), 2000);
    lab_write(l, LAB_A, 1500);
    assert_int_equal(tcp_room(t, 501), 0);   /* 500: not worth a segment, */
    assert_int_equal(tcp_room(t, 500), 500); /* unless that is all */
    lab_in(l, ". 1(0) ack 4501 win 300");
    assert_int_equal(tcp_room(t, UINT64_MAX), 1000); /* nothing in flight: one may always wait, for the persist timer */
    lab_write(l, LAB_A, 1000);
    assert_int_equal(tcp_room(t, UINT64_MAX), 0);
    assert_int_equal(t->rtx_mode, TX_TIMER_PERSIST);
    lab_in(l, ". 1(0) ack 4501 win 60000");
    t->cc.cwnd = 4000;
    assert_int_equal(tcp_room(t, UINT64_MAX), 3000);
    tcp_close(t);
    assert_int_equal(tcp_room(t, UINT64_MAX), 0);
    lab_free(l);
}

static void test_scaled_windows(void **state) { /* T-WND-03, T-WND-04, T-HDR-03: both directions, large */
    struct lab *l = lab_new_established_with(&(struct lab_options){.wscale = 14, .rcvbuf = 1u << 30}, "mss 1000 ws 14");
    (void)state;
    lab_in(l, ". 1(0) ack 1 win 65535");
    assert_int_equal(lab_tcb(l)->snd_wnd, 65535u << 14);
    lab_in(l, ". 1(100) ack 1");
    lab_want(l, ". 1(0) ack 101 win 65535");
    assert_true(lab_tcb(l)->rcv_edge.v >= 65535u << 14);
    lab_free(l);
}

/* ---- Path MTU ---------------------------------------------------------------------------------------------------- */

static void test_path_mss(void **state) { /* T-MTU-05, T-MTU-08, T-MTU-16, T-MTU-19, T-HDR-18, T-X10 */
    struct lab *l = plain("mss 1460 sackok");
    struct tcb *t = lab_tcb(l);
    (void)state;
    lab_write(l, LAB_A, 5840);
    lab_want(l, "P. 1(5840) ack 1 gso 1460");
    uint32_t cwnd = t->cc.cwnd, ssthresh = t->cc.ssthresh;
    tcp_set_path_mss(t, 1960, UMPTCP_NEVER); /* larger: no news */
    assert_int_equal(t->mss, 1460);
    tcp_set_path_mss(t, 960, UMPTCP_NEVER);
    lab_flush(l);
    lab_want(l, "P. 1(5840) ack 1 gso 960"); /* again, in pieces that fit */
    lab_want_none(l);
    assert_int_equal(t->cc.cwnd, cwnd);
    assert_int_equal(t->cc.ssthresh, ssthresh);
    lab_in(l, ". 1(0) ack 5841");
    tcp_set_path_mss(t, 10, UMPTCP_NEVER);
    assert_int_equal(t->mss, TCP_MSS_MIN);
    assert_int_equal(t->mss_local, 1460);
    lab_free(l);

    l = lab_new(NULL); /* before the handshake is over */
    tcp_set_path_mss(lab_tcb(l), 960, UMPTCP_NEVER);
    lab_connect(l);
    lab_want(l, "S 0(0) mss 1460");
    lab_in(l, "S. 0(0) ack 1 mss 1460");
    assert_int_equal(lab_tcb(l)->mss, 960);
    lab_free(l);
}

/* ---- Counting ---------------------------------------------------------------------------------------------------- */

static void test_counters(void **state) { /* T-SYS-13 */
    struct lab *l = plain("mss 1000 sackok");
    struct tcb *t = lab_tcb(l);
    (void)state;
    lab_write(l, LAB_A, 3000);
    lab_wait(l, SEC(3));
    assert_true(t->bytes_retrans >= 1000);
    assert_int_equal(tcp_bytes_sent(t), 3000 + t->bytes_retrans);
    assert_true(t->rto_count >= 1);
    assert_true(lab_mib(l, MIB_TCP_RETRANS_SEGS) >= 2);
    /* RFC 4022: not what only goes again */
    assert_int_equal(lab_mib(l, MIB_TCP_OUT_SEGS), t->segs_out - lab_mib(l, MIB_TCP_RETRANS_SEGS));
    lab_free(l);
}

static void test_after_idle(void **state) { /* T-CCB-13 */
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct lab *l = plain("mss 1000");
        struct tcb *t = lab_tcb(l);
        t->env->cfg.slow_start_after_idle = restart;
        t->cc.cwnd = 50000;
        lab_write(l, LAB_A, 1000);
        lab_in(l, ". 1(0) ack 1001");
        lab_wait(l, SEC(2));
        lab_skip(l);
        lab_write(l, LAB_A, 40000);
        lab_want(l, restart ? "P. 1001(5000) ack 1 gso 1000" : "P. 1001(25000) ack 1 gso 1000");
        lab_want(l, restart ? "P. 6001(5000) ack 1 gso 1000" : "P. 26001(15000) ack 1 gso 1000");
        lab_want_none(l);
        lab_free(l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_super_segment),
        cmocka_unit_test(test_pieces_follow_the_rate),
        cmocka_unit_test(test_pacing),
        cmocka_unit_test(test_delivery_rate),
        cmocka_unit_test(test_window_of_one_segment),
        cmocka_unit_test(test_largest_super_segment),
        cmocka_unit_test(test_mptcp_options_take_room),
        cmocka_unit_test(test_cut_on_the_way),
        cmocka_unit_test(test_owner_shortens),
        cmocka_unit_test(test_plan_is_pure),
        cmocka_unit_test(test_not_recorded),
        cmocka_unit_test(test_not_recorded_again),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_fin_rides),
        cmocka_unit_test(test_silly_window),
        cmocka_unit_test(test_shrunk_window),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_scaled_windows),
        cmocka_unit_test(test_path_mss),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_after_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
