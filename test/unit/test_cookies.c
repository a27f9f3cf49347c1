/* SPDX-License-Identifier: BSD-3-Clause */
/* Handshakes without state: what a cookie holds, how long it counts, and the connections that come of it. */
#include "stack/stack.h"
#include "teststack.h"
#include "wire/mpcrypto.h"

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

struct numbers {
    struct env env;
    struct cookies cookies;
};

static void numbers_init(struct numbers *n) {
    static const uint8_t seed[32] = {5};
    memset(n, 0, sizeof *n);
    n->env.now = (utime){SEC(1000000)};
    rng_init(&n->env.rng, seed);
    cookies_init(&n->cookies, &n->env);
}

static struct seg syn_from(const char *addr, uint16_t port, uint16_t mss) {
    struct seg syn = {.flow = {{test_addr("10.0.1.2"), 80}, {test_addr(addr), port}}, .flags = TCP_SYN, .seq = {77}};
    syn.opt.has_mss = mss;
    syn.opt.mss = mss;
    return syn;
}

static struct seg ack_of(const struct seg *syn, const struct cookie *c) {
    struct seg ack = {.flow = syn->flow, .flags = TCP_ACK, .seq = {syn->seq.v + 1}, .ack = {c->isn.v + 1}};
    return ack;
}

static void test_what_a_cookie_holds(void **state) { /* T-SYN-09 */
    static const struct {
        uint16_t said, kept;
    } mss[] = {{0, 536},     {1, 88},      {536, 536},   {1219, 536},  {1220, 1220}, {1399, 1300},
               {1400, 1400}, {1452, 1440}, {1460, 1460}, {8939, 1460}, {8960, 8940}, {65535, 8940}};
    struct numbers n;
    struct cookie back;
    (void)state;
    numbers_init(&n);
    for (size_t i = 0; i < sizeof mss / sizeof *mss; i++)
        for (enum cookie_kind kind = COOKIE_TCP; kind < COOKIE_KINDS; kind++) {
            const struct seg syn = syn_from("192.0.2.1", (uint16_t)(1000 + i), mss[i].said);
            const struct cookie c = cookie_of_syn(&n.cookies, &syn, kind);
            const struct seg ack = ack_of(&syn, &c);
            assert_true(cookie_of_ack(&n.cookies, &ack, &back));
            assert_int_equal(back.mss, mss[i].kept);
            assert_int_equal(back.kind, kind);
            assert_int_equal(back.irs.v, 77);
            assert_int_equal(back.isn.v, c.isn.v);
        }
    const struct seg v6 = syn_from("2001:db8::1", 1, 0);
    assert_int_equal(cookie_of_syn(&n.cookies, &v6, COOKIE_TCP).mss, 1220);
}

static void test_a_cookie_is_of_one_handshake(void **state) { /* T-SYN-09 */
    const struct seg syn = syn_from("192.0.2.1", 1000, 1460);
    struct numbers n;
    struct cookie back;
    uint32_t guessed = 0;
    (void)state;
    numbers_init(&n);
    const struct cookie c = cookie_of_syn(&n.cookies, &syn, COOKIE_CAPABLE);
    const struct seg good = ack_of(&syn, &c);
    struct seg other[4] = {good, good, good, good};
    other[0].flow.remote.port++;
    other[1].flow.local.port++;
    other[2].flow.remote.addr.b[15]++;
    other[3].seq.v++;
    for (int i = 0; i < 4; i++)
        assert_false(cookie_of_ack(&n.cookies, &other[i], &back));
    /* Of numbers taken at random nearly none is one. */
    struct seg guess = good;
    for (uint32_t i = 0; i < 1000000; i++) {
        guess.ack.v = good.ack.v + 100 + i * 4099;
        guessed += cookie_of_ack(&n.cookies, &guess, &back);
    }
    assert_true(guessed < 5);
}

static void test_a_cookie_grows_old(void **state) { /* T-SYN-09 */
    const struct seg syn = syn_from("192.0.2.1", 1000, 1460);
    struct numbers n;
    struct cookie back;
    (void)state;
    numbers_init(&n);
    for (int i = 0; i < 200; i++) { /* at each second of the minute, and through changes of the hour */
        const struct cookie c = cookie_of_syn(&n.cookies, &syn, COOKIE_CAPABLE);
        const struct seg ack = ack_of(&syn, &c);
        const utime made = n.env.now;
        n.env.now = time_add(made, SEC(120));
        assert_true(cookie_of_ack(&n.cookies, &ack, &back));
        assert_int_equal(back.minute, c.minute);
        n.env.now = time_add(made, COOKIE_LIFE);
        assert_false(cookie_of_ack(&n.cookies, &ack, &back));
        n.env.now = time_add(made, SEC(3661));
    }
}

