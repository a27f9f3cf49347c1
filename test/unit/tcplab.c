/* SPDX-License-Identifier: BSD-3-Clause */
/* The laboratory of tcplab.h. */
#include "tcplab.h"

#include "base/list.h"
#include "wire/checksum.h"
#include "wire/gso.h"

#include <errno.h>
#include <stdio.h>

enum { PACKET_MAX = 65535 + 40 };

struct lab_packet {
    struct lab_packet *next;
    utime at;
    int to;
    uint32_t len;
    uint16_t gso_size;
    uint8_t data[];
};

/* ---- Making ------------------------------------------------------------------------------------------------------ */

static const struct lab_options usual;

static void env_make(struct lab *l, struct env *env, const struct lab_options *o) {
    memset(env, 0, sizeof *env);
    env->now = l->now;
    env->cfg = (struct umptcp_config){
        .syn_retries = 6,
        .synack_retries = 5,
        .retries2 = 15,
        .rto_min = MSEC(200),
        .rto_max = SEC(120),
        .delack = MSEC(200),
        .time_wait = SEC(60),
        .initial_cwnd = 10,
        .slow_start_after_idle = true,
        .pacing_ss_ratio = 200,
        .pacing_ca_ratio = 120,
        .min_tso_segs = 255, /* as large as the window lets them be */
        .tso_rtt_log = 9,
        .sack = !o->no_sack,
        .timestamps = !o->no_ts,
        .window_scaling = !o->no_scaling,
    };
    mem_init(&env->mem, testmem_alloc, &l->tm, 0);
    timers_init(&env->timers, &env->mem);
    memset(env->isn_secret, 7, sizeof env->isn_secret);
}

static void end_make(struct lab *l, int which, const struct lab_options *o) {
    struct lab_end *e = &l->end[which];
    env_make(l, &e->env, o);
    e->rcvbuf = o->rcvbuf ? o->rcvbuf : 1 << 20;
    e->size = o->size ? o->size : 1 << 20;
    e->reading = true;
    e->in = calloc(1, e->size);
    e->out = malloc(e->size);
    assert_non_null(e->in);
    assert_non_null(e->out);
    uint64_t seed = 77 + (uint64_t)which;
    for (uint64_t i = 0; i < e->size; i++)
        e->out[i] = (uint8_t)test_random(&seed);
    struct umptcp_sockaddr me = {.port = 1000}, peer = {.port = 2000};
    assert_int_equal(umptcp_addr_parse(o->v6 ? "2001:db8::1" : "192.0.2.1", &me.addr), 0);
    assert_int_equal(umptcp_addr_parse(o->v6 ? "2001:db8::2" : "192.0.2.2", &peer.addr), 0);
    e->flow = which == LAB_A ? (struct flow){me, peer} : (struct flow){peer, me};
}

static void tcb_make(struct lab *l, int which, const struct lab_options *o) {
    struct lab_end *e = &l->end[which];
    const uint32_t mtu = o->mtu ? o->mtu : 1500;
    const struct tcp_setup setup = {
        .env = &e->env,
        .cc = o->cc ? o->cc : &cc_newreno,
        .v6 = o->v6,
        .mss_local = (uint16_t)(mtu - ip_hdr_len(o->v6) - TCP_HDR_LEN),
        .rcv_wscale = o->wscale ? o->wscale : 7,
        .isn = {o->isn ? o->isn : 0xffffff00u + (uint32_t)which},
        .ts_offset = 0xfffff000u, /* wraps after 4 s */
    };
    assert_int_equal(tcp_init(&e->tcb, &setup), 0);
    e->open = true;
    (void)l;
}

static struct lab *make(const struct lab_options *o, bool script) {
    struct lab *l = calloc(1, sizeof *l);
    assert_non_null(l);
    if (!o)
        o = &usual;
    l->now = (utime){SEC(1000)};
    l->script = script;
    l->merge = true;
    l->delay = MSEC(10);
    l->peer_isn = (struct seq){0xfffffe00u};
    l->peer_ts = 500;
    end_make(l, LAB_A, o);
    end_make(l, LAB_B, o);
    tcb_make(l, LAB_A, o);
    if (!script)
        tcb_make(l, LAB_B, o);
    return l;
}

