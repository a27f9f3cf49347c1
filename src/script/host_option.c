/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Socket options: one table of those whose value is a number, with Linux's values, bounds and units. Options of the
 * stack are kept here until there is a connection or a listener to have them; some options mean nothing in a host with
 * one interface and no other users, and are only remembered.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/time.h>

#include "script/host_internal.h"

#ifndef TCP_IS_MPTCP
#define TCP_IS_MPTCP 43
#endif

enum {
    BUFFER_MAX = 212992, /* net.core.rmem_max, wmem_max */
    RCVBUF_MIN = 2304,
    SNDBUF_MIN = 4608,
    MSS_UNKNOWN = 536,
    MSS_MIN = 88,
    FIN_TIMEOUT = 60,
    KEEP_MAX = 32767,
    PMTUDISC_MAX = 5,
    ECN_BITS = 3,
    STAMPS_MAX = (1 << 19) - 1, /* SOF_TIMESTAMPING_* */
};

enum option_class {
    SWITCH,   /* 0 or 1: anything else than 0 is 1 */
    NUMBER,   /* within bounds, else EINVAL */
    OF_STACK, /* a NUMBER times `unit`, of the stack */
    ON_STACK, /* a SWITCH of the stack */
    READ,     /* cannot be set */
};

struct option_row {
    int level, name;
    enum option_class class;
    int64_t min, max, initial, unit;
    enum umptcp_opt opt;
    int64_t (*get)(struct host *h, const struct sock *s); /* NULL: what was set. Negative: an errno */
    void (*set)(struct host *h, struct sock *s, int64_t v);
    int (*allow)(struct host *h, struct sock *s, int name, int64_t v); /* 0 or the errno; NULL: always */
};

/* ---- Values that are not just remembered ------------------------------------------------------------------------- */

static int64_t get_type(struct host *h, const struct sock *s) {
    (void)h;
    (void)s;
    return SOCK_STREAM;
}

static int64_t get_domain(struct host *h, const struct sock *s) {
    (void)h;
    return s->domain;
}

static int64_t get_protocol(struct host *h, const struct sock *s) {
    (void)h;
    return s->protocol;
}

static int64_t get_listening(struct host *h, const struct sock *s) {
    (void)h;
    return s->listening;
}

static int64_t get_one(struct host *h, const struct sock *s) {
    (void)h;
    (void)s;
    return 1;
}

static int64_t get_rcvlowat(struct host *h, const struct sock *s) {
    (void)h;
    return s->rcvlowat;
}

static void set_rcvlowat(struct host *h, struct sock *s, int64_t v) {
    (void)h;
    s->rcvlowat = v < 0 ? INT_MAX : v == 0 ? 1 : (int)v;
}

static void set_notsent_lowat(struct host *h, struct sock *s, int64_t v) {
    s->notsent_lowat = v ? (uint32_t)v : h->notsent_lowat;
}

/* Linux counts memory, of which the window is a half; the stack counts bytes of the window. */
static void set_rcvbuf(struct host *h, struct sock *s, int64_t v) {
    if (s->sock.v)
        umptcp_setopt(h->stack, s->sock, UMPTCP_OPT_RCVBUF, v < RCVBUF_MIN ? RCVBUF_MIN : v, h->now);
}

static int64_t get_rcvbuf(struct host *h, const struct sock *s) {
    int64_t v = h->config.rmem_default;
    if (sock_option(s, SOL_SOCKET, SO_RCVBUF))
        v = sock_option_value(s, SOL_SOCKET, SO_RCVBUF);
    else if (s->sock.v)
        umptcp_getopt(h->stack, s->sock, UMPTCP_OPT_RCVBUF, &v);
    return 2 * v > RCVBUF_MIN ? 2 * v : RCVBUF_MIN;
}

void sock_corked(struct host *h, struct sock *s) {
    int64_t v = (sock_option(s, IPPROTO_TCP, TCP_CORK) ? UMPTCP_CORK_HOLD : 0) | (s->more ? UMPTCP_CORK_MORE : 0);
    if (s->sock.v)
        umptcp_setopt(h->stack, s->sock, UMPTCP_OPT_CORK, v, h->now);
}

/* To take the cork out pushes all that there is. */
static void set_cork(struct host *h, struct sock *s, int64_t v) {
    s->more = s->more && v;
    sock_corked(h, s);
}

