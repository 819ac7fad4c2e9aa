#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that opensora needs, those that are missing.
#
#   examples/install-packages.sh [--tests] [--examples] [--web]
#
#   --tests     also what the tests need
#   --examples  also what all of the examples need, but those of
#   --web       which need a browser
set -eu

packages="gcc g++ meson ninja-build pkg-config
  libglib2.0-dev libjson-glib-dev libsoup-3.0-dev libssl-dev
  libsentencepiece-dev libopenblas-dev
  libdnnl-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-ugly"
for option; do
  case $option in
    --tests)
      packages="$packages clang-format valgrind libc6-dbg
        libgirepository1.0-dev gobject-introspection python3 python3-gi
        python3-venv"
      ;;
    --examples)
      packages="$packages gstreamer1.0-plugins-bad gstreamer1.0-libav
        gstreamer1.0-nice gstreamer1.0-gl gstreamer1.0-x libegl1
        libgl1-mesa-dri gir1.2-gst-plugins-bad-1.0
        gir1.2-gst-rtsp-server-1.0 gir1.2-soup-3.0 python3 python3-gi ffmpeg
        valac xvfb"
      ;;
    --web) packages="$packages chromium-headless-shell" ;;
    *)
      echo "$option: unknown option" >&2
      exit 2
      ;;
  esac
done

missing=
for package in $packages; do
  dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null |
    grep -q '^install ok installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "run this as root, or install:$missing" >&2
    exit 1
  }
  sudo=sudo
fi
echo "Installing packages:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words
if ! { $sudo apt-get update -qq &&
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  exit 1
fi
