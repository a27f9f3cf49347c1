/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a connection (RFC 8684 3.3.3, 3.5, appendix D). DATA_FIN ends one direction of the stream as FIN does in
 * TCP; the FINs of the subflows follow when both directions are done, as Linux has it: a FIN before that means "this
 * subflow only" to such a peer. In plain TCP the subflow's FIN is the DATA_FIN.
 */
#include <errno.h>

#include "mptcp/conn.h"

static bool in_handshake(const struct conn *c) { return c->state == UMPTCP_SYN_SENT || c->state == UMPTCP_SYN_RCVD; }

static void ack_everywhere(struct conn *c, uint16_t signals) {
    list_for_each (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->state != SF_ACTIVE)
            continue;
        sf->signals |= signals;
        tcp_ack_now(&sf->tcb);
    }
    conn_ready(c);
}

/* The end of our direction leaves when everything before it was handed to subflows. */
static void send_end(struct conn *c) {
    if (!c->write_shut || !dsn_eq(c->snd_nxt, c->write_seq))
        return;
    if (conn_is_mptcp(c)) {
        if (!c->data_fin_sent)
            ack_everywhere(c, SIG_DATA_FIN);
        c->data_fin_sent = true;
        conn_arm_rtx(c);
        return;
    }
    struct subflow *sf = conn_first(c);
    if (sf && sf->state == SF_ACTIVE && !sf->tcb.fin_queued) {
        tcp_close(&sf->tcb);
        conn_ready(c);
    }
}

static bool end_acked(const struct conn *c) {
    if (conn_is_mptcp(c))
        return c->data_fin_acked;
    const struct subflow *sf = conn_first(c);
    return sf && sf->tcb.fin_queued &&
           (sf->tcb.state == UMPTCP_FIN_WAIT_2 || sf->tcb.state == UMPTCP_TIME_WAIT || sf->tcb.state == UMPTCP_CLOSED);
}

static void set_state(struct conn *c, enum umptcp_tcp_state state) {
    struct env *env = c->mp->env;
    conn_set_state(c, state);
    if (state == UMPTCP_FIN_WAIT_2 && c->orphan && conn_is_mptcp(c)) /* nobody waits for what the peer may still say */
        conn_set_due(c, DUE_LINGER, time_add(env->now, env->cfg.time_wait));
}

/* Both directions are done: the subflows end in order, with FINs of their own. */
static void finish_in_order(struct conn *c) {
    conn_finish(c, 0);
    c->eof_apart = false; /* the FINs say it all */
    list_for_each_safe (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->tcb.fin_queued && sf->state == SF_ACTIVE)
            sf->state = SF_CLOSING; /* plain TCP: its FIN went already */
        subflow_close(sf);
    }
}

/* A segment with data is about to be acknowledged at once. */
static bool data_ack_is_due(const struct conn *c) {
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->state == SF_ACTIVE && subflow_of(n)->tcb.ack_need == TCP_ACK_NOW)
            return true;
    return false;
}

void close_ack_end(struct conn *c) {
    c->eof_apart = false;
    ack_everywhere(c, SIG_DATA_ACK);
}

/*
 * All before the peer's end arrived. While our direction is open, data that is acknowledged at once has an ACK of its
 * own before that of the DATA_FIN, as peers know it from Linux.
 */
static void receive_end(struct conn *c) {
    c->eof = true;
    conn_notify(c, NOTIFY_READABLE);
    c->eof_apart = c->state == UMPTCP_ESTABLISHED && data_ack_is_due(c);
    if (conn_is_mptcp(c) && !c->eof_apart)
        ack_everywhere(c, SIG_DATA_ACK);
    if (c->state == UMPTCP_ESTABLISHED)
        set_state(c, UMPTCP_CLOSE_WAIT);
    else if (c->state == UMPTCP_FIN_WAIT_1)
        set_state(c, UMPTCP_CLOSING);
}

/* All of the peer's data is here, up to its DATA_FIN. */
static bool has_all(const struct conn *c) { return c->fin_rcvd && dsn_eq(c->rcv_nxt, c->fin_dsn); }

/* Another subflow can carry what is still to be sent or acknowledged, or there is nothing. */
static bool can_do_without(const struct subflow *sf) {
    const struct conn *c = sf->conn;
    bool other = dsn_eq(c->snd_una, c->write_seq);
    list_for_each (n, &c->subflows)
        other = other || (subflow_of(n) != sf && subflow_usable(subflow_of(n)));
    return other;
}

