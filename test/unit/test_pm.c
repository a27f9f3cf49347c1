/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel-like path manager: what Linux's does, and that nothing goes wrong in any order. */
#include "pmlab.h"

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
    EXPECT_EVENT(&w, "withdraw 0, close 1", removed(&w, 7));
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
    EXPECT_EVENT(&w, "withdraw 1, close 2", removed(&w, 1));
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
    EXPECT_EVENT(&w, "", announced(&w, 1, "10.9.1.1", 0)); /* and that stays so */
    world_init(&w, false);
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

/* A fullmesh endpoint goes to every address of the peer that a subflow goes to, whoever opened it. */
static void test_fullmesh(void **state) { /* M-JON-33, M-PTH-02 */
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits = (struct pm_limits){4, 2};
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "join 0>2 any", announced(&w, 2, "10.9.2.1", 8080));
    struct pm_subflow *theirs = open_subflow(&w, 0, 3, false);
    theirs->remote = (struct umptcp_sockaddr){test_addr("10.9.3.1"), 55555};
    add(&w.table, "10.0.2.1", 0, 5, UMPTCP_EP_SUBFLOW | UMPTCP_EP_FULLMESH | UMPTCP_EP_BACKUP);
    EXPECT(&w, "join 5>0 backup, join 5>2 backup", .type = PM_ENDPOINT_ADDED, .local_id = 5); /* the limit is 4 */
    assert_int_equal(find_subflow(&w, 5)->remote.port, 8080);
    EXPECT_EVENT(&w, "", down(&w, 4, false)); /* used is used */
    add(&w.table, "10.0.3.1", 0, 6, UMPTCP_EP_SUBFLOW | UMPTCP_EP_FULLMESH);
    w.table.limits.subflows = 8;
    EXPECT(&w, "join 6>0, join 6>2, join 6>3", .type = PM_ENDPOINT_ADDED, .local_id = 6);
    assert_int_equal(find_subflow(&w, 8)->remote.port, 80); /* not the port of its connect() */
}

static void test_fullmesh_not_to_id_0(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.view.remote_denies_id0 = true;
    w.table.limits = (struct pm_limits){4, 2};
    open_subflow(&w, 0, 2, true)->remote = (struct umptcp_sockaddr){test_addr("10.9.2.1"), 80};
    open_subflow(&w, 0, 3, true)->remote = (struct umptcp_sockaddr){test_addr("2001:db8::9"), 80};
    add(&w.table, "10.0.2.1", 0, 5, UMPTCP_EP_SUBFLOW | UMPTCP_EP_FULLMESH);
    EXPECT(&w, "join 5>2", .type = PM_ENDPOINT_ADDED, .local_id = 5);
}

/* An announced address: from all fullmesh endpoints of its family; else from one laminar; else by route. */
static void test_sources_of_announced(void **state) { /* M-ADD-29, M-PTH-03, M-PTH-04 */
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits = (struct pm_limits){8, 8};
    add(&w.table, "10.0.2.1", 0, 2, UMPTCP_EP_LAMINAR);
    add(&w.table, "10.0.3.1", 0, 3, UMPTCP_EP_LAMINAR | UMPTCP_EP_BACKUP);
    add(&w.table, CLIENT, 0, 4, UMPTCP_EP_LAMINAR); /* id 0 has a subflow */
    add(&w.table, "10.0.5.1", 0, 5, UMPTCP_EP_FULLMESH);
    add(&w.table, "10.0.6.1", 0, 6, UMPTCP_EP_FULLMESH | UMPTCP_EP_SUBFLOW);
    pm_endpoints_find(&w.table, 6)->usable = false;
    EXPECT_EVENT(&w, "join 5>1", announced(&w, 1, "10.9.1.1", 0));
    EXPECT_EVENT(&w, "", announced(&w, 7, "2001:db8::7", 0)); /* no laminar endpoint fits: none at all */
    EXPECT_EVENT(&w, "withdraw 5, close 2", removed(&w, 5));
    EXPECT_EVENT(&w, "join 2>2", announced(&w, 2, "10.9.2.1", 0));
    EXPECT_EVENT(&w, "join 3>3 backup", announced(&w, 3, "10.9.3.1", 0));
    EXPECT_EVENT(&w, "", announced(&w, 4, "10.9.4.1", 0));
    EXPECT_EVENT(&w, "", down(&w, 3, false));
    EXPECT_EVENT(&w, "join 2>5", announced(&w, 5, "10.9.5.1", 0));
    w.table.limits.subflows = 2;
    EXPECT_EVENT(&w, "", announced(&w, 6, "10.9.6.1", 0));
}

