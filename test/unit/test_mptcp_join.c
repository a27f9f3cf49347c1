/* SPDX-License-Identifier: BSD-3-Clause */
/* MP_JOIN in both roles (RFC 8684 3.2): proofs, lost packets, refusals. */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

static const struct mlab_options server = {.server = true};
static const struct mlab_options accepting_server = {.server = true, .addrs_accepted = 8};

static void assert_tail(struct mlab *l, int sf, const char *tail) {
    const char *all = mlab_bytes(l, sf);
    assert_true(strlen(all) >= strlen(tail));
    assert_string_equal(all + strlen(all) - strlen(tail), tail);
}

static int endpoint(struct mlab *l, const char *addr, uint32_t flags) {
    struct umptcp_endpoint ep = {.flags = flags};
    assert_int_equal(umptcp_addr_parse(addr, &ep.addr.addr), 0);
    int id = umptcp_endpoint_add(l->s, &ep, l->now);
    assert_true(id > 0);
    return id;
}

/* The first subflow does not notice. */
static void first_goes_on(struct mlab *l) {
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_want(l, 1, ". 1(0) ack 6 dss ack 6");
    mlab_recv(l, 5);
    assert_true(mlab_info(l).is_mptcp);
}

/* ---- The peer joins ---------------------------------------------------------------------------------------------- */

/* Nonce of the stack as in the vectors: 01234567. */
static void force_nonce(struct mlab *l) { mlab_random(l, "\x67\x45\x23\x01", 4); }

static void test_peer_joins(void **state) { /* M-JON-02, -06, -07, -10, -14, -15, -27, -28, M-SEM-09, M-SEM-10 */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_path(l, 2, 2);
    force_nonce(l);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    /* HMAC of our key and nonce before the peer's; computed apart from the engine */
    assert_tail(l, 2,
                "1e101001"
                "5ada0a12e956691b"
                "01234567");
    mlab_want(l, 2, "S. 0(0) ack 1 mpj id 1");
    assert_int_equal(mlab_sf(l, 2)->state, SF_OPENING);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1"); /* the fourth, at once */
    mlab_want_none(l);
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_UP).subflow, 2);
    struct umptcp_subflow_info sf[2];
    assert_int_equal(umptcp_subflows(l->s, l->sock, sf, 2), 2);
    assert_int_equal(sf[1].remote_id, 7);
    assert_int_equal(sf[1].local_id, 1);
    assert_true(sf[1].established);
    assert_int_equal(mlab_mib(l, MIB_MPJ_SYN_RX), 1);
    assert_int_equal(mlab_mib(l, MIB_MPJ_ACK_RX), 1);
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 6");
    mlab_recv(l, 5);
    mlab_free(l);
}

static void test_join_to_any_port(void **state) { /* M-JON-25, -26: the token names the connection */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_path(l, 2, 3);
    l->flow[2].flow.local.port = 7777; /* nobody listens there */
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 3");
    mlab_want(l, 2, "S. 0(0) ack 1 mpj id 1");
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1");
    mlab_free(l);
}

static void test_join_to_client(void **state) { /* M-JON-01 */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    mlab_path(l, 2, 1); /* to the first address: our id is 0 there */
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 4");
    mlab_want(l, 2, "S. 0(0) ack 1 mpj id 0");
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1");
    mlab_free(l);
}

static void test_join_of_an_endpoint_address(void **state) { /* M-JON-04, -09: our id and our wish */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    int id = endpoint(l, "10.0.2.1", UMPTCP_EP_BACKUP);
    char want[60];
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7 backup");
    snprintf(want, sizeof want, "S. 0(0) ack 1 mpj id %d backup", id);
    mlab_want(l, 2, want);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    assert_true(mlab_sf(l, 2)->remote_backup && mlab_sf(l, 2)->local_backup);
    assert_int_equal(mlab_mib(l, MIB_MPJ_SYN_BACKUP_RX), 1);
    mlab_free(l);
}

static void test_fourth_ack_lost(void **state) { /* M-JON-16: the third comes again, and so does our answer */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    for (int i = 0; i < 3; i++) {
        mlab_in(l, 2, ". 1(0) ack 1 mpj");
        mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1");
    }
    mlab_free(l);
}

