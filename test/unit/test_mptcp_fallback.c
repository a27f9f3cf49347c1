/* SPDX-License-Identifier: BSD-3-Clause */
/* From MPTCP to plain TCP, or to the reset of a subflow (RFC 8684 3.7): bad checksums, MP_FAIL, infinite mappings, and
 * options that get lost on the way. */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

/* Five bytes went each way; the path is proven in both directions. */
static struct mlab *talked(const struct mlab_options *o) {
    struct mlab *l = mlab_new_full(o);
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 1(5) ack 1 dss ack32 1 map 1:1+5");
    mlab_in(l, 1, "P. 1(5) ack 6 dss ack 6 map 1:1+5");
    mlab_wait(l, MSEC(50));
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6");
    mlab_recv(l, 5);
    return l;
}

static const struct mlab_options server = {.server = true};
static const struct mlab_options checked = {.server = true, .peer_csum = true};

static struct mlab *two(const struct mlab_options *o) {
    struct mlab *l = talked(o);
    mlab_join_in(l, 2, 2, 7);
    return l;
}

/* It is plain TCP now: no option goes out, none is heard, a FIN is the end of the stream. Both directions stand at
 * 11. */
static void is_tcp(struct mlab *l, bool announces) {
    mlab_want_none(l);
    struct umptcp_info info = mlab_info(l);
    assert_false(info.is_mptcp);
    assert_true(info.fallback);
    assert_int_equal(info.subflows, 1);
    assert_int_equal(l->s->mp.tokens.table.count, 0);
    mlab_in(l, 1, "P. 11(5) ack 11 dss ack 500 map 700:11+5"); /* whatever it says */
    mlab_wait(l, MSEC(50));
    mlab_want(l, 1, ". 11(0) ack 16");
    mlab_in(l, 1, ". 16(0) ack 11 fastclose");
    mlab_in(l, 1, ". 16(0) ack 11 add 5 10.0.3.2");
    mlab_want_none(l);
    l->read = 10;
    uint8_t buf[10];
    assert_int_equal(umptcp_recv(l->s, l->sock, buf, sizeof buf, l->now), 5);
    mlab_send(l, 5);
    mlab_want(l, 1, announces ? "P. 11(5) ack 16 dss map 11:11+0" : "P. 11(5) ack 16");
    assert_int_equal(mlab_info(l).bytes_acked, 10);
    mlab_in(l, 1, "F. 16(0) ack 16");
    mlab_want(l, 1, ". 16(0) ack 17");
    assert_int_equal(mlab_info(l).bytes_acked, 15);
    mlab_recv_end(l);
    mlab_close(l);
    mlab_want(l, 1, "F. 16(0) ack 17");
    mlab_in(l, 1, ". 17(0) ack 17");
    mlab_want_none(l);
    assert_null(mlab_conn(l));
}

/* ---- A bad checksum ---------------------------------------------------------------------------------------------- */

static void test_bad_checksum_alone(void **state) { /* M-FBK-12, -14, -16, -18, M-MBX-26, M-API-13 */
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5 csum bad");
    assert_non_null(strstr(mlab_bytes(l, 1), "1e0c6000f9fb2ac1ea2ce0d8")); /* where the bad mapping begins */
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 6 fail 6");                     /* the bad data is not acknowledged */
    mlab_recv(l, 5);                                                       /* as TCP would deliver it */
    assert_int_equal(mlab_mib(l, MIB_DATA_CSUM_ERR), 1);
    assert_int_equal(mlab_mib(l, MIB_MP_FAIL_TX), 1);
    assert_int_equal(mlab_drops(l, DROP_MP_CSUM), 1);
    assert_true(mlab_info(l).is_mptcp); /* until the peer's infinite mapping is here */
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 6(5) ack 11 dss ack 6 map 6:6+5");
    mlab_in(l, 1, ". 11(0) ack 11 fail 11 dss ack 11"); /* the answer: the peer must not send it again */
    mlab_want_none(l);
    assert_true(mlab_wait_sent(l, MSEC(40)) >= MSEC(1));
    mlab_want(l, 1, ". 11(0) ack 11 dss ack 11");
    assert_int_equal(mlab_mib(l, MIB_MP_FAIL_RX), 1);
    mlab_in(l, 1, "P. 11(5) ack 11 dss map 11:11+0 csum zero");
    mlab_wait(l, MSEC(100));
    mlab_want(l, 1, ". 11(0) ack 16");
    mlab_event(l, UMPTCP_EV_FALLBACK);
    assert_int_equal(mlab_mib(l, MIB_INFINITE_MAP_RX), 1);
    mlab_recv(l, 5);
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 11(5) ack 16"); /* no infinite mapping of ours: the peer is plain TCP already */
    mlab_free(l);
}

