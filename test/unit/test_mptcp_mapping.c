/* SPDX-License-Identifier: BSD-3-Clause */
/* Data sequence mappings of the peer, in every form and order, and our own (RFC 8684 3.3.1). */
#include "mptcplab.h"

#include <errno.h>
#include <stdio.h>

/* IDSN f88b3941fffffa5a: the low half wraps after 1446 bytes. */
#define KEY_WRAPS_SOON 0x3d9a2u

static struct umptcp_config with_csum(void) {
    struct umptcp_config cfg = mlab_config();
    cfg.checksum_enabled = true;
    return cfg;
}

/* Both ends have seen a DSS with a 64-bit number, and five bytes came. */
static struct mlab *begun(const struct mlab_options *o) {
    struct mlab *l = mlab_new_full(o);
    mlab_in(l, 1, "P. 1(5) ack 1 dss ack 1 map 1:1+5");
    mlab_want(l, 1, ". 1(0) ack 6 dss ack 6");
    mlab_recv(l, 5);
    return l;
}

/* ---- Forms --------------------------------------------------------------------------------------------------------
 */

static void test_all_widths(void **state) { /* M-DSS-01, -02, -07, M-MAP-19, M-DAK-02, -03, -04 */
    struct umptcp_config cfgs[2] = {mlab_config(), with_csum()};
    (void)state;
    for (int csum = 0; csum < 2; csum++) {
        struct mlab *l = mlab_new_full(&(struct mlab_options){.cfg = &cfgs[csum]});
        mlab_in(l, 1, "P. 1(5) ack 1 dss map32 1:1+5");
        mlab_want(l, 1, ". 1(0) ack 6 dss ack32 6");
        mlab_in(l, 1, "P. 6(5) ack 1 dss ack32 1 map32 6:6+5");
        mlab_want(l, 1, ". 1(0) ack 11 dss ack32 11");
        mlab_in(l, 1, "P. 11(5) ack 1 dss ack 1 map32 11:11+5");
        mlab_want(l, 1, ". 1(0) ack 16 dss ack32 16");
        mlab_in(l, 1, "P. 16(5) ack 1 dss map 16:16+5"); /* from here on we answer in 64 bits */
        mlab_want(l, 1, ". 1(0) ack 21 dss ack 21");
        mlab_in(l, 1, "P. 21(5) ack 1 dss ack32 1 map 21:21+5");
        mlab_want(l, 1, ". 1(0) ack 26 dss ack 26");
        mlab_in(l, 1, "P. 26(5) ack 1 dss ack 1 map 26:26+5");
        mlab_want(l, 1, ". 1(0) ack 31 dss ack 31");
        mlab_in(l, 1, "P. 31(5) ack 1 dss ack 1 map32 31:31+5");
        mlab_want(l, 1, ". 1(0) ack 36 dss ack 36");
        mlab_recv(l, 35);
        mlab_send(l, 5);
        mlab_want(l, 1, "P. 1(5) ack 36 dss ack 36 map 1:1+5");
        mlab_in(l, 1, ". 36(0) ack 6 dss ack32 6");
        mlab_send(l, 5);
        mlab_want(l, 1, "P. 6(5) ack 36 dss ack 36 map 6:6+5");
        mlab_in(l, 1, ". 36(0) ack 11 dss ack 11");
        assert_int_equal(mlab_info(l).bytes_acked, 10);
        mlab_free(l);
    }
}

static void test_bytes_on_the_wire(void **state) { /* M-DSS-03, M-MAP-01: all fields, as octets */
    struct umptcp_config cfg = with_csum();
    struct mlab *l = begun(&(struct mlab_options){.cfg = &cfg});
    (void)state;
    mlab_send(l, 3);
    assert_memory_equal(mlab_bytes(l, 1), "1e1c200ff9fb2ac1ea2ce0d862815714b76ae9a6000000010003", 52);
    mlab_want(l, 1, "P. 1(3) ack 6 dss ack 6 map 1:1+3");
    mlab_free(l);
}

static void test_reserved_bits(void **state) { /* M-GEN-12 */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_send(l, 5);
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 6 raw 1e082fe1b76ae9ab"); /* DATA_ACK 6 with all that is reserved */
    assert_int_equal(mlab_info(l).bytes_acked, 5);
    mlab_free(l);
}

