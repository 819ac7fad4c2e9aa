#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# HTTP Live Streaming: a playlist and its segments in a folder that any web
# server can hand out. is-live pushes a frame at every time of the clock, black
# ones until the first clip is there.
#
#   hls.sh [PROMPT [FOLDER [CLIPS]]]    CLIPS: -1, the default, is without end
set -eu
prompt=${1:-a red circle moving right on a blue background}
folder=${2:-hls}
clips=${3:--1}

mkdir -p "$folder"
exec gst-launch-1.0 -e opensorasrc prompt="$prompt" num-clips="$clips" \
    is-live=true \
  ! x264enc tune=zerolatency \
  ! hlssink2 target-duration=2 playlist-location="$folder/index.m3u8" \
    location="$folder/segment-%05d.ts"
