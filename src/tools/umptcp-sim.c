/* SPDX-License-Identifier: BSD-3-Clause */
/* umptcp-sim: flows through a bottleneck. This is its command line; docs/man/umptcp-sim.1 describes it. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/sim.h"

static const char usage[] =
    "usage: umptcp-sim [OPTION]... KEY=VALUE[,VALUE...]...    in virtual time, every combination\n"
    "       umptcp-sim [OPTION]... -f FILE                    a line of these for each set\n"
    "       umptcp-sim link TUN TUN KEY=VALUE...              in real time, between two TUN interfaces\n"
    "       umptcp-sim list                                   congestion controls\n"
    "\n"
    "Flows send all they can through a bottleneck; the table says what arrived, second half of the time.\n"
    "\n"
    "  cc=NAME[+NAME...]   a flow of each (cubic); * stands for every one there is\n"
    "  rate=N[k|M|G]       bit/s (100M)          rtt=N[us|ms|s]      without queueing (20 ms)\n"
    "  buffer=N            of the queue, in bandwidth-delay products (1); at least 15 kB\n"
    "  loss=N[%]           burst=N               mean length of a run of losses\n"
    "  reorder=N[%]        reorder-by=N[ms]      held back by so much (a quarter of rtt)\n"
    "  mark=N              CE marks from this many bandwidth-delay products of queue on\n"
    "  time=N[s|ms]        measured so long (5 s and 100 rtt), after warm=N[s|ms] (as long)\n"
    "  seed=N              runs=N                seeds; the median counts\n"
    "\n"
    "  -f, --file FILE     scenarios from a file\n"
    "  -j, --jobs N        so many at a time (1)\n"
    "  -n, --dry-run       only the columns that name the scenarios\n"
    "  -o, --output FILE   the table goes there\n"
    "  -c, --check FILE    no table: compare with that of FILE, and fail where throughput differs\n"
    "      --bound N       by more than so many percent (10)\n"
    "      --json          an array of objects instead of a table\n"
    "  -q, --quiet         no progress, and only what is wrong\n"
    "  -h, --help          this text\n"
    "      --version\n"
    "\n"
    "Exit status: 0; 1 when a comparison failed; 2 when something could not be done.\n";

enum { BOUND = 256, JSON, VERSION, BOUND_DEFAULT = 10, WORDS_MAX_LEN = 512, JOBS_MAX = 64 };

static int complain(const char *what, const char *why) {
    fprintf(stderr, "umptcp-sim: %s%s%s\n", what, why ? ": " : "", why ? why : "; see --help");
    return 2;
}

static bool number(const char *text, double most, double *v) {
    char *end;
    *v = strtod(text, &end);
    return end != text && !*end && *v >= 0 && *v <= most;
}

/* The words of a command line as one line of a file. */
static int add_words(struct sim_list *list, char **words, int n) {
    char line[WORDS_MAX_LEN] = "", error[SIM_ERROR_MAX];
    size_t len = 0;
    for (int i = 0; i < n; i++) {
        len += (size_t)snprintf(line + len, sizeof line - len, "%s ", words[i]);
        if (len >= sizeof line)
            return complain("too many words", NULL);
    }
    return sim_add(list, line, error) ? complain(*error ? error : "no memory", NULL) : 0;
}

static int add_file(struct sim_list *list, const char *path) {
    FILE *f = fopen(path, "r");
    if (!f)
        return complain(path, strerror(errno));
    char line[WORDS_MAX_LEN], error[SIM_ERROR_MAX];
    int at = 0, err = 0;
    while (!err && fgets(line, sizeof line, f)) {
        at++;
        err = sim_add(list, line, error);
    }
    fclose(f);
    if (!err)
        return 0;
    fprintf(stderr, "umptcp-sim: %s:%d: %s\n", path, at, error);
    return 2;
}

static int list_names(void) {
    const char *name;
    for (unsigned i = 0; (name = umptcp_congestion_control(i)) != NULL; i++)
        puts(name);
    return 0;
}

static int print_keys(const struct sim_list *list) {
    char key[SIM_KEY_MAX];
    puts(SIM_KEY_COLUMNS);
    for (size_t i = 0; i < list->count; i++)
        puts(sim_key(&list->all[i], key));
    return 0;
}

static int link_command(int argc, char **argv) {
    struct sim_list list = {NULL, 0, 0};
    if (argc < 2)
        return complain("link: two TUN interfaces are needed", NULL);
    char *any[] = {(char[]){"seed=1"}};
    int status = argc > 2 ? add_words(&list, argv + 2, argc - 2) : add_words(&list, any, 1);
    if (!status && list.count != 1)
        status = complain("link: one scenario is needed", NULL);
    if (!status)
        status = sim_link(argv[0], argv[1], &list.all[0]);
    sim_list_free(&list);
    return status;
}

static const struct option names[] = {
    {"file", required_argument, NULL, 'f'},
    {"jobs", required_argument, NULL, 'j'},
    {"dry-run", no_argument, NULL, 'n'},
    {"output", required_argument, NULL, 'o'},
    {"check", required_argument, NULL, 'c'},
    {"bound", required_argument, NULL, BOUND},
    {"json", no_argument, NULL, JSON},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

enum { GO_ON = -1 };

/* One option. GO_ON, or the exit status. */
static int option(int c, struct sim_table_options *o, struct sim_list *list) {
    double v;
    switch (c) {
    case 'f':
        return add_file(list, optarg) ? 2 : GO_ON;
    case 'j':
        if (!number(optarg, JOBS_MAX, &v) || v < 1)
            return complain("--jobs", "a number from 1 to 64");
        o->jobs = (int)v;
        return GO_ON;
    case 'n':
        o->dry_run = true;
        return GO_ON;
    case 'o':
        o->output = optarg;
        return GO_ON;
    case 'c':
        o->check = optarg;
        return GO_ON;
    case BOUND:
        return number(optarg, 1000, &o->bound) ? GO_ON : complain("--bound", "a number of percent");
    case JSON:
        o->json = true;
        return GO_ON;
    case 'q':
        o->quiet = true;
        return GO_ON;
    case 'h':
        printf("%s", usage);
        return 0;
    case VERSION:
        printf("umptcp-sim %s\n", UMPTCP_VERSION);
        return 0;
    default:
        return complain("that is no option", NULL);
    }
}

int main(int argc, char **argv) {
    struct sim_table_options o = {.jobs = 1, .bound = BOUND_DEFAULT};
    struct sim_list list = {NULL, 0, 0};
    if (argc > 1 && strcmp(argv[1], "link") == 0)
        return link_command(argc - 2, argv + 2);
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list_names();
    int status = GO_ON;
    opterr = 0;
    for (int c; status == GO_ON && (c = getopt_long(argc, argv, "f:j:no:c:qh", names, NULL)) != -1;)
        status = option(c, &o, &list);
    if (status == GO_ON && optind < argc)
        status = add_words(&list, argv + optind, argc - optind) ? 2 : GO_ON;
    if (status == GO_ON)
        status = !list.count ? complain("no scenario", NULL) : o.dry_run ? print_keys(&list) : sim_table(&list, &o);
    sim_list_free(&list);
    return status;
}
