#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds, and runs all tests: an optimised build,
# one with the address and undefined-behaviour sanitizers, and the element's
# tests in valgrind. Runs again at any time.
#
#   tests/run.sh [--quick]    --quick: the optimised build alone
#
# The last line is "N passed, N failed"; the exit status is 0 if none failed.
set -eu
cd "$(dirname "$0")/.."

passed=0
failed=0

# Counts a check that is one command; its output matters if it fails.
check ()
{
  name=$1
  shift
  echo "Checking $name"
  if "$@" >"$output" 2>&1; then
    passed=$((passed + 1))
  else
    tail -n 60 "$output" >&2
    echo "FAIL $name" >&2
    failed=$((failed + 1))
  fi
}

# Sets a build folder up, or brings it to these options, and compiles.
build ()
{
  folder=$1
  shift
  if [ -f "$folder/build.ninja" ]; then
    meson configure "$folder" "$@"
  else
    meson setup "$folder" "$@"
  fi && meson compile -C "$folder"
}

# A Python that has the packages which share files with this project. Tests that
# need one are skipped if it cannot be had.
prepare_python ()
{
  python=$PWD/build-test/python
  "$python/bin/python3" -c 'import huggingface_hub, numpy, safetensors' || {
    python3 -m venv --system-site-packages "$python" &&
      "$python/bin/python3" -m pip install --quiet \
        huggingface_hub numpy safetensors
  }
}

# Runs tests of a build folder and adds up what the log $2 says.
run_tests ()
{
  folder=$1
  log=$1/meson-logs/$2.json
  shift 2
  rm -f "$log"
  meson test -C "$folder" --no-rebuild --print-errorlogs "$@" || true
  counts=$(python3 tests/tools/count-results.py "$log") || counts="0 1"
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
}

finish ()
{
  rm -f "$output"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
  exit
}

output=$(mktemp)
examples/install-packages.sh --tests
examples/install-packages.sh --examples --web ||
  echo "Without these packages, tests of examples are skipped"

check "the layout of the C files" sh -c \
  'find include src gst examples tests -name "*.[ch]" -o -name "*.cc" |
    xargs clang-format --dry-run -Werror'

# The prefix lies in the build folder: one test installs and uses the result.
check "the build, without warnings (build-test)" build build-test \
  -Dwerror=true -Dintrospection=enabled -Dprefix="$PWD/build-test/installed"
if prepare_python >"$output" 2>&1; then
  PATH=$PWD/build-test/python/bin:$PATH
  export PATH
else
  echo "Without Python's packages, tests are skipped: $(tail -n 1 "$output")"
fi
echo "Running the tests"
run_tests build-test testlog
[ "${1:-}" != --quick ] || finish

check "the build with sanitizers (build-asan)" build build-asan \
  -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false \
  -Dintrospection=disabled
echo "Running the tests with sanitizers"
OPENSORA_TEST_TIME_FACTOR=4 run_tests build-asan testlog --no-suite tools \
  --no-suite plugins

echo "Running the element's tests in valgrind"
run_tests build-test testlog-valgrind --setup valgrind --suite gst \
  --no-suite computes

finish
