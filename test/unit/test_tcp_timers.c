/* SPDX-License-Identifier: BSD-3-Clause */
/* Timers: persist and window probes, giving up, keepalive, user timeout, in exact virtual time. */
#include "tcplab.h"

#include <errno.h>
#include <stdio.h>

static struct lab *plain(const char *syn) {
    return lab_new_established_with(&(struct lab_options){.no_ts = true}, syn);
}

/* ---- Persist ----------------------------------------------------------------------------------------------------- */

static void test_zero_window_probes(void **state) { /* T-WND-08, T-WND-09, T-WND-11, T-FSM-12 */
    struct lab *l = plain("win 0 mss 1000");
    (void)state;
    lab_write(l, LAB_A, 3000);
    lab_want_none(l);
    dur interval = MSEC(200);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(lab_wait_sent(l, SEC(200)), interval);
        lab_want(l, ". 0(0) ack 1"); /* below SND.UNA: must be answered */
        lab_in(l, ". 1(0) ack 1 win 0");
        lab_want_none(l);
        interval = 2 * interval < SEC(120) ? 2 * interval : SEC(120);
    }
    assert_int_equal(lab_mib(l, MIB_TCP_ZERO_WINDOW_PROBES), 10);
    lab_in(l, ". 1(0) ack 1 win 2000");
    lab_want(l, ". 1(1000) ack 1");
    lab_want(l, ". 1001(1000) ack 1");
    assert_int_equal(lab_tcb(l)->persist_shift, 0);
    assert_int_equal(lab_tcb(l)->rtx_mode, TX_TIMER_RTO);
    lab_free(l);
}

static void test_window_shut_for_days(void **state) { /* T-WND-10: as long as probes are answered */
    struct lab *l = plain("win 0 mss 1000");
    (void)state;
    lab_write(l, LAB_A, 3000);
    const utime end = time_add(l->now, SEC(3 * 86400));
    while (time_before(l->now, end)) {
        lab_wait_sent(l, SEC(121));
        lab_want(l, ". 0(0) ack 1");
        lab_in(l, ". 1(0) ack 1 win 0");
        assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    }
    lab_in(l, ". 1(0) ack 1 win 9000");
    lab_want(l, "P. 1(3000) ack 1");
    lab_free(l);
}

static void test_probes_unanswered(void **state) { /* the peer is gone: ETIMEDOUT after retries2 */
    struct lab *l = plain("win 0 mss 1000");
    (void)state;
    lab_tcb(l)->env->cfg.retries2 = 5;
    lab_write(l, LAB_A, 3000);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(lab_wait_sent(l, SEC(200)), MSEC(200) << i);
        lab_want(l, ". 0(0) ack 1");
    }
    lab_wait(l, MSEC(200) << 6);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, ETIMEDOUT);
    lab_free(l);
}

static void test_orphan_window_shut(void **state) { /* T-WND-22: nobody waits for ever on behalf of nobody */
    struct lab *l = plain("win 0 mss 1000");
    (void)state;
    lab_write(l, LAB_A, 3000);
    lab_close(l, LAB_A);
    tcp_orphan(lab_tcb(l));
    int probes = 0;
    while (lab_tcb(l)->state != UMPTCP_CLOSED) {
        lab_wait(l, MSEC(100));
        if (l->wire) {
            lab_want(l, ". 0(0) ack 1");
            lab_in(l, ". 1(0) ack 1 win 0");
            probes++;
        }
    }
    assert_int_equal(probes, TCP_ORPHAN_RETRIES);
    assert_int_equal(lab_tcb(l)->error, ETIMEDOUT);
    lab_free(l);
}

static void test_lost_window_update(void **state) { /* T-WND-21: the probe finds it */
    struct lab *l = plain("win 0 mss 1000");
    (void)state;
    lab_write(l, LAB_A, 500);
    lab_wait(l, MSEC(200));
    lab_want(l, ". 0(0) ack 1");
    lab_in(l, ". 1(0) ack 1 win 5000");
    lab_want(l, "P. 1(500) ack 1");
    lab_free(l);
}

