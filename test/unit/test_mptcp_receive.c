/* SPDX-License-Identifier: BSD-3-Clause */
/* The stream from several subflows: order, copies, the window, DATA_ACKs (RFC 8684 3.3.2, 3.3.4, 3.3.5). */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

/* Two subflows; the peer uses 64-bit numbers. */
static struct mlab *two(const struct umptcp_config *cfg) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = cfg});
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_skip(l);
    mlab_recv(l, 5);
    return l;
}

/* ---- Order and copies -------------------------------------------------------------------------------------------- */

static void test_interleaved(void **state) { /* M-DAK-01, M-RCV-02, -06, -07, M-MAP-23 */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 11:1+5");
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 6"); /* acknowledged there, but not in the stream */
    mlab_recv(l, 0);
    mlab_in(l, 2, "P. 6(5) ack 1 dss ack 1 map 21:6+5");
    mlab_want(l, 2, ". 1(0) ack 11 dss ack 6");
    mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+5");
    mlab_want(l, 1, ". 1(0) ack 11 dss ack 16");
    mlab_in(l, 1, "P. 11(5) ack 1 dss ack 1 map 16:11+5");
    mlab_want(l, 1, ". 1(0) ack 16 dss ack 26");
    mlab_recv(l, 20);
    assert_int_equal(mlab_mib(l, MIB_OFO_QUEUE), 1);
    assert_int_equal(mlab_mib(l, MIB_OFO_QUEUE_TAIL), 1);
    assert_int_equal(bytebuf_chunks(&mlab_conn(l)->rcvbuf), 0);
    mlab_free(l);
}

/* what is in order in the stream need not be so on the subflow */
static void test_disorder_within_a_subflow(void **state) {
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 2, "P. 6(5) ack 1 dss ack 1 map 6:6+5"); /* its first five are missing */
    mlab_want(l, 2, ". 1(0) ack 1 dss ack 11");
    mlab_recv(l, 5);
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 11:1+5");
    mlab_want(l, 2, ". 1(0) ack 11 dss ack 16");
    mlab_recv(l, 5);
    mlab_free(l);
}

/* Where bytes that came too early stand among such bytes, as Linux tells it apart. */
static void test_places(void **state) {
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 11:1+5");
    assert_int_equal(mlab_mib(l, MIB_OFO_QUEUE), 1);
    mlab_in(l, 2, "P. 6(5) ack 1 dss ack 1 map 31:6+5");
    assert_int_equal(mlab_mib(l, MIB_OFO_QUEUE_TAIL), 1);
    mlab_in(l, 2, "P. 11(5) ack 1 dss ack 1 map 16:11+5");
    assert_int_equal(mlab_mib(l, MIB_OFO_MERGE), 1);
    mlab_in(l, 2, "P. 16(5) ack 1 dss ack 1 map 22:16+5");
    assert_int_equal(mlab_mib(l, MIB_OFO_QUEUE), 2);
    assert_int_equal(mlab_mib(l, MIB_OFO_QUEUE_TAIL) + mlab_mib(l, MIB_OFO_MERGE), 2);
    mlab_free(l);
}

static void test_copies(void **state) { /* M-MAP-04, M-RTX-03: the first one counts; the subflow acknowledges all */
    struct mlab *l = two(NULL);
    (void)state;
    assert_int_equal(mlab_in(l, 2, "P. 1(5) ack 1 other dss ack 1 map 1:1+5"), DROP_MP_DSN_OLD);
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 6");
    assert_int_equal(mlab_mib(l, MIB_DUPLICATE_DATA), 1);
    mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 11:6+5"); /* beyond a hole */
    mlab_in(l, 2, "P. 6(5) ack 1 other dss ack 1 map 11:6+5");
    mlab_skip(l);
    mlab_in(l, 2, "P. 11(5) ack 1 dss ack 1 map 6:11+5"); /* the hole */
    mlab_want(l, 2, ". 1(0) ack 16 dss ack 16");
    mlab_recv(l, 10);
    mlab_in(l, 1, "P. 11(5) ack 1 dss ack 1 map 21:11+5");
    mlab_skip(l);
    mlab_in(l, 2, "P. 16(10) ack 1 at 16 dss ack 1 map 16:16+10"); /* a hole and a copy in one */
    mlab_want(l, 2, ". 1(0) ack 26 dss ack 26");
    mlab_recv(l, 10);
    mlab_free(l);
}

