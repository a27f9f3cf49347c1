/* SPDX-License-Identifier: BSD-3-Clause */
/* RACK-TLP (RFC 8985): what counts as lost and when, the reordering window, and loss probes. Round trips are 100 ms. */
#include "flightlab.h"

static const dur RTT = MSEC(100);

/* A warm connection with `n` segments in flight, sent 1 ms apart, of which the first was sent 100 ms ago. */
static uint32_t flying(struct flight *f, uint32_t n) {
    flight_init(f);
    uint32_t first = flight_warm(f, RTT, 40);
    for (uint32_t i = 0; i < n; i++) {
        flight_send(f, 1);
        flight_wait(f, MSEC(1));
    }
    flight_wait(f, RTT - MSEC(n));
    return first;
}

static bool lost(const struct flight *f, uint32_t segment) {
    return flight_rec(f, tx_find(flight_tx(f), flight_at(segment)))->flags & TX_LOST;
}

/* Two ACKs show that segments come out of order. */
static void show_reordering(struct flight *f, uint32_t first) {
    flight_ack(f, first, first + 1, first + 2, 0);
    flight_ack(f, first + 2, 0);
    assert_true(f->t.rack.reordering_seen);
}

/* T-RCK-02 */
static void test_start(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    assert_int_equal(f.t.rack.reo_mult, 1);
    assert_false(f.t.rack.reordering_seen);
    assert_null(f.t.tx); /* nothing was sent */
    flight_free(&f);
}

/* T-RCK-03, T-RCK-05 */
static void test_newest_delivered(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flying(&f, 4);
    flight_ack(&f, n, n + 2, n + 3, 0);
    assert_int_equal(flight_tx(&f)->rack_end.v, flight_at(n + 3).v);
    assert_int_equal(f.t.rack.rtt_us, 98000);
    flight_ack(&f, n + 1, n + 2, n + 3, 0); /* an older one: no news */
    assert_int_equal(flight_tx(&f)->rack_end.v, flight_at(n + 3).v);
    assert_int_equal(flight_tx(&f)->fack.v, flight_at(n + 3).v);
    flight_free(&f);
}

/* T-RCK-05: what was sent again and answered too soon, or with an older echo, was the first transmission. */
static void test_ambiguous_delivery(void **state) {
    struct flight f;
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        uint32_t n = flying(&f, 6);
        f.t.ts_ok = true;
        utime before = f.env.now;
        flight_ack(&f, n, n + 3, n + 6, 0);
        assert_int_equal(flight_resend(&f, 1000), 3000);
        utime newest = flight_tx(&f)->rack_sent;
        utime again = f.env.now;
        flight_wait(&f, kind == 0 ? MSEC(90) : MSEC(101));
        f.echo = kind == 1 ? (utime){before.ns - MSEC(50)} : again;
        f.t.tx->undo_possible = false; /* not what is looked at here */
        flight_ack(&f, n + 1, n + 3, n + 6, 0);
        bool taken = flight_tx(&f)->rack_sent.ns == again.ns;
        assert_int_equal(taken, kind == 2);
        assert_true(taken || flight_tx(&f)->rack_sent.ns == newest.ns);
        flight_free(&f);
    }
}

/* T-RCK-10, T-RCK-07, T-SCK-14: three segments or more beyond: no reordering window. */
static void test_dupthresh(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flying(&f, 8);
    flight_ack(&f, n, n + 2, n + 3, 0);
    assert_int_equal(flight_tx(&f)->lost, 0);
    assert_int_equal(flight_tx(&f)->state, TX_DISORDER);
    flight_ack(&f, n, n + 2, n + 4, 0);
    assert_int_equal(flight_tx(&f)->lost, 0);
    flight_ack(&f, n, n + 2, n + 5, 0);
    assert_int_equal(flight_tx(&f)->state, TX_RECOVERY);
    assert_true(lost(&f, n) && lost(&f, n + 1));
    assert_int_equal(flight_tx(&f)->lost, 2000);
    flight_free(&f);
}

