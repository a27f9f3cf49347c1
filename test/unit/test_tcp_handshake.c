/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a connection: RFC 9293 3.5 and 3.10.7.1-3, initial numbers (RFC 6528), what the SYNs agree on (RFC 7323,
 * 2018). */
#include "tcplab.h"

#include <errno.h>

/* ---- Active open ------------------------------------------------------------------------------------------------- */

static void test_active_open(void **state) { /* T-FSM-06, T-HDR-12, T-HDR-13, T-HDR-17, T-TSP-01, T-WND-02 */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_SENT);
    lab_want(l, "S 0(0) win 65535 mss 1460 sackok ws 7 ts 995904:0"); /* 1000 s in ms + 0xfffff000 */
    lab_want_none(l);
    lab_wait(l, MSEC(30));
    lab_in(l, "S. 0(0) ack 1 win 5000 mss 1000 sackok ws 3 ts 700:995904");
    assert_true(l->end[LAB_A].rx.established);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    assert_int_equal(lab_tcb(l)->snd_wnd, 5000);        /* not scaled on a SYN */
    lab_want(l, ". 1(0) ack 1 win 8192 ts 995934:700"); /* 1 MB >> 7 */
    lab_want_none(l);
    assert_int_equal(lab_tcb(l)->rtt.srtt, MSEC(30));
    assert_int_equal(lab_tcb(l)->rcv_rtt_us, 30000);
    assert_int_equal(lab_mib(l, MIB_TCP_ACTIVE_OPENS), 1);
    assert_int_equal(lab_mib(l, MIB_TCP_CURR_ESTAB), 1);
    lab_free(l);
}

static void test_active_open_plain(void **state) { /* T-HDR-14, T-TSP-01, T-WND-01, T-SCK-03: a peer without options */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_skip(l);
    lab_in(l, "S. 0(0) ack 1 win 5000");
    lab_want(l, ". 1(0) ack 1 win 65535 nots");
    assert_int_equal(lab_tcb(l)->mss, 536);
    assert_false(lab_tcb(l)->sack_ok);
    assert_int_equal(lab_tcb(l)->rcv_wscale, 0);
    lab_in(l, ". 1(0) ack 1 win 7"); /* not scaled either */
    assert_int_equal(lab_tcb(l)->snd_wnd, 7);
    lab_in(l, ". 11(10) ack 1");
    lab_want(l, ". 1(0) ack 1 nots"); /* a duplicate ACK without SACK */
    lab_free(l);
}

static void test_v6_default_mss(void **state) { /* T-HDR-14 */
    struct lab *l = lab_new(&(struct lab_options){.v6 = true});
    (void)state;
    lab_connect(l);
    lab_want(l, "S 0(0) mss 1440");
    lab_in(l, "S. 0(0) ack 1");
    assert_int_equal(lab_tcb(l)->mss, 1220);
    lab_free(l);
}

static void test_mss_rules(void **state) { /* T-HDR-12, T-HDR-15, T-HDR-16, T-HDR-17, T-HDR-21 */
    static const struct {
        const char *synack;
        uint16_t mtu, mss, payload;
    } rows[] = {
        {"S. 0(0) ack 1 mss 1460 ts 1:0", 1500, 1460, 1448},
        {"S. 0(0) ack 1 mss 1460", 1500, 1460, 1460},
        {"S. 0(0) ack 1 mss 9000", 1500, 1460, 1460},
        {"S. 0(0) ack 1 mss 500", 1500, 500, 500},
        {"S. 0(0) ack 1 mss 1", 1500, TCP_MSS_MIN, TCP_MSS_MIN},
        {"S. 0(0) ack 1 mss 0", 1500, TCP_MSS_MIN, TCP_MSS_MIN},
        {"S. 0(0) ack 1 mss 8960", 9000, 8960, 8960},
        {"S. 0(0) ack 1 mss 1460", 576, 536, 536},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab *l = lab_new(&(struct lab_options){.mtu = rows[i].mtu});
        lab_connect(l);
        lab_skip(l);
        lab_in(l, rows[i].synack);
        assert_int_equal(lab_tcb(l)->mss, rows[i].mss);
        assert_int_equal(tcp_payload_max(lab_tcb(l), 0), rows[i].payload);
        assert_int_equal(tcp_payload_max(lab_tcb(l), 20), rows[i].payload - 20);
        assert_int_equal(lab_tcb(l)->cc.mss, rows[i].payload);
        lab_in(l, ". 1(100) ack 1 mss 200"); /* not on a SYN: no MSS */
        assert_int_equal(lab_tcb(l)->mss, rows[i].mss);
        lab_free(l);
    }
}

