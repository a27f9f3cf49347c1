/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is known of the path to a host, for all subflows between the same two addresses: the size that a router said
 * (RFC 8201 5.2), until it is too old, or the path is doubted (RFC 9293 3.8.3, R1).
 */
#include "mptcp/conn.h"

static bool same_path(const struct subflow *a, const struct flow *b) {
    return addr_eq(&a->flow.remote.addr, &b->remote.addr) && addr_eq(&a->flow.local.addr, &b->local.addr);
}

void subflow_path_mss(struct subflow *sf, uint16_t mss) {
    struct mp *mp = sf->conn->mp;
    struct env *env = mp->env;
    const utime until = time_add(env->now, env->cfg.mtu_probe_interval);
    conn_ready(sf->conn);
    if (!tcp_set_path_mss(&sf->tcb, mss, until))
        return;
    struct fastopen_peer *peer = fastopen_peer_get(&mp->fastopen, env, &sf->flow);
    if (peer) {
        peer->path_mss = sf->tcb.mss;
        peer->path_until = until;
    }
    list_for_each (n, &mp->conns) {
        struct conn *c = container_of(n, struct conn, node);
        list_for_each (m, &c->subflows) {
            struct subflow *other = subflow_of(m);
            if (other != sf && same_path(other, &sf->flow) && tcp_set_path_mss(&other->tcb, mss, until))
                conn_ready(c);
        }
    }
}

void subflow_path_begin(struct subflow *sf) {
    const struct mp *mp = sf->conn->mp;
    const struct fastopen_peer *peer = fastopen_peer_find(&mp->fastopen, &sf->flow);
    if (peer && peer->path_mss && time_before(mp->env->now, peer->path_until))
        tcp_set_path_mss(&sf->tcb, peer->path_mss, peer->path_until);
}

void subflow_path_doubted(const struct subflow *sf) {
    struct fastopen_peer *peer = fastopen_peer_find(&sf->conn->mp->fastopen, &sf->flow);
    if (peer)
        peer->path_mss = 0;
}

/*
 * The same for a connection, so that a network of many paths keeps it on one of them, until that one fails: each
 * timeout makes another (RFC 6437 3). A SYN counts from the second one on.
 */
uint32_t subflow_flow_label(const struct subflow *sf, bool syn) {
    const uint32_t syns = sf->tcb.syn_sends, failures = (syn || !syns ? syns : syns - 1) + sf->tcb.rto_count;
    return ((uint32_t)sf->flow_node.hash + failures * 0x9e3779b1u) & 0xfffff;
}