/* Subflows whose direction the peer ended before the end of its data. The last one that works stays half open until our
 * data is acknowledged (RFC 8684 3.3.3). */
static void end_half_open(struct conn *c) {
    list_for_each_safe (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->state == SF_ACTIVE && sf->tcb.state == UMPTCP_CLOSE_WAIT && can_do_without(sf))
            subflow_close(sf);
    }
}

void close_advance(struct conn *c) {
    const bool early = conn_is_fast(c) && c->mode == MP_OFF; /* its FIN need not wait for the third ACK */
    if (c->state == UMPTCP_CLOSED || (in_handshake(c) && !early))
        return;
    if (conn_is_mptcp(c) && !has_all(c))
        end_half_open(c);
    if (c->state == UMPTCP_CLOSED)
        return;
    send_end(c);
    bool got_end = has_all(c);
    bool was_fin_wait_2 = c->state == UMPTCP_FIN_WAIT_2;
    if (got_end && !c->eof)
        receive_end(c);
    if (end_acked(c)) {
        if (c->state == UMPTCP_FIN_WAIT_1) {
            set_state(c, UMPTCP_FIN_WAIT_2);
            conn_notify(c, NOTIFY_DELIVERED);
        } else if (c->state == UMPTCP_CLOSING || c->state == UMPTCP_LAST_ACK || (was_fin_wait_2 && c->eof))
            finish_in_order(c);
    }
}

void conn_shutdown(struct conn *c) {
    if (c->write_shut || c->state == UMPTCP_CLOSED)
        return;
    c->write_shut = true;
    c->push_end = true; /* a FIN pushes (RFC 9293 3.10.7.4), so what stands before it may as well */
    c->reserved = 0;
    if (c->state == UMPTCP_ESTABLISHED)
        set_state(c, UMPTCP_FIN_WAIT_1);
    else if (c->state == UMPTCP_CLOSE_WAIT)
        set_state(c, UMPTCP_LAST_ACK);
    conn_ready(c);
    close_advance(c);
}

bool conn_unread(const struct conn *c) { return !dsn_eq(c->read_seq, c->rcv_nxt) || !ranges_empty(&c->rcv_ofo); }

void conn_close(struct conn *c) {
    c->orphan = true;
    conn_tell_closed(c);
    conn_work(c);
    if (c->state == UMPTCP_CLOSED)
        return;
    bool unread = conn_unread(c);
    if (unread && !conn_is_mptcp(c)) /* MPTCP has MP_FASTCLOSE for it */
        mib_inc(&c->mp->env->mib, MIB_TCP_ABORT_ON_CLOSE);
    if (c->state == UMPTCP_SYN_SENT || unread) {
        conn_abort(c, ECONNRESET);
        return;
    }
    list_for_each (n, &c->subflows)
        tcp_orphan(&subflow_of(n)->tcb);
    conn_shutdown(c);
    if (!conn_count_orphan(c)) {
        mib_inc(&c->mp->env->mib, MIB_TCP_ABORT_ON_MEMORY);
        conn_abort(c, ECONNABORTED);
        return;
    }
    if (c->state == UMPTCP_FIN_WAIT_2) /* shutdown() had come long before */
        set_state(c, UMPTCP_FIN_WAIT_2);
    if (list_empty(&c->subflows) && c->state != UMPTCP_CLOSED && c->data_fin_acked)
        conn_finish(c, 0);
}

static void reset_all(struct conn *c, uint16_t signals, int error) {
    list_for_each_safe (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->state == SF_FASTCLOSE)
            continue;
        sf->signals |= signals;
        subflow_reset(sf, MPRST_UNSPEC, error);
    }
    conn_work(c);
    conn_ready(c);
}

/* The subflow that says MP_FASTCLOSE on an ACK: one that works. NULL: there is none, or RSTs are to say it. */
static struct subflow *fastclose_carrier(const struct conn *c) {
    struct subflow *second_best = NULL;
    if (!c->mp->env->cfg.fastclose_ack || !conn_is_mptcp(c) || c->state == UMPTCP_CLOSED)
        return NULL;
    list_for_each (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (subflow_usable(sf) && !sf->timeouts)
            return sf;
        if (sf->state == SF_ACTIVE)
            second_best = sf;
    }
    return second_best;
}

