/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariants of a connection, for tests: what must hold whenever no call is under way. */
#include "mptcp/conn.h"

static const char *check_send(const struct conn *c) {
    if (dsn_lt(c->snd_nxt, c->snd_una) || dsn_lt(c->write_seq, c->snd_nxt))
        return "snd_una <= snd_nxt <= write_seq does not hold";
    if (!ranges_empty(&c->reinject)) {
        uint64_t first = c->reinject.items[0].start, end = c->reinject.items[c->reinject.count - 1].end;
        if (dsn_lt((struct dsn){first}, c->snd_una) || dsn_lt(c->snd_nxt, (struct dsn){end}))
            return "bytes to be sent again lie outside of what was sent and not acknowledged";
    }
    if (c->data_fin_sent && !c->write_shut)
        return "DATA_FIN was sent before the application ended its direction";
    return NULL;
}

static const char *check_receive(const struct conn *c) {
    if (dsn_lt(c->rcv_nxt, c->read_seq))
        return "the application read beyond rcv_nxt";
    if (!ranges_empty(&c->rcv_ofo)) {
        uint64_t first = c->rcv_ofo.items[0].start, end = c->rcv_ofo.items[c->rcv_ofo.count - 1].end;
        if (dsn_le((struct dsn){first}, c->rcv_nxt))
            return "out-of-order bytes touch rcv_nxt";
        if (dsn_lt(c->rcv_edge, (struct dsn){end}))
            return "bytes beyond the advertised window were stored";
    }
    if (c->eof && !(c->fin_rcvd && dsn_eq(c->fin_dsn, c->rcv_nxt)))
        return "end of stream without the peer's end in order";
    return NULL;
}

/* TX mappings are contiguous and cover exactly what TCP has queued or in flight. */
static const char *check_maps(const struct subflow *sf) {
    const struct tcb *t = &sf->tcb;
    struct ssn next = t->snd_end;
    if (sf->state == SF_DEAD)
        return NULL;
    for (uint32_t i = sf->tx_maps.count; i-- > 0;) {
        const struct tx_map *m = deque_at(&sf->tx_maps, i);
        if (!ssn_eq(ssn_add(m->ssn, m->len), next))
            return "TX mappings have a gap";
        next = m->ssn;
    }
    if (tcp_synchronized(t) && ssn_lt(ssn_max(t->snd_una, (struct ssn){1}), next) && t->state != UMPTCP_TIME_WAIT &&
        t->state != UMPTCP_FIN_WAIT_2)
        return "bytes in flight have no TX mapping";
    if (sf->hold && ranges_empty(&sf->hold->have))
        return "a hold that holds nothing";
    next = subflow_rx_first(sf);
    for (uint32_t i = 0; i < sf->rx_maps.count; i++) {
        const struct rx_map *m = deque_at(&sf->rx_maps, i);
        if (ssn_lt(m->ssn, next))
            return i ? "RX mappings overlap" : "an RX mapping begins before the subflow";
        next = ssn_add(m->ssn, m->len);
    }
    return NULL;
}

const char *conn_check(const struct conn *c) {
    const char *why = check_send(c);
    uint32_t n = 0;
    why = why ? why : check_receive(c);
    list_for_each (node, &c->subflows) {
        const struct subflow *sf = subflow_of(node);
        n++;
        if (sf->conn != c)
            return "a subflow of another connection";
        why = why ? why : check_maps(sf);
        why = why ? why : tcp_check(&sf->tcb);
    }
    return why ? why : n != c->nsubflows ? "count of subflows" : NULL;
}
