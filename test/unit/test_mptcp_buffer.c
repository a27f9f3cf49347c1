/* SPDX-License-Identifier: BSD-3-Clause */
/* The application's bytes: room, small writes that wait for company, and buffers that grow (RFC 8684 3.3.4, 3.3.5). */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

enum { MSS = 996 };

static struct mlab *talked(const struct umptcp_config *cfg) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = cfg});
    mlab_send(l, 5);
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_in(l, 1, "P. 1(5) ack 6 dss ack 6 map 1:1+5");
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_recv(l, 5);
    return l;
}

/* ---- Small writes ------------------------------------------------------------------------------------------------ */

static void test_small_writes_wait(void **state) { /* RFC 9293 3.7.4, at the connection */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_send(l, 10);
    mlab_want(l, 1, "P. 6(10) ack 6 dss ack 6 map 6:6+10");
    mlab_send(l, 10);
    mlab_send(l, 10);
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 16"); /* on the subflow: not in the stream */
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 16 dss ack 16");
    mlab_want(l, 1, "P. 16(20) ack 6 dss ack 6 map 16:16+20");
    mlab_send(l, MSS + 10); /* a full segment does not wait, its rest does */
    mlab_want(l, 1, "P. 36(996) ack 6 dss ack 6 map 36:36+996");
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 1032 dss ack 1032");
    mlab_want(l, 1, "P. 1032(10) ack 6 dss ack 6 map 1032:1032+10");
    mlab_free(l);
}

static void test_small_write_before_the_end(void **state) { /* nothing more will come */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_send(l, 10);
    mlab_skip(l);
    mlab_send(l, 10);
    mlab_shutdown(l);
    mlab_want(l, 1, "P. 16(10) ack 6 dss ack 6 map 16:16+11 fin");
    mlab_want_none(l);
    mlab_free(l);
}

static void test_nodelay(void **state) {
    struct mlab *l = talked(NULL);
    (void)state;
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_NODELAY, 1, l->now), 0);
    for (int i = 0; i < 5; i++) {
        char text[80];
        mlab_send(l, 10);
        snprintf(text, sizeof text, "P. %d(10) ack 6 dss ack 6 map %d:%d+10", 6 + 10 * i, 6 + 10 * i, 6 + 10 * i);
        mlab_want(l, 1, text);
    }
    mlab_free(l);
}

static void test_cork(void **state) {
    struct mlab *l = talked(NULL);
    (void)state;
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_CORK, 1, l->now), 0);
    mlab_send(l, 10);
    mlab_want_none(l); /* although nothing is unacknowledged */
    mlab_send(l, MSS);
    mlab_want(l, 1, "P. 6(996) ack 6 dss ack 6 map 6:6+996");
    mlab_want_none(l);
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_CORK, 0, l->now), 0);
    mlab_in(l, 1, ". 6(0) ack 1002 dss ack 1002");
    mlab_want(l, 1, "P. 1002(10) ack 6 dss ack 6 map 1002:1002+10");
    mlab_free(l);
}

static void test_cork_is_bounded(void **state) { /* 200 ms */
    struct mlab *l = talked(NULL);
    (void)state;
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_CORK, 1, l->now), 0);
    mlab_send(l, 10);
    assert_in_range(mlab_wait_sent(l, SEC(2)), MSEC(199), MSEC(450));
    mlab_want(l, 1, "P. 6(10) ack 6 dss ack 6 map 6:6+10");
    mlab_free(l);
}

static void test_cork_and_end(void **state) {
    struct mlab *l = talked(NULL);
    (void)state;
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_CORK, 1, l->now), 0);
    mlab_send(l, 10);
    mlab_want_none(l);
    mlab_shutdown(l);
    mlab_want(l, 1, "P. 6(10) ack 6 dss ack 6 map 6:6+11 fin");
    mlab_free(l);
}

/* ---- Room -------------------------------------------------------------------------------------------------------- */

