/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios as text: "cc=cubic,newreno rate=100M rtt=10ms,100ms loss=0,1% buffer=1". */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tools/sim.h"

enum { LINE_MAX_LEN = 512, VALUE_MAX = 128, LISTS_MAX = 16, MERGE_US = 50, PACKET = 1500 };

struct unit {
    const char *name;
    double factor;
};
/* Ended by a unit without a name. The first is what a bare number means. */
static const struct unit none[] = {{"", 1}, {NULL, 0}};
static const struct unit rates[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
static const struct unit times[] = {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {NULL, 0}};
static const struct unit chances[] = {{"", 1e6}, {"%", 1e4}, {NULL, 0}};

enum type { U64, U32, DOUBLE };

static const struct key {
    const char *name;
    const struct unit *units;
    enum type type;
    size_t offset;
    double least, most;
} keys[] = {
    {"rate", rates, U64, offsetof(struct sim_scenario, rate), 1e4, 1e11},
    {"rtt", times, U64, offsetof(struct sim_scenario, rtt), 0, 1e10},
    {"loss", chances, U32, offsetof(struct sim_scenario, loss), 0, 1e6},
    {"burst", none, U32, offsetof(struct sim_scenario, burst), 0, 1e4},
    {"reorder", chances, U32, offsetof(struct sim_scenario, reorder), 0, 1e6},
    {"reorder-by", times, U64, offsetof(struct sim_scenario, reorder_by), 0, 1e10},
    {"buffer", none, DOUBLE, offsetof(struct sim_scenario, buffer), 0, 1000},
    {"mark", none, DOUBLE, offsetof(struct sim_scenario, mark), 0, 1000},
    {"time", times, U64, offsetof(struct sim_scenario, time), 1e6, 1e13},
    {"warm", times, U64, offsetof(struct sim_scenario, warm), 1e6, 1e13},
    {"seed", none, U64, offsetof(struct sim_scenario, seed), 0, 1e15},
    {"runs", none, U32, offsetof(struct sim_scenario, runs), 1, SIM_RUNS_MAX},
};
enum { KEYS = sizeof keys / sizeof *keys };

/* ---- One value --------------------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, const struct key *key, double *v) {
    char *end;
    *v = strtod(text, &end);
    if (end == text || !isfinite(*v))
        return false;
    const struct unit *u = key->units;
    while (*end && u->name && strcmp(end, u->name) != 0)
        u++;
    if (!u->name)
        return false;
    *v *= u->factor;
    return *v >= key->least && *v <= key->most;
}

static void store(struct sim_scenario *s, const struct key *key, double v) {
    uint8_t *field = (uint8_t *)s + key->offset;
    uint64_t wide = (uint64_t)(v + 0.5);
    uint32_t narrow = (uint32_t)wide;
    if (key->type == DOUBLE)
        memcpy(field, &v, sizeof v);
    else if (key->type == U64)
        memcpy(field, &wide, sizeof wide);
    else
        memcpy(field, &narrow, sizeof narrow);
}

static bool is_cc(const char *name) {
    const char *known;
    for (unsigned i = 0; (known = umptcp_congestion_control(i)) != NULL; i++)
        if (strcmp(name, known) == 0)
            return true;
    return false;
}

/* "cubic", or "cubic+newreno": a flow of each. */
static bool parse_cc(struct sim_scenario *s, const char *text) {
    s->flows = 0;
    for (;;) {
        size_t len = strcspn(text, "+");
        if (s->flows == SIM_FLOWS_MAX || len >= SIM_CC_MAX)
            return false;
        char *cc = s->cc[s->flows++];
        memcpy(cc, text, len);
        cc[len] = '\0';
        if (!is_cc(cc))
            return false;
        if (!text[len])
            return true;
        text += len + 1;
    }
}

static bool set(struct sim_scenario *s, const char *key, const char *value) {
    if (strcmp(key, "cc") == 0)
        return parse_cc(s, value);
    for (int i = 0; i < KEYS; i++) {
        double v;
        if (strcmp(key, keys[i].name) != 0)
            continue;
        if (!parse_number(value, &keys[i], &v))
            return false;
        store(s, &keys[i], v);
        return true;
    }
    return false;
}

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

/* The same scenario may be in several lines: the first counts, with its number of runs. */
static bool is_listed(const struct sim_list *list, const struct sim_scenario *s) {
    char key[SIM_KEY_MAX], other[SIM_KEY_MAX];
    sim_key(s, key);
    for (size_t i = 0; i < list->count; i++) {
        const struct sim_scenario *o = &list->all[i];
        if (s->seed == o->seed && s->warm == o->warm && s->reorder_by == o->reorder_by && s->mark == o->mark &&
            strcmp(key, sim_key(o, other)) == 0)
            return true;
    }
    return false;
}

static int append(struct sim_list *list, const struct sim_scenario *s) {
    if (is_listed(list, s))
        return 0;
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct sim_scenario *all = realloc(list->all, room * sizeof *all);
        if (!all)
            return -ENOMEM;
        list->all = all;
        list->room = room;
    }
    list->all[list->count++] = *s;
    return 0;
}

void sim_list_free(struct sim_list *list) { free(list->all); }

static int combine(struct sim_list *list, const struct sim_scenario *s, char *const words[], int n, char *error);

