/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Path signals (RFC 8684 3.4): addresses announced, echoed and withdrawn, priorities changed, silent paths probed. The
 * path manager decides; here its words are said and the peer's are heard.
 */
#include <errno.h>
#include <string.h>

#include "mptcp/conn.h"
#include "wire/mpcrypto.h"

enum { ACTIVE_PROBE_INTERVALS = 2 };
#define PROBE_INTERVAL SEC(1) /* of a withdrawn path, when silent ones are not probed otherwise */

static bool conn_closed(const struct conn *c) { return c->state == UMPTCP_CLOSED; }

/* ---- Said ----------------------------------------------------------------------------------------------------------
 */

/* The subflow that carries a signal about others: the first that works, preferably not `not_this`. */
static struct subflow *signal_carrier(const struct conn *c, uint8_t not_this_id, bool any_id) {
    struct subflow *second_best = NULL;
    list_for_each (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (!subflow_usable(sf))
            continue;
        if (any_id || sf->local_id != not_this_id)
            return sf;
        second_best = sf;
    }
    return second_best;
}

static void say(struct subflow *sf, uint16_t signal) {
    sf->signals |= signal; /* the ACK for it is made when there may be one more (plan_segment()) */
    conn_ready(sf->conn);
}

/* Nobody says it any more. */
static void unsay(struct conn *c, uint16_t signal) {
    list_for_each (n, &c->subflows)
        subflow_of(n)->signals &= (uint16_t)~signal;
}

/* RFC 8684 3.4.1 leaves the interval open; Linux's: the longest RTO of the subflows, doubled each time. */
static void schedule_announcement(const struct conn *c, struct announcement *a) {
    const struct umptcp_config *cfg = &c->mp->env->cfg;
    dur wait = conn_longest_rto(c);
    if (wait > cfg->add_addr_timeout)
        wait = cfg->add_addr_timeout;
    a->at = wait ? time_add(c->mp->env->now, wait << (a->tries ? a->tries - 1 : 0)) : UMPTCP_NEVER;
}

static struct announcement *announcement_at(const struct conn *c, uint32_t i) {
    return deque_at(&c->paths->announced, i);
}

struct announcement *conn_announced(const struct conn *c, uint8_t id) {
    for (uint32_t i = 0; i < c->paths->announced.count; i++)
        if (announcement_at(c, i)->id == id)
            return announcement_at(c, i);
    return NULL;
}

/* An ADD_ADDR waits to leave on a subflow that still can. */
static bool announcement_waits(const struct conn *c) {
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->state != SF_DEAD && subflow_of(n)->signals & SIG_ADD_ADDR)
            return true;
    return false;
}

bool conn_announcing(const struct conn *c) {
    bool due = announcement_waits(c);
    for (uint32_t i = 0; i < c->paths->announced.count; i++)
        due = due || announcement_at(c, i)->due;
    return due;
}

bool conn_port_welcome(const struct conn *c, const struct umptcp_sockaddr *local) {
    if (local->port == c->name.local.port || c->mp->env->cfg.join_any_port)
        return true;
    for (uint32_t i = 0; c->paths && i < c->paths->announced.count; i++)
        if (sockaddr_eq(&announcement_at(c, i)->addr, local))
            return true;
    return false;
}

/* The next one that is due, when the one before it left. */
static void announce_next(struct conn *c) {
    struct subflow *sf = signal_carrier(c, 0, true);
    if (!sf || announcement_waits(c))
        return;
    for (uint32_t i = 0; i < c->paths->announced.count; i++) {
        struct announcement *a = announcement_at(c, i);
        if (!a->due)
            continue;
        a->due = false;
        c->paths->add = (struct add_addr){.active = true, .id = a->id, .addr = a->addr};
        sf->signal_acks = 0;
        say(sf, SIG_ADD_ADDR);
        return;
    }
}

void conn_announce_sent(struct conn *c) {
    c->paths->add.active = false;
    announce_next(c);
    conn_arm_path(c);
}

/* `id` is not to be announced any more: a copy of its ADD_ADDR that did not leave yet must not. */
static void announcement_stop(struct conn *c, uint8_t id) {
    if (!c->paths->add.active || c->paths->add.id != id)
        return;
    c->paths->add.active = false;
    unsay(c, SIG_ADD_ADDR);
    announce_next(c);
}

