/* SPDX-License-Identifier: BSD-3-Clause */
/* Path signals (RFC 8684 3.3.8, 3.4): ADD_ADDR, REMOVE_ADDR, MP_PRIO, and probes of silent paths. */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

static const struct mlab_options server = {.server = true};
static const struct mlab_options accepting = {.addrs_accepted = 8};

static int endpoint(struct mlab *l, const char *addr, uint16_t port, uint32_t flags) {
    struct umptcp_endpoint ep = {.flags = flags, .addr.port = port};
    assert_int_equal(umptcp_addr_parse(addr, &ep.addr.addr), 0);
    int id = umptcp_endpoint_add(l->s, &ep, l->now);
    assert_true(id > 0);
    return id;
}

/* A round trip of 50 ms is known; five bytes went. */
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

/* ---- ADD_ADDR: ours ---------------------------------------------------------------------------------------------- */

static void assert_add(struct mlab *l, const char *hex) { assert_non_null(strstr(mlab_bytes(l, 1), hex)); }

static void test_announced(void **state) { /* M-ADD-01, -10, -12, -14, -16, -22 */
    struct mlab *l = talked(&server);
    struct umptcp_info info;
    (void)state;
    assert_int_equal(endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL), 1);
    mlab_wait(l, MSEC(1));
    assert_add(l, "1e1030010a000201");
    mlab_want(l, 1, ". 6(0) ack 6 add 1 10.0.2.1");
    assert_int_equal(mlab_mib(l, MIB_ADD_ADDR_TX), 1);
    mlab_in(l, 1, ". 6(0) ack 6 echo 1 10.0.2.1");
    assert_int_equal(mlab_mib(l, MIB_ECHO_ADD), 1);
    mlab_wait(l, SEC(300));
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 6 add 5 192.0.2.45");
    assert_int_equal(umptcp_info(l->s, l->sock, &info), 0);
    assert_int_equal(info.addrs_announced, 1);
    assert_int_equal(info.addrs_known, 1);
    mlab_free(l);
}

static void test_vectors(void **state) { /* M-ADD-10: B is the peer's key here, so the peer says them */
    static const struct {
        const char *raw, *echo;
    } rows[] = {
        {". 1(0) ack 1 raw 1e103005c000022d56588d9564ac9654", ". 1(0) ack 1 echo 5 192.0.2.45"},
        {". 1(0) ack 1 raw 1e123005c000022d20fb9e6912e2d9339b32 raw 0101", ". 1(0) ack 1 echo 5 192.0.2.45 port 8443"},
        {". 1(0) ack 1 raw 1e1c300620010db80000000000000000000100028b2b4c6048a2fd4a",
         ". 1(0) ack 1 echo 6 2001:db8::1:2"},
        {". 1(0) ack 1 raw 1e1e300620010db800000000000000000001000201bbd5e04ba873c8b1d9 raw 0101",
         ". 1(0) ack 1 echo 6 2001:db8::1:2 port 443"},
        {". 1(0) ack 1 raw 1e103e05c000022d56588d9564ac9654", ". 1(0) ack 1 echo 5 192.0.2.45"}, /* M-ADD-15 */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mlab *l = mlab_new_full(NULL);
        assert_int_equal(mlab_in(l, 1, rows[i].raw), DROP_NONE);
        if (i == 0)
            assert_add(l, "1e083105c000022d"); /* M-ADD-12: without HMAC */
        mlab_want(l, 1, rows[i].echo);
        assert_int_equal(mlab_mib(l, MIB_ADD_ADDR), 1);
        assert_int_equal(mlab_mib(l, MIB_ECHO_ADD_TX), 1);
        struct umptcp_event ev = mlab_event(l, UMPTCP_EV_ADDR_ANNOUNCED);
        assert_int_equal(ev.addr_id, i == 2 || i == 3 ? 6 : 5);
        mlab_free(l);
    }
}

