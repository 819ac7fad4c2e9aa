#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SRT: MPEG-TS over a bad network. It waits for a viewer, such as
#
#   gst-launch-1.0 srtsrc uri=srt://127.0.0.1:8890 ! decodebin ! autovideosink
#
#   srt.sh [PROMPT [ADDRESS [CLIPS]]]    CLIPS: -1, the default, is without end
set -eu
prompt=${1:-a red circle moving right on a blue background}
address=${2:-srt://:8890?mode=listener}
clips=${3:--1}

exec gst-launch-1.0 -e opensorasrc prompt="$prompt" num-clips="$clips" \
    is-live=true \
  ! x264enc tune=zerolatency ! mpegtsmux ! srtsink uri="$address"
