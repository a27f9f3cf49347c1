/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Differences that are permitted, or the kernel's own. docs/DIFFERENCES.md says of each why. A rule that is about one
 * fact excuses that fact; one that is about the way that a connection takes from some point on excuses what follows
 * from it, and so asks first whether both stacks really took the ways that it is about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

/* ---- Looking at runs --------------------------------------------------------------------------------------------- */

static bool starts(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }
static bool ends(const char *text, const char *with) {
    size_t n = strlen(text), m = strlen(with);
    return n >= m && strcmp(text + n - m, with) == 0;
}

/* What no rule may excuse. */
static bool never(const struct difference *d) {
    return starts(d->key, "crash") || starts(d->key, "broken") || starts(d->key, "error");
}

/* The place of the first step of a kind at or behind `from`; `nsteps` when there is none. */
static uint32_t find(const struct program *p, enum step_op op, uint32_t from) {
    while (from < p->nsteps && p->steps[from].op != op)
        from++;
    return from;
}

static bool has(const struct program *p, enum step_op op) { return find(p, op, 0) < p->nsteps; }

static bool sub_saw(const struct facts *f, unsigned sub, const char *what) {
    char key[FACT_KEY_MAX];
    snprintf(key, sizeof key, "subflow %u: %s", sub, what);
    return facts_get(f, key) != NULL;
}

static bool any_sub_saw(const struct facts *f, const char *what) {
    for (unsigned i = 0; i < SUBFLOWS_MAX; i++)
        if (sub_saw(f, i, what))
            return true;
    return false;
}

static bool fell_back(const struct facts *f) {
    const char *value = facts_get(f, "MPTCP_INFO");
    return (value && starts(value, "-1 E")) || facts_get(f, "plain TCP when closed") ||
           sub_saw(f, 0, "FIN without an option");
}

static bool any_sub_saw_mp_fail(const struct facts *f) {
    for (uint32_t i = 0; i < f->n; i++)
        if (strstr(f->fact[i].key, ": MP_FAIL of"))
            return true;
    return false;
}

/* The subflow that a fact is about; SUBFLOWS_MAX: none. */
static unsigned sub_of(const char *key) {
    static const char head[] = "subflow ";
    unsigned sub = starts(key, head) ? (unsigned)key[sizeof head - 1] - '0' : SUBFLOWS_MAX;
    return sub < SUBFLOWS_MAX ? sub : SUBFLOWS_MAX;
}

/* The difference is that the kernel went on where the engine had ended the connection by a RST. */
static bool kernel_went_on(const struct difference *d) {
    bool about = sub_of(d->key) < SUBFLOWS_MAX || starts(d->key, "data: ");
    bool reset = ends(d->key, ": RST") || ends(d->key, ": MP_FASTCLOSE") || strstr(d->key, ": MP_TCPRST");
    bool more = d->engine && d->kernel && strtoull(d->engine, NULL, 10) < strtoull(d->kernel, NULL, 10);
    return about && (!d->engine || more || (!d->kernel && reset));
}

/* The peer ended its data by a DATA_FIN, alone or with data. */
static bool peer_ended(const struct program *p) {
    bool ended = has(p, STEP_DATA_FIN);
    for (uint32_t i = 0; i < p->nsteps; i++)
        ended |= p->steps[i].op == STEP_DATA && p->steps[i].fin;
    return ended;
}

static bool app_ended(const struct program *p) { return has(p, STEP_SHUTDOWN) || has(p, STEP_CLOSE); }

/* ---- Rules ------------------------------------------------------------------------------------------------------- */

static bool data_ack_width(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    if (sub == SUBFLOWS_MAX || (!ends(d->key, "Data ACK of 4 octets") && !ends(d->key, "Data ACK of 8 octets")))
        return false;
    const struct facts *both[] = {r->engine, r->kernel};
    for (int i = 0; i < 2; i++)
        if (!sub_saw(both[i], sub, "Data ACK of 4 octets") && !sub_saw(both[i], sub, "Data ACK of 8 octets"))
            return false;
    return true;
}

static bool half_open_join_is_reset(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    return sub && sub < SUBFLOWS_MAX && d->engine && !d->kernel && sub_saw(r->kernel, sub, "SYN/ACK") &&
           !sub_saw(r->kernel, sub, "acknowledged up to") &&
           (ends(d->key, ": RST") || strstr(d->key, "MP_TCPRST") || ends(d->key, "MP_FASTCLOSE"));
}

static bool data_for_nobody(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    uint32_t closed = find(p, STEP_CLOSE, 0);
    bool data = find(p, STEP_DATA, closed) < p->nsteps || find(p, STEP_FILL, closed) < p->nsteps ||
                find(p, STEP_RESEND, closed) < p->nsteps || find(p, STEP_THIRD, closed) < p->nsteps;
    for (uint32_t i = 0; i < closed; i++) /* its first segment comes in the end */
        data |= p->steps[i].op == STEP_DATA && p->steps[i].order == ORDER_FIRST_LOST;
    return closed < p->nsteps && data && any_sub_saw(r->engine, "RST") && kernel_went_on(d);
}

static bool missing_data_ack(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool silent = has(p, STEP_STRIP);
    for (uint32_t i = 0; i < p->nsteps; i++) {
        enum step_op op = p->steps[i].op;
        silent |= (op == STEP_ACK || op == STEP_FIN || op == STEP_DATA || op == STEP_FILL) && p->steps[i].dack == 0;
    }
    bool noticed = fell_back(r->engine) || any_sub_saw(r->engine, "MP_TCPRST reason 6");
    bool told = has(p, STEP_FAIL) && fell_back(r->engine) && !any_sub_saw_mp_fail(r->engine); /* Linux, later */
    if (silent && fell_back(r->engine) && !d->kernel && strcmp(d->key, "plain TCP when closed") == 0)
        return true;                                                          /* it became plain TCP later */
    bool words = sub_of(d->key) < SUBFLOWS_MAX || starts(d->key, "data: ") || /* until Linux followed */
                 strcmp(d->key, "plain TCP when closed") == 0 || strcmp(d->key, "data") == 0;
    return !never(d) && silent && noticed && (told || !fell_back(r->kernel) || (fell_back(r->engine) && words));
}

