/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes in the way of further subflows (RFC 8684 6, 3.2, 3.4): between two stacks, in both families. */
#include "boxlab.h"

#include <errno.h>
#include <stdio.h>

#include "io/memory.h"

static struct boxlab l;

/* Two paths, and this on the second. */
static void open_two(const char *box, bool v6) {
    boxlab_open(&l, &(struct boxlab_options){.box = {NULL, box}, .paths = 2, .v6 = v6});
}

/* The subflow of a path, NULL: none. */
static const struct umptcp_subflow_info *on_path(int host, int path) {
    for (int i = 0; i < l.subflows[host]; i++)
        if (l.subflow[host][i].netif == l.w.host[host].netif[path])
            return &l.subflow[host][i];
    return NULL;
}

/* The attempt died, nothing else did, and no connection that nobody wanted is left. */
static void join_failed(void) {
    boxlab_is_mptcp(&l, 1);
    assert_int_equal(umptcp_pending(l.w.host[SERVER].s, l.t.listener), 0);
    assert_int_equal(umptcp_sockets(l.w.host[SERVER].s), 2); /* the listener and the connection */
    assert_int_equal(l.t.subflows_up, 0);
}

static void test_join_stripped_from_syn(void **state) { /* M-MBX-09 */
    (void)state;
    BOXLAB_FAMILIES {
        open_two("strip:option=join,on=syn", v6);
        join_failed();
        assert_int_equal(server_counts(&l, "MPTcpExtMPJoinSynRx"), 0);
        assert_true(client_counts(&l, "TcpOutRsts") > 0);
        boxlab_finish(&l);
    }
}

static void test_join_stripped_from_syn_without_listener(void **state) { /* M-MBX-10 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){
                            .box = {NULL, "strip:option=join,on=syn"}, .paths = 2, .v6 = v6, .alone = true});
        umptcp_close(l.w.host[SERVER].s, l.t.listener, l.w.now);
        boxlab_endpoints(&l);
        boxlab_more(&l, 50000, 50000);
        boxlab_deliver(&l);
        boxlab_is_mptcp(&l, 1);
        assert_true(server_counts(&l, "UmptcpDropTcpNoSocket") > 0);
        assert_int_equal(umptcp_sockets(l.w.host[SERVER].s), 1);
        boxlab_finish(&l);
    }
}

static void test_join_stripped_from_synack(void **state) { /* M-MBX-11 */
    (void)state;
    BOXLAB_FAMILIES {
        open_two("strip:option=join,on=synack", v6);
        join_failed();
        assert_true(server_counts(&l, "MPTcpExtMPJoinSynRx") > 0);
        assert_int_equal(client_counts(&l, "MPTcpExtMPJoinSynAckRx"), 0);
        assert_true(client_counts(&l, "TcpOutRsts") > 0);
        boxlab_finish(&l);
    }
}

static void test_join_stripped_from_third_ack(void **state) { /* M-MBX-12 */
    (void)state;
    BOXLAB_FAMILIES {
        open_two("strip:option=join,dir=fwd,on=nonsyn", v6);
        join_failed();
        assert_true(client_counts(&l, "MPTcpExtMPJoinSynAckRx") > 0);
        assert_int_equal(server_counts(&l, "MPTcpExtMPJoinAckRx"), 0);
        assert_true(server_counts(&l, "TcpOutRsts") > 0);
        boxlab_finish(&l);
    }
}

static void once(struct world_config *cfg) { cfg->host[CLIENT].rejoin = false; }

