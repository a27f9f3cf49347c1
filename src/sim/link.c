/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * There is no queue of packets: with one transmitter, first in first out, a packet's time to leave is known when it
 * comes. `busy_until` is when the transmitter will be done with everything that was taken so far, and what lies between
 * now and then is the queue. So a packet costs one insertion, at the end of the list of those under way.
 */
#include "sim/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/random.h"
#include "io/raw.h"
#include "wire/bytes.h"
#include "wire/gso.h"
#include "wire/ip.h"

enum { PPM = 1000000, EARLY_MAX = PPM / 10, BITS = 8, IPV4_HDR_MAX = 60 };
#define REORDER_DEFAULT MSEC(1)
#define NS_PER_S        1e9

struct parcel { /* under way, by the time of arrival */
    struct list node;
    utime when;
    uint32_t port, len, hdr_len, stored; /* stored: bytes in `data`, `len` of them or the headers */
    uint16_t gso_size, csum_start;
    bool csum_partial, v6;
    uint8_t data[];
};

struct link {
    struct link_config cfg;
    struct link_stats stats;
    struct rng rng;
    struct list flight;
    utime busy_until;
    uint64_t carry;         /* bits * 1e9 that made no whole ns at this rate */
    dur queue_max, mark_at; /* cfg.queue, cfg.mark */
    dur early_at;           /* and cfg.early as time at this rate */
    bool bad;               /* state of the chain of losses */
    struct parcel *lent;    /* what link_recv() gave out last */
    uint8_t scratch[RAW_MAX];
};

/* What of a packet has to be known to cut it. */
struct load {
    const struct umptcp_out *out;
    uint32_t port, pieces;
    uint32_t hdr_len, last; /* last: payload bytes of the last piece */
    bool is_tcp;
};

/* Pieces that may come out together. */
struct run {
    uint32_t first, n;
    bool marked;
    utime began, when; /* arrival of its first and last piece */
};

static struct parcel *parcel_of(struct list *n) { return container_of(n, struct parcel, node); }

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

static dur time_of(uint64_t bytes, uint64_t rate) {
    return rate ? (dur)((double)bytes * BITS * NS_PER_S / (double)rate) : 0;
}

void link_set(struct link *l, const struct link_config *cfg) {
    l->cfg = *cfg;
    l->carry = 0;
    l->queue_max = cfg->queue ? time_of(cfg->queue, cfg->rate) : UINT64_MAX;
    l->early_at = cfg->early ? time_of(cfg->early, cfg->rate) : UINT64_MAX;
    l->mark_at = cfg->mark ? time_of(cfg->mark, cfg->rate) : UINT64_MAX;
}

struct link *link_new(const struct link_config *cfg, uint64_t seed) {
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    uint8_t key[32] = {0};
    memcpy(key, &seed, sizeof seed);
    rng_init(&l->rng, key);
    list_init(&l->flight);
    link_set(l, cfg);
    return l;
}

void link_free(struct link *l) {
    if (!l)
        return;
    list_for_each_safe (n, &l->flight)
        free(parcel_of(n));
    free(l->lent);
    free(l);
}

const struct link_config *link_get(const struct link *l) { return &l->cfg; }
void link_stats_get(const struct link *l, struct link_stats *stats) { *stats = l->stats; }

/* ---- Chance ------------------------------------------------------------------------------------------------------ */

static bool strikes(struct link *l, uint32_t chance) { return chance && rng_below(&l->rng, PPM) < chance; }

/* Whether a packet that would wait so long is dropped before the queue is full. */
static bool is_early(struct link *l, dur wait) {
    if (wait <= l->early_at || l->queue_max <= l->early_at)
        return false;
    return strikes(l, (uint32_t)((double)(wait - l->early_at) / (double)(l->queue_max - l->early_at) * EARLY_MAX));
}

/* Whether the packet that was just sent is lost. In a run of losses each is the last with the chance 1/burst; a run
 * begins as often as makes `loss` in the long run. */
static bool is_lost(struct link *l) {
    uint32_t loss = l->cfg.loss, burst = l->cfg.burst;
    if (burst <= 1 || loss == 0 || loss >= PPM)
        return strikes(l, loss);
    if (l->bad)
        l->bad = !strikes(l, PPM / burst);
    else
        l->bad = strikes(l, (uint32_t)((uint64_t)loss * PPM / ((uint64_t)burst * (PPM - loss))));
    return l->bad;
}

