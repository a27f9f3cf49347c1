/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control messages: { cmsg_level=L, cmsg_type=T, cmsg_data=D }, where D is a number, a string, `...`, or the members of
 * what Linux sends: a time stamp, an extended error, or a list of a connection's statistics (netlink attributes).
 */
#define _GNU_SOURCE
#include "script/calls_parts.h"

#include <linux/netlink.h>
#include <linux/tcp.h>
#include <linux/time_types.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h>

#include "script/symbols.h"

enum form { FORM_ANY, FORM_NUMBER, FORM_STRING, FORM_TIME, FORM_ERROR, FORM_STATS };

enum { EE_ERRNO, EE_ORIGIN, EE_TYPE, EE_CODE, EE_INFO, EE_DATA, EE_FIELDS };

static const char *const ee_names[EE_FIELDS] = {"ee_errno", "ee_origin", "ee_type", "ee_code", "ee_info", "ee_data"};

struct stat_value {
    const char *name;
    int64_t type;
    bool given;
    int64_t n;
};

struct control {
    int level, type;
    enum form form;
    int64_t number;
    const struct expr *string;
    int64_t sec, nsec;
    struct {
        bool given;
        int64_t n;
    } ee[EE_FIELDS];
    struct stat_value *stats;
    uint32_t nstats;
    bool more_stats; /* `...` at the end */
};

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static int read_stamp(struct calling *c, const char *where, const struct expr *e, struct control *m) {
    struct field f[] = {{.name = "scm_sec"}, {.name = "scm_nsec"}};
    m->form = FORM_TIME;
    int err = read_fields(c, where, e, f, 2);
    if (!err)
        err = read_number(c, field_where(c, where, "scm_sec"), f[0].value, 0, INT32_MAX, &m->sec);
    if (!err)
        err = read_number(c, field_where(c, where, "scm_nsec"), f[1].value, 0, 999999999, &m->nsec);
    return err;
}

static int read_error(struct calling *c, const char *where, const struct expr *e, struct control *m) {
    struct field f[EE_FIELDS];
    for (int i = 0; i < EE_FIELDS; i++)
        f[i] = (struct field){.name = ee_names[i], .optional = true};
    m->form = FORM_ERROR;
    int err = read_fields(c, where, e, f, EE_FIELDS);
    for (int i = 0; i < EE_FIELDS && !err; i++) {
        bool octet = i == EE_ORIGIN || i == EE_TYPE || i == EE_CODE;
        m->ee[i].given = f[i].value && !expr_is(f[i].value, EXPR_ELLIPSIS);
        if (m->ee[i].given)
            err = read_number(c, field_where(c, where, ee_names[i]), f[i].value, 0, octet ? UINT8_MAX : UINT32_MAX,
                              &m->ee[i].n);
    }
    return err;
}

static int read_stat(struct calling *c, const char *where, const struct expr *e, struct stat_value *s) {
    static const char prefix[] = "TCP_NLA_";
    if (!expr_is(e, EXPR_FIELD) || !e->text || strncmp(e->text, prefix, sizeof prefix - 1) != 0)
        return call_wrong(c, where, "TCP_NLA_..=N", e);
    s->name = e->text;
    if (!symbol_value(e->text, &s->type)) {
        const char *like = symbol_like(e->text);
        return call_fail(c, "%s: there is no %s%s%s%s", where, e->text, like ? " (did you mean " : "", like ? like : "",
                         like ? "?)" : "");
    }
    s->given = !expr_is(e->items, EXPR_ELLIPSIS);
    return s->given ? read_number(c, field_where(c, where, s->name), e->items, INT64_MIN, INT64_MAX, &s->n) : 0;
}

static int read_stats(struct calling *c, const char *where, const struct expr *e, struct control *m) {
    m->form = FORM_STATS;
    m->stats = arena_alloc(&c->arena, (expr_count(e->items) + 1) * sizeof *m->stats);
    for (const struct expr *item = e->items; item; item = item->next) {
        if (expr_is(item, EXPR_ELLIPSIS) && !item->next) {
            m->more_stats = true;
            break;
        }
        int err = read_stat(c, element_where(c, where, m->nstats), item, &m->stats[m->nstats]);
        if (err)
            return err;
        m->nstats++;
    }
    return 0;
}