/* Its subflows end and are made anew as its flags are now; the first subflow stays. */
static void test_remesh(void **state) {
    (void)state;
    struct world w;
    world_init(&w, false);
    w.table.limits = (struct pm_limits){2, 2};
    add(&w.table, "10.0.2.1", 0, 2, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 2>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "join 0>7 any", announced(&w, 7, "10.9.7.1", 0));
    assert_int_equal(pm_endpoints_set_flags(&w.table, 2, UMPTCP_EP_FULLMESH), UMPTCP_EP_FULLMESH);
    EXPECT(&w, "close 2, join 2>0", .type = PM_ENDPOINT_REMESHED, .local_id = 2);
    w.table.limits.subflows = 3;
    EXPECT(&w, "close 4, join 2>0, join 2>7", .type = PM_ENDPOINT_REMESHED, .local_id = 2);
    assert_int_equal(pm_endpoints_set_flags(&w.table, 2, 0), UMPTCP_EP_FULLMESH);
    EXPECT(&w, "close 5, close 6, join 2>0", .type = PM_ENDPOINT_REMESHED, .local_id = 2);
    add(&w.table, CLIENT, 0, 9, UMPTCP_EP_SUBFLOW | UMPTCP_EP_FULLMESH);
    EXPECT(&w, "close 3", .type = PM_ENDPOINT_REMESHED, .local_id = 9);
    add(&w.table, "10.0.3.1", 0, 3, UMPTCP_EP_FULLMESH);
    EXPECT(&w, "", .type = PM_ENDPOINT_REMESHED, .local_id = 3); /* no source of subflows by itself */
}

/* A flush withdraws what was announced; subflows of the others end without a word. */
static void test_flush(void **state) { /* M-REM-02, M-REM-03 */
    (void)state;
    struct world w;
    struct pm_endpoint all[3];
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 2, UMPTCP_EP_SUBFLOW);
    add(&w.table, "10.0.3.1", 0, 3, UMPTCP_EP_SIGNAL);
    add(&w.table, "10.0.4.1", 0, 4, UMPTCP_EP_SIGNAL);
    EXPECT(&w, "announce 3, join 2>0", .type = PM_ESTABLISHED);
    EXPECT_EVENT(&w, "announce 4", echoed(&w, 3));
    memcpy(all, w.table.list, sizeof all);
    pm_endpoints_flush(&w.table);
    static const char *const want[] = {"close 2", "withdraw 3", "withdraw 4"};
    for (int i = 0; i < 3; i++)
        EXPECT(&w, want[i], .type = PM_ENDPOINT_REMOVED, .local_id = all[i].id, .flags = all[i].flags, .flush = true,
               .addr = all[i].addr);
    assert_int_equal(add(&w.table, "10.0.2.1", 0, 0, UMPTCP_EP_SUBFLOW), 1);
    EXPECT(&w, "join 1>0", .type = PM_ENDPOINT_ADDED, .local_id = 1);
}

/* The address of the first subflow goes by id 0, from connections that begin there; an implicit one goes in silence. */
static void test_remove_initial(void **state) { /* M-REM-02 */
    (void)state;
    struct world w;
    world_init(&w, false);
    struct umptcp_sockaddr here = {test_addr(CLIENT), 0}, elsewhere = {test_addr("10.0.9.1"), 0};
    EXPECT(&w, "", .type = PM_ENDPOINT_REMOVED, .addr = elsewhere);
    EXPECT(&w, "withdraw 0, close 1", .type = PM_ENDPOINT_REMOVED, .addr = here);
    world_init(&w, false);
    add(&w.table, "10.0.2.1", 0, 2, UMPTCP_EP_SUBFLOW);
    EXPECT(&w, "join 2>0", .type = PM_ESTABLISHED);
    pm_endpoints_find(&w.table, 2)->flags = UMPTCP_EP_IMPLICIT;
    EXPECT_EVENT(&w, "close 2", removed(&w, 2));
}

