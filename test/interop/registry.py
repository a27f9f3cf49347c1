# SPDX-License-Identifier: BSD-3-Clause
"""The cases: which there are, and what all of them share."""

import importlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
B = (ROOT / os.environ.get("B", "build")).resolve()
LOGS = B / "log/interop"
MB = 1 << 20
PORT = 8000
SOME = range(1, 1 << 62)
CASES = {}


class Case:
    """A test on a bed of its own: `bed(name, family, data)` makes it. Those that mostly wait run side by side."""

    def __init__(self, test, bed, family, arguments, side_by_side):
        self.test, self.bed, self.family, self.arguments, self.side_by_side = test, bed, family, arguments, side_by_side

    def run(self, bed, size):
        return self.test(bed, *self.arguments, size=size)


def register(test, bed, variants, side_by_side=False):
    """Registers a test, once for each of its variants: a name's ending, the family and its other arguments."""
    name = test.__name__.replace("_", "-")
    for ending, family, *arguments in variants:
        if name + ending in CASES:
            raise ValueError(f"two cases {name + ending}")
        CASES[name + ending] = Case(test, bed, family, arguments, side_by_side)
    return test


def discover():
    """Imports all files of cases, so that they register theirs."""
    for path in sorted((Path(__file__).parent / "cases").glob("*.py")):
        importlib.import_module(f"cases.{path.stem}")
