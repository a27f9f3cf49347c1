/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A netcat over the kernel's own Multipath TCP: the other side of the tests and benchmarks against this machine's
 * kernel.
 *
 *     peer [OPTION]... ADDR PORT       connects
 *     peer -l [OPTION]... ADDR PORT    accepts one connection
 *
 * Carries standard input and output as examples/nc.c does. Options:
 *
 *     --tcp             a TCP socket
 *     --answer          standard input is sent when everything was received
 *     --abort BYTES     resets the connection (MP_FASTCLOSE) when so many bytes were received
 *     --send SECONDS    instead of standard input and output: sends, or receives, as fast as it can, prints the Gbit/s
 *     --receive SECONDS of so many seconds after a second's start, and resets the connection
 *
 * Says on standard error when it listens, when it is connected and in what protocol, and in which it ended.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
enum { IS_MPTCP = 43, CHUNK = 1 << 18 }; /* TCP_IS_MPTCP is newer than many headers */
#define WARM_UP 1.0
#define STUCK   10.0 /* seconds without a byte, in a measurement */

struct options {
    bool listen, tcp, answer;
    double abort_after;   /* bytes; -1: not */
    double send, receive; /* seconds; 0: not */
    const char *addr, *port;
};

static void say(const char *what, const char *detail) {
    fprintf(stderr, "peer: %s%s%s\n", what, *detail ? " " : "", detail);
}

static _Noreturn void die(const char *what) {
    say(what, strerror(errno));
    exit(1);
}

static double clock_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What the connection is now: MPTCP, or TCP from the start or after a fall-back. */
static const char *protocol(int fd) {
    int is_mptcp = 0;
    socklen_t len = sizeof is_mptcp;
    return getsockopt(fd, IPPROTO_TCP, IS_MPTCP, &is_mptcp, &len) == 0 && is_mptcp ? "mptcp" : "tcp";
}

/* A connected socket. */
static int open_connection(const struct options *o) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *ai;
    if (getaddrinfo(o->addr, o->port, &hints, &ai)) {
        say("not an address:", o->addr);
        exit(2);
    }
    int one = 1, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, o->tcp ? IPPROTO_TCP : IPPROTO_MPTCP);
    if (fd < 0)
        die("socket:");
    /* As ours; what the system prefers may be another, and cannot always be changed in a namespace. */
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", strlen("cubic")))
        die("cubic:");
    if (o->listen) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 1))
            die("listen:");
        say("listening", "");
        fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC); /* the listener stays: it lends its port to joins */
        if (fd < 0)
            die("accept:");
    } else if (connect(fd, ai->ai_addr, ai->ai_addrlen)) {
        die("connect:");
    }
    freeaddrinfo(ai);
    say("connected", protocol(fd));
    return fd;
}

