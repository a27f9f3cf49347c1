/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes that take TCP options away, change them, repeat them, or put them in another order. */
#include <stdlib.h>
#include <string.h>

#include "sim/kinds.h"

#define BIT(s) (1u << (s))

/* Lets a packet go on with its options changed by `change`, which says of each whether it did. */
static void change_each(struct box *b, const struct box_flow *f, struct packet *p,
                        bool (*change)(const struct box *, const struct box_flow *, const struct packet *,
                                       struct raw_option *)) {
    struct raw_options opts;
    bool any = false;
    packet_options(p, &opts);
    for (uint8_t i = 0; i < opts.n; i++)
        any = change(b, f, p, &opts.o[i]) || any;
    if (any && packet_set_options(p, &opts))
        box_pass_changed(b, p);
    else
        box_pass(b, p);
}

/* ---- strip ------------------------------------------------------------------------------------------------------- */

static void strip_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    struct raw_options opts;
    packet_options(p, &opts);
    uint8_t had = opts.n;
    for (uint8_t i = opts.n; i-- > 0;)
        if (box_is(&opts.o[i], b->set[SET_OPTION]))
            raw_options_remove(&opts, i);
    if (opts.n < had && packet_set_options(p, &opts))
        box_pass_changed(b, p);
    else
        box_pass(b, p);
}

const struct box_kind box_strip = {
    .name = "strip",
    .help = "takes an option away",
    .settings = BIT(SET_OPTION),
    .needs = BIT(SET_OPTION),
    .input = strip_input,
};

/* ---- echo, copy: the SYN's options come back, or again ----------------------------------------------------------- */

struct seen_options { /* MPTCP's of the SYN */
    struct raw_options of_syn;
};

static void keep_syn_options(struct box_flow *f, const struct packet *p) {
    struct seen_options *seen = f->state;
    packet_options(p, &seen->of_syn);
    for (uint8_t i = seen->of_syn.n; i-- > 0;)
        if (seen->of_syn.o[i].kind != MPOPT_KIND)
            raw_options_remove(&seen->of_syn, i);
}

static bool add_syn_options(struct raw_options *opts, const struct box_flow *f) {
    const struct seen_options *seen = f->state;
    for (uint8_t i = 0; i < seen->of_syn.n; i++)
        if (!raw_options_add(opts, &seen->of_syn.o[i]))
            return false;
    return seen->of_syn.n > 0;
}

static void echo_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct raw_options opts;
    uint8_t flags = packet_flags(p);
    if (p->dir == f->fwd && flags & TCP_SYN)
        keep_syn_options(f, p);
    if (p->dir == f->fwd || !(flags & TCP_SYN)) {
        box_pass(b, p);
        return;
    }
    packet_options(p, &opts);
    for (uint8_t i = opts.n; i-- > 0;)
        if (opts.o[i].kind == MPOPT_KIND)
            raw_options_remove(&opts, i);
    if (add_syn_options(&opts, f) && packet_set_options(p, &opts))
        box_pass_changed(b, p);
    else
        box_pass(b, p);
}

const struct box_kind box_echo = {
    .name = "echo",
    .help = "puts the SYN's MPTCP options into the SYN/ACK, for those that are there",
    .all = true,
    .flow_size = sizeof(struct seen_options),
    .input = echo_input,
};

static void copy_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct raw_options opts;
    if (p->dir == f->fwd && packet_flags(p) & TCP_SYN)
        keep_syn_options(f, p);
    if (packet_flags(p) & TCP_SYN || !box_selects(b, f, p)) {
        box_pass(b, p);
        return;
    }
    packet_options(p, &opts);
    struct packet *larger = add_syn_options(&opts, f) ? packet_copy(p) : NULL;
    if (larger && packet_set_options(larger, &opts) && larger->len <= box_mtu(b)) {
        free(p);
        box_pass_changed(b, larger);
    } else {
        free(larger);
        box_pass(b, p);
    }
}

const struct box_kind box_copy = {
    .name = "copy",
    .help = "adds the SYN's MPTCP options to the segments behind it, where they fit",
    .all = true,
    .flow_size = sizeof(struct seen_options),
    .input = copy_input,
};

/* ---- shuffle ----------------------------------------------------------------------------------------------------- */

