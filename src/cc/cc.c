/* SPDX-License-Identifier: BSD-3-Clause */
/* The algorithms by name, and what they have in common. */
#include "cc/cc.h"

#include <assert.h>
#include <string.h>

static const struct cc_ops *const cc_all[] = {&cc_cubic, &cc_newreno};

enum { CC_COUNT = sizeof(cc_all) / sizeof(cc_all[0]) };

const struct cc_ops *cc_find(const char *name) {
    for (unsigned i = 0; name && i < CC_COUNT; i++)
        if (strcmp(cc_all[i]->name, name) == 0)
            return cc_all[i];
    return NULL;
}

const char *cc_name(unsigned index) { return index < CC_COUNT ? cc_all[index]->name : NULL; }

void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss, uint32_t initial_cwnd_bytes) {
    assert(mss > 0);
    *cc = (struct cc){.ops = ops, .mss = mss, .ssthresh = UINT32_MAX};
    cc->cwnd = initial_cwnd_bytes > mss ? initial_cwnd_bytes : mss;
    ops->init(cc);
}

void cc_undo(struct cc *cc, const struct cc *before) {
    assert(cc->ops == before->ops);
    cc->cwnd = cc->cwnd > before->cwnd ? cc->cwnd : before->cwnd;
    cc->ssthresh = cc->ssthresh > before->ssthresh ? cc->ssthresh : before->ssthresh;
    memcpy(cc->state, before->state, sizeof(cc->state));
}

void cc_set_mss(struct cc *cc, uint32_t mss) {
    assert(mss > 0);
    cc->mss = mss;
    cc->cwnd = cc->cwnd > mss ? cc->cwnd : mss;
    cc->ssthresh = cc->ssthresh > 2 * mss ? cc->ssthresh : 2 * mss;
}

void cc_grow(struct cc *cc, uint32_t bytes) {
    if (cc->cwnd < CC_CWND_MAX)
        cc->cwnd += bytes < CC_CWND_MAX - cc->cwnd ? bytes : CC_CWND_MAX - cc->cwnd;
}
