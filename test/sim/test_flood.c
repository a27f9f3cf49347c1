/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server under a flood, in virtual time: 1,000,000 SYNs from everywhere, or 100,000 joins, of which some name a
 * connection that lives, or segments for a connection whose numbers nobody told. Real clients come meanwhile, and each
 * gets through; the memory stays within bounds, and when the flood is over nothing is left of it.
 */
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stack/stack.h"
#include "wire/bytes.h"
#include "world.h"

enum { PORT = 80, SYNS = 1000000, FLOOD = 100000, EACH_MS = 50, CLIENTS = 100, SEEDS = 2, BACKLOG = 32 };
enum { MEM_LIMIT = 4 << 20 };
#define MS 1000000ull
#define S  1000000000ull

struct flood {
    struct world w;
    uint64_t rng;
    umptcp_sock listener, client[CLIENTS], server[CLIENTS];
    int clients, connected, accepted, failed;
    uint32_t token; /* of the first connection at the server */
    size_t most;    /* memory that the server held */
};

static void accept_all(struct flood *f) {
    umptcp_sock *sock = &f->server[f->accepted];
    while (f->accepted < CLIENTS && umptcp_accept(f->w.host[SERVER].s, f->listener, sock) == 0)
        sock = &f->server[++f->accepted];
}

static void on_event(struct world *w, int host, const struct umptcp_event *ev) {
    struct flood *f = w->arg;
    f->connected += ev->type == UMPTCP_EV_CONNECTED;
    f->failed += ev->type == UMPTCP_EV_CLOSED && ev->error;
    if (host == SERVER && ev->type == UMPTCP_EV_ACCEPT)
        accept_all(f);
}

static void flood_init(struct flood *f, uint64_t seed, int paths, uint8_t syncookies) {
    const struct umptcp_listen l = {.local.port = PORT, .backlog = BACKLOG};
    struct world_config cfg;
    memset(f, 0, sizeof *f);
    f->rng = seed;
    world_config_init(&cfg, seed, paths);
    cfg.host[SERVER].mem_limit = MEM_LIMIT;
    cfg.host[SERVER].syncookies = syncookies;
    world_init(&f->w, &cfg);
    f->w.on_event = on_event;
    f->w.arg = f;
    int err = umptcp_listen(f->w.host[SERVER].s, &l, &f->listener);
    assert(!err);
    (void)err;
}

static void connect_one(struct flood *f) {
    const struct umptcp_connect c = {.remote = world_addr(&f->w, SERVER, 0, PORT)};
    int err = umptcp_connect(f->w.host[CLIENT].s, &c, &f->client[f->clients++], f->w.now);
    assert(!err);
    (void)err;
}

/* The server gets this segment, whose ends are those of its flow, the sender's first; `payload`: seg->len bytes. */
static void hand_in(struct flood *f, const struct seg *seg, const uint8_t *payload) {
    uint8_t packet[256];
    const struct ip_hdr ip = {
        .proto = IP_PROTO_TCP, .ttl = 64, .src = seg->flow.local.addr, .dst = seg->flow.remote.addr};
    struct writer w = writer_of(packet, sizeof packet);
    ip_build(&w, &ip, TCP_HDR_LEN + tcp_options_len(seg) + seg->len);
    tcp_build(&w, seg);
    put_bytes(&w, payload, seg->len);
    assert(!w.bad);
    const struct umptcp_packet in = {.data = packet, .len = (uint32_t)w.len, .csum_valid = true};
    umptcp_input(f->w.host[SERVER].s, f->w.host[SERVER].netif[0], &in, f->w.now);
}