static void test_third_ack_lost(void **state) { /* M-JON-29, M-MBX-12: data cannot take its place */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    mlab_skip(l);
    assert_int_equal(mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 1:1+5"), DROP_MP_JOIN_OPTION);
    mlab_want(l, 2, "R 1(0) tcprst 1");
    mlab_recv(l, 0);
    first_goes_on(l);
    mlab_free(l);
}

static void test_third_ack_without_option_or_wrong(void **state) { /* M-JON-21, -22, M-HEU-01 */
    static const struct {
        const char *ack;
        enum drop why;
        enum mib mib;
    } rows[] = {
        {". 1(0) ack 1", DROP_MP_JOIN_OPTION, MIB_MPJ_REJECTED},
        {". 1(0) ack 1 dss ack 1", DROP_MP_JOIN_OPTION, MIB_MPJ_REJECTED},
        {". 1(0) ack 1 mpj hmac bad", DROP_MP_JOIN_HMAC, MIB_MPJ_ACK_HMAC},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mlab *l = mlab_new_full(&server);
        mlab_path(l, 2, 2);
        mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
        mlab_skip(l);
        assert_int_equal(mlab_in(l, 2, rows[i].ack), rows[i].why);
        assert_tail(l, 2, "1e048001");
        mlab_want(l, 2, "R 1(0) tcprst 1");
        mlab_want_none(l);
        assert_int_equal(mlab_mib(l, rows[i].mib), 1);
        assert_null(mlab_sf(l, 2));
        first_goes_on(l);
        mlab_free(l);
    }
}

static void test_synack_of_join_lost(void **state) { /* M-JON-03: the same nonce and HMAC */
    struct mlab *l = mlab_new_full(&server);
    char first[100];
    (void)state;
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    snprintf(first, sizeof first, "%s", mlab_bytes(l, 2));
    mlab_skip(l);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    assert_string_equal(mlab_bytes(l, 2), first);
    mlab_skip(l);
    mlab_wait_sent(l, SEC(3));
    assert_string_equal(mlab_bytes(l, 2), first);
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1");
    mlab_free(l);
}

static void test_unknown_token(void **state) { /* M-JON-11, -12, -13, M-HEU-01, M-MBX-44 */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_path(l, 2, 2);
    size_t used = umptcp_mem_used(l->s);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7 token bad"), DROP_MP_TOKEN);
        assert_string_equal(mlab_bytes(l, 2), "1e048001");
        l->flow[2].isn.v = 0; /* such a RST has number 0 */
        mlab_want(l, 2, "R. 0(0) ack 1 tcprst 1");
        mlab_want_none(l);
    }
    assert_int_equal(mlab_mib(l, MIB_MPJ_NO_TOKEN), 20);
    assert_in_range(umptcp_mem_used(l->s), 0, used + 200);
    first_goes_on(l);
    mlab_free(l);
}

static void refused(struct mlab *l, int sf, int path, int reason) {
    char want[60];
    mlab_path(l, sf, path);
    assert_int_equal(mlab_in(l, sf, "S 0(0) mss 1024 sackok mpj id 7"), DROP_MP_JOIN_REFUSED);
    l->flow[sf].isn.v = 0;
    snprintf(want, sizeof want, "R. 0(0) ack 1 tcprst %d", reason);
    mlab_want(l, sf, want);
    mlab_want_none(l);
}

static void test_join_before_established(void **state) { /* M-HSK-14, M-JON-31 */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    refused(l, 2, 2, MPRST_PROHIBITED);
    mlab_in(l, 1, ". 1(0) ack 1 dss ack32 1");
    first_goes_on(l);
    mlab_free(l);
}

