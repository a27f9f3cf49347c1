/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host under test (script/host.h, or the engine as a target) and a peer that the test plays by hand, for plain TCP:
 * numbers count from the SYN of their sender. Segments of the peer are built by the codecs, and those of the host read
 * by them.
 */
#ifndef UMPTCP_TEST_SCRIPTHOST_H
#define UMPTCP_TEST_SCRIPTHOST_H

#include "testwire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "script/host.h"
#include "script/target.h"

enum { PEER_PORT = 5000, HOST_PORT = 8080, PEER_MSS = 1000 };

struct peer {
    struct host *h;
    struct target *t; /* instead of a host */
    struct posix p;
    struct flow flow; /* local: the host's end */
    struct seq isn, host_isn;
    uint8_t wscale;
    bool sack;
    struct arena arena;
    struct settings settings;
    uint32_t merged; /* gso_size of what came last */
    uint64_t time;   /* when it left, since the start */
    char error[256];
};

static inline void peer_settings(struct peer *l, enum family family) {
    memset(l, 0, sizeof *l);
    settings_init(&l->settings, family, &l->arena);
    l->flow = (struct flow){{l->settings.local_ip, HOST_PORT}, {l->settings.remote_ip, PEER_PORT}};
    l->isn = (struct seq){1000};
}

static inline struct peer *peer_new(enum family family) {
    struct peer *l = malloc(sizeof *l);
    const struct host_options options = {.seed = {1}, .start = {SEC(1000)}};
    assert_non_null(l);
    peer_settings(l, family);
    assert_int_equal(host_open(&l->settings, &options, &l->h, l->error, sizeof l->error), 0);
    l->p = host_posix(l->h);
    return l;
}

static inline void peer_free(struct peer *l) {
    const char *why = umptcp_check(host_stack(l->h));
    if (why)
        fail_msg("%s", why);
    host_close(l->h);
    arena_free(&l->arena);
    free(l);
}

/* ---- Segments ---------------------------------------------------------------------------------------------------- */

/* A segment of the peer, `ack` 0: without. */
static inline void peer_seg(struct peer *l, struct seg seg, uint16_t gso) {
    struct ip_hdr ip = {.ttl = 64, .src = l->flow.remote.addr, .dst = l->flow.local.addr};
    static uint8_t zeros[65536];
    uint32_t len;
    ip.v6 = !addr_is_v4(&ip.src);
    seg.flow = (struct flow){l->flow.remote, l->flow.local};
    seg.data = zeros;
    uint8_t *pkt = test_segment(ip, &seg, &len);
    assert_int_equal(l->h ? host_inject(l->h, pkt, len, gso) : l->t->ops->inject(l->t, pkt, len, gso), 0);
    free(pkt);
}

static inline struct seg peer_make(const struct peer *l, uint8_t flags, uint32_t seq, uint32_t len, uint32_t ack) {
    struct seg seg = {.flags = flags, .seq = {l->isn.v + seq}, .len = len, .window = 32768};
    if (flags & TCP_ACK)
        seg.ack.v = l->host_isn.v + ack;
    if (flags & TCP_SYN) {
        seg.opt.has_mss = true;
        seg.opt.mss = PEER_MSS;
        seg.opt.has_wscale = true;
        seg.opt.wscale = 7;
        seg.opt.sack_permitted = true;
    }
    return seg;
}

static inline void peer_in(struct peer *l, uint8_t flags, uint32_t seq, uint32_t len, uint32_t ack) {
    peer_seg(l, peer_make(l, flags, seq, len, ack), 0);
}

/* The next segment of the host; false: there is none. */
static inline bool peer_next(struct peer *l, struct seg *seg) {
    struct host_packet p;
    struct ip_hdr ip;
    if (!host_take(l->h, &p))
        return false;
    l->merged = p.gso_size;
    l->time = p.time.ns - SEC(1000);
    assert_int_equal(ip_parse(p.data, p.len, false, &ip), DROP_NONE);
    assert_int_equal(tcp_parse(&ip, false, p.gso_size, seg), DROP_NONE);
    if (seg->flags & TCP_SYN)
        l->host_isn = seg->seq;
    return true;
}

static inline struct seg peer_want(struct peer *l, uint8_t flags, uint32_t seq, uint32_t len, uint32_t ack) {
    struct seg seg;
    if (!peer_next(l, &seg))
        fail_msg("nothing came");
    assert_int_equal(seg.flags & ~TCP_PSH, flags);
    assert_int_equal(seg.seq.v - l->host_isn.v, seq);
    assert_int_equal(seg.len, len);
    if (flags & TCP_ACK)
        assert_int_equal(seg.ack.v - l->isn.v, ack);
    return seg;
}