/* T-SCK-14: small segments count as segments. */
static void test_dupthresh_of_small(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    flight_warm(&f, RTT, 40);
    struct ssn at = f.t.snd_nxt;
    for (int i = 0; i < 5; i++) {
        flight_send_bytes(&f, 10);
        flight_wait(&f, MSEC(1));
    }
    flight_wait(&f, RTT);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(flight_tx(&f)->lost, 0);
        flight_sack_block(&f, ssn_add(at, 10), ssn_add(at, 10 + 10 * i));
        flight_ack_ssn(&f, at);
    }
    assert_int_equal(flight_tx(&f)->lost, 10);
    flight_free(&f);
}

/* T-RCK-07, T-RCK-10, T-RCK-11: below that a quarter of the minimal round trip is allowed; the timer finds the rest. */
static void test_reordering_timer(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flying(&f, 4);
    flight_ack(&f, n, n + 2, n + 3, 0); /* that took 98 ms; segment n is 100 ms old, n + 1 is 99 */
    assert_int_equal(f.t.rtx_mode, TX_TIMER_REO);
    assert_int_equal(time_since(f.t.due.rtx, f.env.now), MSEC(98) + rtt_min(&f.t.rtt) / 4 - MSEC(99));
    dur wait = flight_wait_timer(&f);
    assert_int_equal(wait, MSEC(98) + rtt_min(&f.t.rtt) / 4 - MSEC(99));
    assert_true(lost(&f, n) && lost(&f, n + 1));
    assert_false(lost(&f, n + 3)); /* sent later than what arrived */
    assert_int_equal(flight_tx(&f)->state, TX_RECOVERY);
    assert_int_equal(flight_next_lost(&f), n);
    assert_int_equal(f.rtos, 0);
    flight_free(&f);
}

/* T-RCK-06: a late segment that was never sent again shows reordering; then three are not enough any more. */
static void test_reordering_seen(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flying(&f, 10);
    show_reordering(&f, n);
    n += 2;
    flight_ack(&f, n, n + 1, n + 7, 0);
    assert_int_equal(flight_tx(&f)->state, TX_DISORDER);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_REO);
    assert_true(tx_budget(&f.t) > 0);
    flight_ack(&f, n + 7, 0); /* late by less than the window */
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    assert_int_equal(f.t.cc.ssthresh, UINT32_MAX);
    flight_free(&f);
}

/* T-RCK-06: two new blocks in one ACK, the higher one first, are no reordering; nor is a retransmission that fills a
 * hole. */
static void test_no_false_reordering(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flying(&f, 10);
    flight_ack(&f, n, n + 5, n + 6, n + 2, n + 3, 0);
    assert_false(f.t.rack.reordering_seen);
    flight_ack(&f, n, n + 7, n + 9, n + 5, n + 6, n + 2, n + 3, 0);
    flight_resend(&f, 1000);
    flight_wait(&f, RTT);
    flight_ack(&f, n + 3, n + 7, n + 9, n + 5, n + 6, 0);
    assert_false(f.t.rack.reordering_seen);
    flight_free(&f);
}

/* A loss in the middle of four segments that is repaired; returns what comes next. */
static uint32_t recover_once(struct flight *f) {
    uint32_t n = flight_segment(f->t.snd_nxt);
    flight_send(f, 5);
    flight_wait(f, RTT);
    flight_ack(f, n, n + 1, n + 5, 0);
    flight_wait(f, f->t.rtt.srtt);
    assert_int_equal(flight_tx(f)->state, TX_RECOVERY);
    flight_resend(f, 1000);
    flight_wait(f, RTT);
    flight_ack(f, n + 5, 0);
    assert_int_equal(flight_tx(f)->state, TX_OPEN);
    return n + 5;
}

