/* SPDX-License-Identifier: BSD-3-Clause */
/* Receiving: reassembly, SACK and D-SACK generation (RFC 2018, 2883), when to acknowledge (RFC 9293 3.8.6.3, 5681 4.2).
 */
#include "tcplab.h"

#include <errno.h>
#include <stdio.h>

/* Beyond the first segments, which are acknowledged at once. */
static struct lab *calm(const struct lab_options *o) {
    struct lab *l = lab_new_established(o);
    lab_tcb(l)->quickacks = 0;
    lab_tcb(l)->rcv_mss = 1000;
    return l;
}

/* ---- When to acknowledge ----------------------------------------------------------------------------------------- */

static void test_delayed_ack(void **state) { /* T-ACK-01, T-ACK-02, T-ACK-08 */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, "P. 1(100) ack 1");
    lab_want_none(l);
    assert_int_equal(lab_wait_sent(l, MSEC(500)), MSEC(40));
    lab_want(l, ". 1(0) ack 101");
    lab_want_none(l);
    assert_int_equal(lab_mib(l, MIB_TCP_DELAYED_ACKS), 1);
    assert_true(time_is_never(lab_tcb(l)->due.ack));
    lab_free(l);
}

static void test_delay_adapts(void **state) { /* T-ACK-02: between 40 ms and the configured longest */
    struct lab *l = calm(NULL);
    char text[50];
    dur delay = 0;
    (void)state;
    lab_tcb(l)->rtt.srtt = SEC(1); /* pauses longer than the RTO would start quick acknowledgments */
    for (int i = 0; i < 8; i++) {  /* arrivals slower than the delay: it grows, within 200 ms */
        snprintf(text, sizeof text, "P. %d(100) ack 1", 1 + i * 100);
        lab_in(l, text);
        dur now = lab_wait_sent(l, MSEC(500));
        assert_true(now >= delay && now <= MSEC(200));
        delay = now;
        lab_skip(l);
        lab_wait(l, MSEC(150));
    }
    assert_int_equal(delay, MSEC(200));
    for (int i = 8; i < 30; i++) { /* and falls when they come fast */
        snprintf(text, sizeof text, "P. %d(100) ack 1", 1 + i * 100);
        lab_in(l, text);
        lab_wait(l, MSEC(5));
    }
    assert_in_range(lab_tcb(l)->ato_us, 40000, 80000);
    lab_free(l);
}

static void test_every_second_segment(void **state) { /* T-ACK-03, T-SYS-06 */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, ". 1(1000) ack 1");
    lab_want_none(l);
    lab_in(l, ". 1001(1000) ack 1");
    lab_want(l, ". 1(0) ack 2001");
    lab_in(l, ". 2001(2000) ack 1 gso 1000"); /* two that were merged */
    lab_want(l, ". 1(0) ack 4001");
    lab_in(l, ". 4001(600) ack 1"); /* small ones count by their bytes */
    lab_want_none(l);
    lab_in(l, ". 4601(600) ack 1");
    lab_want(l, ". 1(0) ack 5201");
    lab_want_none(l);
    lab_free(l);
}

static void test_merged_segments(void **state) { /* T-SYS-06: a super-segment has one acknowledgment */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, ". 1(60000) ack 1 gso 1000");
    lab_want(l, ". 1(0) ack 60001");
    lab_want_none(l);
    assert_int_equal(lab_tcb(l)->segs_in, 1 + 60);
    assert_memory_equal(l->end[LAB_A].in, l->end[LAB_B].out, 60000);
    lab_free(l);
}

static void test_batch(void **state) { /* T-FSM-31: ten segments that came together have one acknowledgment */
    struct lab *l = calm(NULL);
    char text[50];
    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, ". %d(1000) ack 1", 1 + i * 1000);
        lab_in_batch(l, text);
    }
    lab_flush(l);
    lab_want(l, ". 1(0) ack 10001");
    lab_want_none(l);
    lab_free(l);
}

static void test_quickack(void **state) { /* T-ACK-06: at the start, and after a pause */
    struct lab *l = lab_new_established(NULL);
    char text[50];
    (void)state;
    for (int i = 0; i < 17; i++) {
        snprintf(text, sizeof text, "P. %d(10) ack 1", 1 + i * 10);
        lab_in(l, text);
        if (i < 15) /* the third ACK of the handshake was the first of the sixteen */
            lab_want(l, ". 1(0)");
        lab_wait(l, MSEC(1));
    }
    lab_want_none(l);
    lab_wait(l, SEC(5));
    lab_skip(l);
    lab_in(l, "P. 171(10) ack 1");
    lab_want(l, ". 1(0) ack 181");
    lab_free(l);
}