/* M-FBK-27: whole mappings and pieces, right or wrong */
static void test_after_bad_checksum_bytes_are_taken(void **state) {
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5 csum bad");
    mlab_in(l, 1, "P. 11(5) ack 6 dss ack 6 map 11:11+5 csum bad");
    mlab_in(l, 1, "P. 16(5) ack 6 dss ack 6 map 16:16+10 csum bad");
    mlab_skip(l);
    mlab_recv(l, 15);
    mlab_in(l, 1, "P. 21(5) ack 6 dss ack 6");
    mlab_skip(l);
    mlab_recv(l, 5);
    assert_int_equal(mlab_mib(l, MIB_DATA_CSUM_ERR), 1);
    assert_int_equal(mlab_mib(l, MIB_MP_FAIL_TX), 1);
    mlab_free(l);
}

static void test_bad_checksum_in_pieces(void **state) {
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+10 csum bad");
    mlab_skip(l);
    mlab_recv(l, 0);
    mlab_in(l, 1, "P. 11(5) ack 6 dss ack 6 map 6:6+10 csum bad");
    mlab_want(l, 1, ". 6(0) ack 16 dss ack 6 fail 6");
    mlab_recv(l, 10);
    assert_null(mlab_sf(l, 1)->hold);
    mlab_free(l);
}

static void test_ends_while_it_waits_for_tcp(void **state) { /* the peer has no new data: DATA_FINs go on */
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5 csum bad");
    mlab_skip(l);
    mlab_recv(l, 5);
    mlab_in(l, 1, ". 11(0) ack 6 dss ack 6 map 11:0+1 fin");
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 12");
    mlab_recv_end(l);
    mlab_shutdown(l);
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 12 map 6:0+1 fin");
    mlab_in(l, 1, ". 11(0) ack 6 dss ack 7");
    mlab_closed(l, 0);
    mlab_free(l);
}

