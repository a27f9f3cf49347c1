/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens in the process of a run: a script is read, a target opened, and the script played on it. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "script/engine.h"
#include "script/kernel.h"
#include "script/parse.h"
#include "script/run.h"
#include "tools/pkt.h"
#include "tools/pkt_ladder.h"

/* Who looks on while the script is played. */
struct looker {
    const struct pkt_options *options;
    struct pkt_shared *shared;
    const int *streams;
    struct ladder ladder;
    struct text shown;
    struct pkt_pcap *pcap;
};

static void write_out(int fd, struct text *t) {
    for (size_t done = 0; done < t->len;) {
        ssize_t n = write(fd, t->at + done, t->len - done);
        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    t->len = 0;
    if (t->at)
        t->at[0] = '\0';
}

static void look(void *ctx, const struct note *note) {
    struct looker *l = ctx;
    if (note->event) {
        const struct event *next = note->kind == NOTE_CALL ? note->event : note->event->next;
        l->shared->line = note->event->place.line;
        l->shared->next = next ? next->place.line : 0;
    }
    if (l->pcap)
        pkt_pcap_note(l->pcap, note);
    if (l->options->verbose) {
        ladder_note(&l->ladder, note);
        write_out(l->streams[PKT_LADDER], &l->shown);
    }
    if (l->options->both) {
        pkt_diff_note(&l->shown, note);
        write_out(l->streams[PKT_PACKETS], &l->shown);
    }
}

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

/* The command line was checked before; what is wrong still is so for this family only. */
static bool apply_settings(struct settings *s, const struct pkt_options *o, const struct pkt_run *run,
                           struct arena *arena, struct script_error *error) {
    char text[256] = "", family[64];
    settings_init(s, run->family, arena);
    (void)snprintf(family, sizeof family, "ip_version=%s", family_name(run->family));
    int err = 0;
    if (o->family_forced || (o->families && !run->script->has_family))
        err = settings_apply(s, family, true, text, sizeof text);
    for (uint32_t i = 0; i < o->nsettings && !err; i++)
        err = settings_apply(s, o->settings[i], true, text, sizeof text);
    if (err)
        script_error_set(error, (struct place){0}, "%s", text);
    return err == 0;
}

/* ---- Playing ----------------------------------------------------------------------------------------------------- */

/* Commands refer to files beside their script. */
static bool enter_folder(const char *path, struct script_error *error) {
    const char *slash = strrchr(path, '/');
    char *folder = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
    bool entered = folder && (!slash || chdir(folder) == 0);
    if (!entered)
        script_error_set(error, (struct place){0}, "its folder cannot be entered: %s", strerror(errno));
    free(folder);
    return entered;
}

/* --init_scripts=a,b */
static bool run_init_scripts(struct target *t, const struct settings *s, struct script_error *error) {
    for (const char *at = s->init_scripts; at && *at;) {
        char text[400] = "", command[512];
        size_t len = strcspn(at, ",");
        (void)snprintf(command, sizeof command, "%.*s", (int)len, at);
        int err = len ? t->ops->command(t, command, text, sizeof text) : 0;
        if (err) {
            script_error_set(error, (struct place){0}, "--init_scripts: %s", text[0] ? text : strerror(-err));
            return false;
        }
        at += len + (at[len] == ',');
    }
    return true;
}

static enum pkt_outcome play(struct looker *l, const struct pkt_run *run, const struct script *script,
                             const struct settings *settings, struct target *target) {
    struct script_error *error = &l->shared->error;
    struct text detail = {0};
    struct run_options options = {.note = look, .ctx = l};
    if (!run_init_scripts(target, settings, error))
        return PKT_FAILED;
    if (l->options->verbose)
        ladder_begin(&l->ladder, &l->shown, run->target == PKT_ENGINE ? "umptcp" : "linux", l->options->width,
                     l->options->utf8, l->options->color);
    l->shared->next = script->init ? script->init_place.line : script->events ? script->events->place.line : 0;
    int err = script_run(script, settings, target, &options, error, &detail);
    if (l->options->verbose)
        ladder_end(&l->ladder);
    write_out(l->streams[PKT_LADDER], &l->shown);
    write_out(l->streams[PKT_DETAIL], &detail);
    text_free(&detail);
    return err ? PKT_FAILED : PKT_PASSED;
}

static enum pkt_outcome play_on_target(struct looker *l, const struct pkt_run *run, const struct script *script,
                                       const struct settings *settings) {
    struct script_error *error = &l->shared->error;
    struct target *target = NULL;
    char text[512] = "";
    int err;
    if (!enter_folder(run->script->path, error))
        return PKT_FAILED;
    if (run->target == PKT_ENGINE)
        err = engine_target_open(settings, l->options->seed + run->number, &target, text, sizeof text);
    else
        err = kernel_target_open(settings, &target, text, sizeof text);
    if (err) {
        script_error_set(error, (struct place){0}, "%s", text[0] ? text : strerror(-err));
        return run->target == PKT_LINUX && err != -EINVAL ? PKT_ENVIRONMENT : PKT_FAILED;
    }
    if (run->pcap && (err = pkt_pcap_open(run->pcap, run->target == PKT_LINUX, &l->pcap)) != 0) {
        script_error_set(error, (struct place){0}, "%s: %s", run->pcap, strerror(-err));
        target->ops->close(target);
        return PKT_ENVIRONMENT;
    }
    enum pkt_outcome outcome = play(l, run, script, settings, target);
    if (l->pcap && (err = pkt_pcap_close(l->pcap)) != 0) {
        script_error_set(error, (struct place){0}, "%s: %s", run->pcap, strerror(-err));
        outcome = PKT_ENVIRONMENT;
    }
    target->ops->close(target);
    return outcome;
}

void pkt_run_script(const struct pkt_options *options, const struct pkt_run *run, struct pkt_shared *shared,
                    const int streams[PKT_STREAMS]) {
    struct looker l = {.options = options, .shared = shared, .streams = streams};
    struct arena arena = {0};
    struct settings settings;
    struct script script = {0};
    if (!apply_settings(&settings, options, run, &arena, &shared->error)) {
        shared->outcome = PKT_FAILED;
        arena_free(&arena);
        return;
    }
    enum pkt_outcome outcome = PKT_FAILED;
    if (script_parse(&script, run->script->path, run->script->source, run->script->len, &settings, &shared->error) == 0)
        outcome = options->dry_run || settings.dry_run ? PKT_PASSED : play_on_target(&l, run, &script, &settings);
    script_free(&script);
    arena_free(&arena);
    text_free(&l.shown);
    shared->outcome = outcome;
}