static void test_secrets_are_renewed(void **state) { /* M-KEY-01: who learned a secret has it for two hours */
    const struct seg syn = syn_from("192.0.2.1", 1000, 1460);
    struct numbers n;
    uint8_t kept[COOKIE_SECRET_LEN];
    (void)state;
    numbers_init(&n);
    const struct cookie first = cookie_of_syn(&n.cookies, &syn, COOKIE_CAPABLE);
    memcpy(kept, cookie_secret(&n.cookies, &first), sizeof kept);
    n.env.now = time_add(n.env.now, SEC(3600));
    const struct cookie second = cookie_of_syn(&n.cookies, &syn, COOKIE_CAPABLE);
    assert_memory_equal(cookie_secret(&n.cookies, &first), kept, sizeof kept);
    assert_memory_not_equal(cookie_secret(&n.cookies, &second), kept, sizeof kept);
    n.env.now = time_add(n.env.now, SEC(3600));
    cookie_of_syn(&n.cookies, &syn, COOKIE_CAPABLE);
    assert_memory_not_equal(cookie_secret(&n.cookies, &first), kept, sizeof kept);
    for (int i = 0; i < 2; i++) { /* after long silence, too, neither is an old one */
        memcpy(kept, n.cookies.secrets[i].other, sizeof kept);
        n.env.now = time_add(n.env.now, SEC(100000));
        cookie_of_syn(&n.cookies, &syn, COOKIE_CAPABLE);
        assert_memory_not_equal(n.cookies.secrets[0].other, kept, sizeof kept);
        assert_memory_not_equal(n.cookies.secrets[1].other, kept, sizeof kept);
    }
}

/* ---- A server that is played with by hand ------------------------------------------------------------------------ */

static struct umptcp_config always(struct testmem *mem) {
    struct umptcp_config cfg = test_config(mem);
    cfg.syncookies = 2;
    return cfg;
}

static void world_always(struct test_world *w, int links) {
    const struct umptcp_config cfg = always(&w->mem[SERVER]);
    test_world_init(w, links, NULL, &cfg);
}

static void give(struct test_world *w, const struct seg *seg) {
    const struct ip_hdr ip = {.proto = IP_PROTO_TCP,
                              .ttl = 64,
                              .v6 = !addr_is_v4(&seg->flow.remote.addr),
                              .src = seg->flow.remote.addr,
                              .dst = seg->flow.local.addr};
    struct seg out = *seg;
    out.flow = (struct flow){seg->flow.remote, seg->flow.local};
    uint32_t len;
    uint8_t *pkt = test_segment(ip, &out, &len);
    const struct umptcp_packet in = {.data = pkt, .len = len};
    umptcp_input(w->host[SERVER], 1, &in, w->now);
    free(pkt);
}

/* The server's next segment; false when there is none. */
static bool take(struct test_world *w, struct seg *seg) {
    static uint8_t packet[65536];
    struct umptcp_out out;
    struct ip_hdr ip;
    uint32_t len = test_take(w->host[SERVER], &out, packet, w->now);
    if (!len)
        return false;
    assert_int_equal(ip_parse(packet, len, false, &ip), DROP_NONE);
    assert_int_equal(tcp_parse(&ip, false, 0, seg), DROP_NONE);
    return true;
}

static uint64_t count(const struct test_world *w, const char *name) {
    return umptcp_counter_get(w->host[SERVER], name);
}

static void add_mpc_syn(struct seg *syn) {
    struct mpopt *mpc = mpopts_add(&syn->mp, MPC_SYN);
    mpc->mpc.version = 1;
    mpc->mpc.flags = MPC_HMAC_SHA256;
}

static void add_mpc_ack(struct seg *ack, uint64_t own, uint64_t peer) {
    struct mpopt *mpc = mpopts_add(&ack->mp, MPC_ACK);
    mpc->mpc.version = 1;
    mpc->mpc.flags = MPC_HMAC_SHA256;
    mpc->mpc.sender_key = own;
    mpc->mpc.receiver_key = peer;
}

