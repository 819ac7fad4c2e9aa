#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/pipelines: scripts that stream, to a folder and to servers on this
machine."""
import os
import re
import signal
import socket

from exampletest import PROMPT, ExampleTest, free_port, is_listening, is_red_on_blue, main, wait_for

TWO_CLIPS = 60000  # bytes of a transport stream, about


class Streaming(ExampleTest):
    def size(self, name):
        path = self.path(name)
        return os.path.getsize(path) if os.path.exists(path) else 0

    def assert_two_clips(self, frames, lost=0):
        """Black ones, as long as nothing is there, do not count; those that
        are repeated do."""
        self.assertGreaterEqual(sum(map(is_red_on_blue, frames)), 34 - lost)
        self.assertLess(len(frames), 8 * 40)

    def test_hls(self):
        self.require("x264enc", "hlssink2", "avdec_h264", "tsdemux")
        self.run_example("pipelines/hls.sh", PROMPT, "hls", "2")
        with open(self.path("hls", "index.m3u8"), encoding="ascii") as file:
            playlist = file.read()
        segments = re.findall(r"^segment-\d+\.ts$", playlist, re.M)
        lengths = map(float, re.findall(r"^#EXTINF:([\d.]+)", playlist, re.M))
        # hlssink2 1.22 leaves out the last frame.
        self.assertIn("#EXT-X-ENDLIST", playlist)
        frames = [frame for name in segments
                  for frame in self.decode(os.path.join("hls", name))]
        self.assertAlmostEqual(sum(lengths), len(frames) / 8, delta=0.13)
        self.assert_two_clips(frames)

    def test_rtmp(self):
        self.require("x264enc", "flvmux", "rtmp2sink", "$ffmpeg", "avdec_h264")
        port = free_port()
        address = f"rtmp://127.0.0.1:{port}/live/demo"
        server = self.start("ffmpeg", "-loglevel", "error", "-listen", "1", "-i",
                            address, "-c", "copy", "clip.mkv")
        self.assertTrue(wait_for(lambda: is_listening(port)))
        self.run_example("pipelines/rtmp.sh", PROMPT, address, "2")
        server.communicate(timeout=30)
        self.assert_two_clips(self.decode("clip.mkv"))

    def test_srt(self):
        self.require("x264enc", "mpegtsmux", "srtsink", "avdec_h264", "tsdemux")
        address = f"srt://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
        sender = self.start("pipelines/srt.sh", PROMPT,
                            address + "?mode=listener")
        # It fails at the end: the sender is gone.
        viewer = self.start("gst-launch-1.0", "-q", "srtsrc", f"uri={address}",
                            "auto-reconnect=false", "!", "filesink",
                            "buffer-mode=unbuffered", "location=clip.ts")
        # Live as it is, it does not wait for a viewer who comes late.
        self.assertTrue(wait_for(lambda: self.size("clip.ts") > TWO_CLIPS))
        sender.send_signal(signal.SIGINT)
        self.finish(sender)
        viewer.communicate(timeout=30)
        self.assert_two_clips(self.decode("clip.ts"), lost=10)


if __name__ == "__main__":
    main()
