/* SPDX-License-Identifier: BSD-3-Clause */
/* Segment arrival in the synchronized states: acceptability, RST and SYN (RFC 5961), PAWS (RFC 7323), windows. */
#include "tcplab.h"

#include <errno.h>
#include <stdio.h>

static enum drop last_drop(const struct lab *l) { return l->end[LAB_A].rx.drop; }

/* ---- Sequence numbers -------------------------------------------------------------------------------------------- */

static void test_acceptability(void **state) { /* T-FSM-10, T-FSM-11, T-FSM-13, T-FSM-35: RCV.NXT 1, window 1000 */
    static const struct {
        const char *segment;
        bool acceptable;
        enum drop drop;
        uint32_t len; /* that may be stored */
    } rows[] = {
        {". 1(0) ack 1", true, DROP_NONE, 0},
        {". 0(0) ack 1", false, DROP_TCP_OLD_SEQ, 0},
        {". 500(0) ack 1", true, DROP_NONE, 0},
        {". 1001(0) ack 1", true, DROP_NONE, 0}, /* a peer that filled the window acknowledges from there */
        {". 1002(0) ack 1", false, DROP_TCP_SEQ, 0},
        {". 1(1000) ack 1", true, DROP_NONE, 1000},
        {". 1(1001) ack 1", true, DROP_NONE, 1000},
        {". 1000(5) ack 1", true, DROP_NONE, 1},
        {". 1001(5) ack 1", true, DROP_TCP_SEQ, 0},
        {". 1002(5) ack 1", false, DROP_TCP_SEQ, 0},
        {". 0(1) ack 1", false, DROP_TCP_OLD_SEQ, 0},
        {". 0(2) ack 1", true, DROP_NONE, 1},
        {". 4294967290(7) ack 1", false, DROP_TCP_OLD_SEQ, 0}, /* from before the SYN, modulo 2^32 */
        {". 4294967290(17) ack 1", true, DROP_NONE, 10},
        {"F. 1001(0) ack 1", true, DROP_NONE, 0}, /* a FIN takes no room */
        {"F. 1(1000) ack 1", true, DROP_NONE, 1000},
        {"F. 1(1001) ack 1", true, DROP_NONE, 1000}, /* but it must stand in the window */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab *l = lab_new_established_with(&(struct lab_options){.rcvbuf = 1000, .no_scaling = true}, "mss 1000");
        const struct tcp_rx *rx = &l->end[LAB_A].rx;
        l->end[LAB_A].refuse_payload = true;
        lab_in(l, rows[i].segment);
        if (rx->acceptable != rows[i].acceptable || rx->drop != rows[i].drop || rx->len != rows[i].len)
            fail_msg("%s: acceptable %d drop %d len %u", rows[i].segment, rx->acceptable, rx->drop, rx->len);
        if (!rows[i].acceptable)
            lab_want(l, ". 1(0) ack 1");
        lab_free(l);
    }
}

static void test_trimming(void **state) { /* T-FSM-13, T-FSM-15: only what is new is to be stored */
    struct lab *l = lab_new_established_with(&(struct lab_options){.rcvbuf = 1000, .no_scaling = true}, "mss 1000");
    const struct tcp_rx *rx = &l->end[LAB_A].rx;
    (void)state;
    lab_in(l, ". 1(100) ack 1");
    l->end[LAB_A].refuse_payload = true;
    lab_in(l, "F. 51(100) ack 1");
    assert_int_equal(rx->ssn.v, 101);
    assert_int_equal(rx->skip, 50);
    assert_int_equal(rx->len, 50);
    assert_true(rx->fin);
    assert_true(rx->in_order);
    lab_in(l, "F. 1091(50) ack 1"); /* the right edge stands at 1101 */
    assert_int_equal(rx->ssn.v, 1091);
    assert_int_equal(rx->len, 10);
    assert_false(rx->fin);
    assert_false(rx->in_order);
    lab_free(l);
}

