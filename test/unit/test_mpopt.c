/* SPDX-License-Identifier: BSD-3-Clause */
/* MPTCP options: worked vectors byte for byte, round trips, and every length of every subtype. */
#include "testwire.h"

#include <errno.h>
#include <stdio.h>

/* Parses `hex` as the option of a segment, and expects the same bytes back. */
static struct mpopt parse_same(const char *hex, uint8_t tcp_flags, bool payload) {
    uint8_t in[40], out[40];
    uint8_t len = (uint8_t)test_unhex(hex, in, sizeof in);
    struct mpopt o;
    assert_int_equal(mpopt_parse(in, len, tcp_flags, payload, &o), 0);
    struct writer w = writer_of(out, sizeof out);
    mpopt_build(&w, &o);
    assert_false(w.bad);
    test_assert_hex(out, w.len, hex);
    assert_int_equal(mpopt_len(&o), len);
    return o;
}

static void assert_text(const struct mpopt *o, const char *want) {
    char text[200];
    assert_ptr_equal(mpopt_format(o, text, sizeof text), text);
    assert_string_equal(text, want);
}

static void test_capable(void **state) {
    (void)state;
    struct mpopt o = parse_same("1e040181", TCP_SYN, false);
    assert_true(o.type == MPC_SYN && o.mpc.version == 1 && o.mpc.flags == (MPC_CSUM | MPC_HMAC_SHA256));
    assert_text(&o, "mp_capable version 1 flags 0x81");

    o = parse_same("1e0c018199aabbccddeeff00", TCP_SYN | TCP_ACK, false);
    assert_true(o.type == MPC_SYNACK && o.mpc.sender_key == 0x99aabbccddeeff00);

    o = parse_same("1e140181112233445566778899aabbccddeeff00", TCP_ACK, false);
    assert_true(o.type == MPC_ACK && o.mpc.sender_key == 0x1122334455667788 &&
                o.mpc.receiver_key == 0x99aabbccddeeff00);
    assert_text(&o, "mp_capable version 1 flags 0x81 key 0x1122334455667788 peer_key 0x99aabbccddeeff00");

    o = parse_same("1e180181112233445566778899aabbccddeeff000010723c", TCP_ACK, true);
    assert_true(o.type == MPC_DATA && o.mpc.len == 16 && o.mpc.has_csum && o.mpc.csum == 0x723c);
    o = parse_same("1e160101112233445566778899aabbccddeeff000010", TCP_ACK | TCP_PSH, true);
    assert_true(o.type == MPC_DATA && o.mpc.len == 16 && !o.mpc.has_csum && o.mpc.flags == MPC_HMAC_SHA256);

    /* M-INI-03: a version is judged above, so that the parser tells it. */
    o = parse_same("1e0405c1", TCP_SYN, false);
    assert_true(o.mpc.version == 5 && o.mpc.flags == (MPC_CSUM | MPC_EXT | MPC_HMAC_SHA256));
}

static void test_join(void **state) {
    (void)state;
    struct mpopt o = parse_same("1e0c10027b981f5b01234567", TCP_SYN, false);
    assert_true(o.type == MPJ_SYN && !o.mpj.backup && o.mpj.addr_id == 2 && o.mpj.token == 0x7b981f5b &&
                o.mpj.nonce == 0x01234567);
    assert_text(&o, "mp_join id 2 token 0x7b981f5b nonce 0x01234567");
    o = parse_same("1e1011004f69cf7fe17eb65e89abcdef", TCP_SYN | TCP_ACK, false);
    assert_true(o.type == MPJ_SYNACK && o.mpj.backup && o.mpj.addr_id == 0 && o.mpj.hmac64 == 0x4f69cf7fe17eb65e &&
                o.mpj.nonce == 0x89abcdef);
    assert_text(&o, "mp_join backup id 0 hmac 0x4f69cf7fe17eb65e nonce 0x89abcdef");
    o = parse_same("1e1810005ada0a12e956691b19eba717d0f222180bb18a5c", TCP_ACK, false);
    assert_int_equal(o.type, MPJ_ACK);
    test_assert_hex(o.mpj.hmac160, 20, "5ada0a12e956691b19eba717d0f222180bb18a5c");
    assert_text(&o, "mp_join hmac 5ada0a12e956691b19eba717d0f222180bb18a5c");
    parse_same("1e1810005ada0a12e956691b19eba717d0f222180bb18a5c", TCP_ACK, true);
}

