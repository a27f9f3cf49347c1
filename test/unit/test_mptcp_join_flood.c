/* SPDX-License-Identifier: BSD-3-Clause */
/* Joins of a peer that proves nothing, or not yet (RFC 8684 5): bounded, answered without state, replayed. */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

static const struct mlab_options server = {.server = true};

static void knock(struct mlab *l, int sf, int path, int id) {
    char text[64];
    snprintf(text, sizeof text, "S 0(0) mss 1024 sackok mpj id %d", id);
    mlab_path(l, sf, path);
    assert_int_equal(mlab_in(l, sf, text), DROP_NONE);
    snprintf(text, sizeof text, "S. 0(0) ack 1 mpj id %d", path - 1);
    mlab_want(l, sf, text);
    mlab_want_none(l);
}

/* Half-open joins take no place of others, whatever the limit: they are answered without state when there are some. */
static void test_half_open_joins_are_bounded(void **state) { /* M-JON-13, M-JON-35, M-THR-02 */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    assert_int_equal(umptcp_limits_set(l->s, 1, 0), 0);
    for (int i = 0; i < 20; i++)
        knock(l, 2 + i, 2, 7);
    assert_int_equal(mlab_conn(l)->nsubflows, 1 + HALF_OPEN_JOINS_MAX);
    assert_int_equal(l->s->mp.half_open, HALF_OPEN_JOINS_MAX);
    assert_int_equal(mlab_mib(l, MIB_TCP_COOKIES_SENT), 20 - HALF_OPEN_JOINS_MAX);
    assert_int_equal(mlab_mib(l, MIB_MPJ_SYN_RX), 20);
    mlab_in(l, 21, ". 1(0) ack 1 mpj"); /* one that proves itself has the one place that there is */
    mlab_want(l, 21, ". 1(0) ack 1 dss ack32 1");
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_TCP_COOKIES_RECV), 1);
    assert_int_equal(mlab_mib(l, MIB_MPJ_ACK_RX), 1);
    mlab_in(l, 21, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_want(l, 21, ". 1(0) ack 6 dss ack 6");
    mlab_in(l, 2, ". 1(0) ack 1 mpj"); /* and then there is none: */
    mlab_want(l, 2, "R 1(0) tcprst 3");
    mlab_in(l, 20, ". 1(0) ack 1 mpj");
    mlab_want(l, 20, "R 1(0) tcprst 3");
    assert_int_equal(mlab_mib(l, MIB_MPJ_REJECTED), 2); /* M-JON-33 */
    mlab_wait(l, SEC(200));                             /* none of the others goes on: they go */
    mlab_skip(l);
    assert_int_equal(mlab_conn(l)->nsubflows, 2);
    assert_int_equal(l->s->mp.half_open, 0);
    mlab_free(l);
}

static void test_no_cookies_for_joins(void **state) { /* M-JON-12: reason 2 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.syncookies = 0;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    assert_int_equal(umptcp_limits_set(l->s, 8, 0), 0);
    for (int i = 0; i < HALF_OPEN_JOINS_MAX; i++)
        knock(l, 2 + i, 2, 7);
    const int last = 2 + HALF_OPEN_JOINS_MAX;
    mlab_path(l, last, 3);
    assert_int_equal(mlab_in(l, last, "S 0(0) mss 1024 sackok mpj id 7"), DROP_MP_JOIN_REFUSED);
    l->flow[last].isn.v = 0;
    mlab_want(l, last, "R. 0(0) ack 1 tcprst 2");
    assert_int_equal(mlab_mib(l, MIB_TCP_REQQ_DROP), 1);
    mlab_free(l);
}

static void test_half_open_joins_of_the_stack(void **state) { /* M-JON-35 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.max_syn_backlog = 2;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    assert_int_equal(umptcp_limits_set(l->s, 8, 0), 0);
    for (int i = 0; i < 4; i++)
        knock(l, 2 + i, 2, 7);
    assert_int_equal(l->s->mp.half_open, 2);
    assert_int_equal(mlab_mib(l, MIB_TCP_COOKIES_SENT), 2);
    mlab_free(l);
}

static struct mlab *with_cookies(void) {
    struct mlab *l = mlab_new_full(&server);
    struct umptcp_config cfg = l->s->env.cfg;
    cfg.syncookies = 2;
    assert_int_equal(umptcp_configure(l->s, &cfg, l->now), 0);
    assert_int_equal(umptcp_limits_set(l->s, 8, 0), 0);
    return l;
}

static void test_cookie_join(void **state) { /* M-JON-07, M-JON-35, M-SEM-09 */
    struct mlab *l = with_cookies();
    struct umptcp_subflow_info sf[2];
    (void)state;
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7 backup");
    mlab_want(l, 2, "S. 0(0) ack 1 mpj id 1");
    assert_int_equal(mlab_conn(l)->nsubflows, 1);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7 backup"); /* again: the same number and nonce */
    mlab_want(l, 2, "S. 0(0) ack 1 mpj id 1");
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1");
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_UP).subflow, 2);
    assert_int_equal(umptcp_subflows(l->s, l->sock, sf, 2), 2);
    assert_int_equal(sf[1].remote_id, 7);
    assert_int_equal(sf[1].local_id, 1);
    assert_true(sf[1].backup);
    assert_int_equal(mlab_mib(l, MIB_MPJ_SYN_BACKUP_RX), 2);
    mlab_in(l, 2, ". 1(0) ack 1 mpj"); /* the fourth packet was lost */
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1");
    mlab_free(l);
}

