/* SPDX-License-Identifier: BSD-3-Clause */
/* Recoveries that turn out to have been for nothing: Eifel (RFC 3522, 4015), F-RTO (RFC 5682), D-SACK (RFC 2883). */
#include "flightlab.h"

/* Ten segments, a delay, a timeout, and the first segment sent again. `sent` is when they first went. */
static uint32_t time_out(struct flight *f, bool sack, bool ts, utime *sent) {
    flight_init(f);
    f->t.sack_ok = sack;
    f->t.ts_ok = ts;
    uint32_t n = flight_warm(f, FLIGHT_RTT, 10);
    f->t.rack.rtt_since_tlp = false; /* no probe */
    *sent = f->env.now;
    flight_send(f, 10);
    flight_wait_timer(f);
    assert_int_equal(f->rtos, 1);
    assert_int_equal(flight_resend(f, 1000), 1000);
    flight_wait(f, MSEC(10));
    return n;
}

/* T-UND-04, T-UND-05, T-UND-06 */
static void test_eifel(void **state) {
    struct flight f;
    utime sent;
    (void)state;
    uint32_t n = time_out(&f, true, true, &sent);
    struct rtt sampled = f.t.rtt; /* as the acknowledgment's sample alone leaves it */
    rtt_sample(&sampled, f.env.now, time_since(f.env.now, sent), 5);
    dur short_rto = rtt_rto_base(&sampled, MSEC(200), SEC(120));
    assert_int_equal(f.t.cc.ssthresh, 5000);
    f.echo = sent;
    flight_ack(&f, n + 1, 0);
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    assert_int_equal(flight_tx(&f)->lost, 0);
    assert_int_equal(flight_next_lost(&f), -1);
    assert_int_equal(f.t.cc.ssthresh, UINT32_MAX);
    assert_int_equal(f.t.cc.cwnd, 9000 + 1000); /* FlightSize + min(acked, IW) */
    /* The sample holds the wait for the timer: what counts of it is half of the timeout that was too short, so that the
     * next one is half as long again. */
    assert_true(time_since(f.env.now, sent) > short_rto / 2);
    assert_int_equal(f.t.rtt.srtt, short_rto / 2);
    assert_int_equal(f.t.rtt.rttvar, short_rto / 4);
    assert_int_equal(rtt_rto_base(&f.t.rtt, MSEC(200), SEC(120)), 3 * (short_rto / 2));
    assert_int_equal(f.t.rtt.backoff, 0);
    assert_int_equal(flight_mib(&f, MIB_TCP_LOSS_UNDO), 1);
    flight_free(&f);
}

/* T-UND-05: pipe_prev is FlightSize when that was more than ssthresh. */
static void test_eifel_ssthresh(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flight_start(&f, &cc_newreno, 10);
    f.t.ts_ok = true;
    f.t.cc.ssthresh = 4000;
    f.t.rack.rtt_since_tlp = false;
    utime sent = f.env.now;
    flight_send(&f, 10);
    flight_wait_timer(&f);
    flight_resend(&f, 1000);
    f.echo = sent;
    flight_ack(&f, n + 1, 0);
    assert_int_equal(f.t.cc.ssthresh, 10000);
    assert_int_equal(f.t.cc.cwnd, 10000);
    flight_free(&f);
}

/* T-UND-04: the echo of the retransmission is no reason to go back. */
static void test_eifel_not(void **state) {
    struct flight f;
    utime sent;
    (void)state;
    uint32_t n = time_out(&f, true, true, &sent);
    f.echo = (utime){f.env.now.ns - MSEC(10)};
    flight_ack(&f, n + 1, 0);
    assert_int_equal(flight_tx(&f)->state, TX_LOSS);
    assert_int_equal(f.t.cc.ssthresh, 5000);
    /* the first such acknowledgment decides, whatever comes later */
    flight_resend(&f, 1000);
    f.echo = sent;
    flight_ack(&f, n + 2, 0);
    assert_int_equal(flight_tx(&f)->state, TX_LOSS);
    flight_free(&f);
}