static void
test_window_scale_limit(void **state) { /* T-WND-01: more than 14 counts as 14; T-HDR-02, T-HDR-03, T-WND-03 */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_skip(l);
    lab_in(l, "S. 0(0) ack 1 win 65535 ws 200");
    assert_int_equal(lab_tcb(l)->snd_wscale, 14);
    assert_int_equal(lab_tcb(l)->snd_wnd, 65535);
    lab_in(l, ". 1(0) ack 1 win 65535");
    assert_int_equal(lab_tcb(l)->snd_wnd, 65535u << 14);
    lab_free(l);
}

static void test_options_not_offered(void **state) { /* T-TSP-01, T-WND-01, T-SCK-01: only what we offered counts */
    struct lab *l = lab_new(&(struct lab_options){.no_ts = true, .no_sack = true, .no_scaling = true});
    (void)state;
    lab_connect(l);
    lab_want(l, "S 0(0) mss 1460 nots");
    lab_in(l, "S. 0(0) ack 1 win 10 mss 1460 sackok ws 7 ts 1:0");
    lab_want(l, ". 1(0) ack 1 win 65535 nots");
    lab_in(l, ". 1(0) ack 1 win 10 nots");
    assert_int_equal(lab_tcb(l)->snd_wnd, 10);
    assert_false(lab_tcb(l)->sack_ok);
    lab_free(l);
}

static void test_syn_sent_bad_ack(void **state) { /* T-FSM-04 */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_skip(l);
    lab_in(l, "S. 0(0) ack 2 mss 1000");
    assert_true(l->end[LAB_A].rx.reply_rst);
    assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_ACK_UNSENT);
    lab_in(l, ". 1(0) ack 0");
    assert_true(l->end[LAB_A].rx.reply_rst);
    lab_in(l, "R. 0(0) ack 2"); /* T-FSM-29: never for a RST */
    assert_false(l->end[LAB_A].rx.reply_rst);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_SENT);
    lab_want_none(l);
    lab_free(l);
}

static void test_syn_sent_reset(void **state) { /* T-FSM-05, T-SYN-20, T-CHA-06, T-FSM-30 */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_skip(l);
    lab_in(l, "R 0(0)");
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_SENT);
    lab_in(l, "R. 0(20) ack 1"); /* with payload that says why */
    assert_true(l->end[LAB_A].rx.reset);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, ECONNREFUSED);
    assert_int_equal(lab_mib(l, MIB_TCP_ATTEMPT_FAILS), 1);
    lab_wait(l, SEC(300));
    lab_want_none(l);
    lab_free(l);
}

static void test_syn_sent_flags(void **state) { /* T-HDR-20, T-FSM-04: what is neither SYN nor RST */
    static const char *const rows[] = {". 0(0) ack 1", "F. 0(0) ack 1", "- 0(0)", "F 0(0)", "FPU 0(0)", "P 0(10)"};
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_skip(l);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lab_in(l, rows[i]);
        assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_FLAGS);
        assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_SENT);
        lab_want_none(l);
    }
    lab_free(l);
}

static void test_syn_retransmission(void **state) { /* T-SYN-05, T-RTO-01, T-RTO-11: 1, 2, 4 ... s, then ETIMEDOUT */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_want(l, "S 0(0)");
    for (int i = 0; i < 6; i++) {
        assert_int_equal(lab_wait_sent(l, SEC(100)), SEC(1) << i);
        assert_int_equal(l->end[LAB_A].event, TCP_TIMEOUT_SYN);
        lab_want(l, "S 0(0) mss 1460 sackok ws 7");
        lab_want_none(l);
    }
    lab_wait(l, SEC(64) - 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_SENT);
    lab_wait(l, 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, ETIMEDOUT);
    assert_int_equal(l->end[LAB_A].event, TCP_TIMEOUT_DEAD);
    lab_want_none(l);
    lab_free(l);
}

