/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages in and out, and the client. RFC 9112, without chunks, continuation lines and reuse of connections. */
#define _GNU_SOURCE
#include "http.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CHUNK = 1 << 18 };

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

void http_out_init(struct http_out *out, int fd, uint64_t len) {
    *out = (struct http_out){.fd = fd, .len = len};
    sha256_init(&out->sha);
}

void http_in_init(struct http_in *in, int fd) {
    *in = (struct http_in){.fd = fd};
    sha256_init(&in->sha);
}

/* Fills free slices of the send buffer with the next bytes of the body. Returns their number or a negative errno. */
static ptrdiff_t fill(struct http_out *out, const struct umptcp_slice *slices, int n) {
    ptrdiff_t total = 0;
    for (int i = 0; i < n; i++) {
        uint8_t *to = (uint8_t *)(uintptr_t)slices[i].base;
        uint64_t left = out->len - out->sent - (uint64_t)total;
        size_t len = slices[i].len < left ? slices[i].len : (size_t)left;
        ssize_t got = (ssize_t)len;
        if (out->text)
            memcpy(to, out->text + out->sent + total, len);
        else
            got = pread(out->fd, to, len, (off_t)(out->sent + (uint64_t)total));
        if (got < 0)
            return -errno;
        if (got == 0 && len)
            return -EIO; /* the file shrank */
        sha256_update(&out->sha, (size_t)got, to);
        total += got;
    }
    return total;
}

int http_send(struct umptcp *s, umptcp_sock sock, struct http_out *out, struct umptcp_time now) {
    while (out->head_sent < out->head_len) {
        ptrdiff_t n = umptcp_send(s, sock, out->head + out->head_sent, out->head_len - out->head_sent, now);
        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        out->head_sent += (size_t)n;
    }
    while (out->sent < out->len) {
        struct umptcp_slice room[UMPTCP_SLICES_MAX];
        uint64_t left = out->len - out->sent;
        int n = umptcp_send_reserve(s, sock, left < CHUNK ? (size_t)left : CHUNK, room, UMPTCP_SLICES_MAX);
        if (n <= 0)
            return n == -EAGAIN ? 0 : n;
        ptrdiff_t len = fill(out, room, n);
        if (len < 0)
            return (int)len;
        int err = umptcp_send_commit(s, sock, (size_t)len, now);
        if (err)
            return err;
        out->sent += (uint64_t)len;
    }
    return 1;
}

int http_receive_head(struct umptcp *s, umptcp_sock sock, struct http_in *in, struct umptcp_time now) {
    while (!in->has_head) { /* byte by byte, so that the body stays where it is; a head is short */
        if (in->head_len == sizeof in->head - 1)
            return -EPROTO;
        ptrdiff_t n = umptcp_recv(s, sock, in->head + in->head_len, 1, now);
        if (n <= 0)
            return n == -EAGAIN ? 0 : n == 0 ? -ECONNRESET : (int)n;
        in->head[++in->head_len] = '\0';
        in->has_head = in->head_len >= 4 && memcmp(in->head + in->head_len - 4, "\r\n\r\n", 4) == 0;
    }
    char length[32];
    in->len = http_header(in->head, "Content-Length:", length, sizeof length) ? strtoull(length, NULL, 10) : 0;
    return 1;
}

/* Takes what lies in one slice of the receive buffer. Returns 0 or a negative errno. */
static int take(struct http_in *in, const void *bytes, size_t len) {
    sha256_update(&in->sha, len, bytes);
    if (in->fd < 0) {
        memcpy(in->text + in->received, bytes, len);
        in->text[in->received + len] = '\0';
    } else if (pwrite(in->fd, bytes, len, (off_t)in->received) != (ssize_t)len) {
        return -EIO;
    }
    in->received += len;
    return 0;
}

