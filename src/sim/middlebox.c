/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver, and what all elements share: flows, selection, holding packets back. A packet goes from element to
 * element by calls; what reaches the outer end of the chain is sent, what reaches the inner end waits for recv.
 */
#include "sim/middlebox.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/raw.h"
#include "sim/box.h"
#include "wire/gso.h"

enum { PULL_MAX = 256, DEPTH_MAX = 64 };

struct middlebox {
    struct driver d;
    struct driver *inner, *other;
    utime now;
    struct list ready; /* packets for recv */
    struct packet *lent;
    uint64_t dropped;
    uint32_t held_bytes;
    unsigned count;
    struct box box[MIDDLEBOX_ELEMENTS_MAX];
    uint8_t scratch[RAW_MAX], piece[RAW_MAX];
};

static struct middlebox *middlebox_of(struct driver *d) { return (struct middlebox *)(void *)d; }
static const struct middlebox *middlebox_of_const(const struct driver *d) {
    return (const struct middlebox *)(const void *)d;
}

/* ---- Flows ------------------------------------------------------------------------------------------------------- */

static struct box_flow *flow_of(struct list *n) { return container_of(n, struct box_flow, node); }

static void flow_free(struct box *b, struct box_flow *f) {
    list_remove(&f->node);
    b->nflows--;
    if (b->kind->flow_free)
        b->kind->flow_free(f->state);
    free(f->state);
    free(f);
}

