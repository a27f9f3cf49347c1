/* SPDX-License-Identifier: BSD-3-Clause */
/* Code blocks: the program of all of them, and its run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "script/code_internal.h"
#include "script/shell.h"

/*
 * Blocks run in the program's own name space, where names persist from one to the next. Each is compiled with as many
 * empty lines before it as it has in the script, so that Python's line numbers are the script's. A failure is reported
 * on descriptor 3 as "LINE TEXT"; run by hand, the program says it on standard error.
 * What only a failure needs is imported then: most of the time of a script is Python's start.
 */
static const char prologue[] =
    "import os as _os\n"
    "import sys as _sys\n"
    "\n"
    "_sources = []\n"
    "\n"
    "\n"
    "def _text(octets):\n"
    "    return octets.encode('latin-1').decode('utf-8', 'replace')\n"
    "\n"
    "\n"
    "def _fail(line, text):\n"
    "    _sys.stdout.flush()\n"
    "    text = ' '.join(text.split())\n"
    "    try:\n"
    "        _os.write(3, ('%d %s' % (line, text)).encode('utf-8', 'replace'))\n"
    "    except OSError:\n"
    "        _sys.stderr.write('%s:%d: %s\\n' % (_file, line, text))\n"
    "    _sys.exit(1)\n"
    "\n"
    "\n"
    "def _values(tests, frame):\n"
    "    import ast as _ast\n"
    "    names = [n for test in tests for n in _ast.walk(test) if isinstance(n, _ast.Name)]\n"
    "    said = []\n"
    "    for name in sorted(names, key=lambda n: (n.lineno, n.col_offset)):\n"
    "        value = frame.f_locals.get(name.id, frame.f_globals.get(name.id, len))\n"
    "        text = '%s is %.80r' % (name.id, value)\n"
    "        if not callable(value) and text not in said:\n"
    "            said.append(text)\n"
    "    return ', '.join(said)\n"
    "\n"
    "\n"
    "def _reason(error, found, frame):\n"
    "    import ast as _ast, traceback as _traceback\n"
    "    last = _traceback.format_exception_only(type(error), error)[-1].strip()\n"
    "    asserts = [(source, n) for source, n in found if isinstance(n, _ast.Assert)]\n"
    "    if not asserts or not isinstance(error, AssertionError):\n"
    "        return last\n"
    "    values = _values([n.test for _, n in asserts], frame)\n"
    "    if error.args:\n"
    "        return '%s (%s)' % (last, values) if values else last\n"
    "    text = '; '.join(_ast.get_source_segment(source, n) for source, n in asserts)\n"
    "    return '%s: %s' % (text, values) if values else text\n"
    "\n"
    "\n"
    "def _where(error, line):\n"
    "    \"\"\"The statement of a script, and the frame, that it happened in: the innermost one's.\"\"\"\n"
    "    import ast as _ast\n"
    "    frame, trace = None, error.__traceback__\n"
    "    while trace:\n"
    "        if trace.tb_frame.f_code.co_filename == _file:\n"
    "            line, frame = trace.tb_lineno, trace.tb_frame\n"
    "        trace = trace.tb_next\n"
    "    found = [(source, n) for source in _sources for n in _ast.walk(_ast.parse(source))\n"
    "             if isinstance(n, _ast.stmt) and n.lineno <= line <= n.end_lineno]\n"
    "    line = max([n.lineno for _, n in found] or [line])\n"
    "    return line, [(source, n) for source, n in found if n.lineno == line], frame\n"
    "\n"
    "\n"
    "def _dedent(text):\n"
    "    if '\\n' not in text.strip():\n"
    "        return text.lstrip(' \\t')\n"
    "    import textwrap as _textwrap\n"
    "    return _textwrap.dedent(text)\n"
    "\n"
    "\n"
    "def _code(line, text):\n"
    "    source = '\\n' * (line - 1) + _dedent(text) + '\\n\\n'  # the text may end with a backslash\n"
    "    try:\n"
    "        code = compile(source, _file, 'exec')\n"
    "        _sources.append(source)\n"
    "        exec(code, globals())\n"
    "    except SyntaxError as error:\n"
    "        ours = error.filename == _file and error.lineno\n"
    "        _fail(error.lineno if ours else line, '%s: %s' % (type(error).__name__, error.msg))\n"
    "    except SystemExit as error:\n"
    "        if error.code:\n"
    "            _fail(line, 'SystemExit: %s' % error.code)\n"
    "        raise\n"
    "    except BaseException as error:\n"
    "        line, found, frame = _where(error, line)\n"
    "        _fail(line, _reason(error, found, frame))\n"
    "\n"
    "\n";

static const struct {
    const char *name;
    unsigned value;
} constants[] = {
    {"TCP_ESTABLISHED", 1},
    {"TCP_SYN_SENT", 2},
    {"TCP_SYN_RECV", 3},
    {"TCP_FIN_WAIT1", 4},
    {"TCP_FIN_WAIT2", 5},
    {"TCP_TIME_WAIT", 6},
    {"TCP_CLOSE", 7},
    {"TCP_CLOSE_WAIT", 8},
    {"TCP_LAST_ACK", 9},
    {"TCP_LISTEN", 10},
    {"TCP_CLOSING", 11},
    {"TCP_CA_Open", 0},
    {"TCP_CA_Disorder", 1},
    {"TCP_CA_CWR", 2},
    {"TCP_CA_Recovery", 3},
    {"TCP_CA_Loss", 4},
    {"TCPI_OPT_TIMESTAMPS", 1},
    {"TCPI_OPT_SACK", 2},
    {"TCPI_OPT_WSCALE", 4},
    {"TCPI_OPT_ECN", 8},
    {"TCPI_OPT_ECN_SEEN", 16},
    {"TCPI_OPT_SYN_DATA", 32},
    {"TCPI_OPT_USEC_TS", 64},
    {"TCPI_OPT_TFO_CHILD", 128},
    {"MPTCP_INFO_FLAG_FALLBACK", 1},
    {"MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED", 2},
};

