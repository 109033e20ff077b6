#!/usr/bin/env bash
# A against A, again and again: how many comparisons of the same thing find a false
# regression on this machine. Not for CI: with its defaults it takes about an hour.
#   scripts/aa_campaign.sh [RUNS] [NETSTALL] [BLOCKS]   default: 100 runs, build/release, 6 blocks
# Exit status 1 where more than 9 % have one. Needs root.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

runs=${1:-100}
netstall=${2:-build/release/bench/cli/netstall}
blocks=${3:-6}
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT

cat >"$folder/aa.json" <<'JSON'
{
  "schema": 1,
  "name": "aa",
  "why": "Stalls of slow readers, in windows short enough for hundreds of them.",
  "flows": [
    {
      "name": "slow", "connections": 20, "sender": "server", "io": "blocking",
      "payload": { "fixed": "4KiB" }, "reader": { "rate": "400kB/s", "chunk": "4KiB" },
      "socket": { "sndbuf": "32KiB", "rcvbuf": "32KiB" }
    }
  ],
  "timing": { "ramp": "50ms", "warmup": "200ms", "measure": "1s", "repetitions": 1 }
}
JSON

false_alarms=0
for ((run = 1; run <= runs; ++run)); do
  "$netstall" calibrate "$folder/aa.json" --blocks "$blocks" --seed "$run" \
    --comparison "$folder/comparison.json" -q >"$folder/text"
  if line=$(python3 - "$folder/comparison.json" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    comparison = json.load(file)
worse = [f"{r['flow']}: {r['metric']} {r['verdict']} {r['ratio']}"
         for cell in comparison["cells"] for r in cell["metrics"] if r["gating"] and r["worse"]]
print(", ".join(worse) or "none", comparison["counts"])
sys.exit(1 if worse else 0)
PYTHON
  ); then :; else false_alarms=$((false_alarms + 1)); fi
  echo "run $run: $line"
done
echo "$false_alarms of $runs comparisons had a false regression"
((false_alarms * 100 <= runs * 9))