static void test_partly_old(void **state) {
    struct mlab *l = two(NULL);
    (void)state;
    assert_int_equal(mlab_in(l, 2, "P. 1(10) ack 1 dss ack 1 map 1:1+10"), DROP_NONE);
    mlab_want(l, 2, ". 1(0) ack 11 dss ack 11");
    mlab_recv(l, 5);
    mlab_free(l);
}

static void test_many_holes(void **state) { /* every second byte on one, then the rest on the other, from the end on */
    struct mlab *l = two(NULL);
    char text[80];
    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "P. %d(1) ack 1 dss ack 1 map %d:%d+1", 1 + i, 7 + 2 * i, 1 + i);
        mlab_in(l, 2, text);
    }
    assert_int_equal(mlab_conn(l)->rcv_ofo.count, 100);
    for (int i = 0; i < 100; i++) {
        mlab_recv(l, 0);
        snprintf(text, sizeof text, "P. %d(1) ack 1 dss ack 1 map %d:%d+1", 6 + i, 204 - 2 * i, 6 + i);
        mlab_in(l, 1, text);
    }
    mlab_skip(l);
    mlab_recv(l, 200);
    assert_true(ranges_empty(&mlab_conn(l)->rcv_ofo));
    mlab_free(l);
}

/* ---- The window -------------------------------------------------------------------------------------------------- */

static void test_beyond_the_edge(void **state) { /* M-RCV-09, M-HEU-02, M-RCV-11 */
    struct mlab *l = two(NULL); /* 65535 bytes were advertised behind byte 1, then as many behind byte 6 */
    (void)state;
    assert_int_equal(mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 65541:1+5"), DROP_MP_DSN_WINDOW);
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 6"); /* for the stream it never came */
    assert_int_equal(mlab_mib(l, MIB_NO_DSS_IN_WINDOW), 1);
    assert_true(ranges_empty(&mlab_conn(l)->rcv_ofo));
    assert_int_equal(mlab_in(l, 2, "P. 6(5) ack 1 dss ack 1 map 65538:6+5"), DROP_MP_DSN_WINDOW); /* partly */
    assert_int_equal(ranges_total(&mlab_conn(l)->rcv_ofo), 3);
    assert_int_equal(mlab_in(l, 2, "P. 11(5) ack 1 dss ack 1 map 9000000000000000000:11+5"), DROP_MP_DSN_WINDOW);
    mlab_skip(l);
    assert_true(mlab_info(l).is_mptcp);
    mlab_free(l);
}

static struct umptcp_config small_buffer(uint32_t size) {
    struct umptcp_config cfg = mlab_config();
    cfg.rmem_default = cfg.rmem_max = size;
    return cfg;
}

static void test_one_window_for_all(void **state) { /* M-RCV-01, -02, -03 */
    struct umptcp_config cfg = small_buffer(10000);
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, ". 1(1000) ack 1 dss ack 1 map 1:1+1000");
    mlab_want(l, 1, ". 1(0) ack 1001 win 9000 dss ack 1001");
    mlab_in(l, 2, ". 1(1000) ack 1 dss ack 1 map 2001:1+1000");
    mlab_want(l, 2, ". 1(0) ack 1001 win 9000 dss ack 1001"); /* the same edge, 10001 */
    mlab_in(l, 1, ". 1001(1000) ack 1 dss ack 1 map 1001:1001+1000");
    mlab_want(l, 1, ". 1(0) ack 2001 win 7000 dss ack 3001");
    mlab_in(l, 2, ". 1001(1000) ack 1 dss ack 1 map 3001:1001+1000");
    mlab_want(l, 2, ". 1(0) ack 2001 win 6000 dss ack 4001");
    mlab_recv(l, 4000);
    mlab_free(l);
}

