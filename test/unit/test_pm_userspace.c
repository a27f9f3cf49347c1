/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths managed from outside: the addresses of a connection, the calls by token and what they refuse, the events of all
 * connections, on two living stacks. */
#include "teststack.h"

#include "base/mem.h"
#include "pm/userspace.h"

enum { TEXT_SIZE = 2048, EVENTS_KEPT = 4096 };

/* ---- The table of addresses -------------------------------------------------------------------------------------- */

static int entry(void *state, struct mem *mem, const char *addr, uint16_t port, uint8_t id) {
    const struct pm_endpoint e = {.id = id, .addr = test_at(addr, port)};
    return pm_userspace_add(state, mem, &e);
}

static void test_table(void **unused) {
    (void)unused;
    struct testmem tm = {0};
    struct mem mem;
    uint64_t state[PM_STATE_SIZE / 8] = {0};
    struct umptcp_addr a = test_addr("10.0.3.1"), b = test_addr("fd00::1");
    mem_init(&mem, testmem_alloc, &tm, 0);
    assert_ptr_equal(pm_find("userspace"), &pm_userspace);
    assert_null(pm_userspace_at(state, 0));
    assert_null(pm_userspace_find(state, 1));
    assert_int_equal(entry(state, &mem, "10.0.1.1", 0, 1), 0);
    assert_int_equal(entry(state, &mem, "10.0.1.1", 0, 1), 0);
    assert_int_equal(entry(state, &mem, "10.0.1.1", 0, 2), -EINVAL);
    assert_int_equal(entry(state, &mem, "10.0.2.1", 0, 1), -EINVAL);
    assert_int_equal(entry(state, &mem, "10.0.1.1", 80, 3), 0);
    assert_int_equal(entry(state, &mem, "10.0.4.1", 0, 0), 0);
    /* Learnt: the lowest id that is free, from 1 on; the same address has the same one. */
    assert_int_equal(pm_userspace_id_of(state, &mem, &a), 2);
    assert_int_equal(pm_userspace_id_of(state, &mem, &b), 4);
    assert_int_equal(pm_userspace_id_of(state, &mem, &a), 2);
    assert_int_equal(pm_userspace_at(state, 3)->id, 2);
    pm_userspace_del(state, &mem, pm_userspace_find(state, 2));
    assert_null(pm_userspace_by_addr(state, &a));
    assert_int_equal(pm_userspace_by_addr(state, &b)->id, 4);
    for (unsigned n = 0; n < 252; n++) {
        struct umptcp_addr c = test_addr("fd00:1::");
        c.b[15] = (uint8_t)n;
        assert_true(pm_userspace_id_of(state, &mem, &c) > 0);
    }
    assert_int_equal(pm_userspace_id_of(state, &mem, &a), -ERANGE);
    pm_userspace_free(state, &mem);
    assert_int_equal(tm.blocks, 0);
    tm.fail_at = tm.requests + 1;
    memset(state, 0, sizeof state);
    assert_int_equal(entry(state, &mem, "10.0.1.1", 0, 1), -ENOMEM);
    pm_userspace_free(state, &mem);
}

/* ---- Two stacks -------------------------------------------------------------------------------------------------- */

struct pair {
    struct test_world w;
    umptcp_sock listener, sock[HOSTS];
    uint32_t token[HOSTS];
    char text[TEXT_SIZE]; /* of events() */
};

static const char *const names[] = {
    [UMPTCP_PM_CREATED] = "created",
    [UMPTCP_PM_ESTABLISHED] = "established",
    [UMPTCP_PM_CLOSED] = "closed",
    [UMPTCP_PM_ANNOUNCED] = "announced",
    [UMPTCP_PM_REMOVED] = "removed",
    [UMPTCP_PM_SUB_ESTABLISHED] = "sub-established",
    [UMPTCP_PM_SUB_CLOSED] = "sub-closed",
    [UMPTCP_PM_SUB_PRIORITY] = "sub-priority",
    [UMPTCP_PM_LISTENER_CREATED] = "listener-created",
    [UMPTCP_PM_LISTENER_CLOSED] = "listener-closed",
};

/* Ephemeral ports are left out. */
static void put(char *text, const struct umptcp_sockaddr *a) {
    char addr[UMPTCP_ADDRSTRLEN];
    size_t n = strlen(text);
    bool any = !memcmp(&a->addr, &(struct umptcp_addr){{0}}, sizeof a->addr);
    n += (size_t)snprintf(text + n, TEXT_SIZE - n, " %s", any ? "-" : umptcp_addr_format(&a->addr, addr));
    if (a->port && a->port < 32768)
        snprintf(text + n, TEXT_SIZE - n, ":%u", a->port);
}