static int64_t sndbuf_of(int64_t v) { return 2 * v > SNDBUF_MIN ? 2 * v : SNDBUF_MIN; }

/* What Linux's last segment may be beyond the bound: the stack has room for it. */
enum { SNDBUF_BEYOND = 65536 };

uint32_t sock_sndbuf(const struct sock *s) {
    bool ours = !s->mptcp && sock_option(s, SOL_SOCKET, SO_SNDBUF);
    return ours ? (uint32_t)sndbuf_of(sock_option_value(s, SOL_SOCKET, SO_SNDBUF)) : 0;
}

static void set_sndbuf(struct host *h, struct sock *s, int64_t v) {
    if (s->sock.v)
        umptcp_setopt(h->stack, s->sock, UMPTCP_OPT_SNDBUF, sndbuf_of(v) + (s->mptcp ? 0 : SNDBUF_BEYOND), h->now);
}

static int64_t get_sndbuf(struct host *h, const struct sock *s) {
    int64_t v = h->config.wmem_default;
    if (sock_option(s, SOL_SOCKET, SO_SNDBUF))
        v = sndbuf_of(sock_option_value(s, SOL_SOCKET, SO_SNDBUF));
    else if (s->sock.v)
        umptcp_getopt(h->stack, s->sock, UMPTCP_OPT_SNDBUF, &v);
    return v;
}

static int64_t get_maxseg(struct host *h, const struct sock *s) {
    struct umptcp_subflow_info info;
    int64_t user = sock_option_value(s, IPPROTO_TCP, TCP_MAXSEG);
    enum umptcp_tcp_state state = sock_state(h, s);
    if (user && (state == UMPTCP_CLOSED || state == UMPTCP_LISTEN))
        return user;
    if (s->listening || !s->sock.v || umptcp_subflows(h->stack, s->sock, &info, 1) < 1)
        return MSS_UNKNOWN;
    return info.snd_mss;
}

/* An even number other than 0 is for what waits now only. */
static void set_quickack(struct host *h, struct sock *s, int64_t v) {
    if (!s->sock.v || s->listening)
        return;
    umptcp_setopt(h->stack, s->sock, UMPTCP_OPT_QUICKACK, v != 0, h->now);
    host_settle(h);
    if (v && !(v & 1))
        umptcp_setopt(h->stack, s->sock, UMPTCP_OPT_QUICKACK, 0, h->now);
}

/* Both options of a listener. */
static void set_fastopen(struct host *h, struct sock *s, int64_t v) {
    (void)v;
    if (!s->listening)
        return;
    umptcp_setopt(h->stack, s->sock, UMPTCP_OPT_FASTOPEN, sock_option_value(s, IPPROTO_TCP, TCP_FASTOPEN), h->now);
    umptcp_setopt(h->stack, s->sock, UMPTCP_OPT_FASTOPEN_NO_COOKIE, sock_option(s, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE),
                  h->now);
}

static int64_t get_is_mptcp(struct host *h, const struct sock *s) {
    struct umptcp_info info;
    return sock_info(h, s, &info) ? info.is_mptcp : s->mptcp;
}

/* Of the route that a connection has. */
static int64_t get_mtu(struct host *h, const struct sock *s) {
    return sock_state(h, s) == UMPTCP_CLOSED || s->listening ? -ENOTCONN : h->mtu;
}

static int allow_zerocopy(struct host *h, struct sock *s, int name, int64_t v) {
    (void)h;
    (void)name;
    (void)v;
    return s->mptcp ? EOPNOTSUPP : 0;
}