static void announcement_over(struct conn *c, struct announcement *a, enum pm_event_type why) {
    a->over = true;
    a->due = false;
    a->at = UMPTCP_NEVER;
    announcement_stop(c, a->id);
    conn_pm_event(c, &(struct pm_event){.type = why, .local_id = a->id});
}

static void announce_again(struct conn *c, struct announcement *a) {
    if (a->tries > ADD_ADDR_RETRIES) {
        announcement_over(c, a, PM_ANNOUNCE_FAILED);
        return;
    }
    a->tries++;
    a->due = true;
    schedule_announcement(c, a);
    announce_next(c);
}

/* Nobody has anything to withdraw any more. */
static void withdrawals_end(struct conn *c) {
    c->paths->remove_said = false;
    c->paths->nremove = 0;
    c->paths->remove_at = UMPTCP_NEVER;
    unsay(c, SIG_REMOVE_ADDR);
}

void conn_withdraw_not(struct conn *c, uint8_t id) {
    struct conn_paths *p = c->paths;
    for (uint32_t i = 0; i < p->nremove; i++)
        if (p->remove_ids[i] == id) {
            p->remove_ids[i] = p->remove_ids[--p->nremove];
            break;
        }
    if (!p->nremove)
        withdrawals_end(c);
}

int conn_announce(struct conn *c, uint8_t id, const struct umptcp_sockaddr *addr) {
    struct announcement *a = conn_announced(c, id);
    if (!a) {
        a = deque_push(&c->paths->announced, &c->mp->env->mem);
        c->paths->nannounced += a && c->paths->nannounced < UINT8_MAX;
    }
    if (!a)
        return -ENOMEM;
    *a = (struct announcement){.id = id, .addr = *addr};
    conn_withdraw_not(c, id);
    announce_again(c, a);
    conn_arm_path(c);
    return 0;
}

static void announcement_forget(struct conn *c, uint8_t id) {
    for (uint32_t i = 0; i < c->paths->announced.count; i++)
        if (announcement_at(c, i)->id == id) {
            deque_remove(&c->paths->announced, &c->mp->env->mem, i);
            break;
        }
    announcement_stop(c, id);
}

static bool withdrawing(const struct conn *c, uint8_t id) {
    for (uint32_t i = 0; i < c->paths->nremove; i++)
        if (c->paths->remove_ids[i] == id)
            return true;
    return false;
}

/* On each subflow that works and goes on, else on any that works. */
static void say_withdrawals(struct conn *c) {
    struct subflow *any = signal_carrier(c, 0, true);
    bool said = false;
    list_for_each (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (!subflow_usable(sf) || withdrawing(c, sf->local_id))
            continue;
        say(sf, SIG_REMOVE_ADDR);
        said = true;
    }
    if (any && !said)
        say(any, SIG_REMOVE_ADDR);
}

/* When a signal is said again that is to be said `repeats` times more. */
static utime repeat_at(const struct conn *c, uint8_t repeats) {
    return repeats ? time_add(c->mp->env->now, conn_longest_rto(c)) : UMPTCP_NEVER;
}

/*
 * REMOVE_ADDR is not acknowledged: it is said once on each subflow that works (3.4.2). The list of ids starts anew when
 * the last one was said: copies of that which are late are dropped.
 */
void conn_withdraw(struct conn *c, uint8_t id) {
    struct conn_paths *p = c->paths;
    announcement_forget(c, id);
    if (p->remove_said)
        withdrawals_end(c);
    conn_withdraw_not(c, id);
    if (!signal_carrier(c, 0, true) || p->nremove == MP_REMOVE_IDS_MAX) {
        mib_inc(&c->mp->env->mib, MIB_RM_ADDR_TX_DROP);
        return;
    }
    p->remove_ids[p->nremove++] = id;
    say_withdrawals(c);
    p->remove_repeats = c->mp->env->cfg.signal_repeats;
    p->remove_at = repeat_at(c, p->remove_repeats);
    conn_arm_path(c);
}

void subflow_prio(struct subflow *sf, bool backup) {
    struct conn *c = sf->conn;
    sf->local_backup = backup;
    if (!conn_is_mptcp(c) || sf->state != SF_ACTIVE)
        return;
    say(sf, SIG_PRIO);
    sf->prio_repeats = c->mp->env->cfg.signal_repeats;
    c->paths->prio_at = time_min(c->paths->prio_at, repeat_at(c, sf->prio_repeats));
    conn_arm_path(c);
}