static struct box_flow *flow_new(struct box *b, const struct packet *p) {
    struct box_flow *f = calloc(1, sizeof *f);
    void *state = b->kind->flow_size ? calloc(1, b->kind->flow_size) : NULL;
    if (!f || (b->kind->flow_size && !state)) {
        free(f);
        free(state);
        return NULL;
    }
    if (b->nflows == BOX_FLOWS_MAX)
        flow_free(b, flow_of(b->flows.prev));
    f->state = state;
    f->end[p->dir] = packet_src(p);
    f->end[dir_back(p->dir)] = packet_dst(p);
    bool answer = (packet_flags(p) & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
    f->fwd = answer ? dir_back(p->dir) : p->dir;
    f->join = packet_flags(p) & TCP_SYN && box_has(p, OPT_SUBTYPE + 1);
    list_push_front(&b->flows, &f->node);
    b->nflows++;
    return f;
}

/* The flow of a packet, which counts in it; NULL without memory. */
static struct box_flow *flow_see(struct box *b, const struct packet *p) {
    struct umptcp_sockaddr src = packet_src(p), dst = packet_dst(p);
    struct box_flow *f = NULL;
    list_for_each (n, &b->flows) {
        struct box_flow *at = flow_of(n);
        if (sockaddr_eq(&at->end[p->dir], &src) && sockaddr_eq(&at->end[dir_back(p->dir)], &dst)) {
            f = at;
            break;
        }
    }
    uint8_t flags = packet_flags(p);
    bool syn = flags & TCP_SYN, first_syn = syn && !(flags & TCP_ACK);
    if (f && first_syn && (f->fwd != p->dir || (f->has_isn[p->dir] && f->isn[p->dir] != packet_seq(p)))) {
        flow_free(b, f);
        f = NULL;
    }
    if (!f && !(f = flow_new(b, p)))
        return NULL;
    list_remove(&f->node);
    list_push_front(&b->flows, &f->node);
    if (syn) {
        f->isn[p->dir] = packet_seq(p);
        f->has_isn[p->dir] = true;
    } else {
        f->segs[p->dir]++;
    }
    return f;
}

/* ---- Selection --------------------------------------------------------------------------------------------------- */

bool box_is(const struct raw_option *o, uint64_t option) {
    if (option >= OPT_SUBTYPE)
        return raw_option_subtype(o) == (int)(option - OPT_SUBTYPE);
    return option == OPT_ANY || o->kind == option;
}

bool box_has(const struct packet *p, uint64_t option) {
    struct raw_options opts;
    packet_options(p, &opts);
    for (uint8_t i = 0; i < opts.n; i++)
        if (box_is(&opts.o[i], option))
            return true;
    return false;
}

/* What a packet is, as bits of `on`. */
static uint64_t what(const struct box_flow *f, const struct packet *p) {
    uint8_t flags = packet_flags(p);
    uint64_t is = ON_ALL;
    if (flags & TCP_SYN)
        return is | (flags & TCP_ACK ? ON_SYNACK : ON_SYN);
    is |= ON_NONSYN;
    uint32_t len = packet_payload_len(p);
    if (len)
        is |= ON_DATA;
    if (flags & TCP_FIN)
        is |= ON_FIN;
    if (flags & TCP_RST)
        is |= ON_RST;
    if (!len && !(flags & (TCP_FIN | TCP_RST))) {
        is |= ON_ACK;
        if (p->dir == f->fwd && f->segs[p->dir] == 1)
            is |= ON_THIRD;
    }
    return is;
}

static bool dir_fits(uint64_t want, const struct box_flow *f, enum packet_dir dir) {
    switch (want) {
    case BOX_OUT:
        return dir == DIR_OUT;
    case BOX_IN:
        return dir == DIR_IN;
    case BOX_FWD:
        return dir == f->fwd;
    case BOX_REV:
        return dir != f->fwd;
    default:
        return true;
    }
}

bool box_follows(const struct box *b, const struct box_flow *f, enum packet_dir dir) {
    if (b->set[SET_FLOW] && f->join != (b->set[SET_FLOW] == BOX_JOIN))
        return false;
    return dir_fits(b->set[SET_DIR], f, dir);
}

bool box_selects(struct box *b, struct box_flow *f, const struct packet *p) {
    uint64_t on = b->given[SET_ON] ? b->set[SET_ON] : b->kind->on ? b->kind->on : ON_ALL;
    if (!box_follows(b, f, p->dir) || !(what(f, p) & on))
        return false;
    if (b->given[SET_HAVING] && !box_has(p, b->set[SET_HAVING]))
        return false;
    if (p->len <= b->set[SET_LARGER])
        return false;
    uint32_t n = f->matched++;
    if (n < b->set[SET_AFTER])
        return false;
    n -= (uint32_t)b->set[SET_AFTER];
    uint64_t every = b->set[SET_EVERY] ? b->set[SET_EVERY] : 1;
    return n % every == 0 && (!b->given[SET_COUNT] || n / every < b->set[SET_COUNT]);
}

/* ---- The way through the chain ----------------------------------------------------------------------------------- */

utime box_now(const struct box *b) { return b->chain->now; }
uint32_t box_mtu(const struct box *b) { return b->chain->d.mtu; }

static void chain_leave(struct middlebox *m, struct packet *p) {
    if (p->dir == DIR_IN) {
        p->when = m->now;
        list_push_back(&m->ready, &p->node);
        return;
    }
    struct umptcp_out out = {
        .len = p->len, .v6 = p->len > 0 && p->data[0] >> 4 == 6, .nslices = 1, .slices = {{p->data, p->len}}};
    if (driver_send(m->inner, &out, m->now))
        m->dropped++;
    free(p);
}

static void box_input(struct box *b, struct packet *p) {
    struct box_flow *f = p->tcp ? flow_see(b, p) : NULL;
    if (!f) {
        box_pass(b, p);
        return;
    }
    if (b->kind->all || box_selects(b, f, p))
        b->kind->input(b, f, p);
    else
        box_pass(b, p);
}

void box_pass(struct box *b, struct packet *p) {
    struct middlebox *m = b->chain;
    if (p->dir == DIR_OUT && b->index + 1 < m->count)
        box_input(&m->box[b->index + 1], p);
    else if (p->dir == DIR_IN && b->index > 0)
        box_input(&m->box[b->index - 1], p);
    else
        chain_leave(m, p);
}

void box_pass_changed(struct box *b, struct packet *p) {
    b->hits++;
    packet_fix(p);
    box_pass(b, p);
}

void box_drop(struct box *b, struct packet *p) {
    b->hits++;
    free(p);
}

void box_no_memory(struct box *b, struct packet *p) {
    b->chain->dropped++;
    free(p);
}

void box_hold(struct box *b, struct packet *p, utime when) {
    struct middlebox *m = b->chain;
    if (p->len > MIDDLEBOX_HELD_MAX - m->held_bytes) {
        box_no_memory(b, p);
        return;
    }
    m->held_bytes += p->len;
    struct list *after = b->held.prev;
    while (after != &b->held && time_before(when, packet_of(after)->when))
        after = after->prev;
    p->when = when;
    list_push_front(after, &p->node);
}

void box_unhold(struct box *b, struct packet *p) {
    b->chain->held_bytes -= p->len;
    list_remove(&p->node);
}

void box_divert(struct box *b, struct packet *p) {
    struct middlebox *m = b->chain;
    if (!m->other || p->dir != DIR_OUT) {
        box_pass(b, p);
        return;
    }
    b->hits++;
    struct umptcp_out out = {.len = p->len, .v6 = p->v6, .nslices = 1, .slices = {{p->data, p->len}}};
    if (driver_send(m->other, &out, m->now))
        m->dropped++;
    free(p);
}

static void chain_release(struct middlebox *m) {
    for (unsigned i = 0; i < m->count; i++) {
        struct box *b = &m->box[i];
        struct list *n;
        while ((n = list_first(&b->held)) && !time_before(m->now, packet_of(n)->when)) {
            struct packet *p = packet_of(n);
            box_unhold(b, p);
            if (b->kind->release)
                b->kind->release(b, p);
            else
                box_pass(b, p);
        }
    }
}

/* One packet in as many pieces as the wire needs. Its checksums are complete. */
static void chain_input(struct middlebox *m, const uint8_t *pkt, uint32_t len, uint16_t gso_size, enum packet_dir dir) {
    uint32_t count = gso_count(pkt, len, gso_size);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *piece = pkt;
        uint32_t piece_len = len;
        if (count > 1) {
            piece_len = gso_piece(pkt, len, gso_size, i, m->piece);
            piece = m->piece;
        }
        struct packet *p = packet_new(piece, piece_len, dir);
        if (!p || !packet_inspect(p)) {
            m->dropped++;
            free(p);
            continue;
        }
        if (!m->count)
            chain_leave(m, p);
        else
            box_input(&m->box[dir == DIR_OUT ? 0 : m->count - 1], p);
    }
}

