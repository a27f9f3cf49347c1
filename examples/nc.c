/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A netcat over Multipath TCP, and the whole of what it takes to embed the stack:
 *
 *   a stack        umptcp_new(), with a configuration and a seed
 *   drivers        TUN interfaces, each possibly with a bad wire and a recorder around it
 *   a loop         that carries packets and time to the stack, and calls us with events and ready descriptors
 *   a socket       umptcp_connect(), or umptcp_listen() and umptcp_accept()
 *   bytes          from standard input into the connection's own buffer (umptcp_send_reserve, readv,
 * umptcp_send_commit), and from there to standard output (umptcp_recv_peek, writev, umptcp_recv_consume): no copy of
 * ours between
 *
 * Try it, as root, against the kernel in a network namespace:
 *
 *     ip mptcp limits set subflows 2
 *     mptcpize run nc -l -p 8000 &
 *     nc --tun tun0=10.0.1.2/24,kernel=10.0.1.1/24 --tun tun1=10.0.2.2/24,kernel=10.0.2.1/24 -v 10.0.1.1 8000
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/entropy.h"
#include "io/fault.h"
#include "io/loop.h"
#include "io/pcapng.h"
#include "io/tun.h"
#include "nc_options.h"
#include "sim/middlebox.h"

enum { READ_MAX = 1 << 18, TXQUEUELEN = 4000, NS_PER_MS = 1000000 };
#define LEAVE_MAX 5000000000u /* ns to see the last packets off */

struct nc {
    struct options options;
    struct umptcp *stack;
    struct loop *loop;
    struct pcapng_file *pcap;
    umptcp_sock listener, sock;
    struct umptcp_time started;
    int signals; /* a signalfd */
    int stdout_flags;
    bool stdin_file, stdout_file; /* always ready, and nothing for epoll */
    bool stdin_watched, stdout_watched;
    bool stdin_ended;
    bool closed; /* the connection is over; bytes that it received may still wait for standard output */
    bool done;
    int status;
};