/* A SYN from anywhere; `join`: with MP_JOIN, one in four with the token of a connection. */
static void forge(struct flood *f, bool join) {
    const struct umptcp_addr from = addr_v4(0x0b000000u + sim_below(&f->rng, 1 << 24));
    struct seg syn = {.flow = {{from, (uint16_t)(1 + sim_below(&f->rng, 65535))}, world_addr(&f->w, SERVER, 0, PORT)},
                      .seq = {(uint32_t)sim_random(&f->rng)},
                      .flags = TCP_SYN,
                      .window = 65535};
    syn.opt.has_mss = true;
    syn.opt.mss = 1460;
    struct mpopt *mp = mpopts_add(&syn.mp, join ? MPJ_SYN : MPC_SYN);
    if (join) {
        mp->mpj.token = sim_below(&f->rng, 4) ? (uint32_t)sim_random(&f->rng) : f->token;
        mp->mpj.nonce = (uint32_t)sim_random(&f->rng);
    } else {
        mp->mpc.version = 1;
        mp->mpc.flags = MPC_HMAC_SHA256;
    }
    hand_in(f, &syn, NULL);
}

/* All of the flood, with as many real clients in it as are asked for. Memory is looked at all the time. */
static const char *run_flood(struct flood *f, bool join, int packets, int clients) {
    const int steps = packets / EACH_MS;
    for (int i = 0; i < steps; i++) {
        for (int k = 0; k < EACH_MS; k++)
            forge(f, join);
        if (i * clients / steps != (i + 1) * clients / steps)
            connect_one(f);
        world_run(&f->w, MS);
        const size_t used = umptcp_mem_used(f->w.host[SERVER].s);
        f->most = used > f->most ? used : f->most;
        const char *why = i % 100 ? NULL : umptcp_check(f->w.host[SERVER].s);
        if (why)
            return why;
    }
    return NULL;
}

static uint64_t count(const struct flood *f, const char *name) { return umptcp_counter_get(f->w.host[SERVER].s, name); }

/* Everybody is there, and talks MPTCP. */
static const char *everybody(struct flood *f, int clients) {
    char byte = 0;
    if (f->clients != clients || f->connected != clients || f->accepted != clients || f->failed)
        return "a real client did not get through";
    for (int i = 0; i < clients; i++)
        umptcp_send(f->w.host[CLIENT].s, f->client[i], "x", 1, f->w.now);
    world_run(&f->w, S);
    for (int i = 0; i < clients; i++) {
        struct umptcp_info info;
        if (umptcp_recv(f->w.host[SERVER].s, f->server[i], &byte, 1, f->w.now) != 1 || byte != 'x')
            return "a byte of a real client did not arrive";
        umptcp_info(f->w.host[SERVER].s, f->server[i], &info);
        if (!info.is_mptcp)
            return "a real client's connection is plain TCP";
    }
    return NULL;
}

static const char *flood_of_syns(uint64_t seed, uint8_t syncookies) {
    static struct flood f;
    const int syns = syncookies == 2 ? FLOOD : SYNS;
    flood_init(&f, seed, 1, syncookies);
    const char *why = run_flood(&f, false, syns, CLIENTS);
    world_run(&f.w, 5 * S);
    why = why ? why : everybody(&f, CLIENTS);
    const uint64_t kept = syncookies == 2 ? 0 : BACKLOG;
    if (!why && f.most > 512 << 10)
        why = "a flood of SYNs takes much memory";
    if (!why && count(&f, "TcpExtSyncookiesSent") < syns - kept)
        why = "a SYN was not answered";
    if (!why && count(&f, "TcpExtSyncookiesRecv") != CLIENTS)
        why = "a cookie did not come back, or a wrong one was taken";
    world_run(&f.w, 200 * S);
    if (!why && umptcp_sockets(f.w.host[SERVER].s) != 1 + CLIENTS)
        why = "something is left of the flood";
    world_free(&f.w);
    return why;
}

