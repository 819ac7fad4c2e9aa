#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes the readers of checkpoints, configs and prompts with libFuzzer and
# sanitizers, in build-fuzz. Needs clang and its run-time library (Debian 12:
# clang and libclang-rt-14-dev).
#
#   tests/fuzz/run.sh [SECONDS [TARGET...]]    default: 600, all targets
#
# Inputs that add coverage are collected in build-fuzz/corpus; one that fails is
# written to build-fuzz and named at the end of the output.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- safetensors zip pickle index checkpoint config prompt

[ -f build-fuzz/build.ninja ] || CC=clang CXX=clang++ meson setup build-fuzz \
  -Dc_args=-fsanitize=fuzzer-no-link -Db_sanitize=address,undefined \
  -Db_lundef=false -Dintrospection=disabled -Dgstreamer=disabled \
  -Donednn=disabled
# shellcheck disable=SC2046 # a list of words
ninja -C build-fuzz $(printf 'tests/fuzz/libfuzzer-%s ' "$@")

# Temporary files in memory.
[ ! -d /dev/shm ] || export TMPDIR=/dev/shm
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
for target; do
  seeds=tests/fuzz/corpus/$target
  [ -d "$seeds" ] || seeds="tests/data/weights tests/data/weights/hostile"
  mkdir -p "build-fuzz/corpus/$target"
  echo "Fuzzing $target for $seconds s"
  # shellcheck disable=SC2086 # a list of folders
  build-fuzz/tests/fuzz/libfuzzer-"$target" -max_total_time="$seconds" \
    -max_len=65536 -rss_limit_mb=1024 -timeout=5 -print_final_stats=1 \
    -artifact_prefix=build-fuzz/ "build-fuzz/corpus/$target" $seeds
done