static void test_flags_without_their_fields(void **state) { /* M-DSS-01, -09: a without A, m without M, F without M */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(0) ack 1 raw 1e04201a");
    mlab_want_none(l);
    assert_int_equal(mlab_info(l).state, UMPTCP_ESTABLISHED);
    assert_true(mlab_info(l).is_mptcp);
    mlab_free(l);
}

static void test_malformed(void **state) { /* M-GEN-03, M-DSS-02: of a wrong length, it is not there */
    static const char *const bad[] = {
        ". 6(0) ack 1 raw 1e1d200f000102030405060708090a0b0c0d0e0f101112131415161718010101", /* 29 bytes */
        ". 6(0) ack 1 raw 1e07200100010201",                                                 /* half a DATA_ACK */
        ". 6(0) ack 1 raw 1e112005b76ae9abea2ce0d80000000600 raw 050001",                    /* one byte too many */
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mlab *l = begun(NULL);
        mlab_in(l, 1, bad[i]);
        assert_int_equal(mlab_drops(l, DROP_MP_OPTION), 1);
        mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+5");
        mlab_want(l, 1, ". 1(0) ack 11 dss ack 11");
        mlab_free(l);
    }
}

static void test_beyond_the_header(void **state) { /* M-GEN-03 */
    static const char *const bad[] = {". 6(0) ack 1 raw 1e282001", ". 6(0) ack 1 raw 1e002001",
                                      ". 6(0) ack 1 raw 0101011e"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mlab *l = begun(NULL);
        mlab_in(l, 1, bad[i]);
        mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+5");
        mlab_want(l, 1, ". 1(0) ack 11 dss ack 11");
        mlab_free(l);
    }
}

static void test_unknown_options_beside(void **state) { /* M-GEN-01, -02, M-MBX-48 */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 1 dss ack32 1 map32 6:6+5 raw 1e04b001 raw 1e06f0000000 raw 0101");
    mlab_want(l, 1, ". 1(0) ack 11 dss ack 11");
    for (int subtype = 9; subtype < 16; subtype++) {
        char text[60];
        snprintf(text, sizeof text, ". 11(0) ack 1 dss ack32 1 raw 1e04%x000", (unsigned)subtype);
        mlab_in(l, 1, text);
        mlab_want_none(l);
    }
    mlab_recv(l, 5);
    mlab_free(l);
}

static void test_two_of_them(void **state) { /* M-DSS-10, M-GEN-10 */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 1 dss map32 6:6+5 dss map32 6:6+5");
    mlab_want(l, 1, ". 1(0) ack 11 dss ack 11");
    mlab_in(l, 1, "P. 11(5) ack 1 at 11 dss map32 11:11+5 dss map32 100:11+5"); /* the first counts */
    mlab_want(l, 1, ". 1(0) ack 16 dss ack 16");
    mlab_recv(l, 10);
    mlab_free(l);
}

/* ---- Mapping and data -------------------------------------------------------------------------------------------- */

static void test_one_mapping_many_segments(void **state) { /* M-MAP-05, M-MBX-22 */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(1000) ack 1 dss ack 1 map 6:6+3000");
    mlab_want(l, 1, ". 1(0) ack 1006 dss ack 1006");
    mlab_in(l, 1, ". 1006(1000) ack 1 dss ack 1");
    mlab_in(l, 1, "P. 2006(1000) ack 1");
    mlab_skip(l);
    mlab_recv(l, 3000);
    mlab_free(l);
}

static void test_split_segments_repeat_the_option(void **state) { /* M-GEN-10, M-MBX-21 */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(1000) ack 1 dss ack 1 map 6:6+3000");
    mlab_in(l, 1, ". 2006(1000) ack 1 dss ack 1 map 6:6+3000");
    mlab_in(l, 1, ". 1006(1000) ack 1 dss ack 1 map 6:6+3000");
    mlab_skip(l);
    mlab_recv(l, 3000);
    mlab_in(l, 1, ". 6(1000) ack 1 dss ack 1 map 6:6+3000"); /* and again, long after */
    mlab_want(l, 1, ". 1(0) ack 3006 dss ack 3006");
    mlab_in(l, 1, ". 3006(0) ack 1 dss ack 1 map 6:6+3000");
    mlab_recv(l, 0);
    assert_int_equal(mlab_sf(l, 1)->rx_maps.count, 0);
    mlab_free(l);
}