static int read_data(struct calling *c, const char *where, const struct expr *e, struct control *m) {
    if (expr_number(e, &m->number)) {
        m->form = FORM_NUMBER;
        return 0;
    }
    if (expr_is(e, EXPR_STRING)) {
        m->form = FORM_STRING;
        m->string = e;
        return 0;
    }
    if (expr_is(e, EXPR_ELLIPSIS)) {
        m->form = FORM_ANY;
        return 0;
    }
    if (struct_begins(e, "scm_"))
        return read_stamp(c, where, e, m);
    if (struct_begins(e, "ee_"))
        return read_error(c, where, e, m);
    if (expr_is(e, EXPR_STRUCT) || expr_is(e, EXPR_LIST))
        return read_stats(c, where, e, m);
    return call_wrong(c, where, "a number, a string, {scm_sec=, ..}, {ee_errno=, ..} or {TCP_NLA_..=, ..}", e);
}

static int read_control(struct calling *c, const char *where, const struct expr *e, struct control *m) {
    struct field f[] = {{.name = "cmsg_level"}, {.name = "cmsg_type"}, {.name = "cmsg_data"}};
    int err = read_fields(c, where, e, f, 3);
    if (!err)
        err = read_int(c, field_where(c, where, "cmsg_level"), f[0].value, &m->level);
    if (!err)
        err = read_int(c, field_where(c, where, "cmsg_type"), f[1].value, &m->type);
    return err ? err : read_data(c, field_where(c, where, "cmsg_data"), f[2].value, m);
}

int read_controls(struct calling *c, const char *where, const struct expr *e, struct control **controls, uint32_t *n) {
    if (!expr_is(e, EXPR_LIST))
        return call_wrong(c, where, "a list [{cmsg_level=, cmsg_type=, cmsg_data=}, ...]", e);
    *controls = arena_alloc(&c->arena, (expr_count(e->items) + 1) * sizeof **controls);
    *n = 0;
    for (const struct expr *item = e->items; item; item = item->next) {
        int err = read_control(c, element_where(c, where, *n), item, &(*controls)[*n]);
        if (err)
            return err;
        ++*n;
    }
    return 0;
}

/* ---- Sending ----------------------------------------------------------------------------------------------------- */

/* Octets of a message; its length, or 0 when it is of a kind that only comes. A number is an int when it fits in one.
 */
static size_t control_octets(const struct control *m, void *at) {
    if (m->form == FORM_STRING) {
        if (at)
            memcpy(at, m->string->text, m->string->len);
        return m->string->len;
    }
    if (m->form != FORM_NUMBER)
        return 0;
    bool wide = m->number < INT32_MIN || m->number > UINT32_MAX;
    uint32_t narrow = (uint32_t)m->number;
    if (at)
        memcpy(at, wide ? (const void *)&m->number : (const void *)&narrow, wide ? sizeof m->number : sizeof narrow);
    return wide ? sizeof m->number : sizeof narrow;
}

int controls_build(struct calling *c, const struct control *controls, uint32_t n, void **data, size_t *len) {
    struct msghdr msg = {.msg_controllen = 0};
    for (uint32_t i = 0; i < n; i++) {
        if (controls[i].form != FORM_NUMBER && controls[i].form != FORM_STRING)
            return call_fail(c, "control message %u: what is sent must be a number or a string", i + 1);
        msg.msg_controllen += CMSG_SPACE(control_octets(&controls[i], NULL));
    }
    if (n == 0)
        return 0;
    msg.msg_control = arena_alloc(&c->arena, msg.msg_controllen);
    struct cmsghdr *at = CMSG_FIRSTHDR(&msg);
    for (uint32_t i = 0; i < n && at; i++) {
        at->cmsg_level = controls[i].level;
        at->cmsg_type = controls[i].type;
        at->cmsg_len = CMSG_LEN(control_octets(&controls[i], CMSG_DATA(at)));
        at = CMSG_NXTHDR(&msg, at);
    }
    *data = msg.msg_control;
    *len = msg.msg_controllen;
    return 0;
}

/* ---- Comparing --------------------------------------------------------------------------------------------------- */

/* What came of a message: `n` counts from 1. */
struct came {
    uint32_t n;
    const uint8_t *data;
    size_t len;
};