/* What `host` was told since the last time: one event a line. A withdrawal may be said on every subflow. */
static const char *events(struct pair *p, int host) {
    struct umptcp_pm_event ev;
    char *t = p->text;
    *t = 0;
    while (umptcp_pm_event(p->w.host[host], &ev)) {
        bool listener = ev.type >= UMPTCP_PM_LISTENER_CREATED;
        size_t n = strlen(t), begin = n;
        assert_int_equal(ev.token, listener ? 0 : p->token[host] ? p->token[host] : ev.token);
        snprintf(t + n, TEXT_SIZE - n, "%s %u>%u", names[ev.type], ev.local_id, ev.remote_id);
        put(t, &ev.local);
        put(t, &ev.remote);
        n = strlen(t);
        n += (size_t)snprintf(t + n, TEXT_SIZE - n, "%s%s%s", ev.server_side ? " server" : "",
                              ev.deny_join_id0 ? " deny" : "", ev.backup ? " backup" : "");
        if (ev.error)
            n += (size_t)snprintf(t + n, TEXT_SIZE - n, " error=%d", ev.error);
        if (ev.netif)
            n += (size_t)snprintf(t + n, TEXT_SIZE - n, " netif=%d", ev.netif);
        if (ev.reset)
            n += (size_t)snprintf(t + n, TEXT_SIZE - n, " reset=%u%s", ev.reset_reason, ev.reset_transient ? "t" : "");
        snprintf(t + n, TEXT_SIZE - n, "\n");
        size_t len = strlen(t + begin);
        if (ev.type == UMPTCP_PM_REMOVED && begin >= len && !memcmp(t + begin, t + begin - len, len))
            t[begin] = 0;
    }
    return t;
}

/* Three links and a connection over the first one, both ends managed from outside and listened to. */
static void managed(struct pair *p) {
    memset(p, 0, sizeof *p);
    struct umptcp_config cfg = test_config(NULL);
    cfg.path_manager = "userspace";
    test_world_init(&p->w, 3, &cfg, &cfg);
    for (int h = 0; h < HOSTS; h++)
        umptcp_pm_listen(p->w.host[h], true);
    p->listener = test_pair(&p->w, p->sock);
    for (int h = 0; h < HOSTS; h++)
        p->token[h] = test_info(&p->w, h, p->sock[h]).token_local;
}

/* And data went each way, so that it is fully established; what was told so far is forgotten. */
static void established(struct pair *p) {
    managed(p);
    test_transfer(&p->w, p->sock, CLIENT, 1000, SEC(1));
    test_transfer(&p->w, p->sock, SERVER, 1000, SEC(1));
    events(p, CLIENT);
    events(p, SERVER);
}

static struct umptcp_endpoint at(const char *addr, uint16_t port, uint8_t id, uint32_t flags) {
    return (struct umptcp_endpoint){.id = id, .flags = flags, .addr = test_at(addr, port)};
}

static int announce(struct pair *p, int host, const char *addr, uint16_t port, uint8_t id) {
    const struct umptcp_endpoint ep = at(addr, port, id, UMPTCP_EP_SIGNAL);
    return umptcp_pm_announce(p->w.host[host], p->token[host], &ep, p->w.now);
}

static int create(struct pair *p, const char *addr, uint8_t id, const char *remote, uint16_t port, uint8_t remote_id) {
    const struct umptcp_endpoint from = at(addr, 0, id, 0), to = at(remote, port, remote_id, 0);
    return umptcp_pm_create(p->w.host[CLIENT], p->token[CLIENT], &from, &to, p->w.now);
}

static int set_backup(struct pair *p, const char *addr, const char *remote, uint16_t port, bool backup) {
    const struct umptcp_sockaddr local = test_at(addr, 0), to = test_at(remote, port);
    return umptcp_pm_set_backup(p->w.host[CLIENT], p->token[CLIENT], &local, &to, backup, p->w.now);
}

static void expect_error(const struct pair *p, int host, const char *why) {
    const char *said = umptcp_pm_error(p->w.host[host]);
    if (why)
        assert_string_equal(said, why);
    else
        assert_null(said);
}

