/* SPDX-License-Identifier: BSD-3-Clause */
/* What a connection and its subflows hold, what the application sees of it, and when it goes (RFC 8684 appendix C and
 * D, RFC 6897). */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/mpcrypto.h"

/* One subflow; five bytes went each way. */
static struct mlab *talked(const struct mlab_options *o) {
    struct mlab *l = mlab_new_full(o);
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 1(5) ack 1 dss ack32 1 map 1:1+5");
    mlab_in(l, 1, "P. 1(5) ack 6 dss ack 6 map 1:1+5");
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_recv(l, 5);
    return l;
}

static struct mlab *two(void) {
    struct mlab *l = talked(NULL);
    mlab_join_in(l, 2, 2, 7);
    return l;
}

static uint64_t sent_from(const struct conn *c, struct dsn at) { return dsn_sub(at, c->local_idsn); }

/* ---- Appendix C -------------------------------------------------------------------------------------------------- */

static void test_keys_and_tokens(void **state) { /* M-PCB-01, M-API-05: computed apart from the engine */
    (void)state;
    for (int csum = 0; csum < 2; csum++) {
        struct mlab *l = mlab_new_full(&(struct mlab_options){.peer_csum = csum});
        const struct conn *c = mlab_conn(l);
        assert_true(c->local_key == MLAB_KEY_A && c->remote_key == MLAB_KEY_B);
        assert_int_equal(c->token.token, 0x1dce6604);
        assert_int_equal(c->remote_token, 0x7b981f5b);
        assert_int_equal(mlab_info(l).token_local, 0x1dce6604);
        assert_int_equal(c->csum, csum);
        assert_true(c->local_idsn.v == 0x62815714b76ae9a5 && c->remote_idsn.v == 0xf9fb2ac1ea2ce0d2);
        mlab_free(l);
    }
}

