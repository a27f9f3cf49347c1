/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes that change or lose data, mappings and acknowledgments (RFC 8684 6, 3.3, 3.7): between two stacks. */
#include "boxlab.h"

#include <errno.h>
#include <stdio.h>

static struct boxlab l;

static uint64_t both_count(const char *counter) { return client_counts(&l, counter) + server_counts(&l, counter); }
static uint64_t reinjected(void) { return l.info[CLIENT].bytes_reinjected + l.info[SERVER].bytes_reinjected; }

static void open_one(const char *box, bool v6) { boxlab_open(&l, &(struct boxlab_options){.box = {box}, .v6 = v6}); }

/* Two paths, and this on each of them: MPTCP goes on over both. */
static void both_go_on(const char *box, bool v6, uint32_t loss) {
    boxlab_open(&l,
                &(struct boxlab_options){
                    .box = {box, box}, .paths = 2, .v6 = v6, .loss = loss, .to_server = 300000, .to_client = 300000});
    boxlab_is_mptcp(&l, 2);
}

/* ---- No mappings any more ---------------------------------------------------------------------------------------- */

static void test_dss_stripped_later_alone(void **state) { /* M-MBX-16 */
    (void)state;
    static const char *const boxes[] = {"strip:option=mptcp,on=nonsyn,after=30",
                                        "strip:option=mptcp,dir=fwd,on=nonsyn,after=30",
                                        "strip:option=mptcp,dir=rev,on=nonsyn,after=30"};
    BOXLAB_FAMILIES for (int i = 0; i < 3; i++) {
        int errors[2];
        boxlab_start(&l, &(struct boxlab_options){.box = {boxes[i]}, .v6 = v6, .fails = true});
        boxlab_fail(&l, errors); /* sees that no wrong byte came */
        bool all = transfer_delivered(&l.t) && !errors[CLIENT] && !errors[SERVER];
        assert_true(all || errors[CLIENT] || errors[SERVER]);
    }
}

static void test_dss_truncated(void **state) { /* M-MBX-49 */
    (void)state;
    BOXLAB_FAMILIES {
        open_one("truncate:option=dss,by=3", v6);
        boxlab_is_tcp(&l);
        assert_true(both_count("UmptcpDropMpOption") > 0);
        boxlab_finish(&l);
        boxlab_open(&l, &(struct boxlab_options){.box = {NULL, "truncate:option=dss,by=3"}, .paths = 2, .v6 = v6});
        for (int h = 0; h < 2; h++)
            assert_true(l.info[h].is_mptcp);
        assert_int_equal(l.t.fallbacks, 0);
        assert_true(l.t.subflows_down[CLIENT] > 0);
        boxlab_finish(&l);
    }
}

/* M-MBX-15, M-FBK-09: a path that loses its mappings each time is not opened each time. */
static void test_path_without_mappings_is_left(void **state) {
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){.box = {NULL, "strip:option=dss,dir=rev"}, .paths = 2, .v6 = v6});
        for (int i = 0; i < 10; i++) {
            boxlab_more(&l, 20000, 20000);
            boxlab_deliver(&l);
            boxlab_wait(&l, 500 * MS);
        }
        boxlab_is_mptcp(&l, 1);
        assert_int_equal(l.t.subflows_down[CLIENT], 1);
        boxlab_finish(&l);
    }
}

/*
 * M-MBX-49, M-FBK-20: each subflow is reset before a mapping is complete. The next ones fare no better, and that is
 * seen.
 */
static void test_no_mapping_is_ever_complete(void **state) {
    (void)state;
    static const char box[] = "truncate:option=dss,by=2,every=9";
    BOXLAB_FAMILIES {
        int errors[2];
        boxlab_start(
            &l, &(struct boxlab_options){
                    .box = {box, box}, .paths = 2, .v6 = v6, .csum = true, .to_server = BOXLAB_NOTHING, .fails = true});
        boxlab_wait(&l, 60 * S);
        assert_true(l.t.end[CLIENT].close_told || l.t.end[SERVER].close_told);
        boxlab_fail(&l, errors);
        assert_true(errors[CLIENT] && errors[SERVER]);
    }
}

/* ---- Sequence numbers -------------------------------------------------------------------------------------------- */

static void test_sequence_numbers_rewritten(void **state) { /* M-MBX-19 */
    (void)state;
    BOXLAB_FAMILIES {
        both_go_on("shift", v6, 20000);
        assert_true(both_count("TcpExtTCPSackRecovery") > 0);
        assert_int_equal(both_count("TcpExtTCPSACKDiscard"), 0);
        boxlab_finish(&l);
        both_go_on("shift:dir=fwd,by=4000000000", v6, 0);
        boxlab_finish(&l);
    }
}

