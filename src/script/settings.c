/* SPDX-License-Identifier: BSD-3-Clause */
/* One table of the options: their names, what they set, what --help says of them. */
#include "script/settings.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/words.h"
#include "wire/addr.h"

enum kind {
    FAMILY,
    PORT,    /* uint16_t */
    NUMBER,  /* uint32_t */
    USECS,   /* dur */
    PERCENT, /* double */
    SWITCH,  /* bool */
    TEXT,    /* const char * */
    ADDRESS, /* struct umptcp_addr; ends with /LEN where there is a prefix */
    NETMASK, /* the prefix length of the local address */
    NON_FATAL,
    DEFINE,
    FORMAT,   /* one of a few words, without effect */
    ACCEPTED, /* without effect */
    ABSENT,   /* what this tool does not have */
};

static const struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    uint64_t max;        /* of numbers */
    size_t prefix;       /* ADDRESS: offset of its prefix length; 0: it has none */
    const char *operand; /* of --help; FORMAT: the words that are accepted */
    const char *help;
} table[] = {
#define AT(member) offsetof(struct settings, member)
    {"ip_version", FAMILY, AT(family), 0, 0, "F", "ipv4, ipv6 or ipv4-mapped-ipv6: family of sockets and packets"},
    {"bind_port", PORT, AT(bind_port), UINT16_MAX, 0, "N", "port that bind() takes (8080)"},
    {"connect_port", PORT, AT(connect_port), UINT16_MAX, 0, "N", "port that connect() goes to (8080)"},
    {"local_ip", ADDRESS, AT(local_ip), 0, AT(local_prefix), "A", "address of the stack under test"},
    {"remote_ip", ADDRESS, AT(remote_ip), 0, AT(remote_prefix), "A[/LEN]", "address of the peer, and its network"},
    {"gateway_ip", ADDRESS, AT(gateway_ip), 0, 0, "A", "next hop to the peer's network"},
    {"netmask_ip", NETMASK, AT(local_prefix), 0, 0, "M", "network of the local address, as a mask"},
    {"mtu", NUMBER, AT(mtu), UINT16_MAX, 0, "N", "largest packet of the device"},
    {"speed", NUMBER, AT(speed), UINT32_MAX, 0, "N", "speed of the device in Mbit/s"},
    {"mss", PORT, AT(mss), UINT16_MAX, 0, "N", "inbound packets count as merged from segments of N octets"},
    {"tolerance_usecs", USECS, AT(tolerance), 1000000000, 0, "N", "deviation of times that is no failure (4000)"},
    {"tolerance_percent", PERCENT, AT(tolerance_percent), 0, 0, "P", "the same as a share of the time waited (12.5)"},
    {"tcp_ts_tick_usecs", USECS, AT(ts_tick), 1000000, 0, "N", "compare timestamps, whose clock ticks every N us"},
    {"tcp_ts_ecr_scaled", SWITCH, AT(ts_ecr_scaled), 0, 0, "", "inbound TS ecr may be a value never seen"},
    {"strict_segments", SWITCH, AT(strict_segments), 0, 0, "", "several segments are not taken for one line"},
    {"non_fatal", NON_FATAL, 0, 0, 0, "LIST", "packet, syscall: their mismatches are warnings"},
    {"code_command", TEXT, AT(code_command), 0, 0, "C", "interpreter of code blocks (python3)"},
    {"code_format", FORMAT, 0, 0, 0, "python", "language of code blocks"},
    {"code_sockopt", FORMAT, 0, 0, 0, "TCP_INFO,TCP_CC_INFO,SO_MEMINFO", "accepted; code blocks read all of them"},
    {"init_scripts", TEXT, AT(init_scripts), 0, 0, "A,B", "programs to run before the script"},
    {"define", DEFINE, 0, 0, 0, "K=V", "a symbol: the word K means V (also -D K=V)"},
    {"is_anyip", SWITCH, AT(is_anyip), 0, 0, "", "the local address is not configured"},
    {"send_omit_free", SWITCH, AT(send_omit_free), 0, 0, "", "do not free buffers that were sent"},
    {"dry_run", SWITCH, AT(dry_run), 0, 0, "", "read the script, but do not run it"},
    {"strict", SWITCH, AT(strict), 0, 0, "", "compare also the address ids of outbound SYN/ACKs"},
    {"psp_udp_port", PORT, AT(psp_udp_port), UINT16_MAX, 0, "N", "accepted; PSP packets are not run"},
    {"so_filename", TEXT, AT(so_filename), 0, 0, "F", "accepted; there are no shared objects to test"},
    {"so_flags", TEXT, AT(so_flags), 0, 0, "S", "accepted, as so_filename"},
    {"verbose", ACCEPTED, 0, 0, 0, "", "in a script: accepted"},
    {"debug", ACCEPTED, 0, 0, 0, "", "in a script: accepted"},
    {"wire_client", ABSENT, 0, 0, 0, "", NULL},
    {"wire_server", ABSENT, 0, 0, 0, "", NULL},
    {"wire_server_at", ABSENT, 0, 0, 0, "H", NULL},
    {"wire_server_ip", ABSENT, 0, 0, 0, "H", NULL},
    {"wire_server_port", ABSENT, 0, 0, 0, "N", NULL},
    {"wire_client_dev", ABSENT, 0, 0, 0, "D", NULL},
    {"wire_server_dev", ABSENT, 0, 0, 0, "D", NULL},
#undef AT
};

