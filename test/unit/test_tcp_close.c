/* SPDX-License-Identifier: BSD-3-Clause */
/* Closing: RFC 9293 3.6 and 3.10.4-5, TIME-WAIT and what may follow it (RFC 6191, RFC 1337). */
#include "tcplab.h"

#include <errno.h>
#include <stdio.h>

static struct lab *plain(void) { return lab_new_established_with(&(struct lab_options){.no_ts = true}, "mss 1000"); }

static uint8_t state_of(struct lab *l) { return lab_tcb(l)->state; }

/* ---- The usual ways ---------------------------------------------------------------------------------------------- */

static void
test_active_close(void **state) { /* T-FSM-21, T-CLO-01, T-TMW-01: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, 2MSL */
    struct lab *l = plain();
    (void)state;
    lab_close(l, LAB_A);
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_1);
    lab_want(l, "F. 1(0) ack 1");
    lab_in(l, ". 1(0) ack 2");
    assert_true(l->end[LAB_A].rx.fin_acked);
    assert_false(l->end[LAB_A].rx.closed);
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_2);
    lab_in(l, ". 1(1000) ack 2"); /* half closed: we still receive */
    lab_want(l, ". 2(0) ack 1001");
    lab_wait(l, SEC(1000)); /* for ever, as long as someone reads */
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_2);
    lab_in(l, "F. 1001(0) ack 2");
    assert_true(l->end[LAB_A].eof);
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    lab_want(l, ". 2(0) ack 1002");
    lab_wait(l, SEC(60) - 1);
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    lab_wait(l, 1);
    assert_int_equal(state_of(l), UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, 0);
    assert_int_equal(l->end[LAB_A].event, TCP_TIMEOUT_CLOSED);
    lab_want_none(l);
    lab_free(l);
}

static void test_fin_with_ack_of_fin(void **state) { /* T-FSM-21: FIN-WAIT-1 to TIME-WAIT at once */
    struct lab *l = plain();
    (void)state;
    lab_close(l, LAB_A);
    lab_skip(l);
    lab_in(l, "F. 1(10) ack 2");
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    lab_want(l, ". 2(0) ack 12");
    assert_int_equal(tcp_bytes_received(lab_tcb(l)), 10);
    lab_free(l);
}

static void test_simultaneous_close(void **state) { /* T-FSM-22: CLOSING */
    struct lab *l = plain();
    (void)state;
    lab_close(l, LAB_A);
    lab_skip(l);
    lab_in(l, "F. 1(0) ack 1");
    assert_int_equal(state_of(l), UMPTCP_CLOSING);
    lab_want(l, ". 2(0) ack 2");
    lab_in(l, ". 2(0) ack 2");
    assert_true(l->end[LAB_A].rx.closed);
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    lab_free(l);

    l = lab_new_pair(NULL);
    lab_start(l);
    lab_run(l, SEC(1));
    lab_close(l, LAB_A);
    lab_close(l, LAB_B);
    lab_run(l, SEC(10));
    assert_int_equal(l->end[LAB_A].tcb.state, UMPTCP_TIME_WAIT);
    assert_int_equal(l->end[LAB_B].tcb.state, UMPTCP_TIME_WAIT);
    lab_run(l, SEC(60));
    assert_int_equal(l->end[LAB_A].tcb.state, UMPTCP_CLOSED);
    assert_int_equal(l->end[LAB_B].tcb.state, UMPTCP_CLOSED);
    lab_free(l);
}

static void test_passive_close(void **state) { /* T-FSM-23, T-ACK-08: CLOSE-WAIT, LAST-ACK, CLOSED */
    struct lab *l = plain();
    (void)state;
    lab_in(l, "F. 1(10) ack 1");
    assert_int_equal(state_of(l), UMPTCP_CLOSE_WAIT);
    lab_want(l, ". 1(0) ack 12"); /* at once */
    assert_true(tcp_can_send(lab_tcb(l)));
    lab_write(l, LAB_A, 500);
    lab_want(l, "P. 1(500) ack 12");
    lab_close(l, LAB_A);
    assert_int_equal(state_of(l), UMPTCP_LAST_ACK);
    lab_want(l, "F. 501(0) ack 12");
    lab_in(l, ". 12(0) ack 501");
    assert_int_equal(state_of(l), UMPTCP_LAST_ACK);
    lab_in(l, ". 12(0) ack 502");
    assert_true(l->end[LAB_A].rx.closed);
    assert_int_equal(state_of(l), UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, 0);
    lab_wait(l, SEC(1000));
    lab_want_none(l);
    assert_int_equal(lab_mib(l, MIB_TCP_CURR_ESTAB), 0);
    assert_int_equal(lab_mib(l, MIB_TCP_ESTAB_RESETS), 0);
    lab_free(l);
}

