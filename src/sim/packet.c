/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/packet.h"

#include <stdlib.h>
#include <string.h>

#include "io/raw.h"
#include "wire/ip.h"

enum {
    V4_SRC_AT = 12,
    V4_DST_AT = 16,
    V6_SRC_AT = 8,
    V6_DST_AT = 24,
    V4_LEN_AT = 2,
    V6_LEN_AT = 4,
    TTL = 64,
};

struct packet *packet_new(const uint8_t *data, uint32_t len, enum packet_dir dir) {
    struct packet *p = malloc(sizeof *p + len + PACKET_SPARE);
    if (!p)
        return NULL;
    *p = (struct packet){.dir = dir, .len = len, .room = len + PACKET_SPARE, .when = UMPTCP_NEVER};
    list_init(&p->node);
    if (data)
        memcpy(p->data, data, len);
    return p;
}

struct packet *packet_copy(const struct packet *p) {
    struct packet *copy = packet_new(p->data, p->len, p->dir);
    if (copy) {
        copy->tcp = p->tcp;
        copy->v6 = p->v6;
        copy->l4 = p->l4;
    }
    return copy;
}

bool packet_inspect(struct packet *p) {
    struct ip_hdr ip;
    struct seg seg;
    p->tcp = false;
    enum drop why = ip_parse(p->data, p->len, false, &ip);
    if (why == DROP_IP_CSUM)
        return false;
    if (why != DROP_NONE || ip.fragment || ip.proto != IP_PROTO_TCP)
        return true;
    why = tcp_parse(&ip, false, 0, &seg);
    if (why != DROP_NONE)
        return why != DROP_TCP_CSUM;
    p->tcp = true;
    p->v6 = ip.v6;
    p->l4 = (uint16_t)(ip.payload - p->data);
    p->len = p->l4 + ip.payload_len; /* without what stands behind the packet */
    return true;
}

void packet_fix(struct packet *p) {
    if (p->v6)
        store_be16(p->data + V6_LEN_AT, (uint16_t)(p->len - IPV6_HDR_LEN));
    else
        store_be16(p->data + V4_LEN_AT, (uint16_t)p->len);
    raw_fix_ip(p->data, p->len);
    raw_fix_l4(p->data, p->len);
}

struct packet *packet_segment(const struct umptcp_sockaddr *src, const struct umptcp_sockaddr *dst,
                              enum packet_dir dir) {
    struct ip_hdr ip = {.v6 = !addr_is_v4(&src->addr), .proto = IP_PROTO_TCP, .ttl = TTL, .dont_fragment = true};
    ip.src = src->addr;
    ip.dst = dst->addr;
    struct packet *p = packet_new(NULL, ip_hdr_len(ip.v6) + TCP_HDR_LEN, dir);
    if (!p)
        return NULL;
    struct writer w = writer_of(p->data, p->len);
    ip_build(&w, &ip, TCP_HDR_LEN);
    p->tcp = true;
    p->v6 = ip.v6;
    p->l4 = (uint16_t)w.len;
    tcp_build(&w, &(struct seg){.flow = {.local = *src, .remote = *dst}});
    return p;
}

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

static struct umptcp_sockaddr end_of(const struct packet *p, bool dst) {
    struct umptcp_sockaddr a = {.port = load_be16(packet_tcp_const(p) + (dst ? 2 : 0))};
    if (p->v6)
        memcpy(a.addr.b, p->data + (dst ? V6_DST_AT : V6_SRC_AT), sizeof a.addr.b);
    else
        a.addr = addr_v4(load_be32(p->data + (dst ? V4_DST_AT : V4_SRC_AT)));
    return a;
}

static void set_end(struct packet *p, bool dst, const struct umptcp_sockaddr *a) {
    store_be16(packet_tcp(p) + (dst ? 2 : 0), a->port);
    if (p->v6)
        memcpy(p->data + (dst ? V6_DST_AT : V6_SRC_AT), a->addr.b, sizeof a->addr.b);
    else
        store_be32(p->data + (dst ? V4_DST_AT : V4_SRC_AT), addr_to_v4(&a->addr));
}

struct umptcp_sockaddr packet_src(const struct packet *p) {
    return end_of(p, false);
}
struct umptcp_sockaddr packet_dst(const struct packet *p) {
    return end_of(p, true);
}
void packet_set_src(struct packet *p, const struct umptcp_sockaddr *src) { set_end(p, false, src); }
void packet_set_dst(struct packet *p, const struct umptcp_sockaddr *dst) { set_end(p, true, dst); }

/* ---- Options and payload ----------------------------------------------------------------------------------------- */

void packet_options(const struct packet *p, struct raw_options *opts) {
    const uint8_t *at = packet_tcp_const(p) + TCP_HDR_LEN, *end = packet_payload_const(p);
    opts->n = 0;
    while (at < end && *at != OPT_EOL) {
        if (*at == OPT_NOP) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] < 2 || at[1] > end - at)
            return;
        struct raw_option *o = &opts->o[opts->n++];
        *o = (struct raw_option){.kind = at[0], .len = at[1]};
        memcpy(o->data, at + 2, o->len - 2u);
        at += o->len;
    }
}

/* Puts `len` bytes in the place of [from, to) of the packet. */
static bool replace(struct packet *p, uint32_t from, uint32_t to, const uint8_t *bytes, uint32_t len) {
    if (p->len - (to - from) + len > p->room)
        return false;
    memmove(p->data + from + len, p->data + to, p->len - to);
    if (len)
        memcpy(p->data + from, bytes, len);
    p->len = p->len - (to - from) + len;
    return true;
}

void raw_option_put(struct writer *w, const struct raw_option *o) {
    put_u8(w, o->kind);
    put_u8(w, o->len);
    put_bytes(w, o->data, o->len - 2u);
}

bool packet_set_option_bytes(struct packet *p, const uint8_t *bytes, uint32_t len) {
    if (!replace(p, p->l4 + TCP_HDR_LEN, p->l4 + packet_tcp_len(p), bytes, len))
        return false;
    packet_tcp(p)[12] = (uint8_t)((TCP_HDR_LEN + len) / 4 << 4);
    return true;
}

bool packet_set_options(struct packet *p, const struct raw_options *opts) {
    uint8_t bytes[TCP_OPTIONS_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    for (uint8_t i = 0; i < opts->n; i++)
        raw_option_put(&w, &opts->o[i]);
    while (w.len % 4)
        put_u8(&w, OPT_NOP);
    return !w.bad && packet_set_option_bytes(p, bytes, (uint32_t)w.len);
}

void raw_options_remove(struct raw_options *opts, uint8_t index) {
    opts->n--;
    memmove(&opts->o[index], &opts->o[index + 1], (size_t)(opts->n - index) * sizeof opts->o[0]);
}

bool raw_options_add(struct raw_options *opts, const struct raw_option *o) {
    if (opts->n == sizeof opts->o / sizeof *opts->o)
        return false;
    opts->o[opts->n++] = *o;
    return true;
}

bool packet_set_payload(struct packet *p, const uint8_t *data, uint32_t len) {
    return replace(p, p->l4 + packet_tcp_len(p), p->len, data, len);
}