/* A third of them are of a connection that lives, whose client opens a path meanwhile. */
static const char *flood_of_joins(uint64_t seed, uint8_t syncookies) {
    static struct flood f;
    struct umptcp_info info;
    flood_init(&f, seed, 2, syncookies);
    umptcp_limits_set(f.w.host[CLIENT].s, 2, 0);
    umptcp_limits_set(f.w.host[SERVER].s, 2, 0);
    connect_one(&f);
    world_run(&f.w, S);
    const char *why = everybody(&f, 1);
    umptcp_info(f.w.host[SERVER].s, f.server[0], &info);
    f.token = info.token_local;
    const size_t before = umptcp_mem_used(f.w.host[SERVER].s);
    struct umptcp_endpoint ep = {.addr = world_addr(&f.w, CLIENT, 1, 0), .flags = UMPTCP_EP_SUBFLOW};
    for (int k = 0; k < 1000; k++) /* the flood is there first */
        forge(&f, true);
    umptcp_endpoint_add(f.w.host[CLIENT].s, &ep, f.w.now);
    why = why ? why : run_flood(&f, true, FLOOD, 0);
    world_run(&f.w, 5 * S);
    if (!why &&
        umptcp_subflows(f.w.host[SERVER].s, f.server[0], NULL, 0) != (syncookies == 2 ? 2 : 2 + HALF_OPEN_JOINS_MAX))
        why = "the real join did not get through, or others did";
    if (!why && f.most > before + (64 << 10))
        why = "a flood of joins takes much memory";
    if (!why && count(&f, "MPTcpExtMPJoinAckRx") != 1)
        why = "not exactly one join proved itself";
    world_run(&f.w, 200 * S);
    if (!why && umptcp_subflows(f.w.host[SERVER].s, f.server[0], NULL, 0) != 2)
        why = "something is left of the flood";
    if (!why && count(&f, "MPTcpExtMPJoinNoTokenFound") < FLOOD / 2)
        why = "unknown tokens were not refused";
    world_free(&f.w);
    return why;
}

/* ---- Blind segments ---------------------------------------------------------------------------------------------- */

static void forge_option(struct flood *f, struct seg *seg) {
    static const enum mp_type types[] = {MP_DSS,       MP_ADD_ADDR, MP_REMOVE_ADDR, MP_PRIO, MP_FAIL,
                                         MP_FASTCLOSE, MP_TCPRST,   MPC_ACK,        MPJ_ACK};
    struct mpopt *o = mpopts_add(&seg->mp, types[sim_below(&f->rng, sizeof types / sizeof *types)]);
    switch (o->type) {
    case MP_DSS:
        o->dss.has_ack = o->dss.ack64 = o->dss.has_map = o->dss.dsn64 = true;
        o->dss.ack = sim_random(&f->rng);
        o->dss.dsn = sim_random(&f->rng);
        o->dss.ssn = (uint32_t)sim_random(&f->rng);
        o->dss.len = (uint16_t)sim_below(&f->rng, 1000);
        o->dss.data_fin = sim_below(&f->rng, 2);
        break;
    case MP_ADD_ADDR:
        o->add_addr.addr_id = (uint8_t)sim_below(&f->rng, 4);
        o->add_addr.addr = addr_v4((uint32_t)sim_random(&f->rng));
        o->add_addr.hmac = sim_random(&f->rng);
        break;
    case MP_REMOVE_ADDR:
        o->remove.n = 1;
        break;
    case MP_FASTCLOSE:
        o->fastclose.key = sim_random(&f->rng);
        break;
    default:
        break;
    }
}

/* To the ends of the connection, with a number that is not in the window of 6 MB, which is the most that there can be.
 */
