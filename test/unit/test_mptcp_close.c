/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a connection: DATA_FIN, the FINs of subflows, MP_FASTCLOSE, and no subflow left (RFC 8684 3.3.3, 3.5,
 * appendix D). */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

static const struct mlab_options server = {.server = true};

/* One subflow; five bytes went each way, in 64-bit numbers. */
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

static struct mlab *two(const struct mlab_options *o) {
    struct mlab *l = talked(o);
    mlab_join_in(l, 2, 2, 7);
    return l;
}

static enum umptcp_tcp_state state_of(struct mlab *l) { return mlab_info(l).state; }

/* Nothing of it is left, after the time that TCP keeps its own. */
static void gone(struct mlab *l) {
    mlab_wait(l, SEC(61));
    mlab_want_none(l);
    assert_null(mlab_conn(l));
    assert_int_equal(l->s->mp.tokens.table.count, 0);
    mlab_free(l);
}

/* ---- DATA_FIN ---------------------------------------------------------------------------------------------------- */

static void test_we_end_first(void **state) { /* M-CLS-02, -04, -10, -11, -14, M-PCB-05 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_shutdown(l);
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 map 6:0+1 fin");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack 6 map 6:0+1 fin");
    mlab_want_none(l);
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_1);
    mlab_in(l, 2, ". 1(0) ack 1 dss ack 7");
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_2);
    mlab_want_none(l); /* the subflows stay: the peer may still send */
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 7 map 6:6+5");
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 11");
    mlab_in(l, 1, ". 11(0) ack 6 dss ack 7 map 11:0+1 fin");
    mlab_want(l, 1, "F. 6(0) ack 11 dss ack 12");
    mlab_want(l, 2, "F. 1(0) ack 1 dss ack 12");
    mlab_want_none(l);
    mlab_closed(l, 0);
    mlab_recv(l, 5);
    mlab_recv_end(l);
    mlab_close(l);
    mlab_in(l, 1, "F. 11(0) ack 7 dss ack 7");
    mlab_want(l, 1, ". 7(0) ack 12 dss ack 12");
    mlab_in(l, 2, "F. 1(0) ack 2 dss ack 7");
    mlab_want(l, 2, ". 2(0) ack 2 dss ack 12");
    gone(l);
}

static void test_peer_ends_first(void **state) { /* M-CLS-14, -17 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6 map 6:0+1 fin");
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 7");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack 7");
    assert_int_equal(state_of(l), UMPTCP_CLOSE_WAIT);
    mlab_event(l, UMPTCP_EV_READABLE);
    mlab_recv_end(l);
    mlab_close(l);
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 7 map 6:0+1 fin");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack 7 map 6:0+1 fin");
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 7");
    mlab_want(l, 1, "F. 6(0) ack 6 dss ack 7");
    mlab_want(l, 2, "F. 1(0) ack 1 dss ack 7");
    mlab_in(l, 1, "F. 6(0) ack 7 dss ack 7");
    mlab_want(l, 1, ". 7(0) ack 7 dss ack 7");
    mlab_in(l, 2, "F. 1(0) ack 2 dss ack 7");
    mlab_want(l, 2, ". 2(0) ack 2 dss ack 7");
    gone(l);
}

static void test_both_end_at_once(void **state) { /* M-CLS-21, M-PCB-05: CLOSING */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_shutdown(l);
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 map 6:0+1 fin");
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6 map 6:0+1 fin");
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 7 map 6:0+1 fin");
    assert_int_equal(state_of(l), UMPTCP_CLOSING);
    mlab_recv_end(l);
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 7");
    mlab_want(l, 1, "F. 6(0) ack 6 dss ack 7");
    mlab_closed(l, 0);
    mlab_close(l);
    mlab_in(l, 1, "F. 6(0) ack 7 dss ack 7");
    mlab_want(l, 1, ". 7(0) ack 7 dss ack 7");
    gone(l);
}

static void test_end_and_acknowledgment_together(void **state) { /* both in one segment */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_shutdown(l);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 7 map 6:0+1 fin");
    mlab_want(l, 1, "F. 6(0) ack 6 dss ack 7");
    mlab_closed(l, 0);
    mlab_close(l);
    mlab_in(l, 1, "F. 6(0) ack 7 dss ack 7");
    mlab_skip(l);
    gone(l);
}

