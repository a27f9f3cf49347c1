/* SPDX-License-Identifier: BSD-3-Clause */
/* From arguments to scripts, and from scripts to runs. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "script/lexer.h"
#include "tools/pkt.h"

enum { SCRIPT_MAX = 16 << 20, DEPTH_MAX = 64 };

static const char suffix[] = ".pkt";

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* ---- Scripts ----------------------------------------------------------------------------------------------------- */

static int complain_of(const char *path, const char *why) { return pkt_complain("%s: %s", path, why); }

/* Reads all of a file, which may be a pipe. The buffer, which only grows, serves one script after the other. */
static int read_all(int fd, struct pkt_plan *plan, struct pkt_script *s) {
    for (;;) {
        if (s->len + 1 >= plan->room) {
            char *larger = realloc(plan->buffer, 2 * plan->room + 8192);
            if (!larger)
                return -ENOMEM;
            plan->room = 2 * plan->room + 8192;
            plan->buffer = larger;
        }
        ssize_t n = read(fd, plan->buffer + s->len, plan->room - s->len - 1);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        s->len += n > 0 ? (size_t)n : 0;
        if (s->len > SCRIPT_MAX)
            return -EFBIG;
    }
    s->source = arena_text(&plan->arena, plan->buffer, s->len);
    return 0;
}

/* The family that the script's own option lines set, if they do. */
static void find_family(struct pkt_script *s) {
    struct arena arena = {0};
    struct settings settings;
    char error[256];
    settings_init(&settings, FAMILY_IPV4, &arena);
    struct lexer lx = lexer_of(s->source, s->len, NULL);
    for (struct token t; (t = lexer_next(&lx)).kind == TOKEN_OPTION;) {
        const char *option = arena_text(&arena, t.text, t.len);
        if (strncmp(option, "ip_version=", 11) == 0 &&
            settings_apply(&settings, option, false, error, sizeof error) == 0)
            s->has_family = true;
    }
    s->family = settings.family;
    arena_free(&arena);
}

static int add_script(struct pkt_plan *plan, const char *path) {
    bool standard = strcmp(path, "-") == 0;
    struct pkt_script *larger = realloc(plan->scripts, (plan->nscripts + 1) * sizeof *larger);
    if (!larger)
        return complain_of(path, strerror(ENOMEM));
    plan->scripts = larger;
    struct pkt_script *s = &plan->scripts[plan->nscripts++];
    *s = (struct pkt_script){.path = standard ? "stdin" : arena_text(&plan->arena, path, strlen(path))};
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return complain_of(path, strerror(errno));
    int err = read_all(fd, plan, s);
    if (!standard)
        (void)close(fd);
    if (err)
        return complain_of(path, strerror(-err));
    find_family(s);
    return 0;
}

/* ---- Folders and patterns ---------------------------------------------------------------------------------------- */

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static int visible(const struct dirent *d) { return d->d_name[0] != '.'; }

bool pkt_path_matches(const char *pattern, const char *path) {
    size_t p = strcspn(pattern, "/"), n = strcspn(path, "/");
    if (p == 2 && strncmp(pattern, "**", 2) == 0) {
        const char *rest = pattern + p + (pattern[p] == '/');
        if (!*rest)
            return true;
        while (!pkt_path_matches(rest, path)) {
            path += strcspn(path, "/");
            if (!*path++)
                return false;
        }
        return true;
    }
    char what[256], name[256];
    if (p >= sizeof what || n >= sizeof name)
        return false;
    (void)snprintf(what, sizeof what, "%.*s", (int)p, pattern);
    (void)snprintf(name, sizeof name, "%.*s", (int)n, path);
    if (fnmatch(what, name, FNM_PERIOD) != 0 || pattern[p] != path[n])
        return false;
    return !pattern[p] || pkt_path_matches(pattern + p + 1, path + n + 1);
}

/* All scripts in a folder and the folders in it, by name; with a pattern those that it matches. Links to folders are
 * not followed. */
