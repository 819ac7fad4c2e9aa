#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples in C.

    test-programs.py GENERATE [APPLICATION]
"""
import os
import signal
import sys

from exampletest import PROMPT, ExampleTest, main

GENERATE, APPLICATION = map(os.path.abspath, sys.argv[1:3])


class Programs(ExampleTest):
    def test_generate(self):
        output = self.run_example(GENERATE, PROMPT)
        self.assertIn("sample 30/30", output)
        with open(self.path("frame-0016.ppm"), "rb") as file:
            data = file.read()
        self.assertTrue(data.startswith(b"P6\n32 32\n255\n"))
        self.assert_red_on_blue(data[13:])

    def test_application(self):
        self.require("x264enc", "mp4mux", "avdec_h264")
        output = self.run_example(APPLICATION, PROMPT)
        for line in ("open: opening the model", "sample: denoising",
                     f'clip 0 begins: "{PROMPT}", seed 42, 32x32, 17 frames, '
                     "8 a second, 30 steps",
                     "the stream takes 0:00:02.125000000", f"title: {PROMPT}",
                     "to make it again: opensora", "clip ends: text"):
            self.assertIn("\n" + line, "\n" + output)
        frames = self.decode("out.mp4")
        self.assertEqual(len(frames), 17)
        self.assert_red_on_blue(frames[8])

    def test_errors(self):
        self.require("x264enc", "mp4mux")
        process = self.start(APPLICATION, PROMPT, "/nowhere/out.mp4")
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertIn("/nowhere/out.mp4", output)

    def test_interrupt(self):
        self.require("x264enc", "mp4mux")
        process = self.start(APPLICATION, PROMPT)
        while "sample" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        self.assertIn("ending the stream", output)


if __name__ == "__main__":
    main()
