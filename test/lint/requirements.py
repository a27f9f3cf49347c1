# SPDX-License-Identifier: BSD-3-Clause
"""The requirements, and what the tests say of them: read here once, for the matrices and for the mutants.

docs/requirements/*.tsv has a line for each requirement, with a tab between its columns: id, section, level, role, requirement,
where, note.

    where   files, and functions in them: `src/a.c:f,g src/b.c`; empty when it is not done
    note    why it is not done, or what is missing. One that begins with UNTESTED says why no test names it, and is left out
            when there is one by now; DEVIATION says that something else is done on purpose, which a test may prove as well

A line `# Title` begins a section of the document.

Tests name requirements in comments: `M-ABC-01`, and for more of the same kind `M-ABC-01 -02, -04 to -06`. The test is the
function that the comment stands in or above, or all of a C file when it stands above the first #include; a packet script is one
test. A star in place of the number proves nothing, and neither does a function that is no test by itself.
"""

import ast
import dataclasses
import io
import re
import tokenize

import tree

LISTS = {
    "docs/requirements/rfc8684.tsv": "docs/RFC8684.md",
    "docs/requirements/tcp.tsv": "docs/TCP.md",
    "docs/requirements/linux.tsv": "docs/INTEROP.md",
}
# Lists in which every row is proven or has its reason.
STRICT = ("docs/requirements/rfc8684.tsv", "docs/requirements/linux.tsv")
LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "REC", "DESC", "IMPL")
COLUMNS = 7
REQUIREMENT_MAX = 120
UNTESTED = "no named test"
DEVIATION = "deviation: "
ROW = r"(?:[MTL]-[A-Z]+-\d+|T-X\d+)"
# A row, or a number alone, which is of the same kind as the row before it.
MENTION = re.compile(rf"\b(?P<row>{ROW})\b|(?<![\w.*-])-(?P<number>\d+)\b")
BETWEEN = re.compile(r"[\s,]*((?:and|to)\s+)?")


@dataclasses.dataclass
class Row:
    id: str
    section: str
    level: str
    role: str
    requirement: str
    where: str
    note: str
    title: str  # of its section in the document
    line: str  # path:number
    tests: dict = dataclasses.field(default_factory=dict)  # file: names; no name stands for all of the file

    @property
    def verdict(self):
        """proven; deviation: done otherwise on purpose; reason: why it is not done, or needs no test; unproven: done only."""
        if self.note.startswith(DEVIATION):
            return "deviation"
        if self.tests and self.where:
            return "proven"
        return "unproven" if self.where and (not self.note or self.note.startswith(UNTESTED)) else "reason"

    @property
    def binding(self):
        """A reason alone is not enough for it."""
        return self.level not in ("MAY", "DESC", "IMPL")


# ---- Lists -------------------------------------------------------------------------------------------------------------


def read_list(path, findings):
    rows, title = [], ""
    for number, text in enumerate(tree.text(path).splitlines(), 1):
        line = f"{path}:{number}"
        if text.startswith("#"):
            title = text.lstrip("# ")
            continue
        columns = text.split("\t")
        if len(columns) != COLUMNS:
            findings.append(f"{line}: {len(columns)} columns instead of {COLUMNS}")
            continue
        row = Row(*columns, title, line)
        if not re.fullmatch(ROW, row.id) or row.level not in LEVELS or not row.requirement:
            findings.append(f"{line}: {row.id}: not an id, a level and a requirement")
        if len(row.requirement) > REQUIREMENT_MAX:
            findings.append(f"{line}: {row.id}: a requirement of {len(row.requirement)} characters, at most {REQUIREMENT_MAX}")
        rows.append(row)
    return rows


def places(row):
    """(file, functions) of a row's `where`."""
    for word in row.where.split():
        file, _, names = word.partition(":")
        yield file, names.split(",") if names else []


def wrong(row, strict):
    """What is wrong with a row. Strictly, what binds has a test, and nothing is done without one or a reason."""
    if not row.note and not row.where:
        yield "it is not done, and no note says why"
    elif not row.note and not row.tests:
        yield "no test names it, and no note says why"
    elif strict and row.verdict == "unproven":
        yield "no test names it, and no reason says why none is needed"
    elif strict and row.binding and not row.tests:
        yield f"{row.level} needs a test that names it, not only a reason"
    if row.tests and not row.where:
        yield f"{next(iter(row.tests))} proves it, but no place in the code is named"
    for file, names in places(row):
        if not (tree.ROOT / file).is_file():
            yield f"{file} does not exist"
            continue
        source = tree.without_comments(tree.text(file))
        yield from (f"there is no {name} in {file}" for name in names if not re.search(rf"\b{re.escape(name)}\b", source))


