#!/usr/bin/env bash
# `netstall ab` between send buffers of 64 KiB and 16 KiB on slow-readers: with the smaller
# one a sender waits more often, and ab must say so every time, with the right sign.
#   scripts/ab_check.sh [RUNS] [NETSTALL]     default: 10 runs of build/release
# Every second run exchanges the arms. Needs root; about a minute a run.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

runs=${1:-10}
netstall=${2:-build/release/bench/cli/netstall}
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT

# Few connections and windows of 1 s, so that ten runs are ten minutes. The receive
# buffers are held small: left to the kernel they grow for longer than such a window,
# and until they are full the send buffer does not matter.
changes=(--set /flows/0/connections=10 --set /flows/1/connections=20
         --set /flows/1/reader/rate=128kB/s --set /flows/1/socket/rcvbuf=32KiB
         --set /timing/ramp=200ms --set /timing/warmup=500ms --set /timing/measure=1s
         --set '/sweep={"/sysctl/server/net.ipv4.tcp_wmem":["4096 16384 4194304"]}'
         --metric stall.rate)
large=/flows/1/socket/sndbuf=64KiB
small=/flows/1/socket/sndbuf=16KiB

right=0
for ((run = 1; run <= runs; ++run)); do
  a=$large b=$small expected=regressed
  if ((run % 2 == 0)); then a=$small b=$large expected=improved; fi
  status=0
  "$netstall" ab scenarios/slow-readers.json "${changes[@]}" --a "$a" --b "$b" --seed "$run" \
    --format json -o "$folder/$run.json" || status=$?
  if line=$(python3 - "$folder/$run.json" "$expected" "$status" <<'PYTHON'
import json
import sys

path, expected, status = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    comparison = json.load(file)
rows = [r for cell in comparison["cells"] for r in cell["metrics"]
        if (r["flow"], r["metric"]) == ("slow", "stall.rate")]
right = [r["verdict"] for r in rows] == [expected] and status == ("1" if expected == "regressed" else "0")
for row in rows:
    print(f"stall.rate of slow {row['verdict']}, ratio {row['ratio']}, "
          f"95 % {row['ratio_interval']}, q {row['q']}")
sys.exit(0 if right else 1)
PYTHON
  ); then right=$((right + 1)); fi
  echo "run $run: expected $expected: $line (status $status)"
done
echo "$right of $runs right"
[[ $right -eq $runs ]]
