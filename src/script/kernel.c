/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel as a target: the clock, packets, and what ties the other kernel_*.c together. */
#define _GNU_SOURCE
#include "script/kernel.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/raw.h"
#include "io/tun.h"
#include "script/kernel_internal.h"

/*
 * A process that sleeps until a time wakes up some tens of microseconds later. So it sleeps until a little before, and
 * looks at the clock for the rest.
 */
enum { SPIN_NS = 60000 };

enum { REALTIME_PRIORITY = 1 };

static struct kernel *kernel_of(struct target *t) { return (struct kernel *)(void *)t; }

dur kernel_now(const struct kernel *k) { return time_since(clock_now(), k->opened); }

static dur target_now(const struct target *t) { return kernel_now((const struct kernel *)(const void *)t); }

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static void packets_collect(struct kernel *k) {
    for (struct tap_packet *p; (p = tap_read(&k->tap));) {
        *k->last = p;
        k->last = &p->next;
    }
    struct umptcp_packet passed; /* seen already; the device's queue is to have room */
    while (driver_recv(k->tun, &passed, k->opened))
        continue;
}

static struct tap_packet *packet_next(struct kernel *k) {
    struct tap_packet *p = k->first;
    if (p) {
        k->first = p->next;
        if (!k->first)
            k->last = &k->first;
    }
    return p;
}

static void packets_forget(struct kernel *k) {
    packets_collect(k);
    for (struct tap_packet *p; (p = packet_next(k));)
        free(p);
}

/* Sleeps until `until`, or `fd` or a packet. */
static void sleep_until(const struct kernel *k, dur until, int fd) {
    dur now = kernel_now(k);
    if (until != TIME_FOREVER && until <= now + SPIN_NS)
        return;
    dur left = until == TIME_FOREVER ? 0 : until - now - SPIN_NS;
    struct timespec ts = {(time_t)(left / SEC(1)), (long)(left % SEC(1))};
    struct pollfd p[] = {
        {.fd = k->tap.fd, .events = POLLIN}, {.fd = k->tun->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    ppoll(p, 3, until == TIME_FOREVER ? NULL : &ts, NULL);
}

static bool readable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&p, 1, 0) == 1;
}

bool kernel_wait(struct kernel *k, dur until, int fd) {
    for (;;) {
        packets_collect(k);
        if (readable(fd))
            return true;
        if (kernel_now(k) >= until)
            return false;
        sleep_until(k, until, fd);
    }
}

static void target_wait(struct target *t, dur until) { kernel_wait(kernel_of(t), until, -1); }

static bool target_take(struct target *t, dur until, struct live *live) {
    struct kernel *k = kernel_of(t);
    free(k->taken);
    k->taken = NULL;
    for (;;) {
        bool late = kernel_now(k) >= until;
        packets_collect(k);
        struct tap_packet *p = k->taken = packet_next(k);
        if (p) {
            *live = (struct live){time_since(p->time, k->opened), p->data, p->len, p->gso_size};
            return true;
        }
        if (late)
            return false;
        sleep_until(k, until, -1);
    }
}

static int target_inject(struct target *t, const uint8_t *data, uint32_t len, uint16_t gso_size) {
    if (!len)
        return -EINVAL;
    /* The checksums are as they are, never partial: the kernel is to verify them. */
    struct umptcp_out out = {
        .len = len, .gso_size = gso_size, .v6 = data[0] >> 4 == 6, .nslices = 1, .slices = {{data, len}}};
    out.hdr_len = raw_payload_offset(data, len);
    return driver_send(kernel_of(t)->tun, &out, clock_now());
}

/* ---- Calls and commands ------------------------------------------------------------------------------------------ */

static int target_call(struct target *t, struct job *job) {
    job->started = target_now(t);
    job->run(job, &t->posix);
    job->ended = target_now(t);
    job->done = true;
    return 0;
}

static int target_start(struct target *t, struct job *job) { return kernel_job_start(kernel_of(t), job); }

static bool target_finish(struct target *t, struct job *job, dur until) {
    return kernel_job_finish(kernel_of(t), job, until);
}

static void target_abandon(struct target *t, struct job *job) { kernel_job_abandon(kernel_of(t), job); }

static int target_command(struct target *t, const char *text, char *error, size_t size) {
    return kernel_command(kernel_of(t), text, error, size);
}

/* ---- Begin and end ----------------------------------------------------------------------------------------------- */

static dur coarse_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return SEC(ts.tv_sec) + (dur)ts.tv_nsec;
}

/*
 * The kernel's TCP timers count ticks, so a time of theirs depends on where within a tick it began. Scripts start
 * shortly behind the edge of one, where it is the same in each run. The coarse clock moves on edges, and its resolution
 * is the tick; a tick without one (all processors slept) is bounded by the second.
 */
static void wait_for_tick(struct kernel *k) {
    enum { SETTLE_NS = 100000000, BEHIND_EDGE_NS = 250000 };
    struct timespec tick = {0, 4000000};
    clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    kernel_wait(k, kernel_now(k) + SETTLE_NS, -1);
    dur end = kernel_now(k) + 2 * (dur)tick.tv_nsec, before = coarse_now();
    while (coarse_now() == before && kernel_now(k) < end)
        continue;
    kernel_wait(k, kernel_now(k) + BEHIND_EDGE_NS, -1);
}

static int target_begin(struct target *t, char *error, size_t size) {
    (void)error;
    (void)size;
    struct kernel *k = kernel_of(t);
    kernel_net_begin(k);
    wait_for_tick(k);
    packets_forget(k); /* of the set-up */
    return 0;
}

static void target_close(struct target *t) {
    struct kernel *k = kernel_of(t);
    packets_forget(k);
    free(k->taken);
    tap_close(&k->tap);
    driver_close(k->tun);
    free(k);
}

static const struct target_ops kernel_ops = {
    .name = "linux",
    .now = target_now,
    .wait = target_wait,
    .take = target_take,
    .inject = target_inject,
    .call = target_call,
    .start = target_start,
    .finish = target_finish,
    .abandon = target_abandon,
    .command = target_command,
    .begin = target_begin,
    .close = target_close,
};

/* Punctuality on a loaded machine. None of it is needed for a right result. */
static void latency_lower(void) {
    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    prctl(PR_SET_TIMERSLACK, 1UL);
    struct sched_param param = {.sched_priority = REALTIME_PRIORITY};
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) /* else waiting for the clock would keep everybody else waiting */
        sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param);
}

int kernel_target_open(const struct settings *settings, struct target **t, char *error, size_t size) {
    struct kernel *k = calloc(1, sizeof *k);
    if (!k) {
        snprintf(error, size, "out of memory");
        return -ENOMEM;
    }
    k->target = (struct target){.ops = &kernel_ops, .posix = kernel_posix};
    k->settings = settings;
    k->last = &k->first;
    int err = kernel_net_open(k, error, size);
    if (!err) {
        err = tap_open(&k->tap, KERNEL_DEVICE);
        if (err) {
            snprintf(error, size, "no packet socket on " KERNEL_DEVICE " (CONFIG_PACKET, CAP_NET_RAW): %s",
                     strerror(-err));
            driver_close(k->tun);
        }
    }
    if (err) {
        free(k);
        return err;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* calls say EPIPE instead */
    latency_lower();
    k->opened = clock_now();
    *t = &k->target;
    return 0;
}
