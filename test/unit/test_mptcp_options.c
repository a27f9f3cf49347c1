/* SPDX-License-Identifier: BSD-3-Clause */
/* Which options a segment carries, within 40 bytes, and what signals may do to TCP (RFC 8684 3, appendix A). */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

static const struct mlab_options server = {.server = true};

static struct mlab *talked(const struct mlab_options *o) {
    struct mlab *l = mlab_new_full(o);
    mlab_send(l, 5);
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_in(l, 1, "P. 1(5) ack 6 dss ack 6 map 1:1+5");
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_recv(l, 5);
    return l;
}

static struct umptcp_config with_timestamps(void) {
    struct umptcp_config cfg = mlab_config();
    cfg.timestamps = true;
    return cfg;
}

static uint32_t option_bytes(struct mlab *l, int sf) { return (uint32_t)strlen(mlab_bytes(l, sf)) / 2; }

static int endpoint(struct mlab *l, const char *addr, uint32_t flags) {
    struct umptcp_endpoint ep = {.flags = flags};
    assert_int_equal(umptcp_addr_parse(addr, &ep.addr.addr), 0);
    return umptcp_endpoint_add(l->s, &ep, l->now);
}

/* ---- Forty bytes ------------------------------------------------------------------------------------------------- */

static void test_full_mapping_beside_timestamps(void **state) { /* M-GEN-13, 12 + 28 */
    struct umptcp_config cfg = with_timestamps();
    struct mlab *l = talked(&(struct mlab_options){.server = true, .cfg = &cfg, .peer_csum = true});
    (void)state;
    mlab_send(l, 100);
    assert_int_equal(option_bytes(l, 1), 40);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_free(l);
}

static void test_sack_gets_the_rest(void **state) { /* M-GEN-09, M-DSS-11 */
    struct umptcp_config cfgs[2] = {mlab_config(), with_timestamps()};
    (void)state;
    for (int ts = 0; ts < 2; ts++) {
        struct mlab *l = talked(&(struct mlab_options){.server = true, .cfg = &cfgs[ts]});
        char text[80];
        for (int at = 106; at < 906; at += 200) { /* four holes */
            snprintf(text, sizeof text, ". %d(100) ack 6 dss ack 6 map %d:%d+100", at, at, at);
            mlab_in(l, 1, text);
            if (at < 706)
                mlab_skip(l);
        }
        assert_true(option_bytes(l, 1) <= 40);
        assert_non_null(strstr(mlab_bytes(l, 1), ts ? "0101050a" : "0101051a")); /* one block; else three */
        mlab_want(l, 1, ". 6(0) ack 6 dss ack 6");
        mlab_send(l, 200); /* the mapping leaves nothing, or room for one */
        assert_true(!ts == (strstr(mlab_bytes(l, 1), "0101050a") != NULL));
        mlab_want(l, 1, "P. 6(200) ack 6 dss ack 6 map 6:6+200");
        mlab_free(l);
    }
}

static void test_retransmission_beside_sack(void **state) { /* shortened to fit, under the same mapping */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 996);
    mlab_want(l, 1, "P. 6(996) ack 6 dss ack 6 map 6:6+996");
    mlab_in(l, 1, ". 106(100) ack 6 dss ack 6 map 106:106+100"); /* now there is something to SACK */
    mlab_skip(l);
    mlab_wait_sent(l, SEC(3));
    mlab_want(l, 1, "P. 18(984) ack 6 dss ack 6 map 6:6+996"); /* a probe: the last full segment */
    mlab_free(l);
}

static void test_every_ack_has_a_data_ack(void **state) { /* M-DAK-10: as Linux */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, ". 3(2) ack 6 dss ack 6"); /* old */
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6");
    mlab_wait(l, SEC(1));
    mlab_in(l, 2, ". 0(0) ack 1 dss ack 6"); /* a keepalive */
    mlab_want(l, 2, ". 1(0) ack 1 dss ack 6");
    mlab_free(l);
}

/* ---- Signals ----------------------------------------------------------------------------------------------------- */

/* Payload-less ACKs with a signal that are waiting, without a DATA_ACK having been needed. */
static uint32_t signals_out(struct mlab *l) {
    mlab_wait(l, MSEC(1));
    return mlab_skip(l);
}

static void test_two_in_a_row(void **state) { /* M-GEN-05, M-ADD-23, -24, M-SEM-03, -04, M-MBX-54 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 996);
    mlab_skip(l);
    for (int i = 0; i < 6; i++) {
        umptcp_subflow_set_backup(l->s, l->sock, 1, i % 2, l->now);
        uint32_t n = signals_out(l);
        assert_true(i < 2 ? n == 1 : n == 0);
    }
    mlab_in(l, 1, ". 6(0) ack 506 dss ack 506"); /* the peer spoke: that ends the row, and what waited may go */
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 1002(0) ack 6 dss ack 6 prio 1");
    mlab_free(l);
}

