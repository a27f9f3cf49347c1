/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data in: DSS options get their meaning, then the payload finds its place in the stream, in whatever order it comes
 * (RFC 8684 3.3.4). What TCP is told to have received is what was stored here, so nothing acknowledged can be lost.
 */
#include <errno.h>

#include "mptcp/conn.h"
#include "wire/mpcrypto.h"

/* ---- The stream ----------------------------------------------------------------------------------------------------
 */

/* In-order bytes up to `end` are there. */
static void stream_advance(struct conn *c, struct dsn end) {
    struct env *env = c->mp->env;
    const struct range *r = ranges_find(&c->rcv_ofo, end.v);
    if (r)
        end.v = r->end;
    c->rcv_nxt = end;
    ranges_remove_below(&c->rcv_ofo, &env->mem, end.v);
    c->last_progress = env->now;
    c->futile = 0;
    conn_notify(c, NOTIFY_READABLE);
}

/* Stores what of [at, end) did not come before; the first copy of a byte wins (3.3.1). */
static int stream_store(struct conn *c, struct dsn at, struct dsn end, const uint8_t *data) {
    struct env *env = c->mp->env;
    struct range gap;
    for (uint64_t from = at.v; ranges_gap(&c->rcv_ofo, from, end.v, &gap); from = gap.end)
        if (bytebuf_write(&c->rcvbuf, &env->chunks, gap.start, data + (gap.start - at.v), gap.end - gap.start))
            return -ENOMEM;
    return 0;
}

/* The same, and what others hold out of order makes room for what the application can read. */
static int stream_store_in_order(struct conn *c, struct dsn at, struct dsn end, const uint8_t *data) {
    struct env *env = c->mp->env;
    while (stream_store(c, at, end, data)) {
        mib_inc(&env->mib, MIB_TCP_PRUNE_CALLED);
        if (!pressure_relieve(c->mp)) {
            mib_inc(&env->mib, MIB_TCP_RCV_PRUNED);
            return -ENOMEM;
        }
    }
    return 0;
}

/* As what Linux counts bytes that came before others: next to such bytes, behind them all, or else. */
static enum mib ofo_place(const struct ranges *ofo, struct dsn at, struct dsn end) {
    if (ranges_touch(ofo, at.v, end.v))
        return MIB_OFO_MERGE;
    return ranges_empty(ofo) || ranges_next(ofo, at.v) ? MIB_OFO_QUEUE : MIB_OFO_QUEUE_TAIL;
}

int conn_receive(struct conn *c, struct dsn dsn, const uint8_t *data, uint32_t len, enum drop *drop) {
    struct env *env = c->mp->env;
    struct dsn end = dsn_add(dsn, len);
    struct dsn limit = c->fin_rcvd ? dsn_min(c->rcv_edge, c->fin_dsn) : c->rcv_edge;
    if (dsn_lt(limit, end)) { /* 3.3.4, 3.8: beyond the window (or the DATA_FIN) it is not taken and not acknowledged */
        *drop = DROP_MP_DSN_WINDOW;
        mib_inc(&env->mib, MIB_NO_DSS_IN_WINDOW);
        if (dsn_le(limit, dsn))
            return 0;
        end = limit;
    }
    if (dsn_le(end, c->rcv_nxt)) {
        *drop = DROP_MP_DSN_OLD;
        mib_inc(&env->mib, MIB_DUPLICATE_DATA);
        return 0;
    }
    if (c->orphan || (c->read_shut && c->write_shut && c->mode == MP_OFF)) {
        *drop = DROP_TCP_RECV_CLOSED;
        return 0;
    }
    struct dsn at = dsn_max(dsn, c->rcv_nxt);
    bool in_order = dsn_eq(at, c->rcv_nxt);
    if (!in_order && c->rcv_ofo.count >= CONN_OFO_MAX && !ranges_touch(&c->rcv_ofo, at.v, end.v)) {
        *drop = DROP_TCP_OFO_FULL;
        return -ENOBUFS;
    }
    if (!in_order && mem_tight(&env->mem)) {
        *drop = DROP_NO_MEMORY;
        return -ENOMEM;
    }
    enum mib place = ofo_place(&c->rcv_ofo, at, end);
    data += dsn_sub(at, dsn);
    if (in_order ? stream_store_in_order(c, at, end, data)
                 : stream_store(c, at, end, data) || ranges_add(&c->rcv_ofo, &env->mem, at.v, end.v)) {
        *drop = DROP_NO_MEMORY;
        return -ENOMEM;
    }
    c->last_rx_data = env->now;
    if (in_order)
        stream_advance(c, end);
    else
        mib_inc(&env->mib, place);
    return 0;
}