static void test_mapping_on_the_last_piece(void **state) { /* M-MAP-06, -12, -13, -14, M-MBX-22 */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(1000) ack 1 dss ack 1");
    mlab_want(l, 1, ". 1(0) ack 1006"); /* acknowledged on the subflow, not in the stream */
    mlab_recv(l, 0);
    mlab_wait(l, MSEC(50));
    mlab_in(l, 1, "P. 1006(1000) ack 1 dss ack 1 map 6:6+2000");
    mlab_want(l, 1, ". 1(0) ack 2006 dss ack 2006");
    mlab_recv(l, 2000);
    mlab_wait(l, SEC(2));
    assert_true(mlab_info(l).is_mptcp);
    mlab_free(l);
}

static void test_mapping_after_its_data(void **state) { /* M-MAP-06: it comes on a later segment without payload */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(1000) ack 1 dss ack 1");
    mlab_skip(l);
    mlab_in(l, 1, ". 1006(0) ack 1 dss ack 1 map 6:6+1000");
    mlab_recv(l, 1000);
    mlab_wait(l, SEC(2));
    mlab_skip(l);
    assert_true(mlab_info(l).is_mptcp);
    mlab_in(l, 1, ". 1006(1000) ack 1 dss ack 1"); /* or with the next payload, whose own is missing */
    mlab_in(l, 1, "P. 2006(5) ack 1 dss ack 1 map 1006:1006+1000");
    mlab_recv(l, 1000);
    mlab_in(l, 1, "P. 2011(5) ack 1 dss ack 1 map 2006:2006+10");
    mlab_recv(l, 10);
    mlab_free(l);
}

static void test_mapping_before_its_data(void **state) { /* M-MAP-26: within the window it is kept */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(0) ack 1 dss ack 1 map 1006:1006+1000");
    mlab_in(l, 1, ". 6(0) ack 1 dss ack 1 map 6:6+1000");
    mlab_want_none(l);
    mlab_in(l, 1, ". 6(1000) ack 1 dss ack 1");
    mlab_in(l, 1, ". 1006(1000) ack 1 dss ack 1");
    mlab_skip(l);
    mlab_recv(l, 2000);
    mlab_free(l);
}

static void test_partly_mapped(void **state) { /* M-MAP-27, M-MBX-23: coalesced, with the option of the first */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, "P. 6(10) ack 1 dss ack 1 map 6:6+6");
    mlab_want(l, 1, ". 1(0) ack 16");
    mlab_recv(l, 6);
    mlab_in(l, 1, "P. 16(4) ack 1 dss ack 1 map 12:12+8");
    mlab_want(l, 1, ". 1(0) ack 20 dss ack 20");
    mlab_recv(l, 8);
    mlab_free(l);
}

static void test_segment_over_two_mappings(void **state) {
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, ". 6(0) ack 1 dss ack 1 map 12:12+10");
    mlab_in(l, 1, "P. 6(16) ack 1 dss ack 1 map 6:6+6");
    mlab_want(l, 1, ". 1(0) ack 22 dss ack 22");
    mlab_recv(l, 16);
    mlab_free(l);
}

static void test_overlapping_retransmission(void **state) { /* one part came, the segment begins before it */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+20");
    mlab_skip(l);
    mlab_in(l, 1, "P. 6(20) ack 1 dss ack 1 map 6:6+20");
    mlab_want(l, 1, ". 1(0) ack 26 dss ack 26");
    mlab_recv(l, 20);
    mlab_free(l);
}

