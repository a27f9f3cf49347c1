/* SPDX-License-Identifier: BSD-3-Clause */
/* What the configuration chooses about paths: each choice and its opposite. */
#include "mptcplab.h"

#include <stdio.h>

static struct mlab *lab(const struct umptcp_config *cfg, bool server) {
    return mlab_new_full(&(struct mlab_options){.cfg = cfg, .server = server, .addrs_accepted = 2});
}

static int endpoint(struct mlab *l, const char *addr, uint16_t port, uint32_t flags) {
    struct umptcp_endpoint ep = {.flags = flags, .addr.port = port};
    assert_int_equal(umptcp_addr_parse(addr, &ep.addr.addr), 0);
    int id = umptcp_endpoint_add(l->s, &ep, l->now);
    mlab_wait(l, MSEC(1));
    return id;
}

/* Linux ends the subflows of a removed address without asking. */
static void test_removed_at_once(void **state) { /* M-REM-14 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.remove_addr_probe = false;
    struct mlab *l = lab(&cfg, true);
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, ". 1(0) ack 1 remove 7");
    mlab_want(l, 2, "F. 1(0) ack 1 dss ack32 1");
    assert_int_equal(mlab_mib(l, MIB_RM_ADDR), 1);
    assert_int_equal(mlab_info(l).subflows, 2); /* it is closing */
    mlab_in(l, 2, "F. 1(0) ack 2 dss ack32 1");
    mlab_wait(l, SEC(1));
    mlab_free(l);
}

/* The path `sf` goes to this port of the stack. */
static void path_to_port(struct mlab *l, int sf, int path, uint16_t port) {
    mlab_path(l, sf, path);
    l->flow[sf].flow.local.port = port;
}

static void test_other_ports(void **state) { /* M-JON-11, -12, M-ADD-31 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.join_any_port = false;
    struct mlab *l = lab(&cfg, true);
    path_to_port(l, 2, 2, 999);
    assert_int_equal(mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7"), DROP_MP_JOIN_REFUSED);
    mlab_want(l, 2, "R. 0(0) ack 1 tcprst 3");
    assert_int_equal(mlab_mib(l, MIB_MISMATCH_PORT_SYN_RX), 1);
    int id = endpoint(l, "10.0.2.1", 8443, UMPTCP_EP_SIGNAL);
    assert_true(id > 0);
    mlab_skip(l);
    path_to_port(l, 3, 2, 8443);
    assert_int_equal(mlab_in(l, 3, "S 0(0) mss 1024 sackok mpj id 8"), DROP_NONE);
    mlab_skip(l);
    assert_int_equal(mlab_mib(l, MIB_MPJ_PORT_SYN_RX), 1);
    mlab_in(l, 3, ". 1(0) ack 1 mpj");
    assert_int_equal(mlab_mib(l, MIB_MPJ_PORT_ACK_RX), 1);
    mlab_skip(l);
    /* The announcement is withdrawn while a join is under way. */
    path_to_port(l, 4, 2, 8443);
    assert_int_equal(mlab_in(l, 4, "S 0(0) mss 1024 sackok mpj id 9"), DROP_NONE);
    mlab_skip(l);
    conn_withdraw(mlab_conn(l), (uint8_t)id);
    assert_int_equal(mlab_in(l, 4, ". 1(0) ack 1 mpj"), DROP_MP_JOIN_REFUSED);
    assert_int_equal(mlab_mib(l, MIB_MISMATCH_PORT_ACK_RX), 1);
    assert_null(mlab_sf(l, 4));
    mlab_skip(l);
    mlab_free(l);
}

