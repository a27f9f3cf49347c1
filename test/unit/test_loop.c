/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event loop, with a stack that only writes down how it is called: this program brings its own definitions of the
 * seven functions of umptcp.h that the loop uses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/clock.h"
#include "io/loop.h"
#include "io/memory.h"
#include "io_packets.h"

/* ---- A stack that takes notes ------------------------------------------------------------------------------------ */

struct umptcp {
    char name[16];
    uint32_t mtu, flags;
    int netifs, netif_down;
    int inputs, ticks, outputs_left, events_left;
    int inputs_at_output[8]; /* how many packets had been read when each 16th output was asked for */
    int outputs;
    utime next;
};

static struct umptcp stack;
static struct test_packet packet;

int umptcp_netif_add(struct umptcp *s, const struct umptcp_netif_config *cfg) {
    if (cfg->mtu < 576)
        return -EINVAL;
    strcpy(s->name, cfg->name);
    s->mtu = cfg->mtu;
    s->flags = cfg->flags;
    return ++s->netifs;
}
int umptcp_netif_set_up(struct umptcp *s, int netif, bool up, utime now) {
    (void)now;
    s->netif_down = up ? 0 : netif;
    return 0;
}
umptcp_drop umptcp_input(struct umptcp *s, int netif, const struct umptcp_packet *pkt, utime now) {
    assert_in_range(netif, 1, s->netifs);
    assert_true(pkt->len > 0 && now.ns > 0);
    s->inputs++;
    return UMPTCP_DROP_NONE;
}
bool umptcp_output(struct umptcp *s, struct umptcp_out *out, utime now) {
    (void)now;
    if (s->outputs_left == 0)
        return false;
    s->outputs_left--;
    if (s->outputs % 16 == 0 && s->outputs / 16 < 8)
        s->inputs_at_output[s->outputs / 16] = s->inputs;
    s->outputs++;
    test_packet_init(&packet, false, 1, 100, 0, false);
    *out = packet.out;
    out->slices[0].base = packet.out.hdr;
    out->netif = 1;
    return true;
}
void umptcp_tick(struct umptcp *s, utime now) {
    s->ticks++;
    if (s->next.ns <= now.ns)
        s->next = UMPTCP_NEVER;
}
utime umptcp_next(const struct umptcp *s) { return s->outputs_left ? (utime){1} : s->next; }
bool umptcp_event(struct umptcp *s, struct umptcp_event *ev) {
    *ev = (struct umptcp_event){.type = UMPTCP_EV_READABLE};
    return s->events_left > 0 && s->events_left--;
}

/* ---- Fixture ----------------------------------------------------------------------------------------------------- */

struct app {
    int events, calls;
    int other; /* a descriptor that on_fd removes, or -1 */
};

static struct app app;
static struct loop *loop;
static struct driver *far;

static void on_event(void *arg, struct loop *l, const struct umptcp_event *ev) {
    assert_ptr_equal(l, loop);
    assert_int_equal(ev->type, UMPTCP_EV_READABLE);
    ((struct app *)arg)->events++;
}

static void on_fd(void *arg, struct loop *l, int fd, uint32_t events) {
    struct app *a = arg;
    char byte;
    a->calls++;
    if (events & EPOLLIN)
        assert_int_equal(read(fd, &byte, 1), 1);
    if (a->other >= 0) {
        assert_int_equal(loop_del_fd(l, a->other), 0);
        a->other = -1;
    }
}

static int set_up(void **state) {
    (void)state;
    memset(&stack, 0, sizeof stack);
    stack.next = UMPTCP_NEVER;
    app = (struct app){.other = -1};
    struct loop_config cfg = {.stack = &stack, .on_event = on_event, .arg = &app};
    struct memory_config ends_cfg[2] = {{"near", 1400, UMPTCP_IF_TSO4, 0}, {"far", 1400, 0, 0}};
    struct driver *ends[2];
    if (loop_new(&cfg, &loop) || memory_pair(ends_cfg, ends) || loop_add_driver(loop, ends[0]) != 1)
        return -1;
    far = ends[1];
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(loop);
    driver_close(far);
    return 0;
}