static void test_conflicts(void **state) { /* M-MAP-25: the first one stays */
    static const char *const others[] = {
        "P. 16(10) ack 1 at 16 dss ack 1 map 500:6+20", /* another place in the stream */
        "P. 16(10) ack 1 at 16 dss ack 1 map 16:16+10", /* another cut */
        "P. 16(10) ack 1 at 16 dss ack 1 map 6:6+30",   /* longer */
        "P. 16(10) ack 1 at 16 dss ack 1 map 9:9+100",  /* overlapping */
    };
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct mlab *l = begun(NULL);
        mlab_in(l, 1, "P. 6(10) ack 1 dss ack 1 map 6:6+20");
        mlab_skip(l);
        assert_int_equal(mlab_in(l, 1, others[i]), DROP_MP_MAP_BAD);
        assert_int_equal(mlab_mib(l, MIB_DSS_NOT_MATCHING), 1);
        mlab_recv(l, 20);
        assert_true(mlab_info(l).is_mptcp);
        mlab_free(l);
    }
}

static void test_too_far_ahead(void **state) { /* M-MAP-26, M-RCV-05 */
    struct mlab *l = begun(NULL);
    (void)state;
    size_t used = umptcp_mem_used(l->s);
    for (int i = 0; i < 50; i++) {
        char text[80];
        snprintf(text, sizeof text, ". 6(0) ack 1 dss ack 1 map %d:%d+10", 200000 + i * 10, 200000 + i * 10);
        assert_int_equal(mlab_in(l, 1, text), DROP_MP_MAP_BAD);
    }
    assert_int_equal(mlab_mib(l, MIB_DSS_NO_MATCH_TCP), 50);
    assert_int_equal(umptcp_mem_used(l->s), used);
    mlab_free(l);
}

static void test_flood_of_mappings(void **state) { /* M-MAP-30 */
    struct mlab *l = begun(NULL);
    uint32_t full = 0;
    (void)state;
    for (int i = 0; i < RX_MAPS_MAX + 50; i++) {
        char text[80];
        snprintf(text, sizeof text, ". 6(0) ack 1 dss ack 1 map %d:%d+1", 7 + 2 * i, 7 + 2 * i);
        full += mlab_in(l, 1, text) == DROP_MP_MAP_FULL;
    }
    assert_int_equal(full, 50);
    assert_int_equal(mlab_sf(l, 1)->rx_maps.count, RX_MAPS_MAX);
    mlab_in(l, 1, "P. 6(1) ack 1 dss ack 1 map 6:6+1"); /* no room for it either: its byte waits */
    mlab_in(l, 1, ". 7(1) ack 1 dss ack 1");
    mlab_in(l, 1, ". 8(1) ack 1 dss ack 1 map 6:6+1");
    mlab_skip(l);
    assert_true(mlab_conn(l) != NULL);
    mlab_free(l);
}

static void test_longest(void **state) { /* M-MAP-28 */
    struct mlab *l = begun(NULL);
    (void)state;
    char text[80];
    uint32_t at = 6;
    for (; at < 6 + 65000; at += 1000) {
        snprintf(text, sizeof text, ". %u(1000) ack 1 dss ack 1 map 6:6+65535", at);
        mlab_in(l, 1, text);
        mlab_recv(l, 1000);
    }
    mlab_in(l, 1, "P. 65006(535) ack 1");
    mlab_recv(l, 535);
    assert_int_equal(mlab_info(l).bytes_received, 65540);
    assert_int_equal(mlab_sf(l, 1)->rx_maps.count, 0);
    mlab_free(l);
}

/* ---- Numbers that wrap ------------------------------------------------------------------------------------------- */

static void receive_and_send(struct mlab *l, bool wide) {
    char text[100];
    uint32_t at = 1;
    for (; at < 4001; at += 500) {
        snprintf(text, sizeof text, "P. %u(500) ack %u dss %s %u %s %u:%u+500", at, at, wide ? "ack" : "ack32", at,
                 wide ? "map" : "map32", at, at);
        mlab_in(l, 1, text);
        mlab_skip(l);
        mlab_recv(l, 500);
        assert_int_equal(mlab_info(l).bytes_acked, at - 1);
        mlab_send(l, 500);
        snprintf(text, sizeof text, "P. %u(500) ack %u dss %s %u map %u:%u+500", at, at + 500, wide ? "ack" : "ack32",
                 at + 500, at, at);
        mlab_want(l, 1, text);
    }
    assert_int_equal(mlab_info(l).bytes_received, 4000);
}

