/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Urgent data (RFC 9293 3.8.5, RFC 6093), which only plain TCP has: the pointer is an offset on one subflow, and MPTCP
 * has no place for it. There a pointer that comes is ignored, and its octets are data like any other.
 *
 * Sent, it is a position of the stream that every segment before it points at. Received, it is a mark: a read ends
 * there, so that the application can see that it has come to it, and as Linux and BSD have it the octet at the mark may
 * be taken out of the stream, to be read apart, whenever it comes, also before all that stands before it.
 */
#include <errno.h>

#include "mptcp/conn.h"

static struct conn_urgent *urgent_get(struct conn *c) {
    if (!c->urgent)
        c->urgent = mem_alloc(&c->mp->env->mem, sizeof *c->urgent);
    return c->urgent;
}

void conn_urgent_free(struct conn *c) {
    mem_free(&c->mp->env->mem, c->urgent, c->urgent ? sizeof *c->urgent : 0);
    c->urgent = NULL;
}

/* ---- Ours -------------------------------------------------------------------------------------------------------- */

int conn_urgent_open(struct conn *c) {
    if (c->mode != MP_OFF)
        return -EOPNOTSUPP;
    return urgent_get(c) ? 0 : -ENOMEM;
}

int conn_urgent_send(struct conn *c) {
    int err = conn_urgent_open(c);
    if (err)
        return err;
    c->urgent->up = c->write_seq;
    conn_ready(c);
    return 0;
}

bool conn_urgent_sends(const struct conn *c) {
    return c->urgent && c->mode == MP_OFF && dsn_lt(c->snd_una, c->urgent->up);
}

/* In plain TCP the first byte of the stream is the first one behind the SYN. */
struct ssn conn_urgent_end(const struct conn *c) {
    return (struct ssn){conn_urgent_sends(c) ? c->urgent->up.v - c->local_idsn.v : 0};
}

/* ---- The peer's -------------------------------------------------------------------------------------------------- */

static bool marked(const struct conn *c) { return c->urgent && c->urgent->state != URGENT_NONE; }

bool conn_urgent_at_mark(const struct conn *c) { return marked(c) && dsn_eq(c->urgent->mark, c->read_seq); }

/* The pointer names an octet that was not announced before, and may still be read apart. */
static bool is_news(const struct conn *c, struct dsn at) {
    return !dsn_lt(at, c->rcv_nxt) && !(marked(c) && dsn_le(at, c->urgent->mark));
}

/* There is one octet apart only: another mark puts the present one's back, or, when that is next, leaves it out. */
static void announce(struct conn *c, struct dsn at) {
    if (conn_urgent_at_mark(c) && c->oob_apart && !dsn_eq(c->read_seq, c->rcv_nxt))
        (void)conn_consume(c, 0);
    c->urgent->mark = at;
    c->urgent->state = URGENT_AWAITED;
    conn_notify(c, NOTIFY_URGENT);
}

void conn_urgent_input(struct conn *c, const struct seg *seg, const struct tcp_rx *rx) {
    if (c->mode != MP_OFF || (!rx->urgent && !c->urgent))
        return;
    const struct dsn start = conn_plain_dsn(c, rx->start);
    const struct dsn at = conn_plain_dsn(c, rx->urgent_at);
    if (rx->urgent && is_news(c, at) && urgent_get(c)) /* without memory it is data in line */
        announce(c, at);
    struct conn_urgent *u = c->urgent;
    if (!u || u->state != URGENT_AWAITED || dsn_lt(u->mark, start) || dsn_sub(u->mark, start) >= seg->len)
        return;
    u->octet = seg->data[dsn_sub(u->mark, start)];
    u->state = URGENT_HERE;
    conn_notify(c, NOTIFY_URGENT);
}

uint64_t conn_urgent_readable(const struct conn *c, uint32_t *skip) {
    const uint64_t len = dsn_sub(c->rcv_nxt, c->read_seq);
    *skip = 0;
    if (!marked(c))
        return len;
    const uint64_t ahead = dsn_sub(c->urgent->mark, c->read_seq);
    if (ahead > 0)
        return ahead < len ? ahead : len;
    *skip = c->oob_apart && len > 0;
    return len - *skip;
}

void conn_urgent_read(struct conn *c) {
    if (marked(c) && dsn_lt(c->urgent->mark, c->read_seq))
        c->urgent->state = URGENT_NONE;
}

int conn_urgent_take(struct conn *c, bool peek, uint8_t *octet) {
    struct conn_urgent *u = c->urgent;
    if (!c->oob_apart || !marked(c) || u->state == URGENT_TAKEN)
        return -EINVAL;
    if (u->state == URGENT_AWAITED)
        return c->eof || c->state == UMPTCP_CLOSED ? 0 : -EAGAIN;
    *octet = u->octet;
    if (!peek)
        u->state = URGENT_TAKEN;
    return 1;
}