static uint64_t count(const struct pair *p, int host, const char *name) {
    return umptcp_counter_get(p->w.host[host], name);
}

/* The subflow from that address: its number among them, -1 when there is none. */
static int subflow_from(struct pair *p, int host, const char *local, struct umptcp_subflow_info *info) {
    struct umptcp_subflow_info sf[8];
    struct umptcp_addr a = test_addr(local);
    int n = umptcp_subflows(p->w.host[host], p->sock[host], sf, 8);
    for (int i = 0; i < n; i++)
        if (!memcmp(&sf[i].local.addr, &a, sizeof a)) {
            *info = sf[i];
            return i;
        }
    return -1;
}

static int destroy(struct pair *p, const char *local) {
    struct umptcp_subflow_info sf;
    assert_true(subflow_from(p, CLIENT, local, &sf) >= 0);
    return umptcp_pm_destroy(p->w.host[CLIENT], p->token[CLIENT], &sf.local, &sf.remote, p->w.now);
}

/* A day in the life of a connection, as both sides hear of it. M-ADD-01, M-ADD-08, M-REM-02 */
static void test_all_of_it(void **state) {
    (void)state;
    struct pair p;
    managed(&p);
    test_run(&p.w, MSEC(100));
    assert_string_equal(events(&p, CLIENT), "created 0>0 10.0.1.1 10.0.1.2:80\n");
    test_transfer(&p.w, p.sock, CLIENT, 1000, SEC(1));
    assert_string_equal(events(&p, CLIENT), "established 0>0 10.0.1.1 10.0.1.2:80\n");
    assert_string_equal(events(&p, SERVER), "listener-created 0>0 -:80 -\n"
                                            "created 0>0 10.0.1.2:80 10.0.1.1 server\n"
                                            "established 0>0 10.0.1.2:80 10.0.1.1 server\n");
    assert_int_equal(announce(&p, SERVER, "10.0.2.2", 0, 10), 0);
    assert_int_equal(announce(&p, SERVER, "10.0.3.2", 10200, 20), 0);
    test_run(&p.w, MSEC(50));
    assert_string_equal(events(&p, CLIENT), "announced 0>10 - 10.0.2.2:80\n"
                                            "announced 0>20 - 10.0.3.2:10200\n");
    assert_int_equal(count(&p, SERVER, "MPTcpExtEchoAdd"), 2);
    assert_int_equal(test_subflows(&p.w, CLIENT, p.sock[CLIENT]), 1);
    assert_int_equal(create(&p, "10.0.2.1", 23, "10.0.2.2", 80, 10), 0);
    assert_int_equal(create(&p, "10.0.3.1", 0, "10.0.1.2", 80, 0), 0);
    test_run(&p.w, MSEC(50));
    assert_string_equal(events(&p, CLIENT), "sub-established 23>10 10.0.2.1 10.0.2.2:80\n"
                                            "sub-established 0>0 10.0.3.1 10.0.1.2:80\n");
    assert_string_equal(events(&p, SERVER), "sub-established 10>23 10.0.2.2:80 10.0.2.1\n"
                                            "sub-established 0>0 10.0.1.2:80 10.0.3.1\n");
    assert_int_equal(set_backup(&p, "10.0.2.1", "10.0.2.2", 80, true), 0);
    test_run(&p.w, MSEC(50));
    assert_string_equal(events(&p, SERVER), "sub-priority 10>23 10.0.2.2:80 10.0.2.1 backup\n");
    test_transfer(&p.w, p.sock, SERVER, TEST_BULK, SEC(20));
    assert_true(p.w.sent[SERVER][2] < 20);
    assert_int_equal(destroy(&p, "10.0.2.1"), 0);
    assert_int_equal(count(&p, CLIENT, "MPTcpExtRmSubflow"), 1);
    test_run(&p.w, MSEC(50));
    assert_string_equal(events(&p, CLIENT), "sub-closed 23>10 10.0.2.1 10.0.2.2:80\n");
    assert_string_equal(events(&p, SERVER), "sub-closed 10>23 10.0.2.2:80 10.0.2.1 backup\n");
    assert_int_equal(umptcp_pm_remove(p.w.host[SERVER], p.token[SERVER], 10, p.w.now), 0);
    test_run(&p.w, MSEC(50));
    assert_string_equal(events(&p, CLIENT), "removed 0>10 - -\n");
    assert_int_equal(umptcp_pm_remove(p.w.host[SERVER], p.token[SERVER], 0, p.w.now), 0);
    test_run(&p.w, MSEC(50));
    assert_string_equal(events(&p, CLIENT), "removed 0>0 - -\n");
    test_transfer(&p.w, p.sock, CLIENT, 100000, SEC(5));
    assert_int_equal(umptcp_close(p.w.host[CLIENT], p.sock[CLIENT], p.w.now), 0);
    assert_string_equal(events(&p, CLIENT), "closed 0>0 - -\n");
    test_run(&p.w, MSEC(50));
    assert_string_equal(events(&p, SERVER), ""); /* the whole connection ends, and its application has not closed it */
    umptcp_close(p.w.host[SERVER], p.sock[SERVER], p.w.now);
    assert_int_equal(umptcp_close(p.w.host[SERVER], p.listener, p.w.now), 0);
    assert_string_equal(events(&p, SERVER), "closed 0>0 - -\nlistener-closed 0>0 -:80 -\n");
    test_world_free(&p.w);
}