static void test_half_close(void **state) { /* M-CLS-17: our direction ended, the peer goes on; and the reverse */
    struct mlab *l = talked(NULL);
    char text[80];
    (void)state;
    mlab_shutdown(l);
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 7");
    for (uint32_t at = 6; at < 50006; at += 1000) {
        snprintf(text, sizeof text, ". %u(1000) ack 6 dss ack 7 map %u:%u+1000", at, at, at);
        mlab_in(l, 1, text);
        mlab_recv(l, 1000);
    }
    mlab_skip(l);
    assert_int_equal(umptcp_send(l->s, l->sock, "x", 1, l->now), -EPIPE);
    mlab_free(l);
    l = talked(NULL);
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6 map 6:0+1 fin");
    mlab_recv_end(l);
    mlab_skip(l);
    for (uint32_t at = 6; at < 20006; at += 500) {
        mlab_send(l, 500);
        snprintf(text, sizeof text, "P. %u(500) ack 6 dss ack 7 map %u:%u+500", at, at, at);
        mlab_want(l, 1, text);
        snprintf(text, sizeof text, ". 6(0) ack %u dss ack %u", at + 500, at + 500);
        mlab_in(l, 1, text);
    }
    assert_int_equal(state_of(l), UMPTCP_CLOSE_WAIT);
    mlab_free(l);
}

static void test_with_the_last_bytes(void **state) { /* M-CLS-03: it counts in the length, not on the subflow */
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true});
    (void)state;
    mlab_in(l, 1, "P. 1(5) ack 1 win 0 dss ack 1 map 1:1+6 fin");
    mlab_want(l, 1, ". 1(0) ack 6 dss ack 6");
    mlab_want(l, 1, ". 1(0) ack 6 dss ack 7");
    mlab_recv(l, 5);
    mlab_recv_end(l);
    mlab_free(l);
}

static void test_our_last_bytes(void **state) { /* M-CLS-03 */
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 5);
    mlab_skip(l);
    mlab_in(l, 1, "S. 0(0) ack 1 win 5 mss 1024 sackok mpc");
    mlab_skip(l);
    mlab_send(l, 7); /* does not fit the window */
    mlab_want_none(l);
    mlab_shutdown(l);
    mlab_want_none(l);
    mlab_in(l, 1, ". 1(0) ack 6 dss ack32 6");
    mlab_want(l, 1, "P. 6(7) ack 1 dss ack32 1 map 6:6+8 fin");
    mlab_in(l, 1, ". 1(0) ack 13 dss ack32 14");
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_2);
    mlab_want_none(l);
    mlab_free(l);
}

static void test_end_before_its_time(void **state) { /* M-CLS-06, M-MAP-23 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 2, ". 1(0) ack 1 dss ack 6 map 16:0+1 fin");
    mlab_recv(l, 0);
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 6 map 11:1+5");
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 6");
    assert_int_equal(state_of(l), UMPTCP_ESTABLISHED);
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5");
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 16");
    mlab_want(l, 1, ". 6(0) ack 11 dss ack 17");
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 17");
    mlab_recv(l, 10);
    mlab_recv_end(l);
    mlab_free(l);
}

static void test_two_ends(void **state) { /* M-CLS-19, -20: the first one counts; nothing is behind it */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6 map 16:0+1 fin");
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6 map 11:0+1 fin");
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6 map 30:0+1 fin");
    assert_int_equal(mlab_in(l, 1, "P. 6(15) ack 6 dss ack 6 map 6:6+15"), DROP_MP_DSN_WINDOW);
    mlab_want(l, 1, ". 6(0) ack 21 dss ack 16");
    mlab_want(l, 1, ". 6(0) ack 21 dss ack 17");
    mlab_recv(l, 10);
    mlab_recv_end(l);
    mlab_in(l, 1, "P. 21(5) ack 6 dss ack 6 map 17:21+5");
    mlab_want(l, 1, ". 6(0) ack 26 dss ack 17");
    mlab_recv_end(l);
    mlab_free(l);
}

static void test_end_in_the_past(void **state) { /* M-CLS-20: data came from beyond it */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6 map 3:0+1 fin");
    mlab_want_none(l);
    mlab_recv(l, 0);
    assert_int_equal(state_of(l), UMPTCP_ESTABLISHED);
    mlab_free(l);
}