/* Ends the program's work with a message. */
__attribute__((format(printf, 2, 3))) static void fail(struct nc *nc, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("nc: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    nc->done = true;
    nc->status = 1;
}

/* ---- What there is to say --------------------------------------------------------------------------------------- */

static const char *sockaddr_text(const struct umptcp_sockaddr *a, char *text, size_t size) {
    char addr[UMPTCP_ADDRSTRLEN];
    umptcp_addr_format(&a->addr, addr);
    snprintf(text, size, umptcp_addr_is_v4(&a->addr) ? "%s:%u" : "[%s]:%u", addr, a->port);
    return text;
}

static void print_subflow(const struct umptcp_subflow_info *f) {
    char local[64], remote[64];
    fprintf(stderr, "  subflow %" PRIu32 "  %s -> %s%s%s%s\n", f->id, sockaddr_text(&f->local, local, sizeof local),
            sockaddr_text(&f->remote, remote, sizeof remote), f->established ? "" : "  not established",
            f->backup ? "  backup" : "", f->stale ? "  stale" : "");
    fprintf(stderr,
            "    sent %" PRIu64 " acked %" PRIu64 " received %" PRIu64 " retransmitted %" PRIu64 "  timeouts %" PRIu32
            "\n    mss %u cwnd %" PRIu32 " in flight %" PRIu32 "  rtt %.3f ms (least %.3f) rto %.0f ms\n",
            f->bytes_sent, f->bytes_acked, f->bytes_received, f->bytes_retrans, f->rto_count, f->mss, f->cwnd,
            f->inflight, (double)f->srtt / NS_PER_MS, (double)f->min_rtt / NS_PER_MS, (double)f->rto / NS_PER_MS);
}

static void print_statistics(struct nc *nc) {
    struct umptcp_info info;
    if (umptcp_info(nc->stack, nc->sock, &info) < 0) {
        fprintf(stderr, "nc: no connection yet\n");
        return;
    }
    double seconds = (double)(loop_now(nc->loop).ns - nc->started.ns) / 1e9;
    fprintf(stderr, "%s%s  sent %" PRIu64 " acked %" PRIu64 " received %" PRIu64 " reinjected %" PRIu64 "  in %.3f s\n",
            info.is_mptcp   ? "MPTCP"
            : info.fallback ? "TCP (fallen back)"
                            : "TCP",
            info.csum_enabled ? " with checksums" : "", info.bytes_sent, info.bytes_acked, info.bytes_received,
            info.bytes_reinjected, seconds);
    struct umptcp_subflow_info flows[1 + UMPTCP_SUBFLOWS_MAX];
    int n = umptcp_subflows(nc->stack, nc->sock, flows, 1 + UMPTCP_SUBFLOWS_MAX);
    for (int i = 0; i < n && i < 1 + UMPTCP_SUBFLOWS_MAX; i++)
        print_subflow(&flows[i]);
}

static void print_event(const struct umptcp_event *ev) {
    static const char *const names[] = {
        [UMPTCP_EV_CONNECTED] = "connected",
        [UMPTCP_EV_ACCEPT] = "connection waits",
        [UMPTCP_EV_CLOSED] = "closed",
        [UMPTCP_EV_SUBFLOW_UP] = "subflow up",
        [UMPTCP_EV_SUBFLOW_DOWN] = "subflow down",
        [UMPTCP_EV_SUBFLOW_STALE] = "subflow stale",
        [UMPTCP_EV_SUBFLOW_ALIVE] = "subflow alive again",
        [UMPTCP_EV_SUBFLOW_PRIO] = "subflow priority changed by the peer",
        [UMPTCP_EV_ADDR_ANNOUNCED] = "address announced by the peer",
        [UMPTCP_EV_ADDR_REMOVED] = "address withdrawn by the peer",
        [UMPTCP_EV_FALLBACK] = "fall-back to TCP",
    };
    size_t type = ev->type;
    if (type >= sizeof names / sizeof *names || !names[type])
        return; /* readable, writable: too many to tell */
    char addr[64];
    fprintf(stderr, "nc: %s", names[type]);
    if (ev->subflow)
        fprintf(stderr, " %" PRIu32, ev->subflow);
    if (ev->type == UMPTCP_EV_ADDR_ANNOUNCED)
        fprintf(stderr, " %s", sockaddr_text(&ev->addr, addr, sizeof addr));
    if (ev->addr_id)
        fprintf(stderr, " id %u", ev->addr_id);
    if (ev->error)
        fprintf(stderr, ": %s", strerror(ev->error < 0 ? -ev->error : ev->error));
    if (ev->reason)
        fprintf(stderr, " (MP_TCPRST reason %u)", ev->reason);
    fputc('\n', stderr);
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

static int iovec_of(struct iovec iov[UMPTCP_SLICES_MAX], const struct umptcp_slice *slices, int n) {
    for (int i = 0; i < n; i++)
        iov[i] = (struct iovec){(void *)(uintptr_t)slices[i].base, slices[i].len};
    return n;
}

/* Starts and stops listening to a descriptor (a hung-up one would report for ever, so it has to leave the loop). */
static void watch(struct nc *nc, int fd, bool *watched, bool want, uint32_t events, loop_fd_fn fn) {
    if (want == *watched)
        return;
    int err = want ? loop_add_fd(nc->loop, fd, events, fn, nc) : loop_del_fd(nc->loop, fd);
    if (err)
        fail(nc, "descriptor %d: %s", fd, strerror(-err));
    *watched = want;
}

static void on_stdin(void *arg, struct loop *loop, int fd, uint32_t events);
static void on_stdout(void *arg, struct loop *loop, int fd, uint32_t events);
static void watch_stdin(struct nc *nc, bool want) {
    watch(nc, STDIN_FILENO, &nc->stdin_watched, want && !nc->stdin_file, EPOLLIN, on_stdin);
}
static void watch_stdout(struct nc *nc, bool want) {
    watch(nc, STDOUT_FILENO, &nc->stdout_watched, want && !nc->stdout_file, EPOLLOUT, on_stdout);
}

/* Reads standard input once, straight into the send buffer. Returns true when there may be more. */
static bool send_some(struct nc *nc) {
    struct umptcp_slice room[UMPTCP_SLICES_MAX];
    struct iovec iov[UMPTCP_SLICES_MAX];
    int n = umptcp_send_reserve(nc->stack, nc->sock, READ_MAX, room, UMPTCP_SLICES_MAX);
    if (n <= 0) { /* full: UMPTCP_EV_WRITABLE will tell; any other error is told by UMPTCP_EV_CLOSED */
        watch_stdin(nc, false);
        return false;
    }
    ssize_t got = readv(STDIN_FILENO, iov, iovec_of(iov, room, n));
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR)
            fail(nc, "standard input: %s", strerror(errno));
        return false;
    }
    if (got == 0) { /* our end of the stream; the other direction goes on */
        nc->stdin_ended = true;
        watch_stdin(nc, false);
        umptcp_shutdown(nc->stack, nc->sock, loop_now(nc->loop));
        return false;
    }
    umptcp_send_commit(nc->stack, nc->sock, (size_t)got, loop_now(nc->loop));
    return true;
}

