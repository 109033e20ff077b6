#!/usr/bin/env bash
# Holds the probe send_wait to silence: 60 s of senders at full speed that never block, watched by
# every backend that loads, show no stall but the one that is planted at the end.
#   scripts/idle.sh [SECONDS [BUILD [KERNEL...]]]   (default: 60 build/release, no guests)
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
seconds=${1-60}
build=$(realpath -- "${2-build/release}")
shift $(($# < 2 ? $# : 2))
tests=("$build/bpf/bpf_kernel_test" '--gtest_filter=SendWaitIdle.*')
NETSTALL_IDLE_SECONDS=$seconds "${tests[@]}"
if [ $# -gt 0 ]; then
  scripts/vm.sh --timeout $((seconds * 4 + 600)) --env NETSTALL_IDLE_SECONDS="$seconds" "$@" -- "${tests[@]}"
fi