static void test_join_syn_vanishes(void **state) { /* M-MBX-13 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l,
                    &(struct boxlab_options){.box = {NULL, "drop:on=syn"}, .paths = 2, .v6 = v6, .configure = once});
        boxlab_wait(&l, 600 * S);
        uint64_t syns = boxlab_hits(&l, 1, 0);
        assert_in_range(syns, 2, 10);
        boxlab_more(&l, 50000, 50000);
        boxlab_deliver(&l);
        boxlab_wait(&l, 600 * S);
        join_failed();
        assert_int_equal(boxlab_hits(&l, 1, 0), syns);
        boxlab_finish(&l);
    }
}

/* With `rejoin` it is tried again while data moves, and only then. */
static void test_join_syn_vanishes_again(void **state) { /* M-MBX-13 */
    (void)state;
    BOXLAB_FAMILIES {
        open_two("drop:on=syn", v6);
        boxlab_wait(&l, 600 * S);
        uint64_t syns = boxlab_hits(&l, 1, 0);
        for (int i = 0; i < 5; i++) {
            boxlab_more(&l, 50000, 50000);
            boxlab_deliver(&l);
            boxlab_wait(&l, 600 * S);
            uint64_t now = boxlab_hits(&l, 1, 0);
            assert_in_range(now, syns, syns + 20);
            syns = now;
        }
        boxlab_deliver(&l);
        join_failed();
        boxlab_finish(&l);
    }
}

static void test_dss_stripped_on_a_join(void **state) { /* M-MBX-14 */
    (void)state;
    static const char *const boxes[] = {"strip:option=dss", "strip:option=mptcp,dir=fwd,on=data+ack,after=1",
                                        "strip:option=mptcp,dir=rev,on=nonsyn"};
    BOXLAB_FAMILIES for (int i = 0; i < 3; i++) {
        open_two(boxes[i], v6);
        for (int h = 0; h < 2; h++)
            assert_true(l.info[h].is_mptcp);
        assert_int_equal(l.t.fallbacks, 0);
        assert_true(l.t.subflows_down[CLIENT] > 0);
        assert_true(l.t.reason[CLIENT] == 6 || l.t.reason[SERVER] == 6);
        boxlab_finish(&l);
    }
}

static void test_dss_stripped_later(void **state) { /* M-MBX-15: when both paths are up */
    (void)state;
    static const char *const boxes[] = {"strip:option=dss,after=100", "strip:option=mptcp,dir=fwd,on=nonsyn,after=100",
                                        "strip:option=mptcp,dir=rev,on=nonsyn,after=100"};
    BOXLAB_FAMILIES for (int i = 0; i < 3; i++) for (int path = 0; path < 2; path++) {
        struct boxlab_options o = {.paths = 2, .v6 = v6, .to_server = 500000, .to_client = 500000};
        o.box[path] = boxes[i];
        boxlab_open(&l, &o);
        for (int h = 0; h < 2; h++)
            assert_true(l.info[h].is_mptcp);
        assert_int_equal(l.t.fallbacks, 0);
        assert_true(l.t.subflows_down[CLIENT] > 0);
        boxlab_finish(&l);
    }
}

static const char *nat(char text[80], int path, bool v6, const char *more) {
    snprintf(text, 80, v6 ? "nat:addr=fd00:%d::77%s" : "nat:addr=10.0.%d.77%s", path, more);
    return text;
}

static void test_nat(void **state) { /* M-MBX-17 */
    (void)state;
    char text[2][80];
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){
                            .box = {nat(text[0], 0, v6, ""), nat(text[1], 1, v6, ",port=7000")}, .paths = 2, .v6 = v6});
        boxlab_is_mptcp(&l, 2);
        const struct umptcp_subflow_info *ours = on_path(CLIENT, 1), *theirs = on_path(SERVER, 1);
        assert_true(ours && theirs);
        assert_int_equal(theirs->remote.port, 7000);
        assert_memory_not_equal(&theirs->remote.addr, &ours->local.addr, sizeof ours->local.addr);
        assert_int_equal(theirs->remote_id, ours->local_id); /* the id says whose it is */
        assert_true(theirs->remote_id > 0);
        boxlab_finish(&l);
    }
}

/* It takes the client's packets for strangers' and is answered by RSTs: the subflow dies, and comes again. */
static void test_nat_forgets(void **state) { /* M-MBX-18 */
    (void)state;
    char text[80];
    BOXLAB_FAMILIES for (int path = 0; path < 2; path++) {
        struct boxlab_options o = {.paths = 2, .v6 = v6, .to_server = 2000000, .to_client = 2000000};
        o.box[path] = nat(text, path, v6, ",rebind=40");
        boxlab_open(&l, &o);
        assert_true(l.t.subflows_down[CLIENT] > 0);
        boxlab_more(&l, 500000, 500000);
        boxlab_deliver(&l);
        assert_true(client_counts(&l, "UmptcpRejoins") > 0);
        assert_true(l.t.subflows_up >= 2);
        assert_true(l.info[CLIENT].bytes_reinjected + l.info[SERVER].bytes_reinjected > 0);
        assert_true(l.info[CLIENT].is_mptcp);
        boxlab_finish(&l);
    }
}

