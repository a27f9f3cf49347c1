/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls about properties: socket options, fcntl, ioctl, capabilities. */
#define _GNU_SOURCE
#include "script/calls_parts.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- Values of socket options ------------------------------------------------------------------------------------ */

enum form { FORM_ANY, FORM_NULL, FORM_INTS, FORM_STRING, FORM_LINGER, FORM_TIME, FORM_ADDR };

/* A value as the script has it, in the octets that C would have. */
struct option_value {
    enum form form;
    size_t size; /* of what the script says; the octets up to the length of the call are zeros */
    uint8_t *data;
    uint32_t count; /* INTS */
    size_t width;   /* INTS: of each */
};

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static void value_alloc(struct calling *c, struct option_value *v, size_t size, size_t len) {
    v->size = size;
    v->data = arena_alloc(&c->arena, larger(size, len) + 1);
}

static void int_store(uint8_t *at, size_t width, int64_t n) {
    uint8_t n8 = (uint8_t)n;
    uint16_t n16 = (uint16_t)n;
    uint32_t n32 = (uint32_t)n;
    memcpy(at, width == 1 ? (void *)&n8 : width == 2 ? (void *)&n16 : width == 4 ? (void *)&n32 : (void *)&n, width);
}

static int64_t int_load(const uint8_t *at, size_t width) {
    int8_t n8;
    int16_t n16;
    int32_t n32;
    int64_t n64;
    memcpy(width == 1 ? (void *)&n8 : width == 2 ? (void *)&n16 : width == 4 ? (void *)&n32 : (void *)&n64, at, width);
    return width == 1 ? n8 : width == 2 ? n16 : width == 4 ? n32 : n64;
}

/* [N] is an int, or as wide as the call's length says; [N, N, ...] are ints. */
static int read_ints(struct calling *c, const char *where, const struct expr *e, size_t len, struct option_value *v) {
    v->form = FORM_INTS;
    v->count = expr_count(e->items);
    if (v->count == 0)
        return call_fail(c, "%s must be [N], not an empty list", where);
    v->width = v->count == 1 && (len == 1 || len == 2 || len == 8) ? len : 4;
    value_alloc(c, v, v->count * v->width, len);
    int64_t max = v->width == 8 ? INT64_MAX : (INT64_C(1) << 8 * v->width) - 1;
    int64_t min = v->width == 8 ? INT64_MIN : -(max / 2) - 1;
    uint32_t i = 0;
    for (const struct expr *item = e->items; item; item = item->next, i++) {
        int64_t n;
        int err = read_number(c, v->count == 1 ? where : element_where(c, where, i), item, min, max, &n);
        if (err)
            return err;
        int_store(v->data + i * v->width, v->width, n);
    }
    return 0;
}

static int read_linger(struct calling *c, const char *where, const struct expr *e, size_t len, struct option_value *v) {
    struct field f[] = {{.name = "onoff"}, {.name = "linger"}};
    struct linger linger = {0};
    int err = read_fields(c, where, e, f, 2);
    if (!err)
        err = read_int(c, field_where(c, where, "onoff"), f[0].value, &linger.l_onoff);
    if (!err)
        err = read_int(c, field_where(c, where, "linger"), f[1].value, &linger.l_linger);
    if (err)
        return err;
    v->form = FORM_LINGER;
    value_alloc(c, v, sizeof linger, len);
    memcpy(v->data, &linger, sizeof linger);
    return 0;
}

static int read_time(struct calling *c, const char *where, const struct expr *e, size_t len, struct option_value *v) {
    struct field f[] = {{.name = "tv_sec"}, {.name = "tv_usec"}};
    int64_t sec = 0, usec = 0;
    int err = read_fields(c, where, e, f, 2);
    if (!err)
        err = read_number(c, field_where(c, where, "tv_sec"), f[0].value, INT64_MIN, INT64_MAX, &sec);
    if (!err)
        err = read_number(c, field_where(c, where, "tv_usec"), f[1].value, INT64_MIN, INT64_MAX, &usec);
    if (err)
        return err;
    struct timeval time = {.tv_sec = sec, .tv_usec = usec};
    v->form = FORM_TIME;
    value_alloc(c, v, sizeof time, len);
    memcpy(v->data, &time, sizeof time);
    return 0;
}

