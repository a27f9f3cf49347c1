/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes in the way of the first handshake (RFC 8684 6, 3.7): between two stacks, in both families. */
#include "boxlab.h"

#include <errno.h>
#include <stdio.h>

static struct boxlab l;

/* Everything arrives by plain TCP. What has an option of MPTCP behind the SYNs would be noted by the second middlebox.
 */
static void open_plain(const char *box, bool v6) {
    char chain[160];
    snprintf(chain, sizeof chain, "strip:option=mptcp,on=nonsyn | %s", box);
    boxlab_open(&l, &(struct boxlab_options){.box = {chain}, .v6 = v6, .idle_box = true});
    boxlab_is_tcp(&l);
    assert_int_equal(boxlab_hits(&l, 0, 0), 0);
    assert_true(boxlab_hits(&l, 0, 1) > 0);
}

static void test_syn_stripped(void **state) { /* M-MBX-01 */
    (void)state;
    BOXLAB_FAMILIES {
        open_plain("strip:option=mptcp,on=syn", v6);
        assert_int_equal(server_counts(&l, "MPTcpExtMPCapableSYNRX"), 0);
        assert_int_equal(client_counts(&l, "MPTcpExtMPCapableFallbackSYNACK"), 1);
        boxlab_finish(&l);
    }
}

static void test_synack_stripped(void **state) { /* M-MBX-02 */
    (void)state;
    BOXLAB_FAMILIES {
        open_plain("strip:option=mptcp,on=synack", v6);
        assert_int_equal(server_counts(&l, "MPTcpExtMPCapableSYNRX"), 1);
        assert_int_equal(client_counts(&l, "MPTcpExtMPCapableFallbackSYNACK"), 1);
        assert_int_equal(server_counts(&l, "MPTcpExtMPCapableFallbackACK"), 1);
        boxlab_finish(&l);
    }
}

static void test_third_ack_and_first_data_stripped(void **state) { /* M-MBX-03 */
    (void)state;
    BOXLAB_FAMILIES {
        /* The third ACK goes with the first data; once more by itself. */
        for (int count = 1; count <= 2; count++) {
            char box[80];
            snprintf(box, sizeof box, "strip:option=mptcp,dir=fwd,on=nonsyn,count=%d", count);
            boxlab_open(&l, &(struct boxlab_options){.box = {box}, .v6 = v6});
            boxlab_is_tcp(&l);
            assert_int_equal(server_counts(&l, "MPTcpExtMPCapableFallbackACK"), 1);
            boxlab_finish(&l);
        }
    }
}

static void test_stripped_towards_the_server(void **state) { /* M-MBX-04 */
    (void)state;
    static const uint64_t sizes[][2] = {{0, 0}, {BOXLAB_NOTHING, 0}, {0, BOXLAB_NOTHING}};
    BOXLAB_FAMILIES for (int i = 0; i < 3; i++) {
        boxlab_open(&l, &(struct boxlab_options){.box = {"strip:option=mptcp,dir=fwd,on=nonsyn"},
                                                 .v6 = v6,
                                                 .to_server = sizes[i][0],
                                                 .to_client = sizes[i][1]});
        boxlab_is_tcp(&l);
        assert_int_equal(
            server_counts(&l, "MPTcpExtMPCapableFallbackACK") + server_counts(&l, "MPTcpExtMPCapableDataFallback"), 1);
        boxlab_finish(&l);
    }
}

static void test_stripped_towards_the_client(void **state) { /* M-MBX-05 */
    (void)state;
    static const uint64_t sizes[][2] = {{0, BOXLAB_NOTHING}, {BOXLAB_NOTHING, 0}, {0, 0}};
    BOXLAB_FAMILIES for (int i = 0; i < 3; i++) {
        boxlab_open(&l, &(struct boxlab_options){.box = {"strip:option=mptcp,dir=rev,on=nonsyn"},
                                                 .v6 = v6,
                                                 .to_server = sizes[i][0],
                                                 .to_client = sizes[i][1]});
        assert_false(l.info[CLIENT].is_mptcp);
        boxlab_more(&l, 1000, 1000); /* the client's next data says so */
        boxlab_deliver(&l);
        boxlab_is_tcp(&l);
        assert_int_equal(client_counts(&l, "MPTcpExtMPCapableDataFallback"), 1);
        assert_int_equal(client_counts(&l, "MPTcpExtInfiniteMapTx"), 1);
        assert_int_equal(server_counts(&l, "MPTcpExtInfiniteMapRx") +
                             server_counts(&l, "MPTcpExtMPCapableDataFallback"),
                         1); /* whichever the server saw first: that, or an ACK of its data without an option */
        boxlab_finish(&l);
    }
}