static void test_full_and_room_again(void **state) { /* WRITABLE follows a short write */
    struct umptcp_config cfg = mlab_config();
    cfg.wmem_default = cfg.wmem_max = 5000;
    struct mlab *l = talked(&cfg);
    static uint8_t buf[10000];
    (void)state;
    l->nevents = 0;
    mlab_send(l, 4 * MSS); /* fits: nothing to tell */
    mlab_in(l, 1, ". 6(0) ack 3990 dss ack 3990");
    assert_false(mlab_has_event(l, UMPTCP_EV_WRITABLE));
    mlab_skip(l);
    assert_int_equal(umptcp_send(l->s, l->sock, buf, sizeof buf, l->now), 5000);
    assert_int_equal(umptcp_send(l->s, l->sock, buf, 1, l->now), -EAGAIN);
    struct umptcp_slice slices[2];
    assert_int_equal(umptcp_send_reserve(l->s, l->sock, 1, slices, 2), -EAGAIN);
    struct umptcp_out out;
    while (umptcp_output(l->s, &out, l->now)) /* not looked at: these bytes are not the lab's */
        ;
    mlab_in(l, 1, ". 6(0) ack 4986 dss ack 4986");
    assert_false(mlab_has_event(l, UMPTCP_EV_WRITABLE)); /* not for a sliver */
    while (umptcp_output(l->s, &out, l->now))
        ;
    mlab_in(l, 1, ". 6(0) ack 5982 dss ack 5982");
    mlab_event(l, UMPTCP_EV_WRITABLE);
    mlab_in(l, 1, ". 6(0) ack 6978 dss ack 6978");
    assert_false(mlab_has_event(l, UMPTCP_EV_WRITABLE)); /* once */
    while (umptcp_output(l->s, &out, l->now))
        ;
    umptcp_abort(l->s, l->sock, l->now);
    while (umptcp_output(l->s, &out, l->now))
        ;
    mlab_free(l);
}

static void test_reserve_and_commit(void **state) { /* bytes written in place */
    struct mlab *l = talked(NULL);
    struct umptcp_slice slices[4];
    (void)state;
    int n = umptcp_send_reserve(l->s, l->sock, 100, slices, 4);
    assert_in_range(n, 1, 4);
    assert_int_equal(umptcp_send_commit(l->s, l->sock, 101, l->now), -EINVAL);
    assert_int_equal(umptcp_send_commit(l->s, l->sock, 0, l->now), 0);
    mlab_want_none(l);
    assert_int_equal(umptcp_send_reserve(l->s, l->sock, 100, slices, 4), 1);
    assert_int_equal(slices[0].len, 100);
    for (uint32_t i = 0; i < 100; i++)
        ((uint8_t *)(uintptr_t)slices[0].base)[i] = mlab_byte(l->written + 1 + i);
    assert_int_equal(umptcp_send_commit(l->s, l->sock, 60, l->now), 0);
    l->written += 60;
    mlab_wait(l, MSEC(1));
    mlab_want(l, 1, "P. 6(60) ack 6 dss ack 6 map 6:6+60");
    assert_int_equal(umptcp_send_commit(l->s, l->sock, 1, l->now), -EINVAL); /* that reservation is over */
    assert_int_equal(mlab_info(l).write_seq, l->idsn + 66);
    mlab_free(l);
}

static void test_peek_and_consume(void **state) {
    struct mlab *l = talked(NULL);
    struct umptcp_slice slices[4];
    (void)state;
    assert_int_equal(umptcp_recv_peek(l->s, l->sock, slices, 4), -EAGAIN);
    mlab_in(l, 1, "P. 6(100) ack 6 dss ack 6 map 6:6+100");
    mlab_skip(l);
    assert_int_equal(umptcp_recv_peek(l->s, l->sock, slices, 4), 1);
    assert_int_equal(slices[0].len, 100);
    assert_int_equal(umptcp_recv_consume(l->s, l->sock, 101, l->now), -EINVAL);
    assert_int_equal(umptcp_recv_consume(l->s, l->sock, 40, l->now), 0);
    l->read += 40;
    mlab_recv(l, 60);
    mlab_in(l, 1, ". 106(0) ack 6 dss ack 6 map 106:0+1 fin");
    assert_int_equal(umptcp_recv_peek(l->s, l->sock, slices, 4), 0);
    mlab_skip(l);
    mlab_free(l);
}

