#!/usr/bin/env bash
# From a bare Debian 12 machine to a first report: installs what is missing,
# builds, runs scenarios/quickstart.json. Run it as root. Quick the second time.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ]; then
  echo "quickstart.sh: this needs root: it makes network namespaces and loads eBPF programs" >&2
  echo "  → sudo scripts/quickstart.sh" >&2
  exit 4
fi
scripts/setup.sh
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "quickstart.sh: building (some minutes the first time)" >&2
if ! { cmake --preset quick && cmake --build --preset quick --target netstall; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "quickstart.sh: the build failed" >&2
  exit 5
fi
netstall=build/quick/bench/cli/netstall
status=0
"$netstall" run scenarios/quickstart.json "$@" || status=$?
echo "The program is $netstall; try '$netstall doctor'." >&2
exit "$status"