static bool is_about_the_end(const struct difference *d) {
    return strcmp(d->key, "last read") == 0 || strcmp(d->key, "poll") == 0 || strcmp(d->key, "TCP_INFO state") == 0;
}

/* What a client gets first behind the SYN/ACK says no Data ACK. */
static bool first_word_is_bare(const struct program *p) {
    for (uint32_t i = find(p, STEP_SYNACK, 0) + 1; i < p->nsteps; i++) {
        const struct step *s = &p->steps[i];
        if (s->op == STEP_STRIP)
            return true;
        if (s->sub)
            continue;
        switch (s->op) {
        case STEP_DATA: /* what is lost is waited for */
        case STEP_ACK:
        case STEP_FIN:
        case STEP_DATA_FIN:
            return s->dack == 0;
        case STEP_REMOVE_ADDR:
        case STEP_FASTCLOSE:
        case STEP_RST:
            return true;
        case STEP_ADD_ADDR:
        case STEP_PRIO:
            return false;
        default:
            break;
        }
    }
    return false;
}

static bool bare_ack_before_data(const struct runs *r, const struct difference *d) {
    bool meanwhile = sub_of(d->key) < SUBFLOWS_MAX || starts(d->key, "data") ||
                     starts(d->key, "MPTCP_INFO") || /* the engine followed later */
                     (peer_ended(r->program) && (is_about_the_end(d) || ends(d->key, " read")));
    /* When it was closed before, the FIN shows it: a connection of MPTCP waits for the peer's end. */
    bool fell = fell_back(r->kernel) || (has(r->program, STEP_CLOSE) && sub_saw(r->kernel, 0, "FIN"));
    return !never(d) && r->program->client && fell && (meanwhile || !fell_back(r->engine)) &&
           first_word_is_bare(r->program);
}

static bool rst_before_data(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool reset = has(p, STEP_RST) || has(p, STEP_FASTCLOSE), hole = false;
    uint32_t first = find(p, STEP_DATA, 0);
    while (first < p->nsteps && p->steps[first].sub)
        first = find(p, STEP_DATA, first + 1);
    if (first < p->nsteps)
        hole = p->steps[first].order == ORDER_FIRST_LOST;
    return !never(d) && p->client && reset && (fell_back(r->kernel) || hole) && !fell_back(r->engine);
}

/* The first step of the kind comes before some call of the application. */
static bool before_call(const struct program *p, enum step_op op) {
    static const enum step_op calls[] = {STEP_WRITE, STEP_SHUTDOWN, STEP_CLOSE, STEP_ABORT};
    uint32_t at = find(p, op, 0);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (at < p->nsteps && find(p, calls[i], at) < p->nsteps)
            return true;
    return at < p->nsteps; /* the program's end is a close() */
}

static bool signal_behind_fin(const struct runs *r, const struct difference *d) {
    bool acked = strcmp(d->key, "MPTCP_INFO bytes_acked") == 0 || strcmp(d->key, "MPTCP_INFO snd_una") == 0;
    if (acked && has(r->program, STEP_FIN) && facts_get(r->kernel, "data: DATA_FIN at") &&
        !facts_get(r->engine, "data: DATA_FIN at") &&
        facts_number(r->kernel, d->key) == facts_number(r->engine, d->key) + 1)
        return true; /* it was heard, too */
    return !d->engine && before_call(r->program, STEP_FIN) && any_sub_saw(r->engine, "FIN") &&
           (strcmp(d->key, "data: DATA_FIN at") == 0 || ends(d->key, "DSN of 8 octets") ||
            strstr(d->key, "mapping with") || ends(d->key, "MP_FASTCLOSE") || ends(d->key, "MP_TCPRST reason 0") ||
            strstr(d->key, ": ADD_ADDR id") || ends(d->key, ": RST"));
}

static bool subflows_of_an_ended_connection(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    bool abort =
        has(r->program, STEP_ABORT) || has(r->program, STEP_FASTCLOSE) || any_sub_saw(r->engine, "MP_FASTCLOSE");
    bool reset = abort && (ends(d->key, ": MP_FASTCLOSE") || strstr(d->key, ": MP_TCPRST") || ends(d->key, ": RST"));
    if (reset && sub < SUBFLOWS_MAX && sub_saw(r->engine, sub, "FIN") && sub_saw(r->kernel, sub, "FIN"))
        return true; /* or one that ended alone */
    return (starts(d->key, "MPTCP_INFO subflows") || strcmp(d->key, "TCP_INFO state") == 0 || reset) &&
           facts_get(r->engine, "data: DATA_FIN at") && facts_get(r->kernel, "data: DATA_FIN at") &&
           any_sub_saw(r->engine, "FIN") && any_sub_saw(r->kernel, "FIN");
}

static bool join_of_a_closed_connection(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    uint32_t end = p->nsteps;
    for (uint32_t i = p->nsteps; i-- > 0;) {
        const struct step *s = &p->steps[i];
        if (s->op == STEP_CLOSE || s->op == STEP_ABORT || s->op == STEP_SHUTDOWN || s->op == STEP_DATA_FIN ||
            (s->op == STEP_DATA && s->fin))
            end = i;
    }
    bool joins = find(p, STEP_JOIN, end) < p->nsteps || find(p, STEP_JOIN_ACK, end) < p->nsteps;
    bool refused = any_sub_saw(r->kernel, "MP_TCPRST reason 1") || any_sub_saw(r->kernel, "MP_TCPRST reason 3");
    return !never(d) && joins && refused;
}