static void test_window_closes_and_opens(void **state) { /* M-RCV-03, -10, M-DAK-14 */
    struct umptcp_config cfg = small_buffer(4000);
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, ". 1(1000) ack 1 dss ack 1 map 1:1+4000");
    mlab_in(l, 1, ". 1001(1000) ack 1 dss ack 1 map 1:1+4000");
    mlab_in(l, 1, ". 2001(1000) ack 1 dss ack 1 map 1:1+4000");
    mlab_skip(l);
    mlab_in(l, 1, ". 3001(1000) ack 1 dss ack 1 map 1:1+4000");
    mlab_want(l, 1, ". 1(0) ack 4001 win 0 dss ack 4001");
    assert_int_equal(mlab_in(l, 1, ". 4001(1) ack 1 dss ack 1 map 4001:4001+1"), DROP_TCP_SEQ); /* a probe */
    mlab_want(l, 1, ". 1(0) ack 4001 win 0 dss ack 4001");
    assert_int_equal(mlab_in(l, 2, ". 1(1) ack 1 dss ack 1 map 4001:1+1"), DROP_MP_DSN_WINDOW);
    mlab_want(l, 2, ". 1(0) ack 2 win 0 dss ack 4001");
    mlab_recv(l, 4000);
    mlab_want(l, 1, ". 1(0) ack 4001 win 4000 dss ack 4001"); /* on each: either may get lost */
    mlab_want(l, 2, ". 1(0) ack 2 win 4000 dss ack 4001");
    mlab_want_none(l);
    mlab_free(l);
}

/* Linux keeps a larger window of an ACK without progress: so that one has it, and the DATA_ACK that belongs to it. */
static void test_repeated_ack(void **state) { /* M-RCV-02, -03 */
    struct umptcp_config cfg = small_buffer(4000);
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, "P. 1(100) ack 1 dss ack 1 map 1:1+100");
    mlab_want(l, 1, ". 1(0) ack 101 win 3900 dss ack 101");
    mlab_in(l, 2, "P. 1(3000) ack 1 dss ack 1 map 101:1+3000");
    mlab_want(l, 2, ". 1(0) ack 3001 win 900 dss ack 3101");
    mlab_in(l, 1, "P. 1(100) ack 1 dss ack 1 map 1:1+100"); /* again */
    mlab_want(l, 1, ". 1(0) ack 101 win 3900 dss ack 101");
    /* What the other brought is for that one to say, also when this one is first. */
    mlab_sf(l, 2)->tcb.quickacks = 0;
    mlab_in(l, 2, "P. 3001(400) ack 1 dss ack 1 map 3101:3001+400");
    mlab_want_none(l); /* delayed */
    assert_int_equal(umptcp_recv_consume(l->s, l->sock, 1500, l->now), 0);
    mlab_in(l, 1, ". 101(0) ack 1 dss ack 1");
    mlab_want(l, 1, ". 1(0) ack 101 win 3900 dss ack 1601"); /* 3501 + 2000 */
    mlab_want(l, 2, ". 1(0) ack 3401 win 2000 dss ack 3501");
    mlab_want_none(l);
    /* A DATA_FIN that comes again has not heard it, wherever it was said. And Linux still has the larger window. */
    mlab_in(l, 2, ". 3401(0) ack 1 dss ack 1 map 3501:0+1 fin");
    mlab_want(l, 1, ". 1(0) ack 101 win 2000 dss ack 3502");
    mlab_want(l, 2, ". 1(0) ack 3401 win 2000 dss ack 3502");
    mlab_in(l, 1, ". 101(0) ack 1 dss ack 1 map 3501:0+1 fin");
    mlab_want(l, 1, ". 1(0) ack 101 win 2000 dss ack 3502");
    mlab_in(l, 1, "P. 1(100) ack 1 dss ack 1 map 1:1+100");
    mlab_want(l, 1, ". 1(0) ack 101 win 3900 dss ack 1602");
    mlab_want_none(l);
    mlab_free(l);
}