/* One RTO for the answer, and twice as long after each repetition. */
static void say_fastclose(struct subflow *sf) {
    struct conn *c = sf->conn;
    const struct umptcp_config *cfg = &c->mp->env->cfg;
    dur rto = rtt_rto_base(&sf->tcb.rtt, cfg->rto_min, cfg->rto_max) << c->rtx_rounds;
    sf->signals |= SIG_FASTCLOSE;
    conn_set_due(c, DUE_LINGER, time_add(c->mp->env->now, rto < cfg->rto_max ? rto : cfg->rto_max));
    conn_ready(c);
}

void conn_abort(struct conn *c, int error) {
    conn_tell_closed(c);
    struct subflow *carrier = fastclose_carrier(c);
    conn_finish(c, error);
    if (carrier) {
        carrier->state = SF_FASTCLOSE;
        c->rtx_rounds = 0;
        say_fastclose(carrier);
    }
    reset_all(c, conn_is_mptcp(c) && !carrier ? SIG_FASTCLOSE : 0, error);
}

void close_fast_timeout(struct conn *c) {
    list_for_each_safe (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->state != SF_FASTCLOSE)
            continue;
        if (c->rtx_rounds++ < FASTCLOSE_RETRIES) {
            say_fastclose(sf);
        } else { /* a RST says it too, and nothing has to come back */
            sf->signals |= SIG_FASTCLOSE;
            subflow_reset(sf, MPRST_UNSPEC, ETIMEDOUT);
        }
    }
}

/* The peer gave up at the same time: its MP_FASTCLOSE is answered as ours would be. All else is of no use any more. */
enum drop close_fast_input(struct subflow *sf, const struct seg *seg, const struct tcp_rx *rx) {
    struct conn *c = sf->conn;
    const struct mpopt *fast = mpopts_find(&seg->mp, MP_FASTCLOSE);
    if (rx->acceptable && fast && fast->fastclose.key == c->local_key) {
        mib_inc(&c->mp->env->mib, MIB_MP_FASTCLOSE_RX);
        subflow_reset(sf, MPRST_UNSPEC, ECONNRESET);
    }
    return seg->len && !rx->drop ? DROP_TCP_RECV_CLOSED : rx->drop;
}

void close_fast(struct conn *c) {
    conn_finish(c, ECONNRESET);
    reset_all(c, 0, ECONNRESET);
}

/*
 * In MPTCP the peer gave up this subflow only (RFC 8684 3.3.3), and we do the same. But when something took its options
 * away the peer may be plain TCP by now (3.7), for which our FIN would be the end of our stream, wherever that is:
 * bytes that nothing will map any more decide it, and where there are none a reset says that it was no end. Behind a
 * DATA_FIN, too, a subflow is given up while data is missing: that comes on another one.
 */
void close_fin_rcvd(struct subflow *sf, bool bare) {
    struct conn *c = sf->conn;
    struct ssn ssn;
    if (!conn_is_mptcp(c))
        conn_receive_fin(c, conn_plain_dsn(c, sf->tcb.fin_ssn));
    else if (hold_unmapped(sf, &ssn))
        fallback_unmapped(sf, ssn, true);
    else if (bare && c->state != UMPTCP_CLOSED && !c->fin_rcvd && fallback_possible(c))
        subflow_reset(sf, MPRST_MIDDLEBOX, ECONNRESET);
    else if (!has_all(c) && can_do_without(sf))
        subflow_close(sf);
    /* Else it has said everything, and ends its direction of each subflow: ours goes on until finish_in_order(). Or it
     * is the last one, and needed until end_half_open(). */
}

/* One that was up; attempts to open another do not keep a connection alive. */
static bool any_left(const struct conn *c) {
    list_for_each (n, &c->subflows) {
        uint8_t state = subflow_of(n)->state;
        if (state == SF_ACTIVE || state == SF_CLOSING)
            return true;
    }
    return false;
}

void close_subflow_gone(struct conn *c, int error) {
    struct env *env = c->mp->env;
    if (c->state == UMPTCP_CLOSED || any_left(c))
        return;
    bool all_said = c->orphan && c->data_fin_acked; /* nobody is there, here or beyond, who waits for anything */
    if (!conn_joinable(c) || c->listener || all_said) {
        conn_finish(c, error ? error : c->eof && c->write_shut ? 0 : ECONNRESET);
        reset_all(c, 0, ECONNABORTED);
        return;
    }
    /* Break before make: another subflow may come (3.3.3); until then the connection waits. */
    conn_set_due(c, DUE_RTX, UMPTCP_NEVER);
    if (time_is_never(c->due[DUE_ALONE]))
        conn_set_due(c, DUE_ALONE, time_add(env->now, env->cfg.close_timeout));
}
