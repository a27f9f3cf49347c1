/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * umptcp-pkt, the command that runs packet scripts.
 *
 *   umptcp-pkt.c   the command line
 *   pkt_files.c    from arguments to scripts, and in which families they run
 *   pkt_list.c     --list
 *   pkt_jobs.c     a process for each run, several at a time
 *   pkt_run.c      what happens in that process
 *   pkt_report.c   what is printed of it, as text
 *   pkt_json.c     and as JSON
 *   pkt_ladder.c   -v: the conversation
 *   pkt_pcap.c     --pcap
 *   pkt_diff.c     --both: where two stacks part
 *   pkt_record.c   umptcp-pkt record: from a capture to a script
 */
#ifndef UMPTCP_TOOLS_PKT_H
#define UMPTCP_TOOLS_PKT_H

#include "script/print.h"
#include "script/settings.h"

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 }; /* of the command, when not all passed */

enum pkt_target { PKT_ENGINE, PKT_LINUX };
enum { PKT_TARGETS = 2, PKT_FAMILIES = 3 };

struct pkt_options {
    enum pkt_target target;
    bool both;
    unsigned families;  /* bit for each enum family that was asked for; 0: by the script */
    bool family_forced; /* --ip_version: then `forced` is the family of every run */
    enum family forced;
    bool verbose, quiet, json, list, dry_run, fail_fast;
    bool color, utf8; /* of what is printed */
    uint32_t width;
    const char *pcap;
    uint32_t repeat;
    uint32_t jobs; /* 0: by the target */
    uint64_t seed;
    dur timeout;           /* 0: by the target */
    const char **settings; /* "name=value", of the scripts' options */
    uint32_t nsettings;
};

struct pkt_script {
    const char *path; /* as it is told */
    char *source;
    size_t len;
    bool has_family; /* its option lines say which */
    enum family family;
};

enum pkt_outcome {
    PKT_DIED, /* nothing else was said */
    PKT_PASSED,
    PKT_DIFFERS, /* it failed on Linux, and its comments say why */
    PKT_FAILED,
    PKT_ENVIRONMENT, /* not the script's fault: nothing can be run here */
};

/* A script on a target: a process. What it said is the run's, NUL-terminated. */
struct pkt_run {
    const struct pkt_script *script;
    enum family family;
    enum pkt_target target;
    uint32_t number; /* of --repeat, from 0 */
    char *pcap;      /* file for its packets, or NULL */

    bool done;
    enum pkt_outcome outcome;
    dur took;
    struct place place; /* where it failed */
    char *message;      /* and how; empty: it did not */
    char *detail;       /* of script_run() */
    char *ladder;       /* -v */
    char *packets;      /* --both: what the stack sent, for pkt_diff.c */
    char *stray;        /* what its commands printed */
};

/* What is one line of the report: a run, two of them with --both, or none with the reason. */
struct pkt_case {
    struct pkt_run runs[PKT_TARGETS];
    uint32_t nruns;
    const char *skip;
    char *name; /* "path (family, target)" */
};

/*
 * Each run is a fork of the process that holds all this, and what it holds costs each of them time: pages to copy, and
 * for a sanitizer memory to search for leaks. So texts lie in the arena, and a run has no room for what it did not say.
 */
struct pkt_plan {
    struct arena arena; /* names and sources */
    char *buffer;       /* that sources are read into */
    size_t room;
    struct pkt_script *scripts;
    uint32_t nscripts;
    struct pkt_case *cases;
    uint32_t ncases;
};

/* ---- pkt_files.c ------------------------------------------------------------------------------------------------- */

/* Reads the scripts that the arguments name: files, folders, patterns. 0, or a status when it complained. */
int pkt_find(struct pkt_plan *plan, char **args, int nargs);
/* Makes the cases. 0, or a status when it complained. */
int pkt_plan_cases(struct pkt_plan *plan, const struct pkt_options *options);
void pkt_plan_free(struct pkt_plan *plan);
/* The families, a bit for each, that a script's file name leaves. */
unsigned pkt_families_of_name(const char *path);
/* True when a path is as a pattern says, of which "**" stands for any number of folders. */
bool pkt_path_matches(const char *pattern, const char *path);
/* The file in a folder for the packets of a run: "sub/a.pkt" -> "sub-a-ipv4-engine.pcapng". */
char *pkt_pcap_name(struct arena *arena, const struct pkt_run *run, bool repeated);