/* ---- Driver ------------------------------------------------------------------------------------------------------ */

static int middlebox_send(struct driver *d, const struct umptcp_out *out, struct umptcp_time now) {
    struct middlebox *m = middlebox_of(d);
    m->now = now;
    chain_release(m);
    uint32_t len = raw_gather(out, m->scratch);
    chain_input(m, m->scratch, len, out->gso_size, DIR_OUT);
    return 0;
}

static void middlebox_pull(struct middlebox *m, struct driver *from) {
    struct umptcp_packet pkt;
    for (int i = 0; i < PULL_MAX && driver_recv(from, &pkt, m->now); i++) {
        uint32_t len = pkt.len < RAW_MAX ? pkt.len : RAW_MAX;
        memcpy(m->scratch, pkt.data, len);
        if (pkt.csum_valid)
            raw_fix_l4(m->scratch, len); /* it may not be there yet, and a wire shows it */
        driver_verdict(from, UMPTCP_DROP_NONE);
        chain_input(m, m->scratch, len, pkt.gso_size, DIR_IN);
    }
}

static bool middlebox_recv(struct driver *d, struct umptcp_packet *pkt, struct umptcp_time now) {
    struct middlebox *m = middlebox_of(d);
    m->now = now;
    chain_release(m);
    if (list_empty(&m->ready)) {
        middlebox_pull(m, m->inner);
        if (m->other)
            middlebox_pull(m, m->other);
    }
    struct list *n = list_first(&m->ready);
    if (!n)
        return false;
    list_remove(n);
    free(m->lent);
    m->lent = packet_of(n);
    *pkt = (struct umptcp_packet){.data = m->lent->data, .len = m->lent->len};
    return true;
}

static struct umptcp_time middlebox_next(const struct driver *d) {
    const struct middlebox *m = middlebox_of_const(d);
    utime next = driver_next(m->inner);
    if (m->other)
        next = time_min(next, driver_next(m->other));
    if (!list_empty(&m->ready))
        next = time_min(next, container_of(m->ready.next, const struct packet, node)->when);
    for (unsigned i = 0; i < m->count; i++)
        if (!list_empty(&m->box[i].held))
            next = time_min(next, container_of(m->box[i].held.next, const struct packet, node)->when);
    return next;
}