static void test_syn_icmp(void **state) { /* T-MTU-03, T-MTU-04, T-SYN-20, T-CHA-11 */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    struct seq isn = lab_tcb(l)->isn;
    assert_false(tcp_icmp(lab_tcb(l), true, ECONNREFUSED, (struct seq){isn.v + 1})); /* not in flight */
    assert_false(tcp_icmp(lab_tcb(l), false, EHOSTUNREACH, isn));
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_SENT);
    lab_wait(l, SEC(200));
    assert_int_equal(lab_tcb(l)->error, EHOSTUNREACH); /* the soft error tells more than ETIMEDOUT */
    lab_free(l);

    l = lab_new(NULL);
    lab_connect(l);
    assert_true(tcp_icmp(lab_tcb(l), true, ECONNREFUSED, isn));
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, ECONNREFUSED);
    lab_free(l);

    l = lab_new_established(NULL);
    lab_write(l, LAB_A, 100);
    assert_false(tcp_icmp(lab_tcb(l), true, ECONNREFUSED, (struct seq){isn.v + 50}));
    assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    lab_free(l);
}

static void test_lost_syn(void **state) { /* T-SYN-06, T-SYN-07, T-RTO-06 */
    struct lab *l = lab_new(&(struct lab_options){.no_ts = true});
    (void)state;
    lab_connect(l);
    lab_wait(l, SEC(1));
    lab_skip(l);
    lab_wait(l, MSEC(20));
    lab_in(l, "S. 0(0) ack 1 mss 1000 sackok"); /* of which SYN? no sample */
    assert_int_equal(lab_tcb(l)->rtt.srtt, 0);
    assert_int_equal(lab_tcb(l)->cc.cwnd, 10 * 1000); /* RFC 6928: once is no proof */
    lab_skip(l);
    tcp_queue(lab_tcb(l), 100);
    lab_flush(l);
    lab_want(l, "P. 1(100) ack 1");
    lab_wait(l, SEC(2));
    lab_skip(l);                                                                     /* a loss probe, perhaps */
    assert_in_range(lab_tcb(l)->due.rtx.ns, SEC(1000) + SEC(4), SEC(1000) + SEC(7)); /* RTO 3 s */
    lab_free(l);

    l = lab_new(NULL); /* with timestamps the echo tells which SYN it was */
    lab_connect(l);
    lab_wait(l, SEC(3));
    lab_skip(l);
    lab_wait(l, MSEC(50));
    lab_in(l, "S. 0(0) ack 1 mss 1000 sackok ts 9:998904");
    assert_int_equal(lab_tcb(l)->rtt.srtt, MSEC(50));
    assert_int_equal(lab_tcb(l)->cc.cwnd, 988); /* two were lost: one segment */
    lab_free(l);
}

static void test_queued_before(void **state) { /* bytes queued before the handshake go with its end; T-ACK-05 */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_skip(l);
    tcp_queue(lab_tcb(l), 2500);
    lab_flush(l);
    lab_want_none(l);
    lab_in(l, "S. 0(0) ack 1 mss 1000 sackok");
    lab_want(l, "P. 1(2500) ack 1 gso 1000");
    lab_want_none(l);
    assert_int_equal(lab_tcb(l)->ack_need, TCP_ACK_NONE);
    lab_free(l);
}

static void test_synack_with_payload(void **state) { /* T-FSM-03: payload on the SYN/ACK */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_skip(l);
    lab_in(l, "S. 0(10) ack 1 mss 1000");
    assert_int_equal(l->end[LAB_A].rx.ssn.v, 1);
    lab_want(l, ". 1(0) ack 11");
    assert_memory_equal(l->end[LAB_A].in, l->end[LAB_B].out, 10);
    lab_free(l);
}

/* ---- Passive open ------------------------------------------------------------------------------------------------ */