static void test_cookie_join_is_no_proof(void **state) { /* M-SEM-09, M-JON-21, M-JON-22, M-THR-02 */
    struct mlab *l = with_cookies();
    (void)state;
    knock(l, 2, 2, 7);
    mlab_in(l, 2, ". 1(0) ack 1 mpj hmac bad");
    mlab_want(l, 2, "R 1(0) tcprst 1");
    assert_int_equal(mlab_mib(l, MIB_MPJ_ACK_HMAC), 1);
    assert_int_equal(mlab_conn(l)->nsubflows, 1);
    mlab_in(l, 2, ". 1(0) ack 1 mpj"); /* an entry serves once: no second guess */
    mlab_want(l, 2, "R 1(0) tcprst 1");
    knock(l, 3, 2, 7);
    mlab_in(l, 3, ". 1(0) ack 1"); /* plain TCP is not to be had by it */
    mlab_want(l, 3, "R 1(0)");
    mlab_in(l, 3, ". 1(0) ack 1 mpj"); /* but the right one still counts */
    mlab_want(l, 3, ". 1(0) ack 1 dss ack32 1");
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5"); /* the first subflow notices nothing of it */
    mlab_want(l, 1, ". 1(0) ack 6 dss ack 6");
    mlab_free(l);
}

/* What completed a join completes no other one, from there or from elsewhere, now or later. */
static void test_replayed_joins(void **state) { /* M-SEM-11 */
    struct mlab *l = with_cookies();
    (void)state;
    knock(l, 2, 2, 7);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1");
    mlab_path(l, 3, 3); /* all of it from another address */
    l->flow[3].isn = l->flow[2].isn;
    l->flow[3].peer_isn = l->flow[2].peer_isn;
    l->flow[3].nonce = l->flow[2].nonce;
    l->flow[3].peer_nonce = l->flow[2].peer_nonce;
    mlab_in(l, 3, ". 1(0) ack 1 mpj");
    mlab_want(l, 3, "R 1(0)");
    mlab_in(l, 2, "R. 1(0) ack 1"); /* from the same, when that subflow is gone */
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_want(l, 2, "R 1(0) tcprst 1");
    mlab_wait(l, SEC(60)); /* a whole new handshake with the old nonce gets another one from us */
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    const uint32_t nonce = l->flow[2].nonce;
    mlab_skip(l);
    mlab_in(l, 3, "S 0(0) mss 1024 sackok mpj id 7");
    assert_int_not_equal(l->flow[3].nonce, nonce);
    mlab_skip(l);
    mlab_free(l);
}

static void test_cookie_join_without_connection(void **state) { /* it ended between SYN and third ACK */
    struct mlab *l = with_cookies();
    (void)state;
    knock(l, 2, 2, 7);
    mlab_in(l, 1, ". 1(0) ack 1 fastclose");
    mlab_skip(l);
    mlab_closed(l, ECONNRESET);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_want(l, 2, "R 1(0) tcprst 1");
    mlab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_open_joins_are_bounded),    cmocka_unit_test(test_no_cookies_for_joins),
        cmocka_unit_test(test_half_open_joins_of_the_stack),   cmocka_unit_test(test_cookie_join),
        cmocka_unit_test(test_cookie_join_is_no_proof),        cmocka_unit_test(test_replayed_joins),
        cmocka_unit_test(test_cookie_join_without_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