/* M-ADD-03 M-ADD-19 M-ADD-21 M-ADD-30: what contradicts the addresses that were given is refused. */
static void test_refusals(void **state) {
    (void)state;
    struct pair p;
    struct umptcp_endpoint ep = at("10.0.2.1", 0, 7, UMPTCP_EP_SIGNAL), eps[4];
    struct umptcp_subflow_info sf;
    established(&p);
    struct umptcp *s = p.w.host[CLIENT];
    uint32_t token = p.token[CLIENT];
    utime now = p.w.now;
    assert_int_equal(umptcp_pm_announce(s, token + 1, &ep, now), -EINVAL);
    expect_error(&p, CLIENT, "invalid token");
    assert_int_equal(umptcp_pm_entries(s, token + 1, eps, 4), -EINVAL);
    assert_int_equal(announce(&p, CLIENT, "10.0.2.1", 0, 0), -EINVAL);
    expect_error(&p, CLIENT, "invalid addr id");
    ep.flags = 0;
    assert_int_equal(umptcp_pm_announce(s, token, &ep, now), -EINVAL);
    expect_error(&p, CLIENT, "invalid addr flags");
    assert_int_equal(announce(&p, CLIENT, "0.0.0.0", 0, 7), -EINVAL);
    expect_error(&p, CLIENT, "missing address data");
    assert_int_equal(announce(&p, CLIENT, "10.0.2.1", 0, 7), 0);
    expect_error(&p, CLIENT, NULL);
    assert_int_equal(announce(&p, CLIENT, "10.0.2.1", 0, 8), -EINVAL);
    expect_error(&p, CLIENT, "did not match address and id");
    assert_int_equal(announce(&p, CLIENT, "10.0.3.1", 0, 7), -EINVAL);
    expect_error(&p, CLIENT, "did not match address and id");
    assert_int_equal(create(&p, "10.0.3.1", 7, "10.0.1.2", 80, 0), -EINVAL);
    expect_error(&p, CLIENT, "did not match address and id");
    assert_int_equal(umptcp_pm_remove(s, token, 9, now), -EINVAL);
    expect_error(&p, CLIENT, "address with id not found");
    ep = at("10.0.3.1", 0, 3, UMPTCP_EP_SIGNAL);
    const struct umptcp_endpoint to = at("10.0.1.2", 80, 0, 0);
    assert_int_equal(umptcp_pm_create(s, token, &ep, &to, now), -EINVAL);
    expect_error(&p, CLIENT, "invalid addr flags");
    assert_int_equal(create(&p, "fd00::1", 3, "10.0.1.2", 80, 0), -EINVAL);
    expect_error(&p, CLIENT, "families mismatch");
    assert_int_equal(create(&p, "10.0.9.1", 3, "10.0.1.2", 80, 0), -EADDRNOTAVAIL);
    expect_error(&p, CLIENT, "connect error");
    assert_int_equal(count(&p, CLIENT, "MPTcpExtMPJoinSynTxBindErr"), 1);
    assert_int_equal(create(&p, "10.0.2.1", 7, "10.0.1.1", 80, 0), -ENETUNREACH);
    assert_int_equal(count(&p, CLIENT, "MPTcpExtMPJoinSynTxConnectErr"), 1);
    p.w.mem[CLIENT].fail_at = p.w.mem[CLIENT].requests + 1;
    assert_int_equal(create(&p, "10.0.2.1", 7, "10.0.2.2", 80, 0), -ENOMEM);
    p.w.mem[CLIENT].fail_at = 0;
    assert_int_equal(count(&p, CLIENT, "MPTcpExtMPJoinSynTxCreatSkErr"), 1);
    assert_int_equal(count(&p, CLIENT, "MPTcpExtMPJoinSynTx"), 0);
    struct umptcp_sockaddr a = test_at("10.0.1.1", 1), b = test_at("10.0.1.2", 80), v6 = test_at("fd00::1", 80);
    assert_int_equal(umptcp_pm_destroy(s, token, &a, &v6, now), -EINVAL);
    expect_error(&p, CLIENT, "address families do not match");
    assert_int_equal(umptcp_pm_destroy(s, token, &a, &b, now), -ESRCH);
    expect_error(&p, CLIENT, "subflow not found");
    a.port = 0;
    assert_int_equal(umptcp_pm_destroy(s, token, &a, &b, now), -EINVAL);
    expect_error(&p, CLIENT, "missing local port");
    a.port = 1;
    b.port = 0;
    assert_int_equal(umptcp_pm_destroy(s, token, &a, &b, now), -EINVAL);
    expect_error(&p, CLIENT, "missing remote port");
    assert_int_equal(set_backup(&p, "10.0.2.1", "10.0.1.2", 80, true), -EINVAL);
    expect_error(&p, CLIENT, "subflow not found");
    assert_int_equal(set_backup(&p, "10.0.1.1", "10.0.1.2", 81, true), -EINVAL);
    assert_int_equal(set_backup(&p, "10.0.1.1", "10.0.1.2", 0, true), 0);
    /* Refused ones left nothing behind. */
    assert_int_equal(umptcp_pm_entries(s, token, eps, 4), 1);
    assert_int_equal(eps[0].id, 7);
    assert_int_equal(eps[0].flags, UMPTCP_EP_SIGNAL);
    assert_int_equal(subflow_from(&p, CLIENT, "10.0.1.1", &sf), 0);
    assert_true(sf.backup);
    test_world_free(&p.w);
}

