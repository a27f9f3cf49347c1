/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links in virtual time (sim/link.h): when packets come out, which do not, and that pieces of a super-segment fare as
 * single packets do. And networks of them (sim/topo.h): two flows through one bottleneck.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "io/raw.h"
#include "io_packets.h"
#include "sim/link.h"
#include "sim/topo.h"

enum { HDR = 52, MSS = 1448, PACKET = HDR + MSS, MBIT = 1000000, MANY = 20000 };

static struct test_packet packet; /* large */

static void send(struct link *l, uint32_t seq, uint32_t len, uint16_t gso_size, uint32_t port, utime now) {
    test_packet_init(&packet, false, seq, len, gso_size, true);
    link_send(l, &packet.out, port, now);
}

static utime at(dur ns) { return (utime){SEC(1) + ns}; }

/* A packet that came out: all is as it was sent, and its checksum can be completed. Returns its sequence number. */
static uint32_t check_packet(struct link_packet *pkt) {
    static uint8_t bytes[RAW_MAX];
    static struct seg got;
    struct ip_hdr ip;
    assert_true(pkt->in.csum_valid && pkt->out.csum_partial);
    assert_int_equal(raw_gather(&pkt->out, bytes), pkt->in.len);
    assert_int_equal(ip_parse(bytes, pkt->in.len, false, &ip), DROP_NONE);
    assert_int_equal(tcp_parse(&ip, false, 0, &got), DROP_NONE);
    for (uint32_t i = 0; i < got.len; i++)
        assert_int_equal(got.data[i], (uint8_t)((got.seq.v + i) * 7 >> 3));
    return got.seq.v;
}

/* 1500 bytes at 12 Mbit/s take 1 ms. */
static void test_time(void **state) {
    (void)state;
    struct link_config cfg = {.rate = 12 * MBIT, .delay = MSEC(10), .queue = 3 * PACKET};
    struct link *l = link_new(&cfg, 1);
    struct link_packet pkt;
    assert_true(time_is_never(link_next(l)));
    for (uint32_t i = 0; i < 5; i++)
        send(l, i * MSS, MSS, 0, i, at(0));
    for (uint32_t i = 0; i < 3; i++) { /* the queue holds three, with that which is being sent */
        assert_int_equal(link_next(l).ns, at(MSEC(11 + i)).ns);
        assert_false(link_recv(l, &pkt, at(MSEC(11 + i) - 1)));
        assert_true(link_recv(l, &pkt, at(MSEC(11 + i))));
        assert_int_equal(check_packet(&pkt), i * MSS);
        assert_int_equal(pkt.port, i);
    }
    assert_true(time_is_never(link_next(l)));
    struct link_stats st;
    link_stats_get(l, &st);
    assert_true(st.packets == 5 && st.fate[LINK_SENT] == 3 && st.fate[LINK_QUEUE] == 2);
    assert_true(st.waited == MSEC(3) && st.waited_most == MSEC(2) && st.sent_bytes == 3 * PACKET);

    send(l, 0, MSS, 0, 0, at(MSEC(100))); /* the transmitter was idle: it does not send in the past */
    assert_int_equal(link_next(l).ns, at(MSEC(111)).ns);
    link_free(l);
}

/* No nanosecond is lost at a rate that does not divide: a second's packets take a second. */
static void test_exact_rate(void **state) {
    (void)state;
    struct link_config cfg = {.rate = 7 * MBIT};
    struct link *l = link_new(&cfg, 1);
    struct link_packet pkt = {.port = 0};
    for (uint32_t i = 0; i < 1750; i++)
        send(l, 0, 500 - HDR, 0, i, at(0));
    for (uint32_t i = 0; i < 1750; i++)
        assert_true(link_recv(l, &pkt, at(SEC(1))));
    assert_int_equal(pkt.port, 1749);
    link_free(l);
}

/* A super-segment comes out in as many parts as time says, and each queue place is a piece's own. */
static void test_super_segment(void **state) {
    (void)state;
    for (int headers_only = 0; headers_only < 2; headers_only++) {
        struct link_config cfg = {.rate = 12 * MBIT, .merge = MSEC(3), .queue = 10 * PACKET};
        cfg.headers_only = headers_only;
        struct link *l = link_new(&cfg, 1);
        struct link_packet pkt;
        send(l, 5, 12 * MSS + 1, MSS, 0, at(0)); /* 13 pieces: the last is small, but there is no room for it either */
        for (uint32_t from = 0; from < 10; from += 4) {
            uint32_t n = from < 8 ? 4 : 2;
            assert_true(link_recv(l, &pkt, link_next(l)));
            assert_int_equal(link_next(l).ns, n == 4 ? at(MSEC(from < 4 ? 8 : 10)).ns : UINT64_MAX);
            assert_int_equal(pkt.in.len, HDR + n * MSS);
            assert_int_equal(pkt.in.gso_size, MSS);
            if (!headers_only)
                assert_int_equal(check_packet(&pkt), 5 + from * MSS);
        }
        struct link_stats st;
        link_stats_get(l, &st);
        assert_true(st.packets == 13 && st.fate[LINK_SENT] == 10 && st.fate[LINK_QUEUE] == 3);
        link_free(l);
    }
}