static void test_dss(void **state) {
    (void)state;
    struct mpopt o = parse_same("1e082001b76ae9b6", TCP_ACK, false);
    assert_true(o.dss.has_ack && !o.dss.ack64 && o.dss.ack == 0xb76ae9b6 && !o.dss.has_map);
    assert_text(&o, "dss ack 0xb76ae9b6");
    o = parse_same("1e0c200362815714b76ae9b6", TCP_ACK, false);
    assert_true(o.dss.has_ack && o.dss.ack64 && o.dss.ack == 0x62815714b76ae9b6);
    o = parse_same("1e0e2004b76ae9b6000000110003", TCP_ACK, true);
    assert_true(!o.dss.has_ack && o.dss.has_map && !o.dss.dsn64 && !o.dss.has_csum && o.dss.dsn == 0xb76ae9b6 &&
                o.dss.ssn == 17 && o.dss.len == 3);
    assert_text(&o, "dss dsn 0xb76ae9b6 ssn 17 len 3");
    o = parse_same("1e1c200ff9fb2ac1ea2ce0d362815714b76ae9b6000000110003d1cf", TCP_ACK, true);
    assert_true(o.dss.has_ack && o.dss.ack64 && o.dss.dsn64 && o.dss.has_csum && o.dss.csum == 0xd1cf &&
                o.dss.dsn == 0x62815714b76ae9b6 && o.dss.ack == 0xf9fb2ac1ea2ce0d3 && !o.dss.data_fin);
    o = parse_same("1e1c201ff9fb2ac1ea2ce0d362815714b76ae9c3000000000001a53a", TCP_ACK, false);
    assert_true(o.dss.data_fin && o.dss.ssn == 0 && o.dss.len == 1);
    assert_text(&o, "dss ack 0xf9fb2ac1ea2ce0d3 fin dsn 0x62815714b76ae9c3 ssn 0 len 1 csum 0xa53a");
    o = parse_same("1e14200c62815714b76ae9b60000001100000000", TCP_ACK, true); /* M-MAP-24: infinite mapping */
    assert_true(o.dss.has_map && o.dss.dsn64 && o.dss.len == 0 && o.dss.has_csum && o.dss.csum == 0);
}

/* M-DSS-01, M-DSS-02, M-DSS-09: all 32 flag combinations with all lengths. */
static void test_dss_lengths(void **state) {
    (void)state;
    for (unsigned flags = 0; flags < 32; flags++)
        for (unsigned len = 3; len <= 40; len++) {
            bool has_ack = flags & 1, ack64 = flags & 2, has_map = flags & 4, dsn64 = flags & 8, fin = flags & 16;
            unsigned want = 4 + (has_ack ? ack64 ? 8 : 4 : 0) + (has_map ? (dsn64 ? 8 : 4) + 6 : 0);
            bool with_csum = has_map && len == want + 2;
            uint8_t in[40] = {30, (uint8_t)len, 0x20, (uint8_t)flags};
            for (unsigned i = 4; i < len; i++)
                in[i] = (uint8_t)i;
            struct mpopt o;
            int err = mpopt_parse(in, (uint8_t)len, TCP_ACK, true, &o);
            assert_int_equal(err, len == want || with_csum ? 0 : -EINVAL);
            if (err)
                continue;
            assert_int_equal(o.dss.has_ack, has_ack);
            assert_int_equal(o.dss.ack64, has_ack && ack64);
            assert_int_equal(o.dss.has_map, has_map);
            assert_int_equal(o.dss.dsn64, has_map && dsn64);
            assert_int_equal(o.dss.data_fin, has_map && fin);
            assert_int_equal(o.dss.has_csum, with_csum);
            assert_int_equal(o.dss.csum, with_csum ? (len - 2) << 8 | (len - 1) : 0);
        }
}

