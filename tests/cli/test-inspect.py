#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opensora inspect: tables, JSON, hashes, refusals.

    test-inspect.py TOOL
"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

import checkpoints

TOOL = os.path.abspath(sys.argv.pop(1))
F32 = struct.pack("<6f", *range(6))


def inspect(*args, **environment):
    return subprocess.run([TOOL, "inspect", *args], capture_output=True,
                          env={**os.environ, **environment}, check=False)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Inspect(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def json(self, *args, **environment):
        result = inspect("--json", *args, **environment)
        self.assertEqual(result.stderr, b"")
        self.assertEqual(result.returncode, 0)
        return json.loads(result.stdout)

    def write_model(self, name="model.safetensors"):
        path = self.path(name)
        checkpoints.write_safetensors(path, {
            "w": ("F32", [2, 3], F32), "caf\u00e9 \U0001f600\n\"/": ("I64", [], b"\1" * 8),
        }, {"format": "pt", "a": "b \"c\""})
        return path

    def test_json(self):
        path = self.write_model()
        found = self.json(path)
        self.assertEqual(found, {
            "file": path, "container": "safetensors", "state_dict_path": [],
            "metadata": {"a": "b \"c\"", "format": "pt"},
            "tensors": [
                {"path": ["w"], "name": "w", "dtype": "F32", "shape": [2, 3],
                 "size": 24, "file": "model.safetensors"},
                {"path": ["caf\u00e9 \U0001f600\n\"/"],
                 "name": "caf\u00e9 \U0001f600\n\"/", "dtype": "I64",
                 "shape": [], "size": 8, "file": "model.safetensors"}]})

    def test_plain_locale(self):
        path = self.write_model()
        self.assertEqual(self.json(path, LC_ALL="C"), self.json(path))

    def test_hashes(self):
        tensors = self.json("--sha256", self.write_model())["tensors"]
        self.assertEqual([t["sha256"] for t in tensors],
                         [sha256(F32), sha256(b"\1" * 8)])

    def write_nested(self):
        storage = checkpoints.Storage("0", F32)
        tensor = checkpoints.Tensor(storage, 0, (2, 3), (3, 1))
        turned = checkpoints.Tensor(storage, 0, (3, 2), (1, 3))
        path = self.path("nested.pth")
        checkpoints.write_pth(path, {
            "ema": {"w": tensor}, "model": {"w": turned},
            "state": [turned, {7: tensor}]}, [storage])
        return path

    def test_state_dict(self):
        found = self.json("--sha256", self.write_nested())
        turned = struct.pack("<6f", 0, 3, 1, 4, 2, 5)
        self.assertEqual(found["container"], "torch-zip")
        self.assertEqual(found["state_dict_path"], ["ema"])
        self.assertEqual(
            [(t["path"], t["name"], t["shape"], t["sha256"])
             for t in found["tensors"]],
            [(["ema", "w"], "w", [2, 3], sha256(F32)),
             (["model", "w"], None, [3, 2], sha256(turned)),
             (["state", 0], None, [3, 2], sha256(turned)),
             (["state", 1, 7], None, [2, 3], sha256(F32))])

    def test_other_state_dict(self):
        path = self.write_nested()
        found = self.json("--state-dict", "model", path)
        self.assertEqual(found["state_dict_path"], ["model"])
        self.assertEqual([t["name"] for t in found["tensors"]],
                         [None, "w", None, None])
        result = inspect("--state-dict", "absent", path)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"absent", result.stderr)

    def test_folder(self):
        for name in "a", "b":
            checkpoints.write_safetensors(
                self.path(name + ".safetensors"), {name: ("F32", [6], F32)})
        with open(self.path("model.safetensors.index.json"), "w",
                  encoding="utf-8") as file:
            json.dump({"weight_map": {"a": "a.safetensors",
                                      "b": "b.safetensors"}}, file)
        found = self.json(self.folder)
        self.assertEqual(found["container"], "sharded-safetensors")
        self.assertEqual([(t["name"], t["file"]) for t in found["tensors"]],
                         [("a", "a.safetensors"), ("b", "b.safetensors")])

    def test_table(self):
        result = inspect(self.write_model(), LC_ALL="C.UTF-8")
        lines = result.stdout.decode().splitlines()
        self.assertEqual(result.returncode, 0)
        self.assertIn("metadata: format = pt", lines)
        self.assertTrue(any(line.split() == ["w", "F32", "[2,", "3]", "24",
                                             "bytes"]
                            for line in map(lambda l: l.replace("\u00a0", " "),
                                            lines)), lines)
        self.assertTrue(lines[-1].startswith("2 tensors, "))

    def test_no_control_characters(self):
        path = self.path("x.safetensors")
        checkpoints.write_safetensors(
            path, {"\x1b[2J\u202e": ("U8", [1], b"x")}, {"\x1b": "\x07"})
        result = inspect(path, LC_ALL="C.UTF-8")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"\\u001b[2J\\u202e", result.stdout)
        self.assertNotIn(b"\x1b", result.stdout)
        self.assertNotIn(b"\x07", result.stdout)

    def test_errors(self):
        damaged = self.path("damaged.safetensors")
        with open(damaged, "wb") as file:
            file.write(b"<html>no</html>")
        for args in [self.path("absent")], [damaged], [], ["a", "b"]:
            result = inspect(*args)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stdout, b"")
            self.assertTrue(result.stderr.startswith(b"opensora: "))
        self.assertIn(damaged.encode(), inspect(damaged).stderr)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_full_output(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([TOOL, "inspect", self.write_model()],
                                    stdout=full, stderr=subprocess.PIPE,
                                    check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"standard output", result.stderr)


if __name__ == "__main__":
    unittest.main()