static int add_folder(struct pkt_plan *plan, const char *path, const char *pattern, uint32_t depth) {
    struct dirent **entries;
    int n = scandir(path, &entries, visible, by_name), status = 0;
    if (n < 0)
        return complain_of(path, strerror(errno));
    bool here = strcmp(path, ".") == 0;
    const char *between = here || ends_with(path, "/") ? "" : "/";
    for (int i = 0; i < n; i++) {
        char *inner = arena_printf(&plan->arena, "%s%s%s", here ? "" : path, between, entries[i]->d_name);
        struct stat st;
        if (!status && lstat(inner, &st) == 0) {
            if (S_ISDIR(st.st_mode))
                status = depth < DEPTH_MAX ? add_folder(plan, inner, pattern, depth + 1) : 0;
            else if (ends_with(inner, suffix) && (!pattern || pkt_path_matches(pattern, inner)))
                status = add_script(plan, inner);
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

static int add_path(struct pkt_plan *plan, const char *path) {
    struct stat st;
    uint32_t before = plan->nscripts;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return add_script(plan, path);
    int status = add_folder(plan, path, NULL, 0);
    return status || plan->nscripts > before ? status : complain_of(path, "there is no *.pkt in this folder");
}

/* A pattern with "**": all below the folder in which its first special character stands. */
static int add_deep(struct pkt_plan *plan, const char *pattern) {
    size_t len = strcspn(pattern, "*?[");
    while (len && pattern[len - 1] != '/')
        len--;
    uint32_t before = plan->nscripts;
    int status = add_folder(plan, len ? arena_text(&plan->arena, pattern, len) : ".", pattern, 0);
    return status || plan->nscripts > before ? status : complain_of(pattern, "no script has such a name");
}

/* A pattern that the shell did not see, in quotes or from a program. */
static int add_pattern(struct pkt_plan *plan, const char *pattern) {
    if (strstr(pattern, "**"))
        return add_deep(plan, pattern);
    glob_t g;
    int err = glob(pattern, 0, NULL, &g), status = 0;
    if (err)
        return complain_of(pattern, err == GLOB_NOMATCH ? "nothing has such a name" : strerror(errno));
    for (size_t i = 0; i < g.gl_pathc && !status; i++)
        status = add_path(plan, g.gl_pathv[i]);
    globfree(&g);
    return status;
}

int pkt_find(struct pkt_plan *plan, char **args, int nargs) {
    int status = 0;
    for (int i = 0; i < nargs && !status; i++) {
        struct stat st;
        bool exists = strcmp(args[i], "-") == 0 || stat(args[i], &st) == 0;
        status = !exists && strpbrk(args[i], "*?[") ? add_pattern(plan, args[i]) : add_path(plan, args[i]);
    }
    return status;
}

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

unsigned pkt_families_of_name(const char *path) {
    if (ends_with(path, "v6.pkt"))
        return 1U << FAMILY_IPV6;
    if (ends_with(path, "v4.pkt"))
        return 1U << FAMILY_IPV4 | 1U << FAMILY_MAPPED;
    return (1U << PKT_FAMILIES) - 1;
}

/* The families to run a script in; 0, with the reason, when none of those that were asked for is one. */
static unsigned families(const struct pkt_script *s, const struct pkt_options *o, const char **why) {
    if (o->family_forced)
        return 1U << o->forced;
    if (s->has_family) {
        *why = "it says itself that it is of another family";
        return o->families ? o->families & 1U << s->family : 1U << s->family;
    }
    unsigned named = pkt_families_of_name(s->path);
    *why = "its name says that it is of another family";
    if (o->families)
        return o->families & named;
    return named & 1U << FAMILY_IPV4 ? 1U << FAMILY_IPV4 : named;
}

char *pkt_pcap_name(struct arena *arena, const struct pkt_run *run, bool repeated) {
    const char *path = run->script->path;
    while (strncmp(path, "./", 2) == 0 || strncmp(path, "../", 3) == 0 || path[0] == '/')
        path += strcspn(path, "/") + 1;
    size_t len = strlen(path) - (ends_with(path, suffix) ? strlen(suffix) : 0);
    char *name =
        arena_printf(arena, "%.*s-%s-%s", (int)len, path, family_name(run->family), pkt_target_name(run->target));
    if (repeated)
        name = arena_printf(arena, "%s-%u", name, run->number + 1);
    for (char *p = name; *p; p++)
        if (*p == '/')
            *p = '-';
    return arena_printf(arena, "%s.pcapng", name);
}

static char *case_name(struct arena *arena, const struct pkt_run *run, const struct pkt_options *o) {
    const char *how = o->dry_run ? "read" : o->both ? "both" : pkt_target_name(run->target);
    const char *family = family_name(run->family);
    if (o->repeat > 1)
        return arena_printf(arena, "%s (%s, %s, %u of %u)", run->script->path, family, how, run->number + 1, o->repeat);
    return arena_printf(arena, "%s (%s, %s)", run->script->path, family, how);
}

static void add_case(struct pkt_plan *plan, const struct pkt_case *c, const struct pkt_options *o) {
    struct pkt_case *n = &plan->cases[plan->ncases++];
    *n = *c;
    n->name = case_name(&plan->arena, &n->runs[0], o);
}

static void add_cases(struct pkt_plan *plan, const struct pkt_script *s, const struct pkt_options *o) {
    const char *why = NULL;
    unsigned wanted = families(s, o, &why);
    if (!wanted) {
        enum family shown = o->families & 1U << FAMILY_IPV4   ? FAMILY_IPV4
                            : o->families & 1U << FAMILY_IPV6 ? FAMILY_IPV6
                                                              : FAMILY_MAPPED;
        struct pkt_case skipped = {.runs = {{.script = s, .family = shown, .target = o->target}}, .skip = why};
        add_case(plan, &skipped, o);
    }
    for (uint32_t number = 0; number < o->repeat; number++) {
        for (unsigned family = 0; family < PKT_FAMILIES; family++) {
            if (!(wanted & 1U << family))
                continue;
            struct pkt_run run = {.script = s, .family = (enum family)family, .target = o->target, .number = number};
            struct pkt_case c = {.runs = {run, run}, .nruns = o->both ? PKT_TARGETS : 1};
            if (o->both) {
                c.runs[PKT_ENGINE].target = PKT_ENGINE;
                c.runs[PKT_LINUX].target = PKT_LINUX;
            }
            add_case(plan, &c, o);
        }
    }
}

/* One run: that file. Several: a folder with a file for each. */
static int name_captures(struct pkt_plan *plan, const struct pkt_options *o) {
    uint32_t nruns = 0;
    for (uint32_t i = 0; i < plan->ncases; i++)
        nruns += plan->cases[i].nruns;
    if (nruns > 1 && mkdir(o->pcap, 0777) != 0 && errno != EEXIST)
        return complain_of(o->pcap, strerror(errno));
    struct stat st;
    if (nruns > 1 && stat(o->pcap, &st) == 0 && !S_ISDIR(st.st_mode))
        return complain_of(o->pcap, strerror(ENOTDIR));
    char *folder = realpath(nruns > 1 ? o->pcap : ".", NULL); /* a run leaves for the folder of its script */
    if (!folder)
        return complain_of(o->pcap, strerror(errno));
    for (uint32_t i = 0; i < plan->ncases; i++) {
        for (uint32_t k = 0; k < plan->cases[i].nruns; k++) {
            struct pkt_run *run = &plan->cases[i].runs[k];
            const char *name = nruns > 1 ? pkt_pcap_name(&plan->arena, run, o->repeat > 1) : o->pcap;
            run->pcap = name[0] == '/' ? arena_text(&plan->arena, name, strlen(name))
                                       : arena_printf(&plan->arena, "%s/%s", folder, name);
        }
    }
    free(folder);
    return 0;
}

int pkt_plan_cases(struct pkt_plan *plan, const struct pkt_options *o) {
    plan->cases = calloc((size_t)plan->nscripts * o->repeat * PKT_FAMILIES + 1, sizeof *plan->cases);
    if (!plan->cases)
        return pkt_complain("%s", strerror(ENOMEM));
    for (uint32_t i = 0; i < plan->nscripts; i++)
        add_cases(plan, &plan->scripts[i], o);
    return o->pcap && !o->dry_run ? name_captures(plan, o) : 0;
}

void pkt_plan_free(struct pkt_plan *plan) {
    free(plan->buffer);
    free(plan->scripts);
    free(plan->cases);
    arena_free(&plan->arena);
    *plan = (struct pkt_plan){0};
}
