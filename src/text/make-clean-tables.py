#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of prompt cleaning, beside this script:

  clean-entities-table.c    the named character references of the HTML standard
                            (https://html.spec.whatwg.org/#named-character-references),
                            as Python's html.entities has them
  clean-mojibake-tables.h   code pages, and the characters that tell text in the
                            wrong encoding: from ftfy 6.3.1 (Robyn Speer,
                            Apache-2.0)

    pip install ftfy==6.3.1
    src/text/make-clean-tables.py
"""
import html.entities
import re
from pathlib import Path

import ftfy
import ftfy.badness
import ftfy.chardata

HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* Made by make-clean-tables.py, not by hand. {} */
/* clang-format off */
"""
WIDTH = 78


def pack(items):
    """The items in lines of a C file."""
    lines = [" "]
    for item in items:
        if len(lines[-1]) + 1 + len(item) > WIDTH:
            lines.append(" ")
        lines[-1] += " " + item
    return "\n".join(lines)


def c_string(text):
    """As a C literal with a NUL behind: bytes that are not printable ASCII in
    octal, with three digits, so that any character can follow."""
    return '"' + "".join(
        chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}"
        for b in text.encode()) + '\\0"'


def entities_table():
    entities = sorted(html.entities.html5.items(),
                      key=lambda item: item[0].encode())
    offsets, at = [], 0
    for name, text in entities:
        offsets.append(at)
        at += len(name.encode()) + len(text.encode()) + 2
    assert at < 1 << 16
    assert len(entities) == 2231
    return "\n".join([
        HEAD.format("The named character references\n * of the HTML standard:"
                    " names and texts by turns, sorted by name, and where\n *"
                    " each pair begins."),
        '#include "text/clean-entities.h"\n',
        "const char os_entity_texts[] =",
        pack(c_string(name) + c_string(text) for name, text in entities) + ";",
        "",
        "const guint16 os_entity_offsets[OS_N_ENTITIES] = {",
        pack(f"{offset}," for offset in offsets),
        "};", ""])


def ranges(characters):
    """The characters as the inside of a class of PCRE."""
    codes, out = sorted(set(map(ord, characters))), []
    while codes:
        first = last = codes.pop(0)
        while codes and codes[0] == last + 1:
            last = codes.pop(0)
        out.append(f"\\\\x{{{first:x}}}" + (
            f"-\\\\x{{{last:x}}}" if last > first else ""))
    return "".join(out)


def class_macro(name, inside):
    """`inside` of a regular expression's class, as a macro."""
    pattern = re.compile(f"[{inside}]")
    found = [chr(c) for c in range(0x110000)
             if not 0xD800 <= c <= 0xDFFF and pattern.match(chr(c))]
    lines = [f'  "{part}"' for part in
             re.findall(r".{1,60}(?=\\\\x|$)", ranges(found))]
    return f"#define {name} \\\n" + " \\\n".join(lines) + "\n"


def mojibake_tables():
    out = [HEAD.format("From ftfy 6.3.1 (Robyn\n * Speer, Apache-2.0)."),
           "#pragma once\n\n#include <glib.h>\n",
           "/* Classes of characters, as the inside of a class of PCRE. */"]
    out += [class_macro(name.upper(), inside) for name, inside in (
        ftfy.badness.MOJIBAKE_CATEGORIES | ftfy.chardata.UTF8_CLUES).items()]
    out.append("/* What the bytes from 0x80 on stand for in the code pages that"
               " text is\n * taken for by mistake, the likely ones first. */")
    out.append("static const gunichar2 code_pages[][128] = {")
    for encoding in ftfy.chardata.CHARMAP_ENCODINGS:
        values = [ord(bytes([b]).decode(encoding)) for b in range(128, 256)]
        out.append(f"  {{ /* {encoding} */\n"
                   + pack(f"{value:#x}," for value in values) + "\n  },")
    out += ["};", ""]
    return "\n".join(out)


def main():
    folder = Path(__file__).parent
    (folder / "clean-entities-table.c").write_text(entities_table())
    (folder / "clean-mojibake-tables.h").write_text(mojibake_tables())


if __name__ == "__main__":
    main()
