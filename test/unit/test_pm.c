/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The endpoints table, and the kernel-like path manager as a script: what happened, and what it orders.
 *
 * Commands are compared as text: "announce 2", "withdraw 2", "join 1>0" (local id > remote id; " any" when the route is
 * to choose the local address, " backup", " again"), "close 3", "prio 3 on", "timer 250" (milliseconds from now),
 * "timer off". A world does what is ordered, so that each event meets the view that the orders before it made.
 */
#include "testwire.h"

#include "pm/pm.h"

#include <errno.h>
#include <stdio.h>

/* ---- Endpoints --------------------------------------------------------------------------------------------------- */

static struct umptcp_endpoint ep(const char *addr, uint16_t port, uint8_t id, uint32_t flags) {
    return (struct umptcp_endpoint){.id = id, .flags = flags, .addr = {test_addr(addr), port}};
}

static int add(struct pm_endpoints *t, const char *addr, uint16_t port, uint8_t id, uint32_t flags) {
    struct umptcp_endpoint e = ep(addr, port, id, flags);
    return pm_endpoints_add(t, &e, 0, true);
}

static void test_registry(void **state) {
    (void)state;
    assert_ptr_equal(pm_find("kernel"), &pm_kernel);
    assert_null(pm_find("nobody"));
    for (unsigned n = 0; pm_name(n); n++)
        assert_string_equal(pm_find(pm_name(n))->name, pm_name(n));
    assert_string_equal(pm_name(0), "kernel");
    assert_string_equal(pm_name(1), "userspace");
    assert_null(pm_name(2));
}

static void test_ids(void **state) {
    (void)state;
    struct pm_endpoints t;
    pm_endpoints_init(&t);
    assert_int_equal(t.limits.subflows, 2);
    assert_int_equal(t.limits.add_addr_accepted, 0);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, UMPTCP_EP_SUBFLOW), 1);
    assert_int_equal(add(&t, "10.0.0.2", 0, 33, UMPTCP_EP_SIGNAL), 33);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, UMPTCP_EP_SUBFLOW), 34);
    assert_int_equal(add(&t, "10.0.0.4", 0, 33, UMPTCP_EP_SUBFLOW), -EBUSY);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, UMPTCP_EP_SUBFLOW), -EEXIST);
    assert_int_equal(add(&t, "10.0.0.4", 0, 255, UMPTCP_EP_SUBFLOW), 255);
    assert_int_equal(add(&t, "10.0.0.5", 0, 0, UMPTCP_EP_SUBFLOW), 2); /* 1 is taken */
    assert_int_equal(pm_endpoints_del(&t, 7, NULL), -EINVAL);
    struct pm_endpoint gone;
    assert_int_equal(pm_endpoints_del(&t, 33, &gone), 0);
    assert_int_equal(gone.id, 33);
    assert_null(pm_endpoints_find(&t, 33));
    struct umptcp_addr a = test_addr("10.0.0.3");
    assert_int_equal(pm_endpoints_by_addr(&t, &a)->id, 34);
    for (int i = 0; i < 4; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.0.1.%d", i);
        assert_true(add(&t, text, 0, 0, 0) > 0);
    }
    assert_int_equal(t.count, UMPTCP_ENDPOINTS_MAX);
    assert_int_equal(add(&t, "10.0.0.9", 0, 0, UMPTCP_EP_SUBFLOW), -ERANGE);
}

static void test_add_refuses(void **state) {
    (void)state;
    struct pm_endpoints t;
    pm_endpoints_init(&t);
    assert_int_equal(add(&t, "10.0.0.1", 80, 0, UMPTCP_EP_SUBFLOW), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.1", 80, 0, UMPTCP_EP_SUBFLOW | UMPTCP_EP_SIGNAL), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.1", 80, 0, 0), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, 0x40), -EINVAL);
    assert_int_equal(add(&t, "224.0.0.1", 0, 0, UMPTCP_EP_SUBFLOW), -EINVAL);
    assert_int_equal(add(&t, "::", 0, 0, UMPTCP_EP_SUBFLOW), -EINVAL);
    assert_int_equal(t.count, 0);
}