/* T-RCK-08, T-RCK-09 */
static void test_window_adapts(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flying(&f, 12);
    show_reordering(&f, n);
    f.t.retrans_segs = 20; /* so many may have come twice */
    n = flight_segment(f.t.snd_nxt);
    for (uint8_t i = 2; i < 7; i++) {
        flight_send(&f, 1);
        flight_ack(&f, n, 1, 2, 0);
        assert_int_equal(f.t.rack.reo_mult, i);
        assert_int_equal(f.t.rack.reo_persist, 16);
        flight_ack(&f, n, 1, 2, 0); /* the same round */
        assert_int_equal(f.t.rack.reo_mult, i);
        flight_wait(&f, RTT);
        flight_ack(&f, ++n, 0); /* the round is over */
    }
    flight_send(&f, 5);
    flight_wait(&f, RTT);
    flight_ack(&f, n, n + 1, n + 5, 0); /* the window would be 6 / 4 round trips, but one is the bound */
    assert_in_range(time_since(f.t.due.rtx, f.env.now), f.t.rtt.srtt - MSEC(2), f.t.rtt.srtt);
    flight_ack(&f, n + 5, 0);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(f.t.rack.reo_mult, 6);
        recover_once(&f);
    }
    assert_int_equal(f.t.rack.reo_mult, 1);
    flight_free(&f);
}

/* T-RCK-08: what was learnt outlives the flight; a report that comes when nothing is in flight counts as well. */
static void test_window_outlives_flight(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flying(&f, 12);
    show_reordering(&f, n);
    f.t.retrans_segs = 1;
    n = flight_segment(f.t.snd_nxt);
    flight_ack(&f, n, 0);
    assert_null(f.t.tx);
    flight_ack(&f, n, 1, 2, 0);
    assert_null(f.t.tx);
    assert_int_equal(f.t.rack.reo_mult, 2);
    assert_true(f.t.rack.reordering_seen);
    assert_true(f.t.rack.rtt_us > 0);
    flight_free(&f);
}

/* T-RCK-20, T-RCK-03: a retransmission that is lost again is found by what was sent after it. */
static void test_lost_retransmission(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flying(&f, 10);
    flight_ack(&f, n, n + 1, n + 7, 0);
    assert_int_equal(flight_resend(&f, 1000), 1000);
    assert_false(lost(&f, n));
    flight_wait(&f, MSEC(5));
    flight_send(&f, 3); /* sent after it */
    flight_wait(&f, RTT);
    flight_ack(&f, n, n + 1, n + 12, 0);
    assert_true(lost(&f, n));
    assert_int_equal(flight_mib(&f, MIB_TCP_LOST_RETRANSMIT), 1);
    assert_int_equal(flight_next_lost(&f), n);
    assert_int_equal(f.rtos, 0);
    flight_free(&f);
}

/* One super-segment that arrived in part: the hole in it is lost, by position, and nothing else. */
static void test_hole_in_super_segment(void **state) {
    struct flight f;
    struct ssn start, end;
    (void)state;
    flight_init(&f);
    uint32_t n = flight_warm(&f, RTT, 80);
    flight_send_bytes(&f, 60000);
    flight_wait(&f, RTT);
    flight_ack(&f, n + 10, n + 12, n + 14, 0);
    assert_int_equal(flight_tx(&f)->lost, 0);
    flight_ack(&f, n + 10, n + 12, n + 15, 0); /* bytes for three segments, though one record: T-SCK-14 */
    assert_int_equal(flight_tx(&f)->lost, 2000);
    assert_true(tx_next_lost(&f.t, &start, &end));
    assert_int_equal(start.v, flight_at(n + 10).v);
    assert_true(ssn_le(end, flight_at(n + 12)));
    assert_false(lost(&f, n + 20)); /* it may just be late */
    flight_free(&f);
}

/* T-RCK-12: at a timeout what was sent a moment ago is not late. */
static void test_timeout_spares_the_young(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    uint32_t n = flight_warm(&f, RTT, 40);
    flight_send(&f, 2);
    f.t.rack.rtt_since_tlp = false; /* no probe */
    tx_arm(&f.t);
    dur rto = time_since(f.t.due.rtx, f.env.now);
    flight_wait(&f, rto - MSEC(20));
    flight_send(&f, 2);
    flight_wait(&f, MSEC(20));
    assert_int_equal(f.rtos, 1);
    assert_true(lost(&f, n) && lost(&f, n + 1));
    assert_false(lost(&f, n + 2) || lost(&f, n + 3));
    assert_int_equal(f.t.cc.cwnd, tx_pipe(&f.t) + 1000);
    assert_int_equal(flight_next_lost(&f), n);
    flight_free(&f);
}

/* ---- Loss probes ------------------------------------------------------------------------------------------------ */

