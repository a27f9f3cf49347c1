/* SPDX-License-Identifier: BSD-3-Clause */
/* The laboratory of mptcplab.h. */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

#include "mptcptrace.h"
#include "testwire.h"
#include "wire/mpcrypto.h"

enum { PACKET_MAX = 65536, PEER_PORT = 1000 };

struct mlab_packet {
    struct mlab_packet *next;
    int sf;
    uint32_t len;
    struct seg seg;
    uint8_t data[];
};

static bool refused(const struct mlab *l) { return testmem_refused(&l->tm); }

/* ---- What the stack sends ---------------------------------------------------------------------------------------- */

static int flow_find(const struct mlab *l, const struct flow *flow) {
    for (int i = 1; i < MLAB_FLOWS; i++)
        if (l->flow[i].used && flow_eq(&l->flow[i].flow, flow))
            return i;
    return 0;
}

static int flow_add(struct mlab *l, const struct flow *flow, int netif) {
    int i = 1;
    while (l->flow[i].used)
        i++;
    assert_true(i < MLAB_FLOWS);
    l->flow[i] = (struct mlab_flow){
        .flow = *flow, .netif = netif, .used = true, .peer_isn = {0xfffffe00u + (uint32_t)i}, .peer_nonce = 0x89abcdef};
    return i;
}

/* What was mapped once stays so (RFC 8684 3.3.1). */
static void note_map(const struct mlab *l, struct mlab_flow *f, const struct mpopt *o) {
    struct mlab_map m = {o->dss.ssn, o->dss.dsn - l->idsn, o->dss.len - (uint64_t)o->dss.data_fin};
    if (o->type == MPC_DATA)
        m = (struct mlab_map){1, 1, o->mpc.len};
    if (!m.len)
        return;
    uint32_t have = f->nmaps < 64 ? f->nmaps : 64;
    for (uint32_t i = 0; i < have; i++) {
        const struct mlab_map *old = &f->maps[i];
        if (old->ssn >= m.ssn + m.len || m.ssn >= old->ssn + old->len)
            continue;
        assert_int_equal(old->dsn - old->ssn, m.dsn - m.ssn);
        if (old->ssn == m.ssn && old->len == m.len)
            return;
    }
    f->maps[f->nmaps++ % 64] = m;
}

static void check_option(struct mlab *l, struct mlab_flow *f, const struct mpopt *o) {
    uint8_t hmac[32];
    if (o->type == MP_DSS && o->dss.has_map) {
        assert_true(o->dss.dsn64);
        assert_int_equal(o->dss.has_csum, l->csum);
        note_map(l, f, o);
        if (l->csum && o->dss.len)
            assert_int_equal(o->dss.csum, trace_csum(l, STACK, o->dss.dsn, o->dss.ssn, o->dss.len, o->dss.data_fin));
    }
    if (o->type == MPC_DATA)
        note_map(l, f, o);
    if (o->type == MPJ_SYN || o->type == MPJ_SYNACK)
        f->nonce = o->mpj.nonce;
    trace_join_hmac(l, f, STACK, hmac);
    if (o->type == MPJ_SYNACK)
        assert_int_equal(o->mpj.hmac64, mp_join_hmac64(hmac));
    if (o->type == MPJ_ACK)
        assert_memory_equal(o->mpj.hmac160, hmac, sizeof o->mpj.hmac160);
}

static void check_payload(const struct mlab_flow *f, const struct seg *seg) {
    uint32_t have = f->nmaps < 64 ? f->nmaps : 64;
    for (uint32_t i = 0; i < seg->len; i++) {
        uint64_t pos = (uint32_t)(seg->seq.v - f->isn.v) + i;
        for (uint32_t k = 0; k < have; k++)
            if (pos >= f->maps[k].ssn && pos < f->maps[k].ssn + f->maps[k].len) {
                pos = pos - f->maps[k].ssn + f->maps[k].dsn;
                break;
            }
        if (seg->data[i] != trace_byte(STACK, pos))
            fail_msg("byte %llu of the stream is wrong", (unsigned long long)pos);
    }
}

