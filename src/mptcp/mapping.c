/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data sequence mappings (RFC 8684 3.3.1).
 *
 * TX: one mapping per super-segment, never changed once made; it holds a reference on its bytes in the connection's
 * send buffer until TCP acknowledged all of it, so that the subflow can always send the same bytes again (3.3.6). RX:
 * mappings wait in order of position until TCP has all of their bytes.
 */
#include <assert.h>
#include <errno.h>

#include "mptcp/conn.h"
#include "wire/mpcrypto.h"

/* ---- Received ------------------------------------------------------------------------------------------------------
 */

static struct rx_map *rx_map_at(const struct subflow *sf, uint32_t i) { return deque_at(&sf->rx_maps, i); }

/* Index of the first mapping that ends after `ssn`. */
static uint32_t rx_map_index(const struct subflow *sf, struct ssn ssn) {
    uint32_t lo = 0, hi = sf->rx_maps.count;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        const struct rx_map *m = rx_map_at(sf, mid);
        if (ssn_le(ssn_add(m->ssn, m->len), ssn))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct rx_map *rx_map_find(const struct subflow *sf, struct ssn ssn) {
    uint32_t i = rx_map_index(sf, ssn);
    struct rx_map *m = i < sf->rx_maps.count ? rx_map_at(sf, i) : NULL;
    return m && ssn_le(m->ssn, ssn) ? m : NULL;
}

static bool same_map(const struct rx_map *a, const struct rx_map *b) {
    return ssn_eq(a->ssn, b->ssn) && dsn_eq(a->dsn, b->dsn) && a->len == b->len && a->option_len == b->option_len;
}

/* Bytes that came before it wait for it. */
static bool awaited(const struct subflow *sf, const struct rx_map *map) {
    const struct range *r = sf->hold ? ranges_next(&sf->hold->have, map->ssn.v) : NULL;
    return r && r->start < map->ssn.v + map->len;
}

/* Mappings whose bytes are all in the stream are kept only to know a copy again: when room is short they go. */
static void forget_complete(struct subflow *sf) {
    struct mem *mem = &sf->conn->mp->env->mem;
    for (uint32_t i = sf->rx_maps.count; i-- > 0;) {
        const struct rx_map *m = rx_map_at(sf, i);
        bool all = tcp_received(&sf->tcb, m->ssn, ssn_add(m->ssn, m->len));
        if (all && (m->placed || !rx_map_checked(sf->conn, m)))
            deque_remove(&sf->rx_maps, mem, i);
    }
}

/* Where a mapping can begin: with a checksum none goes back to octets that are gone, because it could never be
 * verified. */
static struct ssn rx_map_first(const struct subflow *sf, const struct rx_map *map) {
    return rx_map_checked(sf->conn, map) ? hold_start(sf) : subflow_rx_first(sf);
}

enum drop rx_map_add(struct subflow *sf, const struct rx_map *map) {
    struct conn *c = sf->conn;
    const struct tcb *t = &sf->tcb;
    struct ssn end = ssn_add(map->ssn, map->len);
    if (ssn_le(end, t->rcv_nxt) && !awaited(sf, map))
        return DROP_NONE; /* a retransmission of what we have */
    uint32_t i = rx_map_index(sf, map->ssn);
    struct rx_map *at = i < sf->rx_maps.count ? rx_map_at(sf, i) : NULL;
    if (at && same_map(at, map))
        return DROP_NONE;
    if ((at && ssn_lt(at->ssn, end)) || ssn_lt(map->ssn, rx_map_first(sf, map))) {
        mib_inc(&c->mp->env->mib, MIB_DSS_NOT_MATCHING);
        return DROP_MP_MAP_BAD;
    }
    if (ssn_le(t->rcv_edge, map->ssn)) {
        mib_inc(&c->mp->env->mib, MIB_DSS_NO_MATCH_TCP);
        return DROP_MP_MAP_BAD;
    }
    if (sf->rx_maps.count >= RX_MAPS_MAX) {
        forget_complete(sf);
        if (sf->rx_maps.count >= RX_MAPS_MAX)
            return DROP_MP_MAP_FULL;
        i = rx_map_index(sf, map->ssn);
    }
    struct rx_map *slot = deque_insert(&sf->rx_maps, &c->mp->env->mem, i);
    if (!slot)
        return DROP_NO_MEMORY;
    *slot = *map;
    return DROP_NONE;
}

bool rx_map_checked(const struct conn *c, const struct rx_map *map) { return map->has_csum && !c->unchecked; }

void rx_map_placed(struct conn *c, struct rx_map *map) {
    map->placed = rx_map_checked(c, map); /* else it may have been a piece of it only */
    if (map->has_csum && map->data_fin)
        conn_receive_fin(c, dsn_add(map->dsn, map->len));
}

void rx_map_drop_below(struct subflow *sf, struct ssn ssn) {
    struct mem *mem = &sf->conn->mp->env->mem;
    while (sf->rx_maps.count) {
        const struct rx_map *m = rx_map_at(sf, 0);
        if (ssn_lt(ssn, ssn_add(m->ssn, m->len)))
            return;
        deque_pop_front(&sf->rx_maps, mem);
    }
}

/* ---- Sent ----------------------------------------------------------------------------------------------------------
 */

static struct tx_map *tx_map_at(const struct subflow *sf, uint32_t i) { return deque_at(&sf->tx_maps, i); }

/* RFC 8684 3.3.1: over the pseudo-header and the payload; the length counts the DATA_FIN. */
static uint16_t map_csum(const struct subflow *sf, const struct tx_map *m) {
    const struct conn *c = sf->conn;
    struct umptcp_slice slices[UMPTCP_SLICES_MAX];
    struct csum sum = {0};
    int n = bytebuf_slices(&c->sndbuf, m->dsn.v, m->len, slices, UMPTCP_SLICES_MAX);
    for (int i = 0; i < n; i++)
        csum_add(&sum, slices[i].base, slices[i].len);
    mp_csum_add_pseudo(&sum, m->dsn, subflow_tx_ssn(sf, m->ssn), (uint16_t)(m->len + m->data_fin));
    return csum_finish(&sum);
}

int tx_map_add(struct subflow *sf, struct dsn dsn, uint32_t len, bool data_fin) {
    struct conn *c = sf->conn;
    assert(len > 0 && len < UINT16_MAX);
    struct tx_map *m = deque_push(&sf->tx_maps, &c->mp->env->mem);
    if (!m)
        return -ENOMEM;
    *m = (struct tx_map){.ssn = sf->tcb.snd_end, .dsn = dsn, .len = len};
    m->mpc = c->mode == MP_PENDING && sf->initiator && !sf->join && ssn_eq(m->ssn, subflow_tx_first(sf));
    m->data_fin = data_fin && !m->mpc; /* MP_CAPABLE has no place for it */
    c->data_fin_sent = c->data_fin_sent || m->data_fin;
    if (c->csum && conn_maps(c))
        m->csum = map_csum(sf, m);
    bytebuf_ref(&c->sndbuf, dsn.v, len);
    tcp_queue(&sf->tcb, len);
    return 0;
}

struct tx_map *tx_map_find(const struct subflow *sf, struct ssn ssn) {
    uint32_t lo = 0, hi = sf->tx_maps.count;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        struct tx_map *m = tx_map_at(sf, mid);
        if (ssn_lt(ssn, m->ssn))
            hi = mid;
        else if (ssn_le(ssn_add(m->ssn, m->len), ssn))
            lo = mid + 1;
        else
            return m;
    }
    return NULL;
}

