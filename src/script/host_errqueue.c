/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The error queue of a socket: what became of bytes that were sent with MSG_ZEROCOPY, and when they left and arrived
 * (SO_TIMESTAMPING). The bytes of a zero-copy send are copied here, as Linux does for a device that cannot gather, and
 * the completions say so.
 */
#define _GNU_SOURCE
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

#include <linux/errqueue.h>

#include "script/host_internal.h"

#ifndef SO_EE_ORIGIN_ZEROCOPY
#define SO_EE_ORIGIN_ZEROCOPY 5
#endif
#ifndef SO_EE_CODE_ZEROCOPY_COPIED
#define SO_EE_CODE_ZEROCOPY_COPIED 1
#endif

enum {
    TX_WANTED = SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK,
    OPT_ID_TCP = 1 << 16,
};

/* ---- What waits to be read --------------------------------------------------------------------------------------- */

static struct err_note *append(struct host *h, struct sock *s, uint8_t origin) {
    struct err_note *n = calloc(1, sizeof *n), **at = &s->errors;
    while (*at)
        at = &(*at)->next;
    if (n)
        *n = (struct err_note){.origin = origin, .at = h->now};
    return *at = n;
}

static void wake(struct host *h, const struct sock *s) { sock_wake(h, s, EPOLLERR | EPOLLPRI); }

/* Completions of sends that follow each other are one range. */
static void zerocopy_done(struct host *h, struct sock *s, uint32_t id) {
    struct err_note *last = s->errors;
    while (last && last->next)
        last = last->next;
    if (!last || last->origin != SO_EE_ORIGIN_ZEROCOPY || last->data + 1 != id) {
        last = append(h, s, SO_EE_ORIGIN_ZEROCOPY);
        if (!last)
            return;
        last->info = id;
        last->code = SO_EE_CODE_ZEROCOPY_COPIED;
    }
    last->data = id;
    wake(h, s);
}

static void stamp(struct host *h, struct sock *s, const struct sent_note *sent, uint32_t what, utime at) {
    struct err_note *n = append(h, s, SO_EE_ORIGIN_TIMESTAMPING);
    if (!n)
        return;
    n->info = what;
    n->data = sent->stamps & SOF_TIMESTAMPING_OPT_ID ? sent->key : 0;
    n->at = at;
    n->timed = sent->stamps & SOF_TIMESTAMPING_SOFTWARE;
    n->cut = !(sent->stamps & SOF_TIMESTAMPING_OPT_TSONLY);
    wake(h, s);
}

/* ---- What was sent ----------------------------------------------------------------------------------------------- */

int64_t sock_stamps_base(struct host *h, const struct sock *s, int64_t flags) {
    struct umptcp_info info;
    if (!sock_info(h, s, &info))
        return -EINVAL;
    return (int64_t)((flags & OPT_ID_TCP ? info.write_seq : info.snd_una) & UINT32_MAX);
}

void sock_note_sent(struct host *h, struct sock *s, int flags) {
    const uint32_t stamps = (uint32_t)sock_option_value(s, SOL_SOCKET, SO_TIMESTAMPING);
    const bool zerocopy = flags & MSG_ZEROCOPY && sock_option(s, SOL_SOCKET, SO_ZEROCOPY);
    unsigned kinds = flags & MSG_EOR && !s->mptcp ? UMPTCP_MARK_RECORD : 0;
    struct sent_note *n = NULL, **at = &s->sent;
    struct umptcp_info info;
    if ((zerocopy || stamps & TX_WANTED) && sock_info(h, s, &info) && (n = calloc(1, sizeof *n))) {
        *n = (struct sent_note){.id = s->sent_next++, .stamps = stamps, .zerocopy = zerocopy};
        n->zerocopy_id = zerocopy ? s->zerocopy_next++ : 0;
        n->key = (uint32_t)info.write_seq - s->stamps_base - 1;
        kinds |= UMPTCP_MARK_ACKED | (stamps & TX_WANTED ? UMPTCP_MARK_SENT : 0u);
        while (*at)
            at = &(*at)->next;
        *at = n;
    }
    if (kinds)
        umptcp_mark(h->stack, s->sock, kinds, n ? n->id : 0, h->now);
}