void conn_receive_fin(struct conn *c, struct dsn dsn) {
    if (!c->fin_rcvd) {
        if (dsn_lt(dsn, c->rcv_nxt)) /* data came from beyond it: not a DATA_FIN of this stream */
            return;
        c->fin_rcvd = true;
        c->fin_dsn = dsn;
    }
    close_advance(c);
}

/* ---- DSS -----------------------------------------------------------------------------------------------------------
 */

/* A DATA_FIN without payload: SSN 0, length 1, checksum over the pseudo-header alone (3.3.3). */
static void lone_data_fin(struct subflow *sf, const struct mpopt *dss, struct dsn dsn) {
    struct conn *c = sf->conn;
    if (c->csum) {
        struct csum sum = {0};
        mp_csum_add_pseudo(&sum, dsn, dss->dss.ssn, dss->dss.len);
        if (csum_finish(&sum) != dss->dss.csum) {
            mib_inc(&c->mp->env->mib, MIB_DATA_CSUM_ERR);
            return;
        }
    }
    /* It came again: our DATA_ACK was lost. When our FINs are under way they say it. */
    if (c->fin_rcvd && dsn_eq(dsn, c->fin_dsn) && c->state != UMPTCP_CLOSED) {
        sf->signals |= SIG_DATA_ACK;
        tcp_ack_now(&sf->tcb);
    }
    conn_receive_fin(c, dsn);
}

/* A mapping that came. False when the subflow was reset for it. */
static bool mapping_input(struct subflow *sf, struct rx_map *map, enum drop *drop) {
    struct conn *c = sf->conn;
    if (map->has_csum != c->csum) { /* 3.3: either everyone checks or nobody */
        *drop = DROP_MP_MAP_BAD;
        subflow_reset(sf, MPRST_MPTCP, EPROTO);
        return false;
    }
    enum drop d = rx_map_add(sf, map);
    if (d == DROP_NONE && map->data_fin && !rx_map_checked(c, map))
        conn_receive_fin(c, dsn_add(map->dsn, map->len));
    if (d != DROP_NONE)
        *drop = d;
    return true;
}

/* Whoever sent this DATA_ACK spoke MPTCP, and had all that this segment acknowledges. */
static void note_data_ack(struct subflow *sf, const struct seg *seg) {
    struct conn *c = sf->conn;
    struct ssn ack = ssn_of(sf->tcb.isn, sf->tcb.snd_una, seg->ack);
    if (!sf->join && ssn_lt(c->told_una, ack) && ssn_le(ack, sf->tcb.snd_una))
        c->told_una = ack;
}

static bool dss_input(struct subflow *sf, const struct mpopt *o, const struct seg *seg, const struct tcp_rx *rx,
                      enum drop *drop) {
    struct conn *c = sf->conn;
    if (o->dss.has_ack) {
        note_data_ack(sf, seg);
        struct dsn ack = o->dss.ack64 ? (struct dsn){o->dss.ack} : dsn_unwrap(c->snd_una, (uint32_t)o->dss.ack);
        sf->confirmed = sf->confirmed || ssn_lt(subflow_tx_first(sf), sf->tcb.snd_una);
        conn_data_ack(c, ack, rx->wnd);
    }
    if (!o->dss.has_map)
        return true;
    struct dsn dsn = o->dss.dsn64 ? (struct dsn){o->dss.dsn} : dsn_unwrap(c->rcv_nxt, (uint32_t)o->dss.dsn);
    c->ack64 = c->ack64 || o->dss.dsn64;
    if (o->dss.len == 0)
        return fallback_infinite(sf);
    if (o->dss.data_fin && o->dss.len == 1) {
        if (o->dss.has_csum == c->csum)
            lone_data_fin(sf, o, dsn);
        return true;
    }
    const uint32_t ssn = o->dss.ssn - 1 + (uint32_t)subflow_rx_first(sf).v;
    struct rx_map map = {.ssn = ssn_unwrap(sf->tcb.rcv_nxt, ssn),
                         .dsn = dsn,
                         .len = (uint32_t)o->dss.len - o->dss.data_fin,
                         .option_len = o->dss.len,
                         .csum = o->dss.csum,
                         .has_csum = o->dss.has_csum,
                         .data_fin = o->dss.data_fin};
    return mapping_input(sf, &map, drop);
}

static bool mpc_data_counts(const struct subflow *sf, const struct mpopt *o) {
    const struct conn *c = sf->conn;
    return !sf->initiator && !sf->join && o->mpc.sender_key == c->remote_key && o->mpc.receiver_key == c->local_key;
}

