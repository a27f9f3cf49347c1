/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Explicit congestion notification (RFC 3168): the network marks packets in place of dropping them.
 *
 * The two SYNs agree on it. New payload then leaves as ECT(0). A receiver that sees a mark says ECE in all it sends
 * until CWR comes back; a sender that hears ECE reduces its window once for each window of data (cwr_enter() in
 * recovery.c) and says CWR with the next new payload, as it does after any other reduction. All of this is one
 * subflow's: a mark tells about one path.
 */
#include "tcp/internal.h"

enum { ECN_FLAGS = TCP_ECE | TCP_CWR };

/* ---- Handshake --------------------------------------------------------------------------------------------------- */

/* A SYN that had no answer is sent again without: some boxes drop those that ask (RFC 3168 6.1.1.1). */
static enum tcp_ecn asked(const struct tcb *t, uint8_t sends) {
    const struct umptcp_config *cfg = &t->env->cfg;
    return cfg->ecn == 1 && !(cfg->ecn_fallback && sends > 0) ? TCP_ECN_CLASSIC : TCP_ECN_OFF;
}

static void emit_syn(const struct tcb *t, struct seg *seg) {
    const bool answer = seg->flags & TCP_ACK;
    if ((answer ? t->ecn : asked(t, t->syn_sends)) == TCP_ECN_CLASSIC)
        seg->flags |= answer ? TCP_ECE : ECN_FLAGS;
}

static void sent_syn(struct tcb *t) {
    if (t->state == UMPTCP_SYN_SENT)
        t->ecn = asked(t, t->syn_sends - 1) & 3;
}

/*
 * The peer's SYN asks by both flags, its SYN/ACK agrees by ECE alone: some boxes send both back as they came (6.1.1). A
 * SYN in a packet that may be marked is none of RFC 3168's.
 */
void ecn_take_syn(struct tcb *t, const struct seg *seg) {
    const uint8_t flags = seg->flags & ECN_FLAGS;
    bool on;
    if (seg->flags & TCP_ACK)
        on = t->ecn == TCP_ECN_CLASSIC && flags == TCP_ECE;
    else if (t->state == UMPTCP_SYN_SENT) /* both opened: the SYN/ACKs that follow would agree, and are not read */
        on = false;
    else
        on = t->env->cfg.ecn && flags == ECN_FLAGS && seg->ecn == IP_ECN_NOT_ECT;
    t->ecn = on ? TCP_ECN_CLASSIC : TCP_ECN_OFF;
}

void ecn_forget(struct tcb *t) {
    t->ecn = TCP_ECN_OFF;
    t->ecn_echo = t->ecn_cwr = false;
}

/* ---- Receiver ---------------------------------------------------------------------------------------------------- */

/*
 * CWR ends what a mark began, and a mark in the same segment begins anew. Both are answered at once: after the first
 * the peer's window may be too small for a second segment, and the second is what it waits for.
 */
void ecn_receive(struct tcb *t, const struct seg *seg) {
    if (t->ecn == TCP_ECN_OFF || seg->len == 0)
        return;
    if (seg->flags & TCP_CWR) {
        t->ecn_echo = false;
        t->ack_need = TCP_ACK_NOW;
    }
    if (seg->ecn == IP_ECN_CE && !t->ecn_echo) {
        t->ecn_echo = true;
        t->ack_need = TCP_ACK_NOW;
    }
    t->ecn_seen = t->ecn_seen || seg->ecn != IP_ECN_NOT_ECT;
}

/* ---- Sender ------------------------------------------------------------------------------------------------------ */

bool ecn_echoed(struct tcb *t, const struct seg *seg, uint32_t delivered) {
    if (t->ecn == TCP_ECN_OFF || (seg->flags & (TCP_ECE | TCP_SYN)) != TCP_ECE)
        return false;
    struct tcp_extra *x = delivered ? tcp_extra(t) : NULL;
    if (x)
        x->delivered_ce += delivered;
    mib_add(&t->env->mib, MIB_TCP_DELIVERED_CE, delivered);
    return true;
}

void ecn_reduced(struct tcb *t) { t->ecn_cwr = t->ecn != TCP_ECN_OFF; }

/* Only new payload: a mark on anything else, or its loss, would find nobody who answers it (6.1.4 to 6.1.6). */
static bool is_new(const struct tcp_plan *plan) { return plan->kind == TCP_PLAN_DATA && !plan->again; }

void ecn_emit(const struct tcb *t, const struct tcp_plan *plan, struct seg *seg) {
    seg->ecn = IP_ECN_NOT_ECT;
    if (plan->kind == TCP_PLAN_SYN)
        emit_syn(t, seg);
    if (t->ecn == TCP_ECN_OFF || plan->kind == TCP_PLAN_SYN || plan->kind == TCP_PLAN_RST)
        return;
    if (t->ecn_echo)
        seg->flags |= TCP_ECE;
    if (!is_new(plan))
        return;
    seg->ecn = IP_ECN_ECT0;
    if (t->ecn_cwr)
        seg->flags |= TCP_CWR;
}

void ecn_sent(struct tcb *t, const struct tcp_plan *plan) {
    if (plan->kind == TCP_PLAN_SYN)
        sent_syn(t);
    else if (is_new(plan))
        t->ecn_cwr = false;
}
