/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes written as hexadecimal text, whole packets, and random MPTCP options, for the tests of the codecs. */
#ifndef UMPTCP_TEST_TESTWIRE_H
#define UMPTCP_TEST_TESTWIRE_H

#include "testmem.h"
#include "wire/checksum.h"
#include "wire/segment.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Reads pairs of hexadecimal digits, blanks between them; returns how many bytes there were. */
static inline uint32_t test_unhex(const char *hex, uint8_t *bytes, size_t room) {
    uint32_t n = 0;
    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        char pair[3] = {hex[0], hex[1], 0};
        assert_true(n < room);
        bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
        hex++;
    }
    return n;
}

static inline void test_assert_hex(const void *bytes, size_t len, const char *hex) {
    uint8_t want[256];
    assert_int_equal(len, test_unhex(hex, want, sizeof want));
    assert_memory_equal(bytes, want, len);
}

static inline struct umptcp_addr test_addr(const char *text) {
    struct umptcp_addr a;
    assert_int_equal(umptcp_addr_parse(text, &a), 0);
    return a;
}

static inline struct ip_hdr test_ip(const char *src, const char *dst, uint8_t proto) {
    struct ip_hdr ip = {.proto = proto, .ttl = 64, .src = test_addr(src), .dst = test_addr(dst)};
    ip.v6 = !addr_is_v4(&ip.src);
    return ip;
}

/* A whole packet in a block of its own size, so that a sanitizer sees a read past its end. Free it. */
static inline uint8_t *test_packet(const struct ip_hdr *ip, const void *payload, uint32_t payload_len, uint32_t *len) {
    *len = ip_hdr_len(ip->v6) + payload_len;
    uint8_t *pkt = malloc(*len);
    assert_non_null(pkt);
    struct writer w = writer_of(pkt, *len);
    ip_build(&w, ip, payload_len);
    put_bytes(&w, payload, payload_len);
    assert_false(w.bad);
    assert_int_equal(w.len, *len);
    return pkt;
}

/* The same of a segment, with its checksum. */
static inline uint8_t *test_segment(struct ip_hdr ip, const struct seg *seg, uint32_t *len) {
    struct writer count = writer_counting();
    tcp_build(&count, seg);
    uint32_t tcp_len = (uint32_t)count.len + seg->len;
    uint8_t *tcp = malloc(tcp_len);
    assert_non_null(tcp);
    struct writer w = writer_of(tcp, tcp_len);
    tcp_build(&w, seg);
    put_bytes(&w, seg->data, seg->len);
    assert_false(w.bad);
    struct csum c = {0};
    csum_add_pseudo(&c, &ip.src, &ip.dst, IP_PROTO_TCP, tcp_len);
    csum_add(&c, tcp, tcp_len);
    tcp[16] = (uint8_t)(csum_finish(&c) >> 8);
    tcp[17] = (uint8_t)csum_finish(&c);
    ip.proto = IP_PROTO_TCP;
    uint8_t *pkt = test_packet(&ip, tcp, tcp_len, len);
    free(tcp);
    return pkt;
}

static inline struct umptcp_addr test_random_addr(uint64_t *rnd, bool v6) {
    struct umptcp_addr a = addr_v4((uint32_t)test_random(rnd));
    for (int i = 0; v6 && i < 16; i++)
        a.b[i] = (uint8_t)(test_random(rnd) | (i == 0 ? 0x20 : 0));
    return a;
}

static inline void test_random_dss(uint64_t *rnd, struct mpopt *o) {
    o->dss.has_ack = test_below(rnd, 2);
    o->dss.ack64 = o->dss.has_ack && test_below(rnd, 2);
    o->dss.has_map = test_below(rnd, 2);
    if (o->dss.has_ack)
        o->dss.ack = o->dss.ack64 ? test_random(rnd) : (uint32_t)test_random(rnd);
    if (!o->dss.has_map)
        return;
    o->dss.dsn64 = test_below(rnd, 2);
    o->dss.data_fin = test_below(rnd, 2);
    o->dss.has_csum = test_below(rnd, 2);
    o->dss.dsn = o->dss.dsn64 ? test_random(rnd) : (uint32_t)test_random(rnd);
    o->dss.ssn = (uint32_t)test_random(rnd);
    o->dss.len = (uint16_t)test_random(rnd);
    o->dss.csum = o->dss.has_csum ? (uint16_t)test_random(rnd) : 0;
}

