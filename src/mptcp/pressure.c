/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory pressure: when bytes in order find no memory, bytes out of order make room for them, of whatever connection.
 * Only those that lie beyond a subflow's RCV.NXT: the peer was told of them by SACK at most, so it still has them and
 * sends them again (RFC 2018 8, RFC 9293 3.8.6). What a subflow acknowledged is a promise, and stays.
 */
#include "mptcp/conn.h"

/* Bytes [start, end) of the stream are not there any more. Those that cannot be taken out, for want of memory, stay. */
static void forget_data(struct conn *c, struct dsn start, struct dsn end) {
    struct env *env = c->mp->env;
    start = dsn_max(start, c->rcv_nxt);
    if (dsn_le(end, start)) /* another subflow brought the same, and all before it */
        return;
    if (ranges_remove(&c->rcv_ofo, &env->mem, start.v, end.v))
        return;
    /* All between the bytes before and those behind is unwanted now: a chunk may be in it that was not wholly ours. */
    uint64_t low = c->rcv_nxt.v;
    for (uint32_t i = 0; i < c->rcv_ofo.count && dsn_lt((struct dsn){c->rcv_ofo.items[i].start}, start); i++)
        low = c->rcv_ofo.items[i].end;
    const struct range *behind = ranges_next(&c->rcv_ofo, end.v);
    bytebuf_forget(&c->rcvbuf, &env->chunks, low, behind ? behind->start : end.v + BYTEBUF_CHUNK);
}

/* Subflow bytes [start, end) have a place in the stream, unless they wait in the hold buffer: there they stay. */
static void forget_range(struct subflow *sf, struct ssn start, struct ssn end) {
    struct conn *c = sf->conn;
    if (!conn_is_mptcp(c)) {
        forget_data(c, conn_plain_dsn(c, start), conn_plain_dsn(c, end));
        return;
    }
    for (uint32_t i = 0; i < sf->rx_maps.count; i++) {
        struct rx_map *m = deque_at(&sf->rx_maps, i);
        struct ssn from = ssn_max(start, m->ssn), to = ssn_min(end, ssn_add(m->ssn, m->len));
        if (!ssn_lt(from, to))
            continue;
        m->placed = false;
        forget_data(c, dsn_add(m->dsn, ssn_sub(from, m->ssn)), dsn_add(m->dsn, ssn_sub(to, m->ssn)));
    }
}

bool pressure_relieve(struct mp *mp) {
    struct tcb *t = tcp_spare(mp->env);
    if (!t)
        return false;
    struct subflow *sf = container_of(t, struct subflow, tcb);
    const struct ranges *ofo = tcb_ofo(t);
    for (uint32_t i = 0; i < ofo->count; i++)
        forget_range(sf, (struct ssn){ofo->items[i].start}, (struct ssn){ofo->items[i].end});
    tcp_forget_ofo(t);
    mib_inc(&mp->env->mib, MIB_TCP_OFO_PRUNED);
    return true;
}
