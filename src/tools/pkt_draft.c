/* SPDX-License-Identifier: BSD-3-Clause */
/* The draft as a whole: what the capture was, how the stack has to be set up, events with their times. */
#include "tools/pkt_draft.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/addr.h"

enum { TOLERANCE_USECS = 10000, WSCALE_BASE = 15, WSCALE_DEFAULT = 7, WSCALE_MAX = 14, WHEN_COLUMNS = 8 };

/* ---- What was seen of the stack ---------------------------------------------------------------------------------- */

static const struct packet *syn_of(const struct draft *d, bool of_stack) {
    for (uint32_t i = 0; i < d->n; i++) {
        const struct packet *p = d->items[i].packet;
        if (p && p->proto == PACKET_TCP && p->tcp.flags & TCP_SYN && p->inbound != of_stack &&
            d->items[i].flow == d->conn->flows)
            return p;
    }
    return NULL;
}

static const struct option *option_of(const struct packet *p, enum option_kind kind) {
    const struct option *o = p ? p->tcp.options : NULL;
    while (o && o->kind != kind)
        o = o->next;
    return o;
}

static const struct mp_line *capable_of(const struct packet *p) {
    for (const struct option *o = p ? p->tcp.options : NULL; o; o = o->next)
        if (o->kind == OPTION_MPTCP && (o->mp.type == MPC_SYN || o->mp.type == MPC_SYNACK))
            return &o->mp;
    return NULL;
}

/* True when the stack could have had an option in its SYN: as a server only when the peer had it. */
static bool offered(const struct draft *d, enum option_kind kind) {
    return d->stack == OPENER || option_of(syn_of(d, false), kind);
}

/* ---- Set-up ------------------------------------------------------------------------------------------------------ */

static void write_sysctls(struct text *t, const struct draft *d) {
    const struct packet *syn = syn_of(d, true), *asked = syn_of(d, false);
    const struct option *wscale = option_of(syn, OPTION_WSCALE);
    const struct mp_line *capable = capable_of(syn);
    text_add(t, "sysctl -q");
    if (syn && offered(d, OPTION_TS))
        text_add(t, " net.ipv4.tcp_timestamps=%d", option_of(syn, OPTION_TS) ? 1 : 0);
    if (syn && offered(d, OPTION_SACK_OK) && !option_of(syn, OPTION_SACK_OK))
        text_add(t, " net.ipv4.tcp_sack=0");
    if (syn && offered(d, OPTION_WSCALE) && !wscale)
        text_add(t, " net.ipv4.tcp_window_scaling=0");
    if (syn && d->stack == OPENER && syn->tcp.flags & TCP_ECE)
        text_add(t, " net.ipv4.tcp_ecn=1");
    if (syn && asked && d->stack == ACCEPTOR && !(syn->tcp.flags & TCP_ECE) && asked->tcp.flags & TCP_ECE)
        text_add(t, " net.ipv4.tcp_ecn=0");
    /* The largest buffer decides about the scale: one between two powers of two leaves room for what systems add. */
    uint32_t scale = wscale && wscale->n <= WSCALE_MAX ? wscale->n : WSCALE_DEFAULT;
    text_add(t, " net.ipv4.tcp_rmem=\"4096 131072 %lu\"", 3ul << (WSCALE_BASE - 1 + scale));
    if (!d->mptcp)
        return;
    text_add(t, "\nsysctl -q net.mptcp.enabled=1");
    if (capable && capable->mpc.flags & MPC_CSUM)
        text_add(t, " net.mptcp.checksum_enabled=1");
    if (capable && capable->mpc.flags & MPC_DENY_JOIN0)
        text_add(t, " net.mptcp.allow_join_initial_addr_port=0");
}

static void write_addresses(struct text *t, const struct draft *d) {
    char text[UMPTCP_ADDRSTRLEN];
    if (d->mptcp)
        text_add(t, "\nip mptcp limits set subflows %u add_addr_accepted %u", d->joins_accepted + d->joins_made,
                 d->joins_announced);
    for (const struct draft_addr *a = d->addrs; a; a = a->next) {
        umptcp_addr_format(&a->script, text);
        text_add(t, "\nip addr add %s/%u dev tun0", text, d->settings.local_prefix);
        if (!a->signal && !a->subflow)
            continue;
        text_add(t, "\nip mptcp endpoint add %s dev tun0", text);
        if (a->has_id)
            text_add(t, " id %u", a->id);
        text_add(t, "%s%s%s", a->signal ? " signal" : "", a->subflow ? " subflow" : "", a->backup ? " backup" : "");
        if (a->port)
            text_add(t, " port %u", a->port);
    }
}