static inline void test_random_add_addr(uint64_t *rnd, struct mpopt *o) {
    o->add_addr.echo = test_below(rnd, 2);
    o->add_addr.addr_id = (uint8_t)test_random(rnd);
    o->add_addr.addr = test_random_addr(rnd, test_below(rnd, 2));
    o->add_addr.has_port = test_below(rnd, 2);
    o->add_addr.port = o->add_addr.has_port ? (uint16_t)test_random(rnd) : 0;
    o->add_addr.hmac = o->add_addr.echo ? 0 : test_random(rnd);
}

static inline void test_random_capable(uint64_t *rnd, struct mpopt *o) {
    o->mpc.version = (uint8_t)test_below(rnd, 16);
    o->mpc.flags = (uint8_t)test_random(rnd);
    if (o->type == MPC_SYN)
        return;
    o->mpc.sender_key = test_random(rnd);
    if (o->type == MPC_SYNACK)
        return;
    o->mpc.receiver_key = test_random(rnd);
    if (o->type == MPC_ACK)
        return;
    o->mpc.len = (uint16_t)test_random(rnd);
    o->mpc.has_csum = test_below(rnd, 2);
    o->mpc.csum = o->mpc.has_csum ? (uint16_t)test_random(rnd) : 0;
}

static inline void test_random_join(uint64_t *rnd, struct mpopt *o) {
    if (o->type == MPJ_ACK) {
        for (size_t i = 0; i < sizeof o->mpj.hmac160; i++)
            o->mpj.hmac160[i] = (uint8_t)test_random(rnd);
        return;
    }
    o->mpj.backup = test_below(rnd, 2);
    o->mpj.addr_id = (uint8_t)test_random(rnd);
    o->mpj.nonce = (uint32_t)test_random(rnd);
    if (o->type == MPJ_SYN)
        o->mpj.token = (uint32_t)test_random(rnd);
    else
        o->mpj.hmac64 = test_random(rnd);
}

/* A value of `type` as the parser would give it: what is not on the wire is zero. */
static inline struct mpopt test_random_mpopt(uint64_t *rnd, enum mp_type type) {
    struct mpopt o;
    memset(&o, 0, sizeof o);
    o.type = type;
    if (type <= MPC_DATA)
        test_random_capable(rnd, &o);
    else if (type <= MPJ_ACK)
        test_random_join(rnd, &o);
    else if (type == MP_DSS)
        test_random_dss(rnd, &o);
    else if (type == MP_ADD_ADDR)
        test_random_add_addr(rnd, &o);
    else if (type == MP_PRIO)
        o.prio.backup = test_below(rnd, 2);
    else if (type == MP_FAIL)
        o.fail.dsn = test_random(rnd);
    else if (type == MP_FASTCLOSE)
        o.fastclose.key = test_random(rnd);
    if (type == MP_REMOVE_ADDR) {
        o.remove.n = (uint8_t)(1 + test_below(rnd, MP_REMOVE_IDS_MAX));
        for (uint8_t i = 0; i < o.remove.n; i++)
            o.remove.ids[i] = (uint8_t)test_random(rnd);
    }
    if (type == MP_TCPRST) {
        o.rst.transient = test_below(rnd, 2);
        o.rst.reason = (uint8_t)test_random(rnd);
    }
    return o;
}

/* TCP flags of a segment in which `type` may stand; and whether it needs, must not have, or may have payload. */
enum test_payload { WITHOUT, WITH, EITHER };
static inline enum test_payload test_place(enum mp_type type, uint8_t *tcp_flags) {
    *tcp_flags = TCP_ACK;
    if (type == MPC_SYN || type == MPJ_SYN)
        *tcp_flags = TCP_SYN;
    if (type == MPC_SYNACK || type == MPJ_SYNACK)
        *tcp_flags = TCP_SYN | TCP_ACK;
    if (type == MP_TCPRST)
        *tcp_flags = TCP_RST | TCP_ACK;
    return type == MPC_ACK ? WITHOUT : type == MPC_DATA ? WITH : EITHER;
}

#endif
