/* SPDX-License-Identifier: BSD-3-Clause */
/* The algorithms by name, and what they have in common. */
#include "cc/cc.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct cc_ops *const cc_all[] = {&cc_cubic, &cc_newreno, &cc_bbr,   &cc_lia,
                                              &cc_olia,  &cc_balia,   &cc_wvegas};

enum { CC_COUNT = sizeof(cc_all) / sizeof(cc_all[0]) };

const struct cc_ops *cc_find(const char *name) {
    for (unsigned i = 0; name && i < CC_COUNT; i++)
        if (strcmp(cc_all[i]->name, name) == 0)
            return cc_all[i];
    return NULL;
}

const char *cc_name(unsigned index) { return index < CC_COUNT ? cc_all[index]->name : NULL; }

int cc_init(struct cc *cc, const struct cc_setup *setup) {
    *cc = (struct cc){.ops = setup->ops};
    if (cc->ops->state_size) {
        cc->block = mem_alloc(setup->mem, cc->ops->state_size);
        if (!cc->block)
            return -ENOMEM;
    }
    cc_restart(cc, setup->mss, setup->cwnd);
    return 0;
}

void cc_release(struct cc *cc, struct mem *mem) {
    if (cc->ops->release)
        cc->ops->release(cc);
    if (cc->ops->state_size)
        mem_free(mem, cc->block, cc->ops->state_size);
}

void cc_couple(struct cc *cc, struct cc *other) {
    assert(!other || other->ops == cc->ops);
    if (cc->ops->couple)
        cc->ops->couple(cc, other);
}

void cc_restart(struct cc *cc, uint32_t mss, uint32_t cwnd) {
    assert(mss > 0);
    cc->mss = mss;
    cc->cwnd = cwnd > mss ? cwnd : mss;
    cc->ssthresh = UINT32_MAX;
    if (!cc->ops->state_size)
        memset(cc->state, 0, sizeof(cc->state));
    cc->ops->init(cc);
}

void cc_undo(struct cc *cc, const struct cc *before) {
    assert(cc->ops == before->ops);
    cc->cwnd = cc->cwnd > before->cwnd ? cc->cwnd : before->cwnd;
    cc->ssthresh = cc->ssthresh > before->ssthresh ? cc->ssthresh : before->ssthresh;
    if (!cc->ops->state_size)
        memcpy(cc->state, before->state, sizeof(cc->state));
    if (cc->ops->on_undo)
        cc->ops->on_undo(cc);
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
