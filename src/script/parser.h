/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of the parser share. It descends recursively with one token in hand; each function that reads
 * something returns false when it set the error, and then nothing is read any more.
 *
 *   parse.c         options, events, times
 *   parse_packet.c  packet lines but for their options
 *   parse_encap.c   headers around packets
 *   parse_icmp.c    ICMP and UDP
 *   parse_option.c  TCP options, and the room that they take
 *   parse_mptcp.c   MPTCP options
 *   parse_mpvalue.c values within them
 *   parse_call.c    system calls
 */
#ifndef UMPTCP_SCRIPT_PARSER_H
#define UMPTCP_SCRIPT_PARSER_H

#include "script/lexer.h"
#include "script/parse.h"
#include "script/words.h"

struct parser {
    struct lexer lexer;
    struct token tok; /* the next one, not yet taken */
    struct script *script;
    struct settings *settings;
    struct script_error *error;
};

/* ---- parse.c: tokens --------------------------------------------------------------------------------------------- */

/* Sets the error; returns false. */
__attribute__((format(printf, 3, 4))) bool parser_fail(struct parser *p, struct place place, const char *format, ...);
/* "expected WHAT, found ...", at the token in hand; returns false. */
bool parser_expected(struct parser *p, const char *what);

void parser_next(struct parser *p);
struct token parser_peek(const struct parser *p); /* the token behind the one in hand */
static inline bool parser_at(const struct parser *p, char c) { return token_is_char(&p->tok, c); }
static inline bool parser_at_word(const struct parser *p, const char *word) { return token_is(&p->tok, word); }
/* Takes a character, or a word, if it comes next. */
bool parser_take(struct parser *p, char c);
bool parser_take_word(struct parser *p, const char *word);
/* Takes it or fails. */
bool parser_need(struct parser *p, char c);
/* Takes a name: a word that is one even when it came from a symbol. */
bool parser_name(struct parser *p, const char *what, const char **name);
/* The text of the token in hand, terminated. */
char *parser_text(struct parser *p);
void *parser_alloc(struct parser *p, size_t size);

bool parser_at_number(const struct parser *p); /* decimal or hexadecimal, without a sign */
/* A decimal number from 0 to `max`; `what` is for the message. */
bool parser_decimal(struct parser *p, const char *what, uint64_t max, uint64_t *n);
/* The same, or hexadecimal. */
bool parser_number(struct parser *p, const char *what, uint64_t max, uint64_t *n);
/* "name": one or more of them that follow each other. */
bool parser_string(struct parser *p, const char **text, uint32_t *len);
/* inet_addr("..") or inet6_addr(".."), whose name is in hand. */
bool parser_address(struct parser *p, struct umptcp_addr *addr);

/* ---- The other parts --------------------------------------------------------------------------------------------- */

bool parse_packet(struct parser *p, struct packet **packet);
/* [..] or (..) behind the direction, if there is one. */
bool parse_ip_line(struct parser *p, struct ip_line *ip);
/* START:END(LEN) */
bool parse_sequence(struct parser *p, uint32_t *seq, uint32_t *len);
/* Headers in front of the packet. */
bool parse_encaps(struct parser *p, struct packet *packet);
/* encap psp spi N */
bool parse_psp(struct parser *p, struct packet *packet);
/* What follows the words icmp and udp. */
bool parse_icmp(struct parser *p, struct packet *packet);
bool parse_udp(struct parser *p, struct packet *packet);
/* The two ends of a packet, if they are given. */
bool parse_ends(struct parser *p, struct packet *packet);
/* < .. >, if there is one, for a TCP packet. */
bool parse_options(struct parser *p, struct packet *packet);
/* An MPTCP option, if the token in hand is the name of one: then sets *known. */
bool parse_mptcp(struct parser *p, const struct packet *packet, struct mp_line *mp, bool *known);
/* The closest name of an MPTCP option, or NULL. */
const char *parse_mptcp_like(const char *name);
bool parse_call(struct parser *p, struct call **call);

/* ---- parse_mpvalue.c --------------------------------------------------------------------------------------------- */

/* V, V=N, V + N, or N */
bool parse_key_value(struct parser *p, struct value *v);
/* N, trunc_r64_hmac(V) [+ N], trunc_r64_hmac_sha256(N), trunc_r64_hmac_sha1(N) */
bool parse_data_value(struct parser *p, struct value *v);
/* auto, N, sha256_32(V), sha1_32(V) */
bool parse_token_value(struct parser *p, struct value *v);
/* auto, trunc_l64_hmac(V V), full_160_hmac(V V), trunc_l64_hmac(N), or all `len` octets as 0x..; they go to `octets` */
bool parse_hmac_value(struct parser *p, struct value *v, uint8_t *octets, size_t len);
/* N up to `max`, or auto */
bool parse_auto_value(struct parser *p, const char *what, uint64_t max, struct value *v);
/* addr[V], addr[V=inet_addr("..")], addr[inet_addr("..")] */
bool parse_addr_line(struct parser *p, struct addr_line *addr);
/* [NAME, NAME, ..] of a table, or N */
bool parse_flags_value(struct parser *p, const struct word *table, uint8_t *flags);

#endif