# ---- Tests -------------------------------------------------------------------------------------------------------------


def mentions(comment):
    """Ids of the rows that a comment names."""
    prefix, number, end = None, 0, 0  # of the one before
    for m in MENTION.finditer(comment):
        between = BETWEEN.fullmatch(comment, end, m.start()) if prefix else None
        before = (prefix, number)
        if m["row"]:
            prefix, digits = re.fullmatch(r"(.*?)(\d+)", m["row"]).groups()
        elif between:
            digits = m["number"]
        else:
            continue
        number, end = int(digits), m.end()
        ranged = between and between[1] and between[1].startswith("to") and before[0] == prefix
        for n in range(before[1] + 1 if ranged else number, number + 1):
            yield f"{prefix}{n:0{len(digits)}}"


def c_comments(source):
    """(line, text) of each comment; literals are skipped."""
    pattern = r'(/\*.*?\*/|//[^\n]*)|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    for m in re.finditer(pattern, source, re.S):
        if m[1]:
            yield source.count("\n", 0, m.start()) + 1, re.sub(r"\n\s*\*?", " ", m[1])


def c_tests(source):
    """(last line, name) of each function, after the part above the first #include, which has no name."""
    include = re.search(r"^#include", source, re.M)
    yield source.count("\n", 0, include.start() if include else 0), ""
    for name, first, length in tree.functions(source):
        yield first + length - 1, name


def python_comments(source):
    """(line, text) of each comment; those on lines of their own below each other are one."""
    first, last, text = 0, 0, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if line != last + 1 or not token.line.lstrip().startswith("#"):
            yield first, text
            first, text = line, ""
        text += " " + token.string.lstrip("#")
        last = line
    yield first, text


def python_tests(source):
    """(last line, name) of each function at the top; names are those of the cases of test/interop/run."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            yield node.end_lineno, node.name.replace("_", "-")


def script_comments(source):
    """(line, text) of each comment of a packet script; `//` lines below each other are one."""
    for m in re.finditer(r"/\*.*?\*/|//[^\n]*(?:\n[ \t]*//[^\n]*)*", source, re.S):
        yield source.count("\n", 0, m.start()) + 1, re.sub(r"\n[ \t]*(?://)?", " ", m[0])


def script_tests(source):
    """A packet script is one test, without a name of its own."""
    yield source.count("\n") + 1, ""


READERS = {"c": (c_comments, c_tests), "python": (python_comments, python_tests), "script": (script_comments, script_tests)}


def is_test(path, name):
    """Whether what stands in a file under a name is run as a test, and not only called by one."""
    if path.suffix != ".c":
        return True
    return path.stem.startswith("test_") and (not name or name.startswith("test_"))


def proofs(findings):
    """(row id, file, name of the test, line) for all that the tests name."""
    for path in tree.files(*READERS):
        if path.parts[0] != "test" or path.parts[1] in ("lint", "mutants"):
            continue
        read_comments, read_tests = READERS[tree.kind(tree.ROOT / path)]
        try:
            source = tree.text(path)
            comments = list(read_comments(source))
            tests = list(read_tests(source))
        except (OSError, SyntaxError, tokenize.TokenError) as error:
            findings.append(f"{path}: cannot be read: {error}")
            continue
        for line, text in comments:
            name = next((name for last, name in tests if line <= last), "")
            rows = list(mentions(text))
            if rows and not is_test(path, name):
                findings.append(f"{path}:{line}: {rows[0]} is named by what is no test itself")
                continue
            for row in rows:
                yield row, str(path), name, line


# ---- All together ------------------------------------------------------------------------------------------------------


def read(findings):
    """{path of a list: its rows}, with the tests that name them."""
    lists = {path: read_list(path, findings) for path in LISTS if (tree.ROOT / path).is_file()}
    rows = {}
    for row in (row for members in lists.values() for row in members):
        if row.id in rows:
            findings.append(f"{row.line}: {row.id}: is also at {rows[row.id].line}")
        rows[row.id] = row
    for id_, file, name, line in proofs(findings):
        if id_ not in rows:
            findings.append(f"{file}:{line}: {id_} is in no list")
        elif name not in rows[id_].tests.setdefault(file, []):
            rows[id_].tests[file].append(name)
    for path, members in lists.items():
        findings += [f"{row.line}: {row.id}: {what}" for row in members for what in wrong(row, path in STRICT)]
    return lists
