#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks at a stream of examples/python/webrtc-server.py as a browser would.

    webrtc-viewer.py ADDRESS FRAMES LOCATION

LOCATION is a pattern for PNG files.
"""
import sys
import urllib.parse
import urllib.request

import gi

for name in ("Gst", "GstSdp", "GstWebRTC"):
    gi.require_version(name, "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

CAPS = ("application/x-rtp,media=video,encoding-name=VP8,payload=96,"
        "clock-rate=90000")


class Viewer:
    def __init__(self, address, n_frames, location):
        self.address = address
        self.frames = ("rtpvp8depay ! vp8dec ! videoconvert ! pngenc "
                       f"! multifilesink name=sink location={location}")
        self.left = n_frames
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new(None)
        self.peer = Gst.ElementFactory.make("webrtcbin", None)
        self.peer.set_property("bundle-policy",
                               GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.peer)
        self.peer.emit("add-transceiver",
                       GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY,
                       Gst.Caps.from_string(CAPS))
        self.peer.connect("notify::ice-gathering-state", self.on_gathering)
        self.peer.connect("pad-added", self.on_pad)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.peer.emit("create-offer", None,
                       Gst.Promise.new_with_change_func(self.on_offer))
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        urllib.request.urlopen(
            urllib.request.Request(self.place, method="DELETE"))

    def on_offer(self, promise, *_data):
        reply = promise.get_reply()  # owns the offer
        self.peer.emit("set-local-description", reply.get_value("offer"),
                       Gst.Promise.new())

    def on_gathering(self, peer, _spec):
        if (peer.get_property("ice-gathering-state")
                == GstWebRTC.WebRTCICEGatheringState.COMPLETE):
            GLib.idle_add(self.post)

    def post(self):
        offer = self.peer.get_property("local-description").sdp.as_text()
        request = urllib.request.Request(
            urllib.parse.urljoin(self.address, "/whep"), offer.encode(),
            {"Content-Type": "application/sdp"}, method="POST")
        with urllib.request.urlopen(request) as answer:
            self.place = urllib.parse.urljoin(self.address,
                                              answer.headers["Location"])
            _result, sdp = GstSdp.SDPMessage.new_from_text(
                answer.read().decode())
        self.peer.emit("set-remote-description",
                       GstWebRTC.WebRTCSessionDescription.new(
                           GstWebRTC.WebRTCSDPType.ANSWER, sdp),
                       Gst.Promise.new())

    def on_pad(self, _peer, pad):
        frames = Gst.parse_bin_from_description(self.frames, True)
        self.pipeline.add(frames)
        frames.sync_state_with_parent()
        pad.link(frames.get_static_pad("sink"))
        frames.get_by_name("sink").get_static_pad("sink").add_probe(
            Gst.PadProbeType.BUFFER, self.on_frame)

    def on_frame(self, _pad, _info):
        self.left -= 1
        if self.left == 0:
            GLib.idle_add(self.loop.quit)
        return Gst.PadProbeReturn.OK


Gst.init(None)
Viewer(sys.argv[1], int(sys.argv[2]), sys.argv[3]).run()