/* T-ECN-03: nobody agreed on ECN, so its flag does not keep anything from being undone. */
static void test_eifel_with_ece(void **state) {
    struct flight f;
    utime sent;
    (void)state;
    uint32_t n = time_out(&f, true, true, &sent);
    f.echo = sent;
    f.seg.flags = TCP_ECE;
    flight_ack(&f, n + 1, 0);
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    assert_int_equal(f.t.cc.ssthresh, UINT32_MAX);
    assert_int_equal(flight_mib(&f, MIB_TCP_LOSS_UNDO), 1);
    flight_free(&f);
}

/* T-UND-01, T-UND-02, T-UND-03: new data first, then the second acknowledgment tells. */
static void test_frto(void **state) {
    enum { SPURIOUS, DUPACK };
    struct flight f;
    utime sent;
    (void)state;
    for (int sack = 0; sack < 2; sack++) {
        for (int kind = SPURIOUS; kind <= DUPACK; kind++) {
            uint32_t n = time_out(&f, sack, false, &sent);
            f.t.snd_end = ssn_add(f.t.snd_nxt, 5000); /* more is queued */
            flight_ack(&f, n + 1, 0);
            assert_int_equal(flight_tx(&f)->frto, TX_FRTO_PROBING);
            assert_int_equal(flight_next_lost(&f), -1);
            assert_int_equal(tx_budget(&f.t), 2000);
            assert_false(tcp_wants_new(&f.t)); /* it is queued */
            flight_send(&f, 2);
            assert_int_equal(tx_budget(&f.t), 0);
            assert_int_equal(flight_next_lost(&f), -1); /* the answer to it comes first */
            flight_wait(&f, MSEC(10));
            if (kind == SPURIOUS)
                flight_ack(&f, n + 2, 0);
            else if (sack)
                flight_ack(&f, n + 1, n + 10, n + 11, 0); /* only the new data arrived */
            else
                flight_ack(&f, n + 1, 0);
            assert_int_equal(flight_tx(&f)->state, kind == SPURIOUS ? TX_OPEN : TX_LOSS);
            assert_int_equal(flight_tx(&f)->lost == 0, kind == SPURIOUS);
            assert_int_equal(flight_mib(&f, MIB_TCP_SPURIOUS_RTOS), kind == SPURIOUS);
            if (kind == SPURIOUS)
                assert_true(f.t.cc.cwnd >= 10000 && f.t.cc.ssthresh == UINT32_MAX);
            else
                assert_true(flight_tx(&f)->frto == TX_FRTO_OFF && f.t.cc.cwnd <= 3000);
            flight_free(&f);
        }
    }
}

/* T-UND-01, T-UND-02: what F-RTO cannot tell stays a loss. */
static void test_frto_ends(void **state) {
    enum { ALL, DUPACK, SECOND };
    struct flight f;
    utime sent;
    (void)state;
    for (int kind = ALL; kind <= SECOND; kind++) {
        uint32_t n = time_out(&f, false, false, &sent);
        uint32_t ssthresh = f.t.cc.ssthresh;
        if (kind == ALL)
            flight_ack(&f, n + 10, 0); /* perhaps the retransmission filled the only hole */
        else if (kind == DUPACK)
            flight_ack(&f, n, 0);
        else
            flight_wait(&f, SEC(2)); /* and again */
        assert_int_equal(flight_tx(&f)->frto, TX_FRTO_OFF);
        assert_int_equal(f.t.cc.ssthresh, ssthresh);
        flight_free(&f);
    }
}

