/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What getsockopt() tells in structures: TCP_INFO, TCP_CC_INFO, SO_MEMINFO, MPTCP_INFO, in the layout of Linux's ABI.
 * The structures are written out here because headers of the machine may be older than the fields that are known.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "script/host_internal.h"
#include "script/print.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

enum {
    TCP_CC_INFO_NAME = 26,
    SOL_MPTCP_LEVEL = 284,
    MPTCP_INFO_NAME = 1,
    MPTCP_FLAG_KEY = 2,
    OPT_SYN_DATA = 32,
    OPT_TFO_CHILD = 128,
    MEMINFO_VARS = 9,
    REORDERING = 3,
    TIMESTAMPS = 12, /* bytes of a segment */
    MSS_UNKNOWN = 536,
    INITIAL_SEGMENTS = 10, /* of what an application is expected to read in the first round trip */
    SUBFLOWS_LOOK = 16,
    SSTHRESH_INFINITE = 0x7fffffff,
};

struct abi_tcp_info {
    uint8_t state, ca_state, retransmits, probes, backoff, options;
    uint8_t snd_wscale : 4, rcv_wscale : 4;
    uint8_t app_limited : 1, fastopen_client_fail : 2;
    uint32_t rto, ato, snd_mss, rcv_mss;
    uint32_t unacked, sacked, lost, retrans, fackets;
    uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
    uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
    uint32_t rcv_rtt, rcv_space;
    uint32_t total_retrans;
    uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    uint32_t segs_out, segs_in;
    uint32_t notsent_bytes, min_rtt, data_segs_in, data_segs_out;
    uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
    uint32_t delivered, delivered_ce;
    uint64_t bytes_sent, bytes_retrans;
    uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd, rcv_wnd, rehash;
    uint16_t total_rto, total_rto_recoveries;
    uint32_t total_rto_time;
};
_Static_assert(sizeof(struct abi_tcp_info) == 248, "as the kernel has it, up to total_rto_time");

struct abi_mptcp_info {
    uint8_t subflows, add_addr_signal, add_addr_accepted, subflows_max, add_addr_signal_max, add_addr_accepted_max;
    uint32_t flags, token;
    uint64_t write_seq, snd_una, rcv_nxt;
    uint8_t local_addr_used, local_addr_max, csum_enabled;
    uint32_t retransmits;
    uint64_t bytes_retrans, bytes_sent, bytes_received, bytes_acked;
    uint8_t subflows_total, reserved[3];
    uint32_t last_data_sent, last_data_recv, last_ack_recv;
};
_Static_assert(sizeof(struct abi_mptcp_info) == 96, "as the kernel has it");

static uint32_t clamp32(uint64_t n) { return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX; }
static uint32_t us(dur d) { return clamp32(d / USEC(1)); }

/* Milliseconds since then; for what never happened, since the connection came up. */
static uint32_t ago(const struct host *h, const struct sock *s, utime then) {
    return clamp32(time_since(h->now, time_max(then, s->up)) / MSEC(1));
}

/* ---- TCP_INFO ---------------------------------------------------------------------------------------------------- */

static void tcp_counters(const struct umptcp_subflow_info *sf, struct abi_tcp_info *t) {
    t->bytes_acked = sf->bytes_acked + (sf->segs_delivered > 0 && sf->initiated); /* Linux counts its SYN */
    t->bytes_received = sf->bytes_received;
    /* Linux sends the SYN/ACK before the connection exists, and counts the SYN that made it. */
    t->segs_out = sf->segs_out - (!sf->initiated && sf->segs_out > 0);
    t->segs_in = sf->segs_in + !sf->initiated;
    t->data_segs_in = sf->data_segs_in;
    t->data_segs_out = sf->data_segs_out;
    t->delivered = sf->segs_delivered;
    t->delivered_ce = sf->segs_delivered_ce;
    t->bytes_sent = sf->bytes_sent;
    t->bytes_retrans = sf->bytes_retrans;
    t->total_retrans = sf->segs_retrans;
    t->dsack_dups = sf->dsack_dups;
    t->reord_seen = sf->reord_seen;
    t->rcv_ooopack = sf->segs_out_of_order;
    t->total_rto = (uint16_t)sf->rto_count;
}

