/* SPDX-License-Identifier: BSD-3-Clause */
/* The path's MTU: the search, what ends it, what begins it again, and what routers say meanwhile. */
#include "tcplab.h"

#include <stdio.h>

enum { BASE = 1000, PEER = 1460, WRITE = 9000, THRESHOLD = 8, TRIES = 3 };
#define INTERVAL SEC(600)

static void configure(struct lab *l, uint8_t probing) {
    struct umptcp_config *cfg = &l->end[LAB_A].env.cfg;
    cfg->mtu_probing = probing;
    cfg->base_mss = BASE;
    cfg->mtu_probe_floor = cfg->min_snd_mss = 48;
    cfg->mtu_probe_interval = INTERVAL;
    cfg->mtu_probe_threshold = THRESHOLD;
    cfg->retries1 = 3;
    cfg->retries2 = 15;
}

static const struct tcp_pmtu *pmtu(struct lab *l) { return &lab_tcb(l)->extra->pmtu; }

static void acked(struct lab *l) {
    char text[64];
    snprintf(text, sizeof text, ". 1(0) ack %u win 65535", (unsigned)lab_tcb(l)->snd_nxt.v);
    lab_in(l, text);
    lab_skip(l);
}

/* All but [from, to) of what is in flight arrives, in order of position. */
static void all_but(struct lab *l, struct ssn from, struct ssn to) {
    char text[96];
    snprintf(text, sizeof text, ". 1(0) ack %u win 65535 sack %u:%u", (unsigned)from.v, (unsigned)to.v,
             (unsigned)lab_tcb(l)->snd_nxt.v);
    lab_in(l, text);
}

/* A connection that probes from the start, with a window that is no obstacle. */
static struct lab *searching(void) {
    struct lab *l = lab_new(&(struct lab_options){.no_ts = true});
    configure(l, 2);
    lab_connect(l);
    lab_skip(l);
    lab_in(l, "S. 0(0) ack 1 win 65535 mss 1460 sackok");
    lab_skip(l);
    lab_tcb(l)->cc.cwnd = 40 * BASE;
    assert_int_equal(tcp_mtu_state(lab_tcb(l)), MTU_SEARCHING);
    assert_int_equal(lab_tcb(l)->mss, BASE);
    return l;
}

/* Enough is written for a probe, and perhaps one leaves. Returns its size; 0: there is none. */
static uint16_t probe(struct lab *l) {
    lab_write(l, LAB_A, WRITE);
    lab_skip(l);
    return pmtu(l)->probe;
}

/* The path takes `mss`. Returns how many probes it took until the search was over. */
static int search(struct lab *l, uint16_t mss) {
    int probes = 0;
    for (uint16_t size; tcp_mtu_state(lab_tcb(l)) == MTU_SEARCHING; probes++) {
        const uint16_t before = lab_tcb(l)->mss;
        const uint32_t cwnd = lab_tcb(l)->cc.cwnd;
        assert_true(pmtu(l)->high - before >= THRESHOLD); /* RFC 4821 7.3: it is worth a probe */
        size = probe(l);
        assert_in_range(size, before + 1, pmtu(l)->high);
        assert_int_equal(ssn_sub(pmtu(l)->end, pmtu(l)->start), size); /* one segment, no options */
        if (size > mss) {
            all_but(l, pmtu(l)->start, pmtu(l)->end);
            lab_skip(l); /* it goes again, in pieces */
            assert_int_equal(lab_tcb(l)->mss, before);
        }
        acked(l);
        assert_in_range(lab_tcb(l)->cc.cwnd, cwnd, UINT32_MAX);
        assert_int_equal(lab_tcb(l)->mss, size > mss ? before : size);
        assert_true(probes < 64);
    }
    return probes;
}

