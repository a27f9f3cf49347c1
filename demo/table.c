/* SPDX-License-Identifier: BSD-3-Clause */
#include "table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB   1e6
#define MBIT 1e6
enum { SHA_SHOWN = 16 };

/* What was promised. */
#define STALL_MAX    1.0 /* s */
#define COMEBACK_MAX 3.0 /* s until a path that came back is in use */
#define BOTH_MIN     0.90
#define SINGLE_MIN   0.95

/* ---- Table ------------------------------------------------------------------------------------------------------- */

enum { COLUMN = 30, CELL_MAX = 64 };

static void print_row(const char *label, char cells[TRANSFERS][CELL_MAX]) {
    printf("  %-26s", label);
    for (int i = 0; i < TRANSFERS; i++)
        printf("  %-*s", i + 1 < TRANSFERS ? COLUMN : 0, cells[i]);
    putchar('\n');
}

/* A row of one printf format and one expression on `t`, the transfer of the column. */
#define ROW(label, ...)                                                                                                \
    do {                                                                                                               \
        char cells[TRANSFERS][CELL_MAX];                                                                               \
        for (int column = 0; column < TRANSFERS; column++) {                                                           \
            const struct transfer *t = transfers[column];                                                              \
            snprintf(cells[column], CELL_MAX, __VA_ARGS__);                                                            \
        }                                                                                                              \
        print_row(label, cells);                                                                                       \
    } while (0)

static const char *path_name(enum path path) { return path_plans[path].name; }

static void print_goodput(const char *label, const struct transfer *const transfers[TRANSFERS], enum phase_kind kind) {
    char cells[TRANSFERS][CELL_MAX];
    for (int i = 0; i < TRANSFERS; i++) {
        struct phase p = transfer_phase(transfers[i], kind);
        snprintf(cells[i], CELL_MAX, "%.1f of %.1f Mbit/s = %.1f %%", p.goodput / MBIT, p.achievable / MBIT,
                 p.achievable > 0 ? 100 * p.goodput / p.achievable : 0);
    }
    print_row(label, cells);
}

void table_print(const struct transfer *const transfers[TRANSFERS]) {
    putchar('\n');
    ROW("", "%s", t->name);
    ROW("", "%s", t->dir == FAULT_IN ? "server -> client" : "client -> server");
    ROW("size, time", "%.1f MB in %.1f s", (double)t->size / MB, t->marks[MARK_END]);
    ROW("connected over", "path %s", path_name(t->lead));
    ROW("path cut", "%s from %.1f s to %.1f s", path_name(t->lead), t->marks[MARK_CUT], t->marks[MARK_RETURN]);
    for (int p = 0; p < PATHS; p++) {
        char label[CELL_MAX];
        snprintf(label, sizeof label, "carried by path %s (wire)", path_name((enum path)p));
        ROW(label, "%.1f MB", (double)t->now.wire[p] / MB);
    }
    ROW("joins", "%" PRIu32, t->joins);
    ROW("reinjected", "%.2f MB by the %s", (double)t->reinjected / MB, t->dir == FAULT_IN ? "server" : "client");
    ROW("longest stall", "%.2f s (at %.1f s)", t->stall, t->stall_at);
    ROW("returned path used after", "%.2f s", transfer_comeback(t));
    print_goodput("goodput, before the cut", transfers, PHASE_BEFORE);
    print_goodput("goodput, one path cut", transfers, PHASE_DURING);
    print_goodput("goodput, both again", transfers, PHASE_AFTER);
    ROW("SHA-256 at the client", "%.*s...", SHA_SHOWN, t->sha_client);
    ROW("SHA-256 at the server", "%.*s...", SHA_SHOWN, t->sha_server);
    printf(
        "\n  Reinjected bytes were sent again on another path%s.\n"
        "  Goodput counts, from the first SYN on, the bytes that reached the receiving application, against what the\n"
        "  living paths can carry of it: full packets of %d bytes, of which %.1f %% (download) and %.1f %% (upload) "
        "are\n"
        "  payload and the rest IP, TCP and MPTCP headers.\n",
        transfers[0]->from_linux ? " (Linux tells only of those that its timer sent again)" : "", MTU,
        100 * payload_share(transfers[0]), 100 * payload_share(transfers[1]));
}

/* ---- Witness ----------------------------------------------------------------------------------------------------- */

uint64_t account_value(const char *account, const char *name) {
    size_t len = strlen(name);
    for (const char *line = account; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, name, len) == 0 && line[len] == ' ')
            return strtoull(line + len, NULL, 10);
    return 0;
}