/* The in-kernel path manager is not managed from outside; before the first DSS there are no joins; plain TCP has no
 * paths. */
static void test_who_is_managed(void **state) {
    (void)state;
    struct pair p;
    struct umptcp_endpoint from = at("10.0.2.1", 0, 2, 0), to = at("10.0.1.2", 80, 0, 0);
    managed(&p);
    assert_int_equal(create(&p, "10.0.2.1", 2, "10.0.1.2", 80, 0), -ENOTCONN);
    expect_error(&p, CLIENT, "connect error");
    const struct umptcp_connect tcp = {.remote = test_at("10.0.1.2", 80), .tcp_only = true};
    umptcp_sock sock;
    assert_int_equal(umptcp_connect(p.w.host[CLIENT], &tcp, &sock, p.w.now), 0);
    test_run(&p.w, MSEC(100));
    uint32_t token = test_info(&p.w, CLIENT, sock).token_local;
    assert_int_equal(umptcp_pm_create(p.w.host[CLIENT], token, &from, &to, p.w.now), -EINVAL);
    expect_error(&p, CLIENT, "invalid token");

    /* Another choice counts for connections to come, or for one socket. */
    struct umptcp_config cfg = test_config(NULL);
    cfg.path_manager = "kernel";
    assert_int_equal(umptcp_configure(p.w.host[CLIENT], &cfg, p.w.now), 0);
    assert_string_equal(test_info(&p.w, CLIENT, p.sock[CLIENT]).path_manager, "userspace");
    sock = test_connect(&p.w, "10.0.1.2", 80);
    test_await(&p.w, CLIENT, sock, UMPTCP_EV_CONNECTED, SEC(1));
    struct umptcp_info info = test_info(&p.w, CLIENT, sock);
    assert_string_equal(info.path_manager, "kernel");
    assert_int_equal(umptcp_pm_create(p.w.host[CLIENT], info.token_local, &from, &to, p.w.now), -EINVAL);
    expect_error(&p, CLIENT, "userspace PM not selected");
    assert_int_equal(umptcp_set_path_manager(p.w.host[CLIENT], sock, "userspace"), -EISCONN);
    const struct umptcp_connect plain = {.remote = test_at("10.0.1.2", 80), .tcp_only = true};
    assert_int_equal(umptcp_connect(p.w.host[CLIENT], &plain, &sock, p.w.now), 0);
    test_await(&p.w, CLIENT, sock, UMPTCP_EV_CONNECTED, SEC(1));
    assert_int_equal(umptcp_set_path_manager(p.w.host[CLIENT], sock, "userspace"), -EISCONN);
    sock = test_connect(&p.w, "10.0.1.2", 80);
    assert_int_equal(umptcp_set_path_manager(p.w.host[CLIENT], sock, "userspace"), 0);
    assert_int_equal(umptcp_set_path_manager(p.w.host[CLIENT], sock, "nobody"), -ENOENT);
    assert_int_equal(umptcp_set_path_manager(p.w.host[CLIENT], sock, NULL), -ENOENT);
    assert_int_equal(umptcp_set_path_manager(p.w.host[CLIENT], (umptcp_sock){77}, "kernel"), -EBADF);
    test_await(&p.w, CLIENT, sock, UMPTCP_EV_CONNECTED, SEC(1));
    assert_string_equal(test_info(&p.w, CLIENT, sock).path_manager, "userspace");

    /* Of a listener: for those that it will take. */
    assert_int_equal(umptcp_set_path_manager(p.w.host[SERVER], p.listener, "kernel"), 0);
    sock = test_connect(&p.w, "10.0.1.2", 80);
    test_await(&p.w, CLIENT, sock, UMPTCP_EV_CONNECTED, SEC(1));
    test_run(&p.w, MSEC(50));
    const char *want[] = {"userspace", "userspace", "userspace", "userspace", "kernel"};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(umptcp_accept(p.w.host[SERVER], p.listener, &sock), 0);
        assert_string_equal(test_info(&p.w, SERVER, sock).path_manager, want[i]);
    }
    test_world_free(&p.w);
}