/* ---- In ---------------------------------------------------------------------------------------------------------- */

static void insert(struct link *l, struct parcel *p) {
    struct list *at = l->flight.prev;
    while (at != &l->flight && time_before(p->when, parcel_of(at)->when))
        at = at->prev;
    list_push_front(at, &p->node);
}

/* Copies `len` bytes of a packet from `at` on. */
static void copy_out(const struct umptcp_out *out, size_t at, size_t len, uint8_t *dst) {
    for (uint32_t i = 0; i < out->nslices && len; i++) {
        size_t size = out->slices[i].len;
        if (at >= size) {
            at -= size;
            continue;
        }
        size_t n = size - at < len ? size - at : len;
        memcpy(dst, (const uint8_t *)out->slices[i].base + at, n);
        dst += n;
        len -= n;
        at = 0;
    }
}

static void mark_ce(uint8_t *ip, bool v6) {
    if (v6) {
        ip[1] |= IP_ECN_CE << 4;
        return;
    }
    ip[1] |= IP_ECN_CE;
    raw_fix_ip(ip, IPV4_HDR_MAX);
}

static bool is_ect(const struct umptcp_out *out) {
    const uint8_t *ip = out->slices[0].base;
    return ((out->v6 ? ip[1] >> 4 : ip[1]) & 3) != IP_ECN_NOT_ECT;
}

/* Sends `n` pieces from `first` on as one packet on their way. */
static void depart(struct link *l, const struct load *load, const struct run *run) {
    const struct umptcp_out *out = load->out;
    bool all = run->n == load->pieces;
    uint32_t payload =
        (run->n - 1) * out->gso_size + (run->first + run->n == load->pieces ? load->last : out->gso_size);
    uint32_t len = all ? out->len : load->hdr_len + payload;
    bool bare = l->cfg.headers_only && load->hdr_len < out->len;
    struct parcel *p = malloc(sizeof *p + (bare ? load->hdr_len : len));
    if (!p) {
        l->stats.fate[LINK_MEMORY] += run->n;
        return;
    }
    *p = (struct parcel){.when = run->when, .port = load->port, .len = len, .hdr_len = load->hdr_len, .v6 = out->v6};
    p->stored = bare ? load->hdr_len : len;
    struct gso_part part;
    if (load->is_tcp && gso_part(out->slices[0].base, out->len, out->gso_size, run->first, run->n, p->data, &part)) {
        p->csum_partial = true;
        p->csum_start = part.csum_start;
        p->gso_size = run->n > 1 ? out->gso_size : 0;
        if (!bare)
            copy_out(out, load->hdr_len + part.at, part.len, p->data + load->hdr_len);
    } else {
        copy_out(out, 0, p->stored, p->data);
        if (out->csum_partial)
            raw_fix_l4(p->data, len);
    }
    if (run->marked)
        mark_ce(p->data, out->v6);
    insert(l, p);
}

static void run_end(struct link *l, const struct load *load, struct run *run) {
    if (run->n)
        depart(l, load, run);
    run->n = 0;
}

/* A piece through the queue and the transmitter. False when there is no room; else when its last bit leaves. */
static bool transmit(struct link *l, uint32_t len, utime now, utime *leaves, dur *wait) {
    *wait = time_since(l->busy_until, now);
    dur takes = 0;
    uint64_t carry = l->carry;
    if (l->cfg.rate) {
        uint64_t bits = (uint64_t)len * BITS * SEC(1) + carry;
        takes = bits / l->cfg.rate;
        carry = bits % l->cfg.rate;
    }
    if (*wait && (*wait + takes > l->queue_max || is_early(l, *wait)))
        return false;
    l->carry = carry;
    l->busy_until = *leaves = time_add(time_max(now, l->busy_until), takes);
    l->stats.waited += *wait;
    if (*wait > l->stats.waited_most)
        l->stats.waited_most = *wait;
    return true;
}

