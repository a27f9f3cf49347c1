/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fall-back to plain TCP (RFC 8684 3.7): possible while one subflow has carried everything exactly once, because then
 * its sequence space and the connection's are the same stream. Once there, never back.
 *
 * Where the inspection of a segment finds that MPTCP cannot go on, it is decided here, in one place, whether the
 * connection becomes TCP or the subflow is reset.
 */
#include <errno.h>

#include "mptcp/conn.h"

/*
 * How long bytes wait for their mapping. Where the end of it is plain TCP, that is less than a sender waits for a
 * DATA_ACK: it is to see an acknowledgment of plain TCP before that.
 */
#define PATIENCE_ALONE MSEC(100)
#define PATIENCE       MSEC(200)

/* A join in its handshake: nobody may have sent data on it, and it can be given up. */
static bool only_asked(const struct subflow *sf) { return sf->join && sf->state == SF_OPENING; }

static uint32_t living(const struct conn *c) {
    uint32_t n = 0;
    list_for_each (node, &c->subflows)
        n += subflow_of(node)->state != SF_DEAD && !only_asked(subflow_of(node));
    return n;
}

/*
 * What came on a subflow stands at the same places in the stream: nothing came twice, and nothing was left out. Of what
 * is missing, or waits for the rest of its mapping, the mappings say where it is.
 */
static bool is_the_stream(const struct subflow *sf) {
    const struct conn *c = sf->conn;
    const struct ssn start = hold_start(sf);
    bool same = start.v == conn_bytes_received(c) + 1;
    for (uint32_t i = 0; same && i < sf->rx_maps.count; i++) {
        const struct rx_map *m = deque_at(&sf->rx_maps, i);
        const bool done = ssn_le(ssn_add(m->ssn, m->len), start);
        same = done || dsn_sub(m->dsn, c->rcv_nxt) == (uint64_t)ssn_diff(m->ssn, start);
    }
    return same;
}

bool fallback_possible(const struct conn *c) {
    if (!conn_is_mptcp(c) || c->joined || c->reinjected || living(c) != 1)
        return false;
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->state != SF_DEAD && !only_asked(subflow_of(n)) && !is_the_stream(subflow_of(n)))
            return false;
    return true;
}

/*
 * From here on position n of the subflow is position n of the stream, in both directions. `announce`: the peer does not
 * know yet, so the next new data says so by an infinite mapping.
 */
static void become_plain(struct subflow *sf, bool announce) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    c->mode = MP_FALLBACK;
    list_for_each_safe (n, &c->subflows)
        if (only_asked(subflow_of(n)))
            subflow_reset(subflow_of(n), MPRST_MPTCP, ECONNABORTED);
    c->infinite_tx = announce;
    c->rx_base_ssn = hold_start(sf);
    c->rx_base_dsn = c->rcv_nxt;
    deque_free(&sf->rx_maps, &env->mem);
    deque_init(&sf->rx_maps, sizeof(struct rx_map));
    hold_drain_plain(sf);
    token_release(&c->mp->tokens, &c->token);
    conn_set_due(c, DUE_PATH, UMPTCP_NEVER);
    sf->signals &= SIG_FAIL;
    conn_data_ack(c, tx_una_dsn(sf), sf->tcb.snd_wnd);
    conn_path_event(c, &(struct conn_path_event){.type = UMPTCP_EV_FALLBACK, .subflow = sf->number});
    if (sf->tcb.fin_seen && ssn_le(sf->tcb.fin_ssn, sf->tcb.rcv_nxt))
        conn_receive_fin(c, conn_plain_dsn(c, sf->tcb.fin_ssn));
    close_advance(c);
    conn_ready(c);
}

bool fallback_now(struct subflow *sf, enum mib mib, enum mp_rst_reason otherwise) {
    struct conn *c = sf->conn;
    if (!fallback_possible(c) || c->gap_said) {
        mib_inc(&c->mp->env->mib, MIB_FALLBACK_FAILED);
        subflow_reset(sf, otherwise, ECONNRESET);
        return false;
    }
    mib_inc(&c->mp->env->mib, mib);
    become_plain(sf, true);
    return true;
}

