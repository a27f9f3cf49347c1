/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners that do Fast Open (RFC 7413 4.2.2): which SYNs' data is taken, which are given a cookie. */
#include <errno.h>
#include <string.h>

#include "stack/stack.h"

static const struct fastopen_keys *keys_of(const struct umptcp *s, const struct listener *l) {
    return l->keys.n ? &l->keys : &s->mp.fastopen.keys;
}

/* Those that a RST ended lately count like those in handshake: RSTs of hosts whose addresses a flood of SYNs abuses
 * must not make room for more of it (5.1). */
static uint32_t fast_pending(struct umptcp *s, struct listener *l) {
    const utime *until;
    while ((until = deque_front(&l->fast_resets)) && !time_before(s->env.now, *until))
        deque_pop_front(&l->fast_resets, &s->env.mem);
    return l->fast + l->fast_resets.count;
}

/* One more may begin before its handshake is over (5.1). */
static bool fast_room(struct umptcp *s, struct listener *l) {
    int64_t most = sockopt_of_listener(l, UMPTCP_OPT_FASTOPEN);
    if (!most && s->env.cfg.fastopen & UMPTCP_FASTOPEN_LISTENERS)
        most = l->backlog;
    if (!(s->env.cfg.fastopen & UMPTCP_FASTOPEN_SERVER) || !most)
        return false;
    if (fast_pending(s, l) < most)
        return true;
    mib_inc(&s->env.mib, MIB_TFO_LISTEN_OVERFLOW);
    return false;
}

/* What becomes of a SYN: its data is taken, a cookie goes with the SYN/ACK, or both, or neither. */
struct fast_verdict {
    bool take, give;
    struct fastopen_cookie cookie;
};

static struct fast_verdict fast_judge(struct umptcp *s, struct listener *l, const struct seg *syn) {
    struct mib_table *mib = &s->env.mib;
    const struct fastopen_cookie *theirs = &syn->opt.fastopen;
    const struct fastopen_keys *keys = keys_of(s, l);
    struct fast_verdict v = {0};
    if (syn->opt.has_fastopen && !theirs->len)
        mib_inc(mib, MIB_TFO_COOKIE_REQD);
    if ((!syn->len && !syn->opt.has_fastopen) || !fast_room(s, l))
        return v;
    v.take =
        s->env.cfg.fastopen & UMPTCP_FASTOPEN_SERVER_NO_COOKIE || sockopt_of_listener(l, UMPTCP_OPT_FASTOPEN_NO_COOKIE);
    if (v.take || !syn->opt.has_fastopen)
        return v;
    const int key = theirs->len ? fastopen_cookie_check(keys, &syn->flow, theirs) : -1;
    v.take = key >= 0;
    v.give = key != 0; /* an old key's cookie is good once more, for the last time */
    if (key > 0)
        mib_inc(mib, MIB_TFO_ALT_KEY);
    else if (key < 0 && theirs->len)
        mib_inc(mib, MIB_TFO_PASSIVE_FAIL);
    fastopen_cookie_make(keys, 0, &syn->flow, &v.cookie);
    v.cookie.exp = theirs->exp;
    return v;
}

/* Without memory for it the connection opens as any other. */
void listener_fast_open(struct umptcp *s, struct listener *l, struct conn *c, const struct seg *syn) {
    const struct fast_verdict v = fast_judge(s, l, syn);
    if (v.give && conn_give_cookie(c, &v.cookie))
        return;
    if (!v.take)
        return;
    if (conn_accept_fast(c, syn, l->sock.v)) {
        mib_inc(&s->env.mib, MIB_TFO_PASSIVE_FAIL);
        return;
    }
    l->fast++;
    mib_inc(&s->env.mib, MIB_TFO_PASSIVE);
}

void listener_fast_over(struct umptcp *s, struct conn *c) {
    if (!c->server || !c->fast || c->state == UMPTCP_SYN_RCVD)
        return;
    struct listener *l = handle_get(&s->handles, (umptcp_sock){c->fast->listener}, HANDLE_LISTENER);
    if (l && c->fast->taken) {
        l->fast--;
        utime *until = c->fast->reset ? deque_push(&l->fast_resets, &s->env.mem) : NULL;
        if (until)
            *until = time_add(s->env.now, FAST_RESET_LIFE);
    }
    conn_fast_free(c);
}

int umptcp_fastopen_keys_set(struct umptcp *s, umptcp_sock listener, const uint8_t (*keys)[16], int n) {
    struct listener *l = handle_get(&s->handles, listener, HANDLE_LISTENER);
    if (!l)
        return handle_kind_of(&s->handles, listener) == HANDLE_FREE ? -EBADF : -EINVAL;
    if (n < 1 || n > FASTOPEN_KEYS)
        return -EINVAL;
    l->keys.n = (uint8_t)n;
    memcpy(l->keys.key, keys, (size_t)n * sizeof *keys);
    return 0;
}

int umptcp_fastopen_keys_get(const struct umptcp *s, umptcp_sock listener, uint8_t (*keys)[16]) {
    const struct listener *l = handle_get(&s->handles, listener, HANDLE_LISTENER);
    const struct fastopen_keys *from = l ? keys_of(s, l) : &s->mp.fastopen.keys;
    if (!l && listener.v)
        return handle_kind_of(&s->handles, listener) == HANDLE_FREE ? -EBADF : -EINVAL;
    memcpy(keys, from->key, from->n * sizeof *keys);
    return from->n;
}
