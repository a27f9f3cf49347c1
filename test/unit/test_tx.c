/* SPDX-License-Identifier: BSD-3-Clause */
/* The scoreboard and what acknowledgments do to it: ACK, SACK, D-SACK, hostile blocks, samples, room; and random runs.
 */
#include "flightlab.h"

#include <errno.h>

/* ---- Sending and cumulative acknowledgments --------------------------------------------------------------------- */

static void test_send_and_ack(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    assert_int_equal(f.tm.blocks, 1); /* the timers: with nothing in flight nothing is held */
    assert_true(time_is_never(f.t.due.rtx));
    flight_send(&f, 4);
    assert_int_equal(tx_outstanding(&f.t), 4000);
    assert_int_equal(tx_pipe(&f.t), 4000);
    assert_int_equal(tx_budget(&f.t), 6000);
    flight_ack(&f, 3, 0);
    assert_int_equal(f.rx.acked, 3000);
    assert_int_equal(flight_tx(&f)->recs.count, 1);
    flight_ack(&f, 4, 0);
    assert_int_equal(f.rx.acked, 1000);
    assert_int_equal(tx_outstanding(&f.t), 0);
    assert_int_equal(f.tm.blocks, 1);
    assert_true(time_is_never(f.t.due.rtx));
    flight_free(&f);
}

/* A super-segment is acknowledged piece by piece. */
static void test_partial_ack(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    flight_send_bytes(&f, 9500);
    flight_ack_ssn(&f, ssn_add(flight_at(0), 1));
    assert_int_equal(f.rx.acked, 1);
    flight_ack(&f, 7, 0);
    assert_int_equal(f.rx.acked, 6999);
    assert_int_equal(flight_tx(&f)->recs.count, 1);
    assert_int_equal(flight_rec(&f, 0)->len, 2500);
    flight_ack_ssn(&f, f.t.snd_nxt);
    assert_int_equal(tx_outstanding(&f.t), 0);
    flight_free(&f);
}

/* The FIN takes a number but is no payload; it stays the last one when its record is split. */
static void test_fin(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    struct ssn end = ssn_add(f.t.snd_nxt, 3001);
    f.t.snd_end = ssn_add(f.t.snd_nxt, 3000);
    f.t.fin_queued = true;
    assert_int_equal(tx_sent(&f.t, f.t.snd_nxt, end, true, false, false), 0);
    f.t.fin_sent = true;
    flight_ack(&f, 0, 1, 2, 0);
    assert_int_equal(flight_tx(&f)->recs.count, 3);
    assert_true(flight_rec(&f, 2)->flags & TX_FIN);
    assert_false(flight_rec(&f, 0)->flags & TX_FIN);
    flight_ack(&f, 3, 0);
    assert_int_equal(f.rx.acked, 3000);
    assert_false(f.rx.fin_acked);
    assert_int_equal(tx_outstanding(&f.t), 1);
    flight_ack_ssn(&f, end);
    assert_int_equal(f.rx.acked, 0);
    assert_true(f.rx.fin_acked);
    flight_free(&f);
}

/* Each allocation of sending fails once: nothing changes then. */
static void test_no_memory(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    TESTMEM_EACH_FAILURE(&f.tm) {
        int err = tx_sent(&f.t, flight_at(0), flight_at(5), false, false, false);
        f.t.snd_end = f.t.snd_nxt;
        assert_int_equal(err, testmem_refused(&f.tm) ? -ENOMEM : 0);
        flight_check(&f);
        assert_int_equal(tx_outstanding(&f.t), err ? 0 : 5000);
    }
    f.tm.fail_at = 0;
    for (int i = 0; i < 3; i++)
        flight_send(&f, 1); /* the array of four records is full */
    f.tm.fail_at = f.tm.requests + 1;
    flight_ack(&f, 0, 2, 3, 0); /* would split: not taken note of */
    assert_int_equal(flight_tx(&f)->sacked, 0);
    f.t.rack.rtt_us = 1;
    flight_wait(&f, SEC(2)); /* probe, then RTO: all lost */
    f.tm.fail_at = f.tm.requests + 1;
    assert_int_equal(tx_sent(&f.t, flight_at(0), flight_at(1), false, true, false), -ENOMEM);
    flight_check(&f);
    assert_int_equal(flight_tx(&f)->lost, 8000);
    f.tm.fail_at = 0;
    assert_int_equal(flight_resend(&f, 1000), 1000);
    flight_free(&f);
}