static void test_announced_again(void **state) { /* M-ADD-13: as Linux, T, 2T, 4T, then no more */
    struct mlab *l = talked(&server);
    dur waits[3];
    (void)state;
    endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 6(0) ack 6 add 1 10.0.2.1");
    for (int i = 0; i < 3; i++) {
        waits[i] = mlab_wait_sent(l, SEC(60));
        mlab_want(l, 1, ". 6(0) ack 6 add 1 10.0.2.1");
        mlab_in(l, 1, ". 6(0) ack 6"); /* the path lives */
    }
    waits[0] += MSEC(1);
    assert_in_range(waits[0], MSEC(200), MSEC(300));
    assert_int_equal(waits[1], 2 * waits[0]);
    assert_int_equal(waits[2], 2 * waits[1]);
    mlab_wait(l, SEC(300));
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_ADD_ADDR_TX), 4);
    mlab_free(l);
}

static void test_only_its_own_echo_counts(void **state) { /* M-ADD-27: as Linux, id, address and port */
    static const char *const others[] = {". 6(0) ack 6 echo 2 10.0.2.1", ". 6(0) ack 6 echo 1 10.0.2.9",
                                         ". 6(0) ack 6 echo 1 10.0.2.1 port 81"};
    struct mlab *l = talked(&server);
    (void)state;
    endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    mlab_skip(l);
    for (int i = 0; i < 3; i++)
        mlab_in(l, 1, others[i]);
    mlab_wait_sent(l, SEC(1));
    mlab_want(l, 1, ". 6(0) ack 6 add 1 10.0.2.1");
    mlab_free(l);
}

static void test_one_after_another(void **state) { /* as Linux, the next when the echo of the first is here */
    struct mlab *l = talked(&server);
    (void)state;
    endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL);
    endpoint(l, "10.0.3.1", 0, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 6(0) ack 6 add 1 10.0.2.1");
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 6 echo 1 10.0.2.1");
    mlab_want(l, 1, ". 6(0) ack 6 add 2 10.0.3.1");
    mlab_free(l);
}

static void test_announced_port(void **state) { /* M-ADD-31: joins to that port are for the one who has the token */
    struct mlab *l = talked(&server);
    (void)state;
    endpoint(l, "10.0.2.1", 8443, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    assert_add(l, "1e1230010a00020120fb");
    mlab_want(l, 1, ". 6(0) ack 6 add 1 10.0.2.1 port 8443");
    mlab_in(l, 1, ". 6(0) ack 6 echo 1 10.0.2.1 port 8443");
    mlab_path(l, 2, 2);
    l->flow[2].flow.local.port = 8443;
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    mlab_want(l, 2, "S. 0(0) ack 1 mpj id 1");
    mlab_path(l, 3, 2);
    l->flow[3].flow.local.port = 8443;
    assert_int_equal(mlab_in(l, 3, "S 0(0) mss 1024 sackok mpc"), DROP_TCP_NO_SOCKET);
    mlab_free(l);
}

/* 32 bytes fit when timestamps are left out for once */
static void test_longest_of_all(void **state) {
    struct umptcp_config cfg = mlab_config();
    cfg.timestamps = true;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .v6 = true, .cfg = &cfg});
    (void)state;
    endpoint(l, "fd00:2::1", 8443, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    assert_null(strstr(mlab_bytes(l, 1), "0101080a"));
    mlab_want(l, 1, ". 1(0) ack 1 add 1 fd00:2::1 port 8443");
    mlab_in(l, 1, ". 1(0) ack 1 echo 1 fd00:2::1 port 8443");
    mlab_send(l, 100);
    assert_non_null(strstr(mlab_bytes(l, 1), "0101080a"));
    mlab_want(l, 1, "P. 1(100) ack 1 dss ack32 1 map 1:1+100");
    mlab_free(l);
}

static void test_beside_timestamps(void **state) { /* M-GEN-08, -09: alone when it has no room with the DATA_ACK */
    struct umptcp_config cfg = mlab_config();
    cfg.timestamps = true;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .v6 = true, .cfg = &cfg});
    (void)state;
    endpoint(l, "fd00:2::1", 0, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 1(0) ack 1 add 1 fd00:2::1");
    mlab_free(l);
}

