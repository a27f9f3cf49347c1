/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes and attackers that forge, lose or count what ends and guides subflows (RFC 8684 6): between two stacks.
 */
#include "boxlab.h"

#include <stdio.h>

static struct boxlab l;

static uint64_t both_count(const char *counter) { return client_counts(&l, counter) + server_counts(&l, counter); }

static void open_two(const char *box, bool v6) {
    boxlab_open(&l, &(struct boxlab_options){
                        .box = {NULL, box}, .paths = 2, .v6 = v6, .to_server = 400000, .to_client = 400000});
}

static void test_reset_injected(void **state) { /* M-MBX-43 */
    (void)state;
    static const char *const boxes[] = {
        "rst:seq=window,dir=fwd,after=5,count=3", "rst:seq=outside,dir=fwd,after=5,count=3",
        "rst:seq=window,dir=rev,after=5,count=3", "rst:seq=exact,dir=fwd,after=5,count=1",
        "rst:seq=exact,dir=rev,after=5,count=1"};
    BOXLAB_FAMILIES for (int i = 0; i < 5; i++) {
        open_two(boxes[i], v6);
        bool exact = i >= 3;
        assert_int_equal(l.t.subflows_down[CLIENT] > 0, exact);
        assert_int_equal(l.t.subflows_down[SERVER] > 0, exact);
        assert_true(l.info[CLIENT].is_mptcp && l.info[SERVER].is_mptcp);
        if (i == 0 || i == 2)
            assert_true(both_count("TcpExtTCPChallengeACK") > 0);
        if (!exact)
            assert_true(both_count("UmptcpDropTcpRst") + both_count("UmptcpDropTcpSeq") > 0);
        boxlab_finish(&l);
    }
}

/* Each subflow gets a RST of its own. The peer then waits for another one, and not for ever. */
static void test_fastclose_stripped(void **state) { /* M-MBX-52 */
    (void)state;
    const char *box = "strip:option=fastclose";
    BOXLAB_FAMILIES {
        int errors[2];
        boxlab_open(&l, &(struct boxlab_options){.box = {box, box}, .paths = 2, .v6 = v6, .fails = true});
        assert_int_equal(umptcp_abort(l.w.host[CLIENT].s, l.t.end[CLIENT].sock, l.w.now), 0);
        l.t.end[CLIENT].closed = true;
        boxlab_wait(&l, S);
        assert_int_equal(server_counts(&l, "MPTcpExtMPFastcloseRx"), 0);
        assert_int_equal(l.t.subflows_down[SERVER], 2);
        assert_int_equal(umptcp_sockets(l.w.host[CLIENT].s), 0);
        boxlab_fail(&l, errors);
        assert_true(errors[SERVER] != 0);
    }
}

static void test_fin_swallowed(void **state) { /* M-MBX-53 */
    (void)state;
    BOXLAB_FAMILIES for (int all = 0; all < 2; all++) {
        boxlab_open(&l,
                    &(struct boxlab_options){
                        .box = {all ? "drop:on=fin" : NULL, "drop:on=fin"}, .paths = 2, .v6 = v6, .idle_box = true});
        boxlab_is_mptcp(&l, 2);
        l.t.open = false;
        boxlab_wait(&l, S); /* both ends are told at once; the stacks are empty after a while */
        assert_true(transfer_done(&l.t));
        boxlab_wait(&l, S);
        assert_true(boxlab_hits(&l, 1, 0) > 0);
        boxlab_finish(&l);
    }
}