/* T-UND-01: two new segments at most, however many were found to have arrived, and one question for them. */
static void test_frto_two_segments(void **state) {
    struct flight f;
    utime sent;
    (void)state;
    uint32_t n = time_out(&f, true, false, &sent);
    assert_false(tcp_wants_new(&f.t)); /* not before the first answer */
    flight_ack(&f, n + 1, n + 3, n + 7, 0);
    assert_int_equal(flight_tx(&f)->frto, TX_FRTO_PROBING);
    assert_true(tcp_wants_new(&f.t));
    f.t.cc.cwnd = 8000;
    assert_int_equal(tcp_room(&f.t, UINT64_MAX), 2000);
    tcp_queue(&f.t, 2000);
    assert_false(tcp_wants_new(&f.t));
    assert_int_equal(tcp_room(&f.t, UINT64_MAX), 0);
    flight_send(&f, 2);
    assert_int_equal(tcp_room(&f.t, UINT64_MAX), 0);
    assert_false(tcp_wants_new(&f.t));
    assert_int_equal(flight_next_lost(&f), -1);
    flight_ack(&f, n + 1, n + 3, n + 7, n + 10, n + 11, 0); /* of the new only: the timeout was right */
    assert_int_equal(flight_tx(&f)->frto, TX_FRTO_OFF);
    assert_int_equal(flight_next_lost(&f), n + 1);
    flight_free(&f);
}

/* Without new data that the peer's window takes F-RTO does not hold the repair up. */
static void test_frto_without_data(void **state) {
    struct flight f;
    utime sent;
    (void)state;
    uint32_t n = time_out(&f, true, false, &sent);
    flight_ack(&f, n + 1, 0);
    assert_true(tcp_wants_new(&f.t));
    f.t.snd_wnd = 9999; /* what is in flight, and no whole segment more */
    assert_false(tcp_wants_new(&f.t));
    f.t.snd_end = ssn_add(f.t.snd_nxt, 5000);
    assert_int_equal(flight_next_lost(&f), n + 1);
    f.t.snd_wnd = 10000;
    assert_int_equal(flight_next_lost(&f), -1);
    f.t.snd_end = f.t.snd_nxt;
    assert_int_equal(flight_next_lost(&f), n + 1);
    assert_int_equal(flight_resend(&f, 1000), 2000);
    flight_free(&f);
}

/* T-UND-08: all that was sent again is reported as a duplicate, in the episode or right after it. */
static void test_dsack_undo(void **state) {
    struct flight f;
    (void)state;
    for (int late = 0; late < 2; late++) {
        uint32_t n = flight_start(&f, &cc_cubic, 20);
        flight_send(&f, 20);
        flight_wait(&f, FLIGHT_RTT);
        flight_ack(&f, n, n + 2, n + 5, 0); /* n and n + 1 are late */
        assert_int_equal(flight_resend(&f, 1000), 2000);
        flight_ack(&f, n + 5, 0);
        flight_wait(&f, MSEC(50));
        if (late)
            flight_ack(&f, n + 20, 0);
        uint32_t ack = late ? n + 20 : n + 5;
        assert_int_equal(flight_tx(&f)->state, late ? TX_OPEN : TX_RECOVERY);
        flight_ack(&f, ack, n, n + 1, 0);
        assert_true(f.t.cc.ssthresh < UINT32_MAX);
        assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_UNDO), 0);
        flight_ack(&f, ack, n + 1, n + 2, 0);
        assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_UNDO), 1);
        assert_int_equal(flight_tx(&f)->state, TX_OPEN);
        assert_int_equal(f.t.cc.ssthresh, UINT32_MAX);
        assert_int_equal(f.t.cc.cwnd, 20000);
        flight_free(&f);
    }
}

/* What an undo needs is held beyond the flight that it is about, until the next one has been acknowledged. */
static void test_undo_holds_memory(void **state) {
    struct flight f;
    (void)state;
    for (int undone = 0; undone < 2; undone++) {
        uint32_t n = flight_start(&f, &cc_cubic, 20);
        assert_null(f.t.tx);
        flight_send(&f, 5);
        flight_wait(&f, FLIGHT_RTT);
        flight_ack(&f, n, n + 1, n + 5, 0);
        flight_resend(&f, 1000);
        flight_ack(&f, n + 5, 0);
        assert_int_equal(tx_outstanding(&f.t), 0);
        assert_non_null(f.t.tx);
        if (undone)
            flight_ack(&f, n + 5, n, n + 1, 0);
        assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_UNDO), undone);
        assert_int_equal(f.t.cc.ssthresh == UINT32_MAX, undone);
        assert_non_null(f.t.tx); /* duplicate ACKs may still come */
        flight_send(&f, 1);
        flight_wait(&f, FLIGHT_RTT);
        flight_ack(&f, n + 6, 0);
        assert_null(f.t.tx);
        flight_free(&f);
    }
}