/* T-CCB-01: what is in flight stays within cwnd. T-CCB-13: after idling for an RTO within the initial window. */
static void test_budget_and_idle(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    uint32_t n = flight_warm(&f, MSEC(10), 30);
    assert_int_equal(tx_budget(&f.t), 30000);
    flight_send(&f, 30);
    assert_int_equal(tx_budget(&f.t), 0);
    flight_wait(&f, MSEC(10));
    flight_ack(&f, n + 30, 0);
    uint32_t cwnd = f.t.cc.cwnd;
    assert_int_equal(cwnd, 60000);
    flight_wait(&f, MSEC(150));
    assert_int_equal(tx_budget(&f.t), cwnd);
    flight_wait(&f, MSEC(100));
    assert_int_equal(tx_budget(&f.t), 10000);
    assert_int_equal(f.t.cc.cwnd, cwnd); /* only when something is sent */
    flight_send(&f, 1);
    assert_int_equal(f.t.cc.cwnd, 10000);
    assert_int_equal(tx_budget(&f.t), 9000);
    flight_free(&f);
}

/* T-SYS-19: a window that was not used up does not grow. */
static void test_cwnd_limited(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    uint32_t n = flight_warm(&f, MSEC(10), 20);
    for (int i = 0; i < 5; i++) {
        flight_send(&f, 3);
        flight_wait(&f, MSEC(10));
        flight_ack(&f, n += 3, 0);
    }
    assert_int_equal(f.t.cc.cwnd, 20000);
    flight_send(&f, 20);
    flight_wait(&f, MSEC(10));
    flight_ack(&f, n += 10, 0); /* of a full window each acknowledgment counts, also when no new data follows */
    flight_ack(&f, n + 10, 0);
    assert_int_equal(f.t.cc.cwnd, 40000);
    flight_free(&f);
}

/* ---- Round trip ------------------------------------------------------------------------------------------------- */

/* T-RTO-06, T-RTO-07: what was sent again gives a sample only by the timestamp. */
static void test_karn(void **state) {
    struct flight f;
    (void)state;
    for (int ts = 0; ts < 2; ts++) {
        flight_init(&f);
        f.t.ts_ok = ts;
        flight_send(&f, 1);
        flight_wait(&f, SEC(2)); /* the time for a probe, then the timeout */
        assert_int_equal(f.rtos, 1);
        assert_int_equal(flight_resend(&f, 1000), 1000);
        flight_wait(&f, MSEC(40));
        f.echo = (utime){f.env.now.ns - MSEC(40)};
        flight_ack(&f, 1, 0);
        assert_int_equal(f.t.rtt.srtt, ts ? MSEC(40) : 0);
        assert_int_equal(f.t.rtt.backoff, ts ? 0 : 1);
        flight_free(&f);
    }
}

/* The record's time is finer than the timestamp's and comes first; an echo that cannot be is not believed. */
static void test_rtt_sources(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    f.t.ts_ok = true;
    flight_send(&f, 1);
    flight_wait(&f, USEC(300));
    f.echo = (utime){f.env.now.ns - SEC(5)};
    flight_ack(&f, 1, 0);
    assert_int_equal(f.t.rtt.srtt, USEC(300));
    flight_send(&f, 1);
    flight_wait(&f, SEC(1)); /* a probe, then the timeout */
    flight_resend(&f, 1000);
    f.echo = time_add(f.env.now, SEC(5)); /* from the future */
    flight_ack(&f, 2, 0);
    assert_int_equal(f.t.rtt.srtt, USEC(300));
    flight_free(&f);
}

/* SACK alone brings a sample too, and what waited behind a retransmission brings none. */
static void test_rtt_of_sacked(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    flight_send(&f, 3);
    flight_wait(&f, MSEC(30));
    flight_ack(&f, 0, 1, 2, 0);
    assert_int_equal(f.t.rtt.srtt, MSEC(30));
    flight_free(&f);
    flight_init(&f);
    f.t.sack_ok = false;
    flight_send(&f, 3);
    flight_wait(&f, SEC(1));
    flight_resend(&f, 1000);
    flight_wait(&f, MSEC(30));
    flight_ack(&f, 3, 0);
    assert_int_equal(f.t.rtt.srtt, 0);
    flight_free(&f);
}

/* ---- SACK ------------------------------------------------------------------------------------------------------- */