/* ---- ADD_ADDR: the peer's ---------------------------------------------------------------------------------------- */

static void test_wrong_hmac(void **state) { /* M-ADD-11, M-SEM-12, M-MBX-50 */
    struct mlab *l = mlab_new_full(&accepting);
    (void)state;
    umptcp_limits_set(l->s, 8, 8);
    assert_int_equal(mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2 hmac bad"), DROP_MP_HMAC);
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_ADD_ADDR), 0);
    assert_int_equal(mlab_conn(l)->paths->nremotes, 0);
    mlab_free(l);
}

static void test_out_of_window(void **state) { /* M-ADD-02, M-GEN-06 */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    mlab_in(l, 1, ". 900000(0) ack 1 add 5 10.0.3.2");
    mlab_in(l, 1, ". 900000(0) ack 1 prio 1");
    mlab_in(l, 1, ". 900000(0) ack 1 remove 0");
    assert_int_equal(mlab_conn(l)->paths->nremotes, 0);
    assert_false(mlab_sf(l, 1)->remote_backup);
    assert_false(mlab_sf(l, 1)->withdrawn);
    mlab_free(l);
}

static void test_accepted(void **state) { /* M-ADD-09, -17, -18, M-PTH-01, M-RST-05, M-HEU-14 */
    struct mlab *l = mlab_new_full(&accepting);
    (void)state;
    umptcp_limits_set(l->s, 4, 2);
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2");
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.3.2");
    mlab_skip(l);
    assert_int_equal(l->flow[2].flow.remote.port, MLAB_PORT); /* that of the subflow it came on */
    mlab_in(l, 2, "R. 0(0) ack 1 tcprst 3");
    mlab_wait(l, SEC(60));
    mlab_want_none(l);                            /* not again */
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2"); /* until it is refreshed */
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.3.2");
    assert_true(l->flow[3].used);
    mlab_want(l, 3, "S 0(0) mpj id 1");
    mlab_free(l);
}

static void test_not_accepted(void **state) { /* M-ADD-05: echoed and remembered, that is all */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2");
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.3.2");
    mlab_wait(l, SEC(10));
    mlab_want_none(l);
    assert_int_equal(mlab_conn(l)->paths->nremotes, 1);
    mlab_free(l);
}

/* M-ADD-17: said twice, on two subflows, before we can answer: one echo is enough, and no other option suffers. */
static void test_announced_on_two_subflows(void **state) {
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_skip(l);
    l->busy = true;
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2");
    mlab_in(l, 2, ". 1(0) ack 1 add 5 10.0.3.2");
    l->busy = false;
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.3.2");
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_ECHO_ADD_TX), 1);
    assert_int_equal(mlab_mib(l, MIB_ECHO_ADD_TX_DROP), 0);
    mlab_free(l);
}

static void test_other_port(void **state) { /* M-ADD-19, -20: the same address at another port */
    struct mlab *l = mlab_new_full(&accepting);
    (void)state;
    umptcp_limits_set(l->s, 4, 2);
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2");
    mlab_skip(l);
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2 port 999");
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.3.2 port 999");
    assert_int_equal(mlab_mib(l, MIB_PORT_ADD), 1);
    assert_int_equal(mlab_conn(l)->paths->remotes[0].addr.port, 999);
    assert_true(l->flow[3].used);
    assert_int_equal(l->flow[3].flow.remote.port, 999);
    mlab_skip(l);
    mlab_in(l, 3, "S. 0(0) ack 1 mss 1024 sackok mpj");
    assert_int_equal(mlab_mib(l, MIB_MPJ_SYNACK_RX), 1);
    assert_int_equal(mlab_mib(l, MIB_MPJ_PORT_SYNACK_RX), 1);
    mlab_free(l);
}