static void test_no_join_after_fail(void **state) { /* M-JON-31 */
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5 csum bad");
    mlab_skip(l);
    mlab_path(l, 2, 2);
    assert_int_equal(mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7"), DROP_MP_JOIN_REFUSED);
    mlab_free(l);
}

static void test_bad_checksum_on_one_of_two(void **state) { /* M-FBK-11, -14, -15, M-MBX-25 */
    struct mlab *l = two(&checked);
    (void)state;
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 6 map 6:1+5 csum bad");
    assert_string_equal(mlab_bytes(l, 2), "1e0c6000f9fb2ac1ea2ce0d81e048006");
    mlab_want(l, 2, "R. 1(0) fail 6 tcprst 6");
    mlab_want_none(l);
    mlab_recv(l, 0);
    assert_true(mlab_info(l).is_mptcp);
    assert_int_equal(mlab_info(l).subflows, 1);
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5");
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 11");
    mlab_recv(l, 5);
    mlab_free(l);
}

static void test_bad_checksum_in_pieces_on_one_of_two(void **state) { /* M-FBK-13: nothing of it reaches the stream */
    struct mlab *l = two(&checked);
    (void)state;
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 6 map 6:1+10 csum bad");
    mlab_in(l, 2, "P. 11(5) ack 1 dss ack 6 map 16:11+5");
    mlab_skip(l);
    mlab_in(l, 2, "P. 6(5) ack 1 dss ack 6 map 6:1+10 csum bad");
    mlab_want(l, 2, "R. 1(0) fail 6 tcprst 6");
    mlab_in(l, 1, "P. 6(10) ack 6 dss ack 6 map 6:6+10");
    mlab_skip(l);
    mlab_recv(l, 15); /* what was checked apart counts */
    mlab_free(l);
}

/* M-FBK-19, -20, -21: alone again, but no more contiguous; a new path may come, and carries mappings as ever */
static void test_bad_checksum_after_a_join(void **state) {
    struct mlab *l = two(&checked);
    (void)state;
    mlab_in(l, 2, "R. 1(0) ack 1");
    mlab_skip(l);
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5 csum bad");
    mlab_want(l, 1, "R. 6(0) fail 6 tcprst 6");
    assert_int_equal(mlab_mib(l, MIB_FALLBACK_FAILED), 1);
    assert_int_equal(mlab_info(l).state, UMPTCP_ESTABLISHED);
    mlab_join_in(l, 3, 3, 8);
    mlab_in(l, 3, "P. 1(5) ack 1 dss ack 6 map 6:1+5");
    mlab_want(l, 3, ". 1(0) ack 6 dss ack 11");
    mlab_recv(l, 5);
    mlab_send(l, 5);
    mlab_want(l, 3, "P. 1(5) ack 6 dss ack 11 map 6:1+5");
    mlab_free(l);
}

static void test_damage_without_checksums(void **state) { /* M-FBK-26, M-MBX-29: nobody can know */
    struct mlab *l = talked(&server);
    uint8_t buf[5];
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 other dss ack 6 map 6:6+5");
    assert_int_equal(umptcp_recv(l->s, l->sock, buf, 5, l->now), 5);
    assert_true(mlab_info(l).is_mptcp);
    mlab_free(l);
}

/* ---- The peer's MP_FAIL ------------------------------------------------------------------------------------------ */

static void test_fail_received(void **state) { /* M-FBK-08, -17, -18, -22, -23, -25, -29, -30, M-MAP-24 */
    (void)state;
    for (int csum = 0; csum < 2; csum++) {
        struct mlab *l = talked(csum ? &checked : &server);
        mlab_in(l, 1, "P. 6(5) ack 6 fail 1 dss ack 6 map 6:6+5");
        mlab_want(l, 1, ". 6(0) ack 11 dss ack 11 fail 6");
        mlab_recv(l, 5);
        mlab_send(l, 5);
        if (csum)
            assert_non_null(strstr(mlab_bytes(l, 1), "1e14200c62815714b76ae9ab0000000600000000"));
        mlab_want(l, 1, csum ? "P. 6(5) ack 11 dss map 6:6+0 csum zero" : "P. 6(5) ack 11 dss map 6:6+0");
        assert_int_equal(mlab_mib(l, MIB_MP_FAIL_RX), 1);
        assert_int_equal(mlab_mib(l, MIB_INFINITE_MAP_TX), 1);
        assert_int_equal(mlab_mib(l, MIB_DSS_FALLBACK), 1);
        mlab_in(l, 1, ". 11(0) ack 11");
        is_tcp(l, false);
        mlab_free(l);
    }
}

static void test_fail_received_with_data_in_flight(void **state) { /* M-FBK-22: TCP alone acknowledges it then */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 3 * 996);
    assert_int_equal(mlab_skip(l), 3);
    mlab_in(l, 1, ". 6(0) ack 1002 fail 6 dss ack 6");
    mlab_want(l, 1, ". 2994(0) ack 6 dss ack 6 fail 6");
    assert_int_equal(mlab_info(l).bytes_acked, 5 + 996);
    mlab_wait(l, SEC(2)); /* what is lost is sent again as it was, mapping and all (M-MAP-02) */
    assert_true(mlab_skip(l) > 0);
    mlab_in(l, 1, ". 6(0) ack 2994 dss ack 6");
    mlab_skip(l);
    mlab_send(l, 996);
    mlab_want(l, 1, "P. 2994(996) ack 6 dss map 2994:2994+0");
    assert_int_equal(mlab_info(l).bytes_acked, 5 + 3 * 996);
    mlab_in(l, 1, ". 6(0) ack 3990");
    assert_int_equal(mlab_info(l).bytes_acked, 5 + 4 * 996);
    assert_false(mlab_info(l).is_mptcp);
    mlab_free(l);
}

static void test_fail_received_on_one_of_two(void **state) { /* M-FBK-33 */
    struct mlab *l = two(&server);
    (void)state;
    mlab_send(l, 100);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 fail 6 dss ack 6");
    mlab_want(l, 1, "R. 106(0) tcprst 6");
    mlab_want(l, 2, "P. 1(100) ack 1 dss ack 6 map 6:1+100");
    assert_int_equal(mlab_mib(l, MIB_FALLBACK_FAILED), 1);
    assert_true(mlab_info(l).is_mptcp);
    mlab_free(l);
}