static void test_zero_window(void **state) { /* T-FSM-12, T-WND-08 as the peer sees it */
    struct lab *l = lab_new_established_with(&(struct lab_options){.rcvbuf = 1000, .no_scaling = true}, "mss 1000");
    (void)state;
    l->end[LAB_A].reading = false;
    lab_in(l, ". 1(1000) ack 1");
    lab_want(l, ". 1(0) ack 1001 win 0");
    lab_write(l, LAB_A, 100);
    lab_want(l, "P. 1(100) ack 1001 win 0");
    lab_in(l, ". 1001(1) ack 101"); /* the probe's octet is refused, its acknowledgment counts */
    assert_int_equal(lab_tcb(l)->snd_una.v, 101);
    assert_int_equal(last_drop(l), DROP_TCP_SEQ);
    lab_want(l, ". 101(0) ack 1001 win 0");
    lab_in(l, "R 1001(0)");
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    lab_free(l);
}

static void test_keepalive_answered(void **state) { /* T-FSM-16: without and with an octet */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    lab_in(l, ". 1(100) ack 1");
    lab_want(l, ". 1(0) ack 101");
    lab_in(l, ". 100(0) ack 1");
    lab_want(l, ". 1(0) ack 101");
    lab_in(l, ". 100(1) ack 1");
    lab_want(l, ". 1(0) ack 101 sack 100:101");
    lab_want_none(l);
    lab_free(l);
}

static void
test_unacceptable_limit(void **state) { /* T-FSM-11, T-CHA-04, T-CHA-05: bare ones are answered twice a second */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    for (int i = 0; i < 50; i++)
        lab_in(l, ". 0(0) ack 1");
    lab_want(l, ". 1(0) ack 1");
    lab_want_none(l);
    lab_wait(l, MSEC(499));
    lab_in(l, ". 0(0) ack 1");
    lab_want_none(l);
    lab_wait(l, MSEC(1));
    lab_in(l, ". 0(0) ack 1");
    lab_want(l, ". 1(0) ack 1");
    lab_in(l, ". 0(1) ack 1"); /* payload cannot loop, so it is always answered */
    lab_want(l, ". 1(0) ack 1 sack 0:1");
    lab_free(l);
}

static void test_ack_loop(void **state) { /* T-CHA-05: two confused ends do not answer each other for ever */
    struct lab *l = lab_new_pair(NULL);
    (void)state;
    lab_start(l);
    lab_run(l, SEC(1));
    l->end[LAB_A].tcb.rcv_nxt.v += 100000; /* each thinks the other is behind */
    l->end[LAB_A].tcb.rcv_edge.v += 100000;
    l->end[LAB_B].tcb.rcv_nxt.v += 100000;
    l->end[LAB_B].tcb.rcv_edge.v += 100000;
    uint64_t before = l->sent[LAB_A] + l->sent[LAB_B];
    tcp_ack_now(&l->end[LAB_A].tcb);
    lab_run(l, SEC(10));
    assert_true(l->sent[LAB_A] + l->sent[LAB_B] - before <= 45);
    lab_free(l);
}

/* ---- RST --------------------------------------------------------------------------------------------------------- */