static void test_any_port(void **state) { /* M-JON-25, M-JON-26 */
    struct mlab *l = lab(NULL, true);
    (void)state;
    path_to_port(l, 2, 2, 999);
    assert_int_equal(mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7"), DROP_NONE);
    assert_int_equal(mlab_mib(l, MIB_MPJ_PORT_SYN_RX), 1);
    mlab_skip(l);
    mlab_free(l);
}

static void test_observed(void **state) { /* M-ADD-04, M-JON-06 */
    struct mlab *l = lab(NULL, true);
    struct umptcp_addr announced;
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    const struct conn_paths *p = mlab_conn(l)->paths;
    assert_int_equal(p->nremotes, 1);
    assert_int_equal(p->remotes[0].id, 7);
    assert_true(p->remotes[0].observed);
    assert_true(addr_eq(&p->remotes[0].addr.addr, &mlab_sf(l, 2)->flow.remote.addr));
    /* Behind a NAT the peer calls it by another name. */
    assert_int_equal(umptcp_addr_parse("10.0.3.9", &announced), 0);
    mlab_in(l, 1, ". 1(0) ack 1 add 7 10.0.3.9");
    mlab_want(l, 1, ". 1(0) ack 1 echo 7 10.0.3.9");
    mlab_want_none(l); /* there is a subflow to it */
    assert_int_equal(p->nremotes, 1);
    assert_false(p->remotes[0].observed);
    assert_true(addr_eq(&p->remotes[0].addr.addr, &announced));
    /* It is known, although its subflow is gone. */
    mlab_in(l, 2, "R. 1(0) ack 1");
    assert_null(mlab_sf(l, 2));
    assert_int_equal(mlab_in(l, 1, ". 1(0) ack 1 remove 7"), DROP_NONE);
    assert_int_equal(p->nremotes, 0);
    assert_int_equal(mlab_mib(l, MIB_RM_ADDR), 1);
    mlab_skip(l);
    mlab_free(l);
}

static void test_observed_give_way(void **state) { /* M-ADD-04, M-ADD-29 */
    struct mlab *l = lab(NULL, true);
    const struct conn_paths *p = mlab_conn(l)->paths;
    char text[64];
    (void)state;
    assert_int_equal(umptcp_limits_set(l->s, 4, 0), 0);
    mlab_join_in(l, 2, 2, 7);
    for (int id = 20; id < 20 + REMOTE_ADDRS_MAX; id++) {
        snprintf(text, sizeof text, ". 1(0) ack 1 add %d 10.0.3.%d", id, id);
        assert_int_equal(mlab_in(l, 1, text), DROP_NONE);
        mlab_skip(l);
    }
    assert_int_equal(p->nremotes, REMOTE_ADDRS_MAX);
    for (uint32_t i = 0; i < p->nremotes; i++)
        assert_false(p->remotes[i].observed);
    mlab_join_in(l, 3, 3, 9); /* no place is left: it is not remembered */
    assert_int_equal(p->nremotes, REMOTE_ADDRS_MAX);
    mlab_free(l);
}

static void test_signals_repeated(void **state) { /* M-POL-11, M-REM-13 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.signal_repeats = 1;
    struct mlab *l = lab(&cfg, false);
    mlab_join_out(l, 2, 2, 0);
    assert_int_equal(umptcp_subflow_set_backup(l->s, l->sock, 2, true, l->now), 0);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1 prio 1");
    mlab_want_none(l);
    mlab_wait(l, SEC(1));
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1 prio 1");
    mlab_wait(l, SEC(10));
    mlab_want_none(l);
    assert_int_equal(umptcp_endpoint_del(l->s, 1, l->now), 0);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 1(0) ack 1 dss ack32 1 remove 1");
    mlab_want(l, 2, "F. 1(0) ack 1 dss ack32 1");
    mlab_in(l, 2, "F. 1(0) ack 2 dss ack32 1");
    mlab_want(l, 2, ". 2(0) ack 2 dss ack32 1");
    mlab_wait(l, SEC(1));
    mlab_want(l, 1, ". 1(0) ack 1 dss ack32 1 remove 1");
    mlab_wait(l, SEC(10));
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_RM_ADDR_TX), 1); /* an id is counted once */
    mlab_free(l);
}

/* The id is in use again before its withdrawal is repeated: there is nothing to repeat. */
static void test_repeat_is_off(void **state) { /* M-REM-13, M-ADD-21 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.signal_repeats = 3;
    struct mlab *l = lab(&cfg, true);
    int id = endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL);
    mlab_skip(l);
    mlab_in(l, 1, ". 1(0) ack 1 echo 1 10.0.2.1");
    assert_int_equal(umptcp_endpoint_del(l->s, (uint8_t)id, l->now), 0);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 1(0) ack 1 dss ack32 1 remove 1");
    assert_int_equal(endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL), 1);
    mlab_want(l, 1, ". 1(0) ack 1 add 1 10.0.2.1");
    mlab_in(l, 1, ". 1(0) ack 1 echo 1 10.0.2.1");
    mlab_wait(l, SEC(10));
    mlab_want_none(l);
    mlab_free(l);
}

static void test_bound(void **state) { /* M-API-06 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.bound_only = true;
    struct mlab *l = lab(&cfg, false); /* connects from an address of its choice */
    endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SUBFLOW);
    endpoint(l, "10.0.3.1", 0, UMPTCP_EP_SIGNAL);
    mlab_want_none(l);
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.1.9");
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.1.9");
    mlab_want(l, 2, "S 0(0) mpj id 0");
    assert_true(addr_eq(&l->flow[2].flow.local.addr, &mlab_conn(l)->name.local.addr));
    mlab_in(l, 1, ". 1(0) ack 1 add 6 fd00:3::9"); /* of another family than the address */
    mlab_want(l, 1, ". 1(0) ack 1 echo 6 fd00:3::9");
    mlab_want_none(l);
    mlab_path(l, 3, 2);
    assert_int_equal(mlab_in(l, 3, "S 0(0) mss 1024 sackok mpj id 8"), DROP_MP_JOIN_REFUSED);
    mlab_want(l, 3, "R. 0(0) ack 1 tcprst 3");
    mlab_free(l);
}

/* A listener for any address confines nothing. */
static void test_not_bound(void **state) { /* M-API-06 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.bound_only = true;
    struct mlab *l = lab(&cfg, true);
    mlab_join_in(l, 2, 2, 7);
    endpoint(l, "10.0.3.1", 0, UMPTCP_EP_SIGNAL);
    mlab_want(l, 1, ". 1(0) ack 1 add 2 10.0.3.1");
    mlab_free(l);
}

static void test_joins_wait(void **state) { /* M-HEU-07, M-HEU-11 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.join_delay = SEC(10);
    struct mlab *l = lab(&cfg, false);
    endpoint(l, "10.0.3.1", 0, UMPTCP_EP_SIGNAL);
    mlab_want(l, 1, ". 1(0) ack 1 add 1 10.0.3.1");
    mlab_in(l, 1, ". 1(0) ack 1 echo 1 10.0.3.1");
    endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SUBFLOW);
    mlab_want_none(l);
    mlab_wait(l, SEC(10));
    assert_true(l->flow[2].used);
    mlab_want(l, 2, "S 0(0) mpj id 2");
    mlab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removed_at_once),   cmocka_unit_test(test_other_ports),
        cmocka_unit_test(test_any_port),          cmocka_unit_test(test_observed),
        cmocka_unit_test(test_observed_give_way), cmocka_unit_test(test_signals_repeated),
        cmocka_unit_test(test_repeat_is_off),     cmocka_unit_test(test_bound),
        cmocka_unit_test(test_not_bound),         cmocka_unit_test(test_joins_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