static void test_window_scale_stripped(void **state) { /* M-MBX-35 */
    (void)state;
    BOXLAB_FAMILIES for (int synack = 0; synack < 2; synack++) {
        boxlab_open(&l, &(struct boxlab_options){
                            .box = {NULL, synack ? "strip:option=wscale,on=synack" : "strip:option=wscale,on=syn"},
                            .paths = 2,
                            .v6 = v6,
                            .to_server = 1000000,
                            .to_client = 1000000});
        boxlab_is_mptcp(&l, 2);
        for (int h = 0; h < 2; h++) {
            assert_true(on_path(h, 0)->window_scaling);
            assert_true(on_path(h, 0)->snd_wnd > 65535);
            if (synack && h == SERVER)
                continue; /* it cannot know */
            assert_true(synack || on_path(h, 1)->bytes_received > 100000);
            assert_false(on_path(h, 1)->window_scaling);
            assert_true(on_path(h, 1)->snd_wnd <= 65535);
        }
        boxlab_finish(&l);
    }
}

static void test_mss_clamped(void **state) { /* M-MBX-37 */
    (void)state;
    BOXLAB_FAMILIES {
        /* Then the path of the small segments has to carry what the other one had sent and lost. */
        boxlab_open(&l, &(struct boxlab_options){.box = {"drop:after=300", "clamp:size=600"},
                                                 .paths = 2,
                                                 .v6 = v6,
                                                 .to_server = 500000,
                                                 .to_client = 500000});
        for (int h = 0; h < 2; h++) {
            assert_true(l.info[h].is_mptcp);
            assert_int_equal(on_path(h, 1)->mss, 600);
            assert_true(on_path(h, 1)->snd_mss < 600);
        }
        assert_true(l.info[CLIENT].bytes_reinjected + l.info[SERVER].bytes_reinjected > 0);
        boxlab_finish(&l);
    }
}

static void test_firewall(void **state) { /* M-MBX-41 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){
                            .box = {"firewall", "firewall"}, .paths = 2, .v6 = v6, .announce = true, .idle_box = true});
        boxlab_is_mptcp(&l, 2);
        assert_true(on_path(CLIENT, 1)->initiated);
        assert_int_equal(boxlab_hits(&l, 0, 0) + boxlab_hits(&l, 1, 0), 0);
        boxlab_finish(&l);

        /* The server opens one: nothing comes of it. */
        boxlab_open(&l, &(struct boxlab_options){
                            .box = {"firewall", "firewall"}, .paths = 2, .v6 = v6, .alone = true, .idle_box = true});
        struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW, .addr = world_addr(&l.w, SERVER, 1, 0)};
        assert_true(umptcp_endpoint_add(l.w.host[SERVER].s, &ep, l.w.now) > 0);
        boxlab_more(&l, 100000, 100000);
        boxlab_wait(&l, 300 * S);
        boxlab_deliver(&l);
        boxlab_is_mptcp(&l, 1);
        assert_true(boxlab_hits(&l, 1, 0) > 0);
        boxlab_finish(&l);
    }
}

static void test_firewall_forgets(void **state) { /* M-MBX-42 */
    (void)state;
    BOXLAB_FAMILIES for (int keepalive = 0; keepalive < 2; keepalive++) {
        boxlab_open(
            &l, &(struct boxlab_options){.box = {NULL, "firewall:idle=60s"}, .paths = 2, .v6 = v6, .idle_box = true});
        boxlab_is_mptcp(&l, 2);
        if (keepalive) {
            struct umptcp *s = l.w.host[CLIENT].s;
            umptcp_sock sock = l.t.end[CLIENT].sock;
            assert_int_equal(umptcp_setopt(s, sock, UMPTCP_OPT_KEEPIDLE, 30 * S, l.w.now), 0);
            assert_int_equal(umptcp_setopt(s, sock, UMPTCP_OPT_KEEPINTVL, 10 * S, l.w.now), 0);
            assert_int_equal(umptcp_setopt(s, sock, UMPTCP_OPT_KEEPALIVE, 1, l.w.now), 0);
        }
        boxlab_wait(&l, 600 * S);
        for (int i = 0; i < 20; i++) { /* some seconds in which data moves */
            boxlab_more(&l, 200000, 200000);
            boxlab_deliver(&l);
            boxlab_wait(&l, S);
        }
        boxlab_deliver(&l);
        boxlab_is_mptcp(&l, 2);
        assert_int_equal(boxlab_hits(&l, 1, 0) > 0, !keepalive);
        assert_int_equal(client_counts(&l, "UmptcpRejoins") > 0, !keepalive);
        assert_int_equal(l.info[CLIENT].bytes_reinjected + l.info[SERVER].bytes_reinjected > 0, !keepalive);
        boxlab_finish(&l);
    }
}

