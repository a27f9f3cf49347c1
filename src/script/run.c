/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The events of a script, one after the other, and their times.
 *
 * A relative time counts from the end of the event before; between two inbound packets from the scheduled time of the
 * first, so that bursts do not drift. What goes to the stack waits for its time. What comes from it is taken as soon as
 * the event before is over, and its time is compared afterwards: a packet that comes too early is a failure of time,
 * not of order.
 */
#include "script/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/calls.h"
#include "script/code.h"
#include "script/mpvalue.h"
#include "script/translate.h"

enum { IGNORED_SHOWN = 4 };
#define MISSING_AFTER   SEC(2) /* how long a packet may be later than its time before it counts as missing */
#define BLOCKED_AT_MOST SEC(1) /* how long the next call waits for one that still blocks */

struct call_job {
    struct job job; /* first */
    struct calls *calls;
    const struct call *call;
    struct call_outcome outcome;
    int err;
    char error[512];
};

struct run {
    const struct script *script;
    const struct settings *settings;
    struct target *target;
    const struct run_options *options;
    struct script_error *error;
    struct text *detail;
    struct arena arena;
    struct flows flows;
    struct calls calls;
    struct code code;
    struct call_job blocked; /* the call that runs beside the script, when there is one */
    const struct event *blocked_event;
    dur blocked_from, blocked_to;
    dur start;    /* the target's time at which the script's is zero */
    dur base;     /* when the event before was over */
    dur previous; /* the time it was to happen at */
    bool previous_inbound;
    const struct event *event;
    bool stray; /* with --strict: a join came that no line speaks of */
    uint32_t ignored;
    struct text ignored_text;
    uint8_t *data;
};

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

static bool fail_at(struct run *r, struct place place, const char *text) {
    script_error_set(r->error, place, "%s", text);
    return false;
}

static bool fail(struct run *r, const char *text) { return fail_at(r, r->event->place, text); }

static dur script_time(const struct run *r) { return r->target->ops->now(r->target) - r->start; }

static dur tolerance(const struct run *r, dur distance) {
    dur percent = (dur)((double)distance * r->settings->tolerance_percent / 100);
    return percent > r->settings->tolerance ? percent : r->settings->tolerance;
}

static bool fail_time(struct run *r, struct place place, const char *what, dur from, dur to, dur at, dur allowed) {
    struct text t = {0};
    text_add(&t, "timing: expected %s at ", what);
    print_seconds(&t, from);
    if (to != from) {
        text_add(&t, " to ");
        print_seconds(&t, to);
    }
    text_add(&t, " s, but it happened at ");
    print_seconds(&t, at);
    text_add(&t, " s (%s by ", at > to ? "late" : "early");
    print_seconds(&t, at > to ? at - to : from - at);
    text_add(&t, " s, tolerance ");
    print_seconds(&t, allowed);
    text_add(&t, " s)");
    fail_at(r, place, text_of(&t));
    text_free(&t);
    return false;
}

static bool in_time(struct run *r, struct place place, const char *what, dur from, dur to, dur at, dur distance) {
    dur allowed = tolerance(r, distance);
    if (at + allowed >= from && at <= to + allowed)
        return true;
    return fail_time(r, place, what, from, to, at, allowed);
}

/* ---- Looking on -------------------------------------------------------------------------------------------------- */

static void tell(struct run *r, struct note note) {
    if (!r->options || !r->options->note)
        return;
    if (!note.event)
        note.event = r->event;
    r->options->note(r->options->ctx, &note);
}