static void sent_over(struct host *h, struct sock *s, struct sent_note **at) {
    struct sent_note *n = *at;
    if (n->zerocopy)
        zerocopy_done(h, s, n->zerocopy_id);
    *at = n->next;
    free(n);
}

void sock_notices(struct host *h, struct sock *s) {
    struct umptcp_notice notice;
    while (umptcp_notice(h->stack, s->sock, &notice)) {
        struct sent_note **at = &s->sent;
        while (*at && (*at)->id != notice.id)
            at = &(*at)->next;
        if (!*at)
            continue;
        const struct sent_note *n = *at;
        if (notice.kind == UMPTCP_MARK_SENT && n->stamps & SOF_TIMESTAMPING_TX_SCHED)
            stamp(h, s, n, SCM_TSTAMP_SCHED, notice.at);
        if (notice.kind == UMPTCP_MARK_SENT && n->stamps & SOF_TIMESTAMPING_TX_SOFTWARE)
            stamp(h, s, n, SCM_TSTAMP_SND, notice.at);
        if (notice.kind == UMPTCP_MARK_ACKED && n->stamps & SOF_TIMESTAMPING_TX_ACK)
            stamp(h, s, n, SCM_TSTAMP_ACK, notice.at);
        if (notice.kind == UMPTCP_MARK_ACKED)
            sent_over(h, s, at);
    }
}

void sock_sent_end(struct host *h, struct sock *s) {
    while (s->sent) /* the bytes are given back though nobody has them */
        sent_over(h, s, &s->sent);
}

void sock_errors_free(struct sock *s) {
    while (s->errors) {
        struct err_note *n = s->errors;
        s->errors = n->next;
        free(n);
    }
    while (s->sent) {
        struct sent_note *n = s->sent;
        s->sent = n->next;
        free(n);
    }
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* Appends a control message, or says that there was no room for it. */
static void put_control(struct msghdr *msg, size_t *used, size_t room, int level, int type, const void *data,
                        size_t len) {
    struct cmsghdr head = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    if (!msg->msg_control || room - *used < CMSG_SPACE(len)) {
        msg->msg_flags |= MSG_CTRUNC;
        return;
    }
    uint8_t *at = (uint8_t *)msg->msg_control + *used;
    memset(at, 0, CMSG_SPACE(len));
    memcpy(at, &head, sizeof head);
    memcpy(at + CMSG_LEN(0), data, len);
    *used += CMSG_SPACE(len);
}

ssize_t sock_read_error(struct sock *s, struct msghdr *msg) {
    struct err_note *n = s->errors;
    const size_t room = msg ? msg->msg_controllen : 0;
    size_t used = 0;
    if (!n)
        return fail(EAGAIN);
    s->errors = n->next;
    if (msg) {
        struct {
            struct sock_extended_err ee;
            struct sockaddr_in6 offender;
        } error = {.ee = {.ee_errno = n->origin == SO_EE_ORIGIN_TIMESTAMPING ? ENOMSG : 0,
                          .ee_origin = n->origin,
                          .ee_code = n->code,
                          .ee_info = n->info,
                          .ee_data = n->data}};
        const bool v6 = s->domain == AF_INET6;
        const size_t size = sizeof error.ee + (v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        const struct scm_timestamping times = {
            .ts[0] = {.tv_sec = (time_t)(n->at.ns / SEC(1)), .tv_nsec = (long)(n->at.ns % SEC(1))}};
        msg->msg_flags = MSG_ERRQUEUE | (n->cut ? MSG_TRUNC : 0);
        msg->msg_namelen = 0;
        if (n->timed)
            put_control(msg, &used, room, SOL_SOCKET, SCM_TIMESTAMPING, &times, sizeof times);
        put_control(msg, &used, room, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &error, size);
        msg->msg_controllen = used;
    }
    free(n);
    return 0;
}

int host_clock_gettime(void *ctx, int clock, struct timespec *now) {
    const struct host *h = ctx;
    (void)clock;
    *now = (struct timespec){.tv_sec = (time_t)(h->now.ns / SEC(1)), .tv_nsec = (long)(h->now.ns % SEC(1))};
    return 0;
}