enum { ROWS = sizeof table / sizeof *table };
_Static_assert(ROWS <= 64, "settings.set has a bit for each");

static const struct row *row_find(const char *name, size_t len) {
    for (const struct row *r = table; r < table + ROWS; r++)
        if (strlen(r->name) == len && memcmp(r->name, name, len) == 0)
            return r;
    return NULL;
}

static uint64_t row_bit(const char *name) { return (uint64_t)1 << (row_find(name, strlen(name)) - table); }

/* ---- Families ---------------------------------------------------------------------------------------------------- */

static const struct word families[] = {
    {"ipv4", FAMILY_IPV4}, {"ipv6", FAMILY_IPV6}, {"ipv4-mapped-ipv6", FAMILY_MAPPED}, {NULL, 0}};

const char *family_name(enum family family) { return word_name(families, family); }

/* What is taken for granted of the network, and by the scripts of public collections. */
static const struct defaults {
    const char *local, *remote, *gateway;
    uint8_t local_prefix, remote_prefix;
    uint32_t mtu;
    struct define defines[5];
} defaults[] = {
    [FAMILY_IPV4] = {"192.168.0.1",
                     "192.0.2.1",
                     "192.168.0.1",
                     16,
                     24,
                     1500,
                     {{"TFO_COOKIE", "3021b9d889017eeb", false},
                      {"CODE", "host_unreachable", false},
                      {"CMSG_LEVEL_IP", "SOL_IP", false},
                      {"CMSG_TYPE_RECVERR", "IP_RECVERR", false}}},
    [FAMILY_IPV6] = {"fd3d:a0b:17d6::1",
                     "fd3d:fa7b:d17d::1",
                     "fd3d:a0b:17d6:8888::1",
                     48,
                     48,
                     1520,
                     {{"TFO_COOKIE", "c1d1e9742a47a9bc", false},
                      {"CMSG_LEVEL_IP", "SOL_IPV6", false},
                      {"CMSG_TYPE_RECVERR", "IPV6_RECVERR", false}}},
    [FAMILY_MAPPED] = {"192.168.0.1",
                       "192.0.2.1",
                       "192.168.0.1",
                       16,
                       24,
                       1500,
                       {{"TFO_COOKIE", "3021b9d889017eeb", false},
                        {"CODE", "host_unreachable", false},
                        {"CMSG_LEVEL_IP", "SOL_IPV6", false},
                        {"CMSG_TYPE_RECVERR", "IPV6_RECVERR", false}}},
};

static struct umptcp_addr address(const char *text) {
    struct umptcp_addr a = {{0}};
    (void)umptcp_addr_parse(text, &a); /* of the table above */
    return a;
}

/* Sets what nobody has set. */
static void apply_defaults(struct settings *s) {
    const struct defaults *d = &defaults[s->family];
    if (!(s->given & row_bit("local_ip"))) {
        s->local_ip = address(d->local);
        if (!(s->given & row_bit("netmask_ip")))
            s->local_prefix = d->local_prefix;
    }
    if (!(s->given & row_bit("remote_ip"))) {
        s->remote_ip = address(d->remote);
        s->remote_prefix = d->remote_prefix;
    }
    if (!(s->given & row_bit("gateway_ip")))
        s->gateway_ip = address(d->gateway);
    if (!(s->given & row_bit("mtu")))
        s->mtu = d->mtu;
}

