/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel-like path manager as a script: what happened, and what it orders.
 *
 * Commands are compared as text: "announce 2", "withdraw 2", "join 1>0" (local id > remote id; " any" when the route is
 * to choose the local address, " backup", " again"), "close 3", "prio 3 on", "timer 250" (milliseconds from now),
 * "timer off". A world does what is ordered, so that each event meets the view that the orders before it made.
 */
#ifndef UMPTCP_TEST_PMLAB_H
#define UMPTCP_TEST_PMLAB_H

#include "testwire.h"

#include "pm/pm.h"

#include <errno.h>
#include <stdio.h>

static inline struct umptcp_endpoint ep(const char *addr, uint16_t port, uint8_t id, uint32_t flags) {
    return (struct umptcp_endpoint){.id = id, .flags = flags, .addr = {test_addr(addr), port}};
}

static inline int add(struct pm_endpoints *t, const char *addr, uint16_t port, uint8_t id, uint32_t flags) {
    struct umptcp_endpoint e = ep(addr, port, id, flags);
    return pm_endpoints_add(t, &e, 0, true);
}

struct world {
    struct pm_endpoints table;
    struct pm_subflow subflows[PM_SUBFLOWS_MAX];
    struct pm_remote remotes[PM_REMOTES_MAX];
    struct pm_view view;
    uint64_t state[PM_STATE_SIZE / 8];
    uint32_t last_number;
    char text[1024];
};

#define CLIENT "10.0.1.1"
#define SERVER "10.9.0.1"

static inline struct pm_subflow *open_subflow(struct world *w, uint8_t local_id, uint8_t remote_id, bool initiated) {
    assert_true(w->view.nsubflows < PM_SUBFLOWS_MAX);
    struct pm_subflow *s = &w->subflows[w->view.nsubflows++];
    *s = (struct pm_subflow){
        .number = ++w->last_number, .local_id = local_id, .remote_id = remote_id, .initiated = initiated};
    s->remote = w->view.initial_remote;
    if (s->number > 1)
        w->view.extra_subflows++;
    return s;
}

static inline void world_init(struct world *w, bool server) {
    memset(w, 0, sizeof *w);
    pm_endpoints_init(&w->table);
    w->view = (struct pm_view){
        .now = {SEC(1)}, .server = server, .active = true, .may_join = true, .rejoin = true, .reannounce = true};
    w->view.initial_local = (struct umptcp_sockaddr){test_addr(server ? SERVER : CLIENT), server ? 80 : 40000};
    w->view.initial_remote = (struct umptcp_sockaddr){test_addr(server ? CLIENT : SERVER), server ? 40000 : 80};
    w->view.initial_usable = true;
    w->view.subflows = w->subflows;
    w->view.remotes = w->remotes;
    open_subflow(w, 0, 0, !server)->established = true;
}

static inline struct pm_subflow *find_subflow(struct world *w, uint32_t number) {
    for (uint32_t i = 0; i < w->view.nsubflows; i++)
        if (w->subflows[i].number == number)
            return &w->subflows[i];
    fail_msg("no subflow %u", number);
    return NULL;
}

static inline struct pm_subflow drop_subflow(struct world *w, uint32_t number) {
    struct pm_subflow *s = find_subflow(w, number), was = *s;
    *s = w->subflows[--w->view.nsubflows];
    if (was.number > 1)
        w->view.extra_subflows--;
    return was;
}

static inline void say(struct world *w, const char *text) {
    size_t len = strlen(w->text);
    snprintf(w->text + len, sizeof w->text - len, "%s%s", len ? ", " : "", text);
}

static inline void obey_join(struct world *w, const struct pm_command *c, char *line, size_t size) {
    struct pm_subflow *s = open_subflow(w, c->local_id, c->remote_id, true);
    bool any = addr_is_any(&c->local.addr);
    s->backup = c->backup;
    s->local = c->local;
    s->remote = c->remote;
    assert_true(c->remote.port != 0);
    assert_true(any || addr_is_v4(&c->local.addr) == addr_is_v4(&c->remote.addr));
    snprintf(line, size, "join %u>%u%s%s%s", c->local_id, c->remote_id, any ? " any" : "", c->backup ? " backup" : "",
             c->again ? " again" : "");
}