/* the client has seen a DSS of ours, the server none of it yet */
static void test_join_before_first_dss(void **state) {
    struct mlab *l = mlab_new_open(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 6");
    mlab_recv(l, 5);
    assert_int_equal(mlab_conn(l)->mode, MP_FULL);
    mlab_free(l);
}

static void test_join_over_limit(void **state) { /* M-JON-12, -33, M-HEU-09 */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    assert_int_equal(umptcp_limits_set(l->s, 1, 0), 0);
    mlab_join_in(l, 2, 2, 7);
    refused(l, 3, 3, MPRST_PROHIBITED);
    assert_int_equal(mlab_mib(l, MIB_MPJ_REJECTED), 1);
    first_goes_on(l);
    mlab_free(l);
}

static void test_join_after_fallback(void **state) { /* M-JON-31, M-FBK-25: the token is no longer known */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+0");
    mlab_skip(l);
    assert_int_equal(mlab_conn(l)->mode, MP_FALLBACK);
    mlab_path(l, 2, 2);
    assert_int_equal(mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7"), DROP_MP_TOKEN);
    mlab_free(l);
}

static void test_join_while_closing(void **state) { /* M-JON-31 */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_in(l, 1, ". 1(0) ack 1 dss ack 1 map 1:0+1 fin");
    mlab_shutdown(l);
    mlab_skip(l);
    refused(l, 2, 2, MPRST_PROHIBITED); /* LAST-ACK */
    mlab_free(l);
}

/* All paths may be dying, and bytes of ours did not arrive yet. */
static void test_join_while_bytes_are_missing(void **state) {
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_send(l, 100);
    mlab_in(l, 1, ". 1(0) ack 1 dss ack 1 map 1:0+1 fin");
    mlab_shutdown(l);
    mlab_skip(l);
    assert_int_equal(mlab_info(l).state, UMPTCP_LAST_ACK);
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, "R. 1(0) ack 1");
    mlab_want(l, 2, "P. 1(100) ack 1 dss ack 2 map 1:1+100");
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 101 dss ack 102");
    mlab_closed(l, 0);
    mlab_free(l);
}

static void test_join_while_half_closed(void **state) { /* one direction goes on: a path may come */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_in(l, 1, ". 1(0) ack 1 dss ack 1 map 1:0+1 fin");
    mlab_skip(l);
    mlab_join_in(l, 2, 2, 7);
    assert_int_equal(mlab_info(l).subflows, 2);
    mlab_free(l);
}

static void test_connection_closes_before_third_ack(void **state) { /* M-JON-31 */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7");
    mlab_in(l, 1, ". 1(0) ack 1 dss ack 1 map 1:0+1 fin");
    mlab_shutdown(l);
    mlab_skip(l);
    assert_int_equal(mlab_in(l, 2, ". 1(0) ack 1 mpj"), DROP_MP_JOIN_REFUSED);
    mlab_want(l, 2, "R 1(0) tcprst 3");
    mlab_free(l);
}

static void test_join_on_a_living_subflow(void **state) { /* M-JON-30: TCP's rules: a challenge */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    assert_int_equal(mlab_in(l, 2, "S 500(0) mss 1024 sackok mpj id 7"), DROP_TCP_SYN);
    mlab_want(l, 2, ". 1(0) ack 1 dss ack32 1");
    assert_int_equal(mlab_info(l).subflows, 2);
    mlab_free(l);
}

static void test_join_with_capable(void **state) { /* M-INI-29 */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 7 mpc");
    mlab_want(l, 2, "S. 0(0) ack 1"); /* a plain connection to the listener */
    assert_int_equal(mlab_info(l).subflows, 1);
    mlab_free(l);
}

/* M-SEM-09, M-SEM-11: our nonce is fresh, so old proofs are worth nothing */
static void test_replayed_join(void **state) {
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    uint32_t first_nonce = l->flow[2].nonce;
    mlab_path(l, 3, 2);
    mlab_in(l, 3, "S 0(0) mss 1024 sackok mpj id 7");
    assert_true(l->flow[3].nonce != first_nonce);
    mlab_skip(l);
    l->flow[3].nonce = first_nonce; /* the recorded proof */
    assert_int_equal(mlab_in(l, 3, ". 1(0) ack 1 mpj"), DROP_MP_JOIN_HMAC);
    mlab_free(l);
}

/* ---- The stack joins --------------------------------------------------------------------------------------------- */

/* M-JON-02, -05, -08, -14, -17, -18, -19, M-PTH-02, M-HEU-04, -05, -11: at once, to the port of the first, from another
 */
static void test_stack_joins(void **state) {
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    mlab_random(l, "\0\0\0\x80\x67\x45\x23\x01", 8); /* its port, its nonce */
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, MSEC(1));
    assert_int_equal(l->flow[2].flow.remote.port, MLAB_PORT);
    assert_int_not_equal(l->flow[2].flow.local.port, l->flow[1].flow.local.port);
    assert_int_equal(l->flow[2].nonce, 0x01234567);
    assert_tail(l, 2, "1e0c10017b981f5b01234567");
    mlab_want(l, 2, "S 0(0) mpj id 1");
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 1(5) ack 1 dss ack32 1 map 1:1+5");
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj");
    assert_tail(l, 2, "1e1810005ada0a12e956691b19eba717d0f222180bb18a5c");
    mlab_want(l, 2, ". 1(0) ack 1 mpj");
    assert_int_equal(mlab_sf(l, 2)->state, SF_PRE);
    mlab_send(l, 20000); /* more than the first takes: still nothing on the new one */
    assert_int_equal(mlab_sf(l, 2)->tcb.snd_end.v, 1);
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 1 dss ack32 1");
    assert_int_equal(mlab_sf(l, 2)->state, SF_ACTIVE);
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_UP).subflow, 2);
    assert_true(l->out && mlab_bytes(l, 2));
    mlab_free(l);
}