static struct seg answer_of(struct test_world *w, const struct seg *syn) {
    struct seg synack;
    give(w, syn);
    assert_true(take(w, &synack));
    assert_int_equal(synack.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(synack.ack.v, syn->seq.v + 1);
    return synack;
}

static void accept_as(struct test_world *w, umptcp_sock l, bool mptcp) {
    umptcp_sock a;
    assert_int_equal(umptcp_accept(w->host[SERVER], l, &a), 0);
    assert_int_equal(test_info(w, SERVER, a).is_mptcp, mptcp);
    test_check(w);
    umptcp_abort(w->host[SERVER], a, w->now);
}

static void test_no_state(void **state) { /* M-KEY-06, T-SYN-09 */
    struct test_world w;
    (void)state;
    world_always(&w, 1);
    umptcp_sock l = test_listen(&w, 80, 2);
    struct seg syn = syn_from("10.0.1.1", 1000, 1460), got;
    add_mpc_syn(&syn);
    const struct seg first = answer_of(&w, &syn);
    assert_false(take(&w, &got));
    const size_t idle = umptcp_mem_used(w.host[SERVER]);
    for (uint16_t i = 1; i < 1000; i++) {
        struct seg other = syn_from("10.0.1.1", (uint16_t)(1000 + i), 1460);
        add_mpc_syn(&other);
        answer_of(&w, &other);
        assert_false(take(&w, &got));
    }
    assert_int_equal(umptcp_mem_used(w.host[SERVER]), idle);
    assert_int_equal(umptcp_sockets(w.host[SERVER]), 1);
    assert_true(time_is_never(umptcp_next(w.host[SERVER])));
    assert_int_equal(count(&w, "TcpExtSyncookiesSent"), 1000);
    assert_int_equal(count(&w, "TcpExtTCPReqQFullDoCookies"), 1000);
    assert_int_equal(count(&w, "MPTcpExtMPCapableSYNRX"), 1000);

    struct seg ack = {.flow = syn.flow, .flags = TCP_ACK, .window = 5000, .seq = first.ack};
    ack.ack.v = first.seq.v + 1;
    add_mpc_ack(&ack, 99, mpopts_find(&first.mp, MPC_SYNACK)->mpc.sender_key);
    give(&w, &ack);
    assert_int_equal(count(&w, "TcpExtSyncookiesRecv"), 1);
    assert_int_equal(count(&w, "MPTcpExtMPCapableSYNRX"), 1000);
    assert_int_equal(count(&w, "TcpPassiveOpens"), 1);
    accept_as(&w, l, true);
    assert_int_equal(count(&w, "MPTcpExtMPCapableACKRX"), 1);
    assert_true(take(&w, &got)); /* the RST of the end */

    ack.ack.v += 1000;
    give(&w, &ack);
    assert_true(take(&w, &got));
    assert_int_equal(got.flags, TCP_RST);
    assert_int_equal(got.seq.v, ack.ack.v);
    assert_int_equal(count(&w, "TcpExtSyncookiesFailed"), 1);
    test_world_free(&w);
}

/* T-TSP-15: an echo that the SYN/ACK did not have makes no connection, and leaves nothing behind */
static void test_an_echo_of_nothing(void **state) {
    struct test_world w;
    umptcp_sock a;
    (void)state;
    world_always(&w, 1);
    umptcp_sock l = test_listen(&w, 80, 2);
    struct seg syn = syn_from("10.0.1.1", 1000, 1460), got;
    syn.opt.has_ts = true;
    syn.opt.tsval = 5;
    const struct seg synack = answer_of(&w, &syn);
    assert_true(synack.opt.has_ts);
    const size_t idle = umptcp_mem_used(w.host[SERVER]);
    struct seg ack = {.flow = syn.flow, .flags = TCP_ACK, .window = 5000, .seq = synack.ack};
    ack.ack.v = synack.seq.v + 1;
    ack.opt.has_ts = true;
    ack.opt.tsval = 6;
    w.now = time_add(w.now, SEC(1));
    static const int32_t wrong[] = {1001 + 63, 1000000, INT32_MAX, -60100, -1000000};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ack.opt.tsecr = synack.opt.tsval + (uint32_t)wrong[i];
        give(&w, &ack);
        assert_true(take(&w, &got));
        assert_int_equal(got.flags, TCP_RST);
        assert_int_equal(count(&w, "TcpExtSyncookiesFailed"), i + 1);
        assert_true(umptcp_mem_used(w.host[SERVER]) <= idle);
        assert_true(time_is_never(umptcp_next(w.host[SERVER])));
        assert_int_equal(umptcp_accept(w.host[SERVER], l, &a), -EAGAIN);
    }
    ack.opt.tsecr = synack.opt.tsval;
    give(&w, &ack);
    accept_as(&w, l, false);
    test_world_free(&w);
}