struct lab *lab_new(const struct lab_options *o) {
    return make(o, true);
}
struct lab *lab_new_pair(const struct lab_options *o) {
    return make(o, false);
}

void lab_skip(struct lab *l) {
    while (l->wire) {
        struct lab_packet *p = l->wire;
        l->wire = p->next;
        free(p);
    }
}

void lab_free(struct lab *l) {
    lab_skip(l);
    for (int i = 0; i < 2; i++) {
        struct lab_end *e = &l->end[i];
        if (e->open)
            tcp_destroy(&e->tcb);
        assert_true(timers_idle(&e->env.timers));
        timers_free(&e->env.timers);
        assert_int_equal(e->env.mem.used, 0);
        free(e->in);
        free(e->out);
    }
    assert_int_equal(l->tm.blocks, 0);
    free(l);
}

/* ---- The wire ---------------------------------------------------------------------------------------------------- */

static void wire_put(struct lab *l, int to, const uint8_t *data, uint32_t len, uint16_t gso_size, dur delay) {
    struct lab_packet *p = malloc(sizeof *p + len);
    assert_non_null(p);
    *p = (struct lab_packet){.at = time_add(l->now, delay), .to = to, .len = len, .gso_size = gso_size};
    memcpy(p->data, data, len);
    struct lab_packet **at = &l->wire;
    while (*at && !time_before(p->at, (*at)->at))
        at = &(*at)->next;
    p->next = *at;
    *at = p;
}

static void parse_packet(const uint8_t *data, uint32_t len, uint16_t gso_size, struct seg *seg) {
    struct ip_hdr ip;
    assert_int_equal(ip_parse(data, len, false, &ip), DROP_NONE);
    assert_int_equal(tcp_parse(&ip, false, gso_size, seg), DROP_NONE);
}

/* A whole packet of `seg`; `seg->flow.local` is the source. Returns its length. */
static uint32_t build_packet(const struct seg *seg, bool v6, uint8_t *pkt) {
    const struct umptcp_addr *src = &seg->flow.local.addr, *dst = &seg->flow.remote.addr;
    struct ip_hdr ip = {.v6 = v6, .proto = IP_PROTO_TCP, .ttl = 64, .src = *src, .dst = *dst, .dont_fragment = true};
    const uint32_t tcp_len = TCP_HDR_LEN + tcp_options_len(seg) + seg->len;
    struct writer w = writer_of(pkt, PACKET_MAX);
    ip_build(&w, &ip, tcp_len);
    tcp_build(&w, seg);
    put_bytes(&w, seg->data, seg->len);
    assert_false(w.bad);
    uint8_t *tcp = pkt + ip_hdr_len(v6);
    struct csum c = {0};
    csum_add_pseudo(&c, src, dst, IP_PROTO_TCP, tcp_len);
    csum_add(&c, tcp, tcp_len);
    tcp[16] = (uint8_t)(csum_finish(&c) >> 8);
    tcp[17] = (uint8_t)csum_finish(&c);
    return (uint32_t)w.len;
}

static void carry_one(struct lab *l, int from, const uint8_t *pkt, uint32_t len, uint16_t gso_size) {
    const struct lab_fate f = l->fate ? l->fate(l, from) : (struct lab_fate){0};
    const dur delay = l->script ? 0 : l->delay + f.delay;
    l->sent[from]++;
    if (!f.drop)
        wire_put(l, !from, pkt, len, gso_size, delay);
    for (int i = 0; i < f.copies; i++)
        wire_put(l, !from, pkt, len, gso_size, delay);
}

static void carry(struct lab *l, int from, const uint8_t *pkt, uint32_t len, uint16_t gso_size) {
    uint8_t piece[2048];
    if (gso_size == 0 || l->merge) {
        carry_one(l, from, pkt, len, gso_size);
        return;
    }
    uint32_t n = gso_count(pkt, len, gso_size);
    for (uint32_t i = 0; i < n; i++)
        carry_one(l, from, piece, gso_piece(pkt, len, gso_size, i, piece), 0);
}