static void shuffle_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    struct raw_options opts;
    packet_options(p, &opts);
    uint32_t used = 0;
    for (uint8_t i = 0; i < opts.n; i++)
        used += opts.o[i].len;
    uint8_t bytes[TCP_OPTIONS_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    /* More padding than before must not make the packet longer than the wire takes. */
    uint32_t spare = packet_tcp_len(p) - TCP_HDR_LEN - used;
    while (opts.n) {
        for (uint32_t nops = rng_below(&b->rng, spare + 1); nops; nops--, spare--)
            put_u8(&w, OPT_NOP);
        uint8_t i = (uint8_t)rng_below(&b->rng, opts.n);
        raw_option_put(&w, &opts.o[i]);
        raw_options_remove(&opts, i);
    }
    while (w.len % 4)
        put_u8(&w, OPT_NOP);
    if (!w.bad && packet_set_option_bytes(p, bytes, (uint32_t)w.len))
        box_pass_changed(b, p);
    else
        box_pass(b, p);
}

const struct box_kind box_shuffle = {
    .name = "shuffle",
    .help = "puts the options into another order, and NOPs elsewhere",
    .input = shuffle_input,
};

/* ---- truncate ---------------------------------------------------------------------------------------------------- */

static bool truncate_one(const struct box *b, const struct box_flow *f, const struct packet *p, struct raw_option *o) {
    (void)f;
    (void)p;
    if (!box_is(o, b->set[SET_OPTION]) || o->len < 4 + b->set[SET_BY])
        return false;
    o->len = (uint8_t)(o->len - b->set[SET_BY]);
    return true;
}

static void truncate_input(struct box *b, struct box_flow *f, struct packet *p) { change_each(b, f, p, truncate_one); }

const struct box_kind box_truncate = {
    .name = "truncate",
    .help = "cuts `by` bytes off the end of an option",
    .settings = BIT(SET_OPTION) | BIT(SET_BY),
    .needs = BIT(SET_OPTION) | BIT(SET_BY),
    .input = truncate_input,
};

/* ---- readdress --------------------------------------------------------------------------------------------------- */

enum { ADD_ADDR_SUBTYPE = 3, ADD_ADDR_V4_LAST = 5, ADD_ADDR_V6_LAST = 17, ADD_ADDR_V6_MIN = 20 };

static bool readdress_one(const struct box *b, const struct box_flow *f, const struct packet *p, struct raw_option *o) {
    (void)b;
    (void)f;
    if (raw_option_subtype(o) != ADD_ADDR_SUBTYPE || o->len < ADD_ADDR_V4_LAST + 3)
        return false;
    o->data[o->len >= ADD_ADDR_V6_MIN && p->v6 ? ADD_ADDR_V6_LAST : ADD_ADDR_V4_LAST] ^= 0x40;
    return true;
}

static void readdress_input(struct box *b, struct box_flow *f, struct packet *p) {
    change_each(b, f, p, readdress_one);
}

const struct box_kind box_readdress = {
    .name = "readdress",
    .help = "writes another address into ADD_ADDR",
    .input = readdress_input,
};

/* ---- clamp ------------------------------------------------------------------------------------------------------- */

static bool clamp_one(const struct box *b, const struct box_flow *f, const struct packet *p, struct raw_option *o) {
    (void)f;
    (void)p;
    if (o->kind != OPT_MSS || o->len != 4 || load_be16(o->data) <= b->set[SET_SIZE])
        return false;
    store_be16(o->data, (uint16_t)b->set[SET_SIZE]);
    return true;
}

static void clamp_input(struct box *b, struct box_flow *f, struct packet *p) { change_each(b, f, p, clamp_one); }

const struct box_kind box_clamp = {
    .name = "clamp",
    .help = "lowers the MSS of SYNs to `size`",
    .settings = BIT(SET_SIZE),
    .needs = BIT(SET_SIZE),
    .on = ON_SYN | ON_SYNACK,
    .input = clamp_input,
};

/* ---- timestamps -------------------------------------------------------------------------------------------------- */

static bool timestamps_one(const struct box *b, const struct box_flow *f, const struct packet *p,
                           struct raw_option *o) {
    uint32_t by = (uint32_t)b->set[SET_BY];
    if (o->kind != OPT_TS || o->len != 10)
        return false;
    if (box_follows(b, f, p->dir))
        store_be32(o->data, load_be32(o->data) + by);
    if (box_follows(b, f, dir_back(p->dir)) && packet_flags(p) & TCP_ACK)
        store_be32(o->data + 4, load_be32(o->data + 4) - by);
    return true;
}

static void timestamps_input(struct box *b, struct box_flow *f, struct packet *p) {
    change_each(b, f, p, timestamps_one);
}

const struct box_kind box_timestamps = {
    .name = "timestamps",
    .help = "adds `by` to timestamps, and takes it away again from their echoes",
    .settings = BIT(SET_BY),
    .needs = BIT(SET_BY),
    .all = true,
    .input = timestamps_input,
};
