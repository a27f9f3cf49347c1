/* SPDX-License-Identifier: BSD-3-Clause */
/* Loss recovery and congestion control around it: PRR, NewReno without SACK, timeouts, and the timer itself. */
#include "flightlab.h"

static uint32_t room(const struct flight *f) { return f->t.cc.cwnd - tx_pipe(&f->t); }

/* ---- With SACK -------------------------------------------------------------------------------------------------- */

/* T-SCK-20, T-SCK-21: two segments beyond the window while it is not known whether something was lost. */
static void test_limited_transmit(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flight_start(&f, &cc_cubic, 20);
    flight_send(&f, 20);
    flight_wait(&f, FLIGHT_RTT);
    assert_int_equal(tx_budget(&f.t), 0);
    flight_ack(&f, n, 0); /* no SACK block: no news */
    assert_int_equal(tx_budget(&f.t), 0);
    flight_ack(&f, n, n + 1, n + 2, 0);
    assert_int_equal(tx_budget(&f.t), 1000);
    flight_send(&f, 1);
    flight_ack(&f, n, n + 1, n + 2, 0);
    assert_int_equal(tx_budget(&f.t), 0);
    flight_ack(&f, n, n + 1, n + 3, 0);
    assert_int_equal(tx_budget(&f.t), 1000);
    flight_send(&f, 1);
    assert_int_equal(f.t.cc.cwnd, 20000);
    f.t.rack.reordering_seen = true; /* then patience lasts longer than two segments, and so does sending */
    flight_ack(&f, n, n + 1, n + 4, 0);
    assert_int_equal(flight_tx(&f)->state, TX_DISORDER);
    assert_int_equal(tx_budget(&f.t), 1000);
    flight_free(&f);
}

/* Segment n of twenty, and of two more by limited transmit, is lost; ssthresh is 14000 and RecoverFS 20000. */
static uint32_t enter_recovery(struct flight *f) {
    uint32_t n = flight_start(f, &cc_cubic, 20);
    flight_send(f, 20);
    flight_wait(f, FLIGHT_RTT);
    for (uint32_t i = 1; i <= 2; i++) {
        flight_ack(f, n, n + 1, n + 1 + i, 0);
        flight_send(f, 1);
    }
    flight_ack(f, n, n + 1, n + 4, 0);
    assert_int_equal(flight_tx(f)->state, TX_RECOVERY);
    assert_int_equal(f->t.cc.ssthresh, 14000);
    assert_int_equal(flight_tx(f)->recover_flight, 20000);
    return n;
}

/* T-PRR-01, T-PRR-02, T-PRR-04, T-CUB-06, T-SCK-17 */
static void test_prr_proportional(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = enter_recovery(&f);
    assert_int_equal(flight_mib(&f, MIB_TCP_SACK_RECOVERY), 1);
    assert_true(ssn_eq(flight_tx(&f)->recover, f.t.snd_nxt));
    assert_int_equal(room(&f), 700);
    uint32_t i = 1;
    while (tx_pipe(&f.t) > 15000) {
        i++;
        flight_ack(&f, n, n + 1, n + 3 + i, 0);
        assert_int_equal(room(&f), 700 * i);
    }
    flight_sack_block(&f, flight_at(n + 1), ssn_add(flight_at(n + 3 + i), 1)); /* a part of a byte is rounded up */
    flight_ack_ssn(&f, f.t.snd_una);
    assert_int_equal(room(&f), 700 * i + 1);
    flight_free(&f);
}

