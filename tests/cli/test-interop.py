#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opensora download and Python's huggingface_hub on one cache: what one has
downloaded the other finds; both at once make one copy.

    test-interop.py TOOL

The Python that has huggingface_hub is $OPENSORA_TEST_PYTHON, else the one that
runs this; the test is skipped when neither has it.
"""
import json
import os
import subprocess
import sys

from hubtest import FILES, TOOL, WEIGHTS, HubTest, main, read, tree_of

PYTHON = os.environ.get("OPENSORA_TEST_PYTHON") or sys.executable

# Calls a function of huggingface_hub; in a process of its own, because the
# package reads the environment when it is imported.
CALLER = """
import json, sys, huggingface_hub
name, arguments = json.loads(sys.argv[1])
result = getattr(huggingface_hub, name)(**arguments)
if name == "scan_cache_dir":
    result = [[str(w) for w in result.warnings],
              [[r.repo_id, r.size_on_disk] for r in result.repos]]
print(json.dumps(result))
"""


class Interop(HubTest):
    def start_python(self, function, environment, **arguments):
        return subprocess.Popen(
            [PYTHON, "-c", CALLER, json.dumps([function, arguments])],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment(**environment))

    def finish_python(self, process):
        output, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, errors)
        return json.loads(output.splitlines()[-1])

    def python(self, function, environment=None, **arguments):
        return self.finish_python(
            self.start_python(function, environment or {}, **arguments))

    def test_python_first(self):
        folder = self.python("snapshot_download", repo_id="org/m")
        before = tree_of(self.store)
        self.requests()
        files = sorted(FILES["org/m"])
        wanted = [f"{folder}/{name}" for name in files]
        self.assertEqual(
            self.download("org/m", *files, HF_HUB_OFFLINE="1"), wanted)
        self.assertEqual(
            sorted(self.download("org/m", HF_HUB_OFFLINE="1")), wanted)
        self.assertEqual(self.requests(), [])
        self.assertEqual(self.download("org/m", *files), wanted)
        self.assertEqual(self.requests(), [("hub", "HEAD", files[0])])
        self.assertEqual(tree_of(self.store), before)

    def test_python_second(self):
        paths = self.download("org/m")
        before = tree_of(self.store)
        offline = {"HF_HUB_OFFLINE": "1"}
        self.requests()
        folder = self.python("snapshot_download", offline, repo_id="org/m")
        for path in paths:
            name = os.path.relpath(path, folder)
            self.assertEqual(self.python("hf_hub_download", offline,
                                         repo_id="org/m", filename=name), path)
            self.assertEqual(read(path), FILES["org/m"][name])
        self.assertEqual(self.requests(), [])
        self.assertEqual(
            self.python("hf_hub_download", repo_id="org/m",
                        filename="model.safetensors"),
            f"{folder}/model.safetensors")
        self.assertNotIn("GET", [method for _, method, _ in self.requests()])
        self.assertEqual(tree_of(self.store), before)
        size = sum(map(len, FILES["org/m"].values()))
        warnings, repos = self.python("scan_cache_dir")
        # Older versions of the package do not know this file.
        self.assertEqual([w for w in warnings if "CACHEDIR.TAG" not in w], [])
        self.assertEqual(repos, [["org/m", size]])

    def test_same_layout(self):
        """The same names, links and bytes, whoever downloads."""
        self.download("org/m", "config.json", "text/enc/w.bin",
                      "--revision", "main")
        ours = tree_of(self.cache)
        theirs_cache = self.home + "/theirs"
        for name in "config.json", "text/enc/w.bin":
            self.python("hf_hub_download", repo_id="org/m", filename=name,
                        cache_dir=theirs_cache)
        theirs = tree_of(theirs_cache)
        ours.pop("CACHEDIR.TAG", None)  # older versions of the package lack it
        theirs.pop("CACHEDIR.TAG", None)
        self.assertEqual(ours, theirs)

    def test_pull_request(self):
        path, = self.download("org/m", "config.json", "--revision", "refs/pr/1")
        self.assertEqual(
            self.python("hf_hub_download", {"HF_HUB_OFFLINE": "1"},
                        repo_id="org/m", filename="config.json",
                        revision="refs/pr/1"), path)

    def test_no_symlinks(self):
        path, = self.download("org/m", "model.safetensors",
                              HF_HUB_DISABLE_SYMLINKS="1")
        self.assertFalse(os.path.islink(path))
        self.assertEqual(
            self.python("hf_hub_download", {"HF_HUB_OFFLINE": "1"},
                        repo_id="org/m", filename="model.safetensors"), path)

    def test_local_folder(self):
        """What Python writes beside the files of a local_dir is understood."""
        folder = self.home + "/model"
        self.python("snapshot_download", repo_id="org/m", local_dir=folder)
        self.requests()
        result = self.tool("verify", folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(result.stdout.splitlines()),
                         sorted(f"OK {folder}/{name}"
                                for name in FILES["org/m"]))
        with open(folder + "/model.safetensors", "r+b") as file:
            file.write(b"\0\0")
        result = self.tool("verify", folder)
        self.assertIn(f"FAILED {folder}/model.safetensors\n", result.stdout)
        self.assertIn("error: Integrity: ", result.stderr)
        self.assertEqual(self.requests(), [])

    def test_at_once(self):
        """Eight processes, half of them Python: one copy, one transfer."""
        self.hub.faults({"match": {"origin": "cdn"}, "times": -1,
                         "do": {"drip": 200000, "chunk": 20000}})
        python = [self.start_python("hf_hub_download", {}, repo_id="org/m",
                                    filename="model.safetensors")
                  for _ in range(4)]
        ours = [subprocess.Popen(
            [TOOL, "download", "org/m", "model.safetensors"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment()) for _ in range(4)]
        paths = {self.finish_python(p) for p in python}
        for process in ours:
            output, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, errors)
            paths.add(output.strip())
        self.assertEqual(len(paths), 1)
        self.assertEqual(read(paths.pop()), WEIGHTS)
        self.assertEqual(len(os.listdir(self.store + "/blobs")), 1)
        transfers = [r for r in self.hub.log() if r["origin"] == "cdn"]
        self.assertEqual(len(transfers), 1)


if __name__ == "__main__":
    if subprocess.run([PYTHON, "-c", "import huggingface_hub"],
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print("huggingface_hub is not installed")
        sys.exit(77)  # how meson is told that a test is skipped
    main()
