/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Differences that are permitted, or the kernel's own. docs/DIFFERENCES.md says of each why. A rule that is about one
 * fact excuses that fact; one that is about the way that a connection takes from some point on excuses what follows
 * from it, and so asks first whether both stacks really took the ways that it is about.
 */
#include <stdio.h>
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

static bool fell_back(const struct facts *f) {
    const char *value = facts_get(f, "MPTCP_INFO");
    return value && strcmp(value, "-1 EOPNOTSUPP") == 0;
}

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

/* The subflow that a fact is about; SUBFLOWS_MAX: none. */
static unsigned sub_of(const char *key) {
    static const char head[] = "subflow ";
    unsigned sub = starts(key, head) ? (unsigned)key[sizeof head - 1] - '0' : SUBFLOWS_MAX;
    return sub < SUBFLOWS_MAX ? sub : SUBFLOWS_MAX;
}

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
    return !never(d) && data && any_sub_saw(r->engine, "RST");
}

static bool missing_data_ack(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool silent = has(p, STEP_STRIP);
    for (uint32_t i = 0; i < p->nsteps; i++) {
        enum step_op op = p->steps[i].op;
        silent |= (op == STEP_ACK || op == STEP_FIN || op == STEP_DATA || op == STEP_FILL) && p->steps[i].dack == 0;
    }
    bool closed = any_sub_saw(r->engine, "FIN") && !any_sub_saw(r->kernel, "FIN");
    bool noticed = fell_back(r->engine) || any_sub_saw(r->engine, "MP_TCPRST reason 6") || closed;
    return !never(d) && silent && noticed && !fell_back(r->kernel);
}

static bool bare_ack_before_data(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool bare = has(p, STEP_STRIP) || has(p, STEP_ADD_ADDR) || has(p, STEP_REMOVE_ADDR) || has(p, STEP_FASTCLOSE);
    for (uint32_t i = 0; i < p->nsteps; i++) {
        enum step_op op = p->steps[i].op;
        bare |= (op == STEP_ACK || op == STEP_FIN || op == STEP_DATA || op == STEP_FILL) && p->steps[i].dack == 0;
    }
    bool closed = has(p, STEP_CLOSE) || has(p, STEP_ABORT);
    return !never(d) && p->client && bare && (fell_back(r->kernel) || closed);
}

static bool rst_before_data(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool reset = has(p, STEP_RST) || has(p, STEP_FASTCLOSE);
    return !never(d) && p->client && reset && fell_back(r->kernel) && !fell_back(r->engine);
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
    return !d->engine && before_call(r->program, STEP_FIN) && any_sub_saw(r->engine, "FIN") &&
           (strcmp(d->key, "data: DATA_FIN at") == 0 || ends(d->key, "DSN of 8 octets") ||
            strstr(d->key, "mapping with") || ends(d->key, "MP_FASTCLOSE") || ends(d->key, "MP_TCPRST reason 0") ||
            strstr(d->key, ": ADD_ADDR id") || ends(d->key, ": RST"));
}

static bool end_of_a_young_server(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    const char *ours = facts_get(r->engine, "last read"), *theirs = facts_get(r->kernel, "last read");
    bool ended = !p->client && (has(p, STEP_RST) || has(p, STEP_FIN));
    if (ended && ends(d->key, " send") && d->engine && strcmp(d->engine, "-1 ECONNRESET") == 0)
        return true;
    return !never(d) && ended && ours && theirs && (strcmp(ours, "end") == 0 || strcmp(ours, "ECONNRESET") == 0) &&
           (strcmp(theirs, "EAGAIN") == 0 || strcmp(theirs, "ENOTCONN") == 0);
}

static bool subflows_of_an_ended_connection(const struct runs *r, const struct difference *d) {
    return (starts(d->key, "MPTCP_INFO subflows") || strcmp(d->key, "TCP_INFO state") == 0) &&
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
           (has(r->program, STEP_DATA_FIN) || has(r->program, STEP_DATA));
}

/* The join of an address that the peer withdrew: the kernel ended its subflow, the engine did not. */
static bool withdrawn_subflow_lives(const struct runs *r, const struct difference *d) {
    bool withdrawn = false;
    for (unsigned sub = 1; sub < SUBFLOWS_MAX; sub++)
        withdrawn |= (sub_saw(r->kernel, sub, "RST") || sub_saw(r->kernel, sub, "FIN")) &&
                     !sub_saw(r->engine, sub, "RST") && !sub_saw(r->engine, sub, "FIN");
    return !never(d) && has(r->program, STEP_REMOVE_ADDR) && withdrawn;
}

