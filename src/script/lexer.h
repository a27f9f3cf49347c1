/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of a script as tokens. Reading depends on nothing but the position, so it can be repeated from any token. */
#ifndef UMPTCP_SCRIPT_LEXER_H
#define UMPTCP_SCRIPT_LEXER_H

#include "script/settings.h"

enum token_kind {
    TOKEN_END,
    TOKEN_BAD,      /* `bad` says why */
    TOKEN_INT,      /* 12, -12 */
    TOKEN_HEX,      /* 0x1f */
    TOKEN_FLOAT,    /* 0.5, .5, -.5 */
    TOKEN_WORD,     /* letters, digits and _ */
    TOKEN_STRING,   /* "..": text between the quotes, escapes as they are; see lexer_unescape() */
    TOKEN_COMMAND,  /* `..`: text between the quotes, unchanged */
    TOKEN_CODE,     /* %{ .. }%: text between the braces */
    TOKEN_ELLIPSIS, /* ... */
    TOKEN_ADDR4,
    TOKEN_ADDR6,
    TOKEN_OPTION, /* --name, --name=value: text behind the dashes */
    TOKEN_CHAR,   /* any other single character */
};

struct token {
    enum token_kind kind;
    struct place place;
    const char *text; /* not terminated */
    size_t len;
    const char *at; /* where it starts in the source (a symbol's `text` is its value instead) */
    const char *bad;
    bool negative, too_large; /* INT, HEX */
    uint64_t n;               /* the number without its sign */
};

struct lexer {
    const char *at, *end; /* of a source that is followed by a NUL */
    const char *line_start;
    uint32_t line;
    const struct settings *settings; /* for symbols */
};

struct lexer lexer_of(const char *source, size_t len, const struct settings *settings);
struct token lexer_next(struct lexer *lx);
/* Continues at the start of a token, which must be on the line of the lexer or above. */
void lexer_seek(struct lexer *lx, const struct token *token);
/*
 * Reads the flags of a TCP header, which are no token: "S.", "P.5", "-". A leading word may be a symbol. Returns the
 * length of the text that was written (terminated, cut to `size`).
 */
size_t lexer_flags(struct lexer *lx, char *text, size_t size);
/* Skips what is left of a remark in parentheses, whose "(" was read; false when it has no end. */
bool lexer_skip_remark(struct lexer *lx);

bool token_is(const struct token *token, const char *word);
bool token_is_char(const struct token *token, char c);
/* Writes what a STRING's text means to `out`, which has room for `len` bytes. Returns how many, or -1 for an escape
 * that does not exist. */
long lexer_unescape(const char *text, size_t len, char *out);
/* Octets of hexadecimal digits: an even number of them, at most 2 * `max`. Returns how many octets, or -1. */
int lexer_octets(const char *text, size_t len, uint8_t *out, size_t max);

#endif