/* ---- Another server ---------------------------------------------------------------------------------------------- */

static struct umptcp *another;
static struct driver *another_wire;

static bool another_runs(struct world *w) {
    struct umptcp_packet pkt;
    struct umptcp_out out;
    bool any = false;
    for (; driver_recv(another_wire, &pkt, w->now); any = true)
        umptcp_input(another, 1, &pkt, w->now);
    umptcp_tick(another, w->now);
    for (; umptcp_output(another, &out, w->now); any = true)
        driver_send(another_wire, &out, w->now);
    return any;
}

static void another_init(void) {
    struct memory_config mc[2] = {{.name = "balanced", .mtu = 1500}, {.name = "another", .mtu = 1500}};
    struct umptcp_netif_config nc = {"another", 1500, 0};
    struct umptcp_config cfg;
    struct driver *ends[2];
    umptcp_config_init(&cfg);
    cfg.seed[0] = 99;
    assert_int_equal(memory_pair(mc, ends), 0);
    another_wire = ends[1];
    another = umptcp_new(&cfg, l.w.now);
    assert_int_equal(umptcp_netif_add(another, &nc), 1);
    struct umptcp_addr addr = world_addr(&l.w, SERVER, 0, 0).addr, any = {{0}};
    assert_int_equal(umptcp_addr_add(another, 1, &addr, l.w.v6 ? 64 : 24, l.w.now), 0);
    if (!l.w.v6)
        any = (struct umptcp_addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    assert_int_equal(umptcp_route_add(another, &any, 0, 1), 0);
    const struct umptcp_listen listen = {.local.port = TRANSFER_PORT, .backlog = 16};
    umptcp_sock listener;
    assert_int_equal(umptcp_listen(another, &listen, &listener), 0);
    middlebox_set_other(l.w.host[CLIENT].box[1], ends[0]);
    l.w.also = another_runs;
}

static void test_load_balancer(void **state) { /* M-MBX-44 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){.box = {NULL, "balance"}, .paths = 2, .v6 = v6, .alone = true});
        another_init();
        boxlab_endpoints(&l);
        boxlab_more(&l, 100000, 100000);
        boxlab_deliver(&l);
        boxlab_is_mptcp(&l, 1);
        assert_int_equal(umptcp_counter_get(another, "MPTcpExtMPJoinNoTokenFound"), 1);
        assert_int_equal(client_counts(&l, "MPTcpExtMPRstRx"), 1);
        assert_int_equal(l.t.reason[CLIENT], 1);
        boxlab_finish(&l);
        umptcp_free(another);
        driver_close(another_wire);
    }
}

/* A server behind one says so by the C flag, and names an address that is its own alone. */
static void deny(struct world_config *cfg) { cfg->host[SERVER].allow_join_initial_addr_port = false; }

static void test_load_balanced_server_names_its_own_address(void **state) { /* M-MBX-44 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_start(
            &l,
            &(struct boxlab_options){
                .box = {NULL, "balance"}, .paths = 2, .v6 = v6, .alone = true, .configure = deny, .idle_box = true});
        boxlab_endpoints(&l); /* of the client: not used */
        boxlab_deliver(&l);
        boxlab_is_mptcp(&l, 1);
        assert_int_equal(client_counts(&l, "MPTcpExtMPJoinSynTx"), 0);
        struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SIGNAL, .addr = world_addr(&l.w, SERVER, 1, 0)};
        assert_true(umptcp_endpoint_add(l.w.host[SERVER].s, &ep, l.w.now) > 0);
        boxlab_more(&l, 100000, 100000);
        boxlab_deliver(&l);
        boxlab_is_mptcp(&l, 2);
        boxlab_finish(&l);
    }
}

