/* SPDX-License-Identifier: BSD-3-Clause */
/* Middleboxes that speak TCP themselves: performance enhancing proxies (RFC 3135), and guards against SYN floods. */
#include <stdlib.h>

#include "sim/kinds.h"

#define BIT(s) (1u << (s))

static struct packet *answer_to(const struct packet *p) {
    struct umptcp_sockaddr src = packet_dst(p), dst = packet_src(p);
    return packet_segment(&src, &dst, dir_back(p->dir));
}

/* ---- pep --------------------------------------------------------------------------------------------------------- */

enum { PEP_RTO_MS = 300, PEP_TRIES = 10, DSS = 2 };

/* It acknowledges what comes in order, keeps it, and sends it again until the receiver has it. */
struct pep { /* of the data of one direction, and of the answers to it */
    bool has_edge, has_answer;
    uint32_t edge; /* acknowledged in the receiver's name */
    uint32_t una;  /* by the receiver itself */
    uint32_t answer_seq;
    uint16_t window;
    struct raw_options answer_opts; /* of the receiver's last segment */
    uint32_t tries;
};

static struct box_flow *pep_flow(const struct box *b, const struct packet *p) {
    struct umptcp_sockaddr src = packet_src(p), dst = packet_dst(p);
    list_for_each (n, &b->flows) {
        struct box_flow *f = container_of(n, struct box_flow, node);
        if (sockaddr_eq(&f->end[p->dir], &src) && sockaddr_eq(&f->end[dir_back(p->dir)], &dst))
            return f;
    }
    return NULL;
}

static uint32_t timestamp_of(const struct packet *p) {
    struct raw_options opts;
    packet_options(p, &opts);
    for (uint8_t i = 0; i < opts.n; i++)
        if (opts.o[i].kind == OPT_TS && opts.o[i].len == 10)
            return load_be32(opts.o[i].data);
    return 0;
}

static bool with_dss(const struct box *b) { return b->given[SET_OPTIONS] && b->set[SET_OPTIONS] == KEEP_EVERY; }

static void pep_acknowledge(struct box *b, const struct pep *s, const struct packet *data) {
    struct packet *ack = answer_to(data);
    if (!ack)
        return;
    struct raw_options opts = {0};
    for (uint8_t i = 0; i < s->answer_opts.n; i++) {
        struct raw_option o = s->answer_opts.o[i];
        if (o.kind == OPT_TS && o.len == 10)
            store_be32(o.data + 4, timestamp_of(data));
        if (o.kind == OPT_TS || (box_is(&o, OPT_SUBTYPE + DSS) && with_dss(b)))
            raw_options_add(&opts, &o);
    }
    packet_set_flags(ack, TCP_ACK);
    packet_set_seq(ack, s->answer_seq);
    packet_set_ack(ack, s->edge);
    packet_set_window(ack, s->window);
    packet_set_options(ack, &opts);
    box_pass_changed(b, ack);
}

static void pep_data(struct box *b, struct box_flow *f, struct packet *p) {
    struct pep *s = f->state;
    uint32_t start = packet_seq(p), end = packet_end(p);
    if (!s->has_edge) {
        s->has_edge = true;
        s->edge = s->una = f->isn[p->dir] + 1;
    }
    if (seq32_le(start, s->edge) && seq32_lt(s->edge, end) && !(packet_flags(p) & TCP_FIN)) {
        struct packet *copy = packet_copy(p);
        if (copy) {
            s->edge = end;
            box_hold(b, copy, time_add(box_now(b), MSEC(PEP_RTO_MS)));
        }
    }
    if (s->has_answer && seq32_le(start, s->edge))
        pep_acknowledge(b, s, p);
    box_pass(b, p);
}

static void pep_answer(const struct box *b, struct pep *s, const struct packet *p) {
    s->has_answer = s->has_answer || !with_dss(b) || box_has(p, OPT_SUBTYPE + DSS);
    s->answer_seq = packet_end(p);
    s->window = packet_window(p);
    if (packet_flags(p) & TCP_ACK && (!s->has_edge || seq32_lt(s->una, packet_ack(p)))) {
        s->una = packet_ack(p);
        s->tries = 0;
    }
    packet_options(p, &s->answer_opts);
}

static void pep_input(struct box *b, struct box_flow *f, struct packet *p) {
    bool mine = b->set[SET_DIR] ? box_follows(b, f, p->dir) : box_follows(b, f, p->dir) && p->dir == f->fwd;
    bool theirs = b->set[SET_DIR] ? box_follows(b, f, dir_back(p->dir)) : p->dir != f->fwd;
    struct pep *s = f->state;
    if (packet_flags(p) & TCP_RST)
        s->tries = PEP_TRIES;
    bool syn = packet_flags(p) & TCP_SYN;
    if (mine && packet_payload_len(p) && f->has_isn[p->dir] && !syn) {
        pep_data(b, f, p);
        return;
    }
    if (theirs && !(packet_flags(p) & TCP_RST))
        pep_answer(b, s, p);
    box_pass(b, p);
}