static void test_nothing_while_idle(void **state) { /* an idle connection holds no buffer */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_send(l, 50000);
    mlab_skip(l);
    for (uint64_t at = 6; at < 6 + 50000;) {
        char text[80];
        at = mlab_sf(l, 1)->tcb.snd_nxt.v;
        snprintf(text, sizeof text, ". 6(0) ack %llu dss ack %llu", (unsigned long long)at, (unsigned long long)at);
        mlab_in(l, 1, text);
        mlab_skip(l);
    }
    mlab_in(l, 1, ". 6(1000) ack 50006 dss ack 50006 map 6:6+1000");
    mlab_recv(l, 1000);
    mlab_skip(l);
    assert_int_equal(bytebuf_chunks(&mlab_conn(l)->sndbuf), 0);
    assert_int_equal(bytebuf_chunks(&mlab_conn(l)->rcvbuf), 0);
    mlab_free(l);
}

/* ---- Auto-tuning --------------------------------------------------------------------------------------------------
 */

/* The peer sends `segments` of 1000 bytes in each of some round trips of 50 ms, and the application reads them all. */
static void stream_in(struct mlab *l, uint32_t *at, int rounds, int segments) {
    char text[80];
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < segments; i++, *at += 1000) {
            snprintf(text, sizeof text, ". %u(1000) ack 6 dss ack 6 map %u:%u+1000", *at, *at, *at);
            mlab_in(l, 1, text);
            mlab_recv(l, 1000);
        }
        mlab_skip(l);
        mlab_wait(l, MSEC(51));
    }
}

static struct umptcp_config growing(uint32_t first, uint32_t most) {
    struct umptcp_config cfg = mlab_config();
    cfg.window_scaling = true;
    cfg.rmem_default = cfg.wmem_default = first;
    cfg.rmem_max = cfg.wmem_max = most;
    return cfg;
}

static struct mlab *scaled(const struct umptcp_config *cfg) {
    struct mlab *l = mlab_new(&(struct mlab_options){.server = true, .cfg = cfg});
    mlab_in(l, 1, "S 0(0) win 65535 mss 1024 ws 7 sackok mpc");
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_in(l, 1, ". 1(0) ack 1 mpc");
    mlab_in(l, 1, ". 1(0) ack 1 dss ack 1");
    mlab_send(l, 5);
    mlab_skip(l);
    mlab_wait(l, MSEC(50));
    mlab_skip(l);
    mlab_in(l, 1, "P. 1(5) ack 6 dss ack 6 map 1:1+5");
    mlab_recv(l, 5);
    mlab_skip(l);
    return l;
}

static void test_receive_buffer_grows(void **state) { /* M-RCV-08 */
    struct umptcp_config cfg = growing(20000, 300000);
    struct mlab *l = scaled(&cfg);
    uint32_t at = 6;
    (void)state;
    stream_in(l, &at, 4, 8);
    uint32_t before = mlab_info(l).rcvbuf;
    assert_true(before >= 20000);
    stream_in(l, &at, 6, 15);
    uint32_t more = mlab_info(l).rcvbuf;
    assert_true(more >= 2 * 15000 && more > before);
    stream_in(l, &at, 4, 15); /* as much as before is no reason to grow */
    assert_int_equal(mlab_info(l).rcvbuf, more);
    for (int n = 20; n < 200; n = n * 5 / 4)
        stream_in(l, &at, 2, n);
    assert_int_equal(mlab_info(l).rcvbuf, 300000); /* bounded */
    mlab_free(l);
}

static void test_receive_buffer_that_is_set(void **state) { /* stays as it is */
    struct umptcp_config cfg = growing(20000, 300000);
    struct mlab *l = scaled(&cfg);
    uint32_t at = 6;
    (void)state;
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_RCVBUF, 25000, l->now), 0);
    stream_in(l, &at, 10, 18);
    assert_int_equal(mlab_info(l).rcvbuf, 25000);
    mlab_free(l);
}

