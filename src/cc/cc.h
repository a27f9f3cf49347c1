/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion control: one file per algorithm, `const` operations over an opaque state. An algorithm decides how the
 * window grows and how far it falls; when a loss happened, what to send again and how to pace the fall (PRR) is TCP's
 * business.
 *
 * Windows are in bytes. An algorithm sees only this header. Its state is plain values: a copy of struct cc is what an
 * undo needs, and exists while something in flight may turn out not to have been lost. One that needs more than
 * CC_STATE_SIZE has a block of memory, and looks after its undo itself.
 */
#ifndef UMPTCP_CC_CC_H
#define UMPTCP_CC_CC_H

#include "base/clock.h"
#include "base/mem.h"
#include "base/mib.h"
#include "base/seq.h"

enum {
    CC_STATE_SIZE = 40, /* bytes for an algorithm's own state; every idle subflow has them, so no more than in use */
    CC_CWND_MAX = 1u << 30, /* the largest window that TCP can express (RFC 7323 2.3) */
};

/*
 * A sample of the delivery rate (draft-cheng-iccrg-delivery-rate-estimation-02), with an acknowledgment: how fast bytes
 * arrived while the record that was sent last of those that it brought news of was under way. In bytes.
 */
struct cc_rate {
    uint64_t delivered;       /* all that has arrived so far, */
    uint64_t prior_delivered; /* and when that record was sent */
    uint64_t bandwidth;       /* per second; 0: no valid sample */
    dur interval;             /* 0: the same */
    uint32_t acked;           /* arrived in the interval */
    uint32_t newly_acked;     /* with this acknowledgment */
    uint32_t lost;            /* judged lost since that record was sent */
    uint32_t tx_in_flight;    /* when it was sent, itself among it */
    uint32_t inflight;        /* now */
    bool app_limited;         /* the application, not the path, was what held data back then */
};

struct cc_lost { /* a range was judged lost */
    utime now;
    uint64_t delivered;    /* all that has arrived so far */
    uint32_t bytes;        /* of the range */
    uint32_t lost;         /* since it was sent, itself among it */
    uint32_t tx_in_flight; /* when it was sent, itself among it */
    bool app_limited;      /* at that time */
};

struct cc_ack { /* new data was acknowledged, outside of recovery */
    utime now;
    uint32_t acked;             /* bytes newly acknowledged */
    uint32_t inflight;          /* bytes in flight before this acknowledgment */
    dur rtt;                    /* this sample; 0: none */
    dur srtt, min_rtt;          /* 0: no sample yet */
    struct mib_table *mib;      /* what the algorithm has to count; NULL: nobody wants to know */
    struct ssn una, nxt;        /* SND.UNA after it, SND.NXT: rounds are counted with these */
    bool cwnd_limited;          /* the window, and not the application or the peer, was what held data back */
    const struct cc_rate *rate; /* of an algorithm that owns its window; NULL: it does not */
};

enum cc_cause { CC_LOSS, CC_RTO, CC_ECN };

struct cc_event { /* a congestion event: fast recovery, timeout or ECE */
    enum cc_cause cause;
    utime now;
    uint32_t inflight; /* FlightSize at the event */
    bool abe;          /* a mark of the network is answered by less than a loss (RFC 8511) */
    uint32_t pipe;     /* of it what is neither lost nor known to have arrived */
    dur srtt;
};

struct cc {
    const struct cc_ops *ops;
    uint32_t cwnd, ssthresh; /* bytes; ssthresh UINT32_MAX: not known yet */
    uint32_t mss;            /* bytes of payload in a full segment */
    union {
        uint64_t state[CC_STATE_SIZE / 8];
        void *block; /* the state of an algorithm whose ops say state_size; allocated */
    };
};

struct cc_ops {
    const char *name;
    size_t state_size; /* of the block, in bytes; 0: the state is in struct cc */
    /*
     * It sets cwnd itself, from a model of the path: on_ack() comes with every acknowledgment, in recovery too, and
     * with a sample of the delivery rate; may shrink cwnd; neither PRR nor ssthresh changes it.
     */
    bool owns_window;
    void (*init)(struct cc *cc);
    /* Grow cwnd; those that look at delay or at other paths may also let it fall, not below a segment. Called for every
     * acknowledgment of new data outside of recovery. */
    void (*on_ack)(struct cc *cc, const struct cc_ack *ack);
    /* A congestion event begins: set ssthresh (at least 2 MSS, one where other paths go on). cwnd is left to the
     * caller, who sets it to one segment after a timeout, and so is undo. */
    void (*on_congestion)(struct cc *cc, const struct cc_event *ev);
    /* The last event was spurious. cwnd and ssthresh are those of before already; an algorithm with a block restores
     * that. Optional. */
    void (*on_undo)(struct cc *cc);
    /* Nothing was sent for `idle`, more than one RTO: cwnd was already reduced (RFC 5681 4.1). Optional. */
    void (*on_idle)(struct cc *cc, utime now, dur idle);
    /* Of an algorithm that owns its window, all optional: fast recovery or what followed a timeout is over; a range was
     * judged lost; something is sent, and nothing was in flight. */
    void (*on_recovered)(struct cc *cc);
    void (*on_lost)(struct cc *cc, const struct cc_lost *lost);
    void (*on_start)(struct cc *cc, utime now, dur srtt);
    /* Bytes per second to pace with, 0: not known yet. Optional: by window and round trip, and only when asked to. */
    uint64_t (*pacing_rate)(const struct cc *cc);
    /* It is to be replaced, or its subflow ends. Optional; the block is freed by cc_release(). */
    void (*release)(struct cc *cc);
    /* From now on with `other`, a subflow of the same connection with the same algorithm, and those that it goes with;
     * NULL: alone. Optional: algorithms that look at each subflow by itself have none. */
    void (*couple)(struct cc *cc, struct cc *other);
};

struct cc_setup {
    const struct cc_ops *ops;
    struct mem *mem;
    uint32_t mss, cwnd; /* bytes; the window is at least one segment */
};

/* By name, or NULL. All names in order by index; NULL past the end. */
const struct cc_ops *cc_find(const char *name);
const char *cc_name(unsigned index);

/* Returns 0, or -ENOMEM when the algorithm needs a block. */
int cc_init(struct cc *cc, const struct cc_setup *setup);
void cc_release(struct cc *cc, struct mem *mem);
/* Does nothing for an algorithm that does not couple. */
void cc_couple(struct cc *cc, struct cc *other);
/* As at the start, when nothing was sent yet: the handshake tells more of the path. */
void cc_restart(struct cc *cc, uint32_t mss, uint32_t cwnd);
/*
 * The last event was spurious: state, cwnd and ssthresh are as `before` it, a copy that the caller made; but a window
 * that has grown larger since stays.
 */
void cc_undo(struct cc *cc, const struct cc *before);
/* The path MTU changed: keeps the window in bytes but at least one segment. */
void cc_set_mss(struct cc *cc, uint32_t mss);
/* For algorithms: adds to the window, within CC_CWND_MAX. */
void cc_grow(struct cc *cc, uint32_t bytes);
static inline bool cc_in_slow_start(const struct cc *cc) { return cc->cwnd < cc->ssthresh; }

extern const struct cc_ops cc_newreno, cc_cubic, cc_bbr, cc_lia, cc_olia, cc_balia, cc_wvegas;

#endif