/* Keys get the names that they have, or that the line is about to give them, for whoever reads it. */
static void name_keys(const struct run *r, const struct packet *line, struct packet *p) {
    const struct option *want = line->proto == PACKET_TCP ? line->tcp.options : NULL;
    for (struct option *o = p->proto == PACKET_TCP ? p->tcp.options : NULL; o; o = o->next) {
        bool capable = o->kind == OPTION_MPTCP && o->mp.type >= MPC_SYN && o->mp.type <= MPC_DATA;
        bool alike = capable && want && want->kind == OPTION_MPTCP && want->mp.type == o->mp.type;
        for (uint8_t i = 0; capable && i < o->mp.mpc.nkeys; i++) {
            struct value *v = &o->mp.mpc.key[i];
            const struct key_name *given = NULL;
            for (const struct key_name *k = r->flows.keys; k; k = k->next) {
                if (k->key.known && mp_key_swap(k->key.key) == v->n)
                    v->name = k->name;
                if (alike && want->mp.mpc.key[i].name && strcmp(k->name, want->mp.mpc.key[i].name) == 0 && k->key.known)
                    given = k;
            }
            if (alike && !given && !v->name)
                v->name = want->mp.mpc.key[i].name;
        }
        want = want ? want->next : NULL;
    }
}

static void note_packet(struct run *r, enum note_kind kind, dur time, const struct packet *p, const uint8_t *data,
                        uint32_t len, uint16_t gso_size, uint32_t flow) {
    struct packet shown;
    if (p && kind == NOTE_TAKEN) { /* of the IP header what the line speaks of */
        shown = *p;
        shown.ip.given &= r->event->packet->ip.given;
        p = &shown;
    }
    tell(r, (struct note){
                .kind = kind, .time = time, .packet = p, .data = data, .len = len, .gso_size = gso_size, .flow = flow});
}

/* Both packets below each other. */
static void show_packets(struct run *r, const struct packet *line, struct packet *came, dur at) {
    name_keys(r, line, came);
    came->ip.given &= line->ip.given;
    text_add(r->detail, "script packet: ");
    print_when(r->detail, &r->event->when);
    text_add(r->detail, " ");
    print_packet(r->detail, line);
    text_add(r->detail, "\nactual packet: ");
    print_seconds(r->detail, at);
    text_add(r->detail, " ");
    print_packet(r->detail, came);
    text_add(r->detail, "\n");
}

static void show_ignored(struct run *r) {
    if (r->ignored)
        text_add(r->detail, "packets of no connection of the script, which were ignored: %u\n%s", r->ignored,
                 text_of(&r->ignored_text));
}

/* ---- Inbound ----------------------------------------------------------------------------------------------------- */

static bool play_inbound(struct run *r) {
    char error[256] = "";
    const struct packet *p = r->event->packet;
    struct tcp_flow *flow = flow_for_inbound(&r->flows, p, error, sizeof error);
    if (!flow)
        return fail(r, error);
    uint32_t len = lower(&r->flows, flow, p, r->data, error, sizeof error);
    if (!len)
        return fail(r, error);
    uint16_t gso_size = p->proto == PACKET_TCP && p->tcp.len > r->settings->mss ? r->settings->mss : 0;
    note_packet(r, NOTE_INJECTED, script_time(r), p, r->data, len, gso_size, flow->number);
    int err = r->target->ops->inject(r->target, r->data, len, gso_size);
    if (err) {
        snprintf(error, sizeof error, "the packet could not be given to the stack: %s", strerror(-err));
        return fail(r, error);
    }
    flow_bind_ends(&r->flows, flow, p);
    return true;
}

/* ---- Outbound ---------------------------------------------------------------------------------------------------- */

/* A packet that the line may be about, with its flow. */
struct arrival {
    struct live live;
    struct live_head head;
    struct tcp_flow *flow;
    dur at; /* script's time */
};

static void ignore(struct run *r, const struct arrival *a) {
    char from[UMPTCP_ADDRSTRLEN], to[UMPTCP_ADDRSTRLEN];
    note_packet(r, NOTE_IGNORED, a->at, NULL, a->live.data, a->live.len, a->live.gso_size, 0);
    if (r->ignored++ < IGNORED_SHOWN)
        text_add(&r->ignored_text, "    %s port %u > %s port %u%s\n",
                 umptcp_addr_format(&a->head.ends.local.addr, from), a->head.ends.local.port,
                 umptcp_addr_format(&a->head.ends.remote.addr, to), a->head.ends.remote.port,
                 a->head.bare_syn ? ", SYN" : "");
}