/* M-ADD-10, M-ADD-12 */
static void test_add_addr(void **state) {
    (void)state;
    struct mpopt o = parse_same("1e103005c000022d56588d9564ac9654", TCP_ACK, false);
    struct umptcp_addr v4 = test_addr("192.0.2.45"), v6 = test_addr("2001:db8::1:2");
    assert_true(!o.add_addr.echo && o.add_addr.addr_id == 5 && addr_eq(&o.add_addr.addr, &v4) && !o.add_addr.has_port &&
                o.add_addr.hmac == 0x56588d9564ac9654);
    assert_text(&o, "add_addr id 5 addr 192.0.2.45 hmac 0x56588d9564ac9654");
    o = parse_same("1e123005c000022d20fb9e6912e2d9339b32", TCP_ACK, false);
    assert_true(o.add_addr.has_port && o.add_addr.port == 8443);
    o = parse_same("1e0a3105c000022d20fb", TCP_ACK, false);
    assert_true(o.add_addr.echo && o.add_addr.has_port && o.add_addr.hmac == 0);
    assert_text(&o, "add_addr echo id 5 addr 192.0.2.45 port 8443");
    parse_same("1e083105c000022d", TCP_ACK, false);
    parse_same("1e103002c63364075671d621870be3ba", TCP_ACK, false);
    parse_same("1e083102c6336407", TCP_ACK, false);
    o = parse_same("1e1c300620010db80000000000000000000100028b2b4c6048a2fd4a", TCP_ACK, false);
    assert_true(addr_eq(&o.add_addr.addr, &v6) && !o.add_addr.has_port);
    parse_same("1e14310620010db8000000000000000000010002", TCP_ACK, false);
    o = parse_same("1e1e300620010db800000000000000000001000201bbd5e04ba873c8b1d9", TCP_ACK, false);
    assert_true(o.add_addr.port == 443 && o.add_addr.hmac == 0xd5e04ba873c8b1d9);
    assert_text(&o, "add_addr id 6 addr 2001:db8::1:2 port 443 hmac 0xd5e04ba873c8b1d9");
    o = parse_same("1e16310620010db800000000000000000001000201bb", TCP_ACK, false);
    assert_true(o.add_addr.echo && o.add_addr.port == 443);

    /* An IPv4 address in the form of an IPv6 one would be sent back in another form than it came. */
    uint8_t in[20];
    test_unhex("1e14310600000000000000000000ffffc0000201", in, sizeof in);
    assert_int_equal(mpopt_parse(in, 20, TCP_ACK, false, &o), -EINVAL);
}

static void test_others(void **state) {
    (void)state;
    struct mpopt o = parse_same("1e05400203", TCP_ACK, false);
    assert_true(o.type == MP_REMOVE_ADDR && o.remove.n == 2 && o.remove.ids[0] == 2 && o.remove.ids[1] == 3);
    assert_text(&o, "remove_addr ids 2 3");
    o = parse_same("1e0b400102030405060708", TCP_ACK, false);
    assert_int_equal(o.remove.n, 8);
    o = parse_same("1e0351", TCP_ACK, false);
    assert_true(o.type == MP_PRIO && o.prio.backup);
    assert_text(&o, "mp_prio backup");
    o = parse_same("1e0350", TCP_ACK, false);
    assert_false(o.prio.backup);
    o = parse_same("1e0c600062815714b76ae9a6", TCP_ACK, false);
    assert_true(o.type == MP_FAIL && o.fail.dsn == 0x62815714b76ae9a6);
    assert_text(&o, "mp_fail dsn 0x62815714b76ae9a6");
    o = parse_same("1e0c700099aabbccddeeff00", TCP_RST | TCP_ACK, false);
    assert_true(o.type == MP_FASTCLOSE && o.fastclose.key == 0x99aabbccddeeff00);
    o = parse_same("1e048006", TCP_RST, false);
    assert_true(o.type == MP_TCPRST && !o.rst.transient && o.rst.reason == MPRST_MIDDLEBOX);
    o = parse_same("1e048102", TCP_RST | TCP_ACK, false);
    assert_true(o.rst.transient && o.rst.reason == MPRST_RESOURCES);
    assert_text(&o, "mp_tcprst transient reason 2");
    o = parse_same("1e04807f", TCP_RST, false); /* M-RST-08: reasons that are not assigned are told as they came */
    assert_int_equal(o.rst.reason, 0x7f);
}

static void test_round_trip(void **state) {
    (void)state;
    uint64_t rnd = 5;
    for (int i = 0; i < 50000; i++) {
        enum mp_type type = (enum mp_type)(MPC_SYN + i % (MP_TYPE_COUNT - MPC_SYN));
        struct mpopt o = test_random_mpopt(&rnd, type), got;
        uint8_t tcp_flags, len = mpopt_len(&o);
        bool payload = test_place(type, &tcp_flags) == WITH;
        uint8_t *bytes = malloc(len);
        assert_non_null(bytes);
        struct writer w = writer_of(bytes, len);
        mpopt_build(&w, &o);
        assert_false(w.bad);
        assert_true(bytes[0] == MPOPT_KIND && bytes[1] == len && w.len == len);
        assert_int_equal(mpopt_parse(bytes, len, tcp_flags, payload, &got), 0);
        assert_memory_equal(&o, &got, sizeof o);
        free(bytes);
    }
}