static void test_low_half_wraps(void **state) { /* M-MAP-17, -21, M-DAK-15 */
    (void)state;
    for (int role = 0; role < 2; role++)
        for (int wide = 0; wide < 2; wide++) {
            struct mlab *l = mlab_new_full(
                &(struct mlab_options){.server = role, .key = KEY_WRAPS_SOON, .peer_key = KEY_WRAPS_SOON + 1});
            receive_and_send(l, wide);
            mlab_free(l);
            l = mlab_new_full(&(struct mlab_options){.server = role, .peer_key = KEY_WRAPS_SOON});
            receive_and_send(l, wide);
            mlab_free(l);
        }
}

static void test_all_of_it_wraps(void **state) { /* M-MAP-17, -28 */
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        struct mlab *l = mlab_new_full(NULL);
        mlab_renumber(l, 0u - (uint64_t)1234, 0u - (uint64_t)777);
        receive_and_send(l, wide);
        mlab_shutdown(l);
        mlab_skip(l);
        mlab_in(l, 1,
                wide ? ". 4001(0) ack 4001 dss ack 4002 map 4001:0+1 fin"
                     : ". 4001(0) ack 4001 dss ack32 4002 map32 4001:0+1 fin");
        mlab_recv_end(l);
        mlab_closed(l, 0);
        mlab_free(l);
    }
}

static void test_old_number_after_the_wrap(void **state) { /* M-MAP-22: no false wrap */
    struct mlab *l = mlab_new_full(&(struct mlab_options){.peer_key = KEY_WRAPS_SOON});
    (void)state;
    mlab_join_in(l, 2, 2, 7);
    mlab_in(l, 1, "P. 1(1400) ack 1 dss ack 1 map32 1:1+1400");
    mlab_in(l, 1, "P. 1401(1000) ack 1 dss ack 1 map32 1401:1401+1000");
    mlab_skip(l);
    mlab_recv(l, 2400);
    assert_int_equal(mlab_in(l, 2, "P. 1(1000) ack 1 dss ack 1 map32 401:1+1000"), DROP_MP_DSN_OLD);
    mlab_want(l, 2, ". 1(0) ack 1001 dss ack32 2401");
    mlab_in(l, 2, "P. 1001(500) ack 1 dss ack 1 map32 2901:1001+500"); /* beyond a hole, beyond the wrap */
    mlab_in(l, 1, "P. 2401(500) ack 1 dss ack 1 map32 2401:2401+500");
    mlab_recv(l, 1000);
    mlab_free(l);
}

/* M-MAP-01, M-MBX-19: SSN are relative, whatever TCP's numbers are */
static void test_subflow_numbers_wrap(void **state) {
    struct mlab *l = mlab_new(&(struct mlab_options){.server = true});
    (void)state;
    l->flow[1].peer_isn.v = 0xfffffff0u;
    mlab_in(l, 1, "S 0(0) mss 1024 sackok mpc");
    mlab_skip(l);
    mlab_in(l, 1, ". 1(0) ack 1 mpc");
    mlab_in(l, 1, ". 1(0) ack 1 dss ack32 1");
    mlab_in(l, 1, "P. 1(100) ack 1 dss ack 1 map 1:1+100");
    mlab_want(l, 1, ". 1(0) ack 101 dss ack 101");
    mlab_recv(l, 100);
    mlab_free(l);
}

/* ---- Checksums not as agreed ------------------------------------------------------------------------------------- */

static void test_checksum_not_as_agreed(void **state) { /* M-DSS-04, -05, -06 */
    struct umptcp_config cfgs[2] = {mlab_config(), with_csum()};
    (void)state;
    for (int csum = 0; csum < 2; csum++) {
        const char *odd =
            csum ? "P. 1(5) ack 1 dss ack 1 map 6:1+5 csum none" : "P. 1(5) ack 1 dss ack 1 map 6:1+5 csum good";
        struct mlab *l = begun(&(struct mlab_options){.cfg = &cfgs[csum]});
        mlab_join_in(l, 2, 2, 7);
        assert_int_equal(mlab_in(l, 2, odd), DROP_MP_MAP_BAD);
        mlab_want(l, 2, "R. 1(0) tcprst 1");
        mlab_want_none(l);
        mlab_recv(l, 0);
        assert_true(mlab_info(l).is_mptcp);
        mlab_free(l);
    }
}

