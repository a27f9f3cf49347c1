/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A turn: sleep until something is ready; then rounds of
 *
 *     the clock, once  ->  read a batch from every ready driver  ->  timers  ->  events  ->  send a batch
 *
 * until there is nothing left to send or the turn is over. Reading comes back after every SEND_BATCH packets: a sender
 * that only sent would find acknowledgments late and its peer's packets lost in a full queue. A turn ends after
 * ROUNDS_MAX rounds, so that the application's descriptors have their turn; the stack's next time is then in the past
 * and the next turn starts without sleep.
 */
#define _GNU_SOURCE
#include "io/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/clock.h"

enum { READ_BATCH = 64, SEND_BATCH = 16, ROUNDS_MAX = 16, EPOLL_BATCH = 64 };

struct port { /* a driver in its place */
    struct driver *d;
    int netif;
    bool ready; /* its descriptor is readable, as far as is known */
};

struct watch { /* a descriptor of the application */
    struct watch *next;
    int fd; /* -1: removed, and freed at the end of the turn */
    loop_fd_fn fn;
    void *arg;
};

struct loop {
    struct loop_config cfg;
    int epoll;
    utime now;
    struct port ports[LOOP_DRIVERS_MAX];
    int nports;
    struct watch *watches;
    bool busy; /* the last wait was shorter than a spin: another is worth it */
    bool no_pwait2;
    struct loop_stats stats;
};

/* ---- Set-up ------------------------------------------------------------------------------------------------------ */

int loop_new(const struct loop_config *cfg, struct loop **l) {
    struct loop *n = calloc(1, sizeof *n);
    if (!n)
        return -ENOMEM;
    n->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (n->epoll < 0) {
        int err = -errno;
        free(n);
        return err;
    }
    n->cfg = *cfg;
    n->now = clock_now();
    *l = n;
    return 0;
}

static void free_watches(struct loop *l, bool all) {
    for (struct watch **w = &l->watches; *w;) {
        struct watch *dead = *w;
        if (!all && dead->fd >= 0) {
            w = &dead->next;
            continue;
        }
        *w = dead->next;
        free(dead);
    }
}

void loop_free(struct loop *l) {
    if (!l)
        return;
    for (int i = 0; i < l->nports; i++)
        driver_close(l->ports[i].d);
    free_watches(l, true);
    close(l->epoll);
    free(l);
}

struct umptcp_time loop_now(const struct loop *l) {
    return l->now;
}
void loop_stats_get(const struct loop *l, struct loop_stats *stats) { *stats = l->stats; }

struct driver *loop_driver(const struct loop *l, int netif) {
    for (int i = 0; i < l->nports; i++)
        if (l->ports[i].netif == netif)
            return l->ports[i].d;
    return NULL;
}

int loop_add_driver(struct loop *l, struct driver *d) {
    if (l->nports == LOOP_DRIVERS_MAX)
        return -ENOSPC;
    struct port *p = &l->ports[l->nports];
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = p};
    if (d->fd >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, d->fd, &ev) < 0)
        return -errno;
    struct umptcp_netif_config cfg = {.name = d->name, .mtu = d->mtu, .flags = d->flags};
    int netif = umptcp_netif_add(l->cfg.stack, &cfg);
    if (netif < 0) {
        if (d->fd >= 0)
            epoll_ctl(l->epoll, EPOLL_CTL_DEL, d->fd, NULL);
        return netif;
    }
    *p = (struct port){.d = d, .netif = netif};
    l->nports++;
    return netif;
}

static struct watch *find_watch(const struct loop *l, int fd) {
    struct watch *w = l->watches;
    while (w && w->fd != fd)
        w = w->next;
    return w;
}

int loop_add_fd(struct loop *l, int fd, uint32_t epoll_events, loop_fd_fn fn, void *arg) {
    struct watch *w = malloc(sizeof *w);
    if (!w)
        return -ENOMEM;
    struct epoll_event ev = {.events = epoll_events, .data.ptr = w};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
        int err = -errno;
        free(w);
        return err;
    }
    *w = (struct watch){.next = l->watches, .fd = fd, .fn = fn, .arg = arg};
    l->watches = w;
    return 0;
}

int loop_mod_fd(struct loop *l, int fd, uint32_t epoll_events) {
    struct epoll_event ev = {.events = epoll_events, .data.ptr = find_watch(l, fd)};
    if (!ev.data.ptr)
        return -ENOENT;
    return epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &ev) < 0 ? -errno : 0;
}

