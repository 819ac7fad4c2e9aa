#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the command lines that the documents show.

    test-readme.py SOURCE_ROOT TOOL FILE...

Every line of an indented or fenced sh block that starts with gst-launch-1.0,
gst-inspect-1.0 or opensora is run in a temporary folder, and so is every |[ ]|
of a comment in a C file. Windows become fakesinks, and every model becomes the
demo model.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

COMMANDS = ("gst-launch-1.0 ", "gst-inspect-1.0 ", "opensora ")


def lines_of_comment(text):
    """The examples in comments of gi-docgen."""
    for block in re.findall(r"^ \* \|\[\n(.*?)^ \* \]\|", text, re.M | re.S):
        yield " ".join(re.sub(r"^ \* ", "", block, flags=re.M).split())


def lines_of(document):
    """Command lines of the blocks, continuations joined."""
    for block in re.findall(r"^```sh\n(.*?)^```|((?:^    [^\n]*\n)+)", document,
                            re.M | re.S):
        block = "".join(block)
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip().startswith(COMMANDS):
                yield line.strip()


def runnable(line, root, tool):
    line = re.sub(r"(videoconvert ! )?autovideosink", "fakesink", line)
    line = re.sub(r"model=\S+",
                  f"model={root}/examples/demo-model/opensora-demo", line)
    return re.sub(r"^opensora ", f"'{tool}' ", line)


def main():
    root, tool, *files = sys.argv[1:]
    tool = Path(tool).resolve()
    commands = [(path.name, line) for path in map(Path, files)
                for line in (lines_of_comment if path.suffix == ".c"
                             else lines_of) (path.read_text())]
    print(f"1..{len(commands)}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, line) in enumerate(commands, 1):
            result = subprocess.run(
                runnable(line, root, tool), shell=True, cwd=folder,
                capture_output=True, text=True, env=os.environ, timeout=120)
            good = result.returncode == 0
            failed += not good
            print(f"{'ok' if good else 'not ok'} {number} - {name}: {line}",
                  flush=True)
            if not good:
                print("# " + (result.stdout + result.stderr).replace("\n", "\n# "))
    return 1 if failed or not commands else 0


if __name__ == "__main__":
    sys.exit(main())
