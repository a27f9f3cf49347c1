/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP Fast Open as Linux's sockets have it: options, and the sends that open a connection. */
#define _GNU_SOURCE
#include <linux/tcp.h>
#include <netinet/in.h>

#include "script/host_internal.h"

enum { KEY = UMPTCP_FASTOPEN_KEY_LEN, TCP_OPTIONS = 40 };

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static bool is_idle(struct host *h, const struct sock *s, bool or_listens) {
    enum umptcp_tcp_state state = sock_state(h, s);
    return state == UMPTCP_CLOSED || (or_listens && state == UMPTCP_LISTEN);
}

int sock_fastopen_set(struct host *h, struct sock *s, int name, int64_t v) {
    (void)v;
    if (name == TCP_FASTOPEN_CONNECT && !(h->config.fastopen & UMPTCP_FASTOPEN_CLIENT))
        return EOPNOTSUPP;
    return is_idle(h, s, name != TCP_FASTOPEN_CONNECT) ? 0 : EINVAL;
}

int sock_fastopen_set_key(struct host *h, struct sock *s, const void *value, socklen_t len) {
    if (len != KEY && len != sizeof s->fastopen_key)
        return EINVAL;
    memcpy(s->fastopen_key, value, len);
    s->fastopen_keys = (int)(len / KEY);
    sock_fastopen_listen(h, s);
    return 0;
}

size_t sock_fastopen_get_key(struct host *h, const struct sock *s, uint8_t *to) {
    uint8_t keys[UMPTCP_FASTOPEN_KEYS][KEY];
    int n = s->fastopen_keys;
    if (n)
        memcpy(keys, s->fastopen_key, sizeof keys);
    else
        n = umptcp_fastopen_keys_get(h->stack, (umptcp_sock){0}, keys);
    memcpy(to, keys, (size_t)n * KEY);
    return (size_t)n * KEY;
}

void sock_fastopen_listen(struct host *h, const struct sock *s) {
    const uint8_t(*keys)[KEY] = (const uint8_t(*)[KEY])s->fastopen_key;
    if (s->listening && s->fastopen_keys)
        umptcp_fastopen_keys_set(h->stack, s->sock, keys, s->fastopen_keys);
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

uint32_t sock_fastopen_room(struct host *h, const struct sock *s, const struct umptcp_connect *way) {
    const uint32_t room = umptcp_fastopen_room(h->stack, way, h->now);
    const int64_t maxseg = sock_option_value(s, IPPROTO_TCP, TCP_MAXSEG);
    return maxseg && maxseg - TCP_OPTIONS < room ? (uint32_t)(maxseg - TCP_OPTIONS) : room;
}

bool sock_fastopen_defers(struct host *h, struct sock *s, const struct umptcp_sockaddr *remote) {
    const struct umptcp_connect way = sock_way(s, remote);
    if (!sock_option(s, IPPROTO_TCP, TCP_FASTOPEN_CONNECT) || !umptcp_fastopen_room(h->stack, &way, h->now))
        return false;
    s->phase = SOCK_CONNECTING;
    s->defer = true;
    s->defer_to = *remote;
    return true;
}

/* What stands in the way of MSG_FASTOPEN; 0 and the peer's address: nothing. */
static int obstacle(struct host *h, struct sock *s, const struct sending *send, struct umptcp_sockaddr *remote) {
    const bool unspec = send->to && send->to_len >= sizeof send->to->sa_family && send->to->sa_family == AF_UNSPEC;
    if (s->defer) {
        *remote = s->defer_to;
        return 0;
    }
    if (!(h->config.fastopen & UMPTCP_FASTOPEN_CLIENT) || unspec)
        return EOPNOTSUPP;
    if (s->phase == SOCK_CONNECTED || s->listening)
        return EISCONN;
    return sock_address(s, send->to, send->to_len, remote);
}

int sock_fastopen_send(struct host *h, struct sock *s, const struct sending *send, size_t *done) {
    struct umptcp_sockaddr remote;
    const bool again = h->job && h->job->connecting; /* this very call waits */
    if (again && s->phase == SOCK_CONNECTED)
        return 0;
    const bool begun = s->phase == SOCK_CONNECTING && !s->defer;
    int err = again || begun ? 0 : obstacle(h, s, send, &remote);
    if (!again && !begun && !err)
        err = sock_connect(h, s, &remote, send, done);
    if (err)
        return fail(err);
    if (h->job && send->wait)
        h->job->done = *done;
    return sock_connected(h, s, send->wait, begun && !again ? EALREADY : EINPROGRESS);
}
