/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two stacks, client and server, in virtual time. Interface n of one is connected to interface n of the other by a link
 * with a delay that may be cut. Or one stack alone, that packets are made for by hand and taken from.
 *
 * After each step the invariants of both are checked.
 */
#ifndef UMPTCP_TEST_TESTSTACK_H
#define UMPTCP_TEST_TESTSTACK_H

#include "testwire.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "umptcp.h"

enum { CLIENT, SERVER, HOSTS, LINKS_MAX = 4, TEST_BULK = 3 * 1000 * 1000 };

struct test_packet {
    utime at;
    int to, netif;
    uint32_t len;
    uint8_t *data;
    struct test_packet *next;
};

struct test_link {
    dur delay;
    bool cut;
};

struct test_world {
    utime now;
    struct testmem mem[HOSTS];
    struct umptcp *host[HOSTS];
    struct test_link link[LINKS_MAX + 1]; /* by interface */
    struct test_packet *flying;           /* by time of arrival */
    uint64_t sent[HOSTS][LINKS_MAX + 1];  /* packets */
};

static inline struct umptcp_config test_config(struct testmem *mem) {
    struct umptcp_config cfg;
    umptcp_config_init(&cfg);
    memset(cfg.seed, 7, sizeof cfg.seed);
    cfg.alloc = testmem_alloc;
    cfg.alloc_ctx = mem;
    return cfg;
}

static inline struct umptcp *test_stack(const struct umptcp_config *cfg, utime now) {
    struct umptcp *s = umptcp_new(cfg, now);
    assert_non_null(s);
    return s;
}

static inline int test_netif(struct umptcp *s, const char *addr, uint8_t prefix_len) {
    const struct umptcp_netif_config cfg = {.name = "test", .mtu = 1500};
    int netif = umptcp_netif_add(s, &cfg);
    assert_true(netif > 0);
    struct umptcp_addr a = test_addr(addr);
    assert_int_equal(umptcp_addr_add(s, netif, &a, prefix_len, (utime){1}), 0);
    return netif;
}

static inline struct umptcp_sockaddr test_at(const char *addr, uint16_t port) {
    return (struct umptcp_sockaddr){test_addr(addr), port};
}

/* The next packet of a stack in one piece; its length, 0 when there is none. */
static inline uint32_t test_take(struct umptcp *s, struct umptcp_out *out, uint8_t packet[65536], utime now) {
    uint32_t len = 0;
    if (!umptcp_output(s, out, now))
        return 0;
    for (uint32_t i = 0; i < out->nslices; i++) {
        memcpy(packet + len, out->slices[i].base, out->slices[i].len);
        len += (uint32_t)out->slices[i].len;
    }
    assert_int_equal(len, out->len);
    assert_true(out->hdr_len <= len && out->slices[0].len == out->hdr_len);
    return len;
}

/* ---- Two of them ------------------------------------------------------------------------------------------------- */

/* Links 1..nlinks: 10.0.n.1 is the client, 10.0.n.2 the server. */
static inline void test_world_init(struct test_world *w, int nlinks, const struct umptcp_config *client,
                                   const struct umptcp_config *server) {
    memset(w, 0, sizeof *w);
    w->now = (utime){SEC(1)};
    for (int h = 0; h < HOSTS; h++) {
        const struct umptcp_config *given = h == CLIENT ? client : server;
        struct umptcp_config cfg = given ? *given : test_config(&w->mem[h]);
        cfg.alloc_ctx = &w->mem[h];
        cfg.seed[0] = (uint8_t)h;
        w->host[h] = test_stack(&cfg, w->now);
        for (int n = 1; n <= nlinks; n++) {
            char addr[32];
            snprintf(addr, sizeof addr, "10.0.%d.%d", n & 0xff, h + 1);
            assert_int_equal(test_netif(w->host[h], addr, 24), n);
            w->link[n].delay = MSEC(5);
        }
        for (int n = 1; n <= nlinks; n++) {
            struct umptcp_addr any = test_addr("0.0.0.0");
            assert_int_equal(umptcp_route_add(w->host[h], &any, 0, n), 0);
        }
    }
}

static inline void test_world_free(struct test_world *w) {
    for (struct test_packet *p = w->flying, *next; p; p = next) {
        next = p->next;
        free(p->data);
        free(p);
    }
    for (int h = 0; h < HOSTS; h++) {
        umptcp_free(w->host[h]);
        assert_int_equal(w->mem[h].blocks, 0);
    }
}

static inline void test_fly(struct test_world *w, int to, int netif, const uint8_t *data, uint32_t len) {
    struct test_packet *p = malloc(sizeof *p), **at = &w->flying;
    assert_non_null(p);
    *p = (struct test_packet){time_add(w->now, w->link[netif].delay), to, netif, len, malloc(len), NULL};
    assert_non_null(p->data);
    memcpy(p->data, data, len);
    while (*at && !time_before(p->at, (*at)->at))
        at = &(*at)->next;
    p->next = *at;
    *at = p;
}

