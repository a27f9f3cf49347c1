/* SPDX-License-Identifier: BSD-3-Clause */
/* MP_CAPABLE in both roles: forms, versions and flags, lost packets, and plain TCP where that is the answer (RFC 8684
 * 3.1). */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

static const struct mlab_options server = {.server = true};

static struct umptcp_config with_csum(void) {
    struct umptcp_config cfg = mlab_config();
    cfg.checksum_enabled = true;
    return cfg;
}

static void assert_bytes(struct mlab *l, int sf, const char *tail) {
    const char *all = mlab_bytes(l, sf);
    assert_true(strlen(all) >= strlen(tail));
    assert_string_equal(all + strlen(all) - strlen(tail), tail);
}

/* Plain TCP from here: five bytes each way without an option. */
static void goes_on_as_tcp(struct mlab *l) {
    mlab_want_none(l);
    mlab_in(l, 1, "P. 1(5) ack 1");
    mlab_want(l, 1, ". 1(0) ack 6");
    mlab_recv(l, 5);
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 1(5) ack 6");
    mlab_in(l, 1, ". 6(0) ack 6");
    mlab_want_none(l);
    assert_false(mlab_info(l).is_mptcp);
    assert_int_equal(mlab_info(l).bytes_acked, 5);
    mlab_close(l);
    mlab_want(l, 1, "F. 6(0) ack 6");
}

/* MPTCP from here: five bytes each way. */
static void goes_on_as_mptcp(struct mlab *l) {
    mlab_want_none(l);
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_want(l, 1, ". 1(0) ack 6 dss ack 6");
    mlab_recv(l, 5);
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 1(5) ack 6 dss ack 6 map 1:1+5");
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6");
    mlab_want_none(l);
    assert_true(mlab_info(l).is_mptcp);
    assert_int_equal(mlab_info(l).bytes_acked, 5);
    assert_int_equal(mlab_conn(l)->mode, MP_FULL);
}

/* ---- Client ------------------------------------------------------------------------------------------------------ */

static void test_client_opens(void **state) { /* M-INI-01, -02, -13, -18, -24, M-HSK-01, M-KEY-07, -08, -10, -11 */
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 0);
    assert_bytes(l, 1, "1e040101");
    mlab_want(l, 1, "S 0(0) mpc");
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok mpc");
    assert_bytes(l, 1, "1e140101112233445566778899aabbccddeeff00");
    mlab_want(l, 1, ". 1(0) ack 1 mpc");
    mlab_event(l, UMPTCP_EV_CONNECTED);
    struct umptcp_info info = mlab_info(l);
    assert_int_equal(info.token_local, 0x1dce6604);
    assert_int_equal(info.token_remote, 0x7b981f5b);
    assert_int_equal(info.write_seq, 0x62815714b76ae9a6u);
    assert_int_equal(info.rcv_nxt, 0xf9fb2ac1ea2ce0d3u);
    assert_int_equal(mlab_conn(l)->mode, MP_PENDING); /* M-HSK-15: the SYN/ACK alone is not enough */
    goes_on_as_mptcp(l);
    assert_int_equal(mlab_mib(l, MIB_MPC_SYN_TX), 1);
    assert_int_equal(mlab_mib(l, MIB_MPC_SYNACK_RX), 1);
    mlab_free(l);
}

static void test_client_asks_for_checksums(void **state) { /* M-INI-08, -09, -10, M-MAP-08 */
    struct umptcp_config cfg = with_csum();
    struct mlab *l = mlab_new(&(struct mlab_options){.cfg = &cfg});
    (void)state;
    mlab_connect(l, 0);
    assert_bytes(l, 1, "1e040181");
    mlab_skip(l);
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok mpc");
    assert_bytes(l, 1, "1e140181112233445566778899aabbccddeeff00");
    mlab_skip(l);
    assert_true(mlab_info(l).csum_enabled);
    goes_on_as_mptcp(l);
    mlab_free(l);
}

static void test_server_asks_client_for_checksums(void **state) { /* M-INI-09, -10, -12 */
    struct mlab *l = mlab_new(&(struct mlab_options){.peer_csum = true});
    (void)state;
    mlab_connect(l, 0);
    assert_bytes(l, 1, "1e040101");
    mlab_skip(l);
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok mpc");
    assert_bytes(l, 1, "1e140181112233445566778899aabbccddeeff00");
    mlab_skip(l);
    goes_on_as_mptcp(l);
    mlab_free(l);
}

