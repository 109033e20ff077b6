#!/usr/bin/env bash
# A against A, again and again: how many comparisons of the same thing find a false
# regression on this machine. Not for CI: with its defaults it takes about an hour.
#   scripts/aa_campaign.sh [--runs 100] [--from 1] [--blocks 6] [--measure 500ms]
#                          [--netstall FILE] [--folder DIR]
# Runs have the seeds from --from to --runs. With --folder the comparisons are kept in DIR,
# N.json of the run with seed N: a campaign that was ended goes on where it was. Exit status: 0 where at most 9 % have a
# false regression, 1 where more have, 2 for bad usage. Needs root.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

runs=100 from=1 blocks=6 measure=500ms netstall=build/release/bench/cli/netstall folder=
while (($#)); do
  case $1 in
    --runs | --from | --blocks | --measure | --netstall | --folder)
      [[ $# -ge 2 ]] || { echo "aa_campaign: $1 takes a value" >&2; exit 2; }
      printf -v "${1#--}" %s "$2"
      shift 2
      ;;
    *)
      echo "aa_campaign: unknown option $1" >&2
      exit 2
      ;;
  esac
done
if [[ -z $folder ]]; then
  folder=$(mktemp -d)
  trap 'rm -rf -- "$folder"' EXIT
fi
mkdir -p -- "$folder"

scenario=$(cat <<JSON
{
  "schema": 1,
  "name": "aa",
  "why": "Stalls of slow readers, in windows short enough for hundreds of them.",
  "flows": [
    {
      "name": "slow", "connections": 40, "sender": "server", "io": "blocking",
      "payload": { "fixed": "4KiB" }, "reader": { "rate": "400kB/s", "chunk": "4KiB" },
      "socket": { "sndbuf": "32KiB", "rcvbuf": "32KiB" }
    }
  ],
  "timing": { "ramp": "50ms", "warmup": "200ms", "measure": "$measure", "repetitions": 1 }
}
JSON
)
# Other windows or blocks are another campaign.
settings="$blocks blocks of $scenario"
if [[ -e $folder/settings && $(<"$folder/settings") != "$settings" ]]; then
  echo "aa_campaign: $folder holds a campaign with other settings: name another folder" >&2
  exit 2
fi
printf '%s' "$settings" >"$folder/settings"
printf '%s\n' "$scenario" >"$folder/scenario"

for ((run = from; run <= runs; ++run)); do
  [[ -e $folder/$run.json ]] && continue
  # Where a repetition failed (5) the comparison is of the others.
  status=0
  "$netstall" calibrate "$folder/scenario" --blocks "$blocks" --seed "$run" \
    --comparison "$folder/$run.json" -q >/dev/null || status=$?
  ((status == 0 || status == 5)) || exit "$status"
done

python3 - "$folder" "$runs" <<'PYTHON'
import collections
import json
import os
import sys

folder, runs = sys.argv[1], int(sys.argv[2])
names = [name for name in (f"{run}.json" for run in range(1, runs + 1))
         if os.path.exists(os.path.join(folder, name))]
verdicts = collections.Counter()
alarms = 0
for name in names:
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        comparison = json.load(file)
    gating = [row for cell in comparison["cells"] for row in cell["metrics"] if row["gating"]]
    verdicts.update(row["verdict"] for row in gating)
    changed = [f"{row['flow']}: {row['metric']} {row['verdict']} {row['ratio']}"
               for row in gating if row["worse"]]
    if changed:
        alarms += 1
        print(f"seed {name.removesuffix('.json')}: {', '.join(changed)}")
print(f"{alarms} of {len(names)} comparisons had a false regression; "
      + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
sys.exit(0 if names and alarms * 100 <= len(names) * 9 else 1)
PYTHON