static bool join_of_an_ended_connection(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    return sub && sub < SUBFLOWS_MAX && !d->engine && (ends(d->key, ": SYN/ACK") || strstr(d->key, ": MP_JOIN id")) &&
           facts_get(r->engine, "data: DATA_FIN at") && facts_get(r->kernel, "data: DATA_FIN at") &&
           (has(r->program, STEP_DATA_FIN) || has(r->program, STEP_DATA) ||
            (has(r->program, STEP_FIN) && has(r->program, STEP_CLOSE)));
}

static bool fin_behind_shutdown(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    uint32_t shut = find(p, STEP_SHUTDOWN, 0), closed = find(p, STEP_CLOSE, 0);
    uint32_t end = shut < closed ? shut : closed;
    unsigned sub = sub_of(d->key);
    bool about = strcmp(d->key, "TCP_INFO state") == 0 || starts(d->key, "MPTCP_INFO subflows") ||
                 (sub < SUBFLOWS_MAX && (ends(d->key, ": FIN") || ends(d->key, ": RST") || ends(d->key, "sent up to")));
    bool kept = false;
    for (unsigned i = 0; i < SUBFLOWS_MAX; i++)
        kept |= sub_saw(r->engine, i, "FIN") && !sub_saw(r->kernel, i, "FIN");
    return about && end < p->nsteps && has(p, STEP_FIN) && kept;
}

/* What was owed when the subflow was reset. */
static bool acknowledgment_of_the_reset(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    bool reset = sub < SUBFLOWS_MAX && (sub_saw(r->engine, sub, "RST") || sub_saw(r->kernel, sub, "RST"));
    return ends(d->key, "acknowledged up to") && d->engine && d->kernel &&
           (has(r->program, STEP_RST) || has(r->program, STEP_ABORT) || has(r->program, STEP_FASTCLOSE) || reset ||
            any_sub_saw(r->engine, "MP_FASTCLOSE") || any_sub_saw(r->kernel, "MP_FASTCLOSE"));
}

static bool data_ack_behind_fin(const struct runs *r, const struct difference *d) {
    bool ended = has(r->program, STEP_FIN) || (has(r->program, STEP_REMOVE_ADDR) && any_sub_saw(r->kernel, "FIN"));
    return ended && (strcmp(d->key, "MPTCP_INFO bytes_acked") == 0 || strcmp(d->key, "MPTCP_INFO snd_una") == 0) &&
           facts_number(r->engine, d->key) > facts_number(r->kernel, d->key);
}

static bool hangup_without_subflow(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool ended = peer_ended(p);
    bool hung_up = strcmp(d->key, "poll") == 0 && d->engine && d->kernel && strcmp(d->engine, "0x2005") == 0 &&
                   strcmp(d->kernel, "0x2015") == 0;
    bool refused = (ends(d->key, " send") && d->kernel && strcmp(d->kernel, "-1 EPIPE") == 0) ||
                   (ends(d->key, " shutdown") && d->kernel && strcmp(d->kernel, "-1 ENOTCONN") == 0);
    return has(p, STEP_RST) && ended && (hung_up || refused || strcmp(d->key, "MPTCP_INFO write_seq") == 0);
}

static bool closed_with_data_beyond_a_gap(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    uint32_t abort = find(p, STEP_ABORT, 0);
    bool gap = false, closes = abort == p->nsteps || find(p, STEP_CLOSE, 0) < abort;
    for (uint32_t i = 0; i < p->nsteps; i++)
        gap |= p->steps[i].op == STEP_DATA && (p->steps[i].where == WHERE_GAP || p->steps[i].order == ORDER_FIRST_LOST);
    return !never(d) && gap && closes && any_sub_saw(r->engine, "MP_FASTCLOSE") &&
           !any_sub_saw(r->kernel, "MP_FASTCLOSE");
}

static bool answer_to_mp_fail(const struct runs *r, const struct difference *d) {
    return !never(d) && has(r->program, STEP_FAIL) && any_sub_saw_mp_fail(r->engine);
}

/* A connection that never was, as the application shut it down in SYN-SENT. */
static bool shutdown_before_established(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    uint32_t shut = find(p, STEP_SHUTDOWN, 0), answer = find(p, STEP_SYNACK, 0);
    return !never(d) && p->client && shut < p->nsteps && shut < answer;
}

/* An MPTCP socket of Linux whose connection is over says ENOTCONN and POLLHUP, a socket of TCP the end of the stream.
 */
static bool read_behind_the_error(const struct runs *r, const struct difference *d) {
    bool over = has(r->program, STEP_RST) || has(r->program, STEP_FASTCLOSE);
    const char *theirs = facts_get(r->kernel, "last read");
    bool about = strcmp(d->key, "last read") == 0 || strcmp(d->key, "poll") == 0 || ends(d->key, " read") ||
                 ends(d->key, " shutdown");
    bool not_connected = !theirs || strcmp(theirs, "ENOTCONN") == 0; /* nobody reads when it was closed */
    return over && about && not_connected && d->kernel &&
           (strcmp(d->kernel, "ENOTCONN") == 0 || strcmp(d->kernel, "0x14") == 0 || ends(d->kernel, "ENOTCONN"));
}

/* An announcement or an echo. */
static bool said_address(const struct facts *f) {
    bool any = false;
    for (uint32_t i = 0; i < f->n; i++)
        any |= strstr(f->fact[i].key, ": ADD_ADDR id") != NULL;
    return any;
}

static bool data_ack_behind_an_address(const struct runs *r, const struct difference *d) {
    const char *ours = facts_get(r->engine, "MPTCP_INFO rcv_nxt"), *theirs = facts_get(r->kernel, "MPTCP_INFO rcv_nxt");
    return strcmp(d->key, "data: acknowledged up to") == 0 && said_address(r->kernel) && ours && theirs &&
           strcmp(ours, theirs) == 0 && facts_number(r->engine, d->key) > facts_number(r->kernel, d->key);
}

