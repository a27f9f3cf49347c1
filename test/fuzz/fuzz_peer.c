/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stack and a hostile peer that knows the protocol: the input is a list of actions - segments whose numbers, keys,
 * tokens, HMACs and checksums are right unless the input says otherwise, calls, time. So what lies behind a handshake
 * is reached in a few bytes, in both roles and on several subflows. Nothing may crash, every invariant holds, and in
 * the end nothing is left.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "io/raw.h"
#include "umptcp.h"
#include "wire/icmp.h"
#include "wire/mpcrypto.h"
#include "wire/segment.h"

enum { ACTIONS_MAX = 200, FLOWS = 4, SOCKETS = 3, BUF = 4096, PORT = 5000, PEER_KEY_SEED = 77, OUTPUTS_MAX = 200 };
#define MILLISECOND 1000000ull

static uint32_t take32(struct input *in) {
    uint32_t n = 0;
    for (int i = 0; i < 4; i++)
        n = n << 8 | take(in);
    return n;
}

/* A subflow as the peer sees it. */
struct peer_flow {
    bool used, by_stack;
    struct flow flow; /* local: the peer's */
    uint32_t snd_nxt, rcv_nxt, isn, nonce, stack_nonce, tsval;
    uint32_t conn; /* its connection */
};

struct peer_conn {
    uint64_t key, stack_key;
    uint64_t dsn, data_ack; /* next of ours, next of theirs */
    bool checksums;
};

struct world {
    struct umptcp *s;
    struct umptcp_time now;
    int netif;
    umptcp_sock listener, sock[SOCKETS];
    bool open[SOCKETS];
    struct peer_flow flow[FLOWS];
    struct peer_conn conn[FLOWS];
    uint32_t nflows, nconns;
    bool timestamps;
};

static struct umptcp_addr addr(uint8_t net, uint8_t host) { return addr_v4(10u << 24 | (uint32_t)net << 8 | host); }

static uint64_t idsn_of(uint64_t key) {
    uint32_t token;
    struct dsn idsn;
    mp_key_derive(key, &token, &idsn);
    return idsn.v;
}

static uint32_t token_of(uint64_t key) {
    uint32_t token;
    struct dsn idsn;
    mp_key_derive(key, &token, &idsn);
    return token;
}

/* ---- What the stack says ----------------------------------------------------------------------------------------- */