/* M-RCV-02, -11: what it once said was of the connection */
static void test_idle_subflow_does_not_open_it(void **state) {
    struct umptcp_config cfg = small_buffer(4000);
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    char text[80];
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    for (uint32_t at = 1; at < 40001; at += 1000) {
        snprintf(text, sizeof text, ". %u(1000) ack 1 dss ack 1 map %u:%u+1000", at, at, at);
        mlab_in(l, 1, text);
        mlab_in(l, 2, ". 0(0) ack 1 dss ack 1"); /* is asked, and answers */
        mlab_wait(l, SEC(1));
        mlab_skip(l);
    }
    assert_int_equal(mlab_info(l).bytes_received, 4000);
    mlab_recv(l, 4000);
    mlab_free(l);
}

static void test_edge_never_moves_left(void **state) { /* M-RCV-03, M-RCV-04: rounded, shared, whatever is read */
    struct umptcp_config cfg = small_buffer(60000);
    uint64_t rnd = 5, edge = 0, at = 1, ssn[3] = {0, 1, 1};
    cfg.window_scaling = true;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    for (int i = 0; i < 500; i++) {
        int sf = 1 + (int)test_below(&rnd, 2);
        uint32_t len = 1 + test_below(&rnd, 1000), unread = (uint32_t)(at - 1 - l->read);
        char text[100];
        if (unread + len > 60000 || test_below(&rnd, 8) == 0) {
            if (unread)
                mlab_recv(l, unread);
            mlab_skip(l);
            continue;
        }
        snprintf(text, sizeof text, "P. %llu(%u) ack 1 dss ack 1 map %llu:%llu+%u", (unsigned long long)ssn[sf], len,
                 (unsigned long long)at, (unsigned long long)ssn[sf], len);
        mlab_in(l, sf, text);
        ssn[sf] += len;
        at += len;
        uint64_t now = mlab_conn(l)->rcv_edge.v - l->peer_idsn;
        assert_true(now >= edge);
        assert_true(now <= l->read + 1 + 60000 + 127u * (uint32_t)i); /* each time rounded up to the scale */
        edge = now;
        mlab_skip(l);
    }
    mlab_free(l);
}

/* M-RCV-03: what was promised stays so when the buffer is made smaller. */
static void test_smaller_buffer_keeps_the_edge(void **state) {
    struct umptcp_config cfg = small_buffer(60000);
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_in(l, 1, ". 1(1000) ack 1 dss ack 1 map 1:1+1000");
    mlab_want(l, 1, ". 1(0) ack 1001 win 59000 dss ack 1001");
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_RCVBUF, 8000, l->now), 0);
    mlab_in(l, 1, ". 1001(1000) ack 1 dss ack 1 map 1001:1001+1000");
    mlab_want(l, 1, ". 1(0) ack 2001 win 58000 dss ack 2001");
    mlab_recv(l, 2000);
    mlab_in(l, 1, ". 2001(1000) ack 1 dss ack 1 map 2001:2001+1000");
    mlab_want(l, 1, ". 1(0) ack 3001 win 57000 dss ack 3001");
    mlab_recv(l, 1000);
    mlab_free(l);
}

static void test_in_window_of_the_connection(void **state) { /* M-RCV-04: another subflow advertised more */
    struct umptcp_config cfg = small_buffer(4000);
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, ". 1(1000) ack 1 dss ack 1 map 1:1+2000");
    mlab_in(l, 1, ". 1001(1000) ack 1 dss ack 1 map 1:1+2000");
    mlab_recv(l, 2000);
    mlab_in(l, 1, ". 2001(1000) ack 1 dss ack 1 map 2001:2001+1000");
    mlab_recv(l, 1000);
    mlab_skip(l);
    mlab_in(l, 2, ". 1(1000) ack 1 dss ack 1 map 3001:1+1000");
    mlab_in(l, 2, ". 1001(1000) ack 1 dss ack 1 map 4001:1001+1000");
    mlab_recv(l, 2000);
    mlab_free(l);
}

/* ---- Nobody reads ------------------------------------------------------------------------------------------------ */

