#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opensora verify and opensora cache.

    test-cache.py TOOL
"""
import fcntl
import os
from pathlib import Path

from hubtest import FILES, HubTest, WEIGHTS, git_hash, main, sha256, tree_of


class Verify(HubTest):
    def setUp(self):
        super().setUp()
        self.download("org/m")
        self.hub.call("DELETE", "log")
        self.snapshot = f"{self.store}/snapshots/{self.commit()}"

    def test_good(self):
        for target in ("org/m", self.cache, self.store, self.snapshot):
            result = self.tool("verify", target)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(f"OK {self.snapshot}/config.json\n", result.stdout)
            self.assertEqual(len(result.stdout.splitlines()), 5)
        self.assertEqual(self.hub.log(), [])

    def test_damaged(self):
        path = f"{self.snapshot}/model.safetensors"
        with open(path, "r+b") as file:
            file.write(b"\0\0")
        result = self.tool("verify", "org/m")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"FAILED {path}\n", result.stdout)
        self.assertEqual(result.stdout.count("OK "), 4)
        self.assertIn("error: Integrity: ", result.stderr)
        self.assertIn(sha256(WEIGHTS), result.stderr)

    def test_revision(self):
        self.download("org/m", "config.json", "--revision", "v1.0")
        for revision, files in (("v1.0", 1), (self.commit(), 5)):
            result = self.tool("verify", "org/m", "--revision", revision)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(len(result.stdout.splitlines()), files)
        result = self.tool("verify", "org/m")
        self.assertEqual(len(result.stdout.splitlines()), 6)

    def test_refusals(self):
        self.fails("InvalidArgument", "verify")
        self.fails("LocalEntryNotFound", "verify", "org/none")
        self.fails("LocalEntryNotFound", "verify", "org/m", "--revision", "x")
        self.assertIn(self.home,
                      self.fails("LocalEntryNotFound", "verify", self.home))


    def test_without_links(self):
        """The hash is nowhere in the cache: the hub knows it."""
        other = self.home + "/other"
        path, = self.download("org/m", "model.safetensors", "--cache-dir",
                              other, HF_HUB_DISABLE_SYMLINKS="1")
        self.requests()
        result = self.tool("verify", other)
        self.assertEqual(result.stdout, f"OK {path}\n", result.stderr)
        self.assertEqual(self.requests(),
                         [("hub", "HEAD", "model.safetensors")])
        result = self.tool("verify", other, "--local-files-only")
        self.assertEqual(result.stdout, f"FAILED {path}\n")
        self.assertIn("error: LocalEntryNotFound: ", result.stderr)
        self.assertEqual(self.requests(), [])
        Path(path).write_bytes(b"damaged")
        result = self.tool("verify", other)
        self.assertIn("error: Integrity: ", result.stderr)
        self.assertEqual(result.returncode, 1)


class LocalFolder(HubTest):
    """Made as hf download --local-dir makes it; test-interop.py has it do so."""
    def setUp(self):
        super().setUp()
        self.folder = self.home + "/model"
        for name, data in FILES["org/m"].items():
            self.record(name, git_hash(data) if data is not WEIGHTS
                        else sha256(data)).write_bytes(data)
        Path(self.folder, "mine.txt").write_text("not of the hub")

    def record(self, name, etag):
        """The path of the file."""
        path = Path(self.folder, name)
        note = Path(self.folder, ".cache/huggingface/download",
                    name + ".metadata")
        for each in path, note:
            each.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{'0' * 40}\n{etag}\n1700000000.5\n")
        note.with_suffix(".lock").write_bytes(b"")
        return path

    def test_good(self):
        result = self.tool("verify", self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(result.stdout.splitlines()),
                         sorted(f"OK {self.folder}/{name}"
                                for name in FILES["org/m"]))
        self.assertIn("checking model.safetensors", result.stderr)
        self.assertEqual(self.hub.log(), [])

    def test_part(self):
        result = self.tool("verify", "-q", self.folder + "/text/")
        self.assertEqual(result.stdout, f"OK {self.folder}/text/enc/w.bin\n")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def check_bad(self, name, error):
        result = self.tool("verify", self.folder)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"FAILED {self.folder}/{name}\n", result.stdout)
        self.assertIn(f"error: {error}: {self.folder}/", result.stderr)
        self.assertEqual(result.stdout.count("OK "), 4)

    def test_damaged(self):
        data = bytearray(WEIGHTS)
        data[1000] ^= 1
        Path(self.folder, "model.safetensors").write_bytes(data)
        self.check_bad("model.safetensors", "Integrity")

    def test_shorter(self):
        Path(self.folder, "text/enc/w.bin").write_bytes(WEIGHTS[:4999])
        self.check_bad("text/enc/w.bin", "Integrity")

    def test_missing(self):
        Path(self.folder, "config.json").unlink()
        self.check_bad("config.json", "Io")

    def test_bad_record(self):
        for etag in "", "of-a-mirror":
            self.record("config.json", etag)
            self.check_bad("config.json", "LocalEntryNotFound")
        Path(self.folder, ".cache/huggingface/download/config.json.metadata"
             ).write_bytes(b"\0\xff")
        self.check_bad("config.json", "LocalEntryNotFound")


class Cache(HubTest):
    def prune(self, *args):
        result = self.tool("cache", "prune", *args)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def move_main(self):
        """main goes on: a new configuration, the same weights."""
        self.download("org/m", "config.json", "model.safetensors")
        old = self.commit()
        self.hub.set_file("org/m", "config.json", text='{"a": 2}\n')
        self.download("org/m", "config.json", "model.safetensors")
        return old, self.commit()

    def test_list(self):
        old, new = self.move_main()
        self.download("org/gated", "config.json", HF_TOKEN="hf_in")
        result = self.tool("cache", "list")
        lines = result.stdout.replace("\u00a0", " ").splitlines()
        self.assertEqual(result.returncode, 0, result.stderr)
        line, = [l for l in lines if new in l]
        self.assertRegex(line, r"^org/m +[0-9a-f]{40} +300\.0 kB +2 +"
                         r"\d{4}-\d\d-\d\d \d\d:\d\d +main$")
        line, = [l for l in lines if old in l]
        self.assertNotIn("main", line)
        self.assertTrue(any(l.startswith("org/gated ") for l in lines))
        # What both revisions have counts once.
        self.assertTrue(lines[-1].endswith(
            "2 repositories, 3 revisions, 300.0 kB"), lines[-1])
        self.assertTrue(lines[-1].startswith(self.cache + ": "))

    def test_empty(self):
        result = self.tool("cache", "list")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("0 repositories", result.stdout)
        self.assertEqual(self.prune("--yes"), "")
        self.fails("InvalidArgument", "cache")
        self.fails("InvalidArgument", "cache", "polish")

    def test_prune(self):
        old, new = self.move_main()
        self.download("org/gated", "config.json", HF_TOKEN="hf_in")
        before = tree_of(self.cache)
        result = self.tool("cache", "prune")  # no answer is no
        self.assertEqual(result.returncode, 1)
        self.assertIn("[y/N]", result.stderr)
        self.assertEqual(tree_of(self.cache), before)

        self.assertIn("org/m: 1 of 2 revisions, 1 contents", self.prune("-y"))
        gone = set(before) - set(tree_of(self.cache))
        self.assertEqual(len(gone), 3)
        self.assertEqual({p for p in gone if "snapshots" in p}, {
            f"models--org--m/snapshots/{old}/{name}"
            for name in ("config.json", "model.safetensors")})
        self.assertEqual(
            len(self.download("org/m", "config.json", "model.safetensors",
                              "--local-files-only")), 2)
        self.assertEqual(self.prune("--yes"), "")

    def test_partial(self):
        self.download("org/m", "config.json")
        names = ["a" * 64 + ".incomplete", "b" * 64 + ".01234567.incomplete"]
        for name in names:
            Path(self.store, "blobs", name).write_bytes(b"part")
        lock = Path(self.cache, ".locks/models--org--m", "a" * 64 + ".lock")
        with open(lock, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.prune("--yes")
        left = os.listdir(self.store + "/blobs")
        self.assertIn(names[0], left)  # somebody downloads it
        self.assertNotIn(names[1], left)
        self.prune("--yes")
        self.assertNotIn(names[0], os.listdir(self.store + "/blobs"))

    def test_nothing_outside(self):
        self.download("org/m", "config.json")
        shared = Path(self.cache, "blobs/ab", "ab" * 32)
        shared.parent.mkdir(parents=True)
        shared.write_bytes(b"of all repositories")
        Path(self.home, "precious").mkdir()
        Path(self.home, "precious/file").write_bytes(b"mine")
        detached = Path(self.store, "snapshots", "0" * 40)
        detached.mkdir()
        (detached / "folder").symlink_to(self.home + "/precious")
        (Path(self.store, "blobs") / ("ab" * 32)).symlink_to(
            f"../../blobs/ab/{'ab' * 32}")
        self.prune("--yes")
        self.assertFalse(detached.exists())
        self.assertTrue(shared.exists())
        self.assertTrue(Path(self.home, "precious/file").exists())


if __name__ == "__main__":
    main()