/* Nothing stands in the header but what the codecs know, reserved bits are zero. */
static void check_header(const struct seg *seg, const uint8_t *tcp) {
    uint8_t again[TCP_HDR_LEN + TCP_OPTIONS_MAX];
    struct writer w = writer_of(again, sizeof again);
    struct seg s = *seg;
    s.flow = (struct flow){seg->flow.remote, seg->flow.local};
    tcp_build(&w, &s);
    assert_false(w.bad);
    memcpy(again + 16, tcp + 16, 2);
    assert_memory_equal(again, tcp, w.len);
}

static void take_packet(struct mlab *l, const struct umptcp_out *out) {
    struct mlab_packet *p = malloc(sizeof *p + out->len), **at = &l->out;
    assert_non_null(p);
    uint32_t n = 0;
    for (uint32_t i = 0; i < out->nslices; i++) {
        memcpy(p->data + n, out->slices[i].base, out->slices[i].len);
        n += (uint32_t)out->slices[i].len;
    }
    assert_int_equal(n, out->len);
    p->next = NULL;
    p->len = n;
    struct ip_hdr ip;
    assert_int_equal(ip_parse(p->data, n, false, &ip), DROP_NONE);
    assert_int_equal(tcp_parse(&ip, false, out->gso_size, &p->seg), DROP_NONE);
    struct flow flow = {p->seg.flow.remote, p->seg.flow.local};
    p->sf = flow_find(l, &flow);
    bool syn = p->seg.flags & TCP_SYN;
    if (!p->sf && syn)
        p->sf = flow_add(l, &flow, out->netif);
    assert_true(p->sf > 0);
    struct mlab_flow *f = &l->flow[p->sf];
    if (syn)
        f->isn = p->seg.seq;
    if (p->seg.opt.has_ts)
        f->ts_echo = p->seg.opt.tsval;
    assert_int_equal(p->seg.mp.malformed, 0);
    check_header(&p->seg, ip.payload);
    for (uint32_t i = 0; i < p->seg.mp.n; i++)
        check_option(l, f, &p->seg.mp.opt[i]);
    check_payload(f, &p->seg);
    while (*at)
        at = &(*at)->next;
    *at = p;
}

static void take_events(struct mlab *l) {
    struct umptcp_event ev;
    while (umptcp_event(l->s, &ev)) {
        if (ev.type == UMPTCP_EV_ACCEPT && !l->sock.v)
            (void)umptcp_accept(l->s, l->listener, &l->sock); /* without memory it is left there */
        if (l->nevents == MLAB_EVENTS)                        /* the oldest goes */
            memmove(l->events, l->events + 1, --l->nevents * sizeof ev);
        l->events[l->nevents++] = ev;
    }
}

/* After anything that was done. */
static void settle(struct mlab *l) {
    struct umptcp_out out;
    take_events(l);
    while (!l->busy && umptcp_output(l->s, &out, l->now))
        take_packet(l, &out);
    take_events(l);
    const char *why = umptcp_check(l->s);
    if (why)
        fail_msg("%s", why);
}

static struct mlab_packet *first_of(const struct mlab *l, int sf) {
    struct mlab_packet *p = l->out;
    while (p && p->sf != sf)
        p = p->next;
    return p;
}

static void forget(struct mlab *l, struct mlab_packet *p) {
    struct mlab_packet **at = &l->out;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    free(p);
}

void mlab_want_at(struct mlab *l, int sf, const char *text, const char *file, int line) {
    char got[TRACE_TEXT_MAX], want[TRACE_TEXT_MAX];
    struct script r;
    struct mlab_packet *p = first_of(l, sf);
    if (refused(l)) {
        if (p)
            forget(l, p);
        return;
    }
    trace_read(&r, l, sf, STACK, text);
    if (!p)
        fail_msg("%s:%d: nothing was sent on subflow %d\n    wanted %s", file, line, sf, text);
    else if (!trace_matches(&r, &p->seg))
        fail_msg("%s:%d: another segment than wanted\n    wanted %s\n         = %s\n       got %s", file, line, text,
                 trace_format(l, sf, &r.seg, want), trace_format(l, sf, &p->seg, got));
    else
        forget(l, p);
}

void mlab_want_none_at(struct mlab *l, const char *file, int line) {
    char got[TRACE_TEXT_MAX];
    if (refused(l))
        mlab_skip(l);
    else if (l->out)
        fail_msg("%s:%d: one more segment\n       got %s", file, line, trace_format(l, l->out->sf, &l->out->seg, got));
}