static void test_search(void **state) { /* T-MTU-11, T-MTU-12, T-MTU-14, T-MTU-15 */
    (void)state;
    for (uint16_t mss = BASE; mss <= PEER; mss += 23) {
        struct lab *l = searching();
        const int probes = search(l, mss);
        const uint64_t good = lab_mib(l, MIB_TCP_MTUP_SUCCESS), bad = lab_mib(l, MIB_TCP_MTUP_FAIL);
        assert_int_equal(tcp_mtu_state(lab_tcb(l)), MTU_COMPLETE);
        assert_in_range(lab_tcb(l)->mss, mss - THRESHOLD + 1, mss); /* RFC 4821 7.3 */
        assert_int_equal(good + bad, probes);                       /* TcpExtTCPMTUPSuccess, TcpExtTCPMTUPFail */
        assert_int_equal(bad % TRIES, 0); /* RFC 8899 5.1.2: no size is given up for one loss */
        assert_in_range(probes, 1, 7 * TRIES);
        assert_int_equal(lab_mib(l, MIB_TCP_SACK_RECOVERY), 0);
        assert_int_equal(probe(l), 0);
        acked(l);
        lab_free(l);
    }
}

static void test_raise_timer(void **state) { /* T-MTU-09, T-MTU-15: no more is tried until it comes up */
    struct lab *l = searching();
    (void)state;
    search(l, 1200);
    const uint16_t found = lab_tcb(l)->mss;
    for (int i = 0; i < 59; i++) {
        lab_wait(l, SEC(10));
        lab_tcb(l)->cc.cwnd = 40 * BASE;
        assert_int_equal(probe(l), 0);
        acked(l);
    }
    lab_wait(l, SEC(10));
    lab_tcb(l)->cc.cwnd = 40 * BASE;
    l->end[LAB_A].env.cfg.slow_start_after_idle = false;
    assert_in_range(probe(l), found + 1, PEER);
    acked(l);
    search(l, PEER);
    assert_in_range(lab_tcb(l)->mss, PEER - THRESHOLD + 1, PEER);
    lab_free(l);
}

static void test_inconclusive(void **state) { /* T-MTU-12: others were lost, too */
    struct lab *l = searching();
    (void)state;
    for (int i = 0; i < 2 * TRIES; i++) {
        const uint16_t high = pmtu(l)->high, size = probe(l);
        assert_int_equal(size, (BASE + PEER) / 2);
        all_but(l, pmtu(l)->start, ssn_add(pmtu(l)->end, BASE));
        lab_skip(l);
        acked(l);
        assert_int_equal(lab_mib(l, MIB_TCP_SACK_RECOVERY), i + 1);
        assert_int_equal(pmtu(l)->high, high);
        lab_tcb(l)->cc.cwnd = 40 * BASE;
    }
    assert_int_equal(lab_mib(l, MIB_TCP_MTUP_FAIL), 0);
    assert_int_equal(lab_mib(l, MIB_TCP_MTUP_SUCCESS), 0);
    lab_free(l);
}

static void test_too_little(void **state) { /* T-MTU-11: no probe whose loss nothing behind it would show */
    struct lab *l = searching();
    (void)state;
    lab_write(l, LAB_A, 4000);
    lab_want(l, "P. 1(4000) ack 1 gso 1000");
    acked(l);
    lab_tcb(l)->cc.cwnd = 10 * BASE;
    lab_tcb(l)->cc.ssthresh = BASE;
    assert_int_equal(probe(l), 0);
    acked(l);
    lab_free(l);
}

static void test_router_and_probe(void **state) { /* T-MTU-05, T-MTU-12: a router says what a probe was too large for */
    struct lab *l = searching();
    (void)state;
    const uint16_t size = probe(l);
    const uint32_t cwnd = lab_tcb(l)->cc.cwnd;
    assert_false(tcp_set_path_mss(lab_tcb(l), 1100, time_add(l->now, INTERVAL))); /* no smaller than what is in use */
    lab_flush(l);
    lab_want(l, ". 1(1000) ack 1");
    lab_want(l, ". 1001(230) ack 1");
    assert_int_equal(size, 1230);
    assert_int_equal(pmtu(l)->high, 1100);
    assert_int_equal(lab_tcb(l)->cc.cwnd, cwnd);
    acked(l);
    search(l, 1100);
    assert_in_range(lab_tcb(l)->mss, 1100 - THRESHOLD + 1, 1100);
    lab_free(l);
}