static void test_stack_joins_as_backup(void **state) { /* M-JON-09 */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW | UMPTCP_EP_BACKUP);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 2, "S 0(0) mpj id 1 backup");
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj backup");
    mlab_want(l, 2, ". 1(0) ack 1 mpj");
    assert_true(mlab_sf(l, 2)->local_backup && mlab_sf(l, 2)->remote_backup);
    assert_int_equal(mlab_mib(l, MIB_MPJ_SYNACK_BACKUP_RX), 1);
    mlab_free(l);
}

static void test_third_ack_until_the_fourth(void **state) { /* M-JON-16: after an RTO, then doubling */
    struct mlab *l = mlab_new_full(NULL);
    dur last = 0;
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, MSEC(10));
    mlab_skip(l);
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj");
    mlab_want(l, 2, ". 1(0) ack 1 mpj");
    for (int i = 0; i < 3; i++) {
        dur now = mlab_wait_sent(l, SEC(9));
        mlab_want(l, 2, ". 1(0) ack 1 mpj");
        assert_true(i == 0 ? now >= MSEC(200) : now == 2 * last);
        last = now;
    }
    mlab_in(l, 2, ". 1(0) ack 1 dss ack32 1");
    mlab_want_none(l);
    mlab_wait(l, SEC(30));
    mlab_want_none(l);
    mlab_free(l);
}

static void test_fourth_ack_never_comes(void **state) { /* bounded */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, MSEC(10));
    mlab_skip(l);
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj");
    mlab_wait(l, SEC(100));
    assert_null(mlab_sf(l, 2));
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_DOWN).error, ETIMEDOUT);
    mlab_skip(l);
    first_goes_on(l);
    mlab_free(l);
}

static void test_synack_again_before_the_fourth(void **state) { /* M-JON-16: our third ACK was lost */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, MSEC(1));
    mlab_skip(l);
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj");
    mlab_want(l, 2, ". 1(0) ack 1 mpj");
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj");
    mlab_want(l, 2, ". 1(0) ack 1 mpj");
    mlab_free(l);
}

static void test_data_is_the_fourth(void **state) { /* M-JON-28: what the responder sends on it confirms it as well */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, MSEC(1));
    mlab_skip(l);
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj");
    mlab_skip(l);
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 6");
    mlab_recv(l, 5);
    mlab_free(l);
}

static void test_synack_without_proof(void **state) { /* M-JON-20, -22, -23, M-HEU-01, M-MBX-09, -11 */
    static const struct {
        const char *synack;
        enum drop why;
        enum mib mib;
    } rows[] = {
        {"S. 0(0) ack 1 mss 1024 sackok", DROP_MP_JOIN_OPTION, MIB_MPJ_REJECTED},
        {"S. 0(0) ack 1 mss 1024 sackok mpc", DROP_MP_JOIN_OPTION, MIB_MPJ_REJECTED},
        {"S. 0(0) ack 1 mss 1024 sackok raw 1e0c10017b981f5b01234567", DROP_MP_JOIN_OPTION, MIB_MPJ_REJECTED},
        {"S. 0(0) ack 1 mss 1024 sackok mpj hmac bad", DROP_MP_JOIN_HMAC, MIB_MPJ_SYNACK_HMAC},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mlab *l = mlab_new_full(NULL);
        endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
        mlab_wait(l, MSEC(1));
        mlab_skip(l);
        assert_int_equal(mlab_in(l, 2, rows[i].synack), rows[i].why);
        assert_string_equal(mlab_bytes(l, 2), "1e048001");
        mlab_want(l, 2, "R. 1(0) tcprst 1");
        mlab_want_none(l);
        assert_int_equal(mlab_mib(l, rows[i].mib), 1);
        mlab_wait(l, SEC(30)); /* M-HEU-14, M-RST-05: not again */
        mlab_want_none(l);
        first_goes_on(l);
        mlab_free(l);
    }
}