/* T-SCK-15 */
static void test_sack_counts(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    flight_send(&f, 8);
    flight_ack(&f, 0, 2, 3, 5, 7, 0);
    assert_int_equal(flight_tx(&f)->sacked, 3000);
    assert_int_equal(tx_outstanding(&f.t), 8000);
    assert_int_equal(tx_pipe(&f.t) + flight_tx(&f)->lost, 5000);
    flight_ack(&f, 0, 2, 3, 5, 7, 0); /* again: no news */
    assert_int_equal(flight_tx(&f)->sacked, 3000);
    flight_ack(&f, 3, 5, 7, 0);
    assert_int_equal(flight_tx(&f)->sacked, 2000);
    flight_ack(&f, 8, 0);
    assert_int_equal(flight_tx(&f)->sacked, 0);
    flight_free(&f);
}

/* Blocks with edges inside a super-segment split it there and nowhere else. */
static void test_sack_splits(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    flight_send_bytes(&f, 10000);
    flight_ack(&f, 0, 3, 4, 6, 10, 0);
    assert_int_equal(flight_tx(&f)->recs.count, 4);
    assert_int_equal(flight_tx(&f)->sacked, 5000);
    static const struct {
        uint32_t start, len;
        bool sacked;
    } wanted[] = {{0, 3000, false}, {3, 1000, true}, {4, 2000, false}, {6, 4000, true}};
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(flight_segment(flight_rec(&f, i)->start), wanted[i].start);
        assert_int_equal(flight_rec(&f, i)->len, wanted[i].len);
        assert_int_equal((flight_rec(&f, i)->flags & TX_SACKED) != 0, wanted[i].sacked);
    }
    assert_int_equal(flight_tx(&f)->lost, 5000); /* what stands before the rest was sent no later */
    assert_int_equal(flight_next_lost(&f), 0);
    flight_free(&f);
}

/* T-SCK-22: blocks that cannot be are thrown away. */
static void test_sack_invalid(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    flight_send(&f, 10);
    flight_ack(&f, 4, 0);
    flight_ack(&f, 4, 7, 6, 0);             /* backwards */
    flight_ack(&f, 4, 6, 6, 0);             /* empty */
    flight_ack(&f, 4, 9, 11, 0);            /* not sent */
    flight_ack(&f, 4, 3, 6, 0);             /* begins below the ACK that it comes with, and ends above */
    flight_ack(&f, 4, 2000000, 2000001, 0); /* far away */
    flight_sack_block(&f, (struct ssn){(uint64_t)-5000}, flight_at(2)); /* before the SYN */
    flight_ack(&f, 4, 0);
    assert_int_equal(flight_mib(&f, MIB_TCP_SACK_DISCARD), 6);
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_RECV), 0);
    assert_int_equal(flight_tx(&f)->sacked, 0);
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    flight_free(&f);
}

/* T-SCK-13 */
static void test_dsack(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    f.t.retrans_segs = 2;
    flight_send(&f, 10);
    flight_ack(&f, 4, 2, 3, 0); /* below the ACK */
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_RECV), 1);
    assert_int_equal(flight_tx(&f)->sacked, 0);
    flight_ack(&f, 4, 6, 7, 6, 8, 0); /* inside the second block, which is a normal one */
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_RECV), 1);
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_OFO_RECV), 1);
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_RECV_SEGS), 2);
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_IGNORED_NO_UNDO), 1);
    assert_int_equal(flight_tx(&f)->sacked, 2000);
    flight_ack(&f, 4, 6, 8, 3, 4, 0); /* only the first block is one */
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_RECV), 1);
    assert_int_equal(flight_mib(&f, MIB_TCP_SACK_DISCARD), 1);
    flight_free(&f);
}

/* T-UND-09 */
static void test_dsack_dubious(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    f.t.max_snd_wnd = 3000;
    f.t.retrans_segs = 5;
    flight_send(&f, 10);
    flight_ack(&f, 6, 1, 5, 0); /* the peer never let four segments go at once */
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_IGNORED_DUBIOUS), 1);
    assert_int_equal(f.t.dsack_dups, 0);
    flight_ack(&f, 6, 1, 4, 0);
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_IGNORED_DUBIOUS), 1);
    flight_ack(&f, 6, 1, 4, 0); /* six, and five were sent again */
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_IGNORED_DUBIOUS), 2);
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_RECV), 3);
    assert_int_equal(flight_mib(&f, MIB_TCP_DSACK_RECV_SEGS), 3);
    assert_int_equal(flight_mib(&f, MIB_TCP_SACK_DISCARD), 2); /* blocks below the ACK */
    assert_int_equal(f.t.delivered, 6 + 3);
    flight_free(&f);
}