static void test_slow_reader(void **state) { /* who does not read gets no larger buffer */
    struct umptcp_config cfg = growing(20000, 300000);
    struct mlab *l = scaled(&cfg);
    char text[80];
    (void)state;
    for (uint32_t at = 6; at < 15006; at += 1000) {
        snprintf(text, sizeof text, ". %u(1000) ack 6 dss ack 6 map %u:%u+1000", at, at, at);
        mlab_in(l, 1, text);
        mlab_wait(l, MSEC(51));
    }
    mlab_skip(l);
    assert_int_equal(mlab_info(l).rcvbuf, 20000);
    mlab_free(l);
}

static void test_send_buffer_grows(void **state) { /* T-SYS-02: with the congestion windows of the subflows */
    struct umptcp_config cfg = growing(20000, 60000);
    struct mlab *l = scaled(&cfg);
    char text[80];
    (void)state;
    for (int i = 0; i < 12; i++) {
        uint32_t room = conn_send_room(mlab_conn(l));
        mlab_send(l, room);
        mlab_skip(l);
        uint64_t at = mlab_sf(l, 1)->tcb.snd_nxt.v;
        mlab_wait(l, MSEC(50));
        snprintf(text, sizeof text, ". 6(0) ack %llu dss ack %llu", (unsigned long long)at, (unsigned long long)at);
        mlab_in(l, 1, text);
        mlab_skip(l);
    }
    assert_int_equal(mlab_info(l).sndbuf, 60000);
    mlab_free(l);
    l = scaled(&cfg);
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_SNDBUF, 30000, l->now), 0);
    mlab_send(l, 30000);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 9000 dss ack 9000");
    mlab_skip(l);
    assert_int_equal(mlab_info(l).sndbuf, 30000);
    mlab_free(l);
}

static void test_no_silly_windows(void **state) { /* RFC 9293 3.8.6.2.2: the edge moves by much or not at all */
    struct umptcp_config cfg = mlab_config();
    cfg.rmem_default = cfg.rmem_max = 10000;
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true, .cfg = &cfg});
    char text[80];
    (void)state;
    for (uint32_t at = 1; at < 10001; at += 1000) {
        snprintf(text, sizeof text, ". %u(1000) ack 1 dss ack 1 map %u:%u+1000", at, at, at);
        mlab_in(l, 1, text);
    }
    mlab_skip(l);
    uint8_t buf[100];
    for (int i = 0; i < 10; i++) { /* a thousand bytes in small reads: not yet worth a word */
        assert_int_equal(umptcp_recv(l->s, l->sock, buf, 100, l->now), 100);
        l->read += 100;
    }
    mlab_wait(l, MSEC(1));
    mlab_want_none(l);
    assert_int_equal(conn_window(mlab_conn(l)), 0);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(umptcp_recv(l->s, l->sock, buf, 100, l->now), 100);
        l->read += 100;
    }
    mlab_wait(l, MSEC(1));
    assert_true(l->out != NULL);
    mlab_skip(l);
    assert_in_range(mlab_conn(l)->rcv_edge.v - mlab_conn(l)->rcv_nxt.v, 2000, 4000);
    mlab_free(l);
}

/* ---- Marks ------------------------------------------------------------------------------------------------------- */

static void expect_notice(struct mlab *l, enum umptcp_mark_kind kind, uint32_t id, utime at) {
    struct umptcp_notice n;
    assert_true(umptcp_notice(l->s, l->sock, &n));
    assert_int_equal(n.kind, kind);
    assert_int_equal(n.id, id);
    assert_int_equal(n.at.ns, at.ns);
}

