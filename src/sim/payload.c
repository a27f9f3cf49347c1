/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes that look into the payload: application gateways, bad memory, traffic normalisers. */
#include <stdlib.h>
#include <string.h>

#include "sim/kinds.h"

#define BIT(s) (1u << (s))

/* ---- alg --------------------------------------------------------------------------------------------------------- */

/* The place of the edit in the stream of one direction, and what becomes of positions behind it. */
struct edit {
    uint32_t base; /* sequence number of the first byte */
    uint32_t at, remove, insert;
};

static bool alg_edit(const struct box *b, const struct box_flow *f, enum packet_dir dir, struct edit *e) {
    bool mine = b->set[SET_DIR] ? box_follows(b, f, dir) : box_follows(b, f, dir) && dir == f->fwd;
    if (!mine || !f->has_isn[dir])
        return false;
    *e = (struct edit){f->isn[dir] + 1, (uint32_t)b->set[SET_AT], (uint32_t)b->set[SET_REMOVE],
                       (uint32_t)b->set[SET_INSERT]};
    return true;
}

/* Where a position comes to stand; one within the removed bytes at their end. */
static uint32_t edit_forth(const struct edit *e, uint32_t pos) {
    if (seq32_le(pos, e->at))
        return pos;
    if (seq32_lt(pos, e->at + e->remove))
        return e->at + e->insert;
    return pos - e->remove + e->insert;
}

/* And back: one within the inserted bytes at their beginning, because what it acknowledges is not yet all there. */
static uint32_t edit_back(const struct edit *e, uint32_t pos) {
    if (seq32_le(pos, e->at))
        return pos;
    if (seq32_lt(pos, e->at + e->insert))
        return e->at;
    return pos - e->insert + e->remove;
}

/* Writes what becomes of `len` bytes at position `pos` to `out`, and returns how many they are. */
static uint32_t edit_bytes(const struct edit *e, uint32_t pos, const uint8_t *bytes, uint32_t len, uint8_t *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < len; i++) {
        uint32_t at = pos + i;
        if (at == e->at)
            for (uint32_t k = 0; k < e->insert; k++) /* never what stood there */
                out[n++] = k < len - i ? (uint8_t)~bytes[i + k] : (uint8_t)'x';
        if (seq32_lt(at, e->at) || seq32_le(e->at + e->remove, at))
            out[n++] = bytes[i];
    }
    return n;
}

/* What is too long for the wire now goes in two. */
static void alg_emit(struct box *b, struct packet *p, const uint8_t *bytes, uint32_t len) {
    uint32_t room = box_mtu(b) - p->l4 - packet_tcp_len(p);
    struct packet *rest = len > room ? packet_copy(p) : NULL;
    if (rest) {
        packet_set_payload(rest, bytes + room, len - room);
        packet_set_seq(rest, packet_seq(p) + room);
        packet_set_flags(p, packet_flags(p) & (uint8_t)~TCP_FIN);
    }
    if (!packet_set_payload(p, bytes, len > room ? room : len)) {
        free(rest);
        box_no_memory(b, p);
        return;
    }
    packet_fix(p);
    box_pass(b, p);
    if (!rest)
        return;
    packet_fix(rest);
    box_pass(b, rest);
}

static void alg_answer(const struct edit *e, struct packet *p) {
    struct raw_options opts;
    if (packet_flags(p) & TCP_ACK)
        packet_set_ack(p, e->base + edit_back(e, packet_ack(p) - e->base));
    packet_options(p, &opts);
    for (uint8_t i = 0; i < opts.n; i++)
        for (uint8_t at = 0; opts.o[i].kind == OPT_SACK && at + 4u <= opts.o[i].len - 2u; at += 4)
            store_be32(opts.o[i].data + at, e->base + edit_back(e, load_be32(opts.o[i].data + at) - e->base));
    packet_set_options(p, &opts);
    packet_fix(p);
}

