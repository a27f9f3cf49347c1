/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine as a program that does what it is told, one line at a time: our side of the tests against the kernel. The
 * test has our packets in its own hands: each interface is a socket that it gave us (SOCK_SEQPACKET), one IP packet a
 * message.
 *
 *     engine [FIELD=VALUE]... NETIF...     fields of struct umptcp_config; NETIF is FD=ADDR/LEN[,ADDR/LEN]...
 *
 * Each line of standard input is a command (commands[] below) and is answered by one line on standard output: `ok`,
 * with a JSON value when there is something to tell, or `error ERRNO`. Events come between them as `event {...}`. Ends
 * with standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/entropy.h"
#include "umptcp.h"

enum { NETIFS_MAX = 4, SOCKS_MAX = 8, WORDS_MAX = 8, PACKET_MAX = 65535, LINE = 1 << 21, MTU = 1500 };

/* Connections and listeners are called by the order in which they were made: 1, 2, ... */
struct sock {
    umptcp_sock handle;
    char *unsent; /* malloc()ed */
    size_t unsent_len;
    char *received; /* malloc()ed */
    size_t received_len;
    bool stopped;    /* does not read */
    bool end_wanted; /* shut down when `unsent` is gone */
};

static struct engine {
    struct umptcp *stack;
    int fds[NETIFS_MAX]; /* by interface, from 0; its number is one more */
    int nnetifs;
    struct sock socks[SOCKS_MAX + 1];
    int nsocks;
} engine;

static struct umptcp_time now(void) { return clock_now(); }

