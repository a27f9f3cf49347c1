/* SPDX-License-Identifier: BSD-3-Clause */
/* Shell commands of scripts. Their output goes where ours goes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "script/kernel_internal.h"

/* Variables as "NAME=value", NULL-terminated, of which those set later hide those set before. */
struct environment {
    struct arena arena;
    char **at;
    size_t n, cap;
};

static void environment_put(struct environment *e, char *variable) {
    size_t name = strcspn(variable, "=");
    for (size_t i = 0; i < e->n; i++)
        if (strncmp(e->at[i], variable, name) == 0 && e->at[i][name] == '=') {
            e->at[i] = variable;
            return;
        }
    if (e->n + 1 >= e->cap) {
        size_t cap = e->cap ? 2 * e->cap : 64;
        char **at = arena_alloc(&e->arena, cap * sizeof *at);
        if (e->n)
            memcpy(at, e->at, e->n * sizeof *at);
        e->at = at;
        e->cap = cap;
    }
    e->at[e->n++] = variable;
    e->at[e->n] = NULL;
}

static void environment_set(void *ctx, const char *name, const char *value) {
    struct environment *e = ctx;
    environment_put(e, arena_printf(&e->arena, "%s=%s", name, value));
}

static void environment_fill(struct environment *e, const struct settings *settings) {
    for (char **v = environ; v && *v; v++)
        environment_put(e, *v);
    settings_environment(settings, environment_set, e);
    environment_put(e, arena_printf(&e->arena, "PACKETDRILL_PID=%d", (int)getpid()));
    environment_set(e, "OPT_LOCAL_DEV", KERNEL_DEVICE);
}

/* The shell gets no descriptor of ours: a program that goes on in the background must not keep a socket open. */
static int shell_spawn(const char *text, char **env, pid_t *pid) {
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(text), NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    int err = argv[2] ? posix_spawn(pid, "/bin/sh", &files, &attr, argv, env) : ENOMEM;
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    free(argv[2]);
    return -err;
}

/* 0, or a sentence about how it ended. */
static int status_check(int status, char *error, size_t size) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        snprintf(error, size, "the command was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(error, size, "the command ended with status %d", WEXITSTATUS(status));
    return -ECHILD;
}

int kernel_command(struct kernel *k, const char *text, char *error, size_t size) {
    struct environment env = {{NULL}, NULL, 0, 0};
    environment_fill(&env, k->settings);
    (void)fflush(NULL); /* its output comes behind ours */
    pid_t pid;
    int err = shell_spawn(text, env.at, &pid);
    arena_free(&env.arena);
    if (err) {
        snprintf(error, size, "/bin/sh cannot be started: %s", strerror(-err));
        return err;
    }
    /* An old kernel has no such descriptor; then packets wait in the socket until the command ends. */
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd >= 0) {
        kernel_wait(k, TIME_FOREVER, pidfd);
        close(pidfd);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) {
            snprintf(error, size, "the command cannot be waited for: %s", strerror(errno));
            return -errno;
        }
    return status_check(status, error, size);
}