static void test_data_after_close(void **state) { /* RFC 9293 3.6.1: nobody will read it: the peer is told */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_close(l);
    mlab_skip(l);
    mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+5");
    mlab_want(l, 1, "R. 1(0) fastclose tcprst 0");
    mlab_want(l, 2, "R. 1(0) fastclose tcprst 0");
    mlab_want_none(l);
    assert_null(mlab_conn(l));
    assert_int_equal(mlab_mib(l, MIB_TCP_ABORT_ON_DATA), 1);
    mlab_free(l);
}

static void test_copy_after_close(void **state) { /* an old copy harms nobody */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_close(l);
    mlab_skip(l);
    assert_int_equal(mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 1:1+5"), DROP_MP_DSN_OLD);
    mlab_want(l, 2, ". 1(0) ack 6 dss ack 6 map 1:0+1 fin");
    assert_non_null(mlab_conn(l));
    mlab_free(l);
}

static void test_data_on_a_closing_subflow(void **state) { /* M-CLS-01: what was on its way still counts */
    struct mlab *l = two(NULL);
    (void)state;
    mlab_in(l, 2, "P. 6(5) ack 1 dss ack 1 map 11:6+5");
    mlab_in(l, 2, "F. 11(0) ack 1 dss ack 1");
    mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 6:1+5");
    mlab_skip(l);
    mlab_recv(l, 10);
    assert_int_equal(mlab_info(l).state, UMPTCP_ESTABLISHED);
    mlab_free(l);
}

/* ---- Without memory ---------------------------------------------------------------------------------------------- */

static void test_no_memory_for_a_segment(void **state) { /* it never came, on the subflow either */
    struct mlab *l = two(NULL);
    (void)state;
    chunk_pool_free(&l->s->env.chunks);
    l->tm.fail_at = l->tm.requests + 1;
    l->tm.fail_on = true;
    assert_int_equal(mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+5"), DROP_NO_MEMORY);
    l->tm.fail_at = 0;
    mlab_skip(l);
    mlab_recv(l, 0);
    assert_int_equal(mlab_sf(l, 1)->tcb.rcv_nxt.v, 6);
    mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+5");
    mlab_want(l, 1, ". 1(0) ack 11 dss ack 11");
    mlab_recv(l, 5);
    mlab_free(l);
}

static bool disorder_round(uint64_t fail_at) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .fail_at = fail_at});
    mlab_join_in(l, 2, 2, 7);
    for (int again = 0; again < 3; again++) { /* what could not be kept comes again */
        mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+5");
        mlab_in(l, 1, "P. 16(5) ack 1 dss ack 1 map 16:16+5");
        mlab_in(l, 2, "P. 1(5) ack 1 dss ack 1 map 11:1+5");
        mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
        mlab_in(l, 1, "P. 11(5) ack 1 dss ack 1 map 11:11+5");
    }
    mlab_skip(l);
    mlab_recv(l, 20);
    if (l->sock.v) /* it came up: one refusal is made up for */
        assert_int_equal(l->read, 20);
    return mlab_free_refused(l);
}

static void test_without_memory(void **state) {
    uint64_t n = 1;
    (void)state;
    while (disorder_round(n))
        n++;
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interleaved),
        cmocka_unit_test(test_disorder_within_a_subflow),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_partly_old),
        cmocka_unit_test(test_many_holes),
        cmocka_unit_test(test_beyond_the_edge),
        cmocka_unit_test(test_one_window_for_all),
        cmocka_unit_test(test_window_closes_and_opens),
        cmocka_unit_test(test_repeated_ack),
        cmocka_unit_test(test_idle_subflow_does_not_open_it),
        cmocka_unit_test(test_edge_never_moves_left),
        cmocka_unit_test(test_smaller_buffer_keeps_the_edge),
        cmocka_unit_test(test_in_window_of_the_connection),
        cmocka_unit_test(test_data_after_close),
        cmocka_unit_test(test_copy_after_close),
        cmocka_unit_test(test_data_on_a_closing_subflow),
        cmocka_unit_test(test_no_memory_for_a_segment),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