static void test_passive_open(void **state) { /* T-FSM-02, T-SYN-15: payload with the third ACK */
    struct lab *l = lab_new(&(struct lab_options){.passive = true});
    (void)state;
    lab_listen(l, "S 0(0) win 1000 mss 1400 sackok ws 2 ts 77:0");
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_RCVD);
    lab_want(l, "S. 0(0) ack 1 win 65535 mss 1460 sackok ws 7 ts 995904:77");
    lab_wait(l, MSEC(25));
    lab_in(l, "P. 1(10) ack 1 win 100");
    assert_true(l->end[LAB_A].rx.established);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    assert_int_equal(lab_tcb(l)->snd_wnd, 400);
    assert_int_equal(lab_tcb(l)->rtt.srtt, MSEC(25));
    lab_want(l, ". 1(0) ack 11 win 8192");
    assert_int_equal(lab_mib(l, MIB_TCP_PASSIVE_OPENS), 1);
    lab_free(l);
}

static void test_passive_agrees_to_less(void **state) { /* T-SCK-01, T-TSP-01, T-WND-01: only what was offered */
    struct lab *l = lab_new(&(struct lab_options){.passive = true});
    (void)state;
    lab_listen(l, "S 0(0) mss 1400");
    struct lab_packet *p = l->wire;
    assert_non_null(p);
    lab_want(l, "S. 0(0) ack 1 win 65535 mss 1460 nots");
    assert_false(lab_tcb(l)->sack_ok || lab_tcb(l)->ts_ok || lab_tcb(l)->wscale_ok);
    lab_free(l);
}

static void
test_syn_with_payload(void **state) { /* T-FSM-03: not acknowledged beyond the SYN, taken when it comes again */
    struct lab *l = lab_new(&(struct lab_options){.passive = true});
    (void)state;
    lab_listen(l, "SF 0(10) mss 1400");
    lab_want(l, "S. 0(0) ack 1");
    lab_in(l, "F. 1(10) ack 1");
    lab_want(l, ". 1(0) ack 12");
    assert_true(l->end[LAB_A].eof);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSE_WAIT);
    lab_free(l);
}

static void test_synack_retransmission(void **state) { /* T-SYN-14: 1, 3, 7, 15, 31 s, and the end at 63 s */
    struct lab *l = lab_new(&(struct lab_options){.passive = true});
    (void)state;
    lab_listen(l, "S 0(0) mss 1400");
    lab_want(l, "S. 0(0) ack 1");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(lab_wait_sent(l, SEC(100)), SEC(1) << i);
        lab_want(l, "S. 0(0) ack 1 mss 1460");
    }
    lab_wait(l, SEC(32));
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, ETIMEDOUT);
    lab_want_none(l);
    lab_free(l);
}

static void test_syn_again(void **state) { /* T-SYN-12: the same SYN: SYN/ACK again; another one: challenge ACK */
    struct lab *l = lab_new(&(struct lab_options){.passive = true});
    (void)state;
    lab_listen(l, "S 0(0) mss 1400");
    lab_want(l, "S. 0(0) ack 1");
    lab_in(l, "S 0(0) mss 1400");
    lab_want(l, "S. 0(0) ack 1");
    lab_in(l, "S 5000(0) mss 1400");
    lab_want(l, ". 1(0) ack 1");
    assert_int_equal(lab_mib(l, MIB_TCP_CHALLENGE_ACK), 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_RCVD);
    lab_free(l);
}

static void test_syn_rcvd_bad_ack(void **state) { /* T-FSM-17, T-FSM-18 */
    struct lab *l = lab_new(&(struct lab_options){.passive = true});
    (void)state;
    lab_listen(l, "S 0(0) mss 1400");
    lab_skip(l);
    lab_in(l, ". 1(0) ack 2");
    assert_true(l->end[LAB_A].rx.reply_rst);
    lab_in(l, ". 1(0) ack 0");
    assert_true(l->end[LAB_A].rx.reply_rst);
    lab_in(l, "- 1(10)");
    assert_false(l->end[LAB_A].rx.reply_rst);
    assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_NO_ACK);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_RCVD);
    lab_free(l);
}

