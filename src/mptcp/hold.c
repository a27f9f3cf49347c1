/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes of a subflow that cannot be placed in the stream yet: their mapping has not come (RFC 8684 3.3.1 lets it come
 * later, even with a retransmission), or the checksum of their mapping is not complete. Most connections never hold a
 * byte.
 */
#include <errno.h>

#include "mptcp/conn.h"
#include "wire/mpcrypto.h"

static struct hold *hold_get(struct subflow *sf) {
    struct env *env = sf->conn->mp->env;
    if (!sf->hold) {
        sf->hold = mem_alloc(&env->mem, sizeof *sf->hold);
        if (!sf->hold)
            return NULL;
        bytebuf_init(&sf->hold->bytes, sf->tcb.rcv_nxt.v);
        sf->hold->unmapped_at = UMPTCP_NEVER;
    }
    return sf->hold;
}

void hold_free(struct subflow *sf) {
    struct env *env = sf->conn->mp->env;
    if (!sf->hold)
        return;
    bytebuf_free(&sf->hold->bytes, &env->chunks);
    ranges_free(&sf->hold->have, &env->mem);
    mem_free(&env->mem, sf->hold, sizeof *sf->hold);
    sf->hold = NULL;
}

static int store(struct hold *h, struct env *env, struct ssn ssn, const uint8_t *data, uint32_t len) {
    uint64_t at = ssn.v, end = ssn.v + len;
    if (h->have.count >= HOLD_OFO_MAX && !ranges_touch(&h->have, at, end))
        return -ENOBUFS;
    if (bytebuf_reserve(&h->bytes, &env->chunks, at, len))
        return -ENOMEM;
    struct range gap;
    while (ranges_gap(&h->have, at, end, &gap)) { /* the first copy of a byte is the one that counts */
        if (bytebuf_write(&h->bytes, &env->chunks, gap.start, data + (gap.start - ssn.v), gap.end - gap.start))
            return -ENOMEM;
        at = gap.end;
    }
    return ranges_add(&h->have, &env->mem, ssn.v, end);
}

int hold_store(struct subflow *sf, struct ssn ssn, const uint8_t *data, uint32_t len) {
    const bool tight = ssn_lt(sf->tcb.rcv_nxt, ssn) && mem_tight(&sf->conn->mp->env->mem);
    struct hold *h = tight ? NULL : hold_get(sf);
    if (!h)
        return -ENOMEM;
    int err = store(h, sf->conn->mp->env, ssn, data, len);
    if (ranges_empty(&h->have)) /* one that holds nothing is not kept: others look at its first range */
        hold_free(sf);
    return err;
}

/*
 * Takes [start, end) out; what is below both the first byte still held and the first that may still come is forgotten.
 * False without memory to split a range: the bytes stay until the next time.
 */
static bool hold_release(struct subflow *sf, uint64_t start, uint64_t end) {
    struct env *env = sf->conn->mp->env;
    struct hold *h = sf->hold;
    if (ranges_remove(&h->have, &env->mem, start, end))
        return false;
    if (ranges_empty(&h->have)) {
        hold_free(sf);
        return true;
    }
    uint64_t first = h->have.items[0].start, next = sf->tcb.rcv_nxt.v;
    bytebuf_advance(&h->bytes, &env->chunks, first < next ? first : next, h->have.items[h->have.count - 1].end);
    return true;
}

/* Copies held bytes to their place in the stream; `*drop`: why some of them are not wanted there. */
static int hold_place(struct subflow *sf, uint64_t start, uint64_t end, struct dsn dsn, enum drop *drop) {
    while (start < end) {
        struct umptcp_slice slice;
        if (bytebuf_slices(&sf->hold->bytes, start, end - start, &slice, 1) != 1)
            return -ENOMEM;
        if (conn_receive(sf->conn, dsn, slice.base, (uint32_t)slice.len, drop))
            return -ENOMEM;
        dsn = dsn_add(dsn, slice.len);
        start += slice.len;
    }
    return 0;
}

