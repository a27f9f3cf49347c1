/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The format: IETF draft-ietf-opsawg-pcapng. A file is a section header, one interface description per wrapped driver
 * (they may come later, before the first packet of theirs) and one enhanced packet block per packet; every block has
 * its length on both ends and is padded to 32 bits; numbers are in the byte order of the writer.
 *
 * The stack's verdict on a packet is known only after it was received, and is to be in the packet's block. So a
 * received packet is written when its verdict comes, or when the driver is used for the next thing.
 */
#define _POSIX_C_SOURCE 200809L
#include "io/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/drop.h"
#include "io/raw.h"
#include "wire/gso.h"

enum block_type { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum option {
    OPT_END = 0,
    OPT_COMMENT = 1,
    SHB_USERAPPL = 4,
    IF_NAME = 2,
    IF_TSRESOL = 9,
    EPB_FLAGS = 2,
};
enum direction { INBOUND = 1, OUTBOUND = 2 }; /* the low bits of EPB_FLAGS */
enum { LINKTYPE_RAW = 101, BYTE_ORDER_MAGIC = 0x1a2b3c4d, NS_RESOLUTION = 9, COMMENT_MAX = 64 };
enum { BUFFER_SIZE = 1 << 18, BLOCK_MAX = RAW_MAX + 256 };

struct pcapng_file {
    int fd;
    int error; /* negative errno of the first failed write */
    uint64_t epoch_ns;
    bool split;
    uint32_t interfaces;
    size_t used;  /* of buf: whole blocks that wait, and the one being built */
    size_t block; /* where that one starts */
    uint8_t scratch[RAW_MAX];
    uint8_t buf[BUFFER_SIZE];
};

struct recorder {
    struct driver d;
    struct driver *inner;
    struct pcapng_file *file;
    uint32_t id; /* of the interface in the file */
    bool pending;
    struct umptcp_packet pkt; /* received, not yet written: valid, for `inner` was not asked for another */
    struct umptcp_time when;
};

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

static void put(struct pcapng_file *f, const void *data, size_t len) {
    memcpy(f->buf + f->used, data, len);
    f->used += len;
}
static void put_u32(struct pcapng_file *f, uint32_t v) { put(f, &v, sizeof v); }
static void put_u16(struct pcapng_file *f, uint16_t v) { put(f, &v, sizeof v); }
static void put_padding(struct pcapng_file *f) {
    while ((f->used - f->block) % 4)
        f->buf[f->used++] = 0;
}

static void put_option(struct pcapng_file *f, enum option code, const void *data, size_t len) {
    put_u16(f, (uint16_t)code);
    put_u16(f, (uint16_t)len);
    if (len)
        put(f, data, len);
    put_padding(f);
}

static void block_begin(struct pcapng_file *f, enum block_type type) {
    if (f->used + BLOCK_MAX > BUFFER_SIZE)
        pcapng_flush(f);
    f->block = f->used;
    put_u32(f, type);
    put_u32(f, 0); /* the length, known at the end */
}

static void block_end(struct pcapng_file *f) {
    put_option(f, OPT_END, NULL, 0);
    uint32_t len = (uint32_t)(f->used - f->block) + 4;
    put_u32(f, len);
    memcpy(f->buf + f->block + 4, &len, sizeof len);
}

static void put_section(struct pcapng_file *f) {
    static const char application[] = "umptcp " UMPTCP_VERSION;
    uint64_t unknown_length = UINT64_MAX;
    block_begin(f, BLOCK_SECTION);
    put_u32(f, BYTE_ORDER_MAGIC);
    put_u16(f, 1); /* version 1.0 */
    put_u16(f, 0);
    put(f, &unknown_length, sizeof unknown_length);
    put_option(f, SHB_USERAPPL, application, sizeof application - 1);
    block_end(f);
}

static void put_interface(struct pcapng_file *f, const char *name) {
    uint8_t resolution = NS_RESOLUTION;
    block_begin(f, BLOCK_INTERFACE);
    put_u16(f, LINKTYPE_RAW);
    put_u16(f, 0);
    put_u32(f, 0); /* no snapshot limit */
    put_option(f, IF_NAME, name, strlen(name));
    put_option(f, IF_TSRESOL, &resolution, 1);
    block_end(f);
}

static void put_packet(struct pcapng_file *f, uint32_t interface, const uint8_t *data, uint32_t len, enum direction dir,
                       struct umptcp_time when, const char *comment) {
    uint64_t ns = when.ns + f->epoch_ns;
    uint32_t flags = dir;
    block_begin(f, BLOCK_PACKET);
    put_u32(f, interface);
    put_u32(f, (uint32_t)(ns >> 32));
    put_u32(f, (uint32_t)ns);
    put_u32(f, len); /* captured */
    put_u32(f, len); /* on the wire */
    put(f, data, len);
    put_padding(f);
    if (*comment)
        put_option(f, OPT_COMMENT, comment, strlen(comment));
    put_option(f, EPB_FLAGS, &flags, sizeof flags);
    block_end(f);
}

/* Records a packet whose checksums are complete, in pieces if that is asked for. */
static void put_super(struct recorder *r, const uint8_t *data, uint32_t len, uint16_t gso_size, enum direction dir,
                      struct umptcp_time when, const char *comment) {
    uint32_t count = r->file->split && gso_size ? gso_count(data, len, gso_size) : 1;
    if (count == 1) {
        put_packet(r->file, r->id, data, len, dir, when, comment);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t piece[RAW_MAX];
        uint32_t piece_len = gso_piece(data, len, gso_size, i, piece);
        put_packet(r->file, r->id, piece, piece_len, dir, when, comment);
    }
}

/* ---- The driver -------------------------------------------------------------------------------------------------- */

static struct recorder *recorder_of(struct driver *d) { return (struct recorder *)(void *)d; }

/* Writes the received packet that waits for its verdict. */
static void recorder_settle(struct recorder *r, umptcp_drop reason) {
    if (!r->pending)
        return;
    r->pending = false;
    char comment[COMMENT_MAX] = "";
    if (reason != UMPTCP_DROP_NONE)
        snprintf(comment, sizeof comment, "dropped: %s", drop_name(reason));
    const uint8_t *data = r->pkt.data;
    uint32_t len = r->pkt.len < RAW_MAX ? r->pkt.len : RAW_MAX;
    if (r->pkt.csum_valid) { /* it may be partial: complete it, in a copy */
        memcpy(r->file->scratch, data, len);
        raw_fix_l4(r->file->scratch, len);
        data = r->file->scratch;
    }
    put_super(r, data, len, r->pkt.gso_size, INBOUND, r->when, comment);
}

static bool recorder_recv(struct driver *d, struct umptcp_packet *pkt, struct umptcp_time now) {
    struct recorder *r = recorder_of(d);
    recorder_settle(r, UMPTCP_DROP_NONE);
    if (!driver_recv(r->inner, pkt, now))
        return false;
    r->pending = true;
    r->pkt = *pkt;
    r->when = now;
    return true;
}

static void recorder_verdict(struct driver *d, umptcp_drop reason) {
    struct recorder *r = recorder_of(d);
    recorder_settle(r, reason);
    driver_verdict(r->inner, reason);
}

static int recorder_send(struct driver *d, const struct umptcp_out *out, struct umptcp_time now) {
    struct recorder *r = recorder_of(d);
    recorder_settle(r, UMPTCP_DROP_NONE);
    int err = driver_send(r->inner, out, now);
    char comment[COMMENT_MAX] = "";
    if (err)
        snprintf(comment, sizeof comment, "not sent: %s", err == -EAGAIN ? "queue full" : strerror(-err));
    uint32_t len = raw_gather(out, r->file->scratch);
    put_super(r, r->file->scratch, len, out->gso_size, OUTBOUND, now, comment);
    return err;
}

static struct umptcp_time recorder_next(const struct driver *d) {
    return driver_next(((const struct recorder *)(const void *)d)->inner);
}

static void recorder_tick(struct driver *d, struct umptcp_time now) { driver_tick(recorder_of(d)->inner, now); }

static void recorder_close(struct driver *d) {
    struct recorder *r = recorder_of(d);
    recorder_settle(r, UMPTCP_DROP_NONE);
    driver_close(r->inner);
    free(r);
}

static const struct driver_ops recorder_ops = {
    .name = "pcapng",
    .recv = recorder_recv,
    .send = recorder_send,
    .next = recorder_next,
    .tick = recorder_tick,
    .verdict = recorder_verdict,
    .close = recorder_close,
};

int pcapng_wrap(struct pcapng_file *f, struct driver *inner, struct driver **d) {
    struct recorder *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->d = *inner;
    r->d.ops = &recorder_ops;
    r->inner = inner;
    r->file = f;
    r->id = pcapng_interface(f, inner->name);
    *d = &r->d;
    return 0;
}

/* ---- The file ---------------------------------------------------------------------------------------------------- */

int pcapng_open(const struct pcapng_config *cfg, struct pcapng_file **f) {
    struct pcapng_file *n = calloc(1, sizeof *n);
    if (!n)
        return -ENOMEM;
    n->fd = open(cfg->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (n->fd < 0) {
        int err = -errno;
        free(n);
        return err;
    }
    n->epoch_ns = cfg->epoch_ns;
    n->split = cfg->split;
    put_section(n);
    *f = n;
    return 0;
}

uint32_t pcapng_interface(struct pcapng_file *f, const char *name) {
    put_interface(f, name);
    return f->interfaces++;
}

void pcapng_packet(struct pcapng_file *f, const struct pcapng_packet *p) {
    char comment[COMMENT_MAX] = "";
    if (p->comment)
        snprintf(comment, sizeof comment, "%s", p->comment);
    put_packet(f, p->interface, p->data, p->len < RAW_MAX ? p->len : RAW_MAX, p->inbound ? INBOUND : OUTBOUND, p->when,
               comment);
}

int pcapng_flush(struct pcapng_file *f) {
    size_t done = 0;
    while (!f->error && done < f->used) {
        ssize_t n = write(f->fd, f->buf + done, f->used - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            f->error = n == 0 ? -EIO : -errno;
    }
    f->used = 0;
    return f->error;
}

int pcapng_close(struct pcapng_file *f) {
    int err = pcapng_flush(f);
    if (close(f->fd) < 0 && !err)
        err = -errno;
    free(f);
    return err;
}
