# SPDX-License-Identifier: BSD-3-Clause
"""The files of the project, by kind; and how every check of this folder speaks.

As a program it prints the files of one kind: `tree.py c`, `tree.py shell`.
UMPTCP_TREE points the checks at another tree (test/lint/selftest does that).
"""

import os
import re
import sys
from pathlib import Path

ROOT = Path(os.environ.get("UMPTCP_TREE", Path(__file__).resolve().parents[2]))
TOP = ("include", "src", "test", "examples", "bench", "demo", "scripts", "docs", ".ci")

# The layers in their order: each may include only itself and those before it.
LAYERS = ("base", "wire", "cc", "tcp", "sched", "pm", "mptcp", "stack", "io", "ctl", "daemon", "shim", "script", "sim", "tools")
ENGINE = LAYERS[: LAYERS.index("io")]


def interpreter(path):
    """Name of the program on a script's first line, or ''."""
    with open(path, "rb") as f:
        first = f.readline(80)
    words = [w.rsplit("/", 1)[-1] for w in first.decode(errors="replace").removeprefix("#!").split()]
    words = [w for w in words if w != "env" and not w.startswith("-")]
    return words[0] if first.startswith(b"#!") and words else ""


def kind(path):
    if path.suffix in (".c", ".h"):
        return "c"
    if path.suffix == ".py":
        return "python"
    if path.suffix == ".pkt":
        return "script"
    if path.suffix == ".md":
        return "markdown"
    if re.fullmatch(r"\.[1-8]", path.suffix):
        return "man"
    if path.name == "Makefile" or path.suffix in (".mk", ".in") or path.name in (".clang-format", ".clang-tidy"):
        return "config"
    return {"sh": "shell", "bash": "shell", "python3": "python"}.get(interpreter(path), "other")


def files(*kinds):
    """Paths relative to ROOT, sorted, of the given kinds (all kinds without one)."""
    found = [p for p in ROOT.iterdir() if p.is_file() and not p.is_symlink()]
    for top in TOP:
        found += [p for p in (ROOT / top).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return sorted(p.relative_to(ROOT) for p in found if not kinds or kind(p) in kinds)


def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def without_comments(source):
    """C text with comments and literals blanked; the line structure stays."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), source, flags=re.S)


def functions(source):
    """(name, first line, number of lines) of each function with a body.

    The code is formatted, so a function is what starts in the first column, ends its head with `{`, and closes with `}` in the
    first column.
    """
    head = start = None
    for number, line in enumerate(without_comments(source).splitlines(), 1):
        if head is None and re.match(r"[A-Za-z_]", line) and "(" in line:
            head, start = "", number
        if head is None:
            continue
        if line.startswith("}"):
            name = re.search(r"(\w+)\s*\(", head)
            yield (name.group(1) if name else head.strip(), start, number - start + 1)
            head = None
        elif "{" not in head:
            head += " " + line
            if line.rstrip().endswith((";", "}")):
                head = None


def public_functions():
    """What include/umptcp.h declares."""
    return set(re.findall(r"^UMPTCP_API[^;]*?\b(umptcp_\w+)\(", without_comments(text("include/umptcp.h")), re.M))


def finish(findings):
    """Prints the findings; the check failed when there is one."""
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    print(" ".join(str(p) for p in files(*sys.argv[1:])))
