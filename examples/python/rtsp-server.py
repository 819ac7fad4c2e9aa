#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An RTSP server: a stream without end that begins with the first viewer and
is the same for all.

    rtsp-server.py [--port PORT] [PROMPT]

    gst-launch-1.0 playbin uri=rtsp://127.0.0.1:8554/clip

Needs python3-gi and gir1.2-gst-rtsp-server-1.0.
"""
import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


class Factory(GstRtspServer.RTSPMediaFactory):
    """Makes the pipeline of a stream."""

    def __init__(self, prompt):
        super().__init__(shared=True)
        self.prompt = prompt

    def do_create_element(self, _url):
        element = Gst.parse_launch(
            "opensorasrc name=source num-clips=-1 is-live=true "
            "! x264enc tune=zerolatency "
            "! rtph264pay name=pay0 config-interval=-1")
        element.get_by_name("source").set_property("prompt", self.prompt)
        return element


def main():
    parser = argparse.ArgumentParser(description="Serves a stream by RTSP.")
    parser.add_argument("prompt", nargs="?",
                        default="a red circle moving right on a blue background")
    parser.add_argument("--port", default="8554")
    args = parser.parse_args()

    Gst.init(None)
    server = GstRtspServer.RTSPServer(service=args.port)
    server.get_mount_points().add_factory("/clip", Factory(args.prompt))
    if server.attach(None) == 0:
        print(f"port {args.port} is taken", file=sys.stderr)
        return 1
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}/clip", flush=True)
    try:
        GLib.MainLoop().run()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