/* Bytes are numbered from the moment when that is asked for. */
static int allow_stamps(struct host *h, struct sock *s, int name, int64_t v) {
    const int64_t had = sock_option_value(s, SOL_SOCKET, name);
    const int64_t base = v & SOF_TIMESTAMPING_OPT_ID ? sock_stamps_base(h, s, v) : 0;
    if (v & SOF_TIMESTAMPING_OPT_ID && !(had & SOF_TIMESTAMPING_OPT_ID)) {
        if (base < 0)
            return (int)-base;
        s->stamps_base = (uint32_t)base;
    }
    return 0;
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

#define STACK(what) .class = OF_STACK, .opt = UMPTCP_OPT_##what
static const struct option_row table[] = {
    {SOL_SOCKET, SO_TYPE, .class = READ, .get = get_type},
    {SOL_SOCKET, SO_DOMAIN, .class = READ, .get = get_domain},
    {SOL_SOCKET, SO_PROTOCOL, .class = READ, .get = get_protocol},
    {SOL_SOCKET, SO_ACCEPTCONN, .class = READ, .get = get_listening},
    {SOL_SOCKET, SO_SNDLOWAT, .class = READ, .get = get_one},
    {SOL_SOCKET, SO_REUSEADDR, .class = SWITCH},
    {SOL_SOCKET, SO_REUSEPORT, .class = SWITCH},
    {SOL_SOCKET, SO_KEEPALIVE, .class = ON_STACK, .opt = UMPTCP_OPT_KEEPALIVE},
    {SOL_SOCKET, SO_OOBINLINE, .class = ON_STACK, .opt = UMPTCP_OPT_OOBINLINE},
    {SOL_SOCKET, SO_RCVBUF, .class = NUMBER, .min = INT_MIN, .max = INT_MAX, .get = get_rcvbuf, .set = set_rcvbuf},
    {SOL_SOCKET, SO_SNDBUF, .class = NUMBER, .min = INT_MIN, .max = INT_MAX, .get = get_sndbuf, .set = set_sndbuf},
    {SOL_SOCKET, SO_RCVLOWAT, .class = NUMBER, .min = INT_MIN, .max = INT_MAX, .get = get_rcvlowat,
     .set = set_rcvlowat},
    /* One interface, no other users, nothing but IP: only remembered */
    {SOL_SOCKET, SO_DEBUG, .class = SWITCH},
    {SOL_SOCKET, SO_DONTROUTE, .class = SWITCH},
    {SOL_SOCKET, SO_BROADCAST, .class = SWITCH},
    {SOL_SOCKET, SO_NO_CHECK, .class = SWITCH},
    {SOL_SOCKET, SO_PRIORITY, .class = NUMBER, .min = 0, .max = INT_MAX},
    {SOL_SOCKET, SO_MARK, .class = NUMBER, .min = INT_MIN, .max = INT_MAX},
    {SOL_SOCKET, SO_ZEROCOPY, .class = NUMBER, .min = 0, .max = 1, .allow = allow_zerocopy},
    {SOL_SOCKET, SO_TIMESTAMPING, .class = NUMBER, .min = 0, .max = STAMPS_MAX, .allow = allow_stamps},
    {SOL_SOCKET, SO_BUSY_POLL, .class = NUMBER, .min = 0, .max = INT_MAX},

    {IPPROTO_TCP, TCP_NODELAY, .class = ON_STACK, .opt = UMPTCP_OPT_NODELAY},
    {IPPROTO_TCP, TCP_CORK, .class = SWITCH, .set = set_cork},
    {IPPROTO_TCP, TCP_KEEPIDLE, .min = 1, .max = KEEP_MAX, .initial = 7200, .unit = SEC(1), STACK(KEEPIDLE)},
    {IPPROTO_TCP, TCP_KEEPINTVL, .min = 1, .max = KEEP_MAX, .initial = 75, .unit = SEC(1), STACK(KEEPINTVL)},
    {IPPROTO_TCP, TCP_KEEPCNT, .min = 1, .max = 127, .initial = 9, .unit = 1, STACK(KEEPCNT)},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, .min = 0, .max = INT_MAX, .unit = MSEC(1), STACK(USER_TIMEOUT)},
    {IPPROTO_TCP, TCP_SYNCNT, .min = 1, .max = 127, .initial = 6, .unit = 1, STACK(SYNCNT)},
    {IPPROTO_TCP, TCP_MAXSEG, .min = MSS_MIN, .max = KEEP_MAX, .unit = 1, STACK(MAXSEG), .get = get_maxseg},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, .min = 0, .max = INT_MAX, .unit = SEC(1), STACK(DEFER_ACCEPT)},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, .class = NUMBER, .min = INT_MIN, .max = INT_MAX, .set = set_notsent_lowat},
    {IPPROTO_TCP, TCP_INQ, .class = NUMBER, .min = 0, .max = 1},
    {IPPROTO_TCP, TCP_IS_MPTCP, .class = READ, .get = get_is_mptcp},
    {IPPROTO_TCP, TCP_FASTOPEN, .class = NUMBER, .min = 0, .max = INT_MAX, .allow = sock_fastopen_set,
     .set = set_fastopen},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, .class = NUMBER, .min = 0, .max = 1, .allow = sock_fastopen_set},
    {IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, .class = NUMBER, .min = 0, .max = 1, .allow = sock_fastopen_set,
     .set = set_fastopen},
    /* The stack goes its own way here: only remembered */
    {IPPROTO_TCP, TCP_LINGER2, .class = NUMBER, .min = -1, .max = KEEP_MAX, .initial = FIN_TIMEOUT},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, .class = NUMBER, .min = 0, .max = INT_MAX},
    {IPPROTO_TCP, TCP_QUICKACK, .class = NUMBER, .min = INT_MIN, .max = INT_MAX, .initial = 1, .set = set_quickack},
    {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, .class = NUMBER, .min = 0, .max = 1},
    {IPPROTO_TCP, TCP_THIN_DUPACK, .class = NUMBER, .min = 0, .max = 1},

    {IPPROTO_IP, IP_TOS, .min = 0, .max = 255, .unit = 1, STACK(TOS)},
    {IPPROTO_IP, IP_TTL, .min = 1, .max = 255, .initial = 64, .unit = 1, STACK(TTL)},
    {IPPROTO_IP, IP_MTU, .class = READ, .get = get_mtu},
    {IPPROTO_IP, IP_FREEBIND, .class = SWITCH},
    {IPPROTO_IP, IP_TRANSPARENT, .class = SWITCH},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, .class = SWITCH},
    {IPPROTO_IP, IP_RECVERR, .class = SWITCH},
    {IPPROTO_IP, IP_RECVTTL, .class = SWITCH},
    {IPPROTO_IP, IP_RECVTOS, .class = SWITCH},
    {IPPROTO_IP, IP_PKTINFO, .class = SWITCH},
    {IPPROTO_IP, IP_MTU_DISCOVER, .class = NUMBER, .min = 0, .max = PMTUDISC_MAX, .initial = IP_PMTUDISC_WANT},
    {IPPROTO_IPV6, IPV6_TCLASS, .min = 0, .max = 255, .unit = 1, STACK(TOS)},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, .min = 1, .max = 255, .initial = 64, .unit = 1, STACK(TTL)},
    {IPPROTO_IPV6, IPV6_MTU, .class = READ, .get = get_mtu},
    {IPPROTO_IPV6, IPV6_V6ONLY, .class = SWITCH},
    {IPPROTO_IPV6, IPV6_RECVERR, .class = SWITCH},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, .class = NUMBER, .min = 0, .max = PMTUDISC_MAX, .initial = IPV6_PMTUDISC_WANT},
};

