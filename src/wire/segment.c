/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP segments (RFC 9293 3.1, 3.2) with the options of RFC 2018, RFC 7323, RFC 7413 and RFC 8684: bytes <-> values. */
#include "wire/segment.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"

enum {
    OPT_EOL = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,
    OPT_WSCALE = 3,
    OPT_SACK_PERMITTED = 4,
    OPT_SACK = 5,
    OPT_TS = 8,
    OPT_FASTOPEN = 34,
    OPT_EXP = 254
};
enum { MSS_LEN = 4, WSCALE_LEN = 3, SACK_PERMITTED_LEN = 2, SACK_BLOCK_LEN = 8, TS_LEN = 10 };
enum { EXP_FASTOPEN = 0xf989, FASTOPEN_LEN = 2, EXP_FASTOPEN_LEN = 4 };
enum { WSCALE_MAX = 14 }; /* RFC 7323 2.3 */

/* How nearly every segment's options start: NOP NOP timestamps (RFC 7323 appendix A). */
enum { ALIGNED_TS = OPT_NOP << 24 | OPT_NOP << 16 | OPT_TS << 8 | TS_LEN, ALIGNED_TS_LEN = 12 };

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static void parse_timestamps(const uint8_t *values, struct tcp_options *opt) {
    opt->has_ts = true;
    opt->tsval = load_be32(values);
    opt->tsecr = load_be32(values + 4);
}

static void parse_sack(const uint8_t *p, uint8_t len, struct tcp_options *opt) {
    uint8_t n = (len - 2) / SACK_BLOCK_LEN;
    if (n == 0 || n > SACK_MAX || len != 2 + n * SACK_BLOCK_LEN)
        return;
    opt->nsack = n;
    memset(opt->sack, 0, sizeof opt->sack); /* of a second option, the first one leaves nothing behind */
    for (uint8_t i = 0; i < n; i++) {
        const uint8_t *block = p + 2 + i * SACK_BLOCK_LEN;
        opt->sack[i] = (struct sack_block){{load_be32(block)}, {load_be32(block + 4)}};
    }
}

/* A cookie of a length that cannot be is none (RFC 7413 4.1.1). */
static void parse_fastopen(const uint8_t *cookie, uint8_t len, bool exp, struct tcp_options *opt) {
    bool fits = len >= FASTOPEN_COOKIE_MIN && len <= FASTOPEN_COOKIE_MAX && len % 2 == 0;
    if (len && !fits)
        return;
    opt->has_fastopen = true;
    opt->fastopen = (struct fastopen_cookie){.len = len, .exp = exp}; /* of a first one nothing stays behind */
    memcpy(opt->fastopen.b, cookie, len);
}

static void parse_mptcp(const uint8_t *p, uint8_t len, struct seg *seg) {
    struct mpopts *mp = &seg->mp;
    if (mp->n == MPOPTS_MAX) {
        mp->malformed++;
        return;
    }
    int err = mpopt_parse(p, len, seg->flags, seg->len > 0, &mp->opt[mp->n]);
    if (err == 0)
        mp->n++;
    else if (err == -EINVAL)
        mp->malformed++;
}

/* One option that lies within the header. Those of a SYN mean nothing elsewhere (RFC 9293 MUST-65, RFC 2018 2). */
static void parse_option(const uint8_t *p, uint8_t len, struct seg *seg) {
    struct tcp_options *opt = &seg->opt;
    bool syn = seg->flags & TCP_SYN;
    switch (p[0]) {
    case OPT_MSS:
        if (syn && len == MSS_LEN) {
            opt->has_mss = true;
            opt->mss = load_be16(p + 2);
        }
        break;
    case OPT_WSCALE:
        if (syn && len == WSCALE_LEN) {
            opt->has_wscale = true;
            opt->wscale = p[2] < WSCALE_MAX ? p[2] : WSCALE_MAX;
        }
        break;
    case OPT_SACK_PERMITTED:
        if (syn && len == SACK_PERMITTED_LEN)
            opt->sack_permitted = true;
        break;
    case OPT_SACK:
        parse_sack(p, len, opt);
        break;
    case OPT_TS:
        if (len == TS_LEN)
            parse_timestamps(p + 2, opt);
        break;
    case OPT_FASTOPEN:
        if (syn)
            parse_fastopen(p + FASTOPEN_LEN, (uint8_t)(len - FASTOPEN_LEN), false, opt);
        break;
    case OPT_EXP:
        if (syn && len >= EXP_FASTOPEN_LEN && load_be16(p + 2) == EXP_FASTOPEN)
            parse_fastopen(p + EXP_FASTOPEN_LEN, (uint8_t)(len - EXP_FASTOPEN_LEN), true, opt);
        break;
    case MPOPT_KIND:
        parse_mptcp(p, len, seg);
        break;
    default:
        break;
    }
}

static void parse_options(const uint8_t *p, const uint8_t *end, struct seg *seg) {
    if (end - p >= ALIGNED_TS_LEN && load_be32(p) == ALIGNED_TS) { /* what the walk below would find, found at once */
        parse_timestamps(p + 4, &seg->opt);
        p += ALIGNED_TS_LEN;
    }
    while (p < end && *p != OPT_EOL) {
        if (*p == OPT_NOP) {
            p++;
            continue;
        }
        if (end - p < 2 || p[1] < 2 || p[1] > end - p)
            break;
        parse_option(p, p[1], seg);
        p += p[1];
    }
}

