/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine alone: two stacks in one process, joined by two wires that cost nothing, in virtual time.
 *
 *     engine bulk super|packet SUBFLOWS SEGMENTS    sends so many segments one way: what one costs at each side
 *     engine idle CONNECTIONS                       connections of two subflows that said hello: memory of each side
 *     engine many CONNECTIONS ACTIVE SEGMENTS       so many are open, and so many of them take turns in sending a
 * segment that is acknowledged: what one costs both sides together
 *
 * A turn of a side takes the packets that came for it, does the application's work, and gives out packets until there
 * are none, or the wire is full. The wire keeps the headers; payload is what happens to lie there, and its checksum is
 * vouched for, as on a TUN interface. So neither the wire's nor the application's copy is measured, but the one
 * from the wire into the receive buffer is.
 *
 * Prints one JSON object. `make bench` makes a table of it. Instructions need hardware counters (null without); the
 * turns that count are in functions of their own, so that callgrind can count them instead (--toggle-collect).
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "umptcp.h"

enum { WIRES = 2, BATCH = 32, PACKET_MAX = 65535 + UMPTCP_HDR_MAX, PORT = 80, ROUNDS_MAX = 100000 };
enum { TURN_NS = 20000, WARM_UP = 2000, MTU = 1500, LEN_MAX = 1 << 20 };
enum { LISTENERS = 8, MANY_MAX = LISTENERS * 20000, MESSAGE = 1000 }; /* a listener's clients have ports of their own */

/* Packets under way to one side. */
struct wire {
    int n;
    struct {
        int netif;
        uint32_t len;
        uint16_t gso_size;
        uint8_t data[PACKET_MAX];
    } packets[BATCH];
};

struct side {
    struct umptcp *stack;
    struct wire *in;  /* what comes for it */
    umptcp_sock sock; /* the newest connection */
    bool joined;
};

/* What a side's turns cost. */
struct cost {
    uint64_t ns, instructions, segments, bytes;
};

struct bench {
    struct side side[2]; /* the one who connects and sends, and the other */
    struct umptcp_time now;
    int counter; /* of instructions; -1: there is none */
};

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "engine: %s\n", what);
    exit(1);
}

static void *zeroed(size_t size) {
    void *p = calloc(1, size);
    if (!p)
        fail("no memory");
    return p;
}

/* ---- Two stacks ------------------------------------------------------------------------------------------------- */

static struct umptcp_addr address(int wire, int side) {
    char text[UMPTCP_ADDRSTRLEN];
    struct umptcp_addr addr;
    snprintf(text, sizeof text, "10.0.%d.%d", wire + 1, side + 1);
    if (umptcp_addr_parse(text, &addr))
        fail("address");
    return addr;
}

static void side_open(struct bench *b, int i, bool super, int subflows) {
    struct side *s = &b->side[i];
    struct umptcp_config cfg;
    umptcp_config_init(&cfg);
    memset(cfg.seed, i + 1, sizeof cfg.seed);
    s->stack = umptcp_new(&cfg, b->now);
    s->in = zeroed(sizeof *s->in);
    if (!s->stack)
        fail("no stack");
    for (int w = 0; w < WIRES; w++) {
        struct umptcp_netif_config netif = {
            .name = "wire", .mtu = MTU, .flags = UMPTCP_IF_CSUM | (super ? UMPTCP_IF_TSO4 : 0)};
        struct umptcp_addr addr = address(w, i);
        int n = umptcp_netif_add(s->stack, &netif);
        if (n < 0 || umptcp_addr_add(s->stack, n, &addr, 24, b->now))
            fail("no interface");
    }
    umptcp_limits_set(s->stack, UMPTCP_SUBFLOWS_MAX, 0);
    struct umptcp_endpoint ep = {.flags = UMPTCP_EP_SUBFLOW, .addr.addr = address(1, i)};
    if (i == 0 && subflows > 1 && umptcp_endpoint_add(s->stack, &ep, b->now) < 0)
        fail("no endpoint");
}

