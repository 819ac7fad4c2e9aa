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

# Counts a check that is one command.
check ()
{
  name=$1
  shift
  echo "Checking $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    echo "FAIL $name" >&2
    failed=$((failed + 1))
  fi
}

# Runs the tests of a build folder and adds up what its log says.
run_tests ()
{
  log=$1/meson-logs/$2.json
  shift 2
  rm -f "$log"
  "$@" || true
  counts=$(python3 tests/tools/count-results.py "$log") || counts="0 1"
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
}

# Sets a build folder up, or brings it to these options, and compiles.
build ()
{
  folder=$1
  shift
  if [ -f "$folder/build.ninja" ]; then
    meson configure "$folder" "$@"
  else
    meson setup "$folder" "$@" >"$folder.log" 2>&1 || {
      cat "$folder.log" >&2
      return 1
    }
  fi
  meson compile -C "$folder"
}

finish ()
{
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
  exit
}

echo "Installing what is missing"
examples/install-packages.sh --tests

check "the layout of the C files" sh -c \
  'git ls-files "*.c" "*.h" "*.cc" | xargs clang-format --dry-run -Werror'

echo "Building in build-test"
check "that warnings do not appear" build build-test -Dwerror=true \
  -Dintrospection=enabled
echo "Running the tests"
run_tests build-test testlog meson test -C build-test --print-errorlogs
[ "${1:-}" != --quick ] || finish

echo "Building in build-asan, with sanitizers"
check "the build with sanitizers" build build-asan -Dwerror=true \
  -Db_sanitize=address,undefined -Db_lundef=false -Dintrospection=disabled
echo "Running the tests with sanitizers"
run_tests build-asan testlog meson test -C build-asan --print-errorlogs \
  --no-suite tools

echo "Running the element's tests in valgrind"
run_tests build-test testlog-valgrind meson test -C build-test \
  --print-errorlogs --setup valgrind --suite gst

finish