static bool hold_csum_ok(const struct subflow *sf, const struct rx_map *m) {
    struct csum sum = {0};
    uint64_t at = m->ssn.v, end = m->ssn.v + m->len;
    while (at < end) {
        struct umptcp_slice slice;
        if (bytebuf_slices(&sf->hold->bytes, at, end - at, &slice, 1) != 1)
            return false;
        csum_add(&sum, slice.base, slice.len);
        at += slice.len;
    }
    mp_csum_add_pseudo(&sum, m->dsn, subflow_rx_ssn(sf, m->ssn), m->option_len);
    return csum_finish(&sum) == m->csum;
}

/* One mapping: false when nothing of it can be placed now. `*failed`: its checksum is wrong. */
static bool drain_map(struct subflow *sf, struct rx_map *m, bool *failed, enum drop *drop) {
    struct conn *c = sf->conn;
    uint64_t start = m->ssn.v, end = start + m->len;
    const struct range *r = ranges_next(&sf->hold->have, start);
    if (!r || r->start >= end)
        return false;
    uint64_t from = r->start > start ? r->start : start;
    uint64_t to = r->end < end ? r->end : end;
    if (m->placed) /* a copy that came before the segment that had all of it */
        return hold_release(sf, from, to);
    if (rx_map_checked(c, m)) {
        if (!ranges_cover(&sf->hold->have, start, end))
            return false;
        if (!hold_csum_ok(sf, m)) {
            *failed = true;
            return false;
        }
    }
    if (hold_place(sf, from, to, dsn_add(m->dsn, from - start), drop))
        return false;
    rx_map_placed(c, m);
    return hold_release(sf, from, to);
}

bool hold_drain(struct subflow *sf, enum drop *drop) {
    for (uint32_t i = 0; sf->hold && i < sf->rx_maps.count;) {
        struct rx_map *m = deque_at(&sf->rx_maps, i);
        bool failed = false;
        if (drain_map(sf, m, &failed, drop))
            continue; /* perhaps there is another piece of it */
        if (failed) {
            fallback_checksum(sf, m);
            if (sf->state == SF_DEAD)
                return false;
            continue; /* as it is */
        }
        i++;
    }
    return true;
}

void hold_drain_plain(struct subflow *sf) {
    struct conn *c = sf->conn;
    while (sf->hold) {
        struct range r = sf->hold->have.items[0];
        struct dsn dsn = conn_plain_dsn(c, (struct ssn){r.start});
        enum drop drop = DROP_NONE;
        c->rcv_edge = dsn_max(c->rcv_edge, dsn_add(dsn, r.end - r.start)); /* TCP had room for them */
        if (hold_place(sf, r.start, r.end, dsn, &drop) || !hold_release(sf, r.start, r.end)) {
            conn_try_again(c); /* TCP acknowledged them: nobody else has these bytes */
            return;
        }
    }
}

struct ssn hold_start(const struct subflow *sf) {
    struct ssn next = {tcp_bytes_received(&sf->tcb) + 1};
    return sf->hold ? ssn_min(next, (struct ssn){sf->hold->have.items[0].start}) : next;
}

bool hold_acks_unmapped(const struct subflow *sf) {
    struct ssn ssn;
    return sf->hold && hold_unmapped(sf, &ssn) && ssn_lt(ssn, sf->tcb.rcv_nxt);
}

bool hold_unmapped(const struct subflow *sf, struct ssn *ssn) {
    for (uint32_t i = 0; sf->hold && i < sf->hold->have.count; i++) {
        struct range r = sf->hold->have.items[i];
        for (struct ssn at = {r.start}; at.v < r.end;) {
            const struct rx_map *m = rx_map_find(sf, at);
            if (!m) {
                *ssn = at;
                return true;
            }
            at = ssn_add(m->ssn, m->len);
        }
    }
    return false;
}
