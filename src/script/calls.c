/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of calls, the script's descriptors, and the comparison of results. */
#define _DEFAULT_SOURCE /* strerror_r() of POSIX */
#include "script/calls_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "script/symbols.h"

struct call_type {
    const char *name;
    uint32_t min, max; /* arguments */
    int (*run)(struct calling *c);
    size_t posix; /* offset of the function in struct posix; 0: none */
};

static int call_psp(struct calling *c) {
    return call_fail(c, "%s() cannot be run: PSP is not supported", c->call->name);
}

#define CALL(name, min, max)                                                                                           \
    { #name, min, max, call_##name, offsetof(struct posix, name) }

static const struct call_type call_types[] = {
    CALL(accept, 3, 3),
    CALL(bind, 3, 3),
    {"cap_set", 3, 3, call_cap_set, 0},
    CALL(close, 1, 1),
    CALL(connect, 3, 3),
    CALL(epoll_create, 1, 1),
    CALL(epoll_ctl, 4, 4),
    CALL(epoll_wait, 4, 4),
    CALL(fcntl, 2, 3),
    CALL(getsockopt, 5, 5),
    CALL(ioctl, 2, 3),
    CALL(listen, 2, 2),
    CALL(open, 2, 2),
    CALL(pipe, 1, 1),
    CALL(poll, 3, 3),
    {"psp_rx_assoc", 2, 2, call_psp, 0},
    {"psp_tx_assoc", 2, 2, call_psp, 0},
    CALL(read, 3, 3),
    CALL(readv, 3, 3),
    CALL(recv, 4, 4),
    CALL(recvfrom, 6, 6),
    CALL(recvmsg, 3, 3),
    CALL(send, 4, 4),
    CALL(sendfile, 4, 4),
    CALL(sendmsg, 3, 3),
    CALL(sendto, 6, 6),
    CALL(setsockopt, 5, 5),
    CALL(shutdown, 2, 2),
    CALL(socket, 3, 3),
    CALL(splice, 6, 6),
    CALL(write, 3, 3),
    CALL(writev, 3, 3),
};
#undef CALL

static const struct call_type *call_type(const char *name) {
    for (size_t i = 0; i < sizeof call_types / sizeof *call_types; i++)
        if (strcmp(call_types[i].name, name) == 0)
            return &call_types[i];
    return NULL;
}

bool call_known(const char *name, uint32_t *min, uint32_t *max) {
    const struct call_type *type = call_type(name);
    if (!type)
        return false;
    *min = type->min;
    *max = type->max;
    return true;
}

void call_sentence(struct calling *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(c->error, c->size, format, args);
    va_end(args);
}

/* ---- Descriptors ------------------------------------------------------------------------------------------------- */

struct call_fd *call_fd_find(struct calls *calls, int64_t script) {
    for (uint32_t i = 0; i < calls->nfds; i++)
        if (calls->fds[i].open && calls->fds[i].script == script)
            return &calls->fds[i];
    return NULL;
}

static uint32_t fds_free(const struct calls *calls) {
    uint32_t n = CALL_FDS_MAX - calls->nfds;
    for (uint32_t i = 0; i < calls->nfds; i++)
        n += !calls->fds[i].open;
    return n;
}

int call_fd_check(struct calling *c, const int64_t *script, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (script[i] == script[j])
                return call_fail(c, "descriptor %lld cannot be the name of two", (long long)script[i]);
    if (fds_free(c->calls) < n)
        return call_fail(c, "too many descriptors are open: at most %d can be", CALL_FDS_MAX);
    return 0;
}

void call_fd_add(struct calling *c, struct call_fd fd) {
    struct calls *calls = c->calls;
    uint32_t i = 0;
    struct call_fd *old = call_fd_find(calls, fd.script);
    if (old)
        old->script = CALL_FD_NAMELESS; /* it stays open */
    while (i < calls->nfds && calls->fds[i].open)
        i++;
    if (i == calls->nfds)
        calls->nfds++;
    fd.open = true;
    calls->fds[i] = fd;
}

int calls_live_fd(const struct calls *calls, int64_t script_fd) {
    for (uint32_t i = 0; i < calls->nfds; i++)
        if (calls->fds[i].open && calls->fds[i].script == script_fd)
            return calls->fds[i].live;
    return -1;
}

void calls_close_all(struct calls *calls, const struct posix *posix) {
    for (uint32_t i = 0; i < calls->nfds; i++)
        if (calls->fds[i].open) {
            posix->close(posix->ctx, calls->fds[i].live);
            calls->fds[i].open = false;
        }
    calls->nfds = 0;
}

/* ---- Results ----------------------------------------------------------------------------------------------------- */

/* "-1 with errno 11 (EAGAIN: Resource temporarily unavailable)"; `error` 0: only the number. */
static const char *result_text(struct calling *c, int64_t result, int error) {
    if (!error)
        return arena_printf(&c->arena, "%lld", (long long)result);
    char text[96];
    if (strerror_r(error, text, sizeof text))
        return arena_printf(&c->arena, "%lld with errno %d", (long long)result, error);
    return arena_printf(&c->arena, "%lld with errno %d (%s: %s)", (long long)result, error, errno_name(error), text);
}

static int call_mismatch(struct calling *c) {
    const struct call *call = c->call;
    return call_fail(c, "expected result %s but got %s",
                     result_text(c, call->result, call->errno_name ? call->errno_value : 0),
                     result_text(c, c->outcome->result, c->outcome->error));
}

int call_result(struct calling *c, int64_t result) {
    c->outcome->error = result < 0 ? errno : 0;
    c->outcome->result = result;
    if (result != c->call->result)
        return call_mismatch(c);
    if (result < 0 && c->call->errno_name && c->outcome->error != c->call->errno_value)
        return call_mismatch(c);
    return 0;
}

int call_fd_result(struct calling *c, struct call_fd fd) {
    if (fd.live < 0 && c->call->result < 0)
        return call_result(c, fd.live);
    c->outcome->error = fd.live < 0 ? errno : 0;
    c->outcome->result = fd.live;
    if (fd.live < 0)
        return call_fail(c, "expected a descriptor but got %s", result_text(c, fd.live, c->outcome->error));
    if (c->call->result < 0) {
        c->posix->close(c->posix->ctx, fd.live); /* nobody will */
        return call_mismatch(c);
    }
    fd.script = c->call->result;
    call_fd_add(c, fd);
    if (fd.socket)
        c->outcome->new_fd = fd.live;
    return 0;
}

/* ---- A call ------------------------------------------------------------------------------------------------------ */

static bool posix_has(const struct posix *posix, size_t offset) {
    void (*function)(void);
    memcpy(&function, (const char *)posix + offset, sizeof function);
    return function != NULL;
}

static int call_dispatch(struct calling *c) {
    const struct call_type *type = call_type(c->call->name);
    if (!type)
        return call_fail(c, "there is no call %s()", c->call->name);
    uint32_t n = expr_count(c->call->args);
    if (n < type->min || n > type->max) {
        if (type->min == type->max)
            return call_fail(c, "%s() takes %u argument%s, not %u", type->name, type->min, type->min == 1 ? "" : "s",
                             n);
        return call_fail(c, "%s() takes %u or %u arguments, not %u", type->name, type->min, type->max, n);
    }
    if (type->posix && !posix_has(c->posix, type->posix))
        return call_fail(c, "the stack under test has no %s()", type->name);
    return type->run(c);
}

int call_run(struct calls *calls, const struct call *call, const struct posix *posix, struct call_outcome *outcome,
             char *error, size_t size) {
    struct calling c = {.calls = calls, .call = call, .posix = posix, .outcome = outcome, .error = error, .size = size};
    *outcome = (struct call_outcome){.script_fd = -1, .live_fd = -1, .new_fd = -1};
    if (size)
        error[0] = 0;
    int err = call_dispatch(&c);
    arena_free(&c.arena);
    return err;
}
