/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * diff_fuzz [-t SECONDS] [-s SEED] [-w WORLD] [-n PROGRAMS] [-o FOLDER]: random programs of a legal peer on the engine
 * and on this machine's kernel, and what they did differently. A difference is looked at again with more time, made
 * small, and written to FOLDER as the packet script of what the kernel did. Root.
 *
 * diff_fuzz -r SEED [-w WORLD]: one program, with both logs.
 * diff_fuzz -l: the names of the rules.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "batch.h"
#include "compare.h"
#include "io/clock.h"

enum { EXIT_SKIPPED = 77, KINDS_MAX = 512, RULES_MAX = 256, SIGNATURE_MAX = 400, BATCH = 192 };
/* Making a finding small takes a second or two: not for all of them in a short run. */
enum { REPORTED_MAX = 6, SLOW_TURNS = 2 };

/* Findings that differ in the same facts are one kind. */
struct kind {
    char signature[SIGNATURE_MAX];
    uint64_t seed, times;
};

struct fuzz {
    struct batch *engine, *kernel;
    const char *folder;
    uint64_t programs, excused[RULES_MAX];
    uint64_t unreported; /* differences that were not looked into for want of time */
    utime end;
    uint64_t unsteady; /* differed once, and not again with more time */
    struct kind kinds[KINDS_MAX];
    uint32_t nkinds;
};

/* ---- Both sides -------------------------------------------------------------------------------------------------- */

static bool run_both(struct fuzz *f, const struct program *programs, uint32_t n, bool slow) {
    if (batch_run(f->kernel, SIDE_KERNEL, programs, n, slow) < 0) {
        printf("the kernel cannot be asked: %s\n", f->kernel->error);
        return false;
    }
    if (batch_run(f->engine, SIDE_ENGINE, programs, n, slow) < 0) {
        printf("the engine cannot be asked: %s\n", f->engine->error);
        return false;
    }
    return true;
}

static uint32_t differences(struct fuzz *f, const struct program *p, uint32_t i,
                            struct difference found[DIFFERENCES_MAX], uint64_t *excused) {
    const struct runs r = {p, &f->engine->result[i].facts, &f->kernel->result[i].facts};
    return compare(&r, found, excused);
}

/* Which facts differ, and how, without what is a number. */
static void signature(const struct difference *found, uint32_t n, char text[SIGNATURE_MAX]) {
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        if (at && at + 2 < SIGNATURE_MAX)
            text[at++] = ';';
        for (const char *c = found[i].key; *c && at + 2 < SIGNATURE_MAX; c++)
            if (strncmp(found[i].key, "call", 4) != 0 || *c < '0' || *c > '9')
                text[at++] = *c;
        text[at] = '\0';
    }
}

/* ---- Making it small --------------------------------------------------------------------------------------------- */

static void take_out(struct program *p, uint32_t step) {
    memmove(&p->steps[step], &p->steps[step + 1], (--p->nsteps - step) * sizeof p->steps[0]);
}

/* The same fact as at the beginning still differs. */
static bool still(struct fuzz *f, const struct program *p, uint32_t i, const char *key) {
    struct difference found[DIFFERENCES_MAX];
    uint32_t n = differences(f, p, i, found, NULL);
    for (uint32_t k = 0; k < n; k++)
        if (strcmp(found[k].key, key) == 0 || (strncmp(key, "call", 4) == 0 && strncmp(found[k].key, "call", 4) == 0))
            return true;
    return false;
}

/* All programs with one step less are run side by side; the last one that still differs is the next. */
static bool make_smaller(struct fuzz *f, struct program *p, const char *key) {
    struct program fewer[STEPS_MAX];
    if (p->nsteps < 2)
        return false;
    for (uint32_t i = 0; i < p->nsteps; i++) {
        fewer[i] = *p;
        take_out(&fewer[i], i);
    }
    if (!run_both(f, fewer, p->nsteps, true))
        return false;
    struct program small = *p;
    bool any = false;
    for (uint32_t i = p->nsteps; i-- > 0;)
        if (still(f, &fewer[i], i, key)) { /* several steps that are not needed are tried together, too */
            struct program next = small;
            take_out(&next, i);
            if (any) {
                if (!run_both(f, &next, 1, true) || !still(f, &next, 0, key)) {
                    *p = small;
                    return true;
                }
                small = next;
                break;
            }
            small = next;
            any = true;
        }
    *p = small;
    return any;
}

