/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guessing the application from its packets:
 *
 *   write     before the first segment of data that was not sent before; it goes up to the next segment with PSH, which
 *             is where a stack has nothing more to send, but not less far than the segment's mapping
 *   read      when the peer's data was acknowledged: before the stack's next data, else behind the acknowledgment
 *   close     before the FIN or DATA_FIN; shutdown() when the stack went on to receive
 *   accept    when the handshake is complete
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pkt_draft.h"

enum { WRITE_SPLIT = 1 << 17, AMOUNT_MAX = 1 << 30 };
#define ANSWER_GAP MSEC(1) /* what follows a packet sooner than this is the stack's answer to it */

struct guess {
    struct draft *d;
    struct draft_item *in; /* the packets */
    uint32_t n;
    int fd;            /* of the connection; -1: not yet */
    bool greeted;      /* the stack's SYN/ACK was seen */
    uint64_t written;  /* one more than the last octet that was written */
    uint64_t read;     /* the same that was read */
    uint64_t peer_fin; /* the number of the end of the peer's data; 0: there is none */
    bool ended;        /* the end of the peer's data was read */
    bool shut, closed;
};

__attribute__((format(printf, 3, 4))) static void call(struct guess *g, const struct draft_item *when,
                                                       const char *format, ...) {
    char text[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct draft_item *item = draft_add(g->d);
    item->at = when->at;
    item->text = arena_text(&g->d->arena, text, strlen(text));
}

static bool is_tcp(const struct draft_item *i) { return !i->comment && i->packet->proto == PACKET_TCP; }
static bool is_of_stack(const struct draft_item *i) { return is_tcp(i) && !i->packet->inbound; }

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static void open_socket(struct guess *g) {
    const struct draft_item *first = &g->in[0];
    const char *protocol = g->d->mptcp ? "IPPROTO_MPTCP" : "IPPROTO_TCP";
    call(g, first, "socket(..., SOCK_STREAM, %s) = 3", protocol);
    if (g->d->stack == ACCEPTOR) {
        call(g, first, "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0");
        call(g, first, "bind(3, ..., ...) = 0");
        call(g, first, "listen(3, 1) = 0");
        return;
    }
    g->fd = 3;
    call(g, first, "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0");
    if (is_tcp(first) && first->packet->tcp.len) {
        call(g, first, "sendto(3, ..., %u, MSG_FASTOPEN, ..., ...) = -1 EINPROGRESS (Operation now in progress)",
             first->packet->tcp.len);
        g->written = first->data_end;
        return;
    }
    call(g, first, "connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)");
}

static bool has_keys(const struct packet *p) {
    for (const struct option *o = p->tcp.options; o; o = o->next)
        if (o->kind == OPTION_MPTCP && (o->mp.type == MPC_ACK || o->mp.type == MPC_DATA))
            return true;
    return false;
}

/* True when packet `i` is none that completes the handshake of MPTCP, and such a one comes before the stack says
 * anything. */
static bool keys_follow(const struct guess *g, uint32_t i) {
    for (uint32_t j = i; j < g->n; j++) {
        const struct draft_item *item = &g->in[j];
        if (!is_tcp(item) || item->flow->index)
            continue;
        if (is_of_stack(item) && !(item->packet->tcp.flags & TCP_SYN))
            return false;
        if (has_keys(item->packet))
            return j > i;
    }
    return false;
}

/* An acknowledgment of what was never sent: it is answered by a RST with its number. */
static bool is_refused(const struct guess *g, uint32_t i) {
    for (uint32_t j = i + 1; j < g->n; j++) {
        const struct draft_item *item = &g->in[j];
        if (!is_of_stack(item) || item->flow->index)
            continue;
        const struct tcp_line *t = &item->packet->tcp;
        return (t->flags & (TCP_RST | TCP_ACK)) == TCP_RST && t->seq == g->in[i].packet->tcp.ack;
    }
    return false;
}

/* The first acknowledgment behind the SYN/ACK completes the handshake. */
static void accept_after(struct guess *g, uint32_t i) {
    const struct draft_item *item = &g->in[i];
    if (g->fd >= 0 || !is_tcp(item) || item->flow->index)
        return;
    const struct tcp_line *t = &item->packet->tcp;
    if (!item->packet->inbound) {
        g->greeted |= t->flags & TCP_SYN;
        return;
    }
    if (!g->greeted || !(t->flags & TCP_ACK) || t->flags & (TCP_SYN | TCP_RST) || keys_follow(g, i) || is_refused(g, i))
        return;
    g->fd = 4;
    call(g, item, "accept(3, ..., ...) = 4");
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* What the packet says that the stack has of the peer's data: one more than the last octet, without the end's number.
 */
static uint64_t acknowledged(const struct guess *g, const struct draft_item *item, bool *end) {
    uint64_t ack = is_of_stack(item) ? item->data_ack : 0;
    *end = g->peer_fin && ack > g->peer_fin;
    return *end ? g->peer_fin : ack;
}

static void read_data(struct guess *g, const struct draft_item *when, const struct draft_item *item) {
    bool end;
    uint64_t ack = acknowledged(g, item, &end);
    if (g->fd < 0 || g->closed)
        return;
    if (ack > g->read && ack - g->read <= AMOUNT_MAX) {
        unsigned n = (unsigned)(ack - g->read);
        call(g, when, "read(%d, ..., %u) = %u", g->fd, n, n);
        g->read = ack;
    }
    if (!end || g->ended)
        return;
    g->ended = true;
    call(g, when, "read(%d, ..., 1000) = 0", g->fd);
    if (!g->shut)
        return;
    g->closed = true;
    call(g, when, "close(%d) = 0", g->fd);
}

/* ---- Closing ----------------------------------------------------------------------------------------------------- */

/* Data of the peer, of which the stack takes more after its own end. */
static bool reads_on(const struct guess *g, uint32_t i) {
    bool end;
    for (uint32_t j = i + 1; j < g->n; j++) {
        if (is_of_stack(&g->in[j]) && g->in[j].packet->tcp.flags & TCP_RST)
            return false;
        if (acknowledged(g, &g->in[j], &end) > g->read)
            return true;
    }
    return false;
}

static void close_socket(struct guess *g, uint32_t i) {
    if (g->shut || g->closed)
        return;
    g->shut = true;
    if (!g->ended && reads_on(g, i)) {
        call(g, &g->in[i], "shutdown(%d, SHUT_WR) = 0", g->fd);
        return;
    }
    g->closed = true;
    call(g, &g->in[i], "close(%d) = 0", g->fd);
}

/* A reset that answers nothing was asked for. */
static void abort_socket(struct guess *g, uint32_t i) {
    const struct draft_item *item = &g->in[i];
    const struct draft_item *before = i ? &g->in[i - 1] : NULL;
    bool answer = before && is_tcp(before) && before->packet->inbound && item->at - before->at < ANSWER_GAP;
    if (answer || g->closed || item->flow->index)
        return;
    g->closed = g->shut = true;
    call(g, item, "setsockopt(%d, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0", g->fd);
    call(g, item, "close(%d) = 0", g->fd);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/*
 * How far the write goes whose first segment is packet `i`. `fin`: its last segment also ends the stream, so the stack
 * knew of the end before it sent it.
 */
static uint64_t write_end(const struct guess *g, uint32_t i, bool *fin) {
    uint64_t end = g->written, mapped = g->in[i].data_map; /* what the stack had when it made the mapping */
    *fin = false;
    for (uint32_t j = i; j < g->n && end - g->written < WRITE_SPLIT; j++) {
        const struct draft_item *item = &g->in[j];
        if (!is_of_stack(item) || item->data_end <= end)
            continue;
        end = item->data_end;
        *fin = item->data_fin;
        if (*fin || (item->packet->tcp.flags & TCP_PSH && end >= mapped))
            break;
    }
    return end;
}

static void write_data(struct guess *g, uint32_t i) {
    bool fin;
    uint64_t end = write_end(g, i, &fin);
    unsigned n = (unsigned)(end - g->written);
    if (end - g->written > AMOUNT_MAX)
        return;
    if (fin && !g->shut)
        call(g, &g->in[i], "send(%d, ..., %u, MSG_MORE) = %u", g->fd, n, n);
    else
        call(g, &g->in[i], "write(%d, ..., %u) = %u", g->fd, n, n);
    g->written = end;
    if (fin)
        close_socket(g, i);
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

static void before_packet(struct guess *g, uint32_t i) {
    const struct draft_item *item = &g->in[i];
    if (!is_of_stack(item) || g->fd < 0)
        return;
    bool news = item->data_end > g->written, fin = item->data_fin && !g->shut;
    if (item->packet->tcp.flags & TCP_RST)
        abort_socket(g, i);
    if (g->closed || item->packet->tcp.flags & TCP_SYN)
        return;
    if (news || fin)
        read_data(g, item, item);
    if (news && !g->shut)
        write_data(g, i);
    if (fin)
        close_socket(g, i);
}

static void after_packet(struct guess *g, uint32_t i) {
    const struct draft_item *item = &g->in[i];
    accept_after(g, i);
    if (is_of_stack(item) && !(item->packet->tcp.flags & (TCP_SYN | TCP_RST)))
        read_data(g, item, item);
}

void draft_calls(struct draft *d) {
    struct guess g = {.d = d, .in = d->items, .n = d->n, .fd = -1, .written = 1, .read = 1};
    d->items = NULL;
    d->n = d->cap = 0;
    for (uint32_t i = 0; i < g.n && !g.peer_fin; i++)
        if (is_tcp(&g.in[i]) && g.in[i].packet->inbound)
            g.peer_fin = g.in[i].data_fin;
    if (g.n)
        open_socket(&g);
    for (uint32_t i = 0; i < g.n; i++) {
        before_packet(&g, i);
        *draft_add(d) = g.in[i];
        after_packet(&g, i);
    }
    free(g.in);
}
