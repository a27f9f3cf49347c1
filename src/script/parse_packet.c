/* SPDX-License-Identifier: BSD-3-Clause */
/* Packet lines: direction, IP header, ends, TCP header. */
#include <stdio.h>
#include <string.h>

#include "script/parser.h"
#include "wire/addr.h"

/* ---- IP header --------------------------------------------------------------------------------------------------- */

static bool give(struct parser *p, struct ip_line *ip, struct place place, enum ip_given what) {
    const uint8_t tos = GIVEN_ECN | GIVEN_ECT01 | GIVEN_TOS;
    if (ip->given & what || (what & tos && ip->given & tos))
        return parser_fail(p, place, "this part of the IP header was already given");
    ip->given |= (uint8_t)what;
    return true;
}

static bool parse_hex(struct parser *p, const char *what, uint64_t max, uint64_t *n) {
    if (p->tok.kind != TOKEN_HEX)
        return parser_expected(p, what);
    return parser_number(p, what, max, n);
}

static bool parse_ip_item(struct parser *p, struct ip_line *ip) {
    struct place place = p->tok.place;
    const struct word *ecn = p->tok.kind == TOKEN_WORD ? word_find(words_ecn, p->tok.text, p->tok.len) : NULL;
    uint64_t n = 0;
    if (ecn) {
        ip->tos = (uint8_t)ecn->value;
        parser_next(p);
        return give(p, ip, place, GIVEN_ECN);
    }
    if (parser_take_word(p, "ect01"))
        return give(p, ip, place, GIVEN_ECT01);
    if (parser_take_word(p, "tos")) {
        if (!give(p, ip, place, GIVEN_TOS) || !parse_hex(p, "a hexadecimal TOS octet such as 0x10", UINT8_MAX, &n))
            return false;
        ip->tos = (uint8_t)n;
        return true;
    }
    if (parser_take_word(p, "ttl")) {
        if (!give(p, ip, place, GIVEN_TTL) || !parser_decimal(p, "a TTL", UINT8_MAX, &n))
            return false;
        ip->ttl = (uint8_t)n;
        return true;
    }
    if (parser_take_word(p, "flowlabel")) {
        if (!give(p, ip, place, GIVEN_FLOW_LABEL) || !parse_hex(p, "a hexadecimal flow label of 20 bits", 0xfffff, &n))
            return false;
        ip->flow_label = (uint32_t)n;
        return true;
    }
    return parser_expected(p, "noecn, ect0, ect1, ce, ect01, tos, ttl or flowlabel");
}

bool parse_ip_line(struct parser *p, struct ip_line *ip) {
    bool square = parser_at(p, '[');
    if (!square && !parser_at(p, '('))
        return true;
    struct token next = parser_peek(p);
    if (square && next.kind == TOKEN_ADDR6) /* an end of the packet */
        return true;
    parser_next(p);
    do {
        if (!parse_ip_item(p, ip))
            return false;
    } while (parser_take(p, ','));
    return parser_need(p, square ? ']' : ')');
}

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

static bool parse_port(struct parser *p, struct end *end) {
    uint64_t port;
    if (!parser_decimal(p, "a port", UINT16_MAX, &port))
        return false;
    end->addr.port = (uint16_t)port;
    return true;
}

static bool parse_addr_end(struct parser *p, struct end *end) {
    bool brackets = parser_take(p, '[');
    char text[UMPTCP_ADDRSTRLEN] = "";
    memcpy(text, p->tok.text, p->tok.len);
    (void)umptcp_addr_parse(text, &end->addr.addr); /* the lexer did, too */
    end->kind = END_ADDR;
    parser_next(p);
    if (brackets && !parser_need(p, ']'))
        return false;
    return !parser_take(p, ':') || parse_port(p, end);
}

static bool parse_end(struct parser *p, struct end *end) {
    end->place = p->tok.place;
    if (parser_at(p, '[') || p->tok.kind == TOKEN_ADDR4 || p->tok.kind == TOKEN_ADDR6)
        return parse_addr_end(p, end);
    if (p->tok.kind == TOKEN_INT && !p->tok.negative) {
        end->kind = END_PORT;
        return parse_port(p, end);
    }
    struct token next = parser_peek(p);
    if (!parser_at_word(p, "addr") || !token_is_char(&next, '['))
        return true; /* left out */
    parser_next(p);
    parser_next(p);
    end->kind = END_NAME;
    return parser_name(p, "the name of an address", &end->name) && parser_need(p, ']');
}

bool parse_ends(struct parser *p, struct packet *packet) {
    if (!parse_end(p, &packet->src))
        return false;
    packet->has_ends = packet->src.kind != END_ANY || parser_at(p, '>');
    if (!packet->has_ends)
        return true;
    if (!parser_take(p, '>'))
        return parser_expected(p, "'>' and the destination");
    if (!parse_end(p, &packet->dst))
        return false;
    const struct end *first = packet->src.kind == END_ADDR ? &packet->src : &packet->dst;
    if (first->kind != END_ADDR)
        return true;
    packet->v6 = !addr_is_v4(&first->addr.addr);
    if (packet->dst.kind == END_ADDR && addr_is_v4(&packet->dst.addr.addr) == packet->v6)
        return parser_fail(p, packet->dst.place, "source and destination are of different families");
    return true;
}