/* The second connection to the same server does not even try. */
static void test_syn_vanishes(void **state) { /* M-MBX-06 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){.box = {"drop:on=syn,having=mptcp"}, .v6 = v6});
        boxlab_is_tcp(&l);
        assert_int_equal(client_counts(&l, "MPTcpExtMPCapableSYNTXDrop"), 1);
        assert_int_equal(server_counts(&l, "MPTcpExtMPCapableSYNRX"), 0);
        assert_int_equal(client_counts(&l, "MPTcpExtBlackhole"), 1);
        uint64_t dropped = boxlab_hits(&l, 0, 0);
        umptcp_sock second;
        const struct umptcp_connect c = {.remote = world_addr(&l.w, SERVER, 0, TRANSFER_PORT)};
        assert_int_equal(umptcp_connect(l.w.host[CLIENT].s, &c, &second, l.w.now), 0);
        boxlab_wait(&l, S);
        assert_int_equal(client_counts(&l, "MPTcpExtMPCapableSYNTXDisabled"), 1);
        assert_int_equal(boxlab_hits(&l, 0, 0), dropped);
        umptcp_abort(l.w.host[CLIENT].s, second, l.w.now);
        umptcp_sock accepted;
        assert_int_equal(umptcp_accept(l.w.host[SERVER].s, l.t.listener, &accepted), 0);
        boxlab_wait(&l, S);
        umptcp_close(l.w.host[SERVER].s, accepted, l.w.now);
        boxlab_finish(&l);
    }
}

/* As Linux has it, a RST is an answer: the caller learns of it at once. */
static void test_syn_answered_by_rst(void **state) { /* M-MBX-07 */
    (void)state;
    BOXLAB_FAMILIES {
        int errors[2];
        boxlab_start(&l, &(struct boxlab_options){.box = {"reject:on=syn,having=mptcp"}, .v6 = v6, .fails = true});
        boxlab_wait(&l, S);
        assert_int_equal(client_counts(&l, "TcpAttemptFails"), 1);
        boxlab_fail(&l, errors);
        assert_int_equal(errors[CLIENT], ECONNREFUSED);
        assert_int_equal(errors[SERVER], 0);
    }
}

/* Not one byte gets through beside an option. Both ends are told, and neither gets a wrong byte. */
static void test_segments_with_options_vanish(void **state) { /* M-MBX-08 */
    (void)state;
    BOXLAB_FAMILIES {
        int errors[2];
        boxlab_start(&l, &(struct boxlab_options){.box = {"drop:on=nonsyn,having=mptcp"}, .v6 = v6, .fails = true});
        boxlab_fail(&l, errors);
        assert_int_equal(errors[CLIENT], ETIMEDOUT);
        assert_int_equal(l.t.end[SERVER].received + l.t.end[CLIENT].received, 0);
    }
}

/* The third packet decides which of the two SYNs counts: here the one with the option came second, too late. */
static void test_syns_overtake_each_other(void **state) { /* M-MBX-40 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){.box = {"delay:on=syn,having=mptcp,time=20s"}, .v6 = v6});
        boxlab_is_tcp(&l);
        boxlab_wait(&l, 30 * S);
        boxlab_more(&l, 5000, 5000);
        boxlab_deliver(&l);
        boxlab_is_tcp(&l);
        boxlab_finish(&l);
        /* The answer to the first one waits as long: the client has given up MPTCP by then. */
        boxlab_open(&l, &(struct boxlab_options){.box = {"delay:on=synack,having=mptcp,time=20s"}, .v6 = v6});
        boxlab_is_tcp(&l);
        boxlab_finish(&l);
    }
}

static void test_syn_proxy(void **state) { /* M-MBX-45 */
    (void)state;
    BOXLAB_FAMILIES {
        open_plain("syn-proxy", v6);
        assert_int_equal(server_counts(&l, "MPTcpExtMPCapableSYNRX"), 0);
        assert_int_equal(client_counts(&l, "MPTcpExtMPCapableFallbackSYNACK"), 1);
        boxlab_finish(&l);
    }
}

/* The server takes it for MPTCP, whose SYN/ACK this was; without the keys in the third ACK it is TCP too. */
static void test_capable_echoed(void **state) { /* M-MBX-46 */
    (void)state;
    BOXLAB_FAMILIES {
        open_plain("echo", v6);
        assert_int_equal(client_counts(&l, "MPTcpExtMPCapableFallbackSYNACK"), 1);
        assert_int_equal(client_counts(&l, "UmptcpDropMpOption"), 1);
        boxlab_finish(&l);
        open_plain("echo | strip:option=mptcp,on=syn", v6); /* a server without MPTCP */
        assert_int_equal(client_counts(&l, "MPTcpExtMPCapableFallbackSYNACK"), 1);
        boxlab_finish(&l);
    }
}

static void test_options_copied(void **state) { /* M-MBX-47 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){.box = {"copy"}, .v6 = v6});
        boxlab_is_mptcp(&l, 1); /* they mean nothing there */
        assert_true(server_counts(&l, "UmptcpDropMpOption") > 0);
        boxlab_finish(&l);
        boxlab_open(&l, &(struct boxlab_options){.box = {"copy | strip:option=dss"}, .v6 = v6});
        boxlab_is_tcp(&l); /* and do not count as MPTCP's */
        boxlab_finish(&l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syn_stripped),
        cmocka_unit_test(test_synack_stripped),
        cmocka_unit_test(test_third_ack_and_first_data_stripped),
        cmocka_unit_test(test_stripped_towards_the_server),
        cmocka_unit_test(test_stripped_towards_the_client),
        cmocka_unit_test(test_syn_vanishes),
        cmocka_unit_test(test_syn_answered_by_rst),
        cmocka_unit_test(test_segments_with_options_vanish),
        cmocka_unit_test(test_syns_overtake_each_other),
        cmocka_unit_test(test_syn_proxy),
        cmocka_unit_test(test_capable_echoed),
        cmocka_unit_test(test_options_copied),
    };
    return cmocka_run_group_tests_name("middlebox_handshake", tests, NULL, NULL);
}
