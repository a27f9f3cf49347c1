/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes that cannot be placed yet: without a mapping, or of a mapping whose checksum is not complete (RFC 8684 3.3.1).
 */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

static struct mlab *plain(void) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true});
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_skip(l);
    mlab_recv(l, 5);
    return l;
}

static struct mlab *checked(void) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .peer_csum = true});
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_skip(l);
    mlab_recv(l, 5);
    assert_null(mlab_sf(l, 1)->hold); /* whole in its segment: no detour */
    return l;
}

/* ---- Checksums ----------------------------------------------------------------------------------------------------
 */

static void test_complete_before_it_is_delivered(void **state) { /* M-MAP-09 */
    struct mlab *l = checked();
    (void)state;
    mlab_in(l, 1, ". 6(1000) ack 1 dss ack 1 map 6:6+3000");
    mlab_want(l, 1, ". 1(0) ack 1006 dss ack 6");
    mlab_in(l, 1, ". 1006(1000) ack 1 dss ack 1");
    mlab_want(l, 1, ". 1(0) ack 2006 dss ack 6");
    mlab_recv(l, 0);
    mlab_in(l, 1, "P. 2006(1000) ack 1 dss ack 1 map 6:6+3000");
    mlab_want(l, 1, ". 1(0) ack 3006 dss ack 3006");
    mlab_recv(l, 3000);
    assert_null(mlab_sf(l, 1)->hold);
    mlab_free(l);
}

static void test_pieces_in_any_order(void **state) { /* M-MAP-31: odd lengths; the same sum */
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const char *const pieces[3] = {". 6(3) ack 1 dss ack 1 map 6:6+9", ". 9(3) ack 1 dss ack 1 map 6:6+9",
                                          "P. 12(3) ack 1 dss ack 1 map 6:6+9"};
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct mlab *l = checked();
        for (int k = 0; k < 3; k++) {
            mlab_recv(l, 0);
            mlab_in(l, 1, pieces[orders[i][k]]);
            mlab_in(l, 1, pieces[orders[i][k]]); /* twice */
        }
        mlab_skip(l);
        mlab_recv(l, 9);
        assert_null(mlab_sf(l, 1)->hold);
        assert_int_equal(mlab_mib(l, MIB_DATA_CSUM_ERR), 0);
        mlab_free(l);
    }
}

/* M-MAP-07, M-MAP-31: computed over 64-bit numbers, also with 32 */
static void test_odd_mappings_in_a_row(void **state) {
    struct mlab *l = checked();
    char text[80];
    uint32_t at = 6;
    (void)state;
    for (uint32_t len = 1; len < 60; len++) {
        snprintf(text, sizeof text, "P. %u(%u) ack 1 dss ack 1 %s %u:%u+%u", at, len, len % 2 ? "map" : "map32", at, at,
                 len);
        mlab_in(l, 1, text);
        mlab_recv(l, len);
        at += len;
    }
    mlab_skip(l);
    assert_int_equal(mlab_mib(l, MIB_DATA_CSUM_ERR), 0);
    mlab_free(l);
}

static void test_piece_then_all_of_it(void **state) { /* the held piece is of no use any more */
    struct mlab *l = checked();
    (void)state;
    mlab_in(l, 1, ". 11(5) ack 1 dss ack 1 map 6:6+10");
    assert_non_null(mlab_sf(l, 1)->hold);
    mlab_in(l, 1, "P. 6(10) ack 1 dss ack 1 map 6:6+10");
    mlab_skip(l);
    mlab_recv(l, 10);
    assert_null(mlab_sf(l, 1)->hold);
    mlab_free(l);
}

static void test_all_of_it_then_a_piece(void **state) { /* out of order, complete; then a part of it again */
    struct mlab *l = checked();
    (void)state;
    mlab_in(l, 1, "P. 16(10) ack 1 dss ack 1 map 16:16+10");
    mlab_in(l, 1, ". 18(4) ack 1 other dss ack 1 map 16:16+10");
    assert_null(mlab_sf(l, 1)->hold);
    mlab_in(l, 1, "P. 6(10) ack 1 dss ack 1 map 6:6+10");
    mlab_skip(l);
    mlab_recv(l, 20);
    mlab_free(l);
}

static void test_first_copy_of_a_held_byte(void **state) { /* M-MAP-04: also while it waits */
    struct mlab *l = checked();
    (void)state;
    mlab_in(l, 1, ". 9(3) ack 1 dss ack 1 map 6:6+9");
    mlab_in(l, 1, ". 9(3) ack 1 other dss ack 1 map 6:6+9");
    mlab_in(l, 1, ". 6(3) ack 1 dss ack 1 map 6:6+9");
    mlab_in(l, 1, ". 12(3) ack 1 dss ack 1 map 6:6+9");
    mlab_skip(l);
    mlab_recv(l, 9);
    mlab_free(l);
}