/* T-PRR-03, T-PRR-05, T-PRR-06, T-PRR-07, T-PRR-08, T-SCK-16, T-SCK-18 */
static void test_prr_episode(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = enter_recovery(&f);
    uint32_t out = 0;
    assert_int_equal(flight_next_lost(&f), n);
    assert_int_equal(flight_resend(&f, 1000), 1000); /* at once, though 700 are less than a segment */
    assert_int_equal(flight_tx(&f)->prr_out, 1000);
    for (uint32_t i = n + 5; i <= n + 20; i++) { /* 16 more arrive */
        flight_ack(&f, n, n + 1, i, 0);
        assert_int_equal(flight_next_lost(&f), -1);
        while (room(&f) >= 1000) {
            flight_send(&f, 1);
            out++;
        }
        assert_true(f.t.cc.cwnd <= tx_pipe(&f.t) + 1000);
    }
    /* 17 of 20 were delivered: 0.7 of them went out, and the pipe holds about ssthresh. */
    assert_in_range(out, 10, 11);
    assert_in_range(tx_pipe(&f.t), 13000, 15000);
    flight_ack(&f, n + 22, 0); /* full */
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    assert_int_equal(f.t.cc.cwnd, 14000);
    flight_free(&f);
}

/* T-PRR-05: much is lost, so the pipe is below ssthresh: as much goes as arrives, and a segment more when SND.UNA
 * moves. */
static void test_prr_slow_start(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flight_start(&f, &cc_cubic, 20);
    flight_send(&f, 20);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n, n + 17, n + 20, 0);
    assert_int_equal(flight_tx(&f)->lost, 17000);
    assert_int_equal(tx_pipe(&f.t), 0);
    assert_int_equal(room(&f), 3000); /* what was delivered */
    assert_int_equal(flight_resend(&f, 1000), 3000);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n + 1, n + 17, n + 20, 0); /* safe */
    assert_int_equal(room(&f), 2000);
    assert_int_equal(flight_resend(&f, 1000), 2000);
    flight_ack(&f, n + 1, n + 2, n + 3, n + 17, n + 20, 0); /* SND.UNA stands */
    assert_int_equal(room(&f), 1000);
    flight_free(&f);
}

/* T-SCK-18: what was lost beyond the recovery point is another episode, and so another reduction. */
static void test_second_episode(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = enter_recovery(&f);
    uint32_t high = flight_segment(f.t.snd_nxt);
    flight_resend(&f, 1000);
    flight_wait(&f, MSEC(50));
    flight_ack(&f, n, n + 1, n + 20, 0);
    flight_send(&f, 8);
    flight_wait(&f, MSEC(50));
    uint32_t ssthresh = f.t.cc.ssthresh;
    flight_ack(&f, high, high + 1, high + 8, 0);
    assert_int_equal(flight_tx(&f)->state, TX_RECOVERY);
    assert_true(f.t.cc.ssthresh < ssthresh);
    assert_int_equal(flight_mib(&f, MIB_TCP_SACK_RECOVERY), 2);
    assert_int_equal(flight_next_lost(&f), high);
    flight_free(&f);
}

/* The reordering timer, and no acknowledgment, finds the loss: the first retransmission goes all the same. */
static void test_entry_by_timer(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flight_start(&f, &cc_cubic, 20);
    flight_send(&f, 20);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n, n + 1, n + 2, 0);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_REO);
    flight_wait_timer(&f);
    assert_int_equal(flight_tx(&f)->state, TX_RECOVERY);
    assert_int_equal(room(&f), 1000);
    assert_int_equal(flight_resend(&f, 1000), 1000);
    flight_free(&f);
}

/* ---- Without SACK ----------------------------------------------------------------------------------------------- */

static uint32_t start_reno(struct flight *f, uint32_t cwnd) {
    flight_init(f);
    f->t.sack_ok = false;
    uint32_t n = flight_warm(f, FLIGHT_RTT, cwnd);
    flight_send(f, cwnd);
    flight_wait(f, FLIGHT_RTT);
    return n;
}

/* T-CCB-08, T-CCB-05, T-SCK-20 */
static void test_fast_retransmit(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = start_reno(&f, 20);
    for (int i = 0; i < 2; i++) {
        flight_ack(&f, n, 0);
        assert_int_equal(flight_next_lost(&f), -1);
        assert_int_equal(tx_budget(&f.t), 1000);
        flight_send(&f, 1);
    }
    flight_ack(&f, n, 0);
    assert_int_equal(flight_tx(&f)->state, TX_RECOVERY);
    assert_int_equal(f.t.cc.ssthresh, 10000);
    assert_int_equal(flight_next_lost(&f), n);
    assert_int_equal(flight_resend(&f, 60000), 1000);
    assert_int_equal(flight_mib(&f, MIB_TCP_RENO_RECOVERY), 1);
    flight_free(&f);
}

