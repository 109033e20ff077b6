#!/usr/bin/env bash
# Sets up, builds and runs every test: what CI runs. The tests' results are in
# build/*/junit/*.xml; the last line sums them up. Tests mostly wait for what they
# measure: what only computes goes on beside them, on a CPU that nobody else wants.
#   scripts/test.sh [--without asan] [--without guests] [--guests whole]
#   --guests whole   there also the tests of whole programs, which take minutes each when emulated
# Exit status 0 when nothing failed and no tier was skipped whole.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

guest_kernels=(6.1 6.12)
with_asan=true
with_guests=true
left_out_in_guests='^(vm|program)\.' # vm.* are the guests' own tests
while [ $# -gt 0 ]; do
  case "$1 ${2-}" in
    "--without asan") with_asan=false ;;
    "--without guests") with_guests=false ;;
    "--guests whole") left_out_in_guests='^vm\.' ;;
    *)
      echo "test.sh: expected --without asan, --without guests or --guests whole, not '$*'" >&2
      exit 2
      ;;
  esac
  shift 2
done

summary=() # arguments of test_summary.py
job=       # process group of the step that runs
declare -A beside_jobs=() # and of those beside it, by name

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
  local each
  for each in $job "${beside_jobs[@]}"; do
    kill -TERM -- "-$each" 2>/dev/null || true
    wait "$each" 2>/dev/null || true
    kill -KILL -- "-$each" 2>/dev/null || true
  done
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# beside NAME COMMAND...: starts it for when nobody else wants a CPU; beside_first NAME COMMAND...
# before all others; await NAME shows what it said and has its exit status.
beside() { begin_beside "$1" "chrt --idle --pid 0" "${@:2}"; }
beside_first() { begin_beside "$1" "renice -n -10 -p" "${@:2}"; }
begin_beside() { # begin_beside NAME PRIORITY COMMAND...
  local name=$1 priority=$2
  shift 2
  title "$name begins, beside what follows (build/$name.log)"
  mkdir -p build
  set -m
  (
    set +m
    $priority "$BASHPID" >/dev/null 2>&1 || true # a container may not
    "$@"
  ) </dev/null >"build/$name.log" 2>&1 &
  beside_jobs[$name]=$!
  set +m
}
await() {
  local name=$1 status=0
  wait "${beside_jobs[$name]}" || status=$?
  unset "beside_jobs[$name]"
  title "$name"
  cat "build/$name.log"
  return "$status"
}

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

build() { # build PRESET
  cmake --preset "$1" >/dev/null
  cmake --build --preset "$1" -j "$(nproc)"
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

guest_results=$PWD/build/release/junit/guest

# The kernel tier of the release build under other kernels, one after the other.
guests() {
  local kernel status
  rm -rf "$guest_results"
  mkdir -p "$guest_results"
  for kernel in "${guest_kernels[@]}"; do
    title "Linux $kernel"
    status=0
    # Its TCP memory is the tests' own to limit. An emulated CPU stands still at times: what
    # fails there is tried once more.
    scripts/vm.sh --timeout 2400 --env NETSTALL_TEST_OWNS_MACHINE=1 --out "$guest_results" "$kernel" -- \
      ctest --test-dir "$PWD/build/release" -L '^kernel$' -E "$left_out_in_guests" \
      --repeat until-pass:2 --output-on-failure --output-junit /out/kernel.xml || status=$?
    echo "$status" >"$guest_results/$kernel.status"
  done
}

# Their results; one that never ran has none.
note_guests() {
  local kernel
  for kernel in "${guest_kernels[@]}"; do
    if [ "$(cat "$guest_results/$kernel.status" 2>/dev/null)" = 4 ]; then
      summary+=(--check "kernel (Linux $kernel)=skipped: this machine cannot run guests")
    else
      summary+=("kernel (Linux $kernel)=$guest_results/$kernel/kernel.xml")
    fi
  done
}

title "set up"
run scripts/setup.sh --tests
check "format" format
title "build release"
run build release
check "every test has a tier" all_have_a_tier build/release
if $with_asan; then beside build-asan build asan; fi
for label in unit netns; do tier release "$label"; done
if $with_asan; then await build-asan; fi # what does not build ends the run here
# Their figures want the machine for themselves.
for label in kernel page; do tier release "$label"; done
beside clang-tidy scripts/tidy.sh
# Emulated, one processor of theirs is all that they use.
if $with_guests; then beside_first guests guests; fi
if $with_asan; then tier asan unit; fi
if $with_guests; then
  await guests || true # what failed is in the results
  note_guests
fi
if await clang-tidy; then
  summary+=(--check "clang-tidy=passed")
else
  summary+=(--check "clang-tidy=failed")
fi
if $with_asan; then tier asan netns; fi

title "summary"
scripts/test_summary.py "${summary[@]}"