static void test_id_with_another_address(void **state) { /* M-ADD-21, -25: only after it was removed */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2");
    mlab_skip(l);
    assert_int_equal(mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.3"), DROP_MP_ADDR);
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_ADD_ADDR_DROP), 1);
    mlab_in(l, 1, ". 1(0) ack 1 remove 5");
    assert_int_equal(mlab_event(l, UMPTCP_EV_ADDR_REMOVED).addr_id, 5);
    assert_int_equal(mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.3"), DROP_NONE);
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.3.3");
    mlab_free(l);
}

static void test_addresses_that_cannot_be(void **state) { /* M-ADD-26, -28, M-SEM-16 */
    static const char *const bad[] = {
        ". 1(0) ack 1 add 5 224.0.0.1", ". 1(0) ack 1 add 5 0.0.0.0",
        ". 1(0) ack 1 add 5 127.0.0.1", ". 1(0) ack 1 add 5 255.255.255.255",
        ". 1(0) ack 1 add 5 ff02::1",   ". 1(0) ack 1 add 5 ::1",
        ". 1(0) ack 1 add 5 ::",        ". 1(0) ack 1 add 5 10.0.1.1",
        ". 1(0) ack 1 add 5 10.0.2.1",  ". 1(0) ack 1 add 5 10.0.3.2 port 0",
    };
    struct mlab *l = mlab_new_full(&accepting);
    (void)state;
    umptcp_limits_set(l->s, 8, 8);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mlab_in(l, 1, bad[i]);
        mlab_skip(l);
        assert_int_equal(mlab_info(l).subflows, 1);
    }
    assert_true(mlab_mib(l, MIB_ADD_ADDR_DROP) >= 8);
    mlab_free(l);
}

static void test_id_zero(void **state) { /* M-ADD-30: the first address, or nothing */
    struct mlab *l = mlab_new_full(&accepting);
    (void)state;
    umptcp_limits_set(l->s, 8, 8);
    assert_int_equal(mlab_in(l, 1, ". 1(0) ack 1 add 0 10.0.3.2"), DROP_MP_ADDR);
    mlab_want_none(l);
    assert_int_equal(mlab_in(l, 1, ". 1(0) ack 1 add 0 10.0.1.2"), DROP_NONE);
    mlab_want(l, 1, ". 1(0) ack 1 echo 0 10.0.1.2");
    mlab_want_none(l);
    mlab_free(l);
}

static void test_many_addresses(void **state) { /* M-ADD-29: bounded, whatever the peer says */
    struct mlab *l = mlab_new_full(&accepting);
    char text[80];
    (void)state;
    umptcp_limits_set(l->s, 3, 8);
    size_t used = umptcp_mem_used(l->s);
    for (int i = 1; i < 255; i++) {
        snprintf(text, sizeof text, ". 1(0) ack 1 add %d 10.7.0.%d", i, i);
        mlab_in(l, 1, text);
        mlab_skip(l);
    }
    assert_int_equal(mlab_conn(l)->paths->nremotes, REMOTE_ADDRS_MAX);
    assert_in_range(mlab_info(l).subflows, 1, 4);
    assert_in_range(umptcp_mem_used(l->s), used, used + 8000);
    mlab_free(l);
}

static void test_join_to_another_family(void **state) { /* M-JON-34, M-PTH-04 */
    struct mlab *l = mlab_new_full(&accepting);
    struct umptcp_addr own;
    (void)state;
    assert_int_equal(umptcp_addr_parse("fd00:2::1", &own), 0);
    assert_int_equal(umptcp_addr_add(l->s, 2, &own, 64, l->now), 0);
    umptcp_limits_set(l->s, 4, 2);
    l->now = time_add(l->now, MSEC(1));
    /* The SYN that follows is an IPv6 packet. */
    assert_int_equal(mlab_in(l, 1, ". 1(0) ack 1 add 5 fd00:2::2"), DROP_NONE);
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 fd00:2::2");
    mlab_want(l, 2, "S 0(0) mpj id 1");
    assert_false(addr_is_v4(&l->flow[2].flow.remote.addr));
    mlab_free(l);
}

