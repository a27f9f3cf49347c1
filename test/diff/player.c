/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of a program in time, the application's calls, and what the interface says in the end. */
#define _GNU_SOURCE
#include "player.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "script/host_internal.h"
#include "script/mpvalue.h"
#include "script/symbols.h"

enum { SOL_MPTCP_LEVEL = 284, MPTCP_INFO_NAME = 1, PROTOCOL_MPTCP = 262, MSEC_SETTLED = 250, READ_MAX = 4000 };
enum { PORT_STRIDE = 10000 };

/* What follows behind the last step. */
enum phase {
    PHASE_STEPS,
    PHASE_FLUSH,
    PHASE_ACKNOWLEDGE,
    PHASE_DRAIN,
    PHASE_ACKNOWLEDGE_AGAIN,
    PHASE_INFO,
    PHASE_CLOSE,
    PHASE_GONE,
    PHASE_OVER
};

/* ---- The log: a packet script ------------------------------------------------------------------------------------ */

void player_log(struct player *p, const char *format, ...) {
    char line[400];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (p->log)
        text_add(p->log, "%s", line);
}

void player_log_time(struct player *p) {
    dur now = p->target->ops->now(p->target);
    player_log(p, "+%.3f ", p->last ? (double)(now - p->last) / 1e9 : 0);
    p->last = now;
}