/* T-RCK-13, T-RCK-19 */
static void test_probe_arming(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flying(&f, 8);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_PTO);
    flight_ack(&f, n + 1, 0);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_PTO);
    flight_ack(&f, n + 1, n + 2, n + 3, 0);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_REO);
    flight_ack(&f, n + 1, n + 2, n + 6, 0); /* recovery */
    flight_resend(&f, 1000);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_RTO);
    flight_ack(&f, n + 8, 0);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_NONE);
    f.t.sack_ok = false;
    flight_send(&f, 1);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_RTO);
    flight_free(&f);
}

/* T-RCK-14 */
static void test_probe_timeout(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    flight_send(&f, 2);
    assert_int_equal(time_since(f.t.due.rtx, f.env.now), SEC(1));
    flight_wait(&f, RTT);
    flight_ack(&f, 2, 0);
    flight_send(&f, 2);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_PTO);
    assert_int_equal(time_since(f.t.due.rtx, f.env.now), 2 * RTT);
    flight_wait(&f, MSEC(50));
    flight_send(&f, 1); /* new data puts it off, but not beyond the RTO: 100 + 4 * 50 after the first */
    assert_int_equal(time_since(f.t.due.rtx, f.env.now), 2 * RTT);
    flight_wait(&f, MSEC(100));
    flight_send(&f, 1);
    assert_int_equal(time_since(f.t.due.rtx, f.env.now), MSEC(150));
    flight_ack(&f, 5, 0);
    assert_int_equal(tx_outstanding(&f.t), 1000); /* a single segment: the peer may hold back its ACK */
    dur rto = tx_rto(&f.t), pto = 2 * f.t.rtt.srtt + MSEC(200);
    assert_int_equal(time_since(f.t.due.rtx, f.env.now), pto < rto ? pto : rto);
    flight_free(&f);
}

/* The end of the highest record goes again. */
static void send_probe(struct flight *f) {
    struct ssn start, end;
    assert_true(flight_tx(f)->tlp_pending);
    assert_true(tx_probe_range(&f->t, FLIGHT_MSS, &start, &end));
    assert_int_equal(ssn_sub(end, start), 1000);
    assert_true(ssn_eq(end, f->t.snd_nxt));
    uint32_t pipe = tx_pipe(&f->t);
    assert_int_equal(tx_sent(&f->t, start, end, false, true, true), 0);
    f->t.retrans_segs++;
    flight_check(f);
    assert_int_equal(tx_pipe(&f->t), pipe + 1000); /* in flight twice */
    assert_false(flight_tx(f)->tlp_pending);
}

/* T-RCK-15, T-RCK-16, T-RCK-17 */
static void test_probe_once(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    uint32_t n = flight_warm(&f, RTT, 5);
    flight_send_bytes(&f, 5000);
    assert_int_equal(tx_budget(&f.t), 0);
    flight_wait_timer(&f);
    assert_int_equal(f.rtos, 0);
    send_probe(&f);
    assert_int_equal(flight_mib(&f, MIB_TCP_LOSS_PROBES), 1);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_RTO); /* from now on, and no second probe */
    assert_int_equal(time_since(f.t.due.rtx, f.env.now), tx_rto(&f.t));
    flight_ack(&f, n + 2, 0);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_RTO); /* the first one is still out */
    assert_true(flight_tx(&f)->tlp_out);
    flight_free(&f);
}

/* T-RCK-15: the probe was new data; its acknowledgment ends it. */
static void test_probe_of_new_data(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    uint32_t n = flight_warm(&f, RTT, 5);
    flight_send(&f, 5);
    flight_wait_timer(&f);
    f.t.snd_end = ssn_add(f.t.snd_nxt, 1000);
    assert_int_equal(tx_sent(&f.t, f.t.snd_nxt, f.t.snd_end, false, false, true), 0);
    assert_int_equal(tx_pipe(&f.t), 6000);
    flight_wait(&f, MSEC(10));
    flight_ack(&f, n + 6, 0);
    assert_false(flight_tx(&f)->tlp_out);
    assert_int_equal(f.t.cc.ssthresh, UINT32_MAX);
    assert_true(f.t.rack.rtt_since_tlp);
    flight_free(&f);
}