/* ---- The owner --------------------------------------------------------------------------------------------------- */

static uint64_t owner_window(const struct lab_end *e) {
    uint64_t unread = tcp_bytes_received(&e->tcb) - e->read;
    return unread < e->rcvbuf ? e->rcvbuf - unread : 0;
}

static void check(const struct lab_end *e) {
    const char *broken = tcp_check(&e->tcb);
    if (broken)
        fail_msg("%s", broken);
}

static void owner_output(struct lab *l, int which) {
    static uint8_t pkt[PACKET_MAX];
    struct lab_end *e = &l->end[which];
    struct tcp_plan plan;
    while (e->open && tcp_plan(&e->tcb, &plan)) {
        struct seg seg = {.flow = e->flow};
        assert_true(tcp_pending(&e->tcb));
        if (l->with_dss && tcp_synchronized(&e->tcb)) {
            struct mpopt *dss = mpopts_add(&seg.mp, MP_DSS);
            dss->dss.has_ack = dss->dss.has_map = dss->dss.dsn64 = true; /* 4 + 4 + 14: 22, padded to 24 */
        }
        plan.push = true;
        tcp_emit(&e->tcb, &plan, owner_window(e), &seg);
        if (plan.len)
            seg.data = e->out + (plan.ssn.v - 1);
        assert_true(plan.ssn.v - 1 + plan.len <= e->size || plan.len == 0);
        assert_true(tcp_options_len(&seg) + (plan.gso_size ? plan.gso_size : plan.len) <=
                        (plan.mtu_probe ? plan.mtu_probe : e->tcb.mss) ||
                    plan.kind == TCP_PLAN_SYN);
        if (tcp_sent(&e->tcb, &plan) < 0)
            return;
        check(e);
        carry(l, which, pkt, build_packet(&seg, e->tcb.v6, pkt), plan.gso_size);
    }
}

static void owner_store(struct lab_end *e, const struct seg *seg) {
    const struct tcp_rx *rx = &e->rx;
    bool eof;
    assert_true(rx->skip + rx->len <= seg->len);
    assert_true(rx->ssn.v - 1 + rx->len <= e->size);
    memcpy(e->in + (rx->ssn.v - 1), seg->data + rx->skip, rx->len);
    int64_t moved = tcp_receive(&e->tcb, seg, rx->ssn, rx->len, rx->fin, &eof);
    if (moved < 0)
        return;
    e->eof = e->eof || eof;
    if (e->reading)
        e->read = tcp_bytes_received(&e->tcb);
}

static void owner_input(struct lab_end *e, const struct seg *seg) {
    if (!e->open)
        return;
    tcp_input(&e->tcb, seg, owner_window(e), &e->rx);
    e->established = e->established || e->rx.established;
    e->reset = e->reset || e->rx.reset;
    if ((e->rx.len > 0 || e->rx.fin) && !e->refuse_payload)
        owner_store(e, seg);
    check(e);
}

static void owner_timers(struct lab *l, int which) {
    struct lab_end *e = &l->end[which];
    while (timers_pop(&e->env.timers, l->now)) {
        enum tcp_timeout_event ev = tcp_timeout(&e->tcb);
        if (ev != TCP_TIMEOUT_NONE)
            e->event = ev;
        owner_output(l, which);
        check(e);
    }
}

void lab_write(struct lab *l, int end, uint32_t len) {
    struct lab_end *e = &l->end[end];
    assert_true(e->tcb.snd_end.v - 1 + len <= e->size);
    tcp_queue(&e->tcb, len);
    owner_output(l, end);
}

void lab_close(struct lab *l, int end) {
    tcp_close(&l->end[end].tcb);
    check(&l->end[end]);
    owner_output(l, end);
}

/* ---- Two tcbs ---------------------------------------------------------------------------------------------------- */

static void set_now(struct lab *l, utime now) { l->now = l->end[LAB_A].env.now = l->end[LAB_B].env.now = now; }

void lab_start(struct lab *l) {
    tcp_connect(&l->end[LAB_A].tcb);
    owner_output(l, LAB_A);
}

