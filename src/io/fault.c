/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each direction is a lane of two stages:
 *
 *   queue   packets that wait for the transmitter, first in first out. It is free at `busy_until`; a packet starts at
 * that time or when it came, whichever is later, and takes len * 8 / rate. Fractions of a nanosecond are carried over,
 * so a long run is exactly as fast as the rate says. flight  packets that were sent, by the time they arrive. Chance
 * strikes on the way here: a lost packet took its time on the wire all the same.
 *
 * Starts are worked out when someone looks (lane_run), with the times they would have had. So it does not matter how
 * often that is; only the queue's limit and changes of the settings need the lane to be run up to that moment first.
 */
#include "io/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/random.h"
#include "io/raw.h"
#include "wire/gso.h"

enum { PULL_MAX = 256, FLIPS_MAX = 4, BITS_PER_BYTE = 8 };
#define REORDER_DEFAULT MSEC(1)

struct parcel { /* a packet under way */
    struct list node;
    utime when; /* in the queue: it came; in flight: it arrives */
    uint32_t len;
    uint8_t data[];
};

struct lane {
    struct fault_link link;
    struct fault_stats stats;
    struct rng rng; /* one per lane: the fate of a lane's n-th packet depends on nothing else */
    struct list queue, flight;
    uint32_t queue_bytes, held_bytes; /* held: queue and flight */
    utime busy_until;
    uint64_t carry; /* bits * 1e9 that did not make a whole ns at this rate */
};

struct fault {
    struct driver d;
    struct driver *inner;
    struct lane lane[FAULT_DIRS];
    struct parcel *lent; /* what recv handed out last */
    uint8_t scratch[RAW_MAX];
};

static struct fault *fault_of(struct driver *d) { return (struct fault *)(void *)d; }
static const struct fault *fault_of_const(const struct driver *d) { return (const struct fault *)(const void *)d; }
static struct parcel *parcel_of(struct list *n) { return container_of(n, struct parcel, node); }

/* ---- Lane -------------------------------------------------------------------------------------------------------- */

static void lane_init(struct lane *l, uint64_t seed, enum fault_dir dir) {
    uint8_t key[32] = {(uint8_t)dir};
    memcpy(key + 8, &seed, sizeof seed);
    rng_init(&l->rng, key);
    list_init(&l->queue);
    list_init(&l->flight);
}

static void lane_drop(struct lane *l, struct parcel *p, enum fault_cause cause) {
    l->stats.dropped[cause]++;
    l->held_bytes -= p->len;
    free(p);
}

/* A parcel for a packet of at most `len` bytes; NULL, and counted, when there are too many. */
static struct parcel *lane_parcel(struct lane *l, uint32_t len) {
    struct parcel *p = len <= FAULT_HELD_MAX - l->held_bytes ? malloc(sizeof *p + len) : NULL;
    if (!p) {
        l->stats.dropped[FAULT_MEMORY]++;
        return NULL;
    }
    list_init(&p->node);
    p->len = len;
    return p;
}

static bool lane_chance(struct lane *l, uint32_t millionths) {
    return millionths > 0 && rng_below(&l->rng, FAULT_ALWAYS) < millionths;
}

/* How long the transmitter takes for `len` bytes. */
static dur lane_send_time(const struct lane *l, uint32_t len, uint64_t *carry) {
    if (l->link.rate == 0)
        return 0;
    uint64_t bits_ns = (uint64_t)len * BITS_PER_BYTE * SEC(1) + *carry;
    *carry = bits_ns % l->link.rate;
    return bits_ns / l->link.rate;
}

/* Flips bits in [from, to). */
static void lane_flip(struct lane *l, struct parcel *p, uint32_t from, uint32_t to) {
    if (from >= to)
        return;
    uint32_t most = l->link.corrupt_bits ? l->link.corrupt_bits : FLIPS_MAX;
    for (uint32_t n = 1 + rng_below(&l->rng, most); n > 0; n--) {
        uint32_t bit = rng_below(&l->rng, (to - from) * BITS_PER_BYTE);
        p->data[from + bit / BITS_PER_BYTE] ^= (uint8_t)(1u << bit % BITS_PER_BYTE);
    }
    if (l->link.corrupt_refix) {
        raw_fix_ip(p->data, p->len);
        raw_fix_l4(p->data, p->len);
    }
    l->stats.corrupted++;
}

static void lane_damage(struct lane *l, struct parcel *p) {
    if (lane_chance(l, l->link.corrupt_header))
        lane_flip(l, p, 0, raw_payload_offset(p->data, p->len));
    if (lane_chance(l, l->link.corrupt_payload))
        lane_flip(l, p, raw_payload_offset(p->data, p->len), p->len);
    if (!lane_chance(l, l->link.replace))
        return;
    l->stats.replaced++;
    if (p->len < 2 || rng_below(&l->rng, 2)) {
        rng_bytes(&l->rng, p->data, p->len);
    } else {
        uint32_t len = 1 + rng_below(&l->rng, p->len - 1);
        l->held_bytes -= p->len - len;
        p->len = len;
    }
}