/* ---- Telling ----------------------------------------------------------------------------------------------------- */

static void print_excused(const struct fuzz *f) {
    for (size_t i = 0; rules[i].name; i++)
        if (f->excused[i])
            printf("  %8llu facts: %s\n", (unsigned long long)f->excused[i], rules[i].name);
}

static void print_differences(const struct difference *found, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        printf("    %-36s engine %-22s kernel %s\n", found[i].key, found[i].engine ? found[i].engine : "-",
               found[i].kernel ? found[i].kernel : "-");
}

static void write_script(const struct fuzz *f, const struct program *p, const struct difference *found, uint32_t n) {
    char path[300];
    struct text t = {0};
    if (!f->folder || (mkdir(f->folder, 0777) < 0 && errno != EEXIST))
        return;
    snprintf(path, sizeof path, "%s/%llu.pkt", f->folder, (unsigned long long)p->seed);
    FILE *out = fopen(path, "w");
    if (!out)
        return;
    program_print(&t, p);
    for (char *line = strtok(t.at, "\n"); line; line = strtok(NULL, "\n"))
        fprintf(out, "// %s\n", line);
    for (uint32_t i = 0; i < n; i++)
        fprintf(out, "// %s: engine %s, kernel %s\n", found[i].key, found[i].engine ? found[i].engine : "-",
                found[i].kernel ? found[i].kernel : "-");
    fprintf(out, "%s", f->kernel->log);
    (void)fclose(out);
    text_free(&t);
    printf("    %s\n", path);
}

/* A difference like one that was reported counts for it. */
static bool is_known(struct fuzz *f, const struct difference *found, uint32_t n) {
    char text[SIGNATURE_MAX];
    signature(found, n, text);
    for (uint32_t i = 0; i < f->nkinds; i++)
        if (strcmp(f->kinds[i].signature, text) == 0) {
            f->kinds[i].times++;
            return true;
        }
    return false;
}

/* A difference that stands: is it of a kind that is known? */
static struct kind *kind_of(struct fuzz *f, const struct difference *found, uint32_t n, uint64_t seed) {
    if (is_known(f, found, n) || f->nkinds == KINDS_MAX)
        return NULL;
    struct kind *k = &f->kinds[f->nkinds++];
    *k = (struct kind){.seed = seed, .times = 1};
    signature(found, n, k->signature);
    return k;
}

static void report(struct fuzz *f, struct program *p) {
    struct difference found[DIFFERENCES_MAX];
    struct text t = {0};
    uint32_t n;
    if (!run_both(f, p, 1, true) || !differences(f, p, 0, found, NULL))
        return;
    char key[FACT_KEY_MAX];
    snprintf(key, sizeof key, "%s", found[0].key);
    while (make_smaller(f, p, key))
        ;
    if (!run_both(f, p, 1, true) || !(n = differences(f, p, 0, found, NULL)) || !kind_of(f, found, n, p->seed))
        return;
    program_print(&t, p);
    printf("DIFFERENCE %s", text_of(&t));
    print_differences(found, n);
    write_script(f, p, found, n);
    (void)fflush(stdout);
    text_free(&t);
}

/* ---- Fuzzing ----------------------------------------------------------------------------------------------------- */

/* Runs programs on both, and keeps those that differ; how many. -1: a side cannot be used. */
static int keep_different(struct fuzz *f, struct program *p, uint32_t n) {
    struct difference found[DIFFERENCES_MAX];
    uint32_t kept = 0;
    if (!run_both(f, p, n, false))
        return -1;
    for (uint32_t i = 0; i < n; i++)
        if (differences(f, &p[i], i, found, f->excused))
            p[kept++] = p[i];
    return (int)kept;
}

