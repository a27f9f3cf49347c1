/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures of packets, pcap and pcapng of either byte order, as a list of IP packets. */
#ifndef UMPTCP_TOOLS_PKT_CAPTURE_H
#define UMPTCP_TOOLS_PKT_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the capture marks it, seen from the machine that captured. */
enum capture_direction { CAPTURE_UNMARKED, CAPTURE_IN, CAPTURE_OUT };

struct capture_packet {
    uint32_t number;     /* in the file, from 1, those that are not IP included */
    uint64_t ns;         /* of no particular epoch */
    const uint8_t *data; /* from the IP header on */
    uint32_t len;        /* as far as it was captured */
    uint32_t wire_len;   /* as it was */
    enum capture_direction direction;
};

struct capture {
    uint8_t *file;
    struct capture_packet *packets;
    uint32_t n, cap;
    uint32_t number; /* packets of any kind */
    bool cut;        /* the file ends within a packet */
};

/* Reads a file, "-" for standard input. 0; or a negative errno with a sentence that does not name the file. To be freed
 * in both cases. */
int capture_open(struct capture *c, const char *path, char *error, size_t size);
/* The same of a file's bytes, which the capture takes over (from malloc()). */
int capture_read(struct capture *c, uint8_t *file, size_t len, char *error, size_t size);
void capture_free(struct capture *c);

#endif