/*
 * Keys whose token is taken are passed over in the SYN/ACK, in one order, and any of them is known again: M-KEY-03.
 * When none is left, there is no MP_CAPABLE: M-KEY-05. A token that was taken since makes it plain TCP: M-KEY-04.
 */
static void test_tokens_are_unique(void **state) {
    struct test_world w;
    struct token_node taken[TOKEN_TRIES] = {{.registered = false}};
    struct seg synack[TOKEN_TRIES + 1];
    struct dsn idsn;
    (void)state;
    world_always(&w, 1);
    struct umptcp *s = w.host[SERVER];
    umptcp_sock l = test_listen(&w, 80, 2);
    struct seg syn = syn_from("10.0.1.1", 1000, 1460);
    add_mpc_syn(&syn);
    for (int i = 0; i < TOKEN_TRIES; i++) {
        synack[i] = answer_of(&w, &syn);
        const struct mpopt *mpc = mpopts_find(&synack[i].mp, MPC_SYNACK);
        assert_non_null(mpc);
        for (int k = 0; k < i; k++)
            assert_true(mpc->mpc.sender_key != mpopts_find(&synack[k].mp, MPC_SYNACK)->mpc.sender_key);
        assert_int_equal(synack[i].seq.v, synack[0].seq.v);
        assert_int_equal(token_take_key(&s->mp.tokens, &s->env, &taken[i], mpc->mpc.sender_key, &idsn), 0);
    }
    synack[TOKEN_TRIES] = answer_of(&w, &syn);
    assert_int_equal(synack[TOKEN_TRIES].mp.n, 0);
    assert_int_equal(count(&w, "MPTcpExtMPFallbackTokenInit"), 1);

    for (int i = 0; i < TOKEN_TRIES; i++) {
        for (int again = 0; again < 2; again++) { /* taken, then free */
            struct seg ack = {.flow = syn.flow, .flags = TCP_ACK, .window = 5000, .seq = synack[i].ack}, got;
            ack.ack.v = synack[i].seq.v + 1;
            add_mpc_ack(&ack, 99, mpopts_find(&synack[i].mp, MPC_SYNACK)->mpc.sender_key);
            give(&w, &ack);
            accept_as(&w, l, again);
            token_release(&s->mp.tokens, &taken[i]);
            while (take(&w, &got))
                assert_true(got.flags & TCP_RST);
        }
    }
    assert_int_equal(count(&w, "MPTcpExtMPFallbackTokenInit"), 1 + TOKEN_TRIES);
    struct seg plain = {.flow = syn.flow, .flags = TCP_ACK, .window = 5000, .seq = synack[TOKEN_TRIES].ack};
    plain.ack.v = synack[TOKEN_TRIES].seq.v + 1;
    give(&w, &plain);
    accept_as(&w, l, false);
    assert_int_equal(count(&w, "MPTcpExtMPCapableFallbackACK"), 0); /* it was not asked for */
    test_world_free(&w);
}

static void test_listener_forgets_its_cookies(void **state) { /* T-SYN-09, T-SYN-11 */
    struct test_world w;
    (void)state;
    world_always(&w, 1);
    struct umptcp *s = w.host[SERVER];
    umptcp_sock l = test_listen(&w, 80, 2), a;
    const struct seg syn = syn_from("10.0.1.1", 1000, 1460);
    const struct seg synack = answer_of(&w, &syn);
    struct seg ack = {.flow = syn.flow, .flags = TCP_ACK, .window = 5000, .seq = synack.ack}, got;
    ack.ack.v = synack.seq.v + 1;
    w.now = time_add(w.now, SEC(200));
    give(&w, &ack);
    assert_true(take(&w, &got));
    assert_true(got.flags & TCP_RST);
    assert_int_equal(count(&w, "TcpExtSyncookiesFailed"), 0); /* not even looked at */
    assert_int_equal(umptcp_accept(s, l, &a), -EAGAIN);
    test_world_free(&w);
}

/* ---- Two stacks -------------------------------------------------------------------------------------------------- */