/* T-CCB-10: each partial ACK shows the next hole; the full one ends it with ssthresh. T-PRR-02 */
static void test_newreno(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = start_reno(&f, 20); /* n, n + 4 and n + 9 are lost: 17 duplicate ACKs */
    for (int i = 0; i < 17; i++)
        flight_ack(&f, n, 0);
    assert_int_equal(flight_resend(&f, 1000), 1000);
    assert_int_equal(tx_pipe(&f.t), 3000);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n + 4, 0);
    assert_int_equal(flight_tx(&f)->state, TX_RECOVERY);
    assert_int_equal(flight_next_lost(&f), n + 4);
    assert_int_equal(flight_resend(&f, 1000), 1000);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n + 9, 0);
    assert_int_equal(flight_next_lost(&f), n + 9);
    assert_int_equal(flight_resend(&f, 1000), 1000);
    flight_wait(&f, FLIGHT_RTT);
    assert_int_equal(f.rtos, 0);
    flight_ack(&f, n + 20, 0);
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    assert_int_equal(f.t.cc.cwnd, 10000);
    assert_int_equal(flight_tx(&f)->sacked, 0);
    flight_free(&f);
}

/* A super-segment of which the first wire segment is lost. */
static void test_newreno_super_segment(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    f.t.sack_ok = false;
    uint32_t n = flight_warm(&f, FLIGHT_RTT, 60);
    flight_send_bytes(&f, 60000);
    flight_wait(&f, FLIGHT_RTT);
    for (int i = 0; i < 59; i++)
        flight_ack(&f, n, 0);
    assert_int_equal(flight_resend(&f, 60000), 1000);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n + 60, 0);
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    assert_int_equal(f.t.cc.cwnd, 30000);
    flight_free(&f);
}

/* T-CCB-11: duplicate ACKs of what the last recovery sent again do not start another one. */
static void test_no_second_fast_retransmit(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = start_reno(&f, 10);
    flight_wait(&f, SEC(1));
    assert_in_range(f.rtos, 1, 3);
    flight_resend(&f, 1000);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n + 10, 0); /* the whole flight had arrived */
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    flight_send(&f, 2);
    uint32_t ssthresh = f.t.cc.ssthresh;
    for (int i = 0; i < 5; i++)
        flight_ack(&f, n + 10, 0);
    assert_true(flight_tx(&f)->state < TX_RECOVERY);
    assert_int_equal(f.t.cc.ssthresh, ssthresh);
    flight_free(&f);
}

/* T-CCB-09, M-GEN-04: what is no duplicate ACK. */
static void test_not_a_dupack(void **state) {
    enum { DATA, FIN, WINDOW, SIGNAL, SIGNAL_BESIDE_DSS, KINDS };
    struct flight f;
    (void)state;
    for (int kind = DATA; kind < KINDS; kind++) {
        uint32_t n = start_reno(&f, 10);
        for (int i = 0; i < 10; i++) {
            f.seg.len = kind == DATA ? 10 : 0;
            f.seg.flags = kind == FIN ? TCP_FIN : 0;
            if (kind >= SIGNAL)
                f.seg.mp.opt[f.seg.mp.n++].type = MP_ADD_ADDR;
            if (kind == SIGNAL_BESIDE_DSS)
                f.seg.mp.opt[f.seg.mp.n++].type = MP_DSS;
            f.seg.ack = seq_of(f.t.isn, flight_at(n));
            f.rx = (struct tcp_rx){.una = f.t.snd_una, .wnd = f.t.snd_wnd + (kind == WINDOW)};
            tx_ack(&f.t, &f.seg, flight_at(n), &f.rx);
            f.seg = (struct seg){0};
            flight_check(&f);
        }
        assert_int_equal(flight_tx(&f)->state, TX_OPEN);
        assert_int_equal(f.t.cc.cwnd, 10000);
        assert_int_equal(flight_next_lost(&f), -1);
        for (int i = 0; i < 3; i++) { /* a DSS alone does not hide one */
            f.seg.mp.opt[f.seg.mp.n++].type = MP_DSS;
            flight_ack(&f, n, 0);
        }
        assert_int_equal(flight_next_lost(&f), n);
        flight_free(&f);
    }
}