/* M-CLS-07, M-RTX-11: an RTO, then twice as long each time, on every subflow */
static void test_end_is_repeated(void **state) {
    struct mlab *l = two(NULL);
    dur wait = 0;
    (void)state;
    mlab_shutdown(l);
    mlab_skip(l);
    for (int i = 0; i < 6; i++) {
        dur now = mlab_wait_sent(l, SEC(60));
        assert_true(i ? now == 2 * wait : now >= MSEC(200) && now <= SEC(1));
        wait = now;
        mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 map 6:0+1 fin");
        mlab_want(l, 2, ". 1(0) ack 1 dss ack 6 map 6:0+1 fin");
        mlab_want_none(l);
    }
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 7");
    mlab_wait(l, SEC(300));
    mlab_want_none(l);
    assert_int_equal(state_of(l), UMPTCP_FIN_WAIT_2); /* the handle is there: as long as the peer likes */
    mlab_free(l);
}

static void test_peers_end_again(void **state) { /* our DATA_ACK was lost */
    struct mlab *l = talked(NULL);
    (void)state;
    for (int i = 0; i < 3; i++) {
        mlab_in(l, 1, ". 6(0) ack 6 dss ack 6 map 6:0+1 fin");
        mlab_want(l, 1, ". 6(0) ack 6 dss ack 7");
        mlab_want_none(l);
    }
    mlab_free(l);
}

static void test_end_with_checksum(void **state) { /* M-CLS-05 */
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .peer_csum = true});
    (void)state;
    mlab_in(l, 1, ". 1(0) ack 1 dss ack 1 map 1:0+1 fin csum bad");
    assert_int_equal(mlab_mib(l, MIB_DATA_CSUM_ERR), 1);
    mlab_recv(l, 0);
    mlab_in(l, 1, ". 1(0) ack 1 dss ack 1 map 1:0+1 fin csum none");
    mlab_recv(l, 0);
    mlab_in(l, 1, ". 1(0) ack 1 dss ack 1 map 1:0+1 fin");
    mlab_recv_end(l);
    mlab_skip(l);
    mlab_shutdown(l);
    mlab_want(l, 1, ". 1(0) ack 1 dss ack 2 map 1:0+1 fin"); /* the lab compares the sum */
    mlab_free(l);
}

static void test_fin_and_data_fin_in_one(void **state) { /* M-CLS-18 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_in(l, 1, "FP. 6(5) ack 6 dss ack 6 map 6:6+6 fin");
    mlab_recv(l, 5);
    mlab_recv_end(l);
    mlab_skip(l);
    mlab_send(l, 5); /* a subflow may be half closed */
    mlab_skip(l);
    mlab_free(l);
}

static void test_no_end_without_acknowledgment_of_data(void **state) { /* M-CLS-09 */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_send(l, 3000);
    mlab_shutdown(l);
    mlab_in(l, 1, ". 6(0) ack 3006 dss ack 6 map 6:0+1 fin"); /* on the subflow all arrived */
    mlab_wait(l, SEC(30));
    mlab_skip(l);
    assert_int_equal(mlab_sf(l, 1)->state, SF_ACTIVE);
    mlab_in(l, 1, ". 6(0) ack 3006 dss ack 3007");
    mlab_closed(l, 0);
    mlab_free(l);
}

static void test_orphan_is_bounded(void **state) { /* appendix D row 20: nobody waits for the peer's end */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_close(l);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 7");
    mlab_wait(l, SEC(59));
    assert_non_null(mlab_conn(l));
    mlab_want_none(l);
    mlab_wait(l, SEC(2));
    mlab_want(l, 1, "R. 6(0) fastclose tcprst 0");
    assert_null(mlab_conn(l));
    mlab_free(l);
}

/* ---- The FIN of a subflow ---------------------------------------------------------------------------------------- */