/* Reads what there is room for. A pipe is asked once for each time it is ready, a file may be read on and on. */
static void on_stdin(void *arg, struct loop *loop, int fd, uint32_t events) {
    struct nc *nc = arg;
    (void)loop, (void)fd, (void)events;
    while (send_some(nc) && nc->stdin_file) {
    }
}

static void start_sending(struct nc *nc) {
    if (nc->stdin_ended)
        return;
    watch_stdin(nc, true);
    if (nc->stdin_file)
        on_stdin(nc, nc->loop, STDIN_FILENO, EPOLLIN);
}

/* Writes what was received, straight from the receive buffer, as far as standard output takes it. */
static void receive(struct nc *nc) {
    struct umptcp_slice bytes[UMPTCP_SLICES_MAX];
    struct iovec iov[UMPTCP_SLICES_MAX];
    int n;
    while ((n = umptcp_recv_peek(nc->stack, nc->sock, bytes, UMPTCP_SLICES_MAX)) > 0) {
        ssize_t put = writev(STDOUT_FILENO, iov, iovec_of(iov, bytes, n));
        if (put < 0 && errno == EAGAIN) {
            watch_stdout(nc, true);
            return;
        }
        if (put < 0 && errno != EINTR) {
            fail(nc, "standard output: %s", strerror(errno));
            return;
        }
        if (put > 0)
            umptcp_recv_consume(nc->stack, nc->sock, (size_t)put, loop_now(nc->loop));
    }
    watch_stdout(nc, false);
    nc->done |= nc->closed;
}