/* The same packets, alone and as super-segments, have the same fates at the same times. */
static void test_pieces_are_packets(void **state) {
    (void)state;
    struct link_config cfg = {.rate = 100 * MBIT, .delay = MSEC(1), .loss = 50000, .burst = 3, .reorder = 50000};
    cfg.duplicate = 30000;
    cfg.queue = 30 * PACKET;
    struct link *one = link_new(&cfg, 7), *whole = link_new(&cfg, 7);
    struct link_packet a, b;
    for (uint32_t i = 0; i < 50; i++) {
        utime now = at(MSEC(i * 2));
        for (uint32_t k = 0; k < 20; k++)
            send(one, (i * 20 + k) * MSS, MSS, 0, 0, now);
        send(whole, i * 20 * MSS, 20 * MSS, MSS, 0, now);
    }
    while (!time_is_never(link_next(one))) {
        assert_int_equal(link_next(one).ns, link_next(whole).ns);
        assert_true(link_recv(one, &a, link_next(one)) && link_recv(whole, &b, link_next(whole)));
        assert_int_equal(check_packet(&a), check_packet(&b));
        assert_true(a.in.len == b.in.len && !a.in.gso_size && !b.in.gso_size);
    }
    assert_true(time_is_never(link_next(whole)));
    struct link_stats st, st_whole;
    link_stats_get(one, &st);
    link_stats_get(whole, &st_whole);
    assert_memory_equal(&st, &st_whole, sizeof st);
    assert_true(st.fate[LINK_LOST] && st.fate[LINK_QUEUE] && st.reordered && st.duplicated);
    link_free(one);
    link_free(whole);
}

/* Losses are as many as asked for, alone or in runs of the length asked for. */
static void test_loss(void **state) {
    (void)state;
    for (uint32_t burst = 1; burst <= 8; burst *= 8) {
        struct link_config cfg = {.loss = 20000, .burst = burst};
        struct link *l = link_new(&cfg, 3);
        uint32_t lost = 0, runs = 0, next = 0;
        for (uint32_t i = 0; i < 5 * MANY; i++) {
            struct link_packet pkt;
            send(l, 0, 1, 0, i, at(i));
            if (link_recv(l, &pkt, at(i))) {
                runs += pkt.port > next;
                lost += pkt.port - next;
                next = pkt.port + 1;
            }
        }
        assert_in_range(lost, 5 * MANY * 15 / 1000, 5 * MANY * 25 / 1000);
        assert_in_range(lost * 10 / runs, burst * 85 / 10, burst * 115 / 10);
        link_free(l);
    }
}

/* What waits behind more than the threshold is marked, when it may be; a part that differs is a packet of its own. */
static void test_mark(void **state) {
    (void)state;
    struct link_config cfg = {.rate = 12 * MBIT, .mark = 2 * PACKET, .merge = SEC(1)};
    for (int ect = 0; ect < 2; ect++) {
        struct link *l = link_new(&cfg, 1);
        struct link_packet pkt;
        test_packet_init(&packet, false, 0, 5 * MSS, MSS, true);
        packet.out.hdr[1] |= ect ? IP_ECN_ECT0 : IP_ECN_NOT_ECT;
        raw_fix_ip(packet.out.hdr, HDR);
        link_send(l, &packet.out, 0, at(0));
        assert_true(link_recv(l, &pkt, at(SEC(1))));
        check_packet(&pkt);
        assert_int_equal(pkt.in.len, HDR + (ect ? 2 : 5) * MSS);
        assert_int_equal(pkt.in.data[1] & 3, ect ? IP_ECN_ECT0 : IP_ECN_NOT_ECT);
        assert_int_equal(link_recv(l, &pkt, at(SEC(1))), ect);
        if (ect) {
            assert_int_equal(pkt.in.data[1] & 3, IP_ECN_CE);
            assert_int_equal(check_packet(&pkt), 2 * MSS);
        }
        link_free(l);
    }
}

/* ---- Networks ---------------------------------------------------------------------------------------------------- */

enum { FLOWS = 2, PORT = 80, QUEUE = 50000 };

struct flows {
    umptcp_sock listener[FLOWS], sender[FLOWS], receiver[FLOWS];
    uint64_t received[FLOWS];
};

