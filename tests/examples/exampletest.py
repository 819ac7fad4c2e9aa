# SPDX-License-Identifier: Apache-2.0
"""What the tests of the examples share: running them, looking at frames, and
results in the Test Anything Protocol, with the reason for what is skipped."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
EXAMPLES = os.path.join(ROOT, "examples")
PROMPT = "a red circle moving right on a blue background"
SIDE = 32  # of decoded frames


def red(r, g, b):
    return r > 130 and g < 110 and b < 110


def blue(r, g, b):
    return b > 90 and r < 100 and g < 100


def green(r, g, b):
    return g > 100 and r < 120 and b < 130


def share(frame, color):
    """Of the pixels of a frame that have the colour."""
    pixels = zip(frame[0::3], frame[1::3], frame[2::3])
    return sum(color(*pixel) for pixel in pixels) * 3 / len(frame)


def is_red_on_blue(frame):
    """Whether the frame is one of a clip of PROMPT."""
    return share(frame, red) > 0.03 and share(frame, blue) > 0.4


def find_python(*modules):
    """A Python that has these: the system's, if the first in PATH has not."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "; ".join(modules)], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0:
            return python
    raise unittest.SkipTest(f"no Python that can do: {'; '.join(modules)}")


class ExampleTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def require(self, *names):
        """Elements, or programs if the name begins with a dollar sign."""
        for name in names:
            if name[0] == "$":
                found = shutil.which(name[1:])
            else:
                found = subprocess.run(["gst-inspect-1.0", name], check=False,
                                       capture_output=True).returncode == 0
            if not found:
                self.skipTest(f"no {name.lstrip('$')}; see "
                              "examples/install-packages.sh --examples")

    def start(self, *command, **kwargs):
        """A program that runs beside the test, and is ended after it."""
        if not os.path.isabs(command[0]) and "/" in command[0]:
            command = (os.path.join(EXAMPLES, command[0]), *command[1:])
        # Other people's elements have criticals that are no failures.
        environment = {**os.environ, "DISPLAY": "", "G_DEBUG": "",
                       **kwargs.pop("env", {})}
        process = subprocess.Popen(
            command, cwd=self.folder, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=environment, **kwargs)

        def end():
            process.terminate()
            process.communicate()

        self.addCleanup(end)
        return process

    def finish(self, process, timeout=60):
        """Its output; it has to end well."""
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail(f"{process.args} hangs: {process.communicate()[0]}")
        self.assertEqual(process.returncode, 0, output)
        return output

    def run_example(self, *command, **kwargs):
        return self.finish(self.start(*command, **kwargs))

    def decode(self, name):
        """The frames of a file, SIDE pixels wide and high, RGB."""
        raw = self.path("raw")
        self.run_example("gst-launch-1.0", "-q", "filesrc",
                         f"location={self.path(name)}", "!", "decodebin", "!",
                         "videoconvert", "!", "videoscale", "!",
                         f"video/x-raw,format=RGB,width={SIDE},height={SIDE}",
                         "!", "filesink", f"location={raw}")
        with open(raw, "rb") as file:
            data = file.read()
        size = 3 * SIDE * SIDE
        self.assertEqual(len(data) % size, 0)
        return [data[at:at + size] for at in range(0, len(data), size)]

    def assert_red_on_blue(self, frame):
        self.assertTrue(is_red_on_blue(frame))


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port):
    """Without connecting, which would be the only connection."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        return re.search(rf":{port:04X} 00000000:0000 0A", table.read())


def wait_for(condition, seconds=40):
    """What the condition is once it holds; None if it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    return None


class TapResult(unittest.TestResult):
    def report(self, test, outcome, directive=""):
        print(f"{outcome} {self.testsRun} - {test.id().split('.', 1)[1]}"
              f"{directive}", flush=True)

    def addSuccess(self, test):
        self.report(test, "ok")

    def addSkip(self, test, reason):
        self.report(test, "ok", f" # SKIP {reason}")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.report(test, "not ok")
        print("# " + self.failures[-1][1].replace("\n", "\n# "), flush=True)

    def addError(self, test, error):
        super().addError(test, error)
        self.report(test, "not ok")
        print("# " + self.errors[-1][1].replace("\n", "\n# "), flush=True)


def main():
    tests = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules["__main__"])
    print(f"1..{tests.countTestCases()}", flush=True)
    sys.exit(0 if tests.run(TapResult()).wasSuccessful() else 1)