/* The same when the kernel has more time: what does not come again was the machine's pace, and what is known is counted
 * only. */
static int keep_unknown(struct fuzz *f, struct program *p, uint32_t n) {
    struct difference found[DIFFERENCES_MAX];
    uint32_t kept = 0;
    if (!run_both(f, p, n, true))
        return -1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t differ = differences(f, &p[i], i, found, NULL);
        f->unsteady += differ == 0;
        if (differ && !is_known(f, found, differ))
            p[kept++] = p[i];
    }
    return (int)kept;
}

static bool fuzz_batch(struct fuzz *f, uint64_t seed, unsigned world, uint32_t n) {
    struct program *p = calloc(n, sizeof *p);
    int left = -1;
    for (uint32_t i = 0; p && i < n; i++)
        program_make(&p[i], seed + i, world);
    if (p)
        left = keep_different(f, p, n);
    for (int turn = 0; turn < SLOW_TURNS && left > 0; turn++)
        left = keep_unknown(f, p, (uint32_t)left);
    f->programs += n;
    for (int i = 0; i < left; i++)
        if (i < REPORTED_MAX && (i == 0 || time_before(clock_now(), f->end)))
            report(f, &p[i]);
        else
            f->unreported++;
    free(p);
    return left >= 0;
}

static int show_one(struct fuzz *f, uint64_t seed, unsigned world) {
    struct program p;
    struct difference found[DIFFERENCES_MAX];
    struct text t = {0};
    program_make(&p, seed, world);
    if (!run_both(f, &p, 1, true))
        return EXIT_FAILURE;
    program_print(&t, &p);
    printf("%s\n---- kernel\n%s\n---- engine\n%s\n", text_of(&t), f->kernel->log, f->engine->log);
    text_free(&t);
    uint32_t n = differences(f, &p, 0, found, f->excused);
    print_excused(f);
    print_differences(found, n);
    return n ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int summary(const struct fuzz *f) {
    uint64_t times = 0;
    for (uint32_t i = 0; i < f->nkinds; i++)
        times += f->kinds[i].times;
    print_excused(f);
    printf("%llu programs, %u kinds of differences in %llu of them, %llu more not looked into, %llu that did not come "
           "again\n",
           (unsigned long long)f->programs, f->nkinds, (unsigned long long)times, (unsigned long long)f->unreported,
           (unsigned long long)f->unsteady);
    return f->nkinds || f->unreported ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    static struct fuzz f;
    const char *seed_text = getenv("UMPTCP_SEED");
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1, most = UINT64_MAX;
    unsigned world = WORLDS, seconds = 10;
    bool one = false;
    for (int o; (o = getopt(argc, argv, "t:s:w:n:o:r:l")) != -1;)
        switch (o) {
        case 't':
            seconds = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            one = true; /* fallthrough */
        case 's':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'w':
            world = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'n':
            most = strtoull(optarg, NULL, 10);
            break;
        case 'o':
            f.folder = optarg;
            break;
        case 'l':
            for (size_t i = 0; rules[i].name; i++)
                printf("%s\n", rules[i].name);
            return 0;
        default:
            return 2;
        }
    if (geteuid()) {
        printf("skip diff-fuzz: the kernel's side needs root\n");
        return EXIT_SKIPPED;
    }
    f.engine = batch_new();
    f.kernel = batch_new();
    if (!f.engine || !f.kernel)
        return EXIT_FAILURE;
    if (one)
        return show_one(&f, seed, world);
    f.end = time_add(clock_now(), SEC(seconds));
    for (unsigned turn = 0; f.programs < most && time_before(clock_now(), f.end); turn++, seed += BATCH)
        if (!fuzz_batch(&f, seed, world < WORLDS ? world : turn % WORLDS, BATCH))
            return EXIT_FAILURE;
    return summary(&f);
}
