#!/usr/bin/env bash
# Builds the fuzz targets (preset fuzz: clang, libFuzzer, AddressSanitizer, UBSan) and
# runs each in turn; what they find is a file in build/fuzz/findings/TARGET.
#   scripts/fuzz.sh [--keep] [SECONDS] [TARGET...]
#   --keep     inputs that reach new code are kept: tests/fuzz/corpus/TARGET becomes the
#              smallest set, of what is there and what was found, that reaches it all
#   SECONDS    for each (60)
#   TARGET     of tests/fuzz/TARGET.cpp (all)
# Exit status: 0 when nothing was found, 1 else.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }
keep=false
seconds=60
case "${1-}" in
  -h | --help) usage; exit 0 ;;
  --keep) keep=true; shift ;;
esac
if [[ ${1-} =~ ^[0-9]+$ ]]; then
  seconds=$1
  shift
fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(scenario profile report messages)
for target in "${targets[@]}"; do
  [ -f "tests/fuzz/$target.cpp" ] || { echo "fuzz.sh: there is no tests/fuzz/$target.cpp" >&2; exit 2; }
done

# Three megabytes that only fuzzing needs.
runtime=libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev
if [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$runtime" 2>/dev/null)" != "ii " ]; then
  [ "$(id -u)" -eq 0 ] || { echo "fuzz.sh: install $runtime" >&2; exit 4; }
  echo "fuzz.sh: installing $runtime" >&2
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$runtime" >/dev/null
fi
build=build/fuzz
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz

findings=0
for target in "${targets[@]}"; do
  program=$build/tests/fuzz/fuzz_$target
  corpus=tests/fuzz/corpus/$target
  new=$build/new/$target
  found=$build/findings/$target
  mapfile -t seeds <"$build/tests/fuzz/$target.seeds"
  mkdir -p "$new" "$found"
  before=$(find "$found" -type f | wc -l)
  dictionary=()
  if [ -f "tests/fuzz/$target.dict" ]; then dictionary=("-dict=tests/fuzz/$target.dict"); fi
  log=$build/$target.log
  # -timeout: one input that takes longer than this many seconds is a finding.
  "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
    -print_final_stats=1 "${dictionary[@]}" -artifact_prefix="$found/" \
    "$new" "$corpus" "${seeds[@]}" >"$log" 2>&1 || true
  now=$(($(find "$found" -type f | wc -l) - before))
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "$target: ${executions:-?} executions, $now findings$([ "$now" -eq 0 ] || echo " (in $found; $log)")"
  findings=$((findings + now))
  if [ -z "$executions" ] && [ "$now" -eq 0 ]; then
    tail -n 20 "$log" >&2
    findings=$((findings + 1))
  fi
  if $keep; then
    merged=$build/merged/$target
    rm -rf "$merged"
    mkdir -p "$merged"
    # What the seeds reach they will reach again.
    "$program" -set_cover_merge=1 -use_counters=0 -timeout=10 -max_len=1500 "$merged" "${seeds[@]}" "$corpus" "$new" >>"$log" 2>&1
    for seed in "${seeds[@]}"; do
      find "$seed" -maxdepth 1 -type f -exec sha1sum {} + | cut -d' ' -f1 |
        while read -r name; do rm -f "$merged/$name"; done
    done
    find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    cp -- "$merged"/* "$corpus/"
    echo "$target: $(find "$corpus" -type f | wc -l) inputs kept, $(du -sb "$corpus" | cut -f1) bytes"
  fi
done
[ "$findings" -eq 0 ] || exit 1