static void middlebox_tick(struct driver *d, struct umptcp_time now) {
    struct middlebox *m = middlebox_of(d);
    m->now = now;
    chain_release(m);
    driver_tick(m->inner, now);
    if (m->other)
        driver_tick(m->other, now);
}

static void free_packets(struct list *head) {
    list_for_each_safe (n, head)
        free(packet_of(n));
}

static void middlebox_free(struct middlebox *m) {
    for (unsigned i = 0; i < m->count; i++) {
        list_for_each_safe (n, &m->box[i].flows)
            flow_free(&m->box[i], flow_of(n));
        free_packets(&m->box[i].held);
    }
    free_packets(&m->ready);
    free(m->lent);
    free(m);
}

static void middlebox_close(struct driver *d) {
    struct middlebox *m = middlebox_of(d);
    driver_close(m->inner);
    driver_close(m->other);
    middlebox_free(m);
}

/* No verdict: what the stack says is about a packet that the wrapped driver gave away before. */
static const struct driver_ops middlebox_ops = {
    .name = "middlebox",
    .recv = middlebox_recv,
    .send = middlebox_send,
    .next = middlebox_next,
    .tick = middlebox_tick,
    .close = middlebox_close,
};

static int add_element(struct middlebox *m, const char *text, size_t len, uint64_t seed, char *error) {
    if (m->count == MIDDLEBOX_ELEMENTS_MAX) {
        snprintf(error, MIDDLEBOX_ERROR_MAX, "more than %d elements", MIDDLEBOX_ELEMENTS_MAX);
        return -EINVAL;
    }
    struct box *b = &m->box[m->count];
    memset(b, 0, sizeof *b);
    int err = box_parse(b, text, len, error, MIDDLEBOX_ERROR_MAX);
    if (err)
        return err;
    uint8_t key[32] = {(uint8_t)m->count};
    memcpy(key + 8, &seed, sizeof seed);
    rng_init(&b->rng, key);
    b->chain = m;
    b->index = m->count++;
    list_init(&b->flows);
    list_init(&b->held);
    return 0;
}

static int add_elements(struct middlebox *m, const char *chain, uint64_t seed, char *error) {
    for (;;) {
        chain += strspn(chain, " ");
        size_t len = strcspn(chain, "|"), trimmed = len;
        while (trimmed && chain[trimmed - 1] == ' ')
            trimmed--;
        int err = add_element(m, chain, trimmed, seed, error);
        if (err || !chain[len])
            return err;
        chain += len + 1;
    }
}

static int middlebox_new(const char *chain, uint64_t seed, struct middlebox **new, char *error) {
    struct middlebox *m = calloc(1, sizeof *m);
    if (!m)
        return -ENOMEM;
    list_init(&m->ready);
    int err = add_elements(m, chain, seed, error);
    if (err)
        middlebox_free(m);
    else
        *new = m;
    return err;
}

int middlebox_wrap(struct driver *inner, const char *chain, uint64_t seed, struct driver **d,
                   char error[MIDDLEBOX_ERROR_MAX]) {
    struct middlebox *m;
    int err = middlebox_new(chain, seed, &m, error);
    if (err)
        return err;
    m->d = *inner;
    m->d.ops = &middlebox_ops;
    m->d.flags = UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 | UMPTCP_IF_TSO6;
    m->inner = inner;
    *d = &m->d;
    return 0;
}

int middlebox_parse(const char *chain, char error[MIDDLEBOX_ERROR_MAX]) {
    struct middlebox *m;
    int err = middlebox_new(chain, 0, &m, error);
    if (!err)
        middlebox_free(m);
    return err;
}

uint64_t middlebox_hits(const struct driver *d, unsigned element) {
    const struct middlebox *m = middlebox_of_const(d);
    return element < m->count ? m->box[element].hits : 0;
}

uint64_t middlebox_dropped(const struct driver *d) { return middlebox_of_const(d)->dropped; }

void middlebox_set_other(struct driver *d, struct driver *other) { middlebox_of(d)->other = other; }