/* ---- Timeout ---------------------------------------------------------------------------------------------------- */

/* T-RTO-09, T-RTO-10, T-RTO-11, T-RTO-12 */
static void test_rto_backoff(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    f.t.sack_ok = false; /* no probe */
    flight_send(&f, 3);
    utime sent = f.env.now;
    flight_wait(&f, MSEC(300));
    flight_send(&f, 1); /* the timer runs already */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(time_since(f.t.due.rtx, sent), SEC(1) << i);
        flight_wait_timer(&f);
        assert_int_equal(f.rtos, i + 1);
        assert_int_equal(flight_next_lost(&f), 0);
        assert_int_equal(flight_resend(&f, 1000), 1000);
        sent = f.env.now;
    }
    flight_wait(&f, MSEC(50));
    flight_ack(&f, 1, 0); /* no sample, so the backoff stays: restarted from now */
    assert_int_equal(time_since(f.t.due.rtx, f.env.now), SEC(16));
    assert_int_equal(flight_resend(&f, 1000), 2000);
    flight_ack(&f, 4, 0);
    assert_true(time_is_never(f.t.due.rtx));
    flight_send(&f, 1);
    flight_wait(&f, MSEC(50));
    flight_ack(&f, 5, 0);
    flight_send(&f, 1);
    assert_int_equal(time_since(f.t.due.rtx, f.env.now), MSEC(200));
    flight_free(&f);
}

/* T-SYN-06: the handshake's SYN timed out, and no round trip is known. */
static void test_rto_after_lost_syn(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    f.t.sack_ok = false;
    f.t.syn_sends = 2;
    flight_send(&f, 1);
    assert_int_equal(flight_wait_timer(&f), SEC(3));
    assert_int_equal(flight_resend(&f, 1000), 1000);
    assert_int_equal(flight_wait_timer(&f), SEC(6));
    flight_free(&f);
}

/* T-CCB-06, T-CCB-03, T-CCB-07: one segment, slow start; the same segment again does not lower ssthresh again. */
static void test_loss_window(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = start_reno(&f, 20);
    flight_wait_timer(&f);
    assert_int_equal(flight_tx(&f)->state, TX_LOSS);
    assert_int_equal(f.t.cc.cwnd, 1000);
    assert_int_equal(f.t.cc.ssthresh, 10000);
    assert_int_equal(flight_resend(&f, 60000), 1000);
    flight_wait_timer(&f);
    assert_int_equal(f.rtos, 2);
    assert_int_equal(f.t.cc.ssthresh, 10000);
    assert_int_equal(f.t.cc.cwnd, 1000);
    assert_int_equal(flight_resend(&f, 60000), 1000);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n + 1, 0);
    assert_int_equal(f.t.cc.cwnd, 2000);
    assert_int_equal(flight_resend(&f, 60000), 2000);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n + 3, 0);
    flight_ack(&f, n + 12, 0); /* a jump over what had arrived: one segment of growth */
    assert_int_equal(f.t.cc.cwnd, 4000);
    flight_wait_timer(&f); /* progress was made: a timeout of its own */
    assert_int_equal(f.t.cc.ssthresh, 2000);
    flight_free(&f);
}

