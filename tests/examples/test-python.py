#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples in Python."""
import os
import socket
import subprocess
import time

from exampletest import (PROMPT, ExampleTest, blue, find_python, free_port,
                         green, main, red, share, wait_for)

GST = ("import gi", "gi.require_version('Gst', '1.0')",
       "from gi.repository import Gst")


class Python(ExampleTest):
    def example(self, name, *args, needs=GST, **kwargs):
        return self.start(find_python(*needs), "-u",
                          os.path.join(os.path.dirname(__file__), "..", "..",
                                       "examples", "python", name),
                          *args, **kwargs)

    def test_generate(self):
        self.finish(self.example(
            "generate.py", PROMPT,
            needs=("import gi", "gi.require_version('Opensora', '0.1')",
                   "from gi.repository import Opensora")))
        with open(self.path("frame-0016.ppm"), "rb") as file:
            data = file.read()
        self.assertTrue(data.startswith(b"P6\n32 32\n255\n"))
        self.assert_red_on_blue(data[13:])

    def test_live_prompts(self):
        self.require("x264enc", "matroskamux", "avdec_h264")
        process = self.example(
            "live-prompts.py", "--sink", "clocksync ! x264enc tune=zerolatency "
            "! matroskamux ! filesink location=stream.mkv", PROMPT,
            stdin=subprocess.PIPE)
        for prompt in ("a green square on a black background", PROMPT):
            time.sleep(4)
            process.stdin.write(prompt + "\n")
            process.stdin.flush()
        time.sleep(3)
        output = self.finish(process)  # closes its input
        self.assertIn("a green square on a black background, seed", output)
        colors = []
        for frame in self.decode("stream.mkv"):
            name = max((red, green), key=lambda color: share(frame, color)).__name__
            is_black = share(frame, red) + share(frame, green) < 0.02
            if not is_black and colors[-1:] != [name]:
                colors.append(name)
        self.assertEqual(colors, ["red", "green", "red"])

    def test_split_by_prompt(self):
        self.require("x264enc", "splitmuxsink", "avdec_h264")
        with open(self.path("prompts.txt"), "w", encoding="utf-8") as file:
            file.write(f"{PROMPT}\na green ring over the grass\n")
        self.finish(self.example("split-by-prompt.py", "prompts.txt"))
        names = sorted(n for n in os.listdir(self.folder) if n.endswith(".mp4"))
        self.assertEqual(names, [
            "00-a-red-circle-moving-right-on-a-blue-background.mp4",
            "01-a-green-ring-over-the-grass.mp4"])
        clips = [self.decode(name) for name in names]
        self.assertEqual([len(clip) for clip in clips], [17, 17])
        self.assert_red_on_blue(clips[0][8])
        self.assertLess(share(clips[1][0], blue), 0.4)

    def test_rtsp_server(self):
        self.require("x264enc", "rtph264pay", "rtspsrc", "avdec_h264")
        port = free_port()
        server = self.example(
            "rtsp-server.py", "--port", str(port), PROMPT,
            needs=("import gi", "gi.require_version('GstRtspServer', '1.0')",
                   "from gi.repository import GstRtspServer"))
        address = server.stdout.readline().strip()
        self.assertEqual(address, f"rtsp://127.0.0.1:{port}/clip")
        for protocol in ("tcp", "udp"):
            # The clip may be over, and the connection with it, before the
            # client says goodbye: the frames are what counts.
            self.start(
                "gst-launch-1.0", "-q", "rtspsrc", f"location={address}",
                f"protocols={protocol}", "!", "rtph264depay", "!", "avdec_h264",
                "!", "videoconvert", "!", "pngenc", "!", "identity",
                "eos-after=30", "!", "multifilesink",
                f"location={protocol}-%d.png").communicate(timeout=60)
            self.assert_red_on_blue(self.decode(f"{protocol}-28.png")[0])

    def test_webrtc_server(self):
        self.require("webrtcbin", "nicesrc", "vp8enc", "vp8dec")
        server = self.example(
            "webrtc-server.py", "--port", str(free_port()), PROMPT,
            needs=("import gi", "gi.require_version('GstWebRTC', '1.0')",
                   "gi.require_version('Soup', '3.0')",
                   "from gi.repository import GstWebRTC, Soup"))
        address = server.stdout.readline().strip()
        self.finish(self.start(
            find_python(*GST), os.path.join(os.path.dirname(__file__),
                                            "webrtc-viewer.py"),
            address, "30", "seen-%d.png"))
        self.assert_red_on_blue(self.decode("seen-28.png")[0])
        self.assertTrue(wait_for(lambda: "left" in server.stdout.readline()))


if __name__ == "__main__":
    main()
