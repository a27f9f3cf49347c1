/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP and UDP packets. */
#include <stdio.h>
#include <string.h>

#include "script/parser.h"

/* ---- ICMP -------------------------------------------------------------------------------------------------------- */

/* A name of the table, or PREFIX_N. Leaves the token in hand. */
static bool find_number(const struct token *t, const struct word *table, const char *prefix, uint8_t *n) {
    const struct word *w = word_find(table, t->text, t->len);
    if (w) {
        *n = (uint8_t)w->value;
        return true;
    }
    size_t i = strlen(prefix);
    if (t->len <= i || memcmp(t->text, prefix, i) != 0)
        return false;
    unsigned v = 0;
    for (; i < t->len && t->text[i] >= '0' && t->text[i] <= '9' && v <= UINT8_MAX; i++)
        v = v * 10 + (unsigned)(t->text[i] - '0');
    *n = (uint8_t)v;
    return i == t->len && v <= UINT8_MAX;
}

static bool unknown_name(struct parser *p, const struct word *table, const char *what, bool v6) {
    const char *name = parser_text(p), *like = word_like(table, name);
    return parser_fail(p, p->tok.place, "'%.60s' is no ICMP%s %s%s%s%s", name, v6 ? "v6" : "", what,
                       like ? "; did you mean " : "", like ? like : "", like ? "?" : "");
}

static bool parse_type(struct parser *p, struct packet *packet) {
    struct icmp_line *icmp = &packet->icmp;
    const struct word *types = words_icmp_types(packet->v6);
    if (p->tok.kind != TOKEN_WORD)
        return parser_expected(p, "an ICMP type");
    if (!find_number(&p->tok, types, "type_", &icmp->type))
        return unknown_name(p, types, "type", packet->v6);
    icmp->type_text = parser_text(p);
    parser_next(p);
    if (p->tok.kind != TOKEN_WORD || parser_at_word(p, "mtu") || parser_at_word(p, "id"))
        return true;
    const struct word *codes = words_icmp_codes(packet->v6, icmp->type);
    if (!find_number(&p->tok, codes, "code_", &icmp->code))
        return unknown_name(p, codes, "code of this type", packet->v6);
    icmp->code_text = parser_text(p);
    parser_next(p);
    return true;
}

/* "(LEN)" */
static bool parse_length(struct parser *p, uint32_t *len) {
    uint64_t n;
    if (!parser_need(p, '(') || !parser_decimal(p, "a length", UINT16_MAX, &n) || !parser_need(p, ')'))
        return false;
    *len = (uint32_t)n;
    return true;
}

/* [START:END(LEN)], [udp (LEN)], [raw (LEN)] */
static bool parse_quote(struct parser *p, struct icmp_line *icmp) {
    if (!parser_take(p, '['))
        return true;
    if (parser_take_word(p, "udp")) {
        icmp->quote = QUOTE_UDP;
        return parse_length(p, &icmp->quote_len) && parser_need(p, ']');
    }
    if (parser_take_word(p, "raw")) {
        icmp->quote = QUOTE_RAW;
        return parse_length(p, &icmp->quote_len) && parser_need(p, ']');
    }
    if (!parser_at_number(p))
        return parser_expected(p, "what is quoted: START:END(LENGTH), udp (LENGTH) or raw (LENGTH)");
    return parse_sequence(p, &icmp->quote_seq, &icmp->quote_len) && parser_need(p, ']');
}

static bool has_mtu(const struct packet *packet) {
    enum { UNREACHABLE4 = 3, FRAG_NEEDED4 = 4, PACKET_TOO_BIG6 = 2 };
    const struct icmp_line *icmp = &packet->icmp;
    return packet->v6 ? icmp->type == PACKET_TOO_BIG6 : icmp->type == UNREACHABLE4 && icmp->code == FRAG_NEEDED4;
}

bool parse_icmp(struct parser *p, struct packet *packet) {
    struct icmp_line *icmp = &packet->icmp;
    uint64_t n;
    packet->proto = PACKET_ICMP;
    if (!parse_type(p, packet))
        return false;
    struct place place = p->tok.place;
    if (parser_take_word(p, "mtu")) {
        if (!has_mtu(packet))
            return parser_fail(p, place, "mtu belongs to %s only",
                               packet->v6 ? "packet_too_big" : "unreachable frag_needed");
        if (!parser_decimal(p, "an MTU", packet->v6 ? UINT32_MAX : UINT16_MAX, &n))
            return false;
        icmp->has_mtu = true;
        icmp->mtu = (uint32_t)n;
    }
    if (parser_take_word(p, "id")) {
        if (!parser_decimal(p, "an identifier of 16 bits", UINT16_MAX, &n))
            return false;
        icmp->has_id = true;
        icmp->id = (uint32_t)n;
    }
    return parse_quote(p, icmp);
}

/* ---- UDP --------------------------------------------------------------------------------------------------------- */

bool parse_udp(struct parser *p, struct packet *packet) {
    packet->proto = PACKET_UDP;
    return parse_ends(p, packet) && parse_length(p, &packet->udp.len);
}