static void bench_open(struct bench *b, bool super, int subflows) {
    *b = (struct bench){.now = {1000000000}, .counter = -1};
    for (int i = 0; i < 2; i++)
        side_open(b, i, super, subflows);
    for (int i = 0; i < LISTENERS; i++) {
        struct umptcp_listen l = {.local = {address(0, 1), (uint16_t)(PORT + i)}, .backlog = 16};
        umptcp_sock listener;
        if (umptcp_listen(b->side[1].stack, &l, &listener))
            fail("cannot listen");
    }
}

static void bench_close(struct bench *b) {
    for (int i = 0; i < 2; i++) {
        umptcp_free(b->side[i].stack);
        free(b->side[i].in);
    }
}

/* ---- Turns ------------------------------------------------------------------------------------------------------- */

static void take_packets(struct bench *b, struct side *s) {
    for (int i = 0; i < s->in->n; i++) {
        struct umptcp_packet pkt = {s->in->packets[i].data, s->in->packets[i].len, s->in->packets[i].gso_size, true};
        umptcp_input(s->stack, s->in->packets[i].netif, &pkt, b->now);
    }
    s->in->n = 0;
}

static void take_events(struct side *s) {
    struct umptcp_event ev;
    while (umptcp_event(s->stack, &ev)) {
        if (ev.type == UMPTCP_EV_ACCEPT)
            umptcp_accept(s->stack, ev.sock, &s->sock);
        s->joined |= ev.type == UMPTCP_EV_SUBFLOW_UP && ev.subflow > 1;
        if (ev.type == UMPTCP_EV_CLOSED || ev.type == UMPTCP_EV_FALLBACK)
            fail("the connection was lost");
    }
}

/* Hands packets to the other side's wire. Returns how many of them carried payload. */
static uint64_t give_packets(struct bench *b, struct side *s, struct wire *wire) {
    struct umptcp_out out;
    uint64_t segments = 0;
    while (wire->n < BATCH && umptcp_output(s->stack, &out, b->now)) {
        memcpy(wire->packets[wire->n].data, out.hdr, out.hdr_len);
        wire->packets[wire->n].netif = out.netif;
        wire->packets[wire->n].gso_size = out.gso_size;
        wire->packets[wire->n++].len = out.len;
        segments += out.len > out.hdr_len;
    }
    return segments;
}

/* As many bytes as there is room for. */
static void send_bytes(struct bench *b, struct side *s) {
    struct umptcp_slice room[UMPTCP_SLICES_MAX];
    int n;
    while ((n = umptcp_send_reserve(s->stack, s->sock, LEN_MAX, room, UMPTCP_SLICES_MAX)) > 0) {
        size_t len = 0;
        for (int i = 0; i < n; i++)
            len += room[i].len;
        umptcp_send_commit(s->stack, s->sock, len, b->now);
    }
}

static uint64_t receive_bytes(struct bench *b, struct side *s) {
    struct umptcp_slice bytes[UMPTCP_SLICES_MAX];
    uint64_t received = 0;
    int n;
    while (s->sock.v && (n = umptcp_recv_peek(s->stack, s->sock, bytes, UMPTCP_SLICES_MAX)) > 0) {
        size_t len = 0;
        for (int i = 0; i < n; i++)
            len += bytes[i].len;
        umptcp_recv_consume(s->stack, s->sock, len, b->now);
        received += len;
    }
    return received;
}

/* The functions to be measured: callgrind knows them by their names. */
__attribute__((noinline)) static uint64_t sender_turn(struct bench *b) {
    struct side *s = &b->side[0];
    umptcp_tick(s->stack, b->now);
    take_packets(b, s);
    take_events(s);
    send_bytes(b, s);
    return give_packets(b, s, b->side[1].in);
}

__attribute__((noinline)) static uint64_t receiver_turn(struct bench *b) {
    struct side *s = &b->side[1];
    umptcp_tick(s->stack, b->now);
    take_packets(b, s);
    take_events(s);
    uint64_t received = receive_bytes(b, s);
    give_packets(b, s, b->side[0].in);
    return received;
}

/* A turn of each side without bytes of the application's. */
static void quiet_turn(struct bench *b) {
    for (int i = 0; i < 2; i++) {
        struct side *s = &b->side[i];
        umptcp_tick(s->stack, b->now);
        take_packets(b, s);
        take_events(s);
        receive_bytes(b, s);
        give_packets(b, s, b->side[!i].in);
    }
    b->now.ns += TURN_NS;
}