static void test_checksum_not_as_agreed_alone(void **state) { /* M-DSS-04, -06: on the only subflow too */
    struct mlab *l = begun(NULL);
    (void)state;
    assert_int_equal(mlab_in(l, 1, "P. 6(5) ack 1 dss ack 1 map 6:6+5 csum good"), DROP_MP_MAP_BAD);
    mlab_want(l, 1, "R. 1(0) tcprst 1");
    mlab_recv(l, 0);
    mlab_free(l);
}

/* ---- Our own ------------------------------------------------------------------------------------------------------
 */

static void test_sent_mappings(void **state) { /* M-MAP-02, M-FBK-03: one over several segments, on each of them */
    struct mlab *l = begun(NULL);
    (void)state;
    mlab_send(l, 2500);
    mlab_want(l, 1, ". 1(996) ack 6 dss ack 6 map 1:1+2500");
    mlab_want(l, 1, ". 997(996) ack 6 dss ack 6 map 1:1+2500");
    mlab_want(l, 1, "P. 1993(508) ack 6 dss ack 6 map 1:1+2500");
    mlab_in(l, 1, ". 6(0) ack 997 dss ack 997"); /* partly acknowledged */
    assert_int_equal(mlab_sf(l, 1)->tx_maps.count, 1);
    mlab_wait_sent(l, SEC(2)); /* the rest once more: the same mapping (the lab sees to that) */
    mlab_skip(l);
    mlab_in(l, 1, ". 6(0) ack 2501 dss ack 2501");
    assert_int_equal(mlab_sf(l, 1)->tx_maps.count, 0);
    assert_int_equal(bytebuf_chunks(&mlab_conn(l)->sndbuf), 0);
    mlab_free(l);
}

/* M-MAP-29: a super-segment is never longer than a mapping */
static void test_sent_mappings_are_bounded(void **state) {
    struct umptcp_config cfg = mlab_config();
    cfg.window_scaling = true;
    cfg.wmem_default = 2000000;
    cfg.initial_cwnd = 200;
    struct mlab *l = mlab_new(&(struct mlab_options){.cfg = &cfg});
    (void)state;
    mlab_connect(l, 0);
    mlab_skip(l);
    mlab_in(l, 1, "S. 0(0) ack 1 win 65535 mss 1024 ws 7 sackok mpc");
    mlab_skip(l);
    mlab_in(l, 1, ". 1(0) ack 1 dss ack32 1");
    mlab_send(l, 180000);
    uint32_t n = mlab_sf(l, 1)->tx_maps.count;
    assert_in_range(n, 3, 4);
    for (uint32_t i = 0; i < n; i++) {
        const struct tx_map *m = deque_at(&mlab_sf(l, 1)->tx_maps, i);
        assert_in_range(m->len, 1, 65535);
    }
    mlab_skip(l);
    mlab_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_widths),
        cmocka_unit_test(test_bytes_on_the_wire),
        cmocka_unit_test(test_reserved_bits),
        cmocka_unit_test(test_flags_without_their_fields),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_beyond_the_header),
        cmocka_unit_test(test_unknown_options_beside),
        cmocka_unit_test(test_two_of_them),
        cmocka_unit_test(test_one_mapping_many_segments),
        cmocka_unit_test(test_split_segments_repeat_the_option),
        cmocka_unit_test(test_mapping_on_the_last_piece),
        cmocka_unit_test(test_mapping_after_its_data),
        cmocka_unit_test(test_mapping_before_its_data),
        cmocka_unit_test(test_partly_mapped),
        cmocka_unit_test(test_segment_over_two_mappings),
        cmocka_unit_test(test_overlapping_retransmission),
        cmocka_unit_test(test_conflicts),
        cmocka_unit_test(test_too_far_ahead),
        cmocka_unit_test(test_flood_of_mappings),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_low_half_wraps),
        cmocka_unit_test(test_all_of_it_wraps),
        cmocka_unit_test(test_old_number_after_the_wrap),
        cmocka_unit_test(test_subflow_numbers_wrap),
        cmocka_unit_test(test_checksum_not_as_agreed),
        cmocka_unit_test(test_checksum_not_as_agreed_alone),
        cmocka_unit_test(test_sent_mappings),
        cmocka_unit_test(test_sent_mappings_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