/* ---- Path signals ------------------------------------------------------------------------------------------------ */

static void test_add_addr_altered(void **state) { /* M-MBX-50 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){.box = {"readdress"}, .paths = 2, .v6 = v6, .announce = true});
        boxlab_is_mptcp(&l, 1);
        assert_true(client_counts(&l, "UmptcpDropMpAddrHmac") > 0);
        assert_int_equal(client_counts(&l, "MPTcpExtMPJoinSynTx"), 0);
        assert_int_equal(l.info[CLIENT].addrs_known, 0);
        boxlab_finish(&l);
    }
}

static void test_announcement_stripped(void **state) { /* M-MBX-51 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l,
                    &(struct boxlab_options){.box = {"strip:option=add-addr"}, .paths = 2, .v6 = v6, .announce = true});
        boxlab_wait(&l, 1200 * S);
        uint64_t sent = server_counts(&l, "MPTcpExtAddAddrTx");
        assert_in_range(sent, 2, 8);
        boxlab_wait(&l, 3600 * S);
        assert_int_equal(server_counts(&l, "MPTcpExtAddAddrTx"), sent);
        assert_int_equal(client_counts(&l, "MPTcpExtAddAddr"), 0);
        boxlab_more(&l, 50000, 50000);
        boxlab_deliver(&l);
        boxlab_is_mptcp(&l, 1);
        boxlab_finish(&l);
    }
}

static void test_withdrawal_stripped(void **state) { /* M-MBX-51 */
    (void)state;
    BOXLAB_FAMILIES {
        char chain[] = "strip:option=remove-addr | strip:option=prio";
        boxlab_open(&l, &(struct boxlab_options){.box = {chain, chain}, .paths = 2, .v6 = v6, .idle_box = true});
        boxlab_is_mptcp(&l, 2);
        assert_int_equal(
            umptcp_subflow_set_backup(l.w.host[CLIENT].s, l.t.end[CLIENT].sock, on_path(CLIENT, 1)->id, true, l.w.now),
            0);
        boxlab_more(&l, 100000, 100000);
        boxlab_deliver(&l);
        boxlab_is_mptcp(&l, 2);
        assert_true(boxlab_hits(&l, 0, 1) + boxlab_hits(&l, 1, 1) > 0);
        assert_false(on_path(SERVER, 1)->backup);
        assert_int_equal(umptcp_endpoint_del(l.w.host[CLIENT].s, 1, l.w.now), 0);
        boxlab_more(&l, 100000, 100000);
        boxlab_deliver(&l);
        assert_true(l.info[CLIENT].is_mptcp && l.info[SERVER].is_mptcp);
        assert_int_equal(l.info[SERVER].subflows, 1); /* the FIN said as much */
        assert_true(boxlab_hits(&l, 0, 0) + boxlab_hits(&l, 1, 0) > 0);
        assert_int_equal(server_counts(&l, "MPTcpExtRmAddr"), 0);
        boxlab_finish(&l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_stripped_from_syn),
        cmocka_unit_test(test_join_stripped_from_syn_without_listener),
        cmocka_unit_test(test_join_stripped_from_synack),
        cmocka_unit_test(test_join_stripped_from_third_ack),
        cmocka_unit_test(test_join_syn_vanishes),
        cmocka_unit_test(test_join_syn_vanishes_again),
        cmocka_unit_test(test_dss_stripped_on_a_join),
        cmocka_unit_test(test_dss_stripped_later),
        cmocka_unit_test(test_nat),
        cmocka_unit_test(test_nat_forgets),
        cmocka_unit_test(test_window_scale_stripped),
        cmocka_unit_test(test_mss_clamped),
        cmocka_unit_test(test_firewall),
        cmocka_unit_test(test_firewall_forgets),
        cmocka_unit_test(test_load_balancer),
        cmocka_unit_test(test_load_balanced_server_names_its_own_address),
        cmocka_unit_test(test_add_addr_altered),
        cmocka_unit_test(test_announcement_stripped),
        cmocka_unit_test(test_withdrawal_stripped),
    };
    return cmocka_run_group_tests_name("middlebox_join", tests, NULL, NULL);
}
