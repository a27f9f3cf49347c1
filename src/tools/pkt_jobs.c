/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process for each run, so that none can harm another or the command; several at a time.
 *
 * What a run has to say goes to files in memory and to a page that it shares with its parent, so that it is there
 * however the process ends. The parent sleeps until a child ends or the next one has had its time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"
#include "tools/pkt.h"

/*
 * Runs on the kernel mostly sleep, but compare times to a few milliseconds: more of them at a time make each other
 * late.
 */
enum { LINUX_JOBS = 2, JOBS_MAX = 256, STREAM_MAX = 8 << 20 };
#define ENGINE_TIMEOUT SEC(30)
#define LINUX_TIMEOUT  SEC(180)
#define PROGRESS_AFTER SEC(1)

struct worker {
    pid_t pid; /* 0: free */
    struct pkt_run *run;
    struct pkt_shared *shared;
    int streams[PKT_STREAMS];
    struct umptcp_time started, deadline;
    bool late;
};

struct jobs {
    const struct pkt_options *options;
    struct pkt_case *cases;
    uint32_t ncases;
    uint32_t next[PKT_TARGETS]; /* case to start next on a target */
    uint32_t running[PKT_TARGETS], limit[PKT_TARGETS];
    uint32_t reported;
    struct worker workers[JOBS_MAX];
    uint32_t nworkers;
    struct umptcp_time started;
    bool progress; /* the terminal shows a count */
    sigset_t signals, before;
};

/* ---- Begin and end of a process ---------------------------------------------------------------------------------- */

static void close_streams(struct worker *w) {
    for (int i = 0; i < PKT_STREAMS; i++)
        if (w->streams[i] >= 0)
            (void)close(w->streams[i]);
}

static bool open_streams(struct worker *w) {
    for (int i = 0; i < PKT_STREAMS; i++)
        w->streams[i] = -1;
    for (int i = 0; i < PKT_STREAMS; i++) {
        w->streams[i] = memfd_create("umptcp-pkt", MFD_CLOEXEC);
        if (w->streams[i] < 0) {
            close_streams(w);
            return false;
        }
    }
    return true;
}

/* In the process. It is the leader of a group, which ends with it. */
_Noreturn static void be_run(const struct jobs *j, const struct worker *w, pid_t parent) {
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(STATUS_USAGE);
    (void)sigprocmask(SIG_SETMASK, &j->before, NULL);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(w->streams[PKT_STRAY], STDOUT_FILENO) < 0 ||
        dup2(w->streams[PKT_STRAY], STDERR_FILENO) < 0)
        _exit(STATUS_USAGE);
    pkt_run_script(j->options, w->run, w->shared, w->streams);
    exit(0); /* not _exit: a sanitizer looks for leaks now */
}

static int worker_start(struct jobs *j, struct worker *w, struct pkt_run *run) {
    if (!open_streams(w))
        return -errno;
    memset(w->shared, 0, sizeof *w->shared);
    w->run = run;
    w->late = false;
    w->started = clock_now();
    dur timeout = j->options->timeout ? j->options->timeout : run->target == PKT_LINUX ? LINUX_TIMEOUT : ENGINE_TIMEOUT;
    w->deadline = time_add(w->started, timeout);
    pid_t parent = getpid();
    w->pid = fork();
    if (w->pid == 0)
        be_run(j, w, parent);
    if (w->pid < 0) {
        w->pid = 0;
        close_streams(w);
        return -errno;
    }
    (void)setpgid(w->pid, w->pid); /* whoever is first */
    j->running[run->target]++;
    return 0;
}

/* All of a stream, or its beginning when it is very long. */
static char *stream_text(int fd) {
    off_t len = lseek(fd, 0, SEEK_END);
    size_t size = len < 0 ? 0 : len > STREAM_MAX ? STREAM_MAX : (size_t)len;
    char *text = malloc(size + 1);
    if (!text)
        return NULL;
    size_t done = 0;
    for (ssize_t n = 1; done < size && n > 0; done += n > 0 ? (size_t)n : 0)
        n = pread(fd, text + done, size - done, (off_t)done);
    text[done] = '\0';
    for (char *p = text; (size_t)(p - text) < done; p++) /* a string to its end */
        *p = *p ? *p : '?';
    return text;
}

static void set_error(struct pkt_run *run, struct place place, const char *message) {
    run->place = place;
    free(run->message);
    run->message = strdup(message);
}

static void set_failed(struct pkt_run *run, uint32_t line, const char *what) {
    run->outcome = PKT_FAILED;
    set_error(run, (struct place){line, line ? 1 : 0}, what);
}

static void set_late(const struct worker *w) {
    const struct pkt_shared *s = w->shared;
    char what[128];
    (void)snprintf(what, sizeof what, "no end after %g s: it waits for ever%s",
                   (double)time_since(w->deadline, w->started) / (double)SEC(1),
                   s->next   ? " here"
                   : s->line ? " behind the last event"
                             : "");
    set_failed(w->run, s->next ? s->next : s->line, what);
}