enum { ROWS = sizeof table / sizeof *table };
_Static_assert(sizeof table / sizeof *table <= HOST_OPTIONS_MAX, "struct sock has room for all options");

static const struct option_row *row_of(const struct sock *s, int level, int name) {
    for (int i = 0; i < ROWS; i++)
        if (table[i].level == level && table[i].name == name)
            return level == IPPROTO_IPV6 && s->domain != AF_INET6 ? NULL : &table[i];
    return NULL;
}

int64_t sock_option_value(const struct sock *s, int level, int name) {
    const struct option_row *row = row_of(s, level, name);
    return row ? s->option[row - table] : 0;
}

static void set_initial(struct sock *s, int name, int64_t v) {
    const struct option_row *row = row_of(s, IPPROTO_TCP, name);
    s->option[row - table] = v;
}

bool sock_option(const struct sock *s, int level, int name) { return sock_option_value(s, level, name) != 0; }

void options_init(struct host *h, struct sock *s) {
    s->rcvtimeo = s->sndtimeo = UINT64_MAX;
    s->rcvlowat = 1;
    s->notsent_lowat = h->notsent_lowat;
    snprintf(s->congestion, sizeof s->congestion, "%s", h->config.congestion_control);
    for (int i = 0; i < ROWS; i++)
        s->option[i] = table[i].initial;
    set_initial(s, TCP_KEEPIDLE, (int64_t)(h->config.keepalive_time / SEC(1)));
    set_initial(s, TCP_KEEPINTVL, (int64_t)(h->config.keepalive_intvl / SEC(1)));
    set_initial(s, TCP_KEEPCNT, h->config.keepalive_probes);
    set_initial(s, TCP_SYNCNT, h->config.syn_retries);
    if (!s->mptcp) /* the stack keeps urgent data in line when nothing is said, Linux does not */
        s->option_set[row_of(s, SOL_SOCKET, SO_OOBINLINE) - table] = true;
}