static void forge_blind(struct flood *f, const struct subflow *sf, bool bare) {
    static const uint8_t flags[] = {
        TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN, TCP_RST, TCP_RST | TCP_ACK, TCP_SYN, TCP_SYN | TCP_ACK, 0,
        TCP_FIN};
    static const uint8_t payload[64];
    const struct flow *flow = &sf->flow;
    const uint32_t far = (8u << 20) + sim_below(&f->rng, UINT32_MAX - (16u << 20));
    struct seg seg = {.flow = {flow->remote, flow->local},
                      .seq = {seq_of(sf->tcb.irs, sf->tcb.rcv_nxt).v + far},
                      .ack = {(uint32_t)sim_random(&f->rng)},
                      .flags = flags[sim_below(&f->rng, sizeof flags)],
                      .window = (uint16_t)sim_random(&f->rng),
                      .len = bare || sim_below(&f->rng, 2) ? 0 : sizeof payload};
    if (bare)
        seg.flags &= (uint8_t)~TCP_FIN;
    seg.opt.has_ts = sim_below(&f->rng, 2);
    seg.opt.tsval = (uint32_t)sim_random(&f->rng);
    forge_option(f, &seg);
    hand_in(f, &seg, payload);
}

/*
 * Who knows the ends of a connection, and nothing else, changes nothing in it
 * and makes it say little, whatever options come with it.
 */
static const char *flood_of_blind(uint64_t seed, bool bare) {
    static struct flood f;
    flood_init(&f, seed, 1, 1);
    connect_one(&f);
    world_run(&f.w, S);
    const char *why = everybody(&f, 1);
    struct umptcp *s = f.w.host[SERVER].s;
    const struct conn *c = container_of(list_first(&s->mp.conns), struct conn, node);
    const struct dsn rcv_nxt = c->rcv_nxt, snd_una = c->snd_una;
    const uint64_t said = count(&f, "TcpOutSegs");
    const size_t before = umptcp_mem_used(s);
    for (int i = 0; i < FLOOD / EACH_MS && !why; i++) {
        for (int k = 0; k < EACH_MS; k++)
            forge_blind(&f, conn_first(c), bare);
        world_run(&f.w, MS);
        f.most = umptcp_mem_used(s) > f.most ? umptcp_mem_used(s) : f.most;
        why = i % 100 ? NULL : umptcp_check(s);
    }
    const uint64_t answers = count(&f, "TcpOutSegs") - said;
    if (!why && (c->state != UMPTCP_ESTABLISHED || c->mode != MP_FULL || !dsn_eq(c->rcv_nxt, rcv_nxt) ||
                 !dsn_eq(c->snd_una, snd_una) || c->paths->nremotes || conn_first(c)->remote_backup))
        why = "a blind segment changed the connection";
    /* One in half a second; payload is acknowledged each time, as it may be a copy, but once for all that came
     * together. */
    if (!why && answers > 2u + FLOOD / EACH_MS / (bare ? 500 : 1))
        why = "blind segments are answered without end";
    if (!why && f.most > before + 4096)
        why = "blind segments take memory";
    why = why ? why : everybody(&f, 1);
    world_free(&f.w);
    return why;
}

/* ---- All right but the number ------------------------------------------------------------------------------------ */

/*
 * Who sees a connection's acknowledgments, window and timestamps, but not its sequence number: RST and SYN with any
 * number but the one expected next, and data beyond the window or before it, do nothing (RFC 5961 3-5).
 */
static void forge_near(struct flood *f, const struct subflow *sf) {
    static const uint8_t flags[] = {TCP_RST, TCP_RST | TCP_ACK, TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK | TCP_PSH};
    static const uint8_t payload[64] = "forged";
    const struct tcb *t = &sf->tcb;
    const struct flow *flow = &sf->flow;
    const uint32_t conn_wnd =
        (uint32_t)conn_window_max(sf->conn, t->rcv_wscale); /* the subflow may not have told it yet */
    const uint32_t told = (uint32_t)ssn_sub(t->rcv_edge, t->rcv_nxt), wnd = told > conn_wnd ? told : conn_wnd;
    const uint8_t flag = flags[sim_below(&f->rng, sizeof flags)];
    const bool data = flag & TCP_PSH;
    uint32_t off = 1 + sim_below(&f->rng, wnd); /* within the window, or right behind it */
    if (data)
        off = sim_below(&f->rng, 2) ? wnd + 1 + sim_below(&f->rng, 1000) : 0u - 65 - sim_below(&f->rng, 1000);
    struct seg seg = {.flow = {flow->remote, flow->local},
                      .seq = {seq_of(t->irs, t->rcv_nxt).v + off},
                      .ack = seq_of(t->isn, t->snd_una),
                      .flags = flag,
                      .window = (uint16_t)(t->snd_wnd >> t->snd_wscale),
                      .len = data ? sizeof payload : 0};
    seg.opt.has_ts = t->ts_ok;
    seg.opt.tsval = t->ts_recent;
    seg.opt.tsecr = (uint32_t)(f->w.now.ns / MS) + t->ts_offset;
    hand_in(f, &seg, payload);
}

