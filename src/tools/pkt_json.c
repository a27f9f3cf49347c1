/* SPDX-License-Identifier: BSD-3-Clause */
/* --json: an object on a line for each run, and one for the end. */
#include <string.h>

#include "tools/pkt.h"

/* Length of the UTF-8 sequence at `s`, or 0 when it is none. */
static size_t utf8_len(const unsigned char *s) {
    size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : 4;
    if (len == 4 && (s[0] < 0xf0 || s[0] > 0xf4))
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool outside = (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90); /* surrogates, too large */
    return overlong || outside ? 0 : len;
}

void json_string(struct text *t, const char *s) {
    static const char letters[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
    text_add(t, "\"");
    while (*s) {
        const char *letter = strchr(letters, *s);
        size_t len = utf8_len((const unsigned char *)s);
        if (letter)
            text_add(t, "\\%c", names[letter - letters]);
        else if (len == 0)
            text_add(t, "\\ufffd");
        else if (len == 1 && ((unsigned char)*s < ' ' || *s == 0x7f))
            text_add(t, "\\u%04x", (unsigned)*s);
        else
            text_add(t, "%.*s", (int)len, s);
        s += len ? len : 1;
    }
    text_add(t, "\"");
}

static void member(struct text *t, const char *name, const char *value) {
    text_add(t, ", \"%s\": ", name);
    json_string(t, value);
}

static void begin(struct text *t, const struct pkt_run *run, const char *target) {
    text_add(t, "{\"type\": \"run\"");
    member(t, "path", run->script->path);
    member(t, "family", family_name(run->family));
    member(t, "target", target);
}

static void run_object(struct text *t, const struct pkt_options *o, const struct pkt_run *run) {
    begin(t, run, pkt_target_name(run->target));
    if (o->repeat > 1)
        text_add(t, ", \"repeat\": %u", run->number + 1);
    member(t, "result", run->outcome == PKT_PASSED ? "passed" : run->outcome == PKT_DIFFERS ? "differs" : "failed");
    text_add(t, ", \"seconds\": ");
    print_seconds(t, run->took);
    if (run->outcome != PKT_PASSED) {
        text_add(t, ", \"line\": %u, \"column\": %u", run->place.line, run->place.column);
        member(t, "message", run->message);
        member(t, "detail", run->detail);
    }
    if (run->stray[0] && (o->verbose || run->outcome != PKT_PASSED))
        member(t, "output", run->stray);
    if (o->verbose)
        member(t, "conversation", run->ladder);
    text_add(t, "}\n");
}

/* Where two stacks differ. */
static void comparison(struct text *t, const struct pkt_options *o, const struct pkt_case *c) {
    struct text differences = {0};
    bool differ = pkt_diff(&differences, c->runs[PKT_ENGINE].packets, c->runs[PKT_LINUX].packets,
                           o->verbose && pkt_case_passed(c));
    text_add(t, "{\"type\": \"comparison\"");
    member(t, "path", c->runs->script->path);
    member(t, "family", family_name(c->runs->family));
    text_add(t, ", \"differ\": %s", differ ? "true" : "false");
    if (differ)
        member(t, "detail", text_of(&differences));
    text_add(t, "}\n");
    text_free(&differences);
}

void pkt_json_case(struct text *t, const struct pkt_report *report, const struct pkt_case *c) {
    const struct pkt_options *o = report->options;
    if (c->skip) {
        begin(t, c->runs, o->both ? "both" : pkt_target_name(c->runs->target));
        member(t, "result", "skipped");
        member(t, "message", c->skip);
        text_add(t, "}\n");
        return;
    }
    for (uint32_t i = 0; i < c->nruns; i++)
        run_object(t, o, &c->runs[i]);
    if (o->both)
        comparison(t, o, c);
}

void pkt_json_summary(struct text *t, const struct pkt_report *report) {
    text_add(t, "{\"type\": \"summary\", \"passed\": %u, \"failed\": %u, \"skipped\": %u, \"not_run\": %u}\n",
             report->passed, report->failed, report->skipped, report->left);
}
