#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the sources of the library and of the element never do and always do.

    test-sources.py SOURCE_ROOT
"""
import re
import sys
from pathlib import Path

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
ENDS = re.compile(r"\b(?:_?exit|_Exit|abort|g_abort|g_error|assert"
                  r"|g_assert\w*|g_test_\w+) ?\(")
PRINTS = re.compile(r"\b(?:v?f?printf|puts|putchar|g_print(?:err)?|perror) ?\("
                    r"|\b(?:stdout|stderr)\b")
NO_OBJECT = re.compile(r"\bGST_(?:ERROR|WARNING|INFO|DEBUG|LOG|TRACE) \(")
VMETHOD = re.compile(r"(\w*class|klass)->\w+ =\s+([^;]+);")
TO_TEXT = re.compile(r"gst_caps_to_string|gst_structure_to_string")
DOC = re.compile(r"/\*\*\n \* (\w+(?::{1,2}[\w-]+)?):\n(.*?)\*/", re.S)


class Sources:
    def __init__(self, root):
        self.root = root
        self.texts = {}
        for folder in ("src", "gst"):
            for path in sorted((root / folder).rglob("*.[ch]*")):
                name = str(path.relative_to(root))
                if path.is_file() and not name.startswith("src/cli/"):
                    self.texts[name] = path.read_text()

    def find(self, pattern, folder=""):
        """Where it is in code."""
        for name, text in self.texts.items():
            if not name.startswith(folder):
                continue
            code = COMMENT.sub(
                lambda comment: "\n" * comment[0].count("\n"), text)
            for match in pattern.finditer(code):
                line = code.count("\n", 0, match.start()) + 1
                yield f"{name}:{line}: {match[0]}"


def test_never_ends(sources):
    """neither ends the program that uses it"""
    return list(sources.find(ENDS))


def test_never_prints(sources):
    """neither prints"""
    return list(sources.find(PRINTS))


def test_log(sources):
    """the element's log names the object, and caps are not made into text"""
    return [*sources.find(NO_OBJECT, "gst/"), *sources.find(TO_TEXT, "gst/")]


def test_vmethods(sources):
    """GST_DEBUG knows the names of the element's functions"""
    wrong = []
    for name, text in sources.texts.items():
        for which, value in VMETHOD.findall(text):
            if (name.startswith("gst/") and which != "object_class"
                    and not value.startswith("GST_DEBUG_FUNCPTR (")):
                wrong.append(f"{name}: {which} has {value}")
    return wrong


def documented(sources):
    """Name -> comment of gi-docgen, of the element."""
    return dict(entry for name, text in sources.texts.items()
                if name.startswith("gst/")
                for entry in DOC.findall(re.sub(r"^  ", "", text, flags=re.M)))


def test_documented(sources):
    """properties, signals and enumerations are documented, since when"""
    comments = documented(sources)
    properties = (sources.root / "tests/data/gst/properties.txt").read_text()
    element = "\n".join(text for name, text in sources.texts.items()
                        if name.startswith("gst/"))
    names = [f"GstOpensoraSrc:{line.split()[0]}"
             for line in properties.splitlines()]
    names += [f"GstOpensoraSrc::{signal}" for signal in
              re.findall(r'g_signal_new\w* \("([\w-]+)"', element)]
    values = {}
    for body, name in re.findall(r"typedef enum \{([^}]*)\} (\w+);", element):
        names.append(name)
        values[name] = re.findall(r"^\s*(\w+)", body, re.M)
    wrong = [f"{name} has no comment with Since" for name in names
             if "Since: " not in comments.get(name, "")]
    wrong += [f"{value} is not explained" for name, all_values in values.items()
              for value in all_values if f"@{value}:" not in comments[name]]
    if len(names) < 30 or len(values) < 2:
        wrong.append(f"only {len(names)} names were found")
    return wrong


def main():
    sources = Sources(Path(sys.argv[1]))
    tests = [test_never_ends, test_never_prints, test_log, test_vmethods,
             test_documented]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        wrong = test(sources)
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {test.__doc__}")
        for line in wrong:
            print(f"# {line}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