/* T-RCK-17: without a sample since the last probe there is none. */
static void test_probe_needs_sample(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    uint32_t n = flight_warm(&f, RTT, 5);
    flight_send(&f, 1);
    flight_wait_timer(&f);
    send_probe(&f);
    flight_wait(&f, MSEC(10));
    flight_ack(&f, n + 1, 0); /* ambiguous, and no timestamps */
    flight_ack(&f, n + 1, 0);
    assert_false(flight_tx(&f)->tlp_out);
    flight_send(&f, 1);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_RTO);
    flight_wait(&f, RTT);
    flight_ack(&f, n + 2, 0);
    flight_send(&f, 1);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_PTO);
    flight_free(&f);
}

/* T-RCK-18: the four ways that a probe's story ends. */
static void test_probe_outcome(void **state) {
    enum { DSACK, REPEATED, ECHO, REPAIRED };
    struct flight f;
    (void)state;
    for (int kind = DSACK; kind <= REPAIRED; kind++) {
        flight_init(&f);
        uint32_t n = flight_warm(&f, RTT, 20);
        f.t.ts_ok = kind == ECHO;
        utime sent = f.env.now;
        flight_send(&f, 4);
        flight_wait_timer(&f);
        send_probe(&f);
        flight_wait(&f, RTT);
        f.echo = sent;
        flight_ack(&f, n + 4, 0);
        assert_int_equal(flight_tx(&f)->tlp_out, kind != ECHO);
        if (kind == DSACK)
            flight_ack(&f, n + 4, n + 3, n + 4, 0);
        else if (kind == REPEATED)
            flight_ack(&f, n + 4, 0);
        assert_int_equal(flight_tx(&f)->tlp_out, kind == REPAIRED);
        flight_send(&f, 1);
        flight_wait(&f, RTT);
        flight_ack(&f, n + 5, 0);
        assert_false(flight_tx(&f)->tlp_out);
        assert_int_equal(f.t.cc.ssthresh, kind == REPAIRED ? 2000 : UINT32_MAX);
        assert_int_equal(flight_mib(&f, MIB_TCP_LOSS_PROBE_RECOVERY), kind == REPAIRED);
        assert_int_equal(flight_tx(&f)->state, TX_OPEN);
        flight_free(&f);
    }
}

/* The end of a flight is lost, more than the probe can repair: its SACK brings the rest back without a timeout. */
static void test_probe_starts_recovery(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    uint32_t n = flight_warm(&f, RTT, 20);
    flight_send(&f, 10);
    flight_wait(&f, RTT);
    flight_ack(&f, n + 5, 0);
    flight_wait_timer(&f);
    send_probe(&f);
    flight_wait(&f, RTT);
    flight_ack(&f, n + 5, n + 9, n + 10, 0);
    if (flight_tx(&f)->state != TX_RECOVERY)
        flight_wait_timer(&f);
    assert_int_equal(flight_tx(&f)->state, TX_RECOVERY);
    assert_int_equal(flight_tx(&f)->lost, 4000);
    assert_int_equal(flight_tx(&f)->tlp_len, 0);
    assert_int_equal(f.rtos, 0);
    flight_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_newest_delivered),
        cmocka_unit_test(test_ambiguous_delivery),
        cmocka_unit_test(test_dupthresh),
        cmocka_unit_test(test_dupthresh_of_small),
        cmocka_unit_test(test_reordering_timer),
        cmocka_unit_test(test_reordering_seen),
        cmocka_unit_test(test_no_false_reordering),
        cmocka_unit_test(test_window_adapts),
        cmocka_unit_test(test_window_outlives_flight),
        cmocka_unit_test(test_lost_retransmission),
        cmocka_unit_test(test_hole_in_super_segment),
        cmocka_unit_test(test_timeout_spares_the_young),
        cmocka_unit_test(test_probe_arming),
        cmocka_unit_test(test_probe_timeout),
        cmocka_unit_test(test_probe_once),
        cmocka_unit_test(test_probe_of_new_data),
        cmocka_unit_test(test_probe_needs_sample),
        cmocka_unit_test(test_probe_outcome),
        cmocka_unit_test(test_probe_starts_recovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