/* T-SCK-07, T-SCK-08, T-SCK-09 */
static void test_renege(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    flight_send(&f, 6);
    flight_ack(&f, 0, 1, 4, 0);
    flight_resend(&f, 1000);
    flight_ack(&f, 1, 0); /* segment 1 was SACKed, and is not acknowledged */
    assert_int_equal(flight_tx(&f)->sacked, 3000);
    assert_int_equal(flight_tx(&f)->recs.count, 5); /* nothing SACKed was freed */
    flight_wait(&f, SEC(5));
    assert_in_range(f.rtos, 1, 5);
    assert_int_equal(flight_mib(&f, MIB_TCP_SACK_RENEGING), 1);
    assert_int_equal(flight_tx(&f)->sacked, 0);
    assert_int_equal(flight_tx(&f)->lost, 5000);
    assert_int_equal(flight_next_lost(&f), 1);
    flight_free(&f);
}

/* T-SCK-23: a flood of tiny blocks does not make more than a bounded number of records. */
static void test_sack_flood(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    f.t.cc.cwnd = 1000000;
    for (int i = 0; i < 10; i++)
        flight_send_bytes(&f, 60000);
    for (uint32_t i = 0; i < 600000; i += 4) {
        for (uint32_t k = 0; k < 4; k++) {
            struct ssn left = ssn_add(flight_at(0), 1 + ((i + k) * 7919) % 599990);
            f.seg.opt.sack[k] = (struct sack_block){seq_of(f.t.isn, left), seq_of(f.t.isn, ssn_add(left, 1))};
        }
        f.seg.opt.nsack = 4;
        f.rx = (struct tcp_rx){.una = f.t.snd_una, .wnd = f.t.snd_wnd};
        tx_ack(&f.t, &f.seg, f.t.snd_una, &f.rx);
    }
    flight_check(&f);
    assert_in_range(flight_tx(&f)->recs.count, 100, 256 + 2 * 600 + 1);
    flight_ack_ssn(&f, f.t.snd_nxt);
    flight_free(&f);
}

/* ---- Sending again ---------------------------------------------------------------------------------------------- */

/* Memory refused at the first segment of a flight: nothing was sent, and nothing is held. */
static void test_no_memory_to_send(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    f.t.snd_end = flight_at(1);
    for (unsigned nth = 1; nth <= 2; nth++) {
        f.tm.fail_at = f.tm.requests + nth;
        assert_int_equal(tx_sent(&f.t, flight_at(0), flight_at(1), false, false, false), -ENOMEM);
        assert_int_equal(f.t.snd_nxt.v, flight_at(0).v);
        assert_int_equal(f.tm.blocks, 1);
        assert_true(time_is_never(f.t.due.rtx));
        flight_check(&f);
    }
    f.tm.fail_at = 0;
    flight_send(&f, 1);
    flight_free(&f);
}

/* A lost super-segment goes again in parts, each a record of its own. */
static void test_resend_in_parts(void **state) {
    struct flight f;
    struct ssn start, end;
    (void)state;
    flight_init(&f);
    flight_send_bytes(&f, 8500);
    flight_send(&f, 1);
    flight_wait(&f, SEC(2));
    assert_true(tx_next_lost(&f.t, &start, &end)); /* cwnd is one segment */
    assert_int_equal(ssn_sub(end, start), 1000);
    f.t.cc.cwnd = 4500;
    assert_true(tx_next_lost(&f.t, &start, &end)); /* whole segments */
    assert_int_equal(ssn_sub(end, start), 4000);
    assert_int_equal(flight_resend(&f, 3000), 4000);
    assert_int_equal(flight_tx(&f)->recs.count, 4);
    assert_int_equal(flight_tx(&f)->lost, 5500);
    assert_int_equal(tx_pipe(&f.t), 4000);
    f.t.cc.cwnd = 20000;
    assert_true(tx_next_lost(&f.t, &start, &end)); /* the rest, but of one record */
    assert_int_equal(start.v, 4001);
    assert_int_equal(ssn_sub(end, start), 4500);
    assert_int_equal(flight_resend(&f, 100000), 5500);
    assert_int_equal(flight_tx(&f)->lost, 0);
    assert_int_equal(tx_pipe(&f.t), 9500);
    flight_free(&f);
}