/* T-UND-08: some retransmission was needed, or the report comes when the episode is long over, or is not about it. */
static void test_dsack_no_undo(void **state) {
    enum { ONE_OF_TWO, TOO_LATE, BEFORE };
    struct flight f;
    (void)state;
    for (int kind = ONE_OF_TWO; kind <= BEFORE; kind++) {
        uint32_t n = flight_start(&f, &cc_cubic, 20);
        flight_send(&f, 20);
        flight_wait(&f, FLIGHT_RTT);
        flight_ack(&f, n, n + 2, n + 5, 0);
        flight_resend(&f, 1000);
        flight_ack(&f, n + 20, 0);
        if (kind == TOO_LATE) {
            flight_send(&f, 1);
            flight_wait(&f, FLIGHT_RTT);
            flight_ack(&f, n + 21, 0);
        }
        uint32_t ack = flight_segment(f.t.snd_una);
        if (kind == BEFORE)
            flight_ack(&f, ack, n - 1, n, 0);
        else
            flight_ack(&f, ack, n, n + 1, 0);
        if (kind != ONE_OF_TWO)
            flight_ack(&f, ack, n + 1, n + 2, 0);
        assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_UNDO), 0);
        assert_int_equal(f.t.cc.ssthresh, 14000);
        flight_free(&f);
    }
}

/* T-UND-04: a fast retransmission that was not needed, found by timestamps. */
static void test_eifel_in_recovery(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flight_start(&f, &cc_cubic, 20);
    f.t.ts_ok = true;
    utime sent = f.env.now;
    flight_send(&f, 20);
    flight_wait(&f, FLIGHT_RTT);
    f.echo = sent;
    flight_ack(&f, n, n + 1, n + 5, 0);
    assert_int_equal(flight_resend(&f, 1000), 1000);
    flight_wait(&f, MSEC(5));
    f.echo = sent;
    flight_ack(&f, n + 5, 0);
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    assert_int_equal(f.t.cc.cwnd, 20000);
    assert_int_equal(f.t.cc.ssthresh, UINT32_MAX);
    flight_free(&f);
}

/* T-SCK-20: what is SACKed beyond an episode that was undone does not let more than two segments beyond the window. */
static void test_undo_lets_out_no_burst(void **state) {
    struct flight f;
    (void)state;
    uint32_t n = flight_start(&f, &cc_cubic, 20);
    f.t.ts_ok = true;
    utime sent = f.env.now;
    flight_send(&f, 20);
    flight_wait(&f, FLIGHT_RTT);
    f.echo = sent;
    flight_ack(&f, n, n + 1, n + 5, n + 8, n + 18, 0);
    assert_true(flight_resend(&f, 1000) > 0);
    f.echo = sent;
    flight_ack(&f, n + 5, n + 8, n + 18, 0);
    assert_int_equal(flight_tx(&f)->state, TX_DISORDER);
    assert_int_equal(tx_pipe(&f.t), 5000);
    assert_int_equal(f.t.cc.cwnd, 20000);
    assert_int_equal(tx_budget(&f.t), 20000 + 2000 - 15000);
    flight_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eifel),
        cmocka_unit_test(test_eifel_ssthresh),
        cmocka_unit_test(test_eifel_not),
        cmocka_unit_test(test_eifel_with_ece),
        cmocka_unit_test(test_frto),
        cmocka_unit_test(test_frto_ends),
        cmocka_unit_test(test_frto_two_segments),
        cmocka_unit_test(test_frto_without_data),
        cmocka_unit_test(test_dsack_undo),
        cmocka_unit_test(test_undo_holds_memory),
        cmocka_unit_test(test_dsack_no_undo),
        cmocka_unit_test(test_eifel_in_recovery),
        cmocka_unit_test(test_undo_lets_out_no_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
