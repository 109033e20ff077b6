#!/usr/bin/env bash
# Runs every scenario of scenarios/claims/ and writes a table of them: whether each came
# out as it expects, and the figures that say so. One that sets something host-wide is
# left out unless that is allowed.
#   scripts/claims.sh [--allow-host-sysctl] [--guest KERNEL] [--out DIR] [NAME...]
#   --allow-host-sysctl  also those with host-wide settings
#   --guest KERNEL       what this machine cannot run is run in a guest, as 6.12
#   --out DIR            where reports and table (claims.md) go (results/claims)
# NETSTALL names the program (build/release/bench/cli/netstall).
# Exit status: 0 when every scenario came to a verdict, whichever; 5 when one did not.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

netstall=${NETSTALL:-build/release/bench/cli/netstall}
out=results/claims
host_options=()
guest=
names=()
while [ $# -gt 0 ]; do
  case "$1" in
    --allow-host-sysctl) host_options=(--allow-host-sysctl); shift ;;
    --guest)
      [ $# -ge 2 ] || { echo "claims.sh: $1 needs a value" >&2; exit 2; }
      guest=$2
      shift 2
      ;;
    --out)
      [ $# -ge 2 ] || { echo "claims.sh: $1 needs a value" >&2; exit 2; }
      out=$2
      shift 2
      ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "claims.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
    *) names+=("$1"); shift ;;
  esac
done
if [ ${#names[@]} -eq 0 ]; then
  for file in scenarios/claims/*.json; do names+=("$(basename "$file" .json)"); done
fi
for name in "${names[@]}"; do
  [ -f "scenarios/claims/$name.json" ] || { echo "claims.sh: there is no scenarios/claims/$name.json" >&2; exit 2; }
done
[ -x "$netstall" ] || { echo "claims.sh: $netstall is not built; NETSTALL can name another" >&2; exit 2; }
mkdir -p "$out"

undecided=0
for name in "${names[@]}"; do
  rm -f "$out/$name.json"
  # What needs leave is known before anything is changed.
  plan=$("$netstall" plan "scenarios/claims/$name.json" "${host_options[@]}" 2>&1)
  planned=$?
  if grep -q 'needs --allow-host-sysctl' <<<"$plan"; then
    echo "claims.sh: $name is left out: it needs --allow-host-sysctl" >&2
    undecided=1
    continue
  fi
  echo "== $name" >&2
  if [ -n "$guest" ] && { [ $planned -eq 4 ] || grep -q '^Cannot be run here' <<<"$plan"; }; then
    "$netstall" run "scenarios/claims/$name.json" -q --guest "$guest" -o "$out/$name.json"
  else
    "$netstall" run "scenarios/claims/$name.json" -q "${host_options[@]}" -o "$out/$name.json"
  fi
  status=$?
  case $status in
    0 | 1) ;;
    *) echo "claims.sh: $name came to no verdict (exit status $status)" >&2; undecided=1 ;;
  esac
done
python3 scripts/claims_table.py "$out" "${names[@]}" | tee "$out/claims.md"
# A cell that was skipped leaves the others' expectations, and no verdict.
if grep -qE '^\| [^|]+ \| no (verdict|report) \|' "$out/claims.md"; then undecided=1; fi
[ $undecided -eq 0 ] || exit 5
