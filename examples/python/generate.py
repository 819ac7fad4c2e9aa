#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library without GStreamer, through its introspection data: a prompt
becomes one PPM picture a frame. Ctrl-C stops the computation.

    generate.py PROMPT [FOLDER [MODEL]]

Needs python3-gi and, unless it is installed, GI_TYPELIB_PATH and
LD_LIBRARY_PATH for opensora, which `meson devenv` sets.
"""
import argparse
import os
import signal
import sys

import gi

gi.require_version("Opensora", "0.1")
from gi.repository import Gio, GLib, Opensora  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description="Makes pictures of a prompt.")
    parser.add_argument("prompt")
    parser.add_argument("folder", nargs="?", default=".")
    parser.add_argument("model", nargs="?", help="default: the bundled one")
    args = parser.parse_args()

    def write_frame(rgb, width, height, index, _data):
        path = os.path.join(args.folder, f"frame-{index:04}.ppm")
        with open(path, "wb") as file:
            file.write(b"P6\n%d %d\n255\n" % (width, height) + rgb.get_data())
        return True  # go on

    def show_progress(stage, done, total, _data=None):
        print(f"{Opensora.stage_get_name(stage)} {done}/{total}")

    cancellable = Gio.Cancellable()
    signal.signal(signal.SIGINT, lambda *_: cancellable.cancel())

    # No backend, no threads: the best, all cores.
    pipeline = Opensora.Pipeline.new(args.model, None, 0)
    params = Opensora.Params(prompt=args.prompt, seed=42)
    try:
        pipeline.load(cancellable, show_progress)
        pipeline.generate(params, write_frame, progress=show_progress,
                          cancellable=cancellable)
    except GLib.Error as error:
        print(f"generate: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