static void test_fail_with_reset(void **state) { /* M-FBK-11: the peer's way with several subflows */
    struct mlab *l = two(&server);
    (void)state;
    mlab_send(l, 100);
    mlab_skip(l);
    mlab_in(l, 1, "R. 6(0) ack 6 fail 6 tcprst 6");
    mlab_want(l, 2, "P. 1(100) ack 1 dss ack 6 map 6:1+100");
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_DOWN).reason, 6);
    mlab_free(l);
}

static void test_fail_received_for_acked_data(void **state) { /* M-FBK-17, M-FBK-22: no DATA_ACK of it will ever come */
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_send(l, 5);
    assert_int_equal(mlab_skip(l), 1);
    mlab_in(l, 1, ". 6(0) ack 11 fail 6 dss ack 6");
    mlab_want(l, 1, ". 11(0) ack 6 dss ack 6 fail 6");
    assert_int_equal(mlab_info(l).bytes_acked, 10);
    mlab_wait(l, SEC(10)); /* at another position it would be in the stream twice */
    mlab_want_none(l);
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 11(5) ack 6 dss map 11:11+0 csum zero");
    mlab_in(l, 1, ". 6(0) ack 16");
    assert_int_equal(mlab_info(l).bytes_acked, 15);
    assert_false(mlab_info(l).is_mptcp);
    mlab_free(l);
}
static void test_both_fail(void **state) { /* crossing */
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 fail 1 dss ack 6 map 6:6+5 csum bad");
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 11 fail 6");
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 6(5) ack 11 dss map 6:6+0 csum zero");
    mlab_recv(l, 5);
    mlab_in(l, 1, ". 11(0) ack 11");
    is_tcp(l, false);
    mlab_free(l);
}

/* ---- Infinite mappings ------------------------------------------------------------------------------------------- */

static void test_infinite_mapping_unasked(void **state) { /* M-FBK-32 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss map 6:6+0");
    mlab_want(l, 1, ". 6(0) ack 11");
    mlab_recv(l, 5);
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 6(5) ack 11"); /* not announced back: the peer knows */
    mlab_in(l, 1, ". 11(0) ack 11");
    is_tcp(l, false);
    mlab_free(l);
}

static void test_infinite_mapping_with_two(void **state) { /* M-FBK-32 */
    struct mlab *l = two(&server);
    (void)state;
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 6 map 6:1+0");
    mlab_want(l, 2, "R. 1(0) tcprst 1");
    assert_int_equal(mlab_mib(l, MIB_FALLBACK_FAILED), 1);
    assert_true(mlab_info(l).is_mptcp);
    mlab_recv(l, 0);
    mlab_free(l);
}

static void test_infinite_mapping_beside_a_hole(void **state) { /* M-FBK-19 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 16:6+5");
    mlab_skip(l);
    mlab_in(l, 1, "P. 11(5) ack 6 dss ack 6 map 6:11+0");
    mlab_want(l, 1, "R. 6(0) tcprst 1");
    mlab_free(l);
}

static void test_infinite_mapping_before_earlier_data(void **state) { /* overtaken by it: TCP's order is the stream's */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_in(l, 1, "P. 11(5) ack 6 dss map 11:11+0");
    mlab_skip(l);
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5");
    mlab_skip(l);
    mlab_recv(l, 10);
    assert_false(mlab_info(l).is_mptcp);
    mlab_free(l);
}

/* ---- Options lost on the way ------------------------------------------------------------------------------------- */

static void test_first_data_acked_without_dss(void **state) { /* M-FBK-07, -08, M-DAK-11, M-MBX-05, -30 */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    mlab_send(l, 10);
    mlab_want(l, 1, "P. 1(10) ack 1 mpc");
    mlab_in(l, 1, ". 1(0) ack 11");
    mlab_event(l, UMPTCP_EV_FALLBACK);
    assert_int_equal(mlab_mib(l, MIB_MPC_DATA_FALLBACK), 1);
    assert_int_equal(mlab_info(l).bytes_acked, 10);
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 11(5) ack 1 dss map 11:11+0"); /* the last word */
    mlab_send(l, 5);
    mlab_in(l, 1, ". 1(0) ack 16");
    mlab_want(l, 1, "P. 16(5) ack 1");
    mlab_free(l);
}

static void test_first_answer_without_options(void **state) { /* M-MBX-05: the server's first bytes come bare */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    mlab_in(l, 1, "P. 1(10) ack 1");
    mlab_want(l, 1, ". 1(0) ack 11");
    mlab_recv(l, 10);
    mlab_send(l, 10);
    mlab_want(l, 1, "P. 1(10) ack 11 dss map 1:1+0");
    mlab_in(l, 1, ". 11(0) ack 11");
    is_tcp(l, false);
    mlab_free(l);
}