static void test_signals_are_no_congestion(void **state) { /* M-GEN-04, M-ADD-23 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 8 * 996);
    mlab_skip(l);
    uint32_t cwnd = mlab_sf(l, 1)->tcb.cc.cwnd;
    for (int i = 0; i < 10; i++) {
        mlab_in(l, 1, i % 2 ? ". 6(0) ack 6 prio 0" : ". 6(0) ack 6 add 5 10.0.3.2");
        assert_int_equal(mlab_sf(l, 1)->tcb.cc.cwnd, cwnd);
    }
    assert_int_equal(mlab_mib(l, MIB_TCP_RETRANS_SEGS), 0);
    mlab_free(l);
}

static void test_several_at_once(void **state) { /* M-GEN-08: what has no room waits for the next */
    struct mlab *l = talked(&server);
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SIGNAL);
    umptcp_subflow_set_backup(l->s, l->sock, 1, true, l->now);
    mlab_in(l, 1, ". 6(0) ack 6 add 5 10.0.3.2");
    mlab_want(l, 1, ". 6(0) ack 6 echo 5 10.0.3.2");
    mlab_want(l, 1, ". 6(0) ack 6 add 1 10.0.2.1");
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 6 echo 1 10.0.2.1");
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 prio 1");
    mlab_wait(l, SEC(3));
    mlab_want_none(l);
    assert_int_equal(mlab_sf(l, 1)->signals & SIGNALS_ALONE, 0);
    mlab_free(l);
}

static void test_signal_beside_data(void **state) { /* it does not ride on payload, and does not hold it up */
    struct mlab *l = talked(&server);
    (void)state;
    umptcp_subflow_set_backup(l->s, l->sock, 1, true, l->now);
    mlab_send(l, 100);
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 prio 1");
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_want_none(l);
    mlab_free(l);
}

static void test_signal_on_fin_wait(void **state) { /* the DATA_FIN comes first */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_shutdown(l);
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 map 6:0+1 fin");
    umptcp_subflow_set_backup(l->s, l->sock, 1, true, l->now);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 prio 1");
    mlab_free(l);
}

/* ---- Everything at random -----------------------------------------------------------------------------------------
 */

/* M-GEN-11, -13: the lab checks each header; here is what it gets */
static void test_never_more_than_forty(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t rnd = seed, at = 6;
        struct umptcp_config cfg = test_below(&rnd, 2) ? with_timestamps() : mlab_config();
        cfg.checksum_enabled = test_below(&rnd, 2);
        cfg.rejoin = false;
        struct mlab *l = talked(&(struct mlab_options){.server = true, .v6 = test_below(&rnd, 2), .cfg = &cfg});
        char text[120];
        for (int i = 0; i < 60 && l->sock.v && mlab_sf(l, 1); i++) {
            uint64_t beyond = at + (uint64_t)test_below(&rnd, 3) * 50; /* perhaps a hole */
            switch (test_below(&rnd, 7)) {
            case 0:
                mlab_send(l, 1 + test_below(&rnd, 500));
                break;
            case 1:
                umptcp_subflow_set_backup(l->s, l->sock, 1, test_below(&rnd, 2), l->now);
                break;
            case 2:
                snprintf(text, sizeof text,
                         l->v6 ? ". %llu(0) ack 6 add %d fd00:3::%d" : ". %llu(0) ack 6 add %d 10.0.3.%d",
                         (unsigned long long)at, i + 1, i + 2);
                mlab_in(l, 1, text);
                break;
            case 3:
                endpoint(l, l->v6 ? "fd00:2::1" : "10.0.2.1", UMPTCP_EP_SIGNAL);
                break;
            case 4:
                umptcp_endpoint_del(l->s, (uint8_t)(1 + test_below(&rnd, 3)), l->now);
                break;
            default:
                snprintf(text, sizeof text, ". %llu(50) ack 6 dss ack 6 map %llu:%llu+50", (unsigned long long)beyond,
                         (unsigned long long)beyond, (unsigned long long)beyond);
                mlab_in(l, 1, text);
                at += beyond == at ? 50 : 0;
            }
            mlab_wait(l, MSEC(test_below(&rnd, 300)));
            mlab_skip(l);
        }
        mlab_free(l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_mapping_beside_timestamps),
        cmocka_unit_test(test_sack_gets_the_rest),
        cmocka_unit_test(test_retransmission_beside_sack),
        cmocka_unit_test(test_every_ack_has_a_data_ack),
        cmocka_unit_test(test_two_in_a_row),
        cmocka_unit_test(test_signals_are_no_congestion),
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test(test_signal_beside_data),
        cmocka_unit_test(test_signal_on_fin_wait),
        cmocka_unit_test(test_never_more_than_forty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