/* The scenarios of one value of the first word. */
static int with_value(struct sim_list *list, const struct sim_scenario *s, const char *key, const char *value,
                      char *const words[], int n, char *error) {
    struct sim_scenario mine = *s;
    if (!set(&mine, key, value)) {
        snprintf(error, SIM_ERROR_MAX, "\"%.40s=%.80s\" is not understood", key, value);
        return -EINVAL;
    }
    return combine(list, &mine, words, n, error);
}

/* The same of "*", "*+*" or "*+cubic": the star stands for every name there is. */
static int with_each_cc(struct sim_list *list, const struct sim_scenario *s, const char *pattern, char *const words[],
                        int n, char *error) {
    const char *name;
    int err = 0;
    for (unsigned i = 0; !err && (name = umptcp_congestion_control(i)) != NULL; i++) {
        char value[VALUE_MAX + SIM_FLOWS_MAX * SIM_CC_MAX] = "";
        size_t len = 0;
        for (const char *at = pattern; *at && len + SIM_CC_MAX < sizeof value; at++)
            len += (size_t)(*at == '*' ? snprintf(value + len, SIM_CC_MAX, "%s", name)
                                       : snprintf(value + len, 2, "%c", *at));
        err = with_value(list, s, "cc", value, words, n, error);
    }
    return err;
}

/* Every combination of what the words allow. */
static int combine(struct sim_list *list, const struct sim_scenario *s, char *const words[], int n, char *error) {
    if (n == 0)
        return append(list, s);
    char key[VALUE_MAX], value[VALUE_MAX];
    const char *eq = strchr(words[0], '=');
    if (!eq || (size_t)(eq - words[0]) >= sizeof key) {
        snprintf(error, SIM_ERROR_MAX, "\"%.80s\": KEY=VALUE is wanted", words[0]);
        return -EINVAL;
    }
    memcpy(key, words[0], (size_t)(eq - words[0]));
    key[eq - words[0]] = '\0';
    int err = 0;
    for (const char *at = eq + 1; !err; at++) {
        size_t len = strcspn(at, ",");
        if (len >= sizeof value) {
            snprintf(error, SIM_ERROR_MAX, "\"%.40s\": too long", at);
            return -EINVAL;
        }
        memcpy(value, at, len);
        value[len] = '\0';
        if (strcmp(key, "cc") == 0 && strchr(value, '*'))
            err = with_each_cc(list, s, value, words + 1, n - 1, error);
        else
            err = with_value(list, s, key, value, words + 1, n - 1, error);
        at += len;
        if (!*at)
            break;
    }
    return err;
}

int sim_add(struct sim_list *list, const char *line, char error[SIM_ERROR_MAX]) {
    struct sim_scenario s = {.flows = 1, .cc = {"cubic"}, .rate = 100000000, .rtt = MSEC(20), .buffer = 1, .seed = 1};
    s.runs = 1;
    char text[LINE_MAX_LEN], *words[LISTS_MAX];
    int n = 0;
    *error = '\0';
    if (snprintf(text, sizeof text, "%s", line) >= (int)sizeof text) {
        snprintf(error, SIM_ERROR_MAX, "the line is too long");
        return -EINVAL;
    }
    text[strcspn(text, "#\n")] = '\0';
    for (char *word = strtok(text, " \t"); word; word = strtok(NULL, " \t")) {
        if (n == LISTS_MAX) {
            snprintf(error, SIM_ERROR_MAX, "too many words");
            return -EINVAL;
        }
        words[n++] = word;
    }
    return n ? combine(list, &s, words, n, error) : 0;
}

/* ---- What follows from a scenario ----------------------------------------------------------------------------------
 */

dur sim_default_time(dur rtt) { return SEC(5) + 100 * rtt; }

static uint64_t bdp(const struct sim_scenario *s) { return (uint64_t)((double)s->rate / 8 * ((double)s->rtt / 1e9)); }

void sim_links(const struct sim_scenario *s, struct link_config *there, struct link_config *back) {
    uint64_t queue = (uint64_t)(s->buffer * (double)bdp(s));
    *back = (struct link_config){.rate = s->rate, .delay = s->rtt / 2, .merge = USEC(MERGE_US)};
    *there = *back;
    there->delay = s->rtt - s->rtt / 2;
    there->queue = queue > SIM_QUEUE_MIN ? queue : SIM_QUEUE_MIN;
    there->loss = s->loss;
    there->burst = s->burst;
    there->reorder = s->reorder;
    there->reorder_by = s->reorder_by ? s->reorder_by : s->rtt / 4;
    there->mark = (uint64_t)(s->mark * (double)bdp(s));
    if (s->mark > 0 && there->mark < 2 * PACKET)
        there->mark = 2 * PACKET;
}

const char *sim_key(const struct sim_scenario *s, char text[SIM_KEY_MAX]) {
    size_t at = 0;
    for (int i = 0; i < s->flows; i++)
        at += (size_t)snprintf(text + at, SIM_KEY_MAX - at, "%s%s", i ? "+" : "", s->cc[i]);
    dur time = s->time ? s->time : sim_default_time(s->rtt);
    snprintf(text + at, SIM_KEY_MAX - at, "\t%gM\t%gms\t%g%%\t%u\t%g%%\t%g\t%g", (double)s->rate / 1e6,
             (double)s->rtt / 1e6, s->loss / 1e4, (unsigned)s->burst, s->reorder / 1e4, s->buffer, (double)time / 1e9);
    return text;
}