int loop_del_fd(struct loop *l, int fd) {
    struct watch *w = find_watch(l, fd);
    if (!w)
        return -ENOENT;
    w->fd = -1; /* the present batch of epoll may still point to it */
    return epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

/* When something is to be done by the clock alone. */
static utime loop_next(const struct loop *l) {
    utime next = umptcp_next(l->cfg.stack);
    for (int i = 0; i < l->nports; i++) {
        if (l->ports[i].ready)
            return l->now;
        next = time_min(next, driver_next(l->ports[i].d));
    }
    return next;
}

/* epoll_pwait2 waits to the nanosecond; kernels before 5.11 have milliseconds only: rounded up, late, no spinning. */
static int epoll_wait_ns(struct loop *l, struct epoll_event *evs, dur wait) {
    struct timespec ts = {.tv_sec = (time_t)(wait / SEC(1)), .tv_nsec = (long)(wait % SEC(1))};
    if (!l->no_pwait2) {
        int n = epoll_pwait2(l->epoll, evs, EPOLL_BATCH, wait == UINT64_MAX ? NULL : &ts, NULL);
        if (n >= 0 || errno != ENOSYS)
            return n;
        l->no_pwait2 = true;
    }
    dur ms = wait / MSEC(1) + !!(wait % MSEC(1));
    return epoll_wait(l->epoll, evs, EPOLL_BATCH, wait == UINT64_MAX ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms);
}

/* Looks until something comes, at most for `wait`. Returns as epoll_wait. */
static int loop_spin(struct loop *l, struct epoll_event *evs, utime start, dur wait) {
    int n = 0;
    while (n == 0 && time_since(clock_now(), start) < wait)
        n = epoll_wait(l->epoll, evs, EPOLL_BATCH, 0);
    l->stats.spins += n > 0;
    return n;
}

/* Waits until a descriptor is ready or it is time. Returns the number of ready descriptors, or a negative errno. */
static int loop_wait(struct loop *l, struct epoll_event *evs, dur max_wait) {
    utime next = loop_next(l), start = clock_now();
    dur wait = time_is_never(next) ? UINT64_MAX : time_since(next, start);
    if (wait > max_wait)
        wait = max_wait;

    int n = l->busy ? loop_spin(l, evs, start, wait < l->cfg.spin ? wait : l->cfg.spin) : 0;
    if (n == 0) {
        dur spent = l->busy ? time_since(clock_now(), start) : 0;
        if (wait != UINT64_MAX)
            wait -= spent < wait ? spent : wait;
        l->stats.sleeps += wait > 0;
        n = epoll_wait_ns(l, evs, wait);
    }
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    l->busy = l->cfg.spin && time_since(clock_now(), start) <= l->cfg.spin;
    return n;
}

/* ---- A turn ------------------------------------------------------------------------------------------------------ */

static struct port *port_of(struct loop *l, const void *ptr) {
    for (int i = 0; i < l->nports; i++)
        if (&l->ports[i] == ptr)
            return &l->ports[i];
    return NULL;
}

/* The interface went away under the driver: it would be "ready" for ever. */
static void port_lost(struct loop *l, struct port *p) {
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, p->d->fd, NULL);
    umptcp_netif_set_up(l->cfg.stack, p->netif, false, l->now);
}

/* Marks drivers; calls the application for its own descriptors. */
static void loop_dispatch(struct loop *l, const struct epoll_event *evs, int n) {
    for (int i = 0; i < n; i++) {
        struct port *p = port_of(l, evs[i].data.ptr);
        if (p && evs[i].events & EPOLLERR) {
            port_lost(l, p);
        } else if (p) {
            p->ready = true;
        } else {
            struct watch *w = evs[i].data.ptr;
            if (w->fd >= 0)
                w->fn(w->arg, l, w->fd, evs[i].events);
        }
    }
    free_watches(l, false);
}

/* Gives the stack what came, a batch per driver. */
static void loop_read(struct loop *l) {
    for (int i = 0; i < l->nports; i++) {
        struct port *p = &l->ports[i];
        driver_tick(p->d, l->now);
        p->ready |= driver_next(p->d).ns <= l->now.ns;
        struct umptcp_packet pkt;
        for (int n = 0; p->ready && n < READ_BATCH; n++) {
            if (!driver_recv(p->d, &pkt, l->now)) {
                p->ready = false;
                break;
            }
            driver_verdict(p->d, umptcp_input(l->cfg.stack, p->netif, &pkt, l->now));
            l->stats.packets_in++;
        }
    }
}

static void loop_events(struct loop *l) {
    struct umptcp_event ev;
    while (umptcp_event(l->cfg.stack, &ev))
        if (l->cfg.on_event)
            l->cfg.on_event(l->cfg.arg, l, &ev);
}

/* Sends at most a batch. Returns true when there may be more. */
static bool loop_send(struct loop *l) {
    struct umptcp_out out;
    for (int n = 0; n < SEND_BATCH; n++) {
        if (!umptcp_output(l->cfg.stack, &out, l->now))
            return false;
        struct driver *d = loop_driver(l, out.netif);
        l->stats.packets_out++;
        if (!d || driver_send(d, &out, l->now) != 0)
            l->stats.send_errors++;
    }
    return true;
}

int loop_run_once(struct loop *l, uint64_t max_wait) {
    struct epoll_event evs[EPOLL_BATCH];
    int n = loop_wait(l, evs, max_wait);
    if (n < 0)
        return n;
    l->stats.turns++;
    l->now = clock_now();
    loop_dispatch(l, evs, n);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        if (round > 0) { /* look again at everyone: what was sent may have been answered */
            l->now = clock_now();
            for (int i = 0; i < l->nports; i++)
                l->ports[i].ready |= l->ports[i].d->fd >= 0;
        }
        loop_read(l);
        umptcp_tick(l->cfg.stack, l->now);
        loop_events(l);
        if (!loop_send(l))
            break;
    }
    return 0;
}
