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
        .fin_queued = c->write_shut,
        .fin_acked = c->data_fin_acked,
        .fin_received = c->eof,
        .bytes_sent = conn_bytes_sent(c),
        .bytes_acked = conn_bytes_acked(c),
        .bytes_received = conn_bytes_received(c),
        .bytes_reinjected = c->bytes_reinjected,
        .syn_data = c->syn_data,
        .busy =
            conn_chrono_read(c, CHRONO_BUSY) + conn_chrono_read(c, CHRONO_RWND) + conn_chrono_read(c, CHRONO_SNDBUF),
        .rwnd_limited = conn_chrono_read(c, CHRONO_RWND),
        .sndbuf_limited = conn_chrono_read(c, CHRONO_SNDBUF),
        .subflows = living(c),
        .subflows_total = c->subflow_counter,
        .addrs_announced = c->paths ? c->paths->nannounced : 0,
        .addrs_known = c->paths ? c->paths->nremotes : 0,
        .sndbuf = c->sndbuf_size,
        .rcvbuf = c->rcvbuf_size,
        .unsent = (uint32_t)dsn_sub(c->write_seq, c->snd_nxt),
        .rcv_space = c->drs_space,
        .rcv_wnd = dsn_lt(c->rcv_nxt, c->rcv_edge) ? (uint32_t)dsn_sub(c->rcv_edge, c->rcv_nxt) : 0,
        .last_progress = c->last_progress,
        .last_data_sent = c->last_send,
        .last_data_received = c->last_rx_data,
        .path_manager = c->pm->name,
    };
    if (c->paths && c->pm->used)
        c->pm->used(c->paths->pm_state, &info->addrs_used, &info->addrs_accepted);
    return 0;
}

static enum umptcp_ca_state ca_state(const struct tcb *t) {
    static const enum umptcp_ca_state names[] = {
        [TX_OPEN] = UMPTCP_CA_OPEN,         [TX_DISORDER] = UMPTCP_CA_DISORDER, [TX_CWR] = UMPTCP_CA_CWR,
        [TX_RECOVERY] = UMPTCP_CA_RECOVERY, [TX_LOSS] = UMPTCP_CA_LOSS,
    };
    return names[tx_of(t)->state];
}

static void add_details(const struct subflow *sf, struct umptcp_subflow_info *info) {
    const struct tcb *t = &sf->tcb;
    const struct tx_counts n = tx_count(t);
    bool opening = t->state == UMPTCP_SYN_SENT && t->syn_sends;
    info->initiated = sf->initiator;
    info->sack = t->sack_ok;
    info->timestamps = t->ts_ok;
    info->window_scaling = t->wscale_ok;
    info->snd_wscale = t->snd_wscale;
    info->rcv_wscale = t->rcv_wscale;
    info->advmss = t->mss_local;
    info->snd_mss = tcp_payload_max(t, 0);
    info->rcv_mss = t->rcv_mss;
    info->ca_state = ca_state(t);
    info->reordering = t->reordering;
    info->reord_seen = t->reord_seen;
    info->timeouts = opening ? (uint8_t)(t->syn_sends - 1) : t->rto_series;
    info->probes = t->keep_sent;
    info->backoff = t->persist_shift ? t->persist_shift : t->rtt.backoff;
    info->segs_unacked = n.out + opening;
    info->segs_sacked = n.sacked;
    info->segs_lost = n.lost;
    info->segs_again = n.again;
    info->notsent = (uint32_t)(ssn_lt(t->snd_nxt, t->snd_end) ? ssn_sub(t->snd_end, t->snd_nxt) : 0);
    info->snd_wnd = t->snd_wnd;
    info->rcv_wnd = (uint32_t)ssn_sub(t->rcv_edge, t->rcv_nxt);
    info->ato = USEC(t->ato_us);
    info->rcv_rtt = USEC(t->rcv_rtt_us);
    info->last_sent = t->last_sent;
    info->last_received = t->last_rx;
    info->data_segs_out = t->data_segs_out;
    info->data_segs_in = t->data_segs_in;
    info->segs_retrans = t->retrans_segs;
    info->segs_delivered = t->delivered;
    info->segs_delivered_ce = t->extra ? t->extra->delivered_ce : 0;
    info->ecn = t->ecn != TCP_ECN_OFF && t->state != UMPTCP_SYN_SENT;
    info->ecn_seen = t->ecn_seen;
    info->dsack_dups = t->dsack_dups;
    info->segs_out_of_order = t->ofo_segs;
    info->syn_data = t->syn_data;
    info->fastopen_child = t->fast;
    info->fastopen_fail = sf->join ? UMPTCP_FASTOPEN_OK : (enum umptcp_fastopen_fail)sf->conn->fast_fail;
    if (opening && info->timeouts) { /* its one segment was lost and sent again */
        info->ca_state = UMPTCP_CA_LOSS;
        info->segs_lost = info->segs_again = 1;
    }
}

static struct umptcp_subflow_info subflow_info(const struct env *env, const struct subflow *sf) {
    const struct tcb *t = &sf->tcb;
    struct umptcp_subflow_info info = {
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
    add_details(sf, &info);
    return info;
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

const char *umptcp_congestion_control(unsigned index) { return cc_name(index); }

const char *umptcp_drop_name(umptcp_drop reason) { return drop_name((enum drop)reason); }

size_t umptcp_mem_used(const struct umptcp *s) { return s->env.mem.used; }

size_t umptcp_sockets(const struct umptcp *s) { return (size_t)s->mp.nconns + s->listeners.count; }

bool umptcp_quiet(const struct umptcp *s) { return umptcp_sockets(s) == 0 && timers_idle(&s->env.timers); }
