#!/usr/bin/env bash
# netstall's generators against Debian's iperf3, iperf, nuttcp and sockperf: all in one lab, taking
# turns, each round in another order. Needs root and a build; about 3 minutes by default.
#   scripts/peers.sh [--rounds N] [--seconds N] [--tools A,B] [--out FILE] [--install]
#   --rounds N    (5)
#   --seconds N   of a measured window (3)
#   --tools A,B   of iperf3, iperf, nuttcp, sockperf (all)
#   --out FILE    the figures (results/peers.json); the table goes to stdout
#   --install     installs with apt what is missing of them
# NETSTALL_STAGE names the program (build/release/bench/benchmarks/netstall-stage).
# Exit status: 0 measured, targets met or not; 2 bad usage; 4 something is missing; 5 a program failed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

tools=iperf3,iperf,nuttcp,sockperf
install=false
arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --tools) tools=${2?"peers.sh: --tools needs a value"}; shift 2 ;;
    --install) install=true; shift ;;
    --rounds | --seconds | --out) arguments+=("$1" "${2?"peers.sh: $1 needs a value"}"); shift 2 ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "peers.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
  esac
done

missing=()
for tool in ${tools//,/ }; do
  case "$tool" in
    iperf3 | iperf | nuttcp | sockperf) ;;
    *) echo "peers.sh: unknown tool '$tool' (see --help)" >&2; exit 2 ;;
  esac
  command -v "$tool" >/dev/null || missing+=("$tool") # Debian's packages have these names
done
if [ ${#missing[@]} -gt 0 ]; then
  if ! $install; then
    echo "peers.sh: missing packages: ${missing[*]}; --install installs them with apt" >&2
    exit 4
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >/dev/null
  apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
fi
exec python3 scripts/peers_rounds.py --tools "$tools" "${arguments[@]}"
