/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The same links with the real clock. Sleeping ends a little late, so packets come out by the clock that they should
 * have come out by, and what they do to the queue is counted from when they came: lateness delays, but adds no rate.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "io/clock.h"
#include "io/tun.h"
#include "tools/sim.h"

enum { BATCH = 64 };

struct side {
    struct driver *tun;
    struct link *link; /* what this side gives goes there */
};

static volatile sig_atomic_t over;

static void on_signal(int number) {
    (void)number;
    over = 1;
}

/* What a side gives, into its link. False when it gives nothing any more. */
static bool take(struct side *s) {
    struct umptcp_packet pkt;
    for (int i = 0; i < BATCH; i++) {
        utime now = clock_now();
        if (!driver_recv(s->tun, &pkt, now))
            return false;
        struct umptcp_out out = {.len = pkt.len, .gso_size = pkt.gso_size, .csum_partial = pkt.csum_valid};
        out.v6 = pkt.len && pkt.data[0] >> 4 == 6;
        out.nslices = 1;
        out.slices[0] = (struct umptcp_slice){pkt.data, pkt.len};
        link_send(s->link, &out, 0, now);
    }
    return true;
}

static void give(struct link *from, struct driver *to) {
    struct link_packet pkt;
    utime now = clock_now();
    while (link_recv(from, &pkt, now))
        (void)driver_send(to, &pkt.out, now); /* one that it does not take is lost, as on a wire */
}

static void wait_for(struct side side[2], const sigset_t *mask) {
    struct pollfd fds[2] = {{.fd = side[0].tun->fd, .events = POLLIN}, {.fd = side[1].tun->fd, .events = POLLIN}};
    utime next = time_min(link_next(side[0].link), link_next(side[1].link));
    dur left = time_since(next, clock_now());
    struct timespec t = {(time_t)(left / SEC(1)), (long)(left % SEC(1))};
    (void)ppoll(fds, 2, time_is_never(next) ? NULL : &t, mask);
}

static void say(const char *direction, const struct link *l) {
    struct link_stats st;
    link_stats_get(l, &st);
    uint64_t passed = st.packets - st.fate[LINK_QUEUE];
    fprintf(stderr, "%s: %llu packets, %llu bytes, %llu without room, %llu lost, mean queue %.3f ms\n", direction,
            (unsigned long long)st.packets, (unsigned long long)st.bytes, (unsigned long long)st.fate[LINK_QUEUE],
            (unsigned long long)st.fate[LINK_LOST], passed ? (double)st.waited / (double)passed / 1e6 : 0);
}

static int open_side(struct side *s, const char *name, const struct link_config *cfg, uint64_t seed) {
    int err = tun_open(name, &s->tun);
    if (err) {
        fprintf(stderr, "umptcp-sim: %s: %s\n", name, tun_error(err));
        return err;
    }
    s->link = link_new(cfg, seed);
    if (!s->link)
        fprintf(stderr, "umptcp-sim: no memory\n");
    return s->link ? 0 : -ENOMEM;
}

int sim_link(const char *a, const char *b, const struct sim_scenario *s) {
    struct side side[2] = {{NULL, NULL}, {NULL, NULL}};
    struct link_config there, back;
    sigset_t blocked, before;
    sim_links(s, &there, &back);
    prctl(PR_SET_TIMERSLACK, 1UL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before); /* they come while we wait, and only then */
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    int err = open_side(&side[0], a, &there, 2 * s->seed);
    if (!err)
        err = open_side(&side[1], b, &back, 2 * s->seed + 1);
    if (!err)
        fprintf(stderr, "linked\n");
    while (!err && !over) {
        bool more = take(&side[0]);
        more |= take(&side[1]);
        give(side[0].link, side[1].tun);
        give(side[1].link, side[0].tun);
        if (!more)
            wait_for(side, &before);
    }
    for (int i = 0; i < 2; i++) {
        if (!err)
            say(i ? "back" : "there", side[i].link);
        link_free(side[i].link);
        driver_close(side[i].tun);
    }
    return err ? 2 : 0;
}
