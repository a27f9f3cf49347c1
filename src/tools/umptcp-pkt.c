/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * umptcp-pkt: runs packet scripts on the engine or on the running kernel. This is its command line;
 * docs/man/umptcp-pkt.1 describes it.
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "script/words.h"
#include "tools/pkt.h"
#include "tools/pkt_ladder.h"

enum { NUMBER_MAX = 1000000 };

/* What has no letter has a number behind them. */
enum option_id {
    ALL_FAMILIES = 'a',
    BOTH = 'b',
    DEFINE = 'D',
    HELP = 'h',
    JOBS = 'j',
    MAPPED = 'm',
    DRY_RUN = 'n',
    QUIET = 'q',
    TARGET = 't',
    VERBOSE = 'v',
    IPV4 = '4',
    IPV6 = '6',
    PCAP = 256,
    REPEAT,
    SEED,
    LIST,
    TIMEOUT,
    DRY_RUN_TOO,
    FAIL_FAST,
    NO_COLOR,
    JSON,
    VERSION,
};

static const struct option_row {
    enum option_id id;
    const char *name;
    const char *operand; /* NULL: takes none */
    const char *help;    /* NULL: not shown */
} rows[] = {
    {TARGET, "target", "TARGET", "engine (default) or linux: the stack under test"},
    {BOTH, "both", NULL, "run on both, and show where they differ"},
    {IPV4, "ipv4", NULL, "run in this family; may be combined with -6 and -m"},
    {IPV6, "ipv6", NULL, ""},
    {MAPPED, "mapped", NULL, "IPv4 packets, sockets of IPv6"},
    {ALL_FAMILIES, "all-families", NULL, "run in all families that the file's name allows"},
    {DEFINE, "define", "K=V", NULL},
    {VERBOSE, "verbose", NULL, "show the conversation"},
    {QUIET, "quiet", NULL, "show failures and the last line only"},
    {JSON, "json", NULL, "an object for each run instead of text"},
    {LIST, "list", NULL, "list the scripts, with the requirements they name"},
    {DRY_RUN, "dry-run", NULL, "read the scripts, but do not run them"},
    {DRY_RUN_TOO, "dry_run", NULL, NULL},
    {FAIL_FAST, "fail-fast", NULL, "stop at the first failure"},
    {JOBS, "jobs", "N", "runs at a time"},
    {REPEAT, "repeat", "N", "run each script N times"},
    {SEED, "seed", "N", "of what is random in the engine (1)"},
    {TIMEOUT, "timeout", "SECONDS", "at most for a run (30; on linux 180)"},
    {PCAP, "pcap", "FILE", "write the packets; of several runs to a folder"},
    {NO_COLOR, "no-color", NULL, "no colour, which is used on a terminal only"},
    {HELP, "help", NULL, "this text"},
    {VERSION, "version", NULL, ""},
};

enum { ROWS = sizeof rows / sizeof *rows, GO_ON = -1 };

struct command_line {
    struct pkt_options options;
    char **paths;
    int npaths;
    bool no_color;
    struct settings scratch; /* settings are checked on it */
    struct arena arena;
};

static int complain_with_help(const char *text) { return pkt_complain("%s; see --help", text); }

/* ---- Help -------------------------------------------------------------------------------------------------------- */

static void help(void) {
    (void)fputs("usage: umptcp-pkt [OPTION]... FILE|FOLDER|PATTERN...    run packet scripts (- is standard input)\n"
                "       umptcp-pkt record [OPTION]... FILE.pcap         make a script of a capture\n\n",
                stdout);
    for (const struct option_row *r = rows; r < rows + ROWS; r++) {
        char name[48];
        if (!r->help)
            continue;
        (void)snprintf(name, sizeof name, "%c%c%s --%s%s%s", r->id < PCAP ? '-' : ' ', r->id < PCAP ? (char)r->id : ' ',
                       r->id < PCAP ? "," : " ", r->name, r->operand ? "=" : "", r->operand ? r->operand : "");
        (void)printf(r->help[0] ? "  %-26s %s\n" : "  %s\n", name, r->help);
    }
    (void)fputs("\nSettings of the scripts, which stand in them as well; these here override:\n", stdout);
    settings_help();
    (void)fputs("\nExit status: 0 when all passed, 1 when something failed, 2 when nothing could be run.\n", stdout);
}

static int version(void) {
    (void)printf("umptcp-pkt %s\n", UMPTCP_VERSION);
    return 0;
}

