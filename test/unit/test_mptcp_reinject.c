/* SPDX-License-Identifier: BSD-3-Clause */
/* DATA_ACKs, the peer's window, and bytes that are sent again on another subflow (RFC 8684 3.3.2, 3.3.5, 3.3.6). */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

enum { MSS = 996 }; /* of the peer's 1024, with 28 bytes of options */

static const struct mlab_options server = {.server = true};

/* Five bytes went each way with a round trip of 50 ms. */
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

/* The same, and a second subflow with the same round trip. */
static struct mlab *two(const struct umptcp_config *cfg) {
    struct mlab *l = talked(&(struct mlab_options){.server = true, .cfg = cfg});
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_skip(l);
    return l;
}

/* ---- DATA_ACK -----------------------------------------------------------------------------------------------------
 */

static void test_data_acks_that_cannot_be(void **state) { /* M-DAK-12 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 100);
    mlab_skip(l);
    static const char *const bad[] = {
        ". 6(0) ack 6 dss ack 107", ". 6(0) ack 6 dss ack 9000000",      ". 6(0) ack 6 dss ack 5",
        ". 6(0) ack 6 dss ack 0",   ". 6(0) ack 6 dss ack32 2000000000", ". 6(0) ack 6 dss ack 9300000000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mlab_in(l, 1, bad[i]);
        assert_int_equal(mlab_info(l).bytes_acked, 5);
    }
    mlab_in(l, 1, ". 6(0) ack 106 dss ack 106");
    assert_int_equal(mlab_info(l).bytes_acked, 105);
    mlab_free(l);
}

static void test_data_ack_on_another_subflow(void **state) { /* M-DAK-13, M-SEM-02 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_in(l, 1, ". 6(0) ack 106"); /* TCP has it, that says nothing of the stream */
    assert_int_equal(mlab_info(l).bytes_acked, 5);
    mlab_in(l, 2, ". 1(0) ack 1 dss ack 106");
    assert_int_equal(mlab_info(l).bytes_acked, 105);
    assert_int_equal(bytebuf_chunks(&mlab_conn(l)->sndbuf), 0);
    mlab_free(l);
}

/* M-RTX-01, -04: what a subflow that dies had its acknowledgment for goes elsewhere at once, as no DATA_ACK came */
static void test_acknowledged_by_a_subflow_that_dies(void **state) {
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_in(l, 1, ". 6(0) ack 106 dss ack 56"); /* a part of it went on, the rest is lost with the proxy */
    mlab_want_none(l);
    mlab_in(l, 1, "R. 6(0) ack 106");
    mlab_want(l, 2, "P. 1(50) ack 1 dss ack 6 map 56:1+50");
    mlab_want_none(l);
    mlab_in(l, 2, ". 1(0) ack 51 dss ack 106");
    assert_int_equal(bytebuf_chunks(&mlab_conn(l)->sndbuf), 0);
    mlab_free(l);
}

static void test_kept_until_both_have_acknowledged(void **state) { /* M-DAK-06, M-RTX-02, -04, M-MBX-33 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_in(l, 2, ". 1(0) ack 1 dss ack 106"); /* the stream has it: not so the subflow */
    assert_int_equal(mlab_info(l).bytes_acked, 105);
    assert_int_equal(bytebuf_chunks(&mlab_conn(l)->sndbuf), 1);
    for (int i = 0; i < 4; i++) { /* the same bytes, under the same mapping, again and again */
        mlab_wait_sent(l, SEC(10));
        mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    }
    mlab_send(l, 40000); /* and whatever else is written meanwhile */
    mlab_wait(l, SEC(60));
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 106");
    assert_null(tx_map_find(mlab_sf(l, 1), (struct ssn){6}));
    mlab_free(l);
}

/* M-RTX-05, -11, M-MBX-30: TCP's ACK, and the bytes are lost */
static void test_acknowledged_by_a_proxy(void **state) {
    struct mlab *l = talked(&server);
    dur last = 0;
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_in(l, 1, ". 6(0) ack 106 dss ack 6");
    for (int i = 0; i < 3; i++) {
        char text[80];
        dur now = mlab_wait_sent(l, SEC(10));
        snprintf(text, sizeof text, "P. %d(100) ack 6 dss ack 6 map 6:%d+100", 106 + 100 * i, 106 + 100 * i);
        mlab_want(l, 1, text); /* a new mapping, new numbers of the subflow (M-RTX-12) */
        snprintf(text, sizeof text, ". 6(0) ack %d dss ack 6", 206 + 100 * i);
        mlab_in(l, 1, text);
        assert_true(last == 0 ? now >= MSEC(200) : now == 2 * last);
        last = now;
    }
    assert_int_equal(mlab_mib(l, MIB_MPTCP_RETRANS), 3);
    mlab_in(l, 1, ". 6(0) ack 406 dss ack 106");
    mlab_wait(l, SEC(100));
    mlab_want_none(l);
    mlab_free(l);
}

