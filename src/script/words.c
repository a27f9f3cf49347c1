/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of names, and the search for a name that was meant. */
#include "script/words.h"

#include <string.h>

const struct word words_ecn[] = {{"noecn", 0}, {"ect1", 1}, {"ect0", 2}, {"ce", 3}, {NULL, 0}};

const struct word words_capable_flags[] = {
    {"flag_a", 0x80}, {"flag_b", 0x40}, {"flag_c", 0x20}, {"flag_d", 0x10}, {"flag_e", 0x08},
    {"flag_f", 0x04}, {"flag_g", 0x02}, {"flag_h", 0x01}, {"no_flags", 0},  {NULL, 0},
};

const struct word words_reset_flags[] = {
    {"flag_u", 8}, {"flag_v", 4}, {"flag_w", 2}, {"flag_t", 1}, {"no_flags", 0}, {NULL, 0},
};

/* ---- ICMP -------------------------------------------------------------------------------------------------------- */

static const struct word icmp4_types[] = {
    {"echo_reply", 0},          {"unreachable", 3},
    {"source_quench", 4},       {"redirect", 5},
    {"echo_request", 8},        {"time_exceeded", 11},
    {"parameter_problem", 12},  {"timestamp_request", 13},
    {"timestamp_reply", 14},    {"information_request", 15},
    {"information_reply", 16},  {"address_mask_request", 17},
    {"address_mask_reply", 18}, {NULL, 0},
};

static const struct word icmp4_unreachable[] = {
    {"net_unreachable", 0},
    {"host_unreachable", 1},
    {"protocol_unreachable", 2},
    {"port_unreachable", 3},
    {"frag_needed", 4},
    {"source_route_failed", 5},
    {"net_unknown", 6},
    {"host_unknown", 7},
    {"source_host_isolated", 8},
    {"net_prohibited", 9},
    {"host_prohibited", 10},
    {"net_unreachable_for_tos", 11},
    {"host_unreachable_for_tos", 12},
    {"packet_filtered", 13},
    {"precedence_violation", 14},
    {"precedence_cutoff", 15},
    {NULL, 0},
};

static const struct word icmp6_types[] = {
    {"unreachable", 1},
    {"packet_too_big", 2},
    {"time_exceeded", 3},
    {"parameter_problem", 4},
    {"echo_request", 128},
    {"echo_reply", 129},
    {NULL, 0},
};

static const struct word icmp6_unreachable[] = {
    {"no_route", 0},
    {"net_unreachable", 0},
    {"admin_prohibited", 1},
    {"not_neighbour", 2},
    {"address_unreachable", 3},
    {"port_unreachable", 4},
    {NULL, 0},
};

static const struct word icmp6_time_exceeded[] = {{"exceeded_hop_limit", 0}, {"exceeded_frag_time", 1}, {NULL, 0}};

static const struct word icmp6_parameter_problem[] = {
    {"header_field", 0}, {"unknown_next_header", 1}, {"unknown_option", 2}, {NULL, 0}};

const struct word *words_icmp_types(bool v6) { return v6 ? icmp6_types : icmp4_types; }

const struct word *words_icmp_codes(bool v6, uint8_t type) {
    static const struct word none[] = {{NULL, 0}};
    static const struct word *const six[] = {none, icmp6_unreachable, none, icmp6_time_exceeded,
                                             icmp6_parameter_problem};
    if (v6)
        return type < sizeof six / sizeof *six ? six[type] : none;
    return type == 3 ? icmp4_unreachable : none;
}

/* ---- Search ------------------------------------------------------------------------------------------------------ */

const struct word *word_find(const struct word *table, const char *name, size_t len) {
    for (; table->name; table++)
        if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
            return table;
    return NULL;
}

const char *word_name(const struct word *table, uint32_t value) {
    while (table->name && table->value != value)
        table++;
    return table->name;
}

enum { NAME_MAX_LEN = 40 };

size_t word_distance(const char *a, const char *b) {
    size_t la = strlen(a), lb = strlen(b), row[NAME_MAX_LEN + 1];
    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *word_like(const struct word *table, const char *name) {
    const char *like = NULL;
    size_t best = strlen(name) / 3 + 1; /* further away it is no misspelling */
    for (; table->name; table++) {
        size_t distance = word_distance(name, table->name);
        if (distance < best || (distance == best && !like)) {
            best = distance;
            like = table->name;
        }
    }
    return like;
}