static void test_crossed_joins(void **state) { /* M-JON-36 */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, MSEC(1));
    mlab_want(l, 2, "S 0(0) mpj id 1");
    mlab_in(l, 2, "S 0(0) mss 1024 sackok mpj id 2");
    mlab_want(l, 2, "R. 1(0) tcprst 1");
    assert_null(mlab_sf(l, 2));
    first_goes_on(l);
    mlab_free(l);
}

static void test_join_refused(void **state) { /* M-JON-24, M-MBX-10: only the attempt dies */
    struct mlab *l = mlab_new_full(NULL);
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, MSEC(1));
    mlab_skip(l);
    mlab_in(l, 2, "R. 0(0) ack 1 tcprst 3");
    struct umptcp_event ev = mlab_event(l, UMPTCP_EV_SUBFLOW_DOWN);
    assert_int_equal(ev.error, ECONNREFUSED);
    assert_int_equal(ev.reason, MPRST_PROHIBITED);
    assert_int_equal(mlab_mib(l, MIB_MP_RST_RX), 1);
    mlab_wait(l, SEC(30));
    mlab_want_none(l);
    first_goes_on(l);
    mlab_free(l);
}

static void test_join_gets_no_answer(void **state) { /* M-MBX-13 */
    struct umptcp_config cfg = mlab_config();
    cfg.rejoin = false;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.cfg = &cfg});
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, SEC(20));
    assert_in_range(mlab_skip(l), 2, 3);
    assert_int_equal(mlab_event(l, UMPTCP_EV_SUBFLOW_DOWN).error, ETIMEDOUT);
    mlab_wait(l, SEC(100));
    mlab_want_none(l);
    first_goes_on(l);
    mlab_free(l);
}

static void test_same_nonce_again(void **state) { /* M-JON-03 */
    struct mlab *l = mlab_new_full(NULL);
    char first[100];
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, MSEC(1));
    snprintf(first, sizeof first, "%s", mlab_bytes(l, 2));
    mlab_skip(l);
    mlab_wait_sent(l, SEC(3));
    assert_string_equal(mlab_bytes(l, 2), first);
    mlab_free(l);
}

static void test_peer_denies_its_first_address(void **state) { /* M-INI-16 */
    struct mlab *l = mlab_new_full(&(struct mlab_options){.peer_deny0 = true});
    (void)state;
    endpoint(l, "10.0.2.1", UMPTCP_EP_SUBFLOW);
    mlab_wait(l, SEC(1));
    mlab_want_none(l);
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2"); /* but to an announced one */
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.3.2");
    mlab_want(l, 2, "S 0(0) mpj id 1");
    assert_int_equal(l->flow[2].flow.remote.addr.b[14], 3);
    mlab_free(l);
}

static void test_server_joins(void **state) { /* M-JON-01, -32: to an address that the client announced */
    struct mlab *l = mlab_new_full(&accepting_server);
    (void)state;
    assert_int_equal(umptcp_limits_set(l->s, 2, 2), 0);
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.2.2 port 4444");
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.2.2 port 4444");
    mlab_want(l, 2, "S 0(0) mpj id 1");
    assert_int_equal(l->flow[2].flow.remote.port, 4444);
    mlab_in(l, 2, "S. 0(0) ack 1 mss 1024 sackok mpj id 5");
    mlab_want(l, 2, ". 1(0) ack 1 mpj");
    mlab_in(l, 2, ". 1(0) ack 1 dss ack32 1");
    assert_int_equal(mlab_sf(l, 2)->remote_id, 5);
    mlab_free(l);
}

static void test_crossing_join_and_add_addr(void **state) { /* M-JON-32, M-PTH-05 */
    struct mlab *l = mlab_new_full(&accepting_server);
    (void)state;
    assert_int_equal(umptcp_limits_set(l->s, 4, 4), 0);
    mlab_join_in(l, 2, 2, 5);
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.2.2");
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.2.2");
    mlab_want_none(l);
    mlab_wait(l, SEC(1));
    assert_int_equal(mlab_info(l).subflows, 2);
    mlab_free(l);
}

/* ---- Without memory ---------------------------------------------------------------------------------------------- */