static bool fin_behind_shutdown(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    uint32_t shut = find(p, STEP_SHUTDOWN, 0), closed = find(p, STEP_CLOSE, 0);
    uint32_t end = shut < closed ? shut : closed;
    unsigned sub = sub_of(d->key);
    bool about = strcmp(d->key, "TCP_INFO state") == 0 || strcmp(d->key, "MPTCP_INFO subflows_total") == 0 ||
                 (sub < SUBFLOWS_MAX && (ends(d->key, ": FIN") || ends(d->key, ": RST") || ends(d->key, "sent up to")));
    bool kept = false;
    for (unsigned i = 0; i < SUBFLOWS_MAX; i++)
        kept |= sub_saw(r->engine, i, "FIN") && !sub_saw(r->kernel, i, "FIN");
    return about && end < p->nsteps && has(p, STEP_FIN) && kept;
}

static bool held_back_by_nagle(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool given_up = has(p, STEP_ABORT) || has(p, STEP_RST) || has(p, STEP_FASTCLOSE) || has(p, STEP_FIN) ||
                    has(p, STEP_STRIP) || any_sub_saw(r->engine, "MP_FASTCLOSE");
    bool about = ends(d->key, "sent up to") || ends(d->key, "bytes_sent") || ends(d->key, "bytes_acked") ||
                 ends(d->key, "snd_una");
    return d->engine && d->kernel && about && given_up;
}

/* Behind a middlebox that takes options out: the kernel takes data without a mapping as plain, the engine waits for it.
 */
static bool data_waits_for_its_mapping(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    uint32_t strip = find(p, STEP_STRIP, 0);
    bool data = find(p, STEP_DATA, strip) < p->nsteps || find(p, STEP_FILL, strip) < p->nsteps ||
                find(p, STEP_RESEND, strip) < p->nsteps || has(p, STEP_DATA);
    return !never(d) && strip < p->nsteps && data &&
           (fell_back(r->kernel) || any_sub_saw(r->kernel, "RST") || has(p, STEP_CLOSE) || has(p, STEP_ABORT));
}

static bool rejoins(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    bool tried = false;
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++)
        tried |= sub_saw(r->engine, i, "SYN") && !sub_saw(r->kernel, i, "SYN");
    return tried && has(r->program, STEP_RST) &&
           ((sub && sub < SUBFLOWS_MAX && !d->kernel) || starts(d->key, "MPTCP_INFO subflows"));
}

/* What was owed when the peer reset the subflow. */
static bool acknowledgment_of_the_reset(const struct runs *r, const struct difference *d) {
    return ends(d->key, "acknowledged up to") && d->engine && d->kernel &&
           (has(r->program, STEP_RST) || has(r->program, STEP_FASTCLOSE) || any_sub_saw(r->engine, "MP_FASTCLOSE"));
}

static bool data_ack_behind_fin(const struct runs *r, const struct difference *d) {
    return has(r->program, STEP_FIN) &&
           (strcmp(d->key, "MPTCP_INFO bytes_acked") == 0 || strcmp(d->key, "MPTCP_INFO snd_una") == 0) &&
           facts_number(r->engine, d->key) > facts_number(r->kernel, d->key);
}

static bool hangup_without_subflow(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool ended = has(p, STEP_DATA_FIN);
    for (uint32_t i = 0; i < p->nsteps; i++)
        ended |= p->steps[i].op == STEP_DATA && p->steps[i].fin;
    bool hung_up = strcmp(d->key, "poll") == 0 && d->engine && d->kernel && strcmp(d->engine, "0x2005") == 0 &&
                   strcmp(d->kernel, "0x2015") == 0;
    bool refused = (ends(d->key, " send") && d->kernel && strcmp(d->kernel, "-1 EPIPE") == 0) ||
                   (ends(d->key, " shutdown") && d->kernel && strcmp(d->kernel, "-1 ENOTCONN") == 0);
    return has(p, STEP_RST) && ended && (hung_up || refused || strcmp(d->key, "MPTCP_INFO write_seq") == 0);
}

static bool closed_with_data_beyond_a_gap(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool gap = false, closes = find(p, STEP_ABORT, 0) == p->nsteps;
    for (uint32_t i = 0; i < p->nsteps; i++)
        gap |= p->steps[i].op == STEP_DATA && (p->steps[i].where == WHERE_GAP || p->steps[i].order == ORDER_FIRST_LOST);
    return !never(d) && gap && closes && any_sub_saw(r->engine, "MP_FASTCLOSE") &&
           !any_sub_saw(r->kernel, "MP_FASTCLOSE");
}

static bool subflow_that_the_peer_ended(const struct runs *r, const struct difference *d) {
    return strcmp(d->key, "MPTCP_INFO subflows_total") == 0 && has(r->program, STEP_FIN) &&
           facts_number(r->engine, d->key) == facts_number(r->kernel, d->key) + 1;
}