int http_receive_body(struct umptcp *s, umptcp_sock sock, struct http_in *in, struct umptcp_time now) {
    if (in->fd < 0 && in->len >= sizeof in->text)
        return -EPROTO;
    while (in->received < in->len) {
        struct umptcp_slice bytes[UMPTCP_SLICES_MAX];
        uint64_t before = in->received;
        int n = umptcp_recv_peek(s, sock, bytes, UMPTCP_SLICES_MAX);
        if (n <= 0)
            return n == -EAGAIN ? 0 : n == 0 ? -ECONNRESET : n;
        for (int i = 0; i < n; i++) {
            uint64_t left = in->len - in->received;
            int err = take(in, bytes[i].base, bytes[i].len < left ? bytes[i].len : (size_t)left);
            if (err)
                return err;
        }
        int err = umptcp_recv_consume(s, sock, (size_t)(in->received - before), now);
        if (err)
            return err;
    }
    return 1;
}

bool http_header(const char *head, const char *name, char *value, size_t size) {
    *value = '\0';
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) != 0)
            continue;
        const char *from = line + strlen(name);
        from += strspn(from, " \t");
        snprintf(value, size, "%.*s", (int)strcspn(from, "\r"), from);
        return true;
    }
    return false;
}

void http_sha_text(struct sha256_ctx *sha, char text[HTTP_SHA_MAX]) {
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(sha, sizeof digest, digest);
    for (int i = 0; i < SHA256_DIGEST_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

/* ---- Client ------------------------------------------------------------------------------------------------------ */

int http_start(struct http *h, struct umptcp *s, const struct http_request *r, struct umptcp_time now) {
    h->stack = s;
    h->state = HTTP_CONNECT;
    h->error = 0;
    bool put = strcmp(r->method, "PUT") == 0;
    http_out_init(&h->out, put ? r->fd : -1, put ? r->len : 0);
    http_in_init(&h->in, put ? -1 : r->fd);
    char host[UMPTCP_ADDRSTRLEN];
    int n =
        snprintf(h->out.head, sizeof h->out.head,
                 "%s %s HTTP/1.1\r\nHost: %s:%u\r\nContent-Length: %" PRIu64 "\r\nConnection: close\r\n\r\n", r->method,
                 r->path, umptcp_addr_format(&r->connect.remote.addr, host), r->connect.remote.port, h->out.len);
    h->out.head_len = (size_t)n;
    return umptcp_connect(s, &r->connect, &h->sock, now);
}

/* The head of the response is there: 2xx or not, and the server's hash. */
static int read_status(struct http *h) {
    http_header(h->in.head, "X-SHA256:", h->sha_peer, sizeof h->sha_peer);
    return strncmp(h->in.head, "HTTP/1.1 2", 10) == 0 ? 0 : -EREMOTEIO;
}

/* Goes on as far as it goes. Returns 1 when all is done, 0 for later, or a negative errno. */
static int advance(struct http *h, struct umptcp_time now) {
    int done = 1;
    while (done == 1) {
        switch (h->state) {
        case HTTP_SEND:
            done = http_send(h->stack, h->sock, &h->out, now);
            break;
        case HTTP_HEAD:
            done = http_receive_head(h->stack, h->sock, &h->in, now);
            if (done == 1 && read_status(h) < 0)
                return -EREMOTEIO;
            break;
        case HTTP_BODY:
            done = http_receive_body(h->stack, h->sock, &h->in, now);
            break;
        case HTTP_CONNECT:
            return 0;
        case HTTP_DONE:
        case HTTP_FAILED:
            return 1;
        }
        if (done == 1)
            h->state++; /* they stand in their order */
    }
    return done;
}

static void finish(struct http *h, int err, struct umptcp_time now) {
    h->state = err ? HTTP_FAILED : HTTP_DONE;
    h->error = err;
    if (err)
        umptcp_abort(h->stack, h->sock, now);
    else
        umptcp_close(h->stack, h->sock, now);
}

void http_event(struct http *h, const struct umptcp_event *ev, struct umptcp_time now) {
    if (h->state >= HTTP_DONE)
        return;
    if (ev->type == UMPTCP_EV_CONNECTED)
        h->state = HTTP_SEND;
    int done = advance(h, now);
    if (done == 0 && ev->type == UMPTCP_EV_CLOSED)
        done = ev->error ? -abs(ev->error) : -ECONNRESET;
    if (done)
        finish(h, done < 0 ? done : 0, now);
}
