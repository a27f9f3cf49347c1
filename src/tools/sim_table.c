/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many scenarios, each in a process of its own, several at a time; their results in the order of the list, as a table
 * of tabs or as JSON. And the comparison with a table that was written before.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/sim.h"

enum { ROW_MAX = SIM_KEY_MAX + 100, JOBS_MAX = 64 };

struct job {
    pid_t pid; /* 0: none */
    size_t index;
};

struct table {
    const struct sim_list *list;
    const struct sim_table_options *options;
    struct outcome { /* in memory that the children write to */
        int err;
        struct sim_result result;
    } * outcome;
    int pipe[2]; /* children say which one is ready */
    struct job job[JOBS_MAX];
    size_t next, done;
    bool terminal;
};

/* ---- Processes --------------------------------------------------------------------------------------------------- */

struct message {
    size_t index;
    struct outcome outcome;
};

static bool start(struct table *t, struct job *job) {
    job->index = t->next;
    job->pid = fork();
    if (job->pid < 0) {
        job->pid = 0;
        return false;
    }
    t->next++;
    if (job->pid)
        return true;
    struct message m;
    memset(&m, 0, sizeof m); /* it goes through a pipe, gaps and all */
    m.index = job->index;
    m.outcome.err = sim_run(&t->list->all[job->index], &m.outcome.result);
    _exit(write(t->pipe[1], &m, sizeof m) != sizeof m); /* less than PIPE_BUF: in one piece */
}

static void progress(const struct table *t) {
    char key[SIM_KEY_MAX];
    if (t->terminal && t->next < t->list->count)
        fprintf(stderr, "\r\033[K%zu/%zu %s", t->done, t->list->count, sim_key(&t->list->all[t->next], key));
    else if (t->terminal && t->done == t->list->count)
        fprintf(stderr, "\r\033[K");
}

/* One child's message, and its end. False when it ended without one. */
static bool collect(struct table *t) {
    struct message m;
    int status;
    pid_t pid = wait(&status);
    for (int i = 0; i < JOBS_MAX; i++)
        if (pid > 0 && t->job[i].pid == pid)
            t->job[i].pid = 0;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) || read(t->pipe[0], &m, sizeof m) != sizeof m)
        return false;
    t->outcome[m.index] = m.outcome;
    t->done++;
    return true;
}

static bool run_all(struct table *t) {
    int jobs = t->options->jobs < 1 ? 1 : t->options->jobs > JOBS_MAX ? JOBS_MAX : t->options->jobs, running = 0;
    while (t->done < t->list->count) {
        for (int i = 0; i < jobs && t->next < t->list->count; i++) {
            if (t->job[i].pid)
                continue;
            progress(t);
            if (!start(t, &t->job[i]))
                return false;
            running++;
        }
        if (!collect(t))
            return false;
        running--;
    }
    progress(t);
    return true;
}

/* ---- Text -------------------------------------------------------------------------------------------------------- */

static void print_row(FILE *f, const struct sim_scenario *s, const struct sim_result *r) {
    char key[SIM_KEY_MAX];
    fprintf(f, "%s\t%.3f\t%.3f\t%.3f\t%.1f\n", sim_key(s, key), r->mbit, r->retrans, r->queue, r->share);
}

static void print_json(FILE *f, const struct sim_scenario *s, const struct sim_result *r, bool last) {
    char key[SIM_KEY_MAX];
    sim_key(s, key);
    fprintf(f, "  {\"cc\": \"%.*s\", \"rate\": %llu, \"rtt_ms\": %g, \"loss\": %g, \"burst\": %u, \"reorder\": %g, ",
            (int)strcspn(key, "\t"), key, (unsigned long long)s->rate, (double)s->rtt / 1e6, s->loss / 1e6,
            (unsigned)s->burst, s->reorder / 1e6);
    fprintf(f, "\"buffer\": %g, \"seconds\": %g, \"mbit\": %.3f, \"retrans_percent\": %.3f, \"queue_ms\": %.3f, ",
            s->buffer, (double)(s->time ? s->time : sim_default_time(s->rtt)) / 1e9, r->mbit, r->retrans, r->queue);
    fprintf(f, "\"share_percent\": %.1f}%s\n", r->share, last ? "" : ",");
}