/* Endpoints with a port stand first, so they are announced first. */
static void test_order(void **state) {
    (void)state;
    struct pm_endpoints t;
    pm_endpoints_init(&t);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, UMPTCP_EP_SIGNAL), 1);
    assert_int_equal(add(&t, "10.0.0.2", 0, 0, UMPTCP_EP_SIGNAL), 2);
    assert_int_equal(add(&t, "10.0.0.1", 8080, 0, UMPTCP_EP_SIGNAL), 3);
    assert_int_equal(t.list[0].id, 3);
    assert_int_equal(t.list[1].id, 1);
    assert_int_equal(t.list[2].id, 2);
    assert_int_equal(pm_endpoints_del(&t, 1, NULL), 0);
    assert_int_equal(t.list[1].id, 2);
}

/* M-ADD-03: a local address has one id, also without being an endpoint, and no other address gets it. */
static void test_implicit_ids(void **state) {
    (void)state;
    struct pm_endpoints t;
    struct umptcp_addr a = test_addr("10.0.0.1"), b = test_addr("10.0.0.2");
    pm_endpoints_init(&t);
    assert_int_equal(pm_endpoints_id_of(&t, &a), 1);
    assert_int_equal(pm_endpoints_id_of(&t, &b), 2);
    assert_int_equal(pm_endpoints_id_of(&t, &a), 1);
    assert_int_equal(add(&t, "10.0.0.3", 0, 0, UMPTCP_EP_SUBFLOW), 3);
    assert_int_equal(add(&t, "10.0.0.4", 0, 2, UMPTCP_EP_SUBFLOW), -EBUSY);
    assert_int_equal(add(&t, "10.0.0.1", 0, 9, UMPTCP_EP_SUBFLOW), -EINVAL);
    assert_int_equal(add(&t, "10.0.0.1", 0, 0, UMPTCP_EP_SUBFLOW), 1); /* becomes an endpoint, keeps its id */
    assert_int_equal(pm_endpoints_id_of(&t, &a), 1);
    assert_int_equal(t.nimplicit, 1);
    pm_endpoints_forget(&t, &b);
    assert_int_equal(t.nimplicit, 0);
    pm_endpoints_forget(&t, &b);
    for (int i = 0; i < UMPTCP_ENDPOINTS_MAX; i++) {
        struct umptcp_addr x = addr_v4(0x0a010000u + (unsigned)i);
        assert_true(pm_endpoints_id_of(&t, &x) > 3);
    }
    assert_int_equal(pm_endpoints_id_of(&t, &b), -ERANGE);
}

/* ---- The world --------------------------------------------------------------------------------------------------- */

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

static struct pm_subflow *open_subflow(struct world *w, uint8_t local_id, uint8_t remote_id, bool initiated) {
    assert_true(w->view.nsubflows < PM_SUBFLOWS_MAX);
    struct pm_subflow *s = &w->subflows[w->view.nsubflows++];
    *s = (struct pm_subflow){
        .number = ++w->last_number, .local_id = local_id, .remote_id = remote_id, .initiated = initiated};
    s->remote = w->view.initial_remote;
    if (s->number > 1)
        w->view.extra_subflows++;
    return s;
}

static void world_init(struct world *w, bool server) {
    memset(w, 0, sizeof *w);
    pm_endpoints_init(&w->table);
    w->view = (struct pm_view){.now = {SEC(1)}, .server = server, .active = true, .may_join = true, .rejoin = true};
    w->view.initial_local = (struct umptcp_sockaddr){test_addr(server ? SERVER : CLIENT), server ? 80 : 40000};
    w->view.initial_remote = (struct umptcp_sockaddr){test_addr(server ? CLIENT : SERVER), server ? 40000 : 80};
    w->view.initial_usable = true;
    w->view.subflows = w->subflows;
    w->view.remotes = w->remotes;
    open_subflow(w, 0, 0, !server)->established = true;
}