static void on_stdout(void *arg, struct loop *loop, int fd, uint32_t events) {
    (void)loop, (void)fd, (void)events;
    receive(arg);
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

static void start(struct nc *nc) {
    nc->started = loop_now(nc->loop);
    start_sending(nc);
    receive(nc);
}

static void on_event(void *arg, struct loop *loop, const struct umptcp_event *ev) {
    struct nc *nc = arg;
    (void)loop;
    if (nc->options.verbose)
        print_event(ev);
    if (nc->done)
        return;
    switch (ev->type) {
    case UMPTCP_EV_ACCEPT: /* one is enough; the listener stays, and others who connect are left waiting */
        if (!nc->sock.v && umptcp_accept(nc->stack, nc->listener, &nc->sock) == 0)
            start(nc);
        break;
    case UMPTCP_EV_CONNECTED:
        start(nc);
        break;
    case UMPTCP_EV_WRITABLE:
        start_sending(nc);
        break;
    case UMPTCP_EV_READABLE:
        receive(nc);
        break;
    case UMPTCP_EV_CLOSED:
        nc->closed = true;
        receive(nc);
        if (ev->error)
            fail(nc, "%s", strerror(ev->error < 0 ? -ev->error : ev->error));
        break;
    default:
        break;
    }
}

static void on_signal(void *arg, struct loop *loop, int fd, uint32_t events) {
    struct nc *nc = arg;
    (void)loop, (void)events;
    struct signalfd_siginfo si;
    if (read(fd, &si, sizeof si) != sizeof si)
        return;
    if (si.ssi_signo == SIGUSR1)
        print_statistics(nc);
    else
        fail(nc, "%s", strsignal((int)si.ssi_signo));
}

/* ---- Set-up ------------------------------------------------------------------------------------------------------ */

/* The kernel's end of an interface. What was not asked for may fail: root may have prepared the interface for us. */
static int configure_tun(struct nc *nc, struct driver *d, const struct tun_options *t) {
    struct tun_setup setup = {.mtu = t->mtu, .txqueuelen = TXQUEUELEN, .up = true};
    int err = tun_configure(d, &setup);
    if (err == -EPERM && !t->mtu)
        err = 0;
    for (int i = 0; i < t->nkernels && !err; i++) {
        setup = (struct tun_setup){.has_addr = true, .addr = t->kernels[i].addr, .prefix_len = t->kernels[i].len};
        err = tun_configure(d, &setup);
    }
    if (err)
        fail(nc, "%s: cannot be configured: %s", t->name, strerror(-err));
    return err;
}

/* The driver of an interface with what is to be around it. NULL: it failed. */
static struct driver *open_driver(struct nc *nc, const struct tun_options *t) {
    struct driver *d;
    int err = tun_open(t->name, &d);
    if (err) {
        fail(nc, "%s: %s", t->name, tun_error(err));
        return NULL;
    }
    if (configure_tun(nc, d, t)) {
        driver_close(d);
        return NULL;
    }
    if (t->has_fault)
        err = fault_wrap(d, nc->started.ns, &d);
    for (int dir = 0; dir < FAULT_DIRS && t->has_fault && !err; dir++)
        fault_set(d, (enum fault_dir)dir, &t->fault[dir], loop_now(nc->loop));
    char error[MIDDLEBOX_ERROR_MAX];
    if (t->middlebox && !err)
        err = middlebox_wrap(d, t->middlebox, nc->started.ns, &d, error);
    if (!err && nc->pcap)
        err = pcapng_wrap(nc->pcap, d, &d);
    if (!err)
        return d;
    fail(nc, "%s: %s", t->name, strerror(-err));
    driver_close(d);
    return NULL;
}

/* An interface with its addresses. The first with an address of a family is the default route of that family. */
static void add_interface(struct nc *nc, const struct tun_options *t, bool has_default[2]) {
    struct driver *d = open_driver(nc, t);
    int netif = d ? loop_add_driver(nc->loop, d) : 0;
    if (netif < 0) {
        fail(nc, "%s: %s", t->name, strerror(-netif));
        driver_close(d);
    }
    for (int i = 0; i < t->nours && !nc->done; i++) {
        bool v4 = umptcp_addr_is_v4(&t->ours[i].addr);
        struct umptcp_addr any = {{0}};
        umptcp_addr_parse(v4 ? "0.0.0.0" : "::", &any);
        int err = umptcp_addr_add(nc->stack, netif, &t->ours[i].addr, t->ours[i].len, loop_now(nc->loop));
        if (!err && !has_default[v4])
            err = umptcp_route_add(nc->stack, &any, 0, netif);
        has_default[v4] = true;
        if (err)
            fail(nc, "%s: address %d: %s", t->name, i + 1, strerror(-err));
    }
}

static void add_endpoints(struct nc *nc) {
    const struct options *o = &nc->options;
    uint8_t subflows, add_addrs;
    umptcp_limits_get(nc->stack, &subflows, &add_addrs);
    if (o->nendpoints > subflows)
        subflows = (uint8_t)o->nendpoints;
    if (o->has_limits)
        umptcp_limits_set(nc->stack, o->subflows, o->add_addrs);
    else
        umptcp_limits_set(nc->stack, subflows, add_addrs);
    for (int i = 0; i < o->nendpoints && !nc->done; i++) {
        int id = umptcp_endpoint_add(nc->stack, &o->endpoints[i], loop_now(nc->loop));
        if (id < 0)
            fail(nc, "endpoint %d: %s", i + 1, strerror(-id));
    }
}

/* Signals become a descriptor; standard output must not stop the stack, and files are not for epoll. */
static void prepare_descriptors(struct nc *nc) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    nc->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    int err = nc->signals < 0 ? -errno : loop_add_fd(nc->loop, nc->signals, EPOLLIN, on_signal, nc);
    if (err)
        fail(nc, "signals: %s", strerror(-err));

    nc->stdin_file = loop_add_fd(nc->loop, STDIN_FILENO, EPOLLIN, on_stdin, nc) == -EPERM;
    nc->stdout_file = loop_add_fd(nc->loop, STDOUT_FILENO, EPOLLOUT, on_stdout, nc) == -EPERM;
    loop_del_fd(nc->loop, STDIN_FILENO);
    loop_del_fd(nc->loop, STDOUT_FILENO);
    nc->stdout_flags = fcntl(STDOUT_FILENO, F_GETFL);
    fcntl(STDOUT_FILENO, F_SETFL, nc->stdout_flags | O_NONBLOCK);
}