/* Host 2i sends to host 2i + 1 whatever there is room for. */
static void serve(void *arg, struct topo *n, int host, const struct umptcp_event *ev) {
    struct flows *f = arg;
    struct umptcp *s = topo_stack(n, host);
    struct umptcp_slice some[UMPTCP_SLICES_MAX];
    int i = host / 2, count;
    if (ev->type == UMPTCP_EV_ACCEPT)
        assert_int_equal(umptcp_accept(s, f->listener[i], &f->receiver[i]), 0);
    umptcp_sock sock = host % 2 ? f->receiver[i] : f->sender[i];
    while (host % 2 == 0 && (count = umptcp_send_reserve(s, sock, 1 << 20, some, UMPTCP_SLICES_MAX)) > 0) {
        size_t len = 0;
        for (int k = 0; k < count; k++)
            len += some[k].len;
        assert_int_equal(umptcp_send_commit(s, sock, len, topo_now(n)), 0);
    }
    while (host % 2 && sock.v && (count = umptcp_recv_peek(s, sock, some, UMPTCP_SLICES_MAX)) > 0) {
        size_t len = 0;
        for (int k = 0; k < count; k++)
            len += some[k].len;
        umptcp_recv_consume(s, sock, len, topo_now(n));
        f->received[i] += len;
    }
}

/* Two flows, each with an access link of its own, fill a bottleneck; together they get what it has, and the seed says
 * all of it. */
static void test_shared_bottleneck(void **state) {
    (void)state;
    uint64_t first[FLOWS] = {0};
    for (int again = 0; again < 2; again++) {
        struct topo *n = topo_new(5);
        struct link_config cfg = {.rate = 20 * MBIT, .delay = MSEC(5), .queue = QUEUE, .headers_only = true};
        int wide = topo_link(n, &cfg);
        cfg = (struct link_config){.delay = MSEC(5)};
        int back = topo_link(n, &cfg);
        struct flows f = {.received = {0}};
        topo_on_event(n, serve, &f);
        for (int i = 0; i < FLOWS; i++) {
            cfg = (struct link_config){.rate = 100 * MBIT, .delay = MSEC(1 + (dur)i), .queue = 1000000};
            int access = topo_link(n, &cfg);
            struct umptcp_config host;
            umptcp_config_init(&host);
            host.seed[0] = (uint8_t)i;
            int a = topo_host(n, &host), b = topo_host(n, &host);
            struct topo_path way = {.nthere = 2, .there = {access, wide}, .nback = 1, .back = {back}};
            int path = topo_path(n, a, b, &way);
            assert_int_equal(path, i);
            struct umptcp_listen listen = {.local.port = PORT, .backlog = 1};
            assert_int_equal(umptcp_listen(topo_stack(n, b), &listen, &f.listener[i]), 0);
            struct umptcp_connect c = {.remote = topo_addr(path, true, PORT)};
            assert_int_equal(umptcp_connect(topo_stack(n, a), &c, &f.sender[i], topo_now(n)), 0);
        }
        topo_run(n, SEC(10));
        struct link_stats st;
        link_stats_get(topo_link_of(n, wide), &st);
        assert_true(st.fate[LINK_QUEUE] > 0);
        assert_in_range(st.sent_bytes, 20 * MBIT / 8 * 9, 20 * MBIT / 8 * 10 + QUEUE); /* some wait for their turn */
        assert_in_range(f.received[0] + f.received[1], st.sent_bytes * 90 / 100, st.sent_bytes);
        for (int i = 0; i < FLOWS; i++) {
            assert_true(f.received[i] > st.sent_bytes / 5);
            assert_true(!again || f.received[i] == first[i]);
            first[i] = f.received[i];
        }
        topo_free(n);
    }
}

static void test_refusals(void **state) {
    (void)state;
    struct topo *n = topo_new(1);
    struct umptcp_config host;
    umptcp_config_init(&host);
    struct link_config cfg = {.delay = 1};
    assert_int_equal(topo_host(n, &host), 0);
    assert_int_equal(topo_host(n, &host), 1);
    assert_int_equal(topo_link(n, &cfg), 0);
    assert_int_equal(topo_path(n, 0, 1, &(struct topo_path){.nthere = 1, .nback = 1, .there = {1}}), -EINVAL);
    assert_int_equal(topo_path(n, 0, 2, &(struct topo_path){.nthere = 1, .nback = 1}), -EINVAL);
    assert_int_equal(topo_path(n, 0, 1, &(struct topo_path){.nthere = 1}), -EINVAL);
    assert_int_equal(topo_path(n, 0, 1, &(struct topo_path){.nthere = 1, .nback = 1}), 0);
    for (int i = 1; i < TOPO_LINKS_MAX; i++)
        assert_int_equal(topo_link(n, &cfg), i);
    assert_int_equal(topo_link(n, &cfg), -ENOSPC);
    host.congestion_control = "none of these";
    assert_int_equal(topo_host(n, &host), -EINVAL);
    topo_free(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_exact_rate),
        cmocka_unit_test(test_super_segment),
        cmocka_unit_test(test_pieces_are_packets),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_mark),
        cmocka_unit_test(test_shared_bottleneck),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
