/* SPDX-License-Identifier: BSD-3-Clause */
/* Which subflows of a connection coupled congestion control looks at, and which algorithm each of them has. */
#include "cc/coupled.h"
#include "mptcplab.h"

static const struct umptcp_config *with(const char *name) {
    static struct umptcp_config cfg;
    cfg = mlab_config();
    cfg.congestion_control = name;
    return &cfg;
}

/* Two subflows with a round trip of 50 ms; the first one carried 5 bytes each way. */
static struct mlab *two(const struct umptcp_config *cfg) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = cfg});
    mlab_send(l, 5);
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_in(l, 1, "P. 1(5) ack 6 dss ack 6 map 1:1+5");
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_recv(l, 5);
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_skip(l);
    return l;
}

/* How many are in the ring of a subflow, with it. */
static int members(struct mlab *l, uint32_t sf) {
    const struct coupled *c = coupled_of(&mlab_sf(l, sf)->tcb.cc);
    int n = 0;
    for (const struct coupled *m = c; m; m = coupled_next(m, c))
        n++;
    return n;
}

/* T-CPL-06, M-POL-02: who carries data counts; who is stale or gone does not, until it is back. */
static void test_who_counts(void **state) {
    (void)state;
    struct mlab *l = two(with("lia"));
    assert_int_equal(members(l, 1), 2);
    assert_int_equal(members(l, 2), 2);
    mlab_send(l, 100);
    mlab_wait(l, SEC(1));
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 101 dss ack 106");
    mlab_wait(l, SEC(10));
    mlab_skip(l);
    assert_true(mlab_sf(l, 1)->stale);
    assert_int_equal(members(l, 1), 1);
    assert_int_equal(members(l, 2), 1);
    mlab_in(l, 1, ". 6(0) ack 106 dss ack 106");
    assert_false(mlab_sf(l, 1)->stale);
    assert_int_equal(members(l, 1), 2);
    mlab_in(l, 2, "R. 1(0) ack 101");
    assert_int_equal(members(l, 1), 1);
    mlab_free(l);
}

/* T-CPL-06: a join counts when it is established by MPTCP's rules, not before. */
static void test_not_before_it_is_up(void **state) {
    (void)state;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = with("balia")});
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 mpj id 1");
    assert_non_null(mlab_sf(l, 2));
    mlab_path(l, 3, 3);
    mlab_in(l, 3, "S 0(0) mss 1024 mpj id 2");
    assert_non_null(mlab_sf(l, 3));
    assert_int_equal(members(l, 1), 1);
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    assert_int_equal(mlab_sf(l, 2)->state, SF_ACTIVE);
    assert_int_equal(members(l, 1), 2);
    assert_int_equal(members(l, 3), 1);
    mlab_free(l);
}

/* T-CPL-12: each connection, and each subflow, may have its own; those to come have the connection's. Only those of the
 * same algorithm go together. */
static void test_switching(void **state) {
    (void)state;
    struct mlab *l = two(NULL);
    assert_ptr_equal(mlab_sf(l, 1)->tcb.cc.ops, &cc_cubic);
    assert_ptr_equal(mlab_sf(l, 2)->tcb.cc.ops, &cc_cubic);
    uint32_t cwnd = mlab_sf(l, 2)->tcb.cc.cwnd;
    assert_int_equal(umptcp_set_congestion(l->s, l->sock, "olia", l->now), 0);
    assert_int_equal(members(l, 1), 2);
    assert_int_equal(members(l, 2), 2);
    assert_int_equal(mlab_sf(l, 2)->tcb.cc.cwnd, cwnd);
    mlab_join_in(l, 3, 3, 2);
    assert_ptr_equal(mlab_sf(l, 3)->tcb.cc.ops, &cc_olia);
    assert_int_equal(members(l, 3), 3);
    assert_int_equal(umptcp_set_subflow_congestion(l->s, l->sock, 2, "cubic", l->now), 0);
    assert_ptr_equal(mlab_sf(l, 2)->tcb.cc.ops, &cc_cubic);
    assert_string_equal(umptcp_congestion(l->s, l->sock, 2), "cubic");
    assert_string_equal(umptcp_congestion(l->s, l->sock, 0), "olia");
    assert_int_equal(members(l, 1), 2);
    assert_int_equal(umptcp_set_subflow_congestion(l->s, l->sock, 2, "lia", l->now), 0);
    assert_int_equal(members(l, 2), 1);
    assert_int_equal(members(l, 1), 2);
    assert_int_equal(umptcp_set_congestion(l->s, l->sock, "lia", l->now), 0);
    assert_int_equal(members(l, 2), 3);
    assert_int_equal(umptcp_set_congestion(l->s, l->sock, "cubic", l->now), 0);
    for (uint32_t sf = 1; sf <= 3; sf++)
        assert_ptr_equal(mlab_sf(l, sf)->tcb.cc.ops, &cc_cubic);
    mlab_send(l, 100);
    mlab_free(l);
}

/* T-CPL-12: what a listener was given, its connections and their joins begin with. */
static void test_listener(void **state) {
    (void)state;
    struct mlab *l = mlab_new(&(struct mlab_options){.server = true});
    assert_int_equal(umptcp_set_congestion(l->s, l->listener, "balia", l->now), 0);
    assert_string_equal(umptcp_congestion(l->s, l->listener, 0), "balia");
    mlab_in(l, 1, "S 0(0) mss 1024 mpc");
    mlab_skip(l);
    mlab_in(l, 1, ". 1(0) ack 1 mpc");
    mlab_in(l, 1, "P. 1(5) ack 1 mpc");
    mlab_skip(l);
    assert_ptr_equal(mlab_sf(l, 1)->tcb.cc.ops, &cc_balia);
    assert_string_equal(umptcp_congestion(l->s, l->sock, 0), "balia");
    mlab_join_in(l, 2, 2, 1);
    assert_ptr_equal(mlab_sf(l, 2)->tcb.cc.ops, &cc_balia);
    assert_int_equal(members(l, 1), 2);
    mlab_free(l);
}

/* T-CPL-03: coupled windows grow byte by byte in slow start, a loss halves that subflow's only; and nothing leaks when
 * any request of memory is refused. */
static void test_no_memory(void **state) {
    (void)state;
    static const char *const names[] = {"lia", "olia", "balia", "wvegas"};
    for (unsigned a = 0; a < 4; a++)
        for (uint64_t n = 1;; n++) {
            struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = with(names[a]), .fail_at = n});
            mlab_join_in(l, 2, 2, 1);
            mlab_skip(l);
            mlab_send(l, 5000);
            mlab_wait(l, SEC(2));
            mlab_skip(l);
            (void)umptcp_set_congestion(l->s, l->sock, names[(a + 1) % 4], l->now);
            mlab_wait(l, SEC(2));
            mlab_skip(l);
            if (!mlab_free_refused(l))
                break;
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_counts), cmocka_unit_test(test_not_before_it_is_up), cmocka_unit_test(test_switching),
        cmocka_unit_test(test_listener),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("mptcp_coupled", tests, NULL, NULL);
}