/* Announcements, their echoes, priorities and withdrawals are acknowledgments that change nothing for TCP. */
static void test_duplicate_acks_counted(void **state) { /* M-MBX-54 */
    (void)state;
    const char *box = "ids:by=2";
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){
                            .box = {box, box, box, box}, .paths = 4, .v6 = v6, .announce = true, .idle_box = true});
        boxlab_is_mptcp(&l, 4);
        for (int round = 0; round < 6; round++) {
            assert_int_equal(
                umptcp_endpoint_set_flags(l.w.host[SERVER].s, 1, round % 2 ? 0 : UMPTCP_EP_BACKUP, l.w.now), 0);
            boxlab_wait(&l, 50 * MS);
        }
        assert_int_equal(umptcp_endpoint_del(l.w.host[SERVER].s, 2, l.w.now), 0);
        assert_int_equal(umptcp_endpoint_del(l.w.host[SERVER].s, 3, l.w.now), 0);
        boxlab_more(&l, 100000, 100000);
        boxlab_deliver(&l);
        assert_true(server_counts(&l, "MPTcpExtMPPrioTx") > 0 && server_counts(&l, "MPTcpExtRmAddrTx") > 0);
        for (int path = 0; path < 4; path++)
            assert_int_equal(boxlab_hits(&l, path, 0), 0);
        boxlab_finish(&l);
    }
}

/* The other path carries it all before it is found what gets through. */
static void test_large_packets_vanish(void **state) {
    (void)state;
    BOXLAB_FAMILIES {
        open_two("drop:larger=1300", v6);
        assert_true(l.info[CLIENT].is_mptcp && l.info[SERVER].is_mptcp);
        assert_true(l.info[CLIENT].bytes_reinjected + l.info[SERVER].bytes_reinjected > 0);
        boxlab_finish(&l);
    }
}

/*
 * The only path swallows what is large, in both directions, and nobody says so: both ends find what gets through. DSS
 * checksums see that mappings stay what they were.
 */
static void test_black_hole(void **state) { /* T-MTU-11, T-MTU-13, T-X10 */
    (void)state;
    BOXLAB_FAMILIES for (int csum = 0; csum < 2; csum++) {
        boxlab_start(
            &l, &(struct boxlab_options){
                    .box = {"drop:larger=1300"}, .v6 = v6, .csum = csum, .to_server = 1000000, .to_client = 1000000});
        const struct umptcp_time began = l.w.now;
        boxlab_deliver(&l);
        assert_true(l.w.now.ns - began.ns < 10 * S);
        boxlab_is_mptcp(&l, 1);
        const uint16_t most = (uint16_t)(1300 - (v6 ? 60 : 40));
        for (int h = 0; h < 2; h++) {
            assert_in_range(l.subflow[h][0].snd_mss, 1100, most);
            assert_true((h ? server_counts(&l, "TcpExtTCPMTUPSuccess") : client_counts(&l, "TcpExtTCPMTUPSuccess")) >
                        0);
        }
        boxlab_finish(&l);
    }
}

static void test_icmp_forged(void **state) { /* M-MBX-57 */
    (void)state;
    static const char *const boxes[] = {"icmp:error=host,after=5,count=5", "icmp:error=port,after=5,count=5",
                                        "icmp:error=prohibited,after=5,count=5"};
    BOXLAB_FAMILIES for (int i = 0; i < 3; i++) {
        boxlab_open(&l,
                    &(struct boxlab_options){
                        .box = {boxes[i], boxes[i]}, .paths = 2, .v6 = v6, .to_server = 400000, .to_client = 400000});
        boxlab_is_mptcp(&l, 2);
        boxlab_finish(&l);
    }
    BOXLAB_FAMILIES { /* a true one is believed */
        open_two("drop:larger=1290,dir=in | icmp:error=too-big,mtu=1290,larger=1290 | drop:larger=1290,dir=out", v6);
        boxlab_is_mptcp(&l, 2);
        for (int h = 0; h < 2; h++)
            assert_true(l.subflow[h][1].snd_mss <= 1290);
        boxlab_finish(&l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_injected),       cmocka_unit_test(test_fastclose_stripped),
        cmocka_unit_test(test_fin_swallowed),        cmocka_unit_test(test_duplicate_acks_counted),
        cmocka_unit_test(test_large_packets_vanish), cmocka_unit_test(test_black_hole),
        cmocka_unit_test(test_icmp_forged),
    };
    return cmocka_run_group_tests_name("middlebox_path", tests, NULL, NULL);
}
