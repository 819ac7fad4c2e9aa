#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs and uses the result as a stranger would: a program built with
# pkg-config, the plugin, the tool.
#
#   test-install.sh SOURCE_ROOT BUILD_ROOT PREFIX LIBDIR DATADIR
#
# A prefix inside the build folder (tests/run.sh has one) is installed to
# directly, so that the paths compiled into the library count. Any other prefix
# is moved to a temporary folder and the data folder is named.
set -eu
source=$1 build=$2 prefix=$3 libdir=$4 datadir=$5
prompt="a red circle moving right on a blue background"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the environment of the tests says must not help.
unset OPENSORA_DATA_DIR GST_PLUGIN_PATH_1_0

echo "# meson devenv"
(
  unset GST_REGISTRY
  meson devenv -C "$build" gst-launch-1.0 -q \
    opensorasrc num-frames=1 steps=1 ! fakesink
  [ -s "$build/gst-registry.bin" ]
)

case $prefix in
  "$build"/*)
    rm -rf "$prefix"
    root=$prefix
    meson install -C "$build" --no-rebuild --quiet
    ;;
  *)
    root=$work/root$prefix
    DESTDIR=$work/root meson install -C "$build" --no-rebuild --quiet
    sed -i "s|^prefix=.*|prefix=$root|" "$root/$libdir"/pkgconfig/*.pc
    export OPENSORA_DATA_DIR="$root/$datadir/opensora"
    ;;
esac
export LD_LIBRARY_PATH="$root/$libdir" GST_REGISTRY="$work/registry.bin"
export PKG_CONFIG_PATH="$root/$libdir/pkgconfig"
export GST_PLUGIN_PATH="$root/$libdir/gstreamer-1.0"
export GI_TYPELIB_PATH="$root/$libdir/girepository-1.0"

echo "# a program on the public API"
# shellcheck disable=SC2046 # a list of words
cc -Wall -Wextra -Werror -Wno-unused-parameter "$source/examples/generate.c" \
  $(pkg-config --cflags --libs opensora-0.1) -o "$work/generate"
"$work/generate" "$prompt" "$work" >/dev/null
[ "$(find "$work" -name 'frame-*.ppm' | wc -l)" = 17 ]

echo "# the element"
gst-inspect-1.0 opensorasrc | grep -q 'Origin URL'
gst-inspect-1.0 opensorasrc | grep -q "$GST_PLUGIN_PATH/libgstopensora.so"

echo "# the tool"
"$root/bin/opensora" --version | grep -q '^opensora [0-9]'
"$root/bin/opensora" generate "$prompt" --num-frames=1 -o "$work/still.png"
[ -s "$work/still.png" ]

# The system's Python has the package python3-gi, whatever else is installed.
python=/usr/bin/python3
if [ -d "$GI_TYPELIB_PATH" ] && $python -c 'import gi' 2>/dev/null; then
  echo "# the type library"
  $python -c 'import gi
gi.require_version("Opensora", "0.1")
from gi.repository import Opensora
params = Opensora.Params(prompt="a star", steps=3)
assert params.get_prompt() == "a star" and params.get_steps() == 3
pipeline = Opensora.Pipeline.new(None, None, 0)
assert pipeline.load(None, None)
frames, stages = [], set()
def frame(rgb, width, height, index, data):
    frames.append(rgb.get_size() == 3 * width * height and index == len(frames))
    return True
def progress(stage, done, total, data):
    stages.add(stage)
assert pipeline.generate(params, frame, progress=progress)
assert len(frames) == 17 and all(frames) and len(stages) == 3'
fi

vapi="$root/$datadir/vala/vapi"
if [ -d "$vapi" ] && command -v valac >/dev/null; then
  echo "# a program in Vala"
  mkdir "$work/vala"
  valac --vapidir "$vapi" --pkg opensora-0.1 -d "$work/vala" -o generate \
    "$source/examples/generate.vala"
  "$work/vala/generate" "$prompt" "$work/vala" >/dev/null
  cmp "$work/vala/frame-0016.ppm" "$work/frame-0016.ppm"
fi
