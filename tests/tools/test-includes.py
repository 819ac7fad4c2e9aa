#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the layers: reads every #include line of src/ and gst/.

A room may include itself and the rooms below it; libraries that do a room's
work are known to that room only; the element and the tool see the public
headers and nothing else.

    test-includes.py SOURCE_ROOT
"""
import re
import sys
from pathlib import Path

NETWORK = ["base", "tensor", "compute", "weights"]
ROOMS = {
    "base": [],
    "tensor": ["base"],
    "compute": ["base", "tensor"],
    "weights": ["base", "tensor", "compute"],
    "hub": ["base"],
    "text": NETWORK,
    "models": NETWORK,
    "vae": NETWORK,
    "sampling": ["base", "tensor", "compute"],
    "settings": ["base", "text"],
    "media": ["base"],
    "pipeline": NETWORK + ["hub", "text", "models", "vae", "sampling",
                           "settings", "media"],
}
PUBLIC_ONLY = [re.compile(r"^gst/"),
               re.compile(r"^src/cli/[^/]+(?<!/part)\.[ch]$")]

# Header -> where it may appear. GLib, the C library and compiler intrinsics
# are everybody's.
LIBRARIES = [
    (r"cblas.*\.h$|.*blas\.h$|dnnl.*\.h$|oneapi/.*", ["src/compute/"]),
    (r"sentencepiece.*", ["src/text/"]),
    (r"json-glib/.*", ["src/base/", "src/weights/", "src/hub/",
                      "src/settings/", "src/pipeline/", "src/cli/"]),
    (r"gst/.*", ["gst/", "src/cli/", "src/media/"]),
    (r"libsoup/.*|openssl/.*", ["src/hub/"]),
    (r".*intrin\.h$", ["src/compute/"]),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check_library(path, header):
    """What is wrong with a <header>, or None."""
    for pattern, places in LIBRARIES:
        if re.match(pattern, header) and not path.startswith(tuple(places)):
            return f"<{header}> belongs to {' '.join(places) or 'no room'}"
    if header.startswith("opensora/") and header != "opensora/opensora.h":
        return f"<{header}>: the umbrella header is the one to include"
    return None


def check_own(root, path, header):
    """What is wrong with a "header", or None."""
    if any(p.match(path) for p in PUBLIC_ONLY):
        beside = (root / path).parent / header
        if "/" in header or not beside.exists():
            return f'"{header}": only <opensora/opensora.h> is visible here'
        return None
    room = path.split("/")[1]
    target, slash, _ = header.partition("/")
    if room == "cli":
        return None
    if not slash or not (root / "src" / header).exists():
        return f'"{header}" is not a path from src/'
    if target != room and target not in ROOMS[room]:
        return f"{room} may not include {target} (\"{header}\")"
    return None


def main():
    root = Path(sys.argv[1])
    files = [f for folder in ("src", "gst") for f in (root / folder).rglob("*")
             if f.suffix in (".c", ".h", ".cc")]
    problems, lines = [], 0
    for file in sorted(files):
        path = file.relative_to(root).as_posix()
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            lines += 1
            kind, header = match.groups()
            problem = (check_library(path, header) if kind == "<"
                       else check_own(root, path, header))
            if problem:
                problems.append(f"{path}:{number}: {problem}")
    print("\n".join(problems) or f"{lines} lines of {len(files)} files hold")
    return 1 if problems or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
