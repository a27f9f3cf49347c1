/* SPDX-License-Identifier: BSD-3-Clause */
/* The text form of an element, and the list of all kinds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/box.h"
#include "sim/middlebox.h"

enum type { WORD, WORDS, NUMBER, DURATION, ADDRESS };

struct word {
    const char *name;
    uint64_t value;
};

static const struct word dirs[] = {{"both", BOX_BOTH}, {"out", BOX_OUT}, {"in", BOX_IN},
                                   {"fwd", BOX_FWD},   {"rev", BOX_REV}, {NULL, 0}};
static const struct word ons[] = {
    {"syn", ON_SYN}, {"synack", ON_SYNACK}, {"third", ON_THIRD},   {"data", ON_DATA}, {"ack", ON_ACK},
    {"fin", ON_FIN}, {"rst", ON_RST},       {"nonsyn", ON_NONSYN}, {"all", ON_ALL},   {NULL, 0}};
static const struct word flows[] = {{"any", BOX_ANY_FLOW}, {"first", BOX_FIRST}, {"join", BOX_JOIN}, {NULL, 0}};
static const struct word options[] = {{"any", OPT_ANY},
                                      {"mss", OPT_MSS},
                                      {"wscale", OPT_WSCALE},
                                      {"sack-ok", OPT_SACK_OK},
                                      {"sack", OPT_SACK},
                                      {"ts", OPT_TS},
                                      {"mptcp", MPOPT_KIND},
                                      {"capable", OPT_SUBTYPE + 0},
                                      {"join", OPT_SUBTYPE + 1},
                                      {"dss", OPT_SUBTYPE + 2},
                                      {"add-addr", OPT_SUBTYPE + 3},
                                      {"remove-addr", OPT_SUBTYPE + 4},
                                      {"prio", OPT_SUBTYPE + 5},
                                      {"fail", OPT_SUBTYPE + 6},
                                      {"fastclose", OPT_SUBTYPE + 7},
                                      {"tcprst", OPT_SUBTYPE + 8},
                                      {NULL, 0}};
static const struct word keeps[] = {{"every", KEEP_EVERY},   {"first", KEEP_FIRST}, {"last", KEEP_LAST},
                                    {"second", KEEP_SECOND}, {"none", KEEP_NONE},   {NULL, 0}};
static const struct word sacks[] = {{"rewrite", SACK_REWRITE}, {"leave", SACK_LEAVE}, {NULL, 0}};
static const struct word seqs[] = {{"exact", SEQ_EXACT}, {"window", SEQ_WINDOW}, {"outside", SEQ_OUTSIDE}, {NULL, 0}};
static const struct word marks[] = {{"clear", MARK_CLEAR}, {"ect", MARK_ECT}, {"ce", MARK_CE}, {NULL, 0}};
static const struct word acts[] = {{"drop", ACT_DROP}, {"correct", ACT_CORRECT}, {NULL, 0}};
static const struct word option_ways[] = {{"none", KEEP_NONE}, {"every", KEEP_EVERY}, {NULL, 0}};
static const struct word errors[] = {{"host", ERROR_HOST},
                                     {"port", ERROR_PORT},
                                     {"prohibited", ERROR_PROHIBITED},
                                     {"too-big", ERROR_TOO_BIG},
                                     {NULL, 0}};

static const struct {
    const char *name;
    enum type type;
    const struct word *words;
    uint64_t max; /* of a number */
} settings[SETTINGS] = {
    [SET_DIR] = {"dir", WORD, dirs, 0},
    [SET_ON] = {"on", WORDS, ons, 0},
    [SET_FLOW] = {"flow", WORD, flows, 0},
    [SET_HAVING] = {"having", WORD, options, 0},
    [SET_LARGER] = {"larger", NUMBER, NULL, UINT16_MAX},
    [SET_AFTER] = {"after", NUMBER, NULL, INT32_MAX},
    [SET_EVERY] = {"every", NUMBER, NULL, INT32_MAX},
    [SET_COUNT] = {"count", NUMBER, NULL, INT32_MAX},
    [SET_OPTION] = {"option", WORD, options, 0},
    [SET_BY] = {"by", NUMBER, NULL, UINT32_MAX},
    [SET_TIME] = {"time", DURATION, NULL, 0},
    [SET_SIZE] = {"size", NUMBER, NULL, UINT16_MAX},
    [SET_KEEP] = {"keep", WORD, keeps, 0},
    [SET_SACK] = {"sack", WORD, sacks, 0},
    [SET_SEQ] = {"seq", WORD, seqs, 0},
    [SET_AT] = {"at", NUMBER, NULL, INT32_MAX},
    [SET_REMOVE] = {"remove", NUMBER, NULL, 128},
    [SET_INSERT] = {"insert", NUMBER, NULL, 128},
    [SET_MARK] = {"mark", WORD, marks, 0},
    [SET_ACT] = {"act", WORD, acts, 0},
    [SET_OPTIONS] = {"options", WORD, option_ways, 0},
    [SET_IDLE] = {"idle", DURATION, NULL, 0},
    [SET_REBIND] = {"rebind", NUMBER, NULL, INT32_MAX},
    [SET_ERROR] = {"error", WORD, errors, 0},
    [SET_MTU] = {"mtu", NUMBER, NULL, UINT16_MAX},
    [SET_PORT] = {"port", NUMBER, NULL, UINT16_MAX},
    [SET_ADDR] = {"addr", ADDRESS, NULL, 0},
};