static void test_fin_of_a_subflow(void **state) { /* M-CLS-01, M-DSS-08, M-SEM-07 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 1, "F. 6(0) ack 6 dss ack 6");
    mlab_want(l, 1, "F. 6(0) ack 7 dss ack 6");
    mlab_in(l, 1, ". 7(0) ack 7 dss ack 6");
    mlab_want_none(l);
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_DOWN).error, 0);
    assert_int_equal(mlab_info(l).subflows, 1);
    struct umptcp_sockaddr local, remote;
    assert_int_equal(umptcp_getname(l->s, l->sock, &local, &remote), 0);
    assert_int_equal(remote.port, MLAB_PORT); /* M-SEM-08: the first one's, still */
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 6 map 6:1+5");
    mlab_recv(l, 5);
    mlab_send(l, 5);
    mlab_skip(l);
    mlab_free(l);
}

static void test_fin_of_the_last_subflow(void **state) { /* M-CLS-09: it is needed as long as data is on its way */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_send(l, 50); /* waits for that (Nagle) */
    mlab_in(l, 1, "F. 6(0) ack 6 dss ack 6");
    mlab_want(l, 1, ". 106(0) ack 7 dss ack 6");
    mlab_want_none(l);
    mlab_in(l, 1, ". 7(0) ack 106 dss ack 106");
    mlab_want(l, 1, "P. 106(50) ack 7 dss ack 6 map 106:106+50");
    mlab_want_none(l);
    mlab_in(l, 1, ". 7(0) ack 156 dss ack 156");
    mlab_want(l, 1, "F. 156(0) ack 7 dss ack 6");
    assert_int_equal(state_of(l), UMPTCP_ESTABLISHED); /* another subflow may come */
    assert_int_equal(mlab_info(l).bytes_acked, 155);
    mlab_free(l);
}