static const struct {
    const char *name, *meaning;
} witnesses[] = {
    {"MPCapableSYNRX", "connections that asked for MPTCP (one is the question for this list)"},
    {"MPCapableACKRX", "... whose handshake was completed"},
    {"MPJoinSynRx", "subflows that asked to join"},
    {"MPJoinAckRx", "... whose HMAC was right"},
    {"MPJoinAckHMacFailure", "... was wrong"},
    {"RmAddr", "addresses that the client withdrew, for their path was dead"},
    {"MPTCPRetrans", "data sent again on another path by timer"},
    {"SubflowStale", "subflows found not to move"},
    {"DuplicateData", "data that had come before"},
    {"MPRstRx", "resets with a reason"},
};

static const char *const fallbacks[] = {
    "MPCapableFallbackACK",  "MPFallbackTokenInit", "DSSCorruptionFallback", "InfiniteMapTx",         "InfiniteMapRx",
    "MPCapableDataFallback", "MD5SigFallback",      "DssFallback",           "SimultConnectFallback",
};

static uint64_t mptcp_value(const char *account, const char *name) {
    char full[CELL_MAX];
    snprintf(full, sizeof full, "MPTcpExt%s", name);
    return account_value(account, full);
}

static uint64_t count_fallbacks(const char *account) {
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof fallbacks / sizeof *fallbacks; i++)
        sum += mptcp_value(account, fallbacks[i]);
    return sum;
}

void table_witness(const char *account, const char *who) {
    printf("\n  What %s counted (MPTcpExt):\n", who);
    for (size_t i = 0; i < sizeof witnesses / sizeof *witnesses; i++)
        printf("    %-22s %8" PRIu64 "   %s\n", witnesses[i].name, mptcp_value(account, witnesses[i].name),
               witnesses[i].meaning);
    printf("    %-22s %8" PRIu64 "   fall-backs to plain TCP, of every kind\n", "fall-backs", count_fallbacks(account));
}

/* ---- Verdict ----------------------------------------------------------------------------------------------------- */

struct verdict {
    int broken;
    char *why;
    size_t size;
};

__attribute__((format(printf, 3, 4))) static void judge(struct verdict *v, bool ok, const char *format, ...) {
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("  %-6s %s\n", ok ? "ok" : "FAILED", text);
    if (!ok && v->broken++ == 0)
        snprintf(v->why, v->size, "%s", text);
}

static void judge_phase(struct verdict *v, const struct transfer *t, enum phase_kind kind, double least,
                        const char *when) {
    struct phase p = transfer_phase(t, kind);
    double part = p.achievable > 0 ? p.goodput / p.achievable : 0;
    judge(v, part >= least, "%s: goodput %s is %.1f %% of what the living paths can carry (at least %.0f %%)", t->name,
          when, 100 * part, 100 * least);
}

static void judge_transfer(struct verdict *v, const struct transfer *t) {
    double comeback = transfer_comeback(t);
    judge(v, *t->sha_client && strcmp(t->sha_client, t->sha_server) == 0, "%s: the same SHA-256 at both ends", t->name);
    judge(v, !t->fallback && t->joins > 0, "%s: stayed MPTCP; path %s was cut and the connection lived on", t->name,
          path_name(t->lead));
    judge(v, t->stall <= STALL_MAX, "%s: the application waited at most %.2f s (allowed: %.0f s)", t->name, t->stall,
          STALL_MAX);
    judge(v, comeback >= 0 && comeback <= COMEBACK_MAX,
          "%s: path %s carried data again %.2f s after its return (allowed: %.0f s)", t->name, path_name(t->lead),
          comeback, COMEBACK_MAX);
    judge_phase(v, t, PHASE_BEFORE, BOTH_MIN, "with both paths");
    judge_phase(v, t, PHASE_DURING, SINGLE_MIN, "with one path cut");
    judge_phase(v, t, PHASE_AFTER, BOTH_MIN, "with both paths again");
}

int table_verdict(const struct transfer *const t[TRANSFERS], const char *account, char *why, size_t size) {
    struct verdict v = {.why = why, .size = size};
    putchar('\n');
    for (int i = 0; i < TRANSFERS; i++)
        judge_transfer(&v, t[i]);
    judge(&v, mptcp_value(account, "MPCapableACKRX") >= TRANSFERS && mptcp_value(account, "MPJoinAckRx") >= TRANSFERS,
          "the server's counters confirm the handshakes and joins");
    judge(&v, count_fallbacks(account) == 0, "the server's counters show no fall-back to plain TCP");
    return v.broken;
}