static struct pm_subflow *find_subflow(struct world *w, uint32_t number) {
    for (uint32_t i = 0; i < w->view.nsubflows; i++)
        if (w->subflows[i].number == number)
            return &w->subflows[i];
    fail_msg("no subflow %u", number);
    return NULL;
}

static struct pm_subflow drop_subflow(struct world *w, uint32_t number) {
    struct pm_subflow *s = find_subflow(w, number), was = *s;
    *s = w->subflows[--w->view.nsubflows];
    if (was.number > 1)
        w->view.extra_subflows--;
    return was;
}

static void say(struct world *w, const char *text) {
    size_t len = strlen(w->text);
    snprintf(w->text + len, sizeof w->text - len, "%s%s", len ? ", " : "", text);
}

static void obey_join(struct world *w, const struct pm_command *c, char *line, size_t size) {
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

static void obey(struct world *w, const struct pm_command *c) {
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

static void expect_event(struct world *w, struct pm_event ev, const char *want, int line) {
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

static struct pm_event up(struct world *w, uint32_t number) {
    struct pm_subflow *s = find_subflow(w, number);
    s->established = true;
    return (struct pm_event){.type = PM_SUBFLOW_UP,
                             .subflow = number,
                             .local_id = s->local_id,
                             .remote_id = s->remote_id,
                             .initiated = s->initiated};
}

static struct pm_event down(struct world *w, uint32_t number, bool retry) {
    struct pm_subflow s = drop_subflow(w, number);
    return (struct pm_event){.type = PM_SUBFLOW_DOWN,
                             .subflow = number,
                             .local_id = s.local_id,
                             .remote_id = s.remote_id,
                             .error = ECONNRESET,
                             .initiated = s.initiated,
                             .retry = retry};
}

static struct pm_event silent(struct world *w, uint32_t number) {
    struct pm_event ev = down(w, number, true);
    ev.error = ETIMEDOUT;
    return ev;
}

static struct pm_event echoed(struct world *w, uint8_t id) {
    w->view.announce_pending = false;
    return (struct pm_event){.type = PM_ANNOUNCE_ECHOED, .local_id = id};
}

static struct pm_event announced(struct world *w, uint8_t id, const char *addr, uint16_t port) {
    struct pm_remote r = {id, {test_addr(addr), port}};
    w->remotes[w->view.nremotes++] = r;
    return (struct pm_event){.type = PM_ADDR_ANNOUNCED, .remote_id = id, .addr = r.addr};
}

static struct pm_event removed(struct world *w, uint8_t id) {
    struct pm_endpoint e;
    assert_int_equal(pm_endpoints_del(&w->table, id, &e), 0);
    return (struct pm_event){.type = PM_ENDPOINT_REMOVED, .local_id = id, .addr = e.addr};
}

static struct pm_event changed(struct world *w, uint8_t id, bool usable) {
    pm_endpoints_find(&w->table, id)->usable = usable;
    return (struct pm_event){.type = PM_ENDPOINT_CHANGED, .local_id = id};
}

static void pass(struct world *w, dur d) { w->view.now = time_add(w->view.now, d); }

/* ---- Linux's semantics ------------------------------------------------------------------------------------------- */

static void test_nothing_to_do(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    EXPECT(&w, "", .type = PM_TIMER);
    EXPECT(&w, "", .type = PM_ENDPOINT_CHANGED, .local_id = 9);
    add(&w.table, "10.0.2.1", 0, 0, 0); /* only names an address */
    EXPECT(&w, "", .type = PM_ENDPOINT_ADDED, .local_id = 1);
}

/* All subflow endpoints at once, up to the limit; a refused one is not tried again, the next one takes its place. */
static void test_create(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    add(&w.table, "10.0.3.1", 0, 0, UMPTCP_EP_SUBFLOW | UMPTCP_EP_BACKUP);
    add(&w.table, "10.0.4.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0, join 2>0 backup", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "join 3>0", down(&w, 3, false));
    EXPECT_EVENT(&w, "", down(&w, 4, false));
    /* Deleted and added again it is new. */
    EXPECT_EVENT(&w, "", removed(&w, 3));
    assert_int_equal(add(&w.table, "10.0.4.1", 0, 3, UMPTCP_EP_SUBFLOW), 3);
    EXPECT(&w, "join 3>0", .type = PM_ENDPOINT_ADDED, .local_id = 3);
}

static void test_limit_zero(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits.subflows = 0;
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    assert_false(pm_kernel.accept(w.state, &w.view));
    w.table.limits.subflows = 1;
    EXPECT(&w, "join 1>0", .type = PM_ANNOUNCE_ECHOED);
}

/* M-JON-33: what the peer opens counts too, and is refused beyond the limit. */
static void test_accept(void **state) {
    (void)state;
    struct world w;
    world_init(&w, true);
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    assert_true(pm_kernel.accept(w.state, &w.view));
    open_subflow(&w, 0, 1, false);
    assert_true(pm_kernel.accept(w.state, &w.view));
    open_subflow(&w, 0, 2, false);
    assert_false(pm_kernel.accept(w.state, &w.view));
    add(&w.table, "10.9.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "", .type = PM_ENDPOINT_ADDED, .local_id = 1);
}

/* One announcement at a time; the address of the first subflow is none. */
static void test_announce(void **state) {
    (void)state;
    struct world w;
    world_init(&w, true);
    add(&w.table, SERVER, 0, 0, UMPTCP_EP_SIGNAL);
    add(&w.table, "10.9.2.1", 0, 0, UMPTCP_EP_SIGNAL);
    add(&w.table, "10.9.3.1", 8080, 0, UMPTCP_EP_SIGNAL);
    EXPECT(&w, "announce 3", .type = PM_ESTABLISHED);
    EXPECT(&w, "", .type = PM_ENDPOINT_ADDED, .local_id = 1);
    EXPECT_EVENT(&w, "announce 2", echoed(&w, 3));
    w.view.announce_pending = false;
    EXPECT(&w, "", .type = PM_ANNOUNCE_FAILED, .local_id = 2);
}

/* Both flags: announced, and the source of a subflow. */
static void test_signal_and_subflow(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SIGNAL | UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "announce 1, join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", echoed(&w, 1));
}

/* The endpoint of the initial address is used from the start, and its backup flag is told by MP_PRIO. */
static void test_initial_endpoint(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, CLIENT, 0, 7, UMPTCP_EP_SUBFLOW | UMPTCP_EP_BACKUP);
    add(&w.table, "10.0.2.1", 0, 8, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "prio 1 on, join 8>0", .type = PM_ESTABLISHED);
    EXPECT(&w, "", .type = PM_ANNOUNCE_ECHOED);
    pm_endpoints_find(&w.table, 7)->flags = UMPTCP_EP_SUBFLOW;
    EXPECT_EVENT(&w, "prio 1 off", changed(&w, 7, true));
    /* On the wire its id is 0. */
    EXPECT_EVENT(&w, "close 1, withdraw 0", removed(&w, 7));
}

static void test_set_backup(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    pm_endpoints_find(&w.table, 1)->flags |= UMPTCP_EP_BACKUP;
    EXPECT_EVENT(&w, "prio 2 on", changed(&w, 1, true));
    EXPECT_EVENT(&w, "", changed(&w, 1, true));
    pm_endpoints_find(&w.table, 1)->flags &= ~(uint32_t)UMPTCP_EP_BACKUP;
    EXPECT_EVENT(&w, "prio 2 off", changed(&w, 1, true));
}

/* M-REM-02: what was announced or used is withdrawn, what was neither is not spoken of. */
static void test_remove(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    add(&w.table, "10.0.3.1", 0, 0, UMPTCP_EP_SIGNAL);
    add(&w.table, "10.0.4.1", 0, 0, UMPTCP_EP_SIGNAL);
    EXPECT(&w, "announce 2, join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "close 2, withdraw 1", removed(&w, 1));
    EXPECT_EVENT(&w, "withdraw 2", removed(&w, 2));
    EXPECT_EVENT(&w, "", removed(&w, 3));
}

/* A subflow needs both ends in one family; the endpoint counts as used all the same. */
static void test_families(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "2001:db8::1", 0, 0, UMPTCP_EP_SUBFLOW);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 2>0", .type = PM_ESTABLISHED);
}

/* An endpoint whose address is not there now waits, and is used when it comes. */
static void test_unusable(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    add(&w.table, "10.0.3.1", 0, 0, UMPTCP_EP_SIGNAL);
    pm_endpoints_find(&w.table, 1)->usable = pm_endpoints_find(&w.table, 2)->usable = false;
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "join 1>0", changed(&w, 1, true));
    EXPECT_EVENT(&w, "announce 2", changed(&w, 2, true));
    /* M-REM-01: an announced address that went is withdrawn, and announced again when it is back. */
    EXPECT_EVENT(&w, "", echoed(&w, 2));
    EXPECT_EVENT(&w, "withdraw 2", changed(&w, 2, false));
    EXPECT_EVENT(&w, "", changed(&w, 2, false));
    EXPECT_EVENT(&w, "announce 2", changed(&w, 2, true));
}

/* M-ADD-05, M-ADD-29: addresses of the peer are used up to the limit only. */
static void test_add_addr(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    EXPECT_EVENT(&w, "", announced(&w, 1, "10.9.1.1", 0)); /* accepts none by default */
    w.table.limits.add_addr_accepted = 1;
    EXPECT_EVENT(&w, "join 0>2 any", announced(&w, 2, "10.9.2.1", 0));
    assert_int_equal(find_subflow(&w, 2)->remote.port, 80); /* M-ADD-09 */
    EXPECT_EVENT(&w, "", announced(&w, 3, "10.9.3.1", 0));
    /* RM_ADDR makes room. */
    EXPECT_EVENT(&w, "", down(&w, 2, false));
    EXPECT(&w, "", .type = PM_ADDR_REMOVED, .remote_id = 2);
    EXPECT_EVENT(&w, "join 0>4 any", announced(&w, 4, "10.9.4.1", 8080));
    assert_int_equal(find_subflow(&w, 3)->remote.port, 8080);
}

/* M-ADD-17, M-ADD-18, M-ADD-20: a failed address is not tried until it is announced again, perhaps with another port.
 */
static void test_add_addr_again(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits.add_addr_accepted = 1;
    EXPECT_EVENT(&w, "join 0>2 any", announced(&w, 2, "10.9.2.1", 0));
    EXPECT_EVENT(&w, "", announced(&w, 2, "10.9.2.1", 0)); /* it is being opened */
    EXPECT_EVENT(&w, "", down(&w, 2, false));
    EXPECT_EVENT(&w, "join 0>2 any", announced(&w, 2, "10.9.2.1", 0));
    EXPECT_EVENT(&w, "", up(&w, 3));
    EXPECT_EVENT(&w, "", announced(&w, 2, "10.9.2.1", 80));
    EXPECT_EVENT(&w, "join 0>2 any", announced(&w, 2, "10.9.2.1", 443));
}

/* M-PTH-05, M-JON-32: no second subflow to an address that the peer joined from, nor to its first one. */
static void test_add_addr_reached(void **state) {
    (void)state;
    struct world w;
    world_init(&w, true);
    w.table.limits = (struct pm_limits){4, 4};
    struct pm_subflow *s = open_subflow(&w, 0, 5, false);
    s->remote = (struct umptcp_sockaddr){test_addr("10.0.5.1"), 50000};
    EXPECT_EVENT(&w, "", announced(&w, 5, "10.0.5.1", 0));
    EXPECT_EVENT(&w, "", announced(&w, 0, CLIENT, 0));
    EXPECT_EVENT(&w, "", announced(&w, 0, "10.0.6.1", 0)); /* 0 is another address */
    EXPECT_EVENT(&w, "join 0>6 any", announced(&w, 6, "10.0.6.1", 0));
}

/* An announced address that cannot be reached from here does not take the place of one that can. */
static void test_add_addr_no_route(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits.add_addr_accepted = 1;
    EXPECT_EVENT(&w, "join 0>1 any", announced(&w, 1, "2001:db8::9", 0));
    struct pm_event ev = down(&w, 2, false);
    ev.subflow = 0;
    EXPECT_EVENT(&w, "", ev);
    EXPECT_EVENT(&w, "join 0>2 any", announced(&w, 2, "10.9.2.1", 0));
}

/* The peer's C flag: nothing to its first address; with default limits all endpoints go to the first that it announces.
 */
static void test_deny_id0(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.view.remote_denies_id0 = true;
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    add(&w.table, "2001:db8::1", 0, 0, UMPTCP_EP_SUBFLOW);
    add(&w.table, "10.0.3.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "join 1>5, join 3>5", announced(&w, 5, "10.9.5.1", 0));
    EXPECT_EVENT(&w, "", announced(&w, 6, "10.9.6.1", 0));

    world_init(&w, false);
    w.view.remote_denies_id0 = true;
    w.table.limits.add_addr_accepted = 1;
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", announced(&w, 0, SERVER, 0));
    EXPECT_EVENT(&w, "join 0>5 any", announced(&w, 5, "10.9.5.1", 0));
}

/* ---- Beyond Linux ------------------------------------------------------------------------------------------------ */

static void test_rejoin(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", down(&w, 2, true));
    pass(&w, MSEC(100));
    EXPECT(&w, "", .type = PM_TIMER); /* not yet */
    pass(&w, MSEC(150));
    EXPECT(&w, "join 1>0 again, timer 500", .type = PM_TIMER);
    EXPECT_EVENT(&w, "", down(&w, 3, true));
    pass(&w, MSEC(500));
    EXPECT(&w, "join 1>0 again, timer 1000", .type = PM_TIMER);
    EXPECT_EVENT(&w, "", down(&w, 4, true));
    pass(&w, SEC(1));
    EXPECT(&w, "join 1>0 again, timer 1000", .type = PM_TIMER);
    EXPECT_EVENT(&w, "timer off", up(&w, 5));
    /* The next time begins with short intervals again. */
    EXPECT_EVENT(&w, "timer 250", down(&w, 5, true));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 1>0 again, timer 500", .type = PM_TIMER);
    /* Refused for good. */
    EXPECT_EVENT(&w, "timer off", down(&w, 6, false));
}

/* An attempt that hears nothing is replaced, so that its doubling SYN intervals do not count. */
static void test_rejoin_replaces(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", down(&w, 2, true));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 1>0 again, timer 500", .type = PM_TIMER);
    pass(&w, MSEC(500));
    EXPECT(&w, "timer 1000", .type = PM_TIMER);
    pass(&w, SEC(1));
    EXPECT(&w, "close 3, join 1>0 again, timer 1000", .type = PM_TIMER);
    /* The end of the one that was replaced is no news. */
    EXPECT(&w, "", .type = PM_SUBFLOW_DOWN, .subflow = 3, .local_id = 1, .error = ECONNABORTED, .initiated = true);
    EXPECT_EVENT(&w, "timer off", up(&w, 4));
}

static void test_rejoin_needs(void **state) {
    (void)state;
    struct world w;
    /* activity */
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "timer 250", down(&w, 2, true));
    w.view.active = false;
    pass(&w, MSEC(250));
    EXPECT(&w, "timer off", .type = PM_TIMER);
    w.view.active = true;
    EXPECT(&w, "timer 250", .type = PM_ANNOUNCE_ECHOED);
    /* the endpoint */
    EXPECT_EVENT(&w, "timer off", removed(&w, 1));
    /* the configuration */
    world_init(&w, false);
    w.view.rejoin = false;
    EXPECT_EVENT(&w, "", down(&w, 1, true));
    /* that we opened it */
    world_init(&w, true);
    EXPECT_EVENT(&w, "", down(&w, 1, true));
    /* that the peer wants it */
    world_init(&w, false);
    w.view.remote_denies_id0 = true;
    EXPECT_EVENT(&w, "", down(&w, 1, true));
}

