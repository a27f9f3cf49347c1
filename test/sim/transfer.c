/* SPDX-License-Identifier: BSD-3-Clause */
#include "transfer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define LONGEST_RETRY (1200 * UINT64_C(1000000000)) /* an orphan's last FIN may take that */

uint8_t transfer_byte(uint64_t seed, int direction, uint64_t pos) {
    uint64_t x = (pos >> 3) * 0x9e3779b97f4a7c15u + seed * 0xbf58476d1ce4e5b9u + (uint64_t)direction;
    x ^= x >> 29;
    x *= 0x94d049bb133111ebu;
    return (uint8_t)(x >> 8 * (pos & 7) ^ x >> 32);
}

static void on_event(struct world *w, int host, const struct umptcp_event *ev) {
    struct transfer *t = w->arg;
    struct transfer_end *e = &t->end[host];
    switch (ev->type) {
    case UMPTCP_EV_ACCEPT:
        if (t->accepted)
            break;
        if (umptcp_accept(w->host[host].s, t->listener, &e->sock) == 0)
            t->accepted = true;
        else
            t->wrong = "accept failed after UMPTCP_EV_ACCEPT";
        break;
    case UMPTCP_EV_CLOSED:
        if (ev->sock.v == e->sock.v) {
            e->error = ev->error;
            e->close_told = true;
        }
        break;
    case UMPTCP_EV_SUBFLOW_UP:
        t->subflows_up++;
        break;
    case UMPTCP_EV_SUBFLOW_DOWN:
        t->subflows_down[host]++;
        t->reason[host] = ev->reason;
        break;
    case UMPTCP_EV_FALLBACK:
        t->fallbacks++;
        break;
    default:
        break;
    }
}

void transfer_fastopen(struct transfer *t, struct world_config *cfg, bool on) {
    t->fastopen = on;
    if (!on)
        return;
    cfg->host[CLIENT].fastopen = UMPTCP_FASTOPEN_CLIENT | UMPTCP_FASTOPEN_CLIENT_NO_COOKIE;
    cfg->host[SERVER].fastopen = UMPTCP_FASTOPEN_SERVER | UMPTCP_FASTOPEN_SERVER_NO_COOKIE | UMPTCP_FASTOPEN_LISTENERS;
}

void transfer_start(struct transfer *t, struct world *w, uint64_t seed, uint64_t to_server, uint64_t to_client,
                    uint32_t piece) {
    struct transfer said = *t;
    memset(t, 0, sizeof *t);
    memcpy(t->tcp_only, said.tcp_only, sizeof said.tcp_only);
    memcpy(t->edit, said.edit, sizeof said.edit);
    t->fastopen = said.fastopen;
    t->open = said.open;
    t->may_differ = said.may_differ;
    t->w = w;
    t->seed = t->rng = seed;
    t->piece = piece;
    t->end[CLIENT].to_send = t->end[SERVER].to_receive = to_server;
    t->end[SERVER].to_send = t->end[CLIENT].to_receive = to_client;
    for (int dir = 0; dir < 2; dir++)
        if (t->edit[dir].insert || t->edit[dir].remove)
            t->end[!dir].to_receive += t->edit[dir].insert - (uint64_t)t->edit[dir].remove;
    w->on_event = on_event;
    w->arg = t;
    const struct umptcp_listen l = {.local.port = TRANSFER_PORT, .backlog = 16, .tcp_only = t->tcp_only[SERVER]};
    int err = umptcp_listen(w->host[SERVER].s, &l, &t->listener);
    assert(!err);
    const struct umptcp_connect c = {.remote = world_addr(w, SERVER, 0, TRANSFER_PORT),
                                     .local = world_addr(w, CLIENT, 0, 0),
                                     .tcp_only = t->tcp_only[CLIENT],
                                     .fastopen = t->fastopen};
    err = umptcp_connect(w->host[CLIENT].s, &c, &t->end[CLIENT].sock, w->now);
    assert(!err);
    (void)err;
    if (t->fastopen) /* before the SYN leaves */
        transfer_pump(t);
}