/* A script that says that Linux differs has to fail there. */
static void judge_difference(struct pkt_run *run) {
    struct text why = {0};
    bool differs = pkt_linux_note(run->script->source, &why);
    text_free(&why);
    if (differs && run->outcome == PKT_FAILED)
        run->outcome = PKT_DIFFERS;
    else if (differs && run->outcome == PKT_PASSED)
        set_failed(run, 0, "its comment says that Linux differs, but it passes");
}

/* What to make of the way in which a process ended. */
static void judge(const struct worker *w, int status) {
    struct pkt_run *run = w->run;
    char what[256];
    run->outcome = w->shared->outcome;
    w->shared->error.text[sizeof w->shared->error.text - 1] = '\0';
    set_error(run, w->shared->error.place, w->shared->error.text);
    if (w->late) {
        set_late(w);
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(what, sizeof what, "the run died of signal %d (%s), in this line or behind it", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
        set_failed(run, w->shared->line, what);
    } else if (WEXITSTATUS(status) && run->outcome <= PKT_PASSED) {
        (void)snprintf(what, sizeof what, "the process of the run ended with status %d", WEXITSTATUS(status));
        set_failed(run, w->shared->line, what);
    } else if (run->outcome == PKT_DIED) {
        set_failed(run, w->shared->line, "the process of the run ended too early");
    } else if (run->target == PKT_LINUX) {
        judge_difference(run);
    }
}

static bool worker_end(struct jobs *j, struct worker *w, int status) {
    struct pkt_run *run = w->run;
    (void)kill(-w->pid, SIGKILL); /* what its commands left behind */
    w->pid = 0;
    j->running[run->target]--;
    judge(w, status);
    run->took = time_since(clock_now(), w->started);
    run->detail = stream_text(w->streams[PKT_DETAIL]);
    run->ladder = stream_text(w->streams[PKT_LADDER]);
    run->packets = stream_text(w->streams[PKT_PACKETS]);
    run->stray = stream_text(w->streams[PKT_STRAY]);
    run->done = true;
    close_streams(w);
    return run->message && run->detail && run->ladder && run->packets && run->stray;
}

/* ---- Many of them ------------------------------------------------------------------------------------------------ */

static struct worker *free_worker(struct jobs *j) {
    for (uint32_t i = 0; i < j->nworkers; i++)
        if (!j->workers[i].pid)
            return &j->workers[i];
    return NULL;
}

/* The next run on a target, in order; NULL: none is left. */
static struct pkt_run *next_run(struct jobs *j, enum pkt_target target) {
    for (; j->next[target] < j->ncases; j->next[target]++) {
        struct pkt_case *c = &j->cases[j->next[target]];
        for (uint32_t i = 0; i < c->nruns; i++)
            if (c->runs[i].target == target)
                return &c->runs[i];
    }
    return NULL;
}

/* Starts what may run now. 0, or a negative errno when nothing runs and nothing can be started. */
static int start_runs(struct jobs *j) {
    for (int target = 0; target < PKT_TARGETS; target++) {
        while (j->running[target] < j->limit[target]) {
            struct pkt_run *run = next_run(j, (enum pkt_target)target);
            struct worker *w = free_worker(j);
            if (!run || !w)
                break;
            int err = worker_start(j, w, run);
            if (err)
                return j->running[PKT_ENGINE] + j->running[PKT_LINUX] ? 0 : err;
            j->next[target]++;
        }
    }
    return 0;
}

/* Sleeps until a child ends, a run has had its time, or the user wants an end: then it returns the signal. */
static int await(struct jobs *j) {
    struct umptcp_time deadline = UMPTCP_NEVER, now = clock_now();
    for (uint32_t i = 0; i < j->nworkers; i++)
        if (j->workers[i].pid && !j->workers[i].late)
            deadline = time_min(deadline, j->workers[i].deadline);
    dur left = time_is_never(deadline) ? SEC(3600) : time_since(deadline, now) + 1000000;
    struct timespec ts = {(time_t)(left / SEC(1)), (long)(left % SEC(1))};
    int sig = sigtimedwait(&j->signals, NULL, &ts);
    return sig == SIGCHLD || sig < 0 ? 0 : sig;
}

static bool reap(struct jobs *j) {
    struct umptcp_time now = clock_now();
    for (uint32_t i = 0; i < j->nworkers; i++) {
        struct worker *w = &j->workers[i];
        int status;
        if (!w->pid)
            continue;
        if (waitpid(w->pid, &status, WNOHANG) == w->pid) {
            if (!worker_end(j, w, status))
                return false;
        } else if (!w->late && !time_before(now, w->deadline)) {
            w->late = true;
            (void)kill(-w->pid, SIGKILL);
            (void)kill(w->pid, SIGKILL);
        }
    }
    return true;
}

static void kill_all(struct jobs *j) {
    for (uint32_t i = 0; i < j->nworkers; i++) {
        struct worker *w = &j->workers[i];
        int status;
        if (!w->pid)
            continue;
        (void)kill(-w->pid, SIGKILL);
        (void)kill(w->pid, SIGKILL);
        while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
            continue;
        w->pid = 0;
        close_streams(w);
    }
}

/* ---- In order ---------------------------------------------------------------------------------------------------- */

static void show_progress(struct jobs *j) {
    if (!isatty(STDERR_FILENO) || time_since(clock_now(), j->started) < PROGRESS_AFTER)
        return;
    uint32_t done = 0;
    for (uint32_t i = 0; i < j->ncases; i++) {
        const struct pkt_case *c = &j->cases[i];
        bool over = i < j->reported || c->skip || (c->runs[0].done && (c->nruns < 2 || c->runs[1].done));
        done += over;
    }
    (void)fprintf(stderr, "\r%u/%u", done, j->ncases);
    (void)fflush(stderr);
    j->progress = true;
}

static void hide_progress(struct jobs *j) {
    if (j->progress)
        (void)fputs("\r\033[K", stderr);
    j->progress = false;
}

static void free_run_texts(struct pkt_case *c) {
    for (uint32_t i = 0; i < c->nruns; i++) {
        free(c->runs[i].message);
        free(c->runs[i].detail);
        free(c->runs[i].ladder);
        free(c->runs[i].packets);
        free(c->runs[i].stray);
        c->runs[i].message = c->runs[i].detail = c->runs[i].ladder = c->runs[i].packets = c->runs[i].stray = NULL;
    }
}

static const struct pkt_run *environment_problem(const struct pkt_case *c) {
    for (uint32_t i = 0; i < c->nruns; i++)
        if (c->runs[i].outcome == PKT_ENVIRONMENT)
            return &c->runs[i];
    return NULL;
}

/* Reports the cases that are over, in order. False when this was all, or `status` says why. */
static bool report(struct jobs *j, bool (*done)(void *ctx, struct pkt_case *c), void *ctx, int *status) {
    while (j->reported < j->ncases) {
        struct pkt_case *c = &j->cases[j->reported];
        for (uint32_t i = 0; i < c->nruns; i++)
            if (!c->runs[i].done)
                return true;
        hide_progress(j);
        const struct pkt_run *problem = environment_problem(c);
        bool go_on = !problem && done(ctx, c);
        if (problem)
            *status = pkt_complain("%s", problem->message);
        free_run_texts(c);
        j->reported++;
        if (!go_on)
            return false;
    }
    return false;
}

static void loop(struct jobs *j, bool (*done)(void *ctx, struct pkt_case *c), void *ctx, int *status) {
    while (report(j, done, ctx, status)) {
        int err = start_runs(j);
        if (err) {
            *status = pkt_complain("a process for a run cannot be started: %s", strerror(-err));
            return;
        }
        int sig = await(j);
        if (sig) {
            hide_progress(j);
            kill_all(j);
            (void)signal(sig, SIG_DFL);
            (void)sigprocmask(SIG_SETMASK, &j->before, NULL);
            (void)raise(sig);
        }
        if (!reap(j)) {
            *status = pkt_complain("%s", strerror(ENOMEM));
            return;
        }
        show_progress(j);
    }
}

static uint32_t processors(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > JOBS_MAX ? JOBS_MAX : (uint32_t)n;
}

int pkt_jobs_run(const struct pkt_options *options, struct pkt_case *cases, uint32_t ncases,
                 bool (*done)(void *ctx, struct pkt_case *c), void *ctx) {
    static const int waited_for[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP};
    struct jobs *j = calloc(1, sizeof *j);
    if (!j)
        return pkt_complain("%s", strerror(ENOMEM));
    *j = (struct jobs){.options = options, .cases = cases, .ncases = ncases, .started = clock_now()};
    j->limit[PKT_ENGINE] = options->jobs ? options->jobs : processors();
    j->limit[PKT_LINUX] = options->jobs ? options->jobs : LINUX_JOBS;
    uint32_t both = options->both ? j->limit[PKT_ENGINE] + j->limit[PKT_LINUX] : j->limit[options->target];
    j->nworkers = both < JOBS_MAX ? both : JOBS_MAX;
    size_t size = j->nworkers * sizeof *j->workers[0].shared;
    struct pkt_shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        free(j);
        return pkt_complain("%s", strerror(ENOMEM));
    }
    for (uint32_t i = 0; i < j->nworkers; i++)
        j->workers[i].shared = &shared[i];
    (void)sigemptyset(&j->signals);
    for (size_t i = 0; i < sizeof waited_for / sizeof *waited_for; i++)
        (void)sigaddset(&j->signals, waited_for[i]);
    (void)sigprocmask(SIG_BLOCK, &j->signals, &j->before);
    int status = 0;
    loop(j, done, ctx, &status);
    hide_progress(j);
    kill_all(j);
    for (uint32_t i = j->reported; i < ncases; i++)
        free_run_texts(&cases[i]);
    (void)sigprocmask(SIG_SETMASK, &j->before, NULL);
    (void)munmap(shared, size);
    free(j);
    return status;
}