static void test_window_of_crumbs(void **state) { /* progress, however small the window stays */
    struct lab *l = plain("win 3 mss 1000");
    (void)state;
    l->end[LAB_A].tcb.max_snd_wnd = 1000;
    lab_write(l, LAB_A, 10);
    for (uint64_t una = 1; una < 10; una += 3) {
        char text[60];
        assert_int_equal(lab_wait_sent(l, SEC(1)), MSEC(200));
        snprintf(text, sizeof text, ". %d(3) ack 1", (int)una);
        lab_want(l, text);
        snprintf(text, sizeof text, ". 1(0) ack %d win 3", (int)una + 3);
        if (una == 7)
            lab_in(l, ". 1(0) ack 10 win 3");
        else
            lab_in(l, text);
    }
    lab_want(l, "P. 10(1) ack 1"); /* the last byte is all that there is */
    lab_free(l);
}

static void test_close_at_zero_window(void **state) { /* T-WND-20 */
    struct lab *l = plain("win 0 mss 1000");
    (void)state;
    lab_close(l, LAB_A);
    lab_want(l, "F. 1(0) ack 1");
    assert_int_equal(lab_wait_sent(l, SEC(1)), MSEC(200));
    lab_want(l, "F. 1(0) ack 1");
    lab_in(l, ". 1(0) ack 2 win 0");
    assert_int_equal(lab_tcb(l)->state, UMPTCP_FIN_WAIT_2);
    lab_free(l);
}

static void test_probe_on_request(void **state) { /* T-X3: the owner probes a path with the same segment */
    struct lab *l = plain("mss 1000");
    (void)state;
    tcp_probe(lab_tcb(l));
    lab_flush(l);
    lab_want(l, ". 0(0) ack 1");
    lab_want_none(l);
    lab_free(l);
}

/* The peer takes nothing from a segment at a position below its window: what is due goes by itself. */
static void test_probe_says_nothing(void **state) { /* T-X3, T-ACK-02, T-ACK-05 */
    struct lab *l = plain("mss 1000");
    (void)state;
    tcp_probe(lab_tcb(l));
    tcp_ack_now(lab_tcb(l));
    lab_flush(l);
    lab_want(l, ". 1(0) ack 1");
    lab_want(l, ". 0(0) ack 1");
    lab_want_none(l);
    lab_tcb(l)->quickacks = 0;
    lab_in(l, "P. 1(100) ack 1");
    lab_want_none(l); /* delayed */
    tcp_probe(lab_tcb(l));
    lab_flush(l);
    lab_want(l, ". 0(0) ack 101");
    lab_want_none(l);
    assert_true(lab_wait_sent(l, MSEC(500)) > 0);
    lab_want(l, ". 1(0) ack 101");
    lab_want_none(l);
    lab_free(l);
}

/* ---- Giving up --------------------------------------------------------------------------------------------------- */

static void test_retries(void **state) { /* T-RTO-13, T-RTO-15, T-RTO-05, T-RTO-09, T-SYN-20 */
    struct lab *l = plain("mss 1000");
    (void)state;
    const utime start = l->now;
    lab_write(l, LAB_A, 1000);
    lab_want(l, "P. 1(1000) ack 1");
    for (int i = 0; i < 15; i++) {
        dur rto = MSEC(200) << i < SEC(120) ? MSEC(200) << i : SEC(120);
        assert_int_equal(lab_wait_sent(l, SEC(121)), rto);
        lab_want(l, "P. 1(1000) ack 1");
    }
    lab_wait(l, SEC(120));
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, ETIMEDOUT);
    assert_int_equal(lab_mib(l, MIB_TCP_ABORT_ON_TIMEOUT), 1);
    assert_in_range(time_since(l->now, start), SEC(900), SEC(930)); /* as Linux: 924.6 s */
    lab_want_none(l);
    lab_free(l);
}

static void test_progress_starts_anew(void **state) { /* R2 counts from the last progress */
    struct lab *l = plain("mss 1000");
    (void)state;
    lab_tcb(l)->env->cfg.retries2 = 3;
    lab_write(l, LAB_A, 2000);
    lab_wait(l, MSEC(200 + 400 + 800));
    lab_in(l, ". 1(0) ack 1001");
    lab_wait(l, MSEC(200));
    assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    assert_true(lab_tcb(l)->rto_series <= 1);
    lab_free(l);
}

