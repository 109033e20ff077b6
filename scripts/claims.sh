#!/usr/bin/env bash
# Runs every scenario of scenarios/claims/ to a verdict, and writes a table of them: whether
# each came out as it expects, and the figures that say so. A scenario runs on this machine
# where it can run whole and changes nothing host-wide; else in a guest kernel, whose
# host-wide settings are its own (scripts/vm.sh).
#   scripts/claims.sh [--allow-host-sysctl] [--guest KERNEL] [--out DIR] [NAME...]
#   --allow-host-sysctl  host-wide settings here, not in a guest
#   --guest KERNEL       as vm.sh takes it (6.1, which has cgroup v1's TCP memory limit)
#   --out DIR            where reports and table go (results/claims)
# NETSTALL names the program (build/release/bench/cli/netstall).
# Exit status: 0 when every scenario came to a verdict, whichever; 5 when one did not.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

netstall=${NETSTALL:-build/release/bench/cli/netstall}
kernel=6.1
out=results/claims
host_options=()
names=()
while [ $# -gt 0 ]; do
  case "$1" in
    --allow-host-sysctl) host_options=(--allow-host-sysctl); shift ;;
    --guest | --out)
      [ $# -ge 2 ] || { echo "claims.sh: $1 needs a value" >&2; exit 2; }
      if [ "$1" = --guest ]; then kernel=$2; else out=$2; fi
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

# run_in_guest NAME: its report into $out; the exit status is netstall's.
run_in_guest() {
  local folder status
  folder=$(mktemp -d)
  scripts/vm.sh --cgroup v1 --timeout 3600 --out "$folder" "$kernel" -- \
    "$netstall" run "scenarios/claims/$1.json" -q --allow-host-sysctl -o /out/report.json
  status=$?
  [ ! -f "$folder/$kernel/report.json" ] || cp "$folder/$kernel/report.json" "$out/$1.json"
  rm -rf "$folder"
  return $status
}

undecided=0
for name in "${names[@]}"; do
  rm -f "$out/$name.json"
  # What needs leave is known before anything is changed.
  plan=$("$netstall" plan "scenarios/claims/$name.json" "${host_options[@]}" 2>&1) || true
  status=4
  if ! grep -q 'needs --allow-host-sysctl' <<<"$plan"; then
    echo "== $name" >&2
    "$netstall" run "scenarios/claims/$name.json" -q "${host_options[@]}" -o "$out/$name.json"
    status=$?
  fi
  # A skip settles nothing.
  if [ $status -eq 4 ] || { [ -f "$out/$name.json" ] && grep -q '"status": "skipped"' "$out/$name.json"; }; then
    echo "== $name (guest $kernel)" >&2
    run_in_guest "$name"
    status=$?
  fi
  case $status in
    0 | 1) ;;
    *) echo "claims.sh: $name came to no verdict (exit status $status)" >&2; undecided=1 ;;
  esac
done
python3 scripts/claims_table.py "$out" "${names[@]}" | tee "$out/claims.md"
[ $undecided -eq 0 ] || exit 5
