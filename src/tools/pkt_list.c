/* SPDX-License-Identifier: BSD-3-Clause */
/* --list: what there is, without running it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/pkt.h"

/* ---- Comments ---------------------------------------------------------------------------------------------------- */

/* The next comment at or behind *at, from behind its first characters to before its last. Lines of `//` below each
 * other are one. False when there is none. */
static bool next_comment(const char **at, const char **text, size_t *len) {
    const char *p = *at;
    while (*p && !(p[0] == '/' && (p[1] == '/' || p[1] == '*')))
        p++;
    if (!*p)
        return false;
    *text = p + 2;
    const char *end;
    if (p[1] == '*') {
        end = strstr(p + 2, "*/");
        *at = end ? end + 2 : p + strlen(p);
        *len = end ? (size_t)(end - *text) : strlen(*text);
        return true;
    }
    for (end = p; end[0] == '/' && end[1] == '/';) {
        *len = (size_t)(end - *text) + strcspn(end, "\n");
        end += strcspn(end, "\n");
        end += strspn(end, "\n") ? 1 + strspn(end + 1, " \t") : 0;
    }
    *at = *text + *len;
    return true;
}

void pkt_summary(const char *source, struct text *summary) {
    const char *text;
    for (size_t len; next_comment(&source, &text, &len);) {
        const char *end = text + len;
        while (text < end) {
            text += strspn(text, " \t*/\n");
            size_t line = text < end ? strcspn(text, "\n") : 0;
            if (line > (size_t)(end - text))
                line = (size_t)(end - text);
            while (line && isspace((unsigned char)text[line - 1]))
                line--;
            if (line && strncmp(text, "SPDX-", 5) != 0) {
                text_add(summary, "%.*s", (int)line, text);
                return;
            }
            text += line;
        }
    }
}

/* ---- Requirements ------------------------------------------------------------------------------------------------ */

static bool in_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* The length of a requirement's name at `s`: M-ABC-01, T-ABC-01, T-X1; 0: none. `letters`: what stands before its
 * digits. */
static size_t row_len(const char *s, const char *end, size_t *letters) {
    size_t n = 2, max = (size_t)(end - s);
    if (max < 4 || (s[0] != 'M' && s[0] != 'T') || s[1] != '-')
        return 0;
    while (n < max && s[n] >= 'A' && s[n] <= 'Z')
        n++;
    if (n == 2)
        return 0;
    if (n < max && s[n] == '-')
        n++;
    else if (n != 3 || s[0] != 'T' || s[2] != 'X')
        return 0;
    *letters = n;
    while (n < max && isdigit((unsigned char)s[n]))
        n++;
    return n > *letters && (n == max || !in_word(s[n])) ? n : 0;
}

/* What stands between the numbers of several rows of one kind: ", ", " and ", " to ". Its length; `range`: "to". */
static size_t between_len(const char *s, const char *end, bool *range) {
    const char *p = s;
    while (p < end && (isspace((unsigned char)*p) || *p == ','))
        p++;
    bool sum = end - p > 4 && strncmp(p, "and ", 4) == 0;
    *range = end - p > 3 && strncmp(p, "to ", 3) == 0;
    p += sum ? 4 : *range ? 3 : 0;
    while (p < end && isspace((unsigned char)*p))
        p++;
    return (size_t)(p - s);
}

struct rows {
    struct text *out;
    const char *kind; /* of the last one: "M-ABC-" */
    size_t kind_len;
    unsigned long number;
};

static void add_row(struct rows *r, const char *digits, size_t ndigits, bool range) {
    enum { ROWS_MAX = 1000 };
    unsigned long to = strtoul(digits, NULL, 10), from = range ? r->number + 1 : to;
    if (from > to || to - from > ROWS_MAX)
        from = to;
    for (unsigned long n = from; n <= to; n++)
        text_add(r->out, "%s%.*s%0*lu", r->out->len ? " " : "", (int)r->kind_len, r->kind, (int)ndigits, n);
    r->number = to;
}