static bool print_all(const struct table *t) {
    FILE *f = t->options->output ? fopen(t->options->output, "w") : stdout;
    if (!f) {
        fprintf(stderr, "umptcp-sim: %s: %s\n", t->options->output, strerror(errno));
        return false;
    }
    fprintf(f, "%s\n", t->options->json ? "[" : SIM_COLUMNS);
    for (size_t i = 0; i < t->list->count; i++) {
        if (t->options->json)
            print_json(f, &t->list->all[i], &t->outcome[i].result, i + 1 == t->list->count);
        else
            print_row(f, &t->list->all[i], &t->outcome[i].result);
    }
    if (t->options->json)
        fprintf(f, "]\n");
    bool bad = ferror(f);
    if (f != stdout)
        bad |= fclose(f) != 0;
    if (bad)
        fprintf(stderr, "umptcp-sim: cannot write the table\n");
    return !bad;
}

/* ---- Comparison -------------------------------------------------------------------------------------------------- */

/* The throughput that a table has for a scenario; negative: it has none. */
static double look_up(FILE *f, const char *key) {
    char line[ROW_MAX];
    size_t len = strlen(key);
    rewind(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, key, len) == 0 && line[len] == '\t')
            return strtod(line + len, NULL);
    return -1;
}

/* How many scenarios differ from the table; negative when it cannot be read. */
static int compare(const struct table *t) {
    FILE *f = fopen(t->options->check, "r");
    if (!f) {
        fprintf(stderr, "umptcp-sim: %s: %s\n", t->options->check, strerror(errno));
        return -1;
    }
    int wrong = 0;
    for (size_t i = 0; i < t->list->count; i++) {
        char key[SIM_KEY_MAX];
        double was = look_up(f, sim_key(&t->list->all[i], key)), is = t->outcome[i].result.mbit;
        const char *word = was < 0 ? "missing" : fabs(is - was) * 100 > t->options->bound * was ? "FAIL" : "ok";
        bool good = strcmp(word, "ok") == 0;
        wrong += !good;
        for (char *tab = key; (tab = strchr(tab, '\t')) != NULL;)
            *tab = ' ';
        if (!good || !t->options->quiet)
            printf("%s %s: %.3f Mbit/s, in the table %.3f\n", word, key, is, was < 0 ? 0 : was);
    }
    fclose(f);
    printf("%zu scenarios, %d differ from %s by more than %g %%\n", t->list->count, wrong, t->options->check,
           t->options->bound);
    return wrong;
}

int sim_table(const struct sim_list *list, const struct sim_table_options *options) {
    struct table t = {.list = list, .options = options, .terminal = !options->quiet && isatty(STDERR_FILENO)};
    t.outcome = calloc(list->count ? list->count : 1, sizeof *t.outcome);
    bool good = t.outcome && pipe(t.pipe) == 0 && run_all(&t);
    for (size_t i = 0; good && i < list->count; i++) {
        char key[SIM_KEY_MAX];
        if (!t.outcome[i].err)
            continue;
        fprintf(stderr, "umptcp-sim: %s: %s\n", sim_key(&list->all[i], key), strerror(-t.outcome[i].err));
        good = false;
    }
    int status = 2;
    if (good && options->check) {
        int wrong = compare(&t);
        status = wrong < 0 ? 2 : wrong > 0;
    } else if (good) {
        status = print_all(&t) ? 0 : 2;
    } else {
        fprintf(stderr, "umptcp-sim: not all scenarios could be run\n");
    }
    free(t.outcome);
    return status;
}