/* While an ADD_ADDR waits to leave nothing else is begun. */
static void test_one_at_a_time(void **state) { /* M-ADD-01 */
    (void)state;
    struct world w;
    world_init(&w, false);
    add(&w.table, "10.0.3.1", 0, 3, UMPTCP_EP_SIGNAL);
    add(&w.table, "10.0.4.1", 0, 4, UMPTCP_EP_SIGNAL);
    add(&w.table, "10.0.2.1", 0, 2, UMPTCP_EP_SUBFLOW);
    w.view.announce_pending = true;
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    w.view.announce_pending = false;
    EXPECT(&w, "announce 3, join 2>0", .type = PM_ANNOUNCE_FAILED, .local_id = 9);
    w.view.announce_pending = false; /* it left; who answers first decides */
    EXPECT_EVENT(&w, "announce 4", up(&w, 2));
    /* A server begins before it is fully established, which does not bring the next one. */
    world_init(&w, false);
    add(&w.table, "10.0.3.1", 0, 3, UMPTCP_EP_SIGNAL);
    add(&w.table, "10.0.4.1", 0, 4, UMPTCP_EP_SIGNAL);
    EXPECT(&w, "announce 3", .type = PM_CONNECTED);
    w.view.announce_pending = false;
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    EXPECT(&w, "announce 4", .type = PM_ANNOUNCE_ECHOED, .local_id = 3);
}

/* Limits that refused once refuse on, until a subflow or an address goes. */
static void test_latches(void **state) {
    (void)state;
    struct world w;
    world_init(&w, true);
    w.table.limits.subflows = w.view.limits.subflows = 0;
    EXPECT(&w, "", .type = PM_ESTABLISHED);
    w.table.limits.subflows = w.view.limits.subflows = 2;
    assert_false(pm_kernel.accept(w.state, &w.view));
    open_subflow(&w, 0, 3, false);
    EXPECT_EVENT(&w, "", down(&w, 2, false));
    assert_true(pm_kernel.accept(w.state, &w.view));
    w.table.limits.subflows = w.view.limits.subflows = 1;
    open_subflow(&w, 0, 3, false);
    EXPECT_EVENT(&w, "", up(&w, 3));
    w.view.limits.subflows = 4; /* the last place was taken */
    assert_false(pm_kernel.accept(w.state, &w.view));
    w.table.limits = (struct pm_limits){4, 1};
    EXPECT_EVENT(&w, "", announced(&w, 5, "10.9.5.1", 0)); /* none was to be accepted */
    EXPECT(&w, "", .type = PM_ADDR_REMOVED, .remote_id = 5);
    EXPECT_EVENT(&w, "join 0>5 any", announced(&w, 5, "10.9.5.1", 0));
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
            struct umptcp_endpoint e = {.flags = test_below(&rnd, 64),
                                        .addr = {addr_v4(0x0a000101u + test_below(&rnd, 12)), 0}};
            if (ev.type == PM_SUBFLOW_UP && n)
                ev = up(&w, n);
            else if (ev.type == PM_SUBFLOW_DOWN && n)
                ev = down(&w, n, test_below(&rnd, 2));
            else if (ev.type == PM_ENDPOINT_ADDED)
                pm_endpoints_add(&w.table, &e, 0, test_below(&rnd, 2));
            else if (ev.type == PM_ENDPOINT_REMOVED && w.table.count)
                ev = removed(&w, w.table.list[test_below(&rnd, w.table.count)].id);
            else if (ev.type == PM_ENDPOINT_REMESHED && w.table.count)
                ev.local_id = w.table.list[test_below(&rnd, w.table.count)].id;
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
        cmocka_unit_test(test_fullmesh),
        cmocka_unit_test(test_fullmesh_not_to_id_0),
        cmocka_unit_test(test_sources_of_announced),
        cmocka_unit_test(test_remesh),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_remove_initial),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_latches),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