static void test_client_first_data(void **state) { /* M-HSK-02, -03, -04, -06 */
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 5);
    mlab_want(l, 1, "S 0(0) mpc"); /* bytes do not go on it */
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok mpc");
    mlab_want(l, 1, ". 1(0) ack 1 mpc");
    assert_bytes(l, 1, "1e160101112233445566778899aabbccddeeff0000050101");
    mlab_want(l, 1, "P. 1(5) ack 1 mpc");
    mlab_wait_sent(l, SEC(2)); /* lost: it keeps its form */
    mlab_want(l, 1, "P. 1(5) ack 1 mpc");
    mlab_in(l, 1, ". 1(0) ack 6 dss ack32 6");
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 6(5) ack 1 dss ack32 1 map 6:6+5");
    mlab_free(l);
}

static void test_client_first_data_csum(void **state) { /* M-HSK-03, M-MAP-07: the 24-byte form */
    struct umptcp_config cfg = with_csum();
    struct mlab *l = mlab_new_open(&(struct mlab_options){.cfg = &cfg});
    (void)state;
    mlab_wait(l, MSEC(100));
    mlab_want_none(l);
    mlab_send(l, 5);
    assert_int_equal(strlen(mlab_bytes(l, 1)), 2 * 24);
    mlab_want(l, 1, "P. 1(5) ack 1 mpc");
    mlab_in(l, 1, ". 1(0) ack 6 dss ack32 6");
    mlab_want_none(l);
    assert_int_equal(mlab_info(l).bytes_acked, 5);
    mlab_free(l);
}

static void test_client_first_data_in_pieces(void **state) { /* M-HSK-10: the same option on each */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    mlab_send(l, 3000);
    mlab_want(l, 1, ". 1(1000) ack 1 mpc len 3000");
    mlab_want(l, 1, ". 1001(1000) ack 1 mpc len 3000");
    mlab_want(l, 1, "P. 2001(1000) ack 1 mpc len 3000");
    mlab_send(l, 2000); /* more of the first flight: mapped as well (M-FBK-03) */
    mlab_want(l, 1, ". 3001(1000) ack 1 dss ack32 1 map 3001:3001+2000");
    mlab_want(l, 1, "P. 4001(1000) ack 1 dss ack32 1 map 3001:3001+2000");
    mlab_free(l);
}

static void test_server_speaks_first(void **state) { /* M-HSK-04, -08, -09 */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    mlab_in(l, 1, "P. 1(9) ack 1 dss ack32 1 map 1:1+9");
    mlab_want(l, 1, ". 1(0) ack 10 dss ack 10");
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 1(5) ack 10 dss ack 10 map 1:1+5");
    mlab_free(l);
}

static void test_first_data_cross(void **state) { /* M-HSK-09 */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    mlab_send(l, 5);
    mlab_want(l, 1, "P. 1(5) ack 1 mpc");
    mlab_in(l, 1, "P. 1(9) ack 1 dss ack32 1 map 1:1+9");
    mlab_want(l, 1, ". 6(0) ack 10 dss ack 10");
    mlab_in(l, 1, ". 10(0) ack 6 dss ack32 6");
    mlab_recv(l, 9);
    assert_int_equal(mlab_info(l).bytes_acked, 5);
    mlab_free(l);
}

static void test_client_third_ack_lost(void **state) { /* M-HSK-05 */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    for (int i = 0; i < 3; i++) { /* each time the server says SYN/ACK again (the limit of challenge ACKs has passed) */
        mlab_wait(l, SEC(1));
        mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok mpc");
        mlab_want(l, 1, ". 1(0) ack 1 mpc");
    }
    mlab_in(l, 1, ". 1(0) ack 1 dss ack32 1");
    mlab_want_none(l);
    assert_int_equal(mlab_conn(l)->mode, MP_FULL);
    mlab_free(l);
}

static void test_client_ends_before_keys_arrived(void **state) { /* M-HSK-05, M-CLS-07 */
    struct mlab *l = mlab_new_open(NULL);                        /* the third ACK is lost */
    (void)state;
    mlab_shutdown(l);
    mlab_want(l, 1, ". 1(0) ack 1 dss ack32 1 map 1:0+1 fin");
    mlab_wait_sent(l, SEC(2)); /* no answer: perhaps the server does not have our key */
    mlab_want(l, 1, ". 1(0) ack 1 mpc");
    mlab_want(l, 1, ". 1(0) ack 1 dss ack32 1 map 1:0+1 fin");
    mlab_in(l, 1, ". 1(0) ack 1 dss ack32 2");
    assert_int_equal(mlab_info(l).state, UMPTCP_FIN_WAIT_2);
    mlab_free(l);
}