/* What nobody acknowledges is said again, in case it was lost. */
static void signals_again(struct conn *c) {
    struct conn_paths *p = c->paths;
    const utime now = c->mp->env->now;
    if (!time_before(now, p->remove_at)) {
        say_withdrawals(c);
        p->remove_at = repeat_at(c, --p->remove_repeats);
    }
    if (time_before(now, p->prio_at))
        return;
    p->prio_at = UMPTCP_NEVER;
    list_for_each (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (!sf->prio_repeats || sf->state != SF_ACTIVE)
            continue;
        say(sf, SIG_PRIO);
        p->prio_at = time_min(p->prio_at, repeat_at(c, --sf->prio_repeats));
    }
}

/* ---- Heard ---------------------------------------------------------------------------------------------------------
 */

/* Room for exactly `n`. False without memory. */
static bool remotes_resize(struct conn *c, uint32_t n) {
    struct conn_paths *p = c->paths;
    struct mem *mem = &c->mp->env->mem;
    struct pm_remote *r = NULL;
    if (n && !(r = mem_realloc(mem, p->remotes, p->nremotes * sizeof *r, n * sizeof *r)))
        return false;
    if (!n)
        mem_free(mem, p->remotes, p->nremotes * sizeof *r);
    p->remotes = r;
    p->nremotes = (uint8_t)n;
    return true;
}

/* A place for one more; one that is only observed gives way to one that is announced. NULL: there is none. */
static struct pm_remote *remote_place(struct conn *c, bool observed) {
    struct conn_paths *p = c->paths;
    if (p->nremotes < REMOTE_ADDRS_MAX)
        return remotes_resize(c, p->nremotes + 1u) ? &p->remotes[p->nremotes - 1] : NULL;
    for (uint32_t i = 0; i < p->nremotes && !observed; i++)
        if (p->remotes[i].observed)
            return &p->remotes[i];
    return NULL;
}

static struct pm_remote *remote_find(const struct conn *c, uint8_t id) {
    for (uint32_t i = 0; i < c->paths->nremotes; i++)
        if (c->paths->remotes[i].id == id)
            return &c->paths->remotes[i];
    return NULL;
}

void conn_observe_remote(struct conn *c, uint8_t id, const struct umptcp_addr *addr) {
    struct pm_remote *r = id ? remote_find(c, id) : NULL;
    if (id == 0 || (r && !r->observed))
        return;
    r = r ? r : remote_place(c, true);
    if (!r)
        return;
    *r = (struct pm_remote){.id = id, .observed = true};
    r->addr.addr = *addr;
}

/* Remembers an address under its id. False: it contradicts what is known, or there is no room. */
static bool learn_remote(struct conn *c, uint8_t id, const struct umptcp_sockaddr *addr) {
    struct pm_remote *r = id ? remote_find(c, id) : NULL;
    if (id == 0)
        return addr_eq(&addr->addr, &c->name.remote.addr);
    if (r && !r->observed && !addr_eq(&r->addr.addr, &addr->addr))
        return false; /* an id gets another address only after it was removed */
    r = r ? r : remote_place(c, false);
    if (r) /* what a NAT made of it gives way to what the peer calls it */
        *r = (struct pm_remote){.id = id, .addr = *addr};
    return r;
}

static void echo_input(struct conn *c, const struct mpopt *o) {
    struct announcement *a = conn_announced(c, o->add_addr.addr_id);
    mib_inc(&c->mp->env->mib, MIB_ECHO_ADD);
    if (!a || a->over || !addr_eq(&a->addr.addr, &o->add_addr.addr) ||
        a->addr.port != (o->add_addr.has_port ? o->add_addr.port : 0))
        return;
    announcement_over(c, a, PM_ANNOUNCE_ECHOED);
}

/* Echoes are said one at a time. One that has no room here the peer asks for again. As on Linux the first subflow that
 * works says it, wherever the announcement came. */