static bool end_send(struct transfer *t, int host) {
    struct transfer_end *e = &t->end[host];
    struct umptcp *s = t->w->host[host].s;
    uint8_t buf[65536];
    bool any = false;
    while (e->sent < e->to_send) {
        uint64_t n = 1 + sim_below(&t->rng, t->piece);
        n = n < e->to_send - e->sent ? n : e->to_send - e->sent;
        for (uint64_t i = 0; i < n; i++)
            buf[i] = transfer_byte(t->seed, host, e->sent + i);
        ptrdiff_t r = umptcp_send(s, e->sock, buf, n, t->w->now);
        if (r == -EAGAIN || r == -ENOMEM)
            return any;
        if (r < 0) {
            if (r != -EPIPE && !e->close_told)
                t->wrong = "send failed before the end was told";
            return any;
        }
        e->sent += (uint64_t)r;
        any = true;
    }
    if (!e->shut && !t->open) {
        umptcp_shutdown(s, e->sock, t->w->now);
        e->shut = any = true;
    }
    return any;
}

/* Whether a byte that came at a position of a direction is the right one. */
static bool is_right(struct transfer *t, int direction, uint64_t pos, uint8_t byte) {
    const struct transfer_edit *e = &t->edit[direction];
    uint8_t original = transfer_byte(t->seed, direction, pos);
    if (pos >= e->at && pos < e->at + e->insert)
        return e->insert > e->remove || byte != original;
    if (pos >= e->at + e->insert)
        original = transfer_byte(t->seed, direction, pos - e->insert + e->remove);
    return byte == original || ++t->differed <= t->may_differ;
}

static bool end_receive(struct transfer *t, int host) {
    struct transfer_end *e = &t->end[host];
    struct umptcp *s = t->w->host[host].s;
    uint8_t buf[65536];
    bool any = false;
    while (!e->eof) {
        ptrdiff_t r = umptcp_recv(s, e->sock, buf, 1 + sim_below(&t->rng, t->piece), t->w->now);
        if (r == 0) {
            e->eof = true;
            if (e->received != e->to_receive)
                t->wrong = "the stream ended early";
            return true;
        }
        if (r < 0)
            return any;
        for (ptrdiff_t i = 0; i < r; i++)
            if (!is_right(t, !host, e->received + (uint64_t)i, buf[i])) {
                t->wrong = "a byte differs";
                return true;
            }
        e->received += (uint64_t)r;
        if (e->received > e->to_receive)
            t->wrong = "more bytes than were sent";
        any = true;
    }
    return any;
}

void transfer_pump(struct transfer *t) {
    for (int host = 0; host < 2; host++) {
        struct transfer_end *e = &t->end[host];
        if (!e->sock.v || e->closed)
            continue;
        end_send(t, host);
        end_receive(t, host);
        if ((e->shut && e->eof) || (e->close_told && e->error)) {
            umptcp_close(t->w->host[host].s, e->sock, t->w->now);
            e->closed = true;
        }
    }
    world_settle(t->w);
}

bool transfer_delivered(const struct transfer *t) {
    for (int host = 0; host < 2; host++)
        if (t->end[host].sent < t->end[host].to_send || t->end[host].received < t->end[host].to_receive)
            return false;
    return true;
}

bool transfer_done(const struct transfer *t) { return t->end[CLIENT].closed && t->end[SERVER].closed; }

const char *transfer_clean(struct transfer *t) {
    struct world *w = t->w;
    umptcp_close(w->host[SERVER].s, t->listener, w->now);
    world_run(w, LONGEST_RETRY);
    for (int h = 0; h < 2; h++) {
        if (umptcp_sockets(w->host[h].s))
            return "a connection is left";
        if (!umptcp_quiet(w->host[h].s))
            return "a timer is left";
    }
    return world_check(w);
}