/* Turns until nothing is under way, and delayed acknowledgments are out. */
static void settle(struct bench *b) {
    struct umptcp_time end = {b->now.ns + 1000000000};
    for (int i = 0; i < ROUNDS_MAX && b->now.ns < end.ns; i++) {
        quiet_turn(b);
        struct umptcp_time next[2] = {umptcp_next(b->side[0].stack), umptcp_next(b->side[1].stack)};
        uint64_t due = next[0].ns < next[1].ns ? next[0].ns : next[1].ns;
        if (b->side[0].in->n + b->side[1].in->n == 0 && due > b->now.ns)
            b->now.ns = due < end.ns ? due : end.ns;
    }
}

/* ---- A connection ------------------------------------------------------------------------------------------------ */

/* Connects, and says a byte in each direction: a join has to wait for that (RFC 8684 3.1). */
static void connect_sides(struct bench *b, int subflows, int listener) {
    struct umptcp_connect c = {.remote = {address(0, 1), (uint16_t)(PORT + listener)}};
    for (int i = 0; i < 2; i++) {
        b->side[i].sock = (umptcp_sock){0};
        b->side[i].joined = false;
    }
    if (umptcp_connect(b->side[0].stack, &c, &b->side[0].sock, b->now))
        fail("cannot connect");
    for (int i = 0; i < ROUNDS_MAX && !b->side[1].sock.v; i++)
        quiet_turn(b);
    for (int i = 0; i < 2; i++)
        if (umptcp_send(b->side[i].stack, b->side[i].sock, "x", 1, b->now) != 1)
            fail("cannot send");
    for (int i = 0; i < ROUNDS_MAX && subflows > 1 && !(b->side[0].joined && b->side[1].joined); i++)
        quiet_turn(b);
    struct umptcp_subflow_info flows[WIRES];
    if (umptcp_subflows(b->side[0].stack, b->side[0].sock, flows, WIRES) != subflows)
        fail("not the subflows that were asked for");
}

/* ---- Measuring --------------------------------------------------------------------------------------------------- */