/* M-GEN-11, M-GEN-12, M-ADD-15, M-RST-07: a set reserved bit changes nothing, and is not sent. */
static void test_reserved_bits(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        uint8_t tcp_flags, reserved[2]; /* of octets 2 and 3 */
    } cases[] = {
        {"1e0c10027b981f5b01234567", TCP_SYN, {0x0e, 0}},
        {"1e1011004f69cf7fe17eb65e89abcdef", TCP_SYN | TCP_ACK, {0x0e, 0}},
        {"1e1810005ada0a12e956691b19eba717d0f222180bb18a5c", TCP_ACK, {0x0f, 0xff}},
        {"1e1c200ff9fb2ac1ea2ce0d362815714b76ae9b6000000110003d1cf", TCP_ACK, {0x0f, 0xe0}},
        {"1e082001b76ae9b6", TCP_ACK, {0x0f, 0xf8}},             /* M-DSS-01: m and F without M */
        {"1e0e2004b76ae9b6000000110003", TCP_ACK, {0x0f, 0xe2}}, /* a without A */
        {"1e103005c000022d56588d9564ac9654", TCP_ACK, {0x0e, 0}},
        {"1e083105c000022d", TCP_ACK, {0x0e, 0}},
        {"1e05400203", TCP_ACK, {0x0f, 0}},
        {"1e0351", TCP_ACK, {0x0e, 0}},
        {"1e0c600062815714b76ae9a6", TCP_ACK, {0x0f, 0xff}},
        {"1e0c700099aabbccddeeff00", TCP_ACK, {0x0f, 0xff}},
        {"1e048006", TCP_RST, {0x0e, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mpopt plain = parse_same(cases[i].hex, cases[i].tcp_flags, false), o;
        uint8_t in[40], out[40];
        uint8_t len = (uint8_t)test_unhex(cases[i].hex, in, sizeof in);
        for (int bit = 0; bit < 16; bit++) {
            uint8_t octet = bit < 8 ? 2 : 3, mask = (uint8_t)(1 << bit % 8);
            if (!(cases[i].reserved[octet - 2] & mask))
                continue;
            in[octet] |= mask;
            assert_int_equal(mpopt_parse(in, len, cases[i].tcp_flags, false, &o), 0);
            assert_memory_equal(&o, &plain, sizeof o);
            struct writer w = writer_of(out, sizeof out);
            mpopt_build(&w, &o);
            test_assert_hex(out, w.len, cases[i].hex);
        }
    }
}

/* Is `len` legal for the subtype in some segment? Flags of DSS and E of ADD_ADDR are zero here. */
static bool legal(unsigned subtype, unsigned len, unsigned tcp_flags, bool payload) {
    bool syn = tcp_flags & TCP_SYN, ack = tcp_flags & TCP_ACK;
    switch (subtype) {
    case 0:
        return syn ? len == (ack ? 12 : 4) : payload ? len == 22 || len == 24 : len == 20;
    case 1:
        return len == (!syn ? 24 : ack ? 16 : 12);
    case 2:
        return len == 4;
    case 3:
        return len == 16 || len == 18 || len == 28 || len == 30;
    case 4:
        return len >= 4 && len <= 11;
    case 5:
        return len == 3;
    case 8:
        return len == 4 && (tcp_flags & TCP_RST);
    default:
        return len == 12;
    }
}

/* M-GEN-01 to M-GEN-03, M-RST-09: lengths 0..40 of subtypes 0..15 in every kind of segment, never read past the end. */
static void test_every_length(void **state) {
    (void)state;
    static const uint8_t flags[] = {TCP_SYN,           TCP_SYN | TCP_ACK, TCP_ACK, TCP_RST,
                                    TCP_RST | TCP_ACK, TCP_FIN | TCP_ACK, 0};
    for (unsigned subtype = 0; subtype < 16; subtype++)
        for (unsigned len = 0; len <= 40; len++)
            for (unsigned i = 0; i < 2 * sizeof flags; i++) {
                bool payload = i % 2;
                uint8_t *in = malloc(len + !len);
                assert_non_null(in);
                memset(in, 0x11, len);
                const uint8_t head[4] = {30, (uint8_t)len, (uint8_t)(subtype << 4), 0};
                memcpy(in, head, len < 4 ? len : 4);
                struct mpopt o;
                int want = legal(subtype, len, flags[i / 2], payload) ? 0 : -EINVAL;
                if (subtype > 8 && len >= 3)
                    want = -ENOENT;
                assert_int_equal(mpopt_parse(in, (uint8_t)len, flags[i / 2], payload, &o), len < 3 ? -EINVAL : want);
                free(in);
            }
}

/* M-ADD-27: an echo has no HMAC, so it has other lengths. */
static void test_echo_lengths(void **state) {
    (void)state;
    for (uint8_t len = 3; len <= 40; len++) {
        uint8_t in[40] = {30, len, 0x31, 9, 1, 2, 3, 4};
        struct mpopt o;
        bool ok = len == 8 || len == 10 || len == 20 || len == 22;
        assert_int_equal(mpopt_parse(in, len, TCP_ACK, false, &o), ok ? 0 : -EINVAL);
    }
}

static void test_framing(void **state) {
    (void)state;
    const uint8_t other_kind[] = {29, 3, 0x51}, other_len[] = {30, 4, 0x51, 0};
    struct mpopt o;
    assert_int_equal(mpopt_parse(other_kind, 3, TCP_ACK, false, &o), -EINVAL);
    assert_int_equal(mpopt_parse(other_len, 3, TCP_ACK, false, &o), -EINVAL);
}

/* What has no place on the wire is not written: ack64 without an ACK, and the parts of a mapping without one. */
static void test_build_leaves_out(void **state) {
    (void)state;
    uint8_t out[40];
    struct writer w = writer_of(out, sizeof out);
    struct mpopt o = {.type = MP_DSS};
    o.dss.ack64 = o.dss.dsn64 = o.dss.data_fin = o.dss.has_csum = true;
    mpopt_build(&w, &o);
    test_assert_hex(out, w.len, "1e042000");
    o = (struct mpopt){.type = MP_ADD_ADDR};
    o.add_addr.echo = true;
    o.add_addr.addr = test_addr("192.0.2.45");
    o.add_addr.hmac = 0x1234;
    w.len = 0;
    mpopt_build(&w, &o);
    test_assert_hex(out, w.len, "1e083100c000022d");
    w = writer_of(out, 7);
    mpopt_build(&w, &o);
    assert_true(w.bad);
}

static void test_format_cuts(void **state) {
    (void)state;
    struct mpopt o = parse_same("1e0351", TCP_ACK, false);
    for (size_t size = 1; size < 20; size++) {
        char text[32], want[32];
        memset(text, 'x', sizeof text);
        snprintf(want, size, "%s", "mp_prio backup");
        assert_string_equal(mpopt_format(&o, text, size), want);
        assert_int_equal(text[size], 'x');
    }
}

static void test_lists(void **state) {
    (void)state;
    static struct mpopts opts;
    assert_null(mpopts_find(&opts, MP_DSS));
    memset(&opts.opt, 0xff, sizeof opts.opt);
    for (int i = 0; i < MPOPTS_MAX; i++) {
        struct mpopt *o = mpopts_add(&opts, i % 2 ? MP_DSS : MP_PRIO);
        assert_non_null(o);
        assert_true(o->dss.ack == 0 && !o->dss.has_ack);
        o->dss.ack = (uint64_t)i;
    }
    assert_null(mpopts_add(&opts, MP_DSS));
    assert_ptr_equal(mpopts_find(&opts, MP_DSS), &opts.opt[1]);
    assert_ptr_equal(mpopts_find(&opts, MP_PRIO), &opts.opt[0]);
    assert_null(mpopts_find(&opts, MP_FAIL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capable),      cmocka_unit_test(test_join),
        cmocka_unit_test(test_dss),          cmocka_unit_test(test_dss_lengths),
        cmocka_unit_test(test_add_addr),     cmocka_unit_test(test_others),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_reserved_bits),
        cmocka_unit_test(test_every_length), cmocka_unit_test(test_echo_lengths),
        cmocka_unit_test(test_framing),      cmocka_unit_test(test_build_leaves_out),
        cmocka_unit_test(test_format_cuts),  cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests_name("mpopt", tests, NULL, NULL);
}