static void test_records(void **state) { /* no mapping, and so no segment, has bytes of two records */
    struct mlab *l = talked(NULL);
    (void)state;
    mlab_send(l, 10);
    mlab_want(l, 1, "P. 6(10) ack 6 dss ack 6 map 6:6+10");
    mlab_send(l, 20);
    assert_int_equal(umptcp_mark(l->s, l->sock, UMPTCP_MARK_RECORD, 0, l->now), 0);
    mlab_want_none(l); /* the last of what waits, as any other */
    mlab_send(l, 30);
    mlab_want(l, 1, "P. 16(20) ack 6 dss ack 6 map 16:16+20"); /* nothing can be added to it any more */
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(0) ack 36 dss ack 36");
    mlab_want(l, 1, "P. 36(30) ack 6 dss ack 6 map 36:36+30");
    mlab_free(l);
}

static void test_notices(void **state) {
    struct mlab *l = talked(NULL);
    struct umptcp_notice n;
    (void)state;
    assert_false(umptcp_notice(l->s, l->sock, &n));
    mlab_send(l, 10);
    mlab_skip(l);
    const unsigned both = UMPTCP_MARK_SENT | UMPTCP_MARK_ACKED;
    assert_int_equal(umptcp_mark(l->s, l->sock, both, 7, l->now), 0); /* late: the bytes left already */
    const utime first = l->now;
    expect_notice(l, UMPTCP_MARK_SENT, 7, first);
    assert_false(umptcp_notice(l->s, l->sock, &n));
    l->busy = true;
    mlab_send(l, 10);
    assert_int_equal(umptcp_mark(l->s, l->sock, both, 8, l->now), 0);
    l->busy = false;
    mlab_want_none(l); /* Nagle */
    assert_false(umptcp_notice(l->s, l->sock, &n));
    mlab_wait(l, MSEC(10));
    mlab_in(l, 1, ". 6(0) ack 16"); /* of the subflow: the stream has nothing of that */
    assert_false(umptcp_notice(l->s, l->sock, &n));
    const utime acked = l->now;
    mlab_in(l, 1, ". 6(0) ack 16 dss ack 16");
    mlab_skip(l);
    (void)mlab_event(l, UMPTCP_EV_NOTICE);
    expect_notice(l, UMPTCP_MARK_ACKED, 7, acked);
    expect_notice(l, UMPTCP_MARK_SENT, 8, acked);
    assert_false(umptcp_notice(l->s, l->sock, &n));
    mlab_in(l, 1, ". 6(0) ack 26 dss ack 26");
    expect_notice(l, UMPTCP_MARK_ACKED, 8, l->now);
    assert_null(mlab_conn(l)->marks); /* and nothing is held */
    mlab_free(l);
}

static void test_mark_refused(void **state) {
    struct mlab *l = mlab_new_full(&(struct mlab_options){.server = true});
    (void)state;
    assert_int_equal(umptcp_mark(l->s, l->sock, UMPTCP_MARK_SENT, 0, l->now), -EINVAL); /* nothing was sent */
    mlab_send(l, 5);
    assert_int_equal(umptcp_mark(l->s, l->sock, 0, 0, l->now), -EINVAL);
    assert_int_equal(umptcp_mark(l->s, l->sock, 8, 0, l->now), -EINVAL);
    assert_int_equal(umptcp_mark(l->s, l->listener, UMPTCP_MARK_SENT, 0, l->now), -ENOTCONN);
    assert_int_equal(umptcp_mark(l->s, (umptcp_sock){0}, UMPTCP_MARK_SENT, 0, l->now), -EBADF);
    l->tm.fail_at = l->tm.requests + 1;
    assert_int_equal(umptcp_mark(l->s, l->sock, UMPTCP_MARK_ACKED, 0, l->now), -ENOMEM);
    l->tm.fail_at = l->tm.requests + 2;
    assert_int_equal(umptcp_mark(l->s, l->sock, UMPTCP_MARK_ACKED, 0, l->now), -ENOMEM);
    l->tm.fail_at = 0;
    assert_int_equal(umptcp_mark(l->s, l->sock, UMPTCP_MARK_ACKED, 0, l->now), 0);
    mlab_shutdown(l);
    assert_int_equal(umptcp_mark(l->s, l->sock, UMPTCP_MARK_ACKED, 0, l->now), -EPIPE);
    mlab_free(l); /* with a mark */
}