static void test_unacknowledged_data_moves_with_a_fin(void **state) { /* M-CLS-09 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_in(l, 1, "F. 6(0) ack 6 dss ack 6");
    mlab_want(l, 2, "P. 1(100) ack 1 dss ack 6 map 6:1+100");
    mlab_in(l, 2, ". 1(0) ack 101 dss ack 106");
    assert_int_equal(mlab_info(l).bytes_acked, 105);
    mlab_skip(l);
    mlab_free(l);
}

/* ---- Nothing left: break before make ----------------------------------------------------------------------------- */

static void die(struct mlab *l, int sf, const char *text) {
    mlab_in(l, sf, text);
    mlab_skip(l);
}

static void test_revived(void **state) { /* M-CLS-15, M-REM-12: no byte is lost */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    die(l, 1, "R. 6(0) ack 6");
    assert_int_equal(state_of(l), UMPTCP_ESTABLISHED);
    assert_int_equal(mlab_info(l).subflows, 0);
    mlab_send(l, 50); /* while there is no path */
    mlab_recv(l, 0);
    mlab_wait(l, SEC(59));
    mlab_want_none(l);
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack 6");
    mlab_want(l, 2, "P. 1(100) ack 1 dss ack 6 map 6:1+100");
    mlab_in(l, 2, ". 1(0) ack 101 dss ack 106");
    mlab_want(l, 2, "P. 101(50) ack 1 dss ack 6 map 106:101+50"); /* small: it waited for the rest (Nagle) */
    mlab_in(l, 2, "P. 1(10) ack 151 dss ack 156 map 6:1+10");
    mlab_recv(l, 10);
    mlab_wait(l, SEC(100));
    assert_int_equal(mlab_info(l).bytes_acked, 155);
    assert_int_equal(mlab_info(l).bytes_reinjected, 100);
    mlab_free(l);
}

static void test_not_revived(void **state) {
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 100);
    die(l, 1, "R. 6(0) ack 6");
    mlab_wait(l, SEC(59));
    assert_false(mlab_has_event(l, UMPTCP_EV_CLOSED));
    mlab_wait(l, SEC(2));
    mlab_closed(l, ETIMEDOUT);
    assert_int_equal(umptcp_send(l->s, l->sock, "x", 1, l->now), -ETIMEDOUT);
    mlab_want_none(l); /* M-FCL-15: there is nobody to tell */
    mlab_path(l, 2, 2);
    assert_int_equal(mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7"), DROP_MP_TOKEN);
    mlab_free(l);
}

static void test_subflows_ended_in_order(void **state) { /* M-CLS-15, M-DSS-08: FIN on all, no DATA_FIN */
    struct mlab *l = two(&server);
    (void)state;
    die(l, 1, "F. 6(0) ack 6 dss ack 6");
    die(l, 1, ". 7(0) ack 7 dss ack 6");
    die(l, 2, "F. 1(0) ack 1 dss ack 6");
    die(l, 2, ". 2(0) ack 2 dss ack 6");
    assert_int_equal(mlab_info(l).subflows, 0);
    assert_int_equal(state_of(l), UMPTCP_ESTABLISHED);
    mlab_join_in(l, 3, 3, 8);
    mlab_in(l, 3, "P. 1(5) ack 1 dss ack 6 map 6:1+5");
    mlab_recv(l, 5);
    mlab_wait(l, SEC(100));
    assert_int_equal(state_of(l), UMPTCP_ESTABLISHED);
    mlab_free(l);
}

static void test_revived_to_end(void **state) { /* the end was said on the subflow that died */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_shutdown(l);
    mlab_skip(l);
    die(l, 1, "R. 6(0) ack 6");
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_skip(l);
    mlab_wait(l, SEC(1));
    assert_true(mlab_skip(l) > 0);
    mlab_in(l, 2, ". 1(0) ack 1 dss ack 7 map 6:0+1 fin");
    mlab_closed(l, 0);
    mlab_free(l);
}

static void test_orphan_with_nothing_to_say(void **state) { /* nobody is there to wait */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_close(l);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 7");
    mlab_in(l, 1, "R. 6(0) ack 6");
    mlab_want_none(l);
    assert_null(mlab_conn(l));
    mlab_free(l);
}

static void test_orphan_is_revived(void **state) { /* M-CLS-09: what was sent before close() is delivered */
    (void)state;
    for (int dead_before = 0; dead_before < 2; dead_before++) {
        struct mlab *l = talked(&server);
        mlab_send(l, 100);
        if (dead_before)
            die(l, 1, "R. 6(0) ack 6");
        mlab_close(l);
        if (!dead_before)
            die(l, 1, "R. 6(0) ack 6");
        mlab_skip(l);
        mlab_wait(l, SEC(50));
        mlab_want_none(l);
        mlab_path(l, 2, 2);
        mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
        mlab_skip(l);
        mlab_in(l, 2, ". 1(0) ack 1 mpj");
        mlab_want(l, 2, ". 1(0) ack 1 dss ack 6 map 106:0+1 fin");
        mlab_want(l, 2, "P. 1(100) ack 1 dss ack 6 map 6:1+100");
        mlab_skip(l);
        mlab_in(l, 2, ". 1(0) ack 101 dss ack 106");
        mlab_wait(l, SEC(3));
        mlab_skip(l);
        mlab_in(l, 2, ". 1(0) ack 101 dss ack 107 map 6:0+1 fin");
        mlab_in(l, 2, "F. 1(0) ack 102 dss ack 107");
        mlab_skip(l);
        gone(l);
    }
}

static void test_orphan_is_not_revived(void **state) { /* bounded by the same time */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_send(l, 100);
    mlab_close(l);
    die(l, 1, "R. 6(0) ack 6");
    assert_non_null(mlab_conn(l));
    gone(l);
}

static void test_reset_before_established(void **state) { /* M-RST-11: without a first DSS there is nothing to revive */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    mlab_in(l, 1, "R. 1(0) ack 1");
    mlab_closed(l, ECONNRESET);
    mlab_free(l);
}

/* ---- MP_FASTCLOSE -------------------------------------------------------------------------------------------------
 */

static void test_close_with_unread_data(void **state) { /* M-FCL-02, -12, -13, M-KEY-12 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5");
    mlab_skip(l);
    mlab_close(l);
    assert_string_equal(mlab_bytes(l, 1), "1e0c700099aabbccddeeff001e048000");
    mlab_want(l, 1, "R. 6(0) ack 11 fastclose tcprst 0");
    mlab_want(l, 2, "R. 1(0) ack 1 fastclose tcprst 0");
    mlab_want_none(l);
    assert_null(mlab_conn(l));
    assert_int_equal(mlab_mib(l, MIB_MP_FASTCLOSE_TX), 2);
    mlab_free(l);
}

static void test_close_with_data_beyond_a_hole(void **state) {
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 6 map 11:1+5");
    mlab_skip(l);
    mlab_close(l);
    mlab_want(l, 1, "R. 6(0) fastclose tcprst 0");
    mlab_free(l);
}

static void test_abort(void **state) {
    struct mlab *l = two(&server);
    (void)state;
    mlab_send(l, 100);
    mlab_skip(l);
    assert_int_equal(umptcp_abort(l->s, l->sock, l->now), 0);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, "R. 106(0) fastclose tcprst 0");
    mlab_want(l, 2, "R. 1(0) fastclose tcprst 0");
    assert_null(mlab_conn(l));
    mlab_free(l);
}

static void test_abort_of_plain_tcp(void **state) {
    struct mlab *l = mlab_new(&server);
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024");
    mlab_in(l, 1, ". 1(0) ack 1");
    mlab_skip(l);
    assert_int_equal(umptcp_abort(l->s, l->sock, l->now), 0);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, "R. 1(0)");
    mlab_free(l);
}

static void test_peer_fastclose(void **state) { /* M-FCL-03, -09, -12, -14, -16 */
    static const char *const forms[] = {". 1(0) ack 1 fastclose", "R. 1(0) ack 1 fastclose",
                                        "R. 1(0) ack 1 fastclose tcprst 0",
                                        ". 1(0) ack 1 fastclose dss ack 6 map 6:0+1 fin"};
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct mlab *l = two(NULL);
        mlab_sf(l, 2)->remote_backup = true;
        mlab_in(l, 2, forms[i]);
        mlab_want(l, 1, "R. 6(0) tcprst 0");
        if (forms[i][0] == '.')
            mlab_want(l, 2, "R. 1(0) tcprst 0");
        mlab_want_none(l);
        mlab_closed(l, ECONNRESET);
        assert_int_equal(mlab_mib(l, MIB_MP_FASTCLOSE_RX), 1);
        assert_int_equal(umptcp_send(l->s, l->sock, "x", 1, l->now), -ECONNRESET);
        mlab_close(l);
        assert_null(mlab_conn(l));
        mlab_free(l);
    }
}