static void test_piggyback(void **state) { /* T-ACK-05, T-ACK-06: in a dialogue answers carry the acknowledgments */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, "P. 1(100) ack 1");
    lab_write(l, LAB_A, 50);
    lab_want(l, "P. 1(50) ack 101");
    lab_wait(l, MSEC(100));
    lab_want_none(l);
    assert_true(time_is_never(lab_tcb(l)->due.ack));
    lab_free(l);
}

static void test_dialogue(void **state) { /* T-ACK-06: an answer ends the quick acknowledgments of the start */
    struct lab *l = lab_new_established(NULL);
    (void)state;
    lab_write(l, LAB_A, 50); /* a request is no answer */
    lab_want(l, "P. 1(50) ack 1");
    lab_in(l, "P. 1(100) ack 51");
    lab_want(l, ". 51(0) ack 101");
    lab_write(l, LAB_A, 50);
    lab_want(l, "P. 51(50) ack 101");
    lab_in(l, "P. 101(100) ack 101");
    lab_want_none(l);
    lab_write(l, LAB_A, 50);
    lab_want(l, "P. 101(50) ack 201");
    lab_want_none(l);
    lab_free(l);
}

static void test_shorter_delay(void **state) { /* T-ACK-02: the configured longest may be short */
    struct lab *l = calm(NULL);
    (void)state;
    lab_tcb(l)->env->cfg.delack = MSEC(10);
    lab_in(l, "P. 1(100) ack 1");
    assert_int_equal(lab_wait_sent(l, MSEC(500)), MSEC(10));
    lab_free(l);
}

static void test_ack_now(void **state) { /* the owner's window opened: T-WND-13 is its decision, the ACK is ours */
    struct lab *l = calm(&(struct lab_options){.rcvbuf = 4000, .no_scaling = true});
    (void)state;
    l->end[LAB_A].reading = false;
    lab_in(l, ". 1(2000) ack 1 gso 1000");
    lab_want(l, ". 1(0) ack 2001 win 2000");
    l->end[LAB_A].read = 2000;
    tcp_ack_now(lab_tcb(l));
    lab_flush(l);
    lab_want(l, ". 1(0) ack 2001 win 4000");
    lab_want_none(l);
    lab_free(l);
}

/* ---- Reassembly -------------------------------------------------------------------------------------------------- */

static void
test_hole(void **state) { /* T-FSM-14, T-SCK-04, T-CCB-15, T-ACK-04: at once for each, and for the filling */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, ". 1001(1000) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 1001:2001");
    lab_in(l, ". 2001(1000) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 1001:3001");
    lab_in(l, ". 1(500) ack 1"); /* part of it */
    lab_want(l, ". 1(0) ack 501 sack 1001:3001");
    lab_in(l, ". 501(500) ack 1");
    lab_want(l, ". 1(0) ack 3001");
    assert_int_equal(lab_mib(l, MIB_TCP_OFO_QUEUE), 2);
    assert_memory_equal(l->end[LAB_A].in, l->end[LAB_B].out, 3000);
    assert_null(lab_tcb(l)->ofo); /* nothing is held any more */
    lab_free(l);
}

static void test_sack_order(void **state) { /* T-SCK-02, T-SCK-05, T-SCK-06: the newest first, three with timestamps */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, ". 1001(100) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 1001:1101");
    lab_in(l, ". 2001(100) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 2001:2101,1001:1101");
    lab_in(l, ". 3001(100) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 3001:3101,2001:2101,1001:1101");
    lab_in(l, ". 4001(100) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 4001:4101,3001:3101,2001:2101");
    lab_in(l, ". 1101(100) ack 1"); /* an old one grows: to the front */
    lab_want(l, ". 1(0) ack 1 sack 1001:1201,4001:4101,3001:3101");
    lab_in(l, ". 3101(900) ack 1"); /* two become one */
    lab_want(l, ". 1(0) ack 1 sack 3001:4101,1001:1201,2001:2101");
    lab_in(l, ". 1(1000) ack 1"); /* it advanced the cumulative point */
    lab_want(l, ". 1(0) ack 1201 sack 3001:4101,2001:2101");
    lab_free(l);
}