/* ---- REMOVE_ADDR ------------------------------------------------------------------------------------------------- */

static void test_we_withdraw(void **state) { /* M-REM-01, -02, -03 */
    struct mlab *l = talked(&server);
    (void)state;
    int id = endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 echo 1 10.0.2.1");
    assert_int_equal(umptcp_endpoint_del(l->s, (uint8_t)id, l->now), 0);
    mlab_wait(l, MSEC(1));
    assert_add(l, "1e044001");
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 remove 1");
    assert_int_equal(mlab_mib(l, MIB_RM_ADDR_TX), 1);
    mlab_wait(l, SEC(60));
    mlab_want_none(l);
    mlab_free(l);
}

static void test_nobody_to_say_it(void **state) { /* the only subflow has ended, and the connection waits for another */
    struct mlab *l = talked(&server);
    (void)state;
    int id = endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    mlab_in(l, 1, ". 6(0) ack 6 echo 1 10.0.2.1");
    mlab_in(l, 1, "R. 6(0) ack 6");
    mlab_skip(l);
    assert_int_equal(umptcp_endpoint_del(l->s, (uint8_t)id, l->now), 0);
    mlab_wait(l, MSEC(1));
    mlab_want_none(l);
    assert_int_equal(mlab_mib(l, MIB_RM_ADDR_TX_DROP), 1);
    assert_int_equal(mlab_mib(l, MIB_RM_ADDR_TX), 0);
    mlab_free(l);
}

static void test_withdrawn_while_announced(void **state) { /* no more retransmissions */
    struct mlab *l = talked(&server);
    (void)state;
    int id = endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    mlab_skip(l);
    umptcp_endpoint_del(l->s, (uint8_t)id, l->now);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 remove 1");
    mlab_wait(l, SEC(60));
    mlab_want_none(l);
    mlab_free(l);
}

/* M-REM-01: a join that proves nothing keeps no withdrawal from being said. */
static void test_withdrawn_while_somebody_joins(void **state) {
    struct mlab *l = talked(&server);
    (void)state;
    int id = endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL);
    mlab_wait(l, MSEC(1));
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 echo 1 10.0.2.1");
    l->busy = true;
    assert_int_equal(umptcp_endpoint_del(l->s, (uint8_t)id, l->now), 0);
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    l->busy = false;
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, ". 6(0) ack 6 dss ack 6 remove 1");
    mlab_free(l);
}

static void test_address_of_a_subflow_goes(void **state) { /* M-REM-01, -08, M-REM-10: on another one */
    struct mlab *l = talked(NULL);
    struct umptcp_addr gone;
    (void)state;
    mlab_join_out(l, 2, 2, 0);
    mlab_send(l, 3000);
    mlab_skip(l);
    assert_int_equal(umptcp_addr_parse("10.0.2.1", &gone), 0);
    assert_int_equal(umptcp_addr_del(l->s, 2, &gone, l->now), 0);
    mlab_wait(l, MSEC(1));
    assert_null(mlab_sf(l, 2));
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_DOWN).error, ENETDOWN);
    bool said = false;
    for (int i = 0; i < 8 && l->out; i++) {
        said = said || strstr(mlab_bytes(l, 1), "1e044001");
        if (said)
            break;
        mlab_skip(l);
        mlab_in(l, 1, ". 6(0) ack 6 dss ack 6");
    }
    assert_true(said);
    mlab_free(l);
}