static void test_received_bytes_before_fastclose(void **state) { /* what came before it can still be read */
    struct mlab *l = talked(NULL);
    uint8_t byte;
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5");
    mlab_in(l, 1, "R. 11(0) ack 6 fastclose");
    mlab_skip(l);
    l->nevents = 0;
    uint8_t buf[10];
    assert_int_equal(umptcp_recv(l->s, l->sock, buf, sizeof buf, l->now), 5);
    assert_int_equal(umptcp_recv(l->s, l->sock, &byte, 1, l->now), -ECONNRESET);
    mlab_free(l);
}

static void test_fastclose_with_wrong_key(void **state) { /* M-FCL-10, -11 */
    struct mlab *l = two(NULL);
    (void)state;
    assert_int_equal(mlab_in(l, 1, ". 6(0) ack 6 fastclose key bad"), DROP_MP_FASTCLOSE_KEY);
    mlab_want_none(l);
    assert_int_equal(mlab_info(l).subflows, 2);
    mlab_in(l, 1, "R. 6(0) ack 6 fastclose key bad"); /* still a RST of this subflow */
    mlab_want_none(l);
    assert_int_equal(mlab_info(l).subflows, 1);
    assert_int_equal(state_of(l), UMPTCP_ESTABLISHED);
    assert_int_equal(mlab_mib(l, MIB_MP_FASTCLOSE_RX), 0);
    mlab_free(l);
}

static void test_fastclose_out_of_window(void **state) { /* M-GEN-06, M-RST-12, M-MBX-43: TCP's checks come first */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_in(l, 1, ". 500000(0) ack 6 fastclose");
    mlab_in(l, 1, "R. 1000(0) ack 6 fastclose"); /* in the window, not exact: a challenge */
    assert_int_equal(state_of(l), UMPTCP_ESTABLISHED);
    mlab_skip(l);
    mlab_free(l);
}

static void test_both_fastclose(void **state) { /* M-FCL-05 */
    struct mlab *l = talked(NULL);
    (void)state;
    assert_int_equal(umptcp_abort(l->s, l->sock, l->now), 0);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, "R. 6(0) fastclose tcprst 0");
    mlab_in(l, 1, "R. 6(0) ack 6 fastclose");
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 6 fastclose"); /* nobody knows it any more */
    mlab_want(l, 1, "R 6(0)");
    mlab_free(l);
}

/* ---- Resets of one subflow --------------------------------------------------------------------------------------- */

