/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --both: what two stacks sent for the same script, side by side.
 *
 * The process of a run writes a line for each packet that its stack sent, with tabs between: line of the script, time,
 * the packet as far as the script looks at it, all of the packet but what is random in any stack, and the packet. The
 * parent reads the lines of both.
 */
#include <stdlib.h>
#include <string.h>

#include "script/run.h"
#include "tools/pkt.h"

enum { BEFORE_SHOWN = 2, AFTER_SHOWN = 3, FIELDS = 5 };
enum field { SCRIPT_LINE, TIME, COMPARED, STEADY, SHOWN };

/* ---- In the process of a run ------------------------------------------------------------------------------------- */

static void forget(struct value *v) {
    if (value_given(v))
        *v = value_number(0);
}

/* Takes out of an option what differs from run to run. */
static void steady_option(struct option *o) {
    if (o->kind == OPTION_TS)
        o->ts.val = o->ts.ecr = 0;
    if (o->kind == OPTION_FO || o->kind == OPTION_FOEXP || o->kind == OPTION_MD5)
        memset(o->bytes.octets, 0, sizeof o->bytes.octets);
    if (o->kind != OPTION_MPTCP)
        return;
    switch (o->mp.type) {
    case MPC_SYN:
    case MPC_SYNACK:
    case MPC_ACK:
    case MPC_DATA:
        forget(&o->mp.mpc.key[0]);
        forget(&o->mp.mpc.key[1]);
        forget(&o->mp.mpc.csum);
        break;
    case MPJ_SYN:
    case MPJ_SYNACK:
    case MPJ_ACK:
        forget(&o->mp.mpj.token);
        forget(&o->mp.mpj.nonce);
        forget(&o->mp.mpj.hmac);
        memset(o->mp.mpj.hmac_bytes, 0, sizeof o->mp.mpj.hmac_bytes);
        break;
    case MP_DSS:
        forget(&o->mp.dss.csum);
        break;
    case MP_ADD_ADDR:
        forget(&o->mp.add_addr.hmac);
        break;
    case MP_FASTCLOSE:
        forget(&o->mp.fastclose.key);
        break;
    case MP_REMOVE_ADDR:
    case MP_PRIO:
    case MP_FAIL:
    case MP_TCPRST:
    case MP_TYPE_COUNT:
        break;
    }
}

static struct packet steady_packet(struct arena *arena, const struct packet *came) {
    struct packet p = *came;
    if (p.proto != PACKET_TCP)
        return p;
    struct option **last = &p.tcp.options;
    for (const struct option *o = came->tcp.options; o; o = o->next) {
        *last = arena_alloc(arena, sizeof **last);
        **last = *o;
        steady_option(*last);
        last = &(*last)->next;
    }
    return p;
}

/* Leaves what a line of the script looks at. */
static struct packet compared_packet(const struct packet *steady, const struct packet *line) {
    struct packet p = *steady;
    p.ip.given &= line->ip.given;
    p.has_ends = p.has_ends && line->has_ends;
    if (p.proto != PACKET_TCP || line->proto != PACKET_TCP)
        return p;
    p.tcp.has_win = p.tcp.has_win && line->tcp.has_win;
    if (line->tcp.any_options)
        p.tcp.options = NULL;
    return p;
}

void pkt_diff_note(struct text *packets, const struct note *note) {
    if (note->kind != NOTE_TAKEN)
        return;
    struct arena arena = {0};
    const struct event *e = note->event;
    struct packet steady = steady_packet(&arena, note->packet);
    struct packet compared =
        e && e->kind == EVENT_PACKET && !e->packet->inbound ? compared_packet(&steady, e->packet) : steady;
    text_add(packets, "%u\t", e ? e->place.line : 0);
    print_seconds(packets, note->time);
    text_add(packets, "\t#%u ", note->flow);
    print_packet(packets, &compared);
    text_add(packets, "\t");
    print_packet(packets, &steady);
    text_add(packets, "\t#%u ", note->flow);
    print_packet(packets, note->packet);
    text_add(packets, "\n");
    arena_free(&arena);
}

/* ---- In the parent ----------------------------------------------------------------------------------------------- */

struct sent {
    struct row {
        const char *at[FIELDS];
        int len[FIELDS];
    } * rows;
    size_t n;
};

static bool read_row(const char *line, const char *end, struct row *row) {
    for (int i = 0; i < FIELDS; i++) {
        const char *stop = i == FIELDS - 1 ? end : memchr(line, '\t', (size_t)(end - line));
        if (!stop)
            return false;
        row->at[i] = line;
        row->len[i] = (int)(stop - line);
        line = stop + 1;
    }
    return true;
}

/* A last line that is not whole is of a process that was killed. */
static struct sent read_rows(const char *packets) {
    struct sent s = {NULL, 0};
    size_t lines = 0;
    for (const char *p = packets; *p; p++)
        lines += *p == '\n';
    if (lines == 0 || !(s.rows = calloc(lines, sizeof *s.rows)))
        return s;
    for (const char *end; (end = strchr(packets, '\n')); packets = end + 1)
        if (read_row(packets, end, &s.rows[s.n]))
            s.n++;
    return s;
}

static bool same(const struct row *a, const struct row *b, enum field field) {
    return a->len[field] == b->len[field] && memcmp(a->at[field], b->at[field], (size_t)a->len[field]) == 0;
}

static void show(struct text *t, const char *who, const struct row *row) {
    text_add(t, "  %-6s  %8.*s  %.*s\n", who, row->len[TIME], row->at[TIME], row->len[SHOWN], row->at[SHOWN]);
}

static void show_rest(struct text *t, const char *who, const struct sent *s, size_t from) {
    for (size_t i = from; i < s->n && i < from + AFTER_SHOWN; i++)
        show(t, who, &s->rows[i]);
    if (from >= s->n)
        text_add(t, "  %-6s  nothing more\n", who);
    else if (s->n > from + AFTER_SHOWN)
        text_add(t, "  %-6s  and %zu more\n", who, s->n - from - AFTER_SHOWN);
}

bool pkt_diff(struct text *t, const char *engine, const char *linux_packets, bool open) {
    struct sent a = read_rows(engine), b = read_rows(linux_packets);
    size_t i = 0;
    while (i < a.n && i < b.n && same(&a.rows[i], &b.rows[i], COMPARED) &&
           (!open || same(&a.rows[i], &b.rows[i], STEADY)))
        i++;
    bool differ = i < a.n || i < b.n;
    if (differ) {
        const struct row *row = i < a.n ? &a.rows[i] : &b.rows[i];
        bool looked_at = i >= a.n || i >= b.n || !same(&a.rows[i], &b.rows[i], COMPARED);
        text_add(t, "packet %zu (line %.*s) is the first that differs%s:\n", i + 1, row->len[SCRIPT_LINE],
                 row->at[SCRIPT_LINE], looked_at ? "" : ", in what the script leaves open");
        for (size_t k = i > BEFORE_SHOWN ? i - BEFORE_SHOWN : 0; k < i; k++)
            show(t, "both", &a.rows[k]);
        show_rest(t, "engine", &a, i);
        show_rest(t, "linux", &b, i);
    }
    free(a.rows);
    free(b.rows);
    return differ;
}
