#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpensoraHub from Python, through the type library: calls that wait, calls that
do not, cancellation, errors, progress.

    test-python.py

GI_TYPELIB_PATH and LD_LIBRARY_PATH lead to the build. Skipped when neither this
Python nor the system's has PyGObject."""
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import mock_hub

SYSTEM_PYTHON = "/usr/bin/python3"
WEIGHTS = bytes(range(256)) * 4000

try:
    import gi
except ImportError:
    if sys.executable != SYSTEM_PYTHON and subprocess.run(
            [SYSTEM_PYTHON, "-c", "import gi"], stderr=subprocess.DEVNULL,
            check=False).returncode == 0:
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])
    print("PyGObject is not installed")
    sys.exit(77)  # how meson is told that a test is skipped

gi.require_version("Opensora", "0.1")
from gi.repository import Gio, GLib, Opensora  # noqa: E402


class Python(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="opensora-hub-")
        cls.addClassCleanup(folder.cleanup)
        model = Path(folder.name, "org/m")
        model.mkdir(parents=True)
        (model / "config.json").write_bytes(b"{}")
        (model / "model.safetensors").write_bytes(WEIGHTS)
        os.environ.pop("HF_HUB_OFFLINE", None)
        cls.mock = mock_hub.MockHub(folder.name)
        cls.addClassCleanup(cls.mock.close)

    def setUp(self):
        cache = tempfile.TemporaryDirectory(prefix="opensora-cache-")
        self.addCleanup(cache.cleanup)
        self.mock.reset()
        self.hub = Opensora.Hub.new(cache.name, self.mock.url, False)
        self.loop = GLib.MainLoop()
        self.progress = []
        self.result = None

    def on_progress(self, stage, done, total, *_):
        self.assertIs(threading.current_thread(), threading.main_thread())
        self.assertEqual(stage, Opensora.Stage.DOWNLOAD)
        self.progress.append((done, total))

    def on_done(self, hub, result):
        self.assertEqual(hub, self.hub)
        self.result = result
        self.loop.quit()

    def test_sync(self):
        path = self.hub.download("org/m", None, "model.safetensors", None,
                                 self.on_progress)
        self.assertEqual(Path(path).read_bytes(), WEIGHTS)
        self.assertEqual(self.progress[-1], (len(WEIGHTS), len(WEIGHTS)))
        self.assertEqual(self.hub.resolve("org/m", None, "model.safetensors"),
                         path)
        self.assertTrue(self.hub.verify("org/m", None, "model.safetensors",
                                        None, None))

    def test_download(self):
        self.mock.faults({"match": {"origin": "cdn"}, "times": -1,
                          "do": {"drip": 5000000, "chunk": 100000}})
        self.hub.download_async("org/m", None, "model.safetensors", None,
                                self.on_progress, callback=self.on_done)
        self.loop.run()
        path = self.hub.download_finish(self.result)
        self.assertEqual(Path(path).read_bytes(), WEIGHTS)
        self.assertGreater(len(self.progress), 1)
        self.assertEqual(self.progress[-1], (len(WEIGHTS), len(WEIGHTS)))

    def test_no_progress(self):
        self.hub.download_async("org/m", "main", "config.json", None, None,
                                callback=self.on_done)
        self.loop.run()
        self.assertEqual(
            Path(self.hub.download_finish(self.result)).read_bytes(), b"{}")

    def test_cancel(self):
        self.mock.faults({"match": {"origin": "cdn"}, "times": -1,
                          "do": {"hang_after": 100000, "hang": 30}})
        cancellable = Gio.Cancellable()
        self.hub.download_async("org/m", None, "model.safetensors",
                                cancellable, lambda *_: cancellable.cancel(),
                                callback=self.on_done)
        self.loop.run()
        with self.assertRaises(GLib.Error) as caught:
            self.hub.download_finish(self.result)
        self.assertTrue(caught.exception.matches(
            Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))

    def test_component(self):
        self.hub.download_component_async(
            "org/m", None, None, Opensora.HubComponent.TRANSFORMERS, None, None,
            self.on_progress, callback=self.on_done)
        self.loop.run()
        paths = self.hub.download_component_finish(self.result)
        self.assertEqual([os.path.basename(p) for p in paths],
                         ["config.json", "model.safetensors"])

    def test_list_and_verify(self):
        self.hub.list_files_async("org/m", None, None, self.on_done)
        self.loop.run()
        self.assertEqual(self.hub.list_files_finish(self.result),
                         ["config.json", "model.safetensors"])
        self.hub.download("org/m", None, "config.json", None, None)
        self.hub.verify_async("org/m", None, "config.json", None,
                              self.on_progress, callback=self.on_done)
        self.loop.run()
        self.assertTrue(self.hub.verify_finish(self.result))

    def test_error(self):
        self.hub.download_async("org/none", None, "config.json", None, None,
                                callback=self.on_done)
        self.loop.run()
        with self.assertRaises(GLib.Error) as caught:
            self.hub.download_finish(self.result)
        self.assertTrue(caught.exception.matches(
            Opensora.Hub.error_quark(),
            Opensora.HubError.REPOSITORY_NOT_FOUND))
        self.assertEqual(Opensora.Hub.error_get_name(caught.exception.code),
                         "RepositoryNotFound")


if __name__ == "__main__":
    unittest.main()
