/* SPDX-License-Identifier: BSD-3-Clause */
/* Fast Open (RFC 7413): cookies by keyed hash (4.1.2), and the client's memory of servers (4.1.3). */
#include "tcp/fastopen.h"

#include <string.h>

#include "tcp/tcb.h"

/* ---- Server ------------------------------------------------------------------------------------------------------ */

static uint64_t load_le64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

void fastopen_cookie_make(const struct fastopen_keys *keys, int i, const struct flow *flow, struct fastopen_cookie *c) {
    const struct hash_key key = {load_le64(keys->key[i]), load_le64(keys->key[i] + 8)};
    const size_t skip = addr_is_v4(&flow->remote.addr) ? 12 : 0, len = sizeof flow->remote.addr.b - skip;
    uint8_t in[2 * sizeof flow->remote.addr.b];
    memcpy(in, flow->remote.addr.b + skip, len);
    memcpy(in + len, flow->local.addr.b + skip, len);
    uint64_t hash = siphash24(&key, in, 2 * len);
    c->len = FASTOPEN_COOKIE_LEN;
    for (int b = 0; b < FASTOPEN_COOKIE_LEN; b++)
        c->b[b] = (uint8_t)(hash >> 8 * b);
}

/* In a time that does not tell how much of a guess was right. */
static bool same_cookie(const struct fastopen_cookie *a, const struct fastopen_cookie *b) {
    uint8_t differ = a->len ^ b->len;
    for (int i = 0; i < FASTOPEN_COOKIE_LEN; i++)
        differ |= a->b[i] ^ b->b[i];
    return !differ;
}

int fastopen_cookie_check(const struct fastopen_keys *keys, const struct flow *flow, const struct fastopen_cookie *c) {
    for (int i = 0; i < keys->n; i++) {
        struct fastopen_cookie ours = {0};
        fastopen_cookie_make(keys, i, flow, &ours);
        if (same_cookie(&ours, c))
            return i;
    }
    return -1;
}

/* ---- Client ------------------------------------------------------------------------------------------------------ */

enum { PEERS_SIZE = FASTOPEN_PEERS_MAX * sizeof(struct fastopen_peer) };

void fastopen_free(struct fastopen *f, struct mem *mem) {
    mem_free(mem, f->peers, f->peers ? PEERS_SIZE : 0);
    f->peers = NULL;
    f->npeers = 0;
}

struct fastopen_peer *fastopen_peer_find(const struct fastopen *f, const struct flow *flow) {
    for (uint32_t i = 0; i < f->npeers; i++) {
        struct fastopen_peer *p = &f->peers[i];
        if (addr_eq(&p->remote, &flow->remote.addr) && addr_eq(&p->local, &flow->local.addr))
            return p;
    }
    return NULL;
}

static struct fastopen_peer *oldest(const struct fastopen *f) {
    struct fastopen_peer *old = &f->peers[0];
    for (uint32_t i = 1; i < f->npeers; i++)
        if (time_before(f->peers[i].used, old->used))
            old = &f->peers[i];
    return old;
}

struct fastopen_peer *fastopen_peer_get(struct fastopen *f, struct env *env, const struct flow *flow) {
    struct fastopen_peer *p = fastopen_peer_find(f, flow);
    if (!p) {
        if (!f->peers)
            f->peers = mem_alloc(&env->mem, PEERS_SIZE);
        if (!f->peers)
            return NULL;
        p = f->npeers < FASTOPEN_PEERS_MAX ? &f->peers[f->npeers++] : oldest(f);
        *p = (struct fastopen_peer){.local = flow->local.addr, .remote = flow->remote.addr};
    }
    p->used = env->now;
    return p;
}

static uint8_t doublings(uint8_t times) {
    return times - 1 < FASTOPEN_DOUBLINGS_MAX ? (uint8_t)(times - 1) : FASTOPEN_DOUBLINGS_MAX;
}

void fastopen_peer_lost(struct fastopen_peer *p, utime now) {
    p->losses += p->losses < UINT8_MAX;
    p->hold = time_add(now, FASTOPEN_PEER_HOLD << doublings(p->losses));
}

uint32_t fastopen_room(const struct fastopen_peer *p, bool v6, uint16_t mss) {
    uint16_t theirs = p && p->mss ? p->mss : v6 ? TCP_MSS_DEFAULT_V6 : TCP_MSS_DEFAULT_V4;
    if (theirs < TCP_MSS_MIN)
        theirs = TCP_MSS_MIN;
    return (theirs < mss ? theirs : mss) - TCP_OPTIONS_MAX;
}

void fastopen_rest(struct fastopen *f, struct env *env) {
    if (!env->cfg.fastopen_blackhole_timeout)
        return;
    f->offs += f->offs < UINT8_MAX;
    f->off_until = time_add(env->now, env->cfg.fastopen_blackhole_timeout << doublings(f->offs));
    mib_inc(&env->mib, MIB_TFO_BLACKHOLE);
}