/* The next packet that may be the line's. False when none came until then. */
static bool take(struct run *r, const struct packet *line, dur until, struct arrival *a) {
    dur target_until = until == TIME_FOREVER ? TIME_FOREVER : r->start + until;
    while (r->target->ops->take(r->target, target_until, &a->live)) {
        a->at = a->live.time > r->start ? a->live.time - r->start : 0;
        if (!lift_head(a->live.data, a->live.len, &a->head))
            continue; /* neighbour discovery and the like */
        if (a->head.icmp)
            a->flow = line->proto == PACKET_ICMP ? flow_for_outbound(&r->flows, line) : NULL;
        else
            a->flow = flow_find(&r->flows, &a->head.ends);
        bool again = false; /* a SYN that waits for its answer opens nothing when it comes again */
        if (a->flow && !flow_in_focus(&r->flows, a->flow) && !flow_is_meant(&r->flows, a->flow, line)) {
            again = a->head.bare_syn && a->flow->has_stack_isn && a->head.seq == a->flow->stack_isn;
            a->flow = NULL;
        }
        if (!a->flow && !again && flow_may_open(&r->flows, line, &a->head.ends, a->head.joins, a->head.bare_syn))
            a->flow = flow_open(&r->flows, &a->head.ends, a->head.joins ? &a->head.token : NULL);
        if (a->flow)
            return true;
        ignore(r, a);
        r->stray = r->settings->strict && a->head.bare_syn && a->head.joins && !again;
        if (r->stray)
            return false;
    }
    return false;
}

static bool fail_missing(struct run *r, const struct packet *line, dur until) {
    struct text t = {0};
    text_add(&t, r->stray ? "a join was sent that no line speaks of; no packet came" : "no packet came");
    if (until != TIME_FOREVER && !r->target->ops->virtual_time) {
        text_add(&t, " until ");
        print_seconds(&t, until);
        text_add(&t, " s");
    } else if (r->target->ops->virtual_time) {
        text_add(&t, until == TIME_FOREVER ? ", and nothing is left that could bring one" : " in time");
    }
    text_add(r->detail, "script packet: ");
    print_when(r->detail, &r->event->when);
    text_add(r->detail, " ");
    print_packet(r->detail, line);
    text_add(r->detail, "\n");
    show_ignored(r);
    fail(r, text_of(&t));
    text_free(&t);
    return false;
}

/* Puts a further segment behind the ones before it. False, with a difference, when it does not continue them. */
static bool merge(struct packet *all, const struct packet *next, uint32_t first_len, const char **why) {
    uint8_t loose = TCP_FIN | TCP_PSH | TCP_CWR;
    *why = next->proto != PACKET_TCP || ((all->tcp.flags ^ next->tcp.flags) & (uint8_t)~loose) ? "its flags differ"
           : all->tcp.len % first_len ? "one before it is shorter"
                                      : NULL;
    if (*why)
        return false;
    struct tcp_line merged = next->tcp;
    merged.seq = all->tcp.seq;
    merged.len = all->tcp.len + next->tcp.len;
    merged.flags = (uint8_t)((next->tcp.flags & ~TCP_CWR) | (all->tcp.flags & TCP_CWR));
    all->tcp = merged;
    return true;
}

static bool mergeable(const struct run *r, const struct packet *line, const struct packet *came) {
    return !r->settings->strict_segments && line->proto == PACKET_TCP && came->proto == PACKET_TCP && came->tcp.len &&
           came->tcp.len < line->tcp.len && came->tcp.seq == line->tcp.seq;
}