static void test_reset_rules(void **state) { /* T-CHA-01, T-CHA-07, T-TSP-10, T-FSM-30: RCV.NXT 101 */
    static const struct {
        const char *segment;
        bool reset, challenge;
    } rows[] = {
        {"R 101(0)", true, false},     {"R. 101(0) ack 1", true, false},    {"R 101(0) ts 1:1", true, false},
        {"R 101(30)", true, false},    {"R. 101(0) ack 9999", true, false}, {"R 102(0)", false, true},
        {"R 1048677(0)", false, true}, {"R 1048678(0)", false, false},      {"R 100(0)", false, false},
        {"R 1(0)", false, false},      {"SR 101(0)", true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab *l = lab_new_established(NULL);
        lab_in(l, ". 1(100) ack 1");
        lab_skip(l);
        uint32_t ts = lab_tcb(l)->ts_recent;
        lab_wait(l, MSEC(5));
        lab_in(l, rows[i].segment);
        if (l->end[LAB_A].rx.reset != rows[i].reset)
            fail_msg("%s", rows[i].segment);
        assert_int_equal(last_drop(l), DROP_TCP_RST);
        assert_int_equal(lab_tcb(l)->ts_recent, ts);
        if (rows[i].reset) {
            assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
            assert_int_equal(lab_tcb(l)->error, ECONNRESET);
            assert_int_equal(lab_mib(l, MIB_TCP_ESTAB_RESETS), 1);
            assert_int_equal(lab_mib(l, MIB_TCP_CURR_ESTAB), 0);
        }
        if (rows[i].challenge)
            lab_want(l, ". 1(0) ack 101");
        lab_want_none(l); /* T-FSM-29 */
        lab_free(l);
    }
}

static void test_reset_in_states(void **state) { /* T-CHA-01, T-FSM-26, T-CLO-09 */
    static const struct {
        const char *first, *second; /* what the peer sent before */
        bool close;
        enum umptcp_tcp_state in;
        int error;
    } rows[] = {
        {NULL, NULL, false, UMPTCP_ESTABLISHED, ECONNRESET},
        {"F. 1(0) ack 1", NULL, false, UMPTCP_CLOSE_WAIT, EPIPE},
        {NULL, NULL, true, UMPTCP_FIN_WAIT_1, ECONNRESET},
        {". 1(0) ack 2", NULL, true, UMPTCP_FIN_WAIT_2, ECONNRESET},
        {"F. 1(0) ack 1", NULL, true, UMPTCP_CLOSING, ECONNRESET},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab *l = lab_new_established(NULL);
        if (rows[i].close)
            lab_close(l, LAB_A);
        if (rows[i].first)
            lab_in(l, rows[i].first);
        assert_int_equal(lab_tcb(l)->state, rows[i].in);
        lab_skip(l);
        bool fin = rows[i].first && rows[i].first[0] == 'F';
        lab_in(l, fin ? "R 9(0)" : "R 8(0)"); /* in the window, not exact */
        assert_int_equal(lab_tcb(l)->state, rows[i].in);
        lab_in(l, fin ? "R 2(0)" : "R 1(0)");
        assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
        assert_int_equal(lab_tcb(l)->error, rows[i].error);
        lab_free(l);
    }
}

static void test_reset_before_fin(void **state) { /* T-CHA-09: at the number before the FIN */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    lab_in(l, "F. 1(10) ack 1");
    lab_in(l, "R 11(0)");
    assert_true(l->end[LAB_A].rx.reset);
    lab_free(l);
}

static void test_reset_after_hole(void **state) { /* T-CHA-10: at the end of what was SACKed */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    lab_in(l, ". 101(100) ack 1");
    lab_in(l, ". 301(100) ack 1");
    lab_in(l, "R 201(0)");
    assert_false(l->end[LAB_A].rx.reset);
    lab_in(l, "R 401(0)");
    assert_true(l->end[LAB_A].rx.reset);
    lab_free(l);
}

/* ---- SYN --------------------------------------------------------------------------------------------------------- */

static void test_syn_challenged(void **state) { /* T-CHA-02, T-CHA-04: any number, old timestamps, no timestamps */
    static const char *const rows[] = {"S 1(0)",        "S 0(0)",   "S 5000000(0)", "S. 1(0) ack 1",
                                       "S 1(0) ts 1:0", "SF 1(50)", "SP 77(0)"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab *l = lab_new_established(NULL);
        lab_in(l, rows[i]);
        assert_int_equal(last_drop(l), DROP_TCP_SYN);
        assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
        lab_want(l, ". 1(0) ack 1");
        for (int again = 0; again < 10; again++)
            lab_in(l, rows[i]);
        lab_want_none(l);
        assert_int_equal(lab_mib(l, MIB_TCP_CHALLENGE_ACK), 1);
        lab_free(l);
    }
}

static void
test_challenge_resets_crashed(void **state) { /* T-FSM-36: a peer that lost its state resets by our challenge */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    lab_in(l, "S 90000(0) mss 1000");
    lab_want(l, ". 1(0) ack 1");
    lab_in(l, "R 1(0)"); /* made from that ACK */
    assert_true(l->end[LAB_A].rx.reset);
    lab_free(l);
}

/* ---- ACK --------------------------------------------------------------------------------------------------------- */

static void
test_ack_range(void **state) { /* T-CHA-03, T-FSM-18, T-FSM-19, T-CCB-18: SND.UNA 1001, NXT 1801, window 800 */
    static const struct {
        const char *segment;
        enum drop drop;
        uint64_t una;
    } rows[] = {
        {". 1(10) ack 1500", DROP_NONE, 1500},
        {". 1(10) ack 1801", DROP_NONE, 1801},
        {". 1(10) ack 1802", DROP_TCP_ACK_UNSENT, 1001},
        {". 1(10) ack 1001", DROP_NONE, 1001},
        {". 1(10) ack 201", DROP_NONE, 1001},
        {". 1(10) ack 200", DROP_TCP_OLD_ACK, 1001},
        {". 1(10) ack 2147484649", DROP_TCP_OLD_ACK, 1001},
        {"- 1(10)", DROP_TCP_NO_ACK, 1001},
        {"F 1(10)", DROP_TCP_NO_ACK, 1001},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab *l = lab_new_established_with(&(struct lab_options){.no_ts = true}, "win 800 mss 800");
        lab_write(l, LAB_A, 1800);
        lab_in(l, ". 1(0) ack 801 win 800");
        lab_in(l, ". 1(0) ack 1001 win 800");
        assert_int_equal(lab_tcb(l)->snd_una.v, 1001);
        assert_int_equal(lab_tcb(l)->snd_nxt.v, 1801);
        lab_skip(l);
        lab_in(l, rows[i].segment);
        if (last_drop(l) != rows[i].drop || lab_tcb(l)->snd_una.v != rows[i].una)
            fail_msg("%s: drop %d una %u", rows[i].segment, last_drop(l), (unsigned)lab_tcb(l)->snd_una.v);
        assert_int_equal(tcp_bytes_received(lab_tcb(l)), rows[i].drop == DROP_NONE ? 10 : 0);
        if (rows[i].drop == DROP_TCP_ACK_UNSENT || rows[i].drop == DROP_TCP_OLD_ACK)
            lab_want(l, ". 1801(0) ack 1");
        else if (rows[i].drop == DROP_TCP_NO_ACK)
            lab_want_none(l);
        lab_free(l);
    }
}

static void test_window_update_order(void **state) { /* T-FSM-20: WL1 and WL2 */
    struct lab *l = lab_new_established_with(NULL, "win 5000 mss 1000");
    struct tcb *t = lab_tcb(l);
    (void)state;
    lab_in(l, ". 101(0) ack 1 win 3000");
    assert_int_equal(t->snd_wnd, 3000);
    lab_in(l, ". 51(0) ack 1 win 4000"); /* older: overtaken on the way */
    assert_int_equal(t->snd_wnd, 3000);
    lab_in(l, ". 101(0) ack 1 win 4500"); /* the same number: a window update */
    assert_int_equal(t->snd_wnd, 4500);
    lab_write(l, LAB_A, 1000);
    lab_in(l, ". 51(0) ack 501 win 2000"); /* an older number, but it acknowledges more: a retransmission */
    assert_int_equal(t->snd_wnd, 2000);
    lab_in(l, ". 201(0) ack 401 win 9000"); /* it acknowledges less: overtaken */
    assert_int_equal(t->snd_wnd, 2000);
    assert_int_equal(t->max_snd_wnd, 5000);
    lab_free(l);
}

static void test_flag_matrix(void **state) { /* T-HDR-20, T-HDR-19: no combination breaks the invariants */
    static const char *const before[] = {NULL, "F. 1(0) ack 1", ". 1(0) ack 2", "F. 1(0) ack 2", "F. 1(0) ack 1"};
    (void)state;
    for (int setup = 0; setup < 5; setup++) {
        for (int flags = 0; flags < 64; flags++) {
            char text[80];
            struct lab *l = lab_new_established(NULL);
            if (setup >= 2)
                lab_close(l, LAB_A);
            if (before[setup])
                lab_in(l, before[setup]);
            enum umptcp_tcp_state was = lab_tcb(l)->state;
            snprintf(text, sizeof text, "%s%s%s%s%s%s- %d(10) ack 1", flags & 1 ? "F" : "", flags & 2 ? "S" : "",
                     flags & 4 ? "R" : "", flags & 8 ? "P" : "", flags & 16 ? "." : "", flags & 32 ? "U" : "",
                     before[setup] && before[setup][0] == 'F' ? 2 : 1);
            lab_in(l, text);
            if (!(flags & 4) && (flags & 2 || !(flags & 16)))
                assert_int_equal(lab_tcb(l)->state, was);
            lab_free(l);
        }
    }
}

/* ---- Timestamps -------------------------------------------------------------------------------------------------- */

static void test_paws(void **state) { /* T-TSP-09, T-TSP-03, T-TSP-11, T-TSP-14 */
    struct lab *l = lab_new_established_with(NULL, "mss 1000 sackok ts 4294967290:0");
    struct tcb *t = lab_tcb(l);
    (void)state;
    lab_in(l, ". 1(10) ack 1 ts 5:0"); /* newer, across the wrap */
    assert_int_equal(t->ts_recent, 5);
    lab_want(l, ". 1(0) ack 11");
    lab_in(l, ". 11(10) ack 1 ts 4:0");
    assert_int_equal(last_drop(l), DROP_TCP_PAWS);
    lab_want(l, ". 1(0) ack 11");
    lab_in(l, ". 11(0) ack 1 ts 4:0"); /* bare: limited */
    lab_want(l, ". 1(0) ack 11");
    lab_in(l, ". 11(0) ack 1 ts 4:0");
    lab_want_none(l);
    lab_in(l, ". 11(10) ack 1 nots");
    assert_int_equal(last_drop(l), DROP_TCP_NO_TS);
    lab_want_none(l);                   /* silently */
    lab_in(l, ". 11(10) ack 1 ts 5:0"); /* equal is not older */
    assert_int_equal(last_drop(l), DROP_NONE);
    lab_skip(l);
    lab_wait(l, SEC(25 * 86400)); /* too old to prove anything */
    lab_in(l, ". 21(10) ack 1 ts 1:0");
    assert_int_equal(last_drop(l), DROP_NONE);
    assert_int_equal(t->ts_recent, 1);
    assert_int_equal(tcp_bytes_received(t), 30);
    lab_free(l);
}

static void test_timestamp_echo(void **state) { /* T-TSP-08: the cases of RFC 7323 4.3 */
    struct lab *l = lab_new_established_with(NULL, "mss 1000 sackok ts 100:0");
    struct tcb *t = lab_tcb(l);
    (void)state;
    t->quickacks = 0;
    /* A: of segments under one delayed ACK the first is echoed */
    lab_in(l, ". 1(1000) ack 1 ts 101:0");
    lab_in(l, ". 1001(1000) ack 1 ts 102:0");
    lab_want(l, ". 1(0) ack 2001 ts 995924:101");
    /* B: after a hole it is the last one that advanced the window */
    lab_in(l, ". 3001(1000) ack 1 ts 103:0");
    lab_want(l, ". 1(0) ack 2001 ts 995924:101 sack 3001:4001");
    /* C: what fills the hole */
    lab_in(l, ". 2001(1000) ack 1 ts 104:0");
    lab_want(l, ". 1(0) ack 4001 ts 995924:104");
    lab_free(l);
}

static void test_timestamps_everywhere(void **state) { /* T-TSP-02, T-TSP-04, T-TSP-12 */
    struct lab *l = lab_new_established_with(NULL, "mss 1000 sackok ts 100:0");
    (void)state;
    lab_wait(l, MSEC(3));
    lab_write(l, LAB_A, 10);
    lab_want(l, "P. 1(10) ack 1 ts 995927:100");
    lab_wait(l, SEC(5)); /* our clock wraps, and goes on */
    lab_skip(l);
    tcp_abort(lab_tcb(l), ECONNABORTED);
    lab_flush(l);
    lab_want(l, "R. 11(0) ack 1 win 0 ts 1000927:100");
    lab_want_none(l);
    lab_free(l);
}

/* ---- Facts for the owner ----------------------------------------------------------------------------------------- */

static void test_acked_facts(void **state) {
    struct lab *l = lab_new_established(NULL);
    const struct tcp_rx *rx = &l->end[LAB_A].rx;
    (void)state;
    lab_write(l, LAB_A, 2500);
    lab_close(l, LAB_A);
    lab_in(l, ". 1(0) ack 1001");
    assert_int_equal(rx->una.v, 1);
    assert_int_equal(rx->acked, 1000);
    assert_false(rx->fin_acked);
    assert_int_equal(tcp_bytes_acked(lab_tcb(l)), 1000);
    lab_in(l, ". 1(0) ack 2502");
    assert_int_equal(rx->una.v, 1001);
    assert_int_equal(rx->acked, 1500);
    assert_true(rx->fin_acked);
    assert_int_equal(tcp_bytes_acked(lab_tcb(l)), 2500);
    lab_free(l);
}

static void test_alive(void **state) { /* the first answer after a timeout says that the path works */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    lab_write(l, LAB_A, 100);
    lab_in(l, ". 1(0) ack 1");
    assert_false(l->end[LAB_A].rx.alive);
    lab_wait(l, SEC(3));
    assert_int_equal(l->end[LAB_A].event, TCP_TIMEOUT_RTO);
    lab_in(l, ". 1(0) ack 101");
    assert_true(l->end[LAB_A].rx.alive);
    lab_in(l, ". 1(0) ack 101");
    assert_false(l->end[LAB_A].rx.alive);
    lab_free(l);
}

static void test_connection_window(void **state) { /* the owner's window may have been advertised elsewhere (T-X1) */
    struct lab *l = lab_new_established_with(&(struct lab_options){.rcvbuf = 1000, .no_scaling = true}, "mss 1000");
    (void)state;
    l->end[LAB_A].rcvbuf = 50000;
    lab_in(l, ". 40001(1000) ack 1");
    assert_int_equal(l->end[LAB_A].rx.len, 1000);
    l->end[LAB_A].rcvbuf = 500;
    lab_in(l, ". 49001(1000) ack 1"); /* T-WND-05: the edge does not go back */
    assert_int_equal(l->end[LAB_A].rx.len, 1000);
    lab_in(l, ". 50001(1) ack 1");
    assert_int_equal(l->end[LAB_A].rx.len, 0);
    lab_free(l);
}

static void test_random_segments(void **state) { /* nothing that a peer sends breaks an invariant */
    uint64_t rnd = 5;
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct lab *l = lab_new_established(&(struct lab_options){.no_ts = round % 2, .rcvbuf = 5000, .size = 1 << 20});
        for (int i = 0; i < 60; i++) {
            static const char *const flags[] = {".", ".", ".", ".", "P.", "F.", "S", "R", "S.", "FR.", "U.", "-"};
            char text[120];
            int n = snprintf(text, sizeof text, "%s %u(%u) ack %u win %u", flags[test_below(&rnd, 12)],
                             test_below(&rnd, 6000), test_below(&rnd, 1500), test_below(&rnd, 6000),
                             test_below(&rnd, 3000));
            uint32_t a = test_below(&rnd, 6000);
            if (test_below(&rnd, 3) == 0)
                snprintf(text + n, sizeof text - (size_t)n, " sack %u:%u", a, a + test_below(&rnd, 1000));
            if (lab_tcb(l)->state == UMPTCP_CLOSED)
                break;
            lab_in(l, text);
            if (test_below(&rnd, 4) == 0 && tcp_can_send(lab_tcb(l)))
                lab_write(l, LAB_A, test_below(&rnd, 3000));
            if (test_below(&rnd, 40) == 0)
                lab_close(l, LAB_A);
            if (test_below(&rnd, 3) == 0)
                lab_wait(l, MSEC(test_below(&rnd, 700)));
        }
        lab_free(l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acceptability),      cmocka_unit_test(test_trimming),
        cmocka_unit_test(test_zero_window),        cmocka_unit_test(test_keepalive_answered),
        cmocka_unit_test(test_unacceptable_limit), cmocka_unit_test(test_ack_loop),
        cmocka_unit_test(test_reset_rules),        cmocka_unit_test(test_reset_in_states),
        cmocka_unit_test(test_reset_before_fin),   cmocka_unit_test(test_reset_after_hole),
        cmocka_unit_test(test_syn_challenged),     cmocka_unit_test(test_challenge_resets_crashed),
        cmocka_unit_test(test_ack_range),          cmocka_unit_test(test_window_update_order),
        cmocka_unit_test(test_flag_matrix),        cmocka_unit_test(test_paws),
        cmocka_unit_test(test_timestamp_echo),     cmocka_unit_test(test_timestamps_everywhere),
        cmocka_unit_test(test_acked_facts),        cmocka_unit_test(test_alive),
        cmocka_unit_test(test_connection_window),  cmocka_unit_test(test_random_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