/* MP_CAPABLE with data stands for a DSS: it maps the first bytes (3.1), from all 64 bits of the IDSN on. */
static bool mpc_data_input(struct subflow *sf, const struct mpopt *o, enum drop *drop) {
    struct conn *c = sf->conn;
    c->ack64 = true;
    struct rx_map map = {.ssn = subflow_rx_first(sf),
                         .dsn = dsn_add(c->remote_idsn, 1),
                         .len = o->mpc.len,
                         .option_len = o->mpc.len,
                         .csum = o->mpc.csum,
                         .has_csum = o->mpc.has_csum};
    return map.len == 0 || mapping_input(sf, &map, drop);
}

/*
 * The peer has our key: a DATA_ACK needs it. A mapping alone proves as much, but not after Fast Open, where the server
 * may send before the third ACK. Behind a hole the handshake is not over yet, as with Linux: the keys go along until
 * then.
 */
static bool proves_keys(struct subflow *sf, const struct mpopt *dss, const struct tcp_rx *rx) {
    struct conn *c = sf->conn;
    const bool proof = dss->dss.has_ack || (dss->dss.has_map && !c->hasty);
    c->key_arrived = c->key_arrived || proof;
    if (!proof || !rx->in_order)
        return false;
    if (c->hasty && c->mode == MP_PENDING && conn_bytes_received(c))
        tcp_ack_now(&sf->tcb); /* what came before could not be acknowledged */
    return true;
}

/* The MPTCP options that map and acknowledge. False when the subflow was reset for them. */
static bool options_input(struct subflow *sf, const struct seg *seg, const struct tcp_rx *rx, enum drop *drop) {
    struct conn *c = sf->conn;
    bool dss_done = false;
    for (uint32_t i = 0; i < seg->mp.n; i++) {
        const struct mpopt *o = &seg->mp.opt[i];
        if (o->type == MP_DSS && !dss_done) { /* of several only the first counts */
            dss_done = sf->dss_seen = true;
            if (proves_keys(sf, o, rx))
                conn_fully_established(c);
            if (!dss_input(sf, o, seg, rx, drop))
                return false;
        } else if (o->type == MPC_DATA && mpc_data_counts(sf, o)) {
            sf->dss_seen = true;
            conn_fully_established(c);
            if (!mpc_data_input(sf, o, drop))
                return false;
        }
    }
    return true;
}

/*
 * A segment without any MPTCP option acknowledges data of ours before a DATA_ACK ever came on this subflow, or is the
 * server's first word: something on the path strips them (3.7). On the only subflow that means plain TCP from here.
 */
static bool options_stripped(const struct subflow *sf, const struct seg *seg, const struct tcp_rx *rx) {
    if (!conn_is_mptcp(sf->conn) || seg->mp.n || seg->flags & TCP_SYN)
        return false;
    bool first_word = sf->initiator && !sf->dss_seen && (seg->len || seg->flags & TCP_FIN);
    return first_word || (rx->acked > 0 && !sf->confirmed);
}

/* ---- Payload -------------------------------------------------------------------------------------------------------
 */

/* A mapping that this segment carries whole needs no detour through the hold buffer for its checksum. */
static bool whole_map_ok(const struct subflow *sf, const struct rx_map *m, struct ssn ssn, const uint8_t *data,
                         uint32_t len) {
    if (!ssn_eq(m->ssn, ssn) || m->len != len)
        return false;
    struct csum sum = {0};
    csum_add(&sum, data, len);
    mp_csum_add_pseudo(&sum, m->dsn, subflow_rx_ssn(sf, m->ssn), m->option_len);
    return csum_finish(&sum) == m->csum;
}

/* Bytes from `ssn` on that mapping `m` covers. */
static int mapped_input(struct subflow *sf, struct rx_map *m, struct ssn ssn, const uint8_t *data, uint32_t len,
                        enum drop *drop) {
    struct conn *c = sf->conn;
    if (m->placed)
        return 0;
    bool checked = rx_map_checked(c, m);
    if (checked && !whole_map_ok(sf, m, ssn, data, len))
        return hold_store(sf, ssn, data, len);
    int err = conn_receive(c, dsn_add(m->dsn, ssn_sub(ssn, m->ssn)), data, len, drop);
    if (checked && !err)
        rx_map_placed(c, m);
    return err;
}

/* How far the unmapped bytes at `ssn` go, at most `len`. */
static uint32_t unmapped_run(const struct subflow *sf, struct ssn ssn, uint32_t len) {
    for (uint32_t i = 0; i < sf->rx_maps.count; i++) {
        const struct rx_map *m = deque_at(&sf->rx_maps, i);
        if (ssn_lt(ssn, m->ssn))
            return ssn_sub(m->ssn, ssn) < len ? (uint32_t)ssn_sub(m->ssn, ssn) : len;
    }
    return len;
}