/* The stack, its loop and its interfaces. */
static void set_up(struct nc *nc) {
    const struct options *o = &nc->options;
    struct umptcp_config cfg;
    umptcp_config_init(&cfg);
    cfg.mptcp_enabled = !o->no_mptcp;
    cfg.checksum_enabled = o->checksum;
    if (o->cookies)
        cfg.syncookies = 2;
    cfg.time_wait = 500 * NS_PER_MS; /* a program that ends cannot stay for a minute */
    int err = entropy_fill(cfg.seed, sizeof cfg.seed);
    nc->started = clock_now();
    nc->stack = err ? NULL : umptcp_new(&cfg, nc->started);
    if (!nc->stack) {
        fail(nc, "cannot make a stack");
        return;
    }
    struct loop_config loop_cfg = {.stack = nc->stack, .on_event = on_event, .arg = nc, .spin = o->spin};
    err = loop_new(&loop_cfg, &nc->loop);
    if (err) {
        fail(nc, "cannot make a loop: %s", strerror(-err));
        return;
    }
    struct pcapng_config pcap_cfg = {.path = o->pcap, .epoch_ns = clock_wall_offset()};
    if (o->pcap && (err = pcapng_open(&pcap_cfg, &nc->pcap)))
        fail(nc, "%s: %s", o->pcap, strerror(-err));
    prepare_descriptors(nc);
    bool has_default[2] = {false, false};
    for (int i = 0; i < o->ntuns && !nc->done; i++)
        add_interface(nc, &o->tuns[i], has_default);
    if (!nc->done && !o->no_mptcp)
        add_endpoints(nc);
}

static void open_socket(struct nc *nc) {
    const struct options *o = &nc->options;
    int err;
    if (o->listen) {
        struct umptcp_listen l = {.local = o->addr, .backlog = 1, .tcp_only = o->no_mptcp};
        err = umptcp_listen(nc->stack, &l, &nc->listener);
    } else {
        struct umptcp_connect c = {.remote = o->addr, .tcp_only = o->no_mptcp};
        err = umptcp_connect(nc->stack, &c, &nc->sock, loop_now(nc->loop));
    }
    char text[64];
    if (err)
        fail(nc, "%s: %s", sockaddr_text(&o->addr, text, sizeof text), strerror(-err));
    else if (o->verbose && o->listen)
        fprintf(stderr, "nc: listening on %s\n", sockaddr_text(&o->addr, text, sizeof text));
}

/* ---- The end ----------------------------------------------------------------------------------------------------- */

/* Gives the sockets up, and the last packets the time to go where they have to. */
static void leave(struct nc *nc) {
    if (nc->sock.v) {
        print_statistics(nc);
        if (nc->status)
            umptcp_abort(nc->stack, nc->sock, loop_now(nc->loop));
        else
            umptcp_close(nc->stack, nc->sock, loop_now(nc->loop));
    }
    watch_stdin(nc, false);
    watch_stdout(nc, false);
    if (nc->listener.v)
        umptcp_close(nc->stack, nc->listener, loop_now(nc->loop));
    struct umptcp_time start = loop_now(nc->loop);
    while (!umptcp_quiet(nc->stack) && loop_now(nc->loop).ns - start.ns < LEAVE_MAX)
        if (loop_run_once(nc->loop, 100 * NS_PER_MS) < 0)
            break;
    loop_run_once(nc->loop, 0); /* what an abort has still to say */
    fcntl(STDOUT_FILENO, F_SETFL, nc->stdout_flags);
}

static void tear_down(struct nc *nc) {
    loop_free(nc->loop);
    umptcp_free(nc->stack);
    int err = nc->pcap ? pcapng_close(nc->pcap) : 0;
    if (err)
        fail(nc, "%s: %s", nc->options.pcap, strerror(-err));
}

int main(int argc, char **argv) {
    static struct nc nc;
    if (!options_parse(&nc.options, argc, argv, &nc.status))
        return nc.status;
    nc.status = 0;
    set_up(&nc);
    if (!nc.done)
        open_socket(&nc);
    while (!nc.done) {
        int err = loop_run_once(nc.loop, UINT64_MAX);
        if (err)
            fail(&nc, "loop: %s", strerror(-err));
    }
    if (nc.loop)
        leave(&nc);
    tear_down(&nc);
    return nc.status;
}
