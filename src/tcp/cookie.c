/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN cookies. What does not fit is lost: a finer MSS, and without timestamps window scale, SACK and ECN.
 */
#include "tcp/cookie.h"

#include <assert.h>

#include "tcp/internal.h"

/* Classes of MSS, which a cookie has three bits for: the usual links, and what goes through tunnels. */
static const uint16_t mss_classes[8] = {TCP_MSS_MIN, TCP_MSS_DEFAULT_V4, 1220, 1300, 1400, 1440, 1460, 8940};

/* What is added to the hash: kind * COOKIE_CLASSES + class of MSS. */
enum { COOKIE_CLASSES = sizeof mss_classes / sizeof *mss_classes, COOKIE_VALUES = COOKIE_KINDS * COOKIE_CLASSES };

/* The end of the timestamp: the peer's window scale, or that it has none, SACK, and ECN. */
enum { TS_WSCALE = 0xf, TS_NO_WSCALE = 0xf, TS_SACK = 0x10, TS_ECN = 0x20, TS_MASK = 0x3f };

/* ---- Secrets ----------------------------------------------------------------------------------------------------- */

static uint64_t minute_now(const struct cookies *cs) { return cs->env->now.ns / SEC(60); }

static void renew(struct cookies *cs, uint64_t epoch) {
    struct cookie_secrets *s = &cs->secrets[epoch & 1];
    s->number = (struct hash_key){rng_u64(&cs->env->rng), rng_u64(&cs->env->rng)};
    rng_bytes(&cs->env->rng, s->other, sizeof s->other);
}

void cookies_init(struct cookies *cs, struct env *env) {
    *cs = (struct cookies){.env = env};
    cs->epoch = minute_now(cs) / COOKIE_EPOCH_MINUTES;
    renew(cs, cs->epoch);
    renew(cs, cs->epoch + 1);
}

/* A new hour has a new secret; that of the last one still counts, older ones are gone. */
static void keep_up(struct cookies *cs) {
    const uint64_t epoch = minute_now(cs) / COOKIE_EPOCH_MINUTES;
    if (epoch == cs->epoch)
        return;
    if (epoch > cs->epoch + 1)
        renew(cs, epoch - 1);
    renew(cs, epoch);
    cs->epoch = epoch;
}

static const struct cookie_secrets *secrets_of(const struct cookies *cs, uint64_t minute) {
    return &cs->secrets[minute / COOKIE_EPOCH_MINUTES & 1];
}

const uint8_t *cookie_secret(const struct cookies *cs, const struct cookie *c) {
    return secrets_of(cs, c->minute)->other;
}

/* ---- The number -------------------------------------------------------------------------------------------------- */

static uint32_t number_base(const struct cookies *cs, const struct flow *flow, struct seq irs, uint64_t minute) {
    uint8_t in[FLOW_LEN + 12];
    struct writer w = writer_of(in, sizeof in);
    put_flow(&w, flow);
    put_u32(&w, irs.v);
    put_u64(&w, minute);
    assert(!w.bad && w.len == sizeof in);
    return (uint32_t)siphash13(&secrets_of(cs, minute)->number, in, sizeof in);
}

/* The largest class that is not more than the peer takes. */
static uint32_t mss_class(uint16_t mss) {
    uint32_t i = COOKIE_CLASSES - 1;
    while (i > 0 && mss_classes[i] > mss)
        i--;
    return i;
}

struct cookie cookie_of_syn(struct cookies *cs, const struct seg *syn, enum cookie_kind kind) {
    struct cookie c = {.irs = syn->seq, .minute = minute_now(cs), .kind = (uint8_t)kind};
    const uint16_t usual = addr_is_v4(&syn->flow.remote.addr) ? TCP_MSS_DEFAULT_V4 : TCP_MSS_DEFAULT_V6;
    const uint32_t class = mss_class(syn->opt.has_mss ? syn->opt.mss : usual);
    keep_up(cs);
    c.mss = mss_classes[class];
    c.isn.v = number_base(cs, &syn->flow, c.irs, c.minute) + (kind * COOKIE_CLASSES + class);
    return c;
}

