/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The application's bytes, and how many of them there may be. There is one receive window for all subflows, relative to
 * the DATA_ACK (RFC 8684 3.3.4), and its right edge never moves left.
 */
#include <errno.h>

#include "mptcp/conn.h"

enum {
    SNDBUF_CWNDS = 3,
    WINDOW_LITTLE =
        32768, /* a sender that has more than this goes on, and hears of the rest with its acknowledgments */
};

static uint32_t conn_mss(const struct conn *c) {
    const struct subflow *sf = conn_first(c);
    return sf ? sf->tcb.mss : TCP_MSS_DEFAULT_V4;
}

/* ---- Receive window ------------------------------------------------------------------------------------------------
 */

static uint64_t promised(const struct conn *c) {
    return dsn_lt(c->rcv_nxt, c->rcv_edge) ? dsn_sub(c->rcv_edge, c->rcv_nxt) : 0;
}

static uint64_t free_room(const struct conn *c) {
    uint64_t used = dsn_sub(c->rcv_nxt, c->read_seq);
    return used < c->rcvbuf_size ? c->rcvbuf_size - used : 0;
}

/* No window opens by less (RFC 9293 3.8.6.2.2). */
static uint32_t window_step(const struct conn *c) {
    return c->rcvbuf_size / 2 < conn_mss(c) ? c->rcvbuf_size / 2 : conn_mss(c);
}

/* When memory is short nothing more is promised; what was promised stays (RFC 9293 3.8.6, T-WND-05). */
uint64_t conn_window(const struct conn *c) {
    uint64_t old = promised(c), now = mem_tight(&c->mp->env->mem) ? old : free_room(c);
    return now >= old + window_step(c) ? now : old;
}

bool conn_window_shuts(const struct conn *c) { return promised(c) > 0 && free_room(c) < window_step(c); }

uint64_t conn_window_max(const struct conn *c, uint8_t shift) { return free_room(c) + ((uint64_t)1 << shift) - 1; }

void conn_advertised(struct conn *c, uint64_t window) {
    struct dsn edge = dsn_add(c->rcv_nxt, window);
    c->rcv_edge = dsn_max(c->rcv_edge, edge);
}

uint8_t conn_window_scale(const struct conn *c) {
    uint32_t largest = c->rcvbuf_fixed ? c->rcvbuf_size : c->mp->env->cfg.rmem_max;
    uint8_t shift = 0;
    while (shift < TCP_WSCALE_MAX && largest >> shift > UINT16_MAX)
        shift++;
    return shift;
}

void conn_set_rcvbuf(struct conn *c, uint32_t size) {
    struct subflow *sf = conn_first(c);
    c->rcvbuf_size = size;
    c->rcvbuf_fixed = true;
    if (!sf || sf->tcb.syn_sends || c->subflow_counter > 1)
        return;
    /* The SYN did not leave: nothing was promised yet. */
    c->rcv_edge = dsn_add(c->rcv_nxt, size < UINT16_MAX ? size : UINT16_MAX);
    if (sf->tcb.rcv_wscale)
        sf->tcb.rcv_wscale = conn_window_scale(c);
}

/* The largest window that a segment can say. */
static uint64_t window_expressible(const struct conn *c) {
    uint64_t most = 0;
    list_for_each (n, &c->subflows) {
        uint64_t here = (uint64_t)UINT16_MAX << subflow_of(n)->tcb.rcv_wscale;
        most = here > most ? here : most;
    }
    return most;
}

/* A window update is worth a segment when little was left and now there is much more: else what comes is answered. */
static void update_window(struct conn *c) {
    const uint64_t old = promised(c), most = window_expressible(c);
    const uint64_t now = conn_window(c) < most ? conn_window(c) : most;
    if (now <= old || now < 2 * old || old > c->rcvbuf_size / 4 || old > WINDOW_LITTLE)
        return;
    list_for_each (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->state == SF_ACTIVE && !sf->stale)
            tcp_ack_now(&sf->tcb);
    }
    conn_ready(c);
}

/* The largest round trip of the subflows: what the buffer must bridge. */
static dur longest_rtt(const struct conn *c) {
    dur longest = 0;
    list_for_each (n, &c->subflows) {
        const struct tcb *t = &subflow_of(n)->tcb;
        dur rtt = t->rcv_rtt_us ? USEC(t->rcv_rtt_us) : t->rtt.srtt;
        if (subflow_of(n)->state == SF_ACTIVE && rtt > longest)
            longest = rtt;
    }
    return longest;
}

/*
 * Dynamic right-sizing: when the application read more in a round trip than in any before, the buffer becomes twice
 * that, and more while the sender still doubles.
 */
static void tune_rcvbuf(struct conn *c) {
    struct env *env = c->mp->env;
    dur rtt = longest_rtt(c);
    if (c->rcvbuf_fixed || !rtt || mem_tight(&env->mem) || time_since(env->now, c->drs_at) < rtt)
        return;
    if (c->drs_copied > c->drs_space) {
        uint64_t grow = c->drs_space ? 2 * (c->drs_copied - c->drs_space) : 0;
        uint64_t want = 2 * (c->drs_copied + grow) + 16 * (uint64_t)conn_mss(c);
        if (want > env->cfg.rmem_max)
            want = env->cfg.rmem_max;
        if (want > c->rcvbuf_size)
            c->rcvbuf_size = (uint32_t)want;
        c->drs_space = (uint32_t)c->drs_copied;
    }
    c->drs_copied = 0;
    c->drs_at = env->now;
}

