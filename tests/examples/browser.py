# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, told what to do by the DevTools protocol over a pipe."""
import base64
import json
import os
import shutil
import subprocess
import tempfile

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find():
    """The program, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """Shows one page, 360 pixels wide and high."""

    def __init__(self, url):
        self.profile = tempfile.TemporaryDirectory(
            ignore_cleanup_errors=True)
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()
        # DevTools talks on descriptors 3 and 4; sh puts them there.
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh",
             find(), "--headless", "--no-sandbox", "--disable-gpu",
             "--remote-debugging-pipe", "--window-size=360,360",
             "--autoplay-policy=no-user-gesture-required",
             f"--user-data-dir={self.profile.name}"],
            pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.number = 0
        self.session = None
        self.pending = b""
        target = self.call("Target.createTarget", url=url)["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]

    def call(self, method, **params):
        """Calls a method of the protocol; its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                return answer["result"]

    def receive(self):
        while b"\0" not in self.pending:
            data = os.read(self.input, 65536)
            if not data:
                raise EOFError("the browser has ended")
            self.pending += data
        answer, self.pending = self.pending.split(b"\0", 1)
        return json.loads(answer)

    def evaluate(self, expression):
        return self.call("Runtime.evaluate", expression=expression,
                         returnByValue=True)["result"].get("value")

    def screenshot(self):
        """A PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def navigate(self, url):
        self.call("Page.navigate", url=url)

    def close(self):
        os.close(self.output)
        os.close(self.input)
        self.process.terminate()
        self.process.wait()
        self.profile.cleanup()