/* T-WND-06, T-WND-07: the window shrank; only what is inside goes again, and the first segment in any case. */
static void test_resend_in_shrunk_window(void **state) {
    struct flight f;
    struct ssn start, end;
    (void)state;
    flight_init(&f);
    flight_send_bytes(&f, 6000);
    flight_send(&f, 2);
    flight_wait(&f, SEC(2));
    f.t.cc.cwnd = 20000;
    f.t.snd_wnd = 2500;
    assert_true(tx_next_lost(&f.t, &start, &end));
    assert_int_equal(ssn_sub(end, start), 2500);
    f.t.snd_wnd = 0;
    assert_true(tx_next_lost(&f.t, &start, &end));
    assert_int_equal(ssn_sub(end, start), 1000);
    assert_int_equal(tx_sent(&f.t, start, end, false, true, false), 0);
    assert_false(tx_next_lost(&f.t, &start, &end));
    f.t.snd_wnd = 100000;
    assert_int_equal(flight_resend(&f, 100000), 7000);
    flight_free(&f);
}

/* T-MTU-05: news of a smaller path: large records go again at once, and congestion control is not told. */
static void test_too_big(void **state) {
    struct flight f;
    (void)state;
    flight_init(&f);
    uint32_t n = flight_warm(&f, MSEC(10), 20);
    flight_send_bytes(&f, 3000);
    flight_send_bytes(&f, 400);
    flight_send_bytes(&f, 600);
    tx_mark_too_big(&f.t, 500);
    flight_check(&f);
    assert_int_equal(flight_tx(&f)->lost, 3600);
    assert_int_equal(flight_tx(&f)->state, TX_OPEN);
    cc_set_mss(&f.t.cc, 500);
    assert_int_equal(flight_resend(&f, 500), 3600);
    flight_wait(&f, MSEC(10));
    flight_ack(&f, n + 4, 0);
    assert_int_equal(f.t.cc.ssthresh, UINT32_MAX);
    assert_int_equal(tx_outstanding(&f.t), 0);
    flight_free(&f);
}

/* ---- Random runs ------------------------------------------------------------------------------------------------ */

enum { RUNS = 60, STEPS = 1500, STREAM = 4000000 };

/* A peer with a set of what it received. Segments and acknowledgments are lost, late and repeated by a random hand. */
struct walk {
    struct flight f;
    uint64_t random;
    struct ranges got; /* beyond `ack` */
    struct ssn ack;
    uint64_t sends;
};

static void walk_receive(struct walk *w, struct ssn start, struct ssn end) {
    uint64_t from = start.v < w->ack.v ? w->ack.v : start.v;
    if (from >= end.v)
        return;
    assert_int_equal(ranges_add(&w->got, &w->f.env.mem, from, end.v), 0);
    const struct range *r = ranges_find(&w->got, w->ack.v);
    if (r) {
        w->ack.v = r->end;
        ranges_remove_below(&w->got, &w->f.env.mem, w->ack.v);
    }
}

/* What was sent arrives whole, in part, or not. */
static void walk_carry(struct walk *w, struct ssn start, struct ssn end) {
    w->sends++;
    uint32_t len = (uint32_t)ssn_sub(end, start), kind = test_below(&w->random, 10);
    if (kind < 6)
        walk_receive(w, start, end);
    else if (kind < 8 && len > 1)
        walk_receive(w, ssn_add(start, test_below(&w->random, len)), end);
}

static void walk_send(struct walk *w) {
    struct tcb *t = &w->f.t;
    struct ssn start, end;
    bool tlp = tx_of(t)->tlp_pending && !tx_of(t)->lost;

    if (tlp && test_below(&w->random, 2) && tx_probe_range(t, FLIGHT_MSS, &start, &end)) {
        assert_int_equal(tx_sent(t, start, end, false, true, true), 0);
        walk_carry(w, start, end);
    } else if (tx_next_lost(t, &start, &end)) {
        if (test_below(&w->random, 2))
            end = ssn_add(start, 1 + test_below(&w->random, (uint32_t)ssn_sub(end, start)));
        assert_int_equal(tx_sent(t, start, end, false, true, false), 0);
        walk_carry(w, start, end);
    } else if (tx_budget(t) > 0 && t->snd_nxt.v < STREAM) {
        uint32_t len = 1 + test_below(&w->random, tx_budget(t) < 20000 ? tx_budget(t) : 20000);
        start = t->snd_nxt;
        t->snd_end = end = ssn_add(start, len);
        assert_int_equal(tx_sent(t, start, end, false, false, tlp), 0);
        walk_carry(w, start, end);
    }
}

