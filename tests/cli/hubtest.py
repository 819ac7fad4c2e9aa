# SPDX-License-Identifier: Apache-2.0
"""What the tests of the hub's commands share: repositories on a mock hub, and
an environment in which nothing of the user's counts.

A test that imports this takes the tool as its first argument."""
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hub"))
import mock_hub  # noqa: E402

TOOL = os.path.abspath(sys.argv.pop(1))
WEIGHTS = random.Random(1).randbytes(300000)
CONFIG = b'{"a": 1}\n'
FILES = {
    "org/m": {"config.json": CONFIG, "model.safetensors": WEIGHTS,
              "text/enc/w.bin": WEIGHTS[:5000], "empty.txt": b"",
              "with space/\u00e9 +%#?.txt": b"odd"},
    "org/m@v1.0": {"config.json": b'{"a": 0}\n', "model.safetensors": WEIGHTS},
    "org/m@refs%2Fpr%2F1": {"config.json": b'{"a": 9}\n'},
    "org/gated": {"config.json": CONFIG, "w.bin": WEIGHTS[:1000]},
    "org/private": {"w.bin": WEIGHTS[:1000]},
    "org/off": {"config.json": CONFIG},
}
ACCESS = {"tokens": {"hf_in": {"name": "joe", "repos": ["org/private"],
                               "gated": ["org/gated"]}},
          "private": ["org/private"], "gated": ["org/gated"],
          "disabled": ["org/off"]}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def git_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def read(path):
    return Path(path).read_bytes()


def tree_of(folder):
    """Relative path -> the bytes of the file, or "-> target" of a link."""
    found = {}
    for base, folders, files in os.walk(folder):
        for name in files + [f for f in folders
                             if os.path.islink(os.path.join(base, f))]:
            path = os.path.join(base, name)
            found[os.path.relpath(path, folder)] = (
                "-> " + os.readlink(path) if os.path.islink(path)
                else read(path))
    return found


class HubTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="opensora-hub-")
        cls.addClassCleanup(shutil.rmtree, cls.root)
        for repo, files in FILES.items():
            for name, data in files.items():
                path = Path(cls.root, repo, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        cls.hub = mock_hub.MockHub(cls.root)
        cls.addClassCleanup(cls.hub.close)
        cls.hub.config(**ACCESS)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="opensora-cache-")
        self.addCleanup(folder.cleanup)
        self.home = os.path.join(folder.name, "home")
        self.cache = os.path.join(folder.name, "cache")
        self.store = os.path.join(self.cache, "models--org--m")
        os.mkdir(self.home)
        self.hub.reset()
        self.hub.config(down=False)

    def environment(self, **values):
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith(("HF_", "HUGGING", "XDG_", "TRANSFORMERS",
                                     "SSL_CERT_"))
                and not k.lower().endswith("_proxy")}
        return {**kept, "HF_ENDPOINT": self.hub.url, "HOME": self.home,
                "HF_HUB_CACHE": self.cache, "LC_ALL": "C.UTF-8",
                "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1",
                "HF_HUB_DISABLE_PROGRESS_BARS": "1", **values}

    def tool(self, *args, **environment):
        return subprocess.run([TOOL, *args], capture_output=True, text=True,
                              env=self.environment(**environment), timeout=60,
                              check=False)

    def download(self, *args, **environment):
        """The paths that are printed."""
        result = self.tool("download", *args, **environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()

    def fails(self, error, *args, **environment):
        """Standard error of a command that fails so and prints nothing."""
        result = self.tool(*args, **environment)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stdout, "")
        self.assertIn(f"error: {error}: ", result.stderr)
        self.assertNotIn("hf_in", result.stderr)
        return result.stderr

    def commit(self, ref="main"):
        return self.hub.info()["repos"]["org/m"][ref]["commit"]

    def requests(self):
        """(origin, method, file) of the requests since the last call."""
        log = [(r["origin"], r["method"], r["file"]) for r in self.hub.log()]
        self.hub.call("DELETE", "log")
        return log


def main():
    unittest.main()
