/* SPDX-License-Identifier: BSD-3-Clause */
/* MP_FASTCLOSE on an ACK (RFC 8684 3.5, option A): said on one subflow, answered by a RST, repeated, given up. */
#include "mptcplab.h"

#include <errno.h>

#define RTO SEC(1) /* no round trip was measured (RFC 6298 2.1) */

/* Two subflows; five bytes went each way. With `fail_at` the memory for something of it may be refused. */
static struct mlab *two_at(uint64_t fail_at) {
    struct umptcp_config cfg = mlab_config();
    cfg.fastclose_ack = true;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.cfg = &cfg, .fail_at = fail_at});
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 1(5) ack 1 dss ack32 1 map 1:1+5");
    mlab_in(l, 1, "P. 1(5) ack 6 dss ack 6 map 1:1+5");
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_recv(l, 5);
    mlab_join_in(l, 2, 2, 7);
    return l;
}

static struct mlab *two(void) { return two_at(0); }

/* Nothing of it is left. */
static void gone(struct mlab *l) {
    mlab_wait(l, SEC(61));
    mlab_want_none(l);
    assert_null(mlab_conn(l));
    mlab_free(l);
}

static void test_said_on_one_subflow(void **state) { /* M-FCL-01, -04, -12 */
    struct mlab *l = two();
    (void)state;
    mlab_send(l, 500);
    mlab_skip(l);
    mlab_abort(l);
    mlab_want(l, 1, ". 506(0) ack 6 fastclose");
    mlab_want(l, 2, "R. 1(0) ack 1 tcprst 0");
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_MP_FASTCLOSE_TX), 1);
    assert_int_equal(l->s->mp.tokens.table.count, 0);
    assert_int_equal(mlab_in(l, 1, "P. 6(5) ack 6 dss ack 6 map 6:6+5"), DROP_TCP_RECV_CLOSED);
    mlab_want_none(l); /* no data is taken, and none is sent again */
    mlab_wait(l, RTO / 2);
    mlab_want_none(l);
    mlab_in(l, 1, "R. 6(0) ack 506 tcprst 0");
    gone(l);
}

static void test_said_again(void **state) { /* M-FCL-06, -07, -08 */
    struct mlab *l = two();
    (void)state;
    mlab_abort(l);
    mlab_want(l, 1, ". 6(0) ack 6 fastclose");
    mlab_skip(l);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mlab_wait_sent(l, SEC(20)), RTO << i);
        mlab_want(l, 1, ". 6(0) ack 6 fastclose");
        mlab_want_none(l);
    }
    assert_int_equal(mlab_wait_sent(l, SEC(20)), RTO << 3);
    mlab_want(l, 1, "R. 6(0) ack 6 fastclose tcprst 0");
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_MP_FASTCLOSE_TX), 5);
    gone(l);
}

static void test_both_on_an_ack(void **state) { /* M-FCL-05 */
    struct mlab *l = two();
    (void)state;
    mlab_abort(l);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 fastclose key bad");
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 6 fastclose");
    mlab_want(l, 1, "R. 6(0) ack 6 tcprst 0");
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_MP_FASTCLOSE_RX), 1);
    gone(l);
}

static void test_the_peer_uses_a_reset(void **state) { /* M-FCL-05 */
    struct mlab *l = two();
    (void)state;
    mlab_abort(l);
    mlab_skip(l);
    mlab_in(l, 1, "R. 6(0) ack 6 fastclose tcprst 0");
    gone(l);
}

static void test_on_the_subflow_that_works(void **state) {
    struct mlab *l = two();
    (void)state;
    mlab_in(l, 1, "R. 6(0) ack 6");
    mlab_skip(l);
    mlab_abort(l);
    mlab_want(l, 2, ". 1(0) ack 1 fastclose");
    mlab_in(l, 2, "R. 1(0) ack 1");
    gone(l);
}

static void test_without_a_subflow(void **state) { /* M-FCL-15 */
    struct mlab *l = two();
    (void)state;
    mlab_in(l, 1, "R. 6(0) ack 6");
    mlab_in(l, 2, "R. 1(0) ack 1");
    mlab_skip(l);
    mlab_abort(l);
    mlab_want_none(l);
    assert_null(mlab_conn(l));
    mlab_free(l);
}

static void test_without_memory(void **state) {
    (void)state;
    uint64_t n = 1;
    for (bool refused = true; refused; n++) {
        struct mlab *l = two_at(n);
        mlab_send(l, 100);
        mlab_abort(l);
        mlab_skip(l);
        mlab_wait(l, SEC(5));
        mlab_skip(l);
        refused = mlab_free_refused(l);
    }
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_said_on_one_subflow),
        cmocka_unit_test(test_said_again),
        cmocka_unit_test(test_both_on_an_ack),
        cmocka_unit_test(test_the_peer_uses_a_reset),
        cmocka_unit_test(test_on_the_subflow_that_works),
        cmocka_unit_test(test_without_a_subflow),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