/* Lifts what came, and the segments behind it when the line has more payload than one. */
static bool gather(struct run *r, const struct packet *line, dur until, struct arrival *a, struct packet *came) {
    char error[256] = "";
    lift_anchor(&r->flows, a->flow, line, &a->head);
    if (!lift(a->flow, a->live.data, a->live.len, &r->arena, came, error, sizeof error))
        return fail(r, error);
    name_keys(r, line, came);
    note_packet(r, NOTE_TAKEN, a->at, came, a->live.data, a->live.len, a->live.gso_size, a->flow->number);
    for (uint32_t first_len = came->tcp.len; mergeable(r, line, came);) {
        struct packet next;
        struct arrival b;
        const char *why;
        if (!take(r, line, until, &b) || b.flow != a->flow)
            return true; /* too little payload: compare() says so, also when the next one does not follow */
        if (!lift(b.flow, b.live.data, b.live.len, &r->arena, &next, error, sizeof error))
            return fail(r, error);
        note_packet(r, NOTE_TAKEN, b.at, &next, b.live.data, b.live.len, b.live.gso_size, b.flow->number);
        if (next.proto == PACKET_TCP && next.tcp.seq != came->tcp.seq + came->tcp.len)
            return true;
        if (!merge(came, &next, first_len, &why)) {
            show_packets(r, line, came, a->at);
            text_add(r->detail, "and behind it: ");
            name_keys(r, line, &next);
            print_packet(r->detail, &next);
            snprintf(error, sizeof error,
                     "the packet has %u octets of payload, and the next one does not complete it: %s", came->tcp.len,
                     why);
            text_add(r->detail, "\n");
            return fail(r, error);
        }
    }
    return true;
}

static bool compare(struct run *r, const struct packet *line, const struct arrival *a, struct packet *came) {
    char error[256] = "";
    struct text differences = {0};
    int n = match(&r->flows, a->flow, line, came, a->at, &differences, error, sizeof error);
    if (n) {
        show_packets(r, line, came, a->at);
        if (n > 0) {
            const char *first_end = strchr(text_of(&differences), '\n');
            snprintf(error, sizeof error, "packet: %.*s%s", (int)(first_end - text_of(&differences)),
                     text_of(&differences), n > 1 ? ", and more" : "");
            for (const char *p = text_of(&differences); *p; p = strchr(p, '\n') + 1)
                text_add(r->detail, "    %.*s\n", (int)(strchr(p, '\n') - p), p);
        }
        fail(r, error);
    }
    text_free(&differences);
    return n == 0;
}