static void echo(struct subflow *sf, const struct pm_remote *what) {
    struct conn *c = sf->conn;
    struct subflow *first = signal_carrier(c, 0, true);
    struct mem *mem = &c->mp->env->mem;
    struct deque *d = &c->paths->echoes;
    bool waits = false;
    for (uint32_t i = 0; i < d->count; i++) {
        const struct pm_remote *r = deque_at(d, i);
        waits = waits || (r->id == what->id && sockaddr_eq(&r->addr, &what->addr));
    }
    struct pm_remote *slot = waits || d->count == ECHOES_MAX ? NULL : deque_push(d, mem);
    if (slot)
        *slot = *what;
    else if (!waits)
        mib_inc(&c->mp->env->mib, MIB_ECHO_ADD_TX_DROP);
    if (d->count)
        say(first ? first : sf, SIG_ECHO);
}

void conn_echo_sent(struct conn *c) {
    struct subflow *sf = signal_carrier(c, 0, true);
    deque_pop_front(&c->paths->echoes, &c->mp->env->mem);
    if (!c->paths->echoes.count)
        unsay(c, SIG_ECHO); /* asked for on another subflow, too */
    else if (sf)
        say(sf, SIG_ECHO);
}

static void announced_input(struct subflow *sf, const struct mpopt *o, enum drop *drop) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    uint16_t port = o->add_addr.has_port ? o->add_addr.port : 0;
    mib_inc(&env->mib, MIB_ADD_ADDR);
    if (o->add_addr.has_port)
        mib_inc(&env->mib, MIB_PORT_ADD);
    mp_tell(c->mp, &(struct umptcp_pm_event){.type = UMPTCP_PM_ANNOUNCED,
                                             .token = c->token.token,
                                             .sock = {c->handle},
                                             .remote_id = o->add_addr.addr_id,
                                             .remote = {o->add_addr.addr, port ? port : sf->flow.remote.port}});
    /* Without a port the one that the subflow goes to is meant (3.4.1). */
    struct umptcp_sockaddr addr = {o->add_addr.addr, port ? port : sf->flow.remote.port};
    if (!addr_is_usable(&addr.addr) || addr_is_loopback(&addr.addr) || (o->add_addr.has_port && !port) ||
        addr_eq(&addr.addr, &sf->flow.local.addr) || (c->pm->external && !c->mp->pm_listening) ||
        !learn_remote(c, o->add_addr.addr_id, &addr)) {
        *drop = DROP_MP_ADDR;
        mib_inc(&env->mib, MIB_ADD_ADDR_DROP);
        return;
    }
    echo(sf, &(struct pm_remote){.id = o->add_addr.addr_id, .addr = {o->add_addr.addr, port}});
    conn_path_event(
        c, &(struct conn_path_event){.type = UMPTCP_EV_ADDR_ANNOUNCED, .addr_id = o->add_addr.addr_id, .addr = addr});
    conn_pm_event(c, &(struct pm_event){.type = PM_ADDR_ANNOUNCED, .remote_id = o->add_addr.addr_id, .addr = addr});
}

/* It proves the peer's key, too. As on Linux its address comes before what then begins by itself. */
static void add_addr_input(struct subflow *sf, const struct mpopt *o, enum drop *drop) {
    struct conn *c = sf->conn;
    if (o->add_addr.hmac != mp_add_addr_hmac(c->remote_key, c->local_key, o->add_addr.addr_id, &o->add_addr.addr,
                                             o->add_addr.has_port ? o->add_addr.port : 0)) {
        *drop = DROP_MP_HMAC;
        return;
    }
    bool first = conn_becomes_full(c);
    announced_input(sf, o, drop);
    if (first)
        conn_begins_joins(c);
}

/*
 * An address is withdrawn: it is forgotten, and the subflows to it must prove that they live or go (3.4.2): they are
 * probed, and without an answer reset.
 */