static void test_servers_data_acked_without_dss(void **state) { /* M-FBK-07, M-MBX-04: in the other role */
    struct mlab *l = mlab_new_open(&server);
    (void)state;
    mlab_send(l, 10);
    mlab_want(l, 1, "P. 1(10) ack 1 dss ack32 1 map 1:1+10");
    mlab_in(l, 1, ". 1(0) ack 11");
    assert_int_equal(mlab_mib(l, MIB_MPC_DATA_FALLBACK), 1);
    mlab_in(l, 1, "P. 1(10) ack 11");
    mlab_wait(l, MSEC(50));
    mlab_want(l, 1, ". 11(0) ack 11");
    mlab_recv(l, 10);
    is_tcp(l, true);
    mlab_free(l);
}

static void test_first_fin_without_options(void **state) { /* a peer that closes at once, behind such a middlebox */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    mlab_in(l, 1, "F. 1(0) ack 1");
    mlab_want(l, 1, ". 1(0) ack 2");
    mlab_recv_end(l);
    mlab_close(l);
    mlab_want(l, 1, "F. 1(0) ack 2");
    mlab_free(l);
}

/* M-DAK-11, M-FBK-03: the path is proven, nothing follows */
static void test_data_acked_without_dss_later(void **state) {
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 5);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 11");
    assert_true(mlab_info(l).is_mptcp);
    assert_int_equal(mlab_info(l).bytes_acked, 5); /* M-SEM-02: TCP's acknowledgment says nothing of the stream */
    mlab_in(l, 1, ". 6(0) ack 11 dss ack 11");
    assert_int_equal(mlab_info(l).bytes_acked, 10);
    mlab_free(l);
}

static void test_joined_data_acked_without_dss(void **state) { /* M-FBK-04, -05, -06, M-MBX-14 */
    struct mlab *l = two(&server);
    (void)state;
    mlab_in(l, 1, "R. 6(0) ack 6");
    mlab_send(l, 100);
    mlab_want(l, 2, "P. 1(100) ack 1 dss ack 6 map 6:1+100");
    mlab_in(l, 2, ". 1(0) ack 101");
    mlab_want(l, 2, "R. 101(0) tcprst 6");
    mlab_want_none(l);
    assert_int_equal(mlab_info(l).state, UMPTCP_ESTABLISHED);
    assert_int_equal(mlab_info(l).bytes_acked, 5);
    mlab_join_in(l, 3, 3, 8); /* and the bytes find another way */
    mlab_free(l);
}

/* M-FBK-10, -31, M-MBX-16, -24: both ways at once, nothing is lost */
/* M-FBK-10, M-MBX-16: the peer is plain TCP by now, or cannot be heard: nothing is sent to it under other numbers. */
static void test_acknowledgments_lose_their_options(void **state) {
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5");
    mlab_in(l, 1, ". 6(0) ack 11");
    mlab_wait(l, SEC(10));
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_MPTCP_RETRANS), 0);
    assert_int_equal(mlab_mib(l, MIB_DSS_FALLBACK), 1);
    assert_int_equal(mlab_info(l).bytes_acked, 10);
    mlab_in(l, 1, "P. 6(5) ack 11");
    mlab_wait(l, MSEC(50));
    mlab_want(l, 1, ". 11(0) ack 11");
    mlab_recv(l, 5);
    is_tcp(l, true);
    mlab_free(l);
}

static void test_late_data_ack_after_a_bare_one(void **state) { /* it was one segment's only */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 5);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 11");
    mlab_in(l, 1, ". 6(0) ack 11 dss ack 6"); /* options do come, the DATA_ACK does not */
    mlab_wait_sent(l, SEC(2));
    mlab_want(l, 1, "P. 11(5) ack 6 dss ack 6 map 6:11+5");
    assert_true(mlab_info(l).is_mptcp);
    mlab_free(l);
}