/* Puts a parcel into flight: behind all that arrive no later, and most arrive in order, so look from the end. */
static void lane_fly(struct lane *l, struct parcel *p, utime arrival) {
    struct list *after = l->flight.prev;
    while (after != &l->flight && time_before(arrival, parcel_of(after)->when))
        after = after->prev;
    p->when = arrival;
    list_push_front(after, &p->node);
}

/* The last bit of a parcel left at `sent`: what becomes of it. */
static void lane_launch(struct lane *l, struct parcel *p, utime sent) {
    if (lane_chance(l, l->link.loss)) {
        lane_drop(l, p, FAULT_LOST);
        return;
    }
    lane_damage(l, p);
    utime arrival = time_add(sent, l->link.delay);
    if (lane_chance(l, l->link.reorder)) {
        l->stats.reordered++;
        arrival = time_add(arrival, l->link.reorder_by ? l->link.reorder_by : REORDER_DEFAULT);
    }
    lane_fly(l, p, arrival);
    if (lane_chance(l, l->link.duplicate)) {
        struct parcel *copy = lane_parcel(l, p->len);
        if (!copy)
            return;
        memcpy(copy->data, p->data, p->len);
        l->held_bytes += copy->len;
        l->stats.duplicated++;
        lane_fly(l, copy, arrival);
    }
}

/* Starts what is to start until `now`. */
static void lane_run(struct lane *l, utime now) {
    while (!list_empty(&l->queue)) {
        struct parcel *p = parcel_of(l->queue.next);
        if (time_before(l->busy_until, p->when)) { /* the transmitter was idle */
            l->busy_until = p->when;
            l->carry = 0;
        }
        if (time_before(now, l->busy_until))
            return;
        list_remove(&p->node);
        l->queue_bytes -= p->len;
        l->busy_until = time_add(l->busy_until, lane_send_time(l, p->len, &l->carry));
        lane_launch(l, p, l->busy_until);
    }
}

/* Takes a parcel over. */
static void lane_submit(struct lane *l, struct parcel *p, utime now) {
    uint32_t limit = l->link.queue_bytes ? l->link.queue_bytes : FAULT_QUEUE_DEFAULT;
    l->stats.bytes += p->len;
    l->held_bytes += p->len;
    lane_run(l, now);
    bool idle = list_empty(&l->queue) && !time_before(now, l->busy_until);
    if (l->link.cut) {
        lane_drop(l, p, FAULT_CUT);
    } else if (!idle && l->queue_bytes + p->len > limit) {
        lane_drop(l, p, FAULT_QUEUE);
    } else {
        p->when = now;
        list_push_back(&l->queue, &p->node);
        l->queue_bytes += p->len;
        lane_run(l, now);
    }
}

/* Takes one packet, in as many parcels as the wire needs. Its checksums are complete. */
static void lane_submit_packet(struct lane *l, const uint8_t *pkt, uint32_t len, uint16_t gso_size, utime now) {
    uint32_t count = gso_count(pkt, len, gso_size);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t room = count == 1 ? len : raw_payload_offset(pkt, len) + gso_size;
        struct parcel *p = lane_parcel(l, room);
        l->stats.packets++;
        if (!p)
            continue;
        if (count == 1)
            memcpy(p->data, pkt, len);
        else
            p->len = gso_piece(pkt, len, gso_size, i, p->data);
        lane_submit(l, p, now);
    }
}

/* The next parcel that has arrived, which is then the caller's; NULL when there is none. */
static struct parcel *lane_take(struct lane *l, utime now) {
    struct list *n = list_first(&l->flight);
    if (!n || time_before(now, parcel_of(n)->when))
        return NULL;
    struct parcel *p = parcel_of(n);
    list_remove(n);
    l->held_bytes -= p->len;
    return p;
}

static void lane_count_delivered(struct lane *l, const struct parcel *p) {
    l->stats.delivered++;
    l->stats.delivered_bytes += p->len;
}

/* When something may arrive next. What waits in the queue cannot before it was sent. */
static utime lane_next(const struct lane *l) {
    utime next = UMPTCP_NEVER;
    if (!list_empty(&l->flight))
        next = container_of(l->flight.next, const struct parcel, node)->when;
    if (!list_empty(&l->queue)) {
        const struct parcel *p = container_of(l->queue.next, const struct parcel, node);
        uint64_t carry = l->carry;
        utime sent = time_add(l->busy_until, lane_send_time(l, p->len, &carry));
        next = time_min(next, time_add(sent, l->link.delay));
    }
    return next;
}

/* Everything of `head` that has not arrived by `now` is lost. */
static void lane_lose(struct lane *l, struct list *head, utime now) {
    list_for_each_safe (n, head) {
        struct parcel *p = parcel_of(n);
        if (head == &l->flight && !time_before(now, p->when))
            continue;
        list_remove(n);
        lane_drop(l, p, FAULT_CUT);
    }
}