/* ---- TCP header -------------------------------------------------------------------------------------------------- */

/* One character of the flags; false when it cannot stand there. */
static bool add_flag(struct tcp_line *tcp, char c, bool *ecn) {
    static const struct {
        char letter;
        uint8_t flag;
    } letters[] = {{'F', TCP_FIN}, {'S', TCP_SYN}, {'R', TCP_RST}, {'P', TCP_PSH},
                   {'.', TCP_ACK}, {'U', TCP_URG}, {'E', TCP_ECE}, {'W', TCP_CWR}};
    if (tcp->has_ace) /* nothing follows the number */
        return false;
    if (c >= '0' && c <= '7') {
        tcp->has_ace = true;
        tcp->ace = (uint8_t)(c - '0');
        tcp->flags |= (uint8_t)((tcp->ace & 1 ? TCP_ECE : 0) | (tcp->ace & 2 ? TCP_CWR : 0));
        tcp->ae = tcp->ace & 4;
        return !*ecn;
    }
    if (tcp->flags & TCP_ACK)
        return false;
    if (c == 'A') {
        bool twice = tcp->ae;
        tcp->ae = *ecn = true;
        return !twice;
    }
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (letters[i].letter != c)
            continue;
        bool twice = tcp->flags & letters[i].flag;
        tcp->flags |= letters[i].flag;
        *ecn = *ecn || c == 'E' || c == 'W';
        return !twice;
    }
    return false;
}

static bool parse_tcp_flags(struct parser *p, struct tcp_line *tcp) {
    struct place place = p->tok.place;
    char text[24];
    if (p->tok.kind == TOKEN_END || p->tok.kind == TOKEN_BAD)
        return parser_expected(p, "TCP flags");
    lexer_seek(&p->lexer, &p->tok);
    size_t len = lexer_flags(&p->lexer, text, sizeof text);
    if (len == 0)
        return parser_expected(p, "TCP flags (of F S R P U E W A and . for ACK), or - for none");
    bool ecn = false;
    for (const char *c = text + (text[0] == '-'); *c; c++) {
        if ((text[0] == '-' && (*c < '0' || *c > '9')) || !add_flag(tcp, *c, &ecn))
            return parser_fail(p, place,
                               "'%s' is neither a header (icmp, udp, ...) nor TCP flags: each of F S R P U E W A once, "
                               "then . for ACK, then perhaps an AccECN number instead of E W A",
                               text);
    }
    parser_next(p);
    return true;
}

bool parse_sequence(struct parser *p, uint32_t *seq, uint32_t *len) {
    uint64_t start, end, n;
    struct place place = p->tok.place;
    if (!parser_decimal(p, "a sequence range START:END(LENGTH)", UINT32_MAX, &start) || !parser_need(p, ':') ||
        !parser_decimal(p, "the end of the sequence range", UINT32_MAX, &end) || !parser_need(p, '(') ||
        !parser_decimal(p, "the payload's length", UINT16_MAX, &n) || !parser_need(p, ')'))
        return false;
    if (end != start + n)
        return parser_fail(p, place, "%llu + %llu is not %llu: START:END(LENGTH) must have END = START + LENGTH",
                           (unsigned long long)start, (unsigned long long)n, (unsigned long long)end);
    *seq = (uint32_t)start;
    *len = (uint32_t)n;
    return true;
}

static bool parse_tcp(struct parser *p, struct packet *packet) {
    struct tcp_line *tcp = &packet->tcp;
    uint64_t n;
    packet->proto = PACKET_TCP;
    if (!parse_ends(p, packet) || !parse_tcp_flags(p, tcp) || !parse_sequence(p, &tcp->seq, &tcp->len))
        return false;
    if (parser_take_word(p, "ack")) {
        if (!parser_decimal(p, "an acknowledgment number", UINT32_MAX, &n))
            return false;
        tcp->has_ack = true;
        tcp->ack = (uint32_t)n;
    }
    if (parser_take_word(p, "win")) {
        if (!parser_decimal(p, "a window of 16 bits", UINT16_MAX, &n))
            return false;
        tcp->has_win = true;
        tcp->win = (uint16_t)n;
    } else if (packet->inbound) {
        return parser_expected(p, "a window: inbound packets must say `win N`");
    }
    if (parser_take_word(p, "urg")) {
        if (!parser_decimal(p, "an urgent pointer of 16 bits", UINT16_MAX, &n))
            return false;
        tcp->urg = (uint16_t)n;
    }
    return parse_options(p, packet);
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

bool parse_packet(struct parser *p, struct packet **out) {
    struct packet *packet = *out = parser_alloc(p, sizeof *packet);
    packet->place = p->tok.place;
    packet->inbound = parser_at(p, '<');
    packet->v6 = p->settings->family == FAMILY_IPV6;
    parser_next(p);
    if (!parse_encaps(p, packet) || !parse_ip_line(p, &packet->ip) || !parse_psp(p, packet))
        return false;
    if (packet->inbound && packet->ip.given & GIVEN_ECT01)
        return parser_fail(p, packet->place, "ect01 stands for either codepoint, so it is for outbound packets only");
    if (parser_take_word(p, "icmp"))
        return parse_icmp(p, packet);
    if (parser_take_word(p, "udp"))
        return parse_udp(p, packet);
    return parse_tcp(p, packet);
}
