#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A file a prompt, named after it: splitmuxsink is told where each clip begins.

    split-by-prompt.py PROMPTS [FOLDER]

PROMPTS is a file with a prompt a line. Needs python3-gi.
"""
import argparse
import os
import re
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


class Splitter:
    def __init__(self, prompts, folder):
        self.folder = folder
        self.n_clips = 0  # that are pushed
        self.n_files = 0  # that are closed
        self.failed = False
        self.names = []  # of the clips
        self.loop = GLib.MainLoop()

        # The encoder must not look ahead beyond the end of a clip.
        self.pipeline = Gst.parse_launch(
            "opensorasrc name=source ! x264enc tune=zerolatency "
            "! splitmuxsink name=files")
        self.source = self.pipeline.get_by_name("source")
        self.source.set_property("prompt-path", prompts)
        self.files = self.pipeline.get_by_name("files")
        self.files.connect("format-location", self.on_format_location)

        bus = self.pipeline.get_bus()
        # In the thread that makes the clips, which waits for it.
        bus.enable_sync_message_emission()
        bus.connect("sync-message::element", self.on_sync_element)
        bus.add_signal_watch()
        bus.connect("message::element", self.on_element)
        bus.connect("message::error", self.on_error)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        return 1 if self.failed else 0

    def on_sync_element(self, _bus, message):
        """A clip was planned, but no frame of it is on its way."""
        structure = message.get_structure()
        if not structure.has_name("opensora-clip-started"):
            return
        name = re.sub(r"\W+", "-", structure.get_value("prompt"))[:60]
        self.names.append(f"{len(self.names):02}-{name}.mp4")
        if structure.get_value("timestamp") > 0:
            self.files.emit("split-at-running-time",
                            structure.get_value("timestamp"))

    def on_format_location(self, _files, number):
        return os.path.join(self.folder, self.names[number])

    def on_element(self, _bus, message):
        """splitmuxsink 1.22 may lose the end of the stream: that of the last
        file is waited for instead."""
        structure = message.get_structure()
        if structure.has_name("splitmuxsink-fragment-closed"):
            self.n_files += 1
            print(structure.get_value("location"), flush=True)
        elif structure.has_name("opensora-clip-done"):
            self.n_clips += 1
        if self.n_files == len(self.names) == self.n_clips:
            self.loop.quit()

    def on_error(self, _bus, message):
        error, _debug = message.parse_error()
        print(f"{message.src.get_name()}: {error.message}", file=sys.stderr)
        self.failed = True
        self.loop.quit()


def main():
    parser = argparse.ArgumentParser(description="Makes a file a prompt.")
    parser.add_argument("prompts")
    parser.add_argument("folder", nargs="?", default=".")
    args = parser.parse_args()

    Gst.init(None)
    return Splitter(args.prompts, args.folder).run()


if __name__ == "__main__":
    sys.exit(main())