static void reset(int fd) {
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

/* ---- Standard input and output ---------------------------------------------------------------------------------- */

struct relay {
    int fd;
    bool may_read; /* standard input */
    bool sent_all, received_all;
    size_t at, len; /* of `buf` still to be sent */
    long long received;
    char buf[CHUNK];
};

static void relay_send(struct relay *r) {
    ssize_t n = send(r->fd, r->buf + r->at, r->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        die("send:");
    if (n > 0) {
        r->at += (size_t)n;
        r->len -= (size_t)n;
    }
}

static void relay_read(struct relay *r) {
    ssize_t n = read(STDIN_FILENO, r->buf, sizeof r->buf);
    if (n < 0)
        die("standard input:");
    r->at = 0;
    r->len = (size_t)n;
    if (n == 0) {
        r->sent_all = true;
        shutdown(r->fd, SHUT_WR);
    }
}

static void relay_receive(struct relay *r) {
    static char in[CHUNK];
    ssize_t n = recv(r->fd, in, sizeof in, MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        die("receive:");
    for (ssize_t at = 0, put; at < n; at += put)
        if ((put = write(STDOUT_FILENO, in + at, (size_t)(n - at))) < 0)
            die("standard output:");
    if (n > 0)
        r->received += n;
    if (n == 0) {
        r->received_all = r->may_read = true;
        close(STDOUT_FILENO); /* whoever reads there sees the end too */
    }
}

static void relay(int fd, const struct options *o) {
    static struct relay r;
    r.fd = fd;
    r.may_read = !o->answer;
    while (!r.sent_all || !r.received_all) {
        bool reads = r.may_read && !r.sent_all && r.len == 0;
        struct pollfd fds[2] = {
            {.fd = fd, .events = (short)((r.len ? POLLOUT : 0) | (r.received_all ? 0 : POLLIN))},
            {.fd = reads ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (!fds[0].events && reads)
            fds[0].fd = -1; /* hung up, and nothing to say about it */
        if (poll(fds, 2, -1) < 0)
            die("poll:");
        if (fds[1].revents)
            relay_read(&r);
        if (r.len)
            relay_send(&r);
        if (!r.received_all && fds[0].revents & ~POLLOUT)
            relay_receive(&r);
        if (o->abort_after >= 0 && (double)r.received >= o->abort_after) {
            reset(fd);
            say("aborted", "");
            return;
        }
    }
    say("ended", protocol(fd));
    close(fd);
}

/* ---- Measuring -------------------------------------------------------------------------------------------------- */

/* Bytes that passed so far: that were received, or sent and acknowledged. */
static long long passed(int fd, bool sends, long long bytes) {
    int queued = 0;
    if (sends && ioctl(fd, SIOCOUTQ, &queued))
        queued = 0;
    return bytes - queued;
}

static void measure(int fd, bool sends, double seconds) {
    static char buf[CHUNK];
    struct timeval stuck = {.tv_sec = (time_t)STUCK};
    setsockopt(fd, SOL_SOCKET, sends ? SO_SNDTIMEO : SO_RCVTIMEO, &stuck, sizeof stuck);
    long long bytes = 0, first = -1;
    double start = clock_seconds(), now, from = 0;
    do {
        ssize_t n = sends ? send(fd, buf, sizeof buf, MSG_NOSIGNAL) : recv(fd, buf, sizeof buf, 0);
        now = clock_seconds();
        if (n <= 0) {
            say(sends ? "send:" : "receive:", n ? strerror(errno) : "the end came too early");
            break;
        }
        bytes += n;
        if (first < 0 && now - start >= WARM_UP) {
            first = passed(fd, sends, bytes);
            from = now;
        }
    } while (first < 0 || now - from < seconds);
    if (first >= 0 && now > from)
        printf("%.3f\n", (double)(passed(fd, sends, bytes) - first) * 8 / 1e9 / (now - from));
    fflush(stdout);
    say("ended", protocol(fd));
    reset(fd);
}

/* ---- Options ---------------------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && *value >= 0;
}

static bool parse(struct options *o, int argc, char **argv) {
    static const struct option names[] = {
        {"listen", no_argument, NULL, 'l'},
        {"tcp", no_argument, NULL, 't'},
        {"answer", no_argument, NULL, 'a'},
        {"abort", required_argument, NULL, 'b'},
        {"send", required_argument, NULL, 's'},
        {"receive", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    *o = (struct options){.abort_after = -1};
    for (int c; (c = getopt_long(argc, argv, "l", names, NULL)) != -1;) {
        double *number = c == 'b' ? &o->abort_after : c == 's' ? &o->send : &o->receive;
        if (c == '?' || (optarg && !parse_number(optarg, number)))
            return false;
        o->listen |= c == 'l';
        o->tcp |= c == 't';
        o->answer |= c == 'a';
    }
    if (argc - optind != 2)
        return false;
    o->addr = argv[optind];
    o->port = argv[optind + 1];
    return true;
}

int main(int argc, char **argv) {
    struct options o;
    if (!parse(&o, argc, argv)) {
        say("usage:", "peer [-l] [OPTION]... ADDR PORT");
        return 2;
    }
    int fd = open_connection(&o);
    if (o.send > 0)
        measure(fd, true, o.send);
    else if (o.receive > 0)
        measure(fd, false, o.receive);
    else
        relay(fd, &o);
    return 0;
}