/* `len`: the length that the call passes. */
static int read_value(struct calling *c, uint32_t i, size_t len, struct option_value *v) {
    const struct expr *e = call_arg(c, i);
    const char *where = arg_where(c, i);
    *v = (struct option_value){.form = FORM_ANY};
    if (expr_is(e, EXPR_LIST))
        return read_ints(c, where, e, len, v);
    if (struct_begins(e, "onoff") || struct_begins(e, "linger"))
        return read_linger(c, where, e, len, v);
    if (struct_begins(e, "tv_"))
        return read_time(c, where, e, len, v);
    if (expr_is(e, EXPR_STRUCT))
        return call_fail(
            c, "%s is a structure that no option takes here: {onoff=, linger=} and {tv_sec=, tv_usec=} are", where);
    if (expr_is(e, EXPR_STRING)) {
        v->form = FORM_STRING;
        value_alloc(c, v, e->len, len);
        memcpy(v->data, e->text, e->len);
        return 0;
    }
    if (expr_is(e, EXPR_ADDR6) || expr_is(e, EXPR_ADDR4)) {
        size_t size = e->kind == EXPR_ADDR6 ? 16 : 4;
        v->form = FORM_ADDR;
        value_alloc(c, v, size, len);
        memcpy(v->data, e->addr.b + 16 - size, size);
        return 0;
    }
    if (expr_is_null(e)) {
        v->form = FORM_NULL;
        return len ? call_fail(c, "%s is NULL, but the length is %zu", where, len) : 0;
    }
    if (!expr_is(e, EXPR_ELLIPSIS))
        return call_wrong(c, where, "[N], a string, a structure or an address", e);
    value_alloc(c, v, 0, len);
    return 0;
}

/* `data`, `len` octets, as a value of the same kind. */
static const char *value_text(struct calling *c, const struct option_value *v, const uint8_t *data, size_t len) {
    struct arena *a = &c->arena;
    if (v->form == FORM_LINGER && len >= sizeof(struct linger)) {
        struct linger linger;
        memcpy(&linger, data, sizeof linger);
        return arena_printf(a, "{onoff=%d, linger=%d}", linger.l_onoff, linger.l_linger);
    }
    if (v->form == FORM_TIME && len >= sizeof(struct timeval)) {
        struct timeval time;
        memcpy(&time, data, sizeof time);
        return arena_printf(a, "{tv_sec=%lld, tv_usec=%lld}", (long long)time.tv_sec, (long long)time.tv_usec);
    }
    if (v->form == FORM_ADDR && len == v->size) {
        struct umptcp_addr addr = {.b = {[10] = 0xff, [11] = 0xff}};
        char text[UMPTCP_ADDRSTRLEN];
        memcpy(addr.b + 16 - len, data, len);
        return arena_printf(a, "%s", umptcp_addr_format(&addr, text));
    }
    if (v->form != FORM_INTS || len < v->size)
        return bytes_text(c, data, len);
    const char *text = "[";
    for (uint32_t i = 0; i < v->count; i++)
        text = arena_printf(a, "%s%s%lld", text, i ? ", " : "", (long long)int_load(data + i * v->width, v->width));
    return arena_printf(a, "%s]", text);
}

/* What came, `len` octets, is what the script says; what it does not say of a string is the NUL that ends it. */
static bool value_matches(const struct option_value *v, const uint8_t *data, size_t len) {
    if (v->form == FORM_ANY || v->form == FORM_NULL)
        return true;
    if (v->form == FORM_STRING) {
        if (v->size > len || memcmp(data, v->data, v->size) != 0)
            return false;
        return v->size == len || data[v->size] == 0;
    }
    return memcmp(data, v->data, len < v->size ? len : v->size) == 0;
}

/* What getsockopt() and setsockopt() begin with. */
static int read_option(struct calling *c, struct call_fd **fd, int *level, int *name) {
    int err = arg_fd(c, 0, fd);
    if (!err)
        err = arg_int(c, 1, level);
    return err ? err : arg_int(c, 2, name);
}

static int read_length(struct calling *c, const char *where, const struct expr *e, socklen_t *len) {
    int64_t n;
    int err = read_number(c, where, e, 0, OPTION_SIZE_MAX, &n);
    if (!err)
        *len = (socklen_t)n;
    return err;
}

int call_setsockopt(struct calling *c) {
    struct call_fd *fd;
    struct option_value v;
    int level, name;
    socklen_t len;
    int err = read_option(c, &fd, &level, &name);
    if (!err)
        err = read_length(c, arg_where(c, 4), call_arg(c, 4), &len);
    if (!err && expr_is(call_arg(c, 3), EXPR_ELLIPSIS))
        err = call_wrong(c, arg_where(c, 3), "[N], a string, a structure or an address", call_arg(c, 3));
    if (!err)
        err = read_value(c, 3, len, &v);
    return err ? err : call_result(c, c->posix->setsockopt(c->posix->ctx, fd->live, level, name, v.data, len));
}