/* The connection's first subflow comes back as a join from its address, with id 0, also when the limit is used up. */
static void test_rejoin_initial(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits.subflows = 1;
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", down(&w, 1, true));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 0>0 again, timer 500", .type = PM_TIMER);
    assert_true(addr_eq(&find_subflow(&w, 3)->local.addr, &w.view.initial_local.addr));
    assert_int_equal(find_subflow(&w, 3)->local.port, 0);
    EXPECT_EVENT(&w, "timer off", up(&w, 3));
}

static void test_rejoin_announced(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits.add_addr_accepted = 1;
    EXPECT_EVENT(&w, "join 0>4 any", announced(&w, 4, "10.9.4.1", 8080));
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", down(&w, 2, true));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 0>4 again, timer 500", .type = PM_TIMER);
    assert_int_equal(find_subflow(&w, 3)->remote.port, 8080);
    EXPECT_EVENT(&w, "", down(&w, 3, true));
    w.view.nremotes = 0;
    EXPECT(&w, "timer off", .type = PM_ADDR_REMOVED, .remote_id = 4);
    /* M-REM-05: a withdrawn address is no longer tried. */
    EXPECT_EVENT(&w, "join 0>4 any", announced(&w, 4, "10.9.4.1", 8080));
    w.view.nremotes = 0;
    EXPECT(&w, "", .type = PM_ADDR_REMOVED, .remote_id = 4);
    EXPECT_EVENT(&w, "", down(&w, 4, true));
}

