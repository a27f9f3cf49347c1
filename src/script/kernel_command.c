/* SPDX-License-Identifier: BSD-3-Clause */
/* Shell commands of scripts. Their output goes where ours goes. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "script/kernel_internal.h"
#include "script/shell.h"

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
    pid_t pid;
    int err = shell_spawn(text, NULL, env.at, -1, &pid);
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