static void test_synack_says_tcp(void **state) {
    /* M-INI-05, -07, -15, -19, -22, -24, -30, M-FBK-01, M-MBX-02, -46 */
    static const char *const synacks[] = {
        "S. 0(0) ack 1 mss 1024 sackok",
        "S. 0(0) ack 1 mss 1024 sackok mpc ver 0",
        "S. 0(0) ack 1 mss 1024 sackok mpc ver 2",
        "S. 0(0) ack 1 mss 1024 sackok mpc flags 41",
        "S. 0(0) ack 1 mss 1024 sackok mpc flags 00",
        "S. 0(0) ack 1 mss 1024 sackok mpc flags 02",
        "S. 0(0) ack 1 mss 1024 sackok mpc flags 03",
        "S. 0(0) ack 1 mss 1024 sackok raw 1e040101",                         /* echo of our own */
        "S. 0(0) ack 1 mss 1024 sackok raw 1e08010199aabbcc",                 /* truncated key */
        "S. 0(0) ack 1 mss 1024 sackok raw 1e10100099aabbccddeeff0001020304", /* MP_JOIN */
    };
    (void)state;
    for (size_t i = 0; i < sizeof synacks / sizeof *synacks; i++) {
        struct mlab *l = mlab_new(NULL);
        mlab_connect(l, 0);
        mlab_want(l, 1, "S 0(0) mpc");
        mlab_in(l, 1, synacks[i]);
        mlab_want(l, 1, ". 1(0) ack 1");
        assert_int_equal(mlab_mib(l, MIB_MPC_FALLBACK_SYNACK), 1);
        goes_on_as_tcp(l);
        mlab_free(l);
    }
}

/* M-INI-30, M-FBK-25: options of the peer are not heard */
static void test_corrupt_synack_is_mptcp_no_more(void **state) {
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 0);
    mlab_skip(l);
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok mpc ver 2");
    mlab_skip(l);
    mlab_in(l, 1, "P. 1(5) ack 1 at 1 dss ack32 1 map 1000:1+5");
    mlab_want(l, 1, ". 1(0) ack 6");
    mlab_in(l, 1, ". 6(0) ack 1 fastclose");
    mlab_recv(l, 5);
    assert_int_equal(mlab_info(l).state, UMPTCP_ESTABLISHED);
    mlab_free(l);
}

static void test_tcp_only(void **state) { /* no option although the server would */
    struct mlab *l = mlab_new(NULL);
    struct umptcp_connect c = {.remote.port = MLAB_PORT, .tcp_only = true};
    struct umptcp_out out;
    (void)state;
    assert_int_equal(umptcp_addr_parse("10.0.1.2", &c.remote.addr), 0);
    assert_int_equal(umptcp_connect(l->s, &c, &l->sock, l->now), 0);
    assert_true(umptcp_output(l->s, &out, l->now));
    assert_int_equal(out.len, 20 + 20 + 8); /* MSS, SACK permitted */
    mlab_free(l);
}

/* ---- The SYN gets no answer -------------------------------------------------------------------------------------- */

static void test_syn_without_option(void **state) { /* M-INI-27, -28, -32, M-HEU-12, M-MBX-06 */
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 5);
    mlab_want(l, 1, "S 0(0) mpc");
    assert_int_equal(mlab_wait_sent(l, SEC(9)), SEC(1));
    mlab_want(l, 1, "S 0(0) mpc");
    assert_int_equal(mlab_wait_sent(l, SEC(9)), SEC(2));
    mlab_want(l, 1, "S 0(0) mpc");
    assert_int_equal(mlab_wait_sent(l, SEC(9)), SEC(4));
    mlab_want(l, 1, "S 0(0)");
    assert_int_equal(mlab_mib(l, MIB_MPC_SYN_TX_DROP), 1);
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok");
    mlab_want(l, 1, ". 1(0) ack 1");
    mlab_want(l, 1, "P. 1(5) ack 1");
    assert_int_equal(mlab_mib(l, MIB_BLACKHOLE), 1);
    mlab_free(l);
}