static struct peer_flow *flow_of(struct world *w, const struct seg *seg) {
    struct peer_flow *f = NULL;
    for (uint32_t i = 0; i < FLOWS; i++)
        if (w->flow[i].used && flow_eq(&w->flow[i].flow, &seg->flow))
            return &w->flow[i];
    if ((seg->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
        return NULL;
    f = &w->flow[w->nflows++ % FLOWS];
    *f = (struct peer_flow){.used = true, .by_stack = true, .flow = seg->flow, .isn = 9000};
    f->snd_nxt = f->isn;
    const struct mpopt *join = mpopts_find(&seg->mp, MPJ_SYN);
    for (uint32_t i = 0; i < FLOWS && join; i++)
        if (w->conn[i].key && token_of(w->conn[i].key) == join->mpj.token)
            f->conn = i;
    if (!join) {
        f->conn = w->nconns++ % FLOWS;
        w->conn[f->conn] = (struct peer_conn){.key = PEER_KEY_SEED + w->nconns};
        w->conn[f->conn].dsn = idsn_of(w->conn[f->conn].key) + 1;
    }
    return f;
}

static void learn(struct world *w, const uint8_t *data, uint32_t len) {
    struct ip_hdr ip;
    struct seg seg;
    if (ip_parse(data, len, true, &ip) != DROP_NONE || ip.proto != IP_PROTO_TCP)
        return;
    enum drop drop = tcp_parse(&ip, false, 0, &seg);
    assert(drop == DROP_NONE); /* what leaves has a right checksum, and its options are well formed */
    assert(!seg.mp.malformed);
    (void)drop;
    struct peer_flow *f = flow_of(w, &seg);
    if (!f)
        return;
    struct peer_conn *c = &w->conn[f->conn];
    f->rcv_nxt = seg.seq.v + seg_space(&seg);
    f->tsval = seg.opt.tsval;
    for (uint8_t i = 0; i < seg.mp.n; i++) {
        const struct mpopt *o = &seg.mp.opt[i];
        if (o->type >= MPC_SYNACK && o->type <= MPC_DATA) {
            c->stack_key = o->mpc.sender_key;
            c->checksums |= (o->mpc.flags & MPC_CSUM) != 0;
            c->data_ack = idsn_of(c->stack_key) + 1;
        } else if (o->type == MPJ_SYN || o->type == MPJ_SYNACK) {
            f->stack_nonce = o->mpj.nonce;
        } else if (o->type == MP_DSS && o->dss.has_map) {
            c->data_ack = dsn_unwrap((struct dsn){c->data_ack}, (uint32_t)o->dss.dsn).v + o->dss.len;
        }
    }
}

static void drain(struct world *w) {
    static uint8_t data[RAW_MAX];
    struct umptcp_out out;
    struct umptcp_event ev;
    umptcp_tick(w->s, w->now);
    for (int i = 0; i < OUTPUTS_MAX && umptcp_output(w->s, &out, w->now); i++)
        learn(w, data, raw_gather(&out, data));
    while (umptcp_event(w->s, &ev))
        continue;
    must_be_sound(w->s);
}

/* ---- What the peer says ------------------------------------------------------------------------------------------ */

static void deliver(struct world *w, struct seg *seg, uint8_t payload, uint32_t len, bool damaged) {
    static uint8_t data[RAW_MAX];
    struct writer out = writer_of(data, sizeof data);
    const struct ip_hdr ip = {
        .proto = IP_PROTO_TCP, .ttl = 64, .src = seg->flow.local.addr, .dst = seg->flow.remote.addr};
    ip_build(&out, &ip, TCP_HDR_LEN + tcp_options_len(seg) + len);
    tcp_build(&out, seg);
    if (out.bad)
        return; /* more options than fit */
    memset(data + out.len, payload, len);
    out.len += len;
    raw_fix_l4(data, (uint32_t)out.len);
    if (damaged)
        data[20 + 16] ^= 1;
    const struct umptcp_packet pkt = {data, (uint32_t)out.len, 0, false};
    (void)umptcp_input(w->s, w->netif, &pkt, w->now);
}

/* Small steps around what is right. */
static uint32_t near(struct input *in) {
    static const int32_t steps[] = {0, 0, 0, 0, 0, 1, -1, 10, -10, 100, -100, 1460, -1460, 65535, -65536, INT32_MAX};
    return (uint32_t)steps[take(in) % 16];
}

static void option_dss(struct world *w, struct input *in, const struct peer_flow *f, struct mpopt *o, uint32_t len,
                       uint32_t seq, uint8_t payload) {
    struct peer_conn *c = &w->conn[f->conn];
    uint8_t how = take(in);
    o->dss.has_ack = how & 1;
    o->dss.ack64 = how & 2;
    o->dss.ack = c->data_ack + (how & 128 ? near(in) : 0);
    o->dss.has_map = how & 4;
    o->dss.dsn64 = how & 8;
    o->dss.data_fin = o->dss.has_map && (how & 16);
    o->dss.has_csum = o->dss.has_map && c->checksums != !!(how & 32);
    uint64_t dsn = c->dsn + (how & 64 ? near(in) : 0);
    o->dss.dsn = o->dss.dsn64 ? dsn : (uint32_t)dsn;
    o->dss.ssn = len ? seq - f->isn : 0;
    o->dss.len = (uint16_t)(len + o->dss.data_fin + (how & 128 ? near(in) : 0));
    if (!o->dss.ack64)
        o->dss.ack = (uint32_t)o->dss.ack;
    if (o->dss.has_csum) {
        uint8_t data[256];
        struct csum sum = {0};
        memset(data, payload, sizeof data);
        for (uint32_t left = len; left;) {
            uint32_t n = left < sizeof data ? left : (uint32_t)sizeof data;
            csum_add(&sum, data, n);
            left -= n;
        }
        mp_csum_add_pseudo(&sum, (struct dsn){dsn}, o->dss.ssn, o->dss.len);
        o->dss.csum = csum_finish(&sum);
    }
    if (o->dss.has_map && !(how & 64))
        c->dsn += len + o->dss.data_fin;
}

static void option_join(struct world *w, const struct peer_flow *f, struct mpopt *o, uint8_t how) {
    const struct peer_conn *c = &w->conn[f->conn];
    uint8_t hmac[32];
    o->mpj.backup = how & 1;
    o->mpj.addr_id = how >> 1 & 7;
    o->mpj.token = token_of(c->stack_key) ^ (how >> 7);
    o->mpj.nonce = f->nonce;
    mp_join_hmac(c->key, c->stack_key, f->nonce, f->stack_nonce, hmac);
    hmac[0] ^= how >> 7;
    o->mpj.hmac64 = mp_join_hmac64(hmac);
    memcpy(o->mpj.hmac160, hmac, sizeof o->mpj.hmac160);
}

static void option_add_addr(struct world *w, const struct peer_flow *f, struct mpopt *o, uint8_t how) {
    const struct peer_conn *c = &w->conn[f->conn];
    o->add_addr.echo = how & 1;
    o->add_addr.addr_id = how >> 1 & 7;
    o->add_addr.addr = how & 16 ? addr(0, 1) : addr(how >> 5, 2);
    o->add_addr.has_port = how & 32;
    o->add_addr.port = o->add_addr.has_port ? PORT + 1 : 0;
    if (!o->add_addr.echo)
        o->add_addr.hmac =
            mp_add_addr_hmac(c->key, c->stack_key, o->add_addr.addr_id, &o->add_addr.addr, o->add_addr.port) ^
            (how >> 7);
}

/* One option of any type, right as far as the input lets it be. */
static void add_option(struct world *w, struct input *in, const struct peer_flow *f, struct seg *seg, uint32_t len,
                       uint8_t payload) {
    enum mp_type type = (enum mp_type)(1 + take(in) % (MP_TYPE_COUNT - 1));
    struct peer_conn *c = &w->conn[f->conn];
    struct mpopt *o = mpopts_add(&seg->mp, type);
    if (!o)
        return;
    if (type == MP_DSS) {
        option_dss(w, in, f, o, len, seg->seq.v, payload);
        return;
    }
    uint8_t how = take(in);
    switch (type) {
    case MPJ_SYN:
    case MPJ_SYNACK:
    case MPJ_ACK:
        option_join(w, f, o, how);
        break;
    case MP_ADD_ADDR:
        option_add_addr(w, f, o, how);
        break;
    case MP_REMOVE_ADDR:
        o->remove.n = (uint8_t)(1 + how % MP_REMOVE_IDS_MAX);
        for (uint8_t i = 0; i < o->remove.n; i++)
            o->remove.ids[i] = (uint8_t)(how >> 4) + i;
        break;
    case MP_PRIO:
        o->prio.backup = how & 1;
        break;
    case MP_FAIL:
        o->fail.dsn = c->data_ack - how;
        break;
    case MP_FASTCLOSE:
        o->fastclose.key = c->stack_key ^ (how & 1);
        break;
    case MP_TCPRST:
        o->rst.reason = how & 7;
        break;
    default: /* MP_CAPABLE in any form */
        o->mpc.version = how & 64 ? how & 3 : 1;
        o->mpc.flags = MPC_HMAC_SHA256 | (how & MPC_CSUM) | (how & MPC_DENY_JOIN0);
        c->checksums |= (how & MPC_CSUM) != 0;
        o->mpc.sender_key = c->key;
        o->mpc.receiver_key = c->stack_key ^ (how & 1);
        o->mpc.len = (uint16_t)len;
        o->mpc.has_csum = false;
        if (type == MPC_DATA)
            c->dsn += len;
        break;
    }
}

/* A segment on a flow: all of it is the input's, on top of what would be right. */
static void segment(struct world *w, struct input *in) {
    static const uint16_t lengths[] = {0, 0, 0, 1, 2, 10, 100, 1000, 1440, 1440, 3000, 20000};
    static const uint16_t windows[] = {65535, 60000, 1000, 0};
    struct peer_flow *f = &w->flow[take(in) % FLOWS];
    if (!f->used)
        return;
    uint8_t flags = take(in), how = take(in), payload = take(in) % 3;
    uint32_t len = lengths[how % 12];
    struct seg seg = {
        .flow = f->flow,
        .seq = {f->snd_nxt + (flags & 64 ? near(in) : 0)},
        .ack = {f->rcv_nxt + (flags & 128 ? near(in) : 0)},
        .flags = (uint8_t)((flags & 0x3f) ^ TCP_ACK),
        .window = windows[how >> 6],
    };
    if (seg.flags & TCP_SYN) {
        seg.opt.has_mss = true;
        seg.opt.mss = 1460;
        seg.opt.sack_permitted = how & 1;
        seg.opt.has_wscale = how & 2;
        seg.opt.wscale = 7;
    }
    if (w->timestamps) {
        seg.opt.has_ts = true;
        seg.opt.tsval = (uint32_t)(w->now.ns / MILLISECOND);
        seg.opt.tsecr = f->tsval;
    }
    for (int n = take(in) % 4; n; n--)
        add_option(w, in, f, &seg, len, payload);
    if (take(in) == 200) { /* selective acknowledgments of anything */
        seg.opt.nsack = 1;
        seg.opt.sack[0] = (struct sack_block){{f->rcv_nxt + near(in)}, {f->rcv_nxt + near(in)}};
    }
    deliver(w, &seg, payload, len, take(in) == 201);
    if (!(flags & 64))
        f->snd_nxt += len + !!(seg.flags & TCP_FIN) + !!(seg.flags & TCP_SYN);
}

/* A flow that the peer opens: the SYN, and when the input wants the third ACK, too. */
static void open_flow(struct world *w, struct input *in, bool join) {
    uint8_t how = take(in);
    uint32_t slot = w->nflows++ % FLOWS;
    struct peer_flow *f = &w->flow[slot];
    if (join && !w->nconns)
        return;
    *f = (struct peer_flow){.used = true,
                            .flow = {.local = {addr(join ? how >> 6 : 0, 2), (uint16_t)(40000 + w->nflows)},
                                     .remote = {addr(0, how & 8 ? 3 : 1), PORT}},
                            .isn = 7000,
                            .nonce = 40 + w->nflows,
                            .conn = join ? (w->nconns - 1) % FLOWS : w->nconns++ % FLOWS};
    struct peer_conn *c = &w->conn[f->conn];
    if (!join) {
        *c = (struct peer_conn){.key = PEER_KEY_SEED + w->nconns, .checksums = how & 4};
        c->dsn = idsn_of(c->key) + 1;
    }
    struct seg seg = {.flow = f->flow, .seq = {f->isn}, .flags = TCP_SYN, .window = 65535};
    seg.opt.has_mss = true;
    seg.opt.mss = 1460;
    seg.opt.sack_permitted = how & 1;
    seg.opt.has_ts = w->timestamps;
    seg.opt.tsval = (uint32_t)(w->now.ns / MILLISECOND);
    struct mpopt *o = mpopts_add(&seg.mp, join ? MPJ_SYN : MPC_SYN);
    if (join) {
        option_join(w, f, o, how & 0x7f);
    } else {
        o->mpc.version = 1;
        o->mpc.flags = MPC_HMAC_SHA256 | (c->checksums ? MPC_CSUM : 0);
    }
    f->snd_nxt = f->isn + 1;
    deliver(w, &seg, 0, 0, false);
    drain(w);
    if (!(how & 2))
        return;
    struct seg third = {.flow = f->flow, .seq = {f->snd_nxt}, .ack = {f->rcv_nxt}, .flags = TCP_ACK, .window = 65535};
    third.opt.has_ts = w->timestamps;
    third.opt.tsval = seg.opt.tsval;
    third.opt.tsecr = f->tsval;
    o = mpopts_add(&third.mp, join ? MPJ_ACK : MPC_ACK);
    if (join) {
        option_join(w, f, o, 0);
    } else {
        o->mpc.version = 1;
        o->mpc.flags = MPC_HMAC_SHA256 | (c->checksums ? MPC_CSUM : 0);
        o->mpc.sender_key = c->key;
        o->mpc.receiver_key = c->stack_key;
    }
    deliver(w, &third, 0, 0, false);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static void path_call(struct world *w, struct input *in) {
    uint8_t how = take(in), id = how >> 4 & 3;
    struct umptcp_endpoint ep = {
        .id = id, .flags = how & 7, .addr = {.addr = addr(0, 3), .port = how & 128 ? PORT + 2 : 0}};
    switch (take(in) % 6) {
    case 0:
        (void)umptcp_endpoint_add(w->s, &ep, w->now);
        break;
    case 1:
        (void)umptcp_endpoint_del(w->s, id, w->now);
        break;
    case 2:
        (void)umptcp_endpoint_set_flags(w->s, id, how & 1 ? UMPTCP_EP_BACKUP : 0, w->now);
        break;
    case 3:
        (void)umptcp_limits_set(w->s, how & 7, how >> 4 & 7);
        break;
    case 4:
        (void)umptcp_subflow_set_backup(w->s, w->sock[how % SOCKETS], how >> 4 & 3, how & 8, w->now);
        break;
    default:
        (void)umptcp_netif_set_up(w->s, w->netif, how & 1, w->now);
        break;
    }
}

static void socket_call(struct world *w, struct input *in) {
    static uint8_t buf[BUF];
    uint8_t how = take(in), i = how % SOCKETS;
    struct umptcp_info info;
    if (!w->open[i]) {
        const struct umptcp_connect c = {.remote = {addr(how >> 6, 2), PORT}, .tcp_only = (how & 0x38) == 0x38};
        w->open[i] = how & 4 ? umptcp_connect(w->s, &c, &w->sock[i], w->now) == 0
                             : umptcp_accept(w->s, w->listener, &w->sock[i]) == 0;
        return;
    }
    switch (take(in) % 8) {
    case 0:
    case 1:
        (void)umptcp_send(w->s, w->sock[i], buf, take(in) * 16u, w->now);
        break;
    case 2:
    case 3:
        (void)umptcp_recv(w->s, w->sock[i], buf, take(in) * 16u, w->now);
        break;
    case 4:
        (void)umptcp_shutdown(w->s, w->sock[i], w->now);
        break;
    case 5:
        (void)umptcp_setopt(w->s, w->sock[i], (enum umptcp_opt)(1 + take(in) % 16), (int64_t)take32(in), w->now);
        break;
    case 6:
        (void)umptcp_info(w->s, w->sock[i], &info);
        break;
    default:
        w->open[i] = false;
        (void)(how & 128 ? umptcp_abort(w->s, w->sock[i], w->now) : umptcp_close(w->s, w->sock[i], w->now));
        break;
    }
}

static void pass_time(struct world *w, struct input *in) {
    static const uint32_t steps[] = {1, 5, 41, 200, 1000, 61000};
    uint8_t how = take(in);
    struct umptcp_time next = umptcp_next(w->s);
    if (how % 8 < 6)
        w->now.ns += steps[how % 8] * MILLISECOND;
    else if (next.ns != UINT64_MAX && next.ns > w->now.ns)
        w->now.ns = next.ns;
}

/* ---- All together ------------------------------------------------------------------------------------------------ */

static void start(struct world *w, struct input *in) {
    uint8_t how = take(in), path = take(in);
    struct umptcp_config cfg;
    memset(w, 0, sizeof *w);
    w->now.ns = 1000000 * MILLISECOND;
    umptcp_config_init(&cfg);
    cfg.seed[0] = 1;
    cfg.checksum_enabled = how & 1;
    cfg.sack = !(how & 2);
    cfg.timestamps = w->timestamps = how & 4;
    cfg.allow_join_initial_addr_port = !(how & 8);
    cfg.mem_limit = how & 16 ? 100000 : 0;
    w->s = umptcp_new(&cfg, w->now);
    const struct umptcp_netif_config nc = {"wire", 1500, how & 32 ? UMPTCP_IF_CSUM | UMPTCP_IF_TSO4 : 0};
    w->netif = umptcp_netif_add(w->s, &nc);
    for (uint8_t host = 1; host <= 3; host += 2) {
        struct umptcp_addr a = addr(0, host);
        umptcp_addr_add(w->s, w->netif, &a, 16, w->now);
    }
    (void)umptcp_limits_set(w->s, path & 3, path >> 2 & 3);
    if (path & 16)
        (void)umptcp_endpoint_add(w->s, &(struct umptcp_endpoint){.flags = path >> 5, .addr.addr = addr(0, 3)}, w->now);
    (void)umptcp_listen(w->s, &(struct umptcp_listen){.local.port = PORT, .backlog = 4, .tcp_only = how == 255},
                        &w->listener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct world w;
    struct input in = {data, size};
    start(&w, &in);
    for (int n = 0; n < ACTIONS_MAX && in.left; n++) {
        uint8_t action = take(&in) % 16;
        if (action < 8)
            segment(&w, &in);
        else if (action == 8 || action == 9)
            open_flow(&w, &in, action == 9);
        else if (action < 13)
            socket_call(&w, &in);
        else if (action == 13)
            path_call(&w, &in);
        else
            pass_time(&w, &in);
        drain(&w);
    }
    umptcp_free(w.s);
    return 0;
}