/* A call is over: a fact of its own, as its result is. */
static void called(struct player *p, const char *name, long result) {
    int error = errno;
    char key[FACT_KEY_MAX];
    snprintf(key, sizeof key, "call %02u %s", ++p->calls, name);
    if (result < 0)
        facts_set(&p->facts, key, "-1 %s", errno_name(error));
    else
        facts_set(&p->facts, key, "%ld", result);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static int domain_of(const struct player *p) { return p->settings.family == FAMILY_IPV6 ? AF_INET6 : AF_INET; }

/* Fills in `sa`, and returns its length. */
static socklen_t sockaddr_of(const struct player *p, const struct umptcp_addr *addr, struct sockaddr_storage *sa) {
    socklen_t len = sizeof *sa;
    sockaddr_write(domain_of(p), &(struct umptcp_sockaddr){*addr, p->port}, (struct sockaddr *)sa, &len);
    return len;
}

static int open_socket(struct player *p) {
    const struct posix *x = &p->target->posix;
    int fd = x->socket(x->ctx, domain_of(p), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, PROTOCOL_MPTCP), on = 1;
    flows_socket(&p->flows, fd, true);
    player_log(p, "+0 socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3\n");
    /* An accepted socket has what its listener has. */
    if (fd >= 0 && x->setsockopt(x->ctx, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        facts_set(&p->facts, "error of TCP_NODELAY", "%s", strerror(errno));
    player_log(p, "+0 setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0\n");
    return fd;
}

static bool listen_on(struct player *p) {
    const struct posix *x = &p->target->posix;
    struct sockaddr_storage a;
    socklen_t len = sockaddr_of(p, &p->settings.local_ip, &a);
    p->listener = open_socket(p);
    if (p->listener < 0 || x->bind(x->ctx, p->listener, (struct sockaddr *)&a, len) < 0 ||
        x->listen(x->ctx, p->listener, 4) < 0)
        return false;
    flows_listen(&p->flows, p->listener);
    player_log(p, "+0 bind(3, ..., ...) = 0\n+0 listen(3, 4) = 0\n");
    return true;
}

static void connect_to(struct player *p) {
    const struct posix *x = &p->target->posix;
    struct sockaddr_storage a;
    socklen_t len = sockaddr_of(p, &p->settings.remote_ip, &a);
    if (!p->program->client || p->fd >= 0 || p->closed)
        return;
    p->fd = open_socket(p);
    p->mptcp = true;
    long result = p->fd < 0 ? -1 : x->connect(x->ctx, p->fd, (struct sockaddr *)&a, len);
    called(p, "connect", result);
    player_log(p, "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
                  "+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n");
}

/* The application accepts as soon as it can. */
static void try_accept(struct player *p) {
    const struct posix *x = &p->target->posix;
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    if (p->listener < 0 || p->fd >= 0 || p->closed)
        return;
    p->fd = x->accept(x->ctx, p->listener, (struct sockaddr *)&from, &len);
    if (p->fd < 0)
        return;
    x->fcntl(x->ctx, p->fd, F_SETFL, O_RDWR | O_NONBLOCK);
    facts_saw(&p->facts, "accepted");
    player_log(p, "+0 accept(3, ..., ...) = 4\n+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n");
}

static int script_fd(const struct player *p) { return p->program->client ? 3 : 4; }

/* What a call did, for the log: its result as a script has it. */
static void log_call(struct player *p, const char *call, long result) {
    int error = errno;
    player_log_time(p);
    if (result < 0)
        player_log(p, "%s = -1 %s (%s)\n", call, errno_name(error), strerror(error));
    else
        player_log(p, "%s = %ld\n", call, result);
    errno = error;
}

static void transfer(struct player *p, bool writes, uint32_t n) {
    static char buf[READ_MAX];
    const struct posix *x = &p->target->posix;
    char call[80];
    n = n < sizeof buf ? n : (uint32_t)sizeof buf;
    ssize_t result;
    if (writes) {
        memset(buf, 0, n);
        result = x->send(x->ctx, p->fd, buf, n, MSG_NOSIGNAL);
    } else {
        result = x->read(x->ctx, p->fd, buf, n);
        p->bytes_read += result > 0 ? (uint64_t)result : 0;
    }
    snprintf(call, sizeof call, writes ? "send(%d, ..., %u, MSG_NOSIGNAL)" : "read(%d, ..., %u)", script_fd(p), n);
    log_call(p, call, result);
    called(p, writes ? "send" : "read", result);
}

/* Which way the connection took is not to be seen any more when the socket is closed. */
static void closes(struct player *p) {
    const struct posix *x = &p->target->posix;
    uint8_t info[96];
    socklen_t len = sizeof info;
    if (p->phase == PHASE_STEPS && x->getsockopt(x->ctx, p->fd, SOL_MPTCP_LEVEL, MPTCP_INFO_NAME, info, &len) < 0)
        facts_saw(&p->facts, "plain TCP when closed");
}

static void end(struct player *p, enum step_op op) {
    const struct posix *x = &p->target->posix;
    char call[80];
    if (op == STEP_SHUTDOWN) {
        long result = x->shutdown(x->ctx, p->fd, SHUT_WR);
        snprintf(call, sizeof call, "shutdown(%d, SHUT_WR)", script_fd(p));
        log_call(p, call, result);
        called(p, "shutdown", result);
        return;
    }
    closes(p);
    if (op == STEP_ABORT) {
        struct linger linger = {1, 0};
        long result = x->setsockopt(x->ctx, p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        snprintf(call, sizeof call, "setsockopt(%d, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8)", script_fd(p));
        log_call(p, call, result);
    }
    long result = x->close(x->ctx, p->fd);
    snprintf(call, sizeof call, "close(%d)", script_fd(p));
    log_call(p, call, result);
    p->fd = -1;
    p->closed = true;
}

static void call_step(struct player *p, const struct step *s) {
    if (s->op == STEP_CONNECT)
        connect_to(p);
    if (p->fd < 0)
        return;
    switch (s->op) {
    case STEP_WRITE:
    case STEP_READ:
        transfer(p, s->op == STEP_WRITE, s->n);
        break;
    case STEP_SHUTDOWN:
    case STEP_CLOSE:
    case STEP_ABORT:
        end(p, s->op);
        break;
    default:
        break;
    }
}

/* ---- In the end -------------------------------------------------------------------------------------------------- */

/* The octets of a little-endian structure. */
static uint64_t member(const uint8_t *info, size_t offset, size_t size) {
    uint64_t n = 0;
    memcpy(&n, info + offset, size);
    return n;
}

static void mptcp_info(struct player *p) {
    static const struct {
        const char *name;
        uint8_t offset, size;
    } members[] = {
        {"subflows", 0, 1},         {"add_addr_signal", 1, 1}, {"add_addr_accepted", 2, 1}, {"flags", 8, 4},
        {"local_addr_used", 40, 1}, {"csum_enabled", 42, 1},   {"bytes_sent", 56, 8},       {"bytes_received", 64, 8},
        {"bytes_acked", 72, 8},     {"subflows_total", 80, 1},
    };
    const struct posix *x = &p->target->posix;
    uint8_t info[96] = {0};
    socklen_t len = sizeof info;
    char key[FACT_KEY_MAX];
    if (x->getsockopt(x->ctx, p->fd, SOL_MPTCP_LEVEL, MPTCP_INFO_NAME, info, &len) < 0) {
        facts_set(&p->facts, "MPTCP_INFO", "-1 %s", errno_name(errno));
        return;
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        snprintf(key, sizeof key, "MPTCP_INFO %s", members[i].name);
        facts_set(&p->facts, key, "%llu", (unsigned long long)member(info, members[i].offset, members[i].size));
    }
    const struct mp_conn *mp = p->sub[0].flow ? p->sub[0].flow->mp : NULL;
    if (!mp || !mp->stack.known || !mp->peer.known)
        return;
    uint64_t own = mp_base(&mp->stack), peer = mp_base(&mp->peer);
    facts_set(&p->facts, "MPTCP_INFO write_seq", "%lld", (long long)(member(info, 16, 8) - own));
    facts_set(&p->facts, "MPTCP_INFO snd_una", "%lld", (long long)(member(info, 24, 8) - own));
    facts_set(&p->facts, "MPTCP_INFO rcv_nxt", "%lld", (long long)(member(info, 32, 8) - peer));
}

static void interface_says(struct player *p) {
    const struct posix *x = &p->target->posix;
    facts_set(&p->facts, "octets read", "%llu", (unsigned long long)p->bytes_read);
    if (p->fd < 0)
        return;
    uint8_t info[248] = {0};
    socklen_t len = sizeof info;
    int n = 0;
    if (x->getsockopt(x->ctx, p->fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0)
        facts_set(&p->facts, "TCP_INFO state", "%u", info[0]);
    mptcp_info(p);
    struct pollfd poll = {.fd = p->fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    x->poll(x->ctx, &poll, 1, 0);
    facts_set(&p->facts, "poll", "0x%x", (unsigned)poll.revents);
    len = sizeof n;
    if (x->getsockopt(x->ctx, p->fd, SOL_SOCKET, SO_ERROR, &n, &len) == 0)
        facts_set(&p->facts, "SO_ERROR", "%s", n ? errno_name(n) : "0");
}

/* Reads until there is nothing more; the last result is the one that says why. */
static void drain(struct player *p) {
    static char buf[65536];
    const struct posix *x = &p->target->posix;
    ssize_t n = 1;
    for (int i = 0; p->fd >= 0 && n > 0 && i < 64; i++) {
        n = x->read(x->ctx, p->fd, buf, sizeof buf);
        int error = errno;
        p->bytes_read += n > 0 ? (uint64_t)n : 0;
        if (n <= 0)
            facts_set(&p->facts, "last read", "%s", n ? errno_name(error) : "end");
        errno = error;
        char call[40];
        snprintf(call, sizeof call, "read(%d, ..., 65536)", script_fd(p));
        log_call(p, call, n);
    }
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

static dur play_phase(struct player *p) {
    switch (p->phase++) {
    case PHASE_FLUSH:
        peer_flush(p);
        break;
    case PHASE_ACKNOWLEDGE:
        peer_acknowledge(p);
        break;
    case PHASE_DRAIN:
        drain(p);
        return MSEC(MSEC_SETTLED);
    case PHASE_ACKNOWLEDGE_AGAIN:
        peer_acknowledge(p);
        break;
    case PHASE_INFO:
        drain(p);
        interface_says(p);
        return 0;
    case PHASE_CLOSE:
        if (p->fd >= 0)
            end(p, STEP_CLOSE);
        return MSEC(20);
    case PHASE_GONE:
        p->log = NULL;
        peer_gone(p);
        return 0;
    default:
        break;
    }
    return 0;
}

/* Where options were taken out, both stacks are left alone until they have settled what data without a mapping is: the
 * engine gives the mapping some time to come. */
static dur pause_behind(struct player *p) {
    bool bare = p->bare;
    p->bare = false;
    return bare ? MSEC(MSEC_SETTLED) : 0;
}

bool player_step(struct player *p) {
    dur pause = p->settle;
    try_accept(p);
    if (p->phase == PHASE_STEPS && p->next == p->program->nsteps)
        p->phase = PHASE_FLUSH;
    if (p->phase == PHASE_STEPS) {
        const struct step *s = &p->program->steps[p->next++];
        peer_step(p, s);
        call_step(p, s);
        if (s->op == STEP_WAIT)
            pause += MSEC(s->n);
    } else {
        pause += play_phase(p);
    }
    p->due = p->target->ops->now(p->target) + pause + pause_behind(p);
    return p->phase < PHASE_OVER;
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static struct peer_flow *flow_of(struct player *p, const struct live_head *head) {
    struct tcp_flow *flow = flow_find(&p->flows, &head->ends);
    for (uint32_t i = 0; i < p->nsubs; i++)
        if (flow && p->sub[i].flow == flow)
            return &p->sub[i];
    if (flow || !head->bare_syn || p->nsubs == SUBFLOWS_MAX)
        return NULL;
    struct peer_flow *f = &p->sub[p->nsubs++];
    f->flow = flow_open(&p->flows, &head->ends, head->joins ? &head->token : NULL);
    f->by_stack = true;
    f->join = head->joins;
    f->id = (uint8_t)(head->ends.remote.addr.b[15] - p->settings.remote_ip.b[15]);
    f->snd_nxt = f->rcv_nxt = f->una = 1;
    return f;
}

/* Names instead of numbers that are random: the log is to be a script that can be played again. */
static void log_packet(struct player *p, struct packet *came, const struct peer_flow *f) {
    if (!p->log)
        return;
    for (struct option *o = came->tcp.options; o; o = o->next) {
        if (o->kind != OPTION_MPTCP)
            continue;
        if (o->mp.type >= MPJ_SYN && o->mp.type <= MPJ_ACK) {
            o->mp.mpj.token.kind = o->mp.type == MPJ_SYN ? VALUE_AUTO : VALUE_ANY;
            o->mp.mpj.hmac.kind = o->mp.type == MPJ_SYN ? VALUE_ANY : VALUE_AUTO;
            o->mp.mpj.nonce.kind = VALUE_ANY;
        } else if (o->mp.type == MP_ADD_ADDR && !o->mp.add_addr.echo) {
            o->mp.add_addr.hmac.kind = VALUE_AUTO;
        }
    }
    came->has_ends = true;
    came->src = (struct end){.kind = END_ADDR, .addr = f->flow->ends.local};
    came->dst = (struct end){.kind = END_ADDR, .addr = f->flow->ends.remote};
    came->tcp.has_win = false;
    came->ip.given = 0;
    player_log(p, "+0~+1 ");
    print_packet(p->log, came);
    player_log(p, "\n");
    p->last = p->target->ops->now(p->target);
}

static void name_keys(const struct player *p, struct packet *came) {
    for (struct option *o = came->tcp.options; o; o = o->next)
        for (uint8_t i = 0; o->kind == OPTION_MPTCP && o->mp.type <= MPC_DATA && i < o->mp.mpc.nkeys; i++)
            o->mp.mpc.key[i].name = (i == 0) == p->program->client ? "ckey" : "skey";
}

void player_packet(struct player *p, const struct live *live) {
    static const struct packet syn = {.proto = PACKET_TCP, .tcp = {.flags = TCP_SYN}};
    struct live_head head;
    struct packet came;
    char error[200];
    if (!lift_head(live->data, live->len, &head) || !head.tcp)
        return;
    if (p->due < live->time + p->settle / 2)
        p->due = live->time + p->settle / 2;
    struct peer_flow *f = flow_of(p, &head);
    if (!f || p->phase >= PHASE_OVER)
        return;
    lift_anchor(&p->flows, f->flow, &syn, &head);
    if (!lift(f->flow, live->data, live->len, &p->arena, &came, error, sizeof error)) {
        facts_set(&p->facts, "broken packet", "%s", error);
        return;
    }
    name_keys(p, &came);
    match_learn(&p->flows, f->flow, &came, &came);
    peer_hears(p, f, &came);
    log_packet(p, &came, f);
    if (f->owes_fourth)
        peer_fourth(p, f);
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

struct player *player_open(const struct program *program, struct target *target, uint16_t port, dur settle,
                           struct arena *arena, struct text *log) {
    struct player *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->program = program;
    p->target = target;
    p->port = port;
    p->settle = settle;
    p->log = log;
    p->listener = p->fd = -1;
    p->dsn_nxt = p->data_rcv_nxt = 1;
    settings_init(&p->settings, world_family(program->world), arena);
    p->settings.bind_port = p->settings.connect_port = port;
    flows_init(&p->flows, &p->settings, program->seed);
    p->flows.next_port = port;
    p->due = target->ops->now(target);
    if (log)
        text_add(log, "--bind_port=%u\n--connect_port=%u\n--tolerance_usecs=100000\n%s`%s`\n\n", port, port,
                 p->settings.family == FAMILY_IPV6 ? "--ip_version=ipv6\n" : "", worlds[program->world].commands);
    if (!program->client && !listen_on(p))
        facts_set(&p->facts, "error of the listener", "%s", strerror(errno));
    return p;
}

void player_close(struct player *p) {
    const struct posix *x = &p->target->posix;
    if (p->fd >= 0)
        x->close(x->ctx, p->fd);
    if (p->listener >= 0)
        x->close(x->ctx, p->listener);
    flows_free(&p->flows);
    arena_free(&p->arena);
    free(p);
}
