/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of calls.h: one call while it is made. Its function (call_*) reads all arguments before it calls the stack, so
 * that an ill-typed one does nothing, calls the stack once, and compares. Functions that can fail return 0, or -EINVAL
 * with the sentence written.
 *
 * `where` says in such a sentence what is meant: "argument 2", "argument 1, element 3, fd".
 */
#ifndef UMPTCP_SCRIPT_CALLS_PARTS_H
#define UMPTCP_SCRIPT_CALLS_PARTS_H

#include <errno.h>
#include <netinet/in.h>

#include "script/calls.h"

enum {
    IO_SIZE_MAX = 64 << 20, /* bytes of one buffer */
    OPTION_SIZE_MAX = 1 << 20,
    WAIT_EVENTS_MAX = 1 << 16,
};
#define CALL_FD_NAMELESS INT64_MIN /* script's name of a descriptor whose name another one got */

struct calling {
    struct calls *calls;
    const struct call *call;
    const struct posix *posix;
    struct call_outcome *outcome;
    struct arena arena; /* as long as the call */
    char *error;
    size_t size;
};

/* ---- calls.c ----------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) void call_sentence(struct calling *c, const char *format, ...);
/* Writes the sentence; -EINVAL. (A macro, so that static analysis knows.) */
#define call_fail(...) (call_sentence(__VA_ARGS__), -EINVAL)
/* Notes the result of a C function, with errno, and compares it. Nothing may come between the function and this. */
int call_result(struct calling *c, int64_t result);
/* The open descriptor of that name, or NULL. */
struct call_fd *call_fd_find(struct calls *calls, int64_t script);
/* Before a call that makes `n` descriptors: the script's names for them differ, and there is room. */
int call_fd_check(struct calling *c, const int64_t *script, uint32_t n);
/* Names a descriptor; call_fd_check() said that it can be. One that has the name already stays open without it: scripts
 * give names again, as the kernel gives numbers again, and nobody told them to close first. */
void call_fd_add(struct calling *c, struct call_fd fd);
/* The result of a call that makes one descriptor: as call_result(), but any number is right that is not negative. */
int call_fd_result(struct calling *c, struct call_fd fd);

/* ---- calls_args.c ------------------------------------------------------------------------------------------------ */

/* Argument `i` from 0, or NULL. */
const struct expr *call_arg(const struct calling *c, uint32_t i);
const char *arg_where(struct calling *c, uint32_t i);
/* "argument 2, element 1" */
const char *element_where(struct calling *c, const char *where, uint32_t i);
const char *field_where(struct calling *c, const char *where, const char *field);
/* "<where> must be <wanted>, not <found>" */
int call_wrong(struct calling *c, const char *where, const char *wanted, const struct expr *found);

static inline bool expr_is(const struct expr *e, enum expr_kind kind) { return e && e->kind == kind; }
/* The constant NULL, or 0. */
bool expr_is_null(const struct expr *e);
/* A number of any notation. */
bool expr_number(const struct expr *e, int64_t *value);
uint32_t expr_count(const struct expr *list);

int read_number(struct calling *c, const char *where, const struct expr *e, int64_t min, int64_t max, int64_t *value);
/* 32 bits, with or without a sign. */
int read_int(struct calling *c, const char *where, const struct expr *e, int *value);
/* A size of a buffer. */
int read_size(struct calling *c, const char *where, const struct expr *e, size_t *value);
/* A descriptor of the script's. */
int read_fd(struct calling *c, const char *where, const struct expr *e, struct call_fd **fd);
/* `...` or NULL: zeroed bytes. */
int read_buffer(struct calling *c, const char *where, const struct expr *e, size_t len, void **buf);
/* [{..., N}, ...] */
int read_iovec(struct calling *c, const char *where, const struct expr *e, struct iovec **iov, int *n);

struct field {
    const char *name;
    bool optional;
    const struct expr *value; /* NULL: not there */
    const struct expr *item;  /* the whole field */
};

/* { name=value, ... } in any order. */
int read_fields(struct calling *c, const char *where, const struct expr *e, struct field *fields, uint32_t n);
/* True when a structure's first field is of that name. */
bool struct_begins(const struct expr *e, const char *name);

int arg_int(struct calling *c, uint32_t i, int *value);
int arg_size(struct calling *c, uint32_t i, size_t *value);
/* The first argument is also what the outcome is about. */
int arg_fd(struct calling *c, uint32_t i, struct call_fd **fd);
/* Must be `...`. */
int arg_open(struct calling *c, uint32_t i);

/* A string in quotes, cut when it is long. */
const char *bytes_text(struct calling *c, const void *data, size_t len);
/* "POLLIN|POLLERR" from a table of names that ends with NULL; "0" for none. */
const char *mask_text(struct calling *c, uint32_t mask, const char *const *names);

/* ---- calls_socket.c ---------------------------------------------------------------------------------------------- */

struct address {
    struct sockaddr_storage sa;
    socklen_t len;
    struct umptcp_sockaddr addr; /* the same, unless unspecified */
    bool unspecified;            /* AF_UNSPEC */
    bool none;                   /* NULL */
};

const struct sockaddr *address_sa(const struct address *a);
/* Whereto: `...`, a family, NULL, or { sa_family=.. }; `fd` says in which family. */
int read_remote(struct calling *c, const char *where, const struct expr *e, const struct call_fd *fd,
                struct address *a);
/* A send to `to` is about to begin, and is over. */
void call_send_begins(struct calling *c, const struct address *to, int flags);
void call_send_ends(struct calling *c);

int call_socket(struct calling *c);
int call_bind(struct calling *c);
int call_listen(struct calling *c);
int call_accept(struct calling *c);
int call_connect(struct calling *c);
int call_close(struct calling *c);
int call_shutdown(struct calling *c);

/* ---- calls_data.c ------------------------------------------------------------------------------------------------ */

int call_read(struct calling *c);
int call_readv(struct calling *c);
int call_recv(struct calling *c);
int call_recvfrom(struct calling *c);
int call_write(struct calling *c);
int call_writev(struct calling *c);
int call_send(struct calling *c);
int call_sendto(struct calling *c);
int call_open(struct calling *c);
int call_pipe(struct calling *c);
int call_splice(struct calling *c);
int call_sendfile(struct calling *c);

/* ---- calls_message.c, calls_control.c ---------------------------------------------------------------------------- */

int call_sendmsg(struct calling *c);
int call_recvmsg(struct calling *c);

struct control; /* a control message of the script's */

/* [CMSG, ...] */
int read_controls(struct calling *c, const char *where, const struct expr *e, struct control **controls, uint32_t *n);
/* As bytes to send. */
int controls_build(struct calling *c, const struct control *controls, uint32_t n, void **data, size_t *len);
/* What came in `msg` against what was expected. */
int controls_compare(struct calling *c, const struct control *controls, uint32_t n, struct msghdr *msg);

/* ---- calls_option.c ---------------------------------------------------------------------------------------------- */

int call_getsockopt(struct calling *c);
int call_setsockopt(struct calling *c);
int call_fcntl(struct calling *c);
int call_ioctl(struct calling *c);
int call_cap_set(struct calling *c);

/* ---- calls_poll.c ------------------------------------------------------------------------------------------------ */

int call_poll(struct calling *c);
int call_epoll_create(struct calling *c);
int call_epoll_ctl(struct calling *c);
int call_epoll_wait(struct calling *c);

#endif