static bool number_load(const uint8_t *at, size_t len, int64_t *n) {
    uint16_t n16;
    uint32_t n32;
    switch (len) {
    case 1:
        *n = *at;
        return true;
    case 2:
        memcpy(&n16, at, 2);
        *n = n16;
        return true;
    case 4:
        memcpy(&n32, at, 4);
        *n = n32;
        return true;
    case 8:
        memcpy(n, at, 8);
        return true;
    default:
        return false;
    }
}

static int length_wrong(struct calling *c, const struct came *came, size_t expected) {
    return call_fail(c, "control message %u: expected %zu bytes of data but got %zu", came->n, expected, came->len);
}

/* Numbers of at most 32 bits may be written with a sign or without. */
static int number_compare(struct calling *c, const struct control *m, const struct came *came) {
    int64_t got;
    if (!number_load(came->data, came->len, &got))
        return length_wrong(c, came, sizeof(int));
    bool same = got == m->number || (came->len == 4 && (int32_t)(uint32_t)got == m->number);
    return same ? 0
                : call_fail(c, "control message %u: expected %lld but got %lld", came->n, (long long)m->number,
                            (long long)(came->len == 4 ? (int32_t)(uint32_t)got : got));
}

static int string_compare(struct calling *c, const struct control *m, const struct came *came) {
    if (came->len != m->string->len)
        return length_wrong(c, came, m->string->len);
    if (memcmp(came->data, m->string->text, came->len) == 0)
        return 0;
    return call_fail(c, "control message %u: expected %s but got %s", came->n,
                     bytes_text(c, m->string->text, m->string->len), bytes_text(c, came->data, came->len));
}

static double seconds(int64_t ns) { return (double)ns / 1e9; }