static void test_sequence_numbers_rewritten_but_in_sack(void **state) { /* M-MBX-20 */
    (void)state;
    BOXLAB_FAMILIES {
        both_go_on("shift:sack=leave", v6, 20000);
        assert_true(both_count("TcpExtTCPSACKDiscard") > 0);
        assert_true(both_count("TcpRetransSegs") > 0);
        boxlab_finish(&l);
    }
}

/* ---- Segments ---------------------------------------------------------------------------------------------------- */

static void test_option_on_every_piece(void **state) { /* M-MBX-21 */
    (void)state;
    BOXLAB_FAMILIES {
        both_go_on("split:size=400", v6, 0);
        boxlab_finish(&l);
        both_go_on("split:size=90", v6, 0);
        boxlab_finish(&l);
    }
}

static void test_option_on_one_piece(void **state) { /* M-MBX-22 */
    (void)state;
    static const char *const boxes[] = {"split:size=400,keep=first", "split:size=400,keep=last,after=40",
                                        "split:size=137,keep=last,after=40"};
    BOXLAB_FAMILIES for (int i = 0; i < 3; i++) {
        both_go_on(boxes[i], v6, i == 0 ? 10000 : 0); /* bytes whose mapping was lost wait 200 ms for it, not more */
        boxlab_finish(&l);
        open_one("split:size=400,keep=last", v6); /* that the first data of all has no option means plain TCP */
        boxlab_is_tcp(&l);
        boxlab_finish(&l);
    }
}

/* Either option may be the one that stays. Alone it is TCP then, beside another subflow a reset; or one mapping covers
 * both. */
static void test_segments_merged(void **state) { /* M-MBX-23 */
    (void)state;
    static const char *const boxes[] = {"clamp:size=500 | coalesce:keep=first",
                                        "clamp:size=500 | coalesce:keep=second"};
    BOXLAB_FAMILIES for (int i = 0; i < 2; i++) {
        open_one(boxes[i], v6);
        boxlab_finish(&l);
        boxlab_open(&l, &(struct boxlab_options){.box = {NULL, boxes[i]}, .paths = 2, .v6 = v6});
        for (int h = 0; h < 2; h++)
            assert_true(l.info[h].is_mptcp);
        assert_int_equal(l.t.fallbacks, 0);
        boxlab_finish(&l);
    }
}

static void test_segments_merged_without_options(void **state) { /* M-MBX-24 */
    (void)state;
    BOXLAB_FAMILIES {
        open_one("clamp:size=500 | coalesce:keep=none", v6);
        boxlab_is_tcp(&l);
        boxlab_finish(&l);
        boxlab_open(
            &l, &(struct boxlab_options){.box = {NULL, "clamp:size=500 | coalesce:keep=none"}, .paths = 2, .v6 = v6});
        for (int h = 0; h < 2; h++)
            assert_true(l.info[h].is_mptcp);
        assert_int_equal(l.t.fallbacks, 0);
        assert_true(l.t.subflows_down[CLIENT] > 0);
        boxlab_finish(&l);
    }
}

static void test_holes_held_back(void **state) { /* M-MBX-31 */
    (void)state;
    BOXLAB_FAMILIES {
        both_go_on("contiguous", v6, 20000);
        assert_true(both_count("TcpRetransSegs") > 0);
        boxlab_finish(&l);
    }
}

static void test_retransmissions_normalised(void **state) { /* M-MBX-33 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){.box = {"normalise", "normalise | drop:after=400"},
                                                 .paths = 2,
                                                 .v6 = v6,
                                                 .loss = 30000,
                                                 .idle_box = true,
                                                 .to_server = 500000,
                                                 .to_client = 500000});
        assert_true(both_count("TcpRetransSegs") > 10);
        assert_true(reinjected() > 0);
        assert_int_equal(boxlab_hits(&l, 0, 0) + boxlab_hits(&l, 1, 0), 0); /* there was nothing to put right */
        boxlab_finish(&l);
    }
}

static void test_duplicates(void **state) { /* M-MBX-39 */
    (void)state;
    BOXLAB_FAMILIES {
        both_go_on("duplicate", v6, 0);
        assert_true(both_count("UmptcpDropTcpOldSeq") > 0);
        boxlab_finish(&l);
    }
}

/* ---- Payload ----------------------------------------------------------------------------------------------------- */