/* the option is in the answer to an earlier SYN: TCP all the same */
static void test_late_answer_to_mptcp_syn(void **state) {
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 0);
    mlab_wait(l, SEC(8));
    assert_int_equal(mlab_skip(l), 4);
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok mpc");
    mlab_want(l, 1, ". 1(0) ack 1");
    goes_on_as_tcp(l);
    mlab_free(l);
}

/* Lets a connection of the stack be opened by a plain SYN only, then closed by a reset. */
static void through_blackhole(struct mlab *l) {
    memset(&l->flow[1], 0, sizeof l->flow[1]);
    mlab_connect(l, 0);
    mlab_wait(l, SEC(8));
    assert_int_equal(mlab_skip(l), 4);
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok");
    mlab_in(l, 1, "R. 1(0) ack 1");
    mlab_close(l);
    mlab_skip(l);
}

/* Whether the next SYN has the option; the attempt is then refused. */
static bool tries_mptcp(struct mlab *l) {
    memset(&l->flow[1], 0, sizeof l->flow[1]);
    mlab_connect(l, 0);
    bool tries = strstr(mlab_bytes(l, 1), "1e040101") != NULL;
    mlab_skip(l);
    mlab_in(l, 1, "R. 0(0) ack 1");
    mlab_close(l);
    mlab_skip(l);
    return tries;
}

/* M-INI-06, M-HEU-13: an hour, then twice as long, at most 64 times */
static void test_blackhole_is_remembered(void **state) {
    struct mlab *l = mlab_new(NULL);
    (void)state;
    for (int n = 0; n < 9; n++) {
        uint64_t hours = 1u << (n < 6 ? n : 6);
        through_blackhole(l);
        assert_int_equal(mlab_mib(l, MIB_BLACKHOLE), n + 1);
        mlab_wait(l, SEC(3600) * hours - SEC(10));
        assert_false(tries_mptcp(l));
        assert_int_equal(mlab_mib(l, MIB_MPC_SYN_TX_DISABLED), n + 1);
        mlab_wait(l, SEC(20));
    }
    assert_true(tries_mptcp(l)); /* a refusal proves nothing */
    memset(&l->flow[1], 0, sizeof l->flow[1]);
    mlab_connect(l, 0);
    mlab_skip(l);
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok mpc"); /* MPTCP works: all is forgiven */
    mlab_close(l);
    mlab_skip(l);
    mlab_in(l, 1, "R. 1(0) ack 2");
    mlab_wait(l, SEC(1));
    mlab_skip(l);
    assert_int_equal(l->s->mp.blackholes, 0);
    mlab_free(l);
}

static void test_no_blackhole_when_plain_syns_are_lost_too(void **state) { /* M-HEU-13 */
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 0);
    mlab_wait(l, SEC(16)); /* two plain SYNs */
    assert_int_equal(mlab_skip(l), 5);
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok");
    assert_int_equal(mlab_mib(l, MIB_BLACKHOLE), 0);
    mlab_skip(l);
    mlab_free(l);
}

static void test_connect_times_out(void **state) {
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 0);
    mlab_wait(l, SEC(300));
    assert_int_equal(mlab_skip(l), 8);
    mlab_closed(l, ETIMEDOUT);
    mlab_free(l);
}

static void test_connect_refused(void **state) { /* M-MBX-07: a RST is an answer */
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 0);
    mlab_skip(l);
    mlab_in(l, 1, "R. 0(0) ack 1");
    mlab_closed(l, ECONNREFUSED);
    mlab_want_none(l);
    mlab_free(l);
}

static void test_simultaneous_open(void **state) { /* M-FBK-01: both sent SYN with MP_CAPABLE: plain TCP */
    struct mlab *l = mlab_new(NULL);
    (void)state;
    mlab_connect(l, 0);
    mlab_want(l, 1, "S 0(0) mpc");
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_want(l, 1, "S. 0(0) ack 1");
    mlab_in(l, 1, "S. 0(0) ack 1 mss 1024 sackok");
    mlab_skip(l);
    assert_int_equal(mlab_mib(l, MIB_SIMULT_CONNECT_FALLBACK), 1);
    goes_on_as_tcp(l);
    mlab_free(l);
}

