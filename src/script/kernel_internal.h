/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the kernel target share: kernel.c, kernel_net.c, kernel_tap.c, kernel_job.c, kernel_command.c,
 * kernel_posix.c. */
#ifndef UMPTCP_SCRIPT_KERNEL_INTERNAL_H
#define UMPTCP_SCRIPT_KERNEL_INTERNAL_H

#include <stdatomic.h>

#include "io/driver.h"
#include "script/target.h"

#define KERNEL_DEVICE "tun0"

/* ---- kernel_tap.c: what leaves through the device ---------------------------------------------------------------- */

/*
 * Packets are seen with a packet socket on the device, not by reading the TUN: the kernel stamps them in the moment in
 * which they leave, so their times do not depend on when this process gets to run, nor on what it was doing (a call
 * that blocks, a command, printing).
 */
struct tap {
    int fd;
    uint8_t *buf;
};

struct tap_packet {
    struct tap_packet *next;
    struct umptcp_time time;
    uint32_t len;
    uint16_t gso_size;
    uint8_t data[];
};

int tap_open(struct tap *tap, const char *device);
/* The next packet, to be freed by the caller, or NULL when none is there. */
struct tap_packet *tap_read(struct tap *tap);
void tap_close(struct tap *tap);

/* ---- kernel.c ---------------------------------------------------------------------------------------------------- */

struct kernel_job;

struct kernel {
    struct target target;
    const struct settings *settings;
    struct umptcp_time opened;
    struct driver *tun;
    bool plain_queue; /* the default queueing discipline sends at once */
    struct tap tap;
    struct tap_packet *first, **last; /* left the stack, not taken yet */
    struct tap_packet *taken;         /* what take() gave */
    struct kernel_job *started;
};

dur kernel_now(const struct kernel *k);
/* Lets time pass until `until` or until `fd` (-1: none) is readable, and collects packets meanwhile. True when it is.
 */
bool kernel_wait(struct kernel *k, dur until, int fd);

/* ---- kernel_net.c: the namespace --------------------------------------------------------------------------------- */

/* Moves the process into a network namespace of its own with the device, k->tun, in it. 0 or a negative errno and a
 * sentence. */
int kernel_net_open(struct kernel *k, char *error, size_t size);
/* Behind the commands of the set-up: a queueing discipline that may delay packets gives way to a plain queue, unless
 * the commands chose it. */
void kernel_net_begin(const struct kernel *k);

/* ---- kernel_posix.c ---------------------------------------------------------------------------------------------- */

extern const struct posix kernel_posix;

/* ---- kernel_job.c: calls that block ------------------------------------------------------------------------------ */

int kernel_job_start(struct kernel *k, struct job *job);
bool kernel_job_finish(struct kernel *k, struct job *job, dur until);
void kernel_job_abandon(struct kernel *k, struct job *job);

/* ---- kernel_command.c -------------------------------------------------------------------------------------------- */

int kernel_command(struct kernel *k, const char *text, char *error, size_t size);

#endif