/* M-FBK-10, M-MBX-16, M-RTX-05: what was not seen to be lost is asked for, not sent again */
static void test_sent_again_on_proof_only(void **state) {
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5");
    mlab_in(l, 1, ". 6(0) ack 11");
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6"); /* it is older than the bare one before it */
    mlab_wait_sent(l, SEC(2));
    mlab_want(l, 1, ". 10(0) ack 6 dss ack 6");
    assert_int_equal(mlab_mib(l, MIB_MPTCP_RETRANS), 0);
    mlab_in(l, 1, ". 6(0) ack 11 dss ack 6");
    mlab_wait_sent(l, SEC(2));
    mlab_want(l, 1, "P. 11(5) ack 6 dss ack 6 map 6:11+5");
    mlab_free(l);
}

static void test_half_a_mapping_proves_nothing(void **state) { /* M-RTX-05: its checksum could not be looked at yet */
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_send(l, 1500);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 1002 dss ack 6");
    mlab_wait(l, SEC(30)); /* TCP sends the other half again, and again */
    mlab_skip(l);
    assert_int_equal(mlab_mib(l, MIB_MPTCP_RETRANS), 0);
    mlab_in(l, 1, ". 6(0) ack 1506 dss ack 6");
    mlab_wait(l, SEC(300));
    mlab_skip(l);
    assert_true(mlab_mib(l, MIB_MPTCP_RETRANS) > 0);
    mlab_free(l);
}

static void test_bare_and_no_way_back(void **state) { /* M-FBK-10, M-MBX-16: an end, not silence */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_conn(l)->reinjected = true;
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5");
    mlab_in(l, 1, ". 6(0) ack 11");
    for (int i = 0; i < 3; i++) {
        mlab_wait_sent(l, SEC(10));
        mlab_want(l, 1, ". 10(0) ack 6 dss ack 6");
        mlab_in(l, 1, ". 6(0) ack 11");
    }
    mlab_wait_sent(l, SEC(10));
    mlab_want(l, 1, "R. 11(0) ack 6 tcprst 6");
    assert_int_equal(mlab_mib(l, MIB_MPTCP_RETRANS), 0);
    mlab_free(l);
}

/* M-FBK-10, M-DAK-11: until it is decided what they are, bytes without a mapping are not asked for again. */
static void test_no_data_ack_beside_unmapped_bytes(void **state) {
    struct mlab *l = talked(&server);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6");
    mlab_send(l, 5);
    mlab_want(l, 1, ". 6(0) ack 11");
    mlab_want(l, 1, "P. 6(5) ack 11 dss map 6:6+5");
    mlab_close(l);
    mlab_want(l, 1, ". 11(0) ack 11 dss map 11:0+1 fin");
    mlab_in(l, 1, "P. 11(5) ack 11 dss ack 6 map 6:6+10");
    mlab_skip(l);
    mlab_free(l);
}

static void test_fall_back_after_a_gap_was_told(void **state) { /* M-FBK-10, -19: what follows may have come before */
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5 csum bad");
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 6 fail 6");
    mlab_in(l, 1, "P. 11(5) ack 6");
    mlab_wait(l, MSEC(250));
    mlab_want(l, 1, ". 6(0) ack 16");
    mlab_want(l, 1, "R. 6(0) ack 16 tcprst 6");
    mlab_free(l);
}

/* M-FBK-10: as soon as our third ACK is out the peer may have put bytes there, which the first subflow lacks. */
static void test_no_fall_back_beside_a_join(void **state) {
    struct mlab *l = talked(NULL);
    struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW};
    (void)state;
    assert_int_equal(umptcp_addr_parse("10.0.2.1", &ep.addr.addr), 0);
    assert_true(umptcp_endpoint_add(l->s, &ep, l->now) > 0);
    mlab_wait_sent(l, SEC(1));
    mlab_skip(l);
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj");
    mlab_want(l, 2, ". 1(0) ack 1 mpj");
    mlab_in(l, 2, "R. 1(0) ack 1 tcprst 3");
    mlab_in(l, 1, "P. 6(5) ack 6");
    mlab_wait(l, MSEC(250));
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 6");
    mlab_want(l, 1, "R. 6(0) ack 11 tcprst 6");
    mlab_free(l);
}

static void test_stripped_in_mid_stream(void **state) {
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5");
    mlab_in(l, 1, "P. 6(5) ack 11");
    mlab_wait(l, MSEC(250));
    mlab_skip(l);
    mlab_recv(l, 5);
    assert_int_equal(mlab_info(l).bytes_acked, 10);
    assert_false(mlab_info(l).is_mptcp);
    mlab_free(l);
}