static void test_syn_rcvd_reset(void **state) { /* T-FSM-09, T-FSM-28: the owner of a passive one goes on listening */
    struct lab *l = lab_new(&(struct lab_options){.passive = true});
    (void)state;
    lab_listen(l, "S 0(0) mss 1400");
    lab_skip(l);
    lab_in(l, "R 3000000(0)");
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_RCVD);
    lab_in(l, "R 1(0)");
    assert_true(l->end[LAB_A].rx.reset);
    assert_true(lab_tcb(l)->passive);
    assert_int_equal(lab_tcb(l)->error, ECONNRESET);
    lab_want_none(l);
    lab_free(l);
}

static void test_lost_third_ack(void **state) { /* the SYN/ACK comes again, and is answered */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    lab_in(l, "S. 0(0) ack 1 mss 1000 sackok ts 1000500:995904");
    lab_want(l, ". 1(0) ack 1");
    assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    lab_free(l);
}

/* ---- Both at once ------------------------------------------------------------------------------------------------ */

static void test_simultaneous_open(void **state) { /* T-FSM-08, T-FSM-09, T-SYN-19 */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_want(l, "S 0(0)");
    lab_in(l, "S 0(0) win 1000 mss 1000 sackok ws 2 ts 5:0");
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_RCVD);
    assert_false(lab_tcb(l)->passive);
    lab_want(l, "S. 0(0) ack 1 win 65535 mss 1460 sackok ws 7");
    lab_in(l, "S. 0(0) ack 1 win 1000 mss 1000 sackok ws 2 ts 5:995904");
    assert_true(l->end[LAB_A].rx.established);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    lab_want(l, ". 1(0) ack 1");
    lab_want_none(l);
    lab_in(l, ". 1(0) ack 1 win 1000");
    assert_int_equal(lab_tcb(l)->snd_wnd, 4000);
    lab_free(l);

    l = lab_new(NULL); /* a RST in SYN-RECEIVED after an active open: refused */
    lab_connect(l);
    lab_in(l, "S 0(0) mss 1000");
    lab_in(l, "R 1(0)");
    assert_int_equal(lab_tcb(l)->error, ECONNREFUSED);
    lab_free(l);
}

static void test_simultaneous_open_pair(void **state) { /* T-FSM-08: two real ones */
    struct lab *l = lab_new_pair(NULL);
    (void)state;
    tcp_connect(&l->end[LAB_A].tcb);
    tcp_connect(&l->end[LAB_B].tcb);
    lab_run(l, SEC(1));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(l->end[i].tcb.state, UMPTCP_ESTABLISHED);
        assert_true(l->end[i].established);
        assert_true(l->sent[i] <= 4);
    }
    lab_write(l, LAB_A, 5000);
    lab_run(l, SEC(1));
    assert_memory_equal(l->end[LAB_B].in, l->end[LAB_A].out, 5000);
    lab_free(l);
}

/* ---- CLOSED ------------------------------------------------------------------------------------------------------ */

static void test_closed(void **state) { /* T-FSM-01, T-FSM-29 */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_in(l, ". 1(0) ack 1");
    assert_true(l->end[LAB_A].rx.reply_rst);
    assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_NO_SOCKET);
    lab_in(l, "S 1(0)");
    assert_true(l->end[LAB_A].rx.reply_rst);
    lab_in(l, "R 1(0)");
    assert_false(l->end[LAB_A].rx.reply_rst);
    lab_want_none(l);
    lab_free(l);
}

static void test_close_while_opening(void **state) { /* T-CLO-05 */
    struct lab *l = lab_new(NULL);
    (void)state;
    lab_connect(l);
    lab_skip(l);
    lab_close(l, LAB_A);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSED);
    assert_int_equal(lab_tcb(l)->error, 0);
    lab_want_none(l);
    lab_free(l);

    l = lab_new(&(struct lab_options){.passive = true});
    lab_listen(l, "S 0(0) mss 1400");
    lab_want(l, "S. 0(0) ack 1");
    tcp_queue(lab_tcb(l), 10);
    lab_close(l, LAB_A);
    lab_want_none(l);
    lab_in(l, ". 1(0) ack 1");
    assert_int_equal(lab_tcb(l)->state, UMPTCP_FIN_WAIT_1);
    lab_want(l, "PF. 1(10) ack 1");
    lab_free(l);
}