static bool find_word(const struct word *words, const char *text, uint64_t *value) {
    for (; words->name; words++)
        if (strcmp(words->name, text) == 0) {
            *value = words->value;
            return true;
        }
    return false;
}

static bool read_words(const struct word *words, char *text, uint64_t *value) {
    *value = 0;
    for (char *next; text; text = next) {
        uint64_t bit;
        next = strchr(text, '+');
        if (next)
            *next++ = '\0';
        if (!find_word(words, text, &bit))
            return false;
        *value |= bit;
    }
    return true;
}

static bool read_number(const char *text, uint64_t max, uint64_t *value) {
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return !*end && !errno && *value <= max;
}

static bool read_duration(const char *text, uint64_t *value) {
    static const struct word units[] = {{"ms", MSEC(1)}, {"us", USEC(1)}, {"s", SEC(1)}, {"min", SEC(60)}, {NULL, 0}};
    char *end;
    uint64_t unit;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    uint64_t n = strtoull(text, &end, 10);
    if (errno || !find_word(units, end, &unit) || n > UINT32_MAX)
        return false;
    *value = n * unit;
    return true;
}

static bool read_value(struct box *b, enum box_setting s, char *value) {
    switch (settings[s].type) {
    case WORD:
        return find_word(settings[s].words, value, &b->set[s]);
    case WORDS:
        return read_words(settings[s].words, value, &b->set[s]);
    case NUMBER:
        return read_number(value, settings[s].max, &b->set[s]);
    case DURATION:
        return read_duration(value, &b->set[s]);
    case ADDRESS:
        return umptcp_addr_parse(value, &b->addr) == 0;
    }
    return false;
}

static int parse_setting(struct box *b, char *text, char *error, size_t size) {
    char *value = strchr(text, '=');
    if (value)
        *value++ = '\0';
    for (int s = 0; s < SETTINGS; s++) {
        if (strcmp(text, settings[s].name) != 0)
            continue;
        if (s >= SETTINGS_COMMON && !(b->kind->settings >> s & 1))
            break;
        if (!value || !read_value(b, (enum box_setting)s, value)) {
            snprintf(error, size, "%s: bad value of %s", b->kind->name, text);
            return -EINVAL;
        }
        b->given[s] = true;
        return 0;
    }
    snprintf(error, size, "%s has no setting '%s'", b->kind->name, text);
    return -EINVAL;
}

int box_parse(struct box *b, const char *text, size_t len, char *error, size_t size) {
    char copy[256];
    if (len >= sizeof copy) {
        snprintf(error, size, "an element of more than %zu characters", sizeof copy - 1);
        return -EINVAL;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    char *next = strchr(copy, ':');
    if (next)
        *next++ = '\0';
    for (int i = 0; box_kinds[i] && !b->kind; i++)
        if (strcmp(box_kinds[i]->name, copy) == 0)
            b->kind = box_kinds[i];
    if (!b->kind) {
        snprintf(error, size, "no middlebox '%s'", copy);
        return -EINVAL;
    }
    for (char *setting; next;) {
        setting = next;
        next = strchr(setting, ',');
        if (next)
            *next++ = '\0';
        int err = parse_setting(b, setting, error, size);
        if (err)
            return err;
    }
    for (int s = 0; s < SETTINGS; s++)
        if (b->kind->needs >> s & 1 && !b->given[s]) {
            snprintf(error, size, "%s needs %s", b->kind->name, settings[s].name);
            return -EINVAL;
        }
    return 0;
}

bool middlebox_kind(unsigned index, struct middlebox_kind *kind) {
    const struct box_kind *k = NULL;
    for (unsigned i = 0; i <= index && box_kinds[i]; i++)
        k = i == index ? box_kinds[i] : NULL;
    if (!k)
        return false;
    *kind = (struct middlebox_kind){.name = k->name, .help = k->help, .settings = k->settings, .needs = k->needs};
    return true;
}

const char *middlebox_setting(unsigned index) { return index < SETTINGS ? settings[index].name : NULL; }