/* Does it echo a timestamp that a SYN/ACK of that minute can have had? 0 may be a peer's that has nothing to echo. */
static bool echo_fits(const struct cookies *cs, const struct seg *ack, uint64_t minute) {
    const struct env *env = cs->env;
    const uint32_t now = (uint32_t)(env->now.ns / MSEC(1)) + tcp_ts_offset(env, &ack->flow);
    const uint32_t oldest = (uint32_t)((env->now.ns - minute * SEC(60)) / MSEC(1)) + TS_MASK;
    return !env->cfg.timestamps || !ack->opt.has_ts || !ack->opt.tsecr || now - ack->opt.tsecr <= oldest;
}

bool cookie_of_ack(struct cookies *cs, const struct seg *ack, struct cookie *c) {
    const uint64_t now = minute_now(cs);
    *c = (struct cookie){.irs = {ack->seq.v - 1}, .isn = {ack->ack.v - 1}};
    keep_up(cs);
    for (uint64_t age = 0; age <= COOKIE_MINUTES && age <= now; age++) {
        const uint32_t value = c->isn.v - number_base(cs, &ack->flow, c->irs, now - age);
        if (value >= COOKIE_VALUES)
            continue;
        c->minute = now - age;
        c->mss = mss_classes[value % COOKIE_CLASSES];
        c->kind = (uint8_t)(value / COOKIE_CLASSES);
        return echo_fits(cs, ack, c->minute);
    }
    return false;
}

/* ---- Handshakes -------------------------------------------------------------------------------------------------- */

void cookie_open(struct tcb *t, const struct seg *syn, const struct cookie *c) {
    tcp_open(t, syn);
    t->isn = c->isn;
    if (!t->ts_ok) {
        t->sack_ok = t->wscale_ok = false;
        t->ecn = TCP_ECN_OFF;
        return;
    }
    uint32_t end = t->wscale_ok ? t->snd_wscale : TS_NO_WSCALE;
    if (t->sack_ok)
        end |= TS_SACK;
    if (t->ecn == TCP_ECN_CLASSIC)
        end |= TS_ECN;
    t->ts_offset -= (tcp_ts_now(t) - end) & TS_MASK; /* a little earlier than now, so that time does not go back */
}

void cookie_reopen(struct tcb *t, const struct seg *ack, const struct cookie *c) {
    struct seg syn = {.flow = ack->flow, .seq = c->irs, .flags = TCP_SYN, .window = ack->window};
    syn.opt.has_mss = true;
    syn.opt.mss = c->mss;
    syn.opt.has_ts = ack->opt.has_ts;
    syn.opt.tsval = ack->opt.tsval;
    if (ack->opt.has_ts && t->env->cfg.timestamps) {
        syn.opt.sack_permitted = ack->opt.tsecr & TS_SACK;
        syn.opt.wscale = ack->opt.tsecr & TS_WSCALE;
        syn.opt.has_wscale = syn.opt.wscale != TS_NO_WSCALE;
        if (ack->opt.tsecr & TS_ECN)
            syn.flags |= TCP_ECE | TCP_CWR;
    }
    tcp_open(t, &syn);
    t->isn = c->isn;
    t->syn_ts = ack->opt.tsecr; /* what the SYN/ACK said is known from nothing else; cookie_of_ack() found it likely */
}

void cookie_reopened(struct tcb *t, uint64_t window) {
    t->syn_pending = false;
    t->snd_nxt = (struct ssn){1};
    t->syn_sends = 1;
    t->last_sent = t->env->now; /* when it left is not known: the handshake gives no round trip */
    t->last_ack_sent = t->rcv_nxt;
    t->rcv_edge = ssn_add(t->rcv_nxt, window < UINT16_MAX ? window : UINT16_MAX);
}