static void test_payload_changed_on_one_of_two(void **state) { /* M-MBX-25, M-MBX-58 */
    (void)state;
    static const char *const boxes[] = {"alg:at=9000,remove=4,insert=4", "flip:dir=fwd,after=9,count=1",
                                        "flip:dir=rev,after=9,count=1"};
    BOXLAB_FAMILIES for (int i = 0; i < 3; i++) {
        boxlab_open(
            &l,
            &(struct boxlab_options){
                .box = {NULL, boxes[i]}, .paths = 2, .v6 = v6, .csum = true, .to_server = 400000, .to_client = 400000});
        assert_int_equal(both_count("MPTcpExtDataCsumErr"), 1);
        assert_int_equal(both_count("MPTcpExtMPFailTx"), 1);
        assert_int_equal(both_count("MPTcpExtMPFailRx"), 1);
        assert_true(l.t.subflows_down[CLIENT] > 0);
        assert_true(reinjected() > 0);
        assert_true(l.info[CLIENT].is_mptcp && l.info[SERVER].is_mptcp);
        boxlab_finish(&l);
    }
}

static void test_payload_changed_alone(void **state) { /* M-MBX-26, M-MBX-58 */
    (void)state;
    BOXLAB_FAMILIES for (int i = 0; i < 2; i++) {
        boxlab_open(
            &l, &(struct boxlab_options){.box = {i ? "flip:dir=fwd,after=9,count=1" : "alg:at=9000,remove=4,insert=4"},
                                         .edit = {i ? (struct transfer_edit){0} : (struct transfer_edit){9000, 4, 4}},
                                         .may_differ = i ? 1 : 0,
                                         .v6 = v6,
                                         .csum = true});
        boxlab_is_tcp(&l);
        assert_int_equal(server_counts(&l, "MPTcpExtDataCsumErr"), 1);
        assert_true(both_count("MPTcpExtMPFailTx") >= 1);
        assert_int_equal(l.t.differed, i);
        boxlab_finish(&l);
    }
}

static void test_payload_length_changed_alone(void **state) { /* M-MBX-27 */
    (void)state;
    static const struct transfer_edit edits[] = {{9000, 3, 11}, {9000, 11, 3}, {9000, 0, 5}, {9000, 5, 0}};
    BOXLAB_FAMILIES for (int i = 0; i < 4; i++) {
        const struct transfer_edit *e = &edits[i];
        char box[80];
        snprintf(box, sizeof box, "alg:at=9000,remove=%u,insert=%u", e->remove, e->insert);
        boxlab_open(&l, &(struct boxlab_options){.box = {box}, .edit = {*e}, .v6 = v6, .csum = true});
        boxlab_is_tcp(&l);
        boxlab_finish(&l);
    }
}

static void test_payload_length_changed_on_one_of_two(void **state) { /* M-MBX-28 */
    (void)state;
    static const char *const boxes[] = {"alg:at=9000,remove=3,insert=11", "alg:at=9000,remove=11,insert=3"};
    BOXLAB_FAMILIES for (int i = 0; i < 2; i++) {
        boxlab_open(&l, &(struct boxlab_options){
                            .box = {NULL, boxes[i]}, .paths = 2, .v6 = v6, .csum = true, .to_server = 400000});
        assert_true(l.t.subflows_down[CLIENT] > 0);
        assert_true(reinjected() > 0);
        assert_true(l.info[CLIENT].is_mptcp && l.info[SERVER].is_mptcp);
        boxlab_finish(&l);
    }
}

