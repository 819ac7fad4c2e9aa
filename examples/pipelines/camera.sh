#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The clips in a corner of a camera's picture. Without a camera a test picture
# stands in for it. Ctrl-C ends it.
#
#   camera.sh [PROMPT [FILE]]
set -eu
prompt=${1:-a red circle moving right on a blue background}
file=${2:-out.mp4}

if [ -e /dev/video0 ]; then
  camera=v4l2src
else
  camera="videotestsrc is-live=true pattern=ball"
fi

# shellcheck disable=SC2086 # an element and its properties
exec gst-launch-1.0 -e compositor name=mix \
    sink_1::xpos=208 sink_1::ypos=128 sink_1::width=96 sink_1::height=96 \
  ! video/x-raw,width=320,height=240,framerate=24/1 ! videoconvert \
  ! x264enc tune=zerolatency ! mp4mux ! filesink location="$file" \
  $camera ! videoconvert ! videoscale ! videorate \
  ! video/x-raw,width=320,height=240,framerate=24/1 ! queue ! mix.sink_0 \
  opensorasrc prompt="$prompt" num-clips=-1 is-live=true ! queue ! mix.sink_1
