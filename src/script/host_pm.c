/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon of a host: what a script's pm_nl_ctl orders, and what it hears, in that tool's words. */
#include "script/commands.h"
#include "script/host_internal.h"

enum { ENTRIES_MAX = 256 };

static void print_addr(struct text *to, const char *name, const struct umptcp_addr *addr) {
    char a[UMPTCP_ADDRSTRLEN];
    text_add(to, ",%s%d:%s", name, umptcp_addr_is_v4(addr) ? 4 : 6, umptcp_addr_format(addr, a));
}

static void print_subflow(struct text *to, const struct umptcp_pm_event *ev) {
    text_add(to, ",family:%d", umptcp_addr_is_v4(&ev->remote.addr) ? AF_INET : AF_INET6);
    print_addr(to, "saddr", &ev->local.addr);
    print_addr(to, "daddr", &ev->remote.addr);
    text_add(to, ",sport:%u,dport:%u,loc_id:%u,rem_id:%u", ev->local.port, ev->remote.port, ev->local_id,
             ev->remote_id);
}

static void print_heard(struct text *to, const struct umptcp_pm_event *ev) {
    text_add(to, "type:%d", (int)ev->type);
    if (ev->type < UMPTCP_PM_LISTENER_CREATED)
        text_add(to, ",token:%u", (unsigned)ev->token);
    switch (ev->type) {
    case UMPTCP_PM_CREATED:
    case UMPTCP_PM_ESTABLISHED:
        if (ev->server_side)
            text_add(to, ",server_side:1");
        if (ev->server_side || ev->deny_join_id0)
            text_add(to, ",flags:%d", (ev->server_side ? 2 : 0) | (ev->deny_join_id0 ? 1 : 0));
        print_subflow(to, ev);
        break;
    case UMPTCP_PM_ANNOUNCED:
        text_add(to, ",rem_id:%u,dport:%u", ev->remote_id, ev->remote.port);
        print_addr(to, "daddr", &ev->remote.addr);
        break;
    case UMPTCP_PM_REMOVED:
        text_add(to, ",rem_id:%u", ev->remote_id);
        break;
    case UMPTCP_PM_SUB_ESTABLISHED:
    case UMPTCP_PM_SUB_CLOSED:
    case UMPTCP_PM_SUB_PRIORITY:
        print_subflow(to, ev);
        text_add(to, ",backup:%d", ev->backup);
        if (ev->netif)
            text_add(to, ",if_idx:%d", ev->netif);
        if (ev->error)
            text_add(to, ",error:%d", ev->error);
        if (ev->reset)
            text_add(to, ",reset_reason:%u,reset_flags:%d", ev->reset_reason, ev->reset_transient);
        break;
    case UMPTCP_PM_LISTENER_CREATED:
    case UMPTCP_PM_LISTENER_CLOSED:
        text_add(to, ",family:%d,sport:%u", umptcp_addr_is_v4(&ev->local.addr) ? AF_INET : AF_INET6, ev->local.port);
        print_addr(to, "saddr", &ev->local.addr);
        break;
    case UMPTCP_PM_CLOSED:
        break;
    }
    text_add(to, "\n");
}

static void hear(struct host *h) {
    struct umptcp_pm_event ev;
    while (umptcp_pm_event(h->stack, &ev))
        print_heard(&h->heard, &ev);
}

static void print_entry(struct text *to, const struct umptcp_endpoint *ep) {
    char a[UMPTCP_ADDRSTRLEN];
    text_add(to, "id %u flags %s%s%s%s", ep->id, ep->flags & UMPTCP_EP_SIGNAL ? "signal" : "",
             ep->flags & UMPTCP_EP_SUBFLOW ? "subflow" : "", ep->flags & UMPTCP_EP_BACKUP ? ",backup" : "",
             ep->netif ? " dev tun0" : "");
    text_add(to, " %s", umptcp_addr_format(&ep->addr.addr, a));
    if (ep->addr.port)
        text_add(to, " port %u", ep->addr.port);
    text_add(to, "\n");
}

/* All of a connection's addresses, or the one with that id. */
static int dump(struct host *h, const struct pm_order *order, struct text *to) {
    struct umptcp_endpoint eps[ENTRIES_MAX];
    int n = umptcp_pm_entries(h->stack, order->token, eps, ENTRIES_MAX), shown = 0;
    for (int i = 0; i < n && i < ENTRIES_MAX; i++)
        if (order->verb == PM_DUMP || eps[i].id == order->local.id) {
            print_entry(to, &eps[i]);
            shown++;
        }
    return n < 0 ? n : order->verb == PM_GET && !shown ? -EINVAL : 0;
}

static int obey(struct host *h, const struct pm_order *o, struct text *to) {
    struct umptcp *s = h->stack;
    const struct umptcp_listen listen = {.local = o->local.addr, .backlog = 1};
    umptcp_sock sock; /* the host's for as long as there is a host */
    switch (o->verb) {
    case PM_ANN:
        return umptcp_pm_announce(s, o->token, &o->local, h->now);
    case PM_REM:
        return umptcp_pm_remove(s, o->token, o->local.id, h->now);
    case PM_CSF:
        return umptcp_pm_create(s, o->token, &o->local, &o->remote, h->now);
    case PM_DSF:
        return umptcp_pm_destroy(s, o->token, &o->local.addr, &o->remote.addr, h->now);
    case PM_SET:
        return umptcp_pm_set_backup(s, o->token, &o->local.addr, &o->remote.addr, o->local.flags & UMPTCP_EP_BACKUP,
                                    h->now);
    case PM_LISTEN:
        return umptcp_listen(s, &listen, &sock);
    case PM_EVENTS:
        umptcp_pm_listen(s, true);
        return 0;
    case PM_DUMP:
    case PM_GET:
        return dump(h, o, to);
    case PM_HEARD:
        hear(h);
        text_add(to, "%s", text_of(&h->heard));
        return 0;
    }
    return -EINVAL;
}

int host_manage(struct host *h, const struct pm_order *order, struct text *to, const char **why) {
    int err = obey(h, order, to);
    *why = err ? umptcp_pm_error(h->stack) : NULL;
    host_settle(h);
    return err;
}