static void tcp_flight(const struct umptcp_subflow_info *sf, struct abi_tcp_info *t) {
    uint32_t mss = sf->established && sf->snd_mss ? sf->snd_mss : sf->mss;
    t->ca_state = (uint8_t)sf->ca_state;
    t->retransmits = sf->timeouts;
    t->probes = sf->probes;
    t->backoff = sf->backoff;
    t->rto = us(sf->rto);
    t->snd_mss = sf->snd_mss;
    t->unacked = sf->segs_unacked;
    t->sacked = sf->segs_sacked;
    t->lost = sf->segs_lost;
    t->retrans = sf->segs_again;
    t->rtt = us(sf->srtt);
    t->rttvar = us(sf->rttvar);
    t->min_rtt = sf->min_rtt ? us(sf->min_rtt) : UINT32_MAX;
    t->snd_ssthresh = sf->ssthresh == UINT32_MAX ? SSTHRESH_INFINITE : sf->ssthresh / mss;
    t->snd_cwnd = sf->cwnd / mss;
    t->reordering = sf->reordering > REORDERING ? sf->reordering : REORDERING;
    t->snd_wnd = sf->snd_wnd;
}

static int tcp_info(struct host *h, const struct sock *s, struct abi_tcp_info *t) {
    struct umptcp_subflow_info sf;
    struct umptcp_info info;
    *t = (struct abi_tcp_info){.state = (uint8_t)sock_state(h, s),
                               .rto = 1000000,
                               .ato = 40000,
                               .snd_mss = MSS_UNKNOWN,
                               .rcv_mss = MSS_UNKNOWN,
                               .snd_ssthresh = SSTHRESH_INFINITE,
                               .snd_cwnd = 10,
                               .reordering = REORDERING,
                               .min_rtt = UINT32_MAX,
                               .pacing_rate = UINT64_MAX,
                               .max_pacing_rate = UINT64_MAX};
    if (s->listening)
        t->unacked = (uint32_t)umptcp_pending(h->stack, s->sock);
    if (!sock_info(h, s, &info))
        return 0;
    if (umptcp_subflows(h->stack, s->sock, &sf, 1) < 1 || (info.is_mptcp && sf.id != 1)) {
        if (s->mptcp && info.is_mptcp) /* the first subflow answers, and it is gone */
            t->state = UMPTCP_CLOSED;
        t->options = info.syn_data ? OPT_SYN_DATA : 0;
        return 0;
    }
    t->state = (uint8_t)(s->mptcp && info.is_mptcp ? sf.state : info.state);
    t->options = (uint8_t)((sf.timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (sf.sack ? TCPI_OPT_SACK : 0) |
                           (sf.window_scaling ? TCPI_OPT_WSCALE : 0) | (sf.ecn ? TCPI_OPT_ECN : 0) |
                           (sf.ecn_seen ? TCPI_OPT_ECN_SEEN : 0) | (sf.syn_data ? OPT_SYN_DATA : 0) |
                           (sf.fastopen_child ? OPT_TFO_CHILD : 0));
    t->fastopen_client_fail = (unsigned)sf.fastopen_fail & 3;
    t->snd_wscale = sf.snd_wscale & 15;
    t->rcv_wscale = sf.window_scaling ? sf.rcv_wscale & 15 : 0;
    t->ato = sf.data_segs_in ? us(sf.ato) : 0;
    t->rcv_mss = sf.rcv_mss;
    t->advmss = sf.advmss - (sf.timestamps ? TIMESTAMPS : 0);
    t->pmtu = h->mtu;
    t->last_data_sent = ago(h, s, sf.data_segs_out ? sf.last_sent : s->up);
    t->last_data_recv = ago(h, s, info.last_data_received);
    t->last_ack_recv = ago(h, s, sf.last_received);
    t->rcv_rtt = us(sf.rcv_rtt);
    t->rcv_space = info.rcv_space ? info.rcv_space : INITIAL_SEGMENTS * t->advmss;
    t->rcv_ssthresh = info.rcvbuf;
    t->rcv_wnd = info.is_mptcp ? info.rcv_wnd : sf.rcv_wnd;
    t->notsent_bytes = info.unsent + sf.notsent;
    t->busy_time = info.busy / USEC(1);
    t->rwnd_limited = info.rwnd_limited / USEC(1);
    t->sndbuf_limited = info.sndbuf_limited / USEC(1);
    if (info.state == UMPTCP_SYN_SENT) /* the peer's MSS is not known */
        sf.snd_mss = MSS_UNKNOWN - (h->config.timestamps ? TIMESTAMPS : 0);
    tcp_flight(&sf, t);
    tcp_counters(&sf, t);
    return 0;
}

/* ---- MPTCP_INFO -------------------------------------------------------------------------------------------------- */

/* Which of a connection's subflows Linux counts: the first one while both directions are open, others until we end
 * ours; a join of the peer from its third ACK on, one of ours from its SYN on. */
static bool counted(const struct umptcp_subflow_info *sf) {
    switch (sf->state) {
    case UMPTCP_SYN_SENT:
    case UMPTCP_ESTABLISHED:
        return true;
    case UMPTCP_SYN_RCVD:
        return sf->id == 1 || sf->initiated || sf->established;
    case UMPTCP_CLOSE_WAIT:
        return sf->id != 1;
    default:
        return false;
    }
}

/* Endpoints, limits, and how many of them this connection uses. Managed from outside it has none. */
static void mptcp_paths(struct host *h, const struct sock *s, const struct umptcp_info *info,
                        struct abi_mptcp_info *m) {
    struct umptcp_endpoint eps[UMPTCP_ENDPOINTS_MAX];
    struct umptcp_subflow_info sf[SUBFLOWS_LOOK];
    int neps = umptcp_endpoints(h->stack, eps, UMPTCP_ENDPOINTS_MAX);
    int nsf = umptcp_subflows(h->stack, s->sock, sf, SUBFLOWS_LOOK);
    bool in_kernel = !strcmp(info->path_manager, "kernel");
    if (in_kernel)
        umptcp_limits_get(h->stack, &m->subflows_max, &m->add_addr_accepted_max);
    for (int i = 0; i < neps && i < UMPTCP_ENDPOINTS_MAX && in_kernel; i++) {
        m->add_addr_signal_max += (eps[i].flags & UMPTCP_EP_SIGNAL) != 0;
        m->local_addr_max += (eps[i].flags & UMPTCP_EP_SUBFLOW) != 0;
    }
    m->local_addr_used = (uint8_t)info->addrs_used;
    m->add_addr_accepted = (uint8_t)info->addrs_accepted;
    for (int i = 0; i < nsf && i < SUBFLOWS_LOOK; i++) {
        m->subflows += sf[i].id != 1 && counted(&sf[i]);
        m->subflows_total += counted(&sf[i]);
        m->local_addr_used += !in_kernel && sf[i].initiated && sf[i].local_id != 0;
        m->add_addr_accepted += !in_kernel && sf[i].initiated && sf[i].id != 1 && sf[i].remote_id != 0;
    }
}

static int mptcp_info(struct host *h, const struct sock *s, struct abi_mptcp_info *m) {
    struct umptcp_info info;
    *m = (struct abi_mptcp_info){0};
    const int plain = s->domain == AF_INET6 ? -ENOPROTOOPT : -EOPNOTSUPP;
    if (!s->mptcp)
        return plain;
    if (!sock_info(h, s, &info))
        return 0;
    if (info.fallback)
        return plain;
    mptcp_paths(h, s, &info, m);
    m->flags = info.token_remote ? MPTCP_FLAG_KEY : 0;
    m->token = info.token_local;
    m->add_addr_signal = (uint8_t)info.addrs_announced;
    m->write_seq = info.write_seq + info.fin_queued; /* Linux counts the octet of a DATA_FIN everywhere */
    m->snd_una = info.snd_una + info.fin_acked;
    m->rcv_nxt = info.rcv_nxt + info.fin_received;
    m->csum_enabled = info.csum_enabled;
    m->bytes_retrans = info.bytes_reinjected;
    m->bytes_sent = info.bytes_sent;
    m->bytes_received = info.bytes_received;
    m->bytes_acked = info.bytes_acked + info.fin_acked;
    m->last_data_sent = ago(h, s, info.last_data_sent);
    m->last_data_recv = ago(h, s, info.last_data_received);
    m->last_ack_recv = ago(h, s, info.last_progress);
    return 0;
}

/* ---- SO_MEMINFO, TCP_CC_INFO ------------------------------------------------------------------------------------- */

static int memory_value(struct host *h, const struct sock *s, int name) {
    int value = 0;
    socklen_t len = sizeof value;
    for (int fd = 0; fd < h->nfiles; fd++)
        if (h->files[fd].kind == FILE_SOCKET && h->files[fd].sock == s)
            (void)host_getsockopt(h, fd, SOL_SOCKET, name, &value, &len);
    return value;
}

/* Bytes of payload stand for memory: rmem, rcvbuf, wmem, sndbuf, forward, queued, options, backlog, drops. */
static void meminfo(struct host *h, const struct sock *s, uint32_t mem[MEMINFO_VARS]) {
    struct umptcp_info info;
    memset(mem, 0, MEMINFO_VARS * sizeof *mem);
    mem[1] = (uint32_t)memory_value(h, s, SO_RCVBUF);
    mem[3] = (uint32_t)memory_value(h, s, SO_SNDBUF);
    if (!sock_info(h, s, &info))
        return;
    mem[0] = (uint32_t)sock_readable(h, s);
    mem[5] = (uint32_t)(info.write_seq - info.snd_una);
}

/* The names that ss(8) has for these values. */
static const struct {
    const char *name;
    size_t offset, size;
} mptcp_values[] = {
#define VALUE(member)                                                                                                  \
    { #member, offsetof(struct abi_mptcp_info, member), sizeof((struct abi_mptcp_info *)0)->member }
    VALUE(subflows),
    VALUE(add_addr_signal),
    VALUE(add_addr_accepted),
    VALUE(subflows_max),
    VALUE(subflows_total),
    VALUE(add_addr_signal_max),
    VALUE(add_addr_accepted_max),
    VALUE(flags),
    VALUE(token),
    VALUE(write_seq),
    VALUE(snd_una),
    VALUE(rcv_nxt),
    VALUE(local_addr_used),
    VALUE(local_addr_max),
    VALUE(csum_enabled),
    VALUE(bytes_retrans),
    VALUE(bytes_sent),
    VALUE(bytes_received),
    VALUE(bytes_acked),
#undef VALUE
};

static uint64_t member(const struct abi_mptcp_info *m, size_t offset, size_t size) {
    union {
        uint8_t u8;
        uint32_t u32;
        uint64_t u64;
    } v;
    memcpy(&v, (const uint8_t *)m + offset, size);
    return size == 1 ? v.u8 : size == 4 ? v.u32 : v.u64;
}

int host_mptcp_value(struct host *h, const char *name, uint64_t *value) {
    struct abi_mptcp_info m;
    const struct sock *s = h->socks; /* the newest comes first */
    while (s && (!s->mptcp || s->listening || !s->sock.v))
        s = s->next;
    if (!s || mptcp_info(h, s, &m))
        return -ENOTCONN;
    for (size_t i = 0; i < sizeof mptcp_values / sizeof *mptcp_values; i++)
        if (strcmp(name, mptcp_values[i].name) == 0) {
            *value = member(&m, mptcp_values[i].offset, mptcp_values[i].size);
            return 0;
        }
    return -ENOENT;
}

int info_get(struct host *h, struct sock *s, int level, int name, void *value, size_t room) {
    struct abi_tcp_info t;
    struct abi_mptcp_info m;
    uint32_t mem[MEMINFO_VARS];
    if (level == IPPROTO_TCP && name == TCP_INFO) {
        tcp_info(h, s, &t);
        memcpy(value, &t, sizeof t < room ? sizeof t : room);
        return (int)(sizeof t < room ? sizeof t : room);
    }
    if (level == IPPROTO_TCP && name == TCP_CC_INFO_NAME)
        return 0; /* neither CUBIC nor New Reno has something to say here */
    if (level == SOL_SOCKET && name == SO_MEMINFO) {
        meminfo(h, s, mem);
        memcpy(value, mem, sizeof mem);
        return sizeof mem;
    }
    if (level == SOL_MPTCP_LEVEL && name == MPTCP_INFO_NAME) {
        int err = mptcp_info(h, s, &m);
        memcpy(value, &m, sizeof m);
        return err ? err : (int)sizeof m;
    }
    return -ENOPROTOOPT;
}

/* ---- /proc/net/tcp ----------------------------------------------------------------------------------------------- */

/* Words of the address as numbers of the machine. */
static void print_end(struct text *to, bool v6, const struct umptcp_sockaddr *end) {
    for (size_t i = v6 ? 0 : 12; i < sizeof end->addr.b; i += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, end->addr.b + i, sizeof word);
        text_add(to, "%08X", word);
    }
    text_add(to, ":%04X ", end->port);
}

void host_print_sockets(struct host *h, bool v6, struct text *to) {
    unsigned line = 0;
    for (const struct sock *s = h->socks; s; s = s->next) {
        struct umptcp_sockaddr local = s->local, remote = {0};
        if (!s->sock.v || (s->domain == AF_INET6) != v6)
            continue;
        (void)umptcp_getname(h->stack, s->sock, &local, &remote);
        text_add(to, "%4u: ", line++);
        print_end(to, v6, &local);
        print_end(to, v6, &remote);
        text_add(to, "%02X \n", (unsigned)sock_state(h, s));
    }
}