static bool csum_ok(const struct ip_hdr *ip) {
    struct csum c = {0};
    csum_add_pseudo(&c, &ip->src, &ip->dst, IP_PROTO_TCP, ip->payload_len);
    csum_add(&c, ip->payload, ip->payload_len);
    return csum_fold(&c) == 0xffff;
}

enum drop tcp_parse(const struct ip_hdr *ip, bool csum_valid, uint16_t gso_size, struct seg *seg) {
    const uint8_t *p = ip->payload;
    if (ip->payload_len < TCP_HDR_LEN)
        return DROP_TCP_SHORT;
    uint32_t hdr_len = (p[12] >> 4) * 4u;
    if (hdr_len < TCP_HDR_LEN || hdr_len > ip->payload_len)
        return DROP_TCP_SHORT;
    if (!csum_valid && !csum_ok(ip))
        return DROP_TCP_CSUM;
    seg->flow = (struct flow){.local = {ip->dst, load_be16(p + 2)}, .remote = {ip->src, load_be16(p)}};
    seg->seq.v = load_be32(p + 4);
    seg->ack.v = load_be32(p + 8);
    seg->flags = p[13];
    seg->window = load_be16(p + 14);
    seg->urgent = load_be16(p + 18);
    seg->ecn = ip->ecn;
    seg->data = p + hdr_len;
    seg->len = ip->payload_len - hdr_len;
    seg->gso_size = gso_size;
    memset(&seg->opt, 0, sizeof seg->opt);
    seg->mp.n = seg->mp.malformed = 0; /* the rest of the array stays as it is */
    parse_options(p + TCP_HDR_LEN, p + hdr_len, seg);
    return DROP_NONE;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/* The first four bytes of an aligned option of `kind`: two other bytes, then kind and length. */
static void put_head(struct writer *w, uint8_t first, uint8_t second, uint8_t kind, uint8_t len) {
    const uint8_t head[4] = {first, second, kind, len};
    put_bytes(w, head, sizeof head);
}

static void build_fastopen(struct writer *w, const struct fastopen_cookie *cookie) {
    if (cookie->exp) {
        put_head(w, OPT_EXP, (uint8_t)(EXP_FASTOPEN_LEN + cookie->len), EXP_FASTOPEN >> 8, EXP_FASTOPEN & 0xff);
    } else {
        put_u8(w, OPT_FASTOPEN);
        put_u8(w, (uint8_t)(FASTOPEN_LEN + cookie->len));
    }
    put_bytes(w, cookie->b, cookie->len);
    while (w->len % 4)
        put_u8(w, OPT_NOP);
}

static void build_options(struct writer *w, const struct seg *seg) {
    const struct tcp_options *o = &seg->opt;
    assert(o->nsack <= SACK_MAX && seg->mp.n <= MPOPTS_MAX);
    if (o->has_mss)
        put_head(w, OPT_MSS, MSS_LEN, (uint8_t)(o->mss >> 8), (uint8_t)o->mss);
    if (o->has_ts) {
        if (o->sack_permitted)
            put_head(w, OPT_SACK_PERMITTED, SACK_PERMITTED_LEN, OPT_TS, TS_LEN);
        else
            put_head(w, OPT_NOP, OPT_NOP, OPT_TS, TS_LEN);
        put_u32(w, o->tsval);
        put_u32(w, o->tsecr);
    } else if (o->sack_permitted) {
        put_head(w, OPT_NOP, OPT_NOP, OPT_SACK_PERMITTED, SACK_PERMITTED_LEN);
    }
    if (o->has_wscale)
        put_head(w, OPT_NOP, OPT_WSCALE, WSCALE_LEN, o->wscale);
    if (o->nsack)
        put_head(w, OPT_NOP, OPT_NOP, OPT_SACK, (uint8_t)(2 + o->nsack * SACK_BLOCK_LEN));
    for (uint8_t i = 0; i < o->nsack; i++) {
        put_u32(w, o->sack[i].left.v);
        put_u32(w, o->sack[i].right.v);
    }
    if (o->has_fastopen)
        build_fastopen(w, &o->fastopen);
    for (uint8_t i = 0; i < seg->mp.n; i++) {
        mpopt_build(w, &seg->mp.opt[i]);
        while (w->len % 4)
            put_u8(w, OPT_NOP);
    }
}

void tcp_build(struct writer *w, const struct seg *seg) {
    uint8_t h[TCP_HDR_LEN + TCP_OPTIONS_MAX];
    struct writer options = writer_of(h + TCP_HDR_LEN, TCP_OPTIONS_MAX);
    build_options(&options, seg);
    if (options.bad) {
        w->len += TCP_HDR_LEN + options.len;
        w->bad = true;
        return;
    }
    size_t hdr_len = TCP_HDR_LEN + options.len;
    store_be16(h, seg->flow.local.port);
    store_be16(h + 2, seg->flow.remote.port);
    store_be32(h + 4, seg->seq.v);
    store_be32(h + 8, seg->ack.v);
    h[12] = (uint8_t)(hdr_len / 4 << 4);
    h[13] = seg->flags;
    store_be16(h + 14, seg->window);
    store_be16(h + 16, 0);
    store_be16(h + 18, seg->urgent);
    put_bytes(w, h, hdr_len);
}

uint32_t tcp_options_len(const struct seg *seg) {
    struct writer w = writer_counting();
    tcp_build(&w, seg);
    return (uint32_t)(w.len - TCP_HDR_LEN);
}
