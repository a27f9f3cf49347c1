/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack under test, as the runner sees it: packets, time, calls and commands. There are two: the engine in virtual
 * time (engine.h) and the running kernel in real time (kernel.h).
 *
 * Times are durations since the target was opened. Only wait(), take() and call() let time pass.
 */
#ifndef UMPTCP_SCRIPT_TARGET_H
#define UMPTCP_SCRIPT_TARGET_H

#include "script/posix.h"
#include "script/settings.h"

#define TIME_FOREVER UINT64_MAX

/* An IP packet that left the stack: in one piece, checksums complete, perhaps merged from many (gso_size). */
struct live {
    dur time;
    uint8_t *data; /* the target's, until the next take() */
    uint32_t len;
    uint16_t gso_size; /* payload of each piece; 0: one segment */
};

/*
 * Something that makes calls through `posix` and may block. A target that cannot block runs it again from its start
 * when something changed, until nothing in it blocks any more: so `run` must be repeatable.
 */
struct job {
    void (*run)(struct job *job, const struct posix *posix);
    bool done;
    dur started, ended;
};

struct target;

struct target_ops {
    const char *name;  /* "engine", "linux" */
    bool virtual_time; /* times are exact */

    dur (*now)(const struct target *t);
    /* Lets time pass until `until`. */
    void (*wait)(struct target *t, dur until);
    /*
     * The next packet that left the stack, in the order they left. Waits for it, at most until `until`. False when none
     * came (then the time is `until`, or, in virtual time, nothing that could ever happen is left).
     */
    bool (*take)(struct target *t, dur until, struct live *live);
    /* A packet for the stack: complete, `gso_size` not 0 when it counts as merged. 0 or a negative errno. */
    int (*inject)(struct target *t, const uint8_t *data, uint32_t len, uint16_t gso_size);

    /* Runs a job to its end. -EDEADLK when in virtual time nothing could ever end it. */
    int (*call)(struct target *t, struct job *job);
    /* Starts a job that may block, and returns when it is over (job->done) or waits for something. */
    int (*start)(struct target *t, struct job *job);
    /* Gives a started job until `until` to end; false when it is still not done. */
    bool (*finish)(struct target *t, struct job *job, dur until);
    /* Forgets a started job that does not end. */
    void (*abandon)(struct target *t, struct job *job);

    /* Runs a shell command, or does what it means. 0, or a negative errno and a sentence. Before the first event it
     * configures what is about to run. */
    int (*command)(struct target *t, const char *text, char *error, size_t size);
    /* The script starts: time 0 of the scripts is the target's now(). Commands of the set-up are over. */
    int (*begin)(struct target *t, char *error, size_t size);
    void (*close)(struct target *t);
};

struct target {
    const struct target_ops *ops;
    struct posix posix;
};

#endif
