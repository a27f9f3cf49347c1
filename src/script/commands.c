/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shell's part of commands: words, quotes, variables, redirection of output, pipes, and lists of commands with ;
 * && || ! and line ends. What needs a shell - substitutions, compound commands - is refused by its name.
 */
#include "script/commands.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/commands_parts.h"

enum { BUFFER_SIZE = 16384, NAME_SIZE = 64, EXIT_UNKNOWN = 127 };

enum connector { NEXT, AND_THEN, OR_ELSE, PIPE, END };

struct shell {
    const char *at;
    struct command c;
    char buffer[BUFFER_SIZE]; /* the words of the present command */
    size_t used;
    bool broken; /* the text is not understood: nothing of it runs any more */
    bool exited;
    int status;
};

int command_fail(struct command *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(c->error, c->size, format, args);
    va_end(args);
    return -EINVAL;
}

static void refuse(struct shell *s, const char *what) {
    if (!s->broken)
        command_fail(&s->c, "%s needs a shell, and there is none here", what);
    s->broken = true;
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

static void add_char(struct shell *s, char c) {
    if (s->used < sizeof s->buffer)
        s->buffer[s->used++] = c;
    else
        refuse(s, "a command this long");
}

static bool is_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* At a dollar sign: the value of $NAME or ${NAME}. */
static void expand(struct shell *s) {
    char name[NAME_SIZE];
    size_t n = 0;
    bool braces = s->at[1] == '{';
    const char *p = s->at + 1 + braces;
    if (!braces && !is_name(*p)) {
        if (*p == '(' || *p == '?' || *p == '@' || *p == '*' || *p == '#')
            refuse(s, *p == '(' ? "$( )" : "a parameter of the shell");
        add_char(s, '$');
        s->at++;
        return;
    }
    while (is_name(*p) && n < sizeof name - 1)
        name[n++] = *p++;
    name[n] = 0;
    if (!n || is_name(*p) || (braces && *p != '}')) {
        refuse(s, "${ } with more than a name");
        s->at++;
        return;
    }
    s->at = p + braces;
    const char *value = s->c.sink->variable(s->c.sink->ctx, name);
    while (value && *value)
        add_char(s, *value++);
}

static void quoted(struct shell *s, char quote) {
    s->at++;
    while (*s->at && *s->at != quote && !s->broken) {
        if (quote == '"' && *s->at == '$') {
            expand(s);
        } else if (quote == '"' && *s->at == '`') {
            refuse(s, "` `");
        } else {
            if (quote == '"' && *s->at == '\\' && s->at[1] && strchr("\"\\$`", s->at[1]))
                s->at++;
            add_char(s, *s->at++);
        }
    }
    if (!*s->at)
        refuse(s, "a quote without its end");
    else
        s->at++;
}

static bool ends_word(char c) { return !c || strchr(" \t\r\n;&|<>()", c); }

/* One word, quotes taken off; NUL-terminated in the buffer. */
static char *read_word(struct shell *s) {
    size_t start = s->used;
    while (!ends_word(*s->at) && !s->broken) {
        if (*s->at == '\'' || *s->at == '"') {
            quoted(s, *s->at);
        } else if (*s->at == '$') {
            expand(s);
        } else if (*s->at == '`') {
            refuse(s, "` `");
        } else {
            if (*s->at == '\\' && s->at[1])
                s->at++;
            add_char(s, *s->at++);
        }
    }
    add_char(s, 0);
    return s->broken ? NULL : s->buffer + start;
}

static void skip_blanks(struct shell *s) {
    for (;;) {
        while (*s->at == ' ' || *s->at == '\t' || *s->at == '\r' || (*s->at == '\\' && s->at[1] == '\n'))
            s->at += *s->at == '\\' ? 2 : 1;
        if (*s->at != '#')
            return;
        while (*s->at && *s->at != '\n')
            s->at++;
    }
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

/* > FILE, >> FILE, 2> FILE, 2>&1, &> FILE: where the output goes matters only to echo. */
static bool redirection(struct shell *s) {
    const char *p = s->at;
    bool errors = *p == '2' && p[1] == '>', both = *p == '&' && p[1] == '>';
    p += errors || both;
    if (*p != '>')
        return false;
    s->at = p + (p[1] == '>' ? 2 : 1);
    if (*s->at == '&') { /* to another descriptor */
        s->at++;
        return read_word(s) != NULL;
    }
    skip_blanks(s);
    char *to = read_word(s);
    if (!errors)
        s->c.output = to;
    return true;
}

static enum connector read_connector(struct shell *s) {
    char c = *s->at;
    if (!c)
        return END;
    s->at++;
    if (c == '\n' || c == ';')
        return NEXT;
    if (c == '&' && *s->at == '&') {
        s->at++;
        return AND_THEN;
    }
    if (c == '|' && *s->at == '|') {
        s->at++;
        return OR_ELSE;
    }
    if (c == '|')
        return PIPE;
    refuse(s, c == '&' ? "&" : c == '<' ? "<" : "( )");
    return END;
}

/* Reads the words of one command and what stands behind it. */
static enum connector read_command(struct shell *s) {
    s->c.n = 0;
    s->c.output = NULL;
    s->used = 0;
    for (;;) {
        skip_blanks(s);
        if (s->broken)
            return END;
        if (redirection(s))
            continue;
        if (ends_word(*s->at))
            break;
        char *word = read_word(s);
        if (s->c.n == COMMAND_WORDS_MAX)
            refuse(s, "a command this long");
        else
            s->c.word[s->c.n++] = word;
    }
    s->c.word[s->c.n] = NULL;
    return read_connector(s);
}

static void shift(struct command *c) {
    for (int i = 0; i < c->n; i++)
        c->word[i] = c->word[i + 1];
    c->n--;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_compound(const char *word) {
    static const char *const words[] = {"if", "for", "while", "until", "case", "{", "function", "[", "[[", "test"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static int run_exit(struct shell *s) {
    unsigned long n = (unsigned long)s->status;
    if (s->c.n > 1 && !command_number(s->c.word[1], 255, &n))
        n = 2;
    s->exited = true;
    if (n)
        command_fail(&s->c, "exit %lu", n);
    return (int)n;
}

static int run_command(struct shell *s) {
    struct command *c = &s->c;
    bool negate = false;
    while (c->n && strcmp(c->word[0], "!") == 0) {
        negate = !negate;
        shift(c);
    }
    /* Interpreters of the helper programs say nothing about what these do. */
    while (c->n > 1 && c->word[1][0] != '-' &&
           (strcmp(c->word[0], "sh") == 0 || strcmp(c->word[0], "bash") == 0 || strcmp(c->word[0], "sudo") == 0 ||
            strncmp(c->word[0], "python", 6) == 0))
        shift(c);
    if (!c->n)
        return command_fail(c, "! without a command") != 0;
    if (is_compound(c->word[0])) {
        refuse(s, c->word[0]);
        return 1;
    }
    if (strcmp(c->word[0], "exit") == 0)
        return run_exit(s);
    int err = command_tool(c);
    if (err == -ENOENT)
        command_fail(c, "there is no command '%s' here", base_name(c->word[0]));
    int status = err == -ENOENT ? EXIT_UNKNOWN : err ? 1 : 0;
    if (negate && !status)
        command_fail(c, "'%s' succeeded", c->word[0]);
    return negate ? !status : status;
}

/* One command, and what the pipes before and behind it carry. The status of a pipe is that of its last command. */
static void run_in_pipe(struct shell *s, enum connector before, enum connector after) {
    struct text input = s->c.printed;
    s->c.printed = (struct text){0};
    s->c.input = before == PIPE ? text_of(&input) : NULL;
    if (after == PIPE && strcmp(s->c.word[0], "!") == 0)
        refuse(s, "! before a pipe");
    else
        s->status = run_command(s);
    text_free(&input);
}

int command_interpret(const char *text, const struct command_sink *sink, char *error, size_t size) {
    struct shell *s = calloc(1, sizeof *s);
    enum connector before = NEXT;
    if (!s) {
        snprintf(error, size, "no memory");
        return -EINVAL;
    }
    s->at = text;
    s->c.sink = sink;
    s->c.error = error;
    s->c.size = size;
    for (bool wanted = true; before != END && !s->exited && !s->broken;) {
        enum connector after = read_command(s);
        if (before != PIPE)
            wanted = before == NEXT || (before == AND_THEN) == (s->status == 0);
        if (!s->broken && wanted && s->c.n)
            run_in_pipe(s, before, after);
        before = after;
    }
    int result = s->broken || s->status ? -EINVAL : 0;
    text_free(&s->c.printed);
    free(s);
    if (!result && size)
        *error = 0;
    return result;
}
