/* SPDX-License-Identifier: BSD-3-Clause */
/* Packet lines. */
#include "script/print_internal.h"
#include "script/words.h"
#include "wire/addr.h"

static void print_encaps(struct text *t, const struct packet *packet, bool psp) {
    for (const struct encap *e = packet->encaps; e; e = e->next)
        if ((e->kind == ENCAP_PSP) == psp)
            text_add(t, "%s ", e->text);
}

static void print_ip_line(struct text *t, const struct ip_line *ip) {
    const char *between = "[";
    if (ip->given & GIVEN_ECN) {
        text_add(t, "%s%s", between, word_name(words_ecn, ip->tos & 3));
        between = ", ";
    }
    if (ip->given & GIVEN_ECT01) {
        text_add(t, "%sect01", between);
        between = ", ";
    }
    if (ip->given & GIVEN_TOS) {
        text_add(t, "%stos 0x%02x", between, ip->tos);
        between = ", ";
    }
    if (ip->given & GIVEN_TTL) {
        text_add(t, "%sttl %u", between, ip->ttl);
        between = ", ";
    }
    if (ip->given & GIVEN_FLOW_LABEL)
        text_add(t, "%sflowlabel 0x%05x", between, ip->flow_label);
    if (ip->given)
        text_add(t, "] ");
}

static void print_end(struct text *t, const struct end *end) {
    char addr[UMPTCP_ADDRSTRLEN];
    switch (end->kind) {
    case END_ANY:
        break;
    case END_PORT:
        text_add(t, "%u ", end->addr.port);
        break;
    case END_ADDR:
        text_add(t, addr_is_v4(&end->addr.addr) ? "%s:%u " : "[%s]:%u ", umptcp_addr_format(&end->addr.addr, addr),
                 end->addr.port);
        break;
    case END_NAME:
        text_add(t, "addr[%s] ", end->name);
        break;
    }
}

static void print_ends(struct text *t, const struct packet *packet) {
    if (!packet->has_ends)
        return;
    print_end(t, &packet->src);
    text_add(t, "> ");
    print_end(t, &packet->dst);
}

/* ---- TCP --------------------------------------------------------------------------------------------------------- */

static void print_tcp_flags(struct text *t, const struct tcp_line *tcp) {
    static const struct {
        char letter;
        uint8_t flag;
    } letters[] = {{'S', TCP_SYN}, {'F', TCP_FIN}, {'R', TCP_RST}, {'P', TCP_PSH},
                   {'U', TCP_URG}, {'E', TCP_ECE}, {'W', TCP_CWR}};
    const uint8_t ecn = TCP_ECE | TCP_CWR;
    uint8_t shown = tcp->has_ace ? tcp->flags & (uint8_t)~ecn : tcp->flags;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (shown & letters[i].flag)
            text_add(t, "%c", letters[i].letter);
    bool ae = tcp->ae && !tcp->has_ace;
    text_add(t, "%s%s", ae ? "A" : "", shown & TCP_ACK ? "." : shown || ae ? "" : "-");
    if (tcp->has_ace)
        text_add(t, "%u", tcp->ace);
}

static void print_sequence(struct text *t, uint32_t seq, uint32_t len) {
    text_add(t, "%u:%llu(%u)", seq, (unsigned long long)seq + len, len);
}

static void print_tcp(struct text *t, const struct tcp_line *tcp) {
    print_tcp_flags(t, tcp);
    text_add(t, " ");
    print_sequence(t, tcp->seq, tcp->len);
    if (tcp->has_ack)
        text_add(t, " ack %u", tcp->ack);
    if (tcp->has_win)
        text_add(t, " win %u", tcp->win);
    if (tcp->urg)
        text_add(t, " urg %u", tcp->urg);
    if (tcp->any_options)
        text_add(t, " <...>");
    for (const struct option *o = tcp->options; o; o = o->next) {
        text_add(t, o == tcp->options ? " <" : ", ");
        print_option(t, o);
    }
    if (tcp->options)
        text_add(t, ">");
}

/* ---- ICMP and UDP ------------------------------------------------------------------------------------------------ */

static void print_word(struct text *t, const char *text, const struct word *table, const char *prefix, uint8_t n) {
    if (!text)
        text = word_name(table, n);
    if (text)
        text_add(t, " %s", text);
    else
        text_add(t, " %s%u", prefix, n);
}

static void print_icmp(struct text *t, const struct icmp_line *icmp, bool v6) {
    text_add(t, "icmp");
    print_word(t, icmp->type_text, words_icmp_types(v6), "type_", icmp->type);
    if (icmp->code || icmp->code_text)
        print_word(t, icmp->code_text, words_icmp_codes(v6, icmp->type), "code_", icmp->code);
    if (icmp->has_mtu)
        text_add(t, " mtu %u", icmp->mtu);
    if (icmp->has_id)
        text_add(t, " id %u", icmp->id);
    switch (icmp->quote) {
    case QUOTE_TCP:
        if (icmp->quote_seq || icmp->quote_len) {
            text_add(t, " [");
            print_sequence(t, icmp->quote_seq, icmp->quote_len);
            text_add(t, "]");
        }
        break;
    case QUOTE_UDP:
        text_add(t, " [udp (%u)]", icmp->quote_len);
        break;
    case QUOTE_RAW:
        text_add(t, " [raw (%u)]", icmp->quote_len);
        break;
    }
}

void print_packet(struct text *t, const struct packet *packet) {
    text_add(t, packet->inbound ? "< " : "> ");
    print_encaps(t, packet, false);
    print_ip_line(t, &packet->ip);
    print_encaps(t, packet, true);
    switch (packet->proto) {
    case PACKET_TCP:
        print_ends(t, packet);
        print_tcp(t, &packet->tcp);
        break;
    case PACKET_UDP:
        text_add(t, "udp ");
        print_ends(t, packet);
        text_add(t, "(%u)", packet->udp.len);
        break;
    case PACKET_ICMP:
        print_icmp(t, &packet->icmp, packet->v6);
        break;
    }
}