/* ---- pkt_list.c -------------------------------------------------------------------------------------------------- */

int pkt_list(const struct pkt_plan *plan, const struct pkt_options *options);
/* The first line of a script's comments that says something; empty when there is none. */
void pkt_summary(const char *source, struct text *summary);
/* The requirements that its comments name, with a blank between them. */
void pkt_rows(const char *source, struct text *rows);
/* What its comments say behind "Linux differs:", why it cannot pass there. False when they do not. */
bool pkt_linux_note(const char *source, struct text *why);

/* ---- pkt_jobs.c -------------------------------------------------------------------------------------------------- */

/*
 * Runs all cases and calls `done` for each in their order; it returns false to stop. Returns 0, or a status when it
 * complained.
 */
int pkt_jobs_run(const struct pkt_options *options, struct pkt_case *cases, uint32_t ncases,
                 bool (*done)(void *ctx, struct pkt_case *c), void *ctx);

/* ---- pkt_run.c --------------------------------------------------------------------------------------------------- */

/* What the process of a run shares with its parent, however it ends. */
struct pkt_shared {
    enum pkt_outcome outcome;
    uint32_t line; /* of the last event that something happened in; 0: none yet */
    uint32_t next; /* of what it is waiting for; 0: nothing is left but the end */
    struct script_error error;
};

enum pkt_stream { PKT_DETAIL, PKT_LADDER, PKT_PACKETS, PKT_STRAY, PKT_STREAMS };

/* In the process: plays the script and fills `shared`. The streams are files to write to. */
void pkt_run_script(const struct pkt_options *options, const struct pkt_run *run, struct pkt_shared *shared,
                    const int streams[PKT_STREAMS]);

/* ---- pkt_report.c, pkt_json.c ------------------------------------------------------------------------------------ */

struct pkt_report {
    const struct pkt_options *options;
    uint32_t passed, failed, skipped, left; /* `left`: not run */
};

/* Prints "umptcp-pkt: ..." to stderr. Returns STATUS_USAGE. */
__attribute__((format(printf, 1, 2))) int pkt_complain(const char *format, ...);
const char *pkt_target_name(enum pkt_target target);
/* Prints a case and counts it. False when the runs are to stop. */
bool pkt_report_case(struct pkt_report *report, const struct pkt_case *c);
/* Prints the last line. Returns the command's status. */
int pkt_report_end(const struct pkt_report *report);
/* Whatever its runs did is as it should be. */
bool pkt_case_passed(const struct pkt_case *c);
static inline bool pkt_run_passed(const struct pkt_run *run) {
    return run->outcome == PKT_PASSED || run->outcome == PKT_DIFFERS;
}
void pkt_json_case(struct text *t, const struct pkt_report *report, const struct pkt_case *c);
void pkt_json_summary(struct text *t, const struct pkt_report *report);
/* "..." with what has to be escaped, and U+FFFD for what is no UTF-8. */
void json_string(struct text *t, const char *s);

/* ---- pkt_pcap.c -------------------------------------------------------------------------------------------------- */

struct note;
struct pkt_pcap;

/* 0, or a negative errno with nothing to close. Times count from 1970 when they are `real`, else from 0. */
int pkt_pcap_open(const char *path, bool real, struct pkt_pcap **p);
void pkt_pcap_note(struct pkt_pcap *p, const struct note *note);
/* 0, or a negative errno when not everything could be written. */
int pkt_pcap_close(struct pkt_pcap *p);

/* ---- pkt_diff.c -------------------------------------------------------------------------------------------------- */

/* In the process: a line about a packet that the stack sent. */
void pkt_diff_note(struct text *packets, const struct note *note);
/*
 * The first packet in which two stacks differ, with what is around it. `open`: also in what the script does not look
 * at. False when there is none.
 */
bool pkt_diff(struct text *t, const char *engine, const char *linux_packets, bool open);

/* ---- pkt_record.c ------------------------------------------------------------------------------------------------ */

/* `umptcp-pkt record`: argv[0] is "record". Returns the command's status. */
int pkt_record(int argc, char **argv);

#endif