/* T-CLO-05: between two crossed SYNs an end of ours waits for the connection, and then comes in order. */
static void test_end_in_simultaneous_open(void **state) {
    (void)state;
    for (int close = 0; close < 2; close++) {
        struct mlab *l = mlab_new(NULL);
        mlab_connect(l, 0);
        mlab_skip(l);
        assert_int_equal(mlab_conn(l)->state, UMPTCP_SYN_SENT);
        mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
        mlab_want(l, 1, "S. 0(0) ack 1");
        assert_int_equal(mlab_conn(l)->state, UMPTCP_SYN_RCVD);
        if (close)
            mlab_close(l);
        else
            mlab_shutdown(l);
        mlab_want_none(l);
        mlab_in(l, 1, ". 1(0) ack 1");
        mlab_want(l, 1, "F. 1(0) ack 1");
        mlab_free(l);
    }
}

/* ---- Server ------------------------------------------------------------------------------------------------------ */

static void test_server_opens(void **state) { /* M-INI-03, M-KEY-09, M-HSK-16 */
    struct mlab *l = mlab_new(&server);
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    assert_bytes(l, 1, "1e0c01011122334455667788");
    mlab_want(l, 1, "S. 0(0) ack 1 mpc");
    mlab_in(l, 1, ". 1(0) ack 1 mpc");
    assert_true(l->sock.v);
    assert_int_equal(mlab_conn(l)->mode, MP_PENDING);
    assert_int_equal(mlab_mib(l, MIB_MPC_SYN_RX), 1);
    assert_int_equal(mlab_mib(l, MIB_MPC_ACK_RX), 1);
    goes_on_as_mptcp(l);
    mlab_free(l);
}

static void test_server_checksum_combinations(void **state) { /* M-INI-09, -12 */
    struct umptcp_config cfg[2] = {mlab_config(), with_csum()};
    (void)state;
    for (int ours = 0; ours < 2; ours++)
        for (int theirs = 0; theirs < 2; theirs++) {
            struct mlab *l =
                mlab_new_open(&(struct mlab_options){.server = true, .cfg = &cfg[ours], .peer_csum = theirs});
            assert_int_equal(mlab_info(l).csum_enabled, ours || theirs);
            goes_on_as_mptcp(l);
            mlab_free(l);
        }
}

static void test_checksum_flag_in_third_ack_counts(void **state) { /* M-INI-10: Linux says A in the third ACK only */
    struct mlab *l = mlab_new(&server);
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_skip(l);
    mlab_in(l, 1, ". 1(0) ack 1 mpc flags 81");
    l->csum = true;
    assert_true(mlab_info(l).csum_enabled);
    goes_on_as_mptcp(l);
    mlab_free(l);
}

static void test_syn_says_tcp(void **state) { /* M-INI-04, -14, -19, -21, -23, -29, M-MBX-01 */
    static const char *const syns[] = {
        "S 0(0) mss 1024 sackok",
        "S 0(0) mss 1024 sackok raw 1e0c000199aabbccddeeff00", /* version 0 has its key here */
        "S 0(0) mss 1024 sackok mpc ver 0",
        "S 0(0) mss 1024 sackok mpc flags 41",
        "S 0(0) mss 1024 sackok mpc flags 00",
        "S 0(0) mss 1024 sackok mpc flags 10",
        "S 0(0) mss 1024 sackok raw 1e050101 raw 01010101", /* of a wrong length */
        "S 0(0) mss 1024 sackok mpc mpj",
    };
    (void)state;
    for (size_t i = 0; i < sizeof syns / sizeof *syns; i++) {
        struct mlab *l = mlab_new(&server);
        mlab_in(l, 1, syns[i]);
        mlab_want(l, 1, "S. 0(0) ack 1");
        mlab_in(l, 1, ". 1(0) ack 1");
        goes_on_as_tcp(l);
        mlab_free(l);
    }
}

static void test_syn_of_another_dialect(void **state) { /* M-INI-03, -20, M-SEM-14 */
    static const char *const syns[] = {"S 0(0) mss 1024 sackok mpc ver 5", "S 0(0) mss 1024 sackok mpc flags 1f"};
    (void)state;
    for (size_t i = 0; i < sizeof syns / sizeof *syns; i++) {
        struct mlab *l = mlab_new(&server);
        mlab_in(l, 1, syns[i]);
        assert_bytes(l, 1, "1e0c01011122334455667788");
        mlab_skip(l);
        mlab_in(l, 1, ". 1(0) ack 1 mpc");
        goes_on_as_mptcp(l);
        mlab_free(l);
    }
}