int call_getsockopt(struct calling *c) {
    enum { OPEN_SIZE = 4096 };
    const struct expr *e = call_arg(c, 4);
    struct call_fd *fd;
    struct option_value v;
    int level, name;
    socklen_t expected = OPEN_SIZE;
    if (expr_is(e, EXPR_LIST) && expr_count(e->items) == 1)
        e = e->items;
    else if (!expr_is(e, EXPR_ELLIPSIS))
        return call_wrong(c, arg_where(c, 4), "[N], the length", e);
    bool open = expr_is(e, EXPR_ELLIPSIS);
    int err = read_option(c, &fd, &level, &name);
    if (!err && !open)
        err = read_length(c, arg_where(c, 4), e, &expected);
    if (!err)
        err = read_value(c, 3, expected, &v);
    if (err)
        return err;
    socklen_t len = expected;
    uint8_t *data = v.form == FORM_NULL ? NULL : arena_alloc(&c->arena, larger(expected, v.size) + 1);
    err = call_result(c, c->posix->getsockopt(c->posix->ctx, fd->live, level, name, data, &len));
    if (err || c->outcome->result < 0)
        return err;
    if (!open && len != expected)
        return call_fail(c, "expected length %u but got %u", expected, len);
    size_t got = len < expected ? len : expected; /* a stack may name more than it has room for */
    if (!value_matches(&v, data, got)) {
        size_t shown = v.form == FORM_STRING && v.size < got ? strnlen((const char *)data, got) : got;
        return call_fail(c, "expected value %s but got %s", value_text(c, &v, v.data, v.size),
                         value_text(c, &v, data, shown));
    }
    return 0;
}

/* ---- fcntl, ioctl ------------------------------------------------------------------------------------------------ */

int call_fcntl(struct calling *c) {
    struct call_fd *fd;
    int cmd;
    int64_t arg = 0;
    int err = arg_fd(c, 0, &fd);
    if (!err)
        err = arg_int(c, 1, &cmd);
    if (!err && call_arg(c, 2))
        err = read_number(c, arg_where(c, 2), call_arg(c, 2), INT32_MIN, UINT32_MAX, &arg);
    return err ? err : call_result(c, c->posix->fcntl(c->posix->ctx, fd->live, cmd, (long)arg));
}

int call_ioctl(struct calling *c) {
    const struct expr *e = call_arg(c, 2);
    struct call_fd *fd;
    int request, expected = 0;
    int err = arg_fd(c, 0, &fd);
    if (!err)
        err = arg_int(c, 1, &request);
    if (!err && e && (!expr_is(e, EXPR_LIST) || expr_count(e->items) != 1))
        err = call_wrong(c, arg_where(c, 2), "[N]", e);
    bool compared = !err && e && !expr_is(e->items, EXPR_ELLIPSIS);
    if (compared)
        err = read_int(c, arg_where(c, 2), e->items, &expected);
    if (err)
        return err;
    int value = (unsigned)request == FIONBIO ? expected : 0;
    err = call_result(c, c->posix->ioctl(c->posix->ctx, fd->live, (unsigned)request, e ? &value : NULL));
    if (!err && c->outcome->result >= 0 && compared && value != expected)
        err = call_fail(c, "expected value [%d] but got [%d]", expected, value);
    return err;
}

/* ---- Capabilities ------------------------------------------------------------------------------------------------ */

/* The three sets of a thread in two halves, as Linux has them. */
struct capabilities {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct half[2];
};

static long capabilities_change(int set, int capability, bool on) {
    struct capabilities caps = {.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
    if (syscall(SYS_capget, &caps.header, caps.half) < 0)
        return -1;
    struct __user_cap_data_struct *half = &caps.half[CAP_TO_INDEX(capability)];
    uint32_t *sets[] = {&half->effective, &half->permitted, &half->inheritable};
    if (on)
        *sets[set] |= CAP_TO_MASK(capability);
    else
        *sets[set] &= ~CAP_TO_MASK(capability);
    return syscall(SYS_capset, &caps.header, caps.half);
}

/* Of the thread that makes the calls. */
int call_cap_set(struct calling *c) {
    int64_t set, capability, on;
    int err = read_number(c, arg_where(c, 0), call_arg(c, 0), 0, 2, &set);
    if (!err)
        err = read_number(c, arg_where(c, 1), call_arg(c, 1), 0, CAP_LAST_CAP, &capability);
    if (!err)
        err = read_number(c, arg_where(c, 2), call_arg(c, 2), 0, 1, &on);
    if (err)
        return err;
    long result = capabilities_change((int)set, (int)capability, on);
    /* any result of a script that is not negative is success */
    return call_result(c, result == 0 && c->call->result > 0 ? c->call->result : result);
}
