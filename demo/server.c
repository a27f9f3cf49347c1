/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One exchange per connection: the request's head, its body, the response; then it waits for the client's end, so that
 * its account of the connection is complete.
 */
#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http.h"
#include "world.h"

enum { EXCHANGES_MAX = 8, ACCOUNT_MAX = 2048, METHOD_MAX = 8, NAME_MAX_LEN = 32 };

enum step { REQUEST_HEAD, REQUEST_BODY, RESPONSE, LAST_WORD, OVER };

struct exchange {
    umptcp_sock sock; /* zero: not in use */
    enum step step;
    char method[METHOD_MAX], name[NAME_MAX_LEN]; /* of the file */
    struct http_in in;
    struct http_out out;
    char text[HTTP_TEXT_MAX]; /* the account */
};

struct server {
    struct umptcp *stack;
    const char *dir;
    umptcp_sock listener;
    char account[ACCOUNT_MAX]; /* of the exchanges that are over */
    struct exchange exchanges[EXCHANGES_MAX];
};

int server_new(struct umptcp *s, const char *dir, struct server **v) {
    struct server *n = calloc(1, sizeof *n);
    if (!n)
        return -ENOMEM;
    n->stack = s;
    n->dir = dir;
    struct umptcp_listen l = {.local.port = SERVER_PORT, .backlog = EXCHANGES_MAX};
    int err = umptcp_listen(s, &l, &n->listener);
    if (err) {
        free(n);
        return err;
    }
    *v = n;
    return 0;
}

void server_free(struct server *v) { free(v); }

/* ---- Responses --------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void set_head(struct exchange *x, const char *status, const char *format,
                                                           ...) {
    int n = snprintf(x->out.head, sizeof x->out.head,
                     "HTTP/1.1 %s\r\nContent-Length: %" PRIu64 "\r\nConnection: close\r\n", status, x->out.len);
    va_list args;
    va_start(args, format);
    n += vsnprintf(x->out.head + n, sizeof x->out.head - (size_t)n, format, args);
    va_end(args);
    x->out.head_len = (size_t)n;
}

static void refuse(struct exchange *x, const char *status) {
    http_out_init(&x->out, -1, 0);
    set_head(x, status, "\r\n");
}

static int open_file(const struct server *v, const struct exchange *x, int flags) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", v->dir, x->name);
    return strchr(x->name, '/') ? -1 : open(path, flags | O_CLOEXEC, 0600);
}

/* The hash comes before the body, so the file is read twice. */
static void hash_file(int fd, char text[HTTP_SHA_MAX]) {
    static uint8_t block[1 << 16];
    struct sha256_ctx sha;
    sha256_init(&sha);
    ssize_t n;
    for (off_t at = 0; (n = pread(fd, block, sizeof block, at)) > 0; at += n)
        sha256_update(&sha, (size_t)n, block);
    http_sha_text(&sha, text);
}

static void respond_file(struct server *v, struct exchange *x) {
    struct stat st;
    char sha[HTTP_SHA_MAX];
    int fd = open_file(v, x, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        refuse(x, "404 Not Found");
        return;
    }
    hash_file(fd, sha);
    http_out_init(&x->out, fd, (uint64_t)st.st_size);
    set_head(x, "200 OK", "X-SHA256: %s\r\n\r\n", sha);
}

static void respond_account(struct server *v, struct exchange *x) {
    size_t len = (size_t)snprintf(x->text, sizeof x->text, "%s", v->account);
    const char *name;
    uint64_t value;
    for (unsigned i = 0; (name = umptcp_counter(v->stack, i, &value)) && len < sizeof x->text - 128; i++)
        if (strncmp(name, "MPTcpExt", 8) == 0)
            len += (size_t)snprintf(x->text + len, sizeof x->text - len, "%s %" PRIu64 "\n", name, value);
    http_out_init(&x->out, -1, len);
    x->out.text = x->text;
    set_head(x, "200 OK", "\r\n");
}

/* ---- Exchanges --------------------------------------------------------------------------------------------------- */