static void test_orphan_retries(void **state) {
    struct lab *l = plain("mss 1000");
    (void)state;
    lab_write(l, LAB_A, 2000);
    lab_close(l, LAB_A);
    tcp_orphan(lab_tcb(l));
    lab_wait(l, SEC(110)); /* 8 retries: 102.2 s */
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    lab_free(l);
}

static void test_shut_window_is_no_silence(void **state) { /* T-WND-10: the window shut while something is in flight */
    struct lab *l = plain("win 3000 mss 1000");
    (void)state;
    lab_tcb(l)->env->cfg.retries2 = 3;
    lab_write(l, LAB_A, 1000);
    lab_skip(l);
    lab_in(l, ". 1(0) ack 1 win 0");
    for (int i = 0; i < 20; i++) {
        lab_wait_sent(l, SEC(121));
        lab_want(l, "P. 1(1000) ack 1");
        lab_in(l, ". 1(0) ack 1 win 0");
        assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    }
    lab_wait(l, SEC(600)); /* now it is silent as well */
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    lab_free(l);
}

static void test_due_at_once(void **state) { /* one timer: all that is due is looked at, and the weightiest told */
    struct lab *l = plain("mss 1000");
    struct tcb *t = lab_tcb(l);
    (void)state;
    tcp_set_user_timeout(t, 3000);
    lab_write(l, LAB_A, 1000);
    lab_skip(l);
    t->quickacks = 0;
    lab_in(l, ". 1(10) ack 1");
    assert_int_equal(t->ack_need, TCP_ACK_DELAYED);
    assert_int_equal(t->timer.at.ns, t->due.ack.ns);
    l->end[LAB_A].env.now = time_max(t->due.ack, t->due.rtx); /* the caller comes late */
    assert_non_null(timers_pop(&l->end[LAB_A].env.timers, l->end[LAB_A].env.now));
    t->rtx_mode = TX_TIMER_RTO;
    assert_int_equal(tcp_timeout(t), TCP_TIMEOUT_RTO);
    assert_int_equal(t->ack_need, TCP_ACK_NOW);
    assert_true(time_is_never(t->due.ack));
    assert_int_equal(t->timer.at.ns, time_min(t->due.rtx, t->due.life).ns);
    l->end[LAB_A].env.now = time_add(t->due.life, SEC(100));
    assert_non_null(timers_pop(&l->end[LAB_A].env.timers, l->end[LAB_A].env.now));
    assert_int_equal(tcp_timeout(t), TCP_TIMEOUT_DEAD);
    assert_false(timer_armed(&t->timer));
    lab_free(l);
}

