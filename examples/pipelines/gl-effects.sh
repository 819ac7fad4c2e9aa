#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An effect of OpenGL: sobel, blur, glow, mirror, twirl, xray, ... Without a
# display it is drawn without a window, on the GPU or, by Mesa, on the CPU.
#
#   gl-effects.sh [EFFECT [PROMPT [FILE]]]
set -eu
effect=${1:-mirror}
prompt=${2:-a red circle moving right on a blue background}
file=${3:-out.mp4}

if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  export GST_GL_PLATFORM=egl GST_GL_WINDOW=egl-device
fi
exec gst-launch-1.0 -e opensorasrc prompt="$prompt" \
  ! glupload ! glcolorconvert ! "gleffects_$effect" ! gldownload \
  ! videoconvert ! x264enc ! mp4mux ! filesink location="$file"
