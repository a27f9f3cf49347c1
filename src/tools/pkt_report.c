/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is printed: a line for each case, `ok   NAME`, `FAIL NAME` or `skip NAME: why`, what went wrong below those that
 * failed, and the count. test/run reads the same lines.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/pkt.h"

static const char green[] = "32", red[] = "31", yellow[] = "33", bold[] = "1";

const char *pkt_target_name(enum pkt_target target) { return target == PKT_ENGINE ? "engine" : "linux"; }

int pkt_complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)fflush(stdout);
    (void)fputs("umptcp-pkt: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return STATUS_USAGE;
}

bool pkt_case_passed(const struct pkt_case *c) {
    bool passed = !c->skip;
    for (uint32_t i = 0; i < c->nruns; i++)
        passed = passed && pkt_run_passed(&c->runs[i]);
    return passed;
}

static void colored(struct text *t, const struct pkt_options *o, const char *code, const char *word) {
    text_add(t, o->color ? "\033[%s%s%s\033[0m" : "%s%s%s", o->color ? code : "", o->color ? "m" : "", word);
}

/* Each line of `s` behind a few blanks. */
static void indented(struct text *t, const char *s) {
    while (*s) {
        size_t len = strcspn(s, "\n");
        text_add(t, "%s%.*s\n", len ? "    " : "", (int)len, s);
        s += len + (s[len] == '\n');
    }
}

/* "path:line:column: message", as editors read it. */
static void failure(struct text *t, const struct pkt_run *run, bool which) {
    const struct place *place = &run->place;
    text_add(t, "%s:", run->script->path);
    if (place->line && place->column)
        text_add(t, "%u:%u:", place->line, place->column);
    else if (place->line)
        text_add(t, "%u:", place->line);
    if (which)
        text_add(t, " on %s:", pkt_target_name(run->target));
    text_add(t, " %s\n", run->message);
    indented(t, run->detail);
}

static void stray(struct text *t, const struct pkt_run *run) {
    if (!run->stray[0])
        return;
    text_add(t, "    output:\n");
    indented(t, run->stray);
}

static void differences(struct text *t, const struct pkt_report *report, const struct pkt_case *c) {
    struct text d = {0};
    bool passed = pkt_case_passed(c), verbose = report->options->verbose;
    if (passed && !verbose)
        return;
    if (!pkt_diff(&d, c->runs[PKT_ENGINE].packets, c->runs[PKT_LINUX].packets, passed))
        text_add(&d, passed ? "both stacks sent the same packets\n"
                            : "the packets of both stacks do not differ as far as they got\n");
    indented(t, text_of(&d));
    text_free(&d);
}

/* It fails on Linux as it should. */
static void difference_noted(struct text *t, const struct pkt_run *run) {
    struct text why = {0};
    pkt_linux_note(run->script->source, &why);
    text_add(t, "    Linux differs: %s\n", text_of(&why));
    text_free(&why);
}

/* Which of two stacks passes. */
static const char *verdict(const struct pkt_case *c) {
    bool engine = pkt_run_passed(&c->runs[PKT_ENGINE]), on_linux = pkt_run_passed(&c->runs[PKT_LINUX]);
    return engine     ? ": passes on engine, fails on linux"
           : on_linux ? ": fails on engine, passes on linux"
                      : ": fails on both";
}

static void case_text(struct text *t, const struct pkt_report *report, const struct pkt_case *c) {
    const struct pkt_options *o = report->options;
    bool passed = pkt_case_passed(c);
    for (uint32_t i = 0; o->verbose && i < c->nruns; i++) {
        const struct pkt_run *run = &c->runs[i];
        colored(t, o, bold, run->script->path);
        text_add(t, " (%s, %s)\n%s", family_name(run->family), pkt_target_name(run->target), run->ladder);
    }
    if (c->skip) {
        colored(t, o, yellow, "skip");
        text_add(t, " %s: %s\n", c->name, c->skip);
        return;
    }
    colored(t, o, passed ? green : red, passed ? "ok  " : "FAIL");
    text_add(t, " %s%s\n", c->name, passed || !o->both ? "" : verdict(c));
    for (uint32_t i = 0; i < c->nruns; i++) {
        if (c->runs[i].outcome == PKT_DIFFERS)
            difference_noted(t, &c->runs[i]);
        if (!pkt_run_passed(&c->runs[i]) || (c->runs[i].outcome == PKT_DIFFERS && o->verbose))
            failure(t, &c->runs[i], o->both);
        if (!pkt_run_passed(&c->runs[i]) || o->verbose)
            stray(t, &c->runs[i]);
    }
    if (o->both)
        differences(t, report, c);
}

bool pkt_report_case(struct pkt_report *report, const struct pkt_case *c) {
    const struct pkt_options *o = report->options;
    bool passed = pkt_case_passed(c), failed = !c->skip && !passed;
    report->passed += passed;
    report->failed += failed;
    report->skipped += c->skip != NULL;
    if (!o->quiet || failed) {
        struct text t = {0};
        if (o->json)
            pkt_json_case(&t, report, c);
        else
            case_text(&t, report, c);
        (void)fputs(text_of(&t), stdout);
        (void)fflush(stdout);
        text_free(&t);
    }
    return !(failed && o->fail_fast);
}

int pkt_report_end(const struct pkt_report *report) {
    struct text t = {0};
    if (report->options->json) {
        pkt_json_summary(&t, report);
    } else {
        text_add(&t, "%u passed, %u failed", report->passed, report->failed);
        if (report->skipped)
            text_add(&t, ", %u skipped", report->skipped);
        if (report->left)
            text_add(&t, ", %u not run", report->left);
        text_add(&t, "\n");
    }
    (void)fputs(text_of(&t), stdout);
    text_free(&t);
    if (report->failed)
        return STATUS_FAILED;
    return report->passed ? 0 : pkt_complain("nothing was run");
}