/* To set TCP_NODELAY pushes what a cork holds back, though the cork stays. */
static void push_corked(struct host *h, struct sock *s) {
    if (!s->more && !sock_option(s, IPPROTO_TCP, TCP_CORK))
        return;
    umptcp_setopt(h->stack, s->sock, UMPTCP_OPT_CORK, 0, h->now);
    host_settle(h);
    s->more = false;
    sock_corked(h, s);
}

static void to_stack(struct host *h, struct sock *s, const struct option_row *row) {
    int64_t v = s->option[row - table];
    if (row->class == OF_STACK)
        umptcp_setopt(h->stack, s->sock, row->opt, v * row->unit, h->now);
    else if (row->class == ON_STACK)
        umptcp_setopt(h->stack, s->sock, row->opt, v, h->now);
    if (row->class == ON_STACK && row->opt == UMPTCP_OPT_NODELAY && v && !s->listening)
        push_corked(h, s);
    if (row->set)
        row->set(h, s, v);
}

void options_apply(struct host *h, struct sock *s) {
    for (int i = 0; i < ROWS; i++)
        if (s->option_set[i])
            to_stack(h, s, &table[i]);
    if (!s->listening)
        umptcp_set_congestion(h->stack, s->sock, s->congestion, h->now);
}

/* ---- Structures and texts ---------------------------------------------------------------------------------------- */

static int set_timeout(dur *timeout, const void *value, socklen_t len) {
    struct timeval tv;
    if (len < sizeof tv)
        return EINVAL;
    memcpy(&tv, value, sizeof tv);
    if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
        return EDOM;
    if (tv.tv_sec < 0)
        *timeout = 0;
    else if (tv.tv_sec == 0 && tv.tv_usec == 0)
        *timeout = UINT64_MAX;
    else
        *timeout = (uint64_t)tv.tv_sec < UINT32_MAX ? SEC(tv.tv_sec) + USEC(tv.tv_usec) : UINT64_MAX;
    return 0;
}

static struct timeval timeout_value(dur timeout) {
    struct timeval tv = {0};
    if (timeout != UINT64_MAX) {
        tv.tv_sec = (time_t)(timeout / SEC(1));
        tv.tv_usec = (suseconds_t)(timeout % SEC(1) / USEC(1));
    }
    return tv;
}

static int set_congestion(struct host *h, struct sock *s, const void *value, socklen_t len) {
    char name[CONGESTION_MAX] = {0};
    if (len < 1)
        return EINVAL;
    memcpy(name, value, len < sizeof name - 1 ? len : sizeof name - 1);
    if (strcmp(name, "reno") == 0) /* Linux's name of it */
        snprintf(name, sizeof name, "newreno");
    if (!host_has_congestion(h, name))
        return ENOENT;
    memcpy(s->congestion, name, sizeof name);
    if (s->sock.v && !s->listening)
        umptcp_set_congestion(h->stack, s->sock, name, h->now);
    return 0;
}

/* -1: there is no such structured option. Else 0 or the errno. */
static int set_structured(struct host *h, struct sock *s, int level, int name, const void *value, socklen_t len) {
    if (level == IPPROTO_TCP && name == TCP_CONGESTION)
        return set_congestion(h, s, value, len);
    if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY)
        return sock_fastopen_set_key(h, s, value, len);
    if (level != SOL_SOCKET)
        return -1;
    switch (name) {
    case SO_LINGER:
        if (len < sizeof s->linger)
            return EINVAL;
        memcpy(&s->linger, value, sizeof s->linger);
        s->linger.l_onoff = s->linger.l_onoff != 0;
        return 0;
    case SO_RCVTIMEO:
        return set_timeout(&s->rcvtimeo, value, len);
    case SO_SNDTIMEO:
        return set_timeout(&s->sndtimeo, value, len);
    case SO_BINDTODEVICE:
        return len && strncmp(value, "tun0", len < 5 ? len : 5) != 0 && ((const char *)value)[0] ? ENODEV : 0;
    default:
        return -1;
    }
}

/* Copies as much of a value as there is room for, as Linux does. */
static int give(void *value, socklen_t *len, const void *from, size_t size) {
    if ((size_t)*len > size)
        *len = (socklen_t)size;
    memcpy(value, from, *len);
    return 0;
}

