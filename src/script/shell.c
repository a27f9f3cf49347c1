/* SPDX-License-Identifier: BSD-3-Clause */
/* The shell, started. */
#define _GNU_SOURCE
#include "script/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int shell_spawn(const char *text, const char *arg, char *const env[], int report, pid_t *pid) {
    char *command = strdup(text), *first = strdup(arg ? arg : "");
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, command, (char[]){"sh"}, arg ? first : NULL, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (report >= 0)
        posix_spawn_file_actions_adddup2(&files, report, SHELL_REPORT_FD);
    posix_spawn_file_actions_addclosefrom_np(&files, report >= 0 ? SHELL_REPORT_FD + 1 : STDERR_FILENO + 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    (void)fflush(NULL); /* its output comes behind ours */
    int err = command && first ? posix_spawn(pid, "/bin/sh", &files, &attr, argv, env) : ENOMEM;
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    free(command);
    free(first);
    return -err;
}
