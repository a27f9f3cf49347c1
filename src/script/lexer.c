/* SPDX-License-Identifier: BSD-3-Clause */
/* Characters -> tokens. The longest match wins; words are replaced by symbols here. */
#include "script/lexer.h"

#include <string.h>

#include "wire/addr.h"

enum { SYMBOL_NAME_MAX = 64 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_word(char c) { return is_letter(c) || is_digit(c); }
static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n'; }

static unsigned hex_value(char c) {
    return is_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10; /* of a hexadecimal digit */
}

bool token_is(const struct token *token, const char *word) {
    return token->kind == TOKEN_WORD && strlen(word) == token->len && memcmp(token->text, word, token->len) == 0;
}

bool token_is_char(const struct token *token, char c) { return token->kind == TOKEN_CHAR && token->text[0] == c; }

struct lexer lexer_of(const char *source, size_t len, const struct settings *settings) {
    return (struct lexer){source, source + len, source, 1, settings};
}

static struct place here(const struct lexer *lx) {
    return (struct place){lx->line, (uint32_t)(lx->at - lx->line_start) + 1};
}

static void advance(struct lexer *lx, const char *to) {
    for (; lx->at < to; lx->at++) {
        if (*lx->at == '\n') {
            lx->line++;
            lx->line_start = lx->at + 1;
        }
    }
}

void lexer_seek(struct lexer *lx, const struct token *token) {
    lx->at = token->at;
    lx->line = token->place.line;
    lx->line_start = token->at - (token->place.column - 1);
}

/* The first place of `what` at or behind `from`, or NULL. */
static const char *find(const struct lexer *lx, const char *from, const char *what) {
    size_t len = strlen(what);
    for (; (size_t)(lx->end - from) >= len; from++)
        if (memcmp(from, what, len) == 0)
            return from;
    return NULL;
}

/* Skips blanks and comments; false at a comment without an end. */
static bool skip_blanks(struct lexer *lx) {
    for (;;) {
        if (lx->at < lx->end && is_space(*lx->at)) {
            advance(lx, lx->at + 1);
        } else if (lx->at < lx->end && lx->at[0] == '/' && lx->at[1] == '/') {
            const char *end = find(lx, lx->at, "\n");
            advance(lx, end ? end : lx->end);
        } else if (lx->at < lx->end && lx->at[0] == '/' && lx->at[1] == '*') {
            const char *end = find(lx, lx->at + 2, "*/");
            if (!end)
                return false;
            advance(lx, end + 2);
        } else {
            return true;
        }
    }
}

/* ---- Numbers and addresses --------------------------------------------------------------------------------------- */

/* Sets the value of a number without its sign in base 8, 10 or 16. */
static void set_number(struct token *t, const char *digits, size_t len, unsigned base) {
    for (size_t i = 0; i < len; i++) {
        unsigned digit = hex_value(digits[i]);
        t->too_large = t->too_large || t->n > (UINT64_MAX - digit) / base;
        t->n = t->n * base + digit;
    }
}

/* The length of the longest address at `at`, or 0. Sequence ranges such as 1:2 are none. */
static size_t addr6_len(const char *at) {
    size_t run = 0, colons = 0;
    bool gap = false;
    for (; run < UMPTCP_ADDRSTRLEN - 1 && (is_hex(at[run]) || at[run] == ':' || at[run] == '.'); run++) {
        gap = gap || (at[run] == ':' && at[run + 1] == ':');
        colons += at[run] == ':';
    }
    char text[UMPTCP_ADDRSTRLEN];
    struct umptcp_addr addr;
    for (; gap || colons >= 7; run--) {
        if (run < 2)
            return 0;
        memcpy(text, at, run);
        text[run] = '\0';
        if (umptcp_addr_parse(text, &addr) == 0)
            return strchr(text, ':') ? run : 0;
    }
    return 0;
}

static size_t addr4_len(const char *at) {
    char text[16];
    size_t run = 0;
    while (run < sizeof text - 1 && (is_digit(at[run]) || at[run] == '.'))
        run++;
    struct umptcp_addr addr;
    for (; run >= 7; run--) {
        memcpy(text, at, run);
        text[run] = '\0';
        if (umptcp_addr_parse(text, &addr) == 0)
            return is_digit(at[run]) ? 0 : run;
    }
    return 0;
}

/* The length of an integer, decimal fraction or word at `at`, with its kind. */
static size_t number_or_word(const char *at, enum token_kind *kind) {
    size_t sign = at[0] == '-', n = sign;
    while (is_digit(at[n]))
        n++;
    if (at[n] == '.' && is_digit(at[n + 1])) {
        do
            n++;
        while (is_digit(at[n]));
        *kind = TOKEN_FLOAT;
        return n;
    }
    *kind = TOKEN_INT;
    if (sign || !is_word(at[n]))
        return n > sign ? n : 0;
    *kind = n == 1 && at[0] == '0' && at[1] == 'x' && is_hex(at[2]) ? TOKEN_HEX : TOKEN_WORD;
    for (size_t i = n + 1; is_word(at[i]); i++)
        if (!is_hex(at[i]))
            *kind = TOKEN_WORD;
    while (is_word(at[n]))
        n++;
    return n;
}

/* The token that a whole text is; a WORD when it is not one token. */
static void classify(struct token *t) {
    enum token_kind kind;
    size_t len = number_or_word(t->text, &kind);
    size_t v4 = addr4_len(t->text), v6 = addr6_len(t->text);
    if (v6 > len && v6 > v4) {
        len = v6;
        kind = TOKEN_ADDR6;
    } else if (v4 > len) {
        len = v4;
        kind = TOKEN_ADDR4;
    }
    t->len = len;
    t->kind = kind;
    if (len == 0)
        return;
    t->negative = kind == TOKEN_INT && t->text[0] == '-';
    if (kind == TOKEN_INT)
        set_number(t, t->text + t->negative, len - t->negative, 10);
    else if (kind == TOKEN_HEX)
        set_number(t, t->text + 2, len - 2, 16);
}

/* ---- Symbols ----------------------------------------------------------------------------------------------------- */

static const char *symbol(const struct lexer *lx, const char *word, size_t len) {
    char name[SYMBOL_NAME_MAX];
    if (len >= sizeof name)
        return NULL;
    memcpy(name, word, len);
    name[len] = '\0';
    return lx->settings ? settings_define(lx->settings, name) : NULL;
}

static bool is_octal(const struct token *t) {
    size_t from = t->negative;
    bool octal = t->len > from + 1 && t->text[from] == '0';
    for (size_t i = from; i < t->len; i++)
        octal = octal && t->text[i] < '8';
    return octal;
}

/* Makes of a word the token that its symbol stands for. The value has no symbols in turn. */
static void replace(struct token *t, const char *value) {
    size_t len = strlen(value);
    struct token v = {.place = t->place, .at = t->at, .text = value};
    if (len >= 2 && (value[0] == '"' || value[0] == '`') && value[len - 1] == value[0]) {
        v.kind = value[0] == '"' ? TOKEN_STRING : TOKEN_COMMAND;
        v.text = value + 1;
        v.len = len - 2;
    } else {
        classify(&v);
        if (v.kind == TOKEN_INT && v.len == len && is_octal(&v)) { /* symbols have the bases of C */
            v.n = 0;
            set_number(&v, v.text + v.negative, v.len - v.negative, 8);
        }
        if (v.len != len || len == 0)
            v.kind = TOKEN_WORD;
        v.len = len;
    }
    *t = v;
}

/* ---- Quoted text ------------------------------------------------------------------------------------------------- */

/* The quote that ends the text that starts at `from`, or NULL. A backslash keeps what follows it inside. */
static const char *closing(const struct lexer *lx, const char *from, char quote) {
    for (; from < lx->end && *from != quote; from++) {
        if (*from == '\n' && quote == '"')
            return NULL;
        if (*from == '\\' && from + 1 < lx->end && (quote == '"' || from[1] == quote))
            from++;
    }
    return from < lx->end ? from : NULL;
}

static const char *quoted(const struct lexer *lx, struct token *t) {
    const char *end;
    size_t around = 1;
    if (t->at[0] == '%') {
        end = find(lx, t->at + 2, "}%");
        around = 2;
        t->kind = TOKEN_CODE;
        t->bad = "a code block without its }%";
    } else {
        end = closing(lx, t->at + 1, t->at[0]);
        t->kind = t->at[0] == '"' ? TOKEN_STRING : TOKEN_COMMAND;
        t->bad = t->at[0] == '"' ? "a string without its closing quote" : "a command without its closing backquote";
    }
    t->text = t->at + around;
    if (end) {
        t->len = (size_t)(end - t->text);
        t->bad = NULL;
        return end + around;
    }
    t->kind = TOKEN_BAD;
    t->text = t->at;
    t->len = around;
    return t->at + around;
}

/* --name, or --name=value up to a blank that is not quoted. */
static const char *option(const struct lexer *lx, struct token *t) {
    const char *at = t->at + 2;
    while (is_word(*at))
        at++;
    if (*at == '=') {
        while (at < lx->end && !is_space(*at)) {
            if (*at == '"' || *at == '`') {
                const char *end = closing(lx, at + 1, *at);
                if (!end) {
                    t->kind = TOKEN_BAD;
                    t->bad = "an option's value without its closing quote";
                    t->text = t->at;
                    t->len = 2;
                    return at;
                }
                at = end;
            }
            at++;
        }
    }
    t->kind = TOKEN_OPTION;
    t->text = t->at + 2;
    t->len = (size_t)(at - t->text);
    return at;
}

/* ---- Tokens ------------------------------------------------------------------------------------------------------ */

static const char *other(struct token *t) {
    unsigned char c = (unsigned char)t->at[0];
    t->kind = TOKEN_CHAR;
    t->text = t->at;
    t->len = 1;
    if (strncmp(t->at, "...", 3) == 0) {
        t->kind = TOKEN_ELLIPSIS;
        t->len = 3;
    } else if (c == '\r') {
        t->kind = TOKEN_BAD;
        t->bad = "a carriage return: lines end with a newline only";
    } else if (c < ' ' || c > '~') {
        t->kind = TOKEN_BAD;
        t->bad = "a character that means nothing here";
    }
    return t->at + t->len;
}

struct token lexer_next(struct lexer *lx) {
    struct token t = {0};
    bool ended = skip_blanks(lx);
    t.place = here(lx);
    t.at = t.text = lx->at;
    if (!ended) {
        t.kind = TOKEN_BAD;
        t.bad = "a comment without its */";
        t.len = 2;
        advance(lx, lx->end);
        return t;
    }
    if (lx->at == lx->end)
        return t;
    char c = *lx->at, next = lx->at[1];
    const char *to;
    if (c == '"' || c == '`' || (c == '%' && next == '{')) {
        to = quoted(lx, &t);
    } else if (c == '-' && next == '-' && is_letter(lx->at[2])) {
        to = option(lx, &t);
    } else {
        classify(&t);
        to = t.len ? lx->at + t.len : other(&t);
        const char *value = t.kind == TOKEN_WORD ? symbol(lx, t.text, t.len) : NULL;
        if (value)
            replace(&t, value);
    }
    advance(lx, to);
    return t;
}

static size_t append(char *text, size_t used, size_t size, const char *more, size_t len) {
    for (size_t i = 0; i < len && used + 1 < size; i++)
        text[used++] = more[i];
    return used;
}

size_t lexer_flags(struct lexer *lx, char *text, size_t size) {
    size_t used = 0;
    const char *start = lx->at;
    if (*lx->at == '-')
        used = append(text, used, size, lx->at++, 1);
    const char *word = lx->at;
    while (is_word(*lx->at))
        lx->at++;
    size_t len = (size_t)(lx->at - word);
    const char *value = len && word == start ? symbol(lx, word, len) : NULL;
    used = append(text, used, size, value ? value : word, value ? strlen(value) : len);
    while (*lx->at == '.' || is_word(*lx->at))
        used = append(text, used, size, lx->at++, 1);
    text[used] = '\0';
    return used;
}

bool lexer_skip_remark(struct lexer *lx) {
    const char *end = find(lx, lx->at, ")");
    advance(lx, end ? end + 1 : lx->end);
    return end != NULL;
}

/* ---- Contents of tokens ------------------------------------------------------------------------------------------ */

static size_t digits_value(const char *at, const char *end, size_t max, unsigned base, char *out) {
    size_t n = 0;
    unsigned v = 0;
    for (; n < max && at + n < end && (base == 16 ? is_hex(at[n]) : at[n] >= '0' && at[n] < '8'); n++)
        v = v * base + hex_value(at[n]);
    *out = (char)v;
    return n;
}

long lexer_unescape(const char *text, size_t len, char *out) {
    static const char names[] = "abfnrtv\\\"'", meanings[] = "\a\b\f\n\r\t\v\\\"'";
    const char *end = text + len;
    long n = 0;
    while (text < end) {
        if (*text != '\\') {
            out[n++] = *text++;
            continue;
        }
        if (++text == end)
            return -1;
        bool hex = *text == 'x';
        size_t digits = hex ? digits_value(text + 1, end, 2, 16, &out[n]) : digits_value(text, end, 3, 8, &out[n]);
        const char *name = *text ? strchr(names, *text) : NULL;
        if (digits) {
            text += digits + hex;
        } else if (name && !hex) {
            out[n] = meanings[name - names];
            text++;
        } else {
            return -1;
        }
        n++;
    }
    return n;
}

int lexer_octets(const char *text, size_t len, uint8_t *out, size_t max) {
    if (len % 2 || len / 2 > max)
        return -1;
    for (size_t i = 0; i < len; i += 2) {
        if (!is_hex(text[i]) || !is_hex(text[i + 1]))
            return -1;
        out[i / 2] = (uint8_t)(hex_value(text[i]) << 4 | hex_value(text[i + 1]));
    }
    return (int)(len / 2);
}