static void alg_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct edit e;
    bool syn = packet_flags(p) & TCP_SYN;
    if (alg_edit(b, f, dir_back(p->dir), &e) && !syn)
        alg_answer(&e, p);
    if (syn || !alg_edit(b, f, p->dir, &e)) {
        box_pass(b, p);
        return;
    }
    uint32_t pos = packet_seq(p) - e.base, len = packet_payload_len(p);
    uint8_t *bytes = malloc(len + e.insert + 1);
    if (!bytes) {
        box_no_memory(b, p);
        return;
    }
    uint32_t now = edit_bytes(&e, pos, packet_payload(p), len, bytes);
    b->hits += seq32_le(pos, e.at) && seq32_lt(e.at, pos + len);
    packet_set_seq(p, e.base + edit_forth(&e, pos));
    alg_emit(b, p, bytes, now);
    free(bytes);
}

const struct box_kind box_alg = {
    .name = "alg",
    .help = "replaces `remove` bytes behind the first `at` of a stream by `insert` others, and puts all numbers right",
    .settings = BIT(SET_AT) | BIT(SET_REMOVE) | BIT(SET_INSERT),
    .all = true,
    .input = alg_input,
};

/* ---- flip, empty ------------------------------------------------------------------------------------------------- */

static void flip_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    uint32_t len = packet_payload_len(p);
    if (!len) {
        box_pass(b, p);
        return;
    }
    packet_payload(p)[rng_below(&b->rng, len)] ^= (uint8_t)(1u << rng_below(&b->rng, 8));
    box_pass_changed(b, p); /* with a checksum that is right */
}

const struct box_kind box_flip = {
    .name = "flip",
    .help = "flips a bit of the payload, unseen by TCP's checksum",
    .on = ON_DATA,
    .input = flip_input,
};

static void empty_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    if (!packet_payload_len(p)) {
        box_pass(b, p);
        return;
    }
    packet_set_payload(p, NULL, 0);
    box_pass_changed(b, p);
}

const struct box_kind box_empty = {
    .name = "empty",
    .help = "takes the payload away",
    .on = ON_SYN,
    .input = empty_input,
};

/* ---- normalise --------------------------------------------------------------------------------------------------- */

enum { KEPT_MAX = 16 << 20 };

struct kept { /* the stream of each direction as it first came */
    uint32_t size[DIRS];
    uint8_t *bytes[DIRS], *have[DIRS];
};

static void kept_free(void *state) {
    struct kept *k = state;
    for (int dir = 0; dir < DIRS; dir++) {
        free(k->bytes[dir]);
        free(k->have[dir]);
    }
}

static bool kept_grow(struct kept *k, enum packet_dir dir, uint32_t size) {
    if (size <= k->size[dir])
        return true;
    uint32_t doubled = size * 2;
    uint8_t *bytes = realloc(k->bytes[dir], doubled);
    if (!bytes)
        return false;
    k->bytes[dir] = bytes;
    uint8_t *have = realloc(k->have[dir], doubled);
    if (!have)
        return false;
    k->have[dir] = have;
    memset(have + k->size[dir], 0, doubled - k->size[dir]);
    k->size[dir] = doubled;
    return true;
}

static void normalise_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct kept *k = f->state;
    enum packet_dir dir = p->dir;
    uint32_t len = packet_payload_len(p), pos = packet_seq(p) - f->isn[dir] - 1;
    if (!f->has_isn[dir] || !len || packet_flags(p) & TCP_SYN || pos > KEPT_MAX || !kept_grow(k, dir, pos + len)) {
        box_pass(b, p);
        return;
    }
    uint8_t *bytes = packet_payload(p);
    bool changed = false;
    for (uint32_t i = 0; i < len; i++) {
        if (!k->have[dir][pos + i]) {
            k->have[dir][pos + i] = 1;
            k->bytes[dir][pos + i] = bytes[i];
        } else if (bytes[i] != k->bytes[dir][pos + i]) {
            bytes[i] = k->bytes[dir][pos + i];
            changed = true;
        }
    }
    if (changed)
        box_pass_changed(b, p);
    else
        box_pass(b, p);
}

const struct box_kind box_normalise = {
    .name = "normalise",
    .help = "gives retransmissions the content that their sequence numbers had first",
    .flow_size = sizeof(struct kept),
    .input = normalise_input,
    .flow_free = kept_free,
};