static void pep_release(struct box *b, struct packet *p) {
    struct box_flow *f = pep_flow(b, p);
    struct pep *s = f ? f->state : NULL;
    struct packet *again = NULL;
    if (s && s->has_edge && seq32_lt(s->una, packet_end(p)) && s->tries < PEP_TRIES)
        again = packet_copy(p);
    if (!again) {
        free(p);
        return;
    }
    s->tries += packet_seq(p) == s->una;
    box_hold(b, p, time_add(box_now(b), MSEC(PEP_RTO_MS) << s->tries));
    box_pass(b, again);
}

const struct box_kind box_pep = {
    .name = "pep",
    .help = "acknowledges data before the receiver has it, without MPTCP's options or with the last ones that came",
    .settings = BIT(SET_OPTIONS),
    .all = true,
    .flow_size = sizeof(struct pep),
    .input = pep_input,
    .release = pep_release,
};

/* ---- syn-proxy --------------------------------------------------------------------------------------------------- */

enum syn_proxy_phase { LISTENING, ANSWERED, CALLING, JOINED };

struct syn_proxy {
    enum syn_proxy_phase phase;
    uint32_t isn;   /* ours, to the client */
    uint32_t delta; /* the server's numbers are so much larger */
};

enum { PROXY_MSS = 1400, PROXY_MSS_V6 = 1380, PROXY_WINDOW = 65535 };

/* A segment of the proxy's own with nothing but an MSS on a SYN. */
static void speak(struct box *b, struct packet *s, uint8_t flags, uint32_t seq, uint32_t ack) {
    if (!s)
        return;
    struct raw_option mss = {.kind = OPT_MSS, .len = 4};
    struct raw_options opts = {0};
    store_be16(mss.data, s->v6 ? PROXY_MSS_V6 : PROXY_MSS);
    if (flags & TCP_SYN)
        raw_options_add(&opts, &mss);
    packet_set_flags(s, flags);
    packet_set_seq(s, seq);
    packet_set_ack(s, flags & TCP_ACK ? ack : 0);
    packet_set_window(s, PROXY_WINDOW);
    packet_set_options(s, &opts);
    box_pass_changed(b, s);
}

static void call_server(struct box *b, const struct box_flow *f) {
    speak(b, packet_segment(&f->end[f->fwd], &f->end[dir_back(f->fwd)], f->fwd), TCP_SYN, f->isn[f->fwd], 0);
}

static void to_server(struct box *b, const struct syn_proxy *s, struct packet *p) {
    if (packet_flags(p) & TCP_ACK)
        packet_set_ack(p, packet_ack(p) + s->delta);
    box_pass_changed(b, p);
}

/* What the client said meanwhile. */
static void let_go(struct box *b, const struct box_flow *f) {
    list_for_each_safe (n, &b->held) {
        struct packet *p = packet_of(n);
        struct umptcp_sockaddr src = packet_src(p), dst = packet_dst(p);
        if (!sockaddr_eq(&src, &f->end[f->fwd]) || !sockaddr_eq(&dst, &f->end[dir_back(f->fwd)]))
            continue;
        box_unhold(b, p);
        to_server(b, f->state, p);
    }
}

static void from_client(struct box *b, struct box_flow *f, struct packet *p) {
    struct syn_proxy *s = f->state;
    if (packet_flags(p) & TCP_SYN) {
        if (s->phase == LISTENING)
            s->isn = rng_u32(&b->rng);
        s->phase = ANSWERED;
        speak(b, answer_to(p), TCP_SYN | TCP_ACK, s->isn, packet_seq(p) + 1);
        free(p);
    } else if (s->phase == JOINED || s->phase == LISTENING) {
        to_server(b, s, p);
    } else if (packet_flags(p) & TCP_RST || packet_ack(p) != s->isn + 1) {
        free(p);
    } else {
        s->phase = CALLING;
        call_server(b, f);
        box_hold(b, p, UMPTCP_NEVER);
    }
}

static void from_server(struct box *b, struct box_flow *f, struct packet *p) {
    struct syn_proxy *s = f->state;
    if (packet_flags(p) & TCP_SYN && s->phase >= CALLING) {
        bool first = s->phase == CALLING;
        s->phase = JOINED;
        s->delta = packet_seq(p) - s->isn;
        speak(b, answer_to(p), TCP_ACK, packet_ack(p), packet_seq(p) + 1);
        free(p);
        if (first)
            let_go(b, f);
        return;
    }
    if (s->phase == CALLING && packet_flags(p) & TCP_RST)
        packet_set_seq(p, s->isn + 1);
    else
        packet_set_seq(p, packet_seq(p) - s->delta);
    box_pass_changed(b, p);
}

static void syn_proxy_input(struct box *b, struct box_flow *f, struct packet *p) {
    if (!box_follows(b, f, p->dir) || !f->has_isn[f->fwd])
        box_pass(b, p);
    else if (p->dir == f->fwd)
        from_client(b, f, p);
    else
        from_server(b, f, p);
}

const struct box_kind box_syn_proxy = {
    .name = "syn-proxy",
    .help = "answers SYNs in the server's name, and calls the server when the client has answered too",
    .all = true,
    .flow_size = sizeof(struct syn_proxy),
    .input = syn_proxy_input,
};