static bool error_behind_the_end(const struct runs *r, const struct difference *d) {
    const char *ours = facts_get(r->engine, "last read"), *theirs = facts_get(r->kernel, "last read");
    bool send = ends(d->key, " send") && d->engine && d->kernel && strcmp(d->engine, "-1 ECONNRESET") == 0 &&
                strcmp(d->kernel, "-1 EPIPE") == 0;
    bool read =
        ends(d->key, " read") && d->engine && d->kernel && strcmp(d->engine, "0") == 0 && starts(d->kernel, "-1 E");
    bool over = has(r->program, STEP_FASTCLOSE) || has(r->program, STEP_RST);
    bool plain_end = has(r->program, STEP_FIN) && fell_back(r->engine) && fell_back(r->kernel);
    if ((send || read) && over && (peer_ended(r->program) || plain_end))
        return true;
    return (send || read || strcmp(d->key, "SO_ERROR") == 0 || strcmp(d->key, "poll") == 0) && ours && theirs &&
           strcmp(ours, "end") == 0 && (strcmp(theirs, "end") == 0 || (plain_end && strcmp(theirs, "ENOTCONN") == 0)) &&
           over;
}

/* Whether the connection had two subflows on both sides: then which one sends what is the scheduler's choice. */
static bool scheduler(const struct runs *r, const struct difference *d) {
    const char *ours = facts_get(r->engine, "data: sent up to"), *theirs = facts_get(r->kernel, "data: sent up to");
    bool about = ends(d->key, "sent up to") || strstr(d->key, ": DSN of") || strstr(d->key, ": mapping with") ||
                 strstr(d->key, ": Data ACK of");
    unsigned both = 0;
    for (unsigned i = 0; i < SUBFLOWS_MAX; i++)
        both += sub_saw(r->engine, i, "acknowledged up to") && sub_saw(r->kernel, i, "acknowledged up to");
    return sub_of(d->key) < SUBFLOWS_MAX && about && both > 1 && ours && theirs &&
           (strcmp(ours, theirs) == 0 || has(r->program, STEP_ABORT)); /* or something was held back */
}

static bool join_under_way_counts(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    const uint32_t first = find(p, STEP_JOIN, 0), second = find(p, STEP_JOIN, first + 1);
    bool pending = second < p->nsteps && find(p, STEP_ADD_ADDR, second) < p->nsteps, same = false; /* up to the limit */
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++)
        pending |= sub_saw(r->engine, i, "SYN/ACK") && !sub_saw(r->engine, i, "acknowledged up to");
    for (uint32_t i = find(p, STEP_JOIN, 0); i < p->nsteps; i++)
        for (uint32_t k = 0; k < p->nsteps; k++)
            same |= p->steps[i].op == STEP_JOIN && p->steps[k].op == STEP_ADD_ADDR && p->steps[i].id == p->steps[k].id;
    unsigned sub = sub_of(d->key);
    bool about = starts(d->key, "MPTCP_INFO subflows") || strcmp(d->key, "MPTCP_INFO add_addr_accepted") == 0 ||
                 (sub && sub < SUBFLOWS_MAX && (!d->engine || same));
    /* What is said on the subflow that is Linux's alone. */
    about |= same && facts_number(r->engine, d->key) < facts_number(r->kernel, d->key) &&
             (starts(d->key, "MPTCP_INFO") || strcmp(d->key, "octets read") == 0 || starts(d->key, "data: "));
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++) /* Linux had room for one more */
        about |= pending && sub_saw(r->kernel, i, "third MP_JOIN") && !sub_saw(r->engine, i, "third MP_JOIN");
    return !never(d) && (pending || same) && about;
}

/* From here on the engine has a subflow that Linux does not have. */
static bool joins_while_half_closed(const struct runs *r, const struct difference *d) {
    static const char *const steps[] = {"SYN", "third MP_JOIN"};
    bool tried = false;
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++)
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
            tried |= sub_saw(r->engine, i, steps[k]) && !sub_saw(r->kernel, i, steps[k]);
    return !never(d) && tried && (peer_ended(r->program) || app_ended(r->program));
}

/* The peer refuses a join of the stack, or what it says to that is not heard. */
static bool join_is_refused(const struct program *p) {
    for (uint32_t i = 0, strip = find(p, STEP_STRIP, 0); i < p->nsteps; i++)
        if (p->steps[i].op == STEP_ANSWER && (!p->steps[i].good || i > strip))
            return true;
    return false;
}

/* Both asked for a subflow, and it never came to be. */
static bool own_join_waits(const struct runs *r) {
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++)
        if (sub_saw(r->engine, i, "SYN") && sub_saw(r->kernel, i, "SYN") && !sub_saw(r->engine, i, "third MP_JOIN"))
            return true;
    return false;
}

static bool own_join_at_the_end(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    bool over = has(r->program, STEP_FASTCLOSE) || has(r->program, STEP_RST) || has(r->program, STEP_ABORT) ||
                peer_ended(r->program) || app_ended(r->program);
    bool withdrawn = strcmp(d->key, "MPTCP_INFO add_addr_accepted") == 0 && has(r->program, STEP_REMOVE_ADDR);
    bool counted = starts(d->key, "MPTCP_INFO subflows") && (app_ended(r->program) || peer_ended(r->program));
    bool about = counted || withdrawn ||
                 (sub && sub < SUBFLOWS_MAX &&
                  (ends(d->key, ": RST") || strstr(d->key, "MP_TCPRST") || ends(d->key, "MP_FASTCLOSE")));
    return over && own_join_waits(r) && about;
}