/* M-RTX-05, M-MBX-30: a proxy that acknowledges and delivers nothing is not believed for ever. */
static void test_swallowed_by_a_proxy(void **state) {
    struct mlab *l = talked(&server);
    uint64_t sent = 106;
    (void)state;
    mlab_send(l, 100);
    mlab_skip(l);
    while (mlab_info(l).state == UMPTCP_ESTABLISHED && sent < 10000) {
        char text[80];
        snprintf(text, sizeof text, ". 6(0) ack %u dss ack 6", (unsigned)sent);
        mlab_in(l, 1, text);
        mlab_wait_sent(l, SEC(200));
        mlab_skip(l);
        sent += 100;
    }
    assert_int_equal(mlab_mib(l, MIB_MPTCP_RETRANS), mlab_config().retries2 + 1);
    mlab_closed(l, ETIMEDOUT);
    mlab_free(l);
}

/* M-MBX-30, M-RTX-05: a proxy on one path acknowledged and lost them; the other one may do better. */
static void test_lost_where_it_is_fast(void **state) {
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_in(l, 1, ". 6(0) ack 106 dss ack 6");
    mlab_wait_sent(l, SEC(2));
    mlab_want(l, 2, "P. 1(100) ack 1 dss ack 6 map 6:1+100");
    mlab_want_none(l);
    mlab_free(l);
}

/* ---- Other subflows -----------------------------------------------------------------------------------------------
 */

static void test_after_a_timeout(void **state) { /* M-RTX-01, -02, -06, -12, -14, M-MAP-03 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_wait(l, SEC(1));
    mlab_want(l, 2, "P. 1(100) ack 1 dss ack 6 map 6:1+100");
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100"); /* and this one goes on trying */
    mlab_skip(l);
    assert_int_equal(mlab_info(l).bytes_reinjected, 100);
    assert_int_equal(mlab_info(l).bytes_sent, 105);
    assert_int_equal(mlab_mib(l, MIB_MPTCP_RETRANS), 1);
    mlab_in(l, 2, ". 1(0) ack 101 dss ack 106");
    mlab_send(l, 100);
    mlab_want(l, 2, "P. 101(100) ack 1 dss ack 6 map 106:101+100"); /* new data stays with the path that works */
    mlab_free(l);
}

static void test_after_a_reset(void **state) { /* at once, and only what is missing */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 3 * MSS);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 1002 dss ack 1002");
    mlab_skip(l);
    mlab_in(l, 1, "R. 6(0) ack 1002");
    mlab_want(l, 2, ". 1(996) ack 1 dss ack 6 map 1002:1+1992");
    mlab_want(l, 2, "P. 997(996) ack 1 dss ack 6 map 1002:1+1992");
    assert_int_equal(mlab_info(l).bytes_reinjected, 2 * MSS);
    mlab_in(l, 2, ". 1(0) ack 1993 dss ack 2994");
    mlab_wait(l, SEC(100));
    mlab_want_none(l);
    mlab_free(l);
}

static void test_late_data_ack_makes_it_needless(void **state) {
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_skip(l);
    mlab_wait(l, MSEC(150));
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 106 dss ack 106");
    mlab_wait(l, SEC(100));
    mlab_want_none(l);
    assert_int_equal(mlab_info(l).bytes_reinjected, 0);
    mlab_free(l);
}

static void test_more_than_the_other_takes(void **state) { /* it goes as that makes room, lost bytes before new ones */
    struct mlab *l = two(NULL);
    char text[80];
    (void)state;
    mlab_send(l, 30 * MSS);
    mlab_skip(l);
    mlab_in(l, 1, "R. 6(0) ack 6");
    for (int i = 0; i < 200 && mlab_info(l).bytes_acked < 5 + 30 * MSS; i++) {
        mlab_skip(l);
        uint64_t came = mlab_sf(l, 2)->tcb.snd_nxt.v; /* in order there, and so in the stream, from 6 on */
        snprintf(text, sizeof text, ". 1(0) ack %llu dss ack %llu", (unsigned long long)came,
                 (unsigned long long)came + 5);
        mlab_in(l, 2, text);
        mlab_wait(l, MSEC(10));
    }
    assert_int_equal(mlab_info(l).bytes_acked, 5 + 30 * MSS);
    mlab_free(l);
}