static int payload_mptcp(struct subflow *sf, const struct tcp_rx *rx, const uint8_t *data, enum drop *drop) {
    struct ssn ssn = rx->ssn;
    for (uint32_t left = rx->len; left;) {
        struct rx_map *m = rx_map_find(sf, ssn);
        uint64_t run = m ? ssn_sub(ssn_add(m->ssn, m->len), ssn) : unmapped_run(sf, ssn, left);
        uint32_t n = run < left ? (uint32_t)run : left;
        int err = m ? mapped_input(sf, m, ssn, data, n, drop) : hold_store(sf, ssn, data, n);
        if (err)
            return err;
        ssn = ssn_add(ssn, n);
        data += n;
        left -= n;
    }
    return 0;
}

static int payload_plain(struct subflow *sf, const struct tcp_rx *rx, const uint8_t *data, enum drop *drop) {
    struct conn *c = sf->conn;
    struct dsn dsn = conn_plain_dsn(c, rx->ssn);
    if (dsn_lt(c->rcv_edge, dsn_add(dsn, rx->len))) /* TCP checked it against the subflow's window */
        c->rcv_edge = dsn_add(dsn, rx->len);
    return conn_receive(c, dsn, data, rx->len, drop);
}

/* What has to be looked at after bytes were stored: mappings that are complete, bytes that have none. */
static void payload_done(struct subflow *sf, enum drop *drop) {
    if (sf->hold && !hold_drain(sf, drop))
        return;
    rx_map_drop_below(sf, hold_start(sf));
    struct ssn ssn;
    if (sf->hold && hold_unmapped(sf, &ssn))
        fallback_unmapped(sf, ssn, false);
    else if (sf->hold)
        sf->hold->unmapped_at = UMPTCP_NEVER;
}

/* Perhaps it is what held bytes waited for. */
static void mapping_came(struct subflow *sf, enum drop *drop) {
    struct conn *c = sf->conn;
    struct dsn before = c->rcv_nxt;
    if (!sf->hold || !conn_is_mptcp(c))
        return;
    payload_done(sf, drop);
    if (!dsn_eq(before, c->rcv_nxt))
        tcp_ack_now(&sf->tcb);
}

static enum drop payload_input(struct subflow *sf, const struct seg *seg, const struct tcp_rx *rx) {
    struct conn *c = sf->conn;
    enum drop drop = DROP_NONE;
    bool eof = false, plain = !conn_is_mptcp(c);
    if (sf->state == SF_PRE || sf->state == SF_OPENING)
        return DROP_MP_NOT_ESTABLISHED;
    if (rx->len) {
        const uint8_t *data = seg->data + rx->skip;
        if (plain ? payload_plain(sf, rx, data, &drop) : payload_mptcp(sf, rx, data, &drop))
            return drop ? drop : DROP_NO_MEMORY;
    }
    if (tcp_receive(&sf->tcb, seg, rx->ssn, rx->len, rx->fin, &eof) < 0)
        return DROP_NO_MEMORY;
    if (!plain && rx->len)
        payload_done(sf, &drop);
    if (eof && sf->state != SF_DEAD && drop != DROP_TCP_RECV_CLOSED)
        close_fin_rcvd(sf, !seg->mp.n);
    return drop;
}

enum drop receive_input(struct subflow *sf, const struct seg *seg, struct tcp_rx *rx) {
    struct conn *c = sf->conn;
    enum drop drop = DROP_NONE;
    if (conn_is_mptcp(c)) {
        if (!options_input(sf, seg, rx, &drop))
            return drop;
        if (drop == DROP_MP_MAP_FULL || drop == DROP_NO_MEMORY)
            return drop; /* bytes without their mapping would be of no use: mapping and all, they come again */
        if (options_stripped(sf, seg, rx) && !fallback_now(sf, MIB_MPC_DATA_FALLBACK, MPRST_MIDDLEBOX))
            return drop;
    }
    conn_urgent_input(c, seg, rx);
    if (rx->len || rx->fin) {
        conn_arm_path(c);
        enum drop payload = payload_input(sf, seg, rx);
        drop = payload ? payload : drop;
    } else {
        mapping_came(sf, &drop);
    }
    if (drop == DROP_TCP_RECV_CLOSED) { /* nobody will read it: say so (RFC 9293 3.6.1, RFC 2525 2.17) */
        mib_inc(&c->mp->env->mib, MIB_TCP_ABORT_ON_DATA);
        if (c->mode == MP_OFF) { /* the RST is made of what came */
            rx->reply_rst = true;
            tcp_forget(&sf->tcb, ECONNRESET);
            subflow_gone(sf, ECONNRESET);
        }
        conn_abort(c, ECONNRESET);
    }
    return drop;
}