static void remove_input(struct conn *c, uint8_t id, enum drop *drop) {
    struct env *env = c->mp->env;
    struct conn_paths *p = c->paths;
    bool known = false;
    mp_tell(c->mp, &(struct umptcp_pm_event){
                       .type = UMPTCP_PM_REMOVED, .token = c->token.token, .sock = {c->handle}, .remote_id = id});
    for (uint32_t i = 0; i < p->nremotes; i++)
        if (p->remotes[i].id == id) {
            p->remotes[i] = p->remotes[p->nremotes - 1];
            (void)remotes_resize(c, p->nremotes - 1u); /* at worst the last one stays, twice */
            known = true;
            break;
        }
    list_for_each_safe (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->remote_id == id && sf->initiator && sf->join && (sf->state == SF_OPENING || sf->state == SF_PRE))
            subflow_close(sf); /* nothing is lost with it */
        if (sf->remote_id != id || sf->state != SF_ACTIVE)
            continue;
        known = true;
        if (!env->cfg.remove_addr_probe) {
            subflow_close(sf);
            continue;
        }
        sf->withdrawn = true;
        sf->probes = 1;
        tcp_probe(&sf->tcb);
        conn_ready(c);
    }
    mib_inc(&env->mib, MIB_RM_ADDR);
    if (!known) {
        *drop = DROP_MP_ADDR;
        return;
    }
    conn_arm_path(c);
    conn_path_event(c, &(struct conn_path_event){.type = UMPTCP_EV_ADDR_REMOVED, .addr_id = id});
    conn_pm_event(c, &(struct pm_event){.type = PM_ADDR_REMOVED, .remote_id = id});
}

static void prio_input(struct subflow *sf, bool backup) {
    struct conn *c = sf->conn;
    mib_inc(&c->mp->env->mib, MIB_MP_PRIO_RX);
    sf->remote_backup = backup;
    subflow_tell(sf, UMPTCP_PM_SUB_PRIORITY);
    conn_path_event(c, &(struct conn_path_event){.type = UMPTCP_EV_SUBFLOW_PRIO, .subflow = sf->number});
    conn_ready(c);
}

/* False: the connection ended by it. */
static bool fastclose_input(struct conn *c, const struct mpopt *o, enum drop *drop) {
    if (o->fastclose.key != c->local_key) {
        *drop = DROP_MP_FASTCLOSE_KEY;
        return true;
    }
    mib_inc(&c->mp->env->mib, MIB_MP_FASTCLOSE_RX);
    close_fast(c);
    return false;
}

bool signal_input(struct subflow *sf, const struct seg *seg, enum drop *drop) {
    struct conn *c = sf->conn;
    c->mp->env->mib.drops[DROP_MP_OPTION] += seg->mp.malformed;
    if (!conn_is_mptcp(c) || conn_closed(c))
        return true;
    for (uint32_t i = 0; i < seg->mp.n; i++) {
        const struct mpopt *o = &seg->mp.opt[i];
        switch (o->type) {
        case MP_ADD_ADDR:
            if (o->add_addr.echo)
                echo_input(c, o);
            else
                add_addr_input(sf, o, drop);
            break;
        case MP_REMOVE_ADDR:
            for (uint32_t k = 0; k < o->remove.n; k++)
                remove_input(c, o->remove.ids[k], drop);
            break;
        case MP_PRIO:
            prio_input(sf, o->prio.backup);
            break;
        case MP_FASTCLOSE:
            if (!fastclose_input(c, o, drop))
                return false;
            break;
        case MP_FAIL:
            if (!fallback_fail_rcvd(sf))
                return false;
            break;
        default:
            break;
        }
    }
    return true;
}

/* ---- Time ----------------------------------------------------------------------------------------------------------
 */

/* Data moved a short while ago. */
static bool conn_active(const struct conn *c) {
    const struct env *env = c->mp->env;
    utime last = time_max(c->last_progress, time_max(c->last_rx_data, c->last_send));
    return time_since(env->now, last) < ACTIVE_PROBE_INTERVALS * env->cfg.probe_interval;
}

static dur probe_interval(const struct conn *c) {
    dur configured = c->mp->env->cfg.probe_interval;
    return configured ? configured : PROBE_INTERVAL;
}

/* How long a path may be silent before its next probe: the configured time, or longer when its round trips are. */
static dur probe_patience(const struct subflow *sf) {
    dur interval = probe_interval(sf->conn), slow = 2 * sf->tcb.rtt.srtt;
    return (interval > slow ? interval : slow) * (sf->probes + 1u);
}

/*
 * A path that says nothing while others speak may be dead, and waiting for its retransmissions to find out takes longer
 * each time. So it is asked; without an answer it goes, and the path manager may try it anew. Stores when to look
 * again.
 */