bool fallback_infinite(struct subflow *sf) {
    struct conn *c = sf->conn;
    mib_inc(&c->mp->env->mib, MIB_INFINITE_MAP_RX);
    c->gap_said = false; /* the peer says that nothing was sent twice */
    if (!fallback_now(sf, MIB_DSS_FALLBACK, MPRST_MPTCP))
        return false;
    c->infinite_tx = false; /* the peer is plain TCP already */
    return true;
}

void fallback_infinite_sent(struct subflow *sf) {
    struct conn *c = sf->conn;
    struct mib_table *mib = &c->mp->env->mib;
    mib_inc(mib, MIB_INFINITE_MAP_TX);
    c->infinite_tx = false;
    if (!conn_is_mptcp(c))
        return;
    mib_inc(mib, MIB_DSS_FALLBACK);
    become_plain(sf, false);
}

/* MP_FAIL with the next ACK of this subflow, or with its RST. */
static void say_fail(struct subflow *sf, struct dsn dsn) {
    sf->conn->paths->fail_dsn = dsn;
    sf->signals |= SIG_FAIL;
    tcp_ack_now(&sf->tcb);
    conn_ready(sf->conn);
}

/*
 * With another subflow the data can come again, so this one is reset and says from where on (MP_FAIL). Alone, the
 * stream goes on as TCP would have it: the peer is asked to do without checksums, and from the bad mapping on bytes are
 * taken as they come. Until its infinite mapping is here the peer still speaks MPTCP, and so do we.
 */
void fallback_checksum(struct subflow *sf, const struct rx_map *map) {
    struct conn *c = sf->conn;
    struct mib_table *mib = &c->mp->env->mib;
    mib_inc(mib, MIB_DATA_CSUM_ERR);
    mib->drops[DROP_MP_CSUM]++;
    say_fail(sf, map->dsn);
    if (fallback_possible(c)) {
        c->unchecked = c->fail_sent = c->failing = true;
        return;
    }
    mib_inc(mib, MIB_FALLBACK_FAILED);
    subflow_reset(sf, MPRST_MIDDLEBOX, ECONNRESET);
}

void fallback_unmapped(struct subflow *sf, struct ssn ssn, bool late) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    if (ssn_le(sf->tcb.rcv_nxt, ssn))
        return; /* out of order: its mapping may be in the segment that is missing */
    bool first = !sf->dss_seen && !sf->join;
    bool full = ssn_sub(sf->tcb.rcv_nxt, ssn) >= c->rcvbuf_size;
    if (first || late || full) {
        env->mib.drops[DROP_MP_UNMAPPED]++;
        if (fallback_now(sf, first ? MIB_MPC_DATA_FALLBACK : MIB_DSS_FALLBACK, MPRST_MIDDLEBOX) && late)
            tcp_ack_now(&sf->tcb); /* without an option: the peer sees it before it misses a DATA_ACK */
        return;
    }
    if (time_is_never(sf->hold->unmapped_at)) {
        sf->hold->unmapped_at = time_add(env->now, fallback_possible(c) ? PATIENCE_ALONE : PATIENCE);
        conn_arm_path(c);
    }
}

bool fallback_fail_rcvd(struct subflow *sf) {
    struct conn *c = sf->conn;
    mib_inc(&c->mp->env->mib, MIB_MP_FAIL_RX);
    if (!conn_is_mptcp(c))
        return true;
    if (c->fail_sent) { /* the answer to ours: its infinite mapping follows, and nothing is to be sent again */
        c->failing = false;
        tcp_ack_soon(&sf->tcb);
        return true;
    }
    if (!fallback_possible(c)) {
        mib_inc(&c->mp->env->mib, MIB_FALLBACK_FAILED);
        subflow_reset(sf, MPRST_MIDDLEBOX, ECONNRESET);
        return false;
    }
    c->unchecked = c->fail_sent = true;
    c->infinite_tx = true; /* with the next new data; then it is plain TCP */
    say_fail(sf, c->rcv_nxt);
    return true;
}
