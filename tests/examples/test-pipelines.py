#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/pipelines: scripts that make a file."""
import os
import signal
import time

from exampletest import PROMPT, ExampleTest, blue, main, red, share

H264 = ("x264enc", "mp4mux", "avdec_h264")


class Pipelines(ExampleTest):
    def test_mp4(self):
        self.require(*H264)
        self.run_example("pipelines/mp4.sh")
        frames = self.decode("out.mp4")
        self.assertEqual(len(frames), 17)
        self.assert_red_on_blue(frames[8])

    def test_webm(self):
        self.require("vp9enc", "webmmux")
        self.run_example("pipelines/webm.sh", PROMPT, "clip.webm")
        frames = self.decode("clip.webm")
        self.assertEqual(len(frames), 17)
        self.assert_red_on_blue(frames[8])

    def test_animation(self):
        self.require("$ffmpeg", "avdec_gif", "y4menc")
        for ending in ("gif", "apng", "webp"):
            with self.subTest(ending):
                name = "clip." + ending
                self.run_example("pipelines/animation.sh", PROMPT, name)
                # An animation, whole, as ffmpeg reads it.
                output = self.run_example(
                    "ffmpeg", "-loglevel", "error", "-i", name, "-f", "rawvideo",
                    "-pix_fmt", "rgb24", "raw-" + ending) if ending != "webp" else ""
                self.assertEqual(output, "")
                if ending != "webp":  # which ffmpeg 5 cannot decode
                    with open(self.path("raw-" + ending), "rb") as file:
                        data = file.read()
                    self.assertEqual(len(data), 17 * 3 * 32 * 32)
                    self.assert_red_on_blue(data[8 * 3072:9 * 3072])
                else:
                    with open(self.path(name), "rb") as file:
                        self.assertEqual(file.read().count(b"ANMF"), 17)

    def test_tee(self):
        self.require(*H264)
        self.run_example("pipelines/tee.sh", PROMPT, "clip.mp4", env={
            "VIDEOSINK": "pngenc ! multifilesink location=shown-%d.png"})
        self.assertEqual(len(self.decode("clip.mp4")), 17)
        shown = [n for n in os.listdir(self.folder) if n.startswith("shown-")]
        self.assertEqual(len(shown), 17)
        self.assert_red_on_blue(self.decode("shown-8.png")[0])

    def test_effects(self):
        self.require(*H264, "edgetv", "agingtv")
        for effect in ("edgetv", "agingtv"):
            self.run_example("pipelines/effects.sh", effect, PROMPT, effect + ".mp4")
        edges, film = self.decode("edgetv.mp4"), self.decode("agingtv.mp4")
        self.assertEqual((len(edges), len(film)), (17, 17))
        # Edges lie on black.
        self.assertGreater(share(edges[8], lambda *rgb: max(rgb) < 60), 0.3)
        self.assertGreater(share(film[8], red), 0.03)

    def test_gl_effects(self):
        self.require(*H264, "gleffects_mirror")
        # Without a GPU Mesa may lack what it takes to draw without a window.
        works = self.start(
            "gst-launch-1.0", "-q", "gltestsrc", "num-buffers=1", "!", "fakesink",
            env={"GST_GL_PLATFORM": "egl", "GST_GL_WINDOW": "egl-device"})
        works.communicate(timeout=60)
        if works.returncode != 0:
            self.skipTest("no OpenGL without a window on this machine")
        self.run_example("pipelines/gl-effects.sh", "mirror", PROMPT, "clip.mp4")
        frames = self.decode("clip.mp4")
        self.assertEqual(len(frames), 17)
        rows = [frames[8][at:at + 96] for at in range(0, 3072, 96)]
        for row in rows:  # left is right
            for x in range(12):
                left, right = row[3 * x:3 * x + 3], row[93 - 3 * x:96 - 3 * x]
                self.assertLess(max(abs(a - b) for a, b in zip(left, right)), 60)

    def test_camera(self):
        self.require(*H264, "compositor", "videotestsrc")
        if os.path.exists("/dev/video0"):
            self.skipTest("a camera is there, whose picture nobody knows")
        process = self.start("pipelines/camera.sh", PROMPT)
        time.sleep(6)
        process.send_signal(signal.SIGINT)
        self.finish(process)
        frames = self.decode("out.mp4")
        self.assertAlmostEqual(len(frames), 6 * 24, delta=36)
        # Its corner is scaled to some ten pixels.
        for color in (red, blue):
            self.assertGreater(share(frames[-1], color), 0.001)


if __name__ == "__main__":
    main()
