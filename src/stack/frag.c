/* SPDX-License-Identifier: BSD-3-Clause */
/* Reassembly of IPv4 packets. */
#include "stack/frag.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { GRAIN = 2048, PAYLOAD_MAX = 65535 - IPV4_HDR_LEN };

struct frag_packet {
    struct umptcp_addr src, dst;
    uint16_t id;
    uint8_t proto;
    bool spoiled; /* pieces of it overlapped: the rest of it is thrown away too */
    utime expires;
    uint8_t *bytes;
    uint32_t capacity;
    uint32_t total; /* 0: the last piece has not come */
    struct ranges have;
};

int frags_init(struct frags *f, struct env *env, uint16_t timer_kind) {
    *f = (struct frags){.env = env};
    deque_init(&f->packets, sizeof(struct frag_packet));
    timer_init(&f->timer, timer_kind);
    int err = timers_reserve(&env->timers, 1);
    if (err)
        f->env = NULL;
    return err;
}

static struct frag_packet *at(const struct frags *f, uint32_t i) { return deque_at(&f->packets, i); }

static void drop_bytes(struct frags *f, struct frag_packet *p) {
    mem_free(&f->env->mem, p->bytes, p->capacity);
    f->bytes -= p->capacity;
    p->bytes = NULL;
    p->capacity = 0;
    ranges_free(&p->have, &f->env->mem);
}

static void remove_packet(struct frags *f, uint32_t i) {
    drop_bytes(f, at(f, i));
    deque_remove(&f->packets, &f->env->mem, i);
    timer_set(&f->env->timers, &f->timer, f->packets.count ? at(f, 0)->expires : UMPTCP_NEVER);
}

void frags_release(struct frags *f) {
    mem_free(&f->env->mem, f->whole, f->whole_size);
    f->whole = NULL;
    f->whole_size = 0;
}

void frags_free(struct frags *f) {
    if (!f->env)
        return;
    while (f->packets.count)
        remove_packet(f, 0);
    frags_release(f);
    timer_cancel(&f->env->timers, &f->timer);
    timers_reserve(&f->env->timers, -1);
}

/* The packet that a piece belongs to: an index, or f->packets.count. */
static uint32_t find(const struct frags *f, const struct ip_hdr *ip) {
    uint32_t i = 0;
    for (; i < f->packets.count; i++) {
        const struct frag_packet *p = at(f, i);
        if (p->id == ip->id && p->proto == ip->proto && addr_eq(&p->src, &ip->src) && addr_eq(&p->dst, &ip->dst))
            break;
    }
    return i;
}

static void evict_oldest(struct frags *f) {
    remove_packet(f, 0);
    f->env->mib.drops[DROP_IP_FRAG_MEM]++;
    mib_inc(&f->env->mib, MIB_IP_REASM_FAILS);
}

static struct frag_packet *begin(struct frags *f, const struct ip_hdr *ip) {
    if (f->packets.count == FRAG_PACKETS_MAX)
        evict_oldest(f);
    struct frag_packet *p = deque_push(&f->packets, &f->env->mem);
    if (!p)
        return NULL;
    *p = (struct frag_packet){
        .src = ip->src, .dst = ip->dst, .id = ip->id, .proto = ip->proto, .expires = time_add(f->env->now, FRAG_LIFE)};
    if (f->packets.count == 1)
        timer_set(&f->env->timers, &f->timer, p->expires);
    return p;
}

/* Room up to `end`. Older packets make way; false when that was not enough. `*i` follows the packet. */
static bool make_room(struct frags *f, uint32_t *i, uint32_t end) {
    uint32_t capacity = (end + GRAIN - 1) / GRAIN * GRAIN, had = at(f, *i)->capacity;
    if (capacity <= had)
        return true;
    while (f->bytes + capacity - had > FRAG_BYTES_MAX && *i > 0) {
        evict_oldest(f);
        --*i;
    }
    struct frag_packet *p = at(f, *i);
    uint8_t *bytes =
        f->bytes + capacity - had > FRAG_BYTES_MAX ? NULL : mem_realloc(&f->env->mem, p->bytes, p->capacity, capacity);
    if (!bytes)
        return false;
    p->bytes = bytes;
    p->capacity = capacity;
    f->bytes += capacity - had;
    return true;
}

enum fit { FITS, REPEATS, CLASHES };