/* ---- Our options ------------------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *n) {
    char *end;
    *n = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && *n >= min && *n <= max;
}

static int wrong_value(const char *name, const char *wanted, const char *value) {
    return pkt_complain("--%s needs %s, not '%s'; see --help", name, wanted, value);
}

static int take_number(uint32_t *n, const struct option_row *r, const char *value) {
    uint64_t v;
    if (!parse_number(value, 1, NUMBER_MAX, &v))
        return wrong_value(r->name, "a number from 1", value);
    *n = (uint32_t)v;
    return GO_ON;
}

static int take_timeout(struct pkt_options *o, const char *value) {
    char *end;
    double seconds = strtod(value, &end);
    if (end == value || *end || !(seconds > 0 && seconds <= NUMBER_MAX))
        return wrong_value("timeout", "seconds", value);
    o->timeout = (dur)(seconds * (double)SEC(1));
    return GO_ON;
}

static int take_target(struct pkt_options *o, const char *value) {
    bool on_linux = strcmp(value, pkt_target_name(PKT_LINUX)) == 0;
    if (!on_linux && strcmp(value, pkt_target_name(PKT_ENGINE)) != 0)
        return wrong_value("target", "engine or linux", value);
    o->target = on_linux ? PKT_LINUX : PKT_ENGINE;
    return GO_ON;
}

/* A setting of the scripts, which it checks. `next` is what stands behind it, which may be its value; *taken then. */
static int take_setting(struct command_line *c, const char *option, const char *next, bool *taken) {
    char error[256] = "", again[256] = "";
    struct settings before = c->scratch;
    int err = settings_apply(&c->scratch, option, true, error, sizeof error);
    if (err == -ENOENT) {
        struct word names[ROWS + 1] = {{NULL, 0}};
        for (size_t i = 0; i < ROWS; i++)
            names[i].name = rows[i].name;
        const char *name = arena_text(&c->arena, option, strcspn(option, "=")), *like = word_like(names, name);
        return like ? pkt_complain("there is no option --%s; did you mean --%s?", name, like)
                    : complain_with_help(error);
    }
    if (err && next && !strchr(option, '=')) {
        const char *with_value = arena_printf(&c->arena, "%s=%s", option, next);
        c->scratch = before;
        *taken = settings_apply(&c->scratch, with_value, true, again, sizeof again) == 0;
        option = with_value;
    }
    if (err && !*taken)
        return complain_with_help(error);
    c->options.settings[c->options.nsettings++] = option;
    if (strncmp(option, "ip_version=", 11) == 0) {
        c->options.family_forced = true;
        c->options.forced = c->scratch.family;
    }
    return GO_ON;
}

/* `value`: empty when it takes none. */
static int take_option(struct command_line *c, const struct option_row *r, const char *value) {
    struct pkt_options *o = &c->options;
    bool taken = false;
    switch (r->id) {
    case TARGET:
        return take_target(o, value);
    case JOBS:
        return take_number(&o->jobs, r, value);
    case REPEAT:
        return take_number(&o->repeat, r, value);
    case TIMEOUT:
        return take_timeout(o, value);
    case SEED:
        return parse_number(value, 0, UINT64_MAX, &o->seed) ? GO_ON : wrong_value("seed", "a number", value);
    case DEFINE:
        return take_setting(c, arena_printf(&c->arena, "define=%s", value), NULL, &taken);
    case PCAP:
        o->pcap = value;
        break;
    case BOTH:
        o->both = true;
        break;
    case IPV4:
        o->families |= 1U << FAMILY_IPV4;
        break;
    case IPV6:
        o->families |= 1U << FAMILY_IPV6;
        break;
    case MAPPED:
        o->families |= 1U << FAMILY_MAPPED;
        break;
    case ALL_FAMILIES:
        o->families = (1U << PKT_FAMILIES) - 1;
        break;
    case VERBOSE:
        o->verbose = true;
        break;
    case QUIET:
        o->quiet = true;
        break;
    case JSON:
        o->json = true;
        break;
    case LIST:
        o->list = true;
        break;
    case DRY_RUN:
    case DRY_RUN_TOO:
        o->dry_run = true;
        break;
    case FAIL_FAST:
        o->fail_fast = true;
        break;
    case NO_COLOR:
        c->no_color = true;
        break;
    case HELP:
        help();
        return 0;
    case VERSION:
        return version();
    }
    return GO_ON;
}

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

/* "--name", "--name=value", "--name value". Sets *used to how many arguments it was. */
static int take_long(struct command_line *c, char **args, int *used) {
    const char *text = args[0] + 2, *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : strlen(text);
    for (const struct option_row *r = rows; r < rows + ROWS; r++) {
        if (strlen(r->name) != len || strncmp(r->name, text, len) != 0)
            continue;
        if (!r->operand && equals)
            return pkt_complain("--%s takes no value; see --help", r->name);
        if (!r->operand || equals)
            return take_option(c, r, equals ? equals + 1 : "");
        if (!args[1])
            return pkt_complain("--%s needs %s; see --help", r->name, r->operand);
        *used = 2;
        return take_option(c, r, args[1]);
    }
    bool taken = false;
    int status = take_setting(c, text, args[1], &taken);
    *used = taken ? 2 : 1;
    return status;
}