/* Nothing happens by itself, whatever endpoints and limits there are; and limits are not applied. */
static void test_endpoints_do_not_count(void **state) {
    (void)state;
    struct pair p;
    established(&p);
    const struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW, .addr = test_at("10.0.2.1", 0)};
    assert_int_equal(umptcp_endpoint_add(p.w.host[CLIENT], &ep, p.w.now), 1);
    for (int h = 0; h < HOSTS; h++)
        assert_int_equal(umptcp_limits_set(p.w.host[h], 0, 0), 0);
    test_transfer(&p.w, p.sock, CLIENT, 100000, SEC(5));
    assert_int_equal(test_subflows(&p.w, CLIENT, p.sock[CLIENT]), 1);
    assert_int_equal(create(&p, "10.0.2.1", 9, "10.0.1.2", 80, 0), 0);
    assert_int_equal(create(&p, "10.0.3.1", 8, "10.0.3.2", 80, 5), 0);
    test_run(&p.w, MSEC(100));
    assert_int_equal(test_subflows(&p.w, SERVER, p.sock[SERVER]), 3);
    struct umptcp_subflow_info sf;
    assert_int_equal(subflow_from(&p, CLIENT, "10.0.2.1", &sf), 1);
    assert_int_equal(sf.local_id, 9);
    /* An address that a join came to gets the lowest id, and the flag of its entry. */
    struct umptcp_endpoint eps[2];
    assert_int_equal(umptcp_pm_entries(p.w.host[SERVER], p.token[SERVER], eps, 2), 1);
    assert_int_equal(eps[0].id, 1);
    struct umptcp_addr joined = test_addr("10.0.3.2");
    assert_memory_equal(&eps[0].addr.addr, &joined, sizeof joined);
    /* A subflow that died stays dead. */
    p.w.link[2].cut = true;
    for (int i = 0; i < 100; i++)
        test_transfer(&p.w, p.sock, CLIENT, 20000, SEC(10));
    p.w.link[2].cut = false;
    test_run(&p.w, SEC(5));
    test_transfer(&p.w, p.sock, CLIENT, 100000, SEC(5));
    assert_int_equal(count(&p, CLIENT, "UmptcpRejoins"), 0);
    assert_true(subflow_from(&p, CLIENT, "10.0.2.1", &sf) < 0 || sf.id == 2);
    test_world_free(&p.w);
}