/* The first data that comes in the order of its subflow is behind a gap, and nothing of ours said a window before. */
static bool first_data_is_behind_a_gap(const struct program *p) {
    bool lost[SUBFLOWS_MAX] = {false}, any_lost = false, joined = false;
    bool heard = !p->client; /* before, data goes with both keys and no DSS */
    for (uint32_t i = 0; i < p->nsteps; i++) {
        const struct step *s = &p->steps[i];
        heard |= s->op == STEP_ACK && s->dack && s->sub == 0;
        if ((s->op == STEP_WRITE && heard) || (s->op == STEP_THIRD && s->variant == THIRD_DATA))
            return false;
        joined |= s->op == STEP_JOIN_ACK || s->op == STEP_ANSWER;
        if (s->op != STEP_DATA || lost[s->sub % SUBFLOWS_MAX] || (s->sub && !joined))
            continue;
        if (s->order != ORDER_FIRST_LOST) {
            if (s->where == WHERE_GAP || any_lost)
                return true;
            if (s->sub) /* perhaps there is no such subflow */
                continue;
            return false;
        }
        lost[s->sub % SUBFLOWS_MAX] = any_lost = true;
        if (s->where == WHERE_GAP)
            return true;
    }
    return false;
}

static bool first_data_behind_a_gap(const struct runs *r, const struct difference *d) {
    bool read = ends(d->key, " read") && starts(d->key, "call");
    bool about = ends(d->key, "bytes_received") || ends(d->key, "rcv_nxt") || ends(d->key, "octets read") ||
                 strcmp(d->key, "data: acknowledged up to") == 0;
    /* A DATA_FIN may have been with it. */
    bool end = is_about_the_end(d) || sub_of(d->key) < SUBFLOWS_MAX || starts(d->key, "MPTCP_INFO subflows") ||
               ends(d->key, " shutdown");
    static const char *const counts[] = {"data: acknowledged up to", "octets read"};
    bool more = false;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        more |= facts_number(r->engine, counts[i]) > facts_number(r->kernel, counts[i]);
    more |= read && facts_number(r->engine, "octets read") == facts_number(r->kernel, "octets read"); /* earlier */
    return first_data_is_behind_a_gap(r->program) && more &&
           ((about && facts_number(r->engine, d->key) > facts_number(r->kernel, d->key)) ||
            (ends(d->key, " shutdown") && peer_ended(r->program)) || read || (end && peer_ended(r->program)));
}

/* A segment is missing, and data came that was sent before: what is behind it may continue the data. */
static bool data_is_ahead(const struct program *p) {
    bool lost = false, again = false;
    for (uint32_t i = 0; i < p->nsteps; i++) {
        const struct step *s = &p->steps[i];
        lost |= s->op == STEP_DATA && s->order == ORDER_FIRST_LOST;
        again |= (s->op == STEP_DATA && (s->where == WHERE_AGAIN || s->where == WHERE_OVERLAP)) || s->op == STEP_FILL;
    }
    return lost && again;
}

static bool data_ahead_of_its_subflow(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    const char *const octets = "octets read";
    bool over = has(p, STEP_RST) || has(p, STEP_FASTCLOSE) || has(p, STEP_ABORT) || has(p, STEP_CLOSE);
    bool count = ends(d->key, "bytes_received") || ends(d->key, "rcv_nxt") || strcmp(d->key, octets) == 0;
    bool read = ends(d->key, " read") && starts(d->key, "call");
    if (!data_is_ahead(p))
        return false;
    bool end = ends(d->key, " shutdown") || ends(d->key, ": FIN") || ends(d->key, "sent up to") ||
               starts(d->key, "MPTCP_INFO subflows");
    if (end && app_ended(p) && peer_ended(p)) /* a DATA_FIN stood behind it, and it was over */
        return true;
    if (!over) /* both had all of it in the end */
        return read && facts_number(r->engine, octets) == facts_number(r->kernel, octets);
    return (count && facts_number(r->engine, d->key) > facts_number(r->kernel, d->key)) ||
           (read && facts_number(r->engine, octets) >= facts_number(r->kernel, octets)) ||
           (is_about_the_end(d) && peer_ended(p)); /* a DATA_FIN stood behind it */
}

static bool last_data_ack(const struct runs *r, const struct difference *d) {
    return fell_back(r->engine) && fell_back(r->kernel) &&
           (strcmp(d->key, "data: acknowledged up to") == 0 || strstr(d->key, ": Data ACK of"));
}

/* An announcement in the moment in which both directions had ended. */
static bool announcement_at_the_end(const struct runs *r, const struct difference *d) {
    bool about = strcmp(d->key, "MPTCP_INFO add_addr_signal") == 0 || strstr(d->key, ": ADD_ADDR id 7 ") ||
                 (!d->engine && ends(d->key, " echo")) || strcmp(d->key, "MPTCP_INFO local_addr_used") == 0;
    return about && peer_ended(r->program) && app_ended(r->program) && facts_get(r->kernel, "data: DATA_FIN at");
}

static bool unread_data_of_plain_tcp(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    return sub < SUBFLOWS_MAX && fell_back(r->engine) && fell_back(r->kernel) && sub_saw(r->engine, sub, "RST") &&
           (sub_saw(r->kernel, sub, "FIN") || !sub_saw(r->kernel, sub, "RST")) &&
           (ends(d->key, ": RST") || strstr(d->key, ": FIN") || ends(d->key, " up to"));
}

static bool join_is_refused_at_its_syn(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    return sub && sub < SUBFLOWS_MAX && sub_saw(r->engine, sub, "MP_TCPRST reason 3") &&
           !sub_saw(r->engine, sub, "SYN/ACK") && sub_saw(r->kernel, sub, "SYN/ACK") &&
           (!sub_saw(r->kernel, sub, "acknowledged up to") || sub_saw(r->kernel, sub, "MP_TCPRST reason 3"));
}

static bool infinite_mapping(const struct runs *r, const struct difference *d) {
    bool plain = any_sub_saw(r->engine, "infinite mapping") &&
                 (ends(d->key, ": data without an option") || strcmp(d->key, "data: sent up to") == 0);
    return fell_back(r->engine) && fell_back(r->kernel) &&
           (plain || (!d->kernel && ends(d->key, ": infinite mapping")));
}