static void counter_open(struct bench *b) {
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE, .size = sizeof attr, .config = PERF_COUNT_HW_INSTRUCTIONS, .exclude_kernel = 1};
    b->counter = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static void measure(const struct bench *b, uint64_t *ns, uint64_t *instructions) {
    struct timespec t;
    if (b->counter < 0 || read(b->counter, instructions, sizeof *instructions) != sizeof *instructions)
        *instructions = 0;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* what others do meanwhile costs us nothing */
    *ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

__attribute__((noinline)) static void measured_sender(struct bench *b, struct cost *c) {
    c->segments += sender_turn(b);
}

__attribute__((noinline)) static void measured_receiver(struct bench *b, struct cost *c) {
    c->bytes += receiver_turn(b);
}

static void measured_turn(struct bench *b, struct cost cost[2]) {
    static void (*const turn[2])(struct bench *, struct cost *) = {measured_sender, measured_receiver};
    uint64_t ns, instructions, ns_end, instructions_end;
    for (int i = 0; i < 2; i++) {
        measure(b, &ns, &instructions);
        turn[i](b, &cost[i]);
        measure(b, &ns_end, &instructions_end);
        cost[i].ns += ns_end - ns;
        cost[i].instructions += instructions_end - instructions;
    }
    b->now.ns += TURN_NS;
}

static void print_number(const char *name, bool known, double value, const char *end) {
    if (known)
        printf("\"%s\": %.1f%s", name, value, end);
    else
        printf("\"%s\": null%s", name, end);
}

static void bulk(bool super, int subflows, uint64_t segments) {
    struct bench b;
    bench_open(&b, super, subflows);
    counter_open(&b);
    connect_sides(&b, subflows, 0);
    for (uint64_t sent = 0; sent < WARM_UP; b.now.ns += TURN_NS) { /* windows and buffers grow */
        sent += sender_turn(&b);
        receiver_turn(&b);
    }
    struct cost cost[2] = {{0}, {0}};
    while (cost[0].segments < segments)
        measured_turn(&b, cost);
    double n = (double)cost[0].segments;
    printf("{\"segments\": %" PRIu64 ", \"bytes_per_segment\": %.0f, ", cost[0].segments, (double)cost[1].bytes / n);
    print_number("send_ns", true, (double)cost[0].ns / n, ", ");
    print_number("receive_ns", true, (double)cost[1].ns / n, ", ");
    print_number("send_instructions", b.counter >= 0, (double)cost[0].instructions / n, ", ");
    print_number("receive_instructions", b.counter >= 0, (double)cost[1].instructions / n, "}\n");
    const char *broken = umptcp_check(b.side[0].stack);
    if (broken)
        fail(broken);
    bench_close(&b);
}

static void idle(int connections) {
    struct bench b;
    size_t before[2], used[2];
    bench_open(&b, true, WIRES);
    connect_sides(&b, WIRES, 0); /* the first one pays for what all share */
    settle(&b);
    for (int i = 0; i < 2; i++)
        before[i] = umptcp_mem_used(b.side[i].stack);
    for (int i = 0; i < connections; i++)
        connect_sides(&b, WIRES, 0);
    settle(&b);
    for (int i = 0; i < 2; i++)
        used[i] = umptcp_mem_used(b.side[i].stack) - before[i];
    printf("{\"connections\": %d, \"client_bytes\": %.1f, \"server_bytes\": %.1f}\n", connections,
           (double)used[0] / connections, (double)used[1] / connections);
    bench_close(&b);
}

/* One segment of connection `i`, and all that it makes the two sides say. */
static uint64_t one_message(struct bench *b, umptcp_sock sock[2]) {
    static const char message[MESSAGE];
    uint64_t segments = 0;
    if (umptcp_send(b->side[0].stack, sock[0], message, sizeof message, b->now) != MESSAGE)
        fail("no room for a message");
    b->side[1].sock = sock[1];
    do {
        for (int i = 0; i < 2; i++) {
            struct side *s = &b->side[i];
            umptcp_tick(s->stack, b->now);
            take_packets(b, s);
            take_events(s);
            if (i == 1)
                receive_bytes(b, s);
            segments += give_packets(b, s, b->side[!i].in);
        }
    } while (b->side[0].in->n + b->side[1].in->n > 0);
    b->now.ns += TURN_NS;
    return segments;
}

static void many(int connections, int active, uint64_t segments) {
    struct bench b;
    uint64_t ns, ns_end, unused, sent = 0, measured = 0;
    if (connections < 1 || connections > MANY_MAX || active < 1 || active > connections)
        fail("that many connections are not possible");
    umptcp_sock(*sock)[2] = zeroed((size_t)connections * sizeof *sock);
    bench_open(&b, true, 1);
    for (int i = 0; i < connections; i++) {
        connect_sides(&b, 1, i % LISTENERS);
        sock[i][0] = b.side[0].sock;
        sock[i][1] = b.side[1].sock;
    }
    settle(&b);
    for (int i = 0; sent < segments / 4; i++) /* windows grow, acknowledgments find their rhythm */
        sent += one_message(&b, sock[(uint64_t)(i % active) * (uint64_t)connections / (uint64_t)active]);
    measure(&b, &ns, &unused);
    for (int i = 0; measured < segments; i++)
        measured += one_message(&b, sock[(uint64_t)(i % active) * (uint64_t)connections / (uint64_t)active]);
    measure(&b, &ns_end, &unused);
    printf("{\"connections\": %d, \"active\": %d, \"segments\": %" PRIu64 ", \"segment_ns\": %.1f}\n", connections,
           active, measured, (double)(ns_end - ns) / (double)measured);
    const char *broken = umptcp_check(b.side[0].stack);
    if (broken)
        fail(broken);
    free(sock);
    bench_close(&b);
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "bulk") == 0)
        bulk(strcmp(argv[2], "super") == 0, (int)strtol(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
    else if (argc == 3 && strcmp(argv[1], "idle") == 0)
        idle((int)strtol(argv[2], NULL, 10));
    else if (argc == 5 && strcmp(argv[1], "many") == 0)
        many((int)strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
    else
        fail("usage: engine bulk super|packet SUBFLOWS SEGMENTS | engine idle CONNECTIONS | "
             "engine many CONNECTIONS ACTIVE SEGMENTS");
    return 0;
}