const char *mlab_bytes(struct mlab *l, int sf) {
    static char text[2 * TCP_OPTIONS_MAX + 1];
    const struct mlab_packet *p = first_of(l, sf);
    assert_non_null(p);
    const uint8_t *tcp = p->data + ip_hdr_len(l->v6);
    uint32_t end = (tcp[12] >> 4) * 4u;
    text[0] = 0;
    for (uint32_t i = TCP_HDR_LEN; i < end; i++)
        snprintf(text + (i - TCP_HDR_LEN) * 2, 3, "%02x", tcp[i]);
    return text;
}

uint32_t mlab_skip(struct mlab *l) {
    uint32_t n = 0;
    for (; l->out; n++)
        forget(l, l->out);
    return n;
}

void mlab_dump(struct mlab *l) {
    char text[TRACE_TEXT_MAX];
    for (const struct mlab_packet *p = l->out; p; p = p->next)
        print_message("    %s\n", trace_format(l, p->sf, &p->seg, text));
}

/* ---- What the peer sends ----------------------------------------------------------------------------------------- */

static uint32_t build_packet(struct script *r, uint8_t *pkt) {
    struct seg *seg = &r->seg;
    const struct mlab_flow *f = r->f;
    struct ip_hdr ip = {.v6 = r->l->v6, .proto = IP_PROTO_TCP, .ttl = 64};
    ip.src = f->flow.remote.addr;
    ip.dst = f->flow.local.addr;
    seg->flow = (struct flow){f->flow.remote, f->flow.local};
    const uint32_t header = TCP_HDR_LEN + tcp_options_len(seg) + r->raw_len, tcp_len = header + seg->len;
    assert_true(header <= TCP_HDR_LEN + TCP_OPTIONS_MAX);
    struct writer w = writer_of(pkt, PACKET_MAX);
    ip_build(&w, &ip, tcp_len);
    tcp_build(&w, seg);
    put_bytes(&w, r->raw, r->raw_len);
    assert_false(w.bad);
    uint8_t *tcp = pkt + ip_hdr_len(r->l->v6);
    tcp[12] = (uint8_t)(header / 4 << 4);
    for (uint32_t i = 0; i < seg->len; i++)
        tcp[header + i] = (uint8_t)(trace_byte(PEER, r->pos + i) ^ (r->other ? 0xff : 0));
    struct csum c = {0};
    csum_add_pseudo(&c, &ip.src, &ip.dst, IP_PROTO_TCP, tcp_len);
    csum_add(&c, tcp, tcp_len);
    tcp[16] = (uint8_t)(csum_finish(&c) >> 8);
    tcp[17] = (uint8_t)csum_finish(&c);
    return ip_hdr_len(r->l->v6) + tcp_len;
}

