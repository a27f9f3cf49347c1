/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole connection on a hostile wire: two stacks talk, and the input decides what happens to each packet - delivered,
 * lost, sent twice, late, cut short, bytes of it changed with the checksums left wrong or made right again, or bytes of
 * the input thrown in as a packet. Nothing may crash, every invariant holds, and at the end nothing is left.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "umptcp.h"
#include "wire/gso.h"

enum { PACKETS_MAX = 400, HELD_MAX = 8, BUF_MAX = 70000, PORT = 5000, BYTES = 20000 };
#define SECOND 1000000000ull

struct packet {
    int to, netif;
    uint32_t len;
    uint16_t gso_size;
    uint8_t *data;
};

struct peers {
    struct umptcp *s[2];
    struct umptcp_time now;
    umptcp_sock sock[2], listener;
    bool accepted, closed[2];
    uint32_t sent[2];
    struct packet held[HELD_MAX];
    int nheld, packets;
};

static void deliver(struct peers *x, int to, int netif, const uint8_t *data, uint32_t len, uint16_t gso_size,
                    bool csum_valid) {
    const struct umptcp_packet pkt = {data, len, gso_size, csum_valid};
    (void)umptcp_input(x->s[to], netif, &pkt, x->now);
    must_be_sound(x->s[to]);
}

/* Where the L4 checksum of a packet that a stack made is. */
static void refix(uint8_t *data, uint32_t len) {
    uint16_t start = data[0] >> 4 == 6 ? 40 : 20;
    if (len < start + 20u)
        return;
    uint32_t sum = 6 + (len - start);
    for (uint32_t i = start == 20 ? 12 : 8; i < start; i += 2)
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    data[start + 16] = (uint8_t)(sum >> 8);
    data[start + 17] = (uint8_t)sum;
    gso_finish_csum(data, len, start, 16);
}

static void on_wire(struct peers *x, struct input *in, int from, const struct umptcp_out *out) {
    static uint8_t buf[BUF_MAX];
    uint32_t len = 0;
    for (uint32_t i = 0; i < out->nslices; i++) {
        memcpy(buf + len, out->slices[i].base, out->slices[i].len);
        len += (uint32_t)out->slices[i].len;
    }
    uint8_t op = take(in);
    x->packets++;
    switch (op % 16) {
    case 1: /* lost */
        return;
    case 2: /* twice */
        deliver(x, !from, out->netif, buf, len, out->gso_size, true);
        break;
    case 3: /* late */
        if (x->nheld < HELD_MAX) {
            struct packet *h = &x->held[x->nheld++];
            *h = (struct packet){!from, out->netif, len, out->gso_size, malloc(len + 1)};
            memcpy(h->data, buf, len);
            return;
        }
        break;
    case 4: /* short */
        len = len * take(in) / 256;
        break;
    case 5: /* damaged, and the checksum does not tell */
    case 6:
        for (int n = take(in) % 4 + 1; n > 0; n--)
            buf[take(in) % (len < 100 ? len : 100)] ^= take(in);
        if (op % 16 == 5)
            refix(buf, len);
        break;
    case 7: { /* something else altogether */
        uint32_t n = take(in);
        n = n < in->left ? n : (uint32_t)in->left;
        deliver(x, !from, out->netif, in->p, n, 0, op & 16);
        in->p += n;
        in->left -= n;
        break;
    }
    default:
        break;
    }
    if (len)
        deliver(x, !from, out->netif, buf, len, out->gso_size, op % 16 != 6);
}

static void late_ones(struct peers *x) {
    while (x->nheld) {
        struct packet h = x->held[--x->nheld];
        deliver(x, h.to, h.netif, h.data, h.len, h.gso_size, true);
        free(h.data);
    }
}

static void application(struct peers *x, int h) {
    static uint8_t buf[BYTES];
    struct umptcp_event ev;
    while (umptcp_event(x->s[h], &ev))
        if (ev.type == UMPTCP_EV_ACCEPT && !x->accepted)
            x->accepted = umptcp_accept(x->s[h], x->listener, &x->sock[h]) == 0;
    if (!x->sock[h].v || x->closed[h])
        return;
    if (x->sent[h] < BYTES) {
        ptrdiff_t n = umptcp_send(x->s[h], x->sock[h], buf, BYTES - x->sent[h], x->now);
        x->sent[h] += n > 0 ? (uint32_t)n : 0;
        if (x->sent[h] == BYTES)
            umptcp_shutdown(x->s[h], x->sock[h], x->now);
    }
    ptrdiff_t got;
    do
        got = umptcp_recv(x->s[h], x->sock[h], buf, sizeof buf, x->now);
    while (got > 0);
    if (got == 0 || (got < 0 && got != -11)) {
        umptcp_close(x->s[h], x->sock[h], x->now);
        x->closed[h] = true;
    }
}

