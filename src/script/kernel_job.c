/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that block, each in a thread of its own while the run goes on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "script/kernel_internal.h"

enum { STACK_BYTES = 1 << 20, LOOK_NS = 20000, LOOK_MAX_NS = 1000000000 };

/* One thread and its job. It belongs to the main thread; of an abandoned one nobody frees anything. */
struct kernel_job {
    struct kernel *k;
    struct job *job;
    pthread_t thread;
    pid_t tid;
    atomic_bool runs; /* `tid` and job->started are set, and the call is next */
    int over;         /* event descriptor: readable when the job is */
};

static void *job_main(void *arg) {
    struct kernel_job *j = arg;
    j->tid = gettid();
    j->job->started = kernel_now(j->k);
    atomic_store(&j->runs, true);
    j->job->run(j->job, &j->k->target.posix);
    j->job->ended = kernel_now(j->k);
    eventfd_write(j->over, 1);
    return NULL;
}

static void job_free(struct kernel_job *j) {
    close(j->over);
    free(j);
}

/* Whether the thread sleeps in a call: state S, behind the name in parentheses. */
static bool thread_sleeps(pid_t tid) {
    char path[48], stat[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    stat[n] = '\0';
    const char *name_end = strrchr(stat, ')');
    return name_end && strncmp(name_end, ") S", 3) == 0;
}

/* With our own scheduling from its first moment on, where that is allowed. */
static int job_thread(struct kernel_job *j) {
    pthread_attr_t attr;
    struct sched_param param;
    int policy;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_getschedparam(pthread_self(), &policy, &param);
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, policy & ~SCHED_RESET_ON_FORK);
    pthread_attr_setschedparam(&attr, &param);
    int err = pthread_create(&j->thread, &attr, job_main, j);
    if (err == EPERM) {
        pthread_attr_setinheritsched(&attr, PTHREAD_INHERIT_SCHED);
        err = pthread_create(&j->thread, &attr, job_main, j);
    }
    pthread_attr_destroy(&attr);
    return -err;
}

int kernel_job_start(struct kernel *k, struct job *job) {
    if (k->started)
        return -EBUSY;
    struct kernel_job *j = calloc(1, sizeof *j);
    if (!j)
        return -ENOMEM;
    *j = (struct kernel_job){.k = k, .job = job, .over = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    int err = j->over < 0 ? -errno : job_thread(j);
    if (err) {
        job_free(j);
        return err;
    }
    k->started = j;
    /* There is no event for "it sleeps": the kernel tells those who look. The thread needs a processor meanwhile. */
    for (dur end = kernel_now(k) + LOOK_MAX_NS; kernel_now(k) < end;) {
        struct pollfd p = {.fd = j->over, .events = POLLIN};
        struct timespec look = {0, LOOK_NS};
        if (ppoll(&p, 1, &look, NULL) == 1) {
            kernel_job_finish(k, job, 0);
            break;
        }
        if (atomic_load(&j->runs) && thread_sleeps(j->tid))
            break;
    }
    return 0;
}

bool kernel_job_finish(struct kernel *k, struct job *job, dur until) {
    struct kernel_job *j = k->started;
    if (!j || j->job != job)
        return job->done;
    if (!kernel_wait(k, until, j->over))
        return false;
    pthread_join(j->thread, NULL);
    job_free(j);
    k->started = NULL;
    job->done = true;
    return true;
}

static void stay_here(int signal) {
    (void)signal;
    for (;;)
        pause();
}

/* The thread may not return from its call any more, for what the job points to goes away: it is interrupted, and stays
 * in the handler until the process exits. */
void kernel_job_abandon(struct kernel *k, struct job *job) {
    struct kernel_job *j = k->started;
    if (!j || j->job != job || kernel_job_finish(k, job, 0))
        return;
    struct sigaction action = {.sa_handler = stay_here};
    sigfillset(&action.sa_mask);
    sigaction(SIGRTMIN, &action, NULL);
    pthread_kill(j->thread, SIGRTMIN);
    pthread_detach(j->thread);
    k->started = NULL;
}