/* "-v", "-vq", "-j4", "-j 4" */
static int take_short(struct command_line *c, char **args, int *used) {
    for (const char *p = args[0] + 1; *p; p++) {
        const struct option_row *r = rows;
        while (r < rows + ROWS && (int)r->id != *p)
            r++;
        if (r == rows + ROWS)
            return pkt_complain("there is no option -%c; see --help", *p);
        if (!r->operand) {
            int status = take_option(c, r, "");
            if (status != GO_ON)
                return status;
            continue;
        }
        const char *value = p[1] ? p + 1 : args[1];
        *used = p[1] ? 1 : 2;
        return value ? take_option(c, r, value) : pkt_complain("-%c needs %s; see --help", *p, r->operand);
    }
    return GO_ON;
}

/* Options may stand anywhere before "--". */
static int take_arguments(struct command_line *c, char **args) {
    bool only_paths = false;
    for (int used; *args; args += used) {
        const char *arg = *args;
        int status = GO_ON;
        used = 1;
        if (only_paths || arg[0] != '-' || !arg[1])
            c->paths[c->npaths++] = *args;
        else if (strcmp(arg, "--") == 0)
            only_paths = true;
        else
            status = arg[1] == '-' ? take_long(c, args, &used) : take_short(c, args, &used);
        if (status != GO_ON)
            return status;
    }
    return GO_ON;
}

/* What no single option can know to be wrong. */
static int check(const struct command_line *c) {
    const struct pkt_options *o = &c->options;
    if (c->npaths == 0)
        return complain_with_help("no script is named");
    if (o->family_forced && o->families)
        return complain_with_help("--ip_version forces the only family: -4, -6, -m and -a do not go with it");
    if (o->verbose && o->quiet)
        return complain_with_help("-v and -q exclude each other");
    if (o->dry_run || o->list)
        return GO_ON;
    if ((o->both || o->target == PKT_LINUX) && geteuid() != 0)
        return pkt_complain("scripts run on linux as root only: they need a network namespace and a TUN device");
    return GO_ON;
}

static void look_at_terminal(struct command_line *c) {
    struct winsize size;
    bool terminal = isatty(STDOUT_FILENO);
    const char *wanted = getenv("NO_COLOR");
    c->options.color = terminal && !c->no_color && !(wanted && wanted[0]) && !c->options.json;
    c->options.width = LADDER_WIDTH;
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
        c->options.width = size.ws_col;
    c->options.utf8 = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

static bool report_case(void *ctx, struct pkt_case *c) { return pkt_report_case(ctx, c); }

static int run_scripts(const struct pkt_options *o, struct pkt_plan *plan) {
    int status = pkt_plan_cases(plan, o);
    if (status)
        return status;
    struct pkt_report report = {.options = o};
    status = pkt_jobs_run(o, plan->cases, plan->ncases, report_case, &report);
    if (status)
        return status;
    report.left = plan->ncases - report.passed - report.failed - report.skipped;
    return pkt_report_end(&report);
}

static int run_command(struct command_line *c, char **args) {
    int status = take_arguments(c, args);
    if (status == GO_ON)
        status = check(c);
    if (status != GO_ON)
        return status;
    struct pkt_plan plan = {0};
    look_at_terminal(c);
    status = pkt_find(&plan, c->paths, c->npaths);
    if (!status)
        status = c->options.list ? pkt_list(&plan, &c->options) : run_scripts(&c->options, &plan);
    pkt_plan_free(&plan);
    return status;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "record") == 0)
        return pkt_record(argc - 1, argv + 1);
    struct command_line c = {.options = {.target = PKT_ENGINE, .repeat = 1, .seed = 1}};
    c.paths = calloc((size_t)argc + 1, sizeof *c.paths);
    c.options.settings = calloc((size_t)argc + 1, sizeof *c.options.settings);
    settings_init(&c.scratch, FAMILY_IPV4, &c.arena);
    int status = c.paths && c.options.settings ? run_command(&c, argv + (argc > 0)) : pkt_complain("out of memory");
    if ((fflush(stdout) != 0 || ferror(stdout)) && !status)
        status = pkt_complain("standard output cannot be written");
    free(c.paths);
    free(c.options.settings);
    arena_free(&c.arena);
    return status;
}