static inline void obey(struct world *w, const struct pm_command *c) {
    char line[64];
    switch (c->type) {
    case PM_CMD_JOIN:
        obey_join(w, c, line, sizeof line);
        break;
    case PM_CMD_ANNOUNCE:
        w->view.announce_pending = true;
        snprintf(line, sizeof line, "announce %u", c->local_id);
        break;
    case PM_CMD_WITHDRAW:
        snprintf(line, sizeof line, "withdraw %u", c->local_id);
        break;
    case PM_CMD_CLOSE:
        drop_subflow(w, c->subflow);
        snprintf(line, sizeof line, "close %u", c->subflow);
        break;
    case PM_CMD_PRIO:
        find_subflow(w, c->subflow)->backup = c->backup;
        snprintf(line, sizeof line, "prio %u %s", c->subflow, c->backup ? "on" : "off");
        break;
    case PM_CMD_TIMER:
        if (time_is_never(c->at))
            snprintf(line, sizeof line, "timer off");
        else
            snprintf(line, sizeof line, "timer %u", (unsigned)((c->at.ns - w->view.now.ns) / MSEC(1)));
        break;
    }
    say(w, line);
}

static inline void expect_event(struct world *w, struct pm_event ev, const char *want, int line) {
    struct pm_command cmds[PM_COMMANDS_MAX];
    struct umptcp_sockaddr initial = w->view.initial_local;
    const struct pm_endpoint *e = pm_endpoints_by_addr(&w->table, &initial.addr);
    w->view.initial_local_id = e && !e->addr.port ? e->id : 0;
    w->view.endpoints = w->table.list;
    w->view.nendpoints = w->table.count;
    w->view.limits = w->table.limits;
    w->text[0] = '\0';
    uint32_t n = pm_kernel.event(w->state, &ev, &w->view, cmds);
    assert_true(n <= PM_COMMANDS_MAX);
    for (uint32_t i = 0; i < n; i++)
        obey(w, &cmds[i]);
    if (strcmp(w->text, want) != 0)
        fail_msg("line %d: \"%s\", should be \"%s\"", line, w->text, want);
}
#define EXPECT(w, want, ...)         expect_event(w, (struct pm_event){__VA_ARGS__}, want, __LINE__)
#define EXPECT_EVENT(w, want, event) expect_event(w, event, want, __LINE__)

static inline struct pm_event up(struct world *w, uint32_t number) {
    struct pm_subflow *s = find_subflow(w, number);
    s->established = true;
    return (struct pm_event){.type = PM_SUBFLOW_UP,
                             .subflow = number,
                             .local_id = s->local_id,
                             .remote_id = s->remote_id,
                             .initiated = s->initiated};
}

static inline struct pm_event down(struct world *w, uint32_t number, bool retry) {
    struct pm_subflow s = drop_subflow(w, number);
    return (struct pm_event){.type = PM_SUBFLOW_DOWN,
                             .subflow = number,
                             .local_id = s.local_id,
                             .remote_id = s.remote_id,
                             .error = ECONNRESET,
                             .initiated = s.initiated,
                             .retry = retry};
}

static inline struct pm_event silent(struct world *w, uint32_t number) {
    struct pm_event ev = down(w, number, true);
    ev.error = ETIMEDOUT;
    return ev;
}

static inline struct pm_event echoed(struct world *w, uint8_t id) {
    w->view.announce_pending = false;
    return (struct pm_event){.type = PM_ANNOUNCE_ECHOED, .local_id = id};
}

static inline struct pm_event announced(struct world *w, uint8_t id, const char *addr, uint16_t port) {
    struct pm_remote r = {.id = id, .addr = {test_addr(addr), port}};
    w->remotes[w->view.nremotes++] = r;
    return (struct pm_event){.type = PM_ADDR_ANNOUNCED, .remote_id = id, .addr = r.addr};
}

static inline struct pm_event removed(struct world *w, uint8_t id) {
    struct pm_endpoint e;
    assert_int_equal(pm_endpoints_del(&w->table, id, &e), 0);
    return (struct pm_event){.type = PM_ENDPOINT_REMOVED, .local_id = id, .flags = e.flags, .addr = e.addr};
}

static inline struct pm_event changed(struct world *w, uint8_t id, bool usable) {
    pm_endpoints_find(&w->table, id)->usable = usable;
    return (struct pm_event){.type = PM_ENDPOINT_CHANGED, .local_id = id};
}

static inline void pass(struct world *w, dur d) { w->view.now = time_add(w->view.now, d); }

#endif