/* Without a daemon there: announcements are not echoed, joins are refused. */
static void test_nobody_listens(void **state) {
    (void)state;
    struct pair p;
    established(&p);
    umptcp_pm_listen(p.w.host[SERVER], false);
    assert_int_equal(announce(&p, CLIENT, "10.0.2.1", 0, 4), 0);
    test_run(&p.w, SEC(30));
    assert_int_equal(count(&p, CLIENT, "MPTcpExtAddAddrTx"), 4);
    assert_int_equal(count(&p, CLIENT, "MPTcpExtEchoAdd"), 0);
    assert_int_equal(count(&p, SERVER, "MPTcpExtAddAddrDrop"), 4);
    assert_int_equal(create(&p, "10.0.2.1", 4, "10.0.1.2", 80, 0), 0);
    test_run(&p.w, MSEC(100));
    assert_int_equal(count(&p, SERVER, "MPTcpExtMPJoinRejected"), 1);
    assert_string_equal(events(&p, CLIENT), "sub-closed 4>0 10.0.2.1 10.0.1.2:80 error=111 reset=3\n");
    assert_string_equal(events(&p, SERVER), "");
    umptcp_pm_listen(p.w.host[SERVER], true);
    assert_int_equal(announce(&p, CLIENT, "10.0.2.1", 0, 4), 0);
    assert_int_equal(create(&p, "10.0.2.1", 4, "10.0.1.2", 80, 0), 0);
    test_run(&p.w, MSEC(100));
    assert_int_equal(count(&p, CLIENT, "MPTcpExtEchoAdd"), 1);
    assert_int_equal(test_subflows(&p.w, SERVER, p.sock[SERVER]), 2);
    test_world_free(&p.w);
}

/* M-ADD-13: announcements that are not echoed go again, each by its own timer; one that was withdrawn does not. */
static void test_announcements(void **state) {
    (void)state;
    struct pair p;
    established(&p);
    p.w.link[1].cut = true;
    for (uint8_t id = 1; id <= 5; id++)
        assert_int_equal(announce(&p, SERVER, "10.0.2.2", (uint16_t)(1000 + id), id), 0);
    test_run(&p.w, MSEC(100));
    assert_int_equal(umptcp_pm_remove(p.w.host[SERVER], p.token[SERVER], 3, p.w.now), 0);
    p.w.link[1].cut = false;
    test_run(&p.w, SEC(30));
    const char *heard = events(&p, CLIENT);
    assert_non_null(strstr(heard, "removed 0>3"));
    assert_null(strstr(heard, "announced 0>3"));
    assert_non_null(strstr(heard, "announced 0>1 - 10.0.2.2:1001\n"));
    assert_non_null(strstr(heard, "announced 0>2 - 10.0.2.2:1002\n"));
    assert_non_null(strstr(heard, "announced 0>4 - 10.0.2.2:1004\n"));
    assert_non_null(strstr(heard, "announced 0>5 - 10.0.2.2:1005\n"));
    uint64_t sent = count(&p, SERVER, "MPTcpExtAddAddrTx");
    test_run(&p.w, SEC(300));
    assert_int_equal(count(&p, SERVER, "MPTcpExtAddAddrTx"), sent); /* all were echoed */
    /* The same again is said again. */
    assert_int_equal(announce(&p, SERVER, "10.0.2.2", 1004, 4), 0);
    test_run(&p.w, MSEC(100));
    assert_string_equal(events(&p, CLIENT), "announced 0>4 - 10.0.2.2:1004\n");
    test_world_free(&p.w);
}

/* A subflow by route gets its entry too; one that cannot begin leaves none. */
static void test_by_route(void **state) {
    (void)state;
    struct pair p;
    struct umptcp_endpoint eps[2], from = at("10.0.2.1", 0, 5, UMPTCP_EP_BACKUP), to = at("10.0.1.2", 80, 0, 0);
    established(&p);
    assert_int_equal(create(&p, "0.0.0.0", 0, "10.0.3.2", 80, 6), 0);
    from.netif = 2;
    assert_int_equal(umptcp_pm_create(p.w.host[CLIENT], p.token[CLIENT], &from, &to, p.w.now), 0);
    test_run(&p.w, MSEC(100));
    assert_string_equal(events(&p, CLIENT), "sub-established 1>6 10.0.3.1 10.0.3.2:80\n"
                                            "sub-established 5>0 10.0.2.1 10.0.1.2:80 netif=2\n");
    assert_string_equal(events(&p, SERVER), "sub-established 1>1 10.0.3.2:80 10.0.3.1\n"
                                            "sub-established 0>5 10.0.1.2:80 10.0.2.1 backup\n");
    assert_int_equal(umptcp_pm_entries(p.w.host[CLIENT], p.token[CLIENT], eps, 2), 2);
    assert_int_equal(eps[0].id, 1);
    assert_int_equal(eps[1].netif, 2);
    assert_int_equal(eps[1].flags, UMPTCP_EP_SUBFLOW | UMPTCP_EP_BACKUP);
    test_world_free(&p.w);
}