/* M-REM-04, -05: it answers the probe: it stays, and no new ones go there */
static void test_removed_but_alive(void **state) {
    struct umptcp_config cfg = mlab_config();
    cfg.probe_interval = SEC(1);
    struct mlab *l = talked(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_wait(l, MSEC(10));
    mlab_in(l, 1, ". 6(0) ack 6 remove 7");
    mlab_want(l, 2, ". 0(0) ack 1 dss ack 6"); /* below the window: it must be answered */
    assert_int_equal(mlab_mib(l, MIB_RM_ADDR), 1);
    assert_int_equal(mlab_event(l, UMPTCP_EV_ADDR_REMOVED).addr_id, 7);
    mlab_in(l, 2, ". 1(0) ack 1 dss ack 6");
    mlab_wait(l, SEC(60));
    mlab_skip(l);
    assert_non_null(mlab_sf(l, 2));
    mlab_free(l);
}

static void test_removed_and_silent(void **state) { /* M-REM-04, -08, -11 */
    (void)state;
    for (int probes = 0; probes < 2; probes++) { /* with and without probes of silent paths */
        struct umptcp_config cfg = mlab_config();
        cfg.probe_interval = probes ? SEC(1) : 0;
        struct mlab *l = talked(&(struct mlab_options){.server = true, .cfg = &cfg});
        mlab_join_in(l, 2, 2, 7);
        mlab_wait(l, MSEC(10));
        mlab_in(l, 1, ". 6(0) ack 6 remove 7");
        mlab_want(l, 2, ". 0(0) ack 1 dss ack 6");
        for (int i = 0; i < 20 && mlab_sf(l, 2); i++) {
            mlab_wait(l, SEC(1));
            mlab_in(l, 1, ". 6(0) ack 6 dss ack 6"); /* the first one lives */
        }
        assert_null(mlab_sf(l, 2));
        mlab_skip(l);
        assert_int_equal(mlab_info(l).subflows, 1);
        mlab_free(l);
    }
}

static void test_peer_closes_after_remove(void **state) { /* M-REM-14: Linux's way */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, ". 6(0) ack 6 remove 7");
    mlab_in(l, 2, "F. 1(0) ack 1 dss ack 6");
    mlab_skip(l);
    mlab_in(l, 2, ". 2(0) ack 2 dss ack 6");
    assert_int_equal(mlab_info(l).subflows, 1);
    mlab_free(l);
}

static void test_several_removed(void **state) { /* M-REM-03, -09, M-HEU-03 */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2");
    mlab_in(l, 1, ". 1(0) ack 1 add 6 10.0.3.3");
    mlab_in(l, 1, ". 1(0) ack 1 add 7 10.0.3.4");
    mlab_skip(l);
    assert_int_equal(mlab_in(l, 1, ". 1(0) ack 1 remove 77"), DROP_MP_ADDR);
    mlab_want_none(l);
    mlab_in(l, 1, ". 1(0) ack 1 remove 7,5,99");
    assert_int_equal(mlab_conn(l)->paths->nremotes, 1);
    assert_int_equal(mlab_conn(l)->paths->remotes[0].id, 6);
    assert_int_equal(mlab_mib(l, MIB_RM_ADDR), 4);
    mlab_free(l);
}

