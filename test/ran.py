# SPDX-License-Identifier: BSD-3-Clause
"""Which tests ran, and how they ended: test/run writes it down, and the requirement matrices are held against it.

A record is the file $B/ran/<stage>.json: of which sources it is, and for each test its file, its name and `ok`, `FAIL` or
`skip`. A whole program has the empty name.
"""

import hashlib
import json
import os
from pathlib import Path

ROOT = Path(os.environ.get("UMPTCP_TREE", Path(__file__).resolve().parents[1]))
STAGES = ("unit", "sim", "script", "tools", "interop")
SOURCES = ("Makefile", "include", "src", "examples", "bench", "scripts", "test")


def folder():
    return ROOT / os.environ.get("B", "build") / "ran"


def sources():
    """A digest of all that decides how the tests end."""
    digest = hashlib.sha256()
    for top in SOURCES:
        top = ROOT / top
        paths = sorted(p for p in top.rglob("*") if p.is_file() and "__pycache__" not in p.parts) if top.is_dir() else [top]
        for path in (p for p in paths if p.is_file() and p.parent.name not in ("mutants", "lint")):
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def write(stage, digest, tests):
    """`tests`: (file, name, word) of each."""
    folder().mkdir(parents=True, exist_ok=True)
    record = {"sources": digest, "tests": sorted(set(tests))}
    (folder() / f"{stage}.json").write_text(json.dumps(record, indent=0), encoding="utf-8")


def passed(stage, digest):
    """There is a record of these sources, and nothing failed."""
    try:
        record = json.loads((folder() / f"{stage}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return record["sources"] == digest and not any(word == "FAIL" for _, _, word in record["tests"])


class Records:
    """Those of all stages."""

    def __init__(self):
        self.problems, self._words = [], {}
        digest = sources()
        for stage in STAGES:
            path = folder() / f"{stage}.json"
            record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
            if not record or record["sources"] != digest:
                self.problems.append(f"the {stage} tests did not run" + (" since the sources changed" if record else ""))
                continue
            for file, name, word in record["tests"]:
                self._words.setdefault(file, {}).setdefault(name, set()).add(word)

    def verdict(self, file, name):
        """ok, skipped, failed or did not run. A name stands for all its variants, which have more words behind it."""
        path = Path(file)
        if path.parts[:2] == ("test", "interop") and path.suffix == ".py":
            file = "test/interop/run"  # which finds its cases in there
        of_file = self._words.get(file, {})
        words = set()
        for known, its in of_file.items():
            if known == name or (name and known.startswith(name + "-")):
                words |= its
        if not words and of_file.get("") == {"skip"}:
            words = {"skip"}
        return "failed" if "FAIL" in words else "ok" if "ok" in words else "skipped" if words else "did not run"