static int get_structured(struct host *h, struct sock *s, int level, int name, void *value, socklen_t *len) {
    struct timeval tv;
    uint8_t room[512];
    if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
        char text[CONGESTION_MAX] = {0};
        snprintf(text, sizeof text, "%s", strcmp(s->congestion, "newreno") == 0 ? "reno" : s->congestion);
        return give(value, len, text, sizeof text);
    }
    if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY)
        return give(value, len, room, sock_fastopen_get_key(h, s, room));
    if (level == SOL_SOCKET && name == SO_LINGER)
        return give(value, len, &s->linger, sizeof s->linger);
    if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
        tv = timeout_value(name == SO_RCVTIMEO ? s->rcvtimeo : s->sndtimeo);
        return give(value, len, &tv, sizeof tv);
    }
    int size = info_get(h, s, level, name, room, sizeof room);
    return size < 0 ? fail(-size) : give(value, len, room, (size_t)size);
}

/* ---- The calls --------------------------------------------------------------------------------------------------- */

static bool number_of(const void *value, socklen_t len, int level, int64_t *v) {
    int n;
    uint8_t octet;
    if (len >= sizeof n) {
        memcpy(&n, value, sizeof n);
        *v = n;
        return true;
    }
    if (level != IPPROTO_IP || len < 1)
        return false;
    memcpy(&octet, value, 1);
    *v = octet;
    return true;
}

static int64_t bounded(const struct option_row *row, int64_t v) {
    if (row->class == SWITCH || row->class == ON_STACK)
        return v != 0;
    if (row->level == SOL_SOCKET && (row->name == SO_RCVBUF || row->name == SO_SNDBUF))
        return v < 0 || v > BUFFER_MAX ? BUFFER_MAX : v ? v : 1;
    if (row->level == IPPROTO_TCP && row->name == TCP_NOTSENT_LOWAT)
        return (uint32_t)v;
    if (v < row->min) /* of a TTL: as by default */
        return row->initial;
    if (row->class == OF_STACK && row->opt == UMPTCP_OPT_TOS)
        return v & ~ECN_BITS; /* those are TCP's */
    return v;
}

int host_setsockopt(void *ctx, int fd, int level, int name, const void *value, socklen_t len) {
    struct host *h = ctx;
    struct file *f;
    struct sock *s = sock_of(h, fd, &f);
    int64_t v;
    if (!s)
        return -1;
    if ((int)len < 0)
        return fail(EINVAL);
    if (!value && len)
        return fail(EFAULT);
    const struct option_row *row = row_of(s, level, name);
    if (!row) {
        int err = set_structured(h, s, level, name, value, len);
        return err ? fail(err < 0 ? ENOPROTOOPT : err) : 0;
    }
    if (row->class == READ)
        return fail(ENOPROTOOPT);
    if (!number_of(value, len, level, &v))
        return fail(EINVAL);
    bool as_default = v == -1 && row->class == OF_STACK && row->opt == UMPTCP_OPT_TTL;
    if ((row->class == NUMBER || row->class == OF_STACK) && (v < row->min || v > row->max) && !as_default)
        return fail(EINVAL);
    int forbidden = row->allow ? row->allow(h, s, name, v) : 0;
    if (forbidden)
        return fail(forbidden);
    s->option[row - table] = bounded(row, v);
    s->option_set[row - table] = true;
    if (s->sock.v || row->set)
        to_stack(h, s, row);
    host_settle(h);
    return 0;
}

int host_getsockopt(void *ctx, int fd, int level, int name, void *value, socklen_t *len) {
    struct host *h = ctx;
    struct file *f;
    struct sock *s = sock_of(h, fd, &f);
    if (!s)
        return -1;
    if (!value || !len)
        return fail(EFAULT);
    if ((int)*len < 0)
        return fail(EINVAL);
    const struct option_row *row = row_of(s, level, name);
    int64_t got = 0;
    int n;
    if (level == SOL_SOCKET && name == SO_ERROR)
        n = sock_take_error(s);
    else if (!row)
        return get_structured(h, s, level, name, value, len);
    else if (row->get && (got = row->get(h, s)) < 0)
        return fail((int)-got);
    else
        n = (int)(row->get ? got : s->option[row - table]);
    return give(value, len, &n, sizeof n);
}