static void test_remove_the_first(void **state) { /* M-JON-05, M-REM-12: id 0 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_wait(l, MSEC(10));
    mlab_in(l, 2, ". 1(0) ack 1 remove 0");
    mlab_want(l, 1, ". 5(0) ack 6 dss ack 6");
    assert_true(mlab_sf(l, 1)->withdrawn);
    mlab_free(l);
}

/* ---- MP_PRIO ----------------------------------------------------------------------------------------------------- */

static void test_peer_prio(void **state) { /* M-POL-05, -07, M-SEM-13 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, ". 6(0) ack 6 prio 1");
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_PRIO).subflow, 1);
    assert_true(mlab_sf(l, 1)->remote_backup);
    assert_false(mlab_sf(l, 2)->remote_backup);
    mlab_send(l, 100);
    mlab_want(l, 2, "P. 1(100) ack 1 dss ack 6 map 6:1+100");
    mlab_in(l, 2, ". 1(0) ack 101 dss ack 106");
    mlab_in(l, 1, ". 6(0) ack 6 prio 0");
    mlab_in(l, 2, ". 1(0) ack 101 prio 1");
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 106:6+100");
    assert_int_equal(mlab_mib(l, MIB_MP_PRIO_RX), 3);
    mlab_free(l);
}

static void test_prio_of_version_0(void **state) { /* M-POL-09 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_in(l, 1, ". 6(0) ack 6 raw 1e045102");
    assert_false(mlab_sf(l, 1)->remote_backup);
    mlab_free(l);
}

static void test_our_prio(void **state) { /* M-POL-05, -07 */
    struct mlab *l = talked(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    assert_int_equal(umptcp_subflow_set_backup(l->s, l->sock, 2, true, l->now), 0);
    mlab_wait(l, MSEC(1));
    assert_non_null(strstr(mlab_bytes(l, 2), "1e035101"));
    mlab_want(l, 2, ". 1(0) ack 1 dss ack 6 prio 1");
    assert_int_equal(umptcp_subflow_set_backup(l->s, l->sock, 2, false, l->now), 0);
    mlab_wait(l, MSEC(1));
    assert_non_null(strstr(mlab_bytes(l, 2), "1e035001"));
    mlab_want(l, 2, ". 1(0) ack 1 dss ack 6 prio 0");
    assert_int_equal(umptcp_subflow_set_backup(l->s, l->sock, 9, true, l->now), -ENOENT);
    assert_int_equal(mlab_mib(l, MIB_MP_PRIO_TX), 2);
    mlab_free(l);
}

static void test_backup_until_the_primary_fails(void **state) { /* M-JON-09, M-POL-04, -10, M-REM-06 */
    struct mlab *l = talked(&server);
    char text[80];
    (void)state;
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7 backup");
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_skip(l);
    for (uint32_t at = 6; at < 10006; at += 500) {
        mlab_send(l, 500);
        snprintf(text, sizeof text, "P. %u(500) ack 6 dss ack 6 map %u:%u+500", at, at, at);
        mlab_want(l, 1, text);
        snprintf(text, sizeof text, ". 6(0) ack %u dss ack %u", at + 500, at + 500);
        mlab_in(l, 1, text);
    }
    assert_int_equal(mlab_sf(l, 2)->tcb.snd_end.v, 1);
    mlab_send(l, 500);
    mlab_want(l, 1, "P. 10006(500) ack 6 dss ack 6 map 10006:10006+500");
    mlab_wait(l, SEC(2)); /* no answer for an RTO */
    mlab_want(l, 2, "P. 1(500) ack 1 dss ack 6 map 10006:1+500");
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 501 dss ack 10506");
    mlab_in(l, 1, ". 6(0) ack 10506 dss ack 10506"); /* it was only slow */
    mlab_send(l, 500);
    mlab_want(l, 1, "P. 10506(500) ack 6 dss ack 6 map 10506:10506+500");
    mlab_free(l);
}

/* ---- Probes ------------------------------------------------------------------------------------------------------ */

static void test_silent_path_is_dropped(void **state) { /* while another speaks */
    struct umptcp_config cfg = mlab_config();
    cfg.probe_interval = SEC(1);
    cfg.probe_count = 3;
    struct mlab *l = talked(&(struct mlab_options){.server = true, .cfg = &cfg});
    char text[80];
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    uint32_t at = 6, halves = 0;
    for (; halves < 60 && mlab_sf(l, 2); halves++, at += 5) {
        mlab_wait(l, MSEC(500));
        snprintf(text, sizeof text, "P. %u(5) ack 6 dss ack 6 map %u:%u+5", at, at, at);
        mlab_in(l, 1, text);
        mlab_recv(l, 5);
    }
    assert_in_range(halves, 6, 24);
    assert_int_equal(mlab_mib(l, MIB_UMPTCP_PROBES), 3);
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_DOWN).error, ETIMEDOUT);
    mlab_skip(l);
    mlab_free(l);
}