/* One round: applications, timers, packets. False when nothing happened. */
static bool round_of(struct peers *x, struct input *in) {
    bool any = false;
    for (int h = 0; h < 2; h++) {
        struct umptcp_out out;
        umptcp_tick(x->s[h], x->now);
        application(x, h);
        for (int n = 0; n < 64 && umptcp_output(x->s[h], &out, x->now); n++) {
            on_wire(x, in, h, &out);
            any = true;
        }
        must_be_sound(x->s[h]);
    }
    return any;
}

static struct umptcp_sockaddr addr(const char *text, uint16_t port) {
    struct umptcp_sockaddr a = {.port = port};
    int err = umptcp_addr_parse(text, &a.addr);
    assert(!err);
    (void)err;
    return a;
}

static void start(struct peers *x, uint8_t flags, uint8_t more) {
    static const char *const own[2][2] = {{"10.0.0.1", "10.0.1.1"}, {"10.0.0.2", "10.0.1.2"}};
    memset(x, 0, sizeof *x);
    x->now.ns = 1000 * SECOND;
    for (int h = 0; h < 2; h++) {
        struct umptcp_config cfg;
        umptcp_config_init(&cfg);
        cfg.seed[0] = (uint8_t)(h + 1);
        cfg.checksum_enabled = flags & 1;
        cfg.sack = !(flags & 2);
        cfg.timestamps = !(flags & 4);
        cfg.fastopen = flags & 128 ? UMPTCP_FASTOPEN_CLIENT | UMPTCP_FASTOPEN_SERVER |
                                         UMPTCP_FASTOPEN_CLIENT_NO_COOKIE | UMPTCP_FASTOPEN_SERVER_NO_COOKIE
                                   : 0;
        cfg.syncookies = more % 3;
        cfg.fastclose_ack = more & 4;
        cfg.path_manager = more & 8 && h ? "userspace" : "kernel";
        cfg.remove_addr_probe = more & 16;
        cfg.signal_repeats = more & 32 ? 1 : 0;
        x->s[h] = umptcp_new(&cfg, x->now);
        umptcp_pm_listen(x->s[h], more & 64);
        for (int i = 0; i < 2; i++) {
            struct umptcp_netif_config nc = {"wire", 1500, UMPTCP_IF_CSUM | (flags & 8 ? UMPTCP_IF_TSO4 : 0u)};
            int netif = umptcp_netif_add(x->s[h], &nc);
            struct umptcp_addr a = addr(own[h][i], 0).addr;
            umptcp_addr_add(x->s[h], netif, &a, 16, x->now);
        }
        umptcp_limits_set(x->s[h], 4, 4);
    }
    umptcp_endpoint_add(x->s[flags >> 4 & 1],
                        &(struct umptcp_endpoint){.flags = flags & 16 ? UMPTCP_EP_SIGNAL : UMPTCP_EP_SUBFLOW,
                                                  .addr = addr(own[flags >> 4 & 1][1], 0)},
                        x->now);
    const struct umptcp_listen listen = {.local.port = PORT, .backlog = 4, .tcp_only = flags & 32, .fastopen = 1};
    const struct umptcp_connect to = {
        .remote = addr("10.0.0.2", PORT), .tcp_only = flags & 64, .fastopen = flags & 128};
    umptcp_listen(x->s[1], &listen, &x->listener);
    umptcp_connect(x->s[0], &to, &x->sock[0], x->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct peers x;
    struct input in = {data, size};
    const uint8_t flags = take(&in);
    start(&x, flags, take(&in));
    while (x.packets < PACKETS_MAX) {
        if (round_of(&x, &in))
            continue;
        late_ones(&x);
        uint64_t a = umptcp_next(x.s[0]).ns, b = umptcp_next(x.s[1]).ns, next = a < b ? a : b;
        if (next == UINT64_MAX)
            break;
        x.now.ns = next > x.now.ns ? next : x.now.ns;
    }
    while (x.nheld)
        free(x.held[--x.nheld].data);
    for (int h = 0; h < 2; h++)
        umptcp_free(x.s[h]);
    return 0;
}
