#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opensora config: JSON on standard output, warnings, refusals.

    test-config.py TOOL
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.abspath(sys.argv.pop(1))
SAMPLE = '''
# Every construct that configs have
_base_ = ["./base.py"]
num_frames = 16
fps = 24 // 3
image_size = (240, 426)
prompt = [
    'It\\'s a caf\u00e9. {"reference_path": "a.png", "mask_strategy": "0"}',
    "two"
    " parts",
]
model = dict(
    type="STDiT-XL/2",
    time_scale=2 / 3,
    kernel_size=(8, 8, -1),
    theta=10_000,
    from_pretrained=None,
)
vae = {"type": "v", "micro_batch_size": 1e-6}
bucket_config = {"a": {96: (1.0, 1)}}
'''


class Config(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.write("base.py", "fps = 1\nmodel = dict(depth=28)\nseed = 42\n")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def config(self, *args, **environment):
        return subprocess.run([TOOL, "config", *args], capture_output=True,
                              env={**os.environ, **environment}, check=False)

    def json(self, path, **environment):
        result = self.config(path, **environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout), result.stderr.decode()

    def fails(self, *args):
        result = self.config(*args)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, b"")
        message = result.stderr.decode()
        self.assertTrue(message.startswith("opensora: "), message)
        return message

    def test_values(self):
        found, warnings = self.json(self.write("sample.py", SAMPLE))
        self.assertEqual(warnings, "")
        self.assertEqual(json.dumps(found), json.dumps({
            "fps": 8,
            "model": {"depth": 28, "type": "STDiT-XL/2", "time_scale": 2 / 3,
                      "kernel_size": [8, 8, -1], "theta": 10000,
                      "from_pretrained": None},
            "seed": 42, "num_frames": 16, "image_size": [240, 426],
            "prompt": ['It\'s a caf\u00e9. {"reference_path": "a.png", '
                       '"mask_strategy": "0"}', "two parts"],
            "vae": {"type": "v", "micro_batch_size": 1e-6},
            "bucket_config": {"a": {"96": [1.0, 1]}}}))

    def test_plain_locale(self):
        path = self.write("sample.py", SAMPLE)
        self.assertEqual(self.json(path, LC_ALL="C"), self.json(path))

    def test_json_in_and_out(self):
        printed, _ = self.json(self.write("sample.py", SAMPLE))
        path = self.write("sample.json", json.dumps(printed))
        self.assertEqual(self.json(path)[0], printed)

    def test_warnings(self):
        path = self.write("odd.py", "fpss = 1\nwatermark = True\n"
                                    "scheduler = dict(steps=3)\n")
        found, warnings = self.json(path)
        self.assertEqual(found, {"fpss": 1, "watermark": True,
                                 "scheduler": {"steps": 3}})
        lines = warnings.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertTrue(all(line.startswith("warning: ") for line in lines))
        for name, line in zip(("fpss", "scheduler.steps", "watermark"), lines):
            self.assertIn(f" {name} ", line)

    def test_errors(self):
        path = self.write("wrong.py", "a = 1\nb = [a,\n  a + 1]\n")
        self.assertIn(path + ":3:5: '+'", self.fails(path))
        self.assertIn("absent.py", self.fails(self.folder + "/absent.py"))
        self.assertIn("--help", self.fails())
        self.assertIn("--help", self.fails(path, path))

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_full_output(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run(
                [TOOL, "config", self.write("sample.py", SAMPLE)],
                stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"standard output", result.stderr)


if __name__ == "__main__":
    unittest.main()