static void test_silent_path_that_answers(void **state) {
    struct umptcp_config cfg = mlab_config();
    cfg.probe_interval = SEC(1);
    struct mlab *l = talked(&(struct mlab_options){.server = true, .cfg = &cfg});
    char text[80];
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    for (uint32_t at = 6; at < 156; at += 5) {
        mlab_wait(l, SEC(1));
        snprintf(text, sizeof text, "P. %u(5) ack 6 dss ack 6 map %u:%u+5", at, at, at);
        mlab_in(l, 1, text);
        mlab_recv(l, 5);
        mlab_skip(l);
        mlab_in(l, 2, ". 1(0) ack 1 dss ack 6");
    }
    assert_int_equal(mlab_info(l).subflows, 2);
    mlab_free(l);
}

static void test_idle_connection_is_not_probed(void **state) {
    struct umptcp_config cfg = mlab_config();
    cfg.probe_interval = SEC(1);
    struct mlab *l = talked(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_wait(l, SEC(5));
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 1 dss ack 6");
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6");
    mlab_wait(l, SEC(3600));
    mlab_want_none(l);
    assert_int_equal(mlab_info(l).subflows, 2);
    assert_true(time_is_never(umptcp_next(l->s)));
    mlab_free(l);
}

/* ---- Without memory ---------------------------------------------------------------------------------------------- */

static bool address_round(uint64_t fail_at) {
    struct umptcp_config cfg = mlab_config();
    cfg.rejoin = false;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.cfg = &cfg, .fail_at = fail_at, .addrs_accepted = 4});
    umptcp_limits_set(l->s, 4, 4);
    int id = endpoint(l, "10.0.2.1", 0, UMPTCP_EP_SIGNAL);
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2");
    mlab_in(l, 1, ". 1(0) ack 1 add 6 10.0.3.3");
    mlab_in(l, 1, ". 1(0) ack 1 add 7 10.0.3.4");
    mlab_in(l, 1, ". 1(0) ack 1 echo 1 10.0.2.1");
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj");
    mlab_in(l, 2, ". 1(0) ack 1 dss ack32 1");
    mlab_in(l, 1, ". 1(0) ack 1 remove 6,5");
    umptcp_endpoint_del(l->s, (uint8_t)id, l->now);
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_wait(l, SEC(30));
    mlab_skip(l);
    return mlab_free_refused(l);
}

static void test_without_memory(void **state) {
    uint64_t n = 1;
    (void)state;
    while (address_round(n))
        n++;
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_announced),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_announced_again),
        cmocka_unit_test(test_only_its_own_echo_counts),
        cmocka_unit_test(test_one_after_another),
        cmocka_unit_test(test_announced_port),
        cmocka_unit_test(test_longest_of_all),
        cmocka_unit_test(test_beside_timestamps),
        cmocka_unit_test(test_wrong_hmac),
        cmocka_unit_test(test_out_of_window),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_announced_on_two_subflows),
        cmocka_unit_test(test_not_accepted),
        cmocka_unit_test(test_other_port),
        cmocka_unit_test(test_id_with_another_address),
        cmocka_unit_test(test_addresses_that_cannot_be),
        cmocka_unit_test(test_id_zero),
        cmocka_unit_test(test_many_addresses),
        cmocka_unit_test(test_join_to_another_family),
        cmocka_unit_test(test_we_withdraw),
        cmocka_unit_test(test_nobody_to_say_it),
        cmocka_unit_test(test_withdrawn_while_announced),
        cmocka_unit_test(test_withdrawn_while_somebody_joins),
        cmocka_unit_test(test_address_of_a_subflow_goes),
        cmocka_unit_test(test_removed_but_alive),
        cmocka_unit_test(test_removed_and_silent),
        cmocka_unit_test(test_peer_closes_after_remove),
        cmocka_unit_test(test_several_removed),
        cmocka_unit_test(test_remove_the_first),
        cmocka_unit_test(test_peer_prio),
        cmocka_unit_test(test_prio_of_version_0),
        cmocka_unit_test(test_our_prio),
        cmocka_unit_test(test_backup_until_the_primary_fails),
        cmocka_unit_test(test_silent_path_is_dropped),
        cmocka_unit_test(test_silent_path_that_answers),
        cmocka_unit_test(test_idle_connection_is_not_probed),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
