#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opensora convert: values, shards, memory, Ctrl-C, and Python's safetensors.

    test-convert.py TOOL MEMORY_LIMIT_MB    0: memory is not looked at
"""
import json
import os
import pty
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import checkpoints

try:
    import safetensors
    import safetensors.numpy
except ImportError:
    safetensors = None

TOOL = os.path.abspath(sys.argv.pop(1))
MEMORY_LIMIT = int(sys.argv.pop(1))
F32 = struct.pack("<6f", *range(6))
BF16 = struct.pack("<6H", 0, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0)


def read_all(terminal):
    """What was written on the other side, which is closed."""
    with open(terminal, "rb", buffering=0) as file:
        shown = b""
        try:
            while part := file.read(4096):
                shown += part
        except OSError:  # the end, on Linux
            pass
        return shown


class Convert(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def convert(self, *args, status=0):
        result = subprocess.run([TOOL, "convert", *args], capture_output=True,
                                check=False)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, b"")
        return result.stderr.decode()

    def write_model(self):
        path = self.path("in.safetensors")
        checkpoints.write_safetensors(
            path, {"small": ("U8", [3], b"abc"), "w": ("F32", [2, 3], F32),
                   "count": ("I64", [], b"\1" * 8)}, {"title": "a b"})
        return path

    def write_pth(self):
        storage = checkpoints.Storage("0", F32)
        path = self.path("in.pth")
        checkpoints.write_pth(path, {"state_dict": {
            "w": checkpoints.Tensor(storage, 0, (2, 3), (3, 1)),
            "turned": checkpoints.Tensor(storage, 0, (3, 2), (1, 3)),
        }, "epoch": 3}, [storage])
        return path

    def write_large(self, megabytes):
        path = self.path("large.safetensors")
        size = megabytes << 20
        checkpoints.write_safetensors(
            path, {"w": ("F32", [size // 4], size)}, sparse=True)
        return path

    def test_copy(self):
        source, target = self.write_model(), self.path("out.safetensors")
        self.convert(source, target)
        self.assertEqual(checkpoints.read_safetensors(source),
                         checkpoints.read_safetensors(target))

    def test_cast(self):
        target = self.path("out.safetensors")
        self.convert("--dtype=bf16", self.write_model(), target)
        _, tensors = checkpoints.read_safetensors(target)
        self.assertEqual(tensors, {
            "small": ("U8", [3], b"abc"), "w": ("BF16", [2, 3], BF16),
            "count": ("I64", [], b"\1" * 8)})

    def test_in_place(self):
        path = self.write_model()
        self.convert("--dtype=bf16", path, path)
        _, tensors = checkpoints.read_safetensors(path)
        self.assertEqual(tensors["w"], ("BF16", [2, 3], BF16))

    def test_pth(self):
        target = self.path("out.safetensors")
        self.convert(self.write_pth(), target)
        self.assertEqual(checkpoints.read_safetensors(target), (
            {"format": "pt"},
            {"w": ("F32", [2, 3], F32),
             "turned": ("F32", [3, 2], struct.pack("<6f", 0, 3, 1, 4, 2, 5))}))

    def test_shards(self):
        self.convert("--max-shard-size=24", self.write_model(),
                     self.path("out.safetensors"))
        with open(self.path("out.safetensors.index.json"),
                  encoding="utf-8") as file:
            index = json.load(file)
        self.assertEqual(index, {
            "metadata": {"total_size": 35},
            "weight_map": {"small": "out-00001-of-00003.safetensors",
                           "w": "out-00002-of-00003.safetensors",
                           "count": "out-00003-of-00003.safetensors"}})
        for name, file in index["weight_map"].items():
            metadata, tensors = checkpoints.read_safetensors(self.path(file))
            self.assertEqual(metadata, {"title": "a b"})
            self.assertEqual(list(tensors), [name])
        self.convert(self.path("out.safetensors.index.json"),
                     self.path("joined.safetensors"))
        self.assertEqual(
            checkpoints.read_safetensors(self.path("joined.safetensors")),
            checkpoints.read_safetensors(self.path("in.safetensors")))

    def test_errors(self):
        source, target = self.write_model(), self.path("out.safetensors")
        for words, *args in [
                ("must end in", source, self.path("out.pth")),
                ("int3", "--dtype=int3", source, target),
                ("no size", "--max-shard-size=many", source, target),
                ("no size", "--max-shard-size=0", source, target),
                ("no size", "--max-shard-size=20000000000GB", source, target),
                ("absent", self.path("absent"), target),
                ("absent", source, self.path("absent/out.safetensors")),
                ("an input and an output", source)]:
            self.assertIn(words, self.convert(*args, status=1))
        self.assertEqual(os.listdir(self.folder), ["in.safetensors"])

    def test_quiet(self):
        source, target = self.write_model(), self.path("out.safetensors")
        self.assertIn("writing", self.convert(source, target))
        self.assertEqual(self.convert("-q", source, target), "")

    def test_bar(self):
        """On a terminal the bar is drawn, and gone at the end."""
        main, terminal = pty.openpty()
        subprocess.run([TOOL, "convert", self.write_model(),
                        self.path("out.safetensors")], stderr=terminal,
                       check=True)
        os.close(terminal)
        shown = read_all(main).decode()
        self.assertIn("[##############################] writing", shown)
        self.assertTrue(shown.endswith("\r\x1b[K"))

    def start_large(self, *args):
        """A conversion that has begun to write."""
        self.write_large(1024)
        child = subprocess.Popen(
            [TOOL, "convert", self.path("large.safetensors"),
             self.path("out.safetensors"), *args], stderr=subprocess.DEVNULL)
        while len(os.listdir(self.folder)) == 1 and child.poll() is None:
            time.sleep(0.01)
        return child

    def test_interrupt(self):
        for number in signal.SIGINT, signal.SIGTERM:
            child = self.start_large("--dtype=f16")
            child.send_signal(number)
            self.assertEqual(child.wait(), 130)
            self.assertEqual(os.listdir(self.folder), ["large.safetensors"])

    def test_kill(self):
        child = self.start_large("--dtype=f16")
        child.kill()
        child.wait()
        self.assertFalse(os.path.exists(self.path("out.safetensors")))

    @unittest.skipIf(MEMORY_LIMIT == 0, "memory is not looked at")
    def test_memory(self):
        self.convert("--dtype=bf16", self.write_large(256),
                     self.path("out.safetensors"))
        # Of the largest child so far, in KiB.
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertLess(peak >> 10, MEMORY_LIMIT)

    @unittest.skipIf(safetensors is None, "Python's safetensors is missing")
    def test_python(self):
        target = self.path("out.safetensors")
        self.convert("--dtype=f16", self.write_pth(), target)
        with safetensors.safe_open(target, framework="np") as file:
            self.assertEqual(file.metadata(), {"format": "pt"})
            self.assertEqual(file.get_tensor("turned").tolist(),
                             [[0, 3], [1, 4], [2, 5]])
            self.assertEqual(str(file.get_tensor("w").dtype), "float16")
            array = file.get_tensor("w")
        source = self.path("python.safetensors")
        safetensors.numpy.save_file({"w": array}, source, {"a": "b"})
        self.convert("--dtype=f32", source, target)
        metadata, tensors = checkpoints.read_safetensors(target)
        self.assertEqual(metadata, {"a": "b"})
        self.assertEqual(tensors, {"w": ("F32", [2, 3], F32)})


if __name__ == "__main__":
    unittest.main()