/* M-FBK-10: each side speaks when it has heard the other, in small words. The one answer that has to wait until it is
 * certain that no mapping comes does not wait longer than the patience; from there on it is plain TCP at full speed. */
static void test_stripped_while_a_segment_is_missing(void **state) { /* M-FBK-10: it comes again without its mapping */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_in(l, 1, "P. 11(5) ack 6 dss ack 6 map 11:11+5");
    mlab_skip(l);
    mlab_in(l, 1, "P. 6(5) ack 6");
    mlab_wait(l, MSEC(200));
    mlab_skip(l);
    assert_false(mlab_info(l).is_mptcp);
    mlab_recv(l, 10);
    mlab_in(l, 1, "P. 16(5) ack 6");
    mlab_skip(l);
    mlab_recv(l, 5);
    mlab_free(l);
}

static void test_stripped_while_data_is_missing(void **state) { /* M-FBK-10: what came later is not where TCP has it */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_in(l, 1, "P. 11(5) ack 6 at 21 dss ack 6 map 21:11+5");
    mlab_skip(l);
    mlab_in(l, 1, "P. 6(5) ack 6");
    mlab_skip(l);
    mlab_wait(l, MSEC(400));
    mlab_want(l, 1, "R. 6(0) ack 16 tcprst 6");
    mlab_free(l);
}

/* M-FBK-10, -32: the same, told by the mapping of a segment that is missing itself */
static void test_stripped_before_a_gap_is_filled(void **state) {
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_send(l, 5);
    mlab_skip(l);
    mlab_in(l, 1, "P. 6(5) ack 1 at 26 dss map 21:1+10");
    mlab_skip(l);
    mlab_in(l, 1, ". 11(0) ack 6");
    mlab_want(l, 1, "R. 6(0) ack 1 tcprst 6");
    mlab_free(l);
}

/* M-FBK-10, -32: the same, told by the mapping of octets that wait for its checksum */
static void test_stripped_while_a_checksum_is_not_complete(void **state) {
    struct mlab *l = mlab_new_full(&checked);
    (void)state;
    mlab_send(l, 5);
    mlab_skip(l);
    mlab_in(l, 1, "P. 1(5) ack 1 at 21 dss map 21:1+10");
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6");
    mlab_want(l, 1, "R. 6(0) ack 6 tcprst 6");
    mlab_free(l);
}

static void test_join_in_its_handshake_is_given_up(void **state) { /* M-FBK-10: nothing was ever sent on it */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    mlab_skip(l);
    mlab_in(l, 1, "P. 6(5) ack 6");
    mlab_wait(l, MSEC(200));
    mlab_want(l, 2, "R. 1(0) ack 1 tcprst 1");
    mlab_skip(l);
    mlab_recv(l, 5);
    assert_false(mlab_info(l).is_mptcp);
    assert_int_equal(mlab_info(l).subflows, 1);
    mlab_free(l);
}

static void test_requests_and_responses_go_on(void **state) {
    struct mlab *l = talked(&server);
    char text[40];
    (void)state;
    for (int i = 0; i < 4; i++) {
        mlab_send(l, 5);
        mlab_skip(l);
        snprintf(text, sizeof text, "P. %d(5) ack %d", 6 + 5 * i, 11 + 5 * i);
        mlab_in(l, 1, text);
        mlab_skip(l);
        if (i == 0) {
            mlab_recv(l, 0);
            mlab_wait(l, MSEC(200));
            mlab_skip(l);
            assert_false(mlab_info(l).is_mptcp);
        }
        mlab_recv(l, 5);
    }
    assert_int_equal(mlab_info(l).bytes_acked, 25);
    mlab_free(l);
}

static void test_fin_waits_with_unmapped_data(void **state) { /* the end comes before the decision */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_in(l, 1, "FP. 6(5) ack 6");
    mlab_wait(l, MSEC(250));
    mlab_skip(l);
    mlab_recv(l, 5);
    mlab_recv_end(l);
    mlab_free(l);
}

static void test_longer_payload(void **state) { /* M-FBK-28, M-MBX-27, -28: a gateway inserted five bytes */
    struct mlab *l = talked(&checked);
    (void)state;
    mlab_in(l, 1, "P. 6(15) ack 6 dss ack 6 map 6:6+10 csum bad");
    mlab_skip(l);
    mlab_wait(l, MSEC(250)); /* the five have no mapping */
    mlab_skip(l);
    uint8_t buf[20];
    assert_int_equal(umptcp_recv(l->s, l->sock, buf, sizeof buf, l->now), 15);
    assert_false(mlab_info(l).is_mptcp);
    mlab_free(l);
}