static void test_sack_four(void **state) { /* T-SCK-06: four without timestamps, none without permission (T-SCK-03) */
    struct lab *l = calm(&(struct lab_options){.no_ts = true});
    (void)state;
    lab_in(l, ". 1001(100) ack 1");
    lab_in(l, ". 2001(100) ack 1");
    lab_in(l, ". 3001(100) ack 1");
    lab_in(l, ". 4001(100) ack 1");
    lab_skip(l);
    lab_in(l, ". 5001(100) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 5001:5101,4001:4101,3001:3101,2001:2101");
    lab_free(l);

    l = calm(&(struct lab_options){.no_sack = true});
    lab_in(l, ". 1001(100) ack 1");
    lab_want(l, ". 1(0) ack 1");
    lab_in(l, ". 1001(100) ack 1");
    lab_want(l, ". 1(0) ack 1"); /* no D-SACK either */
    lab_free(l);
}

static void test_sack_room(void **state) { /* T-X19: MPTCP options go first, SACK takes what is left; also on payload */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, ". 1001(100) ack 1");
    lab_in(l, ". 2001(100) ack 1");
    lab_in(l, ". 3001(100) ack 1");
    lab_skip(l);
    assert_int_equal(tcp_payload_max(lab_tcb(l), 0), 1000 - 12 - 28);
    assert_int_equal(tcp_payload_max(lab_tcb(l), 8), 1000 - 12 - 8 - 20);
    assert_int_equal(tcp_payload_max(lab_tcb(l), 12), 1000 - 12 - 12 - 12);
    assert_int_equal(tcp_payload_max(lab_tcb(l), 20), 1000 - 12 - 20);
    lab_write(l, LAB_A, 3000);
    lab_want(l, "P. 1(3000) ack 1 gso 960 sack 3001:3101,2001:2101,1001:1101");
    lab_free(l);

    l = calm(NULL);
    lab_in(l, ". 1001(100) ack 1");
    lab_skip(l);
    l->with_dss = true; /* 24 + 12 leave no room */
    tcp_ack_now(lab_tcb(l));
    lab_flush(l);
    lab_want(l, ". 1(0) ack 1");
    lab_free(l);
}

static void test_dsack_below(void **state) { /* T-SCK-11, T-ACK-09: whole and partial duplicates, each reported once */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, ". 1(2000) ack 1 gso 1000");
    lab_skip(l);
    lab_in(l, ". 1(1000) ack 1");
    lab_want(l, ". 1(0) ack 2001 sack 1:1001");
    lab_in(l, ". 1501(1000) ack 1");
    lab_want(l, ". 1(0) ack 2501 sack 1501:2001");
    tcp_ack_now(lab_tcb(l));
    lab_flush(l);
    lab_want(l, ". 1(0) ack 2501"); /* once */
    assert_null(lab_tcb(l)->ofo);
    lab_free(l);
}

static void test_no_memory_for_report(void **state) { /* the acknowledgment goes all the same, and says less */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, ". 1(1000) ack 1");
    lab_wait(l, MSEC(100));
    lab_skip(l);
    l->tm.fail_at = l->tm.requests + 1;
    lab_in(l, ". 1(1000) ack 1");
    assert_null(lab_tcb(l)->ofo);
    lab_want(l, ". 1(0) ack 1001");
    for (unsigned nth = 1; nth <= 2; nth++) {
        l->tm.fail_at = l->tm.requests + nth;
        lab_in(l, ". 2001(1000) ack 1"); /* cannot be remembered, so it did not come */
        assert_null(lab_tcb(l)->ofo);
        lab_skip(l);
    }
    l->tm.fail_at = 0;
    lab_in(l, ". 2001(1000) ack 1");
    lab_want(l, ". 1(0) ack 1001 sack 2001:3001");
    lab_free(l);
}

static void test_dsack_above(void **state) { /* T-SCK-11, T-SCK-12: the enclosing block follows */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, ". 1001(2000) ack 1 gso 1000");
    lab_want(l, ". 1(0) ack 1 sack 1001:3001");
    lab_in(l, ". 5001(100) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 5001:5101,1001:3001");
    lab_in(l, ". 1501(500) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 1501:2001,1001:3001,5001:5101");
    lab_in(l, ". 2501(1000) ack 1"); /* partly new */
    lab_want(l, ". 1(0) ack 1 sack 2501:3001,1001:3501,5001:5101");
    lab_in(l, ". 1(1500) ack 1"); /* the filling overlaps */
    lab_want(l, ". 1(0) ack 3501 sack 1001:1501,5001:5101");
    lab_free(l);
}