static void test_data_fin_waits_for_the_checksum(void **state) { /* M-CLS-06: it is believed with its mapping */
    struct mlab *l = checked();
    (void)state;
    mlab_in(l, 1, ". 6(5) ack 1 dss ack 1 map 6:6+11 fin");
    mlab_want(l, 1, ". 1(0) ack 11 dss ack 6");
    assert_false(mlab_conn(l)->fin_rcvd);
    mlab_in(l, 1, "P. 11(5) ack 1 dss ack 1 map 6:6+11 fin");
    mlab_want(l, 1, ". 1(0) ack 16 dss ack 16");
    mlab_want(l, 1, ". 1(0) ack 16 dss ack 17");
    mlab_recv(l, 10);
    mlab_recv_end(l);
    mlab_free(l);
}

static void test_held_bytes_go_with_their_subflow(void **state) {
    struct mlab *l = checked();
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 2, ". 1(1000) ack 1 dss ack 1 map 6:1+2000");
    assert_non_null(mlab_sf(l, 2)->hold);
    mlab_in(l, 2, "R. 1001(0) ack 1");
    mlab_in(l, 1, ". 6(1000) ack 1 dss ack 1 map 6:6+1000");
    mlab_recv(l, 1000);
    mlab_skip(l);
    mlab_free(l);
}

/* M-MAP-13, -26: octets that are in the stream can be in no checksum any more; the right mapping is not hindered */
static void test_mapping_of_octets_that_are_gone(void **state) {
    struct mlab *l = checked();
    (void)state;
    assert_int_equal(mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 3:3+8"), DROP_MP_MAP_BAD);
    assert_int_equal(mlab_mib(l, MIB_DSS_NOT_MATCHING), 1);
    mlab_skip(l);
    mlab_recv(l, 0);
    mlab_in(l, 1, ". 11(0) ack 1 dss ack 1 map 6:6+5");
    mlab_want(l, 1, ". 1(0) ack 11 dss ack 11");
    mlab_recv(l, 5);
    assert_null(mlab_sf(l, 1)->hold);
    mlab_free(l);
}

/* ---- Without a mapping ------------------------------------------------------------------------------------------- */

static void test_patience(void **state) { /* M-MAP-12, -13, -14, -16 */
    struct mlab *l = plain();
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1");
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 6");
    mlab_wait(l, MSEC(199));
    mlab_want_none(l);
    mlab_wait(l, MSEC(2));
    mlab_want(l, 2, "R. 1(0) tcprst 6");
    mlab_want_none(l);
    assert_int_equal(mlab_drops(l, DROP_MP_UNMAPPED), 1);
    assert_null(mlab_sf(l, 2));
    mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+5");
    mlab_want(l, 1, ". 1(0) ack 11 dss ack 11");
    mlab_recv(l, 5); /* nothing of it is in the stream */
    mlab_free(l);
}

static void test_patience_is_rewarded(void **state) { /* M-MAP-14 */
    struct mlab *l = plain();
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 2, "P. 1(5) ack 1 at 6 dss ack 1");
    mlab_wait(l, MSEC(150));
    mlab_in(l, 2, "P. 6(5) ack 1 dss ack 1 map 6:1+10");
    mlab_skip(l);
    mlab_wait(l, SEC(1));
    mlab_recv(l, 10);
    assert_int_equal(mlab_info(l).subflows, 2);
    mlab_free(l);
}

static void test_one_does_not_calm_another(void **state) { /* mapped bytes elsewhere are no reason to wait for ever */
    struct mlab *l = plain();
    char text[80];
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1");
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "P. %d(5) ack 1 dss ack 1 map %d:%d+5", 6 + 5 * i, 6 + 5 * i, 6 + 5 * i);
        mlab_in(l, 1, text);
        mlab_wait(l, MSEC(30));
    }
    assert_null(mlab_sf(l, 2));
    mlab_skip(l);
    mlab_recv(l, 50);
    mlab_free(l);
}

static void test_a_window_of_it(void **state) { /* M-MAP-15, -16, M-FBK-09: no patience with that much */
    struct umptcp_config cfg = mlab_config();
    cfg.rmem_default = cfg.rmem_max = 3000;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_recv(l, 5);
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 2, ". 1(1000) ack 1 dss ack 1");
    mlab_in(l, 2, ". 1001(1000) ack 1 dss ack 1");
    assert_non_null(mlab_sf(l, 2));
    mlab_skip(l);
    mlab_in(l, 2, ". 2001(1000) ack 1 dss ack 1");
    mlab_want(l, 2, "R. 1(0) tcprst 6");
    mlab_free(l);
}

