/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Headers around packets: ipv4 A > B:, ipv6 A > B:, gre:, mpls (..):, encap psp spi N. They are checked for their form
 * and kept as text, their blanks made one.
 */
#include <string.h>

#include "script/parser.h"

/* The text of what is read, token by token. */
struct gather {
    char text[256];
    size_t len;
};

/* Takes the token in hand into the text; false when there is no more room. */
static bool gather(struct parser *p, struct gather *g) {
    bool blank = g->len && p->tok.kind != TOKEN_CHAR;
    blank = blank || parser_at(p, '(') || parser_at(p, '[') || parser_at(p, '>');
    blank = blank && g->text[g->len - 1] != '(' && g->text[g->len - 1] != '[';
    if (g->len + blank + p->tok.len >= sizeof g->text)
        return parser_fail(p, p->tok.place, "this header is too long");
    if (blank)
        g->text[g->len++] = ' ';
    memcpy(g->text + g->len, p->tok.text, p->tok.len);
    g->len += p->tok.len;
    parser_next(p);
    return true;
}

static bool need(struct parser *p, struct gather *g, char c) {
    const char what[] = {'\'', c, '\'', '\0'};
    return parser_at(p, c) ? gather(p, g) : parser_expected(p, what);
}

/* [ .. ] or ( .. ) of an IP header, checked as that of a packet. */
static bool gather_ip_line(struct parser *p, struct gather *g) {
    struct ip_line ip = {0};
    if (!parser_at(p, '[') && !parser_at(p, '('))
        return true;
    struct parser ahead = *p;
    if (!parse_ip_line(&ahead, &ip))
        return false;
    while (p->tok.at < ahead.tok.at)
        if (!gather(p, g))
            return false;
    return true;
}

static bool encap_ip(struct parser *p, struct gather *g, enum token_kind kind) {
    const char *what = kind == TOKEN_ADDR4 ? "an IPv4 address" : "an IPv6 address";
    if (p->tok.kind != kind)
        return parser_expected(p, what);
    if (!gather(p, g) || !need(p, g, '>'))
        return false;
    if (p->tok.kind != kind)
        return parser_expected(p, what);
    return gather(p, g) && gather_ip_line(p, g);
}

/* flags N, sum N, off N, key N, seq N: any of them, flags also by name in brackets. */
static bool encap_gre(struct parser *p, struct gather *g) {
    static const char *const fields[] = {"flags", "Flags", "sum", "off", "key", "seq", NULL};
    while (!parser_at(p, ':')) {
        size_t i = 0;
        while (fields[i] && !parser_at_word(p, fields[i]))
            i++;
        if (!fields[i])
            return parser_expected(p, "flags, sum, off, key, seq or ':'");
        if (!gather(p, g))
            return false;
        if (i < 2 && parser_at(p, '[')) {
            while (!parser_at(p, ']')) {
                if (p->tok.kind != TOKEN_WORD && !parser_at(p, ',') && !parser_at(p, '['))
                    return parser_expected(p, "the name of a GRE flag");
                if (!gather(p, g))
                    return false;
            }
        } else if (!parser_at_number(p)) {
            return parser_expected(p, "a number");
        }
        if (!gather(p, g) || (parser_at(p, ',') && !gather(p, g)))
            return false;
    }
    return true;
}

/* (label N, tc N, [S], ttl N), several of them one behind the other. */
static bool encap_mpls(struct parser *p, struct gather *g) {
    if (!parser_at(p, '('))
        return parser_expected(p, "(label N, tc N, [S], ttl N)");
    while (parser_at(p, '(') || parser_at(p, ',')) {
        if (parser_at(p, ',') && !gather(p, g))
            return false;
        if (!need(p, g, '('))
            return false;
        while (!parser_at(p, ')')) {
            bool fits = p->tok.kind == TOKEN_WORD || parser_at_number(p) || parser_at(p, ',') || parser_at(p, '[') ||
                        parser_at(p, ']');
            if (!fits)
                return parser_expected(p, "label, tc, [S], ttl or ')'");
            if (!gather(p, g))
                return false;
        }
        if (!gather(p, g))
            return false;
    }
    return true;
}

static bool add_encap(struct parser *p, struct packet *packet, enum encap_kind kind, struct place place,
                      const struct gather *g) {
    int n = 1;
    struct encap **link = &packet->encaps;
    for (; *link; link = &(*link)->next)
        n++;
    if (n > ENCAPS_MAX)
        return parser_fail(p, place, "a packet has at most %d headers around it", ENCAPS_MAX);
    struct encap *e = *link = parser_alloc(p, sizeof *e);
    e->place = place;
    e->kind = kind;
    e->text = arena_text(&p->script->arena, g->text, g->len);
    return true;
}

bool parse_encaps(struct parser *p, struct packet *packet) {
    static const struct word kinds[] = {{"ipv4", ENCAP_IPV4}, {"ipv6", ENCAP_IPV6}, {"gre", ENCAP_GRE},
                                        {"GREv0", ENCAP_GRE}, {"mpls", ENCAP_MPLS}, {NULL, 0}};
    for (;;) {
        const struct word *w = p->tok.kind == TOKEN_WORD ? word_find(kinds, p->tok.text, p->tok.len) : NULL;
        if (!w)
            return true;
        struct place place = p->tok.place;
        struct gather g = {.len = 0};
        bool ok = gather(p, &g);
        if (w->value == ENCAP_IPV4 || w->value == ENCAP_IPV6)
            ok = ok && encap_ip(p, &g, w->value == ENCAP_IPV4 ? TOKEN_ADDR4 : TOKEN_ADDR6);
        else
            ok = ok && (w->value == ENCAP_GRE ? encap_gre(p, &g) : encap_mpls(p, &g));
        if (!ok || !need(p, &g, ':') || !add_encap(p, packet, (enum encap_kind)w->value, place, &g))
            return false;
    }
}

bool parse_psp(struct parser *p, struct packet *packet) {
    struct gather g = {.len = 0};
    struct place place = p->tok.place;
    if (!parser_at_word(p, "encap"))
        return true;
    if (!gather(p, &g))
        return false;
    if (!parser_at_word(p, "psp"))
        return parser_expected(p, "psp");
    if (!gather(p, &g))
        return false;
    if (!parser_at_word(p, "spi"))
        return parser_expected(p, "spi N");
    if (!gather(p, &g))
        return false;
    if (!parser_at_number(p))
        return parser_expected(p, "a number");
    return gather(p, &g) && add_encap(p, packet, ENCAP_PSP, place, &g);
}