/* Takes all output of both. */
static inline void test_pump(struct test_world *w) {
    static uint8_t packet[65536];
    struct umptcp_out out;
    for (int h = 0; h < HOSTS; h++) {
        uint32_t len;
        while ((len = test_take(w->host[h], &out, packet, w->now))) {
            w->sent[h][out.netif]++;
            if (!w->link[out.netif].cut)
                test_fly(w, !h, out.netif, packet, len);
        }
    }
}

static inline void test_check(const struct test_world *w) {
    for (int h = 0; h < HOSTS; h++) {
        const char *why = umptcp_check(w->host[h]);
        if (why)
            fail_msg("%s: %s", h == CLIENT ? "client" : "server", why);
    }
}

/* Goes to the next moment at which something happens, at most to `limit`. */
static inline void test_step(struct test_world *w, utime limit) {
    test_pump(w);
    utime next = limit;
    for (int h = 0; h < HOSTS; h++)
        next = time_min(next, umptcp_next(w->host[h]));
    if (w->flying)
        next = time_min(next, w->flying->at);
    w->now = time_max(w->now, next);
    while (w->flying && !time_before(w->now, w->flying->at)) {
        struct test_packet *p = w->flying;
        const struct umptcp_packet pkt = {.data = p->data, .len = p->len};
        w->flying = p->next;
        umptcp_input(w->host[p->to], p->netif, &pkt, w->now);
        free(p->data);
        free(p);
    }
    for (int h = 0; h < HOSTS; h++)
        umptcp_tick(w->host[h], w->now);
    test_pump(w);
    test_check(w);
}

static inline void test_run(struct test_world *w, dur time) {
    utime end = time_add(w->now, time);
    while (time_before(w->now, end))
        test_step(w, end);
}

/* The next event of that type for that socket within `time`; others are thrown away. */
static inline struct umptcp_event test_await(struct test_world *w, int host, umptcp_sock sock,
                                             enum umptcp_event_type type, dur time) {
    utime end = time_add(w->now, time);
    struct umptcp_event ev;
    for (;;) {
        while (umptcp_event(w->host[host], &ev))
            if (ev.type == type && ev.sock.v == sock.v)
                return ev;
        if (!time_before(w->now, end))
            fail_msg("no event %d within %u ms", type, (unsigned)(time / MSEC(1)));
        test_step(w, end);
    }
}

static inline umptcp_sock test_listen(struct test_world *w, uint16_t port, uint32_t backlog) {
    const struct umptcp_listen l = {.local = {.port = port}, .backlog = backlog};
    umptcp_sock sock;
    assert_int_equal(umptcp_listen(w->host[SERVER], &l, &sock), 0);
    return sock;
}

static inline umptcp_sock test_connect(struct test_world *w, const char *addr, uint16_t port) {
    const struct umptcp_connect c = {.remote = test_at(addr, port)};
    umptcp_sock sock;
    assert_int_equal(umptcp_connect(w->host[CLIENT], &c, &sock, w->now), 0);
    return sock;
}

/* A listener on port 80, and a connection that both ends have. */
static inline umptcp_sock test_pair(struct test_world *w, umptcp_sock pair[HOSTS]) {
    umptcp_sock l = test_listen(w, 80, 16);
    pair[CLIENT] = test_connect(w, "10.0.1.2", 80);
    test_await(w, CLIENT, pair[CLIENT], UMPTCP_EV_CONNECTED, SEC(1));
    test_await(w, SERVER, l, UMPTCP_EV_ACCEPT, SEC(1));
    assert_int_equal(umptcp_accept(w->host[SERVER], l, &pair[SERVER]), 0);
    return l;
}

static inline uint8_t test_byte(size_t i) { return (uint8_t)(i * 7 + i / 251); }

/* Moves bytes [0, total) of the pattern from one end to the other; what arrives is compared. */
static inline void test_transfer(struct test_world *w, const umptcp_sock pair[HOSTS], int from, size_t total,
                                 dur limit) {
    static uint8_t buf[100000];
    size_t sent = 0, got = 0;
    utime end = time_add(w->now, limit);
    while (got < total) {
        ptrdiff_t n;
        do {
            size_t len = total - sent < sizeof buf ? total - sent : sizeof buf;
            for (size_t i = 0; i < len; i++)
                buf[i] = test_byte(sent + i);
            n = len ? umptcp_send(w->host[from], pair[from], buf, len, w->now) : 0;
            sent += n > 0 ? (size_t)n : 0;
        } while (n > 0);
        while ((n = umptcp_recv(w->host[!from], pair[!from], buf, sizeof buf, w->now)) > 0)
            for (ptrdiff_t i = 0; i < n; i++, got++)
                if (buf[i] != test_byte(got))
                    fail_msg("byte %zu is wrong", got);
        if (!time_before(w->now, end))
            fail_msg("only %zu of %zu bytes arrived", got, total);
        test_step(w, end);
    }
}

static inline struct umptcp_info test_info(struct test_world *w, int host, umptcp_sock sock) {
    struct umptcp_info info;
    assert_int_equal(umptcp_info(w->host[host], sock, &info), 0);
    return info;
}

static inline int test_subflows(struct test_world *w, int host, umptcp_sock sock) {
    return umptcp_subflows(w->host[host], sock, NULL, 0);
}

#endif
