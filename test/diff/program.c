/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs from seeds, and as text. */
#include "program.h"

#include <string.h>

const struct world worlds[WORLDS] = {
    {.name = "plain", .commands = "ip mptcp limits set subflows 2 add_addr_accepted 0"},
    {.name = "checksums",
     .commands = "sysctl -q net.mptcp.checksum_enabled=1; ip mptcp limits set subflows 2 add_addr_accepted 0",
     .checksums = true},
    {.name = "accepts addresses", .commands = "ip mptcp limits set subflows 2 add_addr_accepted 2"},
    {.name = "announces",
     .commands = "ip mptcp limits set subflows 2 add_addr_accepted 0; ip addr add 192.168.0.7/16 dev tun0; "
                 "ip mptcp endpoint add 192.168.0.7 id 7 dev tun0 signal"},
    {.name = "joins",
     .commands = "ip mptcp limits set subflows 2 add_addr_accepted 1; ip addr add 192.168.0.8/16 dev tun0; "
                 "ip mptcp endpoint add 192.168.0.8 id 8 dev tun0 subflow",
     .joins = true},
    {.name = "joins as backup",
     .commands = "ip mptcp limits set subflows 2 add_addr_accepted 0; ip addr add 192.168.0.9/16 dev tun0; "
                 "ip mptcp endpoint add 192.168.0.9 id 9 dev tun0 subflow backup",
     .joins = true},
    {.name = "joins in full mesh",
     .commands = "ip mptcp limits set subflows 3 add_addr_accepted 2; ip addr add 192.168.0.8/16 dev tun0; "
                 "ip mptcp endpoint add 192.168.0.8 id 8 dev tun0 subflow fullmesh",
     .joins = true},
    {.name = "wants no joins",
     .commands = "sysctl -q net.mptcp.allow_join_initial_addr_port=0; ip mptcp limits set subflows 2 "
                 "add_addr_accepted 0; ip addr add 192.168.0.7/16 dev tun0; "
                 "ip mptcp endpoint add 192.168.0.7 id 7 dev tun0 signal"},
    {.name = "IPv6",
     .commands = "ip mptcp limits set subflows 3 add_addr_accepted 1; ip addr add fd00::7/64 dev tun0 nodad; "
                 "ip mptcp endpoint add fd00::7 id 7 dev tun0 signal",
     .v6 = true},
    {.name = "no subflows", .commands = "ip mptcp limits set subflows 0 add_addr_accepted 0"},
};

/* ---- Making ------------------------------------------------------------------------------------------------------ */

struct dice {
    uint64_t state;
};