/* The request's head is there. What becomes of its body? */
static void start_body(struct server *v, struct exchange *x) {
    if (sscanf(x->in.head, "%7s /%31s ", x->method, x->name) != 2)
        x->method[0] = '\0';
    if (strcmp(x->method, "PUT") == 0)
        x->in.fd = open_file(v, x, O_WRONLY | O_CREAT | O_TRUNC);
}

static void start_response(struct server *v, struct exchange *x) {
    char sha[HTTP_SHA_MAX];
    if (strcmp(x->method, "PUT") == 0 && x->in.fd >= 0) {
        close(x->in.fd);
        http_sha_text(&x->in.sha, sha);
        http_out_init(&x->out, -1, 0);
        set_head(x, "201 Created", "X-SHA256: %s\r\n\r\n", sha);
    } else if (strcmp(x->method, "GET") == 0 && strcmp(x->name, "account") == 0) {
        respond_account(v, x);
    } else if (strcmp(x->method, "GET") == 0) {
        respond_file(v, x);
    } else {
        refuse(x, "400 Bad Request");
    }
}

/* The client has said all. Writes down what this exchange cost. */
static void finish(struct server *v, struct exchange *x, struct umptcp_time now) {
    struct umptcp_info info;
    size_t len = strlen(v->account);
    if (umptcp_info(v->stack, x->sock, &info) == 0)
        snprintf(v->account + len, sizeof v->account - len, "Reinjected.%s.%s %" PRIu64 "\n", x->method, x->name,
                 info.bytes_reinjected);
    if (x->out.fd >= 0)
        close(x->out.fd);
    umptcp_close(v->stack, x->sock, now);
    *x = (struct exchange){.step = OVER};
}

/* 1: the client's stream ended; 0: not yet. */
static int await_end(struct server *v, struct exchange *x, struct umptcp_time now) {
    uint8_t byte;
    ptrdiff_t n = umptcp_recv(v->stack, x->sock, &byte, 1, now);
    return n == -EAGAIN ? 0 : n < 0 ? (int)n : n == 0;
}

static int advance(struct server *v, struct exchange *x, struct umptcp_time now) {
    int done = 1;
    while (done == 1 && x->step != OVER) {
        switch (x->step) {
        case REQUEST_HEAD:
            if ((done = http_receive_head(v->stack, x->sock, &x->in, now)) == 1)
                start_body(v, x);
            break;
        case REQUEST_BODY:
            if ((done = http_receive_body(v->stack, x->sock, &x->in, now)) == 1)
                start_response(v, x);
            break;
        case RESPONSE:
            if ((done = http_send(v->stack, x->sock, &x->out, now)) == 1)
                umptcp_shutdown(v->stack, x->sock, now);
            break;
        case LAST_WORD:
            done = await_end(v, x, now);
            break;
        case OVER:
            break;
        }
        if (done == 1)
            x->step++; /* they stand in their order */
    }
    return done;
}

static void run(struct server *v, struct exchange *x, struct umptcp_time now) {
    int done = advance(v, x, now);
    if (done != 0)
        finish(v, x, now);
}

static void accept_all(struct server *v, struct umptcp_time now) {
    umptcp_sock sock;
    while (umptcp_accept(v->stack, v->listener, &sock) == 0) {
        struct exchange *x = NULL;
        for (int i = 0; i < EXCHANGES_MAX && !x; i++)
            if (!v->exchanges[i].sock.v)
                x = &v->exchanges[i];
        if (!x) {
            umptcp_abort(v->stack, sock, now);
            continue;
        }
        x->sock = sock;
        x->step = REQUEST_HEAD;
        http_in_init(&x->in, -1);
        http_out_init(&x->out, -1, 0);
        run(v, x, now);
    }
}

void server_event(struct server *v, const struct umptcp_event *ev, struct umptcp_time now) {
    if (ev->type == UMPTCP_EV_ACCEPT) {
        accept_all(v, now);
        return;
    }
    for (int i = 0; i < EXCHANGES_MAX; i++) {
        struct exchange *x = &v->exchanges[i];
        if (!x->sock.v || x->sock.v != ev->sock.v)
            continue;
        run(v, x, now);
        if (x->sock.v && ev->type == UMPTCP_EV_CLOSED)
            finish(v, x, now);
    }
}