/* An acknowledgment that the owner wants soon is not lost in TIME-WAIT, which has no timer for it. */
static void test_last_wish(void **state) {
    struct lab *l = plain();
    (void)state;
    lab_close(l, LAB_A);
    lab_skip(l);
    lab_in(l, "F. 1(0) ack 1");
    lab_want(l, ". 2(0) ack 2");
    tcp_ack_soon(lab_tcb(l));
    lab_in(l, ". 2(0) ack 2");
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    assert_null(tcp_check(lab_tcb(l)));
    lab_want(l, ". 2(0) ack 2");
    lab_free(l);
}

static void test_close_with_queue(void **state) { /* T-CLO-01: the FIN waits for the bytes; nothing may be added */
    struct lab *l = lab_new_established_with(&(struct lab_options){.no_ts = true}, "win 2000 mss 1000");
    (void)state;
    lab_write(l, LAB_A, 5000);
    lab_close(l, LAB_A);
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_1);
    assert_false(tcp_can_send(lab_tcb(l)));
    lab_want(l, ". 1(1000) ack 1");
    lab_want(l, ". 1001(1000) ack 1");
    lab_in(l, ". 1(0) ack 2001 win 2000");
    lab_want(l, ". 2001(1000) ack 1");
    lab_want(l, ". 3001(1000) ack 1");
    lab_in(l, "F. 1(0) ack 4001 win 2000"); /* the peer's end does not stop ours */
    assert_int_equal(state_of(l), UMPTCP_CLOSING);
    lab_want(l, "PF. 4001(1000) ack 2");
    lab_in(l, ". 2(0) ack 5002");
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    lab_free(l);
}

static void test_fin_again(void **state) { /* T-FSM-27 and our own: lost FINs come again */
    struct lab *l = plain();
    (void)state;
    lab_close(l, LAB_A);
    lab_want(l, "F. 1(0) ack 1");
    lab_wait_sent(l, SEC(2));
    lab_want(l, "F. 1(0) ack 1");
    lab_wait_sent(l, SEC(2));
    lab_want(l, "F. 1(0) ack 1");
    lab_in(l, ". 1(0) ack 2");
    lab_wait(l, SEC(20));
    lab_want_none(l);
    lab_free(l);
}

static void test_fin_out_of_order(void **state) { /* T-FSM-24: in FIN-WAIT-1 and FIN-WAIT-2 */
    struct lab *l = plain();
    (void)state;
    lab_close(l, LAB_A);
    lab_in(l, "F. 101(0) ack 1");
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_1);
    lab_in(l, ". 1(0) ack 2");
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_2);
    lab_in(l, ". 1(100) ack 2");
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    assert_true(l->end[LAB_A].eof);
    lab_free(l);
}

static void test_payload_after_fin(void **state) { /* T-FSM-25, in each state behind the peer's FIN */
    struct lab *l = plain();
    (void)state;
    lab_in(l, "F. 1(0) ack 1");
    lab_in(l, ". 2(100) ack 1");
    assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_AFTER_FIN);
    lab_close(l, LAB_A);
    lab_in(l, ". 2(100) ack 1");
    assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_AFTER_FIN);
    assert_int_equal(tcp_bytes_received(lab_tcb(l)), 0);
    lab_in(l, ". 2(100) ack 2"); /* its acknowledgment counts all the same */
    assert_int_equal(state_of(l), UMPTCP_CLOSED);
    lab_free(l);
}

/* ---- Abort ------------------------------------------------------------------------------------------------------- */