static const char *flood_of_near(uint64_t seed, bool tcp_only) {
    static struct flood f;
    flood_init(&f, seed, 1, 1);
    f.w.host[SERVER].s->env.cfg.mptcp_enabled = !tcp_only;
    connect_one(&f);
    world_run(&f.w, S);
    struct umptcp *s = f.w.host[SERVER].s;
    const struct conn *c = container_of(list_first(&s->mp.conns), struct conn, node);
    const char *why = c->state == UMPTCP_ESTABLISHED && f.accepted == 1 ? NULL : "no connection";
    char byte;
    for (int i = 0; i < FLOOD / EACH_MS / 4 && !why; i++) {
        for (int k = 0; k < EACH_MS; k++)
            forge_near(&f, conn_first(c));
        world_run(&f.w, MS);
        if (i % 100 == 0) { /* it goes on meanwhile */
            umptcp_send(f.w.host[CLIENT].s, f.client[0], "x", 1, f.w.now);
            world_run(&f.w, 100 * MS);
            if (umptcp_recv(s, f.server[0], &byte, 1, f.w.now) != 1 || byte != 'x')
                why = "a byte did not arrive";
            why = why ? why : umptcp_check(s);
        }
    }
    if (!why &&
        (c->state != UMPTCP_ESTABLISHED || umptcp_recv(s, f.server[0], &byte, 1, f.w.now) != -EAGAIN || f.failed))
        why = "a forged segment had an effect";
    world_free(&f.w);
    return why;
}

static const char *run_near(uint64_t seed) {
    const char *why = flood_of_near(seed, false);
    return why ? why : flood_of_near(seed, true);
}

/* Half of the seeds with cookies under pressure, half with nothing else. */
static const char *run_syns(uint64_t seed) { return flood_of_syns(seed, 1 + seed % 2); }
static const char *run_joins(uint64_t seed) { return flood_of_joins(seed, 1 + seed % 2); }

static const char *run_blind(uint64_t seed) {
    const char *why = flood_of_blind(seed, true);
    return why ? why : flood_of_blind(seed, false);
}

static void test_syns(void **state) { /* T-SYN-08, T-SYN-09, M-SEM-15 */
    (void)state;
    assert_int_equal(sim_main("floods of SYNs", SEEDS, run_syns), 0);
}

static void test_joins(void **state) { /* M-JON-13, M-JON-35, M-THR-02 */
    (void)state;
    assert_int_equal(sim_main("floods of joins", SEEDS, run_joins), 0);
}

static void test_blind(void **state) { /* T-CHA-01, T-CHA-02, T-CHA-04, M-SEM-15 */
    (void)state;
    assert_int_equal(sim_main("floods of blind segments", SEEDS, run_blind), 0);
}

static void test_near(void **state) { /* T-CHA-01, T-CHA-02, T-CHA-04, T-FSM-11 */
    (void)state;
    assert_int_equal(sim_main("floods of segments with a wrong number", SEEDS, run_near), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syns),
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_blind),
        cmocka_unit_test(test_near),
    };
    return cmocka_run_group_tests_name("flood", tests, NULL, NULL);
}
