/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The demo: one file goes down and up again over two paths, and each time the path that leads is cut on the way and
 * comes back. demo/run prepares the ground and starts this.
 *
 *   world      the client's stack, its paths and the server
 *   http       the requests, over the embedding API
 *   transfer   what is measured
 *   progress, table, picture    what is shown of it
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "http.h"
#include "picture.h"
#include "progress.h"
#include "table.h"
#include "transfer.h"
#include "world.h"

#define SAMPLE_INTERVAL 100000000u   /* ns */
#define LEAVE_MAX       3000000000u  /* ns to see the last packets of a connection off */
#define STUCK           20000000000u /* ns without a byte: it has failed */

struct options {
    struct world_config world;
    const char *picture;
};

enum { SUBFLOWS_SEEN = 256 };

struct demo {
    struct options options;
    struct world *world;
    struct http http;
    struct transfer *transfers[TRANSFERS];
    struct transfer *current; /* NULL between transfers */
    struct progress progress;
    bool up[SUBFLOWS_SEEN]; /* of the present transfer, by number: it has carried data */
    enum path path[SUBFLOWS_SEEN];
    bool told_retry;
    char account[HTTP_TEXT_MAX];
    char why[200]; /* the first thing that failed */
};

__attribute__((format(printf, 2, 3))) static int fail(struct demo *d, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (!*d->why)
        vsnprintf(d->why, sizeof d->why, format, args);
    va_end(args);
    return -1;
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

/* The path of a subflow that lives. */
static enum path find_path(struct demo *d, uint32_t number) {
    struct umptcp_subflow_info info[1 + UMPTCP_SUBFLOWS_MAX];
    int n = umptcp_subflows(d->world->stack, d->http.sock, info, 1 + UMPTCP_SUBFLOWS_MAX);
    for (int i = 0; i < n && i < 1 + UMPTCP_SUBFLOWS_MAX; i++)
        if (info[i].id == number && info[i].netif == d->world->netifs[PATH_B])
            return PATH_B;
    return PATH_A;
}

static void note_up(struct demo *d, const struct umptcp_event *ev) {
    struct transfer *t = d->current;
    uint32_t n = ev->subflow % SUBFLOWS_SEEN;
    d->up[n] = true;
    d->path[n] = find_path(d, ev->subflow);
    if (ev->subflow == 1)
        return; /* the connection itself */
    t->joins++;
    progress_note(&d->progress, t, "subflow %" PRIu32 " joined, over path %s", ev->subflow,
                  path_plans[d->path[n]].name);
}

static void note_down(struct demo *d, const struct umptcp_event *ev) {
    struct transfer *t = d->current;
    uint32_t n = ev->subflow % SUBFLOWS_SEEN;
    if (d->up[n])
        progress_note(&d->progress, t, "subflow %" PRIu32 ", over path %s, is given up: %s", ev->subflow,
                      path_plans[d->path[n]].name, ev->error ? strerror(abs(ev->error)) : "closed");
    else if (!d->told_retry)
        progress_note(&d->progress, t, "a try to join over the dead path got no answer; more follow");
    d->told_retry |= !d->up[n];
}

static void note(struct demo *d, const struct umptcp_event *ev) {
    struct transfer *t = d->current;
    switch (ev->type) {
    case UMPTCP_EV_SUBFLOW_UP:
        note_up(d, ev);
        break;
    case UMPTCP_EV_SUBFLOW_DOWN:
        note_down(d, ev);
        break;
    case UMPTCP_EV_SUBFLOW_STALE:
        progress_note(&d->progress, t, "subflow %" PRIu32 " does not move: its data goes elsewhere", ev->subflow);
        break;
    case UMPTCP_EV_SUBFLOW_ALIVE:
        progress_note(&d->progress, t, "subflow %" PRIu32 " moves again", ev->subflow);
        break;
    case UMPTCP_EV_FALLBACK:
        t->fallback = true;
        progress_note(&d->progress, t, "the connection fell back to TCP");
        break;
    default:
        break;
    }
}

static void on_event(void *arg, const struct umptcp_event *ev) {
    struct demo *d = arg;
    if (ev->sock.v != d->http.sock.v)
        return;
    if (d->current && d->http.state < HTTP_DONE)
        note(d, ev);
    http_event(&d->http, ev, world_now(d->world));
}

/* ---- A transfer -------------------------------------------------------------------------------------------------- */

/* Bytes of the body that the receiving side has in order: its own reading of a download, its DATA_ACKs of an upload. */
static uint64_t delivered(struct demo *d, const struct transfer *t) {
    const struct http *h = &d->http;
    if (t->dir == FAULT_IN)
        return h->in.received;
    struct umptcp_info info;
    if (umptcp_info(d->world->stack, h->sock, &info) < 0)
        return h->state == HTTP_DONE ? t->size : t->now.app; /* it said that it has all */
    uint64_t head = h->out.head_len;
    uint64_t body = info.bytes_acked > head ? info.bytes_acked - head : 0;
    d->transfers[1]->reinjected = info.bytes_reinjected;
    return body < t->size ? body : t->size;
}

static void react(struct demo *d, struct transfer *t, enum mark mark) {
    const char *name = path_plans[t->lead].name;
    if (mark == MARKS)
        return;
    transfer_mark(t, mark);
    if (mark == MARK_CUT || mark == MARK_RETURN)
        world_cut(d->world, t->lead, mark == MARK_CUT);
    if (mark == MARK_CUT)
        progress_note(&d->progress, t, "path %s is CUT: nothing gets through, and nobody is told", name);
    if (mark == MARK_RETURN)
        progress_note(&d->progress, t, "path %s is BACK, and nobody is told", name);
    if (mark == MARK_USED)
        progress_note(&d->progress, t, "path %s carries data again", name);
    if (mark == MARK_END)
        progress_note(&d->progress, t, "all bytes are there");
}

static struct umptcp_time later(struct umptcp_time t, uint64_t ns) { return (struct umptcp_time){t.ns + ns}; }

/* Runs the request that was started, and measures. */
static int run_transfer(struct demo *d, struct transfer *t) {
    struct umptcp_time sample_at = later(t->start, SAMPLE_INTERVAL);
    while (d->http.state < HTTP_DONE) {
        int err = world_step(d->world, sample_at);
        if (err)
            return fail(d, "%s: %s", t->name, strerror(-err));
        react(d, t, transfer_observe(t, d->world, delivered(d, t)));
        struct umptcp_time now = world_now(d->world);
        if (now.ns >= sample_at.ns) {
            sample_at = later(sample_at, SAMPLE_INTERVAL);
            if (t->marks[MARK_END] < 0)
                transfer_sample(t);
            progress_show(&d->progress, t);
        }
        if (now.ns - t->progressed.ns > STUCK)
            return fail(d, "%s: nothing moved for %" PRIu64 " s", t->name, (uint64_t)(STUCK / NS_PER_S));
    }
    react(d, t, transfer_observe(t, d->world, delivered(d, t)));
    return d->http.state == HTTP_DONE ? 0 : fail(d, "%s: %s", t->name, strerror(-d->http.error));
}

/* Lets the connection end, so that the next starts on an empty stage. */
static int leave(struct demo *d) {
    struct umptcp_time until = later(world_now(d->world), LEAVE_MAX);
    int err = 0;
    while (!err && umptcp_sockets(d->world->stack) > 0 && world_now(d->world).ns < until.ns)
        err = world_step(d->world, until);
    return err ? fail(d, "%s", strerror(-err)) : 0;
}

static int start_request(struct demo *d, struct http_request *r, enum path path) {
    const struct path_plan *plan = &path_plans[path];
    struct umptcp_connect *c = &r->connect;
    c->remote.port = SERVER_PORT;
    int err = umptcp_addr_parse(plan->client, &c->local.addr);
    if (!err)
        err = umptcp_addr_parse(plan->server, &c->remote.addr);
    if (!err)
        err = http_start(&d->http, d->world->stack, r, world_now(d->world));
    return err ? fail(d, "%s %s: %s", r->method, r->path, strerror(-err)) : 0;
}

/* Opens a file next to the server's: what the client downloads is what it uploads. */
static int open_copy(struct demo *d, int flags) {
    char path[512];
    snprintf(path, sizeof path, "%s/copy", d->options.world.dir);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd < 0 ? fail(d, "%s: %s", path, strerror(errno)) : fd;
}

static int transfer(struct demo *d, struct transfer *t, struct http_request *r) {
    transfer_begin(t, d->world);
    d->current = t;
    memset(d->up, 0, sizeof d->up);
    d->path[1] = t->lead;
    d->up[1] = true;
    d->told_retry = false;
    int err = start_request(d, r, t->lead);
    if (!err)
        err = run_transfer(d, t);
    d->current = NULL;
    progress_end(&d->progress);
    http_sha_text(t->dir == FAULT_IN ? &d->http.in.sha : &d->http.out.sha, t->sha_client);
    snprintf(t->sha_server, sizeof t->sha_server, "%s", d->http.sha_peer);
    return err ? err : leave(d);
}

static int download(struct demo *d, struct transfer *t) {
    int fd = open_copy(d, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0)
        return fd;
    struct http_request r = {.method = "GET", .path = "/file", .fd = fd};
    int err = transfer(d, t, &r);
    close(fd);
    return err;
}

static int upload(struct demo *d, struct transfer *t) {
    int fd = open_copy(d, O_RDONLY);
    if (fd < 0)
        return fd;
    struct http_request r = {.method = "PUT", .path = "/uploaded", .fd = fd, .len = t->size};
    int err = transfer(d, t, &r);
    close(fd);
    return err;
}

/* Asks the server what it counted. */
static int get_account(struct demo *d) {
    struct http_request r = {.method = "GET", .path = "/account", .fd = -1};
    int err = start_request(d, &r, PATH_A);
    struct umptcp_time until = later(world_now(d->world), STUCK);
    while (!err && d->http.state < HTTP_DONE && world_now(d->world).ns < until.ns)
        err = world_step(d->world, until);
    if (err || d->http.state != HTTP_DONE)
        return fail(d, "the server's account: %s", strerror(err ? -err : -d->http.error));
    memcpy(d->account, d->http.in.text, sizeof d->account);
    d->transfers[0]->reinjected = account_value(d->account, "Reinjected.GET.file");
    return leave(d);
}

/* ---- The story --------------------------------------------------------------------------------------------------- */

static void introduce(const struct demo *d) {
    const struct path_plan *a = &path_plans[PATH_A], *b = &path_plans[PATH_B];
    printf("One connection, two paths: %s has %.0f Mbit/s and %.0f ms one way, %s has %.0f Mbit/s and %.0f ms.\n",
           a->name, (double)a->rate / 1e6, (double)a->delay / 1e6, b->name, (double)b->rate / 1e6,
           (double)b->delay / 1e6);
    if (d->options.world.netns)
        puts("The client is umptcp, in user space, behind two TUN interfaces; the server is the Linux kernel's own "
             "MPTCP\n"
             "under Python's http.server. They live in two network namespaces, with nothing between them but the "
             "paths.");
    else
        puts("Client and server are both umptcp, two stacks in one process; time is virtual, so it runs as fast as it "
             "can.");
    printf("A file is downloaded over both. At %.0f %% the path that made the connection is cut without a word, at "
           "%.0f %% it\n"
           "is mended. Then the same file is uploaded, with the roles of the paths swapped: B leads, and B is cut.\n",
           100 * CUT_AT, 100 * RETURN_AT);
}

static int tell(struct demo *d) {
    struct transfer *down = d->transfers[0], *up = d->transfers[1];
    introduce(d);
    printf("\nDownload of %.1f MB, over path %s first:\n", (double)down->size / 1e6, path_plans[down->lead].name);
    if (download(d, down))
        return -1;
    printf("\nUpload of %.1f MB, over path %s first:\n", (double)up->size / 1e6, path_plans[up->lead].name);
    if (upload(d, up))
        return -1;
    return get_account(d);
}

/* Who took part, for the picture's title and the witness. */
static const char *server_name(const struct demo *d) {
    static char name[160];
    struct utsname u;
    if (d->options.world.netns && uname(&u) == 0)
        snprintf(name, sizeof name, "the kernel, Linux %.100s,", u.release);
    else
        snprintf(name, sizeof name, "the server's stack");
    return name;
}

static void draw(struct demo *d) {
    const struct options *o = &d->options;
    if (!o->picture)
        return;
    const struct transfer *const t[TRANSFERS] = {d->transfers[0], d->transfers[1]};
    const char *title = o->world.netns
                            ? "umptcp and the Linux kernel: one connection, two paths, one of them cut"
                            : "umptcp and umptcp, in virtual time: one connection, two paths, one of them cut";
    int err = picture_write(o->picture, title, t);
    if (err)
        fail(d, "%s: %s", o->picture, strerror(-err));
    else
        printf("\nPicture: %s (and .png where a converter is installed)\n", o->picture);
}

/* The numbers of a story that was told to its end. */
static void judge(struct demo *d) {
    const struct transfer *const t[TRANSFERS] = {d->transfers[0], d->transfers[1]};
    table_print(t);
    table_witness(d->account, server_name(d));
    table_verdict(t, d->account, d->why, sizeof d->why);
}

static void print_result(const struct demo *d) {
    const struct transfer *const *t = (const struct transfer *const *)d->transfers;
    if (*d->why) {
        printf("\ndemo: FAILED: %s\n", d->why);
        return;
    }
    printf("\ndemo: ok (%s;", d->options.world.netns ? "against the kernel" : "between two stacks, virtual time");
    for (int i = 0; i < TRANSFERS; i++) {
        struct phase before = transfer_phase(t[i], PHASE_BEFORE), during = transfer_phase(t[i], PHASE_DURING);
        printf(" %s of %.1f MB in %.1f s, %.0f %% of both paths, %.0f %% of one, longest stall %.2f s%s", t[i]->name,
               (double)t[i]->size / 1e6, t[i]->marks[MARK_END], 100 * before.goodput / before.achievable,
               100 * during.goodput / during.achievable, t[i]->stall, i + 1 < TRANSFERS ? ";" : ")\n");
    }
}

/* ---- Main -------------------------------------------------------------------------------------------------------- */

static bool parse_options(struct options *o, int argc, char **argv) {
    static const struct option names[] = {{"netns", required_argument, NULL, 'n'},
                                          {"dir", required_argument, NULL, 'd'},
                                          {"picture", required_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    int opt;
    while ((opt = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (opt == 'n')
            o->world.netns = optarg;
        else if (opt == 'd')
            o->world.dir = optarg;
        else if (opt == 'p')
            o->picture = optarg;
        else
            return false;
    }
    if (o->world.dir && optind == argc)
        return true;
    fprintf(stderr,
            "usage: %s --dir DIR [--netns SERVER] [--picture FILE.svg]\n"
            "DIR holds the file that is transferred, \"file\". Without --netns: virtual time.\n",
            argv[0]);
    return false;
}

/* The two transfers, of the file that lies in the directory. */
static int prepare(struct demo *d) {
    static struct transfer down = {.name = "download", .dir = FAULT_IN, .lead = PATH_A, .spare = PATH_B};
    static struct transfer up = {.name = "upload", .dir = FAULT_OUT, .lead = PATH_B, .spare = PATH_A};
    d->transfers[0] = &down;
    d->transfers[1] = &up;
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/file", d->options.world.dir);
    if (stat(path, &st) < 0 || st.st_size == 0)
        return fail(d, "%s: %s", path, strerror(errno));
    for (int i = 0; i < TRANSFERS; i++) {
        d->transfers[i]->size = (uint64_t)st.st_size;
        for (int m = 0; m < MARKS; m++)
            d->transfers[i]->marks[m] = -1;
    }
    struct world_config *cfg = &d->options.world;
    down.from_linux = cfg->netns;
    cfg->on_event = on_event;
    cfg->arg = d;
    int err = cfg->netns ? world_kernel_new(cfg, &d->world) : world_virtual_new(cfg, &d->world);
    return err ? fail(d, "cannot set up: %s", strerror(-err)) : 0;
}

int main(int argc, char **argv) {
    static struct demo d;
    if (!parse_options(&d.options, argc, argv))
        return 2;
    progress_init(&d.progress);
    if (prepare(&d) == 0) {
        if (tell(&d) == 0)
            judge(&d);
        draw(&d);
    }
    print_result(&d);
    world_free(d.world);
    return *d.why ? 1 : 0;
}