static void test_after_reinjection(void **state) { /* M-FBK-10: what was sent twice is not one stream any more */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_conn(l)->reinjected = true;
    mlab_in(l, 1, "P. 6(5) ack 6 dss map 6:6+0");
    mlab_want(l, 1, "R. 6(0) tcprst 1");
    mlab_free(l);
}

/* ---- Without memory ---------------------------------------------------------------------------------------------- */

static bool fallback_round(uint64_t fail_at) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .peer_csum = true, .fail_at = fail_at});
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_send(l, 3000);
    mlab_in(l, 1, "P. 11(5) ack 3001 dss ack 3001 map 11:11+5 csum bad");
    mlab_in(l, 1, "P. 6(5) ack 3001 dss ack 3001 map 6:6+5");
    mlab_in(l, 1, ". 16(0) ack 3001 fail 1 dss ack 3001");
    mlab_in(l, 1, "P. 16(5) ack 3001 dss map 16:16+0 csum zero");
    mlab_send(l, 100);
    mlab_in(l, 1, "F. 21(0) ack 3101");
    mlab_close(l);
    mlab_wait(l, SEC(2000));
    mlab_skip(l);
    assert_null(mlab_conn(l));
    return mlab_free_refused(l);
}

static void test_without_memory(void **state) {
    uint64_t n = 1;
    (void)state;
    while (fallback_round(n))
        n++;
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_checksum_alone),
        cmocka_unit_test(test_after_bad_checksum_bytes_are_taken),
        cmocka_unit_test(test_bad_checksum_in_pieces),
        cmocka_unit_test(test_ends_while_it_waits_for_tcp),
        cmocka_unit_test(test_no_join_after_fail),
        cmocka_unit_test(test_bad_checksum_on_one_of_two),
        cmocka_unit_test(test_bad_checksum_in_pieces_on_one_of_two),
        cmocka_unit_test(test_bad_checksum_after_a_join),
        cmocka_unit_test(test_damage_without_checksums),
        cmocka_unit_test(test_fail_received),
        cmocka_unit_test(test_fail_received_with_data_in_flight),
        cmocka_unit_test(test_fail_received_on_one_of_two),
        cmocka_unit_test(test_fail_with_reset),
        cmocka_unit_test(test_fail_received_for_acked_data),
        cmocka_unit_test(test_both_fail),
        cmocka_unit_test(test_infinite_mapping_unasked),
        cmocka_unit_test(test_infinite_mapping_with_two),
        cmocka_unit_test(test_infinite_mapping_beside_a_hole),
        cmocka_unit_test(test_infinite_mapping_before_earlier_data),
        cmocka_unit_test(test_first_data_acked_without_dss),
        cmocka_unit_test(test_first_answer_without_options),
        cmocka_unit_test(test_servers_data_acked_without_dss),
        cmocka_unit_test(test_first_fin_without_options),
        cmocka_unit_test(test_data_acked_without_dss_later),
        cmocka_unit_test(test_joined_data_acked_without_dss),
        cmocka_unit_test(test_acknowledgments_lose_their_options),
        cmocka_unit_test(test_late_data_ack_after_a_bare_one),
        cmocka_unit_test(test_sent_again_on_proof_only),
        cmocka_unit_test(test_half_a_mapping_proves_nothing),
        cmocka_unit_test(test_bare_and_no_way_back),
        cmocka_unit_test(test_no_data_ack_beside_unmapped_bytes),
        cmocka_unit_test(test_fall_back_after_a_gap_was_told),
        cmocka_unit_test(test_no_fall_back_beside_a_join),
        cmocka_unit_test(test_stripped_in_mid_stream),
        cmocka_unit_test(test_stripped_while_a_segment_is_missing),
        cmocka_unit_test(test_stripped_while_data_is_missing),
        cmocka_unit_test(test_stripped_before_a_gap_is_filled),
        cmocka_unit_test(test_stripped_while_a_checksum_is_not_complete),
        cmocka_unit_test(test_join_in_its_handshake_is_given_up),
        cmocka_unit_test(test_requests_and_responses_go_on),
        cmocka_unit_test(test_fin_waits_with_unmapped_data),
        cmocka_unit_test(test_longer_payload),
        cmocka_unit_test(test_after_reinjection),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