static void test_abort(void **state) { /* T-CLO-03, T-CLO-07, T-FSM-26: RST where RFC 9293 3.10.5 wants one */
    static const struct {
        const char *segment;
        bool close, rst;
        enum umptcp_tcp_state in;
    } rows[] = {
        {NULL, false, true, UMPTCP_ESTABLISHED},        {"F. 1(0) ack 1", false, true, UMPTCP_CLOSE_WAIT},
        {NULL, true, true, UMPTCP_FIN_WAIT_1},          {". 1(0) ack 2", true, true, UMPTCP_FIN_WAIT_2},
        {"F. 1(0) ack 1", true, false, UMPTCP_CLOSING}, {"F. 1(0) ack 2", true, false, UMPTCP_TIME_WAIT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab *l = plain();
        if (rows[i].close)
            lab_close(l, LAB_A);
        if (rows[i].segment)
            lab_in(l, rows[i].segment);
        assert_int_equal(state_of(l), rows[i].in);
        lab_skip(l);
        tcp_abort(lab_tcb(l), ECONNABORTED);
        assert_int_equal(state_of(l), UMPTCP_CLOSED);
        assert_int_equal(lab_tcb(l)->error, ECONNABORTED);
        assert_int_equal(tcp_pending(lab_tcb(l)), rows[i].rst);
        lab_flush(l);
        if (rows[i].rst)
            lab_want(l, rows[i].close ? "R. 2(0) ack 1" : rows[i].segment ? "R. 1(0) ack 2" : "R. 1(0) ack 1");
        lab_want_none(l);
        assert_int_equal(lab_mib(l, MIB_TCP_OUT_RSTS), rows[i].rst);
        tcp_abort(lab_tcb(l), EIO); /* once is enough */
        assert_int_equal(lab_tcb(l)->error, ECONNABORTED);
        lab_free(l);
    }
}

static void test_abort_opening(void **state) { /* no RST in SYN-SENT, one in SYN-RECEIVED */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_skip(l);
    tcp_abort(lab_tcb(l), ECONNABORTED);
    lab_flush(l);
    lab_want_none(l);
    lab_free(l);

    l = lab_new(NULL);
    lab_listen(l, "S 0(0) mss 1000");
    lab_skip(l);
    tcp_abort(lab_tcb(l), ECONNABORTED);
    lab_flush(l);
    lab_want(l, "R. 1(0) ack 1");
    lab_free(l);
}

static void test_orphan(void **state) { /* T-TMW-08: nobody waits for a FIN that nobody wants */
    struct lab *l = plain();
    (void)state;
    lab_close(l, LAB_A);
    tcp_orphan(lab_tcb(l));
    lab_in(l, ". 1(0) ack 2");
    lab_skip(l);
    lab_wait(l, SEC(60) - 1);
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_2);
    lab_wait(l, 1);
    assert_int_equal(state_of(l), UMPTCP_CLOSED);
    assert_int_equal(l->end[LAB_A].event, TCP_TIMEOUT_CLOSED);
    lab_free(l);

    l = plain(); /* orphaned in FIN-WAIT-2 already; keepalive does not interfere */
    tcp_set_keepalive(lab_tcb(l),
                      &(struct tcp_keepalive){.on = true, .probes = 9, .idle_ms = 7200000, .intvl_ms = 75000});
    lab_close(l, LAB_A);
    lab_in(l, ". 1(0) ack 2");
    tcp_orphan(lab_tcb(l));
    tcp_set_user_timeout(lab_tcb(l), 5000);
    lab_wait(l, SEC(59));
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_2);
    lab_wait(l, SEC(2));
    assert_int_equal(state_of(l), UMPTCP_CLOSED);
    lab_free(l);
}

/* ---- TIME-WAIT --------------------------------------------------------------------------------------------------- */

/* In TIME-WAIT with RCV.NXT 102, TS.Recent 5000. */
static struct lab *time_wait(bool ts) {
    struct lab *l = ts ? lab_new_established_with(NULL, "mss 1000 sackok ts 4000:0") : plain();
    lab_close(l, LAB_A);
    lab_in(l, ts ? "F. 1(100) ack 2 ts 5000:0" : "F. 1(100) ack 2");
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    lab_skip(l);
    return l;
}