static bool covers(const struct tx_map *m, struct dsn dsn) {
    return dsn_le(m->dsn, dsn) && dsn_lt(dsn, dsn_add(m->dsn, m->len));
}

bool tx_map_carries(const struct subflow *sf, struct dsn dsn) {
    for (uint32_t i = 0; i < sf->tx_maps.count; i++) {
        const struct tx_map *m = tx_map_at(sf, i);
        if (covers(m, dsn) && ssn_le(sf->tcb.snd_una, ssn_add(m->ssn, dsn_sub(dsn, m->dsn))))
            return true;
    }
    return false;
}

bool tx_map_had(const struct subflow *sf, struct dsn dsn) {
    for (uint32_t i = 0; i < sf->tx_maps.count; i++)
        if (covers(tx_map_at(sf, i), dsn))
            return true;
    return false;
}

bool tx_map_all_before(const struct subflow *sf, struct dsn dsn, struct ssn una) {
    for (uint32_t i = 0; i < sf->tx_maps.count; i++) {
        const struct tx_map *m = tx_map_at(sf, i);
        if (covers(m, dsn) && ssn_lt(una, ssn_add(m->ssn, m->len)))
            return false;
    }
    return true;
}

static void tx_map_pop(struct subflow *sf) {
    struct conn *c = sf->conn;
    const struct tx_map *m = tx_map_at(sf, 0);
    bytebuf_unref(&c->sndbuf, &c->mp->env->chunks, m->dsn.v, m->len);
    deque_pop_front(&sf->tx_maps, &c->mp->env->mem);
}

void tx_map_acked(struct subflow *sf, struct ssn una) {
    while (sf->tx_maps.count) {
        const struct tx_map *m = tx_map_at(sf, 0);
        bool needed = dsn_lt(sf->conn->snd_una, dsn_add(m->dsn, m->len)) && sf->conn->state != UMPTCP_CLOSED;
        if (ssn_lt(una, ssn_add(m->ssn, m->len)) || needed)
            return;
        tx_map_pop(sf);
    }
}

void tx_map_clear(struct subflow *sf) {
    while (sf->tx_maps.count)
        tx_map_pop(sf);
}

struct dsn tx_una_dsn(const struct subflow *sf) {
    const struct tx_map *m = tx_map_find(sf, sf->tcb.snd_una);
    return m ? dsn_add(m->dsn, ssn_sub(sf->tcb.snd_una, m->ssn)) : sf->conn->snd_nxt;
}
