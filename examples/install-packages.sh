#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that opensora needs, those that are missing.
#
#   examples/install-packages.sh [--tests]    --tests: also what the tests need
set -eu

packages="gcc g++ meson ninja-build pkg-config
  libglib2.0-dev libjson-glib-dev libsoup-3.0-dev libssl-dev
  libsentencepiece-dev libopenblas-dev
  libdnnl-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-ugly"
if [ "${1:-}" = --tests ]; then
  packages="$packages clang-format valgrind libc6-dbg libgirepository1.0-dev
    gobject-introspection python3 python3-gi python3-venv"
fi

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
