/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As much HTTP/1.1 as the demo needs, over the embedding API: messages of a head and a body with Content-Length, and a
 * client that makes one request per connection. Bodies go between files and the connection's own buffers without a
 * copy in between, and are hashed on the way; a header X-SHA256 tells the other side's hash.
 */
#ifndef DEMO_HTTP_H
#define DEMO_HTTP_H

#include <nettle/sha2.h>

#include "umptcp.h"

enum { HTTP_HEAD_MAX = 1024, HTTP_TEXT_MAX = 16384, HTTP_SHA_MAX = 2 * SHA256_DIGEST_SIZE + 1 };

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

struct http_out { /* a message on its way out */
    char head[HTTP_HEAD_MAX];
    size_t head_len, head_sent;
    const char *text; /* the body, or ... */
    int fd;           /* ... where it is read from; -1: there is none of this kind */
    uint64_t len, sent;
    struct sha256_ctx sha;
};

struct http_in { /* a message that comes in */
    char head[HTTP_HEAD_MAX];
    size_t head_len;
    bool has_head;
    int fd; /* where the body is written to; -1: to `text` */
    char text[HTTP_TEXT_MAX];
    uint64_t len, received;
    struct sha256_ctx sha;
};

/* Bodies come and go with `fd` (-1: none) and `len`; the head is filled in by the caller. */
void http_out_init(struct http_out *out, int fd, uint64_t len);
void http_in_init(struct http_in *in, int fd);

/* Each takes as much as goes now. Returns 1 when that part is complete, 0 when an event will tell to go on, or a
 * negative errno (-EPROTO: not HTTP as we know it; -ECONNRESET: it ended too early). */
int http_send(struct umptcp *s, umptcp_sock sock, struct http_out *out, struct umptcp_time now);
int http_receive_head(struct umptcp *s, umptcp_sock sock, struct http_in *in, struct umptcp_time now);
int http_receive_body(struct umptcp *s, umptcp_sock sock, struct http_in *in, struct umptcp_time now);

/* Copies the value of a header (name with colon) of a complete head; returns false, and "", when it is not there. */
bool http_header(const char *head, const char *name, char *value, size_t size);
/* Ends a hash, as text. */
void http_sha_text(struct sha256_ctx *sha, char text[HTTP_SHA_MAX]);

/* ---- Client ------------------------------------------------------------------------------------------------------ */

enum http_state { HTTP_CONNECT, HTTP_SEND, HTTP_HEAD, HTTP_BODY, HTTP_DONE, HTTP_FAILED };

struct http {
    struct umptcp *stack;
    umptcp_sock sock;
    enum http_state state;
    struct http_out out;
    struct http_in in;
    char sha_peer[HTTP_SHA_MAX]; /* from the response */
    int error;                   /* negative errno; -EREMOTEIO: the response's status is not 2xx */
};

struct http_request {
    const char *method, *path;
    struct umptcp_connect connect;
    int fd;       /* PUT: where the body is read from. GET: where it is written to; -1: to http.in.text */
    uint64_t len; /* PUT: of the body */
};

/* Starts a request. Returns 0, or a negative errno of umptcp_connect(). */
int http_start(struct http *h, struct umptcp *s, const struct http_request *r, struct umptcp_time now);
/* For every event of h->sock. The connection is closed when the state becomes HTTP_DONE or HTTP_FAILED. */
void http_event(struct http *h, const struct umptcp_event *ev, struct umptcp_time now);

#endif