static void deliver(struct lab *l, struct lab_packet *p) {
    struct lab_end *e = &l->end[p->to];
    struct seg seg;
    parse_packet(p->data, p->len, p->gso_size, &seg);
    bool listening = e->tcb.state == UMPTCP_CLOSED && e->tcb.snd_nxt.v == 0 && !e->established;
    if (listening && (seg.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
        tcp_open(&e->tcb, &seg);
    else
        owner_input(e, &seg);
}

static utime next_event(struct lab *l) {
    utime at = l->wire && !l->script ? l->wire->at : UMPTCP_NEVER;
    at = time_min(at, timers_next(&l->end[LAB_A].env.timers));
    return time_min(at, timers_next(&l->end[LAB_B].env.timers));
}

void lab_run(struct lab *l, dur limit) {
    const utime until = time_add(l->now, limit);
    for (;;) {
        owner_output(l, LAB_A);
        owner_output(l, LAB_B);
        utime at = next_event(l);
        if (time_is_never(at) || time_before(until, at))
            break;
        set_now(l, time_max(at, l->now));
        while (l->wire && !l->script && !time_before(l->now, l->wire->at)) {
            struct lab_packet *p = l->wire;
            l->wire = p->next;
            deliver(l, p);
            free(p);
        }
        owner_timers(l, LAB_A);
        owner_timers(l, LAB_B);
    }
    set_now(l, until);
}

/* ---- Segments as text -------------------------------------------------------------------------------------------- */

struct text {
    struct seg seg; /* seq and ack relative to the SYNs */
    bool has_ack, has_win, has_push, has_gso, has_ts, no_ts, has_mss, has_ws, has_sackok;
};

static uint32_t number(const char **p) {
    char *end;
    unsigned long long v = strtoull(*p, &end, 0);
    if (end == *p)
        fail_msg("number wanted at \"%s\"", *p);
    *p = end;
    return (uint32_t)v;
}

static void text_flags(const char **p, struct text *t) {
    for (; **p && **p != ' '; (*p)++)
        t->seg.flags |= **p == 'S'   ? TCP_SYN
                        : **p == 'F' ? TCP_FIN
                        : **p == 'R' ? TCP_RST
                        : **p == 'P' ? TCP_PSH
                        : **p == 'U' ? TCP_URG
                        : **p == 'E' ? TCP_ECE
                        : **p == 'W' ? TCP_CWR
                        : **p == '.' ? TCP_ACK
                                     : 0;
    t->has_push = t->seg.flags & TCP_PSH;
}

static void text_sack(const char **p, struct tcp_options *opt) {
    do {
        *p += **p == ',';
        assert_true(opt->nsack < SACK_MAX);
        struct sack_block *b = &opt->sack[opt->nsack++];
        b->left.v = number(p);
        (*p)++;
        b->right.v = number(p);
    } while (**p == ',');
}

static void text_word(const char *word, size_t n, const char **p, struct text *t) {
    struct seg *s = &t->seg;
#define IS(w) (n == strlen(w) && memcmp(word, w, n) == 0)
    if (IS("ack")) {
        t->has_ack = true;
        s->ack.v = number(p);
    } else if (IS("win")) {
        t->has_win = true;
        s->window = (uint16_t)number(p);
    } else if (IS("mss")) {
        t->has_mss = s->opt.has_mss = true;
        s->opt.mss = (uint16_t)number(p);
    } else if (IS("ws")) {
        t->has_ws = s->opt.has_wscale = true;
        s->opt.wscale = (uint8_t)number(p);
    } else if (IS("sackok")) {
        t->has_sackok = s->opt.sack_permitted = true;
    } else if (IS("sack")) {
        text_sack(p, &s->opt);
    } else if (IS("nots")) {
        t->no_ts = true;
    } else if (IS("ts")) {
        t->has_ts = s->opt.has_ts = true;
        s->opt.tsval = number(p);
        (*p)++;
        s->opt.tsecr = number(p);
    } else if (IS("gso")) {
        t->has_gso = true;
        s->gso_size = (uint16_t)number(p);
    } else {
        fail_msg("what is \"%.*s\"?", (int)n, word);
    }
#undef IS
}

static struct text text_read(const char *p) {
    struct text t = {0};
    text_flags(&p, &t);
    p += strspn(p, " ");
    t.seg.seq.v = number(&p);
    p += *p == '(';
    t.seg.len = number(&p);
    p += *p == ')';
    for (p += strspn(p, " "); *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        const char *word = p;
        p += n;
        p += strspn(p, " ");
        text_word(word, n, &p, &t);
    }
    return t;
}

static void segment_format(const struct lab *l, const struct seg *s, char *text, size_t size) {
    const struct tcb *t = &l->end[LAB_A].tcb;
    const uint8_t f = s->flags;
    int n = snprintf(text, size, "%s%s%s%s%s %u(%u) ack %u win %u gso %u", f & TCP_SYN ? "S" : "",
                     f & TCP_FIN ? "F" : "", f & TCP_RST ? "R" : "", f & TCP_PSH ? "P" : "", f & TCP_ACK ? "." : "",
                     s->seq.v - t->isn.v, s->len, s->ack.v - l->peer_isn.v, s->window, s->gso_size);
    if (s->opt.has_ts)
        n += snprintf(text + n, size - (size_t)n, " ts %u:%u", s->opt.tsval, s->opt.tsecr);
    for (int i = 0; i < s->opt.nsack; i++)
        n += snprintf(text + n, size - (size_t)n, "%s%u:%u", i ? "," : " sack ", s->opt.sack[i].left.v - l->peer_isn.v,
                      s->opt.sack[i].right.v - l->peer_isn.v);
}

/* ---- The script -------------------------------------------------------------------------------------------------- */

static struct seg script_segment(struct lab *l, const struct text *text) {
    const struct tcb *t = lab_tcb(l);
    static const uint8_t nothing[65536];
    struct seg s = text->seg;
    uint64_t first = s.seq.v - 1 + !!(s.flags & TCP_SYN);
    s.flow = l->end[LAB_B].flow;
    s.data = first + s.len <= l->end[LAB_B].size ? l->end[LAB_B].out + first : nothing;
    s.seq.v += l->peer_isn.v;
    if (s.flags & TCP_ACK || text->has_ack)
        s.ack.v += t->isn.v;
    if (!text->has_win)
        s.window = 65535;
    for (int i = 0; i < s.opt.nsack; i++) {
        s.opt.sack[i].left.v += t->isn.v;
        s.opt.sack[i].right.v += t->isn.v;
    }
    bool syn = s.flags & TCP_SYN;
    if (!text->has_ts && !text->no_ts && !syn && t->ts_ok) {
        s.opt.has_ts = true;
        s.opt.tsval = l->peer_ts + (uint32_t)(l->now.ns / MSEC(1));
        s.opt.tsecr = l->peer_ts_echo;
    }
    return s;
}

static void script_to_packet(struct lab *l, const char *text, uint8_t *pkt, uint32_t *len, struct seg *seg) {
    struct text t = text_read(text);
    struct seg s = script_segment(l, &t);
    *len = build_packet(&s, lab_tcb(l)->v6, pkt);
    parse_packet(pkt, *len, s.gso_size, seg);
}

void lab_in_batch(struct lab *l, const char *text) {
    uint8_t *pkt = malloc(PACKET_MAX);
    uint32_t len;
    struct seg seg;
    assert_non_null(pkt);
    script_to_packet(l, text, pkt, &len, &seg);
    owner_input(&l->end[LAB_A], &seg);
    free(pkt);
}

void lab_flush(struct lab *l) { owner_output(l, LAB_A); }

void lab_in(struct lab *l, const char *text) {
    lab_in_batch(l, text);
    lab_flush(l);
}

void lab_connect(struct lab *l) {
    tcp_connect(lab_tcb(l));
    lab_flush(l);
}

void lab_listen(struct lab *l, const char *text) {
    uint8_t *pkt = malloc(PACKET_MAX);
    uint32_t len;
    struct seg seg;
    assert_non_null(pkt);
    script_to_packet(l, text, pkt, &len, &seg);
    tcp_open(lab_tcb(l), &seg);
    lab_flush(l);
    free(pkt);
}

struct lab *lab_new_established_with(const struct lab_options *o, const char *text) {
    struct lab *l = lab_new(o);
    char line[200];
    if (o && o->passive) {
        snprintf(line, sizeof line, "S 0(0) %s", text);
        lab_listen(l, line);
        lab_want(l, "S. 0(0) ack 1");
        lab_wait(l, MSEC(20));
        lab_in(l, ". 1(0) ack 1");
    } else {
        lab_connect(l);
        lab_want(l, "S 0(0)");
        lab_wait(l, MSEC(20));
        snprintf(line, sizeof line, "S. 0(0) ack 1 %s", text);
        lab_in(l, line);
        lab_want(l, ". 1(0) ack 1");
    }
    assert_true(l->end[LAB_A].established);
    assert_int_equal(lab_tcb(l)->state, UMPTCP_ESTABLISHED);
    lab_want_none(l);
    return l;
}

struct lab *lab_new_established(const struct lab_options *o) {
    if (!o)
        o = &usual;
    return lab_new_established_with(o, o->no_ts ? "mss 1000 sackok" : "mss 1000 sackok ts 1000500:0");
}

static bool text_matches(const struct lab *l, const struct text *w, const struct seg *s) {
    const struct tcp_options *a = &w->seg.opt, *b = &s->opt;
    uint8_t mask = w->has_push ? 0xff : (uint8_t)~TCP_PSH;
    if ((w->seg.flags & mask) != (s->flags & mask) || w->seg.seq.v != s->seq.v - l->end[LAB_A].tcb.isn.v ||
        w->seg.len != s->len)
        return false;
    if ((w->has_ack && w->seg.ack.v != s->ack.v - l->peer_isn.v) || (w->has_win && w->seg.window != s->window))
        return false;
    if (w->has_gso && w->seg.gso_size != s->gso_size)
        return false;
    if ((w->has_mss && (!b->has_mss || a->mss != b->mss)) || (w->has_ws && (!b->has_wscale || a->wscale != b->wscale)))
        return false;
    if ((w->has_sackok && !b->sack_permitted) || (w->no_ts && b->has_ts) || a->nsack != b->nsack)
        return false;
    if (w->has_ts && (!b->has_ts || a->tsval != b->tsval || a->tsecr != b->tsecr))
        return false;
    for (int i = 0; i < a->nsack; i++)
        if (a->sack[i].left.v != b->sack[i].left.v - l->peer_isn.v ||
            a->sack[i].right.v != b->sack[i].right.v - l->peer_isn.v)
            return false;
    return true;
}

void lab_want_at(struct lab *l, const char *text, const char *file, int line) {
    struct lab_packet *p = l->wire;
    struct text want = text_read(text);
    char got[300];
    struct seg seg;
    if (!p) {
        print_error("%s:%d: wanted \"%s\", nothing was sent\n", file, line, text);
        _fail(file, line);
        return;
    }
    parse_packet(p->data, p->len, p->gso_size, &seg);
    if (!text_matches(l, &want, &seg)) {
        segment_format(l, &seg, got, sizeof got);
        print_error("%s:%d: wanted \"%s\", got \"%s\"\n", file, line, text, got);
        _fail(file, line);
    }
    if (seg.opt.has_ts)
        l->peer_ts_echo = seg.opt.tsval;
    l->wire = p->next;
    free(p);
}

void lab_want_none_at(struct lab *l, const char *file, int line) {
    char got[300];
    struct seg seg;
    if (!l->wire)
        return;
    parse_packet(l->wire->data, l->wire->len, l->wire->gso_size, &seg);
    segment_format(l, &seg, got, sizeof got);
    print_error("%s:%d: wanted nothing, got \"%s\"\n", file, line, got);
    _fail(file, line);
}

void lab_wait(struct lab *l, dur d) { lab_run(l, d); }

dur lab_wait_sent(struct lab *l, dur limit) {
    const utime start = l->now;
    while (!l->wire) {
        utime at = next_event(l);
        if (time_is_never(at) || time_before(time_add(start, limit), at))
            fail_msg("nothing was sent");
        lab_run(l, time_since(at, l->now));
    }
    return time_since(l->now, start);
}
