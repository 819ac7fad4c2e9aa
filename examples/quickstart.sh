#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a clean clone to a video: installs what is missing, builds, and runs one
# pipeline with the bundled demo model. Runs again at any time.
#
#   examples/quickstart.sh [FILE]    FILE: the video, default out.mp4
set -eu

case ${1:-out.mp4} in
  /*) output=$1 ;;
  *) output=$PWD/${1:-out.mp4} ;;
esac
cd "$(dirname "$0")/.."

examples/install-packages.sh

echo "Building in $PWD/build"
log=build.log
if ! { { [ -f build/build.ninja ] || meson setup build; } &&
  meson compile -C build; } >$log 2>&1; then
  tail -n 40 $log >&2
  exit 1
fi

echo "Making a video"
meson devenv -C build gst-launch-1.0 -q \
  opensorasrc prompt="a red circle moving right on a blue background" \
  ! x264enc ! mp4mux ! filesink location="$output"

echo "Done: $output"