static bool any_sub_saw_mp_fail(const struct facts *f) {
    for (uint32_t i = 0; i < f->n; i++)
        if (strstr(f->fact[i].key, ": MP_FAIL of"))
            return true;
    return false;
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
    return over && about && theirs && strcmp(theirs, "ENOTCONN") == 0 && d->kernel &&
           (strcmp(d->kernel, "ENOTCONN") == 0 || strcmp(d->kernel, "0x14") == 0 || ends(d->kernel, "ENOTCONN"));
}

static bool data_ack_behind_an_echo(const struct runs *r, const struct difference *d) {
    const char *ours = facts_get(r->engine, "MPTCP_INFO rcv_nxt"), *theirs = facts_get(r->kernel, "MPTCP_INFO rcv_nxt");
    return strcmp(d->key, "data: acknowledged up to") == 0 && has(r->program, STEP_ADD_ADDR) && ours && theirs &&
           strcmp(ours, theirs) == 0 && facts_number(r->engine, d->key) > facts_number(r->kernel, d->key);
}

static bool error_behind_the_end(const struct runs *r, const struct difference *d) {
    const char *ours = facts_get(r->engine, "last read"), *theirs = facts_get(r->kernel, "last read");
    bool send = ends(d->key, " send") && d->engine && d->kernel && strcmp(d->engine, "-1 ECONNRESET") == 0 &&
                strcmp(d->kernel, "-1 EPIPE") == 0;
    return (send || strcmp(d->key, "SO_ERROR") == 0 || strcmp(d->key, "poll") == 0) && ours && theirs &&
           strcmp(ours, "end") == 0 && strcmp(theirs, "end") == 0 && has(r->program, STEP_FASTCLOSE);
}

/* Whether the connection had two subflows on both sides: then which one sends what is the scheduler's choice. */
static bool scheduler(const struct runs *r, const struct difference *d) {
    const char *ours = facts_get(r->engine, "data: sent up to"), *theirs = facts_get(r->kernel, "data: sent up to");
    bool about = ends(d->key, "sent up to") || strstr(d->key, ": DSN of") || strstr(d->key, ": mapping with");
    unsigned both = 0;
    for (unsigned i = 0; i < SUBFLOWS_MAX; i++)
        both += sub_saw(r->engine, i, "acknowledged up to") && sub_saw(r->kernel, i, "acknowledged up to");
    return sub_of(d->key) < SUBFLOWS_MAX && about && both > 1 && ours && theirs && strcmp(ours, theirs) == 0;
}

static bool join_under_way_counts(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool pending = false, same = false;
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++)
        pending |= sub_saw(r->engine, i, "SYN/ACK") && !sub_saw(r->engine, i, "acknowledged up to");
    for (uint32_t i = find(p, STEP_JOIN, 0); i < p->nsteps; i++)
        for (uint32_t k = 0; k < p->nsteps; k++)
            same |= p->steps[i].op == STEP_JOIN && p->steps[k].op == STEP_ADD_ADDR && p->steps[i].id == p->steps[k].id;
    unsigned sub = sub_of(d->key);
    bool about = starts(d->key, "MPTCP_INFO subflows") || strcmp(d->key, "MPTCP_INFO add_addr_accepted") == 0 ||
                 (sub && sub < SUBFLOWS_MAX && !d->engine);
    return (pending || same) && about;
}

static bool joins_while_half_closed(const struct runs *r, const struct difference *d) {
    const struct program *p = r->program;
    bool ended = has(p, STEP_DATA_FIN) || has(p, STEP_SHUTDOWN);
    for (uint32_t i = 0; i < p->nsteps; i++)
        ended |= p->steps[i].op == STEP_DATA && p->steps[i].fin;
    bool tried = false;
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++)
        tried |= (sub_saw(r->engine, i, "SYN") && !sub_saw(r->kernel, i, "SYN")) ||
                 (sub_saw(r->engine, i, "third MP_JOIN") && !sub_saw(r->kernel, i, "third MP_JOIN"));
    unsigned sub = sub_of(d->key);
    bool about = starts(d->key, "MPTCP_INFO subflows") || strcmp(d->key, "MPTCP_INFO add_addr_accepted") == 0 ||
                 strcmp(d->key, "MPTCP_INFO local_addr_used") == 0 || (sub && sub < SUBFLOWS_MAX);
    return ended && tried && about;
}

static bool own_join_at_the_end(const struct runs *r, const struct difference *d) {
    unsigned sub = sub_of(d->key);
    bool over = has(r->program, STEP_FASTCLOSE) || has(r->program, STEP_RST) || has(r->program, STEP_ABORT) ||
                has(r->program, STEP_CLOSE);
    bool own = false;
    for (unsigned i = 1; i < SUBFLOWS_MAX; i++)
        own |= sub_saw(r->engine, i, "SYN") && sub_saw(r->kernel, i, "SYN") && !sub_saw(r->engine, i, "third MP_JOIN");
    bool about = strcmp(d->key, "MPTCP_INFO add_addr_accepted") == 0 ||
                 strcmp(d->key, "MPTCP_INFO local_addr_used") == 0 ||
                 (sub && sub < SUBFLOWS_MAX &&
                  (ends(d->key, ": RST") || strstr(d->key, "MP_TCPRST") || ends(d->key, "MP_FASTCLOSE")));
    return over && own && about;
}