static void test_stale_and_back(void **state) { /* M-RTX-13, M-POL-10 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_wait(l, SEC(1));
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 101 dss ack 106");
    assert_false(mlab_sf(l, 1)->stale);
    mlab_wait(l, SEC(10));
    mlab_skip(l);
    assert_true(mlab_sf(l, 1)->stale);
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_STALE).subflow, 1);
    assert_int_equal(mlab_mib(l, MIB_SUBFLOW_STALE), 1);
    mlab_send(l, 100);
    mlab_want(l, 2, "P. 101(100) ack 1 dss ack 6 map 106:101+100");
    mlab_in(l, 2, ". 1(0) ack 201 dss ack 206");
    mlab_in(l, 1, ". 6(0) ack 106 dss ack 206"); /* it lives */
    assert_false(mlab_sf(l, 1)->stale);
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_ALIVE).subflow, 1);
    assert_int_equal(mlab_mib(l, MIB_SUBFLOW_RECOVER), 1);
    mlab_in(l, 2, "R. 1(0) ack 201");
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 106(100) ack 6 dss ack 6 map 206:106+100");
    mlab_free(l);
}

static void test_given_up(void **state) { /* M-RTX-06, -07, -08: its own tries are bounded, the connection goes on */
    struct umptcp_config cfg = mlab_config();
    cfg.retries2 = 3;
    struct mlab *l = two(&cfg);
    (void)state;
    mlab_send(l, 100);
    mlab_wait(l, SEC(1));
    mlab_in(l, 2, ". 1(0) ack 101 dss ack 106");
    mlab_wait(l, SEC(60));
    mlab_skip(l);
    assert_null(mlab_sf(l, 1));
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_DOWN).error, ETIMEDOUT);
    assert_int_equal(mlab_info(l).state, UMPTCP_ESTABLISHED);
    assert_int_equal(bytebuf_chunks(&mlab_conn(l)->sndbuf), 0); /* nobody wants them any more */
    mlab_free(l);
}

static void test_all_paths_in_trouble(void **state) { /* then any of them may try */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_wait(l, SEC(3));
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 106 dss ack 106");
    mlab_in(l, 2, ". 1(0) ack 101 dss ack 106");
    mlab_send(l, 100);
    assert_non_null(l->out);
    mlab_skip(l);
    mlab_free(l);
}

static void test_hole_of_a_dead_subflow_first(void **state) { /* lost bytes go before new ones */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 5 * MSS);
    mlab_skip(l);
    mlab_in(l, 1, "R. 6(0) ack 6");
    mlab_send(l, 10 * MSS);
    uint64_t first = mlab_sf(l, 2) ? l->flow[2].maps[0].dsn : 0;
    assert_int_equal(first, 6);
    mlab_skip(l);
    mlab_free(l);
}

/* ---- The peer's window ------------------------------------------------------------------------------------------- */

static void test_only_with_data_ack(void **state) { /* M-DAK-05, M-SND-01, -02, M-SEM-06 */
    struct mlab *l = talked(&(struct mlab_options){.server = true, .peer_win = 2000});
    (void)state;
    mlab_send(l, 10 * MSS);
    assert_int_equal(mlab_skip(l), 2);
    mlab_in(l, 1, ". 6(0) ack 1998 win 60000"); /* TCP's window grows, the connection's does not */
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 1998 win 60000 dss ack 6"); /* an old DATA_ACK, a larger edge: that counts */
    assert_int_equal(mlab_skip(l), 8);
    mlab_in(l, 1, ". 6(0) ack 3000 win 100 dss ack 1998"); /* a smaller edge: nothing is taken back */
    assert_int_equal(mlab_conn(l)->wnd_edge.v - l->idsn, 60006);
    mlab_free(l);
}

static void test_each_window_counts_too(void **state) { /* M-SND-03, -04, M-MBX-34 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(0) ack 6 win 1500 dss ack 6"); /* shrunk on the way */
    mlab_send(l, 15 * MSS);
    mlab_skip(l);
    assert_in_range(mlab_sf(l, 1)->tcb.snd_nxt.v, 1, 6 + 1500);
    assert_true(mlab_sf(l, 2)->tcb.snd_nxt.v > 1);
    mlab_free(l);
}