static void test_third_ack_says_tcp(void **state) { /* M-INI-25, -30, -31, M-MBX-03, M-MBX-49 */
    static const char *const acks[] = {
        ". 1(0) ack 1",           ". 1(0) ack 1 mpc key bad",
        ". 1(0) ack 1 mpc ver 2", ". 1(0) ack 1 raw 1e0c01011122334455667788", /* truncated */
        ". 1(0) ack 1 prio 1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof acks / sizeof *acks; i++) {
        struct mlab *l = mlab_new(&server);
        mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
        mlab_want(l, 1, "S. 0(0) ack 1 mpc");
        mlab_in(l, 1, acks[i]);
        assert_int_equal(mlab_mib(l, MIB_MPC_FALLBACK_ACK), 1);
        goes_on_as_tcp(l);
        mlab_free(l);
    }
}

static void test_plain_syn_between(void **state) { /* M-INI-26, M-MBX-40: the third packet decides */
    struct mlab *l = mlab_new(&server);
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_want(l, 1, "S. 0(0) ack 1 mpc");
    mlab_in(l, 1, "S 0(0) mss 1024 sackok");
    mlab_want(l, 1, "S. 0(0) ack 1 mpc");
    mlab_in(l, 1, ". 1(0) ack 1 mpc");
    goes_on_as_mptcp(l);
    mlab_free(l);
    l = mlab_new(&server);
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_in(l, 1, "S 0(0) mss 1024 sackok");
    mlab_skip(l);
    mlab_in(l, 1, ". 1(0) ack 1");
    goes_on_as_tcp(l);
    mlab_free(l);
}

static void test_synack_again(void **state) { /* M-INI-32, M-HSK-05: the same key */
    struct mlab *l = mlab_new(&server);
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    for (int i = 0; i < 3; i++) {
        assert_bytes(l, 1, "1e0c01011122334455667788");
        mlab_skip(l);
        mlab_wait_sent(l, SEC(5));
    }
    mlab_skip(l);
    mlab_in(l, 1, ". 1(0) ack 1 mpc");
    goes_on_as_mptcp(l);
    mlab_free(l);
}

static void test_third_ack_lost_and_data_comes(void **state) { /* M-HSK-07, -17, M-DAK-02 */
    struct mlab *l = mlab_new(&server);
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_skip(l);
    mlab_in(l, 1, "P. 1(16) ack 1 mpc");
    mlab_want(l, 1, ". 1(0) ack 17 dss ack 17");
    assert_int_equal(mlab_conn(l)->mode, MP_FULL);
    mlab_recv(l, 16);
    mlab_in(l, 1, ". 1(0) ack 1 mpc"); /* late */
    mlab_skip(l);
    mlab_send(l, 3);
    mlab_want(l, 1, "P. 1(3) ack 17 dss ack 17 map 1:1+3");
    mlab_free(l);
}

static void test_plain_data_instead_of_third_ack(void **state) { /* M-HSK-18, M-MBX-04 */
    struct mlab *l = mlab_new(&server);
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_skip(l);
    goes_on_as_tcp(l);
    mlab_free(l);
}

static void test_dss_overtakes_the_keys(void **state) { /* M-INI-26, M-HSK-05: it cannot stand in for the third ACK */
    struct mlab *l = mlab_new(&server);
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_skip(l);
    assert_int_equal(mlab_in(l, 1, "P. 101(50) ack 1 dss ack32 1 map 101:101+50"), DROP_MP_NOT_ESTABLISHED);
    assert_int_equal(mlab_in(l, 1, ". 1(0) ack 1 dss ack32 1 map 151:0+1 fin"), DROP_MP_NOT_ESTABLISHED);
    mlab_want_none(l);
    mlab_in(l, 1, "P. 1(100) ack 1 mpc");
    mlab_want(l, 1, ". 1(0) ack 101 dss ack 101");
    mlab_in(l, 1, "P. 101(50) ack 1 dss ack32 1 map 101:101+50");
    mlab_want(l, 1, ". 1(0) ack 151 dss ack 151");
    mlab_recv(l, 150);
    mlab_free(l);
}

static void test_reset_instead_of_third_ack(void **state) {
    struct mlab *l = mlab_new(&server);
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_skip(l);
    mlab_in(l, 1, "R. 1(0) ack 1 dss ack32 1");
    mlab_want_none(l);
    assert_null(mlab_conn(l));
    assert_int_equal(l->s->mp.tokens.table.count, 0); /* M-KEY-13 */
    mlab_free(l);
}