static void far_sends(int n) {
    test_packet_init(&packet, false, 1, 100, 0, false);
    for (int i = 0; i < n; i++)
        assert_int_equal(driver_send(far, &packet.out, (utime){1}), 0);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static void test_interface_is_registered(void **state) {
    (void)state;
    assert_string_equal(stack.name, "near");
    assert_int_equal(stack.mtu, 1400);
    assert_int_equal(stack.flags, UMPTCP_IF_TSO4);
    assert_string_equal(loop_driver(loop, 1)->name, "near");
    assert_null(loop_driver(loop, 2));
}

static void test_refused_interface_stays_the_callers(void **state) {
    (void)state;
    struct memory_config cfg[2] = {{"small", 100, 0, 0}, {"x", 100, 0, 0}};
    struct driver *ends[2];
    assert_int_equal(memory_pair(cfg, ends), 0);
    assert_int_equal(loop_add_driver(loop, ends[0]), -EINVAL);
    driver_close(ends[0]);
    driver_close(ends[1]);
}

static void test_packets_timers_events(void **state) {
    (void)state;
    struct umptcp_packet pkt;
    far_sends(3);
    stack.events_left = 2;
    stack.outputs_left = 2;
    assert_int_equal(loop_run_once(loop, UINT64_MAX), 0);
    assert_int_equal(stack.inputs, 3);
    assert_int_equal(stack.ticks, 1);
    assert_int_equal(app.events, 2);
    for (int i = 0; i < 2; i++)
        assert_true(driver_recv(far, &pkt, clock_now()));
    assert_false(driver_recv(far, &pkt, clock_now()));
    struct loop_stats s;
    loop_stats_get(loop, &s);
    assert_int_equal(s.packets_in, 3);
    assert_int_equal(s.packets_out, 2);
    assert_int_equal(s.send_errors, 0);
}

/* Someone who sends without end still reads: what comes during the turn is seen between two batches. */
static void test_reading_is_interleaved(void **state) {
    (void)state;
    far_sends(64 * 3);
    stack.outputs_left = 100;
    assert_int_equal(loop_run_once(loop, UINT64_MAX), 0);
    assert_int_equal(stack.outputs, 100);
    assert_int_equal(stack.inputs_at_output[0], 64);
    assert_int_equal(stack.inputs_at_output[1], 128);
    assert_int_equal(stack.inputs_at_output[2], 192);
}

/* A turn ends, and the next one does not sleep. */
static void test_turn_is_bounded(void **state) {
    (void)state;
    stack.outputs_left = 100000;
    utime start = clock_now();
    assert_int_equal(loop_run_once(loop, SEC(10)), 0);
    assert_in_range(stack.outputs, 100, 1000);
    assert_int_equal(loop_run_once(loop, SEC(10)), 0);
    assert_true(time_since(clock_now(), start) < SEC(5));
    stack.outputs_left = 0;
}

static void test_waits_for_the_timer(void **state) {
    (void)state;
    utime start = clock_now();
    stack.next = time_add(start, MSEC(20));
    while (!time_is_never(stack.next))
        assert_int_equal(loop_run_once(loop, UINT64_MAX), 0);
    assert_true(time_since(loop_now(loop), start) >= MSEC(20));
    assert_true(stack.ticks < 5); /* it slept */
    start = clock_now();
    assert_int_equal(loop_run_once(loop, MSEC(5)), 0);
    assert_in_range(time_since(loop_now(loop), start), MSEC(5), SEC(2));
}

static void test_descriptors(void **state) {
    (void)state;
    int a[2], b[2];
    assert_int_equal(pipe(a), 0);
    assert_int_equal(pipe(b), 0);
    assert_int_equal(loop_add_fd(loop, a[0], EPOLLIN, on_fd, &app), 0);
    assert_int_equal(loop_add_fd(loop, b[0], EPOLLIN, on_fd, &app), 0);
    assert_int_equal(write(a[1], "xy", 2), 2);
    assert_int_equal(write(b[1], "x", 1), 1);
    assert_int_equal(loop_run_once(loop, UINT64_MAX), 0);
    assert_int_equal(app.calls, 2);
    assert_int_equal(loop_mod_fd(loop, a[0], 0), 0);
    assert_int_equal(loop_run_once(loop, 0), 0);
    assert_int_equal(app.calls, 2);
    assert_int_equal(loop_del_fd(loop, a[0]), 0);
    assert_int_equal(loop_del_fd(loop, a[0]), -ENOENT);
    assert_int_equal(loop_mod_fd(loop, a[0], EPOLLIN), -ENOENT);
    assert_int_equal(loop_del_fd(loop, b[0]), 0);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

/* A callback may remove a descriptor whose own call is due in the same batch. */
static void test_callback_removes_another(void **state) {
    (void)state;
    int a[2], b[2];
    assert_int_equal(pipe(a), 0);
    assert_int_equal(pipe(b), 0);
    struct app first = {.other = b[0]}, second = {.other = a[0]};
    assert_int_equal(loop_add_fd(loop, a[0], EPOLLIN, on_fd, &first), 0);
    assert_int_equal(loop_add_fd(loop, b[0], EPOLLIN, on_fd, &second), 0);
    assert_int_equal(write(a[1], "x", 1), 1);
    assert_int_equal(write(b[1], "x", 1), 1);
    assert_int_equal(loop_run_once(loop, UINT64_MAX), 0);
    assert_int_equal(first.calls + second.calls, 1);
    assert_int_equal(loop_run_once(loop, 0), 0);
    assert_int_equal(first.calls + second.calls, 1);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void on_alarm(int signo) { (void)signo; }

static void test_signal_is_no_error(void **state) {
    (void)state;
    struct sigaction sa = {.sa_handler = on_alarm}, old;
    struct itimerval timer = {{.tv_usec = 10000}, {.tv_usec = 10000}},
                     off = {{0}, {0}}; /* the first may be too early */
    assert_int_equal(sigaction(SIGALRM, &sa, &old), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
    assert_int_equal(loop_run_once(loop, SEC(20)), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
}

/* A driver whose descriptor is an error for ever: the interface goes down, and the loop sleeps again. */
static bool broken_recv(struct driver *d, struct umptcp_packet *pkt, utime now) {
    (void)d, (void)pkt, (void)now;
    return false;
}
static int broken_send(struct driver *d, const struct umptcp_out *out, utime now) {
    (void)d, (void)out, (void)now;
    return -EIO;
}
static void broken_close(struct driver *d) { close(d->fd); }

static void test_lost_interface(void **state) {
    (void)state;
    static const struct driver_ops ops = {"broken", broken_recv, broken_send, NULL, NULL, NULL, broken_close};
    int p[2];
    assert_int_equal(pipe(p), 0);
    static struct driver d;
    d = (struct driver){.ops = &ops, .fd = p[1], .mtu = 1500, .name = "broken"};
    assert_int_equal(loop_add_driver(loop, &d), 2);
    close(p[0]); /* the writing end of a pipe without reader is EPOLLERR */
    assert_int_equal(loop_run_once(loop, SEC(10)), 0);
    assert_int_equal(stack.netif_down, 2);
    utime start = clock_now();
    assert_int_equal(loop_run_once(loop, MSEC(5)), 0);
    assert_true(time_since(clock_now(), start) >= MSEC(5));
}

/* Spinning looks as long as things come fast, and sleeps otherwise. */
static void test_spin(void **state) {
    (void)state;
    struct loop_config cfg = {.stack = &stack, .spin = MSEC(200)};
    struct loop *spinning;
    struct loop_stats s;
    int p[2];
    assert_int_equal(loop_new(&cfg, &spinning), 0);
    assert_int_equal(pipe(p), 0);
    assert_int_equal(loop_add_fd(spinning, p[0], EPOLLIN, on_fd, &app), 0);
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_int_equal(loop_run_once(spinning, UINT64_MAX), 0); /* came at once: busy */
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_int_equal(loop_run_once(spinning, UINT64_MAX), 0);
    loop_stats_get(spinning, &s);
    assert_int_equal(s.spins, 1);
    assert_int_equal(loop_run_once(spinning, MSEC(300)), 0); /* spins, then sleeps the rest: not busy any more */
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_int_equal(loop_run_once(spinning, UINT64_MAX), 0);
    loop_stats_get(spinning, &s);
    assert_int_equal(s.spins, 1);
    assert_int_equal(app.calls, 3);
    loop_free(spinning);
    close(p[0]);
    close(p[1]);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_interface_is_registered),
        TEST(test_refused_interface_stays_the_callers),
        TEST(test_packets_timers_events),
        TEST(test_reading_is_interleaved),
        TEST(test_turn_is_bounded),
        TEST(test_waits_for_the_timer),
        TEST(test_descriptors),
        TEST(test_callback_removes_another),
        TEST(test_signal_is_no_error),
        TEST(test_lost_interface),
        TEST(test_spin),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