static void test_closed_window(void **state) { /* M-SND-06: probed for ever, while the peer answers */
    struct mlab *l = talked(&(struct mlab_options){.server = true, .peer_win = 1000});
    dur last = 0;
    (void)state;
    mlab_send(l, MSS);
    mlab_want(l, 1, "P. 6(996) ack 6 dss ack 6 map 6:6+996");
    mlab_in(l, 1, ". 6(0) ack 1002 win 0 dss ack 1002");
    mlab_send(l, MSS);
    mlab_want_none(l);
    for (int i = 0; i < 5; i++) {
        dur now = mlab_wait_sent(l, SEC(60));
        mlab_want(l, 1, ". 1001(0) ack 6 dss ack 6"); /* below the window: it must be answered */
        mlab_in(l, 1, ". 6(0) ack 1002 win 0 dss ack 1002");
        mlab_want_none(l);
        assert_true(now >= last && now >= MSEC(200));
        last = now;
    }
    assert_true(mlab_mib(l, MIB_WIN_PROBE) + mlab_mib(l, MIB_TCP_ZERO_WINDOW_PROBES) >= 5);
    /* the update was lost; the answer to the next probe brings it */
    mlab_wait_sent(l, SEC(120));
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 1002 win 10000 dss ack 1002");
    mlab_want(l, 1, "P. 1002(996) ack 6 dss ack 6 map 1002:1002+996");
    mlab_skip(l);
    mlab_free(l);
}

static void test_closed_window_at_once_open(void **state) { /* the update arrives */
    struct mlab *l = talked(&(struct mlab_options){.server = true, .peer_win = 1000});
    (void)state;
    mlab_send(l, MSS);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 1002 win 0 dss ack 1002");
    mlab_send(l, MSS);
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 1002 win 1000 dss ack 1002");
    mlab_want(l, 1, "P. 1002(996) ack 6 dss ack 6 map 1002:1002+996");
    mlab_in(l, 1, ". 6(0) ack 1998 win 1000 dss ack 1998");
    mlab_wait(l, SEC(100));
    mlab_want_none(l);
    mlab_free(l);
}

static void test_closed_window_opens_on_another(void **state) { /* M-DAK-13, M-RCV-10 */
    struct mlab *l = talked(&(struct mlab_options){.server = true, .peer_win = 1000});
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_send(l, MSS);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 1002 win 0 dss ack 1002");
    mlab_send(l, MSS);
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 1 win 20000 dss ack 1002");
    mlab_want(l, 2, "P. 1(996) ack 1 dss ack 6 map 1002:1+996");
    mlab_free(l);
}

/* ---- Without memory ---------------------------------------------------------------------------------------------- */

static bool reinject_round(uint64_t fail_at) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .fail_at = fail_at});
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_send(l, 20000);
    mlab_wait(l, SEC(3));
    mlab_in(l, 1, ". 6(0) ack 1001 dss ack 1");
    mlab_in(l, 1, "R. 6(0) ack 1001");
    mlab_wait(l, SEC(3));
    mlab_in(l, 2, "R. 1(0) ack 1");
    mlab_join_in(l, 3, 3, 8);
    mlab_wait(l, SEC(20));
    mlab_skip(l);
    mlab_in(l, 3, ". 1(0) ack 1 fastclose");
    mlab_close(l);
    mlab_wait(l, SEC(300));
    mlab_skip(l);
    return mlab_free_refused(l);
}

static void test_without_memory(void **state) {
    uint64_t n = 1;
    (void)state;
    while (reinject_round(n))
        n++;
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_acks_that_cannot_be),
        cmocka_unit_test(test_data_ack_on_another_subflow),
        cmocka_unit_test(test_kept_until_both_have_acknowledged),
        cmocka_unit_test(test_acknowledged_by_a_subflow_that_dies),
        cmocka_unit_test(test_acknowledged_by_a_proxy),
        cmocka_unit_test(test_swallowed_by_a_proxy),
        cmocka_unit_test(test_lost_where_it_is_fast),
        cmocka_unit_test(test_after_a_timeout),
        cmocka_unit_test(test_after_a_reset),
        cmocka_unit_test(test_late_data_ack_makes_it_needless),
        cmocka_unit_test(test_more_than_the_other_takes),
        cmocka_unit_test(test_stale_and_back),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_all_paths_in_trouble),
        cmocka_unit_test(test_hole_of_a_dead_subflow_first),
        cmocka_unit_test(test_only_with_data_ack),
        cmocka_unit_test(test_each_window_counts_too),
        cmocka_unit_test(test_closed_window),
        cmocka_unit_test(test_closed_window_at_once_open),
        cmocka_unit_test(test_closed_window_opens_on_another),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