static void test_user_timeout(void **state) { /* T-RTO-14, T-KAL-10, T-KAL-11 */
    struct lab *l = plain("mss 1000");
    (void)state;
    tcp_set_user_timeout(lab_tcb(l), 10000);
    lab_wait(l, SEC(100)); /* nothing waits: no limit */
    lab_write(l, LAB_A, 1000);
    lab_wait(l, SEC(9));
    lab_in(l, ". 1(0) ack 501");
    lab_wait(l, SEC(10) - 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    lab_wait(l, 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, ETIMEDOUT);
    assert_int_equal(l->end[LAB_A].event, TCP_TIMEOUT_DEAD);
    lab_free(l);

    l = plain("mss 1000"); /* longer than the retries would last */
    lab_tcb(l)->env->cfg.retries2 = 3;
    tcp_set_user_timeout(lab_tcb(l), 1000000);
    lab_wait(l, SEC(30));
    lab_close(l, LAB_A);
    lab_wait(l, SEC(1000) - 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_FIN_WAIT_1);
    lab_wait(l, 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    lab_free(l);
}

/* ---- Keepalive --------------------------------------------------------------------------------------------------- */

static const struct tcp_keepalive linux_like = {.on = true, .probes = 9, .idle_ms = 7200000, .intvl_ms = 75000};

static void test_keepalive_off(void **state) { /* T-KAL-01 */
    struct lab *l = plain("mss 1000");
    (void)state;
    lab_wait(l, SEC(100000));
    lab_want_none(l);
    assert_true(timers_idle(&l->end[LAB_A].env.timers));
    tcp_set_keepalive(lab_tcb(l), &linux_like);
    tcp_set_keepalive(lab_tcb(l), &(struct tcp_keepalive){.on = false});
    assert_true(timers_idle(&l->end[LAB_A].env.timers));
    lab_free(l);
}

static void test_keepalive_dead(void **state) { /* T-KAL-03, T-KAL-04, T-KAL-05, T-KAL-06 */
    struct lab *l = plain("mss 1000");
    (void)state;
    tcp_set_keepalive(lab_tcb(l), &linux_like);
    assert_int_equal(lab_wait_sent(l, SEC(7201)), SEC(7200));
    lab_want(l, ". 0(0) ack 1");
    for (int i = 1; i < 9; i++) {
        assert_int_equal(lab_wait_sent(l, SEC(76)), SEC(75));
        lab_want(l, ". 0(0) ack 1");
    }
    lab_wait(l, SEC(75) - 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    lab_wait(l, 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, ETIMEDOUT);
    lab_want(l, "R. 1(0) ack 1"); /* should it live after all */
    assert_int_equal(lab_mib(l, MIB_TCP_KEEPALIVE), 9);
    lab_free(l);
}

static void test_keepalive_answered(void **state) { /* T-KAL-02, T-KAL-04 */
    struct lab *l = plain("mss 1000");
    (void)state;
    tcp_set_keepalive(lab_tcb(l), &linux_like);
    lab_wait(l, SEC(7000));
    lab_in(l, ". 1(10) ack 1"); /* traffic */
    lab_skip(l);
    assert_int_equal(lab_wait_sent(l, SEC(7201)), SEC(7200));
    lab_want(l, ". 0(0) ack 11");
    assert_int_equal(lab_wait_sent(l, SEC(76)), SEC(75));
    lab_want(l, ". 0(0) ack 11");
    lab_in(l, ". 11(0) ack 1");
    assert_true(l->end[LAB_A].rx.alive);
    assert_int_equal(lab_wait_sent(l, SEC(7201)), SEC(7200));
    lab_want(l, ". 0(0) ack 11");
    lab_free(l);
}

static void test_keepalive_with_flight(void **state) { /* T-KAL-02: nothing while bytes are outstanding */
    struct lab *l = plain("mss 1000");
    (void)state;
    tcp_set_keepalive(lab_tcb(l), &(struct tcp_keepalive){.on = true, .probes = 2, .idle_ms = 5000, .intvl_ms = 5000});
    lab_write(l, LAB_A, 1000);
    lab_want(l, "P. 1(1000) ack 1");
    const utime end = time_add(l->now, SEC(60));
    while (time_before(l->now, end)) {
        lab_wait_sent(l, SEC(100));
        lab_want(l, "P. 1(1000) ack 1"); /* retransmissions only */
    }
    lab_free(l);
}

static void test_keepalive_user_timeout(void **state) { /* T-KAL-11: instead of the count of probes */
    struct lab *l = plain("mss 1000");
    (void)state;
    tcp_set_keepalive(lab_tcb(l),
                      &(struct tcp_keepalive){.on = true, .probes = 2, .idle_ms = 10000, .intvl_ms = 10000});
    tcp_set_user_timeout(lab_tcb(l), 55000);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(lab_wait_sent(l, SEC(11)), SEC(10));
        lab_want(l, ". 0(0) ack 1");
    }
    lab_wait(l, SEC(10));
    assert_int_equal(lab_tcb(l)->error, ETIMEDOUT);
    lab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_window_probes),
        cmocka_unit_test(test_window_shut_for_days),
        cmocka_unit_test(test_probes_unanswered),
        cmocka_unit_test(test_orphan_window_shut),
        cmocka_unit_test(test_lost_window_update),
        cmocka_unit_test(test_window_of_crumbs),
        cmocka_unit_test(test_close_at_zero_window),
        cmocka_unit_test(test_probe_on_request),
        cmocka_unit_test(test_probe_says_nothing),
        cmocka_unit_test(test_retries),
        cmocka_unit_test(test_progress_starts_anew),
        cmocka_unit_test(test_orphan_retries),
        cmocka_unit_test(test_shut_window_is_no_silence),
        cmocka_unit_test(test_due_at_once),
        cmocka_unit_test(test_user_timeout),
        cmocka_unit_test(test_keepalive_off),
        cmocka_unit_test(test_keepalive_dead),
        cmocka_unit_test(test_keepalive_answered),
        cmocka_unit_test(test_keepalive_with_flight),
        cmocka_unit_test(test_keepalive_user_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
