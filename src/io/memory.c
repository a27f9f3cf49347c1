/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/raw.h"
#include "wire/gso.h"

enum { QUEUE_DEFAULT = 1000 };

struct entry {
    struct entry *next;
    struct umptcp_time sent;
    uint32_t len;
    uint16_t gso_size;
    bool csum_valid;
    uint8_t data[];
};

struct memory {
    struct driver d;
    struct memory *peer; /* NULL: closed */
    struct entry *first, **tail;
    uint32_t count, limit;
    struct entry *lent; /* what recv handed out last */
};

static struct memory *memory_of(struct driver *d) { return (struct memory *)(void *)d; }

static struct umptcp_time memory_next(const struct driver *d) {
    const struct memory *m = (const struct memory *)(const void *)d;
    return m->first ? m->first->sent : UMPTCP_NEVER;
}

static bool memory_recv(struct driver *d, struct umptcp_packet *pkt, struct umptcp_time now) {
    struct memory *m = memory_of(d);
    struct entry *e = m->first;
    if (!e || e->sent.ns > now.ns)
        return false;
    m->first = e->next;
    if (!m->first)
        m->tail = &m->first;
    m->count--;
    free(m->lent);
    m->lent = e;
    *pkt = (struct umptcp_packet){e->data, e->len, e->gso_size, e->csum_valid};
    return true;
}

/* Room for a packet of `len` bytes at the end of the queue of `m`; NULL when it is full or there is no memory. */
static struct entry *memory_queue(struct memory *m, uint32_t len, struct umptcp_time now) {
    struct entry *e = m->count < m->limit ? malloc(sizeof *e + len) : NULL;
    if (!e)
        return NULL;
    *e = (struct entry){.sent = now, .len = len};
    *m->tail = e;
    m->tail = &e->next;
    m->count++;
    return e;
}

static uint32_t tso_flag(const struct umptcp_out *out) { return out->v6 ? UMPTCP_IF_TSO6 : UMPTCP_IF_TSO4; }

/* Delivers a super-segment to an end that takes none: as much of it as fits into the queue. */
static int deliver_pieces(struct memory *to, const struct umptcp_out *out, struct umptcp_time now) {
    uint8_t *whole = malloc(out->len);
    if (!whole)
        return -EAGAIN;
    uint32_t len = raw_gather(out, whole);
    uint32_t count = gso_count(whole, len, out->gso_size);
    int err = 0;
    for (uint32_t i = 0; i < count && !err; i++) {
        struct entry *e = memory_queue(to, out->hdr_len + out->gso_size, now);
        if (!e) {
            err = -EAGAIN;
            break;
        }
        e->len = gso_piece(whole, len, out->gso_size, i, e->data);
    }
    free(whole);
    return err;
}

static int deliver_whole(struct memory *to, const struct umptcp_out *out, struct umptcp_time now) {
    struct entry *e = memory_queue(to, out->len, now);
    if (!e)
        return -EAGAIN;
    struct umptcp_out copy = *out;
    e->csum_valid = out->csum_partial && to->d.flags & UMPTCP_IF_CSUM;
    copy.csum_partial = out->csum_partial && !e->csum_valid;
    raw_gather(&copy, e->data);
    e->gso_size = out->gso_size;
    return 0;
}

static int memory_send(struct driver *d, const struct umptcp_out *out, struct umptcp_time now) {
    struct memory *m = memory_of(d);
    if ((out->gso_size && !(d->flags & tso_flag(out))) || (out->csum_partial && !(d->flags & UMPTCP_IF_CSUM)))
        return -EINVAL;
    if ((out->gso_size ? out->hdr_len + out->gso_size : out->len) > d->mtu)
        return -EMSGSIZE;
    if (!m->peer)
        return -ENETDOWN;
    bool cut = out->gso_size && !(m->peer->d.flags & tso_flag(out));
    return cut ? deliver_pieces(m->peer, out, now) : deliver_whole(m->peer, out, now);
}

static void memory_close(struct driver *d) {
    struct memory *m = memory_of(d);
    if (m->peer)
        m->peer->peer = NULL;
    while (m->first) {
        struct entry *e = m->first;
        m->first = e->next;
        free(e);
    }
    free(m->lent);
    free(m);
}

static const struct driver_ops memory_ops = {
    .name = "memory",
    .recv = memory_recv,
    .send = memory_send,
    .next = memory_next,
    .close = memory_close,
};

static struct memory *memory_new(const struct memory_config *cfg) {
    struct memory *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->d = (struct driver){.ops = &memory_ops, .fd = -1, .mtu = cfg->mtu, .flags = cfg->flags};
    strncpy(m->d.name, cfg->name, sizeof m->d.name - 1);
    m->limit = cfg->queue_packets ? cfg->queue_packets : QUEUE_DEFAULT;
    m->tail = &m->first;
    return m;
}

int memory_pair(const struct memory_config cfg[2], struct driver *ends[2]) {
    struct memory *a = memory_new(&cfg[0]);
    struct memory *b = memory_new(&cfg[1]);
    if (!a || !b) {
        free(a);
        free(b);
        return -ENOMEM;
    }
    a->peer = b;
    b->peer = a;
    ends[0] = &a->d;
    ends[1] = &b->d;
    return 0;
}
