#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# GIF, APNG or animated WebP by the ending of the file. GStreamer 1.22 has no
# encoder for these in Debian: the frames go through a pipe to ffmpeg.
# (`opensora generate -o FILE.gif` needs no ffmpeg.)
#
#   animation.sh [PROMPT [FILE]]
set -eu
prompt=${1:-a red circle moving right on a blue background}
file=${2:-out.gif}

case $file in
  *.gif) options="-vf split[a][b];[a]palettegen[p];[b][p]paletteuse" ;;
  *.apng) options="-plays 0" ;;
  *.webp) options="-loop 0" ;;
  *)
    echo "$file: the ending must be .gif, .apng or .webp" >&2
    exit 2
    ;;
esac

# shellcheck disable=SC2086 # words of options
gst-launch-1.0 -q opensorasrc prompt="$prompt" ! y4menc ! fdsink |
  ffmpeg -loglevel error -y -f yuv4mpegpipe -i - $options "$file"