static _Noreturn void die(const char *what) {
    fprintf(stderr, "engine: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- Answers ----------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* The answer to a call that returns 0 or more, or an error. */
static void answer(ptrdiff_t result) {
    if (result < 0)
        say("error %td", -result);
    else
        say("ok %td", result);
}

static const char *addr_text(const struct umptcp_sockaddr *a) {
    static char text[2][UMPTCP_ADDRSTRLEN];
    static int turn;
    return umptcp_addr_format(&a->addr, text[turn ^= 1]);
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

static void flush(struct sock *k) {
    size_t at = 0;
    while (at < k->unsent_len) {
        ptrdiff_t n = umptcp_send(engine.stack, k->handle, k->unsent + at, k->unsent_len - at, now());
        if (n <= 0)
            break; /* UMPTCP_EV_WRITABLE or UMPTCP_EV_CLOSED will tell */
        at += (size_t)n;
    }
    if (at)
        memmove(k->unsent, k->unsent + at, k->unsent_len -= at);
    if (!k->unsent_len && k->end_wanted) {
        k->end_wanted = false;
        umptcp_shutdown(engine.stack, k->handle, now());
    }
}

static void receive(struct sock *k) {
    static char buf[1 << 16];
    ptrdiff_t n;
    while (!k->stopped && (n = umptcp_recv(engine.stack, k->handle, buf, sizeof buf, now())) > 0) {
        k->received = realloc(k->received, k->received_len + (size_t)n);
        if (!k->received)
            die("memory");
        memcpy(k->received + k->received_len, buf, (size_t)n);
        k->received_len += (size_t)n;
    }
}

static int hex_digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static void add_unsent(struct sock *k, const char *hex) {
    size_t len = strlen(hex) / 2;
    k->unsent = realloc(k->unsent, k->unsent_len + len);
    if (!k->unsent)
        die("memory");
    for (size_t i = 0; i < len; i++)
        k->unsent[k->unsent_len + i] = (char)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    k->unsent_len += len;
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

static struct umptcp_addr addr_of(const char *text) {
    struct umptcp_addr a;
    if (umptcp_addr_parse(text, &a)) {
        fprintf(stderr, "engine: no address: %s\n", text);
        exit(2);
    }
    return a;
}

static long number_of(const char *text) {
    char *end;
    long n = strtol(text, &end, 0);
    if (end == text || *end) {
        fprintf(stderr, "engine: no number: %s\n", text);
        exit(2);
    }
    return n;
}

static struct sock *sock_of(const char *text) {
    long n = number_of(text);
    if (n < 1 || n > engine.nsocks) {
        fprintf(stderr, "engine: no socket: %s\n", text);
        exit(2);
    }
    return &engine.socks[n];
}

static int sock_new(umptcp_sock handle) {
    if (engine.nsocks == SOCKS_MAX) {
        fputs("engine: too many sockets\n", stderr);
        exit(2);
    }
    engine.socks[++engine.nsocks] = (struct sock){.handle = handle};
    return engine.nsocks;
}

static void do_listen(char **w) {
    struct umptcp_listen l = {.local = {.port = (uint16_t)number_of(w[1])}, .backlog = 4};
    umptcp_sock handle;
    int err = umptcp_listen(engine.stack, &l, &handle);
    answer(err ? err : sock_new(handle));
}

static void do_connect(char **w) {
    struct umptcp_connect c = {.remote = {addr_of(w[1]), (uint16_t)number_of(w[2])},
                               .local.port = (uint16_t)number_of(w[3])};
    umptcp_sock handle;
    int err = umptcp_connect(engine.stack, &c, &handle, now());
    answer(err ? err : sock_new(handle));
}

/* Fast Open: what is to be sent is there before the SYN leaves. */
static void do_connect_with(char **w) {
    struct umptcp_connect c = {.remote = {addr_of(w[1]), (uint16_t)number_of(w[2])}, .fastopen = true};
    umptcp_sock handle;
    int err = umptcp_connect(engine.stack, &c, &handle, now());
    if (err) {
        answer(err);
        return;
    }
    const int n = sock_new(handle);
    add_unsent(&engine.socks[n], w[3]);
    flush(&engine.socks[n]);
    answer(n);
}

static void do_accept(char **w) {
    umptcp_sock handle;
    int err = umptcp_accept(engine.stack, sock_of(w[1])->handle, &handle);
    answer(err ? err : sock_new(handle));
}

static void do_send(char **w) {
    struct sock *k = sock_of(w[1]);
    add_unsent(k, w[2]);
    flush(k);
    answer(0);
}

static void do_send_urgent(char **w) {
    const struct sock *k = sock_of(w[1]);
    ptrdiff_t n = 0;
    for (const char *hex = w[2]; hex[0] && n >= 0; hex += 2) { /* nothing leaves before all of it is there */
        const char octet = (char)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        n = umptcp_send_urgent(engine.stack, k->handle, &octet, 1, now());
    }
    answer(n);
}

static void do_urgent_apart(char **w) {
    answer(umptcp_setopt(engine.stack, sock_of(w[1])->handle, UMPTCP_OPT_OOBINLINE, 0, now()));
}

static void do_urgent(char **w) {
    uint8_t octet;
    int err = umptcp_recv_urgent(engine.stack, sock_of(w[1])->handle, &octet, false, now());
    answer(err == 1 ? octet : err);
}

static void do_received(char **w) {
    struct sock *k = sock_of(w[1]);
    receive(k);
    printf("ok \"");
    for (size_t i = 0; i < k->received_len; i++)
        printf("%02x", (unsigned char)k->received[i]);
    say("\"");
}

static void do_heard(char **w) {
    struct sock *k = sock_of(w[1]);
    receive(k);
    answer((ptrdiff_t)k->received_len);
}

static void do_reading(char **w) {
    struct sock *k = sock_of(w[1]);
    k->stopped = number_of(w[2]) == 0;
    receive(k);
    answer(0);
}

static void do_shutdown(char **w) {
    struct sock *k = sock_of(w[1]);
    k->end_wanted = true;
    flush(k);
    answer(0);
}

static void do_close(char **w) { answer(umptcp_close(engine.stack, sock_of(w[1])->handle, now())); }
static void do_abort(char **w) { answer(umptcp_abort(engine.stack, sock_of(w[1])->handle, now())); }

static void do_rcvbuf(char **w) {
    answer(umptcp_setopt(engine.stack, sock_of(w[1])->handle, UMPTCP_OPT_RCVBUF, number_of(w[2]), now()));
}

static void do_endpoint(char **w) {
    struct umptcp_endpoint ep = {.addr.addr = addr_of(w[1]),
                                 .flags = (uint32_t)number_of(w[2]),
                                 .id = (uint8_t)number_of(w[3]),
                                 .addr.port = (uint16_t)number_of(w[4])};
    answer(umptcp_endpoint_add(engine.stack, &ep, now()));
}

static void do_endpoint_del(char **w) { answer(umptcp_endpoint_del(engine.stack, (uint8_t)number_of(w[1]), now())); }

static void do_endpoint_backup(char **w) {
    answer(umptcp_endpoint_set_flags(engine.stack, (uint8_t)number_of(w[1]), number_of(w[2]) ? UMPTCP_EP_BACKUP : 0,
                                     now()));
}

static void do_limits(char **w) {
    answer(umptcp_limits_set(engine.stack, (uint8_t)number_of(w[1]), (uint8_t)number_of(w[2])));
}

static void do_backup(char **w) {
    answer(umptcp_subflow_set_backup(engine.stack, sock_of(w[1])->handle, (uint32_t)number_of(w[2]),
                                     number_of(w[3]) != 0, now()));
}

/* ---- Paths managed from outside ---------------------------------------------------------------------------------- */

static uint32_t token_of(const char *number) {
    struct umptcp_info i = {0};
    (void)umptcp_info(engine.stack, sock_of(number)->handle, &i);
    return i.token_local;
}

static struct umptcp_endpoint end_of(const char *addr, const char *port, const char *id, uint32_t flags) {
    return (struct umptcp_endpoint){
        .addr = {addr_of(addr), (uint16_t)number_of(port)}, .id = (uint8_t)number_of(id), .flags = flags};
}

static void do_pm_listen(char **w) {
    umptcp_pm_listen(engine.stack, number_of(w[1]) != 0);
    answer(0);
}

static void do_pm_announce(char **w) {
    const struct umptcp_endpoint ep = end_of(w[2], w[3], w[4], UMPTCP_EP_SIGNAL);
    answer(umptcp_pm_announce(engine.stack, token_of(w[1]), &ep, now()));
}

static void do_pm_remove(char **w) {
    answer(umptcp_pm_remove(engine.stack, token_of(w[1]), (uint8_t)number_of(w[2]), now()));
}

static void do_pm_create(char **w) {
    const struct umptcp_endpoint from = end_of(w[2], "0", w[3], 0), to = end_of(w[4], w[5], w[6], 0);
    answer(umptcp_pm_create(engine.stack, token_of(w[1]), &from, &to, now()));
}

/* The ends of the subflow with that number. */
static struct umptcp_subflow_info subflow_of(const char *sock, const char *number) {
    struct umptcp_subflow_info f[1 + UMPTCP_SUBFLOWS_MAX];
    int n = umptcp_subflows(engine.stack, sock_of(sock)->handle, f, 1 + UMPTCP_SUBFLOWS_MAX);
    for (int i = 0; i < n && i < 1 + UMPTCP_SUBFLOWS_MAX; i++)
        if (f[i].id == (uint32_t)number_of(number))
            return f[i];
    return (struct umptcp_subflow_info){0};
}

static void do_pm_destroy(char **w) {
    const struct umptcp_subflow_info f = subflow_of(w[1], w[2]);
    answer(umptcp_pm_destroy(engine.stack, token_of(w[1]), &f.local, &f.remote, now()));
}

static void do_pm_backup(char **w) {
    const struct umptcp_subflow_info f = subflow_of(w[1], w[2]);
    answer(umptcp_pm_set_backup(engine.stack, token_of(w[1]), &f.local, &f.remote, number_of(w[3]) != 0, now()));
}

/* All that were told since the last time. */
static void do_pm_events(char **w) {
    (void)w;
    struct umptcp_pm_event ev;
    printf("ok [");
    for (int n = 0; umptcp_pm_event(engine.stack, &ev); n++)
        printf(
            "%s{\"type\": %d, \"local_id\": %u, \"remote_id\": %u, \"remote\": \"%s\", \"port\": %u, \"backup\": %d}",
            n ? ", " : "", (int)ev.type, ev.local_id, ev.remote_id, addr_text(&ev.remote), ev.remote.port, ev.backup);
    say("]");
}

static void do_netif(char **w) {
    answer(umptcp_netif_set_up(engine.stack, (int)number_of(w[1]), number_of(w[2]) != 0, now()));
}

static void do_info(char **w) {
    struct umptcp_info i;
    int err = umptcp_info(engine.stack, sock_of(w[1])->handle, &i);
    if (err) {
        answer(err);
        return;
    }
    say("ok {\"state\": %d, \"mptcp\": %d, \"fallback\": %d, \"csum\": %d, \"token_local\": %" PRIu32
        ", \"token_remote\": %" PRIu32 ", \"bytes_sent\": %" PRIu64 ", \"bytes_acked\": %" PRIu64
        ", \"bytes_received\": %" PRIu64 ", \"bytes_reinjected\": %" PRIu64 ", \"subflows\": %" PRIu32
        ", \"rcv_wnd\": %" PRIu32 ", \"write_seq\": %" PRIu64 ", \"rcv_nxt\": %" PRIu64 "}",
        i.state, i.is_mptcp, i.fallback, i.csum_enabled, i.token_local, i.token_remote, i.bytes_sent, i.bytes_acked,
        i.bytes_received, i.bytes_reinjected, i.subflows, i.rcv_wnd, i.write_seq, i.rcv_nxt);
}

static void do_subflows(char **w) {
    struct umptcp_subflow_info f[1 + UMPTCP_SUBFLOWS_MAX];
    int n = umptcp_subflows(engine.stack, sock_of(w[1])->handle, f, 1 + UMPTCP_SUBFLOWS_MAX);
    if (n < 0) {
        answer(n);
        return;
    }
    printf("ok [");
    for (int i = 0; i < n && i < 1 + UMPTCP_SUBFLOWS_MAX; i++)
        printf("%s{\"id\": %" PRIu32 ", \"state\": %d, \"netif\": %d, \"local\": \"%s\", \"local_port\": %u, "
               "\"remote\": \"%s\", \"remote_port\": %u, \"local_id\": %u, \"remote_id\": %u, \"backup\": %d, "
               "\"stale\": %d, \"established\": %d, \"bytes_sent\": %" PRIu64 "}",
               i ? ", " : "", f[i].id, f[i].state, f[i].netif, addr_text(&f[i].local), f[i].local.port,
               addr_text(&f[i].remote), f[i].remote.port, f[i].local_id, f[i].remote_id, f[i].backup, f[i].stale,
               f[i].established, f[i].bytes_sent);
    say("]");
}

static void do_counters(char **w) {
    (void)w;
    uint64_t value;
    const char *name;
    printf("ok {");
    for (unsigned i = 0; (name = umptcp_counter(engine.stack, i, &value)); i++)
        printf("%s\"%s\": %" PRIu64, i ? ", " : "", name, value);
    say("}");
}

static const struct command {
    const char *name;
    int words; /* behind the name */
    void (*run)(char **words);
} commands[] = {
    {"listen", 1, do_listen},                   /* PORT */
    {"connect", 3, do_connect},                 /* ADDR PORT LOCALPORT */
    {"connect_with", 3, do_connect_with},       /* ADDR PORT HEX: by Fast Open */
    {"accept", 1, do_accept},                   /* LISTENER */
    {"send", 2, do_send},                       /* SOCKET HEX: now, or when there is room */
    {"send_urgent", 2, do_send_urgent},         /* SOCKET HEX */
    {"urgent_apart", 1, do_urgent_apart},       /* SOCKET: the octet is not in the stream */
    {"urgent", 1, do_urgent},                   /* SOCKET: that octet */
    {"received", 1, do_received},               /* SOCKET: all that came, in hex */
    {"heard", 1, do_heard},                     /* SOCKET: how much that is */
    {"reading", 2, do_reading},                 /* SOCKET 0|1: from now on */
    {"shutdown", 1, do_shutdown},               /* SOCKET: behind what waits to be sent */
    {"close", 1, do_close},                     /* SOCKET */
    {"abort", 1, do_abort},                     /* SOCKET */
    {"rcvbuf", 2, do_rcvbuf},                   /* SOCKET BYTES */
    {"endpoint", 4, do_endpoint},               /* ADDR FLAGS ID PORT */
    {"endpoint_del", 1, do_endpoint_del},       /* ID */
    {"endpoint_backup", 2, do_endpoint_backup}, /* ID 0|1 */
    {"limits", 2, do_limits},                   /* SUBFLOWS ADD_ADDRS */
    {"backup", 3, do_backup},                   /* SOCKET SUBFLOW 0|1 */
    {"netif", 2, do_netif},                     /* NUMBER 0|1: down, up */
    {"pm_listen", 1, do_pm_listen},             /* 0|1 */
    {"pm_announce", 4, do_pm_announce},         /* SOCKET ADDR PORT ID */
    {"pm_remove", 2, do_pm_remove},             /* SOCKET ID */
    {"pm_create", 6, do_pm_create},             /* SOCKET FROM ID TO PORT ID */
    {"pm_destroy", 2, do_pm_destroy},           /* SOCKET SUBFLOW */
    {"pm_backup", 3, do_pm_backup},             /* SOCKET SUBFLOW 0|1 */
    {"pm_events", 0, do_pm_events},
    {"info", 1, do_info},         /* SOCKET */
    {"subflows", 1, do_subflows}, /* SOCKET */
    {"counters", 0, do_counters},
};

static void command(char *line) {
    char *words[WORDS_MAX + 1] = {0}, *rest = line;
    int n = 0;
    for (char *word; n < WORDS_MAX && (word = strsep(&rest, " "));)
        if (*word)
            words[n++] = word;
    for (size_t i = 0; n && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(words[0], commands[i].name) == 0 && n == 1 + commands[i].words) {
            commands[i].run(words);
            return;
        }
    fprintf(stderr, "engine: no such command: %s\n", n ? words[0] : "");
    exit(2);
}

/* Runs the commands that came, as far as they are whole lines. Returns false at the end of standard input. */
static bool read_commands(void) {
    static char buf[LINE];
    static size_t len;
    ssize_t n = read(STDIN_FILENO, buf + len, sizeof buf - len);
    if (n <= 0)
        return false;
    len += (size_t)n;
    for (char *end; (end = memchr(buf, '\n', len));) {
        size_t line = (size_t)(end - buf) + 1;
        *end = '\0';
        command(buf);
        memmove(buf, buf + line, len -= line);
    }
    return true;
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

static int sock_number(umptcp_sock handle) {
    int n = engine.nsocks;
    while (n && engine.socks[n].handle.v != handle.v)
        n--;
    return n;
}

static void on_event(const struct umptcp_event *ev) {
    static const char *const names[] = {
        [UMPTCP_EV_CONNECTED] = "connected",
        [UMPTCP_EV_ACCEPT] = "accept",
        [UMPTCP_EV_CLOSED] = "closed",
        [UMPTCP_EV_SUBFLOW_UP] = "subflow-up",
        [UMPTCP_EV_SUBFLOW_DOWN] = "subflow-down",
        [UMPTCP_EV_SUBFLOW_STALE] = "stale",
        [UMPTCP_EV_SUBFLOW_ALIVE] = "alive",
        [UMPTCP_EV_SUBFLOW_PRIO] = "priority",
        [UMPTCP_EV_ADDR_ANNOUNCED] = "announced",
        [UMPTCP_EV_ADDR_REMOVED] = "removed",
        [UMPTCP_EV_FALLBACK] = "fallback",
        [UMPTCP_EV_URGENT] = "urgent",
    };
    int n = sock_number(ev->sock);
    size_t type = ev->type;
    if (n && ev->type == UMPTCP_EV_READABLE)
        receive(&engine.socks[n]);
    if (n && (ev->type == UMPTCP_EV_WRITABLE || ev->type == UMPTCP_EV_CONNECTED))
        flush(&engine.socks[n]);
    if (type < sizeof names / sizeof *names && names[type])
        say("event {\"what\": \"%s\", \"sock\": %d, \"error\": %d, \"subflow\": %" PRIu32
            ", \"reason\": %u, \"id\": %u, \"addr\": \"%s\", \"port\": %u}",
            names[type], n, ev->error, ev->subflow, ev->reason, ev->addr_id, addr_text(&ev->addr), ev->addr.port);
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static void input(int netif) {
    static uint8_t buf[PACKET_MAX];
    ssize_t n;
    while ((n = recv(engine.fds[netif], buf, sizeof buf, MSG_DONTWAIT)) > 0) {
        struct umptcp_packet pkt = {.data = buf, .len = (uint32_t)n};
        umptcp_input(engine.stack, netif + 1, &pkt, now());
    }
    if (n == 0)
        exit(0); /* the test has ended */
}

static void output(void) {
    struct umptcp_out out;
    while (umptcp_output(engine.stack, &out, now())) {
        struct iovec iov[UMPTCP_SLICES_MAX];
        for (uint32_t i = 0; i < out.nslices; i++)
            iov[i] = (struct iovec){(void *)(uintptr_t)out.slices[i].base, out.slices[i].len};
        struct msghdr m = {.msg_iov = iov, .msg_iovlen = out.nslices};
        if (sendmsg(engine.fds[out.netif - 1], &m, MSG_NOSIGNAL) < 0 && errno != ENOBUFS)
            die("a packet");
    }
}

/* ---- Set-up ------------------------------------------------------------------------------------------------------ */

static const struct field {
    const char *name;
    size_t at, size;
} fields[] = {
#define X(f) {#f, offsetof(struct umptcp_config, f), sizeof(((struct umptcp_config *)0)->f)},
    X(mptcp_enabled) X(checksum_enabled) X(allow_join_initial_addr_port) X(syn_retrans_before_tcp_fallback)
        X(stale_loss_cnt) X(add_addr_timeout) X(close_timeout) X(rejoin) X(probe_interval) X(timestamps) X(sack)
            X(time_wait) X(ecn) X(syn_retries) X(fastopen) X(rmem_default) X(rmem_max) X(wmem_default) X(wmem_max)
#undef X
};

static void configure(struct umptcp_config *cfg, const char *name, const char *value) {
    unsigned long long v = strtoull(value, NULL, 0);
    if (strcmp(name, "path_manager") == 0) {
        cfg->path_manager = value;
        return;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char *field = (char *)cfg + fields[i].at;
        if (strcmp(name, fields[i].name) != 0)
            continue;
        if (fields[i].size == 1)
            *(uint8_t *)field = (uint8_t)v;
        else if (fields[i].size == 4)
            memcpy(field, &(uint32_t){(uint32_t)v}, 4);
        else
            memcpy(field, &(uint64_t){v}, 8);
        return;
    }
    fprintf(stderr, "engine: no such field: %s\n", name);
    exit(2);
}

/* `text`: ADDR/LEN,... of the interface behind a descriptor. The first interface has the default routes. */
static void add_netif(int fd, char *text) {
    struct umptcp_netif_config cfg = {.name = "wire", .mtu = MTU};
    int netif = umptcp_netif_add(engine.stack, &cfg);
    engine.fds[engine.nnetifs++] = fd;
    for (char *word; (word = strsep(&text, ","));) {
        char *len = strchr(word, '/');
        *len++ = '\0';
        struct umptcp_addr a = addr_of(word), any = addr_of(umptcp_addr_is_v4(&a) ? "0.0.0.0" : "::");
        if (umptcp_addr_add(engine.stack, netif, &a, (uint8_t)number_of(len), now()) ||
            (netif == 1 && umptcp_route_add(engine.stack, &any, 0, netif))) {
            fprintf(stderr, "engine: cannot have %s\n", word);
            exit(2);
        }
    }
}

static void set_up(int argc, char **argv) {
    struct umptcp_config cfg;
    umptcp_config_init(&cfg);
    if (entropy_fill(cfg.seed, sizeof cfg.seed))
        die("entropy");
    int i = 1;
    for (; i < argc && (argv[i][0] < '0' || argv[i][0] > '9'); i++) {
        char *value = strchr(argv[i], '=');
        *value++ = '\0';
        configure(&cfg, argv[i], value);
    }
    engine.stack = umptcp_new(&cfg, now());
    if (!engine.stack)
        die("a stack");
    for (; i < argc && engine.nnetifs < NETIFS_MAX; i++) {
        char *addresses = argv[i], *fd = strsep(&addresses, "=");
        add_netif((int)number_of(fd), addresses);
    }
}

/* Milliseconds until the stack has something to do; -1: it has not. */
static int patience(void) {
    struct umptcp_time next = umptcp_next(engine.stack), at = now();
    if (next.ns == UMPTCP_NEVER.ns)
        return -1;
    return next.ns <= at.ns ? 0 : (int)((next.ns - at.ns) / 1000000 + 1);
}

int main(int argc, char **argv) {
    set_up(argc, argv);
    for (;;) {
        struct umptcp_event ev;
        umptcp_tick(engine.stack, now());
        while (umptcp_event(engine.stack, &ev))
            on_event(&ev);
        output();
        const char *broken = umptcp_check(engine.stack);
        if (broken) {
            fprintf(stderr, "engine: %s\n", broken);
            return 1;
        }
        struct pollfd fds[NETIFS_MAX + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
        for (int i = 0; i < engine.nnetifs; i++)
            fds[i + 1] = (struct pollfd){.fd = engine.fds[i], .events = POLLIN};
        if (poll(fds, (nfds_t)engine.nnetifs + 1, patience()) < 0 && errno != EINTR)
            die("poll");
        for (int i = 0; i < engine.nnetifs; i++)
            if (fds[i + 1].revents)
                input(i);
        if (fds[0].revents && !read_commands())
            break;
    }
    for (int i = 1; i <= engine.nsocks; i++) {
        free(engine.socks[i].unsent);
        free(engine.socks[i].received);
    }
    umptcp_free(engine.stack);
    return 0;
}
