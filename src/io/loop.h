/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event loop of one stack: packets between its drivers and the stack, timers, events and the descriptors of the
 * application, in one thread.
 *
 *     struct loop_config cfg = {.stack = s, .on_event = react, .arg = app};
 *     loop_new(&cfg, &loop);
 *     loop_add_driver(loop, tun);                     and loop_add_fd() for descriptors of the application
 *     while (!done && loop_run_once(loop, UINT64_MAX) == 0) {}
 *     loop_free(loop);
 *
 * Callbacks run between calls into the stack, so they may use all of umptcp_*, and add and remove descriptors. What
 * they cause goes out before the loop sleeps. They take the time from loop_now(), which stands still during a batch.
 */
#ifndef UMPTCP_IO_LOOP_H
#define UMPTCP_IO_LOOP_H

#include "io/driver.h"

enum { LOOP_DRIVERS_MAX = 16 };

struct loop;

typedef void (*loop_event_fn)(void *arg, struct loop *l, const struct umptcp_event *ev);
typedef void (*loop_fd_fn)(void *arg, struct loop *l, int fd, uint32_t epoll_events);

struct loop_config {
    struct umptcp *stack; /* stays the caller's, and outlives the loop */
    loop_event_fn on_event;
    void *arg;
    uint64_t spin; /* ns to look for packets again and again before sleeping, while they come that fast. A sleep
                      costs tens of microseconds to wake from; 0: always sleep */
};

/* Sets *l and returns 0, or a negative errno. */
int loop_new(const struct loop_config *cfg, struct loop **l);
/* Closes the drivers too. */
void loop_free(struct loop *l);
struct umptcp_time loop_now(const struct loop *l);

/*
 * Makes a driver an interface of the stack, and takes it over. Returns the interface's number, or a negative errno:
 * -ENOSPC, those of umptcp_netif_add(), or of epoll; then the driver stays the caller's.
 */
int loop_add_driver(struct loop *l, struct driver *d);
/* The driver of an interface, or NULL. */
struct driver *loop_driver(const struct loop *l, int netif);

/*
 * Watches a descriptor for `epoll_events` (EPOLLIN, EPOLLOUT; 0: only errors). Returns 0 or a negative errno (-EPERM: a
 * file, which is always ready). The descriptor stays the caller's.
 */
int loop_add_fd(struct loop *l, int fd, uint32_t epoll_events, loop_fd_fn fn, void *arg);
/* Changes what it is watched for. */
int loop_mod_fd(struct loop *l, int fd, uint32_t epoll_events);
/* To be called before the descriptor is closed; a callback may do it for its own and for others. */
int loop_del_fd(struct loop *l, int fd);

/*
 * Waits for something to do, at most `max_wait` ns (UINT64_MAX: as long as it takes), and does it. Returns 0, also when
 * a signal came, or the negative errno of epoll.
 */
int loop_run_once(struct loop *l, uint64_t max_wait);

struct loop_stats {
    uint64_t turns, sleeps, spins; /* spins: waits that ended while looking */
    uint64_t packets_in, packets_out;
    uint64_t send_errors; /* packets that a driver refused: lost, as on a wire */
};
void loop_stats_get(const struct loop *l, struct loop_stats *stats);

#endif