/* T-SCK-19, T-RCK-12: a timeout during recovery goes on with the same reduction, to the end of what was sent. */
static void test_timeout_in_recovery(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = enter_recovery(&f);
    uint32_t ssthresh = f.t.cc.ssthresh;
    flight_resend(&f, 1000);
    flight_ack(&f, n, n + 1, n + 20, 0);
    flight_send(&f, 2);
    flight_wait(&f, SEC(1));
    assert_in_range(f.rtos, 1, 2);
    assert_int_equal(flight_tx(&f)->state, TX_LOSS);
    assert_int_equal(f.t.cc.ssthresh, ssthresh);
    assert_true(ssn_eq(flight_tx(&f)->recover, f.t.snd_nxt));
    assert_int_equal(f.t.cc.cwnd, 1000);
    assert_int_equal(flight_tx(&f)->sacked, 19000); /* still believed */
    flight_resend(&f, 1000);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n + 20, 0);
    assert_int_equal(flight_tx(&f)->state, TX_LOSS);
    flight_resend(&f, 1000);
    flight_wait(&f, FLIGHT_RTT);
    flight_ack(&f, n + 24, 0);
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    flight_free(&f);
}

/* ---- Persist ---------------------------------------------------------------------------------------------------- */

/* T-WND-08, T-WND-09, T-WND-21: data waits for a shut window: probes, first after an RTO, then less and less often. */
static void test_persist(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flight_start(&f, &cc_newreno, 10);
    f.t.snd_wnd = 0;
    tx_arm(&f.t);
    assert_true(time_is_never(f.t.due.rtx)); /* nothing waits */
    f.t.snd_end = ssn_add(f.t.snd_nxt, 5000);
    tx_arm(&f.t);
    for (uint8_t i = 0; i < 12; i++) {
        assert_int_equal(f.t.rtx_mode, TX_TIMER_PERSIST);
        dur wanted = tx_rto(&f.t) << i;
        dur left = time_since(f.t.due.rtx, f.env.now);
        assert_int_equal(left, wanted < SEC(120) ? wanted : SEC(120));
        tx_arm(&f.t); /* asking again does not put it off */
        f.env.now = f.t.due.rtx;
        assert_non_null(timers_pop(&f.env.timers, f.env.now));
        assert_false(tx_timeout(&f.t));
        f.t.persist_shift++; /* as timers.c does */
        tx_arm(&f.t);
    }
    f.t.snd_wnd = 5000;
    tx_arm(&f.t);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_NONE);
    flight_send_bytes(&f, 5000);
    flight_wait(&f, MSEC(1));
    f.t.snd_wnd = 700; /* less than a segment, and less than what waits */
    f.t.snd_end = ssn_add(f.t.snd_nxt, 5000);
    flight_ack(&f, n + 5, 0);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_PERSIST);
    flight_free(&f);
}

/* T-WND-20 */
static void test_persist_for_fin(void **state) {
    struct flight f;
    (void)state;
    flight_start(&f, &cc_newreno, 10);
    f.t.snd_wnd = 0;
    f.t.fin_queued = true;
    tx_arm(&f.t);
    assert_int_equal(f.t.rtx_mode, TX_TIMER_PERSIST);
    assert_int_equal(tx_sent(&f.t, f.t.snd_nxt, ssn_add(f.t.snd_nxt, 1), true, false, false), 0);
    f.t.fin_sent = true;
    assert_int_not_equal(f.t.rtx_mode, TX_TIMER_PERSIST);
    flight_wait(&f, SEC(2));
    assert_true(f.rtos > 0);
    assert_int_equal(flight_resend(&f, 1000), 1); /* beyond the window, but the first */
    flight_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limited_transmit),      cmocka_unit_test(test_prr_proportional),
        cmocka_unit_test(test_prr_episode),           cmocka_unit_test(test_prr_slow_start),
        cmocka_unit_test(test_second_episode),        cmocka_unit_test(test_entry_by_timer),
        cmocka_unit_test(test_fast_retransmit),       cmocka_unit_test(test_newreno),
        cmocka_unit_test(test_newreno_super_segment), cmocka_unit_test(test_no_second_fast_retransmit),
        cmocka_unit_test(test_not_a_dupack),          cmocka_unit_test(test_rto_backoff),
        cmocka_unit_test(test_rto_after_lost_syn),    cmocka_unit_test(test_loss_window),
        cmocka_unit_test(test_timeout_in_recovery),   cmocka_unit_test(test_persist),
        cmocka_unit_test(test_persist_for_fin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