static void test_transfer_over_a_cookie(void **state) { /* T-X4, T-SYN-10 */
    (void)state;
    for (int csum = 0; csum < 2; csum++)
        for (int ts = 0; ts < 2; ts++) {
            struct test_world w;
            umptcp_sock pair[HOSTS];
            struct umptcp_config client = test_config(&w.mem[CLIENT]), server = always(&w.mem[SERVER]);
            client.checksum_enabled = csum;
            client.timestamps = ts;
            client.allow_join_initial_addr_port = false;
            test_world_init(&w, 1, &client, &server);
            umptcp_sock l = test_pair(&w, pair);
            test_transfer(&w, pair, CLIENT, 300000, SEC(20));
            test_transfer(&w, pair, SERVER, 300000, SEC(20));
            const struct umptcp_info info = test_info(&w, SERVER, pair[SERVER]);
            assert_true(info.is_mptcp);
            assert_int_equal(info.csum_enabled, csum);
            const struct conn *c = container_of(list_first(&w.host[SERVER]->mp.conns), struct conn, node);
            assert_true(c->deny_join0_remote);
            assert_int_equal(conn_first(c)->tcb.wscale_ok, ts);
            assert_int_equal(conn_first(c)->tcb.sack_ok, ts);
            assert_int_equal(count(&w, "TcpExtSyncookiesRecv"), 1);
            umptcp_close(w.host[SERVER], l, w.now);
            test_world_free(&w);
        }
}

static void test_options_of_the_listener(void **state) { /* T-SYS-20 */
    struct test_world w;
    (void)state;
    world_always(&w, 1);
    umptcp_sock l = test_listen(&w, 80, 2), a;
    assert_int_equal(umptcp_setopt(w.host[SERVER], l, UMPTCP_OPT_RCVBUF, 30000, w.now), 0);
    assert_int_equal(umptcp_setopt(w.host[SERVER], l, UMPTCP_OPT_MAXSEG, 1000, w.now), 0);
    struct seg syn = syn_from("10.0.1.1", 1000, 1460);
    syn.opt.has_ts = syn.opt.has_wscale = true;
    const struct seg synack = answer_of(&w, &syn);
    assert_int_equal(synack.window, 30000);
    assert_int_equal(synack.opt.mss, 1000);
    assert_int_equal(synack.opt.wscale, 0);
    struct seg ack = {.flow = syn.flow, .flags = TCP_ACK, .window = 5000, .seq = synack.ack};
    ack.ack.v = synack.seq.v + 1;
    ack.opt.has_ts = true;
    ack.opt.tsecr = synack.opt.tsval;
    give(&w, &ack);
    assert_int_equal(umptcp_accept(w.host[SERVER], l, &a), 0);
    int64_t v;
    assert_int_equal(umptcp_getopt(w.host[SERVER], a, UMPTCP_OPT_RCVBUF, &v), 0);
    assert_int_equal(v, 30000);
    test_world_free(&w);
}

/* Whatever allocation fails: the client tries again, and gets through. */
static void test_no_memory(void **state) {
    (void)state;
    struct test_world w;
    world_always(&w, 1);
    struct testmem *tm = &w.mem[SERVER];
    umptcp_sock l = test_listen(&w, 80, 100), a;
    TESTMEM_EACH_FAILURE(tm) {
        umptcp_sock c = test_connect(&w, "10.0.1.2", 80);
        test_await(&w, CLIENT, c, UMPTCP_EV_CONNECTED, SEC(10));
        umptcp_send(w.host[CLIENT], c, "x", 1, w.now);
        test_run(&w, SEC(3));
        assert_int_equal(umptcp_accept(w.host[SERVER], l, &a), 0);
        umptcp_abort(w.host[CLIENT], c, w.now);
        umptcp_abort(w.host[SERVER], a, w.now);
        test_run(&w, SEC(1));
        assert_int_equal(umptcp_sockets(w.host[SERVER]), 1);
    }
    test_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_cookie_holds),
        cmocka_unit_test(test_a_cookie_is_of_one_handshake),
        cmocka_unit_test(test_a_cookie_grows_old),
        cmocka_unit_test(test_secrets_are_renewed),
        cmocka_unit_test(test_no_state),
        cmocka_unit_test(test_an_echo_of_nothing),
        cmocka_unit_test(test_tokens_are_unique),
        cmocka_unit_test(test_listener_forgets_its_cookies),
        cmocka_unit_test(test_transfer_over_a_cookie),
        cmocka_unit_test(test_options_of_the_listener),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