/* ---- Receive -------------------------------------------------------------------------------------------------------
 */

int conn_peek(struct conn *c, struct umptcp_slice *slices, int max) {
    uint32_t skip;
    uint64_t len = conn_urgent_readable(c, &skip);
    if (len)
        return bytebuf_slices(&c->rcvbuf, c->read_seq.v + skip, len, slices, max);
    if (c->eof || c->read_shut)
        return 0;
    if (c->state == UMPTCP_CLOSED)
        return c->error ? -c->error : 0;
    return -EAGAIN;
}

int conn_consume(struct conn *c, size_t len) {
    struct env *env = c->mp->env;
    uint32_t skip;
    if (len > conn_urgent_readable(c, &skip))
        return -EINVAL;
    c->read_seq = dsn_add(c->read_seq, len + skip);
    conn_urgent_read(c);
    uint64_t end = c->rcv_ofo.count ? c->rcv_ofo.items[c->rcv_ofo.count - 1].end : c->rcv_nxt.v;
    bytebuf_advance(&c->rcvbuf, &env->chunks, c->read_seq.v, end);
    c->drs_copied += len;
    tune_rcvbuf(c);
    update_window(c);
    return 0;
}

/* ---- Send ----------------------------------------------------------------------------------------------------------
 */

uint32_t conn_send_room(const struct conn *c) {
    uint64_t used = dsn_sub(c->write_seq, c->snd_una);
    uint32_t room = used < c->sndbuf_size ? (uint32_t)(c->sndbuf_size - used) : 0;
    uint64_t unsent = dsn_sub(c->write_seq, c->snd_nxt);
    uint32_t most = unsent < c->notsent_lowat ? (uint32_t)(c->notsent_lowat - unsent) : 0;
    return room < most ? room : most;
}

void conn_tune_sndbuf(struct conn *c) {
    uint64_t want = 0;
    if (c->sndbuf_fixed || mem_tight(&c->mp->env->mem))
        return;
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->state == SF_ACTIVE)
            want += SNDBUF_CWNDS * (uint64_t)subflow_of(n)->tcb.cc.cwnd;
    if (want > c->mp->env->cfg.wmem_max)
        want = c->mp->env->cfg.wmem_max;
    if (want > c->sndbuf_size)
        c->sndbuf_size = (uint32_t)want;
}

void conn_offer_room(struct conn *c) {
    const uint64_t used = dsn_sub(c->write_seq, c->snd_una), unsent = dsn_sub(c->write_seq, c->snd_nxt);
    const bool room = used + c->sndbuf_size / 3 <= c->sndbuf_size;
    if (!c->want_write || !room || (c->notsent_lowat != UINT32_MAX && 2 * unsent >= c->notsent_lowat))
        return;
    c->want_write = false;
    conn_notify(c, NOTIFY_WRITABLE);
}

int conn_reserve(struct conn *c, size_t len, struct umptcp_slice *slices, int max) {
    struct env *env = c->mp->env;
    if (c->state == UMPTCP_CLOSED)
        return c->error ? -c->error : -EPIPE;
    if (c->write_shut)
        return -EPIPE;
    uint32_t room = conn_send_room(c);
    if (!room) {
        c->want_write = c->push_end = true; /* no more can be written before there is room */
        return -EAGAIN;
    }
    if (mem_tight(&env->mem) && !dsn_eq(c->write_seq, c->snd_una)) { /* the peer makes room for the next bytes */
        c->want_write = true;
        conn_try_again(c);
        return -EAGAIN;
    }
    if (len > room) {
        len = room;
        c->want_write = true;
    }
    if (len > (size_t)max * BYTEBUF_CHUNK)
        len = (size_t)max * BYTEBUF_CHUNK;
    if (bytebuf_reserve(&c->sndbuf, &env->chunks, c->write_seq.v, len)) {
        c->want_write = true;
        conn_try_again(c); /* others may give some back: no acknowledgment of ours need come */
        return -ENOMEM;
    }
    int n = bytebuf_slices(&c->sndbuf, c->write_seq.v, len, slices, max);
    c->reserved = 0;
    for (int i = 0; i < n; i++)
        c->reserved += slices[i].len;
    return n;
}

int conn_commit(struct conn *c, size_t len) {
    if (c->write_shut || c->state == UMPTCP_CLOSED)
        return -EPIPE;
    if (len > c->reserved)
        return -EINVAL;
    c->write_seq = dsn_add(c->write_seq, len);
    c->push_end = !c->more;
    c->reserved = 0;
    if (!len)
        return 0;
    c->last_send = c->mp->env->now;
    conn_arm_path(c);
    conn_ready(c);
    return 0;
}