static bool data_comes_twice(const struct program *p) {
    for (uint32_t i = 0; i < p->nsteps; i++)
        if (p->steps[i].op == STEP_DATA && (p->steps[i].where == WHERE_AGAIN || p->steps[i].where == WHERE_OVERLAP))
            return true;
    return false;
}

/* The server announces an address behind a hole, before anything in sequence proved that it has the keys. */
static bool announced_behind_a_hole(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    uint32_t lost = 0;
    while (lost < p->nsteps && !(p->steps[lost].op == STEP_DATA && p->steps[lost].order == ORDER_FIRST_LOST))
        lost++;
    for (uint32_t i = 0; i < lost; i++) /* a hole has to be the first that came on the first subflow */
        if ((p->steps[i].op == STEP_ACK || p->steps[i].op == STEP_DATA) && p->steps[i].sub == 0)
            return false;
    unsigned sub = sub_of(d->key);
    bool about = (sub && sub < SUBFLOWS_MAX) || starts(d->key, "MPTCP_INFO subflows") ||
                 starts(d->key, "MPTCP_INFO add_addr_") || strcmp(d->key, "MPTCP_INFO local_addr_used") == 0 ||
                 (!d->kernel && (strstr(d->key, ": ADD_ADDR id") || has(p, STEP_RST))) ||
                 (!d->engine && strcmp(d->key, "data") == 0) || /* with both keys */
                 (!d->kernel && (strstr(d->key, ": Data ACK of") || strcmp(d->key, "data: acknowledged up to") == 0));
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++) /* from here on the engine has a subflow that Linux does not have */
        about |= sub_saw(r->engine, i, "third MP_JOIN") && !sub_saw(r->kernel, i, "third MP_JOIN");
    return !never(d) && p->client && find(p, STEP_ADD_ADDR, lost) < p->nsteps && about;
}

/* A DATA_FIN came or left before the connection became plain TCP. */
static bool data_fin_before_plain_tcp(const struct runs *r, const struct difference *d) {
    bool said = facts_get(r->kernel, "data: DATA_FIN at") && app_ended(r->program);
    bool fin = !d->kernel && (ends(d->key, ": FIN") || ends(d->key, ": FIN without an option"));
    bool number = ends(d->key, "sent up to") && sub_saw(r->engine, 0, "FIN") &&
                  facts_number(r->engine, d->key) == facts_number(r->kernel, d->key) + 1;
    bool ended = peer_ended(r->program) || (said && has(r->program, STEP_FIN));
    bool read = ended && (strcmp(d->key, "last read") == 0 || strcmp(d->key, "poll") == 0 || ends(d->key, " read"));
    read |= peer_ended(r->program) && data_comes_twice(r->program) && strcmp(d->key, "octets read") == 0 &&
            facts_number(r->engine, d->key) < facts_number(r->kernel, d->key); /* so it stood beyond the end */
    bool instead = !d->engine && strcmp(d->key, "data: DATA_FIN at") == 0;     /* the engine was plain TCP before */
    return fell_back(r->engine) && fell_back(r->kernel) && (said || peer_ended(r->program)) &&
           (fin || number || read || instead || strcmp(d->key, "TCP_INFO state") == 0);
}

/* The first segment of data comes last and without an option; those behind it had the mapping of all. */
static bool bare_data_of_a_known_mapping(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool known = false;
    for (uint32_t i = 0, strip = find(p, STEP_STRIP, 0); i < strip && strip < p->nsteps; i++)
        known |= p->steps[i].op == STEP_DATA && p->steps[i].order == ORDER_FIRST_LOST && p->steps[i].map == MAP_ALL &&
                 p->steps[i].pieces > 1;
    bool reset = any_sub_saw(r->kernel, "MP_TCPRST reason 6") && !any_sub_saw(r->engine, "MP_TCPRST reason 6");
    bool went_apart = (fell_back(r->kernel) || reset) && !fell_back(r->engine);
    bool words = starts(d->key, "MPTCP_INFO") || starts(d->key, "data: ") || sub_of(d->key) < SUBFLOWS_MAX;
    words |= reset && (strcmp(d->key, "octets read") == 0 || strcmp(d->key, "TCP_INFO state") == 0);
    return known && went_apart && (words || ((peer_ended(p) || app_ended(p)) && is_about_the_end(d)));
}

static bool last_subflow_is_kept(const struct runs *r, const struct difference *d) {
    bool sent = ends(d->key, "sent up to") || ends(d->key, "bytes_sent") || ends(d->key, "bytes_acked") ||
                ends(d->key, "snd_una");
    bool mapped = !d->kernel && has(r->program, STEP_WRITE) && /* what only the engine sent */
                  (strstr(d->key, ": DSN of") || strstr(d->key, ": mapping with"));
    return has(r->program, STEP_FIN) && any_sub_saw(r->kernel, "FIN") &&
           (mapped || (sent && facts_number(r->engine, d->key) > facts_number(r->kernel, d->key)) ||
            strcmp(d->key, "TCP_INFO state") == 0 || (!d->kernel && strcmp(d->key, "data: DATA_FIN at") == 0) ||
            (!d->engine && (ends(d->key, ": FIN") || ends(d->key, ": RST"))));
}

static bool window_behind_a_timeout(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    bool fin = (!d->kernel && (ends(d->key, ": FIN") || ends(d->key, ": FIN without an option"))) ||
               (ends(d->key, "sent up to") && sub < SUBFLOWS_MAX && sub_saw(r->engine, sub, "FIN") &&
                facts_number(r->engine, d->key) == facts_number(r->kernel, d->key) + 1);
    bool data = (strcmp(d->key, "data: sent up to") == 0 && /* the rest had no mapping */
                 facts_number(r->engine, d->key) > facts_number(r->kernel, d->key)) ||
                ends(d->key, ": data without an option") || (!d->kernel && strstr(d->key, ": DSN of")) ||
                (!d->kernel && strstr(d->key, ": mapping with"));
    bool given_up = (has(r->program, STEP_RST) && fin) || (has(r->program, STEP_STRIP) && data);
    bool sent = ends(d->key, "sent up to") && facts_number(r->engine, d->key) > facts_number(r->kernel, d->key);
    if (sent && has(r->program, STEP_WAIT) && any_sub_saw(r->engine, "MP_FASTCLOSE")) /* or by the application */
        return true;
    return given_up && has(r->program, STEP_WRITE) && fell_back(r->engine) && fell_back(r->kernel);
}