static void write_options(struct text *t, const struct draft *d) {
    enum { HEADERS_V4 = 40, HEADERS_V6 = 60, MTU_MAX = 65535 };
    const struct option *mss = option_of(syn_of(d, true), OPTION_MSS);
    char text[UMPTCP_ADDRSTRLEN];
    if (d->v6)
        text_add(t, "--ip_version=ipv6\n");
    text_add(t, "--tolerance_usecs=%d\n", TOLERANCE_USECS);
    uint32_t mtu = mss ? mss->n + (d->v6 ? HEADERS_V6 : HEADERS_V4) : 0;
    if (mtu > MTU_MAX)
        mtu = MTU_MAX;
    if (mtu && mtu != d->settings.mtu)
        text_add(t, "--mtu=%u\n", mtu);
    if (d->addrs)
        text_add(t, "--local_ip=%s\n", umptcp_addr_format(&d->settings.local_ip, text));
    if (d->ecr_scaled)
        text_add(t, "--tcp_ts_ecr_scaled\n");
}

/* ---- Text -------------------------------------------------------------------------------------------------------- */

static void write_end(struct text *t, const struct umptcp_sockaddr *at) {
    char text[UMPTCP_ADDRSTRLEN];
    text_add(t, addr_is_v4(&at->addr) ? "%s:%u" : "[%s]:%u", umptcp_addr_format(&at->addr, text), at->port);
}

/* A path in a comment: what could end the comment is replaced. */
static void write_path(struct text *t, const char *path) {
    for (; *path; path++)
        text_add(t, "%c", (unsigned char)*path < ' ' ? '?' : *path);
}

static void write_head(struct text *t, const struct draft *d) {
    char text[UMPTCP_ADDRSTRLEN];
    text_add(t, "// A first draft, made by umptcp-pkt record from ");
    write_path(t, d->path);
    text_add(t, ".\n// Connection %u of %u: ", d->conn->number, d->trace->nconns);
    write_end(t, &d->conn->flows->ends.local);
    text_add(t, " > ");
    write_end(t, &d->conn->flows->ends.remote);
    text_add(t, ", %u packets, %u subflow%s.\n", d->conn->packets, d->conn->nflows, d->conn->nflows == 1 ? "" : "s");
    text_add(t, "// Under test is %s: %s.\n", umptcp_addr_format(&trace_end(d->conn->flows, d->stack)->addr, text),
             d->guess);
    text_add(t, "// Guessed: all calls, and how the stack was set up. Times are those of the capture.\n");
    if (d->cut)
        text_add(t, "// %u packets of the capture are missing here: their headers were cut off.\n", d->cut);
    if (d->unsummed)
        text_add(t, "// %u packets had unfinished or wrong checksums, as with offloads; here they are right.\n",
                 d->unsummed);
}

static void write_when(struct text *t, dur since, bool first) {
    struct text when = {0};
    const struct when at = {.kind = first ? WHEN_AT : WHEN_AFTER, .from = since, .to = since};
    print_when(&when, &at);
    text_add(t, "%-*s ", WHEN_COLUMNS, text_of(&when));
    text_free(&when);
}

static void write_item(struct text *t, const struct draft_item *item, dur since, bool first) {
    struct text packet = {0};
    if (item->packet)
        print_packet(&packet, item->packet);
    if (item->remark)
        text_add(t, "// %s%s\n", item->comment ? "This packet is left out, for " : "Note: ", item->remark);
    if (item->comment)
        text_add(t, "// ");
    write_when(t, since, first);
    text_add(t, "%s\n", item->packet ? text_of(&packet) : item->text);
    text_free(&packet);
}

static void write_events(struct text *t, const struct draft *d) {
    dur last = 0;
    bool first = true, call_before = true;
    for (uint32_t i = 0; i < d->n; i++) {
        const struct draft_item *item = &d->items[i];
        bool inbound = item->packet && item->packet->inbound;
        if (!first && inbound && (call_before || item->at > last))
            text_add(t, "\n");
        write_item(t, item, item->at - last, first);
        call_before = !item->packet;
        if (item->comment)
            continue;
        last = item->at;
        first = false;
    }
}

static void begin(struct draft *d) {
    static const char *const key_names[] = {[OPENER] = "ckey", [ACCEPTOR] = "skey"};
    d->v6 = !addr_is_v4(&d->conn->flows->ends.local.addr);
    d->mptcp = d->conn->mptcp[d->stack];
    settings_init(&d->settings, d->v6 ? FAMILY_IPV6 : FAMILY_IPV4, &d->arena);
    for (int side = OPENER; side <= ACCEPTOR; side++)
        d->key_name[side] = key_names[side];
}

void draft_write(struct text *t, const struct trace *trace, const struct trace_conn *conn, enum trace_side stack,
                 const char *path, const char *guess) {
    struct draft d = {.trace = trace, .conn = conn, .stack = stack, .path = path, .guess = guess};
    begin(&d);
    draft_packets(&d);
    draft_merge(&d);
    write_head(t, &d);
    text_add(t, "\n");
    write_options(t, &d);
    text_add(t, "`");
    write_sysctls(t, &d);
    write_addresses(t, &d);
    text_add(t, "`\n\n");
    draft_calls(&d);
    write_events(t, &d);
    free(d.items);
    arena_free(&d.arena);
}