/* ---- What waits, and what is acknowledged at once -----------------------------------------------------------------
 */

/* How many bytes of `len` are taken. */
static ptrdiff_t offer(struct mlab *l, size_t len) {
    const uint8_t bytes[4000] = {0};
    assert_in_range(len, 1, sizeof bytes);
    return umptcp_send(l->s, l->sock, bytes, len, l->now);
}

static void test_notsent_lowat(void **state) { /* T-SYS-08 */
    struct mlab *l = talked(NULL);
    (void)state;
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_NOTSENT_LOWAT, 0, l->now), -EINVAL);
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_NOTSENT_LOWAT, 3000, l->now), 0);
    while (!mlab_info(l).unsent) /* as long as cwnd lets it go, it is no matter */
        mlab_send(l, 2 * MSS);
    mlab_send(l, 3000 - mlab_info(l).unsent);
    assert_int_equal(mlab_info(l).unsent, 3000);
    assert_int_equal(offer(l, 1), -EAGAIN);
    mlab_skip(l);
    assert_false(mlab_has_event(l, UMPTCP_EV_WRITABLE));
    mlab_in(l, 1, ". 6(0) ack 1002 dss ack 1002"); /* two segments leave for the one */
    assert_in_range(mlab_info(l).unsent, 1, 1499);
    (void)mlab_event(l, UMPTCP_EV_WRITABLE);
    mlab_skip(l);
    assert_int_equal(offer(l, 4000), 3000 - mlab_info(l).unsent);
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_NOTSENT_LOWAT, UINT32_MAX, l->now), 0);
    assert_int_equal(offer(l, 4000), 4000);
    mlab_abort(l);
    mlab_free(l);
}

static void test_quick_acknowledgments(void **state) { /* T-ACK-07 */
    struct mlab *l = talked(NULL);
    int64_t on;
    (void)state;
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_QUICKACK, 0, l->now), 0);
    mlab_in(l, 1, "P. 6(10) ack 6 dss ack 6 map 6:6+10");
    mlab_want_none(l);
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_QUICKACK, 1, l->now), 0);
    mlab_wait(l, 1);
    mlab_want(l, 1, ". 6(0) ack 16 dss ack 16"); /* the one that waited, */
    mlab_in(l, 1, "P. 16(10) ack 6 dss ack 6 map 16:16+10");
    mlab_want(l, 1, ". 6(0) ack 26 dss ack 26"); /* and the next */
    assert_int_equal(umptcp_getopt(l->s, l->sock, UMPTCP_OPT_QUICKACK, &on), 0);
    assert_int_equal(on, 1);
    assert_int_equal(umptcp_setopt(l->s, l->sock, UMPTCP_OPT_QUICKACK, 0, l->now), 0);
    mlab_in(l, 1, "P. 26(10) ack 6 dss ack 6 map 26:26+10");
    mlab_want_none(l);
    mlab_wait(l, MSEC(50));
    mlab_want(l, 1, ". 6(0) ack 36 dss ack 36");
    mlab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_writes_wait),
        cmocka_unit_test(test_small_write_before_the_end),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_notices),
        cmocka_unit_test(test_mark_refused),
        cmocka_unit_test(test_notsent_lowat),
        cmocka_unit_test(test_quick_acknowledgments),
        cmocka_unit_test(test_nodelay),
        cmocka_unit_test(test_cork),
        cmocka_unit_test(test_cork_is_bounded),
        cmocka_unit_test(test_cork_and_end),
        cmocka_unit_test(test_full_and_room_again),
        cmocka_unit_test(test_reserve_and_commit),
        cmocka_unit_test(test_peek_and_consume),
        cmocka_unit_test(test_nothing_while_idle),
        cmocka_unit_test(test_receive_buffer_grows),
        cmocka_unit_test(test_receive_buffer_that_is_set),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_send_buffer_grows),
        cmocka_unit_test(test_no_silly_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