static void test_server_first_data_in_pieces(void **state) { /* M-HSK-10, -11 */
    static const char *const pieces[2][3] = {
        {". 1(1000) ack 1 mpc len 3000", ". 1001(1000) ack 1 mpc len 3000", "P. 2001(1000) ack 1 mpc len 3000"},
        {". 1(1000) ack 1 mpc len 3000", ". 1001(1000) ack 1", "P. 2001(1000) ack 1"},
    };
    (void)state;
    for (int repeated = 0; repeated < 2; repeated++) {
        struct mlab *l = mlab_new_open(&server);
        for (int i = 0; i < 3; i++)
            mlab_in(l, 1, pieces[repeated][i]);
        mlab_recv(l, 3000);
        mlab_skip(l);
        assert_int_equal(mlab_conn(l)->mode, MP_FULL);
        mlab_free(l);
    }
}

/* M-HSK-17, M-MAP-06: what completes comes out of order */
static void test_first_data_is_the_last_piece(void **state) {
    struct mlab *l = mlab_new_open(&server);
    (void)state;
    mlab_in(l, 1, "P. 1001(500) ack 1 mpc len 1500");
    mlab_want(l, 1, ". 1(0) ack 1 dss ack 1");
    mlab_recv(l, 0);
    mlab_in(l, 1, ". 1(1000) ack 1 mpc len 1500");
    mlab_want(l, 1, ". 1(0) ack 1501 dss ack 1501");
    mlab_recv(l, 1500);
    mlab_free(l);
}

/* M-HSK-12: there although not negotiated, and the reverse */
static void test_first_data_other_checksum_form(void **state) {
    struct umptcp_config cfg = with_csum();
    struct mlab *l = mlab_new_open(&server);
    (void)state;
    mlab_in(l, 1, "P. 1(5) ack 1 mpc csum good");
    mlab_want(l, 1, "R. 1(0) tcprst 1");
    mlab_free(l);
    l = mlab_new_open(&(struct mlab_options){.server = true, .cfg = &cfg});
    mlab_in(l, 1, "P. 1(5) ack 1 mpc csum none");
    mlab_want(l, 1, "R. 1(0) tcprst 1");
    mlab_free(l);
}