static void test_user_timeout_opening(void **state) { /* T-RTO-14, T-KAL-10: while the SYN is unanswered */
    struct lab *l = lab_new(NULL);
    (void)state;
    tcp_set_user_timeout(lab_tcb(l), 5000);
    lab_connect(l);
    lab_wait(l, SEC(5) - 1);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_SYN_SENT);
    lab_wait(l, 1);
    assert_int_equal(lab_tcb(l)->error, ETIMEDOUT);
    lab_free(l);
}

static void test_no_memory(void **state) { /* tcp_init() fails cleanly with every allocation that it makes */
    struct testmem tm = {0};
    struct env env = {.now = {1}, .cfg = {.initial_cwnd = 10}};
    const struct tcp_setup setup = {.env = &env, .cc = &cc_newreno, .mss_local = 1460};
    struct tcb t;
    (void)state;
    mem_init(&env.mem, testmem_alloc, &tm, 0);
    TESTMEM_EACH_FAILURE(&tm) {
        timers_init(&env.timers, &env.mem);
        int err = tcp_init(&t, &setup);
        assert_int_equal(err, testmem_refused(&tm) ? -ENOMEM : 0);
        if (err == 0)
            tcp_destroy(&t);
        timers_free(&env.timers);
        assert_int_equal(tm.blocks, 0);
    }
}

/* ---- Initial numbers --------------------------------------------------------------------------------------------- */

static void test_isn(void **state) { /* T-SYN-01, T-SYN-02, T-SYN-03, T-TSP-13 */
    struct lab *l = lab_new(NULL);
    struct env *env = &l->end[LAB_A].env;
    struct flow f = l->end[LAB_A].flow, other = f;
    (void)state;
    other.remote.port++;
    uint32_t first = tcp_isn(env, &f).v, offset = tcp_ts_offset(env, &f);
    assert_int_not_equal(first, tcp_isn(env, &other).v);
    assert_int_not_equal(offset, tcp_ts_offset(env, &other));
    assert_int_not_equal(offset, first - (uint32_t)(env->now.ns / USEC(4)));
    env->now.ns += USEC(400);
    assert_int_equal(tcp_isn(env, &f).v, first + 100); /* 4 us per tick */
    assert_int_equal(tcp_ts_offset(env, &f), offset);
    env->isn_secret[3] ^= 1;
    assert_int_not_equal(tcp_isn(env, &f).v, first + 100);
    lab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_active_open),
        cmocka_unit_test(test_active_open_plain),
        cmocka_unit_test(test_v6_default_mss),
        cmocka_unit_test(test_mss_rules),
        cmocka_unit_test(test_window_scale_limit),
        cmocka_unit_test(test_options_not_offered),
        cmocka_unit_test(test_syn_sent_bad_ack),
        cmocka_unit_test(test_syn_sent_reset),
        cmocka_unit_test(test_syn_sent_flags),
        cmocka_unit_test(test_syn_retransmission),
        cmocka_unit_test(test_syn_icmp),
        cmocka_unit_test(test_lost_syn),
        cmocka_unit_test(test_queued_before),
        cmocka_unit_test(test_synack_with_payload),
        cmocka_unit_test(test_passive_open),
        cmocka_unit_test(test_passive_agrees_to_less),
        cmocka_unit_test(test_syn_with_payload),
        cmocka_unit_test(test_synack_retransmission),
        cmocka_unit_test(test_syn_again),
        cmocka_unit_test(test_syn_rcvd_bad_ack),
        cmocka_unit_test(test_syn_rcvd_reset),
        cmocka_unit_test(test_lost_third_ack),
        cmocka_unit_test(test_simultaneous_open),
        cmocka_unit_test(test_simultaneous_open_pair),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_close_while_opening),
        cmocka_unit_test(test_user_timeout_opening),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_isn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