static bool join_round(bool in, uint64_t fail_at) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = in, .fail_at = fail_at});
    if (in)
        mlab_join_in(l, 2, 2, 7);
    else
        mlab_join_out(l, 2, 2, 0);
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_recv(l, 5);
    mlab_send(l, 30000);
    mlab_wait(l, SEC(5));
    mlab_skip(l);
    return mlab_free_refused(l);
}

static void test_without_memory(void **state) {
    (void)state;
    for (int in = 0; in < 2; in++) {
        uint64_t n = 1;
        while (join_round(in, n))
            n++;
        assert_true(n > 10);
    }
}

/* A subflow in TIME-WAIT: a join on its tuple is a new SYN first, which must be newer than all of the old one (RFC
 * 6191), and then one whose token must name a connection. */
static void test_tuple_in_time_wait(void **state) { /* T-X15 */
    struct mlab *l = mlab_new_full(&server);
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    subflow_close(mlab_sf(l, 2));
    mlab_wait(l, MSEC(1));
    mlab_skip(l);
    mlab_in(l, 2, "F. 1(0) ack 2");
    mlab_skip(l);
    assert_int_equal(mlab_sf(l, 2)->tcb.state, UMPTCP_TIME_WAIT);
    const struct flow tuple = l->flow[2].flow;
    mlab_path(l, 3, 2);
    l->flow[2].used = false;
    l->flow[3].flow = tuple;

    l->flow[3].peer_isn = (struct seq){l->flow[2].peer_isn.v - 1000};
    mlab_in(l, 3, "S 0(0) mss 1024 sackok mpj id 8");
    assert_int_equal(subflow_find(&l->s->mp, &tuple)->tcb.state, UMPTCP_TIME_WAIT); /* an old one is none */
    mlab_skip(l);

    l->flow[3].peer_isn = (struct seq){l->flow[2].peer_isn.v + 1000};
    mlab_in(l, 3, "S 0(0) mss 1024 sackok mpj id 8 token bad");
    assert_null(subflow_find(&l->s->mp, &tuple)); /* it ended the old one, and found nobody */
    mlab_skip(l);
    mlab_in(l, 3, "S 0(0) mss 1024 sackok mpj id 8");
    mlab_skip(l);
    mlab_in(l, 3, ". 1(0) ack 1 mpj");
    const struct subflow *sf = subflow_find(&l->s->mp, &tuple);
    assert_true(sf && sf->conn == mlab_conn(l) && sf->state == SF_ACTIVE);
    mlab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tuple_in_time_wait),
        cmocka_unit_test(test_peer_joins),
        cmocka_unit_test(test_join_to_any_port),
        cmocka_unit_test(test_join_to_client),
        cmocka_unit_test(test_join_of_an_endpoint_address),
        cmocka_unit_test(test_fourth_ack_lost),
        cmocka_unit_test(test_third_ack_lost),
        cmocka_unit_test(test_third_ack_without_option_or_wrong),
        cmocka_unit_test(test_synack_of_join_lost),
        cmocka_unit_test(test_unknown_token),
        cmocka_unit_test(test_join_before_established),
        cmocka_unit_test(test_join_before_first_dss),
        cmocka_unit_test(test_join_over_limit),
        cmocka_unit_test(test_join_after_fallback),
        cmocka_unit_test(test_join_while_closing),
        cmocka_unit_test(test_join_while_bytes_are_missing),
        cmocka_unit_test(test_join_while_half_closed),
        cmocka_unit_test(test_connection_closes_before_third_ack),
        cmocka_unit_test(test_join_on_a_living_subflow),
        cmocka_unit_test(test_join_with_capable),
        cmocka_unit_test(test_replayed_join),
        cmocka_unit_test(test_stack_joins),
        cmocka_unit_test(test_stack_joins_as_backup),
        cmocka_unit_test(test_third_ack_until_the_fourth),
        cmocka_unit_test(test_fourth_ack_never_comes),
        cmocka_unit_test(test_synack_again_before_the_fourth),
        cmocka_unit_test(test_data_is_the_fourth),
        cmocka_unit_test(test_synack_without_proof),
        cmocka_unit_test(test_crossed_joins),
        cmocka_unit_test(test_join_refused),
        cmocka_unit_test(test_join_gets_no_answer),
        cmocka_unit_test(test_same_nonce_again),
        cmocka_unit_test(test_peer_denies_its_first_address),
        cmocka_unit_test(test_server_joins),
        cmocka_unit_test(test_crossing_join_and_add_addr),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
