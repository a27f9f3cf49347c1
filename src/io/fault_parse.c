/* SPDX-License-Identifier: BSD-3-Clause */
/* The text form of a bad wire's settings. */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "io/fault.h"

enum kind { RATE, DURATION, SIZE, CHANCE, SWITCH };

struct unit {
    const char *name;
    double factor;
};

/* Ended by a unit without a name. The first is what a bare number means. */
static const struct unit rate_units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
static const struct unit duration_units[] = {{"ms", 1e6}, {"ns", 1}, {"us", 1e3}, {"s", 1e9}, {NULL, 0}};
static const struct unit size_units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};
static const struct unit chance_units[] = {{"", FAULT_ALWAYS}, {"%", FAULT_ALWAYS / 100.0}, {NULL, 0}};

static const struct {
    const struct unit *units;
    double max;
} kinds[] = {
    [RATE] = {rate_units, 1e15},
    [DURATION] = {duration_units, 1e15},
    [SIZE] = {size_units, UINT32_MAX},
    [CHANCE] = {chance_units, FAULT_ALWAYS},
};

#define FIELD(kind, member) kind, offsetof(struct fault_link, member)
static const struct key {
    const char *name;
    enum kind kind;
    size_t offset;
} keys[] = {
    {"rate", FIELD(RATE, rate)},
    {"delay", FIELD(DURATION, delay)},
    {"queue", FIELD(SIZE, queue_bytes)},
    {"loss", FIELD(CHANCE, loss)},
    {"duplicate", FIELD(CHANCE, duplicate)},
    {"reorder", FIELD(CHANCE, reorder)},
    {"reorder-by", FIELD(DURATION, reorder_by)},
    {"corrupt-header", FIELD(CHANCE, corrupt_header)},
    {"corrupt-payload", FIELD(CHANCE, corrupt_payload)},
    {"refix", FIELD(SWITCH, corrupt_refix)},
    {"replace", FIELD(CHANCE, replace)},
    {"cut", FIELD(SWITCH, cut)},
};

/* Reads a number with its unit; negative when it is none. */
static double parse_number(const char *text, enum kind kind) {
    char *end;
    double v = strtod(text, &end);
    if (end == text || !isfinite(v) || v < 0)
        return -1;
    const struct unit *u = kinds[kind].units;
    while (*end && u->name && strcmp(end, u->name) != 0)
        u++;
    return u->name && v * u->factor <= kinds[kind].max ? v * u->factor : -1;
}

/* A size or a chance is 32 bits wide, a rate or duration 64. */
static int set_field(struct fault_link *link, const struct key *key, const char *value) {
    uint8_t *field = (uint8_t *)link + key->offset;
    if (key->kind == SWITCH) {
        bool on = true;
        memcpy(field, &on, sizeof on);
        return value ? -EINVAL : 0;
    }
    double number = value ? parse_number(value, key->kind) : -1;
    if (number < 0)
        return -EINVAL;
    uint64_t wide = (uint64_t)(number + 0.5);
    uint32_t narrow = (uint32_t)wide;
    if (key->kind == SIZE || key->kind == CHANCE)
        memcpy(field, &narrow, sizeof narrow);
    else
        memcpy(field, &wide, sizeof wide);
    return 0;
}

/* One "key", "key=value", "out.key=value" or "in.key=value". */
static int parse_setting(char *text, struct fault_link links[FAULT_DIRS]) {
    bool out = true, in = true;
    if (strncmp(text, "out.", 4) == 0) {
        in = false;
        text += 4;
    } else if (strncmp(text, "in.", 3) == 0) {
        out = false;
        text += 3;
    }
    char *value = strchr(text, '=');
    if (value)
        *value++ = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(text, keys[i].name) != 0)
            continue;
        int err = out ? set_field(&links[FAULT_OUT], &keys[i], value) : 0;
        return err || !in ? err : set_field(&links[FAULT_IN], &keys[i], value);
    }
    return -EINVAL;
}

int fault_parse(const char *text, struct fault_link links[FAULT_DIRS]) {
    struct fault_link parsed[FAULT_DIRS] = {links[FAULT_OUT], links[FAULT_IN]};
    for (;;) {
        char setting[64];
        size_t len = strcspn(text, ",");
        if (len >= sizeof setting)
            return -EINVAL;
        memcpy(setting, text, len);
        setting[len] = '\0';
        if (parse_setting(setting, parsed))
            return -EINVAL;
        if (!text[len])
            break;
        text += len + 1;
    }
    memcpy(links, parsed, sizeof parsed);
    return 0;
}

const char *fault_cause_name(enum fault_cause cause) {
    static const char *const names[FAULT_CAUSES] = {[FAULT_LOST] = "loss",
                                                    [FAULT_QUEUE] = "queue",
                                                    [FAULT_CUT] = "cut",
                                                    [FAULT_MEMORY] = "memory",
                                                    [FAULT_INNER] = "inner"};
    return cause < FAULT_CAUSES ? names[cause] : "?";
}