/* How a piece goes together with what came before. */
static enum fit fit(const struct frag_packet *p, const struct ip_hdr *ip) {
    uint32_t start = ip->frag_offset, end = start + ip->payload_len;
    const struct range *next = ranges_next(&p->have, start);
    uint64_t highest = p->have.count ? p->have.items[p->have.count - 1].end : 0;
    bool last = !ip->more_fragments;
    if ((last && (p->total ? end != p->total : highest > end)) || (!last && p->total && end > p->total))
        return CLASHES;
    if (!next || next->start >= end)
        return FITS;
    bool same = ranges_cover(&p->have, start, end) && memcmp(p->bytes + start, ip->payload, ip->payload_len) == 0;
    return same && (!last || p->total) ? REPEATS : CLASHES;
}

static enum drop spoil(struct frags *f, struct frag_packet *p) {
    drop_bytes(f, p);
    p->spoiled = true;
    mib_inc(&f->env->mib, MIB_IP_REASM_OVERLAPS);
    mib_inc(&f->env->mib, MIB_IP_REASM_FAILS);
    return DROP_IP_FRAG_BAD;
}

/* All of it is there: `ip` becomes the header of the whole. */
static void complete(struct frags *f, uint32_t i, struct ip_hdr *ip) {
    struct frag_packet *p = at(f, i);
    frags_release(f);
    f->whole = p->bytes;
    f->whole_size = p->capacity;
    ip->payload = p->bytes;
    ip->payload_len = p->total;
    ip->fragment = ip->more_fragments = false;
    ip->frag_offset = 0;
    f->bytes -= p->capacity;
    p->bytes = NULL;
    p->capacity = 0;
    remove_packet(f, i);
    mib_inc(&f->env->mib, MIB_IP_REASM_OK);
}

/* A piece that stands by itself badly: it does not end on a unit of 8 bytes, is empty, or makes the packet too long. */
static bool malformed(const struct ip_hdr *ip) {
    return ip->payload_len == 0 || (ip->more_fragments && ip->payload_len % 8) ||
           ip->frag_offset + ip->payload_len > PAYLOAD_MAX;
}

static enum drop refuse(struct frags *f, bool v6, enum drop why) {
    mib_inc(&f->env->mib, mib_ip(v6, MIB_IP_REASM_FAILS));
    return why;
}

enum drop frags_input(struct frags *f, struct ip_hdr *ip, bool *whole) {
    *whole = false;
    mib_inc(&f->env->mib, mib_ip(ip->v6, MIB_IP_REASM_REQDS));
    if (ip->v6)
        return refuse(f, true, DROP_IP_FRAG_V6);
    if (malformed(ip))
        return refuse(f, false, DROP_IP_FRAG_BAD);
    uint32_t i = find(f, ip), end = ip->frag_offset + ip->payload_len;
    if (i == f->packets.count) {
        if (!begin(f, ip))
            return refuse(f, false, DROP_NO_MEMORY);
        i = f->packets.count - 1;
    }
    struct frag_packet *p = at(f, i);
    if (p->spoiled)
        return DROP_IP_FRAG_BAD;
    enum fit how = fit(p, ip);
    if (how == CLASHES)
        return spoil(f, p);
    if (how == REPEATS)
        return DROP_NONE;
    if (!make_room(f, &i, end))
        return refuse(f, false, DROP_IP_FRAG_MEM);
    p = at(f, i);
    if (ranges_add(&p->have, &f->env->mem, ip->frag_offset, end))
        return refuse(f, false, DROP_NO_MEMORY);
    memcpy(p->bytes + ip->frag_offset, ip->payload, ip->payload_len);
    if (!ip->more_fragments)
        p->total = end;
    if (p->total && ranges_cover(&p->have, 0, p->total)) {
        complete(f, i, ip);
        *whole = true;
    }
    return DROP_NONE;
}

void frags_timeout(struct frags *f) {
    while (f->packets.count && !time_before(f->env->now, at(f, 0)->expires)) {
        if (!at(f, 0)->spoiled) { /* else it has failed before */
            mib_inc(&f->env->mib, MIB_IP_REASM_TIMEOUT);
            mib_inc(&f->env->mib, MIB_IP_REASM_FAILS);
        }
        remove_packet(f, 0);
        f->env->mib.drops[DROP_IP_FRAG_TIMEOUT]++;
    }
}

const char *frags_check(const struct frags *f) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < f->packets.count; i++) {
        const struct frag_packet *p = at(f, i);
        bytes += p->capacity;
        if (i && time_before(p->expires, at(f, i - 1)->expires))
            return "fragmented packets do not stand in the order of their age";
        if (p->have.count && p->have.items[p->have.count - 1].end > p->capacity)
            return "fragments lie beyond their buffer";
    }
    if (bytes != f->bytes || bytes > FRAG_BYTES_MAX || f->packets.count > FRAG_PACKETS_MAX)
        return "fragments take more memory than they account for";
    if (timer_armed(&f->timer) != (f->packets.count > 0))
        return "the timer of fragments is armed without any, or not although there are";
    return NULL;
}