static inline void peer_want_none(struct peer *l) {
    struct seg seg;
    if (peer_next(l, &seg))
        fail_msg("a segment with flags %02x came", (unsigned)seg.flags);
}

static inline void peer_wait(struct peer *l, dur time) {
    utime end = time_add(host_now(l->h), time);
    while (time_before(host_now(l->h), end))
        host_step(l->h, end);
}

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

union peer_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline socklen_t peer_addr(const struct peer *l, const struct umptcp_addr *a, uint16_t port,
                                  union peer_addr *out) {
    memset(out, 0, sizeof *out);
    if (l->settings.family == FAMILY_IPV4) {
        out->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&out->v4.sin_addr, a->b + 12, 4);
        return sizeof out->v4;
    }
    out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&out->v6.sin6_addr, a->b, 16);
    return sizeof out->v6;
}

static inline int peer_domain(const struct peer *l) { return l->settings.family == FAMILY_IPV4 ? AF_INET : AF_INET6; }

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

/* A call fails with that errno. */
#define assert_errno(call, error)                                                                                      \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        assert_int_equal((call), -1);                                                                                  \
        assert_int_equal(errno, (error));                                                                              \
    } while (0)

static inline int peer_socket(struct peer *l, bool nonblock) {
    int fd = l->p.socket(l->p.ctx, peer_domain(l), SOCK_STREAM | (nonblock ? SOCK_NONBLOCK : 0), IPPROTO_TCP);
    assert_true(fd >= 3);
    return fd;
}

static inline int peer_bind(struct peer *l, int fd, uint16_t port) {
    union peer_addr a;
    socklen_t len = peer_addr(l, &l->settings.local_ip, port, &a);
    return l->p.bind(l->p.ctx, fd, &a.any, len);
}

static inline int peer_connect(struct peer *l, int fd) {
    union peer_addr a;
    socklen_t len = peer_addr(l, &l->settings.remote_ip, PEER_PORT, &a);
    return l->p.connect(l->p.ctx, fd, &a.any, len);
}

static inline int peer_getint(struct peer *l, int fd, int level, int name) {
    int v = -12345;
    socklen_t len = sizeof v;
    assert_int_equal(l->p.getsockopt(l->p.ctx, fd, level, name, &v, &len), 0);
    assert_int_equal(len, sizeof v);
    return v;
}

static inline int peer_setint(struct peer *l, int fd, int level, int name, int v) {
    return l->p.setsockopt(l->p.ctx, fd, level, name, &v, sizeof v);
}

static inline int peer_poll(struct peer *l, int fd) {
    struct pollfd p = {.fd = fd, .events = (short)0xffff};
    int n = l->p.poll(l->p.ctx, &p, 1, 0);
    assert_int_equal(n, p.revents != 0);
    return (uint16_t)p.revents;
}

/* The host's SYN came and is answered; the connection is up. */
static inline void peer_open_client(struct peer *l, int fd) {
    struct seg seg;
    assert_errno(peer_connect(l, fd), EINPROGRESS);
    assert_true(peer_next(l, &seg));
    assert_int_equal(seg.flags, TCP_SYN);
    l->flow.local = seg.flow.remote; /* of a segment that the peer received */
    peer_in(l, TCP_SYN | TCP_ACK, 0, 0, 1);
    peer_want(l, TCP_ACK, 1, 0, 1);
}

static inline int peer_listen(struct peer *l, int backlog) {
    int fd = peer_socket(l, true);
    assert_int_equal(peer_bind(l, fd, HOST_PORT), 0);
    assert_int_equal(l->p.listen(l->p.ctx, fd, backlog), 0);
    return fd;
}

/* A connection that the peer opens, from that port; the descriptor that accept() gave. */
static inline int peer_open_server(struct peer *l, int listener) {
    peer_in(l, TCP_SYN, 0, 0, 0);
    peer_want(l, TCP_SYN | TCP_ACK, 0, 0, 1);
    peer_in(l, TCP_ACK, 1, 0, 1);
    int fd = l->p.accept(l->p.ctx, listener, NULL, NULL);
    assert_true(fd >= 3);
    assert_int_equal(l->p.fcntl(l->p.ctx, fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

#endif