static void probe_path(struct subflow *sf, utime *again) {
    struct conn *c = sf->conn;
    struct env *env = c->mp->env;
    bool wanted = sf->withdrawn ? sf->probes > 0 : c->nsubflows > 1 && !(sf->local_backup || sf->remote_backup);
    if (sf->state != SF_ACTIVE || !wanted)
        return;
    utime due = time_add(sf->tcb.last_rx, probe_patience(sf));
    if (!time_before(env->now, due)) {
        if (sf->probes >= env->cfg.probe_count) {
            subflow_reset(sf, MPRST_PERFORMANCE, ETIMEDOUT);
            return;
        }
        sf->probes++;
        mib_inc(&env->mib, MIB_UMPTCP_PROBES);
        tcp_probe(&sf->tcb);
        due = time_max(time_add(sf->tcb.last_rx, probe_patience(sf)), time_add(env->now, probe_interval(c)));
    }
    *again = time_min(*again, due);
}

static void give_up_unmapped(struct conn *c) {
    list_for_each_safe (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        struct ssn ssn;
        if (!sf->hold || time_before(c->mp->env->now, sf->hold->unmapped_at))
            continue;
        sf->hold->unmapped_at = UMPTCP_NEVER;
        if (hold_unmapped(sf, &ssn))
            fallback_unmapped(sf, ssn, true);
    }
}

/* When the patience with data that has no mapping ends. */
static utime unmapped_at(const struct conn *c) {
    utime at = UMPTCP_NEVER;
    list_for_each (n, &c->subflows) {
        const struct subflow *sf = subflow_of(n);
        at = time_min(at, sf->hold ? sf->hold->unmapped_at : UMPTCP_NEVER);
    }
    return at;
}

static bool any_withdrawn(const struct conn *c) {
    list_for_each (n, &c->subflows)
        if (subflow_of(n)->withdrawn && subflow_of(n)->probes && subflow_of(n)->state == SF_ACTIVE)
            return true;
    return false;
}

/* Its paths are to be probed when they fall silent. */
static bool conn_watched(const struct conn *c) {
    return any_withdrawn(c) || (c->mp->env->cfg.probe_interval && c->nsubflows > 1 && conn_active(c));
}

void conn_arm_path(struct conn *c) {
    struct env *env = c->mp->env;
    struct conn_paths *p = c->paths;
    if (!p || !conn_is_mptcp(c) || conn_closed(c))
        return;
    if (!conn_keys_shared(c)) { /* no signals yet, but data may wait for its mapping */
        conn_set_due(c, DUE_PATH, unmapped_at(c));
        return;
    }
    if (time_is_never(p->probe_at) && conn_watched(c))
        p->probe_at = time_add(env->now, probe_interval(c));
    utime at = time_min(time_min(p->probe_at, p->pm_at), time_min(p->remove_at, p->prio_at));
    if (p->join_at.ns)
        at = time_min(at, p->join_at);
    for (uint32_t i = 0; i < p->announced.count; i++)
        at = time_min(at, announcement_at(c, i)->at);
    list_for_each (n, &c->subflows)
        at = time_min(at, subflow_of(n)->join_at);
    conn_set_due(c, DUE_PATH, time_min(at, unmapped_at(c)));
}

void conn_path_timeout(struct conn *c) {
    utime now = c->mp->env->now;
    struct conn_paths *p = c->paths;
    give_up_unmapped(c);
    if (!conn_keys_shared(c))
        return;
    for (uint32_t i = 0; i < p->announced.count; i++)
        if (!time_before(now, announcement_at(c, i)->at))
            announce_again(c, announcement_at(c, i));
    signals_again(c);
    if (p->join_at.ns && !time_before(now, p->join_at)) {
        p->join_at.ns = 0;
        conn_pm_event(c, &(struct pm_event){.type = PM_ESTABLISHED});
    }
    if (!time_before(now, p->pm_at)) {
        p->pm_at = UMPTCP_NEVER;
        conn_pm_event(c, &(struct pm_event){.type = PM_TIMER});
    }
    list_for_each_safe (n, &c->subflows) {
        struct subflow *sf = subflow_of(n);
        if (sf->state == SF_PRE && !time_before(now, sf->join_at))
            handshake_join_timeout(sf);
    }
    if (!time_before(now, p->probe_at)) {
        utime again = UMPTCP_NEVER;
        list_for_each_safe (n, &c->subflows)
            probe_path(subflow_of(n), &again);
        p->probe_at = conn_watched(c) ? again : UMPTCP_NEVER;
    }
    conn_arm_path(c);
}
