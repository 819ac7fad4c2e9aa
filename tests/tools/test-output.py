#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What gst-inspect-1.0 and gst-launch-1.0 print of the element.

    test-output.py
"""
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ENVIRONMENT = dict(os.environ, HF_TOKEN="hf_topsecret", GST_DEBUG_NO_COLOR="1")
LAUNCH = ["gst-launch-1.0", "-q", "opensorasrc", "prompt=a", "num-frames=1",
          "steps=3", "!", "fakesink"]
# Files, tensors, plan, steps, times, memory.
LOGGED = ["/transformer/", " tensors of safetensors, ", "opensora-clip-started, clip=(uint)0",
          "clip 0: denoising, 2/3", "duration-sample=(guint64)", " MB in use",
          " MB of memory are available", "caps video/x-raw"]


# Of all kinds, from two clips.
MESSAGES = ["gst-launch-1.0", "-m", "opensorasrc", "prompt=a", "num-frames=1",
            "steps=2", "num-clips=2", "preview-interval=1", "!", "fakesink"]
STANDARD = {"type", "code", "text", "percent", "timeout"}  # of GStreamer's PROGRESS
PAGE = Path(__file__).resolve().parents[2] / "docs" / "element.md"


def run(command, **more):
    return subprocess.run(command, env=dict(ENVIRONMENT, **more), timeout=100,
                          capture_output=True, text=True, check=True)


def seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_inspect():
    """gst-inspect-1.0 takes less than a second, without registry and models"""
    with tempfile.TemporaryDirectory() as folder:
        begin = seconds()
        text = run(["gst-inspect-1.0", "opensorasrc"], OPENSORA_DATA_DIR=folder,
                   GST_REGISTRY=f"{folder}/registry",
                   GST_PLUGIN_SYSTEM_PATH_1_0=folder).stdout
        assert seconds() - begin < 1
    assert '"cancel"' in text
    assert "topsecret" not in text


def test_quiet():
    """success prints nothing"""
    result = run(LAUNCH)
    assert result.stdout == "" and result.stderr == "", result


def test_log():
    """the log tells what a stranger needs, and no secret"""
    log = run(LAUNCH, GST_DEBUG="opensora*:5").stderr
    missing = [part for part in LOGGED if part not in log]
    assert not missing, f"{missing} in {log}"
    assert "topsecret" not in log
    assert "ERROR" not in log


def documented_fields(page):
    """Message -> names in the first column of the table below it; the messages
    of later clips refer to those that come before."""
    known = set(STANDARD)
    fields = {}
    for part in re.split(r"^(?=\*\*)", page.split("## Messages")[1], flags=re.M):
        for cell in re.findall(r"^\| (`[^|]+) \|", part, re.M):
            known.update(re.findall(r"`([^`]+)`", cell))
        for name in re.findall(r"^\*\*\w+\*\* `(opensora-[a-z-]+)`|^\*\*(PROGRESS)",
                               part):
            fields["".join(name)] = set(known)
    return fields


def test_fields():
    """every field of every message is documented"""
    fields = documented_fields(PAGE.read_text())
    seen = set()
    for line in run(MESSAGES).stdout.splitlines():
        found = re.search(r"\): (opensora-[a-z-]+|GstMessageProgress), (.*);$", line)
        if not found:
            continue
        name = found[1].replace("GstMessageProgress", "PROGRESS")
        # Texts and pictures may contain what looks like a field.
        rest = re.sub(r'"(?:[^"\\]|\\.)*"|\(sample\)\S+', "", found[2])
        unknown = set(re.findall(r"([a-z-]+)=", rest)) - fields[name]
        assert not unknown, f"{name}: {unknown}"
        seen.add(name)
    assert seen == {"PROGRESS", "opensora-clip-started", "opensora-clip-done",
                    "opensora-preview", "opensora-progress"}, seen


def test_eos():
    """an interrupt with -e ends the computation, and the program"""
    process = subprocess.Popen(
        # To the program alone: a second interrupt would kill it.
        ["timeout", "--foreground", "-s", "INT", "2", "gst-launch-1.0", "-e",
         "opensorasrc", "steps=1000", "num-clips=-1", "!", "fakesink"],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True)
    output, _ = process.communicate(timeout=20)
    assert "Got EOS" in output, output
    assert "ERROR" not in output, output


def main():
    tests = [test_inspect, test_quiet, test_log, test_fields, test_eos]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except (AssertionError, subprocess.SubprocessError) as problem:
            failed += 1
            print(f"not ok {number} - {test.__doc__}", flush=True)
            print("# " + str(problem).replace("\n", "\n# "))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
