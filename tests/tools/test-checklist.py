#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds that every test which the checklist of the element names is there.

    test-checklist.py SOURCE_ROOT

A name is a case of a test program (/gst/stream/clip), a file (test-leaks.sh) or
a Python function in one (test-output.py:test_quiet).
"""
import re
import sys
from pathlib import Path

ROW = re.compile(r"^\| ([A-Z])(\d+) \| [^|]+ \| ([^|]+) \|$", re.M)
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


class Tests:
    """What the sources below a folder have."""

    def __init__(self, folder):
        self.files = {path.name: path.read_text()
                        for pattern in ("*.py", "*.sh", "*.c")
                        for path in folder.rglob(pattern)}
        self.literals = [set(LITERAL.findall(path.read_text()))
                         for path in folder.rglob("*.c")]
        self.data = {path.name for path in (folder / "data").rglob("*")}

    def has_case(self, name):
        """Written as it is, or put together of a prefix and a name in the same
        file; scenarios are files."""
        for literals in self.literals:
            if name in literals:
                return True
            for literal in literals:
                prefix = literal.removesuffix("%s")
                rest = name.removeprefix(prefix)
                if (prefix.startswith("/") and prefix.endswith("/")
                        and rest != name and rest in literals | self.data):
                    return True
        return False

    def has(self, name):
        if name.startswith("/"):
            return self.has_case(name)
        file, _, function = name.partition(":")
        return (file in self.files
                and (not function
                     or f"def {function}(" in self.files[file]))


def problems_of(document, tests):
    """Every row names tests that are there, or says why it has none; none is
    missing between two others."""
    last = {}
    for letter, number, cell in ROW.findall(document):
        if int(number) != last.get(letter, 0) + 1:
            yield f"{letter}{number} follows {letter}{last.get(letter, 0)}"
        last[letter] = int(number)
        names = re.findall(r"`([^`]+)`", cell)
        if not names and not cell.startswith("does not apply: "):
            yield f"{letter}{number} names no test"
        for name in names:
            if not tests.has(name):
                yield f"{letter}{number}: there is no test {name}"


def main():
    root = Path(sys.argv[1])
    document = (root / "docs" / "element-checklist.md").read_text()
    tests = Tests(root / "tests")
    problems = list(problems_of(document, tests))
    if not ROW.search(document):
        problems.append("the checklist has no rows")
    if tests.has("/gst/stream/no-such-case") or tests.has("test-output.py:test"):
        problems.append("every name would do")
    print("\n".join(problems))
    return len(problems) > 0


if __name__ == "__main__":
    sys.exit(main())
