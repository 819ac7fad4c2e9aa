#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A web page with a live stream by HLS: http://127.0.0.1:8000/
#
#   serve.sh [PROMPT [PORT]]
set -eu
prompt=${1:-a red circle moving right on a blue background}
port=${2:-8000}
here=$(dirname "$0")

folder=$(mktemp -d)
cp "$here/index.html" "$folder"
"$here/../pipelines/hls.sh" "$prompt" "$folder" >/dev/null &
stream=$!
python3 -m http.server --bind 127.0.0.1 --directory "$folder" "$port" &
server=$!
trap 'kill "$stream" "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
wait "$server"