static void test_permutations(void **state) { /* T-FSM-14, T-FSM-15, T-FSM-24: every order of five segments and a FIN */
    static const char *const rows[] = {". 1(10) ack 1", ". 11(20) ack 1", ". 25(10) ack 1", ". 31(9) ack 1",
                                       "F. 40(5) ack 1"};
    (void)state;
    for (int order = 0; order < 120; order++) {
        struct lab *l = calm(NULL);
        int left[5] = {0, 1, 2, 3, 4}, code = order;
        for (int n = 5; n > 0; n--) {
            int pick = code % n;
            code /= n;
            lab_in(l, rows[left[pick]]);
            for (int i = pick; i < n - 1; i++)
                left[i] = left[i + 1];
        }
        assert_true(l->end[LAB_A].eof);
        assert_int_equal(lab_tcb(l)->state, UMPTCP_CLOSE_WAIT);
        assert_int_equal(tcp_bytes_received(lab_tcb(l)), 44);
        assert_int_equal(lab_tcb(l)->rcv_nxt.v, 46);
        assert_memory_equal(l->end[LAB_A].in, l->end[LAB_B].out, 44);
        lab_free(l);
    }
}

static void test_fin_position(void **state) { /* T-FSM-24, T-FSM-25: nothing beyond the FIN, and it does not move */
    struct lab *l = calm(NULL);
    (void)state;
    lab_in(l, "F. 101(100) ack 1");
    lab_want(l, ". 1(0) ack 1 sack 101:201");
    lab_in(l, ". 151(100) ack 1");
    assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_AFTER_FIN);
    lab_in(l, "F. 51(10) ack 1"); /* a FIN before bytes that came */
    assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_AFTER_FIN);
    assert_false(l->end[LAB_A].eof);
    lab_in(l, ". 1(100) ack 1");
    lab_want(l, ". 1(0) ack 202");
    assert_true(l->end[LAB_A].eof);
    lab_in(l, ". 202(10) ack 1"); /* after it */
    assert_int_equal(l->end[LAB_A].rx.drop, DROP_TCP_AFTER_FIN);
    lab_in(l, "F. 101(100) ack 1"); /* T-FSM-27: again */
    lab_want(l, ". 1(0) ack 202 sack 101:201");
    lab_free(l);
}

static void test_many_holes(void **state) { /* T-SCK-24: bounded; those known stay known */
    struct lab *l = calm(NULL);
    char text[50];
    (void)state;
    for (int i = 0; i < TCP_OFO_MAX + 50; i++) {
        snprintf(text, sizeof text, ". %d(1) ack 1", 3 + 2 * i);
        lab_in(l, text);
    }
    assert_int_equal(lab_tcb(l)->ofo->ranges.count, TCP_OFO_MAX);
    assert_int_equal(lab_mib(l, MIB_TCP_OFO_DROP), 50);
    lab_skip(l);
    lab_in(l, ". 4(1) ack 1"); /* it joins two, so it fits */
    lab_want(l, ". 1(0) ack 1 sack 3:6,513:514,511:512");
    lab_in(l, ". 601(1) ack 1"); /* full again */
    lab_want(l, ". 1(0) ack 1 sack 601:602,3:6,513:514");
    lab_in(l, ". 514(1) ack 1"); /* touches one from the right */
    lab_want(l, ". 1(0) ack 1 sack 513:515,601:602,3:6");
    lab_in(l, ". 2(1) ack 1"); /* and one from the left */
    lab_want(l, ". 1(0) ack 1 sack 2:6,513:515,601:602");
    lab_in(l, ". 1(1) ack 1");
    lab_want(l, ". 1(0) ack 6 sack 513:515,601:602,511:512");
    lab_free(l);
}

static void test_no_memory(void **state) { /* the hole is not remembered, so the payload does not count */
    struct lab *l = calm(NULL);
    (void)state;
    l->tm.fail_at = l->tm.requests + 1;
    lab_in(l, ". 1001(1000) ack 1");
    assert_true(testmem_refused(&l->tm));
    assert_null(lab_tcb(l)->ofo);
    lab_skip(l);
    l->tm.fail_at = 0;
    lab_in(l, ". 1(1000) ack 1");
    lab_wait(l, MSEC(50));
    lab_want(l, ". 1(0) ack 1001");
    lab_in(l, ". 1001(1000) ack 1");
    lab_in(l, ". 2001(1000) ack 1");
    lab_want(l, ". 1(0) ack 3001");
    lab_free(l);
}

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