/* An address of ours goes: its subflow ends, but what to tell the peer is not decided here. */
static void test_address_goes(void **state) {
    (void)state;
    struct pair p;
    struct umptcp_addr addr = test_addr("10.0.2.1");
    established(&p);
    assert_int_equal(create(&p, "10.0.2.1", 5, "10.0.1.2", 80, 0), 0);
    test_run(&p.w, MSEC(100));
    assert_int_equal(umptcp_addr_del(p.w.host[CLIENT], 2, &addr, p.w.now), 0);
    test_run(&p.w, MSEC(100));
    assert_string_equal(events(&p, CLIENT), "sub-established 5>0 10.0.2.1 10.0.1.2:80\n"
                                            "sub-closed 5>0 10.0.2.1 10.0.1.2:80 error=100\n");
    assert_int_equal(count(&p, CLIENT, "MPTcpExtRmAddrTx"), 0);
    test_world_free(&p.w);
}

/* What is not taken is lost from a bound on, and counted. */
static void test_too_many_events(void **state) {
    (void)state;
    struct pair p;
    struct umptcp_pm_event ev;
    unsigned n = 0;
    established(&p);
    for (unsigned i = 0; i < EVENTS_KEPT / 2 + 10; i++) {
        umptcp_sock l = test_listen(&p.w, 81, 1);
        assert_int_equal(umptcp_close(p.w.host[SERVER], l, p.w.now), 0);
    }
    assert_int_equal(count(&p, SERVER, "UmptcpEventsLost"), 20);
    while (umptcp_pm_event(p.w.host[SERVER], &ev))
        n++;
    assert_int_equal(n, EVENTS_KEPT);
    umptcp_close(p.w.host[SERVER], test_listen(&p.w, 81, 1), p.w.now);
    umptcp_pm_listen(p.w.host[SERVER], false);
    assert_string_equal(events(&p, SERVER), "");
    umptcp_close(p.w.host[SERVER], test_listen(&p.w, 81, 1), p.w.now);
    assert_string_equal(events(&p, SERVER), "");
    const struct umptcp_listen tcp = {.local = {.port = 82}, .backlog = 1, .tcp_only = true};
    umptcp_sock sock;
    umptcp_pm_listen(p.w.host[SERVER], true);
    assert_int_equal(umptcp_listen(p.w.host[SERVER], &tcp, &sock), 0);
    assert_string_equal(events(&p, SERVER), "");
    test_world_free(&p.w);
}

/* C flag: the peer denies joins to its first address, and the daemon hears it. M-INI-16 */
static void test_flag_c(void **state) {
    (void)state;
    struct pair p = {0};
    struct umptcp_config cfg = test_config(NULL);
    cfg.allow_join_initial_addr_port = false;
    test_world_init(&p.w, 1, NULL, &cfg);
    umptcp_pm_listen(p.w.host[CLIENT], true);
    test_pair(&p.w, p.sock);
    assert_string_equal(events(&p, CLIENT), "created 0>0 10.0.1.1 10.0.1.2:80 deny\n");
    test_world_free(&p.w);
}

/* Whatever request for memory fails, a call says so or it works, and nothing is lost. */
static void test_without_memory(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct pair p;
        established(&p);
        struct testmem *tm = &p.w.mem[CLIENT];
        tm->fail_at = tm->requests + n;
        int a = announce(&p, CLIENT, "10.0.2.1", 0, 4), b = create(&p, "10.0.3.1", 5, "10.0.1.2", 80, 0);
        assert_true(a == 0 || a == -ENOMEM);
        assert_true(b == 0 || b == -ENOMEM);
        bool refused = testmem_refused(tm);
        tm->fail_at = 0;
        test_run(&p.w, SEC(2));
        test_transfer(&p.w, p.sock, CLIENT, 10000, SEC(5));
        assert_int_equal(test_subflows(&p.w, CLIENT, p.sock[CLIENT]), b ? 1 : 2);
        test_world_free(&p.w);
        if (!refused)
            return;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_who_is_managed),
        cmocka_unit_test(test_endpoints_do_not_count),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_announcements),
        cmocka_unit_test(test_by_route),
        cmocka_unit_test(test_address_goes),
        cmocka_unit_test(test_too_many_events),
        cmocka_unit_test(test_flag_c),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
