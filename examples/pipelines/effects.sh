#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An effect on the way: agingtv (an old film), edgetv (edges), dicetv, revtv,
# rippletv, warptv, ... Any filter of video goes in this place.
#
#   effects.sh [EFFECT [PROMPT [FILE]]]
set -eu
effect=${1:-edgetv}
prompt=${2:-a red circle moving right on a blue background}
file=${3:-out.mp4}

exec gst-launch-1.0 -e opensorasrc prompt="$prompt" ! "$effect" \
  ! videoconvert ! x264enc ! mp4mux ! filesink location="$file"