static void test_router_ends_search(void **state) { /* T-MTU-08, T-MTU-09 */
    struct lab *l = searching();
    (void)state;
    assert_true(tcp_set_path_mss(lab_tcb(l), 700, time_add(l->now, INTERVAL)));
    assert_false(tcp_set_path_mss(lab_tcb(l), 900, time_add(l->now, INTERVAL)));
    assert_int_equal(tcp_mtu_state(lab_tcb(l)), MTU_COMPLETE);
    assert_int_equal(probe(l), 0);
    acked(l);
    lab_free(l);
}

static void test_router_is_forgotten(void **state) { /* T-MTU-09: after ten minutes, and no sooner */
    struct lab *l = lab_new_established_with(&(struct lab_options){.no_ts = true}, "win 65535 mss 1460");
    (void)state;
    configure(l, 1);
    assert_true(tcp_set_path_mss(lab_tcb(l), 960, time_add(l->now, INTERVAL)));
    lab_wait(l, INTERVAL - SEC(1));
    lab_write(l, LAB_A, 1460);
    lab_want(l, "P. 1(1460) ack 1 gso 960");
    acked(l);
    lab_wait(l, SEC(1));
    lab_write(l, LAB_A, 1460);
    lab_want(l, "P. 1461(1460) ack 1");
    assert_int_equal(lab_tcb(l)->mss, 1460);
    acked(l);
    lab_free(l);
}

static void test_black_hole(void **state) { /* T-MTU-13, T-MTU-15 */
    struct lab *l = lab_new_established_with(&(struct lab_options){.no_ts = true}, "win 65535 mss 1460 sackok");
    (void)state;
    configure(l, 1);
    lab_write(l, LAB_A, 1400);
    lab_skip(l);
    assert_null(lab_tcb(l)->extra); /* nothing is kept until there is something to know */
    while (lab_tcb(l)->rto_series < 4) {
        assert_int_equal(tcp_mtu_state(lab_tcb(l)), MTU_DISABLED);
        lab_wait_sent(l, SEC(10));
        lab_skip(l);
    }
    assert_int_equal(tcp_mtu_state(lab_tcb(l)), MTU_BASE);
    assert_int_equal(lab_tcb(l)->mss, BASE);
    lab_wait_sent(l, SEC(10));
    assert_int_equal(tcp_mtu_state(lab_tcb(l)), MTU_ERROR);
    assert_int_equal(lab_tcb(l)->mss, BASE / 2);
    lab_skip(l);
    lab_in(l, ". 1(0) ack 501 win 65535");
    lab_skip(l);
    assert_int_equal(tcp_mtu_state(lab_tcb(l)), MTU_SEARCHING);
    acked(l);
    lab_tcb(l)->cc.cwnd = 40 * BASE;
    search(l, 800);
    assert_in_range(lab_tcb(l)->mss, 800 - THRESHOLD + 1, 800);
    lab_free(l);
}

static void test_timeout_of_a_probe(void **state) { /* T-MTU-12: what became of it is not known */
    struct lab *l = searching();
    (void)state;
    assert_int_not_equal(probe(l), 0);
    while (lab_tcb(l)->rto_series < 1) {
        lab_wait_sent(l, SEC(10));
        lab_skip(l);
    }
    assert_int_equal(pmtu(l)->probe, 0);
    assert_int_equal(pmtu(l)->high, PEER);
    assert_int_equal(lab_mib(l, MIB_TCP_MTUP_FAIL), 0);
    lab_skip(l);
    acked(l);
    lab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_raise_timer),
        cmocka_unit_test(test_inconclusive),
        cmocka_unit_test(test_too_little),
        cmocka_unit_test(test_router_and_probe),
        cmocka_unit_test(test_router_ends_search),
        cmocka_unit_test(test_router_is_forgotten),
        cmocka_unit_test(test_black_hole),
        cmocka_unit_test(test_timeout_of_a_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
