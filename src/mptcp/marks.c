/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places in the stream that the application asked for: ends of records, and notices of what became of the bytes before.
 * A mark holds the notices that it will make, so that none is lost for want of memory later.
 */
#include <errno.h>

#include "mptcp/marks.h"

enum { KINDS = UMPTCP_MARK_RECORD | UMPTCP_MARK_SENT | UMPTCP_MARK_ACKED };

static struct conn_mark *mark_at(const struct conn *c, uint32_t i) { return deque_at(c->marks, i); }

void conn_marks_free(struct conn *c) {
    struct mem *mem = &c->mp->env->mem;
    if (!c->marks)
        return;
    deque_free(c->marks, mem);
    mem_free(mem, c->marks, sizeof *c->marks);
    c->marks = NULL;
}

/* Those that have nothing more to do go; without any the connection holds nothing. */
static void sweep(struct conn *c) {
    for (uint32_t i = c->marks->count; i-- > 0;)
        if (!mark_at(c, i)->waits && !mark_at(c, i)->told)
            deque_remove(c->marks, &c->mp->env->mem, i);
    if (!c->marks->count)
        conn_marks_free(c);
}

/* It came to pass. */
static void happened(struct conn *c, struct conn_mark *m, enum umptcp_mark_kind kind, utime *when) {
    if (!(m->waits & (uint8_t)kind))
        return;
    m->waits &= (uint8_t)~kind;
    m->told |= (uint8_t)kind;
    *when = c->mp->env->now;
    conn_notify(c, NOTIFY_NOTICE);
}

int conn_mark(struct conn *c, unsigned kinds, uint32_t id) {
    struct mem *mem = &c->mp->env->mem;
    if (!kinds || kinds & ~(unsigned)KINDS || (dsn_eq(c->write_seq, dsn_add(c->local_idsn, 1)) && !c->syn_sent))
        return -EINVAL;
    if (c->state == UMPTCP_CLOSED || c->write_shut)
        return -EPIPE;
    if (!c->marks && (c->marks = mem_alloc(mem, sizeof *c->marks)))
        deque_init(c->marks, sizeof(struct conn_mark));
    struct conn_mark *m = c->marks ? deque_push(c->marks, mem) : NULL;
    if (!m && c->marks && !c->marks->count)
        conn_marks_free(c);
    if (!m)
        return -ENOMEM;
    *m = (struct conn_mark){.at = c->write_seq, .id = id, .waits = (uint8_t)kinds};
    if (dsn_le(m->at, c->snd_nxt)) { /* late: it was all given out */
        m->waits &= (uint8_t)~UMPTCP_MARK_RECORD;
        happened(c, m, UMPTCP_MARK_SENT, &m->sent);
    }
    if (dsn_le(m->at, c->snd_una))
        happened(c, m, UMPTCP_MARK_ACKED, &m->acked);
    return 0;
}

uint64_t conn_record(const struct conn *c, uint64_t waiting) {
    for (uint32_t i = 0; c->marks && i < c->marks->count; i++) {
        const struct conn_mark *m = mark_at(c, i);
        if (m->waits & UMPTCP_MARK_RECORD && dsn_lt(c->snd_nxt, m->at))
            return dsn_sub(m->at, c->snd_nxt) < waiting ? dsn_sub(m->at, c->snd_nxt) : waiting;
    }
    return waiting;
}

void conn_marks_given(struct conn *c) {
    if (!c->marks)
        return;
    for (uint32_t i = 0; i < c->marks->count && dsn_le(mark_at(c, i)->at, c->snd_nxt); i++)
        mark_at(c, i)->waits &= (uint8_t)~UMPTCP_MARK_RECORD;
    sweep(c);
}

void conn_marks_sent(struct conn *c, struct dsn start, uint32_t len) {
    for (uint32_t i = 0; i < c->marks->count; i++) {
        struct conn_mark *m = mark_at(c, i);
        if (dsn_lt(start, m->at) && dsn_le(m->at, dsn_add(start, len)))
            happened(c, m, UMPTCP_MARK_SENT, &m->sent);
    }
}

void conn_marks_acked(struct conn *c) {
    for (uint32_t i = 0; c->marks && i < c->marks->count && dsn_le(mark_at(c, i)->at, c->snd_una); i++)
        happened(c, mark_at(c, i), UMPTCP_MARK_ACKED, &mark_at(c, i)->acked);
}

void conn_marks_renumber(struct conn *c, uint64_t by) {
    for (uint32_t i = 0; c->marks && i < c->marks->count; i++)
        mark_at(c, i)->at.v -= by;
}

bool conn_notice(struct conn *c, struct umptcp_notice *notice) {
    struct conn_mark *oldest = NULL;
    enum umptcp_mark_kind kind = UMPTCP_MARK_SENT;
    utime at = UMPTCP_NEVER;
    for (uint32_t i = 0; c->marks && i < c->marks->count; i++) {
        struct conn_mark *m = mark_at(c, i);
        const bool sent = m->told & UMPTCP_MARK_SENT;
        if (!m->told || !time_before(sent ? m->sent : m->acked, at))
            continue;
        oldest = m;
        kind = sent ? UMPTCP_MARK_SENT : UMPTCP_MARK_ACKED;
        at = sent ? m->sent : m->acked;
    }
    if (!oldest)
        return false;
    *notice = (struct umptcp_notice){kind, oldest->id, at};
    oldest->told &= (uint8_t)~kind;
    sweep(c);
    return true;
}
