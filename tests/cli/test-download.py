#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opensora download: paths, requests, progress, every class of error.

    test-download.py TOOL
"""
import os
import pty
import shutil
import signal
import subprocess
import termios
import time

from hubtest import (CONFIG, FILES, TOOL, WEIGHTS, HubTest, main, read, sha256,
                     tree_of)


class Download(HubTest):
    def test_files(self):
        commit = self.commit()
        paths = self.download("org/m", "config.json", "text/enc/w.bin")
        self.assertEqual(paths, [
            f"{self.store}/snapshots/{commit}/config.json",
            f"{self.store}/snapshots/{commit}/text/enc/w.bin"])
        self.assertEqual([read(p) for p in paths], [CONFIG, WEIGHTS[:5000]])
        self.assertEqual(read(f"{self.store}/refs/main"), commit.encode())

    def test_whole_repository(self):
        paths = self.download("org/m")
        self.assertEqual({os.path.relpath(p, f"{self.store}/snapshots/"
                                          + self.commit()): read(p)
                          for p in paths}, FILES["org/m"])

    def test_revisions(self):
        for revision, wanted in (("v1.0", b'{"a": 0}\n'),
                                 ("refs/pr/1", b'{"a": 9}\n'),
                                 (self.commit("v1.0"), b'{"a": 0}\n')):
            path, = self.download("org/m", "config.json", "--revision", revision)
            self.assertEqual(read(path), wanted)

    def test_one_request_for_what_is_cached(self):
        files = ["config.json", "model.safetensors", "text/enc/w.bin"]
        paths = self.download("org/m", *files)
        self.requests()
        self.assertEqual(self.download("org/m", *files), paths)
        self.assertEqual(self.requests(), [("hub", "HEAD", "config.json")])
        for args, environment in (
                (["--revision", self.commit()], {}),
                (["--local-files-only"], {}), ([], {"HF_HUB_OFFLINE": "1"})):
            self.assertEqual(
                self.download("org/m", *files, *args, **environment), paths)
            self.assertEqual(self.requests(), [])

    def test_hub_is_down(self):
        paths = self.download("org/m", "config.json")
        self.hub.config(down=True)
        self.assertEqual(self.download("org/m", "config.json"), paths)

    def test_cache_dir(self):
        other = self.home + "/other"
        path, = self.download("org/m", "config.json", "--cache-dir", other)
        self.assertTrue(path.startswith(other + "/models--org--m/"))
        self.assertFalse(os.path.exists(self.cache))
        path, = self.download("org/m", "config.json", "--cache-dir", "~/tilde")
        self.assertTrue(path.startswith(self.home + "/tilde/"))

    def test_folder(self):
        """A folder in the place of a repository: paths, and no request."""
        folder = os.path.join(self.root, "org/m")
        paths = self.download(folder)
        self.assertEqual({os.path.relpath(p, folder) for p in paths},
                         set(FILES["org/m"]))
        self.assertEqual(self.download(os.path.relpath(folder), "config.json"),
                         [folder + "/config.json"])
        self.assertIn("none.json", self.fails(
            "LocalEntryNotFound", "download", folder, "none.json"))
        self.assertEqual(self.hub.log(), [])
        self.assertFalse(os.path.exists(self.cache))

    def test_lines(self):
        result = self.tool("download", "org/m", "config.json",
                           "model.safetensors")
        lines = result.stderr.replace("\u00a0", " ").splitlines()
        self.assertIn("downloading model.safetensors, 300.0 kB", lines)
        self.assertNotIn("\033", result.stderr)
        result = self.tool("download", "-q", "org/m", "text/enc/w.bin")
        self.assertEqual(result.stderr, "")

    def test_bar(self):
        self.hub.faults({"match": {"origin": "cdn"},
                         "do": {"drip": 150000, "chunk": 15000}})
        terminal, other = pty.openpty()
        termios.tcsetwinsize(other, (24, 120))
        with subprocess.Popen(
                [TOOL, "download", "org/m", "model.safetensors"],
                stdout=subprocess.PIPE, stderr=other,
                env=self.environment()) as process:
            os.close(other)
            shown = b""
            while True:
                try:
                    piece = os.read(terminal, 4096)
                except OSError:  # how a terminal says that nobody writes
                    break
                shown += piece
            os.close(terminal)
            self.assertEqual(read(process.stdout.read().decode().strip()),
                             WEIGHTS)
        text = shown.decode().replace("\u00a0", " ")
        self.assertRegex(text, r"\[###+\.+\] downloading model\.safetensors: "
                         r"[0-9.]+ kB of 300\.0 kB, [0-9.]+ kB/s, 0:0\d left")
        self.assertTrue(text.endswith("\033[K"))

    def test_interrupt(self):
        self.hub.faults({"match": {"origin": "cdn"},
                         "do": {"hang_after": 100000, "hang": 30}})
        with subprocess.Popen(
                [TOOL, "download", "org/m", "model.safetensors"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=self.environment()) as process:
            process.stderr.readline()  # it has begun
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(20), 130)
            self.assertLess(time.monotonic() - began, 2)
            self.assertEqual(process.stdout.read(), b"")
        path, = self.download("org/m", "model.safetensors")
        self.assertEqual(read(path), WEIGHTS)


# A small file system that others fill while the download runs. $0 is its
# folder, the rest the command, which runs again when there is room.
FULL_DISK = """
mount -t tmpfs -o size=1M none "$0" || exit 77
"$@" &
until [ -s "$(echo "$0"/*/blobs/*.incomplete)" ]; do sleep 0.05; done
cat /dev/zero >"$0/filler" 2>/dev/null
wait $! && exit 1
find "$0" -name '*.incomplete' -size +0 | grep -q . || exit 2
find "$0" -path '*/snapshots/*' -o -path '*/refs/*' | grep -q . && exit 3
rm "$0/filler"
path=$("$@") || exit 4
sha256sum <"$path"
"""


class FullDisk(HubTest):
    def test_full_disk(self):
        """Not on a mount: hub-disk, where write() itself says that it is full."""
        if shutil.which("unshare") is None:
            self.skipTest("unshare is not installed")
        os.mkdir(self.cache)
        self.hub.faults({"match": {"origin": "cdn"}, "times": 1,
                         "do": {"drip": 150000, "chunk": 15000}})
        result = subprocess.run(
            ["unshare", "-rm", "sh", "-c", FULL_DISK, self.cache, TOOL,
             "download", "-q", "org/m", "model.safetensors"], timeout=60,
            env=self.environment(), capture_output=True, text=True, check=False)
        if result.returncode == 77 or "unshare: " in result.stderr:
            self.skipTest("no mounts here: " + result.stderr.strip())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("error: NoSpace: ", result.stderr)
        self.assertIn(self.cache, result.stderr)
        self.assertEqual(result.stdout.split()[0], sha256(WEIGHTS))
        first, second = [r["headers"] for r in self.hub.log()
                         if r["origin"] == "cdn"]
        self.assertNotIn("range", first)
        self.assertRegex(second["range"], r"bytes=[1-9][0-9]*-")


class Errors(HubTest):
    def test_usage(self):
        self.fails("InvalidArgument", "download")
        for repo in ("a/b/c", "../x", "a--b/c", "a/b.git", "/no/folder"):
            self.fails("InvalidArgument", "download", repo, "config.json")
        for name in ("../x", "/etc/passwd", "a/../../x"):
            self.fails("InvalidArgument", "download", "org/m", name)
        self.fails("InvalidArgument", "download", "org/m", "config.json",
                   "--revision", "../x")
        self.assertEqual(self.hub.log(), [])
        self.assertFalse(os.path.exists(self.cache))

    def test_not_found(self):
        self.fails("RepositoryNotFound", "download", "org/none", "config.json")
        self.fails("RepositoryNotFound", "download", "org/private", "w.bin")
        self.fails("EntryNotFound", "download", "org/m", "none.json")
        self.fails("RevisionNotFound", "download", "org/m", "config.json",
                   "--revision", "none")

    def test_access(self):
        text = self.fails("GatedRepo", "download", "org/gated", "w.bin")
        self.assertIn("HF_TOKEN", text)
        self.assertIn(self.hub.url + "/org/gated,", text)
        self.fails("Unauthorized", "download", "org/m", "config.json",
                   HF_TOKEN="hf_wrong")
        self.fails("Http", "download", "org/off", "config.json")
        for repo in "org/gated", "org/private":
            path, = self.download(repo, "w.bin", HF_TOKEN="hf_in")
            self.assertEqual(read(path), WEIGHTS[:1000])
        for request in self.hub.log():
            if request["origin"] == "cdn":
                self.assertNotIn("authorization", request["headers"])

    def test_secret(self):
        """The token is in no output, even a talkative one, and in no file."""
        environment = {"HF_TOKEN": "hf_in", "G_MESSAGES_DEBUG": "all"}
        for args in (["org/private"], ["org/private", "none.bin"], ["org/m"],
                     ["org/none"], ["org/m", "--local-files-only"]):
            result = self.tool("download", *args, **environment)
            self.assertNotIn("hf_in", result.stdout + result.stderr)
        for name, content in tree_of(os.path.dirname(self.cache)).items():
            self.assertNotIn("hf_in", name)
            self.assertNotIn("hf_in", str(content))
        self.assertIn("hf_in", str(self.hub.log()))

    def test_names_that_lead_out(self):
        for name in "../../../out.txt", "/tmp/opensora-out.txt":
            self.hub.set_file("org/m", name, text="x")
        paths = self.download("org/m")
        self.assertEqual(len(paths), len(FILES["org/m"]))
        self.assertFalse([p for p in tree_of(os.path.dirname(self.cache))
                          if "out" in p])
        self.assertFalse(os.path.exists("/tmp/opensora-out.txt"))

    def test_offline(self):
        for args, environment in ((["--local-files-only"], {}),
                                  ([], {"HF_HUB_OFFLINE": "1"})):
            text = self.fails("LocalEntryNotFound", "download", "org/m",
                              "config.json", *args, **environment)
            self.assertIn("config.json", text)
            self.assertIn(self.cache, text)
        self.assertEqual(self.hub.log(), [])

    def test_network(self):
        self.hub.faults({"match": {"origin": "cdn"}, "times": -1,
                         "do": {"reset_after": -1}})
        self.fails("Network", "download", "org/m", "model.safetensors")
        self.assertFalse([p for p in tree_of(self.store) if "blobs" in p])

    def test_tls(self):
        """The mock hub does not speak TLS."""
        self.fails("Tls", "download", "org/m", "config.json",
                   HF_ENDPOINT=self.hub.url.replace("http:", "https:"))
        text = self.fails("Tls", "download", "org/m", "config.json",
                          SSL_CERT_FILE="/no/file")
        self.assertIn("SSL_CERT_FILE", text)

    def test_integrity(self):
        self.hub.faults({"match": {"origin": "cdn"}, "times": -1,
                         "do": {"corrupt": {"offset": 7}}})
        self.fails("Integrity", "download", "org/m", "model.safetensors")
        self.assertFalse([p for p in tree_of(self.store) if "blobs" in p])
        self.hub.call("DELETE", "faults")
        path, = self.download("org/m", "model.safetensors")
        self.assertEqual(read(path), WEIGHTS)

    def test_no_folder(self):
        with open(self.cache, "wb"):
            pass  # a file where the cache should be
        text = self.fails("Io", "download", "org/m", "config.json")
        self.assertIn(self.cache, text)


if __name__ == "__main__":
    main()
