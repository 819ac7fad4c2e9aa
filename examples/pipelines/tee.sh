#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A window and a file at once. The encoder must not look ahead: while it waits
# for frames, the window's queue fills up.
#
#   tee.sh [PROMPT [FILE]]
#
# VIDEOSINK is what shows the frames, default autovideosink.
set -eu
prompt=${1:-a red circle moving right on a blue background}
file=${2:-out.mp4}

# shellcheck disable=SC2086 # elements and properties
exec gst-launch-1.0 -e opensorasrc prompt="$prompt" ! tee name=frames \
  frames. ! queue ! videoconvert ! ${VIDEOSINK:-autovideosink} \
  frames. ! queue ! x264enc tune=zerolatency ! mp4mux \
  ! filesink location="$file"
