/* SPDX-License-Identifier: BSD-3-Clause */
/* --pcap: the packets of a run, in both directions, each with the script's line as its comment. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/clock.h"
#include "io/pcapng.h"
#include "script/run.h"
#include "tools/pkt.h"

struct pkt_pcap {
    struct pcapng_file *file;
    uint32_t interface;
    bool real;
    uint64_t epoch; /* of the script's start, known with the first packet */
};

int pkt_pcap_open(const char *path, bool real, struct pkt_pcap **p) {
    struct pkt_pcap *n = calloc(1, sizeof *n);
    if (!n)
        return -ENOMEM;
    struct pcapng_config config = {.path = path};
    int err = pcapng_open(&config, &n->file);
    if (err) {
        free(n);
        return err;
    }
    n->interface = pcapng_interface(n->file, "script");
    n->real = real;
    *p = n;
    return 0;
}

void pkt_pcap_note(struct pkt_pcap *p, const struct note *note) {
    bool inbound = note->kind == NOTE_INJECTED;
    if (!inbound && note->kind != NOTE_TAKEN && note->kind != NOTE_IGNORED)
        return;
    char comment[32] = "";
    if (note->kind == NOTE_IGNORED)
        (void)snprintf(comment, sizeof comment, "of no connection");
    else if (note->event)
        (void)snprintf(comment, sizeof comment, "line %u", note->event->place.line);
    if (p->real && !p->epoch)
        p->epoch = clock_now().ns + clock_wall_offset() - note->time;
    struct pcapng_packet packet = {
        .interface = p->interface,
        .inbound = inbound,
        .when = {p->epoch + note->time},
        .data = note->data,
        .len = note->len,
        .comment = comment,
    };
    pcapng_packet(p->file, &packet);
    (void)pcapng_flush(p->file); /* a run that dies leaves what it saw; pkt_pcap_close() tells of errors */
}

int pkt_pcap_close(struct pkt_pcap *p) {
    int err = pcapng_close(p->file);
    free(p);
    return err;
}