static void test_time_wait_answers(void **state) { /* T-TMW-05, T-FSM-27: old segments; the FIN restarts the wait */
    struct lab *l = time_wait(false);
    (void)state;
    lab_wait(l, SEC(50));
    lab_in(l, "F. 101(0) ack 2");
    lab_want(l, ". 2(0) ack 102");
    lab_wait(l, SEC(59));
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    lab_in(l, ". 1(100) ack 2"); /* does not restart it */
    lab_want(l, ". 2(0) ack 102");
    lab_in(l, ". 102(0) ack 2"); /* a good acknowledgment has no answer (T-CHA-05) */
    lab_want_none(l);
    lab_wait(l, SEC(1));
    assert_int_equal(state_of(l), UMPTCP_CLOSED);
    lab_free(l);
}

static void test_time_wait_assassination(void **state) { /* T-TMW-09, T-CHA-12 */
    struct lab *l = time_wait(false);
    (void)state;
    lab_in(l, "R 102(0)");
    lab_in(l, "R. 102(0) ack 2");
    assert_int_equal(state_of(l), UMPTCP_TIME_WAIT);
    assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_TIME_WAIT);
    assert_false(l->end[LAB_A].rx.reset);
    lab_want_none(l);
    lab_free(l);
}

static void test_time_wait_reopen(void **state) { /* T-TMW-02, T-TMW-03, T-TMW-04: the table of RFC 6191 2 */
    static const struct {
        bool ts;
        const char *syn;
        bool reopen;
    } rows[] = {
        {true, "S 1(0) ts 5001:0", true},     {true, "S 5000(0) ts 5000:0", true}, {true, "S 50(0) ts 5000:0", false},
        {true, "S 5000(0) ts 4999:0", false}, {true, "S 5000(0) nots", true},      {true, "S 50(0) nots", false},
        {false, "S 50(0) ts 1:0", true},      {false, "S 5000(0)", true},          {false, "S 103(0)", true},
        {false, "S 102(0)", false},           {false, "S 50(0)", false},           {false, "S. 5000(0) ack 2", false},
        {false, "SF 5000(0)", false},         {false, "SR 5000(0)", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab *l = time_wait(rows[i].ts);
        lab_in(l, rows[i].syn);
        if (l->end[LAB_A].rx.reopen != rows[i].reopen)
            fail_msg("%s", rows[i].syn);
        assert_int_equal(state_of(l), UMPTCP_TIME_WAIT); /* the owner destroys it */
        if (!rows[i].reopen && !(rows[i].syn[1] == 'R'))
            lab_want(l, ". 2(0) ack 102");
        lab_want_none(l);
        lab_free(l);
    }
}

static void test_time_wait_holds_nothing(void **state) { /* T-TMW-07 */
    struct lab *l = time_wait(true);
    (void)state;
    struct tcb *t = lab_tcb(l);
    assert_null(t->tx);
    assert_null(t->ofo);
    assert_true(time_is_never(t->due.rtx) && time_is_never(t->due.ack));
    tcp_set_keepalive(t, &(struct tcp_keepalive){.on = false});
    assert_false(time_is_never(t->due.life));
    tcp_probe(t); /* nothing more goes out by itself */
    lab_flush(l);
    lab_want_none(l);
    lab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_active_close),       cmocka_unit_test(test_fin_with_ack_of_fin),
        cmocka_unit_test(test_simultaneous_close), cmocka_unit_test(test_passive_close),
        cmocka_unit_test(test_last_wish),          cmocka_unit_test(test_close_with_queue),
        cmocka_unit_test(test_fin_again),          cmocka_unit_test(test_fin_out_of_order),
        cmocka_unit_test(test_payload_after_fin),  cmocka_unit_test(test_abort),
        cmocka_unit_test(test_abort_opening),      cmocka_unit_test(test_orphan),
        cmocka_unit_test(test_time_wait_answers),  cmocka_unit_test(test_time_wait_assassination),
        cmocka_unit_test(test_time_wait_reopen),   cmocka_unit_test(test_time_wait_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
