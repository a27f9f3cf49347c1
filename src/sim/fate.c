/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes that let whole packets vanish, wait, come twice, or go elsewhere. */
#include <stdlib.h>

#include "sim/kinds.h"

#define BIT(s) (1u << (s))

static void drop_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    box_drop(b, p);
}

const struct box_kind box_drop_kind = {
    .name = "drop",
    .help = "lets packets vanish",
    .input = drop_input,
};

/* As the other end would say it (RFC 9293 3.10.7.1). */
static void reject_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    struct umptcp_sockaddr src = packet_dst(p), dst = packet_src(p);
    struct packet *rst = packet_flags(p) & TCP_RST ? NULL : packet_segment(&src, &dst, dir_back(p->dir));
    if (rst && packet_flags(p) & TCP_ACK) {
        packet_set_flags(rst, TCP_RST);
        packet_set_seq(rst, packet_ack(p));
    } else if (rst) {
        packet_set_flags(rst, TCP_RST | TCP_ACK);
        packet_set_ack(rst, packet_end(p));
    }
    box_drop(b, p);
    if (!rst)
        return;
    packet_fix(rst);
    box_pass(b, rst);
}

const struct box_kind box_reject = {
    .name = "reject",
    .help = "answers by a RST",
    .input = reject_input,
};

static void delay_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    b->hits++;
    box_hold(b, p, time_add(box_now(b), b->set[SET_TIME]));
}

const struct box_kind box_delay = {
    .name = "delay",
    .help = "holds packets back for a `time`, so that others overtake them",
    .settings = BIT(SET_TIME),
    .needs = BIT(SET_TIME),
    .input = delay_input,
};

static void duplicate_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    struct packet *copy = packet_copy(p);
    box_pass(b, p);
    if (!copy)
        return;
    b->hits++;
    box_pass(b, copy);
}

const struct box_kind box_duplicate = {
    .name = "duplicate",
    .help = "sends packets twice",
    .input = duplicate_input,
};

static void balance_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    box_divert(b, p);
}

const struct box_kind box_balance = {
    .name = "balance",
    .help = "leads flows to another server behind the same address",
    .input = balance_input,
};

/* ---- ids --------------------------------------------------------------------------------------------------------- */

struct dup_acks {
    bool cut, has[DIRS];
    uint32_t ack[DIRS];
    uint16_t window[DIRS];
    uint32_t again[DIRS];
};

/* Duplicate acknowledgments as RFC 5681 has it, but SACK's, which say what they are for. */
static void ids_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct dup_acks *d = f->state;
    enum packet_dir dir = p->dir;
    bool syn = packet_flags(p) & TCP_SYN, pure = packet_flags(p) == TCP_ACK && !packet_payload_len(p);
    bool same = d->has[dir] && d->ack[dir] == packet_ack(p) && d->window[dir] == packet_window(p);
    if (syn)
        d->cut = false;
    else if (pure && !box_has(p, OPT_SACK))
        d->again[dir] = same ? d->again[dir] + 1 : 0;
    d->has[dir] = !syn;
    d->ack[dir] = packet_ack(p);
    d->window[dir] = packet_window(p);
    d->cut = d->cut || d->again[dir] > b->set[SET_BY];
    if (d->cut)
        box_drop(b, p);
    else
        box_pass(b, p);
}

const struct box_kind box_ids = {
    .name = "ids",
    .help = "takes more than `by` equal acknowledgments in a row for an attack, and cuts the flow",
    .settings = BIT(SET_BY),
    .needs = BIT(SET_BY),
    .all = true,
    .flow_size = sizeof(struct dup_acks),
    .input = ids_input,
};
