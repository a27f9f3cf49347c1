/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes that move the borders of segments, or wait until there is no hole before them. */
#include <stdlib.h>
#include <string.h>

#include "sim/kinds.h"

#define BIT(s) (1u << (s))

enum { WAIT_DEFAULT_MS = 5 };

/* Takes MPTCP's options away. */
static void without_mptcp(struct packet *p) {
    struct raw_options opts;
    packet_options(p, &opts);
    for (uint8_t i = opts.n; i-- > 0;)
        if (opts.o[i].kind == MPOPT_KIND)
            raw_options_remove(&opts, i);
    packet_set_options(p, &opts);
}

/* ---- split ------------------------------------------------------------------------------------------------------- */

/* The piece of `p` from `at` on, of `len` bytes; NULL without memory. */
static struct packet *cut_out(struct packet *p, uint32_t at, uint32_t len, uint64_t keep) {
    struct packet *piece = packet_copy(p);
    if (!piece)
        return NULL;
    bool first = at == 0, last = at + len == packet_payload_len(p);
    if ((keep == KEEP_FIRST && !first) || (keep == KEEP_LAST && !last) || keep == KEEP_NONE)
        without_mptcp(piece);
    packet_set_payload(piece, packet_payload(p) + at, len);
    packet_set_seq(piece, packet_seq(p) + at);
    if (!last)
        packet_set_flags(piece, packet_flags(p) & (uint8_t) ~(TCP_FIN | TCP_PSH));
    return piece;
}

static void split_input(struct box *b, struct box_flow *f, struct packet *p) {
    (void)f;
    uint32_t len = packet_payload_len(p), size = b->set[SET_SIZE] ? (uint32_t)b->set[SET_SIZE] : 1;
    if (len <= size || packet_flags(p) & (TCP_SYN | TCP_RST)) {
        box_pass(b, p);
        return;
    }
    for (uint32_t at = 0; at < len; at += size) {
        struct packet *piece = cut_out(p, at, len - at < size ? len - at : size, b->set[SET_KEEP]);
        if (piece)
            box_pass_changed(b, piece);
    }
    free(p);
}

const struct box_kind box_split = {
    .name = "split",
    .help = "cuts segments to `size` bytes; MPTCP's options stay on every piece, the first, the last, or none",
    .settings = BIT(SET_SIZE) | BIT(SET_KEEP),
    .needs = BIT(SET_SIZE),
    .on = ON_DATA,
    .input = split_input,
};

/* ---- coalesce ---------------------------------------------------------------------------------------------------- */

static bool same_way(const struct packet *a, const struct packet *b) {
    struct umptcp_sockaddr src[2] = {packet_src(a), packet_src(b)}, dst[2] = {packet_dst(a), packet_dst(b)};
    return a->dir == b->dir && sockaddr_eq(&src[0], &src[1]) && sockaddr_eq(&dst[0], &dst[1]);
}

static struct packet *held_of(const struct box *b, const struct packet *p) {
    list_for_each (n, &b->held)
        if (same_way(packet_of(n), p))
            return packet_of(n);
    return NULL;
}

/* Both in one; NULL when they do not fit. */
static struct packet *merge(const struct box *b, struct packet *first, struct packet *second) {
    uint32_t len = packet_payload_len(second), all = packet_payload_len(first) + len;
    uint64_t keep = b->set[SET_KEEP];
    struct packet *p = packet_new(NULL, first->len + len, first->dir);
    if (!p)
        return NULL;
    const struct packet *head = keep == KEEP_SECOND ? second : first;
    memcpy(p->data, head->data, head->len);
    p->len = head->len;
    p->tcp = true;
    p->v6 = head->v6;
    p->l4 = head->l4;
    if (keep == KEEP_NONE)
        without_mptcp(p);
    uint8_t *bytes = malloc(all);
    if (!bytes) {
        free(p);
        return NULL;
    }
    memcpy(bytes, packet_payload(first), all - len);
    memcpy(bytes + all - len, packet_payload(second), len);
    bool fits = packet_set_payload(p, bytes, all) && p->len <= box_mtu(b);
    free(bytes);
    if (!fits) {
        free(p);
        return NULL;
    }
    packet_set_seq(p, packet_seq(first));
    packet_set_ack(p, packet_ack(second));
    packet_set_window(p, packet_window(second));
    packet_set_flags(p, packet_flags(first) | packet_flags(second));
    return p;
}

static void coalesce_input(struct box *b, struct box_flow *f, struct packet *p) {
    if (packet_flags(p) & (TCP_SYN | TCP_RST) || !box_selects(b, f, p)) {
        struct packet *before = packet_flags(p) & (TCP_FIN | TCP_RST) ? held_of(b, p) : NULL;
        if (before) { /* an end is not to overtake data */
            box_unhold(b, before);
            box_pass(b, before);
        }
        box_pass(b, p);
        return;
    }
    struct packet *first = held_of(b, p), *both = NULL;
    if (first) {
        box_unhold(b, first);
        if (packet_end(first) == packet_seq(p) && !(packet_flags(first) & TCP_FIN))
            both = merge(b, first, p);
        if (both) {
            free(first);
            free(p);
            box_pass_changed(b, both);
            return;
        }
        box_pass(b, first);
    }
    dur wait = b->given[SET_TIME] ? b->set[SET_TIME] : MSEC(WAIT_DEFAULT_MS);
    box_hold(b, p, time_add(box_now(b), wait));
}

const struct box_kind box_coalesce = {
    .name = "coalesce",
    .help = "makes one segment of two that come within a `time` and fit; the options of the first or the second stay, "
            "or none",
    .settings = BIT(SET_KEEP) | BIT(SET_TIME),
    .on = ON_DATA,
    .all = true,
    .input = coalesce_input,
};

/* ---- contiguous -------------------------------------------------------------------------------------------------- */

struct edges {
    bool has[DIRS];
    uint32_t next[DIRS];
};

/* Lets go on what is without a hole before it now. */
static void contiguous_go_on(struct box *b, struct edges *e, const struct packet *like) {
    for (bool again = true; again;) {
        again = false;
        list_for_each_safe (n, &b->held) {
            struct packet *p = packet_of(n);
            if (!same_way(p, like) || seq32_lt(e->next[p->dir], packet_seq(p)))
                continue;
            box_unhold(b, p);
            if (seq32_lt(e->next[p->dir], packet_end(p)))
                e->next[p->dir] = packet_end(p);
            box_pass(b, p);
            again = true;
            break;
        }
    }
}

static void contiguous_input(struct box *b, struct box_flow *f, struct packet *p) {
    struct edges *e = f->state;
    if (packet_flags(p) & TCP_SYN) {
        e->has[p->dir] = true;
        e->next[p->dir] = packet_end(p);
    }
    if (!e->has[p->dir] || packet_flags(p) & TCP_RST || !packet_space(p) || !box_follows(b, f, p->dir)) {
        box_pass(b, p);
        return;
    }
    if (seq32_lt(e->next[p->dir], packet_seq(p))) {
        b->hits++;
        box_hold(b, p, UMPTCP_NEVER);
        return;
    }
    if (seq32_lt(e->next[p->dir], packet_end(p)))
        e->next[p->dir] = packet_end(p);
    struct packet *like = packet_segment(&f->end[p->dir], &f->end[dir_back(p->dir)], p->dir);
    box_pass(b, p);
    if (like)
        contiguous_go_on(b, e, like);
    free(like);
}

const struct box_kind box_contiguous = {
    .name = "contiguous",
    .help = "holds segments back while there is a hole before them",
    .all = true,
    .flow_size = sizeof(struct edges),
    .input = contiguous_input,
};
