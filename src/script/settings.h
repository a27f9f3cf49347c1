/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What option lines of a script and the command line set: one table of names serves both, --help, and the environment
 * of commands (OPT_*). The command line overrides the script, so it is applied last, and symbols of the command line
 * hide those of the script.
 */
#ifndef UMPTCP_SCRIPT_SETTINGS_H
#define UMPTCP_SCRIPT_SETTINGS_H

#include "script/script.h"

enum family { FAMILY_IPV4, FAMILY_IPV6, FAMILY_MAPPED };

const char *family_name(enum family family); /* "ipv4", "ipv6", "ipv4-mapped-ipv6" */

enum { DEFINES_MAX = 64 };

struct define {
    const char *name, *value;
    bool fixed; /* from the command line: an option line does not change it */
};

struct settings {
    enum family family;
    uint16_t bind_port, connect_port;
    struct umptcp_addr local_ip, remote_ip, gateway_ip;
    uint8_t local_prefix, remote_prefix;
    uint32_t mtu;
    uint32_t speed; /* Mbit/s; 0: as it is */
    uint16_t mss;   /* inbound TCP packets count as merged from segments of this size; 0: not */
    dur tolerance;  /* deviation of times that is no failure */
    double tolerance_percent;
    dur ts_tick; /* of outbound timestamps; 0: not compared */
    bool ts_ecr_scaled;
    bool strict_segments;
    bool non_fatal_packet, non_fatal_syscall;
    bool is_anyip, send_omit_free, dry_run;
    bool strict; /* ours: compare what the original tool leaves open (address ids of SYN/ACKs, joins unasked) */
    const char *code_command;
    const char *init_scripts;
    const char *so_filename, *so_flags; /* accepted, and refused where they are used */
    uint16_t psp_udp_port;
    struct define defines[DEFINES_MAX];
    uint32_t ndefines;
    uint64_t set;   /* bit i: row i of the table was set by the command line and is fixed */
    uint64_t given; /* bit i: it was set by anyone, so it is no default of the family */
    struct arena *arena;
};

/* Defaults of a family: the addresses, and the symbols that the public collections take for granted. */
void settings_init(struct settings *s, enum family family, struct arena *arena);
/*
 * Applies "name=value" or "name" (without the dashes). `fixed`: it is from the command line. Returns 0, or -EINVAL with
 * a sentence in `error`, or -ENOENT when no option has that name (with a sentence, too).
 */
int settings_apply(struct settings *s, const char *option, bool fixed, char *error, size_t size);
/* To be called when all is applied: addresses of a script that are not of the family that the command line fixed give
 * way to the defaults. Returns 0, or -EINVAL with a sentence when settings contradict each other. */
int settings_finish(struct settings *s, char *error, size_t size);
/* The value of a symbol, or NULL. */
const char *settings_define(const struct settings *s, const char *name);
/* Calls `each` for every variable that commands find in their environment (OPT_* and the symbols). */
void settings_environment(const struct settings *s, void (*each)(void *ctx, const char *name, const char *value),
                          void *ctx);
/* Writes the options' lines for --help. */
void settings_help(void);

#endif
