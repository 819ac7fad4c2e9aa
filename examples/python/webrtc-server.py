#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""WebRTC: a web page with a stream for every viewer. The page posts its offer,
gets the answer, and deletes what it got when it is left, as in WHEP
(WebRTC-HTTP egress protocol).

    webrtc-server.py [--port PORT] [PROMPT]

Needs python3-gi, gir1.2-gst-plugins-bad-1.0, gir1.2-soup-3.0, gstreamer1.0-nice
and gstreamer1.0-plugins-bad.
"""
import argparse
import os
import re
import sys
import uuid

import gi

for name, version in (("Gst", "1.0"), ("GstSdp", "1.0"), ("GstWebRTC", "1.0"),
                      ("Soup", "3.0")):
    gi.require_version(name, version)
from gi.repository import GLib, Gst, GstSdp, GstWebRTC, Soup  # noqa: E402

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "..", "web", "webrtc.html")
STREAM = ("opensorasrc name=source num-clips=-1 is-live=true "
          "! vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay pt={payload} "
          "! application/x-rtp,media=video,encoding-name=VP8,payload={payload} "
          "! webrtcbin name=peer bundle-policy=max-bundle")


class Viewer:
    """The stream of one browser."""

    def __init__(self, prompt, offer, payload, on_answer):
        self.on_answer = on_answer
        self.pipeline = Gst.parse_launch(STREAM.format(payload=payload))
        self.pipeline.get_by_name("source").set_property("prompt", prompt)
        self.peer = self.pipeline.get_by_name("peer")
        self.peer.connect("notify::ice-gathering-state", self.on_gathering)
        self.pipeline.set_state(Gst.State.PLAYING)

        _result, sdp = GstSdp.SDPMessage.new_from_text(offer)
        self.peer.emit("set-remote-description",
                       GstWebRTC.WebRTCSessionDescription.new(
                           GstWebRTC.WebRTCSDPType.OFFER, sdp),
                       Gst.Promise.new_with_change_func(self.on_offer_set))

    def on_offer_set(self, _promise, *_data):
        self.peer.emit("create-answer", None,
                       Gst.Promise.new_with_change_func(self.on_answer_made))

    def on_answer_made(self, promise, *_data):
        reply = promise.get_reply()  # owns the answer
        self.peer.emit("set-local-description", reply.get_value("answer"),
                       Gst.Promise.new())

    def on_gathering(self, peer, _spec):
        """The answer is sent whole, with all addresses of this machine."""
        if (peer.get_property("ice-gathering-state")
                == GstWebRTC.WebRTCICEGatheringState.COMPLETE):
            answer = peer.get_property("local-description")
            GLib.idle_add(self.on_answer, answer.sdp.as_text())

    def end(self):
        self.pipeline.set_state(Gst.State.NULL)


class Server:
    def __init__(self, prompt, port):
        self.prompt = prompt
        self.viewers = {}  # by path
        self.server = Soup.Server()
        self.server.add_handler("/", self.on_page)
        self.server.add_handler("/whep", self.on_whep)
        self.server.listen_local(port, Soup.ServerListenOptions.IPV4_ONLY)

    def on_page(self, _server, message, _path, _query, *_data):
        with open(PAGE, "rb") as page:
            message.set_response("text/html", Soup.MemoryUse.COPY, page.read())
        message.set_status(200, None)

    def on_whep(self, _server, message, path, _query, *_data):
        if message.get_method() == "POST":
            self.add_viewer(message)
        elif message.get_method() == "DELETE" and path in self.viewers:
            self.viewers.pop(path).end()
            print(f"{path} has left", flush=True)
            message.set_status(200, None)
        else:
            message.set_status(404, None)

    def add_viewer(self, message):
        offer = message.get_request_body().flatten().get_data().decode()
        codec = re.search(r"^a=rtpmap:(\d+) VP8/90000", offer, re.M)
        if codec is None:
            message.set_status(400, "the offer has no VP8")
            return

        def answer(text):
            message.get_response_headers().append("Location", path)
            message.set_response("application/sdp", Soup.MemoryUse.COPY,
                                 text.encode())
            message.set_status(201, None)
            message.unpause()

        path = f"/whep/{uuid.uuid4()}"
        message.pause()
        print(f"{path} looks", flush=True)
        self.viewers[path] = Viewer(self.prompt, offer, codec.group(1), answer)


def main():
    parser = argparse.ArgumentParser(description="Serves a page with WebRTC.")
    parser.add_argument("prompt", nargs="?",
                        default="a red circle moving right on a blue background")
    parser.add_argument("--port", type=int, default=8080)
    args = parser.parse_args()

    Gst.init(None)
    server = Server(args.prompt, args.port)
    print(server.server.get_uris()[0].to_string(), flush=True)
    try:
        GLib.MainLoop().run()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