static void walk_ack(struct walk *w, bool hostile) {
    struct flight *f = &w->f;
    if (f->t.sack_ok) {
        for (uint32_t i = 0; i < w->got.count && f->seg.opt.nsack < 3; i++) {
            const struct range *r = &w->got.items[test_below(&w->random, w->got.count)];
            flight_sack_block(f, (struct ssn){r->start}, (struct ssn){r->end});
        }
        if (hostile) {
            struct ssn left = ssn_add(f->t.snd_una, test_below(&w->random, 100000) - (uint64_t)30000);
            flight_sack_block(f, left, ssn_add(left, test_below(&w->random, 70000) - (uint64_t)1000));
        }
    }
    f->seg.flags = test_below(&w->random, 50) ? 0 : TCP_ECE;
    if (hostile && f->t.ts_ok)
        f->echo = (utime){1 + test_random(&w->random) % (2 * f->env.now.ns)};
    flight_ack_ssn(f, w->ack);
}

static void walk_run(uint64_t seed) {
    struct walk w = {.random = seed, .ack = {1}};
    struct flight *f = &w.f;
    flight_init_cc(f, seed % 2 ? &cc_cubic : &cc_newreno);
    f->t.sack_ok = seed % 5 != 0;
    f->t.ts_ok = seed % 3 != 0;
    bool hostile = seed % 4 == 1 && f->t.sack_ok;
    for (int i = 0; i < STEPS; i++) {
        flight_wait(f, MSEC(test_below(&w.random, 4)) + (test_below(&w.random, 60) ? 0 : MSEC(400)));
        for (uint32_t n = test_below(&w.random, 4); n > 0; n--)
            walk_send(&w);
        flight_check(f);
        if (test_below(&w.random, 4))
            walk_ack(&w, hostile);
        if (hostile && test_below(&w.random, 200) == 0)
            ranges_free(&w.got, &f->env.mem); /* reneges */
        assert_in_range(f->t.cc.cwnd, FLIGHT_MSS, CC_CWND_MAX);
        assert_true(f->t.rtt.backoff < 32);
    }
    /* From now on nothing is lost: all must arrive in the end. */
    uint64_t last = f->t.snd_nxt.v;
    for (int i = 0; i < 4000 && f->t.snd_una.v < last; i++) {
        struct ssn start, end;
        while (tx_next_lost(&f->t, &start, &end)) {
            assert_int_equal(tx_sent(&f->t, start, end, false, true, false), 0);
            walk_receive(&w, start, end);
        }
        flight_wait(f, i % 8 ? MSEC(5) : SEC(1));
        walk_ack(&w, false);
    }
    assert_int_equal(f->t.snd_una.v, last);
    assert_int_equal(tx_outstanding(&f->t), 0);
    assert_true(w.sends > 50);
    ranges_free(&w.got, &f->env.mem);
    flight_free(f);
}

static void test_random_runs(void **state) {
    const char *seed = getenv("UMPTCP_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
    (void)state;
    for (uint64_t i = 0; i < RUNS; i++)
        walk_run(first + i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_send_and_ack),
        cmocka_unit_test(test_partial_ack),
        cmocka_unit_test(test_fin),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_budget_and_idle),
        cmocka_unit_test(test_cwnd_limited),
        cmocka_unit_test(test_karn),
        cmocka_unit_test(test_rtt_sources),
        cmocka_unit_test(test_rtt_of_sacked),
        cmocka_unit_test(test_sack_counts),
        cmocka_unit_test(test_sack_splits),
        cmocka_unit_test(test_sack_invalid),
        cmocka_unit_test(test_dsack),
        cmocka_unit_test(test_dsack_dubious),
        cmocka_unit_test(test_no_memory_to_send),
        cmocka_unit_test(test_renege),
        cmocka_unit_test(test_sack_flood),
        cmocka_unit_test(test_resend_in_parts),
        cmocka_unit_test(test_resend_in_shrunk_window),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_random_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