/* The i-th piece of a packet, through all that may happen to it. */
static void submit(struct link *l, const struct load *load, uint32_t i, struct run *run, utime now) {
    const struct umptcp_out *out = load->out;
    uint32_t len = load->pieces == 1 ? out->len : load->hdr_len + (i + 1 < load->pieces ? out->gso_size : load->last);
    l->stats.packets++;
    l->stats.bytes += len;
    utime leaves;
    dur wait;
    if (!transmit(l, len, now, &leaves, &wait)) {
        l->stats.fate[LINK_QUEUE]++;
        run_end(l, load, run);
        return;
    }
    l->stats.sent_bytes += len;
    if (is_lost(l)) {
        l->stats.fate[LINK_LOST]++;
        run_end(l, load, run);
        return;
    }
    l->stats.fate[LINK_SENT]++;
    struct run alone = {.first = i, .n = 1, .marked = wait >= l->mark_at && is_ect(out)};
    alone.began = alone.when = time_add(leaves, l->cfg.delay);
    l->stats.marked += alone.marked;
    bool again = strikes(l, l->cfg.duplicate);
    if (strikes(l, l->cfg.reorder)) {
        l->stats.reordered++;
        alone.when = time_add(alone.when, l->cfg.reorder_by ? l->cfg.reorder_by : REORDER_DEFAULT);
        run_end(l, load, run);
        depart(l, load, &alone);
    } else if (run->n && run->marked == alone.marked && time_since(alone.when, run->began) <= l->cfg.merge &&
               l->cfg.merge) {
        run->n++;
        run->when = alone.when;
    } else {
        run_end(l, load, run);
        *run = alone;
    }
    if (again) {
        l->stats.duplicated++;
        run_end(l, load, run);
        depart(l, load, &alone);
    }
}

void link_send(struct link *l, const struct umptcp_out *out, uint32_t port, utime now) {
    assert(out->nslices && out->len <= RAW_MAX);
    struct gso_part whole;
    uint8_t hdr[2 * UMPTCP_HDR_MAX];
    struct load load = {.out = out, .port = port, .pieces = 1, .hdr_len = out->len};
    if (out->slices[0].len >= IPV4_HDR_LEN) {
        load.pieces = gso_count(out->slices[0].base, out->len, out->gso_size);
        if (gso_part(out->slices[0].base, out->len, out->gso_size, 0, load.pieces, hdr, &whole)) {
            load.is_tcp = true;
            load.hdr_len = whole.hdr_len;
            load.last = whole.len - (load.pieces - 1) * out->gso_size;
        }
    }
    struct run run = {0};
    for (uint32_t i = 0; i < load.pieces; i++)
        submit(l, &load, i, &run, now);
    run_end(l, &load, &run);
}

/* ---- Out --------------------------------------------------------------------------------------------------------- */

utime link_next(const struct link *l) {
    return list_empty(&l->flight) ? UMPTCP_NEVER : container_of(l->flight.next, const struct parcel, node)->when;
}

bool link_recv(struct link *l, struct link_packet *pkt, utime now) {
    if (time_before(now, link_next(l)))
        return false;
    struct parcel *p = parcel_of(l->flight.next);
    list_remove(&p->node);
    free(l->lent);
    l->lent = p;
    const uint8_t *data = p->data;
    if (p->stored < p->len) {
        memcpy(l->scratch, p->data, p->stored);
        data = l->scratch;
    }
    pkt->port = p->port;
    pkt->in = (struct umptcp_packet){data, p->len, p->gso_size, p->csum_partial};
    pkt->out = (struct umptcp_out){.len = p->len, .hdr_len = p->hdr_len, .gso_size = p->gso_size, .v6 = p->v6};
    uint32_t hdr_len = p->csum_partial ? p->hdr_len : 0; /* TCP's; of what else came, all is one slice */
    if (hdr_len) {
        memcpy(pkt->out.hdr, data, hdr_len);
        pkt->out.csum_partial = true;
        pkt->out.csum_start = p->csum_start;
        pkt->out.csum_offset = GSO_CSUM_OFFSET;
        pkt->out.slices[pkt->out.nslices++] = (struct umptcp_slice){pkt->out.hdr, hdr_len};
    }
    if (p->len > hdr_len)
        pkt->out.slices[pkt->out.nslices++] = (struct umptcp_slice){data + hdr_len, p->len - hdr_len};
    return true;
}