/* A row, and behind it what is of its kind: "M-ABC-01 -02, -04 to -06". Returns where that ends. */
static const char *row_group(struct rows *r, const char *s, const char *end, size_t letters, size_t len) {
    r->kind = s;
    r->kind_len = letters;
    add_row(r, s + letters, len - letters, false);
    for (s += len;;) {
        bool range;
        const char *p = s + between_len(s, end, &range), *digits = p + 1;
        size_t again = row_len(p, end, &letters);
        size_t ndigits = p > s && end - p > 1 && *p == '-' ? strspn(digits, "0123456789") : 0;
        if (again && range && letters == r->kind_len && strncmp(p, r->kind, letters) == 0) {
            digits = p + letters;
            ndigits = again - letters;
        } else if (ndigits == 0) {
            return s;
        }
        add_row(r, digits, ndigits, range);
        s = digits + ndigits;
    }
}

static void comment_rows(struct rows *r, const char *s, const char *end) {
    for (bool word = false; s < end;) {
        size_t letters, len = word ? 0 : row_len(s, end, &letters);
        s = len ? row_group(r, s, end, letters, len) : s + 1;
        word = in_word(s[-1]);
    }
}

/* A comment on one line, without what begins its lines. */
static void flatten(struct text *t, const char *s, const char *end) {
    for (; s < end; s++) {
        text_add(t, "%c", *s == '\n' ? ' ' : *s);
        if (*s != '\n')
            continue;
        s += strspn(s + 1, " \t");
        s += s + 2 < end && s[1] == '/' && s[2] == '/' ? 2 : s + 1 < end && s[1] == '*' ? 1 : 0;
    }
}

void pkt_rows(const char *source, struct text *rows) {
    struct rows r = {.out = rows};
    const char *text;
    for (size_t len; next_comment(&source, &text, &len);) {
        struct text flat = {0};
        flatten(&flat, text, text + len);
        comment_rows(&r, text_of(&flat), text_of(&flat) + flat.len);
        text_free(&flat);
    }
}

/* ---- Differences from Linux ----------------------------------------------------------------------------------------
 */

bool pkt_linux_note(const char *source, struct text *why) {
    static const char mark[] = "Linux differs:";
    const char *text;
    for (size_t len; next_comment(&source, &text, &len);) {
        struct text flat = {0};
        flatten(&flat, text, text + len);
        const char *note = strstr(text_of(&flat), mark);
        if (note)
            text_add(why, "%s", note + sizeof mark - 1 + strspn(note + sizeof mark - 1, " "));
        text_free(&flat);
        if (note)
            return true;
    }
    return false;
}

/* ---- The list ---------------------------------------------------------------------------------------------------- */

static void list_json(const struct pkt_script *s, const char *summary, const char *rows, struct text *t) {
    text_add(t, "{\"type\": \"script\", \"path\": ");
    json_string(t, s->path);
    text_add(t, ", \"comment\": ");
    json_string(t, summary);
    text_add(t, ", \"rows\": [");
    for (size_t len; *rows; rows += len + (rows[len] == ' ')) {
        len = strcspn(rows, " ");
        text_add(t, "\"%.*s\"%s", (int)len, rows, rows[len] ? ", " : "");
    }
    text_add(t, "]}\n");
}

int pkt_list(const struct pkt_plan *plan, const struct pkt_options *options) {
    for (uint32_t i = 0; i < plan->nscripts; i++) {
        const struct pkt_script *s = &plan->scripts[i];
        struct text summary = {0}, rows = {0}, t = {0};
        pkt_summary(s->source, &summary);
        pkt_rows(s->source, &rows);
        if (options->json) {
            list_json(s, text_of(&summary), text_of(&rows), &t);
        } else {
            text_add(&t, "%s%s%s", s->path, summary.len ? ": " : "", text_of(&summary));
            if (rows.len)
                text_add(&t, " [%s]", text_of(&rows));
            text_add(&t, "\n");
        }
        (void)fputs(text_of(&t), stdout);
        text_free(&summary);
        text_free(&rows);
        text_free(&t);
    }
    return 0;
}
