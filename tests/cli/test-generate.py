#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opensora generate: files of every ending and the frames in them, a file a
clip, what is told on the way.

    test-generate.py TOOL
"""
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

TOOL = os.path.abspath(sys.argv.pop(1))
PROMPT = "a red circle moving right on a blue background"
DEMUXERS = {".mp4": "qtdemux", ".mkv": "matroskademux", ".webm": "matroskademux"}
PLUGINS = subprocess.run(
    ["pkg-config", "--variable=pluginsdir", "gstreamer-1.0"],
    capture_output=True, text=True, check=True).stdout.strip()


def has_element(name):
    return subprocess.run(["gst-inspect-1.0", name], capture_output=True,
                          check=False).returncode == 0


def gif_delays(data):
    """Of each picture of a GIF, in hundredths of a second."""
    assert data[:6] == b"GIF89a" and data[10] & 0x80 == 0
    at, delays = 13, []
    while data[at:at + 1] != b";":
        if data[at] == 0x21:
            if data[at + 1] == 0xf9:
                delays.append(int.from_bytes(data[at + 4:at + 6], "little"))
            at += 2
        else:
            assert data[at:at + 1] == b","
            at += 10 + (6 << (data[at + 9] & 7)) + 1
        while data[at] != 0:
            at += 1 + data[at]
        at += 1
    assert at + 1 == len(data)
    return delays


class Generate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def generate(self, *args, prompt=PROMPT, **environment):
        return subprocess.run(
            [TOOL, "generate"] + ([prompt] if prompt else []) + list(args),
            capture_output=True, text=True, cwd=self.folder, check=False,
            env={**os.environ, **environment})

    def makes(self, *args, **kwargs):
        result = self.generate("--steps=2", *args, **kwargs)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stderr

    def fails(self, words, *args, **kwargs):
        result = self.generate(*args, **kwargs)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(words, result.stderr)

    def files(self):
        return sorted(os.listdir(self.folder))

    def count(self, name):
        """The frames in a file, without decoding them."""
        ending = os.path.splitext(name)[1]
        if ending == ".gif":
            return len(gif_delays(self.read(name)))
        if ending == ".y4m":
            return self.read(name).count(b"FRAME\n")
        with tempfile.TemporaryDirectory() as frames:
            subprocess.run(
                ["gst-launch-1.0", "-q", "filesrc", f"location={self.path(name)}",
                 "!", DEMUXERS[ending], "!", "multifilesink",
                 f"location={frames}/%d"], check=True)
            return len(os.listdir(frames))

    def test_videos(self):
        for ending in (".mp4", ".mkv", ".webm", ".gif", ".y4m"):
            with self.subTest(ending):
                self.makes("-o", "a" + ending)
                self.assertEqual(self.count("a" + ending), 17)
        self.assertEqual(len(self.files()), 5)
        for name in ("a.mp4", "a.mkv", "a.webm"):
            self.assertIn(PROMPT.encode(), self.read(name))

    def test_time_of_a_gif(self):
        self.makes("-o", "a.gif", "--fps=24", "--num-frames=34")
        delays = gif_delays(self.read("a.gif"))
        self.assertEqual(len(delays), 34)
        self.assertEqual(set(delays), {4, 5})
        self.assertEqual(sum(delays), round(100 * 34 / 24))

    def test_pictures(self):
        heads = {".png": b"\x89PNG", ".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff"}
        for ending, head in heads.items():
            with self.subTest(ending):
                self.makes("-o", "a" + ending)
                self.assertEqual(self.read("a" + ending)[:len(head)], head)
        self.makes("-o", "b-%03d.jpg")
        self.assertEqual(len(self.files()), 3 + 17)
        self.assertIn("b-016.jpg", self.files())

    def test_a_file_a_clip(self):
        prompts = [PROMPT, "a green ring bouncing over the grass"]
        with open(self.path("prompts.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(prompts))
        for ending in (".mp4", ".mkv", ".webm", ".gif", ".y4m"):
            with self.subTest(ending):
                self.assertIn("4 clips", self.makes(
                    "-o", "clip-%02d" + ending, "--prompt-path=prompts.txt",
                    "--num-clips=2", prompt=None))
                names = [f"clip-{n:02}{ending}" for n in range(4)]
                self.assertEqual(
                    [n for n in self.files() if n.endswith(ending)], names)
                self.assertEqual([self.count(n) for n in names], [17] * 4)
                for name, prompt in zip(names, prompts[:1] * 2 + prompts[1:] * 2):
                    if ending in (".mp4", ".mkv", ".webm"):
                        others = [p for p in prompts if p != prompt]
                        self.assertIn(prompt.encode(), self.read(name))
                        self.assertNotIn(others[0].encode(), self.read(name))

    def test_a_clip_alone_and_in_a_row(self):
        self.makes("-o", "a-%d.y4m", "--num-clips=2")
        self.makes("-o", "b.y4m", "--seed=43")
        self.assertEqual(self.read("a-1.y4m"), self.read("b.y4m"))

    def test_refusals(self):
        self.fails(".gif", "-o", "a.avi")
        self.fails("%04d", "-o", "a-%s.mp4")
        self.fails("%04d", "-o", "a-%d-%d.mp4")
        self.fails("holds one picture", "-o", "a.jpg", "--num-frames=17")
        self.fails("--preview", prompt=PROMPT)
        self.assertEqual(self.files(), [])

    def test_what_to_install(self):
        """Nothing but the core's elements is there."""
        plugins = self.path("plugins")
        os.mkdir(plugins)
        shutil.copy(os.path.join(PLUGINS, "libgstcoreelements.so"), plugins)
        for name, words in {
                "a.mp4": "x264enc and mp4mux; in Debian: apt install "
                         "gstreamer1.0-plugins-ugly gstreamer1.0-plugins-good",
                "a.webm": "vp9enc and webmmux; in Debian: apt install "
                          "gstreamer1.0-plugins-good",
                "a.png": "pngenc; in Debian: apt install "
                         "gstreamer1.0-plugins-good"}.items():
            self.fails("no " + words + "\n", "-o", name,
                       GST_PLUGIN_SYSTEM_PATH_1_0=plugins,
                       GST_REGISTRY=self.path("registry"))

    def test_lines(self):
        lines = self.makes("-o", "a.y4m", "--num-clips=2").splitlines()
        self.assertEqual(len(lines), len(set(lines)))
        self.assertIn("denoising", lines)
        self.assertIn("clip 2, sample: 0/2", lines)
        self.assertNotIn("\r", "".join(lines))
        self.assertEqual(self.makes("-o", "a.y4m", "--quiet"), "")

    def terminal(self, columns, *args):
        """What is drawn on a terminal that wide; 0: that does not tell."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen([TOOL, "generate", PROMPT, *args],
                              cwd=self.folder, stderr=slave):
            os.close(slave)
            text = b""
            try:
                while True:
                    text += os.read(master, 4096)
            except OSError:  # all has been read
                pass
        return text.decode()

    def test_bar(self):
        text = self.terminal(0, "-o", "a.y4m", "--steps=600")
        self.assertRegex(
            text, r"\r\x1b\[K\[#+\.+\] denoising, step \d+/600, .*, 0:\d\d left")
        self.assertTrue(text.endswith("a.y4m: seed 42\r\n"), text)

    def test_narrow_terminal(self):
        for columns in (20, 60):
            text = self.terminal(columns, "-o", "a.y4m", "--steps=600")
            lines = re.findall(r"\x1b\[K([^\r]*)\r\x1b", text)
            self.assertLess(max(map(len, lines)), columns)
            self.assertIn("denoising, step", text)

    def test_interrupted_between_clips(self):
        with subprocess.Popen(
                [TOOL, "generate", PROMPT, "-o", "a-%d.mp4", "--num-clips=-1"],
                cwd=self.folder, stderr=subprocess.DEVNULL) as tool:
            while "a-0.mp4" not in self.files():
                time.sleep(0.01)
            tool.send_signal(signal.SIGINT)
            self.assertEqual(tool.wait(), 130)
        self.assertNotIn(".part", " ".join(self.files()))
        for name in self.files():
            self.assertGreater(self.count(name), 0)
        self.assertEqual(self.count("a-0.mp4"), 17)

    def test_no_display(self):
        environment = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
        self.fails("needs a display", "--preview", **environment)
        self.fails("needs a display", "--preview", "-o", "a.mp4", **environment)
        self.assertEqual(self.files(), [])

    def test_window(self):
        if not shutil.which("Xvfb") or not has_element("ximagesink"):
            self.skipTest("no Xvfb or no gstreamer1.0-x")
        reader, writer = os.pipe()
        with subprocess.Popen(
                ["Xvfb", "-displayfd", str(writer), "-screen", "0", "640x480x24"],
                pass_fds=[writer], stderr=subprocess.DEVNULL) as server:
            os.close(writer)
            with open(reader, encoding="ascii") as line:
                display = ":" + line.readline().strip()
            began = time.monotonic()
            self.makes("--preview", "-o", "a.mp4", DISPLAY=display)
            # The clip is shown at its speed.
            self.assertGreater(time.monotonic() - began, 17 / 8)
            server.terminate()
        self.assertEqual(self.count("a.mp4"), 17)


if __name__ == "__main__":
    unittest.main()