void settings_init(struct settings *s, enum family family, struct arena *arena) {
    *s = (struct settings){
        .family = family,
        .bind_port = 8080,
        .connect_port = 8080,
        .tolerance = USEC(4000),
        .tolerance_percent = 12.5,
        .code_command = "python3",
        .arena = arena,
    };
    apply_defaults(s);
}

int settings_finish(struct settings *s, char *error, size_t size) {
    static const char *const addresses[] = {"local_ip", "remote_ip", "gateway_ip"};
    bool family_fixed = s->set & row_bit("ip_version");
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        uint64_t bit = row_bit(addresses[i]);
        struct umptcp_addr *a =
            (struct umptcp_addr *)((char *)s + row_find(addresses[i], strlen(addresses[i]))->offset);
        if (addr_is_v4(a) == (s->family != FAMILY_IPV6))
            continue;
        if (!family_fixed || s->set & bit) {
            (void)snprintf(error, size, "--%s is not an address of --ip_version=%s", addresses[i],
                           family_name(s->family));
            return -EINVAL;
        }
        s->given &= ~bit;
    }
    apply_defaults(s);
    if (s->local_prefix > (addr_is_v4(&s->local_ip) ? 32 : 128)) {
        (void)snprintf(error, size, "--netmask_ip does not fit --local_ip");
        return -EINVAL;
    }
    return 0;
}

/* ---- Symbols ----------------------------------------------------------------------------------------------------- */

static struct define *define_find(struct settings *s, const char *name, bool fixed) {
    for (uint32_t i = 0; i < s->ndefines; i++)
        if (s->defines[i].fixed == fixed && strcmp(s->defines[i].name, name) == 0)
            return &s->defines[i];
    return NULL;
}

static const char *predefined(const struct settings *s, const char *name) {
    for (const struct define *d = defaults[s->family].defines; d->name; d++)
        if (strcmp(d->name, name) == 0)
            return d->value;
    return NULL;
}

const char *settings_define(const struct settings *s, const char *name) {
    const char *value = NULL;
    for (uint32_t i = 0; i < s->ndefines; i++) {
        if (strcmp(s->defines[i].name, name) != 0)
            continue;
        if (s->defines[i].fixed)
            return s->defines[i].value;
        value = s->defines[i].value;
    }
    return value ? value : predefined(s, name);
}