static void test_out_of_order_is_not_judged(void **state) { /* its mapping may be in what is missing */
    struct mlab *l = plain();
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 2, ". 1001(1000) ack 1 at 1006 dss ack 1");
    mlab_wait(l, SEC(2));
    assert_non_null(mlab_sf(l, 2));
    mlab_in(l, 2, ". 1(1000) ack 1 dss ack 1 map 6:1+2000");
    mlab_skip(l);
    mlab_recv(l, 2000);
    mlab_free(l);
}

static void test_alone_it_is_tcp(void **state) { /* M-FBK-10, M-MBX-16 */
    struct mlab *l = plain();
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 1");
    mlab_skip(l);
    mlab_recv(l, 0);
    mlab_wait(l, MSEC(101));
    mlab_want(l, 1, ". 1(0) ack 11"); /* the peer sees that no DATA_ACK will come */
    mlab_recv(l, 5);
    mlab_event(l, UMPTCP_EV_FALLBACK);
    assert_int_equal(mlab_mib(l, MIB_DSS_FALLBACK), 1);
    mlab_in(l, 1, "P. 11(5) ack 1");
    mlab_want(l, 1, ". 1(0) ack 16");
    mlab_recv(l, 5);
    mlab_free(l);
}

static void test_first_words_without_options(void **state) { /* M-MBX-04: nothing was ever mapped: at once */
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true});
    (void)state;
    mlab_sf(l, 1)->dss_seen = false; /* the DSS of the lab was an ACK; as if that had been an ADD_ADDR */
    mlab_in(l, 1, "P. 1(5) ack 1");
    mlab_want(l, 1, ". 1(0) ack 6");
    mlab_recv(l, 5);
    assert_int_equal(mlab_mib(l, MIB_MPC_DATA_FALLBACK), 1);
    mlab_free(l);
}

/* ---- Without memory ---------------------------------------------------------------------------------------------- */

static void test_no_memory_to_place(void **state) { /* what is held keeps its mapping, until there is memory */
    struct mlab *l = checked();
    (void)state;
    mlab_in(l, 1, ". 11(5) ack 1 dss ack 1 map 6:6+10");
    mlab_skip(l);
    chunk_pool_free(&l->s->env.chunks);
    l->tm.fail_at = l->tm.requests + 1;
    l->tm.fail_on = true;
    mlab_in(l, 1, ". 6(5) ack 1 dss ack 1 map 6:6+10");
    l->tm.fail_at = 0;
    mlab_skip(l);
    mlab_recv(l, 0);
    mlab_wait(l, SEC(1));
    assert_true(mlab_info(l).is_mptcp);
    mlab_in(l, 1, ". 16(0) ack 1 dss ack 1");
    mlab_in(l, 1, ". 16(1) ack 1 dss ack 1 map 16:16+1");
    mlab_skip(l);
    mlab_recv(l, 11);
    mlab_free(l);
}

static bool hold_round(uint64_t fail_at) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .peer_csum = true, .fail_at = fail_at});
    for (int again = 0; again < 3; again++) { /* what could not be kept comes again */
        mlab_in(l, 1, ". 9(3) ack 1 dss ack 1 map 1:1+14");
        mlab_in(l, 1, ". 5(2) ack 1 dss ack 1 map 1:1+14");
        mlab_in(l, 1, ". 1(4) ack 1 dss ack 1 map 1:1+14");
        mlab_in(l, 1, ". 7(2) ack 1 dss ack 1 map 1:1+14");
        mlab_in(l, 1, ". 20000(1000) ack 1 dss ack 1 map 20000:20000+1000");
        mlab_in(l, 1, "P. 12(3) ack 1 dss ack 1 map 1:1+14");
    }
    mlab_wait(l, SEC(1));
    mlab_skip(l);
    mlab_recv(l, 14);
    return mlab_free_refused(l);
}

static void test_without_memory(void **state) {
    uint64_t n = 1;
    (void)state;
    while (hold_round(n))
        n++;
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete_before_it_is_delivered),
        cmocka_unit_test(test_pieces_in_any_order),
        cmocka_unit_test(test_odd_mappings_in_a_row),
        cmocka_unit_test(test_piece_then_all_of_it),
        cmocka_unit_test(test_all_of_it_then_a_piece),
        cmocka_unit_test(test_first_copy_of_a_held_byte),
        cmocka_unit_test(test_data_fin_waits_for_the_checksum),
        cmocka_unit_test(test_mapping_of_octets_that_are_gone),
        cmocka_unit_test(test_held_bytes_go_with_their_subflow),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_patience_is_rewarded),
        cmocka_unit_test(test_one_does_not_calm_another),
        cmocka_unit_test(test_a_window_of_it),
        cmocka_unit_test(test_out_of_order_is_not_judged),
        cmocka_unit_test(test_alone_it_is_tcp),
        cmocka_unit_test(test_first_words_without_options),
        cmocka_unit_test(test_no_memory_to_place),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
