#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The web pages of the examples, in a headless Chromium: a screenshot shows the
frames."""
import os

import browser
from exampletest import (PROMPT, ExampleTest, find_python, free_port,
                         is_listening, is_red_on_blue, main, wait_for)


class Web(ExampleTest):
    def assert_plays(self, address):
        """Seconds of the stream pass, and it is red on blue once it is no more
        black. Returns the browser."""
        page = browser.Browser(address)
        self.addCleanup(page.close)
        self.assertTrue(wait_for(lambda: (page.evaluate(
            "document.querySelector('video')?.currentTime") or 0) > 1))
        self.assertTrue(wait_for(lambda: is_red_on_blue(self.look(page))))
        return page

    def look(self, page):
        """A screenshot, as a frame."""
        with open(self.path("page.png"), "wb") as file:
            file.write(page.screenshot())
        return self.decode("page.png")[0]

    def setUp(self):
        super().setUp()
        if browser.find() is None:
            self.skipTest("no Chromium; see examples/install-packages.sh --web")

    def test_hls(self):
        self.require("x264enc", "hlssink2")
        port = free_port()
        self.start("web/serve.sh", PROMPT, str(port))
        self.assertTrue(wait_for(lambda: is_listening(port)))
        page = self.assert_plays(f"http://127.0.0.1:{port}/")
        self.assertEqual(page.evaluate("document.querySelector('p').innerText"), "")

    def test_webrtc(self):
        self.require("webrtcbin", "nicesrc", "vp8enc")
        python = find_python("import gi", "gi.require_version('GstWebRTC', '1.0')",
                             "gi.require_version('Soup', '3.0')",
                             "from gi.repository import GstWebRTC, Soup")
        server = self.start(python, "-u", os.path.join(
            os.path.dirname(__file__), "..", "..", "examples", "python",
            "webrtc-server.py"), "--port", str(free_port()), PROMPT)
        page = self.assert_plays(server.stdout.readline().strip())
        page.navigate("about:blank")
        self.assertTrue(wait_for(lambda: "left" in server.stdout.readline()))


if __name__ == "__main__":
    main()
