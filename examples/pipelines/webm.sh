#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# WebM with VP9, for web pages.
#
#   webm.sh [PROMPT [FILE]]
set -eu
prompt=${1:-a red circle moving right on a blue background}
file=${2:-out.webm}

exec gst-launch-1.0 -e opensorasrc prompt="$prompt" \
  ! vp9enc deadline=100000 ! webmmux ! filesink location="$file"
