/* SPDX-License-Identifier: BSD-3-Clause */
#include "boxlab.h"

#include <stdio.h>

enum { SEED = 7, PIECE = 20000, LONG_S = 1200, BOXLAB_RATE = 50000000 };

static uint64_t bytes(uint64_t wanted) { return wanted == BOXLAB_NOTHING ? 0 : wanted ? wanted : BOXLAB_BYTES; }

void boxlab_endpoints(struct boxlab *l) {
    for (int h = 0; h < 2; h++)
        umptcp_limits_set(l->w.host[h].s, 4, 4);
    for (int i = 1; i < l->w.paths; i++) {
        int host = l->o.announce ? SERVER : CLIENT;
        struct umptcp_endpoint ep = {.flags = l->o.announce ? UMPTCP_EP_SIGNAL : UMPTCP_EP_SUBFLOW,
                                     .addr = world_addr(&l->w, host, i, 0)};
        assert_true(umptcp_endpoint_add(l->w.host[host].s, &ep, l->w.now) > 0);
    }
}

void boxlab_start(struct boxlab *l, const struct boxlab_options *o) {
    struct world_config cfg;
    memset(l, 0, sizeof *l);
    l->o = *o;
    world_config_init(&cfg, SEED, o->paths ? o->paths : 1);
    cfg.v6 = o->v6;
    for (int h = 0; h < 2; h++)
        cfg.host[h].checksum_enabled = o->csum;
    memcpy(cfg.middlebox, o->box, sizeof cfg.middlebox);
    if (o->configure)
        o->configure(&cfg);
    world_init(&l->w, &cfg);
    for (int i = 0; i < l->w.paths; i++)
        for (int h = 0; h < 2; h++)
            world_link(&l->w, h, i,
                       &(struct fault_link){.delay = BOXLAB_DELAY_MS * MS, .rate = BOXLAB_RATE, .loss = o->loss});
    if (!o->alone)
        boxlab_endpoints(l);
    l->t.open = true;
    memcpy(l->t.edit, o->edit, sizeof l->t.edit);
    l->t.may_differ = o->may_differ;
    transfer_start(&l->t, &l->w, SEED, bytes(o->to_server), bytes(o->to_client), PIECE);
}

static void right(const struct boxlab *l) {
    if (l->t.wrong)
        fail_msg("%s", l->t.wrong);
    for (int h = 0; h < 2; h++) {
        const char *why = umptcp_check(l->w.host[h].s);
        if (why)
            fail_msg("%s: %s", h ? "server" : "client", why);
        if (l->t.end[h].error && !l->o.fails)
            fail_msg("the %s ended with error %d", h ? "server" : "client", l->t.end[h].error);
    }
}

static void step_until(struct boxlab *l, bool (*reached)(const struct transfer *t), const char *what) {
    struct umptcp_time limit = {l->w.now.ns + LONG_S * S};
    transfer_pump(&l->t);
    while (!reached(&l->t)) {
        bool more = world_step(&l->w, limit);
        transfer_pump(&l->t);
        right(l);
        if (!more && !reached(&l->t))
            fail_msg("not %s in time: sent %llu %llu, received %llu %llu", what, (unsigned long long)l->t.end[0].sent,
                     (unsigned long long)l->t.end[1].sent, (unsigned long long)l->t.end[0].received,
                     (unsigned long long)l->t.end[1].received);
    }
    right(l);
}

void boxlab_wait(struct boxlab *l, uint64_t ns) {
    struct umptcp_time limit = {l->w.now.ns + ns};
    for (bool more = true; more;) {
        more = world_step(&l->w, limit);
        transfer_pump(&l->t);
    }
    right(l);
}

void boxlab_deliver(struct boxlab *l) {
    step_until(l, transfer_delivered, "delivered");
    boxlab_wait(l, 100 * MS); /* the last acknowledgments */
    for (int h = 0; h < 2; h++) {
        struct umptcp *s = l->w.host[h].s;
        assert_int_equal(umptcp_info(s, l->t.end[h].sock, &l->info[h]), 0);
        l->subflows[h] = umptcp_subflows(s, l->t.end[h].sock, l->subflow[h], UMPTCP_SUBFLOWS_MAX + 1);
    }
}

void boxlab_more(struct boxlab *l, uint64_t to_server, uint64_t to_client) {
    l->t.end[CLIENT].to_send += to_server;
    l->t.end[SERVER].to_receive += to_server;
    l->t.end[SERVER].to_send += to_client;
    l->t.end[CLIENT].to_receive += to_client;
}

static void acted(const struct boxlab *l) {
    for (int i = 0; i < l->w.paths && !l->o.idle_box; i++) {
        unsigned elements = l->o.box[i] != NULL;
        for (const char *at = l->o.box[i]; at && (at = strchr(at, '|')); at++)
            elements++;
        for (unsigned n = 0; n < elements; n++)
            if (!boxlab_hits(l, i, n))
                fail_msg("%s: element %u of path %d never acted", l->o.box[i], n, i);
    }
}

/* Nothing is left of it. */
static void quit(struct boxlab *l) {
    umptcp_close(l->w.host[SERVER].s, l->t.listener, l->w.now);
    world_run(&l->w, LONG_S * S);
    for (int h = 0; h < 2; h++) {
        assert_int_equal(umptcp_sockets(l->w.host[h].s), 0);
        assert_true(umptcp_quiet(l->w.host[h].s));
    }
    world_free(&l->w);
    for (int h = 0; h < 2; h++)
        assert_int_equal(l->w.host[h].allocated, 0);
}

void boxlab_finish(struct boxlab *l) {
    l->t.open = false;
    step_until(l, transfer_done, "closed");
    acted(l);
    quit(l);
}

void boxlab_fail(struct boxlab *l, int errors[2]) {
    l->t.open = false;
    boxlab_wait(l, LONG_S * S);
    acted(l);
    for (int h = 0; h < 2; h++) {
        struct transfer_end *e = &l->t.end[h];
        errors[h] = e->error;
        if (e->sock.v && !e->closed)
            umptcp_close(l->w.host[h].s, e->sock, l->w.now);
        e->closed = true;
    }
    quit(l);
}

void boxlab_open(struct boxlab *l, const struct boxlab_options *o) {
    boxlab_start(l, o);
    boxlab_deliver(l);
}

uint64_t boxlab_hits(const struct boxlab *l, int path, unsigned element) {
    return middlebox_hits(l->w.host[CLIENT].box[path], element);
}

uint64_t boxlab_count(const struct boxlab *l, int host, const char *counter) {
    unsigned i = 0;
    uint64_t value;
    for (const char *name; (name = umptcp_counter(l->w.host[host].s, i, &value)) != NULL; i++)
        if (strcmp(name, counter) == 0)
            return value;
    fail_msg("no counter %s", counter);
    return 0;
}

void boxlab_is_mptcp(const struct boxlab *l, uint32_t subflows) {
    for (int h = 0; h < 2; h++) {
        assert_true(l->info[h].is_mptcp);
        assert_int_equal(l->info[h].subflows, subflows);
    }
    assert_int_equal(l->t.fallbacks, 0);
}

void boxlab_is_tcp(const struct boxlab *l) {
    for (int h = 0; h < 2; h++) {
        assert_false(l->info[h].is_mptcp);
        assert_int_equal(l->info[h].subflows, 1);
    }
}