/* A Python literal of any octets: those that are not ASCII become the characters of their numbers. */
static void literal_add(struct text *t, const char *octets, size_t len) {
    text_add(t, "'");
    for (const unsigned char *p = (const unsigned char *)octets; len; p++, len--) {
        if (*p == '\n')
            text_add(t, "%s", len > 1 ? "\\n'\n    '" : "\\n");
        else if (*p == '\'' || *p == '\\')
            text_add(t, "\\%c", *p);
        else if (*p >= ' ' && *p < 127)
            text_add(t, "%c", *p);
        else
            text_add(t, "\\x%02x", *p);
    }
    text_add(t, "'");
}

/* Blanks and tabs at both ends do not belong to the code. */
static void block_add(struct text *t, const struct code_block *b) {
    const char *code = b->event->code + strspn(b->event->code, " \t");
    size_t len = strlen(code);
    while (len && (code[len - 1] == ' ' || code[len - 1] == '\t'))
        len--;
    unsigned line = b->event->place.line ? b->event->place.line : 1;
    text_add(t, "%s_line = %u\n_code(_line, _text(\n    ", b->values, line);
    literal_add(t, code, len);
    text_add(t, "))\n\n");
}

void code_program(const struct code *code, const struct script *script, struct text *program) {
    text_add(program, "%s", prologue);
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        text_add(program, "%s = %u\n", constants[i].name, constants[i].value);
    const char *path = script->path ? script->path : "";
    text_add(program, "_file = _text(");
    literal_add(program, path, strlen(path));
    text_add(program, ")\n\n");
    for (const struct code_block *b = code->blocks; b; b = b->next)
        block_add(program, b);
}

/* Writes the program to a new file. 0 or a negative errno. */
static int program_write(const struct text *program, char *path, size_t size) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, size, "%s/umptcp-code-XXXXXX", folder && *folder ? folder : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = 0;
    for (size_t done = 0; done < program->len && !err;) {
        ssize_t n = write(fd, program->at + done, program->len - done);
        if (n < 0 && errno != EINTR)
            err = -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    if (close(fd) < 0 && !err)
        err = -errno;
    if (err)
        unlink(path);
    return err;
}

/* Starts `command FILE`, its report going to `report`. The command may be several words. */
static int interpreter_spawn(const char *command, const char *file, int report, pid_t *pid) {
    struct text line = {NULL, 0, 0};
    text_add(&line, "exec %s \"$1\"", command);
    int err = shell_spawn(text_of(&line), file, environ, report, pid);
    text_free(&line);
    return err;
}

/* Reads to the end; what is longer than `size` is cut. */
static void report_read(int fd, char *report, size_t size) {
    size_t len = 0;
    char rest[256];
    for (;;) {
        bool full = len == size - 1;
        ssize_t n = full ? read(fd, rest, sizeof rest) : read(fd, report + len, size - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += full ? 0 : (size_t)n;
    }
    report[len] = '\0';
}

/* Runs the file. 0 with the report and the exit status, or a negative errno. */
static int program_run(const char *command, char *file, char *report, size_t size, int *status) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = -1;
    int err = interpreter_spawn(command, file, ends[1], &pid);
    close(ends[1]);
    if (!err) {
        report_read(ends[0], report, size);
        while (!err && waitpid(pid, status, 0) < 0)
            err = errno == EINTR ? 0 : -errno;
    }
    close(ends[0]);
    return err;
}

/* What the end of the interpreter means. */
static int outcome(const struct code *code, const char *command, const char *report, int status,
                   struct script_error *error) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    char *text;
    unsigned long line = strtoul(report, &text, 10);
    struct place first = code->blocks->event->place;
    if (line && *text == ' ')
        script_error_set(error, (struct place){(uint32_t)line, line == first.line ? first.column : 1}, "%s", text + 1);
    else if (WIFSIGNALED(status))
        script_error_set(error, first, "the code blocks were not run to their end: `%s` was killed by signal %d (%s)",
                         command, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        script_error_set(error, first, "the code blocks were not run to their end: `%s` ended with status %d%s",
                         command, WEXITSTATUS(status), WEXITSTATUS(status) == 127 ? " (is it installed?)" : "");
    return -EINVAL;
}

int code_run(struct code *code, const struct script *script, const struct settings *settings,
             struct script_error *error) {
    if (!code->blocks)
        return 0;
    struct text program = {NULL, 0, 0};
    code_program(code, script, &program);
    char file[256], report[sizeof error->text] = "";
    int status = 0;
    int err = program_write(&program, file, sizeof file);
    text_free(&program);
    if (!err) {
        err = program_run(settings->code_command, file, report, sizeof report, &status);
        unlink(file);
    }
    if (err) {
        script_error_set(error, code->blocks->event->place, "the code blocks cannot be run: %s", strerror(-err));
        return -EINVAL;
    }
    return outcome(code, settings->code_command, report, status, error);
}
