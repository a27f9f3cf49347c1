/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes that rewrite fields of the headers: window, ECN, sequence numbers, acknowledgments. */
#include "sim/kinds.h"
#include "wire/ip.h"

#define BIT(s) (1u << (s))

/* ---- window ------------------------------------------------------------------------------------------------------ */

enum { WSCALE_MAX = 14 };

struct scales {
    bool has[DIRS];
    uint8_t scale[DIRS];
};

static void window_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct scales *s = f->state;
    bool syn = packet_flags(p) & TCP_SYN;
    if (syn) {
        struct raw_options opts;
        packet_options(p, &opts);
        s->has[p->dir] = false;
        for (uint8_t i = 0; i < opts.n; i++)
            if (opts.o[i].kind == OPT_WSCALE && opts.o[i].len == 3) {
                s->has[p->dir] = true;
                s->scale[p->dir] = opts.o[i].data[0] < WSCALE_MAX ? opts.o[i].data[0] : WSCALE_MAX;
            }
    }
    if (!box_selects(b, f, p)) {
        box_pass(b, p);
        return;
    }
    uint8_t scale = !syn && s->has[DIR_OUT] && s->has[DIR_IN] ? s->scale[p->dir] : 0;
    uint64_t window = (uint64_t)packet_window(p) << scale;
    if (window <= b->set[SET_SIZE]) {
        box_pass(b, p);
        return;
    }
    packet_set_window(p, (uint16_t)(b->set[SET_SIZE] >> scale));
    box_pass_changed(b, p);
}

const struct box_kind box_window = {
    .name = "window",
    .help = "makes windows no larger than `size` bytes",
    .settings = BIT(SET_SIZE),
    .needs = BIT(SET_SIZE),
    .all = true,
    .flow_size = sizeof(struct scales),
    .input = window_input,
};

/* ---- ecn --------------------------------------------------------------------------------------------------------- */

static void ecn_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    static const uint8_t bits[] = {[MARK_CLEAR] = IP_ECN_NOT_ECT, [MARK_ECT] = IP_ECN_ECT0, [MARK_CE] = IP_ECN_CE};
    uint8_t ecn = bits[b->set[SET_MARK]];
    if (p->v6)
        p->data[1] = (uint8_t)((p->data[1] & 0xcf) | ecn << 4);
    else
        p->data[1] = (uint8_t)((p->data[1] & 0xfc) | ecn);
    if (b->set[SET_MARK] == MARK_CLEAR)
        packet_set_flags(p, packet_flags(p) & (uint8_t) ~(TCP_ECE | TCP_CWR));
    box_pass_changed(b, p);
}

const struct box_kind box_ecn = {
    .name = "ecn",
    .help = "clears the ECN bits of both headers, or marks packets as ECT or CE",
    .settings = BIT(SET_MARK),
    .input = ecn_input,
};

/* ---- shift ------------------------------------------------------------------------------------------------------- */

struct shifts {
    bool chosen;
    uint32_t by[DIRS];
};

static void choose_shifts(struct box *b, struct box_flow *f, struct shifts *s) {
    s->chosen = true;
    for (int dir = 0; dir < DIRS; dir++)
        if (box_follows(b, f, (enum packet_dir)dir))
            s->by[dir] = b->given[SET_BY] ? (uint32_t)b->set[SET_BY] : rng_u32(&b->rng);
}

/* Blocks are about the other side's numbers. */
static void shift_sack(struct packet *p, uint32_t by) {
    struct raw_options opts;
    packet_options(p, &opts);
    for (uint8_t i = 0; i < opts.n; i++)
        for (uint8_t at = 0; opts.o[i].kind == OPT_SACK && at + 4u <= opts.o[i].len - 2u; at += 4)
            store_be32(opts.o[i].data + at, load_be32(opts.o[i].data + at) - by);
    packet_set_options(p, &opts);
}

static void shift_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct shifts *s = f->state;
    if (!s->chosen)
        choose_shifts(b, f, s);
    packet_set_seq(p, packet_seq(p) + s->by[p->dir]);
    uint32_t back = s->by[dir_back(p->dir)];
    if (packet_flags(p) & TCP_ACK)
        packet_set_ack(p, packet_ack(p) - back);
    if (b->set[SET_SACK] == SACK_REWRITE && back)
        shift_sack(p, back);
    box_pass_changed(b, p);
}

const struct box_kind box_shift = {
    .name = "shift",
    .help = "gives flows other initial sequence numbers, random ones or `by` more",
    .settings = BIT(SET_BY) | BIT(SET_SACK),
    .all = true,
    .flow_size = sizeof(struct shifts),
    .input = shift_input,
};

/* ---- guard ------------------------------------------------------------------------------------------------------- */

struct highest {
    bool has[DIRS];
    uint32_t end[DIRS];
};

static void guard_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct highest *h = f->state;
    enum packet_dir back = dir_back(p->dir);
    if (!h->has[p->dir] || seq32_lt(h->end[p->dir], packet_end(p))) {
        h->has[p->dir] = true;
        h->end[p->dir] = packet_end(p);
    }
    bool ack = packet_flags(p) & TCP_ACK && box_follows(b, f, p->dir);
    if (!ack || !h->has[back] || seq32_le(packet_ack(p), h->end[back])) {
        box_pass(b, p);
    } else if (b->set[SET_ACT] == ACT_DROP) {
        box_drop(b, p);
    } else {
        packet_set_ack(p, h->end[back]);
        box_pass_changed(b, p);
    }
}

const struct box_kind box_guard = {
    .name = "guard",
    .help = "drops or corrects acknowledgments of what it did not see",
    .settings = BIT(SET_ACT),
    .all = true,
    .flow_size = sizeof(struct highest),
    .input = guard_input,
};
