#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A live stream without end whose prompt is typed: every line on standard input
is the new one, at once. Until the new clip is there the last frame stays. Ctrl-D
ends the stream.

    live-prompts.py [--sink DESCRIPTION] [PROMPT]

DESCRIPTION is what comes after the source, as for gst-launch-1.0, default
"videoconvert ! autovideosink". Needs python3-gi.
"""
import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


class LivePrompts:
    def __init__(self, prompt, sink):
        self.failed = False
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(
            f"opensorasrc name=source num-clips=-1 is-live=true ! {sink}")
        self.source = self.pipeline.get_by_name("source")
        self.source.set_property("prompt", prompt)

        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::eos", lambda *_: self.loop.quit())
        bus.connect("message::error", self.on_error)
        bus.connect("message::element", self.on_element)
        GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT,
                          GLib.IOCondition.IN | GLib.IOCondition.HUP,
                          self.on_input)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        try:
            self.loop.run()
        except KeyboardInterrupt:
            pass
        self.pipeline.set_state(Gst.State.NULL)
        return 1 if self.failed else 0

    def on_input(self, _fd, _condition):
        line = sys.stdin.buffer.raw.readline().decode()
        if not line:
            # The source stops computing and ends the stream, files are closed.
            self.pipeline.send_event(Gst.Event.new_eos())
            return GLib.SOURCE_REMOVE
        if line.strip():
            self.source.set_property("prompt", line.strip())
            # The clip in work has the old prompt: drop it.
            self.source.emit("cancel")
        return GLib.SOURCE_CONTINUE

    def on_element(self, _bus, message):
        structure = message.get_structure()
        if structure.has_name("opensora-clip-started"):
            print(f"clip {structure.get_value('clip')}: "
                  f"{structure.get_value('prompt')}, "
                  f"seed {structure.get_value('seed')}", flush=True)

    def on_error(self, _bus, message):
        error, _debug = message.parse_error()
        print(f"{message.src.get_name()}: {error.message}", file=sys.stderr)
        self.failed = True
        self.loop.quit()


def main():
    parser = argparse.ArgumentParser(description="Type prompts, see them.")
    parser.add_argument("prompt", nargs="?",
                        default="a red circle moving right on a blue background")
    parser.add_argument("--sink", default="videoconvert ! autovideosink")
    args = parser.parse_args()

    Gst.init(None)
    return LivePrompts(args.prompt, args.sink).run()


if __name__ == "__main__":
    sys.exit(main())
