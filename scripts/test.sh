#!/usr/bin/env bash
# Sets up, builds and runs every test: what CI runs. The tests' results are in
# build/*/junit/*.xml; the last line sums them up.
#   scripts/test.sh [--without asan] [--without guests]
# Exit status 0 when nothing failed and no tier was skipped whole.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

guest_kernels=(6.1 6.12)
with_asan=true
with_guests=true
while [ $# -gt 0 ]; do
  case "$1 ${2-}" in
    "--without asan") with_asan=false ;;
    "--without guests") with_guests=false ;;
    *) echo "test.sh: expected --without asan or --without guests, not '$*'" >&2; exit 2 ;;
  esac
  shift 2
done

summary=() # arguments of test_summary.py
job=       # process group of the step that runs

if [ "${CI-}" = true ]; then export NO_COLOR=1 CLICOLOR=0 GTEST_COLOR=no; fi

title() { printf '\n== %s\n' "$*"; }

# Runs a step in a process group of its own, so that an interrupted run leaves
# nothing behind; its exit status is the step's.
run() {
  set -m
  "$@" </dev/null &
  job=$!
  set +m
  local status=0
  wait "$job" || status=$?
  job=
  return "$status"
}
stop() {
  if [ -n "$job" ]; then
    kill -TERM -- "-$job" 2>/dev/null || true
    wait "$job" 2>/dev/null || true
    kill -KILL -- "-$job" 2>/dev/null || true
  fi
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# check NAME COMMAND...: one line of the summary.
check() {
  local name=$1
  shift
  title "$name"
  if run "$@"; then
    summary+=(--check "$name=passed")
  else
    summary+=(--check "$name=failed")
  fi
}

format() {
  git ls-files -z '*.cpp' '*.hpp' '*.c' '*.h' | xargs -0 clang-format --dry-run -Werror
}

# build PRESET: what does not build ends the run here.
build() {
  title "build $1"
  run cmake --preset "$1" >/dev/null
  run cmake --build --preset "$1" -j "$(nproc)"
}

# tier PRESET LABEL: runs the tests of a label and notes its results.
tier() {
  local results=$PWD/build/$1/junit/$2.xml
  title "$2 tier, $1"
  mkdir -p "${results%/*}"
  rm -f "$results"
  # A failure is in the results; a run that ended early has none.
  run ctest --test-dir "build/$1" -L "^$2\$" -j "$(nproc)" --output-on-failure \
    --output-junit "$results" || true
  summary+=("$2 ($1)=$results")
}

# Every test must be of a tier: the others would never run.
all_have_a_tier() {
  local others
  others=$(ctest --test-dir "$1" -N -LE '^(unit|netns|kernel|page)$' | grep -E '^ *Test +#' || true)
  [ -z "$others" ] || { echo "without a tier:"; echo "$others"; return 1; }
}

# guest KERNEL: the kernel tier of the release build under another kernel.
guest() {
  local out=$PWD/build/release/junit/guest status=0
  title "kernel tier, Linux $1"
  rm -rf "${out:?}/$1"
  mkdir -p "$out"
  # vm.* are the guests' own tests.
  # Its TCP memory is the tests' own to limit.
  run scripts/vm.sh --env NETSTALL_TEST_OWNS_MACHINE=1 --out "$out" "$1" -- \
    ctest --test-dir "$PWD/build/release" \
    -L '^kernel$' -E '^vm\.' --output-on-failure --output-junit /out/kernel.xml || status=$?
  if [ "$status" -eq 4 ]; then
    summary+=(--check "kernel (Linux $1)=skipped: this machine cannot run guests")
  else
    summary+=("kernel (Linux $1)=$out/$1/kernel.xml")
  fi
}

title "set up"
run scripts/setup.sh --tests
check "format" format
build release
check "every test has a tier" all_have_a_tier build/release
for label in unit netns kernel page; do tier release "$label"; done
if $with_asan; then
  build asan
  for label in unit netns; do tier asan "$label"; done
fi
check "clang-tidy" scripts/tidy.sh
if $with_guests; then
  for kernel in "${guest_kernels[@]}"; do guest "$kernel"; done
fi

title "summary"
scripts/test_summary.py "${summary[@]}"