/* M-REM-01: the peer hears that a path is dead, unless another subflow lives at the address or none is left to say it.
 */
static void test_withdraws_the_dead(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    add(&w.table, "10.0.3.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0, join 2>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "timer 250", silent(&w, 3)); /* never worked */
    EXPECT_EVENT(&w, "withdraw 1", silent(&w, 2));
    pass(&w, MSEC(250));
    EXPECT(&w, "join 2>0 again, join 1>0 again, timer 500", .type = PM_TIMER);
    EXPECT_EVENT(&w, "", silent(&w, 5)); /* said before */
    EXPECT_EVENT(&w, "", silent(&w, 1)); /* the last one */

    world_init(&w, true);
    open_subflow(&w, 0, 1, false)->established = true;
    open_subflow(&w, 0, 2, false)->established = true;
    EXPECT_EVENT(&w, "", silent(&w, 1));
    EXPECT_EVENT(&w, "", down(&w, 2, false));

    world_init(&w, true);
    add(&w.table, "10.9.2.1", 0, 0, UMPTCP_EP_SIGNAL);
    EXPECT(&w, "announce 1", .type = PM_ESTABLISHED);
    open_subflow(&w, 1, 1, false);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "withdraw 0", silent(&w, 1));
}

/* The address went and came back: no timer meanwhile, and no delay then. */
static void test_address_comes_back(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 1>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "", up(&w, 2));
    EXPECT_EVENT(&w, "", changed(&w, 1, false));
    EXPECT_EVENT(&w, "", down(&w, 2, true));
    pass(&w, SEC(100));
    w.view.active = false;
    EXPECT_EVENT(&w, "join 1>0 again", changed(&w, 1, true));
    EXPECT_EVENT(&w, "", up(&w, 3));

    w.view.initial_usable = false;
    EXPECT(&w, "", .type = PM_ENDPOINT_CHANGED);
    EXPECT_EVENT(&w, "", down(&w, 1, false)); /* whatever the reason: it had no address any more */
    w.view.initial_usable = true;
    EXPECT(&w, "join 0>0 again", .type = PM_ENDPOINT_CHANGED);
}