/* SplitMix64. */
static uint64_t roll(struct dice *d) {
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t below(struct dice *d, uint32_t n) { return (uint32_t)(roll(d) % n); }
static bool one_in(struct dice *d, uint32_t n) { return below(d, n) == 0; }

/* How often a step is drawn, before and after the first few. */
static const uint8_t weights[STEP_OPS] = {
    [STEP_DATA] = 24,  [STEP_FILL] = 5,      [STEP_RESEND] = 5,      [STEP_ACK] = 12,     [STEP_DATA_FIN] = 4,
    [STEP_FIN] = 3,    [STEP_RST] = 2,       [STEP_PRIO] = 2,        [STEP_ADD_ADDR] = 3, [STEP_ECHO] = 3,
    [STEP_FAIL] = 1,   [STEP_FASTCLOSE] = 1, [STEP_REMOVE_ADDR] = 2, [STEP_JOIN] = 6,     [STEP_JOIN_ACK] = 8,
    [STEP_ANSWER] = 8, [STEP_STRIP] = 1,     [STEP_WRITE] = 12,      [STEP_READ] = 8,     [STEP_SHUTDOWN] = 3,
    [STEP_CLOSE] = 2,  [STEP_ABORT] = 1,     [STEP_WAIT] = 3,
};

static enum step_op draw_op(struct dice *d) {
    uint32_t sum = 0;
    for (size_t i = 0; i < STEP_OPS; i++)
        sum += weights[i];
    uint32_t n = below(d, sum);
    for (size_t i = 0; i < STEP_OPS; i++) {
        if (n < weights[i])
            return (enum step_op)i;
        n -= weights[i];
    }
    return STEP_WAIT;
}

static uint32_t draw_length(struct dice *d) {
    static const uint32_t lengths[] = {1, 2, 10, 100, 100, 536, 1000, 1380};
    return one_in(d, 4) ? 1 + below(d, 1380) : lengths[below(d, sizeof lengths / sizeof *lengths)];
}

static struct step draw(struct dice *d) {
    static const uint32_t waits[] = {1, 10, 50, 250};
    struct step s = {.op = draw_op(d)};
    s.sub = one_in(d, 2) ? 0 : (uint8_t)below(d, 3);
    s.dack = one_in(d, 8) ? 0 : one_in(d, 2) ? 4 : 8;
    s.dsn8 = one_in(d, 2);
    s.good = !one_in(d, 6);
    s.id = (uint8_t)(1 + below(d, 3));
    s.backup = one_in(d, 3);
    s.half = one_in(d, 4);
    s.opens = !one_in(d, 4);
    s.pieces = one_in(d, 2) ? 1 : (uint8_t)(1 + below(d, PIECES_MAX));
    s.map = (uint8_t)below(d, MAPS);
    s.order = one_in(d, 2) ? ORDER_AS_SENT : (uint8_t)below(d, ORDERS);
    s.where = one_in(d, 3) ? (uint8_t)below(d, WHERES) : WHERE_NEXT;
    s.fin = one_in(d, 12);
    s.n = s.op == STEP_WAIT     ? waits[below(d, one_in(d, 6) ? 4 : 3)]
          : s.op == STEP_RST    ? below(d, 7)
          : s.op == STEP_RESEND ? below(d, 8)
          : s.op == STEP_READ   ? (one_in(d, 3) ? 1 + below(d, 200) : 4000)
                                : draw_length(d);
    return s;
}

static void add(struct program *p, struct step s) {
    if (p->nsteps < STEPS_MAX)
        p->steps[p->nsteps++] = s;
}

static void make_handshake(struct program *p, struct dice *d) {
    bool good = !one_in(d, 12);
    if (p->client) {
        add(p, (struct step){.op = STEP_CONNECT});
        add(p, (struct step){.op = STEP_SYNACK, .good = good, .opens = true});
        if (one_in(d, 8))
            add(p, (struct step){.op = STEP_WRITE, .n = draw_length(d)});
        if (!one_in(d, 8))
            add(p, (struct step){.op = STEP_ACK, .dack = one_in(d, 3) ? 4 : 8, .opens = true});
        return;
    }
    uint8_t third = one_in(d, 3) ? THIRD_DATA : one_in(d, 16) ? THIRD_BARE : THIRD_ACK;
    add(p, (struct step){.op = STEP_SYN, .good = good, .opens = true});
    add(p, (struct step){.op = STEP_THIRD, .variant = third, .n = draw_length(d), .opens = true});
}

/* A client on Linux has no listener for joins, which is its choice (RFC 8684 3.2): they say nothing. */
static void add_step(struct program *p, struct step s) {
    if (!p->client || (s.op != STEP_JOIN && s.op != STEP_JOIN_ACK))
        add(p, s);
}

void program_make(struct program *p, uint64_t seed, unsigned world) {
    static const uint16_t windows[] = {65535, 65535, 65535, 8000, 4000};
    struct dice d = {seed};
    memset(p, 0, sizeof *p);
    p->seed = seed;
    p->world = (uint8_t)below(&d, WORLDS);
    if (world < WORLDS)
        p->world = (uint8_t)world;
    p->window = windows[below(&d, sizeof windows / sizeof *windows)];
    p->client = one_in(&d, 2) || worlds[p->world].joins;
    p->checksums = one_in(&d, 6);
    p->sack = one_in(&d, 2);
    p->deny_join0 = one_in(&d, 10);
    make_handshake(p, &d);
    for (uint32_t n = 2 + below(&d, 14); n; n--)
        add_step(p, draw(&d));
}

/* ---- As text ----------------------------------------------------------------------------------------------------- */

static const char *const third_names[] = {"MP_CAPABLE", "MP_CAPABLE and data", "no option"};
static const char *const map_names[] = {"a mapping each", "one mapping, on the first", "one mapping, on all"};
static const char *const order_names[] = {"as sent", "reversed", "twice", "the first lost"};
static const char *const where_names[] = {"next", "behind a gap", "data sent before", "overlapping"};

static void print_data(struct text *t, const struct step *s) {
    text_add(t, "data %u octets, subflow %u, %u segments, %s, %s, %s, dsn%d, dack%d%s", s->n, s->sub, s->pieces,
             map_names[s->map], order_names[s->order], where_names[s->where], s->dsn8 ? 8 : 4, s->dack,
             s->fin ? ", DATA_FIN" : "");
}

static void print_step(struct text *t, const struct step *s) {
    static const char *const names[STEP_OPS] = {
        [STEP_CONNECT] = "connect",
        [STEP_FILL] = "fill the gap",
        [STEP_ECHO] = "echo ADD_ADDR",
        [STEP_STRIP] = "a middlebox strips options",
        [STEP_SHUTDOWN] = "shutdown",
        [STEP_CLOSE] = "close",
        [STEP_ABORT] = "close with SO_LINGER 0",
    };
    switch (s->op) {
    case STEP_SYN:
    case STEP_SYNACK:
        text_add(t, "%s%s", s->op == STEP_SYN ? "SYN" : "SYN/ACK", s->good ? "" : " without MP_CAPABLE");
        break;
    case STEP_THIRD:
        text_add(t, "third ACK with %s", third_names[s->variant]);
        break;
    case STEP_DATA:
        print_data(t, s);
        break;
    case STEP_RESEND:
    case STEP_WRITE:
    case STEP_READ:
    case STEP_WAIT:
        text_add(t, "%s %u",
                 s->op == STEP_RESEND  ? "resend segment"
                 : s->op == STEP_WRITE ? "write"
                 : s->op == STEP_READ  ? "read"
                                       : "wait",
                 s->n);
        break;
    case STEP_ACK:
        text_add(t, "ACK of %s on %u, dack%d%s", s->half ? "half" : "all", s->sub, s->dack,
                 s->opens ? "" : ", the window stays");
        break;
    case STEP_DATA_FIN:
    case STEP_FIN:
    case STEP_FAIL:
        text_add(t, "%s on %u", s->op == STEP_FIN ? "FIN" : s->op == STEP_FAIL ? "MP_FAIL" : "DATA_FIN", s->sub);
        break;
    case STEP_RST:
        text_add(t, "RST on %u, %s %u", s->sub, s->good ? "reason" : "no reason", s->n);
        break;
    case STEP_PRIO:
        text_add(t, "MP_PRIO on %u, backup %d", s->sub, s->backup);
        break;
    case STEP_ADD_ADDR:
    case STEP_REMOVE_ADDR:
        text_add(t, "%s %u on %u", s->op == STEP_ADD_ADDR ? "ADD_ADDR" : "REMOVE_ADDR", s->id, s->sub);
        break;
    case STEP_FASTCLOSE:
        text_add(t, "MP_FASTCLOSE on %u, %s", s->sub, s->good ? "RST" : "ACK");
        break;
    case STEP_JOIN:
        text_add(t, "MP_JOIN from address %u%s", s->id, s->backup ? ", backup" : "");
        break;
    case STEP_JOIN_ACK:
    case STEP_ANSWER:
        text_add(t, "%s %u%s", s->op == STEP_ANSWER ? "answer to join" : "third ACK of join", s->sub,
                 s->good ? "" : ", refused");
        break;
    default:
        text_add(t, "%s", names[s->op]);
        break;
    }
}

void program_print(struct text *t, const struct program *p) {
    text_add(t, "program %llu: %s; the stack is the %s; window %u%s%s%s\n", (unsigned long long)p->seed,
             worlds[p->world].name, p->client ? "client" : "server", p->window,
             p->checksums ? "; the peer wants checksums" : "", p->sack ? "; SACK" : "",
             p->deny_join0 ? "; flag C" : "");
    for (uint32_t i = 0; i < p->nsteps; i++) {
        text_add(t, "  %2u ", i + 1);
        print_step(t, &p->steps[i]);
        text_add(t, "\n");
    }
}