static void test_first_data_bad_checksum(void **state) { /* M-HSK-13 */
    struct umptcp_config cfg = with_csum();
    struct mlab *l = mlab_new_open(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_in(l, 1, "P. 1(5) ack 1 mpc csum bad");
    mlab_want(l, 1, ". 1(0) ack 6 dss ack 1 fail 1");
    assert_int_equal(mlab_mib(l, MIB_DATA_CSUM_ERR), 1);
    assert_int_equal(mlab_mib(l, MIB_MP_FAIL_TX), 1);
    assert_int_equal(mlab_drops(l, DROP_MP_CSUM), 1);
    mlab_free(l);
}

static void test_first_data_with_foreign_keys(void **state) { /* M-INI-31 */
    struct mlab *l = mlab_new_open(&server);
    (void)state;
    mlab_in(l, 1, "P. 1(5) ack 1 mpc key bad");
    mlab_skip(l);
    assert_int_equal(mlab_conn(l)->mode, MP_FALLBACK); /* no mapping, no option that counts: it is as if stripped */
    mlab_recv(l, 5);
    mlab_free(l);
}

static void test_mptcp_disabled(void **state) { /* M-INI-23 */
    struct umptcp_config cfg = mlab_config();
    cfg.mptcp_enabled = false;
    struct mlab *l = mlab_new(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_want(l, 1, "S. 0(0) ack 1");
    mlab_in(l, 1, ". 1(0) ack 1 mpc");
    goes_on_as_tcp(l);
    mlab_free(l);
}

static void test_deny_join_flag(void **state) { /* M-INI-17 */
    struct umptcp_config cfg = mlab_config();
    cfg.allow_join_initial_addr_port = false;
    struct mlab *l = mlab_new(&(struct mlab_options){.server = true, .cfg = &cfg});
    (void)state;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    assert_bytes(l, 1, "1e0c01211122334455667788");
    mlab_free(l);
}

/* ---- Fully established ------------------------------------------------------------------------------------------- */

static void test_no_join_before_dss(void **state) { /* M-HSK-14, -15 */
    const struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW};
    struct umptcp_endpoint second = ep;
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    assert_int_equal(umptcp_addr_parse("10.0.2.1", &second.addr.addr), 0);
    assert_true(umptcp_endpoint_add(l->s, &second, l->now) > 0);
    mlab_wait(l, SEC(1));
    mlab_want_none(l);
    mlab_in(l, 1, ". 1(0) ack 1"); /* no DSS */
    mlab_want_none(l);
    mlab_in(l, 1, ". 1(0) ack 1 dss ack32 1");
    mlab_want(l, 2, "S 0(0) mpj id 1");
    mlab_want_none(l);
    mlab_free(l);
}

static void test_add_addr_establishes(void **state) { /* as Linux, an ADD_ADDR proves that the key arrived */
    struct mlab *l = mlab_new_open(NULL);
    (void)state;
    mlab_in(l, 1, ". 1(0) ack 1 add 5 10.0.3.2");
    assert_int_equal(mlab_conn(l)->mode, MP_FULL);
    mlab_want(l, 1, ". 1(0) ack 1 echo 5 10.0.3.2");
    mlab_free(l);
}

static void test_over_ipv6(void **state) {
    struct mlab *l = mlab_new_open(&(struct mlab_options){.v6 = true});
    (void)state;
    goes_on_as_mptcp(l);
    mlab_free(l);
    l = mlab_new_open(&(struct mlab_options){.v6 = true, .server = true});
    goes_on_as_mptcp(l);
    mlab_free(l);
}

/* ---- Without memory ---------------------------------------------------------------------------------------------- */

static bool handshake_round(bool is_server, uint64_t fail_at) {
    struct mlab *l = mlab_new_open(&(struct mlab_options){.server = is_server, .fail_at = fail_at});
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_skip(l);
    mlab_recv(l, 5);
    mlab_send(l, 5);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 dss ack 6");
    mlab_wait(l, SEC(3));
    mlab_skip(l);
    return mlab_free_refused(l);
}

static void test_without_memory(void **state) {
    (void)state;
    for (int role = 0; role < 2; role++) {
        uint64_t n = 1;
        while (handshake_round(role, n))
            n++;
        assert_true(n > 5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_opens),
        cmocka_unit_test(test_client_asks_for_checksums),
        cmocka_unit_test(test_server_asks_client_for_checksums),
        cmocka_unit_test(test_client_first_data),
        cmocka_unit_test(test_client_first_data_csum),
        cmocka_unit_test(test_client_first_data_in_pieces),
        cmocka_unit_test(test_server_speaks_first),
        cmocka_unit_test(test_first_data_cross),
        cmocka_unit_test(test_client_third_ack_lost),
        cmocka_unit_test(test_client_ends_before_keys_arrived),
        cmocka_unit_test(test_synack_says_tcp),
        cmocka_unit_test(test_corrupt_synack_is_mptcp_no_more),
        cmocka_unit_test(test_tcp_only),
        cmocka_unit_test(test_syn_without_option),
        cmocka_unit_test(test_late_answer_to_mptcp_syn),
        cmocka_unit_test(test_blackhole_is_remembered),
        cmocka_unit_test(test_no_blackhole_when_plain_syns_are_lost_too),
        cmocka_unit_test(test_connect_times_out),
        cmocka_unit_test(test_connect_refused),
        cmocka_unit_test(test_simultaneous_open),
        cmocka_unit_test(test_end_in_simultaneous_open),
        cmocka_unit_test(test_server_opens),
        cmocka_unit_test(test_server_checksum_combinations),
        cmocka_unit_test(test_checksum_flag_in_third_ack_counts),
        cmocka_unit_test(test_syn_says_tcp),
        cmocka_unit_test(test_syn_of_another_dialect),
        cmocka_unit_test(test_third_ack_says_tcp),
        cmocka_unit_test(test_plain_syn_between),
        cmocka_unit_test(test_synack_again),
        cmocka_unit_test(test_third_ack_lost_and_data_comes),
        cmocka_unit_test(test_plain_data_instead_of_third_ack),
        cmocka_unit_test(test_dss_overtakes_the_keys),
        cmocka_unit_test(test_reset_instead_of_third_ack),
        cmocka_unit_test(test_server_first_data_in_pieces),
        cmocka_unit_test(test_first_data_is_the_last_piece),
        cmocka_unit_test(test_first_data_other_checksum_form),
        cmocka_unit_test(test_first_data_bad_checksum),
        cmocka_unit_test(test_first_data_with_foreign_keys),
        cmocka_unit_test(test_mptcp_disabled),
        cmocka_unit_test(test_deny_join_flag),
        cmocka_unit_test(test_no_join_before_dss),
        cmocka_unit_test(test_add_addr_establishes),
        cmocka_unit_test(test_over_ipv6),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
