#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# RTMP, the way into most streaming services and servers.
#
#   rtmp.sh [PROMPT [ADDRESS [CLIPS]]]    CLIPS: -1, the default, is without end
#
# A server to try it with: ffmpeg -listen 1 -i rtmp://127.0.0.1/live/demo out.mkv
set -eu
prompt=${1:-a red circle moving right on a blue background}
address=${2:-rtmp://127.0.0.1/live/demo}
clips=${3:--1}

exec gst-launch-1.0 -e opensorasrc prompt="$prompt" num-clips="$clips" \
    is-live=true \
  ! x264enc tune=zerolatency ! flvmux streamable=true \
  ! rtmp2sink location="$address"