enum drop mlab_in(struct mlab *l, int sf, const char *text) {
    static uint8_t pkt[PACKET_MAX];
    struct script r;
    struct mlab_flow *f = &l->flow[sf];
    if (!f->used && refused(l)) /* it never came up */
        return DROP_NONE;
    assert_true(f->used);
    trace_read(&r, l, sf, PEER, text);
    if (f->ts || (r.seg.flags & TCP_SYN && l->s->env.cfg.timestamps))
        r.seg.opt.has_ts = f->ts = true;
    if (r.seg.opt.has_ts) {
        r.seg.opt.tsval = (uint32_t)(l->now.ns / MSEC(1));
        r.seg.opt.tsecr = f->ts_echo;
    }
    uint32_t len = build_packet(&r, pkt);
    uint8_t *exact = malloc(len); /* so that a read past its end is seen */
    assert_non_null(exact);
    memcpy(exact, pkt, len);
    const struct umptcp_packet in = {.data = exact, .len = len};
    enum drop d = (enum drop)umptcp_input(l->s, f->netif, &in, l->now);
    free(exact);
    settle(l);
    return d;
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

/* To the next moment at which something is due, at most to `limit`. */
static void step(struct mlab *l, utime limit) {
    l->now = time_max(l->now, time_min(umptcp_next(l->s), limit));
    umptcp_tick(l->s, l->now);
    settle(l);
}

void mlab_wait(struct mlab *l, dur d) {
    utime end = time_add(l->now, d);
    while (time_before(l->now, end))
        step(l, end);
}

dur mlab_wait_sent(struct mlab *l, dur limit) {
    utime start = l->now, end = time_add(l->now, limit);
    assert_null(l->out);
    while (!l->out) {
        if (!time_before(l->now, end)) {
            if (refused(l))
                return limit;
            fail_msg("nothing was sent");
        }
        step(l, end);
    }
    return time_since(l->now, start);
}

/* ---- Making ------------------------------------------------------------------------------------------------------ */

struct umptcp_config mlab_config(void) {
    struct umptcp_config cfg;
    umptcp_config_init(&cfg);
    cfg.timestamps = cfg.window_scaling = false;
    cfg.probe_interval = 0;
    return cfg;
}

static struct umptcp_sockaddr path_addr(const struct mlab *l, int path, enum from from, uint16_t port) {
    char text[UMPTCP_ADDRSTRLEN];
    snprintf(text, sizeof text, l->v6 ? "fd00:%d::%d" : "10.0.%d.%d", path, from == STACK ? 1 : 2);
    return (struct umptcp_sockaddr){test_addr(text), port};
}

static void add_paths(struct mlab *l) {
    for (int path = 1; path <= MLAB_PATHS; path++) {
        const struct umptcp_netif_config cfg = {.name = "lab", .mtu = 1500};
        const struct umptcp_addr own = path_addr(l, path, STACK, 0).addr;
        assert_int_equal(umptcp_netif_add(l->s, &cfg), path);
        assert_int_equal(umptcp_addr_add(l->s, path, &own, l->v6 ? 64 : 24, l->now), 0);
    }
}

void mlab_random(struct mlab *l, const void *bytes, size_t len) {
    struct rng *r = &l->s->env.rng;
    assert_true(len <= sizeof r->block);
    r->used = (uint8_t)(sizeof r->block - len);
    memcpy(r->block + r->used, bytes, len);
}

static void force_key(struct mlab *l) {
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(l->key >> 8 * i);
    mlab_random(l, b, sizeof b);
}

struct mlab *mlab_new(const struct mlab_options *o) {
    static const struct mlab_options usual;
    struct mlab *l = calloc(1, sizeof *l);
    uint32_t token;
    struct dsn idsn, peer_idsn;
    assert_non_null(l);
    o = o ? o : &usual;
    struct umptcp_config cfg = o->cfg ? *o->cfg : mlab_config();
    memset(cfg.seed, 7, sizeof cfg.seed);
    cfg.alloc = testmem_alloc;
    cfg.alloc_ctx = &l->tm;
    l->now = (utime){SEC(1000)};
    l->server = o->server;
    l->v6 = o->v6;
    l->peer_csum = o->peer_csum;
    l->peer_deny0 = o->peer_deny0;
    l->csum = cfg.checksum_enabled || o->peer_csum;
    l->peer_win = o->peer_win ? o->peer_win : 65535;
    l->peer_mss = o->peer_mss ? o->peer_mss : 1024;
    l->key = o->key ? o->key : MLAB_KEY_A;
    l->peer_key = o->peer_key ? o->peer_key : MLAB_KEY_B;
    mp_key_derive(l->key, &token, &idsn);
    mp_key_derive(l->peer_key, &token, &peer_idsn);
    l->idsn = idsn.v;
    l->peer_idsn = peer_idsn.v;
    l->s = umptcp_new(&cfg, l->now);
    assert_non_null(l->s);
    assert_int_equal(umptcp_limits_set(l->s, 2, o->addrs_accepted), 0);
    add_paths(l);
    if (l->server) {
        const struct umptcp_listen listen = {.local = {.port = MLAB_PORT}, .backlog = 8};
        assert_int_equal(umptcp_listen(l->s, &listen, &l->listener), 0);
        mlab_path(l, 1, 1);
    }
    force_key(l);
    l->tm.fail_at = o->fail_at ? l->tm.requests + o->fail_at : 0;
    return l;
}

void mlab_path(struct mlab *l, int sf, int path) {
    const struct flow flow = {path_addr(l, path, STACK, l->server ? MLAB_PORT : PEER_PORT),
                              path_addr(l, path, PEER, (uint16_t)(PEER_PORT + sf))};
    assert_false(l->flow[sf].used);
    if (!refused(l))
        assert_int_equal(flow_add(l, &flow, path), sf);
}

void mlab_connect(struct mlab *l, uint32_t early) {
    const struct umptcp_connect c = {.local = path_addr(l, 1, STACK, PEER_PORT),
                                     .remote = path_addr(l, 1, PEER, MLAB_PORT)};
    int err = umptcp_connect(l->s, &c, &l->sock, l->now);
    assert_true(err == 0 || (err == -ENOMEM && refused(l)));
    if (early)
        mlab_send(l, early);
    else
        settle(l);
}

static const char *fmt(char text[TRACE_TEXT_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *fmt(char text[TRACE_TEXT_MAX], const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, TRACE_TEXT_MAX, format, ap);
    va_end(ap);
    return text;
}

struct mlab *mlab_new_open(const struct mlab_options *o) {
    struct mlab *l = mlab_new(o);
    char text[TRACE_TEXT_MAX];
    if (l->server) {
        mlab_in(l, 1, fmt(text, "S 0(0) mss %u sackok mpc", l->peer_mss));
        mlab_want(l, 1, "S. 0(0) ack 1 mpc");
        mlab_in(l, 1, ". 1(0) ack 1 mpc");
    } else {
        mlab_connect(l, 0);
        mlab_want(l, 1, "S 0(0) mpc");
        mlab_in(l, 1, fmt(text, "S. 0(0) ack 1 mss %u sackok mpc", l->peer_mss));
        mlab_want(l, 1, ". 1(0) ack 1 mpc");
    }
    mlab_want_none(l);
    return l;
}

struct mlab *mlab_new_full(const struct mlab_options *o) {
    struct mlab *l = mlab_new_open(o);
    mlab_in(l, 1, ". 1(0) ack 1 dss ack32 1");
    mlab_want_none(l);
    if (!refused(l)) {
        assert_int_equal(mlab_conn(l)->mode, MP_FULL);
        assert_true(l->sock.v);
    }
    return l;
}

void mlab_free(struct mlab *l) {
    mlab_skip(l);
    umptcp_free(l->s);
    assert_int_equal(l->tm.blocks, 0);
    assert_int_equal(l->tm.bytes, 0);
    free(l);
}

bool mlab_free_refused(struct mlab *l) {
    bool met = refused(l);
    mlab_free(l);
    return met;
}

static uint32_t send_una(struct mlab *l) {
    struct conn *c = mlab_conn(l);
    return c ? (uint32_t)(c->snd_una.v - l->idsn) : 1;
}

static void is_up(struct mlab *l, int sf) {
    if (!refused(l))
        assert_int_equal(mlab_sf(l, sf)->state, SF_ACTIVE);
}

void mlab_join_in(struct mlab *l, int sf, int path, int id) {
    char text[TRACE_TEXT_MAX];
    mlab_path(l, sf, path);
    mlab_in(l, sf, fmt(text, "S 0(0) mss %u sackok mpj id %d", l->peer_mss, id));
    mlab_skip(l);
    mlab_in(l, sf, ". 1(0) ack 1 mpj");
    is_up(l, sf);
    mlab_skip(l);
}

void mlab_join_out(struct mlab *l, int sf, int path, uint32_t flags) {
    char text[TRACE_TEXT_MAX];
    const struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW | flags, .addr = path_addr(l, path, STACK, 0)};
    assert_true(umptcp_endpoint_add(l->s, &ep, l->now) > 0);
    settle(l);
    if (!refused(l))
        assert_true(l->flow[sf].used);
    mlab_skip(l);
    mlab_in(l, sf, fmt(text, "S. 0(0) ack 1 mss %u sackok mpj", l->peer_mss));
    mlab_want(l, sf, ". 1(0) ack 1 mpj");
    mlab_in(l, sf, fmt(text, ". 1(0) ack 1 dss ack32 %u", send_una(l)));
    is_up(l, sf);
    mlab_skip(l);
}

void mlab_renumber(struct mlab *l, uint64_t idsn, uint64_t peer_idsn) {
    struct conn *c = mlab_conn(l);
    uint64_t by = idsn - l->idsn, peer_by = peer_idsn - l->peer_idsn;
    assert_int_equal(c->write_seq.v, l->idsn + 1);
    assert_int_equal(c->rcv_nxt.v, l->peer_idsn + 1);
    c->local_idsn.v += by;
    c->snd_una.v += by;
    c->snd_nxt.v += by;
    c->small_end.v += by;
    c->write_seq.v += by;
    c->wnd_edge.v += by;
    c->remote_idsn.v += peer_by;
    c->read_seq.v += peer_by;
    c->rcv_nxt.v += peer_by;
    c->rcv_edge.v += peer_by;
    c->rx_base_dsn.v += peer_by;
    bytebuf_init(&c->sndbuf, c->snd_una.v);
    bytebuf_init(&c->rcvbuf, c->rcv_nxt.v);
    l->idsn = idsn;
    l->peer_idsn = peer_idsn;
}

/* ---- The application --------------------------------------------------------------------------------------------- */

uint8_t mlab_byte(uint64_t pos) { return trace_byte(STACK, pos); }

void mlab_send(struct mlab *l, uint32_t len) {
    uint8_t *buf = malloc(len + 1u);
    assert_non_null(buf);
    for (uint32_t i = 0; i < len; i++)
        buf[i] = trace_byte(STACK, l->written + 1 + i);
    ptrdiff_t n = umptcp_send(l->s, l->sock, buf, len, l->now);
    free(buf);
    if (!refused(l))
        assert_int_equal(n, len);
    l->written += n > 0 ? (uint64_t)n : 0;
    settle(l);
}

void mlab_recv(struct mlab *l, uint32_t len) {
    uint8_t *buf = malloc(len + 1u);
    assert_non_null(buf);
    ptrdiff_t n = umptcp_recv(l->s, l->sock, buf, len + 1u, l->now);
    if (!refused(l))
        assert_int_equal(n, len ? (ptrdiff_t)len : -EAGAIN);
    for (ptrdiff_t i = 0; i < n; i++)
        if (buf[i] != trace_byte(PEER, l->read + 1 + (uint64_t)i))
            fail_msg("received byte %llu is wrong", (unsigned long long)(l->read + 1 + (uint64_t)i));
    l->read += n > 0 ? (uint64_t)n : 0;
    free(buf);
    settle(l);
}

void mlab_recv_end(struct mlab *l) {
    uint8_t byte;
    if (!refused(l))
        assert_int_equal(umptcp_recv(l->s, l->sock, &byte, 1, l->now), 0);
}

void mlab_shutdown(struct mlab *l) {
    int err = umptcp_shutdown(l->s, l->sock, l->now);
    assert_true(err == 0 || refused(l));
    settle(l);
}

void mlab_close(struct mlab *l) {
    int err = umptcp_close(l->s, l->sock, l->now);
    assert_true(err == 0 || refused(l));
    settle(l);
}

void mlab_abort(struct mlab *l) {
    int err = umptcp_abort(l->s, l->sock, l->now);
    assert_true(err == 0 || refused(l));
    settle(l);
}

bool mlab_has_event(const struct mlab *l, enum umptcp_event_type type) {
    for (uint32_t i = 0; i < l->nevents; i++)
        if (l->events[i].type == type)
            return true;
    return false;
}

struct umptcp_event mlab_event(struct mlab *l, enum umptcp_event_type type) {
    struct umptcp_event found = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->nevents; i++) {
        if (l->events[i].type == type)
            found = l->events[i];
        else
            l->events[n++] = l->events[i];
    }
    if (n == l->nevents && !refused(l))
        fail_msg("no event %d", type);
    l->nevents = n;
    return found;
}

void mlab_closed(struct mlab *l, int error) {
    struct umptcp_event ev = mlab_event(l, UMPTCP_EV_CLOSED);
    if (!refused(l))
        assert_int_equal(ev.error, error);
}

struct umptcp_info mlab_info(struct mlab *l) {
    struct umptcp_info info;
    assert_int_equal(umptcp_info(l->s, l->sock, &info), 0);
    return info;
}

struct conn *mlab_conn(struct mlab *l) {
    return list_empty(&l->s->mp.conns) ? NULL : container_of(l->s->mp.conns.next, struct conn, node);
}

struct subflow *mlab_sf(struct mlab *l, int sf) {
    return subflow_find(&l->s->mp, &l->flow[sf].flow);
}