/* Modulo 2^64: a stamp may be anything. */
static uint64_t nanoseconds(struct timespec t) {
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static bool within(const struct calling *c, int64_t expected, int64_t got) {
    uint64_t off = got > expected ? (uint64_t)got - (uint64_t)expected : (uint64_t)expected - (uint64_t)got;
    return off <= c->calls->settings->tolerance;
}

/* A stamp tells the time of a clock; the script's clock is compared with that one now. */
static int stamp_compare(struct calling *c, const struct control *m, const struct came *came) {
    struct scm_timestamping stamps;
    if (came->len != sizeof stamps)
        return length_wrong(c, came, sizeof stamps);
    if (m->sec == 0 && m->nsec == 0)
        return 0;
    memcpy(&stamps, came->data, sizeof stamps);
    struct timespec clock;
    int err = c->posix->clock_gettime ? c->posix->clock_gettime(c->posix->ctx, CLOCK_REALTIME, &clock)
                                      : clock_gettime(CLOCK_REALTIME, &clock);
    if (err)
        return call_fail(c, "control message %u: the clock of its time cannot be read", came->n);
    uint64_t age = nanoseconds(clock) - nanoseconds(stamps.ts[0]);
    int64_t got = (int64_t)(c->calls->script_now(c->calls->ctx) - age);
    int64_t expected = m->sec * INT64_C(1000000000) + m->nsec;
    if (within(c, expected, got))
        return 0;
    return call_fail(c, "control message %u: expected time %.6f but got %.6f; tolerance %.6f", came->n,
                     seconds(expected), seconds(got), seconds((int64_t)c->calls->settings->tolerance));
}

/* The address behind the error is not compared. */
static int error_compare(struct calling *c, const struct control *m, const struct came *came) {
    struct sock_extended_err ee;
    if (came->len < sizeof ee)
        return length_wrong(c, came, sizeof ee);
    memcpy(&ee, came->data, sizeof ee);
    const int64_t got[EE_FIELDS] = {ee.ee_errno, ee.ee_origin, ee.ee_type, ee.ee_code, ee.ee_info, ee.ee_data};
    for (int i = 0; i < EE_FIELDS; i++)
        if (m->ee[i].given && m->ee[i].n != got[i])
            return call_fail(c, "control message %u: expected %s %lld but got %lld", came->n, ee_names[i],
                             (long long)m->ee[i].n, (long long)got[i]);
    return 0;
}

/* The next attribute that is not padding. False: none. */
static bool stat_next(struct came *rest, struct nlattr *attr, const uint8_t **value) {
    while (rest->len >= NLA_HDRLEN) {
        memcpy(attr, rest->data, sizeof *attr);
        if (attr->nla_len < NLA_HDRLEN || attr->nla_len > rest->len)
            return false;
        *value = rest->data + NLA_HDRLEN;
        size_t step = NLA_ALIGN(attr->nla_len);
        step = step < rest->len ? step : rest->len;
        rest->data += step;
        rest->len -= step;
        if (attr->nla_type != TCP_NLA_PAD)
            return true;
    }
    return false;
}

/* Microseconds of something that goes on in real time. */
static bool stat_is_time(int64_t type) {
    return type == TCP_NLA_BUSY || type == TCP_NLA_RWND_LIMITED || type == TCP_NLA_SNDBUF_LIMITED;
}

static int stat_compare(struct calling *c, const struct stat_value *s, const struct nlattr *attr, const uint8_t *value,
                        uint32_t n) {
    int64_t got;
    if (attr->nla_type != s->type)
        return call_fail(c, "control message %u: expected %s but got an attribute of type %u", n, s->name,
                         attr->nla_type);
    if (!s->given)
        return 0;
    if (!number_load(value, attr->nla_len - (size_t)NLA_HDRLEN, &got))
        return call_fail(c, "control message %u: %s has %u bytes", n, s->name, attr->nla_len - (unsigned)NLA_HDRLEN);
    bool about = stat_is_time(s->type) && s->n > 0 && s->n < INT64_MAX / 1000 && got >= 0 && got < INT64_MAX / 1000;
    if (got == s->n || (about && within(c, s->n * 1000, got * 1000)))
        return 0;
    return call_fail(c, "control message %u: expected %s %lld but got %lld", n, s->name, (long long)s->n,
                     (long long)got);
}

static int stats_compare(struct calling *c, const struct control *m, const struct came *came) {
    struct came rest = *came;
    struct nlattr attr;
    const uint8_t *value;
    for (uint32_t i = 0; i < m->nstats; i++) {
        if (!stat_next(&rest, &attr, &value))
            return call_fail(c, "control message %u: expected %s but got no further attribute", came->n,
                             m->stats[i].name);
        int err = stat_compare(c, &m->stats[i], &attr, value, came->n);
        if (err)
            return err;
    }
    if (!m->more_stats && stat_next(&rest, &attr, &value))
        return call_fail(c, "control message %u: expected no further attribute but got one of type %u", came->n,
                         attr.nla_type);
    return 0;
}

static int control_compare(struct calling *c, const struct control *m, const struct came *came) {
    switch (m->form) {
    case FORM_ANY:
        return 0;
    case FORM_NUMBER:
        return number_compare(c, m, came);
    case FORM_STRING:
        return string_compare(c, m, came);
    case FORM_TIME:
        return stamp_compare(c, m, came);
    case FORM_ERROR:
        return error_compare(c, m, came);
    case FORM_STATS:
        return stats_compare(c, m, came);
    }
    return 0;
}

int controls_compare(struct calling *c, const struct control *controls, uint32_t n, struct msghdr *msg) {
    struct cmsghdr *at = CMSG_FIRSTHDR(msg);
    for (uint32_t i = 0; i < n; i++) {
        const struct control *m = &controls[i];
        if (!at || at->cmsg_len < CMSG_LEN(0))
            return call_fail(c, "control message %u: expected level %d, type %d but got none", i + 1, m->level,
                             m->type);
        if (at->cmsg_level != m->level || at->cmsg_type != m->type)
            return call_fail(c, "control message %u: expected level %d, type %d but got level %d, type %d", i + 1,
                             m->level, m->type, at->cmsg_level, at->cmsg_type);
        size_t left = msg->msg_controllen - (size_t)((uint8_t *)at - (uint8_t *)msg->msg_control);
        if (at->cmsg_len > left)
            return call_fail(c, "control message %u: %zu bytes are more than there are", i + 1, (size_t)at->cmsg_len);
        struct came came = {.n = i + 1, .data = CMSG_DATA(at), .len = at->cmsg_len - CMSG_LEN(0)};
        int err = control_compare(c, m, &came);
        if (err)
            return err;
        at = CMSG_NXTHDR(msg, at);
    }
    if (at && at->cmsg_len >= CMSG_LEN(0))
        return call_fail(c, "control message %u: expected none but got level %d, type %d", n + 1, at->cmsg_level,
                         at->cmsg_type);
    return 0;
}
