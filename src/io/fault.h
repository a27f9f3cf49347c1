/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bad wire: wraps any driver and gives each direction a rate, a delay, a queue, loss, disorder and damage.
 * Deterministic for its seed and the times it is given; it has no clock of its own, so it serves in real and in virtual
 * time alike.
 *
 * A wire carries packets: super-segments are cut to MTU packets with full checksums in both directions, and each has
 * its own fate. It takes super-segments and partial checksums whatever the wrapped driver can.
 */
#ifndef UMPTCP_IO_FAULT_H
#define UMPTCP_IO_FAULT_H

#include "io/driver.h"

enum fault_dir { FAULT_OUT, FAULT_IN, FAULT_DIRS }; /* as the stack sees it */

/* Chances are in millionths. All zero: a perfect wire. */
enum { FAULT_ALWAYS = 1000000, FAULT_QUEUE_DEFAULT = 1500000 };

struct fault_link {
    uint64_t rate;        /* bit/s of IP packets; 0: unlimited */
    uint64_t delay;       /* ns, one way, after the last bit was sent */
    uint32_t queue_bytes; /* that may wait for their turn to be sent; 0: FAULT_QUEUE_DEFAULT */
    uint32_t loss;
    uint32_t duplicate;
    uint32_t reorder;         /* held back by `reorder_by`, so that later packets overtake */
    uint64_t reorder_by;      /* ns; 0: 1 ms */
    uint32_t corrupt_header;  /* bits of the IP and TCP headers flip */
    uint32_t corrupt_payload; /* the same behind them */
    uint8_t corrupt_bits;     /* at most so many; 0: 4. Only damage of one bit never gets past a 16-bit checksum */
    bool corrupt_refix;       /* checksums are made right after that, so that the damage gets through */
    uint32_t replace;         /* by random bytes, or only its beginning arrives */
    bool cut;                 /* nothing gets through; what is under way when the wire is cut is lost too */
};

enum fault_cause {
    FAULT_LOST,   /* by chance */
    FAULT_QUEUE,  /* the queue was full */
    FAULT_CUT,    /* the wire was cut */
    FAULT_MEMORY, /* more than FAULT_HELD_MAX bytes were under way, or no memory */
    FAULT_INNER,  /* the wrapped driver refused it */
    FAULT_CAUSES
};
enum { FAULT_HELD_MAX = 64 << 20 };

struct fault_stats {
    uint64_t packets, bytes;             /* that came */
    uint64_t delivered, delivered_bytes; /* copies count */
    uint64_t dropped[FAULT_CAUSES];
    uint64_t duplicated, reordered, corrupted, replaced;
};

/*
 * The wire over `inner`, which it takes over: closing it closes `inner` too. Perfect until fault_set(). Sets *d and
 * returns 0, or -ENOMEM (`inner` stays the caller's).
 */
int fault_wrap(struct driver *inner, uint64_t seed, struct driver **d);
/*
 * Changes one direction from `now` on. The packet that is just being sent keeps its old rate, and what was sent its
 * delay: a shorter delay makes new packets overtake, as a change of route does.
 */
void fault_set(struct driver *d, enum fault_dir dir, const struct fault_link *link, struct umptcp_time now);
void fault_get(const struct driver *d, enum fault_dir dir, struct fault_link *link);
void fault_stats_get(const struct driver *d, enum fault_dir dir, struct fault_stats *stats);
const char *fault_cause_name(enum fault_cause cause);

/*
 * Reads "rate=20M,delay=10ms,in.loss=0.5%": settings of both directions, or of the one before the dot. On top of what
 * `links` holds. Keys: rate (k, M, G: bit/s), delay, reorder-by (ns, us, ms, s), queue (bytes; k, M), loss, duplicate,
 * reorder, corrupt-header, corrupt-payload, replace (N% or a fraction of 1), refix, cut. Returns 0, or -EINVAL with
 * `links` untouched.
 */
int fault_parse(const char *text, struct fault_link links[FAULT_DIRS]);

#endif