/* ---- Any order --------------------------------------------------------------------------------------------------- */

/* Whatever happens in whatever order: limits hold, and no command means something that does not exist. */
static void test_any_order(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t rnd = seed;
        struct world w;
        world_init(&w, seed & 1);
        w.table.limits = (struct pm_limits){(uint8_t)test_below(&rnd, 9), (uint8_t)test_below(&rnd, 9)};
        w.view.remote_denies_id0 = test_below(&rnd, 4) == 0;
        for (int step = 0; step < 200; step++) {
            struct pm_event ev = {.type = (enum pm_event_type)(PM_ESTABLISHED + test_below(&rnd, PM_TIMER)),
                                  .local_id = (uint8_t)test_below(&rnd, 10),
                                  .remote_id = (uint8_t)test_below(&rnd, 10)};
            uint32_t n = w.view.nsubflows ? w.subflows[test_below(&rnd, w.view.nsubflows)].number : 0;
            ev.addr = (struct umptcp_sockaddr){addr_v4(0x0a090000u + ev.remote_id), 0};
            struct umptcp_endpoint e = {.flags = test_below(&rnd, 8),
                                        .addr = {addr_v4(0x0a000101u + test_below(&rnd, 12)), 0}};
            if (ev.type == PM_SUBFLOW_UP && n)
                ev = up(&w, n);
            else if (ev.type == PM_SUBFLOW_DOWN && n)
                ev = down(&w, n, test_below(&rnd, 2));
            else if (ev.type == PM_ENDPOINT_ADDED)
                pm_endpoints_add(&w.table, &e, 0, test_below(&rnd, 2));
            else if (ev.type == PM_ENDPOINT_REMOVED && w.table.count)
                ev = removed(&w, w.table.list[test_below(&rnd, w.table.count)].id);
            else if (ev.type == PM_ENDPOINT_CHANGED && w.table.count && test_below(&rnd, 4))
                ev = changed(&w, w.table.list[test_below(&rnd, w.table.count)].id, test_below(&rnd, 2));
            w.view.announce_pending = test_below(&rnd, 2);
            w.view.active = test_below(&rnd, 4);
            w.view.initial_usable = test_below(&rnd, 4);
            pass(&w, MSEC(test_below(&rnd, 1500)));
            struct pm_command cmds[PM_COMMANDS_MAX];
            const struct pm_endpoint *initial = pm_endpoints_by_addr(&w.table, &w.view.initial_local.addr);
            w.view.initial_local_id = initial ? initial->id : 0;
            w.view.endpoints = w.table.list;
            w.view.nendpoints = w.table.count;
            w.view.limits = w.table.limits;
            uint32_t ncmds = pm_kernel.event(w.state, &ev, &w.view, cmds);
            w.text[0] = '\0';
            for (uint32_t i = 0; i < ncmds; i++)
                obey(&w, &cmds[i]);
            assert_true(w.view.nsubflows <= w.table.limits.subflows + 1u || !strstr(w.text, "join"));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_add_refuses),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_implicit_ids),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_limit_zero),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_announce),
        cmocka_unit_test(test_signal_and_subflow),
        cmocka_unit_test(test_initial_endpoint),
        cmocka_unit_test(test_set_backup),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_add_addr),
        cmocka_unit_test(test_add_addr_again),
        cmocka_unit_test(test_add_addr_reached),
        cmocka_unit_test(test_add_addr_no_route),
        cmocka_unit_test(test_deny_id0),
        cmocka_unit_test(test_rejoin),
        cmocka_unit_test(test_rejoin_replaces),
        cmocka_unit_test(test_rejoin_needs),
        cmocka_unit_test(test_rejoin_initial),
        cmocka_unit_test(test_rejoin_announced),
        cmocka_unit_test(test_withdraws_the_dead),
        cmocka_unit_test(test_address_comes_back),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
