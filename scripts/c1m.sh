#!/usr/bin/env bash
# What many connections that carry nothing cost: the time to connect them against a bare loop of
# connect(), the workers' memory, what `ss -s` counts in both namespaces, and how all of it grows.
# Needs root and a build. A million take about 5 GiB and some minutes.
#   scripts/c1m.sh [--connections N,N,…] [--rounds N] [--out FILE]
#   --connections N,N   one after the other (10000,100000,1000000)
#   --rounds N          both connect so often, in turns; medians are shown (5)
#   --out FILE          the figures (results/c1m.json); the table goes to stdout
# NETSTALL_STAGE names the program (build/release/bench/benchmarks/netstall-stage).
# Exit status: 0 measured, targets met or not; 2 bad usage; 4 something is missing; 5 a program
# failed, or the counts of ss are not those that were asked for.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
case "${1-}" in
  -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
exec python3 scripts/c1m_curve.py "$@"