static void test_send_variables(void **state) { /* M-PCB-02 */
    struct mlab *l = two();
    const struct conn *c = mlab_conn(l);
    (void)state;
    mlab_send(l, 100);
    mlab_want(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100"); /* SND.NXT is its number */
    assert_int_equal(sent_from(c, c->snd_una), 6);
    assert_int_equal(sent_from(c, c->snd_nxt), 106);
    mlab_in(l, 1, ". 6(0) ack 106 win 1000"); /* TCP's acknowledgment is not the connection's, nor is its window */
    assert_int_equal(sent_from(c, c->snd_una), 6);
    mlab_in(l, 2, ". 1(0) ack 1 win 65000 dss ack 56");
    assert_int_equal(sent_from(c, c->snd_una), 56);
    assert_int_equal(sent_from(c, c->wnd_edge), 65541); /* 6 + 65535, said before, is farther than 56 + 65000 */
    mlab_in(l, 2, ". 1(0) ack 1 win 65000 dss ack 106");
    assert_int_equal(sent_from(c, c->snd_una), 106);
    assert_int_equal(sent_from(c, c->wnd_edge), 65541 > 106 + 65000 ? 65541 : 106 + 65000);
    mlab_free(l);
}

static void
test_receive_variables(void **state) { /* M-PCB-03, M-DAK-09: one DATA_ACK and one window, in each segment */
    struct mlab *l = two();
    const struct conn *c = mlab_conn(l);
    (void)state;
    mlab_in(l, 2, "P. 1(10) ack 1 dss ack 6 map 6:1+10");
    mlab_want(l, 2, ". 1(0) ack 11 dss ack 16");
    assert_int_equal(dsn_sub(c->rcv_nxt, c->remote_idsn), 16);
    mlab_in(l, 2, "P. 11(10) ack 1 dss ack 6 map 26:11+10"); /* behind a hole */
    mlab_want(l, 2, ". 1(0) ack 21 dss ack 16");
    assert_int_equal(dsn_sub(c->rcv_nxt, c->remote_idsn), 16);
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 6(5) ack 6 dss ack 16 map 6:6+5");
    mlab_in(l, 1, "P. 6(10) ack 11 dss ack 11 map 16:6+10");
    mlab_wait(l, MSEC(300));
    mlab_want(l, 1, ". 11(0) ack 16 dss ack 36");
    mlab_shutdown(l);
    mlab_want(l, 1, ". 11(0) ack 16 dss ack 36 map 11:0+1 fin");
    mlab_want(l, 2, ". 1(0) ack 21 dss ack 36 map 11:0+1 fin");
    mlab_free(l);
}

static void test_subflow_variables(void **state) { /* M-PCB-04, M-GEN-07 */
    struct mlab *l = two();
    const struct subflow *one = mlab_sf(l, 1), *other = mlab_sf(l, 2);
    (void)state;
    assert_int_equal(one->tcb.snd_nxt.v, 6);
    assert_int_equal(other->tcb.snd_nxt.v, 1);
    assert_int_equal(other->tcb.isn.v, tcp_isn(&l->s->env, &other->flow).v); /* RFC 6528: of its own ends, and of now */
    assert_int_not_equal(other->tcb.isn.v, one->tcb.isn.v);
    mlab_in(l, 2, ". 1(0) ack 1 win 3000 dss ack 6");
    mlab_in(l, 1, ". 6(0) ack 6 win 2000 dss ack 6");
    assert_int_equal(one->tcb.snd_wnd, 2000);
    assert_int_equal(other->tcb.snd_wnd, 3000);
    mlab_free(l);
}

/* The shared window in the scale of each subflow; the field of one without a scale ends at 64 KB. */
static void test_window_scales(void **state) { /* M-RCV-12 */
    struct umptcp_config cfg = mlab_config();
    (void)state;
    cfg.window_scaling = true;
    cfg.rmem_default = 300000;
    struct mlab *l = talked(&(struct mlab_options){.cfg = &cfg});
    mlab_path(l, 2, 2);
    mlab_in(l, 2, "S 0(0) mss 1024 ws 3 sackok mpj id 7");
    mlab_skip(l);
    mlab_in(l, 2, ". 1(0) ack 1 mpj");
    mlab_path(l, 3, 2);
    mlab_in(l, 3, "S 0(0) mss 1024 sackok mpj id 8");
    mlab_skip(l);
    mlab_in(l, 3, ". 1(0) ack 1 mpj");
    mlab_skip(l);
    uint8_t shift = mlab_sf(l, 2)->tcb.rcv_wscale;
    assert_true(shift > 0 && mlab_sf(l, 3)->tcb.rcv_wscale == 0);
    uint64_t window = conn_window(mlab_conn(l));
    assert_true(window > 200000);
    char want[80];
    snprintf(want, sizeof want, ". 1(0) ack 11 win %u dss ack 16",
             (unsigned)((window - 10 + (1u << shift) - 1) >> shift));
    mlab_in(l, 2, "P. 1(10) ack 1 dss ack 6 map 6:1+10");
    mlab_want(l, 2, want);
    mlab_in(l, 3, "P. 1(10) ack 1 dss ack 6 map 16:1+10");
    mlab_want(l, 3, ". 1(0) ack 11 win 65535 dss ack 26");
    mlab_free(l);
}

/* ---- The end of it ----------------------------------------------------------------------------------------------- */

static void test_goes_with_its_last_subflow(void **state) { /* M-PCB-06, M-API-12 */
    struct mlab *l = two();
    (void)state;
    mlab_close(l);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 7 map 6:0+1 fin");
    mlab_want(l, 1, "F. 6(0) ack 6 dss ack 7");
    mlab_want(l, 2, "F. 1(0) ack 1 dss ack 7");
    mlab_in(l, 1, "F. 6(0) ack 7 dss ack 7");
    mlab_in(l, 2, "F. 1(0) ack 2 dss ack 7");
    mlab_skip(l);
    assert_int_equal(mlab_sf(l, 1)->tcb.state, UMPTCP_TIME_WAIT); /* we closed first: one for each subflow */
    assert_int_equal(mlab_sf(l, 2)->tcb.state, UMPTCP_TIME_WAIT);
    assert_non_null(mlab_conn(l));
    mlab_wait(l, SEC(59));
    assert_non_null(mlab_conn(l));
    mlab_wait(l, SEC(2));
    assert_null(mlab_conn(l));
    mlab_free(l);
}

static void test_stays_while_a_subflow_does(void **state) { /* M-PCB-06 */
    struct mlab *l = two();
    (void)state;
    mlab_close(l);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 7 map 6:0+1 fin");
    mlab_skip(l);
    mlab_in(l, 1, "R. 6(0) ack 7");
    assert_null(mlab_sf(l, 1));
    assert_non_null(mlab_conn(l));
    mlab_in(l, 2, "R. 1(0) ack 2");
    assert_null(mlab_conn(l));
    mlab_free(l);
}

/* ---- The application's view -------------------------------------------------------------------------------------- */

static void test_subflows_are_listed(void **state) { /* M-API-04 */
    struct mlab *l = two();
    struct umptcp_subflow_info info[4];
    (void)state;
    assert_int_equal(umptcp_subflows(l->s, l->sock, info, 4), 2);
    for (int i = 0; i < 2; i++) {
        const struct subflow *sf = mlab_sf(l, i + 1);
        assert_int_equal(info[i].id, i + 1);
        assert_true(info[i].established && info[i].state == UMPTCP_ESTABLISHED);
        assert_memory_equal(&info[i].local, &sf->flow.local, sizeof info[i].local);
        assert_memory_equal(&info[i].remote, &sf->flow.remote, sizeof info[i].remote);
    }
    assert_int_equal(info[1].remote_id, 7);
    mlab_in(l, 1, "R. 6(0) ack 6");
    assert_int_equal(umptcp_subflows(l->s, l->sock, info, 4), 1);
    assert_int_equal(info[0].id, 2);
    mlab_free(l);
}

static void test_names_are_those_of_the_first(void **state) { /* M-API-07 */
    struct mlab *l = two();
    struct umptcp_sockaddr local, remote;
    const struct flow first = mlab_sf(l, 1)->flow;
    (void)state;
    mlab_in(l, 1, "R. 6(0) ack 6");
    assert_null(mlab_sf(l, 1));
    assert_int_equal(umptcp_getname(l->s, l->sock, &local, &remote), 0);
    assert_memory_equal(&local, &first.local, sizeof local);
    assert_memory_equal(&remote, &first.remote, sizeof remote);
    mlab_free(l);
}

static void test_errors_are_those_of_tcp(void **state) { /* M-API-01 */
    struct umptcp_slice slice;
    (void)state;
    struct mlab *l = talked(NULL); /* the peer ends: 0; we do: EPIPE */
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6 map 6:0+1 fin");
    assert_int_equal(umptcp_recv_peek(l->s, l->sock, &slice, 1), 0);
    mlab_shutdown(l);
    assert_int_equal(umptcp_send_reserve(l->s, l->sock, 1, &slice, 1), -EPIPE);
    mlab_free(l);
    l = two(); /* one reset is none; MP_FASTCLOSE is ECONNRESET */
    mlab_in(l, 1, "R. 6(0) ack 6");
    assert_int_equal(umptcp_recv_peek(l->s, l->sock, &slice, 1), -EAGAIN);
    mlab_in(l, 2, "R. 1(0) ack 1 fastclose");
    mlab_closed(l, ECONNRESET);
    assert_int_equal(umptcp_recv_peek(l->s, l->sock, &slice, 1), -ECONNRESET);
    mlab_free(l);
    l = mlab_new(NULL);
    mlab_connect(l, 0);
    mlab_wait(l, SEC(300));
    mlab_skip(l);
    mlab_closed(l, ETIMEDOUT);
    mlab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_and_tokens),
        cmocka_unit_test(test_send_variables),
        cmocka_unit_test(test_receive_variables),
        cmocka_unit_test(test_subflow_variables),
        cmocka_unit_test(test_window_scales),
        cmocka_unit_test(test_goes_with_its_last_subflow),
        cmocka_unit_test(test_stays_while_a_subflow_does),
        cmocka_unit_test(test_subflows_are_listed),
        cmocka_unit_test(test_names_are_those_of_the_first),
        cmocka_unit_test(test_errors_are_those_of_tcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
