#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The opensora tool: files of every type, refusals, exit status, Ctrl-C.
#
#   test-cli.sh TOOL
set -eu
tool=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
prompt="a green square moving up on a black background"

fail ()
{
  echo "FAIL: $*" >&2
  exit 1
}

# Runs the tool, which must exit with $1 and say $2 on standard error.
expect ()
{
  status=0
  wanted=$1 words=$2
  shift 2
  "$tool" "$@" >stdout 2>stderr || status=$?
  [ "$status" = "$wanted" ] || fail "$* exits with $status: $(cat stderr)"
  [ -z "$words" ] || grep -q -e "$words" stderr || fail "$* says: $(cat stderr)"
}

echo "# commands"
"$tool" --version | grep -q '^opensora [0-9.]*$'
"$tool" --help | grep -q generate
"$tool" generate --help | grep -q -e --guidance-scale
expect 1 "unknown command 'dance'" dance
expect 1 Commands:

echo "# refusals leave no file and no mark on an older one"
expect 1 "-o FILE" generate "$prompt"
expect 1 "Unknown option" generate "$prompt" -o a.mp4 --wings=2
expect 1 "\.y4m" generate "$prompt" -o a.avi
expect 1 "not a legal value" generate "$prompt" -o a.mp4 --steps=many
expect 1 "not a legal value" generate "$prompt" -o a.mp4 --steps=-1
expect 1 "pattern" generate "$prompt" -o a.png --num-frames=17
expect 1 "pattern" generate "$prompt" -o a.png --num-clips=2
expect 1 "33 are 32 and 40" generate "$prompt" -o a.mp4 --width=33
expect 1 "width/height" generate "$prompt" -o a.mp4 --aspect-ratio=9:16
expect 1 "and the limit is 1000" generate "$prompt" -o a.mp4 --memory-limit=1000
# No mp4mux: 1.22 has a critical for an end without caps.
echo old >b.y4m
expect 1 "/nowhere" generate "$prompt" -o b.y4m --model=/nowhere
expect 1 "^error: LocalEntryNotFound: model: org/none" \
  generate "$prompt" -o b.y4m --model=org/none --local-files-only=true
[ "$(cat b.y4m)" = old ] || fail "the older file changed"
[ -z "$(find . -name 'a.*' -o -name '*.part')" ] || fail "files left: $(ls)"

echo "# files"
expect 0 a.mp4 generate "$prompt" -o a.mp4 --steps=2 --seed=7 --n-threads=1
head -c 8 a.mp4 | grep -q ftyp || fail "no mp4"
grep -q moov a.mp4 || fail "the mp4 has no index"
expect 0 "" generate "$prompt" -o a.y4m --steps=2 --quiet --fps=10
head -n 1 a.y4m | grep -q 'YUV4MPEG2.*W32 H32.*F10:1' || fail "no y4m"
[ ! -s stderr ] || fail "--quiet says: $(cat stderr)"
expect 0 a.png generate "$prompt" -o a.png --steps=2
expect 0 "" generate "$prompt" -o f-%02d.png --steps=2 --num-frames=17
[ "$(find . -name 'f-*.png' | wc -l)" = 17 ] || fail "frames: $(ls)"

echo "# a file of prompts"
printf 'a red circle\na yellow star\n' >prompts.txt
expect 1 "both set" generate "$prompt" -o g.y4m --prompt-path=prompts.txt
expect 0 "4 clips" generate -o g.y4m --prompt-path=prompts.txt --num-clips=2 \
  --steps=1 --num-frames=1
[ "$(grep -ao FRAME g.y4m | wc -l)" = 4 ] || fail "no four pictures in the file"

echo "# Ctrl-C"
for signal in INT TERM; do
  "$tool" generate "$prompt" -o c.mp4 --steps=1000 --num-frames=340 2>stderr &
  child=$!
  sleep 1
  kill -s "$signal" "$child"
  status=0
  wait "$child" || status=$?
  [ "$status" = 130 ] || fail "SIG$signal exits with $status"
  [ -z "$(find . -name 'c.mp4*')" ] || fail "SIG$signal leaves $(ls)"
done