static void test_reset_with_reason(void **state) { /* M-RST-02, -07, -08, -10 */
    static const struct {
        const char *rst;
        int reason;
    } rows[] = {{"R. 6(0) ack 6 tcprst 6", 6},
                {"R. 6(0) ack 6 raw 1e048e02", 2},
                {"R. 6(0) ack 6 raw 1e04807f", 0x7f},
                {"R. 6(0) ack 6", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mlab *l = two(NULL);
        mlab_in(l, 1, rows[i].rst);
        mlab_want_none(l);
        struct umptcp_event ev = mlab_event(l, UMPTCP_EV_SUBFLOW_DOWN);
        assert_int_equal(ev.reason, rows[i].reason);
        assert_int_equal(ev.error, ECONNRESET);
        assert_int_equal(mlab_mib(l, MIB_MP_RST_RX), rows[i].reason != 0);
        assert_int_equal(mlab_info(l).subflows, 1);
        mlab_free(l);
    }
}

static void test_reason_without_reset(void **state) { /* M-RST-09 */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(0) ack 6 raw 1e048006");
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_MP_RST_RX), 0);
    mlab_free(l);
}

/* ---- Without memory ---------------------------------------------------------------------------------------------- */

static bool close_round(bool first, uint64_t fail_at) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .fail_at = fail_at});
    mlab_join_in(l, 2, 2, 7);
    mlab_send(l, 3000);
    if (first)
        mlab_shutdown(l);
    mlab_in(l, 1, "P. 1(5) ack 3001 dss ack 3001 map 1:1+6 fin");
    mlab_in(l, 2, "P. 1(5) ack 3001 dss ack 3001 map 1:1+6 fin");
    if (!first)
        mlab_shutdown(l);
    mlab_in(l, 1, ". 6(0) ack 3001 dss ack 3002");
    mlab_in(l, 1, "F. 6(0) ack 3002 dss ack 3002");
    mlab_close(l);
    mlab_skip(l);
    mlab_wait(l, SEC(2000));
    mlab_skip(l);
    assert_null(mlab_conn(l));
    return mlab_free_refused(l);
}

static void test_without_memory(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        uint64_t n = 1;
        while (close_round(first, n))
            n++;
        assert_true(n > 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_we_end_first),
        cmocka_unit_test(test_peer_ends_first),
        cmocka_unit_test(test_both_end_at_once),
        cmocka_unit_test(test_end_and_acknowledgment_together),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_with_the_last_bytes),
        cmocka_unit_test(test_our_last_bytes),
        cmocka_unit_test(test_end_before_its_time),
        cmocka_unit_test(test_two_ends),
        cmocka_unit_test(test_end_in_the_past),
        cmocka_unit_test(test_end_is_repeated),
        cmocka_unit_test(test_peers_end_again),
        cmocka_unit_test(test_end_with_checksum),
        cmocka_unit_test(test_fin_and_data_fin_in_one),
        cmocka_unit_test(test_no_end_without_acknowledgment_of_data),
        cmocka_unit_test(test_orphan_is_bounded),
        cmocka_unit_test(test_fin_of_a_subflow),
        cmocka_unit_test(test_fin_of_the_last_subflow),
        cmocka_unit_test(test_unacknowledged_data_moves_with_a_fin),
        cmocka_unit_test(test_revived),
        cmocka_unit_test(test_not_revived),
        cmocka_unit_test(test_subflows_ended_in_order),
        cmocka_unit_test(test_revived_to_end),
        cmocka_unit_test(test_orphan_with_nothing_to_say),
        cmocka_unit_test(test_orphan_is_revived),
        cmocka_unit_test(test_orphan_is_not_revived),
        cmocka_unit_test(test_reset_before_established),
        cmocka_unit_test(test_close_with_unread_data),
        cmocka_unit_test(test_close_with_data_beyond_a_hole),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_abort_of_plain_tcp),
        cmocka_unit_test(test_peer_fastclose),
        cmocka_unit_test(test_received_bytes_before_fastclose),
        cmocka_unit_test(test_fastclose_with_wrong_key),
        cmocka_unit_test(test_fastclose_out_of_window),
        cmocka_unit_test(test_both_fastclose),
        cmocka_unit_test(test_reset_with_reason),
        cmocka_unit_test(test_reason_without_reset),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
