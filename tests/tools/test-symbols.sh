#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shared library exports the public API and nothing else, and the plugin
# its two entry points; neither fails to load where a matrix library is missing.
#
#   test-symbols.sh LIBRARY PUBLIC_HEADERS_FOLDER [PLUGIN]
set -eu

exports ()
{
  nm --dynamic --defined-only --extern-only "$1" | awk '{ print $3 }' | sort
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

exports "$1" >"$work/exported"
{
  grep -hoE '\bopensora_[a-z0-9_]+ \(' "$2"/*.h | tr -d ' ('
  # G_DECLARE_FINAL_TYPE declares the type functions.
  grep -hoE '\(opensora_[a-z_]+_get_type' "$2"/*.h | tr -d '('
} | sort -u >"$work/declared"

status=0
if ! diff "$work/declared" "$work/exported" >"$work/difference"; then
  echo "< declared and not exported, > exported and not declared:"
  cat "$work/difference"
  status=1
fi
if [ $# -gt 2 ] && exports "$3" | grep -v '^gst_plugin_opensora_'; then
  echo "these symbols of $3 should be hidden"
  status=1
fi
for file in "$1" ${3+"$3"}; do
  if readelf -d "$file" | grep -E 'NEEDED.*(blas|dnnl|mkl|gomp|OpenCL)'; then
    echo "$file needs this, which is optional"
    status=1
  fi
done
exit $status