/* Data on a subflow whose address was withdrawn: Linux gave its socket up with our FIN. */
static bool data_on_a_withdrawn_subflow(const struct runs *r, const struct difference *d) {
    bool refused = false;
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++)
        refused |= sub_saw(r->kernel, i, "FIN") && sub_saw(r->kernel, i, "RST") && sub_saw(r->engine, i, "FIN") &&
                   !sub_saw(r->engine, i, "RST");
    unsigned sub = sub_of(d->key);
    bool more = facts_number(r->engine, d->key) > facts_number(r->kernel, d->key);
    bool about = (sub && sub < SUBFLOWS_MAX && ((!d->engine && ends(d->key, ": RST")) || more)) ||
                 (more && (starts(d->key, "MPTCP_INFO") || starts(d->key, "data: ") || ends(d->key, "octets read"))) ||
                 (starts(d->key, "call") && ends(d->key, " read")) || (peer_ended(r->program) && is_about_the_end(d));
    return has(r->program, STEP_REMOVE_ADDR) && refused && about;
}

/* Old data behind both ends, on a connection that the application closed. */
static bool repetition_for_a_closed_socket(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool again = has(p, STEP_RESEND);
    for (uint32_t i = 0; i < p->nsteps; i++)
        again |= p->steps[i].op == STEP_DATA && p->steps[i].where == WHERE_AGAIN;
    return again && has(p, STEP_CLOSE) && peer_ended(p) && facts_get(r->kernel, "data: DATA_FIN at") &&
           sub_of(d->key) < SUBFLOWS_MAX && !d->engine && ends(d->key, ": RST") && any_sub_saw(r->engine, "FIN") &&
           any_sub_saw(r->kernel, "FIN");
}

/* A timer of the kernel's connection sent the same data once more. */
static bool sent_once_more(const struct runs *r, const struct difference *d) {
    const char *ours = facts_get(r->engine, "data: sent up to"), *theirs = facts_get(r->kernel, "data: sent up to");
    return sub_of(d->key) < SUBFLOWS_MAX && ends(d->key, "sent up to") && d->engine && d->kernel && ours && theirs &&
           strcmp(ours, theirs) == 0 && facts_number(r->kernel, d->key) > facts_number(r->engine, d->key) &&
           has(r->program, STEP_WRITE);
}

static bool fallback_of_what_is_no_stream(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool twice = false;
    for (uint32_t i = 0; i < p->nsteps; i++)
        twice |= p->steps[i].op == STEP_DATA && p->steps[i].where != WHERE_NEXT;
    bool again =
        strcmp(d->key, "octets read") == 0 && facts_number(r->engine, d->key) < facts_number(r->kernel, d->key);
    bool plain = (has(p, STEP_STRIP) && fell_back(r->kernel)) || (has(p, STEP_FAIL) && any_sub_saw_mp_fail(r->kernel));
    return !never(d) && twice && plain &&
           (any_sub_saw(r->engine, "MP_TCPRST reason 6") || has(p, STEP_RST) || !fell_back(r->engine) || again);
}

static bool over_without_subflow(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    const char *theirs = facts_get(r->kernel, "last read");
    bool over = (theirs && strcmp(theirs, "ENOTCONN") == 0) || (d->kernel && ends(d->kernel, "ENOTCONN"));
    bool about = strcmp(d->key, "last read") == 0 || strcmp(d->key, "poll") == 0 || ends(d->key, " read") ||
                 ends(d->key, " shutdown") || starts(d->key, "MPTCP_INFO subflows");
    return over && about && app_ended(p) && (has(p, STEP_RST) || has(p, STEP_FIN));
}

static bool own_join_after_fallback(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    const char *theirs = facts_get(r->kernel, "last read");
    bool given_up = join_is_refused(p) || app_ended(p);
    bool call = starts(d->key, "call") && d->kernel && d->kernel[0] == '-';
    bool over = theirs ? strcmp(theirs, "ENOTCONN") == 0 : call; /* nobody reads from a socket that was closed */
    over |= d->kernel && (strcmp(d->kernel, "0x2015") == 0 || strcmp(d->kernel, "-1 ECONNREFUSED") == 0 ||
                          strcmp(d->kernel, "-1 ECONNRESET") == 0);
    return own_join_waits(r) && given_up && has(p, STEP_STRIP) && fell_back(r->kernel) && over &&
           (call || is_about_the_end(d) || (sub_of(d->key) == 0 && ends(d->key, "sent up to")));
}

/* Less than a segment, which the window has room for: the peer's, or that of congestion behind a timeout. */
static bool held_back_by_the_window(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool given_up = has(p, STEP_ABORT) || has(p, STEP_RST) || has(p, STEP_FASTCLOSE) || has(p, STEP_STRIP) ||
                    any_sub_saw(r->engine, "MP_FASTCLOSE");
    bool about = ends(d->key, "sent up to") || ends(d->key, "bytes_sent");
    uint64_t ours = facts_number(r->engine, d->key), theirs = facts_number(r->kernel, d->key);
    uint64_t all = facts_number(r->kernel, "data: sent up to");
    return about && given_up && ours < theirs && theirs - ours < 1460 && all &&
           ((all - 1) % p->window == 0 || has(p, STEP_WAIT));
}

