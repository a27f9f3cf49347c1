/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's life, its time, and the packets at its interface. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "io/raw.h"
#include "script/host_internal.h"

enum { LINUX_WMEM_DEFAULT = 87040, LINUX_WMEM_MAX = 4 << 20 }; /* as scripts expect them */

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static int complain(char *error, size_t size, const char *what, int err) {
    snprintf(error, size, "%s: %s", what, strerror(-err));
    return err;
}

/* The address of its one interface, the peer's network, and a way to everything else. */
static int add_network(struct host *h, const struct settings *set, char *error, size_t size) {
    const struct umptcp_netif_config netif = {
        .name = "tun0",
        .mtu = set->mtu,
        .flags = UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 | UMPTCP_IF_TSO6,
    };
    char text[UMPTCP_ADDRSTRLEN];
    struct umptcp_addr any = {{0}};
    h->mtu = (uint16_t)(set->mtu < UINT16_MAX ? set->mtu : UINT16_MAX);
    h->netif = umptcp_netif_add(h->stack, &netif);
    if (h->netif < 0)
        return complain(error, size, "the MTU of tun0", h->netif);
    int err = umptcp_addr_add(h->stack, h->netif, &set->local_ip, set->local_prefix, h->now);
    if (err)
        return complain(error, size, umptcp_addr_format(&set->local_ip, text), err);
    if (umptcp_addr_is_v4(&set->local_ip))
        any.b[10] = any.b[11] = 0xff;
    err = umptcp_route_add(h->stack, &set->remote_ip, set->remote_prefix, h->netif);
    if (!err)
        err = umptcp_route_add(h->stack, &any, 0, h->netif);
    return err ? complain(error, size, umptcp_addr_format(&set->remote_ip, text), err) : 0;
}

int host_open(const struct settings *settings, const struct host_options *options, struct host **host, char *error,
              size_t size) {
    struct host *h = calloc(1, sizeof *h);
    if (!h)
        return complain(error, size, "the host", -ENOMEM);
    h->options = *options;
    h->now = options->start;
    h->tail = &h->first;
    h->notsent_lowat = UINT32_MAX;
    umptcp_config_init(&h->config);
    h->config.rmem_default /= 2; /* Linux counts memory, of which the window is a half */
    h->config.wmem_default = LINUX_WMEM_DEFAULT;
    h->config.wmem_max = LINUX_WMEM_MAX;
    memcpy(h->config.seed, options->seed, sizeof h->config.seed);
    h->stack = umptcp_new(&h->config, h->now);
    int err = h->stack ? add_network(h, settings, error, size) : complain(error, size, "the stack", -ENOMEM);
    if (err) {
        host_close(h);
        return err;
    }
    *host = h;
    return 0;
}

void host_close(struct host *h) {
    if (!h)
        return;
    files_free(h);
    while (h->first) {
        struct queued *q = h->first;
        h->first = q->next;
        free(q);
    }
    free(h->lent);
    umptcp_free(h->stack);
    text_free(&h->heard);
    free(h);
}

struct umptcp *host_stack(struct host *h) {
    return h->stack;
}
int host_netif(const struct host *h) { return h->netif; }
struct umptcp_config *host_config(struct host *h) {
    return &h->config;
}

struct posix host_posix(struct host *h) {
    return (struct posix){
        .ctx = h,
        .socket = host_socket,
        .bind = host_bind,
        .listen = host_listen,
        .accept = host_accept,
        .connect = host_connect,
        .read = host_read,
        .readv = host_readv,
        .recv = host_recv,
        .recvfrom = host_recvfrom,
        .recvmsg = host_recvmsg,
        .write = host_write,
        .writev = host_writev,
        .send = host_send,
        .sendto = host_sendto,
        .sendmsg = host_sendmsg,
        .fcntl = host_fcntl,
        .ioctl = host_ioctl,
        .close = host_close_fd,
        .shutdown = host_shutdown,
        .getsockopt = host_getsockopt,
        .setsockopt = host_setsockopt,
        .poll = host_poll,
        .epoll_create = host_epoll_create,
        .epoll_ctl = host_epoll_ctl,
        .epoll_wait = host_epoll_wait,
        .pipe = host_pipe,
        .clock_gettime = host_clock_gettime,
        .splice = host_splice,
        .open = host_open_file,
        .sendfile = host_sendfile,
    };
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static void enqueue(struct host *h, const struct umptcp_out *out) {
    struct queued *q = malloc(sizeof *q + out->len);
    if (!q)
        return; /* as a full queue of a device: the packet is lost */
    *q = (struct queued){.time = h->now, .gso_size = out->gso_size};
    q->len = raw_gather(out, q->data);
    *h->tail = q;
    h->tail = &q->next;
}

/* Takes out what the stack has to say, to the wire and to the sockets. */
void host_settle(struct host *h) {
    struct umptcp_out out;
    struct umptcp_event ev;
    while (umptcp_output(h->stack, &out, h->now))
        enqueue(h, &out);
    while (umptcp_event(h->stack, &ev))
        sock_event(h, &ev);
    for (struct sock *s = h->socks; s; s = s->next)
        sock_offer_room(h, s);
}

void host_set_notsent_lowat(struct host *h, uint32_t bytes) { h->notsent_lowat = bytes; }

int host_inject(struct host *h, const uint8_t *data, uint32_t len, uint16_t gso_size) {
    if (!len || len > RAW_MAX)
        return -EINVAL;
    const struct umptcp_packet packet = {.data = data, .len = len, .gso_size = gso_size};
    umptcp_input(h->stack, h->netif, &packet, h->now);
    host_settle(h);
    return 0;
}

bool host_take(struct host *h, struct host_packet *packet) {
    struct queued *q = h->first;
    if (!q)
        return false;
    h->first = q->next;
    if (!h->first)
        h->tail = &h->first;
    free(h->lent);
    h->lent = q;
    *packet = (struct host_packet){q->time, q->data, q->len, q->gso_size};
    return true;
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

utime host_now(const struct host *h) { return h->now; }

utime host_next(const struct host *h) { return time_max(umptcp_next(h->stack), h->now); }

void host_step(struct host *h, utime to) {
    h->now = time_max(h->now, time_min(to, host_next(h)));
    umptcp_tick(h->stack, h->now);
    host_settle(h);
}

void host_begin(struct host *h, struct host_job *job) {
    h->job = job;
    if (!job)
        return;
    job->blocked = false;
    job->deadline = UMPTCP_NEVER;
    if (!job->begun)
        job->since = h->now;
    job->begun = true;
}

bool host_wait(struct host *h, dur timeout) {
    struct host_job *job = h->job;
    if (!job || time_since(h->now, job->since) >= timeout)
        return false;
    job->blocked = true;
    job->deadline = time_min(job->deadline, time_add(job->since, timeout));
    return true;
}

bool host_has_congestion(struct host *h, const char *name) {
    struct umptcp_config config = h->config;
    config.congestion_control = name;
    bool has = umptcp_configure(h->stack, &config, h->now) == 0;
    umptcp_configure(h->stack, &h->config, h->now);
    return has;
}

int host_set_mtu(struct host *h, uint32_t mtu) {
    int err = umptcp_netif_set_mtu(h->stack, h->netif, mtu);
    if (!err)
        h->mtu = (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX);
    return err;
}

int host_configure(struct host *h) {
    int err = umptcp_configure(h->stack, &h->config, h->now);
    host_settle(h);
    return err;
}
