/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * umptcp-sim: flows through a bottleneck, in virtual time. The parts of the program: scenarios as words, a run of one,
 * tables of many, and the same bottleneck in real time between two TUN interfaces.
 */
#ifndef UMPTCP_TOOLS_SIM_H
#define UMPTCP_TOOLS_SIM_H

#include <stdio.h>

#include "sim/link.h"

enum { SIM_FLOWS_MAX = 8, SIM_CC_MAX = 16, SIM_ERROR_MAX = 160, SIM_KEY_MAX = 200, SIM_RUNS_MAX = 99 };

/* One bottleneck, and who sends through it. */
struct sim_scenario {
    int flows;
    char cc[SIM_FLOWS_MAX][SIM_CC_MAX]; /* of each flow */
    uint64_t rate;                      /* bit/s of IP packets */
    dur rtt;                            /* without queueing: half of it each way */
    uint32_t loss, burst, reorder;      /* as of struct link_config, of the direction of the data */
    dur reorder_by;                     /* 0: a quarter of rtt */
    double buffer;                      /* bandwidth-delay products; at least SIM_QUEUE_MIN */
    double mark;                        /* the same, of the threshold of CE marks; 0: none */
    dur time, warm;                     /* measured after `warm`; 0: sim_default_time() */
    uint64_t seed;
    uint32_t runs; /* of seeds that follow each other: the median counts */
};
enum { SIM_QUEUE_MIN = 15000 };

/* What came of it. */
struct sim_result {
    double mbit;    /* payload that the receivers' applications got, all flows, Mbit/s */
    double retrans; /* percent of payload bytes that were sent again */
    double queue;   /* mean wait in the bottleneck's queue, ms */
    double share;   /* percent of the smallest flow; 100 of one flow */
};

/* ---- Scenarios (sim_words.c) ---- */

struct sim_list {
    struct sim_scenario *all;
    size_t count, room;
};

/*
 * Adds what a line of "key=value" says, each key with one value or several with commas between: every combination is a
 * scenario. Returns 0 or -EINVAL, and writes to `error` what is wrong.
 */
int sim_add(struct sim_list *list, const char *line, char error[SIM_ERROR_MAX]);
void sim_list_free(struct sim_list *list);
/* 5 s and a hundred round trips. */
dur sim_default_time(dur rtt);
/* The two directions of the bottleneck. */
void sim_links(const struct sim_scenario *s, struct link_config *there, struct link_config *back);
/* The columns that name a scenario in a table, with tabs between. */
const char *sim_key(const struct sim_scenario *s, char text[SIM_KEY_MAX]);
#define SIM_KEY_COLUMNS "cc\trate\trtt\tloss\tburst\treorder\tbuffer\tseconds"

/* ---- A run (sim_run.c) ---- */

/* Runs it, and the median of its runs. Returns 0 or a negative errno. */
int sim_run(const struct sim_scenario *s, struct sim_result *r);

/* ---- Tables (sim_table.c) ---- */

struct sim_table_options {
    int jobs;
    bool json, quiet, dry_run;
    const char *output; /* a file for the table; NULL: standard output */
    const char *check;  /* a table to compare with; NULL: none */
    double bound;       /* percent by which throughput may differ from it */
};
#define SIM_COLUMNS SIM_KEY_COLUMNS "\tmbit\tretrans\tqueue_ms\tshare"
/* Runs all and prints. Returns an exit status: 0, 1 when the check found a difference, 2 when something failed. */
int sim_table(const struct sim_list *list, const struct sim_table_options *options);

/* ---- Real time (sim_link.c) ---- */

/*
 * The bottleneck between two TUN interfaces, in real time, until a signal ends the program: what the first one gives
 * goes `there`. Says "linked" on standard error when it is ready, and what happened at the end. Returns an exit status.
 */
int sim_link(const char *a, const char *b, const struct sim_scenario *s);

#endif