static void test_payload_changed_unseen(void **state) { /* M-MBX-29 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(&l, &(struct boxlab_options){.box = {"flip:dir=fwd,after=9,count=1"}, .may_differ = 1, .v6 = v6});
        boxlab_is_mptcp(&l, 1);
        assert_int_equal(l.t.differed, 1);
        boxlab_finish(&l);
    }
}

/* ---- Acknowledgments and windows --------------------------------------------------------------------------------- */

/* Alone it is plain TCP, on a join that one goes. With the receiver's options it does not matter. */
static void test_proxy_acknowledges(void **state) { /* M-MBX-30 */
    (void)state;
    BOXLAB_FAMILIES {
        open_one("pep", v6);
        boxlab_is_tcp(&l);
        boxlab_finish(&l);
        boxlab_open(&l, &(struct boxlab_options){.box = {NULL, "pep"}, .paths = 2, .v6 = v6});
        assert_true(l.t.subflows_down[CLIENT] > 0);
        assert_int_equal(l.t.fallbacks, 0);
        assert_true(l.info[CLIENT].is_mptcp && l.info[SERVER].is_mptcp);
        boxlab_finish(&l);
        boxlab_open(&l, &(struct boxlab_options){.box = {"pep:options=every"}, .v6 = v6, .loss = 10000});
        boxlab_is_mptcp(&l, 1);
        boxlab_finish(&l);
    }
}

static void test_acks_of_unseen_data_filtered(void **state) { /* M-MBX-32 */
    (void)state;
    BOXLAB_FAMILIES for (int i = 0; i < 2; i++) {
        const char *box = i ? "guard:act=correct" : "guard:act=drop";
        boxlab_open(&l, &(struct boxlab_options){.box = {box, box},
                                                 .paths = 2,
                                                 .v6 = v6,
                                                 .loss = 20000,
                                                 .idle_box = true,
                                                 .to_server = 300000,
                                                 .to_client = 300000});
        boxlab_is_mptcp(&l, 2);
        assert_int_equal(boxlab_hits(&l, 0, 0) + boxlab_hits(&l, 1, 0), 0);
        boxlab_finish(&l);
    }
}

static void test_window_shrunk(void **state) { /* M-MBX-34 */
    (void)state;
    BOXLAB_FAMILIES {
        boxlab_open(
            &l, &(struct boxlab_options){
                    .box = {NULL, "window:size=4000"}, .paths = 2, .v6 = v6, .to_server = 500000, .to_client = 500000});
        boxlab_is_mptcp(&l, 2);
        for (int h = 0; h < 2; h++) {
            assert_true(l.subflow[h][1].snd_wnd <= 4000);
            assert_true(l.subflow[h][0].snd_wnd > 4000);
            assert_true(l.subflow[h][1].bytes_sent > 4000);
            assert_true(l.subflow[h][0].bytes_sent > l.subflow[h][1].bytes_sent);
        }
        boxlab_finish(&l);
        both_go_on("window:size=3000", v6, 0);
        boxlab_finish(&l);
    }
}

static void test_timestamps_stripped_or_rewritten(void **state) { /* M-MBX-36 */
    (void)state;
    static const char *const boxes[] = {"strip:option=ts,on=syn", "timestamps:by=2147483648",
                                        "timestamps:by=4000000000,dir=fwd", "strip:option=ts"};
    BOXLAB_FAMILIES for (int i = 0; i < 4; i++) {
        boxlab_open(&l, &(struct boxlab_options){
                            .box = {NULL, boxes[i]}, .paths = 2, .v6 = v6, .to_server = 900000, .to_client = 900000});
        boxlab_is_mptcp(&l, 2);
        bool stripped = strstr(boxes[i], "strip") != NULL;
        for (int h = 0; h < 2; h++) {
            assert_true(l.subflow[h][0].timestamps);
            assert_int_equal(l.subflow[h][1].timestamps, !stripped);
            assert_true(l.subflow[h][1].bytes_received > 10000);
        }
        assert_int_equal(both_count("UmptcpDropTcpPaws"), 0);
        boxlab_finish(&l);
    }
}

static void test_ecn_bits(void **state) { /* M-MBX-38 */
    (void)state;
    static const char *const boxes[] = {"ecn:mark=clear", "ecn:mark=ect", "ecn:mark=ce"};
    BOXLAB_FAMILIES for (int i = 0; i < 3; i++) {
        both_go_on(boxes[i], v6, 0);
        assert_int_equal(both_count("TcpRetransSegs"), 0);
        boxlab_finish(&l);
    }
}

static void test_options_shuffled(void **state) { /* M-MBX-48 */
    (void)state;
    BOXLAB_FAMILIES {
        both_go_on("shuffle", v6, 10000);
        assert_int_equal(both_count("UmptcpDropMpOption"), 0);
        boxlab_finish(&l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dss_stripped_later_alone),
        cmocka_unit_test(test_dss_truncated),
        cmocka_unit_test(test_path_without_mappings_is_left),
        cmocka_unit_test(test_no_mapping_is_ever_complete),
        cmocka_unit_test(test_sequence_numbers_rewritten),
        cmocka_unit_test(test_sequence_numbers_rewritten_but_in_sack),
        cmocka_unit_test(test_option_on_every_piece),
        cmocka_unit_test(test_option_on_one_piece),
        cmocka_unit_test(test_segments_merged),
        cmocka_unit_test(test_segments_merged_without_options),
        cmocka_unit_test(test_holes_held_back),
        cmocka_unit_test(test_retransmissions_normalised),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_payload_changed_on_one_of_two),
        cmocka_unit_test(test_payload_changed_alone),
        cmocka_unit_test(test_payload_length_changed_alone),
        cmocka_unit_test(test_payload_length_changed_on_one_of_two),
        cmocka_unit_test(test_payload_changed_unseen),
        cmocka_unit_test(test_proxy_acknowledges),
        cmocka_unit_test(test_acks_of_unseen_data_filtered),
        cmocka_unit_test(test_window_shrunk),
        cmocka_unit_test(test_timestamps_stripped_or_rewritten),
        cmocka_unit_test(test_ecn_bits),
        cmocka_unit_test(test_options_shuffled),
    };
    return cmocka_run_group_tests_name("middlebox_data", tests, NULL, NULL);
}
