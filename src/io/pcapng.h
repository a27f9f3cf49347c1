/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A recorder: wraps any driver and writes what passes to a pcapng file, which several interfaces may share. Whoever has
 * packets without a driver writes them one by one. Packets carry their direction, nanoseconds, and as comment why the
 * stack dropped them. Checksums that were left to an offload are completed, so that a dissector has nothing to complain
 * about.
 */
#ifndef UMPTCP_IO_PCAPNG_H
#define UMPTCP_IO_PCAPNG_H

#include "io/driver.h"

struct pcapng_config {
    const char *path;
    uint64_t epoch_ns; /* added to every time: clock_wall_offset() for real time, anything for virtual time */
    bool split;        /* cut super-segments to the packets of the wire; else they are recorded as they passed */
};

struct pcapng_file;

/* Starts a file. Sets *f and returns 0, or the negative errno of opening it, or -ENOMEM. */
int pcapng_open(const struct pcapng_config *cfg, struct pcapng_file **f);
/*
 * The driver that records what passes `inner`, which it takes over: closing it closes `inner` too. Sets *d and returns
 * 0, or -ENOMEM (`inner` stays the caller's). The file must stay open until the driver is closed.
 */
int pcapng_wrap(struct pcapng_file *f, struct driver *inner, struct driver **d);

/* A packet that passed no driver. */
struct pcapng_packet {
    uint32_t interface; /* pcapng_interface() */
    bool inbound;       /* for the stack */
    struct umptcp_time when;
    const uint8_t *data; /* from its IP header, checksums complete */
    uint32_t len;
    const char *comment; /* or NULL; cut when it is long */
};

/* Adds an interface to the file and returns its number. Its name is short, as those of drivers. */
uint32_t pcapng_interface(struct pcapng_file *f, const char *name);
void pcapng_packet(struct pcapng_file *f, const struct pcapng_packet *p);

/* Writes out what is buffered. Returns 0, or the negative errno of the first write that failed (nothing is written
 * after it: a full disk stops the recording, not the traffic). */
int pcapng_flush(struct pcapng_file *f);
/* Ends the file. Returns as pcapng_flush(). */
int pcapng_close(struct pcapng_file *f);

#endif
