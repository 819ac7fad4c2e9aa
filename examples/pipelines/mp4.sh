#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# MP4 with H.264, which every player shows. With -e, Ctrl-C leaves a whole file.
#
#   mp4.sh [PROMPT [FILE]]
set -eu
prompt=${1:-a red circle moving right on a blue background}
file=${2:-out.mp4}

exec gst-launch-1.0 -e opensorasrc prompt="$prompt" \
  ! x264enc ! mp4mux ! filesink location="$file"
