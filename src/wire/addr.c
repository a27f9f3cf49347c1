/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and their text: RFC 4291 2.2 for what is read, RFC 5952 for what is written. */
#include "wire/addr.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "wire/bytes.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

enum { V6_GROUPS = 8 };

/* ---- Values ------------------------------------------------------------------------------------------------------ */

struct umptcp_addr addr_v4(uint32_t host_order) {
    struct umptcp_addr a;
    memcpy(a.b, mapped_prefix, sizeof mapped_prefix);
    store_be32(a.b + 12, host_order);
    return a;
}

bool umptcp_addr_is_v4(const struct umptcp_addr *addr) {
    return memcmp(addr->b, mapped_prefix, sizeof mapped_prefix) == 0;
}

uint32_t addr_to_v4(const struct umptcp_addr *a) {
    assert(addr_is_v4(a));
    return load_be32(a->b + 12);
}

bool addr_eq(const struct umptcp_addr *a, const struct umptcp_addr *b) { return memcmp(a->b, b->b, sizeof a->b) == 0; }

bool sockaddr_eq(const struct umptcp_sockaddr *a, const struct umptcp_sockaddr *b) {
    return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

bool flow_eq(const struct flow *a, const struct flow *b) {
    return sockaddr_eq(&a->local, &b->local) && sockaddr_eq(&a->remote, &b->remote);
}

void put_flow(struct writer *w, const struct flow *flow) {
    put_bytes(w, flow->local.addr.b, sizeof flow->local.addr.b);
    put_bytes(w, flow->remote.addr.b, sizeof flow->remote.addr.b);
    put_u16(w, flow->local.port);
    put_u16(w, flow->remote.port);
}

bool addr_is_any(const struct umptcp_addr *a) {
    static const struct umptcp_addr any;
    return addr_is_v4(a) ? addr_to_v4(a) == 0 : addr_eq(a, &any);
}

bool addr_is_multicast(const struct umptcp_addr *a) { return addr_is_v4(a) ? a->b[12] >> 4 == 0xe : a->b[0] == 0xff; }

bool addr_is_broadcast(const struct umptcp_addr *a) { return addr_is_v4(a) && addr_to_v4(a) == UINT32_MAX; }

bool addr_is_loopback(const struct umptcp_addr *a) {
    static const struct umptcp_addr loopback = {{[15] = 1}};
    return addr_is_v4(a) ? a->b[12] == 127 : addr_eq(a, &loopback);
}

bool addr_is_usable(const struct umptcp_addr *a) {
    return !addr_is_any(a) && !addr_is_multicast(a) && !addr_is_broadcast(a);
}

bool addr_in_prefix(const struct umptcp_addr *a, const struct umptcp_addr *prefix, uint8_t prefix_len) {
    if (addr_is_v4(a) != addr_is_v4(prefix))
        return false;
    unsigned bits = prefix_len + (addr_is_v4(a) ? 96u : 0u);
    assert(bits <= 128);
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a->b, prefix->b, whole) == 0 && (rest == 0 || (a->b[whole] ^ prefix->b[whole]) >> (8 - rest) == 0);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* Reads "a.b.c.d" up to the end of the text: four decimal numbers without leading zeros. */
static bool parse_v4(const char *s, uint8_t octets[4]) {
    for (int i = 0; i < 4; i++) {
        unsigned v = 0, digits = 0;
        for (; *s >= '0' && *s <= '9' && digits < 3; s++, digits++)
            v = v * 10 + (unsigned)(*s - '0');
        bool leading_zero = digits > 1 && s[-(int)digits] == '0';
        if (digits == 0 || v > 255 || leading_zero || *s != (i < 3 ? '.' : '\0'))
            return false;
        octets[i] = (uint8_t)v;
        s++;
    }
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Reads one group of 1 to 4 hexadecimal digits; returns what follows, or NULL. */
static const char *parse_group(const char *s, uint8_t out[2]) {
    unsigned v = 0, digits = 0;
    for (; hex_digit(*s) >= 0 && digits < 4; s++, digits++)
        v = v << 4 | (unsigned)hex_digit(*s);
    store_be16(out, (uint16_t)v);
    return digits ? s : NULL;
}

/* Groups go to `b` in order; those behind a "::" are moved to the end afterwards. */
static bool parse_v6(const char *s, uint8_t b[16]) {
    int n = 0, gap = -1; /* bytes written; where the "::" stood */
    if (s[0] == ':' && s[1] != ':')
        return false;
    if (s[0] == ':')
        s++;
    while (*s) {
        if (*s == ':') { /* the second colon in a row */
            if (gap >= 0)
                return false;
            gap = n;
            s++;
            continue;
        }
        if (n <= 12 && parse_v4(s, b + n)) {
            n += 4;
            break;
        }
        if (n == 16 || (s = parse_group(s, b + n)) == NULL)
            return false;
        n += 2;
        if (*s && (*s != ':' || !s[1]))
            return false;
        if (*s)
            s++;
    }
    if (gap < 0)
        return n == 16;
    if (n > 14) /* "::" stands for at least one group */
        return false;
    memmove(b + 16 - (n - gap), b + gap, (size_t)(n - gap));
    memset(b + gap, 0, (size_t)(16 - n));
    return true;
}

int umptcp_addr_parse(const char *text, struct umptcp_addr *addr) {
    uint8_t b[16];
    if (parse_v4(text, b)) {
        *addr = addr_v4(load_be32(b));
        return 0;
    }
    if (!parse_v6(text, b))
        return -EINVAL;
    memcpy(addr->b, b, sizeof b);
    return 0;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static char *put_number(char *p, unsigned v, unsigned base) {
    if (v >= base)
        p = put_number(p, v / base, base);
    *p = "0123456789abcdef"[v % base];
    return p + 1;
}

static char *format_v4(char *p, const uint8_t octets[4]) {
    for (int i = 0; i < 4; i++) {
        if (i)
            *p++ = '.';
        p = put_number(p, octets[i], 10);
    }
    return p;
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952 4.2); returns its length. */
static int longest_zero_run(const uint8_t b[16], int *start) {
    int best = 0;
    for (int i = 0; i < V6_GROUPS; i++) {
        int run = 0;
        while (i + run < V6_GROUPS && load_be16(b + 2 * (i + run)) == 0)
            run++;
        if (run > best) {
            best = run;
            *start = i;
        }
        i += run;
    }
    return best >= 2 ? best : 0;
}

static char *format_v6(char *p, const uint8_t b[16]) {
    int start = 0, run = longest_zero_run(b, &start);
    for (int i = 0; i < V6_GROUPS; i++) {
        if (run && i == start) {
            *p++ = ':';
            *p++ = ':';
            i += run - 1;
            continue;
        }
        if (i && p[-1] != ':')
            *p++ = ':';
        p = put_number(p, load_be16(b + 2 * i), 16);
    }
    return p;
}

const char *umptcp_addr_format(const struct umptcp_addr *addr, char text[UMPTCP_ADDRSTRLEN]) {
    char *end = addr_is_v4(addr) ? format_v4(text, addr->b + 12) : format_v6(text, addr->b);
    *end = '\0';
    return text;
}