static bool play_outbound(struct run *r, dur from, dur to) {
    const struct packet *line = r->event->packet;
    const struct tcp_flow *expected = flow_for_outbound(&r->flows, line);
    bool syn = line->proto == PACKET_TCP && (line->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    if (!expected && !syn)
        return fail(r, "this packet is for no connection that the script knows");
    bool any = r->event->when.kind == WHEN_ANY;
    dur distance = from > r->previous ? from - r->previous : 0;
    dur slack = to > r->previous ? (to - r->previous) / SEC(1) * SEC(1) : 0;
    dur until = any ? TIME_FOREVER : to + tolerance(r, distance) + slack + MISSING_AFTER;
    struct arrival a;
    struct packet came;
    if (!take(r, line, until, &a))
        return fail_missing(r, line, until);
    if (!gather(r, line, until, &a, &came))
        return false;
    if (!syn && a.flow != expected) {
        show_packets(r, line, &came, a.at);
        char error[128];
        snprintf(error, sizeof error,
                 "the packet is of connection %u (peer port %u), expected one of connection %u (peer port %u)",
                 a.flow->number, a.flow->ends.remote.port, expected->number, expected->ends.remote.port);
        return fail(r, error);
    }
    if (!compare(r, line, &a, &came))
        return false;
    match_learn(&r->flows, a.flow, line, &came);
    if (!any && !in_time(r, r->event->place, "outbound packet", from, to, a.at, distance)) {
        show_packets(r, line, &came, a.at);
        return false;
    }
    r->base = r->target->ops->virtual_time ? a.at : script_time(r);
    return true;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static void run_call(struct job *job, const struct posix *posix) {
    struct call_job *c = (struct call_job *)(void *)job;
    c->err = call_run(c->calls, c->call, posix, &c->outcome, c->error, sizeof c->error);
}

/* What the calls of sockets mean for the connections. */
static bool call_done(struct run *r, const struct event *event, const struct call_job *c) {
    const struct call_outcome *o = &c->outcome;
    tell(r, (struct note){.kind = NOTE_RETURN, .time = c->job.ended - r->start, .event = event, .text = c->error});
    if (c->err)
        return fail_at(r, event->place, c->error);
    if (strcmp(event->call->name, "socket") == 0 && o->new_fd >= 0)
        flows_socket(&r->flows, o->new_fd, o->protocol == 262 /* IPPROTO_MPTCP */);
    if (strcmp(event->call->name, "listen") == 0 && o->result == 0)
        flows_listen(&r->flows, o->live_fd);
    if (strcmp(event->call->name, "accept") == 0 && o->new_fd >= 0 && o->has_peer &&
        !flows_accept(&r->flows, o->new_fd, &o->peer)) {
        char text[UMPTCP_ADDRSTRLEN], error[160];
        snprintf(error, sizeof error, "accept() gave a connection from %s port %u, which the script does not know",
                 umptcp_addr_format(&o->peer.addr, text), o->peer.port);
        return fail_at(r, event->place, error);
    }
    return true;
}

/* The blocking call is over. */
static bool blocked_done(struct run *r) {
    const struct event *event = r->blocked_event;
    r->blocked_event = NULL;
    r->target->ops->finish(r->target, &r->blocked.job, 0); /* it is done: the target forgets it */
    if (!call_done(r, event, &r->blocked))
        return false;
    dur ended = r->blocked.job.ended - r->start;
    return in_time(r, event->place, "system call return", r->blocked_to, r->blocked_to, ended,
                   r->blocked_to - r->blocked_from);
}

/* Looks whether it is. */
static bool blocked_settle(struct run *r) {
    return !r->blocked_event || !r->target->ops->finish(r->target, &r->blocked.job, 0) || blocked_done(r);
}

/* Nothing runs beside the script any more. */
static bool settle(struct run *r) {
    if (!r->blocked_event)
        return true;
    struct target *t = r->target;
    if (r->blocked.job.done || t->ops->finish(t, &r->blocked.job, t->ops->now(t) + BLOCKED_AT_MOST))
        return blocked_done(r);
    return fail_at(r, r->blocked_event->place,
                   "the call still blocks, though the script goes on as if it had returned");
}

static bool play_call(struct run *r, dur at) {
    const struct call *call = r->event->call;
    struct target *t = r->target;
    if (!settle(r))
        return false;
    tell(r, (struct note){.kind = NOTE_CALL, .time = script_time(r)});
    struct call_job job = {.job = {.run = run_call}, .calls = &r->calls, .call = call};
    if (!call->blocking) {
        int err = t->ops->call(t, &job.job);
        if (err == -EDEADLK)
            return fail(r, "the call blocks for ever: nothing is left that could end it");
        if (err)
            return fail(r, strerror(-err));
        return call_done(r, r->event, &job);
    }
    r->blocked = job;
    r->blocked_event = r->event;
    r->blocked_from = at;
    r->blocked_to = at - r->event->when.from + call->end_from; /* both count from the same base */
    int err = t->ops->start(t, &r->blocked.job);
    if (err)
        return fail(r, strerror(-err));
    return !r->blocked.job.done || blocked_done(r);
}

/* ---- Commands, code ---------------------------------------------------------------------------------------------- */

static bool command(struct run *r, const char *text, struct place place, const char *what) {
    char error[400] = "", sentence[512];
    int err = r->target->ops->command(r->target, text, error, sizeof error);
    if (!err)
        return true;
    snprintf(sentence, sizeof sentence, "%s%s", what, error[0] ? error : strerror(-err));
    return fail_at(r, place, sentence);
}

static bool play_code(struct run *r) {
    char error[256] = "";
    bool mptcp;
    int fd = flows_current_fd(&r->flows, &mptcp);
    if (fd < 0)
        return fail(r, "there is no socket to read the values of a code block from: it was not accepted yet");
    tell(r, (struct note){.kind = NOTE_CODE, .time = script_time(r)});
    return code_collect(&r->code, &r->arena, r->event, &r->target->posix, fd, mptcp, error, sizeof error) == 0 ||
           fail(r, error);
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

static const char *what(const struct event *e) {
    switch (e->kind) {
    case EVENT_PACKET:
        return e->packet->inbound ? "inbound packet" : "outbound packet";
    case EVENT_CALL:
        return "system call start";
    case EVENT_COMMAND:
        return "command";
    case EVENT_CODE:
        return "data collection for code";
    }
    return "";
}

/* The script said that such a failure is only to be told. */
static bool non_fatal(struct run *r, const struct event *e) {
    if (e->kind == EVENT_PACKET ? !r->settings->non_fatal_packet
                                : e->kind != EVENT_CALL || !r->settings->non_fatal_syscall)
        return false;
    tell(r, (struct note){.kind = NOTE_WARNING, .time = script_time(r), .text = r->error->text});
    *r->error = (struct script_error){0};
    text_free(r->detail);
    r->base = script_time(r);
    return true;
}

static bool play_event(struct run *r, const struct event *e) {
    bool outbound = e->kind == EVENT_PACKET && !e->packet->inbound, inbound = e->kind == EVENT_PACKET && !outbound;
    bool relative = e->when.kind == WHEN_AFTER || e->when.kind == WHEN_AFTER_WITHIN;
    dur base = !relative ? 0 : inbound && r->previous_inbound ? r->previous : r->base;
    dur from = base + e->when.from, to = base + e->when.to;
    bool ok;
    r->event = e;
    if (outbound) {
        ok = play_outbound(r, from, to);
    } else {
        r->target->ops->wait(r->target, r->start + from);
        if (!blocked_settle(r))
            return false;
        dur now = script_time(r), distance = from > r->previous ? from - r->previous : 0;
        if (e != r->script->events && !in_time(r, e->place, what(e), from, from, now, distance))
            return false;
        ok = e->kind == EVENT_PACKET ? play_inbound(r)
             : e->kind == EVENT_CALL ? play_call(r, from)
             : e->kind == EVENT_CODE ? play_code(r)
                                     : command(r, e->command, e->place, "");
        if (e->kind == EVENT_COMMAND)
            tell(r, (struct note){.kind = NOTE_COMMAND, .time = now});
        r->base = script_time(r);
    }
    if (!ok && non_fatal(r, e))
        ok = true;
    r->previous = outbound && e->when.kind == WHEN_ANY ? r->base : from;
    r->previous_inbound = inbound;
    return ok && blocked_settle(r);
}

static dur calls_now(void *ctx) { return script_time(ctx); }

static bool play(struct run *r) {
    char error[400] = "";
    const struct script *s = r->script;
    if (s->init && !command(r, s->init, s->init_place, "init command: "))
        return false;
    int err = r->target->ops->begin(r->target, error, sizeof error);
    if (err)
        return fail_at(r, (struct place){0}, error[0] ? error : strerror(-err));
    r->start = r->target->ops->now(r->target);
    for (const struct event *e = s->events; e; e = e->next)
        if (!play_event(r, e))
            return false;
    return settle(r);
}

static void free_run(struct run *r) {
    text_free(&r->ignored_text);
    flows_free(&r->flows);
    arena_free(&r->arena);
    free(r->data);
    free(r);
}

int script_run(const struct script *script, const struct settings *settings, struct target *target,
               const struct run_options *options, struct script_error *error, struct text *detail) {
    struct run *r = calloc(1, sizeof *r);
    uint8_t *data = malloc(PACKET_MAX);
    if (!r || !data) {
        script_error_set(error, (struct place){0}, "out of memory");
        free(r);
        free(data);
        return -EINVAL;
    }
    *r = (struct run){.script = script,
                      .settings = settings,
                      .target = target,
                      .options = options,
                      .error = error,
                      .detail = detail,
                      .data = data};
    flows_init(&r->flows, settings, script->nevents);
    r->calls = (struct calls){.settings = settings, .script_now = calls_now, .ctx = r};
    bool ok = play(r);
    if (r->blocked_event && !r->blocked.job.done)
        target->ops->abandon(target, &r->blocked.job);
    else
        calls_close_all(&r->calls, &target->posix);
    if (script->cleanup) {
        bool cleaned = !ok || command(r, script->cleanup, script->cleanup_place, "cleanup command: ");
        if (!ok) {
            char ignored[400];
            target->ops->command(target, script->cleanup, ignored, sizeof ignored);
        }
        ok = ok && cleaned;
    }
    if (ok)
        ok = code_run(&r->code, script, settings, error) == 0;
    free_run(r);
    return ok ? 0 : -EINVAL;
}