/* Data that came behind a gap, which Linux had let go when the gap was filled: the peer sends it again. */
static bool data_behind_a_gap_let_go(const struct runs *r, const struct difference *d) {
    bool gap = false;
    for (uint32_t i = 0; i < r->program->nsteps; i++)
        gap |= r->program->steps[i].op == STEP_DATA && r->program->steps[i].where == WHERE_GAP;
    bool about = ends(d->key, "bytes_received") || ends(d->key, "rcv_nxt") || ends(d->key, "octets read") ||
                 ends(d->key, " read") || strcmp(d->key, "data: acknowledged up to") == 0;
    return gap && about &&
           facts_number(r->engine, "data: acknowledged up to") > facts_number(r->kernel, "data: acknowledged up to") &&
           facts_number(r->engine, d->key) > facts_number(r->kernel, d->key);
}

static bool data_ahead_of_its_subflow(const struct runs *r, const struct difference *d) {
    bool ahead = false;
    for (uint32_t i = 0; i < r->program->nsteps; i++) {
        const struct step *s = &r->program->steps[i];
        ahead |= s->op == STEP_DATA && (s->order == ORDER_FIRST_LOST || s->order == ORDER_REVERSE);
    }
    return ahead && ends(d->key, " read") && starts(d->key, "call") && d->engine && d->engine[0] != '-' &&
           facts_number(r->engine, "octets read") == facts_number(r->kernel, "octets read");
}

static bool endpoint_for_a_forbidden_address(const struct runs *r, const struct difference *d) {
    return r->program->deny_join0 && strcmp(d->key, "MPTCP_INFO local_addr_used") == 0 && d->engine && d->kernel &&
           strcmp(d->engine, "0") == 0 && strcmp(d->kernel, "1") == 0;
}

static bool first_data_with_keys(const struct runs *r, const struct difference *d) {
    return r->program->client && strcmp(d->key, "data") == 0 && !d->engine;
}

static bool last_data_ack(const struct runs *r, const struct difference *d) {
    return fell_back(r->engine) && fell_back(r->kernel) &&
           (strcmp(d->key, "data: acknowledged up to") == 0 || strstr(d->key, ": Data ACK of"));
}

const struct rule rules[] = {
    {"data-ack-width", data_ack_width},
    {"half-open-join-is-reset", half_open_join_is_reset},
    {"data-for-nobody", data_for_nobody},
    {"missing-data-ack", missing_data_ack},
    {"bare-ack-before-data", bare_ack_before_data},
    {"rst-before-data", rst_before_data},
    {"signal-behind-fin", signal_behind_fin},
    {"end-of-a-young-server", end_of_a_young_server},
    {"subflows-of-an-ended-connection", subflows_of_an_ended_connection},
    {"join-of-a-closed-connection", join_of_a_closed_connection},
    {"join-of-an-ended-connection", join_of_an_ended_connection},
    {"withdrawn-subflow-lives", withdrawn_subflow_lives},
    {"fin-behind-shutdown", fin_behind_shutdown},
    {"held-back-by-nagle", held_back_by_nagle},
    {"data-waits-for-its-mapping", data_waits_for_its_mapping},
    {"rejoins", rejoins},
    {"acknowledgment-of-the-reset", acknowledgment_of_the_reset},
    {"data-ack-behind-fin", data_ack_behind_fin},
    {"hangup-without-subflow", hangup_without_subflow},
    {"closed-with-data-beyond-a-gap", closed_with_data_beyond_a_gap},
    {"subflow-that-the-peer-ended", subflow_that_the_peer_ended},
    {"answer-to-mp-fail", answer_to_mp_fail},
    {"shutdown-before-established", shutdown_before_established},
    {"read-behind-the-error", read_behind_the_error},
    {"data-ack-behind-an-echo", data_ack_behind_an_echo},
    {"error-behind-the-end", error_behind_the_end},
    {"scheduler", scheduler},
    {"join-under-way-counts", join_under_way_counts},
    {"joins-while-half-closed", joins_while_half_closed},
    {"own-join-at-the-end", own_join_at_the_end},
    {"data-behind-a-gap-let-go", data_behind_a_gap_let_go},
    {"data-ahead-of-its-subflow", data_ahead_of_its_subflow},
    {"endpoint-for-a-forbidden-address", endpoint_for_a_forbidden_address},
    {"first-data-with-keys", first_data_with_keys},
    {"last-data-ack", last_data_ack},
    {NULL, NULL},
};