static void
test_window_never_shrinks(void **state) { /* T-WND-04, T-WND-05: whatever the owner says, also by rounding */
    struct lab *l = lab_new_established_with(&(struct lab_options){.rcvbuf = 1000000, .no_ts = true}, "mss 1000 ws 2");
    struct tcb *t = lab_tcb(l);
    (void)state;
    struct ssn edge = t->rcv_edge;
    for (int i = 0; i < 50; i++) {
        struct tcp_plan plan;
        struct seg seg = {0};
        char text[50];
        l->end[LAB_A].rcvbuf = 1000000 - (uint64_t)i * 9999;
        snprintf(text, sizeof text, ". %d(77) ack 1", 1 + i * 77);
        lab_in(l, text);
        tcp_ack_now(t);
        assert_true(tcp_plan(t, &plan));
        tcp_emit(t, &plan, l->end[LAB_A].rcvbuf, &seg);
        assert_int_equal(plan.window, seg.window << 7);
        assert_true(t->rcv_nxt.v + plan.window >= edge.v);
        lab_flush(l);
        lab_skip(l);
        assert_true(ssn_le(edge, t->rcv_edge));
        assert_true(t->rcv_edge.v < edge.v + 128); /* rounded up by less than one step of the scale */
        edge = t->rcv_edge;
    }
    lab_free(l);
}

static void test_window_rounding(void **state) { /* T-WND-04, T-WND-13: down, unless that would take something back */
    struct lab *l = lab_new_established_with(&(struct lab_options){.rcvbuf = 1000, .no_ts = true}, "mss 1000 ws 2");
    (void)state;
    l->end[LAB_A].reading = false;
    lab_in(l, ". 1(50) ack 1");
    lab_want(l, ". 1(0) ack 51 win 7"); /* 950 are free, 896 of them can be said */
    lab_in(l, ". 51(50) ack 1");
    lab_want(l, ". 1(0) ack 101 win 7"); /* 900 are free, and 846 promised: not 6 */
    lab_in(l, ". 101(40) ack 1");
    lab_want(l, ". 1(0) ack 141 win 7"); /* 860 are free: 768 would be less than what was promised */
    lab_free(l);
}

static void test_rtt_estimate(void **state) { /* T-SYS-01: from the handshake, then from echoed timestamps */
    struct lab *l = calm(NULL);
    struct tcb *t = lab_tcb(l);
    char text[80];
    uint32_t echo = 0;
    (void)state;
    assert_int_equal(t->rcv_rtt_us, 20000);
    for (int i = 0; i < 60; i++) {
        lab_wait(l, MSEC(80));
        echo = (uint32_t)(l->now.ns / MSEC(1)) + 0xfffff000u - 80;
        snprintf(text, sizeof text, ". %d(1000) ack 1 ts %u:%u", 1 + i * 1000, 3000000u + (uint32_t)i, echo);
        lab_in(l, text);
        lab_skip(l);
    }
    assert_in_range(t->rcv_rtt_us, 75000, 80000);
    uint32_t before = t->rcv_rtt_us;
    lab_wait(l, SEC(1)); /* the same echo again: the rest of a flight says nothing */
    snprintf(text, sizeof text, ". 60001(1000) ack 1 ts 4000000:%u", echo);
    lab_in(l, text);
    assert_int_equal(t->rcv_rtt_us, before);
    lab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delayed_ack),
        cmocka_unit_test(test_delay_adapts),
        cmocka_unit_test(test_every_second_segment),
        cmocka_unit_test(test_merged_segments),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_quickack),
        cmocka_unit_test(test_piggyback),
        cmocka_unit_test(test_dialogue),
        cmocka_unit_test(test_shorter_delay),
        cmocka_unit_test(test_ack_now),
        cmocka_unit_test(test_hole),
        cmocka_unit_test(test_sack_order),
        cmocka_unit_test(test_sack_four),
        cmocka_unit_test(test_sack_room),
        cmocka_unit_test(test_dsack_below),
        cmocka_unit_test(test_no_memory_for_report),
        cmocka_unit_test(test_dsack_above),
        cmocka_unit_test(test_permutations),
        cmocka_unit_test(test_fin_position),
        cmocka_unit_test(test_many_holes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_window_never_shrinks),
        cmocka_unit_test(test_window_rounding),
        cmocka_unit_test(test_rtt_estimate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