/* K=V */
static const char *apply_define(struct settings *s, const char *text, bool fixed) {
    static const char name_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    const char *equals = strchr(text, '=');
    size_t len = strspn(text, name_letters);
    if (!equals || len == 0 || text + len != equals || len >= 64 || (text[0] >= '0' && text[0] <= '9'))
        return "a name, = and a value";
    const char *name = arena_text(s->arena, text, len);
    const char *value = arena_text(s->arena, equals + 1, strlen(equals + 1));
    struct define *d = define_find(s, name, fixed);
    if (!d && s->ndefines == DEFINES_MAX)
        return "fewer symbols";
    if (!d)
        d = &s->defines[s->ndefines++];
    *d = (struct define){name, value, fixed};
    return NULL;
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

static bool parse_number(const char *text, uint64_t max, uint64_t *n) {
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    *n = v;
    return text[0] >= '0' && text[0] <= '9' && !*end && errno == 0 && v <= max;
}

static const char *apply_number(struct settings *s, const struct row *r, const char *value) {
    void *at = (char *)s + r->offset;
    uint64_t n;
    if (!parse_number(value, r->max, &n))
        return arena_printf(s->arena, "a number from 0 to %llu", (unsigned long long)r->max);
    if (r->kind == PORT)
        *(uint16_t *)at = (uint16_t)n;
    else if (r->kind == NUMBER)
        *(uint32_t *)at = (uint32_t)n;
    else
        *(dur *)at = USEC(n);
    return NULL;
}

static const char *apply_percent(double *at, const char *value) {
    char *end;
    double p = strtod(value, &end);
    if (end == value || *end || !(p >= 0 && p <= 100))
        return "a number from 0 to 100";
    *at = p;
    return NULL;
}

static const char *apply_switch(bool *at, const char *value) {
    if (value && strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return "no value";
    *at = !value || value[0] == '1';
    return NULL;
}

static const char *apply_address(struct settings *s, const struct row *r, const char *value) {
    char text[UMPTCP_ADDRSTRLEN];
    size_t len = strcspn(value, "/");
    struct umptcp_addr a;
    uint64_t prefix = 0;
    if (len >= sizeof text)
        return "an address";
    memcpy(text, value, len);
    text[len] = '\0';
    if (umptcp_addr_parse(text, &a) != 0)
        return "an address";
    if (value[len] && (!r->prefix || !parse_number(value + len + 1, addr_is_v4(&a) ? 32 : 128, &prefix)))
        return r->prefix ? "an address with a prefix length such as /24" : "an address without a prefix length";
    bool local = r->prefix == offsetof(struct settings, local_prefix);
    if (!value[len]) {
        const struct defaults *d = &defaults[addr_is_v4(&a) ? FAMILY_IPV4 : FAMILY_IPV6];
        prefix = local ? d->local_prefix : d->remote_prefix;
    }
    *(struct umptcp_addr *)((char *)s + r->offset) = a;
    if (r->prefix && (value[len] || !local || !(s->given & row_bit("netmask_ip"))))
        *((uint8_t *)s + r->prefix) = (uint8_t)prefix;
    return NULL;
}

static const char *apply_netmask(uint8_t *at, const char *value) {
    struct umptcp_addr mask;
    if (umptcp_addr_parse(value, &mask) != 0)
        return "a mask such as 255.255.0.0";
    unsigned from = addr_is_v4(&mask) ? 96 : 0, len = from;
    while (len < 128 && mask.b[len / 8] & 0x80 >> len % 8)
        len++;
    for (unsigned i = len; i < 128; i++)
        if (mask.b[i / 8] & 0x80 >> i % 8)
            return "a mask such as 255.255.0.0";
    *at = (uint8_t)(len - from);
    return NULL;
}

/* True when a comma-separated list has a word. */
static bool list_has(const char *list, const char *word, size_t len) {
    for (;; list++) {
        size_t n = strcspn(list, ",");
        if (n == len && memcmp(list, word, len) == 0)
            return true;
        list += n;
        if (!*list)
            return false;
    }
}

static const char *apply_non_fatal(struct settings *s, const char *value) {
    bool packet = list_has(value, "packet", 6), syscall = list_has(value, "syscall", 7);
    for (const char *at = value;; at++) {
        size_t n = strcspn(at, ",");
        if (!list_has("packet,syscall", at, n))
            return "packet, syscall or both";
        at += n;
        if (!*at)
            break;
    }
    s->non_fatal_packet = packet;
    s->non_fatal_syscall = syscall;
    return NULL;
}

/* The text of a value without quotes around it. */
static const char *unquoted(struct settings *s, const char *value) {
    size_t len = strlen(value);
    return len >= 2 && value[0] == '"' && value[len - 1] == '"' ? arena_text(s->arena, value + 1, len - 2) : value;
}

/* Returns what would have been right, or NULL. */
static const char *apply_value(struct settings *s, const struct row *r, const char *value, bool fixed) {
    void *at = (char *)s + r->offset;
    if (r->kind == SWITCH)
        return apply_switch(at, value);
    if (r->kind == ACCEPTED)
        return value ? "no value" : NULL;
    if (!value)
        return "a value";
    if (r->kind == DEFINE)
        return apply_define(s, value, fixed);
    value = unquoted(s, value);
    switch (r->kind) {
    case FAMILY: {
        const struct word *family = word_find(families, value, strlen(value));
        if (!family)
            return "ipv4, ipv6 or ipv4-mapped-ipv6";
        s->family = (enum family)family->value;
        apply_defaults(s);
        return NULL;
    }
    case PORT:
    case NUMBER:
    case USECS:
        return apply_number(s, r, value);
    case PERCENT:
        return apply_percent(at, value);
    case TEXT:
        *(const char **)at = arena_text(s->arena, value, strlen(value));
        return NULL;
    case ADDRESS:
        return apply_address(s, r, value);
    case NETMASK:
        return apply_netmask(at, value);
    case NON_FATAL:
        return apply_non_fatal(s, value);
    case FORMAT:
        return list_has(r->operand, value, strlen(value)) ? NULL : r->operand;
    case SWITCH:
    case DEFINE:
    case ACCEPTED:
    case ABSENT:
        break;
    }
    return NULL;
}

static int unknown(const char *name, char *error, size_t size) {
    struct word names[ROWS + 1] = {{NULL, 0}};
    for (size_t i = 0; i < ROWS; i++)
        names[i].name = table[i].name;
    const char *like = word_like(names, name);
    (void)snprintf(error, size, "there is no option --%.60s%s%s%s", name, like ? "; did you mean --" : "",
                   like ? like : "", like ? "?" : "");
    return -ENOENT;
}

int settings_apply(struct settings *s, const char *option, bool fixed, char *error, size_t size) {
    size_t len = strcspn(option, "=");
    const char *value = option[len] ? option + len + 1 : NULL;
    const struct row *r = row_find(option, len);
    if (!r)
        return unknown(arena_text(s->arena, option, len), error, size);
    if (r->kind == ABSENT) {
        (void)snprintf(error, size, "--%s: there is no wire mode", r->name);
        return -EINVAL;
    }
    uint64_t bit = (uint64_t)1 << (r - table);
    struct settings ignored = *s; /* what is fixed stays, but must be right */
    bool stays = !fixed && s->set & bit && r->kind != DEFINE;
    const char *wanted = apply_value(stays ? &ignored : s, r, value, fixed);
    if (wanted) {
        (void)snprintf(error, size, "--%s needs %s%s%.80s%s", r->name, wanted, value ? ", not '" : "",
                       value ? value : "", value ? "'" : "");
        return -EINVAL;
    }
    s->given |= bit;
    if (fixed)
        s->set |= bit;
    return 0;
}

/* ---- What is told of them ---------------------------------------------------------------------------------------- */

/* The value as the environment has it, or NULL where there is none. */
static const char *value_text(const struct settings *s, const struct row *r, char *text, size_t size) {
    const void *at = (const char *)s + r->offset;
    char addr[UMPTCP_ADDRSTRLEN];
    uint64_t n = 0;
    switch (r->kind) {
    case FAMILY:
        return family_name(s->family);
    case TEXT:
        return *(const char *const *)at;
    case ADDRESS:
        (void)snprintf(text, size, "%s", umptcp_addr_format(at, addr));
        return text;
    case NETMASK: {
        struct umptcp_addr mask = {{0}};
        bool v4 = addr_is_v4(&s->local_ip);
        for (unsigned i = 0; i < s->local_prefix + (v4 ? 96u : 0u) && i < 128; i++)
            mask.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
        if (v4)
            memset(mask.b, 0, 10);
        (void)snprintf(text, size, "%s", umptcp_addr_format(&mask, addr));
        return text;
    }
    case PERCENT:
        (void)snprintf(text, size, "%g", s->tolerance_percent);
        return text;
    case NON_FATAL:
        if (s->non_fatal_packet && s->non_fatal_syscall)
            return "packet,syscall";
        return s->non_fatal_packet ? "packet" : s->non_fatal_syscall ? "syscall" : NULL;
    case FORMAT:
        return strcmp(r->name, "code_format") == 0 ? "python" : NULL;
    case DEFINE:
        return NULL;
    case ABSENT:
        return r->operand[0] ? NULL : "0";
    case ACCEPTED:
        return "0";
    case SWITCH:
        return *(const bool *)at ? "1" : "0";
    case PORT:
        n = *(const uint16_t *)at;
        break;
    case NUMBER:
        n = *(const uint32_t *)at;
        break;
    case USECS:
        n = *(const dur *)at / USEC(1);
        break;
    }
    (void)snprintf(text, size, "%llu", (unsigned long long)n);
    return text;
}

void settings_environment(const struct settings *s, void (*each)(void *ctx, const char *name, const char *value),
                          void *ctx) {
    for (const struct row *r = table; r < table + ROWS; r++) {
        char name[64] = "OPT_", text[64];
        const char *value = value_text(s, r, text, sizeof text);
        if (!value)
            continue;
        for (size_t i = 0; r->name[i]; i++)
            name[4 + i] = (char)(r->name[i] >= 'a' && r->name[i] <= 'z' ? r->name[i] - 'a' + 'A' : r->name[i]);
        each(ctx, name, value);
    }
    each(ctx, "OPT_LOCAL_DEV", "tun0");
    for (const struct define *d = defaults[s->family].defines; d->name; d++)
        each(ctx, d->name, settings_define(s, d->name));
    for (uint32_t i = 0; i < s->ndefines; i++)
        if (!predefined(s, s->defines[i].name))
            each(ctx, s->defines[i].name, settings_define(s, s->defines[i].name));
}

void settings_help(void) {
    for (const struct row *r = table; r < table + ROWS; r++) {
        char name[80];
        if (!r->help)
            continue;
        const char *operand = r->kind == FORMAT ? "S" : r->operand;
        (void)snprintf(name, sizeof name, "--%s%s%s", r->name, operand[0] ? "=" : "", operand);
        (void)printf("  %-26s %s\n", name, r->help);
    }
}