static void lane_set(struct lane *l, const struct fault_link *link, utime now) {
    lane_run(l, now);
    l->link = *link;
    l->carry = 0;
    if (link->cut) {
        lane_lose(l, &l->queue, now);
        lane_lose(l, &l->flight, now);
        l->queue_bytes = 0;
        l->busy_until = time_min(l->busy_until, now);
    }
}

static void lane_free(struct lane *l) {
    struct list *lists[] = {&l->queue, &l->flight};
    for (int i = 0; i < 2; i++)
        list_for_each_safe (n, lists[i])
            free(parcel_of(n));
}

/* ---- Driver ------------------------------------------------------------------------------------------------------ */

/* Hands what has arrived at the far end of the outgoing lane to the wrapped driver. */
static void fault_deliver_out(struct fault *f, utime now) {
    struct lane *l = &f->lane[FAULT_OUT];
    lane_run(l, now);
    for (struct parcel *p; (p = lane_take(l, now)) != NULL; free(p)) {
        struct umptcp_out out = {
            .len = p->len, .v6 = p->len > 0 && p->data[0] >> 4 == 6, .nslices = 1, .slices = {{p->data, p->len}}};
        if (driver_send(f->inner, &out, now))
            l->stats.dropped[FAULT_INNER]++;
        else
            lane_count_delivered(l, p);
    }
}

static int fault_send(struct driver *d, const struct umptcp_out *out, struct umptcp_time now) {
    struct fault *f = fault_of(d);
    uint32_t len = raw_gather(out, f->scratch);
    lane_submit_packet(&f->lane[FAULT_OUT], f->scratch, len, out->gso_size, now);
    fault_deliver_out(f, now);
    return 0; /* what the wire loses it loses silently */
}

/* Puts what the wrapped driver received on the incoming lane. */
static void fault_pull(struct fault *f, utime now) {
    struct umptcp_packet pkt;
    for (int i = 0; i < PULL_MAX && driver_recv(f->inner, &pkt, now); i++) {
        uint32_t len = pkt.len < RAW_MAX ? pkt.len : RAW_MAX;
        memcpy(f->scratch, pkt.data, len);
        if (pkt.csum_valid)
            raw_fix_l4(f->scratch, len); /* it may not be there yet, and a wire shows it */
        driver_verdict(f->inner, UMPTCP_DROP_NONE);
        lane_submit_packet(&f->lane[FAULT_IN], f->scratch, len, pkt.gso_size, now);
    }
}

static bool fault_recv(struct driver *d, struct umptcp_packet *pkt, struct umptcp_time now) {
    struct fault *f = fault_of(d);
    struct lane *l = &f->lane[FAULT_IN];
    lane_run(l, now);
    struct parcel *p = lane_take(l, now);
    if (!p) {
        fault_pull(f, now);
        p = lane_take(l, now);
    }
    if (!p)
        return false;
    lane_count_delivered(l, p);
    free(f->lent);
    f->lent = p;
    *pkt = (struct umptcp_packet){.data = p->data, .len = p->len};
    return true;
}

static struct umptcp_time fault_next(const struct driver *d) {
    const struct fault *f = fault_of_const(d);
    return time_min(driver_next(f->inner), time_min(lane_next(&f->lane[FAULT_OUT]), lane_next(&f->lane[FAULT_IN])));
}

static void fault_tick(struct driver *d, struct umptcp_time now) {
    struct fault *f = fault_of(d);
    fault_deliver_out(f, now);
    lane_run(&f->lane[FAULT_IN], now);
    driver_tick(f->inner, now);
}

static void fault_close(struct driver *d) {
    struct fault *f = fault_of(d);
    lane_free(&f->lane[FAULT_OUT]);
    lane_free(&f->lane[FAULT_IN]);
    driver_close(f->inner);
    free(f->lent);
    free(f);
}

/* No verdict: what the stack says is about a packet that the wrapped driver gave away long ago. */
static const struct driver_ops fault_ops = {
    .name = "fault",
    .recv = fault_recv,
    .send = fault_send,
    .next = fault_next,
    .tick = fault_tick,
    .close = fault_close,
};

int fault_wrap(struct driver *inner, uint64_t seed, struct driver **d) {
    struct fault *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    f->d = *inner;
    f->d.ops = &fault_ops;
    f->d.flags = UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 | UMPTCP_IF_TSO6;
    f->inner = inner;
    lane_init(&f->lane[FAULT_OUT], seed, FAULT_OUT);
    lane_init(&f->lane[FAULT_IN], seed, FAULT_IN);
    *d = &f->d;
    return 0;
}

void fault_set(struct driver *d, enum fault_dir dir, const struct fault_link *link, struct umptcp_time now) {
    struct fault *f = fault_of(d);
    fault_deliver_out(f, now);
    lane_set(&f->lane[dir], link, now);
}

void fault_get(const struct driver *d, enum fault_dir dir, struct fault_link *link) {
    *link = fault_of_const(d)->lane[dir].link;
}

void fault_stats_get(const struct driver *d, enum fault_dir dir, struct fault_stats *stats) {
    *stats = fault_of_const(d)->lane[dir].stats;
}
