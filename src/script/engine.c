/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine as a target. Time goes from one thing that happens to the next: what the stack does by itself, the moment
 * that somebody waits for, the deadline of a call that waits. After each such step the calls that wait are tried again.
 */
#define _GNU_SOURCE
#include "script/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/engine_commands.h"
#include "script/host.h"

/* Steps of a waiting call before it counts as one that never ends: more than any connection has patience for. */
enum { STEPS_MAX = 1000000 };
#define START SEC(1000)

struct started {
    struct started *next;
    struct job *job;
    struct host_job state;
};

struct engine {
    struct target t;
    const struct settings *settings;
    struct host *h;
    struct started *started;
};

static struct engine *engine_of(const struct target *t) { return (struct engine *)(uintptr_t)t; }

static dur since_start(utime t) { return t.ns - START; }
static utime moment(dur d) { return d == TIME_FOREVER ? UMPTCP_NEVER : time_add((utime){START}, d); }
static dur now(const struct engine *e) { return since_start(host_now(e->h)); }

/* ---- Jobs -------------------------------------------------------------------------------------------------------- */

static void job_try(struct engine *e, struct job *job, struct host_job *state) {
    host_begin(e->h, state);
    job->run(job, &e->t.posix);
    host_begin(e->h, NULL);
    job->done = !state->blocked;
    job->ended = now(e);
}

static void jobs_retry(struct engine *e) {
    for (struct started *s = e->started; s; s = s->next)
        if (!s->job->done)
            job_try(e, s->job, &s->state);
}

static struct started **started_find(struct engine *e, const struct job *job) {
    struct started **at = &e->started;
    while (*at && (*at)->job != job)
        at = &(*at)->next;
    return at;
}

static void started_remove(struct started **at) {
    struct started *s = *at;
    *at = s->next;
    free(s);
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

/* The next moment at which something may happen by itself; `extra`: a call that waits too, or NULL. */
static utime next_moment(const struct engine *e, const struct host_job *extra) {
    utime next = host_next(e->h);
    for (const struct started *s = e->started; s; s = s->next)
        if (!s->job->done)
            next = time_min(next, s->state.deadline);
    return extra ? time_min(next, extra->deadline) : next;
}

/* Time goes on to the next moment, at most to `until`. False when nothing will ever happen and nobody set an end. */
static bool step(struct engine *e, utime until, const struct host_job *extra) {
    utime next = time_min(next_moment(e, extra), until);
    if (time_is_never(next))
        return false;
    host_step(e->h, next);
    jobs_retry(e);
    return true;
}

static dur engine_now(const struct target *t) { return now(engine_of(t)); }

static void engine_wait(struct target *t, dur until) {
    struct engine *e = engine_of(t);
    while (now(e) < until && step(e, moment(until), NULL))
        ;
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static bool engine_take(struct target *t, dur until, struct live *live) {
    struct engine *e = engine_of(t);
    struct host_packet p;
    while (!host_take(e->h, &p))
        if (now(e) >= until || !step(e, moment(until), NULL))
            return false;
    *live = (struct live){since_start(p.time), p.data, p.len, p.gso_size};
    return true;
}

static int engine_inject(struct target *t, const uint8_t *data, uint32_t len, uint16_t gso_size) {
    struct engine *e = engine_of(t);
    int err = host_inject(e->h, data, len, gso_size);
    jobs_retry(e);
    return err;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static int engine_call(struct target *t, struct job *job) {
    struct engine *e = engine_of(t);
    struct host_job state = {0};
    job->started = now(e);
    job_try(e, job, &state);
    for (int steps = 0; !job->done; steps++) {
        if (steps == STEPS_MAX || !step(e, UMPTCP_NEVER, &state))
            return -EDEADLK;
        job_try(e, job, &state);
    }
    jobs_retry(e);
    return 0;
}

static int engine_start(struct target *t, struct job *job) {
    struct engine *e = engine_of(t);
    struct started *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->job = job;
    s->next = e->started;
    e->started = s;
    job->started = now(e);
    job_try(e, job, &s->state);
    return 0;
}

static bool engine_finish(struct target *t, struct job *job, dur until) {
    struct engine *e = engine_of(t);
    struct started **at = started_find(e, job);
    for (int steps = 0; !job->done && now(e) < until && steps < STEPS_MAX; steps++)
        if (!*at || !step(e, moment(until), NULL))
            return false;
    if (job->done && *at)
        started_remove(at);
    return job->done;
}

static void engine_abandon(struct target *t, struct job *job) {
    struct started **at = started_find(engine_of(t), job);
    if (*at)
        started_remove(at);
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

static void command_pause(void *ctx, dur time) {
    struct engine *e = ctx;
    engine_wait(&e->t, now(e) + time);
}

static int engine_command(struct target *t, const char *text, char *error, size_t size) {
    struct engine *e = engine_of(t);
    int err = engine_command_run(e->h, e->settings, text, command_pause, e, error, size);
    jobs_retry(e);
    return err;
}

static int engine_begin(struct target *t, char *error, size_t size) {
    (void)t;
    if (size)
        *error = 0;
    return 0;
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static void engine_close(struct target *t) {
    struct engine *e = engine_of(t);
    while (e->started)
        started_remove(&e->started);
    host_close(e->h);
    free(e);
}

static const struct target_ops ops = {
    .name = "engine",
    .virtual_time = true,
    .now = engine_now,
    .wait = engine_wait,
    .take = engine_take,
    .inject = engine_inject,
    .call = engine_call,
    .start = engine_start,
    .finish = engine_finish,
    .abandon = engine_abandon,
    .command = engine_command,
    .begin = engine_begin,
    .close = engine_close,
};

int engine_target_open(const struct settings *settings, uint64_t seed, struct target **t, char *error, size_t size) {
    struct engine *e = calloc(1, sizeof *e);
    struct host_options options = {.start = {START}};
    if (!e) {
        snprintf(error, size, "no memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < sizeof seed; i++)
        options.seed[i] = (uint8_t)(seed >> 8 * i);
    int err = host_open(settings, &options, &e->h, error, size);
    if (err) {
        free(e);
        return err;
    }
    e->t.ops = &ops;
    e->t.posix = host_posix(e->h);
    e->settings = settings;
    *t = &e->t;
    return 0;
}
