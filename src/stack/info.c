/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking inside: snapshots of connections and subflows, counters, totals. */
#include <string.h>

#include "stack/stack.h"

/* A dead one whose RST has not left yet is nobody's business. */
static uint32_t living(const struct conn *c) {
    uint32_t n = 0;
    list_for_each (node, &c->subflows)
        n += subflow_of(node)->state != SF_DEAD;
    return n;
}

int umptcp_info(struct umptcp *s, umptcp_sock sock, struct umptcp_info *info) {
    int err;
    const struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    *info = (struct umptcp_info){
        .state = c->state,
        .is_mptcp = c->mode != MP_OFF && c->mode != MP_FALLBACK,
        .fallback = c->mode == MP_FALLBACK || (c->mode == MP_OFF && c->local_key),
        .csum_enabled = c->csum,
        .token_local = c->token.token,
        .token_remote = c->remote_token,
        .write_seq = c->write_seq.v,
        .snd_una = c->snd_una.v,
        .rcv_nxt = c->rcv_nxt.v,
        .bytes_sent = conn_bytes_sent(c),
        .bytes_acked = conn_bytes_acked(c),
        .bytes_received = conn_bytes_received(c),
        .bytes_reinjected = c->bytes_reinjected,
        .subflows = living(c),
        .subflows_total = c->subflow_counter,
        .sndbuf = c->sndbuf_size,
        .rcvbuf = c->rcvbuf_size,
        .unsent = (uint32_t)dsn_sub(c->write_seq, c->snd_nxt),
        .last_progress = c->last_progress,
    };
    return 0;
}

static struct umptcp_subflow_info subflow_info(const struct env *env, const struct subflow *sf) {
    const struct tcb *t = &sf->tcb;
    return (struct umptcp_subflow_info){
        .id = sf->number,
        .state = t->state,
        .netif = sf->netif,
        .local = sf->flow.local,
        .remote = sf->flow.remote,
        .local_id = sf->local_id,
        .remote_id = sf->remote_id,
        .backup = sf->local_backup || sf->remote_backup,
        .stale = sf->stale,
        .established = sf->state == SF_ACTIVE,
        .mss = t->mss,
        .cwnd = t->cc.cwnd,
        .ssthresh = t->cc.ssthresh,
        .inflight = (uint32_t)ssn_sub(t->snd_nxt, t->snd_una),
        .srtt = t->rtt.srtt,
        .rttvar = t->rtt.rttvar,
        .min_rtt = rtt_min(&t->rtt),
        .rto = rtt_rto(&t->rtt, env->cfg.rto_min, env->cfg.rto_max),
        .bytes_sent = tcp_bytes_sent(t),
        .bytes_acked = tcp_bytes_acked(t),
        .bytes_received = tcp_bytes_received(t),
        .bytes_retrans = t->bytes_retrans,
        .segs_out = t->segs_out,
        .segs_in = t->segs_in,
        .rto_count = t->rto_count,
    };
}

int umptcp_subflows(struct umptcp *s, umptcp_sock sock, struct umptcp_subflow_info *info, int max) {
    int n = 0, err;
    const struct conn *c = stack_conn(s, sock, &err);
    if (!c)
        return err;
    list_for_each (node, &c->subflows) {
        const struct subflow *sf = subflow_of(node);
        if (sf->state == SF_DEAD)
            continue;
        if (n < max)
            info[n] = subflow_info(&s->env, sf);
        n++;
    }
    return n;
}

const char *umptcp_counter(const struct umptcp *s, unsigned index, uint64_t *value) {
    uint64_t ignored;
    return mib_entry(&s->env.mib, index, value ? value : &ignored);
}

uint64_t umptcp_counter_get(const struct umptcp *s, const char *name) {
    const char *entry;
    uint64_t value;
    for (unsigned i = 0; (entry = mib_entry(&s->env.mib, i, &value)); i++)
        if (strcmp(entry, name) == 0)
            return value;
    return 0;
}

const char *umptcp_drop_name(umptcp_drop reason) { return drop_name((enum drop)reason); }

size_t umptcp_mem_used(const struct umptcp *s) { return s->env.mem.used; }

size_t umptcp_sockets(const struct umptcp *s) { return (size_t)s->mp.nconns + s->listeners.count; }

bool umptcp_quiet(const struct umptcp *s) { return umptcp_sockets(s) == 0 && timers_idle(&s->env.timers); }
