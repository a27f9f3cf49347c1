/* SPDX-License-Identifier: BSD-3-Clause */
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define MB            1e6
#define MBIT          1e6
#define TTY_INTERVAL  0.2 /* s */
#define LINE_INTERVAL 1.0
#define SLACK         0.05 /* samples come a little early or late */
enum { BAR = 20, BITS = 8 };

void progress_init(struct progress *p) { *p = (struct progress){.tty = isatty(STDOUT_FILENO)}; }

void progress_end(struct progress *p) {
    if (p->open)
        putchar('\n');
    p->open = false;
    fflush(stdout);
}

static void print_line(const struct progress *p, const struct transfer *t) {
    const struct sample *now = &t->now;
    double dt = now->t - p->last.t;
    printf("  %6.1f s  [", now->t);
    for (int i = 0; i < BAR; i++)
        putchar(now->app * BAR >= (uint64_t)(i + 1) * t->size ? '#' : '.');
    printf("] %5.1f MB, %5.1f to go   Mbit/s:", (double)now->app / MB, (double)(t->size - now->app) / MB);
    for (int path = 0; path < PATHS; path++)
        printf("  %s %4.1f", path_plans[path].name,
               (double)((now->wire[path] - p->last.wire[path]) * BITS) / dt / MBIT);
}

void progress_show(struct progress *p, const struct transfer *t) {
    double dt = t->now.t - p->last.t;
    if (dt < 0) { /* another transfer */
        p->last = (struct sample){0};
        dt = t->now.t;
    }
    if (dt < (p->tty ? TTY_INTERVAL : LINE_INTERVAL) - SLACK)
        return;
    if (p->tty)
        fputs("\r", stdout);
    print_line(p, t);
    if (p->tty)
        fputs("\033[K", stdout); /* clears what a longer line left */
    else
        putchar('\n');
    p->open = p->tty;
    p->last = t->now;
    fflush(stdout);
}

void progress_note(struct progress *p, const struct transfer *t, const char *format, ...) {
    if (p->open)
        fputs("\r\033[K", stdout); /* the live line comes back below */
    p->open = false;
    printf("  %6.1f s  ", t->now.t);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}
