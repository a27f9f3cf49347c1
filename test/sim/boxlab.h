/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transfer through middleboxes, for tests of what becomes of it: carried, looked at while it is still open, ended.
 * Everything asserts by cmocka.
 */
#ifndef UMPTCP_TEST_SIM_BOXLAB_H
#define UMPTCP_TEST_SIM_BOXLAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/middlebox.h"
#include "transfer.h"

#define MS 1000000ull
#define S  1000000000ull

enum { BOXLAB_BYTES = 100000, BOXLAB_DELAY_MS = 10 };

struct boxlab_options {
    const char *box[WORLD_PATHS_MAX]; /* by path; NULL: nothing but the link */
    int paths;                        /* 0: 1. The client opens a subflow over each further one */
    bool announce;                    /* no, the server announces its address there */
    bool v6, csum;
    uint64_t to_server, to_client; /* bytes; 0: BOXLAB_BYTES, but BOXLAB_NOTHING */
    bool alone;                    /* no endpoints yet: boxlab_endpoints() comes later */
    uint32_t loss;                 /* of each link, in millionths */
    bool idle_box;                 /* a middlebox need not have acted */
    struct transfer_edit edit[2];
    uint32_t may_differ;
    bool fails; /* the connection may end with an error */
    void (*configure)(struct world_config *cfg);
};
#define BOXLAB_NOTHING UINT64_MAX

#define BOXLAB_FAMILIES for (int v6 = 0; v6 < 2; v6++)

struct boxlab {
    struct world w;
    struct transfer t;
    struct boxlab_options o;
    struct umptcp_info info[2]; /* when all was received */
    struct umptcp_subflow_info subflow[2][UMPTCP_SUBFLOWS_MAX + 1];
    int subflows[2];
};

/* Opens it. */
void boxlab_start(struct boxlab *l, const struct boxlab_options *o);
/* Tells the further paths to whose they are. */
void boxlab_endpoints(struct boxlab *l);
/* Runs until all that was to be sent is received, and notes how things are then. */
void boxlab_deliver(struct boxlab *l);
/* Has more to send. */
void boxlab_more(struct boxlab *l, uint64_t to_server, uint64_t to_client);
/* Runs for a time. */
void boxlab_wait(struct boxlab *l, uint64_t ns);
/* Ends both directions, sees both ends closed without an error and every middlebox has acted; and frees all. */
void boxlab_finish(struct boxlab *l);
/* Runs for long, whatever becomes of it, and frees all. With `fails`: sets what each end was told. */
void boxlab_fail(struct boxlab *l, int errors[2]);
/* All of them but the end. */
void boxlab_open(struct boxlab *l, const struct boxlab_options *o);

/* How often the n-th middlebox of a path acted. */
uint64_t boxlab_hits(const struct boxlab *l, int path, unsigned element);
uint64_t boxlab_count(const struct boxlab *l, int host, const char *counter);
#define client_counts(l, counter) boxlab_count(l, CLIENT, counter)
#define server_counts(l, counter) boxlab_count(l, SERVER, counter)

/* Both ends speak MPTCP still, with so many subflows. */
void boxlab_is_mptcp(const struct boxlab *l, uint32_t subflows);
/* Both ends are plain TCP, and ended up there in order. */
void boxlab_is_tcp(const struct boxlab *l);

#endif