static bool written_without_subflow(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    uint32_t reset = find(p, STEP_RST, 0), written = find(p, STEP_WRITE, reset);
    bool about = ends(d->key, "sent up to") || ends(d->key, "bytes_sent") || ends(d->key, "bytes_acked") ||
                 ends(d->key, "snd_una") ||
                 (!d->kernel && (strstr(d->key, ": DSN of") || strstr(d->key, ": mapping with")));
    return about && written < p->nsteps && find(p, STEP_JOIN_ACK, written) < p->nsteps &&
           (!d->kernel || facts_number(r->engine, d->key) > facts_number(r->kernel, d->key));
}

static bool refused_address_goes(const struct runs *r, const struct difference *d) {
    return strcmp(d->key, "MPTCP_INFO add_addr_accepted") == 0 &&
           (join_is_refused(r->program) || has(r->program, STEP_RST)) && has(r->program, STEP_REMOVE_ADDR) &&
           facts_number(r->engine, d->key) < facts_number(r->kernel, d->key);
}

/* A mesh goes to the addresses of subflows, and the only one has just ended. */
static bool mesh_of_an_ended_subflow(const struct runs *r, const struct difference *d) {
    bool joined = false;
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++)
        joined |= sub_saw(r->kernel, i, "SYN") && !sub_saw(r->engine, i, "SYN");
    return !never(d) && strstr(worlds[r->program->world].commands, "fullmesh") && has(r->program, STEP_FIN) && joined;
}

static bool acknowledgment_on_a_repetition(const struct runs *r, const struct difference *d) {
    bool acked = strcmp(d->key, "MPTCP_INFO bytes_acked") == 0 || strcmp(d->key, "MPTCP_INFO snd_una") == 0;
    if (acked && has(r->program, STEP_RESEND))
        return facts_number(r->engine, d->key) < facts_number(r->kernel, d->key);
    bool end = starts(d->key, "MPTCP_INFO subflows") || is_about_the_end(d) || ends(d->key, ": FIN") ||
               ends(d->key, ": RST") || ends(d->key, "sent up to") ||
               (starts(d->key, "call ") && ends(d->key, " shutdown")) || (!d->kernel && ends(d->key, " echo"));
    if (end && has(r->program, STEP_RESEND) && app_ended(r->program) && peer_ended(r->program))
        return true; /* it acknowledged the DATA_FIN */
    /* Of the DATA_FIN: to Linux the connection is over when the application closes with data that it did not read. */
    uint32_t again = find(r->program, STEP_RESEND, find(r->program, STEP_SHUTDOWN, 0));
    bool over = find(r->program, STEP_CLOSE, again) < r->program->nsteps && peer_ended(r->program) &&
                any_sub_saw(r->engine, "MP_FASTCLOSE") && any_sub_saw(r->kernel, "FIN");
    return over && sub_of(d->key) < SUBFLOWS_MAX &&
           ((!d->engine && ends(d->key, ": FIN")) || ends(d->key, " up to") ||
            (!d->kernel && (ends(d->key, ": RST") || ends(d->key, ": MP_FASTCLOSE") || strstr(d->key, "MP_TCPRST"))));
}

const struct rule rules[] = {
    {"data-ack-width", data_ack_width},
    {"half-open-join-is-reset", half_open_join_is_reset},
    {"data-for-nobody", data_for_nobody},
    {"missing-data-ack", missing_data_ack},
    {"bare-ack-before-data", bare_ack_before_data},
    {"rst-before-data", rst_before_data},
    {"signal-behind-fin", signal_behind_fin},
    {"subflows-of-an-ended-connection", subflows_of_an_ended_connection},
    {"join-of-a-closed-connection", join_of_a_closed_connection},
    {"join-of-an-ended-connection", join_of_an_ended_connection},
    {"fin-behind-shutdown", fin_behind_shutdown},
    {"acknowledgment-of-the-reset", acknowledgment_of_the_reset},
    {"data-ack-behind-fin", data_ack_behind_fin},
    {"hangup-without-subflow", hangup_without_subflow},
    {"closed-with-data-beyond-a-gap", closed_with_data_beyond_a_gap},
    {"answer-to-mp-fail", answer_to_mp_fail},
    {"shutdown-before-established", shutdown_before_established},
    {"read-behind-the-error", read_behind_the_error},
    {"data-ack-behind-an-address", data_ack_behind_an_address},
    {"error-behind-the-end", error_behind_the_end},
    {"scheduler", scheduler},
    {"join-under-way-counts", join_under_way_counts},
    {"joins-while-half-closed", joins_while_half_closed},
    {"own-join-at-the-end", own_join_at_the_end},
    {"first-data-behind-a-gap", first_data_behind_a_gap},
    {"data-ahead-of-its-subflow", data_ahead_of_its_subflow},
    {"last-data-ack", last_data_ack},
    {"announcement-at-the-end", announcement_at_the_end},
    {"unread-data-of-plain-tcp", unread_data_of_plain_tcp},
    {"join-is-refused-at-its-syn", join_is_refused_at_its_syn},
    {"infinite-mapping", infinite_mapping},
    {"announced-behind-a-hole", announced_behind_a_hole},
    {"data-fin-before-plain-tcp", data_fin_before_plain_tcp},
    {"bare-data-of-a-known-mapping", bare_data_of_a_known_mapping},
    {"last-subflow-is-kept", last_subflow_is_kept},
    {"window-behind-a-timeout", window_behind_a_timeout},
    {"data-on-a-withdrawn-subflow", data_on_a_withdrawn_subflow},
    {"repetition-for-a-closed-socket", repetition_for_a_closed_socket},
    {"sent-once-more", sent_once_more},
    {"fallback-of-what-is-no-stream", fallback_of_what_is_no_stream},
    {"over-without-subflow", over_without_subflow},
    {"own-join-after-fallback", own_join_after_fallback},
    {"held-back-by-the-window", held_back_by_the_window},
    {"written-without-subflow", written_without_subflow},
    {"refused-address-goes", refused_address_goes},
    {"mesh-of-an-ended-subflow", mesh_of_an_ended_subflow},
    {"acknowledgment-on-a-repetition", acknowledgment_on_a_repetition},
    {NULL, NULL},
};
